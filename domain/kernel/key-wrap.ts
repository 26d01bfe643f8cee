/**
 * How the key of a subject is wrapped: AES-256-GCM under a key of the host, with a nonce of its own. What is
 * authenticated with it (AAD) is the place whose key it is, so that it unwraps as no other.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
/** Of the nonce, which is drawn anew for each. */
export const WRAP_NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** @param by 32 bytes */
export function wrapKey(by: Uint8Array, place: string, key: Uint8Array, nonce: Uint8Array): Buffer {
  const cipher = createCipheriv(CIPHER, by, nonce).setAAD(Buffer.from(place));
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
}

/** Throws when it was wrapped by another key, or for another place. */
export function unwrapKey(by: Uint8Array, place: string, wrapped: Uint8Array): Buffer {
  const decipher = createDecipheriv(CIPHER, by, wrapped.subarray(0, WRAP_NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(place))
    .setAuthTag(wrapped.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(wrapped.subarray(WRAP_NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}
