import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for `work`, but at most so long; does not keep the process alive. */
export async function within(seconds: number, work: Promise<unknown>): Promise<void> {
  await Promise.race([work, sleep(seconds * 1_000, undefined, { ref: false })]);
}
