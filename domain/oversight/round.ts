/**
 * A round: a question or a proposed action, put to a frozen electorate until a deadline. It closes by itself, with the
 * vote that decides it, or when its time has passed; what is not agreed goes to a person.
 *
 * Where the round allows it, a pass without agreement is followed by another one: everybody votes anew, knowing by name
 * who dissented and why. Whatever came of a round, people without a part in it can override it: as many as an approval
 * of that impact would take.
 */
import { canonicalize, ChainVerifier, type Commit } from '../kernel/commit';
import { type Decider, type Decision, type Event, refuse, Rejection, upcast } from '../kernel/decider';
import { commitRef, isId, MAX_REFERENCE, parseCommitRef, streamsOf } from '../kernel/ids';
import { own } from '../kernel/own';
import { isSameActor, type Principal, type PrincipalKind } from '../kernel/principal';
import { isText, textRule } from '../kernel/text';
import { type Excuse, isTime, plusSeconds, secondsBetween, type Time } from '../kernel/time';
import {
  type Ballot,
  ballotHolders,
  doubledVoters,
  type Electorate,
  electorateHash,
  electorateProblems,
  isSettled,
  type Tally,
  tally,
} from './consensus';
import { type Impact, peopleNeeded } from './oversight';
import { barred, eachOnce, MAX_PARTIES, openerRole, type Party, ROLES } from './parties';
import { IMPACTS, type ROUND_STATUSES } from './statuses';

export const DEFAULT_CHOICES = ['approve', 'reject'] as const;
export const MAX_CHOICES = 20;
export const MAX_IMPROVEMENT_ROUNDS = 5;
/** Longest pass: 30 days. */
export const MAX_ROUND_SECONDS = 30 * 86_400;
/** Longest question, and longest summary of an action, in characters. */
export const MAX_QUESTION = 4_000;
/** Longest reason of a cancellation, an override or a challenge, in characters. */
export const MAX_ROUND_REASON = 1_000;
/** Longest reasoning of a vote, in characters. */
export const MAX_REASONING = 1_000;
/** How often a voter may vote in one pass: its first vote and the changes of it. */
export const MAX_BALLOTS = 20;
/** How often a round may be overridden, and how many people may ask for it at a time. */
export const MAX_OVERRIDES = 50;

// --------------------------------------------------------------------------------------------------------- events

/** What is asked, with every default filled in. Field names are the wire's. */
export interface RoundSpec {
  /** What is to be decided; or `action`. */
  readonly question?: string;
  /** The action that waits for the answer: SHA-256 of its exact content, and what it is in words. */
  readonly action?: { readonly kind: string; readonly hash: string; readonly summary: string };
  /** Kind of decision, for example `policy`. */
  readonly kind: string;
  readonly impact: Impact;
  /** Of the action, 0 to 1; 0 where it is not given. */
  readonly risk?: number;
  /** 2 to 20 ids. */
  readonly choices: readonly string[];
  /** Of the first pass. */
  readonly deadline: Time;
  /** How long each later pass lasts, in seconds. */
  readonly round_seconds: number;
  /** How many passes may follow the first: 0 to 5. */
  readonly improvement_rounds: number;
  /** True when a vote may be changed until its voter calls it final. */
  readonly allow_change: boolean;
  /** The decision that is challenged: the commit (`stream@index`) that holds it, and why. */
  readonly challenges?: { readonly target: string; readonly reason: string };
  /** The stream that waits for the outcome, for example `acme/action/42`. */
  readonly waits?: string;
}

export interface CastBallot extends Ballot {
  /** True when it can't be changed any more. */
  readonly final: boolean;
  /** Which pass it belongs to, from 1. */
  readonly pass: number;
  /** Number of this voter's ballots in this pass, this one included. */
  readonly ballot: number;
  /** The time that was held against the deadline; the commit's may lie after it. Older receipts don't say. */
  readonly cast_at?: Time;
}

export const ROUND_OUTCOMES = ['agreed', 'no_agreement', 'no_quorum'] as const;
export type RoundOutcome = (typeof ROUND_OUTCOMES)[number];

export type RoundStatus = (typeof ROUND_STATUSES)[number];

export type RoundEvent =
  /** `parties`: who has a part in what is decided, besides who opened it. Older receipts don't say. */
  | Event<'RoundOpened', { spec: RoundSpec; electorate: Electorate; opened_by: string; parties?: readonly Party[] }>
  | Event<'VoteCast', CastBallot>
  | Event<'VoteChanged', CastBallot>
  /**
   * `pass` is the one that begins; the tally, with its dissent, that of the one before. `counted_at`: as `cast_at` of a
   * vote.
   */
  | Event<'ImprovementOpened', { pass: number; deadline: Time; tally: Tally; counted_at?: Time }>
  /** `early`: before its deadline, because no vote could change the outcome any more. */
  | Event<
      'RoundClosed',
      {
        outcome: RoundOutcome;
        choice?: string;
        tally: Tally;
        early: boolean;
        electorate_hash: string;
        counted_at?: Time;
      }
    >
  /** Whoever counts was away: what was left of the pass is left again. */
  | Event<'RoundExtended', { deadline: Time; extended_at: Time }>
  | Event<'RoundEscalated', { to: 'human'; reason: string }>
  | Event<'RoundCancelled', { by: string; reason: string }>
  /**
   * Two people have to want it, and this is the first who does. `parties`: who has come to have a part in it since it
   * was opened.
   */
  | Event<'OverrideAsked', { by: string; choice: string; reason: string; parties?: readonly Party[] }>
  /**
   * `with`: who wanted it as well, where it takes two; older receipts don't say. `approval`: the asking
   * (`stream@index`) in which people decided so; without one it was overridden directly.
   */
  | Event<
      'OutcomeOverridden',
      {
        by: string;
        choice: string;
        reason: string;
        instead_of: { outcome: RoundOutcome | 'overridden'; choice?: string };
        with?: readonly string[];
        approval?: string;
        parties?: readonly Party[];
      }
    >;

// ---------------------------------------------------------------------------------------------------------- state

/** What people put in place of an outcome. */
export interface RoundOverride {
  readonly by: string;
  /** Who wanted it as well. */
  readonly with: readonly string[];
  readonly choice: string;
  readonly reason: string;
  readonly at: Time;
  /** The commit that holds it: `stream@index`. */
  readonly ref: string;
  readonly approval?: string;
}

export interface RoundState {
  readonly status: 'unknown' | RoundStatus;
  readonly spec: RoundSpec | undefined;
  readonly electorate: Electorate | undefined;
  /** What a voter must show to have seen: `electorateHash`. */
  readonly electorate_hash: string;
  readonly opened_by: string;
  /** Who may not settle it: who opened it, those whom the opening names, and those who were found to be one since. */
  readonly parties: readonly Party[];
  readonly opened_at: Time | undefined;
  /** From 1. */
  readonly pass: number;
  /** Of this pass. */
  readonly deadline: Time;
  /** When this pass was given more time. */
  readonly extended_at?: Time;
  /** Of this pass, by voter. */
  readonly ballots: Readonly<Record<string, CastBallot>>;
  /** Of the last pass that is over: while another one is open, its dissent is what that one is to settle. */
  readonly tally: Tally | undefined;
  readonly outcome: { readonly outcome: RoundOutcome; readonly choice?: string; readonly early: boolean } | undefined;
  readonly escalation: { readonly to: 'human'; readonly reason: string } | undefined;
  readonly cancellation: { readonly by: string; readonly reason: string } | undefined;
  /** The one that stands: the last. */
  readonly override: RoundOverride | undefined;
  /** All of them, in order. */
  readonly overrides: readonly RoundOverride[];
  /** Who wants an override that a second person has to confirm. */
  readonly override_asked: readonly {
    readonly by: string;
    readonly choice: string;
    readonly reason: string;
    readonly at: Time;
  }[];
  readonly finished_at: Time | undefined;
}

type OpenRound = RoundState & { readonly spec: RoundSpec; readonly electorate: Electorate };

export const roundDecider: Decider<RoundState, RoundEvent> = {
  category: 'round',
  causal: 4,
  version: 2,
  initial: {
    status: 'unknown',
    spec: undefined,
    electorate: undefined,
    electorate_hash: '',
    opened_by: '',
    parties: [],
    opened_at: undefined,
    pass: 1,
    deadline: '',
    ballots: {},
    tally: undefined,
    outcome: undefined,
    escalation: undefined,
    cancellation: undefined,
    override: undefined,
    overrides: [],
    override_asked: [],
    finished_at: undefined,
  },
  evolve(state, event, place) {
    const { at } = place;
    switch (event.type) {
      case 'RoundOpened':
        return opened(state, event.data, at);
      case 'VoteCast':
      case 'VoteChanged':
        return withBallot(state, event.data);
      case 'ImprovementOpened': {
        const { pass, deadline, tally } = event.data;
        return { ...state, pass, deadline, extended_at: undefined, tally, ballots: {} };
      }
      case 'RoundClosed': {
        const { outcome, choice, tally, early } = event.data;
        return { ...state, status: 'closed', tally, outcome: { outcome, choice, early }, finished_at: at };
      }
      case 'RoundExtended':
        return { ...state, ...event.data };
      case 'RoundEscalated':
        return { ...state, escalation: event.data };
      case 'RoundCancelled':
        return { ...state, status: 'cancelled', cancellation: event.data, finished_at: at };
      case 'OverrideAsked': {
        const { by, choice, reason, parties = [] } = event.data;
        const others = state.override_asked.filter((other) => !isSameActor(other.by, by));
        return {
          ...state,
          parties: eachOnce([...state.parties, ...parties]),
          override_asked: [...others, { by, choice, reason, at }],
        };
      }
      case 'OutcomeOverridden': {
        const { by, with: others = [], choice, reason, approval, parties = [] } = event.data;
        const override = { by, with: others, choice, reason, at, ref: commitRef(place.stream, place.index), approval };
        return {
          ...state,
          parties: eachOnce([...state.parties, ...parties]),
          override,
          overrides: [...state.overrides, override],
          override_asked: [],
        };
      }
    }
  },
};

export const roundStream = streamsOf(roundDecider);

function opened(state: RoundState, { spec, electorate, opened_by, parties = [] }: Opening, at: Time): OpenRound {
  const opener: Party = { id: opened_by, role: openerRole(spec.challenges !== undefined) };
  const all = eachOnce([opener, ...parties]);
  return {
    ...state,
    status: 'open',
    spec,
    electorate,
    electorate_hash: electorateHash(electorate),
    opened_by,
    parties: all,
    opened_at: at,
    deadline: spec.deadline,
  };
}

function withBallot<S extends RoundState>(state: S, ballot: CastBallot): S {
  return { ...state, ballots: { ...state.ballots, [ballot.voter]: ballot } };
}

function isOpen(state: RoundState): state is OpenRound {
  return state.status === 'open';
}

/**
 * True when the time of the pass is over, whether it was counted yet or not: nothing is decided in it any more but by
 * its votes.
 */
function isOver({ deadline }: RoundState, now: Time): boolean {
  return deadline <= now;
}

/** What a round came to: people's choice goes before the agents'; undefined while there is none. */
export function choiceOf({ outcome, override: other }: RoundState): string | undefined {
  return other?.choice ?? (outcome?.outcome === 'agreed' ? outcome.choice : undefined);
}

/** When the round is to be looked at; undefined when it is over. */
export function roundDue(state: RoundState): Time | undefined {
  return isOpen(state) ? state.deadline : undefined;
}

/** What is wrong with a round, a sentence for each fault; its electorate's faults included. */
export function roundProblems({ spec, electorate, opened_by, parties = [] }: Opening): string[] {
  const { question, action, challenges } = spec;
  const problems: string[] = [];
  const need = (holds: boolean, rule: string) => {
    if (!holds) problems.push(rule);
  };
  need((question === undefined) !== (action === undefined), 'give either a question or an action');
  need(question === undefined || isText(question, MAX_QUESTION), textRule('question', MAX_QUESTION));
  need(action === undefined || isId(action.kind), 'action.kind must be an id');
  need(
    action === undefined || /^[0-9a-f]{64}$/.test(action.hash),
    'action.hash must be 64 hexadecimal digits in lower case',
  );
  need(action === undefined || isText(action.summary, MAX_QUESTION), textRule('action.summary', MAX_QUESTION));
  need(isId(spec.kind), 'kind must be an id');
  need(IMPACTS.includes(spec.impact), `impact must be one of ${IMPACTS.join(', ')}`);
  need(spec.risk === undefined || (spec.risk >= 0 && spec.risk <= 1), 'risk must be 0 to 1');
  need(isChoices(spec.choices), `choices must be a list of 2 to ${MAX_CHOICES} ids, each once`);
  need(isTime(spec.deadline), 'deadline must be a time such as 2026-11-21T10:00:00.000Z');
  need(
    spec.round_seconds >= 1 && spec.round_seconds <= MAX_ROUND_SECONDS,
    `round_seconds must be a number from 1 to ${MAX_ROUND_SECONDS}`,
  );
  need(
    isCount(spec.improvement_rounds, MAX_IMPROVEMENT_ROUNDS),
    `improvement_rounds must be a whole number from 0 to ${MAX_IMPROVEMENT_ROUNDS}`,
  );
  need(
    challenges === undefined ||
      (challenges.target.length <= MAX_REFERENCE && parseCommitRef(challenges.target) !== undefined),
    'challenges.target must be a commit: stream@index',
  );
  need(
    challenges === undefined || isText(challenges.reason, MAX_ROUND_REASON),
    textRule('challenges.reason', MAX_ROUND_REASON),
  );
  need(
    spec.waits === undefined || (spec.waits.length <= MAX_REFERENCE && parseCommitRef(`${spec.waits}@0`) !== undefined),
    'waits must be a stream: tenant/category/id',
  );
  need(isId(opened_by), 'opened_by must be an id');
  const sound = ({ id, role }: Party) => isId(id) && ROLES.includes(role);
  need(
    parties.length <= MAX_PARTIES && parties.every(sound),
    `parties must be a list of at most ${MAX_PARTIES} ids with their roles`,
  );
  return [...problems, ...electorateProblems(electorate)];
}

// ------------------------------------------------------------------------------------------------------ decisions

export interface Opening {
  readonly spec: RoundSpec;
  readonly electorate: Electorate;
  readonly opened_by: string;
  /** Who has a part in what is decided, besides who opens the round. */
  readonly parties?: readonly Party[];
}

/** Opens the round. Where nobody's vote has any weight, there can be no quorum: then a person is asked at once. */
export function open(opening: Opening, now: Time): Decision<RoundState, RoundEvent> {
  return (state) => {
    if (state.status !== 'unknown') {
      const asked = ({
        spec,
        electorate,
        opened_by,
      }: Pick<RoundState | Opening, 'spec' | 'electorate' | 'opened_by'>) =>
        canonicalize({ spec, electorate, opened_by });
      if (asked(state) === asked(opening)) return [];
      return refuse(
        'round-exists',
        'another round was opened with this id: use another id, or the Idempotency-Key of that request to get its answer',
      );
    }
    const problems = [...roundProblems(opening), ...doubledVoters(opening.electorate)];
    if (problems.length > 0)
      return new Rejection('invalid', 'round-invalid', problems.slice(0, 10).join('; '), {
        problems: problems.slice(0, 100),
      });
    const { deadline } = opening.spec;
    if (deadline <= now)
      return new Rejection(
        'invalid',
        'deadline-passed',
        `the deadline ${deadline} is over at ${now}: give a later one`,
      );
    if (secondsBetween(now, deadline) > MAX_ROUND_SECONDS)
      return new Rejection(
        'invalid',
        'deadline-too-late',
        `the deadline ${deadline} is more than ${MAX_ROUND_SECONDS / 86_400} days away: give an earlier one`,
      );
    return [{ type: 'RoundOpened', v: 1, data: opening }, ...closing(opened(state, opening, now), now)];
  };
}

/** A vote as its voter gives it. */
export interface Vote extends Ballot {
  /** Where votes may be changed: this one won't be. */
  readonly final?: boolean;
  /** The electorate's hash, as the voter saw it. */
  readonly snapshot: string;
  /** The pass, as the voter saw it. */
  readonly pass: number;
  /** Who speaks for the voter. */
  readonly via?: string;
}

/**
 * Takes a vote, and closes the round or opens the next pass when no other vote can change the outcome any more: of
 * votes that may be changed, only final ones are relied on.
 * @param since who has come to have a part in it since it was opened
 */
export function castVote(vote: Vote, now: Time, since: readonly Party[] = []): Decision<RoundState, RoundEvent> {
  return (opened) => {
    const state = withParties(opened, since);
    const voted = voteEvent(vote, state, now);
    if (voted === undefined) return [];
    if (voted instanceof Rejection) return voted;
    const before = Object.keys(state.ballots).find((voter) => voter !== vote.voter && isSameActor(voter, vote.voter));
    if (before !== undefined)
      return refuse('already-voted', `you have voted as ${before}: one principal has one vote`, { voter: before });
    if (isOver(state, now))
      return refuse('vote-late', `votes were taken until ${state.deadline}: the round is being closed`, {
        deadline: state.deadline,
      });
    return [voted, ...closing(withBallot(state as OpenRound, voted.data), now)];
  };
}

/** The vote alone, whether it is late or not and whatever follows; undefined when this very vote was cast before. */
function voteEvent(
  { snapshot, ...vote }: Vote,
  state: RoundState,
  cast_at: Time | undefined,
): Extract<RoundEvent, { type: 'VoteCast' | 'VoteChanged' }> | Rejection | undefined {
  if (state.spec === undefined || state.electorate === undefined) return unknownRound();
  const { spec, electorate, pass } = state;
  const { voter, choice, confidence, reasoning } = vote;
  const asked = electorate.voters.find(({ id }) => id === voter);
  if (asked === undefined)
    return new Rejection('forbidden', 'voter-not-eligible', 'only those whom the round asked may vote');
  const final = !spec.allow_change || vote.final === true;
  const before = own(state.ballots, voter);
  const same =
    before?.choice === choice &&
    before.confidence === confidence &&
    before.reasoning === reasoning &&
    before.final === final;
  if (same && vote.pass === pass && snapshot === state.electorate_hash) return undefined;

  const party = barred(state.parties, voter, 'vote', vote.via);
  if (party !== undefined) return party;
  if (!isOpen(state))
    return refuse('round-closed', `the round is ${state.status}: votes are not taken any more`, {
      status: state.status,
    });
  if (!ballotHolders(electorate).has(voter))
    return new Rejection(
      'forbidden',
      'vote-handed-on',
      `the voter casts no vote in this round: ${asked.delegate_to ?? 'another delegate'} does`,
    );
  if (snapshot !== state.electorate_hash)
    return new Rejection('precondition', 'snapshot-differs', 'the voter saw another electorate: read the round again', {
      snapshot: state.electorate_hash,
    });
  if (vote.pass !== pass)
    return new Rejection(
      'precondition',
      'pass-differs',
      `the round is in pass ${pass}, not ${vote.pass}: read its dissent and vote again`,
      { pass },
    );
  if (!spec.choices.includes(choice))
    return new Rejection('invalid', 'choice-unknown', `choice must be one of ${spec.choices.join(', ')}`, {
      choices: spec.choices,
    });
  if (!(confidence >= 0 && confidence <= 1))
    return new Rejection('invalid', 'confidence-invalid', 'confidence must be a number from 0 to 1');
  if (!isText(reasoning, MAX_REASONING))
    return new Rejection('invalid', 'reasoning-invalid', textRule('reasoning', MAX_REASONING));
  if (before?.final)
    return refuse('already-voted', 'the voter has cast a final vote in this pass', { choice: before.choice });
  if (before?.ballot === MAX_BALLOTS)
    return refuse('too-many-changes', `a vote can be changed ${MAX_BALLOTS - 1} times in a pass: the last one stands`);
  const ballot = { voter, choice, confidence, reasoning, final, pass, ballot: (before?.ballot ?? 0) + 1, cast_at };
  return { type: before === undefined ? 'VoteCast' : 'VoteChanged', v: 1, data: ballot };
}

/** At the deadline the votes are counted as they stand. Before it, and once the round is over, nothing happens. */
export function timePassed(now: Time): Decision<RoundState, RoundEvent> {
  return (state) => (isOpen(state) && isOver(state, now) ? concluded(state, false, now) : []);
}

/** Gives back the time in which nobody could vote, when the deadline has passed meanwhile. */
export function extend(excused: Excuse, now: Time): Decision<RoundState, RoundEvent> {
  return (state) => {
    if (!isOpen(state) || !isOver(state, now)) return [];
    const deadline = excused(
      state.extended_at ?? plusSeconds(state.deadline, -state.spec.round_seconds),
      state.deadline,
    );
    return deadline > now ? [{ type: 'RoundExtended', v: 1, data: { deadline, extended_at: now } }] : [];
  };
}

/** What follows when the votes decide before the deadline. */
function closing(state: OpenRound, now: Time): RoundEvent[] {
  return isDecided(state) ? concluded(state, true, now) : [];
}

function isDecided({ electorate, ballots }: OpenRound): boolean {
  const fixed = Object.values(ballots).filter(({ final }) => final);
  const undecided = electorate.voters.filter(({ id }) => own(ballots, id)?.final !== true).map(({ id }) => id);
  return isSettled(electorate, fixed, undecided);
}

/** Counts the pass: agreed, or another pass, or a person. Where no vote has any weight, another pass can't help. */
function concluded(state: OpenRound, early: boolean, now: Time): RoundEvent[] {
  const { spec, electorate, electorate_hash, pass, ballots } = state;
  const counted = tally(electorate, Object.values(ballots));
  const close = (outcome: RoundOutcome, choice?: string): RoundEvent => ({
    type: 'RoundClosed',
    v: 1,
    data: { outcome, choice, tally: counted, early, electorate_hash, counted_at: now },
  });
  if (counted.agreed) return [close('agreed', counted.leader)];
  if (pass <= spec.improvement_rounds && counted.eligible > 0) {
    return [
      {
        type: 'ImprovementOpened',
        v: 1,
        data: { pass: pass + 1, deadline: plusSeconds(now, spec.round_seconds), tally: counted, counted_at: now },
      },
    ];
  }
  // Who is early has not waited for a quorum, which might have come; an agreement could not.
  const outcome = counted.quorum_met || (early && counted.eligible > 0) ? 'no_agreement' : 'no_quorum';
  return [
    close(outcome),
    { type: 'RoundEscalated', v: 1, data: { to: 'human', reason: whyNot(outcome, counted, electorate) } },
  ];
}

function whyNot(
  outcome: RoundOutcome,
  { eligible, turnout, score, tie, vetoes }: Tally,
  { algorithm, quorum, min_agreement }: Electorate,
): string {
  if (eligible === 0) return 'no voter has any weight: there can be no quorum';
  if (outcome === 'no_quorum')
    return `no quorum: ${percent(turnout)} of the weight voted, ${percent(quorum)} are needed`;
  if (vetoes.length > 0) return `vetoed by ${vetoes.join(', ')}`;
  if (tie) return 'no agreement: several choices have the same weight';
  return `no agreement: the leading choice has ${percent(score)} of the weight cast, ${algorithm === 'simple_majority' ? 'more than 50 %' : percent(min_agreement)} are needed`;
}

/** Its tenant is no more, so nobody votes any more, whatever time is left; what had come to its end stays so. */
export function abandon(by: string, reason: string): Decision<RoundState, RoundEvent> {
  return (state) => {
    if (state.status === 'unknown') return unknownRound();
    return isOpen(state) ? [{ type: 'RoundCancelled', v: 1, data: { by, reason } }] : [];
  };
}

/** @param since as of `castVote` */
export function cancel(
  { id: by, via }: Pick<Principal, 'id' | 'via'>,
  reason: string,
  now: Time,
  since: readonly Party[] = [],
): Decision<RoundState, RoundEvent> {
  return (opened) => {
    const state = withParties(opened, since);
    if (state.status === 'unknown') return unknownRound();
    if (!isText(reason, MAX_ROUND_REASON))
      return new Rejection('invalid', 'reason-invalid', textRule('reason', MAX_ROUND_REASON));
    if (state.cancellation?.by === by && state.cancellation.reason === reason) return [];
    const party = barred(state.parties, by, 'cancel', via);
    if (party !== undefined) return party;
    if (!isOpen(state))
      return refuse('round-closed', `the round is ${state.status}: it can't be cancelled`, { status: state.status });
    if (isOver(state, now))
      return refuse('round-closed', `the time of the round ended at ${state.deadline}: it closes with its votes`, {
        status: state.status,
        deadline: state.deadline,
      });
    return [{ type: 'RoundCancelled', v: 1, data: { by, reason } }];
  };
}

/**
 * Puts a person's choice in place of what came of the round, whatever that was. Where an approval would take two
 * people, so does this: the first asks for it, and another one who overrides it with the same choice confirms it. Who
 * has become a party after asking counts no more.
 * @param since as of `castVote`
 */
export function override(
  person: { readonly id: string; readonly kind: PrincipalKind },
  choice: string,
  reason: string,
  since: readonly Party[] = [],
): Decision<RoundState, RoundEvent> {
  return (opened) => {
    const state = withParties(opened, since);
    const { id: by, kind } = person;
    if (state.spec === undefined) return unknownRound();
    if (kind !== 'human') return new Rejection('forbidden', 'not-a-person', 'only a person may override an outcome');
    const wrong = barred(state.parties, by, 'override') ?? notOverridable(state, choice, reason);
    if (wrong !== undefined) return wrong;
    const { override: standing, override_asked: asked, spec } = state;
    if (
      standing?.choice === choice &&
      (standing.with.includes(by) || (standing.by === by && standing.reason === reason))
    )
      return [];
    const mine = asked.find((ask) => isSameActor(ask.by, by));
    if (mine?.choice === choice && mine.reason === reason) return [];
    if (insteadOf(state).choice === choice)
      return refuse('nothing-to-override', `${choice} is the outcome already`, { choice });
    if (state.overrides.length >= MAX_OVERRIDES || (asked.length >= MAX_OVERRIDES && mine === undefined)) {
      return refuse(
        'overrides-full',
        `the round was overridden, or that was asked for, ${MAX_OVERRIDES} times: what stands, stands`,
      );
    }
    const others = asked
      .filter(
        (ask) =>
          !isSameActor(ask.by, by) && ask.choice === choice && barred(state.parties, ask.by, 'override') === undefined,
      )
      .map((ask) => ask.by);
    const parties =
      state.parties.length > opened.parties.length ? state.parties.slice(opened.parties.length) : undefined;
    if (others.length + 1 < peopleNeeded(spec.impact, spec.risk ?? 0))
      return [{ type: 'OverrideAsked', v: 1, data: { by, choice, reason, parties } }];
    return [
      {
        type: 'OutcomeOverridden',
        v: 1,
        data: { by, choice, reason, instead_of: insteadOf(state), with: others, parties },
      },
    ];
  };
}

function withParties(state: RoundState, since: readonly Party[]): RoundState {
  return since.length === 0 ? state : { ...state, parties: eachOnce([...state.parties, ...since]) };
}

/** What people decided in an approval that was opened because the agents could not. */
export interface PeoplesChoice {
  /** Who approved it, the last one last. */
  readonly people: readonly string[];
  readonly choice: string;
  readonly reason: string;
  /** The asking: `stream@index`. */
  readonly approval: string;
}

/**
 * Carries out what people decided in an approval, once; not when the round was overridden meanwhile: that is the later
 * word.
 */
export function decidedByPeople({ people, choice, reason, approval }: PeoplesChoice): Decision<RoundState, RoundEvent> {
  return (state) => {
    const by = people.at(-1);
    if (state.spec === undefined || by === undefined) return unknownRound();
    if (state.overrides.some((one) => one.approval === approval)) return [];
    const party = people.map((id) => barred(state.parties, id, 'override')).find((wrong) => wrong !== undefined);
    const wrong = party ?? notOverridable(state, choice, reason);
    if (wrong !== undefined) return wrong;
    const { override: other } = state;
    if (other !== undefined)
      return refuse('overridden-meanwhile', `${other.by} overrode the round with ${other.choice}: that stands`, {
        by: other.by,
        choice: other.choice,
      });
    if (insteadOf(state).choice === choice)
      return refuse('nothing-to-override', `${choice} is the outcome already`, { choice });
    return [
      {
        type: 'OutcomeOverridden',
        v: 1,
        data: { by, choice, reason, instead_of: insteadOf(state), with: people.slice(0, -1), approval },
      },
    ];
  };
}

function notOverridable({ status, outcome, spec }: RoundState, choice: string, reason: string): Rejection | undefined {
  const { choices } = spec as RoundSpec;
  if (outcome === undefined)
    return refuse('round-not-closed', `the round is ${status}: there is no outcome to override`, { status });
  if (!choices.includes(choice))
    return new Rejection('invalid', 'choice-unknown', `choice must be one of ${choices.join(', ')}`, { choices });
  return isText(reason, MAX_ROUND_REASON)
    ? undefined
    : new Rejection('invalid', 'reason-invalid', textRule('reason', MAX_ROUND_REASON));
}

function insteadOf({ outcome, override: standing }: RoundState): {
  outcome: RoundOutcome | 'overridden';
  choice?: string;
} {
  return standing === undefined
    ? { outcome: outcome?.outcome as RoundOutcome, choice: outcome?.choice }
    : { outcome: 'overridden', choice: standing.choice };
}

function unknownRound(): Rejection {
  return new Rejection('missing', 'round-not-found', 'there is no round with this id');
}

function isChoices(choices: readonly string[]): boolean {
  return (
    choices.length >= 2 &&
    choices.length <= MAX_CHOICES &&
    choices.every(isId) &&
    new Set(choices).size === choices.length
  );
}

function isCount(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}

/** Rounded down, so that what falls short never reads as if it didn't. */
function percent(share: number): string {
  return `${Math.floor(share * 1000 + 1e-9) / 10} %`;
}

// ------------------------------------------------------------------------------------------------------ recompute

/** What came of counting a round again. */
export interface RoundRecomputation {
  /** False when anything is wrong with the receipts or with what follows from them. */
  readonly agrees: boolean;
  readonly recomputed: Tally;
  /** The tally on the receipt of the close. */
  readonly receipt: Tally;
  /** A sentence for each fault, with the commit it was found in. */
  readonly faults: readonly string[];
}

/**
 * Counts a closed round again from its receipts alone, all commits of its stream in order; needs nothing else, so it
 * works offline too. Checks the chain of hashes; each vote by the rules that took it, the deadline among them; that the
 * round closed neither too early nor too late, with the tally, the outcome and the electorate that follow from the
 * votes. Times are those of the server that decided, as its receipts state them; where older receipts state none, the
 * deadline of a vote is not checked, and the count's only by the commit's time.
 */
export function recomputeRound(commits: readonly Commit[]): RoundRecomputation | Rejection {
  const counting = countAgain(commits);
  for (;;) {
    const { done, value } = counting.next();
    if (done === true) return value instanceof Rejection ? value : value.recomputation;
  }
}

/** A round that was counted again, with the ballots of its last pass by voter. */
export interface CountedAgain {
  readonly recomputation: RoundRecomputation;
  readonly ballots: RoundState['ballots'];
}

/** The same in steps, one a commit: thousands of votes take seconds. */
export function* countAgain(commits: readonly Commit[]): Generator<undefined, CountedAgain | Rejection> {
  const faults: string[] = [];
  const verifier = new ChainVerifier(commits[0]?.stream ?? '');
  let counted: { recomputed: Tally; receipt: Tally } | undefined;
  let state = roundDecider.initial;
  for (const commit of commits) {
    const { hash, ...unsealed } = commit;
    const { stream, index, at, meta } = commit;
    const fault = (message: string) => faults.push(`${commitRef(stream, index)}: ${message}`);
    for (const { message } of verifier.next({ index, body: canonicalize(unsealed), hash })) faults.push(message);
    const events = commit.events.map((event) => upcast<RoundEvent>(roundDecider, event));
    events.forEach((event, place) => {
      if (event.type === 'RoundClosed' && isOpen(state))
        counted = { recomputed: tally(state.electorate, Object.values(state.ballots)), receipt: event.data.tally };
      for (const message of eventFaults(state, events.slice(place), commit)) fault(message);
      state = roundDecider.evolve(state, event, { stream, index, at, correlationId: meta.correlationId });
    });
    if (isOpen(state) && isDecided(state)) fault('the votes had decided, yet the round went on');
    yield;
  }
  return counted === undefined
    ? new Rejection('invalid', 'round-not-closed', 'these are not the receipts of a closed round')
    : { recomputation: { agrees: faults.length === 0, ...counted, faults }, ballots: state.ballots };
}

/** What is wrong with the first of these events of a commit, the rest of which follow from it. */
function eventFaults(state: RoundState, events: readonly RoundEvent[], { at, meta }: Commit): string[] {
  const event = events[0] as RoundEvent;
  const differs = (recorded: unknown, computed: unknown) => canonicalize(recorded) !== canonicalize(computed);
  switch (event.type) {
    case 'RoundOpened':
      return state.status === 'unknown' ? roundProblems(event.data) : ['the round was opened twice'];
    case 'VoteCast':
    case 'VoteChanged': {
      const { voter, cast_at } = event.data;
      const expected = voteEvent({ ...event.data, snapshot: state.electorate_hash }, state, cast_at);
      if (expected instanceof Rejection) return [`the vote of ${voter} was not to be taken: ${expected.message}`];
      if (expected === undefined || differs(event, expected))
        return [`the vote of ${voter} is not what the rules make of it`];
      return cast_at === undefined || (isTime(cast_at) && !isOver(state, cast_at))
        ? []
        : [`the vote of ${voter} was cast at ${cast_at}, and votes were taken until ${state.deadline}`];
    }
    case 'ImprovementOpened':
    case 'RoundClosed': {
      if (!isOpen(state)) return [`the round was ${state.status} when its votes were counted`];
      const faults: string[] = [];
      const { counted_at } = event.data;
      if (counted_at !== undefined && !isTime(counted_at))
        return [`${counted_at} is no time at which the votes could be counted`];
      const inTime = (counted_at ?? at) < state.deadline;
      const early = event.type === 'RoundClosed' ? event.data.early : inTime;
      if (early ? !isDecided(state) : inTime)
        faults.push('the votes were counted before they had decided and before the deadline');
      if (early && counted_at !== undefined && !inTime)
        faults.push(`the votes were counted at ${counted_at}, which is not early`);
      const expected = concluded(state, early, counted_at ?? at).map((one) =>
        counted_at === undefined ? undated(one, event) : one,
      );
      if (withoutHalves(canonicalize(events)) !== canonicalize(expected))
        faults.push('what was recorded of the count is not what follows from the votes');
      return faults;
    }
    case 'RoundExtended':
      return isOpen(state) && event.data.deadline > state.deadline
        ? []
        : ['the round was given time that it could not be given'];
    case 'RoundEscalated':
      return state.status === 'closed' && state.outcome?.outcome !== 'agreed' && state.escalation === undefined
        ? []
        : ['a person was asked without a cause'];
    case 'RoundCancelled':
      return isOpen(state) ? [] : [`the round was ${state.status} when it was cancelled`];
    case 'OverrideAsked':
    case 'OutcomeOverridden':
      return overrideFaults(state, event, meta.actor);
  }
}

/**
 * What is wrong with an override, by the rules of its time: older ones took one person, and did not ask about parties.
 */
function overrideFaults(
  state: RoundState,
  event: Extract<RoundEvent, { type: 'OverrideAsked' | 'OutcomeOverridden' }>,
  actor: Commit['meta']['actor'],
): string[] {
  const { choice, reason, by } = event.data;
  const { with: others, approval } =
    event.type === 'OutcomeOverridden' ? event.data : { with: [], approval: undefined };
  const { parties = [] } = event.data;
  const older = others === undefined;
  const judged =
    older && state.spec !== undefined
      ? { ...state, parties: [], spec: { ...state.spec, impact: 'low' as const } }
      : state;
  const decide =
    approval === undefined
      ? override(actor, choice, reason, parties)
      : decidedByPeople({ people: [...(others ?? []), by], choice, reason, approval });
  const expected = decide(judged);
  if (expected instanceof Rejection) return [`the outcome was not to be overridden: ${expected.message}`];
  const comparable = older ? expected.map((one) => ({ ...one, data: { ...one.data, with: undefined } })) : expected;
  return canonicalize([event]) === canonicalize(comparable) && by === actor.id
    ? []
    : ['the override is not what the rules make of it'];
}

/** Older receipts hold dissent that was cut within a character: half of it may stand at the end of a text. */
function withoutHalves(canonical: string): string {
  return canonical.replaceAll(/(?<!\\)\\ud[89ab][0-9a-f]{2}(?=")/g, '');
}

/**
 * As it was recorded before receipts said when the votes were counted. When the next pass ends depends on that: it is
 * taken over.
 */
function undated(event: RoundEvent, recorded: RoundEvent): RoundEvent {
  if (event.type === 'RoundClosed') return { ...event, data: { ...event.data, counted_at: undefined } };
  if (event.type !== 'ImprovementOpened' || recorded.type !== 'ImprovementOpened') return event;
  return { ...event, data: { ...event.data, deadline: recorded.data.deadline, counted_at: undefined } };
}
