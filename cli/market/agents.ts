import type { AgentFilter } from '../../client/client';
import { firstOf, printDetails } from '../lists';
import { ago, bad, bold, type Context, dim, good, printJson, printTable } from '../terminal';

export interface AgentsInput extends Omit<AgentFilter, 'agent_type'> {
  readonly id?: string;
  readonly type?: string;
  readonly all?: boolean;
}

const COLOURS = { active: good, lost: bad, gone: dim, unknown: dim };

/** Lists agents, or shows one. */
export async function agents(
  { client, json }: Context,
  { id, type, limit, all, ...filter }: AgentsInput,
): Promise<void> {
  if (id !== undefined) {
    const agent = await client.agents.get(id);
    return json ? printJson(agent) : printDetails(agent);
  }
  const found = await firstOf(client.agents.all({ ...filter, agent_type: type }), all === true ? Infinity : limit);
  if (json) return printJson(found.rows);
  printTable(
    ['AGENT', 'STATUS', 'TYPE', 'POOL', 'SLOTS', 'LOAD', 'SINCE'],
    found.rows.map((agent) => [
      bold(agent.id),
      COLOURS[agent.status](agent.status),
      agent.agent_type,
      agent.pool,
      `${agent.slots}/${agent.capacity}`,
      `${Math.round(agent.load * 100)} %`,
      agent.since === null ? '–' : ago(agent.since),
    ]),
    ['SLOTS', 'LOAD'],
  );
  found.sayMore();
}
