/** The aggregates of notices. */
import { channelDecider } from './channel';
import { deliveryDecider } from './delivery';

export const noticesAggregates = [channelDecider, deliveryDecider] as const;
