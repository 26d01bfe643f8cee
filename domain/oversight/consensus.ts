/**
 * How votes become a decision: six algorithms, one count. Pure functions of what stands on the receipts, so that anyone
 * can count a round again.
 *
 * The algorithms differ only in who speaks with what weight. Each makes blocs of the electorate: a bloc is one voter,
 * but for `stakeholder_consensus`, where it is a group. A bloc has voted when the quorum is met among its own voters,
 * and decides what more than half of those who voted in it chose; a single voter therefore decides what it chose.
 *
 * Two tests then: the quorum, weight cast / weight eligible ≥ `quorum`; and the agreement, score = weight of
 * the leading choice / weight cast ≥ `min_agreement`. `simple_majority` has a test of its own instead of the second:
 * more than half of what was cast. A tie is never an agreement.
 *
 * Weights are counted in whole millionths: sums are exact, so the order of votes and voters changes no bit of a result.
 */
import { canonicalize, sha256 } from '../kernel/commit';
import { isId } from '../kernel/ids';
import { actorOf } from '../kernel/principal';
import { cut, isText, textRule } from '../kernel/text';

export const ALGORITHMS = [
  'simple_majority',
  'weighted_voting',
  'delegated_authority',
  'expertise_based',
  'stakeholder_consensus',
  'delegated_proof_of_stake',
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** What a round takes that says nothing else. */
export const CONSENSUS_DEFAULTS = { algorithm: 'expertise_based', min_agreement: 0.75, quorum: 0.67 } as const;

export const MAX_VOTERS = 500;
export const MAX_GROUPS = 50;
/** Longest reason why a voter is asked, in characters. */
export const MAX_VOTER_WHY = 200;
/** Largest canonical form of an electorate in bytes: the receipt of its round stays below 256 KB. */
export const MAX_ELECTORATE_BYTES = 128 * 1024;
/** Largest weight, stake, share or factor of expertise. */
export const MAX_WEIGHT = 1_000_000;
/**
 * How many dissenters a tally quotes, the weightiest first, and how many characters of each; the votes' receipts keep
 * all.
 */
export const MAX_DISSENT = 50;
export const MAX_DISSENT_TEXT = 200;

// ----------------------------------------------------------------------------------------------------- electorate

/** Who may vote, and what gives the vote its weight. Field names are the wire's. */
export interface Voter {
  readonly id: string;
  /** Why it is asked, for example `capability finance, level 0.9`. */
  readonly why: string;
  /** `weighted_voting`. */
  readonly weight?: number;
  /** `expertise_based`, and `delegated_proof_of_stake` as a factor of the stake: 0 or more each, usually at most 1. */
  readonly expertise?: { readonly relevance: number; readonly experience: number; readonly track_record: number };
  /** `stakeholder_consensus`: the group that it belongs to. */
  readonly group?: string;
  /** `delegated_authority`: who has its vote. `delegated_proof_of_stake`: the candidate whom its stake elects. */
  readonly delegate_to?: string;
  /** `delegated_proof_of_stake`; 1 when it is not given. */
  readonly stake?: number;
  /** `delegated_proof_of_stake`: it is a candidate, elected by its own stake and by that of others. */
  readonly stands_for?: boolean;
  /** The model that it thinks with: several of them are a remedy for groupthink. */
  readonly model?: string;
}

/** `stakeholder_consensus`. */
export interface VoterGroup {
  readonly id: string;
  readonly share: number;
  /** True when nothing is agreed against this group's decision. */
  readonly veto: boolean;
}

/** Frozen when a round is opened. */
export interface Electorate {
  readonly algorithm: Algorithm;
  readonly voters: readonly Voter[];
  readonly groups?: readonly VoterGroup[];
  /** `delegated_proof_of_stake`: how many delegates are elected. */
  readonly delegates?: number;
  /** Above 0, at most 1. */
  readonly min_agreement: number;
  /** Above 0, at most 1. */
  readonly quorum: number;
}

/** SHA-256 of the electorate's RFC 8785 form: whoever votes says with it whom it believes to be asked. */
export function electorateHash(electorate: Electorate): string {
  return sha256(canonicalize(electorate));
}

/** What is wrong with an electorate, a sentence for each fault. The functions below take only one without any. */
export function electorateProblems(electorate: Electorate): string[] {
  const { algorithm, voters, groups, delegates, min_agreement, quorum } = electorate;
  const problems: string[] = [];
  const need = (holds: boolean, rule: string) => {
    if (!holds) problems.push(rule);
  };
  need(ALGORITHMS.includes(algorithm), `algorithm must be one of ${ALGORITHMS.join(', ')}`);
  need(min_agreement > 0 && min_agreement <= 1, 'min_agreement must be above 0 and at most 1');
  need(quorum > 0 && quorum <= 1, 'quorum must be above 0 and at most 1');
  need(voters.length >= 1 && voters.length <= MAX_VOTERS, `voters must be a list of 1 to ${MAX_VOTERS}`);
  need((groups?.length ?? 0) <= MAX_GROUPS, `groups must be a list of at most ${MAX_GROUPS}`);
  if (problems.length > 0) return problems;

  const ids = new Set(voters.map(({ id }) => id));
  need(ids.size === voters.length, 'voters must be different: one principal has one vote');
  voters.forEach((voter, place) => {
    const { why, weight, stake, expertise, model } = voter;
    const one = `voter ${place + 1}`;
    need(isId(voter.id), `${one}: id must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -`);
    need(isText(why, MAX_VOTER_WHY), textRule(`${one}: why`, MAX_VOTER_WHY));
    need(model === undefined || isId(model), `${one}: model must be an id`);
    const numbers = { weight, stake, ...expertise };
    for (const [name, value] of Object.entries(numbers))
      need(
        value === undefined || (value >= 0 && value <= MAX_WEIGHT),
        `${one}: ${name} must be a number from 0 to ${MAX_WEIGHT}`,
      );
    need(algorithm !== 'weighted_voting' || weight !== undefined, `${one}: weighted_voting needs its weight`);
    need(algorithm !== 'expertise_based' || expertise !== undefined, `${one}: expertise_based needs its expertise`);
  });
  if (algorithm === 'delegated_authority') problems.push(...delegationProblems(voters, ids));

  need(
    (algorithm === 'stakeholder_consensus') === (groups !== undefined),
    'groups belong to stakeholder_consensus, which needs them',
  );
  if (algorithm === 'stakeholder_consensus') problems.push(...groupProblems(voters, groups ?? []));

  need(
    (algorithm === 'delegated_proof_of_stake') === (delegates !== undefined),
    'delegates belongs to delegated_proof_of_stake, which needs it',
  );
  if (algorithm === 'delegated_proof_of_stake') problems.push(...electionProblems(voters, delegates ?? 1));

  if (problems.length === 0)
    need(
      Buffer.byteLength(canonicalize(electorate)) <= MAX_ELECTORATE_BYTES,
      `the electorate must be at most ${MAX_ELECTORATE_BYTES} bytes: shorten ids and reasons, or ask fewer`,
    );
  return problems;
}

/**
 * Voters that are one under several names, a sentence for each, where votes are handed on: there one would speak by
 * another's mouth as well; elsewhere the second of its votes is refused. Asked when an electorate comes to be, not of
 * those on receipts: older ones were not asked.
 */
export function doubledVoters({ algorithm, voters }: Pick<Electorate, 'algorithm' | 'voters'>): string[] {
  if (algorithm !== 'delegated_authority' && algorithm !== 'delegated_proof_of_stake') return [];
  const doubled = [...Map.groupBy(voters, ({ id }) => actorOf(id)).values()].filter(
    (ids) => new Set(ids.map(({ id }) => id)).size > 1,
  );
  return doubled.map(
    (ids) => `voters must be different: ${ids.map(({ id }) => id).join(' and ')} are one principal, which has one vote`,
  );
}

function delegationProblems(voters: readonly Voter[], ids: ReadonlySet<string>): string[] {
  const ends = chainEnds(voters);
  return voters.flatMap(({ id, delegate_to }, place) => {
    if (delegate_to === undefined) return [];
    if (!ids.has(delegate_to)) return [`voter ${place + 1}: delegate_to must be another voter`];
    return ends.get(id) === undefined ? [`voter ${place + 1}: its vote is handed round in a circle`] : [];
  });
}

function groupProblems(voters: readonly Voter[], groups: readonly VoterGroup[]): string[] {
  const members = new Set(voters.map(({ group }) => group));
  const known = new Set(groups.map(({ id }) => id));
  const problems = voters.flatMap(({ group }, place) =>
    group !== undefined && known.has(group) ? [] : [`voter ${place + 1}: group must be one of the groups`],
  );
  if (known.size < groups.length) problems.push('groups must be different');
  groups.forEach(({ id, share }, place) => {
    if (!isId(id)) problems.push(`group ${place + 1}: id must be an id`);
    if (!(share <= MAX_WEIGHT && inMillionths(share) >= 1))
      problems.push(`group ${place + 1}: share must be a number from 0.000001 to ${MAX_WEIGHT}`);
    if (!members.has(id)) problems.push(`group ${place + 1}: it has no voter`);
  });
  return problems;
}

function electionProblems(voters: readonly Voter[], delegates: number): string[] {
  const candidates = new Set(voters.filter(({ stands_for }) => stands_for).map(({ id }) => id));
  const problems = voters.flatMap(({ id, delegate_to }, place) => {
    if (delegate_to === undefined) return [];
    if (candidates.has(id)) return [`voter ${place + 1}: a candidate elects itself: leave delegate_to out`];
    return candidates.has(delegate_to) ? [] : [`voter ${place + 1}: delegate_to must be a candidate (stands_for)`];
  });
  if (candidates.size === 0) problems.push('delegated_proof_of_stake needs a candidate (stands_for)');
  if (!Number.isInteger(delegates) || delegates < 1 || delegates > MAX_VOTERS)
    problems.push(`delegates must be a whole number from 1 to ${MAX_VOTERS}`);
  return problems;
}

/** Where each voter's vote ends when all hand theirs on; undefined when it never does. */
function chainEnds(voters: readonly Voter[]): Map<string, string | undefined> {
  const next = new Map(voters.map(({ id, delegate_to }) => [id, delegate_to]));
  const ends = new Map<string, string | undefined>();
  for (const { id } of voters) {
    const path = new Set<string>();
    let at = id;
    for (let to = next.get(at); to !== undefined && !ends.has(at) && !path.has(at); to = next.get(at)) {
      path.add(at);
      at = to;
    }
    const end = ends.has(at) ? ends.get(at) : path.has(at) ? undefined : at;
    for (const passed of path) ends.set(passed, end);
    ends.set(at, end);
  }
  return ends;
}

// ---------------------------------------------------------------------------------------------------------- blocs

/** What speaks with one voice. */
interface Bloc {
  readonly id: string;
  /** Millionths. */
  readonly weight: number;
  readonly voters: readonly string[];
  readonly veto: boolean;
}

/**
 * min(relevance · experience · track record, 1). Capped before it is normalised: nobody counts for more than
 * an expert.
 */
export function expertiseWeight({ relevance, experience, track_record }: NonNullable<Voter['expertise']>): number {
  return Math.min(relevance * experience * track_record, 1);
}

function blocsOf({ algorithm, voters, groups = [], delegates }: Electorate): Bloc[] {
  const each = (weightOf: (voter: Voter) => number) =>
    voters.map((voter) => ({ id: voter.id, weight: inMillionths(weightOf(voter)), voters: [voter.id], veto: false }));
  switch (algorithm) {
    // One voter, one vote.
    case 'simple_majority':
      return each(() => 1);
    // Weights come with the round.
    case 'weighted_voting':
      return each(({ weight }) => weight ?? 0);
    case 'expertise_based':
      return each(({ expertise }) => (expertise === undefined ? 0 : expertiseWeight(expertise)));
    // A vote that is handed on belongs to the end of its chain; who hands it on, doesn't vote.
    case 'delegated_authority': {
      const ends = chainEnds(voters);
      return gathered(
        each(() => 1),
        ({ id }) => ends.get(id),
      );
    }
    // Groups decide inside, then count by share.
    case 'stakeholder_consensus': {
      const members = Map.groupBy(voters, ({ group }) => group);
      return groups.map(({ id, share, veto }) => ({
        id,
        weight: inMillionths(share),
        voters: (members.get(id) ?? []).map((voter) => voter.id),
        veto,
      }));
    }
    // Stakes elect delegates, who vote with the stake behind them. The stake is stake × expertise where that is known
    // (K3: X joins stake with expertise weights). Stake behind nobody who was elected is not eligible. Ties: the
    // smaller id.
    case 'delegated_proof_of_stake': {
      const backs = new Map(voters.map(({ id, delegate_to, stands_for }) => [id, stands_for ? id : delegate_to]));
      const stakes = each(
        ({ stake = 1, expertise }) => stake * (expertise === undefined ? 1 : expertiseWeight(expertise)),
      );
      return gathered(stakes, ({ id }) => backs.get(id))
        .sort((a, b) => b.weight - a.weight || compare(a.id, b.id))
        .slice(0, delegates);
    }
  }
}

/** Puts each voter's weight behind another voter, or behind nobody. */
function gathered(blocs: readonly Bloc[], behind: (bloc: Bloc) => string | undefined): Bloc[] {
  const weights = new Map<string, number>();
  for (const bloc of blocs) {
    const voter = behind(bloc);
    if (voter !== undefined) weights.set(voter, (weights.get(voter) ?? 0) + bloc.weight);
  }
  return blocs.flatMap((bloc) => {
    const weight = weights.get(bloc.id);
    return weight === undefined ? [] : [{ ...bloc, weight }];
  });
}

/** Who casts a vote: all but those who handed theirs on, and those who were not elected. */
export function ballotHolders(electorate: Electorate): Set<string> {
  return new Set(blocsOf(electorate).flatMap(({ voters }) => voters));
}

// ---------------------------------------------------------------------------------------------------------- count

/** At most one for each voter. */
export interface Ballot {
  readonly voter: string;
  readonly choice: string;
  /** 0 to 1. */
  readonly confidence: number;
  readonly reasoning: string;
}

/** A bloc with what was voted in it. */
interface Count extends Bloc {
  readonly votes: ReadonlyMap<string, number>;
  readonly cast: number;
  /** Voters of whom it is not known yet whether and how they vote. */
  readonly open: number;
}

function countVotes(blocs: readonly Bloc[], ballots: readonly Ballot[], undecided: readonly string[]): Count[] {
  const choices = new Map(ballots.map(({ voter, choice }) => [voter, choice]));
  const waiting = new Set(undecided);
  return blocs.map((bloc) => {
    const votes = new Map<string, number>();
    let cast = 0;
    let open = 0;
    for (const voter of bloc.voters) {
      const choice = choices.get(voter);
      if (choice !== undefined) {
        votes.set(choice, (votes.get(choice) ?? 0) + 1);
        cast += 1;
      } else if (waiting.has(voter)) {
        open += 1;
      }
    }
    return { ...bloc, votes, cast, open };
  });
}

/** What may still become of a count, and what must. Without open votes, may and must are the same. */
function prospects({ quorum }: Electorate) {
  const votes = (count: Count, choice: string) => count.votes.get(choice) ?? 0;
  const mustVote = ({ cast, voters }: Count) => reaches(cast, voters.length, quorum);
  const mayVote = ({ cast, open, voters }: Count) => reaches(cast + open, voters.length, quorum);
  return {
    mustVote,
    mayVote,
    mustChoose: (choice: string) => (count: Count) =>
      mustVote(count) && 2 * votes(count, choice) > count.cast + count.open,
    mayChoose: (choice: string) => (count: Count) =>
      mayVote(count) && 2 * (votes(count, choice) + count.open) > count.cast + count.open,
    /** It votes, but for another choice, or for none because it is divided. */
    mayVoteElse: (choice: string) => (count: Count) =>
      mayVote(count) && 2 * votes(count, choice) <= count.cast + count.open,
  };
}

function weightOf(counts: readonly Count[], which: (count: Count) => boolean = () => true): number {
  let sum = 0;
  for (const count of counts) if (which(count)) sum += count.weight;
  return sum;
}

function isEnough({ algorithm, min_agreement }: Electorate, leading: number, cast: number): boolean {
  return algorithm === 'simple_majority' ? 2 * leading > cast : reaches(leading, cast, min_agreement);
}

/** What came of a count; stands whole on the receipt. */
export interface Tally {
  readonly algorithm: Algorithm;
  /**
   * Share of the eligible weight that each voter casts, after delegation and election; they add up to 1, or all are 0.
   */
  readonly weights: Readonly<Record<string, number>>;
  /** Weight that may vote, and weight that has voted. */
  readonly eligible: number;
  readonly cast: number;
  /** Every choice that somebody made: heaviest first, then by name. `share` is that of the weight cast. */
  readonly choices: readonly { readonly choice: string; readonly weight: number; readonly share: number }[];
  /** The heaviest choice; undefined when several are, or none has any weight. */
  readonly leader: string | undefined;
  readonly tie: boolean;
  /** Weight of the heaviest choice / weight cast; 0 when none was cast. */
  readonly score: number;
  /** Weight cast / weight eligible; 0 when none is eligible. */
  readonly turnout: number;
  readonly quorum_met: boolean;
  readonly agreed: boolean;
  /** Votes for anything but the leader: the weightiest 50, then by voter, the first 200 characters of each. */
  readonly dissent: readonly Ballot[];
  /** Groups with a veto that decided for something else than the leader. */
  readonly vetoes: readonly string[];
  /** Who chose what, by name: two voters agree (1) when they stand together, else not (0). See `agreementMatrix`. */
  readonly matrix: readonly { readonly choice: string; readonly voters: readonly string[] }[];
  /** Mean confidence of those who voted for the leader, by weight; 0 without a leader. */
  readonly mean_confidence: number;
}

/**
 * Counts the ballots. Those of voters who hold no ballot (handed on, not elected, not asked) don't count.
 *
 * A vote that changes to the leader never costs an agreement on it. Nor does a new vote for the leader, but in a group:
 * it can bring the group's quorum, and so a decision of the others in it. And a new vote against the leader can bring
 * the quorum, and so the agreement.
 */
export function tally(electorate: Electorate, ballots: readonly Ballot[]): Tally {
  const blocs = blocsOf(electorate);
  const eligible = weightOf(countVotes(blocs, [], []));
  const voices = new Map(blocs.flatMap(({ weight, voters }) => voters.map((voter) => [voter, weight / voters.length])));
  const voice = (voter: string) => voices.get(voter) ?? 0;
  const valid = ballots.filter(({ voter }) => voices.has(voter)).sort((a, b) => compare(a.voter, b.voter));

  const counts = countVotes(blocs, valid, []);
  const { mustVote, mustChoose } = prospects(electorate);
  const cast = weightOf(counts, mustVote);
  const names = [...new Set(valid.map(({ choice }) => choice))].sort(compare);
  const choices = names
    .map((choice) => ({ choice, weight: weightOf(counts, mustChoose(choice)) }))
    .sort((a, b) => b.weight - a.weight || compare(a.choice, b.choice));
  const leading = choices[0]?.weight ?? 0;
  const tie = leading > 0 && choices[1]?.weight === leading;
  const leader = leading > 0 && !tie ? choices[0]?.choice : undefined;

  const others = names.filter((choice) => choice !== leader);
  const vetoes =
    leader === undefined
      ? []
      : counts.filter((count) => count.veto && others.some((choice) => mustChoose(choice)(count))).map(({ id }) => id);
  const quorum_met = reaches(cast, eligible, electorate.quorum);
  const supporters = valid.filter(({ choice }) => choice === leader);
  const support = sum(supporters, ({ voter }) => voice(voter));
  return {
    algorithm: electorate.algorithm,
    weights: Object.fromEntries(
      [...voices].sort(([a], [b]) => compare(a, b)).map(([voter, weight]) => [voter, ratio(weight, eligible)]),
    ),
    eligible: eligible / MILLION,
    cast: cast / MILLION,
    choices: choices.map(({ choice, weight }) => ({ choice, weight: weight / MILLION, share: ratio(weight, cast) })),
    leader,
    tie,
    score: ratio(leading, cast),
    turnout: ratio(cast, eligible),
    quorum_met,
    agreed: quorum_met && leader !== undefined && isEnough(electorate, leading, cast) && vetoes.length === 0,
    dissent: valid
      .filter(({ choice }) => choice !== leader)
      .sort((a, b) => voice(b.voter) - voice(a.voter) || compare(a.voter, b.voter))
      .slice(0, MAX_DISSENT)
      .map(({ voter, choice, confidence, reasoning }) => ({
        voter,
        choice,
        confidence,
        reasoning: cut(reasoning, MAX_DISSENT_TEXT),
      })),
    vetoes: vetoes.sort(compare),
    matrix: names.map((choice) => ({
      choice,
      voters: valid.filter((ballot) => ballot.choice === choice).map(({ voter }) => voter),
    })),
    mean_confidence: ratio(
      sum(supporters, ({ voter, confidence }) => voice(voter) * confidence),
      support,
    ),
  };
}

/**
 * The agreement matrix: `agreement[i][j]` is 1 when `voters[i]` and `voters[j]` chose the same, else 0. Its
 * mean says nothing about a threshold: 15 against 5 have a score of 0.75, and a mean over pairs of 0.61.
 */
export function agreementMatrix(ballots: readonly Pick<Ballot, 'voter' | 'choice'>[]): {
  voters: string[];
  agreement: (0 | 1)[][];
} {
  const sorted = [...ballots].sort((a, b) => compare(a.voter, b.voter));
  return {
    voters: sorted.map(({ voter }) => voter),
    agreement: sorted.map((one) => sorted.map((other) => (one.choice === other.choice ? 1 : 0))),
  };
}

/**
 * True when nothing that the undecided do can change the outcome any more: the same choice is agreed whether and
 * however they vote, or none is.
 *
 * Never true too early. For groups it may be true later than it could: what each test needs at best is looked at apart,
 * though one course of events may not give all of them at once. When nobody is undecided it is true.
 * @param ballots those that can't change any more
 * @param undecided voters without such a ballot; who is in neither list doesn't vote
 */
export function isSettled(electorate: Electorate, ballots: readonly Ballot[], undecided: readonly string[]): boolean {
  const counts = countVotes(blocsOf(electorate), ballots, undecided);
  const { mustVote, mayVote, mustChoose, mayChoose, mayVoteElse } = prospects(electorate);
  const eligible = weightOf(counts);
  // One choice stands for all that nobody has made yet; its name is none that a choice can have.
  const choices = [...new Set(ballots.map(({ choice }) => choice)), ''].map((choice) => ({
    choice,
    least: weightOf(counts, mustChoose(choice)),
    most: weightOf(counts, mayChoose(choice)),
  }));
  const vetoers = counts.filter(({ veto }) => veto);

  const quorumIsSure = reaches(weightOf(counts, mustVote), eligible, electorate.quorum);
  const quorumIsPossible = reaches(weightOf(counts, mayVote), eligible, electorate.quorum);
  const mustBeAgreed = ({ choice, least }: Prospect, others: readonly Prospect[]) =>
    quorumIsSure &&
    isEnough(electorate, least, least + weightOf(counts, mayVoteElse(choice))) &&
    others.every((other) => least > other.most) &&
    !vetoers.some((count) => others.some((other) => mayChoose(other.choice)(count)));
  const mayBeAgreed = ({ choice, most }: Prospect, others: readonly Prospect[]) =>
    quorumIsPossible &&
    isEnough(electorate, most, most + weightOf(counts, (count) => mustVote(count) && !mayChoose(choice)(count))) &&
    others.every((other) => most > other.least) &&
    !vetoers.some((count) => others.some((other) => mustChoose(other.choice)(count)));
  const someChoice = (test: (one: Prospect, others: readonly Prospect[]) => boolean) =>
    choices.some((one) =>
      test(
        one,
        choices.filter((other) => other !== one),
      ),
    );
  return someChoice(mustBeAgreed) || !someChoice(mayBeAgreed);
}

/** A choice with the weight that it must and that it may come to. */
interface Prospect {
  readonly choice: string;
  readonly least: number;
  readonly most: number;
}

const MILLION = 1_000_000;

function inMillionths(weight: number): number {
  return Math.round(weight * MILLION);
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}

/** Of nothing, nothing is enough: no weight, no quorum. */
function reaches(part: number, whole: number, threshold: number): boolean {
  return whole > 0 && part / whole >= threshold;
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}

/** By UTF-16 code units: the same on every machine, whatever its language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
