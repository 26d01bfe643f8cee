import { createWriteStream } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { isHeld, PRIVATE_FILE } from '../../adapters/embedded/folder';
import { hasLog } from '../../adapters/embedded/log';
import type { LogLine } from '../../adapters/embedded/read-only-log';
import { salvagedLines } from '../../adapters/embedded/salvaged';
import { dataFolder, lineText } from '../log-file';
import { type Bar, bar, CALL, call, type Context, count, note, UsageError } from '../terminal';
import { folderLines, hostLines, LINES_AT_ONCE } from './export-lines';

export interface ExportInput {
  readonly file?: string;
  /** A folder; true: the one that is meant when none is given. */
  readonly data?: string | boolean;
  /** From the bytes of a damaged file, as far as they can be read. */
  readonly salvage?: boolean;
}

/** Writes every receipt to a file or to standard output, a line each. */
export async function exportLog(context: Context, { file, data, salvage: damaged }: ExportInput): Promise<void> {
  if (damaged === true && data === undefined)
    throw new UsageError('--salvage reads a data folder', 'Name it with --data FOLDER.');
  let written = 0;
  let receipts = 0;
  let progress: Bar | undefined;
  const everything = data !== undefined && context.globals.tenant === undefined;
  const lines =
    damaged === true
      ? fromDamaged(context, dataFolder(data))
      : data === undefined
        ? hostLines(context)
        : folderLines(dataFolder(data), context.globals.tenant, (total) => (progress = bar('Exporting', total)));
  async function* chunks(): AsyncGenerator<string> {
    let chunk: string[] = [];
    for await (const line of lines) {
      chunk.push(`${lineText(line)}\n`);
      written += 1;
      if ('stream' in line) receipts += 1;
      if (chunk.length < LINES_AT_ONCE) continue;
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
    note(`${count(receipts, 'receipt')} ${whose} in ${file}; check them with: ${CALL} verify --export ${file}`);
  if (data === undefined)
    note(
      `A host answers for one tenant: \`${call()} export FILE --data FOLDER\` writes those of all, also while the host runs.`,
    );
}

/**
 * What can be read of a damaged file, in the order of the log. Says what could not be, and ends with 1 then.
 * An altered receipt is written as it stands: `verify` names it.
 */
function* fromDamaged(context: Context, folder: string): Generator<LogLine> {
  if (isHeld(folder))
    throw new UsageError(`a host uses ${folder}`, 'Stop it, copy the folder, and salvage from the copy.');
  if (!hasLog(folder)) throw new UsageError(`there is no log in ${folder}`);
  const { tenant } = context.globals;
  const lines = salvagedLines(folder, (problem) => {
    context.foundWrong();
    note(problem);
  });
  for (const line of lines) if (tenant === undefined || line.stream.startsWith(`${tenant}/`)) yield line;
}
