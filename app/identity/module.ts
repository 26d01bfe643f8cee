/**
 * Identity: who calls, and what that lets them do. Tokens are issued, renewed, verified and revoked.
 * Owns the receipts of tokens that were given, and what was taken back; in memory the tokens seen lately.
 * Calls nobody.
 */
import { accessDecider } from '../../domain/identity/access';
import { credentialDecider } from '../../domain/identity/credential';
import type { Engine } from '../engine/engine';
import type { Module } from '../engine/module';
import { Identity, type IdentityOptions } from './identity';

export { InvalidToken, IssuerUnavailable, NotEntitled } from '../engine/ports-issuers';
export { KEYS_PATH, OWNER_CLIENT } from './access-tokens';
export { InvalidProof, PROOF_ALGORITHMS, type ShownProof } from './proofs';
export { type Handed, type Identity, type IdentityOptions, TOKEN_SECONDS, type Wanted } from './identity';

export function identityModule(engine: Engine, options: IdentityOptions) {
  const access = engine.aggregate(accessDecider, { followed: true });
  const credentials = engine.aggregate(credentialDecider);
  const { transactor, clock } = engine;
  return { services: { identity: new Identity({ access, credentials, transactor, clock, options }) } } satisfies Module;
}
