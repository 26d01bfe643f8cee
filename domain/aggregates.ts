/** Every aggregate that there is, capability by capability. */
import { asksAggregates } from './asks/aggregates';
import { auditAggregates } from './audit/aggregates';
import { budgetsAggregates } from './budgets/aggregates';
import { identityAggregates } from './identity/aggregates';
import { jobsAggregates } from './jobs/aggregates';
import { marketAggregates } from './market/aggregates';
import { noticesAggregates } from './notices/aggregates';
import { oversightAggregates } from './oversight/aggregates';
import { personalAggregates } from './personal/aggregates';
import { policyAggregates } from './policy/aggregates';
import { repositoryAggregates } from './repository/aggregates';
import { signalsAggregates } from './signals/aggregates';
import { stopsAggregates } from './stops/aggregates';
import { tenantsAggregates } from './tenants/aggregates';
import { volumesAggregates } from './volumes/aggregates';

export const AGGREGATES = [
  ...marketAggregates,
  ...jobsAggregates,
  ...oversightAggregates,
  ...signalsAggregates,
  ...repositoryAggregates,
  ...noticesAggregates,
  ...auditAggregates,
  ...identityAggregates,
  ...stopsAggregates,
  ...policyAggregates,
  ...budgetsAggregates,
  ...tenantsAggregates,
  ...personalAggregates,
  ...volumesAggregates,
  ...asksAggregates,
] as const;
