/**
 * `npm run crash`: a host under load is killed with SIGKILL at random instants and started again on the same store.
 * Clients post, register, signal, accept and complete with Idempotency-Keys, and try again until they have an answer.
 * Afterwards every receipt that was acknowledged has to be in the log with the same hash.
 */
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { Formicary, FormicaryError, NodeTransport, type Assignment, type Receipt } from '../client/client';
import { CATALOGUE } from '../domain/catalogue-data';
import { random } from '../samples/demand/profile';
import { HostProcess, freePort } from '../samples/demo/host-process';
import { Verification, inUse, readLog } from '../samples/demo/log';
import { progress } from '../samples/demo/progress';
import { examineCrash, type Acknowledged } from './crash-report';
import { pause } from './measure';

const ROOT = path.resolve(__dirname, '../..');
const AGENTS = 24;
const TYPES = CATALOGUE.slice(0, 6).map(({ agent_type }) => agent_type);
const CAPACITY = 4;
/** Longest time between two kills, and longest life of a host that is killed before it is ready. Milliseconds. */
const LIFE_MS = 2_500;
const STILLBORN_MS = 900;
/** One kill in so many comes before the host is ready. */
const STILLBORN = 6;
const DRAIN_MS = 60_000;
const PATIENT = { attempts: 1_000, baseMs: 20, maxMs: 250 };

interface Options {
  readonly kills: number;
  readonly seconds: number;
  readonly seed: number;
  readonly json: boolean;
  readonly keep: boolean;
}

export interface CrashReport {
  readonly kills: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly doneTwice: number;
  readonly doubleAwards: number;
  readonly tasks: number;
  readonly unfinished: number;
  readonly commits: number;
  readonly verified: boolean;
  readonly seconds: number;
}

const number = (min: number, max: number) => (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) throw new InvalidArgumentError(`give a whole number from ${min} to ${max}`);
  return value;
};

const program = new Command('npm run crash --')
  .description('Kills a host under load with SIGKILL, again and again, and looks whether anything that it acknowledged is lost.')
  .option('--kills <n>', 'how often', number(1, 10_000), 20)
  .option('--seconds <n>', 'no kill after so many seconds', number(1, 86_400), 120)
  .option('--seed <n>', 'decides when the host is killed and what the clients ask for', number(0, 2 ** 32 - 1), Date.now() % 1_000_000)
  .option('--json', 'end with one line of JSON on standard output', false)
  .option('--keep', 'keep the store in .formicary/crash', false);

/** The clients: what they do at random, and what was acknowledged to them. */
class Load {
  readonly acknowledged: Acknowledged[] = [];
  /** Answers that were given a second time, to a command whose first answer the kill had taken. */
  repeated = 0;
  private readonly root: Formicary;
  private readonly abort = new AbortController();
  private readonly working: Promise<void>[] = [];
  private posting = true;
  private keys = 0;

  constructor(
    url: string,
    private readonly draw: () => number,
    private readonly failed: (error: Error) => void,
  ) {
    this.root = new Formicary({ transport: new NodeTransport(url), principal: 'service:crash', retry: PATIENT });
  }

  start(): void {
    for (let n = 0; n < AGENTS; n += 1) this.run(() => this.agent(`agent-${n}`, TYPES[n % TYPES.length] as string));
    for (let n = 0; n < 3; n += 1) this.run(() => this.poster());
    this.run(() => this.batches());
    this.run(() => this.signals());
    this.run(() => this.registrations());
  }

  /** No new work; what is under way goes on. */
  stopPosting(): void {
    this.posting = false;
  }

  async stop(): Promise<void> {
    this.posting = false;
    this.abort.abort();
    await Promise.all(this.working);
    this.root.close();
  }

  /** True when the host knows of no task that is still alive. */
  async drained(): Promise<boolean> {
    const { feed } = await this.root.status();
    if (feed.some(({ lag }) => lag > 0)) return false;
    for (const status of ['open', 'awarded', 'running'] as const) if ((await this.root.tasks.list({ status, limit: 1 })).value.length > 0) return false;
    return true;
  }

  private run(work: () => Promise<void>): void {
    this.working.push(
      work().catch((error: unknown) => {
        if (!this.abort.signal.aborted) this.failed(error instanceof Error ? error : new Error(String(error)));
      }),
    );
  }

  private heard(receipt: Pick<Receipt, 'stream' | 'version' | 'hash'> & { readonly repeated?: boolean }): void {
    if (receipt.repeated === true) this.repeated += 1;
    if (receipt.hash !== null) this.acknowledged.push({ stream: receipt.stream, version: receipt.version, hash: receipt.hash });
  }

  private key(): string {
    return `crash-${this.keys++}`;
  }

  private async poster(): Promise<void> {
    while (this.posting) {
      const { receipt } = await this.root.tasks.post(this.task(), { idempotencyKey: this.key() });
      this.heard(receipt);
      await pause(this.draw() * 20);
    }
  }

  private async batches(): Promise<void> {
    while (this.posting) {
      const tasks = Array.from({ length: 1 + Math.floor(this.draw() * 20) }, () => this.task());
      for (const answer of await this.root.tasks.postMany(tasks, { idempotencyKey: this.key() })) {
        if (answer.receipt === undefined) throw new Error(answer.problem.detail);
        this.heard(answer.receipt);
      }
      await pause(this.draw() * 200);
    }
  }

  private task(): { task_type: string; priority: number; lease_seconds: number; accept_seconds: number; retry_seconds: number } {
    const task_type = TYPES[Math.floor(this.draw() * TYPES.length)] as string;
    return { task_type, priority: Math.round(this.draw() * 100) / 100, lease_seconds: 30, accept_seconds: 30, retry_seconds: 0 };
  }

  private async signals(): Promise<void> {
    while (this.posting) {
      const signal = { type: 'crash', location: `place/${Math.floor(this.draw() * 20)}`, strength: 0.5 };
      this.heard(await this.root.signals.emit(signal, { idempotencyKey: this.key() }));
      await pause(this.draw() * 20);
    }
  }

  /** New agents, which stay idle: nobody asks for what they can. */
  private async registrations(): Promise<void> {
    for (let n = 0; this.posting; n += 1) {
      const id = `idle-${n}`;
      this.heard((await this.root.agents.put(id, { agent_type: 'crash.idle', limits: { presence_seconds: 3_600 } }, { idempotencyKey: this.key() })).receipt);
      await pause(this.draw() * 100);
    }
  }

  private async agent(id: string, agentType: string): Promise<void> {
    const client = this.root.as(id);
    this.heard((await client.agents.put(id, { agent_type: agentType, capacity: CAPACITY, limits: { presence_seconds: 60 } }, { idempotencyKey: this.key() })).receipt);
    while (!this.abort.signal.aborted) {
      const { items } = await client.agents.inbox(id, { waitSeconds: 5, signal: this.abort.signal });
      await Promise.all(items.map((item) => (item.kind === 'assignment' ? this.take(client, item) : Promise.resolve())));
    }
  }

  private async take(client: Formicary, { task, award }: Assignment): Promise<void> {
    try {
      this.heard((await client.tasks.accept(task, { award }, { idempotencyKey: this.key() })).receipt);
      await pause(this.draw() * 100);
      this.heard((await client.tasks.complete(task, { award, result: { award } }, { idempotencyKey: this.key() })).receipt);
    } catch (error) {
      // A claim that is over by now: another attempt has the task.
      if (!(error instanceof FormicaryError) || error.status !== 409) throw error;
    }
  }
}

async function crash({ kills, seconds, seed, json, keep }: Options, cleanups: (() => void)[]): Promise<boolean> {
  const began = performance.now();
  const data = path.join(ROOT, '.formicary/crash');
  if (inUse(data)) throw new Error(`another crash test uses ${data}: wait for it`);
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  const draw = random(seed);
  const host = new HostProcess({ data, port: await freePort() });
  cleanups.push(() => void host.kill());
  process.stderr.write(`\n  ${kills} kills, seed ${seed}\n`);
  await host.start();

  let failure: Error | undefined;
  const load = new Load(host.url, random(seed + 1), (error) => (failure ??= error));
  cleanups.push(() => void load.stop());
  load.start();
  const bar = progress('kills', kills);
  cleanups.push(() => bar.stop());
  let killed = 0;
  while (killed < kills && failure === undefined && performance.now() - began < seconds * 1000) {
    await pause(draw() * LIFE_MS);
    await host.kill();
    killed += 1;
    if (killed < kills && Math.floor(draw() * STILLBORN) === 0) {
      host.launch();
      await pause(draw() * STILLBORN_MS);
      await host.kill();
      killed += 1;
    }
    await host.start();
    bar.update(killed, `${load.acknowledged.length} commands acknowledged, ${load.repeated} of them again`);
  }
  bar.stop();
  await pause(500);
  load.stopPosting();
  for (const until = performance.now() + DRAIN_MS; failure === undefined && performance.now() < until; await pause(200)) if (await load.drained()) break;
  await load.stop();
  await host.stop();
  if (failure !== undefined) throw failure;

  const log = new Verification();
  const findings = examineCrash(log.over(readLog(data)), load.acknowledged);
  const report: CrashReport = {
    kills: killed,
    acknowledged: findings.acknowledged,
    lost: findings.lost.length,
    doneTwice: findings.doneTwice.length,
    doubleAwards: findings.doubleAwards.length,
    tasks: findings.tasks,
    unfinished: findings.unfinished.length,
    commits: log.commits,
    verified: log.verified,
    seconds: Math.round((performance.now() - began) / 100) / 10,
  };
  const problems = [
    ...findings.lost,
    ...findings.doneTwice.map((command) => `done twice: ${command}`),
    ...findings.doubleAwards.map((id) => `awarded twice: ${id}`),
    ...findings.unfinished.map((id) => `did not end: ${id}`),
    ...log.faults.map(({ message }) => message),
  ];
  process.stdout.write(
    `\n  ${report.kills} kills in ${report.seconds} s: ${report.acknowledged} acknowledged commands (${load.repeated} answers given again), ${report.commits} receipts in ${log.streams} chains\n` +
      `  lost ${report.lost}, done twice ${report.doneTwice}, awarded twice ${report.doubleAwards}, tasks ${report.tasks}, not ended ${report.unfinished}, chains ${report.verified ? 'verified' : 'BROKEN'}\n` +
      problems.slice(0, 20).map((problem) => `  ${problem}\n`).join(''),
  );
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
  if (problems.length > 0 || keep) process.stderr.write(`  the store is kept in ${data}\n`);
  else rmSync(data, { recursive: true, force: true });
  return problems.length === 0;
}

async function main(): Promise<void> {
  const options = program.parse().opts<Options>();
  const cleanups: (() => void)[] = [];
  const clean = (): void => {
    for (let step = cleanups.pop(); step !== undefined; step = cleanups.pop()) step();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      clean();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    });
  }
  try {
    process.exitCode = (await crash(options, cleanups)) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`\n  The crash test failed: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  } finally {
    clean();
  }
}

void main();
