/** The state that receipts give. */
import type { Commit } from './commit';
import { type Decider, type Event, upcast } from './decider';

/** The state after one commit more. */
export function foldCommit<S, E extends Event>(
  decider: Pick<Decider<S, E>, 'evolve' | 'upcasters'>,
  state: S,
  { stream, index, at, meta, events }: Commit,
): S {
  const place = { stream, index, at, correlationId: meta.correlationId };
  return events.reduce((before, event) => decider.evolve(before, upcast(decider, event), place), state);
}

/** The state that all receipts of a stream give, in their order. */
export function stateOf<S, E extends Event>(decider: Decider<S, E>, commits: Iterable<Commit>): S {
  let state = decider.initial;
  for (const commit of commits) state = foldCommit(decider, state, commit);
  return state;
}
