/**
 * What one partition of an event hub has brought for one tenant. A hub delivers at least once, in batches whose bounds
 * differ from one delivery to the next: the stream says up to which sequence number messages have been taken in, and
 * each commit holds what was taken in together. The signals are then emitted under that commit's name, so that doing it
 * again changes nothing.
 *
 * A hub that was made anew under its name counts from 0 again. Within one hub a lower number was never enqueued later
 * than a higher one that was taken in: a message of which that is true is of a new hub, whose numbers are another
 * epoch.
 */
import { sha256 } from '../kernel/commit';
import { type Decider, type Decision, type Event, Rejection } from '../kernel/decider';
import { isId, streamName } from '../kernel/ids';
import { latest, type Time } from '../kernel/time';
import type { Signal } from './trail';

// --------------------------------------------------------------------------------------------------------- events

/** Signals of one message. */
export interface Arrival {
  /** Of the message in its partition. */
  readonly sequence: number;
  /** When the hub took it in. */
  readonly enqueued: Time;
  readonly signals: readonly Signal[];
}

export type IntakeEvent = Event<
  'SignalsArrived',
  {
    readonly last_sequence: number;
    readonly signals: readonly Signal[];
    /** Latest time at which a message of this hub was enqueued that has been taken in; absent in old logs. */
    readonly last_enqueued?: Time;
    /** How often a hub of this name has been made anew; absent: never. */
    readonly epoch?: number;
  }
>;

// ---------------------------------------------------------------------------------------------------------- state

export interface IntakeState {
  /** −1: nothing has come yet. */
  readonly last_sequence: number;
  /** Undefined: nothing has come yet. */
  readonly last_enqueued?: Time;
  readonly epoch: number;
}

export const intakeDecider: Decider<IntakeState, IntakeEvent> = {
  category: 'intake',
  version: 2,
  initial: { last_sequence: -1, epoch: 0 },
  evolve: (_, { data }, { at }) => ({
    last_sequence: data.last_sequence,
    last_enqueued: data.last_enqueued ?? at,
    epoch: data.epoch ?? 0,
  }),
};

/** One stream for each partition of an event hub, named `hub:partition`. */
export function intakeStream(tenant: string, partition: string): string {
  return streamName(tenant, intakeDecider.category, isId(partition) ? partition : sha256(partition).slice(0, 32));
}

/** Largest number of signals in one decision: the longest of them fit into one commit. */
export const MAX_ARRIVING = 256;

// ------------------------------------------------------------------------------------------------------ decisions

/**
 * Takes in what came after the last message that was, or from a hub that was made anew. `arrivals` are in the order of
 * their sequence numbers.
 */
export function takeIn(arrivals: readonly Arrival[]): Decision<IntakeState, IntakeEvent> {
  return (state) => {
    const anew =
      state.last_enqueued !== undefined &&
      arrivals.some(
        ({ sequence, enqueued }) => sequence <= state.last_sequence && enqueued > (state.last_enqueued as Time),
      );
    const fresh = arrivals.filter(({ sequence, enqueued }) =>
      anew ? enqueued > state.last_enqueued : sequence > state.last_sequence,
    );
    const last = fresh.at(-1);
    if (last === undefined) return [];
    const signals = fresh.flatMap((arrival) => arrival.signals);
    if (signals.length > MAX_ARRIVING)
      return new Rejection('invalid', 'intake-too-large', `take in at most ${MAX_ARRIVING} signals at once`);
    const epoch = state.epoch + (anew ? 1 : 0);
    const last_enqueued = latest(...fresh.map(({ enqueued }) => enqueued), anew ? undefined : state.last_enqueued);
    return [
      {
        type: 'SignalsArrived',
        v: 1,
        data: { last_sequence: last.sequence, last_enqueued, signals, ...(epoch === 0 ? {} : { epoch }) },
      },
    ];
  };
}
