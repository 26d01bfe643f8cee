import fc from 'fast-check';
import { type Commit, seal } from '../../domain/kernel/commit';
import { type Decision, Rejection } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import { type Ballot, type Electorate, electorateHash, tally } from '../../domain/oversight/consensus';
import {
  cancel,
  type CastBallot,
  castVote,
  choiceOf,
  decidedByPeople,
  DEFAULT_CHOICES,
  MAX_BALLOTS,
  MAX_CHOICES,
  MAX_REASONING,
  MAX_ROUND_SECONDS,
  open,
  type Opening,
  override,
  recomputeRound,
  roundDecider,
  roundDue,
  type RoundEvent,
  type RoundOutcome,
  roundProblems,
  type RoundSpec,
  type RoundState,
  timePassed,
  type Vote,
} from '../../domain/oversight/round';
import { META } from '../support/commits';
import { given, GIVEN_TIME } from '../support/given';

const NOW = '2026-11-21T10:01:00.000Z';
const DEADLINE = '2026-11-21T11:00:00.000Z';
const LATER = '2026-11-21T11:00:01.000Z';

const electorate: Electorate = {
  algorithm: 'simple_majority',
  voters: ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, why: 'asked' })),
  min_agreement: 0.75,
  quorum: 0.6,
};
const spec: RoundSpec = {
  question: 'Ship it?',
  kind: 'release',
  impact: 'medium',
  choices: DEFAULT_CHOICES,
  deadline: DEADLINE,
  round_seconds: 600,
  improvement_rounds: 0,
  allow_change: false,
};
const opening = (changes: Partial<RoundSpec> = {}, voters: Partial<Electorate> = {}): Opening => ({
  spec: { ...spec, ...changes },
  electorate: { ...electorate, ...voters },
  opened_by: 'ada',
});
const snapshot = electorateHash(electorate);
const PERSON = { id: 'eve', kind: 'human' } as const;

const ballot = (voter: string, choice = 'approve', more: Partial<CastBallot> = {}): CastBallot => ({
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
const vote = (voter: string, choice = 'approve', more: Partial<Vote> = {}): Vote => ({
  voter,
  choice,
  confidence: 0.9,
  reasoning: 'sound',
  snapshot,
  pass: 1,
  ...more,
});
const counted = (...ballots: Ballot[]) => tally(electorate, ballots);

// -------------------------------------------------------------------------------------------------------- events

const opened = (changes: Partial<RoundSpec> = {}): RoundEvent => ({
  type: 'RoundOpened',
  v: 1,
  data: opening(changes),
});
const cast = (voter: string, choice = 'approve', more: Partial<CastBallot> = {}): RoundEvent => ({
  type: 'VoteCast',
  v: 1,
  data: ballot(voter, choice, more),
});
const changed = (voter: string, choice: string, more: Partial<CastBallot> = {}): RoundEvent => ({
  type: 'VoteChanged',
  v: 1,
  data: ballot(voter, choice, { ballot: 2, ...more }),
});
const closed = (outcome: RoundOutcome, early: boolean, ...ballots: Ballot[]): RoundEvent => ({
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
/** The count, when it took place. */
const countedAt = (counted_at: string, event: RoundEvent): RoundEvent =>
  ({ ...event, data: { ...event.data, counted_at } }) as RoundEvent;
const escalated = (reason: string): RoundEvent => ({ type: 'RoundEscalated', v: 1, data: { to: 'human', reason } });
const improved = (pass: number, deadline: string, ...ballots: Ballot[]): RoundEvent => ({
  type: 'ImprovementOpened',
  v: 1,
  data: { pass, deadline, tally: counted(...ballots), counted_at: plusSeconds(deadline, -600) },
});
const cancelled: RoundEvent = { type: 'RoundCancelled', v: 1, data: { by: 'ada', reason: 'no need' } };
const overridden = (
  choice = 'reject',
  instead_of: { outcome: RoundOutcome | 'overridden'; choice?: string } = { outcome: 'agreed', choice: 'approve' },
): RoundEvent => ({
  type: 'OutcomeOverridden',
  v: 1,
  data: { by: 'eve', choice, reason: 'too risky', instead_of, with: [] },
});

const HISTORY = {
  unknown: [],
  open: [opened()],
  changeable: [opened({ allow_change: true })],
  agreed: [opened(), cast('a'), cast('b'), cast('c'), closed('agreed', true, ballot('a'), ballot('b'), ballot('c'))],
  failed: [opened(), cast('a'), closed('no_quorum', false, ballot('a')), escalated('no quorum')],
  cancelled: [opened(), cancelled],
} satisfies Record<string, readonly RoundEvent[]>;

const after = (events: readonly RoundEvent[]): RoundState => {
  let state = roundDecider.initial;
  given(roundDecider, events).thenState((folded) => void (state = folded));
  return state;
};

/**
 * A line of a table: what became of the round, what is asked of it, and the answer: nothing, or the code of a refusal.
 */
type Line = readonly [keyof typeof HISTORY, string, Decision<RoundState, RoundEvent>, 'nothing' | (string & {})];

function lines(table: readonly Line[]): void {
  test.each(table)('%s: %s', (what, _, decision, answer) => {
    const when = given(roundDecider, HISTORY[what]).when(decision);
    if (answer === 'nothing') when.thenNothing();
    else when.thenRejected(answer);
  });
}

// --------------------------------------------------------------------------------------------------------- tests

describe('open', () => {
  test('a question', () => {
    given(roundDecider, []).when(open(opening(), NOW)).then([opened()]).thenRepeatedNothing();
    given(roundDecider, [opened()]).thenState((state) =>
      expect(state).toMatchObject({
        status: 'open',
        opened_at: GIVEN_TIME,
        pass: 1,
        deadline: DEADLINE,
        electorate_hash: snapshot,
        ballots: {},
      }),
    );
  });

  test('repeated when its deadline is over, it is still what it was', () =>
    given(roundDecider, HISTORY.agreed).when(open(opening(), LATER)).thenNothing());

  test('voters without any weight: a person is asked at once, whatever passes are left', () => {
    const weightless: Electorate = {
      ...electorate,
      algorithm: 'weighted_voting',
      voters: [{ id: 'a', why: 'asked', weight: 0 }],
    };
    given(roundDecider, [])
      .when(open({ spec: { ...spec, improvement_rounds: 2 }, electorate: weightless, opened_by: 'ada' }, NOW))
      .then([
        {
          type: 'RoundOpened',
          v: 1,
          data: { spec: { ...spec, improvement_rounds: 2 }, electorate: weightless, opened_by: 'ada' },
        },
        {
          type: 'RoundClosed',
          v: 1,
          data: {
            outcome: 'no_quorum',
            choice: undefined,
            tally: tally(weightless, []),
            early: true,
            electorate_hash: electorateHash(weightless),
            counted_at: NOW,
          },
        },
        escalated('no voter has any weight: there can be no quorum'),
      ]);
  });

  lines([
    ['open', 'with another question', open(opening({ question: 'Stop it?' }), NOW), 'round-exists'],
    ['cancelled', 'with another deadline', open(opening({ deadline: LATER }), NOW), 'round-exists'],
    ['unknown', 'with a deadline that is over', open(opening(), DEADLINE), 'deadline-passed'],
    [
      'unknown',
      'with a deadline far away',
      open(opening({ deadline: plusSeconds(NOW, MAX_ROUND_SECONDS + 1) }), NOW),
      'deadline-too-late',
    ],
    ['unknown', 'with faults', open(opening({ choices: [] }), NOW), 'round-invalid'],
    ['unknown', 'with a faulty electorate', open(opening({}, { voters: [] }), NOW), 'round-invalid'],
  ]);

  const action = { kind: 'deploy', hash: 'a'.repeat(64), summary: 'deploy it' };
  const challenges = { target: 'acme/round/r1@3', reason: 'unsafe' };
  test.each<[string, Partial<RoundSpec>]>([
    ['give either', { question: undefined }],
    ['give either', { action }],
    ['question must', { question: ' ' }],
    ['question must', { question: 'x'.repeat(4001) }],
    ['action.kind', { question: undefined, action: { ...action, kind: '' } }],
    ['action.hash', { question: undefined, action: { ...action, hash: 'A'.repeat(64) } }],
    ['action.summary', { question: undefined, action: { ...action, summary: '' } }],
    ['kind must', { kind: 'a b' }],
    ['impact must', { impact: 'huge' as 'high' }],
    ['choices must', { choices: ['approve'] }],
    ['choices must', { choices: ['approve', 'approve'] }],
    ['choices must', { choices: ['approve', ''] }],
    ['choices must', { choices: Array.from({ length: MAX_CHOICES + 1 }, (_, i) => `c${i}`) }],
    ['deadline must', { deadline: 'tomorrow' }],
    ...[0, NaN, MAX_ROUND_SECONDS + 1].map((round_seconds): [string, Partial<RoundSpec>] => [
      'round_seconds must',
      { round_seconds },
    ]),
    ...[-1, 1.5, 6].map((improvement_rounds): [string, Partial<RoundSpec>] => [
      'improvement_rounds must',
      { improvement_rounds },
    ]),
    ['challenges.target', { challenges: { ...challenges, target: 'acme/round/r1' } }],
    ['challenges.reason', { challenges: { ...challenges, reason: '' } }],
  ])('%s …', (fault, changes) =>
    expect(roundProblems(opening(changes)).map((problem) => problem.slice(0, fault.length))).toEqual([fault]),
  );
  test('opened_by must be an id', () =>
    expect(roundProblems({ ...opening(), opened_by: '' })).toEqual(['opened_by must be an id']));
  test('an action that challenges a decision is fine', () =>
    expect(roundProblems(opening({ question: undefined, action, challenges }))).toEqual([]));
});

describe('castVote', () => {
  test('a vote', () =>
    given(roundDecider, [opened()])
      .when(castVote(vote('a'), NOW))
      .then([cast('a')])
      .thenRepeatedNothing());

  test('the vote that decides closes the round; repeated, it changes nothing, not even after the deadline', () => {
    const deciding = given(roundDecider, [opened(), cast('a'), cast('b')]).when(castVote(vote('c'), NOW));
    deciding.then([cast('c'), closed('agreed', true, ballot('a'), ballot('b'), ballot('c'))]).thenRepeatedNothing();
    deciding.thenState((state) =>
      expect(state).toMatchObject({
        status: 'closed',
        outcome: { outcome: 'agreed', choice: 'approve', early: true },
        escalation: undefined,
      }),
    );
    given(roundDecider, HISTORY.agreed)
      .when(castVote(vote('c'), LATER))
      .thenNothing();
  });

  test('the vote that makes an agreement impossible closes it too, and a person is asked', () => {
    const choices = ['approve', 'reject', 'later'];
    const before = [opened({ choices }), cast('a'), cast('b'), cast('c', 'reject'), cast('d', 'reject')];
    given(roundDecider, before)
      .when(castVote(vote('e', 'later'), NOW))
      .then([
        cast('e', 'later'),
        closed(
          'no_agreement',
          true,
          ballot('a'),
          ballot('b'),
          ballot('c', 'reject'),
          ballot('d', 'reject'),
          ballot('e', 'later'),
        ),
        escalated('no agreement: several choices have the same weight'),
      ]);
  });

  test('what fails early before its quorum is no agreement: the quorum could have come', () => {
    const strict: Opening = opening(
      {},
      {
        algorithm: 'weighted_voting',
        voters: electorate.voters.map((voter) => ({ ...voter, weight: 1 })),
        min_agreement: 0.9,
        quorum: 1,
      },
    );
    const shown = electorateHash(strict.electorate);
    given(roundDecider, [{ type: 'RoundOpened', v: 1, data: strict }, cast('a')])
      .when(castVote(vote('b', 'reject', { snapshot: shown }), NOW))
      .thenState((state) =>
        expect(state).toMatchObject({
          outcome: { outcome: 'no_agreement', early: true },
          tally: { quorum_met: false },
        }),
      );
  });

  test('an early failure opens the next pass at once: all vote anew, the dissent is named', () => {
    const choices = ['approve', 'reject', 'later'];
    const ballots = [ballot('a'), ballot('b'), ballot('c', 'reject'), ballot('d', 'reject'), ballot('e', 'later')];
    const when = given(roundDecider, [
      opened({ choices, improvement_rounds: 1 }),
      ...ballots.slice(0, 4).map((one): RoundEvent => ({ type: 'VoteCast', v: 1, data: one })),
    ]).when(castVote(vote('e', 'later'), NOW));
    when.then([cast('e', 'later'), improved(2, plusSeconds(NOW, 600), ...ballots)]);
    when.thenState((state) => {
      expect(state).toMatchObject({ status: 'open', pass: 2, ballots: {}, deadline: plusSeconds(NOW, 600) });
      expect(state.tally?.dissent.map(({ voter }) => voter)).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(castVote(vote('a'), NOW)(state)).toMatchObject({ code: 'pass-differs', details: { pass: 2 } });
      expect(castVote(vote('a', 'approve', { pass: 2 }), NOW)(state)).toEqual([cast('a', 'approve', { pass: 2 })]);
    });
  });

  describe('where votes may be changed', () => {
    const loose = { final: false };
    test('a vote is not final unless its voter says so', () =>
      given(roundDecider, HISTORY.changeable)
        .when(castVote(vote('a'), NOW))
        .then([cast('a', 'approve', loose)])
        .thenRepeatedNothing());
    test('it can be changed', () =>
      given(roundDecider, [...HISTORY.changeable, cast('a', 'approve', loose)])
        .when(castVote(vote('a', 'reject'), NOW))
        .then([changed('a', 'reject', loose)])
        .thenRepeatedNothing());
    test('it can be made final, which is a change', () =>
      given(roundDecider, [...HISTORY.changeable, cast('a', 'approve', loose)])
        .when(castVote(vote('a', 'approve', { final: true }), NOW))
        .then([changed('a', 'approve')])
        .thenRepeatedNothing());
    test('only final votes decide', () => {
      given(roundDecider, [
        ...HISTORY.changeable,
        cast('a'),
        cast('b'),
        cast('d', 'approve', loose),
        cast('e', 'approve', loose),
      ])
        .when(castVote(vote('c'), NOW))
        .then([cast('c', 'approve', loose)]);
      given(roundDecider, [...HISTORY.changeable, cast('a'), cast('b'), cast('e', 'reject', loose)])
        .when(castVote(vote('c', 'approve', { final: true }), NOW))
        .then([cast('c'), closed('agreed', true, ballot('a'), ballot('b'), ballot('c'), ballot('e', 'reject'))]);
    });
    test('a final vote stands', () =>
      given(roundDecider, [...HISTORY.changeable, cast('a')])
        .when(castVote(vote('a', 'reject'), NOW))
        .thenRejected('already-voted', { choice: 'approve' }));
    test('not for ever', () =>
      given(roundDecider, [...HISTORY.changeable, cast('a', 'approve', { final: false, ballot: MAX_BALLOTS })])
        .when(castVote(vote('a', 'reject'), NOW))
        .thenRejected('too-many-changes'));
  });

  test('who handed its vote on has none', () => {
    const handed = opening(
      {},
      {
        algorithm: 'delegated_authority',
        voters: [
          { id: 'a', why: 'asked', delegate_to: 'b' },
          { id: 'b', why: 'asked' },
        ],
      },
    );
    given(roundDecider, [{ type: 'RoundOpened', v: 1, data: handed }])
      .when(castVote(vote('a', 'approve', { snapshot: electorateHash(handed.electorate) }), NOW))
      .thenRejected('vote-handed-on');
  });

  test('a voter may have a name that every object inherits', () => {
    const named = opening({}, { voters: [...electorate.voters, { id: 'constructor', why: 'asked' }] });
    given(roundDecider, [{ type: 'RoundOpened', v: 1, data: named }])
      .when(castVote(vote('constructor', 'approve', { snapshot: electorateHash(named.electorate) }), NOW))
      .then([cast('constructor')])
      .thenRepeatedNothing();
  });

  test.each([{ confidence: 0.8 }, { reasoning: 'other' }])('with %j it is another vote', (more) =>
    given(roundDecider, [opened(), cast('a')])
      .when(castVote(vote('a', 'approve', more), NOW))
      .thenRejected('already-voted'),
  );

  test('a vote against the first one', () =>
    given(roundDecider, [opened(), cast('a')])
      .when(castVote(vote('a', 'reject'), NOW))
      .thenRejected('already-voted', { choice: 'approve' }));

  lines([
    ['unknown', 'a vote', castVote(vote('a'), NOW), 'round-unknown'],
    ['open', 'by a stranger', castVote(vote('x'), NOW), 'voter-not-eligible'],
    ['open', 'by an inherited name', castVote(vote('constructor'), NOW), 'voter-not-eligible'],
    ['open', 'for what is no choice', castVote(vote('a', 'maybe'), NOW), 'choice-unknown'],
    ['open', 'for another electorate', castVote(vote('a', 'approve', { snapshot: 'x' }), NOW), 'snapshot-differs'],
    ['open', 'in another pass', castVote(vote('a', 'approve', { pass: 2 }), NOW), 'pass-differs'],
    ['open', 'at the deadline, although the timer has not fired', castVote(vote('a'), DEADLINE), 'vote-late'],
    ['open', 'overconfident', castVote(vote('a', 'approve', { confidence: 1.1 }), NOW), 'confidence-invalid'],
    [
      'open',
      'with no number for confidence',
      castVote(vote('a', 'approve', { confidence: NaN }), NOW),
      'confidence-invalid',
    ],
    ['open', 'without a reason', castVote(vote('a', 'approve', { reasoning: ' ' }), NOW), 'reasoning-invalid'],
    [
      'open',
      'with a long reason',
      castVote(vote('a', 'approve', { reasoning: 'x'.repeat(MAX_REASONING + 1) }), NOW),
      'reasoning-invalid',
    ],
    ['agreed', 'by one who has not voted', castVote(vote('e'), NOW), 'round-closed'],
    ['agreed', 'a change', castVote(vote('a', 'reject'), NOW), 'round-closed'],
    ['cancelled', 'a vote', castVote(vote('a'), NOW), 'round-closed'],
  ]);
});

describe('timePassed', () => {
  test('agreed at the deadline', () => {
    const loose = ['a', 'b', 'c'].map((voter) => cast(voter, 'approve', { final: false }));
    given(roundDecider, [...HISTORY.changeable, ...loose])
      .when(timePassed(DEADLINE))
      .then([closed('agreed', false, ballot('a'), ballot('b'), ballot('c'))])
      .thenRepeatedNothing();
  });

  test('without a quorum a person is asked', () => {
    given(roundDecider, [opened(), cast('a')])
      .when(timePassed(LATER))
      .then([
        countedAt(LATER, closed('no_quorum', false, ballot('a'))),
        escalated('no quorum: 20 % of the weight voted, 60 % are needed'),
      ])
      .thenRepeatedNothing();
  });

  test('with a quorum and without an agreement too', () => {
    given(roundDecider, [
      opened({ choices: ['approve', 'reject', 'later'] }),
      cast('a'),
      cast('b', 'reject'),
      cast('c', 'later'),
    ])
      .when(timePassed(DEADLINE))
      .then([
        closed('no_agreement', false, ballot('a'), ballot('b', 'reject'), ballot('c', 'later')),
        escalated('no agreement: several choices have the same weight'),
      ]);
  });

  test('with passes left another one begins, until none is left', () => {
    const until = plusSeconds(LATER, 600);
    const first = [opened({ improvement_rounds: 1 }), cast('a')];
    given(roundDecider, first)
      .when(timePassed(LATER))
      .then([improved(2, until, ballot('a'))])
      .thenRepeatedNothing();
    given(roundDecider, [...first, improved(2, until, ballot('a'))])
      .when(timePassed(until))
      .then([
        countedAt(until, closed('no_quorum', false)),
        escalated('no quorum: 0 % of the weight voted, 60 % are needed'),
      ]);
  });

  lines([
    ['open', 'a moment before the deadline', timePassed(plusSeconds(DEADLINE, -0.001)), 'nothing'],
    ['unknown', 'nothing is known', timePassed(LATER), 'nothing'],
    ['agreed', 'it was closed', timePassed(LATER), 'nothing'],
    ['failed', 'it was closed', timePassed(LATER), 'nothing'],
    ['cancelled', 'it was cancelled', timePassed(LATER), 'nothing'],
  ]);

  test('it is due at its deadline, and never when it is over', () => {
    expect(roundDue(after(HISTORY.open))).toBe(DEADLINE);
    expect(
      (['unknown', 'agreed', 'failed', 'cancelled'] as const).map((what) => roundDue(after(HISTORY[what]))),
    ).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('cancel', () => {
  test('an open round', () =>
    given(roundDecider, [opened(), cast('a')])
      .when(cancel('ada', 'no need', NOW))
      .then([cancelled])
      .thenRepeatedNothing());
  lines([
    ['unknown', 'a round', cancel('ada', 'no need', NOW), 'round-unknown'],
    ['agreed', 'a round', cancel('ada', 'no need', NOW), 'round-closed'],
    ['cancelled', 'by another', cancel('bob', 'no need', NOW), 'round-closed'],
    ['open', 'without a reason', cancel('ada', '', NOW), 'reason-invalid'],
  ]);
});

describe('override', () => {
  test('an agreement', () =>
    given(roundDecider, HISTORY.agreed)
      .when(override(PERSON, 'reject', 'too risky'))
      .then([overridden()])
      .thenRepeatedNothing());
  test('a failure', () => {
    given(roundDecider, HISTORY.failed)
      .when(override(PERSON, 'approve', 'too risky'))
      .then([overridden('approve', { outcome: 'no_quorum', choice: undefined })])
      .thenRepeatedNothing();
  });
  test('an override', () => {
    given(roundDecider, [...HISTORY.agreed, overridden()])
      .when(override(PERSON, 'approve', 'too risky'))
      .then([overridden('approve', { outcome: 'overridden', choice: 'reject' })])
      .thenState((state) => state.override?.choice === 'approve' && state.outcome?.outcome === 'agreed');
  });
  lines([
    ['unknown', 'what there is not', override(PERSON, 'reject', 'risky'), 'round-unknown'],
    ['agreed', 'by an agent', override({ id: 'a', kind: 'agent' }, 'reject', 'risky'), 'person-needed'],
    ['agreed', 'by who opened it', override({ id: 'ada', kind: 'human' }, 'reject', 'risky'), 'party-may-not-decide'],
    ['agreed', 'by a service', override({ id: 'a', kind: 'service' }, 'reject', 'risky'), 'person-needed'],
    ['agreed', 'by the system', override({ id: 'a', kind: 'system' }, 'reject', 'risky'), 'person-needed'],
    ['agreed', 'by what it is', override(PERSON, 'approve', 'fine'), 'nothing-to-override'],
    ['agreed', 'by what is no choice', override(PERSON, 'maybe', 'risky'), 'choice-unknown'],
    ['agreed', 'without a reason', override(PERSON, 'reject', ' '), 'reason-invalid'],
    ['open', 'before there is an outcome', override(PERSON, 'reject', 'risky'), 'round-not-closed'],
    ['cancelled', 'where there is none', override(PERSON, 'reject', 'risky'), 'round-not-closed'],
  ]);

  describe('where an approval would take two people', () => {
    const history: readonly RoundEvent[] = [opened({ impact: 'critical' }), ...HISTORY.agreed.slice(1)];
    const asked = (by: string, choice = 'reject'): RoundEvent => ({
      type: 'OverrideAsked',
      v: 1,
      data: { by, choice, reason: 'too risky' },
    });
    const bob = { id: 'bob', kind: 'human' } as const;
    const confirmed: RoundEvent = {
      type: 'OutcomeOverridden',
      v: 1,
      data: {
        by: 'bob',
        choice: 'reject',
        reason: 'so',
        instead_of: { outcome: 'agreed', choice: 'approve' },
        with: ['eve'],
      },
    };

    test('one asks for it, and the outcome stands', () => {
      given(roundDecider, history)
        .when(override(PERSON, 'reject', 'too risky'))
        .then([asked('eve')])
        .thenState((state) => choiceOf(state) === 'approve' && state.override_asked[0]?.by === 'eve');
    });
    test('asking again is not to confirm it', () =>
      void given(roundDecider, [...history, asked('eve')])
        .when(override(PERSON, 'reject', 'I said so'))
        .then([{ ...asked('eve'), data: { by: 'eve', choice: 'reject', reason: 'I said so' } } as RoundEvent]));
    test('another one confirms it, once for both', () => {
      const after = given(roundDecider, [...history, asked('eve')])
        .when(override(bob, 'reject', 'so'))
        .then([confirmed]);
      after.thenState((state) => choiceOf(state) === 'reject' && state.override_asked.length === 0);
      after.thenRepeatedNothing();
      given(roundDecider, [...history, asked('eve'), confirmed])
        .when(override(PERSON, 'reject', 'too risky'))
        .thenNothing();
    });
    test('who opened it does not confirm it', () =>
      given(roundDecider, [...history, asked('eve')])
        .when(override({ id: 'ada', kind: 'human' }, 'reject', 'so'))
        .thenRejected('party-may-not-decide'));
    test('two who want different things are two who ask', () => {
      const three = given(roundDecider, [
        opened({ impact: 'critical', choices: ['approve', 'reject', 'later'] }),
        ...HISTORY.agreed.slice(1),
        asked('eve'),
      ]);
      three
        .when(override(bob, 'later', 'too risky'))
        .then([asked('bob', 'later')])
        .thenState((state) => choiceOf(state) === 'approve' && state.override_asked.length === 2);
    });
    test('highest risk makes a high impact critical', () =>
      void given(roundDecider, [opened({ impact: 'high', risk: 1 }), ...HISTORY.agreed.slice(1)])
        .when(override(PERSON, 'reject', 'too risky'))
        .then([asked('eve')]));
  });

  describe('by people who were asked in an approval', () => {
    const decided = (choice = 'reject', approval = 'acme/approval/x@0') =>
      decidedByPeople({ people: ['bob', 'eve'], choice, reason: 'so', approval });
    const carried: RoundEvent = {
      type: 'OutcomeOverridden',
      v: 1,
      data: {
        by: 'eve',
        choice: 'reject',
        reason: 'so',
        instead_of: { outcome: 'no_quorum' },
        with: ['bob'],
        approval: 'acme/approval/x@0',
      },
    };
    test('it is carried out, once', () =>
      given(roundDecider, HISTORY.failed).when(decided()).then([carried]).thenRepeatedNothing());
    test('who overrode the round meanwhile has the later word', () => {
      given(roundDecider, [...HISTORY.failed, overridden('approve', { outcome: 'no_quorum' })])
        .when(decided())
        .thenRejected('overridden-meanwhile', { by: 'eve', choice: 'approve' });
    });
    test('all of them stay visible, in order', () => {
      given(roundDecider, [
        ...HISTORY.failed,
        carried,
        overridden('approve', { outcome: 'overridden', choice: 'reject' }),
      ]).thenState(({ overrides, override: standing }) => {
        expect(overrides.map(({ by, choice }) => `${by}: ${choice}`)).toEqual(['eve: reject', 'eve: approve']);
        expect(standing?.choice).toBe('approve');
      });
    });
  });
});

// -------------------------------------------------------------------------------------------- recompute and model

/** A stream of one round: decides, seals, folds, as `transact` does. */
class Stream {
  state = roundDecider.initial;
  readonly commits: Commit[] = [];

  ask(
    decision: Decision<RoundState, RoundEvent>,
    now: string,
    actor: Commit['meta']['actor'] = META.actor,
  ): readonly RoundEvent[] | Rejection {
    const events = decision(this.state);
    if (!(events instanceof Rejection) && events.length > 0) this.append(events, now, actor);
    return events;
  }

  /** Without any decision: what a server would write that breaks the rules. */
  append(events: readonly RoundEvent[], now: string, actor: Commit['meta']['actor'] = META.actor): void {
    const last = this.commits.at(-1);
    const at = last !== undefined && last.at > now ? last.at : now;
    const index = this.commits.length;
    const { commit } = seal({
      stream: 'acme/round/r',
      index,
      events,
      meta: { ...META, actor },
      at,
      previousHash: last?.hash ?? null,
    });
    this.commits.push(commit);
    for (const event of events)
      this.state = roundDecider.evolve(this.state, event, { stream: commit.stream, index, at, correlationId: 'c' });
  }
}

/** The receipts with a change, sealed anew as a careful forger would. */
function forged(
  commits: readonly Commit[],
  change: (events: readonly RoundEvent[], index: number) => readonly RoundEvent[],
): Commit[] {
  let previousHash: string | null = null;
  return commits.map(({ hash: _, ...commit }) => {
    const { commit: next } = seal({
      ...commit,
      events: change(JSON.parse(JSON.stringify(commit.events)) as RoundEvent[], commit.index),
      previousHash,
    });
    previousHash = next.hash;
    return next;
  });
}

describe('recomputeRound', () => {
  /** Two passes; the vote that decides is still to come. */
  const undecided = () => {
    const stream = new Stream();
    stream.ask(open(opening({ improvement_rounds: 1 }), NOW), NOW);
    stream.ask(castVote(vote('a', 'reject'), NOW), NOW);
    stream.ask(timePassed(DEADLINE), DEADLINE);
    for (const voter of ['a', 'b']) stream.ask(castVote(vote(voter, 'approve', { pass: 2 }), LATER), LATER);
    return stream;
  };
  const round = (person: Commit['meta']['actor'] = PERSON) => {
    const stream = undecided();
    stream.ask(castVote(vote('c', 'approve', { pass: 2 }), LATER), LATER);
    stream.append([overridden()], LATER, person);
    return stream.commits;
  };
  const faultsOf = (commits: readonly Commit[]) => {
    const answer = recomputeRound(commits);
    if (answer instanceof Rejection) throw new Error(answer.code);
    expect(answer.agrees).toBe(answer.faults.length === 0);
    return answer.faults;
  };

  test('agrees', () => {
    expect(recomputeRound(round())).toMatchObject({
      agrees: true,
      faults: [],
      recomputed: { leader: 'approve', turnout: 0.6 },
      receipt: { leader: 'approve', turnout: 0.6 },
    });
    expect(recomputeRound(JSON.parse(JSON.stringify(round())))).toMatchObject({ agrees: true });
  });

  test('an override of before it asked about parties, and of what is critical, still agrees; a later one does not', () => {
    const { with: _, ...older } = overridden().data as { with: readonly string[] };
    const ofAda = (data: object) => ({ type: 'OutcomeOverridden', v: 1, data: { ...data, by: 'ada' } }) as RoundEvent;
    const counted = (event: RoundEvent) => {
      const stream = new Stream();
      stream.append([opened({ impact: 'critical' })], NOW);
      for (const one of [cast('a'), cast('b'), cast('c')])
        stream.append(
          one.type === 'VoteCast' && one.data.voter === 'c' ? [one, ...HISTORY.agreed.slice(-1)] : [one],
          NOW,
        );
      stream.append([event], LATER, { id: 'ada', kind: 'human' });
      return faultsOf(stream.commits);
    };
    expect(counted(ofAda(older))).toEqual([]);
    expect(counted(ofAda(overridden().data as object))).toEqual([
      expect.stringContaining('the outcome was not to be overridden: you opened this round'),
    ]);
  });

  test('needs a closed round', () => {
    expect(recomputeRound(round().slice(0, 5))).toMatchObject({ code: 'round-not-closed' });
    expect(recomputeRound([])).toMatchObject({ code: 'round-not-closed' });
  });

  test.each(round().map(({ index }) => index))(
    'a receipt that was altered is found by its hash: commit %d',
    (altered) => {
      const commits = round().map((commit) =>
        commit.index === altered ? { ...commit, meta: { ...commit.meta, action: 'other' } } : commit,
      );
      expect(faultsOf(commits)).toEqual([expect.stringContaining(`acme/round/r@${altered}: its bytes hash to`)]);
    },
  );

  test('a receipt that was dropped is found', () =>
    expect(faultsOf(round().filter(({ index }) => index !== 3))).toContainEqual(
      expect.stringContaining('was dropped'),
    ));

  type Forgery = (event: RoundEvent) => RoundEvent;
  const edit =
    <T extends RoundEvent['type']>(type: T, more: object): Forgery =>
    (event) =>
      event.type === type ? ({ ...event, data: { ...event.data, ...more } } as RoundEvent) : event;
  test.each<[string, number, Forgery]>([
    ['another choice', 3, edit('VoteCast', { choice: 'reject' })],
    ['a voter who was not asked', 3, edit('VoteCast', { voter: 'x' })],
    ['one who voted twice', 4, edit('VoteCast', { voter: 'a' })],
    ['another pass', 3, edit('VoteCast', { pass: 1 })],
    ['what is no choice', 3, edit('VoteCast', { choice: 'maybe' })],
    ['a vote that could be changed', 3, edit('VoteCast', { final: false })],
    ['the number of a ballot', 3, edit('VoteCast', { ballot: 2 })],
    ['when a vote was cast', 1, edit('VoteCast', { cast_at: DEADLINE })],
    ['when a vote was cast, in no time', 1, edit('VoteCast', { cast_at: '0' })],
    ['when a vote of the last pass was cast', 3, edit('VoteCast', { cast_at: plusSeconds(DEADLINE, 600) })],
    ['when a pass was counted', 2, edit('ImprovementOpened', { counted_at: plusSeconds(DEADLINE, -1) })],
    ['when a pass was counted, after all', 2, edit('ImprovementOpened', { counted_at: LATER })],
    ['when the next pass ends', 2, edit('ImprovementOpened', { deadline: plusSeconds(DEADLINE, 601) })],
    ['when the votes were counted', 5, edit('RoundClosed', { counted_at: plusSeconds(DEADLINE, 600) })],
    ['when the votes were counted, in no time', 5, edit('RoundClosed', { counted_at: '0' })],
    [
      'the electorate',
      0,
      edit('RoundOpened', { electorate: { ...electorate, voters: electorate.voters.slice(0, 4) } }),
    ],
    ['the quorum', 0, edit('RoundOpened', { electorate: { ...electorate, quorum: 0.9 } })],
    ['a faulty question', 0, edit('RoundOpened', { spec: { ...spec, improvement_rounds: 1, question: '' } })],
    ['the number of passes', 0, edit('RoundOpened', { spec: { ...spec, improvement_rounds: 0 } })],
    ['the first deadline', 0, edit('RoundOpened', { spec: { ...spec, improvement_rounds: 1, deadline: LATER } })],
    [
      'the dissent',
      2,
      edit('ImprovementOpened', {
        tally: {
          ...counted(ballot('a', 'reject')),
          dissent: [{ voter: 'b', choice: 'approve', confidence: 1, reasoning: 'mine' }],
        },
      }),
    ],
    ['the outcome', 5, edit('RoundClosed', { outcome: 'no_agreement' })],
    ['what was chosen', 5, edit('RoundClosed', { choice: 'reject' })],
    ['the tally', 5, edit('RoundClosed', { tally: counted(ballot('a'), ballot('b')) })],
    ['that it was early', 5, edit('RoundClosed', { early: false })],
    ['the electorate’s hash', 5, edit('RoundClosed', { electorate_hash: 'x' })],
    ['who overrode it', 6, edit('OutcomeOverridden', { by: 'ada' })],
    ['what was overridden', 6, edit('OutcomeOverridden', { instead_of: { outcome: 'no_quorum' } })],
  ])('a careful forger changes %s', (_, at, change) =>
    expect(faultsOf(forged(round(), (events, index) => (index === at ? events.map(change) : events)))).not.toEqual([]),
  );

  test('a vote that met the deadline counts although its receipt was written after it; one that did not is found', () => {
    const stream = new Stream();
    stream.ask(open(opening(), NOW), NOW);
    const last = plusSeconds(DEADLINE, -0.001);
    stream.ask(castVote(vote('a'), last), LATER);
    stream.ask(timePassed(LATER), LATER);
    expect(stream.commits.map(({ at }) => at)).toEqual([NOW, LATER, LATER]);
    expect(faultsOf(stream.commits)).toEqual([]);
    const late = new Stream();
    late.ask(open(opening(), NOW), NOW);
    late.append([cast('a', 'approve', { cast_at: DEADLINE })], LATER);
    late.ask(timePassed(LATER), LATER);
    expect(faultsOf(late.commits)).toEqual([
      `acme/round/r@1: the vote of a was cast at ${DEADLINE}, and votes were taken until ${DEADLINE}`,
    ]);
  });

  test('receipts from before they held these times are counted again as well', () => {
    const undated = (event: RoundEvent): RoundEvent =>
      Object.assign(event, { data: { ...event.data, cast_at: undefined, counted_at: undefined } });
    const older = forged(round(), (events) => events.map(undated));
    expect(JSON.stringify(older)).not.toMatch(/cast_at|counted_at/);
    expect(faultsOf(older)).toEqual([]);
    const early = forged(older, (events, index) =>
      index === 2 ? events.map(edit('ImprovementOpened', { tally: counted(ballot('a')) })) : events,
    );
    expect(faultsOf(early)).not.toEqual([]);
  });

  test.each([{ id: 'eve', kind: 'agent' } as const, { id: 'bob', kind: 'human' } as const])(
    'an override that %j wrote is found',
    (actor) => expect(faultsOf(round(actor))).toHaveLength(1),
  );

  test('a round that went on although the votes had decided is found', () => {
    const stream = undecided();
    const [last, close] = castVote(vote('c', 'approve', { pass: 2 }), LATER)(stream.state) as RoundEvent[];
    stream.append([last as RoundEvent], LATER);
    stream.append([close as RoundEvent], LATER);
    expect(faultsOf(stream.commits)).toEqual(['acme/round/r@5: the votes had decided, yet the round went on']);
  });

  test('a person who was not asked is missed', () => {
    const stream = new Stream();
    stream.ask(open(opening(), NOW), NOW);
    stream.ask(timePassed(DEADLINE), DEADLINE);
    expect(faultsOf(stream.commits)).toEqual([]);
    expect(
      faultsOf(forged(stream.commits, (events) => events.filter(({ type }) => type !== 'RoundEscalated'))),
    ).toHaveLength(1);
  });
});

describe('any round', () => {
  const voters = electorate.voters.map(({ id }, i) => ({
    id,
    why: 'asked',
    weight: i,
    expertise: { relevance: 1, experience: i / 2, track_record: 0.5 },
  }));
  const openings = fc
    .record({
      algorithm: fc.constantFrom('simple_majority' as const, 'weighted_voting' as const, 'expertise_based' as const),
      allow_change: fc.boolean(),
      improvement_rounds: fc.constantFrom(0, 0, 1, 2),
    })
    .map(({ algorithm, ...changes }) => opening(changes, { algorithm, voters }));
  // Times around the deadline, in any order: the clock jumps to and fro.
  const seconds = fc.integer({ min: 0, max: 5_000 });
  const command = fc.oneof(
    {
      weight: 30,
      arbitrary: fc.record({
        kind: fc.constant('vote' as const),
        voter: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'x'),
        choice: fc.constantFrom('approve', 'approve', 'approve', 'reject', 'reject', 'maybe'),
        final: fc.boolean(),
        stale: fc.integer({ min: 0, max: 9 }),
        seconds: fc.integer({ min: 0, max: 3_700 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), seconds }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('cancel' as const, 'override' as const),
        choice: fc.constantFrom('approve', 'reject'),
        seconds,
      }),
    },
  );

  test('has one outcome, whatever comes in whatever order and how often, and can be counted again', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(openings, fc.array(command, { minLength: 1, maxLength: 40, size: 'max' }), (start, commands) => {
        const stream = new Stream();
        const shown = electorateHash(start.electorate);
        stream.ask(open(start, NOW), NOW);
        for (const asked of commands) {
          const before = stream.state;
          const now = plusSeconds(NOW, asked.seconds);
          const decision =
            asked.kind === 'vote'
              ? castVote(
                  vote(asked.voter, asked.choice, {
                    final: asked.final,
                    snapshot: shown,
                    pass: asked.stale === 0 ? before.pass + 1 : before.pass,
                  }),
                  now,
                )
              : asked.kind === 'time'
                ? timePassed(now)
                : asked.kind === 'cancel'
                  ? cancel('ada', 'no need', NOW)
                  : override(PERSON, asked.choice, 'too risky');
          stream.ask(decision, now, asked.kind === 'override' ? PERSON : META.actor);
          const commits = stream.commits.length;
          const again = stream.ask(decision, now, PERSON);
          // Once more changes nothing; but a vote that opened a pass belongs to the one before.
          expect(stream.commits).toHaveLength(commits);
          if (again instanceof Rejection && stream.state !== before) expect(again.code).toBe('pass-differs');

          if (before.status !== 'open') {
            const { override: standing, overrides } = stream.state;
            expect(stream.state).toEqual({ ...before, override: standing, overrides });
            expect(overrides.at(-1)).toEqual(standing);
            expect(roundDue(stream.state)).toBeUndefined();
          }
          expect(stream.state.pass).toBeLessThanOrEqual(start.spec.improvement_rounds + 1);
        }
        const count = (type: RoundEvent['type']) =>
          stream.commits.flatMap(({ events }) => events).filter((event) => event.type === type).length;
        expect(count('RoundClosed') + count('RoundCancelled')).toBe(stream.state.status === 'open' ? 0 : 1);
        expect(count('RoundEscalated')).toBe(
          stream.state.outcome !== undefined && stream.state.outcome.outcome !== 'agreed' ? 1 : 0,
        );

        const label =
          stream.state.outcome === undefined
            ? stream.state.status
            : `${stream.state.outcome.outcome} ${stream.state.outcome.early ? 'early' : 'in time'}`;
        seen.set(label, (seen.get(label) ?? 0) + 1);
        const recomputed = recomputeRound(stream.commits);
        if (stream.state.outcome === undefined) expect(recomputed).toMatchObject({ code: 'round-not-closed' });
        else expect(recomputed).toMatchObject({ agrees: true, faults: [], recomputed: stream.state.tally });
      }),
      { numRuns: 300 },
    );
    for (const label of [
      'open',
      'cancelled',
      'agreed early',
      'agreed in time',
      'no_agreement early',
      'no_quorum in time',
    ])
      expect([label, seen.get(label) ?? 0]).not.toEqual([label, 0]);
  });
});
