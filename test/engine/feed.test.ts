/** The feed over real stores: what it promises when consumers, checkpoints and queues fail, and processes die. */
import fc from 'fast-check';
import { commitRef } from '../../domain/kernel/ids';
import { range } from '../support/commits';
import { eventually } from '../support/eventually';
import { FaultyEventStore, randomFaults } from '../support/faults';
import {
  Diary,
  failing,
  gate,
  mended,
  newStage,
  of,
  refs,
  reported,
  stage,
  start,
  statusOf,
  write,
  X,
  Y,
} from './feed-stage';

/** Commits that the feed reads at a time, and pages that it lets a consumer be behind. */
const PAGE = 500;
const OUTSTANDING = 4;

describe('delivery', () => {
  test('every commit comes to every consumer, in order per stream, however the streams are written', async () => {
    const writes = fc.array(
      fc.record({ stream: fc.constantFrom(X, Y), count: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constant(400)) }),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(writes, async (plan) => {
        newStage();
        const diaries = [new Diary('a'), new Diary('b', () => new Promise((resolve) => setImmediate(resolve)))];
        const one = await start(diaries);
        for (const { stream, count } of plan) await write(one, stream, count);
        await one.feed.settled();
        for (const { calls, handled } of diaries) {
          expect(handled.length).toBe(stage.log().length);
          for (const stream of [X, Y])
            expect(calls.flat().filter((ref) => ref.startsWith(stream))).toEqual(refs(stage.stream(stream)));
        }
        one.crash();
      }),
      { numRuns: 10 },
    );
  });

  test('pages that come again, late or not at all at first leave nothing out', async () => {
    for (const seed of [1, 2, 3]) {
      newStage();
      const diary = new Diary('a');
      const one = await start(
        [diary],
        (store) => new FaultyEventStore(store, randomFaults(seed, { feed: { again: 0.4, slow: 0.3, fails: 0.1 } })),
      );
      for (let i = 0; i < 10; i += 1) {
        await write(one, i % 2 === 0 ? X : Y, 3);
        await one.feed.settled();
      }
      for (const stream of [X, Y])
        expect([...new Set(diary.handled)].filter((ref) => ref.startsWith(stream))).toEqual(of(stream, ...range(15)));
      one.crash();
    }
  });

  test('a log that can not be read is said so, and read on as soon as it can', async () => {
    const diary = new Diary('a');
    const one = await start([diary]);
    failing('store.feed');
    await write(one, X, 3);
    await eventually(() => reported('the feed could not be read').length > 0);
    expect(diary.handled).toEqual([]);
    mended();
    await one.feed.settled();
    expect(diary.handled).toEqual(of(X, 0, 1, 2));
  });

  test('a consumer that stands still holds up the reader after a few pages, and misses none of them', async () => {
    const door = gate();
    const [slow, quick] = [new Diary('slow', door.wait), new Diary('quick')];
    const one = await start([slow, quick]);
    await write(one, X, (OUTSTANDING + 2) * PAGE);
    await eventually(() => slow.calls.flat().length >= OUTSTANDING);
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(slow.calls.length).toBe(quick.calls.length);
    expect(quick.handled.length).toBeLessThan((OUTSTANDING + 2) * PAGE);
    door.open();
    await one.feed.settled();
    expect(slow.calls.flat()).toEqual(refs(stage.stream(X)));
    expect(quick.calls.flat()).toEqual(refs(stage.stream(X)));
  });
});

describe('checkpoints', () => {
  test('whatever happens, nothing is skipped; what a stop has saved does not come again', async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('write' as const),
          stream: fc.constantFrom(X, Y),
          count: fc.integer({ min: 1, max: 700 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constantFrom('settle' as const, 'crash' as const, 'stop' as const) }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        newStage();
        const wrong: string[] = [];
        const everHandled = new Set<string>();
        const saved = new Set<string>();
        /** A process until it ends: what it has handled, which its death leaves as it is. */
        const begin = async () => {
          let alive = true;
          const handled = new Set<string>();
          const expected = new Map<string, number>();
          const diary = new Diary('a', async (commits) => {
            for (const { stream, index } of commits) {
              const ref = commitRef(stream, index);
              if (saved.has(ref)) wrong.push(`${ref} came again after it was saved`);
              if (index !== (expected.get(stream) ?? index))
                wrong.push(`${ref} came instead of ${expected.get(stream)}`);
              expected.set(stream, index + 1);
            }
            await new Promise((resolve) => setImmediate(resolve));
            if (alive) for (const ref of refs(commits)) handled.add(ref);
          });
          const process = await start([diary]);
          const end = () => {
            alive = false;
            for (const ref of handled) everHandled.add(ref);
          };
          return { process, handled, end };
        };
        let life = await begin();
        for (const one of steps) {
          if (one.do === 'write') await write(life.process, one.stream, one.count);
          else if (one.do === 'settle') await life.process.feed.settled();
          else {
            if (one.do === 'crash') life.process.crash();
            else {
              await life.process.feed.stop();
              for (const ref of life.handled) saved.add(ref);
            }
            life.end();
            life = await begin();
          }
        }
        await life.process.feed.settled();
        life.end();
        life.process.crash();
        expect(wrong).toEqual([]);
        expect([...everHandled].sort()).toEqual(refs(stage.log()).sort());
      }),
      { numRuns: 25 },
    );
  });

  test('they are saved on the way; after a crash comes what came since', async () => {
    const first = await start([new Diary('a')]);
    await write(first, X, 3);
    await first.feed.settled();
    const end = await first.ports.store.end();
    await eventually(async () => (await first.ports.checkpoints.load('a')) === end);
    failing('checkpoints.save');
    await write(first, X, 2);
    await first.feed.settled();
    first.crash();
    mended();
    const again = new Diary('a');
    const second = await start([again]);
    expect(await statusOf(second, 'a')).toMatchObject({ consumer: 'a', lag: 2, parked: 0, delay_seconds: null });
    await second.feed.settled();
    expect(again.handled).toEqual(of(X, 3, 4));
  });

  test('they never pass what is still being handled', async () => {
    const stuck = new Diary('a', (commits) => (commits[0]?.index === 0 ? undefined : new Promise(() => undefined)));
    const first = await start([stuck]);
    await write(first, X, 3);
    await first.feed.settled();
    const end = await first.ports.store.end();
    await write(first, X, 2);
    await eventually(async () => (await first.ports.checkpoints.load('a')) === end);
    first.crash();
    const again = new Diary('a');
    await (await start([again])).feed.settled();
    expect(again.handled).toEqual(of(X, 3, 4));
  });

  test('one that can not be saved is said so, keeps nobody waiting and is saved later', async () => {
    const diary = new Diary('a');
    const one = await start([diary, new Diary('b')]);
    stage.mishaps = (port, method, [name]) =>
      port === 'checkpoints' && method === 'save' && name === 'a' ? 'fails' : undefined;
    await write(one, X, 3);
    await one.feed.settled();
    await write(one, X, 1);
    await one.feed.settled();
    expect(diary.handled).toEqual(of(X, 0, 1, 2, 3));
    const end = await one.ports.store.end();
    await eventually(async () => (await one.ports.checkpoints.load('b')) === end);
    expect(reported('a checkpoint could not be saved')).toContainEqual({
      consumer: 'a',
      error: 'Error: checkpoints.save failed before it did anything',
    });
    expect(await one.ports.checkpoints.load('a')).toBeUndefined();
    mended();
    await one.feed.stop();
    expect(await one.ports.checkpoints.load('a')).toBe(end);
  });

  test.each([[['a', 'b']], [['b', 'a']]])(
    'consumers at different places each go on from their own (%s)',
    async (order) => {
      const early = await start([new Diary('a')]);
      await write(early, X, 3);
      await early.feed.settled();
      await early.feed.stop();
      const later = await start([new Diary('b')]);
      await write(later, X, 3);
      await later.feed.settled();
      await later.feed.stop();
      const diaries = order.map((name) => new Diary(name));
      const both = await start(diaries);
      expect([await statusOf(both, 'a'), await statusOf(both, 'b')]).toMatchObject([{ lag: 3 }, { lag: 0 }]);
      await write(both, Y, 1);
      await both.feed.settled();
      // For the one that is ahead, what the other one still needs is a redelivery.
      for (const { handled } of diaries) expect(handled).toEqual([...of(X, 3, 4, 5), ...of(Y, 0)]);
    },
  );

  test('a consumer that is added later gets everything from the beginning', async () => {
    const first = await start([new Diary('a')]);
    await write(first, X, 3);
    await first.feed.settled();
    await first.feed.stop();
    const [known, added] = [new Diary('a'), new Diary('added')];
    const second = await start([known, added]);
    await write(second, X, 1);
    await second.feed.settled();
    expect(added.handled).toEqual(of(X, 0, 1, 2, 3));
    expect(known.handled).toContain(commitRef(X, 3));
    await second.feed.stop();
    const third = await start([new Diary('a'), new Diary('added')]);
    expect(await third.feed.status()).toMatchObject([{ lag: 0 }, { lag: 0 }]);
  });
});

test('settled waits for the slowest consumer, and status says meanwhile how far each is behind', async () => {
  const door = gate();
  const one = await start([new Diary('slow', door.wait), new Diary('quick')]);
  expect(await one.feed.status()).toMatchObject([
    { consumer: 'slow', lag: 0, parked: 0 },
    { consumer: 'quick', lag: 0, parked: 0 },
  ]);
  await write(one, X, 7);
  await eventually(async () => (await statusOf(one, 'quick'))?.lag === 0);
  expect(await one.feed.status()).toMatchObject([
    { consumer: 'slow', lag: 7, parked: 0 },
    { consumer: 'quick', lag: 0, parked: 0 },
  ]);
  let settled = false;
  const waiting = one.feed.settled().then(() => (settled = true));
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(settled).toBe(false);
  door.open();
  await waiting;
  expect(await one.feed.status()).toMatchObject([
    { consumer: 'slow', lag: 0, parked: 0 },
    { consumer: 'quick', lag: 0, parked: 0 },
  ]);
});

test('what a new consumer finds is no delay of this process; what waits after that is', async () => {
  const first = await start([new Diary('a')]);
  await write(first, X, 3 * PAGE);
  await first.feed.settled();
  await first.feed.stop();
  // A page takes an hour.
  const second = await start([new Diary('a'), new Diary('added', () => void (stage.clock.time += 3_600_000))]);
  await second.feed.settled();
  expect(second.feed.takeDelay()).toBe(0);
  await write(second, X, 1);
  await second.feed.settled();
  expect(second.feed.takeDelay()).toBeGreaterThanOrEqual(3_600);
});

test('what a consumer has not handled is late by its age, as long as it takes', async () => {
  const door = gate();
  const one = await start([new Diary('slow', door.wait), new Diary('quick')]);
  await one.feed.settled();
  await write(one, X, 1);
  await eventually(async () => (await statusOf(one, 'quick'))?.lag === 0);
  one.feed.takeDelay();
  for (const seconds of [600, 1_200]) {
    stage.clock.time += 600_000;
    expect(one.feed.takeDelay()).toBeCloseTo(seconds, 0);
    expect((await statusOf(one, 'slow'))?.delay_seconds).toBeCloseTo(seconds, 0);
  }
  door.open();
  await one.feed.settled();
  expect(one.feed.takeDelay()).toBeCloseTo(1_200, 0);
  expect(one.feed.takeDelay()).toBe(0);
});
