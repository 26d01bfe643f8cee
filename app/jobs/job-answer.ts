/** Jobs between the wire and the rules. */
import type { Job, JobInput } from '../../contract/jobs/jobs';
import type { Shown } from '../../contract/route';
import type { JobState, PostedJob } from '../../domain/jobs/job';
import type { AskedJob } from '../../domain/jobs/plan';
import { type JobDoc, jobRow } from '../../projections/jobs/jobs';
import type { Loaded } from '../engine/streams';
import { wantedOf } from '../market/module';

/** A job that was posted, as the API shows it. */
export function jobAnswer(
  id: string,
  { state, version }: Pick<Loaded<JobState>, 'state' | 'version'>,
): Shown<typeof Job> {
  const { job, cancelled, failures, correlation_id } = state;
  const { parent, on_failure, plan_ref } = job as PostedJob;
  return {
    ...(jobRow(id, state) as JobDoc),
    version,
    parent,
    on_failure,
    cancelled_by: cancelled,
    failures,
    plan_ref,
    correlation_id,
  };
}

/** What is asked for, with every default filled in. */
export function askedJob({ tasks, on_failure, compensation }: Shown<typeof JobInput>): AskedJob {
  return {
    on_failure,
    ...(compensation !== undefined && { compensation }),
    tasks: tasks.map(({ key, after, when, ...input }) => ({ key, after, when, spec: wantedOf(input) })),
  };
}
