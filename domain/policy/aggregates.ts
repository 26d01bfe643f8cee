/** The aggregates of policy. */
import { rolloutDecider } from './rollout';

export const policyAggregates = [rolloutDecider] as const;
