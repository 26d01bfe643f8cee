/** The host (`npm start`) as a child process that can be killed and started again on the same folder and port. */
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { secretIn } from '../../adapters/embedded/new-secret';
import { Formicary } from '../../client/client';
import { ownersKeyTextOf } from '../../domain/kernel/identity-secret';

const MAIN = join(__dirname, '../../local/main.js');
const TETHER = join(__dirname, 'tether.js');
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;
const PORT_ATTEMPTS = 3;

export interface HostOptions {
  /** Folder of its store. */
  readonly data: string;
  readonly port: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly execArgv?: readonly string[];
}

export class HostProcess {
  private child: ChildProcess | undefined;
  private ended: Promise<void> = Promise.resolve();
  private port: number;

  private readonly secret: string;

  constructor(private readonly options: HostOptions) {
    this.port = options.port;
    this.secret = secretIn(options.data).secret;
  }

  /** The key of its owner, who may act in anybody's name. */
  get key(): string {
    return ownersKeyTextOf(this.secret);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What the host wrote. */
  get log(): string {
    return join(this.options.data, 'host.log');
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /**
   * Starts the host and waits until it is ready. Throws with the end of its log when it does not get there. A first
   * start takes another port when somebody was faster at the one that was free.
   */
  async start(): Promise<void> {
    const first = this.child === undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.launched();
      } catch (error) {
        if (!first || attempt === PORT_ATTEMPTS || !/Port \d+ is in use/.test(String(error))) throw error;
        this.port = await freePort();
      }
    }
  }

  private async launched(): Promise<void> {
    this.launch();
    const child = this.child as ChildProcess;
    const client = new Formicary({ url: this.url, retry: { attempts: 1 } });
    try {
      for (const until = Date.now() + READY_WITHIN_MS; ;) {
        if (child.exitCode !== null || child.signalCode !== null || Date.now() > until)
          throw new Error(`the host did not start:\n${this.logTail()}`);
        try {
          await client.health();
          return;
        } catch {
          await pause(25);
        }
      }
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    } finally {
      client.close();
    }
  }

  /** Starts the host and does not wait. */
  launch(): void {
    const { data, environment, execArgv = [] } = this.options;
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const log = openSync(this.log, 'a', 0o600);
    const child = fork(MAIN, [], {
      execArgv: ['--require', TETHER, ...execArgv],
      env: {
        ...process.env,
        FORMICARY_LOG: 'warn',
        ...environment,
        FORMICARY_DATA: data,
        FORMICARY_IDENTITY_SECRET: this.secret,
        FORMICARY_PORT: String(this.port),
      },
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.child = child;
    this.ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
  }

  /** SIGKILL: no chance to finish anything. */
  async kill(): Promise<void> {
    this.child?.kill('SIGKILL');
    await this.ended;
  }

  /** Asks the host to stop; kills it when it doesn't. */
  async stop(): Promise<void> {
    this.child?.kill('SIGTERM');
    const timer = setTimeout(() => this.child?.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.ended;
    clearTimeout(timer);
  }

  /** The last lines that the host wrote. */
  logTail(): string {
    try {
      return readFileSync(this.log, 'utf8').slice(-2_000);
    } catch {
      return '(no log)';
    }
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
