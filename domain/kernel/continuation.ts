/** Where the next page of a view begins: after a row, which is told by its key and its source. Opaque to callers. */

export function continuationAfter(key: string, source: string): string {
  return Buffer.from(JSON.stringify([key, source])).toString('base64url');
}

/** The row as `[key, source]`. Throws RangeError on anything that `continuationAfter` has not made. */
export function placeOf(continuation: string): [key: string, source: string] {
  try {
    const value: unknown = JSON.parse(Buffer.from(continuation, 'base64url').toString('utf8'));
    if (Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'string') {
      const [key, source] = value as [string, string];
      // The decoder passes over what it does not know.
      if (continuationAfter(key, source) === continuation) return [key, source];
    }
  } catch {
    // falls through
  }
  throw new RangeError('the continuation is not one of ours: take it from nextLink as it is');
}
