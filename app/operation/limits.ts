/** Limits per caller: of what it asks for in time, a token bucket; of streams that are open at once, a count. */
import { Recent } from '../../domain/kernel/recent';
import type { Clock } from '../engine/ports';

const MAX_CALLERS = 50_000;

export class RateLimiter {
  private readonly buckets: Recent<string, { tokens: number; at: number }>;

  /**
   * @param perSecond tokens that come back in a second
   * @param burst most tokens that a bucket holds
   * @param callers whose buckets are kept at least; who is forgotten begins with a full one
   */
  constructor(
    readonly perSecond: number,
    private readonly burst: number,
    private readonly clock: Clock,
    callers = MAX_CALLERS,
  ) {
    this.buckets = new Recent(callers);
  }

  /**
   * Takes a token: 0 when there was one, else the seconds until there is.
   * @param most tokens that come back for this key in a second, and that its bucket holds, where that is less
   */
  take(key: string, most?: number): number {
    const pace = this.pace(most);
    const bucket = this.refilled(key, pace);
    if (bucket.tokens < 1) return (1 - bucket.tokens) / pace.perSecond;
    bucket.tokens -= 1;
    return 0;
  }

  /** The seconds until there is a token; none is taken. */
  wait(key: string): number {
    return Math.max(0, (1 - this.refilled(key).tokens) / this.perSecond);
  }

  /** Puts a token back that was taken for nothing. */
  giveBack(key: string): void {
    const bucket = this.refilled(key);
    bucket.tokens = Math.min(this.burst, bucket.tokens + 1);
  }

  /**
   * Takes tokens for what costs as much as several requests, also more than there are: they are missing later. Nobody
   * owes more than a whole bucket and the last request: what many at once turn out to cost keeps nobody out for long.
   */
  spend(key: string, tokens: number, most?: number): void {
    const pace = this.pace(most);
    const bucket = this.refilled(key, pace);
    bucket.tokens = Math.max(-(pace.burst + tokens), bucket.tokens - tokens);
  }

  private pace(most = Infinity): { readonly perSecond: number; readonly burst: number } {
    const { perSecond, burst } = this;
    return most < perSecond ? { perSecond: most, burst: Math.min(most, burst) } : { perSecond, burst };
  }

  private refilled(key: string, { perSecond, burst } = this.pace()): { tokens: number } {
    const now = this.clock.now();
    const bucket = this.buckets.get(key) ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    this.buckets.set(key, bucket);
    return bucket;
  }
}

/** How much of a kind one caller has under way at once. */
export class AtOnce {
  private readonly open = new Map<string, number>();

  constructor(readonly most: number) {}

  /** Counts one more until `over` aborts or what is returned is called; undefined when there are as many as may be. */
  enter(key: string, over: AbortSignal): (() => void) | undefined {
    const count = this.open.get(key) ?? 0;
    if (count >= this.most) return undefined;
    this.open.set(key, count + 1);
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      over.removeEventListener('abort', leave);
      const rest = (this.open.get(key) ?? 1) - 1;
      if (rest > 0) this.open.set(key, rest);
      else this.open.delete(key);
    };
    over.addEventListener('abort', leave);
    if (over.aborted) leave();
    return leave;
  }
}
