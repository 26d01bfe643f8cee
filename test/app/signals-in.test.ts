import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { SqliteWorkQueue } from '../../adapters/embedded/small-stores';
import { SqliteViewStore } from '../../adapters/embedded/view-store';
import type { EventStore, Policy } from '../../app/ports';
import { Signals } from '../../app/signals';
import { PARKED_SIGNALS, handleSignalBatch, type BatchMetadata, type SignalsInDeps } from '../../app/signals-in';
import { Transactor } from '../../app/transact';
import { toMillis } from '../../domain/kernel/time';
import { trailDecider, trailId, type TrailEvent } from '../../domain/trail';
import { newTenant } from '../support/commits';
import { FaultyEventStore, scriptedFaults, type Fault } from '../support/faults';

const NOW = '2026-11-21T10:00:00.000Z';
const allow = { bundle: 'b', input: 'i', decision: 'allow', reasons: [] } as const;
const clock = { now: () => toMillis(NOW) };

let folder: string;
let database: Database;
let store: SqliteEventStore;
let queue: SqliteWorkQueue;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-'));
  database = await Database.open(folder);
  store = await SqliteEventStore.open(database);
  queue = await SqliteWorkQueue.open(database);
});

afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

/** A process that takes in signals. */
function process({ events = store, policy = { evaluate: () => allow } }: { events?: EventStore; policy?: Policy } = {}): SignalsInDeps {
  const transactor = new Transactor(events, policy, clock, randomUUID);
  return { transactor, signals: new Signals(transactor, new SqliteViewStore(database), clock), store: events, queue, clock, report: () => undefined, emitted: new Map() };
}

const message = (tenant: string, n: number, location = 'site/7') => ({ tenant, type: 'load_high', location, strength: n / 1_000 });

/** Messages with their sequence numbers from `from`. */
function batch(hub: string, from: number, messages: readonly unknown[], partition = '0'): [readonly unknown[], BatchMetadata] {
  const each = <T>(value: (i: number) => T) => messages.map((_, i) => value(i));
  return [messages, { hub, partition, sequences: each((i) => from + i), enqueued: each(() => NOW), properties: each(() => ({})) }];
}

/** Strengths of the signals of a trail, as they came, by commit. */
async function emissions(tenant: string, location = 'site/7'): Promise<number[][]> {
  const commits = await store.read(`${tenant}/${trailDecider.category}/${trailId('load_high', location)}`, 0, 1_000);
  return commits.map(({ events }) => (events as readonly TrailEvent[]).map(({ data }) => Math.round(data.strength * 1_000)));
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const parked = async (hub: string) => (await queue.dead(PARKED_SIGNALS, 1_000)).filter(({ id }) => id.startsWith(`${hub}:`));

const always = (fault: Fault) => new Array<Fault>(60).fill(fault);

let tenant: string;
let hub: string;
beforeEach(() => {
  tenant = newTenant();
  hub = `hub-${tenant}`;
});

test('a batch is one commit for each trail, and says what led to it', async () => {
  await handleSignalBatch(...batch(hub, 5, [message(tenant, 1), message(tenant, 2, 'site/8'), message(tenant, 3)]), process());
  expect([await emissions(tenant), await emissions(tenant, 'site/8')]).toEqual([[[1, 3]], [[2]]]);
  const [commit] = await store.read(`${tenant}/${trailDecider.category}/${trailId('load_high', 'site/7')}`, 0, 1);
  expect(commit?.meta).toMatchObject({ actor: { id: 'event-hub', kind: 'service' }, causationId: `${tenant}/intake/${hub}:0@0`, depth: 1 });
});

test('a redelivery in other bounds, by this process and by another, emits nothing twice', async () => {
  const all = numbers(1, 40).map((n) => message(tenant, n));
  const first = process();
  await handleSignalBatch(...batch(hub, 1, all.slice(0, 10)), first);
  await handleSignalBatch(...batch(hub, 1, all.slice(0, 10)), first);
  await handleSignalBatch(...batch(hub, 6, all.slice(5, 25)), first);
  await handleSignalBatch(...batch(hub, 1, all.slice(0, 3)), process());
  await handleSignalBatch(...batch(hub, 3, all.slice(2)), process());
  expect(await emissions(tenant)).toEqual([numbers(1, 10), numbers(11, 25), numbers(26, 40)]);
});

test('partitions of a hub count for themselves', async () => {
  const deps = process();
  await handleSignalBatch(...batch(hub, 0, [message(tenant, 1)], '0'), deps);
  await handleSignalBatch(...batch(hub, 0, [message(tenant, 2)], '1'), deps);
  expect(await emissions(tenant)).toEqual([[1], [2]]);
});

const failures = [1, 2, 3, 4, 5, 6, 7].flatMap((append) => [[append, 'fails'] as const, [append, 'loses'] as const]);
test.each(failures)('what was left undone, when append %i %s its answer, is done by the next process, in whatever bounds the batch comes again', async (failing, fault) => {
  const all = numbers(1, 9).map((n) => message(tenant, n, `site/${n % 3}`));
  const append = [...new Array<undefined>(failing - 1).fill(undefined), fault, ...always('fails')];
  const broken = process({ events: new FaultyEventStore(store, scriptedFaults({ append })) });
  await handleSignalBatch(...batch(hub, 1, all.slice(0, 4)), broken).catch(() => undefined);
  await handleSignalBatch(...batch(hub, 1, all.slice(0, 7)), broken).catch(() => undefined);
  await handleSignalBatch(...batch(hub, 1, all.slice(0, 2)), process());
  await handleSignalBatch(...batch(hub, 1, all), process());
  const found = await Promise.all([0, 1, 2].map(async (n) => (await emissions(tenant, `site/${n}`)).flat()));
  expect(found).toEqual([[3, 6, 9], [1, 4, 7], [2, 5, 8]]);
});

test('a store that fails has the batch given again', async () => {
  const broken = process({ events: new FaultyEventStore(store, scriptedFaults({ append: always('fails') })) });
  await expect(handleSignalBatch(...batch(hub, 1, [message(tenant, 1)]), broken)).rejects.toThrow();
});

test('two processes with the same partition at once emit nothing twice and lose nothing', async () => {
  const all = numbers(1, 60).map((n) => message(tenant, n));
  const deliver = async (deps: SignalsInDeps, step: number) => {
    for (let from = 0; from < all.length; from += step) await handleSignalBatch(...batch(hub, from, all.slice(from, from + step)), deps);
  };
  await Promise.all([deliver(process(), 7), deliver(process(), 10)]);
  expect((await emissions(tenant)).flat()).toEqual(numbers(1, 60));
});

test('a large batch is parted, a message never', async () => {
  const many = Array.from({ length: 3 }, (_, i) => Array.from({ length: 100 }, () => message(tenant, i + 1)));
  await handleSignalBatch(...batch(hub, 0, many), process());
  expect((await emissions(tenant)).map(({ length }) => length)).toEqual([200, 100]);
});

test('tenants are taken in apart', async () => {
  const other = newTenant();
  await handleSignalBatch(...batch(hub, 0, [[message(tenant, 1), message(other, 2)], message(tenant, 3)]), process());
  expect([await emissions(tenant), await emissions(other)]).toEqual([[[1, 3]], [[2]]]);
});

test('poison is parked, each message alone and once; the others go on', async () => {
  const poison = [message(tenant, 1), 'hello', message(tenant, 2), { ...message(tenant, 3), strength: 7 }, null];
  await handleSignalBatch(...batch(hub, 10, poison), process());
  await handleSignalBatch(...batch(hub, 10, poison), process());
  expect(await emissions(tenant)).toEqual([[1, 2]]);
  expect(await parked(hub)).toMatchObject([
    { id: `${hub}:0:11`, reason: 'a signal must be a JSON object', body: { content: 'hello' } },
    { id: `${hub}:0:13`, reason: 'strength must be a number from 0 to 1' },
    { id: `${hub}:0:14`, body: { content: 'null' } },
  ]);
});

test('whom the policy refuses is parked', async () => {
  const policy: Policy = { evaluate: () => ({ ...allow, decision: 'deny', reasons: ['not this one'] }) };
  await handleSignalBatch(...batch(hub, 0, [message(tenant, 1)]), process({ policy }));
  expect(await emissions(tenant)).toEqual([]);
  expect((await parked(hub)).map(({ id }) => id)).toEqual([`${hub}:0:0`]);
});
