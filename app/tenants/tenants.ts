/** Use cases of tenants: created and limited by people of the platform. */
import type { Shown } from '../../contract/route';
import type { TenantSummary } from '../../contract/tenants/tenants';
import type { Rejection } from '../../domain/kernel/decider';
import { type Time, toTime } from '../../domain/kernel/time';
import { PLATFORM } from '../../domain/stops/stop';
import {
  createTenant,
  type Ending,
  endTenant,
  GIVEN_TENANTS,
  type LimitChanges,
  limitsOf,
  limitTenant,
  notOfPlatform,
  type TenantEvent,
  type TenantLimits,
  type TenantState,
} from '../../domain/tenants/tenant';
import { ALL } from '../../projections/projection';
import type { TenantDoc } from '../../projections/tenants/tenants';
import type { Aggregate, Page } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import type { Clock } from '../engine/ports';
import type { Loaded } from '../engine/streams';

export type TenantOutcome = Outcome<TenantState, TenantEvent>;

/** A tenant as the API shows it. */
export function tenantAnswer(name: string, state: TenantState): Shown<typeof TenantSummary> {
  const { created, limited, agreed, closed, erased } = state;
  const { by, reason } = limited ?? {};
  return { name, limits: limitsOf(state), by, reason, created_at: created?.at, agreed, closed, erased };
}

export class Tenants {
  constructor(
    private readonly tenants: Aggregate<TenantState, TenantEvent, TenantDoc>,
    private readonly clock: Clock,
  ) {}

  /** Creates a tenant. What is refused leaves a receipt. */
  create(context: RequestContext, tenant: string, limits: TenantLimits, reason: string): Promise<TenantOutcome> {
    const decision = createTenant(tenant, limits, context.principal, reason);
    return this.tenants.decide(asked(context, tenant), tenant, 'tenant.create', decision);
  }

  /** Changes limits of a tenant: they hold in all processes within a second. */
  limit(context: RequestContext, tenant: string, changes: LimitChanges, reason: string): Promise<TenantOutcome> {
    const decision = limitTenant(tenant, changes, context.principal, reason);
    return this.tenants.decide(asked(context, tenant), tenant, 'tenant.limit', decision);
  }

  /** Ends a tenant for good: the first of two people agrees, the second does. What is refused leaves a receipt. */
  end(context: RequestContext, ending: Ending, tenant: string, reason: string): Promise<TenantOutcome> {
    const decision = endTenant(ending, tenant, context.principal, reason, toTime(this.clock.now()));
    return this.tenants.decide(asked(context, tenant), tenant, `tenant.${ending}`, decision);
  }

  /**
   * Why somebody of the tenant `from` is told nothing of `name`, or of tenants at all: not even whether there are any.
   * Undefined when they are.
   */
  hidden(from: string, name?: string): Rejection | undefined {
    return from === name ? undefined : notOfPlatform(from);
  }

  /** Whether it is there for whoever asks, though perhaps nobody has created it. */
  isGiven(from: string, name: string): boolean {
    return from === name || GIVEN_TENANTS.has(name);
  }

  /** A tenant as it is now, or was. */
  load(name: string, asOf?: Time): Promise<Loaded<TenantState>> {
    return this.tenants.load(PLATFORM, name, asOf);
  }

  /** Whether nobody opens personal data of the tenant any more, as the store has it now. */
  async isErased(tenant: string): Promise<boolean> {
    return (await this.tenants.current(PLATFORM, tenant)).state.erased !== undefined;
  }

  /** The tenants that were erased, as far as the view has come. */
  async *erased(): AsyncGenerator<string> {
    for await (const rows of this.tenants.pages({ key: ALL }))
      for (const { doc } of rows) if (doc.erased !== undefined) yield doc.name;
  }

  /** A page of the tenants that were created or limited, in order of name, as far as the view has come. */
  list(limit: number, continuation?: string): Promise<Page<TenantDoc>> {
    return this.tenants.list(PLATFORM, { key: ALL }, limit, continuation);
  }
}

function asked(context: RequestContext, tenant: string) {
  return { ...context, receiptOfRefusal: true, attributes: { concerns: tenant } };
}
