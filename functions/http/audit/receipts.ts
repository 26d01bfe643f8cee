/** `/v1/receipts`, `/v1/streams`, `/v1/why`: the log as it is. */
import { z } from 'zod';
import { AtOnce } from '../../../app/operation/limits';
import { Rejection } from '../../../domain/kernel/decider';
import { streamName } from '../../../domain/kernel/ids';
import { Problem, rejected } from '../../edge/problem';
import { route } from '../../edge/route';
import { Id, OpenObject, page, whole } from '../../edge/schemas';
import { serverSentEvents } from '../../edge/stream';
import { runtime } from '../../runtime';

const TAGS = ['Receipts'];
const Commit = OpenObject.meta({ id: 'Commit', description: 'stream, index, events, meta, at, previousHash, hash' });
/** What the store says of it is the store's own; how much of it there is depends on how the log is spread. */
const PLACE = /^[\w-]{1,8000}$/;
const Place = z.string().regex(PLACE, 'must be a place in the log, from an earlier answer').optional();
const StreamPlace = z.string().regex(/^(0|[1-9]\d{0,14})$/, 'must be a place in the stream, from an earlier answer');
const Category = z
  .string()
  .regex(/^[a-z][a-z-]{0,31}$/)
  .optional();

/** Streams that one principal has open; those whose client has left unseen end after a minute. */
const streams = new AtOnce(20);
const RETRY_SECONDS = 60;

/** The log, or a stream, has not the place that the caller names. */
function noSuchPlace(parameter: string, where: 'log' | 'stream' = 'log'): Problem {
  return Problem.invalid(`The ${where} has no such place.`, [
    { parameter, message: `must be a place in the ${where}, from an earlier answer` },
  ]);
}

function noPlace(parameter: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof RangeError ? noSuchPlace(parameter) : error;
  };
}

route({
  name: 'listReceipts',
  method: 'GET',
  path: '/v1/receipts',
  summary: 'Read the receipts of the tenant, oldest first',
  description:
    '`after` is where an earlier page ended, `0` the beginning. A page holds some megabytes at most; it may be empty and still have a `nextLink`; without one it reached the end.',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({ continuation: Place, category: Category, correlation: Id.optional(), limit: whole(1, 500, 100) }),
  responses: {
    200: {
      description: 'Commits with their hashes',
      schema: z.object({ value: z.array(Commit), nextLink: z.string().optional(), after: z.string() }),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { continuation, limit, ...filter } = call.query;
    const { commits, after, end } = await colony.receipts
      .page(call.principal.tenant, continuation, limit, filter)
      .catch(noPlace('continuation'));
    return page(call, '/v1/receipts', commits, end ? undefined : after, { after });
  },
});

route({
  name: 'streamReceipts',
  method: 'GET',
  path: '/v1/receipts/stream',
  summary: 'Receipts as they come, as server-sent events',
  description:
    'From now on, or from `after` or `Last-Event-ID`. Each event is a commit; its id is the place to go on from.',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({ after: Place, category: Category, correlation: Id.optional() }),
  responses: { 200: { description: 'A stream', contentType: 'text/event-stream' } },
  async handler(call) {
    const { colony } = await runtime();
    const { after, ...filter } = call.query;
    // A browser that had no event yet sends the header empty.
    const last = call.header('last-event-id') || null;
    if (last !== null && !PLACE.test(last))
      throw Problem.invalid('Last-Event-ID is not one of ours.', [
        { parameter: 'Last-Event-ID', message: 'must be the id of an event of this stream' },
      ]);
    const from = last ?? after ?? (await colony.receipts.end());
    await colony.receipts.check(from).catch(noPlace(last === null ? 'after' : 'Last-Event-ID'));
    const { signal } = call;
    const leave = streams.enter(`${call.principal.tenant} ${call.principal.id}`, signal);
    if (leave === undefined) {
      throw Problem.of(
        'too-many-requests',
        `${call.principal.id} has ${streams.most} streams open, which is the most at once; close one, or try again in a minute.`,
        { limit: streams.most, retryAfterSeconds: RETRY_SECONDS },
        { 'retry-after': String(RETRY_SECONDS) },
      );
    }
    async function* events() {
      try {
        // Whoever is cut off before the first receipt goes on from here, not from a later now.
        yield { id: from };
        for await (const { commit, after: next } of colony.receipts.follow(call.principal.tenant, from, filter, signal))
          yield { id: next, event: 'commit', data: commit };
      } finally {
        leave?.();
      }
    }
    return serverSentEvents(events(), signal);
  },
});

route({
  name: 'readStream',
  method: 'GET',
  path: '/v1/streams/{category}/{id}',
  summary: 'Read the receipts of one stream',
  tags: TAGS,
  needs: 'read_only',
  params: z.object({ category: z.string().regex(/^[a-z][a-z-]{0,31}$/), id: Id }),
  query: z.object({ continuation: StreamPlace.optional(), limit: whole(1, 500, 100) }),
  responses: {
    200: {
      description: 'Commits in order',
      schema: z.object({ value: z.array(Commit), nextLink: z.string().optional() }),
    },
  },
  async handler(call) {
    const { colony } = await runtime();
    const { category, id } = call.params;
    const from = Number(call.query.continuation ?? 0);
    const stream = streamName(call.principal.tenant, category, id);
    const { commits, next } = await colony.receipts.stream(stream, from, call.query.limit);
    if (commits.length === 0 && from === 0) throw Problem.of('not-found', `There is no ${category} ${id}.`);
    // The last page may have been full: the place after it is one, further ones are not.
    if (commits.length === 0 && (await colony.receipts.stream(stream, from - 1, 1)).commits.length === 0)
      throw noSuchPlace('continuation', 'stream');
    return page(call, `/v1/streams/${category}/${id}`, commits, next === undefined ? undefined : String(next));
  },
});

route({
  name: 'why',
  method: 'GET',
  path: '/v1/why',
  summary: 'What led here, and what followed',
  description: 'The causal tree around a task, a receipt (`stream@index`) or a correlation id.',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({ id: z.string().min(1).max(300).meta({ example: 'invoice-4711' }) }),
  responses: { 200: { description: 'Receipts as a tree', schema: OpenObject } },
  async handler(call) {
    const { colony } = await runtime();
    const chain = await colony.why.chain(call.principal.tenant, call.query.id);
    if (chain instanceof Rejection) throw rejected(chain);
    return { status: 200, body: chain };
  },
});
