/**
 * The one secret of a colony, from which its keys are derived (HKDF, RFC 5869): the key that signs tokens, and the
 * owner's. Whoever has it is the colony; a new one ends every token and the owner's key at once.
 */
import { hkdfSync, type KeyObject } from 'node:crypto';
import { ed25519Of, pkcs8Of } from './ed25519';

/** Shortest secret, in characters. */
export const MIN_SECRET = 32;

const SALT = 'formicary';
const KEY_BYTES = 32;
/** So that a key that leaked is known for what it is by whoever, or whatever, finds it. */
export const OWNERS_KEY_PREFIX = 'fmo_';

/** The key that signs tokens: Ed25519. */
export function signingKeyOf(secret: string): KeyObject {
  return ed25519Of(seedOf(secret, 'tokens'));
}

/** The key with which the colony's owner proves to be it: Ed25519, of which the host needs the public half alone. */
export function ownersKeyOf(secret: string): KeyObject {
  return ed25519Of(seedOf(secret, 'owner'));
}

/** The same as text, as it is given to the owner: PKCS #8 in base64url. */
export function ownersKeyTextOf(secret: string): string {
  return OWNERS_KEY_PREFIX + pkcs8Of(seedOf(secret, 'owner')).toString('base64url');
}

function seedOf(secret: string, use: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, SALT, use, KEY_BYTES));
}
