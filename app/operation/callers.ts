/**
 * Who calls, as two headers say, which a host for tests on one machine believes (`FORMICARY_DEV_HEADERS`). This is the
 * only file that reads them.
 */
import { isId, isTenant } from '../../domain/kernel/ids';
import { AGENT_LEVEL, type Principal, type PrincipalKind } from '../../domain/kernel/principal';

const TENANT_HEADER = 'x-formicary-tenant';
const PRINCIPAL_HEADER = 'x-formicary-principal';

const DEFAULT_TENANT = 'default';
const DEFAULT_PRINCIPAL = 'developer';

/** `human:ada` is a person, `service:crm` a program that is no agent, anything else an agent of that id. */
const KINDS: Readonly<Record<string, PrincipalKind>> = { human: 'human', service: 'service' };

/** Groups of people that need no configuration; everybody who is believed to be a person belongs to them. */
const PEOPLE = ['approvers', 'administrators'];

/** What is wrong with the headers that say who calls. */
export interface UnknownCaller {
  readonly parameter: 'tenant' | 'principal';
  readonly message: string;
}

/** What the headers say about the caller. The developer who runs the host may do everything, an agent may execute. */
export function callerOf(header: (name: string) => string | null): Principal | UnknownCaller {
  const tenant = header(TENANT_HEADER) ?? DEFAULT_TENANT;
  const id = header(PRINCIPAL_HEADER) ?? DEFAULT_PRINCIPAL;
  if (!isTenant(tenant))
    return {
      parameter: 'tenant',
      message: 'X-Formicary-Tenant must be 1 to 63 lower-case letters, digits and hyphens',
    };
  if (!isId(id))
    return {
      parameter: 'principal',
      message: 'X-Formicary-Principal must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -',
    };
  if (id === DEFAULT_PRINCIPAL) return { tenant, id, kind: 'human', level: 'critical', groups: PEOPLE };
  const kind = KINDS[id.slice(0, Math.max(0, id.indexOf(':')))] ?? 'agent';
  return {
    tenant,
    id,
    kind,
    level: kind === 'agent' ? AGENT_LEVEL : 'critical',
    groups: kind === 'human' ? PEOPLE : undefined,
  };
}
