/** Something that is opened when it is first asked for. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Whoever asks so soon after a failure is told of the same one. Milliseconds. */
const AGAIN_AFTER_MS = 1_000;

/** Opens once, for all who ask; where that has failed, again for whoever asks a while later. */
export class Opening<T> {
  private opening: Promise<T> | undefined;
  private failedAt = -Infinity;
  private failed = false;
  private ended = false;

  constructor(
    private readonly open: () => Promise<T>,
    private readonly againAfterMs = AGAIN_AFTER_MS,
  ) {}

  /** What was opened. Rejects with what `open` rejects with, and once it has ended. */
  get(): Promise<T> {
    if (this.ended) return Promise.reject(new Error('the app ends'));
    if (this.failed && performance.now() - this.failedAt >= this.againAfterMs) this.opening = undefined;
    if (this.opening === undefined) {
      this.failed = false;
      this.opening = this.open();
      this.opening.catch(() => {
        this.failed = true;
        this.failedAt = performance.now();
      });
    }
    return this.opening;
  }

  /** Nothing is opened or given out any more: a call that comes while the app ends would open it once more. */
  end(): void {
    this.ended = true;
  }

  /** What was opened, or is being opened, and will not be given out any more; undefined when there is nothing. */
  async take(): Promise<T | undefined> {
    const opening = this.opening;
    this.opening = undefined;
    return await opening?.catch(() => undefined);
  }
}

/**
 * What `open` answers, asked for again each `everyMs` milliseconds while it rejects, until `until`, a time of
 * `performance.now()`. For who would be handed the same again at once, so many times and then no more. Rejects with the
 * last failure.
 */
export async function persistently<T>(open: () => Promise<T>, until: number, everyMs = AGAIN_AFTER_MS): Promise<T> {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (performance.now() >= until) throw error;
      await sleep(everyMs, undefined, { ref: false });
    }
  }
}
