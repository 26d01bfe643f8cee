/**
 * The same work as the life cycle in process, as far as a peer does it, in the same run and on the same disk: BullMQ on
 * a Redis that makes every write durable before it answers (`appendfsync always`). Neither is a dependency: whoever
 * wants the comparison installs both, else it is left out with a word on what is missing.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import path from 'node:path';
import { freePort } from '../samples/demo/host-process';
import { openBenchColony, registerAgents, specOf, typeOf } from './colony';
import { runLifecycle } from './lifecycle';
import { median, pause } from './measure';

export interface PeerSettings {
  readonly agents: number;
  readonly warmUp: number;
  readonly tasks: number;
  /** Runs of each, in turn; the median counts. */
  readonly rounds: number;
}

export interface PeerRuns {
  /** Median. */
  readonly tasksPerSecond: number;
  readonly runs: readonly number[];
}

export interface PeerReport {
  readonly tasks: number;
  readonly formicary: PeerRuns;
  readonly bullmq: PeerRuns | { readonly skipped: string };
  /** Tasks of Formicary for each of the peer; null where the peer was left out. */
  readonly ofBullmq: number | null;
}

/** What a task has here, and a job there has not. */
export const NOT_IN_BULLMQ = [
  'bids, and a choice among agents by capability, load and success',
  'slots of agents (a worker takes as many jobs as its own setting says)',
  'fencing: a number of each award, by which a late result is refused',
  'receipts: who decided what and why, hashed and chained',
  'views to list and filter by, and a log that is read again',
] as const;

const BATCH = 50;
/** As many jobs at once as agents have slots would be none of its strengths: its own guides say tens. */
const WORKERS = 2;
const CONCURRENCY = 64;
const READY_WITHIN_MS = 10_000;
const RUN_WITHIN_MS = 120_000;

/** Of BullMQ's interface, what is used here. */
interface Bullmq {
  readonly Queue: new (
    name: string,
    options: object,
  ) => {
    addBulk(jobs: readonly { name: string; data: unknown }[]): Promise<unknown>;
    close(): Promise<void>;
  };
  readonly Worker: new (
    name: string,
    work: () => Promise<unknown>,
    options: object,
  ) => {
    on(event: 'completed' | 'error' | 'failed', listener: (...values: unknown[]) => void): unknown;
    close(): Promise<void>;
  };
}

/** @param packages the folder into which BullMQ was installed */
export async function benchPeers(folder: string, packages: string, settings: PeerSettings): Promise<PeerReport> {
  const bullmq = findBullmq(packages);
  const formicary: number[] = [];
  const others: number[] = [];
  for (let round = 0; round < settings.rounds; round += 1) {
    formicary.push(await ofFormicary(path.join(folder, 'peer-formicary'), settings));
    if (!('skipped' in bullmq)) others.push(await ofBullmq(bullmq, path.join(folder, 'peer-redis'), settings));
  }
  const own = runsOf(formicary);
  const peer = 'skipped' in bullmq ? bullmq : runsOf(others);
  return {
    tasks: settings.tasks,
    formicary: own,
    bullmq: peer,
    ofBullmq: 'skipped' in peer ? null : own.tasksPerSecond / peer.tasksPerSecond,
  };
}

function runsOf(runs: readonly number[]): PeerRuns {
  return { tasksPerSecond: median(runs), runs };
}

function findBullmq(packages: string): Bullmq | { readonly skipped: string } {
  if (spawnSync('redis-server', ['--version']).status !== 0)
    return { skipped: 'there is no redis-server: install it (on Debian the package redis-server)' };
  if (!existsSync(path.join(packages, 'node_modules/bullmq')))
    return { skipped: `BullMQ is not installed: npm install --prefix ${packages} bullmq@6.7.0 ioredis@5` };
  return createRequire(path.join(packages, 'package.json'))('bullmq') as Bullmq;
}

async function ofFormicary(data: string, { agents, warmUp, tasks }: PeerSettings): Promise<number> {
  const colony = await openBenchColony(data);
  try {
    await registerAgents(colony, agents);
    await runLifecycle(colony, warmUp);
    return (await runLifecycle(colony, tasks)).tasksPerSecond;
  } finally {
    await colony.stop();
    rmSync(data, { recursive: true, force: true });
  }
}

async function ofBullmq(bullmq: Bullmq, data: string, { warmUp, tasks }: PeerSettings): Promise<number> {
  mkdirSync(data, { recursive: true });
  const port = await freePort();
  const redis = await startRedis(data, port);
  try {
    await drained(bullmq, port, 'warm', warmUp);
    return await drained(bullmq, port, 'measured', tasks);
  } finally {
    const ended = once(redis, 'exit');
    redis.kill();
    await ended;
    rmSync(data, { recursive: true, force: true });
  }
}

/** Jobs are added in batches while workers in this process complete them; all stay, as receipts do. Jobs a second. */
async function drained({ Queue, Worker }: Bullmq, port: number, name: string, jobs: number): Promise<number> {
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
  const queue = new Queue(name, { connection });
  const done = Promise.withResolvers<void>();
  let completed = 0;
  const workers = Array.from({ length: WORKERS }, () => {
    const worker = new Worker(name, async () => ({ ok: true }), { connection, concurrency: CONCURRENCY });
    worker.on('completed', () => {
      completed += 1;
      if (completed === jobs) done.resolve();
    });
    worker.on('failed', (_, error) => done.reject(error));
    worker.on('error', (error) => done.reject(error));
    return worker;
  });
  const late = setTimeout(
    () => done.reject(new Error(`${jobs - completed} jobs of BullMQ are not completed`)),
    RUN_WITHIN_MS,
  );
  try {
    const started = performance.now();
    const added = (async () => {
      for (let n = 0; n < jobs; n += BATCH)
        await queue.addBulk(
          Array.from({ length: Math.min(BATCH, jobs - n) }, (_, i) => ({ name: typeOf(n + i), data: specOf(n + i) })),
        );
    })();
    await Promise.all([added, done.promise]);
    return jobs / ((performance.now() - started) / 1_000);
  } finally {
    clearTimeout(late);
    await Promise.all(workers.map((worker) => worker.close()));
    await queue.close();
  }
}

async function startRedis(data: string, port: number): Promise<ChildProcess> {
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
  const redis = spawn('redis-server', ['--bind', '127.0.0.1', '--port', String(port), '--dir', data, ...durable], {
    stdio: 'ignore',
  });
  for (const until = performance.now() + READY_WITHIN_MS; performance.now() < until; await pause(20)) {
    if (redis.exitCode !== null) throw new Error(`redis-server ended with ${redis.exitCode}`);
    if (await answers(port)) return redis;
  }
  redis.kill();
  throw new Error('redis-server did not start');
}

/** Whether somebody listens there. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
