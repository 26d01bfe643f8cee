/** The aggregates of signals. */
import { intakeDecider } from './intake';
import { trailDecider } from './trail';

export const signalsAggregates = [trailDecider, intakeDecider] as const;
