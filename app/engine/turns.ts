/**
 * Long work among others: whoever reads much of the log does so in slices, and of all that do, one has its slice in a
 * turn of the event loop. So however many read, who writes waits for one slice.
 */

/** How long a slice is, but for what can't be divided. */
const SLICE_MS = 5;

const waiting: (() => void)[] = [];

function next(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(next);
}

/**
 * Resolves in a turn of one's own. Rejects with the signal's reason when that has aborted meanwhile: nobody waits for
 * what would be read.
 */
export async function nextTurn(signal?: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(next);
  });
  signal?.throwIfAborted();
}

/** Resolves in the next turn, whoever else waits: for what nobody may hold up, who reads least of all. */
export function soon(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Work in slices: `pause` is called between any two pieces of it. */
export class Slices {
  private began = performance.now();
  private readonly next: () => Promise<void>;

  /** @param next the turn of the next slice: one among all that read, with a signal that ends it, unless given */
  constructor(next?: AbortSignal | (() => Promise<void>)) {
    this.next = typeof next === 'function' ? next : () => nextTurn(next);
  }

  /** Whether this slice has lasted: for hot loops, which ask before they pause. */
  get over(): boolean {
    return performance.now() - this.began >= SLICE_MS;
  }

  /** Gives others their turn where this slice has lasted; rejects as `nextTurn` does. */
  async pause(): Promise<void> {
    if (!this.over) return;
    await this.next();
    this.began = performance.now();
  }
}

/** Does all steps of what is divided into them, in slices; answers what comes of it. Rejects as `nextTurn` does. */
export async function inSlices<T>(steps: Generator<undefined, T>, signal?: AbortSignal): Promise<T> {
  const slices = new Slices(signal);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    await slices.pause();
  }
}
