/** The order in which things come to be seen by agents. */

/**
 * Places in the books of this process: whatever comes to be seen by agents gets the next one at that moment, whatever
 * its time says. So whoever has seen all up to a place misses nothing that comes later.
 */
export class Places {
  last = 0;

  /** @param epoch names this process: its places mean nothing to others */
  constructor(readonly epoch: string) {}

  next(): number {
    return (this.last += 1);
  }
}
