/**
 * Colonies on a stage: one or several processes of the whole application over one in-memory database, with a clock that
 * only the test moves, deadlines that only the test fires, and ports that fail, stall or die as the test says.
 *
 * The stores are the embedded ones, unchanged; only the writer thread and the disk below them are not there. So a run
 * of thousands of commands takes a second, and the same seed gives the same run.
 */
import type { Database } from '../../adapters/embedded/database';
import { SqliteEventStore } from '../../adapters/embedded/event-store';
import { SqliteKeys } from '../../adapters/embedded/keys';
import { newestReceipt } from '../../adapters/embedded/open';
import {
  MemoryPresence,
  SqliteCheckpoints,
  SqliteDeadlines,
  SqliteWorkQueue,
} from '../../adapters/embedded/small-stores';
import { FileSubjectKeys } from '../../adapters/embedded/subject-keys';
import { SqliteViewStore } from '../../adapters/embedded/view-store';
import { McpServers } from '../../adapters/outbound/mcp';
import { AesKeyWrap } from '../../adapters/personal/key-wrap';
import { Colony, type ConsumerGroup } from '../../app/colony';
import type { RequestContext } from '../../app/engine/command';
import type {
  Anchor,
  Append,
  Checkpoint,
  EventStore,
  Keys,
  LogSigner,
  Outbound,
  Ports,
  Presence,
} from '../../app/engine/ports';
import type { KeyWrap } from '../../app/engine/ports-personal';
import type { Bundles, Policy } from '../../app/engine/ports-policy';
import type { Push } from '../../app/engine/ports-push';
import type { CacheBounds } from '../../app/engine/streams';
import type { IdentityOptions } from '../../app/identity/module';
import type { TenantsOptions } from '../../app/tenants/module';
import { type ChainFault, ChainVerifier, type Commit, unseal } from '../../domain/kernel/commit';
import type { Decider, Event } from '../../domain/kernel/decider';
import { stateOf } from '../../domain/kernel/fold';
import type { PrincipalKind } from '../../domain/kernel/principal';
import { plusSeconds, type Time, toMillis, toTime } from '../../domain/kernel/time';
import type { AgentProfile } from '../../domain/market/agent';
import type { TaskSpec } from '../../domain/market/task';
import { EPOCH } from './commits';
import { MemoryBlobs, MemoryDatabase } from './memory-database';
import { shippedPolicy } from './policy';

export const TENANT = 'acme';
/** No server of MCP is reached. */
export const NO_TOOLS = new McpServers({ privateHosts: [], httpToLoopback: false }, new Map(), {
  get: async () => undefined,
});
/** Wraps the keys of subjects, for all processes. */
export const WRAPPING_KEY = Buffer.alloc(32, 9).toString('base64');

/**
 * `fails`: nothing happens, the call throws. `loses`: it happens, the call throws. `slow`: it takes its time. `late`:
 * so much time passes first as the test says. `hangs`: it never answers.
 */
export type Mishap = 'fails' | 'loses' | 'slow' | 'late' | 'hangs' | undefined;
export type Mishaps = (port: string, method: string, args: readonly unknown[]) => Mishap | Promise<void>;

/** An append to the stream with an event of this type hangs. */
export function hangsAt(stream: string, type: string): Mishaps {
  return (port, method, [append]) =>
    port === 'store' &&
    method === 'append' &&
    (append as Append).stream === stream &&
    (append as Append).commits.some(({ body }) => body.includes(type))
      ? 'hangs'
      : undefined;
}

/** Calls that answer at once and can't fail, and one whose answer is no promise but pages. */
const PLAIN = new Set(['onAppend', 'beat', 'forget', 'latest']);

/** Waits for so many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** One process: a colony whose ports can be cut. */
export class Process {
  dead = false;
  private die: () => void = () => undefined;
  /** Resolves when the process is killed. */
  readonly death = new Promise<void>((resolve) => (this.die = resolve));

  constructor(
    readonly colony: Colony,
    private readonly cut: () => void,
  ) {}

  /** As the operating system does it: nothing is finished, nothing is answered any more. */
  kill(): void {
    this.dead = true;
    this.cut();
    this.die();
    void this.colony.peers.stop();
    void this.colony.balance.stop();
    this.colony.watchdog.stop();
    void this.colony.reactions.stop();
    void this.colony.deadlines.stop();
    void this.colony.feed.stop();
  }
}

/**
 * A trigger on the feed, as the host of shared processes runs it: hands each page to one process that lives, again to
 * the next one when that failed or died, and now and then once too often.
 */
class Trigger {
  private position: Checkpoint | undefined;
  private turn = 0;
  private running: Promise<void> | undefined;

  constructor(
    private readonly group: ConsumerGroup,
    private readonly store: EventStore,
    private readonly living: () => readonly Process[],
  ) {}

  /** Hands over all that is there. */
  async run(): Promise<void> {
    this.running ??= this.deliver().finally(() => (this.running = undefined));
    await this.running;
  }

  private async deliver(): Promise<void> {
    for (let end = false; !end && this.living().length > 0;) {
      const page = await this.store.feed(this.position, PAGE);
      if (page.commits.length > 0) while (!(await this.handOver(page.commits)));
      if (this.turn % 5 === 0 && page.commits.length > 0) await this.handOver(page.commits);
      this.position = page.checkpoint;
      end = page.end;
    }
  }

  private async handOver(commits: readonly Commit[]): Promise<boolean> {
    const living = this.living();
    const process = living[(this.turn += 1) % living.length];
    if (process === undefined) return true;
    return await Promise.race([
      process.colony.deliver(this.group, commits).then(
        () => true,
        () => false,
      ),
      process.death.then(() => false),
    ]);
  }
}

const PAGE = 50;

/** What one process has heard, beside what all have written. */
class WrittenPresence implements Presence {
  private readonly heard = new Map<string, number>();
  private readonly forgotten = new Map<string, number>();

  constructor(
    private readonly written: Map<string, number>,
    readonly lateSeconds: number,
  ) {}

  beat(keys: readonly string[], at: number): void {
    for (const key of keys) this.heard.set(key, Math.max(at, this.heard.get(key) ?? -Infinity));
  }

  async last(key: string): Promise<number | undefined> {
    const there = this.written.get(key) ?? -Infinity;
    const last = Math.max(
      this.heard.get(key) ?? -Infinity,
      there > (this.forgotten.get(key) ?? -Infinity) ? there : -Infinity,
    );
    return last === -Infinity ? undefined : last;
  }

  forget(keys: readonly string[], at: number): void {
    for (const key of keys) {
      this.heard.delete(key);
      this.forgotten.set(key, at);
    }
  }

  async flush(): Promise<void> {
    for (const [key, at] of this.heard) this.written.set(key, Math.max(at, this.written.get(key) ?? -Infinity));
  }
}

export interface StageOptions {
  /** Processes share the stores: triggers read the feed and hand it to one or the other. */
  readonly shared?: boolean;
  /**
   * Each process hears for itself, and the others know when it has written that: a test has to `flush`. They say that
   * it may be so many seconds later. Left out, all hear at once whom one of them hears.
   */
  readonly presenceLateSeconds?: number;
  /** What a process remembers of the streams. */
  readonly cache?: CacheBounds;
  /** What tokens are signed with. */
  readonly identity?: IdentityOptions;
  /** Signs checkpoints, of every process; without one none are made. */
  readonly logSigner?: LogSigner;
  readonly anchors?: readonly Anchor[];
  /** Wraps the keys of subjects, for every process. */
  readonly keyWrap?: KeyWrap;
  readonly tenants?: TenantsOptions;
  readonly push?: Push;
  /** Policy that is rolled out, instead of what `policy` says. */
  readonly bundles?: Bundles;
}

export class Stage {
  private triggers: readonly Trigger[] = [];
  readonly database = new MemoryDatabase();
  readonly clock = { time: toMillis(EPOCH), now: (): number => this.clock.time };
  readonly reports: { message: string; facts: Record<string, unknown> }[] = [];
  readonly processes: Process[] = [];
  /** What befalls the next calls of the ports. */
  mishaps: Mishaps = () => undefined;
  /** In the place of the policy that comes with the product. */
  policy: Policy | undefined;
  outbound: Outbound = {
    webhooks: { post: async () => ({ error: 'nobody listens' }) },
    mail: undefined,
    secrets: { get: async () => undefined },
    tools: NO_TOOLS,
  };
  private presence: Presence = new MemoryPresence();
  private written = new Map<string, number>();
  /** Of all processes that live at once: the port orders their claims. */
  private keys: Keys | undefined;
  private readonly blobs = new MemoryBlobs();

  constructor(private readonly options: StageOptions = {}) {}

  get now(): Time {
    return toTime(this.clock.time);
  }

  /** A process that lives. */
  get first(): Process {
    return this.living[0] as Process;
  }

  get living(): Process[] {
    return this.processes.filter(({ dead }) => !dead);
  }

  get colony(): Colony {
    return this.first.colony;
  }

  /** A colony whose feed runs; its deadlines wait for `fire`. Heartbeats don't outlive the last process. */
  async start(): Promise<Process> {
    if (this.living.length === 0) {
      this.presence = new MemoryPresence();
      this.written = new Map();
    }
    const process = await this.prepare();
    await process.colony.start();
    // Its own timers would follow the real clock.
    process.colony.watchdog.stop();
    await process.colony.reactions.stop();
    await process.colony.deadlines.stop();
    return process;
  }

  /** A colony that was made and not started. */
  async prepare(): Promise<Process> {
    let alive = true;
    const guard = <T extends object>(port: string, inner: T): T =>
      new Proxy(inner, {
        get: (target, method) => {
          const value: unknown = Reflect.get(target, method);
          if (typeof value !== 'function' || typeof method !== 'string') return value;
          const call = value.bind(target) as (...args: unknown[]) => unknown;
          if (PLAIN.has(method)) return call;
          return (...args: unknown[]) =>
            this.befall(
              port,
              method,
              args,
              () => call(...args),
              () => alive,
            );
        },
      });
    const database = this.database as unknown as Database;
    if (this.options.shared === true && this.triggers.length === 0) {
      const store = await SqliteEventStore.open(database);
      this.triggers = (['projections', 'reactions'] as const).map(
        (group) => new Trigger(group, store, () => this.living),
      );
    }
    if (this.living.length === 0) this.keys = undefined;
    const rules = await shippedPolicy();
    const ports: Ports = {
      store: guard('store', await SqliteEventStore.open(database)),
      keys: guard('keys', (this.keys ??= await SqliteKeys.open(database))),
      views: guard('views', new SqliteViewStore(database)),
      checkpoints: guard('checkpoints', await SqliteCheckpoints.open(database)),
      deadlines: guard('deadlines', await SqliteDeadlines.open(database)),
      queue: guard('queue', await SqliteWorkQueue.open(database)),
      blobs: guard('blobs', this.blobs),
      presence: guard('presence', this.ownPresence()),
      logSigner: this.options.logSigner,
      anchors: this.options.anchors,
      push: this.options.push,
      subjectKeys: guard('subjectKeys', new FileSubjectKeys(this.database.folder)),
      keyWrap: this.options.keyWrap ?? new AesKeyWrap(WRAPPING_KEY),
      policy: this.options.bundles ?? { evaluate: (input) => (this.policy ?? rules).evaluate(input) },
      outbound: this.outbound,
      clock: this.clock,
      report: (message, facts) => this.reports.push({ message, facts }),
      ...(this.options.shared !== true && { newest: async () => newestReceipt(database) }),
      handed: async (documents) => documents as readonly Commit[],
      close: async () => undefined,
    };
    const colony = new Colony(ports, this.options);
    const process = new Process(colony, () => (alive = false));
    this.processes.push(process);
    return process;
  }

  /** Waits until every living process has handled what is in the log. */
  async settled(): Promise<void> {
    if (this.options.shared !== true)
      return void (await Promise.all(this.living.map(({ colony }) => colony.feed.settled())));
    // What one of them does may be news to another.
    for (let before = -1; before !== this.log().length;) {
      before = this.log().length;
      await this.heard();
      await Promise.all(this.triggers.map((trigger) => trigger.run()));
    }
  }

  private async heard(): Promise<void> {
    for (const { colony } of this.living) await colony.peers.look().catch(() => undefined);
  }

  /** Every process writes whom it has heard. */
  async flush(): Promise<void> {
    for (const { colony } of this.living) await colony.ports.presence.flush?.();
  }

  private ownPresence(): Presence {
    const { presenceLateSeconds } = this.options;
    return presenceLateSeconds === undefined ? this.presence : new WrittenPresence(this.written, presenceLateSeconds);
  }

  /** Fires what is due, in every process, and waits for what follows from it. */
  async fire(): Promise<void> {
    // A process hears of the others all the time, not only when something is due.
    if (this.options.shared === true) await this.heard();
    for (const { colony } of this.living) {
      await colony.deadlines.fire();
      // What goes wrong is reported by the sweep that the clock begins, and is looked at again by the next.
      await colony.reactions.sweepPresence().catch(() => undefined);
    }
    await this.settled();
  }

  /** Time passes; what falls due on the way is fired, about when it does. */
  async pass(seconds: number, each: () => Promise<void> = async () => undefined, step = 5): Promise<void> {
    for (let left = seconds; left > 0; left -= step) {
      this.clock.time += Math.min(step, left) * 1000;
      await each();
      await this.fire();
    }
  }

  /** Parked commits are tried again. */
  async redeliver(): Promise<void> {
    for (const { colony } of this.living) await colony.feed.redeliver();
    await this.settled();
  }

  async end(): Promise<void> {
    this.mishaps = () => undefined;
    for (const process of this.processes) if (!process.dead) process.kill();
    this.database.close();
  }

  // ------------------------------------------------------------------------------------------------ what is stored

  /** Every commit in the order of writing, as stored. */
  log(): Commit[] {
    return this.database
      .all<{ body: string; hash: string }>('SELECT body, hash FROM commits ORDER BY position')
      .map(({ body, hash }) => unseal(body, hash));
  }

  stream(stream: string): Commit[] {
    return this.database
      .all<{ body: string; hash: string }>('SELECT body, hash FROM commits WHERE stream = ? ORDER BY idx', stream)
      .map(({ body, hash }) => unseal(body, hash));
  }

  streams(category: string): string[] {
    return this.database
      .all<{ stream: string }>('SELECT DISTINCT stream FROM commits ORDER BY stream')
      .map(({ stream }) => stream)
      .filter((stream) => stream.split('/')[1] === category);
  }

  deadlines(): { stream: string; reason: string; due: string }[] {
    return this.database.all('SELECT stream, reason, due FROM deadlines ORDER BY stream, reason');
  }

  /** As after the loss of what keeps them. */
  async loseDeadlines(): Promise<void> {
    await this.database.write({ statements: [['DELETE FROM deadlines', []]] });
  }

  /** What a verifier finds in all chains. */
  chainFaults(): ChainFault[] {
    const faults: ChainFault[] = [];
    const verifiers = new Map<string, ChainVerifier>();
    for (const { stream, idx, body, hash } of this.database.all<{
      stream: string;
      idx: number;
      body: string;
      hash: string;
    }>('SELECT stream, idx, body, hash FROM commits ORDER BY stream, idx')) {
      const verifier = verifiers.get(stream) ?? new ChainVerifier(stream);
      verifiers.set(stream, verifier);
      faults.push(...verifier.next({ index: idx, body, hash }));
    }
    return faults;
  }

  /** The state of a stream, folded from what is stored and nothing else. */
  fold<S, E extends Event>(decider: Decider<S, E>, stream: string): { state: S; version: number; at: Time } {
    return foldCommits(decider, this.stream(stream));
  }

  private async befall(
    port: string,
    method: string,
    args: readonly unknown[],
    call: () => unknown,
    alive: () => boolean,
  ): Promise<unknown> {
    const never = new Promise<never>(() => undefined);
    if (!alive()) return await never;
    const mishap = this.mishaps(port, method, args);
    if (mishap instanceof Promise) await mishap;
    else if (mishap === 'fails') throw new Error(`${port}.${method} failed before it did anything`);
    else if (mishap === 'hangs') return await never;
    else if (mishap === 'slow') await turns(5);
    try {
      const result = await call();
      if (mishap === 'loses') throw new Error(`${port}.${method} was done, its answer is lost`);
      return alive() ? result : await never;
    } catch (error) {
      if (!alive()) return await never;
      throw error;
    }
  }
}

export function foldCommits<S, E extends Event>(
  decider: Decider<S, E>,
  commits: readonly Commit[],
): { state: S; version: number; at: Time } {
  return { state: stateOf(decider, commits), version: commits.length - 1, at: commits.at(-1)?.at ?? toTime(0) };
}

let keys = 0;

/** Who asks, and under which key. */
export function as(id: string, key?: string, kind: PrincipalKind = 'agent'): RequestContext {
  return {
    principal: { tenant: TENANT, id, kind, level: 'execute' },
    ...(key === undefined ? {} : { command: { key, hash: key } }),
  };
}

export function newKey(): string {
  return `key-${(keys += 1)}`;
}

export function profile(changes: Partial<AgentProfile> = {}): AgentProfile {
  return {
    agent_type: 'worker',
    pool: 'workers',
    capabilities: { x: 1 },
    capacity: 1,
    presence_seconds: 60,
    offer: { helps: [], min_strength: 0 },
    ...changes,
  };
}

export function spec(changes: Partial<TaskSpec> = {}): TaskSpec {
  return {
    task_type: 'job',
    priority: 0.5,
    urgency: 0.5,
    requires: [{ capability: 'x', level: 0 }],
    requester: 'poster',
    bid_seconds: 0,
    accept_seconds: 10,
    lease_seconds: 30,
    max_attempts: 3,
    retry_seconds: 1,
    ...changes,
  };
}

/** A question to agents, without who is asked. */
export const QUESTION = {
  question: 'Shall we?',
  kind: 'policy',
  impact: 'low',
  choices: ['yes', 'no'],
  round_seconds: 60,
  improvement_rounds: 0,
  allow_change: false,
} as const;

export const taskOf = (id: string): string => `${TENANT}/task/${id}`;
export const agentOf = (id: string): string => `${TENANT}/agent/${id}`;

/** The whole events of a stream, in short: `Type data…`. */
export function types(commits: readonly Commit[]): string[] {
  return commits.flatMap(({ events }) => events.map(({ type }) => type));
}

export function later(time: Time, seconds: number): Time {
  return plusSeconds(time, seconds);
}
