/**
 * Challenges: any agent may doubt an award, an action, what a round or an approval came to, or what the policy said.
 * Agents that have no part in it decide in a round; what is doubted waits, where it has not happened yet.
 */
import { parseCommitRef, parseStream } from '../domain/kernel/ids';
import { cut } from '../domain/kernel/text';
import { Rejection } from '../domain/kernel/decider';
import { approvalDecider } from '../domain/approval';
import { roundDecider } from '../domain/round';
import { actionDecider } from '../domain/action';
import { rulesFor, oversightDecider } from '../domain/oversight';
import { taskDecider, type TaskEvent } from '../domain/task';
import { CHALLENGE_CHOICES, type Actions } from './actions';
import type { RequestContext } from './agents';
import { derivedId } from './new-id';
import { oversightStream } from './oversight';
import { roundStream, type ElectorateInput, type RoundOutcome, type Rounds } from './rounds';
import type { Tasks } from './tasks';
import type { Cause, Transactor } from './transact';

/** Kind of the rounds that decide on challenges; its rules, where there are any, say who votes. */
export const CHALLENGE_KIND = 'challenge';
/** Who judges where no rules say so: this many agents that know the field, one vote each. */
const JUDGES = 7;
const JUDGING: Pick<ElectorateInput, 'algorithm' | 'min_agreement' | 'quorum'> = { algorithm: 'simple_majority', min_agreement: 0.75, quorum: 0.67 };
const ROUND_SECONDS = 300;

/** What is doubted. */
interface Doubted {
  /** The stream that waits for the round; undefined when nothing can be held any more. */
  readonly waits?: string;
  /** The field that its judges should know. */
  readonly capability: string;
  /** They don't judge. */
  readonly parties: readonly string[];
  /** Marks the target as challenged, before the round. */
  readonly mark?: (round: string) => Promise<{ readonly ok: true } | { readonly ok: false; readonly rejection: Rejection }>;
}

export class Challenges {
  constructor(
    private readonly transactor: Transactor,
    private readonly rounds: Rounds,
    private readonly tasks: Tasks,
    private readonly actions: Actions,
  ) {}

  /**
   * Opens the round that decides on a challenge of the commit `target` (`stream@index`). The same challenge again answers
   * with the same round. What is refused here leaves a receipt.
   */
  async challenge(context: RequestContext, target: string, reason: string): Promise<RoundOutcome & { readonly round: string }> {
    const { tenant, id: by } = context.principal;
    const round = derivedId(tenant, by, target);
    const refused = async (rejection: Rejection) => ({ ...(await this.refuse(context, round, rejection)), round });
    const doubted = await this.find(context, target, reason);
    if (doubted instanceof Rejection) return await refused(doubted);
    const electorate = await this.electorate(tenant, doubted, by);
    if (electorate.voters.length === 0) return await refused(new Rejection('conflict', 'no-voters', 'no agent without a part in it can judge: ask a person to override it'));
    const { spec } = (await this.transactor.current(roundDecider, roundStream(tenant, round))).state;
    if (spec !== undefined && spec.challenges?.target !== target) return await refused(new Rejection('conflict', 'round-exists', 'another round was opened with the id of this challenge: ask a person to override what you doubt'));
    // Whoever marks it leaves the receipt of a refusal itself.
    const marked = await doubted.mark?.(round);
    if (marked?.ok === false) return { ok: false, rejection: marked.rejection, round };
    return { ...(await this.openRound({ ...context, receiptOfRefusal: true }, round, target, reason, doubted.waits, electorate)), round };
  }

  /** Refuses a challenge with a receipt, before its round is opened. The retry of one that was opened gets that one's answer. */
  private async refuse(context: RequestContext, round: string, rejection: Rejection): Promise<RoundOutcome> {
    return await this.transactor.transact(roundDecider, roundStream(context.principal.tenant, round), () => rejection, { ...context, action: 'round.challenge', receiptOfRefusal: true });
  }

  /** Opens the round of a challenge whose process died before it could. */
  async open(tenant: string, waits: string, challenge: { readonly by: string; readonly round: string; readonly reason: string }, target: string, cause: Cause): Promise<void> {
    const { by, round, reason } = challenge;
    if ((await this.transactor.load(roundDecider, roundStream(tenant, round))).version >= 0) return;
    const context: RequestContext = { principal: { tenant, id: by, kind: 'agent', level: 'execute' }, cause, reaction: true };
    const doubted = await this.find(context, target, reason);
    if (doubted instanceof Rejection) return;
    await this.openRound(context, round, target, reason, waits, await this.electorate(tenant, doubted, by));
  }

  private openRound(context: RequestContext, id: string, target: string, reason: string, waits: string | undefined, electorate: ElectorateInput): Promise<RoundOutcome> {
    return this.rounds.open(context, id, {
      question: cut(`Is this challenge of ${target} right? ${reason}`, 4_000),
      kind: CHALLENGE_KIND,
      impact: 'high',
      choices: [...CHALLENGE_CHOICES],
      round_seconds: ROUND_SECONDS,
      improvement_rounds: 0,
      allow_change: false,
      challenges: { target, reason },
      waits,
      electorate,
    });
  }

  /** What the target is, and how it is held. */
  private async find(context: RequestContext, target: string, reason: string): Promise<Doubted | Rejection> {
    const { tenant, id: by } = context.principal;
    const place = parseCommitRef(target);
    const commit = place?.stream.startsWith(`${tenant}/`) === true ? await this.transactor.commit(place.stream, place.index) : undefined;
    if (place === undefined || commit === undefined) return new Rejection('missing', 'target-not-found', `there is no receipt ${target}: give stream@index as a receipt shows it`);
    const { category, id } = parseStream(place.stream);
    switch (category) {
      case 'task': {
        const awarded = (commit.events as readonly TaskEvent[]).find((event) => event.type === 'TaskAwarded' || event.type === 'TaskHandedOff');
        if (awarded === undefined) break;
        const { award, agent } = awarded.data;
        const { state } = await this.transactor.load(taskDecider, place.stream);
        const capability = state.spec?.requires[0]?.capability ?? state.spec?.task_type ?? '';
        return { waits: place.stream, capability, parties: [agent, by], mark: (round) => this.tasks.challengeAward(context, id, { award, by, round, reason }) };
      }
      case 'action':
        return await this.action(context, place.stream, reason);
      case 'round': {
        const { state } = await this.transactor.load(roundDecider, place.stream);
        if (state.spec?.waits !== undefined && parseStream(state.spec.waits).category === 'action') return await this.action(context, state.spec.waits, reason);
        return { capability: state.spec?.kind ?? '', parties: [by, state.opened_by] };
      }
      case 'approval': {
        const { state } = await this.transactor.load(approvalDecider, place.stream);
        return await this.action(context, state.request?.action ?? '', reason);
      }
      case 'denial':
        return { capability: '', parties: [by] };
      default:
    }
    return new Rejection('invalid', 'target-not-challengeable', 'an award, an action, the outcome of a round or an approval, and a denial can be challenged: give the receipt of one');
  }

  private async action(context: RequestContext, stream: string, reason: string): Promise<Doubted> {
    const { id: by } = context.principal;
    const { state } = await this.transactor.load(actionDecider, stream);
    const { kind = '', proposed_by = '' } = state.proposal ?? {};
    return { waits: stream, capability: kind, parties: [proposed_by, by], mark: (round) => this.actions.challenge(context, parseStream(stream).id, { by, round, reason }) };
  }

  private async electorate(tenant: string, { capability, parties }: Doubted, by: string): Promise<ElectorateInput & { voters: readonly unknown[] }> {
    const { round } = rulesFor((await this.transactor.load(oversightDecider, oversightStream(tenant))).state, CHALLENGE_KIND);
    if (round !== undefined) {
      const { when: _, round_seconds: __, improvement_rounds: ___, ...electorate } = round;
      return { ...electorate, voters: electorate.voters.filter(({ id }) => id !== by && !parties.includes(id)) };
    }
    const experts = this.rounds.search(tenant, { capability, limit: JUDGES, except: parties });
    return { ...JUDGING, voters: experts.length > 0 ? experts : this.rounds.anybody(tenant, JUDGES, parties) };
  }
}
