/**
 * Load balancing (row 1.3): looks at every pool once a second, keeps the live view and its history, emits signals, has
 * idle agents help overloaded peers, and reorganises a swarm whose performance has fallen or whose objective has changed.
 *
 * Samples are no events and cost no write: they are counted from the market's books. What they lead to is decided by the
 * pool's stream, so that several processes that see the same do it once.
 */
import { agentDecider, assignRole, levelOf, register, slotsInUse, type AgentEvent, type AgentProfile, type AgentState } from '../domain/agent';
import type { Commit } from '../domain/kernel/commit';
import { refuse, Rejection, type Decision } from '../domain/kernel/decider';
import { isId, parseStream, streamName } from '../domain/kernel/ids';
import type { Principal } from '../domain/kernel/principal';
import { secondsBetween, toMillis, toTime, type Time } from '../domain/kernel/time';
import { rounded } from '../domain/market';
import {
  LENT_LEVEL,
  TARGETS,
  changeObjective,
  conditionOf,
  isCoolingDown,
  isDegraded,
  meets,
  missingSlots,
  observe,
  planMoves,
  poolDecider,
  reorganise,
  sampleOf,
  strategyOf,
  takesOn,
  type DonorPool,
  type Move,
  type Need,
  type Objective,
  type PoolCondition,
  type PoolEvent,
  type PoolSample,
  type PoolState,
  type Reorganisation,
} from '../domain/pool';
import { strengthOf, type TaskEvent, type TaskSpec, type TaskState } from '../domain/task';
import { readAll } from '../projections/projection';
import { agentStream, type RequestContext } from './agents';
import type { AgentEntry, TaskEntry } from './books';
import type { Consumer } from './feed';
import type { Market } from './market';
import { newId } from './new-id';
import type { Clock, ViewRow, ViewStore } from './ports';
import type { Signals } from './signals';
import { causeOf, commandHash, type Cause, type Committed, type Outcome, type Transactor } from './transact';

export type PoolOutcome = Outcome<PoolState, PoolEvent>;

/** The measures of a sample that have a mean. */
export type Measures = Omit<PoolSample, 'at'>;

/** A pool now. Field names are the wire's. */
export interface PoolLive {
  readonly pool: string;
  /** As its stream says, after a change has lasted. */
  readonly status: PoolCondition;
  readonly since: Time | null;
  readonly sample: PoolSample;
  /** Means over time since this process began to look. */
  readonly mean: Pick<PoolSample, 'gini' | 'utilisation' | 'idle'>;
  /** Which targets the means meet. */
  readonly meets: ReturnType<typeof meets>;
  readonly objective: Objective | null;
  /** Not reorganised before this time. */
  readonly cooldown_until: Time | null;
}

/** The means over one bucket of ten seconds. */
export interface HistoryRow extends Measures {
  /** When the bucket began. */
  readonly at: Time;
  /** Its number: ten-second buckets since the epoch. */
  readonly bucket: number;
}

/** Events of tasks, since this process began; attempts that ended without success count as failed. */
export interface TaskCounts {
  posted: number;
  awarded: number;
  completed: number;
  failed: number;
  dead: number;
  expired: number;
}

export interface PoolMetrics extends Measures {
  readonly tenant: string;
  /** `OTHER_POOLS` for those beyond the first `MAX_SERIES`, `NO_POOL` for tasks that no agent is able to do. */
  readonly pool: string;
  readonly tasks: Readonly<TaskCounts>;
  /** Of the tasks with a deadline that ended: how many there were, and how many were completed by then. */
  readonly deadlines: { readonly ended: number; readonly met: number };
}

/** A move that somebody asks for. */
export interface MoveRequest {
  readonly agent: string;
  readonly to: string;
}

const VIEW = 'balance.v1';
const BUCKET_SECONDS = 10;
/** Buckets that the history keeps for a pool, six hours: then a bucket takes the row of the one six hours before. */
const HISTORY_BUCKETS = (6 * 3_600) / BUCKET_SECONDS;
/**
 * How often a signal is renewed while its cause lasts, in seconds, and how fast it evaporates, a minute: what is told
 * is gone soon after it has stopped to be true, and a colony at rest writes little.
 */
const SIGNALS = {
  overloaded: { type: 'load_high', everySeconds: 60, decay_rate: 0.9 },
  idle: { type: 'capacity_idle', everySeconds: 900, decay_rate: 0.1 },
} as const;
/** Idle helpers that are called at a time. */
const MAX_CALLED = 256;
const PLAN_EVERY_SECONDS = 10;
/** Kinds of waiting work that a plan looks at. */
const MAX_NEEDS = 64;
/** Pools with metrics of their own. */
export const MAX_SERIES = 200;
/** No pool has such a name: ids begin with a letter or a digit. */
export const OTHER_POOLS = '_other';
export const NO_POOL = '_none';

/** What is known of a pool in this process. */
interface Watch {
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

interface Series {
  readonly tenant: string;
  readonly pool: string;
  readonly tasks: TaskCounts;
  readonly deadlines: { ended: number; met: number };
}

export class Balance implements Consumer {
  readonly name = 'balance';
  private readonly watches = new Map<string, Map<string, Watch>>();
  /** `tenant capability` → pools of the agents that have it, and how many in each. */
  private readonly holders = new Map<string, Map<string, number>>();
  /** The profiles that `holders` was counted from. */
  private readonly listed = new Map<AgentEntry, AgentProfile>();
  private readonly series = new Map<string, Series>();
  private readonly awardListeners = new Set<(tenant: string, pool: string, seconds: number) => void>();
  private bucket: number | undefined;
  /** `tenant capability` → idle agents that lend it, as the last tick found them if it had to look. */
  private idleHelpers: Map<string, string[]> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private ticking: Promise<void> | undefined;

  constructor(
    private readonly transactor: Transactor,
    private readonly market: Market,
    private readonly signals: Signals,
    private readonly views: ViewStore,
    private readonly clock: Clock,
    private readonly report: (message: string, facts: Record<string, unknown>) => void,
  ) {
    transactor.onCommitted((committed) => this.note(committed));
  }

  /** Balance's own principal within a tenant. */
  static principal(tenant: string): Principal {
    return { tenant, id: 'balance', kind: 'system', level: 'execute' };
  }

  /** Declares the view of the history. */
  async open(): Promise<void> {
    await this.views.declare(VIEW, ['bucket']);
  }

  /** Starts to look, every `everyMs` milliseconds. */
  start(everyMs = 1_000): void {
    this.timer = setInterval(() => {
      this.ticking ??= this.tick()
        .catch((error: unknown) => this.report('the pools could not be balanced', { error: String(error) }))
        .finally(() => (this.ticking = undefined));
    }, everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.ticking;
  }

  /** Looks once: takes the samples, and does what follows from them. */
  async tick(): Promise<void> {
    const now = toTime(this.clock.now());
    const bucket = Math.floor(toMillis(now) / 1_000 / BUCKET_SECONDS);
    const ended = this.bucket !== undefined && bucket > this.bucket ? this.bucket : undefined;
    this.bucket = bucket;
    this.sample(now);
    const watches = [...this.watches.values()].flatMap((pools) => [...pools.values()]);
    if (ended !== undefined) await this.write(watches, ended).catch((error: unknown) => this.report('the history of the pools could not be written', { error: String(error) }));
    this.idleHelpers = undefined;
    const results = await Promise.allSettled(watches.map((watch) => this.act(watch, now, ended !== undefined)));
    results.forEach((result, i) => {
      if (result.status === 'rejected') this.report('a pool could not be balanced', { pool: watches[i]?.stream, error: String(result.reason) });
    });
    await this.adaptOne(watches, now);
  }

  // ------------------------------------------------------------------------------------------------------ queries

  /** Every pool of a tenant that has agents now, by name. */
  live(tenant: string): readonly PoolLive[] {
    const now = this.clock.now();
    return [...(this.watches.get(tenant)?.values() ?? [])]
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

  /** The history of a pool from `from` on, oldest first, at most six hours of it. To go on, ask a millisecond after the last one's `at`. */
  async history(tenant: string, pool: string, from: Time, limit: number): Promise<readonly HistoryRow[]> {
    const now = Math.floor(this.clock.now() / 1_000 / BUCKET_SECONDS);
    const bucket = Math.max(Math.ceil(toMillis(from) / 1_000 / BUCKET_SECONDS), now - HISTORY_BUCKETS);
    const { docs } = await readAll<HistoryRow>(this.views, VIEW, { tenant, key: pool, atLeast: { bucket } });
    return docs.sort((a, b) => a.bucket - b.bucket).slice(0, limit);
  }

  /** Row 10.3, as far as it concerns load and tasks: one entry a pool, at most `MAX_SERIES` and one more. */
  metrics(): readonly PoolMetrics[] {
    const gauges = new Map<Series, Measures>();
    for (const pools of this.watches.values()) {
      for (const { tenant, pool, sample } of pools.values()) {
        const series = this.seriesOf(tenant, pool);
        const before = gauges.get(series);
        gauges.set(series, before === undefined ? sample : together(before, sample));
      }
    }
    return [...this.series.values()].map((series) => {
      const { tenant, pool, tasks, deadlines } = series;
      const { agents, capacity, slots, waiting, gini, utilisation, idle } = gauges.get(series) ?? NOTHING;
      return { tenant, pool, agents, capacity, slots, waiting, gini, utilisation, idle, tasks: { ...tasks }, deadlines: { ...deadlines } };
    });
  }

  /** Hears how long each task had to wait for its award, in seconds, from when it could be awarded; labels as in `metrics`. */
  onAwarded(listener: (tenant: string, pool: string, seconds: number) => void): void {
    this.awardListeners.add(listener);
  }

  // --------------------------------------------------------------------------------------------------- use cases

  /** Says what a pool is to work on. It is reorganised for that now if agents can be moved, else as soon as they can. */
  async changeObjective(context: RequestContext, pool: string, objective: Objective): Promise<{ changed: PoolOutcome; reorganised: PoolOutcome | undefined }> {
    const { tenant, id } = context.principal;
    const now = toTime(this.clock.now());
    this.sample(now);
    const watch = this.watches.get(tenant)?.get(pool);
    if (watch === undefined) return { changed: { ok: false, rejection: new Rejection('missing', 'pool-not-found', 'no agent is in this pool: move agents there first') }, reorganised: undefined };
    const changed = await this.transactor.transact(poolDecider, watch.stream, changeObjective(objective, id), { ...context, action: 'pool.change-objective' });
    if (!changed.ok) return { changed, reorganised: undefined };
    await this.load(watch);
    const cause = changed.commit === undefined ? undefined : causeOf(changed.commit);
    return { changed, reorganised: this.calls(watch, now) ? await this.adapt(watch, now, cause) : undefined };
  }

  /** Moves agents out of the pool, or into it, as somebody has asked. */
  async reorganise(context: RequestContext, pool: string, requests: readonly MoveRequest[], reason: string): Promise<PoolOutcome> {
    const { tenant } = context.principal;
    const now = toTime(this.clock.now());
    const moves: Move[] = [];
    for (const { agent, to } of requests) {
      const { status, profile } = (await this.transactor.load(agentDecider, agentStream(tenant, agent))).state;
      if (profile === undefined) return { ok: false, rejection: new Rejection('missing', 'agent-not-found', `there is no agent ${agent}`, { agent }) };
      if (status !== 'active') return { ok: false, rejection: refuse('agent-not-active', `${agent} is ${status}: it can't be moved`, { agent }) };
      if (!isId(to)) return { ok: false, rejection: new Rejection('invalid', 'pool-invalid', `${to} is no name for a pool: use 1 to 128 letters, digits and . _ ~ : -`, { agent }) };
      if (to === profile.pool) continue;
      if (to !== pool && profile.pool !== pool) return { ok: false, rejection: new Rejection('invalid', 'move-elsewhere', `${agent} would move from ${profile.pool} to ${to}: reorganise one of those`, { agent }) };
      const needs = this.allNeeds(this.watches.get(tenant)?.get(to), now);
      moves.push({ agent, from: profile.pool, to, takes: takesOn(profile, needs) ?? [] });
    }
    return await this.carryOut(tenant, pool, { trigger: 'requested', moves, reason }, now, context);
  }

  // ---------------------------------------------------------------------------------------------------- reaction

  /**
   * What follows from the commits of pools, from the feed: the moves of a reorganisation, should the process that decided
   * it have ended before they were made. An agent is moved once: where it goes later is not undone by a redelivery.
   */
  async handle(commits: readonly Commit[]): Promise<void> {
    for (const commit of commits) if (parseStream(commit.stream).category === poolDecider.category) await this.reactTo(commit);
  }

  private async reactTo(commit: Commit): Promise<void> {
    const { tenant, id } = parseStream(commit.stream);
    this.transactor.invalidate(commit.stream, commit.index);
    const watch = this.watches.get(tenant)?.get(id);
    if (watch?.state !== undefined) await this.load(watch);
    await this.move(tenant, commit);
  }

  // ---------------------------------------------------------------------------------------------------- sampling

  private sample(at: Time): void {
    for (const pools of this.watches.values()) {
      for (const watch of pools.values()) {
        watch.members = 0;
        watch.loads = [];
        watch.capacity = 0;
        watch.slots = 0;
        watch.waits.clear();
      }
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
    if (seen < this.listed.size) for (const entry of this.listed.keys()) if (entry.state.status === 'gone') this.list(entry);
    for (const [tenant, counts] of this.waiting(at)) {
      for (const [capability, count] of counts) this.watches.get(tenant)?.get(this.poolOf(tenant, capability))?.waits.set(capability, count);
    }
    for (const pools of this.watches.values()) for (const watch of pools.values()) this.conclude(watch, at);
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
        stream: streamName(tenant, poolDecider.category, pool),
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
    for (const { tenant, state } of this.market.tasks.all()) {
      if (state.ready_at > now) continue;
      let counts = waiting.get(tenant);
      if (counts === undefined) waiting.set(tenant, (counts = new Map<string, number>()));
      const first = firstOf(state);
      counts.set(first, (counts.get(first) ?? 0) + 1);
    }
    return waiting;
  }

  /** Tasks that could be awarded now. */
  private *ready(now: Time): Generator<TaskEntry> {
    for (const entry of this.market.tasks.all()) if (entry.state.ready_at <= now) yield entry;
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

  /** The pool that a task belongs to: the one with most agents that have the capability it asks for first. */
  private poolOf(tenant: string, capability: string): string {
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

  private async write(watches: readonly Watch[], bucket: number): Promise<void> {
    const source = String(bucket % HISTORY_BUCKETS).padStart(5, '0');
    const at = toTime(bucket * BUCKET_SECONDS * 1_000);
    const rows: ViewRow<HistoryRow>[] = [];
    for (const watch of watches) {
      if (watch.bucket.seconds > 0) rows.push({ tenant: watch.tenant, key: watch.pool, source, index: bucket, doc: { at, bucket, ...watch.bucket.value } });
      watch.bucket = new Mean();
    }
    await this.views.put(VIEW, rows);
  }

  // ------------------------------------------------------------------------------------------------------ acting

  /** What follows from the pool's sample. */
  private async act(watch: Watch, now: Time, bucketEnded: boolean): Promise<void> {
    if (watch.state === undefined) await this.load(watch);
    const decision = observe(watch.sample, secondsBetween(watch.held, now));
    let news = false;
    if (isNews(decision, watch)) {
      const { tenant, state } = watch;
      const recovers = watch.condition === 'balanced';
      const outcome = await this.transactor.transact(poolDecider, watch.stream, decision, {
        principal: Balance.principal(tenant),
        action: 'pool.observe',
        // A recovery ends what the overload began; anything else begins something.
        ...(recovers ? { cause: causeIn(state) } : { correlationId: newId(toMillis(now)) }),
      });
      if (!outcome.ok) throw new Error(outcome.rejection.message);
      keep(watch, outcome.state, outcome.version);
      news = outcome.commit !== undefined;
    }
    const { tenant, pool, state = poolDecider.initial } = watch;
    const key = `${tenant} ${pool}`;
    if (state.status !== 'overloaded') this.market.overloaded.delete(key);
    else {
      this.market.overloaded.add(key);
      if (news || bucketEnded) await this.callHelpers(watch);
    }
    if (state.status !== 'balanced') await this.signal(watch, SIGNALS[state.status], state.status === 'overloaded' ? watch.sample.utilisation : watch.sample.idle, now);
    else if (watch.members === 0) this.forget(watch);
  }

  /** Emits the signal, once for each span of the time that its cause has lasted. */
  private async signal(watch: Watch, { type, everySeconds, decay_rate }: (typeof SIGNALS)[keyof typeof SIGNALS], strength: number, now: Time): Promise<void> {
    const { tenant, pool, state } = watch;
    const since = state?.changed?.at ?? now;
    const key = `${since}#${Math.floor(Math.max(0, secondsBetween(since, now)) / everySeconds)}`;
    if (watch.signalled === key) return;
    const location = `pool/${pool}`;
    const context = { principal: Balance.principal(tenant), command: { key, hash: commandHash({ type, location }) }, cause: causeIn(state), reaction: true };
    const [outcome] = await this.signals.emit(context, [{ type, location, strength: Math.min(1, strength), decay_rate }]);
    if (outcome?.ok === false) this.report('a signal was refused', { pool: watch.stream, type, code: outcome.rejection.code });
    watch.signalled = key;
  }

  /** Has idle agents of other pools, that lend what waits here, look for work. */
  private async callHelpers({ tenant, sample, waits, state }: Watch): Promise<void> {
    const idle = (this.idleHelpers ??= this.findIdleHelpers());
    const helpers = new Set<string>();
    for (const capability of waits.keys()) {
      for (const id of idle.get(`${tenant} ${capability}`) ?? []) {
        if (helpers.size >= Math.min(sample.waiting, MAX_CALLED)) break;
        helpers.add(id);
      }
    }
    await Promise.all([...helpers].map((helper) => this.market.serve(tenant, helper, causeIn(state))));
  }

  private findIdleHelpers(): Map<string, string[]> {
    const found = new Map<string, string[]>();
    for (const { tenant, id, state } of this.market.agents.all()) {
      const { offer, pool } = state.profile;
      if (offer === null || offer.helps.length === 0 || state.status !== 'active' || slotsInUse(state) > 0 || this.market.overloaded.has(`${tenant} ${pool}`)) continue;
      for (const lent of offer.helps) {
        const key = `${tenant} ${lent}`;
        const others = found.get(key);
        if (others === undefined) found.set(key, [id]);
        else others.push(id);
      }
    }
    return found;
  }

  /** Looks for a reorganisation for one of the pools that call for it: whoever has waited longest, each at most every `PLAN_EVERY_SECONDS`. */
  private async adaptOne(watches: readonly Watch[], now: Time): Promise<void> {
    let next: Watch | undefined;
    for (const watch of watches) if (this.calls(watch, now) && (next === undefined || watch.planned < next.planned)) next = watch;
    if (next === undefined || (next.planned !== '' && secondsBetween(next.planned, now) < PLAN_EVERY_SECONDS)) return;
    next.planned = now;
    await this.adapt(next, now);
  }

  /** True when the pool is to be reorganised, and neither it nor what was taken from it was moved lately. */
  private calls(watch: Watch, now: Time): boolean {
    return (watch.state?.objective_pending === true || hasFallen(watch, now)) && !this.resting(watch.tenant, now).has(watch.pool);
  }

  /** Pools that were reorganised, or gave agents away, less than 15 minutes ago. */
  private resting(tenant: string, now: Time): Set<string> {
    const resting = new Set<string>();
    for (const { pool, state } of this.watches.get(tenant)?.values() ?? []) {
      if (state?.reorganised === undefined || !isCoolingDown(state, now)) continue;
      resting.add(pool);
      for (const donor of state.reorganised.donors) resting.add(donor);
    }
    return resting;
  }

  /** Moves agents to a pool that lacks them, if any can be spared: for its objective, else because its performance has fallen. */
  private async adapt(watch: Watch, now: Time, cause?: Cause): Promise<PoolOutcome | undefined> {
    const { tenant, pool, sample, state = poolDecider.initial } = watch;
    const context = { principal: Balance.principal(tenant), reaction: true };
    if (state.objective_pending) {
      const moves = this.plan(watch, this.unfit(watch), objectiveNeeds(state), now);
      const reason = `the objective is now: ${state.objective?.description}`;
      if (moves.length > 0) return await this.carryOut(tenant, pool, { trigger: 'objective_change', moves, reason }, now, { ...context, cause });
    }
    if (!hasFallen(watch, now)) return undefined;
    const moves = this.plan(watch, missingSlots(sample), this.waitingNeeds(watch, now), now);
    const reason = `${sample.waiting} tasks wait at a utilisation of ${sample.utilisation}, overloaded since ${state.changed?.at}`;
    return moves.length > 0 ? await this.carryOut(tenant, pool, { trigger: 'performance_degradation', moves, reason }, now, { ...context, cause: causeIn(state) }) : undefined;
  }

  /** Writes the reorganisation, which its stream may refuse, and then moves the agents. */
  private async carryOut(tenant: string, pool: string, wish: Pick<Reorganisation, 'trigger' | 'moves' | 'reason'>, at: Time, context: RequestContext): Promise<PoolOutcome> {
    const sizes = new Map<string, number>();
    for (const { tenant: of, state } of this.market.agents.all()) if (of === tenant && state.status === 'active') sizes.set(state.profile.pool, (sizes.get(state.profile.pool) ?? 0) + 1);
    const decision = reorganise({ ...wish, strategy: strategyOf(wish.moves, sizes), at });
    const outcome = await this.transactor.transact(poolDecider, streamName(tenant, poolDecider.category, pool), decision, { ...context, action: 'pool.reorganise', attributes: { trigger: wish.trigger } });
    if (outcome.ok && outcome.commit !== undefined) await this.move(tenant, outcome.commit);
    return outcome;
  }

  /** Makes the moves that a commit says, each once. */
  private async move(tenant: string, commit: Commit): Promise<void> {
    for (const event of commit.events as readonly PoolEvent[]) {
      if (event.type !== 'SwarmReorganised') continue;
      const cause = causeOf(commit);
      await Promise.all(
        event.data.moves.map(async (move) => {
          const stream = agentStream(tenant, move.agent);
          if (!isBefore(move, (await this.transactor.load(agentDecider, stream)).state)) return;
          const outcome = await this.transactor.transact(agentDecider, stream, takeRole(move, event.data.reason), {
            principal: Balance.principal(tenant),
            action: 'agent.assign-role',
            command: { key: cause.ref, hash: commit.hash },
            cause,
            reaction: true,
          });
          if (!outcome.ok) this.report('an agent could not be moved', { ...move, receipt: cause.ref, code: outcome.rejection.code });
        }),
      );
    }
  }

  // ---------------------------------------------------------------------------------------------------- planning

  private allNeeds(watch: Watch | undefined, now: Time): Need[] {
    return watch === undefined ? [] : [...this.waitingNeeds(watch, now), ...objectiveNeeds(watch.state)];
  }

  /** The work that waits in a pool, by kind. */
  private waitingNeeds({ tenant, waits }: Watch, now: Time): Need[] {
    const needs = new Map<string, Need>();
    for (const { tenant: of, state } of this.ready(now)) {
      if (of !== tenant || !waits.has(firstOf(state))) continue;
      const { requires, effort = 0 } = state.spec as TaskSpec;
      const kind = JSON.stringify(requires);
      const strength = strengthOf(state, now);
      const known = needs.get(kind);
      if (known === undefined && needs.size >= MAX_NEEDS) continue;
      needs.set(kind, { requires, strength: Math.max(strength, known?.strength ?? 0), effort: Math.min(effort, known?.effort ?? Infinity) });
    }
    return [...needs.values()];
  }

  /** Slots of the pool's own agents that do not serve its objective: as many are to come. One, when it has no agent. */
  private unfit({ tenant, pool, state, sample }: Watch): number {
    const wanted = state?.objective?.capabilities ?? [];
    let slots = sample.agents === 0 ? 1 : 0;
    for (const { tenant: of, state: agent } of this.market.agents.all()) {
      const own = of === tenant && agent.status === 'active' && agent.profile.pool === pool;
      if (own && !wanted.some((capability) => levelOf(agent.profile, capability) !== undefined)) slots += agent.profile.capacity;
    }
    return slots;
  }

  /** Who could move: from pools below the utilisation band in which nothing waits, agents that have nothing to do or do the needy pool's work already. */
  private plan(needy: Watch, missing: number, needs: readonly Need[], now: Time): Move[] {
    const { tenant, waits } = needy;
    const resting = this.resting(tenant, now);
    const donors = new Map<string, DonorPool & { readonly spare: DonorPool['spare'][number][] }>();
    for (const { pool, sample } of this.watches.get(tenant)?.values() ?? []) {
      if (pool === needy.pool || resting.has(pool) || sample.waiting > 0 || sample.capacity === 0 || sample.utilisation >= TARGETS.utilisation_from) continue;
      donors.set(pool, { pool, agents: sample.agents, capacity: sample.capacity, slots: sample.slots, spare: [] });
    }
    if (donors.size === 0) return [];
    const types = new Set<string>();
    for (const { tenant: of, state } of this.ready(now)) if (of === tenant && waits.has(firstOf(state))) types.add((state.spec as TaskSpec).task_type);
    for (const { tenant: of, id, state } of this.market.agents.all()) {
      const donor = of === tenant && state.status === 'active' ? donors.get(state.profile.pool) : undefined;
      if (donor === undefined || takesOn(state.profile, needs) === undefined) continue;
      const held = Object.values(state.slots);
      if (held.every(({ task_type }) => types.has(task_type))) donor.spare.push({ agent: id, profile: state.profile, slots: held.length });
    }
    return planMoves({ pool: needy.pool, missing, needs }, [...donors.values()]);
  }

  // ----------------------------------------------------------------------------------------------------- keeping

  private async load(watch: Watch): Promise<void> {
    const { state, version } = await this.transactor.load(poolDecider, watch.stream);
    keep(watch, state, version);
  }

  private forget({ tenant, pool }: Watch): void {
    const pools = this.watches.get(tenant);
    pools?.delete(pool);
    if (pools?.size === 0) this.watches.delete(tenant);
  }

  /** Hears every commit of this process. */
  private note({ stream, category, commits, state, version }: Committed): void {
    if (category === 'task') this.count(stream, commits, state as TaskState);
    else if (category === 'agent') {
      const { tenant, id } = parseStream(stream);
      const entry = this.market.agents.get(tenant, id);
      if (entry !== undefined && this.listed.get(entry) !== entry.state.profile) this.list(entry);
    } else if (category === poolDecider.category) {
      const { tenant, id } = parseStream(stream);
      const watch = this.watches.get(tenant)?.get(id);
      if (watch !== undefined) keep(watch, state as PoolState, version);
    }
  }

  private count(stream: string, commits: readonly Commit[], state: TaskState): void {
    const { tenant } = parseStream(stream);
    const pool = this.poolOf(tenant, firstOf(state));
    const series = this.seriesOf(tenant, pool);
    const { tasks, deadlines } = series;
    const deadline = state.spec?.deadline;
    const end = (at?: Time) => {
      if (deadline === undefined) return;
      deadlines.ended += 1;
      if (at !== undefined && at <= deadline) deadlines.met += 1;
    };
    for (const { at, events } of commits) {
      for (const event of events as readonly TaskEvent[]) {
        switch (event.type) {
          case 'TaskPosted':
            tasks.posted += 1;
            break;
          case 'TaskAwarded':
            tasks.awarded += 1;
            // After a refusal it counts from the refusal, which the state does not tell.
            if (state.declined.length === 0) for (const listener of this.awardListeners) listener(series.tenant, series.pool, Math.max(0, secondsBetween(state.ready_at, at)));
            break;
          case 'TaskHandedOff':
            tasks.awarded += 1;
            break;
          case 'TaskCompleted':
            tasks.completed += 1;
            end(at);
            break;
          case 'AttemptEnded':
            if (event.data.end !== 'released') tasks.failed += 1;
            break;
          case 'TaskDeadLettered':
            tasks.dead += 1;
            end();
            break;
          case 'DeadlinePassed':
            tasks.expired += 1;
            end();
            break;
          default:
        }
      }
    }
  }

  /** Who comes first has a series; all others share one, so that what is exported stays bounded and never shrinks. */
  private seriesOf(tenant: string, pool: string): Series {
    const key = `${tenant} ${pool}`;
    const known = this.series.get(key);
    if (known !== undefined) return known;
    if (this.series.size >= MAX_SERIES && pool !== OTHER_POOLS) return this.seriesOf(OTHER_POOLS, OTHER_POOLS);
    const series = { tenant, pool, tasks: { posted: 0, awarded: 0, completed: 0, failed: 0, dead: 0, expired: 0 }, deadlines: { ended: 0, met: 0 } };
    this.series.set(key, series);
    return series;
  }
}

/**
 * The agent takes its role: it changes its pool, and has what it only lent and is wanted there as a capability of its
 * own, at the level at which it lent it. Nothing happens when it is somewhere else by now.
 */
export function takeRole(move: Move, reason: string): Decision<AgentState, AgentEvent> {
  return (state) => {
    const { profile } = state;
    if (profile === undefined || !isBefore(move, state)) return [];
    const assigned = assignRole(move.to, reason)(state);
    if (assigned instanceof Rejection || move.takes.length === 0) return assigned;
    const lent = Object.fromEntries(move.takes.map((capability) => [capability, LENT_LEVEL]));
    const revised = register({ ...profile, pool: move.to, capabilities: { ...lent, ...profile.capabilities } })(state);
    return revised instanceof Rejection ? revised : [...assigned, ...revised];
  };
}

function isBefore(move: Move, { status, profile }: AgentState): boolean {
  return status === 'active' && profile?.pool === move.from;
}

/** Of two states the later one stands. */
function keep(watch: Watch, state: PoolState, version: number): void {
  if (watch.state !== undefined && version <= watch.version) return;
  watch.state = state;
  watch.version = version;
}

function isNews(decision: Decision<PoolState, PoolEvent>, { state = poolDecider.initial }: Watch): boolean {
  const events = decision(state);
  return !(events instanceof Rejection) && events.length > 0;
}

/** The commit that brought the pool's status, as a cause. */
function causeIn(state: PoolState | undefined): Cause | undefined {
  const changed = state?.changed;
  return changed === undefined ? undefined : { ref: changed.receipt, at: changed.at, correlationId: changed.correlation_id, depth: 0 };
}

function hasFallen({ condition, state }: Watch, now: Time): boolean {
  return condition === 'overloaded' && state !== undefined && isDegraded(state, now);
}

/** Whoever has one of the capabilities serves the objective. */
function objectiveNeeds(state: PoolState | undefined): Need[] {
  return (state?.objective?.capabilities ?? []).map((capability) => ({ requires: [{ capability, level: 0 }], strength: 1, effort: 0 }));
}

function firstOf({ spec }: TaskState): string {
  return spec?.requires[0]?.capability ?? '';
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
    for (const measure of MEASURES) value[measure] = rounded(this.sums[measure] / Math.max(this.seconds, Number.MIN_VALUE));
    return value;
  }
}

/** Two pools as one; their Gini coefficients and idle shares are weighed by their agents. */
function together(a: Measures, b: Measures): Measures {
  const agents = a.agents + b.agents;
  const capacity = a.capacity + b.capacity;
  const slots = a.slots + b.slots;
  const share = (of: 'gini' | 'idle') => (agents > 0 ? rounded((a[of] * a.agents + b[of] * b.agents) / agents) : 0);
  return { agents, capacity, slots, waiting: a.waiting + b.waiting, gini: share('gini'), utilisation: capacity > 0 ? rounded(slots / capacity) : 0, idle: share('idle') };
}
