/** A task that somebody holds: what its holder does with it. */
import type { Decision } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import type { AgentProfile } from '../../domain/market/agent';
import {
  accept,
  challengeAward,
  clear,
  complete,
  completeAtOnce,
  decline,
  decliners,
  fail,
  handOff,
  MAX_HAND_OFFS,
  placeBid,
  progress,
  release,
  taskDecider,
  taskDue,
  type TaskEvent,
  type TaskState,
  timePassed,
} from '../../domain/market/task';
import { at, given, GIVEN_TIME } from '../support/given';
import {
  accepted,
  after,
  awarded,
  bids,
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
  posted,
  postedAt,
  progressed,
  reopened,
  to,
} from './task-life';

const acceptedAt = (accepted_at: string, claim = CLAIM): TaskEvent => ({
  type: 'TaskAccepted',
  v: 1,
  data: { ...claim, lease_seconds: 60, accepted_at },
});
const progressedAt = (progressed_at: string, fraction: number, note?: string): TaskEvent => ({
  type: 'TaskProgressed',
  v: 1,
  data: { ...CLAIM, fraction, note, progressed_at },
});

/** Who may not act for a task's holder, and what each is told. */
function onlyHolder(ask: (claim: typeof CLAIM) => Decision<TaskState, TaskEvent>, more: readonly Line[] = []): void {
  lines([
    ['unknown', 'nobody holds what is not there', ask(CLAIM), 'task-not-found'],
    ['open', 'nobody holds it', ask(CLAIM), 'award-superseded'],
    ['awarded', 'another agent', ask(OTHER), 'not-the-holder'],
    ['awarded', 'a number that was never given', ask({ agent: 'ann', award: 2 }), 'not-the-holder'],
    ['running', 'another agent', ask(OTHER), 'not-the-holder'],
    ['superseded', 'the holder of an old award', ask(OLD), 'award-superseded'],
    ['superseded', 'another with the new number', ask({ agent: 'ann', award: 2 }), 'not-the-holder'],
    ['superseded', 'the holder with its old number', ask({ agent: 'bob', award: 1 }), 'award-superseded'],
    ['cancelled', 'it is over', ask(CLAIM), 'task-cancelled'],
    ['expired', 'it is over', ask(CLAIM), 'task-expired'],
    ...more,
  ]);
}

test.each(['open', 'awarded'] as const)('a number that was not given yet is no old one: %s', (what) => {
  const refused = accept({ agent: 'ann', award: 7 }, NOW)(after(HISTORY[what]));
  expect(refused).toMatchObject({
    message: {
      open: 'there is no award 7 yet (the last is 0): accept what the inbox shows, under its number',
      awarded: 'there is no award 7 yet (the last is 1): accept what the inbox shows, under its number',
    }[what],
  });
});

test('whoever is taken for another is told who holds the task', () => {
  expect(accept(OTHER, NOW)(after(HISTORY.awarded))).toMatchObject({
    message: 'bob does not hold this task under award 1: ann does; if that is you, say so as the caller',
  });
});

describe('accept', () => {
  test('starts the lease', () => {
    given(taskDecider, HISTORY.awarded)
      .when(accept(CLAIM, NOW))
      .then([acceptedAt(NOW)])
      .thenState(({ status, holder }) => status === 'running' && holder?.lease_from === NOW);
    given(taskDecider, HISTORY.awarded)
      .when(accept(CLAIM, NOW))
      .then([acceptedAt(NOW)])
      .thenRepeatedNothing();
  });

  test('not when its time is over, unless whoever decides was away', () => {
    const by = plusSeconds(NOW, 30);
    given(taskDecider, HISTORY.awarded)
      .when(accept(CLAIM, plusSeconds(by, -0.001)))
      .then([acceptedAt(plusSeconds(by, -0.001))]);
    given(taskDecider, HISTORY.awarded).when(accept(CLAIM, by)).thenRejected('award-superseded', { award: 1 });
    given(taskDecider, HISTORY.awarded)
      .when(accept(CLAIM, by, plusSeconds(by, 5)))
      .then([acceptedAt(by)]);
    given(taskDecider, HISTORY.awarded)
      .when(accept(CLAIM, plusSeconds(by, 5), plusSeconds(by, 5)))
      .thenRejected('award-superseded');
    expect(timePassed(by, undefined, undefined, plusSeconds(by, 5))(after(HISTORY.awarded))).toEqual([]);
    expect(taskDue(after(HISTORY.awarded), by, undefined, plusSeconds(by, 5))).toBe(plusSeconds(by, 5));
  });

  onlyHolder(
    (claim) => accept(claim, NOW),
    [
      ['completed', 'it is over', accept(CLAIM, NOW), 'task-completed'],
      ['dead', 'it is over', accept(CLAIM, NOW), 'task-dead'],
    ],
  );
});

describe('decline', () => {
  const ask = (claim: typeof CLAIM) => decline(claim, 'busy', NOW);

  test('gives the award back without an attempt', () => {
    given(taskDecider, [posted(), bids('bob'), awarded()])
      .when(ask(CLAIM))
      .then([{ ...declined(), data: { ...CLAIM, reason: 'busy', until: plusSeconds(NOW, 60) } } as TaskEvent])
      .thenState(({ status, holder, attempts, declined: who, bids: still }) =>
        expect([status, holder, attempts, who, Object.keys(still)]).toEqual([
          'open',
          undefined,
          1,
          { ann: { until: plusSeconds(NOW, 60), times: 1 } },
          ['bob'],
        ]),
      );
  });

  test('holds for a while, longer each time: what all have declined comes back', () => {
    // An older receipt says no time: it is over a minute after its commit.
    const once = [posted(), awarded(), declined()];
    const until = plusSeconds(GIVEN_TIME, 62);
    given(taskDecider, once).thenState((state) =>
      expect([taskDue(state, NOW), taskDue(state, until), decliners(state, NOW), decliners(state, until)]).toEqual([
        until,
        undefined,
        ['ann'],
        [],
      ]),
    );
    given(taskDecider, once)
      .when(placeBid({ agent: 'ann' }, plusSeconds(until, -1)))
      .thenRejected('award-declined', { until });
    given(taskDecider, once)
      .when(placeBid({ agent: 'ann' }, until))
      .then([bids('ann')]);
    let history: TaskEvent[] = [posted()];
    for (const [i, seconds] of [60, 120, 240, 480, 960, 1_920, 3_600, 3_600].entries()) {
      const claim = { agent: 'ann', award: i + 1 };
      history.push(awarded('ann', i + 1));
      const events = ask(claim)(after(history)) as TaskEvent[];
      expect(events).toMatchObject([{ type: 'AwardDeclined', data: { until: plusSeconds(NOW, seconds) } }]);
      history = [...history, ...events];
    }
  });

  onlyHolder(ask, [
    ['running', 'it was accepted', ask(CLAIM), 'already-accepted'],
    ['completed', 'it is over', ask(CLAIM), 'task-completed'],
    ['dead', 'it is over', ask(CLAIM), 'task-dead'],
  ]);
});

describe('progress', () => {
  const ask = (claim: typeof CLAIM) => progress(claim, 0.5, 'half', NOW);

  test('says how far it is, and moves the lease', () => {
    given(taskDecider, HISTORY.running)
      .when(ask(CLAIM))
      .then([progressedAt(NOW, 0.5, 'half')])
      .thenState(({ progress: shown, holder }) => {
        expect(shown).toEqual({ fraction: 0.5, note: 'half', at: NOW });
        expect(holder?.lease_from).toBe(NOW);
      });
    given(taskDecider, HISTORY.running)
      .when(ask(CLAIM))
      .then([progressedAt(NOW, 0.5, 'half')])
      .thenRepeatedNothing();
    given(taskDecider, [...HISTORY.running, progressed(0.5, 'half')])
      .when(progress(CLAIM, 0.5, undefined, NOW))
      .then([progressedAt(NOW, 0.5)]);
    given(taskDecider, [...HISTORY.running, progressed(0.5, 'half')])
      .when(progress(CLAIM, 0.6, 'half', NOW))
      .then([progressedAt(NOW, 0.6, 'half')]);
  });

  onlyHolder(ask, [
    ['awarded', 'it was not accepted', ask(CLAIM), 'not-accepted'],
    ['completed', 'it is over', ask(CLAIM), 'task-completed'],
    ['dead', 'it is over', ask(CLAIM), 'task-dead'],
  ]);
});

describe('what is late', () => {
  const before = plusSeconds(DEADLINE, -0.001);
  const urgent = posted({ deadline: DEADLINE });
  const held = [urgent, awarded('ann', 1, plusSeconds(DEADLINE, 60))];
  const running = [...held, accepted()];
  const asks: readonly (readonly [string, readonly TaskEvent[], (now: string) => Decision<TaskState, TaskEvent>])[] = [
    ['a bid', [urgent], (now) => placeBid({ agent: 'ann' }, now)],
    ['an acceptance', held, (now) => accept(CLAIM, now)],
    ['a decline', held, (now) => decline(CLAIM, 'busy', now)],
    ['progress', running, (now) => progress(CLAIM, 0.5, undefined, now)],
    ['a completion', running, (now) => complete(CLAIM, {}, now)],
    ['a failure', running, (now) => fail(CLAIM, 'broken', true, now)],
    ['a release', running, (now) => release(CLAIM, 'busy', now)],
    ['a hand-off', running, (now) => handOff(CLAIM, to('bob', 2), undefined, now)],
    [
      'a clearance',
      [
        posted({
          deadline: DEADLINE,
          oversight: { kind: 'k', why: 'w', confidence: 1, impact: 'low', risk: 0, features: {} },
        }),
      ],
      (now) => clear('acme/action/a', undefined, now),
    ],
  ];
  test.each(asks)('%s is taken until the deadline, though no timer has fired, and not at it', (_, history, ask) => {
    given(taskDecider, history).when(ask(DEADLINE)).thenRejected('task-expired', { status: 'expired' });
    expect((ask(before)(after(history)) as TaskEvent[]).length).toBeGreaterThan(0);
  });

  test('what lasts begins when it was decided, wherever the clock of the receipts stands', () => {
    const ahead = plusSeconds(NOW, 86_400);
    given(taskDecider, [posted(), awarded(), at({ at: ahead }, acceptedAt(NOW))]).thenState((state) =>
      expect(taskDue(state, NOW)).toBe(plusSeconds(NOW, 60)),
    );
    given(taskDecider, [posted(), awarded(), accepted(), at({ at: ahead }, progressedAt(NOW, 0.5))]).thenState(
      (state) => expect(taskDue(state, NOW)).toBe(plusSeconds(NOW, 60)),
    );
    given(taskDecider, [at({ at: ahead }, postedAt(NOW, { bid_seconds: 5 }))]).thenState(({ ready_at, posted_at }) =>
      expect([posted_at, ready_at]).toEqual([NOW, plusSeconds(NOW, 5)]),
    );
  });
});

describe('complete', () => {
  const ask = (claim: typeof CLAIM) => complete(claim, { result: { ok: true, n: 1 } }, NOW);

  test('by the holder', () => {
    given(taskDecider, HISTORY.running)
      .when(ask(CLAIM))
      .then([completed({ ok: true, n: 1 })])
      .thenState(({ status, holder, completion, finished_at }) => {
        expect([status, holder, finished_at]).toEqual(['completed', undefined, '2026-11-21T10:00:03.000Z']);
        expect(completion).toMatchObject({ ...CLAIM, result: { ok: true, n: 1 } });
      });
    given(taskDecider, HISTORY.running)
      .when(ask(CLAIM))
      .then([completed({ ok: true, n: 1 })])
      .thenRepeatedNothing();
    given(taskDecider, HISTORY.running)
      .when(complete(CLAIM, {}, NOW))
      .then([{ type: 'TaskCompleted', v: 1, data: CLAIM }])
      .thenRepeatedNothing();
    given(taskDecider, HISTORY.running)
      .when(complete(CLAIM, { result_ref: 'sha256:x' }, NOW))
      .then([{ type: 'TaskCompleted', v: 1, data: { ...CLAIM, result_ref: 'sha256:x' } }])
      .thenRepeatedNothing();
  });

  test('again with the same result, in whatever order its properties stand', () => {
    const history = [...HISTORY.running, completed({ n: 1, ok: true })];
    given(taskDecider, history).when(ask(CLAIM)).thenNothing();
    given(taskDecider, history)
      .when(complete(CLAIM, { result: { ok: true, n: 2 } }, NOW))
      .thenRejected('task-already-completed');
    given(taskDecider, history)
      .when(complete(CLAIM, {}, NOW))
      .thenRejected('task-already-completed');
    given(taskDecider, history)
      .when(complete(CLAIM, { result: { ok: true, n: 1 }, result_ref: 'sha256:x' }, NOW))
      .thenRejected('task-already-completed');
    given(taskDecider, history)
      .when(complete({ agent: 'ann', award: 2 }, { result: { ok: true, n: 1 } }, NOW))
      .thenRejected('task-completed');
  });

  test('the agent that it was handed to completes it, the one before can not', () => {
    const history = [...HISTORY.running, handedOff(), accepted({ agent: 'bob', award: 2 })];
    given(taskDecider, history).when(ask(OLD)).thenRejected('award-superseded', { award: 2 });
    given(taskDecider, history)
      .when(ask({ agent: 'bob', award: 2 }))
      .thenState(({ completion }) => completion?.agent === 'bob');
  });

  onlyHolder(ask, [
    ['awarded', 'it was not accepted', ask(CLAIM), 'not-accepted'],
    ['completed', 'by another', ask(OTHER), 'task-completed'],
    ['dead', 'it is over', ask(CLAIM), 'task-dead'],
    ['reopened', 'its attempt is over', ask(CLAIM), 'award-superseded'],
  ]);
});

describe('completeAtOnce', () => {
  const result = { ok: true, n: 1 };
  const ask = (claim: typeof CLAIM) => completeAtOnce(claim, { result }, NOW);

  test('accepts the award and completes it, in one decision', () => {
    given(taskDecider, HISTORY.awarded)
      .when(ask(CLAIM))
      .then([acceptedAt(NOW), completed(result)])
      .thenState(({ status, holder, completion }) => {
        expect([status, holder]).toEqual(['completed', undefined]);
        expect(completion).toMatchObject({ ...CLAIM, result });
      });
    given(taskDecider, HISTORY.awarded)
      .when(ask(CLAIM))
      .then([acceptedAt(NOW), completed(result)])
      .thenRepeatedNothing();
  });

  test('what was accepted before is completed, also when the time to accept is over', () => {
    given(taskDecider, HISTORY.running)
      .when(completeAtOnce(CLAIM, { result }, plusSeconds(NOW, 31)))
      .then([completed(result)]);
  });

  test('not when the time to accept is over, unless whoever decides was away', () => {
    const by = plusSeconds(NOW, 30);
    given(taskDecider, HISTORY.awarded)
      .when(completeAtOnce(CLAIM, { result }, by))
      .thenRejected('award-superseded', { award: 1 });
    given(taskDecider, HISTORY.awarded)
      .when(completeAtOnce(CLAIM, { result }, by, plusSeconds(by, 5)))
      .then([acceptedAt(by), completed(result)]);
  });

  test('not while a challenge holds the award', () => {
    const doubt = { round: 'r', by: 'cid', award: 1, holds: true, reason: 'why', until: plusSeconds(NOW, 60) };
    const challenged = challengeAward(doubt, NOW)(after(HISTORY.awarded)) as readonly TaskEvent[];
    expect(challenged).toMatchObject([{ type: 'AwardChallenged' }]);
    given(taskDecider, [...HISTORY.awarded, ...challenged])
      .when(ask(CLAIM))
      .thenRejected('award-challenged');
  });

  onlyHolder(ask, [
    ['completed', 'by another', ask(OTHER), 'task-completed'],
    ['dead', 'it is over', ask(CLAIM), 'task-dead'],
    ['reopened', 'its attempt is over', ask(CLAIM), 'award-superseded'],
  ]);
});

describe('fail', () => {
  const ask = (claim: typeof CLAIM) => fail(claim, 'broken', true, NOW);

  test('opens the task again, later', () => {
    given(taskDecider, HISTORY.running)
      .when(ask(CLAIM))
      .then([ended('failed', 'broken'), reopened(2, plusSeconds(NOW, 10))])
      .thenState(({ status, holder, attempts, ready_at, history }) => {
        expect([status, holder, attempts, ready_at]).toEqual(['open', undefined, 2, plusSeconds(NOW, 10)]);
        expect(history).toEqual([{ ...CLAIM, end: 'failed', reason: 'broken', at: '2026-11-21T10:00:03.000Z' }]);
      });
    given(taskDecider, HISTORY.running)
      .when(ask(CLAIM))
      .then([ended('failed', 'broken'), reopened(2, plusSeconds(NOW, 10))])
      .thenRepeatedNothing();
  });

  test('the bids, refusals and progress of the attempt are over with it', () => {
    const history = [
      posted(),
      bids('bob'),
      awarded('cid', 1),
      declined({ agent: 'cid', award: 1 }),
      awarded('ann', 2),
      accepted({ agent: 'ann', award: 2 }),
      progressed(0.5, 'x', { agent: 'ann', award: 2 }),
    ];
    given(taskDecider, history)
      .when(fail({ agent: 'ann', award: 2 }, 'broken', true, NOW))
      .thenState((state) => expect([state.bids, state.declined, state.progress]).toEqual([{}, {}, undefined]));
  });

  test.each([
    [1, 10],
    [2, 20],
    [3, 40],
    [4, 80],
    [5, 160],
    [6, 300],
    [20, 300],
  ])('after attempt %d it waits %d seconds', (attempts, seconds) => {
    given(taskDecider, [posted({ max_attempts: 50 }), reopened(attempts, NOW), awarded(), accepted()])
      .when(ask(CLAIM))
      .then([ended('failed', 'broken', attempts), reopened(attempts + 1, plusSeconds(NOW, seconds))]);
  });

  test('is a dead letter when the attempts are used up, or it can not be retried', () => {
    given(taskDecider, [posted(), reopened(3, NOW), awarded(), accepted()])
      .when(ask(CLAIM))
      .then([ended('failed', 'broken', 3), dead('3 attempts used up; the last: broken', 3)])
      .thenState(({ status, finished_at }) => status === 'dead' && finished_at === '2026-11-21T10:00:04.000Z');
    given(taskDecider, HISTORY.running)
      .when(fail(CLAIM, 'never', false, NOW))
      .then([ended('failed', 'never'), dead('never', 1)])
      .thenRepeatedNothing();
  });

  test('the latest twenty attempts are remembered', () => {
    const many = Array.from({ length: 25 }, (_, i) => ended('failed', `r${i}`, 1, { agent: 'ann', award: i + 1 }));
    given(taskDecider, [posted(), ...many]).thenState(({ history }) =>
      expect([history.length, history[0]?.reason, history.at(-1)?.reason]).toEqual([20, 'r5', 'r24']),
    );
  });

  onlyHolder(ask, [
    ['awarded', 'it was not accepted', ask(CLAIM), 'not-accepted'],
    ['completed', 'it is over', ask(CLAIM), 'task-completed'],
    ['reopened', 'the same again', ask(CLAIM), 'nothing'],
    ['dead', 'the same again', ask(CLAIM), 'nothing'],
    ['reopened', 'another', ask(OTHER), 'award-superseded'],
    ['dead', 'another', ask(OTHER), 'task-dead'],
  ]);
});

describe('release', () => {
  const ask = (claim: typeof CLAIM) => release(claim, 'no time', NOW);

  test('gives the task back, accepted or not', () => {
    const events = [ended('released', 'no time'), reopened(2, plusSeconds(NOW, 10))];
    given(taskDecider, HISTORY.running).when(ask(CLAIM)).then(events).thenRepeatedNothing();
    given(taskDecider, HISTORY.awarded)
      .when(ask(CLAIM))
      .then(events)
      .thenState(({ status }) => status === 'open');
    given(taskDecider, [posted({ max_attempts: 1 }), awarded()])
      .when(ask(CLAIM))
      .then([ended('released', 'no time'), dead('1 attempts used up; the last: no time', 1)]);
  });

  onlyHolder(ask, [
    ['completed', 'it is over', ask(CLAIM), 'task-completed'],
    ['dead', 'it is over', ask(CLAIM), 'task-dead'],
    ['reopened', 'it failed, which is something else', ask(CLAIM), 'award-superseded'],
  ]);
});

describe('handOff', () => {
  const ask = (claim: typeof CLAIM) => handOff(claim, to('cid', 2), 'yours', NOW);

  test('a new award, the same attempt', () => {
    given(taskDecider, [...HISTORY.running, progressed(0.5)])
      .when(handOff(CLAIM, to('bob', 2), 'yours', NOW))
      .then([handedOff()])
      .thenState(({ status, attempts, awards, holder, progress: shown }) => {
        expect([status, attempts, awards, shown]).toEqual(['awarded', 1, 2, undefined]);
        expect(holder).toEqual({
          agent: 'bob',
          award: 2,
          accept_by: plusSeconds(NOW, 30),
          receipt: 'acme/task/given@4',
          awarded_at: '2026-11-21T10:00:04.000Z',
        });
      });
    given(taskDecider, HISTORY.running)
      .when(handOff(CLAIM, to('bob', 2), 'yours', NOW))
      .then([handedOff()])
      .thenRepeatedNothing();
  });

  test('not to whoever declined in this attempt', () => {
    const history = [
      posted(),
      awarded('bob'),
      declined({ agent: 'bob', award: 1 }),
      awarded('ann', 2),
      accepted({ agent: 'ann', award: 2 }),
    ];
    given(taskDecider, history)
      .when(handOff({ agent: 'ann', award: 2 }, to('bob', 3), undefined, NOW))
      .thenRejected('award-declined');
  });

  test('to an agent that lends what is required, at the level of what is lent', () => {
    const helper = to('bob', 2, {});
    const lends = {
      ...helper,
      profile: { ...(helper.profile as AgentProfile), offer: { helps: ['screening'], min_strength: 0 } },
    };
    given(taskDecider, HISTORY.running)
      .when(handOff(CLAIM, lends, 'yours', NOW))
      .then([handedOff()]);
    given(taskDecider, [posted({ requires: [{ capability: 'screening', level: 0.6 }] }), awarded(), accepted()])
      .when(handOff(CLAIM, lends, 'yours', NOW))
      .thenRejected('requirement-not-met');
  });

  test('so often in one attempt, and in the next one anew', () => {
    const history = [...HISTORY.running];
    for (let number = 2; number < MAX_HAND_OFFS + 2; number += 1)
      history.push(handedOff('ann', number), accepted({ agent: 'ann', award: number }));
    const last = { agent: 'ann', award: MAX_HAND_OFFS + 1 };
    given(taskDecider, history.slice(0, -2)).thenState((state) => expect(state.hand_offs).toBe(MAX_HAND_OFFS - 1));
    given(taskDecider, history)
      .when(handOff(last, to('bob', last.award + 1), undefined, NOW))
      .thenRejected('too-many-hand-offs');
    given(taskDecider, [...history, ended('failed', 'x', 1, last), reopened(2, NOW)]).thenState((state) =>
      expect(state.hand_offs).toBe(0),
    );
  });

  onlyHolder(ask, [
    ['awarded', 'it was not accepted', ask(CLAIM), 'not-accepted'],
    ['running', 'a number that is not the next', handOff(CLAIM, to('bob', 3), undefined, NOW), 'award-superseded'],
    ['running', 'its own number', handOff(CLAIM, to('bob', 1), undefined, NOW), 'award-superseded'],
    ['running', 'itself', handOff(CLAIM, to('ann', 2), undefined, NOW), 'hand-off-to-itself'],
    [
      'running',
      'nobody that is registered',
      handOff(CLAIM, { ...to('bob', 2), profile: undefined }, undefined, NOW),
      'agent-not-active',
    ],
    [
      'running',
      'an agent that lacks what it requires',
      handOff(CLAIM, to('bob', 2, { other: 1 }), undefined, NOW),
      'requirement-not-met',
    ],
    [
      'running',
      'an agent that is not good enough',
      handOff(CLAIM, to('bob', 2, { screening: 0.49 }), undefined, NOW),
      'requirement-not-met',
    ],
    ['completed', 'it is over', ask(CLAIM), 'task-completed'],
    ['dead', 'it is over', ask(CLAIM), 'task-dead'],
  ]);
});
