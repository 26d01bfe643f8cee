/**
 * Agents for lists and discovery: a row per agent. What changes with each task is not in it: the market's book has that
 * in memory, and a row that is written twice a task would be a third of what a task costs.
 */
import type { AgentSummary } from '../../contract/market/agents';
import type { Shown } from '../../contract/route';
import { agentDecider, type AgentState, type AgentStatus } from '../../domain/market/agent';
import { ALL, type Projection } from '../projection';

/** What lists tell of an agent beside its slots, and the names that it is found by. */
export interface AgentDoc extends Omit<Shown<typeof AgentSummary>, 'slots' | 'load'> {
  /** Names of the capabilities, the agent's own type among them. */
  readonly capability: readonly string[];
}

export const agents: Projection<AgentState, AgentDoc> = {
  name: 'agents',
  version: 1,
  category: agentDecider.category,
  fields: ['agent_type', 'pool', 'status', 'capability[]'],
  unchangedBy: ['SlotReserved', 'SlotConfirmed', 'SlotReleased', 'ChallengeReserved', 'ChallengeReleased'],
  row({ tenant, id, stream, version }, state) {
    const { profile } = state;
    if (profile === undefined) return undefined;
    const doc: AgentDoc = {
      id,
      agent_type: profile.agent_type,
      pool: profile.pool,
      status: state.status as AgentStatus,
      capabilities: profile.capabilities,
      capability: [...new Set([profile.agent_type, ...Object.keys(profile.capabilities)])],
      capacity: profile.capacity,
      location: profile.location ?? null,
      standing_offer: profile.offer !== null,
      since: state.since ?? null,
    };
    return { tenant, key: ALL, source: stream, index: version, doc };
  },
};
