/** What an hour of an agent's work costs, by its type, kept in memory: asked for at every award under a budget. */
import { parseStream } from '../../domain/kernel/ids';
import { Recent } from '../../domain/kernel/recent';
import type { AgentTypeEvent, AgentTypeState } from '../../domain/repository/agent-template';
import { CATALOGUE } from '../../domain/repository/catalogue-data';
import type { Aggregate } from '../engine/aggregate';
import type { Transactor } from '../engine/transact';

/** Whole micro-USD an hour; undefined: nobody knows. */
export type Price = number | undefined;

const MICRO_USD = 1_000_000;
/** Types of tenants' own that are remembered at least. */
const REMEMBERED = 10_000;

const BUILT_IN: ReadonlyMap<string, number> = new Map(
  CATALOGUE.map(({ agent_type, estimated_cost_per_hour }) => [agent_type, priceOf(estimated_cost_per_hour)]),
);

export class Prices {
  /** `tenant type` */
  private readonly own = new Recent<string, { readonly price: Price }>(REMEMBERED);

  constructor(
    private readonly types: Aggregate<AgentTypeState, AgentTypeEvent>,
    transactor: Pick<Transactor, 'onCommitted'>,
  ) {
    transactor.onCommitted(({ category, stream }) => {
      if (category !== types.decider.category) return;
      const { tenant, id } = parseStream(stream);
      this.own.delete(`${tenant} ${id}`);
    });
  }

  /** The price, when it is in memory; else a promise of it. A type that was withdrawn keeps its last one. */
  of(tenant: string, agentType: string): Price | Promise<Price> {
    const builtIn = BUILT_IN.get(agentType);
    if (builtIn !== undefined) return builtIn;
    const known = this.own.get(`${tenant} ${agentType}`);
    return known === undefined ? this.read(tenant, agentType) : known.price;
  }

  private async read(tenant: string, agentType: string): Promise<Price> {
    const { entry } = (await this.types.load(tenant, agentType)).state;
    const price = entry === undefined ? undefined : priceOf(entry.estimated_cost_per_hour);
    this.own.set(`${tenant} ${agentType}`, { price });
    return price;
  }
}

function priceOf(usd: number): number {
  return Math.round(usd * MICRO_USD);
}
