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

export const { DatabaseSync } = loadQuietly();
export type DatabaseSync = Sqlite.DatabaseSync;
export type { SQLInputValue, StatementSync } from 'node:sqlite';
