/**
 * The pools as they are and as they have been: samples counted from the market's books, their means over time, and a
 * history of them. Samples are no events; only the history costs a write: one for each ten seconds in which a pool has
 * changed, and one each ten minutes where it has not.
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
/** Buckets after which a pool that stays as it is has a row again. */
const REPEATED_BUCKETS = 600 / BUCKET_SECONDS;
/** Buckets for which a row stands while none comes after it: until it would have been repeated, a minute late. */
const STANDS_BUCKETS = REPEATED_BUCKETS + 60 / BUCKET_SECONDS;
/** Ended buckets, counted back from now, whose rows may still be on their way. */
const UNSETTLED_BUCKETS = 1;
/** The pool of tasks that no agent is able to do: no pool has such a name, since ids begin with a letter or a digit. */
const NO_POOL = '_none';

/** A row as it is kept: it stands for the buckets after it that have none, unless it is the pool's `last`. */
type KeptRow = HistoryRow & { readonly last?: true };

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
  /** The row that this process has written last, as long as no other process writes; undefined: none. */
  written: HistoryRow | undefined;
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
  /** Pools that are no more, and whose history has yet to say so. */
  private readonly ended = new Map<string, Watch>();

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

  /** The pool has no agents any more. */
  forget(watch: Watch): void {
    const { tenant, pool, stream } = watch;
    const pools = this.watches.get(tenant);
    pools?.delete(pool);
    if (pools?.size === 0) this.watches.delete(tenant);
    if (watch.written !== undefined) this.ended.set(stream, watch);
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
    const first = Math.max(Math.ceil(toMillis(from) / 1_000 / BUCKET_SECONDS), now - HISTORY_BUCKETS);
    const { docs } = await readAll<KeptRow>(this.views, VIEW, {
      tenant,
      key: pool,
      // What stands at the beginning was written before it.
      atLeast: { bucket: first - STANDS_BUCKETS },
    });
    const rows: HistoryRow[] = [];
    const kept = docs.sort((a, b) => a.bucket - b.bucket);
    for (const [i, { last, ...row }] of kept.entries()) {
      const next = kept[i + 1]?.bucket ?? now - UNSETTLED_BUCKETS;
      const until = last === true ? row.bucket + 1 : Math.min(next, row.bucket + STANDS_BUCKETS);
      rows.push(row);
      for (let bucket = row.bucket + 1; bucket < until; bucket += 1) rows.push({ ...row, at: beginOf(bucket), bucket });
    }
    return rows.filter(({ bucket }) => bucket >= first).slice(0, limit);
  }

  /**
   * Ends a bucket of the history: begins the next, and `writes` the means of this one where they differ from what the
   * pool's last row says, or that has stood for long.
   */
  async end(bucket: number, writes: boolean): Promise<void> {
    const ending = writes ? this.unwritten(bucket) : [];
    for (const watch of this.all()) {
      watch.bucket = new Mean();
      // What others write from now on is not known here.
      if (!writes) watch.written = undefined;
    }
    if (!writes) this.ended.clear();
    await this.views.put(
      VIEW,
      ending.map(({ row }) => row),
    );
    for (const { watch, row } of ending) {
      watch.written = row.doc;
      if (row.doc.last === true) this.ended.delete(watch.stream);
    }
  }

  /** The rows that a bucket adds to the history. */
  private unwritten(bucket: number): { readonly watch: Watch; readonly row: ViewRow<KeptRow> & { doc: KeptRow } }[] {
    const source = String(bucket % HISTORY_BUCKETS).padStart(5, '0');
    const rowOf = (watch: Watch, last?: true) => {
      const doc = { at: beginOf(bucket), bucket, ...watch.bucket.value, ...(last && { last }) };
      return { watch, row: { tenant: watch.tenant, key: watch.pool, source, index: bucket, doc } };
    };
    return [
      ...this.all().flatMap((watch) => {
        // One that is there again has more to say than that it had gone.
        this.ended.delete(watch.stream);
        return watch.bucket.seconds > 0 && isNews(watch, bucket) ? [rowOf(watch)] : [];
      }),
      ...[...this.ended.values()].map((watch) => rowOf(watch, true)),
    ];
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
        written: undefined,
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

/** Whether the pool's last row does not say what this bucket would. */
function isNews({ written, bucket: { value } }: Watch, bucket: number): boolean {
  if (written === undefined || bucket - written.bucket >= REPEATED_BUCKETS) return true;
  return MEASURES.some((measure) => value[measure] !== written[measure]);
}

function beginOf(bucket: number): Time {
  return toTime(bucket * BUCKET_SECONDS * 1_000);
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
