/** The loop of docs/agents.md by a client that was generated: register, wait, accept, show life, complete. */
import createClient from 'openapi-fetch';
import type { components, paths } from './generated/api';

/** Of the host, and of two principals: the agent ada-1 and a service. */
const [baseUrl, agentToken, serviceToken] = process.argv.slice(2);
const agent = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${agentToken}` } });
const crm = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${serviceToken}` } });

/** What was answered; throws with what the problem says. */
function answered<T>({ data, error }: { data?: T; error?: components['schemas']['Problem'] }): T {
  if (data === undefined) throw new Error(error?.detail ?? 'no answer');
  return data;
}

async function main(): Promise<void> {
  const id = 'ada-1';
  answered(
    await agent.PUT('/v1/agents/{id}', {
      params: { path: { id } },
      body: { agent_type: 'finance.reconciliation', capacity: 2, limits: { presence_seconds: 3_600 } },
    }),
  );
  const posted = answered(
    await crm.POST('/v1/tasks', { body: { task_type: 'finance.reconciliation', payload: { month: '2026-10' } } }),
  );
  const task: components['schemas']['Task'] = posted.task;
  const inbox = answered(
    await agent.GET('/v1/agents/{id}/inbox', { params: { path: { id }, query: { waitSeconds: 20 } } }),
  );
  const item = inbox.items.find((item) => item.kind === 'assignment' && item.task === task.id);
  if (item?.kind !== 'assignment') throw new Error(`no assignment of ${task.id} in ${JSON.stringify(inbox)}`);
  const { award } = item;
  const path = { params: { path: { id: task.id } } };
  answered(await agent.POST('/v1/tasks/{id}/accept', { ...path, body: { award } }));
  const beat = { holding: [{ task: task.id, award }] };
  const { held } = answered(await agent.POST('/v1/agents/{id}/heartbeat', { params: { path: { id } }, body: beat }));
  if (held[0]?.stands !== true) throw new Error('the claim does not stand');
  const done = answered(
    await agent.POST('/v1/tasks/{id}/complete', { ...path, body: { award, result: { matched: 118 } } }),
  );
  if (done.task.status !== 'completed') throw new Error(`the task is ${done.task.status}`);
  // A refusal has the form of a problem.
  const { error, response } = await agent.GET('/v1/tasks/{id}', { params: { path: { id: 'nothing' } } });
  if (response.status !== 404 || error?.status !== 404) throw new Error(`expected a 404, got ${response.status}`);
  console.log(`openapi-typescript: ${task.id} completed`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
