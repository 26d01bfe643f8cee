/** The secret of a data folder, from which the colony's keys are derived: in a file that only its owner reads. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MIN_SECRET } from '../../domain/kernel/identity-secret';

export const SECRET_FILE = 'formicary.secret';

/** The file is there and can't be used. The message says what to do. */
export class SecretUnusable extends Error {}

/** The secret of a folder; undefined where there is none. Throws `SecretUnusable` when it can't be read. */
export function readSecret(folder: string): string | undefined {
  const file = join(folder, SECRET_FILE);
  let secret: string;
  try {
    secret = readFileSync(file, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new SecretUnusable(`${file} can't be read: ${code ?? String(error)}`, { cause: error });
  }
  if (secret.length < MIN_SECRET)
    throw new SecretUnusable(
      `${file} holds no secret: remove it, and the next start makes another, with another owner's key`,
    );
  return secret;
}
