/**
 * Walks every chain of a log without a host and names what was tampered with. It trusts the hashes alone: neither the
 * file's indexes nor what its other columns say. Files of the archive are read as well, and held against their markers.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LogFault } from '../../domain/audit/log-verifier';
import { plansOf } from '../../domain/jobs/payloads';
import { AlteredReceipt, ChainVerifier, type Commit } from '../../domain/kernel/commit';
import { parseStream } from '../../domain/kernel/ids';
import { payloadsOf } from '../../domain/market/payloads';
import { Archive, ARCHIVE_FOLDER, type ArchivedLine, type ArchivedPiece, fileProblem } from './archive';
import { OTHER_DATABASES } from './backup';
import { DATABASE_FILE, isDamage, NO_LOG } from './database';
import { isHeld } from './folder';
import { openLog } from './log';
import { type LogAudit, LogWalk, type Pinned } from './log-verification';
import { lostTail, readMark } from './mark';
import { blobsIn } from './open';
import type { ReadOnlyLog } from './read-only-log';
import type { FileBlobArchive } from './small-stores';
import type { DatabaseSync, StatementSync } from './sqlite';

/** One thing that is wrong, in words that name the commit. */
export interface Fault {
  /** `stream@index`; undefined when no single commit is meant. */
  readonly commit: string | undefined;
  readonly kind: string;
  readonly message: string;
}

export interface Audit {
  readonly streams: number;
  readonly commits: number;
  readonly faults: number;
  /** Payloads outside the receipts that were looked at; undefined for an export, which has none beside it. */
  readonly blobs: number | undefined;
  /** The first of them. */
  readonly named: readonly Fault[];
  /** Where a key was given: what was found of the signed log. */
  readonly log?: LogAudit;
}

/** Faults that are kept with their words; the rest is counted. */
const MOST_NAMED = 1_000;
const PROGRESS_EVERY = 2_000;

/** What hashes alone can't show; said with every result without a key. */
export const NOT_SHOWN = [
  'a whole stream, or the newest commits of a stream, that were cut off together with every trace of them',
  'commits that were all written anew, from some point to the end of their stream, with hashes that fit',
];

/** What a signed log can't show. */
export const NOT_SHOWN_SIGNED = [
  'receipts that are newer than the newest checkpoint, and what was done to them',
  'receipts of other tenants: each has a log and a key of its own',
  'a log that was taken back as a whole to an older checkpoint, or written anew by whoever holds its key: only a checkpoint that was kept elsewhere shows it',
];

/**
 * Walks the log without holding on to one state of it for long: a host that writes it meanwhile can tidy up behind us.
 * Where the log lies in a folder, its blobs, its archive and its high-water mark are looked at as well.
 * @param onProgress hears how many commits were checked, and how many there are
 * @param call how the command line is called, in what it advises
 * @param pinned with which the signed log is verified too; its entries stand in `temp.log_entries`
 */
export function audit(
  { database, folder }: Pick<ReadOnlyLog, 'database' | 'folder'>,
  onProgress: (done: number, total: number) => void = () => undefined,
  call = 'npx formicary',
  pinned?: Pinned,
): Audit {
  const named: Fault[] = [];
  let faults = 0;
  let streams = 0;
  let commits = 0;
  let log: LogAudit | undefined;
  const blobs = folder === undefined ? undefined : new BlobWalk(folder);
  const add = (found: readonly Fault[]) => {
    faults += found.length;
    named.push(...found.slice(0, MOST_NAMED - named.length));
  };
  const payloads = (stream: string, index: number, content: Content) => blobs?.next(stream, index, content) ?? [];
  const logged = (found: readonly LogFault[]) =>
    found.map(({ kind, message }): Fault => ({ commit: undefined, kind, message }));
  try {
    // What is on record now; what comes while we read is for the next time.
    const mark = folder === undefined ? undefined : readMark(folder);
    const lost = mark === undefined ? undefined : lostTail(mark, database);
    if (lost !== undefined) add([{ commit: undefined, kind: 'missing', message: lost }]);
    if (database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'commits'").get() === undefined) {
      add([
        {
          commit: undefined,
          kind: 'missing',
          message: `the file holds no log: ${NO_LOG}`,
        },
      ]);
      return { streams, commits, faults, blobs: blobs?.checked, named };
    }
    const archive = folder === undefined ? undefined : new ArchiveWalk(Archive.of(folder, database), folder, database);
    if (archive !== undefined) add(archive.files());
    const logWalk = pinned === undefined ? undefined : new LogWalk(database, pinned);
    const check = (stream: string, index: number, content: Content) => {
      add(payloads(stream, index, content));
      if (logWalk !== undefined) add(logged(logWalk.next(stream, index, content)));
    };
    database.exec(
      'CREATE TEMP TABLE walk AS SELECT position, stream, idx FROM main.commits NOT INDEXED ORDER BY stream, idx, position',
    );
    const total = (database.prepare('SELECT count(*) AS n FROM temp.walk').get() as { n: number }).n;
    const byPlace = database.prepare('SELECT hash, body FROM main.commits NOT INDEXED WHERE position = ?');
    let walk: StreamWalk | undefined;
    for (const row of database.prepare('SELECT position, stream, idx FROM temp.walk ORDER BY rowid').iterate()) {
      const { position, stream, idx } = row as unknown as Key;
      if (walk?.stream !== stream) {
        walk = new StreamWalk(stream);
        streams += 1;
      }
      for (const line of archive?.before(stream, idx) ?? []) {
        if (line instanceof AlteredReceipt) {
          add([unreadable(line)]);
          continue;
        }
        add(walk.next(line.position, line.index, line));
        check(stream, line.index, line);
        commits += 1;
      }
      const content = byPlace.get(position) as unknown as Content;
      add(walk.next(position, idx, content));
      check(stream, idx, content);
      commits += 1;
      if (commits % PROGRESS_EVERY === 0) onProgress(commits, total);
    }
    onProgress(total, total);
    if (archive !== undefined) add(archive.left(payloads));
    if (logWalk !== undefined) {
      const found = logWalk.finish();
      add(logged(found.faults));
      log = found.log;
    }
    add(traces(database, archive));
    // While a host writes, a look at all pages would keep it from tidying up, and it finds what is damaged by itself.
    if (folder !== undefined && !isHeld(folder))
      add([
        ...damagedPages(database, DATABASE_FILE),
        ...OTHER_DATABASES.flatMap((name) => damagedCompanion(folder, name)),
      ]);
  } catch (error) {
    // Pages that can't be read are a finding too; anything else is a defect.
    if (!isDamage(error)) throw error;
    add([
      {
        commit: undefined,
        kind: 'unreadable',
        message: `the file is damaged: ${(error as Error).message}; \`${call} export FILE --salvage\` saves what can be read`,
      },
    ]);
  }
  return { streams, commits, faults, blobs: blobs?.checked, named, ...(log === undefined ? {} : { log }) };
}

const MOST_PAGES = 5;

/** Pages that SQLite can't make sense of, of indexes and other tables too: the chains don't show those. */
function damagedPages(database: DatabaseSync, file: string): Fault[] {
  const found = database.prepare(`PRAGMA quick_check(${MOST_PAGES})`).all() as { quick_check: string }[];
  return found
    .filter(({ quick_check }) => quick_check !== 'ok')
    .map(({ quick_check }) => damage(file, quick_check.replaceAll('\n', ' ')));
}

/** The same of a database beside the log. */
function damagedCompanion(folder: string, name: string): Fault[] {
  if (!existsSync(join(folder, name))) return [];
  try {
    const companion = openLog(folder, name);
    try {
      return damagedPages(companion.database, name);
    } finally {
      companion.close();
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    return [damage(name, (error as Error).message)];
  }
}

function damage(file: string, what: string): Fault {
  return { commit: undefined, kind: 'unreadable', message: `${file} is damaged: ${what}` };
}

/** Looks for the payloads that receipts name, each once. */
class BlobWalk {
  private readonly archive;
  private readonly known = new Map<string, ReturnType<FileBlobArchive['check']>>();

  constructor(folder: string) {
    this.archive = blobsIn(folder);
  }

  get checked(): number {
    return this.known.size;
  }

  next(stream: string, index: number, { body }: Content): Fault[] {
    // Most receipts name none: they need not be parsed.
    if (typeof body !== 'string' || !body.includes('_ref":"sha256:')) return [];
    const commit = `${stream}@${index}`;
    return referencesIn(body).flatMap((reference) => {
      const { tenant } = parseStream(stream);
      const found = this.known.get(`${tenant} ${reference}`) ?? this.archive.check(tenant, reference);
      this.known.set(`${tenant} ${reference}`, found);
      if (found === 'kept') return [];
      const what = found === 'missing' ? 'is not there' : 'holds other bytes than those';
      return [
        {
          commit,
          kind: found,
          message: `${commit}: the payload ${reference} that it names ${what} (${tenant} in blobs/)`,
        },
      ];
    });
  }
}

function referencesIn(body: string): string[] {
  try {
    const { events } = JSON.parse(body) as Commit;
    return [...payloadsOf(events), ...plansOf(events)];
  } catch {
    // A receipt that is none: its chain says so.
    return [];
  }
}

/**
 * The archive beside a log, walked along with it; the places in the log that its receipts had are kept in
 * `temp.archived_places`.
 */
class ArchiveWalk {
  /** By stream, those that were not read yet. */
  private readonly pieces: ReadonlyMap<string, ArchivedPiece[]>;
  private readonly missing = new Set<string>();
  private readonly place: StatementSync;
  /** Receipts that could not be read: so many places of the log are empty, and nobody can say which. */
  unread = 0;

  constructor(
    private readonly archive: Archive,
    private readonly folder: string,
    database: DatabaseSync,
  ) {
    database.exec('CREATE TEMP TABLE archived_places (position INTEGER)');
    this.place = database.prepare('INSERT INTO temp.archived_places VALUES (?)');
    this.pieces = Map.groupBy(archive.pieces(), ({ stream }) => stream);
  }

  /** Each file that is not as it was, by its name. */
  files(): Fault[] {
    return this.archive.files().flatMap((file): Fault[] => {
      const kind = fileProblem(this.folder, file);
      if (kind === undefined) return [];
      if (kind === 'missing') this.missing.add(file.file);
      const streams = [...this.pieces.values()].filter((pieces) =>
        pieces.some((piece) => piece.file === file.file),
      ).length;
      const what = kind === 'missing' ? 'is not there' : 'holds other bytes than were written';
      return [
        {
          commit: undefined,
          kind,
          message: `${ARCHIVE_FOLDER}/${file.file} ${what}; streams that were archived to it: ${streams}. Put it back as it was, from a backup`,
        },
      ];
    });
  }

  /** What was archived of a stream before its receipt `index`, in order; where that can't be read, why. */
  *before(stream: string, index: number): Generator<ArchivedLine | AlteredReceipt> {
    const pieces = this.pieces.get(stream) ?? [];
    for (let [piece] = pieces; piece !== undefined && piece.last < index; [piece] = pieces) {
      pieces.shift();
      yield* this.linesOf(piece);
    }
  }

  /**
   * Streams of which nothing follows on what was archived, with what is wrong in their files.
   * @param payloads looks for what a receipt names
   */
  left(payloads: (stream: string, index: number, line: ArchivedLine) => Fault[]): Fault[] {
    return [...this.pieces.values()].flatMap((pieces): Fault[] => {
      const last = pieces.at(-1);
      if (last === undefined) return [];
      const walk = new StreamWalk(last.stream);
      const faults = pieces
        .flatMap((piece) => [...this.linesOf(piece)])
        .flatMap((line) =>
          line instanceof AlteredReceipt
            ? [unreadable(line)]
            : [...walk.next(line.position, line.index, line), ...payloads(last.stream, line.index, line)],
        );
      const commit = `${last.stream}@${last.last + 1}`;
      return [
        ...faults,
        {
          commit,
          kind: 'missing',
          message: `${commit}: it stayed in the database when those before it were archived, and is not there`,
        },
      ];
    });
  }

  private *linesOf(piece: ArchivedPiece): Generator<ArchivedLine | AlteredReceipt> {
    let lines: readonly ArchivedLine[];
    try {
      lines = this.archive.lines(piece);
    } catch (error) {
      if (!(error instanceof AlteredReceipt)) throw error;
      this.unread += piece.last - piece.first + 1;
      // That its file is missing was said.
      if (!this.missing.has(piece.file)) yield error;
      return;
    }
    for (const line of lines) {
      this.place.run(line.position);
      yield line;
    }
  }
}

function unreadable({ ref, message }: AlteredReceipt): Fault {
  return { commit: ref, kind: 'unreadable', message };
}

interface Key {
  readonly position: number;
  readonly stream: string;
  readonly idx: number;
}

interface Content {
  readonly hash: string;
  readonly body: string;
}

/** The chain of one stream, and where its commits stand in the log. */
class StreamWalk {
  private readonly verifier: ChainVerifier;
  private last: { index: number; position: number } | undefined;

  constructor(readonly stream: string) {
    this.verifier = new ChainVerifier(stream);
  }

  next(position: number, index: number, { hash, body }: Content): Fault[] {
    const commit = `${this.stream}@${index}`;
    if (typeof body !== 'string' || typeof hash !== 'string')
      return [{ commit, kind: 'unreadable', message: `${commit}: what stands there is no text` }];
    if (index === this.last?.index)
      return [
        { commit, kind: 'inserted', message: `${commit}: stands there a second time, at place ${position} of the log` },
      ];
    const faults: Fault[] = this.verifier
      .next({ index, body, hash })
      .map(({ kind, message }) => ({ commit, kind, message }));
    if (this.last !== undefined && position < this.last.position) {
      faults.push({
        commit,
        kind: 'reordered',
        message: `${commit}: stands in the log before ${this.stream}@${this.last.index}, which it follows: the order was changed`,
      });
    }
    this.last = { index, position };
    return faults;
  }
}

/** What a cut leaves behind in a database: empty places in the log, and notes of commits that are no more. */
function traces(database: DatabaseSync, archive: ArchiveWalk | undefined): Fault[] {
  const faults: Fault[] = [];
  const gaps = database.prepare(
    `SELECT before + 1 AS "first", position - 1 AS "last" FROM (SELECT position, lag(position, 1, 0) OVER (ORDER BY position) AS before FROM
       (SELECT position FROM commits NOT INDEXED ${archive === undefined ? '' : 'UNION ALL SELECT position FROM temp.archived_places'})) WHERE position > before + 1`,
  );
  const empty = gaps.all() as unknown as { first: number; last: number }[];
  const places = empty.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  for (const { first, last } of places > (archive?.unread ?? 0) ? empty : []) {
    const where =
      first === last
        ? `place ${first} of the log is empty: a commit`
        : `places ${first} to ${last} of the log are empty: ${last - first + 1} commits`;
    faults.push({ commit: undefined, kind: 'missing', message: `${where} stood there` });
  }
  if (has(database, 'snapshots')) {
    const cut = database.prepare(
      'SELECT s.stream, s.idx AS seen, coalesce((SELECT max(c.idx) FROM commits c WHERE c.stream = s.stream), -1) AS "end" FROM snapshots s WHERE seen > "end"',
    );
    for (const { stream, seen, end } of cut.all() as unknown as { stream: string; seen: number; end: number }[]) {
      faults.push({
        commit: `${stream}@${end + 1}`,
        kind: 'missing',
        message: `${stream}@${end + 1}: a snapshot was made after commit ${seen}, yet the stream ends before: its newest commits were cut off`,
      });
    }
  }
  if (has(database, 'checkpoints')) {
    // Others keep times there.
    const seen = (
      database
        .prepare(
          "SELECT coalesce(max(CAST(value AS INTEGER)), 0) AS seen FROM checkpoints WHERE value NOT GLOB '*[^0-9]*'",
        )
        .get() as { seen: number }
    ).seen;
    // Read later, so that a host that goes on writing is not taken for one that has read what isn't there.
    const end = (database.prepare('SELECT coalesce(max(position), 0) AS "end" FROM commits').get() as { end: number })
      .end;
    if (seen > end)
      faults.push({
        commit: undefined,
        kind: 'missing',
        message: `the log was read up to place ${seen}, yet it ends at ${end}: its newest commits were cut off`,
      });
  }
  faults.push(...indexFaults(database));
  return faults;
}

/** A host reads through the index: rows that it does not hold would be there and never be seen. */
function indexFaults(database: DatabaseSync): Fault[] {
  const rows = database.prepare('PRAGMA integrity_check(commits)').all() as { integrity_check: string }[];
  return rows
    .filter(({ integrity_check }) => integrity_check !== 'ok')
    .map(({ integrity_check }) => ({
      commit: undefined,
      kind: 'unreadable',
      message: `the table and its index disagree: ${integrity_check}`,
    }));
}

function has(database: DatabaseSync, table: string): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(table) !== undefined;
}
