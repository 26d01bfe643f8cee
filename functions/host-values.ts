/**
 * Values as the Functions host hands them over, read in one way by all triggers. A 64-bit integer comes as a number, as
 * the object `{ low, high, unsigned }` where it stands in a list, or as text; a time comes without its zone, which is
 * UTC.
 */
import { readTime, type Time } from '../domain/kernel/time';

const WORD = 2 ** 32;
const INTEGER = /^-?\d{1,19}$/;
const ZONE = /(?:[Zz]|[+-]\d\d:?\d\d)$/;

/** Throws a TypeError that names `what` when the value is no integer that a number can hold exactly. */
export function integerOf(value: unknown, what: string): number {
  const number = toNumber(value);
  if (!Number.isSafeInteger(number)) throw new TypeError(`${what} must be an integer, not ${JSON.stringify(value)}`);
  return number;
}

function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint' || (typeof value === 'string' && INTEGER.test(value))) return Number(value);
  const { low, high } = (value ?? {}) as { readonly low?: unknown; readonly high?: unknown };
  return Number.isInteger(low) && Number.isInteger(high) ? (high as number) * WORD + ((low as number) >>> 0) : NaN;
}

/** Throws a TypeError that names `what` when the value is no time. */
export function timeOf(value: unknown, what: string): Time {
  const read = typeof value === 'string' ? readTime(ZONE.test(value) ? value : `${value}Z`) : undefined;
  if (read === undefined || 'fault' in read)
    throw new TypeError(`${what} must be a time, not ${JSON.stringify(value)}`);
  return read.time;
}

/** The list of that name; throws a TypeError when there is none, or not one entry for each of `count` messages. */
export function listOf(metadata: Readonly<Record<string, unknown>>, name: string, count: number): readonly unknown[] {
  const list = metadata[name];
  if (!Array.isArray(list) || list.length !== count)
    throw new TypeError(
      `${name} must have an entry for each of ${count} messages, not ${Array.isArray(list) ? list.length : typeof list}`,
    );
  return list;
}
