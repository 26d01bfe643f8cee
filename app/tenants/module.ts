/**
 * Tenants: who has data of its own here, and how much of everything it may have.
 * Owns the tenants; in memory their limits, for all that would give one more.
 * Calls nobody: the engine asks it.
 */
import { PLATFORM } from '../../domain/stops/stop';
import { tenantDecider } from '../../domain/tenants/tenant';
import { tenants as tenantsView } from '../../projections/tenants/tenants';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { KeptStates } from '../engine/tenant-states';
import { type OneMore, TenantBook } from './tenant-book';
import { type TenantOutcome, Tenants } from './tenants';

export type { OneMore, TenantBook, TenantOutcome, Tenants };

export interface TenantsOptions {
  /** Whether a tenant has to be created before anybody acts in it. */
  readonly closed?: boolean;
}

export function tenantsModule(engine: Engine, { closed = false }: TenantsOptions = {}) {
  const { transactor, standstill, clock } = engine;
  const tenantsOf = engine.aggregate(tenantDecider, { view: tenantsView, followed: true });
  const naming = { placeOf: (id: string) => ({ tenant: PLATFORM, id }), nameOf: ({ id }: { id: string }) => id };
  const tenantBook = new TenantBook(new KeptStates(tenantsOf, naming, transactor), closed, clock);
  standstill.within(tenantBook);
  return { services: { tenants: new Tenants(tenantsOf, clock), tenantBook } } satisfies Module;
}
