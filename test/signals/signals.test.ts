import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Database } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { SqliteViewStore } from '../../adapters/embedded/view-store';
import type { EventStore, ViewRow } from '../../app/engine/ports';
import type { Policy } from '../../app/engine/ports-policy';
import { Transactor } from '../../app/engine/transact';
import { type SignalInput, type SignalOutcome, type SignalReceipt, Signals } from '../../app/signals/signals';
import { parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { plusSeconds, toMillis } from '../../domain/kernel/time';
import type { PolicyRequest } from '../../domain/policy/asking';
import { type Emission, trailDecider, type TrailEvent, trailId } from '../../domain/signals/trail';
import { viewName } from '../../projections/projection';
import { trails } from '../../projections/signals/trails';
import { newTenant } from '../support/commits';
import { FaultyEventStore, scriptedFaults } from '../support/faults';
import { trailsIn } from '../support/trails';

const NOW = '2026-11-21T10:00:00.000Z';
const allow = { bundle: 'b', input: 'i', decision: 'allow', reasons: [] } as const;

let folder: string;
let database: Database;
let store: SqliteEventStore;
let views: SqliteViewStore;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-'));
  database = await Database.open(folder);
  store = await SqliteEventStore.open(database);
  views = new SqliteViewStore(database);
  await views.declare(viewName(trails), trails.fields);
});

afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

/** A tenant of its own, with a clock that stands until it is moved. */
function field({ events = store, policy = { evaluate: () => allow } }: { events?: EventStore; policy?: Policy } = {}) {
  const tenant = newTenant();
  const clock = { time: toMillis(NOW), now: () => clock.time };
  const transactor = new Transactor(events, policy, clock, randomUUID);
  const signals = new Signals(trailsIn(transactor, views), clock);
  const principal = (id: string, changes: Partial<Principal> = {}): Principal => ({
    tenant,
    id,
    kind: 'agent',
    level: 'read_write',
    ...changes,
  });
  const ant = { principal: principal('ant-1') };
  const stream = (type: string, location: string) => `${tenant}/trail/${trailId(type, location)}`;
  const load = async (type: string, location: string) =>
    (await transactor.load(trailDecider, stream(type, location))).state;
  return { tenant, clock, transactor, signals, principal, ant, stream, load };
}

const signal = (changes: Partial<SignalInput> = {}): SignalInput => ({
  type: 'load_high',
  location: 'a/b',
  strength: 0.25,
  decay_rate: 0.1,
  ...changes,
});
const strengths = (outcomes: readonly SignalOutcome[]) =>
  outcomes.map((outcome) => (outcome.ok ? outcome.strength : outcome.rejection.code));

async function commitsOf(stream: string) {
  return await store.read(stream, 0, 1_000);
}

test('each signal is answered in its order, with the receipt that holds it', async () => {
  const { signals, ant, stream } = field();
  const answers = await signals.emit(ant, [
    signal(),
    signal({ location: 'a/c', strength: 0.7 }),
    signal(),
    signal({ type: 'expertise' }),
  ]);
  const [b, c, expertise] = await Promise.all(
    [stream('load_high', 'a/b'), stream('load_high', 'a/c'), stream('expertise', 'a/b')].map(commitsOf),
  );
  expect([b?.length, c?.length, expertise?.length]).toEqual([1, 1, 1]);
  expect(answers).toEqual([
    {
      ok: true,
      type: 'load_high',
      location: 'a/b',
      strength: 0.25,
      stream: b?.[0]?.stream,
      version: 0,
      hash: b?.[0]?.hash,
    },
    {
      ok: true,
      type: 'load_high',
      location: 'a/c',
      strength: 0.7,
      stream: c?.[0]?.stream,
      version: 0,
      hash: c?.[0]?.hash,
    },
    {
      ok: true,
      type: 'load_high',
      location: 'a/b',
      strength: 0.5,
      stream: b?.[0]?.stream,
      version: 0,
      hash: b?.[0]?.hash,
    },
    {
      ok: true,
      type: 'expertise',
      location: 'a/b',
      strength: 0.25,
      stream: expertise?.[0]?.stream,
      version: 0,
      hash: expertise?.[0]?.hash,
    },
  ]);
  expect(b?.[0]).toMatchObject({
    meta: { actor: { id: 'ant-1', kind: 'agent' }, action: 'signal.emit' },
    events: [{ type: 'SignalEmitted', data: { emitter_agent: 'ant-1', timestamp: NOW } }, { type: 'SignalReinforced' }],
  });
  expect(await signals.emit(ant, [])).toEqual([]);
});

test('what one principal emits while a commit is under way goes out as one commit', async () => {
  const { signals, ant, stream } = field();
  const faint = signal({ strength: 0.002 });
  const answers = await Promise.all(Array.from({ length: 300 }, () => signals.emit(ant, [faint])));
  const commits = await commitsOf(stream('load_high', 'a/b'));
  expect(commits.map(({ events }) => events.length)).toEqual([1, 256, 43]);
  expect(strengths(answers.flat())).toEqual(Array.from({ length: 300 }, (_, i) => ((i + 1) * 2) / 1_000));
  expect(answers.map(([answer]) => (answer as SignalReceipt).version)).toEqual([
    0,
    ...new Array<number>(256).fill(1),
    ...new Array<number>(43).fill(2),
  ]);
});

test('callers are not merged: each commit names its own', async () => {
  const { signals, principal, stream } = field();
  const callers = [principal('ant-1'), principal('ant-2'), principal('ant-1', { level: 'execute' })];
  await Promise.all(
    [...callers, ...callers, ...callers].map((caller) => signals.emit({ principal: caller }, [signal()])),
  );
  const commits = await commitsOf(stream('load_high', 'a/b'));
  expect(commits.map(({ meta, events }) => [meta.actor.id, events.length])).toEqual(
    ['ant-1', 'ant-2', 'ant-1', 'ant-1', 'ant-2', 'ant-1'].map((id, i) => [id, i < 3 ? 1 : 2]),
  );
  expect(
    commits.every(({ meta, events }) => events.every(({ data }) => (data as Emission).emitter_agent === meta.actor.id)),
  ).toBe(true);
});

test('a large batch is parted, and so is its key; the longest names fit', async () => {
  const { signals, principal } = field();
  const context = { principal: principal(`a${'b'.repeat(127)}`), command: { key: 'key-1', hash: 'h' } };
  const batch = new Array<SignalInput>(600).fill(
    signal({ type: `t${'z'.repeat(63)}`, location: `x/${'y'.repeat(254)}`, strength: 1 / 700, decay_rate: 1 / 3 }),
  );
  const first = await signals.emit(context, batch);
  const { stream } = first[0] as SignalReceipt;
  const commits = await commitsOf(stream);
  expect(commits.map(({ events, meta }) => [events.length, meta.commandId])).toEqual([
    [256, 'key-1'],
    [256, 'key-1#2'],
    [88, 'key-1#3'],
  ]);
  expect(await signals.emit(context, batch)).toEqual(first);
  expect(await commitsOf(stream)).toHaveLength(3);
  expect(
    strengths(await signals.emit({ ...context, command: { key: 'key-1', hash: 'other' } }, batch.slice(0, 1))),
  ).toEqual(['idempotency-key-reused']);
});

test('a refused signal does not keep the others back', async () => {
  const { signals, ant, principal } = field();
  const batch = [
    signal(),
    signal({ strength: 2 }),
    signal({ emitter_agent: 'ant-2' }),
    signal({ emitter_agent: 'ant-1' }),
  ];
  expect(strengths(await signals.emit(ant, batch))).toEqual([0.25, 'signal-invalid', 'emitter-mismatch', 0.5]);
  expect(
    strengths(
      await signals.emit({ principal: principal('hub', { kind: 'service' }) }, [signal({ emitter_agent: 'ant-2' })]),
    ),
  ).toEqual([0.75]);
});

test('the policy is asked for each caller and trail', async () => {
  const asked: PolicyRequest[] = [];
  const policy: Policy = {
    evaluate(input) {
      asked.push(input);
      return input.attributes?.location === 'a/secret' ? { ...allow, decision: 'deny', reasons: ['not there'] } : allow;
    },
  };
  const { signals, ant, stream } = field({ policy });
  expect(
    strengths(await signals.emit(ant, [signal({ location: 'a/secret' }), signal(), signal({ location: 'a/secret' })])),
  ).toEqual(['policy-denied', 0.25, 'policy-denied']);
  expect(asked).toEqual(
    ['a/secret', 'a/b'].map((location) => ({
      principal: ant.principal,
      action: 'signal.emit',
      resource: stream('load_high', location),
      now: expect.any(Number),
      attributes: { type: 'load_high', location },
    })),
  );
});

test('when the store fails each signal says so, and the trail goes on after', async () => {
  const { signals, ant } = field({
    events: new FaultyEventStore(store, scriptedFaults({ append: ['fails', 'fails', 'fails', 'fails'] })),
  });
  const answers = await Promise.all([signals.emit(ant, [signal(), signal()]), signals.emit(ant, [signal()])]);
  expect(answers.map(strengths)).toEqual([['store-unavailable', 'store-unavailable'], [0.25]]);
  expect(answers[0]?.[0]).toMatchObject({ ok: false, rejection: { kind: 'unavailable' } });
  expect(strengths(await signals.emit(ant, [signal()]))).toEqual([0.5]);
});

test('a defect reaches whoever waits, and the trail goes on after', async () => {
  let broken = true;
  const policy: Policy = {
    evaluate() {
      if (broken) throw new Error('defect');
      return allow;
    },
  };
  const { signals, ant } = field({ policy });
  const answers = await Promise.allSettled([signals.emit(ant, [signal()]), signals.emit(ant, [signal()])]);
  expect(answers).toMatchObject([
    { status: 'rejected', reason: { message: 'defect' } },
    { status: 'rejected', reason: { message: 'defect' } },
  ]);
  broken = false;
  expect(strengths(await signals.emit(ant, [signal()]))).toEqual([0.25]);
});

test('a trail is read as it is, and as it was', async () => {
  const { signals, ant, clock, tenant, stream } = field();
  expect(await signals.trail(tenant, 'load_high', 'a/b')).toBeUndefined();
  await signals.emit(ant, [signal({ strength: 0.5 })]);
  clock.time += 120_000;
  const [second] = await signals.emit(ant, [signal({ strength: 0.5 })]);
  clock.time += 60_000;
  expect(await signals.trail(tenant, 'load_high', 'a/b')).toEqual({
    type: 'load_high',
    location: 'a/b',
    strength: 0.8145,
    decay_rate: 0.1,
    emitter_agent: 'ant-1',
    emissions: 2,
    reinforced_at: plusSeconds(NOW, 120),
    gone_at: expect.stringMatching(/^2026-11-21T10:4/),
    stream: stream('load_high', 'a/b'),
    version: 1,
    hash: (second as SignalReceipt).hash,
  });
  expect(await signals.trail(tenant, 'load_high', 'a/b', plusSeconds(NOW, 60))).toMatchObject({
    strength: 0.45,
    emissions: 1,
    version: 0,
  });
  expect(await signals.trail(tenant, 'load_high', 'a/b', plusSeconds(NOW, -1))).toBeUndefined();
  expect(await signals.trail(newTenant(), 'load_high', 'a/b')).toBeUndefined();
});

test('the field is the view that serves, at this time', async () => {
  const { signals, ant, clock, tenant, transactor } = field();
  let serving = viewName(trails);
  const perceived = new Signals(
    trailsIn(transactor, views, () => serving),
    clock,
  );
  const [b, c, ab] = await signals.emit(ant, [
    signal({ strength: 0.9, decay_rate: 0.5 }),
    signal({ location: 'a/c', strength: 0.4, decay_rate: 0 }),
    signal({ location: 'ab' }),
  ]);
  for (const { stream, version } of [b, c, ab] as SignalReceipt[]) {
    const { state } = await transactor.load(trailDecider, stream);
    await views.put(viewName(trails), [
      trails.row({ ...parseStream(stream), stream, version, at: NOW }, state) as ViewRow,
    ]);
  }
  const found = async () =>
    (await perceived.field(tenant, { location: 'a', limit: 10 })).trails.map(({ location, strength }) => [
      location,
      strength,
    ]);
  expect(await found()).toEqual([
    ['a/b', 0.9],
    ['a/c', 0.4],
  ]);
  clock.time += 120_000;
  expect(await found()).toEqual([
    ['a/c', 0.4],
    ['a/b', 0.225],
  ]);
  expect((await signals.field(tenant, { limit: 10 })).trails).toHaveLength(3);
  serving = 'trails.v1.1';
  await views.declare(serving, trails.fields);
  expect(await found()).toEqual([]);
});

test('however emissions come together, replay equals live, and nothing is lost or counted twice', async () => {
  const emission = fc.record({
    ant: fc.constantFrom('ant-1', 'ant-2'),
    key: fc.option(fc.constantFrom('k1', 'k2', 'k3'), { nil: undefined }),
    locations: fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 4 }),
    pause: fc.boolean(),
    wait: fc.integer({ min: 0, max: 90_000 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(emission, { minLength: 1, maxLength: 20 }), async (emissions) => {
      const { signals, clock, principal, stream, load, transactor } = field();
      const answers: Promise<readonly SignalOutcome[]>[] = [];
      const once = new Map<string, readonly string[]>();
      const expected = { a: 0, b: 0 } as Record<string, number>;
      for (const [n, { ant, key, locations, pause, wait }] of emissions.entries()) {
        const name = key === undefined ? String(n) : `${ant} ${key}`;
        const places = once.get(name) ?? locations;
        if (!once.has(name)) for (const place of places) expected[place] = (expected[place] ?? 0) + 1;
        once.set(name, places);
        const command = key === undefined ? undefined : { key, hash: key };
        answers.push(
          signals.emit(
            { principal: principal(ant), command },
            places.map((location) => signal({ location, strength: 0.03 })),
          ),
        );
        clock.time += wait;
        if (pause) await answers.at(-1);
      }
      const receipts = (await Promise.all(answers)).flat() as SignalReceipt[];
      expect(receipts.every(({ ok, strength }) => ok && strength > 0 && strength <= 1)).toBe(true);
      for (const place of ['a', 'b']) {
        const commits = await commitsOf(stream('load_high', place));
        const live = await load('load_high', place);
        const cold = await new Transactor(store, { evaluate: () => allow }, clock, randomUUID).load(
          trailDecider,
          stream('load_high', place),
        );
        const replayed = commits.reduce(
          (state, commit) =>
            commit.events.reduce(
              (folded, event) => trailDecider.evolve(folded, event as TrailEvent, { ...commit, correlationId: '' }),
              state,
            ),
          trailDecider.initial,
        );
        expect(replayed).toEqual(live);
        expect(cold.state).toEqual(live);
        expect(live.emissions).toBe(expected[place]);
        expect(commits.every(({ index, previousHash }) => previousHash === (commits[index - 1]?.hash ?? null))).toBe(
          true,
        );
        expect(transactor.peek(stream('load_high', place))?.version ?? -1).toBe(commits.length - 1);
      }
    }),
    { numRuns: 40 },
  );
});
