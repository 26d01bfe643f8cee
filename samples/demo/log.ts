/** Reads the log of a store that no host uses, as it is on the disk: the receipts with the bytes that were hashed. */
import { createWriteStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { DATABASE_FILE } from '../../adapters/embedded/database';
import { DatabaseSync } from '../../adapters/embedded/sqlite';
import { type ChainFault, ChainVerifier, type Commit } from '../../domain/kernel/commit';

/** A host holds a lock on it for as long as it lives. */
const LOCK_FILE = 'formicary.lock';

export interface StoredCommit {
  readonly stream: string;
  readonly index: number;
  readonly hash: string;
  /** Canonical form of the commit without its hash. */
  readonly body: string;
}

/** Every commit, in the order in which they were made durable. */
export function* readLog(folder: string): Generator<StoredCommit> {
  const file = join(folder, DATABASE_FILE);
  if (!existsSync(file)) throw new Error(`there is no store in ${folder}`);
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    const rows = database.prepare('SELECT stream, idx AS "index", hash, body FROM commits ORDER BY position').iterate();
    for (const row of rows) yield row as unknown as StoredCommit;
  } finally {
    database.close();
  }
}

/** True when a host has the store open. */
export function inUse(folder: string): boolean {
  const file = join(folder, LOCK_FILE);
  if (!existsSync(file)) return false;
  const lock = new DatabaseSync(file);
  try {
    lock.exec('BEGIN EXCLUSIVE; ROLLBACK');
    return false;
  } catch {
    return true;
  } finally {
    lock.close();
  }
}

/** Locks the folder as a host does; gives what ends the lock. */
export function hold(folder: string): () => void {
  const lock = new DatabaseSync(join(folder, LOCK_FILE));
  lock.exec('BEGIN EXCLUSIVE');
  return () => lock.close();
}

/** Writes an export that `formicary verify --export` reads, a line a commit. */
export async function writeExport(file: string, log: Iterable<StoredCommit>): Promise<void> {
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

  *over(log: Iterable<StoredCommit>): Generator<Commit> {
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
