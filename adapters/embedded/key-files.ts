/**
 * Keys of a data folder, each in a file of its own beside the database, which only its owner reads; a backup holds none
 * of them.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOG_ID, logDecider } from '../../domain/audit/log';
import { prepareFolder, PRIVATE_FILE, privateFile } from './folder';
import { hasLog, openLog } from './log';
import { SECRET_FILE } from './secret';
import { SUBJECT_KEYS_FOLDER } from './subject-keys';

/** Signs checkpoints. */
export const LOG_KEY_FILE = 'formicary.log-key';
/** Wraps the keys of subjects. */
export const PERSONAL_KEY_FILE = 'formicary.personal-key';
const KEY_BYTES = 32;

/** The files that no backup holds, and what is lost without each. */
export const KEYS_APART: readonly { readonly file: string; readonly lost: string }[] = [
  { file: SECRET_FILE, lost: "all tokens end, and there is another owner's key" },
  { file: PERSONAL_KEY_FILE, lost: 'nothing opens that is sealed' },
  { file: LOG_KEY_FILE, lost: 'the log is signed by another key, which looks like fraud' },
];

/**
 * The key files that a folder misses although it holds what they belong to, sealed data or a signed log: the next start
 * would make others.
 * @param given the files in whose place a setting gives the key
 */
export function missingKeys(folder: string, given: ReadonlySet<string> = new Set()): readonly string[] {
  const isMissing = (name: string) => !given.has(name) && !existsSync(join(folder, name));
  return [
    ...(isMissing(PERSONAL_KEY_FILE) && holdsSubjectKeys(folder) ? [PERSONAL_KEY_FILE] : []),
    ...(isMissing(LOG_KEY_FILE) && hasSignedLog(folder) ? [LOG_KEY_FILE] : []),
  ];
}

function holdsSubjectKeys(folder: string): boolean {
  const keys = join(folder, SUBJECT_KEYS_FOLDER);
  return existsSync(keys) && readdirSync(keys).length > 0;
}

function hasSignedLog(folder: string): boolean {
  if (!hasLog(folder)) return false;
  const log = openLog(folder);
  try {
    const signed = log.database.prepare('SELECT 1 FROM commits WHERE stream LIKE ? LIMIT 1');
    return signed.get(`%/${logDecider.category}/${LOG_ID}`) !== undefined;
  } catch {
    // A database that is damaged, or from before there were receipts in it: whoever opens it says so.
    return false;
  } finally {
    log.close();
  }
}

/** The key that signs checkpoints. */
export function logKeyIn(folder: string): string {
  return keyIn(folder, LOG_KEY_FILE);
}

/** The key that wraps those of subjects. */
export function personalKeyIn(folder: string): string {
  return keyIn(folder, PERSONAL_KEY_FILE);
}

/** A key of a folder, 32 bytes in base64, which is made when there is none. */
function keyIn(folder: string, name: string): string {
  const file = join(folder, name);
  const known = readKey(file);
  if (known !== undefined) {
    privateFile(file);
    return known;
  }
  prepareFolder(folder);
  const key = randomBytes(KEY_BYTES).toString('base64');
  try {
    writeFileSync(file, `${key}\n`, { mode: PRIVATE_FILE, flag: 'wx', flush: true });
    return key;
  } catch (error) {
    // Two may begin at once: the first one's stands.
    const other = (error as NodeJS.ErrnoException).code === 'EEXIST' ? readKey(file) : undefined;
    if (other === undefined) throw error;
    return other;
  }
}

function readKey(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
