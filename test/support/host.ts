/**
 * The whole of Formicary as a process of its own, for tests that go through HTTP: `local/main`, compiled as it stands
 * into a folder of this test's own (a build of somebody else's doesn't change it under way), on a free port, with an
 * empty data folder. Where FORMICARY_TEST_PROFILE says azure, it stores on test servers of its own instead.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, globSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { transformFileSync } from '@swc/core';
import { DATABASE_FILE } from '../../adapters/embedded/database';
import { readSecret } from '../../adapters/embedded/secret';
import { ownersKeyTextOf } from '../../domain/kernel/identity-secret';
import { isHandled } from '../../samples/demo/engine';
import { type Servers, startServers } from '../servers/servers';

const ROOT = path.resolve(__dirname, '../..');
const SOURCES = '{contract,domain,projections,app,adapters,host,functions,local,client,cli}/**/*.ts';

/** What hosts store in: a folder each, or test servers. */
export const PROFILE = process.env['FORMICARY_TEST_PROFILE'] === 'azure' ? 'azure' : 'embedded';

export interface TestHostOptions {
  /** The folder to use; it is left in place. Without one, a new folder that `stop` removes. */
  readonly data?: string;
  /** A free one when left out. */
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface TestHost {
  /** For example `http://127.0.0.1:43210`. */
  readonly url: string;
  readonly port: number;
  readonly data: string;
  /** The key of its owner. */
  readonly key: string;
  readonly pid: number;
  /** True when the triggers that read the feed have handled all of it; also where the host reads it itself. */
  isHandled(): Promise<boolean>;
  /** Everything that it has printed. */
  output(): string;
  /** Sends a signal; resolves with the exit code (null when the signal ended it) once the process is gone. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
  /** From now on its store takes no write, for longer than the host is patient; gives what ends that. */
  refuseWrites(): Promise<() => void>;
  /** Ends it and removes what was made for it; done at the latest after the last test of the file. */
  stop(): Promise<void>;
}

/** Compiled once a test file. */
let program: string | undefined;
const running = new Set<TestHost>();
/** By data folder: a host that is started again finds what it has stored. */
const servers = new Map<string, Promise<Servers>>();

afterAll(async () => {
  await Promise.all([...running].map((host) => host.stop()));
  await Promise.all([...servers.values()].map(async (started) => (await started).stop()));
  if (program !== undefined) rmSync(program, { recursive: true, force: true });
});

/**
 * A folder laid out as the repository is, with everything compiled in its `dist/`; removed after the last test of the
 * file.
 */
export function compiledApp(): string {
  if (program !== undefined) return program;
  const folder = mkdtempSync(path.join(tmpdir(), 'formicary-host-'));
  for (const file of globSync(SOURCES, { cwd: ROOT })) {
    const target = path.join(folder, 'dist', file.replace(/ts$/, 'js'));
    const { code } = transformFileSync(path.join(ROOT, file), {
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      module: { type: 'commonjs' },
    });
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, code);
  }
  for (const file of ['package.json', 'host.json']) copyFileSync(path.join(ROOT, file), path.join(folder, file));
  for (const shared of ['node_modules', 'policies']) symlinkSync(path.join(ROOT, shared), path.join(folder, shared));
  return (program = folder);
}

/** Starts a host; resolves when it serves. Rejects, with what it has printed, when it ends instead. */
export async function startTestHost(options: TestHostOptions = {}): Promise<TestHost> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await launch(options);
    } catch (error) {
      // Somebody was faster at the port that was free.
      if (options.port !== undefined || attempt === 3 || !/Port \d+ is in use/.test(String(error))) throw error;
    }
  }
}

async function launch(options: TestHostOptions): Promise<TestHost> {
  const data = options.data ?? mkdtempSync(path.join(tmpdir(), 'formicary-data-'));
  const port = options.port ?? (await freePort());
  const settings = await settingsFor(data);
  let output = '';
  const child = spawn(process.execPath, [path.join(compiledApp(), 'dist/local/main.js')], {
    env: {
      ...process.env,
      ...settings,
      FORMICARY_PORT: String(port),
      FORMICARY_DATA: data,
      // What a test asks for is answered however busy the machine is.
      FORMICARY_ADMISSION: 'off',
      // In the profile azure nothing is signed, and nothing personal taken, without one.
      FORMICARY_LOG_KEY: Buffer.alloc(32, 7).toString('base64'),
      FORMICARY_PERSONAL_KEY: Buffer.alloc(32, 9).toString('base64'),
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  await ready(
    child,
    () => output.includes('is running at'),
    () => output,
  );

  const kill = async (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal);
    const [code] = await exited;
    return code;
  };
  const host: TestHost = {
    url: `http://127.0.0.1:${port}`,
    port,
    data,
    get key() {
      return ownersKeyTextOf(readSecret(data) ?? '');
    },
    pid: child.pid as number,
    isHandled: async () => settings === undefined || (await isHandled(settings)),
    output: () => output,
    kill,
    refuseWrites: () => refuseWrites(data),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) await kill('SIGKILL');
      running.delete(host);
      if (options.data === undefined) rmSync(data, { recursive: true, force: true });
    },
  };
  running.add(host);
  return host;
}

async function refuseWrites(data: string): Promise<() => void> {
  const started = await servers.get(data);
  if (started !== undefined) {
    started.cosmos.faults = (kind) => (kind === 'batch' || kind === 'write' ? 429 : undefined);
    return () => (started.cosmos.faults = () => undefined);
  }
  const intruder = new DatabaseSync(path.join(data, DATABASE_FILE), { timeout: 5_000 });
  intruder.exec('BEGIN IMMEDIATE');
  return () => {
    intruder.exec('ROLLBACK');
    intruder.close();
  };
}

/** Undefined: the host stores in its folder. */
async function settingsFor(data: string): Promise<Servers['settings'] | undefined> {
  if (PROFILE === 'embedded') return undefined;
  const started = servers.get(data) ?? startServers();
  servers.set(data, started);
  return (await started).settings;
}

async function ready(child: ChildProcess, holds: () => boolean, output: () => string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const look = () => {
      if (holds()) resolve();
    };
    child.stdout?.on('data', look);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the host ended with ${code}: ${output()}`)));
  });
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
