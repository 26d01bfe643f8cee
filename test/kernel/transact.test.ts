import { type Cause, causeOf, type Outcome } from '../../app/engine/command';
import { StoreUnavailable } from '../../app/engine/reachable';
import type { Committed } from '../../app/engine/streams';
import { MAX_CAUSATION_DEPTH } from '../../app/engine/transact';
import { nextTurn } from '../../app/engine/turns';
import { canonicalize, type Commit, MAX_COMMIT_BYTES, sha256 } from '../../domain/kernel/commit';
import type { Decider } from '../../domain/kernel/decider';
import { toMillis } from '../../domain/kernel/time';
import { EPOCH, range } from '../support/commits';
import { MemoryEventStore } from '../support/memory-store';
import {
  accepted,
  add,
  ALLOW,
  asking,
  fill,
  keyed,
  ManualClock,
  refused,
  STREAM,
  take,
  type Tally,
  tally,
  type TallyEvent,
  transactorOn,
  verified,
} from '../support/transacting';

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

describe('the queue of a stream', () => {
  test('sends commands that came together in few appends, each its own commit, in the order they came', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    const outcomes = await Promise.all(
      range(1_000).map((i) => transactor.transact(tally, STREAM, add(`op-${i}`, 1), asking())),
    );
    expect(store.calls.append).toBeLessThanOrEqual(1 + Math.ceil(999 / 99));
    expect(outcomes.map((outcome) => accepted(outcome).version)).toEqual(range(1_000));
    expect(outcomes.map((outcome) => accepted(outcome).state.sum)).toEqual(range(1_000).map((i) => i + 1));
    expect(verified(store)).toHaveLength(1_000);
    expect(accepted(outcomes[999] as Outcome<Tally, TallyEvent>).state.ops).toEqual(range(1_000).map((i) => `op-${i}`));
  });

  test('lets each decision see the one before it', async () => {
    const transactor = transactorOn(new MemoryEventStore());
    const outcomes = await Promise.all([
      transactor.transact(tally, STREAM, add('a', 10), asking()),
      ...range(15).map((i) => transactor.transact(tally, STREAM, take(`t-${i}`, 1), asking())),
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
      range(10).map(() => transactor.transact(tally, STREAM, add('a', 1), asking({ expectedVersion: -1 }))),
    );
    expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, ...range(9).map(() => false)]);
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

  test('a stream that several load at once is read once for them, and anew for who knows of a later commit', async () => {
    const store = new MemoryEventStore();
    const writer = transactorOn(store);
    accepted(await writer.transact(tally, STREAM, add('a', 1), asking()));
    const reader = transactorOn(store);
    const before = { ...store.calls };
    const versions = await Promise.all(range(3).map(async () => (await reader.load(tally, STREAM)).version));
    expect(versions).toEqual([0, 0, 0]);
    expect(store.calls).toEqual({ ...before, read: before.read + 1, snapshot: before.snapshot + 1 });

    let goOn = (): void => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const read = store.read.bind(store);
    store.read = async (...asked) => {
      const found = await read(...asked);
      await held;
      return found;
    };
    const late = transactorOn(store);
    const reads = store.calls.read;
    const first = late.load(tally, STREAM);
    while (store.calls.read === reads) await Promise.resolve();
    accepted(await writer.transact(tally, STREAM, add('b', 1), asking()));
    await late.catchUp(STREAM, 1);
    const second = late.load(tally, STREAM);
    goOn();
    expect((await first).version).toBe(0);
    expect((await second).version).toBe(1);
    expect((await late.load(tally, STREAM)).version).toBe(1);
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
    for (const depth of range(MAX_CAUSATION_DEPTH)) {
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

test('a receipt can be checked by anyone: its hash is over its canonical bytes', async () => {
  const store = new MemoryEventStore();
  const { commit } = accepted(await transactorOn(store).transact(tally, STREAM, add('a', 1), asking()));
  const { hash, ...unsealed } = JSON.parse(JSON.stringify(commit)) as Commit;
  expect(sha256(canonicalize(unsealed))).toBe(hash);
});

test('the state that a command needs waits for none of those that only read', async () => {
  const store = new MemoryEventStore();
  const writer = transactorOn(store);
  await Promise.all(range(250).map((n) => writer.transact(tally, STREAM, add(`op-${n}`, 1), asking())));
  let waiting = 30;
  const readers = range(waiting).map(async () => {
    await nextTurn('acme');
    waiting -= 1;
  });
  // Of another version, so that no snapshot helps.
  const { state } = await transactorOn(store).load({ ...tally, version: 2 }, STREAM);
  expect(state.sum).toBe(250);
  expect(waiting).toBeGreaterThan(15);
  await Promise.all(readers);
});
