/**
 * How long things take of late. What has not ended counts by its age: else nothing would seem to take long while it
 * does, least of all what never ends.
 */

interface Begun {
  readonly since: number;
}

/** Of what ended since the last look, and of what was under way at it, in milliseconds. */
export interface Taken {
  /** An age says no more than that it takes at least so long: it counts where that is more than others took. */
  readonly mean: number;
  readonly longest: number;
}

/** Times are milliseconds of any one clock. */
export class Delays {
  private readonly begun = new Set<Begun>();
  private ended = 0;
  private sum = 0;
  private longest = 0;

  /** @param countsFrom nothing before this is a delay; until it is known, nothing is */
  constructor(private countsFrom = -Infinity) {}

  /** Delays count from that time on; the first such time stands. */
  countFrom(time: number): void {
    this.countsFrom = Math.min(this.countsFrom, time);
  }

  /** Something is under way; what is returned ends it. */
  begin(since: number): (now: number) => void {
    const mine: Begun = { since };
    this.begun.add(mine);
    return (now) => {
      if (!this.begun.delete(mine)) return;
      const took = this.ageOf(mine, now);
      this.ended += 1;
      this.sum += took;
      this.longest = Math.max(this.longest, took);
    };
  }

  /** The age of the oldest that is under way; 0 when nothing is. */
  oldest(now: number): number {
    let oldest = 0;
    for (const one of this.begun) oldest = Math.max(oldest, this.ageOf(one, now));
    return oldest;
  }

  /** Since this was asked last. */
  take(now: number): Taken {
    const { ended, sum } = this;
    const took = ended === 0 ? 0 : sum / ended;
    const longest = Math.max(this.longest, this.oldest(now));
    this.ended = this.sum = this.longest = 0;
    const longer = [...this.begun].map((one) => this.ageOf(one, now)).filter((age) => age > took);
    const all = longer.reduce((total, age) => total + age, sum);
    return { mean: ended + longer.length === 0 ? 0 : all / (ended + longer.length), longest };
  }

  private ageOf({ since }: Begun, now: number): number {
    return Math.max(0, now - Math.max(since, this.countsFrom));
  }
}
