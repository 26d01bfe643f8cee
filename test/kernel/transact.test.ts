import { setTimeout as sleep } from 'node:timers/promises';
import { KEY_WINDOW_MS, type Snapshot, StoreBusy } from '../../app/engine/ports';
import {
  type Accepted,
  type Cause,
  causeOf,
  commandHash,
  type Committed,
  MAX_CAUSATION_DEPTH,
  type Outcome,
  settled,
  StoreUnavailable,
  type Transactor,
} from '../../app/engine/transact';
import { denialStream } from '../../domain/audit/denial';
import {
  AlteredReceipt,
  canonicalize,
  ChainVerifier,
  type Commit,
  MAX_COMMIT_BYTES,
  sha256,
} from '../../domain/kernel/commit';
import type { Decider } from '../../domain/kernel/decider';
import type { Rejection } from '../../domain/kernel/decider';
import { toMillis } from '../../domain/kernel/time';
import { EPOCH } from '../support/commits';
import { FaultyEventStore, scriptedFaults, StoreFault } from '../support/faults';
import { MemoryEventStore } from '../support/memory-store';
import {
  add,
  AGENT,
  ALLOW,
  asking,
  fill,
  keyed,
  ManualClock,
  ScriptedPolicy,
  take,
  type Tally,
  tally,
  type TallyEvent,
  transactorOn,
} from '../support/transacting';

jest.setTimeout(60_000); // other work shares the machine

const STREAM = 'acme/tally/1';
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

function accepted(outcome: Outcome<Tally, TallyEvent>): Accepted<Tally, TallyEvent> & { readonly commit: Commit } {
  if (!outcome.ok) throw new Error(`refused: ${outcome.rejection.code}`);
  return outcome as Accepted<Tally, TallyEvent> & { readonly commit: Commit };
}

function refused(outcome: Outcome<Tally, TallyEvent>): Rejection {
  if (outcome.ok) throw new Error('was accepted');
  return outcome.rejection;
}

/** The chain as stored must verify, always. */
function verified(store: MemoryEventStore, stream = STREAM): readonly Commit[] {
  const verifier = new ChainVerifier(stream);
  expect(store.entries(stream).flatMap((entry) => verifier.next(entry))).toEqual([]);
  return store.entries(stream).map(({ body, hash }) => ({ ...(JSON.parse(body) as Omit<Commit, 'hash'>), hash }));
}

describe('one command', () => {
  test('answers with its events, the state after them, and the receipt that is stored', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    await transactor.transact(tally, STREAM, add('a', 5), asking());
    const outcome = accepted(
      await transactor.transact(
        tally,
        STREAM,
        take('b', 2),
        asking({ ...keyed('key-1'), correlationId: 'c-1', traceparent: '00-trace' }),
      ),
    );
    expect(outcome).toMatchObject({
      ok: true,
      repeated: false,
      stream: STREAM,
      version: 1,
      state: { sum: 3, ops: ['a', 'b'] },
      events: [{ type: 'Taken', v: 1, data: { op: 'b', n: 2 } }],
    });
    const [first, second] = verified(store);
    expect(second).toEqual(JSON.parse(JSON.stringify(outcome.commit)));
    expect(second).toMatchObject({
      index: 1,
      previousHash: first?.hash,
      meta: {
        actor: { id: 'agent-1', kind: 'agent' },
        action: 'tally.change',
        commandId: 'key-1',
        commandHash: '"key-1"',
        correlationId: 'c-1',
        traceparent: '00-trace',
        depth: 0,
        policy: { decision: 'allow', bundle: ALLOW.bundle, input: ALLOW.input },
      },
    });
    expect(second?.meta.policy).not.toHaveProperty('reasons');
    expect([outcome.hash, outcome.at]).toEqual([second?.hash, second?.at]);
  });

  test('refused, it writes nothing and says why', async () => {
    const store = new MemoryEventStore();
    const rejection = refused(await transactorOn(store).transact(tally, STREAM, take('a', 1), asking()));
    expect(rejection).toMatchObject({ kind: 'conflict', code: 'too-little', details: { sum: 0 } });
    expect(store.log).toEqual([]);
  });

  test('that changes nothing writes nothing, and says so', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    await transactor.transact(tally, STREAM, add('a', 5), asking());
    expect(await transactor.transact(tally, STREAM, fill('b', 5), asking())).toMatchObject({
      ok: true,
      repeated: true,
      events: [],
      commit: undefined,
      version: 0,
      state: { sum: 5 },
    });
    expect(store.log).toHaveLength(1);
  });

  test('with several events is one commit', async () => {
    const store = new MemoryEventStore();
    const both = () => [
      ...(add('a', 1)({ sum: 0, ops: [] }) as TallyEvent[]),
      ...(add('b', 2)({ sum: 0, ops: [] }) as TallyEvent[]),
    ];
    expect(await transactorOn(store).transact(tally, STREAM, both, asking())).toMatchObject({
      version: 0,
      state: { sum: 3, ops: ['a', 'b'] },
    });
    expect(verified(store)).toHaveLength(1);
  });

  test('whose receipt would be too large is refused; the largest that fits is written', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    for (const filler of ['x', '日']) {
      const rejection = refused(
        await transactor.transact(
          tally,
          STREAM,
          add(filler.repeat(MAX_COMMIT_BYTES / Buffer.byteLength(filler)), 1),
          asking(),
        ),
      );
      expect(rejection).toMatchObject({ kind: 'invalid', code: 'too-large' });
    }
    accepted(await transactor.transact(tally, STREAM, add('x'.repeat(MAX_COMMIT_BYTES - 2_000), 1), asking()));
    expect(verified(store)).toHaveLength(1);
  });

  test('for another tenant, or another kind of stream, is a defect', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    for (const stream of ['acme-b/tally/1', 'acme/task/1', 'acme/tally', 'tally/1']) {
      await expect(transactor.transact(tally, stream, add('a', 1), asking())).rejects.toThrow();
    }
    expect(store.log).toEqual([]);
  });

  test('is heard by listeners once it is durable, until they stop', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    const heard: Committed[] = [];
    const stop = transactor.onCommitted((committed) => {
      expect(store.entries(STREAM).length).toBe(committed.version + 1);
      heard.push(committed);
    });
    await transactor.transact(tally, STREAM, add('a', 5), asking());
    await transactor.transact(tally, STREAM, take('b', 50), asking());
    await transactor.transact(tally, STREAM, fill('c', 1), asking());
    expect(heard).toMatchObject([
      { stream: STREAM, category: 'tally', version: 0, state: { sum: 5 }, commits: [{ index: 0 }] },
    ]);
    stop();
    await transactor.transact(tally, STREAM, add('d', 5), asking());
    expect(heard).toHaveLength(1);
  });

  test('that throws fails alone: its own caller hears it, the others are answered', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    const results = await Promise.allSettled([
      transactor.transact(tally, STREAM, add('first', 1), asking()),
      transactor.transact(tally, STREAM, add('a', 1), asking()),
      transactor.transact(
        tally,
        STREAM,
        () => {
          throw new Error('a defect');
        },
        asking(),
      ),
      transactor.transact(tally, STREAM, add('unwritable', NaN), asking()),
      transactor.transact(tally, STREAM, take('b', 100), asking()),
      transactor.transact(tally, STREAM, (() => undefined) as never, asking()),
      transactor.transact(tally, STREAM, add('c', 1), asking()),
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect((results[2] as PromiseRejectedResult).reason).toMatchObject({ message: 'a defect' });
    expect(verified(store).flatMap(({ events }) => events.map(({ data }) => (data as { op: string }).op))).toEqual([
      'first',
      'a',
      'c',
    ]);
    expect((await transactor.load(tally, STREAM)).state).toEqual({ sum: 3, ops: ['first', 'a', 'c'] });
  });

  test('whose evolve throws is not written', async () => {
    const store = new MemoryEventStore();
    const broken: Decider<Tally, TallyEvent> = {
      ...tally,
      evolve: (state, event, place) => {
        if (event.data.op === 'bad') throw new Error('a defect');
        return tally.evolve(state, event, place);
      },
    };
    const transactor = transactorOn(store);
    await expect(transactor.transact(broken, STREAM, add('bad', 1), asking())).rejects.toThrow('a defect');
    accepted(await transactor.transact(broken, STREAM, add('good', 1), asking()));
    expect(verified(store)).toHaveLength(1);
  });
});

describe('the lane of a stream', () => {
  test('sends commands that came together in few appends, each its own commit, in the order they came', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    const outcomes = await Promise.all(
      upTo(1_000).map((i) => transactor.transact(tally, STREAM, add(`op-${i}`, 1), asking())),
    );
    expect(store.calls.append).toBeLessThanOrEqual(1 + Math.ceil(999 / 99));
    expect(outcomes.map((outcome) => accepted(outcome).version)).toEqual(upTo(1_000));
    expect(outcomes.map((outcome) => accepted(outcome).state.sum)).toEqual(upTo(1_000).map((i) => i + 1));
    expect(verified(store)).toHaveLength(1_000);
    expect(accepted(outcomes[999] as Outcome<Tally, TallyEvent>).state.ops).toEqual(upTo(1_000).map((i) => `op-${i}`));
  });

  test('lets each decision see the one before it', async () => {
    const transactor = transactorOn(new MemoryEventStore());
    const outcomes = await Promise.all([
      transactor.transact(tally, STREAM, add('a', 10), asking()),
      ...upTo(15).map((i) => transactor.transact(tally, STREAM, take(`t-${i}`, 1), asking())),
    ]);
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(11);
    expect(outcomes.slice(11).every((outcome) => refused(outcome).code === 'too-little')).toBe(true);
  });

  test('of one stream does not wait for that of another', async () => {
    const inner = new MemoryEventStore();
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const store = new Proxy(inner, {
      get: (target, name) =>
        name === 'append'
          ? async (append: Parameters<MemoryEventStore['append']>[0]) => {
              if (append.stream === STREAM) await gate;
              return await target.append(append);
            }
          : (Reflect.get(target, name) as unknown),
    });
    const transactor = transactorOn(store);
    let slowDone = false;
    const slow = transactor.transact(tally, STREAM, add('slow', 1), asking()).finally(() => (slowDone = true));
    accepted(await transactor.transact(tally, 'acme/tally/2', add('quick', 1), asking()));
    expect(slowDone).toBe(false);
    release();
    accepted(await slow);
  });
});

describe('an Idempotency-Key', () => {
  const once = async (transactor: ReturnType<typeof transactorOn>, key = 'key-1', body: unknown = 'body', more = {}) =>
    accepted(await transactor.transact(tally, STREAM, add(key, 1), asking({ ...keyed(key, body), ...more })));

  test('that comes again gets the first answer, as it was then', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    const first = await once(transactor);
    await once(transactor, 'key-2');
    const again = await once(transactor);
    expect(again).toEqual(JSON.parse(JSON.stringify({ ...first, repeated: true })));
    expect(again).toMatchObject({ version: 0, state: { sum: 1 }, commit: { index: 0, hash: first.commit.hash } });
    expect(verified(store)).toHaveLength(2);
  });

  test('that comes many times at once is done once', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    await once(transactor, 'before');
    const answers = await Promise.all(upTo(20).map(() => once(transactor)));
    expect(new Set(answers.map(({ commit }) => commit.hash)).size).toBe(1);
    expect(answers.map(({ version, state }) => [version, state.sum])).toEqual(upTo(20).map(() => [1, 2]));
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(verified(store)).toHaveLength(2);
  });

  test('within one batch gets the answer of the first, between other commands', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    const answers = await Promise.all([
      once(transactor, 'opens the lane'),
      once(transactor, 'a'),
      once(transactor, 'b'),
      once(transactor, 'a'),
      once(transactor, 'c'),
      once(transactor, 'a'),
    ]);
    expect(store.calls.append).toBe(2);
    expect(answers.map(({ version }) => version)).toEqual([0, 1, 2, 1, 3, 1]);
    expect(answers.map(({ state }) => state.sum)).toEqual([1, 2, 3, 2, 4, 2]);
    expect(answers.map(({ repeated }) => repeated)).toEqual([false, false, false, true, false, true]);
  });

  test('is known after a restart, and in another process', async () => {
    const store = new MemoryEventStore();
    const [one, other] = [transactorOn(store), transactorOn(store)];
    await once(other, 'other'); // what `other` caches is older than the key
    const first = await once(one);
    for (const transactor of [transactorOn(store), other]) {
      expect(await once(transactor)).toMatchObject({ repeated: true, version: 1, commit: { hash: first.commit.hash } });
    }
    expect(verified(store)).toHaveLength(2);
  });

  test('with another body is refused', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    await once(transactor);
    expect(
      refused(await transactor.transact(tally, STREAM, add('x', 1), asking(keyed('key-1', 'another')))),
    ).toMatchObject({ kind: 'invalid', code: 'idempotency-key-reused' });
    const both = await Promise.all(
      ['one', 'two'].map((body) => transactor.transact(tally, STREAM, add(body, 1), asking(keyed('key-2', body)))),
    );
    expect(both.map((outcome) => (outcome.ok ? 'ok' : outcome.rejection.code))).toEqual([
      'ok',
      'idempotency-key-reused',
    ]);
    expect(verified(store)).toHaveLength(2);
  });

  test('belongs to its principal', async () => {
    const transactor = transactorOn(new MemoryEventStore());
    await once(transactor);
    const other = await once(transactor, 'key-1', 'another', { principal: { ...AGENT, id: 'agent-2' } });
    expect(other).toMatchObject({ repeated: false, version: 1 });
  });

  test('goes before If-Match: a retry is answered though the version has moved on', async () => {
    const transactor = transactorOn(new MemoryEventStore());
    await once(transactor, 'key-1', 'body', { expectedVersion: -1 });
    await once(transactor, 'key-2');
    expect(await once(transactor, 'key-1', 'body', { expectedVersion: -1 })).toMatchObject({
      repeated: true,
      version: 0,
    });
  });

  test('of a refused command can come again, and may then succeed', async () => {
    const transactor = transactorOn(new MemoryEventStore());
    const attempt = () => transactor.transact(tally, STREAM, take('t', 1), asking(keyed('key-1')));
    expect(refused(await attempt()).code).toBe('too-little');
    await once(transactor, 'key-2');
    expect(accepted(await attempt())).toMatchObject({ repeated: false });
  });

  test('is remembered however many came after it', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    await Promise.all(upTo(1_500).map((i) => once(transactor, `key-${i}`)));
    for (const i of [0, 1, 500, 1_499]) {
      for (const process of [transactor, transactorOn(store)])
        expect(await once(process, `key-${i}`)).toMatchObject({ repeated: true, version: i });
    }
    expect(verified(store)).toHaveLength(1_500);
  });

  test('is free for another request after the window; the same request is answered as long as the stream knows it', async () => {
    const store = new MemoryEventStore();
    const clock = new ManualClock();
    const transactor = transactorOn(store, { clock });
    await once(transactor, 'key-1', 'first');
    const another = async () =>
      await transactor.transact(tally, STREAM, add('x', 1), asking(keyed('key-1', 'another')));
    clock.time += KEY_WINDOW_MS - 1;
    expect(refused(await another()).code).toBe('idempotency-key-reused');
    clock.time += 1;
    expect(await once(transactor, 'key-1', 'first')).toMatchObject({ repeated: true, version: 0 });
    expect(accepted(await another())).toMatchObject({ repeated: false, version: 1 });
    expect(accepted(await another())).toMatchObject({ repeated: true, version: 1 });
  });

  test('costs no fold of the whole on a long stream, old or new, in a process that has the stream and in one that has not', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    const summing = {
      ...tally,
      evolve: ((state, event, place) => ({ ...tally.evolve(state, event, place), ops: [] })) as typeof tally.evolve,
    };
    const give = async (process: Transactor, i: number) =>
      accepted(await process.transact(summing, STREAM, add(`${i}`, 1), asking(keyed(`key-${i}`))));
    await Promise.all(upTo(3_000).map((i) => give(transactor, i)));
    for (const process of [transactor, transactorOn(store)]) {
      for (const i of [5, 1_234, 2_990]) {
        const read = jest.spyOn(store, 'read');
        expect(await give(process, i)).toMatchObject({ repeated: true, version: i, state: { sum: i + 1 } });
        const pages = await Promise.all(read.mock.results.map(({ value }) => value as Promise<readonly Commit[]>));
        expect(pages.flat().length).toBeLessThan(1_100);
        read.mockRestore();
      }
    }
  });

  test('of an append that was lost is not remembered; of one whose answer was lost it is', async () => {
    for (const fault of ['fails', 'loses', 'late'] as const) {
      const inner = new MemoryEventStore();
      const failing = new FaultyEventStore(
        inner,
        scriptedFaults({
          append: [fault, 'fails', 'fails', 'fails'],
          read: ['fails', 'fails', 'fails', 'fails', 'fails'],
        }),
      );
      await once(transactorOn(failing)).catch(() => undefined);
      await failing.settled();
      const done = inner.entries(STREAM).length;
      expect(await once(transactorOn(inner))).toMatchObject({ repeated: done === 1, version: 0 });
      expect(verified(inner)).toHaveLength(1);
    }
  });

  test('the hash of a body doesn’t depend on the order of its keys', () => {
    expect(commandHash({ a: 1, b: [2] })).toBe(commandHash({ b: [2], a: 1 }));
    expect(commandHash({ a: 1 })).not.toBe(commandHash({ a: 2 }));
    expect(commandHash(undefined)).toBe(sha256('null'));
  });
});

describe('If-Match', () => {
  test('lets a command through at that version only', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    const attempt = (expectedVersion: number) =>
      transactor.transact(tally, STREAM, add('a', 1), asking({ expectedVersion }));
    expect(refused(await attempt(0))).toMatchObject({
      kind: 'precondition',
      code: 'version-mismatch',
      details: { version: -1 },
    });
    expect(accepted(await attempt(-1)).version).toBe(0);
    expect(refused(await attempt(-1))).toMatchObject({ details: { version: 0 } });
    expect(accepted(await attempt(0)).version).toBe(1);
    expect(verified(store)).toHaveLength(2);
  });

  test('of many at one version lets one through', async () => {
    const transactor = transactorOn(new MemoryEventStore());
    const outcomes = await Promise.all(
      upTo(10).map(() => transactor.transact(tally, STREAM, add('a', 1), asking({ expectedVersion: -1 }))),
    );
    expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, ...upTo(9).map(() => false)]);
  });
});

describe('two processes on one store', () => {
  /** Both have the stream in their cache; then `other` writes. */
  const twoWith = async (first: number) => {
    const store = new MemoryEventStore();
    const [one, other] = [transactorOn(store), transactorOn(store)];
    accepted(await one.transact(tally, STREAM, add('a', first), asking()));
    await other.load(tally, STREAM);
    return { store, one, other };
  };

  test('a refusal is not decided from a stale cache', async () => {
    const { store, one, other } = await twoWith(1);
    accepted(await other.transact(tally, STREAM, add('b', 10), asking()));
    expect(accepted(await one.transact(tally, STREAM, take('c', 5), asking())).state).toEqual({
      sum: 6,
      ops: ['a', 'b', 'c'],
    });
    verified(store);
  });

  test('neither is that nothing is to be done', async () => {
    const { one, other } = await twoWith(5);
    accepted(await other.transact(tally, STREAM, take('b', 5), asking()));
    expect(accepted(await one.transact(tally, STREAM, fill('c', 5), asking()))).toMatchObject({
      repeated: false,
      state: { sum: 5 },
    });
  });

  test('neither is a version that does not match, nor one that does', async () => {
    const { one, other } = await twoWith(5);
    accepted(await other.transact(tally, STREAM, add('b', 1), asking()));
    expect(refused(await one.transact(tally, STREAM, add('c', 1), asking({ expectedVersion: 0 })))).toMatchObject({
      details: { version: 1 },
    });
    accepted(await other.transact(tally, STREAM, add('d', 1), asking()));
    expect(accepted(await one.transact(tally, STREAM, add('e', 1), asking({ expectedVersion: 2 }))).version).toBe(3);
  });

  test('an acceptance from a stale cache is decided again', async () => {
    const { store, one, other } = await twoWith(5);
    accepted(await other.transact(tally, STREAM, take('b', 5), asking()));
    expect(refused(await one.transact(tally, STREAM, take('c', 5), asking())).details).toEqual({ sum: 0 });
    expect(verified(store)).toHaveLength(2);
  });

  test('a stream that appears is seen by who had found nothing', async () => {
    const store = new MemoryEventStore();
    const [one, other] = [transactorOn(store), transactorOn(store)];
    expect((await one.load(tally, STREAM)).version).toBe(-1);
    accepted(await other.transact(tally, STREAM, add('a', 3), asking()));
    expect((await one.load(tally, STREAM)).version).toBe(0);
    accepted(await one.transact(tally, STREAM, take('b', 3), asking()));
  });

  test('what is cached is forgotten when a later commit is heard of', async () => {
    const { one, other } = await twoWith(1);
    accepted(await other.transact(tally, STREAM, add('b', 1), asking()));
    expect(one.peek<Tally>(STREAM)?.version).toBe(0);
    await one.catchUp(STREAM, 0);
    expect(one.peek<Tally>(STREAM)?.version).toBe(0);
    await one.catchUp(STREAM, 1);
    expect(one.peek(STREAM)).toBeUndefined();
    expect((await one.load(tally, STREAM)).state.sum).toBe(2);
  });

  test('a stream that stays contended is given up with nothing half-written', async () => {
    const inner = new MemoryEventStore();
    const rival = transactorOn(inner);
    const store = new Proxy(inner, {
      get: (target, name) =>
        name === 'append'
          ? async (append: Parameters<MemoryEventStore['append']>[0]) => {
              accepted(await rival.transact(tally, STREAM, add('rival', 1), asking()));
              return await target.append(append);
            }
          : (Reflect.get(target, name) as unknown),
    });
    await expect(transactorOn(store).transact(tally, STREAM, add('mine', 1), asking())).rejects.toThrow(
      StoreUnavailable,
    );
    expect(verified(inner).every(({ events }) => (events[0]?.data as { op: string }).op === 'rival')).toBe(true);
  });
});

describe('reading', () => {
  test('as it was at a time, or after a commit', async () => {
    const clock = new ManualClock();
    const transactor = transactorOn(new MemoryEventStore(), { clock });
    for (const i of upTo(5)) {
      await transactor.transact(tally, STREAM, add(`${i}`, 1), asking());
      clock.time += 1_000;
    }
    const sumAt = async (bound: { asOf: string } | { upTo: number }) =>
      (await transactor.loadAt(tally, STREAM, bound)).state.sum;
    expect(await Promise.all([-1, 0, 3, 4, 99].map((index) => sumAt({ upTo: index })))).toEqual([0, 1, 4, 5, 5]);
    expect(
      await Promise.all(
        [-1, 0, 999, 1_000, 9_999].map((after) => sumAt({ asOf: new Date(toMillis(EPOCH) + after).toISOString() })),
      ),
    ).toEqual([0, 1, 1, 2, 5]);
  });

  test('gives one’s own writes at once', async () => {
    const transactor = transactorOn(new MemoryEventStore());
    for (const i of upTo(5)) {
      await transactor.transact(tally, STREAM, add(`${i}`, 1), asking());
      expect((await transactor.load(tally, STREAM)).state.sum).toBe(i + 1);
    }
  });

  test('goes through long streams page by page', async () => {
    const store = new MemoryEventStore();
    await Promise.all(
      upTo(1_203).map((i) =>
        transactorOn(store, { cachedStreams: 1 })
          .transact(tally, `acme/tally/${i % 2 === 0 ? 'long' : `other-${i}`}`, add(`${i}`, 1), asking())
          .catch(() => undefined),
      ),
    );
    const transactor = transactorOn(store);
    await Promise.all(upTo(1_203).map((i) => transactor.transact(tally, STREAM, add(`${i}`, 1), asking())));
    const indexes: number[] = [];
    for await (const commit of transactorOn(store).commits(STREAM)) indexes.push(commit.index);
    expect(indexes).toEqual(upTo(1_203));
    const from: number[] = [];
    for await (const commit of transactorOn(store).commits(STREAM, 1_200)) from.push(commit.index);
    expect(from).toEqual([1_200, 1_201, 1_202]);
  });

  test('keeps the streams used last in memory, and not many more', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store, { cachedStreams: 10 });
    for (const i of upTo(100)) await transactor.transact(tally, `acme/tally/${i}`, add('a', 1), asking());
    const kept = upTo(100).filter((i) => transactor.peek(`acme/tally/${i}`) !== undefined);
    expect(kept.length).toBeLessThanOrEqual(20);
    expect(kept).toEqual(expect.arrayContaining(upTo(10).map((i) => 90 + i)));
    expect((await transactor.load(tally, 'acme/tally/0')).state.sum).toBe(1);
  });

  test('upcasts what is older', async () => {
    const store = new MemoryEventStore();
    await transactorOn(store).transact(tally, STREAM, add('a', 2), asking());
    const newer: Decider<Tally, TallyEvent> = {
      ...tally,
      version: 2,
      upcasters: { 'Added@1': (event) => ({ ...event, v: 2, data: { ...(event.data as object), op: 'upcast' } }) },
    };
    expect((await transactorOn(store).load(newer, STREAM)).state).toEqual({ sum: 2, ops: ['upcast'] });
  });

  test('finds a commit as a cause', async () => {
    const transactor = transactorOn(new MemoryEventStore());
    const { commit } = accepted(await transactor.transact(tally, STREAM, add('a', 1), asking()));
    expect(await transactor.cause(STREAM, 0)).toEqual(causeOf(commit));
    expect(await transactor.cause(STREAM, 1)).toBeUndefined();
  });
});

describe('time and causes', () => {
  test('a clock that jumps back takes no receipt back with it', async () => {
    const clock = new ManualClock();
    const store = new MemoryEventStore();
    const transactor = transactorOn(store, { clock });
    for (const jump of [0, 5_000, -60_000, 1_000, 120_000, -1]) {
      clock.time += jump;
      await transactor.transact(tally, STREAM, add('a', 1), asking());
    }
    const times = verified(store).map(({ at }) => toMillis(at) - toMillis(EPOCH));
    expect(times).toEqual([0, 5_000, 5_000, 5_000, 66_000, 66_000]);
    clock.time = 0;
    await transactorOn(store, { clock }).transact(tally, STREAM, add('a', 1), asking());
    expect(verified(store).at(-1)?.at).toBe(verified(store).at(-2)?.at);
  });

  test('nothing lies before its cause', async () => {
    const store = new MemoryEventStore();
    const cause: Cause = { ref: 'acme/tally/0@3', at: '2026-11-21T10:00:09.000Z', correlationId: 'c-1', depth: 4 };
    const { commit } = accepted(await transactorOn(store).transact(tally, STREAM, add('a', 1), asking({ cause })));
    expect(commit).toMatchObject({ at: cause.at, meta: { causationId: cause.ref, correlationId: 'c-1', depth: 0 } });
    const early = accepted(
      await transactorOn(store).transact(tally, STREAM, add('b', 1), asking({ cause: { ...cause, at: EPOCH } })),
    );
    expect(early.commit.at).toBe(cause.at);
  });

  test('a correlation id comes from the caller, else the cause, else the stream, else is new', async () => {
    const transactor = transactorOn(new MemoryEventStore());
    const cause: Cause = { ref: 'acme/tally/0@3', at: EPOCH, correlationId: 'of the cause', depth: 0 };
    const idOf = async (stream: string, more: object) =>
      accepted(await transactor.transact(tally, stream, add('a', 1), asking(more))).commit.meta.correlationId;
    const fresh = await idOf(STREAM, {});
    expect(fresh).toMatch(/^id-/);
    expect(await idOf('acme/tally/2', {})).not.toBe(fresh);
    expect(await idOf(STREAM, { cause })).toBe('of the cause');
    expect(await idOf(STREAM, { cause, correlationId: 'of the caller' })).toBe('of the caller');
    expect(await idOf(STREAM, {})).toBe(fresh);
  });

  test('reactions to reactions end; a caller starts anew', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    let cause = causeOf(accepted(await transactor.transact(tally, STREAM, add('root', 1), asking())).commit);
    for (const depth of upTo(MAX_CAUSATION_DEPTH)) {
      const { commit } = accepted(
        await transactor.transact(tally, STREAM, add(`${depth}`, 1), asking({ cause, reaction: true })),
      );
      expect(commit.meta.depth).toBe(depth + 1);
      cause = causeOf(commit);
    }
    expect(
      refused(await transactor.transact(tally, STREAM, add('too deep', 1), asking({ cause, reaction: true }))),
    ).toMatchObject({ code: 'causation-too-deep' });
    expect(
      accepted(await transactor.transact(tally, STREAM, add('caller', 1), asking({ cause }))).commit.meta.depth,
    ).toBe(0);
    expect(verified(store)).toHaveLength(MAX_CAUSATION_DEPTH + 2);
  });
});

describe('snapshots', () => {
  const filled = async (count: number) => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    // Without `ops`, which grow: what a snapshot may hold is bounded.
    for (const i of upTo(count))
      accepted(
        await transactor.transact(summing, STREAM, add(`op-${i}`, 1), asking(i % 10 === 0 ? keyed(`key-${i}`) : {})),
      );
    return store;
  };
  const summing: Decider<Tally, TallyEvent> = {
    ...tally,
    evolve: (state, event, place) => ({ ...tally.evolve(state, event, place), ops: [] }),
  };
  const readFrom = (store: MemoryEventStore) => store.reads.splice(0).map(({ from }) => from);

  test('are written every 200 commits and spare the fold from the start', async () => {
    const store = await filled(450);
    const head = await store.head(STREAM);
    expect(head?.index).toBe(449);
    expect(await store.snapshot(STREAM)).toMatchObject({ version: 1, index: 399 });
    store.reads.splice(0);
    const loaded = await transactorOn(store).load(summing, STREAM);
    expect(loaded).toMatchObject({ version: 449, state: { sum: 450 }, hash: head?.hash, at: EPOCH });
    expect(readFrom(store)).toEqual([399, 400]); // the commit that it was made from is looked at
  });

  test('keep what the fold keeps: times, correlation, keys', async () => {
    const store = await filled(250);
    const transactor = transactorOn(store, { clock: new ManualClock(0) });
    const next = accepted(await transactor.transact(summing, STREAM, add('next', 1), asking()));
    expect(next.commit).toMatchObject({ index: 250, at: EPOCH });
    expect(next.commit.meta.correlationId).toBe(verified(store)[0]?.meta.correlationId);
    expect(
      accepted(await transactor.transact(summing, STREAM, add('again', 1), asking(keyed('key-10')))),
    ).toMatchObject({ repeated: true, version: 10 });
    expect(verified(store)).toHaveLength(251);
  });

  test('of another version of the decider are not used', async () => {
    const store = await filled(250);
    store.reads.splice(0);
    const doubling: Decider<Tally, TallyEvent> = {
      ...summing,
      version: 2,
      evolve: ({ sum }, { data }) => ({ sum: sum + 2 * data.n, ops: [] }),
    };
    expect((await transactorOn(store).load(doubling, STREAM)).state.sum).toBe(500);
    expect(readFrom(store)[0]).toBe(0);
  });

  test('that don’t fit what is there are not trusted', async () => {
    const store = await filled(450);
    const snapshot = (await store.snapshot(STREAM)) as Snapshot;
    const alien = snapshot.state as { hash: string };
    for (const wrong of [
      { ...snapshot, state: { ...alien, hash: 'f'.repeat(64) } },
      { ...snapshot, index: 398 },
      { ...snapshot, index: 9_999 },
    ]) {
      jest.spyOn(store, 'snapshot').mockResolvedValueOnce(wrong);
      expect(await transactorOn(store).load(summing, STREAM)).toMatchObject({ version: 449, state: { sum: 450 } });
    }
  });

  test('larger than 16 KB are not written', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    await Promise.all(upTo(420).map((i) => transactor.transact(tally, STREAM, add(`${i}`.padStart(100), 1), asking())));
    expect(await store.snapshot(STREAM)).toBeUndefined();
    expect((await transactorOn(store).load(tally, STREAM)).state.ops).toHaveLength(420);
  });
});

describe('commands that come together', () => {
  test('are answered one by one, whatever befalls the store: done, refused, to be given again', async () => {
    const inner = new MemoryEventStore();
    const transactor = transactorOn(new FaultyEventStore(inner, scriptedFaults({ append: [undefined, 'busy'] })));
    const post = (stream: string) =>
      settled(transactor.transact(tally, stream, add('a', 1), asking({ creates: true, ...keyed(`key-${stream}`) })));
    const outcomes = [
      await post('acme/tally/1'),
      await post('acme/tally/2'),
      await settled(transactor.transact(tally, 'acme/tally/3', take('a', 1), asking())),
    ];
    expect(outcomes.map((outcome) => (outcome.ok ? 'done' : outcome.rejection.code))).toEqual([
      'done',
      'store-busy',
      'too-little',
    ]);
    expect(
      (await Promise.all(['acme/tally/1', 'acme/tally/2'].map(post))).map((outcome) => outcome.ok && outcome.repeated),
    ).toEqual([true, false]);
    await expect(
      settled(
        transactor.transact(
          tally,
          STREAM,
          () => {
            throw new Error('a defect');
          },
          asking(),
        ),
      ),
    ).rejects.toThrow('a defect');
  });
});

describe('a receipt that was altered', () => {
  const OTHER = 'acme/tally/2';
  const ALTERATIONS: readonly [string, (entries: { index: number; body: string; hash: string }[]) => void, number][] = [
    [
      'in its bytes',
      (entries) =>
        (entries[2] = {
          ...entries[2],
          body: (entries[2] as { body: string }).body.replace('"n":1', '"n":7'),
        } as never),
      2,
    ],
    ['so that it can’t be read', (entries) => (entries[2] = { ...entries[2], body: '{' } as never), 2],
    [
      'with its hash made anew',
      (entries) => {
        const body = (entries[2] as { body: string }).body.replace('"n":1', '"n":7');
        entries[2] = { ...entries[2], body, hash: sha256(body) } as never;
      },
      3,
    ],
    ['by one from another place', (entries) => (entries[2] = { ...entries[3], index: 2 } as never), 2],
  ];

  test.each(ALTERATIONS)('%s: its stream is neither read nor written, others go on', async (_, alter, index) => {
    const store = new MemoryEventStore();
    const writer = transactorOn(store);
    for (const i of upTo(5))
      for (const stream of [STREAM, OTHER])
        accepted(await writer.transact(tally, stream, add(`${i}`, 1), asking(keyed(`key-${i}`))));
    alter(store.entries(STREAM) as never);
    const transactor = transactorOn(store);
    const attempts = [
      () => transactor.load(tally, STREAM),
      () => transactor.current(tally, STREAM),
      () => transactor.loadAt(tally, STREAM, { upTo: 4 }),
      () => transactor.transact(tally, STREAM, add('x', 1), asking()),
      () => transactor.transact(tally, STREAM, add('x', 1), asking({ creates: true })),
      () => transactor.transact(tally, STREAM, add('4', 1), asking(keyed('key-4'))),
    ];
    for (const attempt of attempts) {
      const error: unknown = await attempt().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(AlteredReceipt);
      expect((error as AlteredReceipt).ref).toBe(`${STREAM}@${index}`);
      expect((error as AlteredReceipt).message).toContain(`${STREAM}@${index}`);
    }
    expect(store.entries(STREAM)).toHaveLength(5);
    expect(transactor.altered.map(({ ref }) => ref)).toEqual([`${STREAM}@${index}`]);
    expect(accepted(await transactor.transact(tally, OTHER, add('x', 1), asking())).state.sum).toBe(6);
  });

  test('a dropped one is missed', async () => {
    const store = new MemoryEventStore();
    for (const i of upTo(5)) await transactorOn(store).transact(tally, STREAM, add(`${i}`, 1), asking());
    (store.entries(STREAM) as unknown[]).splice(2, 1);
    await expect(transactorOn(store).load(tally, STREAM)).rejects.toMatchObject({ ref: `${STREAM}@2` });
  });
});

describe('the policy', () => {
  const DENY = { ...ALLOW, decision: 'deny' as const, reasons: ['level too low', 'outside hours'] };
  const denials = (store: MemoryEventStore) => verified(store, denialStream('acme', 'agent-1'));

  test('is asked before each command, with what it may look at', async () => {
    const policy = new ScriptedPolicy();
    const transactor = transactorOn(new MemoryEventStore(), { policy });
    for (const _ of upTo(2))
      accepted(await transactor.transact(tally, STREAM, add('a', 1), asking({ attributes: { cost: 3 } })));
    expect(policy.asked).toEqual(
      upTo(2).map(() => ({ principal: AGENT, action: 'tally.change', resource: STREAM, attributes: { cost: 3 } })),
    );
  });

  test('that denies leaves a receipt, and nothing in the stream', async () => {
    const policy = new ScriptedPolicy();
    policy.answer = DENY;
    const store = new MemoryEventStore();
    const cause: Cause = { ref: 'acme/tally/0@3', at: EPOCH, correlationId: 'of the cause', depth: 0 };
    let decided = false;
    const rejection = refused(
      await transactorOn(store, { policy }).transact(
        tally,
        STREAM,
        () => ((decided = true), []),
        asking({ cause, correlationId: 'c-1', traceparent: '00-trace', ...keyed('key-1') }),
      ),
    );
    expect(rejection).toMatchObject({ kind: 'forbidden', code: 'policy-denied', details: { reasons: DENY.reasons } });
    expect(rejection.message).toContain('level too low');
    expect(decided).toBe(false);
    expect(store.entries(STREAM)).toEqual([]);
    expect(denials(store)).toMatchObject([
      {
        events: [
          {
            type: 'CommandDenied',
            data: { action: 'tally.change', resource: STREAM, principal: 'agent-1', reasons: DENY.reasons, leftOut: 0 },
          },
        ],
        meta: {
          actor: { id: 'agent-1' },
          action: 'tally.change',
          causationId: cause.ref,
          correlationId: 'c-1',
          traceparent: '00-trace',
          policy: { decision: 'deny', bundle: ALLOW.bundle },
        },
      },
    ]);
  });

  test('that wants an approval says so, and leaves a receipt', async () => {
    const policy = new ScriptedPolicy();
    policy.answer = { ...ALLOW, decision: 'needs_approval', reasons: ['critical'] };
    const store = new MemoryEventStore();
    expect(refused(await transactorOn(store, { policy }).transact(tally, STREAM, add('a', 1), asking()))).toMatchObject(
      { kind: 'forbidden', code: 'approval-needed', details: { reasons: ['critical'] } },
    );
    expect(denials(store)).toMatchObject([{ meta: { policy: { decision: 'needs_approval' } } }]);
  });

  test('that cannot answer lets nothing through', async () => {
    const store = new MemoryEventStore();
    for (const evaluate of [
      () => {
        throw new Error('no bundle');
      },
      () => Promise.reject(new Error('no bundle')),
    ]) {
      await expect(
        transactorOn(store, { policy: { evaluate } }).transact(tally, STREAM, add('a', 1), asking()),
      ).rejects.toThrow('no bundle');
    }
    expect(store.log).toEqual([]);
  });

  test('denying a caller in a loop leaves few receipts, which say how many were left out', async () => {
    const policy = new ScriptedPolicy();
    policy.answer = DENY;
    const clock = new ManualClock();
    const store = new MemoryEventStore();
    const transactor = transactorOn(store, { policy, clock });
    const knock = async (times: number, id = 'agent-1') =>
      await Promise.all(
        upTo(times).map(async () =>
          expect(
            refused(await transactor.transact(tally, STREAM, add('a', 1), asking({ principal: { ...AGENT, id } })))
              .code,
          ).toBe('policy-denied'),
        ),
      );
    await knock(100);
    expect(denials(store)).toHaveLength(5);
    await knock(3, 'agent-2');
    expect(verified(store, denialStream('acme', 'agent-2'))).toHaveLength(3);
    clock.time += 1_000;
    await knock(2);
    clock.time += 60_000;
    await knock(1);
    expect(denials(store).map(({ events }) => (events[0]?.data as { leftOut: number }).leftOut)).toEqual([
      0, 0, 0, 0, 0, 95, 0, 0,
    ]);
  });

  test('denial streams belong to tenant and principal', () => {
    const streams = new Set([
      denialStream('acme', 'a'),
      denialStream('acme-b', 'a'),
      denialStream('acme', 'b'),
      denialStream('acme', 'a/b'),
    ]);
    expect(streams.size).toBe(4);
    for (const stream of streams) expect(stream).toMatch(/^acme(-b)?\/denial\/[0-9a-f]{32}$/);
  });
});

describe('a store that fails', () => {
  const failing = (script: Parameters<typeof scriptedFaults>[0]) => {
    const inner = new MemoryEventStore();
    return { inner, transactor: transactorOn(new FaultyEventStore(inner, scriptedFaults(script))) };
  };

  test.each([
    ['before it wrote', { append: ['fails'] }],
    ['after it wrote', { append: ['loses'] }],
    ['and writes later', { append: ['late'] }],
    ['several times', { append: ['fails', 'loses', 'fails'] }],
    ['and can’t be asked what it holds', { append: ['loses'], read: [undefined, 'fails'] }],
    ['and can’t be asked twice', { append: ['loses', 'fails'], read: [undefined, 'fails', 'fails'] }],
    ['and can’t be asked after the conflict with itself', { append: ['loses'], read: [undefined, 'fails', 'fails'] }],
  ] as const)('%s: the command is done once and acknowledged', async (_, script) => {
    const { inner, transactor } = failing(script);
    expect(accepted(await transactor.transact(tally, STREAM, add('a', 1), asking()))).toMatchObject({
      version: 0,
      state: { ops: ['a'] },
    });
    await sleep(50);
    expect(verified(inner)).toHaveLength(1);
    accepted(await transactor.transact(tally, STREAM, add('b', 1), asking()));
    expect(verified(inner)).toHaveLength(2);
  });

  test('for good is StoreUnavailable for all who waited, and the next is decided on what is there', async () => {
    // Two batches that fail four times each, one command that goes through, one whose answers are lost.
    const [four, unknown] = [
      ['fails', 'fails', 'fails', 'fails'] as const,
      [undefined, 'fails', 'fails', 'fails'] as const,
    ];
    const { inner, transactor } = failing({
      append: [...four, ...four, undefined, 'loses', 'fails', 'fails', 'fails'],
      read: [...unknown, ...unknown, ...unknown],
    });
    const all = await Promise.allSettled(
      upTo(3).map((i) => transactor.transact(tally, STREAM, add(`a${i}`, 1), asking())),
    );
    for (const result of all) expect((result as PromiseRejectedResult).reason).toBeInstanceOf(StoreUnavailable);
    expect(inner.log).toEqual([]);
    accepted(await transactor.transact(tally, STREAM, add('b', 1), asking()));
    await expect(transactor.transact(tally, STREAM, add('c', 1), asking(keyed('key-c')))).rejects.toThrow(
      StoreUnavailable,
    );
    expect(inner.entries(STREAM)).toHaveLength(2); // 'c' is there, unacknowledged
    expect(accepted(await transactor.transact(tally, STREAM, add('c', 1), asking(keyed('key-c'))))).toMatchObject({
      repeated: true,
      version: 1,
    });
    expect(verified(inner)).toHaveLength(2);
  });

  test.each([
    ['with a snapshot', { snapshot: ['fails'] }],
    ['with commits', { read: ['fails'] }],
  ] as const)('to answer %s is StoreUnavailable, no error of another kind', async (_, script) => {
    const { inner, transactor } = failing(script);
    await transactorOn(inner).transact(tally, STREAM, add('a', 1), asking());
    await expect(transactor.transact(tally, STREAM, add('b', 1), asking())).rejects.toThrow(StoreUnavailable);
    accepted(await transactor.transact(tally, STREAM, add('b', 1), asking()));
    await expect(transactorOn(new FaultyEventStore(inner, scriptedFaults(script))).load(tally, STREAM)).rejects.toThrow(
      StoreUnavailable,
    );
    await expect(
      transactorOn(new FaultyEventStore(inner, scriptedFaults({ read: ['fails'] }))).loadAt(tally, STREAM, { upTo: 0 }),
    ).rejects.toThrow(StoreUnavailable);
  });

  const allBusy = async (transactor: Transactor) => {
    const all = await Promise.allSettled(
      upTo(200).map((i) => transactor.transact(tally, STREAM, add(`a${i}`, 1), asking())),
    );
    for (const result of all) expect((result as PromiseRejectedResult).reason).toBeInstanceOf(StoreBusy);
  };

  test.each([
    ['append', { append: ['busy'] }],
    ['load', { read: ['busy'] }],
  ] as const)(
    'being busy at the %s, is asked once: StoreBusy for all who wait, and nothing is written',
    async (_, script) => {
      const { inner, transactor } = failing(script);
      await allBusy(transactor);
      expect(inner.log).toEqual([]);
      accepted(await transactor.transact(tally, STREAM, add('b', 1), asking()));
      expect(verified(inner)).toHaveLength(1);
    },
  );

  test('being busy after a conflict, has written nothing either', async () => {
    const { inner, transactor } = failing({ snapshot: [undefined, 'busy'] });
    accepted(await transactor.transact(tally, STREAM, add('a', 1), asking()));
    accepted(await transactorOn(inner).transact(tally, STREAM, add('rival', 1), asking()));
    await allBusy(transactor);
    expect(verified(inner)).toHaveLength(2);
  });

  test.each([
    ['and writes later', { append: ['late', 'busy'] }],
    ['after it wrote', { append: ['loses', 'busy'], read: [undefined, 'fails'] }],
    [
      'after it wrote, and is asked what it holds',
      { append: ['loses', 'fails', 'fails', 'fails'], read: [undefined, 'busy'] },
    ],
  ] as const)(
    '%s, being busy only then: that is StoreUnavailable, and the key finds the first answer',
    async (_, script) => {
      const { inner, transactor } = failing(script);
      await expect(transactor.transact(tally, STREAM, add('a', 1), asking(keyed('key-a')))).rejects.toThrow(
        StoreUnavailable,
      );
      await sleep(50);
      expect(accepted(await transactor.transact(tally, STREAM, add('a', 1), asking(keyed('key-a'))))).toMatchObject({
        repeated: true,
        version: 0,
      });
      expect(verified(inner)).toHaveLength(1);
    },
  );

  test('while a refusal is checked is StoreUnavailable, never a stale refusal', async () => {
    const { transactor } = failing({ head: ['fails'] });
    accepted(await transactor.transact(tally, STREAM, add('a', 1), asking()));
    await expect(transactor.transact(tally, STREAM, take('b', 5), asking())).rejects.toThrow(StoreUnavailable);
    expect(refused(await transactor.transact(tally, STREAM, take('b', 5), asking())).code).toBe('too-little');
  });

  test('says what failed', async () => {
    const { transactor } = failing({ snapshot: ['fails'] });
    const error: unknown = await transactor
      .transact(tally, STREAM, add('a', 1), asking())
      .catch((reason: unknown) => reason);
    expect(String(error)).toContain(STREAM);
    expect(String(error)).toContain('snapshot failed');
    expect((error as Error).cause).toBeInstanceOf(StoreFault);
  });
});

test('a receipt can be checked by anyone: its hash is over its canonical bytes', async () => {
  const store = new MemoryEventStore();
  const { commit } = accepted(await transactorOn(store).transact(tally, STREAM, add('a', 1), asking()));
  const { hash, ...unsealed } = JSON.parse(JSON.stringify(commit)) as Commit;
  expect(sha256(canonicalize(unsealed))).toBe(hash);
});
