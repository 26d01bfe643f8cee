/** All agents of the tenant, as far as a screen holds them. */
import type { agents, AgentSummary as Summary } from '../../contract/market/agents';
import type { Shown } from '../../contract/route';
import { at, call } from './api';

export type AgentSummary = Shown<typeof Summary>;

export interface AllAgents {
  readonly agents: readonly AgentSummary[];
  /** Whether there are more. */
  readonly cut: boolean;
}

const PAGE = 1_000;
const MOST = 12_000;

export async function allAgents(signal: AbortSignal): Promise<AllAgents> {
  const found: AgentSummary[] = [];
  let page = await call<typeof agents.list>('GET /v1/agents', { query: { limit: PAGE } }, { signal });
  for (;;) {
    found.push(...page.value);
    if (page.nextLink === undefined) return { agents: found, cut: false };
    if (found.length >= MOST) return { agents: found.slice(0, MOST), cut: true };
    page = await at<typeof page>(page.nextLink, signal);
  }
}
