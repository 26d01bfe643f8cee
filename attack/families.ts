/** Every family of attempts, in the order in which they are carried out. */
import { a2a } from './areas/a2a';
import { anchors } from './areas/anchors';
import { approvals } from './areas/approvals';
import { bound } from './areas/bound';
import { budgets } from './areas/budgets';
import { closed } from './areas/closed';
import { floods } from './areas/floods';
import { identity } from './areas/identity';
import { input } from './areas/input';
import { jobs } from './areas/jobs';
import { levels } from './areas/levels';
import { limits } from './areas/limits';
import { logs } from './areas/logs';
import { mcp } from './areas/mcp';
import { personal } from './areas/personal';
import { policies } from './areas/policies';
import { receipts } from './areas/receipts';
import { rego } from './areas/rego';
import { reports } from './areas/reports';
import { services } from './areas/services';
import { stops } from './areas/stops';
import { streams } from './areas/streams';
import { tenants } from './areas/tenants';
import { tokens } from './areas/tokens';
import { tools } from './areas/tools';
import { votes } from './areas/votes';
import { webhooks } from './areas/webhooks';
import { work } from './areas/work';
import type { Family } from './attempt';

export const FAMILIES: readonly Family[] = [
  ...[...tokens, ...bound, ...identity, ...tenants, ...closed, ...levels, ...work],
  ...[...approvals, ...services, ...votes, ...policies, ...rego, ...budgets],
  ...[...personal, ...limits, ...receipts, ...anchors, ...input, ...webhooks, ...tools],
  ...[...jobs, ...mcp, ...a2a, ...logs, ...stops],
  // From an address where much has failed whoever comes anew waits: last of all.
  ...[...reports, ...streams, ...floods],
];
