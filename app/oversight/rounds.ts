/** Use cases of consensus rounds: opening, voting, challenging, counting again. */
import type { Round, RoundRecomputation } from '../../contract/oversight/rounds';
import type { Shown } from '../../contract/route';
import { Rejection } from '../../domain/kernel/decider';
import { commitRef, parseStream, reservedId } from '../../domain/kernel/ids';
import { own } from '../../domain/kernel/own';
import { actorOf } from '../../domain/kernel/principal';
import { cut } from '../../domain/kernel/text';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { type AgentProfile, type AgentState, levelOf } from '../../domain/market/agent';
import { rounded } from '../../domain/market/market';
import {
  agreementMatrix,
  type Algorithm,
  type Electorate,
  type Voter,
  type VoterGroup,
} from '../../domain/oversight/consensus';
import { openerRole, partOf, type Party, withoutParties } from '../../domain/oversight/parties';
import {
  abandon as abandonRound,
  cancel,
  castVote,
  countAgain,
  decidedByPeople,
  extend,
  open,
  type Opening,
  override,
  type PeoplesChoice,
  roundDecider,
  type RoundEvent,
  type RoundSpec,
  type RoundState,
  timePassed,
  type Vote,
} from '../../domain/oversight/round';
import type { RoundDoc } from '../../projections/oversight/rounds';
import { ALL } from '../../projections/projection';
import type { Aggregate, Page, Where } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import type { Clock } from '../engine/ports';
import { SingleFlight } from '../engine/single-flight';
import type { Loaded } from '../engine/streams';
import type { Transactor } from '../engine/transact';
import { inSlices, nextTurn } from '../engine/turns';
import { timekeeper, type Watchdog } from '../engine/watchdog';
import type { AgentBook } from '../market/module';
import { partiesSince } from './parties';

export type RoundOutcome = Outcome<RoundState, RoundEvent>;

/** Agents whose votes are asked for by what they can do, instead of by name. */
export interface VoterSearch {
  /** What the question is about: the level that an agent has in it is its relevance. */
  readonly capability: string;
  /** How many at most, the weightiest first. */
  readonly limit: number;
  /** Not these, for example the parties of a dispute. */
  readonly except: readonly string[];
}

export interface ElectorateInput {
  readonly algorithm: Algorithm;
  readonly voters: readonly Voter[] | VoterSearch;
  readonly groups?: readonly VoterGroup[];
  readonly delegates?: number;
  readonly min_agreement: number;
  readonly quorum: number;
}

/**
 * A round as somebody asks for it; its deadline follows from `round_seconds`. Its `parties` are taken out of the
 * electorate.
 */
export type RoundInput = Omit<RoundSpec, 'deadline'> & {
  readonly electorate: ElectorateInput;
  readonly parties?: readonly Party[];
};

/** A round as the API shows it. */
export function roundAnswer(
  id: string,
  { state, version }: Pick<Loaded<RoundState>, 'state' | 'version'>,
): Shown<typeof Round> {
  const { question, action, kind, impact, risk, choices, round_seconds, improvement_rounds, ...asked } =
    state.spec as RoundSpec;
  return {
    id,
    version,
    question,
    action,
    kind,
    impact,
    risk,
    choices,
    deadline: state.deadline,
    round_seconds,
    improvement_rounds,
    allow_change: asked.allow_change,
    challenges: asked.challenges,
    waits: asked.waits,
    status: state.status as Shown<typeof Round>['status'],
    electorate: state.electorate as Electorate,
    opened_by: state.opened_by,
    parties: state.parties,
    opened_at: state.opened_at as Time,
    pass: state.pass,
    extended_at: state.extended_at,
    tally: state.tally,
    outcome: state.outcome,
    escalation: state.escalation,
    cancellation: state.cancellation,
    override: state.override,
    overrides: state.overrides,
    override_asked: state.override_asked,
    finished_at: state.finished_at,
    snapshot: state.electorate_hash,
    ballots: Object.values(state.ballots),
  };
}

/**
 * Why an agent is asked, and what its vote weighs: relevance is its level in the capability; experience how often it
 * has tried tasks of that type, tries/(tries + 5), from a half on, so that a newcomer has a say; track record its share
 * of successes by Laplace's rule, (wins + 1)/(tries + 2).
 */
export function expertOf(
  id: string,
  state: AgentState & { readonly profile: AgentProfile },
  capability: string,
): Voter | undefined {
  const relevance = levelOf(state.profile, capability);
  if (state.status !== 'active' || relevance === undefined) return undefined;
  const { wins, tries } = own(state.record, capability) ?? { wins: 0, tries: 0 };
  const expertise = {
    relevance,
    experience: rounded(0.5 + (0.5 * tries) / (tries + 5)),
    track_record: rounded((wins + 1) / (tries + 2)),
  };
  return { id, why: cut(`${capability} at level ${relevance}, ${wins} of ${tries} tasks done`, 200), expertise };
}

export interface RoundsDeps {
  readonly rounds: Aggregate<RoundState, RoundEvent, RoundDoc>;
  readonly transactor: Transactor;
  /** Who may be asked. */
  readonly agents: AgentBook;
  readonly clock: Clock;
  readonly watchdog: Watchdog;
}

/** What counting a round again answers. */
type Recount = Shown<typeof RoundRecomputation> | Rejection;

export class Rounds {
  private readonly rounds: RoundsDeps['rounds'];
  private readonly recounts = new SingleFlight<Recount>();

  constructor(private readonly deps: RoundsDeps) {
    this.rounds = deps.rounds;
  }

  /** Opens a round of a caller's over an electorate that is frozen now. */
  async open(context: RequestContext, id: string, input: RoundInput): Promise<RoundOutcome> {
    const opening = reservedId(id) ?? (await this.opening(context, id, input));
    if (opening instanceof Rejection) return { ok: false, rejection: opening };
    return await this.rounds.decide(asked(context, input), id, 'round.open', open(opening, this.now()));
  }

  /** Opens a round of the product's own (`derivedSystemId`). Whatever stands there already is this round. */
  async openSystem(context: RequestContext, id: string, input: RoundInput): Promise<RoundOutcome> {
    const opening = await this.opening(context, id, input);
    if (opening instanceof Rejection) return { ok: false, rejection: opening };
    const opened = open(opening, this.now());
    return await this.rounds.decide(asked(context, input), id, 'round.open', (state) =>
      state.spec === undefined ? opened(state) : [],
    );
  }

  /** Why a round could not be opened so, or undefined; opens nothing. */
  async problem(context: RequestContext, id: string, input: RoundInput): Promise<Rejection | undefined> {
    const opening = await this.opening(context, id, input);
    const decided = opening instanceof Rejection ? opening : open(opening, this.now())(roundDecider.initial);
    return decided instanceof Rejection ? decided : undefined;
  }

  /** A round that comes again keeps the electorate and the deadline of its first time. */
  private async opening({ principal }: RequestContext, id: string, input: RoundInput): Promise<Opening | Rejection> {
    const { tenant, id: opened_by, via } = principal;
    const { electorate: wanted, parties: named, ...spec } = input;
    const opener = partOf(openerRole(spec.challenges !== undefined), principal);
    const parties = via === undefined ? named : [...(named ?? []), ...opener];
    const { state } = await this.rounds.load(tenant, id);
    const voters =
      'capability' in wanted.voters ? (state.electorate?.voters ?? this.search(tenant, wanted.voters)) : wanted.voters;
    if (voters.length === 0)
      return new Rejection('invalid', 'no-voters', 'no active agent can be asked: name voters, or another capability');
    const deadline = state.spec?.deadline ?? plusSeconds(this.now(), spec.round_seconds);
    return {
      spec: { ...spec, deadline },
      electorate: withoutParties({ ...wanted, voters }, parties ?? []),
      opened_by,
      parties,
    };
  }

  /** Votes for oneself; a vote for anybody else is forged. What is refused here leaves a receipt. */
  async vote(
    context: RequestContext,
    id: string,
    { voter = context.principal.id, ...rest }: Omit<Vote, 'voter' | 'via'> & Partial<Pick<Vote, 'voter'>>,
  ): Promise<RoundOutcome> {
    const { principal } = context;
    const vote = { ...rest, voter, via: principal.behind ?? principal.via };
    const now = await this.giveTimeBack(principal.tenant, id);
    const { stream, state, correlationId } = await this.load(principal.tenant, id);
    const cause =
      state.opened_at === undefined || correlationId === undefined
        ? undefined
        : { ref: commitRef(stream, 0), at: state.opened_at, correlationId, depth: 0 };
    const forged = new Rejection(
      'forbidden',
      'vote-for-another',
      'each votes for itself: leave voter out, or hand on the vote before the round',
    );
    const decision =
      vote.voter === principal.id
        ? castVote(vote, now, await partiesSince(this.deps.transactor, stream, state))
        : () => forged;
    return await this.rounds.decide({ ...context, cause, receiptOfRefusal: true }, id, 'round.vote', decision);
  }

  async cancel(context: RequestContext, id: string, reason: string): Promise<RoundOutcome> {
    const now = await this.giveTimeBack(context.principal.tenant, id);
    return await this.rounds.decide(
      context,
      id,
      'round.cancel',
      cancel(context.principal, reason, now, await this.partiesSince(context, id)),
    );
  }

  /** What was asked has nobody who waits for the answer any more; nothing where it is over already. */
  supersede(context: RequestContext, id: string, reason: string): Promise<RoundOutcome> {
    return this.rounds.decide(context, id, 'round.supersede', abandonRound(context.principal.id, reason));
  }

  async override(context: RequestContext, id: string, choice: string, reason: string): Promise<RoundOutcome> {
    const decision = override(context.principal, choice, reason, await this.partiesSince(context, id));
    return await this.rounds.decide({ ...context, receiptOfRefusal: true }, id, 'round.override', decision);
  }

  /** What people decided in the approval that was opened because the agents could not. */
  decidedByPeople(context: RequestContext, id: string, decided: PeoplesChoice): Promise<RoundOutcome> {
    return this.rounds.decide(context, id, 'round.override', decidedByPeople(decided));
  }

  /** The round's time has passed, or may have. */
  async timePassed(context: RequestContext, id: string): Promise<RoundOutcome> {
    const now = await this.giveTimeBack(context.principal.tenant, id);
    return await this.rounds.decide(context, id, 'round.time-passed', timePassed(now));
  }

  load(tenant: string, id: string, asOf?: Time): Promise<Loaded<RoundState>> {
    return this.rounds.load(tenant, id, asOf);
  }

  /** A page of the tenant's rounds, in order of id; as far as the view has come. */
  list(tenant: string, where: Where, limit: number, continuation?: string): Promise<Page<RoundDoc>> {
    return this.rounds.list(tenant, { key: ALL, where }, limit, continuation);
  }

  /** The rounds that are open, of all tenants, as streams; as far as the view has come. */
  waiting(): AsyncGenerator<string> {
    return this.rounds.sources({ where: { status: 'open' } });
  }

  /**
   * Counts a closed round again from its receipts alone. Who asks while the same receipts are being counted gets what
   * comes of that. Rejects with the reason of `signal` when that has aborted.
   */
  async recompute(tenant: string, id: string, signal?: AbortSignal): Promise<Recount> {
    const stream = this.rounds.name(tenant, id);
    const newest = await this.deps.transactor.newest(stream);
    const counted = await this.recounts.join(`${stream}@${newest?.hash}`, (gone) => this.recount(stream, gone), signal);
    // What is made of it for each of those who waited is work as well.
    await nextTurn(tenant, signal);
    return counted;
  }

  private async recount(stream: string, signal: AbortSignal): Promise<Recount> {
    const { tenant } = parseStream(stream);
    // Its first piece as well: many may come at once.
    await nextTurn(tenant, signal);
    const commits = [];
    for await (const commit of this.deps.transactor.commits(stream, 0, signal)) commits.push(commit);
    if (commits.length === 0) return new Rejection('missing', 'round-not-found', 'there is no round with this id');
    const counted = await inSlices(countAgain(commits), tenant, signal);
    if (counted instanceof Rejection) return counted;
    return { ...counted.recomputation, matrix: agreementMatrix(Object.values(counted.ballots)) };
  }

  /** Agents that know the field, the weightiest first; of equals the smaller id. */
  search(tenant: string, { capability, limit, except }: VoterSearch): Voter[] {
    const found: { voter: Voter; weight: number }[] = [];
    const out = new Set(except.map(actorOf));
    for (const { tenant: home, id, state } of this.deps.agents.all()) {
      const voter = home === tenant && !out.has(actorOf(id)) ? expertOf(id, state, capability) : undefined;
      if (voter?.expertise === undefined) continue;
      const { relevance, experience, track_record } = voter.expertise;
      found.push({ voter, weight: relevance * experience * track_record });
    }
    return eachActor(
      found.sort((a, b) => b.weight - a.weight || (a.voter.id < b.voter.id ? -1 : 1)).map(({ voter }) => voter),
    ).slice(0, limit);
  }

  /** Active agents of the tenant, in order of their ids, one as good as another. */
  anybody(tenant: string, limit: number, except: readonly string[]): Voter[] {
    const ids: string[] = [];
    const out = new Set(except.map(actorOf));
    for (const { tenant: home, id, state } of this.deps.agents.all())
      if (home === tenant && state.status === 'active' && !out.has(actorOf(id))) ids.push(id);
    return eachActor(ids.sort().map((id) => ({ id, why: 'an active agent without a part in it' }))).slice(0, limit);
  }

  /** While this process was away nobody could vote. */
  private async giveTimeBack(tenant: string, id: string): Promise<Time> {
    const excuse = await this.deps.watchdog.excuseOf(this.rounds.name(tenant, id));
    const now = this.now();
    const more = extend(excuse, now);
    const events = more((await this.rounds.load(tenant, id)).state);
    if (!(events instanceof Rejection) && events.length > 0)
      await this.rounds.decide({ principal: timekeeper(tenant) }, id, 'round.extend', more);
    return now;
  }

  private async partiesSince({ principal }: RequestContext, id: string): Promise<readonly Party[]> {
    const { stream, state } = await this.load(principal.tenant, id);
    return await partiesSince(this.deps.transactor, stream, state);
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }
}

/** What the policy is told of a round. */
function asked(context: RequestContext, { kind, impact }: RoundInput) {
  return { ...context, attributes: { kind, impact } };
}

/** The first of those that are one under several names. */
function eachActor(voters: readonly Voter[]): Voter[] {
  const known = new Map<string, Voter>();
  for (const voter of voters) if (!known.has(actorOf(voter.id))) known.set(actorOf(voter.id), voter);
  return [...known.values()];
}
