/** What the tests of the local host's triggers share. */
import type { Connections } from '../../local/connections';

/** A host with one trigger, which can be stopped more than once: by its test, and after it. */
export function hostOf(trigger: { stop(): Promise<void> }, connections: Connections): { stop(): Promise<void> } {
  let stopped: Promise<void> | undefined;
  return { stop: () => (stopped ??= trigger.stop().then(() => connections.close())) };
}

/** Waits until a condition holds. Rejects when it doesn't come to hold in time. */
export async function until(condition: () => unknown, seconds = 20): Promise<void> {
  for (const end = Date.now() + seconds * 1_000; !(await condition());) {
    if (Date.now() > end) throw new Error(`it did not happen within ${seconds} seconds: ${String(condition)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
