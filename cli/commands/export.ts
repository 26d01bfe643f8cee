import { createWriteStream } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { canonicalize } from '../../domain/kernel/commit';
import { PRIVATE_FILE } from '../../adapters/embedded/folder';
import { dataFolder, openFolder, type ExportLine } from '../log-file';
import { UsageError, bar, count, note, type Bar, type Context } from '../terminal';

export interface ExportInput {
  readonly file?: string;
  /** A folder; true: the one that is meant when none is given. */
  readonly data?: string | boolean;
}

/** Lines that are handed on together. */
const CHUNK = 500;

/** Writes every receipt to a file or to standard output, a line each. */
export async function exportLog(context: Context, { file, data }: ExportInput): Promise<void> {
  let written = 0;
  let progress: Bar | undefined;
  const everything = data !== undefined && context.globals.tenant === undefined;
  const lines = data === undefined ? fromHost(context) : fromFolder(dataFolder(data), context.globals.tenant, (total) => (progress = bar('Exporting', total)));
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
  if (toFile) note(`${count(written, 'receipt')} ${whose} in ${file}; check them with: formicary verify --export ${file}`);
  if (data === undefined) note('A host answers for one tenant: `formicary export FILE --data FOLDER` writes those of all, also while the host runs.');
}

/** The receipts of the tenant as the host gives them; their canonical form is made again. */
async function* fromHost({ client }: Context): AsyncGenerator<ExportLine> {
  for await (const { hash, ...unsealed } of client.receipts.all({ limit: CHUNK })) yield { stream: unsealed.stream, index: unsealed.index, hash, body: canonicalize(unsealed) };
}

/** The bytes as they are stored: of one tenant, or of all. Page by page, so that a host that goes on writing can tidy up behind us. */
function* fromFolder(folder: string, tenant: string | undefined, begin: (total: number) => void): Generator<ExportLine> {
  const log = openFolder(folder);
  try {
    // The character after the slash ends the tenant's part of the names.
    const range = tenant === undefined ? ['', '\uffff'] : [`${tenant}/`, `${tenant}0`];
    const { end } = log.database.prepare('SELECT coalesce(max(position), 0) AS "end" FROM commits').get() as { end: number };
    begin(end);
    const page = log.database.prepare(
      'SELECT position, stream, idx AS "index", hash, body FROM commits NOT INDEXED WHERE position > ? AND position <= ? AND stream >= ? AND stream < ? ORDER BY position LIMIT ?',
    );
    for (let after = 0; ; ) {
      const rows = page.all(after, end, ...range, CHUNK) as unknown as (ExportLine & { position: number })[];
      for (const { position, ...line } of rows) {
        yield line;
        after = position;
      }
      if (rows.length < CHUNK) break;
    }
    if (log.wasDisturbed()) throw new UsageError(`a host began to write ${folder} while it was read: the export is not to be trusted`, 'Export again: now that it runs, its writing does no harm.');
  } finally {
    log.close();
  }
}
