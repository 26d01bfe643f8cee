/**
 * An agent type of a tenant's own, made from another entry of the repository: defined, revised, withdrawn. A withdrawn
 * type can't be deployed any more; a revision brings it back.
 */
import { canonicalize } from '../kernel/commit';
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { isText, textRule } from '../kernel/text';
import { type AgentTypeEntry, type CustomEntry, customise } from './catalogue';
import { CATALOGUE } from './catalogue-data';

// --------------------------------------------------------------------------------------------------------- events

export type AgentTypeEvent =
  | Event<'AgentTypeDefined', { entry: CustomEntry }>
  | Event<'AgentTypeRevised', { entry: CustomEntry }>
  | Event<'AgentTypeWithdrawn', { agent_type: string; version: string; reason: string }>;

// ---------------------------------------------------------------------------------------------------------- state

export interface AgentTypeState {
  readonly status: 'unknown' | 'active' | 'withdrawn';
  readonly entry: CustomEntry | undefined;
  /** Why it was withdrawn. */
  readonly reason: string | undefined;
}

export const agentTypeDecider: Decider<AgentTypeState, AgentTypeEvent> = {
  category: 'agent-type',
  version: 1,
  initial: { status: 'unknown', entry: undefined, reason: undefined },
  evolve(state, event) {
    switch (event.type) {
      case 'AgentTypeDefined':
      case 'AgentTypeRevised':
        return { status: 'active', entry: event.data.entry, reason: undefined };
      case 'AgentTypeWithdrawn':
        return { ...state, status: 'withdrawn', reason: event.data.reason };
    }
  },
};

// ------------------------------------------------------------------------------------------------------ decisions

/** Longest reason of a withdrawal, in characters. */
export const MAX_WITHDRAWAL_REASON = 1_000;

/** What a caller wants to be different: fields of an entry, see `customise`. */
export type Overrides = Readonly<Record<string, unknown>>;

/** Defines the type `agent_type` as `base` with `overrides`. The same definition again changes nothing. */
export function define(
  agent_type: string,
  base: AgentTypeEntry,
  overrides: Overrides,
): Decision<AgentTypeState, AgentTypeEvent> {
  return (state) => {
    if (BUILT_IN.has(agent_type))
      return refuse('agent-type-built-in', `${agent_type} is a built-in type: choose another id`);
    const entry = derive(agent_type, base, overrides);
    if (entry instanceof Rejection) return entry;
    if (state.status === 'active' && canonicalize(state.entry) === canonicalize(entry)) return [];
    if (state.status !== 'unknown')
      return refuse(
        'agent-type-exists',
        `${agent_type} was defined before and is ${state.status}: revise it, or choose another id`,
      );
    return [{ type: 'AgentTypeDefined', v: 1, data: { entry } }];
  };
}

/**
 * Changes the entry by `overrides`, and nothing else of it. The version grows by what users of the present one have to
 * expect, as in `customise`. A revision that changes nothing of an active type is no revision.
 */
export function revise(overrides: Overrides): Decision<AgentTypeState, AgentTypeEvent> {
  return ({ status, entry: current }) => {
    if (current === undefined) return UNKNOWN;
    const fields = Object.entries(overrides) as [keyof CustomEntry, unknown][];
    if (status === 'active' && fields.every(([field, value]) => canonicalize(value) === canonicalize(current[field])))
      return [];
    const { agent_type, based_on, ...present } = current;
    // `customise` tells how much the version has to grow since its base: here, since the present entry.
    const entry = derive(agent_type, { ...present, agent_type: based_on }, overrides);
    if (entry instanceof Rejection) return entry;
    return [{ type: 'AgentTypeRevised', v: 1, data: { entry: { ...entry, based_on } } }];
  };
}

/** From now on nobody deploys it; instances that run are not touched. */
export function withdraw(reason: string): Decision<AgentTypeState, AgentTypeEvent> {
  return ({ status, entry }) => {
    if (entry === undefined) return UNKNOWN;
    if (!isText(reason, MAX_WITHDRAWAL_REASON))
      return new Rejection('invalid', 'reason-invalid', textRule('reason', MAX_WITHDRAWAL_REASON));
    if (status === 'withdrawn') return [];
    const { agent_type, version } = entry;
    return [{ type: 'AgentTypeWithdrawn', v: 1, data: { agent_type, version, reason } }];
  };
}

const UNKNOWN = new Rejection(
  'missing',
  'agent-type-not-found',
  'the tenant has no agent type of its own with this id',
);
const BUILT_IN: ReadonlySet<string> = new Set(CATALOGUE.map((entry) => entry.agent_type));

function derive(agent_type: string, base: AgentTypeEntry, overrides: Overrides): CustomEntry | Rejection {
  const result = customise(base, { agent_type, ...overrides });
  if ('problems' in result) {
    const { problems } = result;
    return new Rejection(
      'invalid',
      'agent-type-invalid',
      problems.map(({ field, message }) => `${field} ${message}`).join('; '),
      { problems },
    );
  }
  if (result.entry.agent_type !== agent_type)
    return new Rejection('invalid', 'agent-type-invalid', `agent_type must be ${agent_type}, or left out`);
  return result.entry;
}
