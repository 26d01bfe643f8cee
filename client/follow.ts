/** Receipts as they come: server-sent events over connections that break, each commit once. */
import { FormicaryError, type Session } from './session';
import type { Commit, Followed, ReceiptFilter } from './types';

export interface FollowOptions extends ReceiptFilter {
  /** The place after which to begin, from an earlier commit or page; from now on by default. */
  readonly after?: string;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Hears of each connection that broke, before another is made. */
  readonly onBreak?: (error: unknown) => void;
}

/** One event of a stream; `data` is undefined where only the id was given. */
export interface ServerSentEvent {
  readonly id: string | undefined;
  readonly data: string | undefined;
}

/**
 * Follows the receipts until `signal` aborts. A broken connection is made again, for as long as it takes, once the
 * first one stood; a request that the host refuses throws.
 */
export async function* follow(session: Session, { after, signal, onBreak, ...filter }: FollowOptions): AsyncGenerator<Followed, void, undefined> {
  const stop = new AbortController();
  const abort = () => stop.abort();
  if (signal?.aborted === true) return;
  signal?.addEventListener('abort', abort);
  const place = new Place(after);
  let connected = false;
  let failures = 0;
  try {
    while (!stop.signal.aborted) {
      try {
        const headers = place.resume === undefined ? [] : ['last-event-id', place.resume];
        const stream = await session.open('/v1/receipts/stream', { ...filter }, headers, stop.signal);
        connected = true;
        for await (const event of events(stream.body)) {
          failures = 0;
          const commit = event.data === undefined ? undefined : (JSON.parse(event.data) as Commit);
          if (place.isNew(event.id, commit) && commit !== undefined) yield { commit, after: place.resume };
        }
      } catch (error) {
        if (stop.signal.aborted) return;
        const refused = error instanceof FormicaryError && error.status > 0 && error.status !== 429 && error.status < 500;
        if (refused || (!connected && failures + 1 >= session.retry.attempts)) throw error;
        if (connected) onBreak?.(error);
      }
      failures += 1;
      await session.pause(failures, stop.signal).catch(() => undefined);
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    stop.abort();
  }
}

/**
 * Where a reader stands. Commits that were read together share an id, so the id of a commit tells only that the one
 * *before* it is done: from there a reader goes on, and passes over what it has seen.
 */
class Place {
  private current: string | undefined;
  private seen = new Set<string>();
  private seenBefore = new Set<string>();
  /** Where to go on after a break. */
  resume: string | undefined;

  constructor(after: string | undefined) {
    this.resume = after;
    this.current = after;
  }

  /** Takes an event in; false when its commit came before. */
  isNew(id: string | undefined, commit: Commit | undefined): boolean {
    if (id !== undefined && id !== this.current) {
      this.resume = this.current ?? (commit === undefined ? id : undefined);
      this.current = id;
      this.seenBefore = this.seen;
      this.seen = new Set();
    }
    if (commit === undefined) return false;
    if (this.seen.has(commit.hash) || this.seenBefore.has(commit.hash)) return false;
    this.seen.add(commit.hash);
    return true;
  }
}

/** The events in a stream of bytes, as the HTML standard reads them; comments and the `retry` field are passed over. */
export async function* events(body: AsyncIterable<Buffer>): AsyncGenerator<ServerSentEvent, void, undefined> {
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
