/** A reader's terminals: shells in one folder, in which `npx formicary` is the compiled command line. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Formicary } from '../../client/client';
import { commandsOf, patternOf, stepsOf } from '../docs/walk';
import { eventually } from '../support/eventually';
import { type Registry, startRegistry } from '../support/registry';

export const ROOT = path.resolve(__dirname, '../..');

export class Terminal {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'formicary-reader-'));
  private readonly running: ChildProcess[] = [];
  /** What later commands build on. */
  private before = `npx() { shift; npm_command=exec "${process.execPath}" "${ROOT}/dist/cli/main.js" "$@"; }\n`;

  private constructor(
    readonly url: string,
    private readonly registry: Registry,
  ) {}

  static async open(): Promise<Terminal> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    return new Terminal(`http://127.0.0.1:${port}`, await startRegistry());
  }

  /** A line that later ones build on: an export, a variable, or a folder that is gone to. */
  keep(line: string): void {
    this.before += `${line}\n`;
  }

  /** What it prints; rejects when it fails. */
  async run(command: string): Promise<string> {
    const child = this.spawn(command);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`$ ${command}\n${output}\nended with ${code}`);
    return output;
  }

  /** Starts what runs until somebody ends it. */
  start(command: string): void {
    const child = this.spawn(command);
    child.stdout?.resume();
    child.stderr?.resume();
    this.running.push(child);
  }

  /** A host answers. */
  async isReady(): Promise<void> {
    const formicary = new Formicary({ url: this.url, retry: { attempts: 1 } });
    await eventually(() =>
      formicary.health().then(
        () => true,
        () => false,
      ),
    );
    formicary.close();
  }

  async close(): Promise<void> {
    for (const { pid, exitCode } of this.running)
      if (pid !== undefined && exitCode === null) process.kill(-pid, 'SIGKILL');
    this.registry.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private spawn(command: string): ChildProcess {
    const { FORMICARY_TENANT, FORMICARY_PRINCIPAL, FORMICARY_DATA, FORMICARY_DEV_HEADERS, FORCE_COLOR, ...env } =
      process.env;
    return spawn('bash', ['-c', `${this.before}${command}`], {
      cwd: this.folder,
      env: {
        ...env,
        PATH: `${path.dirname(process.execPath)}:${env['PATH']}`,
        XDG_CONFIG_HOME: this.folder,
        FORMICARY_URL: this.url,
        FORMICARY_PORT: new URL(this.url).port,
        npm_config_registry: this.registry.url,
        npm_config_cache: path.join(this.folder, '.npm'),
        npm_config_audit: 'false',
        npm_config_fund: 'false',
        npm_config_update_notifier: 'false',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
  }
}

/** A line that later ones build on: an export, a variable, a folder that is gone to. */
const SETS = /^(export |cd |[A-Z]+=\$\(npx .*\)$)/;

/**
 * Types what a page tells, in its order: starts what lasts, and holds what is printed against the page, and the files
 * that headings name against what is there. Gives the number of commands.
 *
 * @param lasts what runs until somebody ends it, by a part of its command
 */
export async function follow(terminal: Terminal, page: string, lasts: readonly string[]): Promise<number> {
  let typed = 0;
  let file = '';
  for (const [, heading, language = '', text = ''] of page.matchAll(/^### `([^`]+)`$|^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (language === 'ts' && file !== '') expect(readFileSync(path.join(terminal.folder, file), 'utf8')).toBe(text);
    file = heading ?? '';
    if (language !== 'sh' && language !== 'console') continue;
    const block = `\`\`\`${language}\n${text}\`\`\``;
    const steps =
      language === 'sh' ? commandsOf(text).map((command) => ({ command, expected: ['…'] })) : stepsOf(block);
    for (const { command, expected } of steps) {
      typed += 1;
      if (SETS.test(command)) terminal.keep(command);
      else if (lasts.some((part) => command.includes(part))) {
        terminal.start(command);
        await terminal.isReady();
      } else {
        const printed = (await terminal.run(command)).replaceAll(/[^\S\n]+$/gm, '');
        expect(`$ ${command}\n${printed}`).toMatch(patternOf([`$ ${command}`, ...expected]));
      }
    }
  }
  return typed;
}
