import fc from 'fast-check';
import { type Decision, Rejection } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import {
  abandon,
  actionDecider,
  actionDue,
  type ActionEvent,
  actionHash,
  type ActionState,
  challenge,
  clear,
  compensated,
  edit,
  execute,
  hold,
  isPending,
  MAX_CHALLENGES,
  MAX_CHALLENGES_EACH,
  MAX_HOLDS,
  type OfRound,
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
import {
  decideOversight,
  DEFAULT_RULES,
  type OversightAnswer,
  type OversightRules,
  type Person,
} from '../../domain/oversight/oversight';
import { given, GIVEN_TIME } from '../support/given';

const NOW = '2026-11-21T10:01:00.000Z';
const UNTIL = plusSeconds(NOW, 60);
const ALLOW: PolicyAtGate = { bundle: 'one', decision: 'allow' };
const WANTS: PolicyAtGate = { bundle: 'two', decision: 'needs_approval' };
const DENY: PolicyAtGate = { bundle: 'three', decision: 'deny' };
const EVE: Person = { by: 'eve', kind: 'human' };
const BOT: Person = { by: 'bot', kind: 'agent' };

const input = {
  kind: 'erp.order',
  confidence: 0.9,
  impact: 'low',
  risk: 0.1,
  policy: { decision: 'allow', reasons: [] },
  novelty: { distance: 0, known: true },
} as const;
const free: OversightRules = { ...DEFAULT_RULES, mode: 'full_automation' };
const ACT = decideOversight(input, free);
const WATCH = decideOversight(input, { ...free, mode: 'human_on_the_loop', veto_seconds: 60 });
const ASK = decideOversight(input, DEFAULT_RULES);
const VOTE: OversightAnswer = { ...ACT, path: 'round' };

const ORDER = { item: 'desk', count: 3 };
const MORE = { item: 'desk', count: 4 };
const HASH = actionHash('erp.order', ORDER);
const MORE_HASH = actionHash('erp.order', MORE);
const CHANGES = [{ path: '/count', before: 3, after: 4 }];
const proposal: Proposal = {
  kind: 'erp.order',
  action: ORDER,
  proposed_by: 'ann',
  why: 'desks are missing',
  confidence: 0.9,
  impact: 'low',
  risk: 0.1,
  features: { count: 3 },
  oversight: ACT,
  policy: ALLOW,
};

// -------------------------------------------------------------------------------------------------------- events

const LATER = plusSeconds(UNTIL, 3_600);
const proposed = (changes: Partial<Proposal> = {}): ActionEvent => ({
  type: 'ActionProposed',
  v: 1,
  data: { ...proposal, ...changes, hash: HASH },
});
const cleared = (
  by: 'rules' | 'round' | 'approval' | 'veto-window-passed' | 'override' = 'rules',
  ref?: string,
  hash = HASH,
): ActionEvent => ({ type: 'ActionCleared', v: 1, data: { by, ref, hash } });
const held = (what: 'round' | 'approval' = 'approval', ref = 'one'): ActionEvent => ({
  type: 'ActionHeld',
  v: 1,
  data: { for: what, ref },
});
const opened: ActionEvent = { type: 'VetoWindowOpened', v: 1, data: { until: UNTIL } };
const vetoed: ActionEvent = { type: 'ActionVetoed', v: 1, data: { by: 'eve', reason: 'no' } };
const refused = (by = 'approval', ref?: string): ActionEvent => ({
  type: 'ActionRefused',
  v: 1,
  data: { by, ref, reason: 'no' },
});
const edited: ActionEvent = {
  type: 'ActionEdited',
  v: 1,
  data: { from_hash: HASH, to_hash: MORE_HASH, action: MORE, changes: CHANGES, by: 'eve', ref: 'one' },
};
const challenged = (round = 'doubt', by = 'bob'): ActionEvent => ({
  type: 'ActionChallenged',
  v: 1,
  data: { by, round, reason: 'wrong', until: LATER },
});
const dismissed = (round = 'doubt'): ActionEvent => ({ type: 'ChallengeDismissed', v: 1, data: { round } });
const executed = (hash = HASH, policy = ALLOW, result?: unknown): ActionEvent => ({
  type: 'ActionExecuted',
  v: 1,
  data: { by: 'ann', hash, result, policy },
});
const returned = (reason: string, policy: PolicyAtGate, hash = HASH): ActionEvent => ({
  type: 'ActionReturned',
  v: 1,
  data: { by: 'ann', reason, hash, policy },
});
const overridden = (instead: 'refuse' | 'allow'): ActionEvent => ({
  type: 'ActionOverridden',
  v: 1,
  data: { by: 'eve', instead, reason: 'no' },
});
const due: ActionEvent = { type: 'CompensationDue', v: 1, data: { reason: 'no' } };
const done: ActionEvent = { type: 'CompensationDone', v: 1, data: { by: 'ann', ref: 'order-2' } };

const STRICT = 'policy wants approval now, which it did not when the action was cleared';

// ----------------------------------------------------------------------------------------------------- histories

const HISTORY = {
  unknown: [],
  proposed: [proposed()],
  watched: [proposed({ oversight: WATCH })],
  /** The rules want a person. */
  asked: [proposed({ oversight: ASK })],
  voting: [proposed({ oversight: VOTE }), held('round', 'vote')],
  held: [proposed({ oversight: ASK }), held()],
  edited: [proposed({ oversight: ASK }), held(), edited],
  window: [proposed({ oversight: WATCH }), opened],
  passed: [proposed({ oversight: WATCH }), opened, cleared('veto-window-passed')],
  cleared: [proposed(), cleared()],
  approved: [proposed({ oversight: ASK }), held(), cleared('approval', 'one')],
  challenged: [proposed(), cleared(), challenged()],
  executed: [proposed(), cleared(), executed()],
  returned: [proposed(), cleared(), returned(STRICT, WANTS)],
  refused: [proposed({ oversight: ASK }), held(), refused('approval', 'one')],
  vetoed: [proposed({ oversight: WATCH }), opened, vetoed],
  due: [proposed(), cleared(), executed(), overridden('refuse'), due],
} satisfies Record<string, readonly ActionEvent[]>;

type What = keyof typeof HISTORY;
type Line = readonly [
  What,
  string,
  Decision<ActionState, ActionEvent>,
  'nothing' | (string & {}) | readonly ActionEvent[],
];

function lines(table: readonly Line[]): void {
  test.each(table)('%s: %s', (what, _, decision, answer) => {
    const when = given(actionDecider, HISTORY[what]).when(decision);
    if (answer === 'nothing') when.thenNothing();
    else if (typeof answer === 'string') when.thenRejected(answer);
    else when.then(answer).thenRepeatedNothing();
  });
}

const take = (changes: Partial<Parameters<typeof execute>[0]> = {}, now = NOW) =>
  execute({ by: 'ann', hash: HASH, policy: ALLOW, ...changes }, now);
const change = (changes: object = {}) =>
  edit({ from_hash: HASH, action: MORE, changes: CHANGES, by: 'eve', ref: 'one', ...changes });
const doubt = (changes: object = {}) =>
  challenge({ by: 'bob', round: 'doubt', reason: 'wrong', until: LATER, ...changes });

// ------------------------------------------------------------------------------------------------------ decisions

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
    ['cleared', 'too late', no('round', 'vote'), 'action-let-on'],
    ['window', 'what only a veto stops', no('round', 'vote'), 'action-let-on'],
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
    // Stopped since: by somebody's word, or because nobody, or no agreement, had let it on.
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

// ---------------------------------------------------------------------------------------------------------- model

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
    { numRuns: 1_000 },
  );
  expect(taken).toBeGreaterThan(20); // the model does get there
});
