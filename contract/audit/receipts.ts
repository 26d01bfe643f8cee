/** `/v1/receipts`, `/v1/streams`, `/v1/why`: the log as it is. */
import { z } from 'zod';
import { type CausalNode as Node, MAX_CHAIN } from '../../domain/audit/causality';
import { POLICY_DECISIONS } from '../../domain/kernel/commit';
import { CATEGORY_PATTERN } from '../../domain/kernel/ids';
import { LEVELS, PRINCIPAL_KINDS } from '../../domain/kernel/principal';
import { Anything, At, Count, Hash, Id, List, whole } from '../common';
import { contract } from '../route';
import { AUDIT_REFUSALS } from './problems';

const tag = {
  name: 'Receipts',
  description:
    'The log itself. Each decision leaves a receipt (a commit) in its stream: what happened, who asked for it, what policy said, what caused it; each is chained to the one before it by its hash.',
  refusals: AUDIT_REFUSALS,
};

// ------------------------------------------------------------------------------------------------- what is sent

/** What the store says of it is the store's own; how much of it there is depends on how the log is spread. */
export const PLACE = /^[\w-]{1,8000}$/;
const Place = z.string().regex(PLACE, 'must be a place in the log, from an earlier answer').optional();
const StreamPlace = z.string().regex(/^(0|[1-9]\d{0,14})$/, 'must be a place in the stream, from an earlier answer');
const Category = z.string().regex(CATEGORY_PATTERN);
const limit = whole(1, 500, 100);

/** Which receipts. */
export const ReceiptFilter = z.object({ category: Category.optional(), correlation: Id.optional() });

// --------------------------------------------------------------------------------------------- what is answered

export const Commit = z
  .object({
    stream: z.string().meta({ description: 'tenant/category/id', example: 'default/task/invoice-4711' }),
    index: Count.meta({ description: 'Place in the stream, from 0, without gaps' }),
    events: z
      .array(
        z.object({
          type: z.string().meta({ example: 'TaskPosted' }),
          v: Count.meta({ description: 'Version of what `data` looks like' }),
          data: Anything,
        }),
      )
      .meta({ description: 'What happened' }),
    meta: z.object({
      actor: z.object({
        id: z.string(),
        kind: z.enum(PRINCIPAL_KINDS),
        via: z
          .string()
          .optional()
          .meta({ description: 'The service that spoke for the agent, where it was not itself' }),
      }),
      action: z.string().meta({ description: 'What was asked for', example: 'task.complete' }),
      commandId: z.string().optional().meta({ description: 'The Idempotency-Key' }),
      commandHash: Hash.optional().meta({ description: 'SHA-256 of the command' }),
      correlationId: z.string().meta({ description: 'Everything that one cause has set in motion shares it' }),
      causationId: z.string().optional().meta({ description: 'The receipt (stream@index) that led to this one' }),
      depth: Count.meta({ description: 'How many reactions lie between this one and the command at the root' }),
      id: z.string().meta({ description: 'Of this decision alone' }),
      traceparent: z.string().optional().meta({ description: 'W3C trace context of the command' }),
      policy: z.object({
        bundle: z.string().meta({ description: 'Which rules of policy answered: their hash' }),
        input: z.string().meta({ description: 'SHA-256 of what the rules were asked' }),
        decision: z.enum(POLICY_DECISIONS),
        entrypoint: z.string().optional().meta({ description: 'The rule that answered, where one did' }),
        approval: z
          .string()
          .optional()
          .meta({ description: 'The action by which people have approved what policy wants approved' }),
        facts: z
          .object({
            now: z.int().meta({ description: 'When they were asked, in milliseconds since the epoch' }),
            level: z.enum(LEVELS),
            groups: z.array(z.string()).optional(),
            attributes: z.record(z.string(), Anything).optional(),
          })
          .optional()
          .meta({ description: 'What the rules were asked besides what the receipt says anyway' }),
      }),
    }),
    at: At,
    previousHash: Hash.nullable().meta({ description: 'Of the receipt before it in the stream; null for the first' }),
    hash: Hash.meta({ description: 'SHA-256 of the RFC 8785 form of all the rest' }),
  })
  .meta({ id: 'Commit', description: 'A receipt: what one decision has left in one stream' });

export const CausalNode: z.ZodType<Node> = z
  .object({
    receipt: z.string().meta({ description: 'stream@index' }),
    at: At,
    actor: z.string(),
    action: z.string(),
    hash: Hash,
    events: z.array(z.object({ type: z.string(), data: Anything })),
    effects: z.array(z.lazy(() => CausalNode)).meta({ description: 'What it led to' }),
  })
  .meta({ id: 'CausalNode', description: 'A receipt in the tree of causes' });

export const CausalChain = z
  .object({
    id: z.string(),
    correlations: z.array(z.string()),
    commits: Count.max(MAX_CHAIN).meta({ description: 'How many receipts the tree holds' }),
    complete: z.boolean().meta({
      description: 'False when there is more than one answer holds, or may be more where the search ended',
    }),
    unsearched: z
      .array(z.string())
      .optional()
      .meta({ description: 'Receipts (stream@index) from which on a stream was not searched' }),
    roots: z.array(CausalNode),
  })
  .meta({ id: 'CausalChain', description: 'What led to something, and what followed' });

/** Of a stream, whose form the schema of each event tells. */
const CommitEvent = z
  .object({
    id: z.string().optional().meta({ description: 'The place to go on from' }),
    event: z.literal('commit').optional(),
    data: z.string().optional().meta({ contentMediaType: 'application/json', description: 'A Commit' }),
  })
  .meta({ id: 'CommitEvent', description: 'A server-sent event; without `data` it only says where the stream is' });

export const ReceiptPage = List(Commit).extend({ after: z.string().meta({ description: 'Where to go on' }) });

// ----------------------------------------------------------------------------------------------------- the routes

export const receipts = contract({
  page: {
    name: 'listReceipts',
    method: 'GET',
    path: '/v1/receipts',
    tag,
    needs: 'read_only',
    summary: 'Read the receipts of the tenant, oldest first',
    description:
      '`after` is where an earlier page ended, `0` the beginning. A page holds some megabytes at most; it may be empty and still have a `nextLink`; without one it reached the end.',
    query: ReceiptFilter.extend({ continuation: Place, limit }),
    personal: 'stored',
    answer: ReceiptPage,
    answers: 'Commits with their hashes',
    example: { query: { category: 'task', limit: 50 } },
  },
  follow: {
    name: 'streamReceipts',
    method: 'GET',
    path: '/v1/receipts/stream',
    tag,
    needs: 'read_only',
    summary: 'Receipts as they come, as server-sent events',
    description:
      'From now on, or from `after` or `Last-Event-ID`. Each event is a commit; its id is the place to go on from.',
    query: ReceiptFilter.extend({ after: Place }),
    answer: CommitEvent,
    answers: 'Events without end',
    contentType: 'text/event-stream',
    example: { query: { category: 'task' } },
  },
  stream: {
    name: 'readStream',
    method: 'GET',
    path: '/v1/streams/{category}/{id}',
    tag,
    needs: 'read_only',
    summary: 'Read the receipts of one stream',
    params: z.object({ category: Category, id: Id }),
    query: z.object({ continuation: StreamPlace.optional(), limit }),
    personal: 'stored',
    answer: List(Commit),
    answers: 'Commits in order',
    example: { params: { category: 'task', id: 'invoice-4711' } },
  },
  why: {
    name: 'why',
    method: 'GET',
    path: '/v1/why',
    tag,
    needs: 'read_only',
    summary: 'What led here, and what followed',
    description: 'The causal tree around a task, a receipt (`stream@index`) or a correlation id.',
    query: z.object({ id: z.string().min(1).max(300).meta({ example: 'invoice-4711' }) }),
    personal: 'stored',
    answer: CausalChain,
    answers: 'Receipts as a tree',
    example: { query: { id: 'invoice-4711' } },
  },
});
