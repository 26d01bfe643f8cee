/** What differs between two JSON documents, for people who must see it on one screen and for the receipt. */
import { canonicalize } from './commit';

/** `before` is missing where something was added, `after` where it was removed. */
export interface Difference {
  /** JSON Pointer (RFC 6901); `''` is the whole document. */
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export const MAX_DIFFERENCES = 200;
const MAX_DIFFERENCES_BYTES = 64 * 1024;

/**
 * Every difference, in the order of the pointers' names; none when both are the same JSON value. Lists are compared
 * place by place. More than 200 differences, or 64 KB of them, are told as one change of the whole.
 */
export function differences(before: unknown, after: unknown): Difference[] {
  const found: Difference[] = [];
  collect('', before, after, found);
  return found.length <= MAX_DIFFERENCES && Buffer.byteLength(JSON.stringify(found)) <= MAX_DIFFERENCES_BYTES
    ? found
    : [{ path: '', before, after }];
}

function collect(path: string, before: unknown, after: unknown, found: Difference[]): void {
  if (found.length > MAX_DIFFERENCES) return;
  if (!isNode(before) || !isNode(after) || Array.isArray(before) !== Array.isArray(after)) {
    if (canonicalize(before) !== canonicalize(after)) found.push({ path, before, after });
    return;
  }
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  if (!Array.isArray(before)) names.sort();
  for (const name of names) {
    const place = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!Object.hasOwn(after, name)) found.push({ path: place, before: before[name] });
    else if (!Object.hasOwn(before, name)) found.push({ path: place, after: after[name] });
    else collect(place, before[name], after[name], found);
  }
}

function isNode(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
