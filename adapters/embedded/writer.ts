/**
 * The writer thread: the one place that writes the database file. It executes whatever has arrived since its last
 * transaction in one transaction, and answers after that transaction is on the disk (group commit): the more callers
 * wait, the fewer syncs each of them costs.
 *
 * It knows no tables. It has no imports of ours, so that it runs both compiled and from its source.
 */
import { statSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

/** What the thread is started with. */
export interface WriterData {
  readonly file: string;
  /** How long it waits, to open it, for a database that another connection has locked, in milliseconds. */
  readonly busyMs: number;
}

/** `[sql, parameters]` */
export type Statement = readonly [string, readonly SQLInputValue[]];

/**
 * Statements that take effect together or not at all. `guard` is a query of one value: unless it answers `expected`,
 * nothing runs and the value is the result. Without a guard, or when it holds, the result is the number of rows that
 * the last statement changed.
 */
export interface WriteOperation {
  readonly guard?: { readonly query: Statement; readonly expected: SQLInputValue };
  readonly statements: readonly Statement[];
}

export type WriteResult =
  | { readonly kind: 'done'; readonly changes: number }
  | { readonly kind: 'guarded'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly message: string };

/**
 * Operations as they go to the thread: one flat array for all of them, and each SQL text only once, since a message is
 * copied value by value and this copy is what a write costs most on the sending side. An operation is
 * `length, guard, [count, …parameters, expected,] (statement, count, …parameters)…`, where `length` counts all of its
 * values, a statement is the number of its text, and `guard` is −1 when there is none.
 */
export type Program = SQLInputValue[];

/**
 * Messages to the thread: operations in order with the number of the first and the texts that are new, or the wish to
 * close; with `leave` the write-ahead log stays as it is.
 */
export type WriterRequest =
  { readonly first: number; readonly texts: readonly string[]; readonly program: Program } | 'close' | 'leave';
/** A number stands for `done` with so many changes. */
export type WriterResponse =
  { readonly first: number; readonly results: readonly (number | WriteResult)[] }[] | 'open' | 'closed';

/** Writes an operation at the end of a program; `numberOf` knows the SQL texts. */
export function encode(
  program: Program,
  { guard, statements }: WriteOperation,
  numberOf: (sql: string) => number,
): void {
  const start = program.length;
  program.push(0, -1);
  if (guard !== undefined) {
    const [sql, parameters] = guard.query;
    program[start + 1] = numberOf(sql);
    program.push(parameters.length, ...parameters, guard.expected);
  }
  for (const [sql, parameters] of statements) program.push(numberOf(sql), parameters.length, ...parameters);
  program[start] = program.length - start;
}

/** A write-ahead log that has grown beyond this behind a long reader is cut when the reader is gone. */
const MAX_WAL_BYTES = 40 * 1024 * 1024;
const LOOK_AT_WAL_MS = 5_000;

/**
 * Upper bound of one transaction in values of its programs (an append of one commit has 11), so that latency stays
 * bounded under load.
 */
const MAX_VALUES = 25_000;

function run(port: MessagePort, { file, busyMs }: WriterData): void {
  const database = new DatabaseSync(file);
  database.exec(`PRAGMA busy_timeout = ${busyMs}`);
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8000; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY',
  );
  // From here on nobody else has a reason to lock it: who does is told of at once, and holds up nobody who waits.
  database.exec('PRAGMA busy_timeout = 0');
  const texts: string[] = [];
  const prepared: StatementSync[] = [];
  // Prepared at the first use: a table that a statement names may come to be by the one before it.
  const prepare = (number: number): StatementSync => (prepared[number] ??= database.prepare(texts[number] as string));

  const execute = (program: Program, start: number): number | WriteResult => {
    const end = start + (program[start] as number);
    let at = start + 2;
    const parameters = (): SQLInputValue[] => {
      const first = at + 1;
      at = first + (program[at] as number);
      return program.slice(first, at);
    };
    const guard = program[start + 1] as number;
    if (guard >= 0) {
      const row = prepare(guard).get(...parameters());
      const value = row === undefined ? null : (Object.values(row)[0] ?? null);
      if (value !== program[at++]) return { kind: 'guarded', value };
    }
    let changes = 0;
    while (at < end) {
      const statement = prepare(program[at++] as number);
      changes = Number(statement.run(...parameters()).changes);
    }
    return changes;
  };

  const executeAll = (
    program: Program,
    run: (program: Program, start: number) => number | WriteResult,
  ): (number | WriteResult)[] => {
    const results: (number | WriteResult)[] = [];
    for (let start = 0; start < program.length; start += program[start] as number) results.push(run(program, start));
    return results;
  };

  const transaction = <T>(work: () => T): T => {
    database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      database.exec('COMMIT');
      return result;
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  };

  const alone = (program: Program, start: number): number | WriteResult => {
    try {
      return transaction(() => execute(program, start));
    } catch (error) {
      return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
    }
  };

  const handle = (first: WriterRequest): void => {
    const requests: Exclude<WriterRequest, string>[] = [];
    let closing: 'close' | 'leave' | undefined;
    let values = 0;
    for (let request: WriterRequest | undefined = first; request !== undefined;) {
      if (typeof request === 'string') {
        closing = request;
        break;
      }
      requests.push(request);
      texts.push(...request.texts);
      values += request.program.length;
      if (values >= MAX_VALUES) break;
      request = receiveMessageOnPort(port)?.message as WriterRequest | undefined;
    }
    if (requests.length > 0) {
      let response: Exclude<WriterResponse, string>;
      try {
        response = transaction(() =>
          requests.map(({ first: number, program }) => ({ first: number, results: executeAll(program, execute) })),
        );
      } catch {
        // One operation failed and the transaction with it: each on its own, so that only the guilty one fails.
        response = requests.map(({ first: number, program }) => ({
          first: number,
          results: executeAll(program, alone),
        }));
      }
      port.postMessage(response satisfies WriterResponse);
    }
    if (closing !== undefined) {
      clearInterval(tidy);
      if (closing === 'close') database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      database.close();
      port.postMessage('closed');
      port.close();
    }
  };

  // SQLite begins anew at the front of the file when all of it is in the database, yet never makes it shorter by
  // itself.
  const wal = `${file}-wal`;
  const tidy = setInterval(() => {
    try {
      if ((statSync(wal, { throwIfNoEntry: false })?.size ?? 0) > MAX_WAL_BYTES)
        database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // A reader or the disk is in the way: the next look is soon.
    }
  }, LOOK_AT_WAL_MS);

  port.on('message', handle);
  port.postMessage('open');
}

if (parentPort !== null) run(parentPort, workerData as WriterData);
