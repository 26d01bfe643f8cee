/**
 * Everything compiled as it stands, the samples, the measurements and the servers of tests too, to be run as processes
 * of their own.
 */
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { transformFileSync } from '@swc/core';
import { compiledApp } from '../support/host';

const ROOT = path.resolve(__dirname, '../..');

let compiled: string | undefined;

/** The folder laid out as the repository is; programs are in its `dist/`. Removed after the last test of the file. */
export function compiledAll(): string {
  if (compiled !== undefined) return compiled;
  const folder = compiledApp();
  for (const file of globSync(['{samples,bench,test/servers}/**/*.{ts,json}', 'test/support/azurite.ts'], {
    cwd: ROOT,
  })) {
    const source = path.join(ROOT, file);
    const target = path.join(folder, 'dist', file.replace(/ts$/, 'js'));
    mkdirSync(path.dirname(target), { recursive: true });
    if (file.endsWith('.json')) copyFileSync(source, target);
    else
      writeFileSync(
        target,
        transformFileSync(source, {
          jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
          module: { type: 'commonjs' },
        }).code,
      );
  }
  for (const name of ['functions', 'tools']) mkdirSync(path.join(folder, name));
  for (const file of ['package-lock.json', 'LICENSE', 'functions/bundle.mjs', 'tools/notices.mjs'])
    copyFileSync(path.join(ROOT, file), path.join(folder, file));
  execFileSync(process.execPath, [path.join(ROOT, 'web/build.mjs'), path.join(folder, 'dist/web')]);
  return (compiled = folder);
}

export interface Ran {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
  /** The last line of its output, parsed. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- checked by the expectations of the test
  readonly json: any;
}

/** Runs a program of `dist/` to its end; `during` is given the process and what it says on standard error. */
export function run(
  program: string,
  args: readonly string[],
  during?: (heard: { pid: number; errors: string }) => void,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(compiledAll(), 'dist', program), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
      during?.({ pid: child.pid as number, errors });
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output, errors, json: jsonOf(output) }));
  });
}

function jsonOf(output: string): unknown {
  try {
    return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '');
  } catch {
    return undefined;
  }
}
