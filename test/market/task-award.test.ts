/** A task until it is awarded: posted, cleared, bid for. */
import { plusSeconds } from '../../domain/kernel/time';
import { type BidInputs, DEFAULT_WEIGHTS, rank, TIE_BREAK } from '../../domain/market/market';
import {
  award,
  type AwardRequest,
  clear,
  complete,
  editProblem,
  handOff,
  placeBid,
  post,
  taskDecider,
  type TaskEvent,
  type TaskSpec,
  voidAward,
  withdrawBid,
} from '../../domain/market/task';
import { given, GIVEN_TIME } from '../support/given';
import {
  awarded,
  bids,
  CLAIM,
  declined,
  ended,
  HISTORY,
  type Line,
  lines,
  NOW,
  posted,
  postedAt,
  reopened,
  spec,
  to,
  voided,
  withdrew,
} from './task-life';

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
