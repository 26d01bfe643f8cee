/** What was refused to a principal: one stream each. */
import type { Decider, Event } from '../kernel/decider';

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
