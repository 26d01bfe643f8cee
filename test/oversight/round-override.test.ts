/** A round whose outcome a person changes. */
import { choiceOf, decidedByPeople, override, roundDecider, type RoundEvent } from '../../domain/oversight/round';
import { given } from '../support/given';
import { HISTORY, lines, opened, overridden, PERSON } from './round-life';

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
    ['unknown', 'what there is not', override(PERSON, 'reject', 'risky'), 'round-not-found'],
    ['agreed', 'by an agent', override({ id: 'a', kind: 'agent' }, 'reject', 'risky'), 'not-a-person'],
    ['agreed', 'by who opened it', override({ id: 'ada', kind: 'human' }, 'reject', 'risky'), 'party-may-not-decide'],
    ['agreed', 'by a service', override({ id: 'a', kind: 'service' }, 'reject', 'risky'), 'not-a-person'],
    ['agreed', 'by the system', override({ id: 'a', kind: 'system' }, 'reject', 'risky'), 'not-a-person'],
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
