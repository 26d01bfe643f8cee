/**
 * How long a thread reads the database in one turn of its event loop. SQLite answers at once: whoever awaits one answer
 * after the other gives nobody else a turn, and many that read beside each other hold the loop for all of them.
 */

/** What is read after so long waits for the next turn. */
const TURN_MS = 5;

export class ReadingTime {
  private spent = 0;
  private readonly waiting: (() => void)[] = [];
  private isScheduled = false;

  /** Whether a reader has to wait: the time of this turn is over, or others wait already. For hot paths. */
  get over(): boolean {
    return this.spent >= TURN_MS || this.waiting.length > 0;
  }

  /** Resolves when it is the caller's turn: behind those that wait already, however often one of them has read. */
  async left(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.waiting.push(resolve);
      this.schedule();
    });
  }

  /** Reads, at once. */
  of<T>(read: () => T): T {
    const began = performance.now();
    try {
      return read();
    } finally {
      this.spent += performance.now() - began;
      this.schedule();
      this.admit();
    }
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(this.turn);
  }

  private readonly turn = (): void => {
    this.isScheduled = false;
    this.spent = 0;
    this.admit();
    // Whoever is let in and reads nothing lets nobody else in.
    if (this.waiting.length > 0) this.schedule();
  };

  /** Lets the next one read, where there is time left. */
  private admit(): void {
    if (this.spent < TURN_MS) this.waiting.shift()?.();
  }
}
