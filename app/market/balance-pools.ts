/**
 * The pools as they are and as they have been: samples counted from the market's books, their means over time, and a
 * history of them. Samples are no events; only the history costs a write, one in ten seconds.
 */
import type { Pool, PoolHistory } from '../../contract/market/pools';
import type { Shown } from '../../contract/route';
import { parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { secondsBetween, type Time, toMillis, toTime } from '../../domain/kernel/time';
import { type AgentProfile, slotsInUse } from '../../domain/market/agent';
import { rounded } from '../../domain/market/market';
import {
  conditionOf,
  meets,
  type PoolCondition,
  poolDecider,
  type PoolSample,
  type PoolState,
  poolStream,
  sampleOf,
} from '../../domain/market/pool';
import { readAll } from '../../projections/projection';
import type { Cause } from '../engine/command';
import type { Clock, ViewRow, ViewStore } from '../engine/ports';
import type { Transactor } from '../engine/transact';
import type { AgentEntry } from './agent-book';
import type { Market } from './market';

/** The measures of a sample that have a mean. */
export type Measures = Omit<PoolSample, 'at'>;

/** A pool now; means are over time since this process began to look. */
export type PoolLive = Shown<typeof Pool>;
/** The means over one bucket of ten seconds. */
export type HistoryRow = Shown<typeof PoolHistory>;

const VIEW = 'balance.v1';
const BUCKET_SECONDS = 10;
/** Buckets that the history keeps for a pool, six hours: then a bucket takes the row of the one six hours before. */
const HISTORY_BUCKETS = (6 * 3_600) / BUCKET_SECONDS;
/** The pool of tasks that no agent is able to do: no pool has such a name, since ids begin with a letter or a digit. */
const NO_POOL = '_none';

/** What is known of a pool in this process. */
export interface Watch {
  readonly tenant: string;
  readonly pool: string;
  readonly stream: string;
  /** undefined until it was loaded. */
  state: PoolState | undefined;
  version: number;
  /** Agents that are registered, active or not. */
  members: number;
  loads: number[];
  capacity: number;
  slots: number;
  /** Tasks that wait, by the capability that they ask for first. */
  readonly waits: Map<string, number>;
  sample: PoolSample;
  /** What the samples say, and since when they have. */
  condition: PoolCondition;
  held: Time;
  readonly total: Mean;
  bucket: Mean;
  /** The signal that was emitted last. */
  signalled: string;
  /** When a reorganisation was last looked for. */
  planned: Time;
}

export class Pools {
  private readonly watches = new Map<string, Map<string, Watch>>();
  /** `tenant capability` → pools of the agents that have it, and how many in each. */
  private readonly holders = new Map<string, Map<string, number>>();
  /** The profiles that `holders` was counted from. */
  private readonly listed = new Map<AgentEntry, AgentProfile>();
  /** The changes of agents that were counted. */
  private counted = -1;

  constructor(
    private readonly market: Market,
    private readonly views: ViewStore,
    private readonly clock: Clock,
  ) {}

  /** Declares the view of the history. */
  async open(): Promise<void> {
    await this.views.declare(VIEW, ['bucket']);
  }

  all(): Watch[] {
    return [...this.watches.values()].flatMap((pools) => [...pools.values()]);
  }

  of(tenant: string): readonly Watch[] {
    return [...(this.watches.get(tenant)?.values() ?? [])];
  }

  get(tenant: string, pool: string): Watch | undefined {
    return this.watches.get(tenant)?.get(pool);
  }

  forget({ tenant, pool }: Watch): void {
    const pools = this.watches.get(tenant);
    pools?.delete(pool);
    if (pools?.size === 0) this.watches.delete(tenant);
  }

  /** Takes a sample of every pool. */
  sample(at: Time): void {
    const { changes } = this.market.agents;
    // Where no agent has changed, they are as they were counted.
    if (changes !== this.counted) this.count(at);
    this.counted = changes;
    for (const watch of this.all()) watch.waits.clear();
    for (const [tenant, counts] of this.waiting(at)) {
      for (const [capability, count] of counts)
        this.get(tenant, this.poolOf(tenant, capability))?.waits.set(capability, count);
    }
    for (const watch of this.all()) this.conclude(watch, at);
  }

  /** What an agent is able to do, or where it is, may have changed. */
  relist(stream: string): void {
    const { tenant, id } = parseStream(stream);
    const entry = this.market.agents.get(tenant, id);
    if (entry !== undefined && this.listed.get(entry) !== entry.state.profile) this.list(entry);
  }

  /** The pool that a task belongs to: the one with most agents that have the capability it asks for first. */
  poolOf(tenant: string, capability: string): string {
    let home = NO_POOL;
    let most = 0;
    for (const [pool, holders] of this.holders.get(`${tenant} ${capability}`) ?? []) {
      if (holders > most || (holders === most && pool < home)) {
        home = pool;
        most = holders;
      }
    }
    return home;
  }

  /** Every pool of a tenant that has agents now, by name. */
  live(tenant: string): readonly PoolLive[] {
    const now = this.clock.now();
    return this.of(tenant)
      .map(({ pool, state = poolDecider.initial, sample, total }) => {
        const { gini, utilisation, idle } = total.with(sample, now).value;
        const mean = { gini, utilisation, idle };
        return {
          pool,
          status: state.status,
          since: state.changed?.at ?? null,
          sample,
          mean,
          meets: meets(mean),
          objective: state.objective ?? null,
          cooldown_until: state.reorganised?.cooldown_until ?? null,
        };
      })
      .sort((a, b) => (a.pool < b.pool ? -1 : 1));
  }

  /**
   * The history of a pool from `from` on, oldest first, at most six hours of it. To go on, ask a millisecond after the
   * last one's `at`.
   */
  async history(tenant: string, pool: string, from: Time, limit: number): Promise<readonly HistoryRow[]> {
    const now = bucketOf(toTime(this.clock.now()));
    const bucket = Math.max(Math.ceil(toMillis(from) / 1_000 / BUCKET_SECONDS), now - HISTORY_BUCKETS);
    const { docs } = await readAll<HistoryRow>(this.views, VIEW, { tenant, key: pool, atLeast: { bucket } });
    return docs.sort((a, b) => a.bucket - b.bucket).slice(0, limit);
  }

  /** Ends a bucket of the history: begins the next, and `writes` the means of this one. */
  async end(bucket: number, writes: boolean): Promise<void> {
    const source = String(bucket % HISTORY_BUCKETS).padStart(5, '0');
    const at = toTime(bucket * BUCKET_SECONDS * 1_000);
    const rows: ViewRow<HistoryRow>[] = [];
    for (const watch of this.all()) {
      if (watch.bucket.seconds > 0)
        rows.push({
          tenant: watch.tenant,
          key: watch.pool,
          source,
          index: bucket,
          doc: { at, bucket, ...watch.bucket.value },
        });
      watch.bucket = new Mean();
    }
    if (writes) await this.views.put(VIEW, rows);
  }

  private count(at: Time): void {
    for (const watch of this.all()) {
      watch.members = 0;
      watch.loads = [];
      watch.capacity = 0;
      watch.slots = 0;
    }
    let seen = 0;
    for (const entry of this.market.agents.all()) {
      const { profile, status } = entry.state;
      seen += 1;
      if (this.listed.get(entry) !== profile) this.list(entry);
      const watch = this.watch(entry.tenant, profile.pool, at);
      watch.members += 1;
      if (status !== 'active') continue;
      const slots = slotsInUse(entry.state);
      watch.loads.push(slots / profile.capacity);
      watch.slots += slots;
      watch.capacity += profile.capacity;
    }
    if (seen < this.listed.size)
      for (const entry of this.listed.keys()) if (entry.state.status === 'gone') this.list(entry);
  }

  private conclude(watch: Watch, at: Time): void {
    let waiting = 0;
    for (const count of watch.waits.values()) waiting += count;
    const sample = sampleOf(at, { loads: watch.loads, capacity: watch.capacity, slots: watch.slots, waiting });
    // A sample stands until the next one.
    const seconds = secondsBetween(watch.sample.at, at);
    watch.total.add(watch.sample, seconds);
    watch.bucket.add(watch.sample, seconds);
    watch.sample = sample;
    const condition = conditionOf(sample);
    if (condition === watch.condition) return;
    watch.condition = condition;
    watch.held = at;
  }

  private watch(tenant: string, pool: string, at: Time): Watch {
    let pools = this.watches.get(tenant);
    if (pools === undefined) this.watches.set(tenant, (pools = new Map<string, Watch>()));
    let watch = pools.get(pool);
    if (watch === undefined) {
      const empty = sampleOf(at, { loads: [], capacity: 0, slots: 0, waiting: 0 });
      watch = {
        tenant,
        pool,
        stream: poolStream(tenant, pool),
        state: undefined,
        version: -1,
        members: 0,
        loads: [],
        capacity: 0,
        slots: 0,
        waits: new Map(),
        sample: empty,
        condition: conditionOf(empty),
        held: at,
        total: new Mean(),
        bucket: new Mean(),
        signalled: '',
        planned: '',
      };
      pools.set(pool, watch);
    }
    return watch;
  }

  /** How many tasks could be awarded now, by tenant and the capability that they ask for first. */
  private waiting(now: Time): Map<string, Map<string, number>> {
    const waiting = new Map<string, Map<string, number>>();
    for (const { tenant, first, ready } of this.market.tasks.ready(now)) {
      let counts = waiting.get(tenant);
      if (counts === undefined) waiting.set(tenant, (counts = new Map<string, number>()));
      counts.set(first, (counts.get(first) ?? 0) + ready.size);
    }
    return waiting;
  }

  /** Counts the agent among those that have its capabilities, in its pool. */
  private list(entry: AgentEntry): void {
    const { tenant, state } = entry;
    const count = (profile: AgentProfile | undefined, by: number) => {
      if (profile === undefined) return;
      for (const capability of new Set([profile.agent_type, ...Object.keys(profile.capabilities)])) {
        const key = `${tenant} ${capability}`;
        const pools = this.holders.get(key) ?? new Map<string, number>();
        const holders = (pools.get(profile.pool) ?? 0) + by;
        if (holders > 0) this.holders.set(key, pools.set(profile.pool, holders));
        else if (pools.delete(profile.pool) && pools.size === 0) this.holders.delete(key);
      }
    };
    count(this.listed.get(entry), -1);
    if (state.status === 'gone' || state.profile === undefined) {
      this.listed.delete(entry);
      return;
    }
    count(state.profile, 1);
    this.listed.set(entry, state.profile);
  }
}

/** Balance's own principal within a tenant. */
export function balancer(tenant: string): Principal {
  return { tenant, id: 'balance', kind: 'system', level: 'execute' };
}

/** Of two states the later one stands. */
export function keep(watch: Watch, state: PoolState, version: number): void {
  if (watch.state !== undefined && version <= watch.version) return;
  watch.state = state;
  watch.version = version;
}

/** Has the watch know what its stream says. */
export async function loadPool(transactor: Transactor, watch: Watch): Promise<void> {
  const { state, version } = await transactor.load(poolDecider, watch.stream);
  keep(watch, state, version);
}

/** The commit that brought the pool's status, as a cause. */
export function causeIn(state: PoolState | undefined): Cause | undefined {
  const changed = state?.changed;
  return changed === undefined
    ? undefined
    : { ref: changed.receipt, at: changed.at, correlationId: changed.correlation_id, depth: 0 };
}

/** Number of the bucket of the history that `at` lies in. */
export function bucketOf(at: Time): number {
  return Math.floor(toMillis(at) / 1_000 / BUCKET_SECONDS);
}

// ------------------------------------------------------------------------------------------------------------ means

const NOTHING: Measures = { agents: 0, capacity: 0, slots: 0, waiting: 0, gini: 0, utilisation: 0, idle: 0 };
const MEASURES = Object.keys(NOTHING) as (keyof Measures)[];

/** Means over time: each sample weighs as long as it stands. */
class Mean {
  seconds = 0;
  private readonly sums = { ...NOTHING } as { -readonly [K in keyof Measures]: number };

  add(sample: Measures, seconds: number): void {
    if (seconds <= 0) return;
    this.seconds += seconds;
    for (const measure of MEASURES) this.sums[measure] += sample[measure] * seconds;
  }

  /** With a last sample that has stood until `now` (milliseconds since the epoch). */
  with(sample: PoolSample, now: number): Mean {
    const mean = new Mean();
    mean.add(this.value, this.seconds);
    // The very first sample has stood for no time, and is all there is.
    mean.add(sample, Math.max((now - toMillis(sample.at)) / 1_000, this.seconds > 0 ? 0 : 1));
    return mean;
  }

  get value(): Measures {
    const value = { ...NOTHING } as { -readonly [K in keyof Measures]: number };
    for (const measure of MEASURES)
      value[measure] = rounded(this.sums[measure] / Math.max(this.seconds, Number.MIN_VALUE));
    return value;
  }
}
