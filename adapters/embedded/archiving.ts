/**
 * Archiving: moves receipts of streams that ended long ago into files beside the database of a stopped host, and gives
 * back the room that they took. What such a file is, and how it is read, stands in `archive.ts`.
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
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { checkChained, type Commit, unsealAt } from '../../domain/kernel/commit';
import type { Time } from '../../domain/kernel/time';
import {
  ARCHIVE_FOLDER,
  type ArchivedFile,
  type ArchivedLine,
  type ArchivedPiece,
  archiveFilesIn,
  hashOf,
  linesIn,
} from './archive';
import { type Database, DATABASE_FILE } from './database';
import { acquireLock, PRIVATE_FILE, PRIVATE_FOLDER } from './folder';
import { openDatabase } from './sqlite';
import type { Statement } from './writer';

/** What is being written, or was when its writer died. */
const PARTIAL = '.partial';
/** Receipts in one piece: what a host reads to see one of them. */
const PIECE = 500;
/** About how large it is at most, unpacked. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** A file takes no further stream beyond this; it is what one transaction removes. */
const FILE_BYTES = 64 * 1024 * 1024;

/** Streams whose name fits a pattern of SQLite's GLOB, and whose first receipt is in the database. */
export function streamsLike(database: Database, pattern: string): string[] {
  return database
    .all<{ stream: string }>('SELECT stream FROM commits WHERE idx = 0 AND stream GLOB ?', pattern)
    .map(({ stream }) => stream);
}

/** Streams of a category (`tenant/category/`) with something to archive whose last receipt is older. */
export function quietSince(database: Database, prefix: string, before: Time): string[] {
  return database
    .all<{ stream: string; at: string | null }>(
      `SELECT c.stream, (SELECT CASE WHEN json_valid(body) THEN json_extract(body, '$.at') END FROM commits l WHERE l.stream = c.stream AND l.idx = c.last) AS "at"
         FROM (SELECT stream, max(idx) AS last, count(*) AS n FROM commits WHERE stream >= ? AND stream < ? GROUP BY stream) c WHERE n > 1`,
      prefix,
      `${prefix.slice(0, -1)}0`,
    )
    .filter(({ at }) => at !== null && at < before)
    .map(({ stream }) => stream);
}

/**
 * Gives the room that was freed back to the disk, of a folder that no host uses. Undefined when it was given back, else
 * why not, in words: then it is used for what comes. Throws `DatabaseUnavailable`.
 */
export function giveRoomBack(folder: string): string | undefined {
  const lock = acquireLock(folder);
  try {
    const database = openDatabase(join(folder, DATABASE_FILE));
    try {
      database.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
      return undefined;
    } catch (error) {
      return (error as Error).message;
    } finally {
      database.close();
    }
  } finally {
    lock.close();
  }
}

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
