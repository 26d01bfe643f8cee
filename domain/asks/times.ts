/** Times as people say them: from now, at an hour, again and again. All in UTC unless a zone is named. */
import { plusSeconds, type Time } from '../kernel/time';
import type { Clause } from './clause';

const HOUR = 3_600;
const DAY = 24 * HOUR;

/** When something is to be over, or to begin: what stands behind one of these words. */
export function timeAfter(clause: Clause, now: Time, words: RegExp): Time | undefined {
  const time = clause.value('time', words);
  if (time !== undefined) return time.text;
  const span = clause.value('span', words);
  if (span !== undefined) return plusSeconds(now, span.value);
  const clock = clause.value('clock', words);
  if (clock === undefined) return undefined;
  const [hour, minute] = clockOf(clock.text);
  const today = `${now.slice(0, 10)}T${two(hour)}:${two(minute)}:00.000Z`;
  return today > now ? today : plusSeconds(today, DAY);
}

/** From when on a list is: `today`, `yesterday`, `last 2 hours`, `since 2026-11-21T10:00:00Z`. */
export function since(clause: Clause, now: Time): Time | undefined {
  const time = clause.value('time');
  if (time !== undefined) return time.text;
  const span = clause.value('span');
  if (span !== undefined) return plusSeconds(now, -span.value);
  const day = `${now.slice(0, 10)}T00:00:00.000Z`;
  if (/\btodays?\b/.test(clause.words)) return day;
  if (/\byesterdays?\b/.test(clause.words)) return plusSeconds(day, -DAY);
  return /\b(?:last|past) hour\b/.test(clause.words) ? plusSeconds(now, -HOUR) : undefined;
}

const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

/** Words that say that something is to happen again and again. */
export const AGAIN = /\b(?:every|each|daily|nightly|hourly|weekly|monthly|weekdays?|workdays?)\b|\blast day of\b/;
/** Which days those are, of a cron expression; of several the first that is said, and the others are left over. */
const ON: readonly (readonly [said: RegExp, days: string])[] = [
  [/(?:(?:every|each) )?last day of (?:(?:the|each|every) )?month/, 'L * *'],
  ...DAYS.map((day) => [new RegExp(`(?:(?:every|each) )?${day}s?`), `* * ${day.slice(0, 3).toUpperCase()}`] as const),
  [/(?:(?:every|each) )?(?:weekdays?|workdays?)/, '* * MON-FRI'],
  [/(?:every|each) month|monthly/, '1 * *'],
  [/(?:every|each) day|daily|nightly/, '* * *'],
];

export type Recurrence = { readonly cron: string } | { readonly missing: 'hour' | 'day' };

/**
 * The cron expression of `every weekday at 7:30`, `hourly`, `every 15 minutes`, `on the last day of the month at 8`; or
 * what is missing for it.
 */
export function recurrence(clause: Clause): Recurrence | undefined {
  const { words } = clause;
  if (!AGAIN.test(words)) return undefined;
  const span = clause.value('span', /^(?:every|each)$/);
  if (span !== undefined) return every(span.value);
  if (clause.said(/hourly|(?:every|each) hour/)) return { cron: '0 * * * *' };
  const on = ON.find(([said]) => clause.said(said));
  if (on === undefined) return { missing: 'day' };
  const clock = clause.value('clock') ?? clause.value('number', /^at$/);
  if (clock === undefined || !(clock.kind === 'clock' || isHour(clock.value))) return { missing: 'hour' };
  const [hour, minute] = clockOf(clock.text);
  return { cron: `${minute} ${hour} ${on[1]}` };
}

function every(seconds: number): Recurrence {
  const minutes = seconds / 60;
  if (Number.isInteger(minutes) && minutes < 60 && 60 % minutes === 0) return { cron: `*/${minutes} * * * *` };
  const hours = minutes / 60;
  if (hours === 1) return { cron: '0 * * * *' };
  if (Number.isInteger(hours) && hours < 24 && 24 % hours === 0) return { cron: `0 */${hours} * * *` };
  return { missing: 'hour' };
}

const isHour = (number: number) => Number.isInteger(number) && number < 24;

function clockOf(text: string): [hour: number, minute: number] {
  const [, hours = '0', minutes = '0', half = ''] = /^(\d{1,2})(?::(\d\d))?(am|pm)?$/i.exec(text) ?? [];
  const hour = half === '' ? Number(hours) : (Number(hours) % 12) + (half.toLowerCase() === 'pm' ? 12 : 0);
  return [hour, Number(minutes)];
}

const two = (number: number) => String(number).padStart(2, '0');
