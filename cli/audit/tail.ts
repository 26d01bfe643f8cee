import type { Commit } from '../../client/client';
import { factsOf } from '../facts';
import { bold, type Context, dim, jsonLine, note, print, shortHash, shortRef, styled, UsageError } from '../terminal';

export interface TailInput {
  readonly category?: string;
  readonly correlation?: string;
  readonly after?: string;
  readonly all?: boolean;
  readonly limit?: number;
}

/** Most events of one receipt that stand on its line. */
const MOST_EVENTS = 3;

/** Prints receipts as they come, until interrupted or `limit` is reached. */
export async function tail(
  { client, json }: Context,
  { category, correlation, after, all, limit = Infinity }: TailInput,
): Promise<void> {
  if (after === '')
    throw new UsageError(
      '--after names no place',
      'Give one from an earlier page, 0 for the beginning, or leave it out to begin now.',
    );
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const onBreak = (error: unknown) =>
    note(dim(`The connection broke (${error instanceof Error ? error.message : String(error)}); connecting again…`));
  let told = false;
  const onOpen = () => {
    if (!told) note(dim('Waiting: each receipt is printed as it comes. Ctrl+C ends it.'));
    told = true;
  };
  let seen = 0;
  for await (const { commit } of client.receipts.follow({
    category,
    correlation,
    after: after ?? (all === true ? '0' : undefined),
    signal: stop.signal,
    onOpen,
    onBreak,
  })) {
    print(json ? jsonLine(commit) : lineOf(commit));
    seen += 1;
    if (seen >= limit) return;
  }
}

function lineOf({ at, stream, index, events, meta, hash }: Commit): string {
  const told = events.slice(0, MOST_EVENTS).map((event) => `${bold(event.type)} ${factsOf(event)}`.trimEnd());
  if (events.length > MOST_EVENTS) told.push(`and ${events.length - MOST_EVENTS} more`);
  const date = at.slice(0, 10) === new Date().toISOString().slice(0, 10) ? '' : `${at.slice(0, 10)} `;
  return `${dim(date + at.slice(11, 23))}  ${styled('cyan', shortRef(`${stream}@${index}`))}  ${told.join('; ')}  ${dim(`by ${meta.actor.id}${meta.actor.via === undefined ? '' : ` through ${meta.actor.via}`}  ${shortHash(hash)}`)}`;
}
