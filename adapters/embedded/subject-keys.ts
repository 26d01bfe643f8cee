/**
 * The wrapped keys of subjects as files, one each, in a folder of the data folder: not in the database, whose pages
 * and journal keep what was deleted for a while. A key that was destroyed leaves an empty file, so that none comes
 * after it.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SubjectKeys } from '../../app/engine/ports-personal';
import { sha256 } from '../../domain/kernel/commit';
import { PRIVATE_FILE, PRIVATE_FOLDER } from './folder';

export const SUBJECT_KEYS_FOLDER = 'subject-keys';

export class FileSubjectKeys implements SubjectKeys {
  private readonly folder: string;

  /** @param data the data folder */
  constructor(data: string) {
    this.folder = join(data, SUBJECT_KEYS_FOLDER);
  }

  async find(tenant: string, subject: string): Promise<Uint8Array | 'erased' | undefined> {
    try {
      const bytes = await readFile(this.fileOf(tenant, subject));
      // Zeros: it is being destroyed.
      return bytes.every((byte) => byte === 0) ? 'erased' : bytes;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async keep(tenant: string, subject: string, wrapped: Uint8Array): Promise<Uint8Array | 'erased'> {
    const known = await this.find(tenant, subject);
    if (known !== undefined) return known;
    const file = this.fileOf(tenant, subject);
    await this.makeFolder(dirname(file));
    // It appears whole under its name, or not at all.
    const whole = `${file}.${randomUUID()}`;
    try {
      await written(whole, wrapped);
      await link(whole, file);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    } finally {
      await rm(whole, { force: true });
    }
    await synced(dirname(file));
    return (await this.find(tenant, subject)) as Uint8Array | 'erased';
  }

  async destroy(tenant: string, subject: string): Promise<void> {
    const file = this.fileOf(tenant, subject);
    if ((await stat(file).catch(() => undefined))?.size === 0) return;
    await this.makeFolder(dirname(file));
    try {
      await written(file, new Uint8Array());
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      const key = await open(file, 'r+');
      try {
        const { size } = await key.stat();
        await key.write(Buffer.alloc(size), 0, size, 0);
        await key.sync();
        await key.truncate(0);
        await key.sync();
      } finally {
        await key.close();
      }
    }
    await synced(dirname(file));
  }

  private async makeFolder(folder: string): Promise<void> {
    const first = await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
    if (first === undefined) return;
    await synced(dirname(this.folder));
    await synced(this.folder);
  }

  /** Names of subjects differ in case, file systems may not. */
  private fileOf(tenant: string, subject: string): string {
    const name = sha256(`${tenant}/${subject}`);
    return join(this.folder, name.slice(0, 2), name);
  }
}

/** Makes a file that is on the disk when this resolves. Rejects with EEXIST when there is one. */
async function written(file: string, bytes: Uint8Array): Promise<void> {
  const made = await open(file, 'wx', PRIVATE_FILE);
  try {
    await made.writeFile(bytes);
    await made.sync();
  } finally {
    await made.close();
  }
}

async function synced(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const opened = await open(folder, 'r');
  try {
    await opened.sync();
  } finally {
    await opened.close();
  }
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
