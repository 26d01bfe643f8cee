import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { SqliteWorkQueue } from '../../adapters/embedded/small-stores';
import { SqliteViewStore } from '../../adapters/embedded/view-store';
import type { EventStore } from '../../app/engine/ports';
import type { Policy } from '../../app/engine/ports-policy';
import { Transactor } from '../../app/engine/transact';
import { Signals } from '../../app/signals/signals';
import {
  type BatchMetadata,
  handleSignalBatch,
  PARKED_SIGNALS,
  redriveSignal,
  type SignalsInDeps,
} from '../../app/signals/signals-in';
import { toMillis } from '../../domain/kernel/time';
import { trailDecider, type TrailEvent, trailId } from '../../domain/signals/trail';
import { newTenant } from '../support/commits';
import { type Fault, FaultyEventStore, scriptedFaults } from '../support/faults';
import { trailsIn } from '../support/trails';

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
function process({
  events = store,
  policy = { evaluate: () => allow },
}: { events?: EventStore; policy?: Policy } = {}): SignalsInDeps {
  const transactor = new Transactor(events, policy, clock, randomUUID);
  return {
    transactor,
    signals: new Signals(trailsIn(transactor, new SqliteViewStore(database)), clock),
    store: events,
    queue,
    clock,
    report: () => undefined,
    emitted: new Map(),
  };
}

const message = (tenant: string, n: number, location = 'site/7') => ({
  tenant,
  type: 'load_high',
  location,
  strength: n / 1_000,
});

/** Messages with their sequence numbers from `from`, all enqueued at `at`. */
function batch(
  hub: string,
  from: number,
  messages: readonly unknown[],
  partition = '0',
  at = NOW,
): [readonly Buffer[], BatchMetadata] {
  const each = <T>(value: (i: number) => T) => messages.map((_, i) => value(i));
  const bodies = messages.map((message) => (Buffer.isBuffer(message) ? message : Buffer.from(JSON.stringify(message))));
  return [
    bodies,
    { hub, partition, sequences: each((i) => from + i), enqueued: each(() => at), properties: each(() => ({})) },
  ];
}

/** Strengths of the signals of a trail, as they came, by commit. */
async function emissions(tenant: string, location = 'site/7'): Promise<number[][]> {
  const commits = await store.read(`${tenant}/${trailDecider.category}/${trailId('load_high', location)}`, 0, 1_000);
  return commits.map(({ events }) =>
    (events as readonly TrailEvent[]).map(({ data }) => Math.round(data.strength * 1_000)),
  );
}

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const parked = async (hub: string) =>
  (await queue.dead(PARKED_SIGNALS, 1_000)).filter(({ id }) => id.includes(`/${hub}:`));
const idOf = (owner: string, sequence: number, at = NOW) => `${owner}/${hub}:0:${sequence}:${toMillis(at)}`;

const always = (fault: Fault) => new Array<Fault>(60).fill(fault);

let tenant: string;
let hub: string;
beforeEach(() => {
  tenant = newTenant();
  hub = `hub-${tenant}`;
});

test('a batch is one commit for each trail, and says what led to it', async () => {
  await handleSignalBatch(
    ...batch(hub, 5, [message(tenant, 1), message(tenant, 2, 'site/8'), message(tenant, 3)]),
    process(),
  );
  expect([await emissions(tenant), await emissions(tenant, 'site/8')]).toEqual([[[1, 3]], [[2]]]);
  const [commit] = await store.read(`${tenant}/${trailDecider.category}/${trailId('load_high', 'site/7')}`, 0, 1);
  expect(commit?.meta).toMatchObject({
    actor: { id: 'event-hub', kind: 'service' },
    causationId: `${tenant}/intake/${hub}:0@0`,
    depth: 1,
  });
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
test.each(failures)(
  'what was left undone, when append %i %s its answer, is done by the next process, in whatever bounds the batch comes again',
  async (failing, fault) => {
    const all = numbers(1, 9).map((n) => message(tenant, n, `site/${n % 3}`));
    const append = [...new Array<undefined>(failing - 1).fill(undefined), fault, ...always('fails')];
    const broken = process({ events: new FaultyEventStore(store, scriptedFaults({ append })) });
    await handleSignalBatch(...batch(hub, 1, all.slice(0, 4)), broken).catch(() => undefined);
    await handleSignalBatch(...batch(hub, 1, all.slice(0, 7)), broken).catch(() => undefined);
    await handleSignalBatch(...batch(hub, 1, all.slice(0, 2)), process());
    await handleSignalBatch(...batch(hub, 1, all), process());
    const found = await Promise.all([0, 1, 2].map(async (n) => (await emissions(tenant, `site/${n}`)).flat()));
    expect(found).toEqual([
      [3, 6, 9],
      [1, 4, 7],
      [2, 5, 8],
    ]);
  },
);

test('a store that fails has the batch given again', async () => {
  const broken = process({ events: new FaultyEventStore(store, scriptedFaults({ append: always('fails') })) });
  await expect(handleSignalBatch(...batch(hub, 1, [message(tenant, 1)]), broken)).rejects.toThrow();
});

test('two processes with the same partition at once emit nothing twice and lose nothing', async () => {
  const all = numbers(1, 60).map((n) => message(tenant, n));
  const deliver = async (deps: SignalsInDeps, step: number) => {
    for (let from = 0; from < all.length; from += step)
      await handleSignalBatch(...batch(hub, from, all.slice(from, from + step)), deps);
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
  const poison = [
    message(tenant, 1),
    'hello',
    message(tenant, 2),
    { ...message(tenant, 3), strength: 7 },
    Buffer.alloc(0),
    Buffer.from([0xff]),
  ];
  await handleSignalBatch(...batch(hub, 10, poison), process());
  await handleSignalBatch(...batch(hub, 10, poison), process());
  expect(await emissions(tenant)).toEqual([[1, 2]]);
  expect(await parked(hub)).toMatchObject([
    { id: idOf('default', 11), reason: 'a signal must be a JSON object', body: { content: '"hello"' } },
    { id: idOf('default', 14), reason: 'the message is empty' },
    { id: idOf('default', 15), reason: 'the message is not well-formed UTF-8' },
    { id: idOf(tenant, 13), reason: 'strength must be a number from 0 to 1' },
  ]);
});

test('whom the policy refuses is parked', async () => {
  const policy: Policy = { evaluate: () => ({ ...allow, decision: 'deny', reasons: ['not this one'] }) };
  await handleSignalBatch(...batch(hub, 0, [message(tenant, 1)]), process({ policy }));
  expect(await emissions(tenant)).toEqual([]);
  expect((await parked(hub)).map(({ id }) => id)).toEqual([idOf(tenant, 0)]);
});

describe('a parked message', () => {
  test('that is allowed now is taken in once when it is driven again, and is parked no more', async () => {
    let decision: 'allow' | 'deny' = 'deny';
    const deps = process({ policy: { evaluate: () => ({ ...allow, decision }) } });
    const other = newTenant();
    await handleSignalBatch(...batch(hub, 0, [[message(tenant, 1), message(other, 2)]]), deps);
    expect(await redriveSignal(idOf(tenant, 0), deps)).toMatchObject({ code: 'policy-denied' });
    expect((await parked(hub)).map(({ id }) => id).toSorted()).toEqual([idOf(tenant, 0), idOf(other, 0)].toSorted());
    decision = 'allow';
    expect(await redriveSignal(idOf(tenant, 0), deps)).toBe(true);
    expect([await emissions(tenant), await emissions(other)]).toEqual([[[1]], []]);
    expect((await parked(hub)).map(({ id }) => id)).toEqual([idOf(other, 0)]);
    expect(await redriveSignal(idOf(tenant, 0), deps)).toBe(false);
  });

  test('that still says nothing stays parked, with its reason', async () => {
    await handleSignalBatch(...batch(hub, 0, ['hello']), process());
    expect(await redriveSignal(idOf('default', 0), process())).toMatchObject({
      message: 'a signal must be a JSON object',
    });
    expect((await parked(hub)).map(({ reason }) => reason)).toEqual(['a signal must be a JSON object']);
  });

  test('whose stores can’t be reached is not lost', async () => {
    const policy: Policy = { evaluate: () => ({ ...allow, decision: 'deny' }) };
    await handleSignalBatch(...batch(hub, 0, [message(tenant, 1)]), process({ policy }));
    const broken = process({ events: new FaultyEventStore(store, scriptedFaults({ append: always('fails') })) });
    await expect(redriveSignal(idOf(tenant, 0), broken)).rejects.toThrow();
    // It waits for a few seconds.
    const later = { ...process(), clock: { now: () => toMillis(NOW) + 60_000 } };
    await handleSignalBatch(...batch(hub, 1, ['poison']), later);
    expect(await emissions(tenant)).toEqual([[1]]);
  });
});

describe('a hub that was made anew under its name', () => {
  const LATER = '2026-11-22T10:00:00.000Z';

  test('loses no signal, and emits none twice; it is reported once', async () => {
    const reports: string[] = [];
    const deps = { ...process(), report: (text: string) => void reports.push(text) };
    await handleSignalBatch(
      ...batch(
        hub,
        0,
        numbers(1, 9).map((n) => message(tenant, n)),
      ),
      deps,
    );
    const anew = numbers(11, 15).map((n) => message(tenant, n));
    await handleSignalBatch(...batch(hub, 0, anew.slice(0, 2), '0', LATER), deps);
    await handleSignalBatch(...batch(hub, 0, anew, '0', LATER), deps);
    await handleSignalBatch(...batch(hub, 1, anew.slice(1), '0', LATER), process());
    expect((await emissions(tenant)).flat()).toEqual([...numbers(1, 9), ...numbers(11, 15)]);
    expect(reports.filter((text) => text.includes('made anew'))).toHaveLength(1);
  });

  test('parks its messages beside those of the old one', async () => {
    await handleSignalBatch(...batch(hub, 0, ['old']), process());
    await handleSignalBatch(...batch(hub, 0, ['new'], '0', LATER), process());
    expect((await parked(hub)).map(({ id }) => id)).toEqual([idOf('default', 0), idOf('default', 0, LATER)]);
  });
});

test.each<[string, (metadata: BatchMetadata) => BatchMetadata]>([
  ['too few numbers', (metadata) => ({ ...metadata, sequences: [0] })],
  ['too few properties', (metadata) => ({ ...metadata, properties: [{}] })],
  ['too many times', (metadata) => ({ ...metadata, enqueued: [NOW, NOW, NOW] })],
  ['numbers that are none', (metadata) => ({ ...metadata, sequences: [0, NaN] })],
  ['numbers that fall', (metadata) => ({ ...metadata, sequences: [1, 0] })],
])('a batch with %s is refused: nothing of it is taken in, and nothing parked', async (_, spoil) => {
  const [messages, metadata] = batch(hub, 0, [message(tenant, 1), 'poison']);
  await expect(handleSignalBatch(messages, spoil(metadata), process())).rejects.toThrow(RangeError);
  expect([await emissions(tenant), await parked(hub)]).toEqual([[], []]);
});

test('a CloudEvent that comes twice counts once: in one batch, in two, through another partition', async () => {
  const event = (id: string, n: number) => ({
    specversion: '1.0',
    id,
    source: '/sensors',
    type: 'load_high',
    subject: 'site/7',
    tenant,
    data: { strength: n / 1_000 },
  });
  const deps = process();
  await handleSignalBatch(...batch(hub, 0, [event('a', 1), event('a', 1), [event('b', 2), event('b', 2)]]), deps);
  await handleSignalBatch(...batch(hub, 9, [event('b', 2), { ...event('a', 3), source: '/others' }]), deps);
  await handleSignalBatch(...batch(hub, 0, [event('a', 1)], '1'), process());
  expect((await emissions(tenant)).flat()).toEqual([1, 2, 3]);
});
