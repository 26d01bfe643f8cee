/** A request that policy wants approved is held, people are asked, and it is done without being asked for again. */
import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Formicary } from '../../client/client';
import { bundleWith } from '../support/bundles';
import { eventually } from '../support/eventually';
import { compiledApp, startTestHost, type TestHost } from '../support/host';

let host: TestHost;
let ada: Formicary;

beforeAll(async () => {
  const policies = join(compiledApp(), 'policies');
  unlinkSync(policies);
  mkdirSync(join(policies, 'bundle'), { recursive: true });
  for (const [name, bytes] of Object.entries(await bundleWith({ approvals: { actions: ['tool.register'] } })))
    writeFileSync(join(policies, 'bundle', name), bytes);
  host = await startTestHost();
  ada = new Formicary({ url: host.url }).as('human:ada', 'held');
}, 60_000);
afterAll(async () => {
  ada.close();
  await host.stop();
});

// eslint-disable-next-line @typescript-eslint/no-explicit-any
async function register(id: string, key?: string): Promise<{ status: number; body: any }> {
  const response = await fetch(`${host.url}/v1/tools/${id}`, {
    method: 'PUT',
    headers: {
      'x-formicary-tenant': 'held',
      'x-formicary-principal': 'bot',
      'content-type': 'application/json',
      ...(key !== undefined && { 'idempotency-key': key }),
    },
    body: JSON.stringify({
      tool_name: id,
      description: 'Asks the CRM',
      schema: { type: 'object' },
      sandbox_level: 'restricted',
      version: '1.0.0',
    }),
  });
  return { status: response.status, body: await response.json() };
}

test('held, approved, and done by itself; the same request tells how it stands', async () => {
  const held = await register('crm', 'key-1');
  expect(held).toMatchObject({
    status: 403,
    body: {
      type: 'https://formicary.dev/problems/approval-needed',
      reasons: ['people approve this first'],
      action: { id: expect.any(String) },
    },
  });
  const { id } = held.body.action as { id: string };
  expect((await register('crm', 'key-1')).body.action.id).toBe(id);
  const approval = await eventually(async () => (await ada.approvals.list({ status: 'waiting' })).value[0]);
  const { hash } = await ada.approvals.get(approval.id);
  await ada.approvals.approve(approval.id, { hash, reason: 'it is known' });
  await eventually(async () => {
    const headers = { 'x-formicary-tenant': 'held', 'x-formicary-principal': 'bot' };
    return (await fetch(`${host.url}/v1/tools/crm`, { headers })).status === 200;
  });
  await eventually(async () => (await ada.actions.get(id)).given !== undefined);
  expect(await ada.actions.get(id)).toMatchObject({
    status: 'executed',
    command: 'registerTool',
    given: { receipt: 'held/tool/crm@0' },
  });
  expect((await register('crm', 'key-1')).body.action).toMatchObject({ id, status: 'executed' });
});

test('so many at once are held, and more are refused as they come', async () => {
  const answers = [];
  for (let n = 0; n < 14; n += 1) answers.push(await register(`flood-${n}`));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]));
  const held = answers.filter(({ body }) => body.action !== undefined).length;
  expect(held).toBeGreaterThan(0);
  expect(held).toBeLessThan(14);
});
