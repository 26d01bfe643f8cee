/** The command line as a process, as a shell starts it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { compiledApp } from '../support/host';

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as JSON. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a test reads back is checked by its expectations
  readonly json: any;
}

export interface RunOptions {
  readonly input?: string;
  /** By default one in which no host has kept anything: keys that are found in a folder are tried. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs `formicary ARGS` to its end. */
export async function formicary(
  args: readonly string[],
  { input = '', cwd = compiledApp(), env }: RunOptions = {},
): Promise<Run> {
  // Settings of whoever runs the tests don't count.
  const { FORMICARY_URL, FORMICARY_TENANT, FORMICARY_PRINCIPAL, FORMICARY_DATA, FORCE_COLOR, npm_command, ...rest } =
    process.env;
  const child = spawn(process.execPath, [join(compiledApp(), 'dist/cli/main.js'), ...args], {
    cwd,
    env: { ...rest, ...env },
  });
  child.stdin.on('error', () => undefined).end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return {
    code,
    stdout,
    stderr,
    get json(): unknown {
      return JSON.parse(stdout);
    },
  };
}
