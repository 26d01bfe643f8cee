/**
 * Challenges: an agent, or a person, may doubt an award, an action, what a round or an approval came to, or what the
 * policy said. Agents that have no part in it decide in a round.
 *
 * Two streams take part, and each step can be the last one for a while. So the round is checked before anything is
 * written; what is doubted is marked, with a time of its own at which the challenge is over in any case; then the round
 * is opened. Where it can't be opened after all, the mark is settled at once.
 */
import { denialDecider } from '../../domain/audit/denial';
import type { Commit } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { commitRef, noSuchReceipt, parseStream } from '../../domain/kernel/ids';
import type { Principal, PrincipalKind } from '../../domain/kernel/principal';
import { cut } from '../../domain/kernel/text';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { agentDecider, agentStream, releaseChallenge, reserveChallenge } from '../../domain/market/agent';
import { overdue } from '../../domain/market/award-challenge';
import { taskDecider, type TaskEvent, type TaskState } from '../../domain/market/task';
import { actionDecider } from '../../domain/oversight/action';
import { approvalDecider } from '../../domain/oversight/approval';
import type { Electorate } from '../../domain/oversight/consensus';
import { CHALLENGE_KIND, type OversightRules } from '../../domain/oversight/oversight';
import { challengeParties, type Party, withoutParties } from '../../domain/oversight/parties';
import { roundDecider, type RoundState, roundStream } from '../../domain/oversight/round';
import { CHALLENGE_CHOICES, NOBODY, reasonOf, secondsAfterRound, UPHOLD } from '../../domain/oversight/verdict';
import { type Cause, causeOf, type RequestContext } from '../engine/command';
import { derivedSystemId } from '../engine/new-id';
import type { Clock } from '../engine/ports';
import type { Transactor } from '../engine/transact';
import type { Tasks } from '../market/module';
import type { Actions } from './actions';
import { asGate, gatekeeper } from './gatekeeper';
import type { Judgement } from './judgement';
import type { Oversight } from './oversight';
import { doubtedAction } from './parties';
import type { RoundInput, RoundOutcome, Rounds } from './rounds';

/** Who judges where no rules say so: this many agents that know the field, one vote each. */
const JUDGES = 7;
const JUDGING: Pick<Electorate, 'algorithm' | 'min_agreement' | 'quorum'> = {
  algorithm: 'simple_majority',
  min_agreement: 0.75,
  quorum: 0.67,
};
const ROUND_SECONDS = 300;

const NOBODY_JUDGES = new Rejection(
  'conflict',
  'no-voters',
  'no agent without a part in it can judge: ask a person to override it',
);

/** A challenge as what is doubted remembers it. */
interface Made {
  readonly by: string;
  readonly via?: string;
  readonly round: string;
  readonly reason: string;
  readonly target?: string;
}

type Mark = Required<Omit<Made, 'via'>> & Pick<Made, 'via'> & { readonly until: Time; readonly holds: boolean };

/** What is doubted. */
interface Doubted {
  /** The stream that waits for the round; undefined when nothing can be held any more. */
  readonly waits?: string;
  /** The field that its judges should know. */
  readonly capability: string;
  /** They neither judge nor settle it. */
  readonly parties: readonly Party[];
  /** Marks the target as challenged, before the round. */
  readonly mark?: (
    context: RequestContext,
    made: Mark,
  ) => Promise<
    { readonly ok: true; readonly commit: Commit | undefined } | { readonly ok: false; readonly rejection: Rejection }
  >;
}

type Outcome = RoundOutcome & { readonly round: string };

export interface ChallengesDeps {
  readonly transactor: Transactor;
  readonly oversight: Oversight;
  readonly rounds: Rounds;
  readonly tasks: Tasks;
  readonly actions: Actions;
  readonly judgement: Judgement;
  readonly clock: Clock;
}

export class Challenges {
  constructor(private readonly deps: ChallengesDeps) {}

  /**
   * Opens the round that decides on a challenge of the commit `target` (`stream@index`). The same challenge again
   * answers with the same round while it is undecided. What is refused here leaves a receipt.
   */
  async challenge(context: RequestContext, target: string, reason: string): Promise<Outcome> {
    const { principal } = context;
    const { tenant, id: by, via } = principal;
    const round = derivedSystemId(tenant, 'challenge', JSON.stringify([by, target]));
    const refused = async (rejection: Rejection) => ({ ...(await this.refuse(context, round, rejection)), round });
    const doubted = await this.find(principal, target);
    if (doubted instanceof Rejection) return await refused(doubted);
    const rules = await this.deps.oversight.rules(tenant, CHALLENGE_KIND);
    const input = this.roundOf({ reason, target }, doubted, rules, tenant);
    const until = plusSeconds(this.now(), lifetime(rules));
    const known =
      (await this.deps.transactor.current(roundDecider, roundStream(tenant, round))).state.spec !== undefined;
    if (!known) {
      if ('length' in input.electorate.voters && input.electorate.voters.length === 0)
        return await refused(NOBODY_JUDGES);
      const wrong =
        (await this.deps.rounds.problem(context, round, input)) ?? (await this.reserve(context, round, until));
      if (wrong !== undefined) return await refused(wrong);
    }
    // Whoever marks it leaves the receipt of a refusal itself.
    const marked = await doubted.mark?.(context, {
      by,
      ...(via !== undefined && { via }),
      round,
      reason,
      target,
      until,
      holds: rules.holds_awards === true,
    });
    if (marked?.ok === false) {
      if (!known) await this.release(tenant, { by, round }, context.cause);
      return { ok: false, rejection: marked.rejection, round };
    }
    const cause = marked?.ok === true && marked.commit !== undefined ? causeOf(marked.commit) : context.cause;
    const opened = await this.deps.rounds.openSystem({ ...context, cause, receiptOfRefusal: true }, round, input);
    if (!opened.ok) await this.drop(tenant, doubted.waits, { by, round }, opened.rejection, cause);
    return { ...opened, round };
  }

  /**
   * Opens the round of a challenge whose process died before it could; settles the challenge where that is impossible.
   * `kind`: what made it.
   */
  async resume(stream: string, made: Made, kind: PrincipalKind, cause: Cause): Promise<void> {
    const { tenant } = parseStream(stream);
    const { by: id, via, round, target = commitRef(stream, 0) } = made;
    if ((await this.deps.transactor.current(roundDecider, roundStream(tenant, round))).version >= 0) return;
    const principal: Principal = { tenant, id, kind, level: 'execute', via };
    const doubted = await this.find(principal, target);
    if (doubted instanceof Rejection) return await this.drop(tenant, stream, made, doubted, cause);
    const context: RequestContext = { principal, cause, reaction: true };
    const input = this.roundOf(
      { ...made, target },
      doubted,
      await this.deps.oversight.rules(tenant, CHALLENGE_KIND),
      tenant,
    );
    const opened = await this.deps.rounds.openSystem(context, round, input);
    if (!opened.ok) await this.drop(tenant, stream, made, opened.rejection, cause);
  }

  /**
   * The round, or the people who are asked after it, were given time back: what waits for the verdict has that time as
   * well.
   */
  async extended(round: string, { spec }: RoundState, cause: Cause): Promise<void> {
    const { tenant, id } = parseStream(round);
    const { challenges, waits } = spec ?? {};
    const until =
      challenges === undefined || waits === undefined ? undefined : await this.deps.judgement.verdictDue(tenant, id);
    if (waits === undefined || until === undefined) return;
    const { category, id: of } = parseStream(waits);
    if (category === taskDecider.category)
      await this.deps.tasks.extendChallenge(tenant, of, { round: id, until }, cause);
    else await this.deps.actions.extendChallenge(waits, id, until, cause);
  }

  /** Before doubt of an award lapses: it may have its verdict by now, or will still have one. */
  async overdue(stream: string, { challenges }: TaskState): Promise<void> {
    const { tenant, id } = parseStream(stream);
    for (const { round } of overdue(challenges, this.now())) {
      const ended = await this.deps.judgement.overdue(tenant, round);
      if ('until' in ended) await this.deps.tasks.extendChallenge(tenant, id, { round, until: ended.until }, undefined);
      else if (ended.verdict !== NOBODY)
        await this.deps.tasks.settleChallenge(
          asGate(tenant),
          id,
          round,
          ended.verdict === UPHOLD,
          reasonOf(ended.verdict, round),
        );
    }
  }

  /** These are decided, or over: whoever made them may make others. */
  async settled(tenant: string, challenges: readonly Pick<Made, 'by' | 'round'>[], cause: Cause): Promise<void> {
    for (const made of challenges) await this.release(tenant, made, cause);
  }

  /** The round of a challenge for which nothing waits is over. */
  async judged(stream: string, { spec, opened_by }: RoundState, cause: Cause): Promise<void> {
    const { tenant, id } = parseStream(stream);
    if (spec?.challenges !== undefined && spec.waits === undefined)
      await this.release(tenant, { by: opened_by, round: id }, cause);
  }

  /**
   * Refuses a challenge with a receipt, before its round is opened. The retry of one that was opened gets that one's
   * answer.
   */
  private async refuse(context: RequestContext, round: string, rejection: Rejection): Promise<RoundOutcome> {
    return await this.deps.transactor.transact(
      roundDecider,
      roundStream(context.principal.tenant, round),
      () => rejection,
      {
        ...context,
        action: 'round.challenge',
        receiptOfRefusal: true,
      },
    );
  }

  /** The challenge has no round, and won't get one. */
  private async drop(
    tenant: string,
    waits: string | undefined,
    made: Pick<Made, 'by' | 'round'>,
    why: Rejection,
    cause: Cause | undefined,
  ): Promise<void> {
    const reason = cut(`its round could not be opened: ${why.message}`, 1_000);
    const { category, id } = waits === undefined ? { category: undefined, id: '' } : parseStream(waits);
    if (category === taskDecider.category)
      await this.deps.tasks.settleChallenge(asGate(tenant, cause), id, made.round, false, reason);
    else if (waits !== undefined) await this.deps.actions.dropChallenge(waits, made.round, reason, cause);
    await this.release(tenant, made, cause);
  }

  /** People may challenge; an agent has to be registered, and has so many challenges at once. */
  private async reserve(context: RequestContext, round: string, until: Time): Promise<Rejection | undefined> {
    const { tenant, id, kind } = context.principal;
    if (kind === 'human') return undefined;
    const { principal, cause, traceparent } = context;
    const reserved = await this.deps.transactor.transact(
      agentDecider,
      agentStream(tenant, id),
      reserveChallenge(round, until, this.now()),
      { principal, cause, traceparent, action: 'agent.reserve-challenge' },
    );
    return reserved.ok ? undefined : reserved.rejection;
  }

  private async release(
    tenant: string,
    { by, round }: Pick<Made, 'by' | 'round'>,
    cause: Cause | undefined,
  ): Promise<void> {
    await this.deps.transactor.transact(agentDecider, agentStream(tenant, by), releaseChallenge(round), {
      principal: gatekeeper(tenant),
      cause,
      reaction: cause !== undefined,
      action: 'agent.release-challenge',
    });
  }

  private roundOf(
    { target, reason }: Pick<Mark, 'target' | 'reason'>,
    { capability, parties, waits }: Doubted,
    { round }: OversightRules,
    tenant: string,
  ): RoundInput {
    return {
      question: cut(`Is this challenge of ${target} right? ${reason}`, 4_000),
      kind: CHALLENGE_KIND,
      impact: 'high',
      choices: [...CHALLENGE_CHOICES],
      round_seconds: round?.round_seconds ?? ROUND_SECONDS,
      improvement_rounds: 0,
      allow_change: false,
      challenges: { target, reason },
      waits,
      electorate: this.electorate(tenant, capability, parties, round),
      parties,
    };
  }

  /** Those whom the rules name, without the parties; else agents that know the field, else any. */
  private electorate(
    tenant: string,
    capability: string,
    parties: readonly Party[],
    rules: OversightRules['round'],
  ): Electorate {
    if (rules !== undefined) {
      const { when: _, round_seconds: __, improvement_rounds: ___, ...electorate } = rules;
      return withoutParties(electorate, parties);
    }
    const except = parties.map(({ id }) => id);
    const experts = this.deps.rounds.search(tenant, { capability, limit: JUDGES, except });
    return { ...JUDGING, voters: experts.length > 0 ? experts : this.deps.rounds.anybody(tenant, JUDGES, except) };
  }

  /** What the target is, and how it is held. */
  private async find(challenger: Principal, target: string): Promise<Doubted | Rejection> {
    const { tenant } = challenger;
    const commit = await this.deps.transactor.receipt(tenant, target);
    if (commit === undefined) return new Rejection('missing', 'target-not-found', noSuchReceipt(target));
    const { category, id } = parseStream(commit.stream);
    switch (category) {
      case taskDecider.category: {
        const awarded = (commit.events as readonly TaskEvent[]).find(
          (event) => event.type === 'TaskAwarded' || event.type === 'TaskHandedOff',
        );
        if (awarded === undefined) break;
        const { award, agent } = awarded.data;
        const { state } = await this.deps.transactor.load(taskDecider, commit.stream);
        const capability = state.spec?.requires[0]?.capability ?? state.spec?.task_type ?? '';
        const from: Party[] = awarded.type === 'TaskHandedOff' ? [{ id: awarded.data.from, role: 'holder' }] : [];
        const parties = [...challengeParties(challenger, { holder: agent }), ...from];
        return {
          waits: commit.stream,
          capability,
          parties,
          mark: (context, made) => this.deps.tasks.challengeAward(context, id, { award, ...made }),
        };
      }
      case actionDecider.category:
        return await this.action(challenger, commit.stream);
      case roundDecider.category:
        return await this.round(challenger, commit.stream);
      case approvalDecider.category: {
        const { state } = await this.deps.transactor.load(approvalDecider, commit.stream);
        if (state.request === undefined) break;
        const { action } = state.request;
        return await (parseStream(action).category === roundDecider.category
          ? this.round(challenger, action)
          : this.action(challenger, action));
      }
      case denialDecider.category:
        return { capability: '', parties: challengeParties(challenger, {}) };
      default:
    }
    return new Rejection(
      'invalid',
      'target-not-challengeable',
      'an award, an action, the outcome of a round or an approval, and a denial can be challenged: give the receipt of one',
    );
  }

  /** What a round came to: where it was about an action, that action. */
  private async round(challenger: Principal, stream: string): Promise<Doubted> {
    const { state } = await this.deps.transactor.load(roundDecider, stream);
    const { spec } = state;
    if (spec?.waits !== undefined && parseStream(spec.waits).category === actionDecider.category)
      return await this.action(challenger, spec.waits);
    return { capability: spec?.kind ?? '', parties: challengeParties(challenger, { round: state }) };
  }

  private async action(challenger: Principal, stream: string): Promise<Doubted> {
    const doubted = await doubtedAction(this.deps.transactor, stream);
    return {
      waits: stream,
      capability: doubted.action.proposal?.kind ?? '',
      parties: challengeParties(challenger, doubted),
      mark: (context, { holds: _, ...made }) => this.deps.actions.challenge(context, parseStream(stream).id, made),
    };
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }
}

/** Seconds until a challenge has its verdict at the latest: its round, then every group of people that may be asked. */
function lifetime(rules: OversightRules): number {
  return (rules.round?.round_seconds ?? ROUND_SECONDS) + secondsAfterRound(rules);
}
