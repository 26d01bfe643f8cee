/**
 * The deadlines that are known to stand, as far as this process has written them: an earlier one that stands makes a
 * later one needless, since whoever looks then asks for the next.
 */
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import type { Clock, Deadline } from './ports';

/** Size from which on what vouches for nothing any more is cleared away, when it has doubled since the last time. */
const SWEPT_FROM = 1_024;

export class StandingDeadlines {
  /** When each is due, by `stream reason`. */
  private readonly times = new Map<string, Time>();
  private sweptAt = SWEPT_FROM;

  constructor(
    private readonly clock: Clock,
    /**
     * Seconds by which the clock of another process that fires deadlines may be ahead of this one's: so long before its
     * time a deadline may be gone. 0 where no other process fires any.
     */
    private readonly aheadSeconds: number,
  ) {}

  /** How many are remembered. */
  get size(): number {
    return this.times.size;
  }

  /** Of each stream and reason the earliest, if none that stands is earlier. */
  needed(deadlines: readonly Deadline[]): Deadline[] {
    const needed = new Map<string, Deadline>();
    const gone = this.goneBy();
    for (const deadline of deadlines) {
      const name = nameOf(deadline);
      const standing = this.times.get(name);
      const stands = standing !== undefined && standing <= deadline.due && standing > gone;
      const other = needed.get(name);
      if (!stands && (other === undefined || deadline.due < other.due)) needed.set(name, deadline);
    }
    return [...needed.values()];
  }

  /** When another one is due that stands for the same. */
  other(deadline: Deadline): Time | undefined {
    const standing = this.times.get(nameOf(deadline));
    return standing === deadline.due ? undefined : standing;
  }

  /** These were written. */
  written(deadlines: readonly Deadline[]): void {
    const gone = this.goneBy();
    for (const deadline of deadlines) {
      const name = nameOf(deadline);
      const standing = this.times.get(name);
      if (standing === undefined || deadline.due < standing || standing <= gone) this.times.set(name, deadline.due);
    }
    if (this.times.size >= 2 * this.sweptAt) this.sweep(gone);
  }

  /** This one is being looked at: from here on a wish for the same stream is news. */
  fired(deadline: Deadline): void {
    this.times.delete(nameOf(deadline));
  }

  /** One that is due by then may have been looked at elsewhere: it vouches for nothing. */
  private goneBy(): Time {
    return plusSeconds(toTime(this.clock.now()), this.aheadSeconds);
  }

  private sweep(gone: Time): void {
    for (const [name, due] of this.times) if (due <= gone) this.times.delete(name);
    this.sweptAt = Math.max(SWEPT_FROM, this.times.size);
  }
}

function nameOf({ stream, reason }: Deadline): string {
  return `${stream} ${reason}`;
}
