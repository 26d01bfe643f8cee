/** Private keys of Ed25519, of the 32 bytes that each follows from (RFC 8032). */
import { createPrivateKey, type KeyObject } from 'node:crypto';

/** What stands before those bytes in PKCS #8 (RFC 8410). */
const PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export function pkcs8Of(seed: Uint8Array): Buffer {
  return Buffer.concat([PREFIX, seed]);
}

export function ed25519Of(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: pkcs8Of(seed), format: 'der', type: 'pkcs8' });
}
