/**
 * The event store on Cosmos DB. In the container `events` each stream is a logical partition that holds
 *
 *   000000000042   one document per commit: its canonical bytes and their hash, created and never rewritten
 *   body-…         what was too large to go with its commits, created before them, seen only through them
 *
 * Nothing else: where a stream ends is the last id that there is. An append creates its commits, and their ids are the
 * check of the version: of two that append at the same place, the service refuses one. Each append bears a number of
 * its own, by which it is recognised when its answer was lost. Nothing is ever replaced or deleted, so that whoever
 * appends needs no right to do so; what a store of an earlier version has left there of heads and snapshots is passed
 * over.
 */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import type * as Sdk from '@azure/cosmos';
import type { ChangeFeedPullModelIterator, ChangeFeedStartFrom, JSONObject } from '@azure/cosmos';
import type {
  Append,
  AppendResult,
  Checkpoint,
  EventStore,
  FeedPage,
  Head,
  Report,
  Snapshot,
} from '../../app/engine/ports';
import { AlteredReceipt, checkAppend, commandOf, type Commit, unsealAt } from '../../domain/kernel/commit';
import { Recent } from '../../domain/kernel/recent';
import { AnsweredWith, codeOf, commitId, type Cosmos } from './cosmos';
import { latestOf } from './cosmos-latest';
import { CosmosSnapshots } from './cosmos-snapshots';

const load = createRequire(__filename);

interface CommitDocument {
  readonly id: string;
  readonly stream: string;
  readonly kind: 'commit';
  readonly index: number;
  readonly hash: string;
  /** The number of the append that has written it. */
  readonly append: string;
  /** The name of the command that it answers, which is indexed; undefined when that came without a key. */
  readonly command?: string;
  /** RFC 8785 form of the commit without `hash`; undefined when it is the text of document `body-<hash>`. */
  readonly body?: string;
}

/** As it is read. */
interface StoredCommit extends CommitDocument {
  /** When it was stored: seconds since the epoch. */
  readonly _ts: number;
}

interface TextDocument {
  readonly id: string;
  readonly stream: string;
  readonly kind: 'text';
  readonly text: string;
}

/** A checkpoint in plain. */
interface Place {
  /** The SDK's continuation token; null: the beginning. */
  readonly token: string | null;
  /** What has been delivered after it already: by stream, the index of the last commit. */
  readonly seen: Readonly<Record<string, number>>;
}

type Beginning = ReturnType<(typeof ChangeFeedStartFrom)['Beginning' | 'Time']>;

interface Changes {
  readonly documents: readonly unknown[];
  readonly token: string;
  readonly end: boolean;
  readonly reader: ChangeFeedPullModelIterator<unknown>;
}

/** Cosmos DB takes 2 MB in a batch, and 100 operations. */
const MAX_BATCH_BYTES = 2 * 1024 * 1024;
const MAX_OPERATIONS = 100;
/** Of an operation, beside the body of its commit: names, hashes and numbers. */
const OPERATION_BYTES = 1024;
/** 99 bodies of this size fit into a batch. A character takes 3 bytes at most: in UTF-8, or as an escape in JSON. */
const SMALL_BODY_BYTES = 16 * 1024;
const MAX_BYTES_PER_CHARACTER = 3;
const NONE: ReadonlySet<string> = new Set();
const COUNTING_PAGE = 1_000;
const LATEST_PAGE = 500;
/** Readers of the change feed that are kept where they stand: one that is opened anew asks for the container first. */
const KEPT_READERS = 16;
/** Streams of which it is known that they have come so far. */
const KNOWN_STREAMS = 100_000;
/** The ids of commits, which are digits, come before this. */
const AFTER_DIGITS = ':';

export class CosmosEventStore implements EventStore {
  private readonly listeners = new Set<() => void>();
  private readonly readers = new Recent<string, ChangeFeedPullModelIterator<unknown>>(KEPT_READERS);

  /**
   * How far streams have come at least, as this process has written or read: what is there stays there, so an append
   * on top of it needs no look.
   */
  private readonly known = new Recent<string, Head>(KNOWN_STREAMS);
  private readonly snapshots: CosmosSnapshots;

  constructor(
    private readonly cosmos: Cosmos,
    report: Report,
  ) {
    this.snapshots = new CosmosSnapshots(cosmos, report);
  }

  async append({ stream, expected, commits, snapshot }: Append): Promise<AppendResult> {
    checkAppend(stream, expected, commits);
    const append = randomUUID();
    const last = commits.at(-1)?.commit as Commit;
    const staged = await this.stageBodies(stream, commits);
    const documents = commits.map(({ commit, body }): CommitDocument => {
      const { index, hash } = commit;
      const command = commandOf(commit);
      return {
        id: commitId(index),
        stream,
        kind: 'commit',
        index,
        hash,
        append,
        ...(command !== undefined && { command }),
        ...(!staged.has(hash) && { body }),
      };
    });
    if (!(await this.created(stream, expected, documents))) {
      // Perhaps with this very append: an answer was lost, and it was sent again. Who can't see it doesn't know.
      const there = await this.document<CommitDocument>('append.recognise', stream, commitId(expected + 1)).catch(
        (error: unknown) => {
          throw new Error(`it is not known whether ${stream} was written`, { cause: error });
        },
      );
      if (there?.append !== append) return { kind: 'conflict', head: (await this.head(stream))?.index ?? -1 };
    }
    this.note(stream, last);
    for (const listener of this.listeners) listener();
    // After the commits, which it must not outlive; a reader finds those that come after it.
    if (snapshot !== undefined) this.snapshots.keep(stream, snapshot);
    return { kind: 'written' };
  }

  async head(stream: string): Promise<Head | undefined> {
    const known = this.known.get(stream);
    // Mostly nothing has come since: that nothing stands at the next place is the cheapest question there is.
    if (known !== undefined && (await this.document('head', stream, commitId(known.index + 1))) === undefined)
      return known;
    const query = {
      query: 'SELECT * FROM c WHERE c.id < @after ORDER BY c.id DESC',
      parameters: [{ name: '@after', value: AFTER_DIGITS }],
    };
    const [last] = await this.cosmos.query<CommitDocument>('head', this.events, stream, query, 1);
    return last === undefined ? undefined : this.note(stream, last);
  }

  async snapshot(stream: string, upTo = Number.MAX_SAFE_INTEGER): Promise<Snapshot | undefined> {
    return await this.snapshots.find(stream, upTo);
  }

  async answered(stream: string, command: string): Promise<number | undefined> {
    const query = {
      query: 'SELECT VALUE c["index"] FROM c WHERE c.command = @command',
      parameters: [{ name: '@command', value: command }],
    };
    const found = await this.cosmos.query<number>('answered', this.events, stream, query, MAX_OPERATIONS);
    return found.length === 0 ? undefined : Math.max(...found);
  }

  async read(stream: string, from: number, limit: number): Promise<readonly Commit[]> {
    if (limit === 1) {
      const document = await this.document<CommitDocument>('read', stream, commitId(from));
      return document === undefined ? [] : [await this.commitOf(document)];
    }
    const query = {
      query: 'SELECT * FROM c WHERE c.id >= @from AND c.id <= @to ORDER BY c.id',
      parameters: [
        { name: '@from', value: commitId(from) },
        { name: '@to', value: commitId(from + limit - 1) },
      ],
    };
    const documents = await this.cosmos.query<CommitDocument>('read', this.events, stream, query, limit);
    return await Promise.all(documents.map((document) => this.commitOf(document)));
  }

  async feed(from: Checkpoint | undefined, limit: number, mayLag = false): Promise<FeedPage> {
    const place = placeOf(from);
    for (let at = place; ;) {
      const { documents, token, end, reader } = await this.changes(at.token, limit, mayLag);
      const after: Place = { token, seen: {} };
      const fresh = byStream(
        documents.filter((document) => isCommit(document) && document.index > (at.seen[document.stream] ?? -1)),
      ).flat();
      const whole = beforeLast(documents);
      // A transaction is never cut in two by the service. A page that ends before the last one has a place that is
      // short, whatever stands on it: callers of the API give it back in an address.
      if (fresh.length > limit && whole > 0 && whole < limit) return await this.feed(encode(at), whole, mayLag);
      const { commits, altered } = await this.opened(fresh.slice(0, limit));
      const page = commits.slice(0, limit);
      const rest = altered.length === 0 ? {} : { altered };
      if (fresh.length > limit || commits.length > limit) {
        // Of one that is larger than a page, a page is a part.
        return {
          commits: page,
          checkpoint: encode({ token: at.token, seen: { ...at.seen, ...seenOf(page, commits.slice(limit), altered) } }),
          end: false,
          ...rest,
        };
      }
      this.readers.set(readerKey(token, limit, mayLag), reader);
      if (commits.length > 0 || altered.length > 0 || end) return { commits, checkpoint: encode(after), end, ...rest };
      at = after; // texts alone
    }
  }

  /** Reads what it counts: cheap for a reader that keeps up, and as much as reading for one that doesn't. */
  async lag(from: Checkpoint | undefined): Promise<number> {
    const { token: start, seen } = placeOf(from);
    let count = 0;
    for (let at = start; ;) {
      const { documents, token, end, reader } = await this.changes(at, COUNTING_PAGE);
      count += documents.filter(
        (document) => isCommit(document) && document.index > (seen[document.stream] ?? -1),
      ).length;
      this.readers.set(readerKey(token, COUNTING_PAGE), reader);
      if (end) return count;
      at = token;
    }
  }

  async end(): Promise<Checkpoint> {
    const { token } = await this.readChanges('end', () =>
      this.events.items.getChangeFeedIterator({ changeFeedStartFrom: startFrom().Now() }),
    );
    return encode({ token, seen: {} });
  }

  /** In order of the time at which the service has stored them, for which it has whole seconds. */
  async *latest(count: number, now: number): AsyncGenerator<readonly Commit[]> {
    const second = Math.ceil(now / 1_000);
    const found = await latestOf(count, second, (seconds, most) =>
      this.since(seconds === undefined ? undefined : second - seconds, most),
    );
    const newest = found.toSorted((a, b) => a._ts - b._ts).slice(-count);
    for (let at = 0; at < newest.length; at += LATEST_PAGE)
      yield (await this.opened(newest.slice(at, at + LATEST_PAGE))).commits;
  }

  onAppend(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * The commits among documents of the change feed, of this store's own reading or of a trigger's: without texts, in
   * order per stream; a gap between two of one stream is filled from the stream. What was altered is left out.
   */
  async delivered(documents: readonly unknown[]): Promise<Commit[]> {
    return (await this.opened(documents)).commits;
  }

  private async opened(documents: readonly unknown[]): Promise<{ commits: Commit[]; altered: AlteredReceipt[] }> {
    const altered: AlteredReceipt[] = [];
    const left = (error: unknown): Commit[] => {
      if (!(error instanceof AlteredReceipt)) throw error;
      altered.push(error);
      return [];
    };
    const one = async (document: CommitDocument) => await this.commitOf(document).then((commit) => [commit], left);
    const each = async (found: readonly CommitDocument[]) => (await Promise.all(found.map(one))).flat();
    const healed = byStream(documents).map(async (found) => {
      const { stream, index } = found[0] as CommitDocument;
      const count = (found.at(-1) as CommitDocument).index - index + 1;
      return count === found.length
        ? await each(found)
        : await this.read(stream, index, count).catch(async (error: unknown) =>
            error instanceof AlteredReceipt ? await each(found) : Promise.reject(error as Error),
          );
    });
    return { commits: (await Promise.all(healed)).flat(), altered };
  }

  /** The commits that were stored from `second` on, range by range; undefined where there are more than `most`. */
  private async since(second: number | undefined, most: number): Promise<readonly StoredCommit[] | undefined> {
    const found: StoredCommit[] = [];
    const limit = Math.min(COUNTING_PAGE, most + 1);
    const { resources: ranges } = await this.cosmos.call('ranges', async () => ({
      resources: await this.cosmos.derived('events').getFeedRanges(),
    }));
    for (const range of ranges) {
      const begin = () =>
        second === undefined ? startFrom().Beginning(range) : startFrom().Time(new Date(second * 1_000), range);
      for (let token: string | null = null, ended = false; !ended;) {
        const page: Changes = await this.changes(token, limit, true, begin);
        found.push(...(page.documents.filter(isCommit) as StoredCommit[]));
        if (found.length > most) return undefined;
        this.readers.set(readerKey(page.token, limit, true), page.reader);
        ({ token, end: ended } = page);
      }
    }
    return found;
  }

  private get events() {
    return this.cosmos.container('events');
  }

  private async document<T extends object>(operation: string, stream: string, id: string): Promise<T | undefined> {
    const { resource } = await this.cosmos.call(operation, (options) => this.events.item(id, stream).read<T>(options));
    return resource;
  }

  private async commitOf({ stream, index, hash, body }: CommitDocument): Promise<Commit> {
    this.note(stream, { index, hash });
    const text = body ?? (await this.document<TextDocument>('read.body', stream, `body-${hash}`))?.text;
    if (text === undefined) throw new Error(`the body of commit ${hash} of ${stream} is missing`);
    return unsealAt({ stream, index }, text, hash);
  }

  /**
   * Where the bodies would burst the batch, writes the large ones into documents of their own; gives the hashes of
   * their commits.
   */
  private async stageBodies(stream: string, commits: Append['commits']): Promise<ReadonlySet<string>> {
    if (bytesOf(commits) <= MAX_BATCH_BYTES) return NONE;
    const large = commits.filter(({ body }) => MAX_BYTES_PER_CHARACTER * body.length > SMALL_BODY_BYTES);
    await Promise.all(large.map(({ commit, body }) => this.stage(stream, `body-${commit.hash}`, body)));
    return new Set(large.map(({ commit }) => commit.hash));
  }

  /**
   * Creates the commits, all or none: on top of `expected`, which is looked for in the same step where it is not known
   * to be there. False when it is not, or the next place is taken.
   */
  private async created(stream: string, expected: number, documents: readonly CommitDocument[]): Promise<boolean> {
    const [first] = documents as readonly [CommitDocument];
    const isKnown = expected < 0 || (this.known.get(stream)?.index ?? -1) >= expected;
    if (!isKnown || documents.length > 1)
      return await this.cosmos.batch('append', this.events, stream, [
        ...(isKnown ? [] : [{ operationType: 'Read' as const, id: commitId(expected) }]),
        ...documents.map((document) => ({
          operationType: 'Create' as const,
          resourceBody: document as unknown as JSONObject,
        })),
      ]);
    try {
      await this.cosmos.call('append', (options) => this.events.items.create(first, options));
      return true;
    } catch (error) {
      if (codeOf(error) === 409) return false;
      throw error;
    }
  }

  private note(stream: string, { index, hash }: Head): Head {
    const head = { index, hash };
    if ((this.known.peek(stream)?.index ?? -1) < index) this.known.set(stream, head);
    return head;
  }

  /** The id names the text: who finds it there finds the same. */
  private async stage(stream: string, id: string, text: string): Promise<void> {
    const document: TextDocument = { id, stream, kind: 'text', text };
    await this.cosmos
      .call('append.stage', (options) => this.events.items.create(document, options))
      .catch((error: unknown) => {
        if (codeOf(error) !== 409) throw error;
      });
  }

  /** The next page of changes; one that is empty is the end. */
  private async changes(
    token: string | null,
    limit: number,
    mayLag = false,
    begin: () => Beginning = () => startFrom().Beginning(),
  ): Promise<Changes> {
    const key = readerKey(token, limit, mayLag);
    let kept = this.readers.peek(key);
    this.readers.delete(key);
    const changes = this.readChanges('feed', () => {
      // One that has failed has lost its place.
      const reader =
        kept ??
        (mayLag ? this.cosmos.derived('events') : this.events).items.getChangeFeedIterator({
          maxItemCount: limit,
          changeFeedStartFrom: token === null ? begin() : startFrom().Continuation(token),
        });
      kept = undefined;
      return reader;
    });
    return await changes.catch((error: unknown) => {
      // The SDK's own word, without a code: the token names another container.
      if (error instanceof Error && error.message.startsWith('The continuation token is not for'))
        throw new RangeError('not a checkpoint of this store: it is of another container', { cause: error });
      throw error;
    });
  }

  private async readChanges(operation: string, open: () => ChangeFeedPullModelIterator<unknown>): Promise<Changes> {
    const { documents, token, end, reader } = await this.cosmos.call(operation, async () => {
      const reader = open();
      const { result, statusCode, continuationToken: token, headers, diagnostics } = await reader.readNext();
      // The SDK answers a partition that has moved with 410, and forgets where it was in it.
      if ((statusCode !== 200 && statusCode !== 304) || !isComplete(token))
        throw new AnsweredWith(410, headers, diagnostics);
      return { documents: result ?? [], token, end: statusCode === 304, reader, headers, diagnostics };
    });
    return { documents, token, end, reader };
  }
}

/** Of the SDK, which is large and loads with the first client. */
function startFrom(): typeof ChangeFeedStartFrom {
  return (load('@azure/cosmos') as typeof Sdk).ChangeFeedStartFrom;
}

/** At most so many bytes in a batch. */
function bytesOf(commits: Append['commits']): number {
  // One more operation may look for what they come after.
  const bodies = commits.reduce((sum, { body }) => sum + body.length, 0);
  return MAX_BYTES_PER_CHARACTER * bodies + OPERATION_BYTES * (commits.length + 1);
}

/**
 * By stream, the index up to which a page shows it; what was altered comes again as long as something before it is cut
 * off.
 */
function seenOf(
  page: readonly Commit[],
  cut: readonly Commit[],
  altered: readonly AlteredReceipt[],
): Record<string, number> {
  const later = new Set(cut.map(({ stream }) => stream));
  const seen: Record<string, number> = {};
  for (const { stream, index } of [...page, ...altered.filter((receipt) => !later.has(receipt.stream))])
    seen[stream] = Math.max(seen[stream] ?? -1, index);
  return seen;
}

/** How many documents there are before the last ones of one stream: a transaction is within a stream. */
function beforeLast(documents: readonly unknown[]): number {
  const streamOf = (document: unknown) => (document as { readonly stream?: unknown } | undefined)?.stream;
  const last = streamOf(documents.at(-1));
  return documents.findLastIndex((document) => streamOf(document) !== last) + 1;
}

function isCommit(document: unknown): document is CommitDocument {
  return (document as { kind?: unknown }).kind === 'commit';
}

/** The commits among the documents, stream by stream, each in order. */
function byStream(documents: readonly unknown[]): CommitDocument[][] {
  const streams = Map.groupBy(documents.filter(isCommit), ({ stream }) => stream);
  return [...streams.values()].map((found) => found.sort((a, b) => a.index - b.index));
}

function readerKey(token: string | null, limit: number, mayLag = false): string {
  return `${limit} ${mayLag} ${token ?? ''}`;
}

/** As it may stand in an address: callers of the API are given checkpoints. */
function encode(place: Place): Checkpoint {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** Throws RangeError on what no `feed` has made: taken for a place, it would look like the beginning or the end. */
function placeOf(checkpoint: Checkpoint | undefined): Place {
  if (checkpoint === undefined) return { token: null, seen: {} };
  const place = parsed(Buffer.from(checkpoint, 'base64url').toString()) as Partial<Place> | undefined;
  if (
    typeof place?.seen === 'object' &&
    (place.token === null || (typeof place.token === 'string' && isComplete(place.token)))
  )
    return place as Place;
  throw new RangeError(`not a checkpoint of this store: ${checkpoint}`);
}

/** True when the token names a place in each of its ranges. */
function isComplete(token: string): boolean {
  const ranges = (parsed(token) as { Continuation?: unknown } | undefined)?.Continuation;
  return (
    Array.isArray(ranges) &&
    ranges.every((range: { continuationToken?: unknown }) => typeof range.continuationToken === 'string')
  );
}

/** undefined where the text is no JSON, or is null. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}
