/**
 * The log in a file: the database of a data folder, opened read-only, or an export that is loaded into a passing one.
 */
import { createReadStream, existsSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { hasLog } from '../adapters/embedded/log';
import { type EntriesLine, type LogLine, ReadOnlyLog } from '../adapters/embedded/read-only-log';
import type { Commit } from '../domain/kernel/commit';
import { decoded, readJson } from '../domain/kernel/json';
import { dataFolders } from './data-folder';
import { CALL, call, UsageError } from './terminal';

/** The folder that is meant: the first of them that holds a log. */
export function dataFolder(given: string | boolean | undefined): string {
  const [first, ...others] = dataFolders(given) as [string, ...string[]];
  return others.length === 0 ? first : ([first, ...others].find(hasLog) ?? first);
}

/** Opens the log of a folder for reading; a host may go on writing it. Throws `UsageError`. */
export function openFolder(folder: string): ReadOnlyLog {
  if (!hasLog(folder))
    throw new UsageError(
      `there is no log in ${folder}`,
      `Name the data folder of the host with --data FOLDER, or give an export with --export FILE. \`${CALL} start\` makes one.`,
    );
  try {
    return ReadOnlyLog.open(folder);
  } catch (error) {
    throw new UsageError(
      `the log in ${folder} can't be read: ${error instanceof Error ? error.message : String(error)}`,
      'Files of another user: run this as that user, or as one who may read them.',
    );
  }
}

const PROGRESS_EVERY = 1_000;
const LINE_FEED = 0x0a;

/** A line of an export, or of a file of the archive, which says as well where the receipt stood in the log. */
type Line = (LogLine & { readonly position?: number }) | EntriesLine;

/** The one form in which a line is written, and read: verifiers in other languages hold it to the byte as well. */
export function lineText(line: Line): string {
  if ('log' in line) {
    const { log, first, entries } = line;
    return JSON.stringify({ log, first, entries });
  }
  const { position, stream, index, hash, body } = line;
  return JSON.stringify({ position, stream, index, hash, body });
}

/**
 * Loads an export, `.gz` or not, into a database that goes when it is closed. `-` reads standard input. Throws
 * `UsageError` on a line that is none.
 * @param onProgress hears how many of the file's bytes were read
 */
export async function loadExport(
  file: string,
  onProgress: (bytes: number) => void = () => undefined,
): Promise<ReadOnlyLog> {
  const log = await ReadOnlyLog.load(exportLines(file, onProgress));
  // What made it may have failed: nothing was verified, so nothing holds.
  if (!log.isEmpty) return log;
  log.close();
  throw new UsageError(
    `${file === '-' ? 'standard input' : file} holds no receipt`,
    `An export has a line for each; make one with \`${call()} export FILE\`.`,
  );
}

/**
 * The lines of an export, `.gz` or not; `-` is standard input. Throws `UsageError` on a line that is none.
 * @param onProgress hears how many of the file's bytes were read
 */
export async function* exportLines(
  file: string,
  onProgress: (bytes: number) => void = () => undefined,
): AsyncGenerator<LogLine | EntriesLine> {
  if (file !== '-' && !existsSync(file))
    throw new UsageError(`there is no file ${file}`, `Make one with \`${call()} export FILE\`.`);
  if (file !== '-' && statSync(file).isDirectory())
    throw new UsageError(`${file} is a folder, and no export`, `A data folder is given with --data ${file}.`);
  let number = 0;
  for await (const line of textLines(file, onProgress)) {
    number += 1;
    if (line !== '') yield parseLine(line, `${file}, line ${number}`);
  }
}

/** The lines of a file, `.gz` or not; `-` is standard input. */
export async function* textLines(
  file: string,
  onProgress: (bytes: number) => void = () => undefined,
): AsyncGenerator<string> {
  const source: Readable & { readonly bytesRead?: number } = file === '-' ? process.stdin : createReadStream(file);
  const bytes = file.endsWith('.gz') ? source.pipe(createGunzip()) : source;
  source.on('error', (error) => bytes.destroy(error));
  let number = 0;
  for await (const line of linesOf(bytes)) {
    number += 1;
    yield textOf(line, `${file}, line ${number}`);
    if (number % PROGRESS_EVERY === 0) onProgress(source.bytesRead ?? 0);
  }
}

/**
 * Lines that end with a line feed, and with nothing else: `node:readline` also parts them at U+2028, which JSON may
 * hold.
 */
async function* linesOf(bytes: Readable): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  for await (const each of bytes) {
    const chunk = each as Buffer;
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, end)]);
      parts = [];
      from = end + 1;
    }
    parts.push(chunk.subarray(from));
  }
  yield Buffer.concat(parts);
}

/** Others would put other characters in the place of bytes that are none. */
function textOf(bytes: Uint8Array, place: string): string {
  try {
    return decoded(bytes);
  } catch {
    throw new UsageError(`${place} is no text in UTF-8`, 'Take the file anew from where it was made.');
  }
}

/** Bytes of an export, for its progress; 0 when that isn't known. */
export function sizeOf(file: string): number {
  return file !== '-' && existsSync(file) ? statSync(file).size : 0;
}

function parseLine(text: string, place: string): LogLine | EntriesLine {
  const line = shapeOf(lineOf(text));
  if (line === undefined || lineText(line) !== text)
    throw new UsageError(
      `${place} is not a line of an export`,
      `A line is {"stream":…,"index":…,"hash":…,"body":"…"}, or {"log":…,"first":…,"entries":[…]}, to the byte as \`${call()} export\` writes it.`,
    );
  return line;
}

function shapeOf(value: unknown): Line | undefined {
  const { position, stream, index, hash, body, log, first, entries } = (value ?? {}) as Readonly<
    Record<string, unknown>
  >;
  if (isText(log) && isWhole(first) && Array.isArray(entries) && entries.every(isText)) return { log, first, entries };
  if (!isText(stream) || !isWhole(index) || !isText(hash) || !isText(body)) return undefined;
  if (position === undefined) return { stream, index, hash, body };
  return isWhole(position) ? { position, stream, index, hash, body } : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** Strictly: with a name that stands twice, one reader would verify what another one doesn't see. */
function lineOf(text: string): unknown {
  try {
    return readJson(text);
  } catch {
    return undefined;
  }
}

/** A receipt out of a file: as the API gives it, or a line of an export. */
export function receiptOf(text: string, place: string): Commit {
  const value = parsed(text) as Record<string, unknown> | undefined | null;
  const commit =
    typeof value?.['body'] === 'string'
      ? { ...(parsed(value['body']) as object | undefined), hash: value['hash'] }
      : value;
  const { stream, index, events, hash } = (commit ?? {}) as Partial<Commit>;
  if (typeof stream !== 'string' || typeof index !== 'number' || !Array.isArray(events) || typeof hash !== 'string') {
    throw new UsageError(
      `${place} holds no receipt`,
      `Give one receipt as JSON: \`${call()} recompute TASK --save FILE\` writes it, so does a line of an export.`,
    );
  }
  return commit as unknown as Commit;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
