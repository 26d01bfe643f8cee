/** The aggregates of audit. */
import { denialDecider } from './denial';
import { retentionDecider } from './retention';

export const auditAggregates = [denialDecider, retentionDecider] as const;
