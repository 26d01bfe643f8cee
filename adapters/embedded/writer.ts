/**
 * The writer thread: the one place that writes the database file. It executes whatever has arrived since its last
 * transaction in one transaction, and answers after that transaction is on the disk (group commit): the more callers
 * wait, the fewer syncs each of them costs.
 *
 * It knows no tables. It has no imports of ours, so that it runs both compiled and from its source.
 */
import { DatabaseSync, type StatementSync, type SQLInputValue } from 'node:sqlite';
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';

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

/** Messages to the thread: operations in order with the number of the first, or the wish to close. */
export type WriterRequest = { readonly first: number; readonly operations: readonly WriteOperation[] } | 'close';
export type WriterResponse = { readonly first: number; readonly results: readonly WriteResult[] }[] | 'open' | 'closed';

/** Upper bound of one transaction, so that latency stays bounded under load. */
const MAX_OPERATIONS = 2_000;

function run(port: MessagePort, file: string): void {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8000; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY');
  const prepared = new Map<string, StatementSync>();
  const prepare = (sql: string): StatementSync => {
    let statement = prepared.get(sql);
    if (statement === undefined) prepared.set(sql, (statement = database.prepare(sql)));
    return statement;
  };

  const execute = (operation: WriteOperation): WriteResult => {
    if (operation.guard !== undefined) {
      const [sql, parameters] = operation.guard.query;
      const row = prepare(sql).get(...parameters);
      const value = row === undefined ? null : (Object.values(row)[0] ?? null);
      if (value !== operation.guard.expected) return { kind: 'guarded', value };
    }
    let changes = 0;
    for (const [sql, parameters] of operation.statements) changes = Number(prepare(sql).run(...parameters).changes);
    return { kind: 'done', changes };
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

  const alone = (operation: WriteOperation): WriteResult => {
    try {
      return transaction(() => execute(operation));
    } catch (error) {
      return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
    }
  };

  const handle = (first: WriterRequest): void => {
    const requests: Exclude<WriterRequest, 'close'>[] = [];
    let closing = false;
    let count = 0;
    for (let request: WriterRequest | undefined = first; request !== undefined; ) {
      if (request === 'close') {
        closing = true;
        break;
      }
      requests.push(request);
      count += request.operations.length;
      if (count >= MAX_OPERATIONS) break;
      request = receiveMessageOnPort(port)?.message as WriterRequest | undefined;
    }
    if (requests.length > 0) {
      let response: { first: number; results: WriteResult[] }[];
      try {
        response = transaction(() => requests.map((request) => ({ first: request.first, results: request.operations.map(execute) })));
      } catch {
        // One operation failed and the transaction with it: each on its own, so that only the guilty one fails.
        response = requests.map((request) => ({ first: request.first, results: request.operations.map(alone) }));
      }
      port.postMessage(response);
    }
    if (closing) {
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      database.close();
      port.postMessage('closed');
      port.close();
    }
  };

  port.on('message', handle);
  port.postMessage('open');
}

if (parentPort !== null) run(parentPort, (workerData as { file: string }).file);
