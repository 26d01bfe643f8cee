/** Budgets: set by who may not, to what is no amount, or overspent by many at once. */
import { asks, type Attempt, family, tries } from '../attempt';
import { STAYS, type World } from '../world';

interface Scene {
  /** Of what the budget is, and what is awarded of it. */
  readonly type: string;
  readonly agent: string;
  readonly task: string;
  readonly award: number;
}

/** Micro-USD: what one task reserves with its margin, and room for one and a half. */
const ESTIMATE = 1_000_000;
const LIMIT = 1_800_000;
const times = { accept_seconds: 3_600, lease_seconds: 3_600, retry_seconds: 0 };

async function enter(world: World, type: string, capacity: number): Promise<string> {
  const id = world.fresh('payer');
  await world.introduce(id, { tenant: 'alpha', subject: id });
  await world.done(`/v1/agents/${id}`, { as: id, method: 'PUT', json: { agent_type: type, capacity, ...STAYS } });
  return id;
}
const set = (world: World, type: string, limit_micro_usd = LIMIT) =>
  world.done(`/v1/budgets/agent_type/${type}`, {
    as: 'admin',
    method: 'PUT',
    json: { limit_micro_usd, reason: 'the pilot' },
  });

async function scene(world: World): Promise<Scene> {
  const [type, task] = [world.fresh('costs'), world.fresh('costs')];
  await set(world, type);
  const agent = await enter(world, type, 50);
  await world.done('/v1/tasks', {
    as: 'crm',
    json: { id: task, task_type: type, estimated_cost_micro_usd: ESTIMATE, ...times },
  });
  const award = await world.eventually(
    async () => (await world.done(`/v1/tasks/${task}`, { as: 'crm' })).holder?.award as number | undefined,
  );
  await world.done(`/v1/tasks/${task}/accept`, { as: agent, json: { award } });
  return { type, agent, task, award };
}

const sets = (
  id: string,
  what: string,
  expected: string | readonly string[],
  limit_micro_usd: unknown,
  as = 'admin',
): Attempt<Scene> =>
  asks<Scene>(id, `set a budget ${what}`, expected, ({ type }) => [
    `/v1/budgets/agent_type/${type}`,
    { as, method: 'PUT', json: { limit_micro_usd, reason: 'x' } },
  ]);
const setsText = (id: string, what: string, expected: string | readonly string[], number: string): Attempt<Scene> =>
  asks<Scene>(id, `set a budget ${what}`, expected, ({ type }) => [
    `/v1/budgets/agent_type/${type}`,
    { as: 'admin', method: 'PUT', text: `{"limit_micro_usd":${number},"reason":"x"}` },
  ]);
const INVALID = '400 invalid-request';
const reports = (
  id: string,
  what: string,
  expected: string | readonly string[],
  cost: unknown,
  step = 'heartbeat',
  more: object = {},
): Attempt<Scene> =>
  asks<Scene>(id, `report ${what}`, expected, ({ task, agent, award }) => [
    `/v1/tasks/${task}/${step}`,
    { as: agent, json: { award, cost_micro_usd: cost, ...more } },
  ]);
const posts = (
  id: string,
  what: string,
  expected: string | readonly string[],
  more: object,
  as = 'crm',
): Attempt<Scene> =>
  asks<Scene>(id, `post a task ${what}`, expected, ({ type }, world) => [
    '/v1/tasks',
    { as, json: { id: world.fresh('odd'), task_type: type, ...more } },
  ]);

/** How many of so many tasks are awarded, when all that follows has followed. */
async function awards(world: World, type: string, ids: readonly string[]): Promise<string> {
  await world.settled();
  const tasks = await Promise.all(ids.map((id) => world.done(`/v1/tasks/${id}`, { as: 'crm' })));
  const awarded = tasks.filter(({ holder }) => holder !== undefined).length;
  const { value } = await world.done('/v1/budgets', { as: 'crm' });
  const budget = (value as { name: string; reserved_micro_usd: number; limit_micro_usd: number }[]).find(
    ({ name }) => name === type,
  );
  const over = budget !== undefined && budget.reserved_micro_usd > budget.limit_micro_usd;
  return `${awarded} of ${ids.length}${over ? ', and over the limit' : ''}`;
}
const MARKET = ['task', 'agent', 'budget'];

const amounts = family<Scene>('budgets', 'amounts', {
  prepare: scene,
  attempts: [
    sets('agent', 'as an agent', '403 forbidden', 10 ** 12, 'ant'),
    sets('operator', 'as an operator', '403 forbidden', 10 ** 12, 'operator'),
    sets('stranger', 'as an operator of another tenant', '403 forbidden', 10 ** 12, 'stranger'),
    sets('negative', 'below nothing', INVALID, -1),
    sets('half', 'of half a millionth', INVALID, 0.5),
    sets('text', 'that is a text', INVALID, '5'),
    sets('list', 'that is a list', INVALID, [5]),
    sets('null', 'of null', INVALID, null),
    sets('beyond', 'beyond what numbers hold', INVALID, 2 ** 53),
    sets('largest', 'of the largest number', INVALID, Number.MAX_VALUE),
    setsText('infinite', 'that has no end', INVALID, '1e400'),
    setsText('nan', 'that is no number', '400 invalid-json', 'NaN'),
    setsText('hex', 'in hexadecimal', '400 invalid-json', '0x7fffffff'),
    setsText('doubled', 'given twice', [INVALID, '400 invalid-json'], '1,"limit_micro_usd":999999999'),
    setsText('rounded', 'that would be rounded', INVALID, '9007199254740993'),
    asks<Scene>('other-tenant', 'set the budget of another tenant', '422 name-invalid', () => [
      '/v1/budgets/tenant/beta',
      { as: 'admin', method: 'PUT', json: { limit_micro_usd: 0, reason: 'x' } },
    ]),
    asks<Scene>('kind', 'set the budget of what has none', INVALID, () => [
      '/v1/budgets/constructor/alpha',
      { as: 'admin', method: 'PUT', json: { limit_micro_usd: 0, reason: 'x' } },
    ]),
    asks<Scene>('removed', 'remove a budget, as an agent', '403 forbidden', ({ type, agent }) => [
      `/v1/budgets/agent_type/${type}/remove`,
      { as: agent, json: { reason: 'x' } },
    ]),
    asks<Scene>('raised', 'let its own task cost more', '403 forbidden', ({ task, agent }) => [
      `/v1/budgets/reservations/${task}/raise`,
      { as: agent, json: { more_micro_usd: 1, reason: 'x' } },
    ]),
    asks<Scene>('raised-service', 'let a task cost more, as a service', '403 person-raises', ({ task }) => [
      `/v1/budgets/reservations/${task}/raise`,
      { as: 'crm', json: { more_micro_usd: 1, reason: 'x' } },
    ]),
    asks<Scene>('raised-beyond', 'let a task cost more than its budget has', '409 budget-exceeded', ({ task }) => [
      `/v1/budgets/reservations/${task}/raise`,
      { as: 'admin', json: { more_micro_usd: LIMIT, reason: 'x' } },
    ]),
    asks<Scene>('raised-negative', 'let a task cost less than nothing more', INVALID, ({ task }) => [
      `/v1/budgets/reservations/${task}/raise`,
      { as: 'admin', json: { more_micro_usd: -1, reason: 'x' } },
    ]),
    posts('estimate-negative', 'that gives money back', INVALID, { estimated_cost_micro_usd: -ESTIMATE }),
    posts('estimate-half', 'that costs half a millionth', INVALID, { estimated_cost_micro_usd: 0.5 }),
    posts('estimate-huge', 'that costs more than numbers hold', INVALID, { estimated_cost_micro_usd: 2 ** 53 }),
    posts('estimate-text', 'whose cost is a text', INVALID, { estimated_cost_micro_usd: '0' }),
    posts(
      'parent-other',
      "charged to another's task",
      ['409 not-the-holder', '403 forbidden', '422 parent-not-found'],
      { parent: 'alphas-secret-work' },
      'bee',
    ),
    posts('parent-nobody', 'charged to a task that nobody has', '422 parent-not-found', { parent: 'nobody-has-it' }),
    reports('cost-negative', 'a negative cost', INVALID, -1),
    reports('cost-half', 'half a millionth', INVALID, 0.5),
    reports('cost-text', 'a cost that is a text', INVALID, '1'),
    reports('cost-huge', 'more than numbers hold', INVALID, 2 ** 53),
    reports('cost-complete', 'a negative cost at the end', INVALID, -1, 'complete', { result: 1 }),
    asks<Scene>('cost-stranger', "report what another's task has cost", '409 not-the-holder', ({ task, award }) => [
      `/v1/tasks/${task}/heartbeat`,
      { as: 'bee', json: { award, cost_micro_usd: 1 } },
    ]),
    tries<Scene>(
      'unknown',
      'have a task awarded whose cost nobody knows',
      '0 of 1',
      async (world, { type }) => {
        const id = world.fresh('unknown');
        await world.done('/v1/tasks', { as: 'crm', json: { id, task_type: type, ...times } });
        return await awards(world, type, [id]);
      },
      MARKET,
    ),
    tries<Scene>(
      'parallel',
      'have twenty tasks awarded at once where there is room for one',
      '1 of 20',
      async (world) => {
        const type = world.fresh('rush');
        await set(world, type);
        await Promise.all(Array.from({ length: 4 }, () => enter(world, type, 10)));
        const ids = Array.from({ length: 20 }, (_, n) => `${type}-${n}`);
        await Promise.all(
          ids.map((id) =>
            world.done('/v1/tasks', {
              as: 'crm',
              json: { id, task_type: type, estimated_cost_micro_usd: ESTIMATE, ...times },
            }),
          ),
        );
        return await awards(world, type, ids);
      },
      [...MARKET, 'credential'],
    ),
    tries<Scene>(
      'children',
      'have parts of a task cost more than the task',
      '0 of 2',
      async (world, { type, agent, task }) => {
        const ids = [world.fresh('part'), world.fresh('part')];
        for (const id of ids)
          await world.done('/v1/tasks', {
            as: agent,
            json: { id, task_type: type, parent: task, estimated_cost_micro_usd: ESTIMATE + 500_000, ...times },
          });
        return await awards(world, type, ids);
      },
      MARKET,
    ),
    tries<Scene>(
      'over',
      'go on after it has cost ten times as much',
      ['403 stopped', '409 over-budget'],
      async (world, { task, agent, award }) => {
        await world.ask(`/v1/tasks/${task}/heartbeat`, { as: agent, json: { award, cost_micro_usd: 10 * ESTIMATE } });
        return await world.says(`/v1/tasks/${task}/complete`, {
          as: agent,
          json: { award, result: 'x', cost_micro_usd: 10 * ESTIMATE },
        });
      },
      [...MARKET, 'stop'],
    ),
  ],
  control: {
    does: 'what costs no more than was reserved is completed',
    expected: '200',
    async run(world) {
      const { task, agent, award } = await scene(world);
      await world.done(`/v1/tasks/${task}/heartbeat`, { as: agent, json: { award, cost_micro_usd: ESTIMATE } });
      return await world.says(`/v1/tasks/${task}/complete`, {
        as: agent,
        json: { award, result: 1, cost_micro_usd: ESTIMATE },
      });
    },
  },
});

export const budgets = [amounts];
