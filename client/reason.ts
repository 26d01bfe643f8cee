/** Why an attempt failed, as the host takes it. */

/** Characters of a reason, as the host counts them. */
const MOST = 2_000;

/** Never empty, and no character of it is cut in half. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text === ''
    ? 'the work failed'
    : text
        .toWellFormed()
        .slice(0, MOST)
        .replace(/[\uD800-\uDBFF]$/, '');
}
