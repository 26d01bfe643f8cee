/**
 * `npm run demo`: the host on a fresh store, a thousand agents in processes of their own, one hour of real demand
 * played fast over the HTTP API, and then what the receipts say about it.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import Table from 'cli-table3';
import { Command, InvalidArgumentError, Option } from 'commander';
import { DATABASE_FILE } from '../../adapters/embedded/database';
import { isHeld } from '../../adapters/embedded/folder';
import type { LogLine } from '../../adapters/embedded/read-only-log';
import { percentile } from '../../bench/measure';
import { Formicary, FormicaryError, NodeTransport, type TaskInput } from '../../client/client';
import { parseStream } from '../../domain/kernel/ids';
import { drawRequests, PROFILE, readProfile } from '../demand/profile';
import { type DemandRequest, readTrace, TraceError } from '../demand/trace';
import { tellFrameworks } from '../frameworks/story';
import { startBusy } from './busy';
import { Crew } from './crew';
import { People, setRules } from './decisions';
import { type Engine, openEngine, type Profile, PROFILES } from './engine';
import { type GovernanceFindings, GovernanceWatch, setBudget, Visit } from './governance';
import { freePort, HostProcess } from './host-process';
import { Verification } from './log';
import {
  type DecisionFindings,
  DecisionWatch,
  type LoadFindings,
  LoadWatch,
  type TaskFindings,
  TaskWatch,
} from './metrics';
import { type Progress, progress } from './progress';
import { type PlannedTask, planScenario, type Scenario } from './scenario';
import { openBrowser, tellWindow } from './window';

const ROOT = path.resolve(__dirname, '../../..');
const AGENT_PROCESSES = 4;
/** Above so many agents gateways speak for them, for so many each. */
const MANY: Readonly<Record<Profile, number>> = { embedded: 2_000, 'azure-local': 500 };
const PER_GATEWAY = 250;
/**
 * What is due is posted so often, in milliseconds, at most so many tasks in one request and so many requests at once.
 * Small requests: a large one makes the host late for a moment, and it then lets less in.
 */
const POST_EVERY_MS = 50;
const BATCH = 50;
const POSTS_AT_ONCE = 4;
/** Share of the attempts that fail. */
const FAILURES = 0.02;
const MAX_ATTEMPTS = 8;
/** An agent that is lost gives back what it did not accept; so this may be patient. */
const ACCEPT_SECONDS = 30;
/**
 * After the last arrival the demo waits for the longest task so many times, and at least a minute, before it calls
 * tasks lost.
 */
const DRAIN_FACTOR = 5;
/** How long the host stays dead after --kill. */
const DEAD_MS = 300;
const PATIENT = { attempts: 60, baseMs: 100, maxMs: 1_000, maxWaitMs: 60_000 };
/**
 * Seconds of the demand that are played in one second. Each commit and each row of a view goes over HTTP where the
 * stores are servers.
 */
const SPEED: Readonly<Record<Profile, number>> = { embedded: 64, 'azure-local': 22 };
/** Where each profile keeps its store: the one that was not played stays. */
const FOLDER: Readonly<Record<Options['profile'], string>> = {
  embedded: '.formicary/demo',
  'azure-local': '.formicary/demo-azure-local',
};

const STORY_FOLDER = '.formicary/demo-frameworks';

interface Options {
  readonly profile: Profile;
  readonly trace?: string;
  readonly profileFile?: string;
  readonly agents: number;
  readonly gateway?: number;
  readonly load: number;
  readonly speed: number;
  readonly lease?: number;
  readonly seed: number;
  readonly kill: boolean;
  readonly busy: number;
  readonly busySeconds: number;
  readonly open: boolean;
  readonly stay: boolean;
  readonly json: boolean;
  readonly data: string;
}

export interface DemoReport {
  readonly tasks: number;
  readonly completed: number;
  /** By decision: of agents, of a person, or because nobody decided in time. */
  readonly refused: number;
  readonly lost: number;
  /**
   * Not ended when the demo stopped to wait; they stand in the log, and a host that is started on it goes on with them.
   */
  readonly unfinished: number;
  readonly doubleAwards: number;
  /** Tasks that were awarded before, or although, it was decided on them. */
  readonly undecided: number;
  readonly retries: number;
  /** Attempts that were begun, and the share of them that came to nothing though the agent lived and had not failed. */
  readonly begun: number;
  readonly thrownAway: number;
  readonly gini: number;
  readonly utilisation: number;
  readonly idle: number;
  readonly awardMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly decisions: Omit<DecisionFindings, 'miscounted' | 'stopped' | 'approved'> & { readonly miscounted: number };
  readonly governance: GovernanceFindings;
  readonly commits: number;
  readonly chains: number;
  readonly verified: boolean;
  readonly seconds: number;
}

const number =
  (min: number, max: number, whole = false) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= min && value <= max) || (whole && !Number.isInteger(value)))
      throw new InvalidArgumentError(`give a ${whole ? 'whole ' : ''}number from ${min} to ${max}`);
    return value;
  };

const program = new Command('npm run demo --')
  .description('Plays one hour of real demand on a colony of agents, fast, and shows what the receipts say about it.')
  .addOption(
    new Option(
      '--profile <name>',
      'what the host stores in: a folder, or test servers of ours that speak the protocols of the Azure services',
    )
      .choices(PROFILES)
      .default('embedded'),
  )
  .option(
    '--trace <file>',
    'requests to a model, as the Azure LLM inference traces have them; without it they are drawn from samples/demand/profile.json',
  )
  .addOption(
    new Option(
      '--profile-file <file>',
      'draw the requests from this file instead of samples/demand/profile.json, whose form it has',
    ).conflicts('trace'),
  )
  .option('--agents <n>', 'agents, of all types of the repository', number(1, 24_000, true), 1_000)
  .option(
    '--gateway <n>',
    `agents that one gateway speaks for; 0: each speaks for itself (default: ${PER_GATEWAY} above ${MANY.embedded} agents, with azure-local above ${MANY['azure-local']}, else 0)`,
    number(0, 3_000, true),
  )
  .option('--load <share>', 'work that arrives as a share of the work that the agents can do', number(0.01, 10), 0.7)
  .option(
    '--speed <n>',
    `seconds of the demand that are played in one second (default: ${SPEED.embedded}, with azure-local ${SPEED['azure-local']})`,
    number(0.1, 100_000),
  )
  .option(
    '--lease <s>',
    'seconds of a lease (default: 1.5 times the mean task, between 5 and 15); agents that have to share their processor with others need more',
    number(1, 3_600, true),
  )
  .option(
    '--seed <n>',
    'decides what is drawn: the same seed, the same demand, failures and vanishing agents',
    number(0, 2 ** 32 - 1, true),
    1,
  )
  .option('--kill', 'kill the host with SIGKILL in the middle, and start it again on the same store', false)
  .option('--busy <n>', 'processes that want a core each, beside it from the first task on', number(0, 100, true), 0)
  .option('--busy-seconds <s>', 'how long they stay', number(0, 3_600), 60)
  .option('--open', 'open the window in a browser as soon as the agents are there', false)
  .option('--stay', 'serve the store afterwards, with the window, until it is interrupted; not with azure-local', false)
  .addOption(
    new Option(
      '--story <name>',
      'instead of all that, a small one: "frameworks" has agents of LangGraph, AutoGen, Microsoft Agent Framework and the OpenAI Agents SDK do one job together; needs Python 3.10',
    ).choices(['frameworks']),
  )
  .option('--json', 'end with one line of JSON on standard output', false)
  .option(
    '--data <folder>',
    'where the store is kept (default: .formicary/demo, with azure-local .formicary/demo-azure-local); what is there of an earlier demo is deleted first',
  )
  .addHelpText(
    'after',
    `
What happens
  1. The host starts on a fresh store. Agents register over HTTP from ${AGENT_PROCESSES} processes of their own, each for
     itself or through gateways (--gateway).
  2. Each request of the hour becomes a task at its time: the type of agent, the priority and the place are drawn
     by the seed, the effort comes from the token counts and is scaled so that the offered load is --load.
  3. The market awards each task to the best agent. Agents pull, accept, hold the task as long as the work takes,
     and complete it. ${FAILURES * 100} % of the attempts fail; one agent in 200 vanishes without a word.
  4. One task in fifty needs a decision first: the rules let some go, agents vote on most, people (in a script) decide
     on the rest, some of them late and some never. What is refused is not done.
  5. Every command is decided by policy. Work of one type has a budget; an agent that does no work asks for what it may
     not have, and is frozen in the middle while it emits signals.
  6. The store is read back: every number in the table comes from the receipts, and every chain of hashes is
     verified, every round counted again. The exit code is not 0 when a task was lost, did not end, was awarded twice or
     done without its decision, a round was counted wrongly, or a chain does not hold.

Examples
  npm run demo                                                     about a minute and a half, on two cores that
                                                                   nothing else uses
  npm run demo -- --kill                                           with a kill -9 of the host in between
  npm run demo -- --profile azure-local                            some four minutes: Cosmos DB, Service Bus and Event
                                                                   Hubs are test servers on this machine, not Azure
  npm run demo -- --trace AzureLLMInferenceTrace_code.csv          the trace as Microsoft publishes it
  npm run demo -- --profile-file samples/demand/conversation.json --speed 120 --busy 3 --lease 30
                                                                   19,366 requests as of conversations, 660 a second, while
                                                                   three neighbours want a core each for a minute
  npm run demo -- --story frameworks                               agents of four frameworks do one job together
  npm run demo -- --agents 200 --speed 200 --json                  a short one, for a script`,
  );

const say = (text: string): void => void process.stderr.write(`${text}\n`);

/** Ends everything that was started, in the opposite order; more than once is harmless. */
class Cleanup {
  private readonly steps: (() => void)[] = [];
  add(step: () => void): void {
    this.steps.push(step);
  }
  run(): void {
    for (let step = this.steps.pop(); step !== undefined; step = this.steps.pop()) step();
  }
}

/** Deletes an earlier demo's store; refuses a folder that is in use or holds anything else. */
function freshFolder(data: string): void {
  if (existsSync(data)) {
    if (isHeld(data))
      throw new Error(`a host or another demo uses ${data}: stop it, or give another folder with --data.`);
    const strangers = readdirSync(data).filter(
      (name) => !/^(formicary|durable|event-hubs)\.|^blobs$|^host\.log$|^log\.jsonl\.gz$/.test(name),
    );
    if (strangers.length > 0)
      throw new Error(
        `${data} holds ${strangers[0]}: it is not the store of a demo, and would be deleted. Give another folder with --data.`,
      );
    rmSync(data, { recursive: true, force: true });
  }
  mkdirSync(data, { recursive: true, mode: 0o700 });
}

/** Posts what is due until all is posted; keeps trying while the host is away. */
async function postAll(
  client: Formicary,
  scenario: Scenario,
  started: number,
  posted: (count: number) => void,
  check: () => void,
): Promise<void> {
  let next = 0;
  let batches = 0;
  const under = new Set<Promise<void>>();
  let failure: Error | undefined;
  while (next < scenario.tasks.length || under.size > 0) {
    check();
    if (failure !== undefined) throw failure;
    const now = (performance.now() - started) / 1000;
    while (under.size < POSTS_AT_ONCE) {
      const due: PlannedTask[] = [];
      for (
        let task = scenario.tasks[next];
        task !== undefined && task.due <= now && due.length < BATCH;
        task = scenario.tasks[next]
      ) {
        due.push(task);
        next += 1;
      }
      if (due.length === 0) break;
      const sending: Promise<void> = postBatch(
        client,
        due.map((task) => inputOf(task, scenario)),
        `demo-${batches++}`,
      )
        .then(() => posted(due.length))
        .catch((error: unknown) => void (failure ??= error instanceof Error ? error : new Error(String(error))))
        .finally(() => under.delete(sending));
      under.add(sending);
    }
    await new Promise((resolve) => setTimeout(resolve, POST_EVERY_MS));
  }
  if (failure !== undefined) throw failure;
}

async function postBatch(client: Formicary, tasks: readonly TaskInput[], key: string): Promise<void> {
  const answers = await client.tasks.postMany(tasks, { idempotencyKey: key });
  const refused = answers.find(({ problem }) => problem !== undefined);
  if (refused !== undefined) throw new Error(`the task ${refused.id} was refused: ${refused.problem?.detail}`);
}

function inputOf(
  { id, agentType, priority, location, effort, oversight }: PlannedTask,
  { leaseSeconds }: Scenario,
): TaskInput {
  return {
    id,
    task_type: agentType,
    priority,
    location,
    effort,
    accept_seconds: ACCEPT_SECONDS,
    lease_seconds: leaseSeconds,
    max_attempts: MAX_ATTEMPTS,
    retry_seconds: 1,
    oversight,
  };
}

/** Waits until the host knows of no task that is still alive; false when for so long none was completed. */
async function drained(
  client: Formicary,
  engine: Engine,
  crew: Crew,
  total: number,
  limitSeconds: number,
  check: () => void,
  show: () => void,
): Promise<boolean> {
  let completed = -1;
  let until = 0;
  for (;;) {
    check();
    show();
    if (crew.counts.completed > completed) until = performance.now() + limitSeconds * 1000;
    ({ completed } = crew.counts);
    const alive = crew.counts.completed >= total || ((await engine.isHandled()) && (await nobodyWaits(client)));
    if (alive) return true;
    if (performance.now() > until) return false;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function nobodyWaits(client: Formicary): Promise<boolean> {
  const { feed } = await client.status();
  if (feed.some(({ lag }) => (lag ?? 0) > 0)) return false;
  // In the order of a task's life, and open ones once more: one whose lease runs out meanwhile goes back to there.
  for (const status of ['held', 'open', 'awarded', 'running', 'open'] as const)
    if ((await client.tasks.list({ status, limit: 1 })).value.length > 0) return false;
  return true;
}

interface Examined {
  readonly tasks: TaskFindings;
  readonly load: LoadFindings;
  readonly decisions: DecisionFindings;
  readonly governance: GovernanceFindings;
  readonly log: Verification;
  /** Seconds after the first post, to the last one. */
  readonly window: { readonly from: number; readonly to: number };
  /** A task that a person let go, if there is one, else one that was tried more than once: it has more to tell. */
  readonly sample: string;
}

function examine(stored: Iterable<LogLine>, scenario: Scenario): Examined {
  const log = new Verification();
  const taskWatch = new TaskWatch();
  const loadWatch = new LoadWatch();
  const decisionWatch = new DecisionWatch();
  const governanceWatch = new GovernanceWatch();
  let retried: string | undefined;
  for (const commit of log.over(stored)) {
    taskWatch.see(commit);
    loadWatch.see(commit);
    decisionWatch.see(commit);
    governanceWatch.see(commit);
    if (retried === undefined && commit.events.some(({ type }) => type === 'TaskReopened'))
      retried = parseStream(commit.stream).id;
  }
  const decisions = decisionWatch.findings();
  const tasks = taskWatch.findings(
    scenario.tasks.map(({ id }) => id),
    decisions.stopped,
  );
  const from = tasks.firstPost + scenario.meanHold * 1000;
  const window = { from: scenario.meanHold, to: (tasks.lastPost - tasks.firstPost) / 1000 };
  return {
    tasks,
    load: loadWatch.findings(from, tasks.lastPost),
    decisions,
    governance: governanceWatch.findings(),
    log,
    window,
    sample: decisions.approved ?? retried ?? (scenario.tasks[0] as PlannedTask).id,
  };
}

function reportOf(
  { tasks, load, decisions, governance, log }: Examined,
  scenario: Scenario,
  seconds: number,
): DemoReport {
  const { stopped: _, approved: __, miscounted, ...decided } = decisions;
  const vanish = new Set(scenario.agents.flatMap(({ id, vanishesAfter }) => (vanishesAfter === undefined ? [] : [id])));
  const thrownAway = tasks.thrownAway.filter((agent) => !vanish.has(agent)).length;
  const sorted = [...tasks.awardMs].sort((a, b) => a - b);
  return {
    tasks: scenario.tasks.length,
    completed: tasks.completed,
    refused: tasks.refused.length,
    lost: tasks.lost.length,
    unfinished: tasks.unfinished.length,
    doubleAwards: tasks.awardedTwice.length,
    undecided: tasks.undecided.length,
    retries: tasks.retries,
    begun: tasks.begun,
    thrownAway: tasks.begun === 0 ? 0 : thrownAway / tasks.begun,
    gini: load.gini,
    utilisation: load.utilisation,
    idle: load.idle,
    awardMs: { p50: percentile(sorted, 0.5), p95: percentile(sorted, 0.95), p99: percentile(sorted, 0.99) },
    decisions: { ...decided, miscounted: miscounted.length },
    governance,
    commits: log.commits,
    chains: log.streams,
    verified: log.verified,
    seconds: Math.round(seconds * 10) / 10,
  };
}

/** No lines between rows. */
const COMPACT = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

const count = (value: number): string => value.toLocaleString('en');
const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
const dollars = (microUsd: number): string => `$${(microUsd / 1_000_000).toFixed(2)}`;
const duration = (ms: number): string => (ms < 1_000 ? `${ms} ms` : `${(ms / 1000).toFixed(2)} s`);

function tableOf(report: DemoReport, { tasks, load, decisions, governance, window }: Examined): string {
  const table = new Table({
    head: ['', 'measured', 'goal', ''],
    style: { head: [], border: [] },
    chars: COMPACT,
    colAligns: ['left', 'right', 'left', 'left'],
  });
  const row = (name: string, value: string, goal = '', met?: boolean) =>
    void table.push([name, value, goal, met === undefined ? '' : met ? 'yes' : 'NO']);
  // What a slow or busy machine misses says nothing of the receipts.
  const figure = (name: string, value: string, goal: string, met: boolean) =>
    void table.push([name, value, goal, met ? 'yes' : 'not here']);
  const each = (times: Readonly<Record<string, number>>) =>
    Object.entries(times)
      .map(([name, n]) => `${n} ${name}`)
      .join(', ');
  row('tasks posted', count(tasks.posted), count(report.tasks), tasks.posted === report.tasks);
  row('completed', count(report.completed));
  row('refused by decision', count(report.refused));
  figure('not ended in time', count(report.unfinished), '0', report.unfinished === 0);
  row('lost', count(report.lost), '0', report.lost === 0);
  row('awarded twice', count(report.doubleAwards), '0', report.doubleAwards === 0);
  row('awarded without their decision', count(report.undecided), '0', report.undecided === 0);
  row('agents over their capacity', count(load.overbooked.length), '0', load.overbooked.length === 0);
  row('retries', count(report.retries), each(tasks.ends));
  figure('attempts thrown away **', percent(report.thrownAway), '< 1 %', report.thrownAway < 0.01);
  row('agents lost', count(load.agentsLost), `of ${count(load.agents)}`);
  row('decided by rules, agents, people', `${decisions.byRules}, ${decisions.byAgents}, ${decisions.byPeople}`);
  figure('needed a person', percent(decisions.humanShare), '< 15 %', decisions.humanShare < 0.15);
  row('rounds', count(decisions.rounds), each(decisions.outcomes));
  row('rounds that went to people', count(decisions.roundsEscalated));
  row(
    'rounds counted again',
    count(decisions.rounds - decisions.miscounted.length),
    'all',
    decisions.miscounted.length === 0,
  );
  row('approvals', count(decisions.approvals), each(decisions.answers));
  row('approvals that the next group got', count(decisions.approvalsEscalated));
  row('defaults', count(decisions.defaults), 'each refuses');
  row('ready to award, p50', duration(report.awardMs.p50));
  row('ready to award, p95', duration(report.awardMs.p95));
  row('ready to award, p99', duration(report.awardMs.p99));
  const steady = window.from < window.to;
  const mean = (name: string, value: string, goal: string, met: boolean) =>
    steady ? figure(name, value, goal, met) : row(name, 'not measured', goal);
  mean('load Gini *', report.gini.toFixed(3), '< 0.3', report.gini < 0.3);
  mean(
    'utilisation *',
    percent(report.utilisation),
    '60 to 80 %',
    report.utilisation >= 0.6 && report.utilisation <= 0.8,
  );
  mean('idle *', percent(report.idle), '< 20 %', report.idle < 0.2);
  const { allowed, denied, spent, limit, freezeMs } = governance;
  row('decided by policy, denied', `${count(allowed + denied)}, ${count(denied)}`);
  row('spent of a budget', dollars(spent), `≤ ${dollars(limit)}`, spent <= limit);
  if (freezeMs !== undefined) figure('a freeze took', duration(freezeMs), '< 1 s', freezeMs < 1_000);
  row('receipts', count(report.commits));
  row('chains verified', `${count(report.chains)}`, 'all', report.verified);
  return `${table.toString()}
Ready: posted, and decided that it may be done. What reads \`not here\` depends on the machine and on what runs beside it.
** of the attempts that agents had begun: they came to nothing, though the agent did not vanish and they did not fail.
${steady ? meansOf(window, load) : beforeSteady(window)}`;
}

function meansOf({ from, to }: Examined['window'], { giniOfMeans }: Examined['load']): string {
  return `* mean over time, from second ${from.toFixed(1)} of the arrivals (one mean effort) to the last one at second ${to.toFixed(1)}: the Gini
  coefficient and the share of idle agents are taken at every moment; that of each agent's own mean load is ${giniOfMeans.toFixed(3)}.
  The demand comes in bursts: while it is above what the agents can do, tasks wait, the strongest first.`;
}

function beforeSteady({ from, to }: Examined['window']): string {
  return `* the last task came at second ${to.toFixed(1)}, before the first ones were done (after ${from.toFixed(1)} s on the mean): the load rose all
  the while. With fewer agents, or a lower --speed, there is a time in which it is steady.`;
}

async function demand({ trace, profileFile, seed }: Options): Promise<readonly DemandRequest[]> {
  if (trace === undefined)
    return drawRequests(profileFile === undefined ? PROFILE : await readProfile(profileFile), seed);
  try {
    return await readTrace(trace);
  } catch (error) {
    if (error instanceof TraceError) throw new Error(`${trace}: ${error.message}`);
    throw error;
  }
}

/**
 * Plays the demo; true when nothing was lost, awarded twice, done without its decision, counted wrongly or tampered
 * with.
 */
async function play(options: Options, cleanup: Cleanup): Promise<boolean> {
  const began = performance.now();
  if (options.stay && options.profile !== 'embedded')
    throw new Error('--stay serves a folder: the servers of azure-local are gone at the end. Leave one of both out.');
  const requests = await demand(options);
  const scenario = planScenario(requests, options);
  const { tasks, agents, slots, meanHold, longestHold, arrivals, leaseSeconds, presenceSeconds } = scenario;
  freshFolder(options.data);

  const hour = (((requests.at(-1)?.at ?? 0) - (requests[0]?.at ?? 0)) / 60_000).toFixed(0);
  say(
    `\n  ${count(tasks.length)} tasks in ${hour} minutes of ${options.trace ?? options.profileFile ?? 'the workload profile'}, played in ${arrivals.toFixed(0)} s (--speed ${options.speed})`,
  );
  if (options.profile === 'azure-local')
    say(
      '  Cosmos DB, Service Bus and Event Hubs are test servers of ours on this machine, not Azure; the blobs are in Azurite',
    );
  say(
    `  ${count(agents.length)} agents with ${count(slots)} slots that stay; a task takes ${meanHold.toFixed(1)} s on the mean and ${longestHold.toFixed(1)} s at most, so that the load is ${options.load}`,
  );
  say(`  leases of ${leaseSeconds} s, agents silent for ${presenceSeconds} s count as lost; seed ${options.seed}\n`);

  const engine = await openEngine(options.profile, options.data);
  cleanup.add(() => engine.stop());
  const host = new HostProcess({ data: options.data, port: await freePort(), environment: engine.environment });
  const crew = new Crew();
  const perGateway = options.gateway ?? (agents.length > MANY[options.profile] ? PER_GATEWAY : 0);
  cleanup.add(() => void host.kill());
  cleanup.add(() => crew.kill());
  await host.start();
  await crew.register(agents, AGENT_PROCESSES, {
    url: host.url,
    key: host.key,
    seed: options.seed,
    speed: options.speed,
    failures: FAILURES,
    heartbeatSeconds: scenario.heartbeatSeconds,
    pollSeconds: scenario.pollSeconds,
    perGateway,
  });
  say(
    `  host at ${host.url}, ${count(agents.length)} agents registered after ${((performance.now() - began) / 1000).toFixed(1)} s${perGateway === 0 ? '' : `, through gateways for up to ${perGateway} each`}`,
  );

  if (options.open || options.stay) tellWindow(host, say);
  if (options.open) openBrowser(host.url, say);

  const client = new Formicary({
    transport: new NodeTransport(host.url),
    credentials: { key: host.key },
    principal: 'service:demo',
    retry: PATIENT,
  });
  cleanup.add(() => client.close());
  const people = new People(client, options.seed);
  cleanup.add(() => people.stop());
  await setRules(client.as('human:ada'), scenario.voters);
  await setBudget(client.as('human:ada'), tasks);
  const visit = new Visit(client.as('human:ada'));
  cleanup.add(() => visit.stop());
  const bar: Progress = progress('tasks completed', tasks.length);
  cleanup.add(() => bar.stop());
  let posted = 0;
  const show = (): void => {
    const { completed, accepted, failed, vanished, voted } = crew.counts;
    bar.update(
      completed,
      `${count(completed)} of ${count(posted)} posted · ${count(accepted - completed - failed)} held · ${failed} failed · ${vanished} vanished · ${voted} votes`,
    );
  };
  const showing = setInterval(show, 200);
  cleanup.add(() => clearInterval(showing));

  crew.work();
  const deciding = people.work();
  const visiting = visit.run((arrivals / 3) * 1000);
  const started = performance.now();
  const leave = startBusy(options.busy);
  cleanup.add(leave);
  if (options.busy > 0) setTimeout(leave, options.busySeconds * 1_000).unref();
  const killing = options.kill ? killInTheMiddle(host, (arrivals / 2) * 1000) : undefined;
  const check = (): void => crew.check();
  await Promise.all([postAll(client, scenario, started, (number) => (posted += number), check), killing]);
  const whole = await drained(
    client,
    engine,
    crew,
    tasks.length,
    Math.max(60, DRAIN_FACTOR * longestHold),
    check,
    show,
  );
  clearInterval(showing);
  show();
  bar.stop();
  const outage = await killing;
  if (outage !== undefined)
    say(`  the host was killed in the middle and was back after ${(outage / 1000).toFixed(1)} s`);
  if (!whole)
    say(
      '  some tasks did not end in time: beside other work this machine is too slow for that much; see --speed and --agents',
    );

  people.stop();
  visit.stop();
  await Promise.all([deciding, visiting]);
  await crew.stop();
  client.close();
  await host.stop();
  const examined = examine(await engine.log(), scenario);
  const report = reportOf(examined, scenario, (performance.now() - began) / 1000);
  print(report, examined, options, engine.exported);
  const sound =
    report.lost === 0 &&
    report.unfinished === 0 &&
    report.doubleAwards === 0 &&
    report.undecided === 0 &&
    report.completed + report.refused === report.tasks;
  const good = sound && report.verified && report.decisions.miscounted === 0 && examined.load.overbooked.length === 0;
  if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
  if (options.stay) await stay(host);
  return good;
}

/** Serves what was played until somebody interrupts it, and stops the host then; a second time ends it at once. */
async function stay(host: HostProcess): Promise<void> {
  await host.start();
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.removeAllListeners(signal);
      process.once(signal, () => resolve());
    }
  });
  tellWindow(host, say);
  say('  to stop: Ctrl+C');
  await interrupted;
  await host.stop();
  say('\n  stopped');
}

function print(report: DemoReport, examined: Examined, options: Options, exported: string | undefined): void {
  const { tasks, load, decisions, log, sample } = examined;
  const lines = [tableOf(report, examined)];
  for (const id of tasks.lost.slice(0, 5)) lines.push(`lost: ${id}`);
  for (const id of tasks.awardedTwice.slice(0, 5)) lines.push(`awarded twice: ${id}`);
  for (const id of tasks.undecided.slice(0, 5)) lines.push(`awarded without its decision: ${id}`);
  for (const stream of decisions.miscounted.slice(0, 5)) lines.push(`counted wrongly: ${stream}`);
  for (const id of load.overbooked.slice(0, 5)) lines.push(`over its capacity: ${id}`);
  for (const { message } of log.faults.slice(0, 5)) lines.push(`chain: ${message}`);
  const here = path.relative(process.cwd(), options.data) || '.';
  if (exported === undefined) {
    lines.push(
      '',
      `Took ${report.seconds} s. The store stays in ${here} (${DATABASE_FILE}; wiped by the next demo). To look further:`,
      `  npx formicary verify --data ${here}`,
      `  npx formicary why ${sample} --data ${here}`,
      `  npx formicary start --data ${here}    the same store behind the API`,
      '',
    );
  } else {
    const file = path.relative(process.cwd(), exported);
    lines.push(
      '',
      `Took ${report.seconds} s. The servers are gone, the receipts stay in ${file} (wiped by the next demo). To look further:`,
      `  npx formicary verify --export ${file}`,
      '',
    );
  }
  process.stdout.write(`\n${lines.join('\n')}\n`);
}

/** Kills the host and starts it again; gives the milliseconds that it was away. */
async function killInTheMiddle(host: HostProcess, afterMs: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  const down = performance.now();
  await host.kill();
  await new Promise((resolve) => setTimeout(resolve, DEAD_MS));
  await host.start();
  return performance.now() - down;
}

/** The story of the frameworks, on a fresh store. */
async function tell(data: string, cleanup: Cleanup): Promise<boolean> {
  freshFolder(data);
  return tellFrameworks(data, say, (step) => cleanup.add(step));
}

async function main(): Promise<void> {
  const given = program
    .parse()
    .opts<
      Omit<Options, 'speed' | 'data'> & { readonly speed?: number; readonly data?: string; readonly story?: string }
    >();
  const folder = given.story === undefined ? FOLDER[given.profile] : STORY_FOLDER;
  const data = given.data === undefined ? path.join(ROOT, folder) : path.resolve(given.data);
  const options: Options = { ...given, speed: given.speed ?? SPEED[given.profile], data };
  const cleanup = new Cleanup();
  const stop = (signal: NodeJS.Signals): void => {
    cleanup.run();
    say(`\n  stopped by ${signal}`);
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const good = given.story === undefined ? await play(options, cleanup) : await tell(data, cleanup);
    process.exitCode = good ? 0 : 1;
  } catch (error) {
    say(
      `\n  The demo failed: ${error instanceof FormicaryError || !(error instanceof Error) ? String(error) : error.message}`,
    );
    process.exitCode = 1;
  } finally {
    cleanup.run();
  }
}

void main();
