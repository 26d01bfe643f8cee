/** A host that is shown tokens bound to a key: by the client, by the command line, and by whoever has found one. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DpopKey, Formicary } from '../../client/client';
import { formicary } from '../cli/support';
import { ask } from '../mcp/support';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';

let host: TestHost;
let owner: Formicary;
let folder: string;

beforeAll(async () => {
  host = await startTestHost({ env: { FORMICARY_DEV_HEADERS: 'off' } });
  owner = new Formicary({ url: host.url, credentials: { key: host.key } });
  folder = mkdtempSync(path.join(tmpdir(), 'formicary-dpop-'));
});
afterAll(async () => {
  owner.close();
  rmSync(folder, { recursive: true, force: true });
  await host.stop();
});

const made = () => new DpopKey(generateKeyPairSync('ed25519').privateKey);

async function agentOf(id: string, dpop?: DpopKey, tenant?: string): Promise<{ token: string; client: Formicary }> {
  const giver = tenant === undefined ? owner : owner.as('human:owner', tenant);
  const { access_token: token, token_type: type } = await giver.identity.issue({
    subject: id,
    dpop_jkt: dpop?.thumbprint,
  });
  expect(type).toBe(dpop === undefined ? 'Bearer' : 'DPoP');
  return { token, client: new Formicary({ url: host.url, credentials: { token, dpop } }) };
}

test('the client works with it, also through streams, and renews it to the same key', async () => {
  const dpop = made();
  const { token, client } = await agentOf('ada-1', dpop);
  expect(await client.identity.me()).toMatchObject({ id: 'ada-1', token: { jkt: dpop.thumbprint } });
  await client.agents.register({ id: 'ada-1', agent_type: 'finance.reconciliation' });
  expect(await client.agents.inbox('ada-1', { waitSeconds: 0 })).toMatchObject({ items: [] });
  const stop = new AbortController();
  let seen = 0;
  const following = (async () => {
    for await (const _ of client.receipts.follow({ after: '0', signal: stop.signal })) {
      seen += 1;
      stop.abort();
    }
  })();
  await following;
  expect(seen).toBeGreaterThan(0);
  const renewed = await fetch(`${host.url}/oauth/token`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      dpop: dpop.prove(host.url, { method: 'POST', path: '/oauth/token' }),
    },
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    }),
  });
  expect(await renewed.json()).toMatchObject({ token_type: 'DPoP' });
  client.close();
});

test('a client whose clock is wrong proves by the time of the host', async () => {
  const dpop = made();
  const { client } = await agentOf('ea-1', dpop);
  dpop.ahead = -600_000;
  expect(await client.identity.me()).toMatchObject({ id: 'ea-1' });
  client.close();
});

describe('whoever has found one', () => {
  const dpop = made();
  let token: string;
  beforeAll(async () => {
    const { token: given, client } = await agentOf('bo-1', dpop);
    token = given;
    client.close();
  });
  const me = (headers: Record<string, string>) => fetch(`${host.url}/v1/me`, { headers });
  const proof = (method = 'GET', at = '/v1/me', key = dpop) => key.prove(host.url, { method, path: at }, token);

  test('is told how to show it, and gets no further', async () => {
    expect((await me({ authorization: `DPoP ${token}`, dpop: proof() })).status).toBe(200);
    expect((await me({ authorization: `dpop ${token}`, dpop: proof('GET', '/v1/me?a=b') })).status).toBe(200);
    const bearer = await me({ authorization: `Bearer ${token}` });
    expect([bearer.status, bearer.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringMatching(/error="invalid_token".*DPoP/),
    ]);
    const tries: Record<string, string>[] = [
      {},
      { dpop: proof('POST') },
      { dpop: proof('GET', '/v1/tasks') },
      { dpop: proof('GET', '/v1/me', made()) },
      { dpop: 'x'.repeat(5_000) },
      { dpop: `${proof()}, ${proof()}` },
    ];
    for (const more of tries) {
      const answer = await me({ authorization: `DPoP ${token}`, ...more });
      const challenge = answer.headers.get('www-authenticate');
      expect([answer.status, answer.headers.get('content-type')]).toEqual([401, 'application/problem+json']);
      expect(challenge).toMatch(/^DPoP realm="formicary", error="invalid_dpop_proof", .*algs="EdDSA ES256"/);
      expect(await answer.json()).toMatchObject({ type: 'https://formicary.dev/problems/unauthenticated' });
    }
  });

  test('shows a proof again in vain, whether or not the first was let in', async () => {
    const seen = { authorization: `DPoP ${token}`, dpop: proof() };
    const answers = await Promise.all(Array.from({ length: 10 }, () => me(seen)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await me(seen)).status).toBe(401);
    // Of a request that was refused for another reason.
    const refused = { authorization: `DPoP ${token}`, dpop: proof('GET', '/v1/tasks/missing') };
    expect((await fetch(`${host.url}/v1/tasks/missing`, { headers: refused })).status).toBe(404);
    expect((await fetch(`${host.url}/v1/tasks/missing`, { headers: refused })).status).toBe(401);
  });

  test('can’t renew it, nor bind one that was not', async () => {
    const ask = async (subject: string, headers: Record<string, string> = {}) => {
      const answer = await fetch(`${host.url}/oauth/token`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
        body: `grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token_type=urn:ietf:params:oauth:token-type:access_token&subject_token=${subject}`,
      });
      return [answer.status, ((await answer.json()) as { error: string }).error];
    };
    const theirs = { dpop: made().prove(host.url, { method: 'POST', path: '/oauth/token' }) };
    expect(await ask(token)).toEqual([400, 'invalid_dpop_proof']);
    expect(await ask(token, theirs)).toEqual([400, 'invalid_dpop_proof']);
    expect(await ask(token, { dpop: 'none' })).toEqual([400, 'invalid_dpop_proof']);
    const { token: plain, client } = await agentOf('bo-2');
    client.close();
    const again = { dpop: made().prove(host.url, { method: 'POST', path: '/oauth/token' }) };
    expect(await ask(plain, again)).toEqual([400, 'invalid_grant']);
  });
});

test('where the tenant demands it, others may read, and the owner binds its tokens by itself', async () => {
  const tenant = 'locked';
  const admin = owner.as('human:owner', tenant);
  const dpop = made();
  const [bound, plain] = [await agentOf('cy-1', dpop, tenant), await agentOf('cy-2', undefined, tenant)];
  const refused = { required_from: 'execute', reason: 'tokens were found in a log' } as const;
  // The owner has shown a token that is not bound, so far.
  await expect(admin.identity.setDpop(refused)).rejects.toMatchObject({ status: 409, code: 'token-not-bound' });
  const own = await formicary(['--url', host.url, '--tenant', tenant, 'dpop', '--json'], {
    env: { FORMICARY_DATA: host.data, XDG_CONFIG_HOME: folder },
  });
  expect(JSON.parse(own.stdout)).toEqual({ required_from: 'nothing' });
  const set = ['dpop', '--require-from', 'execute', '--reason', 'tokens were found in a log'];
  const demanded = await formicary(['--url', host.url, '--tenant', tenant, ...set], {
    env: { FORMICARY_DATA: host.data, XDG_CONFIG_HOME: folder },
  });
  expect(demanded).toMatchObject({ code: 0, stdout: expect.stringContaining('takes a token that is bound') as string });

  const profile = { agent_type: 'finance.reconciliation' };
  await bound.client.agents.register({ id: 'cy-1', ...profile });
  await plain.client.agents.register({ id: 'cy-2', ...profile });
  // What takes execute: that there is no such task is told to whoever may ask.
  const accept = (client: Formicary) => client.tasks.accept('missing', { award: 1 });
  await expect(accept(bound.client)).rejects.toMatchObject({ status: 404 });
  await expect(accept(plain.client)).rejects.toMatchObject({ status: 401, code: 'unauthenticated' });
  expect(await plain.client.identity.me()).toMatchObject({ level: 'read_write', token: { level_if_bound: 'execute' } });
  const raw = await fetch(`${host.url}/v1/tasks/missing/accept`, {
    method: 'POST',
    headers: { authorization: `Bearer ${plain.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ award: 1 }),
  });
  expect(raw.headers.get('www-authenticate')).toMatch(/^DPoP .*error="invalid_token"/);
  const tool = { name: 'acceptTask', arguments: { id: 'missing', award: 1 } };
  const called = await ask(host, 'tools/call', tool, { token: plain.token });
  expect([called.status, called.headers.get('www-authenticate')]).toEqual([
    401,
    expect.stringMatching(/^DPoP .*error="invalid_token".*resource_metadata="[^"]*\/mcp"/),
  ]);

  // Its client had not known: it binds what it gets from now on.
  expect(await admin.identity.setDpop({ required_from: 'nothing', reason: 'enough' })).toMatchObject({
    dpop: { required_from: 'nothing' },
  });
  expect(await admin.identity.me()).toMatchObject({ token: { jkt: expect.any(String) as string } });
  await expect(accept(plain.client)).rejects.toMatchObject({ status: 404 });
  for (const client of [bound.client, plain.client]) client.close();
});

test('the command line makes a key, has a token bound to it, and shows both', async () => {
  const file = path.join(folder, 'di-1.jwk');
  const here = (...args: string[]) =>
    formicary(['--url', host.url, ...args], { env: { FORMICARY_DATA: host.data, XDG_CONFIG_HOME: folder } });
  const key = await here('dpop-key', file);
  expect(key).toMatchObject({ code: 0, stdout: `${DpopKey.read(readFileSync(file, 'utf8')).thumbprint}\n` });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await here('dpop-key', file)).toMatchObject({ code: 2, stderr: expect.stringContaining('already') as string });
  const { stdout } = await here('token', 'di-1', '--bound-to', key.stdout.trim());
  const shown = { FORMICARY_DATA: '/nowhere', FORMICARY_TOKEN: stdout.trim() };
  const as = (env: Record<string, string>) => formicary(['--url', host.url, 'whoami'], { env: { ...shown, ...env } });
  expect(await as({ FORMICARY_DPOP_KEY: file })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('di-1') as string,
  });
  expect(await as({})).toMatchObject({ code: 1, stderr: expect.stringContaining('bound to a key') as string });
  await eventually(async () => !host.output().includes(stdout.trim()));
});
