/** Agents for lists and discovery: a row per agent. */
import { agentDecider, type AgentState, loadOf, slotsInUse } from '../../domain/market/agent';
import { ALL, type Projection } from '../projection';

export interface AgentDoc {
  readonly id: string;
  readonly agent_type: string;
  readonly pool: string;
  readonly status: AgentState['status'];
  readonly capabilities: Readonly<Record<string, number>>;
  /** Names of the capabilities, the agent's own type among them. */
  readonly capability: readonly string[];
  readonly capacity: number;
  readonly slots: number;
  /** Slots in use over capacity. */
  readonly load: number;
  readonly location: string | null;
  readonly standing_offer: boolean;
  readonly since: string | null;
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
      status: state.status,
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
