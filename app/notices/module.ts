/**
 * Notices: telling people what waits for them, through the channels that they have chosen.
 * Owns the channels of a tenant, and the deliveries through them with their attempts.
 * Calls nobody: only the engine, and what is outside.
 */
import { channelDecider } from '../../domain/notices/channel';
import { deliveryDecider } from '../../domain/notices/delivery';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { Channels, channels as channelsView, Deliveries, deliveries as deliveriesView } from './deliveries';

export type { Deliveries };

export function noticesModule(engine: Engine) {
  const { ports, deadlines, clock, report } = engine;
  const channelsOf = engine.aggregate(channelDecider, { view: channelsView });
  const channels = new Channels(channelsOf);
  const deliveries = new Deliveries({
    deliveries: engine.aggregate(deliveryDecider, { view: deliveriesView }),
    channels: channelsOf,
    outbound: ports.outbound,
    deadlines,
    clock,
    report,
  });
  return {
    services: { channels, deliveries },
    finish: () => deliveries.stop(),
  } satisfies Module;
}
