/** An approval that is asked for, claimed, given or not. */
import fc from 'fast-check';
import { factsOf } from '../../cli/facts';
import { type Decision, Rejection, upcast } from '../../domain/kernel/decider';
import { plusSeconds, type Time } from '../../domain/kernel/time';
import {
  answer,
  approvalDecider,
  type ApprovalEvent,
  type ApprovalRequest,
  type ApprovalState,
  ask,
  claim,
  MAX_EDITS,
  MAX_QUESTIONS,
  reject,
  release,
  request,
} from '../../domain/oversight/approval';
import type { Person } from '../../domain/oversight/oversight';
import { given } from '../support/given';
import {
  after,
  ann,
  answered,
  asked,
  bot,
  claimed,
  closed,
  critical,
  dan,
  editTo,
  eve,
  gave,
  HASH,
  HISTORY,
  LESS,
  LESS_HASH,
  lines,
  max,
  MORE,
  MORE_HASH,
  NOW,
  ORDER,
  questioned,
  rejected,
  requested,
  stranger,
  tom,
  type What,
  yes,
} from './approval-life';

const released: ApprovalEvent = { type: 'ApprovalReleased', v: 1, data: { by: 'eve' } };

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
    ['claimed', 'let go', release('eve', NOW), [released]],
    ['claimed', 'let go by another', release('dan', NOW), 'claimed-by-another'],
    ['waiting', 'nothing to let go', release('eve', NOW), 'nothing'],
    ['unknown', 'nothing to let go of', release('eve', NOW), 'approval-not-found'],
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

test('a receipt that calls a release otherwise, as older ones do, is read', () => {
  const event = upcast(approvalDecider, { type: 'ApprovalUnclaimed', v: 1, data: { by: 'eve' } });
  expect(event).toEqual(released);
  expect(factsOf({ type: 'ApprovalUnclaimed', data: { by: 'eve' } })).toBe(factsOf(released));
});
