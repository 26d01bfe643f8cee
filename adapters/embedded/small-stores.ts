/** Checkpoints, deadlines, the work queue, the blob archive and presence of the embedded profile. */
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type {
  BlobArchive,
  Checkpoint,
  Checkpoints,
  DeadItem,
  Deadline,
  Deadlines,
  Presence,
  WorkItem,
  WorkQueue,
} from '../../app/engine/ports';
import { isTenant } from '../../domain/kernel/ids';
import { plusSeconds, type Time } from '../../domain/kernel/time';
import type { Database } from './database';
import { PRIVATE_FILE, PRIVATE_FOLDER } from './folder';
import type { Statement } from './writer';

export class SqliteCheckpoints implements Checkpoints {
  private constructor(private readonly database: Database) {}

  static async open(database: Database): Promise<SqliteCheckpoints> {
    await database.write({
      statements: [
        ['CREATE TABLE IF NOT EXISTS checkpoints (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID', []],
      ],
    });
    return new SqliteCheckpoints(database);
  }

  async load(name: string): Promise<Checkpoint | undefined> {
    return this.database.get<{ value: string }>('SELECT value FROM checkpoints WHERE name = ?', name)?.value;
  }

  async save(name: string, checkpoint: Checkpoint): Promise<void> {
    await this.database.write({
      statements: [['INSERT OR REPLACE INTO checkpoints (name, value) VALUES (?, ?)', [name, checkpoint]]],
    });
  }
}

/**
 * Beside the deadline that stands, the next one is kept (`later`): it may have been scheduled while the first was being
 * looked at, by somebody who knew more than the look. Settling the first then brings up the next.
 */
export class SqliteDeadlines implements Deadlines {
  private constructor(private readonly database: Database) {}

  static async open(database: Database): Promise<SqliteDeadlines> {
    await database.write({
      statements: [
        [
          'CREATE TABLE IF NOT EXISTS deadlines (stream TEXT NOT NULL, reason TEXT NOT NULL, due TEXT NOT NULL, later TEXT, PRIMARY KEY (stream, reason)) WITHOUT ROWID',
          [],
        ],
        ['CREATE INDEX IF NOT EXISTS deadlines_by_due ON deadlines (due)', []],
      ],
    });
    return new SqliteDeadlines(database);
  }

  async schedule(deadlines: readonly Deadline[]): Promise<void> {
    // One for the same time as the one that stands is kept too: that one may be under a look just now.
    if (deadlines.length > 0)
      await this.database.write({ statements: deadlines.map((deadline) => added(deadline, '>=')) });
  }

  async due(now: Time, limit: number): Promise<readonly Deadline[]> {
    return this.database.all<{ stream: string; reason: string; due: string }>(
      'SELECT stream, reason, due FROM deadlines WHERE due <= ? ORDER BY due, stream, reason LIMIT ?',
      now,
      limit,
    );
  }

  async settle(fired: readonly Deadline[], next: readonly Deadline[]): Promise<void> {
    const statements: Statement[] = [
      ...fired.flatMap(({ stream, reason, due }): Statement[] => [
        ['DELETE FROM deadlines WHERE stream = ? AND reason = ? AND due = ? AND later IS NULL', [stream, reason, due]],
        [
          'UPDATE deadlines SET due = later, later = NULL WHERE stream = ? AND reason = ? AND due = ?',
          [stream, reason, due],
        ],
      ]),
      ...next.map((deadline) => added(deadline, '>')),
    ];
    if (statements.length > 0) await this.database.write({ statements });
  }

  async reasons(): Promise<readonly string[]> {
    return this.database
      .all<{ reason: string }>('SELECT DISTINCT reason FROM deadlines ORDER BY reason')
      .map(({ reason }) => reason);
  }
}

/** The earlier of the two stands; of the later ones, the first is kept when it compares so with the one that stands. */
function added({ stream, reason, due }: Deadline, compares: '>' | '>='): Statement {
  return [
    `INSERT INTO deadlines (stream, reason, due) VALUES (?, ?, ?) ON CONFLICT (stream, reason) DO UPDATE SET due = min(due, excluded.due), later = CASE
       WHEN excluded.due < due THEN due WHEN excluded.due ${compares} due THEN min(coalesce(later, excluded.due), excluded.due) ELSE later END`,
    [stream, reason, due],
  ];
}

interface QueueRow {
  readonly id: string;
  readonly body: string;
  readonly deliveries: number;
  readonly reason: string;
}

export class SqliteWorkQueue implements WorkQueue {
  private constructor(private readonly database: Database) {}

  static async open(database: Database): Promise<SqliteWorkQueue> {
    await database.write({
      statements: [
        [
          `CREATE TABLE IF NOT EXISTS work (queue TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, deliveries INTEGER NOT NULL DEFAULT 0,
             visible TEXT NOT NULL, lock TEXT, dead TEXT, PRIMARY KEY (queue, id)) WITHOUT ROWID`,
          [],
        ],
        ['CREATE INDEX IF NOT EXISTS work_by_time ON work (queue, visible, id) WHERE dead IS NULL', []],
      ],
    });
    return new SqliteWorkQueue(database);
  }

  async send(queue: string, items: readonly { id: string; body: unknown; notBefore?: string }[]): Promise<void> {
    if (items.length === 0) return;
    await this.database.write({
      statements: items.map((item) => [
        'INSERT OR IGNORE INTO work (queue, id, body, visible) VALUES (?, ?, ?, ?)',
        [queue, item.id, JSON.stringify(item.body), item.notBefore ?? ''],
      ]),
    });
  }

  async receive(queue: string, limit: number, lockSeconds: number, now: Time): Promise<readonly WorkItem[]> {
    const lock = randomUUID();
    await this.database.write({
      statements: [
        [
          `UPDATE work SET lock = ?, visible = ?, deliveries = deliveries + 1 WHERE queue = ? AND id IN
             (SELECT id FROM work WHERE queue = ? AND dead IS NULL AND visible <= ? ORDER BY visible, id LIMIT ?)`,
          [lock, plusSeconds(now, lockSeconds), queue, queue, now, limit],
        ],
      ],
    });
    return this.database
      .all<QueueRow>('SELECT id, body, deliveries FROM work WHERE queue = ? AND lock = ? ORDER BY id', queue, lock)
      .map((row) => ({ id: row.id, body: JSON.parse(row.body) as unknown, deliveries: row.deliveries, lock }));
  }

  complete(queue: string, item: WorkItem): Promise<boolean> {
    return this.settle('DELETE FROM work WHERE queue = ? AND id = ? AND lock = ?', queue, item.id, item.lock);
  }

  abandon(queue: string, item: WorkItem, notBefore = ''): Promise<boolean> {
    return this.settle(
      'UPDATE work SET lock = NULL, visible = ? WHERE queue = ? AND id = ? AND lock = ?',
      notBefore,
      queue,
      item.id,
      item.lock,
    );
  }

  deadLetter(queue: string, item: WorkItem, reason: string): Promise<boolean> {
    return this.settle(
      'UPDATE work SET lock = NULL, dead = ? WHERE queue = ? AND id = ? AND lock = ?',
      reason,
      queue,
      item.id,
      item.lock,
    );
  }

  async dead(queue: string, limit: number, after = ''): Promise<readonly DeadItem[]> {
    return this.database
      .all<QueueRow>(
        'SELECT id, body, deliveries, dead AS reason FROM work WHERE queue = ? AND dead IS NOT NULL AND id > ? ORDER BY id LIMIT ?',
        queue,
        after,
        limit,
      )
      .map((row) => ({
        id: row.id,
        body: JSON.parse(row.body) as unknown,
        deliveries: row.deliveries,
        reason: row.reason,
      }));
  }

  redrive(queue: string, id: string): Promise<boolean> {
    return this.settle(
      "UPDATE work SET dead = NULL, deliveries = 0, visible = '' WHERE queue = ? AND id = ? AND dead IS NOT NULL",
      queue,
      id,
    );
  }

  private async settle(sql: string, ...parameters: string[]): Promise<boolean> {
    const result = await this.database.write({ statements: [[sql, parameters]] });
    return result.kind === 'done' && result.changes > 0;
  }
}

/** Blobs as files, by content: writing the same bytes twice is harmless, and a torn write is never seen. */
export class FileBlobArchive implements BlobArchive {
  constructor(private readonly folder: string) {}

  async put(tenant: string, bytes: Uint8Array): Promise<string> {
    const hash = createHash('sha256').update(bytes).digest('hex');
    const folder = this.place(tenant, hash);
    const made = await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
    const temporary = join(folder, `${hash}.${randomUUID()}`);
    const file = await open(temporary, 'wx', PRIVATE_FILE);
    try {
      await file
        .writeFile(bytes)
        .then(() => file.sync())
        .finally(() => file.close());
      await rename(temporary, join(folder, hash));
    } catch (error) {
      // A disk that is full is not filled with halves.
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    // The new name, and those of new folders, have to last as long as the bytes.
    for (let at = folder; ; at = dirname(at)) {
      const directory = await open(at);
      await directory.sync().finally(() => directory.close());
      if (made === undefined || at === dirname(made)) break;
    }
    return `sha256:${hash}`;
  }

  async get(tenant: string, reference: string): Promise<Uint8Array | undefined> {
    const hash = hashIn(reference);
    if (hash === undefined) return undefined;
    try {
      return await readFile(join(this.place(tenant, hash), hash));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Whether the bytes are there, and are those that the reference names. */
  check(tenant: string, reference: string): 'kept' | 'missing' | 'altered' {
    const hash = hashIn(reference);
    if (hash === undefined) return 'missing';
    try {
      const bytes = readFileSync(join(this.place(tenant, hash), hash));
      return createHash('sha256').update(bytes).digest('hex') === hash ? 'kept' : 'altered';
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing';
      if (code === 'EISDIR') return 'altered';
      throw error;
    }
  }

  private place(tenant: string, hash: string): string {
    if (!isTenant(tenant)) throw new RangeError(`not a tenant: ${tenant}`);
    return join(this.folder, tenant, hash.slice(0, 2));
  }
}

function hashIn(reference: string): string | undefined {
  return /^sha256:([0-9a-f]{64})$/.exec(reference)?.[1];
}

/**
 * Heartbeats in memory: on one machine they mean something only while the host runs. After a restart nothing is
 * known, and the application gives everybody one time limit of grace.
 */
export class MemoryPresence implements Presence {
  private readonly beats = new Map<string, number>();

  beat(keys: readonly string[], at: number): void {
    for (const key of keys) if (at > (this.beats.get(key) ?? -Infinity)) this.beats.set(key, at);
  }

  async last(key: string): Promise<number | undefined> {
    return this.beats.get(key);
  }

  forget(keys: readonly string[]): void {
    for (const key of keys) this.beats.delete(key);
  }
}
