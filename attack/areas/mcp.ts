/** The tools of the colony: headers that say something else than the message, calls past the level, others' work. */
import { asks, type Attempt, family, tries } from '../attempt';
import type { Sent } from '../http';
import { answerOf, doorSays, mcp as message, type Message, rebound } from '../rpc';
import type { World } from '../world';

const call = (name: string, args: unknown = {}): Message => ({
  method: 'tools/call',
  params: { name, arguments: args },
});
const WHO = call('getMe');

/** A message, and what came of it; by `ant`, where nothing else is said. */
const says = <S>(
  id: string,
  what: string,
  expected: string | readonly string[],
  of: (scene: S) => Message,
  sent: Sent = {},
  { query, leaves }: { readonly query?: string; readonly leaves?: readonly string[] } = {},
): Attempt<S> =>
  tries<S>(
    id,
    what,
    expected,
    (world, scene) => doorSays(world, message(of(scene), { as: 'ant', ...sent }, query)),
    leaves,
  );

// ------------------------------------------------------------------------------------------------------- headers

const MISMATCH = '-32020';
/** A call that reads who calls, with headers of another kind. */
const headed = (id: string, what: string, expected: string | readonly string[], headers: Record<string, string>) =>
  says<void>(id, what, expected, () => WHO, { headers });
/** Whom the host takes the caller for. */
const passesFor = (id: string, what: string, expected: string, headers: (world: World) => Record<string, string>) =>
  tries<void>(id, what, expected, async (world) => {
    const reply = await world.ask(...message(WHO, { as: 'ant', headers: headers(world) }));
    return String(answerOf(reply).result?.structuredContent?.id ?? reply.text);
  });

const headers = family<void>('mcp', 'headers', {
  prepare: () => undefined,
  attempts: [
    headed('method', 'call a tool under the name of a list', MISMATCH, { 'mcp-method': 'tools/list' }),
    headed('method-case', 'write the method in capitals', MISMATCH, { 'mcp-method': 'TOOLS/CALL' }),
    headed('method-two', 'name two methods', MISMATCH, { 'mcp-method': 'tools/call, tools/list' }),
    headed('method-none', 'name no method', MISMATCH, { 'mcp-method': '' }),
    headed('name', 'call a tool under the name of another', MISMATCH, { 'mcp-name': 'getTask' }),
    headed('name-none', 'name no tool', MISMATCH, { 'mcp-name': '' }),
    headed('name-two', 'name two tools', MISMATCH, { 'mcp-name': 'getMe, liftStop' }),
    headed('name-encoded', 'name another tool, encoded', MISMATCH, {
      'mcp-name': `=?base64?${Buffer.from('liftStop').toString('base64')}?=`,
    }),
    headed('revision', 'name another revision than the message', MISMATCH, { 'mcp-protocol-version': '2025-06-18' }),
    headed('revision-none', 'name a revision that is none', ['-32020', '-32022'], { 'mcp-protocol-version': 'latest' }),
    headed('origin', 'call from a page of another site', '403 cross-origin', { origin: 'https://evil.example' }),
    headed('origin-null', 'call from a page of no site', '403 cross-origin', { origin: 'null' }),
    headed('origin-like', 'call from a site whose name begins alike', '403 cross-origin', {
      origin: 'http://127.0.0.1.evil.example',
    }),
    rebound<void>('rebinding', 'call by a name that was bound to this address', (world) =>
      message(WHO, { token: world.tokenOf('ant') }),
    ),
    passesFor('principal', 'say in a header to be somebody else', 'ant', (world) => ({
      'x-formicary-principal': world.idOf('admin'),
      'x-formicary-tenant': 'beta',
    })),
    passesFor('platform', 'pass for somebody whom the platform vouches for', 'ant', (world) => ({
      'x-ms-client-principal-id': world.idOf('admin'),
      'x-ms-client-principal': Buffer.from(JSON.stringify({ userId: world.idOf('admin') })).toString('base64'),
    })),
    passesFor('session', 'go on with the session of somebody else', 'ant', () => ({
      'mcp-session-id': '00000000-0000-4000-8000-000000000000',
      'last-event-id': '7',
    })),
    passesFor('params', 'have a header stand for an argument', 'ant', () => ({ 'mcp-param-id': 'bee' })),
    says<void>(
      'bearer',
      'show a token in the address',
      '401 unauthenticated',
      () => WHO,
      { as: undefined },
      {
        query: '?access_token=eyJhbGciOiJub25lIn0.e30.',
      },
    ),
    asks<void>('listen', 'wait for events of whoever comes', '405 method-not-allowed', () => [
      '/mcp',
      { as: 'ant', headers: { accept: 'text/event-stream', 'last-event-id': '1' } },
    ]),
    asks<void>('end', 'end a session of somebody else', '405 method-not-allowed', () => [
      '/mcp',
      { as: 'ant', method: 'DELETE', headers: { 'mcp-session-id': '1' } },
    ]),
  ],
  control: {
    does: 'an agent reads who it is',
    expected: '200',
    run: (world) => doorSays(world, message(WHO, { as: 'ant' })),
  },
});

// --------------------------------------------------------------------------------------------------------- calls

interface Scene {
  /** A task of this tenant, a task of another, and an action that `bee` has proposed. */
  readonly ours: string;
  readonly theirs: string;
  readonly action: string;
  /** What people say to that. */
  readonly approval: string;
  readonly hash: string;
}

/** What people have to clear. */
const UNSURE = { why: 'stock is low', confidence: 0.9, impact: 'high', risk: 0.1 };

async function scene(world: World): Promise<Scene> {
  const [ours, theirs, action] = [world.fresh('ours'), world.fresh('theirs'), world.fresh('action')] as const;
  await world.done('/v1/tasks', { as: 'crm', json: { id: ours, task_type: 'attack.nobody' } });
  await world.done('/v1/tasks', { as: 'spy', json: { id: theirs, task_type: 'attack.nobody' } });
  const proposed = { ...{ id: action, kind: 'attack.order', action: { amount: 40 } }, ...UNSURE };
  const { action: held } = await world.done('/v1/actions', { as: 'bee', json: proposed });
  const [, approval] = /\/approval\/(.+)@/.exec(held.held.ref as string) as unknown as [string, string];
  return { ours, theirs, action, approval, hash: held.hash as string };
}

const HASH = '5f'.repeat(32);
const ALL = { query: '?tools=all' };
/** A tool that whoever may not calls. */
const above = (
  id: string,
  what: string,
  expected: string | readonly string[],
  name: string,
  args: object,
  as = 'ant',
) => says<Scene>(id, what, expected, () => call(name, args), { as }, ALL);
const NONE = '-32602';
const unknown = (id: string, what: string, name: string) =>
  says<Scene>(id, what, NONE, () => call(name), {
    headers: { 'mcp-name': /^[!-~]+$/.test(name) ? name : `=?base64?${Buffer.from(name).toString('base64')}?=` },
  });
const reads = (id: string, what: string, expected: string | readonly string[], uri: (it: Scene) => string) =>
  says<Scene>(id, what, expected, (it) => ({ method: 'resources/read', params: { uri: uri(it) } }));
const given = (id: string, what: string, expected: string | readonly string[], args: (it: Scene) => unknown) =>
  says<Scene>(id, what, expected, (it) => call('getTask', args(it)));
const INVALID = '400 invalid-request';
const NO_METHOD = '-32601';
const asksOf = (method: string) =>
  says<Scene>(`method-${method.replace('/', '-')}`, `ask for ${method}`, NO_METHOD, () => ({ method }));

/** Of a client that takes what is held for people as a task. */
const TAKES_TASKS = {
  'io.modelcontextprotocol/clientCapabilities': { extensions: { 'io.modelcontextprotocol/tasks': {} } },
};

const calls = family<Scene>('mcp', 'calls', {
  prepare: scene,
  attempts: [
    above(
      'watcher',
      'post a task as an agent that may only read',
      '403 forbidden',
      'postTask',
      { task_type: 'x' },
      'watcher',
    ),
    above('stop', 'stop everything, as an agent', '403 forbidden', 'stop', {
      kind: 'global',
      name: 'all',
      reason: 'x',
    }),
    above('token', 'give a token to somebody', '403 token-not-yours-to-give', 'issueToken', {
      subject: 'eve',
      level: 'critical',
    }),
    above('policy', 'activate a policy, as an agent', '403 platform-decides', 'activatePolicy', {
      bundle: HASH,
      reason: 'x',
    }),
    says<Scene>(
      'approve',
      'approve, as an agent',
      '403 not-an-approver',
      ({ approval, hash }) => call('approve', { approval_id: approval, hash, reason: 'x' }),
      {},
      ALL,
    ),
    unknown('unpicked', 'call a tool that is not offered', 'issueToken'),
    unknown('proto', 'call what every object has', '__proto__'),
    unknown('constructor', 'call a constructor', 'constructor'),
    unknown('climb', 'call a path', '../v1/stops'),
    unknown('case', 'call a tool in capitals', 'GETTASK'),
    unknown('homoglyph', 'call a tool by a letter that looks alike', 'gеtTask'),
    given('stranger', "read another tenant's task", '404 not-found', ({ theirs }) => ({ id: theirs })),
    given('tenant', 'name a tenant', INVALID, ({ theirs }) => ({ id: theirs, tenant: 'beta' })),
    given('path', 'climb by an id', INVALID, () => ({ id: '../agents/bee' })),
    given('encoded', 'climb by an id that is encoded', INVALID, () => ({ id: '%2e%2e%2fagents' })),
    given('query', 'add a query by an id', INVALID, () => ({ id: 'x?personal=open' })),
    given('object', 'give an object for an id', INVALID, () => ({ id: { $ne: '' } })),
    given('list', 'give a list for arguments', NONE, () => ['x']),
    given('text', 'give a text for arguments', NONE, () => 'x'),
    says<Scene>('key', 'put another header behind a key', INVALID, () =>
      call('postTask', { task_type: 'x', idempotency_key: 'a\r\nx-formicary-principal: human:ada' }),
    ),
    says<Scene>('match', 'put another header behind a version', INVALID, ({ ours }) =>
      call('cancelTask', { id: ours, if_match: '"1"\r\nx-formicary-principal: human:ada' }),
    ),
    says<Scene>('complete', 'complete a task that nobody was awarded', '409 award-superseded', ({ ours }) =>
      call('completeTask', { id: ours, award: 1, result: 'x' }),
    ),
    says<Scene>('secret', 'post a key', '422 secret-refused', () =>
      call('postTask', { task_type: 'x', payload: { key: `ghp_${'a1B2'.repeat(9)}` } }),
    ),
    reads(
      'resource-stranger',
      "read another tenant's task by its address",
      NONE,
      ({ theirs }) => `formicary://tasks/${theirs}`,
    ),
    reads('resource-climb', 'climb by an address', NONE, () => 'formicary://tasks/..%2Fapprovals'),
    reads(
      'resource-receipts',
      "read another tenant's receipts by an address",
      NONE,
      ({ theirs }) => `formicary://receipts/task/${theirs}`,
    ),
    reads('resource-file', 'read a file', NONE, () => 'file:///etc/passwd'),
    reads('resource-inside', 'read an address inside', NONE, () => 'http://169.254.169.254/latest/meta-data'),
    reads('resource-host', 'read another host', NONE, ({ theirs }) => `formicary://beta@tasks/${theirs}`),
    says<Scene>('cursor', 'go on in a list from where nobody was', NONE, () => ({
      method: 'tools/list',
      params: { cursor: 'issueToken' },
    })),
    says<Scene>('handle', 'look at the call of somebody else, by its handle', NONE, ({ action }) => ({
      method: 'tasks/get',
      params: { taskId: action, _meta: TAKES_TASKS },
    })),
    says<Scene>('handle-cancel', 'cancel the call of somebody else', NONE, ({ action }) => ({
      method: 'tasks/cancel',
      params: { taskId: action, _meta: TAKES_TASKS },
    })),
    ...[
      'sampling/createMessage',
      'elicitation/create',
      'roots/list',
      'prompts/get',
      'completion/complete',
      '__proto__',
    ].map(asksOf),
  ],
  control: {
    does: 'an agent reads a task of its tenant',
    expected: '200',
    run: (world, { ours }) => doorSays(world, message(call('getTask', { id: ours }), { as: 'ant' })),
  },
});

// -------------------------------------------------------------------------------------------------------- bodies

const body = (id: string, what: string, expected: string, text: string): Attempt<void> =>
  tries<void>(id, `send ${what}`, expected, (world) =>
    doorSays(world, ['/mcp', { ...message(WHO, { as: 'ant' })[1], json: undefined, text }]),
  );

const bodies = family<void>('mcp', 'bodies', {
  prepare: () => undefined,
  attempts: [
    body('batch', 'two messages at once', '-32600', '[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]'),
    body('twice', 'a method twice', '-32700', '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}'),
    body(
      'proto',
      'the name of a prototype',
      '-32700',
      '{"jsonrpc":"2.0","id":1,"method":"x","__proto__":{"level":"critical"}}',
    ),
    body('deep', 'a hundred thousand levels', '-32700', `{"params":${'['.repeat(100_000)}`),
    body('huge', 'more than may be', '413 payload-too-large', `"${'x'.repeat(1_200_000)}"`),
    body('utf8', 'half a character', '-32700', '{"jsonrpc":"2.0","id":1,"method":"\\ud800"}'),
  ],
  control: {
    does: 'an agent asks which tools there are',
    expected: '200',
    run: (world) => doorSays(world, message({ method: 'tools/list' }, { as: 'ant' })),
  },
});

export const mcp = [headers, calls, bodies];
