/** A2A as peers use it, by their own tokens: what a message becomes, what is told of it, and who is kept out. */
import { Formicary } from '../../client/client';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { AT_ONCE, events, http, isSigned, message, rpc } from './support';

let host: TestHost;
let owner: Formicary;
let token: string;

beforeAll(async () => {
  host = await startTestHost({ env: { FORMICARY_DEV_HEADERS: 'off' } });
  owner = new Formicary({ url: host.url, credentials: { key: host.key } });
  token = await tokenOf('peer-1');
  await api('PUT', '/v1/agents/worker-1', { agent_type: 'a2a.message', capacity: 50 }, await tokenOf('worker-1'));
});
afterAll(async () => {
  owner.close();
  await host.stop();
});

async function tokenOf(subject: string): Promise<string> {
  return (await owner.identity.issue({ subject })).access_token;
}

const api = async (method: string, path: string, body: unknown, as = token) => {
  const reply = await http(host, method, path, { token: as, body });
  expect([method, path, reply.status < 300, reply.body]).toEqual([method, path, true, reply.body]);
  return reply.body;
};

const ask = async (method: string, params: object, as = token) => (await rpc(host, method, params, { token: as })).body;

const send = async (messageId: string, more: object = {}) =>
  (await ask('SendMessage', { ...message(messageId), ...AT_ONCE, ...more })).result.task;

/** Of a message whose task nobody takes: it stays as it is. */
const NOBODYS = { metadata: { 'dev.formicary/task': { task_type: 'nobodys.work' } } };

/** Does a task as its worker, from the award on. */
async function work(id: string, result: unknown, before: () => Promise<unknown> = () => Promise.resolve()) {
  const as = await tokenOf('worker-1');
  const { holder } = await eventually(async () => {
    const task = await api('GET', `/v1/tasks/${id}`, undefined);
    return task.status === 'awarded' && task;
  });
  const claim = { award: holder.award };
  await api('POST', `/v1/tasks/${id}/accept`, claim, as);
  await before();
  await api('POST', `/v1/tasks/${id}/complete`, { ...claim, result }, as);
}

test('the card is there for everybody, is signed with the key that the colony publishes, and can be kept', async () => {
  const card = await http(host, 'GET', '/.well-known/agent-card.json', { headers: { 'a2a-version': '' } });
  expect(card.body).toMatchObject({
    name: 'Formicary',
    supportedInterfaces: expect.arrayContaining([
      { url: `${host.url}/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
    ]),
    capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: true },
  });
  expect(card.headers.get('cache-control')).toBe('public, max-age=300');
  const etag = card.headers.get('etag') as string;
  const again = { headers: { 'if-none-match': etag } };
  expect((await http(host, 'GET', '/.well-known/agent-card.json', again)).status).toBe(304);
  const { keys } = (await http(host, 'GET', '/.well-known/jwks.json')).body;
  expect(isSigned(card.body, keys)).toBe(true);
  expect(isSigned({ ...card.body, supportedInterfaces: [{ url: 'https://evil.example/a2a' }] }, keys)).toBe(false);
  // What signs the card makes no token of it.
  const [{ protected: header, signature }] = card.body.signatures;
  const { signatures: _, ...claims } = card.body;
  const forged = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
  expect((await rpc(host, 'GetTask', { id: 'a' }, { token: forged })).status).toBe(401);
});

test('peers of 0.3 are told in its words, and whoever is known which types of agents there are', async () => {
  const old = await http(host, 'GET', '/.well-known/agent-card.json?A2A-Version=0.3', {
    headers: { 'a2a-version': '' },
  });
  expect(old.body).toMatchObject({ protocolVersion: '0.3.0', url: `${host.url}/a2a`, preferredTransport: 'JSONRPC' });
  const exact = await http(host, 'GET', '/.well-known/agent-card.json', { headers: { 'a2a-version': '0.3.0' } });
  expect(exact.body).toEqual(old.body);
  expect(old.body.securitySchemes.bearer).toMatchObject({ type: 'http', scheme: 'Bearer' });
  expect(old.headers.get('vary')).toBe('a2a-version');
  const { result } = await ask('GetExtendedAgentCard', {});
  const ids = (result.skills as readonly { readonly id: string }[]).map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining(['a2a.message', 'finance.reconciliation']));
  expect((await http(host, 'GET', '/a2a/extendedAgentCard', { token })).body).toEqual(result);
});

test('a message is a task: posted once, done by an agent, told with what came of it', async () => {
  const task = await send('once-1');
  expect(task).toMatchObject({
    id: expect.any(String),
    contextId: expect.any(String),
    status: { state: 'TASK_STATE_SUBMITTED', timestamp: expect.stringMatching(/^\d{4}-.*Z$/) },
    history: [{ messageId: 'once-1', role: 'ROLE_USER', taskId: task.id, parts: [{ text: 'Match invoice 4711' }] }],
  });
  expect((await send('once-1')).id).toBe(task.id);
  // What says something else is something else, whatever it calls itself.
  expect((await send('once-1', message('once-1', { parts: [{ text: 'other' }] }))).id).not.toBe(task.id);
  const { value } = await api('GET', `/v1/receipts?category=task&correlation=${task.contextId}`, undefined);
  expect(value[0]).toMatchObject({ stream: `default/task/${task.id}`, meta: { actor: { id: 'peer-1' } } });
  await work(task.id, { matched: 118 });
  const done = (await ask('GetTask', { id: task.id, historyLength: 0 })).result;
  expect(done).toMatchObject({
    id: task.id,
    contextId: task.contextId,
    status: { state: 'TASK_STATE_COMPLETED' },
    artifacts: [{ artifactId: 'result', parts: [{ data: { matched: 118 }, mediaType: 'application/json' }] }],
  });
  expect(done).not.toHaveProperty('history');
});

test('an answer waits for the end, where nobody says otherwise; artifacts of a worker are told as they are', async () => {
  const context = { contextId: 'invoices-of-may' };
  const answered = ask('SendMessage', message('waits-1', context));
  const { id } = await eventually(async () => {
    const { tasks } = (await ask('ListTasks', { contextId: 'invoices-of-may' })).result;
    return tasks?.[0];
  });
  const artifacts = [{ artifactId: 'a', parts: [{ text: 'done', mediaType: 'text/plain' }] }];
  await work(id, { artifacts });
  expect((await answered).result.task).toMatchObject({
    ...context,
    status: { state: 'TASK_STATE_COMPLETED' },
    artifacts,
  });
});

test('what a task shall be stands in the metadata, and is checked as it is over HTTP', async () => {
  const metadata = (task: object) => ({ metadata: { 'dev.formicary/task': task } });
  const task = await send('meta-1', metadata({ task_type: 'finance.reconciliation', priority: 0.9 }));
  expect(await api('GET', `/v1/tasks/${task.id}`, undefined)).toMatchObject({
    task_type: 'finance.reconciliation',
    priority: 0.9,
    requester: 'peer-1',
  });
  // What else stands beside them hides none, and those of the request have the last word.
  const both = await send('meta-4', {
    ...message('meta-4', metadata({ task_type: 'nobodys.work', priority: 0.2 })),
    metadata: { trace: 'a', ...metadata({ priority: 0.3 }).metadata },
  });
  expect(await api('GET', `/v1/tasks/${both.id}`, undefined)).toMatchObject({
    task_type: 'nobodys.work',
    priority: 0.3,
  });
  const traced = await send('meta-5', { ...message('meta-5', NOBODYS), metadata: { trace: 'a' } });
  expect((await api('GET', `/v1/tasks/${traced.id}`, undefined)).task_type).toBe('nobodys.work');
  const wrong = async (wishes: object) =>
    (await ask('SendMessage', { ...message('meta-2'), ...metadata(wishes) })).error;
  expect(await wrong({ priority: 7, bogus: 1 })).toMatchObject({
    code: -32602,
    data: expect.arrayContaining([
      expect.objectContaining({
        fieldViolations: expect.arrayContaining([{ field: 'priority', description: 'must be at most 1' }]),
      }),
    ]),
  });
  for (const own of ['id', 'payload', 'correlation_id', 'idempotency_key', 'if_match'])
    expect(await wrong({ [own]: 'mine' })).toMatchObject({ code: -32602 });
  const hidden = { parts: [{ text: `the key is sk-${'a1B2'.repeat(12)}` }] };
  expect((await ask('SendMessage', message('meta-3', hidden))).error).toMatchObject({
    code: -32602,
    data: [{ reason: 'SECRET_REFUSED' }, { fieldViolations: [{ field: 'message.parts.0.text' }] }],
  });
});

test('a task is cancelled once, and what is over stays so', async () => {
  const { id } = await send('cancel-1');
  expect((await ask('CancelTask', { id })).result).toMatchObject({ id, status: { state: 'TASK_STATE_CANCELED' } });
  for (const [method, params, code, reason] of [
    ['CancelTask', { id }, -32002, 'TASK_NOT_CANCELABLE'],
    ['SubscribeToTask', { id }, -32004, 'UNSUPPORTED_OPERATION'],
    ['SendMessage', message('cancel-2', { taskId: id }), -32004, 'UNSUPPORTED_OPERATION'],
    ['SendMessage', message('cancel-3', { taskId: id, contextId: 'another' }), -32602, 'INVALID_PARAMS'],
  ] as const)
    expect([method, (await ask(method, params)).error]).toEqual([
      method,
      expect.objectContaining({
        code,
        data: expect.arrayContaining([
          { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'a2a-protocol.org' },
        ]),
      }),
    ]);
});

test('tasks of other tenants, and none, are the same to whoever asks', async () => {
  const elsewhere = new Formicary({ url: host.url, tenant: 'other', credentials: { key: host.key } });
  const foreign = (await elsewhere.identity.issue({ subject: 'peer-1' })).access_token;
  elsewhere.close();
  const { id } = await send('mine-1');
  for (const other of [id, 'none', '../../x', 'a b'])
    for (const method of ['GetTask', 'CancelTask', 'SubscribeToTask']) {
      const { error } = await ask(method, { id: other }, foreign);
      expect([method, error]).toEqual([
        method,
        expect.objectContaining({ code: -32001, message: `There is no task ${other}.` }),
      ]);
    }
  expect((await ask('SendMessage', message('foreign-1', { taskId: id }), foreign)).error.code).toBe(-32001);
  expect((await ask('ListTasks', {}, foreign)).result).toMatchObject({ tasks: [], totalSize: 0 });
  expect((await ask('ListTasks', { tenant: 'default' }, foreign)).error.code).toBe(-32602);
  expect((await http(host, 'GET', '/a2a/default/tasks', { token: foreign })).status).toBe(400);
  expect((await ask('GetTask', { id })).result.status.state).toBe('TASK_STATE_SUBMITTED');
});

test('what changes is told as it comes, in order, until the end', async () => {
  const told: unknown[] = [];
  const seen = (async () => {
    const body = { jsonrpc: '2.0', id: 7, method: 'SendStreamingMessage', params: message('stream-1') };
    for await (const event of events(host, '/a2a', body, { token })) told.push(event);
  })();
  const { id } = await eventually(
    async () => (told[0] as { result: { task: { id: string } } } | undefined)?.result.task,
  );
  await work(id, 'all of it', async () => {
    const subscribed = events(host, `/a2a/tasks/${id}:subscribe`, {}, { token });
    expect((await subscribed.next()).value).toMatchObject({ task: { id, status: { state: 'TASK_STATE_WORKING' } } });
    await subscribed.return();
  });
  await seen;
  interface Told {
    readonly status?: { readonly state: string };
    readonly artifact?: { readonly parts: unknown };
  }
  const kinds = told.flatMap((event) =>
    Object.entries((event as { readonly result: Readonly<Record<string, Told>> }).result).map(
      ([kind, { status, artifact }]) => [kind, status?.state ?? artifact?.parts],
    ),
  );
  expect(kinds[0]?.[0]).toBe('task');
  expect(kinds.slice(-3)).toEqual([
    ['statusUpdate', 'TASK_STATE_WORKING'],
    ['artifactUpdate', [{ text: 'all of it', mediaType: 'text/plain' }]],
    ['statusUpdate', 'TASK_STATE_COMPLETED'],
  ]);
  expect(told.every((event) => (event as { id: number }).id === 7)).toBe(true);
});

test('each change is told, however many come at once', async () => {
  const { id } = await send('burst-1');
  const as = await tokenOf('worker-1');
  const { holder } = await eventually(async () => {
    const task = await api('GET', `/v1/tasks/${id}`, undefined);
    return task.status === 'awarded' && task;
  });
  const claim = { award: holder.award };
  await api('POST', `/v1/tasks/${id}/accept`, claim, as);
  const subscribed = events(host, `/a2a/tasks/${id}:subscribe`, {}, { token });
  expect((await subscribed.next()).value).toMatchObject({ task: { id, status: { state: 'TASK_STATE_WORKING' } } });
  const steps = Array.from({ length: 8 }, (_, i) => ({ ...claim, fraction: (i + 1) / 10, note: `step ${i}` }));
  await Promise.all(steps.map((step) => api('POST', `/v1/tasks/${id}/progress`, step, as)));
  await api('POST', `/v1/tasks/${id}/complete`, { ...claim, result: 'all' }, as);
  const told: unknown[] = [];
  for await (const { statusUpdate } of subscribed)
    if (statusUpdate !== undefined) told.push(statusUpdate.status.message?.parts[0].text ?? statusUpdate.status.state);
  const { value } = await api('GET', `/v1/streams/task/${id}`, undefined);
  const commits = value as readonly { readonly at: string; readonly events: readonly { readonly data: object }[] }[];
  const notes = commits
    // Of one time there is one state: that of the last.
    .filter(({ at }, i) => commits[i + 1]?.at !== at)
    .flatMap(({ events: done }) => done.map(({ data }) => (data as { readonly note?: string }).note))
    .filter((note) => note !== undefined);
  expect(told).toEqual([...notes, 'TASK_STATE_COMPLETED']);
});

test('what people approve first is INPUT_REQUIRED, and REJECTED once they refuse', async () => {
  const oversight = { why: 'it is large', confidence: 0.2, impact: 'high', risk: 0.9 };
  const wishes = { metadata: { 'dev.formicary/task': { oversight } } };
  const { result } = await ask('SendMessage', { ...message('held-1'), ...wishes });
  expect(result.task).toMatchObject({ status: { state: 'TASK_STATE_INPUT_REQUIRED' } });
  const { id } = await eventually(async () => (await owner.approvals.list({ status: 'waiting' })).value[0]);
  const { hash } = await owner.approvals.get(id);
  const decided = await owner.approvals.reject(id, { hash, reason: 'not this one' }).catch((error: unknown) => error);
  expect(decided).not.toBeInstanceOf(Error);
  const rejected = await eventually(async () => {
    const { result: task } = await ask('GetTask', { id: result.task.id });
    return task.status.state === 'TASK_STATE_REJECTED' && task;
  });
  expect(rejected.status.message.parts[0].text).toContain('not this one');
});

test('tasks are listed as they changed last, in pages, by context and state', async () => {
  const contextId = 'listed';
  const ids: string[] = [];
  for (const name of ['list-a', 'list-b', 'list-c'])
    ids.push((await send(name, message(name, { contextId, ...NOBODYS }))).id);
  await ask('CancelTask', { id: ids[0] });
  const list = async (more: object = {}) => (await ask('ListTasks', { contextId, ...more })).result;
  await eventually(async () => {
    const { tasks } = await list();
    return tasks?.length === 3 && tasks[0].status.state === 'TASK_STATE_CANCELED';
  });
  const all = await list();
  const tasks = all.tasks as readonly { readonly id: string }[];
  expect(tasks.map(({ id }) => id)).toEqual([ids[0], ids[2], ids[1]]);
  expect(all).toMatchObject({ totalSize: 3, pageSize: 50, nextPageToken: '' });
  expect(tasks.some((task) => 'artifacts' in task || 'history' in task)).toBe(false);
  const first = await list({ pageSize: 2 });
  const second = await list({ pageSize: 2, pageToken: first.nextPageToken });
  expect([...first.tasks, ...second.tasks]).toEqual(all.tasks);
  expect(second.nextPageToken).toBe('');
  expect((await list({ status: 'TASK_STATE_CANCELED' })).tasks).toHaveLength(1);
  expect((await list({ historyLength: 1 })).tasks[0].history).toHaveLength(1);
  expect((await list({ statusTimestampAfter: '2999-01-01T00:00:00Z' })).tasks).toEqual([]);
  expect((await list({ includeArtifacts: true })).tasks[0].artifacts).toEqual([]);
  const mixed = await http(host, 'GET', `/v1/tasks?sort=waiting&correlation_id=${contextId}`, { token });
  expect([mixed.status, mixed.body.errors[0].parameter]).toEqual([400, 'correlation_id']);
  for (const wrong of [{ pageSize: 0 }, { pageSize: 101 }, { pageToken: 'bm9uZQ' }, { status: 'NONE' }])
    expect((await ask('ListTasks', { contextId, ...wrong })).error.code).toBe(-32602);
});

test('a task that waits for another is listed as submitted', async () => {
  const contextId = 'behind';
  const { id: first } = await send('first', message('first', { contextId, ...NOBODYS }));
  const behind = 'behind-first';
  const asked = { id: behind, task_type: 'nobodys.work', after: [first], correlation_id: contextId };
  await api('POST', '/v1/tasks', asked);
  const list = async (status: string): Promise<readonly { readonly id: string }[]> =>
    (await ask('ListTasks', { contextId, status })).result.tasks;
  await eventually(async () => (await list('TASK_STATE_SUBMITTED')).length === 2);
  expect((await list('TASK_STATE_SUBMITTED')).map(({ id }) => id).sort()).toEqual([first, behind].sort());
  expect(await list('TASK_STATE_INPUT_REQUIRED')).toEqual([]);
});

test('a page ends where what stands on it is large, and the next one goes on', async () => {
  const contextId = 'large';
  const ids: string[] = [];
  for (let i = 0; i < 7; i += 1) {
    const name = `large-${i}`;
    const { id } = await send(name, message(name, { contextId }));
    await work(id, 'x'.repeat(900_000));
    ids.push(id);
  }
  const list = async (more: object) =>
    (await ask('ListTasks', { contextId, pageSize: 7, includeArtifacts: true, ...more })).result;
  await eventually(async () => (await list({ status: 'TASK_STATE_COMPLETED' })).totalSize === 7);
  const first = await list({});
  expect(first.tasks.length).toBeLessThan(7);
  const second = await list({ pageToken: first.nextPageToken });
  expect(second.nextPageToken).toBe('');
  const all = [...first.tasks, ...second.tasks] as readonly { readonly id: string }[];
  expect(all.map(({ id }) => id).sort()).toEqual(ids.sort());
});

test('what a worker calls artifacts, and are none, is data', async () => {
  const results = [
    { artifacts: [{ artifactId: 'a', parts: [{ kind: 'file', file: { uri: 'https://example.com' } }] }] },
    { artifacts: [{ artifactId: 'a', parts: [{ text: 'a', data: 1 }] }] },
    { artifacts: [{ artifactId: 'a', parts: [{ text: 1 }] }] },
  ];
  for (const [i, result] of results.entries()) {
    const { id } = await send(`none-${i}`);
    await work(id, result);
    expect((await ask('GetTask', { id })).result.artifacts).toEqual([
      { artifactId: 'result', name: 'result', parts: [{ data: result, mediaType: 'application/json' }] },
    ]);
    const old = await rpc(host, 'tasks/get', { id }, { token, headers: { 'a2a-version': '0.3' } });
    expect(old.body.result).toMatchObject({ status: { state: 'completed' }, artifacts: [{ artifactId: 'result' }] });
  }
});

test('over HTTP+JSON it is the same, with errors of its own form', async () => {
  const sent = await http(host, 'POST', '/a2a/message:send', {
    token,
    body: { ...message('rest-1', NOBODYS), ...AT_ONCE },
  });
  expect([sent.status, sent.headers.get('content-type')]).toEqual([200, 'application/a2a+json']);
  const { id, contextId } = sent.body.task;
  const got = await http(host, 'GET', `/a2a/tasks/${id}?historyLength=0`, { token });
  expect(got.body).toEqual((await ask('GetTask', { id, historyLength: 0 })).result);
  expect((await http(host, 'GET', `/a2a/default/tasks/${id}`, { token })).body.id).toBe(id);
  await eventually(async () => {
    const { body } = await http(host, 'GET', `/a2a/tasks?contextId=${contextId}&pageSize=1`, { token });
    return body.totalSize === 1;
  });
  expect((await http(host, 'POST', `/a2a/tasks/${id}:cancel`, { token })).body.status.state).toBe(
    'TASK_STATE_CANCELED',
  );
  const none = await http(host, 'GET', '/a2a/tasks/none', { token });
  expect([none.status, none.body]).toEqual([
    404,
    {
      error: {
        code: 404,
        status: 'NOT_FOUND',
        message: 'There is no task none.',
        details: [
          {
            '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
            reason: 'TASK_NOT_FOUND',
            domain: 'a2a-protocol.org',
          },
        ],
      },
    },
  ]);
  for (const [method, path, status, reason, headers] of [
    ['POST', `/a2a/tasks/${id}:cancel`, 400, 'TASK_NOT_CANCELABLE', {}],
    ['GET', `/a2a/tasks/${id}:subscribe`, 400, 'UNSUPPORTED_OPERATION', {}],
    ['GET', `/a2a/tasks/${id}?historyLength=x`, 400, 'INVALID_PARAMS', {}],
    ['GET', '/a2a/tasks?pageSize=-1', 400, 'INVALID_PARAMS', {}],
    ['GET', `/a2a/tasks/${id}/pushNotificationConfigs`, 400, 'PUSH_NOTIFICATION_NOT_SUPPORTED', {}],
    ['DELETE', `/a2a/tasks/${id}`, 404, 'METHOD_NOT_FOUND', {}],
    ['GET', '/a2a/nothing', 404, 'METHOD_NOT_FOUND', {}],
    ['GET', `/a2a/tasks/${id}`, 400, 'VERSION_NOT_SUPPORTED', { 'a2a-version': '0.3' }],
  ] as const) {
    const reply = await http(host, method, path, { token, headers });
    expect([path, reply.status, reply.body.error?.details[0].reason]).toEqual([path, status, reason]);
  }
});

test('0.3 is spoken at the same address, to whoever says so or nothing', async () => {
  const old = { token, headers: { 'a2a-version': '' } };
  const parts = [{ kind: 'text', text: 'Match invoice 4711' }];
  const params = { message: { kind: 'message', messageId: 'old-1', role: 'user', parts } };
  const { result } = (await rpc(host, 'message/send', params, old)).body;
  expect(result).toMatchObject({ kind: 'task', status: { state: 'submitted' }, history: [{ role: 'user', parts }] });
  const got = await rpc(host, 'tasks/get', { id: result.id }, { token, headers: { 'a2a-version': '0.3' } });
  expect(got.body.result).toMatchObject({ id: result.id, contextId: result.contextId });
  // The same task, in the words of 1.0.
  expect((await ask('GetTask', { id: result.id })).result.history[0].parts).toEqual([{ text: 'Match invoice 4711' }]);
  expect((await rpc(host, 'tasks/cancel', { id: result.id }, old)).body.result.status.state).toBe('canceled');
  expect((await rpc(host, 'tasks/cancel', { id: result.id }, old)).body.error.code).toBe(-32002);
  expect((await rpc(host, 'tasks/get', { id: 'none' }, old)).body.error.code).toBe(-32001);
  expect((await rpc(host, 'SendMessage', message('old-2'), old)).body.error.code).toBe(-32601);
  expect((await rpc(host, 'message/send', { message: { parts: 7 } }, old)).body.error.code).toBe(-32602);
});
