/**
 * What a server of MCP says of one of its tools: all that a model would be shown of it. It is pinned by a hash, so that
 * what people have read is what is called.
 */
import { canonicalize, sha256 } from '../kernel/commit';
import { jsonPointer } from '../kernel/json';

/** Largest interface, in bytes of its canonical form. */
export const MAX_INTERFACE_BYTES = 64 * 1024;
/** How many differences are told. */
export const MAX_DIFFERENCES = 100;

type Schema = Readonly<Record<string, unknown>>;

/** Field names are those of MCP. */
export interface ToolInterface {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  /** JSON Schema of the arguments, an object. */
  readonly inputSchema: Schema;
  /** JSON Schema of the structured content. */
  readonly outputSchema?: Schema;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** The interface in a tool as a server lists it, without what no model is shown; or what is wrong with it, in words. */
export function interfaceOf({
  name,
  title,
  description,
  inputSchema,
  outputSchema,
  annotations,
}: Readonly<Record<string, unknown>>): ToolInterface | string {
  if (typeof name !== 'string') return 'has no name';
  if (!isOptional(title, isString) || !isOptional(description, isString)) return 'has a title or text that is none';
  if (!isObject(inputSchema) || inputSchema['type'] !== 'object') return 'has no inputSchema of an object';
  if (!isOptional(outputSchema, isObject)) return 'has an outputSchema that is no object';
  if (!isOptional(annotations, isObject)) return 'has annotations that are no object';
  const found = {
    name,
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    inputSchema,
    ...(outputSchema !== undefined && { outputSchema }),
    ...(annotations !== undefined && { annotations }),
  };
  return Buffer.byteLength(canonicalize(found)) > MAX_INTERFACE_BYTES
    ? `describes itself in more than ${MAX_INTERFACE_BYTES} bytes`
    : found;
}

/** SHA-256 over the RFC 8785 form. */
export function interfaceHash(of: ToolInterface): string {
  return sha256(canonicalize(of));
}

/** One place in which two interfaces differ; what is missing is left out. */
export interface Difference {
  /** A JSON Pointer such as `#/description`. */
  readonly pointer: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Where they differ, the first `MAX_DIFFERENCES`. */
export function differencesOf(before: ToolInterface, after: ToolInterface): readonly Difference[] {
  return [...differences(before, after, [])].slice(0, MAX_DIFFERENCES);
}

function* differences(before: unknown, after: unknown, path: readonly string[]): Generator<Difference> {
  if (isObject(before) && isObject(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
      yield* differences(before[name], after[name], [...path, name]);
    return;
  }
  const same = before === undefined || after === undefined ? before === after : alike(before, after);
  if (!same) yield { pointer: jsonPointer(path), before, after };
}

function alike(one: unknown, other: unknown): boolean {
  return canonicalize(one) === canonicalize(other);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isOptional<T>(value: unknown, is: (given: unknown) => given is T): value is T | undefined {
  return value === undefined || is(value);
}
