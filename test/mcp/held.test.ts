/** A call that people approve first is a task of MCP, for whose client takes these; in words for others; and of A2A. */
import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Formicary } from '../../client/client';
import { AT_ONCE, message, rpc } from '../a2a/support';
import { bundleWith } from '../support/bundles';
import { eventually } from '../support/eventually';
import { compiledApp, startTestHost, type TestHost } from '../support/host';
import { ask } from './support';

let host: TestHost;
let ada: Formicary;

beforeAll(async () => {
  const policies = join(compiledApp(), 'policies');
  unlinkSync(policies);
  mkdirSync(join(policies, 'bundle'), { recursive: true });
  for (const [name, bytes] of Object.entries(
    await bundleWith({ approvals: { actions: ['tool.register', 'task.post'] } }),
  ))
    writeFileSync(join(policies, 'bundle', name), bytes);
  host = await startTestHost();
  ada = new Formicary({ url: host.url }).as('human:ada', 'held');
}, 60_000);
afterAll(async () => {
  ada.close();
  await host.stop();
});

const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
const as = (principal: string, capabilities: object = TASKS) => ({
  capabilities,
  query: '?tools=registerTool',
  headers: { 'x-formicary-tenant': 'held', 'x-formicary-principal': principal },
});

async function register(tool_id: string, capabilities?: object) {
  const args = { tool_id, tool_name: tool_id, description: 'Asks the CRM', schema: { type: 'object' } };
  const given = { ...args, sandbox_level: 'restricted', version: '1.0.0', idempotency_key: tool_id };
  return (await ask(host, 'tools/call', { name: 'registerTool', arguments: given }, as('bot', capabilities))).body
    .result;
}

const look = async (taskId: string, principal = 'bot', capabilities?: object) =>
  (await ask(host, 'tasks/get', { taskId }, as(principal, capabilities))).body;

async function decide(decision: 'approve' | 'reject'): Promise<void> {
  const { id } = await eventually(async () => (await ada.approvals.list({ status: 'waiting' })).value[0]);
  const { hash } = await ada.approvals.get(id);
  await ada.approvals[decision](id, { hash, reason: 'it is known' });
}

test('it works until people approve, and is then done, once', async () => {
  const held = await register('crm');
  expect(held).toMatchObject({ resultType: 'task', status: 'working', taskId: expect.any(String), ttlMs: null });
  const { taskId } = held as { taskId: string };
  expect((await register('crm')).taskId).toBe(taskId);
  expect((await look(taskId)).result).toMatchObject({ resultType: 'complete', status: 'working', taskId });
  await decide('approve');
  await eventually(async () => (await look(taskId)).result.status === 'completed');
  expect((await look(taskId)).result.result).toMatchObject({
    isError: false,
    content: [{ text: expect.stringContaining('held/tool/crm@0') }],
  });
});

test('what people reject is told so; who has not asked, and whose client knows no tasks, is told nothing', async () => {
  const { taskId } = (await register('erp')) as { taskId: string };
  expect((await look(taskId, 'somebody-else')).error).toMatchObject({ code: -32602 });
  expect((await look('none')).error).toMatchObject({ code: -32602 });
  expect((await look(taskId, 'bot', {})).error).toMatchObject({ code: -32021 });
  const headers = { ...as('bot').headers, 'mcp-name': 'another' };
  expect((await ask(host, 'tasks/get', { taskId }, { ...as('bot'), headers })).body.error).toMatchObject({
    code: -32020,
  });
  await decide('reject');
  await eventually(async () => (await look(taskId)).result.status === 'completed');
  expect((await look(taskId)).result.result).toMatchObject({ isError: true });
});

test('who has asked takes it back', async () => {
  const { taskId } = (await register('hr')) as { taskId: string };
  await eventually(async () => (await ada.approvals.list({ status: 'waiting' })).value.length > 0);
  expect((await ask(host, 'tasks/cancel', { taskId }, as('bot'))).body.result).toMatchObject({
    resultType: 'complete',
  });
  await eventually(async () => (await look(taskId)).result.status === 'cancelled');
});

test('a message by A2A waits for people under the id of its action, and is that task once they approve', async () => {
  const headers = { 'x-formicary-tenant': 'held', 'x-formicary-principal': 'peer' };
  const ask = async (method: string, params: object, as = headers) =>
    (await rpc(host, method, params, { headers: as })).body;
  const send = (messageId: string) => ask('SendMessage', { ...message(messageId, { contextId: 'c-1' }), ...AT_ONCE });
  const { task } = (await send('m-1')).result;
  expect(task).toMatchObject({ contextId: 'c-1', status: { state: 'TASK_STATE_INPUT_REQUIRED' } });
  expect((await send('m-1')).result.task.id).toBe(task.id);
  const other = { ...headers, 'x-formicary-principal': 'somebody-else' };
  expect((await ask('GetTask', { id: task.id }, other)).error.code).toBe(-32001);
  await decide('approve');
  await eventually(async () => (await ask('GetTask', { id: task.id })).result.status.state === 'TASK_STATE_SUBMITTED');
  expect((await ask('GetTask', { id: task.id })).result).toMatchObject({
    id: task.id,
    contextId: 'c-1',
    history: [{ messageId: 'm-1', taskId: task.id }],
  });
  const { task: refused } = (await send('m-2')).result;
  await decide('reject');
  await eventually(
    async () => (await ask('GetTask', { id: refused.id })).result.status.state === 'TASK_STATE_REJECTED',
  );
  expect((await ask('CancelTask', { id: refused.id })).error.code).toBe(-32002);
  const { task: withdrawn } = (await send('m-3')).result;
  await eventually(async () => (await ada.approvals.list({ status: 'waiting' })).value.length > 0);
  expect((await ask('CancelTask', { id: withdrawn.id })).result.status.state).toBe('TASK_STATE_CANCELED');
  await eventually(
    async () => (await ask('GetTask', { id: withdrawn.id })).result.status.state === 'TASK_STATE_CANCELED',
  );
});

test('a client that knows no tasks is told in words', async () => {
  const { isError, content } = await register('wms', {});
  expect([isError, content[0].text]).toEqual([true, expect.stringContaining('People approve this first')]);
});
