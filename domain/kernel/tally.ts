/** Counting by names that others have given. */

/** Names that are counted apart; those that come later count as one. */
const MOST_COUNTED = 10_000;
const OTHERS = 'others';

/** The name under which something is counted. */
export function known(counts: ReadonlyMap<string, unknown>, name: string): string {
  return counts.has(name) || counts.size < MOST_COUNTED ? name : OTHERS;
}

/** Counts by name; memory has an end though names have none. */
export class Tally {
  private readonly counts = new Map<string, number>();

  add(name: string, by = 1): void {
    const key = known(this.counts, name);
    this.counts.set(key, (this.counts.get(key) ?? 0) + by);
  }

  /** The largest first, of equal ones by name. */
  get ranked(): (readonly [string, number])[] {
    return [...this.counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  }
}
