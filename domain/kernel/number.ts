/** The one reader of numbers that stand in texts: options, settings, parameters; and what many numbers come to. */
import { numberFault } from './json';

export interface NumberRange {
  readonly min: number;
  /** `Infinity` for none. */
  readonly max: number;
  readonly whole?: boolean;
}

/** What reading a number gives: the number, or why the text is none, in words that follow "it". */
export type NumberRead = { readonly number: number } | { readonly fault: string };

const DIGITS = /^-?(?:0|[1-9]\d*|(?=\.))(?:\.\d+)?$/;

/**
 * Reads a number that is written in digits: no exponent, no sign but a minus, no spaces, no other base, nothing empty,
 * no more digits than a number keeps.
 */
export function readNumber(text: string, { min, max, whole = false }: NumberRange): NumberRead {
  const range = max === Infinity ? (min === -Infinity ? '' : ` of at least ${min}`) : ` from ${min} to ${max}`;
  const fault = `must be a ${whole ? 'whole ' : ''}number${range}, in digits`;
  if (!DIGITS.test(text)) return { fault };
  const number = Number(text);
  const lost = numberFault(text.replace(/^(-?)\./, '$10.'));
  if (lost !== undefined) return { fault: lost };
  if (number < min || number > max || (whole && !Number.isInteger(number))) return { fault };
  return { number: number === 0 ? 0 : number };
}

/** By nearest rank; null when there is nothing to measure. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export function quantilesOf(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (p: number) => sorted[Math.ceil(p * sorted.length) - 1] ?? null;
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** A share; null of nothing. */
export function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
