/** Items without an order, of which any can be had by its number. */

/** A set whose items have numbers from 0, which change as items leave: whoever is last takes the place that is free. */
export class Roster<T> implements Iterable<T> {
  private readonly items: T[] = [];
  private readonly places = new Map<T, number>();

  get size(): number {
    return this.items.length;
  }

  /** The item of the number; there is one of each below `size`. */
  at(place: number): T {
    return this.items[place] as T;
  }

  has(item: T): boolean {
    return this.places.has(item);
  }

  add(item: T): void {
    if (this.places.has(item)) return;
    this.places.set(item, this.items.length);
    this.items.push(item);
  }

  delete(item: T): void {
    const place = this.places.get(item);
    if (place === undefined) return;
    this.places.delete(item);
    const last = this.items.pop() as T;
    if (last === item) return;
    this.items[place] = last;
    this.places.set(last, place);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.items.values();
  }
}
