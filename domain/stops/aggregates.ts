/** The aggregates of stops. */
import { stopDecider } from './stop';

export const stopsAggregates = [stopDecider] as const;
