/**
 * How the newest receipts are found where the feed can be read forward alone, from a time on: that time is looked for
 * from which on there are enough of them, and not many more.
 */

/** Times as many as are wanted are taken for too many. */
const MOST = 4;

/**
 * Reads what came in the last so many seconds, or all there is; undefined where that is more than `most`, of which no
 * more is read.
 */
export type ReadSince<T> = (seconds: number | undefined, most: number) => Promise<readonly T[] | undefined>;

/**
 * At least the newest `count`, or all there are. Reads `MOST` times as many at once, and mostly some six times: by
 * halves, of the logarithm of the time. Where so many come in a second, all of that second is read.
 * @param age seconds within which all of it came
 */
export async function latestOf<T>(count: number, age: number, read: ReadSince<T>): Promise<readonly T[]> {
  const most = MOST * count;
  const all = await read(undefined, most);
  if (all !== undefined) return all;
  let [few, many] = [0, age];
  while (many - few > 1) {
    const middle = Math.round(Math.sqrt((few + 1) * (many + 1))) - 1;
    const seconds = Math.min(Math.max(middle, few + 1), many - 1);
    const found = await read(seconds, most);
    if (found === undefined) many = seconds;
    else if (found.length < count) few = seconds;
    else return found;
  }
  return (await read(many, Infinity)) ?? [];
}
