/** Tenants for lists: a row per tenant, all of them the platform's. */
import type { Shown } from '../../contract/route';
import type { TenantSummary } from '../../contract/tenants/tenants';
import { limitsOf, tenantDecider, type TenantState } from '../../domain/tenants/tenant';
import { ALL, type Projection } from '../projection';

export type TenantDoc = Shown<typeof TenantSummary>;

export const tenants: Projection<TenantState, TenantDoc> = {
  name: 'tenants',
  version: 1,
  category: tenantDecider.category,
  fields: [],
  row({ tenant, id: name, stream, version }, state) {
    const { created, limited } = state;
    const doc = { name, limits: limitsOf(state), by: limited?.by, reason: limited?.reason, created_at: created?.at };
    return { tenant, key: ALL, source: stream, index: version, doc };
  },
};
