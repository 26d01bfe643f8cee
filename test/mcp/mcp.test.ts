/** `/mcp` as agents use it, by their own tokens: what it answers, in both revisions, and whom it keeps out. */
import { Formicary } from '../../client/client';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { ask, askOld, type McpSent, post } from './support';

let host: TestHost;
let owner: Formicary;
let token: string;

beforeAll(async () => {
  host = await startTestHost({ env: { FORMICARY_DEV_HEADERS: 'off' } });
  owner = new Formicary({ url: host.url, credentials: { key: host.key } });
  token = await tokenOf('recon-7');
});
afterAll(async () => {
  owner.close();
  await host.stop();
});

async function tokenOf(subject: string, level?: 'read_only'): Promise<string> {
  return (await owner.identity.issue({ subject, level })).access_token;
}

const called = async (name: string, args: object, sent: McpSent = {}) =>
  (await ask(host, 'tools/call', { name, arguments: args }, { token, ...sent })).body.result;

test('it says what it speaks, and what it can, in both revisions', async () => {
  const { status, body } = await ask(host, 'server/discover', {}, { token });
  expect(status).toBe(200);
  expect(body.result).toMatchObject({
    resultType: 'complete',
    supportedVersions: ['2026-07-28'],
    capabilities: { tools: {}, resources: {} },
    cacheScope: 'public',
    _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'formicary' } },
  });
  const old = await askOld(
    host,
    'initialize',
    { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    { token },
  );
  expect(old.headers.get('mcp-session-id')).toBeNull();
  expect(old.body.result).toMatchObject({ protocolVersion: '2025-06-18', serverInfo: { name: 'formicary' } });
  const tools = (await ask(host, 'tools/list', {}, { token })).body.result.tools as object[];
  expect((await askOld(host, 'tools/list', {}, { token })).body.result.tools).toEqual(tools);
  const me = await askOld(host, 'tools/call', { name: 'getMe', arguments: {} }, { token });
  expect(me.body.result.structuredContent).toMatchObject({ id: 'recon-7', kind: 'agent', level: 'execute' });
});

test('what is read is described by the tool that reads it, and named by those that change it', async () => {
  const text = JSON.stringify((await ask(host, 'tools/list', {}, { token })).body.result.tools);
  const tools = JSON.parse(text) as { name: string; outputSchema: { properties: object; $defs?: object } }[];
  const of = (name: string) => tools.find((tool) => tool.name === name)!.outputSchema;
  expect(of('getTask').properties).toHaveProperty('status');
  for (const command of ['postTask', 'acceptTask', 'completeTask', 'cancelTask']) {
    expect(of(command).properties).toMatchObject({ task: { type: 'object', description: 'As getTask answers it.' } });
    expect(Object.keys(of(command).$defs!)).toEqual(['Receipt']);
  }
  // A model is given a list like this with each question.
  expect(text.length).toBeLessThan(90_000);
});

test('an agent does its work with its own token, and each step leaves its receipt', async () => {
  expect(await called('putAgent', { id: 'recon-7', agent_type: 'finance.reconciliation' })).not.toHaveProperty(
    'isError',
  );
  const posting = { id: 'invoice-1', task_type: 'finance.reconciliation', idempotency_key: 'post-1' };
  const posted = await called('postTask', posting);
  expect(posted.structuredContent).toMatchObject({ receipt: { events: ['TaskPosted'], repeated: false } });
  expect(JSON.parse(posted.content[0].text)).toEqual(posted.structuredContent);
  expect((await called('postTask', posting)).structuredContent.receipt).toEqual({
    ...posted.structuredContent.receipt,
    repeated: true,
  });
  const inbox = (await called('readInbox', { id: 'recon-7', waitSeconds: 10 })).structuredContent;
  expect(inbox.items).toMatchObject([{ kind: 'assignment', task: 'invoice-1' }]);
  const { award } = inbox.items[0];
  await called('acceptTask', { id: 'invoice-1', award });
  const done = (await called('completeTask', { id: 'invoice-1', award, result: { paid: true } })).structuredContent;
  expect(done.task).toMatchObject({ status: 'completed' });
  const { contents } = (await ask(host, 'resources/read', { uri: 'formicary://receipts/task/invoice-1' }, { token }))
    .body.result;
  const commits = JSON.parse(contents[0].text).value as { index: number; meta: { actor: { id: string } } }[];
  expect(commits.find(({ index }) => index === done.receipt.version)?.meta.actor).toMatchObject({ id: 'recon-7' });
});

test('tasks are resources: listed, in pages, and read; what is not there is told so', async () => {
  const read = (uri: string) => ask(host, 'resources/read', { uri }, { token });
  await called('postTask', { id: 'listed-1', task_type: 'a.b' });
  const { contents } = (await read('formicary://tasks/listed-1')).body.result;
  expect(JSON.parse(contents[0].text)).toMatchObject({ id: 'listed-1', task_type: 'a.b' });
  const listed = async () =>
    (await ask(host, 'resources/list', {}, { token })).body.result.resources as { uri: string }[];
  await eventually(async () => (await listed()).some(({ uri }) => uri === 'formicary://tasks/listed-1'));
  const { resourceTemplates } = (await ask(host, 'resources/templates/list', {}, { token })).body.result;
  expect(resourceTemplates).toHaveLength(3);
  for (const uri of [
    'formicary://tasks/none',
    'formicary://tasks/',
    'formicary://nothing/x',
    'file:///etc/passwd',
    'formicary://tasks/%',
  ])
    expect([uri, (await read(uri)).body.error]).toEqual([uri, expect.objectContaining({ code: -32602 })]);
});

test('what is refused is told in words, with the names of the arguments, and as a document', async () => {
  const refused = await called('postTask', {
    task_type: 'a.b',
    priority: 7,
    bogus: 1,
    payload: { key: `sk-${'a1B2'.repeat(12)}` },
  });
  expect(refused).toMatchObject({ isError: true, _meta: { 'dev.formicary/problem': { status: expect.any(Number) } } });
  const wrong = await called('postTask', { task_type: 'a.b', priority: 7, bogus: 1 });
  expect(wrong.content[0].text).toMatch(/- priority must be at most 1\n- bogus is not a known field\n/);
  expect((await called('getTask', { id: 'a', task: 'b' })).content[0].text).toContain(
    '- task is not known here; these are: id',
  );
  expect((await called('getTask', { id: '' })).content[0].text).toContain('- id must not be empty');
  expect((await called('getTask', { id: {} })).content[0].text).toContain('- id must be a text');
  expect((await called('getTask', { id: 'a/b' })).isError).toBe(true);
  expect((await called('getTask', {})).content[0].text).toContain('- id is missing');
});

test('who is not known, and who may not, is told what to get (RFC 9728, RFC 6750)', async () => {
  const metadata = `resource_metadata="${host.url}/.well-known/oauth-protected-resource/mcp"`;
  for (const sent of [{}, { token: 'abc' }]) {
    const { status, headers } = await ask(host, 'tools/list', {}, sent);
    expect([status, headers.get('www-authenticate')]).toEqual([401, expect.stringContaining(metadata)]);
  }
  const document = await fetch(`${host.url}/.well-known/oauth-protected-resource/mcp`);
  expect(await document.json()).toMatchObject({
    resource: `${host.url}/mcp`,
    authorization_servers: [host.url],
    bearer_methods_supported: ['header'],
  });
  const reader = await tokenOf('reader-1', 'read_only');
  const offered = (await ask(host, 'tools/list', {}, { token: reader })).body.result.tools as { name: string }[];
  expect(offered.map(({ name }) => name)).not.toContain('postTask');
  const refused = await ask(
    host,
    'tools/call',
    { name: 'postTask', arguments: { task_type: 'a.b' } },
    { token: reader },
  );
  expect(refused.status).toBe(403);
  expect(refused.headers.get('www-authenticate')).toBe(
    `Bearer realm="formicary", error="insufficient_scope", scope="read_write", ${metadata}`,
  );
  // A query is not where a token belongs.
  expect((await ask(host, 'tools/list', {}, { query: `?access_token=${token}` })).status).toBe(401);
});

test.each([
  ['another method in the header', { 'mcp-method': 'tools/list' }, 400, -32020],
  ['another tool in the header', { 'mcp-name': 'getTask' }, 400, -32020],
  ['another revision in the header', { 'mcp-protocol-version': '2025-06-18' }, 400, -32020],
  ['a page of another origin', { origin: 'https://evil.example' }, 403, undefined],
  ['a page of no origin', { origin: 'null' }, 403, undefined],
])('%s is refused', async (_, headers, status, code) => {
  const reply = await ask(host, 'tools/call', { name: 'getMe', arguments: {} }, { token, headers });
  expect([reply.status, reply.body.error?.code]).toEqual([status, code]);
});

test.each([
  ['no JSON', '{', 400, -32700],
  ['two messages', '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]', 400, -32600],
  ['a text', '"tools/list"', 400, -32600],
  ['a name twice', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 400, -32700],
  ['what listens', '{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen"}', 404, -32601],
  ['more than what an agent calls here may have', `"${'x'.repeat(1_200_000)}"`, 413, undefined],
])('%s is refused as a body', async (_, body, status, code) => {
  const reply = await post(host, body, { token });
  expect([reply.status, reply.body.error?.code]).toEqual([status, code]);
});

test.each(['Rechnung №4', 'a\nb'])('the key %j is refused by its name, as no header could say it', async (key) => {
  const refused = await called('postTask', { task_type: 'a.b', idempotency_key: key });
  expect(refused).toMatchObject({ isError: true });
  expect(refused.content[0].text).toContain('idempotency_key must be visible ASCII characters');
});

test('a trace that can not be one is not gone on with', async () => {
  const { body } = await ask(
    host,
    'tools/call',
    { name: 'getMe', arguments: {}, _meta: { traceparent: '№' } },
    { token },
  );
  expect(body.result.structuredContent).toMatchObject({ id: 'recon-7' });
});

test('there is nothing but posts, and no session', async () => {
  for (const method of ['GET', 'DELETE', 'PUT']) {
    const { status, headers } = await fetch(`${host.url}/mcp`, {
      method,
      headers: { authorization: `Bearer ${token}` },
    });
    expect([method, status, headers.get('allow')]).toEqual([method, 405, 'POST']);
  }
  const headers = { 'mcp-session-id': 'of-somebody-else', 'last-event-id': '7' };
  expect((await ask(host, 'tools/list', {}, { token, headers })).status).toBe(200);
});

test('tools that are not picked are not there, and one that is none is told so', async () => {
  const none = await ask(host, 'tools/call', { name: 'listStops', arguments: {} }, { token });
  expect(none.body.error).toMatchObject({ code: -32602 });
  expect(await called('listStops', {}, { query: '?tools=all' })).toMatchObject({ structuredContent: { value: [] } });
  expect((await ask(host, 'tools/list', {}, { token, query: '?tools=getTask,nothing' })).status).toBe(400);
});

test('calls are requests: they count against the limit of whoever makes them', async () => {
  const strict = await startTestHost({ env: { FORMICARY_RATE: '0.001', FORMICARY_BURST: '3' } });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i += 1)
    statuses.push((await ask(strict, 'tools/call', { name: 'getMe', arguments: {} })).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
  await strict.stop();
});
