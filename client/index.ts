/** The package `@formicary/client`: the typed client, and a worker. */
export * from './client';
export type { Log } from './worker/claim';
export { Cancelled, Fail, Release } from './worker/errors';
export type { AskOptions, WorkerTask } from './worker/task';
export type { TaskFunction } from './worker/work';
export { type Bid, type Vote, Worker, type WorkerOptions } from './worker/worker';
