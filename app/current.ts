/**
 * The state of a stream as it is in the store now. A cached state, which `Transactor.load` may answer with, can lag
 * behind what another process has written: good enough to show or to try with, not to tell a caller no, to drop a
 * deadline or to free a slot by.
 */
import type { Decider, Event } from '../domain/kernel/decider';
import { parseStream } from '../domain/kernel/ids';
import type { Loaded, Transactor } from './transact';

export async function current<S, E extends Event>(transactor: Transactor, decider: Decider<S, E>, stream: string): Promise<Loaded<S>> {
  const principal = { tenant: parseStream(stream).tenant, id: 'reader', kind: 'system', level: 'read_only' } as const;
  // A decision without events is never answered from a stale cache, and nothing is written, so no policy is asked.
  const outcome = await transactor.enqueue(decider, stream, () => [], { principal, action: 'read' }, { bundle: '', input: '', decision: 'allow' });
  if (!outcome.ok) throw new Error(`${stream} can't be read: ${outcome.rejection.message}`);
  return outcome;
}
