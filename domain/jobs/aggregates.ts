/** The aggregates of jobs. */
import { jobDecider } from './job';
import { scheduleDecider } from './schedule';

export const jobsAggregates = [jobDecider, scheduleDecider] as const;
