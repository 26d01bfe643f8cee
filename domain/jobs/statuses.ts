/** What jobs and schedules can be. */

/** How a job can have ended. */
export const JOB_ENDS = ['completed', 'failed', 'cancelled', 'compensated'] as const;

export const JOB_STATUSES = ['running', 'cancelling', 'compensating', ...JOB_ENDS] as const;

export const SCHEDULE_STATUSES = ['active', 'paused', 'deleted'] as const;
