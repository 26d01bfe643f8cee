/** What was refused to a principal: one stream each. */
import { sha256 } from '../kernel/commit';
import type { Decider, Event } from '../kernel/decider';
import { streamName } from '../kernel/ids';

// --------------------------------------------------------------------------------------------------------- events

/** `leftOut`: how many denials before it were not written, since there were too many in a second. */
export type DenialEvent = Event<
  'CommandDenied',
  { action: string; resource: string; principal: string; reasons: readonly string[]; leftOut: number }
>;

// ---------------------------------------------------------------------------------------------------------- state

export const denialDecider: Decider<{ denied: number }, DenialEvent> = {
  category: 'denial',
  version: 1,
  initial: { denied: 0 },
  evolve: (state) => ({ denied: state.denied + 1 }),
};

/** One stream a principal. */
export function denialStream(tenant: string, principal: string): string {
  return streamName(tenant, denialDecider.category, sha256(principal).slice(0, 32));
}
