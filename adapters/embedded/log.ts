/**
 * The log of a folder, to be read and nothing else: while a host writes it, after one was killed, as evidence that
 * nobody may touch, from a disk or by a user that can't write. Nothing is made or changed beside it.
 */
import { constants, copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DATABASE_FILE } from './database';
import { isHeld } from './folder';
import { DatabaseSync } from './sqlite';

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

/**
 * Opens one database of a folder for reading, the log where none is named. Throws what SQLite throws when it can't be
 * read.
 *
 * SQLite reads the write-ahead log through an index in a third file. A host that runs has made it; without one:
 * - nothing waits in the write-ahead log: the database is read as one that does not change,
 * - the index is there (its host was killed): it is left as it is, and made anew in memory,
 * - the index is not there: both files are copied elsewhere, and read there.
 */
export function openLog(folder: string, name = DATABASE_FILE): OpenLog {
  const file = join(folder, name);
  const live = isHeld(folder);
  const before = stampOf(file);
  const open = (options: string) => new DatabaseSync(new URL(`?${options}`, pathToFileURL(file)));
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
  return opened(new DatabaseSync(join(temporary, name), { readOnly: true }), temporary);
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
