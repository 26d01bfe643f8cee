/** An approval as time passes, opened anew, and whatever is asked of it in whatever order. */
import fc from 'fast-check';
import { Rejection } from '../../domain/kernel/decider';
import { plusSeconds, type Time } from '../../domain/kernel/time';
import {
  abandon,
  approvalDecider,
  approvalDue,
  type ApprovalOutcome,
  approve,
  claim,
  deadlineOf,
  groupsAsked,
  MAX_REOPENINGS,
  mayBulk,
  override,
  reject,
  release,
  reopen,
  request,
  supersede,
  timePassed,
  withdraw,
} from '../../domain/oversight/approval';
import { given, GIVEN_TIME } from '../support/given';
import {
  after,
  ann,
  asked,
  bot,
  claimed,
  closed,
  critical,
  dan,
  defaulted,
  escalated,
  eve,
  gave,
  HASH,
  HISTORY,
  type Line,
  lines,
  max,
  MORE,
  MORE_HASH,
  NOW,
  ORDER,
  overridden,
  reopened,
  requested,
  stranger,
  tom,
  WANTS,
  type What,
  yes,
} from './approval-life';

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
    ['waiting', 'over with its tenant', abandon('no'), [closed('superseded', { reason: 'no' })]],
    ['half', 'over with its tenant', abandon('no'), [closed('superseded', { reason: 'no' })]],
    ['rejected', 'over before its tenant', abandon('no'), 'nothing'],
    ['unknown', 'over with its tenant', abandon('no'), 'approval-not-found'],
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
          release('eve', NOW),
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
        let outcome: ApprovalOutcome | undefined;
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
