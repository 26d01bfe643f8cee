/** An action that somebody challenges, overrides, abandons or has undone. */
import {
  abandon,
  actionDecider,
  actionDue,
  type ActionEvent,
  compensated,
  MAX_CHALLENGES,
  MAX_CHALLENGES_EACH,
  type OfRound,
  override,
  settleChallenge,
  veto,
} from '../../domain/oversight/action';
import type { Person } from '../../domain/oversight/oversight';
import { given } from '../support/given';
import {
  BOT,
  challenged,
  cleared,
  doubt,
  due,
  EVE,
  executed,
  HASH,
  held,
  HISTORY,
  LATER,
  type Line,
  lines,
  NOW,
  overridden,
  proposed,
  refused,
  returned,
  STRICT,
  take,
  UNTIL,
  vetoed,
  WANTS,
} from './action-life';

const dismissed = (round = 'doubt'): ActionEvent => ({ type: 'ChallengeDismissed', v: 1, data: { round } });

const done: ActionEvent = { type: 'CompensationDone', v: 1, data: { by: 'ann', ref: 'order-2' } };

describe('challenge', () => {
  lines([
    ['cleared', 'what was cleared', doubt(), [challenged()]],
    ['held', 'what is held', doubt(), [challenged()]],
    ['window', 'what nobody has vetoed', doubt(), [challenged()]],
    ['executed', 'what happened', doubt(), [challenged()]],
    ['challenged', 'what is challenged', doubt({ by: 'cleo', round: 'more' }), 'already-challenged'],
    ['cleared', 'one’s own', doubt({ by: 'ann' }), 'requester-may-not-decide'],
    ['cleared', 'without a reason', doubt({ reason: '' }), 'reason-needed'],
    ['refused', 'what will not happen', doubt(), 'action-refused'],
    ['due', 'what is to be undone', doubt(), 'compensation-due'],
    ['unknown', 'nothing', doubt(), 'action-not-found'],
    ['challenged', 'is upheld', settleChallenge('doubt', true, 'no'), [refused('challenge', 'doubt')]],
    ['challenged', 'is dismissed', settleChallenge('doubt', false, 'fine'), [dismissed()]],
    ['challenged', 'is decided in its own round only', settleChallenge('other', true, 'no'), 'challenge-unknown'],
    ['cleared', 'there is none', settleChallenge('doubt', true, 'no'), 'challenge-unknown'],
    ['unknown', 'there is nothing', settleChallenge('doubt', true, 'no'), 'action-not-found'],
    ['challenged', 'holds the action', take(), 'action-challenged'],
  ]);

  test('once dismissed, the action goes on as it stood', () => {
    given(actionDecider, [...HISTORY.challenged, dismissed()])
      .when(take())
      .then([executed()]);
    given(actionDecider, [...HISTORY.held, challenged(), dismissed()])
      .when(take())
      .thenRejected('action-not-cleared');
    given(actionDecider, [...HISTORY.challenged, dismissed()])
      .when(settleChallenge('doubt', true, 'no'))
      .thenNothing();
    given(actionDecider, [...HISTORY.challenged, dismissed()])
      .when(doubt())
      .thenRejected('challenged-before');
  });

  test('does not cut a veto window short, nor makes it longer', () => {
    const history = [...HISTORY.window, challenged()];
    given(actionDecider, history).when(take({}, UNTIL)).thenRejected('action-challenged');
    given(actionDecider, history).when(veto(EVE, 'no')).then([vetoed]);
    given(actionDecider, [...history, dismissed()])
      .when(take({}, NOW))
      .thenRejected('action-not-cleared');
    given(actionDecider, [...history, dismissed()])
      .when(take({}, UNTIL))
      .then([cleared('veto-window-passed'), executed()]);
  });

  test('upheld after it happened: it is to be undone', () => {
    given(actionDecider, [...HISTORY.executed, challenged()])
      .when(settleChallenge('doubt', true, 'no'))
      .then([due])
      .thenRepeatedNothing();
  });

  test(`at most ${MAX_CHALLENGES} times`, () => {
    const history = (count: number) => [
      ...HISTORY.cleared,
      ...Array.from({ length: count }, (_, i) => [challenged(`r${i}`, `by-${i}`), dismissed(`r${i}`)]).flat(),
    ];
    given(actionDecider, history(MAX_CHALLENGES)).when(doubt()).thenRejected('challenges-full');
    given(actionDecider, history(MAX_CHALLENGES - 1))
      .when(doubt())
      .then([challenged()]);
    const own = (count: number) => [
      ...HISTORY.cleared,
      ...Array.from({ length: count }, (_, i) => [challenged(`r${i}`), dismissed(`r${i}`)]).flat(),
    ];
    given(actionDecider, own(MAX_CHALLENGES_EACH - 1))
      .when(doubt())
      .then([challenged()]);
    given(actionDecider, own(MAX_CHALLENGES_EACH)).when(doubt()).thenRejected('challenged-before');
  });

  test('has a time of its own, after which it is looked at', () => {
    given(actionDecider, HISTORY.challenged).thenState((state) => expect(actionDue(state)).toBe(LATER));
    given(actionDecider, [...HISTORY.window, challenged()]).thenState((state) => expect(actionDue(state)).toBe(UNTIL));
    given(actionDecider, [...HISTORY.challenged, dismissed()]).thenState((state) =>
      expect(actionDue(state)).toBeUndefined(),
    );
    // Older receipts say no time, and have one.
    const { until: _, ...older } = (challenged() as Extract<ActionEvent, { type: 'ActionChallenged' }>).data;
    given(actionDecider, [...HISTORY.cleared, { type: 'ActionChallenged', v: 1, data: older }]).thenState((state) =>
      expect(actionDue(state)).toBeDefined(),
    );
  });
});

describe('abandon', () => {
  const stopped = (ref?: string): ActionEvent => ({
    type: 'ActionRefused',
    v: 1,
    data: { by: 'oversight', ref, reason: 'the task is cancelled' },
  });
  const gone = abandon('oversight', 'the task is cancelled');
  lines([
    ...(['proposed', 'watched', 'window', 'passed', 'cleared', 'approved', 'challenged', 'returned'] as const).map(
      (what): Line => [what, 'it does not happen any more', gone, [stopped()]],
    ),
    ['held', 'nobody is asked any more', gone, [stopped('one')]],
    ...(['executed', 'refused', 'vetoed', 'due'] as const).map((what): Line => [
      what,
      'what is over stays so',
      gone,
      'nothing',
    ]),
    ['unknown', 'nothing', gone, 'action-not-found'],
  ]);

  test('then it is never taken, however late the timer', () =>
    given(actionDecider, [...HISTORY.window, stopped()])
      .when(take({}, UNTIL))
      .thenRejected('action-refused'));
});

describe('an override of its round', () => {
  const SAID = '2026-11-21T10:00:00.000Z';
  const of = (changes: Partial<OfRound> = {}): OfRound => ({
    ref: 'acme/round/r@5',
    at: SAID,
    with: [],
    hash: HASH,
    ...changes,
  });
  const carried = (instead: 'refuse' | 'allow', others: readonly string[] = []): ActionEvent => ({
    type: 'ActionOverridden',
    v: 1,
    data: { by: 'eve', instead, reason: 'no', ref: 'acme/round/r@5', with: others, said_at: SAID },
  });
  const critical = [proposed({ impact: 'critical' }), held()];
  lines([
    ['held', 'allows it', override(EVE, 'allow', 'no', of()), [carried('allow'), cleared('override')]],
    ['held', 'refuses it', override(EVE, 'refuse', 'no', of()), [carried('refuse')]],
    ['edited', 'allows nothing that was edited since', override(EVE, 'allow', 'no', of()), 'action-differs'],
    [
      'held',
      'by its proposer',
      override({ by: 'ann', kind: 'human' }, 'allow', 'no', of()),
      'requester-may-not-decide',
    ],
    ['held', 'with its proposer', override(EVE, 'allow', 'no', of({ with: ['ann'] })), 'requester-may-not-decide'],
    [
      'challenged',
      'by who challenged it',
      override({ by: 'bob', kind: 'human' }, 'refuse', 'no', of()),
      'party-may-not-decide',
    ],
  ]);

  test('it is carried out once: what a person says afterwards stands', () => {
    const after = [
      ...HISTORY.held,
      carried('allow'),
      cleared('override'),
      { ...overridden('refuse'), data: { by: 'dan', instead: 'refuse', reason: 'stop' } } as ActionEvent,
    ];
    given(actionDecider, after)
      .when(override(EVE, 'allow', 'no', of()))
      .thenNothing();
    given(actionDecider, after).thenState(({ overrides }) =>
      expect(overrides.map(({ by, instead }) => `${by}: ${instead}`)).toEqual(['eve: allow', 'dan: refuse']),
    );
  });

  test('what was said of the action after it stands, though it comes again', () => {
    const [before, after] = ['2000-01-01T00:00:00.000Z', '2999-01-01T00:00:00.000Z'];
    const direct: ActionEvent = { type: 'ActionOverridden', v: 1, data: { by: 'dan', instead: 'allow', reason: 'go' } };
    /** What another round's override comes to, or a later one of the same round. */
    const other = (instead: 'refuse' | 'allow', at: string) =>
      override(EVE, instead, 'no', of({ ref: 'acme/round/other@6', at }));
    const made = (instead: 'refuse' | 'allow', said_at: string): ActionEvent[] => [
      {
        type: 'ActionOverridden',
        v: 1,
        data: { by: 'eve', instead, reason: 'no', ref: 'acme/round/other@6', with: [], said_at },
      },
      ...(instead === 'allow' ? [cleared('override')] : []),
    ];
    for (const word of [direct, carried('allow')]) {
      given(actionDecider, [...HISTORY.held, word, cleared('override')])
        .when(other('refuse', before))
        .thenNothing();
      given(actionDecider, [...HISTORY.held, word, cleared('override')])
        .when(other('refuse', after))
        .then(made('refuse', after));
    }
    // It may be carried out after the next one was made: the last that was said stands.
    given(actionDecider, [...HISTORY.held, carried('refuse')])
      .when(other('allow', before))
      .thenNothing();
    given(actionDecider, [...HISTORY.held, carried('refuse')])
      .when(other('allow', '2026-11-21T10:00:00.001Z'))
      .then(made('allow', '2026-11-21T10:00:00.001Z'));
    // Stopped since: by somebody's word, or because nobody, or no agreement, had cleared it.
    for (const by of ['challenge', 'bob', 'round', 'safe-default']) {
      const refused: ActionEvent = { type: 'ActionRefused', v: 1, data: { by, ref: 'one', reason: 'no' } };
      given(actionDecider, [...HISTORY.held, refused])
        .when(other('allow', before))
        .then(by === 'challenge' || by === 'bob' ? [] : made('allow', before));
      given(actionDecider, [...HISTORY.held, refused])
        .when(other('allow', after))
        .then(made('allow', after));
    }
  });

  test('what is critical takes two people, who are not one twice', () => {
    given(actionDecider, critical)
      .when(override(EVE, 'allow', 'no', of({ with: ['eve'] })))
      .thenRejected('four-eyes-needed');
    given(actionDecider, critical)
      .when(override(EVE, 'allow', 'no', of({ with: ['dan'] })))
      .then([carried('allow', ['dan']), cleared('override')]);
  });
});

describe('override', () => {
  const ann: Person = { by: 'ann', kind: 'human' };
  lines([
    ['held', 'it does not happen', override(EVE, 'refuse', 'no'), [overridden('refuse')]],
    ['cleared', 'it does not happen', override(EVE, 'refuse', 'no'), [overridden('refuse')]],
    ['executed', 'it is undone', override(EVE, 'refuse', 'no'), [overridden('refuse'), due]],
    ['held', 'it may happen', override(EVE, 'allow', 'no'), [overridden('allow'), cleared('override')]],
    ['refused', 'it may happen', override(EVE, 'allow', 'no'), [overridden('allow'), cleared('override')]],
    ['challenged', 'it may happen', override(EVE, 'allow', 'no'), [overridden('allow'), cleared('override')]],
    ['cleared', 'it may anyway', override(EVE, 'allow', 'no'), 'nothing-to-override'],
    ['refused', 'it will not anyway', override(EVE, 'refuse', 'no'), 'nothing-to-override'],
    [
      'due',
      'by another, what is to be undone',
      override({ by: 'bob', kind: 'human' }, 'refuse', 'no'),
      'nothing-to-override',
    ],
    ['held', 'by an agent', override(BOT, 'refuse', 'no'), 'not-a-person'],
    ['held', 'without a reason', override(EVE, 'refuse', ' '), 'reason-needed'],
    ['held', 'one’s own', override(ann, 'allow', 'no'), 'requester-may-not-decide'],
    [
      'held',
      'one’s own, to stop it',
      override(ann, 'refuse', 'no'),
      [{ type: 'ActionOverridden', v: 1, data: { by: 'ann', instead: 'refuse', reason: 'no' } }],
    ],
    ['unknown', 'nothing', override(EVE, 'refuse', 'no'), 'action-not-found'],
  ]);

  test('one person does not allow what takes two', () => {
    given(actionDecider, [proposed({ impact: 'critical' }), held()])
      .when(override(EVE, 'allow', 'no'))
      .thenRejected('four-eyes-needed');
    given(actionDecider, [proposed({ impact: 'critical' }), held()])
      .when(override(EVE, 'refuse', 'no'))
      .then([overridden('refuse')]);
  });

  test('stops it, frees it, and frees it again after it went back', () => {
    given(actionDecider, [...HISTORY.cleared, overridden('refuse')])
      .when(take())
      .thenRejected('action-refused');
    const allowed = [...HISTORY.held, overridden('allow'), cleared('override')];
    given(actionDecider, allowed).when(take()).then([executed()]);
    given(actionDecider, [...allowed, returned(STRICT, WANTS)])
      .when(override(EVE, 'allow', 'no'))
      .then([overridden('allow'), cleared('override')]);
  });
});

describe('compensated', () => {
  const undo = (changes: object = {}) => compensated({ by: 'ann', ref: 'order-2', ...changes });
  lines([
    ['due', 'it is undone', undo(), [done]],
    ['executed', 'what stands', undo(), 'no-compensation-due'],
    ['unknown', 'nothing', undo(), 'no-compensation-due'],
    ['due', 'by nothing', undo({ ref: '' }), 'ref-invalid'],
  ]);

  test('once', () => {
    given(actionDecider, [...HISTORY.due, done])
      .when(undo({ ref: 'order-3' }))
      .thenRejected('already-compensated');
  });
});
