/**
 * Knows when this process was away: stopped, suspended, busy for too long, or its clock was moved; and when it was
 * merely late, so that a sign of life that takes several turns of its loop comes after seconds. Then whoever gave no
 * sign of life may have given many that nobody has read, and whose time was up may have been held up by us. So nobody
 * is judged before this process has listened again, and what was left of a time when it went away is left when it is
 * back.
 */
import type { Principal } from '../../domain/kernel/principal';
import { type Excuse, type Time, toMillis, toTime } from '../../domain/kernel/time';
import type { Checkpoints, Clock, Report } from './ports';
import type { Standstill } from './standstill';

/** A time in which nothing was heard and nothing was done in time, by the clock; milliseconds since the epoch. */
export interface Absence {
  readonly from: number;
  readonly until: number;
}

const TICK_MS = 250;
/** A tick that comes later than this says that the process was late: what came in meanwhile was not heard in time. */
const LATE_MS = 250;
/** Later than this, that it was away; that is worth a line of the log. */
const AWAY_MS = 1_000;
/** Absences that are remembered, and as many in which it was merely late: those that excuse anything for longest. */
const KEPT = 50;
/** How often it is noted that this process lives, for the next one; and under which name. */
const NOTED_EVERY_MS = 10_000;
export const ALIVE_NOTE = 'alive';

/** What a process leaves for the next one. */
interface Note {
  /** When it lived. */
  readonly at: Time;
  /** When it, and those before it, were away: what was excused then stays excused. */
  readonly absences: readonly Absence[];
}

/** In whose name the time that was lost is given back. */
export function timekeeper(tenant: string): Principal {
  return { tenant, id: 'timekeeper', kind: 'system', level: 'execute' };
}

export class Watchdog {
  private readonly absences: Absence[] = [];
  private readonly began: number;
  private listening: number;
  private ticked: number | undefined;
  private timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly report: Report,
    /** Says when what a stream is about stood still: nobody is judged by that time either. */
    private readonly standstill?: Pick<Standstill, 'stood' | 'waits'>,
  ) {
    this.began = this.listening = clock.now();
  }

  /**
   * Begins to watch. With `notes`, the time between the last process and this one is an absence as well. It began with
   * the last note of that process or with the newest receipt that it has left, whichever is later: notes are seconds
   * apart, and what was begun between the last one and the end is not to be judged otherwise than what was begun
   * before.
   */
  async start(notes?: Checkpoints, newest?: Time): Promise<void> {
    const last = notes === undefined ? undefined : noteOf(await notes.load(ALIVE_NOTE));
    const now = this.clock.now();
    for (const absence of last?.absences ?? []) if (absence.until <= now) this.remember(absence);
    const lived = [last?.at, notes && newest]
      .flatMap((time) => (time === undefined ? [] : toMillis(time)))
      .filter((time) => time < now);
    if (lived.length > 0) this.remember({ from: Math.max(...lived), until: now });
    this.ticked = this.listening = now;
    this.timers = [setInterval(() => this.look(), TICK_MS)];
    if (notes === undefined) return;
    // What can't be noted is noted the next time.
    const note = () =>
      void notes
        .save(ALIVE_NOTE, JSON.stringify({ at: toTime(this.clock.now()), absences: this.absences } satisfies Note))
        .catch(() => undefined);
    this.timers.push(setInterval(note, NOTED_EVERY_MS));
    note();
  }

  stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.ticked = undefined;
  }

  /** Notices an absence that has just ended; true when there was one. To be asked before anybody is judged. */
  look(): boolean {
    if (this.ticked === undefined) return false;
    const before = this.ticked;
    this.ticked = this.clock.now();
    const late = this.ticked - before - TICK_MS;
    if (late <= LATE_MS) return false;
    if (late > AWAY_MS) this.wasAway(before, this.ticked);
    // Between two late turns it has listened for a while: whoever is silent all the time is found, if later.
    else this.wasLate(before + TICK_MS, this.ticked);
    return true;
  }

  /** Nothing was heard and done from `from` to `until`. */
  wasAway(from: number, until: number): void {
    this.wasLate(from, until);
    this.report('this process was away: nobody is judged before it has listened again', {
      from: toTime(from),
      until: toTime(until),
      seconds: (until - from) / 1_000,
    });
  }

  private wasLate(from: number, until: number): void {
    this.remember({ from, until });
    this.listening = until;
  }

  /** Since when this process has listened without a break. */
  get listeningSince(): Time {
    this.look();
    return toTime(this.listening);
  }

  /**
   * From when on the silence of somebody who may be silent for `seconds` counts: since its last sign of life, or since
   * this process listens. Who was silent for long before this process went away gets no more grace: otherwise nobody
   * would ever be lost to a process that is away again and again. A time in which the stream stood still counts alike.
   * @param last milliseconds since the epoch; undefined when no sign is known
   */
  silentSince(last: number | undefined, seconds: number, stream?: string): Time {
    this.look();
    const own = last ?? this.began;
    const stood = stream === undefined ? [] : (this.standstill?.stood(stream) ?? []);
    const listening = Math.max(this.listening, ...stood.map(({ until }) => until));
    if (own >= listening) return toTime(own);
    const absences = stood.length === 0 ? this.absences : united([...this.absences, ...stood]);
    const listened = listening - own - awayBetween(absences, own, listening);
    return toTime(listened > 2_000 * seconds ? own : listening);
  }

  /**
   * The end of a time that was set at `set` and would end at `end`: later by an absence in which it ended, or after
   * which less of it was left than the absence took. What was set within an absence gets the rest of it.
   */
  readonly excused: Excuse = (set, end) => {
    this.look();
    return this.absences.length === 0 ? end : excusedBy(this.absences, set, end);
  };

  /** As `excused`, and later as well by the times in which the stream stood still, as far as they are known here. */
  excuse(stream: string): Excuse {
    const stood = this.standstill?.stood(stream) ?? [];
    if (stood.length === 0) return this.excused;
    return (set, end) => {
      this.look();
      return excusedBy(united([...this.absences, ...stood]), set, end);
    };
  }

  /** As `excuse`, when all that the stream stood still is known. Rejects when that can't be read. */
  async excuseOf(stream: string): Promise<Excuse> {
    await this.standstill?.waits(stream);
    return this.excuse(stream);
  }

  private remember(absence: Absence): void {
    const last = this.absences.at(-1);
    // Away again without a moment in between, it was away all the while.
    const goesOn = last !== undefined && last.until === absence.from && !isShort(last) && !isShort(absence);
    if (goesOn) this.absences[this.absences.length - 1] = { from: last.from, until: absence.until };
    else this.absences.push(absence);
    const alike = this.absences.filter((one) => isShort(one) === isShort(absence));
    if (alike.length <= KEPT) return;
    const over = alike.reduce((first, one) => (excusesUntil(one) < excusesUntil(first) ? one : first));
    this.absences.splice(this.absences.indexOf(over), 1);
  }
}

function excusedBy(absences: readonly Absence[], set: Time, end: Time): Time {
  const began = toMillis(set);
  let until = toMillis(end);
  for (const absence of absences) {
    // What was set within it has lost the rest of it. An absence counts from the last look before it, so what was set
    // between that look and its real beginning stands within it as well.
    const from = Math.max(began, absence.from);
    const away = absence.until - from;
    if (away > 0 && from < until && until < absence.until + away) until += away;
  }
  return toTime(until);
}

function awayBetween(absences: readonly Absence[], from: number, until: number): number {
  return absences.reduce(
    (sum, absence) => sum + Math.max(0, Math.min(until, absence.until) - Math.max(from, absence.from)),
    0,
  );
}

/** The same times, in order, those that overlap as one: nobody is given the same time back twice. */
function united(absences: readonly Absence[]): Absence[] {
  const all: Absence[] = [];
  for (const { from, until } of absences.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last === undefined || from > last.until) all.push({ from, until });
    else if (until > last.until) all[all.length - 1] = { from: last.from, until };
  }
  return all;
}

/** Then all times have ended that are later by it: of each less was left than it took, and is later by as much. */
function excusesUntil({ from, until }: Absence): number {
  return until + 2 * (until - from);
}

function isShort({ from, until }: Absence): boolean {
  return until - from <= AWAY_MS;
}

/** Processes of an older version noted the time alone. */
function noteOf(text: string | undefined): Note | undefined {
  if (text === undefined) return undefined;
  return text.startsWith('{') ? (JSON.parse(text) as Note) : { at: text, absences: [] };
}
