/**
 * Long polls: somebody looks, waits for a bell, looks again. The bell is hung up before the look, so what comes while
 * somebody looks is not missed, however long a look takes.
 */
export interface Wait<T> {
  /** Milliseconds to wait at most. */
  readonly milliseconds: number;
  /** Looks at least so often, though nothing rings. */
  readonly everyMs?: number;
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
  async until<T>(key: string, { milliseconds, everyMs = Infinity, signal, look, enough }: Wait<T>): Promise<T> {
    const end = performance.now() + milliseconds;
    for (;;) {
      const bell = this.hang(key, signal);
      try {
        const found = await look();
        const left = end - performance.now();
        if (enough(found) || left <= 0 || this.stopped || signal?.aborted === true) return found;
        await bell.rung(Math.min(left, everyMs));
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
  ): { rung(milliseconds: number): Promise<void>; remove(): void } {
    const bells = this.bells.get(key) ?? new Set();
    this.bells.set(key, bells);
    let timer: NodeJS.Timeout | undefined;
    let ring: () => void = () => undefined;
    const heard = new Promise<void>((resolve) => (ring = resolve));
    bells.add(ring);
    signal?.addEventListener('abort', ring);
    return {
      rung: (milliseconds) => {
        timer = setTimeout(ring, milliseconds);
        return heard;
      },
      remove: () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', ring);
        bells.delete(ring);
        if (bells.size === 0 && this.bells.get(key) === bells) this.bells.delete(key);
      },
    };
  }
}
