/**
 * The receipts of a period, in the order of their times, with their places in the signed log; and the tree of that log,
 * by which each is proven to be in it. What is made for that lies in temporary tables of the log that is read: SQLite
 * keeps what is large on the disk.
 */
import { commitEntry } from '../../domain/audit/log-entries';
import { type Digest, inclusionPath, leafHash, nodeHash, rootBetween } from '../../domain/kernel/merkle';
import type { ReadOnlyLog } from './read-only-log';
import type { DatabaseSync, StatementSync } from './sqlite';

/** A receipt as it stands; `leaf` is its place in the signed log, where it is in there as it stands. */
export interface PeriodRow {
  readonly stream: string;
  readonly index: number;
  readonly hash: string;
  readonly body: string;
  /** Null when its bytes say none. */
  readonly at: string | null;
  readonly leaf: number | null;
}

const SCRATCH = [
  `CREATE TEMP TABLE by_time AS SELECT position, CASE WHEN json_valid(body) THEN json_extract(body, '$.at') END AS at
     FROM main.commits NOT INDEXED ORDER BY at, stream, idx`,
  'CREATE INDEX temp.log_entry ON log_entries (entry)',
  'CREATE TEMP TABLE subtrees (level INTEGER, n INTEGER, hash BLOB, PRIMARY KEY (level, n)) WITHOUT ROWID',
];
const LEAF = 'SELECT min(leaf) AS leaf FROM temp.log_entries WHERE entry = ? AND log = ?';

/** Reads what an export holds, or a folder whose entries were taken; it may be made once for each. */
export class PeriodReader {
  private readonly database: DatabaseSync;
  private readonly leafOf: StatementSync;
  private readonly subtree: StatementSync;

  /** @param origin what the signed log of the tenant is called; undefined where there is none */
  constructor(
    { database }: Pick<ReadOnlyLog, 'database'>,
    private readonly origin: string | undefined,
  ) {
    this.database = database;
    for (const sql of SCRATCH) database.exec(sql);
    this.leafOf = database.prepare(LEAF);
    this.subtree = database.prepare('SELECT hash FROM temp.subtrees WHERE level = ? AND n = ?');
  }

  /** Receipts before `to`, those before the period too. Such as say no time come first. */
  *until(to: string): Generator<PeriodRow> {
    const rows = this.database
      .prepare(
        `SELECT at, stream, idx AS "index", hash, body FROM temp.by_time JOIN main.commits USING (position)
           WHERE at IS NULL OR at < ? ORDER BY by_time.rowid`,
      )
      .iterate(to) as Iterable<unknown>;
    for (const row of rows) {
      const found = row as Omit<PeriodRow, 'leaf'>;
      yield { ...found, leaf: this.leaf(found) };
    }
  }

  /** How many receipts a period has, and the last leaf of any of them; -1 where none is in the log. */
  extent(from: string, to: string): { readonly receipts: number; readonly lastLeaf: number } {
    let receipts = 0;
    let lastLeaf = -1;
    for (const { at, leaf } of this.until(to)) {
      if (at === null || at < from) continue;
      receipts += 1;
      lastLeaf = Math.max(lastLeaf, leaf ?? -1);
    }
    return { receipts, lastLeaf };
  }

  private leaf(row: Pick<PeriodRow, 'stream' | 'index' | 'hash'>): number | null {
    if (this.origin === undefined) return null;
    return (this.leafOf.get(commitEntry(row), this.origin) as { leaf: number | null }).leaf;
  }

  /** Makes the tree over the first entries of the log; answers its root, undefined when not all of them are there. */
  async plant(size: number): Promise<Digest | undefined> {
    const insert = this.database.prepare('INSERT INTO temp.subtrees VALUES (?, ?, ?)');
    const entries = this.database
      .prepare('SELECT leaf, entry FROM temp.log_entries WHERE log = ? AND leaf < ? ORDER BY leaf, rowid')
      .iterate(this.origin ?? '', size) as Iterable<unknown>;
    /** By level, the subtree whose neighbour is not there yet. */
    const waiting: (Digest | undefined)[] = [];
    let next = 0;
    for (const row of entries) {
      const { leaf, entry } = row as { leaf: number; entry: string };
      if (leaf !== next) return undefined;
      let hash = leafHash(entry);
      for (let level = 0, n = leaf; ; level += 1, n = Math.floor(n / 2)) {
        insert.run(level, n, hash);
        const left = waiting[level];
        waiting[level] = left === undefined ? hash : undefined;
        if (left === undefined) break;
        hash = nodeHash(left, hash);
      }
      next += 1;
    }
    return next === size && size > 0 ? await rootBetween(0, size, this.perfect) : undefined;
  }

  /** The inclusion proof of a leaf in the tree that was planted. */
  async path(leaf: number, size: number): Promise<Digest[]> {
    return await inclusionPath(leaf, size, this.perfect);
  }

  private readonly perfect = async (level: number, n: number): Promise<Digest> =>
    Buffer.from((this.subtree.get(level, n) as { hash: Uint8Array }).hash);
}
