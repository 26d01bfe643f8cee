/**
 * Long work among others: whoever reads much of the log does so in slices, and of all that do, one has its slice in a
 * turn of the event loop: the tenants in turn, so that however many read for one, another waits for one of them. So
 * however many read, who writes waits for one slice. And while the loop has no moment without work, all that read have
 * a tenth of it together: turns are short, so that one slice in each would be most of the time.
 */

/** How long a slice is, but for what can't be divided. */
const SLICE_MS = 5;
/** For how many times as long as a slice took a busy loop does other work after it. */
const OTHERS_TIMES = 9;

interface Waiting {
  readonly go: () => void;
  readonly signal: AbortSignal | undefined;
}
/** Those that wait, by tenant; the first tenant is the one whose turn it is. */
const tenants = new Map<string, Waiting[]>();
/** When the next slice may begin however busy the loop is, and the idle time of the loop when the last one began. */
let rested = -Infinity;
let idleBefore = 0;

function next(): void {
  dropLeft();
  const [first] = tenants;
  if (first === undefined) return;
  const now = performance.now();
  const { idle } = performance.eventLoopUtilization();
  if (now < rested && idle === idleBefore) {
    // A loop that has nothing to do waits for this, and that shows.
    setTimeout(next, 1);
    return;
  }
  idleBefore = idle;
  const [tenant, queue] = first;
  tenants.delete(tenant);
  queue.shift()?.go();
  if (queue.length > 0) tenants.set(tenant, queue);
  // All that goes on at once when it resolves has been done before the next tick.
  queueMicrotask(() =>
    process.nextTick(() => {
      const ended = performance.now();
      rested = ended + OTHERS_TIMES * (ended - now);
    }),
  );
  if (tenants.size > 0) setImmediate(next);
}

/** Of those that nobody waits for any more none has a slice: whoever is behind them would wait for nothing. */
function dropLeft(): void {
  for (const [tenant, queue] of tenants) {
    while (queue[0]?.signal?.aborted === true) queue.shift()?.go();
    if (queue.length > 0) return;
    tenants.delete(tenant);
  }
}

/**
 * Resolves in a turn of one's own. Rejects with the signal's reason when that has aborted meanwhile: nobody waits for
 * what would be read.
 * @param tenant whose log is read; `PLATFORM` where it is that of all
 */
export async function nextTurn(tenant: string, signal?: AbortSignal): Promise<void> {
  await new Promise<void>((go) => {
    const queue = tenants.get(tenant);
    if (tenants.size === 0) setImmediate(next);
    if (queue === undefined) tenants.set(tenant, [{ go, signal }]);
    else queue.push({ go, signal });
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
  /** Whoever comes while others wait for their slice waits behind them after its first piece. */
  private joins: boolean;

  /**
   * @param whose the tenant whose log is read: then the next slice is one among all that read, as `nextTurn` gives it,
   * until `signal` aborts; or what gives the turn of the next slice
   */
  constructor(whose: string | (() => Promise<void>), signal?: AbortSignal) {
    this.joins = typeof whose === 'string';
    this.next = typeof whose === 'string' ? () => nextTurn(whose, signal) : whose;
  }

  /** Whether this slice has lasted: for hot loops, which ask before they pause. */
  get over(): boolean {
    return performance.now() - this.began >= SLICE_MS || (this.joins && tenants.size > 0);
  }

  /** Gives others their turn where this slice has lasted; rejects as `nextTurn` does. */
  async pause(): Promise<void> {
    if (!this.over) return;
    await this.next();
    this.joins = false;
    this.began = performance.now();
  }
}

/** Does all steps of what is divided into them, in slices; answers what comes of it. Rejects as `nextTurn` does. */
export async function inSlices<T>(steps: Generator<undefined, T>, tenant: string, signal?: AbortSignal): Promise<T> {
  const slices = new Slices(tenant, signal);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    await slices.pause();
  }
}
