/** `/v1/receipts`, `/v1/streams`, `/v1/why`: the log as it is. */
import type { FollowedPage } from '../../../app/audit/receipts';
import { PLACE, receipts } from '../../../contract/audit/receipts';
import { Rejection } from '../../../domain/kernel/decider';
import { streamName } from '../../../domain/kernel/ids';
import { bind } from '../../bind';
import { pageOf } from '../../edge/answers';
import { OpenStreams } from '../../edge/open-streams';
import { Problem, rejected } from '../../edge/problem';
import { framed, serverSentEvents } from '../../edge/stream';

/** Those whose client has left unseen end after a minute. */
const streams = new OpenStreams({ ofPrincipal: 20, ofTenant: 1_000 });

/** Of pages that many are given. */
const known = new WeakMap<FollowedPage, Uint8Array>();

/** A page as events. Only the last of them moves the place to go on from. */
function framesOf(page: FollowedPage): Uint8Array {
  let frames = known.get(page);
  if (frames === undefined) {
    const { commits, before, after } = page;
    const last = commits.length - 1;
    frames = framed(commits.map((data, i) => ({ id: i === last ? after : before, event: 'commit', data })));
    known.set(page, frames);
  }
  return frames;
}

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

bind(receipts.page, async (colony, call) => {
  const { continuation, limit, ...filter } = call.query;
  const { commits, after, end } = await colony.receipts
    .page(call.principal.tenant, continuation, limit, filter, { signal: call.gone })
    .catch(noPlace('continuation'));
  return pageOf(call, commits, end ? undefined : after, { after });
});

bind(receipts.follow, async (colony, call) => {
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
  const leave = streams.enter(call.principal, signal);
  async function* events() {
    try {
      // Whoever is cut off before the first receipt goes on from here, not from a later now.
      yield { id: from };
      for await (const page of colony.receipts.follow(call.principal.tenant, from, filter, signal))
        yield framesOf(page);
    } finally {
      leave();
    }
  }
  return serverSentEvents(events(), signal);
});

bind(receipts.stream, async (colony, call) => {
  const { category, id } = call.params;
  const from = Number(call.query.continuation ?? 0);
  const stream = streamName(call.principal.tenant, category, id);
  const { commits, next } = await colony.receipts.stream(stream, from, call.query.limit, call.gone);
  if (commits.length === 0 && from === 0) throw Problem.of('not-found', `There is no ${category} ${id}.`);
  // The last page may have been full: the place after it is one, further ones are not.
  if (commits.length === 0 && (await colony.receipts.stream(stream, from - 1, 1)).commits.length === 0)
    throw noSuchPlace('continuation', 'stream');
  return pageOf(call, commits, next === undefined ? undefined : String(next));
});

bind(receipts.why, async (colony, call) => {
  const chain = await colony.why.chain(call.principal.tenant, call.query.id, call.gone);
  if (chain instanceof Rejection) throw rejected(chain);
  return { body: chain };
});
