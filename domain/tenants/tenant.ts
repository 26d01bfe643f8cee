/**
 * A tenant: that it was created, by whom, how much it may have of everything, and that it was closed for good, and then
 * erased. One stream a tenant, among those of the platform, whose people alone do that; it is called as the tenant is.
 */
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { isTenant, streamName } from '../kernel/ids';
import { isSamePerson, oneKeyFor, type Principal } from '../kernel/principal';
import { isText, textRule } from '../kernel/text';
import { plusSeconds, type Time } from '../kernel/time';
import { AGREED_SECONDS, PLATFORM } from '../stops/stop';

/** Tenants that are there without being created: whoever runs a colony alone needs no other, and somebody creates. */
export const GIVEN_TENANTS: ReadonlySet<string> = new Set(['default', PLATFORM]);

export const LIMITED = [
  'agents',
  'tasks',
  'signals_per_minute',
  'requests_per_second',
  'spend_micro_usd',
  'storage_bytes',
  'approvals_per_requester',
] as const;
export type Limited = (typeof LIMITED)[number];

/** Decisions that one requester may have waiting where nothing is said of the tenant: what is decided in one go. */
export const APPROVALS_PER_REQUESTER = 100;

/** How much of everything; what is left out has no limit of the tenant's own. */
export type TenantLimits = Readonly<Partial<Record<Limited, number>>>;
/** What is to be otherwise: what is left out stays, null takes a limit away. */
export type LimitChanges = Readonly<Partial<Record<Limited, number | null>>>;

/** The largest limit of anything. */
export const MAX_LIMIT = 1_000_000_000_000_000;
/** Longest reason, in characters. */
export const MAX_TENANT_REASON = 2_000;

// --------------------------------------------------------------------------------------------------------- events

/** `limits`: all that hold from then on. */
interface LimitsSaid {
  readonly tenant: string;
  readonly limits: TenantLimits;
  readonly by: string;
  readonly reason: string;
}

/** What has no way back, and takes two people. */
export const ENDINGS = ['close', 'erase'] as const;
export type Ending = (typeof ENDINGS)[number];

interface EndingSaid {
  readonly tenant: string;
  readonly by: string;
  readonly via?: string;
  readonly reason: string;
}

export type TenantEvent =
  | Event<'TenantCreated', LimitsSaid>
  | Event<'TenantLimited', LimitsSaid>
  /** The first of two who have to. */
  | Event<'TenantEndingAgreed', EndingSaid & { ending: Ending }>
  /** For good. `with`: who had agreed before. */
  | Event<'TenantClosed', EndingSaid & { with: string }>
  | Event<'TenantErased', EndingSaid & { with: string }>;

// ---------------------------------------------------------------------------------------------------------- state

/** Who said something, when and why. */
interface Said {
  readonly limits: TenantLimits;
  readonly by: string;
  readonly reason: string;
  readonly at: Time;
}

/** Who ended something for good, with whom, when and why. */
export interface Ended {
  readonly by: string;
  readonly via?: string;
  readonly with: string;
  readonly reason: string;
  readonly at: Time;
}

/** Who has agreed to what takes two. */
export interface Agreed extends Omit<Ended, 'with'> {
  readonly ending: Ending;
}

export interface TenantState {
  /** What it was created with; undefined: it was not created. */
  readonly created: Said | undefined;
  /** What was said last of its limits; undefined: nothing was. */
  readonly limited: Said | undefined;
  readonly agreed?: Agreed;
  readonly closed?: Ended;
  readonly erased?: Ended;
}

export const tenantDecider: Decider<TenantState, TenantEvent> = {
  category: 'tenant',
  version: 1,
  initial: { created: undefined, limited: undefined },
  evolve({ agreed, ...state }, { type, data }, { at }) {
    switch (type) {
      case 'TenantCreated':
      case 'TenantLimited': {
        const { limits, by, reason } = data;
        const said = { limits, by, reason, at };
        return { ...state, agreed, created: type === 'TenantCreated' ? said : state.created, limited: said };
      }
      case 'TenantEndingAgreed': {
        const { ending, by, via, reason } = data;
        return { ...state, agreed: { ending, by, via, reason, at } };
      }
      case 'TenantClosed':
        return { ...state, closed: endedBy(data, at) };
      case 'TenantErased':
        return { ...state, erased: endedBy(data, at) };
    }
  },
};

function endedBy({ by, via, with: other, reason }: EndingSaid & { with: string }, at: Time): Ended {
  return { by, via, with: other, reason, at };
}

export function tenantStream(tenant: string): string {
  return streamName(PLATFORM, tenantDecider.category, tenant);
}

/** The limits that hold. */
export function limitsOf({ limited }: TenantState): TenantLimits {
  return limited?.limits ?? {};
}

// ------------------------------------------------------------------------------------------------------ decisions

/** Who creates or limits. */
export type TenantActor = Pick<Principal, 'tenant' | 'id'>;

/** Creates a tenant. The same again changes nothing. */
export function createTenant(
  tenant: string,
  limits: TenantLimits,
  who: TenantActor,
  reason: string,
): Decision<TenantState, TenantEvent> {
  return ({ created, closed }) => {
    const wrong = problem(tenant, limits, who, reason) ?? (closed && tenantClosed(tenant, closed));
    if (wrong !== undefined) return wrong;
    const { id: by } = who;
    if (created === undefined) return [{ type: 'TenantCreated', v: 1, data: { tenant, limits, by, reason } }];
    return isSaid(created, { limits, by, reason })
      ? []
      : refuse('tenant-exists', `the tenant ${tenant} was created before: change its limits instead`);
  };
}

/**
 * Sets limits of a tenant, or takes them away. What is there already stays: nothing new comes while there is as much as
 * the limit says, or more.
 */
export function limitTenant(
  tenant: string,
  changes: LimitChanges,
  who: TenantActor,
  reason: string,
): Decision<TenantState, TenantEvent> {
  return (state) => {
    const wrong = problem(tenant, changes, who, reason) ?? (state.closed && tenantClosed(tenant, state.closed));
    if (wrong !== undefined) return wrong;
    if (tenant === PLATFORM)
      return refuse('platform-not-limited', `${PLATFORM} has no limits: nobody would be left to raise them`);
    if (state.created === undefined && !GIVEN_TENANTS.has(tenant)) return notFound(tenant);
    const limits = changed(limitsOf(state), changes);
    const { id: by } = who;
    if (state.limited !== undefined && isSaid(state.limited, { limits, by, reason })) return [];
    return [{ type: 'TenantLimited', v: 1, data: { tenant, limits, by, reason } }];
  };
}

/**
 * Ends a tenant for good, which takes two people: the first only agrees, the second ends it within the hour. `close`:
 * nothing happens there any more. `erase`, of one that was closed: nobody opens personal data of it any more. Neither
 * is taken back, and the name is not given again; what is ended already stays as it was ended.
 */
export function endTenant(
  ending: Ending,
  tenant: string,
  who: TenantActor & Pick<Principal, 'kind' | 'via'>,
  reason: string,
  now: Time,
): Decision<TenantState, TenantEvent> {
  return ({ created, agreed, closed, erased }) => {
    const wrong = problem(tenant, {}, who, reason) ?? endingProblem(ending, tenant, who, { created, closed });
    if (wrong !== undefined) return wrong;
    if ((ending === 'close' ? closed : erased) !== undefined) return [];
    const { id: by, via } = who;
    const data = { tenant, by, via, reason };
    const stands = agreed?.ending === ending && now < plusSeconds(agreed.at, AGREED_SECONDS) ? agreed : undefined;
    if (stands === undefined) return [{ type: 'TenantEndingAgreed', v: 1, data: { ...data, ending } }];
    if (isSamePerson(who, { id: stands.by, via: stands.via }))
      return refuse(
        'second-person-needed',
        `${stands.by} has agreed already${oneKeyFor(who, { id: stands.by })}: it takes a second person`,
        {
          agreed: stands.by,
        },
      );
    const type = ending === 'close' ? 'TenantClosed' : 'TenantErased';
    return [{ type, v: 1, data: { ...data, with: stands.by } }];
  };
}

function endingProblem(
  ending: Ending,
  tenant: string,
  { kind }: Pick<Principal, 'kind'>,
  { created, closed }: Pick<TenantState, 'created' | 'closed'>,
): Rejection | undefined {
  if (kind !== 'human')
    return new Rejection('forbidden', 'person-ends', `people alone ${ending} a tenant, for good: sign in as one`);
  if (GIVEN_TENANTS.has(tenant))
    return refuse('tenant-given', `${tenant} is always there: stop it instead, and lift that when it is well`);
  if (created === undefined) return notFound(tenant);
  return ending === 'close' || closed !== undefined
    ? undefined
    : refuse('tenant-not-closed', `the tenant ${tenant} was not closed: close it first`);
}

function notFound(tenant: string): Rejection {
  return new Rejection('missing', 'tenant-not-found', `there is no tenant ${tenant}: create it first`);
}

/** The code of what is refused in a tenant that was closed. */
export const TENANT_CLOSED = 'tenant-closed';

/** What is refused in a tenant that was closed for good. */
export function tenantClosed(tenant: string, { at }: Ended): Rejection {
  return new Rejection(
    'forbidden',
    TENANT_CLOSED,
    `the tenant ${tenant} was closed for good at ${at}: nothing was done, and nothing will be; its receipts can be read`,
    { tenant, closed_at: at },
  );
}

/** Why somebody of this tenant may not do what concerns others, or hear of them; undefined when they may. */
export function notOfPlatform(tenant: string): Rejection | undefined {
  return tenant === PLATFORM
    ? undefined
    : new Rejection(
        'forbidden',
        'platform-only',
        `that concerns others than ${tenant}: people of the tenant ${PLATFORM} alone create and limit tenants, and see them`,
      );
}

/** The code of what is refused in a tenant that there is not. */
export const TENANT_UNKNOWN = 'tenant-unknown';

/** What is refused where nobody acts in a tenant before it was created; undefined when it was. */
export function notCreated(tenant: string, { created }: TenantState): Rejection | undefined {
  return created !== undefined || GIVEN_TENANTS.has(tenant)
    ? undefined
    : new Rejection(
        'forbidden',
        TENANT_UNKNOWN,
        `there is no tenant ${tenant} here, and nothing was stored: people of the tenant ${PLATFORM} have to create it first`,
        { tenant },
      );
}

/** The code of what is refused because the tenant has as much as it may. */
export const TENANT_LIMIT = 'tenant-limit';

/** What is refused to a tenant that has as much as it may. */
export function beyondLimit(tenant: string, of: Limited, most: number, has: number): Rejection {
  return refuse(
    TENANT_LIMIT,
    `the tenant ${tenant} may have ${most} ${NAMES[of]} and has ${has}: ${of === 'storage_bytes' ? '' : 'wait until it has fewer, or '}ask people of the tenant ${PLATFORM} for more`,
    { limit: of, most, has },
  );
}

/** What is refused to a tenant that would get beyond a limit of what may come in a time; `seconds`: until it may. */
export function beyondPace(tenant: string, of: Limited, most: number, seconds: number): Rejection {
  const retry = Number.isFinite(seconds) ? { retryAfterSeconds: Math.ceil(seconds) } : {};
  const then = Number.isFinite(seconds) ? `again in ${Math.ceil(seconds)} s` : 'fewer at once';
  return refuse(
    TENANT_LIMIT,
    `the tenant ${tenant} may have ${most} ${NAMES[of]}: send ${then}, or ask people of the tenant ${PLATFORM} for more`,
    { limit: of, most, ...retry },
  );
}

/** What a limit counts, in words. */
export const NAMES: Readonly<Record<Limited, string>> = {
  agents: 'agents',
  tasks: 'tasks that are not over',
  signals_per_minute: 'signals a minute',
  requests_per_second: 'requests a second',
  spend_micro_usd: 'micro-USD to spend in a month',
  storage_bytes: 'bytes stored',
  approvals_per_requester: 'decisions of people that wait, of one requester',
};

/** The least that a limit can be: who may send nothing at all is stopped. */
const LEAST: Readonly<Record<Limited, number>> = {
  agents: 0,
  tasks: 0,
  signals_per_minute: 0,
  requests_per_second: 1,
  spend_micro_usd: 0,
  storage_bytes: 0,
  approvals_per_requester: 1,
};

function changed(limits: TenantLimits, changes: LimitChanges): TenantLimits {
  const all = LIMITED.map((of) => [of, changes[of] === undefined ? limits[of] : changes[of]] as const);
  return Object.fromEntries(all.filter(([, limit]) => limit !== undefined && limit !== null));
}

function isSaid(before: Said, { limits, by, reason }: Omit<Said, 'at'>): boolean {
  return before.by === by && before.reason === reason && LIMITED.every((of) => before.limits[of] === limits[of]);
}

function problem(
  tenant: string,
  limits: LimitChanges,
  { tenant: of }: TenantActor,
  reason: string,
): Rejection | undefined {
  const stranger = notOfPlatform(of);
  if (stranger !== undefined) return stranger;
  if (!isTenant(tenant))
    return new Rejection('invalid', 'name-invalid', 'a tenant has 1 to 63 lower-case letters, digits and hyphens');
  if (!isText(reason, MAX_TENANT_REASON))
    return new Rejection('invalid', 'reason-invalid', textRule('reason', MAX_TENANT_REASON));
  const wrong = LIMITED.find((of) => !isLimit(of, limits[of] ?? undefined));
  return wrong === undefined
    ? undefined
    : new Rejection('invalid', 'limit-invalid', `${wrong} must be a whole number from ${LEAST[wrong]} to ${MAX_LIMIT}`);
}

function isLimit(of: Limited, value: number | undefined): boolean {
  return value === undefined || (Number.isSafeInteger(value) && value >= LEAST[of] && value <= MAX_LIMIT);
}
