/** Jobs for lists: a row per job. */
import type { JobSummary } from '../../contract/jobs/jobs';
import type { Shown } from '../../contract/route';
import { jobDecider, type JobState } from '../../domain/jobs/job';
import { ALL, type Projection } from '../projection';

export type JobDoc = Shown<typeof JobSummary>;

/** How far a job has come, as lists and the job itself show it. */
export function jobRow(id: string, { status, job, left, ended, posted_at, finished_at }: JobState): JobDoc | undefined {
  if (job === undefined) return undefined;
  return {
    id,
    name: job.name,
    status: status as JobDoc['status'],
    requester: job.requester,
    tasks: job.tasks,
    left,
    ...ended,
    posted_at: posted_at ?? '',
    finished_at,
  };
}

export const jobs: Projection<JobState, JobDoc> = {
  name: 'jobs',
  version: 1,
  category: jobDecider.category,
  fields: ['status'],
  row({ tenant, id, stream, version }, state) {
    const doc = jobRow(id, state);
    return doc && { tenant, key: ALL, source: stream, index: version, doc };
  },
};
