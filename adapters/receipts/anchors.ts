/**
 * Where checkpoints are kept outside, so that whoever changes a log can't change what it said before: a folder, for
 * example of another machine or on a medium that is written once; a Git repository. A file each.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Anchor, OtherCheckpoint } from '../../app/engine/ports';
import { checkpointName } from '../../domain/audit/log';

const GIT_TIMEOUT_MS = 30_000;
const run = promisify(execFile);

export class FolderAnchor implements Anchor {
  readonly name: string = 'folder';

  constructor(protected readonly folder: string) {}

  async keep(tenant: string, size: number, note: string): Promise<void> {
    await this.write(tenant, size, note);
  }

  /** Answers the file's path below the folder. Throws when another checkpoint of that size is there. */
  protected async write(tenant: string, size: number, note: string): Promise<string> {
    const path = checkpointName(tenant, size);
    const place = join(this.folder, path);
    await mkdir(dirname(place), { recursive: true });
    // It gets its name when it is whole: who verifies takes half a checkpoint for a forged one.
    const draft = `${place}.${randomUUID()}`;
    try {
      await writeFile(draft, note, { flag: 'wx', flush: true });
      await link(draft, place);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if ((await readFile(place, 'utf8')) !== note) throw new OtherCheckpoint(place, size, { cause: error });
    } finally {
      // One that stays is no checkpoint by its name.
      await rm(draft).catch(() => undefined);
    }
    return path;
  }
}

/** A commit for each checkpoint; to push it elsewhere is for a hook of the repository, or for whoever keeps it. */
export class GitAnchor extends FolderAnchor {
  override readonly name = 'git';
  private last: Promise<void> = Promise.resolve();

  /** @param folder the work tree of a repository */
  override async keep(tenant: string, size: number, note: string): Promise<void> {
    // Git takes one at a time.
    const kept = this.last.then(() => this.commit(tenant, size, note));
    this.last = kept.catch(() => undefined);
    await kept;
  }

  private async commit(tenant: string, size: number, note: string): Promise<void> {
    const path = await this.write(tenant, size, note);
    await this.git('add', '--', path);
    const staged = await this.git('diff', '--cached', '--name-only', '--', path);
    if (staged === '') return;
    await this.git(
      ...['-c', 'user.name=Formicary', '-c', 'user.email=formicary@localhost'],
      ...['commit', '--quiet', '-m', `Checkpoint of ${tenant}: ${size} leaves`, '--', path],
    );
  }

  private async git(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('git', ['-C', this.folder, ...args], { timeout: GIT_TIMEOUT_MS });
    return stdout.trim();
  }
}
