/**
 * The event store on Cosmos DB. In the container `events` each stream is a logical partition that holds
 *
 *   000000000042   one document per commit: its canonical bytes and their hash, created and never rewritten
 *   head           where the stream ends, and its snapshot when that is small
 *   state-000000000042   a snapshot, as it was made at that commit; those before the last one are for states of long
 * ago
 *   body-…, snapshot-…   what was too large to go with the batch, written before it, seen only through it
 *
 * An append is one transactional batch: the commits, then the head on the condition that it still is at the expected
 * index. Each batch bears a number of its own, by which it is recognised when its answer was lost.
 */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import type * as Sdk from '@azure/cosmos';
import type { ChangeFeedPullModelIterator, ChangeFeedStartFrom, JSONObject, OperationInput } from '@azure/cosmos';
import type { Append, AppendResult, Checkpoint, EventStore, FeedPage, Head, Snapshot } from '../../app/engine/ports';
import { AlteredReceipt, checkAppend, commandOf, type Commit, unsealAt } from '../../domain/kernel/commit';
import { Recent } from '../../domain/kernel/recent';
import { AnsweredWith, type Cosmos } from './cosmos';

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

interface HeadDocument {
  readonly id: 'head';
  readonly stream: string;
  readonly kind: 'head';
  readonly index: number;
  readonly hash: string;
  /** The state as JSON text, or the id of the document whose text it is. */
  readonly snapshot?: {
    readonly version: number;
    readonly index: number;
    readonly state?: string;
    readonly document?: string;
  };
}

/** What an append changes of the head; a snapshot stays until the next one. */
type Moved = Pick<HeadDocument, 'index' | 'hash' | 'snapshot'>;

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

interface Changes {
  readonly documents: readonly unknown[];
  readonly token: string;
  readonly end: boolean;
  readonly reader: ChangeFeedPullModelIterator<unknown>;
}

/** Digits of a commit's id, so that ids are in the order of indexes. */
const ID_DIGITS = 12;
/** Cosmos DB takes 2 MB in a batch. */
/** And 100 operations. */
const MAX_OPERATIONS = 100;
const MAX_BATCH_BYTES = 2 * 1024 * 1024 - 16 * 1024;
/** What a snapshot takes as a document of its own, escaped as text in JSON. */
const PAST_BYTES = 64 * 1024;
/** 99 bodies of this size fit into a batch. A character takes 3 bytes at most: in UTF-8, or as an escape in JSON. */
const SMALL_BODY_BYTES = 16 * 1024;
const MAX_BYTES_PER_CHARACTER = 3;
const MAX_HEAD_SNAPSHOT_BYTES = 16 * 1024;
const NONE: ReadonlySet<string> = new Set();
const COUNTING_PAGE = 1_000;
/** Readers of the change feed that are kept where they stand: one that is opened anew asks for the container first. */
const KEPT_READERS = 16;

export class CosmosEventStore implements EventStore {
  private readonly listeners = new Set<() => void>();
  private readonly readers = new Recent<string, ChangeFeedPullModelIterator<unknown>>(KEPT_READERS);

  constructor(private readonly cosmos: Cosmos) {}

  async append({ stream, expected, commits, snapshot }: Append): Promise<AppendResult> {
    checkAppend(stream, expected, commits);
    const append = randomUUID();
    const last = commits.at(-1)?.commit as Commit;
    const staged = await this.stageBodies(stream, commits);
    const operations = commits.map(({ commit, body }) => {
      const { index, hash } = commit;
      const command = commandOf(commit);
      const document: CommitDocument = {
        id: idOf(index),
        stream,
        kind: 'commit',
        index,
        hash,
        append,
        ...(command !== undefined && { command }),
        ...(!staged.has(hash) && { body }),
      };
      return created(document);
    });
    const head: Moved = {
      index: last.index,
      hash: last.hash,
      ...(snapshot !== undefined && { snapshot: await this.kept(stream, append, snapshot) }),
    };
    operations.push(
      expected < 0
        ? created({ id: 'head', stream, kind: 'head', ...head } satisfies HeadDocument)
        : moved(expected, head),
    );
    // Room for it is not promised: a state of long ago is then folded from an earlier one.
    if (
      snapshot !== undefined &&
      operations.length < MAX_OPERATIONS &&
      bytesOf(commits) <= MAX_BATCH_BYTES - PAST_BYTES
    )
      operations.push(...past(stream, snapshot));
    if (!(await this.cosmos.batch('append', this.events, stream, operations))) {
      // Perhaps with this very append: an answer was lost, and the batch was sent again. Who can't see it doesn't know.
      const there = await this.document<CommitDocument>('append.recognise', stream, idOf(expected + 1)).catch(
        (error: unknown) => {
          throw new Error(`it is not known whether ${stream} was written`, { cause: error });
        },
      );
      if (there?.append !== append) return { kind: 'conflict', head: (await this.head(stream))?.index ?? -1 };
    }
    for (const listener of this.listeners) listener();
    return { kind: 'written' };
  }

  async head(stream: string): Promise<Head | undefined> {
    const head = await this.document<HeadDocument>('head', stream, 'head');
    return head === undefined ? undefined : { index: head.index, hash: head.hash };
  }

  async snapshot(stream: string, upTo = Number.MAX_SAFE_INTEGER): Promise<Snapshot | undefined> {
    const kept = (await this.document<HeadDocument>('snapshot', stream, 'head'))?.snapshot;
    if (kept === undefined) return undefined;
    if (kept.index > upTo) return await this.pastSnapshot(stream, upTo);
    const state =
      kept.document === undefined
        ? kept.state
        : (await this.document<TextDocument>('snapshot', stream, kept.document))?.text;
    return state === undefined
      ? undefined
      : { version: kept.version, index: kept.index, state: JSON.parse(state) as unknown };
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
      const document = await this.document<CommitDocument>('read', stream, idOf(from));
      return document === undefined ? [] : [await this.commitOf(document)];
    }
    const query = {
      query: 'SELECT * FROM c WHERE c.id >= @from AND c.id <= @to ORDER BY c.id',
      parameters: [
        { name: '@from', value: idOf(from) },
        { name: '@to', value: idOf(from + limit - 1) },
      ],
    };
    const documents = await this.cosmos.query<CommitDocument>('read', this.events, stream, query, limit);
    return await Promise.all(documents.map((document) => this.commitOf(document)));
  }

  async feed(from: Checkpoint | undefined, limit: number): Promise<FeedPage> {
    const place = placeOf(from);
    for (let at = place; ;) {
      const { documents, token, end, reader } = await this.changes(at.token, limit);
      const after: Place = { token, seen: {} };
      const fresh = byStream(
        documents.filter((document) => isCommit(document) && document.index > (at.seen[document.stream] ?? -1)),
      ).flat();
      const { commits, altered } = await this.opened(fresh.slice(0, limit));
      const page = commits.slice(0, limit);
      const rest = altered.length === 0 ? {} : { altered };
      if (fresh.length > limit || commits.length > limit) {
        // A transaction is never cut in two by the service: the page is, here.
        return {
          commits: page,
          checkpoint: encode({ token: at.token, seen: { ...at.seen, ...seenOf(page, commits.slice(limit), altered) } }),
          end: false,
          ...rest,
        };
      }
      this.readers.set(readerKey(token, limit), reader);
      if (commits.length > 0 || altered.length > 0 || end) return { commits, checkpoint: encode(after), end, ...rest };
      at = after; // heads alone
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

  onAppend(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * The commits among documents of the change feed, of this store's own reading or of a trigger's: without heads, in
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

  private get events() {
    return this.cosmos.container('events');
  }

  private async document<T extends object>(operation: string, stream: string, id: string): Promise<T | undefined> {
    const { resource } = await this.cosmos.call(operation, (options) => this.events.item(id, stream).read<T>(options));
    return resource;
  }

  private async commitOf({ stream, index, hash, body }: CommitDocument): Promise<Commit> {
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

  private async kept(
    stream: string,
    append: string,
    { version, index, state }: Snapshot,
  ): Promise<NonNullable<HeadDocument['snapshot']>> {
    const text = JSON.stringify(state);
    if (Buffer.byteLength(text) <= MAX_HEAD_SNAPSHOT_BYTES) return { version, index, state: text };
    const document = `snapshot-${append}`;
    await this.stage(stream, document, text);
    return { version, index, document };
  }

  private async pastSnapshot(stream: string, upTo: number): Promise<Snapshot | undefined> {
    const query = {
      query: 'SELECT * FROM c WHERE c.id >= @from AND c.id <= @to ORDER BY c.id DESC',
      parameters: [
        { name: '@from', value: stateId(0) },
        { name: '@to', value: stateId(upTo) },
      ],
    };
    const [found] = await this.cosmos.query<TextDocument>('snapshot', this.events, stream, query, 1);
    return found === undefined ? undefined : (JSON.parse(found.text) as Snapshot);
  }

  private async stage(stream: string, id: string, text: string): Promise<void> {
    const document: TextDocument = { id, stream, kind: 'text', text };
    await this.cosmos.call('append.stage', (options) => this.events.items.upsert(document, options));
  }

  /** The next page of changes; one that is empty is the end. */
  private async changes(token: string | null, limit: number): Promise<Changes> {
    const key = readerKey(token, limit);
    let kept = this.readers.peek(key);
    this.readers.delete(key);
    const changes = this.readChanges('feed', () => {
      // One that has failed has lost its place.
      const reader =
        kept ??
        this.events.items.getChangeFeedIterator({
          maxItemCount: limit,
          changeFeedStartFrom: token === null ? startFrom().Beginning() : startFrom().Continuation(token),
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
  return MAX_BYTES_PER_CHARACTER * commits.reduce((sum, { body }) => sum + body.length, 0);
}

/** The snapshot as a document of its own, when it is small. */
function past(stream: string, snapshot: Snapshot): OperationInput[] {
  const text = JSON.stringify(snapshot);
  if (Buffer.byteLength(text) > MAX_HEAD_SNAPSHOT_BYTES) return [];
  return [created({ id: stateId(snapshot.index), stream, kind: 'text', text } satisfies TextDocument)];
}

function stateId(index: number): string {
  return `state-${idOf(index)}`;
}

function created(document: CommitDocument | HeadDocument | TextDocument): OperationInput {
  return { operationType: 'Create', resourceBody: document as unknown as JSONObject };
}

/** Moves the head on the condition that it is at `expected`. */
function moved(expected: number, head: Moved): OperationInput {
  const operations = Object.entries(head).map(([name, value]) => ({ op: 'set' as const, path: `/${name}`, value }));
  return {
    operationType: 'Patch',
    id: 'head',
    resourceBody: { condition: `FROM c WHERE c.index = ${expected}`, operations },
  };
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

function idOf(index: number): string {
  return String(index).padStart(ID_DIGITS, '0');
}

function isCommit(document: unknown): document is CommitDocument {
  return (document as { kind?: unknown }).kind === 'commit';
}

/** The commits among the documents, stream by stream, each in order. */
function byStream(documents: readonly unknown[]): CommitDocument[][] {
  const streams = Map.groupBy(documents.filter(isCommit), ({ stream }) => stream);
  return [...streams.values()].map((found) => found.sort((a, b) => a.index - b.index));
}

function readerKey(token: string | null, limit: number): string {
  return `${limit} ${token ?? ''}`;
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
