/** Tenants for lists: a row per tenant, all of them the platform's. */
import type { Shown } from '../../contract/route';
import type { TenantSummary } from '../../contract/tenants/tenants';
import { limitsOf, tenantDecider, type TenantState } from '../../domain/tenants/tenant';
import { ALL, type Projection } from '../projection';

export type TenantDoc = Shown<typeof TenantSummary>;

export const tenants: Projection<TenantState, TenantDoc> = {
  name: 'tenants',
  version: 2,
  category: tenantDecider.category,
  fields: [],
  row({ tenant, id: name, stream, version }, state) {
    const { created, limited, agreed, closed, erased } = state;
    const { by, reason } = limited ?? {};
    const doc = { name, limits: limitsOf(state), by, reason, created_at: created?.at, agreed, closed, erased };
    return { tenant, key: ALL, source: stream, index: version, doc };
  },
};
