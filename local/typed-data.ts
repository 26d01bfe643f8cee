/**
 * What the Functions host makes of what a trigger brings before it hands it to the worker: its `TypedData`, of which
 * exactly one field is set, none for null. The library decodes it (`@azure/functions`, `fromRpcTypedData`): it reads
 * every string as JSON where that is some, and hands a 64-bit integer on as the object `{ low, high, unsigned }`.
 */
import Long from 'long';

export type TypedData =
  | { readonly string: string }
  | { readonly json: string }
  | { readonly bytes: Buffer }
  | { readonly collectionString: { readonly string: readonly string[] } }
  | { readonly collectionBytes: { readonly bytes: readonly Buffer[] } }
  | { readonly collectionSint64: { readonly sint64: readonly Long[] } }
  | { readonly [none: string]: never };

/** A string of .NET; null is none. */
export function stringData(value: string | null | undefined): TypedData {
  return value === null || value === undefined ? {} : { string: value };
}

/** A `string[]` of .NET. The host leaves out what is null or empty: the list can be shorter than those beside it. */
export function stringsData(values: readonly (string | null | undefined)[]): TypedData {
  return {
    collectionString: {
      string: values.filter((value) => value !== null && value !== undefined && value !== '') as string[],
    },
  };
}

/** A `byte[][]` of .NET; empty entries stay. */
export function bytesData(values: readonly Buffer[]): TypedData {
  return { collectionBytes: { bytes: values } };
}

/** A `long[]` of .NET. */
export function longsData(values: readonly number[]): TypedData {
  return { collectionSint64: { sint64: values.map((value) => Long.fromNumber(value)) } };
}

/** Whatever else there is: numbers, times, lists of them, objects. */
export function jsonData(value: unknown): TypedData {
  return { json: JSON.stringify(value) };
}

/** The last time that .NET knows, as it writes it; brokers say it where they mean never. */
const NEVER = '9999-12-31T23:59:59.9999999';

/** A `DateTime` of which .NET doesn't know the zone, as it writes it: in UTC, and without saying so. */
export function dateTime(date: Date): string {
  if (date.getUTCFullYear() > 9_999) return NEVER;
  return date
    .toISOString()
    .replace(/(?:\.000|0+)Z$/, '')
    .replace(/Z$/, '');
}

/** A `DateTimeOffset`, as .NET writes it. */
export function dateTimeOffset(date: Date): string {
  return `${dateTime(date)}+00:00`;
}
