/** The days that a report is of, as the calendar of a place has them. */
import type { Time } from '../../domain/kernel/time';
import { timeOf, UsageError } from '../terminal';

export const REPORT_KINDS = ['daily', 'weekly', 'compliance'] as const;
export type ReportKind = (typeof REPORT_KINDS)[number];
/** Those of how a colony works; the others are for auditors. */
export type PerformanceKind = Exclude<ReportKind, 'compliance'>;

export interface Period {
  readonly from: Time;
  /** The first time after it. */
  readonly to: Time;
}

/** Days that a report is of by itself: those before today. */
const DAYS: Readonly<Record<PerformanceKind, number>> = { daily: 1, weekly: 7 };
const MOST_DAYS = 366;
const DAY_MS = 86_400_000;

/** The period that is given; the whole days before today without. Throws `UsageError`. */
export function periodOf(
  kind: PerformanceKind,
  { from, to, zone = 'UTC' }: { readonly from?: string; readonly to?: string; readonly zone?: string },
  now = Date.now(),
): Period {
  const clock = clockOf(zone);
  const today = wall(clock, now).slice(0, 10);
  const before = (days: number) =>
    midnight(clock, new Date(Date.parse(today) - days * DAY_MS).toISOString().slice(0, 10));
  const period = {
    from: from === undefined ? before(DAYS[kind]) : timeOf(from, -1, now),
    to: to !== undefined ? timeOf(to, -1, now) : from === undefined ? before(0) : new Date(now).toISOString(),
  };
  if (period.from >= period.to) throw new UsageError(`${period.from} is not before ${period.to}`);
  if (Date.parse(period.to) - Date.parse(period.from) > MOST_DAYS * DAY_MS)
    throw new UsageError(
      `from ${period.from} to ${period.to} are more than ${MOST_DAYS} days`,
      'Make several reports.',
    );
  return period;
}

/** The day there: `2026-11-21`. */
export function dayOf(time: Time, zone = 'UTC'): string {
  return wall(clockOf(zone), Date.parse(time)).slice(0, 10);
}

/** A zone by its one name, however it was spelt: `europe/berlin` is `Europe/Berlin`. */
export function zoneOf(zone: string): string {
  return clockOf(zone).resolvedOptions().timeZone;
}

function clockOf(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  } catch {
    throw new UsageError(`--zone ${zone} is not a zone`, 'Give a name of the IANA database, such as Europe/Berlin.');
  }
}

/** What a clock on the wall shows: `2026-11-21 10:00:00`. */
function wall(clock: Intl.DateTimeFormat, at: number): string {
  return clock.format(at);
}

/**
 * When a day begins there: at midnight by the offset before it or by the one behind, whichever is of that day and
 * first. Where the clocks are put on at midnight, that is when they show one o'clock.
 */
function midnight(clock: Intl.DateTimeFormat, day: string): Time {
  const asUtc = Date.parse(`${day}T00:00:00Z`);
  const by = (at: number) => asUtc - (Date.parse(`${wall(clock, at).replace(' ', 'T')}Z`) - at);
  const times = [by(asUtc - DAY_MS), by(asUtc + DAY_MS)].sort((a, b) => a - b);
  return new Date(times.find((at) => wall(clock, at) >= day) as number).toISOString();
}
