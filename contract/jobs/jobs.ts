/** `/v1/jobs`: tasks that are posted as one thing, some of which come after others. */
import { z } from 'zod';
import { TASK_ENDS } from '../../domain/jobs/job';
import { MAX_TASKS, ON_FAILURE } from '../../domain/jobs/plan';
import { JOB_STATUSES } from '../../domain/jobs/statuses';
import { TASK_STATUSES } from '../../domain/market/statuses';
import { WHENS } from '../../domain/market/task';
import {
  AsOf,
  At,
  ById,
  CommandOf,
  Count,
  Id,
  List,
  OwnId,
  Paged,
  Reason,
  Text,
  WAITING,
  Whole,
  whole,
} from '../common';
import { TaskInput } from '../market/tasks';
import { contract } from '../route';
import { JOBS_REFUSALS } from './problems';

const tag = {
  name: 'Jobs',
  description:
    'Work whose parts depend on each other, posted as one thing: each task is posted when those that it comes after are completed, and may use their results.',
  refusals: JOBS_REFUSALS,
};

// ------------------------------------------------------------------------------------------------- what is sent

const JobTaskInput = TaskInput.omit({ id: true, parent: true, cause: true, correlation_id: true })
  .extend({
    key: Id.meta({ description: 'Its name within the job', example: 'match' }),
    after: z
      .array(Id)
      .max(MAX_TASKS)
      .default([])
      .meta({ description: 'Keys of the tasks of this job that it comes after' }),
    when: z.enum(WHENS).default('all').meta({ description: 'Whether all of them have to be completed, or one' }),
  })
  .meta({
    id: 'JobTaskInput',
    description:
      'A task. In its payload `{"$result": "<key>", "pointer": "/a/b"}` stands for that place in the result of a task that it comes after',
  });

export const JobInput = z
  .strictObject({
    id: OwnId,
    name: Text(200).optional(),
    parent: Id.optional().meta({
      description: 'The task, which the caller holds, that all tasks of the job are a part of',
    }),
    cause: Text(300).optional().meta({
      description: 'The receipt (stream@index) that led to this job, for example of a signal',
    }),
    tasks: z.array(JobTaskInput).min(1).max(MAX_TASKS),
    on_failure: z.enum(ON_FAILURE).default('cancel').meta({
      description:
        'When a task ends and is not completed: `cancel` ends all others; `continue` goes on with those that do not need it; `compensate` ends all others, and then posts the task `compensation`',
    }),
    compensation: Id.optional().meta({
      description: 'Key of the task that makes good what was done; it is posted then, and only then',
    }),
  })
  .meta({ id: 'JobInput' });

// --------------------------------------------------------------------------------------------- what is answered

export const JobSummary = z
  .object({
    id: Id,
    name: z.string().optional(),
    status: z.enum(JOB_STATUSES),
    requester: z.string(),
    tasks: Count.meta({ description: 'Of the plan, the compensation among them' }),
    left: Count.meta({ description: 'Tasks that have not ended, and were not skipped' }),
    completed: Count,
    cancelled: Count,
    expired: Count,
    dead: Count,
    skipped: Count.meta({ description: 'Never posted: what they come after was not completed, or the job ended' }),
    posted_at: At,
    finished_at: At.optional(),
  })
  .meta({ id: 'JobSummary', description: 'A job, and how many of its tasks have ended in which way' });

export const Job = JobSummary.extend({
  version: Count,
  parent: z.string().optional().meta({ description: 'The task that all of its tasks are a part of' }),
  on_failure: z.enum(ON_FAILURE),
  cancelled_by: z.object({ by: z.string(), reason: z.string() }).optional(),
  failures: z
    .array(z.object({ key: Id, end: z.enum(TASK_ENDS), reason: z.string() }).meta({ id: 'JobFailure' }))
    .meta({ description: 'The first tasks that were not completed, and why' }),
  plan_ref: z.string().meta({ description: 'SHA-256 of the plan, as the receipt names it' }),
  correlation_id: z.string().meta({ description: 'Of the job and of all its tasks' }),
}).meta({ id: 'Job' });

export const JobTask = z
  .object({
    key: Id,
    id: Id.meta({ description: 'Of the task, once it is posted: read it under tasks' }),
    task_type: Id,
    status: z.enum(['waiting', 'reserved', 'skipped', ...TASK_STATUSES]).meta({
      description:
        '`waiting`: for what it comes after; `reserved`: it compensates; `skipped`: it is never posted; else as the task itself says',
    }),
    waits_for: z.array(Id).optional().meta({ description: 'Keys of the first tasks before it that are not completed' }),
    agent: z.string().optional().meta({ description: 'Who holds it, or who completed it' }),
    reason: z.string().optional().meta({ description: 'Why it was over without being completed' }),
  })
  .meta({ id: 'JobTask' });

// ----------------------------------------------------------------------------------------------------- the routes

const params = { id: 'close-2026-11' };

export const jobs = contract({
  post: {
    name: 'postJob',
    method: 'POST',
    path: '/v1/jobs',
    tag,
    needs: 'read_write',
    work: 'new',
    refuses: [
      'job-exists',
      'after-unknown',
      'cause-not-found',
      'compensation-invalid',
      'job-cycle',
      'job-too-large',
      'key-twice',
      'not-the-holder',
      'parent-not-found',
      'reference-invalid',
    ],
    summary: 'Post tasks that come after each other',
    description:
      'The job is taken whole or refused whole. Tasks that come after none are posted at once, the others when those that they come after are completed. With an `Idempotency-Key` a retry gets the first answer.',
    bodyLimit: 4_000_000,
    body: JobInput,
    cost: ({ tasks }: { readonly tasks: readonly unknown[] }) => tasks.length,
    status: 201,
    answer: CommandOf({ job: Job }),
    answers: 'Posted',
    example: {
      as: 'service:crm',
      body: {
        id: 'close-2026-11',
        name: 'Close November',
        tasks: [
          { key: 'ledger', task_type: 'finance.export', payload: { month: '2026-11' } },
          { key: 'bank', task_type: 'finance.export', payload: { month: '2026-11' } },
          {
            key: 'match',
            task_type: 'finance.reconciliation',
            after: ['ledger', 'bank'],
            payload: { ledger: { $result: 'ledger', pointer: '/file' }, bank: { $result: 'bank', pointer: '/file' } },
          },
        ],
      },
    },
  },
  list: {
    name: 'listJobs',
    method: 'GET',
    path: '/v1/jobs',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'List jobs',
    query: z.object({ status: z.enum(JOB_STATUSES).optional(), ...Paged }),
    answer: List(JobSummary),
    answers: 'A page, in order of id; eventually consistent',
    example: { query: { status: 'running' } },
  },
  get: {
    name: 'getJob',
    method: 'GET',
    path: '/v1/jobs/{id}',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'Read a job, now, as it was, or once it has ended',
    params: ById,
    query: AsOf.extend(WAITING),
    answer: Job,
    answers: 'The job; a live fold of its stream',
    example: { params },
  },
  tasks: {
    name: 'listJobTasks',
    method: 'GET',
    path: '/v1/jobs/{id}/tasks',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'The tasks of a job, each as it is now',
    params: ById,
    query: z.object({ limit: whole(1, 500, 100), continuation: Whole(0, MAX_TASKS).optional() }),
    answer: List(JobTask),
    answers: 'A page, in the order in which they were posted',
    example: { params },
  },
  cancel: {
    name: 'cancelJob',
    method: 'POST',
    path: '/v1/jobs/{id}/cancel',
    tag,
    needs: 'read_write',
    refuses: ['job-not-found', 'job-over'],
    summary: 'Cancel a job, and all its tasks',
    description:
      'What waits is never posted, what was posted is cancelled, and nothing is compensated. The job has ended when its tasks have.',
    params: ById,
    body: z.strictObject({ reason: Reason.default('cancelled') }),
    answer: CommandOf({ job: Job }),
    answers: 'Cancelled, or cancelled before',
    example: { as: 'service:crm', params, body: { reason: 'the books stay open' } },
  },
});
