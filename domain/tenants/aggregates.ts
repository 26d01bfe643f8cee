/** The aggregates of tenants. */
import { storageDecider } from './storage';
import { tenantDecider } from './tenant';

export const tenantsAggregates = [tenantDecider, storageDecider] as const;
