/** Lists by key, in which no empty one is kept. */

/** Takes the entry out of a list; one that is empty is not kept. */
export function unlist<E>(
  lists: Map<string, { delete(entry: E): unknown; readonly size: number }>,
  key: string,
  entry: E,
): void {
  const list = lists.get(key);
  list?.delete(entry);
  if (list?.size === 0) lists.delete(key);
}

/** The value under the key, made where there is none. */
export function listed<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
