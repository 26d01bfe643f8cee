/** Commands that come again, and what spares a process the fold of a long stream. */
import { commandHash } from '../../app/engine/answered';
import { causeOf, settled } from '../../app/engine/command';
import { KEY_WINDOW_MS, type Snapshot } from '../../app/engine/ports';
import type { Transactor } from '../../app/engine/transact';
import { type Commit, sha256 } from '../../domain/kernel/commit';
import type { Decider } from '../../domain/kernel/decider';
import { plusSeconds, type Time, toMillis } from '../../domain/kernel/time';
import { EPOCH, range } from '../support/commits';
import { FaultyEventStore, scriptedFaults } from '../support/faults';
import { MemoryEventStore } from '../support/memory-store';
import {
  accepted,
  add,
  AGENT,
  asking,
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

/** A tally whose state stays small, so that snapshots are kept of it. */
const counter: Decider<Tally, TallyEvent> = {
  ...tally,
  evolve: (state, event) => ({ ...tally.evolve(state, event, undefined as never), ops: [] }),
};

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
    const answers = await Promise.all(range(20).map(() => once(transactor)));
    expect(new Set(answers.map(({ commit }) => commit.hash)).size).toBe(1);
    expect(answers.map(({ version, state }) => [version, state.sum])).toEqual(range(20).map(() => [1, 2]));
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(verified(store)).toHaveLength(2);
  });

  test('within one batch gets the answer of the first, between other commands', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    const answers = await Promise.all([
      once(transactor, 'opens the queue'),
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
    await Promise.all(range(1_500).map((i) => once(transactor, `key-${i}`)));
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
    await Promise.all(range(3_000).map((i) => give(transactor, i)));
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

describe('reading', () => {
  test('as it was at a time, or after a commit', async () => {
    const clock = new ManualClock();
    const transactor = transactorOn(new MemoryEventStore(), { clock });
    for (const i of range(5)) {
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
    for (const i of range(5)) {
      await transactor.transact(tally, STREAM, add(`${i}`, 1), asking());
      expect((await transactor.load(tally, STREAM)).state.sum).toBe(i + 1);
    }
  });

  test('goes through long streams page by page', async () => {
    const store = new MemoryEventStore();
    await Promise.all(
      range(1_203).map((i) =>
        transactorOn(store, { cachedStreams: 1 })
          .transact(tally, `acme/tally/${i % 2 === 0 ? 'long' : `other-${i}`}`, add(`${i}`, 1), asking())
          .catch(() => undefined),
      ),
    );
    const transactor = transactorOn(store);
    await Promise.all(range(1_203).map((i) => transactor.transact(tally, STREAM, add(`${i}`, 1), asking())));
    const indexes: number[] = [];
    for await (const commit of transactorOn(store).commits(STREAM)) indexes.push(commit.index);
    expect(indexes).toEqual(range(1_203));
    const from: number[] = [];
    for await (const commit of transactorOn(store).commits(STREAM, 1_200)) from.push(commit.index);
    expect(from).toEqual([1_200, 1_201, 1_202]);
  });

  test('keeps the streams used last in memory, and not many more', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store, { cachedStreams: 10 });
    for (const i of range(100)) await transactor.transact(tally, `acme/tally/${i}`, add('a', 1), asking());
    const kept = range(100).filter((i) => transactor.peek(`acme/tally/${i}`) !== undefined);
    expect(kept.length).toBeLessThanOrEqual(20);
    expect(kept).toEqual(expect.arrayContaining(range(10).map((i) => 90 + i)));
    expect((await transactor.load(tally, 'acme/tally/0')).state.sum).toBe(1);
  });

  test('and no more bytes of them than it may', async () => {
    const transactor = transactorOn(new MemoryEventStore(), { cachedBytes: 100_000 });
    for (const i of range(100))
      await transactor.transact(tally, `acme/tally/${i}`, add('x'.repeat(10_000), 1), asking());
    const kept = range(100).filter((i) => transactor.peek(`acme/tally/${i}`) !== undefined);
    expect(kept.length).toBeLessThanOrEqual(22);
    expect(kept).toContain(99);
  });

  test('what was then is found in a long stream without reading all before it', async () => {
    const store = new MemoryEventStore();
    const clock = new ManualClock();
    const transactor = transactorOn(store, { clock });
    for (const i of range(3_000)) {
      if (i % 3 === 0) clock.time += 1_000;
      await transactor.transact(counter, STREAM, add(`${i}`, 1), asking());
    }
    const first = (await transactor.commit(STREAM, 0))?.at as Time;
    for (const seconds of [-1, 0, 1, 499.5, 500, 998, 999, 5_000]) {
      store.reads.length = 0;
      const { state, version } = await transactorOn(store).loadAt(counter, STREAM, {
        asOf: plusSeconds(first, seconds),
      });
      const then = Math.min(3_000, Math.max(0, Math.floor(seconds) + 1) * 3);
      expect([seconds, state.sum, version]).toEqual([seconds, then, then - 1]);
      expect(store.reads.length).toBeLessThan(20);
    }
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
    expect(await transactor.cause('acme', `${STREAM}@0`)).toEqual(causeOf(commit));
    expect(await transactor.cause('acme', `${STREAM}@1`)).toBeUndefined();
  });
});

describe('snapshots', () => {
  const filled = async (count: number) => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    // Without `ops`, which grow: what a snapshot may hold is bounded.
    for (const i of range(count))
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

  test('are written every 50 commits and spare the fold from the start', async () => {
    const store = await filled(470);
    const head = await store.head(STREAM);
    expect(head?.index).toBe(469);
    expect(await store.snapshot(STREAM)).toMatchObject({ version: 1, index: 449 });
    store.reads.splice(0);
    const loaded = await transactorOn(store).load(summing, STREAM);
    expect(loaded).toMatchObject({ version: 469, state: { sum: 470 }, hash: head?.hash, at: EPOCH });
    expect(readFrom(store)).toEqual([449, 450]); // the commit that it was made from is looked at
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
    const store = await filled(470);
    const snapshot = (await store.snapshot(STREAM)) as Snapshot;
    const alien = snapshot.state as { hash: string };
    for (const wrong of [
      { ...snapshot, state: { ...alien, hash: 'f'.repeat(64) } },
      { ...snapshot, index: 448 },
      { ...snapshot, index: 9_999 },
    ]) {
      jest.spyOn(store, 'snapshot').mockResolvedValueOnce(wrong);
      expect(await transactorOn(store).load(summing, STREAM)).toMatchObject({ version: 469, state: { sum: 470 } });
    }
  });

  test('larger than 16 KB are not written', async () => {
    const store = new MemoryEventStore();
    const transactor = transactorOn(store);
    await Promise.all(
      range(420).map((i) => transactor.transact(tally, STREAM, add(`${i}`.padStart(400), 1), asking())),
    );
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
