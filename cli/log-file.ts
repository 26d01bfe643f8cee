/**
 * The log in a file: the database of a data folder, opened read-only, or an export that is loaded into a passing one.
 */
import { createReadStream, existsSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { hasLog } from '../adapters/embedded/log';
import { type EntriesLine, type LogLine, ReadOnlyLog } from '../adapters/embedded/read-only-log';
import type { Commit } from '../domain/kernel/commit';
import { readJson } from '../domain/kernel/json';
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
  const text = file.endsWith('.gz') ? source.pipe(createGunzip()) : source;
  source.on('error', (error) => text.destroy(error));
  let number = 0;
  for await (const line of linesOf(text)) {
    yield line;
    number += 1;
    if (number % PROGRESS_EVERY === 0) onProgress(source.bytesRead ?? 0);
  }
}

/**
 * Lines that end with a line feed, and with nothing else: `node:readline` also parts them at U+2028, which JSON may
 * hold.
 */
async function* linesOf(text: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of text.setEncoding('utf8')) {
    const lines = (rest + (chunk as string)).split('\n');
    rest = lines.pop() as string;
    yield* lines;
  }
  yield rest;
}

/** Bytes of an export, for its progress; 0 when that isn't known. */
export function sizeOf(file: string): number {
  return file !== '-' && existsSync(file) ? statSync(file).size : 0;
}

function parseLine(line: string, place: string): LogLine | EntriesLine {
  const value = lineOf(line) as Partial<LogLine & EntriesLine> | undefined | null;
  const { stream, index, hash, body, log, first, entries } = value ?? {};
  if (
    typeof log === 'string' &&
    Number.isSafeInteger(first) &&
    Array.isArray(entries) &&
    entries.every((entry) => typeof entry === 'string')
  )
    return { log, first: first as number, entries };
  if (
    typeof stream !== 'string' ||
    !Number.isSafeInteger(index) ||
    typeof hash !== 'string' ||
    typeof body !== 'string'
  ) {
    throw new UsageError(
      `${place} is not a line of an export`,
      `A line is {"stream":…,"index":…,"hash":…,"body":"…"}, or {"log":…,"first":…,"entries":[…]}, as \`${call()} export\` writes it.`,
    );
  }
  return { stream, index: index as number, hash, body };
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
