/** A round at every station of its life, and what is asked of it there. */
import type { Decision } from '../../domain/kernel/decider';
import { type Ballot, type Electorate, electorateHash, tally } from '../../domain/oversight/consensus';
import {
  type CastBallot,
  DEFAULT_CHOICES,
  type Opening,
  roundDecider,
  type RoundEvent,
  type RoundOutcome,
  type RoundSpec,
  type RoundState,
  type Vote,
} from '../../domain/oversight/round';
import { given } from '../support/given';

export const NOW = '2026-11-21T10:01:00.000Z';
export const DEADLINE = '2026-11-21T11:00:00.000Z';
export const LATER = '2026-11-21T11:00:01.000Z';

export const electorate: Electorate = {
  algorithm: 'simple_majority',
  voters: ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, why: 'asked' })),
  min_agreement: 0.75,
  quorum: 0.6,
};
export const spec: RoundSpec = {
  question: 'Ship it?',
  kind: 'release',
  impact: 'medium',
  choices: DEFAULT_CHOICES,
  deadline: DEADLINE,
  round_seconds: 600,
  improvement_rounds: 0,
  allow_change: false,
};
export const opening = (changes: Partial<RoundSpec> = {}, voters: Partial<Electorate> = {}): Opening => ({
  spec: { ...spec, ...changes },
  electorate: { ...electorate, ...voters },
  opened_by: 'ada',
});
export const snapshot = electorateHash(electorate);
export const PERSON = { id: 'eve', kind: 'human' } as const;

export const ballot = (voter: string, choice = 'approve', more: Partial<CastBallot> = {}): CastBallot => ({
  voter,
  choice,
  confidence: 0.9,
  reasoning: 'sound',
  final: true,
  pass: 1,
  ballot: 1,
  cast_at: NOW,
  ...more,
});
export const vote = (voter: string, choice = 'approve', more: Partial<Vote> = {}): Vote => ({
  voter,
  choice,
  confidence: 0.9,
  reasoning: 'sound',
  snapshot,
  pass: 1,
  ...more,
});
export const counted = (...ballots: Ballot[]) => tally(electorate, ballots);

export const opened = (changes: Partial<RoundSpec> = {}): RoundEvent => ({
  type: 'RoundOpened',
  v: 1,
  data: opening(changes),
});
export const cast = (voter: string, choice = 'approve', more: Partial<CastBallot> = {}): RoundEvent => ({
  type: 'VoteCast',
  v: 1,
  data: ballot(voter, choice, more),
});

export const closed = (outcome: RoundOutcome, early: boolean, ...ballots: Ballot[]): RoundEvent => ({
  type: 'RoundClosed',
  v: 1,
  data: {
    outcome,
    choice: outcome === 'agreed' ? ballots[0]?.choice : undefined,
    tally: counted(...ballots),
    early,
    electorate_hash: snapshot,
    counted_at: early ? NOW : DEADLINE,
  },
});

export const escalated = (reason: string): RoundEvent => ({
  type: 'RoundEscalated',
  v: 1,
  data: { to: 'human', reason },
});

export const cancelled: RoundEvent = { type: 'RoundCancelled', v: 1, data: { by: 'ada', reason: 'no need' } };
export const overridden = (
  choice = 'reject',
  instead_of: { outcome: RoundOutcome | 'overridden'; choice?: string } = { outcome: 'agreed', choice: 'approve' },
): RoundEvent => ({
  type: 'OutcomeOverridden',
  v: 1,
  data: { by: 'eve', choice, reason: 'too risky', instead_of, with: [] },
});

export const HISTORY = {
  unknown: [],
  open: [opened()],
  changeable: [opened({ allow_change: true })],
  agreed: [opened(), cast('a'), cast('b'), cast('c'), closed('agreed', true, ballot('a'), ballot('b'), ballot('c'))],
  failed: [opened(), cast('a'), closed('no_quorum', false, ballot('a')), escalated('no quorum')],
  cancelled: [opened(), cancelled],
} satisfies Record<string, readonly RoundEvent[]>;

export const after = (events: readonly RoundEvent[]): RoundState => {
  let state = roundDecider.initial;
  given(roundDecider, events).thenState((folded) => void (state = folded));
  return state;
};

/**
 * A line of a table: what became of the round, what is asked of it, and the answer: nothing, or the code of a refusal.
 */
type Line = readonly [keyof typeof HISTORY, string, Decision<RoundState, RoundEvent>, 'nothing' | (string & {})];

export function lines(table: readonly Line[]): void {
  test.each(table)('%s: %s', (what, _, decision, answer) => {
    const when = given(roundDecider, HISTORY[what]).when(decision);
    if (answer === 'nothing') when.thenNothing();
    else when.thenRejected(answer);
  });
}
