/** `/v1/schedules`: tasks that are posted again and again. */
import { z } from 'zod';
import { MAX_CATCH_UP, MAX_CRON, MAX_TIME_ZONE, MISSED_SECONDS, ON_MISSED } from '../../domain/jobs/schedule';
import { SCHEDULE_STATUSES } from '../../domain/jobs/statuses';
import { AsOf, At, ById, CommandOf, Count, Id, List, OwnId, Paged, Reason, Text, whole } from '../common';
import { TaskInput, TaskSpec } from '../market/tasks';
import { contract } from '../route';
import { JOBS_REFUSALS } from './problems';

const tag = {
  name: 'Schedules',
  description:
    'Tasks that are posted at the times of a cron expression in a time zone, each run once, and what becomes of runs that were missed.',
  refusals: JOBS_REFUSALS,
};

// ------------------------------------------------------------------------------------------------- what is sent

const deadline_seconds = z
  .number()
  .min(1)
  .max(31_536_000)
  .optional()
  .meta({ description: 'The deadline of each task, in seconds from the time of its run' });

const ScheduledTaskInput = TaskInput.omit({
  id: true,
  parent: true,
  cause: true,
  deadline: true,
  not_before: true,
  after: true,
  when: true,
  // All its tasks have that of the schedule.
  correlation_id: true,
})
  .extend({ deadline_seconds })
  .meta({
    id: 'ScheduledTaskInput',
    description: 'The task that each run posts; its id is made from schedule and time',
  });

const cron = Text(MAX_CRON).meta({
  description:
    'Five fields: minute, hour, day of the month (or `L`, the last), month, day of the week (also `FRI#2`, the second Friday). Where both days are given, either is enough',
  example: '30 7 * * MON-FRI',
});
const time_zone = Text(MAX_TIME_ZONE).default('UTC').meta({
  description:
    'A name of the IANA database. When the clock there is set back, a time that it shows twice runs once, the first time, so an interval, such as each quarter of an hour, rests for that hour; when it is set forward, a time that it never shows runs at that moment',
  example: 'Europe/Berlin',
});
const on_missed = z
  .enum(ON_MISSED)
  .default('skip')
  .meta({
    description: `A run is missed when nothing ran at its time, or a stop stood, for more than ${MISSED_SECONDS} seconds, or until the next was due as well. \`skip\`: it never is; \`once\`: the last of them is; \`all\`: each of them is, the last \`catch_up\``,
  });
const catch_up = z
  .int()
  .min(1)
  .max(MAX_CATCH_UP)
  .default(10)
  .meta({ description: 'With `all`: how many missed runs are made up for at once, at most' });

export const ScheduleInput = z
  .strictObject({
    id: OwnId,
    name: Text(200).optional(),
    cron,
    time_zone,
    on_missed,
    catch_up,
    task: ScheduledTaskInput,
  })
  .meta({ id: 'TaskScheduleInput' });

// --------------------------------------------------------------------------------------------- what is answered

export const ScheduleSummary = z
  .object({
    id: Id,
    name: z.string().optional(),
    status: z.enum(SCHEDULE_STATUSES),
    cron: z.string(),
    time_zone: z.string(),
    task_type: Id,
    requester: z.string().meta({ description: 'Who created it: its tasks are theirs' }),
    posted: Count.meta({ description: 'Runs that have posted their task' }),
    refused: Count.meta({ description: 'Runs whose task could not be posted' }),
    missed: Count.meta({ description: 'Runs that were missed and not made up for; of one outage the last ten' }),
    created_at: At,
  })
  .meta({ id: 'TaskScheduleSummary', description: 'A schedule as lists show it' });

const ScheduledTask = TaskSpec.omit({
  requester: true,
  parent: true,
  job: true,
  schedule: true,
  deadline: true,
  not_before: true,
  payload_ref: true,
})
  .extend({ deadline_seconds })
  .meta({ id: 'ScheduledTask', description: 'The task that each run posts, with every default filled in' });

export const Schedule = ScheduleSummary.extend({
  version: Count,
  on_missed: z.enum(ON_MISSED),
  catch_up: Count,
  task: ScheduledTask,
  paused_by: z.object({ by: z.string(), reason: z.string() }).optional(),
  next_runs: z.array(At).meta({ description: 'When it runs next, as many as were asked for; none while it is paused' }),
  waiting: z.array(At).meta({ description: 'Runs that have fallen due and are kept out still, by a limit or a stop' }),
  recent: z
    .array(
      z
        .object({
          due: At,
          task: Id.optional().meta({ description: 'The task that it has posted' }),
          reason: z.string().optional().meta({ description: 'Why it has posted none' }),
        })
        .meta({ id: 'PastRun' }),
    )
    .meta({ description: 'The last runs, the latest last' }),
  correlation_id: z.string().meta({ description: 'Of the schedule and of all its tasks' }),
}).meta({ id: 'TaskSchedule' });

// ----------------------------------------------------------------------------------------------------- the routes

const params = { id: 'daily-close' };
const answer = CommandOf({ schedule: Schedule });

export const schedules = contract({
  create: {
    name: 'createSchedule',
    method: 'POST',
    path: '/v1/schedules',
    tag,
    needs: 'read_write',
    refuses: ['schedule-exists', 'schedule-invalid', 'too-many-schedules'],
    summary: 'Have a task posted again and again',
    description: 'Its first run is the first time after now. With an `Idempotency-Key` a retry gets the first answer.',
    bodyLimit: 100_000,
    body: ScheduleInput,
    status: 201,
    answer,
    answers: 'Created',
    example: {
      as: 'service:crm',
      body: {
        id: 'daily-close',
        name: 'Close the day',
        cron: '30 18 * * MON-FRI',
        time_zone: 'Europe/Berlin',
        on_missed: 'once',
        task: { task_type: 'finance.reconciliation', payload: { of: 'the day' } },
      },
    },
  },
  list: {
    name: 'listSchedules',
    method: 'GET',
    path: '/v1/schedules',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'List schedules',
    query: z.object({ status: z.enum(SCHEDULE_STATUSES).optional(), ...Paged }),
    answer: List(ScheduleSummary),
    answers: 'A page, in order of id; eventually consistent',
    example: { query: { status: 'active' } },
  },
  get: {
    name: 'getSchedule',
    method: 'GET',
    path: '/v1/schedules/{id}',
    tag,
    needs: 'read_only',
    refuses: [],
    summary: 'Read a schedule, and when it runs next',
    params: ById,
    query: AsOf.extend({ runs: whole(0, 20, 5) }),
    answer: Schedule,
    answers: 'The schedule; a live fold of its stream',
    example: { params },
  },
  pause: {
    name: 'pauseSchedule',
    method: 'POST',
    path: '/v1/schedules/{id}/pause',
    tag,
    needs: 'read_write',
    refuses: ['schedule-deleted', 'schedule-not-found'],
    summary: 'Have nothing posted for a while',
    description: 'What has fallen due and is kept out still is not posted any more.',
    params: ById,
    body: z.strictObject({ reason: Reason.default('paused') }),
    answer,
    answers: 'Paused, or paused before',
    example: { as: 'service:crm', params, body: { reason: 'the books are being moved' } },
  },
  resume: {
    name: 'resumeSchedule',
    method: 'POST',
    path: '/v1/schedules/{id}/resume',
    tag,
    needs: 'read_write',
    refuses: ['schedule-deleted', 'schedule-not-found'],
    summary: 'Go on with a schedule',
    description: 'What would have run meanwhile is not made up for.',
    params: ById,
    answer,
    answers: 'Resumed, or active before',
    example: { as: 'service:crm', params },
  },
  remove: {
    name: 'deleteSchedule',
    method: 'DELETE',
    path: '/v1/schedules/{id}',
    tag,
    needs: 'read_write',
    refuses: ['schedule-not-found'],
    summary: 'Delete a schedule',
    description: 'Nothing is posted any more. What was posted stays as it is, and so do the receipts.',
    params: ById,
    answer,
    answers: 'Deleted, or deleted before',
    example: { as: 'service:crm', params },
  },
});
