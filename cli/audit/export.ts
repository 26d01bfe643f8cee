import { createWriteStream } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { Archive, archivedLinesIn, type ArchivedPiece } from '../../adapters/embedded/archive';
import { isHeld, PRIVATE_FILE } from '../../adapters/embedded/folder';
import { hasLog } from '../../adapters/embedded/log';
import { readMark } from '../../adapters/embedded/mark';
import { salvage } from '../../adapters/embedded/salvage';
import { DatabaseSync } from '../../adapters/embedded/sqlite';
import { canonicalize, sha256 } from '../../domain/kernel/commit';
import { dataFolder, type ExportLine, openFolder } from '../log-file';
import { type Bar, bar, CALL, type Context, count, note, UsageError } from '../terminal';

export interface ExportInput {
  readonly file?: string;
  /** A folder; true: the one that is meant when none is given. */
  readonly data?: string | boolean;
  /** From the bytes of a damaged file, as far as they can be read. */
  readonly salvage?: boolean;
}

/** Lines that are handed on together. */
const CHUNK = 500;

/** Writes every receipt to a file or to standard output, a line each. */
export async function exportLog(context: Context, { file, data, salvage: damaged }: ExportInput): Promise<void> {
  if (damaged === true && data === undefined)
    throw new UsageError('--salvage reads a data folder', 'Name it with --data FOLDER.');
  let written = 0;
  let progress: Bar | undefined;
  const everything = data !== undefined && context.globals.tenant === undefined;
  const lines =
    damaged === true
      ? fromDamaged(context, dataFolder(data))
      : data === undefined
        ? fromHost(context)
        : fromFolder(dataFolder(data), context.globals.tenant, (total) => (progress = bar('Exporting', total)));
  async function* chunks(): AsyncGenerator<string> {
    let chunk: string[] = [];
    for await (const line of lines) {
      chunk.push(`${JSON.stringify(line)}\n`);
      written += 1;
      if (chunk.length < CHUNK) continue;
      progress?.update(written);
      yield chunk.join('');
      chunk = [];
    }
    yield chunk.join('');
  }
  const toFile = file !== undefined && file !== '-';
  const target: Writable = toFile ? createWriteStream(file, { mode: PRIVATE_FILE }) : process.stdout;
  try {
    if (toFile && file.endsWith('.gz')) await pipeline(Readable.from(chunks()), createGzip(), target);
    else await pipeline(Readable.from(chunks()), target, { end: toFile });
  } finally {
    progress?.stop();
  }
  const whose = everything ? 'of all tenants' : `of the tenant ${context.globals.tenant ?? 'default'}`;
  if (toFile)
    note(`${count(written, 'receipt')} ${whose} in ${file}; check them with: ${CALL} verify --export ${file}`);
  if (data === undefined)
    note(
      `A host answers for one tenant: \`${CALL} export FILE --data FOLDER\` writes those of all, also while the host runs.`,
    );
}

/**
 * What can be read of a damaged file, in the order of the log. Says what could not be, and ends with 1 then.
 * An altered receipt is written as it stands: `verify` names it.
 */
function* fromDamaged(context: Context, folder: string): Generator<ExportLine> {
  if (isHeld(folder))
    throw new UsageError(`a host uses ${folder}`, 'Stop it, copy the folder, and salvage from the copy.');
  if (!hasLog(folder)) throw new UsageError(`there is no log in ${folder}`);
  const found = new DatabaseSync('');
  try {
    found.exec(
      'PRAGMA journal_mode = OFF; CREATE TABLE commits (position INTEGER PRIMARY KEY, stream, idx, hash, body, intact); BEGIN',
    );
    const insert = found.prepare(
      'INSERT INTO commits VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (position) DO UPDATE SET stream = excluded.stream, idx = excluded.idx, hash = excluded.hash, body = excluded.body, intact = excluded.intact WHERE excluded.intact > intact',
    );
    for (const { position, stream, index, hash, body, intact } of salvage(folder))
      insert.run(position, stream, index, hash, body, intact ? 1 : 0);
    for (const { position, stream, index, hash, body } of archivedLinesIn(folder, (file, problem) => {
      context.foundWrong();
      note(`not read: archive/${file}, or a part of it: ${problem}`);
    }))
      insert.run(position, stream, index, hash, body, sha256(body) === hash ? 1 : 0);
    const { tenant } = context.globals;
    for (const row of found
      .prepare('SELECT stream, idx AS "index", hash, body FROM commits ORDER BY position')
      .iterate()) {
      const line = row as unknown as ExportLine;
      if (tenant === undefined || line.stream.startsWith(`${tenant}/`)) yield line;
    }
    for (const missing of unsaved(found, readMark(folder)?.position ?? 0)) {
      context.foundWrong();
      note(missing);
    }
  } finally {
    found.close();
  }
}

const MOST_NAMED = 50;

/** What was archived right before a receipt, in the order of its stream. Throws `AlteredReceipt`. */
function* archivedBefore(archive: Archive, { stream, index }: ExportLine): Generator<ExportLine> {
  const pieces: ArchivedPiece[] = [];
  for (
    let piece = archive.pieceWith(stream, index - 1);
    piece !== undefined;
    piece = archive.pieceWith(stream, piece.first - 1)
  )
    pieces.unshift(piece);
  for (const piece of pieces) yield* archive.lines(piece).map(({ position: _, ...line }) => line);
}

/** What is not in a salvage that was in the log, in words. */
function unsaved(found: DatabaseSync, mark: number): string[] {
  const all = (sql: string, ...parameters: number[]) =>
    found.prepare(sql).all(...parameters) as unknown as { first: number; last: number; stream: string; idx: number }[];
  const places = all(
    'SELECT before + 1 AS "first", position - 1 AS "last" FROM (SELECT position, lag(position, 1, 0) OVER (ORDER BY position) AS before FROM (SELECT position FROM commits UNION SELECT ? + 1)) WHERE position > before + 1',
    Math.max(
      mark,
      (found.prepare('SELECT coalesce(max(position), 0) AS "end" FROM commits').get() as { end: number }).end,
    ),
  );
  const gaps = all(
    'SELECT stream, before + 1 AS "first", idx - 1 AS "last" FROM (SELECT stream, idx, lag(idx, 1, -1) OVER (PARTITION BY stream ORDER BY idx) AS before FROM commits) WHERE idx > before + 1',
  );
  const altered = all('SELECT stream, idx FROM commits WHERE intact = 0 ORDER BY position');
  const range = (first: number, last: number) => (first === last ? `${first}` : `${first} to ${last}`);
  const lines = [
    ...places.map(
      ({ first, last }) =>
        `not read: what stood at ${first === last ? 'place' : 'places'} ${range(first, last)} of the log`,
    ),
    ...gaps.map(
      ({ stream, first, last }) =>
        `not read: ${stream}, ${first === last ? 'commit' : 'commits'} ${range(first, last)}`,
    ),
    ...altered.map(
      ({ stream, idx }) => `altered: ${stream}@${idx} does not hash to what it says; it was written as it stands`,
    ),
  ];
  return lines.length <= MOST_NAMED ? lines : [...lines.slice(0, MOST_NAMED), `and ${lines.length - MOST_NAMED} more`];
}

/** The receipts of the tenant as the host gives them; their canonical form is made again. */
async function* fromHost({ client }: Context): AsyncGenerator<ExportLine> {
  for await (const { hash, ...unsealed } of client.receipts.all({ limit: CHUNK }))
    yield { stream: unsealed.stream, index: unsealed.index, hash, body: canonicalize(unsealed) };
}

/**
 * The bytes as they are stored, what was archived of a stream before its next receipt: of one tenant, or of all. Page
 * by page, so that a host that goes on writing can tidy up behind us.
 */
function* fromFolder(
  folder: string,
  tenant: string | undefined,
  begin: (total: number) => void,
): Generator<ExportLine> {
  const log = openFolder(folder);
  try {
    // The character after the slash ends the tenant's part of the names.
    const range = tenant === undefined ? ['', '\uffff'] : [`${tenant}/`, `${tenant}0`];
    const { end } = log.database.prepare('SELECT coalesce(max(position), 0) AS "end" FROM commits').get() as {
      end: number;
    };
    begin(end);
    const page = log.database.prepare(
      'SELECT position, stream, idx AS "index", hash, body FROM commits NOT INDEXED WHERE position > ? AND position <= ? AND stream >= ? AND stream < ? ORDER BY position LIMIT ?',
    );
    const archive = Archive.of(folder, log.database);
    for (let after = 0; ;) {
      const rows = page.all(after, end, ...range, CHUNK) as unknown as (ExportLine & { position: number })[];
      for (const { position, ...line } of rows) {
        yield* archivedBefore(archive, line);
        yield line;
        after = position;
      }
      if (rows.length < CHUNK) break;
    }
    if (log.wasDisturbed())
      throw new UsageError(
        `a host began to write ${folder} while it was read: the export is not to be trusted`,
        'Export again: now that it runs, its writing does no harm.',
      );
  } finally {
    log.close();
  }
}
