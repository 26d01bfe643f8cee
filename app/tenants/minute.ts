/**
 * How many have come within the last minute, counted by the second: in no minute are there more than were let in. A
 * bucket of tokens would let in twice as many in the minute after a quiet one.
 */

/** Seconds that are looked back at: one more than a minute, since the first of them is perhaps not over. */
const SECONDS = 61;

export class Minute {
  private readonly counts = new Array<number>(SECONDS).fill(0);
  private total = 0;
  /** The newest second that anything was counted in; it never goes back. */
  private second = -Infinity;

  /**
   * Counts `more`, if that is no more than `most` in a minute: 0; else counts nothing, and answers the seconds until
   * there is room: Infinity where there never is.
   * @param now in milliseconds since the epoch
   */
  take(more: number, most: number, now: number): number {
    this.pass(Math.floor(now / 1_000));
    if (this.total + more <= most) {
      this.counts[this.second % SECONDS] = (this.counts[this.second % SECONDS] as number) + more;
      this.total += more;
      return 0;
    }
    let missing = this.total + more - most;
    for (let age = SECONDS - 1; age >= 0; age -= 1) {
      const at = this.second - age;
      missing -= this.counts[at % SECONDS] as number;
      if (missing <= 0) return Math.max(1, at + SECONDS - now / 1_000);
    }
    return Infinity;
  }

  /** How many there were in the last minute. */
  get size(): number {
    return this.total;
  }

  private pass(second: number): void {
    const passed = Math.min(SECONDS, second - this.second);
    for (let i = 0; i < passed; i += 1) {
      const at = (second - i) % SECONDS;
      this.total -= this.counts[at] as number;
      this.counts[at] = 0;
    }
    this.second = Math.max(this.second, second);
  }
}
