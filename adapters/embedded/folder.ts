/**
 * The data folder: private to its owner, usable or refused in words that help, and used by one process at a time.
 *
 * No function here opens and closes a file that SQLite may hold: on POSIX that would drop the locks of this process.
 */
import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { type DatabaseSync, openDatabase } from './sqlite';

/** Nobody but the owner reads what a colony knows. */
export const PRIVATE_FOLDER = 0o700;
export const PRIVATE_FILE = 0o600;

/** A host holds a lock on it for as long as it lives. */
export const LOCK_FILE = 'formicary.lock';
/** What the product itself puts into a data folder. */
const OURS = /^(formicary|durable|event-hubs)\.|^(blobs|archive|subject-keys)$|^manifest\.json$/;
/** As large as what a first write needs, so that a full disk is found before anything is begun. */
const PROBE_BYTES = 64 * 1024;

/** Another process holds the folder, or it can't be used. The message says what to do. */
export class DatabaseUnavailable extends Error {}

/**
 * Makes the folder if it isn't there, takes others' rights to it away, and proves that it can be written.
 * A folder that also holds other things keeps its rights: it isn't only ours, and what we put there is private anyway.
 * Throws `DatabaseUnavailable`.
 */
export function prepareFolder(folder: string): void {
  const probe = join(folder, `formicary.probe-${process.pid}`);
  try {
    makeFolder(resolve(folder));
    if (readdirSync(folder).every((name) => OURS.test(name))) tighten(folder, PRIVATE_FOLDER);
    try {
      writeFileSync(probe, Buffer.alloc(PROBE_BYTES), { mode: PRIVATE_FILE, flush: true });
    } finally {
      rmSync(probe, { force: true });
    }
  } catch (error) {
    throw new DatabaseUnavailable(`${folder} can't be used: ${reasonOf(error)}`, { cause: error });
  }
}

/** Node's own recursion never ends where a folder is there and takes none, such as /proc. */
function makeFolder(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return;
  makeFolder(dirname(folder));
  try {
    mkdirSync(folder, { mode: PRIVATE_FOLDER });
  } catch (error) {
    // Two may begin at once.
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

/**
 * Makes an empty file that only its owner may read, or takes others' rights to one that is there away. SQLite gives its
 * companions the same.
 */
export function privateFile(file: string): void {
  try {
    closeSync(openSync(file, 'wx', PRIVATE_FILE));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    for (const each of [file, `${file}-wal`, `${file}-shm`])
      if (statSync(each, { throwIfNoEntry: false }) !== undefined) tighten(each, PRIVATE_FILE);
  }
}

/** Whose file it is not, who can't change its rights: then they stay as they are. */
function tighten(place: string, mode: number): void {
  if (process.platform === 'win32' || (statSync(place).mode & 0o077) === 0) return;
  try {
    chmodSync(place, mode);
  } catch (error) {
    if (codeOf(error) !== 'EPERM' && codeOf(error) !== 'EROFS') throw error;
  }
}

/** Why a file or folder can't be used, and what to do, without the stack of calls. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return `${userName()} may not write there: change its owner or its rights, or choose another folder with --data or FORMICARY_DATA`;
    case 'EROFS':
      return 'it lies on a file system that is read-only: mount it writable, or choose another folder with FORMICARY_DATA';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'its disk is full: make room, or choose a folder on another disk with FORMICARY_DATA';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'there is a file of that name, or in its path: choose another folder with FORMICARY_DATA';
    default:
      return message;
  }
}

/** A user that the machine has no name for is told by its number. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.()}`;
  }
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

// --------------------------------------------------------------------------------------------------------- the lock

/** Whoever only asks whether the folder is in use holds the file for a moment. */
const LOCK_BUSY_MS = 1_000;
const SQLITE_BUSY = 5;
/** SQLITE_CANTOPEN, SQLITE_NOTADB */
const NO_LOCK = [14, 26];
/** What SQLite calls an error, without its details; 0 for another one. */
export const sqliteCode = (error: unknown): number => ((error as { errcode?: number }).errcode ?? 0) & 0xff;
const isBusy = (error: unknown): boolean => sqliteCode(error) === SQLITE_BUSY;

/**
 * An exclusive SQLite lock on a file of its own: the operating system frees it when the process dies, however it dies,
 * which a lock file with a process id would not. Throws `DatabaseUnavailable`.
 */
export function acquireLock(folder: string, name = LOCK_FILE): DatabaseSync {
  const file = join(folder, name);
  privateFile(file);
  let lock: DatabaseSync | undefined;
  try {
    lock = openDatabase(file, { busyMs: LOCK_BUSY_MS });
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    if (!isBusy(error))
      throw new DatabaseUnavailable(
        `${file} can't be locked: ${reasonOf(error)}. It holds nothing: when no host uses ${folder}, remove it`,
        { cause: error },
      );
    throw new DatabaseUnavailable(
      `another process uses ${folder}: stop it, or choose another folder with --data or FORMICARY_DATA`,
    );
  }
}

/** Whether a process has the folder open for writing. Asks without a trace, and without the right to write. */
export function isHeld(folder: string): boolean {
  const file = join(folder, LOCK_FILE);
  // What is no file, a folder for example, is no lock.
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return false;
  let lock: DatabaseSync | undefined;
  try {
    lock = openDatabase(file, { readOnly: true, busyMs: 0 });
    lock.prepare('SELECT count(*) FROM sqlite_schema').get();
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    // Another user's: then so is the log, and that is what has to be said. And no host can hold what is no lock.
    if (NO_LOCK.includes(sqliteCode(error))) return false;
    throw error;
  } finally {
    lock?.close();
  }
}
