/**
 * Load balancing: looks at every pool once a second, keeps the live view and its history, emits signals, has
 * idle agents help overloaded peers, and reorganises a swarm whose performance has fallen or whose objective has
 * changed.
 *
 * By role: samples (`balance-pools.ts`), what follows from one (`balance-observer.ts`), who could move
 * (`balance-plan.ts`), moves (`balance-moves.ts`), figures (`balance-metrics.ts`). What the samples lead to is decided
 * by the pool's stream, so that several processes that see the same do it once.
 */
import type { Commit } from '../../domain/kernel/commit';
import { refuse, Rejection } from '../../domain/kernel/decider';
import { isId, parseStream } from '../../domain/kernel/ids';
import { type Time, toTime } from '../../domain/kernel/time';
import { agentDecider, agentStream } from '../../domain/market/agent';
import {
  changeObjective,
  type Move,
  type Objective,
  poolDecider,
  type PoolState,
  poolStream,
  takesOn,
} from '../../domain/market/pool';
import { type Cause, causeOf, type RequestContext } from '../engine/command';
import type { Consumer } from '../engine/feed';
import type { Clock, Report, ViewStore } from '../engine/ports';
import type { Committed } from '../engine/streams';
import type { Transactor } from '../engine/transact';
import type { Signals } from '../signals/module';
import { type PoolMetrics, poolMetrics } from './balance-metrics';
import { PoolMoves, type PoolOutcome } from './balance-moves';
import { PoolObserver } from './balance-observer';
import { PoolPlanner } from './balance-plan';
import {
  balancer,
  bucketOf,
  causeIn,
  type HistoryRow,
  keep,
  loadPool,
  type PoolLive,
  Pools,
  type Watch,
} from './balance-pools';
import type { Market } from './market';

/** A move that somebody asks for. */
export interface MoveRequest {
  readonly agent: string;
  readonly to: string;
}

export class Balance implements Consumer {
  readonly name = 'balance';
  private readonly pools: Pools;
  private readonly observer: PoolObserver;
  private readonly planner: PoolPlanner;
  private readonly moves: PoolMoves;
  private bucket: number | undefined;
  private timer: NodeJS.Timeout | undefined;
  private ticking: Promise<void> | undefined;

  constructor(
    private readonly transactor: Transactor,
    market: Market,
    signals: Signals,
    views: ViewStore,
    private readonly clock: Clock,
    private readonly report: Report,
  ) {
    this.pools = new Pools(market, views, clock);
    this.observer = new PoolObserver(transactor, market, signals, this.pools, report);
    this.planner = new PoolPlanner(market, this.pools);
    this.moves = new PoolMoves(transactor, market, report);
    transactor.onCommitted((committed) => this.note(committed));
  }

  /** Declares the view of the history. */
  async open(): Promise<void> {
    await this.pools.open();
  }

  /**
   * Starts to look, every `everyMs` milliseconds, once `isFilled`: of pools of which not all that waits is known yet,
   * one would seem to have nothing to do. What follows from a look is done where it is `mine`.
   */
  start(isFilled: () => boolean, mine: () => boolean, everyMs = 1_000): void {
    this.timer = setInterval(() => {
      if (!isFilled()) return;
      this.ticking ??= this.tick(mine())
        .catch((error: unknown) => this.report('the pools could not be balanced', { error: String(error) }))
        .finally(() => (this.ticking = undefined));
    }, everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.ticking;
  }

  /**
   * Looks once: takes the samples and learns what the pools' streams say, which each process shows and awards by; and,
   * if it `acts`, does what follows from them.
   */
  async tick(acts = true): Promise<void> {
    const now = toTime(this.clock.now());
    const bucket = bucketOf(now);
    const ended = this.bucket !== undefined && bucket > this.bucket ? this.bucket : undefined;
    this.bucket = bucket;
    this.pools.sample(now);
    const watches = this.pools.all();
    if (ended !== undefined)
      await this.pools
        .end(ended, acts)
        .catch((error: unknown) =>
          this.report('the history of the pools could not be written', { error: String(error) }),
        );
    await this.observer.look(watches, now, { bucketEnded: ended !== undefined, acts });
    if (!acts) return;
    const next = this.planner.next(watches, now);
    if (next === undefined) return;
    next.planned = now;
    await this.adapt(next, now);
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

  /** Row 10.3, as far as it concerns load: one entry a pool, at most `MAX_SERIES` and one more. */
  metrics(): readonly PoolMetrics[] {
    return poolMetrics(this.pools.all());
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
    await loadPool(this.transactor, watch);
    const cause = changed.commit === undefined ? undefined : causeOf(changed.commit);
    return { changed, reorganised: this.planner.calls(watch, now) ? await this.adapt(watch, now, cause) : undefined };
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
    for (const request of requests) {
      const move = await this.requested(tenant, pool, request, now);
      if (move instanceof Rejection) return { ok: false, rejection: move };
      if (move !== undefined) moves.push(move);
    }
    return await this.moves.carryOut(tenant, pool, { trigger: 'requested', moves, reason }, now, context);
  }

  /** The move that is asked for; undefined where the agent is there already. */
  private async requested(
    tenant: string,
    pool: string,
    { agent, to }: MoveRequest,
    now: Time,
  ): Promise<Move | Rejection | undefined> {
    const { status, profile } = (await this.transactor.load(agentDecider, agentStream(tenant, agent))).state;
    if (profile === undefined)
      return new Rejection('missing', 'agent-not-found', `there is no agent ${agent}`, { agent });
    if (status !== 'active') return refuse('agent-not-active', `${agent} is ${status}: it can't be moved`, { agent });
    const invalid = (code: string, message: string) => new Rejection('invalid', code, message, { agent });
    if (!isId(to))
      return invalid('pool-invalid', `${to} is no name for a pool: use 1 to 128 letters, digits and . _ ~ : -`);
    if (to === profile.pool) return undefined;
    if (to !== pool && profile.pool !== pool)
      return invalid('move-elsewhere', `${agent} would move from ${profile.pool} to ${to}: reorganise one of those`);
    const needs = this.planner.allNeeds(this.pools.get(tenant, to), now);
    return { agent, from: profile.pool, to, takes: takesOn(profile, needs) ?? [] };
  }

  // ---------------------------------------------------------------------------------------------------- reaction

  /**
   * What follows from the commits of pools, from the feed: the moves of a reorganisation, should the process that
   * decided it have ended before they were made. An agent is moved once: where it goes later is not undone by a
   * redelivery. One after the other, and not as `react` does it: two pools may want the same agent.
   */
  async handle(commits: readonly Commit[]): Promise<void> {
    for (const commit of commits)
      if (parseStream(commit.stream).category === poolDecider.category) await this.reactTo(commit);
  }

  private async reactTo(commit: Commit): Promise<void> {
    const { tenant, id } = parseStream(commit.stream);
    await this.transactor.catchUp(commit.stream, commit.index);
    const watch = this.pools.get(tenant, id);
    if (watch?.state !== undefined) await loadPool(this.transactor, watch);
    await this.moves.move(tenant, commit);
  }

  /** Moves agents to a pool that lacks them, if any can be spared. */
  private async adapt(watch: Watch, now: Time, cause?: Cause): Promise<PoolOutcome | undefined> {
    const { tenant, pool, state } = watch;
    const plan = this.planner.planFor(watch, now);
    if (plan === undefined) return undefined;
    const context = {
      principal: balancer(tenant),
      reaction: true,
      cause: plan.trigger === 'objective_change' ? cause : causeIn(state),
    };
    return await this.moves.carryOut(tenant, pool, plan, now, context);
  }

  /** Keeps what is known of the pools, right after a commit of this process, or of one that it follows. */
  private note({ stream, category, state, version }: Committed): void {
    if (category === agentDecider.category) this.pools.relist(stream);
    if (category !== poolDecider.category) return;
    const { tenant, id } = parseStream(stream);
    const watch = this.pools.get(tenant, id);
    if (watch !== undefined) keep(watch, state as PoolState, version);
  }
}
