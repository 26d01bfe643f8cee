/** What is stopped, over HTTP. */
import { agent, ok, post, read, slug, statusIs, tenant } from './world';

describe('stops', () => {
  test('a stop is told with its reason, to those who are refused too, and is lifted', async () => {
    const api = tenant('stops');
    const ada = agent(api, 'ada');
    const bob = agent(api, 'bob');
    await ada.register();
    expect((await ok(api('/v1/stops'))).body).toEqual({ value: [] });
    await post(api, { id: 'held' });
    const award = await ada.awarded('held');
    await ok(ada.do('accept', 'held', { award }));
    await bob.register();
    const set = await ok(
      api('/v1/stops/agent/ada', { method: 'PUT', json: { effect: 'quarantine', reason: 'it pays twice' } }),
    );
    expect(set.body).toMatchObject({
      receipt: { events: ['Stopped'] },
      stop: { kind: 'agent', name: 'ada', effect: 'quarantine', reason: 'it pays twice', of: 'tenant' },
      in_flight: [{ tenant: 'stops', task: 'held', agent: 'ada', award, returned: true }],
    });
    expect((await ok(api('/v1/stops'))).body.value).toMatchObject([{ kind: 'agent', name: 'ada' }]);
    const refused = await ada.do('complete', 'held', { award, result: 1 });
    expect(slug(refused)).toBe('403 stopped');
    expect(refused.body).toMatchObject({
      stopped: { kind: 'agent', name: 'ada', effect: 'quarantine', reason: 'it pays twice' },
      detail: expect.stringContaining('agent ada is in quarantine'),
    });
    expect(await bob.awarded('held')).toBe(2);
    expect((await read(api, 'held')).history).toMatchObject([{ agent: 'ada', end: 'released' }]);
    const lift = '/v1/stops/agent/ada/lift';
    expect(slug(await api(lift, { as: 'human:ada', json: { reason: 'let me' } }))).toBe('403 own-stop');
    expect(slug(await api(lift, { as: 'service:ops', json: { reason: 'let it' } }))).toBe('403 person-lifts');
    expect((await ok(api(lift, { as: 'human:eve', json: { reason: 'it is well' } }))).body).toMatchObject({
      lifted: true,
      receipt: { events: ['StopLifted'] },
    });
    expect((await ok(api('/v1/stops'))).body.value).toEqual([]);
  });

  test('a tenant stops itself, and the platform others', async () => {
    const api = tenant('stopped');
    const platform = tenant('platform');
    await ok(api('/v1/stops/tenant/stopped', { method: 'PUT', json: { reason: 'a breach' } }));
    expect(slug(await api('/v1/tasks', { json: { id: 't', task_type: 'x' } }))).toBe('403 stopped');
    expect((await ok(api('/v1/tasks'))).body.value).toEqual([]);
    await ok(api('/v1/stops/tenant/stopped/lift', { json: { reason: 'over' } }));
    await ok(api('/v1/tasks', { json: { id: 't', task_type: 'x' } }));
    const quarantine = { method: 'PUT', json: { effect: 'quarantine', reason: 'a breach' } } as const;
    expect(slug(await api('/v1/stops/tenant/stopped', quarantine))).toBe('409 stop-not-liftable');
    expect(slug(await api('/v1/stops/tenant/other', quarantine))).toBe('403 platform-only');
    expect(slug(await api('/v1/stops/global/all', { method: 'PUT', json: { reason: 'x' } }))).toBe('403 platform-only');
    await ok(platform('/v1/stops/tenant/stopped', quarantine));
    expect((await ok(api('/v1/stops'))).body.value).toMatchObject([{ kind: 'tenant', of: 'platform' }]);
    expect(slug(await api('/v1/tasks/t/cancel', { json: {} }))).toBe('403 stopped');
    await ok(platform('/v1/stops/tenant/stopped/lift', { as: 'human:pia', json: { reason: 'over' } }));
    await ok(api('/v1/tasks/t/cancel', { json: {} }));
    await statusIs(api, 't', 'cancelled');
  });

  test('what is no stop is refused with its reason; a key and a version count as elsewhere', async () => {
    const api = tenant('stops-form');
    const put = (path: string, json: object, headers: Record<string, string> = {}) =>
      api(`/v1/stops/${path}`, { method: 'PUT', json, headers });
    expect(slug(await put('planet/mars', { reason: 'dust' }))).toMatch(/^400 /);
    expect(slug(await put('agent/a', {}))).toMatch(/^400 /);
    expect(slug(await put('agent/a', { reason: '  ' }))).toMatch(/^422 /);
    expect(slug(await put('agent/a', { reason: 'x', effect: 'kill' }))).toMatch(/^400 /);
    expect(slug(await put('agent/human:bob', { reason: 'x' }))).toBe('422 person-not-stopped');
    expect(slug(await put('tenant/Not-One', { reason: 'x' }))).toMatch(/^4\d\d /);
    const again = { 'idempotency-key': 'stop-once' };
    const first = await ok(put('task/t1', { reason: 'x' }, again));
    expect((await ok(put('task/t1', { reason: 'x' }, again))).body.receipt).toMatchObject({
      repeated: true,
      version: first.body.receipt.version,
    });
    expect(slug(await put('task/t2', { reason: 'x' }, { 'if-match': '"99"' }))).toBe('412 version-mismatch');
    // An agent stops nobody.
    expect(slug(await api('/v1/stops/task/t3', { method: 'PUT', json: { reason: 'x' }, as: 'ada' }))).toBe(
      '403 forbidden',
    );
  });
});
