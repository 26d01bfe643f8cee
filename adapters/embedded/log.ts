/**
 * The log of a folder, to be read and nothing else: while a host writes it, after one was killed, as evidence that
 * nobody may touch, from a disk or by a user that can't write. Nothing is made or changed beside it.
 */
import { constants, copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DATABASE_FILE } from './database';
import { isHeld, sqliteCode } from './folder';
import { BUSY_MS, type DatabaseSync, openDatabase } from './sqlite';

export interface OpenLog {
  readonly folder: string;
  readonly database: DatabaseSync;
  /** Whether a host was writing it when it was opened. */
  readonly live: boolean;
  /**
   * Whether somebody began to write a log that nobody wrote when it was opened. What was read since may be of two
   * times.
   */
  wasDisturbed(): boolean;
  close(): void;
}

/** Whether there is a log in the folder. */
export function hasLog(folder: string): boolean {
  return statSync(join(folder, DATABASE_FILE), { throwIfNoEntry: false })?.isFile() === true;
}

/** SQLITE_BUSY, SQLITE_READONLY, SQLITE_CANTOPEN */
const PASSING = [5, 8, 14];
const AGAIN_MS = 20;

/**
 * Opens one database of a folder for reading, the log where none is named. Throws what SQLite throws when it can't be
 * read. A host that begins or ends just now makes and removes what is read with it: then it is opened again.
 */
export function openLog(folder: string, name = DATABASE_FILE): OpenLog {
  for (const until = performance.now() + BUSY_MS; ;) {
    const log = openNow(folder, name);
    try {
      log.database.prepare('SELECT count(*) FROM sqlite_schema').get();
      return log;
    } catch (error) {
      const passes = PASSING.includes(sqliteCode(error)) && (log.live || log.wasDisturbed());
      // What stays wrong, whoever reads it finds and tells.
      if (!passes || performance.now() > until) return log;
      log.close();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN_MS);
    }
  }
}

/**
 * SQLite reads the write-ahead log through an index in a third file. A host that runs has made it; without one:
 * - nothing waits in the write-ahead log: the database is read as one that does not change,
 * - the index is there (its host was killed): it is left as it is, and made anew in memory,
 * - the index is not there: both files are copied elsewhere, and read there.
 */
function openNow(folder: string, name: string): OpenLog {
  const file = join(folder, name);
  const live = isHeld(folder);
  const before = stampOf(file);
  const open = (options: string) => openDatabase(new URL(`?${options}`, pathToFileURL(file)));
  const opened = (database: DatabaseSync, temporary?: string): OpenLog => ({
    folder,
    database,
    live,
    wasDisturbed: () => !live && (stampOf(file) !== before || isHeld(folder)),
    close() {
      database.close();
      if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
    },
  });
  if (live) return opened(open('mode=ro'));
  if (sizeOf(`${file}-wal`) === 0) return opened(open('mode=ro&immutable=1'));
  if (sizeOf(`${file}-shm`) > 0) return opened(open('mode=ro&readonly_shm=1'));
  const temporary = mkdtempSync(join(tmpdir(), 'formicary-log-'));
  for (const each of [name, `${name}-wal`])
    copyFileSync(join(folder, each), join(temporary, each), constants.COPYFILE_FICLONE);
  return opened(openDatabase(join(temporary, name), { readOnly: true }), temporary);
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

/** Changes when the database or its write-ahead log is written. */
function stampOf(file: string): string {
  return [file, `${file}-wal`]
    .map((each) => statSync(each, { throwIfNoEntry: false }))
    .map((found) => `${found?.mtimeMs} ${found?.size}`)
    .join();
}
