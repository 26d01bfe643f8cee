/**
 * What follows from the sample of a pool: its status, once a change has lasted; signals for as long as the cause does;
 * and idle helpers of other pools that are called.
 */
import { type Decision, Rejection } from '../../domain/kernel/decider';
import { secondsBetween, type Time, toMillis } from '../../domain/kernel/time';
import { slotsInUse } from '../../domain/market/agent';
import { observe, poolDecider, type PoolEvent, type PoolState } from '../../domain/market/pool';
import { commandHash } from '../engine/answered';
import { newId } from '../engine/new-id';
import type { Report } from '../engine/ports';
import type { Transactor } from '../engine/transact';
import type { Signals } from '../signals/module';
import { balancer, causeIn, keep, loadPool, type Pools, type Watch } from './balance-pools';
import type { Market } from './market';

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
/**
 * Pools whose stream is read in one look: a process that starts in a large colony knows none of thousands. Until then
 * a pool counts as balanced.
 */
const READ_AT_ONCE = 32;

/** What a look is to do. */
export interface Looking {
  /** Helpers are called again where a pool is overloaded. */
  readonly bucketEnded: boolean;
  /** False where what follows is another process's to do: then this one only learns how the pools are. */
  readonly acts: boolean;
}

export class PoolObserver {
  /** `tenant capability` → idle agents that lend it, as the last look found them if it had to look. */
  private idleHelpers: Map<string, string[]> | undefined;
  /** Where the next look begins among the pools that were not read. */
  private unread = 0;

  constructor(
    private readonly transactor: Transactor,
    private readonly market: Market,
    private readonly signals: Signals,
    private readonly pools: Pools,
    private readonly report: Report,
  ) {}

  /** Acts on a new sample of each of the pools. */
  async look(watches: readonly Watch[], now: Time, looking: Looking): Promise<void> {
    this.idleHelpers = undefined;
    const inTurn = this.inTurn(watches);
    const results = await Promise.allSettled(inTurn.map((watch) => this.act(watch, now, looking)));
    results.forEach((result, i) => {
      if (result.status === 'rejected')
        this.report('a pool could not be balanced', { pool: inTurn[i]?.stream, error: String(result.reason) });
    });
  }

  /** Those that are known, and some of the others: in turn, as some may be such that can't be read. */
  private inTurn(watches: readonly Watch[]): Watch[] {
    const [known, unread] = [[] as Watch[], [] as Watch[]];
    for (const watch of watches) (watch.state === undefined ? unread : known).push(watch);
    const first = this.unread % Math.max(1, unread.length);
    this.unread = first + READ_AT_ONCE;
    return [...known, ...[...unread.slice(first), ...unread.slice(0, first)].slice(0, READ_AT_ONCE)];
  }

  /** What follows from the pool's sample. */
  private async act(watch: Watch, now: Time, { bucketEnded, acts }: Looking): Promise<void> {
    if (watch.state === undefined) await loadPool(this.transactor, watch);
    const decision = observe(watch.sample, secondsBetween(watch.held, now));
    let news = false;
    if (acts && isNews(decision, watch)) {
      const { tenant, state } = watch;
      const recovers = watch.condition === 'balanced';
      const outcome = await this.transactor.transact(poolDecider, watch.stream, decision, {
        principal: balancer(tenant),
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
      if (acts && (news || bucketEnded)) await this.callHelpers(watch);
    }
    if (state.status !== 'balanced') {
      if (!acts) return;
      await this.signal(
        watch,
        SIGNALS[state.status],
        state.status === 'overloaded' ? watch.sample.utilisation : watch.sample.idle,
        now,
      );
    } else if (watch.members === 0) this.pools.forget(watch);
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
      principal: balancer(tenant),
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
}

function isNews(decision: Decision<PoolState, PoolEvent>, { state = poolDecider.initial }: Watch): boolean {
  const events = decision(state);
  return !(events instanceof Rejection) && events.length > 0;
}
