/**
 * Notices: telling people what waits for them, and programs what has ended, through the channels that they have chosen.
 * Owns the channels of a tenant and the deliveries through them; in memory, who wants to be told of ends.
 * Calls nobody: only the engine, and what is outside.
 */
import { parseStream } from '../../domain/kernel/ids';
import { channelDecider, type ChannelState } from '../../domain/notices/channel';
import { deliveryDecider } from '../../domain/notices/delivery';
import { END_EVENTS } from '../../domain/notices/notice';
import { ALL } from '../../projections/projection';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { eachRow } from '../engine/rows';
import { ChannelBook } from './channel-book';
import { Channels, channels as channelsView, Deliveries, deliveries as deliveriesView } from './deliveries';

export type { ChannelBook, Deliveries };

/** Where people find a colony that nobody has given an address: this machine. */
export const PUBLIC_URL = 'http://127.0.0.1:7071';

export function noticesModule(engine: Engine) {
  const { ports, transactor, deadlines, clock, report } = engine;
  const channelsOf = engine.aggregate(channelDecider, { view: channelsView, followed: true });
  const channels = new Channels(channelsOf);
  const deliveries = new Deliveries({
    deliveries: engine.aggregate(deliveryDecider, { view: deliveriesView }),
    channels: channelsOf,
    outbound: ports.outbound,
    deadlines,
    clock,
    report,
  });
  const channelBook = new ChannelBook();
  transactor.onCommitted(({ category, stream, state, version }) => {
    if (category !== channelDecider.category) return;
    const { tenant, id } = parseStream(stream);
    channelBook.update(tenant, id, state as ChannelState, version);
  });

  return {
    services: { channels, channelBook, deliveries },
    async fill() {
      for (const events of END_EVENTS)
        await eachRow(
          channelsOf,
          { key: ALL, where: { events } },
          async ({ tenant, id, index }) => {
            if (channelBook.versionOf(tenant, id) >= index) return;
            const { state, version } = await channelsOf.load(tenant, id);
            channelBook.update(tenant, id, state, version);
          },
          { report },
        );
    },
    finish: () => deliveries.stop(),
  } satisfies Module;
}
