/** `npm run bench`: what the machine allows, and what Formicary makes of it, in one run on the same disk. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Argument, Command, InvalidArgumentError } from 'commander';
import type { Policy } from '../app/engine/ports-policy';
import { readLog, Verification } from '../samples/demo/log';
import { benchAgents, type IdleReport, type IdleSettings } from './agents';
import { type AppendReport, type AppendSettings, benchAppend } from './append';
import { type BacklogReport, type BacklogSettings, benchBacklog } from './backlog';
import { openBenchColony, registerAgents } from './colony';
import { benchCost, type CostHeadline, type CostReport, type CostSettings, headlineOf } from './cost';
import { benchDecisions, type DecisionReport, type DecisionSettings } from './decisions';
import { decisionTables } from './decisions-report';
import { benchDoors, type DoorsReport, type DoorsSettings } from './doors';
import { held, HELD_FOLDER, type HeldReport } from './held';
import { benchHostile, type HostileReport, type HostileSettings } from './hostile';
import { benchJobs, type JobsReport, type JobsSettings } from './jobs';
import { type LifecycleResult, runLifecycle } from './lifecycle';
import { HttpColony, type HttpLifecycleResult, type HttpOptions } from './lifecycle-http';
import { benchLog, type LogReport, type LogSettings } from './log';
import { median, type Memory } from './measure';
import { benchOverload, type OverloadReport, type OverloadSettings } from './overload';
import type { Skipped } from './peer';
import { benchPeers, type PeerReport } from './peers';
import { decisionMicroseconds, UNJUDGED } from './policy';
import { preload } from './preload';
import { printReport } from './report';
import { benchSignals, type SignalReport, type SignalSettings } from './signals';
import { benchSoak, type SoakReport, type SoakSettings } from './soak';
import { benchStart, type StartReport } from './start';
import { benchStop, type StopReport, type StopSettings } from './stop';
import { benchWindow, type WindowReport, type WindowSettings } from './window';

const ROOT = path.resolve(__dirname, '../..');
const PARTS = [
  'append',
  'lifecycle',
  'http',
  'signals',
  'decisions',
  'start',
  'cost',
  'backlog',
  'jobs',
  'doors',
  'agents',
  'overload',
  'stop',
  'window',
  'log',
  'soak',
  'peers',
  'hostile',
] as const;
type Part = (typeof PARTS)[number];
/** Only where they are asked for: each takes longer than all others together. */
const LONG: readonly Part[] = ['log', 'soak', 'hostile'];

interface Settings {
  readonly append: AppendSettings;
  readonly signals: SignalSettings;
  readonly decisions: DecisionSettings;
  readonly cost: CostSettings;
  readonly backlog: BacklogSettings;
  readonly jobs: JobsSettings;
  readonly doors: DoorsSettings;
  readonly idle: IdleSettings;
  readonly overload: OverloadSettings;
  readonly stop: StopSettings;
  readonly window: WindowSettings;
  readonly log: Omit<LogSettings, 'events' | 'agents'>;
  readonly soak: SoakSettings;
  readonly hostile: HostileSettings;
  /** Starts of each app; the median counts. */
  readonly starts: number;
  readonly agents: number;
  /** Events of the store with a long past. */
  readonly past: number;
  /** Runs on a fresh store and on the one with a past, in turn; the median counts. */
  readonly rounds: number;
  readonly warmUp: number;
  readonly tasks: number;
  readonly httpTasks: number;
  /** Agents of a gateway, where they speak through gateways. */
  readonly perGateway: number;
  /** Tasks of a peer's run, and runs. */
  readonly peerTasks: number;
  readonly peerRounds: number;
}

const FULL: Settings = {
  append: { seconds: 2, writers: [1, 32, 256], length: 20_000 },
  signals: { seconds: 3, trails: 10_000, length: 50_000 },
  decisions: { voters: 50, rounds: 400, httpRounds: 100, atOnce: 20, approvals: 500, waiting: 1_000 },
  cost: {
    ...{ tasks: 1_000, approvals: 100, slowSeconds: 30, calmSeconds: 60, restSeconds: 60 },
    ...{ agentsAtRest: 12_000, processes: [1, 8] },
  },
  backlog: { waiting: 50_000, tasks: 5_000, rounds: 3 },
  jobs: { tasks: 10_000, links: 500 },
  doors: { tasks: 400, warmUp: 300, jobTasks: 10_000, callers: 8, rounds: 5 },
  // As long as a poll waits: each asks once meanwhile.
  idle: { gateways: [1_000, 4_000, 12_000, 24_000], singly: [1_000], seconds: 20 },
  overload: {
    agents: 340,
    times: [0.5, 1, 2, 4, 8],
    seconds: 10,
    burstTimes: 4,
    burstSeconds: 60,
    recoverySeconds: 30,
  },
  stop: { freezes: 20, callers: 4, processes: 2 },
  window: { agents: 12_000, perSecond: 500, marks: 200, seconds: 20, viewers: 50, pairs: 5, tasks: 3_000 },
  log: { signals: 200_000, pairs: 20, tasks: 1_500, httpTasks: 1_000, emissions: 5_000 },
  // As many as the correlations that a process remembers, of which each task has one.
  soak: { warmUp: 100_000, tasks: 1_000_000, agents: 204 },
  hostile: { tenants: 50, tasks: 400, rounds: 5, scale: 1 },
  starts: 9,
  agents: 1_000,
  past: 1_000_000,
  rounds: 5,
  warmUp: 2_000,
  tasks: 15_000,
  httpTasks: 6_000,
  perGateway: 250,
  peerTasks: 10_000,
  peerRounds: 5,
};

const SMOKE: Settings = {
  append: { seconds: 0.1, writers: [1, 32, 256], length: 500 },
  signals: { seconds: 0.2, trails: 100, length: 1_000 },
  decisions: { voters: 10, rounds: 4, httpRounds: 4, atOnce: 2, approvals: 5, waiting: 20 },
  cost: {
    ...{ tasks: 8, approvals: 2, slowSeconds: 1, calmSeconds: 0, restSeconds: 1 },
    ...{ agentsAtRest: 80, processes: [1, 2] },
  },
  backlog: { waiting: 1_500, tasks: 100, rounds: 1 },
  jobs: { tasks: 100, links: 5 },
  doors: { tasks: 20, warmUp: 5, jobTasks: 30, callers: 4, rounds: 1 },
  idle: { gateways: [60], singly: [20], seconds: 0.5 },
  overload: { agents: 68, times: [0.5, 4], seconds: 1, burstTimes: 4, burstSeconds: 1, recoverySeconds: 5 },
  stop: { freezes: 1, callers: 2, processes: 2 },
  window: { agents: 60, perSecond: 60, marks: 5, seconds: 1, viewers: 5, pairs: 1, tasks: 50 },
  log: { signals: 2_000, pairs: 1, tasks: 100, httpTasks: 50, emissions: 500 },
  soak: { warmUp: 100, tasks: 400, agents: 68 },
  hostile: { tenants: 5, tasks: 20, rounds: 2, scale: 0.05 },
  starts: 1,
  agents: 68,
  past: 5_000,
  rounds: 1,
  warmUp: 50,
  tasks: 400,
  httpTasks: 200,
  perGateway: 20,
  peerTasks: 200,
  peerRounds: 1,
};

/** A store's runs. */
export interface LifecycleRuns<R> {
  /** Median. */
  readonly tasksPerSecond: number;
  readonly runs: readonly R[];
}

/** How a run differs from the plain one: with agents that accept with the result, or with another policy. */
interface LifecycleHow {
  readonly atOnce?: boolean;
  readonly policy?: Policy;
}

export interface LifecycleReport {
  readonly fresh: LifecycleRuns<LifecycleResult>;
  /** On a fresh store as well, where agents accept with the result. */
  readonly atOnce: LifecycleRuns<LifecycleResult>;
  /** On a store with this many events. */
  readonly past: LifecycleRuns<LifecycleResult>;
  /** On a fresh store, where nobody asks what policy says. */
  readonly unjudged: LifecycleRuns<LifecycleResult>;
  /** Shares by which it is slower with policy, and costs more processor time. */
  readonly policy: { readonly slower: number; readonly moreCpu: number; readonly decisionMicroseconds: number };
  readonly events: number;
  /** Share by which the store with the past is slower; below 0 it was faster. */
  readonly slower: number;
  /** Share by which a task costs more processor time there: on a busy machine it tells more. */
  readonly moreCpu: number;
  readonly commitsPerTask: number;
  /** Of the receipts as they are hashed, and of the file with everything in it, indexes and views too. */
  readonly receiptBytesPerTask: number;
  readonly memory: { readonly fresh: Memory; readonly past: Memory };
}

export interface HttpReport {
  readonly fresh: LifecycleRuns<HttpLifecycleResult>;
  /** On a fresh store as well, where gateways speak for so many agents each. */
  readonly gateways: LifecycleRuns<HttpLifecycleResult>;
  /** The same, where their agents accept with the result. */
  readonly atOnce: LifecycleRuns<HttpLifecycleResult>;
  readonly perGateway: number;
  readonly past: LifecycleRuns<HttpLifecycleResult>;
  readonly events: number;
  readonly slower: number;
}

export interface BenchReport extends Partial<CostHeadline> {
  readonly at: string;
  readonly smoke: boolean;
  readonly machine: {
    readonly cpus: number;
    readonly model: string;
    readonly node: string;
    readonly loadAverage: number;
  };
  append?: AppendReport;
  lifecycle?: LifecycleReport;
  http?: HttpReport;
  signals?: SignalReport;
  decisions?: DecisionReport;
  start?: StartReport;
  cost?: CostReport;
  backlog?: BacklogReport;
  jobs?: JobsReport;
  doors?: DoorsReport;
  agents?: IdleReport;
  overload?: OverloadReport;
  stop?: StopReport;
  window?: WindowReport | Skipped;
  log?: LogReport;
  soak?: SoakReport;
  peers?: PeerReport;
  hostile?: HostileReport;
  seconds: number;
}

interface Options {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly data: string;
  readonly held: boolean;
  readonly tasks?: number;
  readonly events?: number;
}

const program = new Command('npm run bench --')
  .description(
    'Measures append and read back against the limit of the disk, life cycles of tasks in process and over HTTP, signals, decisions, memory and bytes; what jobs cost, a task through each door, and agents that only wait; what is done when more is asked for than can be; how soon a freeze holds; how soon the window shows what happened; how long a cold start takes, what a task asks of Cosmos DB, and what a peer makes of the same work. Where they are asked for: what a long past costs, whether memory grows, and what callers that mean no good take from others.',
  )
  .addArgument(new Argument('[parts...]', `what to measure; all but ${LONG.join(', ')} by default`).choices(PARTS))
  .option('--smoke', 'tiny sizes: shows that everything runs, the figures mean nothing', false)
  .option('--tasks <count>', 'tasks of the soak', countOf)
  .option('--events <count>', 'events of the stores with a past', countOf)
  .option('--held', 'name the longest pieces of work that hold the event loop; the figures are dearer for it', false)
  .option('--json', 'end with one line of JSON on standard output', false)
  .option(
    '--data <folder>',
    'where the stores are made and deleted again; the disk is part of what is measured',
    path.join(ROOT, '.formicary/bench'),
  )
  .addHelpText(
    'after',
    '\nTakes about half an hour and 4 GB of disk; leave the machine alone meanwhile. The figures of a run belong together: compare runs by their ratios.',
  );

class Bench {
  private readonly past: string;
  private hasPast = false;

  constructor(
    private readonly folder: string,
    private readonly settings: Settings,
    private readonly show: boolean,
  ) {
    this.past = path.join(folder, 'past');
  }

  append(): Promise<AppendReport> {
    return benchAppend(this.folder, this.settings.append, this.show);
  }

  signals(): Promise<SignalReport> {
    return benchSignals(this.folder, this.settings.signals);
  }

  decisions(): Promise<DecisionReport> {
    return benchDecisions(this.folder, this.settings.decisions);
  }

  start(): Promise<StartReport> {
    return benchStart(this.folder, this.settings.starts);
  }

  cost(): Promise<CostReport> {
    return benchCost(this.folder, this.settings.cost);
  }

  backlog(): Promise<BacklogReport> {
    return benchBacklog(this.folder, this.settings.agents, this.settings.backlog);
  }

  jobs(): Promise<JobsReport> {
    return benchJobs(this.folder, this.settings.agents, this.settings.jobs);
  }

  doors(): Promise<DoorsReport> {
    return benchDoors(this.folder, ROOT, this.settings.doors);
  }

  agents(): Promise<IdleReport> {
    return benchAgents(this.folder, this.settings.idle);
  }

  peers(): Promise<PeerReport> {
    const { agents, warmUp, peerTasks: tasks, peerRounds: rounds } = this.settings;
    return benchPeers(this.folder, path.join(ROOT, '.cache/peers'), { agents, warmUp, tasks, rounds });
  }

  stop(): Promise<StopReport> {
    return benchStop(this.folder, this.settings.stop);
  }

  window(): Promise<WindowReport | Skipped> {
    return benchWindow(this.folder, this.settings.window);
  }

  overload(): Promise<OverloadReport> {
    return benchOverload(this.folder, this.settings.overload);
  }

  async log(): Promise<LogReport> {
    const { log, agents, past: events } = this.settings;
    await this.makePast();
    return benchLog(this.folder, this.past, { ...log, agents, events });
  }

  soak(): Promise<SoakReport> {
    return benchSoak(this.folder, this.settings.soak, ({ tasks, heapMb, rssMb, cpuMsPerTask }) => {
      const [heap, rss] = [heapMb, rssMb].map((mb) => mb.toFixed(1));
      process.stderr.write(
        `    ${tasks} tasks: heap ${heap} MB, rss ${rss} MB, ${cpuMsPerTask.toFixed(3)} ms a task\n`,
      );
    });
  }

  hostile(): Promise<HostileReport> {
    return benchHostile(this.folder, this.settings.hostile, this.show);
  }

  async lifecycle(): Promise<LifecycleReport> {
    const { rounds, past } = this.settings;
    await this.makePast();
    const fresh: LifecycleResult[] = [];
    const atOnce: LifecycleResult[] = [];
    const later: LifecycleResult[] = [];
    const unjudged: LifecycleResult[] = [];
    let receiptBytesPerTask = 0;
    await this.onFresh(this.settings.warmUp); // the code gets hot once, for both
    for (let round = 0; round < rounds; round += 1) {
      const { result, bytesPerTask } = await this.onFresh(this.settings.tasks);
      fresh.push(result);
      receiptBytesPerTask = bytesPerTask;
      unjudged.push((await this.onFresh(this.settings.tasks, { policy: UNJUDGED })).result);
      atOnce.push((await this.onFresh(this.settings.tasks, { atOnce: true })).result);
      later.push(await this.inProcess(this.past, this.settings.tasks, false));
    }
    const [a, b, c] = [runsOf(fresh), runsOf(later), runsOf(unjudged)];
    return {
      fresh: a,
      atOnce: runsOf(atOnce),
      past: b,
      unjudged: c,
      policy: {
        slower: 1 - a.tasksPerSecond / c.tasksPerSecond,
        moreCpu: moreCpu(fresh, unjudged),
        decisionMicroseconds: await decisionMicroseconds(),
      },
      events: past,
      slower: 1 - b.tasksPerSecond / a.tasksPerSecond,
      moreCpu: moreCpu(later, fresh),
      commitsPerTask: median(fresh.map(({ commitsPerTask }) => commitsPerTask)),
      receiptBytesPerTask,
      memory: { fresh: (fresh.at(-1) as LifecycleResult).memory, past: (later.at(-1) as LifecycleResult).memory },
    };
  }

  async http(): Promise<HttpReport> {
    await this.makePast();
    const { rounds, perGateway, past: events } = this.settings;
    const fresh: HttpLifecycleResult[] = [];
    const through: HttpLifecycleResult[] = [];
    const atOnce: HttpLifecycleResult[] = [];
    const later: HttpLifecycleResult[] = [];
    for (let round = 0; round < rounds; round += 1) {
      fresh.push(await this.overHttp());
      through.push(await this.overHttp(undefined, { perGateway }));
      atOnce.push(await this.overHttp(undefined, { perGateway, atOnce: true }));
      later.push(await this.overHttp(this.past));
    }
    const [a, b, gateways] = [runsOf(fresh), runsOf(later), runsOf(through)];
    const slower = 1 - b.tasksPerSecond / a.tasksPerSecond;
    return { fresh: a, gateways, atOnce: runsOf(atOnce), perGateway, past: b, events, slower };
  }

  private async makePast(): Promise<void> {
    if (this.hasPast) return;
    this.hasPast = true;
    await preload(this.past, this.settings.agents, this.settings.past, this.show);
  }

  private async onFresh(
    tasks: number,
    how: LifecycleHow = {},
  ): Promise<{ result: LifecycleResult; bytesPerTask: number }> {
    const data = path.join(this.folder, 'fresh');
    const result = await this.inProcess(data, tasks, true, how);
    const log = new Verification();
    for (const _ of log.over(readLog(data)));
    if (!log.verified) throw new Error(log.faults[0]?.message);
    rmSync(data, { recursive: true, force: true });
    return { result, bytesPerTask: log.bytes / (tasks + this.settings.warmUp) };
  }

  private async inProcess(
    data: string,
    tasks: number,
    register: boolean,
    { atOnce, policy }: LifecycleHow = {},
  ): Promise<LifecycleResult> {
    const colony = await openBenchColony(data, policy);
    try {
      if (register) await registerAgents(colony, this.settings.agents);
      await runLifecycle(colony, this.settings.warmUp);
      return await runLifecycle(colony, tasks, atOnce);
    } finally {
      await colony.stop();
    }
  }

  /** On the store of `data`, else on a fresh one that is deleted again. */
  private async overHttp(data?: string, options: HttpOptions = {}): Promise<HttpLifecycleResult> {
    const fresh = path.join(this.folder, 'http');
    const colony = await HttpColony.open(data ?? fresh, this.settings.agents, options);
    try {
      const name = `http-${process.pid}-${Math.round(performance.now())}`;
      await colony.run(`${name}-warm`, this.settings.warmUp);
      return await colony.run(name, this.settings.httpTasks);
    } finally {
      await colony.close();
      rmSync(fresh, { recursive: true, force: true });
    }
  }
}

/** The share by which a task of the first costs more processor time than one of the others, by the medians. */
function moreCpu(runs: readonly LifecycleResult[], others: readonly LifecycleResult[]): number {
  const [of, than] = [runs, others].map((all) => median(all.map(({ cpuMsPerTask }) => cpuMsPerTask)));
  return (of as number) / (than as number) - 1;
}

function runsOf<R extends { readonly tasksPerSecond: number }>(runs: readonly R[]): LifecycleRuns<R> {
  return { tasksPerSecond: median(runs.map(({ tasksPerSecond }) => tasksPerSecond)), runs };
}

/** A folder of this run's own; those of runs that were killed are deleted. */
function freshFolder(data: string): string {
  mkdirSync(data, { recursive: true });
  for (const name of readdirSync(data))
    if (/^run-\d+$/.test(name) && !isAlive(Number(name.slice(4))))
      rmSync(path.join(data, name), { recursive: true, force: true });
  const folder = path.join(data, `run-${process.pid}`);
  mkdirSync(folder);
  return folder;
}

function countOf(value: string): number {
  if (!/^[1-9]\d*0$/.test(value)) throw new InvalidArgumentError('Must be a multiple of ten.');
  return Number(value);
}

function isAlive(pid: number): boolean {
  try {
    return pid !== process.pid && process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Tells what held the event loop of this process meanwhile, and of each host that it started. */
async function measureHeld(folder: string, measure: () => Promise<void>): Promise<void> {
  mkdirSync(folder);
  process.env[HELD_FOLDER] = folder;
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --require ${path.join(__dirname, 'held-host.js')}`;
  const show = (who: string, { longest }: HeldReport): void => {
    for (const { ms, call } of longest)
      process.stderr.write(`    ${who} was held for ${ms.toFixed(1)} ms in ${call}\n`);
  };
  show('this process', await held(measure));
  for (const name of readdirSync(folder))
    show('the host', JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as HeldReport);
  rmSync(folder, { recursive: true });
}

async function main(): Promise<void> {
  program.parse();
  const { json, smoke, data, held: watched, tasks, events } = program.opts<Options>();
  const chosen = program.processedArgs[0] as Part[];
  const folder = freshFolder(path.resolve(data));
  const began = performance.now();
  // Who calls is said in headers, but where agents show tokens: what those cost is measured by itself.
  process.env['FORMICARY_DEV_HEADERS'] ??= 'on';
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      clean(); // the children end when this process is gone
      process.exit(signal === 'SIGINT' ? 130 : 143);
    });
  }
  const report: BenchReport = {
    at: new Date().toISOString(),
    smoke,
    machine: {
      cpus: os.cpus().length,
      model: os.cpus()[0]?.model ?? 'unknown',
      node: process.version,
      loadAverage: os.loadavg()[0] as number,
    },
    seconds: 0,
  };
  try {
    const sizes = smoke ? SMOKE : FULL;
    const settings = {
      ...sizes,
      soak: { ...sizes.soak, tasks: tasks ?? sizes.soak.tasks },
      past: events ?? sizes.past,
    };
    const bench = new Bench(folder, settings, !smoke);
    const usual = smoke ? PARTS : PARTS.filter((part) => !LONG.includes(part));
    for (const part of chosen.length === 0 ? usual : chosen) {
      process.stderr.write(`  ${part}…\n`);
      const measure = async (): Promise<void> => void Object.assign(report, { [part]: await bench[part]() });
      if (watched) await measureHeld(path.join(folder, 'held'), measure);
      else await measure();
    }
  } catch (error) {
    process.stderr.write(
      `\n  The bench failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exitCode = 1;
    return;
  } finally {
    clean();
  }
  report.seconds = Math.round((performance.now() - began) / 100) / 10;
  if (report.cost !== undefined) Object.assign(report, headlineOf(report.cost));
  process.stdout.write(printReport(report));
  if (report.decisions !== undefined) process.stdout.write(decisionTables(report.decisions));
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
}

void main();
