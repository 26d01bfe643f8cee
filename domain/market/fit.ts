/** Whether an agent can take a task now, and why not. Every part of the market asks here. */
import { own } from '../kernel/own';
import { type AgentProfile, type AgentState, levelOf, servesAt, slotsInUse } from './agent';
import { type BidInputs, rounded } from './market';
import type { Requirement, TaskSpec } from './task';

/** An agent as the market sees it. */
export interface Bidder {
  readonly id: string;
  readonly state: AgentState;
  /** Reservations asked for and not yet answered: slots that may be gone already. */
  readonly pending: number;
  /** A person has paused it or its pool. */
  readonly paused: boolean;
}

export const UNFIT = [
  'not-registered',
  'lost',
  'lacks-capability',
  'level-too-low',
  'no-standing-offer',
  'task-too-weak',
  'too-much-effort',
  'paused',
  'busy',
] as const;
/** Why an agent can't take a task; the first reason that holds, those that last before those that pass. */
export type Unfit = (typeof UNFIT)[number];

/** Why the agent can't take the task, by a bid, its standing offer or as a helper; undefined when it can. */
export function unfit(
  { state, pending, paused }: Bidder,
  spec: TaskSpec,
  strength: number,
  source: BidInputs['source'],
): Unfit | undefined {
  const { profile, status } = state;
  if (profile === undefined || status === 'gone' || status === 'unknown') return 'not-registered';
  if (status === 'lost') return 'lost';
  const lacks = lacking(profile, spec.requires, source === 'help' ? 'help' : 'own');
  if (lacks !== undefined) return lacks;
  const beyond = source === 'bid' ? undefined : beyondTerms(profile, spec, strength);
  if (beyond !== undefined) return beyond;
  if (paused) return 'paused';
  return slotsInUse(state) + pending >= profile.capacity ? 'busy' : undefined;
}

/** With what it has itself, or also with what it lends as a helper. */
export type Reach = 'own' | 'help';

/** What is missing for the requirements; undefined when all are met. It depends on nothing that passes. */
export function lacking(
  profile: AgentProfile,
  requires: readonly Requirement[],
  reach: Reach,
): 'lacks-capability' | 'level-too-low' | undefined {
  for (const { capability, level } of requires) {
    const held = reach === 'help' ? servesAt(profile, capability) : levelOf(profile, capability);
    if (held === undefined) return 'lacks-capability';
    if (held < level) return 'level-too-low';
  }
  return undefined;
}

/** Why a standing offer does not take the task, whoever can do it; undefined when it does. */
export function beyondTerms(
  { offer }: AgentProfile,
  spec: TaskSpec,
  strength: number,
): 'no-standing-offer' | 'task-too-weak' | 'too-much-effort' | undefined {
  if (offer === null) return 'no-standing-offer';
  if (strength < offer.min_strength) return 'task-too-weak';
  return (spec.effort ?? 0) > (offer.max_effort ?? Infinity) ? 'too-much-effort' : undefined;
}

/** The inputs of an agent's score for a task; undefined when it can't take the task now. */
export function bidOf(
  bidder: Bidder,
  spec: TaskSpec,
  strength: number,
  source: BidInputs['source'],
): BidInputs | undefined {
  if (unfit(bidder, spec, strength, source) !== undefined) return undefined;
  return inputsOf(bidder, spec, matchOf(bidder.state.profile as AgentProfile, spec, source), source);
}

/** The inputs of the score of an agent that can take the task; `match` as `matchOf` gives it. */
export function inputsOf(
  { id, state, pending }: Bidder,
  { task_type }: TaskSpec,
  match: number,
  source: BidInputs['source'],
): BidInputs {
  const record = own(state.record, task_type);
  return {
    agent: id,
    load: rounded((slotsInUse(state) + pending) / (state.profile?.capacity ?? 1)),
    match,
    source,
    tries: record?.tries ?? 0,
    wins: record?.wins ?? 0,
  };
}

/** How well the profile meets what is required, 0 to 1: the same for all who can do the same. */
export function matchOf(profile: AgentProfile, { requires }: TaskSpec, source: BidInputs['source']): number {
  let levels = 0;
  for (const { capability } of requires)
    levels += (source === 'help' ? servesAt(profile, capability) : levelOf(profile, capability)) ?? 0;
  return rounded(requires.length === 0 ? 1 : levels / requires.length);
}
