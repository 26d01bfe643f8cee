/** Retries with a key, versions, and the past. */
import type { Commit } from '../../../domain/kernel/commit';
import { eventually } from '../../support/eventually';
import { items, type Sent } from '../support';
import { agent, ok, post, read, slug, tenant } from './world';

describe('a retry', () => {
  const keyed = (key: string) => ({ headers: { 'idempotency-key': key } });
  beforeAll(() => ok(tenant('retry')('/v1/agents/there', { method: 'PUT', json: { agent_type: 'x' } })));

  test.each<[string, string, Sent]>([
    ['a task', '/v1/tasks', { json: { task_type: 'x' } }],
    ['a task of a known id', '/v1/tasks', { json: { id: 'known', task_type: 'x' } }],
    ['an agent', '/v1/agents', { json: { agent_type: 'x' } }],
    ['an agent of a known id', '/v1/agents/known', { method: 'PUT', json: { agent_type: 'x' } }],
    ['a deployment', '/v1/agents/deploy', { json: { agent_type: 'finance.reconciliation' } }],
    ['a type', '/v1/agents/repository/acme.books', { method: 'PUT', json: { based_on: 'finance.reconciliation' } }],
    [
      'a tool',
      '/v1/tools/known',
      { method: 'PUT', json: { tool_name: 'T', description: 'D', schema: {}, version: '1.0.0' } },
    ],
    [
      'an objective',
      '/v1/pools/x/objective',
      { method: 'PUT', json: { description: 'Books', capabilities: ['books'] } },
    ],
  ])('of %s gets the first receipt', async (what, path, sent) => {
    const api = tenant('retry');
    const key = what.replaceAll(' ', '-');
    const first = await ok(api(path, { ...sent, ...keyed(key) }));
    const again = await ok(api(path, { ...sent, ...keyed(key) }));
    expect(first.body.receipt.repeated).toBe(false);
    expect(again.body.receipt).toEqual({ ...first.body.receipt, repeated: true });
    expect([again.status, again.headers.etag, again.headers.location]).toEqual([
      first.status,
      first.headers.etag,
      first.headers.location,
    ]);
  });

  test('of signals adds nothing', async () => {
    const api = tenant('retry-signals');
    const json = {
      signals: [
        { type: 'heat', location: 'a', strength: 0.2 },
        { type: 'heat', location: 'b', strength: 0.3 },
        { type: 'heat', location: 'a', strength: 0.1 },
      ],
    };
    const first = await ok(api('/v1/signals', { json, ...keyed('s') }));
    const again = await ok(api('/v1/signals', { json, ...keyed('s') }));
    expect(again.body).toEqual(first.body);
    expect((await ok(api('/v1/signals/heat/a'))).body.emissions).toBe(2);
  });

  test('of a command gets the state as it was then', async () => {
    const api = tenant('retry-command');
    const ada = agent(api, 'ada');
    await ada.register();
    await post(api, { id: 't' });
    const award = await ada.awarded('t');
    const first = await ok(ada.do('accept', 't', { award }, keyed('k')));
    await ok(ada.do('complete', 't', { award }));
    const again = await ok(ada.do('accept', 't', { award }, keyed('k')));
    expect(again.body.receipt).toEqual({ ...first.body.receipt, repeated: true });
    expect(again.body.task.status).toBe('running');
    // The same command of somebody else is another one.
    expect(slug(await api('/v1/tasks/t/accept', { json: { agent: 'ada', award }, ...keyed('k') }))).toBe(
      '409 task-completed',
    );
  });
});

describe('versions', () => {
  test('an ETag is the version; a change may be made conditional on it', async () => {
    const api = tenant('etag');
    await post(api, { id: 't' });
    expect((await ok(api('/v1/tasks/t'))).headers.etag).toBe('"0"');
    const stale = await api('/v1/tasks/t/cancel', { json: {}, headers: { 'if-match': '"3"' } });
    expect(slug(stale)).toBe('412 version-mismatch');
    expect(stale.body.version).toBe(0);
    const done = await ok(api('/v1/tasks/t/cancel', { json: {}, headers: { 'if-match': '"0"' } }));
    expect(done.headers.etag).toBe('"1"');
    expect((await ok(api('/v1/tasks/t'))).headers.etag).toBe('"1"');

    await ok(api('/v1/agents/a', { method: 'PUT', json: { agent_type: 'x' } }));
    expect(
      slug(await api('/v1/agents/a', { method: 'PUT', json: { agent_type: 'y' }, headers: { 'if-match': '"7"' } })),
    ).toBe('412 version-mismatch');
    expect(
      (await ok(api('/v1/agents/a', { method: 'PUT', json: { agent_type: 'y' }, headers: { 'if-match': '"0"' } })))
        .headers.etag,
    ).toBe('"1"');
  });

  test('everything is read by id as it was', async () => {
    const api = tenant('asof');
    const after = async (receipt: { at: string }) => {
      // The next commit is to have a later time.
      await eventually(async () => new Date().toISOString() > receipt.at);
      return receipt.at;
    };
    /** Resolves with the receipt. */
    const emitted = async (strength: number): Promise<Commit> => {
      const [{ stream, version }] = items<{ stream: string; version: number }>(
        await ok(api('/v1/signals', { json: { type: 'heat', location: 'hall/1', strength, decay_rate: 0 } })),
      ) as [{ stream: string; version: number }];
      return items<Commit>(
        await ok(api(`/v1/streams/trail/${stream.split('/')[2]}?continuation=${version}`)),
      )[0] as Commit;
    };
    const tool = { tool_name: 'T', description: 'old', schema: {}, version: '1.0.0' };
    const first = {
      task: await after((await post(api, { id: 't' })).body.receipt),
      agent: await after((await ok(api('/v1/agents/a', { method: 'PUT', json: { agent_type: 'old' } }))).body.receipt),
      tool: await after((await ok(api('/v1/tools/t', { method: 'PUT', json: tool }))).body.receipt),
      trail: await after(await emitted(0.5)),
    };
    await ok(api('/v1/tasks/t/cancel', { json: {} }));
    await ok(api('/v1/agents/a', { method: 'PUT', json: { agent_type: 'new' } }));
    await ok(api('/v1/tools/t', { method: 'PUT', json: { ...tool, description: 'new', version: '1.1.0' } }));
    await emitted(0.25);

    const at = async (path: string, time: string) => (await ok(api(`${path}?asOf=${time}`))).body;
    expect((await at('/v1/tasks/t', first.task)).status).toBe('open');
    expect((await read(api, 't')).status).toBe('cancelled');
    expect((await at('/v1/agents/a', first.agent)).agent_type).toBe('old');
    expect((await ok(api('/v1/agents/a'))).body.agent_type).toBe('new');
    expect((await at('/v1/tools/t', first.tool)).latest.description).toBe('old');
    expect((await ok(api('/v1/tools/t'))).body.latest.description).toBe('new');
    expect((await at('/v1/signals/heat/hall/1', first.trail)).strength).toBe(0.5);
    expect((await ok(api('/v1/signals/heat/hall/1'))).body.strength).toBe(0.75);

    expect((await ok(api('/v1/tools/t?version=1.0.0'))).body.definition.description).toBe('old');
    expect((await ok(api('/v1/tools/t?version=1.1.0'))).body.definition.description).toBe('new');
    // What came later was not there yet.
    expect(slug(await api(`/v1/tools/t?version=1.1.0&asOf=${first.tool}`))).toBe('404 not-found');
    const before = new Date(Date.parse(first.task) - 1).toISOString();
    expect(slug(await api(`/v1/tasks/t?asOf=${before}`))).toBe('404 not-found');
    // Strength is that of the time that is asked for, not of the time of asking: urgency rises to 1.
    await post(api, { id: 'still-open', priority: 0.5, urgency: 0.5 });
    expect((await read(api, 'still-open')).strength).toBeLessThan(0.5);
    expect((await at('/v1/tasks/still-open', '2099-01-01T00:00:00.000Z')).strength).toBe(0.5);
  });
});
