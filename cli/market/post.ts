import { buffer } from 'node:stream/consumers';
import { FormicaryError, type Posted, type TaskInput } from '../../client/client';
import { fileOf, jsonOf, parseLines } from '../json';
import {
  bad,
  bar,
  bold,
  call,
  type Context,
  count,
  dim,
  jsonLine,
  namedNumber,
  note,
  print,
  printJson,
  shortHash,
  timeOf,
  UsageError,
} from '../terminal';

export interface PostInput {
  readonly task_type?: string;
  readonly file?: string;
  readonly id?: string;
  readonly priority?: number;
  readonly urgency?: number;
  readonly requires?: readonly string[];
  readonly location?: string;
  readonly effort?: number;
  readonly estimatedCost?: number;
  readonly parent?: string;
  readonly after?: readonly string[];
  readonly any?: boolean;
  readonly notBefore?: string;
  readonly deadline?: string;
  readonly payload?: string;
  readonly oversight?: string;
  readonly bidSeconds?: number;
  readonly acceptSeconds?: number;
  readonly leaseSeconds?: number;
  readonly maxAttempts?: number;
  readonly retrySeconds?: number;
  readonly cause?: string;
  readonly key?: string;
}

/** What one request takes. */
const BATCH = 500;
const FORMS = 'Give an array of tasks, one task, or a task a line.';

/** Posts the task that the options describe, or those of a file. */
export async function post(context: Context, input: PostInput): Promise<void> {
  if (input.task_type !== undefined && input.file !== undefined)
    throw new UsageError('give TASK_TYPE or --file, not both');
  if (input.task_type !== undefined) await postOne(context, await taskOf(input, input.task_type), input.key);
  else if (input.file !== undefined || !process.stdin.isTTY)
    await postMany(context, await tasksIn(input.file ?? '-'), input.key);
  else
    throw new UsageError(
      'give the TASK_TYPE of a task, or tasks as JSON with --file or on standard input',
      `See \`${call()} post --help\` for examples.`,
    );
}

async function postOne({ client, json }: Context, task: TaskInput, key: string | undefined): Promise<void> {
  const answer = await client.tasks.post(task, { idempotencyKey: key });
  if (json) return printJson(answer);
  const { id, status, strength } = answer.task;
  const { stream, version, hash } = answer.receipt;
  print(
    `${bold(id)} is ${status}${strength === undefined ? '' : `, strength ${strength}`}  ${dim(`${stream}@${version}  ${shortHash(hash ?? '')}`)}`,
  );
}

async function postMany(context: Context, tasks: readonly TaskInput[], key: string | undefined): Promise<void> {
  const { client, json } = context;
  const progress = bar('Posting', tasks.length);
  const refused: (Posted & { readonly problem: object })[] = [];
  let posted = 0;
  try {
    for (let start = 0; start < tasks.length; start += BATCH) {
      const batch = tasks.slice(start, start + BATCH);
      const answers = await client.tasks
        .postMany(batch, { idempotencyKey: key === undefined ? undefined : `${key}#${start}` })
        .catch((error: unknown) => {
          if (!(error instanceof FormicaryError) || error.status === 0) throw error;
          throw new FormicaryError(error.status, {
            ...error.problem,
            detail: `${error.problem.detail} (tasks ${start + 1} to ${start + batch.length}, #/tasks/0 the first of them; the ones before are posted)`,
          });
        });
      for (const answer of answers) {
        if (answer.problem === undefined) posted += 1;
        else refused.push({ ...answer, problem: answer.problem });
        if (json) print(jsonLine(answer));
      }
      progress.update(start + batch.length);
    }
  } finally {
    progress.stop();
  }
  if (refused.length > 0) context.foundWrong();
  if (json) return;
  print(`${count(posted, 'task')} posted${refused.length > 0 ? bad(`, ${refused.length} refused`) : ''}`);
  for (const { id, problem } of refused.slice(0, 10)) note(`  ${id}: ${problem.detail}`);
  if (refused.length > 10) note(`  and ${refused.length - 10} more`);
}

async function taskOf(input: PostInput, task_type: string): Promise<TaskInput> {
  const { id, priority, urgency, location, effort, parent, cause } = input;
  return {
    id,
    task_type,
    priority,
    urgency,
    requires: input.requires?.map(requirementOf),
    location,
    effort,
    estimated_cost_micro_usd: input.estimatedCost,
    parent,
    after: input.after,
    when: input.any === true ? 'any' : undefined,
    not_before: input.notBefore === undefined ? undefined : timeOf(input.notBefore, 1),
    deadline: input.deadline === undefined ? undefined : timeOf(input.deadline, 1),
    payload: input.payload === undefined ? undefined : await jsonOf('--payload', input.payload, '{"invoice":4711}'),
    oversight:
      input.oversight === undefined
        ? undefined
        : ((await jsonOf(
            '--oversight',
            input.oversight,
            '{"why":"stock is low","confidence":0.9,"impact":"low"}',
          )) as TaskInput['oversight']),
    bid_seconds: input.bidSeconds,
    accept_seconds: input.acceptSeconds,
    lease_seconds: input.leaseSeconds,
    max_attempts: input.maxAttempts,
    retry_seconds: input.retrySeconds,
    cause,
  };
}

/** `capability` or `capability=level` */
function requirementOf(text: string): { capability: string; level?: number } {
  const { name, number } = namedNumber('--requires', 'level', text, { min: 0, max: 1 });
  return number === undefined ? { capability: name } : { capability: name, level: number };
}

/** An array of tasks, one task, or a task a line. */
async function tasksIn(file: string): Promise<TaskInput[]> {
  const source = file === '-' ? 'standard input' : file;
  const values = parseLines(file === '-' ? await buffer(process.stdin) : await fileOf(file), source, FORMS);
  if (values.length === 0) throw new UsageError(`${source} holds no task`);
  const [first] = values;
  return (values.length === 1 && Array.isArray(first) ? first : values) as TaskInput[];
}
