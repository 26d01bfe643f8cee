/**
 * `node:sqlite`, loaded without its warning that it is experimental: Node 22 prints one in each thread, and nobody who
 * reads it can do anything about it. What we rest on is held by the contract tests, on Node 22 and 24.
 */
import { createRequire } from 'node:module';
import type * as Sqlite from 'node:sqlite';

function loadQuietly(): typeof Sqlite {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return createRequire(__filename)('node:sqlite') as typeof Sqlite;
  } finally {
    process.emitWarning = emitWarning;
  }
}

const { DatabaseSync } = loadQuietly();
export type DatabaseSync = Sqlite.DatabaseSync;

/**
 * How long a database is waited for that another connection has locked, in milliseconds: who opens, closes or recovers
 * a write-ahead log does so for a moment. The writer thread
 * waits as long, to open it.
 */
export const BUSY_MS = 5_000;

/**
 * Opens a database: every one of the product, but for the writer thread's. `''` is one that nobody else sees.
 * @param busyMs see `BUSY_MS`; then it throws SQLITE_BUSY
 */
export function openDatabase(
  location: string | URL,
  { readOnly = false, busyMs = BUSY_MS }: { readonly readOnly?: boolean; readonly busyMs?: number } = {},
): DatabaseSync {
  const database = new DatabaseSync(location, { readOnly });
  // Of the option for this, older versions of Node know nothing.
  database.exec(`PRAGMA busy_timeout = ${busyMs}`);
  return database;
}
export type { SQLInputValue, StatementSync } from 'node:sqlite';
