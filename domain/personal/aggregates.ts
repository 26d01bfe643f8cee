/** The aggregates of personal data. */
import { subjectDecider } from './subject';

export const personalAggregates = [subjectDecider] as const;
