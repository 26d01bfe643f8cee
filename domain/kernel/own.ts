/**
 * The value under a key that a caller chose, in a record that holds plain data. A plain lookup would find
 * `constructor`, which every object inherits.
 */
export function own<V>(record: Readonly<Record<string, V>>, key: string): V | undefined {
  const value = record[key];
  return value !== undefined && Object.hasOwn(record, key) ? value : undefined;
}
