/**
 * What a person has paused: types of task that nobody gets, pools and agents that get nothing new. What is under way
 * goes on, so an agent or a pool that is paused drains. One stream a tenant.
 */
import { type Decider, type Decision, type Event, Rejection } from '../kernel/decider';
import { isId, streamName } from '../kernel/ids';
import { own } from '../kernel/own';
import { textRule } from '../kernel/text';
import type { Time } from '../kernel/time';

export const PAUSABLE = ['task_type', 'pool', 'agent'] as const;
export type Pausable = (typeof PAUSABLE)[number];

/** How many things of a tenant may be paused at once. */
export const MAX_PAUSES = 1_000;
/** Longest reason, in characters. */
export const MAX_PAUSE_REASON = 2_000;

// --------------------------------------------------------------------------------------------------------- events

/** What is paused: `task_type` by the type's name, `pool` and `agent` by their ids. */
export interface PausedThing {
  readonly kind: Pausable;
  readonly name: string;
}

export type PauseEvent =
  Event<'Paused', PausedThing & { by: string; reason: string }> | Event<'Resumed', PausedThing & { by: string }>;

// ---------------------------------------------------------------------------------------------------------- state

export interface Pause extends PausedThing {
  readonly by: string;
  readonly reason: string;
  readonly since: Time;
}

export interface PauseState {
  /** By `kind name`. */
  readonly pauses: Readonly<Record<string, Pause>>;
}

export const pauseDecider: Decider<PauseState, PauseEvent> = {
  category: 'pause',
  version: 1,
  initial: { pauses: {} },
  evolve({ pauses }, { type, data }, { at }) {
    const { [keyOf(data)]: before, ...others } = pauses;
    if (type === 'Resumed') return { pauses: others };
    return { pauses: { ...others, [keyOf(data)]: { ...data, since: before?.since ?? at } } };
  },
};

/** The one stream of a tenant. */
export const PAUSES_ID = 'all';

export function pauseStream(tenant: string): string {
  return streamName(tenant, pauseDecider.category, PAUSES_ID);
}

/** The pause of one thing, if it is paused. */
export function pauseOf({ pauses }: PauseState, kind: Pausable, name: string): Pause | undefined {
  return own(pauses, keyOf({ kind, name }));
}

/** Why an agent gets nothing new: its own pause, or its pool's; undefined when it does. */
export function agentPause(state: PauseState, agent: string, pool: string | undefined): Pause | undefined {
  return pauseOf(state, 'agent', agent) ?? (pool === undefined ? undefined : pauseOf(state, 'pool', pool));
}

function keyOf({ kind, name }: PausedThing): string {
  return `${kind} ${name}`;
}

// ------------------------------------------------------------------------------------------------------ decisions

/**
 * Pauses one thing, whether it is known yet or not. Again with another reason: the newer one stands, the time does not
 * move.
 */
export function pause(thing: PausedThing, by: string, reason: string): Decision<PauseState, PauseEvent> {
  return (state) => {
    if (!isId(thing.name))
      return new Rejection('invalid', 'name-invalid', 'name must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -');
    if (reason.trim() === '' || reason.length > MAX_PAUSE_REASON)
      return new Rejection('invalid', 'reason-invalid', textRule('reason', MAX_PAUSE_REASON));
    const before = pauseOf(state, thing.kind, thing.name);
    if (before?.by === by && before.reason === reason) return [];
    if (before === undefined && Object.keys(state.pauses).length >= MAX_PAUSES) {
      return new Rejection(
        'conflict',
        'pauses-full',
        `${MAX_PAUSES} things are paused already: resume one of them, or pause a whole pool`,
      );
    }
    return [{ type: 'Paused', v: 1, data: { ...thing, by, reason } }];
  };
}

/** Ends a pause; nothing happens where there is none. */
export function resume(thing: PausedThing, by: string): Decision<PauseState, PauseEvent> {
  return (state) =>
    pauseOf(state, thing.kind, thing.name) === undefined ? [] : [{ type: 'Resumed', v: 1, data: { ...thing, by } }];
}
