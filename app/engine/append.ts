/** Appends, with patience for a store that fails or does not answer, and never twice. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SealedCommit } from '../../domain/kernel/commit';
import { type Append, type EventStore, StoreBusy } from './ports';
import { messageOf, StoreUnavailable } from './reachable';

/**
 * How long a write waits for its store, all attempts together, before its caller hears that it isn't known whether it
 * was done.
 */
const WRITE_PATIENCE_MS = 5_000;
const MAX_ATTEMPTS = 4;

/**
 * Appends; true when the commits are in the store. When the answer is lost, the store is asked whether they are there:
 * a commit is recognised by its place and its hash, and is not written again. A store that is busy is not asked again:
 * at the first attempt nothing is written (rejects with `StoreBusy`), later it isn't known what an earlier one has done
 * (rejects with `StoreUnavailable`). `random` gives numbers in [0, 1) for the jitter of the waits.
 */
export async function append(store: EventStore, what: Append, random: () => number): Promise<boolean> {
  const end = performance.now() + WRITE_PATIENCE_MS;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const result = await by(end, store.append(what));
      if (result.kind === 'written') return true;
      // After a lost answer the conflict may be with these very commits. Not knowing is no answer: it counts as a
      // failure.
      return attempt > 1 && (await holds(store, what));
    } catch (error) {
      if (error instanceof RangeError || (error instanceof StoreBusy && attempt === 1)) throw error;
      if (error instanceof StoreBusy || attempt >= MAX_ATTEMPTS || performance.now() >= end)
        throw unwritten(what, error);
      await sleep(2 ** attempt * 5 * random());
      try {
        if (await by(end, holds(store, what))) return true;
      } catch (unasked) {
        if (unasked instanceof StoreBusy) throw unwritten(what, unasked);
      }
    }
  }
}

async function holds(store: EventStore, { stream, commits }: Append): Promise<boolean> {
  const first = commits[0] as SealedCommit;
  const found = await store.read(stream, first.commit.index, commits.length);
  return found.length === commits.length && found.every((commit, i) => commit.hash === commits[i]?.commit.hash);
}

function unwritten({ stream }: Append, error: unknown): StoreUnavailable {
  return new StoreUnavailable(`${stream} could not be written: ${messageOf(error)}`, { cause: error });
}

/** The answer, if it has come by `end`, in milliseconds as `performance.now` counts them; else an error. */
function by<T>(end: number, answer: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    // A process that was away for a while reads first what has come meanwhile.
    const timer = setTimeout(
      () => setImmediate(() => reject(new Error(`the store gave no answer within ${WRITE_PATIENCE_MS} ms`))),
      Math.max(0, end - performance.now()),
    );
    answer.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}
