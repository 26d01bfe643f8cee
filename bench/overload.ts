/**
 * What a host does when it is asked for more than it can: tasks are posted one by one at multiples of what it does at
 * best, whether it answers or not, while agents work on those that it takes and vote on some of them; then a burst
 * beside processes that want every core and the disk. What counts is what is completed meanwhile, what is thrown away,
 * whether others decide than without the load, and how soon all is as before.
 */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Formicary } from '../client/client';
import { busy, syncing } from '../samples/demo/busy';
import { Crew } from '../samples/demo/crew';
import { type Overseen, REVIEW, setRules } from '../samples/demo/decisions';
import { freePort, HostProcess } from '../samples/demo/host-process';
import { readLog, Verification } from '../samples/demo/log';
import { DecisionWatch } from '../samples/demo/metrics';
import { agentId, CAPACITY, specOf, typeOf } from './colony';
import { cpuMsOf, pause, percentile } from './measure';
import { PlainPosts } from './plain-posts';

export interface OverloadSettings {
  /** At least one of each type, so that somebody can do whatever is posted. */
  readonly agents: number;
  /** What is offered, as multiples of the peak; how long each, and how long the peak is looked for. */
  readonly times: readonly number[];
  readonly seconds: number;
  /**
   * The burst, beside a busy process per core and one that syncs the disk all the time; and for how long a recovery is
   * waited for at most.
   */
  readonly burstTimes: number;
  readonly burstSeconds: number;
  readonly recoverySeconds: number;
}

export interface OverloadReport {
  /** Tasks completed a second, at best. */
  readonly peak: number;
  /** Completed a second at each multiple of the peak, as shares of the peak. */
  readonly goodput: Readonly<Record<string, number>>;
  /** Of the posts at each multiple, how many were refused. */
  readonly refused: Readonly<Record<string, number>>;
  /** Until a refused post was answered at each multiple, p99 in milliseconds; undefined where none was. */
  readonly refusedMs: Readonly<Record<string, number | undefined>>;
  /** Cores that the host used at each multiple, and that whoever posts used. */
  readonly hostCores: Readonly<Record<string, number>>;
  readonly loadCores: Readonly<Record<string, number>>;
  /**
   * Of the decisions that agents were asked for: the share that agents decided before more was offered than the peak,
   * less the share from then on. Above 0: people and defaults decided what agents would have.
   */
  readonly byAgentsShift: number;
  /** Attempts that were begun and thrown away, as a share of those begun; agents that were lost though they lived. */
  readonly wasted: number;
  readonly livingLost: number;
  /** From the end of the burst until half of the peak is taken and done again; null when it was not in time. */
  readonly recoverySeconds: number | null;
  /** Until a refused post was answered, of all of them and the burst's too, in milliseconds. */
  readonly refusedP99Ms: number;
  /** Of the host, at most. */
  readonly rssMb: number;
}

const PROCESSES = 2;
/** Posts that wait for an answer at once; whatever is due beyond that is not sent, and counts as not taken. */
const MOST_AT_ONCE = 2_000;
const TICK_MS = 10;
/** One post in so many needs a decision of agents. */
const REVIEWED = 50;
const VOTERS = 5;
const TO_REVIEW: Overseen = { kind: REVIEW, why: 'one of a few', confidence: 0.9, impact: 'low', risk: 0.1 };
/** Posts under way while the peak is looked for, and tasks that are not completed then. */
const PEAK_CALLERS = 64;
const PEAK_IN_FLIGHT = 400;
const PEAK_PAUSE_MS = 250;

/** What came of the posts of a time. */
interface Offered {
  readonly posts: number;
  readonly taken: number;
  readonly refused: number;
  readonly completed: number;
  readonly seconds: number;
}

export async function benchOverload(folder: string, settings: OverloadSettings): Promise<OverloadReport> {
  const data = path.join(folder, 'overload');
  const environment = { FORMICARY_RATE: '1000000', FORMICARY_BURST: '1000000' };
  const host = new HostProcess({ data, port: await freePort(), environment });
  const crew = new Crew();
  await host.start();
  const load = new Load(host, crew);
  try {
    const plans = Array.from({ length: settings.agents }, (_, n) => ({
      id: agentId(n),
      input: { agent_type: typeOf(n), capacity: CAPACITY, limits: { presence_seconds: 60 } },
    }));
    const behaviour = {
      url: host.url,
      key: host.key,
      seed: 1,
      speed: 0,
      failures: 0,
      heartbeatSeconds: 10,
      pollSeconds: 20,
      perGateway: 0,
    };
    await crew.register(plans, PROCESSES, behaviour);
    const client = new Formicary({ url: host.url, principal: 'human:bench' });
    await setRules(
      client,
      plans.slice(0, VOTERS).map(({ id }) => id),
    );
    client.close();
    crew.work();
    const { seconds, times, burstTimes, burstSeconds } = settings;
    await load.peak(seconds / 2); // the code gets hot
    const peak = await load.peak(seconds);
    const goodput: Record<string, number> = {};
    const refused: Record<string, number> = {};
    const refusedMs: Record<string, number | undefined> = {};
    const hostCores: Record<string, number> = {};
    const loadCores: Record<string, number> = {};
    let loadedFrom = Infinity;
    for (const multiple of times) {
      if (multiple > 1) loadedFrom = Math.min(loadedFrom, Date.now());
      const before = load.refusedMs.length;
      const [hostMs, own] = [cpuMsOf(host.pid), process.cpuUsage()];
      const offered = await load.offer(peak * multiple, seconds);
      const { user, system } = process.cpuUsage(own);
      hostCores[multiple] = (cpuMsOf(host.pid) - hostMs) / 1_000 / offered.seconds;
      loadCores[multiple] = (user + system) / 1e6 / offered.seconds;
      goodput[multiple] = offered.completed / offered.seconds / peak;
      refused[multiple] = offered.refused / offered.posts;
      refusedMs[multiple] = p99(load.refusedMs.slice(before));
      await load.drained();
    }
    const neighbours = [...Array.from({ length: os.cpus().length }, busy), syncing(path.join(folder, 'syncing'))];
    try {
      await load.offer(peak * burstTimes, burstSeconds);
    } finally {
      for (const neighbour of neighbours) neighbour.kill('SIGKILL');
    }
    const recoverySeconds = await load.recovery(peak / 2, settings.recoverySeconds);
    await load.drained();
    const refusedP99Ms = p99(load.refusedMs) ?? 0;
    load.close();
    await crew.stop();
    await host.stop();
    const { rssMb } = load;
    return {
      peak,
      goodput,
      refused,
      refusedMs,
      hostCores,
      loadCores,
      ...judged(data, loadedFrom),
      recoverySeconds,
      refusedP99Ms,
      rssMb,
    };
  } catch (error) {
    load.close();
    crew.kill();
    await host.kill();
    throw error;
  }
}

/** Posts tasks, and sees what becomes of them. */
class Load {
  readonly refusedMs: number[] = [];
  rssMb = 0;
  private readonly lines: PlainPosts;
  private readonly watch = setInterval(() => (this.rssMb = Math.max(this.rssMb, rssOf(this.host.pid))), 500);
  private posts = 0;
  private taken = 0;
  private refused = 0;
  private underWay = 0;

  constructor(
    private readonly host: HostProcess,
    private readonly crew: Crew,
  ) {
    this.lines = new PlainPosts(`${host.url}/v1/tasks`, { 'x-formicary-principal': 'service:bench' });
  }

  close(): void {
    clearInterval(this.watch);
    this.lines.close();
  }

  /** Tasks completed a second by callers that wait for their answers, and for their tasks. */
  async peak(seconds: number): Promise<number> {
    const [began, before] = [performance.now(), this.completed];
    const end = began + seconds * 1_000;
    // On a busy machine a short time may pass before anything is completed.
    const goesOn = (now: number) => now < end || (this.completed === before && now < end + 30_000);
    await Promise.all(
      Array.from({ length: PEAK_CALLERS }, async () => {
        while (goesOn(performance.now()))
          if (this.taken - this.completed >= PEAK_IN_FLIGHT) await pause(5);
          // Who comes again at once after a refusal would be more of a load than all that is done.
          else if (isRefusal(await this.post())) await pause(PEAK_PAUSE_MS);
      }),
    );
    const perSecond = ((this.completed - before) * 1_000) / (performance.now() - began);
    await this.drained();
    return perSecond;
  }

  /** Posts so many tasks a second, whatever is answered. */
  async offer(perSecond: number, seconds: number): Promise<Offered> {
    const [began, posts, taken, refused, completed] = [
      performance.now(),
      this.posts,
      this.taken,
      this.refused,
      this.completed,
    ];
    let sent = 0;
    for (let passed = 0; passed < seconds; passed = (performance.now() - began) / 1_000) {
      for (; sent < passed * perSecond; sent += 1) {
        if (this.underWay < MOST_AT_ONCE) void this.post();
        else this.posts += 1;
      }
      await pause(TICK_MS);
    }
    this.crew.check();
    return {
      posts: this.posts - posts,
      taken: this.taken - taken,
      refused: this.refused - refused,
      completed: this.completed - completed,
      seconds: (performance.now() - began) / 1_000,
    };
  }

  /** Seconds until for three seconds in a row nearly all that is offered is taken and done; null when it is not. */
  async recovery(perSecond: number, most: number): Promise<number | null> {
    const began = performance.now();
    for (let well = 0, since = 0; performance.now() - began < most * 1_000;) {
      const from = performance.now();
      const { posts, taken, completed } = await this.offer(perSecond, 1);
      well = Math.min(taken, completed) >= 0.9 * posts ? well + 1 : 0;
      if (well === 1) since = from;
      if (well === 3) return (since - began) / 1_000;
    }
    return null;
  }

  /** Waits until all that was taken is completed, for a minute at most. */
  async drained(): Promise<void> {
    const end = performance.now() + 60_000;
    while ((this.underWay > 0 || this.completed < this.taken) && performance.now() < end) await pause(50);
    this.crew.check();
  }

  private get completed(): number {
    return this.crew.counts.completed;
  }

  /** Answers the status; undefined when the connection was lost. */
  private post(): Promise<number | undefined> {
    const { requester: _, ...spec } = specOf(this.posts);
    const isReviewed = this.posts % REVIEWED === 0;
    const input = isReviewed ? { ...spec, oversight: TO_REVIEW } : spec;
    this.posts += 1;
    this.underWay += 1;
    const began = performance.now();
    return new Promise((resolve) => {
      const over = (status?: number) => {
        this.underWay -= 1;
        // What agents may say no to is not waited for.
        if (status === 201 && !isReviewed) this.taken += 1;
        if (isRefusal(status)) {
          this.refused += 1;
          this.refusedMs.push(performance.now() - began);
        }
        resolve(status);
      };
      this.lines.send(JSON.stringify(input), over);
    });
  }
}

function isRefusal(status: number | undefined): boolean {
  return status === 429 || status === 503;
}

function p99(milliseconds: readonly number[]): number | undefined {
  return milliseconds.length === 0
    ? undefined
    : percentile(
        [...milliseconds].sort((a, b) => a - b),
        0.99,
      );
}

/** What the receipts say about attempts, agents and decisions. */
function judged(data: string, loadedFrom: number): Pick<OverloadReport, 'wasted' | 'livingLost' | 'byAgentsShift'> {
  const log = new Verification();
  const [calm, loaded] = [new DecisionWatch(), new DecisionWatch()];
  const watches = new Map<string, DecisionWatch>();
  let [accepted, completed, livingLost] = [0, 0, 0];
  for (const commit of log.over(readLog(data))) {
    const watch = watches.get(commit.stream) ?? (Date.parse(commit.at) < loadedFrom ? calm : loaded);
    watches.set(commit.stream, watch);
    watch.see(commit);
    for (const { type } of commit.events) {
      if (type === 'TaskAccepted') accepted += 1;
      if (type === 'TaskCompleted') completed += 1;
      if (type === 'AgentLost') livingLost += 1;
    }
  }
  return {
    wasted: accepted === 0 ? 0 : (accepted - completed) / accepted,
    livingLost,
    byAgentsShift: byAgents(calm) - byAgents(loaded),
  };
}

function byAgents(watch: DecisionWatch): number {
  const { byAgents, decided } = watch.findings();
  return decided === 0 ? 0 : byAgents / decided;
}

function rssOf(pid: number | undefined): number {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return (Number(kilobytes ?? 0) * 1_024) / 1e6;
  } catch {
    return 0;
  }
}
