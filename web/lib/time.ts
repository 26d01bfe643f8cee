/** Times and spans as people read them. */
import { signal } from '@preact/signals';
import { hostNow } from './session';

/** The host's time of day, once a second, in milliseconds since the epoch. */
export const now = signal(Date.now());
setInterval(() => (now.value = hostNow()), 1_000);

const CLOCK = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const DAY = new Intl.DateTimeFormat('en', { month: 'short', day: 'numeric' });
const WHOLE = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'long' });

/** `14:03:22`, on this machine's clock. */
export function clockTime(at: number | string): string {
  return CLOCK.format(new Date(at));
}

/** The same with the day, where that is not today. */
export function dayTime(at: number | string): string {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clockTime(at) : `${DAY.format(date)}, ${clockTime(at)}`;
}

/** Everything about a time, for who wants to know exactly. */
export function wholeTime(at: number | string): string {
  return WHOLE.format(new Date(at));
}

const UNITS = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const;

/** `340 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`: its two largest parts. */
export function span(seconds: number): string {
  if (seconds < 1) return `${Math.round(Math.max(0, seconds) * 1_000)} ms`;
  let rest = Math.floor(seconds);
  const parts: string[] = [];
  for (const [size, name] of UNITS) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n > 0) parts.push(`${n} ${name}`);
    else if (parts.length > 0) break;
  }
  return parts.slice(0, 2).join(' ');
}
