/**
 * A map of what was used lately, bounded in entries and in what they weigh: two generations, of which the older is
 * dropped when the younger is full. It forgets in bulk, so that neither use nor eviction costs more as it fills.
 */

/** How much all entries of a generation may weigh, and what one does. */
export interface Weights<V> {
  readonly most: number;
  readonly of: (value: V) => number;
}

interface Entry<V> {
  readonly value: V;
  readonly weight: number;
}

export class Recent<K, V> {
  private young = new Map<K, Entry<V>>();
  private old = new Map<K, Entry<V>>();
  /** Of the younger generation. */
  private weight = 0;

  /**
   * Keeps at least the `size` entries used last, as far as they weigh no more than `weights.most`, at most twice as
   * many; the one used last however much it weighs.
   */
  constructor(
    private readonly size: number,
    private readonly weights?: Weights<V>,
  ) {}

  get(key: K): V | undefined {
    const entry = this.young.get(key);
    if (entry !== undefined) return entry.value;
    const older = this.old.get(key);
    if (older !== undefined) this.add(key, older);
    return older?.value;
  }

  /** The value, without counting as use. */
  peek(key: K): V | undefined {
    return (this.young.get(key) ?? this.old.get(key))?.value;
  }

  set(key: K, value: V): void {
    this.add(key, { value, weight: this.weights?.of(value) ?? 0 });
  }

  delete(key: K): void {
    this.weight -= this.young.get(key)?.weight ?? 0;
    this.young.delete(key);
    this.old.delete(key);
  }

  /** What is kept, the older generation first; without counting as use. */
  *keys(): Generator<K> {
    for (const key of this.old.keys()) if (!this.young.has(key)) yield key;
    yield* this.young.keys();
  }

  private add(key: K, entry: Entry<V>): void {
    if (this.weights !== undefined) {
      this.weight += entry.weight - (this.young.get(key)?.weight ?? 0);
      // What it replaces is held no longer, and what is moved counts once.
      this.old.delete(key);
    }
    this.young.set(key, entry);
    if (this.young.size < this.size && this.weight <= (this.weights?.most ?? Infinity)) return;
    this.old = this.young;
    this.young = new Map();
    this.weight = 0;
  }
}
