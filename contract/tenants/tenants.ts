/** `/v1/tenants`: who has data of its own here, and how much of everything it may have. */
import { z } from 'zod';
import { ENDINGS, LIMITED, type Limited, MAX_LIMIT, MAX_TENANT_REASON } from '../../domain/tenants/tenant';
import { AsOf, At, CommandOf, Count, List, Paged, Text } from '../common';
import { contract } from '../route';
import { TENANTS_REFUSALS } from './problems';

const tag = {
  name: 'Tenants',
  description:
    'Who has data of its own here. People of the tenant `platform` create tenants and say how much each may have; others see their own limits alone. What stops a tenant is under Stops.',
  refusals: TENANTS_REFUSALS,
};

const SAYS: Readonly<Record<Limited, string>> = {
  agents: 'Agents that are registered and not gone',
  tasks: 'Tasks that are not over: those that wait, and those that are in somebody’s hands',
  signals_per_minute: 'Signals, in each process; a request that would bring more is refused as a whole',
  requests_per_second: 'Requests, in each process; no more than the host lets any tenant send',
  spend_micro_usd:
    'What its work may cost in a month of the calendar in UTC, in millionths of a US dollar: a budget of the kind `platform`',
  storage_bytes:
    'Bytes of receipts and large payloads that are written from when it is limited on; nothing takes them away again',
  approvals_per_requester:
    'Decisions of people, or of agents first, that one requester may have waiting; ten times as many those together for whom one speaks. 100 where nothing is said',
};

/** One field for each limit. */
const limits = <T extends z.ZodType>(value: (of: Limited) => T) =>
  Object.fromEntries(LIMITED.map((of) => [of, value(of).meta({ description: SAYS[of] })])) as Record<Limited, T>;
const Most = z.int().min(0).max(MAX_LIMIT);

export const Limits = z
  .strictObject(limits(() => Most.optional()))
  .meta({ id: 'TenantLimits', description: 'How much of everything; what is left out has no limit' });
export const LimitChanges = z
  .strictObject(limits(() => Most.nullable().optional()))
  .meta({ id: 'TenantLimitChanges', description: 'What is left out stays as it is; null takes a limit away' });

const Name = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'must be 1 to 63 lower-case letters, digits and hyphens')
  .meta({ description: 'Lower-case letters, digits and hyphens', example: 'contoso' });
const ByName = z.object({ name: Name });
const reason = Text(MAX_TENANT_REASON).meta({ description: 'It stands on the receipt' });

/** Who did something that has no way back, when and why. */
const Said = z.object({
  by: z.string(),
  via: z.string().optional().meta({ description: 'Who spoke for them' }),
  reason: z.string(),
  at: At,
});
const Ended = Said.extend({ with: z.string().meta({ description: 'Who had agreed before' }) }).meta({
  id: 'TenantEnded',
});

export const TenantSummary = z
  .object({
    name: z.string(),
    limits: Limits,
    by: z.string().optional().meta({ description: 'Who set the limits last; absent where nobody has' }),
    reason: z.string().optional(),
    created_at: At.optional().meta({ description: 'Absent for one that is there without being created' }),
    agreed: Said.extend({ ending: z.enum(ENDINGS) })
      .optional()
      .meta({ description: 'The first of two people who close it, or erase it; an hour later that counts no more' }),
    closed: Ended.optional().meta({ description: 'Nothing happens there any more, for good' }),
    erased: Ended.optional().meta({ description: 'Nobody opens personal data of it any more' }),
  })
  .meta({ id: 'TenantSummary' });
export const Tenant = TenantSummary.extend({
  has: z
    .object({
      agents: Count,
      tasks: Count,
      storage_bytes: Count.optional().meta({ description: 'Where it is limited: written since then' }),
    })
    .optional()
    .meta({
      description: 'What it has now of what is limited, as the process that answers has heard; absent with `asOf`',
    }),
}).meta({ id: 'Tenant' });

/** Why what takes two people of the platform may be refused. */
const TAKES_TWO = ['platform-only', 'person-ends', 'second-person-needed', 'tenant-not-found', 'tenant-given'];
const params = { name: 'contoso' };
const as = { tenant: 'platform', as: 'human:ada' };

export const tenants = contract({
  list: {
    name: 'listTenants',
    method: 'GET',
    path: '/v1/tenants',
    tag,
    needs: 'read_only',
    refuses: ['platform-only'],
    summary: 'The tenants that were created or limited',
    query: z.object(Paged),
    answer: List(TenantSummary),
    answers: 'A page, in order of name, eventually consistent',
    example: { ...as },
  },
  get: {
    name: 'getTenant',
    method: 'GET',
    path: '/v1/tenants/{name}',
    tag,
    needs: 'read_only',
    refuses: ['platform-only'],
    summary: 'A tenant, its limits, and what it has of them; now or as it was',
    description: 'People of `platform` see all tenants, others their own.',
    params: ByName,
    query: AsOf,
    answer: Tenant,
    answers: 'The tenant',
    example: { ...as, params },
  },
  create: {
    name: 'createTenant',
    method: 'PUT',
    path: '/v1/tenants/{name}',
    tag,
    needs: 'critical',
    refuses: ['platform-only', 'tenant-exists', 'limit-invalid', 'name-invalid'],
    summary: 'Create a tenant',
    description:
      'Where the host is set to `FORMICARY_TENANT_ACCESS=closed`, nobody acts in a tenant before it is created; `default` and `platform` are there.',
    params: ByName,
    body: z.strictObject({ limits: Limits.default({}), reason }),
    answer: CommandOf({ tenant: TenantSummary }),
    answers: 'It is there: here now, everywhere within a second',
    example: { ...as, params, body: { limits: { agents: 50, tasks: 1_000 }, reason: 'a new customer' } },
  },
  limit: {
    name: 'limitTenant',
    method: 'POST',
    path: '/v1/tenants/{name}/limit',
    tag,
    needs: 'critical',
    refuses: ['platform-only', 'tenant-not-found', 'platform-not-limited', 'limit-invalid', 'name-invalid'],
    summary: 'Say how much a tenant may have',
    description:
      'What is left out stays as it is; null takes a limit away. What is there stays: nothing new comes while there is as much as the limit says, or more.',
    params: ByName,
    body: z.strictObject({ limits: LimitChanges, reason }),
    answer: CommandOf({ tenant: TenantSummary }),
    answers: 'The limits hold: here now, everywhere within a second',
    example: { ...as, params, body: { limits: { agents: 100, tasks: null }, reason: 'as agreed' } },
  },
  close: {
    name: 'closeTenant',
    method: 'POST',
    path: '/v1/tenants/{name}/close',
    tag,
    needs: 'critical',
    refuses: [...TAKES_TWO],
    summary: 'Close a tenant, for good',
    description:
      'Takes two people: the first agrees, the second closes it within the hour. Nothing new is taken there any more, its tokens end, its tasks are cancelled, its agents leave, nothing falls due. People and services can still read it. There is no way back, and the name is not given again: to halt a tenant for a while is a stop.',
    params: ByName,
    body: z.strictObject({ reason }),
    answer: CommandOf({ tenant: TenantSummary }),
    answers: '`closed` says that it is closed: here now, everywhere within a second; else `agreed` says who was first',
    example: { ...as, params, body: { reason: 'the contract has ended' } },
  },
  erase: {
    name: 'eraseTenant',
    method: 'POST',
    path: '/v1/tenants/{name}/erase',
    tag,
    needs: 'critical',
    refuses: [...TAKES_TWO, 'tenant-not-closed'],
    summary: 'Erase all people of a tenant that was closed, for good',
    description:
      'Takes two people: the first agrees, the second erases within the hour. Destroys the key of the tenant, which it takes beside a person’s own: nobody can open what was ever marked as about a person there, here and in every copy of the log. The receipts stay, and their chains hold; what was not marked stays on them.',
    params: ByName,
    body: z.strictObject({ reason }),
    answer: CommandOf({ tenant: TenantSummary }),
    answers: '`erased` says that the key is destroyed, durably; else `agreed` says who was first',
    example: { ...as, params: { name: 'fabrikam' }, body: { reason: 'as the contract demands' } },
  },
});
