/**
 * Actions at the gate, from the proposal to the end: the rules send each on its way, agents and people are asked, and
 * what they say is carried out. The next step always follows from the states of the streams, so a step that was lost,
 * or is taken twice, changes nothing.
 */
import { type Decision, refuse, Rejection } from '../../domain/kernel/decider';
import { commitRef, parseCommitRef, parseStream, reservedId, streamName } from '../../domain/kernel/ids';
import { differences } from '../../domain/kernel/json-diff';
import type { Principal } from '../../domain/kernel/principal';
import { cut } from '../../domain/kernel/text';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { type EditedTask, isAlive, taskDecider } from '../../domain/market/task';
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
  type Proposal,
  propose,
  refuseAction,
  settleChallenge,
  TASK_OVER,
  timePassed,
  veto,
} from '../../domain/oversight/action';
import { type AgentInput, type ApprovalState, deadlineOf } from '../../domain/oversight/approval';
import {
  CHALLENGE_KIND,
  decideOversight,
  type Features,
  MAX_SEEN,
  type Novelty,
  noveltyOf,
  type OversightAnswer,
  oversightDecider,
  type OversightRules,
  type Person,
  rulesFor,
  type Seen,
} from '../../domain/oversight/oversight';
import { choiceOf, DEFAULT_CHOICES, roundDecider, type RoundState } from '../../domain/oversight/round';
import type { ActionDoc } from '../../projections/oversight/actions';
import { ALL } from '../../projections/projection';
import { pagesOf, sourcesOf } from '../../projections/projection';
import { derivedId, derivedSystemId } from '../engine/new-id';
import type { Clock, ViewStore } from '../engine/ports';
import type { RequestContext } from '../engine/transact';
import { type Cause, causeOf, type Loaded, type Outcome, type Transactor } from '../engine/transact';
import type { Views } from '../engine/views';
import { timekeeper, type Watchdog } from '../engine/watchdog';
import { type Tasks, taskStream } from '../market/tasks';
import { type Approvals, personOf } from './approvals';
import { oversightStream } from './oversight';
import { type Rounds, roundStream } from './rounds';

export type ActionOutcome = Outcome<ActionState, ActionEvent>;

/** An action as somebody proposes it. */
export type ProposalInput = Pick<Proposal, 'kind' | 'action' | 'why' | 'confidence' | 'impact' | 'risk' | 'features'>;

const [APPROVE, REJECT] = DEFAULT_CHOICES;
/** What a round about a challenge chooses from. */
export const UPHOLD = 'uphold';
export const DISMISS = 'dismiss';
export const CHALLENGE_CHOICES = [UPHOLD, DISMISS] as const;
/** Neither agents nor people decided on a challenge; no id, so no choice is called so. */
export const NOBODY = '';
/** Whoever made the challenge has taken it back: nobody gets right by that. */
const TAKEN_BACK = ' ';

const NOT_ITS_OWN = new Rejection(
  'forbidden',
  'not-the-proposer',
  'an action is taken by whoever proposed it; one that is for a task is carried out by the gate itself',
);

/** What a verdict may take on its way, beyond the times of the round and of the people asked after it. */
const SPARE_SECONDS = 60;

/** More steps than any way through the gate has. */
const MAX_STEPS = 12;
/** For a veto when the rules that opened its window have lost their `veto_seconds` meanwhile. */
const VETO_SECONDS = 3_600;

export function actionStream(tenant: string, id: string): string {
  return streamName(tenant, 'action', id);
}

/** An action as the API shows it. */
export function actionView(
  id: string,
  { state, version }: Pick<Loaded<ActionState>, 'state' | 'version'>,
): Record<string, unknown> {
  const { proposal, ...rest } = state;
  return { id, version, ...proposal, ...rest };
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

export class Actions {
  readonly history = new ActionHistory();

  constructor(
    private readonly transactor: Transactor,
    private readonly rounds: Rounds,
    private readonly approvals: Approvals,
    private readonly tasks: Tasks,
    private readonly viewStore: ViewStore,
    private readonly views: Views,
    private readonly clock: Clock,
    private readonly watchdog: Watchdog,
  ) {}

  /**
   * Fills the history from the view, page by page, and keeps the latest of each kind; the feed brings what the view has
   * not seen.
   */
  async open(): Promise<void> {
    const executed = pagesOf<ActionDoc>(this.viewStore, this.views.serving('actions'), {
      key: ALL,
      where: { status: 'executed' },
    });
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
    const stream = actionStream(tenant, id);
    const [rules, answer] = await Promise.all([
      this.rules(tenant, kind),
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
    const outcome = await this.command(
      { ...context, creates: true, receiptOfRefusal: true },
      id,
      'action.propose',
      propose(proposal),
      { kind, impact, risk },
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
    const stream = actionStream(principal.tenant, id);
    const now = this.now();
    await this.giveTimeBack(stream, (await this.transactor.load(actionDecider, stream)).state, now);
    const letGo = execute({ ...taken, by: principal.id, policy: await this.policyFor(principal, stream) }, now);
    // Whoever takes an action with a wrong hash sends it back to people: nobody else may do that.
    const decision: Decision<ActionState, ActionEvent> = (state) =>
      state.proposal === undefined ||
      (state.proposal.proposed_by === principal.id && state.proposal.target === undefined)
        ? letGo(state)
        : NOT_ITS_OWN;
    const outcome = await this.command({ ...context, receiptOfRefusal: true }, id, 'action.execute', decision);
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
    await this.letTimePass(actionStream(context.principal.tenant, id));
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
    return await this.command(
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
    await this.letTimePass(actionStream(context.principal.tenant, id));
    return await this.decided(context, id, 'action.challenge', challenge(challenged));
  }

  /** The round of a challenge could not be opened: there is nothing to wait for. */
  async dropChallenge(stream: string, round: string, reason: string, cause: Cause | undefined): Promise<void> {
    await this.advanced(
      stream,
      await this.act(stream, 'action.settle-challenge', settleChallenge(round, false, reason), cause),
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

  /**
   * What came of the round of a challenge: a choice, `NOBODY` or `TAKEN_BACK`; undefined while agents or people may
   * still decide.
   */
  async verdict(tenant: string, id: string): Promise<string | undefined> {
    const { state: round } = await this.transactor.current(roundDecider, roundStream(tenant, id));
    // One that somebody else has opened in its place has no say.
    if (round.spec !== undefined && round.spec.challenges === undefined) return DISMISS;
    const choice = choiceOf(round);
    if (choice !== undefined) return choice;
    const { outcome } = (await this.approvals.load(tenant, outcomeApproval(tenant, id))).state;
    if (outcome === 'withdrawn') return TAKEN_BACK;
    return round.status === 'cancelled' || outcome === 'defaulted' || outcome === 'rejected' ? NOBODY : undefined;
  }

  /**
   * By when a challenge has its verdict at the latest, as things stand now; undefined where nobody decides on it any
   * more. Its round, and the people who are asked after it, may have been given time back.
   */
  async verdictDue(tenant: string, id: string): Promise<Time | undefined> {
    const {
      status,
      deadline,
      finished_at,
      escalation,
      override: other,
    } = (await this.transactor.current(roundDecider, roundStream(tenant, id))).state;
    const asked = (await this.approvals.load(tenant, outcomeApproval(tenant, id))).state;
    if (asked.status === 'waiting') return plusSeconds(deadlineOf(asked) as Time, SPARE_SECONDS);
    const patience = secondsAfterRound(await this.rules(tenant, CHALLENGE_KIND));
    if (status === 'open') return plusSeconds(deadline, patience);
    return asked.status === 'unknown' && escalation !== undefined && other === undefined
      ? plusSeconds(finished_at as Time, patience)
      : undefined;
  }

  /**
   * What becomes of a challenge whose time is over: its verdict, if there is one by now; else more time, if there will
   * be one; else `NOBODY` decides it.
   */
  async overdue(tenant: string, id: string): Promise<{ readonly verdict: string } | { readonly until: Time }> {
    const context = this.context(tenant, undefined);
    await this.rounds.timePassed(context, id);
    await this.approvals.timePassed(context, outcomeApproval(tenant, id));
    const verdict = await this.verdict(tenant, id);
    if (verdict !== undefined) return { verdict };
    const until = await this.verdictDue(tenant, id);
    return until === undefined || until <= this.now() ? { verdict: NOBODY } : { until };
  }

  /** Whoever decides on a challenge of the action has been given time back. */
  async extendChallenge(stream: string, round: string, until: Time, cause: Cause | undefined): Promise<ActionOutcome> {
    const { tenant, id } = parseStream(stream);
    return await this.command(
      { principal: timekeeper(tenant), cause, reaction: cause !== undefined },
      id,
      'action.extend-challenge',
      extendChallenge({ round, until }, this.now()),
    );
  }

  load(tenant: string, id: string, asOf?: Time): Promise<Loaded<ActionState>> {
    const stream = actionStream(tenant, id);
    return asOf === undefined
      ? this.transactor.load(actionDecider, stream)
      : this.transactor.loadAt(actionDecider, stream, { asOf });
  }

  /** A page of the tenant's actions, in order of id; as far as the view has come. */
  async list(
    tenant: string,
    where: Readonly<Record<string, string>>,
    limit: number,
    continuation?: string,
  ): Promise<{ actions: readonly ActionDoc[]; continuation?: string }> {
    const page = await this.viewStore.query<ActionDoc>(this.views.serving('actions'), {
      tenant,
      key: ALL,
      where,
      limit,
      continuation,
    });
    return { actions: page.rows.map(({ doc }) => doc), continuation: page.continuation };
  }

  /** The actions whose veto window is open, of all tenants, as streams; as far as the view has come. */
  waiting(): AsyncGenerator<string> {
    return sourcesOf(this.viewStore, this.views.serving('actions'), { where: { status: 'veto_window' } });
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

  private async step(stream: string, state: ActionState, cause: Cause | undefined): Promise<ActionOutcome | undefined> {
    // What follows from that is in its own commit.
    const now = this.now();
    if (await this.giveTimeBack(stream, state, now)) return undefined;
    const settled =
      state.challenge === undefined ? undefined : await this.settle(stream, state, state.challenge, now, cause);
    if (settled?.ok === true) return settled;
    switch (state.status) {
      case 'proposed':
        return await this.send(stream, state, (state.proposal as Proposal).oversight, cause);
      case 'returned':
        return await this.askPeople(stream, state, cause);
      case 'held':
        return await (state.held?.for === 'round'
          ? this.afterRound(stream, state, cause)
          : this.afterApproval(stream, state, cause));
      case 'veto_window':
        return await this.act(stream, 'action.time-passed', timePassed(now), cause);
      case 'cleared':
        if (state.cleared?.by === 'override')
          await this.askNoMore(
            stream,
            state,
            state.override === undefined
              ? 'a person let it on'
              : `${state.override.by} let it on: ${state.override.reason}`,
            cause,
          );
        return await this.carryOut(stream, state, cause);
      case 'executed':
        return await this.afterwards(stream, state, cause);
      case 'refused':
      case 'vetoed':
        await this.callOff(stream, state, cause);
        return undefined;
      case 'unknown':
        return undefined;
    }
  }

  /** On the way that the rules answered. */
  private async send(
    stream: string,
    state: ActionState,
    { path }: OversightAnswer,
    cause: Cause | undefined,
  ): Promise<ActionOutcome | undefined> {
    if (path === 'act') return await this.act(stream, 'action.clear', clear({ by: 'rules', hash: state.hash }), cause);
    if (path === 'veto_window')
      return await this.act(
        stream,
        'action.open-veto-window',
        openVetoWindow(await this.vetoSeconds(stream, state), this.now()),
        cause,
      );
    const { round } = await this.rulesOf(stream, state);
    return path === 'round' && round !== undefined
      ? await this.askAgents(stream, state, round, cause)
      : await this.askPeople(stream, state, cause);
  }

  private async askAgents(
    stream: string,
    state: ActionState,
    rules: NonNullable<OversightRules['round']>,
    cause: Cause | undefined,
  ): Promise<ActionOutcome | undefined> {
    const { tenant } = parseStream(stream);
    const { kind, impact, risk } = state.proposal as Proposal;
    const id = derivedSystemId(tenant, 'round', stream);
    const { when: _, round_seconds, improvement_rounds, ...electorate } = rules;
    const opened = await this.rounds.openSystem(this.context(tenant, cause), id, {
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
    if (!opened.ok) return await this.askPeople(stream, state, cause);
    return await this.act(
      stream,
      'action.hold',
      hold({ for: 'round', ref: commitRef(roundStream(tenant, id), 0) }),
      cause,
    );
  }

  /** The agents' answer is one more input of the rules; a clear no stands. */
  private async afterRound(
    stream: string,
    state: ActionState,
    cause: Cause | undefined,
  ): Promise<ActionOutcome | undefined> {
    const ref = state.held?.ref as string;
    const round = (await this.rounds.load(parseStream(stream).tenant, idOf(ref))).state;
    if (round.status === 'open' || round.status === 'unknown') return undefined;
    // A person's word is no vote of agents: it is bound to the rules of an override, and where these refuse it, people
    // are asked.
    if (round.override !== undefined) {
      const overridden = await this.overriddenRound(stream, round, cause);
      if (overridden?.ok === true) return overridden;
      const { by, choice, reason } = round.override;
      const said: AgentInput = { by, says: cut(`overrode the round with ${choice}: ${reason}`, 500) };
      return await this.askPeople(stream, state, cause, { inputs: [...inputsOf(round), said] });
    }
    const choice = choiceOf(round);
    if (choice === REJECT)
      return await this.act(
        stream,
        'action.refuse',
        refuseAction({ by: 'round', ref, reason: 'the agents decided against it' }),
        cause,
      );
    const consensus_score = choice === APPROVE ? (round.tally?.score ?? 0) : 0;
    const oversight = decideOversight(
      { ...(state.proposal as Proposal).oversight.input, consensus_score },
      await this.rulesOf(stream, state),
    );
    if (oversight.path === 'act')
      return await this.act(stream, 'action.clear', clear({ by: 'round', ref, hash: state.hash, oversight }), cause);
    if (oversight.path === 'veto_window')
      return await this.act(
        stream,
        'action.open-veto-window',
        openVetoWindow(await this.vetoSeconds(stream, state), this.now(), oversight),
        cause,
      );
    return await this.askPeople(stream, state, cause, { oversight, inputs: inputsOf(round) });
  }

  private async askPeople(
    stream: string,
    state: ActionState,
    cause: Cause | undefined,
    after?: { oversight?: OversightAnswer; inputs: AgentInput[] },
  ): Promise<ActionOutcome | undefined> {
    const { tenant } = parseStream(stream);
    const { kind, proposed_by, why, impact, risk, confidence } = state.proposal as Proposal;
    const rules = await this.rulesOf(stream, state);
    const id = derivedId(tenant, 'approval', stream);
    const context = this.context(tenant, cause);
    const policy = state.policy as Proposal['policy'];
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
      policy,
      inputs: [{ by: proposed_by, says: cut(why, 500), confidence }, ...(after?.inputs ?? [])],
      safe_default: rules.safe_default,
      ladder: rules.approvers,
    });
    let approval = (await this.approvals.load(tenant, id)).state;
    // It was asked before, about what the action was then.
    const again = state.refs.includes(approval.opened_ref) && cause !== undefined;
    if (again) {
      const reopened = await this.approvals.reopen(context, id, {
        ref: cause.ref,
        reason: 'the action came back: it was changed, or policy has become stricter',
        hash: state.hash,
        policy,
        parties: actionParties(state),
      });
      if (!reopened.ok)
        return await this.act(
          stream,
          'action.refuse',
          refuseAction({ by: 'oversight', ref: state.held?.ref, reason: reopened.rejection.message }),
          cause,
        );
      approval = reopened.state;
    } else if (!asked.ok && approval.request === undefined) {
      return await this.act(
        stream,
        'action.refuse',
        refuseAction({
          by: 'oversight',
          ref: state.held?.ref,
          reason: `nobody could be asked: ${asked.rejection.message}`,
        }),
        cause,
      );
    }
    return await this.holdFor(
      stream,
      state,
      { for: 'approval', ref: approval.opened_ref, oversight: after?.oversight },
      cause,
    );
  }

  private async afterApproval(
    stream: string,
    state: ActionState,
    cause: Cause | undefined,
  ): Promise<ActionOutcome | undefined> {
    const ref = state.held?.ref as string;
    const { tenant } = parseStream(stream);
    const approval = (await this.approvals.load(tenant, idOf(ref))).state;
    // It was opened again, and whoever did so could not say it here any more.
    if (approval.opened_ref !== ref)
      return await this.holdFor(stream, state, { for: 'approval', ref: approval.opened_ref }, cause);
    if (approval.status !== 'closed') return undefined;
    switch (approval.outcome) {
      case 'approved': {
        const { hash, edit: correction } = approval;
        if (correction?.hash === hash && hash !== state.hash) {
          // Of several corrections the last says only what it changed of the one before.
          const changes = differences(state.proposal?.action, correction.action);
          return await this.act(
            stream,
            'action.edit',
            edit({ from_hash: state.hash, action: correction.action, changes, by: correction.by, ref }),
            cause,
          );
        }
        return await this.act(stream, 'action.clear', clear({ by: 'approval', ref, hash }), cause);
      }
      case 'defaulted':
        if (approval.request?.safe_default === 'postpone') return await this.postpone(stream, state, approval, cause);
        return await this.act(
          stream,
          'action.refuse',
          refuseAction({ by: 'safe-default', ref, reason: nobodyDecided(approval) }),
          cause,
        );
      case 'rejected':
        return await this.act(
          stream,
          'action.refuse',
          refuseAction({ by: approval.rejected?.by as string, ref, reason: approval.rejected?.reason as string }),
          cause,
        );
      case 'withdrawn':
        return await this.act(
          stream,
          'action.refuse',
          refuseAction({ by: approval.request?.requester as string, ref, reason: 'it was withdrawn' }),
          cause,
        );
      default:
        return undefined;
    }
  }

  /** Asks anew with the whole time again, as often as an approval can be opened; then it is refused. */
  private async postpone(
    stream: string,
    state: ActionState,
    approval: ApprovalState,
    cause: Cause | undefined,
  ): Promise<ActionOutcome | undefined> {
    const ref = state.held?.ref as string;
    const { tenant } = parseStream(stream);
    const reopened = await this.approvals.reopen(this.context(tenant, cause), idOf(ref), {
      ref,
      reason: `${nobodyDecided(approval)}: postponed`,
      hash: state.hash,
      policy: state.policy as Proposal['policy'],
      parties: actionParties(state),
    });
    if (!reopened.ok)
      return await this.act(
        stream,
        'action.refuse',
        refuseAction({ by: 'safe-default', ref, reason: reopened.rejection.message }),
        cause,
      );
    return await this.holdFor(stream, state, { for: 'approval', ref: reopened.state.opened_ref }, cause);
  }

  /** Nothing waits for ever: what was held too often is refused. */
  private async holdFor(
    stream: string,
    state: ActionState,
    what: Parameters<typeof hold>[0],
    cause: Cause | undefined,
  ): Promise<ActionOutcome> {
    const held = await this.act(stream, 'action.hold', hold(what), cause);
    if (held.ok || held.rejection.code !== 'held-too-often') return held;
    return await this.act(
      stream,
      'action.refuse',
      refuseAction({ by: 'oversight', ref: state.held?.ref, reason: held.rejection.message }),
      cause,
    );
  }

  private async settle(
    stream: string,
    state: ActionState,
    { round: id, until }: OpenChallenge,
    now: Time,
    cause: Cause | undefined,
  ): Promise<ActionOutcome | undefined> {
    const { tenant } = parseStream(stream);
    const decided = await this.verdict(tenant, id);
    if (decided === undefined && until > now) return undefined;
    const ended = decided === undefined ? await this.overdue(tenant, id) : { verdict: decided };
    if ('until' in ended) return await this.extendChallenge(stream, id, ended.until, cause);
    const { verdict } = ended;
    // Silence neither takes an action nor undoes one.
    const upheld = verdict === NOBODY ? state.status !== 'executed' : verdict === UPHOLD;
    return await this.act(
      stream,
      'action.settle-challenge',
      settleChallenge(
        id,
        upheld,
        reasonOf(verdict, id),
        verdict === NOBODY && decided === undefined ? true : undefined,
      ),
      cause,
    );
  }

  /** Agents have upheld a challenge; perhaps after its time. */
  async upheld(stream: string, round: string, cause: Cause | undefined): Promise<void> {
    await this.advanced(
      stream,
      await this.act(stream, 'action.settle-challenge', settleChallenge(round, true, reasonOf(UPHOLD, round)), cause),
    );
  }

  /** What has a target is carried out here; anything else waits for whoever proposed it to do it. */
  private async carryOut(
    stream: string,
    state: ActionState,
    cause: Cause | undefined,
  ): Promise<ActionOutcome | undefined> {
    const { target } = state.proposal as Proposal;
    if (target === undefined || state.challenge !== undefined) return undefined;
    const { tenant } = parseStream(stream);
    // The task may have ended since, and what it was to do is not done then.
    const { state: task } = await this.transactor.current(taskDecider, target);
    if (!isAlive(task)) return await this.abandoned(stream, `the task is ${task.status}`, cause);
    const policy = await this.policyFor(gatekeeper(tenant), stream);
    return await this.act(
      stream,
      'action.execute',
      execute({ by: gatekeeper(tenant).id, hash: state.cleared?.hash as string, policy }, this.now()),
      cause,
    );
  }

  private async afterwards(
    stream: string,
    state: ActionState,
    cause: Cause | undefined,
  ): Promise<ActionOutcome | undefined> {
    const { target, action } = state.proposal as Proposal;
    const { tenant } = parseStream(stream);
    this.history.add(tenant, stream, state);
    if (target === undefined) return undefined;
    const { id } = parseStream(target);
    if (state.compensation?.due === false) return undefined;
    if (state.compensation === undefined) {
      await this.tasks.clear(
        this.context(tenant, cause),
        id,
        stream,
        state.hash === state.proposed_hash ? undefined : await this.editedTask(stream, action),
      );
      return await this.neverBegun(stream, target, cause);
    }
    // A task that is not done yet is undone by stopping it; what was done already is for people to undo.
    const stopped = await this.tasks.cancel(this.context(tenant, cause), id, cut(state.compensation.reason, 1_000));
    if (!stopped.ok) return await this.neverBegun(stream, target, cause);
    return await this.act(
      stream,
      'action.compensated',
      compensated({ by: gatekeeper(tenant).id, ref: commitRef(taskStream(tenant, id), stopped.version) }),
      cause,
    );
  }

  /**
   * The task may have ended after the last look at it and before the action was let go, or before anybody held it: then
   * nothing was carried out.
   */
  private async neverBegun(
    stream: string,
    target: string,
    cause: Cause | undefined,
  ): Promise<ActionOutcome | undefined> {
    const { state: task, version } = await this.transactor.load(taskDecider, target);
    if (isAlive(task) || task.awards > 0) return undefined;
    const reason = cut(
      `nothing was carried out, and nothing is to be undone: the task is ${task.status}${task.ended === undefined ? '' : `: ${task.ended.reason}`}`,
      1_000,
    );
    return await this.act(
      stream,
      'action.compensated',
      notCarriedOut({ by: gatekeeper(parseStream(stream).tenant).id, ref: commitRef(target, version), reason }),
      cause,
    );
  }

  /** The task as the action has it now, with who edited it last, and why. */
  private async editedTask(stream: string, task: unknown): Promise<EditedTask> {
    const { tenant } = parseStream(stream);
    const { edit: correction } = (await this.approvals.load(tenant, derivedId(tenant, 'approval', stream))).state;
    return { task, by: correction?.by as string, why: correction?.reason as string };
  }

  /** Nothing more is asked about an action that was stopped, and nothing waits for it. */
  private async callOff(stream: string, state: ActionState, cause: Cause | undefined): Promise<void> {
    const { tenant } = parseStream(stream);
    const reason = state.stopped?.reason ?? 'it was stopped';
    await this.askNoMore(stream, state, reason, cause);
    const { target } = state.proposal as Proposal;
    if (target !== undefined)
      await this.tasks.cancel(this.context(tenant, cause), parseStream(target).id, cut(reason, 1_000));
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
      if (category === 'approval') await this.approvals.supersede(context, id, cut(reason, 1_000), askings);
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
      actionStream(context.principal.tenant, id),
      await this.command({ ...context, receiptOfRefusal: true }, id, action, decision),
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
    const more = extend(this.watchdog.excused, now);
    const events = more(state);
    if (events instanceof Rejection || events.length === 0) return false;
    const { tenant, id } = parseStream(stream);
    return (await this.command({ principal: timekeeper(tenant) }, id, 'action.extend', more)).ok;
  }

  private act(
    stream: string,
    action: string,
    decision: Decision<ActionState, ActionEvent>,
    cause: Cause | undefined,
  ): Promise<ActionOutcome> {
    const { tenant, id } = parseStream(stream);
    return this.command(this.context(tenant, cause), id, action, decision);
  }

  private command(
    context: RequestContext,
    id: string,
    action: string,
    decision: Decision<ActionState, ActionEvent>,
    attributes?: Record<string, unknown>,
  ): Promise<ActionOutcome> {
    return this.transactor.transact(actionDecider, actionStream(context.principal.tenant, id), decision, {
      ...context,
      action,
      attributes,
    });
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

  private async vetoSeconds(stream: string, state: ActionState): Promise<number> {
    return (await this.rulesOf(stream, state)).veto_seconds ?? VETO_SECONDS;
  }

  private rulesOf(stream: string, state: ActionState): Promise<OversightRules> {
    return this.rules(parseStream(stream).tenant, (state.proposal as Proposal).kind);
  }

  private async rules(tenant: string, kind: string): Promise<OversightRules> {
    return rulesFor((await this.transactor.load(oversightDecider, oversightStream(tenant))).state, kind);
  }

  private now(): Time {
    return toTime(this.clock.now());
  }
}

/**
 * Seconds from the end of a challenge's round until it has its verdict at the latest: every group of people may be
 * asked.
 */
export function secondsAfterRound({ approvers }: OversightRules): number {
  return approvers.reduce((sum, { seconds }) => sum + seconds, SPARE_SECONDS);
}

/** The approval by which people decide what the agents of a round could not. */
export function outcomeApproval(tenant: string, round: string): string {
  return derivedId(tenant, 'outcome', round);
}

/** Why a challenge ends as it does. */
export function reasonOf(verdict: string, round: string): string {
  if (verdict === TAKEN_BACK) return `the challenge in the round ${round} was taken back`;
  return verdict === NOBODY
    ? `nobody decided on the challenge in the round ${round}`
    : `the round ${round} decided to ${verdict} the challenge`;
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

/** Why the safe default holds: who was asked, and until when. */
function nobodyDecided({ request: asked, ends }: ApprovalState): string {
  return `nobody of ${asked?.ladder.map(({ group }) => group).join(', ')} decided by ${ends.at(-1)}`;
}

function idOf(ref: string): string {
  return parseStream(parseCommitRef(ref)?.stream as string).id;
}

/** The action on one screen. */
function summaryOf({ proposal }: ActionState): string {
  const { kind, why, action } = proposal as Proposal;
  return `${kind}: ${cut(why, 600)}\n${cut(JSON.stringify(action), 1_200)}`;
}

/** What the agents said, in few lines: the count, then those who dissented. */
export function inputsOf({ tally }: RoundState): AgentInput[] {
  if (tally === undefined) return [];
  const counted = tally.choices.map(({ choice, share }) => `${choice} ${Math.round(share * 1000) / 10} %`).join(', ');
  const says = tally.quorum_met
    ? `the agents voted: ${counted}`
    : `no quorum; those who voted: ${counted === '' ? 'none' : counted}`;
  return [
    { by: 'round', says, confidence: tally.mean_confidence },
    ...tally.dissent.slice(0, 8).map(({ voter, choice, confidence, reasoning }) => ({
      by: voter,
      says: cut(`${choice}: ${reasoning}`, 500),
      confidence,
    })),
  ];
}
