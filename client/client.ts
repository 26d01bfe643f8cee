/**
 * The typed client: every route of the API as a method. A refusal is a `FormicaryError`; what may be sent twice is
 * tried again by itself, and every command may be, since it carries an Idempotency-Key.
 */
import {
  ActionsApi,
  ApprovalsApi,
  ChannelsApi,
  CorrectionsApi,
  DecisionsApi,
  DeliveriesApi,
  OversightApi,
  RetentionApi,
  RoundsApi,
} from './decisions';
import { follow, type FollowOptions } from './follow';
import { type RetryOptions, Session } from './session';
import { TasksApi } from './tasks';
import { NodeTransport, type Transport } from './transport';
import type {
  Agent,
  AgentAnswer,
  AgentFilter,
  AgentInput,
  AgentSummary,
  AgentTypeAnswer,
  AgentTypeEntry,
  AgentTypeFilter,
  AgentTypeHit,
  AsOf,
  CausalChain,
  CommandOptions,
  Commit,
  Consumer,
  DeployAnswer,
  DeployInput,
  Emitted,
  EmittedOrNot,
  FieldFilter,
  Followed,
  Found,
  Health,
  Holding,
  Inbox,
  Objective,
  ObjectiveAnswer,
  Page,
  Parked,
  Pausable,
  Pause,
  Pool,
  PoolHistory,
  ReadOptions,
  Receipt,
  ReceiptFilter,
  ReceiptPage,
  RoundAnswer,
  SignalInput,
  Status,
  Tool,
  ToolAnswer,
  ToolFilter,
  ToolInput,
  ToolSummary,
  ToolVersion,
  Trail,
  TrailReading,
} from './types';

export { FormicaryError, type RetryOptions } from './session';
export {
  ConnectionError,
  NodeTransport,
  TransportClosed,
  type NodeTransportOptions,
  type Transport,
  type TransportRequest,
  type TransportResponse,
  type TransportStream,
} from './transport';
export type { FollowOptions } from './follow';
export type * from './types';
export type * from './tasks';

export interface FormicaryOptions {
  /** Address of the host; `http://127.0.0.1:7071` by default. */
  readonly url?: string;
  readonly tenant?: string;
  /** Who calls: an agent's id, `human:ada`, `service:crm`; the developer when left out. */
  readonly principal?: string;
  /** Instead of `url`. */
  readonly transport?: Transport;
  readonly retry?: RetryOptions;
}

export const DEFAULT_URL = 'http://127.0.0.1:7071';

export class Formicary {
  readonly agents: AgentsApi;
  readonly repository: RepositoryApi;
  readonly tasks: TasksApi;
  readonly signals: SignalsApi;
  readonly tools: ToolsApi;
  readonly pools: PoolsApi;
  readonly pauses: PausesApi;
  readonly receipts: ReceiptsApi;
  readonly rounds: RoundsApi;
  readonly actions: ActionsApi;
  readonly approvals: ApprovalsApi;
  readonly oversight: OversightApi;
  readonly retention: RetentionApi;
  readonly corrections: CorrectionsApi;
  readonly channels: ChannelsApi;
  readonly deliveries: DeliveriesApi;
  readonly decisions: DecisionsApi;
  readonly operation: OperationApi;
  private readonly session: Session;

  constructor({
    url = DEFAULT_URL,
    tenant,
    principal,
    transport = new NodeTransport(url),
    retry,
  }: FormicaryOptions = {}) {
    this.session = new Session(transport, tenant, principal, retry);
    this.agents = new AgentsApi(this.session);
    this.repository = new RepositoryApi(this.session);
    this.tasks = new TasksApi(this.session);
    this.signals = new SignalsApi(this.session);
    this.tools = new ToolsApi(this.session);
    this.pools = new PoolsApi(this.session);
    this.pauses = new PausesApi(this.session);
    this.receipts = new ReceiptsApi(this.session);
    this.rounds = new RoundsApi(this.session);
    this.actions = new ActionsApi(this.session);
    this.approvals = new ApprovalsApi(this.session);
    this.oversight = new OversightApi(this.session);
    this.retention = new RetentionApi(this.session);
    this.corrections = new CorrectionsApi(this.session);
    this.channels = new ChannelsApi(this.session);
    this.deliveries = new DeliveriesApi(this.session);
    this.decisions = new DecisionsApi(this.session);
    this.operation = new OperationApi(this.session);
  }

  /** A client for another principal (and tenant) over the same connections. */
  as(principal: string, tenant = this.session.tenant): Formicary {
    const { transport, retry } = this.session;
    return new Formicary({ tenant, principal, transport, retry });
  }

  /** What led to a task, a receipt (`stream@index`) or a correlation id, and what followed. */
  why(id: string, options?: ReadOptions): Promise<CausalChain> {
    return this.session.read('/v1/why', { id }, options);
  }

  /**
   * Doubts an award, an action, or what a round or an approval came to (`stream@index`); answers with the round that
   * decides.
   */
  challenge(target: string, reason: string, options?: CommandOptions): Promise<RoundAnswer> {
    return this.session.command('POST', '/v1/challenges', { target, reason }, options);
  }

  /** Feed lag, views, open tasks. */
  status(options?: ReadOptions): Promise<Status> {
    return this.session.read('/v1/status', undefined, options);
  }

  /** Whether the host is ready; throws when it is not. */
  health(options?: ReadOptions): Promise<Health> {
    return this.session.read('/health/ready', undefined, options);
  }

  /** Closes the connections, also those of clients made by `as`. */
  close(): void {
    this.session.transport.close();
  }
}

/** `/v1/agents` */
export class AgentsApi {
  constructor(private readonly session: Session) {}

  /** Registers an agent under a new id, or under the caller's own. */
  register(input: AgentInput & { readonly id?: string }, options?: CommandOptions): Promise<AgentAnswer> {
    return this.session.command('POST', '/v1/agents', input, options);
  }

  /** Registers the agent, or revises what it says of itself. */
  put(id: string, input: AgentInput, options?: CommandOptions): Promise<AgentAnswer> {
    return this.session.command('PUT', agentPath(id), input, options);
  }

  /** Registers an agent with the capabilities of a type of the repository. */
  deploy(input: DeployInput, options?: CommandOptions): Promise<DeployAnswer> {
    return this.session.command('POST', '/v1/agents/deploy', input, options);
  }

  list(filter: AgentFilter = {}, options?: ReadOptions): Promise<Page<AgentSummary>> {
    return this.session.read('/v1/agents', { ...filter }, options);
  }

  /** Every agent that the filter finds, page by page. */
  all(filter: AgentFilter = {}, options?: ReadOptions): AsyncGenerator<AgentSummary, void, undefined> {
    return this.session.all('/v1/agents', { limit: PAGE, ...filter }, options);
  }

  get(id: string, { asOf, ...options }: AsOf = {}): Promise<Agent> {
    return this.session.read(agentPath(id), { asOf }, options);
  }

  deregister(id: string, reason?: string, options?: CommandOptions): Promise<AgentAnswer> {
    return this.session.command(
      'DELETE',
      `${agentPath(id)}${reason === undefined ? '' : `?reason=${encodeURIComponent(reason)}`}`,
      undefined,
      options,
    );
  }

  /**
   * A sign of life, also for the tasks held; the work of a claim that does not stand is to be dropped. `status`: the
   * award is yet to be accepted.
   */
  heartbeat(
    id: string,
    holding: readonly Holding[] = [],
    options?: CommandOptions,
  ): Promise<{ readonly held: readonly (Holding & { readonly stands: boolean; readonly status?: 'awarded' })[] }> {
    return this.session.command('POST', `${agentPath(id)}/heartbeat`, { holding }, options);
  }

  /**
   * What waits for the agent; waits up to `waitSeconds` (at most 30) for something to come. With `holding` also what it
   * works on.
   */
  inbox(
    id: string,
    {
      waitSeconds,
      offersAfter,
      holding,
      ...options
    }: { readonly waitSeconds?: number; readonly offersAfter?: string; readonly holding?: boolean } & ReadOptions = {},
  ): Promise<Inbox> {
    return this.session.read(
      `${agentPath(id)}/inbox`,
      { waitSeconds, offersAfter, holding: holding === true ? 'true' : undefined },
      options,
    );
  }
}

/** `/v1/agents/repository`: the types of agents. */
export class RepositoryApi {
  constructor(private readonly session: Session) {}

  async list(filter: AgentTypeFilter = {}, options?: ReadOptions): Promise<readonly AgentTypeEntry[]> {
    return (await this.session.read<Page<AgentTypeEntry>>('/v1/agents/repository', { ...filter }, options)).value;
  }

  /** Best first. */
  async search(
    q: string,
    { limit, ...options }: { readonly limit?: number } & ReadOptions = {},
  ): Promise<readonly AgentTypeHit[]> {
    return (await this.session.read<Page<AgentTypeHit>>('/v1/agents/repository/search', { q, limit }, options)).value;
  }

  /** One type, with the names of others like it. */
  get(agentType: string, options?: ReadOptions): Promise<AgentTypeEntry & { readonly similar: readonly string[] }> {
    return this.session.read(typePath(agentType), undefined, options);
  }

  /** Defines a type of the tenant's own: another one with other values in some fields. */
  define(
    agentType: string,
    basedOn: string,
    overrides: Partial<AgentTypeEntry> = {},
    options?: CommandOptions,
  ): Promise<AgentTypeAnswer> {
    return this.session.command('PUT', typePath(agentType), { based_on: basedOn, overrides }, options);
  }

  revise(agentType: string, overrides: Partial<AgentTypeEntry>, options?: CommandOptions): Promise<AgentTypeAnswer> {
    return this.session.command('PATCH', typePath(agentType), { overrides }, options);
  }

  withdraw(agentType: string, reason?: string, options?: CommandOptions): Promise<{ readonly receipt: Receipt }> {
    return this.session.command(
      'DELETE',
      `${typePath(agentType)}${reason === undefined ? '' : `?reason=${encodeURIComponent(reason)}`}`,
      undefined,
      options,
    );
  }
}

/** `/v1/signals` */
export class SignalsApi {
  constructor(private readonly session: Session) {}

  async emit(signal: SignalInput, options?: CommandOptions): Promise<Emitted> {
    const { value } = await this.session.command<{ value: [Emitted] }>('POST', '/v1/signals', signal, options);
    return value[0];
  }

  /** Emits up to 1,000 signals; answers for each, in their order. */
  async emitMany(signals: readonly SignalInput[], options?: CommandOptions): Promise<readonly EmittedOrNot[]> {
    return await this.session.commands<EmittedOrNot>('/v1/signals', { signals }, options);
  }

  /** The strongest trails here, now. */
  field(filter: FieldFilter = {}, options?: ReadOptions): Promise<Found<Trail>> {
    return this.session.read('/v1/signals', { ...filter }, options);
  }

  /** One trail, now or as it was. */
  trail(type: string, location: string, { asOf, ...options }: AsOf = {}): Promise<TrailReading> {
    return this.session.read(
      `/v1/signals/${encodeURIComponent(type)}/${location.split('/').map(encodeURIComponent).join('/')}`,
      { asOf },
      options,
    );
  }
}

/** `/v1/tools` */
export class ToolsApi {
  constructor(private readonly session: Session) {}

  /** Registers a tool, or a higher version of it. */
  register(id: string, tool: ToolInput, options?: CommandOptions): Promise<ToolAnswer> {
    return this.session.command('PUT', toolPath(id), tool, options);
  }

  get(id: string, { asOf, ...options }: AsOf = {}): Promise<Tool> {
    return this.session.read(toolPath(id), { asOf }, options);
  }

  /** One version with its code. */
  version(id: string, version: string, options?: ReadOptions): Promise<ToolVersion> {
    return this.session.read(toolPath(id), { version }, options);
  }

  search(filter: ToolFilter = {}, options?: ReadOptions): Promise<Found<ToolSummary>> {
    return this.session.read('/v1/tools', { ...filter }, options);
  }

  deprecate(
    id: string,
    deprecation: { readonly reason: string; readonly replacement?: string },
    options?: CommandOptions,
  ): Promise<ToolAnswer> {
    return this.session.command('POST', `${toolPath(id)}/deprecate`, deprecation, options);
  }
}

/** `/v1/pools`: agents whose load is balanced together. */
export class PoolsApi {
  constructor(private readonly session: Session) {}

  /** Every pool that has agents, as it is now. */
  async list(options?: ReadOptions): Promise<readonly Pool[]> {
    return (await this.session.read<Page<Pool>>('/v1/pools', undefined, options)).value;
  }

  /** Up to six hours in means over ten seconds, oldest first. */
  async history(
    pool: string,
    { from, limit, ...options }: { readonly from?: string; readonly limit?: number } & ReadOptions = {},
  ): Promise<readonly PoolHistory[]> {
    return (await this.session.read<Page<PoolHistory>>(`${poolPath(pool)}/history`, { from, limit }, options)).value;
  }

  /** Says what the pool is to work on; agents that fit are moved there, now or as soon as that may be. */
  setObjective(pool: string, objective: Objective, options?: CommandOptions): Promise<ObjectiveAnswer> {
    return this.session.command('PUT', `${poolPath(pool)}/objective`, objective, options);
  }

  /** Moves agents into or out of the pool, which then rests for 15 minutes. */
  reorganise(
    pool: string,
    moves: readonly { readonly agent: string; readonly to: string }[],
    reason: string,
    options?: CommandOptions,
  ): Promise<{ readonly receipt: Receipt }> {
    return this.session.command('POST', `${poolPath(pool)}/reorganisations`, { moves, reason }, options);
  }
}

/** `/v1/pauses`: what gets no new work, until somebody says so. */
export class PausesApi {
  constructor(private readonly session: Session) {}

  async list(options?: ReadOptions): Promise<readonly Pause[]> {
    return (await this.session.read<Page<Pause>>('/v1/pauses', undefined, options)).value;
  }

  /** A type of task that is paused is given to nobody; a pool or an agent gets nothing new and drains. */
  pause(
    kind: Pausable,
    name: string,
    reason: string,
    options?: CommandOptions,
  ): Promise<{ readonly receipt: Receipt }> {
    return this.session.command('PUT', pausePath(kind, name), { reason }, options);
  }

  resume(kind: Pausable, name: string, options?: CommandOptions): Promise<{ readonly receipt: Receipt }> {
    return this.session.command('DELETE', pausePath(kind, name), undefined, options);
  }
}

/** `/v1/receipts`, `/v1/streams`: the log as it is. */
export class ReceiptsApi {
  constructor(private readonly session: Session) {}

  /**
   * Receipts of the tenant, oldest first, after the place where an earlier page ended. A page may be empty before the
   * end.
   */
  page(
    { after, ...filter }: ReceiptFilter & { readonly after?: string; readonly limit?: number } = {},
    options?: ReadOptions,
  ): Promise<ReceiptPage> {
    return this.session.read('/v1/receipts', { ...filter, continuation: after }, options);
  }

  /** Every receipt up to now, page by page. */
  all(
    { after, ...filter }: ReceiptFilter & { readonly after?: string; readonly limit?: number } = {},
    options?: ReadOptions,
  ): AsyncGenerator<Commit, void, undefined> {
    return this.session.all('/v1/receipts', { limit: RECEIPTS_PAGE, ...filter, continuation: after }, options);
  }

  /** Receipts as they come, until the signal aborts; over broken connections, each commit once. */
  follow(options: FollowOptions = {}): AsyncGenerator<Followed, void, undefined> {
    return follow(this.session, options);
  }

  /** Every receipt of one stream, for example `stream('task', 'invoice-4711')`. */
  stream(category: string, id: string, options?: ReadOptions): AsyncGenerator<Commit, void, undefined> {
    return this.session.all(
      `/v1/streams/${encodeURIComponent(category)}/${encodeURIComponent(id)}`,
      { limit: RECEIPTS_PAGE },
      options,
    );
  }
}

/** What an operator does. */
export class OperationApi {
  constructor(private readonly session: Session) {}

  /** Builds a view anew beside the one that serves; `status` shows how far it is. */
  rebuildView(view: string, options?: CommandOptions): Promise<{ readonly view: string; readonly serving: string }> {
    return this.session.command('POST', `/v1/views/${encodeURIComponent(view)}/rebuild`, {}, options);
  }

  /** Commits that a consumer of the feed has given up on, a page of them. */
  async parked(
    consumer: Consumer,
    page: { readonly limit?: number; readonly continuation?: string } = {},
    options?: ReadOptions,
  ): Promise<readonly Parked[]> {
    return (await this.session.read<Page<Parked>>(`/v1/feed/${consumer}/parked`, page, options)).value;
  }

  /** All of them. */
  allParked(consumer: Consumer, options?: ReadOptions): AsyncGenerator<Parked, void, undefined> {
    return this.session.all(`/v1/feed/${consumer}/parked`, { limit: PAGE }, options);
  }

  /** Has the consumer try again what it has parked. */
  redrive(consumer: Consumer, id: string, options?: CommandOptions): Promise<{ readonly id: string }> {
    return this.session.command('POST', `/v1/feed/${consumer}/redrive`, { id }, options);
  }

  /** Metrics in the text format of Prometheus. */
  metrics(options?: ReadOptions): Promise<string> {
    return this.session.text('/metrics', undefined, options);
  }

  /** The OpenAPI document. */
  openapi(options?: ReadOptions): Promise<Readonly<Record<string, unknown>>> {
    return this.session.read('/openapi.json', undefined, options);
  }
}

/** Rows in a page where the caller wants all of them. */
const PAGE = 500;
const RECEIPTS_PAGE = 200;

const agentPath = (id: string) => `/v1/agents/${encodeURIComponent(id)}`;
const typePath = (agentType: string) => `/v1/agents/repository/${encodeURIComponent(agentType)}`;
const poolPath = (pool: string) => `/v1/pools/${encodeURIComponent(pool)}`;
const pausePath = (kind: Pausable, name: string) => `/v1/pauses/${kind}/${encodeURIComponent(name)}`;
const toolPath = (id: string) => `/v1/tools/${encodeURIComponent(id)}`;
