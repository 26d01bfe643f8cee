/**
 * The log in SQLite, as far as it is read: by the store that writes it, or by whoever only looks at it. What was
 * archived of a stream is its beginning, and comes before what the database holds of it.
 */
import type { Checkpoint, FeedPage, Head, Snapshot } from '../../app/engine/ports';
import { AlteredReceipt, type Commit, unsealAt } from '../../domain/kernel/commit';
import { Archive } from './archive';
import { ReadingTime } from './reading-time';
import type { SQLInputValue } from './sqlite';

/** What answers queries. */
export interface Queries {
  all<T>(sql: string, ...parameters: SQLInputValue[]): T[];
  get<T>(sql: string, ...parameters: SQLInputValue[]): T | undefined;
}

interface CommitRow {
  readonly stream: string;
  readonly index: number;
  readonly hash: string;
  readonly body: string;
}

interface FeedRow {
  readonly position: number;
  readonly hash: string;
  /** These only where something was archived; `after_archived` is 1 when what comes before it in its stream was. */
  readonly stream?: string;
  readonly index?: number;
  readonly after_archived?: number;
}

interface SnapshotRow {
  readonly version: number;
  readonly idx: number;
  readonly state: string;
}

/** Receipts of a stream that are read at once: each may have tens of kilobytes. */
const PIECE = 25;
const LATEST_PAGE = 500;
/** Bytes of receipts that a page of the feed parses; it ends sooner then. */
const FEED_BYTES = 500_000;

const FEED = 'SELECT position, hash FROM commits WHERE position > ? ORDER BY position LIMIT ?';
const FEED_WITH_ARCHIVE = `SELECT position, stream, idx AS "index", hash, EXISTS (SELECT 1 FROM archived a WHERE a.stream = c.stream AND a.last = c.idx - 1) AS after_archived
  FROM commits c WHERE position > ? ORDER BY position LIMIT ?`;

/** The reading half of an `EventStore`. */
export abstract class SqliteLog {
  private opened: Archive | undefined;
  private readonly time = new ReadingTime();

  /** @param archiveIn the folder where the archive lies */
  protected constructor(
    protected readonly queries: Queries,
    private readonly archiveIn: string,
  ) {}

  /** Opened when something is read: of a damaged file even that may fail. */
  protected get archive(): Archive {
    return (this.opened ??= new Archive(this.archiveIn, (sql, ...parameters) => this.queries.all(sql, ...parameters)));
  }

  /** A commit that is known already by its hash, so that it need not be read. */
  protected known(_hash: string): Commit | undefined {
    return undefined;
  }

  async head(stream: string): Promise<Head | undefined> {
    if (this.time.over) await this.time.left();
    const head = this.time.of(() =>
      this.queries.get<Head>(
        'SELECT idx AS "index", hash FROM commits WHERE stream = ? ORDER BY idx DESC LIMIT 1',
        stream,
      ),
    );
    if (head === undefined) this.archive.checkEnd(stream);
    return head;
  }

  async snapshot(stream: string, upTo = Number.MAX_SAFE_INTEGER): Promise<Snapshot | undefined> {
    const row =
      this.queries.get<SnapshotRow>(
        'SELECT version, idx, state FROM snapshots WHERE stream = ? AND idx <= ?',
        stream,
        upTo,
      ) ??
      this.queries.get<SnapshotRow>(
        'SELECT version, idx, state FROM past_snapshots WHERE stream = ? AND idx <= ? ORDER BY idx DESC LIMIT 1',
        stream,
        upTo,
      );
    return row === undefined
      ? undefined
      : { version: row.version, index: row.idx, state: JSON.parse(row.state) as unknown };
  }

  async answered(stream: string, command: string, _version: number): Promise<number | undefined> {
    return this.queries.get<{ idx: number }>(
      'SELECT idx FROM answers WHERE stream = ? AND command = ?',
      stream,
      command,
    )?.idx;
  }

  async read(stream: string, from: number, limit: number): Promise<readonly Commit[]> {
    const found: Commit[] = [];
    for (let more = true; more && found.length < limit;) {
      const wanted = Math.min(PIECE, limit - found.length);
      if (this.time.over) await this.time.left();
      const piece = this.time.of(() => this.piece(stream, from + found.length, wanted));
      found.push(...piece);
      more = piece.length === wanted;
    }
    return found;
  }

  private piece(stream: string, from: number, limit: number): Commit[] {
    // What is archived of a stream is always its beginning.
    const archived = this.archive.commits(stream, from, limit);
    if (archived.length === limit) return archived;
    const next = from + archived.length;
    const rows = this.rows(stream, next, limit - archived.length);
    if (rows.length === 0) this.archive.checkEnd(stream, next);
    return [...archived, ...rows.map((row) => unsealAt(row, row.body, row.hash))];
  }

  private rows(stream: string, from: number, limit: number): CommitRow[] {
    return this.queries.all<CommitRow>(
      'SELECT stream, idx AS "index", hash, body FROM commits WHERE stream = ? AND idx >= ? ORDER BY idx LIMIT ?',
      stream,
      from,
      limit,
    );
  }

  /**
   * What was archived of a stream comes right before the receipt of it that follows: in the order of its stream, as all
   * is. A place within that is `POSITION-N`: after so many receipts that come before the first at a later position.
   */
  async feed(from: Checkpoint | undefined, limit: number): Promise<FeedPage> {
    const start = placeOf(from);
    const rows = this.queries.all<FeedRow>(this.archive.isUsed ? FEED_WITH_ARCHIVE : FEED, start.position, limit);
    if (rows.length === 0 && start.position > Number(await this.end()))
      throw new RangeError(`not a checkpoint of this store: ${from} lies beyond its end`);
    const found: (Commit | AlteredReceipt)[] = [];
    let { position, archived: passed } = start;
    let full = false;
    let read = 0;
    for (const row of rows) {
      if (row.after_archived === 1)
        passed += this.archivedBefore(row as Required<FeedRow>, passed, limit - found.length, found);
      full = found.length >= limit || read >= FEED_BYTES;
      if (full) break;
      const known = this.known(row.hash);
      if (known !== undefined) found.push(known);
      else {
        const stored = this.rowAt(row.position);
        read += stored.body.length;
        found.push(commitOf(stored));
      }
      position = row.position;
      passed = 0;
    }
    const altered = found.filter((item) => item instanceof AlteredReceipt);
    const commits = found.filter((item): item is Commit => !(item instanceof AlteredReceipt));
    const checkpoint = passed === 0 ? String(position) : `${position}-${passed}`;
    return { commits, checkpoint, end: !full && rows.length < limit, ...(altered.length > 0 && { altered }) };
  }

  /** Adds what was archived before a receipt, but for the first `passed` of it; returns how many it has passed now. */
  private archivedBefore(
    { stream, index }: Required<FeedRow>,
    passed: number,
    limit: number,
    found: (Commit | AlteredReceipt)[],
  ): number {
    let next = passed;
    for (let room = limit; next < index && room > 0;) {
      try {
        const commits = this.archive.commits(stream, next, Math.min(room, index - next));
        if (commits.length === 0) break;
        found.push(...commits);
        room -= commits.length;
        next += commits.length;
      } catch (error) {
        if (!(error instanceof AlteredReceipt)) throw error;
        found.push(error);
        room -= 1;
        // Nothing of a piece is read when something of it is wrong.
        next = (this.archive.pieceWith(stream, Math.max(next, error.index))?.last ?? index - 1) + 1;
      }
    }
    return next - passed;
  }

  private rowAt(position: number): CommitRow {
    return this.queries.get<CommitRow>(
      'SELECT stream, idx AS "index", hash, body FROM commits WHERE position = ?',
      position,
    ) as CommitRow;
  }

  async lag(from: Checkpoint | undefined): Promise<number> {
    return Number(await this.end()) - placeOf(from).position;
  }

  async *latest(count: number): AsyncGenerator<readonly Commit[]> {
    let from = String(Math.max(0, Number(await this.end()) - count));
    for (let end = false; !end;) {
      const page = await this.feed(from, LATEST_PAGE);
      yield page.commits;
      ({ checkpoint: from, end } = page);
    }
  }

  async end(): Promise<Checkpoint> {
    return String(
      this.queries.get<{ last: number }>('SELECT coalesce(max(position), 0) AS last FROM commits')?.last ?? 0,
    );
  }
}

function commitOf(row: CommitRow): Commit | AlteredReceipt {
  try {
    return unsealAt(row, row.body, row.hash);
  } catch (error) {
    if (error instanceof AlteredReceipt) return error;
    throw error;
  }
}

/**
 * The place of a checkpoint: the last position before it, and how many receipts out of the archive of those that come
 * next. Throws RangeError on what no `feed` has made: taken for a place, it would look like the end, and a reader would
 * wait for ever.
 */
function placeOf(checkpoint: Checkpoint | undefined): { readonly position: number; readonly archived: number } {
  if (checkpoint === undefined) return { position: 0, archived: 0 };
  const place = /^(0|[1-9]\d{0,14})(?:-([1-9]\d{0,14}))?$/.exec(checkpoint);
  if (place === null) throw new RangeError(`not a checkpoint of this store: ${checkpoint}`);
  return { position: Number(place[1]), archived: Number(place[2] ?? 0) };
}
