import type { TaskFilter, TaskSummary } from '../../client/client';
import { firstOf, printDetails } from '../lists';
import { ago, bad, bold, good, printJson, printTable, styled, type Context } from '../terminal';

export interface TasksInput extends Omit<TaskFilter, 'task_type'> {
  readonly id?: string;
  readonly type?: string;
  readonly all?: boolean;
}

const COLOURS: Readonly<Record<TaskSummary['status'], (text: string) => string>> = {
  held: (text) => styled('yellow', text),
  open: (text) => styled('yellow', text),
  awarded: (text) => styled('cyan', text),
  running: (text) => styled('cyan', text),
  completed: good,
  cancelled: (text) => styled('dim', text),
  expired: bad,
  dead: bad,
};

/** Lists tasks, or shows one. */
export async function tasks({ client, json }: Context, { id, type, limit, all, ...filter }: TasksInput): Promise<void> {
  if (id !== undefined) {
    const task = await client.tasks.get(id);
    return json ? printJson(task) : printDetails(task);
  }
  const found = await firstOf(client.tasks.all({ ...filter, task_type: type }), all === true ? Infinity : limit);
  if (json) return printJson(found.rows);
  printTable(
    ['TASK', 'STATUS', 'TYPE', 'PRIORITY', 'AGENT', 'ATTEMPT', 'POSTED'],
    found.rows.map((task) => [
      bold(task.id),
      COLOURS[task.status](task.status),
      task.task_type,
      task.priority,
      task.agent ?? '–',
      task.attempts,
      task.posted_at === null ? '–' : ago(task.posted_at),
    ]),
    ['PRIORITY', 'ATTEMPT'],
  );
  found.sayMore();
}
