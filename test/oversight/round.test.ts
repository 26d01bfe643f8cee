import { plusSeconds } from '../../domain/kernel/time';
import { type Ballot, type Electorate, electorateHash, tally } from '../../domain/oversight/consensus';
import {
  abandon,
  cancel,
  type CastBallot,
  castVote,
  MAX_BALLOTS,
  MAX_CHOICES,
  MAX_REASONING,
  MAX_ROUND_SECONDS,
  open,
  type Opening,
  roundDecider,
  roundDue,
  type RoundEvent,
  roundProblems,
  type RoundSpec,
  timePassed,
} from '../../domain/oversight/round';
import { given, GIVEN_TIME } from '../support/given';
import {
  after,
  ballot,
  cancelled,
  cast,
  closed,
  counted,
  DEADLINE,
  electorate,
  escalated,
  HISTORY,
  LATER,
  lines,
  NOW,
  opened,
  opening,
  snapshot,
  spec,
  vote,
} from './round-life';

const changed = (voter: string, choice: string, more: Partial<CastBallot> = {}): RoundEvent => ({
  type: 'VoteChanged',
  v: 1,
  data: ballot(voter, choice, { ballot: 2, ...more }),
});

/** The count, when it took place. */
const countedAt = (counted_at: string, event: RoundEvent): RoundEvent =>
  ({ ...event, data: { ...event.data, counted_at } }) as RoundEvent;

const improved = (pass: number, deadline: string, ...ballots: Ballot[]): RoundEvent => ({
  type: 'ImprovementOpened',
  v: 1,
  data: { pass, deadline, tally: counted(...ballots), counted_at: plusSeconds(deadline, -600) },
});

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
    ['unknown', 'a vote', castVote(vote('a'), NOW), 'round-not-found'],
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

describe('abandon', () => {
  test('an open round, though its time has passed', () =>
    given(roundDecider, [opened(), cast('a')])
      .when(abandon('ada', 'no need'))
      .then([cancelled])
      .thenRepeatedNothing());
  lines([
    ['unknown', 'a round', abandon('ada', 'no need'), 'round-not-found'],
    ['agreed', 'a round', abandon('ada', 'no need'), 'nothing'],
    ['failed', 'a round that people are asked about', abandon('ada', 'no need'), 'nothing'],
    ['cancelled', 'by another', abandon('bob', 'no need'), 'nothing'],
  ]);
});

describe('cancel', () => {
  test('an open round', () =>
    given(roundDecider, [opened(), cast('a')])
      .when(cancel({ id: 'ada' }, 'no need', NOW))
      .then([cancelled])
      .thenRepeatedNothing());
  lines([
    ['unknown', 'a round', cancel({ id: 'ada' }, 'no need', NOW), 'round-not-found'],
    ['agreed', 'a round', cancel({ id: 'ada' }, 'no need', NOW), 'round-closed'],
    ['cancelled', 'by another', cancel({ id: 'bob' }, 'no need', NOW), 'round-closed'],
    ['open', 'without a reason', cancel({ id: 'ada' }, '', NOW), 'reason-invalid'],
  ]);
});
