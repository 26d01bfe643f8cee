/**
 * What one partition of an event hub has brought for one tenant. A hub delivers at least once, in batches whose bounds
 * differ from one delivery to the next: the stream says up to which sequence number messages have been taken in, and
 * each commit holds what was taken in together. The signals are then emitted under that commit's name, so that doing it
 * again changes nothing.
 */
import { Rejection, type Decider, type Decision, type Event } from './kernel/decider';
import type { Signal } from './trail';

// --------------------------------------------------------------------------------------------------------- events

/** Signals of one message. */
export interface Arrival {
  /** Of the message in its partition. */
  readonly sequence: number;
  readonly signals: readonly Signal[];
}

export type IntakeEvent = Event<'SignalsArrived', { readonly last_sequence: number; readonly signals: readonly Signal[] }>;

// ---------------------------------------------------------------------------------------------------------- state

export interface IntakeState {
  /** −1: nothing has come yet. */
  readonly last_sequence: number;
}

export const intakeDecider: Decider<IntakeState, IntakeEvent> = {
  category: 'intake',
  version: 1,
  initial: { last_sequence: -1 },
  evolve: (_, { data }) => ({ last_sequence: data.last_sequence }),
};

/** Largest number of signals in one decision: the longest of them fit into one commit. */
export const MAX_ARRIVING = 256;

// ------------------------------------------------------------------------------------------------------ decisions

/** Takes in what came after the last message that was. `arrivals` are in the order of their sequence numbers. */
export function takeIn(arrivals: readonly Arrival[]): Decision<IntakeState, IntakeEvent> {
  return (state) => {
    const fresh = arrivals.filter(({ sequence }) => sequence > state.last_sequence);
    const last = fresh.at(-1);
    if (last === undefined) return [];
    const signals = fresh.flatMap((arrival) => arrival.signals);
    if (signals.length > MAX_ARRIVING) return new Rejection('invalid', 'intake-too-large', `take in at most ${MAX_ARRIVING} signals at once`);
    return [{ type: 'SignalsArrived', v: 1, data: { last_sequence: last.sequence, signals } }];
  };
}
