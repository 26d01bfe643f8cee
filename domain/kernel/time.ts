/**
 * Times are RFC 3339 strings in UTC with milliseconds (`2026-11-21T10:00:00.000Z`), always 24 characters for the
 * years 0000 to 9999, so that their order as text is their order in time. Rules take times as arguments; no rule
 * reads a clock.
 */
export type Time = string;

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** True for a time in exactly this form. `Date.parse` alone would take 30 February for 2 March, and 24:00 for 0:00. */
export function isTime(value: string): boolean {
  if (!TIME.test(value)) return false;
  const parsed = new Date(value);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString() === value;
}

/** What reading a time gives: the time, or why the text is none, in words that follow "it". */
export type TimeRead = { readonly time: Time } | { readonly fault: string };

const RFC_3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const EXAMPLE = '2026-12-01T10:00:00Z or 2026-12-01T11:00:00+01:00';

/**
 * Reads a time as in RFC 3339: any offset, with or without a fraction of up to nine digits, of which all after the
 * milliseconds are cut off; a space in place of the T. Everything else is refused, with what to change: no zone, a date
 * alone, a day that is not in the calendar, 24:00, a leap second.
 */
export function readTime(text: string): TimeRead {
  const match = RFC_3339.exec(text);
  if (match === null) return { fault: formFault(text) };
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [fraction = '', sign, zoneHours = '0', zoneMinutes = '0'] = match.slice(7);
  if (fraction.length > 9) return { fault: 'must have at most nine digits of a second' };
  if (month < 1 || month > 12) return { fault: 'must have a month from 01 to 12' };
  const days = new Date(Date.UTC(year < 100 ? year + 400 : year, month, 0)).getUTCDate();
  if (day < 1 || day > days)
    return { fault: `must have a day from 01 to ${days}: ${match[1]}-${match[2]} has no others` };
  if (hour > 23) return { fault: 'must have an hour from 00 to 23: midnight is 00:00 of the next day' };
  if (minute > 59) return { fault: 'must have a minute from 00 to 59' };
  if (second > 59)
    return { fault: `must have a second from 00 to 59${second === 60 ? ': leap seconds are not counted here' : ''}` };
  if (Number(zoneHours) > 23 || Number(zoneMinutes) > 59) return { fault: 'must have an offset from -23:59 to +23:59' };
  const utc = Date.parse(
    `${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}.${fraction.slice(0, 3).padEnd(3, '0')}Z`,
  );
  const offset = (Number(zoneHours) * 60 + Number(zoneMinutes)) * 60_000;
  const time = new Date(sign === '-' ? utc + offset : utc - offset).toISOString();
  return isTime(time) ? { time } : { fault: 'must lie in the years 0000 to 9999' };
}

/** Why a text doesn't look like a time at all. */
function formFault(text: string): string {
  if (/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?$/.test(text)) return `must say its zone, such as ${EXAMPLE}`;
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return `must say the time of day and the zone, such as ${EXAMPLE}`;
  if (/\d \d\d:\d\d$/.test(text))
    return `must be a time as in RFC 3339, such as ${EXAMPLE}; in an address its + is written %2B`;
  return `must be a time as in RFC 3339, such as ${EXAMPLE}`;
}

// Many decisions fall into one millisecond: the last conversion is often the next one.
let lastMillis = 0;
let lastTime: Time = new Date(0).toISOString();

/** The texts of some seconds, up to their fraction: of now, and of what is a few limits of time away from it. */
const SECONDS = 64;
const seconds = new Float64Array(SECONDS).fill(NaN);
const beginnings = new Array<string>(SECONDS).fill('');

/** Milliseconds since the epoch → Time. Throws RangeError on what is no time. */
export function toTime(milliseconds: number): Time {
  if (milliseconds !== lastMillis) {
    lastTime = written(milliseconds);
    lastMillis = milliseconds;
  }
  return lastTime;
}

function written(milliseconds: number): Time {
  const second = Math.floor(milliseconds / 1_000);
  const fraction = milliseconds - second * 1_000;
  if (!Number.isInteger(fraction)) return new Date(milliseconds).toISOString();
  const place = second & (SECONDS - 1);
  if (seconds[place] !== second) {
    beginnings[place] = new Date(milliseconds).toISOString().slice(0, -4);
    seconds[place] = second;
  }
  const digits = fraction < 10 ? `00${fraction}` : fraction < 100 ? `0${fraction}` : fraction;
  return `${beginnings[place]}${digits}Z`;
}

/** Time → milliseconds since the epoch. */
export function toMillis(time: Time): number {
  return time === lastTime ? lastMillis : Date.parse(time);
}

export function plusSeconds(time: Time, seconds: number): Time {
  return written(toMillis(time) + Math.round(seconds * 1000));
}

/** Seconds from `from` to `to`; negative when `to` is earlier. */
export function secondsBetween(from: Time, to: Time): number {
  return (toMillis(to) - toMillis(from)) / 1000;
}

/** The end of a time that was set at `set` and would end at `end`: later when whoever decides was away meanwhile. */
export type Excuse = (set: Time, end: Time) => Time;

export function latest(...times: (Time | undefined)[]): Time {
  let result = '';
  for (const time of times) if (time !== undefined && time > result) result = time;
  if (result === '') throw new Error('latest() needs at least one time');
  return result;
}

/** The earliest of the given times, or undefined when all are. */
export function earliest(...times: (Time | undefined)[]): Time | undefined {
  let result: Time | undefined;
  for (const time of times) if (time !== undefined && (result === undefined || time < result)) result = time;
  return result;
}
