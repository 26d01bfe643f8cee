/**
 * One SQLite file for everything that the embedded profile keeps: a writer thread that commits in groups, and a
 * read-only connection on this thread. WAL lets both go on at once; a reader sees only what is durable.
 */
import { existsSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { acquireLock, DatabaseUnavailable, prepareFolder, privateFile, reasonOf } from './folder';
import { lostTail, type Mark, MARK_FILE, readMark } from './mark';
import { BUSY_MS, type DatabaseSync, openDatabase, type SQLInputValue, type StatementSync } from './sqlite';
import {
  encode,
  type Program,
  type WriteOperation,
  type WriterData,
  type WriteResult,
  type WriterRequest,
  type WriterResponse,
} from './writer';

export const DATABASE_FILE = 'formicary.db';

/**
 * Operations go to the writer thread together at the end of a turn of the event loop, or as soon as there are this
 * many: then the thread writes and syncs the first of them while this one still decides the rest. Small enough that
 * 32 writers overlap, large enough that a message is cheap.
 */
const FLUSH_AT = 16;
/** The same while the thread has something to write: a message costs more than what is in it. */
const FLUSH_BUSY_AT = 64;
/** As soon as there are this many values, however few operations: the thread bounds a transaction between messages. */
const FLUSH_AT_VALUES = 5_000;

/** Operations that are answered in one turn of the event loop. */
const ANSWERS_AT_ONCE = 32;
/** Who has waited for so long is answered in this turn, however many there are. */
const LONG_WAIT_MS = 1_000;

/** Less than one group of writes can need: a disk with less room than that counts as full. */
const LEAST_FREE_BYTES = 4 * 1024 * 1024;
/** How long the probe of a write may take. */
const PROBE_MS = 5_000;

const PROBE: WriteOperation = {
  statements: [
    ['CREATE TABLE IF NOT EXISTS probe (one INTEGER PRIMARY KEY, count INTEGER NOT NULL)', []],
    ['INSERT INTO probe VALUES (1, 1) ON CONFLICT (one) DO UPDATE SET count = count + 1', []],
  ],
};

/** What became of an operation, which its caller has not been told. */
interface Answer {
  readonly operation: number;
  readonly result: number | WriteResult;
}

export class Database {
  private readonly statements = new Map<string, StatementSync>();
  private readonly waiting = new Map<
    number,
    { readonly resolve: (result: WriteResult) => void; readonly since: number }
  >();
  /** The numbers of the SQL texts that the writer thread knows, or is about to. */
  private readonly numbers = new Map<string, number>();
  private newTexts: string[] = [];
  private outgoing: Program = [];
  private outgoingFirst = 0;
  private next = 0;
  private scheduled = false;
  /** What is durable, and whose callers have not been told. */
  private readonly answers: Answer[] = [];
  private answering = false;
  /** Messages that the thread has not answered. */
  private unanswered = 0;
  private failure: Error | undefined;
  private closed: Promise<void> | undefined;
  /** Runs when writes have become durable, before their writers hear of it. Must not throw. */
  onDurable: () => void = () => undefined;
  /** Runs when the last write is durable and the files are closed. */
  onClose: () => void = () => undefined;
  /** Which file it is that this process has open. */
  private readonly inode: number;

  private constructor(
    readonly folder: string,
    private readonly worker: Worker,
    private readonly lock: DatabaseSync,
    private reader: DatabaseSync,
  ) {
    this.inode = statSync(join(folder, DATABASE_FILE)).ino;
  }

  /**
   * Opens (and creates) the database in `folder`. Throws `DatabaseUnavailable` when another process uses it, or nobody
   * can.
   */
  static async open(folder: string): Promise<Database> {
    prepareFolder(folder);
    const lock = acquireLock(folder);
    const file = join(folder, DATABASE_FILE);
    try {
      refuseLostEnd(folder);
      privateFile(file);
    } catch (error) {
      lock.close();
      throw unusable(folder, error);
    }
    // The thread runs from its source too, where it can't import what loads SQLite quietly (`sqlite.ts`). Flags of the
    // process that concern the whole of it are refused for a thread.
    const execArgv = ['--disable-warning=ExperimentalWarning'];
    const workerData: WriterData = { file, busyMs: BUSY_MS };
    const worker = new Worker(join(__dirname, `writer${extname(__filename)}`), { workerData, execArgv });
    try {
      await new Promise<void>((resolve, reject) => {
        worker.once('message', () => resolve());
        worker.once('error', reject);
      });
      const database = new Database(folder, worker, lock, openDatabase(file, { readOnly: true }));
      worker.on('message', (message: WriterResponse) => database.receive(message));
      worker.on('error', (error: Error) => database.fail(error));
      worker.on('exit', () => database.fail(new Error('the writer thread ended')));
      return database;
    } catch (error) {
      await worker.terminate();
      lock.close();
      throw unusable(folder, error);
    }
  }

  /** Runs the operation in the next transaction; resolves when it is durable. Rejects when it failed. */
  async write(operation: WriteOperation): Promise<Exclude<WriteResult, { kind: 'failed' }>> {
    if (this.failure !== undefined) throw this.failure;
    const result = await new Promise<WriteResult>((resolve) => {
      this.waiting.set(this.next, { resolve, since: performance.now() });
      if (this.outgoing.length === 0) this.outgoingFirst = this.next;
      this.next += 1;
      encode(this.outgoing, operation, (sql) => this.numberOf(sql));
      if (this.isFull()) this.flush();
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

  /**
   * Proves that the next write would be durable: undefined when so, else why not, in words. Writes one row, so it is
   * not for every request. Never rejects.
   */
  async probe(): Promise<string | undefined> {
    const file = join(this.folder, DATABASE_FILE);
    if (statSync(file, { throwIfNoEntry: false })?.ino !== this.inode)
      return `${file} was removed or replaced while this host has it open`;
    const room = await statfs(this.folder).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => Infinity,
    );
    if (room < LEAST_FREE_BYTES) return `the disk of ${this.folder} is full: ${Math.floor(room / 1024)} KiB are free`;
    const timer = Promise.withResolvers<string>();
    // A process that was away for a while reads first what has come meanwhile.
    const late = setTimeout(
      () => setImmediate(() => timer.resolve(`${file} has not taken a write for ${PROBE_MS / 1_000} s`)),
      PROBE_MS,
    );
    const written = this.write(PROBE).then(
      () => undefined,
      (error: unknown) => `${file} takes no writes: ${reasonOf(error)}`,
    );
    return await Promise.race([written, timer.promise]).finally(() => clearTimeout(late));
  }

  /** Writes what is under way, brings the write-ahead log into the database, then closes. Idempotent. */
  close(): Promise<void> {
    return (this.closed ??= this.end('close'));
  }

  /**
   * Closes and leaves the files as they are, the write-ahead log too: what could not be opened is evidence. Idempotent.
   */
  leave(): Promise<void> {
    return (this.closed ??= this.end('leave'));
  }

  private async end(how: Exclude<WriterRequest, object>): Promise<void> {
    // The answers of what is under way still need the reader.
    if (this.failure === undefined) await this.write({ statements: [] }).catch(() => undefined);
    // The last connection that closes moves the write-ahead log into the database, unless it may only read.
    if (how === 'close') this.reader.close();
    if (this.failure === undefined) {
      const ended = new Promise<void>((resolve) => this.worker.once('exit', () => resolve()));
      this.worker.postMessage(how);
      await ended;
    } else await this.worker.terminate();
    if (how === 'leave') this.reader.close();
    this.onClose();
    this.lock.close();
  }

  private prepare(sql: string): StatementSync {
    let statement = this.statements.get(sql);
    if (statement === undefined) this.statements.set(sql, (statement = this.reader.prepare(sql)));
    return statement;
  }

  private isFull(): boolean {
    const operations = this.next - this.outgoingFirst;
    return operations >= (this.unanswered === 0 ? FLUSH_AT : FLUSH_BUSY_AT) || this.outgoing.length >= FLUSH_AT_VALUES;
  }

  private flush(): void {
    this.scheduled = false;
    if (this.outgoing.length === 0) return;
    this.worker.postMessage({
      first: this.outgoingFirst,
      texts: this.newTexts,
      program: this.outgoing,
    } satisfies WriterRequest);
    this.unanswered += 1;
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
    this.unanswered -= message.length;
    this.onDurable();
    for (const { first, results } of message)
      results.forEach((result, offset) => this.answers.push({ operation: first + offset, result }));
    if (!this.answering) this.answer();
  }

  /** Gives the next answers, and the rest in later turns: each of them may be followed by what its caller does next. */
  private answer = (): void => {
    const long = performance.now() - LONG_WAIT_MS;
    // A process that was away has what has come meanwhile before anybody counts the time for which it has waited.
    const isLate = ({ operation }: Answer) => (this.waiting.get(operation)?.since ?? Infinity) <= long;
    const later = this.answers.findIndex((answer, i) => i >= ANSWERS_AT_ONCE && !isLate(answer));
    const some = this.answers.splice(0, later < 0 ? this.answers.length : later);
    this.answering = this.answers.length > 0;
    if (this.answering) setImmediate(this.answer);
    for (const { operation, result } of some) {
      const waiting = this.waiting.get(operation);
      this.waiting.delete(operation);
      waiting?.resolve(typeof result === 'number' ? { kind: 'done', changes: result } : result);
    }
  };

  private fail(error: Error): void {
    this.failure ??= error;
    while (this.answers.length > 0) this.answer();
    for (const { resolve } of this.waiting.values()) resolve({ kind: 'failed', message: error.message });
    this.waiting.clear();
  }
}

/**
 * Throws `DatabaseUnavailable` when the log misses what was acknowledged: going on would cover what may be found again.
 * It is looked at before anything opens it for writing: SQLite would bring into the database what it can read of a
 * write-ahead log and throw away the rest, all of it beside an empty database.
 */
function refuseLostEnd(folder: string): void {
  const file = join(folder, DATABASE_FILE);
  const sizeOf = (name: string): number => statSync(name, { throwIfNoEntry: false })?.size ?? 0;
  const mark = readMark(folder);
  const isEmpty = sizeOf(file) === 0;
  let lost: string | undefined;
  if (isEmpty && mark !== undefined)
    lost = `${DATABASE_FILE} ${existsSync(file) ? 'is empty' : 'is not there'}, yet ${mark.commit} was acknowledged at place ${mark.position}`;
  else if (isEmpty && sizeOf(`${file}-wal`) > 0)
    lost = `${DATABASE_FILE} ${existsSync(file) ? 'is empty' : 'is not there'}, yet its write-ahead log is`;
  else if (!isEmpty && mark !== undefined) lost = lostEnd(file, mark);
  if (lost === undefined) return;
  const aside =
    isEmpty && sizeOf(`${file}-wal`) > 0 ? `${file}-wal and ${join(folder, MARK_FILE)}` : join(folder, MARK_FILE);
  throw new DatabaseUnavailable(
    `${folder} has lost receipts: ${lost}. If ${isEmpty ? DATABASE_FILE : `${DATABASE_FILE}-wal`} was moved or deleted, put it back; else restore a backup. ` +
      `To go on without them, rename ${aside}. See "Receipts are missing at the end" in docs/operation.md`,
  );
}

function lostEnd(file: string, mark: Mark): string | undefined {
  const database = openDatabase(file, { readOnly: true });
  try {
    return lostTail(mark, database);
  } finally {
    database.close();
  }
}

/** SQLITE_CORRUPT, SQLITE_NOTADB */
const DAMAGED = [11, 26];

/**
 * Whether an error of SQLite says that the file itself is damaged; one that comes from the writer thread has kept its
 * words only.
 */
export function isDamage(error: unknown): boolean {
  const { errcode = 0, message = '' } = error as { errcode?: number; message?: string };
  return DAMAGED.includes(errcode & 0xff) || /database disk image is malformed|file is not a database/.test(message);
}

/** Why a database of ours has no table of commits. */
export const NO_LOG = 'it is empty, or its write-ahead log is not beside it';

/** An error with which the store of a folder could not be used, for the person who has to mend it. */
export function unusable(folder: string, error: unknown): DatabaseUnavailable {
  if (error instanceof DatabaseUnavailable) return error;
  const file = join(folder, DATABASE_FILE);
  if (/no such table: commits/.test(reasonOf(error)))
    return new DatabaseUnavailable(`${file} holds no log: ${NO_LOG}`, { cause: error });
  const advice =
    ` Copy the folder before anything else; \`npx formicary export FILE --salvage --data ${folder}\` saves what can be read, ` +
    '`npx formicary restore` brings back a backup. See "A damaged file" in docs/operation.md';
  return new DatabaseUnavailable(
    isDamage(error) ? `${file} is damaged (${reasonOf(error)}).${advice}` : `${file} can't be used: ${reasonOf(error)}`,
    { cause: error },
  );
}
