/**
 * The market's deadlines and what follows from them: late rather than never, once in effect, whatever the clock and the
 * processes do.
 */
import fc from 'fast-check';
import { Rejection } from '../../domain/kernel/decider';
import { secondsBetween } from '../../domain/kernel/time';
import { agentDecider } from '../../domain/market/agent';
import { taskDecider, type TaskSpec } from '../../domain/market/task';
import { brokenRules } from '../support/log-rules';
import { agentOf, as, later, type Process, profile, spec, Stage, taskOf, types } from '../support/stage';

const LEASE = 30;
const PRESENCE = 60;
const AGES = 100_000;

let stage: Stage;

/** A process; pools are not balanced, since that follows the real clock. */
async function begin(): Promise<Process> {
  const process = await stage.start();
  await process.colony.balance.stop();
  await stage.settled();
  return process;
}

beforeEach(async () => {
  stage = new Stage();
  await begin();
});

afterEach(async () => {
  expect(brokenRules(stage.log())).toEqual([]);
  expect(stage.chainFaults()).toEqual([]);
  await stage.end();
});

async function enter(id: string, changes: Parameters<typeof profile>[0] = {}): Promise<void> {
  expect((await stage.colony.agents.register(as(id), id, profile(changes))).ok).toBe(true);
  await stage.settled();
}

async function post(id: string, changes: Partial<TaskSpec> = {}): Promise<void> {
  expect((await stage.colony.tasks.post(as('poster'), id, spec(changes))).ok).toBe(true);
  await stage.settled();
}

const stateOf = (task: string) => stage.fold(taskDecider, taskOf(task)).state;
const agent = (id: string) => stage.fold(agentDecider, agentOf(id)).state;

function claimOf(task: string): { agent: string; award: number } {
  const { holder } = stateOf(task);
  return { agent: holder?.agent as string, award: holder?.award as number };
}

async function accept(task: string): Promise<{ agent: string; award: number }> {
  const claim = claimOf(task);
  expect((await stage.colony.tasks.accept(as(claim.agent), task, claim)).ok).toBe(true);
  await stage.settled();
  return claim;
}

/** The agent says that it lives, and works on what it names; gives what it is told of that. */
async function beat(id: string, ...tasks: string[]): Promise<boolean[]> {
  const answer = await stage.colony.agents.heartbeat(
    as(id),
    id,
    tasks.map((task) => ({ task, award: claimOf(task).award ?? 1 })),
  );
  if (answer instanceof Rejection) throw new Error(answer.message);
  return answer.held.map(({ stands }) => stands);
}

/** Time passes, unnoticed by anybody until the next look. */
const wait = (seconds: number) => void (stage.clock.time += seconds * 1_000);

/** The machine is off for a while; then a process starts. */
async function offFor(seconds: number): Promise<void> {
  stage.first.kill();
  wait(seconds);
  await begin();
}

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

describe('a lease', () => {
  test('stands exactly as long as its holder gives signs of life for it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: LEASE + 10 }), { maxLength: 12 }), async (gaps) => {
        await stage.end();
        stage = new Stage();
        await begin();
        await enter('ann');
        await post('t', { lease_seconds: LEASE });
        await accept('t');
        let stands = true;
        for (const gap of gaps) {
          wait(gap);
          await stage.fire();
          stands &&= gap < LEASE;
          expect(stateOf('t').holder?.award === 1).toBe(stands);
          const held = await stage.colony.agents.heartbeat(as('ann'), 'ann', [{ task: 't', award: 1 }]);
          expect(held).toEqual({ held: [{ task: 't', award: 1, stands }] });
        }
      }),
      { numRuns: 30 },
    );
  });

  test('is not extended by a sign of life that does not name it', async () => {
    await enter('ann');
    await post('t');
    const former = await accept('t');
    wait(LEASE - 1);
    await beat('ann');
    wait(1);
    await stage.fire();
    expect(types(stage.stream(taskOf('t')).slice(-1))).toEqual(['AttemptEnded', 'TaskReopened']);
    expect(stateOf('t').history).toMatchObject([{ agent: 'ann', award: 1, end: 'expired' }]);
    expect(agent('ann').slots).toEqual({});
    const tooLate = await stage.colony.tasks.complete(as('ann'), 't', former, {});
    expect(tooLate.ok ? undefined : tooLate.rejection.code).toBe('award-superseded');
  });

  test('has its full time once more after a restart, since nobody was there to hear', async () => {
    await enter('ann', { presence_seconds: AGES });
    await post('t', { max_attempts: 1 });
    await accept('t');
    await offFor(3_600);
    await stage.fire();
    wait(LEASE - 1);
    await stage.fire();
    expect(stateOf('t').status).toBe('running');
    wait(1);
    await stage.fire();
    expect(stateOf('t').status).toBe('dead');
  });

  test('that was extended as it ran out in another process stands', async () => {
    await enter('ann');
    await post('t');
    await accept('t');
    const other = await begin();
    wait(LEASE - 1);
    const held = await other.colony.agents.heartbeat(as('ann'), 'ann', [{ task: 't', award: 1 }]);
    expect(held).toEqual({ held: [{ task: 't', award: 1, stands: true }] });
    wait(1);
    await stage.fire();
    expect(stateOf('t').status).toBe('running');
  });
});

describe('presence', () => {
  test('a silent agent is lost after its time, gives back what it holds, and others take it', async () => {
    await enter('ann', { capacity: 2 });
    await post('runs', { lease_seconds: AGES, accept_seconds: AGES });
    await accept('runs');
    await post('waits', { accept_seconds: AGES });
    wait(10);
    await beat('ann', 'runs');
    const lastSeen = stage.now;
    wait(PRESENCE - 0.001);
    await stage.fire();
    expect(agent('ann').status).toBe('active');
    wait(0.001);
    await stage.fire();
    expect(
      stage
        .stream(agentOf('ann'))
        .flatMap(({ events }) => events)
        .find(({ type }) => type === 'AgentLost'),
    ).toMatchObject({ data: { last_seen: lastSeen } });
    expect(agent('ann').slots).toEqual({});
    for (const task of ['runs', 'waits'])
      expect(stateOf(task)).toMatchObject({
        status: 'open',
        attempts: 2,
        history: [{ agent: 'ann', award: 1, end: 'lost' }],
      });
    await enter('bob', { capacity: 2 });
    wait(1);
    await stage.fire();
    for (const task of ['runs', 'waits']) expect(claimOf(task)).toEqual({ agent: 'bob', award: 2 });
  });

  test('an agent that comes back gets work again, and is watched again', async () => {
    await enter('ann');
    wait(PRESENCE);
    await stage.fire();
    expect(agent('ann').status).toBe('lost');
    await post('t', { accept_seconds: AGES });
    expect(stateOf('t').status).toBe('open');
    await beat('ann');
    await stage.settled();
    expect(claimOf('t')).toEqual({ agent: 'ann', award: 1 });
    wait(PRESENCE - 1);
    await stage.fire();
    expect(agent('ann').status).toBe('active');
    wait(1);
    await stage.fire();
    expect(types(stage.stream(agentOf('ann'))).filter((type) => /Lost|Returned/.test(type))).toEqual([
      'AgentLost',
      'AgentReturned',
      'AgentLost',
    ]);
  });

  test('nobody is lost after a restart before having had time to say something', async () => {
    await enter('ann');
    await enter('bob');
    await offFor(3_600);
    await stage.fire();
    wait(PRESENCE - 1);
    await stage.fire();
    expect([agent('ann').status, agent('bob').status]).toEqual(['active', 'active']);
    await beat('bob');
    wait(1);
    await stage.fire();
    expect([agent('ann').status, agent('bob').status]).toEqual(['lost', 'active']);
  });

  test('an agent is lost once, though two processes look at once', async () => {
    await enter('ann');
    await post('t', { lease_seconds: AGES });
    await accept('t');
    const other = await begin();
    wait(PRESENCE);
    await Promise.all([stage.first, other].map(({ colony }) => colony.deadlines.fire()));
    await stage.fire();
    expect(types(stage.stream(agentOf('ann'))).filter((type) => type === 'AgentLost')).toHaveLength(1);
    expect(stateOf('t').history).toHaveLength(1);
  });

  test('what a lost agent holds is given back also when the process dies in between', async () => {
    await enter('ann');
    await post('t', { lease_seconds: AGES });
    await accept('t');
    wait(PRESENCE);
    stage.mishaps = (port, method, [append]) =>
      port === 'store' && method === 'append' && (append as { stream: string }).stream === taskOf('t')
        ? 'hangs'
        : undefined;
    await stage.colony.deadlines.fire();
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([agent('ann').status, stateOf('t').status]).toEqual(['lost', 'running']);
    stage.first.kill();
    stage.mishaps = () => undefined;
    await begin();
    expect(stateOf('t')).toMatchObject({ status: 'open', history: [{ end: 'lost' }] });
    expect(agent('ann').slots).toEqual({});
  });
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
