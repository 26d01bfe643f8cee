/** A host whose tenants have to be created: whoever shows up for another is told so, and leaves nothing behind. */
import { startTestHost, type TestHost } from '../support/host';
import { call, type Sent, settled } from './support';

let host: TestHost;

beforeAll(async () => {
  host = await startTestHost({ env: { FORMICARY_TENANT_ACCESS: 'closed' } });
});
afterAll(() => host.stop());

const of =
  (tenant: string) =>
  (path: string, sent: Sent = {}) =>
    call(host, path, { tenant, ...sent });
const receipts = async (tenant: string) => (await of(tenant)('/v1/receipts')).body.value as unknown[];

test('nobody acts in a tenant before it was created, or learns anything there', async () => {
  const api = of('contoso');
  const attempts: readonly (readonly [path: string, sent?: Sent])[] = [
    ['/v1/tasks'],
    ['/v1/tenants/contoso'],
    ['/v1/me'],
    ['/v1/receipts'],
    ['/v1/tasks', { json: { task_type: 'clerk' }, headers: { 'idempotency-key': 'k' } }],
    ['/v1/agents/ann', { method: 'PUT', as: 'ann', json: { agent_type: 'clerk' } }],
    ['/v1/tokens', { as: 'human:ada', json: { subject: 'ann' } }],
    ['/v1/stops/tenant/contoso', { method: 'PUT', as: 'human:ada', json: { reason: 'x' } }],
    ['/v1/budgets/tenant/contoso', { method: 'PUT', json: { limit_micro_usd: 1, reason: 'x' } }],
    ['/v1/signals', { json: { type: 'threat_detected', strength: 1, location: 'a', decay_rate: 0.1 } }],
    ['/v1/revocations', { as: 'human:ada', json: { kind: 'tenant', reason: 'x' } }],
  ];
  for (const [path, sent] of attempts) {
    const { status, headers, body } = await api(path, sent);
    expect([path, status, body.type]).toEqual([path, 403, 'https://formicary.dev/problems/tenant-unknown']);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(body).toMatchObject({ tenant: 'contoso', detail: expect.stringContaining('nothing was stored') });
  }
  const platform = of('platform');
  const created = await platform('/v1/tenants/contoso', { method: 'PUT', json: { reason: 'a customer' } });
  expect(created.status).toBe(200);
  await settled(host);
  expect(await receipts('contoso')).toEqual([]);
  // A key that was sent in vain is free.
  const headers = { 'idempotency-key': 'k' };
  expect((await api('/v1/tasks', { json: { task_type: 'other' }, headers })).status).toBe(201);
  expect((await api('/v1/me')).status).toBe(200);
});

test('whoever runs it alone needs nobody', async () => {
  expect((await of('default')('/v1/tasks', { json: { task_type: 'clerk' } })).status).toBe(201);
  expect((await call(host, '/health/live')).status).toBe(200);
});

test('whose tenant is none any more gets no other token for the one that is held', async () => {
  const open = await startTestHost();
  const { access_token: token } = (await call(open, '/v1/tokens', { tenant: 'fabrikam', json: { subject: 'ann' } }))
    .body as { readonly access_token: string };
  const form = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token: token,
  });
  const renewed = async () => {
    const answer = await fetch(`${open.url}/oauth/token`, { method: 'POST', body: form });
    return [answer.status, await answer.json()];
  };
  expect(await renewed()).toMatchObject([200, { token_type: 'Bearer' }]);
  await open.kill('SIGTERM');
  const { data, port } = open;
  const closed = await startTestHost({ data, port, env: { FORMICARY_TENANT_ACCESS: 'closed' } });
  expect(await renewed()).toMatchObject([400, { error: 'invalid_grant' }]);
  await closed.stop();
  await open.stop();
});
