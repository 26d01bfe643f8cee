/** A colony to measure: a thousand agents of the repository's types, and the tasks that are posted to them. */
import type { Colony } from '../app/colony';
import type { Policy } from '../app/engine/ports-policy';
import type { Principal } from '../domain/kernel/principal';
import type { AgentProfile } from '../domain/market/agent';
import type { TaskSpec } from '../domain/market/task';
import { CATALOGUE } from '../domain/repository/catalogue-data';
import { openColony, readSettings } from '../host/composition';
import { forEachOf } from './measure';

export const TENANT = 'default';
/** Slots of each agent. */
export const CAPACITY = 4;

export const agentId = (n: number): string => `agent-${n}`;
export const typeOf = (n: number): string => (CATALOGUE[n % CATALOGUE.length] as { agent_type: string }).agent_type;
export const agentOf = (id: string): { principal: Principal } => ({
  principal: { tenant: TENANT, id, kind: 'agent', level: 'execute' },
});
export const POSTER: { principal: Principal } = {
  principal: { tenant: TENANT, id: 'service:bench', kind: 'service', level: 'critical' },
};

export function profileOf(n: number): AgentProfile {
  const agent_type = typeOf(n);
  return {
    agent_type,
    pool: agent_type.split('.')[0] as string,
    capabilities: { [agent_type]: 1 },
    capacity: CAPACITY,
    presence_seconds: 3_600,
    offer: { helps: [], min_strength: 0 },
  };
}

export function specOf(n: number): TaskSpec {
  const task_type = typeOf(n);
  return {
    task_type,
    priority: ((n * 7) % 10) / 10,
    urgency: 0.5,
    requires: [{ capability: task_type, level: 0 }],
    location: 'region/eu/line-3',
    effort: 30,
    payload: { request: n, context_tokens: 1_500, generated_tokens: 13 },
    requester: POSTER.principal.id,
    bid_seconds: 0,
    accept_seconds: 60,
    lease_seconds: 60,
    max_attempts: 5,
    retry_seconds: 1,
  };
}

/** Opens a colony over `data`. Nobody asks it for anything but this process. */
export async function openBenchColony(data: string, policy?: Policy): Promise<Colony> {
  return await openColony({ ...readSettings({}), data, logLevel: 'warn' }, { policy });
}

export async function registerAgents(colony: Colony, count: number): Promise<void> {
  await forEachOf(count, 256, async (n) => {
    const outcome = await colony.agents.register(agentOf(agentId(n)), agentId(n), profileOf(n));
    if (!outcome.ok) throw new Error(outcome.rejection.message);
  });
}
