/**
 * A delivery: one notice on its way through one channel. Intended, tried, and in the end delivered or a dead letter.
 *
 * Each attempt has a number that only grows. What is sent is the same in every attempt, under the same id, so that a
 * receiver that got it twice can tell: an answer that was lost makes the next attempt a repetition.
 */
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { commitRef } from '../kernel/ids';
import { cut } from '../kernel/text';
import { plusSeconds, type Time } from '../kernel/time';
import type { Channel, ChannelKind } from './channel';
import type { Notice } from './notice';

/** Attempts before a delivery is given up, and again after each redrive. */
export const MAX_ATTEMPTS = 8;
/** No attempt is made later than this after the request or the redrive, unless none was made yet. */
export const MAX_AGE_SECONDS = 24 * 3600;
const FIRST_RETRY_SECONDS = 30;
/** The longest pause, also when a receiver asks for a longer one. */
const MAX_RETRY_SECONDS = 6 * 3600;
const MAX_REASON = 300;

// --------------------------------------------------------------------------------------------------------- events

/** Where it goes: what the channel said when the delivery was requested, or when it was redriven. */
export interface DeliveryTarget {
  readonly channel_id: string;
  readonly kind: ChannelKind;
  readonly address: string;
  readonly secret?: string;
}

/** Status codes are those of HTTP. */
export type DeliveryEvent =
  | Event<'DeliveryRequested', { notice: Notice } & DeliveryTarget>
  | Event<'DeliveryFailed', { attempt: number; status?: number; reason: string; next_at: Time }>
  | Event<'Delivered', { attempt: number; status?: number }>
  | Event<'DeliveryDead', { attempt: number; status?: number; reason: string }>
  | Event<'DeliveryRedriven', { by: string } & DeliveryTarget>;

// ---------------------------------------------------------------------------------------------------------- state

/** What a delivery can be once it was requested. */
export const DELIVERY_STATUSES = ['pending', 'delivered', 'dead'] as const;

export interface DeliveryState {
  readonly status: 'unknown' | (typeof DELIVERY_STATUSES)[number];
  readonly notice: Notice | undefined;
  readonly target: DeliveryTarget | undefined;
  /** When it was requested, or redriven last. */
  readonly since: Time | undefined;
  /** The commit (`stream@index`) of that: what its attempts are caused by. */
  readonly receipt: string;
  /** How many were made, those before a redrive included. */
  readonly attempts: number;
  /** The number of the last attempt that may be made. */
  readonly last_attempt: number;
  /** When the next attempt is due, while it is pending. */
  readonly due: Time | undefined;
  /** What the last attempt that failed said. */
  readonly failure: { readonly status?: number; readonly reason: string } | undefined;
}

export const deliveryDecider: Decider<DeliveryState, DeliveryEvent> = {
  category: 'delivery',
  version: 1,
  initial: {
    status: 'unknown',
    notice: undefined,
    target: undefined,
    since: undefined,
    receipt: '',
    attempts: 0,
    last_attempt: 0,
    due: undefined,
    failure: undefined,
  },
  evolve(state, { type, data }, { at, stream, index }) {
    switch (type) {
      case 'DeliveryRequested': {
        const { notice, ...target } = data;
        return {
          ...state,
          status: 'pending',
          notice,
          target,
          since: at,
          receipt: commitRef(stream, index),
          last_attempt: MAX_ATTEMPTS,
          due: at,
        };
      }
      case 'DeliveryFailed':
        return { ...state, attempts: data.attempt, due: data.next_at, failure: failureOf(data) };
      case 'Delivered':
        return { ...state, status: 'delivered', attempts: data.attempt, due: undefined, failure: undefined };
      case 'DeliveryDead':
        return { ...state, status: 'dead', attempts: data.attempt, due: undefined, failure: failureOf(data) };
      case 'DeliveryRedriven': {
        const { by: _, ...target } = data;
        return {
          ...state,
          status: 'pending',
          target,
          since: at,
          receipt: commitRef(stream, index),
          last_attempt: state.attempts + MAX_ATTEMPTS,
          due: at,
        };
      }
    }
  },
};

/** When the delivery has to be looked at next; undefined when there is nothing left to do. */
export function deliveryDue(state: DeliveryState): Time | undefined {
  return state.due;
}

// ------------------------------------------------------------------------------------------------------ decisions

/** The intent, written before anything is sent. Repeated, it changes nothing. */
export function request(notice: Notice, channel_id: string, channel: Channel): Decision<DeliveryState, DeliveryEvent> {
  return ({ status }) =>
    status === 'unknown'
      ? [{ type: 'DeliveryRequested', v: 1, data: { notice, ...targetOf(channel_id, channel) } }]
      : [];
}

/** What came of an attempt. */
export type AttemptResult =
  | { readonly ok: true; readonly status?: number }
  | {
      readonly ok: false;
      readonly status?: number;
      readonly reason: string;
      /** Seconds that the receiver asks for. */
      readonly retry_after?: number;
      /** True when trying again can't help. */
      readonly permanent?: boolean;
    };

/**
 * Records an attempt. After a failure the next one is due in 30 s × 4^(n − 1), at most 6 h, times a factor from 0.5 to
 * 1.5; later when a receiver with 429 or 503 asks for it. With 410 there is no next one.
 * @param attempt its number: one more than the state said when it began
 * @param jitter in [0, 1)
 */
export function attempted(
  attempt: number,
  result: AttemptResult,
  now: Time,
  jitter: number,
): Decision<DeliveryState, DeliveryEvent> {
  return (state) => {
    const { since } = state;
    if (since === undefined) return notFound();
    if (state.status === 'delivered') return [];
    const { status } = result;
    const answered = status === undefined ? {} : { status };
    // Whatever others have recorded since: it has arrived.
    if (result.ok)
      return [{ type: 'Delivered', v: 1, data: { attempt: Math.max(attempt, state.attempts), ...answered } }];
    if (state.status === 'dead' || attempt !== state.attempts + 1) return [];
    const reason = cut(result.reason.toWellFormed(), MAX_REASON);
    const tries = MAX_ATTEMPTS - (state.last_attempt - attempt);
    const pause = Math.min(MAX_RETRY_SECONDS, FIRST_RETRY_SECONDS * 4 ** (tries - 1)) * (0.5 + jitter);
    const asked = status === 429 || status === 503 ? Math.min(MAX_RETRY_SECONDS, result.retry_after ?? 0) : 0;
    const next_at = plusSeconds(now, Math.max(pause, asked));
    if (
      result.permanent === true ||
      status === 410 ||
      attempt >= state.last_attempt ||
      next_at > plusSeconds(since, MAX_AGE_SECONDS)
    ) {
      return [{ type: 'DeliveryDead', v: 1, data: { attempt, ...answered, reason } }];
    }
    return [{ type: 'DeliveryFailed', v: 1, data: { attempt, ...answered, reason, next_at } }];
  };
}

/** Sends a dead letter again, to where its channel leads now, with its attempts counted anew. */
export function redrive(by: string, channel: Channel | undefined): Decision<DeliveryState, DeliveryEvent> {
  return ({ status, target }) => {
    if (target === undefined) return notFound();
    if (status === 'pending') return [];
    if (status === 'delivered')
      return refuse('delivery-not-dead', 'it was delivered: only dead letters are redriven', { status });
    if (channel === undefined)
      return refuse('channel-removed', `the channel ${target.channel_id} was removed: set it again first`, {
        channel_id: target.channel_id,
      });
    return [{ type: 'DeliveryRedriven', v: 1, data: { by, ...targetOf(target.channel_id, channel) } }];
  };
}

function targetOf(channel_id: string, { kind, address, secret }: Channel): DeliveryTarget {
  return { channel_id, kind, address, ...(secret === undefined ? {} : { secret }) };
}

function failureOf({ status, reason }: { status?: number; reason: string }): DeliveryState['failure'] {
  return status === undefined ? { reason } : { status, reason };
}

function notFound(): Rejection {
  return new Rejection('missing', 'delivery-not-found', 'there is no such delivery');
}
