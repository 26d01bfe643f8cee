/** What tenants may have, kept in memory: asked at whatever would give one more. */
import { denialDecider } from '../../domain/audit/denial';
import { logDecider } from '../../domain/audit/log';
import { accessDecider } from '../../domain/identity/access';
import { credentialDecider } from '../../domain/identity/credential';
import { type Decision, type Event, Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { Recent } from '../../domain/kernel/recent';
import { subjectDecider } from '../../domain/personal/subject';
import { PLATFORM } from '../../domain/stops/stop';
import { bringsToAnEnd } from '../../domain/tenants/closing';
import { addsToStorage } from '../../domain/tenants/storage';
import {
  beyondLimit,
  beyondPace,
  type Ended,
  LIMITED,
  type Limited,
  limitsOf,
  notCreated,
  tenantClosed,
  tenantDecider,
  type TenantEvent,
  type TenantLimits,
  type TenantState,
} from '../../domain/tenants/tenant';
import type { CommandContext } from '../engine/command';
import type { Clock } from '../engine/ports';
import type { Tenancy, Writing } from '../engine/standstill';
import type { KeptStates } from '../engine/tenant-states';
import { Minute } from './minute';
import type { StorageMeter } from './storage-meter';

/** Tenants whose last minute is remembered at least. */
const REMEMBERED = 10_000;

/**
 * What is still written in a tenant that was closed: what proves what happened, who has read it, who may, and that
 * somebody was erased.
 */
const KEPT_UP: ReadonlySet<string> = new Set([
  denialDecider.category,
  logDecider.category,
  subjectDecider.category,
  accessDecider.category,
  credentialDecider.category,
]);

/** What the product does by itself for whoever has posted something: what it writes is theirs. */
const OF_POSTERS: ReadonlySet<string> = new Set(['task.await', 'task.post', 'task.unblock']);

/** Who counts something of each tenant. */
export interface Census {
  size(tenant: string): number;
  /** Whether the stream is among what is counted. */
  has(stream: string): boolean;
}

/** What every tenant may have only so many of, whatever its limits are. */
export interface Bound {
  /** No limit of tenants is called so. */
  readonly name: string;
  readonly most: number;
  /** What one more is refused with. */
  readonly beyond: (has: number) => Rejection;
}

/** What would give a tenant one more. */
export interface OneMore<S, E extends Event> {
  readonly of: Limited | Bound;
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
    private readonly meter: StorageMeter,
    private readonly closed: boolean,
    private readonly clock: Clock,
  ) {}

  refusal(context: CommandContext, stream: string): ReturnType<Tenancy['refusal']> {
    const { tenant, category } = parseStream(stream);
    const judge = (state: TenantState) => {
      const refused =
        this.absence(tenant, state) ?? (state.closed && afterwards(tenant, state.closed, category, context));
      if (refused !== undefined || limitsOf(state).storage_bytes === undefined) return refused;
      const ledger = this.meter.read(tenant);
      return ledger instanceof Promise ? ledger.then(() => undefined) : undefined;
    };
    const state = this.of(tenant);
    return state instanceof Promise ? state.then(judge) : judge(state);
  }

  isOver(tenant: string): boolean | Promise<boolean> {
    const state = this.of(tenant);
    return state instanceof Promise ? state.then(({ closed }) => closed !== undefined) : state.closed !== undefined;
  }

  /** Whether nobody opens personal data of the tenant any more. */
  isErased(tenant: string): boolean | Promise<boolean> {
    const state = this.of(tenant);
    return state instanceof Promise ? state.then(({ erased }) => erased !== undefined) : state.erased !== undefined;
  }

  /**
   * Why whoever calls is told nothing, if so: there is no such tenant, or it was closed, and agents are out. Has the
   * tenant read, so that `limit` and `closure` know it.
   */
  stranger({ tenant, kind }: Principal): Rejection | undefined | Promise<Rejection | undefined> {
    const judge = (state: TenantState) =>
      this.absence(tenant, state) ??
      (kind === 'agent' && state.closed ? tenantClosed(tenant, state.closed) : undefined);
    const state = this.of(tenant);
    return state instanceof Promise ? state.then(judge) : judge(state);
  }

  /** Why nothing new is begun in the tenant, when it was closed and that was read: see `stranger`. */
  closure(tenant: string): Rejection | undefined {
    const closed = this.states.peek(tenant)?.closed;
    return closed && tenantClosed(tenant, closed);
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
    const isBound = typeof of === 'object';
    const limits = isBound ? {} : this.limitsOf(tenant);
    const most = isBound ? of.most : (limits instanceof Promise ? await limits : limits)[of];
    if (most === undefined) return await run(decide);
    const key = `${tenant} ${isBound ? of.name : of}`;
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
          if (isBound) return of.beyond(has);
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

  takes({ action, principal }: Pick<CommandContext, 'action' | 'principal'>, writing: Writing): Rejection | undefined {
    const { stream, bytes, isNew } = writing;
    const { tenant } = parseStream(stream);
    const most = this.limit(tenant, 'storage_bytes');
    if (most === undefined) return undefined;
    const used = this.meter.used(tenant);
    // What the product does by itself ends or settles something.
    const isOurs = principal.kind === 'system' && !OF_POSTERS.has(action);
    if (used + bytes > most && !isOurs && addsToStorage(action, isNew)) {
      this.refused('storage_bytes');
      return beyondLimit(tenant, 'storage_bytes', most, used);
    }
    this.meter.take(tenant, bytes, most);
    return undefined;
  }

  givesBack(stream: string, bytes: number): void {
    const { tenant } = parseStream(stream);
    // What came while there was no limit was not counted.
    if (this.limit(tenant, 'storage_bytes') !== undefined) this.meter.giveBack(tenant, bytes);
  }

  /** How many bytes the tenant has had written since it was limited in that; undefined when it is not. */
  async stored(tenant: string): Promise<number | undefined> {
    if ((await this.limitsOf(tenant)).storage_bytes === undefined) return undefined;
    await this.meter.read(tenant);
    return this.meter.used(tenant);
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

  private absence(tenant: string, state: TenantState): Rejection | undefined {
    return this.closed ? notCreated(tenant, state) : undefined;
  }
}

/** What a command is answered in a tenant that was closed. */
function afterwards(
  tenant: string,
  closed: Ended,
  category: string,
  { principal: { kind }, action, attributes }: CommandContext,
): Rejection | 'ends' | undefined {
  if (kind === 'system' && bringsToAnEnd(action)) return 'ends';
  // People and services read what is there: an agent has no more to do.
  const forAgent = action === 'token.issue' && !/^(?:human|service):/.test(String(attributes?.['subject']));
  return KEPT_UP.has(category) && kind !== 'agent' && !forAgent ? undefined : tenantClosed(tenant, closed);
}
