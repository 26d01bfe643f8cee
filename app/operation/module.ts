/**
 * Operation: whether a colony can do its work, and how it does: readiness, metrics, traces, limits, a process's log.
 * Owns no stream.
 * Calls nobody here; the edge asks it about the engine and about what the other modules offer.
 */
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { Admission } from './admission';
import { FairQueue } from './fair-queue';
import { Lateness } from './lateness';
import { type Check, Readiness } from './readiness';

/** What the other modules offer. */
export interface Offered {
  /** Says what the market's books do not know yet. */
  readonly filling: Check;
}

export interface OperationOptions {
  /** Whether to look how late this process is, and who has had how much of it: else everything begins at once. */
  readonly admits: boolean;
  /** What the colony goes without although its settings ask for it, in words. */
  readonly lacking: readonly string[];
}

export function operationModule(
  { ports, feed, transactor, views, clock, clockCheck, standstill }: Engine,
  { filling }: Offered,
  { admits, lacking }: OperationOptions,
) {
  const fairQueue = new FairQueue();
  const admission = new Admission(Math.random, admits ? fairQueue : undefined);
  const lateness = new Lateness({ feed, transactor, requests: fairQueue });
  const readiness = new Readiness(
    {
      store: async () => await ports.probe?.(),
      feed: async () => feed.trouble(),
      peers: async () => standstill.trouble(),
      policy: async () => standstill.troubleOfPolicy(),
    },
    clock,
    // Reactions, deadlines and what is parked wait for the queues; who asks for something does not.
    {
      queues: async () => {
        await feed.parked(views.name, 1);
        return undefined;
      },
      clock: async () => clockCheck.trouble(),
      books: filling,
      settings: async () => (lacking.length === 0 ? undefined : lacking.join('; ')),
    },
  );
  return {
    services: { readiness, admission, lateness },
    start: () => {
      if (admits) lateness.start((now, times, commits) => admission.look(now, times, commits));
    },
    stop: () => lateness.stop(),
  } satisfies Module;
}
