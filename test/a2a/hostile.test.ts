/** What nobody should send by A2A, and what they are told. */
import { Formicary } from '../../client/client';
import { startTestHost, type TestHost } from '../support/host';
import { AT_ONCE, http, message, post, rpc } from './support';

let host: TestHost;
let token: string;
let reader: string;

beforeAll(async () => {
  host = await startTestHost({ env: { FORMICARY_DEV_HEADERS: 'off' } });
  const owner = new Formicary({ url: host.url, credentials: { key: host.key } });
  token = (await owner.identity.issue({ subject: 'peer-1' })).access_token;
  reader = (await owner.identity.issue({ subject: 'reader-1', level: 'read_only' })).access_token;
  owner.close();
});
afterAll(() => host.stop());

const HOPS = 'message.metadata.dev.formicary/hops';
const hops = (count: unknown) => ({ metadata: { 'dev.formicary/hops': count } });
const deep = (levels: number): unknown => (levels === 0 ? 1 : { a: deep(levels - 1) });

test.each([
  ['no JSON', '{', -32700],
  ['a name twice', '{"jsonrpc":"2.0","id":1,"id":2,"method":"GetTask"}', -32700],
  ['nested data without end', `{"a":${'['.repeat(100_000)}`, -32700],
  ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"a"}}]', -32600],
  ['a text', '"GetTask"', -32600],
  ['another protocol', '{"jsonrpc":"1.0","id":1,"method":"GetTask"}', -32600],
  ['an id that is none', '{"jsonrpc":"2.0","id":{},"method":"GetTask"}', -32600],
  ['a method of 0.3', '{"jsonrpc":"2.0","id":1,"method":"message/send","params":{}}', -32601],
  ['parameters in a list', '{"jsonrpc":"2.0","id":1,"method":"GetTask","params":["a"]}', -32602],
  ['no parameters', '{"jsonrpc":"2.0","id":1,"method":"GetTask"}', -32602],
  ['a body of another size', `"${'x'.repeat(1_200_000)}"`, -32602],
])('%s is refused', async (_, body, code) => {
  const reply = await post(host, body, { token });
  expect([reply.status, reply.body.error?.code]).toEqual([200, code]);
});

test.each<[string, object, number, string | undefined]>([
  ['no part', { parts: [] }, -32602, 'message.parts'],
  ['a part without content', { parts: [{ mediaType: 'text/plain' }] }, -32602, 'message.parts.0'],
  ['a part with two contents', { parts: [{ text: 'a', data: 1 }] }, -32602, 'message.parts.0'],
  ['data that is nothing', { parts: [{ data: null }] }, -32602, 'message.parts.0'],
  ['parts of parts', { parts: [{ parts: [{ text: 'a' }] }] }, -32602, 'message.parts.0'],
  ['a graph of parts', { parts: Array(101).fill({ text: 'a' }) }, -32602, 'message.parts'],
  ['a part that is no object', { parts: [null] }, -32602, undefined],
  ['data that is nested too deep', { parts: [{ data: deep(80) }] }, -32700, undefined],
  ['an address that is no web address', { parts: [{ url: 'file:///etc/passwd' }] }, -32602, 'message.parts.0.url'],
  ['bytes that are none', { parts: [{ raw: '***' }] }, -32602, 'message.parts.0.raw'],
  ['a type of media that is not taken', { parts: [{ text: 'a', mediaType: 'application/x-sh' }] }, -32005, undefined],
  ['words of an agent', { role: 'ROLE_AGENT' }, -32602, 'message.role'],
  ['no id', { messageId: '' }, -32602, 'message.messageId'],
  ['an id without end', { messageId: 'x'.repeat(201) }, -32602, 'message.messageId'],
  ['a context that is no id', { contextId: 'a b' }, -32602, 'message.contextId'],
  ['a task that is none', { taskId: 'none' }, -32001, undefined],
  ['what four colonies have handed on', hops(4), -32602, HOPS],
  ['what fewer than none have', hops(-1), -32602, HOPS],
  ['what a part of one has', hops(0.5), -32602, HOPS],
  ['what says so in a text', hops('1'), -32602, HOPS],
  ['a text that is none', { parts: [{ text: { a: 1 } }] }, -32602, 'message.parts.0.text'],
])('%s is refused as a message', async (_, more, code, field) => {
  const { error } = (await rpc(host, 'SendMessage', { ...message('m', more), ...AT_ONCE }, { token })).body;
  expect(error).toMatchObject({ code });
  const details = (error.data ?? []) as readonly { readonly fieldViolations?: readonly { readonly field: string }[] }[];
  const fields = details.flatMap(({ fieldViolations = [] }) => fieldViolations.map((violation) => violation.field));
  if (field !== undefined) expect(fields).toContain(field);
});

test('who is not known, and who may not, is told what to get; pages of other origins are kept out', async () => {
  const metadata = `resource_metadata="${host.url}/.well-known/oauth-protected-resource/a2a"`;
  for (const path of ['/a2a', '/a2a/message:send']) {
    const { status, headers } = await http(host, 'POST', path, { body: message('a') });
    expect([path, status, headers.get('www-authenticate')]).toEqual([path, 401, expect.stringContaining(metadata)]);
  }
  expect((await http(host, 'GET', '/.well-known/oauth-protected-resource/a2a')).body.resource).toBe(`${host.url}/a2a`);
  const refused = await rpc(host, 'SendMessage', message('a'), { token: reader });
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
    403,
    expect.stringContaining('scope="read_write"'),
  ]);
  expect((await rpc(host, 'ListTasks', {}, { token: reader })).status).toBe(200);
  for (const origin of ['https://evil.example', 'null'])
    expect((await rpc(host, 'ListTasks', {}, { token, headers: { origin } })).status).toBe(403);
});

test.each([
  [{ 'a2a-version': '2.0' }, -32009],
  [{ 'a2a-version': 'x' }, -32009],
  [{ 'content-type': 'text/plain' }, -32005],
])('with %j it is refused', async (headers, code) => {
  expect((await rpc(host, 'ListTasks', {}, { token, headers })).body.error.code).toBe(code);
});

test('where notices are pushed to nobody chooses: they are not offered', async () => {
  const config = { taskId: 'a', url: 'http://169.254.169.254/latest/meta-data' };
  const parts = [{ kind: 'text', text: 'a' }];
  const old = { message: { kind: 'message', messageId: 'push-2', role: 'user', parts } };
  for (const [method, params, version] of [
    ['CreateTaskPushNotificationConfig', config, '1.0'],
    ['SendMessage', { ...message('push-1'), configuration: { taskPushNotificationConfig: config } }, '1.0'],
    ['message/send', { ...old, configuration: { pushNotificationConfig: { url: config.url } } }, '0.3'],
  ] as const) {
    const { error } = (await rpc(host, method, params, { token, headers: { 'a2a-version': version } })).body;
    expect([method, error]).toEqual([
      method,
      expect.objectContaining({
        code: -32003,
        data: [expect.objectContaining({ reason: 'PUSH_NOTIFICATION_NOT_SUPPORTED' })],
      }),
    ]);
  }
  expect((await rpc(host, 'ListTasks', {}, { token })).body.result.tasks).toEqual([]);
});

test('what three colonies have handed on is taken', async () => {
  const { result } = (await rpc(host, 'SendMessage', { ...message('m-3', hops(3)), ...AT_ONCE }, { token })).body;
  expect(result.task.history[0].metadata).toEqual({ 'dev.formicary/hops': 3 });
});

test('requests count against the limit of whoever makes them', async () => {
  const strict = await startTestHost({ env: { FORMICARY_RATE: '0.001', FORMICARY_BURST: '3' } });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i += 1) statuses.push((await rpc(strict, 'ListTasks', {}, {})).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
  await strict.stop();
});
