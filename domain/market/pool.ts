/**
 * A pool: agents whose load is balanced together. Its stream tells when it was overloaded, idle and balanced again,
 * what it is to work on, and when it was reorganised; how loaded it is at a moment is a sample, and no event.
 *
 * A reorganised pool is left alone for 15 minutes (X: `stability_cooldown`).
 */
import { canonicalize, sha256 } from '../kernel/commit';
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { streamsOf } from '../kernel/ids';
import { plusSeconds, secondsBetween, type Time } from '../kernel/time';
import { type AgentProfile, LENT_LEVEL, levelOf } from './agent';
import { gini, rounded } from './market';
import type { Requirement } from './task';

/**
 * What a balanced pool keeps to: Gini below, utilisation from and to, idle share below; all of them 0 to 1.
 */
export const TARGETS = { gini: 0.3, utilisation_from: 0.6, utilisation_to: 0.8, idle: 0.2 } as const;
/** Overload is told after it has lasted this many seconds: a burst that is worked off sooner is none. */
export const OVERLOADED_AFTER_SECONDS = 5;
/** Idleness is no hurry. */
export const IDLE_AFTER_SECONDS = 30;
export const RECOVERED_AFTER_SECONDS = 10;
/** An overload that help alone has not ended after this many seconds is a performance degradation. */
export const DEGRADED_AFTER_SECONDS = 60;
export const COOLDOWN_SECONDS = 15 * 60;
/** Largest number of moves in one reorganisation: its receipt stays below 256 KB. */
export const MAX_MOVES = 200;
/** Largest share of its active agents that a pool gives away in one reorganisation. */
export const MAX_DONATION = 0.2;

// --------------------------------------------------------------------------------------------------------- events

/** A pool at one moment. Counts are of active agents. */
export interface PoolSample {
  readonly at: Time;
  readonly agents: number;
  /** Tasks that they can hold at once. */
  readonly capacity: number;
  /** Tasks that they hold. */
  readonly slots: number;
  /** Tasks that are ready and have no agent. */
  readonly waiting: number;
  /** Gini coefficient of slots over capacity, 0 to 1. */
  readonly gini: number;
  /** Slots over capacity; above 1 when a capacity was lowered below what is in use. */
  readonly utilisation: number;
  /** Share of the agents without a task, 0 to 1. */
  readonly idle: number;
}

/** What a pool is to work on. */
export interface Objective {
  readonly description: string;
  /** Capabilities that serve it: an agent with any of them is of use. */
  readonly capabilities: readonly string[];
}

export type Trigger = 'performance_degradation' | 'objective_change' | 'requested';
export type Strategy = 'role_reassignment' | 'topology_modification';

/** An agent's change of pool. */
export interface Move {
  readonly agent: string;
  readonly from: string;
  readonly to: string;
  /** What it has only lent so far and makes its own, because it is wanted there. */
  readonly takes: readonly string[];
}

export interface Reorganisation {
  readonly trigger: Trigger;
  readonly strategy: Strategy;
  readonly moves: readonly Move[];
  readonly reason: string;
  /** No other one before this time. */
  readonly cooldown_until: Time;
}

export type PoolEvent =
  | Event<'PoolOverloaded', { sample: PoolSample }>
  | Event<'PoolIdle', { sample: PoolSample }>
  | Event<'PoolRecovered', { sample: PoolSample }>
  | Event<'ObjectiveChanged', { objective: Objective; by: string }>
  | Event<'SwarmReorganised', Reorganisation>;

// ---------------------------------------------------------------------------------------------------------- state

export const POOL_CONDITIONS = ['balanced', 'overloaded', 'idle'] as const;
export type PoolCondition = (typeof POOL_CONDITIONS)[number];

export interface PoolState {
  readonly status: PoolCondition;
  /**
   * The commit (`stream@index`) that brought the status, its time and its correlation; undefined as long as there was
   * none.
   */
  readonly changed: { readonly receipt: string; readonly at: Time; readonly correlation_id: string } | undefined;
  readonly objective: Objective | undefined;
  /** True from a change of the objective until the pool is reorganised for it. */
  readonly objective_pending: boolean;
  readonly reorganised:
    | {
        readonly trigger: Trigger;
        readonly cooldown_until: Time;
        /** Pools that the agents came from. */
        readonly donors: readonly string[];
        /** SHA-256 of the moves. */
        readonly moves: string;
      }
    | undefined;
}

const STATUS = { PoolOverloaded: 'overloaded', PoolIdle: 'idle', PoolRecovered: 'balanced' } as const;

export const poolDecider: Decider<PoolState, PoolEvent> = {
  category: 'pool',
  causal: 8,
  version: 1,
  initial: {
    status: 'balanced',
    changed: undefined,
    objective: undefined,
    objective_pending: false,
    reorganised: undefined,
  },
  evolve(state, event, place) {
    switch (event.type) {
      case 'PoolOverloaded':
      case 'PoolIdle':
      case 'PoolRecovered':
        return {
          ...state,
          status: STATUS[event.type],
          changed: { receipt: `${place.stream}@${place.index}`, at: place.at, correlation_id: place.correlationId },
        };
      case 'ObjectiveChanged':
        return { ...state, objective: event.data.objective, objective_pending: true };
      case 'SwarmReorganised': {
        const { trigger, moves, cooldown_until } = event.data;
        const donors = [...new Set(moves.map(({ from }) => from))];
        return {
          ...state,
          objective_pending: state.objective_pending && trigger !== 'objective_change',
          reorganised: { trigger, cooldown_until, donors, moves: digest(moves) },
        };
      }
    }
  },
};

export const poolStream = streamsOf(poolDecider);

/** True while the pool is left alone. */
export function isCoolingDown(state: PoolState, at: Time): boolean {
  return state.reorganised !== undefined && at < state.reorganised.cooldown_until;
}

/** True when its performance has fallen: the overload lasts although idle peers help. */
export function isDegraded(state: PoolState, at: Time): boolean {
  return (
    state.status === 'overloaded' &&
    state.changed !== undefined &&
    secondsBetween(state.changed.at, at) >= DEGRADED_AFTER_SECONDS
  );
}

// -------------------------------------------------------------------------------------------------------- samples

/** What a sample is made from. */
export interface Census {
  /** Slots over capacity of each active agent. */
  readonly loads: readonly number[];
  readonly capacity: number;
  readonly slots: number;
  readonly waiting: number;
}

/**
 * Utilisation = Σ slots / Σ capacity: "share of provisioned compute in use"; without any capacity it is 1 when tasks
 * wait, else 0. Idle = agents without a slot over agents: the share of time waiting for work, when averaged over time.
 */
export function sampleOf(at: Time, { loads, capacity, slots, waiting }: Census): PoolSample {
  const agents = loads.length;
  let idle = 0;
  for (const load of loads) if (load === 0) idle += 1;
  return {
    at,
    agents,
    capacity,
    slots,
    waiting,
    gini: rounded(gini(loads)),
    utilisation: capacity > 0 ? rounded(slots / capacity) : waiting > 0 ? 1 : 0,
    idle: agents > 0 ? rounded(idle / agents) : 0,
  };
}

/** Overloaded: above the band, and tasks wait. Idle: below the band, and too many agents have nothing to do. */
export function conditionOf(sample: Pick<PoolSample, 'utilisation' | 'idle' | 'waiting'>): PoolCondition {
  if (sample.utilisation > TARGETS.utilisation_to && sample.waiting > 0) return 'overloaded';
  if (sample.utilisation < TARGETS.utilisation_from && sample.idle > TARGETS.idle) return 'idle';
  return 'balanced';
}

/** Which of the targets a sample or a mean meets. */
export function meets({ gini: inequality, utilisation, idle }: Pick<PoolSample, 'gini' | 'utilisation' | 'idle'>): {
  gini: boolean;
  utilisation: boolean;
  idle: boolean;
} {
  return {
    gini: inequality < TARGETS.gini,
    utilisation: utilisation >= TARGETS.utilisation_from && utilisation <= TARGETS.utilisation_to,
    idle: idle < TARGETS.idle,
  };
}

// ------------------------------------------------------------------------------------------------------ decisions

const TRANSITIONS = {
  overloaded: { type: 'PoolOverloaded', after: OVERLOADED_AFTER_SECONDS },
  idle: { type: 'PoolIdle', after: IDLE_AFTER_SECONDS },
  balanced: { type: 'PoolRecovered', after: RECOVERED_AFTER_SECONDS },
} as const;

/**
 * Takes a sample in. Only a transition is an event, and only after every sample of so many seconds said the same.
 * @param heldSeconds how long the samples have said what this one says (`conditionOf`)
 */
export function observe(sample: PoolSample, heldSeconds: number): Decision<PoolState, PoolEvent> {
  return (state) => {
    const condition = conditionOf(sample);
    const { type, after } = TRANSITIONS[condition];
    return condition === state.status || heldSeconds < after ? [] : [{ type, v: 1, data: { sample } }];
  };
}

export function changeObjective(objective: Objective, by: string): Decision<PoolState, PoolEvent> {
  return (state) =>
    state.objective !== undefined && canonicalize(state.objective) === canonicalize(objective)
      ? []
      : [{ type: 'ObjectiveChanged', v: 1, data: { objective, by } }];
}

/** Moves agents into or out of the pool; refused while it is to be left alone. */
export function reorganise(request: {
  trigger: Trigger;
  strategy: Strategy;
  moves: readonly Move[];
  reason: string;
  at: Time;
}): Decision<PoolState, PoolEvent> {
  return (state) => {
    const { at, ...reorganisation } = request;
    const { moves, trigger } = reorganisation;
    if (moves.length === 0) return refuse('nothing-to-move', 'no agent would change its pool');
    if (moves.length > MAX_MOVES)
      return new Rejection(
        'invalid',
        'too-many-moves',
        `a reorganisation moves at most ${MAX_MOVES} agents, not ${moves.length}`,
      );
    if (new Set(moves.map(({ agent }) => agent)).size < moves.length)
      return new Rejection('invalid', 'moved-twice', 'an agent is moved twice: name each agent once');
    if (state.reorganised !== undefined && isCoolingDown(state, at)) {
      const { cooldown_until } = state.reorganised;
      if (state.reorganised.trigger === trigger && state.reorganised.moves === digest(moves)) return [];
      return refuse(
        'cooling-down',
        `the pool was reorganised less than ${COOLDOWN_SECONDS / 60} minutes ago: it is left alone until ${cooldown_until}`,
        { cooldown_until },
      );
    }
    return [
      {
        type: 'SwarmReorganised',
        v: 1,
        data: { ...reorganisation, cooldown_until: plusSeconds(at, COOLDOWN_SECONDS) },
      },
    ];
  };
}

function digest(moves: readonly Move[]): string {
  return sha256(canonicalize(moves));
}

// ----------------------------------------------------------------------------------------------------------- plan

/** Work that lacks agents. */
export interface Need {
  readonly requires: readonly Requirement[];
  /** Of the task's signal, 0 to 1. */
  readonly strength: number;
  /** Estimated effort in seconds. */
  readonly effort: number;
}

/** A pool that lacks agents. */
export interface NeedyPool {
  readonly pool: string;
  /** Slots that it lacks. */
  readonly missing: number;
  readonly needs: readonly Need[];
}

/** A pool that could give agents away, with those that it could spare. */
export interface DonorPool {
  readonly pool: string;
  /** Active ones. */
  readonly agents: number;
  readonly capacity: number;
  readonly slots: number;
  /** Agents with nothing to do, or that do the needy pool's work already. */
  readonly spare: readonly { readonly agent: string; readonly profile: AgentProfile; readonly slots: number }[];
}

/** Slots that bring a pool to the middle of the utilisation band, beyond those that it has. */
export function missingSlots({ slots, waiting, capacity }: Pick<PoolSample, 'slots' | 'waiting' | 'capacity'>): number {
  return Math.ceil((slots + waiting) / ((TARGETS.utilisation_from + TARGETS.utilisation_to) / 2) - capacity);
}

/**
 * Chooses who moves to the needy pool: agents whose capabilities, own or lent, and whose standing offer fit its work,
 * until it lacks no slot. The least utilised donor first; of its agents those who need not take on a lent capability,
 * then those with most free slots. A donor gives at most `MAX_DONATION` of its agents and stays below the upper end of
 * the utilisation band. Ties go by name, so that every process plans the same.
 */
export function planMoves(needy: NeedyPool, donors: readonly DonorPool[]): Move[] {
  const moves: Move[] = [];
  let { missing } = needy;
  const ordered = donors
    .filter(({ pool }) => pool !== needy.pool)
    .sort((a, b) => a.slots / a.capacity - b.slots / b.capacity || byName(a.pool, b.pool));
  for (const donor of ordered) {
    let { capacity, slots } = donor;
    let left = Math.floor(donor.agents * MAX_DONATION);
    const spare = donor.spare
      .map((one) => ({ ...one, free: one.profile.capacity - one.slots, takes: takesOn(one.profile, needy.needs) }))
      .sort((a, b) => (a.takes?.length ?? 0) - (b.takes?.length ?? 0) || b.free - a.free || byName(a.agent, b.agent));
    for (const { agent, profile, slots: used, free, takes } of spare) {
      if (missing <= 0 || left === 0 || moves.length === MAX_MOVES) break;
      if (takes === undefined || free <= 0 || slots - used >= (capacity - profile.capacity) * TARGETS.utilisation_to)
        continue;
      moves.push({ agent, from: donor.pool, to: needy.pool, takes });
      slots -= used;
      capacity -= profile.capacity;
      missing -= free;
      left -= 1;
    }
  }
  return moves;
}

/**
 * The lent capabilities that an agent would make its own to do such work; undefined when it can't or won't do any of
 * it.
 */
export function takesOn(profile: AgentProfile, needs: readonly Need[]): string[] | undefined {
  const { offer } = profile;
  const takes = new Set<string>();
  let able = false;
  for (const { requires, strength, effort } of needs) {
    if (offer === null || strength < offer.min_strength || effort > (offer.max_effort ?? Infinity)) continue;
    const lent = requires.filter(({ capability }) => levelOf(profile, capability) === undefined);
    if (!requires.every(({ capability, level }) => (levelOf(profile, capability) ?? LENT_LEVEL) >= level)) continue;
    if (!lent.every(({ capability }) => offer.helps.includes(capability))) continue;
    for (const { capability } of lent) takes.add(capability);
    able = true;
  }
  return able ? [...takes].sort() : undefined;
}

/**
 * Reassigns roles, unless a pool opens (nobody was in it) or closes (everybody leaves it): that changes the topology.
 */
export function strategyOf(moves: readonly Move[], sizes: ReadonlyMap<string, number>): Strategy {
  const after = new Map(sizes);
  for (const { from, to } of moves) {
    after.set(from, (after.get(from) ?? 0) - 1);
    after.set(to, (after.get(to) ?? 0) + 1);
  }
  const changes = [...after].some(([pool, size]) => size > 0 !== (sizes.get(pool) ?? 0) > 0);
  return changes ? 'topology_modification' : 'role_reassignment';
}

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
