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

// Many decisions fall into one millisecond: the last conversion is often the next one.
let lastMillis = 0;
let lastTime: Time = new Date(0).toISOString();

/** Milliseconds since the epoch → Time. */
export function toTime(milliseconds: number): Time {
  if (milliseconds !== lastMillis) {
    lastTime = new Date(milliseconds).toISOString();
    lastMillis = milliseconds;
  }
  return lastTime;
}

/** Time → milliseconds since the epoch. */
export function toMillis(time: Time): number {
  return time === lastTime ? lastMillis : Date.parse(time);
}

export function plusSeconds(time: Time, seconds: number): Time {
  return new Date(toMillis(time) + Math.round(seconds * 1000)).toISOString();
}

/** Seconds from `from` to `to`; negative when `to` is earlier. */
export function secondsBetween(from: Time, to: Time): number {
  return (toMillis(to) - toMillis(from)) / 1000;
}

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
