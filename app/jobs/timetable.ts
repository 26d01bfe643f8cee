/**
 * The times of a cron expression in a time zone. The expression is matched against what a clock on the wall there
 * shows; which moment that is, is reckoned here, by rules that hold wherever one begins to look:
 *
 * - what the clock shows twice, when it is set back, is its first time;
 * - what it never shows, when it is set forward, is the moment at which it is; several such fall into one.
 */
import { Cron } from 'croner';
import { Recent } from '../../domain/kernel/recent';
import { type Time, toMillis, toTime } from '../../domain/kernel/time';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Timetables that are kept: each takes some 100 KB, and to make one anew takes milliseconds. */
const MOST_KEPT = 50;
/** Five fields with a blank between. */
const CRON = /^[\dA-Za-z*,/#-]+(?: [\dA-Za-z*,/#-]+){4}$/;
const ZONE = /^[A-Za-z][A-Za-z0-9_+/-]*$/;

const kept = new Recent<string, Timetable>(MOST_KEPT);

/** The timetable of an expression in a zone. Throws `RangeError`, with what to change, where there is none. */
export function timetableOf(cron: string, zone: string): Timetable {
  const name = `${zone} ${cron}`;
  const known = kept.get(name);
  if (known !== undefined) return known;
  const made = new Timetable(patternOf(cron), clockOf(zone));
  kept.set(name, made);
  return made;
}

function patternOf(cron: string): Cron {
  const form =
    'cron must have five fields: minute, hour, day of the month, month, day of the week, such as 30 2 * * MON-FRI';
  if (!CRON.test(cron)) throw new RangeError(form);
  let pattern: Cron;
  try {
    // What a clock on the wall shows is handled as if it were UTC.
    pattern = new Cron(cron, { paused: true, timezone: 'UTC', mode: '5-part' });
  } catch (error) {
    throw new RangeError(`${form}; ${error instanceof Error ? error.message : String(error)}`);
  }
  // Croner goes through eight thousand years before it says so, and overflows the stack on some.
  if (neverComes(cron)) throw new RangeError(`cron ${cron} never comes: name a day that there is`);
  return pattern;
}

/** The days that months have at most. */
const LONGEST = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const NAMES = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const NAME = new RegExp(NAMES.join('|'), 'g');

/** Whether a sound expression names only days that none of its months has. */
function neverComes(cron: string): boolean {
  const [, , days = '', months = '', weekdays] = cron.toUpperCase().split(' ');
  // Where both days are given, either is enough.
  if (weekdays !== '*') return false;
  // An L, wherever it stands, is the last day, which each month has.
  const first = Math.min(...days.split(',').map((item) => (/^\d+(?!.*L)/.test(item) ? Number.parseInt(item) : 1)));
  const longest = Math.max(
    ...months
      // As croner does, also within what is no name: 0FEB is 02.
      .replace(NAME, (name) => String(NAMES.indexOf(name) + 1))
      .split(',')
      .flatMap(monthsOf)
      .map((month) => LONGEST[month - 1] as number),
  );
  return first > longest;
}

/** The months of one item: `*`, a month, or a range, also in steps. Numbers are read as croner reads them: 1* is 1. */
function monthsOf(item: string): number[] {
  const [range = '', step = '1'] = item.split('/');
  const [from, to = from] = range.split('-').map((text) => Number.parseInt(text));
  const [begin, end] = range === '*' ? [1, 12] : [from as number, to as number];
  const months: number[] = [];
  for (let month = begin; month <= end; month += Number.parseInt(step)) months.push(month);
  return months;
}

function clockOf(zone: string): Intl.DateTimeFormat {
  try {
    if (!ZONE.test(zone)) throw new RangeError(zone);
    return new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    throw new RangeError('time_zone must be a name of the IANA database, such as Europe/Berlin or UTC');
  }
}

/** Wall times are milliseconds, as if what the clock shows were UTC. */
export class Timetable {
  constructor(
    private readonly pattern: Cron,
    private readonly clock: Intl.DateTimeFormat,
  ) {}

  /** The first `most` times after one, the earliest first. */
  next(after: Time, most: number): Time[] {
    const times: number[] = [];
    const start = toMillis(after);
    for (const at of this.from(start)) {
      if (times.length === most) break;
      if (at > (times.at(-1) ?? start)) times.push(at);
    }
    return times.map(toTime);
  }

  /** The last `most` times after `after` and up to `until`, the earliest first. */
  last({ after, until }: { readonly after: Time; readonly until: Time }, most: number): Time[] {
    const [start, end] = [toMillis(after), toMillis(until)];
    // Forwards, from ever longer ago: croner (10.0.1) throws where it goes backwards into a shorter month.
    for (let span = HOUR_MS; ; span *= 2) {
      const begin = Math.max(start, end - span);
      const times = new Set<number>();
      for (const at of this.from(begin)) {
        if (at > end) break;
        if (at > start) times.add(at);
      }
      if (begin === start || times.size >= most)
        return [...times]
          .sort((a, b) => a - b)
          .slice(-most)
          .map(toTime);
    }
  }

  /** The moments of what the clock shows from one on, never going back; the first may lie before it. */
  private *from(moment: number): Generator<number> {
    let wall = new Date(this.wallAt(moment));
    for (;;) {
      const next = this.pattern.nextRun(wall);
      if (next === null) return;
      yield this.momentOf(next.getTime());
      wall = next;
    }
  }

  /** What the clock shows at a moment. */
  private wallAt(moment: number): number {
    const shown: Record<string, number> = {};
    for (const { type, value } of this.clock.formatToParts(moment)) shown[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
    return Date.UTC(year, month - 1, day, hour, minute, second) + (((moment % 1_000) + 1_000) % 1_000);
  }

  private offsetAt(moment: number): number {
    return this.wallAt(moment) - moment;
  }

  /** The first moment at which the clock shows this, or something later. */
  private momentOf(wall: number): number {
    // Before a change, and after it.
    const [first = wall, second = wall] = [wall - DAY_MS, wall + DAY_MS]
      .map((near) => wall - this.offsetAt(near))
      .sort((a, b) => a - b);
    const shows = [first, second].find((moment) => this.wallAt(moment) === wall);
    if (shows !== undefined) return shows;
    let [before, after] = [first, second];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (this.wallAt(middle) < wall) before = middle;
      else after = middle;
    }
    return after;
  }
}
