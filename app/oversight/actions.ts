/**
 * Actions at the gate, from the proposal to the end: the rules send each on its way, agents and people are asked, and
 * what they say is carried out. `nextStep` says which step follows from the states of the streams; here they are
 * loaded, and the step is taken. So a step that was lost, or is taken twice, changes nothing.
 */
import { type Decision, refuse, Rejection } from '../../domain/kernel/decider';
import { commitRef, idOf, parseStream, reservedId } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { cut } from '../../domain/kernel/text';
import { type Time, toTime } from '../../domain/kernel/time';
import { taskDecider } from '../../domain/market/task';
import {
  abandon,
  actionDecider,
  type ActionEvent,
  type ActionState,
  type Challenge,
  challenge,
  clear,
  commandGiven,
  compensated,
  edit,
  execute,
  extend,
  extendChallenge,
  hold,
  type Instead,
  isAsked,
  notCarriedOut,
  type OfRound,
  type OpenChallenge,
  openVetoWindow,
  override,
  type Proposal,
  propose,
  refuseAction,
  settleChallenge,
  TASK_OVER,
  timePassed,
  veto,
} from '../../domain/oversight/action';
import { type Known, learnt, nextStep, type Sight, type Step } from '../../domain/oversight/next-step';
import { decideOversight, type Person } from '../../domain/oversight/oversight';
import { DEFAULT_CHOICES, type RoundState } from '../../domain/oversight/round';
import { reasonOf, UPHOLD } from '../../domain/oversight/verdict';
import type { ActionDoc } from '../../projections/oversight/actions';
import { ALL } from '../../projections/projection';
import type { Aggregate, Page, Where } from '../engine/aggregate';
import { type Cause, causeOf, type Outcome, type RequestContext } from '../engine/command';
import type { Clock } from '../engine/ports';
import type { Loaded } from '../engine/streams';
import type { Transactor } from '../engine/transact';
import { timekeeper, type Watchdog } from '../engine/watchdog';
import { ActionHistory } from './action-history';
import { type Approvals, personOf } from './approvals';
import type { Asking } from './asking';
import { asGate, gatekeeper } from './gatekeeper';
import type { HeldCommands } from './held-commands';
import type { Judgement } from './judgement';
import { factsOf, isForGate, type OfGate, wanted } from './of-gate';
import type { Oversight } from './oversight';
import type { PendingDecisions } from './pending-decisions';
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

export interface ActionsDeps {
  readonly actions: Aggregate<ActionState, ActionEvent, ActionDoc>;
  readonly transactor: Transactor;
  readonly oversight: Oversight;
  readonly rounds: Rounds;
  readonly approvals: Approvals;
  readonly asking: Asking;
  readonly judgement: Judgement;
  readonly commands: HeldCommands;
  readonly clock: Clock;
  readonly watchdog: Watchdog;
  readonly pending: PendingDecisions;
}

export class Actions {
  readonly history = new ActionHistory();
  private readonly transactor: Transactor;
  private readonly actions: ActionsDeps['actions'];
  private readonly rounds: Rounds;
  private readonly approvals: Approvals;
  private readonly asking: Asking;
  private readonly judgement: Judgement;

  constructor(private readonly deps: ActionsDeps) {
    const { transactor, actions, rounds, approvals, asking, judgement } = deps;
    this.transactor = transactor;
    this.actions = actions;
    this.rounds = rounds;
    this.approvals = approvals;
    this.asking = asking;
    this.judgement = judgement;
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

  /**
   * Brings an action to the gate, and takes it as far as it goes without waiting for anybody. Refused as
   * `too-many-approvals` while too much of its proposer waits for a decision.
   */
  async propose(context: RequestContext, id: string, input: ProposalInput, of: OfGate = {}): Promise<ActionOutcome> {
    const { principal } = context;
    const { tenant } = principal;
    const reserved = of.target === undefined ? reservedId(id) : undefined;
    if (reserved !== undefined) return { ok: false, rejection: reserved };
    const { kind, confidence, impact, risk, features } = input;
    const stream = this.actions.name(tenant, id);
    const attributes = factsOf(input);
    const [rules, answer] = await Promise.all([
      this.deps.oversight.rules(tenant, kind),
      this.transactor.ask(principal, 'action.gate', stream, attributes),
    ]);
    const { bundle, decision, reasons } = of.command === undefined ? answer : wanted(answer, input.why);
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
    const proposer = { proposed_by: principal.id, proposed_via: principal.via };
    const proposal: Proposal = { ...input, ...proposer, oversight, policy: { bundle, decision }, ...of };
    // A task without room is brought again: it is not refused, and leaves no receipt each time.
    const asked = { ...context, creates: true, receiptOfRefusal: of.target === undefined, attributes };
    const one = {
      stream,
      asker: { id: principal.id, via: principal.via },
      decide: propose(proposal),
      waitsAs: of.target,
      asks: ({ type }: ActionEvent) => type === 'ActionProposed' && isAsked(proposal),
    };
    const outcome = await this.deps.pending.admit(one, (decide) =>
      this.actions.decide(asked, id, 'action.propose', decide),
    );
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
      state.proposal === undefined || (state.proposal.proposed_by === principal.id && !isForGate(state.proposal))
        ? letGo(state)
        : NOT_ITS_OWN;
    const { proposal } = (await this.transactor.load(actionDecider, stream)).state;
    const asked = { ...context, receiptOfRefusal: true, attributes: proposal && factsOf(proposal) };
    const one = {
      stream,
      asker: { id: principal.id, via: principal.via },
      decide: decision,
      waitsAs: undefined,
      asks: ({ type }: ActionEvent) => type === 'ActionReturned',
    };
    const outcome = await this.deps.pending.admit(one, (decide) =>
      this.actions.decide(asked, id, 'action.execute', decide),
    );
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

  /** What it was for is over: it does not happen, however far it was cleared. What was taken already stays taken. */
  async abandon(stream: string, reason: string, cause: Cause | undefined): Promise<ActionOutcome> {
    return await this.advanced(stream, await this.abandoned(stream, reason, cause));
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
  list(tenant: string, where: Where, limit: number, continuation?: string): Promise<Page<ActionDoc>> {
    return this.actions.list(tenant, { key: ALL, where }, limit, continuation);
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
        return { verdict: { is: await this.judgement.verdict(tenant, (doubt as OpenChallenge).round) } };
      case 'late':
        return { late: await this.judgement.overdue(tenant, (doubt as OpenChallenge).round) };
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
    const context = asGate(tenant, cause);
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
        return await this.asking.askAgents(stream, state, step.rules, context);
      case 'askPeople':
        return await this.asking.askPeople(stream, state, step, context);
      case 'askAgain':
        return await this.asking.askAgain(state, step, context);
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
        await this.asking.askNoMore(stream, state, step.reason, context);
        return undefined;
      case 'carryOut': {
        const policy = await this.policyFor(context.principal, stream);
        const attributes = state.proposal && factsOf(state.proposal);
        const taken = execute({ by, hash: step.hash, policy }, this.now());
        return await this.actions.decide({ ...context, attributes }, idOf(stream), 'action.execute', taken);
      }
      case 'giveCommand': {
        const came = await this.deps.commands.give(stream, state, cause);
        return came && (await act('action.give', commandGiven(came)));
      }
      case 'clearTask':
        return await this.asking.clearTask(stream, state, step, context);
      case 'stopTask':
        return await this.asking.stopTask(step, context);
      case 'compensated':
        return await act('action.compensated', compensated({ by, ref: step.ref }));
      case 'notCarriedOut':
        return await act('action.compensated', notCarriedOut({ by, ref: step.ref, reason: step.reason }));
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
    const context = asGate(tenant);
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
    const more = extend(await this.deps.watchdog.excuseOf(stream), now);
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
    return this.actions.decide(asGate(tenant, cause), id, action, decision);
  }

  private async policyFor(principal: Principal, stream: string): Promise<Proposal['policy']> {
    const { proposal } = (await this.transactor.load(actionDecider, stream)).state;
    const facts = proposal === undefined ? {} : factsOf(proposal);
    const { bundle, decision } = await this.transactor.ask(principal, 'action.gate', stream, facts);
    return { bundle, decision };
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }
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
