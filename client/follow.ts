/** Receipts as they come: server-sent events over connections that break, each commit once. */
import type { Commit as CommitSchema, ReceiptFilter as ReceiptFilterSchema } from '../contract/audit/receipts';
import type { Sent, Shown } from '../contract/route';
import { FormicaryError, type Session } from './session';
import { TransportClosed } from './transport';

/** A receipt. */
export type Commit = Shown<typeof CommitSchema>;
export type ReceiptFilter = Sent<typeof ReceiptFilterSchema>;

/**
 * A commit as it comes, and the place to follow on from: whoever does misses nothing, and may see a few commits again.
 */
export interface Followed {
  readonly commit: Commit;
  readonly after: string | undefined;
}

export interface FollowOptions extends ReceiptFilter {
  /** The place after which to begin, from an earlier commit or page; from now on by default. */
  readonly after?: string;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Hears that a connection stands: what comes from now on is seen. */
  readonly onOpen?: () => void;
  /** Hears of each connection that broke, before another is made. */
  readonly onBreak?: (error: unknown) => void;
}

interface ServerSentEvent {
  /** The last one that was given. */
  readonly id: string | undefined;
  /** Undefined where only an id was given. */
  readonly data: string | undefined;
}

/**
 * Follows the receipts until `signal` aborts. A broken connection is made again, for as long as it takes, once the
 * first one stood; a request that the host refuses throws.
 */
export async function* follow(
  session: Session,
  { after, signal, onOpen, onBreak, ...filter }: FollowOptions,
): AsyncGenerator<Followed, void, undefined> {
  const stop = new AbortController();
  const abort = () => stop.abort();
  if (signal?.aborted === true) return;
  signal?.addEventListener('abort', abort);
  // Commits that were read together share the place before them: after a break they come again, and are passed over.
  let place = after;
  let seen = new Set<string>();
  let connected = false;
  let failures = 0;
  try {
    while (!stop.signal.aborted) {
      let failure: unknown;
      try {
        const headers = place === undefined ? [] : ['last-event-id', place];
        const stream = await session.open('/v1/receipts/stream', { ...filter }, headers, stop.signal);
        connected = true;
        onOpen?.();
        for await (const event of events(stream.body)) {
          failures = 0;
          if (event.id !== undefined && event.id !== place) {
            place = event.id;
            seen = new Set();
          }
          if (event.data === undefined) continue;
          const commit = JSON.parse(event.data) as Commit;
          if (seen.has(commit.hash)) continue;
          seen.add(commit.hash);
          yield { commit, after: place };
        }
      } catch (error) {
        if (stop.signal.aborted) return;
        const refused =
          error instanceof FormicaryError &&
          error.status > 0 &&
          error.status !== 408 &&
          error.status !== 429 &&
          error.status < 500;
        if (refused || error instanceof TransportClosed || (!connected && failures + 1 >= session.retry.attempts))
          throw error;
        if (connected) onBreak?.(error);
        failure = error;
      }
      failures += 1;
      await session.pauseAfter(failure, failures, stop.signal).catch(() => undefined);
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    stop.abort();
  }
}

/** The events in a stream of bytes, as the HTML standard reads them; comments and the `retry` field are passed over. */
async function* events(body: AsyncIterable<Buffer>): AsyncGenerator<ServerSentEvent, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  let id: string | undefined;
  let data: string[] = [];
  let any = false;
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() as string;
    for (const line of lines) {
      if (line === '') {
        if (any) yield { id, data: data.length === 0 ? undefined : data.join('\n') };
        data = [];
        any = false;
        continue;
      }
      const colon = line.indexOf(':');
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'data') data.push(value);
      else if (field === 'id' && !value.includes('\0')) id = value;
      any ||= field === 'data' || field === 'id';
    }
  }
}
