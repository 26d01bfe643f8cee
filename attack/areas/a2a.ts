/** Peers that speak A2A: messages that reach out, tasks and contexts of others, and remote agents that mean no good. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { boundedFetch } from '../../cli/market/remote';
import { canonicalize } from '../../domain/kernel/commit';
import { HOPS_KEY } from '../../domain/kernel/hops';
import { asks, type Attempt, family, tries } from '../attempt';
import type { Sent } from '../http';
import { a2a as message, answerOf, doorSays, type Message, rebound } from '../rpc';
import type { World } from '../world';

const INVALID = '-32602 INVALID_PARAMS';
const NO_TASK = '-32001 TASK_NOT_FOUND';
const LEAVES = ['task'];
const TASK_KEY = 'dev.formicary/task';

let sent = 0;
/** A message that is not waited for, of a type that nobody does. */
const send = (more: object = {}, wishes: object = {}, params: object = {}): Message => ({
  method: 'SendMessage',
  params: {
    configuration: { returnImmediately: true },
    message: {
      messageId: `attack-${sent++}`,
      role: 'ROLE_USER',
      parts: [{ text: 'Match invoice 4711' }],
      ...more,
    },
    metadata: { [TASK_KEY]: { task_type: 'attack.nobody', ...wishes } },
    ...params,
  },
});
const says = <S>(
  id: string,
  what: string,
  expected: string | readonly string[],
  of: (scene: S) => Message,
  with_: Sent = {},
): Attempt<S> =>
  tries<S>(id, what, expected, (world, scene) => doorSays(world, message(of(scene), { as: 'ant', ...with_ })));

// ------------------------------------------------------------------------------------------------------ messages

const part = (id: string, what: string, expected: string | readonly string[], parts: unknown) =>
  says<void>(`part-${id}`, `send ${what}`, expected, () => send({ parts: Array.isArray(parts) ? parts : [parts] }));
const url = (id: string, what: string, address: string, expected = INVALID) =>
  part(`url-${id}`, `the address of ${what}`, expected, { url: address });
const wishes = (id: string, what: string, expected: string | readonly string[], of: object) =>
  says<void>(`wish-${id}`, `have the task of a message ${what}`, expected, () => send({}, of));
const nested = (levels: number): unknown => (levels === 0 ? 1 : { a: nested(levels - 1) });
const KEY = `ghp_${'a1B2'.repeat(9)}`;

/** Nobody is called by A2A, wherever that would be. */
const NO_PUSH = '-32003 PUSH_NOTIFICATION_NOT_SUPPORTED';
const PUSHES = ['https://hooks.example.org/x', 'http://169.254.169.254/latest/meta-data', 'file:///etc/passwd'];

const messages = family<void>('a2a', 'messages', {
  prepare: () => undefined,
  attempts: [
    url('file', 'a file', 'file:///etc/passwd'),
    url('data', 'data', 'data:text/html,<script>alert(1)</script>'),
    url('script', 'a script', 'javascript:alert(1)'),
    url('gopher', 'another protocol', 'gopher://127.0.0.1:6379/_FLUSHALL'),
    url('password', 'a host with a password', 'https://ada:word@books.example.org/', '-32602 SECRET_REFUSED'),
    tries<void>(
      'fetched',
      'have an address inside fetched',
      'not fetched',
      async (world) => {
        const led = world.canary.seen.length;
        const said = await doorSays(world, message(send({ parts: [{ url: world.canary.url }] }), { as: 'ant' }));
        await world.settled();
        const seen = world.canary.seen.slice(led).join();
        return said === '200' && seen === '' ? 'not fetched' : `${said} ${seen}`;
      },
      LEAVES,
    ),
    part('script', 'a program', '-32005 CONTENT_TYPE_NOT_SUPPORTED', { text: 'id', mediaType: 'application/x-sh' }),
    part('pickle', 'a pickle of Python', '-32005 CONTENT_TYPE_NOT_SUPPORTED', {
      raw: Buffer.from('cos\nsystem\n(S"id"\ntR.').toString('base64'),
      mediaType: 'application/python-pickle',
    }),
    part('bytes', 'bytes that are none', INVALID, { raw: '../../etc/passwd' }),
    part('two', 'two contents in one part', INVALID, { text: 'a', url: 'https://books.example.org' }),
    part('many', 'a thousand parts', INVALID, Array(1_000).fill({ text: 'a' })),
    part('deep', 'data of a hundred levels', '-32700 PARSE_ERROR', { data: nested(100) }),
    part('huge', 'two megabytes', ['-32602 PAYLOAD_TOO_LARGE', '413 payload-too-large'], {
      text: 'x'.repeat(2_000_000),
    }),
    part('secret', 'a key', '-32602 SECRET_REFUSED', { text: KEY }),
    part('mark', 'what passes for personal data', '-32602 INVALID_REQUEST', {
      data: { $personal: { subject: 'ada', place: 'x', sealed: 'AA' } },
    }),
    tries<void>(
      'reference',
      'have a reference in data resolved',
      'data',
      async (world) => {
        const data = { $result: 'alphas-secret-task' };
        const reply = await world.ask(...message(send({ parts: [{ data }] }), { as: 'ant' }));
        const { id } = answerOf(reply).result.task as { id: string };
        const { payload } = await world.done(`/v1/tasks/${id}`, { as: 'crm' });
        return JSON.stringify(payload.message.parts) === JSON.stringify([{ data }]) ? 'data' : JSON.stringify(payload);
      },
      LEAVES,
    ),
    says<void>('role', 'speak as the agent', INVALID, () => send({ role: 'ROLE_AGENT' })),
    says<void>('context-path', 'name a context that is a path', INVALID, () => send({ contextId: '../../beta' })),
    says<void>('context-break', 'name a context with a line break', INVALID, () => send({ contextId: 'a\r\nx: b' })),
    says<void>('id-long', 'send a message with an id of a megabyte', INVALID, () =>
      send({ messageId: 'x'.repeat(1_000_000) }),
    ),
    wishes('id', 'under an id of another', INVALID, { id: 'alphas-secret-task' }),
    wishes('payload', 'with another payload', INVALID, { payload: {} }),
    wishes('key', 'under a key of another', INVALID, { idempotency_key: 'x' }),
    wishes('requester', 'in the name of another', '-32602 INVALID_REQUEST', { requester: 'human:ada' }),
    wishes('tenant', 'in another tenant', '-32602 INVALID_REQUEST', { tenant: 'beta' }),
    wishes('job', 'as one of a job', '-32602 INVALID_REQUEST', { job: { id: 'x', key: 'y' } }),
    wishes('priority', 'before all others', '-32602 INVALID_REQUEST', { priority: 1e9 }),
    wishes('after', "after another tenant's task", '-32602 AFTER_UNKNOWN', { after: ['betas-task'] }),
    ...[4, -1, 0.5, '1', 1e308].map((hops, n) =>
      says<void>(`hops-${n}`, `send what says that ${hops} colonies have handed it on`, INVALID, () =>
        send({ metadata: { [HOPS_KEY]: hops } }),
      ),
    ),
    says<void>('tenant', 'name another tenant', INVALID, () => send({}, {}, { tenant: 'beta' })),
    says<void>('task', 'go on with a task that is not there', NO_TASK, () => send({ taskId: 'nobodys' })),
    says<void>('watcher', 'send a message as an agent that may only read', '403 forbidden', () => send(), {
      as: 'watcher',
    }),
    says<void>('nobody', 'send a message as nobody', '401 unauthenticated', () => send(), { as: undefined }),
    says<void>('platform', 'send one as whom the platform vouches for', '401 unauthenticated', () => send(), {
      as: undefined,
      headers: { 'x-ms-client-principal-id': 'ada', 'x-formicary-principal': 'human:ada' },
    }),
    says<void>('origin', 'send one from a page of another site', '403 cross-origin', () => send(), {
      headers: { origin: 'https://evil.example' },
    }),
    rebound<void>('rebinding', 'send one by a name that was bound to this address', (world) =>
      message(send(), { token: world.tokenOf('ant') }),
    ),
    says<void>('revision', 'speak a revision that is none', '-32009 VERSION_NOT_SUPPORTED', () => send(), {
      headers: { 'a2a-version': '1.0, 0.3' },
    }),
    says<void>('form', 'send one as a form', '-32005 CONTENT_TYPE_NOT_SUPPORTED', () => send(), {
      headers: { 'content-type': 'text/plain' },
    }),
    ...PUSHES.map((address, n) =>
      says<void>(`push-${n}`, `have notices of a task pushed to ${address}`, NO_PUSH, () =>
        send({}, {}, { configuration: { taskPushNotificationConfig: { url: address } } }),
      ),
    ),
    says<void>('push-later', 'have notices of a task pushed inside later on', NO_PUSH, () => ({
      method: 'CreateTaskPushNotificationConfig',
      params: { taskId: 'alphas-secret-task', url: 'http://127.0.0.1:7071/v1/stops/global/all/lift' },
    })),
    ...['__proto__', 'constructor', 'tasks/pushNotificationConfig/set', 'agent/restart'].map((method, n) =>
      says<void>(`method-${n}`, `ask for ${method}`, '-32601', () => ({ method, params: {} })),
    ),
  ],
  control: {
    does: 'a peer sends a message',
    expected: '200',
    run: (world) => doorSays(world, message(send(), { as: 'ant' })),
  },
});

// -------------------------------------------------------------------------------------------------- others' tasks

interface Foreign {
  /** A task of another tenant, and its context. */
  readonly task: string;
  readonly context: string;
}

async function foreign(world: World): Promise<Foreign> {
  const context = world.fresh('context');
  const reply = await world.ask(...message(send({ contextId: context }), { as: 'thief' }));
  return { task: answerOf(reply).result.task.id as string, context };
}

const rest = (
  id: string,
  what: string,
  expected: string | readonly string[],
  method: string,
  path: (it: Foreign) => string,
): Attempt<Foreign> =>
  tries<Foreign>(id, what, expected, (world, it) =>
    doorSays(world, [`/a2a/${path(it)}`, { as: 'ant', method, headers: { 'a2a-version': '1.0' } }]),
  );

const peers = family<Foreign>('a2a', 'peers', {
  prepare: foreign,
  attempts: [
    ...(['GetTask', 'CancelTask', 'SubscribeToTask'] as const).map((method) =>
      says<Foreign>(method, `ask for ${method} of another tenant's task`, NO_TASK, ({ task }) => ({
        method,
        params: { id: task },
      })),
    ),
    says<Foreign>('tenant', "name another tenant with its task's id", INVALID, ({ task }) => ({
      method: 'GetTask',
      params: { id: task, tenant: 'beta' },
    })),
    says<Foreign>('climb', 'climb by the id of a task', NO_TASK, () => ({
      method: 'GetTask',
      params: { id: '../approvals' },
    })),
    says<Foreign>('message', "send a message to another tenant's task", NO_TASK, ({ task }) => send({ taskId: task })),
    rest(
      'rest-get',
      "read another tenant's task by its address",
      '404 TASK_NOT_FOUND',
      'GET',
      ({ task }) => `tasks/${task}`,
    ),
    rest(
      'rest-tenant',
      'name another tenant in the address',
      '400 INVALID_PARAMS',
      'GET',
      ({ task }) => `beta/tasks/${task}`,
    ),
    rest(
      'rest-cancel',
      "cancel another tenant's task",
      '404 TASK_NOT_FOUND',
      'POST',
      ({ task }) => `tasks/${task}:cancel`,
    ),
    rest(
      'rest-climb',
      'climb by an address',
      ['404 METHOD_NOT_FOUND', '404 TASK_NOT_FOUND'],
      'GET',
      () => 'tasks/..%2f..%2fv1%2fapprovals',
    ),
    rest('rest-delete', 'delete a task', '404 METHOD_NOT_FOUND', 'DELETE', ({ task }) => `tasks/${task}`),
    says<Foreign>('page', 'go on in a list from where nobody was', INVALID, () => ({
      method: 'ListTasks',
      params: { pageToken: Buffer.from('beta/0').toString('base64url') },
    })),
    says<Foreign>('page-huge', 'ask for a billion tasks', INVALID, () => ({
      method: 'ListTasks',
      params: { pageSize: 1_000_000_000 },
    })),
    tries<Foreign>('context-list', 'list the context of another tenant', 'nothing', async (world, { context }) => {
      const asked = { method: 'ListTasks', params: { contextId: context } };
      const { result } = answerOf(await world.ask(...message(asked, { as: 'ant' })));
      return result.totalSize === 0 && result.tasks.length === 0 ? 'nothing' : JSON.stringify(result);
    }),
    tries<Foreign>(
      'context-join',
      'put a task into the context of another tenant',
      'nothing',
      async (world, { context }) => {
        const task = answerOf(await world.ask(...message(send({ contextId: context }), { as: 'ant' }))).result.task;
        await world.settled();
        const asked = { method: 'ListTasks', params: { contextId: context } };
        const { result } = answerOf(await world.ask(...message(asked, { as: 'thief' })));
        return (result.tasks as { id: string }[]).some(({ id }) => id === task.id) ? 'joined' : 'nothing';
      },
      LEAVES,
    ),
    says<Foreign>(
      'card',
      'read the extended card as nobody',
      '401 unauthenticated',
      () => ({ method: 'GetExtendedAgentCard' }),
      {
        as: undefined,
      },
    ),
    tries<Foreign>('card-open', 'learn of a tenant by the card', 'nothing', async (world) => {
      const { text } = await world.ask('/.well-known/agent-card.json');
      return /alpha|beta|attack/.test(text) ? text : 'nothing';
    }),
    tries<Foreign>('card-token', 'show the signed card as a token', '401 unauthenticated', async (world) => {
      const { signatures, ...card } = (await world.ask('/.well-known/agent-card.json')).body;
      const [{ protected: header, signature }] = signatures as [{ protected: string; signature: string }];
      const payload = Buffer.from(canonicalize(card as never)).toString('base64url');
      return await doorSays(world, message(send(), { token: `${header}.${payload}.${signature}` }));
    }),
    asks<Foreign>('card-post', 'change the card', '405 method-not-allowed', () => [
      '/.well-known/agent-card.json',
      { as: 'admin', method: 'PUT', json: {} },
    ]),
  ],
  control: {
    does: 'who has sent a message reads its task',
    expected: '200',
    run: (world, { task }) => doorSays(world, message({ method: 'GetTask', params: { id: task } }, { as: 'thief' })),
  },
});

// ------------------------------------------------------------------------------------------------ remote agents

/** What comes of asking a remote agent that answers like this. */
const remote = (
  id: string,
  what: string,
  expected: string,
  answer: (world: World) => RequestListener,
  to: (own: string, world: World) => string = (own) => own,
): Attempt<void> =>
  tries<void>(id, what, expected, async (world) => {
    const server = createServer(answer(world)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const own = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const led = world.canary.seen.length;
    try {
      const response = await boundedFetch(own, 'the token')(to(own, world));
      return `answered: ${(await response.text()).length} bytes`;
    } catch {
      return world.canary.seen.length === led ? 'refused' : `led to ${world.canary.seen.slice(led).join()}`;
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
/** Ten megabytes, compressed. */
const BOMB = gzipSync(Buffer.alloc(10_000_000));
const quiet: () => RequestListener = () => (_, response) => response.end('{}');

const remotes = family<void>('a2a', 'remotes', {
  prepare: () => undefined,
  attempts: [
    ...[301, 302, 303, 307, 308].map((status) =>
      remote(
        `redirect-${status}`,
        `lead a message on by ${status}`,
        'refused',
        ({ canary }) =>
          (_, response) =>
            response.writeHead(status, { location: canary.url }).end(),
      ),
    ),
    remote('card', 'lead messages to another host by the card', 'refused', quiet, (_, { canary }) => canary.url),
    remote('port', 'lead messages to another port', 'refused', quiet, () => 'http://127.0.0.1:1/'),
    remote(
      'metadata',
      'lead messages to the metadata of the machine',
      'refused',
      quiet,
      () => 'http://169.254.169.254/',
    ),
    remote('file', 'lead messages to a file', 'refused', quiet, () => 'file:///etc/passwd'),
    remote('huge', 'answer more than is read', 'refused', () => (_, response) => response.end('x'.repeat(1_000_001))),
    remote(
      'bomb',
      'answer a little that becomes much',
      'refused',
      () => (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(BOMB),
    ),
    remote('broken', 'break off', 'refused', () => (_, response) => response.destroy()),
  ],
  control: {
    does: 'a remote agent answers',
    expected: 'answered: 2 bytes',
    run: (world) => remote('control', 'answer', 'answered', quiet).run(world),
  },
});

export const a2a = [messages, peers, remotes];
