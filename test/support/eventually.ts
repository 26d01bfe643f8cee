/** The one way in which tests wait for what comes about by itself. No test says how fast that has to be. */

export interface Patience {
  /** What is waited for, for the message of a wait in vain; when left out, the source of `look` says it. */
  readonly what?: string;
  /** At most so long; by default less than a test may take, so that the message is this one's. */
  readonly seconds?: number;
  /** Between two looks, where one look costs much. */
  readonly pauseMs?: number;
}

const SECONDS = 45;
const PAUSE_MS = 10;

/**
 * Looks again and again until there is something, which is neither undefined nor false, and gives it.
 *
 * Rejects when the time is over, with what it has waited for, how long, and what it saw last. An error of `look` ends
 * the wait at once, and is the cause of the rejection: what must not fail while a test waits would hide otherwise.
 */
export async function eventually<T>(
  look: () => T | Promise<T>,
  { what = String(look), seconds = SECONDS, pauseMs = PAUSE_MS }: Patience = {},
): Promise<Exclude<T, undefined | false>> {
  const started = performance.now();
  const waited = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  for (;;) {
    const found = await seen(look, (error) => `after ${waited()}, while waiting for ${what}: ${String(error)}`);
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    if (performance.now() - started > seconds * 1000)
      throw new Error(`waited ${waited()} in vain for ${what}; the last look gave ${String(found)}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

async function seen<T>(look: () => T | Promise<T>, message: (error: unknown) => string): Promise<T> {
  try {
    return await look();
  } catch (error) {
    throw new Error(message(error), { cause: error });
  }
}
