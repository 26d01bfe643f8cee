/**
 * The archive of a data folder: receipts of streams that ended long ago, in files beside the database.
 *
 * A file is an export, compressed: a gzip member for each piece of a stream, at most 500 receipts long, one
 * after the other. So `gunzip` and `formicary verify --export` read the whole of it, and a host reads one piece.
 *
 * In the database there stay: the last receipt of each stream, as it was (where the stream ends, and the end of the
 * log, never change), and a marker for each piece: what is in it, its last hash, where it lies, and the hash of its
 * bytes.
 */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { AlteredReceipt, type Commit, unsealAt } from '../../domain/kernel/commit';
import type { DatabaseSync, SQLInputValue } from './sqlite';
import type { Statement } from './writer';

export const ARCHIVE_FOLDER = 'archive';
const FILE_NAME = /^\d{4}-\d\d-\d\d-\d+\.jsonl\.gz$/;

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
