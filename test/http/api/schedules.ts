/** Schedules and delayed tasks, over HTTP. */
import { eventually } from '../../support/eventually';
import { agent, ok, slug, tenant } from './world';

describe('schedules', () => {
  const task = { task_type: 'clerk', payload: { of: 'the day' } };
  const daily = { id: 's', cron: '30 18 * * MON-FRI', time_zone: 'Europe/Berlin', task };

  test('one is created, read, listed, paused, resumed and deleted', async () => {
    const api = tenant('schedules');
    const created = await ok(api('/v1/schedules', { as: 'service:crm', json: { ...daily, name: 'close' } }));
    expect(created.status).toBe(201);
    expect(created.headers['location']).toMatch(/\/v1\/schedules\/s$/);
    expect(created.body).toMatchObject({
      receipt: { events: ['ScheduleCreated'] },
      schedule: { id: 's', name: 'close', status: 'active', requester: 'service:crm', on_missed: 'skip', catch_up: 10 },
    });
    const read = await ok(api('/v1/schedules/s?runs=3'));
    expect(read.body).toMatchObject({ task: { ...task, priority: 0.5 }, posted: 0, recent: [], waiting: [] });
    expect(read.body.next_runs).toHaveLength(3);
    const { body: paused } = await ok(api('/v1/schedules/s/pause', { json: { reason: 'a move' } }));
    expect(paused.schedule).toMatchObject({ status: 'paused', paused_by: { reason: 'a move' }, next_runs: [] });
    await eventually(async () => (await ok(api('/v1/schedules?status=paused'))).body.value.length === 1);
    const { body: resumed } = await ok(api('/v1/schedules/s/resume', { method: 'POST' }));
    expect(resumed.schedule).toMatchObject({ status: 'active' });
    const before = await ok(api(`/v1/schedules/s?asOf=${String(created.body.receipt.at)}`));
    expect(before.body).toMatchObject({ status: 'active', version: 0 });
    const { body: deleted } = await ok(api('/v1/schedules/s', { method: 'DELETE' }));
    expect(deleted.schedule).toMatchObject({ status: 'deleted', next_runs: [] });
    expect(slug(await api('/v1/schedules/s/resume', { method: 'POST' }))).toBe('409 schedule-deleted');
    expect(slug(await api('/v1/schedules/s/pause', { json: {} }))).toBe('409 schedule-deleted');
    expect(slug(await api('/v1/schedules', { json: daily }))).toBe('409 schedule-exists');
  });

  test.each<[string, unknown, string]>([
    ['never comes', { ...daily, cron: '0 0 30 2 *' }, '422 schedule-invalid'],
    ['is in no zone', { ...daily, time_zone: 'Mars/Base' }, '422 schedule-invalid'],
    ['posts a task with an id', { ...daily, task: { ...task, id: 't' } }, '400 invalid-request'],
    ['posts a task with a correlation', { ...daily, task: { ...task, correlation_id: 'c' } }, '400 invalid-request'],
    ['posts nothing', { ...daily, task: undefined }, '400 invalid-request'],
  ])('one that %s is refused', async (_, json, problem) => {
    const api = tenant('schedules-refused');
    expect(slug(await api('/v1/schedules', { json }))).toBe(problem);
    expect(slug(await api('/v1/schedules/s'))).toBe('404 not-found');
    for (const [path, method] of [
      ['/s/pause', 'POST'],
      ['/s/resume', 'POST'],
      ['/s', 'DELETE'],
    ] as const)
      expect(slug(await api(`/v1/schedules${path}`, { method, ...(path === '/s/pause' && { json: {} }) }))).toBe(
        '404 schedule-not-found',
      );
  });
});

describe('a task that is posted ahead of its time', () => {
  test('is given to nobody before it, and says until when', async () => {
    const api = tenant('delayed');
    await agent(api, 'ada').register();
    const not_before = new Date(Date.now() + 3_600_000).toISOString();
    const posted = await ok(api('/v1/tasks', { json: { id: 't', task_type: 'clerk', not_before } }));
    expect(posted.body.task).toMatchObject({ status: 'open', not_before, open_since: not_before });
    await eventually(async () => (await ok(api('/v1/tasks?status=open'))).body.value.length === 1);
    expect((await ok(api('/v1/tasks/t'))).body).toMatchObject({ status: 'open', why: { code: 'delayed' } });
    expect(slug(await api('/v1/tasks/t/bids', { json: { agent: 'ada' } }))).toBe('409 task-delayed');
    const far = new Date(Date.now() + 400 * 86_400_000).toISOString();
    const refused = (json: object) => api('/v1/tasks', { json: { task_type: 'clerk', ...json } });
    expect(slug(await refused({ not_before: far }))).toBe('422 not-before-too-far');
    expect(slug(await refused({ not_before, deadline: not_before }))).toBe('422 deadline-before-start');
  });
});
