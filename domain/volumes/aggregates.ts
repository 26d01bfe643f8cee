/** The aggregates of volumes. */
import { volumeDecider } from './volume';

export const volumesAggregates = [volumeDecider] as const;
