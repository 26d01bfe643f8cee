/** What is remembered of the awards of tasks, bounded: the oldest is forgotten first. */

/** Awards that are remembered, and bytes of what is remembered of them. */
const MOST = 10_000;
const MOST_BYTES = 16_000_000;

interface Remembered<T> {
  readonly award: number;
  readonly what: T;
  readonly bytes: number;
}

export class AwardMemory<T> {
  /** By task: of its latest award alone. */
  private readonly tasks = new Map<string, Remembered<T>>();
  private bytes = 0;

  get(task: string, award: number): T | undefined {
    const known = this.tasks.get(task);
    return known?.award === award ? known.what : undefined;
  }

  set(task: string, award: number, what: T, bytes = 0): void {
    const known = this.tasks.get(task);
    // Work of an earlier award may end after that of a later one.
    if (known !== undefined && known.award > award) return;
    this.forget(task);
    this.tasks.set(task, { award, what, bytes });
    this.bytes += bytes;
    for (const oldest of this.tasks.keys()) {
      if (this.tasks.size <= MOST && this.bytes <= MOST_BYTES) return;
      this.forget(oldest);
    }
  }

  forget(task: string): void {
    this.bytes -= this.tasks.get(task)?.bytes ?? 0;
    this.tasks.delete(task);
  }
}
