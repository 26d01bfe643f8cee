/** Tasks that are posted ahead of their time: nobody is told of one, or gets it, before then. */
import fc from 'fast-check';
import type { RequestContext } from '../../app/engine/command';
import { Rejection } from '../../domain/kernel/decider';
import { plusSeconds, type Time, toMillis } from '../../domain/kernel/time';
import { DEFAULT_WEIGHTS, rank } from '../../domain/market/market';
import {
  award,
  changedAt,
  clear,
  delayedUntil,
  MAX_DELAY,
  placeBid,
  post,
  pullTerms,
  strengthOf,
  taskDecider,
  taskDue,
  type TaskSpec,
  type TaskState,
} from '../../domain/market/task';
import { given, GIVEN_TIME } from '../support/given';
import { as, later, profile, TENANT } from '../support/stage';
import { enter, post as posts, stage, stateOf, wait } from './holders';
import { spec } from './task-life';

const AT = GIVEN_TIME;
const SOON = plusSeconds(AT, 60);

describe('what is posted', () => {
  test.each<[string, Partial<TaskSpec>, string | undefined]>([
    ['as far ahead as may be', { not_before: plusSeconds(AT, MAX_DELAY) }, undefined],
    ['further', { not_before: plusSeconds(AT, MAX_DELAY + 0.001) }, 'not-before-too-far'],
    ['with a deadline after it', { not_before: SOON, deadline: plusSeconds(SOON, 0.001) }, undefined],
    ['with a deadline that is over then', { not_before: SOON, deadline: SOON }, 'deadline-before-start'],
    ['for a time that has passed', { not_before: plusSeconds(AT, -60), deadline: SOON }, undefined],
  ])('%s', (_, changes, code) => {
    const when = given(taskDecider, []).when(post({ ...spec, ...changes }, AT));
    if (code === undefined) when.thenState(({ status }) => status === 'open');
    else when.thenRejected(code);
  });

  test('waits since its time, not since it was posted', () => {
    given(taskDecider, [])
      .when(post({ ...spec, not_before: SOON, bid_seconds: 5 }, AT))
      .thenState((state) =>
        expect({ ...state, changed_at: changedAt(state) }).toMatchObject({
          offered_at: SOON,
          open_since: SOON,
          ready_at: plusSeconds(SOON, 5),
          // It is as it is since it was posted: nothing changes in a time that is to come.
          changed_at: AT,
        }),
      );
    given(taskDecider, [])
      .when(post({ ...spec, not_before: plusSeconds(AT, -60) }, AT))
      .thenState((state) => expect(state).toMatchObject({ offered_at: AT, open_since: AT, ready_at: AT }));
  });
});

test('its urgency rises from its time on, not since it was posted', () => {
  const far = plusSeconds(AT, 86_400);
  given(taskDecider, [])
    .when(post({ ...spec, not_before: far, deadline: undefined }, AT))
    .thenState((state) => {
      const now = { ...state, spec: { ...(state.spec as TaskSpec), not_before: undefined }, posted_at: far };
      for (const after of [0, 3_600])
        expect(strengthOf(state, plusSeconds(far, after))).toBe(strengthOf(now, plusSeconds(far, after)));
      expect(pullTerms(state)).toMatchObject({ posted: toMillis(far), end: pullTerms(now).end });
    });
});

const WON = {
  candidates: rank('t', [{ agent: 'ann', source: 'offer', match: 1, load: 0, wins: 0, tries: 0 }], 1, DEFAULT_WEIGHTS),
  weights: DEFAULT_WEIGHTS,
  refused: [],
  reserved: { agent: 'ann', award: 1, receipt: 'acme/agent/ann@1' },
  strength: 1,
};

function folded(state: TaskState, decision: ReturnType<typeof post>, at: Time): TaskState {
  const events = decision(state);
  if (events instanceof Rejection) throw new Error(events.message);
  const place = { stream: 'acme/task/t', index: 0, at, correlationId: 'c' };
  return events.reduce((next, event) => taskDecider.evolve(next, event, place), state);
}

test('whenever it is posted, cleared and looked at: no bid before its time, no award before its bids are closed', () => {
  const millis = fc.integer({ min: 0, max: 100 });
  fc.assert(
    fc.property(millis, millis, millis, fc.boolean(), millis, (delay, bidding, clearing, isGated, seen) => {
      const after = (milliseconds: number) => plusSeconds(AT, milliseconds / 1_000);
      const gate = { kind: 'k', why: 'w', confidence: 1, impact: 'low', risk: 0, features: {} } as const;
      const not_before = after(delay);
      const terms = { ...spec, not_before, bid_seconds: bidding / 1_000, ...(isGated && { oversight: gate }) };
      let state = folded(taskDecider.initial, post(terms, AT), AT);
      if (isGated) state = folded(state, clear('acme/action/a', undefined, after(clearing)), after(clearing));
      const begins = isGated ? Math.max(delay, clearing) : delay;
      const now = after(seen);
      expect(delayedUntil(state, now)).toBe(seen < delay ? not_before : undefined);
      const bid = placeBid({ agent: 'ann' }, now)(state);
      expect(bid instanceof Rejection ? bid.code : 'taken').toBe(seen < delay ? 'task-delayed' : 'taken');
      const won = award({ ...WON, now })(state);
      expect(won instanceof Rejection ? won.code : 'awarded').toBe(seen < begins + bidding ? 'bids-open' : 'awarded');
      // Whoever looks when it says so comes to the time at which it can be awarded, and no look is left after that.
      const looks: Time[] = [];
      for (let due = taskDue(state, after(-1)); due !== undefined && looks.length < 5; due = taskDue(state, due))
        looks.push(due);
      expect(looks.at(-1)).toBe(after(begins + bidding));
    }),
  );
});

describe('in a colony', () => {
  const ada: RequestContext = { principal: { tenant: TENANT, id: 'human:ada', kind: 'human', level: 'critical' } };
  const bidder = profile({ offer: null, presence_seconds: 1e9 });
  const offersTo = async (id: string, offersAfter?: string, waitSeconds = 0) => {
    const found = await stage.colony.agents.inbox(as(id), id, { waitSeconds, offersAfter });
    if (found instanceof Rejection) throw new Error(found.code);
    return {
      tasks: found.items.flatMap((item) => (item.kind === 'offer' ? [item.task] : [])),
      after: found.offers_after,
    };
  };

  test('who waits for offers is told when its time has come, and can bid then', async () => {
    await stage.colony.agents.register(as('ann'), 'ann', bidder);
    await stage.settled();
    await posts('t', { not_before: later(stage.now, 10), bid_seconds: 5 });
    const { tasks, after } = await offersTo('ann');
    expect(tasks).toEqual([]);
    expect(await stage.colony.tasks.bid(as('ann'), 't', { agent: 'ann' })).toMatchObject({
      ok: false,
      rejection: { code: 'task-delayed' },
    });
    const waiting = offersTo('ann', after, 20);
    wait(10);
    await stage.fire();
    expect((await waiting).tasks).toEqual(['t']);
    expect(await stage.colony.tasks.bid(as('ann'), 't', { agent: 'ann' })).toMatchObject({ ok: true });
    await stage.fire();
    expect(stateOf('t').status).toBe('open');
    wait(5);
    await stage.fire();
    expect(stateOf('t').holder?.agent).toBe('ann');
  });

  test('another process tells it, too', async () => {
    await stage.colony.agents.register(as('ann'), 'ann', bidder);
    const other = await stage.start();
    await posts('t', { not_before: later(stage.now, 10), bid_seconds: 5 });
    await stage.settled();
    const { after } = await offersTo('ann');
    wait(10);
    await other.colony.deadlines.fire();
    expect((await offersTo('ann', after)).tasks).toEqual(['t']);
  });

  test('a clock that goes back and forth, and a stop, make it late, and never early', async () => {
    await enter('ann', { presence_seconds: 1e9 });
    await posts('t', { not_before: later(stage.now, 100), accept_seconds: 3_600 });
    const due = stateOf('t').spec?.not_before as string;
    await stage.pass(50);
    wait(-3_600);
    await stage.pass(3_640, undefined, 60);
    expect([stateOf('t').status, stage.now < due]).toEqual(['open', true]);
    expect(await stage.colony.stops.stop(ada, { kind: 'task', name: 't' }, 'freeze', 'wait')).toMatchObject({
      ok: true,
    });
    await stage.pass(60);
    expect([stateOf('t').status, stage.now > due]).toEqual(['open', true]);
    expect(await stage.colony.stops.lift(ada, { kind: 'task', name: 't' }, 'go on')).toMatchObject({ ok: true });
    await stage.pass(60);
    expect(stateOf('t').holder?.agent).toBe('ann');
  });

  test('what is not offered yet has waited for nothing, and lists say until when', async () => {
    await posts('t', { not_before: later(stage.now, 100) });
    await posts('u', {});
    const waiting = async () => (await stage.colony.whyNots.waiting(TENANT, {}, 10)).docs;
    wait(30);
    expect((await waiting()).map(({ id, waited_seconds, why }) => [id, waited_seconds, why?.code])).toEqual([
      ['u', 30, 'no-agent'],
      ['t', 0, 'delayed'],
    ]);
  });
});
