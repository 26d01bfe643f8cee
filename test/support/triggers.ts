/** What the tests of the local host's triggers share. */
import type { Connections } from '../../local/connections';

/** The numbers of what was sent, from `from` to `last`. */
export const upTo = (last: number, from = 1): number[] => Array.from({ length: last - from + 1 }, (_, i) => from + i);

/** A host with one trigger, which can be stopped more than once: by its test, and after it. */
export function hostOf(trigger: { stop(): Promise<void> }, connections: Connections): { stop(): Promise<void> } {
  let stopped: Promise<void> | undefined;
  return { stop: () => (stopped ??= trigger.stop().then(() => connections.close())) };
}
