/**
 * How often views take in what triggers hand over. A trigger that has found something looks again at once, and waits
 * only where it finds nothing: on a busy feed it never does, and a row would be written with every step of its stream.
 * So where much is handed over, the next page is held back until views have waited as long as they may.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Commit } from '../../domain/kernel/commit';
import { toMillis } from '../../domain/kernel/time';

/**
 * Where fewer commits come in a second nothing is held back: a function that waits is paid for like one that works, and
 * a second of 2 GB costs as much as some twelve changed rows (prices of docs/cost.md).
 */
const BUSY_PER_SECOND = 20;
/** What was committed so long ago has waited: whoever is that far behind reads on. Milliseconds. */
const BEHIND_MS = 1_000;

export class Pace {
  /** When the period began in which commits are counted, by `performance.now()`. */
  private began = -Infinity;
  private commits = 0;

  /** @param periodMs for how long what has happened may wait */
  constructor(private readonly periodMs: number) {}

  /** A page comes; `now` by the clock of the commits. What is returned is called when it was handled. */
  handed(page: readonly Pick<Commit, 'at'>[], now: number): (signal: AbortSignal) => Promise<void> {
    const at = performance.now();
    if (at >= this.began + this.periodMs) {
      this.began = at;
      this.commits = 0;
    }
    this.commits += page.length;
    const newest = page.reduce((last, commit) => (commit.at > last ? commit.at : last), '');
    const isBehind = newest === '' || now - toMillis(newest) > BEHIND_MS;
    return (signal) => this.rest(isBehind, signal);
  }

  /** Resolves when the next page may come: at once where that is not held back, or when `signal` aborts. */
  private async rest(isBehind: boolean, signal: AbortSignal): Promise<void> {
    if (isBehind || this.commits < (BUSY_PER_SECOND * this.periodMs) / 1_000) return;
    const left = Math.max(0, this.began + this.periodMs - performance.now());
    await sleep(left, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
