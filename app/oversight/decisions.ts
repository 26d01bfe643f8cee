/**
 * What follows from rounds, approvals and actions: whoever waits is told, people are notified, deadlines are set, and
 * the next step is taken. As every reaction it looks at the states of the streams, so a redelivery finds nothing left
 * to do.
 *
 * Durable orchestrations wait beside the deadlines: each round, approval and veto window has one. They hold no truth;
 * where none runs, or one was lost, the deadline does the same a little later.
 */
import type { Commit } from '../../domain/kernel/commit';
import { parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { cut } from '../../domain/kernel/text';
import { plusSeconds, type Time } from '../../domain/kernel/time';
import {
  isAlive,
  taskDecider,
  type TaskEvent,
  type TaskOversight,
  type TaskSpec,
  type TaskState,
} from '../../domain/market/task';
import { deliveryDecider } from '../../domain/notices/delivery';
import { type Matter, type NoticeEvent, noticeOf } from '../../domain/notices/notice';
import {
  actionDecider,
  actionDue,
  type ActionEvent,
  actionHash,
  type ActionState,
  actionStream,
} from '../../domain/oversight/action';
import {
  approvalDecider,
  approvalDue,
  type ApprovalEvent,
  type ApprovalState,
  deadlineOf,
  MAX_SUMMARY,
} from '../../domain/oversight/approval';
import { inputsOf } from '../../domain/oversight/next-step';
import { severityOf } from '../../domain/oversight/oversight';
import { choiceOf, roundDecider, roundDue, type RoundEvent, type RoundState } from '../../domain/oversight/round';
import { reasonOf, UPHOLD } from '../../domain/oversight/verdict';
import { type Cause, causeOf, type RequestContext } from '../engine/command';
import type { Consumer } from '../engine/feed';
import type { Clock, Deadline, Deadlines, Orchestrations } from '../engine/ports';
import type { Transactor } from '../engine/transact';
import type { RoundBook } from '../market/books';
import type { Tasks } from '../market/tasks';
import { gateOf } from '../market/why-not';
import type { Deliveries } from '../notices/deliveries';
import { type Actions, gatekeeper, outcomeApproval } from './actions';
import type { Approvals } from './approvals';
import type { Challenges } from './challenges';
import type { Oversight } from './oversight';
import type { Rounds } from './rounds';

/** Reasons of the deadlines that lead to `onDeadline`; each is the category of the stream. */
export const DECISION_DUE = ['round', 'approval', 'action'] as const;
export type DecisionDue = (typeof DECISION_DUE)[number];

/** How long after the time an orchestration may still act before the deadline does. */
const GRACE_SECONDS = 5;
/** Kind of the approvals that decide a round which the agents could not. */
export const OUTCOME_KIND = 'round.outcome';

/** Where people find a colony that nobody has given an address: this machine. */
export const PUBLIC_URL = 'http://127.0.0.1:7071';

export class Decisions implements Consumer {
  readonly name = 'decisions';
  private orchestrations: Orchestrations | undefined;
  /** Calls to orchestrations that are under way, by stream. */
  private readonly calls = new Map<string, Promise<void>>();

  constructor(
    private readonly transactor: Transactor,
    private readonly book: RoundBook,
    private readonly tasks: Tasks,
    private readonly rounds: Rounds,
    private readonly approvals: Approvals,
    private readonly actions: Actions,
    private readonly challenges: Challenges,
    private readonly oversight: Oversight,
    private readonly deliveries: Deliveries,
    private readonly deadlines: Deadlines,
    private readonly clock: Clock,
    /** Where people find the colony, for example `https://formicary.example`. */
    private readonly publicUrl: string,
    private readonly report: (message: string, facts: Record<string, unknown>) => void,
  ) {
    transactor.onCommitted(({ category, stream, state, version }) => {
      const { tenant, id } = parseStream(stream);
      if (category === 'round') this.book.update(tenant, id, stream, state as RoundState, version);
    });
  }

  /** From now on orchestrations wait, and the deadlines are their safety net. */
  connect(orchestrations: Orchestrations): void {
    this.orchestrations = orchestrations;
  }

  /** Calls no orchestration any more, and waits for the calls that are under way. */
  async stop(): Promise<void> {
    this.orchestrations = undefined;
    await Promise.all(this.calls.values());
  }

  async handle(commits: readonly Commit[]): Promise<void> {
    const byStream = new Map<string, Commit[]>();
    const sent: Commit[] = [];
    for (const commit of commits) {
      const { category } = parseStream(commit.stream);
      if (category === deliveryDecider.category) sent.push(commit);
      if (
        category !== 'round' &&
        category !== 'approval' &&
        category !== 'action' &&
        !(category === 'task' && concerns(commit))
      )
        continue;
      const of = byStream.get(commit.stream);
      if (of === undefined) byStream.set(commit.stream, [commit]);
      else of.push(commit);
    }
    const due: Deadline[] = [];
    const results = await Promise.allSettled([...byStream].map(([stream, own]) => this.stream(stream, own, due)));
    if (due.length > 0) await this.deadlines.schedule(due);
    if (sent.length > 0) await this.deliveries.handle(sent);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Every stream that waits, and so should have an orchestration; as far as the views have come. */
  async *waiting(): AsyncGenerator<string> {
    for (const one of [this.rounds, this.approvals, this.actions]) yield* one.waiting();
  }

  /** The time of a round, an approval or a veto window has passed, or may have; answers when to look again. */
  async onDeadline(stream: string): Promise<Time | undefined> {
    const due = await this.timePassed(stream);
    if (due === undefined) return undefined;
    // Whoever should have waited for it may be lost.
    this.orchestrate('start', stream);
    return this.watched(due);
  }

  /** Has the clock's say on a stream; answers when to look next, undefined when nothing waits any more. */
  async timePassed(stream: string): Promise<Time | undefined> {
    const { tenant, category, id } = parseStream(stream);
    switch (category as DecisionDue) {
      case 'round':
        await this.rounds.timePassed({ principal: gatekeeper(tenant) }, id);
        break;
      case 'approval':
        await this.approvals.timePassed({ principal: gatekeeper(tenant) }, id);
        break;
      case 'action':
        await this.actions.advance(stream, undefined);
    }
    return await this.dueOf(stream);
  }

  /** When the stream is to be looked at next, as it stands now; undefined when nothing waits. */
  async dueOf(stream: string): Promise<Time | undefined> {
    switch (parseStream(stream).category as DecisionDue) {
      case 'round':
        return roundDue((await this.transactor.current(roundDecider, stream)).state);
      case 'approval':
        return approvalDue((await this.transactor.current(approvalDecider, stream)).state);
      case 'action':
        return actionDue((await this.transactor.current(actionDecider, stream)).state);
    }
  }

  // ------------------------------------------------------------------------------------------------------- streams

  private async stream(stream: string, commits: readonly Commit[], due: Deadline[]): Promise<void> {
    const last = commits.at(-1) as Commit;
    await this.transactor.catchUp(stream, last.index);
    const cause = causeOf(last);
    const wish = (at: Time | undefined) => {
      if (at !== undefined) due.push({ stream, reason: parseStream(stream).category, due: this.watched(at) });
    };
    const { category } = parseStream(stream);
    // First of all: what follows may fail, and nothing waits without a deadline.
    if (category !== 'task') wish(await this.dueOf(stream));
    switch (category) {
      case 'round':
        wish(await this.round(stream, commits, cause));
        break;
      case 'approval':
        wish(await this.approval(stream, commits, cause));
        break;
      case 'action':
        wish(await this.action(stream, commits, cause));
        break;
      default:
        await this.task(stream, commits, cause);
    }
  }

  private async round(stream: string, commits: readonly Commit[], cause: Cause): Promise<Time | undefined> {
    const { state, version } = await this.transactor.load(roundDecider, stream);
    const { tenant, id } = parseStream(stream);
    this.book.update(tenant, id, stream, state, version);
    const types = typesOf<RoundEvent>(commits);
    if (types.has('RoundOpened') && state.status === 'open') this.orchestrate('start', stream);
    else if (types.has('ImprovementOpened') || types.has('RoundClosed') || types.has('RoundCancelled'))
      this.orchestrate('wake', stream);
    if (types.has('RoundExtended')) await this.challenges.extended(stream, state, cause);
    if (types.has('RoundClosed') || types.has('RoundCancelled')) await this.challenges.judged(stream, state, cause);
    if (state.status === 'closed' || state.status === 'cancelled')
      await this.follow(stream, state, types.has('OutcomeOverridden'), cause);
    return roundDue(state);
  }

  /** Whoever waits for the round goes on; what agents could not agree on goes to people. */
  private async follow(stream: string, state: RoundState, overridden: boolean, cause: Cause): Promise<void> {
    const { tenant, id } = parseStream(stream);
    const { spec, escalation } = state;
    const choice = choiceOf(state);
    const waiting = spec?.waits === undefined ? undefined : parseStream(spec.waits);
    if (waiting?.category === 'action') {
      await this.actions.advance(spec?.waits as string, cause);
      if (overridden) await this.followOverride(spec?.waits as string, state, cause);
      else if (spec?.challenges !== undefined && choice === UPHOLD)
        await this.actions.upheld(spec.waits as string, id, cause);
    }
    if (waiting?.category === 'task') await this.settleAward(tenant, waiting.id, id, cause);
    if (spec?.action !== undefined) return;
    if (overridden) await this.askNoMore(stream, state, cause);
    if (escalation !== undefined && choice === undefined) await this.askPeople(stream, state, cause);
  }

  /**
   * What went on since the round closed, or was stopped, follows the choice that people put in its place. A challenge
   * that they dismiss lets nothing on that was stopped meanwhile: that takes an override of the action itself.
   */
  private async followOverride(action: string, round: RoundState, cause: Cause): Promise<void> {
    const { state } = await this.transactor.load(actionDecider, action);
    const stopped = state.status === 'refused' || state.status === 'vetoed' || state.compensation !== undefined;
    const challenged = round.spec?.challenges !== undefined;
    const refuses = challenged ? choiceOf(round) === UPHOLD : choiceOf(round) !== round.spec?.choices[0];
    if (challenged && !refuses) return;
    if (refuses ? stopped : !stopped && state.status !== 'held') return;
    const outcome = await this.actions.overriddenRound(action, round, cause);
    if (outcome?.ok === true)
      await this.actions.advance(action, outcome.commit === undefined ? cause : causeOf(outcome.commit));
  }

  /**
   * People who were asked about the round have nothing to decide any more: it stands in their approval who overrode it.
   */
  private async askNoMore(stream: string, { override: other, tally }: RoundState, cause: Cause): Promise<void> {
    const { tenant, id } = parseStream(stream);
    const approval = outcomeApproval(tenant, id);
    const { state: asked } = await this.approvals.load(tenant, approval);
    if (other === undefined || asked.request === undefined || other.approval === asked.opened_ref) return;
    const instead = other.choice === tally?.leader ? 'allow' : 'refuse';
    const person = { by: other.by, kind: 'human' as const };
    await this.approvals.override(
      this.asPerson(tenant, other.by, cause),
      approval,
      person,
      instead,
      `overrode the round with ${other.choice}: ${other.reason}`,
    );
  }

  /** Where nobody decided about a doubted award, it goes on. */
  private async settleAward(tenant: string, task: string, round: string, cause: Cause): Promise<void> {
    const verdict = await this.actions.verdict(tenant, round);
    if (verdict === undefined) return;
    await this.tasks.settleChallenge(
      this.context(tenant, cause),
      task,
      round,
      verdict === UPHOLD,
      reasonOf(verdict, round),
    );
  }

  /** A question that agents could not settle: people confirm the leading choice, or override the round with another. */
  private async askPeople(stream: string, state: RoundState, cause: Cause): Promise<void> {
    const { tenant, id } = parseStream(stream);
    const { spec, tally, escalation, opened_by, parties } = state;
    if (spec === undefined) return;
    const { kind, impact, risk = 0, choices, question = '' } = spec;
    const leader = tally?.leader;
    const approving =
      leader === undefined
        ? `None of them leads: whoever approves says which, ${choices.join(' or ')}.`
        : `Approving decides: ${leader}, where nothing else is said.`;
    const rules = await this.oversight.rules(tenant, kind);
    const { bundle, decision } = await this.transactor.ask(gatekeeper(tenant), 'round.override', stream, {
      kind,
      impact,
    });
    const asked = await this.approvals.request(this.context(tenant, cause), outcomeApproval(tenant, id), {
      action: stream,
      kind: OUTCOME_KIND,
      hash: actionHash(OUTCOME_KIND, leader === undefined ? { round: id, choices } : { round: id, choice: leader }),
      summary: cut(`${cut(question, 1_200)}\n${approving}`, MAX_SUMMARY),
      choices,
      leader,
      requester: opened_by,
      parties,
      why: escalation?.reason ?? 'the agents could not agree',
      impact,
      risk,
      policy: { bundle, decision },
      inputs: inputsOf(state),
      safe_default: 'refuse',
      ladder: rules.approvers,
    });
    if (!asked.ok) this.report('people could not be asked about a round', { stream, reason: asked.rejection.message });
  }

  private async approval(stream: string, commits: readonly Commit[], cause: Cause): Promise<Time | undefined> {
    const { state } = await this.transactor.load(approvalDecider, stream);
    const types = typesOf<ApprovalEvent>(commits);
    const opened = types.has('ApprovalRequested') || types.has('ApprovalReopened');
    if (opened && state.status === 'waiting') this.orchestrate('start', stream);
    else if (types.has('ApprovalClosed') || types.has('ApprovalEscalated')) this.orchestrate('wake', stream);
    if (state.status === 'waiting' && (opened || types.has('ApprovalEscalated'))) {
      const { group } = state.request?.ladder[state.level] ?? {};
      if (group !== undefined)
        await this.tell(
          stream,
          opened && state.level === 0 ? 'approval-requested' : 'approval-escalated',
          group,
          state,
          cause,
        );
    }
    if (types.has('ApprovalExtended')) await this.extended(state, cause);
    if (state.status === 'closed' && types.has('ApprovalClosed')) await this.answered(stream, state, cause);
    return approvalDue(state);
  }

  /** People who are asked about the round of a challenge were given time back. */
  private async extended({ request: asked }: ApprovalState, cause: Cause): Promise<void> {
    const about = asked?.action ?? '';
    if (parseStream(about).category === roundDecider.category)
      await this.challenges.extended(about, (await this.transactor.load(roundDecider, about)).state, cause);
  }

  private async answered(stream: string, state: ApprovalState, cause: Cause): Promise<void> {
    const { tenant, category, id } = parseStream(state.request?.action as string);
    if (category === 'action') return await this.actions.advance(state.request?.action as string, cause);
    if (category !== 'round') return;
    const { state: round } = await this.rounds.load(tenant, id);
    if (state.outcome !== 'approved') return await this.follow(state.request?.action as string, round, false, cause);
    const given = state.given.at(-1);
    // An approval of before there were choices said nothing: its summary named the leader, else the last of them.
    const choice = given?.choice ?? round.tally?.leader ?? round.spec?.choices.at(-1);
    if (choice === undefined || given === undefined) return;
    const people = state.given.map(({ by }) => by);
    const decided = await this.rounds.decidedByPeople(this.asPerson(tenant, given.by, cause), id, {
      people,
      choice,
      reason: cut(given.reason, 1_000),
      approval: state.opened_ref,
    });
    if (decided.ok || decided.rejection.code === 'nothing-to-override') return;
    if (decided.rejection.code === 'overridden-meanwhile')
      await this.askNoMore(state.request?.action as string, (await this.rounds.load(tenant, id)).state, cause);
    else this.report('a round could not be decided by people', { stream, reason: decided.rejection.message });
  }

  private async action(stream: string, commits: readonly Commit[], cause: Cause): Promise<Time | undefined> {
    await this.actions.advance(stream, cause);
    const { tenant, id } = parseStream(stream);
    const { state } = await this.transactor.load(actionDecider, stream);
    const types = typesOf<ActionEvent>(commits);
    if (types.has('ActionExecuted')) this.actions.history.add(tenant, stream, state);
    if (types.has('ActionChallenged') && state.challenge !== undefined)
      await this.challenges.resume(stream, { target: `${stream}@0`, ...state.challenge }, cause);
    if (ACTION_SETTLES.some((type) => types.has(type)))
      await this.challenges.settled(
        tenant,
        state.challenges.filter(({ round }) => round !== state.challenge?.round),
        cause,
      );
    if (types.has('VetoWindowOpened') && state.status === 'veto_window') {
      this.orchestrate('start', stream);
      await this.tellOfVeto(stream, id, state, cause);
    } else if (types.has('ActionVetoed') || types.has('ActionOverridden') || types.has('ActionCleared'))
      this.orchestrate('wake', stream);
    return actionDue(state);
  }

  private async task(stream: string, commits: readonly Commit[], cause: Cause): Promise<void> {
    const { tenant, id } = parseStream(stream);
    const { state } = await this.transactor.load(taskDecider, stream);
    const gate = await gateOf(this.transactor, stream);
    if (state.status === 'held') {
      const proposed = await this.gate(tenant, gate, stream, state, cause);
      if (proposed !== undefined) await this.tasks.cancel(this.context(tenant, cause), id, proposed);
    } else if (!isAlive(state) && state.spec?.oversight !== undefined) {
      await this.actions.abandon(actionStream(tenant, gate), endOf(commits) ?? `the task is ${state.status}`, cause);
    }
    const types = typesOf<TaskEvent>(commits);
    // It came back while it was stopped.
    if (types.has('TaskRedriven') && state.spec?.oversight !== undefined)
      await this.actions.advance(actionStream(tenant, gate), cause);
    if (types.has('AwardChallenged'))
      for (const one of state.challenges) if (one.status === 'open') await this.challenges.resume(stream, one, cause);
    if (TASK_SETTLES.some((type) => types.has(type)))
      await this.challenges.settled(
        tenant,
        state.challenges.filter(({ status }) => status !== 'open'),
        cause,
      );
  }

  /** Brings a held task to the gate; answers why it can't come there, if it can't. */
  private async gate(
    tenant: string,
    id: string,
    stream: string,
    state: TaskState,
    cause: Cause,
  ): Promise<string | undefined> {
    const { oversight, requester, ...spec } = state.spec as TaskSpec & { oversight: TaskOversight };
    const { kind, why, confidence, impact, risk, features } = oversight;
    const poster: Principal = { tenant, id: requester, kind: 'service', level: 'execute' };
    const outcome = await this.actions.propose(
      { principal: poster, cause, reaction: true },
      id,
      { kind, action: spec, why, confidence, impact, risk, features },
      stream,
    );
    return outcome.ok ? undefined : `it can't be decided on: ${outcome.rejection.message}`;
  }

  // ---------------------------------------------------------------------------------------------------------- people

  private async tell(
    stream: string,
    event: NoticeEvent,
    group: string,
    state: ApprovalState,
    cause: Cause,
  ): Promise<void> {
    const { tenant, id } = parseStream(stream);
    const asked = state.request;
    if (asked === undefined) return;
    const facts = [
      { name: 'Asked by', value: asked.requester },
      { name: 'Why', value: asked.why },
      { name: 'Impact', value: asked.impact },
      { name: 'If nobody decides', value: asked.safe_default },
      ...asked.inputs.slice(0, 5).map(({ by, says }) => ({ name: by, value: says })),
    ];
    const matter: Matter = {
      id: `${state.opened_ref}#${state.level}`,
      event,
      subject: asked.kind,
      summary: asked.summary,
      severity: asked.severity,
      facts,
      at: state.requested_at as Time,
      deadline: deadlineOf(state) as Time,
      link: `${this.publicUrl}/v1/approvals/${id}`,
    };
    await this.deliveries.notify(tenant, noticeOf(matter), group, cause);
  }

  private async tellOfVeto(stream: string, id: string, state: ActionState, cause: Cause): Promise<void> {
    const { tenant } = parseStream(stream);
    const { proposal, veto_until } = state;
    if (proposal === undefined || veto_until === undefined) return;
    const { group } = (await this.oversight.rules(tenant, proposal.kind)).approvers[0] ?? {};
    const matter: Matter = {
      id: `${stream}#veto`,
      event: 'veto-window-opened',
      subject: proposal.kind,
      summary: proposal.why,
      severity: severityOf(proposal.impact, proposal.risk).severity,
      facts: [{ name: 'Proposed by', value: proposal.proposed_by }],
      at: state.proposed_at as Time,
      deadline: veto_until,
      link: `${this.publicUrl}/v1/actions/${id}`,
    };
    if (group !== undefined) await this.deliveries.notify(tenant, noticeOf(matter), group, cause);
  }

  // --------------------------------------------------------------------------------------------------------- helpers

  /**
   * In order for each stream, and beside everything else: the feed never waits for an orchestration. A failure costs
   * time, nothing else: the deadline stands.
   */
  private orchestrate(what: 'start' | 'wake', stream: string): void {
    const { orchestrations } = this;
    if (orchestrations === undefined) return;
    const call = (this.calls.get(stream) ?? Promise.resolve())
      .then(() => orchestrations[what](stream))
      .catch((error: unknown) =>
        this.report('an orchestration could not be reached: its deadline stands in', {
          stream,
          what,
          error: String(error),
        }),
      )
      .finally(() => {
        if (this.calls.get(stream) === call) this.calls.delete(stream);
      });
    this.calls.set(stream, call);
  }

  private watched(due: Time): Time {
    return this.orchestrations === undefined ? due : plusSeconds(due, GRACE_SECONDS);
  }

  private context(tenant: string, cause: Cause): RequestContext {
    return { principal: gatekeeper(tenant), cause, reaction: true };
  }

  /** What a person has decided elsewhere is carried out in the person's name. */
  private asPerson(tenant: string, id: string, cause: Cause): RequestContext {
    return { principal: { tenant, id, kind: 'human', level: 'critical' }, cause, reaction: true };
  }
}

function typesOf<E extends { readonly type: string }>(commits: readonly Commit[]): Set<E['type']> {
  return new Set(commits.flatMap(({ events }) => events.map(({ type }) => type as E['type'])));
}

/** How a task ended, in words, where these commits say it. */
function endOf(commits: readonly Commit[]): string | undefined {
  for (const event of commits.flatMap(({ events }) => events as readonly TaskEvent[])) {
    if (event.type === 'TaskCancelled') return `the task was cancelled by ${event.data.by}: ${event.data.reason}`;
    if (event.type === 'DeadlinePassed') return `the deadline of the task, ${event.data.deadline}, has passed`;
  }
  return undefined;
}

/** What may settle a challenge. */
const TASK_SETTLES = ['ChallengeDismissed', 'ChallengeUpheld'] as const;
const ACTION_SETTLES = [
  'ChallengeDismissed',
  'ActionRefused',
  'ActionVetoed',
  'ActionOverridden',
  'CompensationDue',
] as const;
const CONCERNING = new Set<string>([
  'TaskCancelled',
  'DeadlinePassed',
  'TaskRedriven',
  'AwardChallenged',
  ...TASK_SETTLES,
]);

/** Most tasks never need a decision: those are told apart without loading anything. */
function concerns({ events }: Commit): boolean {
  return (events as readonly TaskEvent[]).some((event) =>
    event.type === 'TaskPosted' ? event.data.spec.oversight !== undefined : CONCERNING.has(event.type),
  );
}
