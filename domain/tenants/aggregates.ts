/** The aggregates of tenants. */
import { tenantDecider } from './tenant';

export const tenantsAggregates = [tenantDecider] as const;
