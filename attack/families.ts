/** Every family of attempts, in the order in which they are carried out. */
import { approvals } from './areas/approvals';
import { bound } from './areas/bound';
import { budgets } from './areas/budgets';
import { identity } from './areas/identity';
import { input } from './areas/input';
import { levels } from './areas/levels';
import { logs } from './areas/logs';
import { policies } from './areas/policies';
import { receipts } from './areas/receipts';
import { rego } from './areas/rego';
import { stops } from './areas/stops';
import { tenants } from './areas/tenants';
import { tokens } from './areas/tokens';
import { votes } from './areas/votes';
import { webhooks } from './areas/webhooks';
import { work } from './areas/work';
import type { Family } from './attempt';

export const FAMILIES: readonly Family[] = [
  ...[...tokens, ...bound, ...identity, ...tenants, ...levels, ...work],
  ...[...approvals, ...votes, ...policies, ...rego, ...budgets],
  ...[...receipts, ...input, ...webhooks, ...logs, ...stops],
];
