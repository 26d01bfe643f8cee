/** A host that trusts a provider of OpenID Connect, as it is used: `oidc-provider`, unchanged. */
import { Formicary } from '../../client/client';
import { startTestHost, type TestHost } from '../support/host';
import { type Provider, startProvider } from '../support/provider';

let provider: Provider;
let issuer: string;
let host: TestHost;

beforeAll(async () => {
  provider = await startProvider();
  ({ issuer } = provider);
  const trusted = {
    ...{ type: 'oidc', name: 'ci', issuer, audience: 'https://colony.example.com', tenant: 'acme', kind: 'service' },
    ...{ roles_claim: 'scope', roles: { 'formicary.run': 'operator' } },
  };
  host = await startTestHost({
    env: { FORMICARY_DEV_HEADERS: 'off', FORMICARY_ISSUERS: JSON.stringify([trusted]) },
  });
});
afterAll(async () => {
  provider.stop();
  await host.stop();
});

async function askProvider(): Promise<string> {
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa('batch:of+this+test+alone')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'formicary.run' }),
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

async function exchange(token: string, more: Record<string, string> = {}, form?: Record<string, string>) {
  const answer = await fetch(`${host.url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams(
      form ?? {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        ...more,
      },
    ),
  });
  return [answer.status, (await answer.json()) as Record<string, unknown>] as const;
}

test('its token is shown as it is, or changed for one of ours', async () => {
  const token = await askProvider();
  const asItIs = new Formicary({ url: host.url, credentials: { ask: askProvider } });
  expect(await asItIs.identity.me()).toMatchObject({
    ...{ id: 'service:ci:batch', kind: 'service', level: 'execute', tenant: 'acme' },
  });
  const [status, own] = await exchange(token, { scope: 'read_only' });
  expect([status, own.scope]).toEqual([200, 'read_only']);
  const [, assertion] = await exchange(
    token,
    {},
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: token,
      subject: 'recon-7',
    },
  );
  const agent = new Formicary({ url: host.url, credentials: { token: String(assertion.access_token) } });
  expect(await agent.identity.me()).toMatchObject({
    ...{ id: 'recon-7', kind: 'agent', via: 'service:ci:batch', tenant: 'acme' },
  });
  asItIs.close();
  agent.close();
});

test('what is changed in it, or asked for above it, is refused as OAuth has it', async () => {
  const token = await askProvider();
  const [head, payload, signature] = token.split('.') as [string, string, string];
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  const changed = Buffer.from(JSON.stringify({ ...claims, sub: 'admin' })).toString('base64url');
  expect(await exchange(`${head}.${changed}.${signature}`)).toEqual([
    400,
    expect.objectContaining({ error: 'invalid_grant' }),
  ]);
  expect(await exchange(token, { scope: 'critical' })).toEqual([
    400,
    expect.objectContaining({ error: 'invalid_grant' }),
  ]);
  expect(await exchange(token, { subject: 'human:eve' })).toEqual([
    400,
    expect.objectContaining({ error: 'invalid_grant' }),
  ]);
  expect(await exchange(token, { subject: 'a b' })).toEqual([
    400,
    expect.objectContaining({ error: 'invalid_request' }),
  ]);
});
