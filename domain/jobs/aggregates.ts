/** The aggregates of jobs. */
import { jobDecider } from './job';

export const jobsAggregates = [jobDecider] as const;
