/**
 * References to results of earlier tasks in the payload of a later one: an object
 * `{"$result": "<key>", "pointer": "/a/b"}` that stands alone, and is replaced by the value at that place (RFC 6901) of
 * the result before the task is offered. No expressions, and nothing in a result is a reference.
 */
import { Rejection } from '../kernel/decider';
import { jsonPointer } from '../kernel/json';
import { MARK } from '../personal/mark';

export const RESULT = '$result';

/** References in the payload of one task, and characters of a pointer, at most. */
export const MAX_REFERENCES = 1_000;
export const MAX_POINTER = 256;

export interface Reference {
  /** The task whose result it is: its key in a job, or its id. */
  readonly key: string;
  /** The names and numbers on the way from the result to the value; none: all of it. */
  readonly path: readonly string[];
}

/** The text of what is wrong with a reference. */
export type ReferenceFault = string;

/** Reads an object that has a `$result`; answers what is wrong with it, in words that follow on its place. */
export function readReference(holder: object): Reference | ReferenceFault {
  const { [RESULT]: key, pointer = '', ...others } = holder as Readonly<Record<string, unknown>>;
  if (Object.keys(others).length > 0) return `has fields beside ${RESULT} and pointer: a reference stands alone`;
  if (typeof key !== 'string') return `must name a task in ${RESULT}, by its key in the job or by its id`;
  if (typeof pointer !== 'string' || pointer.length > MAX_POINTER || !/^(?:\/(?:[^~/]|~[01])*)*$/.test(pointer))
    return `must have a JSON Pointer of at most ${MAX_POINTER} characters, such as /total, as pointer`;
  const path = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return path.includes(MARK) ? `must not lead into ${MARK}: what is marked is passed on whole` : { key, path };
}

/** The holders of references in a value, each with its place; a reference that holds another is one. */
export function* referencesIn(
  value: unknown,
  path: readonly (string | number)[] = [],
): Generator<[object, typeof path]> {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) for (const [i, item] of value.entries()) yield* referencesIn(item, [...path, i]);
  else if (Object.hasOwn(value, RESULT)) yield [value, path];
  else for (const [name, member] of Object.entries(value)) yield* referencesIn(member, [...path, name]);
}

/**
 * What is wrong with the references in the payload of a task, if anything is.
 *
 * @param name what the task is called
 * @param mayUse whether it may refer to the result of another one
 */
export function referenceProblem(
  name: string,
  payload: unknown,
  mayUse: (key: string) => boolean,
): Rejection | undefined {
  const wrong = (message: string) => new Rejection('invalid', 'reference-invalid', message);
  let count = 0;
  for (const [holder, path] of referencesIn(payload)) {
    const at = `the payload of ${name} ${jsonPointer(path)}`;
    const reference = readReference(holder);
    if (typeof reference === 'string') return wrong(`${at} ${reference}`);
    if (!mayUse(reference.key)) return wrong(`${at} refers to ${reference.key}, which ${name} does not come after`);
    count += 1;
    if (count > MAX_REFERENCES) return wrong(`the payload of ${name} has more than ${MAX_REFERENCES} references`);
  }
  return undefined;
}

/** The value with each reference replaced by what `resolve` answers for it; what holds none is the same object. */
export function replaced(value: unknown, resolve: (reference: Reference) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => replaced(item, resolve));
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  if (Object.hasOwn(value, RESULT)) return resolve(readReference(value) as Reference);
  const members = Object.entries(value).map(([name, member]) => [name, replaced(member, resolve)] as const);
  const before = value as Readonly<Record<string, unknown>>;
  return members.some(([name, member]) => member !== before[name]) ? Object.fromEntries(members) : value;
}

/**
 * The value at a place of a result; undefined where there is none. What is marked as personal has no places within it:
 * it is passed on whole, with its mark, so that it stays sealed.
 */
export function valueAt(result: unknown, path: readonly string[]): unknown {
  let value = result;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || Object.hasOwn(value, MARK)) return undefined;
    if (Array.isArray(value)) value = /^(?:0|[1-9]\d*)$/.test(part) ? (value[Number(part)] as unknown) : undefined;
    else value = Object.hasOwn(value, part) ? (value as Readonly<Record<string, unknown>>)[part] : undefined;
  }
  return value;
}
