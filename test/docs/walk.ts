/** What the pages tell to type, as a reader types it: taken from the page, run in its order against a host. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compiledApp, startTestHost } from '../support/host';

const ROOT = join(__dirname, '../..');

export function pageOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** The text of each fenced block of a language, in their order. */
export function blocksOf(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, block]) =>
    (block as string).trimEnd(),
  );
}

/** The commands of a block of `sh`: comments left out, lines that end with `\` put together. */
export function commandsOf(block: string): string[] {
  return block
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.replace(/(^|\s+)# .*$/, ''))
    .filter((line) => line !== '');
}

export interface Step {
  readonly command: string;
  readonly expected: readonly string[];
}

/** `$ command`, over several lines where they end with `\`, and below it what it prints. */
export function stepsOf(page: string): Step[] {
  return blocksOf(page, 'console').flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((step) => {
        const [command = '', ...expected] = step.trimEnd().replaceAll('\\\n', ' ').split('\n');
        return { command, expected };
      }),
  );
}

/** `…` stands for anything within a line, and alone for any lines. */
export function patternOf(lines: readonly string[]): RegExp {
  const quoted = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(
    `^${lines.map((line) => (line === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(quoted).join('.*')}\\n`)).join('')}$`,
  );
}

/** Every time that a command gives, in seconds. */
export function secondsIn(text: string): number[] {
  return [...text.matchAll(/(?:--(?:\w+-)?seconds[ =]|"\w+_seconds":)(\d+)/g)].map(([, seconds]) => Number(seconds));
}

/** A function `npx` that starts the compiled command line, and says so as npx does. */
const NPX = () =>
  `npx() { shift; npm_command=exec "${process.execPath}" "${join(compiledApp(), 'dist/cli/main.js')}" "$@"; }`;

export interface Shown {
  readonly code: number;
  /** Standard output and standard error, as a terminal shows them. */
  readonly output: string;
}

/** Runs a command in a shell where `npx formicary` is the compiled command line. */
export async function shell(command: string, env: Readonly<Record<string, string>>, cwd?: string): Promise<Shown> {
  const { FORMICARY_TENANT, FORMICARY_PRINCIPAL, FORMICARY_DATA, FORCE_COLOR, ...rest } = process.env;
  const { stdout } = await promisify(execFile)('sh', ['-c', `${NPX()}\n{ ${command}\n} 2>&1; echo "$?"`], {
    cwd,
    env: { ...rest, ...env },
  });
  const [, output = '', code] = /^([\s\S]*?)(\d+)\n$/.exec(stdout) ?? [];
  return { code: Number(code), output };
}

/**
 * Runs the steps of a page in their order, in a folder of their own against a fresh host: each prints what the page
 * shows.
 *
 * @param begins what some of its commands must begin with, three words: so that no page is found empty
 * @param before what the page takes for given
 */
export async function walkPage(
  file: string,
  begins: readonly string[],
  before?: (url: string, folder: string) => void | Promise<void>,
): Promise<void> {
  const steps = stepsOf(pageOf(file));
  expect(steps.map(({ command }) => command.split(' ').slice(0, 3).join(' '))).toEqual(
    expect.arrayContaining([...begins]),
  );
  const folder = mkdtempSync(join(tmpdir(), 'formicary-page-'));
  const host = await startTestHost();
  try {
    await before?.(host.url, folder);
    for (const step of steps) await walk(step, { FORMICARY_URL: host.url }, folder);
  } finally {
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a step: it prints what the page shows. */
export async function walk(
  { command, expected }: Step,
  env: Readonly<Record<string, string>>,
  cwd?: string,
): Promise<void> {
  const { output } = await shell(command, env, cwd);
  const printed = output.replaceAll(/[^\S\n]+$/gm, '');
  expect(`$ ${command}\n${printed}`).toMatch(patternOf([`$ ${command}`, ...expected]));
}

/** What the commands of a guide leave waiting waits at least so long: a reader is slow. */
export const LEAST_SECONDS = 600;

/** A reader's pause, a short one: nobody can wait for real ones, so `secondsIn` looks at the times themselves. */
export const readOn = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
