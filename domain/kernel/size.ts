/** About how much memory a value takes, without serialising it. */

/** An object with its header; a field or an item of it. */
const OBJECT = 32;
const FIELD = 16;
/** Objects that take more are measured once: values don't change, and the next state of a stream holds most of them. */
const REMEMBERED = 2_048;

const measured = new WeakMap<object, number>();

/** Bytes, roughly: of strings, numbers, arrays and plain objects; what several hold counts for each. */
export function roughSize(value: unknown): number {
  if (typeof value === 'string') return FIELD + value.length;
  if (typeof value !== 'object' || value === null) return 0;
  const known = measured.get(value);
  if (known !== undefined) return known;
  let size = OBJECT;
  if (Array.isArray(value)) for (const item of value) size += FIELD + roughSize(item);
  else
    for (const key in value) {
      if (Object.hasOwn(value, key)) size += FIELD + key.length + roughSize((value as Record<string, unknown>)[key]);
    }
  if (size > REMEMBERED) measured.set(value, size);
  return size;
}
