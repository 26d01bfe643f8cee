/** The event store on SQLite: one row per commit, its canonical bytes and their hash, in one global order. */
import type { Append, AppendResult, Checkpoint, EventStore, FeedPage, Head, Snapshot } from '../../app/engine/ports';
import { AlteredReceipt, checkAppend, commandOf, type Commit, unsealAt } from '../../domain/kernel/commit';
import { Recent } from '../../domain/kernel/recent';
import { Archive, ARCHIVE_SCHEMA } from './archive';
import type { Database } from './database';
import { MarkWriter, newestOf } from './mark';
import type { Statement } from './writer';

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

/**
 * How many commits of its own a process remembers, and how large they may be: together some hundred megabytes at most.
 */
const RECENT = 20_000;
const RECENT_BYTES = 8 * 1024;

export const EVENT_SCHEMA: readonly Statement[] = [
  [
    `CREATE TABLE IF NOT EXISTS commits (
       position INTEGER PRIMARY KEY, stream TEXT NOT NULL, idx INTEGER NOT NULL, hash TEXT NOT NULL, body TEXT NOT NULL)`,
    [],
  ],
  ['CREATE UNIQUE INDEX IF NOT EXISTS commits_by_stream ON commits (stream, idx)', []],
  // Which commit answers a command that came with a key: written with that commit.
  [
    'CREATE TABLE IF NOT EXISTS answers (stream TEXT NOT NULL, command TEXT NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (stream, command)) WITHOUT ROWID',
    [],
  ],
  [
    'CREATE TABLE IF NOT EXISTS snapshots (stream TEXT PRIMARY KEY, version INTEGER NOT NULL, idx INTEGER NOT NULL, state TEXT NOT NULL) WITHOUT ROWID',
    [],
  ],
  // The snapshots before the last one: from them a state of long ago is folded.
  [
    'CREATE TABLE IF NOT EXISTS past_snapshots (stream TEXT NOT NULL, idx INTEGER NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (stream, idx)) WITHOUT ROWID',
    [],
  ],
  ...ARCHIVE_SCHEMA,
];

const FEED = 'SELECT position, hash FROM commits WHERE position > ? ORDER BY position LIMIT ?';
const FEED_WITH_ARCHIVE = `SELECT position, stream, idx AS "index", hash, EXISTS (SELECT 1 FROM archived a WHERE a.stream = c.stream AND a.last = c.idx - 1) AS after_archived
  FROM commits c WHERE position > ? ORDER BY position LIMIT ?`;

export class SqliteEventStore implements EventStore {
  private readonly listeners = new Set<() => void>();
  /**
   * What this process has appended lately, by hash: the feed need not parse it again. Known before it is written, since
   * a reader may see it before the writer's answer comes; what was not written is never asked for.
   */
  private readonly recent = new Recent<string, Commit>(RECENT);

  /** Appends whose answer has not come. */
  private underWay = 0;
  private readonly archive: Archive;

  private constructor(
    private readonly database: Database,
    private readonly mark: MarkWriter,
  ) {
    this.archive = new Archive(database.folder, (sql, ...parameters) => database.all(sql, ...parameters));
    database.onDurable = () => {
      if (this.underWay === 0) return;
      try {
        this.writeMark();
      } catch {
        // An older mark is true as well, and what was written is durable.
      }
    };
    database.onClose = () => mark.close();
  }

  static async open(database: Database): Promise<SqliteEventStore> {
    await database.write({ statements: EVENT_SCHEMA });
    const store = new SqliteEventStore(database, new MarkWriter(database.folder));
    store.writeMark();
    return store;
  }

  private writeMark(): void {
    const newest = newestOf((sql) => this.database.get(sql));
    if (newest !== undefined) this.mark.write(newest);
  }

  async append({ stream, expected, commits, snapshot }: Append): Promise<AppendResult> {
    checkAppend(stream, expected, commits);
    const statements: Statement[] = commits.map(({ commit, body }) => [
      'INSERT INTO commits (stream, idx, hash, body) VALUES (?, ?, ?, ?)',
      [stream, commit.index, commit.hash, body],
    ]);
    for (const { commit } of commits) {
      const command = commandOf(commit);
      if (command !== undefined)
        statements.push([
          'INSERT OR REPLACE INTO answers (stream, command, idx) VALUES (?, ?, ?)',
          [stream, command, commit.index],
        ]);
    }
    if (snapshot !== undefined) {
      statements.push([
        'INSERT OR REPLACE INTO past_snapshots (stream, idx, version, state) SELECT stream, idx, version, state FROM snapshots WHERE stream = ?',
        [stream],
      ]);
      statements.push([
        'INSERT OR REPLACE INTO snapshots (stream, version, idx, state) VALUES (?, ?, ?, ?)',
        [stream, snapshot.version, snapshot.index, JSON.stringify(snapshot.state)],
      ]);
    }
    for (const { commit, body } of commits) if (body.length <= RECENT_BYTES) this.recent.set(commit.hash, commit);
    this.underWay += 1;
    const result = await this.database
      .write({
        // A stream whose receipts are all archived is none that is new: its last one is missing.
        guard: {
          query: [
            'SELECT coalesce((SELECT max(idx) FROM commits WHERE stream = ?1), (SELECT max(last) FROM archived WHERE stream = ?1), -1)',
            [stream],
          ],
          expected,
        },
        statements,
      })
      .finally(() => (this.underWay -= 1));
    if (result.kind === 'guarded') return { kind: 'conflict', head: Number(result.value) };
    for (const listener of this.listeners) listener();
    return { kind: 'written' };
  }

  async head(stream: string): Promise<Head | undefined> {
    const head = this.database.get<Head>(
      'SELECT idx AS "index", hash FROM commits WHERE stream = ? ORDER BY idx DESC LIMIT 1',
      stream,
    );
    if (head === undefined) this.archive.checkEnd(stream);
    return head;
  }

  async snapshot(stream: string, upTo = Number.MAX_SAFE_INTEGER): Promise<Snapshot | undefined> {
    const row =
      this.database.get<SnapshotRow>(
        'SELECT version, idx, state FROM snapshots WHERE stream = ? AND idx <= ?',
        stream,
        upTo,
      ) ??
      this.database.get<SnapshotRow>(
        'SELECT version, idx, state FROM past_snapshots WHERE stream = ? AND idx <= ? ORDER BY idx DESC LIMIT 1',
        stream,
        upTo,
      );
    return row === undefined
      ? undefined
      : { version: row.version, index: row.idx, state: JSON.parse(row.state) as unknown };
  }

  async answered(stream: string, command: string): Promise<number | undefined> {
    return this.database.get<{ idx: number }>(
      'SELECT idx FROM answers WHERE stream = ? AND command = ?',
      stream,
      command,
    )?.idx;
  }

  async read(stream: string, from: number, limit: number): Promise<readonly Commit[]> {
    const commits: Commit[] = [];
    for (let next = from; commits.length < limit;) {
      const archived = this.archive.commits(stream, next, limit - commits.length);
      commits.push(...archived);
      next += archived.length;
      if (commits.length === limit) break;
      const rows = this.rows(stream, next, limit - commits.length);
      if (rows.length === 0) this.archive.checkEnd(stream, next);
      // A stream that came alive again, and ended again, is archived in between too.
      const gap = this.archive.isUsed ? rows.findIndex(({ index }, i) => index !== next + i) : -1;
      const before = gap < 1 ? rows : rows.slice(0, gap);
      commits.push(...before.map((row) => unsealAt(row, row.body, row.hash)));
      if (gap < 1) break;
      next += gap;
    }
    return commits;
  }

  private rows(stream: string, from: number, limit: number): CommitRow[] {
    return this.database.all<CommitRow>(
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
    const rows = this.database.all<FeedRow>(this.archive.isUsed ? FEED_WITH_ARCHIVE : FEED, start.position, limit);
    if (rows.length === 0 && start.position > Number(await this.end()))
      throw new RangeError(`not a checkpoint of this store: ${from} lies beyond its end`);
    const found: (Commit | AlteredReceipt)[] = [];
    let { position, archived: passed } = start;
    let full = false;
    for (const row of rows) {
      if (row.after_archived === 1)
        passed += this.archivedBefore(row as Required<FeedRow>, passed, limit - found.length, found);
      full = found.length >= limit;
      if (full) break;
      found.push(this.recent.peek(row.hash) ?? this.commitAt(row.position));
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
    const { first } = this.database.get<{ first: number }>(
      'SELECT coalesce(max(idx), -1) + 1 AS first FROM commits WHERE stream = ? AND idx < ?',
      stream,
      index,
    ) as { first: number };
    let next = first + passed;
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
    return next - first - passed;
  }

  private commitAt(position: number): Commit | AlteredReceipt {
    const row = this.database.get<CommitRow>(
      'SELECT stream, idx AS "index", hash, body FROM commits WHERE position = ?',
      position,
    ) as CommitRow;
    try {
      return unsealAt(row, row.body, row.hash);
    } catch (error) {
      if (error instanceof AlteredReceipt) return error;
      throw error;
    }
  }

  async lag(from: Checkpoint | undefined): Promise<number> {
    return Number(await this.end()) - placeOf(from).position;
  }

  async end(): Promise<Checkpoint> {
    return String(
      this.database.get<{ last: number }>('SELECT coalesce(max(position), 0) AS last FROM commits')?.last ?? 0,
    );
  }

  onAppend(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
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
