/** `formicary job`: tasks that are posted as one thing, some of which come after others. */
import { Option } from 'commander';
import { JOB_STATUSES } from '../../domain/jobs/job';
import { command, type CommandModule, runs, whole } from '../define';
import type * as JobCommands from './jobs';

const load = () => require('./jobs') as typeof JobCommands;

const HELP = `
A job is JSON: {"tasks":[{"key":"a","task_type":…},{"key":"b","task_type":…,"after":["a"]}], "on_failure":"cancel"}
Each task is posted when those that it comes after are completed.`;

export const commands: CommandModule = [
  {
    order: 22,
    declare(program) {
      const job = command(program, 'job', 'Post, show, list and cancel jobs: tasks that come after each other', [
        'formicary job post close.json',
        'formicary job show close-2026-11 --tasks',
        'formicary job cancel close-2026-11 --reason "the books stay open"',
      ]).addHelpText('after', HELP);

      command(job, 'post', 'Post a job from a file', [
        'formicary job post close.json',
        'plan-work | formicary job post -',
      ])
        .argument('<file>', 'the job as JSON; - is standard input')
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
];
