/**
 * Tells a time in which the process was away (stopped, suspended) from a loop that is slow: a pause is one long gap
 * that stands alone, and nobody's work; gaps again and again are turns that take so long.
 */

/** Between a gap and the one before it, at least, where it is a pause. Milliseconds. */
const APART_MS = 10_000;

export class Pauses {
  private ended = -Infinity;

  /** @param longMs a gap of more than this may be a pause */
  constructor(private readonly longMs: number) {}

  /** Whether a gap of so many milliseconds, which ends now, was a pause. */
  isPause(now: number, milliseconds: number): boolean {
    if (milliseconds <= this.longMs) return false;
    const between = now - milliseconds - this.ended;
    this.ended = now;
    return between >= APART_MS;
  }
}
