/** Rate limits: a token bucket per principal. */
import { Recent } from '../domain/kernel/recent';
import type { Clock } from './ports';

const MAX_PRINCIPALS = 50_000;

export class RateLimiter {
  private readonly buckets = new Recent<string, { tokens: number; at: number }>(MAX_PRINCIPALS);

  /**
   * @param perSecond tokens that come back in a second
   * @param burst most tokens that a bucket holds
   */
  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    private readonly clock: Clock,
  ) {}

  /** Takes a token: 0 when there was one, else the seconds until there is. */
  take(key: string): number {
    const now = this.clock.now();
    const bucket = this.buckets.get(key) ?? { tokens: this.burst, at: now };
    bucket.tokens = Math.min(this.burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * this.perSecond);
    bucket.at = now;
    this.buckets.set(key, bucket);
    if (bucket.tokens < 1) return (1 - bucket.tokens) / this.perSecond;
    bucket.tokens -= 1;
    return 0;
  }
}
