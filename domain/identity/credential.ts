/** The tokens that a principal was given: a receipt of each, with who gave it. A token itself is kept nowhere. */
import { sha256 } from '../kernel/commit';
import type { Decider, Decision, Event } from '../kernel/decider';
import type { Level, PrincipalKind } from '../kernel/principal';
import type { Time } from '../kernel/time';
import type { Role } from './role';

/** What a token was given for: the owner's key, the word of somebody entitled, or a token of another issuer. */
export const GRANTS = ['owner', 'issued', 'exchanged'] as const;
export type Grant = (typeof GRANTS)[number];

/** What a token was given for, and what it says. */
export interface TokenGiven {
  /** Of the token; those that it is renewed to have it too. */
  readonly session: string;
  readonly principal: string;
  readonly kind: PrincipalKind;
  readonly level: Level;
  /** Of a person. */
  readonly roles: readonly Role[];
  /** Of a person: those that its issuer names, besides those of its roles. */
  readonly groups?: readonly string[];
  /** Of an agent: its type in the repository. */
  readonly agentType?: string;
  readonly grant: Grant;
  readonly by: string;
  /** The thumbprint of the key to which it is bound. */
  readonly jkt?: string;
  /** Who acts in the principal's name, where that is somebody else. */
  readonly actor?: string;
  /** Until when it may be renewed. */
  readonly until: Time;
  /** Those that it carries, which tell whether it was revoked since. Left out before they stood here: the first. */
  readonly epochs?: Epochs;
}

/** How often all tokens of a tenant, of a principal and of whoever acts in its name had been revoked. */
export type Epochs = readonly [tenant: number, principal: number, actor?: number];

export type CredentialEvent = Event<'TokenIssued', TokenGiven>;

export interface CredentialState {
  readonly issued: number;
}

export const credentialDecider: Decider<CredentialState, CredentialEvent> = {
  category: 'credential',
  version: 1,
  initial: { issued: 0 },
  evolve: ({ issued }) => ({ issued: issued + 1 }),
};

/** One stream a principal: its id would say less than it may hold. */
export function credentialId(principal: string): string {
  return sha256(principal).slice(0, 32);
}

/** Gives a token. Who may, is decided before. */
export function issue(given: TokenGiven): Decision<CredentialState, CredentialEvent> {
  return () => [{ type: 'TokenIssued', v: 1, data: given }];
}
