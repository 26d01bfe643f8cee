import type { AgentTypeEntry, AgentTypeHit } from '../../client/client';
import { printDetails } from '../lists';
import { bold, type Context, printJson, printTable, UsageError } from '../terminal';

export interface TypesInput {
  readonly words?: readonly string[];
  readonly show?: string;
  readonly department?: string;
  readonly industry?: string;
  readonly capability?: string;
  readonly limit?: number;
}

/** Searches the repository of agent types, filters it, or shows one type. */
export async function types(
  { client, json }: Context,
  { words = [], show, limit, ...filter }: TypesInput,
): Promise<void> {
  if (show !== undefined) {
    const type = await client.repository.get(show);
    return json ? printJson(type) : printDetails(type);
  }
  const { department, industry, capability } = filter;
  const filtered = department !== undefined || industry !== undefined || capability !== undefined;
  if (filtered && words.length > 0) throw new UsageError('search by words or filter, not both');
  const found: readonly (AgentTypeEntry | AgentTypeHit)[] =
    words.length > 0
      ? await client.repository.search(words.join(' '), { limit })
      : (await client.repository.list({ department, industry, capability })).slice(0, limit);
  if (json) return printJson(found);
  printTable(
    ['TYPE', 'NAME', 'FOR', 'TIER', 'USD/H', 'CAPABILITIES'],
    found.map((type) => [
      bold(type.agent_type),
      type.name,
      type.department ?? type.industry_vertical ?? type.category,
      type.cost_tier,
      type.estimated_cost_per_hour,
      type.capabilities.join(' '),
    ]),
    ['USD/H'],
  );
}
