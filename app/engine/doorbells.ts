/**
 * Long polls: somebody looks, waits for a bell, looks again. The bell is hung up before the look, so what comes while
 * somebody looks is not missed, however long a look takes.
 */
export interface Wait<T> {
  /** Milliseconds to wait at most. */
  readonly milliseconds: number;
  /** So often, while nothing rings, somebody looks all the same; or only says with `idle` that it waits still. */
  readonly everyMs?: number;
  readonly idle?: () => void;
  readonly signal?: AbortSignal;
  readonly look: () => Promise<T>;
  /** Whether there is something to answer with. */
  readonly enough: (found: T) => boolean;
}

export class Doorbells {
  private readonly bells = new Map<string, Set<() => void>>();
  private stopped = false;

  /**
   * Looks until it is enough, the time is over, `signal` aborts or all waiting ends; answers what the last look has
   * found.
   */
  async until<T>(key: string, { milliseconds, everyMs = Infinity, idle, signal, look, enough }: Wait<T>): Promise<T> {
    const end = performance.now() + milliseconds;
    // A timer is told no time that is over.
    const left = () => Math.max(0, end - performance.now());
    for (;;) {
      const bell = this.hang(key, signal);
      try {
        const found = await look();
        if (enough(found) || left() <= 0 || this.stopped || signal?.aborted === true) return found;
        while (!(await bell.rung(Math.min(left(), everyMs))) && idle !== undefined && left() > 0) idle();
      } finally {
        bell.remove();
      }
    }
  }

  ring(key: string): void {
    for (const ring of this.bells.get(key) ?? []) ring();
  }

  /** Ends all waiting, for good. */
  stop(): void {
    this.stopped = true;
    for (const key of [...this.bells.keys()]) this.ring(key);
  }

  private hang(
    key: string,
    signal: AbortSignal | undefined,
  ): { rung(milliseconds: number): Promise<boolean>; remove(): void } {
    const bells = this.bells.get(key) ?? new Set();
    this.bells.set(key, bells);
    let timer: NodeJS.Timeout | undefined;
    let ring: () => void = () => undefined;
    const heard = new Promise<boolean>((resolve) => (ring = () => resolve(true)));
    bells.add(ring);
    signal?.addEventListener('abort', ring);
    return {
      // False when it has not rung within that time.
      rung: (milliseconds) =>
        Promise.race([heard, new Promise<boolean>((resolve) => (timer = setTimeout(resolve, milliseconds, false)))]),
      remove: () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', ring);
        bells.delete(ring);
        if (bells.size === 0 && this.bells.get(key) === bells) this.bells.delete(key);
      },
    };
  }
}
