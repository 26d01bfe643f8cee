/** Use cases of approvals: the queue, and what people do with what waits in it. */
import type { Approval, approvals as contract } from '../../contract/oversight/approvals';
import type { QueryOf, Shown } from '../../contract/route';
import { refuse, Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { type Time, toTime } from '../../domain/kernel/time';
import { editProblem } from '../../domain/market/task';
import { actionDecider, type Instead, type PolicyAtGate } from '../../domain/oversight/action';
import {
  answer,
  type ApprovalEvent,
  type ApprovalRequest,
  type ApprovalState,
  approve,
  ask,
  askerOf,
  claim,
  type Consent,
  extend,
  type Opened,
  override,
  reject,
  release,
  reopen,
  request,
  supersede,
  timePassed,
  withdraw,
} from '../../domain/oversight/approval';
import type { Person } from '../../domain/oversight/oversight';
import type { Party } from '../../domain/oversight/parties';
import { roundDecider } from '../../domain/oversight/round';
import type { ApprovalDoc } from '../../projections/oversight/approvals';
import type { Aggregate, Page } from '../engine/aggregate';
import { type Cause, causeOf, type Outcome, type RequestContext, settled } from '../engine/command';
import type { Clock } from '../engine/ports';
import type { Loaded } from '../engine/streams';
import type { Transactor } from '../engine/transact';
import { timekeeper, type Watchdog } from '../engine/watchdog';
import { partiesAsked } from './parties';
import type { PendingDecisions } from './pending-decisions';

export type ApprovalCommandOutcome = Outcome<ApprovalState, ApprovalEvent>;

/** An approval as the API shows it. */
export function approvalAnswer(
  id: string,
  { state, version }: Pick<Loaded<ApprovalState>, 'state' | 'version'>,
): Shown<typeof Approval> {
  const asked = state.request as ApprovalRequest & Opened;
  return {
    id,
    version,
    action: asked.action,
    kind: asked.kind,
    hash: state.hash,
    summary: asked.summary,
    requester: asked.requester,
    parties: asked.parties,
    why: asked.why,
    impact: asked.impact,
    risk: asked.risk,
    policy: state.policy as PolicyAtGate,
    inputs: asked.inputs,
    safe_default: asked.safe_default,
    choices: asked.choices,
    leader: asked.leader,
    ladder: asked.ladder,
    deadline: asked.deadline,
    severity: asked.severity,
    score: asked.score,
    approvals_needed: asked.approvals_needed,
    ends: state.ends,
    status: state.status as Shown<typeof Approval>['status'],
    opened_ref: state.opened_ref,
    opened_at: state.opened_at as Time,
    extended_at: state.extended_at,
    level: state.level,
    claim: state.claim,
    questions: state.questions,
    given: state.given,
    edit: state.edit,
    edits: state.edits,
    editors: state.editors,
    rejected: state.rejected,
    outcome: state.outcome,
    requested_at: state.requested_at as Time,
    closed_at: state.closed_at,
    reopenings: state.reopenings,
    override: state.override,
  };
}

/** Who calls, as approvals know people. */
export function personOf({ id, kind, groups }: Principal): Person {
  return { by: id, kind, groups };
}

/** What of the queue is asked for: what waits, where neither a status nor an outcome is given. */
export type ApprovalFilter = Omit<QueryOf<typeof contract.list>, 'limit' | 'continuation'>;

/** What is decided about one of several approvals. */
export interface BulkItem {
  readonly id: string;
  readonly hash: string;
}

export interface ApprovalsDeps {
  readonly approvals: Aggregate<ApprovalState, ApprovalEvent, ApprovalDoc>;
  readonly transactor: Transactor;
  readonly clock: Clock;
  readonly watchdog: Watchdog;
  readonly pending: PendingDecisions;
}

/** Hears that somebody has closed an approval. */
type Closed = (stream: string, state: ApprovalState, cause: Cause) => Promise<void>;

export class Approvals {
  private readonly approvals: ApprovalsDeps['approvals'];
  private closed: Closed = async () => undefined;

  constructor(private readonly deps: ApprovalsDeps) {
    this.approvals = deps.approvals;
  }

  /**
   * Has what was asked about hear the answer that closes an approval before whoever gave it is answered. `hear` must
   * not throw: the answer stands, and the feed brings it too.
   */
  onClosed(hear: Closed): void {
    this.closed = hear;
  }

  /**
   * Asks people. About an action they are asked in any case, as its proposer had room for it when it was let in; and so
   * they are `always`, whatever waits for them already.
   */
  request(
    context: RequestContext,
    id: string,
    asked: ApprovalRequest,
    { always = false }: { readonly always?: boolean } = {},
  ): Promise<ApprovalCommandOutcome> {
    const { kind, impact, requester, parties } = asked;
    const full = { ...context, creates: true, attributes: { kind, impact } };
    const one = {
      stream: this.approvals.name(context.principal.tenant, id),
      asker: askerOf(requester, parties),
      decide: request(asked, this.now()),
      waitsAs: asked.action,
      asks: ({ type }: ApprovalEvent) =>
        !always && type === 'ApprovalRequested' && parseStream(asked.action).category === roundDecider.category,
    };
    return this.deps.pending.admit(one, (decide) => this.approvals.decide(full, id, 'approval.request', decide));
  }

  async claim(context: RequestContext, id: string, seconds: number): Promise<ApprovalCommandOutcome> {
    return await this.decision(
      context,
      id,
      'approval.claim',
      claim(personOf(context.principal), this.now(), seconds, await this.partiesSince(context, id)),
    );
  }

  release(context: RequestContext, id: string): Promise<ApprovalCommandOutcome> {
    return this.decision(context, id, 'approval.release', release(context.principal.id, this.now()));
  }

  /** Approves exactly the action that the person saw, or the same action as the person has corrected it. */
  async approve(
    context: RequestContext,
    id: string,
    consent: { hash: string; reason: string; edit?: unknown; bulk?: boolean; choice?: string },
  ): Promise<ApprovalCommandOutcome> {
    const { edit, ...plain } = consent;
    const { tenant } = context.principal;
    const full =
      (await this.decidedElsewhere(tenant, id)) ??
      (edit === undefined ? plain : await this.withEdit(tenant, id, plain, edit));
    if (full instanceof Rejection) return await this.decision(context, id, 'approval.approve', () => full);
    return await this.decision(
      context,
      id,
      'approval.approve',
      approve(personOf(context.principal), full, this.now(), await this.partiesSince(context, id)),
    );
  }

  async reject(
    context: RequestContext,
    id: string,
    rejection: { hash: string; reason: string; bulk?: boolean },
  ): Promise<ApprovalCommandOutcome> {
    const elsewhere = await this.decidedElsewhere(context.principal.tenant, id);
    if (elsewhere !== undefined) return await this.decision(context, id, 'approval.reject', () => elsewhere);
    return await this.decision(
      context,
      id,
      'approval.reject',
      reject(personOf(context.principal), rejection, this.now(), await this.partiesSince(context, id)),
    );
  }

  /** Decides several in one go: each by itself, so that one that is refused doesn't keep the others. */
  async bulk(
    context: RequestContext,
    decision: 'approve' | 'reject',
    items: readonly BulkItem[],
    reason: string,
  ): Promise<(ApprovalCommandOutcome & { readonly id: string })[]> {
    const decided: (ApprovalCommandOutcome & { readonly id: string })[] = [];
    for (const { id, hash } of items) {
      const { command, ...rest } = context;
      const own = command === undefined ? rest : { ...rest, command: { ...command, key: `${command.key} ${id}` } };
      decided.push({ id, ...(await settled(this[decision](own, id, { hash, reason, bulk: true }))) });
    }
    return decided;
  }

  async ask(context: RequestContext, id: string, question: string): Promise<ApprovalCommandOutcome> {
    return await this.decision(
      context,
      id,
      'approval.ask',
      ask(personOf(context.principal), question, this.now(), await this.partiesSince(context, id)),
    );
  }

  answer(context: RequestContext, id: string, number: number, text: string): Promise<ApprovalCommandOutcome> {
    return this.decision(context, id, 'approval.answer', answer(context.principal.id, number, text, this.now()));
  }

  withdraw(context: RequestContext, id: string, reason: string): Promise<ApprovalCommandOutcome> {
    return this.decision(context, id, 'approval.withdraw', withdraw(context.principal.id, reason, this.now()));
  }

  async supersede(
    context: RequestContext,
    id: string,
    reason: string,
    asked?: readonly string[],
  ): Promise<ApprovalCommandOutcome> {
    const now = await this.giveTimeBack(context.principal.tenant, id);
    return await this.approvals.decide(context, id, 'approval.supersede', supersede(reason, asked, now));
  }

  async override(
    context: RequestContext,
    id: string,
    person: Person,
    instead: Instead,
    reason: string,
  ): Promise<ApprovalCommandOutcome> {
    const now = await this.giveTimeBack(context.principal.tenant, id);
    return await this.approvals.decide(context, id, 'approval.override', override(person, instead, reason, now));
  }

  reopen(context: RequestContext, id: string, again: Parameters<typeof reopen>[0]): Promise<ApprovalCommandOutcome> {
    return this.approvals.decide(context, id, 'approval.reopen', reopen(again, this.now()));
  }

  /** The approval's time has passed, or may have. */
  async timePassed(context: RequestContext, id: string): Promise<ApprovalCommandOutcome> {
    const now = await this.giveTimeBack(context.principal.tenant, id);
    return await this.approvals.decide(context, id, 'approval.time-passed', timePassed(now));
  }

  load(tenant: string, id: string, asOf?: Time): Promise<Loaded<ApprovalState>> {
    return this.approvals.load(tenant, id, asOf);
  }

  /** A page of the queue: severity first, then deadline; as far as the view has come. */
  async list(
    tenant: string,
    { status, ...filter }: ApprovalFilter,
    limit: number,
    continuation?: string,
  ): Promise<Page<ApprovalDoc>> {
    const usual = filter.outcome === undefined && filter.ended_on === undefined ? 'waiting' : 'closed';
    const where = { ...filter, status: status === 'all' ? undefined : (status ?? usual) };
    return await this.approvals.list(tenant, { where }, limit, continuation);
  }

  /** The approvals that wait, of all tenants, as streams; as far as the view has come. */
  waiting(): AsyncGenerator<string> {
    return this.approvals.sources({ where: { status: 'waiting' } });
  }

  /**
   * Why nobody decides here any more: the round that is asked about was overridden, though nobody has closed this yet.
   */
  private async decidedElsewhere(tenant: string, id: string): Promise<Rejection | undefined> {
    const { state } = await this.load(tenant, id);
    const { request: asked, opened_ref } = state;
    if (asked === undefined || parseStream(asked.action).category !== roundDecider.category) return undefined;
    const { override: other } = (await this.deps.transactor.current(roundDecider, asked.action)).state;
    if (other === undefined || other.approval === opened_ref) return undefined;
    return refuse('already-decided', `${other.by} overrode the round: it is ${other.choice}`, {
      outcome: 'superseded',
      by: other.by,
      choice: other.choice,
    });
  }

  /** The action as it is now beside the one that the person wants. */
  private async withEdit(
    tenant: string,
    id: string,
    consent: Pick<Consent, 'hash' | 'reason' | 'bulk'>,
    action: unknown,
  ): Promise<Consent | Rejection> {
    const { state } = await this.approvals.current(tenant, id);
    const { request: asked } = state;
    if (asked === undefined || parseStream(asked.action).category !== actionDecider.category)
      return new Rejection('invalid', 'edit-impossible', 'what is asked here can be approved or rejected, not edited');
    const { state: gate } = await this.deps.transactor.load(actionDecider, asked.action);
    const before = state.edit?.hash === state.hash ? state.edit.action : gate.proposal?.action;
    const wrong = gate.proposal?.target === undefined ? undefined : editProblem(before, action);
    return wrong === undefined
      ? { ...consent, edit: { before, action } }
      : new Rejection('invalid', 'edit-impossible', wrong);
  }

  private async partiesSince({ principal }: RequestContext, id: string): Promise<readonly Party[]> {
    return await partiesAsked(this.deps.transactor, (await this.load(principal.tenant, id)).state);
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }

  /**
   * While this process was away nobody could decide. Gives the time up to which that is settled: what is late is judged
   * by it, and by none after it.
   */
  private async giveTimeBack(tenant: string, id: string): Promise<Time> {
    const excuse = await this.deps.watchdog.excuseOf(this.approvals.name(tenant, id));
    const now = this.now();
    const more = extend(excuse, now);
    const events = more((await this.approvals.load(tenant, id)).state);
    if (!(events instanceof Rejection) && events.length > 0)
      await this.approvals.decide({ principal: timekeeper(tenant) }, id, 'approval.extend', more);
    return now;
  }

  /** A command whose refusal matters as much as its success; the approval, as it was opened, is its cause. */
  private async decision(
    context: RequestContext,
    id: string,
    action: string,
    decision: ReturnType<typeof release>,
  ): Promise<ApprovalCommandOutcome> {
    await this.giveTimeBack(context.principal.tenant, id);
    const { state, correlationId } = await this.load(context.principal.tenant, id);
    const { opened_ref: ref, requested_at: at } = state;
    const cause = at === undefined || correlationId === undefined ? undefined : { ref, at, correlationId, depth: 0 };
    const outcome = await this.approvals.decide({ ...context, cause, receiptOfRefusal: true }, id, action, decision);
    if (outcome.ok && outcome.commit !== undefined && outcome.events.some(({ type }) => type === 'ApprovalClosed'))
      await this.closed(this.approvals.name(context.principal.tenant, id), outcome.state, causeOf(outcome.commit));
    return outcome;
  }
}
