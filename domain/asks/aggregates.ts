/** The aggregates of what is asked in words. */
import { askDecider } from './ask';

export const asksAggregates = [askDecider] as const;
