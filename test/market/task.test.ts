import fc from 'fast-check';
import { type Decision, Rejection } from '../../domain/kernel/decider';
import { plusSeconds } from '../../domain/kernel/time';
import type { AgentProfile } from '../../domain/market/agent';
import { type BidInputs, DEFAULT_WEIGHTS, rank, TIE_BREAK } from '../../domain/market/market';
import {
  accept,
  type AttemptEnd,
  award,
  type AwardRequest,
  cancel,
  clear,
  complete,
  decline,
  decliners,
  editProblem,
  fail,
  freedSlot,
  giveBack,
  handOff,
  isAlive,
  MAX_HAND_OFFS,
  type Peer,
  placeBid,
  post,
  progress,
  redrive,
  release,
  strengthOf,
  taskDecider,
  taskDue,
  type TaskEvent,
  type TaskSpec,
  type TaskState,
  timePassed,
  voidAward,
  withdrawBid,
} from '../../domain/market/task';
import { at, given, GIVEN_TIME } from '../support/given';

const spec: TaskSpec = {
  task_type: 'screen',
  priority: 0.8,
  urgency: 0.5,
  requires: [{ capability: 'screening', level: 0.5 }],
  requester: 'poster',
  bid_seconds: 0,
  accept_seconds: 30,
  lease_seconds: 60,
  max_attempts: 3,
  retry_seconds: 10,
};
const NOW = '2026-11-21T10:01:00.000Z';
const CLAIM = { agent: 'ann', award: 1 };
const OTHER = { agent: 'bob', award: 1 };
const OLD = { agent: 'ann', award: 1 };

// -------------------------------------------------------------------------------------------------------- events

const posted = (changes: Partial<TaskSpec> = {}): TaskEvent => ({
  type: 'TaskPosted',
  v: 1,
  data: { spec: { ...spec, ...changes } },
});
/** The same as of now: the receipt says when the decision was made. */
const postedAt = (posted_at: string, changes: Partial<TaskSpec> = {}): TaskEvent => ({
  type: 'TaskPosted',
  v: 1,
  data: { spec: { ...spec, ...changes }, posted_at },
});
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
const bids = (agent: string): TaskEvent => ({ type: 'BidPlaced', v: 1, data: { agent } });
const withdrew = (agent: string): TaskEvent => ({ type: 'BidWithdrawn', v: 1, data: { agent } });
const awarded = (agent = 'ann', number = 1, accept_by = plusSeconds(NOW, 30)): TaskEvent => ({
  type: 'TaskAwarded',
  v: 1,
  data: { award: number, attempt: 1, agent, score: 0.9, accept_by, reservation: `acme/agent/${agent}@1` },
});
const accepted = (claim = CLAIM): TaskEvent => ({ type: 'TaskAccepted', v: 1, data: { ...claim, lease_seconds: 60 } });
const declined = (claim = CLAIM): TaskEvent => ({ type: 'AwardDeclined', v: 1, data: { ...claim, reason: 'busy' } });
const progressed = (fraction: number, note?: string, claim = CLAIM): TaskEvent => ({
  type: 'TaskProgressed',
  v: 1,
  data: { ...claim, fraction, note },
});
const completed = (result: unknown = { ok: true }, claim = CLAIM): TaskEvent => ({
  type: 'TaskCompleted',
  v: 1,
  data: { ...claim, result },
});
const ended = (end: AttemptEnd, reason: string, attempt = 1, claim = CLAIM): TaskEvent => ({
  type: 'AttemptEnded',
  v: 1,
  data: { ...claim, attempt, end, reason },
});
const reopened = (attempt: number, not_before: string): TaskEvent => ({
  type: 'TaskReopened',
  v: 1,
  data: { attempt, not_before },
});
const dead = (reason: string, attempts = 3): TaskEvent => ({
  type: 'TaskDeadLettered',
  v: 1,
  data: { reason, attempts },
});
const redriven: TaskEvent = { type: 'TaskRedriven', v: 1, data: { by: 'eve' } };
const cancelled = (holder?: typeof CLAIM): TaskEvent => ({
  type: 'TaskCancelled',
  v: 1,
  data: { by: 'eve', reason: 'no need', ...holder },
});
const DEADLINE = '2026-11-21T11:00:00.000Z';
const voided = (reserved = CLAIM): TaskEvent => ({ type: 'AwardVoided', v: 1, data: reserved });
const passed = (holder?: typeof CLAIM): TaskEvent => ({
  type: 'DeadlinePassed',
  v: 1,
  data: { deadline: DEADLINE, ...holder },
});
const handedOff = (to = 'bob', number = 2): TaskEvent => ({
  type: 'TaskHandedOff',
  v: 1,
  data: {
    from: 'ann',
    from_award: 1,
    award: number,
    agent: to,
    accept_by: plusSeconds(NOW, 30),
    reservation: `acme/agent/${to}@1`,
    note: 'yours',
  },
});

const to = (agent: string, number: number, capabilities: Record<string, number> = { screening: 0.5 }): Peer => ({
  agent,
  profile: { agent_type: 'worker', pool: 'workers', capabilities, capacity: 1, presence_seconds: 60, offer: null },
  award: number,
  receipt: `acme/agent/${agent}@1`,
});

// ----------------------------------------------------------------------------------------------------- histories

/** One history for each thing that can have become of a task. */
const HISTORY = {
  unknown: [],
  open: [posted()],
  awarded: [posted(), awarded()],
  running: [posted(), awarded(), accepted()],
  completed: [posted(), awarded(), accepted(), completed()],
  cancelled: [posted(), cancelled()],
  expired: [posted({ deadline: DEADLINE }), passed()],
  dead: [posted(), awarded(), accepted(), ended('failed', 'broken'), dead('broken', 1)],
  /** Its first attempt failed. */
  reopened: [posted(), awarded(), accepted(), ended('failed', 'broken'), reopened(2, NOW)],
  /** Ann had it, Bob has it now. */
  superseded: [
    posted(),
    awarded(),
    accepted(),
    ended('expired', 'silent'),
    reopened(2, NOW),
    awarded('bob', 2),
    accepted({ agent: 'bob', award: 2 }),
  ],
} satisfies Record<string, readonly TaskEvent[]>;

type What = keyof typeof HISTORY;

const after = (events: readonly TaskEvent[]): TaskState => {
  let state = taskDecider.initial;
  given(taskDecider, events).thenState((folded) => void (state = folded));
  return state;
};

/**
 * A line of a table: what became of the task, what is asked of it, and the answer: nothing, or the code of a refusal.
 */
type Line = readonly [What, string, Decision<TaskState, TaskEvent>, 'nothing' | (string & {})];

function lines(table: readonly Line[]): void {
  test.each(table)('%s: %s', (what, _, decision, answer) => {
    const when = given(taskDecider, HISTORY[what]).when(decision);
    if (answer === 'nothing') when.thenNothing();
    else when.thenRejected(answer);
  });
}

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

// ------------------------------------------------------------------------------------------------------ decisions

describe('post', () => {
  test('a task', () => {
    given(taskDecider, [])
      .when(post(spec, GIVEN_TIME))
      .then([postedAt(GIVEN_TIME)])
      .thenState((state) =>
        expect(state).toEqual({
          ...taskDecider.initial,
          status: 'open',
          spec,
          posted_at: GIVEN_TIME,
          correlation_id: 'given',
          ready_at: GIVEN_TIME,
          offered_at: GIVEN_TIME,
          open_since: GIVEN_TIME,
          cleared: true,
        }),
      );
    given(taskDecider, [])
      .when(post({ ...spec, bid_seconds: 5 }, GIVEN_TIME))
      .thenState(({ ready_at }) => ready_at === plusSeconds(GIVEN_TIME, 5));
  });

  test('with a deadline that is still to come', () => {
    given(taskDecider, [])
      .when(post({ ...spec, deadline: NOW }, NOW))
      .thenRejected('deadline-passed');
    given(taskDecider, [])
      .when(post({ ...spec, deadline: NOW }, plusSeconds(NOW, -0.001)))
      .then([postedAt(plusSeconds(NOW, -0.001), { deadline: NOW })]);
  });

  lines(
    (['open', 'awarded', 'running', 'completed', 'cancelled', 'expired', 'dead'] as const).map((what) => [
      what,
      'an id is used once',
      post({ ...spec, deadline: GIVEN_TIME }, NOW),
      'task-exists',
    ]),
  );
});

describe('clear', () => {
  const oversight = {
    kind: 'order',
    why: 'stock is low',
    confidence: 0.9,
    impact: 'low',
    risk: 0.1,
    features: {},
  } as const;
  const held = { location: 'hall', payload: { item: 'bolts', amount: 40 }, oversight } satisfies Partial<TaskSpec>;
  const { requester: _, ...shown } = { ...spec, location: held.location, payload: held.payload };
  const cleared = (data: object): TaskEvent => ({
    type: 'TaskCleared',
    v: 1,
    data: { action: 'acme/action/a', ...data },
  });
  const by = { by: 'human:ada', why: 'fewer will do' };

  test('as it was posted, nothing is corrected', () => {
    given(taskDecider, [posted(held)])
      .when(clear('acme/action/a', undefined, NOW))
      .then([cleared({ cleared_at: NOW })]);
  });

  test('what a person changed is recorded, what stood there before, and why; nothing else', () => {
    const payload = { item: 'bolts', amount: 10 };
    const event = cleared({
      cleared_at: NOW,
      correction: { priority: 0.9, effort: 5, payload },
      instead_of: { priority: 0.8, payload: held.payload },
      ...by,
    });
    given(taskDecider, [posted(held)])
      .when(clear('acme/action/a', { task: { ...shown, priority: 0.9, effort: 5, payload }, ...by }, NOW))
      .then([event]);
    given(taskDecider, [posted(held), event]).thenState((state) =>
      expect(state).toMatchObject({ status: 'open', spec: { ...spec, ...held, priority: 0.9, effort: 5, payload } }),
    );
  });

  test('the same values in another order are no change', () => {
    const payload = { amount: 40, item: 'bolts' };
    given(taskDecider, [posted(held)])
      .when(clear('acme/action/a', { task: { ...shown, urgency: 0.6, payload }, ...by }, NOW))
      .then([cleared({ cleared_at: NOW, correction: { urgency: 0.6 }, instead_of: { urgency: 0.5 }, ...by })]);
  });

  test('what a person removed is gone', () => {
    const { location, ...task } = shown;
    const event = cleared({ cleared_at: NOW, correction: {}, instead_of: { location }, ...by });
    given(taskDecider, [posted(held)])
      .when(clear('acme/action/a', { task, ...by }, NOW))
      .then([event]);
    given(taskDecider, [posted(held), event]).thenState((state) =>
      expect(state.spec).toEqual({ ...spec, payload: held.payload, oversight }),
    );
  });

  test('a receipt from before told all fields, and no reason', () => {
    const { priority, urgency, location, payload } = shown;
    given(taskDecider, [posted(held), cleared({ correction: { priority, urgency, location, payload } })]).thenState(
      (state) => expect(state.spec).toEqual({ ...spec, ...held }),
    );
  });

  test.each([
    [{ task_type: 'other' }, /task_type of a task can't be edited/],
    [{ requester: 'ada' }, /requester of a task can't be edited/],
    [{ priority: undefined }, /priority and urgency/],
    [{ priority: '0.5' }, /priority and urgency/],
    [{ urgency: 1.1 }, /priority and urgency/],
    [{ effort: 0 }, /effort/],
    [{ effort: 1e9 }, /effort/],
    [{ location: '../hall' }, /location/],
    [{ location: 7 }, /location/],
    [{ payload_ref: 'sha256:1' }, /payload_ref/],
    [
      { priority: 1, effort: 0.5, location: 'hall/2', payload: null, payload_ref: `sha256:${'0'.repeat(64)}` },
      undefined,
    ],
    [{ location: undefined }, undefined],
  ])('edited so: %j', (changes, problem) => {
    const said = editProblem(shown, JSON.parse(JSON.stringify({ ...shown, ...changes })));
    if (problem === undefined) expect(said).toBeUndefined();
    else expect(said).toMatch(problem);
  });

  test.each([null, 'a task', 7, [shown]])('%j is no task', (edited) => {
    expect(editProblem(shown, edited)).toMatch(/must be an object/);
  });
});

describe('placeBid', () => {
  test('once an agent and attempt', () => {
    given(taskDecider, [posted()])
      .when(placeBid({ agent: 'ann', note: 'soon' }, NOW))
      .then([{ type: 'BidPlaced', v: 1, data: { agent: 'ann', note: 'soon' } }])
      .thenState((state) => expect(state.bids).toEqual({ ann: { at: '2026-11-21T10:00:01.000Z', note: 'soon' } }));
    given(taskDecider, [posted()])
      .when(placeBid({ agent: 'ann' }, NOW))
      .then([bids('ann')])
      .thenRepeatedNothing();
    given(taskDecider, [posted(), bids('ann')])
      .when(placeBid({ agent: 'bob' }, NOW))
      .then([bids('bob')]);
    given(taskDecider, [posted()])
      .when(placeBid({ agent: 'constructor' }, NOW))
      .then([bids('constructor')]);
    given(taskDecider, [posted(), bids('ann'), withdrew('ann')])
      .when(placeBid({ agent: 'ann' }, NOW))
      .then([bids('ann')]);
    given(taskDecider, [posted(), bids('ann'), awarded(), ended('lapsed', 'x'), reopened(2, NOW)])
      .when(placeBid({ agent: 'ann' }, NOW))
      .then([bids('ann')]);
  });

  test('not after it declined, until the next attempt', () => {
    const history = [posted(), awarded(), declined()];
    given(taskDecider, history)
      .when(placeBid({ agent: 'ann' }, NOW))
      .thenRejected('award-declined');
    given(taskDecider, history)
      .when(placeBid({ agent: 'bob' }, NOW))
      .then([bids('bob')]);
    given(taskDecider, [
      ...history,
      awarded('bob', 2),
      ended('lapsed', 'x', 1, { agent: 'bob', award: 2 }),
      reopened(2, NOW),
    ])
      .when(placeBid({ agent: 'ann' }, NOW))
      .then([bids('ann')]);
  });

  lines([
    ['unknown', 'there is nothing to bid for', placeBid({ agent: 'ann' }, NOW), 'task-not-found'],
    ...(['awarded', 'running', 'completed', 'cancelled', 'expired', 'dead'] as const).map((what): Line => [
      what,
      'bids are closed',
      placeBid({ agent: 'bob' }, NOW),
      'bids-closed',
    ]),
  ]);
});

describe('withdrawBid', () => {
  test('while the task is open', () => {
    given(taskDecider, [posted(), bids('ann'), bids('bob')])
      .when(withdrawBid('ann', NOW))
      .then([withdrew('ann')])
      .thenState((state) => expect(Object.keys(state.bids)).toEqual(['bob']));
    given(taskDecider, [posted(), bids('ann')])
      .when(withdrawBid('ann', NOW))
      .then([withdrew('ann')])
      .thenRepeatedNothing();
    given(taskDecider, [posted(), bids('ann'), awarded()])
      .when(withdrawBid('ann', NOW))
      .thenNothing();
    given(taskDecider, [posted()]).when(withdrawBid('constructor', NOW)).thenNothing();
  });

  lines([
    ['unknown', 'there is no such task', withdrawBid('ann', NOW), 'task-not-found'],
    ['open', 'it has not bid', withdrawBid('ann', NOW), 'nothing'],
    ['completed', 'it has not bid', withdrawBid('ann', NOW), 'nothing'],
  ]);
});

const bid = (agent: string, load = 0): BidInputs => ({ agent, source: 'offer', match: 1, load, wins: 0, tries: 0 });
const ranked = (...bids: BidInputs[]) => rank('given', bids, 0.4, DEFAULT_WEIGHTS);
const asking = (changes: Partial<AwardRequest> = {}): AwardRequest => ({
  candidates: ranked(bid('bob', 0.5), bid('ann')),
  weights: DEFAULT_WEIGHTS,
  refused: [],
  reserved: { agent: 'ann', award: 1, receipt: 'acme/agent/ann@1' },
  strength: 0.4,
  now: NOW,
  ...changes,
});

describe('award', () => {
  const candidates = ranked(bid('ann'), bid('bob', 0.5));

  test('to the best bidder, in one commit that says why', () => {
    given(taskDecider, [posted()])
      .when(award(asking()))
      .then([
        {
          type: 'BidsClosed',
          v: 1,
          data: { attempt: 1, strength: 0.4, weights: DEFAULT_WEIGHTS, tie_break: TIE_BREAK, candidates, refused: [] },
        },
        {
          type: 'TaskAwarded',
          v: 1,
          data: {
            award: 1,
            attempt: 1,
            agent: 'ann',
            score: 0.84,
            accept_by: plusSeconds(NOW, 30),
            reservation: 'acme/agent/ann@1',
          },
        },
      ])
      .thenState(({ status, awards, holder }) => {
        expect([status, awards]).toEqual(['awarded', 1]);
        expect(holder).toEqual({
          agent: 'ann',
          award: 1,
          accept_by: plusSeconds(NOW, 30),
          receipt: 'acme/task/given@1',
          awarded_at: '2026-11-21T10:00:01.000Z',
        });
      });
    expect(candidates.map(({ agent }) => agent)).toEqual(['ann', 'bob']);
  });

  test('to the next one when the best had no slot any more', () => {
    const refused = [{ agent: 'ann', reason: 'capacity-full' }];
    given(taskDecider, [posted()])
      .when(award(asking({ refused, reserved: { agent: 'bob', award: 1, receipt: 'r' } })))
      .thenState(({ holder }) => holder?.agent === 'bob');
    given(taskDecider, [posted()])
      .when(award(asking({ refused, reserved: { agent: 'ann', award: 1, receipt: 'r' } })))
      .thenRejected('not-the-best-bid');
    given(taskDecider, [posted()])
      .when(award(asking({ reserved: { agent: 'bob', award: 1, receipt: 'r' } })))
      .thenRejected('not-the-best-bid');
    given(taskDecider, [posted()])
      .when(award(asking({ candidates: [] })))
      .thenRejected('not-the-best-bid');
  });

  test('the second attempt has the next number', () => {
    const request = asking({ reserved: { agent: 'ann', award: 2, receipt: 'r' }, now: NOW });
    given(taskDecider, HISTORY.reopened)
      .when(award(request))
      .thenState(({ awards, attempts, holder }) => awards === 2 && attempts === 2 && holder?.award === 2);
    given(taskDecider, HISTORY.reopened)
      .when(award({ ...request, now: plusSeconds(NOW, -1) }))
      .thenRejected('bids-open');
    given(taskDecider, HISTORY.reopened).when(award(asking())).thenRejected('award-superseded');
    given(taskDecider, HISTORY.reopened)
      .when(award(asking({ reserved: { agent: 'ann', award: 3, receipt: 'r' } })))
      .thenRejected('award-superseded');
  });

  test('not before the bid window closes', () => {
    given(taskDecider, [posted({ bid_seconds: 60 })])
      .when(award(asking({ now: plusSeconds(GIVEN_TIME, 59.999) })))
      .thenRejected('bids-open');
    given(taskDecider, [posted({ bid_seconds: 60 })])
      .when(award(asking({ now: plusSeconds(GIVEN_TIME, 60) })))
      .thenState(({ status }) => status === 'awarded');
  });

  test('not to whoever declined, for a while', () => {
    const again = asking({ reserved: { agent: 'ann', award: 2, receipt: 'r' } });
    given(taskDecider, [posted(), awarded(), declined()]).when(award(again)).thenRejected('award-declined');
    given(taskDecider, [posted(), awarded(), declined()])
      .when(award({ ...again, now: plusSeconds(GIVEN_TIME, 62) }))
      .thenState(({ holder }) => expect(holder).toMatchObject({ agent: 'ann', award: 2 }));
  });

  lines([
    ['unknown', 'there is no such task', award(asking()), 'task-not-found'],
    ['awarded', 'the same award again', award(asking()), 'nothing'],
    ['running', 'the same award again', award(asking()), 'nothing'],
    [
      'awarded',
      'the same number for another',
      award(asking({ candidates: ranked(bid('bob')), reserved: { agent: 'bob', award: 1, receipt: 'r' } })),
      'task-not-open',
    ],
    [
      'awarded',
      'another award',
      award(asking({ reserved: { agent: 'ann', award: 2, receipt: 'r' } })),
      'task-not-open',
    ],
    ...(['completed', 'cancelled', 'expired', 'dead'] as const).map((what): Line => [
      what,
      'it is over',
      award(asking()),
      'task-not-open',
    ]),
  ]);
});

describe('voidAward', () => {
  const next = { agent: 'bob', award: 2 };

  test('no award gets the number any more, and whoever holds the task goes on', () => {
    given(taskDecider, [posted()]).when(voidAward(CLAIM)).then([voided()]).thenRepeatedNothing();
    given(taskDecider, [posted(), voided()]).when(award(asking())).thenRejected('award-superseded');
    given(taskDecider, [posted(), voided()])
      .when(award(asking({ reserved: { agent: 'ann', award: 2, receipt: 'r' } })))
      .thenState(({ awards, holder }) => awards === 2 && holder?.award === 2);
    given(taskDecider, [...HISTORY.running, voided(next)])
      .when(handOff(CLAIM, to('bob', 2), undefined, NOW))
      .thenRejected('award-superseded');
    given(taskDecider, [...HISTORY.running, voided(next)])
      .when(handOff(CLAIM, to('bob', 3), undefined, NOW))
      .thenState(({ awards }) => awards === 3);
    given(taskDecider, [...HISTORY.running, voided(next)])
      .when(complete(CLAIM, {}, NOW))
      .thenState(({ status }) => status === 'completed');
  });

  lines([
    ['awarded', 'the number is used', voidAward(CLAIM), 'nothing'],
    ['completed', 'it is over for good', voidAward(next), 'nothing'],
    ['cancelled', 'it is over for good', voidAward(next), 'nothing'],
    ['unknown', 'there is no such task', voidAward(CLAIM), 'nothing'],
  ]);

  test('what may come back has its number voided too', () => {
    for (const what of ['dead', 'expired'] as const)
      given(taskDecider, HISTORY[what])
        .when(voidAward(next))
        .then([voided(next)])
        .thenState(({ status }) => status === what);
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

// ----------------------------------------------------------------------------------------------------- invariants

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
