/**
 * `npm run crash`: a host under load is killed with SIGKILL at random instants and started again on the same folder.
 * Every receipt that a client was given has to be in the log afterwards, with the same hash; every chain has to
 * verify; nothing may be awarded twice; every task has to end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Formicary, FormicaryError, type Receipt } from '../client/client';
import { random } from '../samples/demand/profile';
import { HostProcess, freePort } from '../samples/demo/host-process';
import { Verification, readLog, type StoredCommit } from '../samples/demo/log';
import { TaskWatch } from '../samples/demo/metrics';

const HELP = `npm run crash -- [--kills 20] [--seed 1] [--json]

Kills a loaded host with SIGKILL at random instants, restarts it each time, and then compares the log with every
receipt that the clients were given.

  --kills N   how often (1 to 1000; 20)
  --seed N    of the instants and of the load (1)
  --json      the last line is one JSON object: kills, acknowledged, lost, doubleAwards, verified, tasks, commits, seconds

Exit code 0 when nothing was lost, awarded twice, left hanging or altered; 1 otherwise; 2 for a wrong option.`;

const AGENTS = 40;
const CAPACITY = 3;
const TYPES = 4;
const POSTERS = 4;
const EMITTERS = 2;
/** Milliseconds between two kills: long enough to get under load, short enough to hit every phase. */
const LIVES_MS = { from: 300, to: 2_500 };
/** Longest wait for the last tasks, in milliseconds: leases of 5 s, presence of 10 s, retries of a second. */
const DRAIN_MS = 90_000;
/** Tries for as long as a host may take to come back. */
const PATIENT = { attempts: 100, baseMs: 50, maxMs: 500 };

/** What the clients were told, by `stream@version`. */
export type Acknowledged = ReadonlyMap<string, string>;

export interface CrashReport {
  readonly acknowledged: number;
  /** Receipts that are not in the log, or there with another hash. */
  readonly lost: readonly string[];
  /** Tasks with two holders at once, two awards of one number, or two completions. */
  readonly doubleAwards: readonly string[];
  /** Tasks that were posted and did not end as completed or as a dead letter. */
  readonly hanging: readonly string[];
  readonly verified: boolean;
  readonly faults: readonly string[];
  readonly tasks: number;
  readonly commits: number;
}

/** Compares the log with what was acknowledged. */
export function examine(log: Iterable<StoredCommit>, acknowledged: Acknowledged): CrashReport {
  const verification = new Verification();
  const watch = new TaskWatch();
  const missing = new Map(acknowledged);
  const alive = new Map<string, boolean>();
  for (const commit of verification.over(log)) {
    const reference = `${commit.stream}@${commit.index}`;
    if (missing.get(reference) === commit.hash) missing.delete(reference);
    watch.see(commit);
    for (const { type } of commit.events) {
      if (type === 'TaskPosted') alive.set(commit.stream, true);
      if (type === 'TaskCompleted' || type === 'TaskDeadLettered') alive.set(commit.stream, false);
    }
  }
  return {
    acknowledged: acknowledged.size,
    lost: [...missing.keys()],
    doubleAwards: watch.findings().awardedTwice,
    hanging: [...alive].filter(([, open]) => open).map(([stream]) => stream),
    verified: verification.verified,
    faults: verification.faults.map(({ message }) => message),
    tasks: alive.size,
    commits: verification.commits,
  };
}

/** Clients that post, work and emit until they are told to stop, and note every receipt. */
class Load {
  readonly acknowledged = new Map<string, string>();
  private readonly client: Formicary;
  private readonly abort = new AbortController();
  private posting = true;
  private loops: Promise<void>[] = [];

  constructor(
    url: string,
    private readonly chance: () => number,
  ) {
    this.client = new Formicary({ url, retry: PATIENT });
  }

  async start(): Promise<void> {
    for (let i = 0; i < AGENTS; i += 1) await this.register(i, CAPACITY);
    this.loops = [
      ...Array.from({ length: AGENTS }, (_, i) => this.work(`crash-${i}`)),
      ...Array.from({ length: POSTERS }, (_, i) => this.post(i)),
      ...Array.from({ length: EMITTERS }, (_, i) => this.emit(i)),
      this.revise(),
    ];
  }

  /** No new work; what there is goes on. */
  stopPosting(): void {
    this.posting = false;
  }

  /** Waits until no task is open or held, at most `DRAIN_MS`. */
  async drained(): Promise<void> {
    for (const until = Date.now() + DRAIN_MS; Date.now() < until; await pause(250)) {
      const left = await Promise.all((['open', 'awarded', 'running'] as const).map((status) => this.client.tasks.list({ status, limit: 1 })));
      const { feed } = await this.client.status();
      if (left.every(({ value }) => value.length === 0) && feed.every(({ lag }) => lag === 0)) return;
    }
  }

  async stop(): Promise<void> {
    this.posting = false;
    this.abort.abort();
    await Promise.all(this.loops);
    this.client.close();
  }

  private note({ stream, version, hash }: Pick<Receipt, 'stream' | 'version' | 'hash'>): void {
    if (hash !== null) this.acknowledged.set(`${stream}@${version}`, hash);
  }

  private async register(i: number, capacity: number): Promise<void> {
    const { receipt } = await this.client.agents.put(`crash-${i}`, { agent_type: `crash.t${i % TYPES}`, capacity, limits: { presence_seconds: 10 } });
    this.note(receipt);
  }

  private async post(poster: number): Promise<void> {
    for (let n = 0; this.posting; n += 1) {
      const task = (k: number) => ({ id: `p${poster}-${n}-${k}`, task_type: `crash.t${Math.floor(this.chance() * TYPES)}`, lease_seconds: 5, accept_seconds: 5, max_attempts: 20, payload: { n } });
      if (this.chance() < 0.8) this.note((await this.client.tasks.post(task(0))).receipt);
      else for (const answer of await this.client.tasks.postMany([task(0), task(1), task(2)])) if ('receipt' in answer && answer.receipt !== undefined) this.note(answer.receipt);
      await pause(10 + this.chance() * 30);
    }
  }

  private async work(id: string): Promise<void> {
    const client = this.client.as(id);
    const { signal } = this.abort;
    while (!signal.aborted) {
      try {
        const { items } = await client.agents.inbox(id, { waitSeconds: 2, signal });
        await Promise.all(items.map((item) => (item.kind === 'assignment' ? this.serve(client, item.task, item.award) : undefined)));
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof FormicaryError)) throw error;
        await pause(100);
      }
    }
  }

  /** Accepts, works for a moment, and completes or fails. A claim that is over is dropped, as an agent should. */
  private async serve(client: Formicary, task: string, award: number): Promise<void> {
    try {
      this.note((await client.tasks.accept(task, { award })).receipt);
      await pause(this.chance() * 150);
      const fails = this.chance() < 0.05;
      this.note((fails ? await client.tasks.fail(task, { award, reason: 'by chance' }) : await client.tasks.complete(task, { award, result: { award } })).receipt);
    } catch (error) {
      if (!(error instanceof FormicaryError) || error.status !== 409) throw error;
    }
  }

  private async emit(emitter: number): Promise<void> {
    for (let n = 0; this.posting; n += 1) {
      const { stream, version, hash } = await this.client.as(`service:emitter-${emitter}`).signals.emit({ type: 'resource_needed', location: `crash/${n % 5}`, strength: this.chance(), decay_rate: 0.5 });
      this.note({ stream, version, hash });
      await pause(20);
    }
  }

  private async revise(): Promise<void> {
    for (let n = 0; this.posting; n += 1) {
      await this.register(n % AGENTS, CAPACITY + (n % 2));
      await pause(100);
    }
  }
}

async function run(kills: number, seed: number, say: (text: string) => void): Promise<CrashReport & { seconds: number }> {
  const started = performance.now();
  const chance = random(seed);
  const data = mkdtempSync(join(tmpdir(), 'formicary-crash-'));
  const host = new HostProcess({ data, port: await freePort(), environment: { FORMICARY_RATE: '1000000', FORMICARY_BURST: '1000000' } });
  const load = new Load(host.url, random(seed + 1));
  try {
    await host.start();
    await load.start();
    for (let kill = 1; kill <= kills; kill += 1) {
      await pause(LIVES_MS.from + chance() * (LIVES_MS.to - LIVES_MS.from));
      await host.kill();
      await host.start();
      say(`kill ${kill} of ${kills}: ${load.acknowledged.size} commands acknowledged`);
    }
    load.stopPosting();
    await load.drained();
    await load.stop();
    await host.stop();
    return { ...examine(readLog(data), load.acknowledged), seconds: Math.round((performance.now() - started) / 100) / 10 };
  } finally {
    await host.kill();
    rmSync(data, { recursive: true, force: true });
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function main(): Promise<number> {
  let values: { kills: string; seed: string; json: boolean; help: boolean };
  try {
    ({ values } = parseArgs({
      options: { kills: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    }));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [kills, seed] = [Number(values.kills), Number(values.seed)];
  if (!Number.isInteger(kills) || kills < 1 || kills > 1_000 || !Number.isInteger(seed)) {
    console.error(`--kills is 1 to 1000 and --seed a whole number\n\n${HELP}`);
    return 2;
  }
  const report = await run(kills, seed, (text) => console.error(text));
  const good = report.lost.length === 0 && report.doubleAwards.length === 0 && report.hanging.length === 0 && report.verified;
  for (const [what, names] of Object.entries({ lost: report.lost, 'awarded twice': report.doubleAwards, hanging: report.hanging, fault: report.faults })) {
    for (const name of names.slice(0, 20)) console.error(`${what}: ${name}`);
  }
  console.error(`${report.acknowledged} acknowledged commands: ${report.lost.length} lost. ${report.tasks} tasks: ${report.doubleAwards.length} awarded twice, ${report.hanging.length} left hanging. ${report.commits} commits: chains ${report.verified ? 'verify' : 'DO NOT VERIFY'}.`);
  if (values.json) {
    const { acknowledged, lost, doubleAwards, hanging, verified, tasks, commits, seconds } = report;
    console.log(JSON.stringify({ kills, acknowledged, lost: lost.length, doubleAwards: doubleAwards.length, hanging: hanging.length, verified, tasks, commits, seconds }));
  }
  return good ? 0 : 1;
}

if (require.main === module) {
  main().then(
    (code) => process.exit(code),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}
