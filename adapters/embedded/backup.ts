/**
 * Backups of a data folder, and the way back.
 *
 * A backup is made from the files, not by the host: it works while one runs, while none does, and when none can. SQLite
 * gives one consistent state of each database to a reader beside the writer. Their order makes the copies fit: what the
 * receipts name (blobs) and what only waits for them (orchestrations) is copied after the receipts, so it is there, at
 * worst with something newer beside it, which does no harm.
 *
 * A backup has the layout of a data folder: whatever reads one reads it too.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { ARCHIVE_FOLDER, archiveFilesIn } from './archive';
import { DATABASE_FILE } from './database';
import { DatabaseUnavailable, prepareFolder, PRIVATE_FILE, PRIVATE_FOLDER, reasonOf } from './folder';
import { hasLog, openLog } from './log';
import { lostTail, type Mark, newestOf, readMark, writeMarkOf } from './mark';
import { SUBJECT_KEYS_FOLDER } from './subject-keys';

export const MANIFEST_FILE = 'manifest.json';
const BLOBS = 'blobs';
/** Beside the log: orchestrations, and how far event hubs were read. */
export const OTHER_DATABASES = ['durable.db', 'event-hubs.db'];

export interface BackedUpFile {
  /** In the backup, with `/` between folders. */
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

export interface Manifest {
  readonly format: 1;
  /** When it was begun; what came later may be missing. */
  readonly made_at: string;
  /** The newest receipt that is in it; undefined for an empty log. */
  readonly newest?: Mark;
  readonly files: readonly BackedUpFile[];
}

/** What can't be backed up or restored as asked. The message says what is wrong. */
export class BackupRefused extends Error {}

/** Hears of each file that is done. */
export type OnFile = (file: BackedUpFile) => void;

/**
 * Backs the folder up into `target`, which must not exist or be empty. It appears there whole, with everything on the
 * disk, or not at all. Throws `BackupRefused`, and what SQLite throws when a database is damaged.
 */
export async function backUp(folder: string, target: string, madeAt: string, onFile: OnFile): Promise<Manifest> {
  if (!hasLog(folder)) throw new BackupRefused(`there is no log in ${folder}`);
  if (isBelow(target, folder))
    throw new BackupRefused(`${target} lies in ${folder} itself, and would be lost with it: choose a folder elsewhere`);
  return await whole(target, async (place) => {
    const newest = copyDatabase(folder, DATABASE_FILE, place);
    for (const name of OTHER_DATABASES) if (existsSync(join(folder, name))) copyDatabase(folder, name, place);
    copyByHash(join(folder, BLOBS), join(place, BLOBS));
    // A file is there before a marker names it.
    for (const name of archiveFilesIn(folder))
      copyFile(join(folder, ARCHIVE_FOLDER, name), join(place, ARCHIVE_FOLDER, name));
    // Wrapped, by a key that no backup holds. After the receipts: whatever these hold sealed has its key here.
    copyByHash(join(folder, SUBJECT_KEYS_FOLDER), join(place, SUBJECT_KEYS_FOLDER));
    const files: BackedUpFile[] = [];
    for (const path of filesIn(place)) {
      const file = await described(place, path);
      files.push(file);
      onFile(file);
    }
    const manifest: Manifest = { format: 1, made_at: madeAt, ...(newest === undefined ? {} : { newest }), files };
    writeFileSync(join(place, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`, { mode: PRIVATE_FILE });
    return manifest;
  });
}

/**
 * Makes a data folder out of a backup, after every file of it was held against the manifest. `target` must not exist or
 * be empty. Throws `BackupRefused`.
 */
export async function restore(backup: string, target: string, onFile: OnFile): Promise<Manifest> {
  const manifest = manifestOf(backup);
  const there = filesIn(backup).filter((path) => path !== MANIFEST_FILE);
  const listed = new Set(manifest.files.map(({ path }) => path));
  const strange = there.filter((path) => !listed.has(path));
  if (strange.length > 0)
    throw new BackupRefused(`${backup} holds what its manifest does not list: ${strange.slice(0, 3).join(', ')}`);
  for (const { path, bytes, sha256 } of manifest.files) {
    if (!existsSync(join(backup, path))) throw new BackupRefused(`${backup} misses ${path}, which its manifest lists`);
    const found = await described(backup, path);
    if (found.bytes !== bytes || found.sha256 !== sha256)
      throw new BackupRefused(`${join(backup, path)} is not what was backed up: its hash differs from the manifest's`);
  }
  return await whole(target, (place) => {
    for (const file of manifest.files) {
      copyFile(join(backup, file.path), join(place, file.path));
      onFile(file);
    }
    return Promise.resolve(manifest);
  });
}

/** The manifest of a backup. Throws `BackupRefused` where there is none. */
export function manifestOf(backup: string): Manifest {
  try {
    const manifest = JSON.parse(readFileSync(join(backup, MANIFEST_FILE), 'utf8')) as Manifest;
    const whole =
      manifest.format === 1 && Array.isArray(manifest.files) && manifest.files.every(({ path }) => isInside(path));
    if (!whole || !manifest.files.some(({ path }) => path === DATABASE_FILE))
      throw new Error('it is not of a kind that is known here');
    return manifest;
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new BackupRefused(
      `${backup} is no backup: ${absent ? `there is no ${MANIFEST_FILE} in it` : `${MANIFEST_FILE}: ${(error as Error).message}`}`,
    );
  }
}

/** Whether a place is a folder or lies in it, whatever links lead there. */
function isBelow(place: string, folder: string): boolean {
  let there = resolve(place);
  while (!existsSync(there)) there = dirname(there);
  const way = relative(realpathSync(folder), realpathSync(there));
  return way === '' || !(isAbsolute(way) || way.split(sep)[0] === '..');
}

/** A path of a manifest leads nowhere else. */
const isInside = (path: unknown): boolean =>
  typeof path === 'string' &&
  /^[\w.-]+(\/[\w.-]+)*$/.test(path) &&
  !path.split('/').some((part) => part === '..' || part === '.');

/** Lets `make` fill a folder beside `target`, and gives it that name when all of it is on the disk. */
export async function whole<T>(target: string, make: (place: string) => Promise<T>): Promise<T> {
  if (existsSync(target) && (!statSync(target).isDirectory() || readdirSync(target).length > 0))
    throw new BackupRefused(`${target} is there already and not empty: choose another folder; nothing is overwritten`);
  const place = `${target}.partial-${process.pid}`;
  try {
    prepareFolder(place);
    const made = await make(place);
    for (const path of filesIn(place)) sync(join(place, path));
    for (const folder of foldersIn(place)) sync(folder);
    if (existsSync(target)) rmdirSync(target);
    renameSync(place, target);
    if (process.platform !== 'win32') sync(dirname(target));
    return made;
  } catch (error) {
    rmSync(place, { recursive: true, force: true });
    if (error instanceof DatabaseUnavailable) throw new BackupRefused(error.message);
    if ((error as NodeJS.ErrnoException).code === undefined || (error as { errcode?: number }).errcode !== undefined)
      throw error;
    throw new BackupRefused(`${target} could not be written: ${reasonOf(error)}`);
  }
}

/**
 * One consistent state of a database, packed. Of the log it gives the newest receipt, and writes the mark that belongs
 * to it: that of the folder where it names what is lost, so that the copy shows it as the original does.
 */
function copyDatabase(folder: string, name: string, place: string): Mark | undefined {
  const source = openLog(folder, name);
  const mark = readMark(folder);
  try {
    source.database.prepare('VACUUM INTO ?').run(join(place, name));
    chmodSync(join(place, name), PRIVATE_FILE);
    if (source.wasDisturbed())
      throw new BackupRefused(`a host began to write ${folder} meanwhile: make the backup again`);
  } finally {
    source.close();
  }
  if (name !== DATABASE_FILE) return undefined;
  const copy = openLog(place);
  try {
    const newest = newestOf((sql) => copy.database.prepare(sql).get() as Mark | undefined);
    const isWhole = mark === undefined || lostTail(mark, copy.database) === undefined;
    const shown = isWhole ? newest : mark;
    if (shown !== undefined) writeMarkOf(place, shown);
    return newest;
  } finally {
    copy.close();
  }
}

/** Blobs, and keys of subjects, have a hash as their name; what has another one is being written. */
function copyByHash(from: string, to: string): void {
  if (!existsSync(from)) return;
  for (const path of filesIn(from))
    if (/^[0-9a-f]{64}$/.test(path.split('/').at(-1) as string)) copyFile(join(from, path), join(to, path));
}

function copyFile(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true, mode: PRIVATE_FOLDER });
  // The bytes are shared where the file system can do that; either copy can then be changed alone.
  copyFileSync(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  chmodSync(to, PRIVATE_FILE);
}

async function described(folder: string, path: string): Promise<BackedUpFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(join(folder, path)) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { path, bytes, sha256: hash.digest('hex') };
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

function foldersIn(folder: string): string[] {
  return [
    folder,
    ...readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name)),
  ];
}

function sync(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
