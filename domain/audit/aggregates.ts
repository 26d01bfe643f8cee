/** The aggregates of audit. */
import { denialDecider } from './denial';
import { logDecider } from './log';
import { retentionDecider } from './retention';

export const auditAggregates = [denialDecider, logDecider, retentionDecider] as const;
