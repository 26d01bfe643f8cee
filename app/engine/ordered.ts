/**
 * Items in the order of a key that each is given: what comes after a key is found without a look at what lies before
 * it.
 */
export class Ordered<T, K extends string | number> {
  private slots: { readonly key: K; readonly item: T }[] = [];
  /** Where each item is now; a slot that is nobody's any more stays until half of them are. */
  private readonly current = new Map<T, { readonly key: K; readonly item: T }>();
  private sorted = true;

  get size(): number {
    return this.current.size;
  }

  /** Puts the item at `key`, away from where it was. */
  set(item: T, key: K): void {
    if (this.current.get(item)?.key === key) return;
    const slot = { key, item };
    this.current.set(item, slot);
    if (this.slots.length > 2 * this.current.size + 32)
      this.slots = this.slots.filter((other) => this.current.get(other.item) === other);
    const last = this.slots.at(-1);
    if (last !== undefined && last.key > key) this.sorted = false;
    this.slots.push(slot);
  }

  delete(item: T): void {
    this.current.delete(item);
  }

  /** What lies after `key` (all, without one), in order, with its key. Not to be changed while it is walked through. */
  *after(key?: K): Generator<{ readonly key: K; readonly item: T }> {
    if (!this.sorted) this.slots.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    this.sorted = true;
    const { slots } = this;
    let low = 0;
    if (key !== undefined) {
      for (let high = slots.length; low < high;) {
        const middle = (low + high) >>> 1;
        if ((slots[middle] as { key: K }).key > key) high = middle;
        else low = middle + 1;
      }
    }
    for (let i = low; i < slots.length; i += 1) {
      const slot = slots[i] as { key: K; item: T };
      if (this.current.get(slot.item) === slot) yield slot;
    }
  }
}
