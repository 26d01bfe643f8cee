/**
 * The machine's clock against the log and against our own: a clock that is far behind the newest receipt is wrong, or
 * was wrong when that was written, and a person has to say which; less is said, and so is what drifts while we run.
 */
import type { Commit } from '../../domain/kernel/commit';
import { isTime, type Time, toMillis, toTime } from '../../domain/kernel/time';
import type { Checkpoints, Clock, Ports, Report } from './ports';

/** A receipt may lie ahead of the clock by this much before it is said: causes of other machines. Milliseconds. */
const AHEAD_MS = 60_000;
/** A machine's clock that differs from ours by this much is said. Milliseconds. */
const DRIFT_MS = 5_000;
const REPORT_EVERY_MS = 60_000;
/** A machine's clock that is further behind the newest receipt is wrong, or that one is. Seconds. */
export const MAX_CLOCK_BEHIND_SECONDS = 600;
/** How often the time of the newest receipt is noted for whoever starts next, and under which name. */
const NOTE_EVERY_MS = 10_000;
export const NEWEST_NOTE = 'newest-receipt';

export interface ClockStatus {
  /** Milliseconds by which the machine's clock is ahead of the one that we go by; negative: behind. */
  readonly drift_ms: number;
  /** Milliseconds by which the newest receipt is ahead of our clock; 0 when it is not. */
  readonly log_ahead_ms: number;
}

export class ClockCheck {
  private newest: Time = toTime(0);
  private reported = -Infinity;
  private notes: Checkpoints | undefined;
  private noted = -Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly report: Report,
  ) {}

  /**
   * Throws, with what to do, when the clock is behind the newest receipt by more than `mostBehindSeconds`. Answers when
   * that was written; undefined when there is none, or nobody can say.
   */
  async start(newest: Ports['newest'], mostBehindSeconds: number): Promise<Time | undefined> {
    const last = await newest?.();
    if (last === undefined) return undefined;
    this.newest = last.at;
    const seconds = Math.ceil(this.status().log_ahead_ms / 1_000);
    if (seconds > mostBehindSeconds) {
      throw new Error(
        `The clock of this machine says ${toTime(this.clock.now())}, and ${last.ref} was written at ${last.at}, ${seconds} s later. ` +
          `Set the clock right. If it is right, and was ahead when that was written, start once with FORMICARY_MAX_CLOCK_BEHIND=${seconds + 60}. ` +
          'See "The clock" in docs/operation.md',
      );
    }
    if (seconds > 0)
      this.report('the clock of this machine is behind the log', { seconds, receipt: last.ref, at: last.at });
    return last.at;
  }

  /**
   * Where no store can say which receipt is the newest, because processes share it, they note it for each other: the
   * one that was noted last.
   */
  async newestNoted(notes: Checkpoints): Promise<{ readonly ref: string; readonly at: Time } | undefined> {
    this.notes = notes;
    const [at, ref] = (await notes.load(NEWEST_NOTE))?.split(' ') ?? [];
    return at === undefined || ref === undefined || !isTime(at) ? undefined : { ref, at };
  }

  /** What another process has written. */
  heard({ at }: Pick<Commit, 'at'>): void {
    if (at > this.newest) this.newest = at;
  }

  /** What this process writes: said when it lies ahead of the clock because what it follows does. */
  saw({ stream, index, at }: Pick<Commit, 'stream' | 'index' | 'at'>): void {
    const now = this.clock.now();
    // A time that has been heard of is noted by whoever wrote it.
    if (this.notes !== undefined && at > this.newest && Math.abs(now - this.noted) >= NOTE_EVERY_MS) {
      this.noted = now;
      // What can't be noted is noted the next time.
      void this.notes.save(NEWEST_NOTE, `${at} ${stream}@${index}`).catch(() => undefined);
    }
    this.heard({ at });
    if (toMillis(at) - now <= AHEAD_MS || now - this.reported < REPORT_EVERY_MS) return;
    this.reported = now;
    this.report('a receipt lies ahead of the clock, as what it follows does', {
      receipt: `${stream}@${index}`,
      at,
      seconds: (toMillis(at) - now) / 1_000,
    });
  }

  status(): ClockStatus {
    return { drift_ms: this.clock.drift?.() ?? 0, log_ahead_ms: Math.max(0, toMillis(this.newest) - this.clock.now()) };
  }

  /** Why times may be wrong, in words; undefined when all is well. */
  trouble(): string | undefined {
    const { drift_ms, log_ahead_ms } = this.status();
    if (Math.abs(drift_ms) > DRIFT_MS)
      return `the machine's clock is ${Math.abs(drift_ms) / 1_000} s ${drift_ms > 0 ? 'ahead of' : 'behind'} the one that is gone by: it was set`;
    return log_ahead_ms > AHEAD_MS ? `the newest receipt is ${log_ahead_ms / 1_000} s ahead of the clock` : undefined;
  }
}
