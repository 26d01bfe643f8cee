/** Agents, and the types that they are deployed from. */
import type {
  Agent as AgentSchema,
  AgentConnection as AgentConnectionSchema,
  AgentInput as AgentInputSchema,
  agents,
  AgentSummary as AgentSummarySchema,
  Assignment as AssignmentSchema,
  HeldTask as HeldTaskSchema,
  Inbox as InboxSchema,
  Offer as OfferSchema,
  VoteAsked as VoteAskedSchema,
} from '../contract/market/agents';
import type { AgentType, DeployInput as DeployInputSchema, repository } from '../contract/repository/agent-types';
import type { AnswerOf, BodyOf, QueryOf, Sent, Shown } from '../contract/route';
import { watchInbox, type WatchOptions } from './inbox-watch';
import { type AsOf, type CommandOptions, type ItemOf, PAGE, type ReadOptions, type Session } from './session';

export type AgentInput = Sent<typeof AgentInputSchema>;
export type Agent = Shown<typeof AgentSchema>;
export type AgentSummary = Shown<typeof AgentSummarySchema>;
export type AgentFilter = QueryOf<typeof agents.list>;
export type AgentAnswer = AnswerOf<typeof agents.put>;
export type Inbox = Shown<typeof InboxSchema>;
export type Assignment = Shown<typeof AssignmentSchema>;
export type HeldTask = Shown<typeof HeldTaskSchema>;
export type Offer = Shown<typeof OfferSchema>;
export type { WatchOptions };
export type AgentConnection = Shown<typeof AgentConnectionSchema>;
export type VoteAsked = Shown<typeof VoteAskedSchema>;
/** A task that an agent says it holds. */
export type Holding = NonNullable<BodyOf<typeof agents.heartbeat>['holding']>[number];
export type DeployInput = Sent<typeof DeployInputSchema>;
export type DeployAnswer = AnswerOf<typeof repository.deploy>;
export type AgentTypeEntry = Shown<typeof AgentType>;
export type AgentTypeFilter = QueryOf<typeof repository.list>;
export type AgentTypeHit = ItemOf<typeof repository.search>;
export type AgentTypeAnswer = AnswerOf<typeof repository.define>;
export type CustomEntry = AgentTypeAnswer['agent_type'];

/** `/v1/agents` */
export class AgentsApi {
  constructor(private readonly session: Session) {}

  /** Registers an agent under a new id, or under the caller's own. */
  register(body: BodyOf<typeof agents.register>, options?: CommandOptions): Promise<AgentAnswer> {
    return this.session.call<typeof agents.register>('POST /v1/agents', { body }, options);
  }

  /** Registers the agent, or revises what it says of itself. */
  put(id: string, body: AgentInput, options?: CommandOptions): Promise<AgentAnswer> {
    return this.session.call<typeof agents.put>('PUT /v1/agents/{id}', { params: { id }, body }, options);
  }

  /** Registers an agent with the capabilities of a type of the repository. */
  deploy(body: DeployInput, options?: CommandOptions): Promise<DeployAnswer> {
    return this.session.call<typeof repository.deploy>('POST /v1/agents/deploy', { body }, options);
  }

  list(query: AgentFilter = {}, options?: ReadOptions): Promise<AnswerOf<typeof agents.list>> {
    return this.session.call<typeof agents.list>('GET /v1/agents', { query }, options);
  }

  /** Every agent that the filter finds, page by page. */
  all(filter: AgentFilter = {}, options?: ReadOptions): AsyncGenerator<AgentSummary, void, undefined> {
    return this.session.items<typeof agents.list>('GET /v1/agents', { query: { limit: PAGE, ...filter } }, options);
  }

  get(id: string, { asOf, ...options }: AsOf = {}): Promise<Agent> {
    return this.session.call<typeof agents.get>('GET /v1/agents/{id}', { params: { id }, query: { asOf } }, options);
  }

  deregister(id: string, reason?: string, options?: CommandOptions): Promise<AgentAnswer> {
    const request = { params: { id }, query: { reason } };
    return this.session.call<typeof agents.deregister>('DELETE /v1/agents/{id}', request, options);
  }

  /**
   * A sign of life, also for the tasks held; the work of a claim that does not stand is to be dropped. `status`: the
   * award is yet to be accepted.
   */
  heartbeat(
    id: string,
    holding: readonly Holding[] = [],
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof agents.heartbeat>> {
    const request = { params: { id }, body: { holding } };
    return this.session.call<typeof agents.heartbeat>('POST /v1/agents/{id}/heartbeat', request, {
      ...options,
      signOfLife: true,
    });
  }

  /**
   * What waits for the agent; waits up to `waitSeconds` (at most 30) for something to come. With `holding` also what it
   * works on.
   */
  inbox(
    id: string,
    { waitSeconds, offersAfter, holding, ...options }: QueryOf<typeof agents.inbox> & ReadOptions = {},
  ): Promise<Inbox> {
    const request = { params: { id }, query: { waitSeconds, offersAfter, holding } };
    return this.session.call<typeof agents.inbox>('GET /v1/agents/{id}/inbox', request, {
      ...options,
      signOfLife: true,
    });
  }

  /** Where the agent hears that it is time to look into its inbox; `push` is null where the host has none. */
  connect(id: string, options?: ReadOptions): Promise<AnswerOf<typeof agents.connect>> {
    return this.session.call<typeof agents.connect>(
      'POST /v1/agents/{id}/connection',
      { params: { id } },
      { ...options, signOfLife: true },
    );
  }

  /**
   * Yields what comes to the agent, page by page, until `signal` aborts: told when to look where the host offers that,
   * else by long polls. It is the agent's sign of life, as long as pages are asked for.
   */
  watch(id: string, options?: WatchOptions): AsyncGenerator<Inbox, void, undefined> {
    return watchInbox(this, id, options);
  }
}

/** `/v1/agents/repository`: the types of agents. */
export class RepositoryApi {
  constructor(private readonly session: Session) {}

  async list(query: AgentTypeFilter = {}, options?: ReadOptions): Promise<readonly AgentTypeEntry[]> {
    return (await this.session.call<typeof repository.list>('GET /v1/agents/repository', { query }, options)).value;
  }

  /** Best first. */
  async search(
    q: string,
    { limit, ...options }: { readonly limit?: number } & ReadOptions = {},
  ): Promise<readonly AgentTypeHit[]> {
    const request = { query: { q, limit } };
    return (await this.session.call<typeof repository.search>('GET /v1/agents/repository/search', request, options))
      .value;
  }

  /** One type, with the names of others like it. */
  get(agent_type: string, options?: ReadOptions): Promise<AnswerOf<typeof repository.get>> {
    const request = { params: { agent_type } };
    return this.session.call<typeof repository.get>('GET /v1/agents/repository/{agent_type}', request, options);
  }

  /** Defines a type of the tenant's own: another one with other values in some fields. */
  define(
    agent_type: string,
    based_on: string,
    overrides: Partial<AgentTypeEntry> = {},
    options?: CommandOptions,
  ): Promise<AgentTypeAnswer> {
    const request = { params: { agent_type }, body: { based_on, overrides } };
    return this.session.call<typeof repository.define>('PUT /v1/agents/repository/{agent_type}', request, options);
  }

  revise(agent_type: string, overrides: Partial<AgentTypeEntry>, options?: CommandOptions): Promise<AgentTypeAnswer> {
    const request = { params: { agent_type }, body: { overrides } };
    return this.session.call<typeof repository.revise>('PATCH /v1/agents/repository/{agent_type}', request, options);
  }

  withdraw(
    agent_type: string,
    reason?: string,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof repository.withdraw>> {
    const request = { params: { agent_type }, query: { reason } };
    return this.session.call<typeof repository.withdraw>('DELETE /v1/agents/repository/{agent_type}', request, options);
  }
}
