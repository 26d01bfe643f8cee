/**
 * The one reader of JSON: bodies of requests, options of the command line, files, messages of others. It takes what
 * every reader on the way understands in the same way and writes back unchanged (I-JSON, RFC 7493, and somewhat more),
 * and refuses the rest with the place and the reason. Nothing is changed in silence: what is read is what is hashed,
 * shown and approved.
 */

import { cut } from './text';

/** Arrays and objects within each other. */
export const MAX_JSON_DEPTH = 64;

/** Why a text was refused. `syntax`: it is no JSON; `value`: it is, and holds a value that is not taken. */
export type JsonFault =
  | {
      readonly kind: 'syntax';
      readonly message: string;
      readonly position?: number;
      readonly line?: number;
      readonly column?: number;
    }
  | { readonly kind: 'value'; readonly message: string; readonly pointer: string };

/** Thrown by `readJson`; the message stands for itself, `fault` says it for programs. */
export class JsonError extends Error {
  constructor(readonly fault: JsonFault) {
    super(fault.kind === 'syntax' ? fault.message : `${fault.pointer} ${fault.message}`);
    this.name = 'JsonError';
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Reads JSON. Throws `JsonError` on what is no JSON (a byte-order mark and bytes that are no UTF-8 too), and on what
 * would not survive: a name that stands twice in an object, a number that no double holds as it is written, an integer
 * beyond ±(2^53 − 1), half a surrogate pair, NUL, the name `__proto__`, more than `MAX_JSON_DEPTH` levels. -0 is read
 * as 0.
 */
export function readJson(input: string | Uint8Array | ArrayBuffer): unknown {
  const text = typeof input === 'string' ? input : decoded(input);
  if (text.startsWith(BYTE_ORDER_MARK)) throw noJson('begins with a byte-order mark: it must be UTF-8 without one');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notJson(text);
  }
  // Half a pair can only come by an escape, or in a text that was no UTF-8 before.
  const look: Look = { strings: text.includes('\\u') || !text.isWellFormed(), names: 0 };
  const read = checked(value, [], look);
  // Each name ends with a quote before a colon; so do some texts, which costs a closer look and no more.
  if (look.names !== namesIn(text) || AWKWARD_NUMBER.test(text)) refuseChanged(text);
  return read;
}

/** True when text may be stored: no NUL, no half of a surrogate pair. */
export function isSafeText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** Characters of a name that a pointer shows: the caller's own words are not sent back at any length. */
const MAX_SHOWN = 100;

/** JSON Pointer (RFC 6901) in its URI fragment form; a very long name is cut, with an ellipsis. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  let pointer = '#';
  for (const part of path) {
    const name = String(part);
    const shown = name.length <= MAX_SHOWN ? name : `${cut(name, MAX_SHOWN)}…`;
    pointer += '/' + encodeURIComponent(shown.toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1'));
  }
  return pointer;
}

/** The text of bytes that must be UTF-8. Throws `JsonError` on others. */
export function decoded(bytes: Uint8Array | ArrayBuffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw noJson('is not well-formed UTF-8');
  }
}

function noJson(message: string): JsonError {
  return new JsonError({ kind: 'syntax', message });
}

function notJson(text: string): JsonError {
  const position = firstError(text);
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  const column = position - before.lastIndexOf('\n');
  const what = position === text.length ? 'it ends too early' : 'there is an unexpected character';
  return new JsonError({
    kind: 'syntax',
    message: `is not JSON: ${what} at line ${line}, column ${column}`,
    position,
    line,
    column,
  });
}

// -------------------------------------------------------------------------------------------------- what was parsed

type Path = (string | number)[];

interface Look {
  /** Whether texts may hold what is not taken. */
  readonly strings: boolean;
  /** How many names all objects have together. */
  names: number;
}

/** The value, with 0 in place of -0. Throws on what is refused whatever its text. */
function checked(value: unknown, path: Path, look: Look): unknown {
  if (typeof value === 'string') {
    if (look.strings && !isSafeText(value)) throw refused(path, 'must not contain NUL characters or lone surrogates');
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw refused(path, 'is too large a number');
    return value === 0 ? 0 : value;
  } else if (typeof value === 'object' && value !== null) {
    if (path.length >= MAX_JSON_DEPTH) throw refused(path, `is nested deeper than ${MAX_JSON_DEPTH} levels`);
    if (Array.isArray(value)) {
      const items = value as unknown[];
      for (let i = 0; i < items.length; i += 1) {
        path.push(i);
        const item = checked(items[i], path, look);
        if (item === 0) items[i] = item;
        path.pop();
      }
    } else {
      const members = value as Record<string, unknown>;
      for (const name of Object.keys(members)) {
        look.names += 1;
        path.push(name);
        if (name === '__proto__') throw refused(path, 'is not allowed as a name');
        if (look.strings && !isSafeText(name)) throw refused(path, 'has a name with NUL characters or lone surrogates');
        const member = checked(members[name], path, look);
        if (member === 0) members[name] = member;
        path.pop();
      }
    }
  }
  return value;
}

function refused(path: readonly (string | number)[], message: string): JsonError {
  return new JsonError({ kind: 'value', pointer: jsonPointer(path), message });
}

// ------------------------------------------------------------------------------------------------ what was written

/** A number of 16 digits or more, or with an exponent: any other one survives, unless it is too large. */
const AWKWARD_NUMBER = /(?:^|[:,[\s])-?(?:[\d.]{16}|[\d.]+[eE])/;

/**
 * How many quotes stand before a colon: at least as many as there are names, doubled ones counted as often as they
 * stand.
 */
function namesIn(text: string): number {
  let count = 0;
  for (let colon = text.indexOf(':'); colon >= 0; colon = text.indexOf(':', colon + 1)) {
    let at = colon - 1;
    while (isSpace(text.charCodeAt(at))) at -= 1;
    if (text.charCodeAt(at) === 0x22) count += 1;
  }
  return count;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

interface Level {
  /** Of an object: the names so far. */
  readonly names: Set<string> | undefined;
  /** Where in it the reader is. */
  at: string | number;
}

/** Text, number, or what opens, closes and separates; the rest of JSON needs no look. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|[{}[\],:]/gs;

/**
 * Walks well-formed JSON. Throws at the first name that stands twice in its object, or number that would be changed.
 */
function refuseChanged(text: string): void {
  const levels: Level[] = [];
  let last = '';
  const path = (): (string | number)[] => levels.map(({ at }) => at);
  for (const [token] of text.matchAll(TOKEN)) {
    const level = levels.at(-1);
    const first = token.charAt(0);
    if (first === '{') levels.push({ names: new Set(), at: '' });
    else if (first === '[') levels.push({ names: undefined, at: 0 });
    else if (first === '}' || first === ']') levels.pop();
    else if (first === ',' && typeof level?.at === 'number') level.at += 1;
    else if (first === ':' && level?.names !== undefined) {
      const name = JSON.parse(last) as string;
      level.at = name;
      if (level.names.has(name)) throw refused(path(), 'stands more than once in its object');
      level.names.add(name);
    } else if (first === '-' || (first >= '0' && first <= '9')) {
      const fault = numberFault(token);
      if (fault !== undefined) throw refused(path(), fault);
    }
    last = token;
  }
}

/** Digits up to which a double is compared; no sender writes more by accident. */
const MAX_DIGITS = 100;
/** Integers are written with all their digits below this, with an exponent from it on. */
const ALL_DIGITS_BELOW = 1e21;

/**
 * Why a number in the form of JSON is not taken, if it is not: it is an integer beyond ±(2^53 − 1) that is written in
 * digits, or would be when it is written back (`1e20` would; from 1e21 on nobody writes all digits), or the double that
 * is nearest to it is written otherwise, both in short and rounded to as many digits as were given. `0.1`, `1e23` and
 * `0.30000000000000004` survive, `9007199254740993` and `0.12345678901234567890` do not.
 */
export function numberFault(literal: string): string | undefined {
  const value = Number(literal);
  const [, digits = '', fraction = '', exponent] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const significant = `${digits}${fraction}`.replace(/^0+/, '').replace(/0+$/, '');
  if (significant === '') return undefined;
  if (!Number.isFinite(value)) return 'is too large a number';
  if (value === 0) return 'is too small a number: it would become 0';
  const isInDigits = (exponent === undefined && /^0*$/.test(fraction)) || Math.abs(value) < ALL_DIGITS_BELOW;
  if (isInDigits && Number.isInteger(value) && !Number.isSafeInteger(value))
    return 'is an integer beyond ±9007199254740991 (2^53 − 1), which not every reader keeps: send it as text';
  if (
    digitsOf(value) === significant ||
    (significant.length <= MAX_DIGITS && digitsOf(value, significant.length) === significant)
  )
    return undefined;
  return `has more digits than a number keeps, it would become ${value}: send it as text`;
}

/**
 * The first digits of a number, rounded, without zeros at the end; as few as tell it from all others when no count is
 * given.
 */
function digitsOf(value: number, count?: number): string {
  const [mantissa = ''] = Math.abs(value)
    .toExponential(count === undefined ? undefined : count - 1)
    .split('e');
  return mantissa.replace('.', '').replace(/0+$/, '');
}

// --------------------------------------------------------------------------------------------------------- no JSON

const SPACE = /[\t\n\r ]*/y;
const STRING_CONTENT = /[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/**
 * Offset (in UTF-16 units) of the first character that no JSON text could have there; the length when the text only
 * ends too early. Runs over texts that JSON.parse refused, whose message rarely says where.
 */
export function firstError(text: string): number {
  const closers: ('}' | ']')[] = [];
  let expected: 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or end' = 'value';
  let at = 0;
  const skip = (pattern: RegExp): number => {
    pattern.lastIndex = at;
    return pattern.test(text) ? pattern.lastIndex : at;
  };
  for (;;) {
    at = skip(SPACE);
    const char = text.charAt(at);
    if (char === '') return at;
    const wantsName: boolean = expected === 'name' || expected === 'name or }';
    const wantsValue: boolean = expected === 'value' || expected === 'value or ]';
    if ((expected === ', or end' || expected === 'value or ]' || expected === 'name or }') && char === closers.at(-1)) {
      closers.pop();
      expected = ', or end';
    } else if (expected === ', or end' && char === ',' && closers.length > 0) {
      expected = closers.at(-1) === '}' ? 'name' : 'value';
    } else if (expected === ':' && char === ':') {
      expected = 'value';
    } else if (char === '"' && (wantsName || wantsValue)) {
      at += 1;
      at = skip(STRING_CONTENT);
      if (text.charAt(at) !== '"') return at;
      expected = wantsName ? ':' : ', or end';
    } else if (wantsValue && char === '{') {
      closers.push('}');
      expected = 'name or }';
    } else if (wantsValue && char === '[') {
      closers.push(']');
      expected = 'value or ]';
    } else {
      const end = wantsValue ? skip(SCALAR) : at;
      if (end === at) return at;
      at = end - 1;
      expected = ', or end';
    }
    at += 1;
  }
}
