/** What is done, and said, while a store is away. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openEmbedded } from '../../adapters/embedded/open';
import { Colony } from '../../app/colony';
import { systemClock } from '../../app/engine/clock';
import { StoreBusy, type StorePorts } from '../../app/engine/ports';
import { reachable } from '../../app/engine/reachable';
import { StoreUnavailable } from '../../app/engine/reachable';
import { Transactor } from '../../app/engine/transact';
import { AtOnce } from '../../app/operation/limits';
import { Metrics } from '../../app/operation/metrics';
import { Readiness } from '../../app/operation/readiness';
import type { Decider } from '../../domain/kernel/decider';
import { ALLOWING } from '../support/policy';
import { NO_TOOLS } from '../support/stage';

const outbound = {
  webhooks: { post: async () => ({ error: 'none' }) },
  mail: undefined,
  secrets: { get: async () => undefined },
  tools: NO_TOOLS,
};

let folder: string;
let stores: StorePorts;
let colony: Colony;
/** What is away now. */
let away: ReadonlySet<keyof StorePorts>;
const reports: string[] = [];

/** The store, of which all calls fail while it is away. */
function failing<T extends object>(name: keyof StorePorts, port: T): T {
  return new Proxy(port, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target);
      if (typeof value !== 'function') return value;
      return (...parameters: unknown[]): unknown =>
        away.has(name) ? Promise.reject(new Error(`${name} is away`)) : Reflect.apply(value, target, parameters);
    },
  });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-outage-'));
  away = new Set();
  stores = await openEmbedded(folder);
  const ports = {
    ...stores,
    store: failing('store', stores.store),
    views: failing('views', stores.views),
    queue: failing('queue', stores.queue),
    outbound,
    policy: ALLOWING,
    clock: systemClock,
    report: (message: string) => void reports.push(message),
  };
  colony = new Colony(ports);
  await colony.start();
});
afterEach(() => void (away = new Set()));
afterAll(async () => {
  await colony.stop();
  rmSync(folder, { recursive: true });
});

test('lists and receipts say the same as writes: the store can’t be reached', async () => {
  away = new Set(['store', 'views', 'queue']);
  await expect(colony.tasks.list('default', {}, 10)).rejects.toThrow(StoreUnavailable);
  await expect(colony.receipts.page('default', undefined, 10, {})).rejects.toThrow(StoreUnavailable);
  await expect(colony.receipts.stream('default/task/1', 0, 10)).rejects.toThrow(StoreUnavailable);
  await expect(colony.feed.parked('views', 10)).rejects.toThrow(StoreUnavailable);
});

test('what a store says of itself stays as it is', async () => {
  const busy = new StoreBusy('too much', 1_000);
  const port = reachable('the port', {
    name: 'x',
    busy: () => Promise.reject(busy),
    none: () => Promise.reject(new RangeError('no such place')),
    gone: () => Promise.reject(new Error('reset')),
    twice: async (n: number) => n * 2,
  });
  await expect(port.busy()).rejects.toBe(busy);
  await expect(port.none()).rejects.toThrow(RangeError);
  await expect(port.gone()).rejects.toThrow("the port can't be reached: reset");
  expect([port.name, await port.twice(2)]).toEqual(['x', 4]);
});

test('metrics leave out what can’t be read, count it, and show the rest', async () => {
  const metrics = new Metrics(colony);
  expect((await metrics.text()).body).toContain('# TYPE formicary_feed_lag_commits gauge');
  away = new Set(['views', 'queue', 'store']);
  const { body } = await metrics.text();
  expect(body).not.toContain('# TYPE formicary_approvals_waiting gauge');
  expect(body).toContain('# TYPE formicary_open_tasks gauge');
  expect(body).toMatch(/^formicary_metrics_unread_total\{metric="formicary_approvals_waiting"\} 1$/m);
  expect((await metrics.families()).map(({ name }) => name)).toEqual(
    expect.not.arrayContaining(['formicary_approvals_waiting']),
  );
  away = new Set();
  expect((await metrics.text()).body).toContain('# TYPE formicary_approvals_waiting gauge');
});

test('readiness tells what is needed from what only delays', async () => {
  const checks = async () =>
    Object.fromEntries(
      (
        await new Readiness({ store: async () => (away.has('store') ? 'away' : undefined) }, systemClock, {
          queues: async () => (away.has('queue') ? 'away' : undefined),
        }).look()
      ).map(({ check, ok, delays }) => [check, [ok, delays]]),
    );
  expect(await checks()).toEqual({ store: [true, undefined], queues: [true, true] });
  away = new Set(['queue']);
  expect(await checks()).toEqual({ store: [true, undefined], queues: [false, true] });
  expect((await colony.readiness.look()).find(({ check }) => check === 'queues')).toMatchObject({
    ok: false,
    delays: true,
    reason: expect.stringContaining('queue is away') as string,
  });
});

test('a deadline that is handed over while a store is away waits for it, and is looked at as soon as it is back', async () => {
  away = new Set(['store']);
  let done = false;
  const fired = colony
    .fire({ stream: 'default/task/none', reason: 'bids', due: new Date().toISOString() })
    .then(() => (done = true));
  await new Promise((resolve) => setTimeout(resolve, 600));
  expect(done).toBe(false);
  away = new Set();
  await fired;
  expect(reports).toContain('a deadline waits for a store');
});

test('a write waits for a few seconds, all attempts together', async () => {
  const decider: Decider<number, { type: 'Counted'; v: 1; data: Record<string, never> }> = {
    category: 'count',
    version: 1,
    initial: 0,
    evolve: (count) => count + 1,
  };
  const silent = {
    ...stores.store,
    append: () => new Promise<never>(() => {}),
    head: async () => undefined,
    snapshot: async () => undefined,
    read: async () => [],
  };
  const transactor = new Transactor(silent, ALLOWING, systemClock, randomUUID);
  const principal = { tenant: 'default', id: 'a', kind: 'human', level: 'critical' } as const;
  const started = performance.now();
  const failed = expect(
    transactor.transact(decider, 'default/count/1', () => [{ type: 'Counted', v: 1, data: {} }] as const, {
      principal,
      action: 'count',
    }),
  ).rejects.toThrow(StoreUnavailable);
  // It is late while it is awaited, the more the longer, and not only when it has ended.
  await sleep(20);
  const first = transactor.takeAppends().seconds;
  await sleep(20);
  const second = transactor.takeAppends().seconds;
  expect(first).toBeGreaterThan(0);
  expect(second).toBeGreaterThan(first);
  await failed;
  expect(performance.now() - started).toBeGreaterThan(4_000);
});

test('a caller has so many streams at once; whoever leaves, or is left, makes room', () => {
  const streams = new AtOnce(2);
  const gone = new AbortController();
  const stays = new AbortController().signal;
  const first = streams.enter('a', gone.signal);
  const second = streams.enter('a', stays);
  expect([streams.enter('a', stays), typeof streams.enter('b', stays)]).toEqual([undefined, 'function']);
  second?.();
  second?.();
  expect(streams.enter('a', stays)).toBeDefined();
  expect(streams.enter('a', stays)).toBeUndefined();
  gone.abort();
  first?.();
  expect(streams.enter('a', stays)).toBeDefined();
  expect(streams.enter('a', stays)).toBeUndefined();
});
