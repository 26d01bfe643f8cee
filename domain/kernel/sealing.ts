/**
 * How a value about a person is sealed: AES-256-GCM under the key of its subject. What is authenticated with it (AAD)
 * is the tenant, the subject and the place where it came in, so that it opens as nothing else.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Values are filled up to a multiple of so many bytes: `true` and `false` look alike. */
const BLOCK = 32;

/** What a subject's values are sealed with. */
export interface SubjectKey {
  readonly seal: Buffer;
  /** Makes nonces. */
  readonly nonce: Buffer;
}

export interface SealedPlace {
  readonly tenant: string;
  readonly subject: string;
  /** `operation#/pointer` */
  readonly place: string;
}

/** The keys that follow from the one that is kept (HKDF, RFC 5869). */
export function subjectKeyOf(secret: Uint8Array): SubjectKey {
  const derived = (use: string) => Buffer.from(hkdfSync('sha256', secret, 'formicary personal', use, KEY_BYTES));
  return { seal: derived('seal'), nonce: derived('nonce') };
}

/** Overwrites a key that was destroyed: whoever has it in hand still has nothing. */
export function wipe({ seal, nonce }: SubjectKey): void {
  seal.fill(0);
  nonce.fill(0);
}

/** Whether it was wiped since it was handed over: what it would seal, everybody could open. */
export function isWiped({ seal }: SubjectKey): boolean {
  return seal.every((byte) => byte === 0);
}

/**
 * Seals a value: nonce, ciphertext and tag in base64url.
 *
 * @param request names the request, or is drawn where it has no name: the same one gives the same bytes, so that it is
 *   known again by its hash; no other one does, which could otherwise guess at a value.
 */
export function sealValue(key: SubjectKey, at: SealedPlace, value: unknown, request: string): string {
  const text = Buffer.from(JSON.stringify(value));
  const plain = Buffer.alloc(Math.ceil(text.length / BLOCK) * BLOCK, ' ');
  text.copy(plain);
  const aad = aadOf(at);
  const nonce = createHmac('sha256', key.nonce)
    .update(JSON.stringify([request, aad]))
    .update(text)
    .digest()
    .subarray(0, NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key.seal, nonce).setAAD(Buffer.from(aad));
  const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return sealed.toString('base64url');
}

/** Opens what `sealValue` made; undefined when it is not that, or was for another place. */
export function openValue(key: SubjectKey, at: SealedPlace, sealed: string): { readonly value: unknown } | undefined {
  const bytes = Buffer.from(sealed, 'base64url');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key.seal, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(aadOf(at)))
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const plain = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    return { value: JSON.parse(plain.toString('utf8')) as unknown };
  } catch {
    return undefined;
  }
}

function aadOf({ tenant, subject, place }: SealedPlace): string {
  return JSON.stringify(['formicary personal 1', tenant, subject, place]);
}
