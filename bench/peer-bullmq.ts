/** BullMQ on a Redis that makes every write durable before it answers (`appendfsync always`). */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { freePort } from '../samples/demo/host-process';
import { specOf, typeOf } from './colony';
import { listens, type PeerJobs, type Skipped } from './peer';

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
const RUN_WITHIN_MS = 120_000;

/** Of BullMQ's interface, what is used here. */
export interface Bullmq {
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

/** BullMQ, as it was installed below `packages`. */
export function findBullmq(packages: string): Bullmq | Skipped {
  if (spawnSync('redis-server', ['--version']).status !== 0)
    return { skipped: 'there is no redis-server: install it (on Debian the package redis-server)' };
  if (!existsSync(path.join(packages, 'node_modules/bullmq')))
    return { skipped: `BullMQ is not installed: npm install --prefix ${packages} bullmq@6.7.0 ioredis@5` };
  return createRequire(path.join(packages, 'package.json'))('bullmq') as Bullmq;
}

/** Jobs a second. */
export async function ofBullmq(bullmq: Bullmq, data: string, { warmUp, tasks }: PeerJobs): Promise<number> {
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
  await listens(redis, 'redis-server', port);
  return redis;
}
