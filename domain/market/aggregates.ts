/** The aggregates of market. */
import { agentDecider } from './agent';
import { pauseDecider } from './pause';
import { poolDecider } from './pool';
import { taskDecider } from './task';

export const marketAggregates = [taskDecider, agentDecider, poolDecider, pauseDecider] as const;
