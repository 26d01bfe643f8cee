/** `/v1/channels`: how people are reached, and programs that wait for an end. */
import { z } from 'zod';
import { MAX_ADDRESS } from '../../domain/kernel/endpoint';
import { CHANNEL_KINDS, MAX_CHANNEL_ENDS, MAX_CHANNEL_GROUPS } from '../../domain/notices/channel';
import { NOTICE_EVENTS } from '../../domain/notices/notice';
import { CommandOf, Id, List, Paged, Receipt, Text } from '../common';
import { contract } from '../route';
import { NOTICES_REFUSALS } from './problems';

const tag = {
  name: 'Channels',
  description:
    'How people learn that something waits for them, and programs that a task or a job has ended: a webhook, a CloudEvent, Teams, Slack or mail. A channel holds no secret, only the name of one.',
  refusals: NOTICES_REFUSALS,
};

const Kind = z.enum(CHANNEL_KINDS).meta({
  description:
    'standard: a webhook after Standard Webhooks; cloudevents: one with a CloudEvent 1.0 as its body, signed likewise',
});
const Event = z.enum(NOTICE_EVENTS);
const Ids = z.array(Id).min(1).max(MAX_CHANNEL_ENDS).optional();
const EndsOf = z.strictObject({ tasks: Ids, jobs: Ids, task_types: Ids }).meta({
  id: 'EndsOf',
  description: 'Of `task-ended` and `job-ended`, only those of these tasks, jobs (with their tasks) and types of tasks',
});
const ByChannel = z.object({ channel_id: Id });

const ChannelInput = z
  .strictObject({
    kind: Kind,
    address: Text(MAX_ADDRESS).meta({
      description: 'A mailbox; an https URL; or a reference to a URL, which teams and slack need',
      example: 'env:HOOK',
    }),
    secret: Text(256).optional().meta({
      description: 'standard, cloudevents: reference to the secret that signs, never the secret itself',
      example: 'env:OPS',
    }),
    groups: z
      .array(Text(128))
      .min(1)
      .max(MAX_CHANNEL_GROUPS)
      .meta({ description: 'Groups that it reaches, or *', example: ['approvers'] }),
    events: z.array(Event).min(1).max(NOTICE_EVENTS.length).meta({
      description: 'What it is told about; the ends of tasks and jobs where it reaches all groups (*)',
    }),
    ends_of: EndsOf.optional(),
  })
  .meta({ id: 'ChannelInput' });

export const Channel = z
  .object({
    channel_id: Id,
    kind: Kind,
    address: z.string(),
    secret: z.string().optional().meta({ description: 'Reference to the secret that signs' }),
    groups: z.array(z.string()).meta({ description: 'Groups that it reaches, or *' }),
    events: z.array(Event).meta({ description: 'What it is told about' }),
    ends_of: EndsOf.optional(),
  })
  .meta({ id: 'Channel' });

const params = { channel_id: 'ops-mail' };

export const channels = contract({
  put: {
    name: 'putChannel',
    method: 'PUT',
    path: '/v1/channels/{channel_id}',
    tag,
    needs: 'critical',
    summary: 'Set how people are reached',
    params: ByChannel,
    body: ChannelInput,
    answer: CommandOf({ channel: Channel }),
    answers: 'Set',
    example: {
      params,
      body: {
        kind: 'mail',
        address: 'ops@example.com',
        groups: ['approvers'],
        events: ['approval-requested', 'approval-escalated'],
      },
    },
  },
  get: {
    name: 'getChannel',
    method: 'GET',
    path: '/v1/channels/{channel_id}',
    tag,
    needs: 'read_only',
    summary: 'Read a channel',
    params: ByChannel,
    answer: Channel,
    answers: 'The channel; a live fold of its stream',
    example: { params },
  },
  remove: {
    name: 'removeChannel',
    method: 'DELETE',
    path: '/v1/channels/{channel_id}',
    tag,
    needs: 'critical',
    summary: 'Remove a channel; nothing goes there any more',
    params: ByChannel,
    answer: z.object({ receipt: Receipt }),
    answers: 'Removed',
    example: { params },
  },
  list: {
    name: 'listChannels',
    method: 'GET',
    path: '/v1/channels',
    tag,
    needs: 'read_only',
    summary: 'List channels',
    query: z.object({ ...Paged }),
    answer: List(Channel),
    answers: 'A page, in order of id; eventually consistent',
    example: {},
  },
});
