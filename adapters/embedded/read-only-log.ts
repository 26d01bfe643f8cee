/**
 * A log to be read and nothing else, as an `EventStore`: that of a data folder, which a host may go on writing, with
 * what was archived beside it; or an export, in a database that goes when it is closed.
 *
 * What it shares with the store of a host (`read`, `feed`, …) hands out nothing that was altered. Tools that check
 * receipts themselves take them as they stand: `receipts`, `receipt`, `members`, `lines`.
 */
import type { AppendResult, BlobArchive, EventStore } from '../../app/engine/ports';
import type { LogEvent } from '../../domain/audit/log';
import { checkedPage, LogReader, type Pages } from '../../domain/audit/log-pages';
import { commandOf, type Commit, unseal } from '../../domain/kernel/commit';
import { parseStream, placeIn } from '../../domain/kernel/ids';
import { unusable } from './database';
import { EVENT_SCHEMA } from './event-store';
import { openLog } from './log';
import { ENTRIES_TABLE } from './log-verification';
import { blobsIn } from './open';
import { type DatabaseSync, openDatabase, type SQLInputValue, type StatementSync } from './sqlite';
import { type Queries, SqliteLog } from './sqlite-log';

/** A line of an export: where the commit stands, the exact bytes that were hashed, and their hash. */
export interface LogLine {
  readonly stream: string;
  readonly index: number;
  readonly hash: string;
  /** The canonical form as it was stored. */
  readonly body: string;
}

/** A line of an export with entries of a signed log, `first` and those after it. */
export interface EntriesLine {
  /** What the log is called. */
  readonly log: string;
  readonly first: number;
  readonly entries: readonly string[];
}

type StoredLine = LogLine & { readonly position: number };

/** Lines that are read at once, so that a host that goes on writing can tidy up behind us. */
const PAGE = 500;
const LINE = 'position, stream, idx AS "index", hash, body';
/** Columns without types, and no index: what an export holds is taken in as it stands. */
const PASSING = 'CREATE TABLE commits (position INTEGER PRIMARY KEY, stream, idx, hash, body)';

export class ReadOnlyLog extends SqliteLog implements EventStore {
  private constructor(
    /** For what looks at the file itself. */
    readonly database: DatabaseSync,
    /** Where the log lies, with its archive and its payloads; undefined for an export. */
    readonly folder: string | undefined,
    /**
     * Whether somebody began to write a log that nobody wrote when it was opened. What was read since may be of two
     * times.
     */
    readonly wasDisturbed: () => boolean,
    readonly close: () => void,
  ) {
    super(queriesOf(database, folder), folder ?? '');
  }

  /**
   * Opens the log of a folder. What can't be read of it throws `DatabaseUnavailable` when it is read, which names the
   * file and says what to do.
   */
  static open(folder: string): ReadOnlyLog {
    const log = openLog(folder);
    return new ReadOnlyLog(
      log.database,
      folder,
      () => log.wasDisturbed(),
      () => log.close(),
    );
  }

  /** Takes in the lines of an export, in their order. */
  static async load(lines: AsyncIterable<LogLine | EntriesLine>): Promise<ReadOnlyLog> {
    // Without a name SQLite keeps it in memory, and in a file of its own when it grows.
    const database = openDatabase('');
    try {
      database.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; ${PASSING}; ${ENTRIES_TABLE}; BEGIN`);
      const insert = database.prepare('INSERT INTO commits (stream, idx, hash, body) VALUES (?, ?, ?, ?)');
      const insertEntry = entryInserter(database);
      for await (const line of lines) {
        if ('log' in line) insertEntry(line);
        else insert.run(line.stream, line.index, line.hash, line.body);
      }
      database.exec('COMMIT');
      // The tables beside the log are empty: an export has neither snapshots nor answers.
      for (const [sql] of EVENT_SCHEMA) if (sql.startsWith('CREATE TABLE')) database.exec(sql);
    } catch (error) {
      database.close();
      throw error;
    }
    return new ReadOnlyLog(
      database,
      undefined,
      () => false,
      () => database.close(),
    );
  }

  // --------------------------------------------------------------------------------------------------- event store

  async append(): Promise<AppendResult> {
    throw new Error('this log is open to be read: nothing can be appended to it');
  }

  /** Never rings: this process appends nothing. */
  onAppend(): () => void {
    return () => undefined;
  }

  /** An export has no table of answers: its receipts say it. */
  override async answered(stream: string, command: string, version: number): Promise<number | undefined> {
    if (this.folder !== undefined) return await super.answered(stream, command, version);
    return this.receipts(stream).findLast((commit) => commandOf(commit) === command)?.index;
  }

  // ------------------------------------------------------------------------------------------------ the signed log

  /**
   * The entries of the signed logs of a tenant, or of all, as far as their newest checkpoints reach; none for an
   * export, which holds them itself. Throws `AlteredPayload` when a page of them is not what it was.
   */
  async *entries(tenant?: string): AsyncGenerator<EntriesLine> {
    const { folder } = this;
    if (folder === undefined) return;
    const blobs = blobsIn(folder);
    const newest = this.queries.all<LogLine>(
      `SELECT ${LINE} FROM (SELECT *, row_number() OVER (PARTITION BY stream ORDER BY idx DESC) AS nth FROM commits
         WHERE stream GLOB '*/log/checkpoints') WHERE nth = 1 AND stream >= ? AND stream < ? ORDER BY stream`,
      ...(tenant === undefined ? ['', '\uffff'] : namesOf(tenant)),
    );
    for (const line of newest) {
      const { events } = asItStands(line);
      const { data } = (events as readonly LogEvent[]).at(-1) as LogEvent;
      const owner = parseStream(line.stream).tenant;
      const reader = new LogReader(pagesIn(blobs, owner), data);
      for await (const page of reader.all()) yield { log: data.origin, ...page };
    }
  }

  /** Makes the entries ready to be verified. Throws `AlteredPayload`. */
  async takeEntries(): Promise<void> {
    if (this.folder === undefined) return;
    this.database.exec(ENTRIES_TABLE);
    const insert = entryInserter(this.database);
    for await (const line of this.entries()) insert(line);
  }

  // ------------------------------------------------------------------------------------------- as the bytes stand

  /** Whether it holds any receipt. */
  get isEmpty(): boolean {
    return this.queries.get('SELECT 1 FROM commits LIMIT 1') === undefined;
  }

  /** The receipts of one stream, in order of their indexes. Throws `AlteredReceipt` when its archive can't be read. */
  receipts(stream: string): Commit[] {
    const archived = this.archive.pieces(stream, stream).flatMap((piece) => this.archive.lines(piece));
    const kept = this.queries.all<LogLine>(`SELECT ${LINE} FROM commits WHERE stream = ?`, stream);
    return [...archived, ...kept].map(asItStands).sort((a, b) => a.index - b.index);
  }

  /** A receipt of the tenant by its reference, `stream@index`; undefined when there is none. */
  receipt(tenant: string, ref: string): Commit | undefined {
    const place = placeIn(tenant, ref);
    if (place === undefined) return undefined;
    const { stream, index } = place;
    const row = this.queries.get<LogLine>(`SELECT ${LINE} FROM commits WHERE stream = ? AND idx = ?`, stream, index);
    return row === undefined ? this.archive.commits(stream, index, 1)[0] : asItStands(row);
  }

  /**
   * The receipts of a tenant that belong to a correlation. No index says which those are: this reads the whole log, and
   * the tenant's archive.
   */
  *members(tenant: string, correlation: string): Generator<Commit> {
    const member = `"correlationId":${JSON.stringify(correlation)}`;
    const [from, to] = namesOf(tenant);
    const kept = `SELECT ${LINE} FROM commits WHERE stream >= ? AND stream < ? AND instr(body, ?) > 0 ORDER BY position`;
    for (const line of this.each(kept, from, to, member)) yield* belonging(line, correlation);
    for (const piece of this.archive.pieces(from, to))
      for (const line of this.archive.lines(piece)) if (line.body.includes(member)) yield* belonging(line, correlation);
  }

  private *each(sql: string, ...parameters: SQLInputValue[]): Generator<LogLine> {
    const rows = named(this.folder, () => this.database.prepare(sql).iterate(...parameters));
    for (;;) {
      const { done, value } = named(this.folder, () => rows.next());
      if (done === true) return;
      yield value as unknown as LogLine;
    }
  }

  /** How many places the log has, empty ones too. */
  get places(): number {
    return this.queries.get<{ end: number }>('SELECT coalesce(max(position), 0) AS "end" FROM commits')?.end ?? 0;
  }

  /**
   * The bytes as they are stored now, in the order of the log, of one tenant or of all; what was archived of a stream
   * right before its next receipt. Throws `AlteredReceipt` when the archive can't be read.
   */
  *lines(tenant?: string): Generator<LogLine> {
    const range = tenant === undefined ? ['', '\uffff'] : namesOf(tenant);
    const end = this.places;
    for (let after = 0; ;) {
      const rows = this.queries.all<StoredLine>(
        `SELECT ${LINE} FROM commits NOT INDEXED WHERE position > ? AND position <= ? AND stream >= ? AND stream < ? ORDER BY position LIMIT ?`,
        after,
        end,
        ...range,
        PAGE,
      );
      for (const row of rows) {
        for (const piece of this.archive.piecesBefore(row)) yield* this.archive.lines(piece).map(withoutPlace);
        yield withoutPlace(row);
        after = row.position;
      }
      if (rows.length < PAGE) return;
    }
  }
}

function entryInserter(database: DatabaseSync): (line: EntriesLine) => void {
  const insert = database.prepare('INSERT INTO temp.log_entries VALUES (?, ?, ?)');
  return ({ log, first, entries }) => entries.forEach((entry, i) => insert.run(log, first + i, entry));
}

/** The pages of a tenant's log among the payloads of a folder, to be read. */
function pagesIn(blobs: BlobArchive, tenant: string): Pick<Pages, 'get'> {
  return { get: async (reference) => checkedPage(tenant, reference, await blobs.get(tenant, reference)) };
}

function asItStands({ body, hash }: LogLine): Commit {
  return unseal(body, hash);
}

function withoutPlace({ stream, index, hash, body }: StoredLine): LogLine {
  return { stream, index, hash, body };
}

function* belonging(line: LogLine, correlation: string): Generator<Commit> {
  const commit = asItStands(line);
  if (commit.meta.correlationId === correlation) yield commit;
}

/** The names of a tenant's streams lie between these: the character after the slash ends them. */
function namesOf(tenant: string): [from: string, to: string] {
  return [`${tenant}/`, `${tenant}0`];
}

function queriesOf(database: DatabaseSync, folder: string | undefined): Queries {
  const prepared = new Map<string, StatementSync>();
  const statement = (sql: string): StatementSync => {
    let known = prepared.get(sql);
    if (known === undefined) prepared.set(sql, (known = database.prepare(sql)));
    return known;
  };
  return {
    all: <T>(sql: string, ...parameters: SQLInputValue[]) =>
      named(folder, () => statement(sql).all(...parameters) as T[]),
    get: <T>(sql: string, ...parameters: SQLInputValue[]) =>
      named(folder, () => statement(sql).get(...parameters) as T | undefined),
  };
}

/** SQLite's words for what is wrong say neither in which file, nor what to do. */
function named<T>(folder: string | undefined, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw folder === undefined ? error : unusable(folder, error);
  }
}
