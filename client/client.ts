/**
 * The typed client: every route of the API as a method. A refusal is a `FormicaryError`; what may be sent twice is
 * tried again by itself, and every command may be, since it carries an Idempotency-Key.
 */
import type { receipts } from '../contract/audit/receipts';
import type { system } from '../contract/operation/system';
import type { challenges } from '../contract/oversight/challenges';
import { ActionsApi } from './actions';
import { AgentsApi, RepositoryApi } from './agents';
import { ApprovalsApi } from './approvals';
import { AsksApi } from './asks';
import { BudgetsApi } from './budgets';
import { ChannelsApi, DeliveriesApi } from './channels';
import { CheckpointsApi } from './checkpoints';
import { CorrectionsApi } from './corrections';
import { Asked, type Credentials, OwnerKey, type OwnersKey, Token } from './credentials';
import { DecisionsApi } from './decisions';
import type { DpopKey } from './dpop';
import { GatewayApi } from './gateway';
import { IdentityApi } from './identity';
import { JobsApi } from './jobs';
import { type Health, OperationApi, type Status } from './operation';
import { OversightApi } from './oversight';
import { PersonalApi } from './personal';
import { PolicyApi } from './policy';
import { PausesApi, PoolsApi } from './pools';
import { type CausalChain, ReceiptsApi } from './receipts';
import { RetentionApi } from './retention';
import { type RoundAnswer, RoundsApi } from './rounds';
import { SchedulesApi } from './schedules';
import { type CommandOptions, type ReadOptions, type RetryOptions, Session } from './session';
import { SignalsApi } from './signals';
import { StopsApi } from './stops';
import { TasksApi } from './tasks';
import { TenantsApi } from './tenants';
import { ToolsApi } from './tools';
import { NodeTransport, type Transport } from './transport';
import { VolumesApi } from './volumes';

export {
  type AsOf,
  type CommandOptions,
  FormicaryError,
  type Page,
  type ProblemDocument,
  type ReadOptions,
  type Receipt,
  type RetryOptions,
} from './session';
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
export type { Commit, Followed, FollowOptions, ReceiptFilter } from './follow';
export { Refused } from './actions';
export { personalValue } from './personal';
export { TaskEnded } from './tasks';
export type * from './actions';
export type * from './agents';
export type * from './approvals';
export type * from './asks';
export type * from './budgets';
export type * from './channels';
export type * from './checkpoints';
export type * from './corrections';
export type * from './decisions';
export type * from './gateway';
export type { KeptTokens, OwnersKey } from './credentials';
export { DpopKey } from './dpop';
export type * from './identity';
export type * from './jobs';
export type * from './operation';
export type * from './oversight';
export type * from './policy';
export type * from './pools';
export type * from './receipts';
export type * from './retention';
export type * from './rounds';
export type * from './schedules';
export type * from './signals';
export type * from './tasks';
export type * from './tenants';
export type * from './tools';
export type * from './volumes';

export interface FormicaryOptions {
  /** Address of the host; `http://127.0.0.1:7071` by default. */
  readonly url?: string;
  /**
   * What says who calls: a token that it was given, which it renews, and where it is bound to a key, that key; what is
   * asked for an access token of another issuer before each request; or the owner's key of a colony.
   */
  readonly credentials?:
    { readonly token: string; readonly dpop?: DpopKey } | { readonly ask: () => Promise<string> } | OwnersKey;
  /** With the owner's key: whose data; `default` when left out. */
  readonly tenant?: string;
  /**
   * With the owner's key: in whose name the owner acts, an agent's id, `human:ada` or `service:crm`. Without
   * credentials, to a host that believes it: who calls.
   */
  readonly principal?: string;
  /** Instead of `url`. */
  readonly transport?: Transport;
  readonly retry?: RetryOptions;
}

/** Of a client that is made of another one. */
interface Same extends Omit<FormicaryOptions, 'credentials'> {
  readonly credentials?: Credentials;
}

export const DEFAULT_URL = 'http://127.0.0.1:7071';

export class Formicary {
  readonly agents: AgentsApi;
  readonly gateway: GatewayApi;
  readonly identity: IdentityApi;
  readonly repository: RepositoryApi;
  readonly tasks: TasksApi;
  readonly jobs: JobsApi;
  readonly schedules: SchedulesApi;
  readonly signals: SignalsApi;
  readonly tools: ToolsApi;
  readonly pools: PoolsApi;
  readonly pauses: PausesApi;
  readonly stops: StopsApi;
  readonly tenants: TenantsApi;
  readonly volumes: VolumesApi;
  readonly asks: AsksApi;
  readonly policy: PolicyApi;
  readonly budgets: BudgetsApi;
  readonly personal: PersonalApi;
  readonly receipts: ReceiptsApi;
  readonly checkpoints: CheckpointsApi;
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
    credentials,
    tenant,
    principal,
    transport = new NodeTransport(url),
    retry,
  }: FormicaryOptions | Same = {}) {
    const shown =
      credentials === undefined || 'headers' in credentials
        ? credentials
        : 'key' in credentials
          ? new OwnerKey(transport, credentials, principal, tenant)
          : 'ask' in credentials
            ? new Asked(credentials.ask)
            : new Token(transport, credentials.token, credentials.dpop);
    this.session = new Session(transport, { credentials: shown, tenant, principal }, retry);
    this.identity = new IdentityApi(this.session);
    this.agents = new AgentsApi(this.session);
    this.gateway = new GatewayApi(this.session);
    this.repository = new RepositoryApi(this.session);
    this.tasks = new TasksApi(this.session);
    this.jobs = new JobsApi(this.session);
    this.schedules = new SchedulesApi(this.session);
    this.signals = new SignalsApi(this.session);
    this.tools = new ToolsApi(this.session);
    this.pools = new PoolsApi(this.session);
    this.pauses = new PausesApi(this.session);
    this.stops = new StopsApi(this.session);
    this.tenants = new TenantsApi(this.session);
    this.volumes = new VolumesApi(this.session);
    this.asks = new AsksApi(this.session);
    this.policy = new PolicyApi(this.session);
    this.budgets = new BudgetsApi(this.session);
    this.personal = new PersonalApi(this.session);
    this.receipts = new ReceiptsApi(this.session);
    this.checkpoints = new CheckpointsApi(this.session);
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

  /**
   * A client for the host that the variable FORMICARY_URL names, which shows the token in FORMICARY_TOKEN; what
   * `options` say comes first.
   */
  static fromEnv(options: FormicaryOptions = {}): Formicary {
    const { FORMICARY_URL: url, FORMICARY_TOKEN: token } = process.env;
    return new Formicary({
      ...(url !== undefined && url !== '' && { url }),
      ...(token !== undefined && token !== '' && { credentials: { token } }),
      ...options,
    });
  }

  /**
   * A client for another principal (and tenant) over the same connections. Throws a TypeError when this client shows a
   * token, which says who it is.
   */
  as(principal: string, tenant = this.session.caller.tenant): Formicary {
    const { transport, retry, caller } = this.session;
    const credentials = caller.credentials?.as(principal, tenant);
    if (caller.credentials !== undefined && credentials === undefined)
      throw new TypeError('a token says who its holder is: make another client, with the token of the other one');
    return new Formicary({ credentials, tenant, principal, transport, retry });
  }

  /** An API that this client has no field for, over the same session: `formicary.api(RemindersApi)`. */
  api<T>(Api: new (session: Session) => T): T {
    return new Api(this.session);
  }

  /** What led to a task, a receipt (`stream@index`) or a correlation id, and what followed. */
  why(id: string, options?: ReadOptions): Promise<CausalChain> {
    return this.session.call<typeof receipts.why>('GET /v1/why', { query: { id } }, options);
  }

  /**
   * Doubts an award, an action, or what a round or an approval came to (`stream@index`); answers with the round that
   * decides.
   */
  challenge(target: string, reason: string, options?: CommandOptions): Promise<RoundAnswer> {
    const request = { body: { target, reason } };
    return this.session.call<typeof challenges.make>('POST /v1/challenges', request, options);
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
