/**
 * A host for tests: a process of its own that keeps nothing, in which callers say who they are, and whose clock the
 * test moves. It is the package `formicary`, where that is installed beside the test (`npm install --save-dev
 * formicary`).
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApprovalFilter, ApprovalSummary } from './approvals';
import { Formicary } from './client';
import { Worker, type WorkerOptions } from './worker/worker';

export interface TestHostOptions {
  /**
   * What starts it, with its arguments: `['npx', 'formicary', 'test-host']`. By default the package `formicary` that is
   * found from the working directory.
   */
  readonly command?: readonly [string, ...string[]];
}

export interface AdvanceOptions {
  /** Workers that give signs of life meanwhile. All other agents are silent, and lose what they hold in time. */
  readonly living?: readonly Worker[];
}

/** The longest time in seconds for which an agent may be silent. */
const MOST_PRESENCE = 3_600;
/** Between two looks. Milliseconds. */
const LOOK_MS = 20;
/** After this, whatever a test waits for has not come. Milliseconds. */
const PATIENCE_MS = 30_000;

type Answer = { readonly url?: string; readonly now?: string; readonly error?: string };

export class TestHost {
  private readonly clients: Formicary[] = [];
  private readonly workers: Worker[] = [];
  private people: Formicary | undefined;
  /** Each is asked after the one before. */
  private asked: Promise<unknown> = Promise.resolve();

  private constructor(
    /** Where it serves: `http://127.0.0.1:43210`. */
    readonly url: string,
    private readonly child: ChildProcessByStdio<Writable, Readable, null>,
    private readonly answers: AsyncIterator<string, undefined>,
  ) {}

  /** Starts one, which takes a second or two: a file of tests may share it, each test with names of its own. */
  static async start({ command = commandHere() }: TestHostOptions = {}): Promise<TestHost> {
    const [program, ...args] = command;
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    // What can't be written to a host that has ended is left out: that it gives no answer says so.
    child.stdin.on('error', () => undefined);
    const failed = new Promise<never>((_, reject) => child.once('error', reject));
    const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
    try {
      const { url } = await Promise.race([answerIn(answers), failed]);
      if (url === undefined) throw new Error('what was started is no host for tests');
      return new TestHost(url, child, answers);
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  /** A client for it; who it says it is: an agent's id, `human:ada`, `service:crm`. Closed with the host. */
  client(principal = 'service:test'): Formicary {
    const client = new Formicary({ url: this.url, principal });
    this.clients.push(client);
    return client;
  }

  /** A worker of it, not yet started; an hour of silence does it no harm. Stopped with the host. */
  worker(agent: string, options: WorkerOptions = {}): Worker {
    const limits = { presence_seconds: MOST_PRESENCE };
    const worker = new Worker({ limits, ...options, formicary: this.client(agent), agent });
    this.workers.push(worker);
    return worker;
  }

  /**
   * Lets so much time pass on the host, 31 days at most at once, and resolves with what time it is there then, in RFC
   * 3339. What falls due by then is done: deadlines, leases, presence, votes. What follows from it takes a moment.
   */
  async advance(seconds: number, { living = [] }: AdvanceOptions = {}): Promise<string> {
    let left = seconds;
    for (;;) {
      const steps = await Promise.all(living.map((worker) => worker.beat()));
      const step = Math.min(left, ...steps);
      const now = await this.ask({ advance: step });
      left -= step;
      if (left <= 0) return now;
    }
  }

  /** The approval that waits for people, once there is one; `filter` says which. */
  approval(filter: ApprovalFilter = {}): Promise<ApprovalSummary> {
    const people = (this.people ??= this.client('human:test'));
    return eventually(async () => {
      // The list is a little behind: what stands there may be decided.
      for (const each of (await people.approvals.list(filter)).value)
        if ((await people.approvals.get(each.id)).status === each.status) return each;
      return undefined;
    }, 'an approval that waits');
  }

  /** Stops it, with its workers, and closes its clients. Nothing of it is left. */
  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.stop({ graceSeconds: 0 })));
    for (const client of this.clients) client.close();
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stdin.end();
    if (this.child.exitCode === null && this.child.signalCode === null) await ended;
  }

  /** As `stop`: `await using host = await TestHost.start()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private ask(wish: object): Promise<string> {
    const asking = this.asked.then(async () => {
      this.child.stdin.write(`${JSON.stringify(wish)}\n`);
      const { now, error } = await answerIn(this.answers);
      if (now === undefined) throw new Error(error ?? 'the host for tests has another version');
      return now;
    });
    this.asked = asking.catch(() => undefined);
    return asking;
  }
}

/** What `look` gives, once that is neither undefined nor false. Rejects after half a minute. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  what = 'what the test waits for',
): Promise<Exclude<T, undefined | false>> {
  const ends = performance.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen as Exclude<T, undefined | false>;
    if (performance.now() > ends) throw new Error(`${what} has not come`);
    await sleep(LOOK_MS);
  }
}

async function answerIn(answers: AsyncIterator<string, undefined>): Promise<Answer> {
  const { value } = await answers.next();
  if (value === undefined) throw new Error('the host for tests has ended: what it said is on standard error');
  return JSON.parse(value) as Answer;
}

/** What starts the package `formicary` of the working directory. */
function commandHere(): [string, ...string[]] {
  try {
    const manifest = createRequire(path.resolve('test')).resolve('formicary/package.json');
    return [process.execPath, path.join(path.dirname(manifest), 'bin/formicary.js'), 'test-host'];
  } catch (cause) {
    throw new Error('the package formicary is not here: npm install --save-dev formicary, or say what to start', {
      cause,
    });
  }
}
