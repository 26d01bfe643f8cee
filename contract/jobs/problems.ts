/** What the rules of this capability refuse: under which status and type, and what that says. */
import { refusals } from '../problems';

export const JOBS_REFUSALS = refusals('Jobs', [
  [404, 'job-not-found', 'there is no such job'],
  [404, 'schedule-not-found', 'there is no such schedule'],
  [
    409,
    'job-exists',
    'a job with this id was posted before: use another id, or the Idempotency-Key of that request to get its answer',
  ],
  [409, 'job-over', "the job is …: it can't be cancelled any more"],
  [409, 'not-the-holder', '… does not hold this task under award …: … does; if that is you, say so as the caller'],
  [409, 'schedule-deleted', 'the schedule was deleted: create another one, under another id'],
  [
    409,
    'schedule-exists',
    'a schedule with this id was created before: use another id, or the Idempotency-Key of that request to get its answer',
  ],
  [
    409,
    'too-many-schedules',
    'the tenant has … schedules, and may have …: delete those that are needed no more, or let an agent post what runs often',
  ],
  [422, 'after-unknown', '… comes after …, and the job has no task with that key'],
  [422, 'cause-not-found', 'there is no receipt …: give stream@index as a receipt shows it'],
  [422, 'compensation-invalid', 'compensation names a task exactly where on_failure is compensate'],
  [422, 'job-cycle', 'the tasks wait for each other, in this round: … → … → …'],
  [
    422,
    'job-too-large',
    'a job has at most … tasks, which come after others … times: post several, or join results in between',
  ],
  [422, 'key-twice', 'two tasks of the job have the key …: each has its own'],
  [422, 'parent-not-found', 'there is no task … to be a part of'],
  [422, 'reference-invalid', 'the payload of … refers to …, which … does not come after'],
  [422, 'schedule-invalid', 'what is wrong with cron or time_zone'],
]);
