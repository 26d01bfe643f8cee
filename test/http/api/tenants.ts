/** Tenants: created, limited and shown, over HTTP. */
import { eventually } from '../../support/eventually';
import { items } from '../support';
import { agent, events, ok, post, read, slug, tenant } from './world';

describe('tenants', () => {
  const platform = tenant('platform');
  const put = (name: string, json: object) => platform(`/v1/tenants/${name}`, { method: 'PUT', json });
  const limit = (name: string, limits: object) =>
    platform(`/v1/tenants/${name}/limit`, { json: { limits, reason: 'as agreed' } });

  test('people of the platform create and limit them; others see their own alone', async () => {
    const api = tenant('northwind');
    const created = await ok(put('northwind', { limits: { agents: 1, tasks: 2 }, reason: 'a customer' }));
    expect(created.body).toMatchObject({
      receipt: { stream: 'platform/tenant/northwind', events: ['TenantCreated'] },
      tenant: { name: 'northwind', limits: { agents: 1, tasks: 2 }, by: 'developer', reason: 'a customer' },
    });
    expect(
      (await ok(put('northwind', { limits: { agents: 1, tasks: 2 }, reason: 'a customer' }))).body.receipt,
    ).toMatchObject({
      events: [],
      repeated: true,
    });
    expect(slug(await put('northwind', { reason: 'another' }))).toBe('409 tenant-exists');
    await post(api, { id: 't1' });
    const own = (await ok(api('/v1/tenants/northwind'))).body;
    expect(own).toMatchObject({ limits: { agents: 1, tasks: 2 }, has: { agents: 0, tasks: 1 } });
    expect((await ok(platform('/v1/tenants/northwind'))).body).toEqual(own);
    const limited = await ok(limit('northwind', { agents: null, requests_per_second: 50 }));
    expect(limited.body.tenant).toMatchObject({ limits: { tasks: 2, requests_per_second: 50 } });
    expect(limited.body.tenant.limits.agents).toBeUndefined();
    const earlier = `?asOf=${created.body.receipt.at as string}`;
    expect((await ok(platform(`/v1/tenants/northwind${earlier}`))).body.limits).toEqual({ agents: 1, tasks: 2 });
    expect(await events(platform, 'tenant', 'northwind')).toEqual(['TenantCreated', 'TenantLimited']);
    const listed = async () => items<{ name: string }>(await ok(platform('/v1/tenants'))).map(({ name }) => name);
    await eventually(async () => (await listed()).includes('northwind'));
    // Of others nobody is told, not even whether they are there.
    for (const path of ['/v1/tenants', '/v1/tenants/northwind', '/v1/tenants/nobody'])
      expect(slug(await tenant('southwind')(path))).toBe('403 platform-only');
    const json = { limits: {}, reason: 'mine' };
    expect(slug(await api('/v1/tenants/northwind/limit', { json }))).toBe('403 platform-only');
    expect(slug(await api('/v1/tenants/mine', { method: 'PUT', json }))).toBe('403 platform-only');
    // One that is there without being created shows that it has no limits.
    expect((await ok(tenant('southwind')('/v1/tenants/southwind'))).body).toEqual({
      name: 'southwind',
      limits: {},
      has: { agents: 0, tasks: 0 },
    });
  });

  test('what can not be is refused with its reason; a version counts as elsewhere', async () => {
    expect(slug(await put('Not-One', { reason: 'x' }))).toBe('400 invalid-request');
    expect(slug(await put('one', { reason: 'x', limits: { planets: 1 } }))).toBe('400 invalid-request');
    expect(slug(await put('one', { reason: 'x', limits: { agents: null } }))).toBe('400 invalid-request');
    expect(slug(await put('one', { reason: ' ' }))).toBe('422 reason-invalid');
    expect(slug(await put('one', { reason: 'x', limits: { requests_per_second: 0 } }))).toBe('422 limit-invalid');
    expect(slug(await limit('nobody', { agents: 1 }))).toBe('404 tenant-not-found');
    expect(slug(await limit('platform', { agents: 1 }))).toBe('409 platform-not-limited');
    expect(slug(await platform('/v1/tenants/nobody'))).toBe('404 not-found');
    await ok(put('versioned', { reason: 'x' }));
    const json = { limits: { agents: 1 }, reason: 'x' };
    const headers = { 'if-match': '"7"' };
    expect(slug(await platform('/v1/tenants/versioned/limit', { json, headers }))).toBe('412 version-mismatch');
    expect(slug(await platform('/v1/tenants/versioned/limit', { json, as: 'ada' }))).toBe('403 forbidden');
  });

  test('whoever has as much as it may is told so, in each item of a batch too, and others are not', async () => {
    const api = tenant('full');
    await ok(put('full', { limits: { agents: 1, tasks: 3 }, reason: 'a customer' }));
    const one = (id: string) => ({ id, task_type: 'clerk' });
    const batch = await ok(api('/v1/tasks/batch', { json: { tasks: ['a', 'b', 'c', 'd', 'e'].map(one) } }));
    const statuses = items<{ problem?: { status: number; type: string } }>(batch).map(({ problem }) => problem?.status);
    expect(statuses.filter((status) => status === 409)).toHaveLength(2);
    expect(statuses.filter((status) => status === undefined)).toHaveLength(3);
    const refused = await api('/v1/tasks', { json: one('f') });
    expect(slug(refused)).toBe('409 tenant-limit');
    expect(refused.body).toMatchObject({
      limit: 'tasks',
      most: 3,
      has: 3,
      detail: expect.stringContaining('ask people of the tenant platform for more'),
    });
    const registered = (id: string) =>
      api(`/v1/agents/${id}`, { method: 'PUT', as: id, json: { agent_type: 'clerk' } });
    await ok(registered('ann'));
    expect(slug(await registered('bob'))).toBe('409 tenant-limit');
    expect(slug(await api('/v1/agents/deploy', { json: { agent_type: 'finance.reconciliation' } }))).toBe(
      '409 tenant-limit',
    );
    // Reading, and working on what is there, go on.
    await ok(registered('ann'));
    await ok(api('/v1/tasks/a/cancel', { json: {} }));
    await ok(api('/v1/tasks', { json: one('f') }));
    await post(tenant('not-full'), { id: 'a' });
  });

  test('signals beyond a minute are refused as a whole; what may be spent is a budget that the tenant sees', async () => {
    const api = tenant('chatty');
    await ok(put('chatty', { limits: { signals_per_minute: 3, spend_micro_usd: 10 }, reason: 'a customer' }));
    const signal = { type: 'threat_detected', strength: 1, location: 'a', decay_rate: 0.1 };
    await ok(api('/v1/signals', { json: { signals: [signal, signal] } }));
    const refused = items<{ problem?: { status: number } }>(
      await ok(api('/v1/signals', { json: { signals: [signal, signal] } })),
    );
    expect(refused.map(({ problem }) => problem?.status)).toEqual([409, 409]);
    await ok(api('/v1/signals', { json: signal }));
    const last = await api('/v1/signals', { json: signal });
    expect(slug(last)).toBe('409 tenant-limit');
    expect(last.body).toMatchObject({ limit: 'signals_per_minute', most: 3, retryAfterSeconds: expect.any(Number) });
    expect(Number(last.headers['retry-after'])).toBeGreaterThan(0);
    await agent(api, 'ada').register();
    await post(api, { id: 'dear', estimated_cost_micro_usd: 100 });
    await eventually(async () => (await read(api, 'dear')).why?.code === 'over-budget');
    expect((await read(api, 'dear')).why.text).toContain('what the platform lets chatty spend');
    expect((await ok(api('/v1/budgets'))).body.value).toMatchObject([
      { kind: 'platform', name: 'chatty', limit_micro_usd: 10, period: 'month', reason: 'a customer' },
    ]);
    const json = { limit_micro_usd: 1_000, reason: 'more' };
    expect(slug(await api('/v1/budgets/platform/chatty', { method: 'PUT', json }))).toBe('400 invalid-request');
    await ok(limit('chatty', { spend_micro_usd: 1_000 }));
    expect(await agent(api, 'ada').awarded('dear')).toBeGreaterThan(0);
  });

  test('whoever has stored as much as it may finishes what it has, and begins nothing', async () => {
    const api = tenant('hoarder');
    await ok(put('hoarder', { limits: { storage_bytes: 40_000 }, reason: 'a customer' }));
    const ann = agent(api, 'ann');
    await ann.register();
    await post(api, { id: 't1' });
    const award = await ann.awarded('t1');
    await ok(ann.do('accept', 't1', { award }));
    const replies = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        api('/v1/tasks', { json: { id: `b${i}`, task_type: 'clerk', payload: 'x'.repeat(3_000) } }),
      ),
    );
    const refused = replies.filter(({ status }) => status !== 201);
    expect(refused.length).toBeGreaterThan(10);
    for (const reply of refused) expect(slug(reply)).toBe('409 tenant-limit');
    expect(refused[0]?.body).toMatchObject({ limit: 'storage_bytes', most: 40_000, has: expect.any(Number) });
    const large = { task_type: 'clerk', payload: 'x'.repeat(100_000) };
    expect(slug(await api('/v1/tasks', { json: large }))).toBe('409 tenant-limit');
    await ok(ann.do('progress', 't1', { award, fraction: 0.5 }));
    await ok(ann.do('complete', 't1', { award, result: 'y'.repeat(50_000) }));
    const { limits, has } = (await ok(api('/v1/tenants/hoarder'))).body;
    expect(limits).toEqual({ storage_bytes: 40_000 });
    expect(has.storage_bytes).toBeGreaterThan(50_000);
  });

  test('one that is closed takes nothing any more, ends what is under way, and can be read; erased, nobody is opened', async () => {
    const api = tenant('leaver');
    const end = (ending: string, as: string) =>
      platform(`/v1/tenants/leaver/${ending}`, { as, json: { reason: 'over' } });
    const mark = (inner: object) => ({ customer: { $personal: { subject: 'ada', ...inner } } });
    expect(slug(await end('close', 'human:ada'))).toBe('404 tenant-not-found');
    await ok(put('leaver', { reason: 'a customer' }));
    await agent(api, 'ann').register();
    await post(api, { id: 't1', payload: mark({ value: 'Ada Byron' }) });
    await eventually(async () => (await read(api, 't1')).status === 'awarded');
    expect(slug(await end('erase', 'human:ada'))).toBe('409 tenant-not-closed');
    expect(slug(await end('close', 'service:crm'))).toBe('403 person-ends');
    const first = await ok(end('close', 'human:ada'));
    expect(first.body.tenant).toMatchObject({ agreed: { ending: 'close', by: 'human:ada' } });
    expect(first.body.tenant.closed).toBeUndefined();
    expect(slug(await end('close', 'human:ada'))).toBe('409 second-person-needed');
    await post(api, { id: 't2' });
    expect((await ok(end('close', 'human:bob'))).body.tenant.closed).toMatchObject({
      by: 'human:bob',
      with: 'human:ada',
    });
    const headers = { 'idempotency-key': 'k' };
    const attempts: readonly (readonly [path: string, sent: Parameters<typeof api>[1]])[] = [
      ['/v1/tasks', { json: { task_type: 'clerk' }, headers }],
      ['/v1/tasks/t1/cancel', { json: {}, as: 'human:eve' }],
      ['/v1/tasks/t1', { as: 'ann' }],
      ['/v1/agents/ann/inbox', { as: 'ann' }],
      ['/v1/agents/bob', { method: 'PUT', as: 'bob', json: { agent_type: 'clerk' } }],
      ['/v1/signals', { json: { type: 'threat_detected', strength: 1, location: 'a', decay_rate: 0.1 } }],
      ['/v1/stops/tenant/leaver', { method: 'PUT', as: 'human:eve', json: { reason: 'x' } }],
      ['/v1/tokens', { as: 'human:eve', json: { subject: 'ann' } }],
    ];
    for (const [path, sent] of attempts)
      expect([path, slug(await api(path, sent))]).toEqual([path, '403 tenant-closed']);
    await eventually(async () => (await read(api, 't1')).status === 'cancelled');
    await eventually(async () => (await ok(api('/v1/agents/ann'))).body.status === 'gone');
    expect(slug(await put('leaver', { reason: 'again' }))).toBe('403 tenant-closed');
    // Others read it on, also what is about people.
    const opened = () => ok(api('/v1/tasks/t1?personal=open&purpose=an+audit', { as: 'human:eve' }));
    expect((await opened()).body.payload).toEqual(mark({ value: 'Ada Byron' }));
    expect((await events(api, 'task', 't1')).at(-1)).toBe('TaskCancelled');
    await ok(end('erase', 'human:ada'));
    await ok(end('erase', 'human:bob'));
    expect((await opened()).body.payload).toEqual(mark({ erased: true }));
    expect(await read(api, 't1')).toMatchObject({ payload: mark({ erased: true }) });
    expect((await events(platform, 'tenant', 'leaver')).slice(1)).toEqual([
      ...['TenantEndingAgreed', 'TenantClosed', 'TenantEndingAgreed', 'TenantErased'],
    ]);
  });

  test('whoever asks too often is told for how long to wait, and whose limit that is', async () => {
    const api = tenant('hasty');
    await ok(put('hasty', { limits: { requests_per_second: 5 }, reason: 'a customer' }));
    const replies = await Promise.all(Array.from({ length: 40 }, (_, i) => api(`/v1/tasks?limit=${i + 1}`)));
    const refused = replies.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(replies.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(5);
    expect(slug(refused[0]!)).toBe('429 too-many-requests');
    expect(refused[0]?.body).toMatchObject({
      limit: 'requests_per_second',
      most: 5,
      retryAfterSeconds: expect.any(Number),
      detail: expect.stringContaining('the tenant hasty, 5 requests a second,'),
    });
    expect(Number(refused[0]?.headers['retry-after'])).toBeGreaterThan(0);
    await ok(tenant('patient')('/v1/tasks'));
    await ok(limit('hasty', { requests_per_second: null }));
    await eventually(async () => (await api('/v1/tasks')).status === 200);
  });
});
