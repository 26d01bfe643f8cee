/** What somebody may have meant by a name that is not known. */

/** The name that is nearest to the given one, unless even that differs in more than `most` letters. */
export function nearest(given: string, names: readonly string[], most = 2): string | undefined {
  let found: string | undefined;
  let best = most + 1;
  for (const name of names) {
    const distance = edits(given.toLowerCase(), name.toLowerCase());
    if (distance < best) [found, best] = [name, distance];
  }
  return found;
}

/**
 * How many letters must be put in, taken out, replaced or swapped with the next to make one text of the other
 * (optimal string alignment).
 */
function edits(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, i) => i);
  let above: number[] = [];
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const same = one[i - 1] === other[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      next.push(
        Math.min(
          (next[j - 1] as number) + 1,
          (row[j] as number) + 1,
          (row[j - 1] as number) + same,
          swapped ? (above[j - 2] as number) + 1 : Infinity,
        ),
      );
    }
    [above, row] = [row, next];
  }
  return row[other.length] as number;
}
