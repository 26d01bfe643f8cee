/**
 * An agent: who it is, what it can do, how much at once, and which tasks hold its slots.
 *
 * Slots are reservations: an agent's capacity is an invariant across many tasks, so the agent's own stream says yes or
 * no before a task is awarded. The task's stream tells who holds the task; a slot without such a task is released.
 */
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { streamsOf } from '../kernel/ids';
import { own } from '../kernel/own';
import { earliest, type Time } from '../kernel/time';
import type { CostTier, DefaultLifecycle } from '../repository/catalogue';
import type { AGENT_STATUSES } from './statuses';

// --------------------------------------------------------------------------------------------------------- events

export interface StandingOffer {
  /** Capabilities that it lends to overloaded pools while it is idle itself. */
  readonly helps: readonly string[];
  /** Largest estimated effort in seconds that it takes; undefined: any. */
  readonly max_effort?: number;
  /** Weakest task signal that it takes, 0 to 1. */
  readonly min_strength: number;
}

/** Everything an agent says of itself. */
export interface AgentProfile {
  /** A type of the repository (`hr.recruitment`) or the caller's own. */
  readonly agent_type: string;
  /** Agents whose load is balanced together; by default the type's first part (`hr`). */
  readonly pool: string;
  /** Capability → level, 0 to 1. The agent's own type is always one of them, at level 1. */
  readonly capabilities: Readonly<Record<string, number>>;
  /** Tasks at once. */
  readonly capacity: number;
  readonly location?: string;
  /** Seconds without a sign of life after which it counts as lost. */
  readonly presence_seconds: number;
  /** null: only explicit bids. */
  readonly offer: StandingOffer | null;
  /** How it was deployed from the repository, when it was. */
  readonly deployment?: Deployment;
  /** The service that registered it and speaks for it; undefined: it speaks for itself. */
  readonly gateway?: string;
}

/** Tier and state are two things: when an instance is to run, and how it starts. */
export interface Deployment {
  /** Version of the repository's entry. */
  readonly version: string;
  readonly tier: CostTier;
  readonly state: DefaultLifecycle;
  readonly schedule?: { readonly cron: string; readonly timezone?: string };
  readonly resources?: { readonly cpu: string; readonly memory: string };
}

export type SlotOutcome =
  'completed' | 'failed' | 'lapsed' | 'expired' | 'lost' | 'declined' | 'cancelled' | 'handed_off' | 'gone';

/** Seconds without a sign of life after which an agent counts as lost, where it says nothing else. */
export const PRESENCE_SECONDS = 60;
/** How many challenges of one agent may be undecided at once. */
export const MAX_OPEN_CHALLENGES = 5;

export type AgentEvent =
  | Event<'AgentRegistered', { profile: AgentProfile }>
  | Event<'AgentRevised', { profile: AgentProfile }>
  | Event<'RoleAssigned', { pool: string; reason: string }>
  | Event<'AgentLost', { last_seen: Time }>
  | Event<'AgentReturned', Record<string, never>>
  | Event<'AgentDeregistered', { reason: string }>
  | Event<'SlotReserved', { task: string; task_type: string; award: number; expires: Time }>
  | Event<'SlotConfirmed', { task: string; award: number }>
  | Event<'SlotReleased', { task: string; task_type: string; award: number; outcome: SlotOutcome }>
  /** It is about to doubt something, which the round `round` decides on, at the latest by `until`. */
  | Event<'ChallengeReserved', { round: string; until: Time }>
  | Event<'ChallengeReleased', { round: string }>;

// ---------------------------------------------------------------------------------------------------------- state

export interface Slot {
  readonly task_type: string;
  readonly award: number;
  readonly since: Time;
  /** Until then the award must show in the task's stream; undefined once that was seen. */
  readonly expires?: Time;
  /** `stream@index` of the commit that reserved it. */
  readonly receipt: string;
}

export type AgentStatus = (typeof AGENT_STATUSES)[number];

export interface AgentState {
  readonly status: 'unknown' | AgentStatus;
  readonly profile: AgentProfile | undefined;
  readonly since: Time | undefined;
  readonly slots: Readonly<Record<string, Slot>>;
  /** Its undecided challenges: round → when that is over at the latest. */
  readonly challenges: Readonly<Record<string, Time>>;
  /** Success history by task type. */
  readonly record: Readonly<Record<string, { readonly wins: number; readonly tries: number }>>;
}

const COUNTED: Readonly<Record<SlotOutcome, { wins: number; tries: number }>> = {
  completed: { wins: 1, tries: 1 },
  failed: { wins: 0, tries: 1 },
  lapsed: { wins: 0, tries: 1 },
  expired: { wins: 0, tries: 1 },
  lost: { wins: 0, tries: 1 },
  declined: { wins: 0, tries: 0 },
  cancelled: { wins: 0, tries: 0 },
  handed_off: { wins: 0, tries: 0 },
  gone: { wins: 0, tries: 0 },
};

export const agentDecider: Decider<AgentState, AgentEvent> = {
  category: 'agent',
  causal: 2,
  version: 3,
  initial: { status: 'unknown', profile: undefined, since: undefined, slots: {}, challenges: {}, record: {} },
  evolve(state, event, place) {
    switch (event.type) {
      case 'AgentRegistered':
        return { ...state, status: 'active', profile: event.data.profile, since: place.at };
      case 'AgentRevised':
        return { ...state, profile: event.data.profile };
      case 'RoleAssigned':
        return state.profile === undefined ? state : { ...state, profile: { ...state.profile, pool: event.data.pool } };
      case 'AgentLost':
        return { ...state, status: 'lost', since: place.at };
      case 'AgentReturned':
        return { ...state, status: 'active', since: place.at };
      case 'AgentDeregistered':
        return { ...state, status: 'gone', since: place.at };
      case 'ChallengeReserved': {
        const { round, until } = event.data;
        const open = Object.entries(state.challenges).filter(([, end]) => end > place.at);
        return { ...state, challenges: { ...Object.fromEntries(open), [round]: until } };
      }
      case 'ChallengeReleased': {
        const { [event.data.round]: _, ...challenges } = state.challenges;
        return { ...state, challenges };
      }
      case 'SlotReserved': {
        const { task, task_type, award, expires } = event.data;
        const slot = { task_type, award, since: place.at, expires, receipt: `${place.stream}@${place.index}` };
        return { ...state, slots: { ...state.slots, [task]: slot } };
      }
      case 'SlotConfirmed': {
        const { expires: _, ...slot } = state.slots[event.data.task] as Slot;
        return { ...state, slots: { ...state.slots, [event.data.task]: slot } };
      }
      case 'SlotReleased': {
        const { task, task_type, outcome } = event.data;
        const { [task]: _, ...slots } = state.slots;
        const counted = COUNTED[outcome];
        if (counted.tries === 0) return { ...state, slots };
        const before = own(state.record, task_type) ?? { wins: 0, tries: 0 };
        const after = { wins: before.wins + counted.wins, tries: before.tries + counted.tries };
        return { ...state, slots, record: { ...state.record, [task_type]: after } };
      }
    }
  },
};

export const agentStream = streamsOf(agentDecider);

/** Whether it is registered and not gone: one that is lost may come back. */
export function isRegistered({ status, profile }: AgentState): boolean {
  return profile !== undefined && status !== 'gone';
}

/** Slots in use. */
export function slotsInUse(state: AgentState): number {
  let count = 0;
  for (const _ in state.slots) count += 1;
  return count;
}

/** Slots in use over capacity: 0 to 1, above 1 when the capacity was lowered below what is in use. */
export function loadOf(state: AgentState): number {
  return state.profile === undefined ? 0 : slotsInUse(state) / state.profile.capacity;
}

/** The level of a capability, or undefined. Every agent has its own type as a capability. */
export function levelOf(profile: AgentProfile, capability: string): number | undefined {
  return own(profile.capabilities, capability) ?? (capability === profile.agent_type ? 1 : undefined);
}

/** The level at which an agent has the capabilities that it lends. */
export const LENT_LEVEL = 0.5;

/** The level at which the agent can do what a task asks for, its own or a lent one; undefined when it can't. */
export function servesAt(profile: AgentProfile, capability: string): number | undefined {
  return levelOf(profile, capability) ?? (profile.offer?.helps.includes(capability) === true ? LENT_LEVEL : undefined);
}

/** When the earliest unconfirmed reservation is to be looked at. */
export function agentDue(state: AgentState): Time | undefined {
  return earliest(...Object.values(state.slots).map((slot) => slot.expires));
}

// ------------------------------------------------------------------------------------------------------ decisions

/**
 * Registers the agent, or revises what it says of itself. Its gateway it keeps until it is gone: nobody becomes another
 * agent's voice by registering it once more.
 */
export function register(said: AgentProfile): Decision<AgentState, AgentEvent> {
  return (state) => {
    const before = state.status === 'gone' ? undefined : state.profile;
    if (before === undefined) return [{ type: 'AgentRegistered', v: 1, data: { profile: said } }];
    if (said.gateway !== undefined && said.gateway !== before.gateway) return notOfGateway();
    const profile = before.gateway === undefined ? said : { ...said, gateway: before.gateway };
    const events: AgentEvent[] = [];
    if (JSON.stringify(sortedProfile(profile)) !== JSON.stringify(sortedProfile(before)))
      events.push({ type: 'AgentRevised', v: 1, data: { profile } });
    if (state.status === 'lost') events.push({ type: 'AgentReturned', v: 1, data: {} });
    return events;
  };
}

/**
 * Why the caller may not speak for the agent; undefined when it may, since the agent was registered through it. Also
 * when the agent is gone: a command that comes again is answered once more, and the rules refuse what is new,
 * but for a vote in a round whose electorate it belongs to.
 */
export function notSpokenForBy({ profile }: AgentState, gateway: string): Rejection | undefined {
  return profile?.gateway === gateway ? undefined : notOfGateway();
}

function notOfGateway(): Rejection {
  return new Rejection(
    'forbidden',
    'agent-not-of-gateway',
    'the agent is not registered through this gateway: register it through it, under an id that is free',
  );
}

function sortedProfile(profile: AgentProfile): unknown {
  return [
    profile.agent_type,
    profile.pool,
    Object.entries(profile.capabilities).sort(([a], [b]) => (a < b ? -1 : 1)),
    profile.capacity,
    profile.location ?? null,
    profile.presence_seconds,
    profile.offer === null
      ? null
      : [[...profile.offer.helps].sort(), profile.offer.max_effort ?? null, profile.offer.min_strength],
    profile.deployment ?? null,
  ];
}

/** No sign of life since `lastSeen`: it is lost, and the tasks it holds are given back. */
export function lose(lastSeen: Time): Decision<AgentState, AgentEvent> {
  return (state) => (state.status === 'active' ? [{ type: 'AgentLost', v: 1, data: { last_seen: lastSeen } }] : []);
}

/** A sign of life from an agent that was lost. */
export function comeBack(): Decision<AgentState, AgentEvent> {
  return (state) => known(state) ?? (state.status === 'lost' ? [{ type: 'AgentReturned', v: 1, data: {} }] : []);
}

export function deregister(reason: string): Decision<AgentState, AgentEvent> {
  return (state) => {
    if (state.status === 'unknown') return missing();
    return state.status === 'gone' ? [] : [{ type: 'AgentDeregistered', v: 1, data: { reason } }];
  };
}

/** Moves an agent to another pool: what a reorganisation does. */
export function assignRole(pool: string, reason: string): Decision<AgentState, AgentEvent> {
  return (state) =>
    known(state) ?? (state.profile?.pool === pool ? [] : [{ type: 'RoleAssigned', v: 1, data: { pool, reason } }]);
}

/** Reserves a slot for an award that is about to be made, until `expires`. Refuses beyond the capacity. */
export function reserveSlot(request: {
  task: string;
  task_type: string;
  award: number;
  expires: Time;
}): Decision<AgentState, AgentEvent> {
  return (state) => {
    if (state.status !== 'active') return refuse('agent-not-active', `the agent is ${state.status}: it takes no tasks`);
    const held = own(state.slots, request.task);
    if (held?.award === request.award) {
      // Asked for again by a later try: it must not run out under that one's award.
      return held.expires !== undefined && held.expires < request.expires
        ? [{ type: 'SlotReserved', v: 1, data: request }]
        : [];
    }
    if (held !== undefined && held.award > request.award)
      return refuse('award-superseded', `award ${request.award} is older than award ${held.award}`);
    const events: AgentEvent[] = [];
    if (held !== undefined)
      events.push({
        type: 'SlotReleased',
        v: 1,
        data: { task: request.task, task_type: held.task_type, award: held.award, outcome: 'gone' },
      });
    if (slotsInUse(state) - events.length >= (state.profile as AgentProfile).capacity) {
      return refuse('capacity-full', `all ${state.profile?.capacity} slots of the agent are in use`);
    }
    return [...events, { type: 'SlotReserved', v: 1, data: request }];
  };
}

/** The task's stream shows the award: the reservation stands until it is released. */
export function confirmSlot(task: string, award: number): Decision<AgentState, AgentEvent> {
  return (state) => {
    const slot = own(state.slots, task);
    return slot?.award === award && slot.expires !== undefined
      ? [{ type: 'SlotConfirmed', v: 1, data: { task, award } }]
      : [];
  };
}

/** Frees the slot of that award; a slot that is free, or held by another award, stays as it is. */
export function releaseSlot(task: string, award: number, outcome: SlotOutcome): Decision<AgentState, AgentEvent> {
  return (state) => {
    const slot = own(state.slots, task);
    return slot?.award === award
      ? [{ type: 'SlotReleased', v: 1, data: { task, task_type: slot.task_type, award, outcome } }]
      : [];
  };
}

/** Reserves one of the challenges that an agent may have open at once; whoever is not registered has none. */
export function reserveChallenge(round: string, until: Time, now: Time): Decision<AgentState, AgentEvent> {
  return (state) => {
    if (state.status === 'unknown' || state.status === 'gone') {
      return new Rejection(
        'forbidden',
        'challenger-not-registered',
        'only an agent that is registered, or a person, may challenge: register first',
      );
    }
    if (own(state.challenges, round) !== undefined) return [];
    const open = Object.values(state.challenges).filter((end) => end > now);
    if (open.length < MAX_OPEN_CHALLENGES) return [{ type: 'ChallengeReserved', v: 1, data: { round, until } }];
    return refuse(
      'too-many-challenges',
      `${MAX_OPEN_CHALLENGES} challenges of yours are undecided: wait for the first of them, at most until ${earliest(...open)}`,
      { rounds: Object.keys(state.challenges) },
    );
  };
}

/** The challenge is decided, or was not made. */
export function releaseChallenge(round: string): Decision<AgentState, AgentEvent> {
  return (state) =>
    own(state.challenges, round) === undefined ? [] : [{ type: 'ChallengeReleased', v: 1, data: { round } }];
}

function known(state: AgentState): Rejection | undefined {
  return state.status === 'unknown' || state.status === 'gone' ? missing() : undefined;
}

function missing(): Rejection {
  return new Rejection('missing', 'agent-not-found', 'there is no such agent: register it first');
}
