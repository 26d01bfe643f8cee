/** Makes the secret of a data folder, when it has none. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseUnavailable, prepareFolder, PRIVATE_FILE, privateFile } from './folder';
import { readSecret, SECRET_FILE } from './secret';

const SECRET_BYTES = 32;

/** The secret of a folder, which is made when it has none. Throws `DatabaseUnavailable`, `SecretUnusable`. */
export function secretIn(folder: string): { readonly secret: string; readonly isNew: boolean } {
  const known = readSecret(folder);
  if (known !== undefined) {
    privateFile(join(folder, SECRET_FILE));
    return { secret: known, isNew: false };
  }
  prepareFolder(folder);
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  try {
    writeFileSync(join(folder, SECRET_FILE), `${secret}\n`, { mode: PRIVATE_FILE, flag: 'wx', flush: true });
  } catch (error) {
    // Two may begin at once: the first one's stands.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST')
      return { secret: readSecret(folder) as string, isNew: false };
    throw new DatabaseUnavailable(`${folder} can't be used: ${String(error)}`, { cause: error });
  }
  return { secret, isNew: true };
}
