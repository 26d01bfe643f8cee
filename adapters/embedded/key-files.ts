/**
 * Keys of a data folder, each in a file of its own beside the database, which only its owner reads; a backup holds none
 * of them.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepareFolder, PRIVATE_FILE, privateFile } from './folder';
import { SECRET_FILE } from './secret';

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

/** Undefined when there is none. */
export function readKey(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
