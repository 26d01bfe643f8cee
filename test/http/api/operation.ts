/** How the host is run; pauses. */
import { canonicalize, ChainVerifier, type Commit } from '../../../domain/kernel/commit';
import { eventually } from '../../support/eventually';
import { PROFILE, startTestHost } from '../../support/host';
import { items, settled } from '../support';
import { agent, everything, host, metric, ok, post, read, receiptsOf, slug, tenant } from './world';

describe('operation', () => {
  test('every chain verifies over HTTP, and no change to one would', async () => {
    const api = tenant('chain');
    const ada = agent(api, 'ada');
    await ada.register({ capacity: 3 });
    for (const id of ['one', 'two', 'three']) {
      await post(api, { id, payload: { text: 'Grüße, \u{1F41C}', number: 1e21, nested: [[], {}, null, -0] } });
      const award = await ada.awarded(id);
      await ok(ada.do('accept', id, { award }));
      await ok(ada.do('complete', id, { award, result: [1.5, 'x'] }));
    }
    await settled(host);
    const commits = (await everything(api, '/v1/receipts?limit=7')).value as unknown as Commit[];
    const verify = (log: readonly Commit[]) => {
      const verifiers = new Map<string, ChainVerifier>();
      return log.flatMap(({ hash, ...unsealed }) => {
        const { stream, index } = unsealed;
        const verifier = verifiers.get(stream) ?? new ChainVerifier(stream);
        verifiers.set(stream, verifier);
        return verifier.next({ index, body: canonicalize(unsealed), hash });
      });
    };
    expect(new Set(commits.map(({ stream }) => stream)).size).toBeGreaterThanOrEqual(4);
    expect(commits.length).toBeGreaterThanOrEqual(4 * 4);
    expect(verify(commits)).toEqual([]);
    for (const [i, commit] of commits.entries()) {
      expect(
        verify(
          commits.with(i, { ...commit, meta: { ...commit.meta, actor: { ...commit.meta.actor, id: 'mallory' } } }),
        )[0],
      ).toMatchObject({ kind: 'altered', stream: commit.stream, index: commit.index });
    }
    const inner = commits.findIndex(({ stream, index }) => stream === 'chain/task/one' && index === 1);
    expect(verify(commits.toSpliced(inner, 1))[0]).toMatchObject({ kind: 'missing' });
  });

  test('a caller that asks too often is told when to come back; others are not', async () => {
    const strict = await startTestHost({ env: { FORMICARY_RATE: '0.5', FORMICARY_BURST: '5' } });
    const api = tenant('rate', () => strict);
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => api('/v1/tasks', { json: { id: `t${i}`, task_type: 'x' } })),
    );
    const done = replies.filter(({ status }) => status === 201);
    const refused = replies.filter(({ status }) => status !== 201);
    // A token may have come back meanwhile, on a slow machine.
    expect(done.length).toBeGreaterThanOrEqual(5);
    expect(refused.length).toBeGreaterThanOrEqual(5);
    for (const reply of refused) {
      expect(slug(reply)).toBe('429 too-many-requests');
      expect(Number(reply.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(Math.ceil(reply.body.retryAfterSeconds)).toBe(Number(reply.headers['retry-after']));
    }
    // What was refused was not done, and the others are not held up.
    const log = items<Commit>(await ok(api('/v1/receipts', { as: 'other' })));
    expect(log.map(({ hash }) => hash).sort()).toEqual(done.map(({ body }) => body.receipt.hash as string).sort());
    expect((await tenant('rate-2', () => strict)('/v1/tasks')).status).toBe(200);
    expect((await api('/health/ready')).status).toBe(200);
    await eventually(async () => (await api('/v1/tasks')).status === 200);
    await strict.stop();
  });

  test('asked to stop, it ends what waits and goes; killed, it has lost nothing', async () => {
    let own = await startTestHost();
    const { data } = own;
    const api = tenant('restart', () => own);
    const ada = agent(api, 'ada');
    await ada.register({ limits: { presence_seconds: 3_600 } });
    await post(api, { id: 't', accept_seconds: 3_600 });
    await ada.awarded('t');
    const before = (await everything(api, '/v1/receipts')).value;
    await own.kill('SIGKILL');
    own = await startTestHost({ data });
    expect((await everything(api, '/v1/receipts')).value.slice(0, before.length)).toEqual(before);
    expect(await ada.awarded('t')).toBe(1);
    await ok(ada.do('accept', 't', { award: 1 }));

    const waiting = ada.inbox('?waitSeconds=30');
    const stream = receiptsOf(own, 'restart', '', undefined, new AbortController().signal);
    const streamed = stream.next();
    await eventually(
      async () => (await metric(own, 'formicary_http_request_seconds_count', 'route="streamReceipts"')) === 1,
    );
    expect(await own.kill('SIGTERM')).toBe(0);
    expect((await waiting).body).toMatchObject({ items: [] });
    expect(await streamed).toEqual({ value: undefined, done: true });
    expect(own.output()).not.toContain('"level":"error"');
    await expect(api('/v1/tasks')).rejects.toThrow();
    await own.stop();
  });

  test('while the store can’t be written, callers are told to come back; the same key then gets it done', async () => {
    const own = await startTestHost();
    const api = tenant('stuck', () => own);
    await post(api, { id: 'before', task_type: 'nobody_does' });
    const takeWrites = await own.refuseWrites();
    const send = () => api('/v1/tasks', { json: { task_type: 'nobody_does' }, headers: { 'idempotency-key': 'k' } });
    const refused = await send();
    expect(slug(refused)).toBe('503 unavailable');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(refused.text).not.toMatch(/sqlite|locked|\/tmp/i);
    expect(slug(await api('/v1/tasks/batch', { json: { tasks: [{ id: 'x', task_type: 'y' }] } }))).toBe(
      '503 unavailable',
    );
    // Long enough for what the host writes by itself, such as how far the feed has come.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect((await read(api, 'before')).status).toBe('open');
    takeWrites();
    expect((await ok(send())).body.receipt).toMatchObject({ version: 0, repeated: false });
    expect(items<Commit>(await ok(api('/v1/receipts?category=task')))).toHaveLength(2);
    await own.stop();
  }, 60_000);

  test('health, status and metrics say how it is', async () => {
    const api = tenant('status');
    await post(api, { id: 't', task_type: 'nobody_does' });
    expect((await api('/health/live')).body).toEqual({ status: 'live' });
    expect((await api('/health/ready')).body).toMatchObject({ status: 'ready' });
    const status = (await ok(api('/v1/status'))).body;
    const lag = PROFILE === 'embedded' ? expect.any(Number) : null; // where triggers read the feed, no process knows
    for (const consumer of ['views', 'reactions'])
      expect(status.feed).toContainEqual({ consumer, lag, delay_seconds: expect.any(Number), parked: 0 });
    for (const view of ['agents', 'tasks', 'trails', 'tools', 'agent-types', 'correlations'])
      expect(status.views).toContainEqual({
        view,
        serving: expect.stringMatching(`^${view}\\.v\\d`),
        building: null,
        lag,
      });
    expect(status.open_tasks).toBeGreaterThan(0);

    const { text, headers } = await api('/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    const LINE =
      /^(# (HELP|TYPE) [a-z_:][\w:]* .+|[a-zA-Z_:][\w:]*(\{[a-zA-Z_]\w*="(?:[^"\\]|\\.)*"(,[a-zA-Z_]\w*="(?:[^"\\]|\\.)*")*\})? (NaN|[+-]?Inf|[+-]?\d+(\.\d+)?(e[+-]?\d+)?))?$/;
    for (const line of text.split('\n')) expect(line).toMatch(LINE);
    const posted = () => metric(host, 'formicary_task_events_total', 'event="TaskPosted"');
    const count = await posted();
    expect(count).toBeGreaterThan(0);
    await post(api, { id: 'u', task_type: 'nobody_does' });
    expect(await posted()).toBe(count + 1);
    expect(
      await metric(host, 'formicary_http_request_seconds_count', 'route="postTask",status="201"'),
    ).toBeGreaterThanOrEqual(2);
  });

  test('of other tenants the metrics tell the platform alone', async () => {
    const api = tenant('measured');
    await api('/v1/agents/m-1', { as: 'm-1', method: 'PUT', json: { agent_type: 'clerk', pool: 'measured-pool' } });
    const told = async (name: string) => /pool="measured-pool"/.test((await tenant(name)('/metrics')).text);
    await eventually(() => told('measured'));
    expect(await told('elsewhere')).toBe(false);
    expect(await told('platform')).toBe(true);
  });

  test('a view is built anew while the old one serves', async () => {
    const api = tenant('rebuild');
    for (const id of ['a', 'b', 'c']) await post(api, { id, task_type: 'nobody_does' });
    await settled(host);
    const before = (await ok(api('/v1/tasks'))).body.value;
    expect(before).toHaveLength(3);
    const serving = async () =>
      ((await ok(api('/v1/status'))).body.views as { view: string; serving: string }[]).find(
        ({ view }) => view === 'tasks',
      )?.serving;
    const old = await serving();
    expect((await api('/v1/views/tasks/rebuild', { json: {} })).status).toBe(202);
    await eventually(async () => {
      expect((await ok(api('/v1/tasks'))).body.value).toEqual(before);
      return (await serving()) !== old;
    });
    expect((await ok(api('/v1/tasks'))).body.value).toEqual(before);
    await ok(api('/v1/tasks/a/cancel', { json: {} }));
    await settled(host);
    expect((await ok(api('/v1/tasks?status=cancelled'))).body.value).toMatchObject([{ id: 'a' }]);
  });
});

describe('pauses', () => {
  test('a pause is told with its reason, and ends', async () => {
    const api = tenant('pauses');
    expect((await ok(api('/v1/pauses'))).body).toEqual({ value: [] });
    const set = await ok(api('/v1/pauses/task_type/clerk', { method: 'PUT', json: { reason: 'the ledger is down' } }));
    expect(set.body.receipt.events).toEqual(['Paused']);
    expect((await ok(api('/v1/pauses'))).body.value).toMatchObject([
      { kind: 'task_type', name: 'clerk', reason: 'the ledger is down' },
    ]);
    const clerk = agent(api, 'clerk-1');
    await clerk.register();
    await post(api, { id: 'waits' });
    expect((await ok(api('/v1/tasks/waits'))).body.status).toBe('open');
    expect((await ok(api('/v1/pauses/task_type/clerk', { method: 'DELETE' }))).body.receipt.events).toEqual([
      'Resumed',
    ]);
    expect(await clerk.awarded('waits')).toBe(1);
    expect((await ok(api('/v1/pauses/task_type/clerk', { method: 'DELETE' }))).body.receipt.events).toEqual([]);
  });

  test('what is no pause is refused with its reason', async () => {
    const api = tenant('pauses');
    expect(slug(await api('/v1/pauses/planet/mars', { method: 'PUT', json: { reason: 'dust' } }))).toMatch(/^400 /);
    expect(slug(await api('/v1/pauses/pool/p', { method: 'PUT', json: { reason: '  ' } }))).toMatch(/^4\d\d /);
  });
});
