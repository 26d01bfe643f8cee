/** Jobs, over HTTP. */
import { eventually } from '../../support/eventually';
import { agent, everything, ok, slug, tenant } from './world';

const ref = (key: string) => ({ $result: key });

describe('jobs', () => {
  test('tasks that come after others are done with their results', async () => {
    const api = tenant('jobs');
    const ada = agent(api, 'ada');
    await ada.register();
    const tasks = [
      { key: 'a', task_type: 'clerk', payload: 1 },
      { key: 'b', task_type: 'clerk', after: ['a'], payload: { from: ref('a') } },
    ];
    const posted = await ok(api('/v1/jobs', { as: 'service:crm', json: { id: 'j', name: 'two', tasks } }));
    expect(posted.status).toBe(201);
    expect(posted.headers['location']).toMatch(/\/v1\/jobs\/j$/);
    expect(posted.body).toMatchObject({
      receipt: { events: ['JobPosted'] },
      job: { id: 'j', name: 'two', status: 'running', tasks: 2, left: 2, on_failure: 'cancel', failures: [] },
    });
    const listed = async () => (await ok(api('/v1/jobs/j/tasks?limit=1'))).body;
    const [first] = (await listed()).value as { id: string }[];
    expect(first).toMatchObject({ key: 'a', task_type: 'clerk' });
    await eventually(async () => (await api(`/v1/tasks/${first?.id}`)).status === 200);
    const award = await ada.awarded(first?.id as string);
    const [one, all] = [api(`/v1/tasks/${first?.id}?waitSeconds=30`), api('/v1/jobs/j?waitSeconds=30')];
    await ok(ada.do('complete', first?.id as string, { award, result: { rows: 3 }, accept: true }));
    expect((await ok(one)).body).toMatchObject({ status: 'completed', completion: { result: { rows: 3 } } });
    const { value, pages } = await everything(api, '/v1/jobs/j/tasks?limit=1');
    expect([value.length, pages]).toEqual([2, 2]);
    const second = value[1]?.['id'] as string;
    const next = await eventually(async () => {
      const { body } = await api(`/v1/tasks/${second}`);
      return body.status === 'awarded' && body;
    });
    expect(next).toMatchObject({
      payload: { from: { rows: 3 } },
      requester: 'service:crm',
      job: { id: 'j', key: 'b' },
    });
    await ok(ada.do('complete', second, { award: next.holder.award, accept: true }));
    expect((await ok(all)).body).toMatchObject({ status: 'completed', left: 0 });
    await eventually(async () => (await ok(api('/v1/jobs?status=completed'))).body.value.length === 1);
    expect(slug(await api('/v1/jobs/j/cancel', { json: {} }))).toBe('409 job-over');
    const before = await ok(api(`/v1/jobs/j?asOf=${String(posted.body.receipt.at)}`));
    expect(before.body).toMatchObject({ status: 'running', left: 2 });
  });

  test('a task comes after others that are there, with their results', async () => {
    const api = tenant('jobs-after');
    const ada = agent(api, 'ada');
    await ada.register();
    const post = (json: object) => api('/v1/tasks', { as: 'service:crm', json: { task_type: 'clerk', ...json } });
    await ok(post({ id: 'a' }));
    const posted = await ok(
      post({ id: 'b', after: ['a', 'a'], payload: { from: { $result: 'a', pointer: '/rows' } } }),
    );
    expect(posted.body.task).toMatchObject({ status: 'held', after: ['a'] });
    const waiting = { code: 'awaits-others', text: expect.stringContaining('waits for a (') };
    expect((await ok(api('/v1/tasks/b'))).body.why).toMatchObject(waiting);
    expect(slug(await post({ id: 'c', after: ['none'] }))).toBe('422 after-unknown');
    expect(slug(await post({ id: 'c', after: ['c'] }))).toBe('422 after-itself');
    expect(slug(await post({ id: 'c', after: ['a'], payload: { $result: 'z' } }))).toBe('422 reference-invalid');
    const many = Array.from({ length: 33 }, (_, n) => `t${n}`);
    expect(slug(await post({ id: 'c', after: many }))).toBe('400 invalid-request');
    await ok(ada.do('complete', 'a', { award: await ada.awarded('a'), result: { rows: 3 }, accept: true }));
    const award = await ada.awarded('b');
    expect((await ok(api('/v1/tasks/b'))).body).toMatchObject({ payload: { from: 3 } });
    await ok(ada.do('complete', 'b', { award, accept: true }));
  });

  test('a job is cancelled with its tasks', async () => {
    const api = tenant('jobs-cancelled');
    await ok(api('/v1/jobs', { json: { id: 'j', tasks: [{ key: 'a', task_type: 'clerk' }] } }));
    const cancelled = await ok(api('/v1/jobs/j/cancel', { json: { reason: 'enough' } }));
    expect(cancelled.body).toMatchObject({ job: { cancelled_by: { reason: 'enough' } } });
    await eventually(async () => (await ok(api('/v1/jobs/j'))).body.status === 'cancelled');
    expect(slug(await api('/v1/jobs/none/cancel', { json: {} }))).toBe('404 job-not-found');
    expect(slug(await api('/v1/jobs/none?waitSeconds=30'))).toBe('404 not-found');
    expect(slug(await api('/v1/jobs/j?waitSeconds=31'))).toBe('400 invalid-request');
    expect(slug(await api('/v1/jobs/none/tasks'))).toBe('404 not-found');
  });

  test.each<[string, unknown, string]>([
    ['waits for itself', { tasks: [{ key: 'a', task_type: 'x', after: ['a'] }] }, '422 job-cycle'],
    ['comes after nobody', { tasks: [{ key: 'a', task_type: 'x', after: ['b'] }] }, '422 after-unknown'],
    ['refers to nobody', { tasks: [{ key: 'a', task_type: 'x', payload: ref('b') }] }, '422 reference-invalid'],
    [
      'has a field of a task that is none here',
      { tasks: [{ key: 'a', task_type: 'x', id: 'b' }] },
      '400 invalid-request',
    ],
    ['has none', { tasks: [] }, '400 invalid-request'],
  ])('one that %s is refused', async (_, json, problem) => {
    const api = tenant('jobs-refused');
    expect(slug(await api('/v1/jobs', { json }))).toBe(problem);
    expect((await ok(api('/v1/jobs'))).body.value).toEqual([]);
    expect(slug(await api('/v1/tasks', { json: { id: 'system:x', task_type: 'x' } }))).toBe('422 id-reserved');
  });
});
