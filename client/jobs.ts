/** Jobs: `formicary.jobs`. */
import type { Job as JobSchema, JobInput as JobInputSchema, jobs, JobSummary, JobTask } from '../contract/jobs/jobs';
import type { AnswerOf, QueryOf, Sent, Shown } from '../contract/route';
import { type AsOf, type CommandOptions, PAGE, type ReadOptions, type Session, type Wait } from './session';

export type JobInput = Sent<typeof JobInputSchema>;
export type JobAnswer = AnswerOf<typeof jobs.post>;
export type JobRow = Shown<typeof JobSummary>;
export type TaskOfJob = Shown<typeof JobTask>;

/** `/v1/jobs`: tasks that are posted as one thing, some of which come after others. */
export class JobsApi {
  constructor(private readonly session: Session) {}

  /** Posts a job, whole or not at all. */
  post(body: JobInput, options?: CommandOptions): Promise<JobAnswer> {
    return this.session.call<typeof jobs.post>('POST /v1/jobs', { body }, options);
  }

  /** Every job that the filter finds, page by page. */
  all(query: QueryOf<typeof jobs.list> = {}, options?: ReadOptions): AsyncGenerator<JobRow, void, undefined> {
    return this.session.items<typeof jobs.list>('GET /v1/jobs', { query: { limit: PAGE, ...query } }, options);
  }

  /** A job, now, as it was, or once it has ended. */
  get(id: string, { asOf, waitSeconds, ...options }: AsOf & Wait = {}): Promise<Shown<typeof JobSchema>> {
    const request = { params: { id }, query: { asOf, waitSeconds } };
    return this.session.call<typeof jobs.get>('GET /v1/jobs/{id}', request, options);
  }

  /** The tasks of a job, in the order of its plan, each as it is now. */
  tasks(id: string, options?: ReadOptions): AsyncGenerator<TaskOfJob, void, undefined> {
    const request = { params: { id }, query: { limit: 500 } };
    return this.session.items<typeof jobs.tasks>('GET /v1/jobs/{id}/tasks', request, options);
  }

  /** Cancels a job and all its tasks. */
  cancel(id: string, reason?: string, options?: CommandOptions): Promise<JobAnswer> {
    const request = { params: { id }, body: { reason } };
    return this.session.call<typeof jobs.cancel>('POST /v1/jobs/{id}/cancel', request, options);
  }
}
