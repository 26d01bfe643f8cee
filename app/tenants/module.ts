/**
 * Tenants: who has data of its own here, and how much of everything it may have.
 * Owns the tenants, and a ledger of what each has stored; in memory their limits, for all that would give one more.
 * Calls nobody: the engine asks it.
 */
import { PLATFORM } from '../../domain/stops/stop';
import { storageDecider } from '../../domain/tenants/storage';
import { tenantDecider } from '../../domain/tenants/tenant';
import { tenants as tenantsView } from '../../projections/tenants/tenants';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { KeptStates } from '../engine/tenant-states';
import { StorageMeter } from './storage-meter';
import { type Bound, type OneMore, TenantBook } from './tenant-book';
import { type TenantOutcome, Tenants } from './tenants';

export type { Bound, OneMore, TenantBook, TenantOutcome, Tenants };

export interface TenantsOptions {
  /** Whether a tenant has to be created before anybody acts in it. */
  readonly closed?: boolean;
}

export function tenantsModule(engine: Engine, { closed = false }: TenantsOptions = {}) {
  const { transactor, standstill, clock, report } = engine;
  const tenantsOf = engine.aggregate(tenantDecider, { view: tenantsView, followed: true });
  const naming = { placeOf: (id: string) => ({ tenant: PLATFORM, id }), nameOf: ({ id }: { id: string }) => id };
  const ledgers = engine.aggregate(storageDecider, { followed: true });
  const meter = new StorageMeter(ledgers, new KeptStates(ledgers, naming, transactor), report, transactor);
  const tenantBook = new TenantBook(new KeptStates(tenantsOf, naming, transactor), meter, closed, clock);
  standstill.within(tenantBook);
  return {
    services: { tenants: new Tenants(tenantsOf, clock), tenantBook },
    finish: () => meter.finish(),
  } satisfies Module;
}
