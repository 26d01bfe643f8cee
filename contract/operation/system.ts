/** What an operator looks at: health, the feed, its views, and what was parked. */
import { z } from 'zod';
import { CONSUMERS } from '../../domain/kernel/consumers';
import { WHY_CODES } from '../../domain/market/why-not';
import { Count, Id, List, Paged, Text } from '../common';
import { contract } from '../route';
import { OPERATION_REFUSALS } from './problems';

const tag = {
  name: 'Operation',
  description:
    'What an operator looks at and does: how far the feed and the views are, what was parked, and what is built anew.',
  refusals: OPERATION_REFUSALS,
};

const ByConsumer = z.object({ consumer: z.enum(CONSUMERS) });
const MAX_PARKED_ID = 400;

// --------------------------------------------------------------------------------------------- what is answered

export const FeedStatus = z
  .object({
    consumer: z.string(),
    lag: Count.nullable().meta({
      description: 'Commits between what it has handled and the end of the log; null where triggers read the feed',
    }),
    delay_seconds: z.number().nullable().meta({
      description:
        'From the oldest commit of the page that was handled last, by the process that answers, to the end of its handling',
    }),
    parked: Count,
  })
  .meta({ id: 'FeedStatus' });

const ViewStatus = z
  .object({
    view: z.string(),
    serving: z.string().meta({ description: 'The name that queries read' }),
    building: z
      .object({ name: z.string(), left: z.number() })
      .nullable()
      .meta({ description: 'What is being built beside it, and how many commits are left to read' }),
    lag: Count.nullable(),
  })
  .meta({ id: 'ViewStatus' });

export const WaitingSummary = z
  .object({
    open: Count.meta({ description: 'How many tasks are open, or held' }),
    looked_at: Count.meta({ description: 'How many of them were looked at: those that have waited longest' }),
    groups: z.array(
      z.object({
        code: z.enum(WHY_CODES),
        count: Count,
        example: Id.meta({ description: 'The task that has waited longest' }),
        text: z.string().meta({ description: 'Why it has' }),
        waited_seconds: z.number(),
      }),
    ),
  })
  .meta({ id: 'WaitingSummary', description: "What the tenant's tasks wait for, by reason, the most frequent first" });

export const Status = z
  .object({
    feed: z.array(FeedStatus),
    views: z.array(ViewStatus),
    open_tasks: Count.meta({ description: 'Of the tenant: those that are open, or held' }),
    stopped: Count.meta({ description: 'Things that are stopped and concern the tenant: `/v1/stops` tells which' }),
    waiting: WaitingSummary,
    clock: z.object({
      drift_ms: z.number().meta({ description: "By how much the machine's clock is ahead of the one that is gone by" }),
      log_ahead_ms: z.number().meta({ description: 'By how much the newest receipt is ahead of our clock' }),
    }),
  })
  .meta({ id: 'Status' });

const ParkedCommit = z
  .object({ stream: z.string(), index: Count, error: z.string() })
  .meta({ id: 'ParkedCommit', description: 'What a consumer of the feed has given up on' });

const ParkedMessage = z
  .object({
    hub: z.string(),
    partition: z.string(),
    sequence: Count,
    reason: z.string(),
    content: z.string(),
    enqueued: z.string().optional().meta({ description: 'When the hub took it in' }),
    properties: z.record(z.string(), z.unknown()).optional().meta({ description: 'As its sender gave them' }),
    tenant: z.string().optional().meta({ description: 'Whose signals were not taken in' }),
    cut: z.literal(true).optional().meta({ description: '`content` is only the beginning' }),
  })
  .meta({ id: 'ParkedMessage', description: 'A message that the intake of signals could not take in' });

export const Parked = z
  .object({
    id: z.string(),
    body: z.union([ParkedCommit, ParkedMessage]),
    deliveries: Count,
    reason: z.string(),
  })
  .meta({ id: 'Parked' });

/** What `/health/ready` answers, to everybody: it is no route of a tenant. */
export const Health = z.object({
  status: z.enum(['ready', 'not ready']),
  reasons: z.array(z.string()).optional(),
  degraded: z.array(z.string()).optional().meta({ description: 'What comes later than it should' }),
  checks: z
    .array(
      z.object({
        check: z.string(),
        ok: z.boolean(),
        reason: z.string().optional(),
        delays: z.literal(true).optional(),
      }),
    )
    .optional(),
  feed: z.array(FeedStatus).optional(),
  altered_receipts: Count.optional(),
});

// ----------------------------------------------------------------------------------------------------- the routes

export const system = contract({
  status: {
    name: 'readStatus',
    method: 'GET',
    path: '/v1/status',
    tag,
    needs: 'read_only',
    work: 'underway',
    summary: 'Feed lag, parked commits, views, and what open and held tasks wait for',
    answer: Status,
    answers: 'Status',
    example: {},
  },
  rebuildView: {
    name: 'rebuildView',
    method: 'POST',
    path: '/v1/views/{view}/rebuild',
    tag,
    needs: 'critical',
    summary: 'Build a view anew beside the one that serves',
    conditional: false,
    params: z.object({ view: Text(64) }),
    body: z.strictObject({}),
    status: 202,
    answer: z.object({ view: z.string(), serving: z.string() }),
    answers: 'Begun; /v1/status shows how far it is',
    example: { params: { view: 'tasks' } },
  },
  parked: {
    name: 'listParked',
    method: 'GET',
    path: '/v1/feed/{consumer}/parked',
    tag,
    needs: 'critical',
    summary: 'Commits that a consumer has given up on; messages that the intake of signals could not take in',
    params: ByConsumer,
    query: z.object({ ...Paged }),
    answer: List(Parked),
    answers: 'Parked commits of the tenant with the reason, in order of id',
    example: { params: { consumer: 'reactions' } },
  },
  redrive: {
    name: 'redriveParked',
    method: 'POST',
    path: '/v1/feed/{consumer}/redrive',
    tag,
    needs: 'critical',
    summary: 'Have a consumer try a parked commit again, or the intake of signals a message',
    conditional: false,
    params: ByConsumer,
    body: z.strictObject({ id: Text(MAX_PARKED_ID).meta({ description: 'As the list shows it' }) }),
    answer: z.object({ id: z.string() }),
    answers: 'Queued again',
    example: { params: { consumer: 'reactions' }, body: { id: 'default/task/invoice-4711@0' } },
  },
});
