import { createWriteStream } from 'node:fs';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { canonicalize } from '../../domain/kernel/commit';
import { dataFolder, openDatabase, type ExportLine } from '../log-file';
import { bar, count, note, type Bar, type Context } from '../terminal';

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
  const target: Writable = toFile ? createWriteStream(file) : process.stdout;
  try {
    if (toFile && file.endsWith('.gz')) await pipeline(Readable.from(chunks()), createGzip(), target);
    else await pipeline(Readable.from(chunks()), target, { end: toFile });
  } finally {
    progress?.stop();
  }
  if (toFile) note(`${count(written, 'receipt')} in ${file}; check them with: formicary verify --export ${file}`);
}

/** The receipts of the tenant as the host gives them; their canonical form is made again. */
async function* fromHost({ client }: Context): AsyncGenerator<ExportLine> {
  for await (const { hash, ...unsealed } of client.receipts.all({ limit: CHUNK })) yield { stream: unsealed.stream, index: unsealed.index, hash, body: canonicalize(unsealed) };
}

/** The bytes as they are stored: of one tenant, or of all. */
function* fromFolder(folder: string, tenant: string | undefined, begin: (total: number) => void): Generator<ExportLine> {
  const database = openDatabase(folder);
  try {
    database.exec('BEGIN');
    // The character after the slash ends the tenant's part of the names.
    const [from, to] = tenant === undefined ? ['', '￿'] : [`${tenant}/`, `${tenant}0`];
    begin((database.prepare('SELECT count(*) AS n FROM commits WHERE stream >= ? AND stream < ?').get(from, to) as { n: number }).n);
    const rows = database.prepare('SELECT stream, idx AS "index", hash, body FROM commits NOT INDEXED WHERE stream >= ? AND stream < ? ORDER BY position').iterate(from, to);
    for (const row of rows) yield row as unknown as ExportLine;
  } finally {
    database.close();
  }
}
