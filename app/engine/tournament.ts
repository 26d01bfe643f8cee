/**
 * Items whose values move with time, kept so that the one that is ahead is known at once: a kinetic tournament (Basch,
 * Guibas and Hershberger, "Data structures for mobile data", Journal of Algorithms 31, 1999). Every pair that has been
 * compared knows when it is to be compared again, so that time passing costs what changes, not what there is.
 */
import { Heap } from 'heap-js';

/** How a value moves: a straight line from the moment at which it was asked for, until it bends. */
export interface Line {
  readonly value: number;
  /** By how much it grows in a millisecond. */
  readonly slope: number;
  /** Epoch milliseconds; Infinity when it never bends. */
  readonly until: number;
}

const NOBODY = -1;

export class Tournament<T> {
  private readonly places = new Map<T, number>();
  /** By place; a place that is nobody's any more is given to the next who comes. */
  private readonly items: (T | undefined)[] = [];
  private readonly vacant: number[] = [];
  /** When each came, so that of two that are equal the older one is ahead. */
  private readonly came: number[] = [];
  private comers = 0;
  /** A binary tree in an array: node 1 is the root, `leaves + place` is a leaf. Who is ahead below each node … */
  private ahead = Int32Array.of(NOBODY, NOBODY);
  /** … and until when that is sure. */
  private sure = Float64Array.of(Infinity, Infinity);
  private leaves = 1;

  /** @param lineOf how an item's value moves from `now` on, epoch milliseconds */
  constructor(private readonly lineOf: (item: T, now: number) => Line) {}

  get size(): number {
    return this.places.size;
  }

  /** Takes the item in, or looks anew at one whose value moves otherwise than before. */
  set(item: T, now: number): void {
    let place = this.places.get(item);
    if (place === undefined) {
      place = this.vacant.pop() ?? this.items.length;
      if (place === this.leaves) this.grow(now);
      this.places.set(item, place);
      this.items[place] = item;
      this.came[place] = this.comers += 1;
      this.ahead[this.leaves + place] = place;
    }
    this.decideAbove(place, now);
  }

  delete(item: T, now: number): void {
    const place = this.places.get(item);
    if (place === undefined) return;
    this.places.delete(item);
    this.items[place] = undefined;
    this.vacant.push(place);
    this.ahead[this.leaves + place] = NOBODY;
    this.decideAbove(place, now);
  }

  /** Who is ahead at `now`. */
  first(now: number): T | undefined {
    this.advance(1, now);
    const place = this.ahead[1] as number;
    return place === NOBODY ? undefined : this.items[place];
  }

  /** The items, the one that is ahead at `now` first. Not to be changed while it is walked through. */
  *best(now: number): Generator<{ readonly item: T; readonly value: number }> {
    this.advance(1, now);
    // Of each part of the tree that was not walked yet, its winner: the best of these is next.
    const open = new Heap<{ readonly node: number; readonly place: number; readonly value: number }>(
      (a, b) => b.value - a.value || (this.came[a.place] ?? 0) - (this.came[b.place] ?? 0),
    );
    const add = (node: number) => {
      const place = this.ahead[node] ?? NOBODY;
      if (place !== NOBODY) open.push({ node, place, value: this.lineOf(this.items[place] as T, now).value });
    };
    add(1);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      yield { item: this.items[next.place] as T, value: next.value };
      for (let node = this.leaves + next.place; node > next.node; node >>= 1) add(node ^ 1);
    }
  }

  /** Compares again what may have changed since. */
  private advance(node: number, now: number): void {
    if ((this.sure[node] as number) > now || node >= this.leaves) return;
    this.advance(2 * node, now);
    this.advance(2 * node + 1, now);
    this.decide(node, now);
  }

  private decideAbove(place: number, now: number): void {
    for (let node = (this.leaves + place) >> 1; node >= 1; node >>= 1) this.decide(node, now);
  }

  private decide(node: number, now: number): void {
    const left = this.ahead[2 * node] as number;
    const right = this.ahead[2 * node + 1] as number;
    let sure = Math.min(this.sure[2 * node] as number, this.sure[2 * node + 1] as number);
    let winner = left === NOBODY ? right : left;
    if (left !== NOBODY && right !== NOBODY) {
      const a = this.lineOf(this.items[left] as T, now);
      const b = this.lineOf(this.items[right] as T, now);
      const rightWins = b.value - a.value || (this.came[left] as number) - (this.came[right] as number);
      if (rightWins > 0) winner = right;
      const [first, second] = rightWins > 0 ? [b, a] : [a, b];
      // When the one behind catches up; a moment later at the earliest, so that time always goes on.
      const overtaken =
        second.slope > first.slope ? now + (first.value - second.value) / (second.slope - first.slope) : Infinity;
      sure = Math.min(sure, Math.max(now + 1, Math.min(first.until, second.until, overtaken)));
    }
    this.ahead[node] = winner;
    this.sure[node] = sure;
  }

  private grow(now: number): void {
    const { leaves, ahead } = this;
    this.leaves = 2 * leaves;
    this.ahead = new Int32Array(2 * this.leaves).fill(NOBODY);
    this.sure = new Float64Array(2 * this.leaves).fill(Infinity);
    for (let place = 0; place < leaves; place += 1) this.ahead[this.leaves + place] = ahead[leaves + place] as number;
    for (let node = this.leaves - 1; node >= 1; node -= 1) this.decide(node, now);
  }
}
