/**
 * The typed client: every route of the API as a method. A refusal is a `FormicaryError`; what may be sent twice is
 * tried again by itself, and every command may be, since it carries an Idempotency-Key.
 */
import type { system } from '../contract/operation/system';
import { AgentsApi, RepositoryApi } from './agents';
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
import { type Health, OperationApi, type Status } from './operation';
import { PausesApi, PoolsApi } from './pools';
import { type RetryOptions, Session } from './session';
import { SignalsApi } from './signals';
import { TasksApi } from './tasks';
import { ToolsApi } from './tools';
import { NodeTransport, type Transport } from './transport';
import type {
  CausalChain,
  CommandOptions,
  Commit,
  Followed,
  ReadOptions,
  ReceiptFilter,
  ReceiptPage,
  RoundAnswer,
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
export type * from './agents';
export type * from './operation';
export type * from './pools';
export type * from './signals';
export type * from './tasks';
export type * from './tools';

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
    return this.session.call<typeof system.status>('GET /v1/status', {}, options);
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

const RECEIPTS_PAGE = 200;
