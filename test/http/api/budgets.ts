/** Budgets, over HTTP. */
import { eventually } from '../../support/eventually';
import { agent, events, everything, ok, post, read, slug, statusIs, tenant } from './world';

const KEPT = { accept_seconds: 600, lease_seconds: 600 };

describe('budgets', () => {
  test('are set and shown; awards reserve, and settle with what they have cost', async () => {
    const api = tenant('budgets');
    const ada = agent(api, 'ada');
    expect((await ok(api('/v1/budgets'))).body).toEqual({ value: [] });
    const set = await ok(
      api('/v1/budgets/pool/clerks', {
        method: 'PUT',
        json: { limit_micro_usd: 30, period: 'month', reason: 'pilot' },
      }),
    );
    expect(set.body).toMatchObject({
      receipt: { events: ['BudgetSet'] },
      budget: { kind: 'pool', name: 'clerks', limit_micro_usd: 30, period: 'month', left_micro_usd: 30 },
    });
    await ada.register({ pool: 'clerks', capacity: 5 });
    const estimated_cost_micro_usd = 10;
    for (const id of ['b1', 'b2']) {
      await post(api, { id, ...KEPT, estimated_cost_micro_usd });
      await ada.awarded(id);
    }
    await post(api, { id: 'b3', ...KEPT, estimated_cost_micro_usd });
    expect(await eventually(async () => (await read(api, 'b3')).why?.code)).toBe('over-budget');
    expect((await read(api, 'b3')).why.text).toContain('pool clerks has 6 of 30 micro-USD left');
    const { value, pages } = await everything(api, '/v1/budgets/reservations?limit=1');
    expect([value.map(({ task }) => task), pages]).toEqual([['b1', 'b2'], 2]);
    expect(value[0]).toMatchObject({
      agent: 'ada',
      estimated_micro_usd: 10,
      reserved_micro_usd: 12,
      charged_to: [{ kind: 'pool', name: 'clerks' }],
    });
    expect((await ok(api('/v1/budgets/reservations?task=b2'))).body.value).toHaveLength(1);
    expect(slug(await api('/v1/budgets/reservations?continuation=x'))).toBe('400 invalid-request');
    const done = await ok(ada.do('complete', 'b1', { award: 1, accept: true, result: 1, cost_micro_usd: 4 }));
    expect(done.body.task.completion).toMatchObject({ cost_micro_usd: 4 });
    // What was given back is enough for the one that waited.
    await ada.awarded('b3');
    expect((await ok(api('/v1/budgets'))).body.value).toMatchObject([
      { limit_micro_usd: 30, reserved_micro_usd: 24, spent_micro_usd: 4, left_micro_usd: 2 },
    ]);
    expect(await events(api, 'budget', 'all')).toEqual(
      expect.arrayContaining(['BudgetSet', 'BudgetReserved', 'BudgetSettled']),
    );
    const removed = await ok(api('/v1/budgets/pool/clerks/remove', { json: { reason: 'over' } }));
    expect(removed.body.receipt.events).toEqual(['BudgetRemoved']);
  });

  test('who costs more than was reserved waits for a person', async () => {
    const api = tenant('over-budget');
    const ada = agent(api, 'ada');
    await ok(
      api('/v1/budgets/tenant/over-budget', { method: 'PUT', json: { limit_micro_usd: 100, reason: 'as agreed' } }),
    );
    await ada.register();
    await post(api, { id: 'dear', ...KEPT, estimated_cost_micro_usd: 10 });
    const award = await ada.awarded('dear');
    await ok(ada.do('accept', 'dear', { award }));
    await ok(ada.do('heartbeat', 'dear', { award, cost_micro_usd: 12 }));
    const over = await ada.do('progress', 'dear', { award, fraction: 0.5, cost_micro_usd: 13 });
    expect(slug(over)).toBe('409 over-budget');
    expect(over.body).toMatchObject({ spent: 13, reserved: 12 });
    expect(slug(await ada.do('complete', 'dear', { award, result: 1 }))).toBe('403 stopped');
    const raise = '/v1/budgets/reservations/dear/raise';
    const more = { more_micro_usd: 20, reason: 'it is worth it' };
    expect(slug(await api(raise, { json: more, as: 'ada' }))).toBe('403 forbidden');
    expect(slug(await api(raise, { json: more, as: 'service:ops' }))).toBe('403 person-raises');
    expect(slug(await api(raise, { json: { ...more, more_micro_usd: 500 } }))).toBe('409 budget-exceeded');
    expect(slug(await api('/v1/budgets/reservations/none/raise', { json: more }))).toBe('404 reservation-not-found');
    expect((await ok(api(raise, { json: more, as: 'human:eve' }))).body.reservation).toMatchObject({
      reserved_micro_usd: 32,
      spent_micro_usd: 13,
    });
    await ok(ada.do('complete', 'dear', { award, result: 1, cost_micro_usd: 20 }));
    await statusIs(api, 'dear', 'completed');
  });

  test('what is no amount is refused, and not understood as another', async () => {
    const api = tenant('budget-form');
    const put = (path: string, json: object) => api(`/v1/budgets/${path}`, { method: 'PUT', json });
    const reason = 'x';
    for (const limit of ['5', -1, 0.5, null, 1e16])
      expect(slug(await put('pool/a', { limit_micro_usd: limit, reason }))).toMatch(/^400 /);
    expect(slug(await put('pool/a', { reason }))).toMatch(/^400 /);
    expect(slug(await put('planet/mars', { limit_micro_usd: 5, reason }))).toMatch(/^400 /);
    expect(slug(await put('tenant/other', { limit_micro_usd: 5, reason }))).toBe('422 name-invalid');
    expect(slug(await put('pool/a', { limit_micro_usd: 5, reason: ' ' }))).toMatch(/^422 /);
    for (const estimated_cost_micro_usd of ['5', -1, 0.5])
      expect(slug(await api('/v1/tasks', { json: { task_type: 'x', estimated_cost_micro_usd } }))).toMatch(/^400 /);
    expect(slug(await api('/v1/tasks', { json: { task_type: 'x', parent: 'nowhere' } }))).toBe('422 parent-not-found');
  });
});
