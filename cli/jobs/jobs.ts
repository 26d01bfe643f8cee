/** What the commands on jobs do. */
import type { JobAnswer, JobInput, JobRow } from '../../client/jobs';
import { jsonIn } from '../json';
import { firstOf, printDetails } from '../lists';
import { ago, bold, call, type Context, dim, lineOf, print, printJson, printTable, said } from '../terminal';

export interface PostInput {
  readonly file: string;
  readonly key?: string;
}

/** Posts a job. */
export async function post({ client, json }: Context, { file, key }: PostInput): Promise<void> {
  const job = await jsonIn(file, 'Give one job: {"tasks":[{"key":"a","task_type":"finance.audit"}]}');
  const answer = await client.jobs.post(job as JobInput, { idempotencyKey: key });
  if (json) return printJson(answer);
  printStatus(answer);
  print(dim(`\`${call()} job show ${said(answer.job.id)} --tasks\` shows how far it is.`));
}

function printStatus({ job: { id, status, left, tasks } }: JobAnswer): void {
  print(`${bold(said(id))} is ${status}, ${left} of ${tasks} tasks left`);
}

export interface ShowInput {
  readonly id: string;
  readonly tasks?: boolean;
}

/** Shows a job, perhaps with its tasks. */
export async function show({ client, json }: Context, { id, tasks }: ShowInput): Promise<void> {
  const job = await client.jobs.get(id);
  if (tasks !== true) return json ? printJson(job) : printDetails(job);
  const { rows } = await firstOf(client.jobs.tasks(id), Infinity);
  if (json) return printJson({ ...job, value: rows });
  printDetails(job);
  print('');
  printTable(
    ['KEY', 'STATUS', 'TYPE', 'AGENT', 'TASK', 'WHY'],
    rows.map(({ key, status, task_type, agent, id: task, waits_for, reason }) => [
      bold(said(key)),
      status,
      said(task_type),
      agent === undefined ? '–' : said(agent),
      task,
      reason !== undefined ? lineOf(reason) : waits_for?.length ? `waits for ${said(waits_for.join(', '))}` : '',
    ]),
  );
}

export interface ListInput {
  readonly status?: JobRow['status'];
  readonly limit?: number;
  readonly all?: boolean;
}

/** Lists jobs. */
export async function list({ client, json }: Context, { status, limit, all }: ListInput): Promise<void> {
  const found = await firstOf(client.jobs.all({ status }), all === true ? Infinity : limit);
  if (json) return printJson(found.rows);
  printTable(
    ['JOB', 'STATUS', 'NAME', 'TASKS', 'COMPLETED', 'LEFT', 'POSTED'],
    found.rows.map(({ id, status: now, name, tasks, completed, left, posted_at }) => [
      bold(said(id)),
      now,
      name === undefined ? '–' : lineOf(name),
      tasks,
      completed,
      left,
      ago(posted_at),
    ]),
    ['TASKS', 'COMPLETED', 'LEFT'],
    'There is no such job.',
  );
  found.sayMore();
}

export interface CancelInput {
  readonly id: string;
  readonly reason?: string;
}

/** Cancels a job. */
export async function cancel({ client, json }: Context, { id, reason }: CancelInput): Promise<void> {
  const answer = await client.jobs.cancel(id, reason);
  if (json) return printJson(answer);
  printStatus(answer);
}
