/** What an agent does, by hand: to try things out, and to help where an agent is stuck. */
import type { Inbox } from '../../client/client';
import { jsonOf } from '../json';
import {
  ago,
  bold,
  call,
  type Context,
  namedNumber,
  print,
  printJson,
  printTable,
  RefusedError,
  said,
} from '../terminal';

export interface RegisterInput {
  readonly id?: string;
  readonly type: string;
  readonly pool?: string;
  readonly capability?: readonly string[];
  readonly capacity?: number;
  readonly location?: string;
  readonly presenceSeconds?: number;
}

/** Registers an agent. */
export async function register(
  { client, json }: Context,
  { id, type, pool, capability, capacity, location, presenceSeconds }: RegisterInput,
): Promise<void> {
  const answer = await client.agents.register({
    id,
    agent_type: type,
    pool,
    capabilities: capability === undefined ? undefined : Object.fromEntries(capability.map(levelled)),
    capacity,
    location,
    limits: presenceSeconds === undefined ? undefined : { presence_seconds: presenceSeconds },
  });
  if (json) return printJson(answer);
  print(
    `${bold(said(answer.agent.id))} is registered as ${said(type)}. \`${call()} inbox ${said(answer.agent.id)} --wait 30\` waits for work.`,
  );
}

/** `english` or `english=0.8` */
function levelled(text: string): [string, number] {
  const { name, number = 1 } = namedNumber('--capability', 'level', text, { min: 0, max: 1 });
  return [name, number];
}

/** Takes an agent off; its tasks go to others. */
export async function deregister(
  { client, json }: Context,
  { agent, reason }: { agent: string; reason?: string },
): Promise<void> {
  const answer = await client.agents.deregister(agent, reason);
  if (json) return printJson(answer);
  print(`${bold(said(agent))} is gone; what it held goes to others.`);
}

/** Shows what waits for an agent. Asking is a sign of life of it. */
export async function inbox(
  { client, json }: Context,
  { agent, wait }: { agent: string; wait?: number },
): Promise<void> {
  const found = await client.as(agent).agents.inbox(agent, { waitSeconds: wait });
  if (json) return printJson(found);
  printTable(
    ['WHAT', 'ID', 'AWARD', 'UNTIL', 'ABOUT'],
    found.items.map((item) => rowOf(item)),
    ['AWARD'],
    `Nothing waits for ${said(agent)}.`,
  );
}

function rowOf(item: Inbox['items'][number]): (string | number)[] {
  switch (item.kind) {
    case 'assignment':
      return ['task to accept', bold(said(item.task)), item.award, ago(item.accept_by), said(item.spec.task_type)];
    case 'holding':
      return ['task it holds', bold(said(item.task)), item.award, ago(item.lease_until), said(item.task_type)];
    case 'offer':
      return ['task to bid for', bold(said(item.task)), '–', ago(item.bids_close_at), said(item.spec.task_type)];
    case 'vote':
      return ['vote', bold(said(item.round)), '–', ago(item.deadline), said(item.question)];
  }
}

/** Whose work it is, and which award; both are looked up when they are not given. */
export interface ClaimInput {
  readonly task: string;
  readonly agent?: string;
  readonly award?: number;
}

async function claimOf(
  { client }: Context,
  { task, agent, award }: ClaimInput,
): Promise<{ agent: string; award: number }> {
  if (agent !== undefined && award !== undefined) return { agent, award };
  const { holder, status } = await client.tasks.get(task);
  if (holder === undefined)
    throw new RefusedError(`nobody holds ${task}: it is ${status}`, `${call()} why ${task} tells what happened.`);
  return { agent: agent ?? holder.agent, award: award ?? holder.award };
}

/** Accepts an award; the lease starts. */
export async function accept(context: Context, input: ClaimInput): Promise<void> {
  const { agent, award } = await claimOf(context, input);
  const answer = await context.client.as(agent).tasks.accept(input.task, { award });
  if (context.json) return printJson(answer);
  print(
    `${bold(said(input.task))} is ${answer.task.status} by ${said(agent)}, award ${award}. It is kept by a heartbeat (POST /v1/tasks/${said(input.task)}/heartbeat) within ${answer.task.lease_seconds} s of the last.`,
  );
}

/** Completes a task, with its result. */
export async function complete(
  context: Context,
  { result, cost, ...input }: ClaimInput & { result?: string; cost?: number },
): Promise<void> {
  const { agent, award } = await claimOf(context, input);
  const answer = await context.client.as(agent).tasks.complete(input.task, {
    award,
    cost_micro_usd: cost,
    result: result === undefined ? undefined : await jsonOf('--result', result, '{"ok":true}'),
  });
  if (context.json) return printJson(answer);
  print(`${bold(said(input.task))} is ${answer.task.status}.`);
}

/** Says that a task could not be done. */
export async function fail(
  context: Context,
  { reason, final, cost, ...input }: ClaimInput & { reason: string; final?: boolean; cost?: number },
): Promise<void> {
  const { agent, award } = await claimOf(context, input);
  const answer = await context.client.as(agent).tasks.fail(input.task, {
    award,
    reason,
    retryable: final !== true,
    cost_micro_usd: cost,
  });
  if (context.json) return printJson(answer);
  print(`${bold(said(input.task))} is ${answer.task.status}.`);
}

/** Gives a task back for another attempt. */
export async function release(context: Context, { reason, ...input }: ClaimInput & { reason?: string }): Promise<void> {
  const { agent, award } = await claimOf(context, input);
  const answer = await context.client.as(agent).tasks.release(input.task, { award, reason });
  if (context.json) return printJson(answer);
  print(`${bold(said(input.task))} is ${answer.task.status}.`);
}

/** Hands a running task to another agent. */
export async function handOff(
  context: Context,
  { to, note, ...input }: ClaimInput & { to: string; note?: string },
): Promise<void> {
  const { agent, award } = await claimOf(context, input);
  const answer = await context.client.as(agent).tasks.handOff(input.task, { award, to, note });
  if (context.json) return printJson(answer);
  print(`${bold(said(input.task))} waits for ${said(to)} to accept it.`);
}
