/**
 * Which agents could move where: for the objective of a pool, or because its performance has fallen. Reads what is
 * known; moves nobody.
 */
import { secondsBetween, type Time } from '../../domain/kernel/time';
import { levelOf } from '../../domain/market/agent';
import { pauseOf } from '../../domain/market/pause';
import {
  type DonorPool,
  isCoolingDown,
  isDegraded,
  missingSlots,
  type Move,
  type Need,
  planMoves,
  type PoolState,
  type Reorganisation,
  takesOn,
  TARGETS,
} from '../../domain/market/pool';
import { strengthOf, type TaskSpec } from '../../domain/market/task';
import type { Pools, Watch } from './balance-pools';
import type { Market } from './market';

/** Least time between two plans for one pool. */
const PLAN_EVERY_SECONDS = 10;
/** Kinds of waiting work that a plan looks at. */
const MAX_NEEDS = 64;

/** A reorganisation that would help a pool now. */
export type Plan = Pick<Reorganisation, 'trigger' | 'moves' | 'reason'>;

export class PoolPlanner {
  constructor(
    private readonly market: Market,
    private readonly pools: Pools,
  ) {}

  /** The pool whose turn to be planned for it is: of those that call for it, the one that has waited longest. */
  next(watches: readonly Watch[], now: Time): Watch | undefined {
    let next: Watch | undefined;
    for (const watch of watches)
      if (this.calls(watch, now) && (next === undefined || watch.planned < next.planned)) next = watch;
    return next === undefined || (next.planned !== '' && secondsBetween(next.planned, now) < PLAN_EVERY_SECONDS)
      ? undefined
      : next;
  }

  /**
   * True when the pool is to be reorganised, nobody has paused it, and neither it nor what was taken from it was moved
   * lately.
   */
  calls(watch: Watch, now: Time): boolean {
    if (pauseOf(this.market.pauses.known(watch.tenant), 'pool', watch.pool) !== undefined) return false;
    return (
      (watch.state?.objective_pending === true || hasFallen(watch, now)) &&
      !this.resting(watch.tenant, now).has(watch.pool)
    );
  }

  /** Pools that were reorganised, or gave agents away, less than 15 minutes ago. */
  private resting(tenant: string, now: Time): Set<string> {
    const resting = new Set<string>();
    for (const { pool, state } of this.pools.of(tenant)) {
      if (state?.reorganised === undefined || !isCoolingDown(state, now)) continue;
      resting.add(pool);
      for (const donor of state.reorganised.donors) resting.add(donor);
    }
    return resting;
  }

  /**
   * What would bring agents to a pool that lacks them: for its objective, else because its performance has fallen.
   * undefined when nobody can be spared.
   */
  planFor(watch: Watch, now: Time): Plan | undefined {
    const { sample, state } = watch;
    if (state?.objective_pending === true) {
      const moves = this.plan(watch, this.unfit(watch), objectiveNeeds(state), now);
      if (moves.length > 0)
        return { trigger: 'objective_change', moves, reason: `the objective is now: ${state.objective?.description}` };
    }
    if (!hasFallen(watch, now)) return undefined;
    const moves = this.plan(watch, missingSlots(sample), this.waitingNeeds(watch, now), now);
    const reason = `${sample.waiting} tasks wait at a utilisation of ${sample.utilisation}, overloaded since ${state?.changed?.at}`;
    return moves.length > 0 ? { trigger: 'performance_degradation', moves, reason } : undefined;
  }

  /** The work that waits in a pool, and what its objective asks for. */
  allNeeds(watch: Watch | undefined, now: Time): Need[] {
    return watch === undefined ? [] : [...this.waitingNeeds(watch, now), ...objectiveNeeds(watch.state)];
  }

  /** The work that waits in a pool, by kind: of each the task that pulls most. */
  private waitingNeeds({ tenant, waits }: Watch, now: Time): Need[] {
    const needs = new Map<string, Need>();
    for (const lineup of this.market.tasks.ready(now, tenant)) {
      const head = waits.has(lineup.first) ? this.market.tasks.headOf(lineup, now) : undefined;
      if (head === undefined) continue;
      const { requires, effort = 0 } = head.spec as TaskSpec;
      const kind = JSON.stringify(requires);
      const strength = strengthOf(head, now);
      const known = needs.get(kind);
      if (known === undefined && needs.size >= MAX_NEEDS) continue;
      needs.set(kind, {
        requires,
        strength: Math.max(strength, known?.strength ?? 0),
        effort: Math.min(effort, known?.effort ?? Infinity),
      });
    }
    return [...needs.values()];
  }

  /** Slots of the pool's own agents that do not serve its objective: as many are to come. One, when it has no agent. */
  private unfit({ tenant, pool, state, sample }: Watch): number {
    const wanted = state?.objective?.capabilities ?? [];
    let slots = sample.agents === 0 ? 1 : 0;
    for (const { tenant: of, state: agent } of this.market.agents.all()) {
      const own = of === tenant && agent.status === 'active' && agent.profile.pool === pool;
      if (own && !wanted.some((capability) => levelOf(agent.profile, capability) !== undefined))
        slots += agent.profile.capacity;
    }
    return slots;
  }

  /**
   * Who could move: from pools below the utilisation band in which nothing waits, agents that have nothing to do or do
   * the needy pool's work already.
   */
  private plan(needy: Watch, missing: number, needs: readonly Need[], now: Time): Move[] {
    const { tenant, waits } = needy;
    const resting = this.resting(tenant, now);
    const donors = new Map<string, DonorPool & { readonly spare: DonorPool['spare'][number][] }>();
    for (const { pool, sample } of this.pools.of(tenant)) {
      if (
        pool === needy.pool ||
        resting.has(pool) ||
        sample.waiting > 0 ||
        sample.capacity === 0 ||
        sample.utilisation >= TARGETS.utilisation_from
      )
        continue;
      donors.set(pool, { pool, agents: sample.agents, capacity: sample.capacity, slots: sample.slots, spare: [] });
    }
    if (donors.size === 0) return [];
    const types = new Set<string>();
    for (const { first, task_type } of this.market.tasks.ready(now, tenant)) if (waits.has(first)) types.add(task_type);
    for (const { tenant: of, id, state, paused } of this.market.agents.all()) {
      // Whom a person has paused is not put to work by a move.
      const donor = of === tenant && state.status === 'active' && !paused ? donors.get(state.profile.pool) : undefined;
      if (donor === undefined || takesOn(state.profile, needs) === undefined) continue;
      const held = Object.values(state.slots);
      if (held.every(({ task_type }) => types.has(task_type)))
        donor.spare.push({ agent: id, profile: state.profile, slots: held.length });
    }
    return planMoves({ pool: needy.pool, missing, needs }, [...donors.values()]);
  }
}

function hasFallen({ condition, state }: Watch, now: Time): boolean {
  return condition === 'overloaded' && state !== undefined && isDegraded(state, now);
}

/** Whoever has one of the capabilities serves the objective. */
function objectiveNeeds(state: PoolState | undefined): Need[] {
  return (state?.objective?.capabilities ?? []).map((capability) => ({
    requires: [{ capability, level: 0 }],
    strength: 1,
    effort: 0,
  }));
}
