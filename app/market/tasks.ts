/** Use cases of tasks: posting, bidding, holding, completing. */
import { AlteredPayload, type Commit } from '../../domain/kernel/commit';
import { refuse, Rejection } from '../../domain/kernel/decider';
import { noSuchReceipt } from '../../domain/kernel/ids';
import { type Time, toTime } from '../../domain/kernel/time';
import { agentDecider, type AgentProfile, agentStream } from '../../domain/market/agent';
import type { AwardChallenge } from '../../domain/market/award-challenge';
import {
  accept,
  cancel,
  challengeAward,
  type Claim,
  clear,
  complete,
  completeAtOnce,
  decline,
  type EditedTask,
  extendChallenge,
  fail,
  handOff,
  nextAward,
  notPartOf,
  placeBid,
  post,
  progress,
  type Recomputation,
  recomputeReceipt,
  redrive,
  release,
  settleChallenge,
  taskDecider,
  type TaskEvent,
  type TaskResult,
  type TaskSpec,
  type TaskState,
  timePassed,
  withdrawBid,
} from '../../domain/market/task';
import type { WhyNot } from '../../domain/market/why-not';
import { actionDecider, actionStream, isStopped, TASK_OVER } from '../../domain/oversight/action';
import type { TaskDoc } from '../../projections/market/tasks';
import { ALL } from '../../projections/projection';
import type { Reservations } from '../budgets/module';
import type { Aggregate, Page, Where } from '../engine/aggregate';
import {
  type Cause,
  causeOf,
  type CommandContext,
  type Outcome,
  type RequestContext,
  staleness,
} from '../engine/command';
import type { BlobArchive, Clock } from '../engine/ports';
import type { Loaded } from '../engine/streams';
import type { Transactor } from '../engine/transact';
import { timekeeper, type Watchdog } from '../engine/watchdog';
import type { TenantBook } from '../tenants/module';
import type { Agents } from './agents';
import type { Market } from './market';
import { oneMoreTask } from './one-more';
import { type Payloads, placed, placedFor, referenceOf } from './payloads';
import type { Predecessors } from './predecessors';
import { gateOf, MAX_WHYS, type WhyNots } from './why-not';

/** A row of a list; where it is open or held, perhaps why. */
type ListedTask = TaskDoc & { readonly why?: WhyNot };

/** The claim of whoever is at work, and what that has cost in all so far, in micro-USD, where it says so. */
export interface Spending extends Claim {
  readonly cost?: number;
}

/** A result, and what is decided on it, named as a task names it. */
interface Completing {
  readonly result: unknown;
  readonly decide: (named: Pick<TaskResult, 'result' | 'result_ref'>) => ReturnType<typeof complete>;
}

export type TaskOutcome = Outcome<TaskState, TaskEvent>;

export interface TasksDeps {
  readonly tasks: Aggregate<TaskState, TaskEvent, TaskDoc>;
  readonly transactor: Transactor;
  readonly market: Market;
  readonly tenants: TenantBook;
  readonly agents: Agents;
  readonly budgets: Reservations;
  readonly whyNots: WhyNots;
  readonly payloads: Payloads;
  readonly predecessors: Predecessors;
  readonly blobs: BlobArchive;
  readonly clock: Clock;
  readonly watchdog: Watchdog;
}

export class Tasks {
  private overdue: (stream: string, state: TaskState) => Promise<void> = async () => undefined;

  private readonly tasks: TasksDeps['tasks'];
  private readonly transactor: Transactor;
  private readonly market: Market;
  private readonly agents: Agents;
  private readonly payloads: Payloads;

  constructor(private readonly deps: TasksDeps) {
    this.tasks = deps.tasks;
    this.transactor = deps.transactor;
    this.market = deps.market;
    this.agents = deps.agents;
    this.payloads = deps.payloads;
  }

  /** Posts a task. `cause`, when given, is the receipt (`stream@index`) that led to it, of the same tenant. */
  async post(context: RequestContext, id: string, spec: TaskSpec, causeRef?: string): Promise<TaskOutcome> {
    const { tenant, via } = context.principal;
    const cause = causeRef === undefined ? context.cause : await this.resolveCause(tenant, causeRef);
    if (cause instanceof Rejection) return { ok: false, rejection: cause };
    const { parent, task_type, priority } = spec;
    const stranger = parent && notPartOf((await this.load(tenant, parent)).state, parent, context.principal);
    return await this.deps.predecessors.admit({ tenant, id, spec, refused: stranger || undefined }, async (refused) => {
      // The stream itself refuses: it knows a command that comes again.
      if (refused) return await this.tasks.decide(context, id, 'task.post', () => refused);
      const payload = placedFor(spec, spec.payload);
      const full = await this.payloads.keep({ ...context, action: 'task.post' }, this.tasks.name(tenant, id), payload);
      if (full !== undefined) return await this.tasks.decide(context, id, 'task.post', () => full);
      const { payload: _, ...rest } = spec;
      const placedSpec: TaskSpec = 'inline' in payload ? spec : { ...rest, payload_ref: payload.reference };
      // What is posted for a job or a schedule says already who speaks for their poster.
      const complete = via === undefined ? placedSpec : { ...placedSpec, requester_via: via };
      const asked = { ...context, cause, creates: true, attributes: { task_type, priority } };
      const one = oneMoreTask(this.market, this.tasks.name(tenant, id), post(complete, this.now()));
      return await this.deps.tenants.admit(one, (decide) => this.tasks.decide(asked, id, 'task.post', decide));
    });
  }

  load(tenant: string, id: string, asOf?: Time): Promise<Loaded<TaskState>> {
    return this.tasks.load(tenant, id, asOf);
  }

  /**
   * A page of the tenant's tasks, in order of id, as far as the view has come; the first of those that are open or held
   * with the reason.
   */
  async list(tenant: string, where: Where, limit: number, continuation?: string): Promise<Page<ListedTask>> {
    const { docs: found, ...page } = await this.tasks.list(tenant, { key: ALL, where }, limit, continuation);
    const told = new Set(found.filter(({ status }) => status === 'open' || status === 'held').slice(0, MAX_WHYS));
    const docs = await Promise.all(
      found.map(async (doc): Promise<ListedTask> =>
        told.has(doc) ? { ...doc, why: await this.deps.whyNots.ofWaiting(this.tasks.name(tenant, doc.id)) } : doc,
      ),
    );
    return { docs, ...page };
  }

  async bid(context: RequestContext, id: string, bid: { agent: string; note?: string }): Promise<TaskOutcome> {
    const { tenant } = context.principal;
    let bidder = (await this.transactor.load(agentDecider, agentStream(tenant, bid.agent))).state;
    if (bidder.status !== 'active')
      bidder = (await this.transactor.current(agentDecider, agentStream(tenant, bid.agent))).state;
    const gone = new Rejection('conflict', 'agent-not-active', `the bidder is ${bidder.status}: register it first`);
    // The stream itself refuses: it knows a command that comes again.
    if (bidder.status !== 'active') return await this.tasks.decide(by(context, bid.agent), id, 'task.bid', () => gone);
    const outcome = await this.inTime(by(context, bid.agent), id, 'task.bid', placeBid(bid, this.now()));
    // A bid for a task that has been waiting for somebody closes at once.
    if (outcome.ok && outcome.commit !== undefined && outcome.state.ready_at <= this.now())
      await this.market.consider(tenant, id, causeOf(outcome.commit));
    return outcome;
  }

  withdrawBid(context: RequestContext, id: string, agent: string): Promise<TaskOutcome> {
    return this.inTime(by(context, agent), id, 'task.withdraw-bid', withdrawBid(agent, this.now()));
  }

  accept(context: RequestContext, id: string, claim: Claim): Promise<TaskOutcome> {
    return this.held(
      context,
      id,
      'task.accept',
      (state) => accept(claim, this.now(), this.acceptUntil(context, id, state))(state),
      claim,
    );
  }

  decline(context: RequestContext, id: string, claim: Claim, reason: string): Promise<TaskOutcome> {
    return this.held(
      context,
      id,
      'task.decline',
      (state) => decline(claim, reason, this.now(), this.acceptUntil(context, id, state))(state),
      claim,
    );
  }

  /** Also says what it has cost so far: where that is too much, the task waits for a person. */
  async progress(
    context: RequestContext,
    id: string,
    { cost, ...claim }: Spending,
    fraction: number,
    note?: string,
  ): Promise<TaskOutcome> {
    const over = await this.overspent(context, id, claim, cost);
    return over ?? (await this.held(context, id, 'task.progress', progress(claim, fraction, note, this.now()), claim));
  }

  /**
   * Extends the lease without an event; an award that is not accepted yet stands as well. Refuses when the claim does
   * not stand. What it says that the work has cost so far is heard as by `progress`.
   */
  async heartbeat(context: RequestContext, id: string, { cost, ...claim }: Spending): Promise<TaskOutcome> {
    const { tenant } = context.principal;
    await this.agents.heard(context, claim.agent);
    const over = await this.overspent(context, id, claim, cost);
    if (over !== undefined) return over;
    const stale = await this.agents.staleness(context, taskDecider, this.tasks.name(tenant, id));
    if (stale !== undefined) return { ok: false, rejection: stale };
    const { stands } = await this.agents.extendLease(tenant, id, claim);
    const loaded = await this.load(tenant, id);
    if (stands) return { ok: true, ...loaded, events: [], commit: undefined, repeated: true };
    const wrong = progress(claim, -1, undefined, this.now())(loaded.state);
    const not = new Rejection('conflict', 'not-the-holder', 'the claim does not hold this task');
    return { ok: false, rejection: wrong instanceof Rejection ? wrong : not };
  }

  async complete(
    context: RequestContext,
    id: string,
    { cost, ...claim }: Spending,
    result: unknown,
  ): Promise<TaskOutcome> {
    const decide: Completing['decide'] = (named) => complete(claim, { ...named, cost }, this.now());
    return await this.completed(context, id, claim, { result, decide });
  }

  /** Completes with a result, which is kept first where it is too large for the receipt. */
  private async completed(
    context: RequestContext,
    id: string,
    claim: Claim,
    { result, decide }: Completing,
  ): Promise<TaskOutcome> {
    const value = placed(result);
    if ('inline' in value) return await this.held(context, id, 'task.complete', decide({ result }), claim);
    const decision = decide({ result_ref: value.reference });
    const { tenant } = context.principal;
    const wrong = decision((await this.tasks.current(tenant, id)).state);
    // Nothing is kept of what will be refused. The stream itself answers: it knows a command that comes again.
    if (wrong instanceof Rejection || wrong.length === 0)
      return await this.held(context, id, 'task.complete', () => wrong, claim);
    // A result is refused to nobody for what the tenant has stored.
    const full = await this.payloads.keep({ ...context, action: 'task.complete' }, this.tasks.name(tenant, id), value);
    if (full !== undefined) throw new Error(full.message);
    return await this.held(context, id, 'task.complete', decision, claim);
  }

  /**
   * Completes what was awarded, and accepts it with that where it was not: if policy lets the holder accept it. Where
   * nothing is left to accept, policy is not asked for that.
   */
  async completeAtOnce(context: RequestContext, id: string, spending: Spending, result: unknown): Promise<TaskOutcome> {
    const { principal } = context;
    const { cost, ...claim } = spending;
    const stream = this.tasks.name(principal.tenant, id);
    if (!isToAccept(await this.stateFor(stream, claim), claim))
      return await this.complete(context, id, spending, result);
    const { attributes } = by(context, claim.agent);
    const { decision } = await this.transactor.ask(principal, 'task.accept', stream, attributes);
    if (decision !== 'allow') {
      // It may have been accepted meanwhile, or at another process.
      const { state } = await this.transactor.current(taskDecider, stream);
      if (!isToAccept(state, claim)) return await this.complete(context, id, spending, result);
      // What is refused is the acceptance, by itself and with its own receipt.
      const accepted = await this.accept({ ...context, command: undefined }, id, claim);
      if (!accepted.ok) return accepted;
    }
    const decide: Completing['decide'] = (named) => (state) =>
      completeAtOnce(claim, { ...named, cost }, this.now(), this.acceptUntil(context, id, state))(state);
    return await this.completed(context, id, claim, { result, decide });
  }

  fail(
    context: RequestContext,
    id: string,
    { cost, ...claim }: Spending,
    reason: string,
    retryable: boolean,
  ): Promise<TaskOutcome> {
    return this.held(context, id, 'task.fail', fail(claim, reason, retryable, this.now(), cost), claim);
  }

  /** The holder gives the task back: another attempt, by whoever is best then. */
  release(context: RequestContext, id: string, { cost, ...claim }: Spending, reason: string): Promise<TaskOutcome> {
    return this.held(
      context,
      id,
      'task.release',
      (state) => release(claim, reason, this.now(), this.acceptUntil(context, id, state), cost)(state),
      claim,
    );
  }

  /** The holder hands the task to a named agent, whose slot is reserved first. */
  async handOff(context: RequestContext, id: string, claim: Claim, to: string, note?: string): Promise<TaskOutcome> {
    const { tenant } = context.principal;
    const { state, version } = await this.tasks.current(tenant, id);
    const now = this.now();
    const peer = { agent: to, profile: await this.profileOf(tenant, to), award: nextAward(state) };
    const wrong =
      staleness(context.expectedVersion, version) ?? handOff(claim, { ...peer, receipt: '' }, note, now)(state);
    // Nothing is reserved for what will be refused. The stream itself answers: it knows a command that comes again.
    if (wrong instanceof Rejection || wrong.length === 0)
      return await this.held(context, id, 'task.hand-off', () => wrong, claim);
    const { award } = peer;
    return await this.market.hands(this.tasks.name(tenant, id), async () => {
      const reserved = await this.market.reserve(
        tenant,
        to,
        { task: id, spec: state.spec as TaskSpec, award, now },
        state.correlation_id,
        undefined,
      );
      if ('rejection' in reserved) {
        // What the agent's state says no to is a conflict of this task; a policy's no, or a store that fails, is none.
        const { kind, code, message } = reserved.rejection;
        const rejection =
          kind === 'conflict' ? refuse(code, `${to} can't take the task: ${message}`) : reserved.rejection;
        return { ok: false, rejection };
      }
      const outcome = await this.held(
        context,
        id,
        'task.hand-off',
        handOff(claim, { ...peer, receipt: reserved.receipt, budget: reserved.budget }, note, now),
        claim,
      );
      if (!outcome.ok) await this.market.settleReserved(tenant, id, { agent: to, award }, reserved.cause);
      return outcome;
    });
  }

  cancel(context: RequestContext, id: string, reason: string): Promise<TaskOutcome> {
    return this.inTime(context, id, 'task.cancel', cancel(context.principal.id, reason, this.now()));
  }

  /**
   * Brings back what is dead or has expired; an open task is asked again of those that declined it. What was stopped at
   * the gate since stays where it is: nobody does by a redrive what a person, or judges, said no to.
   */
  async redrive(context: RequestContext, id: string, deadline?: Time): Promise<TaskOutcome> {
    const { tenant, id: by } = context.principal;
    const stopped = await this.stoppedAtGate(tenant, id);
    const decision = stopped === undefined ? redrive(by, this.now(), deadline) : () => stopped;
    const one = oneMoreTask(this.market, this.tasks.name(tenant, id), decision);
    return await this.deps.tenants.admit(one, (decide) => this.inTime(context, id, 'task.redrive', decide));
  }

  /** It was decided that the task may be done, as `action` (a stream) says, and as a person may have edited it. */
  clear(context: RequestContext, id: string, action: string, edited: EditedTask | undefined): Promise<TaskOutcome> {
    return this.inTime(context, id, 'task.clear', clear(action, edited, this.now()));
  }

  /** Doubts the standing award before the round `challenge.round`. */
  challengeAward(
    context: RequestContext,
    id: string,
    challenge: AwardChallenge & { readonly until: Time },
  ): Promise<TaskOutcome> {
    const decision: ReturnType<typeof challengeAward> = (state) =>
      challengeAward(challenge, this.now(), this.acceptUntil(context, id, state))(state);
    return this.inTime({ ...context, receiptOfRefusal: true }, id, 'task.challenge', decision);
  }

  /** The round of the challenge is over. */
  async settleChallenge(
    context: RequestContext,
    id: string,
    round: string,
    upheld: boolean,
    reason: string,
  ): Promise<TaskOutcome> {
    const { correlationId } = await this.load(context.principal.tenant, id);
    return await this.tasks.decide(
      { ...context, correlationId },
      id,
      'task.settle-challenge',
      settleChallenge(round, upheld, reason, this.now()),
    );
  }

  /** Whoever decides on a challenge of its award has been given time back. */
  async extendChallenge(
    tenant: string,
    id: string,
    time: { readonly round: string; readonly until: Time },
    cause: Cause | undefined,
  ): Promise<TaskOutcome> {
    const { correlationId } = await this.load(tenant, id);
    return await this.tasks.decide(
      { principal: timekeeper(tenant), cause, reaction: cause !== undefined, correlationId },
      id,
      'task.extend-challenge',
      extendChallenge(time, this.now()),
    );
  }

  /**
   * The task's time has passed, or may have.
   * @param state as it was looked at
   * @param heartbeat the holder's last sign of life for this task, if any is known
   */
  async timePassed(
    context: RequestContext,
    id: string,
    state: TaskState,
    heartbeat: Time | undefined,
  ): Promise<TaskOutcome> {
    const stream = this.tasks.name(context.principal.tenant, id);
    await this.overdue(stream, state);
    const why = await this.deps.whyNots.atDeadline(stream, state);
    return await this.tasks.decide(
      { ...context, correlationId: state.correlation_id },
      id,
      'task.time-passed',
      timePassed(this.now(), heartbeat, why, this.agents.acceptUntil(stream, state), this.agents.excuse(stream)),
    );
  }

  /** Has doubt of an award looked at before it lapses. */
  onOverdue(look: (stream: string, state: TaskState) => Promise<void>): void {
    this.overdue = look;
  }

  /** Computes the task's last award (or award number `award`) again from its receipt alone. */
  async recompute(
    tenant: string,
    id: string,
    award?: number,
    signal?: AbortSignal,
  ): Promise<Recomputation | Rejection> {
    let found: Commit | undefined;
    for await (const commit of this.transactor.commits(this.tasks.name(tenant, id), 0, signal)) {
      if (
        commit.events.some(
          (event) =>
            event.type === 'TaskAwarded' && (award === undefined || (event.data as { award: number }).award === award),
        )
      )
        found = commit;
    }
    if (found === undefined)
      return new Rejection(
        'missing',
        'award-not-found',
        award === undefined ? 'the task has no award yet' : `the task has no award ${award} made by the market`,
      );
    return recomputeReceipt(found);
  }

  /**
   * A payload or a result of the task that was put into the archive; undefined when it names none such. Throws
   * `AlteredPayload`.
   */
  async blob(tenant: string, id: string, reference: string): Promise<Uint8Array | undefined> {
    const { spec, completion } = (await this.load(tenant, id)).state;
    if (spec?.payload_ref !== reference && completion?.result_ref !== reference) return undefined;
    const bytes = await this.deps.blobs.get(tenant, reference);
    if (bytes === undefined) throw new AlteredPayload(reference, 'is not there');
    if (referenceOf(bytes) !== reference) throw new AlteredPayload(reference, 'holds other bytes than were written');
    return bytes;
  }

  private async stoppedAtGate(tenant: string, id: string): Promise<Rejection | undefined> {
    const stream = this.tasks.name(tenant, id);
    if ((await this.transactor.load(taskDecider, stream)).state.spec?.oversight === undefined) return undefined;
    const { state } = await this.transactor.current(
      actionDecider,
      actionStream(tenant, await gateOf(this.transactor, stream)),
    );
    return isStopped(state) || state.compensation !== undefined ? TASK_OVER : undefined;
  }

  /** Why the work may not go on: it has cost more than was reserved for it. */
  private async overspent(
    context: RequestContext,
    id: string,
    claim: Claim,
    cost: number | undefined,
  ): Promise<TaskOutcome | undefined> {
    const rejection =
      cost === undefined ? undefined : await this.deps.budgets.report(context, { task: id, ...claim }, cost);
    return rejection && { ok: false, rejection };
  }

  /** What an agent says of itself, as the store has it now; undefined when it is not registered. */
  private async profileOf(tenant: string, agent: string): Promise<AgentProfile | undefined> {
    const { status, profile } = (await this.transactor.current(agentDecider, agentStream(tenant, agent))).state;
    return status === 'gone' ? undefined : profile;
  }

  /** A command of whoever holds the task: caused by the award that it holds. */
  private async held(
    context: RequestContext,
    id: string,
    action: string,
    decision: ReturnType<typeof accept>,
    claim: Claim,
  ): Promise<TaskOutcome> {
    const { tenant } = context.principal;
    const stream = this.tasks.name(tenant, id);
    await this.agents.heard(context, claim.agent);
    const state = await this.stateFor(stream, claim);
    await this.letTimePass(context, id, state);
    const { holder, correlation_id } = state;
    const cause =
      holder === undefined
        ? undefined
        : { ref: holder.receipt, at: holder.awarded_at, correlationId: correlation_id, depth: 0 };
    return await this.tasks.decide({ ...by(context, claim.agent), cause }, id, action, decision);
  }

  /** The task as it is known here, if that is under the claim's award; else as it is in the store. */
  private async stateFor(stream: string, { award }: Claim): Promise<TaskState> {
    const known = this.transactor.peek<TaskState>(stream)?.state;
    return known?.holder?.award === award ? known : (await this.transactor.current(taskDecider, stream)).state;
  }

  /** A command of anybody else. */
  private async inTime(
    context: Omit<CommandContext, 'action'>,
    id: string,
    action: string,
    decision: ReturnType<typeof accept>,
  ): Promise<TaskOutcome> {
    await this.letTimePass(context, id, (await this.load(context.principal.tenant, id)).state);
    return await this.tasks.decide(context, id, action, decision);
  }

  /**
   * What is late has its receipt before the answer: no command waits for a timer to be refused. A lease ends by its own
   * look.
   */
  private async letTimePass(context: RequestContext, id: string, state: TaskState): Promise<void> {
    const stream = this.tasks.name(context.principal.tenant, id);
    const excuse = await this.deps.watchdog.excuseOf(stream);
    const now = this.now();
    const events = timePassed(now, now, undefined, this.agents.acceptUntil(stream, state), excuse)(state);
    if (events instanceof Rejection || events.length === 0) return;
    await this.timePassed({ principal: timekeeper(context.principal.tenant) }, id, state, now);
  }

  /** Asked by a decision, which is made once the command has been let through: see `Agents.excuse`. */
  private acceptUntil({ principal }: Pick<RequestContext, 'principal'>, id: string, state: TaskState) {
    return this.agents.acceptUntil(this.tasks.name(principal.tenant, id), state);
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }

  private async resolveCause(tenant: string, reference: string): Promise<Cause | Rejection> {
    return (
      (await this.transactor.cause(tenant, reference)) ??
      new Rejection('invalid', 'cause-not-found', noSuchReceipt(reference))
    );
  }
}

/** Whether the claim's award stands and is not accepted yet. */
function isToAccept({ status, holder }: TaskState, claim: Claim): boolean {
  return status === 'awarded' && holder?.agent === claim.agent && holder.award === claim.award;
}

/** The policy is told who acts. */
function by(context: RequestContext, agent: string) {
  return { ...context, attributes: { agent } };
}
