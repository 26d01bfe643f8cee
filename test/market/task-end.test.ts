/** A task that comes to its end, or back from it; and any task, whatever is asked of it. */
import fc from 'fast-check';
import { type Decision, Rejection } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import { type BidInputs, DEFAULT_WEIGHTS, rank } from '../../domain/market/market';
import {
  accept,
  award,
  cancel,
  complete,
  decline,
  fail,
  freedSlot,
  giveBack,
  handOff,
  isAlive,
  placeBid,
  post,
  progress,
  redrive,
  release,
  strengthOf,
  taskDecider,
  taskDue,
  type TaskEvent,
  type TaskState,
  timePassed,
  voidAward,
  withdrawBid,
} from '../../domain/market/task';
import { at, given, GIVEN_TIME } from '../support/given';
import {
  accepted,
  after,
  awarded,
  bids,
  cancelled,
  CLAIM,
  completed,
  dead,
  DEADLINE,
  declined,
  ended,
  handedOff,
  HISTORY,
  type Line,
  lines,
  NOW,
  OLD,
  OTHER,
  passed,
  posted,
  progressed,
  reopened,
  spec,
  to,
  type What,
  withdrew,
} from './task-life';

const redriven: TaskEvent = { type: 'TaskRedriven', v: 1, data: { by: 'eve' } };

describe('giveBack', () => {
  const ask = (claim: typeof CLAIM) => giveBack(claim, 'lost', 'silent', NOW);

  test('of an agent that was lost or left', () => {
    given(taskDecider, HISTORY.awarded)
      .when(ask(CLAIM))
      .then([ended('lost', 'silent'), reopened(2, plusSeconds(NOW, 10))])
      .thenRepeatedNothing();
    given(taskDecider, HISTORY.running)
      .when(giveBack(CLAIM, 'released', 'left', NOW))
      .then([ended('released', 'left'), reopened(2, plusSeconds(NOW, 10))]);
  });

  lines([
    ['unknown', 'nothing', ask(CLAIM), 'nothing'],
    ['open', 'nothing', ask(CLAIM), 'nothing'],
    ['awarded', 'nothing of another', ask(OTHER), 'nothing'],
    ['superseded', 'nothing of an old award', ask(OLD), 'nothing'],
    ['superseded', 'nothing of another with the same number', ask({ agent: 'ann', award: 2 }), 'nothing'],
    ['completed', 'nothing', ask(CLAIM), 'nothing'],
    ['cancelled', 'nothing', ask(CLAIM), 'nothing'],
    ['dead', 'nothing', ask(CLAIM), 'nothing'],
  ]);
});

describe('cancel', () => {
  test('frees whoever holds it', () => {
    given(taskDecider, HISTORY.open)
      .when(cancel('eve', 'no need', NOW))
      .then([cancelled()])
      .thenRepeatedNothing();
    given(taskDecider, HISTORY.awarded)
      .when(cancel('eve', 'no need', NOW))
      .then([cancelled(CLAIM)]);
    given(taskDecider, HISTORY.running)
      .when(cancel('eve', 'no need', NOW))
      .then([cancelled(CLAIM)])
      .thenState(
        ({ status, holder, finished_at }) =>
          status === 'cancelled' && holder === undefined && finished_at === '2026-11-21T10:00:03.000Z',
      );
  });

  lines([
    ['unknown', 'there is no such task', cancel('eve', 'x', NOW), 'task-not-found'],
    ['cancelled', 'once more', cancel('bob', 'x', NOW), 'nothing'],
    ['completed', 'too late', cancel('eve', 'x', NOW), 'task-completed'],
    ['expired', 'too late', cancel('eve', 'x', NOW), 'task-expired'],
    ['dead', 'too late', cancel('eve', 'x', NOW), 'task-dead'],
  ]);
});

describe('redrive', () => {
  test('a dead letter: its attempts are counted anew, its awards go on', () => {
    given(taskDecider, HISTORY.dead)
      .when(redrive('eve', NOW))
      .then([redriven])
      .thenState(({ status, attempts, awards, finished_at, ready_at }) =>
        expect([status, attempts, awards, finished_at, ready_at]).toEqual(['open', 1, 1, undefined, GIVEN_TIME]),
      );
    given(taskDecider, HISTORY.dead).when(redrive('eve', NOW)).then([redriven]).thenRepeatedNothing();
    given(taskDecider, [...HISTORY.dead, redriven])
      .when(complete(OLD, {}, NOW))
      .thenRejected('award-superseded');
    given(taskDecider, [posted(), awarded('bob'), declined(OTHER), dead('x', 1), redriven])
      .when(placeBid({ agent: 'bob' }, NOW))
      .then([bids('bob')]);
  });

  test('what has expired: it says why, and gets as much time as before, or as asked', () => {
    const late = plusSeconds(DEADLINE, 600);
    given(taskDecider, HISTORY.expired).thenState(({ ended: why }) =>
      expect(why).toEqual({ reason: `the deadline ${DEADLINE} passed: nobody held it in attempt 1`, by: 'deadline' }),
    );
    given(taskDecider, HISTORY.expired)
      .when(redrive('eve', late))
      .then([{ type: 'TaskRedriven', v: 1, data: { by: 'eve', deadline: plusSeconds(late, 3_600) } }])
      .thenState(({ status, spec: { deadline } = spec, ended: why, finished_at }) =>
        expect([status, deadline, why, finished_at]).toEqual(['open', plusSeconds(late, 3_600), undefined, undefined]),
      );
    given(taskDecider, HISTORY.expired)
      .when(redrive('eve', late, plusSeconds(late, 5)))
      .then([{ type: 'TaskRedriven', v: 1, data: { by: 'eve', deadline: plusSeconds(late, 5) } }]);
    given(taskDecider, HISTORY.expired)
      .when(redrive('eve', late, late))
      .thenRejected('deadline-passed');
  });

  test('not past the decision that it waited for', () => {
    const oversight = { kind: 'job', why: 'x', confidence: 0.5, impact: 'high' as const, risk: 0, features: {} };
    const held = [posted({ deadline: DEADLINE, oversight }), passed()];
    given(taskDecider, held).thenState(({ ended: why }) => expect(why?.reason).toMatch(/never decided/));
    given(taskDecider, held).when(redrive('eve', DEADLINE)).thenRejected('task-not-cleared');
    const cleared: TaskEvent = { type: 'TaskCleared', v: 1, data: { action: 'acme/action/a' } };
    given(taskDecider, [held[0] as TaskEvent, cleared, passed()])
      .when(redrive('eve', DEADLINE))
      .thenState(({ status }) => expect(status).toBe('open'));
  });

  test('an open one is asked of all again, and keeps its bids and its place', () => {
    given(taskDecider, [posted(), bids('bob'), awarded(), declined()])
      .when(redrive('eve', NOW))
      .then([redriven])
      .thenState(({ declined: who, bids: still, offered_at }) =>
        expect([who, Object.keys(still), offered_at]).toEqual([{}, ['bob'], GIVEN_TIME]),
      );
  });

  lines([
    ['unknown', 'there is no such task', redrive('eve', NOW), 'task-not-found'],
    ['open', 'it is open', redrive('eve', NOW), 'nothing'],
    ...(['awarded', 'running', 'completed', 'cancelled'] as const).map((what): Line => [
      what,
      'it is not dead',
      redrive('eve', NOW),
      'task-not-dead',
    ]),
  ]);
});

describe('timePassed', () => {
  const acceptBy = plusSeconds(NOW, 30);
  /** Accepted at 10:00:02, for 60 seconds. */
  const leaseEnd = '2026-11-21T10:01:02.000Z';

  test('the deadline ends it, held or not, at the moment that it names', () => {
    const withDeadline = (events: readonly TaskEvent[]) => [
      posted({ deadline: DEADLINE, lease_seconds: 7_200, accept_seconds: 7_200 }),
      ...events,
    ];
    for (const [events, holder] of [
      [[], undefined],
      [[awarded('ann', 1, plusSeconds(NOW, 7_200))], CLAIM],
      [[awarded('ann', 1, plusSeconds(NOW, 7_200)), accepted()], CLAIM],
    ] as const) {
      given(taskDecider, withDeadline(events))
        .when(timePassed(plusSeconds(DEADLINE, -0.001)))
        .thenNothing();
      given(taskDecider, withDeadline(events))
        .when(timePassed(DEADLINE))
        .then([passed(holder)])
        .thenRepeatedNothing();
      given(taskDecider, withDeadline(events))
        .when(timePassed(plusSeconds(DEADLINE, 100_000)))
        .then([passed(holder)])
        .thenState(({ status, holder: left }) => status === 'expired' && left === undefined);
    }
  });

  test('an award that nobody accepted lapses', () => {
    given(taskDecider, HISTORY.awarded)
      .when(timePassed(plusSeconds(acceptBy, -0.001)))
      .thenNothing();
    given(taskDecider, HISTORY.awarded)
      .when(timePassed(acceptBy))
      .then([ended('lapsed', `not accepted by ${acceptBy}`), reopened(2, plusSeconds(acceptBy, 10))])
      .thenRepeatedNothing();
  });

  test('a lease that nobody extended expires', () => {
    given(taskDecider, HISTORY.running)
      .when(timePassed(plusSeconds(leaseEnd, -0.001)))
      .thenNothing();
    given(taskDecider, HISTORY.running)
      .when(timePassed(leaseEnd))
      .then([ended('expired', 'no heartbeat for 60 s'), reopened(2, plusSeconds(leaseEnd, 10))])
      .thenRepeatedNothing();
    given(taskDecider, HISTORY.running)
      .when(timePassed(leaseEnd, plusSeconds(leaseEnd, -10)))
      .thenNothing();
    given(taskDecider, HISTORY.running)
      .when(timePassed(plusSeconds(leaseEnd, 50), plusSeconds(leaseEnd, -10)))
      .thenState(({ status }) => status === 'open');
    given(taskDecider, HISTORY.running)
      .when(timePassed(leaseEnd, '2026-11-21T09:00:00.000Z'))
      .thenState(({ status }) => status === 'open');
    given(taskDecider, [...HISTORY.running, at({ at: leaseEnd }, progressed(0.1))])
      .when(timePassed(plusSeconds(leaseEnd, 59)))
      .thenNothing();
  });

  test('the deadline comes before the lease', () => {
    given(taskDecider, [posted({ deadline: DEADLINE }), awarded(), accepted()])
      .when(timePassed(DEADLINE))
      .then([passed(CLAIM)]);
  });

  test('the last attempt that expires leaves a dead letter', () => {
    given(taskDecider, [posted({ max_attempts: 1 }), awarded()])
      .when(timePassed(acceptBy))
      .then([
        ended('lapsed', `not accepted by ${acceptBy}`),
        dead(`1 attempts used up; the last: not accepted by ${acceptBy}`, 1),
      ]);
  });

  lines(
    (['unknown', 'open', 'reopened', 'completed', 'cancelled', 'expired', 'dead'] as const).map((what) => [
      what,
      'time changes nothing',
      timePassed('2030-01-01T00:00:00.000Z'),
      'nothing',
    ]),
  );
});

describe('questions', () => {
  test('who is alive', () => {
    const alive = (Object.keys(HISTORY) as What[]).filter((what) => isAlive(after(HISTORY[what])));
    expect(alive).toEqual(['open', 'awarded', 'running', 'reopened', 'superseded']);
  });

  test('the strength of its signal rises with time and falls with attempts', () => {
    expect(strengthOf(taskDecider.initial, NOW)).toBe(0);
    expect(strengthOf(after([posted({ deadline: DEADLINE })]), GIVEN_TIME)).toBe(0.4);
    expect(strengthOf(after([posted({ deadline: DEADLINE })]), '2026-11-21T10:30:00.000Z')).toBe(0.6);
    expect(strengthOf(after([posted({ deadline: DEADLINE })]), DEADLINE)).toBe(0.8);
    expect(strengthOf(after([posted({ deadline: DEADLINE }), reopened(2, NOW)]), DEADLINE)).toBe(0.4);
  });

  const LATE = plusSeconds(NOW, 30);
  test.each<[string, readonly TaskEvent[], string, string | undefined, string | undefined]>([
    ['nothing', [], NOW, undefined, undefined],
    ['open, ready, without a deadline: it waits for an agent', [posted()], NOW, undefined, undefined],
    ['open: when the bids close', [posted({ bid_seconds: 120 })], NOW, undefined, plusSeconds(GIVEN_TIME, 120)],
    ['open: the deadline', [posted({ deadline: DEADLINE })], NOW, undefined, DEADLINE],
    [
      'open: the deadline, if the bids close later',
      [posted({ deadline: DEADLINE, bid_seconds: 7_200 })],
      NOW,
      undefined,
      DEADLINE,
    ],
    ['reopened: when it may be tried again', [posted(), reopened(2, LATE)], NOW, undefined, LATE],
    ['awarded: when it must be accepted', HISTORY.awarded, NOW, undefined, LATE],
    [
      'awarded: the deadline, if it comes first',
      [posted({ deadline: plusSeconds(NOW, 5) }), awarded()],
      NOW,
      undefined,
      plusSeconds(NOW, 5),
    ],
    ['running: the end of the lease', HISTORY.running, NOW, undefined, '2026-11-21T10:01:02.000Z'],
    ['running: the end of the lease after a heartbeat', HISTORY.running, NOW, NOW, plusSeconds(NOW, 60)],
    ['running: an old heartbeat does not shorten it', HISTORY.running, NOW, GIVEN_TIME, '2026-11-21T10:01:02.000Z'],
    [
      'running: the deadline, if it comes first',
      [posted({ deadline: NOW }), awarded(), accepted()],
      NOW,
      undefined,
      NOW,
    ],
    ['completed', HISTORY.completed, NOW, undefined, undefined],
    ['cancelled', HISTORY.cancelled, NOW, undefined, undefined],
    ['expired', HISTORY.expired, NOW, undefined, undefined],
    ['dead', HISTORY.dead, NOW, undefined, undefined],
  ])('is due: %s', (_, events, now, heartbeat, due) => expect(taskDue(after(events), now, heartbeat)).toBe(due));

  test.each<[TaskEvent, ReturnType<typeof freedSlot>]>([
    [completed(), { ...CLAIM, outcome: 'completed' }],
    [ended('failed', 'x'), { ...CLAIM, outcome: 'failed' }],
    [ended('lapsed', 'x'), { ...CLAIM, outcome: 'lapsed' }],
    [ended('expired', 'x'), { ...CLAIM, outcome: 'expired' }],
    [ended('lost', 'x'), { ...CLAIM, outcome: 'lost' }],
    [ended('released', 'x'), { ...CLAIM, outcome: 'gone' }],
    [declined(), { ...CLAIM, outcome: 'declined' }],
    [handedOff(), { ...CLAIM, outcome: 'handed_off' }],
    [cancelled(CLAIM), { ...CLAIM, outcome: 'cancelled' }],
    [cancelled(), undefined],
    [passed(CLAIM), { ...CLAIM, outcome: 'expired' }],
    [passed(), undefined],
    [posted(), undefined],
    [bids('ann'), undefined],
    [withdrew('ann'), undefined],
    [awarded(), undefined],
    [accepted(), undefined],
    [progressed(1), undefined],
    [reopened(2, NOW), undefined],
    [dead('x'), undefined],
    [redriven, undefined],
  ])('the slot that it frees: %j', (event, freed) => expect(freedSlot(event)).toEqual(freed));
});

test('whatever is asked by whomever in whatever order: one live award, numbers that rise, one completion by its holder', () => {
  const agent = fc.constantFrom('ann', 'bob', 'cid');
  const number = fc.integer({ min: 1, max: 4 });
  const now = fc.integer({ min: 0, max: 300 }).map((s) => plusSeconds(GIVEN_TIME, s));
  const claim = fc.record({ agent, award: number });
  const bidder = (name: string): BidInputs => ({ agent: name, source: 'offer', match: 1, load: 0, wins: 0, tries: 0 });
  const decision: fc.Arbitrary<Decision<TaskState, TaskEvent>> = fc.oneof(
    fc.constant(post({ ...spec, deadline: plusSeconds(GIVEN_TIME, 290) }, GIVEN_TIME)),
    fc.tuple(agent, now).map(([name, t]) => placeBid({ agent: name }, t)),
    agent.map((name) => withdrawBid(name, NOW)),
    fc.tuple(agent, number, now).map(([name, n, t]) =>
      award({
        candidates: rank('t', [bidder(name)], 0.5, DEFAULT_WEIGHTS),
        weights: DEFAULT_WEIGHTS,
        refused: [],
        reserved: { agent: name, award: n, receipt: 'r' },
        strength: 0.5,
        now: t,
      }),
    ),
    fc.tuple(claim, now).map(([c, t]) => accept(c, t)),
    fc.tuple(claim, now).map(([c, t]) => decline(c, 'x', t)),
    fc.tuple(claim, now).map(([c, t]) => progress(c, 0.5, undefined, t)),
    fc.tuple(claim, now).map(([c, t]) => complete(c, {}, t)),
    fc.tuple(claim, fc.boolean(), now).map(([c, retryable, t]) => fail(c, 'x', retryable, t)),
    fc.tuple(claim, now).map(([c, t]) => release(c, 'x', t)),
    fc.tuple(claim, now).map(([c, t]) => giveBack(c, 'lost', 'x', t)),
    fc.tuple(claim, agent, number, now).map(([c, name, n, t]) => handOff(c, to(name, n), undefined, t)),
    claim.map((c) => voidAward(c)),
    fc.constant(cancel('eve', 'x', NOW)),
    now.map((t) => redrive('eve', t)),
    fc.tuple(now, fc.option(now, { nil: undefined })).map(([t, beat]) => timePassed(t, beat)),
  );
  fc.assert(
    fc.property(fc.array(decision, { maxLength: 60 }), (decisions) => {
      let state = taskDecider.initial;
      let live: { agent: string; award: number; accepted: boolean } | undefined;
      let last = 0;
      let finished = false;
      let before: TaskState['status'] = 'unknown';
      const voided = new Set<number>();
      decisions.forEach((decide, index) => {
        const events = decide(state);
        if (events instanceof Rejection) return;
        for (const event of events) {
          const place = { stream: 'acme/task/t', index, at: plusSeconds(GIVEN_TIME, index), correlationId: 'c' };
          state = taskDecider.evolve(state, event, place);
          // What has expired may be redriven; the rest is over for good.
          expect(finished && event.type !== 'TaskRedriven' && event.type !== 'AwardVoided').toBe(false);
          if (event.type === 'TaskAwarded') expect(live).toBeUndefined();
          if (event.type === 'TaskHandedOff')
            expect(live).toEqual({ agent: event.data.from, award: event.data.from_award, accepted: true });
          if (event.type === 'TaskAwarded' || event.type === 'TaskHandedOff') {
            expect(event.data.award).toBeGreaterThan(last);
            expect(voided.has(event.data.award)).toBe(false);
            last = event.data.award;
            live = { agent: event.data.agent, award: last, accepted: false };
          } else {
            if (event.type === 'TaskAccepted') {
              expect(live).toEqual({ agent: event.data.agent, award: event.data.award, accepted: false });
              live = { agent: event.data.agent, award: event.data.award, accepted: true };
            }
            if (event.type === 'AwardVoided') voided.add(event.data.award);
            if (event.type === 'TaskCompleted')
              expect(live).toEqual({ agent: event.data.agent, award: event.data.award, accepted: true });
            // Whoever holds it is freed by the event that ends its award, and by no other.
            const freed = freedSlot(event);
            if (freed !== undefined) {
              expect(live).toMatchObject({ agent: freed.agent, award: freed.award });
              live = undefined;
            }
          }
          if (event.type === 'AwardVoided') return;
          finished =
            event.type === 'TaskCompleted' || event.type === 'TaskCancelled' || event.type === 'DeadlinePassed';
          expect(event.type === 'TaskRedriven' && (before === 'completed' || before === 'cancelled')).toBe(false);
          before = state.status;
          if (live === undefined) expect(state.holder).toBeUndefined();
          else expect(state.holder).toMatchObject({ agent: live.agent, award: live.award });
        }
        expect(state.holder === undefined).toBe(state.status !== 'awarded' && state.status !== 'running');
      });
    }),
    { numRuns: 500 },
  );
});
