/** What tenants may have, kept in memory: asked at whatever would give one more. */
import { type Decision, type Event, Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import { Recent } from '../../domain/kernel/recent';
import { PLATFORM } from '../../domain/stops/stop';
import {
  beyondLimit,
  beyondPace,
  LIMITED,
  type Limited,
  limitsOf,
  notCreated,
  tenantDecider,
  type TenantEvent,
  type TenantLimits,
  type TenantState,
} from '../../domain/tenants/tenant';
import type { Clock } from '../engine/ports';
import type { Tenancy } from '../engine/standstill';
import type { KeptStates } from '../engine/tenant-states';
import { Minute } from './minute';

/** Tenants whose last minute is remembered at least. */
const REMEMBERED = 10_000;

/** Who counts something of each tenant. */
export interface Census {
  size(tenant: string): number;
  /** Whether the stream is among what is counted. */
  has(stream: string): boolean;
}

/** What would give a tenant one more. */
export interface OneMore<S, E extends Event> {
  readonly of: Limited;
  readonly stream: string;
  readonly census: Census;
  /** Whether what has this state is not counted yet. */
  readonly isNew: (state: S) => boolean;
  readonly decide: Decision<S, E>;
}

export class TenantBook implements Tenancy {
  /** By `tenant limit`: streams that were let in, and that those who count have perhaps not heard of. */
  private readonly entering = new Map<string, Set<string>>();
  /** What came within the last minute, of tenants that are limited in that. */
  private readonly minutes = new Recent<string, Minute>(REMEMBERED);
  private readonly refusals = new Map<Limited, number>(LIMITED.map((of) => [of, 0]));

  /** @param closed whether nobody acts in a tenant that was not created */
  constructor(
    private readonly states: Pick<KeptStates<TenantState, TenantEvent>, 'of' | 'peek'>,
    private readonly closed: boolean,
    private readonly clock: Clock,
  ) {}

  /** Has the limits of the tenant read, so that `limit` knows them; answers why nobody acts in it, if so. */
  refusal(tenant: string): Rejection | undefined | Promise<Rejection | undefined> {
    const state = this.of(tenant);
    return state instanceof Promise ? state.then((read) => this.judged(tenant, read)) : this.judged(tenant, state);
  }

  /** A limit of the tenant, when it has one and it was read: see `refusal`. */
  limit(tenant: string, of: Limited): number | undefined {
    const state = this.states.peek(tenant);
    return state === undefined ? undefined : limitsOf(state)[of];
  }

  /** What was said last of the tenant's limits; undefined: nothing was. */
  limited(tenant: string): TenantState['limited'] | Promise<TenantState['limited']> {
    const state = this.of(tenant);
    return state instanceof Promise ? state.then(({ limited }) => limited) : state.limited;
  }

  /**
   * Decides on what may give the tenant one more. Within this process no more are let in than the limit says, however
   * many come at once: what is under way counts. `run` is given the decision, and gives the command.
   */
  async admit<S, E extends Event, O>(
    { of, stream, census, isNew, decide }: OneMore<S, E>,
    run: (decide: Decision<S, E>) => Promise<O>,
  ): Promise<O> {
    const { tenant } = parseStream(stream);
    const limits = this.limitsOf(tenant);
    const most = (limits instanceof Promise ? await limits : limits)[of];
    if (most === undefined) return await run(decide);
    const key = `${tenant} ${of}`;
    try {
      return await run((state) => {
        const decided = decide(state);
        if (decided instanceof Rejection || decided.length === 0 || !isNew(state)) return decided;
        const entering = this.entering.get(key) ?? new Set();
        const counted = census.size(tenant);
        let has = counted + entering.size;
        // Who is counted as well, or is this one again, is looked for only where it matters: many may be under way.
        if (has >= most) has = counted + [...entering].filter((other) => other !== stream && !census.has(other)).length;
        if (has >= most) {
          this.refused(of);
          return beyondLimit(tenant, of, most, has);
        }
        this.entering.set(key, entering.add(stream));
        return decided;
      });
    } finally {
      const entering = this.entering.get(key);
      entering?.delete(stream);
      if (entering?.size === 0) this.entering.delete(key);
    }
  }

  /** Counts what comes, where the tenant may have only so much in a minute; or answers why it may not come now. */
  paced(
    tenant: string,
    of: 'signals_per_minute',
    more: number,
  ): Rejection | undefined | Promise<Rejection | undefined> {
    const limits = this.limitsOf(tenant);
    return limits instanceof Promise
      ? limits.then((read) => this.within(tenant, of, more, read[of]))
      : this.within(tenant, of, more, limits[of]);
  }

  private within(tenant: string, of: Limited, more: number, most: number | undefined): Rejection | undefined {
    if (most === undefined) return undefined;
    const minute = this.minutes.get(tenant) ?? new Minute();
    this.minutes.set(tenant, minute);
    const wait = minute.take(more, most, this.clock.now());
    if (wait === 0) return undefined;
    this.refused(of);
    return beyondPace(tenant, of, most, wait);
  }

  /** Counts that a tenant was refused something for its limit. */
  refused(of: Limited): void {
    this.refusals.set(of, (this.refusals.get(of) ?? 0) + 1);
  }

  /** Since the start, by limit: what was refused because of it. */
  counts(): ReadonlyMap<Limited, number> {
    return this.refusals;
  }

  private limitsOf(tenant: string): TenantLimits | Promise<TenantLimits> {
    const state = this.of(tenant);
    return state instanceof Promise ? state.then(limitsOf) : limitsOf(state);
  }

  /** The platform is always there, and has no limits. */
  private of(tenant: string): TenantState | Promise<TenantState> {
    return tenant === PLATFORM ? tenantDecider.initial : this.states.of(tenant);
  }

  private judged(tenant: string, state: TenantState): Rejection | undefined {
    return this.closed ? notCreated(tenant, state) : undefined;
  }
}
