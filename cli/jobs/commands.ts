/** `formicary job`: tasks that are posted as one thing, some of which come after others; `formicary schedule`. */
import { type Command, Option } from 'commander';
import { JOB_STATUSES, SCHEDULE_STATUSES } from '../../domain/jobs/statuses';
import { command, type CommandModule, runs, whole } from '../define';
import type * as JobCommands from './jobs';
import type * as ScheduleCommands from './schedules';

const load = () => require('./jobs') as typeof JobCommands;
const loadSchedules = () => require('./schedules') as typeof ScheduleCommands;

const HELP = `
A job is JSON: {"tasks":[{"key":"a","task_type":…},{"key":"b","task_type":…,"after":["a"]}], "on_failure":"cancel"}
Each task is posted when those that it comes after are completed.`;

const SCHEDULE_HELP = `
A schedule is JSON: {"cron":"30 18 * * MON-FRI", "time_zone":"Europe/Berlin", "on_missed":"once", "task":{"task_type":…}}
on_missed: what becomes of runs that were missed: skip, once, or all (the last catch_up).`;

export const commands: CommandModule = [
  {
    order: 22,
    declare(program) {
      const job = command(program, 'job', 'Post, show, list and cancel jobs: tasks that come after each other', [
        'formicary job post close.json',
        'formicary job show close-2026-11 --tasks',
        'formicary job cancel close-2026-11 --reason "the books stay open"',
      ]).addHelpText('after', HELP);

      command(job, 'post', 'Post a job', [
        'formicary job post close.json',
        `formicary job post '{"tasks":[{"key":"a","task_type":"finance.audit"}]}'`,
        'plan-work | formicary job post -',
      ])
        .argument('<file>', 'a file with the job as JSON, - for standard input, or the JSON itself')
        .option('--key <key>', 'Idempotency-Key: the same key again gets the first answer')
        .action(runs<JobCommands.PostInput>(() => load().post));

      command(job, 'show', 'How far a job is, and why tasks of it failed', [
        'formicary job show close-2026-11',
        'formicary job show close-2026-11 --tasks',
      ])
        .argument('<id>', 'a job')
        .option('--tasks', 'with all of its tasks, each as it is now')
        .action(runs<JobCommands.ShowInput>(() => load().show));

      command(job, 'list', 'List jobs', ['formicary job list --status running'])
        .addOption(new Option('-s, --status <status>').choices(JOB_STATUSES))
        .option('-n, --limit <n>', 'at most so many; 100 by default', whole)
        .option('--all', 'every one')
        .action(runs<JobCommands.ListInput>(() => load().list));

      command(job, 'cancel', 'Cancel a job and all its tasks', [
        'formicary job cancel close-2026-11 --reason "the books stay open"',
      ])
        .argument('<id>', 'a job')
        .option('-r, --reason <text>', 'why; it stands on the receipt')
        .action(runs<JobCommands.CancelInput>(() => load().cancel));
    },
    asOf: { job: (client, id, asOf) => client.jobs.get(id, { asOf }) },
  },
  {
    order: 23,
    declare: declareSchedules,
    asOf: { schedule: (client, id, asOf) => client.schedules.get(id, { asOf }) },
  },
];

/** Tasks that are posted again and again. */
function declareSchedules(program: Command): void {
  const schedule = command(
    program,
    'schedule',
    'Have tasks posted again and again, at the times of a cron expression',
    [
      'formicary schedule create daily-close.json',
      'formicary schedule show daily-close --runs 10',
      'formicary schedule pause daily-close --reason "the books are being moved"',
    ],
  ).addHelpText('after', SCHEDULE_HELP);

  command(schedule, 'create', 'Create a schedule', ['formicary schedule create daily-close.json'])
    .argument('<file>', 'a file with the schedule as JSON, - for standard input, or the JSON itself')
    .option('--key <key>', 'Idempotency-Key: the same key again gets the first answer')
    .action(runs<ScheduleCommands.CreateInput>(() => loadSchedules().create));

  command(schedule, 'show', 'A schedule, when it runs next, and what it has posted', [
    'formicary schedule show daily-close --runs 10',
  ])
    .argument('<id>', 'a schedule')
    .option('--runs <n>', 'so many of the next runs; 5 by default', whole)
    .action(runs<ScheduleCommands.ShowInput>(() => loadSchedules().show));

  command(schedule, 'list', 'List schedules', ['formicary schedule list --status active'])
    .addOption(new Option('-s, --status <status>').choices(SCHEDULE_STATUSES))
    .option('-n, --limit <n>', 'at most so many; 100 by default', whole)
    .option('--all', 'every one')
    .action(runs<ScheduleCommands.ListInput>(() => loadSchedules().list));

  command(schedule, 'pause', 'Have nothing posted until it is resumed', [
    'formicary schedule pause daily-close --reason "the books are being moved"',
  ])
    .argument('<id>', 'a schedule')
    .option('-r, --reason <text>', 'why; it stands on the receipt')
    .action(runs<ScheduleCommands.PauseInput>(() => loadSchedules().pause));

  command(schedule, 'resume', 'Go on: what would have run meanwhile is not made up for', [
    'formicary schedule resume daily-close',
  ])
    .argument('<id>', 'a schedule')
    .action(runs<ScheduleCommands.NamedInput>(() => loadSchedules().resume));

  command(schedule, 'delete', 'End a schedule for good; its receipts stay', ['formicary schedule delete daily-close'])
    .argument('<id>', 'a schedule')
    .action(runs<ScheduleCommands.NamedInput>(() => loadSchedules().remove));
}
