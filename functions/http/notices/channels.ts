/** `/v1/channels`: how people are reached. */
import { channelAnswer } from '../../../app/notices/deliveries';
import { channels } from '../../../contract/notices/channels';
import type { Channel } from '../../../domain/notices/channel';
import { bind } from '../../bind';
import { commanded, listed } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { Problem } from '../../edge/problem';
import { accepted } from '../../runtime';

bind(channels.put, async (colony, call) => {
  const { channel_id: id } = call.params;
  const done = accepted(await colony.channels.set(contextOf(call), id, call.body));
  return commanded(done, { channel: channelAnswer(id, done.state.channel as Channel) });
});

bind(channels.get, async (colony, { principal, params: { channel_id: id } }) => {
  const { state, version } = await colony.channels.load(principal.tenant, id);
  if (state.channel === undefined) throw Problem.of('not-found', `There is no channel ${id}.`);
  return { body: channelAnswer(id, state.channel), etag: version };
});

bind(channels.remove, async (colony, call) =>
  commanded(accepted(await colony.channels.remove(contextOf(call), call.params.channel_id)), {}),
);

bind(channels.list, ({ channels }, call) => listed(call, (tenant, _, ...page) => channels.list(tenant, ...page)));
