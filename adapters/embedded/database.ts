/**
 * One SQLite file for everything that the embedded profile keeps: a writer thread that commits in groups, and a
 * read-only connection on this thread. WAL lets both go on at once; a reader sees only what is durable.
 */
import { mkdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from './sqlite';
import { Worker } from 'node:worker_threads';
import { encode, type Program, type WriteOperation, type WriteResult, type WriterRequest, type WriterResponse } from './writer';

export const DATABASE_FILE = 'formicary.db';

/**
 * Operations go to the writer thread together at the end of a turn of the event loop, or as soon as there are this
 * many: then the thread writes and syncs the first of them while this one still decides the rest. Small enough that
 * 32 writers overlap, large enough that a message is cheap.
 */
const FLUSH_AT = 16;

/** Another process holds the folder, or the file can't be used. The message says what to do. */
export class DatabaseUnavailable extends Error {}

export class Database {
  private readonly statements = new Map<string, StatementSync>();
  private readonly waiting = new Map<number, (result: WriteResult) => void>();
  /** The numbers of the SQL texts that the writer thread knows, or is about to. */
  private readonly numbers = new Map<string, number>();
  private newTexts: string[] = [];
  private outgoing: Program = [];
  private outgoingFirst = 0;
  private next = 0;
  private scheduled = false;
  private failure: Error | undefined;
  private closed: Promise<void> | undefined;

  private constructor(
    readonly folder: string,
    private readonly worker: Worker,
    private readonly lock: DatabaseSync,
    private reader: DatabaseSync,
  ) {}

  /** Opens (and creates) the database in `folder`. Throws `DatabaseUnavailable` when another process uses it. */
  static async open(folder: string): Promise<Database> {
    mkdirSync(folder, { recursive: true });
    const lock = acquireLock(folder);
    const file = join(folder, DATABASE_FILE);
    const worker = new Worker(join(__dirname, `writer${extname(__filename)}`), { workerData: { file } });
    try {
      await new Promise<void>((resolve, reject) => {
        worker.once('message', () => resolve());
        worker.once('error', reject);
      });
      const database = new Database(folder, worker, lock, new DatabaseSync(file, { readOnly: true }));
      worker.on('message', (message: WriterResponse) => database.receive(message));
      worker.on('error', (error: Error) => database.fail(error));
      worker.on('exit', () => database.fail(new Error('the writer thread ended')));
      return database;
    } catch (error) {
      await worker.terminate();
      lock.close();
      throw new DatabaseUnavailable(`${file} can't be opened: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Runs the operation in the next transaction; resolves when it is durable. Rejects when it failed. */
  async write(operation: WriteOperation): Promise<Exclude<WriteResult, { kind: 'failed' }>> {
    if (this.failure !== undefined) throw this.failure;
    const result = await new Promise<WriteResult>((resolve) => {
      this.waiting.set(this.next, resolve);
      if (this.outgoing.length === 0) this.outgoingFirst = this.next;
      this.next += 1;
      encode(this.outgoing, operation, (sql) => this.numberOf(sql));
      if (this.next - this.outgoingFirst >= FLUSH_AT) this.flush();
      else if (!this.scheduled) {
        this.scheduled = true;
        setImmediate(() => this.flush());
      }
    });
    if (result.kind === 'failed') throw this.failure ?? new Error(result.message);
    return result;
  }

  /** Rows of a query on the read-only connection. */
  all<T>(sql: string, ...parameters: SQLInputValue[]): T[] {
    return this.prepare(sql).all(...parameters) as T[];
  }

  get<T>(sql: string, ...parameters: SQLInputValue[]): T | undefined {
    return this.prepare(sql).get(...parameters) as T | undefined;
  }

  /** Writes what is under way, then closes. Idempotent. */
  close(): Promise<void> {
    this.closed ??= (async () => {
      this.flush();
      this.reader.close();
      if (this.failure === undefined) {
        const ended = new Promise<void>((resolve) => this.worker.once('exit', () => resolve()));
        this.worker.postMessage('close' satisfies WriterRequest);
        await ended;
      } else await this.worker.terminate();
      this.lock.close();
    })();
    return this.closed;
  }

  private prepare(sql: string): StatementSync {
    let statement = this.statements.get(sql);
    if (statement === undefined) this.statements.set(sql, (statement = this.reader.prepare(sql)));
    return statement;
  }

  private flush(): void {
    this.scheduled = false;
    if (this.outgoing.length === 0) return;
    this.worker.postMessage({ first: this.outgoingFirst, texts: this.newTexts, program: this.outgoing } satisfies WriterRequest);
    this.outgoing = [];
    this.newTexts = [];
  }

  private numberOf(sql: string): number {
    let number = this.numbers.get(sql);
    if (number === undefined) {
      this.numbers.set(sql, (number = this.numbers.size));
      this.newTexts.push(sql);
    }
    return number;
  }

  private receive(message: WriterResponse): void {
    if (typeof message === 'string') return;
    for (const { first, results } of message) {
      results.forEach((result, offset) => {
        const resolve = this.waiting.get(first + offset);
        this.waiting.delete(first + offset);
        resolve?.(typeof result === 'number' ? { kind: 'done', changes: result } : result);
      });
    }
  }

  private fail(error: Error): void {
    this.failure ??= error;
    for (const resolve of this.waiting.values()) resolve({ kind: 'failed', message: error.message });
    this.waiting.clear();
  }
}

/**
 * An exclusive SQLite lock on a file of its own: the operating system frees it when the process dies, however it dies,
 * which a lock file with a process id would not.
 */
function acquireLock(folder: string): DatabaseSync {
  const lock = new DatabaseSync(join(folder, 'formicary.lock'));
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
    return lock;
  } catch {
    lock.close();
    throw new DatabaseUnavailable(`another process uses ${folder}: stop it, or choose another folder with FORMICARY_DATA`);
  }
}
