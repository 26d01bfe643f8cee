/** Moves agents between pools: the pool's stream decides, then each agent takes its role. */
import type { Commit } from '../../domain/kernel/commit';
import { type Decision, Rejection } from '../../domain/kernel/decider';
import type { Time } from '../../domain/kernel/time';
import {
  agentDecider,
  type AgentEvent,
  type AgentState,
  agentStream,
  assignRole,
  LENT_LEVEL,
  register,
} from '../../domain/market/agent';
import {
  type Move,
  poolDecider,
  type PoolEvent,
  type PoolState,
  poolStream,
  reorganise,
  strategyOf,
} from '../../domain/market/pool';
import { causeOf, type Outcome, type RequestContext } from '../engine/command';
import type { Report } from '../engine/ports';
import type { Transactor } from '../engine/transact';
import type { Plan } from './balance-plan';
import { balancer } from './balance-pools';
import type { Market } from './market';

export type PoolOutcome = Outcome<PoolState, PoolEvent>;

export class PoolMoves {
  constructor(
    private readonly transactor: Transactor,
    private readonly market: Market,
    private readonly report: Report,
  ) {}

  /** Writes the reorganisation, which its stream may refuse, and then moves the agents. */
  async carryOut(tenant: string, pool: string, plan: Plan, at: Time, context: RequestContext): Promise<PoolOutcome> {
    const sizes = new Map<string, number>();
    for (const { tenant: of, state } of this.market.agents.all())
      if (of === tenant && state.status === 'active')
        sizes.set(state.profile.pool, (sizes.get(state.profile.pool) ?? 0) + 1);
    const decision = reorganise({ ...plan, strategy: strategyOf(plan.moves, sizes), at });
    const outcome = await this.transactor.transact(poolDecider, poolStream(tenant, pool), decision, {
      ...context,
      action: 'pool.reorganise',
      attributes: { trigger: plan.trigger },
    });
    if (outcome.ok && outcome.commit !== undefined) await this.move(tenant, outcome.commit);
    return outcome;
  }

  /**
   * Makes the moves that a commit says, each once: where an agent goes later is not undone when the commit comes again.
   */
  async move(tenant: string, commit: Commit): Promise<void> {
    for (const event of commit.events as readonly PoolEvent[]) {
      if (event.type !== 'SwarmReorganised') continue;
      const cause = causeOf(commit);
      await Promise.all(
        event.data.moves.map(async (move) => {
          const stream = agentStream(tenant, move.agent);
          if (!isBefore(move, (await this.transactor.load(agentDecider, stream)).state)) return;
          const outcome = await this.transactor.transact(agentDecider, stream, takeRole(move, event.data.reason), {
            principal: balancer(tenant),
            action: 'agent.assign-role',
            command: { key: cause.ref, hash: commit.hash },
            cause,
            reaction: true,
          });
          if (!outcome.ok)
            this.report('an agent could not be moved', { ...move, receipt: cause.ref, code: outcome.rejection.code });
        }),
      );
    }
  }
}

/**
 * The agent takes its role: it changes its pool, and has what it only lent and is wanted there as a capability of its
 * own, at the level at which it lent it. Nothing happens when it is somewhere else by now.
 */
function takeRole(move: Move, reason: string): Decision<AgentState, AgentEvent> {
  return (state) => {
    const { profile } = state;
    if (profile === undefined || !isBefore(move, state)) return [];
    const assigned = assignRole(move.to, reason)(state);
    if (assigned instanceof Rejection || move.takes.length === 0) return assigned;
    const lent = Object.fromEntries(move.takes.map((capability) => [capability, LENT_LEVEL]));
    const revised = register({ ...profile, pool: move.to, capabilities: { ...lent, ...profile.capabilities } })(state);
    return revised instanceof Rejection ? revised : [...assigned, ...revised];
  };
}

function isBefore(move: Move, { status, profile }: AgentState): boolean {
  return status === 'active' && profile?.pool === move.from;
}
