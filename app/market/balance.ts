/**
 * Load balancing (row 1.3): looks at every pool once a second, keeps the live view and its history, emits signals, has
 * idle agents help overloaded peers, and reorganises a swarm whose performance has fallen or whose objective has
 * changed.
 *
 * What the samples (`balance-pools.ts`) lead to is decided by the pool's stream, so that several processes that see the
 * same do it once.
 */
import type { Commit } from '../../domain/kernel/commit';
import { type Decision, refuse, Rejection } from '../../domain/kernel/decider';
import { isId, parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { secondsBetween, type Time, toMillis, toTime } from '../../domain/kernel/time';
import {
  agentDecider,
  type AgentEvent,
  type AgentState,
  agentStream,
  assignRole,
  LENT_LEVEL,
  levelOf,
  register,
  slotsInUse,
} from '../../domain/market/agent';
import { pauseOf } from '../../domain/market/pause';
import {
  changeObjective,
  type DonorPool,
  isCoolingDown,
  isDegraded,
  missingSlots,
  type Move,
  type Need,
  type Objective,
  observe,
  planMoves,
  poolDecider,
  type PoolEvent,
  type PoolState,
  poolStream,
  type Reorganisation,
  reorganise,
  strategyOf,
  takesOn,
  TARGETS,
} from '../../domain/market/pool';
import { strengthOf, type TaskSpec, type TaskState } from '../../domain/market/task';
import { commandHash } from '../engine/answered';
import { type Cause, causeOf, type Outcome, type RequestContext } from '../engine/command';
import type { Consumer } from '../engine/feed';
import { newId } from '../engine/new-id';
import type { Clock, ViewStore } from '../engine/ports';
import type { Committed } from '../engine/streams';
import type { Transactor } from '../engine/transact';
import type { Signals } from '../signals/signals';
import { PoolCounts, type PoolMetrics } from './balance-metrics';
import { bucketOf, firstOf, type HistoryRow, type PoolLive, Pools, type Watch } from './balance-pools';
import type { Market } from './market';

export { MAX_SERIES, OTHER_POOLS } from './balance-metrics';
export { NO_POOL, type PoolLive } from './balance-pools';

export type PoolOutcome = Outcome<PoolState, PoolEvent>;

/** A move that somebody asks for. */
export interface MoveRequest {
  readonly agent: string;
  readonly to: string;
}

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

export class Balance implements Consumer {
  readonly name = 'balance';
  private readonly pools: Pools;
  private readonly counts: PoolCounts;
  private bucket: number | undefined;
  /** `tenant capability` → idle agents that lend it, as the last tick found them if it had to look. */
  private idleHelpers: Map<string, string[]> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private ticking: Promise<void> | undefined;

  constructor(
    private readonly transactor: Transactor,
    private readonly market: Market,
    private readonly signals: Signals,
    views: ViewStore,
    private readonly clock: Clock,
    private readonly report: (message: string, facts: Record<string, unknown>) => void,
  ) {
    this.pools = new Pools(market, views, clock);
    this.counts = new PoolCounts(this.pools);
    transactor.onCommitted((committed) => this.note(committed));
  }

  /** Balance's own principal within a tenant. */
  static principal(tenant: string): Principal {
    return { tenant, id: 'balance', kind: 'system', level: 'execute' };
  }

  /** Declares the view of the history. */
  async open(): Promise<void> {
    await this.pools.open();
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
    const bucket = bucketOf(now);
    const ended = this.bucket !== undefined && bucket > this.bucket ? this.bucket : undefined;
    this.bucket = bucket;
    this.pools.sample(now);
    const watches = this.pools.all();
    if (ended !== undefined)
      await this.pools
        .write(ended)
        .catch((error: unknown) =>
          this.report('the history of the pools could not be written', { error: String(error) }),
        );
    this.idleHelpers = undefined;
    const results = await Promise.allSettled(watches.map((watch) => this.act(watch, now, ended !== undefined)));
    results.forEach((result, i) => {
      if (result.status === 'rejected')
        this.report('a pool could not be balanced', { pool: watches[i]?.stream, error: String(result.reason) });
    });
    await this.adaptOne(watches, now);
  }

  // ------------------------------------------------------------------------------------------------------ queries

  /** Every pool of a tenant that has agents now, by name. */
  live(tenant: string): readonly PoolLive[] {
    return this.pools.live(tenant);
  }

  /**
   * The history of a pool from `from` on, oldest first, at most six hours of it. To go on, ask a millisecond after the
   * last one's `at`.
   */
  history(tenant: string, pool: string, from: Time, limit: number): Promise<readonly HistoryRow[]> {
    return this.pools.history(tenant, pool, from, limit);
  }

  /** Row 10.3, as far as it concerns load and tasks: one entry a pool, at most `MAX_SERIES` and one more. */
  metrics(): readonly PoolMetrics[] {
    return this.counts.metrics();
  }

  /**
   * Hears how long each task had to wait for its award, in seconds, from when it could be awarded; labels as in
   * `metrics`.
   */
  onAwarded(listener: (tenant: string, pool: string, seconds: number) => void): void {
    this.counts.onAwarded(listener);
  }

  // --------------------------------------------------------------------------------------------------- use cases

  /**
   * Says what a pool is to work on. It is reorganised for that now if agents can be moved, else as soon as they can.
   */
  async changeObjective(
    context: RequestContext,
    pool: string,
    objective: Objective,
  ): Promise<{ changed: PoolOutcome; reorganised: PoolOutcome | undefined }> {
    const { tenant, id } = context.principal;
    const now = toTime(this.clock.now());
    this.pools.sample(now);
    const watch = this.pools.get(tenant, pool);
    if (watch === undefined) {
      // The stream itself refuses: it knows a command that comes again.
      const empty = new Rejection('missing', 'pool-not-found', 'no agent is in this pool: move agents there first');
      return {
        changed: await this.transactor.transact(poolDecider, poolStream(tenant, pool), () => empty, {
          ...context,
          action: 'pool.change-objective',
        }),
        reorganised: undefined,
      };
    }
    const changed = await this.transactor.transact(poolDecider, watch.stream, changeObjective(objective, id), {
      ...context,
      action: 'pool.change-objective',
    });
    if (!changed.ok) return { changed, reorganised: undefined };
    await this.load(watch);
    const cause = changed.commit === undefined ? undefined : causeOf(changed.commit);
    return { changed, reorganised: this.calls(watch, now) ? await this.adapt(watch, now, cause) : undefined };
  }

  /** Moves agents out of the pool, or into it, as somebody has asked. */
  async reorganise(
    context: RequestContext,
    pool: string,
    requests: readonly MoveRequest[],
    reason: string,
  ): Promise<PoolOutcome> {
    const { tenant } = context.principal;
    const now = toTime(this.clock.now());
    const moves: Move[] = [];
    for (const { agent, to } of requests) {
      const { status, profile } = (await this.transactor.load(agentDecider, agentStream(tenant, agent))).state;
      if (profile === undefined)
        return {
          ok: false,
          rejection: new Rejection('missing', 'agent-not-found', `there is no agent ${agent}`, { agent }),
        };
      if (status !== 'active')
        return {
          ok: false,
          rejection: refuse('agent-not-active', `${agent} is ${status}: it can't be moved`, { agent }),
        };
      if (!isId(to))
        return {
          ok: false,
          rejection: new Rejection(
            'invalid',
            'pool-invalid',
            `${to} is no name for a pool: use 1 to 128 letters, digits and . _ ~ : -`,
            { agent },
          ),
        };
      if (to === profile.pool) continue;
      if (to !== pool && profile.pool !== pool)
        return {
          ok: false,
          rejection: new Rejection(
            'invalid',
            'move-elsewhere',
            `${agent} would move from ${profile.pool} to ${to}: reorganise one of those`,
            { agent },
          ),
        };
      const needs = this.allNeeds(this.pools.get(tenant, to), now);
      moves.push({ agent, from: profile.pool, to, takes: takesOn(profile, needs) ?? [] });
    }
    return await this.carryOut(tenant, pool, { trigger: 'requested', moves, reason }, now, context);
  }

  // ---------------------------------------------------------------------------------------------------- reaction

  /**
   * What follows from the commits of pools, from the feed: the moves of a reorganisation, should the process that
   * decided it have ended before they were made. An agent is moved once: where it goes later is not undone by a
   * redelivery.
   */
  async handle(commits: readonly Commit[]): Promise<void> {
    for (const commit of commits)
      if (parseStream(commit.stream).category === poolDecider.category) await this.reactTo(commit);
  }

  private async reactTo(commit: Commit): Promise<void> {
    const { tenant, id } = parseStream(commit.stream);
    await this.transactor.catchUp(commit.stream, commit.index);
    const watch = this.pools.get(tenant, id);
    if (watch?.state !== undefined) await this.load(watch);
    await this.move(tenant, commit);
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
    if (state.status !== 'balanced')
      await this.signal(
        watch,
        SIGNALS[state.status],
        state.status === 'overloaded' ? watch.sample.utilisation : watch.sample.idle,
        now,
      );
    else if (watch.members === 0) this.pools.forget(watch);
  }

  /** Emits the signal, once for each span of the time that its cause has lasted. */
  private async signal(
    watch: Watch,
    { type, everySeconds, decay_rate }: (typeof SIGNALS)[keyof typeof SIGNALS],
    strength: number,
    now: Time,
  ): Promise<void> {
    const { tenant, pool, state } = watch;
    const since = state?.changed?.at ?? now;
    const key = `${since}#${Math.floor(Math.max(0, secondsBetween(since, now)) / everySeconds)}`;
    if (watch.signalled === key) return;
    const location = `pool/${pool}`;
    const context = {
      principal: Balance.principal(tenant),
      command: { key, hash: commandHash({ type, location }) },
      cause: causeIn(state),
      reaction: true,
    };
    const [outcome] = await this.signals.emit(context, [
      { type, location, strength: Math.min(1, strength), decay_rate },
    ]);
    if (outcome?.ok === false)
      this.report('a signal was refused', { pool: watch.stream, type, code: outcome.rejection.code });
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
      if (
        offer === null ||
        offer.helps.length === 0 ||
        state.status !== 'active' ||
        slotsInUse(state) > 0 ||
        this.market.overloaded.has(`${tenant} ${pool}`)
      )
        continue;
      for (const lent of offer.helps) {
        const key = `${tenant} ${lent}`;
        const others = found.get(key);
        if (others === undefined) found.set(key, [id]);
        else others.push(id);
      }
    }
    return found;
  }

  /**
   * Looks for a reorganisation for one of the pools that call for it: whoever has waited longest, each at most every
   * `PLAN_EVERY_SECONDS`.
   */
  private async adaptOne(watches: readonly Watch[], now: Time): Promise<void> {
    let next: Watch | undefined;
    for (const watch of watches)
      if (this.calls(watch, now) && (next === undefined || watch.planned < next.planned)) next = watch;
    if (next === undefined || (next.planned !== '' && secondsBetween(next.planned, now) < PLAN_EVERY_SECONDS)) return;
    next.planned = now;
    await this.adapt(next, now);
  }

  /**
   * True when the pool is to be reorganised, nobody has paused it, and neither it nor what was taken from it was moved
   * lately.
   */
  private calls(watch: Watch, now: Time): boolean {
    if (pauseOf(this.market.pauses.known(watch.tenant), 'pool', watch.pool) !== undefined) return false;
    return (
      (watch.state?.objective_pending === true || hasFallen(watch, now)) &&
      !this.resting(watch.tenant, now).has(watch.pool)
    );
  }

  /** Pools that were reorganised, or gave agents away, less than 15 minutes ago. */
  private resting(tenant: string, now: Time): Set<string> {
    const resting = new Set<string>();
    for (const { pool, state } of this.pools.of(tenant)) {
      if (state?.reorganised === undefined || !isCoolingDown(state, now)) continue;
      resting.add(pool);
      for (const donor of state.reorganised.donors) resting.add(donor);
    }
    return resting;
  }

  /**
   * Moves agents to a pool that lacks them, if any can be spared: for its objective, else because its performance has
   * fallen.
   */
  private async adapt(watch: Watch, now: Time, cause?: Cause): Promise<PoolOutcome | undefined> {
    const { tenant, pool, sample, state = poolDecider.initial } = watch;
    const context = { principal: Balance.principal(tenant), reaction: true };
    if (state.objective_pending) {
      const moves = this.plan(watch, this.unfit(watch), objectiveNeeds(state), now);
      const reason = `the objective is now: ${state.objective?.description}`;
      if (moves.length > 0)
        return await this.carryOut(tenant, pool, { trigger: 'objective_change', moves, reason }, now, {
          ...context,
          cause,
        });
    }
    if (!hasFallen(watch, now)) return undefined;
    const moves = this.plan(watch, missingSlots(sample), this.waitingNeeds(watch, now), now);
    const reason = `${sample.waiting} tasks wait at a utilisation of ${sample.utilisation}, overloaded since ${state.changed?.at}`;
    return moves.length > 0
      ? await this.carryOut(tenant, pool, { trigger: 'performance_degradation', moves, reason }, now, {
          ...context,
          cause: causeIn(state),
        })
      : undefined;
  }

  /** Writes the reorganisation, which its stream may refuse, and then moves the agents. */
  private async carryOut(
    tenant: string,
    pool: string,
    wish: Pick<Reorganisation, 'trigger' | 'moves' | 'reason'>,
    at: Time,
    context: RequestContext,
  ): Promise<PoolOutcome> {
    const sizes = new Map<string, number>();
    for (const { tenant: of, state } of this.market.agents.all())
      if (of === tenant && state.status === 'active')
        sizes.set(state.profile.pool, (sizes.get(state.profile.pool) ?? 0) + 1);
    const decision = reorganise({ ...wish, strategy: strategyOf(wish.moves, sizes), at });
    const outcome = await this.transactor.transact(poolDecider, poolStream(tenant, pool), decision, {
      ...context,
      action: 'pool.reorganise',
      attributes: { trigger: wish.trigger },
    });
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
          if (!outcome.ok)
            this.report('an agent could not be moved', { ...move, receipt: cause.ref, code: outcome.rejection.code });
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
    for (const { tenant: of, state } of this.pools.ready(now)) {
      if (of !== tenant || !waits.has(firstOf(state))) continue;
      const { requires, effort = 0 } = state.spec as TaskSpec;
      const kind = JSON.stringify(requires);
      const strength = strengthOf(state, now);
      const known = needs.get(kind);
      if (known === undefined && needs.size >= MAX_NEEDS) continue;
      needs.set(kind, {
        requires,
        strength: Math.max(strength, known?.strength ?? 0),
        effort: Math.min(effort, known?.effort ?? Infinity),
      });
    }
    return [...needs.values()];
  }

  /** Slots of the pool's own agents that do not serve its objective: as many are to come. One, when it has no agent. */
  private unfit({ tenant, pool, state, sample }: Watch): number {
    const wanted = state?.objective?.capabilities ?? [];
    let slots = sample.agents === 0 ? 1 : 0;
    for (const { tenant: of, state: agent } of this.market.agents.all()) {
      const own = of === tenant && agent.status === 'active' && agent.profile.pool === pool;
      if (own && !wanted.some((capability) => levelOf(agent.profile, capability) !== undefined))
        slots += agent.profile.capacity;
    }
    return slots;
  }

  /**
   * Who could move: from pools below the utilisation band in which nothing waits, agents that have nothing to do or do
   * the needy pool's work already.
   */
  private plan(needy: Watch, missing: number, needs: readonly Need[], now: Time): Move[] {
    const { tenant, waits } = needy;
    const resting = this.resting(tenant, now);
    const donors = new Map<string, DonorPool & { readonly spare: DonorPool['spare'][number][] }>();
    for (const { pool, sample } of this.pools.of(tenant)) {
      if (
        pool === needy.pool ||
        resting.has(pool) ||
        sample.waiting > 0 ||
        sample.capacity === 0 ||
        sample.utilisation >= TARGETS.utilisation_from
      )
        continue;
      donors.set(pool, { pool, agents: sample.agents, capacity: sample.capacity, slots: sample.slots, spare: [] });
    }
    if (donors.size === 0) return [];
    const types = new Set<string>();
    for (const { tenant: of, state } of this.pools.ready(now))
      if (of === tenant && waits.has(firstOf(state))) types.add((state.spec as TaskSpec).task_type);
    for (const { tenant: of, id, state, paused } of this.market.agents.all()) {
      // Whom a person has paused is not put to work by a move.
      const donor = of === tenant && state.status === 'active' && !paused ? donors.get(state.profile.pool) : undefined;
      if (donor === undefined || takesOn(state.profile, needs) === undefined) continue;
      const held = Object.values(state.slots);
      if (held.every(({ task_type }) => types.has(task_type)))
        donor.spare.push({ agent: id, profile: state.profile, slots: held.length });
    }
    return planMoves({ pool: needy.pool, missing, needs }, [...donors.values()]);
  }

  // ----------------------------------------------------------------------------------------------------- keeping

  private async load(watch: Watch): Promise<void> {
    const { state, version } = await this.transactor.load(poolDecider, watch.stream);
    keep(watch, state, version);
  }

  /** Hears every commit of this process, and what it follows; each process counts its own. */
  private note({ here, stream, category, commits, state, version }: Committed): void {
    if (category === 'task') {
      if (here) this.counts.count(stream, commits, state as TaskState);
    } else if (category === 'agent') this.pools.relist(stream);
    else if (category === poolDecider.category) {
      const { tenant, id } = parseStream(stream);
      const watch = this.pools.get(tenant, id);
      if (watch !== undefined) keep(watch, state as PoolState, version);
    }
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
  return changed === undefined
    ? undefined
    : { ref: changed.receipt, at: changed.at, correlationId: changed.correlation_id, depth: 0 };
}

function hasFallen({ condition, state }: Watch, now: Time): boolean {
  return condition === 'overloaded' && state !== undefined && isDegraded(state, now);
}

/** Whoever has one of the capabilities serves the objective. */
function objectiveNeeds(state: PoolState | undefined): Need[] {
  return (state?.objective?.capabilities ?? []).map((capability) => ({
    requires: [{ capability, level: 0 }],
    strength: 1,
    effort: 0,
  }));
}
