/**
 * Idempotency-Keys from end to end: a key belongs to the first request that comes with it, whatever that goes to, also
 * after a restart.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { derivedId } from '../../app/engine/new-id';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { call, type Reply, type Sent } from './support';

let folder: string;
let host: TestHost;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-keys-'));
  host = await startTestHost({ data: folder });
});
afterAll(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

const restart = async (signal: NodeJS.Signals) => {
  await host.kill(signal);
  await host.stop();
  host = await startTestHost({ data: folder });
};

let tenants = 0;
/** Calls under a tenant of its own. */
const newApi = () => {
  const tenant = `keys-${(tenants += 1)}`;
  return async (path: string, json: unknown, key: string, more: Sent = {}): Promise<Reply> =>
    await call(host, path, { tenant, json, ...more, headers: { 'idempotency-key': key, ...more.headers } });
};
const slug = ({ status, body }: Reply) =>
  status < 400 ? String(status) : `${status} ${String(body.type).split('/').at(-1)}`;
const REUSED = '422 idempotency-key-reused';
const TASK = { task_type: 'nobody_does' };
const AGENT = { agent_type: 'clerk' };
const SIGNAL = { type: 'resource_needed', strength: 0.5, location: 'a/b' };

/** Requests of other routes, ids and bodies; each is accepted under a key of its own. */
const REQUESTS: readonly [string, string, unknown, Sent][] = [
  ['a task', '/v1/tasks', TASK, {}],
  ['a task with an id', '/v1/tasks', { ...TASK, id: 'mine' }, {}],
  ['a task with another id', '/v1/tasks', { ...TASK, id: 'yours' }, {}],
  ['a task with another body', '/v1/tasks', { ...TASK, priority: 1 }, {}],
  ['a batch of tasks', '/v1/tasks/batch', { tasks: [TASK, TASK] }, {}],
  ['another batch of tasks', '/v1/tasks/batch', { tasks: [TASK] }, {}],
  ['a new agent', '/v1/agents', AGENT, {}],
  ['an agent', '/v1/agents/kim', AGENT, { method: 'PUT' }],
  ['another agent', '/v1/agents/lee', AGENT, { method: 'PUT' }],
  ['a heartbeat', '/v1/agents/kim/heartbeat', {}, {}],
  ['a signal', '/v1/signals', SIGNAL, {}],
  ['a signal elsewhere', '/v1/signals', { ...SIGNAL, location: 'a/c' }, {}],
  ['several signals', '/v1/signals', { signals: [SIGNAL, { ...SIGNAL, location: 'a/c' }] }, {}],
  ['an action', '/v1/actions', { kind: 'email', action: { to: 'ada' }, why: 'w', confidence: 0.9, impact: 'low' }, {}],
  [
    'a round',
    '/v1/rounds',
    { question: 'q', kind: 'policy', impact: 'low', electorate: { voters: [{ id: 'kim', why: 'w' }] } },
    {},
  ],
  ['a tool', '/v1/tools/t', { tool_name: 'T', description: 'D', schema: {}, version: '1.0.0' }, { method: 'PUT' }],
  [
    'a channel',
    '/v1/channels/c',
    { kind: 'standard', address: 'https://example.com/', groups: ['*'], events: ['approval-requested'] },
    { method: 'PUT' },
  ],
  ['a rebuild', '/v1/views/tasks/rebuild', {}, {}],
  ['a cancellation', '/v1/tasks/mine/cancel', { reason: 'r' }, {}],
  ['a deregistration', '/v1/agents/lee', undefined, { method: 'DELETE' }],
];

test.each(REQUESTS)('a key that came with %s comes with nothing else', async (_, path, json, more) => {
  const api = newApi();
  // What some of the requests are about.
  for (const name of ['a task with an id', 'an agent', 'another agent']) {
    const [, at, body, sent] = REQUESTS.find(([found]) => found === name) as (typeof REQUESTS)[number];
    await api(at, body, `own-${at}`, sent);
  }
  expect(slug(await api(path, json, 'k', more))).not.toMatch(/invalid-request|forbidden|not-found/);
  for (const [name, otherPath, otherJson, otherMore] of REQUESTS) {
    if (otherPath === path && otherJson === json) continue;
    expect([name, slug(await api(otherPath, otherJson, 'k', otherMore))]).toEqual([name, REUSED]);
  }
});

test('what the first request made is all that is made, and a repeat shows it, after a stop and after a kill', async () => {
  const api = newApi();
  const first = await api('/v1/tasks', TASK, 'once');
  expect(first.status).toBe(201);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await restart(signal);
    const again = await api('/v1/tasks', TASK, 'once');
    expect(again.body).toEqual({
      ...first.body,
      receipt: { ...first.body.receipt, repeated: true },
      task: again.body.task,
    });
    expect(again.body.task.id).toBe(first.body.task.id);
    expect(slug(await api('/v1/tasks', { ...TASK, priority: 1 }, 'once'))).toBe(REUSED);
    expect(slug(await api('/v1/signals', SIGNAL, 'once'))).toBe(REUSED);
  }
});

test('keys of another principal and of another tenant are others', async () => {
  const [api, other] = [newApi(), newApi()];
  const ids = [
    await api('/v1/tasks', TASK, 'k'),
    await api('/v1/tasks', TASK, 'k', { as: 'kim' }),
    await other('/v1/tasks', { ...TASK, priority: 1 }, 'k'),
  ].map(({ status, body }) => (status === 201 ? (body.task.id as string) : status));
  expect(new Set(ids).size).toBe(3);
});

test('a request that is not well-formed takes no key; one that is refused by the rules keeps it, and may come again', async () => {
  const api = newApi();
  expect(slug(await api('/v1/tasks', { task_type: 7 }, 'k'))).toBe('400 invalid-request');
  expect((await api('/v1/tasks', { ...TASK, id: 'one' }, 'k')).status).toBe(201);
  expect(slug(await api('/v1/tasks/two/cancel', { reason: 'r' }, 'c'))).toMatch(/^4\d\d (?!idempotency)/);
  expect(slug(await api('/v1/tasks/one/cancel', { reason: 'r' }, 'c'))).toBe(REUSED);
  expect((await api('/v1/tasks', { ...TASK, id: 'two' }, 't')).status).toBe(201);
  expect((await api('/v1/tasks/two/cancel', { reason: 'r' }, 'c')).status).toBe(200);
});

test('twins at once are one, alone and in batches', async () => {
  const api = newApi();
  const tasks = await Promise.all(Array.from({ length: 10 }, () => api('/v1/tasks', TASK, 'k')));
  expect(new Set(tasks.map(({ body }) => body.task.id as string)).size).toBe(1);
  expect(tasks.filter(({ body }) => body.receipt.repeated === false)).toHaveLength(1);
  const batches = await Promise.all(
    Array.from({ length: 5 }, () => api('/v1/tasks/batch', { tasks: [TASK, { ...TASK, priority: 1 }] }, 'b')),
  );
  expect(
    new Set(batches.map(({ body }) => JSON.stringify((body.value as { id: string }[]).map(({ id }) => id)))).size,
  ).toBe(1);
  const rivals = await Promise.all(
    Array.from({ length: 10 }, (_, i) => api('/v1/tasks', { ...TASK, id: `rival-${i}` }, 'r')),
  );
  expect(rivals.map(slug).sort()).toEqual(['201', ...Array.from({ length: 9 }, () => REUSED)]);
});

test.each<[string, string, Record<string, unknown>]>([
  ['task', '/v1/tasks', TASK],
  ['action', '/v1/actions', { kind: 'email', action: { to: 'ada' }, why: 'w', confidence: 0.9, impact: 'low' }],
  [
    'round',
    '/v1/rounds',
    {
      question: 'q',
      kind: 'policy',
      impact: 'low',
      electorate: { algorithm: 'simple_majority', voters: [{ id: 'kim', why: 'w' }] },
    },
  ],
])('whoever knows the key of another is not there first: %s', async (_, path, json) => {
  const api = newApi();
  const tenant = `keys-${tenants}`;
  const id = derivedId(tenant, 'service:victim', 'invoice-1');
  expect(slug(await api(path, { ...json, id }, 'k', { as: 'mallory' }))).toBe('400 invalid-request');
  const made = await api(path, json, 'invoice-1', { as: 'service:victim' });
  expect([made.status, made.headers.location]).toEqual([201, `${path}/${id}`]);
});

test('a key that comes again without a pause is told to wait; another one is not', async () => {
  const api = newApi();
  const answers = await Promise.all(Array.from({ length: 300 }, () => api('/v1/tasks', TASK, 'k')));
  const paced = answers.filter(({ status }) => status === 429);
  // Retries as clients make them are far from it.
  expect(paced.length).toBeLessThanOrEqual(300 - 50);
  expect(paced.length).toBeGreaterThan(0);
  expect(
    new Set(answers.filter((answer) => !paced.includes(answer)).map(({ body }) => body.task.id as string)).size,
  ).toBe(1);
  expect(slug(paced[0] as Reply)).toBe('429 too-many-requests');
  expect((paced[0] as Reply).headers['retry-after']).toBe('1');
  expect((await api('/v1/tasks', TASK, 'another')).status).toBe(201);
  const again = await eventually(async () => {
    const answer = await api('/v1/tasks', TASK, 'k');
    return answer.status === 201 && answer;
  });
  expect(again.body.receipt.repeated).toBe(true);
});

test('a signal is doubled by no retry, however many signals with keys came between', async () => {
  const api = newApi();
  const first = await api('/v1/signals', SIGNAL, 'first');
  for (let start = 0; start < 700; start += 50) {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => api('/v1/signals', SIGNAL, `key-${start + i}`)),
    );
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  }
  expect((await api('/v1/signals', SIGNAL, 'first')).body).toEqual(first.body);
  await restart('SIGKILL');
  expect((await api('/v1/signals', SIGNAL, 'first')).body).toEqual(first.body);
  expect((await api('/v1/signals', SIGNAL, 'last')).body.value[0].version).toBe(701);
});

test('a retry gets the first answer though what it was about has changed', async () => {
  const api = newApi();
  await api('/v1/agents/kim', AGENT, 'r', { method: 'PUT', as: 'kim' });
  await api('/v1/tasks', { ...TASK, id: 'bids', bid_seconds: 600 }, 't');
  const first = await api('/v1/tasks/bids/bids', {}, 'bid', { as: 'kim' });
  expect(first.status).toBe(200);
  await api('/v1/agents/kim', undefined, 'd', { method: 'DELETE', as: 'kim' });
  const again = await api('/v1/tasks/bids/bids', {}, 'bid', { as: 'kim' });
  expect(again.body.receipt).toEqual({ ...first.body.receipt, repeated: true });
});

describe('If-Match', () => {
  const at = (version: number) => ({ headers: { 'if-match': `"${version}"` } });

  test('is honoured by both heartbeats', async () => {
    const api = newApi();
    await api('/v1/agents/kim', AGENT, 'r', { method: 'PUT', as: 'kim' });
    await api('/v1/tasks', { task_type: 'clerk', id: 'held' }, 't');
    const { etag } = (await call(host, '/v1/agents/kim', { tenant: `keys-${tenants}` })).headers;
    const version = Number(JSON.parse(etag as string));
    const beat = (path: string, json: unknown, expected: number) =>
      api(path, json, `b-${expected}`, { as: 'kim', ...at(expected) });
    expect(slug(await beat('/v1/agents/kim/heartbeat', {}, version + 7))).toBe('412 version-mismatch');
    expect(slug(await beat('/v1/tasks/held/heartbeat', { award: 1 }, 99))).toBe('412 version-mismatch');
  });

  test.each([
    ['/v1/tasks/batch', { tasks: [TASK] }],
    ['/v1/signals', SIGNAL],
    ['/v1/challenges', { target: 'a/task/b@0', reason: 'r' }],
    ['/v1/views/tasks/rebuild', {}],
    ['/v1/approvals/bulk', { decision: 'approve', items: [{ id: 'a', hash: 'a'.repeat(64) }], reason: 'r' }],
  ])('is refused by %s, which changes no single resource', async (path, json) => {
    const refused = await newApi()(path, json, 'k', at(0));
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ parameter: 'If-Match' }] } });
  });
});
