/** Use cases of what agents share: the repository of agent types, and the tools. */
import type { Tool, ToolInput } from '../../contract/repository/tools';
import type { Shown } from '../../contract/route';
import { Rejection } from '../../domain/kernel/decider';
import type { Time } from '../../domain/kernel/time';
import {
  type AgentTypeEvent,
  type AgentTypeState,
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
  type ToolDefinition,
  type ToolEvent,
  type ToolState,
} from '../../domain/repository/tool';
import { differencesOf } from '../../domain/repository/tool-interface';
import { ownEntries } from '../../projections/repository/agent-types';
import { searchTools, type ToolQuery, type ToolsFound } from '../../projections/repository/tools';
import type { Aggregate } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import type { Loaded } from '../engine/streams';

/** A tool that was registered, as the API shows it. */
export function toolAnswer(state: ToolState): Shown<typeof Tool> {
  const { status, tool_id, latest, versions, deprecation, pin, found } = state;
  return {
    status: status as Shown<typeof Tool>['status'],
    tool_id,
    latest: latest as ToolDefinition,
    versions,
    deprecation,
    pin,
    found: found && { ...found, differences: pin && differencesOf(pin.interface, found.interface) },
  };
}

type AgentTypeOutcome = Outcome<AgentTypeState, AgentTypeEvent>;

export class Repository {
  constructor(private readonly types: Aggregate<AgentTypeState, AgentTypeEvent>) {}

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
    const { state } = await this.types.load(tenant, agentType);
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
  ): Promise<AgentTypeOutcome> {
    const base = await this.find(context.principal.tenant, basedOn);
    if (base instanceof Rejection) return { ok: false, rejection: base };
    return await this.types.decide(context, agentType, 'agent-type.define', define(agentType, base, overrides));
  }

  revise(context: RequestContext, agentType: string, overrides: Overrides): Promise<AgentTypeOutcome> {
    return this.types.decide(context, agentType, 'agent-type.revise', revise(overrides));
  }

  withdraw(context: RequestContext, agentType: string, reason: string): Promise<AgentTypeOutcome> {
    return this.types.decide(context, agentType, 'agent-type.withdraw', withdraw(reason));
  }

  private async all(tenant: string): Promise<AgentTypeEntry[]> {
    const { store, view } = this.types.listedAt();
    return [...CATALOGUE, ...(await ownEntries(store, view, tenant))];
  }
}

export class Tools {
  constructor(private readonly tools: Aggregate<ToolState, ToolEvent>) {}

  /** Registers a tool, or a higher version of it; its owner is the caller where it names none. */
  register(
    context: RequestContext,
    id: string,
    input: Shown<typeof ToolInput>,
  ): Promise<Outcome<ToolState, ToolEvent>> {
    const tool = { ...input, owner: input.owner ?? context.principal.id };
    const attributes = { sandbox_level: tool.sandbox_level };
    return this.tools.decide({ ...context, attributes }, id, 'tool.register', register(id, tool));
  }

  deprecate(context: RequestContext, id: string, deprecation: Deprecation): Promise<Outcome<ToolState, ToolEvent>> {
    return this.tools.decide(context, id, 'tool.deprecate', deprecate(deprecation));
  }

  load(tenant: string, id: string, asOf?: Time): Promise<Loaded<ToolState>> {
    return this.tools.load(tenant, id, asOf);
  }

  /** An earlier version, whole, from its receipt. */
  async version(tenant: string, id: string, version: string): Promise<ToolDefinition | undefined> {
    const found = (await this.load(tenant, id)).state.versions.find((other) => other.version === version);
    return found === undefined ? undefined : (await this.tools.loadUpTo(tenant, id, found.index)).state.latest;
  }

  search(tenant: string, query: ToolQuery): Promise<ToolsFound> {
    const { store, view } = this.tools.listedAt();
    return searchTools(store, view, tenant, query);
  }
}
