/** Port: other issuers of tokens, which the colony trusts to say who people and programs are. */
import type { Role } from '../../domain/identity/role';
import type { PrincipalKind } from '../../domain/kernel/principal';

/** What another issuer says of somebody, in our words. */
export interface Vouched {
  readonly tenant: string;
  /** The principal: nobody of another issuer has the same. */
  readonly subject: string;
  readonly kind: Exclude<PrincipalKind, 'system'>;
  readonly roles: readonly Role[];
  readonly groups: readonly string[];
  /** The thumbprint of the key to which the token is bound, if it is (`cnf.jkt`, RFC 9449). */
  readonly jkt?: string;
  /** Names the token, for as long as it holds. */
  readonly session: string;
  /** Seconds since the epoch. */
  readonly issued: number;
  readonly expires: number;
}

export interface Issuers {
  /** Whether one of them claims, so far unproven, to have signed the token. */
  know(token: string): boolean;
  /**
   * What the token says. Throws `InvalidToken` when it is none that holds; `NotEntitled` when it holds and lets nobody
   * in; `IssuerUnavailable` when the issuer's keys can't be had.
   */
  verify(token: string): Promise<Vouched>;
}

/** The text is no token that holds now; the message says why, in words that follow "the token". */
export class InvalidToken extends Error {}

/** The caller is who it says, and may do nothing here; the message says why. */
export class NotEntitled extends Error {}

/** Whether the token holds can't be said at the moment. */
export class IssuerUnavailable extends Error {}
