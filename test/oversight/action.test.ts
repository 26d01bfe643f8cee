/** An action from its proposal to its execution. */
import fc from 'fast-check';
import { type Decision, Rejection } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import {
  actionDecider,
  actionDue,
  type ActionEvent,
  actionHash,
  type ActionState,
  clear,
  compensated,
  edit,
  execute,
  hold,
  isPending,
  MAX_HOLDS,
  openVetoWindow,
  override,
  type PolicyAtGate,
  type Proposal,
  propose,
  refuseAction,
  settleChallenge,
  timePassed,
  veto,
} from '../../domain/oversight/action';
import { given, GIVEN_TIME } from '../support/given';
import {
  ACT,
  ALLOW,
  ASK,
  BOT,
  CHANGES,
  cleared,
  doubt,
  edited,
  EVE,
  executed,
  HASH,
  held,
  HISTORY,
  lines,
  MORE,
  MORE_HASH,
  NOW,
  ORDER,
  overridden,
  proposal,
  proposed,
  refused,
  returned,
  STRICT,
  take,
  UNTIL,
  vetoed,
  VOTE,
  WANTS,
  WATCH,
  type What,
} from './action-life';

const DENY: PolicyAtGate = { bundle: 'three', decision: 'deny' };

const change = (changes: object = {}) =>
  edit({ from_hash: HASH, action: MORE, changes: CHANGES, by: 'eve', ref: 'one', ...changes });

describe('propose', () => {
  lines([
    ['unknown', 'an action', propose(proposal), [proposed()]],
    ['unknown', 'that policy wants approved', propose({ ...proposal, policy: WANTS }), [proposed({ policy: WANTS })]],
    ['unknown', 'that policy denies', propose({ ...proposal, policy: DENY }), 'policy-denies'],
    ['executed', 'the same again', propose(proposal), 'nothing'],
    ['edited', 'the same again, edited since', propose(proposal), 'nothing'],
    ['proposed', 'another action', propose({ ...proposal, action: MORE }), 'action-exists'],
    ['proposed', 'by another', propose({ ...proposal, proposed_by: 'bob' }), 'action-exists'],
  ]);

  const nested = (depth: number): unknown => {
    let value: unknown = 1;
    for (let i = 0; i < depth; i += 1) value = [value];
    return value;
  };
  test.each<[string, Partial<Proposal>]>([
    ['kind', { kind: 'no id' }],
    ['proposed_by', { proposed_by: '' }],
    ['why', { why: ' ' }],
    ['why', { why: 'x'.repeat(2_001) }],
    ['confidence', { confidence: 1.01 }],
    ['confidence', { confidence: NaN }],
    ['impact', { impact: 'huge' as never }],
    ['risk', { risk: -0.1 }],
    ['features', { features: { amount: 2e15 } }],
    ['target', { target: 'acme/task' }],
    ['target', { target: 'acme/task/1/2' }],
    ['bytes', { action: 'x'.repeat(32 * 1024) }],
    ['nested', { action: nested(33) }],
    ['nested', { action: nested(20_000) }],
  ])('what is wrong with %s is said', (what, changes) => {
    given(actionDecider, [])
      .when(propose({ ...proposal, ...changes }))
      .thenRejected('action-invalid', { problems: [expect.stringContaining(what)] });
  });

  test('limits are reached, not passed', () => {
    const decision = propose({
      ...proposal,
      action: nested(32),
      target: 'acme/task/42',
      why: 'x'.repeat(2_000),
      confidence: 0,
      risk: 1,
    });
    given(actionDecider, [])
      .when(decision)
      .thenState(({ status }) => status === 'proposed');
    given(actionDecider, [])
      .when(propose({ ...proposal, action: 'x'.repeat(32 * 1024 - 2) }))
      .thenState(({ status }) => status === 'proposed');
  });

  test('the hash is of the kind and of the action as a JSON value', () => {
    expect(actionHash('k', { a: 1, b: 2 })).toBe(actionHash('k', { b: 2, a: 1 }));
    expect(new Set([actionHash('k', { a: 1 }), actionHash('l', { a: 1 }), actionHash('k', { a: 2 })]).size).toBe(3);
  });
});

describe('clear', () => {
  lines([
    ['proposed', 'by the rules', clear({ by: 'rules', hash: HASH }), [cleared()]],
    ['proposed', 'for another hash', clear({ by: 'rules', hash: MORE_HASH }), 'action-differs'],
    ['asked', 'by rules that want a person', clear({ by: 'rules', hash: HASH }), 'path-differs'],
    ['watched', 'by rules that want a window', clear({ by: 'rules', hash: HASH }), 'path-differs'],
    ['held', 'by the rules while it is held', clear({ by: 'rules', hash: HASH }), 'path-differs'],
    ['returned', 'by the rules after it went back', clear({ by: 'rules', hash: HASH }), 'path-differs'],
    ['held', 'by its approval', clear({ by: 'approval', ref: 'one', hash: HASH }), [cleared('approval', 'one')]],
    ['held', 'by another approval', clear({ by: 'approval', ref: 'two', hash: HASH }), 'not-held-for'],
    ['held', 'by no approval', clear({ by: 'approval', hash: HASH }), 'not-held-for'],
    ['held', 'by a round', clear({ by: 'round', ref: 'one', hash: HASH, oversight: ACT }), 'not-held-for'],
    ['held', 'for another hash', clear({ by: 'approval', ref: 'one', hash: MORE_HASH }), 'action-differs'],
    ['edited', 'for the hash before the edit', clear({ by: 'approval', ref: 'one', hash: HASH }), 'action-differs'],
    [
      'edited',
      'for the hash after the edit',
      clear({ by: 'approval', ref: 'one', hash: MORE_HASH }),
      [cleared('approval', 'one', MORE_HASH)],
    ],
    [
      'voting',
      'by its round, when the rules agree',
      clear({ by: 'round', ref: 'vote', hash: HASH, oversight: ACT }),
      [{ type: 'ActionCleared', v: 1, data: { by: 'round', ref: 'vote', hash: HASH, oversight: ACT } }],
    ],
    [
      'voting',
      'by its round, when the rules want a person',
      clear({ by: 'round', ref: 'vote', hash: HASH, oversight: ASK }),
      'path-differs',
    ],
    ['voting', 'by its round without a second answer', clear({ by: 'round', ref: 'vote', hash: HASH }), 'path-differs'],
    ['proposed', 'by an approval nobody asked for', clear({ by: 'approval', ref: 'one', hash: HASH }), 'not-held-for'],
    ['executed', 'again', clear({ by: 'rules', hash: HASH }), 'nothing'],
    ['approved', 'by another approval', clear({ by: 'approval', ref: 'two', hash: HASH }), 'not-held-for'],
    ['refused', 'after it was refused', clear({ by: 'approval', ref: 'one', hash: HASH }), 'action-refused'],
    ['vetoed', 'after a veto', clear({ by: 'rules', hash: HASH }), 'action-vetoed'],
    ['unknown', 'nothing', clear({ by: 'rules', hash: HASH }), 'action-not-found'],
  ]);

  test('an old approval does not clear what went back to it', () => {
    const back = [...HISTORY.approved, returned(STRICT, WANTS)];
    given(actionDecider, back)
      .when(clear({ by: 'approval', ref: 'one', hash: HASH }))
      .thenRejected('not-held-for');
    given(actionDecider, back)
      .when(hold({ for: 'approval', ref: 'one' }))
      .thenRejected('hold-over');
    given(actionDecider, [...back, held('approval', 'two')])
      .when(clear({ by: 'approval', ref: 'one', hash: HASH }))
      .thenRejected('not-held-for');
    given(actionDecider, [...back, held('approval', 'two')])
      .when(clear({ by: 'approval', ref: 'two', hash: HASH }))
      .then([cleared('approval', 'two')]);
  });
});

describe('refuseAction', () => {
  const no = (by = 'approval', ref?: string) => refuseAction({ by, ref, reason: 'no' });
  lines([
    ['held', 'by its approval', no('approval', 'one'), [refused('approval', 'one')]],
    ['held', 'by another approval', no('approval', 'two'), 'not-held-for'],
    ['held', 'without a reason', refuseAction({ by: 'approval', ref: 'one', reason: '' }), 'reason-needed'],
    ['voting', 'by its round', no('round', 'vote'), [refused('round', 'vote')]],
    ['proposed', 'by the rules', no('rules'), [refused('rules')]],
    ['returned', 'after it went back', no('safe-default'), [refused('safe-default')]],
    ['cleared', 'too late', no('round', 'vote'), 'action-already-cleared'],
    ['window', 'what only a veto stops', no('round', 'vote'), 'action-already-cleared'],
    ['executed', 'too late', no(), 'action-already-executed'],
    ['refused', 'by another', no('round'), 'action-refused'],
    ['unknown', 'nothing', no(), 'action-not-found'],
  ]);
});

describe('the veto window', () => {
  lines([
    ['watched', 'opens', openVetoWindow(60, NOW), [{ type: 'VetoWindowOpened', v: 1, data: { until: UNTIL } }]],
    ['window', 'opens once', openVetoWindow(600, UNTIL), 'nothing'],
    ['proposed', 'not when the rules say otherwise', openVetoWindow(60, NOW), 'path-differs'],
    ['asked', 'not when the rules want a person', openVetoWindow(60, NOW), 'path-differs'],
    [
      'voting',
      'after a round',
      openVetoWindow(60, NOW, WATCH),
      [{ type: 'VetoWindowOpened', v: 1, data: { until: UNTIL, oversight: WATCH } }],
    ],
    ['voting', 'not after a round that wants a person', openVetoWindow(60, NOW, ASK), 'path-differs'],
    ['held', 'not instead of an approval', openVetoWindow(60, NOW, WATCH), 'path-differs'],
    ['window', 'is not over', timePassed(plusSeconds(UNTIL, -0.001)), 'nothing'],
    ['window', 'is over', timePassed(UNTIL), [cleared('veto-window-passed')]],
    ['vetoed', 'is over after a veto', timePassed(UNTIL), 'nothing'],
    ['proposed', 'time alone clears nothing', timePassed(UNTIL), 'nothing'],
    ['held', 'time alone clears nothing that is held', timePassed(UNTIL), 'nothing'],
    ['unknown', 'nothing', timePassed(UNTIL), 'nothing'],
    ['window', 'veto', veto(EVE, 'no'), [vetoed]],
    ['passed', 'a late veto, before it happened', veto(EVE, 'no'), [vetoed]],
    ['window', 'an agent has no veto', veto(BOT, 'no'), 'not-a-person'],
    ['window', 'a veto without a reason', veto(EVE, ''), 'reason-needed'],
    ['vetoed', 'a second veto', veto({ by: 'bob', kind: 'human' }, 'no'), 'action-vetoed'],
    ['executed', 'a veto after it happened', veto(EVE, 'no'), 'action-already-executed'],
    ['held', 'a veto of what is held', veto(EVE, 'no'), 'no-veto-window'],
    ['cleared', 'a veto of what rules cleared', veto(EVE, 'no'), 'no-veto-window'],
    ['unknown', 'a veto of nothing', veto(EVE, 'no'), 'action-not-found'],
  ]);

  test('is when the action is looked at next', () => {
    given(actionDecider, HISTORY.window).thenState((state) => actionDue(state) === UNTIL);
    for (const what of ['proposed', 'held', 'passed', 'vetoed'] as const)
      given(actionDecider, HISTORY[what]).thenState((state) => actionDue(state) === undefined);
  });
});

describe('edit', () => {
  lines([
    ['held', 'in its approval', change(), [edited]],
    ['held', 'in another approval', change({ ref: 'two' }), 'not-held-for'],
    ['held', 'another action than it is', change({ from_hash: MORE_HASH }), 'action-differs'],
    ['held', 'into itself', change({ action: ORDER }), 'nothing'],
    ['held', 'into something too large', change({ action: 'x'.repeat(33_000) }), 'action-invalid'],
    ['voting', 'in a round', change({ ref: 'vote' }), 'not-held-for'],
    ['proposed', 'without an approval', change(), 'not-held-for'],
    ['approved', 'after it was cleared', change(), 'not-held-for'],
    ['executed', 'after it happened', change(), 'action-already-executed'],
    ['unknown', 'nothing', change(), 'action-not-found'],
  ]);

  test('the action is the edited one, by its new hash', () => {
    given(actionDecider, HISTORY.edited).thenState(({ proposal: now, hash, status }) =>
      expect([now?.action, hash, status]).toEqual([MORE, MORE_HASH, 'held']),
    );
  });
});

describe('hold', () => {
  lines([
    ['asked', 'for an approval', hold({ for: 'approval', ref: 'one' }), [held()]],
    ['returned', 'after it went back', hold({ for: 'approval', ref: 'one' }), [held()]],
    [
      'voting',
      'for an approval after the round',
      hold({ for: 'approval', ref: 'one', oversight: ASK }),
      [{ type: 'ActionHeld', v: 1, data: { for: 'approval', ref: 'one', oversight: ASK } }],
    ],
    ['held', 'for a round after the approval began', hold({ for: 'round', ref: 'vote' }), 'action-not-waiting'],
    [
      'held',
      'for the approval that was opened again, since the action was postponed',
      hold({ for: 'approval', ref: 'two' }),
      [{ type: 'ActionHeld', v: 1, data: { for: 'approval', ref: 'two' } }],
    ],
    ['cleared', 'after it was cleared', hold({ for: 'approval', ref: 'one' }), 'action-not-waiting'],
    ['window', 'in its window', hold({ for: 'approval', ref: 'one' }), 'action-not-waiting'],
    ['executed', 'after it happened', hold({ for: 'approval', ref: 'one' }), 'action-already-executed'],
    ['approved', 'for what is decided', hold({ for: 'approval', ref: 'one' }), 'hold-over'],
    ['unknown', 'nothing', hold({ for: 'approval', ref: 'one' }), 'action-not-found'],
  ]);

  test(`at most ${MAX_HOLDS} times`, () => {
    const again = (i: number) => [held('approval', `${i}`), cleared('approval', `${i}`), returned(STRICT, WANTS)];
    const history = (count: number) => [
      proposed({ oversight: ASK }),
      ...Array.from({ length: count }, (_, i) => again(i)).flat(),
    ];
    given(actionDecider, history(MAX_HOLDS))
      .when(hold({ for: 'approval', ref: 'more' }))
      .thenRejected('held-too-often');
    given(actionDecider, history(MAX_HOLDS - 1))
      .when(hold({ for: 'approval', ref: 'more' }))
      .then([held('approval', 'more')]);
  });
});

describe('execute', () => {
  test.each<[What, string, Decision<ActionState, ActionEvent>, readonly ActionEvent[]]>([
    ['cleared', 'once', take(), [executed()]],
    ['cleared', 'with its result', take({ result: { order: 7 } }), [executed(HASH, ALLOW, { order: 7 })]],
    [
      'window',
      'when the window is over and no timer fired',
      take({}, UNTIL),
      [cleared('veto-window-passed'), executed()],
    ],
  ])('%s: %s; the same again is refused, for who asks may have done it already', (what, _, decision, events) => {
    given(actionDecider, HISTORY[what]).when(decision).then(events);
    given(actionDecider, [...HISTORY[what], ...events])
      .when(decision)
      .thenRejected('action-already-executed', { by: 'ann' });
  });

  lines([
    ['cleared', 'with a result that is too large', take({ result: 'x'.repeat(33_000) }), 'result-invalid'],
    ['window', 'while the window is open', take(), 'action-not-cleared'],
    ['proposed', 'before anything was decided', take(), 'action-not-cleared'],
    ['held', 'while it is held', take(), 'action-not-cleared'],
    ['returned', 'after it went back', take(), 'action-not-cleared'],
    ['refused', 'after it was refused', take(), 'action-refused'],
    ['vetoed', 'after a veto', take({}, UNTIL), 'action-vetoed'],
    ['executed', 'twice by the same', take(), 'action-already-executed'],
    ['executed', 'twice by another', take({ by: 'bob' }), 'action-already-executed'],
    ['executed', 'twice with another result', take({ result: 1 }), 'action-already-executed'],
    ['executed', 'another action', take({ hash: MORE_HASH }), 'action-already-executed'],
    ['unknown', 'nothing', take(), 'action-not-found'],
  ]);

  test.each<[string, What, PolicyAtGate, string, ActionEvent]>([
    [
      'another action',
      'cleared',
      ALLOW,
      MORE_HASH,
      returned('it is not the action that was cleared', ALLOW, MORE_HASH),
    ],
    ['policy wants approval now', 'cleared', WANTS, HASH, returned(STRICT, WANTS)],
    [
      'policy wants approval now, and people gave it under the old one',
      'approved',
      WANTS,
      HASH,
      returned(STRICT, WANTS),
    ],
    ['policy denies it now', 'approved', DENY, HASH, returned('policy denies it now', DENY)],
  ])('goes back instead: %s', (_, what, policy, hash, event) => {
    given(actionDecider, HISTORY[what])
      .when(take({ policy, hash }))
      .then([event])
      .thenState((state) => state.status === 'returned' && state.cleared === undefined);
  });

  test('approved again under the stricter policy it happens; denied it never does', () => {
    const again = (policy: PolicyAtGate) => [
      ...HISTORY.approved,
      returned('x', policy),
      held('approval', 'two'),
      cleared('approval', 'two'),
    ];
    given(actionDecider, again(WANTS))
      .when(take({ policy: WANTS }))
      .then([executed(HASH, WANTS)]);
    given(actionDecider, again(WANTS))
      .when(take({ policy: { ...ALLOW, bundle: 'four' } }))
      .then([executed(HASH, { ...ALLOW, bundle: 'four' })]);
    given(actionDecider, again(DENY))
      .when(take({ policy: DENY }))
      .then([returned('policy denies it now', DENY)]);
  });
});

test('says when it was proposed and decided, and whether people were asked', () => {
  const seconds = (count: number) => plusSeconds(GIVEN_TIME, count);
  const times = (history: readonly ActionEvent[], expected: object) =>
    given(actionDecider, history).thenState((state) => expect(state).toMatchObject(expected));
  times(HISTORY.voting, { asked_people: false, proposed_at: seconds(0), decided_at: undefined });
  times(HISTORY.returned, { asked_people: false, proposed_at: seconds(0), decided_at: seconds(1) });
  times(HISTORY.refused, { asked_people: true, decided_at: seconds(2) });
  times(HISTORY.vetoed, { decided_at: seconds(2) });
  times([...HISTORY.approved, overridden('refuse')], { asked_people: true, decided_at: seconds(3) });
});

test('what is pending may still happen', () => {
  const pending = (Object.keys(HISTORY) as What[]).filter((what) => {
    let answer = false;
    given(actionDecider, HISTORY[what]).thenState((state) => void (answer = isPending(state)));
    return answer;
  });
  expect(pending).toEqual([
    'proposed',
    'watched',
    'asked',
    'voting',
    'held',
    'edited',
    'window',
    'passed',
    'cleared',
    'approved',
    'challenged',
    'returned',
  ]);
});

test('whatever is asked, in whatever order and at whatever time: taken at most once, cleared before, for that hash, under no stricter policy', () => {
  const ref = fc.constantFrom('one', 'two', 'vote');
  const hash = fc.constantFrom(HASH, MORE_HASH);
  const policy = fc.constantFrom(ALLOW, WANTS, DENY);
  const answer = fc.constantFrom(ACT, WATCH, ASK, VOTE);
  const person = fc.constantFrom(EVE, BOT, { by: 'ann', kind: 'human' } as const);
  const now = fc.integer({ min: 0, max: 120 }).map((seconds) => plusSeconds(NOW, seconds));
  const often = (arbitrary: fc.Arbitrary<Decision<ActionState, ActionEvent>>) => ({ weight: 6, arbitrary });
  const start = fc
    .tuple(answer, fc.constantFrom('low', 'critical'))
    .map(([oversight, impact]) => propose({ ...proposal, oversight, impact }));
  const decision = fc.oneof(
    often(
      fc
        .tuple(fc.constantFrom('rules', 'round', 'approval'), fc.option(ref, { nil: undefined }), hash, answer)
        .map(([by, r, h, oversight]) => clear({ by, ref: r, hash: h, oversight })),
    ),
    often(fc.tuple(fc.constantFrom('round', 'approval'), ref).map(([what, r]) => hold({ for: what, ref: r }))),
    often(
      fc
        .tuple(hash, policy, now, fc.constantFrom('ann', 'bob'))
        .map(([h, p, t, by]) => execute({ by, hash: h, policy: p }, t)),
    ),
    often(fc.tuple(now, answer).map(([t, oversight]) => openVetoWindow(60, t, oversight))),
    fc
      .tuple(fc.constantFrom(ORDER, MORE), hash, ref)
      .map(([action, from_hash, r]) => change({ action, from_hash, ref: r })),
    now.map(timePassed),
    fc
      .constantFrom('r1', 'r2')
      .chain((round) =>
        fc.constantFrom(doubt({ round }), settleChallenge(round, false, 'fine'), settleChallenge(round, true, 'no')),
      ),
    fc.tuple(person, fc.constantFrom('refuse', 'allow')).map(([p, instead]) => override(p, instead, 'no')),
    person.map((p) => veto(p, 'no')),
    ref.map((r) => refuseAction({ by: 'approval', ref: r, reason: 'no' })),
    fc.constant(compensated({ by: 'ann', ref: 'order-2' })),
  );
  let taken = 0;
  fc.assert(
    fc.property(start, fc.array(decision, { maxLength: 60, size: 'max' }), (first, decisions) => {
      let state = actionDecider.initial;
      let clearance: string | undefined;
      let challenges = 0;
      let executions = 0;
      let compensations = 0;
      // Each command comes twice: the second changes nothing more.
      for (const [index, decide] of [first, ...decisions].flatMap((one) => [one, one]).entries()) {
        const events = decide(state);
        if (events instanceof Rejection) continue;
        if (index % 2 === 1) expect(events).toEqual([]);
        for (const event of events) {
          if (event.type === 'ActionCleared') clearance = event.data.hash;
          if (['ActionReturned', 'ActionRefused', 'ActionVetoed'].includes(event.type)) clearance = undefined;
          if (event.type === 'ActionOverridden') [clearance, challenges] = [undefined, 0];
          if (event.type === 'ActionChallenged') challenges += 1;
          if (event.type === 'ChallengeDismissed') challenges -= 1;
          if (event.type === 'ActionExecuted') {
            executions += 1;
            expect(clearance).toBe(event.data.hash);
            expect(challenges).toBe(0);
            expect(event.data.policy.decision).not.toBe('deny');
            if (state.policy?.decision === 'allow') expect(event.data.policy.decision).toBe('allow');
          }
          if (event.type === 'CompensationDue') {
            compensations += 1;
            expect(executions).toBe(1);
          }
          if (event.type === 'ActionEdited') expect(clearance).toBeUndefined();
          state = actionDecider.evolve(state, event, {
            stream: 'acme/action/a',
            index,
            at: plusSeconds(GIVEN_TIME, index),
            correlationId: 'c',
          });
          expect(state.hash).toBe(state.proposal === undefined ? '' : actionHash('erp.order', state.proposal.action));
        }
      }
      expect(executions).toBeLessThanOrEqual(1);
      expect(compensations).toBeLessThanOrEqual(1);
      expect(state.status === 'executed').toBe(executions === 1);
      taken += executions;
    }),
    { numRuns: 3_000 },
  );
  expect(taken).toBeGreaterThan(20); // the model does get there
});
