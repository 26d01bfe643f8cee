/** What follows from a round: whoever waits for it goes on, and what agents could not settle goes to people. */
import { commitRef, parseStream } from '../../domain/kernel/ids';
import { cut } from '../../domain/kernel/text';
import type { Time } from '../../domain/kernel/time';
import { taskDecider } from '../../domain/market/task';
import { actionDecider, actionHash } from '../../domain/oversight/action';
import {
  type ApprovalRequest,
  type ApprovalState,
  askerOf,
  MAX_SUMMARY,
  TOO_MANY_APPROVALS,
} from '../../domain/oversight/approval';
import { inputsOf } from '../../domain/oversight/next-step';
import {
  choiceOf,
  MAX_ROUND_REASON,
  roundDecider,
  type RoundEvent,
  type RoundState,
} from '../../domain/oversight/round';
import { reasonOf, UPHOLD } from '../../domain/oversight/verdict';
import { type Cause, causeOf } from '../engine/command';
import type { Reason } from '../engine/deadlines';
import type { Engine } from '../engine/engine';
import { causeIn, type Change, typesOf } from '../engine/reacting';
import { asGate, asPerson, gatekeeper, outcomeApproval } from './gatekeeper';
import type { OversightServices } from './services';

/** Kind of the approvals that decide a round which the agents could not. */
export const OUTCOME_KIND = 'round.outcome';

/** What ends a round, and what gives it an outcome. */
const ENDS: ReadonlySet<RoundEvent['type']> = new Set(['RoundClosed', 'RoundCancelled']);
const OUTCOMES: ReadonlySet<RoundEvent['type']> = new Set([...ENDS, 'OutcomeOverridden']);

export class RoundReactions {
  private readonly again: Reason;

  constructor(
    private readonly services: OversightServices,
    engine: Pick<Engine, 'deadlines'>,
  ) {
    this.again = engine.deadlines.on('round-decision', async (stream) => {
      const { state, version } = await services.transactor.load(roundDecider, stream);
      const cause = await services.transactor.cause(parseStream(stream).tenant, commitRef(stream, version));
      return await this.askPeople(stream, state, cause);
    });
  }

  async react(change: Change): Promise<void> {
    const { stream, tenant, id, cause } = change;
    const { transactor, book, orchestrated, challenges } = this.services;
    const { state, version } = await transactor.load(roundDecider, stream);
    book.update(tenant, id, stream, state, version);
    const types = typesOf<RoundEvent>(change);
    const end = causeIn<RoundEvent>(change, ENDS);
    if (types.has('RoundOpened') && state.status === 'open') orchestrated.start(stream);
    else if (types.has('ImprovementOpened') || end !== undefined) orchestrated.wake(stream);
    if (types.has('RoundExtended')) await challenges.extended(stream, state, cause);
    if (end !== undefined) await challenges.judged(stream, state, end);
    // A vote that is heard of late finds a round that is over: what follows from that, its end leads to.
    const outcome = causeIn<RoundEvent>(change, OUTCOMES);
    if (outcome !== undefined && (state.status === 'closed' || state.status === 'cancelled'))
      change.wish(this.again, await this.ended(stream, state, types.has('OutcomeOverridden'), outcome));
  }

  /** What people answered who were asked because the agents could not agree. */
  async answered(approval: string, stream: string, answer: ApprovalState, cause: Cause): Promise<void> {
    const { rounds, report } = this.services;
    const { tenant, id } = parseStream(stream);
    const { state: round } = await rounds.load(tenant, id);
    if (answer.outcome !== 'approved') {
      await this.ended(stream, round, false, cause);
      return;
    }
    const given = answer.given.at(-1);
    // An approval of before there were choices said nothing: its summary named the leader, else the last of them.
    const choice = given?.choice ?? round.tally?.leader ?? round.spec?.choices.at(-1);
    if (choice === undefined || given === undefined) return;
    const decided = await rounds.decidedByPeople(asPerson(tenant, given.by, cause), id, {
      people: answer.given.map(({ by }) => by),
      choice,
      reason: cut(given.reason, MAX_ROUND_REASON),
      approval: answer.opened_ref,
    });
    if (decided.ok || decided.rejection.code === 'nothing-to-override') return;
    if (decided.rejection.code === 'overridden-meanwhile')
      await this.askNoMore(stream, (await rounds.load(tenant, id)).state, cause);
    else report('a round could not be decided by people', { stream: approval, reason: decided.rejection.message });
  }

  /**
   * Whoever waits for the round goes on; what agents could not agree on goes to people, at once or at the time that
   * this answers.
   */
  private async ended(stream: string, state: RoundState, overridden: boolean, cause: Cause): Promise<Time | undefined> {
    const { actions } = this.services;
    const { tenant, id } = parseStream(stream);
    const { spec } = state;
    const choice = choiceOf(state);
    const waiting = spec?.waits === undefined ? undefined : parseStream(spec.waits);
    if (waiting?.category === actionDecider.category) {
      await actions.advance(spec?.waits as string, cause);
      if (overridden) await this.carryOutOverride(spec?.waits as string, state, cause);
      else if (spec?.challenges !== undefined && choice === UPHOLD)
        await actions.upheld(spec.waits as string, id, cause);
    }
    if (waiting?.category === taskDecider.category) await this.settleAward(tenant, waiting.id, id, cause);
    if (overridden && spec?.action === undefined) await this.askNoMore(stream, state, cause);
    return await this.askPeople(stream, state, cause);
  }

  /**
   * What went on since the round closed, or was stopped, follows the choice that people put in its place. A challenge
   * that they dismiss lets nothing on that was stopped meanwhile: that takes an override of the action itself.
   */
  private async carryOutOverride(action: string, round: RoundState, cause: Cause): Promise<void> {
    const { transactor, actions } = this.services;
    const { state } = await transactor.load(actionDecider, action);
    const stopped = state.status === 'refused' || state.status === 'vetoed' || state.compensation !== undefined;
    const challenged = round.spec?.challenges !== undefined;
    const refuses = challenged ? choiceOf(round) === UPHOLD : choiceOf(round) !== round.spec?.choices[0];
    if (challenged && !refuses) return;
    if (refuses ? stopped : !stopped && state.status !== 'held') return;
    const outcome = await actions.overriddenRound(action, round, cause);
    if (outcome?.ok === true)
      await actions.advance(action, outcome.commit === undefined ? cause : causeOf(outcome.commit));
  }

  /**
   * People who were asked about the round have nothing to decide any more: it stands in their approval who overrode it.
   */
  private async askNoMore(stream: string, { override: other, tally }: RoundState, cause: Cause): Promise<void> {
    const { approvals } = this.services;
    const { tenant, id } = parseStream(stream);
    const approval = outcomeApproval(tenant, id);
    const { state: asked } = await approvals.load(tenant, approval);
    if (other === undefined || asked.request === undefined || other.approval === asked.opened_ref) return;
    await approvals.override(
      asPerson(tenant, other.by, cause),
      approval,
      { by: other.by, kind: 'human' },
      other.choice === tally?.leader ? 'allow' : 'refuse',
      `overrode the round with ${other.choice}: ${other.reason}`,
    );
  }

  /** Where nobody decided about a doubted award, it goes on. */
  private async settleAward(tenant: string, task: string, round: string, cause: Cause): Promise<void> {
    const { judgement, tasks } = this.services;
    const verdict = await judgement.verdict(tenant, round);
    if (verdict === undefined) return;
    await tasks.settleChallenge(asGate(tenant, cause), task, round, verdict === UPHOLD, reasonOf(verdict, round));
  }

  /**
   * A question that agents could not settle: people confirm the leading choice, or override the round with another. It
   * was acknowledged, so it waits while its opener has too much waiting for people: answers when to ask again.
   */
  private async askPeople(stream: string, state: RoundState, cause: Cause | undefined): Promise<Time | undefined> {
    const again = await this.asked(stream, state, cause);
    if (again === undefined) this.services.pending.pass(stream);
    return again;
  }

  /** Has people asked where they have to be; answers when to ask again, undefined where nothing is left to ask. */
  private async asked(stream: string, state: RoundState, cause: Cause | undefined): Promise<Time | undefined> {
    const { transactor, oversight, approvals, pending, report } = this.services;
    const { tenant, id } = parseStream(stream);
    const { spec, tally, escalation, opened_by, parties } = state;
    if (spec === undefined || spec.action !== undefined || escalation === undefined) return undefined;
    if (choiceOf(state) !== undefined) return undefined;
    const { kind, impact, risk = 0, choices, question = '' } = spec;
    const leader = tally?.leader;
    const approving =
      leader === undefined
        ? `None of them leads: whoever approves says which, ${choices.join(' or ')}.`
        : `Approving decides: ${leader}, where nothing else is said.`;
    const rules = await oversight.rules(tenant, kind);
    const { bundle, decision } = await transactor.ask(gatekeeper(tenant), 'round.override', stream, { kind, impact });
    const asking: ApprovalRequest = {
      action: stream,
      kind: OUTCOME_KIND,
      hash: actionHash(OUTCOME_KIND, leader === undefined ? { round: id, choices } : { round: id, choice: leader }),
      summary: cut(`${cut(question, 1_200)}\n${approving}`, MAX_SUMMARY),
      choices,
      leader,
      requester: opened_by,
      parties,
      why: escalation.reason,
      impact,
      risk,
      policy: { bundle, decision },
      inputs: inputsOf(state),
      safe_default: 'refuse',
      ladder: rules.approvers,
    };
    // What others do waits for a challenge, and not for long: it is never the one too many.
    const always = spec.challenges !== undefined;
    const asked = await approvals.request(asGate(tenant, cause), outcomeApproval(tenant, id), asking, { always });
    if (asked.ok) return undefined;
    if (asked.rejection.code === TOO_MANY_APPROVALS)
      return pending.wait(stream, askerOf(opened_by, parties), this.again);
    report('people could not be asked about a round', { stream, reason: asked.rejection.message });
    return undefined;
  }
}
