import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { PRIVATE_FILE } from '../adapters/embedded/folder';
import { UsageError } from './terminal';

/** Writes a file anew, private to its owner: whoever reads it meanwhile finds the old one, or all of this one. */
export function putFile(path: string, content: string | Buffer): void {
  const place = `${path}.partial-${process.pid}`;
  try {
    writeFileSync(place, content, { mode: PRIVATE_FILE, flag: 'wx' });
    renameSync(place, path);
  } catch (error) {
    rmSync(place, { force: true });
    throw new UsageError(`${path} could not be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}
