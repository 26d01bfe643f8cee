/** Reads the log of a store that no host uses, as it is on the disk: the receipts with the bytes that were hashed. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { hasLog } from '../../adapters/embedded/log';
import { type LogLine, ReadOnlyLog } from '../../adapters/embedded/read-only-log';
import { type ChainFault, ChainVerifier, type Commit } from '../../domain/kernel/commit';

/** Every commit, in the order in which they were made durable. */
export function* readLog(folder: string): Generator<LogLine> {
  if (!hasLog(folder)) throw new Error(`there is no store in ${folder}`);
  const log = ReadOnlyLog.open(folder);
  try {
    yield* log.lines();
  } finally {
    log.close();
  }
}

/** Writes an export that `formicary verify --export` reads, a line a commit. */
export async function writeExport(file: string, log: Iterable<LogLine>): Promise<void> {
  function* lines(): Generator<string> {
    for (const commit of log) yield `${JSON.stringify(commit)}\n`;
  }
  await pipeline(Readable.from(lines()), createGzip(), createWriteStream(file));
}

/** Verifies chains while the log goes by; gives each commit on. */
export class Verification {
  private readonly chains = new Map<string, ChainVerifier>();
  readonly faults: ChainFault[] = [];
  commits = 0;
  bytes = 0;

  /** How many streams were seen. */
  get streams(): number {
    return this.chains.size;
  }

  get verified(): boolean {
    return this.faults.length === 0;
  }

  *over(log: Iterable<LogLine>): Generator<Commit> {
    for (const entry of log) {
      let chain = this.chains.get(entry.stream);
      if (chain === undefined) this.chains.set(entry.stream, (chain = new ChainVerifier(entry.stream)));
      this.faults.push(...chain.next(entry));
      this.commits += 1;
      this.bytes += Buffer.byteLength(entry.body);
      let commit: Omit<Commit, 'hash'>;
      try {
        commit = JSON.parse(entry.body) as Commit;
      } catch {
        continue; // a fault was noted
      }
      yield { ...commit, hash: entry.hash };
    }
  }
}
