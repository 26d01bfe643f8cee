/** Long work in slices: one at a time in a turn of the event loop, however many there are, and until nobody waits. */
import { setImmediate as immediate } from 'node:timers/promises';
import { inSlices, nextTurn } from '../../app/engine/turns';

/** Counts turns of the event loop until `work` is done. */
async function turnsDuring(work: (turn: () => number) => Promise<unknown>): Promise<number> {
  let turns = 0;
  let going = true;
  const count = (): void => {
    turns += 1;
    if (going) setImmediate(count);
  };
  setImmediate(count);
  await work(() => turns);
  going = false;
  return turns;
}

/** Uses the processor for some milliseconds, and counts. */
function* busy(steps: number, done: () => void): Generator<undefined, number> {
  for (let step = 0; step < steps; step += 1) {
    for (const until = performance.now() + 2; performance.now() < until;);
    done();
    yield;
  }
  return steps;
}

test('of many that read, one has its slice in a turn', async () => {
  const inTurn = new Map<number, number>();
  await turnsDuring(async (turn) => {
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let slice = 0; slice < 5; slice += 1) {
          await nextTurn();
          inTurn.set(turn(), (inTurn.get(turn()) ?? 0) + 1);
        }
      }),
    );
  });
  expect([...inTurn.values()].reduce((sum, each) => sum + each, 0)).toBe(100);
  // Ours is counted before or after theirs.
  expect(Math.max(...inTurn.values())).toBeLessThanOrEqual(2);
});

test('others have their turn while something is done step by step', async () => {
  let result = 0;
  const turns = await turnsDuring(async () => (result = await inSlices(busy(60, () => undefined))));
  expect(result).toBe(60);
  expect(turns).toBeGreaterThan(10);
});

test('what nobody waits for any more ends', async () => {
  const gone = new AbortController();
  let steps = 0;
  const work = inSlices(
    busy(1_000, () => (steps += 1)),
    gone.signal,
  );
  await immediate();
  gone.abort(new Error('the caller has gone'));
  await expect(work).rejects.toThrow('the caller has gone');
  expect(steps).toBeLessThan(500);
  const next = nextTurn();
  await expect(nextTurn(AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  await next;
});

/** Uses the processor. */
function spend(milliseconds: number): void {
  for (const until = performance.now() + milliseconds; performance.now() < until;);
}

test('those that nobody waits for any more keep nobody behind them waiting', async () => {
  let going = true;
  let turns = 0;
  const work = (): void => {
    spend(1);
    turns += 1;
    if (going) setImmediate(work);
  };
  setImmediate(work);
  const gone = new AbortController();
  const left = Promise.allSettled(Array.from({ length: 200 }, () => nextTurn(gone.signal)));
  const next = nextTurn();
  gone.abort(new Error('the caller has gone'));
  await next;
  going = false;
  expect((await left).at(-1)).toMatchObject({ status: 'rejected', reason: { message: 'the caller has gone' } });
  // With a turn for each of them it would be more than there are.
  expect(turns).toBeLessThan(100);
});

/** How many slices of so many milliseconds three readers had, and how many milliseconds others worked meanwhile. */
async function shared(slice: number, busyLoop: boolean): Promise<{ slices: number; share: number }> {
  const end = performance.now() + 600;
  let slices = 0;
  let others = 0;
  const work = (): void => {
    if (performance.now() >= end) return;
    spend(2);
    others += 2;
    setImmediate(work);
  };
  if (busyLoop) setImmediate(work);
  await Promise.all(
    Array.from({ length: 3 }, async () => {
      while (performance.now() < end) {
        await nextTurn();
        if (performance.now() >= end) return;
        spend(slice);
        slices += 1;
      }
    }),
  );
  return { slices, share: (slice * slices) / (slice * slices + others) };
}

test('while the loop is busy, those that read have a tenth of it together; while it is not, they do not wait', async () => {
  const beside = await shared(5, true);
  expect(beside.slices).toBeGreaterThan(0);
  // A busy neighbour makes what is spent longer, for either of them.
  expect(beside.share).toBeLessThan(0.2);
  const alone = await shared(5, false);
  expect(alone.slices).toBeGreaterThan(2 * beside.slices);
});

test.each([1, 20])('a tenth of the time it is, not of the slices: of %d ms each', async (slice) => {
  const { share } = await shared(slice, true);
  expect(share).toBeGreaterThan(0.03);
  // By slices it is a half of the time where they are long; a busy machine makes any slice longer.
  expect(share).toBeLessThan(0.3);
});
