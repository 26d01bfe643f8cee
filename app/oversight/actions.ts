/**
 * Actions at the gate, from the proposal to the end: the rules send each on its way, agents and people are asked, and
 * what they say is carried out. `nextStep` says which step follows from the states of the streams; here they are
 * loaded, and the step is taken. So a step that was lost, or is taken twice, changes nothing.
 */
import type { Action } from '../../contract/oversight/actions';
import type { Shown } from '../../contract/route';
import { type Decision, refuse, Rejection } from '../../domain/kernel/decider';
import { commitRef, parseCommitRef, parseStream, reservedId } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { cut } from '../../domain/kernel/text';
import { type Time, toTime } from '../../domain/kernel/time';
import { type EditedTask, taskDecider } from '../../domain/market/task';
import {
  abandon,
  actionDecider,
  type ActionEvent,
  actionParties,
  type ActionState,
  type Challenge,
  challenge,
  clear,
  compensated,
  edit,
  execute,
  extend,
  extendChallenge,
  hold,
  type Instead,
  notCarriedOut,
  type OfRound,
  type OpenChallenge,
  openVetoWindow,
  override,
  type PolicyAtGate,
  type Proposal,
  propose,
  refuseAction,
  settleChallenge,
  TASK_OVER,
  timePassed,
  veto,
} from '../../domain/oversight/action';
import { approvalDecider, type ApprovalState } from '../../domain/oversight/approval';
import { type Known, learnt, nextStep, type Sight, type Step } from '../../domain/oversight/next-step';
import {
  CHALLENGE_KIND,
  decideOversight,
  type Features,
  MAX_SEEN,
  type Novelty,
  noveltyOf,
  type Person,
  type RoundRules,
  type Seen,
} from '../../domain/oversight/oversight';
import { DEFAULT_CHOICES, roundDecider, type RoundState, roundStream } from '../../domain/oversight/round';
import { type Ended, endOf, reasonOf, UPHOLD, verdictDueOf, verdictOf } from '../../domain/oversight/verdict';
import type { ActionDoc } from '../../projections/oversight/actions';
import { ALL } from '../../projections/projection';
import type { Aggregate } from '../engine/aggregate';
import { type Cause, causeOf, type Outcome, type Refused, type RequestContext } from '../engine/command';
import { derivedId, derivedSystemId } from '../engine/new-id';
import type { Clock } from '../engine/ports';
import type { Loaded } from '../engine/streams';
import type { Transactor } from '../engine/transact';
import { timekeeper, type Watchdog } from '../engine/watchdog';
import type { Tasks } from '../market/module';
import { type Approvals, personOf } from './approvals';
import type { Oversight } from './oversight';
import type { Rounds } from './rounds';

export type ActionOutcome = Outcome<ActionState, ActionEvent>;

/** An action as somebody proposes it. */
export type ProposalInput = Pick<Proposal, 'kind' | 'action' | 'why' | 'confidence' | 'impact' | 'risk' | 'features'>;

const [APPROVE] = DEFAULT_CHOICES;
const NOT_ITS_OWN = new Rejection(
  'forbidden',
  'not-the-proposer',
  'an action is taken by whoever proposed it; one that is for a task is carried out by the gate itself',
);

/** More steps than any way through the gate has, or any turn on it. */
const MAX_STEPS = 12;

/** An action as the API shows it. */
export function actionAnswer(
  id: string,
  { state, version }: Pick<Loaded<ActionState>, 'state' | 'version'>,
): Shown<typeof Action> {
  const { kind, action, proposed_by, why, confidence, impact, risk, features, oversight, target } =
    state.proposal as Proposal;
  return {
    id,
    version,
    kind,
    action,
    why,
    confidence,
    impact,
    risk,
    features,
    proposed_by,
    oversight,
    policy: state.policy as PolicyAtGate,
    target,
    status: state.status as Shown<typeof Action>['status'],
    proposed_hash: state.proposed_hash,
    hash: state.hash,
    held: state.held,
    refs: state.refs,
    veto_until: state.veto_until,
    veto_from: state.veto_from,
    cleared: state.cleared,
    stopped: state.stopped,
    challenge: state.challenge,
    challenges: state.challenges,
    executed: state.executed,
    override: state.override,
    overrides: state.overrides,
    asked_people: state.asked_people,
    proposed_at: state.proposed_at as Time,
    decided_at: state.decided_at,
    compensation: state.compensation,
  };
}

/** The principal in whose name the gate acts. */
export function gatekeeper(tenant: string): Principal {
  return { tenant, id: 'oversight', kind: 'system', level: 'execute' };
}

/** What was done before, in memory: novelty is measured against it. A read model of executed actions, only hot. */
export class ActionHistory {
  /** `tenant kind` → the last ones, the latest last. */
  private readonly seen = new Map<string, (Seen & { readonly at: Time })[]>();

  add(tenant: string, stream: string, { proposal, executed }: Pick<ActionState, 'proposal' | 'executed'>): void {
    if (proposal === undefined || executed === undefined) return;
    this.put(tenant, proposal.kind, { ref: stream, features: proposal.features, at: executed.at });
  }

  put(tenant: string, kind: string, one: Seen & { readonly at: Time }): void {
    const key = `${tenant} ${kind}`;
    const seen = (this.seen.get(key) ?? []).filter(({ ref }) => ref !== one.ref);
    const place = seen.findLastIndex(({ at, ref }) => at < one.at || (at === one.at && ref < one.ref));
    seen.splice(place + 1, 0, one);
    this.seen.set(key, seen.slice(-MAX_SEEN));
  }

  novelty(tenant: string, kind: string, features: Features): Novelty {
    return noveltyOf(features, this.seen.get(`${tenant} ${kind}`) ?? []);
  }
}

export interface ActionsDeps {
  readonly actions: Aggregate<ActionState, ActionEvent, ActionDoc>;
  readonly transactor: Transactor;
  readonly oversight: Oversight;
  readonly rounds: Rounds;
  readonly approvals: Approvals;
  readonly tasks: Tasks;
  readonly clock: Clock;
  readonly watchdog: Watchdog;
}

export class Actions {
  readonly history = new ActionHistory();
  private readonly transactor: Transactor;
  private readonly actions: ActionsDeps['actions'];
  private readonly rounds: Rounds;
  private readonly approvals: Approvals;
  private readonly tasks: Tasks;

  constructor(private readonly deps: ActionsDeps) {
    const { transactor, actions, rounds, approvals, tasks } = deps;
    this.transactor = transactor;
    this.actions = actions;
    this.rounds = rounds;
    this.approvals = approvals;
    this.tasks = tasks;
  }

  /**
   * Fills the history from the view, page by page, and keeps the latest of each kind; the feed brings what the view has
   * not seen.
   */
  async open(): Promise<void> {
    const executed = this.actions.pages({ key: ALL, where: { status: 'executed' } });
    for await (const rows of executed) {
      for (const { source, doc } of rows)
        this.history.put(parseStream(source).tenant, doc.kind, {
          ref: source,
          features: doc.features,
          at: doc.executed_at as Time,
        });
    }
  }

  /** Brings an action to the gate, and takes it as far as it goes without waiting for anybody. */
  async propose(context: RequestContext, id: string, input: ProposalInput, target?: string): Promise<ActionOutcome> {
    const { principal } = context;
    const { tenant } = principal;
    const reserved = target === undefined ? reservedId(id) : undefined;
    if (reserved !== undefined) return { ok: false, rejection: reserved };
    const { kind, confidence, impact, risk, features } = input;
    const stream = this.actions.name(tenant, id);
    const [rules, answer] = await Promise.all([
      this.deps.oversight.rules(tenant, kind),
      this.transactor.ask(principal, 'action.execute', stream, { kind, impact, risk }),
    ]);
    const { bundle, decision, reasons } = answer;
    const oversight = decideOversight(
      {
        kind,
        confidence,
        impact,
        risk,
        policy: { decision, reasons },
        novelty: this.history.novelty(tenant, kind, features),
      },
      rules,
    );
    const proposal: Proposal = { ...input, proposed_by: principal.id, oversight, policy: { bundle, decision }, target };
    const attributes = { kind, impact, risk };
    const asked = { ...context, creates: true, receiptOfRefusal: true, attributes };
    const outcome = await this.actions.decide(asked, id, 'action.propose', propose(proposal));
    return await this.advanced(stream, outcome);
  }

  /** Takes the action, once: the caller may do it when this succeeds, and only then. */
  async execute(
    context: RequestContext,
    id: string,
    taken: { hash: string; result?: unknown },
  ): Promise<ActionOutcome> {
    const { principal } = context;
    const stream = this.actions.name(principal.tenant, id);
    const now = this.now();
    await this.giveTimeBack(stream, (await this.transactor.load(actionDecider, stream)).state, now);
    const letGo = execute({ ...taken, by: principal.id, policy: await this.policyFor(principal, stream) }, now);
    // Whoever takes an action with a wrong hash sends it back to people: nobody else may do that.
    const decision: Decision<ActionState, ActionEvent> = (state) =>
      state.proposal === undefined ||
      (state.proposal.proposed_by === principal.id && state.proposal.target === undefined)
        ? letGo(state)
        : NOT_ITS_OWN;
    const outcome = await this.actions.decide({ ...context, receiptOfRefusal: true }, id, 'action.execute', decision);
    if (!outcome.ok) return outcome;
    const returned = outcome.events.find((event) => event.type === 'ActionReturned');
    const advanced = await this.advanced(stream, outcome);
    if (returned === undefined) return advanced;
    const receipt = commitRef(stream, outcome.version);
    return {
      ok: false,
      rejection: refuse('action-returned', `don't do it: ${returned.data.reason}; people are asked again`, { receipt }),
    };
  }

  async veto(context: RequestContext, id: string, reason: string): Promise<ActionOutcome> {
    return await this.decided(context, id, 'action.veto', veto(personOf(context.principal), reason));
  }

  async override(context: RequestContext, id: string, instead: Instead, reason: string): Promise<ActionOutcome> {
    await this.letTimePass(this.actions.name(context.principal.tenant, id));
    return await this.decided(context, id, 'action.override', overriding(personOf(context.principal), instead, reason));
  }

  /**
   * Carries out what people put in place of a round's outcome, in their name and under the rules of an override of the
   * action, whatever the action has come to since; once for each override of the round.
   */
  async overriddenRound(
    stream: string,
    { spec, override: other }: RoundState,
    cause: Cause | undefined,
  ): Promise<ActionOutcome | undefined> {
    if (other === undefined || spec === undefined || (spec.action === undefined && spec.challenges === undefined))
      return undefined;
    const { tenant, id } = parseStream(stream);
    const { ref, at, with: others, by, choice, reason } = other;
    const person: Principal = { tenant, id: by, kind: 'human', level: 'critical' };
    const instead = spec.action !== undefined && choice === APPROVE ? 'allow' : 'refuse';
    const decision = overriding(personOf(person), instead, reason, { ref, at, with: others, hash: spec.action?.hash });
    return await this.actions.decide(
      { principal: person, cause, reaction: cause !== undefined },
      id,
      'action.override',
      decision,
    );
  }

  /** Doubts the action before the round `challenge.round`. */
  async challenge(
    context: RequestContext,
    id: string,
    challenged: Challenge & { readonly until: Time },
  ): Promise<ActionOutcome> {
    await this.letTimePass(this.actions.name(context.principal.tenant, id));
    return await this.decided(context, id, 'action.challenge', challenge(challenged));
  }

  /** The round of a challenge could not be opened: there is nothing to wait for. */
  async dropChallenge(stream: string, round: string, reason: string, cause: Cause | undefined): Promise<void> {
    await this.advanced(
      stream,
      await this.act(stream, 'action.settle-challenge', settleChallenge(round, false, reason), cause),
    );
  }

  /** Agents have upheld a challenge; perhaps after its time. */
  async upheld(stream: string, round: string, cause: Cause | undefined): Promise<void> {
    await this.advanced(
      stream,
      await this.act(stream, 'action.settle-challenge', settleChallenge(round, true, reasonOf(UPHOLD, round)), cause),
    );
  }

  /** What was to be undone is undone. */
  async compensated(context: RequestContext, id: string, ref: string): Promise<ActionOutcome> {
    const { id: by, kind } = context.principal;
    const done = compensated({ by, ref });
    // An agent says so of its own actions alone.
    return await this.decided(context, id, 'action.compensated', (state) =>
      kind === 'agent' && state.proposal !== undefined && state.proposal.proposed_by !== by ? NOT_ITS_OWN : done(state),
    );
  }

  /** What it was for is over: it does not happen, however far it was let on. What was taken already stays taken. */
  async abandon(stream: string, reason: string, cause: Cause | undefined): Promise<ActionOutcome> {
    return await this.advanced(stream, await this.abandoned(stream, reason, cause));
  }

  /** What came of the challenge that the round `id` decides on; see `verdictOf`. */
  async verdict(tenant: string, id: string): Promise<string | undefined> {
    const { round, asked } = await this.judges(tenant, id);
    return verdictOf(round, asked);
  }

  /**
   * By when that challenge has its verdict at the latest; see `verdictDueOf`. Its round, and the people who are asked
   * after it, may have been given time back.
   */
  async verdictDue(tenant: string, id: string): Promise<Time | undefined> {
    const { round, asked } = await this.judges(tenant, id);
    return verdictDueOf(round, asked, await this.deps.oversight.rules(tenant, CHALLENGE_KIND));
  }

  /** What becomes of a challenge whose time is over; see `endOf`. */
  async overdue(tenant: string, id: string): Promise<Ended> {
    const context = this.context(tenant, undefined);
    await this.rounds.timePassed(context, id);
    await this.approvals.timePassed(context, outcomeApproval(tenant, id));
    const rules = await this.deps.oversight.rules(tenant, CHALLENGE_KIND);
    // Both questions are put to one look: between two of them the verdict may come, and neither would see it.
    const { round, asked } = await this.judges(tenant, id);
    return endOf(verdictOf(round, asked), verdictDueOf(round, asked, rules), this.now());
  }

  /** Whoever decides on a challenge of the action has been given time back. */
  async extendChallenge(stream: string, round: string, until: Time, cause: Cause | undefined): Promise<ActionOutcome> {
    const { tenant, id } = parseStream(stream);
    return await this.actions.decide(
      { principal: timekeeper(tenant), cause, reaction: cause !== undefined },
      id,
      'action.extend-challenge',
      extendChallenge({ round, until }, this.now()),
    );
  }

  load(tenant: string, id: string, asOf?: Time): Promise<Loaded<ActionState>> {
    return this.actions.load(tenant, id, asOf);
  }

  /** A page of the tenant's actions, in order of id; as far as the view has come. */
  async list(
    tenant: string,
    where: Readonly<Record<string, string>>,
    limit: number,
    continuation?: string,
  ): Promise<{ actions: readonly ActionDoc[]; continuation?: string }> {
    const { docs, ...page } = await this.actions.list(tenant, { key: ALL, where }, limit, continuation);
    return { actions: docs, ...page };
  }

  /** The actions whose veto window is open, of all tenants, as streams; as far as the view has come. */
  waiting(): AsyncGenerator<string> {
    return this.actions.sources({ where: { status: 'veto_window' } });
  }

  /** Takes every step that follows from what is known now. Throws `StoreUnavailable` alone; then ask again. */
  async advance(stream: string, cause: Cause | undefined): Promise<void> {
    let because = cause;
    for (let steps = 0; steps < MAX_STEPS; steps += 1) {
      const { state } = await this.transactor.load(actionDecider, stream);
      const step = await this.step(stream, state, because);
      // What another process decided meanwhile is in its own commits, and they lead here again.
      if (step === undefined || !step.ok || step.commit === undefined) return;
      because = causeOf(step.commit);
    }
  }

  // ------------------------------------------------------------------------------------------------------ the steps

  /** Takes steps until the action has changed, or nothing is left to do; `nextStep` says which. */
  private async step(stream: string, state: ActionState, cause: Cause | undefined): Promise<ActionOutcome | undefined> {
    // What follows from that is in its own commit.
    const now = this.now();
    if (await this.giveTimeBack(stream, state, now)) return undefined;
    if (state.status === 'executed') this.history.add(parseStream(stream).tenant, stream, state);
    let known: Known = { now, because: cause?.ref, tried: {} };
    for (let steps = 0; steps < MAX_STEPS; steps += 1) {
      const step = nextStep(state, known);
      if (step.do === 'wait') return undefined;
      if (step.do === 'look') {
        known = { ...known, ...(await this.look(stream, state, step.at)) };
        continue;
      }
      const came = (await this.take(stream, state, step, cause)) ?? {};
      if ('ok' in came && came.ok) return came;
      known = learnt(known, step, 'ok' in came ? came.rejection : came);
    }
    return undefined;
  }

  /** Loads what the next step depends on. */
  private async look(stream: string, state: ActionState, at: Sight): Promise<Partial<Known>> {
    const { tenant } = parseStream(stream);
    const { challenge: doubt, held, proposal, executed } = state;
    switch (at) {
      case 'verdict':
        return { verdict: { is: await this.verdict(tenant, (doubt as OpenChallenge).round) } };
      case 'late':
        return { late: await this.overdue(tenant, (doubt as OpenChallenge).round) };
      case 'rules':
        return { rules: await this.deps.oversight.rules(tenant, (proposal as Proposal).kind) };
      case 'round':
        return { round: (await this.rounds.load(tenant, idOf(held?.ref as string))).state };
      case 'approval':
        return { approval: (await this.approvals.load(tenant, idOf(held?.ref as string))).state };
      case 'task': {
        const target = proposal?.target as string;
        // Before the action is taken nothing less than the latest counts.
        const task = await (executed === undefined
          ? this.transactor.current(taskDecider, target)
          : this.transactor.load(taskDecider, target));
        return { task: { state: task.state, ref: commitRef(target, task.version) } };
      }
    }
  }

  /** Takes a step: what came of it is the action's outcome, a refusal, or something that the next step depends on. */
  private async take(
    stream: string,
    state: ActionState,
    step: Exclude<Step, { do: 'wait' | 'look' }>,
    cause: Cause | undefined,
  ): Promise<ActionOutcome | Partial<Known> | undefined> {
    const { tenant } = parseStream(stream);
    const context = this.context(tenant, cause);
    const by = context.principal.id;
    const act = (action: string, decision: Decision<ActionState, ActionEvent>) =>
      this.act(stream, action, decision, cause);
    switch (step.do) {
      case 'extendChallenge':
        return await this.extendChallenge(stream, step.round, step.until, cause);
      case 'settleChallenge':
        return await act('action.settle-challenge', settleChallenge(step.round, step.upheld, step.reason, step.lapsed));
      case 'clear':
        return await act('action.clear', clear(dataOf(step)));
      case 'openVeto':
        return await act('action.open-veto-window', openVetoWindow(step.seconds, this.now(), step.oversight));
      case 'closeVeto':
        return await act('action.time-passed', timePassed(step.now));
      case 'askAgents':
        return await this.askAgents(stream, state, step.rules, context);
      case 'askPeople':
        return await this.askPeople(stream, state, step, context);
      case 'askAgain':
        return await this.askAgain(state, step, context);
      case 'hold':
        return await act('action.hold', hold(dataOf(step)));
      case 'overrideRound':
        return await this.overriddenRound(stream, step.round, cause);
      case 'edit':
        return await act('action.edit', edit(dataOf(step)));
      case 'refuse':
        return await act('action.refuse', refuseAction(dataOf(step)));
      case 'abandon':
        return await this.abandoned(stream, step.reason, cause);
      case 'endQuestions':
        await this.askNoMore(stream, state, step.reason, cause);
        return undefined;
      case 'carryOut': {
        const policy = await this.policyFor(context.principal, stream);
        return await act('action.execute', execute({ by, hash: step.hash, policy }, this.now()));
      }
      case 'clearTask':
        return await this.clearTask(stream, state, step, context);
      case 'stopTask':
        return await this.stopTask(step, context);
      case 'compensated':
        return await act('action.compensated', compensated({ by, ref: step.ref }));
      case 'notCarriedOut':
        return await act('action.compensated', notCarriedOut({ by, ref: step.ref, reason: step.reason }));
    }
  }

  /** Opens the round that the action is then held for. */
  private async askAgents(
    stream: string,
    state: ActionState,
    { when: _, round_seconds, improvement_rounds, ...electorate }: RoundRules,
    context: RequestContext,
  ): Promise<Partial<Known> | Refused> {
    const { tenant } = context.principal;
    const { kind, impact, risk } = state.proposal as Proposal;
    const id = derivedSystemId(tenant, 'round', stream);
    const opened = await this.rounds.openSystem(context, id, {
      action: { kind, hash: state.hash, summary: summaryOf(state) },
      kind,
      impact,
      risk,
      choices: [...DEFAULT_CHOICES],
      round_seconds,
      improvement_rounds,
      allow_change: false,
      waits: stream,
      electorate,
      parties: actionParties(state),
    });
    return opened.ok ? { opened: commitRef(roundStream(tenant, id), 0) } : opened;
  }

  /** Requests the action's approval; the answer says as well whether one was requested before. */
  private async askPeople(
    stream: string,
    state: ActionState,
    { rules, inputs }: Extract<Step, { do: 'askPeople' }>,
    context: RequestContext,
  ): Promise<Partial<Known>> {
    const { tenant } = context.principal;
    const { kind, proposed_by, why, impact, risk, confidence } = state.proposal as Proposal;
    const id = derivedId(tenant, 'approval', stream);
    const asked = await this.approvals.request(context, id, {
      action: stream,
      kind,
      hash: state.hash,
      summary: summaryOf(state),
      requester: proposed_by,
      parties: actionParties(state),
      why,
      impact,
      risk,
      policy: state.policy as Proposal['policy'],
      inputs: [{ by: proposed_by, says: cut(why, 500), confidence }, ...inputs],
      safe_default: rules.safe_default,
      ladder: rules.approvers,
    });
    const approval = (await this.approvals.load(tenant, id)).state;
    return { asked: { approval, refused: asked.ok ? undefined : asked.rejection } };
  }

  private async askAgain(
    state: ActionState,
    { of, ref, reason }: Extract<Step, { do: 'askAgain' }>,
    context: RequestContext,
  ): Promise<Partial<Known> | Refused> {
    const { hash } = state;
    const policy = state.policy as Proposal['policy'];
    const again = { ref, reason, hash, policy, parties: actionParties(state) };
    const reopened = await this.approvals.reopen(context, idOf(of), again);
    return reopened.ok ? { asked_again: reopened.state.opened_ref } : reopened;
  }

  private async clearTask(
    stream: string,
    state: ActionState,
    { target, edited }: Extract<Step, { do: 'clearTask' }>,
    context: RequestContext,
  ): Promise<undefined> {
    const task = edited ? await this.editedTask(stream, state.proposal?.action) : undefined;
    await this.tasks.clear(context, parseStream(target).id, stream, task);
  }

  private async stopTask(
    { target, reason }: Extract<Step, { do: 'stopTask' }>,
    context: RequestContext,
  ): Promise<Partial<Known> | Refused> {
    const stopped = await this.tasks.cancel(context, parseStream(target).id, cut(reason, 1_000));
    return stopped.ok ? { stopped: commitRef(target, stopped.version) } : stopped;
  }

  /** The task as the action has it now, with who edited it last, and why. */
  private async editedTask(stream: string, task: unknown): Promise<EditedTask> {
    const { tenant } = parseStream(stream);
    const { edit: correction } = (await this.approvals.load(tenant, derivedId(tenant, 'approval', stream))).state;
    return { task, by: correction?.by as string, why: correction?.reason as string };
  }

  /** Rounds and approvals about the action have nothing to decide any more. */
  private async askNoMore(stream: string, state: ActionState, reason: string, cause: Cause | undefined): Promise<void> {
    const context = this.context(parseStream(stream).tenant, cause);
    // An action that was stopped asks nobody again of its own accord; one that was let on may have been sent back
    // since.
    const askings = state.status === 'cleared' ? state.refs : undefined;
    if ((await this.transactor.current(actionDecider, stream)).state.status !== state.status) return;
    const asked = new Set(state.refs.map((ref) => parseCommitRef(ref)?.stream as string));
    for (const other of asked) {
      const { category, id } = parseStream(other);
      // Both refuse when they are over already, which is as well.
      if (category === approvalDecider.category)
        await this.approvals.supersede(context, id, cut(reason, 1_000), askings);
      else await this.rounds.cancel(context, id, cut(reason, 1_000));
    }
  }

  // --------------------------------------------------------------------------------------------------------- helpers

  private async decided(
    context: RequestContext,
    id: string,
    action: string,
    decision: Decision<ActionState, ActionEvent>,
  ): Promise<ActionOutcome> {
    return await this.advanced(
      this.actions.name(context.principal.tenant, id),
      await this.actions.decide({ ...context, receiptOfRefusal: true }, id, action, decision),
    );
  }

  /**
   * What it waits for may be late, or doubt of it: that has its receipt before anybody is answered. A veto may come
   * late.
   */
  private async letTimePass(stream: string): Promise<void> {
    const { state } = await this.transactor.load(actionDecider, stream);
    const { held, challenge: doubt } = state;
    const { tenant } = parseStream(stream);
    const context = this.context(tenant, undefined);
    const passed =
      held === undefined
        ? undefined
        : await (held.for === 'round' ? this.rounds : this.approvals).timePassed(context, idOf(held.ref));
    const ended = passed?.ok === true && passed.commit !== undefined;
    if (ended || (doubt !== undefined && doubt.until <= this.now())) await this.advance(stream, undefined);
  }

  /** The outcome, with the state after everything that follows from it at once. */
  private async advanced(stream: string, outcome: ActionOutcome): Promise<ActionOutcome> {
    if (!outcome.ok) return outcome;
    await this.advance(stream, outcome.commit === undefined ? undefined : causeOf(outcome.commit));
    return { ...outcome, ...(await this.transactor.load(actionDecider, stream)) };
  }

  private async abandoned(stream: string, reason: string, cause: Cause | undefined): Promise<ActionOutcome> {
    return await this.act(
      stream,
      'action.refuse',
      abandon(gatekeeper(parseStream(stream).tenant).id, cut(reason, 1_000)),
      cause,
    );
  }

  /**
   * While this process was away nobody could step in, or judge. True when there is time again at `now`; what is late is
   * judged by that same time.
   */
  private async giveTimeBack(stream: string, state: ActionState, now: Time): Promise<boolean> {
    const more = extend(this.deps.watchdog.excused, now);
    const events = more(state);
    if (events instanceof Rejection || events.length === 0) return false;
    const { tenant, id } = parseStream(stream);
    return (await this.actions.decide({ principal: timekeeper(tenant) }, id, 'action.extend', more)).ok;
  }

  private act(
    stream: string,
    action: string,
    decision: Decision<ActionState, ActionEvent>,
    cause: Cause | undefined,
  ): Promise<ActionOutcome> {
    const { tenant, id } = parseStream(stream);
    return this.actions.decide(this.context(tenant, cause), id, action, decision);
  }

  private context(tenant: string, cause: Cause | undefined): RequestContext {
    return { principal: gatekeeper(tenant), cause, reaction: cause !== undefined };
  }

  private async policyFor(principal: Principal, stream: string): Promise<Proposal['policy']> {
    const { proposal } = (await this.transactor.load(actionDecider, stream)).state;
    const { bundle, decision } = await this.transactor.ask(principal, 'action.execute', stream, {
      kind: proposal?.kind,
      impact: proposal?.impact,
      risk: proposal?.risk,
    });
    return { bundle, decision };
  }

  /** The round that decides on a challenge, and the approval by which people decide after it. */
  private async judges(tenant: string, id: string): Promise<{ round: RoundState; asked: ApprovalState }> {
    const { state: round } = await this.transactor.current(roundDecider, roundStream(tenant, id));
    const { state: asked } = await this.approvals.load(tenant, outcomeApproval(tenant, id));
    return { round, asked };
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }
}

/** The approval by which people decide what the agents of a round could not. */
export function outcomeApproval(tenant: string, round: string): string {
  return derivedId(tenant, 'outcome', round);
}

/** An override of an action. The task of one that was stopped is cancelled, whatever anybody says of it afterwards. */
function overriding(
  person: Person,
  instead: Instead,
  reason: string,
  of?: OfRound,
): Decision<ActionState, ActionEvent> {
  const overridden = override(person, instead, reason, of);
  return (state) =>
    instead === 'allow' && state.proposal?.target !== undefined && state.stopped !== undefined
      ? TASK_OVER
      : overridden(state);
}

/** What an event says of a step. */
function dataOf<S extends Step>({ do: _, ...data }: S): Omit<S, 'do'> {
  return data;
}

function idOf(ref: string): string {
  return parseStream(parseCommitRef(ref)?.stream as string).id;
}

/** The action on one screen. */
function summaryOf({ proposal }: ActionState): string {
  const { kind, why, action } = proposal as Proposal;
  return `${kind}: ${cut(why, 600)}\n${cut(JSON.stringify(action), 1_200)}`;
}
