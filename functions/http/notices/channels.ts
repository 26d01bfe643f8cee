/** `/v1/channels`, `/v1/deliveries`: how people are reached, and what did not reach them. */
import { z } from 'zod';
import { CHANNEL_KINDS, NOTICE_EVENTS } from '../../../app/notices/deliveries';
import { contextOf } from '../../edge/context';
import { Problem } from '../../edge/problem';
import { route } from '../../edge/route';
import {
  commandAnswer,
  Continuation,
  Id,
  List,
  OpenObject,
  page,
  queried,
  Receipt,
  Text,
  whole,
} from '../../edge/schemas';
import { accepted, runtime } from '../../runtime';

const TAGS = ['Channels'];
const Params = z.object({ channel_id: Id });

const ChannelInput = z
  .strictObject({
    kind: z.enum(CHANNEL_KINDS).meta({ description: 'standard: a webhook after Standard Webhooks' }),
    address: Text(1_000).meta({
      description: 'A mailbox; an https URL; or a reference to a URL, which teams and slack need',
      example: 'env:HOOK',
    }),
    secret: Text(256).optional().meta({
      description: 'standard: reference to the secret that signs, never the secret itself',
      example: 'env:OPS',
    }),
    groups: z
      .array(Text(128))
      .min(1)
      .max(100)
      .meta({ description: 'Groups that it reaches, or *', example: ['approvers'] }),
    events: z
      .array(z.enum(NOTICE_EVENTS))
      .min(1)
      .max(NOTICE_EVENTS.length)
      .meta({ description: 'What it is told about' }),
  })
  .meta({ id: 'ChannelInput' });

const ChannelOut = OpenObject.meta({ id: 'Channel', description: 'channel_id, kind, address, secret, groups, events' });

route({
  name: 'putChannel',
  method: 'PUT',
  path: '/v1/channels/{channel_id}',
  summary: 'Set how people are reached',
  tags: TAGS,
  needs: 'critical',
  params: Params,
  body: ChannelInput,
  responses: { 200: { description: 'Set', schema: z.object({ receipt: Receipt, channel: ChannelOut }) } },
  async handler(call) {
    const { colony } = await runtime();
    const { channel_id } = call.params;
    const done = accepted(await colony.channels.set(contextOf(call), channel_id, call.body));
    return commandAnswer(done, { channel: { channel_id, ...done.state.channel } });
  },
});

route({
  name: 'getChannel',
  method: 'GET',
  path: '/v1/channels/{channel_id}',
  summary: 'Read a channel',
  tags: TAGS,
  needs: 'read_only',
  params: Params,
  responses: { 200: { description: 'The channel; a live fold of its stream', schema: ChannelOut } },
  async handler(call) {
    const { colony } = await runtime();
    const { channel_id } = call.params;
    const { state, version } = await colony.channels.load(call.principal.tenant, channel_id);
    if (state.channel === undefined) throw Problem.of('not-found', `There is no channel ${channel_id}.`);
    return { status: 200, body: { channel_id, ...state.channel }, etag: version };
  },
});

route({
  name: 'removeChannel',
  method: 'DELETE',
  path: '/v1/channels/{channel_id}',
  summary: 'Remove a channel; nothing goes there any more',
  tags: TAGS,
  needs: 'critical',
  params: Params,
  responses: { 200: { description: 'Removed', schema: z.object({ receipt: Receipt }) } },
  async handler(call) {
    const { colony } = await runtime();
    return commandAnswer(accepted(await colony.channels.remove(contextOf(call), call.params.channel_id)), {});
  },
});

route({
  name: 'listChannels',
  method: 'GET',
  path: '/v1/channels',
  summary: 'List channels',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({ limit: whole(1, 1_000, 100), continuation: Continuation }),
  responses: { 200: { description: 'A page, in order of id; eventually consistent', schema: List(ChannelOut) } },
  async handler(call) {
    const { colony } = await runtime();
    const { limit, continuation } = call.query;
    const found = await queried(() => colony.channels.list(call.principal.tenant, limit, continuation));
    return page(call, '/v1/channels', found.channels, found.continuation);
  },
});

route({
  name: 'listDeliveries',
  method: 'GET',
  path: '/v1/deliveries',
  summary: 'Notices that were given up',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({ status: z.literal('dead'), limit: whole(1, 1_000, 100), continuation: Continuation }),
  responses: { 200: { description: 'A page, in order of id; eventually consistent', schema: List(OpenObject) } },
  async handler(call) {
    const { colony } = await runtime();
    const { limit, continuation } = call.query;
    const found = await queried(() => colony.deliveries.dead(call.principal.tenant, limit, continuation));
    return page(call, '/v1/deliveries', found.deliveries, found.continuation);
  },
});

route({
  name: 'redriveDelivery',
  method: 'POST',
  path: '/v1/deliveries/{delivery_id}/redrive',
  summary: 'Try again to deliver a notice that was given up',
  tags: TAGS,
  needs: 'critical',
  params: z.object({ delivery_id: Id }),
  body: z.strictObject({}),
  responses: {
    200: {
      description: 'It is tried again',
      schema: z.object({
        receipt: Receipt,
        delivery: z.object({ delivery_id: Id, status: z.string(), attempts: z.number() }),
      }),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { delivery_id } = call.params;
    const done = accepted(await colony.deliveries.redrive(contextOf(call), delivery_id));
    const { status, attempts } = done.state;
    return commandAnswer(done, { delivery: { delivery_id, status, attempts } });
  },
});
