/**
 * Who is judged when this process was away, and who is not; what a sign of life is. Over real stores, by a clock of the
 * test.
 */
import { Watchdog } from '../../app/engine/watchdog';
import type { AgentBook } from '../../app/market/agent-book';
import { LossDoubt } from '../../app/market/loss-doubt';
import { Rejection } from '../../domain/kernel/decider';
import { toMillis, toTime } from '../../domain/kernel/time';
import { agentDecider } from '../../domain/market/agent';
import { taskDecider } from '../../domain/market/task';
import { agentOf, as, later, profile, spec, Stage, taskOf, types } from '../support/stage';

const LIMIT = 4;

let stage: Stage;
beforeEach(async () => {
  stage = new Stage();
  const { colony } = await stage.start();
  await colony.balance.stop();
  await stage.settled();
});
afterEach(() => stage.end());

const agent = (id: string) => stage.fold(agentDecider, agentOf(id)).state;
const task = (id: string) => stage.fold(taskDecider, taskOf(id)).state;
const wait = (seconds: number) => void (stage.clock.time += seconds * 1_000);

/** The process stands still for so long, as SIGSTOP, a closed lid or a long collection would have it. */
function pause(seconds: number): void {
  const from = stage.clock.time;
  wait(seconds);
  stage.colony.watchdog.wasAway(from, stage.clock.time);
}

async function enter(id: string, changes: Parameters<typeof profile>[0] = {}): Promise<void> {
  expect((await stage.colony.agents.register(as(id), id, profile({ presence_seconds: LIMIT, ...changes }))).ok).toBe(
    true,
  );
  await stage.settled();
}

async function post(id: string, changes: Parameters<typeof spec>[0] = {}): Promise<void> {
  expect((await stage.colony.tasks.post(as('poster'), id, spec(changes))).ok).toBe(true);
  await stage.settled();
}

const CLAIM = { agent: 'ann', award: 1 };

describe('a process that was away', () => {
  test('takes nothing from agents that live: they are heard first', async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `agent-${n}`);
    for (const id of ids) await enter(id);
    await post('t', { lease_seconds: LIMIT });
    const { holder } = task('t');
    const claim = { agent: holder?.agent as string, award: 1 };
    await stage.colony.tasks.accept(as(claim.agent), 't', claim);
    await stage.settled();
    pause(6);
    await stage.fire();
    expect(ids.filter((id) => agent(id).status !== 'active')).toEqual([]);
    expect(task('t').status).toBe('running');
    for (let second = 0; second < 10; second += 1) {
      wait(1);
      for (const id of ids)
        await stage.colony.agents.heartbeat(as(id), id, id === claim.agent ? [{ task: 't', award: 1 }] : []);
      await stage.fire();
    }
    expect(ids.filter((id) => agent(id).status !== 'active')).toEqual([]);
    expect(task('t').status).toBe('running');
  });

  test('finds those that are gone one limit later', async () => {
    await enter('ann');
    pause(6);
    wait(LIMIT - 1);
    await stage.fire();
    expect(agent('ann').status).toBe('active');
    wait(1);
    await stage.fire();
    expect(agent('ann').status).toBe('lost');
  });

  test('finds them though it is away again and again', async () => {
    await enter('ann');
    for (let turn = 0; turn < 5; turn += 1) {
      wait(LIMIT - 1);
      await stage.fire();
      pause(6);
      await stage.fire();
    }
    expect(agent('ann').status).toBe('lost');
  });

  test('gives what was left of the time to accept', async () => {
    await enter('ann', { presence_seconds: 3_600 });
    await post('t', { accept_seconds: 10 });
    wait(4);
    pause(30);
    await stage.fire();
    expect(task('t').status).toBe('awarded');
    wait(5.999);
    expect((await stage.colony.tasks.accept(as('ann'), 't', CLAIM)).ok).toBe(true);
    await post('late', { accept_seconds: 10 });
  });

  test('and no more than that', async () => {
    await enter('ann', { presence_seconds: 3_600 });
    await post('t', { accept_seconds: 10, max_attempts: 1 });
    wait(4);
    pause(30);
    wait(6);
    const late = await stage.colony.tasks.accept(as('ann'), 't', CLAIM);
    expect(late.ok ? undefined : late.rejection.code).toBe('task-dead');
    expect(task('t').history).toMatchObject([{ end: 'lapsed' }]);
  });

  test('moves no deadline that a poster has set', async () => {
    await enter('ann', { presence_seconds: 3_600 });
    await post('t', { deadline: later(stage.now, 20), lease_seconds: 3_600 });
    await stage.colony.tasks.accept(as('ann'), 't', CLAIM);
    pause(60);
    const late = await stage.colony.tasks.complete(as('ann'), 't', CLAIM, {});
    expect(late.ok ? undefined : late.rejection.code).toBe('task-expired');
    // The receipt is there before the answer.
    expect(types(stage.stream(taskOf('t'))).at(-1)).toBe('DeadlinePassed');
  });

  test('was away too while none of its kind ran', async () => {
    await enter('ann', { presence_seconds: 3_600 });
    await post('t', { accept_seconds: 10 });
    stage.first.kill();
    wait(60);
    await (await stage.start()).colony.balance.stop();
    await stage.fire();
    expect(task('t').status).toBe('awarded');
    expect((await stage.colony.tasks.accept(as('ann'), 't', CLAIM)).ok).toBe(true);
  });

  test('also of an award that came after its last note', async () => {
    await enter('ann', { presence_seconds: 3_600 });
    wait(7);
    await post('t', { accept_seconds: 10 });
    wait(1);
    stage.first.kill();
    wait(60);
    await (await stage.start()).colony.balance.stop();
    await stage.fire();
    expect(task('t').status).toBe('awarded');
    wait(9);
    expect((await stage.colony.tasks.accept(as('ann'), 't', CLAIM)).ok).toBe(true);
  });

  test('and again before that was accepted', async () => {
    await enter('ann', { presence_seconds: 3_600 });
    await post('t', { accept_seconds: 10 });
    for (let turn = 0; turn < 3; turn += 1) {
      stage.first.kill();
      wait(60);
      await (await stage.start()).colony.balance.stop();
      await stage.fire();
      await stage.settled();
      wait(1);
    }
    expect((await stage.colony.tasks.accept(as('ann'), 't', CLAIM)).ok).toBe(true);
  });

  test('notices it by a tick that comes late, before it judges', async () => {
    const reports: string[] = [];
    const clock = { time: toMillis(stage.now), now: () => clock.time };
    const watchdog = new Watchdog(clock, (message) => reports.push(message));
    await watchdog.start();
    try {
      clock.time += 500;
      expect([watchdog.look(), watchdog.listeningSince]).toEqual([false, stage.now]);
      clock.time += 6_000;
      expect([watchdog.listeningSince, reports.length]).toEqual([toTime(clock.time), 1]);
      expect([watchdog.look(), reports.length]).toEqual([false, 1]);
    } finally {
      watchdog.stop();
    }
  });
});

describe('a process that is late turn after turn', () => {
  const begin = async () => {
    const reports: string[] = [];
    const clock = { time: toMillis(stage.now), now: () => clock.time };
    const watchdog = new Watchdog(clock, (message) => reports.push(message));
    await watchdog.start();
    const turns = (count: number, milliseconds: number) => {
      for (let turn = 0; turn < count; turn += 1) {
        clock.time += milliseconds;
        watchdog.look();
      }
    };
    return { reports, clock, watchdog, turns };
  };

  test('holds nobody to a time that it has not listened to, and makes no noise about it', async () => {
    const { reports, clock, watchdog, turns } = await begin();
    const last = clock.time;
    turns(8, 750);
    expect(watchdog.silentSince(last, 5)).toBe(toTime(clock.time));
    const [set, end] = [toTime(last), toTime(last + 4_000)];
    expect(toMillis(watchdog.excused(set, end))).toBeGreaterThan(toMillis(end));
    expect(reports).toEqual([]);
    watchdog.stop();
  });

  test('gives what was set after its last look, and before it was away, the time back as well', async () => {
    const { clock, watchdog } = await begin();
    watchdog.look();
    const looked = clock.time;
    clock.time += 60_000;
    const [set, end] = [toTime(looked + 40), toTime(looked + 4_040)];
    expect(toMillis(watchdog.excused(set, end))).toBeGreaterThanOrEqual(clock.time + 3_000);
    // What was set afterwards has lost nothing.
    expect(watchdog.excused(toTime(clock.time), toTime(clock.time + 4_000))).toBe(toTime(clock.time + 4_000));
    watchdog.stop();
  });

  test('finds those that are silent all the same, later', async () => {
    const { clock, watchdog, turns } = await begin();
    const last = clock.time;
    turns(60, 750);
    expect(watchdog.silentSince(last, 5)).toBe(toTime(last));
    watchdog.stop();
  });

  test('does not forget for it when it was away', async () => {
    const { clock, watchdog, turns } = await begin();
    const set = clock.time;
    turns(1, 3_600_000);
    turns(200, 750);
    expect(toMillis(watchdog.excused(toTime(set), toTime(set + 60_000)))).toBeGreaterThan(set + 3_600_000);
    watchdog.stop();
  });
});

describe('a sign of life', () => {
  const signs: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['progress', () => stage.colony.tasks.progress(as('ann'), 't', CLAIM, 0.5)],
    ['a heartbeat of its task', () => stage.colony.tasks.heartbeat(as('ann'), 't', CLAIM)],
    ['a completion', () => stage.colony.tasks.complete(as('ann'), 't', CLAIM, {})],
    ['a failure', () => stage.colony.tasks.fail(as('ann'), 't', CLAIM, 'broken', true)],
    ['a release', () => stage.colony.tasks.release(as('ann'), 't', CLAIM, 'busy')],
    ['a bid', () => stage.colony.tasks.bid(as('ann'), 'open', { agent: 'ann' })],
    [
      'what is done for it by a gateway',
      () => stage.colony.tasks.progress(as('gateway', undefined, 'system'), 't', CLAIM, 0.5),
    ],
    [
      'a signal',
      () => stage.colony.signals.emit(as('ann'), [{ type: 'smoke', location: 'hall', strength: 0.5, decay_rate: 0.1 }]),
    ],
    [
      'a task that it posts',
      () => stage.colony.tasks.post(as('ann'), 'other', spec({ requires: [{ capability: 'nobody', level: 1 }] })),
    ],
    ['a question to others', () => stage.colony.rounds.cancel(as('ann'), 'no-such-round', 'x')],
    ['what is refused', () => stage.colony.tasks.progress(as('ann'), 'no-such-task', CLAIM, 0.5)],
  ];

  test.each(signs)('is %s', async (_, act) => {
    await enter('ann', { capacity: 2 });
    await enter('bob', { capabilities: { y: 1 } });
    await post('t', { lease_seconds: 3_600 });
    await post('open', { requires: [{ capability: 'z', level: 0 }], bid_seconds: 100 });
    expect((await stage.colony.tasks.accept(as('ann'), 't', CLAIM)).ok).toBe(true);
    wait(LIMIT - 1);
    await act();
    wait(LIMIT - 1);
    await stage.fire();
    expect([agent('ann').status, agent('bob').status]).toEqual(['active', 'lost']);
  });

  test('is not what others do', async () => {
    await enter('ann');
    await post('t', { lease_seconds: 3_600 });
    await stage.colony.tasks.accept(as('ann'), 't', CLAIM);
    wait(LIMIT - 1);
    await stage.colony.tasks.cancel(as('eve', undefined, 'human'), 't', 'no need');
    wait(1);
    await stage.fire();
    expect(agent('ann').status).toBe('lost');
  });

  test('brings back who was lost', async () => {
    await enter('ann');
    await post('t', { lease_seconds: 3_600 });
    await stage.colony.tasks.accept(as('ann'), 't', CLAIM);
    wait(LIMIT);
    await stage.fire();
    expect(agent('ann').status).toBe('lost');
    await stage.colony.tasks.progress(as('ann'), 't', CLAIM, 0.5);
    await stage.settled();
    expect(agent('ann').status).toBe('active');
  });

  test('the receipt of a lost agent, and of what it held, names its last one', async () => {
    await enter('ann');
    await post('t', { lease_seconds: 3_600 });
    wait(1);
    await stage.colony.tasks.accept(as('ann'), 't', CLAIM);
    await stage.settled();
    const last = stage.now;
    wait(60);
    await stage.fire();
    const lost = stage
      .stream(agentOf('ann'))
      .flatMap(({ events }) => events)
      .find(({ type }) => type === 'AgentLost');
    expect(lost?.data).toEqual({ last_seen: last });
    expect(task('t').history[0]?.reason).toContain(last);
  });

  test('is given all the while by whoever waits', async () => {
    await enter('ann', { presence_seconds: 1 });
    const stop = new AbortController();
    const waiting = stage.colony.agents.inbox(as('ann'), 'ann', { waitSeconds: 30, signal: stop.signal });
    for (let turn = 0; turn < 4; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      wait(0.6);
      await stage.fire();
    }
    expect(agent('ann').status).toBe('active');
    stop.abort();
    await waiting;
  });
});

describe('a heartbeat', () => {
  test('says that an award stands which is yet to be accepted', async () => {
    await enter('ann');
    await post('t');
    const claims = [{ task: 't', award: 1 }];
    expect(await stage.colony.agents.heartbeat(as('ann'), 'ann', claims)).toEqual({
      held: [{ task: 't', award: 1, stands: true, status: 'awarded' }],
    });
    expect((await stage.colony.tasks.heartbeat(as('ann'), 't', CLAIM)).ok).toBe(true);
    await stage.colony.tasks.accept(as('ann'), 't', CLAIM);
    expect(await stage.colony.agents.heartbeat(as('ann'), 'ann', claims)).toEqual({
      held: [{ task: 't', award: 1, stands: true }],
    });
  });

  test('of an award that is not accepted keeps it from lapsing no longer', async () => {
    await enter('ann', { presence_seconds: 3_600 });
    await post('t', { accept_seconds: 10 });
    wait(9);
    await stage.colony.agents.heartbeat(as('ann'), 'ann', [{ task: 't', award: 1 }]);
    wait(1);
    await stage.fire();
    expect(task('t').history).toMatchObject([{ end: 'lapsed' }]);
  });
});

describe('many that fall silent at once', () => {
  const ids = Array.from({ length: 20 }, (_, n) => `agent-${n}`);
  const lost = (): number => ids.filter((id) => agent(id).status === 'lost').length;

  test('are lost a limit later than one alone, which is said; who is heard again by then is not lost', async () => {
    for (const id of ids) await enter(id);
    wait(LIMIT);
    await stage.fire();
    expect(lost()).toBe(0);
    expect(stage.reports.map(({ message }) => message)).toContainEqual(
      expect.stringContaining('many agents fell silent at once'),
    );
    wait(LIMIT - 1);
    for (const id of ids.slice(0, 5)) await stage.colony.agents.heartbeat(as(id), id, []);
    await stage.fire();
    expect(lost()).toBe(0);
    wait(1);
    await stage.fire();
    expect(lost()).toBe(15);
  });

  test('are doubted each time, though nobody was about to be lost between', async () => {
    for (const id of ids) await enter(id);
    for (let time = 0; time < 2; time += 1) {
      wait(LIMIT);
      await stage.fire();
      expect(lost()).toBe(0);
      wait(1);
      for (const id of ids) await stage.colony.agents.heartbeat(as(id), id, []);
    }
    // Once more, and now for good.
    wait(LIMIT);
    await stage.fire();
    expect(lost()).toBe(0);
    wait(LIMIT);
    await stage.fire();
    expect(lost()).toBe(20);
  });

  test('one of many is lost at once', async () => {
    for (const id of ids) await enter(id);
    wait(LIMIT - 1);
    for (const id of ids.slice(1)) await stage.colony.agents.heartbeat(as(id), id, []);
    wait(1);
    await stage.fire();
    expect(lost()).toBe(1);
  });

  test('of few no share is too large', async () => {
    const now = 1_000_000;
    const book = (count: number) =>
      ({
        all: () =>
          Array.from({ length: count }, (_, n) => ({
            tenant: 'acme',
            id: `a${n}`,
            state: { status: 'active', profile: profile() },
          })),
      }) as unknown as AgentBook;
    const doubted = async (count: number, silent: number): Promise<boolean> => {
      const doubt = new LossDoubt({
        agents: book(count),
        clock: { now: () => now },
        report: () => undefined,
        standstill: { waits: () => false },
        shared: false,
      });
      for (let n = 0; n < count; n += 1) doubt.heard('acme', `a${n}`, n < silent ? now - 60_000 : now);
      return (await doubt.from(toTime(now - 60_000))) !== undefined;
    };
    const asked = [
      [5, 5],
      [6, 6],
      [20, 6],
      [20, 7],
      [100, 30],
      [100, 31],
    ] as const;
    expect(await Promise.all(asked.map(([count, silent]) => doubted(count, silent)))).toEqual([
      false,
      true,
      false,
      true,
      false,
      true,
    ]);
  });
});

describe('what an absence has excused stays excused', () => {
  /** The end of a time that was set before all of it, after each of so many absences, by the clock of the test. */
  const ends = (
    set: number,
    end: number,
    absences: readonly (readonly [seconds: number, then: number])[],
  ): number[] => {
    const { clock, colony } = stage;
    const watchdog = new Watchdog(colony.ports.clock, () => undefined);
    const began = clock.time;
    return absences.map(([seconds, then]) => {
      const from = clock.time;
      wait(seconds);
      watchdog.wasAway(from, clock.time);
      wait(then);
      return (toMillis(watchdog.excused(toTime(began + set * 1_000), toTime(began + end * 1_000))) - began) / 1_000;
    });
  };

  test('when turn after turn takes seconds, however many', () => {
    const found = ends(0, 5, Array(120).fill([3, 0]));
    expect(found).toEqual(found.toSorted((a, b) => a - b));
    expect(found.at(-1)).toBe(365);
  });

  test('when many short ones follow a long one', () => {
    const found = ends(0, 3_600, [[28_800, 60], ...Array(80).fill([1.1, 20])]);
    expect(new Set(found)).toEqual(new Set([32_400]));
  });

  test('also of a short one, after many long ones that are long over', () => {
    const found = ends(60 * 900, 60 * 900 + 5, [...Array(60).fill([300, 600]), [2, 0], [2, 2]]);
    expect(found.at(-1)).toBe(60 * 900 + 9);
  });
});

test('a long poll ends in its time, though the clock is set back by thirty days', async () => {
  await enter('ann', { presence_seconds: 3_600 });
  const began = performance.now();
  const waiting = stage.colony.agents.inbox(as('ann'), 'ann', { waitSeconds: 1 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  wait(-30 * 86_400);
  const answer = await waiting;
  expect(answer instanceof Rejection ? answer : answer.items).toEqual([]);
  expect(performance.now() - began).toBeLessThan(20_000);
});
