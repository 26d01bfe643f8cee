/** What the commands on schedules do. */
import type { ScheduleAnswer, ScheduleInput, ScheduleRow } from '../../client/schedules';
import { jsonIn } from '../json';
import { firstOf, printDetails } from '../lists';
import { bold, CALL, type Context, dim, lineOf, print, printJson, printTable, said } from '../terminal';

const FORM =
  'Give one schedule: {"cron":"30 7 * * MON-FRI","time_zone":"Europe/Berlin","task":{"task_type":"finance.audit"}}';

export interface CreateInput {
  readonly file: string;
  readonly key?: string;
}

/** Creates a schedule. */
export async function create({ client, json }: Context, { file, key }: CreateInput): Promise<void> {
  const schedule = await jsonIn(file, FORM);
  const answer = await client.schedules.create(schedule as ScheduleInput, { idempotencyKey: key });
  if (json) return printJson(answer);
  printStatus(answer);
  print(dim(`\`${CALL} schedule show ${said(answer.schedule.id)}\` shows when it runs, and what it has posted.`));
}

function printStatus({
  schedule: {
    id,
    status,
    next_runs: [next],
  },
}: ScheduleAnswer): void {
  print(`${bold(said(id))} is ${status}${next === undefined ? '' : `, and runs next at ${next}`}`);
}

export interface ShowInput {
  readonly id: string;
  readonly runs?: number;
}

/** Shows a schedule, and when it runs next. */
export async function show({ client, json }: Context, { id, runs }: ShowInput): Promise<void> {
  const schedule = await client.schedules.get(id, { runs });
  return json ? printJson(schedule) : printDetails(schedule);
}

export interface ListInput {
  readonly status?: ScheduleRow['status'];
  readonly limit?: number;
  readonly all?: boolean;
}

/** Lists schedules. */
export async function list({ client, json }: Context, { status, limit, all }: ListInput): Promise<void> {
  const found = await firstOf(client.schedules.all({ status }), all === true ? Infinity : limit);
  if (json) return printJson(found.rows);
  printTable(
    ['SCHEDULE', 'STATUS', 'CRON', 'ZONE', 'TYPE', 'POSTED', 'MISSED', 'NAME'],
    found.rows.map(({ id, status: now, cron, time_zone, task_type, posted, missed, name }) => [
      bold(said(id)),
      now,
      said(cron),
      said(time_zone),
      said(task_type),
      posted,
      missed,
      name === undefined ? '–' : lineOf(name),
    ]),
    ['POSTED', 'MISSED'],
    'There is no such schedule.',
  );
  found.sayMore();
}

export interface PauseInput {
  readonly id: string;
  readonly reason?: string;
}

/** Has nothing posted until it is resumed. */
export async function pause({ client, json }: Context, { id, reason }: PauseInput): Promise<void> {
  const answer = await client.schedules.pause(id, reason);
  return json ? printJson(answer) : printStatus(answer);
}

export interface NamedInput {
  readonly id: string;
}

/** Goes on with a schedule. */
export async function resume({ client, json }: Context, { id }: NamedInput): Promise<void> {
  const answer = await client.schedules.resume(id);
  return json ? printJson(answer) : printStatus(answer);
}

/** Ends a schedule for good. */
export async function remove({ client, json }: Context, { id }: NamedInput): Promise<void> {
  const answer = await client.schedules.remove(id);
  return json ? printJson(answer) : printStatus(answer);
}
