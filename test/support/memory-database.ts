/** What the embedded stores stand on, in memory: one connection, and no writer thread or disk. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { WriteOperation, WriteResult } from '../../adapters/embedded/writer';
import type { BlobArchive } from '../../app/engine/ports';
import { digestOf } from '../../domain/kernel/merkle';

/** What a `Database` is to the stores, on one connection to memory. */
export class MemoryDatabase {
  /** Of the mark that stands beside the log. */
  readonly folder = mkdtempSync(join(tmpdir(), 'formicary-stage-'));
  private readonly connection = new DatabaseSync(':memory:');
  private readonly closers: (() => void)[] = [];
  private readonly statements = new Map<string, StatementSync>();
  private waiting: {
    operation: WriteOperation;
    resolve: (result: Exclude<WriteResult, { kind: 'failed' }>) => void;
    reject: (error: Error) => void;
  }[] = [];

  set onClose(close: () => void) {
    this.closers.push(close);
  }

  close(): void {
    for (const close of this.closers.splice(0)) close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  write(operation: WriteOperation): Promise<Exclude<WriteResult, { kind: 'failed' }>> {
    return new Promise((resolve, reject) => {
      if (this.waiting.length === 0) setImmediate(() => this.flush());
      this.waiting.push({ operation, resolve, reject });
    });
  }

  all<T>(sql: string, ...parameters: SQLInputValue[]): T[] {
    return this.prepare(sql).all(...parameters) as T[];
  }

  get<T>(sql: string, ...parameters: SQLInputValue[]): T | undefined {
    return this.prepare(sql).get(...parameters) as T | undefined;
  }

  private flush(): void {
    const group = this.waiting;
    this.waiting = [];
    for (const { operation, resolve, reject } of group) {
      this.connection.exec('BEGIN');
      try {
        const result = this.execute(operation);
        this.connection.exec('COMMIT');
        resolve(result);
      } catch (error) {
        this.connection.exec('ROLLBACK');
        reject(error as Error);
      }
    }
  }

  private execute({ guard, statements }: WriteOperation): Exclude<WriteResult, { kind: 'failed' }> {
    if (guard !== undefined) {
      const row = this.get<Record<string, unknown>>(guard.query[0], ...guard.query[1]);
      const value = row === undefined ? null : (Object.values(row)[0] ?? null);
      if (value !== guard.expected) return { kind: 'guarded', value };
    }
    let changes = 0;
    for (const [sql, parameters] of statements) changes = Number(this.prepare(sql).run(...parameters).changes);
    return { kind: 'done', changes };
  }

  private prepare(sql: string): StatementSync {
    let statement = this.statements.get(sql);
    if (statement === undefined) this.statements.set(sql, (statement = this.connection.prepare(sql)));
    return statement;
  }
}

export class MemoryBlobs implements BlobArchive {
  private readonly blobs = new Map<string, Uint8Array>();

  async put(tenant: string, bytes: Uint8Array): Promise<string> {
    const reference = `sha256:${digestOf(bytes).toString('hex')}`;
    this.blobs.set(`${tenant} ${reference}`, bytes);
    return reference;
  }

  async get(tenant: string, reference: string): Promise<Uint8Array | undefined> {
    return this.blobs.get(`${tenant} ${reference}`);
  }
}
