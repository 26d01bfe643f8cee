/**
 * The part of the client that decides: rounds of agents, actions at their gate, approvals by people, and what belongs
 * to them.
 */
import type { Session } from './session';
import type {
  Action,
  ActionAnswer,
  ActionFilter,
  ActionInput,
  ActionOverride,
  ActionSummary,
  Approval,
  ApprovalAnswer,
  ApprovalDecision,
  ApprovalFilter,
  ApprovalSummary,
  AsOf,
  BulkAnswer,
  BulkDecision,
  Channel,
  CommandOptions,
  CorrectionFilter,
  CorrectionInput,
  CorrectionSummary,
  DeadDelivery,
  DecisionFigures,
  KindRules,
  NamedChannel,
  OversightRules,
  Page,
  ReadOptions,
  Receipt,
  Recount,
  RedriveAnswer,
  RetentionDays,
  RetentionPolicy,
  Round,
  RoundAnswer,
  RoundFilter,
  RoundInput,
  RoundSummary,
  VoteAnswer,
  VoteInput,
} from './types';

/** `/v1/rounds` */
export class RoundsApi {
  constructor(private readonly session: Session) {}

  /** Puts a question, or an action, to a vote. */
  open(input: RoundInput, options?: CommandOptions): Promise<RoundAnswer> {
    return this.session.command('POST', '/v1/rounds', input, options);
  }

  list(filter: RoundFilter = {}, options?: ReadOptions): Promise<Page<RoundSummary>> {
    return this.session.read('/v1/rounds', { ...filter }, options);
  }

  /** Every round that the filter finds, page by page. */
  all(filter: RoundFilter = {}, options?: ReadOptions): AsyncGenerator<RoundSummary, void, undefined> {
    return this.session.all('/v1/rounds', { limit: PAGE, ...filter }, options);
  }

  get(id: string, { asOf, ...options }: AsOf = {}): Promise<Round> {
    return this.session.read(roundPath(id), { asOf }, options);
  }

  /** Votes for the caller, with the `snapshot` and the `pass` that the round or the inbox shows. */
  vote(id: string, vote: VoteInput, options?: CommandOptions): Promise<VoteAnswer> {
    return this.session.command('POST', `${roundPath(id)}/votes`, vote, options);
  }

  cancel(id: string, reason: string, options?: CommandOptions): Promise<RoundAnswer> {
    return this.session.command('POST', `${roundPath(id)}/cancel`, { reason }, options);
  }

  /** Puts a person's choice in place of the outcome. */
  override(
    id: string,
    override: { readonly choice: string; readonly reason: string },
    options?: CommandOptions,
  ): Promise<RoundAnswer> {
    return this.session.command('POST', `${roundPath(id)}/override`, override, options);
  }

  /** Has the host count a closed round again from its receipts alone. */
  tally(id: string, options?: ReadOptions): Promise<Recount> {
    return this.session.read(`${roundPath(id)}/tally`, undefined, options);
  }
}

/** `/v1/actions` */
export class ActionsApi {
  constructor(private readonly session: Session) {}

  /** Asks whether an action may be taken: its status says what follows. */
  propose(input: ActionInput, options?: CommandOptions): Promise<ActionAnswer> {
    return this.session.command('POST', '/v1/actions', input, options);
  }

  list(filter: ActionFilter = {}, options?: ReadOptions): Promise<Page<ActionSummary>> {
    return this.session.read('/v1/actions', { ...filter }, options);
  }

  /** Every action that the filter finds, page by page. */
  all(filter: ActionFilter = {}, options?: ReadOptions): AsyncGenerator<ActionSummary, void, undefined> {
    return this.session.all('/v1/actions', { limit: PAGE, ...filter }, options);
  }

  get(id: string, { asOf, ...options }: AsOf = {}): Promise<Action> {
    return this.session.read(actionPath(id), { asOf }, options);
  }

  /** Takes the cleared action, once: do it when this succeeds, and only then. */
  execute(
    id: string,
    taken: { readonly hash: string; readonly result?: unknown },
    options?: CommandOptions,
  ): Promise<ActionAnswer> {
    return this.session.command('POST', `${actionPath(id)}/execute`, taken, options);
  }

  /** Stops it while its veto window is open, or before it is taken. */
  veto(id: string, reason: string, options?: CommandOptions): Promise<ActionAnswer> {
    return this.session.command('POST', `${actionPath(id)}/veto`, { reason }, options);
  }

  /** Decides otherwise, as a person. */
  override(id: string, override: ActionOverride, options?: CommandOptions): Promise<ActionAnswer> {
    return this.session.command('POST', `${actionPath(id)}/override`, override, options);
  }

  /** Says by what (`ref`) a wrong action was undone. */
  compensated(id: string, ref: string, options?: CommandOptions): Promise<ActionAnswer> {
    return this.session.command('POST', `${actionPath(id)}/compensated`, { ref }, options);
  }
}

/** `/v1/approvals` */
export class ApprovalsApi {
  constructor(private readonly session: Session) {}

  /**
   * What is waiting: the most severe first, of equals the one whose time is up first; other ones by `status` or
   * `outcome`.
   */
  list(filter: ApprovalFilter = {}, options?: ReadOptions): Promise<Page<ApprovalSummary>> {
    return this.session.read('/v1/approvals', { ...filter }, options);
  }

  /** Every approval that the filter finds, closed ones too, page by page. */
  all(filter: ApprovalFilter = {}, options?: ReadOptions): AsyncGenerator<ApprovalSummary, void, undefined> {
    return this.session.all('/v1/approvals', { limit: PAGE, status: 'all', ...filter }, options);
  }

  get(id: string, { asOf, ...options }: AsOf = {}): Promise<Approval> {
    return this.session.read(approvalPath(id), { asOf }, options);
  }

  /** Takes it up for a while (600 seconds), so that nobody else works on it meanwhile. */
  claim(id: string, seconds?: number, options?: CommandOptions): Promise<ApprovalAnswer> {
    return this.act(id, 'claim', { seconds }, options);
  }

  /** Lets go of it before the claim ends. */
  release(id: string, options?: CommandOptions): Promise<ApprovalAnswer> {
    return this.act(id, 'release', {}, options);
  }

  /** Approves exactly the action with this hash, or `edit` in its place. */
  approve(
    id: string,
    consent: ApprovalDecision & { readonly edit?: unknown; readonly choice?: string },
    options?: CommandOptions,
  ): Promise<ApprovalAnswer> {
    return this.act(id, 'approve', consent, options);
  }

  reject(id: string, rejection: ApprovalDecision, options?: CommandOptions): Promise<ApprovalAnswer> {
    return this.act(id, 'reject', rejection, options);
  }

  /** Asks the requester back. */
  ask(id: string, question: string, options?: CommandOptions): Promise<ApprovalAnswer> {
    return this.act(id, 'ask', { question }, options);
  }

  /** Answers question `number`, counted from 1, as the requester. */
  answer(id: string, number: number, text: string, options?: CommandOptions): Promise<ApprovalAnswer> {
    return this.act(id, 'answer', { number, text }, options);
  }

  /** Withdraws the request, as the requester. */
  withdraw(id: string, reason: string, options?: CommandOptions): Promise<ApprovalAnswer> {
    return this.act(id, 'withdraw', { reason }, options);
  }

  /** Decides several of low impact; answers for each, in their order. */
  async bulk(decision: BulkDecision, options?: CommandOptions): Promise<readonly BulkAnswer[]> {
    return (await this.session.command<{ value: BulkAnswer[] }>('POST', '/v1/approvals/bulk', decision, options)).value;
  }

  private act(id: string, action: string, body: unknown, options: CommandOptions | undefined): Promise<ApprovalAnswer> {
    return this.session.command('POST', `${approvalPath(id)}/${action}`, body, options);
  }
}

/** `/v1/oversight`: who decides on which kind of action. */
export class OversightApi {
  constructor(private readonly session: Session) {}

  /** The kinds that have rules of their own, by name. */
  async list(options?: ReadOptions): Promise<readonly KindRules[]> {
    return (await this.session.read<Page<KindRules>>('/v1/oversight', undefined, options)).value;
  }

  /** The rules that hold for a kind: its own, or the default. */
  get(kind: string, options?: ReadOptions): Promise<KindRules> {
    return this.session.read(`/v1/oversight/${encodeURIComponent(kind)}`, undefined, options);
  }

  /** Sets the rules of a kind, whole. */
  set(
    kind: string,
    rules: OversightRules,
    options?: CommandOptions,
  ): Promise<KindRules & { readonly receipt: Receipt }> {
    return this.session.command('PUT', `/v1/oversight/${encodeURIComponent(kind)}`, { rules }, options);
  }
}

/** `/v1/retention`: which streams that have ended may be archived, and when. */
export class RetentionApi {
  constructor(private readonly session: Session) {}

  /** The policy of the tenant; without a category none of it is archived. */
  get(options?: ReadOptions): Promise<RetentionPolicy> {
    return this.session.read('/v1/retention', undefined, options);
  }

  /** Sets the policy, whole. `formicary archive` does what it says. */
  set(days: RetentionDays, options?: CommandOptions): Promise<RetentionPolicy & { readonly receipt: Receipt }> {
    return this.session.command('PUT', '/v1/retention', { days }, options);
  }
}

/** `/v1/corrections`: what people say should have been otherwise. */
export class CorrectionsApi {
  constructor(private readonly session: Session) {}

  give(
    input: CorrectionInput,
    options?: CommandOptions,
  ): Promise<{ readonly receipt: Receipt; readonly correction: Omit<CorrectionSummary, 'stream' | 'at'> }> {
    return this.session.command('POST', '/v1/corrections', input, options);
  }

  list(filter: CorrectionFilter = {}, options?: ReadOptions): Promise<Page<CorrectionSummary>> {
    return this.session.read('/v1/corrections', { ...filter }, options);
  }

  /** Every correction that the filter finds, page by page. */
  all(filter: CorrectionFilter = {}, options?: ReadOptions): AsyncGenerator<CorrectionSummary, void, undefined> {
    return this.session.all('/v1/corrections', { limit: PAGE, ...filter }, options);
  }
}

/** `/v1/channels`: how people are reached. */
export class ChannelsApi {
  constructor(private readonly session: Session) {}

  put(
    id: string,
    channel: Channel,
    options?: CommandOptions,
  ): Promise<{ readonly receipt: Receipt; readonly channel: NamedChannel }> {
    return this.session.command('PUT', channelPath(id), channel, options);
  }

  get(id: string, options?: ReadOptions): Promise<NamedChannel> {
    return this.session.read(channelPath(id), undefined, options);
  }

  /** Every channel, page by page. */
  all(options?: ReadOptions): AsyncGenerator<NamedChannel, void, undefined> {
    return this.session.all('/v1/channels', { limit: PAGE }, options);
  }

  remove(id: string, options?: CommandOptions): Promise<{ readonly receipt: Receipt }> {
    return this.session.command('DELETE', channelPath(id), undefined, options);
  }
}

/** `/v1/deliveries`: notices on their way to people. */
export class DeliveriesApi {
  constructor(private readonly session: Session) {}

  /** Every notice that was given up, page by page. */
  dead(options?: ReadOptions): AsyncGenerator<DeadDelivery, void, undefined> {
    return this.session.all('/v1/deliveries', { status: 'dead', limit: PAGE }, options);
  }

  /** Has it tried again. */
  redrive(id: string, options?: CommandOptions): Promise<RedriveAnswer> {
    return this.session.command('POST', `/v1/deliveries/${encodeURIComponent(id)}/redrive`, {}, options);
  }
}

/** `/v1/decisions` */
export class DecisionsApi {
  constructor(private readonly session: Session) {}

  /** How often people were needed, how long decisions took, and what came of them. */
  metrics(options?: ReadOptions): Promise<DecisionFigures> {
    return this.session.read('/v1/decisions/metrics', undefined, options);
  }
}

/** Rows in a page where the caller wants all of them. */
const PAGE = 500;

const roundPath = (id: string) => `/v1/rounds/${encodeURIComponent(id)}`;
const actionPath = (id: string) => `/v1/actions/${encodeURIComponent(id)}`;
const approvalPath = (id: string) => `/v1/approvals/${encodeURIComponent(id)}`;
const channelPath = (id: string) => `/v1/channels/${encodeURIComponent(id)}`;
