/**
 * Whether triggers still read the feed. Where they do, a process hears of what they hand to it and of nothing else:
 * when they stop, nobody tells it. But it follows all that is committed (`Peers`), so it can look whether what it saw a
 * while ago has come to where it belongs.
 */
import type { Commit } from '../../domain/kernel/commit';
import { secondsBetween, type Time, toTime } from '../../domain/kernel/time';
import type { Clock, Report } from './ports';

/** How long a commit may be under way before it is looked for. */
const GRACE_SECONDS = 30;
/** However often somebody asks. */
const LOOK_EVERY_MS = 10_000;

export class FeedWatch {
  /** The one that is looked for, and the newest one since. */
  private awaited: Commit | undefined;
  private newest: Commit | undefined;
  private lateSince: Time | undefined;
  private looked = -Infinity;
  private looking: Promise<void> | undefined;

  constructor(
    /** Whether a commit that begins a stream has come to where it belongs. */
    private readonly hasArrived: (commit: Commit) => Promise<boolean>,
    private readonly clock: Clock,
    private readonly report: Report,
  ) {}

  /** Takes note of what was committed, by whomever. */
  saw(commits: readonly Commit[]): void {
    for (const commit of commits) {
      if (commit.index !== 0) continue;
      this.newest = commit;
      this.awaited ??= commit;
    }
  }

  /** Seconds for which a commit has been on its way that should have arrived; 0 when none is known. */
  async late(): Promise<number> {
    const now = this.clock.now();
    if (now - this.looked >= LOOK_EVERY_MS) {
      this.looked = now;
      this.looking = this.look(toTime(now));
    }
    await this.looking;
    return this.lateSince === undefined ? 0 : secondsBetween(this.lateSince, toTime(now));
  }

  private async look(now: Time): Promise<void> {
    const { awaited } = this;
    if (awaited === undefined || secondsBetween(awaited.at, now) < GRACE_SECONDS) return;
    try {
      const arrived = await this.hasArrived(awaited);
      this.lateSince = arrived ? undefined : awaited.at;
      if (arrived) this.awaited = this.newest === awaited ? undefined : this.newest;
    } catch (error) {
      this.report('what has come to the views could not be read', { error: String(error) });
    }
  }
}
