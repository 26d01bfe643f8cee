/**
 * What people are, and what that lets them do: a role gives a level and, where rules ask for one, a group. The roles of
 * a person come from whoever vouches for it; a role that is not known here gives nothing.
 */
import { includesLevel, type Level } from '../kernel/principal';

export const ROLES = [
  'viewer',
  'auditor',
  'policy_author',
  'approver',
  'operator',
  'tenant_admin',
  'platform_admin',
] as const;
export type Role = (typeof ROLES)[number];

/** What a role gives. */
export interface Rights {
  readonly level: Level;
  readonly groups: readonly string[];
}

/** Groups that rules know by name: who answers approvals, and who may overrule an answer. */
export const APPROVERS = 'approvers';
export const ADMINISTRATORS = 'administrators';

const RIGHTS: Readonly<Record<Role, Rights>> = {
  viewer: { level: 'read_only', groups: [] },
  auditor: { level: 'read_only', groups: ['auditors'] },
  policy_author: { level: 'read_write', groups: ['policy-authors'] },
  approver: { level: 'read_write', groups: [APPROVERS] },
  operator: { level: 'execute', groups: [] },
  tenant_admin: { level: 'critical', groups: [APPROVERS, ADMINISTRATORS] },
  platform_admin: { level: 'critical', groups: [APPROVERS, ADMINISTRATORS] },
};

export function isRole(value: string): value is Role {
  return (ROLES as readonly string[]).includes(value);
}

/** What all of somebody's roles give together: the highest level, and every group; nothing without a role. */
export function rightsOf(roles: readonly Role[]): Rights | undefined {
  const [first, ...others] = roles.map((role) => RIGHTS[role]);
  if (first === undefined) return undefined;
  return others.reduce(
    (all, { level, groups }) => ({
      level: includesLevel(level, all.level) ? level : all.level,
      groups: [...new Set([...all.groups, ...groups])],
    }),
    first,
  );
}
