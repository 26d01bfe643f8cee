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
          await nextTurn('t');
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
  const turns = await turnsDuring(
    async () =>
      (result = await inSlices(
        busy(60, () => undefined),
        't',
      )),
  );
  expect(result).toBe(60);
  expect(turns).toBeGreaterThan(10);
});

test('what nobody waits for any more ends', async () => {
  const gone = new AbortController();
  let steps = 0;
  const work = inSlices(
    busy(1_000, () => (steps += 1)),
    't',
    gone.signal,
  );
  await immediate();
  gone.abort(new Error('the caller has gone'));
  await expect(work).rejects.toThrow('the caller has gone');
  expect(steps).toBeLessThan(500);
  const next = nextTurn('t');
  await expect(nextTurn('t', AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  await next;
});

/** Uses the processor for so long, by the time of this thread: what others take of the machine is not in it. */
function spend(milliseconds: number): void {
  const until = busyMs() + milliseconds;
  while (busyMs() < until);
}

function busyMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

test('the tenants have their slices in turn, however many read for one', async () => {
  const order: string[] = [];
  const read = async (tenant: string): Promise<void> => {
    await nextTurn(tenant);
    order.push(tenant);
  };
  const reading = Array.from({ length: 50 }, () => read('noisy'));
  reading.push(read('quiet'), read('quiet'), read('other'));
  await Promise.all(reading);
  expect(order.slice(0, 5)).toEqual(['noisy', 'quiet', 'other', 'noisy', 'quiet']);
});

test('those that nobody waits for any more keep nobody behind them waiting', async () => {
  let going = true;
  let turns = 0;
  const work = (): void => {
    spend(5);
    turns += 1;
    if (going) setImmediate(work);
  };
  setImmediate(work);
  const gone = new AbortController();
  const left = Promise.allSettled(Array.from({ length: 200 }, () => nextTurn('t', gone.signal)));
  const next = nextTurn('t');
  gone.abort(new Error('the caller has gone'));
  await next;
  going = false;
  expect((await left).at(-1)).toMatchObject({ status: 'rejected', reason: { message: 'the caller has gone' } });
  // With a turn for each of them it would be more than there are.
  expect(turns).toBeLessThan(100);
});

/** So many milliseconds others work, at least, so that a share is one of several slices. */
const BESIDE_MS = 1_000;

/**
 * The share of the time that three readers had in slices of so many milliseconds, beside others that work without a
 * pause: by the clock, as that is what the readers' share is of; whatever else takes of the machine lengthens both.
 */
async function shareBeside(slice: number): Promise<number> {
  let [slices, reading, others] = [0, 0, 0];
  let going = true;
  // When a slice may begin, what is owed for those before it has been given.
  const isEnough = (): boolean => others >= BESIDE_MS && slices >= 4;
  const timed = (milliseconds: number): number => {
    const began = performance.now();
    spend(milliseconds);
    return performance.now() - began;
  };
  const work = (): void => {
    others += timed(2);
    if (going) setImmediate(work);
  };
  setImmediate(work);
  await Promise.all(
    Array.from({ length: 3 }, async () => {
      while (going) {
        await nextTurn('t');
        going &&= !isEnough();
        if (!going) return;
        reading += timed(slice);
        slices += 1;
      }
    }),
  );
  return reading / (reading + others);
}

test.each([1, 5, 20])(
  'while the loop is busy, those that read have a tenth of it together: of %d ms',
  async (slice) => {
    const share = await shareBeside(slice);
    expect(share).toBeGreaterThan(0.01);
    // In each turn one slice of 5 ms beside 2 ms of work is most of the time, and by number one of 20 ms is.
    expect(share).toBeLessThan(0.3);
  },
);

test('while the loop has moments without work, those that read do not wait', async () => {
  const readers = Array.from({ length: 3 }, async () => {
    for (let slice = 0; slice < 20; slice += 1) {
      await nextTurn('t');
      spend(5);
    }
  });
  const { idle } = performance.eventLoopUtilization();
  await Promise.all(readers);
  // Where they wait the loop is idle for nine times as long as they read, which is 300 ms.
  expect(performance.eventLoopUtilization().idle - idle).toBeLessThan(4 * 300);
});
