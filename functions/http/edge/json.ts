/**
 * JSON as the edge accepts it: well-formed UTF-8, and values that survive RFC 8785 and every JSON parser on the way
 * (finite numbers, no lone surrogates, no NUL, no `__proto__`, bounded depth).
 */
import { Problem } from './problem';

/** Arrays and objects within each other. */
const MAX_DEPTH = 64;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Parses a body. Throws a Problem (400) that says where the text stops being JSON, or which value is refused. */
export function parseJson(bytes: Uint8Array | ArrayBuffer): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw Problem.of('invalid-json', 'The body is not well-formed UTF-8.');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notJson(text);
  }
  refuseUnsafe(value, []);
  return value;
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
    const shown = name.length <= MAX_SHOWN ? name : `${name.slice(0, MAX_SHOWN)}…`;
    pointer += '/' + encodeURIComponent(shown.toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1'));
  }
  return pointer;
}

function refuseUnsafe(value: unknown, path: (string | number)[]): void {
  if (typeof value === 'string') {
    if (!isSafeText(value)) throw refused(path, 'must not contain NUL characters or lone surrogates');
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw refused(path, 'is too large a number');
  } else if (typeof value === 'object' && value !== null) {
    if (path.length >= MAX_DEPTH) throw refused(path, `is nested deeper than ${MAX_DEPTH} levels`);
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) {
        path.push(i);
        refuseUnsafe(value[i], path);
        path.pop();
      }
    } else {
      for (const key of Object.keys(value)) {
        path.push(key);
        if (key === '__proto__') throw refused(path, 'is not allowed as a name');
        if (!isSafeText(key)) throw refused(path, 'has a name with NUL characters or lone surrogates');
        refuseUnsafe((value as Record<string, unknown>)[key], path);
        path.pop();
      }
    }
  }
}

function refused(path: readonly (string | number)[], message: string): Problem {
  return Problem.invalid('The body contains a value that is not accepted.', [{ pointer: jsonPointer(path), message }]);
}

function notJson(text: string): Problem {
  const position = firstError(text);
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  const column = position - before.lastIndexOf('\n');
  const what = position === text.length ? 'it ends too early' : 'there is an unexpected character';
  return Problem.of('invalid-json', `The body is not JSON: ${what} at line ${line}, column ${column}.`, { position, line, column });
}

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
