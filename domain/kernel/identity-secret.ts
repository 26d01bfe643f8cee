/**
 * The one secret of a colony, from which its keys are derived (HKDF, RFC 5869): the key that signs tokens, and the
 * owner's. Whoever has it is the colony; a new one ends every token and the owner's key at once.
 */
import { createPrivateKey, hkdfSync, type KeyObject } from 'node:crypto';

/** Shortest secret, in characters. */
export const MIN_SECRET = 32;

const SALT = 'formicary';
const KEY_BYTES = 32;
/** What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410). */
const ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');
/** So that a key that leaked is known for what it is by whoever, or whatever, finds it. */
export const OWNERS_KEY_PREFIX = 'fmo_';

/** The key that signs tokens: Ed25519. */
export function signingKeyOf(secret: string): KeyObject {
  return privateKeyOf(secret, 'tokens');
}

/** The key with which the colony's owner proves to be it: Ed25519, of which the host needs the public half alone. */
export function ownersKeyOf(secret: string): KeyObject {
  return privateKeyOf(secret, 'owner');
}

/** The same as text, as it is given to the owner: PKCS #8 in base64url. */
export function ownersKeyTextOf(secret: string): string {
  return OWNERS_KEY_PREFIX + pkcs8(secret, 'owner').toString('base64url');
}

function privateKeyOf(secret: string, use: string): KeyObject {
  return createPrivateKey({ key: pkcs8(secret, use), format: 'der', type: 'pkcs8' });
}

function pkcs8(secret: string, use: string): Buffer {
  return Buffer.concat([ED25519, Buffer.from(hkdfSync('sha256', secret, SALT, use, KEY_BYTES))]);
}
