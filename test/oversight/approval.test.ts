import fc from 'fast-check';
import { type Decision, Rejection } from '../../domain/kernel/decider';
import { plusSeconds, type Time } from '../../domain/kernel/time';
import { actionHash, type PolicyAtGate } from '../../domain/oversight/action';
import {
  answer,
  approvalDecider,
  approvalDue,
  type ApprovalEvent,
  type ApprovalRequest,
  type ApprovalState,
  approve,
  ask,
  claim,
  deadlineOf,
  type Edit,
  groupsAsked,
  MAX_EDITS,
  MAX_QUESTIONS,
  MAX_REOPENINGS,
  mayBulk,
  type Outcome,
  override,
  reject,
  reopen,
  request,
  supersede,
  timePassed,
  unclaim,
  withdraw,
} from '../../domain/oversight/approval';
import type { Person } from '../../domain/oversight/oversight';
import { given, GIVEN_TIME } from '../support/given';

const NOW = '2026-11-21T10:00:00.000Z';
const after = (seconds: number) => plusSeconds(NOW, seconds);
const ALLOW: PolicyAtGate = { bundle: 'one', decision: 'allow' };
const WANTS: PolicyAtGate = { bundle: 'two', decision: 'needs_approval' };

const eve: Person = { by: 'eve', kind: 'human' };
const dan: Person = { by: 'dan', kind: 'human' };
/** Of the second group. */
const max: Person = { by: 'max', kind: 'human' };
/** Of the first group by its token. */
const tom: Person = { by: 'tom', kind: 'human', groups: ['buyers'] };
const ann: Person = { by: 'ann', kind: 'human', groups: ['buyers'] };
const bot: Person = { by: 'eve', kind: 'agent', groups: ['buyers'] };
const stranger: Person = { by: 'sue', kind: 'human', groups: ['sellers'] };

const ORDER = { item: 'desk', count: 3 };
const MORE = { item: 'desk', count: 4 };
const LESS = { item: 'desk', count: 2 };
const [HASH, MORE_HASH, LESS_HASH] = [ORDER, MORE, LESS].map((action) => actionHash('erp.order', action)) as [
  string,
  string,
  string,
];

const asked: ApprovalRequest = {
  action: 'acme/action/1',
  kind: 'erp.order',
  hash: HASH,
  summary: '3 desks',
  requester: 'ann',
  why: 'desks are missing',
  impact: 'medium',
  risk: 0.5,
  policy: ALLOW,
  inputs: [{ by: 'round', says: '3 of 4 agree', confidence: 0.8 }],
  safe_default: 'refuse',
  ladder: [
    { group: 'buyers', members: ['eve'], deputies: ['dan'], seconds: 60 },
    { group: 'heads', members: ['max'], seconds: 30 },
  ],
};

// -------------------------------------------------------------------------------------------------------- events

const requested = (changes: Partial<ApprovalRequest> = {}, opened: object = {}): ApprovalEvent => ({
  type: 'ApprovalRequested',
  v: 1,
  data: {
    ...asked,
    ...changes,
    severity: 'medium',
    score: 50,
    approvals_needed: 1,
    ends: [after(60), after(90)],
    ...opened,
  },
});
const claimed = (by = 'eve', until = after(30)): ApprovalEvent => ({
  type: 'ApprovalClaimed',
  v: 1,
  data: { by, until },
});
const unclaimed: ApprovalEvent = { type: 'ApprovalUnclaimed', v: 1, data: { by: 'eve' } };
const questioned = (number = 1, question = 'why?'): ApprovalEvent => ({
  type: 'QuestionAsked',
  v: 1,
  data: { number, by: 'eve', question },
});
const answered: ApprovalEvent = { type: 'QuestionAnswered', v: 1, data: { number: 1, by: 'ann', answer: 'because' } };
const gave = (by = 'eve', hash = HASH, edit?: Edit): ApprovalEvent => ({
  type: 'ApprovalGiven',
  v: 1,
  data: { by, reason: 'fine', hash, edit },
});
const rejected: ApprovalEvent = { type: 'ApprovalRejected', v: 1, data: { by: 'eve', reason: 'no' } };
const escalated: ApprovalEvent = {
  type: 'ApprovalEscalated',
  v: 1,
  data: { level: 1, group: 'heads', reason: `buyers did not decide by ${after(60)}` },
};
const closed = (outcome: Outcome, more: object = { hash: HASH }): ApprovalEvent => ({
  type: 'ApprovalClosed',
  v: 1,
  data: { outcome, ...more },
});
const defaulted = closed('defaulted', { hash: HASH, safe_default: 'refuse' });
const reopened = (ref = 'acme/action/1@5'): ApprovalEvent => ({
  type: 'ApprovalReopened',
  v: 1,
  data: { ref, reason: 'stricter', hash: HASH, policy: WANTS, ends: [after(260), after(290)] },
});
const overridden: ApprovalEvent = {
  type: 'ApprovalOverridden',
  v: 1,
  data: { by: 'max', instead: 'refuse', reason: 'no' },
};
const editTo = (count: number, before = 3): Edit => ({
  action: { item: 'desk', count },
  hash: count === 4 ? MORE_HASH : LESS_HASH,
  changes: [{ path: '/count', before, after: count }],
});

const critical = requested({ impact: 'critical' }, { severity: 'critical', score: 90, approvals_needed: 2 });

// ----------------------------------------------------------------------------------------------------- histories

const HISTORY = {
  unknown: [],
  waiting: [requested()],
  low: [requested({ impact: 'low' })],
  /** By Eve, for 30 seconds. */
  claimed: [requested(), claimed()],
  questioned: [requested(), questioned()],
  answered: [requested(), questioned(), answered],
  escalated: [requested(), escalated],
  critical: [critical],
  /** Eve has approved it. */
  half: [critical, gave()],
  /** Eve approved it, Dan then approved it with an edit. */
  edited: [critical, gave(), gave('dan', MORE_HASH, editTo(4))],
  approved: [requested(), gave(), closed('approved')],
  rejected: [requested(), rejected, closed('rejected')],
  defaulted: [requested(), escalated, defaulted],
  withdrawn: [requested(), closed('withdrawn', { reason: 'no' })],
  superseded: [requested(), closed('superseded', { reason: 'no' })],
  reopened: [requested(), gave(), closed('approved'), reopened()],
  overridden: [requested(), overridden, closed('superseded', { reason: 'no' })],
} satisfies Record<string, readonly ApprovalEvent[]>;

type What = keyof typeof HISTORY;
type Line = readonly [
  What,
  string,
  Decision<ApprovalState, ApprovalEvent>,
  'nothing' | (string & {}) | readonly ApprovalEvent[],
];

function lines(table: readonly Line[]): void {
  test.each(table)('%s: %s', (what, _, decision, result) => {
    const when = given(approvalDecider, HISTORY[what]).when(decision);
    if (result === 'nothing') when.thenNothing();
    else if (typeof result === 'string') when.thenRejected(result);
    else when.then(result).thenRepeatedNothing();
  });
}

const yes = (person: Person = eve, changes: object = {}, now = NOW) =>
  approve(person, { hash: HASH, reason: 'fine', ...changes }, now);
const no = (person: Person = eve, changes: object = {}, now = NOW) =>
  reject(person, { hash: HASH, reason: 'no', ...changes }, now);
const toMore = { edit: { before: ORDER, action: MORE } };

/** Who may not decide, when not, and what each is told. */
function onlyApprovers(
  decide: (person: Person, now?: Time) => Decision<ApprovalState, ApprovalEvent>,
  claims = false,
): void {
  lines([
    ['unknown', 'nothing', decide(eve), 'approval-not-found'],
    ['waiting', 'by an agent', decide(bot), 'not-an-approver'],
    ['waiting', 'by a stranger', decide(stranger), 'not-an-approver'],
    ['waiting', 'by a group that is not asked yet', decide(max), 'not-an-approver'],
    ['waiting', 'by its requester', decide(ann), 'requester-may-not-decide'],
    ['waiting', 'late, though no timer fired', decide(eve, after(90)), 'decided-after-deadline'],
    ['claimed', 'while another works on it', decide(dan, after(29)), 'claimed-by-another'],
    ['approved', 'after it was approved', decide(dan), 'already-decided'],
    ['rejected', 'after it was rejected', decide(dan), 'already-decided'],
    ['defaulted', 'after nobody did', decide(dan), 'already-decided'],
    ['withdrawn', 'after it was withdrawn', decide(eve), 'already-decided'],
    ['superseded', 'after it was superseded', decide(eve), 'already-decided'],
  ]);

  test.each<[string, What, Person, Time]>([
    ['a member', 'waiting', eve, NOW],
    ['a deputy', 'waiting', dan, NOW],
    ['whose token says the group', 'waiting', tom, NOW],
    ['the next group, when its turn has come and no timer fired', 'waiting', max, after(60)],
    ['the next group', 'escalated', max, NOW],
    ['the first group, still', 'escalated', eve, after(61)],
    ['who works on it', 'claimed', eve, NOW],
    // In the second half of a group's time nobody claims it any more.
    ...(claims
      ? []
      : ([
          ['in the last millisecond', 'waiting', eve, after(89.999)],
          ['another, when the claim has ended', 'claimed', dan, after(30)],
        ] as [string, What, Person, Time][])),
  ])('by %s', (_, what, person, now) =>
    given(approvalDecider, HISTORY[what])
      .when(decide(person, now))
      .thenState((state) => expect(state).toBeDefined()),
  );
}

// ------------------------------------------------------------------------------------------------------ decisions

describe('request', () => {
  lines([
    ['unknown', 'an approval', request(asked, NOW), [requested()]],
    ['unknown', 'of something critical takes two', request({ ...asked, impact: 'critical' }, NOW), [critical]],
    [
      'unknown',
      'of a high impact at highest risk takes two',
      request({ ...asked, impact: 'high', risk: 1 }, NOW),
      [requested({ impact: 'high', risk: 1 }, { severity: 'critical', score: 80, approvals_needed: 2 })],
    ],
    [
      'unknown',
      'with an earlier deadline',
      request({ ...asked, deadline: after(70) }, NOW),
      [requested({ deadline: after(70) }, { ends: [after(60), after(70)] })],
    ],
    ['unknown', 'with a deadline that is over', request({ ...asked, deadline: NOW }, NOW), 'deadline-passed'],
    ['approved', 'the same again', request(asked, after(5)), 'nothing'],
    ['waiting', 'of another action', request({ ...asked, hash: MORE_HASH }, NOW), 'approval-exists'],
    ['waiting', 'by another', request({ ...asked, requester: 'bob' }, NOW), 'approval-exists'],
  ]);

  test.each<[string, Partial<ApprovalRequest>]>([
    ['approvers', { ladder: [] }],
    ['summary', { summary: 'x'.repeat(2_001) }],
    ['why', { why: '' }],
    ['ids', { requester: 'no id' }],
    ['hash', { hash: 'abc' }],
    ['impact', { impact: 'huge' as never }],
    ['risk', { risk: NaN }],
    ['safe_default', { safe_default: 'act' as never }],
    ['inputs', { inputs: Array.from({ length: 51 }, () => ({ by: 'bob', says: 'yes' })) }],
    ['inputs', { inputs: [{ by: 'bob', says: 'x'.repeat(501) }] }],
    ['inputs', { inputs: [{ by: 'bob', says: 'yes', confidence: 2 }] }],
    ['bytes', { inputs: Array.from({ length: 50 }, () => ({ by: 'bob', says: '\u0001'.repeat(499) + 'x' })) }],
  ])('what is wrong with %s is said', (what, changes) => {
    given(approvalDecider, [])
      .when(request({ ...asked, ...changes }, NOW))
      .thenRejected('approval-invalid', { problems: [expect.stringContaining(what)] });
  });

  test('is held under the commit that opened it', () => {
    given(approvalDecider, HISTORY.waiting).thenState(({ opened_ref }) => opened_ref === 'acme/approval/given@0');
    given(approvalDecider, HISTORY.reopened).thenState(({ opened_ref }) => opened_ref === 'acme/approval/given@3');
  });
});

describe('claim', () => {
  onlyApprovers((person, now = NOW) => claim(person, now, 30), true);
  lines([
    ['waiting', 'for a while', claim(eve, NOW, 30), [claimed()]],
    ['waiting', 'for longer than half of the group’s time', claim(eve, after(10), 30), [claimed('eve', after(30))]],
    ['claimed', 'for longer, beyond half of the group’s time', claim(eve, after(10), 30), 'nothing'],
    ['waiting', 'in the second half of the group’s time', claim(eve, after(30), 5), 'claims-over'],
    [
      'escalated',
      'in the next group’s time, until half of that',
      claim(eve, after(61), 30),
      [claimed('eve', after(75))],
    ],
    [
      'waiting',
      'in the next group’s time, though no timer fired',
      claim(eve, after(61), 5),
      [claimed('eve', after(66))],
    ],
    ['waiting', 'in the second half of that', claim(max, after(75), 5), 'claims-over'],
    ['claimed', 'when the clock went back', claim(eve, after(-10), 30), 'nothing'],
    ['waiting', 'for no time', claim(eve, NOW, 0), 'seconds-invalid'],
    ['waiting', 'for too long', claim(eve, NOW, 3_601), 'seconds-invalid'],
    ['claimed', 'let go', unclaim('eve', NOW), [unclaimed]],
    ['claimed', 'let go by another', unclaim('dan', NOW), 'claimed-by-another'],
    ['waiting', 'nothing to let go', unclaim('eve', NOW), 'nothing'],
    ['unknown', 'nothing to let go of', unclaim('eve', NOW), 'approval-not-found'],
  ]);
});

test('claimed again and again, by however many, it is free for all in half of each group’s time', () => {
  const people = [eve, dan, tom, max];
  const now = fc.nat(89_999).map((ms) => plusSeconds(NOW, ms / 1000));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...people), now, fc.integer({ min: 1, max: 3_600 })), { maxLength: 20 }),
      (claims) => {
        let events: readonly ApprovalEvent[] = HISTORY.waiting;
        for (const [person, at, seconds] of [...claims].sort(([, a], [, b]) => (a < b ? -1 : 1))) {
          given(approvalDecider, events).thenState((state) => {
            const answer = claim(person, at, seconds)(state);
            if (!(answer instanceof Rejection)) events = [...events, ...answer];
          });
        }
        for (const [person, at] of [
          [dan, 30],
          [eve, 59.999],
          [tom, 30],
          [max, 75],
          [eve, 89.999],
        ] as const)
          given(approvalDecider, events)
            .when(yes(person, {}, after(at)))
            .thenState(({ outcome }) => outcome === 'approved');
      },
    ),
    { numRuns: 50 },
  );
});

describe('where there is something to choose', () => {
  const choices = ['north', 'south'];
  const tie = [requested({ choices })];
  const led = [requested({ choices, leader: 'north' })];
  const chose = (choice: string, by = 'eve'): ApprovalEvent =>
    ({ ...gave(by), data: { ...gave(by).data, choice } }) as ApprovalEvent;

  test('a tie: whoever approves says which', () => {
    given(approvalDecider, tie).when(yes()).thenRejected('choice-needed', { choices });
    given(approvalDecider, tie)
      .when(yes(eve, { choice: 'west' }))
      .thenRejected('choice-unknown', { choices });
    given(approvalDecider, tie)
      .when(yes(eve, { choice: 'south' }))
      .then([chose('south'), closed('approved')])
      .thenRepeatedNothing();
  });
  test('a leader: it is approved where nobody says which', () => {
    given(approvalDecider, led)
      .when(yes())
      .then([chose('north'), closed('approved')])
      .thenRepeatedNothing();
    given(approvalDecider, led)
      .when(yes(eve, { choice: 'south' }))
      .then([chose('south'), closed('approved')]);
  });
  test('two who have to approve approve the same', () => {
    const half = [
      requested({ choices, impact: 'critical' }, { severity: 'critical', score: 80, approvals_needed: 2 }),
      chose('north'),
    ];
    given(approvalDecider, half)
      .when(yes(dan, { choice: 'south' }))
      .thenRejected('choice-differs', { choice: 'north' });
    given(approvalDecider, half)
      .when(yes(dan, { choice: 'north' }))
      .then([chose('north', 'dan'), closed('approved')]);
  });
  test('where there is nothing, nothing is chosen', () =>
    given(approvalDecider, HISTORY.waiting)
      .when(yes(eve, { choice: 'north' }))
      .thenRejected('choice-unknown'));
  test('a leader is one of the choices', () =>
    given(approvalDecider, [])
      .when(request({ ...asked, choices, leader: 'west' }, NOW))
      .thenRejected('approval-invalid'));
});

describe('approve', () => {
  onlyApprovers((person, now) => yes(person, {}, now));
  const edited = gave('eve', MORE_HASH, editTo(4));
  lines([
    ['waiting', 'the action', yes(), [gave(), closed('approved')]],
    ['waiting', 'with an edit', yes(eve, toMore), [edited, closed('approved', { hash: MORE_HASH })]],
    ['waiting', 'without a reason', yes(eve, { reason: ' ' }), 'reason-needed'],
    ['waiting', 'with a reason that is too long', yes(eve, { reason: 'x'.repeat(2_001) }), 'reason-needed'],
    ['waiting', 'another action', yes(eve, { hash: MORE_HASH }), 'action-differs'],
    ['waiting', 'an edit of another action', yes(eve, { edit: { before: LESS, action: MORE } }), 'action-differs'],
    [
      'waiting',
      'an edit that edits nothing',
      yes(eve, { edit: { before: ORDER, action: ORDER } }),
      'edit-changes-nothing',
    ],
    [
      'waiting',
      'an edit that is too large',
      yes(eve, { edit: { before: ORDER, action: 'x'.repeat(33_000) } }),
      'action-invalid',
    ],
    ['low', 'in one go with others', yes(eve, { bulk: true }), [gave(), closed('approved')]],
    ['waiting', 'in one go with others, what is not low', yes(eve, { bulk: true }), 'bulk-only-for-low-impact'],
    ['low', 'in one go with others, edited', yes(eve, { bulk: true, ...toMore }), 'bulk-only-for-low-impact'],
    ['approved', 'again', yes(), 'nothing'],
    ['approved', 'again, for another reason', yes(eve, { reason: 'so' }), 'already-decided'],
    ['critical', 'the first of two', yes(), [gave()]],
    ['half', 'the second of two', yes(dan), [gave('dan'), closed('approved')]],
    ['half', 'the first again', yes(), 'nothing'],
    ['half', 'the first as the second', yes(eve, { reason: 'so' }), 'same-person-twice'],
    [
      'half',
      'the second with an edit: now the first has to look again',
      yes(dan, toMore),
      [gave('dan', MORE_HASH, editTo(4))],
    ],
    ['half', 'the first corrects itself', yes(eve, toMore), [edited]],
    [
      'edited',
      'the first, as edited',
      yes(eve, { hash: MORE_HASH }),
      [gave('eve', MORE_HASH), closed('approved', { hash: MORE_HASH })],
    ],
    ['edited', 'the first, as it was', yes(tom), 'action-differs'],
    ['edited', 'the one who edited it, again', yes(dan, { hash: MORE_HASH, reason: 'so' }), 'same-person-twice'],
    [
      'edited',
      'and edited once more',
      yes(eve, { hash: MORE_HASH, edit: { before: MORE, action: LESS } }),
      [gave('eve', LESS_HASH, editTo(2, 4))],
    ],
    ['reopened', 'anew', yes(eve, {}, after(200)), [gave(), closed('approved')]],
  ]);

  test('takes up, and hands on, a claim', () => {
    given(approvalDecider, [critical, claimed(), gave()])
      .when(yes(dan))
      .then([gave('dan'), closed('approved')]);
  });

  test(`at most ${MAX_EDITS} edits`, () => {
    const history = (count: number) => [
      critical,
      ...Array.from({ length: count }, (_, i) =>
        gave('eve', i % 2 === 0 ? MORE_HASH : LESS_HASH, editTo(i % 2 === 0 ? 4 : 2)),
      ),
    ];
    const next = yes(dan, { hash: LESS_HASH, edit: { before: LESS, action: MORE } });
    given(approvalDecider, history(MAX_EDITS)).when(next).thenRejected('edits-full');
    given(approvalDecider, history(MAX_EDITS - 2))
      .when(next)
      .thenState(({ edits }) => edits === MAX_EDITS - 1);
  });
});

describe('reject', () => {
  onlyApprovers((person, now) => no(person, {}, now));
  lines([
    ['waiting', 'the action', no(), [rejected, closed('rejected')]],
    ['half', 'by one, though another approved', no(), [rejected, closed('rejected')]],
    ['waiting', 'without a reason', no(eve, { reason: '' }), 'reason-needed'],
    ['waiting', 'another action', no(eve, { hash: MORE_HASH }), 'action-differs'],
    ['low', 'in one go with others', no(eve, { bulk: true }), [rejected, closed('rejected')]],
    ['waiting', 'in one go with others, what is not low', no(eve, { bulk: true }), 'bulk-only-for-low-impact'],
  ]);
});

describe('questions', () => {
  onlyApprovers((person, now = NOW) => ask(person, 'why?', now));
  lines([
    ['waiting', 'are asked', ask(eve, 'why?', NOW), [questioned()]],
    ['questioned', 'more are asked', ask(eve, 'when?', NOW), [questioned(2, 'when?')]],
    ['waiting', 'without words', ask(eve, '', NOW), 'question-invalid'],
    ['questioned', 'are answered', answer('ann', 1, 'because', NOW), [answered]],
    ['questioned', 'are answered by the requester', answer('bob', 1, 'because', NOW), 'not-the-requester'],
    ['questioned', 'are answered once', answer('ann', 2, 'because', NOW), 'question-not-found'],
    ['answered', 'are answered once only', answer('ann', 1, 'well', NOW), 'question-answered'],
    ['questioned', 'without words', answer('ann', 1, ' ', NOW), 'answer-invalid'],
    ['unknown', 'to nothing', answer('ann', 1, 'because', NOW), 'approval-not-found'],
  ]);

  test('are not answered when it is over', () => {
    given(approvalDecider, [requested(), questioned(), gave(), closed('approved')])
      .when(answer('ann', 1, 'because', NOW))
      .thenRejected('already-decided');
  });

  test(`at most ${MAX_QUESTIONS}`, () => {
    const history = (count: number) => [requested(), ...Array.from({ length: count }, (_, i) => questioned(i + 1))];
    given(approvalDecider, history(MAX_QUESTIONS))
      .when(ask(dan, 'and?', NOW))
      .thenRejected('questions-full');
    given(approvalDecider, history(MAX_QUESTIONS - 1))
      .when(ask(dan, 'and?', NOW))
      .thenState(({ questions }) => questions.length === MAX_QUESTIONS);
  });
});

describe('time', () => {
  lines([
    ['waiting', 'has not passed', timePassed(after(59.999)), 'nothing'],
    ['waiting', 'the next group', timePassed(after(60)), [escalated]],
    ['escalated', 'the safe default', timePassed(after(90)), [defaulted]],
    ['waiting', 'both at once, when the timer is late', timePassed(after(1_000)), [escalated, defaulted]],
    ['escalated', 'the clock went back', timePassed(after(-1_000)), 'nothing'],
    ['half', 'one of two is not enough', timePassed(after(90)), [escalated, defaulted]],
    ['reopened', 'the old times do not count', timePassed(after(90)), 'nothing'],
    ...(['unknown', 'approved', 'rejected', 'defaulted', 'withdrawn', 'superseded'] as const).map((what): Line => [
      what,
      'nothing is left to do',
      timePassed(after(1_000)),
      'nothing',
    ]),
  ]);

  test('a deadline before the next group’s turn: it is never asked', () => {
    const [early] = [requested({ deadline: after(50) }, { ends: [after(50), after(50)] })];
    given(approvalDecider, [early])
      .when(timePassed(after(50)))
      .then([defaulted]);
    given(approvalDecider, [early])
      .when(yes(max, {}, after(49)))
      .thenRejected('not-an-approver');
  });

  test('says when to look next, and who is asked', () => {
    const state = (what: What) => {
      let found = approvalDecider.initial;
      given(approvalDecider, HISTORY[what]).thenState((folded) => void (found = folded));
      return found;
    };
    expect(
      (['unknown', 'waiting', 'escalated', 'approved', 'reopened'] as const).map((what) => approvalDue(state(what))),
    ).toEqual([undefined, after(60), after(90), undefined, after(260)]);
    expect([deadlineOf(state('unknown')), deadlineOf(state('waiting'))]).toEqual([undefined, after(90)]);
    expect([NOW, after(60)].map((now) => groupsAsked(state('waiting'), now).map(({ group }) => group))).toEqual([
      ['buyers'],
      ['buyers', 'heads'],
    ]);
    expect((['unknown', 'low', 'waiting', 'critical'] as const).map((what) => mayBulk(state(what)))).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });

  test('a claim of before, that goes on into the next group’s time, ends with the first half of that', () => {
    for (const history of [
      [requested(), claimed('eve', after(80))],
      [requested(), claimed('eve', after(80)), escalated],
    ]) {
      given(approvalDecider, history)
        .when(yes(max, {}, after(74)))
        .thenRejected('claimed-by-another');
      given(approvalDecider, history)
        .when(yes(max, {}, after(75)))
        .then([gave('max'), closed('approved')]);
    }
  });
});

describe('withdraw, supersede, reopen, override', () => {
  const again = (changes: object = {}) =>
    reopen({ ref: 'acme/action/1@5', reason: 'stricter', hash: HASH, policy: WANTS, ...changes }, after(200));
  const stop = (person = max) => override(person, 'refuse', 'no', NOW);
  lines([
    ['waiting', 'withdrawn by the requester', withdraw('ann', 'no', NOW), [closed('withdrawn', { reason: 'no' })]],
    ['waiting', 'withdrawn by another', withdraw('eve', 'no', NOW), 'not-the-requester'],
    ['waiting', 'withdrawn without a reason', withdraw('ann', '', NOW), 'reason-needed'],
    ['approved', 'withdrawn too late', withdraw('ann', 'no', NOW), 'already-decided'],
    ['unknown', 'withdrawn', withdraw('ann', 'no', NOW), 'approval-not-found'],
    ['waiting', 'superseded', supersede('no', undefined, NOW), [closed('superseded', { reason: 'no' })]],
    ['rejected', 'superseded too late', supersede('no', undefined, NOW), 'already-decided'],
    ['unknown', 'superseded', supersede('no', undefined, NOW), 'approval-not-found'],
    ['approved', 'opened again', again(), [reopened()]],
    ['half', 'opened again while it waits: nothing given before counts', again(), [reopened()]],
    ['defaulted', 'opened again after it was postponed', again(), [reopened()]],
    ['reopened', 'opened again for the same commit', again(), 'nothing'],
    ['withdrawn', 'opened again after it was withdrawn', again(), 'already-decided'],
    ['approved', 'opened again without a reason', again({ reason: '' }), 'reason-needed'],
    ['unknown', 'opened again', again(), 'approval-not-found'],
    ['waiting', 'overridden', stop(), [overridden, closed('superseded', { reason: 'no' })]],
    ['approved', 'overridden after it was decided', stop(), [overridden]],
    ['waiting', 'overridden by an agent', stop(bot), 'not-a-person'],
    ['waiting', 'overridden without a reason', override(max, 'allow', '', NOW), 'reason-needed'],
    ['unknown', 'overridden', stop(), 'approval-not-found'],
  ]);

  test('opened again it starts anew, about what it is now and under the policy that is now', () => {
    given(approvalDecider, [critical, gave(), escalated])
      .when(again({ hash: MORE_HASH }))
      .thenState((state) => {
        expect(state).toMatchObject({
          status: 'waiting',
          hash: MORE_HASH,
          policy: WANTS,
          level: 0,
          given: [],
          outcome: undefined,
        });
        expect(approve(dan, { hash: MORE_HASH, reason: 'fine' }, after(201))(state)).toEqual([gave('dan', MORE_HASH)]);
      });
  });

  test('says when it was requested and closed', () => {
    given(approvalDecider, HISTORY.approved).thenState((state) =>
      expect([state.requested_at, state.closed_at]).toEqual([plusSeconds(GIVEN_TIME, 0), plusSeconds(GIVEN_TIME, 2)]),
    );
    given(approvalDecider, HISTORY.reopened).thenState(({ closed_at }) => closed_at === undefined);
  });

  test('an approval that was opened again for one commit stays approved when that commit comes again', () => {
    given(approvalDecider, [...HISTORY.reopened, gave(), closed('approved')])
      .when(again())
      .thenNothing();
  });

  test(`opened again at most ${MAX_REOPENINGS} times`, () => {
    const history = (count: number) => [
      requested(),
      ...Array.from({ length: count }, (_, i) => reopened(`acme/action/1@${i + 100}`)),
    ];
    given(approvalDecider, history(MAX_REOPENINGS)).when(again()).thenRejected('reopened-too-often');
    given(approvalDecider, history(MAX_REOPENINGS - 1))
      .when(again())
      .then([reopened()]);
  });
});

// ---------------------------------------------------------------------------------------------------------- model

test('whoever asks what, and whatever the clock does: one outcome an opening, never by silence, and four eyes are two people', () => {
  const person = fc.constantFrom(eve, dan, max, tom, ann, bot, stranger);
  const now = fc.integer({ min: -30, max: 120 }).map(after);
  const hash = fc.constantFrom(HASH, MORE_HASH);
  const edit = fc.option(fc.constantFrom({ before: ORDER, action: MORE }, { before: MORE, action: ORDER }), {
    nil: undefined,
  });
  const reason = fc.constantFrom('fine', 'so');
  const decision = fc.oneof(
    {
      weight: 6,
      arbitrary: fc
        .tuple(person, hash, edit, reason, now)
        .map(([p, h, e, r, t]) => ({ at: t, decide: approve(p, { hash: h, reason: r, edit: e }, t) })),
    },
    { weight: 3, arbitrary: fc.tuple(person, now).map(([p, t]) => ({ at: t, decide: claim(p, t, 20) })) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(person, hash, now)
        .map(([p, h, t]) => ({ at: t, decide: reject(p, { hash: h, reason: 'no' }, t) })),
    },
    { weight: 2, arbitrary: now.map((t) => ({ at: t, decide: timePassed(t) })) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('r1', 'r2'), hash, now)
        .map(([ref, h, t]) => ({ at: t, decide: reopen({ ref, reason: 'x', hash: h, policy: WANTS }, t) })),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(
          unclaim('eve', NOW),
          withdraw('ann', 'no', NOW),
          supersede('no', undefined, NOW),
          override(max, 'allow', 'no', NOW),
        )
        .map((decide) => ({ at: NOW, decide })),
    },
  );
  let approvals = 0;
  fc.assert(
    fc.property(
      fc.constantFrom('medium', 'critical'),
      fc.array(decision, { maxLength: 30, size: 'max' }),
      (impact, steps) => {
        let state = approvalDecider.initial;
        let outcome: Outcome | undefined;
        let approvers = new Map<string, string>();
        const needed = impact === 'critical' ? 2 : 1;
        const first = { at: NOW, decide: request({ ...asked, impact }, NOW) };
        // Each command comes twice: the second changes nothing more.
        for (const [index, step] of [first, ...steps].flatMap((one) => [one, one]).entries()) {
          const events = step.decide(state);
          if (events instanceof Rejection) continue;
          if (index % 2 === 1) expect(events).toEqual([]);
          for (const event of events) {
            if (event.type === 'ApprovalGiven') {
              expect(['eve', 'dan', 'max', 'tom']).toContain(event.data.by);
              expect(outcome).toBeUndefined();
              expect(step.at < (deadlineOf(state) as Time)).toBe(true);
              // An edit ends what was given before, also when a later one brings the same action back.
              if (event.data.edit !== undefined) approvers = new Map();
              approvers.set(event.data.by, event.data.hash);
            }
            if (event.type === 'ApprovalClosed') {
              expect(outcome).toBeUndefined();
              outcome = event.data.outcome;
              const agreeing = [...approvers.values()].filter((approved) => approved === event.data.hash).length;
              if (outcome === 'approved') {
                approvals += 1;
                expect(agreeing).toBe(needed);
                expect(events[0]?.type).toBe('ApprovalGiven');
              } else expect(agreeing).toBeLessThan(needed);
            }
            if (event.type === 'ApprovalReopened') [outcome, approvers] = [undefined, new Map()];
            const level = state.level;
            state = approvalDecider.evolve(state, event, {
              stream: 'acme/approval/a',
              index,
              at: plusSeconds(GIVEN_TIME, index),
              correlationId: 'c',
            });
            if (event.type !== 'ApprovalReopened') expect(state.level).toBeGreaterThanOrEqual(level);
            expect(state.outcome).toBe(outcome);
          }
        }
      },
    ),
    { numRuns: 1_000 },
  );
  expect(approvals).toBeGreaterThan(50); // the model does get there
});
