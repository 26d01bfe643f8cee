/**
 * The market's deadlines and what follows from them: late rather than never, once in effect, whatever the clock and the
 * processes do.
 */
import { secondsBetween } from '../../domain/kernel/time';
import { agentOf, as, later, spec, taskOf, types } from '../support/stage';
import {
  accept,
  agent,
  AGES,
  beat,
  begin,
  claimOf,
  enter,
  offFor,
  post,
  PRESENCE,
  stage,
  stateOf,
  wait,
} from './holders';

/** Each kind of deadline: how it comes to stand, after how long it is due, what follows, and where. */
const KINDS: readonly { name: string; arrange: () => Promise<void>; due: number; stream: string; follows: string[] }[] =
  [
    {
      name: 'the deadline of a task that waits',
      arrange: () => post('t', { deadline: later(stage.now, 20) }),
      due: 20,
      stream: taskOf('t'),
      follows: ['DeadlinePassed'],
    },
    {
      name: 'the deadline of a task that runs',
      arrange: async () => {
        await enter('ann', { presence_seconds: AGES });
        await post('t', { deadline: later(stage.now, 20), lease_seconds: AGES });
        await accept('t');
      },
      due: 20,
      stream: taskOf('t'),
      follows: ['DeadlinePassed'],
    },
    {
      name: 'an award that nobody accepts',
      arrange: async () => {
        await enter('ann', { presence_seconds: AGES });
        await post('t', { max_attempts: 1 });
      },
      due: 10,
      stream: taskOf('t'),
      follows: ['AttemptEnded', 'TaskDeadLettered'],
    },
    {
      name: 'the end of a bid window',
      arrange: async () => {
        await enter('ann', { presence_seconds: AGES });
        await post('t', { bid_seconds: 8, accept_seconds: AGES });
      },
      due: 8,
      stream: taskOf('t'),
      follows: ['BidsClosed', 'TaskAwarded'],
    },
    {
      name: 'a task that is not offered yet',
      arrange: async () => {
        await enter('ann', { presence_seconds: AGES });
        await post('t', { not_before: later(stage.now, 9), accept_seconds: AGES });
      },
      due: 9,
      stream: taskOf('t'),
      follows: ['BidsClosed', 'TaskAwarded'],
    },
    {
      name: 'a retry that has to wait',
      arrange: async () => {
        await enter('ann', { presence_seconds: AGES });
        await post('t', { retry_seconds: 7, accept_seconds: AGES });
        await stage.colony.tasks.fail(as('ann'), 't', await accept('t'), 'broken', true);
        await stage.settled();
      },
      due: 7,
      stream: taskOf('t'),
      follows: ['BidsClosed', 'TaskAwarded'],
    },
    {
      name: 'a reservation whose award never came',
      arrange: async () => {
        await enter('ann', { presence_seconds: AGES });
        const other = await stage.prepare();
        stage.mishaps = (port, method, [append]) =>
          port === 'store' &&
          method === 'append' &&
          (append as { expected: number }).expected === 0 &&
          (append as { stream: string }).stream === taskOf('t')
            ? 'hangs'
            : undefined;
        expect((await stage.colony.tasks.post(as('poster'), 't', spec())).ok).toBe(true);
        while (agent('ann').slots.t === undefined) await new Promise((resolve) => setImmediate(resolve));
        stage.first.kill();
        stage.mishaps = () => undefined;
        expect((await other.colony.tasks.cancel(as('poster'), 't', 'no need')).ok).toBe(true);
        other.kill();
        await begin();
      },
      due: 60,
      stream: agentOf('ann'),
      follows: ['SlotReleased'],
    },
  ];

describe.each(KINDS)('$name', ({ arrange, due, stream, follows }) => {
  const since = (before: number) => types(stage.stream(stream).slice(before));

  test('takes effect when it is due, not before', async () => {
    await arrange();
    const before = stage.stream(stream).length;
    wait(due - 0.001);
    await stage.fire();
    expect(since(before)).toEqual([]);
    wait(0.001);
    await stage.fire();
    expect(since(before)).toEqual(follows);
  });

  test('takes effect after a restart: late rather than never, and not again after another one', async () => {
    await arrange();
    const before = stage.stream(stream).length;
    await offFor(3_600);
    await stage.fire();
    // What is for others to do in a time of ours can be done again for what was left of it.
    wait(due);
    await stage.fire();
    expect(since(before)).toEqual(follows);
    await offFor(1);
    await stage.fire();
    expect(since(before)).toEqual(follows);
  });

  test('takes effect once, though two processes look at once and again', async () => {
    await arrange();
    const other = await begin();
    const before = stage.stream(stream).length;
    wait(due);
    const looks = [stage.first, other, stage.first, other].map(({ colony }) => colony.deadlines.fire());
    await Promise.all(looks);
    await stage.fire();
    expect(since(before)).toEqual(follows);
  });

  test.each(['fails', 'loses'] as const)(
    'takes effect once, though the table of deadlines %s when it is settled',
    async (what) => {
      await arrange();
      const before = stage.stream(stream).length;
      wait(due);
      stage.mishaps = (port, method) => (port === 'deadlines' && method === 'settle' ? what : undefined);
      await expect(stage.colony.deadlines.fire()).rejects.toThrow('deadlines.settle');
      await expect(
        stage.colony.deadlines.fire().then(() => Promise.reject(new Error('deadlines.settle is not needed'))),
      ).rejects.toThrow('deadlines.settle');
      stage.mishaps = () => undefined;
      await stage.fire();
      expect(since(before)).toEqual(follows);
    },
  );
});

describe('failures', () => {
  test('a deadline that fails is said so and looked at again soon; the others have their turn', async () => {
    for (const id of ['good', 'bad']) await post(id, { deadline: later(stage.now, 20) });
    wait(20);
    stage.mishaps = (port, method, [stream]) =>
      port === 'store' && method === 'head' && stream === taskOf('bad') ? 'fails' : undefined;
    await stage.fire();
    expect([stateOf('good').status, stateOf('bad').status]).toEqual(['expired', 'open']);
    expect(stage.reports).toMatchObject([
      { message: 'a deadline failed', facts: { stream: taskOf('bad'), reason: 'task' } },
    ]);
    expect(stage.deadlines()).toEqual([{ stream: taskOf('bad'), reason: 'task', due: later(stage.now, 1) }]);
    stage.mishaps = () => undefined;
    wait(1);
    await stage.fire();
    expect(stateOf('bad').status).toBe('expired');
    expect(stage.deadlines()).toEqual([]);
  });

  test('more that are due at once than one look takes, all have their turn', async () => {
    const ids = Array.from({ length: 1_100 }, (_, i) => `t${i}`);
    const deadline = later(stage.now, 20);
    await Promise.all(ids.map((id) => stage.colony.tasks.post(as('poster'), id, spec({ deadline }))));
    await stage.settled();
    wait(20);
    await stage.colony.deadlines.fire();
    expect(ids.filter((id) => stateOf(id).status !== 'expired')).toEqual([]);
    expect(stage.deadlines()).toEqual([]);
  });

  test('a deadline that a crash came before is written down after it', async () => {
    stage.mishaps = (port, method) => (port === 'deadlines' && method === 'schedule' ? 'hangs' : undefined);
    expect((await stage.colony.tasks.post(as('poster'), 't', spec({ deadline: later(stage.now, 20) }))).ok).toBe(true);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    stage.first.kill();
    stage.mishaps = () => undefined;
    await begin();
    expect(stage.deadlines()).toEqual([{ stream: taskOf('t'), reason: 'task', due: later(stage.now, 20) }]);
  });

  test('deadlines that can not be written down come with the commit again', async () => {
    stage.mishaps = (port, method) => (port === 'deadlines' && method === 'schedule' ? 'fails' : undefined);
    await post('t', { deadline: later(stage.now, 20) });
    expect(stage.deadlines()).toEqual([]);
    stage.mishaps = () => undefined;
    wait(1);
    await stage.redeliver();
    expect(stage.deadlines()).toEqual([{ stream: taskOf('t'), reason: 'task', due: later(stage.now, 19) }]);
  });
});

describe('a clock', () => {
  test('that jumps forwards takes away what nobody speaks up for; all goes on, and nothing is done twice', async () => {
    await enter('ann');
    await enter('bob', { offer: null });
    await post('t', { accept_seconds: AGES });
    const former = await accept('t');
    wait(3_600);
    await stage.fire();
    expect([agent('ann').status, stateOf('t').status]).toEqual(['lost', 'open']);
    expect(stateOf('t').history).toHaveLength(1);
    expect(await stage.colony.agents.heartbeat(as('ann'), 'ann', [{ task: 't', award: former.award }])).toEqual({
      held: [{ ...{ task: 't', award: 1 }, stands: false }],
    });
    await beat('bob');
    wait(1);
    await stage.fire();
    const claim = await accept('t');
    expect(claim).toEqual({ agent: 'ann', award: 2 });
    // The clock is set right again.
    wait(-3_601);
    await stage.fire();
    const stale = await stage.colony.tasks.complete(as('ann'), 't', former, {});
    expect(stale.ok ? undefined : stale.rejection.code).toBe('award-superseded');
    expect((await stage.colony.tasks.complete(as('ann'), 't', claim, {})).ok).toBe(true);
    await stage.settled();
    expect([stateOf('t').status, agent('ann').slots]).toEqual(['completed', {}]);
  });

  test('that jumps forwards takes nothing from whoever gives a sign of life before the next look', async () => {
    await enter('ann');
    await post('t');
    await accept('t');
    wait(3_600);
    expect(await beat('ann', 't')).toEqual([true]);
    await stage.fire();
    expect([agent('ann').status, stateOf('t').status]).toEqual(['active', 'running']);
  });

  test('that jumps backwards takes nothing from anybody who is there, and new work goes on', async () => {
    await enter('ann', { capacity: 2 });
    await post('t');
    await accept('t');
    wait(-3_600);
    await post('new');
    await accept('new');
    await stage.pass(300, async () => void (await beat('ann', 't', 'new')));
    expect([agent('ann').status, stateOf('t').status, stateOf('new').status]).toEqual(['active', 'running', 'running']);
    for (const task of ['t', 'new'])
      expect((await stage.colony.tasks.complete(as('ann'), task, claimOf(task), {})).ok).toBe(true);
    const times = stage.stream(agentOf('ann')).map(({ at }) => at);
    expect(times).toEqual([...times].sort());
  });

  test('that jumps backwards delays what falls due, and does not lose it', async () => {
    await enter('ann');
    await post('t', { max_attempts: 1 });
    await accept('t');
    await post('late', { deadline: later(stage.now, 20) });
    const start = stage.now;
    wait(-3_600);
    await stage.pass(3_600, undefined, 60);
    expect([agent('ann').status, stateOf('t').status, stateOf('late').status]).toEqual(['active', 'running', 'open']);
    await stage.pass(PRESENCE);
    expect([agent('ann').status, stateOf('t').status, stateOf('late').status]).toEqual(['lost', 'dead', 'expired']);
    expect(secondsBetween(start, stateOf('late').finished_at as string)).toBeGreaterThanOrEqual(20);
  });
});
