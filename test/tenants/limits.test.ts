/**
 * What a tenant may have, asked of a whole colony: limits hold however many come at once, take nothing away that was
 * acknowledged, and let in again what has room.
 */
import fc from 'fast-check';
import type { RequestContext } from '../../app/engine/command';
import type { LimitChanges } from '../../domain/tenants/tenant';
import { profile, spec, Stage, type StageOptions } from '../support/stage';

let stage: Stage;
afterEach(() => stage.end());

async function begin(processes = 1, options: StageOptions = {}): Promise<void> {
  stage = new Stage(options);
  for (let i = 0; i < processes; i += 1) await stage.start();
}

const pia: RequestContext = { principal: { tenant: 'platform', id: 'human:pia', kind: 'human', level: 'critical' } };
const by = (tenant: string, id = 'service:crm'): RequestContext => ({
  principal: { tenant, id, kind: 'service', level: 'execute' },
});
const create = (tenant: string, limits: Parameters<typeof stage.colony.tenants.create>[2]) =>
  stage.colony.tenants.create(pia, tenant, limits, 'a customer');
const limit = (tenant: string, changes: LimitChanges) => stage.colony.tenants.limit(pia, tenant, changes, 'as agreed');
const register = (tenant: string, id: string, colony = stage.colony) =>
  colony.agents.register(by(tenant), id, profile({ presence_seconds: 86_400 }));
const post = (tenant: string, id: string, colony = stage.colony, changes: Parameters<typeof spec>[0] = {}) =>
  colony.tasks.post(by(tenant), id, spec({ accept_seconds: 3_600, lease_seconds: 3_600, ...changes }));
const counts = (outcomes: readonly { readonly ok: boolean }[]) => outcomes.filter(({ ok }) => ok).length;
const tasksOf = (tenant: string) => stage.colony.market.taskCensus.size(tenant);
const agentsOf = (tenant: string) => stage.colony.market.agentCensus.size(tenant);

test('of many at once exactly as many are let in as the limit says; the others hear which, and how much', async () => {
  await begin();
  await create('contoso', { agents: 7, tasks: 9 });
  const agents = await Promise.all(Array.from({ length: 40 }, (_, i) => register('contoso', `a${i}`)));
  expect([counts(agents), agentsOf('contoso')]).toEqual([7, 7]);
  const tasks = await Promise.all(Array.from({ length: 40 }, (_, i) => post('contoso', `t${i}`)));
  expect([counts(tasks), tasksOf('contoso')]).toEqual([9, 9]);
  expect(tasks.find(({ ok }) => !ok)).toMatchObject({
    rejection: { code: 'tenant-limit', details: { limit: 'tasks', most: 9, has: 9 } },
  });
  // Others are not limited by it.
  expect(counts(await Promise.all(Array.from({ length: 20 }, (_, i) => post('fabrikam', `t${i}`))))).toBe(20);
  const refused = stage.colony.tenantBook.counts();
  expect([refused.get('agents'), refused.get('tasks')]).toEqual([33, 31]);
});

test('far from the limit nobody is looked for among those that are under way, however many come at once', async () => {
  await begin();
  await create('contoso', { tasks: 1_000_000 });
  const looked = jest.spyOn(stage.colony.market.taskCensus, 'has');
  expect(counts(await Promise.all(Array.from({ length: 200 }, (_, i) => post('contoso', `t${i}`))))).toBe(200);
  expect(looked).toHaveBeenCalledTimes(0);
  looked.mockRestore();
});

test('a task in hands counts, one that is over does not; what is there is revised, finished and answered again', async () => {
  await begin();
  await create('contoso', { agents: 1, tasks: 2 });
  await register('contoso', 'ann');
  expect(counts([await register('contoso', 'ann'), await register('contoso', 'bob')])).toBe(1);
  const keyed = { ...by('contoso'), command: { key: 'k', hash: 'k' } };
  const first = await stage.colony.tasks.post(keyed, 't1', spec({ accept_seconds: 3_600 }));
  await post('contoso', 't2');
  await stage.settled();
  expect(counts([await post('contoso', 't3')])).toBe(0);
  // The limit is reached: what was done before is answered as it was, and what is known already as ever.
  expect(await stage.colony.tasks.post(keyed, 't1', spec({ accept_seconds: 3_600 }))).toMatchObject({
    ok: true,
    repeated: true,
    version: first.ok ? first.version : -1,
  });
  expect(await post('contoso', 't1')).toMatchObject({ rejection: { code: 'task-exists' } });
  const state = (await stage.colony.tasks.load('contoso', 't1')).state;
  expect(state.status).toBe('awarded');
  const claim = { agent: 'ann', award: state.holder?.award as number };
  await stage.colony.tasks.completeAtOnce(
    { principal: { tenant: 'contoso', id: 'ann', kind: 'agent', level: 'execute' } },
    't1',
    claim,
    1,
  );
  expect(counts([await post('contoso', 't3'), await post('contoso', 't4')])).toBe(1);
  await stage.colony.agents.deregister(by('contoso'), 'ann', 'over');
  expect(counts([await register('contoso', 'bob'), await register('contoso', 'ann')])).toBe(1);
});

test('a lower limit takes nothing away: nothing new comes until there is less; none at all lets in anything', async () => {
  await begin();
  await create('contoso', {});
  for (let i = 0; i < 5; i += 1) await post('contoso', `t${i}`);
  await limit('contoso', { tasks: 3 });
  expect([counts([await post('contoso', 'more')]), tasksOf('contoso')]).toEqual([0, 5]);
  const cancel = (id: string) => stage.colony.tasks.cancel(by('contoso'), id, 'over');
  await cancel('t0');
  await cancel('t1');
  expect(counts([await post('contoso', 'more')])).toBe(0);
  await cancel('t2');
  expect(counts([await post('contoso', 'more'), await post('contoso', 'more2')])).toBe(1);
  await limit('contoso', { tasks: null });
  expect(counts([await post('contoso', 'more2'), await post('contoso', 'more3')])).toBe(2);
});

test('what was not stored gives its place back', async () => {
  await begin();
  await create('contoso', { tasks: 1 });
  await post('contoso', 'warm');
  await stage.colony.tasks.cancel(by('contoso'), 'warm', 'over');
  stage.mishaps = (port, method, [append]) =>
    port === 'store' && method === 'append' && JSON.stringify(append).includes('TaskPosted') ? 'fails' : undefined;
  await expect(post('contoso', 't1')).rejects.toThrow();
  stage.mishaps = () => undefined;
  expect(counts([await post('contoso', 't2'), await post('contoso', 't3')])).toBe(1);
});

test('a start counts what is there, also what is in hands', async () => {
  await begin();
  await create('contoso', { agents: 1, tasks: 3 });
  await register('contoso', 'ann');
  for (let i = 0; i < 3; i += 1) await post('contoso', `t${i}`);
  await stage.settled();
  stage.first.kill();
  await stage.start();
  expect([agentsOf('contoso'), tasksOf('contoso')]).toEqual([1, 3]);
  expect(counts([await post('contoso', 'more'), await register('contoso', 'bob')])).toBe(0);
});

test('two processes let in beyond the limit at most what the other did since it was heard', async () => {
  await begin(2, { shared: true });
  await create('contoso', { tasks: 10 });
  await stage.settled();
  const [one, other] = stage.living.map(({ colony }) => colony);
  for (let i = 0; i < 6; i += 1) await post('contoso', `a${i}`, one);
  await stage.settled();
  // Nothing is heard between these two: each lets in what it has room for.
  const both = await Promise.all(
    Array.from({ length: 10 }, (_, i) => [post('contoso', `b${i}`, one), post('contoso', `c${i}`, other)]).flat(),
  );
  expect(counts(both)).toBeGreaterThanOrEqual(4);
  expect(counts(both)).toBeLessThanOrEqual(8);
  await stage.settled();
  expect(counts([await post('contoso', 'x', one), await post('contoso', 'y', other)])).toBe(0);
  // A limit that one of them sets holds in the other once it has heard.
  await one?.tenants.limit(pia, 'contoso', { tasks: 100 }, 'more');
  await stage.settled();
  expect(counts([await post('contoso', 'z', other)])).toBe(1);
});

type Step = { readonly do: 'post' | 'cancel' | 'limit' | 'redrive' | 'burst'; readonly n: number };

test('never more than the limit, and never fewer than there is room for, whatever comes at once', async () => {
  const step: fc.Arbitrary<Step> = fc.record({
    do: fc.constantFrom('post', 'burst', 'burst', 'cancel', 'limit', 'redrive'),
    n: fc.integer({ min: 1, max: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (steps) => {
      await begin();
      let most = 4;
      let posted = 0;
      await create('contoso', { tasks: most });
      for (const { do: what, n } of steps) {
        const before = tasksOf('contoso');
        const room = Math.max(0, most - before);
        if (what === 'limit') await limit('contoso', { tasks: (most = n) });
        else if (what === 'cancel') await stage.colony.tasks.cancel(by('contoso'), `t${n}`, 'over');
        else if (what === 'redrive') await stage.colony.tasks.redrive(by('contoso'), `t${n}`);
        else {
          const many = what === 'burst' ? n : 1;
          const outcomes = await Promise.all(Array.from({ length: many }, () => post('contoso', `t${(posted += 1)}`)));
          expect([counts(outcomes), tasksOf('contoso')]).toEqual([Math.min(room, many), before + Math.min(room, many)]);
        }
        expect(tasksOf('contoso')).toBeLessThanOrEqual(Math.max(most, before));
      }
      await stage.end();
    }),
    { numRuns: 25 },
  );
});

test('a dead task is brought back only where there is room', async () => {
  await begin();
  await create('contoso', { tasks: 1 });
  await post('contoso', 't1', stage.colony, { deadline: new Date(stage.clock.time + 1_000).toISOString() });
  await stage.settled();
  await stage.pass(5);
  expect((await stage.colony.tasks.load('contoso', 't1')).state.status).toBe('expired');
  expect(counts([await post('contoso', 't2')])).toBe(1);
  expect(await stage.colony.tasks.redrive(by('contoso'), 't1')).toMatchObject({ rejection: { code: 'tenant-limit' } });
  await stage.colony.tasks.cancel(by('contoso'), 't2', 'over');
  expect(counts([await stage.colony.tasks.redrive(by('contoso'), 't1')])).toBe(1);
});

test('signals are counted by the minute: what is more is refused as a whole, and comes through when it may', async () => {
  await begin();
  await create('contoso', { signals_per_minute: 10 });
  const emit = (count: number, tenant = 'contoso') =>
    stage.colony.signals.emit(
      by(tenant),
      Array.from({ length: count }, (_, i) => ({
        type: 'threat_detected',
        location: `place/${i}`,
        strength: 1,
        decay_rate: 0.1,
      })),
    );
  const burst = await Promise.all(Array.from({ length: 8 }, () => emit(3)));
  expect(burst.map(counts)).toEqual([3, 3, 3, 0, 0, 0, 0, 0]);
  const [refused] = await emit(2);
  expect(refused).toMatchObject({
    rejection: { code: 'tenant-limit', details: { limit: 'signals_per_minute', most: 10 } },
  });
  expect(counts(await emit(1))).toBe(1);
  expect(counts(await emit(20, 'fabrikam'))).toBe(20);
  stage.clock.time += 61_000;
  expect(counts(await emit(10))).toBe(10);
  // What is more than a minute takes is never to be sent at once.
  const [never] = await emit(11);
  expect(never).toMatchObject({ rejection: { message: expect.stringContaining('send fewer at once') } });
  expect(stage.log().filter(({ stream }) => stream.startsWith('contoso/trail/')).length).toBeGreaterThan(0);
});

test('what the platform lets a tenant spend is a budget that the tenant can not change', async () => {
  await begin();
  await create('contoso', { spend_micro_usd: 30 });
  await register('contoso', 'ann');
  const money = { estimated_cost_micro_usd: 20 };
  await stage.colony.agents.register(by('contoso'), 'bob', profile({ presence_seconds: 86_400, capacity: 9 }));
  await Promise.all(Array.from({ length: 5 }, (_, i) => post('contoso', `t${i}`, stage.colony, money)));
  await stage.settled();
  const ledger = async () => (await stage.colony.budgets.load('contoso')).state.budgets['platform contoso'];
  // Twenty and a fifth more, once.
  expect(await ledger()).toMatchObject({ limit: 30, reserved: 24, period: 'month', reason: 'a customer' });
  const statuses = async () =>
    await Promise.all(
      [0, 1, 2, 3, 4].map(async (i) => (await stage.colony.tasks.load('contoso', `t${i}`)).state.status),
    );
  expect((await statuses()).filter((status) => status === 'awarded')).toHaveLength(1);
  await limit('contoso', { spend_micro_usd: 60 });
  await stage.colony.market.sweep();
  await stage.settled();
  expect(await ledger()).toMatchObject({ limit: 60, reserved: 48, reason: 'as agreed' });
  await limit('contoso', { spend_micro_usd: null });
  await stage.colony.market.sweep();
  await stage.settled();
  expect(await ledger()).toBeUndefined();
  expect((await statuses()).filter((status) => status === 'awarded')).toHaveLength(5);
});

describe('a closed house', () => {
  test('stores nothing of a tenant that was not created, by any door, and lets it in once it was', async () => {
    await begin(1, { tenants: { closed: true } });
    const before = stage.log().length;
    const unknown = { rejection: { kind: 'forbidden', code: 'tenant-unknown' } };
    expect(await post('contoso', 't1')).toMatchObject(unknown);
    expect(await register('contoso', 'ann')).toMatchObject(unknown);
    const emitted = await stage.colony.signals.emit(by('contoso'), [
      { type: 'threat_detected', location: 'a', strength: 1, decay_rate: 0.1 },
    ]);
    expect(emitted).toMatchObject([unknown]);
    const stop = { kind: 'tenant', name: 'contoso' } as const;
    expect(await stage.colony.stops.stop(by('contoso'), stop, 'freeze', 'why')).toMatchObject(unknown);
    expect(stage.log().length).toBe(before);
    await create('contoso', {});
    expect(counts([await post('contoso', 't1'), await register('contoso', 'ann')])).toBe(2);
    // Who runs it alone needs nobody.
    expect(counts([await post('default', 't1')])).toBe(1);
  });

  test('an open one has everybody', async () => {
    await begin();
    expect(counts([await post('anybody', 't1')])).toBe(1);
  });
});
