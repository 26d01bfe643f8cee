/**
 * The edge of the API through the real host: paths, methods, heads, bodies, times and ids, as clients of all kinds send
 * them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hides, parseTemplate } from '../../functions/edge/template';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { call, type Reply, type Sent } from './support';

let host: TestHost;
const api = (path: string, sent?: Sent): Promise<Reply> => call(host, path, sent);
const slug = ({ status, headers, body }: Reply) =>
  `${status} ${headers['content-type']} ${String(body.type).replace('https://formicary.dev/problems/', '')}`;
const problem = (status: number, type: string) => `${status} application/problem+json ${type}`;

beforeAll(async () => {
  host = await startTestHost();
  await api('/v1/tasks', { json: { id: 't1', task_type: 'nobody_does' } });
});
afterAll(() => host.stop());

describe('a path', () => {
  test('that is the root leads to the documentation', async () => {
    const reply = await fetch(host.url, { redirect: 'manual' });
    expect([reply.status, reply.headers.get('location')]).toEqual([302, '/docs']);
    expect((await api('/')).text).toContain('<!doctype html>');
  });

  test.each(['GET', 'POST', 'DELETE', 'OPTIONS', 'HEAD'])('that is none is a problem, by %s', async (method) => {
    const reply = await api('/v1/nothing/here', { method });
    expect([reply.status, reply.headers['content-type']]).toEqual([404, 'application/problem+json']);
  });

  test.each([
    ['DELETE', '/v1/tasks/t1', 'GET, HEAD'],
    ['PUT', '/v1/tasks', 'GET, HEAD, POST'],
    ['POST', '/health/live', 'GET, HEAD'],
    ['GET', '/v1/tasks/t1/cancel', 'POST'],
    ['POST', '/', 'GET, HEAD'],
    ['PATCH', '/V1/Tasks/t1/', 'GET, HEAD'],
  ])('knows its methods: %s %s', async (method, path, allow) => {
    const reply = await api(path, { method });
    expect([slug(reply), reply.headers['allow']]).toEqual([problem(405, 'method-not-allowed'), allow]);
  });

  test('with a slash at its end is the same one, also where it takes all that follows; there slashes may be encoded', async () => {
    await api('/v1/signals', { json: { type: 'seen', location: 'a/b', strength: 1 } });
    expect([
      (await api('/v1/tasks/t1/')).status,
      (await api('/v1/signals/seen/a/b/')).status,
      (await api('/v1/signals/seen/a/b')).status,
      (await api('/v1/signals/seen/a%2Fb')).status,
      (await api('/v1/signals/seen/a%2fb/')).status,
    ]).toEqual([200, 200, 200, 200, 200]);
    for (const path of ['/v1/signals/seen/a%2F%2Fb', '/v1/signals/seen/a%2F..%2Fb', '/v1/tasks/t1%2F'])
      expect(slug(await api(path))).toBe(problem(400, 'invalid-request'));
  });

  test('of the repository of agents is not one of an agent, in the order of the Functions host', async () => {
    expect((await api('/v1/agents/repository')).body.value.length).toBeGreaterThan(10);
    expect((await api('/v1/agents/repository/search?q=finance')).body.value.length).toBeGreaterThan(0);
    expect((await api('/v1/agents/Repository/SEARCH?q=finance')).status).toBe(200);
  });
});

describe('ids', () => {
  const agent = { agent_type: 'clerk' };
  const type = { based_on: 'finance.reconciliation' };

  test("that another route would hide can't be taken, in whatever case", async () => {
    for (const id of ['repository', 'Repository', 'REPOSITORY']) {
      expect(slug(await api('/v1/agents', { json: { ...agent, id } }))).toBe(problem(400, 'invalid-request'));
      expect(slug(await api(`/v1/agents/${id}`, { method: 'PUT', json: agent }))).toBe(problem(400, 'invalid-request'));
      expect(slug(await api('/v1/agents/deploy', { json: { agent_type: 'finance.reconciliation', id } }))).toBe(
        problem(400, 'invalid-request'),
      );
    }
    for (const id of ['search', 'Search'])
      expect(slug(await api(`/v1/agents/repository/${id}`, { method: 'PUT', json: type }))).toBe(
        problem(400, 'invalid-request'),
      );
    expect((await api('/v1/agents/deploy', { method: 'PUT', json: agent })).status).toBe(200);
    expect((await api('/v1/agents/deploy')).body.id).toBe('deploy');
  });

  test('are refused so for every literal that stands where an id can stand', () => {
    const list = JSON.parse(readFileSync(join(__dirname, '../functions/registrations.json'), 'utf8')) as {
      bindings: { route?: string; methods?: string[] }[];
    }[];
    const routes = list
      .flatMap(({ bindings }) => bindings)
      .flatMap(({ route, methods = [] }) =>
        route === undefined || route === '{*path}' ? [] : [{ template: parseTemplate(route), methods }],
      );
    const hidden = new Set<string>();
    for (const one of routes)
      for (const other of routes) {
        if (!one.methods.some((method) => other.methods.includes(method)) || !hides(other.template, one.template))
          continue;
        const place = one.template.findIndex(
          ({ kind }, i) => kind === 'literal' && other.template[i]?.kind !== 'literal',
        );
        if (place >= 0)
          hidden.add(
            one.template
              .slice(0, place + 1)
              .map(({ name }) => name)
              .join('/'),
          );
      }
    // Each of these is tried above; `stream`, an id of a receipt, and what follows a location are nobody's to choose.
    expect([...hidden].sort()).toEqual(['v1/agents/repository', 'v1/agents/repository/search']);
  });
});

describe('heads', () => {
  test.each([
    '/health/live',
    '/health/ready',
    '/metrics',
    '/openapi.json',
    '/docs',
    '/v1/tasks',
    '/v1/tasks/t1',
    '/v1/status',
  ])('of %s come without a body', async (path) => {
    const head = await api(path, { method: 'HEAD' });
    const whole = await api(path);
    expect([head.status, head.text, head.headers['content-type']]).toEqual([
      whole.status,
      '',
      whole.headers['content-type'],
    ]);
  });

  test('of a stream come at once', async () => {
    const head = await api('/v1/receipts/stream', { method: 'HEAD' });
    expect([head.status, head.headers['content-type'], head.headers['x-accel-buffering']]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
      'no',
    ]);
    // None of them counts as a stream that is open.
    for (let i = 0; i < 30; i += 1) expect((await api('/v1/receipts/stream', { method: 'HEAD' })).status).toBe(200);
  });

  test('a version that is known is not sent again', async () => {
    const { headers } = await api('/v1/tasks/t1');
    const again = await api('/v1/tasks/t1', { headers: { 'if-none-match': headers['etag'] as string } });
    expect([again.status, again.text, again.headers['etag']]).toEqual([304, '', headers['etag']]);
    expect((await api('/v1/tasks/t1', { headers: { 'if-none-match': '"99"' } })).status).toBe(200);
  });

  test('a stream begins though its client names no event yet', async () => {
    const stop = new AbortController();
    const reply = await fetch(`${host.url}/v1/receipts/stream`, {
      headers: { 'last-event-id': '' },
      signal: stop.signal,
    });
    expect([reply.status, reply.headers.get('x-accel-buffering')]).toEqual([200, 'no']);
    stop.abort();
  });
});

describe('a command that needs no field', () => {
  test.each([
    ['without anything', {}],
    ['with a type of content and none', { headers: { 'content-type': 'text/plain' } }],
    ['as a form without fields', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
    ['with an empty object', { json: {} }],
  ])('is taken %s', async (name, sent) => {
    const id = `c-${name.replaceAll(' ', '-')}`;
    await api('/v1/tasks', { json: { id, task_type: 'nobody_does' } });
    expect((await api(`/v1/tasks/${id}/cancel`, { method: 'POST', ...sent })).status).toBe(200);
    expect((await api(`/v1/tasks/${id}/redrive`, { method: 'POST', ...sent })).status).toBe(409);
    expect((await api('/v1/views/tasks/rebuild', { method: 'POST', as: 'service:ops', ...sent })).status).not.toBe(415);
  });
});

describe('times', () => {
  test.each([
    ['2100-12-01T10:00:00Z', '2100-12-01T10:00:00.000Z'],
    ['2100-12-01T11:00:00+01:00', '2100-12-01T10:00:00.000Z'],
    ['2100-12-01T10:00:00.123456+00:00', '2100-12-01T10:00:00.123Z'],
  ])('as people write them: %s', async (deadline, read) => {
    const posted = await api('/v1/tasks', { json: { task_type: 'nobody_does', deadline } });
    expect([posted.status, posted.body.task.deadline]).toEqual([201, read]);
    expect((await api(`/v1/tasks/t1?asOf=${encodeURIComponent(deadline)}`)).status).toBe(200);
  });

  test.each([
    ['2027-02-30T00:00:00Z', 'day'],
    ['2027-01-01T24:00:00Z', 'hour'],
    ['2027-01-01T10:00:00', 'zone'],
    ['2027-01-01', 'zone'],
  ])('that are none say why: %s', async (deadline, reason) => {
    const reply = await api('/v1/tasks', { json: { task_type: 'nobody_does', deadline } });
    expect([slug(reply), reply.body.errors[0].pointer, reply.body.errors[0].message]).toEqual([
      problem(400, 'invalid-request'),
      '#/deadline',
      expect.stringContaining(reason),
    ]);
    expect(slug(await api(`/v1/tasks/t1?asOf=${deadline}`))).toBe(problem(400, 'invalid-request'));
  });
});

describe('what would be changed in silence', () => {
  test.each([
    [
      'an account that no double holds',
      '{"id":"pay-1","task_type":"pay","payload":{"to":9007199254740993}}',
      '#/payload/to',
    ],
    [
      'an amount of two values',
      '{"id":"pay-2","task_type":"pay","payload":{"amount":1,"amount":1000}}',
      '#/payload/amount',
    ],
    ['a field of two values', '{"id":"pay-3","id":"pay-4","task_type":"pay"}', '#/id'],
  ])('%s is refused, and nothing is done', async (_, body, pointer) => {
    const reply = await fetch(`${host.url}/v1/tasks`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
    const document = (await reply.json()) as { errors: object[] };
    expect([reply.status, document.errors]).toEqual([400, [{ pointer, message: expect.any(String) as string }]]);
    expect((await api('/v1/tasks?task_type=pay')).body.value).toEqual([]);
  });

  test.each(['1e2', '+5', '%205', '5%20', '0x10', '', '05', '-1', '1.0', '１', 'Infinity'])(
    'a limit of %j is refused',
    async (limit) => {
      expect(slug(await api(`/v1/tasks?limit=${limit}`))).toBe(problem(400, 'invalid-request'));
    },
  );

  test.each(['0 0 30 2 *', '0 0 31 2,4,6 *', '99 * * * *'])(
    'a schedule that never comes is refused: %s',
    async (cron) => {
      expect(
        slug(await api('/v1/agents/deploy', { json: { agent_type: 'finance.reconciliation', schedule: { cron } } })),
      ).toBe(problem(400, 'invalid-request'));
    },
  );
});

test('an approval and an action are a page for people, and JSON for programs', async () => {
  const rules = {
    mode: 'full_automation',
    thresholds: { confidence: 0.7, consensus: 0.75, novelty: 1, impact: 'low' },
    approvers: [{ group: 'approvers', seconds: 3_600 }],
    safe_default: 'refuse',
  };
  await api('/v1/oversight/edge.order', { method: 'PUT', as: 'human:ada', json: { rules } });
  await api('/v1/actions', {
    as: 'buyer',
    json: {
      id: 'page-1',
      kind: 'edge.order',
      action: { item: '<script>x</script>' },
      why: 'low <b>stock</b>',
      confidence: 0.9,
      impact: 'high',
    },
  });
  await eventually(async () => (await api('/v1/approvals')).body.value.length > 0);
  const [{ id }] = (await api('/v1/approvals')).body.value;
  for (const path of [`/v1/approvals/${id}`, '/v1/actions/page-1']) {
    const page = await api(path, { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });
    expect([page.status, page.headers['content-type'], page.headers['vary']]).toEqual([
      200,
      'text/html; charset=utf-8',
      'accept',
    ]);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.text).toContain('formicary a');
    expect(page.text).not.toMatch(/<script|<b>/);
    expect((await api(path)).headers['content-type']).toBe('application/json; charset=utf-8');
  }
});

test('approvals are listed while they wait, all of them when asked for', async () => {
  const [{ id, hash }] = (await api('/v1/approvals')).body.value;
  expect((await api(`/v1/approvals/${id}/reject`, { as: 'human:ada', json: { hash, reason: 'no' } })).status).toBe(200);
  await eventually(async () => (await api('/v1/approvals')).body.value.length === 0);
  expect((await api('/v1/approvals?status=all')).body.value).toHaveLength(1);
  expect((await api('/v1/approvals?outcome=rejected')).body.value).toHaveLength(1);
});

test('a form that several are allowed for says what is wrong with the one that was meant', async () => {
  const round = {
    kind: 'policy',
    impact: 'low',
    question: 'yes?',
    electorate: { voters: [{ id: 'a' }, { id: 'b', why: 'knows it' }] },
  };
  expect((await api('/v1/rounds', { json: round })).body.errors).toEqual([
    { pointer: '#/electorate/voters/0/why', message: 'is missing: it must be a text' },
  ]);
  expect((await api('/v1/actions', { json: { kind: 'erp.order', why: 'x' } })).body.errors).toContainEqual({
    pointer: '#/action',
    message: 'is missing: it must be a value',
  });
  expect((await api('/v1/signals', { json: { type: 'seen', location: 'a' } })).body.errors).toEqual([
    { pointer: '#/strength', message: 'is missing: it must be a number' },
  ]);
  expect(
    (await api('/v1/signals', { json: { signals: [{ type: 'seen', location: 'a', strength: 'x' }] } })).body.errors[0]
      .pointer,
  ).toBe('#/signals/0/strength');
  expect(
    (await api('/v1/agents', { json: { agent_type: 'clerk', capabilities: { a: 2 } } })).body.errors[0].pointer,
  ).toBe('#/capabilities/a');
});
