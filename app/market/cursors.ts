/** Cursors of what waits: what each process has shown, as places in its books, which mean nothing to the others. */

/** Processes that a cursor knows of: requests with it may come to any of them. */
const MAX_EPOCHS = 16;
const PART = /^([0-9a-f]{1,16})((?:\.\d{1,15})+)$/;

/** The `count` places that the cursor knows of the process `epoch`; undefined where it knows nothing of it. */
export function placesIn(cursor: string | undefined, epoch: string, count: number): number[] | undefined {
  for (const part of cursor?.split('_') ?? []) {
    const [, of, text = ''] = PART.exec(part) ?? [];
    const places = text.split('.').slice(1).map(Number);
    if (of === epoch && places.length === count) return places;
  }
  return undefined;
}

/** The cursor with the places of the process `epoch` as they are now: the newest parts first. */
export function withPlaces(cursor: string | undefined, epoch: string, places: readonly number[]): string {
  const others = (cursor?.split('_') ?? []).filter((part) => PART.test(part) && !part.startsWith(`${epoch}.`));
  return [[epoch, ...places].join('.'), ...others].slice(0, MAX_EPOCHS).join('_');
}
