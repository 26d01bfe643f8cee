/** Limits of tenants: gone beyond by many at once and by other doors, raised by who may not, spent by others. */
import { asks, type Attempt, family, tries } from '../attempt';
import { itemsSay, type Reply, saidBy, type Sent } from '../http';
import { GAMMA, STAYS, type World } from '../world';

const LIMITS = { agents: 2, tasks: 3, signals_per_minute: 5, approvals_per_requester: 3 };
const FULL = '409 tenant-limit';
const HIDDEN = '403 platform-only';
const INVALID = ['400 invalid-request', '422 limit-invalid'];

const task = (world: World, more: object = {}) => ({ id: world.fresh('one'), task_type: 'attack.nobody', ...more });
const order = (world: World) =>
  world.ask('/v1/actions', {
    as: 'guest',
    json: {
      ...{ id: world.fresh('order'), kind: 'attack.order', action: { item: 'bolts' }, why: 'stock is low' },
      ...{ confidence: 0.9, impact: 'high', risk: 0.1 },
    },
  });
const limit = (world: World, limits: object) =>
  world.done(`/v1/tenants/${GAMMA}/limit`, { as: 'pia', json: { limits, reason: 'as agreed' } });
const has = async (world: World): Promise<{ readonly agents: number; readonly tasks: number }> =>
  (await world.done(`/v1/tenants/${GAMMA}`, { as: 'pia' })).has;

/** How many of so many requests at once went through. */
async function through(replies: Promise<Reply>[]): Promise<number> {
  return (await Promise.all(replies)).filter(({ status }) => status < 300).length;
}

const refused = (id: string, what: string, request: (world: World) => readonly [string, Sent]): Attempt<void> =>
  asks<void>(id, what, FULL, (_, world) => request(world));

const mostly = (count: number) => (count < 20 ? 'most are refused' : `${count} of 40`);

/** While the tenant may ask five times a second, and has asked nothing lately. */
const hurried = (id: string, what: string, expected: string, run: (world: World) => Promise<string>): Attempt<void> =>
  tries<void>(
    id,
    what,
    expected,
    async (world) => {
      await limit(world, { requests_per_second: 5 });
      try {
        return await run(world);
      } finally {
        await limit(world, { requests_per_second: null });
      }
    },
    ['tenant'],
  );

const full = family<void>('limits', 'full', {
  async prepare(world) {
    await world.done(`/v1/tenants/${GAMMA}`, {
      as: 'pia',
      method: 'PUT',
      json: { limits: LIMITS, reason: 'a customer' },
    });
  },
  attempts: [
    tries<void>(
      'tasks',
      'have twenty tasks at once where three may be',
      '3 of 20',
      async (world) => {
        const replies = Array.from({ length: 20 }, () => world.ask('/v1/tasks', { as: 'guest', json: task(world) }));
        return `${await through(replies)} of 20`;
      },
      ['task'],
    ),
    refused('one', 'have one more', (world) => ['/v1/tasks', { as: 'guest', json: task(world) }]),
    refused('admin', 'have one more, as who administers the tenant', (world) => [
      '/v1/tasks',
      { as: 'chief', json: task(world) },
    ]),
    refused('header', 'have one more in the name of another tenant', (world) => [
      '/v1/tasks',
      { as: 'guest', json: task(world), headers: { 'x-formicary-tenant': 'alpha' } },
    ]),
    refused('held', 'have one more that waits for its time', (world) => [
      '/v1/tasks',
      { as: 'guest', json: task(world, { bid_seconds: 3_600 }) },
    ]),
    tries<void>('batch', 'have ten more in a batch', FULL, async (world) => {
      const tasks = Array.from({ length: 10 }, () => task(world));
      return itemsSay(await world.ask('/v1/tasks/batch', { as: 'guest', json: { tasks } }));
    }),
    tries<void>('key', 'have one more by asking again under a key', FULL, async (world) => {
      const [json, headers] = [task(world), { 'idempotency-key': world.fresh('key') }];
      await world.ask('/v1/tasks', { as: 'guest', json, headers });
      return await world.says('/v1/tasks', { as: 'guest', json, headers });
    }),
    tries<void>(
      'freed',
      'have five more where one has ended',
      '1 of 5',
      async (world) => {
        const { value } = await world.done('/v1/tasks', { as: 'guest' });
        await world.done(`/v1/tasks/${value[0].id}/cancel`, { as: 'guest', json: {} });
        const replies = Array.from({ length: 5 }, () => world.ask('/v1/tasks', { as: 'guest', json: task(world) }));
        return `${await through(replies)} of 5`;
      },
      ['task'],
    ),
    tries<void>(
      'agents',
      'have ten agents at once where two may be',
      '2 of 10',
      async (world) => {
        const register = () => {
          const agents = [{ id: world.fresh('agent'), agent_type: 'attack.limits', ...STAYS }];
          return world.ask('/v1/gateway/agents', { as: 'guest', json: { agents } });
        };
        const replies = await Promise.all(Array.from({ length: 10 }, register));
        return `${replies.map(itemsSay).filter((said) => said === 'done').length} of 10`;
      },
      ['agent'],
    ),
    tries<void>('agents-batch', 'have ten more in a batch', FULL, async (world) => {
      const agents = Array.from({ length: 10 }, () => ({ id: world.fresh('agent'), agent_type: 'attack.nobody' }));
      return itemsSay(await world.ask('/v1/gateway/agents', { as: 'guest', json: { agents } }));
    }),
    refused('deploy', 'have one more deployed', () => [
      '/v1/agents/deploy',
      { as: 'chief', json: { agent_type: 'finance.reconciliation' } },
    ]),
    refused('register', 'have one more by its name', (world) => [
      `/v1/agents/${world.fresh('agent')}`,
      { as: 'guest', method: 'PUT', json: { agent_type: 'attack.nobody' } },
    ]),
    tries<void>(
      'signals',
      'emit twelve signals at once where five may come',
      'no more than five',
      async (world) => {
        const emit = (n: number) =>
          world.ask('/v1/signals', {
            as: 'guest',
            json: { type: 'threat_detected', strength: 1, location: `attack/limits/${n}`, decay_rate: 0.1 },
          });
        const count = await through(Array.from({ length: 12 }, (_, n) => emit(n)));
        return count <= LIMITS.signals_per_minute ? 'no more than five' : `${count} of 12`;
      },
      ['trail'],
    ),
    tries<void>(
      'approvals',
      'ask people twenty times at once where three may wait',
      '3 of 20, the others 409 too-many-approvals',
      async (world) => {
        const replies = await Promise.all(Array.from({ length: 20 }, () => order(world)));
        const others = new Set(replies.filter(({ status }) => status >= 300).map(saidBy));
        return `${replies.length - replies.filter(({ status }) => status >= 300).length} of 20, the others ${[...others].join()}`;
      },
      ['action', 'approval'],
    ),
    tries<void>('approvals-one', 'ask people once more', '409 too-many-approvals', async (world) =>
      saidBy(await order(world)),
    ),
    tries<void>('signals-batch', 'emit six signals in a request', FULL, async (world) => {
      const signals = Array.from({ length: 6 }, (_, n) => ({
        ...{ type: 'threat_detected', strength: 1, location: `attack/limits/${n}`, decay_rate: 0.1 },
      }));
      return itemsSay(await world.ask('/v1/signals', { as: 'guest', json: { signals } }));
    }),
    tries<void>(
      'lowered',
      'have what is there taken away by a limit below it',
      '3 there, and 409 tenant-limit',
      async (world) => {
        await limit(world, { tasks: 0 });
        const said = await world.says('/v1/tasks', { as: 'guest', json: task(world) });
        const { tasks } = await has(world);
        await limit(world, { tasks: LIMITS.tasks });
        return `${tasks} there, and ${said}`;
      },
      ['tenant'],
    ),
    hurried('requests', 'ask forty times at once where five may', 'most are refused', async (world) =>
      mostly(await through(Array.from({ length: 40 }, () => world.ask('/v1/tasks', { as: 'guest' })))),
    ),
    hurried('tokens', 'ask forty times at once for tokens', 'most are refused', async (world) => {
      const form = new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        subject_token: world.tokenOf('guest'),
      });
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const renew = () => world.ask('/oauth/token', { headers, text: form.toString() });
      return mostly(await through(Array.from({ length: 40 }, renew)));
    }),
    hurried('others', 'keep another tenant out by that', '200', async (world) => {
      const flood = Array.from({ length: 40 }, () => world.ask('/v1/tasks', { as: 'guest' }));
      const said = await world.says('/v1/tasks', { as: 'crm' });
      await Promise.all(flood);
      return said;
    }),
    hurried('by-others', 'have another tenant spend what this one may ask for', '200', async (world) => {
      const ask = () => world.ask('/v1/tasks', { as: 'spy', headers: { 'x-formicary-tenant': GAMMA } });
      await Promise.all(Array.from({ length: 40 }, ask));
      return await world.says('/v1/tasks', { as: 'guest' });
    }),
  ],
  control: {
    does: 'where more may be there is one more',
    expected: '201',
    async run(world) {
      await limit(world, { tasks: LIMITS.tasks + 1 });
      return await world.says('/v1/tasks', { as: 'guest', json: task(world) });
    },
  },
});

const sets = (
  id: string,
  what: string,
  expected: string | readonly string[],
  limits: unknown,
  as = 'pia',
): Attempt<void> =>
  asks<void>(id, `limit a tenant ${what}`, expected, () => [
    `/v1/tenants/${GAMMA}/limit`,
    { as, json: { limits, reason: 'x' } },
  ]);
const creates = (id: string, what: string, expected: string | readonly string[], name: string, as = 'pia') =>
  asks<void>(id, `create a tenant ${what}`, expected, () => [
    `/v1/tenants/${name}`,
    { as, method: 'PUT', json: { limits: {}, reason: 'x' } },
  ]);
const NO_NAME = ['400 invalid-request', '404 not-found', '422 name-invalid'];

const raised = family<void>('limits', 'raised', {
  prepare: () => undefined,
  attempts: [
    sets('own', 'that is one’s own', HIDDEN, { tasks: null }, 'chief'),
    sets('other', 'as an administrator of another', HIDDEN, { tasks: 0 }, 'admin'),
    sets('viewer', 'as a viewer of the platform', '403 forbidden', { tasks: null }, 'reader'),
    sets('author', 'as an author of policy', '403 forbidden', { tasks: null }, 'writer'),
    sets('negative', 'to less than nothing', INVALID, { tasks: -1 }),
    sets('half', 'to half a task', INVALID, { tasks: 0.5 }),
    sets('huge', 'to more than numbers hold', INVALID, { tasks: 2 ** 53 }),
    sets('text', 'to a text', INVALID, { tasks: '5' }),
    sets('unknown', 'in what there is not', INVALID, { planets: 1 }),
    sets('constructor', 'in what every object has', INVALID, { constructor: 1 }),
    sets('silence', 'to no request at all', INVALID, { requests_per_second: 0 }),
    asks<void>('platform', 'limit the platform', '409 platform-not-limited', () => [
      '/v1/tenants/platform/limit',
      { as: 'pia', json: { limits: { tasks: 0 }, reason: 'x' } },
    ]),
    asks<void>('nobody', 'limit a tenant that there is not', '404 tenant-not-found', () => [
      '/v1/tenants/nobody-has-it/limit',
      { as: 'pia', json: { limits: { tasks: 0 }, reason: 'x' } },
    ]),
    creates('create-own', 'as an administrator of another', HIDDEN, 'mine', 'chief'),
    creates('create-again', 'anew, without its limits', '409 tenant-exists', GAMMA),
    creates('create-case', 'in capitals', NO_NAME, 'Gamma'),
    creates('create-climbs', 'that climbs', NO_NAME, '..%2fplatform'),
    creates('create-long', 'of a hundred letters', NO_NAME, 'x'.repeat(100)),
    creates('create-proto', 'that every object has', NO_NAME, '__proto__'),
    asks<void>('read-other', 'read the limits of another', HIDDEN, () => ['/v1/tenants/alpha', { as: 'chief' }]),
    asks<void>('read-nobody', 'read those of one that there is not', HIDDEN, () => [
      '/v1/tenants/nobody-has-it',
      { as: 'chief' },
    ]),
    asks<void>('read-all', 'read which tenants there are', HIDDEN, () => ['/v1/tenants', { as: 'chief' }]),
    asks<void>('read-receipts', 'read how another was limited', '404 not-found', () => [
      '/v1/streams/tenant/gamma',
      { as: 'admin' },
    ]),
    asks<void>('budget', 'set what the platform lets one spend', '400 invalid-request', () => [
      `/v1/budgets/platform/${GAMMA}`,
      { as: 'chief', method: 'PUT', json: { limit_micro_usd: 10 ** 12, reason: 'x' } },
    ]),
    asks<void>('budget-removed', 'remove it', '400 invalid-request', () => [
      `/v1/budgets/platform/${GAMMA}/remove`,
      { as: 'chief', json: { reason: 'x' } },
    ]),
    tries<void>('metrics', 'read in the metrics how much another has', 'nothing of others', async (world) => {
      const reply = await world.ask('/metrics', { as: 'chief' });
      if (reply.status >= 400) return 'nothing of others';
      return /tenant="(alpha|beta|platform)"/.test(reply.text) ? 'names of others' : 'nothing of others';
    }),
    tries<void>(
      'spend',
      'spend more than the platform lets one, by a budget of one’s own',
      'not awarded',
      async (world) => {
        await limit(world, { agents: null, tasks: null, spend_micro_usd: 10 });
        const [agent, type, id] = [world.fresh('payer'), world.fresh('costs'), world.fresh('dear')];
        await world.done(`/v1/budgets/tenant/${GAMMA}`, {
          ...{ as: 'chief', method: 'PUT' },
          json: { limit_micro_usd: 10 ** 12, reason: 'mine' },
        });
        const agents = [{ id: agent, agent_type: type, capacity: 1, ...STAYS }];
        await world.done('/v1/gateway/agents', { as: 'guest', json: { agents } });
        const json = { id, task_type: type, estimated_cost_micro_usd: 1_000, retry_seconds: 0 };
        await world.done('/v1/tasks', { as: 'guest', json });
        await world.settled();
        const { holder } = await world.done(`/v1/tasks/${id}`, { as: 'guest' });
        await world.done(`/v1/tasks/${id}/cancel`, { as: 'guest', json: {} });
        return holder === undefined ? 'not awarded' : 'awarded';
      },
      ['tenant', 'agent', 'task', 'budget'],
    ),
  ],
  control: {
    does: 'people of the platform raise a limit',
    expected: '200',
    run: (world) =>
      world.says(`/v1/tenants/${GAMMA}/limit`, {
        as: 'pia',
        json: { limits: { spend_micro_usd: null }, reason: 'as agreed' },
      }),
  },
});

export const limits = [full, raised];
