/**
 * The archive of a data folder: receipts of streams that ended long ago, in files beside the database.
 *
 * A file is an export, compressed: a gzip member for each piece of a stream, at most `PIECE` receipts long, one
 * after the other. So `gunzip` and `formicary verify --export` read the whole of it, and a host reads one piece.
 *
 * In the database there stay: the last receipt of each stream, as it was (where the stream ends, and the end of the
 * log, never change), and a marker for each piece: what is in it, its last hash, where it lies, and the hash of its
 * bytes.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { AlteredReceipt, checkChained, type Commit, unsealAt } from '../../domain/kernel/commit';
import type { Database } from './database';
import { PRIVATE_FILE, PRIVATE_FOLDER } from './folder';
import type { DatabaseSync, SQLInputValue } from './sqlite';
import type { Statement } from './writer';

export const ARCHIVE_FOLDER = 'archive';
const FILE_NAME = /^\d{4}-\d\d-\d\d-\d+\.jsonl\.gz$/;
/** What is being written, or was when its writer died. */
const PARTIAL = '.partial';
/** Receipts in one piece: what a host reads to see one of them. */
const PIECE = 500;
/** About how large it is at most, unpacked. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** A file takes no further stream beyond this; it is what one transaction removes. */
const FILE_BYTES = 64 * 1024 * 1024;

export const ARCHIVE_SCHEMA: readonly Statement[] = [
  [
    'CREATE TABLE IF NOT EXISTS archives (file TEXT PRIMARY KEY, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL) WITHOUT ROWID',
    [],
  ],
  [
    `CREATE TABLE IF NOT EXISTS archived (stream TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, hash TEXT NOT NULL,
       file TEXT NOT NULL, at INTEGER NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY (stream, first)) WITHOUT ROWID`,
    [],
  ],
];

/** The marker of a piece. */
export interface ArchivedPiece {
  readonly stream: string;
  /** Indexes of its first and its last receipt. */
  readonly first: number;
  readonly last: number;
  /** Of its last receipt. */
  readonly hash: string;
  readonly file: string;
  /** Where it begins in the file, and how long it is. */
  readonly at: number;
  readonly bytes: number;
  readonly sha256: string;
}

export interface ArchivedFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** A line of a file: that of an export, and where the receipt stood in the log. */
export interface ArchivedLine {
  readonly position: number;
  readonly stream: string;
  readonly index: number;
  readonly hash: string;
  readonly body: string;
}

type Query = (sql: string, ...parameters: SQLInputValue[]) => unknown[];

// ------------------------------------------------------------------------------------------------------------ reading

/** What a folder's archive holds, by the markers in its database. */
export class Archive {
  /**
   * Whether anything was ever archived. It is so, or not, for as long as the database is open: only a stopped host's is
   * archived.
   */
  readonly isUsed: boolean;
  /** The piece that was read last: a page after the other is read from it. */
  private last: { readonly piece: ArchivedPiece; readonly lines: readonly ArchivedLine[] } | undefined;

  constructor(
    private readonly folder: string,
    private readonly query: Query,
  ) {
    const there = query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'archived'").length > 0;
    this.isUsed = there && query('SELECT 1 FROM archived LIMIT 1').length > 0;
  }

  /** Of a database that is open, of a host or not. */
  static of(folder: string, database: DatabaseSync): Archive {
    return new Archive(folder, (sql, ...parameters) => database.prepare(sql).all(...parameters));
  }

  /** The piece that holds a receipt; undefined when it is not archived. */
  pieceWith(stream: string, index: number): ArchivedPiece | undefined {
    if (!this.isUsed) return undefined;
    return this.query(
      'SELECT * FROM archived WHERE stream = ? AND first <= ? AND last >= ? ORDER BY first DESC LIMIT 1',
      stream,
      index,
      index,
    )[0] as ArchivedPiece | undefined;
  }

  /** The pieces that come right before a receipt of their stream, in order. */
  piecesBefore({ stream, index }: { readonly stream: string; readonly index: number }): ArchivedPiece[] {
    const pieces: ArchivedPiece[] = [];
    for (let next = index - 1; ;) {
      const piece = this.pieceWith(stream, next);
      if (piece === undefined) return pieces;
      pieces.unshift(piece);
      next = piece.first - 1;
    }
  }

  /** The pieces of the streams from one name to another, in order. */
  pieces(from = '', to = '\uffff'): ArchivedPiece[] {
    return this.isUsed
      ? (this.query(
          'SELECT * FROM archived WHERE stream >= ? AND stream <= ? ORDER BY stream, first',
          from,
          to,
        ) as ArchivedPiece[])
      : [];
  }

  files(): ArchivedFile[] {
    return this.isUsed ? (this.query('SELECT file, bytes, sha256 FROM archives ORDER BY file') as ArchivedFile[]) : [];
  }

  /**
   * Throws `AlteredReceipt` when the archive holds a stream from its beginning, or up to right before `next`, and the
   * database nothing after that: the last receipt of a stream always stays there.
   */
  checkEnd(stream: string, next?: number): void {
    if (!this.isUsed || next === 0) return;
    const { last } = this.query('SELECT max(last) AS last FROM archived WHERE stream = ?', stream)[0] as {
      last: number | null;
    };
    if (last !== null && (next === undefined || next === last + 1))
      throw new AlteredReceipt(
        stream,
        last + 1,
        'is missing: it stayed in the database when those before it were archived',
      );
  }

  /** The lines of a piece. Throws `AlteredReceipt`, which names the file, when they are not what the marker says. */
  lines(piece: ArchivedPiece): readonly ArchivedLine[] {
    if (this.last?.piece.sha256 === piece.sha256) return this.last.lines;
    const lines = readPiece(this.folder, piece);
    this.last = { piece, lines };
    return lines;
  }

  /**
   * The archived receipts of a stream from an index on, up to the first that is not, or so many. Throws
   * `AlteredReceipt`.
   */
  commits(stream: string, from: number, limit: number): Commit[] {
    const commits: Commit[] = [];
    for (let next = from; commits.length < limit;) {
      const piece = this.pieceWith(stream, next);
      if (piece === undefined) break;
      const wanted = this.lines(piece).slice(next - piece.first, next - piece.first + limit - commits.length);
      for (const line of wanted) commits.push(unsealAt(line, line.body, line.hash));
      next += wanted.length;
    }
    return commits;
  }
}

function readPiece(folder: string, piece: ArchivedPiece): ArchivedLine[] {
  const { stream, first, last, hash, file, at, bytes, sha256 } = piece;
  const name = `${ARCHIVE_FOLDER}/${file}`;
  const wrong = (what: string): never => {
    throw new AlteredReceipt(
      stream,
      first,
      `${first === last ? 'was' : `to ${last} were`} archived to ${name}, which ${what}: put it back as it was, from a backup`,
    );
  };
  let packed: Buffer;
  try {
    packed = readAt(join(folder, ARCHIVE_FOLDER, file), at, bytes);
  } catch (error) {
    return wrong(
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is missing' : `can't be read (${(error as Error).message})`,
    );
  }
  if (hashOf(packed) !== sha256) return wrong('was altered');
  const lines = linesIn(gunzipSync(packed));
  const fits =
    lines.length === last - first + 1 &&
    lines.every((line, i) => line.stream === stream && line.index === first + i) &&
    lines.at(-1)?.hash === hash;
  return fits ? lines : wrong('holds something else there');
}

/** What is wrong with a file as a whole: undefined when it is as it was. */
export function fileProblem(folder: string, { file, bytes, sha256 }: ArchivedFile): 'missing' | 'altered' | undefined {
  try {
    const found = readFileSync(join(folder, ARCHIVE_FOLDER, file));
    return found.length === bytes && hashOf(found) === sha256 ? undefined : 'altered';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'missing';
    throw error;
  }
}

/** The lines of bytes that were unpacked. */
export function linesIn(unpacked: Buffer): ArchivedLine[] {
  return unpacked
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ArchivedLine);
}

function readAt(path: string, at: number, length: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(file, bytes, 0, length, at));
  } finally {
    closeSync(file);
  }
}

/** Complete files in the folder of an archive, whether or not a marker names them. */
export function archiveFilesIn(folder: string): string[] {
  const place = join(folder, ARCHIVE_FOLDER);
  return existsSync(place)
    ? readdirSync(place)
        .filter((name) => FILE_NAME.test(name))
        .sort()
    : [];
}

/**
 * Every line of the files in a folder's archive, without a look at markers; `onProblem` hears of a file that can't be
 * read to its end.
 */
export function* archivedLinesIn(
  folder: string,
  onProblem: (file: string, problem: string) => void,
): Generator<ArchivedLine> {
  for (const file of archiveFilesIn(folder)) {
    let lines: ArchivedLine[];
    try {
      lines = linesIn(gunzipSync(readFileSync(join(folder, ARCHIVE_FOLDER, file))));
    } catch (error) {
      onProblem(file, (error as Error).message);
      continue;
    }
    yield* lines;
  }
}

/** Hexadecimal SHA-256. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

// ------------------------------------------------------------------------------------------------------------ writing

/** What a file of the archive goes through; after each step a crash loses nothing. */
export type ArchiveStep = 'written' | 'checked' | 'named' | 'removed';

export interface ArchiveOptions {
  /** `2026-11-28`: names of files begin with it. */
  readonly date: string;
  /** Hears of each step of a file, once it is done. What it throws stops the archiving there. */
  readonly onStep?: (step: ArchiveStep, file: string) => void;
}

export interface Archived {
  readonly files: readonly string[];
  readonly streams: number;
  readonly receipts: number;
  /** Of the files. */
  readonly bytes: number;
  /** Bytes of receipts that left the database. */
  readonly removed: number;
}

/**
 * Moves all receipts of the streams but the last of each into files, of a database that no host has open (this process
 * holds its lock). They are removed from the database when the file is on the disk under its name, was read again, and
 * every line in it was found to be what the database holds; in the transaction that writes the markers.
 */
export async function archiveStreams(
  database: Database,
  streams: Iterable<string>,
  { date, onStep = () => undefined }: ArchiveOptions,
): Promise<Archived> {
  const { folder } = database;
  const total = { files: [] as string[], streams: 0, receipts: 0, bytes: 0, removed: 0 };
  const iterator = streams[Symbol.iterator]();
  for (let next = iterator.next(); next.done !== true;) {
    mkdirSync(join(folder, ARCHIVE_FOLDER), { recursive: true, mode: PRIVATE_FOLDER });
    const name = freeName(folder, date);
    const path = join(folder, ARCHIVE_FOLDER, name);
    const pieces: ArchivedPiece[] = [];
    const hash = createHash('sha256');
    let bytes = 0;
    const file = openSync(`${path}${PARTIAL}`, 'w', PRIVATE_FILE);
    try {
      for (; next.done !== true && bytes < FILE_BYTES; next = iterator.next()) {
        const before = pieces.length;
        for (const lines of piecesOf(database, next.value)) {
          const packed = gzipSync(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
          writeAll(file, packed);
          hash.update(packed);
          const [first, last] = [lines[0] as ArchivedLine, lines.at(-1) as ArchivedLine];
          pieces.push({
            stream: first.stream,
            first: first.index,
            last: last.index,
            hash: last.hash,
            file: name,
            at: bytes,
            bytes: packed.length,
            sha256: hashOf(packed),
          });
          bytes += packed.length;
          total.receipts += lines.length;
          total.removed += lines.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
        }
        if (pieces.length > before) total.streams += 1;
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (pieces.length === 0) {
      rmSync(`${path}${PARTIAL}`);
      continue;
    }
    onStep('written', name);
    const sha256 = hash.digest('hex');
    checkFile(database, `${path}${PARTIAL}`, { file: name, bytes, sha256 }, pieces);
    onStep('checked', name);
    renameSync(`${path}${PARTIAL}`, path);
    for (const each of [join(folder, ARCHIVE_FOLDER), folder]) syncFolder(each);
    onStep('named', name);
    await database.write({ statements: removal({ file: name, bytes, sha256 }, pieces) });
    onStep('removed', name);
    total.files.push(name);
    total.bytes += bytes;
  }
  return total;
}

/** What the archiving of a stream would move: how many receipts, and bytes of them. */
export function archivable(database: Database, stream: string): { readonly receipts: number; readonly bytes: number } {
  return database.get(
    'SELECT count(*) AS receipts, coalesce(sum(length(CAST(body AS BLOB))), 0) AS bytes FROM commits WHERE stream = ? AND idx < (SELECT max(idx) FROM commits WHERE stream = ?)',
    stream,
    stream,
  ) as { receipts: number; bytes: number };
}

/** Everything of a stream that is in the database, but its last receipt; checked to be one chain. */
function* piecesOf(database: Database, stream: string): Generator<ArchivedLine[]> {
  const end = database.get<{ end: number }>('SELECT max(idx) AS "end" FROM commits WHERE stream = ?', stream)?.end ?? 0;
  let before: Commit | undefined;
  for (let from = -1; ;) {
    const lines = database.all<ArchivedLine>(
      'SELECT position, stream, idx AS "index", hash, body FROM commits WHERE stream = ? AND idx > ? AND idx < ? ORDER BY idx LIMIT ?',
      stream,
      from,
      end,
      PIECE,
    );
    if (lines.length === 0) break;
    const piece: ArchivedLine[] = [];
    let bytes = 0;
    for (const line of lines) {
      if (piece.length > 0 && bytes + line.body.length > PIECE_BYTES) break;
      const commit = unsealAt(line, line.body, line.hash);
      if (before !== undefined) checkChained(stream, before, commit);
      before = commit;
      piece.push(line);
      bytes += line.body.length;
    }
    yield piece;
    from = (piece.at(-1) as ArchivedLine).index;
  }
  const last = database.get<ArchivedLine>(
    'SELECT position, stream, idx AS "index", hash, body FROM commits WHERE stream = ? AND idx = ?',
    stream,
    end,
  );
  if (before !== undefined && last !== undefined) checkChained(stream, before, unsealAt(last, last.body, last.hash));
}

/** Reads a file that was written back, and holds each line of it against the database. */
function checkFile(
  database: Database,
  path: string,
  { bytes, sha256 }: ArchivedFile,
  pieces: readonly ArchivedPiece[],
): void {
  const written = readFileSync(path);
  const same = written.length === bytes && hashOf(written) === sha256;
  const holds =
    same &&
    pieces.every(({ at, bytes: length }) =>
      linesIn(gunzipSync(written.subarray(at, at + length))).every((line) => isInDatabase(database, line)),
    );
  if (!holds)
    throw new Error(
      `${path} does not hold what was written to it: look at its disk; nothing was removed from the database`,
    );
}

function isInDatabase(database: Database, { position, stream, index, hash, body }: ArchivedLine): boolean {
  const row = database.get<ArchivedLine>(
    'SELECT stream, idx AS "index", hash, body FROM commits WHERE position = ?',
    position,
  );
  return row !== undefined && row.stream === stream && row.index === index && row.hash === hash && row.body === body;
}

function removal({ file, bytes, sha256 }: ArchivedFile, pieces: readonly ArchivedPiece[]): Statement[] {
  return [
    ['INSERT INTO archives (file, bytes, sha256) VALUES (?, ?, ?)', [file, bytes, sha256]],
    ...pieces.flatMap((piece): Statement[] => [
      [
        'INSERT INTO archived (stream, first, last, hash, file, at, bytes, sha256) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        [piece.stream, piece.first, piece.last, piece.hash, piece.file, piece.at, piece.bytes, piece.sha256],
      ],
      ['DELETE FROM commits WHERE stream = ? AND idx BETWEEN ? AND ?', [piece.stream, piece.first, piece.last]],
      // A state of long ago is folded from the receipts then.
      ['DELETE FROM past_snapshots WHERE stream = ?', [piece.stream]],
    ]),
  ];
}

/**
 * Removes what an archiving that died left behind: files that were not finished, and finished ones whose receipts are
 * all still in the database. Returns the files that no marker names and that hold something else: nobody knows them.
 */
export function tidyArchive(database: Database): string[] {
  const place = join(database.folder, ARCHIVE_FOLDER);
  if (!existsSync(place)) return [];
  for (const name of readdirSync(place)) if (name.endsWith(PARTIAL)) rmSync(join(place, name));
  const known = new Set(database.all<{ file: string }>('SELECT file FROM archives').map(({ file }) => file));
  return archiveFilesIn(database.folder).filter((name) => {
    if (known.has(name)) return false;
    if (!isLeftOver(database, join(place, name))) return true;
    rmSync(join(place, name));
    return false;
  });
}

function isLeftOver(database: Database, path: string): boolean {
  try {
    return linesIn(gunzipSync(readFileSync(path))).every((line) => isInDatabase(database, line));
  } catch {
    return false;
  }
}

function freeName(folder: string, date: string): string {
  for (let n = 1; ; n += 1) {
    const name = `${date}-${n}.jsonl.gz`;
    if (!existsSync(join(folder, ARCHIVE_FOLDER, name))) return name;
  }
}

function writeAll(file: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}

function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
