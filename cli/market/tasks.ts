import type { TaskFilter, TaskSummary } from '../../client/client';
import { firstOf, printDetails } from '../lists';
import { ago, bad, bold, type Context, good, lineOf, printJson, printTable, said, styled } from '../terminal';

export interface TasksInput extends Omit<TaskFilter, 'task_type' | 'stuck'> {
  readonly id?: string;
  readonly type?: string;
  readonly all?: boolean;
  /** True where the option has no number. */
  readonly stuck?: number | true;
}

export interface CandidatesInput {
  readonly task: string;
  readonly limit?: number;
  readonly all?: boolean;
}

const STUCK_SECONDS = 60;
const LONGEST_WHY = 120;

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
export async function tasks(
  { client, json }: Context,
  { id, type, limit, all, stuck, ...filter }: TasksInput,
): Promise<void> {
  if (id !== undefined) {
    const task = await client.tasks.get(id);
    return json ? printJson(task) : printDetails(task);
  }
  const found = await firstOf(
    client.tasks.all({ ...filter, task_type: type, stuck: stuck === true ? STUCK_SECONDS : stuck }),
    all === true ? Infinity : limit,
  );
  if (json) return printJson(found.rows);
  const told = found.rows.some(({ why }) => why !== undefined);
  printTable(
    ['TASK', 'STATUS', 'TYPE', 'PRIORITY', 'AGENT', 'ATTEMPT', 'POSTED', ...(told ? ['WHY'] : [])],
    found.rows.map((task) => [
      bold(task.id),
      COLOURS[task.status](task.status),
      task.task_type,
      task.priority,
      task.agent ?? '–',
      task.attempts,
      task.posted_at === null ? '–' : ago(task.posted_at),
      ...(told ? [lineOf(task.why?.text ?? '–', LONGEST_WHY)] : []),
    ]),
    ['PRIORITY', 'ATTEMPT'],
  );
  found.sayMore();
}

/** Who could do a task, and what is in the way of each. */
export async function candidates({ client, json }: Context, { task, limit, all }: CandidatesInput): Promise<void> {
  const found = await firstOf(client.tasks.candidates(task), all === true ? Infinity : limit);
  if (json) return printJson(found.rows);
  printTable(
    ['AGENT', 'FITS', 'SLOTS', 'LEVELS', 'WHY NOT'],
    found.rows.map(({ agent, fits, slots, capacity, levels, text }) => [
      bold(agent),
      fits ? good('yes') : bad('no'),
      `${slots}/${capacity}`,
      levels.map(({ capability, level, needs }) => `${capability} ${level ?? '–'}/${needs}`).join(' '),
      text === undefined ? '–' : lineOf(text, LONGEST_WHY),
    ]),
    ['SLOTS'],
    `No agent that is registered has what ${said(task)} asks for.`,
  );
  found.sayMore();
}
