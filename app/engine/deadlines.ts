/**
 * The one engine for all deadlines. A capability registers each reason that it sets deadlines for, with the look that
 * is due then; the engine finds what is due, has its stream looked at, and writes down when to look again. At least
 * once, late rather than never: so a look finds out by itself whether anything is left to do.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AlteredPayload, AlteredReceipt } from '../../domain/kernel/commit';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import type { Clock, Deadline, Deadlines, Report } from './ports';
import { StandingDeadlines } from './standing-deadlines';
import { type Standstill, STOPPED_AGAIN_SECONDS } from './standstill';
import type { Watchdog } from './watchdog';

/** Looks at a stream whose time may have come; answers when to look again, undefined when nothing waits any more. */
export type Look = (stream: string) => Promise<Time | undefined>;

declare const registered: unique symbol;
/** A reason that somebody looks for: registering it alone makes one, so no deadline is set that nobody would heed. */
export type Reason = string & { readonly [registered]: true };

/** A deadline to be set. */
export interface Due extends Deadline {
  readonly reason: Reason;
}

/** When a stream is looked at again after a look that failed. */
const FAILED_AGAIN_SECONDS = 1;
/** When a deadline of a stream that was altered, or its payload, is looked at again: it may have been repaired then. */
const ALTERED_AGAIN_SECONDS = 60;
/** When a deadline that this process can't look at comes again: by then a process that can may have its turn. */
const UNKNOWN_AGAIN_SECONDS = 60;
const BATCH = 500;
/** Where other processes fire deadlines too: by how much the clock of one of them may be ahead of this one's. */
const AHEAD_SECONDS = 60;

export class DeadlineEngine {
  private readonly looks = new Map<string, Look>();
  private readonly standing: StandingDeadlines;
  private readonly standstill: Pick<Standstill, 'isOver' | 'waits'> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private firing: Promise<void> | undefined;

  constructor(
    private readonly deadlines: Deadlines,
    private readonly watchdog: Watchdog,
    private readonly clock: Clock,
    private readonly report: Report,
    {
      shared = false,
      standstill,
    }: {
      /** Whether other processes fire deadlines of the same table. */
      readonly shared?: boolean;
      /** Says whose deadlines wait, and whose fall due no more. */
      readonly standstill?: Pick<Standstill, 'isOver' | 'waits'>;
    } = {},
  ) {
    this.standstill = standstill;
    this.standing = new StandingDeadlines(clock, shared ? AHEAD_SECONDS : 0);
  }

  /**
   * Registers who looks at a stream when a deadline with this reason is due, and answers what such deadlines are set
   * with. Throws when somebody looks already, or what should look is no function.
   */
  on(reason: string, look: Look): Reason {
    if (this.looks.has(reason)) throw new Error(`the reason '${reason}' of deadlines is registered twice`);
    if (typeof look !== 'function') throw new Error(`who looks when a deadline '${reason}' is due must be a function`);
    this.looks.set(reason, look);
    return reason as Reason;
  }

  /**
   * Throws when a deadline is stored whose reason nobody has registered: to begin would be to leave it undone. Where
   * the store can't list what it holds, such a deadline shows when it is due, and is kept.
   */
  async check(): Promise<void> {
    const unknown = ((await this.deadlines.reasons?.()) ?? []).filter((reason) => !this.looks.has(reason));
    if (unknown.length > 0)
      throw new Error(
        `deadlines are stored for reasons that this version does not know (${unknown.join(', ')}): start the version that has written them, or a later one`,
      );
  }

  /** Starts to fire deadlines, every `everyMs` milliseconds. */
  start(everyMs = 50): void {
    this.timer = setInterval(() => {
      this.firing ??= this.fire()
        .catch((error: unknown) => this.report('deadlines could not be fired', { error: String(error) }))
        .finally(() => (this.firing = undefined));
    }, everyMs);
  }

  /** Fires nothing any more, and waits for what is being fired. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.firing;
  }

  /**
   * Writes down those that are needed: not one for which an earlier one stands. Throws when nobody has registered the
   * reason, and then writes nothing.
   */
  async schedule(deadlines: readonly Due[]): Promise<void> {
    const unknown = deadlines.find(({ reason }) => !this.looks.has(reason));
    if (unknown !== undefined) throw new Error(`nobody has registered the reason '${unknown.reason}' of deadlines`);
    await this.write(this.standing.needed(deadlines));
  }

  /**
   * Fires one deadline that a trigger has handed over. Rejects when it has to be handed over again. Several may stand
   * for the same, and each would ask for the next one for ever: one of them goes on, the last to be due.
   */
  async fired(deadline: Deadline): Promise<void> {
    const other = this.standing.other(deadline);
    this.standing.fired(deadline);
    const next = await this.look(deadline);
    if (next === undefined) return;
    const comes = other !== undefined && other > deadline.due && other > toTime(this.clock.now());
    if (comes && other <= next.due) this.standing.written([{ ...next, due: other }]);
    else await this.write([next]);
  }

  /** Looks at a stream as if this deadline were due, and writes nothing; answers when to look again, if ever. */
  async looked(deadline: Due): Promise<Time | undefined> {
    return (await this.look(deadline))?.due;
  }

  /** Fires what is due. Rejects when the table of deadlines can't be read or written: then all is looked at again. */
  async fire(): Promise<void> {
    // After an absence, what others have sent meanwhile is read first.
    if (this.watchdog.look()) await nextTurn();
    for (;;) {
      const due = await this.deadlines.due(toTime(this.clock.now()), BATCH);
      if (due.length === 0) return;
      // From here on a wish for the same stream is news: what it asks for may come after the look below.
      for (const deadline of due) this.standing.fired(deadline);
      // One that fails must not keep the others from their turn.
      const looks = due.map((deadline) => this.look(deadline).catch((error: unknown) => this.failed(deadline, error)));
      const next = (await Promise.all(looks)).filter((deadline) => deadline !== undefined);
      await this.deadlines.settle(due, next);
      this.standing.written(next);
      if (due.length < BATCH) return;
    }
  }

  /** Has the stream looked at; answers the next deadline. */
  private async look(deadline: Deadline): Promise<Deadline | undefined> {
    const look = this.looks.get(deadline.reason);
    if (look === undefined) return this.unknown(deadline);
    if ((await this.standstill?.isOver(deadline.stream)) === true) return undefined;
    if (await this.waits(deadline)) return this.after(deadline, STOPPED_AGAIN_SECONDS);
    const due = await look(deadline.stream);
    // What was stopped meanwhile may have left undone what was due.
    if (await this.waits(deadline)) return this.after(deadline, STOPPED_AGAIN_SECONDS);
    return due === undefined ? undefined : { stream: deadline.stream, reason: deadline.reason, due };
  }

  /** Nobody is judged by a time that passes while what it is about is stopped. */
  private async waits({ stream }: Deadline): Promise<boolean> {
    return (await this.standstill?.waits(stream)) === true;
  }

  /** A look that failed is taken again a little later, at a stream that was altered much later. */
  private failed(deadline: Deadline, error: unknown): Deadline {
    this.report('a deadline failed', { ...deadline, error: String(error) });
    const isAltered = error instanceof AlteredReceipt || error instanceof AlteredPayload;
    return this.after(deadline, isAltered ? ALTERED_AGAIN_SECONDS : FAILED_AGAIN_SECONDS);
  }

  /**
   * Who has written it knows what it is for, a newer version for example: it is kept for a process that knows it too.
   */
  private unknown(deadline: Deadline): Deadline {
    this.report('a deadline has a reason that nobody has registered: it is kept', { ...deadline });
    return this.after(deadline, UNKNOWN_AGAIN_SECONDS);
  }

  private after({ stream, reason }: Deadline, seconds: number): Deadline {
    return { stream, reason, due: plusSeconds(toTime(this.clock.now()), seconds) };
  }

  private async write(deadlines: readonly Deadline[]): Promise<void> {
    if (deadlines.length === 0) return;
    await this.deadlines.schedule(deadlines);
    this.standing.written(deadlines);
  }
}
