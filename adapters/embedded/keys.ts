/**
 * To which request an Idempotency-Key belongs, on SQLite. A claim goes to the writer thread before whatever is done
 * under it, which keeps the order: it shares the sync of the commit that follows, and is never less durable.
 */
import { type Claimed, KEY_WINDOW_MS, type KeyClaim, type Keys } from '../../app/engine/ports';
import { sha256 } from '../../domain/kernel/commit';
import { Recent } from '../../domain/kernel/recent';
import type { Database } from './database';
import type { Statement } from './writer';

/** How many keys of one principal are kept at least; a key takes some 300 bytes of the file. */
export const MAX_KEYS = 200_000;
/** Beyond that, so many of its oldest are forgotten together. */
const FORGOTTEN_TOGETHER = MAX_KEYS / 10;
/** After so many claims, twice as many rows at the old end are looked at. */
const SWEEP_EVERY = 64;
const PRINCIPALS = 10_000;
const KEPT = Promise.resolve();

const SCHEMA: readonly Statement[] = [
  [
    'CREATE TABLE IF NOT EXISTS keys (seq INTEGER PRIMARY KEY, owner TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL, at INTEGER NOT NULL)',
    [],
  ],
  ['CREATE UNIQUE INDEX IF NOT EXISTS keys_by_owner ON keys (owner, key)', []],
];

export class SqliteKeys implements Keys {
  /** Claims that are on their way to the disk. */
  private readonly pending = new Map<string, Claimed>();
  /** How many keys an owner has, at most. */
  private readonly counts = new Recent<string, number>(PRINCIPALS);
  private claims = 0;

  private constructor(
    private readonly database: Database,
    private readonly most: number,
  ) {}

  static async open(database: Database, most = MAX_KEYS): Promise<SqliteKeys> {
    await database.write({ statements: SCHEMA });
    return new SqliteKeys(database, most);
  }

  async claim({ tenant, principal, key, request, at }: KeyClaim): Promise<Claimed> {
    const owner = `${tenant}/${principal}`;
    const hash = sha256(key).slice(0, 32);
    const name = `${owner} ${hash}`;
    const pending = this.pending.get(name);
    if (pending !== undefined) return pending;
    const known = this.database.get<{ request: string; at: number }>(
      'SELECT request, at FROM keys WHERE owner = ? AND key = ?',
      owner,
      hash,
    );
    if (known !== undefined && known.at + KEY_WINDOW_MS > at) return { request: known.request, kept: KEPT };
    const statements: Statement[] = [
      ['INSERT OR REPLACE INTO keys (owner, key, request, at) VALUES (?, ?, ?, ?)', [owner, hash, request, at]],
    ];
    this.claims += 1;
    if (this.claims % SWEEP_EVERY === 0)
      statements.push([
        'DELETE FROM keys WHERE seq IN (SELECT seq FROM keys ORDER BY seq LIMIT ?) AND at <= ?',
        [2 * SWEEP_EVERY, at - KEY_WINDOW_MS],
      ]);
    const forgotten = this.count(owner);
    if (forgotten > 0)
      statements.push([
        'DELETE FROM keys WHERE seq IN (SELECT seq FROM keys WHERE owner = ? ORDER BY seq LIMIT ?)',
        [owner, forgotten],
      ]);
    const kept = this.database.write({ statements }).then(
      () => void this.pending.delete(name),
      (error: unknown) => {
        this.pending.delete(name);
        throw error;
      },
    );
    // Whoever has claimed hears of it; nobody else has to.
    kept.catch(() => undefined);
    const claimed: Claimed = { request, kept, ...(forgotten > 0 && { forgotten }) };
    this.pending.set(name, claimed);
    return claimed;
  }

  /** Counts one more key of the owner; says how many of its oldest have to go. */
  private count(owner: string): number {
    const before =
      this.counts.get(owner) ??
      this.database.get<{ n: number }>('SELECT count(*) AS n FROM keys WHERE owner = ?', owner)?.n ??
      0;
    const forgotten = before < this.most ? 0 : Math.min(FORGOTTEN_TOGETHER, Math.ceil(this.most / 10));
    this.counts.set(owner, before + 1 - forgotten);
    return forgotten;
  }
}
