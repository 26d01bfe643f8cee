/**
 * What awards cost is reserved before they are made, whoever awards at once, dies in between or hears of it twice; and
 * it is settled once, with what they have cost. A tenant without a budget pays nothing for that.
 */
import type { RequestContext } from '../../app/engine/command';
import type { Append } from '../../app/engine/ports';
import { budgetDecider, budgetStream } from '../../domain/budgets/budget';
import { leftOf } from '../../domain/budgets/ledger';
import { taskDecider, type TaskSpec } from '../../domain/market/task';
import { brokenBudgets } from '../support/budget-rules';
import { as, hangsAt, profile, spec, Stage, type StageOptions, taskOf, TENANT, turns, types } from '../support/stage';

let stage: Stage;
afterEach(() => stage.end());

async function begin(processes = 1, options: StageOptions = {}): Promise<void> {
  stage = new Stage(options);
  for (let i = 0; i < processes; i += 1) await stage.start();
}

const ada: RequestContext = { principal: { tenant: TENANT, id: 'human:ada', kind: 'human', level: 'critical' } };
const POOL = { kind: 'pool', name: 'workers' } as const;
const LONG = { accept_seconds: 3_600, lease_seconds: 3_600 };
const task = (id: string) => stage.fold(taskDecider, taskOf(id)).state;
const ledger = () => stage.fold(budgetDecider, budgetStream(TENANT)).state;
const budget = (key = 'pool workers') => {
  const { limit, reserved, spent } = ledger().budgets[key] as NonNullable<ReturnType<typeof ledger>['budgets'][string]>;
  return { limit, reserved, spent };
};
const limit = (micro: number, thing: Parameters<typeof stage.colony.budgets.set>[1] = POOL) =>
  stage.colony.budgets.set(ada, thing, { limit: micro, period: 'total' }, 'the pilot');
const register = (id: string, changes: Parameters<typeof profile>[0] = {}) =>
  stage.colony.agents.register(as(id), id, profile({ presence_seconds: 86_400, ...changes }));
const post = (id: string, changes: Partial<TaskSpec> = {}, by = as('poster', undefined, 'service')) =>
  stage.colony.tasks.post(by, id, spec({ ...LONG, estimated_cost_micro_usd: 10, ...changes }));
const claimOf = (id: string) => ({ agent: task(id).holder?.agent as string, award: task(id).holder?.award as number });
const accept = async (id: string) => {
  const claim = claimOf(id);
  expect(await stage.colony.tasks.accept(as(claim.agent), id, claim)).toMatchObject({ ok: true });
  return claim;
};
const complete = (id: string, cost?: number) => {
  const claim = claimOf(id);
  return stage.colony.tasks.completeAtOnce(
    as(claim.agent),
    id,
    { ...claim, ...(cost === undefined ? {} : { cost }) },
    1,
  );
};
const held = () => expect(brokenBudgets(stage.log())).toEqual([]);

test('of a tenant without a budget nothing is read, written or asked', async () => {
  await begin();
  await register('ann');
  await post('warm');
  await stage.settled();
  await complete('warm');
  await stage.settled();
  const asked: string[] = [];
  stage.mishaps = (port, method, args) => {
    if (JSON.stringify(args).includes('/budget/')) asked.push(`${port}.${method}`);
    return undefined;
  };
  const before = stage.log().length;
  await post('t', { estimated_cost_micro_usd: 5 });
  await stage.settled();
  await complete('t', 4);
  await stage.settled();
  expect([stage.log().length - before, asked, stage.streams('budget')]).toEqual([6 - 1, [], []]);
});

test('an award reserves the estimate with its margin, and is settled with what it has cost', async () => {
  await begin();
  await limit(100);
  await register('ann');
  await post('t');
  await stage.settled();
  expect(budget()).toEqual({ limit: 100, reserved: 12, spent: 0 });
  const [award] = stage
    .stream(taskOf('t'))
    .flatMap(({ events }) => events.filter(({ type }) => type === 'TaskAwarded'));
  expect(award?.data).toMatchObject({ budget: ledger().reservations['t 1 ann']?.receipt });
  await complete('t', 7);
  await stage.settled();
  expect([budget(), ledger().reservations]).toEqual([{ limit: 100, reserved: 0, spent: 7 }, {}]);
  held();
});

test('the price of a type of the repository makes an estimate of an effort', async () => {
  await begin();
  await limit(1_000_000, { kind: 'agent_type', name: 'finance.reconciliation' });
  await register('ann', { agent_type: 'finance.reconciliation', capabilities: { x: 1 } });
  await post('t', { estimated_cost_micro_usd: undefined, effort: 1_800 });
  await stage.settled();
  // Half an hour at 0.21 USD, and a fifth more.
  expect(budget('agent_type finance.reconciliation').reserved).toBe(126_000);
});

test('what nobody knows the price of gets no award under a budget, and is told why', async () => {
  await begin();
  await limit(100);
  await register('ann');
  await post('t', { estimated_cost_micro_usd: undefined });
  await stage.settled();
  expect(task('t').status).toBe('open');
  const why = await stage.colony.whyNots.of(taskOf('t'), task('t'));
  expect(why).toMatchObject({ code: 'over-budget', text: expect.stringContaining('estimated_cost_micro_usd') });
  await stage.colony.budgets.remove(ada, POOL, 'no more');
  await stage.settled();
  expect(task('t').status).toBe('awarded');
});

test('what waits for a budget costs no commit, and is awarded when there is more', async () => {
  await begin();
  await limit(12);
  await register('ann', { capacity: 10 });
  await post('t1');
  await post('t2');
  await stage.settled();
  expect(['t1', 't2'].map((id) => task(id).status)).toEqual(['awarded', 'open']);
  const why = await stage.colony.whyNots.of(taskOf('t2'), task('t2'));
  expect(why).toMatchObject({ code: 'over-budget', text: expect.stringContaining('pool workers has 0 of 12') });
  const before = stage.log().length;
  for (let i = 0; i < 3; i += 1) await stage.colony.market.sweep();
  await stage.settled();
  expect(stage.log().length).toBe(before);
  await limit(24);
  await stage.settled();
  expect(task('t2').status).toBe('awarded');
  held();
});

test.each([
  ['a decline', async () => void (await stage.colony.tasks.decline(as('ann'), 't', claimOf('t'), 'busy')), 0],
  [
    'a failure',
    async () => {
      const claim = await accept('t');
      await stage.colony.tasks.fail(as('ann'), 't', { ...claim, cost: 3 }, 'broken', false);
    },
    3,
  ],
  [
    'a release',
    async () => {
      const claim = await accept('t');
      await stage.colony.tasks.release(as('ann'), 't', { ...claim, cost: 2 }, 'no time');
      await stage.colony.agents.deregister(as('ann'), 'ann', 'done');
    },
    2,
  ],
  ['a cancellation', async () => void (await stage.colony.tasks.cancel(as('poster'), 't', 'no need')), 0],
  ['the loss of its agent', async () => void (await stage.colony.agents.deregister(as('ann'), 'ann', 'gone')), 0],
  [
    'a lease that runs out',
    async () => {
      const claim = await accept('t');
      await stage.colony.tasks.progress(as('ann'), 't', { ...claim, cost: 6 }, 0.5);
      await stage.colony.pauses.pause(ada, { kind: 'agent', name: 'ann' }, 'no more');
      await stage.pass(3_700, undefined, 600);
    },
    6,
  ],
])('%s gives back what was reserved, but for what was spent', async (_, end, spent) => {
  await begin();
  await limit(100);
  await register('ann');
  await post('t', { max_attempts: 1 });
  await stage.settled();
  expect(budget().reserved).toBe(12);
  await end();
  await stage.settled();
  expect([budget(), ledger().reservations]).toEqual([{ limit: 100, reserved: 0, spent }, {}]);
  held();
});

test('a hand-off reserves for whoever gets it, and settles with whoever had it', async () => {
  await begin();
  await limit(30);
  await register('ann');
  await post('t');
  await stage.settled();
  const claim = await accept('t');
  await register('bob', { pool: 'others' });
  await stage.colony.tasks.progress(as('ann'), 't', { ...claim, cost: 5 }, 0.5);
  await limit(11, { kind: 'agent', name: 'bob' });
  expect(await stage.colony.tasks.handOff(as('ann'), 't', claim, 'bob')).toMatchObject({
    ok: false,
    rejection: { code: 'budget-exceeded' },
  });
  expect(task('t').holder).toMatchObject({ agent: 'ann' });
  await limit(12, { kind: 'agent', name: 'bob' });
  expect(await stage.colony.tasks.handOff(as('ann'), 't', claim, 'bob')).toMatchObject({ ok: true });
  await stage.settled();
  expect([budget(), budget('agent bob')]).toEqual([
    { limit: 30, reserved: 0, spent: 5 },
    { limit: 12, reserved: 12, spent: 0 },
  ]);
  held();
});

describe('a task that costs more than was reserved', () => {
  beforeEach(async () => {
    await begin();
    await limit(100);
    await register('ann');
    await post('t');
    await stage.settled();
  });
  const stops = async () =>
    (await stage.colony.stops.concerning(TENANT)).map(({ kind, name, effect }) => `${effect} ${kind} ${name}`);

  test.each(['heartbeat', 'progress'])(
    'is stopped by a %s that says so, until a person lets it go on',
    async (door) => {
      const { tasks, budgets } = stage.colony;
      const claim = await accept('t');
      const says = (cost: number) =>
        door === 'heartbeat'
          ? tasks.heartbeat(as('ann'), 't', { ...claim, cost })
          : tasks.progress(as('ann'), 't', { ...claim, cost }, cost / 100);
      expect(await says(12)).toMatchObject({ ok: true });
      expect(await stops()).toEqual([]);
      expect(await says(13)).toMatchObject({ ok: false, rejection: { code: 'over-budget' } });
      expect(await stops()).toEqual(['quarantine task t']);
      expect(await complete('t', 13)).toMatchObject({ ok: false, rejection: { code: 'stopped' } });
      await stage.pass(7_200, undefined, 600);
      expect(task('t').status).toBe('running');
      const bot: RequestContext = { principal: { ...ada.principal, id: 'service:bot', kind: 'service' } };
      expect(await budgets.raise(bot, 't', 5, 'go on')).toMatchObject({
        ok: false,
        rejection: { code: 'person-raises' },
      });
      expect(await budgets.raise(ada, 't', 1_000, 'go on')).toMatchObject({
        ok: false,
        rejection: { code: 'budget-exceeded' },
      });
      expect(await stops()).toEqual(['quarantine task t']);
      expect(await budgets.raise(ada, 't', 8, 'go on')).toMatchObject({ ok: true });
      expect(await stops()).toEqual([]);
      expect(await says(20)).toMatchObject({ ok: true });
      expect(await complete('t', 20)).toMatchObject({ ok: true });
      await stage.settled();
      expect(budget()).toEqual({ limit: 100, reserved: 0, spent: 20 });
      held();
    },
  );

  test('is stopped though whoever heard of it died', async () => {
    const claim = await accept('t');
    stage.mishaps = (port, method, [append]) =>
      port === 'store' && method === 'append' && (append as Append).stream === `${TENANT}/stop/all`
        ? 'hangs'
        : undefined;
    const unanswered = stage.colony.tasks.progress(as('ann'), 't', { ...claim, cost: 50 }, 0.5);
    unanswered.catch(() => undefined);
    for (let i = 0; i < 200 && ledger().reservations['t 1 ann']?.spent !== 50; i += 1) await turns(1);
    stage.first.kill();
    stage.mishaps = () => undefined;
    await stage.start();
    await stage.settled();
    expect(await stops()).toEqual(['quarantine task t']);
  });

  test('a stop that somebody else has set is not lifted with it', async () => {
    await accept('t');
    await stage.colony.stops.stop(ada, { kind: 'task', name: 't' }, 'freeze', 'wait');
    expect(await stage.colony.budgets.raise(ada, 't', 5, 'go on')).toMatchObject({ ok: true });
    expect(await stops()).toEqual(['freeze task t']);
  });
});

describe('sub-tasks', () => {
  test('are charged to the task that they are a part of, which its holder alone says', async () => {
    await begin();
    await limit(24);
    await register('ann');
    await post('whole', { estimated_cost_micro_usd: 20 });
    await stage.settled();
    await accept('whole');
    await register('bob');
    await register('cid');
    expect(await post('stray', { parent: 'whole' }, as('bob'))).toMatchObject({
      ok: false,
      rejection: { code: 'not-the-holder' },
    });
    expect(await post('lost', { parent: 'nowhere' })).toMatchObject({
      ok: false,
      rejection: { code: 'parent-not-found' },
    });
    await post('p1', { parent: 'whole' }, as('ann'));
    await post('p2', { parent: 'whole' }, as('ann'));
    await stage.settled();
    // Nothing is left in the pool; both are paid for by the whole.
    expect(['p1', 'p2'].map((id) => task(id).status)).toEqual(['awarded', 'awarded']);
    expect(budget()).toEqual({ limit: 24, reserved: 24, spent: 0 });
    await complete('p1', 11);
    await stage.settled();
    expect(ledger().reservations['whole 1 ann']).toMatchObject({ drawn: 12, settled: 11 });
    await complete('p2', 9);
    await complete('whole', 2);
    await stage.settled();
    expect([budget(), ledger().reservations]).toEqual([{ limit: 24, reserved: 0, spent: 22 }, {}]);
    held();
  });
});

describe.each<[string, number, StageOptions]>([
  ['one process', 1, {}],
  ['two processes', 2, {}],
  ['two processes that triggers feed', 2, { shared: true }],
])('%s', (_, processes, options) => {
  test('fifty tasks at once against a budget for four', async () => {
    await begin(processes, options);
    await limit(50);
    for (let i = 0; i < 10; i += 1) await register(`a${i}`, { capacity: 5 });
    await stage.settled();
    await Promise.all(
      Array.from({ length: 50 }, (_unused, i) =>
        (stage.living[i % processes] as (typeof stage.living)[number]).colony.tasks.post(
          as('poster', undefined, 'service'),
          `t${i}`,
          spec({ ...LONG, estimated_cost_micro_usd: 10 }),
        ),
      ),
    );
    await stage.settled();
    const awarded = () =>
      Array.from({ length: 50 }, (_unused, i) => `t${i}`).filter((id) => task(id).status === 'awarded');
    expect(awarded()).toHaveLength(4);
    expect(budget()).toEqual({ limit: 50, reserved: 48, spent: 0 });
    expect(leftOf(ledger().budgets['pool workers'] as never, stage.now)).toBe(2);
    held();
  });

  test('whoever dies between the reservation and the award leaves nothing reserved', async () => {
    await begin(processes, options);
    await limit(12);
    await register('ann');
    await stage.settled();
    stage.mishaps = hangsAt(taskOf('t'), 'TaskAwarded');
    await post('t');
    if (options.shared === true) void stage.settled();
    for (let i = 0; i < 2_000 && Object.keys(ledger().reservations).length === 0; i += 1) await turns(1);
    expect(budget().reserved).toBe(12);
    for (const process of stage.living) process.kill();
    stage.mishaps = () => undefined;
    await stage.start();
    await stage.colony.tasks.cancel(as('poster'), 't', 'no need');
    await stage.pass(80);
    expect([budget(), ledger().reservations]).toEqual([{ limit: 12, reserved: 0, spent: 0 }, {}]);
    expect(types(stage.stream(taskOf('t')))).not.toContain('TaskAwarded');
    held();
  });
});
