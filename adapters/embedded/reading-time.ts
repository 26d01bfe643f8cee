/**
 * How long a thread reads the database in one turn of its event loop. SQLite answers at once: whoever awaits one answer
 * after the other gives nobody else a turn, and many that read beside each other hold the loop for all of them.
 */

/** What is read after so long waits for the next turn. */
const TURN_MS = 5;

export class ReadingTime {
  private spent = 0;
  private ends = false;

  /** Whether the time of this turn is over: for hot paths, which ask before they wait. */
  get over(): boolean {
    return this.spent >= TURN_MS;
  }

  /** Resolves in a turn in which there is time left; those that wait have it in their order. */
  async left(): Promise<void> {
    while (this.over) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Reads, at once. */
  of<T>(read: () => T): T {
    const began = performance.now();
    try {
      return read();
    } finally {
      this.spent += performance.now() - began;
      if (!this.ends) setImmediate(this.end);
      this.ends = true;
    }
  }

  private readonly end = (): void => {
    this.spent = 0;
    this.ends = false;
  };
}
