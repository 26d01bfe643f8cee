/** What agents, or a task, that were stopped were working on, as the books of this process have it. */
import { taskDecider, taskStream } from '../../domain/market/task';
import { isCalled, PLATFORM, type Stop, type StoppedThing } from '../../domain/stops/stop';
import type { Transactor } from '../engine/transact';
import type { StopBook } from '../stops/module';
import type { AgentEntry } from './agent-book';
import type { Market } from './market';

/** A task in an agent's hands. */
export interface Holding {
  readonly tenant: string;
  readonly task: string;
  readonly agent: string;
  readonly award: number;
}

/** What of it is told. */
export interface WorkInFlight extends Holding {
  /** Whether it goes to others, or stays where it is and waits. */
  readonly returned: boolean;
}

/** How much of it is told. */
const MAX_TOLD = 1_000;

export class StoppedWork {
  constructor(
    private readonly market: Pick<Market, 'agents'>,
    private readonly transactor: Pick<Transactor, 'current'>,
    private readonly stops: StopBook,
  ) {}

  /** What stops an agent, by itself or with its type; undefined when nothing does. */
  stopOf(tenant: string, agent: string): Stop | undefined {
    const profile = this.market.agents.get(tenant, agent)?.state.profile;
    return this.stops.ofAgent(tenant, agent, profile?.agent_type);
  }

  /** What the agents hold that are stopped now, of one tenant or of all. */
  *toReturn(of: string | undefined): Generator<Holding & { readonly stop: Stop }> {
    for (const { tenant, id, state } of this.market.agents.all()) {
      if (of !== undefined && tenant !== of) continue;
      const stop = this.stops.ofAgent(tenant, id, state.profile.agent_type);
      if (stop === undefined) continue;
      for (const [task, { award }] of Object.entries(state.slots)) yield { tenant, task, agent: id, award, stop };
    }
  }

  /** What is in the hands of what is stopped, or about to be. Of the platform's stops: in all tenants. */
  async of(tenant: string, thing: StoppedThing): Promise<readonly WorkInFlight[]> {
    if (thing.kind === 'task') return await this.ofTask(tenant, thing.name);
    const found: WorkInFlight[] = [];
    const returned = thing.kind === 'agent' || thing.kind === 'agent_type';
    for (const entry of this.market.agents.all()) {
      if (!concerns(thing, tenant, entry)) continue;
      for (const [task, { award }] of Object.entries(entry.state.slots)) {
        found.push({ tenant: entry.tenant, task, agent: entry.id, award, returned });
        if (found.length === MAX_TOLD) return found;
      }
    }
    return found;
  }

  /** The same, and what was so before. */
  async andOf(before: readonly WorkInFlight[], tenant: string, thing: StoppedThing): Promise<readonly WorkInFlight[]> {
    const all = [...before, ...(await this.of(tenant, thing))];
    return [...new Map(all.map((one) => [`${one.tenant} ${one.agent} ${one.task} ${one.award}`, one])).values()].slice(
      0,
      MAX_TOLD,
    );
  }

  private async ofTask(tenant: string, task: string): Promise<readonly WorkInFlight[]> {
    const { holder } = (await this.transactor.current(taskDecider, taskStream(tenant, task))).state;
    return holder === undefined ? [] : [{ tenant, task, agent: holder.agent, award: holder.award, returned: false }];
  }
}

function concerns({ kind, name }: StoppedThing, by: string, { tenant, id, state }: AgentEntry): boolean {
  switch (kind) {
    case 'global':
      return true;
    case 'tenant':
      return tenant === name;
    case 'agent':
      return tenant === by && isCalled(name, id);
    case 'agent_type':
      return (tenant === by || by === PLATFORM) && state.profile?.agent_type === name;
    default:
      return false;
  }
}
