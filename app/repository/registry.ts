/** Use cases of what agents share: the repository of agent types, and the tools. */
import { Rejection } from '../../domain/kernel/decider';
import type { Time } from '../../domain/kernel/time';
import {
  agentTypeDecider,
  type AgentTypeEvent,
  type AgentTypeState,
  agentTypeStream,
  define,
  type Overrides,
  revise,
  withdraw,
} from '../../domain/repository/agent-template';
import {
  type AgentTypeEntry,
  type EntryFilter,
  filterEntries,
  recommend,
  searchEntries,
  type SearchHit,
} from '../../domain/repository/catalogue';
import { CATALOGUE } from '../../domain/repository/catalogue-data';
import {
  deprecate,
  type Deprecation,
  register,
  toolDecider,
  type ToolDefinition,
  type ToolEvent,
  type ToolState,
  toolStream,
} from '../../domain/repository/tool';
import { ownEntries } from '../../projections/repository/agent-types';
import { searchTools, type ToolQuery, type ToolsFound } from '../../projections/repository/tools';
import type { Outcome, RequestContext } from '../engine/command';
import type { ViewStore } from '../engine/ports';
import type { Loaded } from '../engine/streams';
import type { Transactor } from '../engine/transact';
import type { Views } from '../engine/views';

export { COST_TIERS } from '../../domain/repository/catalogue';
export { SANDBOX_LEVELS } from '../../domain/repository/tool';

export class Repository {
  constructor(
    private readonly transactor: Transactor,
    private readonly viewStore: ViewStore,
    private readonly views: Views,
  ) {}

  /** Built-in types and the tenant's own, filtered. */
  async list(tenant: string, filter: EntryFilter): Promise<AgentTypeEntry[]> {
    return filterEntries(await this.all(tenant), filter);
  }

  /** Ranked, best first. */
  async search(tenant: string, query: string): Promise<SearchHit<AgentTypeEntry>[]> {
    return searchEntries(await this.all(tenant), query);
  }

  /** Types that resemble the given one. */
  async recommend(tenant: string, agentType: string): Promise<SearchHit<AgentTypeEntry>[] | Rejection> {
    const base = await this.find(tenant, agentType);
    return base instanceof Rejection ? base : recommend(await this.all(tenant), base);
  }

  /** One type: the tenant's own as its stream has it, or a built-in one. */
  async find(tenant: string, agentType: string): Promise<AgentTypeEntry | Rejection> {
    const builtIn = CATALOGUE.find((entry) => entry.agent_type === agentType);
    if (builtIn !== undefined) return builtIn;
    const { state } = await this.transactor.load(agentTypeDecider, agentTypeStream(tenant, agentType));
    if (state.status === 'active' && state.entry !== undefined) return state.entry;
    return new Rejection(
      'missing',
      'agent-type-not-found',
      `there is no agent type ${agentType}: search the repository for one`,
    );
  }

  async define(
    context: RequestContext,
    agentType: string,
    basedOn: string,
    overrides: Overrides,
  ): Promise<Outcome<AgentTypeState, AgentTypeEvent>> {
    const base = await this.find(context.principal.tenant, basedOn);
    if (base instanceof Rejection) return { ok: false, rejection: base };
    return await this.command(context, agentType, 'agent-type.define', define(agentType, base, overrides));
  }

  revise(
    context: RequestContext,
    agentType: string,
    overrides: Overrides,
  ): Promise<Outcome<AgentTypeState, AgentTypeEvent>> {
    return this.command(context, agentType, 'agent-type.revise', revise(overrides));
  }

  withdraw(
    context: RequestContext,
    agentType: string,
    reason: string,
  ): Promise<Outcome<AgentTypeState, AgentTypeEvent>> {
    return this.command(context, agentType, 'agent-type.withdraw', withdraw(reason));
  }

  private async all(tenant: string): Promise<AgentTypeEntry[]> {
    return [...CATALOGUE, ...(await ownEntries(this.viewStore, this.views.serving('agent-types'), tenant))];
  }

  private command(
    context: RequestContext,
    agentType: string,
    action: string,
    decision: ReturnType<typeof withdraw>,
  ): Promise<Outcome<AgentTypeState, AgentTypeEvent>> {
    return this.transactor.transact(agentTypeDecider, agentTypeStream(context.principal.tenant, agentType), decision, {
      ...context,
      action,
    });
  }
}

export class Tools {
  constructor(
    private readonly transactor: Transactor,
    private readonly viewStore: ViewStore,
    private readonly views: Views,
  ) {}

  register(context: RequestContext, id: string, tool: ToolDefinition): Promise<Outcome<ToolState, ToolEvent>> {
    return this.transactor.transact(toolDecider, this.stream(context.principal.tenant, id), register(id, tool), {
      ...context,
      action: 'tool.register',
      attributes: { sandbox_level: tool.sandbox_level },
    });
  }

  deprecate(context: RequestContext, id: string, deprecation: Deprecation): Promise<Outcome<ToolState, ToolEvent>> {
    return this.transactor.transact(toolDecider, this.stream(context.principal.tenant, id), deprecate(deprecation), {
      ...context,
      action: 'tool.deprecate',
    });
  }

  load(tenant: string, id: string, asOf?: Time): Promise<Loaded<ToolState>> {
    const stream = this.stream(tenant, id);
    return asOf === undefined
      ? this.transactor.load(toolDecider, stream)
      : this.transactor.loadAt(toolDecider, stream, { asOf });
  }

  /** An earlier version, whole, from its receipt. */
  async version(tenant: string, id: string, version: string): Promise<ToolDefinition | undefined> {
    const { state } = await this.load(tenant, id);
    const found = state.versions.find((other) => other.version === version);
    return found === undefined
      ? undefined
      : (await this.transactor.loadAt(toolDecider, this.stream(tenant, id), { upTo: found.index })).state.latest;
  }

  search(tenant: string, query: ToolQuery): Promise<ToolsFound> {
    return searchTools(this.viewStore, this.views.serving('tools'), tenant, query);
  }

  private stream(tenant: string, id: string): string {
    return toolStream(tenant, id);
  }
}
