/** The one reader of numbers that stand in texts: options, settings, parameters. */
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
