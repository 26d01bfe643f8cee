/** A host that believes nobody: what answers without a token, what a token opens, and the owner's key at the start. */
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import path from 'node:path';
import { systemClock } from '../../app/engine/clock';
import { AccessTokens } from '../../app/identity/access-tokens';
import { Formicary, type FormicaryError } from '../../client/client';
import { ownersKeyTextOf } from '../../domain/kernel/identity-secret';
import { formicary } from '../cli/support';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';

const STRICT = { FORMICARY_DEV_HEADERS: 'off' };
let host: TestHost;
let owner: Formicary;

beforeAll(async () => {
  host = await startTestHost({ env: STRICT });
  owner = new Formicary({ url: host.url, credentials: { key: host.key } });
});
afterAll(async () => {
  owner.close();
  await host.stop();
});

const get = (route: string, headers: Record<string, string> = {}) => fetch(host.url + route, { headers });

test('the first start prints the key, once, and only its user reads the secret', async () => {
  const file = path.join(host.data, 'formicary.secret');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(ownersKeyTextOf(readFileSync(file, 'utf8').trim())).toBe(host.key);
  expect(host.output()).toContain(host.key);
  const other = await startTestHost({ env: STRICT });
  await other.kill('SIGTERM');
  const again = await startTestHost({ env: STRICT, data: other.data });
  expect(again.output()).not.toContain(again.key);
  expect(again.key).toBe(other.key);
  await again.stop();
  await other.stop();
});

test('without a token only health and documents answer', async () => {
  const { paths } = (await (await get('/openapi.json')).json()) as { paths: Record<string, Record<string, unknown>> };
  const routes = Object.entries(paths).flatMap(([route, methods]) => Object.keys(methods).map((one) => [one, route]));
  expect(routes.length).toBeGreaterThan(90);
  for (const [method = '', route = ''] of routes) {
    const url = host.url + route.replaceAll(/\{[^}]+\}/g, 'some-id');
    for (const headers of [{}, { 'x-formicary-principal': 'human:ada', 'x-ms-client-principal': 'e30=' }]) {
      const answer = await fetch(url, { method: method.toUpperCase(), headers });
      expect([method, route, answer.status]).toEqual([method, route, 401]);
      expect(answer.headers.get('www-authenticate')).toBe(
        `Bearer realm="formicary", resource_metadata="${host.url}/.well-known/oauth-protected-resource"`,
      );
    }
  }
  expect((await get('/metrics')).status).toBe(401);
  for (const open of ['/health/live', '/health/ready', '/docs', '/openapi.json', '/.well-known/jwks.json'])
    expect([open, (await get(open)).status]).toEqual([open, 200]);
});

test.each(['abc', 'Basic YTpi', 'Bearer', 'Bearer a b', 'Bearer ..', `Bearer ${'a'.repeat(9_000)}`])(
  'what is shown, and is no token, is told so: %.20s',
  async (authorization) => {
    const answer = await get('/v1/me', { authorization });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect(await answer.json()).toMatchObject({ type: 'https://formicary.dev/problems/unauthenticated' });
  },
);

test('what a body brings that comes after the token was taken back is not done', async () => {
  const post = async (subject: string, meanwhile: () => Promise<unknown>): Promise<number> => {
    const { access_token: token } = await owner.identity.issue({ subject });
    const body = JSON.stringify({ id: `late-${subject}`, task_type: 'x' });
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const sent = request(`${host.url}/v1/tasks`, { method: 'POST', headers });
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    sent.write(body.slice(0, 5));
    // Who sends nothing of it was not let in yet, perhaps.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await meanwhile();
    sent.end(body.slice(5));
    const [{ statusCode = 0 }] = await answered;
    return statusCode;
  };
  const revoke = () => owner.identity.revoke({ kind: 'principal', id: 'slow-1', reason: 'it may have leaked' });
  expect(await post('slow-1', revoke)).toBe(401);
  expect(await post('slow-2', revoke)).toBe(201);
  await expect(owner.tasks.get('late-slow-1')).rejects.toMatchObject({ status: 404 });
});

test('the documents say where tokens come from', async () => {
  const resource = (await (await get('/.well-known/oauth-protected-resource')).json()) as Record<string, unknown>;
  expect(resource).toMatchObject({ resource: host.url, authorization_servers: [host.url] });
  const server = (await (await get('/.well-known/oauth-authorization-server')).json()) as Record<string, unknown>;
  expect(server).toMatchObject({ issuer: host.url, token_endpoint: `${host.url}/oauth/token` });
  const { keys } = (await (await get('/.well-known/jwks.json')).json()) as { keys: Record<string, unknown>[] };
  expect(keys).toEqual([expect.objectContaining({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA' })]);
  expect(keys[0]).not.toHaveProperty('d');
});

test('the token endpoint refuses as OAuth has it', async () => {
  const ask = async (form: string, type = 'application/x-www-form-urlencoded') => {
    const answer = await fetch(`${host.url}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: form,
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    return [answer.status, ((await answer.json()) as { error: string }).error];
  };
  const exchange = 'grant_type=urn:ietf:params:oauth:grant-type:token-exchange';
  expect(await ask('{}', 'application/json')).toEqual([400, 'invalid_request']);
  expect(await ask('')).toEqual([400, 'invalid_request']);
  expect(await ask('grant_type=password&username=a&password=b')).toEqual([400, 'unsupported_grant_type']);
  expect(await ask('grant_type=client_credentials&grant_type=client_credentials')).toEqual([400, 'invalid_request']);
  expect(await ask('grant_type=client_credentials')).toEqual([401, 'invalid_client']);
  expect(await ask(`grant_type=client_credentials&client_id=owner&client_secret=${host.key}`)).toEqual([
    401,
    'invalid_client',
  ]);
  expect(await ask(exchange)).toEqual([400, 'invalid_request']);
  expect(await ask(`${exchange}&subject_token=abc&subject_token_type=jwt`)).toEqual([400, 'invalid_request']);
  expect(
    await ask(`${exchange}&subject_token=abc&subject_token_type=urn:ietf:params:oauth:token-type:access_token`),
  ).toEqual([400, 'invalid_grant']);
  expect(await ask(`grant_type=client_credentials&x=${'a'.repeat(40_000)}`)).toEqual([400, 'invalid_request']);
});

test('an agent works with the token that it was given, and with that alone', async () => {
  const { access_token: token, session } = await owner.identity.issue({ subject: 'ada-1' });
  const agent = new Formicary({ url: host.url, credentials: { token } });
  expect(await agent.identity.me()).toMatchObject({ id: 'ada-1', kind: 'agent', level: 'execute', token: { session } });
  await agent.agents.register({ id: 'ada-1', agent_type: 'finance.reconciliation' });
  await expect(agent.identity.issue({ subject: 'bo-2' })).rejects.toMatchObject({ status: 403 });
  await expect(agent.identity.revoke({ kind: 'tenant', reason: 'mine' })).rejects.toMatchObject({ status: 403 });
  await expect(agent.agents.inbox('bo-2')).rejects.toMatchObject({ status: 403 });
  expect(() => agent.as('bo-2')).toThrow(TypeError);
  await owner.identity.revoke({ kind: 'principal', id: 'ada-1', reason: 'its key may have leaked' });
  const refused = await agent.identity.me().catch((error: unknown) => error as FormicaryError);
  expect(refused).toMatchObject({ status: 401, code: 'unauthenticated' });
  agent.close();
});

describe('a flood of attempts that fail', () => {
  const flood = (count: number, ask: (i: number) => Promise<Response>) =>
    Promise.all(Array.from({ length: count }, (_, i) => ask(i).then(async (answer) => [answer, await answer.text()])));
  const shown = (sub: string) => {
    const payload = Buffer.from(JSON.stringify({ iss: host.url, tenant: 'default', sub })).toString('base64url');
    return `eyJhbGciOiJFZERTQSJ9.${payload}.AAAA`;
  };
  const told = (answers: Awaited<ReturnType<typeof flood>>) => {
    const later = answers.filter(([answer]) => (answer as Response).status === 429);
    for (const [answer, text] of later as [Response, string][]) {
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(answer.headers.get('content-type')).toContain('json');
      expect(JSON.parse(text)).toMatchObject({ type: 'https://formicary.dev/problems/too-many-requests' });
    }
    return [later.length > 0, answers.length > later.length];
  };

  test('is told to come later, at every door; who is known goes on, and who is not gets in', async () => {
    const { access_token: token } = await owner.identity.issue({ subject: 'calm-1' });
    const authorization = `Bearer ${token}`;
    expect((await get('/v1/me', { authorization })).status).toBe(200);
    const first = flood(60, () => get('/v1/me', { authorization: `Bearer ${shown('recon-7')}` }));
    expect(told(await first)).toEqual([true, true]);
    const form = (i: number) =>
      fetch(`${host.url}/oauth/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: `grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token_type=urn:ietf:params:oauth:token-type:access_token&subject_token=${shown(`stranger-${i}`)}`,
      });
    const second = flood(600, form);
    expect((await get('/v1/me', { authorization })).status).toBe(200);
    const answers = await second;
    expect(told(answers)[1]).toBe(true);
    // Somebody new, from the same address, whose client tries again as it is told.
    const newcomer = new Formicary({
      url: host.url,
      credentials: { token: (await owner.identity.issue({ subject: 'new-1' })).access_token },
    });
    expect(await newcomer.identity.me()).toMatchObject({ id: 'new-1' });
    newcomer.close();
    const { text } = { text: await owner.operation.metrics() };
    expect(text).toMatch(/formicary_authentication_failures_total\{answer="unexamined"\} [1-9]/);
    expect(text).toMatch(/formicary_authentication_failures_total\{answer="refused"\} [1-9]/);
    expect(host.output()).toContain('somebody could not authenticate');
  });
});

test('whoever asks for tokens without end is told to come later: each is a request of theirs', async () => {
  const platform = new Formicary({ url: host.url, credentials: { key: host.key }, tenant: 'platform' });
  await platform.tenants.create('hasty', { limits: { requests_per_second: 5 }, reason: 'a customer' });
  platform.close();
  const hasty = new Formicary({ url: host.url, credentials: { key: host.key }, tenant: 'hasty' });
  const { access_token: token } = await hasty.identity.issue({ subject: 'quick-1' });
  hasty.close();
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token: token,
  });
  const renewed = () => fetch(`${host.url}/oauth/token`, { method: 'POST', body: form });
  const answers = await Promise.all(Array.from({ length: 40 }, renewed));
  expect(answers.filter(({ status }) => status === 200).length).toBeLessThan(20);
  const refused = answers.find(({ status }) => status === 429)!;
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({
    type: 'https://formicary.dev/problems/too-many-requests',
    error: 'temporarily_unavailable',
  });
});

describe('what goes on for an agent', () => {
  /** A long poll and a stream of somebody; `ended` says how each went. */
  async function waiting(token: string, id: string) {
    const headers = { authorization: `Bearer ${token}` };
    const stop = new AbortController();
    const poll = fetch(`${host.url}/v1/agents/${id}/inbox?waitSeconds=30`, { headers, signal: stop.signal });
    const stream = await fetch(`${host.url}/v1/receipts/stream`, { headers, signal: stop.signal });
    const ended = { poll: undefined as unknown, stream: undefined as unknown };
    void poll.then(async (answer) => (ended.poll = [answer.status, await answer.json()])).catch(() => undefined);
    void stream
      .text()
      .then((text) => (ended.stream = text.startsWith('retry: ')))
      .catch(() => undefined);
    return { ended, stop: () => stop.abort() };
  }

  async function agentOf(id: string): Promise<string> {
    await owner.as(id).agents.register({ id, agent_type: 'finance.reconciliation' });
    return (await owner.identity.issue({ subject: id })).access_token;
  }

  const REFUSED = [401, expect.objectContaining({ type: 'https://formicary.dev/problems/unauthenticated' })];

  test('ends when its token is taken back, and for nobody else', async () => {
    const one = await waiting(await agentOf('ends-1'), 'ends-1');
    const other = await waiting(await agentOf('stays-1'), 'stays-1');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(one.ended).toEqual({ poll: undefined, stream: undefined });
    await owner.identity.revoke({ kind: 'principal', id: 'ends-1', reason: 'its key may have leaked' });
    await eventually(async () => one.ended.poll !== undefined && one.ended.stream !== undefined);
    expect(one.ended).toEqual({ poll: REFUSED, stream: true });
    expect(other.ended).toEqual({ poll: undefined, stream: undefined });
    other.stop();
  });

  test('ends when its token does', async () => {
    const { tenant } = await owner.identity.me();
    await agentOf('short-1');
    const secret = readFileSync(path.join(host.data, 'formicary.secret'), 'utf8').trim();
    const tokens = await AccessTokens.open([secret], host.url, systemClock);
    const expires = Math.floor(systemClock.now() / 1_000) + 1;
    const says = { tenant, subject: 'short-1', kind: 'agent', level: 'execute', roles: [], groups: [] } as const;
    const token = await tokens.sign(
      { ...says, session: 'short', until: expires, epochs: [0, 0] },
      'short-token',
      expires,
    );
    const one = await waiting(token, 'short-1');
    await eventually(async () => one.ended.poll !== undefined && one.ended.stream !== undefined);
    expect(one.ended).toEqual({ poll: REFUSED, stream: true });
  });
});

test('the command line finds the key of a host on this machine, and can be told it', async () => {
  const call = (...args: string[]) => formicary(['--url', host.url, ...args], { env: { FORMICARY_DATA: host.data } });
  expect(await call('whoami', '--json')).toMatchObject({ code: 0 });
  const ada = await call('--principal', 'human:ada', 'whoami', '--json');
  expect(JSON.parse(ada.stdout)).toMatchObject({ id: 'human:ada', via: 'human:owner' });
  const stranger = await formicary(['--url', host.url, 'whoami'], { env: { FORMICARY_DATA: '/nowhere' } });
  expect(stranger).toMatchObject({ code: 1, stderr: expect.stringContaining('login') as string });
  const keyed = await formicary(['--url', host.url, 'whoami'], {
    env: { FORMICARY_DATA: '/nowhere', FORMICARY_KEY: host.key },
  });
  expect(keyed.code).toBe(0);
  expect((await call('login', '--show')).stdout.trim()).toBe(host.key);
  const elsewhere = await formicary(['--url', host.url, 'login', '--show'], { env: { FORMICARY_DATA: '/nowhere' } });
  expect(elsewhere).toMatchObject({ code: 2, stdout: '' });
});
