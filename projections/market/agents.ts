/** Agents for lists and discovery: a row per agent. */
import type { AgentSummary } from '../../contract/market/agents';
import type { Shown } from '../../contract/route';
import { agentDecider, type AgentState, type AgentStatus, loadOf, slotsInUse } from '../../domain/market/agent';
import { ALL, type Projection } from '../projection';

/** What lists tell of an agent, and the names that it is found by. */
export interface AgentDoc extends Shown<typeof AgentSummary> {
  /** Names of the capabilities, the agent's own type among them. */
  readonly capability: readonly string[];
}

export const agents: Projection<AgentState, AgentDoc> = {
  name: 'agents',
  version: 1,
  category: agentDecider.category,
  fields: ['agent_type', 'pool', 'status', 'capability[]'],
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
      slots: slotsInUse(state),
      load: loadOf(state),
      location: profile.location ?? null,
      standing_offer: profile.offer !== null,
      since: state.since ?? null,
    };
    return { tenant, key: ALL, source: stream, index: version, doc };
  },
};
