/**
 * Which tokens hold in a tenant. Some have to be bound to a key for what takes more than reading and writing; some hold
 * no more: single ones, all of a principal's, all of a tenant's. One stream a tenant. A token is
 * taken back in its tenant's name alone; it would end by itself, so what is remembered of single ones is bounded.
 */
import { type Decider, type Decision, type Event, Rejection } from '../kernel/decider';
import { isId, streamName } from '../kernel/ids';
import { own } from '../kernel/own';
import { includesLevel, type Level, type Principal } from '../kernel/principal';
import { textRule } from '../kernel/text';
import { plusSeconds, type Time } from '../kernel/time';

/** How long a token may be renewed after it was issued, in seconds: then somebody has to issue another. */
export const SESSION_SECONDS = 86_400;
/** Seconds by which the clocks of who signs a token and of who verifies it may differ. */
export const TOLERANCE_SECONDS = 5;
/** The oldest token of another issuer that is believed, in seconds: Entra's longest live a day and four hours. */
export const MAX_TOKEN_AGE_SECONDS = 108_000;
/** As long as a token may hold, ours or another issuer's: for so long it is remembered that it was taken back. */
const LONGEST_SECONDS = Math.max(SESSION_SECONDS, MAX_TOKEN_AGE_SECONDS) + 2 * TOLERANCE_SECONDS;
/** Single tokens, and principals, that may be revoked at once in a tenant. */
export const MAX_REVOKED = 10_000;
/** Longest reason, in characters. */
export const MAX_REVOCATION_REASON = 2_000;
const MAX_TOKEN_ID = 64;
const TOKEN_ID = /^[A-Za-z0-9_-]+$/;

/** Levels for which a tenant can demand that tokens are bound to a key. */
export const BINDING_LEVELS = ['execute', 'critical'] as const;
export type BindingLevel = (typeof BINDING_LEVELS)[number];

// --------------------------------------------------------------------------------------------------------- events

type By = { readonly by: string; readonly reason: string };

export type AccessEvent =
  | Event<'TokenRevoked', { token: string; until: Time } & By>
  | Event<'PrincipalRevoked', { principal: string } & By>
  | Event<'TenantRevoked', By>
  | Event<'BindingRequired', { from: BindingLevel } & By>
  | Event<'BindingWaived', By>;

// ---------------------------------------------------------------------------------------------------------- state

/** A principal whose tokens were revoked, and when that was last. */
export interface PrincipalAccess {
  readonly epoch: number;
  readonly since: Time;
}

/**
 * Tokens carry the epochs of their tenant and of their principal as these were when they were issued: revoking begins
 * another.
 */
export interface AccessState {
  readonly epoch: number;
  /** When this epoch began; undefined: nothing of the whole tenant was ever revoked. */
  readonly since?: Time;
  readonly principals: Readonly<Record<string, PrincipalAccess>>;
  /** By the id of a token, until when it could be renewed. */
  readonly tokens: Readonly<Record<string, Time>>;
  /** From which level on a token has to be bound to a key (DPoP); undefined: it need not be. */
  readonly binding?: BindingLevel;
}

export const accessDecider: Decider<AccessState, AccessEvent> = {
  category: 'access',
  version: 2,
  initial: { epoch: 0, principals: {}, tokens: {} },
  evolve(state, { type, data }, { at }) {
    switch (type) {
      case 'TokenRevoked':
        return { ...state, tokens: withRoom({ ...state.tokens, [data.token]: data.until }) };
      case 'PrincipalRevoked': {
        const epoch = epochOf(state, data.principal) + 1;
        return { ...state, principals: { ...state.principals, [data.principal]: { epoch, since: at } } };
      }
      case 'TenantRevoked':
        return { ...state, epoch: state.epoch + 1, since: at, principals: {}, tokens: {} };
      case 'BindingRequired':
        return { ...state, binding: data.from };
      case 'BindingWaived':
        return { ...state, binding: undefined };
    }
  },
};

/**
 * As many as may be, those without which can be renewed the longest. Never by the time of a commit: by a clock that ran
 * ahead it would forget what holds again once that is set right.
 */
function withRoom(tokens: AccessState['tokens']): AccessState['tokens'] {
  const all = Object.entries(tokens);
  if (all.length <= MAX_REVOKED) return tokens;
  return Object.fromEntries(all.sort(([, a], [, b]) => b.localeCompare(a)).slice(0, MAX_REVOKED));
}

/** The one stream of a tenant. */
export const ACCESS_ID = 'all';

export function accessStream(tenant: string): string {
  return streamName(tenant, accessDecider.category, ACCESS_ID);
}

/** What a token says of when it was issued. */
export interface Issued {
  /** Of the token that was issued; those that it was renewed to have it too. */
  readonly session: string;
  readonly principal: string;
  readonly tenantEpoch: number;
  readonly principalEpoch: number;
  /** Who acts in the principal's name by it, and the epoch of theirs. */
  readonly actor?: { readonly principal: string; readonly epoch: number };
}

export function epochOf({ principals }: AccessState, principal: string): number {
  return own(principals, principal)?.epoch ?? 0;
}

/** Whether a token was taken back since it was issued. */
export function isRevoked(
  state: AccessState,
  { session, principal, tenantEpoch, principalEpoch, actor }: Issued,
): boolean {
  return (
    (actor !== undefined && actor.epoch !== epochOf(state, actor.principal)) ||
    tenantEpoch !== state.epoch ||
    principalEpoch !== epochOf(state, principal) ||
    own(state.tokens, session) !== undefined
  );
}

/**
 * Whether what another issuer has signed at that time was taken back since. Its tokens know no epochs: all that were
 * issued up to the revocation are meant, by a clock that may be ahead of this one by as much as is tolerated.
 */
export function isRevokedSince(state: AccessState, session: string, principal: string, issued: Time): boolean {
  const meant = [state.since, own(state.principals, principal)?.since];
  return (
    own(state.tokens, session) !== undefined ||
    meant.some((since) => since !== undefined && issued <= plusSeconds(since, TOLERANCE_SECONDS))
  );
}

/** What a token of that level lets its holder do where it is not bound to a key. */
export function unboundLevel({ binding }: AccessState, level: Level): Level {
  if (binding === undefined || !includesLevel(level, binding)) return level;
  return binding === 'execute' ? 'read_write' : 'execute';
}

// ------------------------------------------------------------------------------------------------------ decisions

/** What is taken back: one token by its session, all of a principal's, or all of the tenant's. */
export type Revoked =
  | { readonly kind: 'token'; readonly id: string }
  | { readonly kind: 'principal'; readonly id: string }
  | { readonly kind: 'tenant' };

/** Takes tokens back, from now on and for good. A token that was taken back before changes nothing. */
export function revoke(revoked: Revoked, by: string, reason: string, now: Time): Decision<AccessState, AccessEvent> {
  return (state) => {
    if (!isReason(reason)) return NO_REASON;
    switch (revoked.kind) {
      case 'token': {
        const { id: token } = revoked;
        if (!TOKEN_ID.test(token) || token.length > MAX_TOKEN_ID)
          return new Rejection(
            'invalid',
            'token-id-invalid',
            'token must be the session of a token, as `GET /v1/me` says it',
          );
        if (own(state.tokens, token) !== undefined) return [];
        const alive = Object.values(state.tokens).filter((until) => until > now).length;
        if (alive >= MAX_REVOKED) return full('tokens');
        return [{ type: 'TokenRevoked', v: 1, data: { token, until: plusSeconds(now, LONGEST_SECONDS), by, reason } }];
      }
      case 'principal': {
        const { id: principal } = revoked;
        if (!isId(principal))
          return new Rejection('invalid', 'name-invalid', 'name must be an id: 1 to 128 of A-Z a-z 0-9 . _ ~ : -');
        const isNew = own(state.principals, principal) === undefined;
        if (isNew && Object.keys(state.principals).length >= MAX_REVOKED) return full('principals');
        return [{ type: 'PrincipalRevoked', v: 1, data: { principal, by, reason } }];
      }
      case 'tenant':
        return [{ type: 'TenantRevoked', v: 1, data: { by, reason } }];
    }
  };
}

function full(what: string): Rejection {
  return new Rejection(
    'conflict',
    'revocations-full',
    `${MAX_REVOKED} ${what} of the tenant are revoked already: revoke all tokens of the tenant, which begins anew`,
  );
}

/**
 * Demands from now on that tokens are bound to a key for what takes the level `from` or a higher one; undefined: no
 * more. Whoever has shown a token that is not bound can't: it could not undo it. Nothing where it is so already.
 */
export function requireBinding(
  from: BindingLevel | undefined,
  { id: by, token }: Pick<Principal, 'id' | 'token'>,
  reason: string,
): Decision<AccessState, AccessEvent> {
  return ({ binding }) => {
    if (!isReason(reason)) return NO_REASON;
    if (from === binding) return [];
    if (from === undefined) return [{ type: 'BindingWaived', v: 1, data: { by, reason } }];
    if (token !== undefined && token.jkt === undefined) return NOT_BOUND;
    return [{ type: 'BindingRequired', v: 1, data: { from, by, reason } }];
  };
}

const NO_REASON = new Rejection('invalid', 'reason-invalid', textRule('reason', MAX_REVOCATION_REASON));
const NOT_BOUND = new Rejection(
  'conflict',
  'token-not-bound',
  'show a token yourself that is bound to a key: by the one that you have shown you could not undo this',
);

function isReason(reason: string): boolean {
  return reason.trim() !== '' && reason.length <= MAX_REVOCATION_REASON;
}
