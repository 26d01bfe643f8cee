/** The package for Python as a door: a process of its own, in an environment where what it needs is installed. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Door } from './doors';
import type { Skipped } from './peer';

const TASK_TYPE = 'bench.python';

/** The Python that has what the package needs, with the folder of the package; or why there is none. */
export function findPython(root: string): { readonly python: string; readonly env: NodeJS.ProcessEnv } | Skipped {
  const installed = path.join(root, '.cache/python/clean/bin/python');
  const python = existsSync(installed) ? installed : 'python3';
  const env = { ...process.env, PYTHONPATH: path.join(root, 'python/src'), PYTHONDONTWRITEBYTECODE: '1' };
  try {
    execFileSync(python, ['-c', 'import formicary'], { env, stdio: 'ignore' });
    return { python, env };
  } catch {
    return { skipped: `${python} has not what the package formicary needs: .ci/python installs it` };
  }
}

/** @param url of the host */
export async function pythonDoor(root: string, url: string, callers: number): Promise<Door | Skipped> {
  const found = findPython(root);
  if ('skipped' in found) return found;
  const args = [path.join(root, 'bench/doors.py'), url, TASK_TYPE, String(callers)];
  const program = new Program(spawn(found.python, args, { env: found.env, stdio: 'pipe' }));
  await program.said('ready');
  return {
    async run(tasks) {
      program.tell(String(tasks));
      await program.said('done');
    },
    close: () => program.close(),
  };
}

class Program {
  private readonly lines: AsyncIterator<string>;
  private readonly ended: Promise<unknown>;
  private errors = '';

  constructor(private readonly child: ChildProcessWithoutNullStreams) {
    const lines: Interface = createInterface(child.stdout);
    this.lines = lines[Symbol.asyncIterator]();
    this.ended = new Promise((resolve) => child.once('close', resolve));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors = (this.errors + text).slice(-2_000)));
  }

  tell(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }

  async said(line: string): Promise<void> {
    const next = await this.lines.next();
    const value = next.done === true ? 'nothing' : next.value;
    if (value !== line) throw new Error(`Python was to say ${line}, and said ${value}:\n${this.errors}`);
  }

  async close(): Promise<void> {
    this.child.stdin.end();
    await this.ended;
  }
}
