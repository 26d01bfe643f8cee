/**
 * Tasks that wait: none for ever. What was declined comes back, what is weak is served, what has expired can be
 * redriven.
 */
import { toMillis } from '../../domain/kernel/time';
import { taskDecider, type TaskEvent, type TaskState } from '../../domain/market/task';
import { as, later, profile, spec, Stage, taskOf } from '../support/stage';

let stage: Stage;
beforeEach(() => (stage = new Stage()));
afterEach(() => stage.end());

const stateOf = (id: string): TaskState => stage.fold(taskDecider, taskOf(id)).state;

/** Lets time pass; the agents live. */
async function pass(seconds: number, step = 5): Promise<void> {
  const living = stage.colony.market.agents;
  await stage.pass(
    seconds,
    async () => {
      for (const { id } of living.all()) await stage.colony.agents.heartbeat(as(id), id, []);
    },
    step,
  );
}

describe('declined by all who fit', () => {
  beforeEach(async () => {
    const { colony } = await stage.start();
    for (const id of ['ann', 'bob']) await colony.agents.register(as(id), id, profile());
    await colony.tasks.post(as('eve'), 't', spec({ accept_seconds: 3_600 }));
    for (let n = 1; n <= 2; n += 1) {
      await stage.settled();
      const { holder } = stateOf('t');
      if (holder === undefined) throw new Error('nobody was asked');
      await colony.tasks.decline(as(holder.agent), 't', { agent: holder.agent, award: n }, 'busy');
    }
    await stage.settled();
    expect(stateOf('t')).toMatchObject({ status: 'open', awards: 2 });
  });

  test('it comes back after a while', async () => {
    await pass(55);
    expect(stateOf('t').status).toBe('open');
    await pass(10);
    expect(stateOf('t')).toMatchObject({ status: 'awarded', awards: 3 });
  });

  test('it goes to a new agent at once', async () => {
    await stage.colony.agents.register(as('cid'), 'cid', profile());
    await stage.settled();
    expect(stateOf('t').holder).toMatchObject({ agent: 'cid', award: 3 });
  });

  test('redriven, it is asked of all again', async () => {
    await stage.colony.tasks.redrive(as('eve'), 't');
    await stage.settled();
    expect(stateOf('t')).toMatchObject({ status: 'awarded', awards: 3, attempts: 1 });
  });

  test('the time survives a restart', async () => {
    stage.first.kill();
    await stage.start();
    await pass(65);
    expect(stateOf('t').status).toBe('awarded');
  });
});

test('a weak task is served under a constant load of stronger ones', async () => {
  const { colony } = await stage.start();
  await colony.agents.register(as('ann'), 'ann', profile({ presence_seconds: 1e9 }));
  let posted = 0;
  const strong = () =>
    colony.tasks.post(as('eve'), `s${(posted += 1)}`, spec({ priority: 0.7, accept_seconds: 1e6, lease_seconds: 1e6 }));
  await strong();
  await stage.settled();
  await colony.tasks.post(as('eve'), 'weak', spec({ priority: 0.3, max_attempts: 9 }));
  await strong();
  const start = stage.clock.time;
  // Whenever one is done, two are posted: the queue grows for ever.
  for (let hour = 0; hour < 30 && stateOf('weak').status === 'open'; hour += 1) {
    stage.clock.time += 3_600_000;
    await strong();
    await strong();
    await stage.settled();
    const running = colony.market.agents.get('acme', 'ann')?.state.slots ?? {};
    for (const [task, { award }] of Object.entries(running)) {
      await colony.tasks.accept(as('ann'), task, { agent: 'ann', award });
      await colony.tasks.complete(as('ann'), task, { agent: 'ann', award }, null);
    }
    await stage.settled();
  }
  expect(stateOf('weak')).toMatchObject({ status: 'awarded' });
  expect(stage.clock.time - start).toBeLessThan(25 * 3_600_000);
  expect(await colony.tasks.recompute('acme', 'weak')).toMatchObject({ agrees: true });
});

test('one that has expired says why and by whom; redriven it has its time again, and is done', async () => {
  const { colony } = await stage.start();
  const deadline = later(stage.now, 20);
  await colony.tasks.post(as('eve'), 't', spec({ deadline }));
  await pass(25);
  expect(stateOf('t')).toMatchObject({ status: 'expired', ended: { by: 'deadline' } });
  expect(stateOf('t').ended?.reason).toContain(deadline);
  await colony.tasks.redrive(as('eve'), 't');
  await colony.agents.register(as('ann'), 'ann', profile());
  await stage.settled();
  const { holder, spec: again } = stateOf('t');
  expect(toMillis(again?.deadline as string)).toBe(toMillis(stage.now) + 20_000);
  await colony.tasks.accept(as('ann'), 't', { agent: 'ann', award: holder?.award ?? 0 });
  await colony.tasks.complete(as('ann'), 't', { agent: 'ann', award: holder?.award ?? 0 }, { done: true });
  expect(stateOf('t')).toMatchObject({ status: 'completed', ended: undefined });
  const events = stage
    .stream(taskOf('t'))
    .flatMap((commit) => commit.events as readonly TaskEvent[])
    .map(({ type }) => type);
  expect(events).toEqual([
    'TaskPosted',
    'DeadlinePassed',
    'TaskRedriven',
    'BidsClosed',
    'TaskAwarded',
    'TaskAccepted',
    'TaskCompleted',
  ]);
});

test('one that is held is among those that wait, and says what for; also after a restart, and not once it is let on', async () => {
  await stage.start();
  const oversight = { kind: 'job', why: 'x', confidence: 0.9, impact: 'high', risk: 0.5, features: {} } as const;
  await stage.colony.tasks.post(as('eve'), 'gated', spec({ oversight }));
  await stage.settled();
  stage.clock.time += 60_000;
  await stage.colony.tasks.post(as('eve'), 'open', spec());
  await stage.settled();
  const waits = expect.stringMatching(
    /^not offered: it is not decided yet that it may be done; action .* waits for approval .*: 0 of 1 given, /,
  );
  for (const restart of [false, true]) {
    if (restart) {
      stage.first.kill();
      await stage.start();
    }
    const { tasks, whyNots } = stage.colony;
    expect((await whyNots.waiting('acme', { seconds: 60 }, 10)).docs).toMatchObject([
      { id: 'gated', status: 'held', waited_seconds: 60, why: { code: 'awaits-decision', text: waits } },
    ]);
    expect((await whyNots.waiting('acme', {}, 10)).docs.map(({ id }) => id)).toEqual(['gated', 'open']);
    expect((await whyNots.waiting('acme', { status: 'open' }, 10)).docs.map(({ id }) => id)).toEqual(['open']);
    expect(await whyNots.groups('acme')).toMatchObject({
      open: 2,
      looked_at: 2,
      groups: expect.arrayContaining([
        expect.objectContaining({ code: 'awaits-decision', count: 1, example: 'gated', text: waits }),
      ]),
    });
    expect((await tasks.list('acme', { status: 'held' }, 10)).docs).toMatchObject([
      { id: 'gated', why: { code: 'awaits-decision', text: waits } },
    ]);
  }
  const { colony } = stage;
  const [asked] = (await colony.approvals.list('acme', { status: 'waiting' }, 10)).docs;
  const person = {
    principal: {
      tenant: 'acme',
      id: 'human:ada',
      kind: 'human' as const,
      level: 'critical' as const,
      groups: ['approvers', 'administrators'],
    },
  };
  expect(
    await colony.approvals.approve(person, asked?.id ?? '', { hash: asked?.hash ?? '', reason: 'fine' }),
  ).toMatchObject({ ok: true });
  await stage.settled();
  expect((await colony.whyNots.groups('acme')).groups.map(({ code, count }) => [code, count])).toEqual([
    ['no-agent', 2],
  ]);
  await colony.tasks.cancel(as('eve'), 'gated', 'no need');
  await stage.settled();
  expect((await colony.whyNots.waiting('acme', {}, 10)).docs.map(({ id }) => id)).toEqual(['open']);
});

test('until what waited at a start is known, readiness says that it comes later', async () => {
  await stage.start();
  for (let n = 0; n < 3; n += 1) await stage.colony.tasks.post(as('eve'), `t-${n}`, spec());
  await stage.settled();
  stage.living[0]!.kill();
  const { colony } = await stage.prepare();
  const books = async () => (await colony.readiness.look()).find(({ check }) => check === 'books');
  expect(await books()).toMatchObject({ ok: false, delays: true, reason: expect.stringContaining('0 so far') });
  await colony.start();
  stage.clock.time += 5_000;
  expect(await books()).toEqual({ check: 'books', ok: true, delays: true });
});
