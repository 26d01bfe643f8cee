/**
 * Cards of A2A that have to be signed by a pinned key (A2A 1.0 section 8.4: JWS of RFC 7515 over the canonical form of
 * RFC 8785, without `signatures`). Keys come from the operator alone: `kid` and `jku` of a card lead nowhere.
 */
import { readFileSync } from 'node:fs';
import type * as jose from 'jose' with { 'resolution-mode': 'import' };
import { reasonOf } from '../../client/reason';
import { canonicalize } from '../../domain/kernel/commit';
import { readJson } from '../../domain/kernel/json';
import { UsageError } from '../terminal';

/** Keys of one file, and signatures of one card, that are tried. */
const MOST_KEYS = 16;
const MOST_SIGNATURES = 16;
/** What only two who share a secret can check proves nothing here. */
const KEY_TYPES: readonly unknown[] = ['OKP', 'EC', 'RSA'];
/** Another type is that of another document, such as a token, which the same key may sign. */
const TYPE = 'JOSE';

/** @param file holds a JWK or a JWK Set (RFC 7517), of public keys; throws `UsageError` where it does not */
export function pinnedKeys(file: string): readonly jose.JWK[] {
  let read: unknown;
  try {
    read = readJson(readFileSync(file));
  } catch (error) {
    throw new UsageError(`${file} could not be read: ${reasonOf(error)}`);
  }
  const keys: unknown = isFields(read) && 'keys' in read ? read['keys'] : [read];
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MOST_KEYS || !keys.every(isPublicKey))
    throw new UsageError(
      `${file} must hold a JWK, or a JWK Set of 1 to ${MOST_KEYS}, of public keys (kty OKP, EC or RSA, and no d)`,
    );
  return keys;
}

function isPublicKey(key: unknown): key is jose.JWK {
  return isFields(key) && KEY_TYPES.includes(key['kty']) && !('d' in key);
}

/**
 * What a pinned key has signed of a card: the card as it came, or else what revision 1.0 knows of it, without what is
 * empty, as the SDKs of the protocol sign it. Rejects with `UsageError` where none has: whoever answers is not who was
 * meant.
 */
export async function signedPart(card: unknown, keys: readonly jose.JWK[]): Promise<object> {
  const { signatures, ...rest } = isFields(card) ? card : {};
  if (!Array.isArray(signatures) || signatures.length === 0)
    throw new UsageError('the card of the remote agent is not signed, and --card-keys names who has to sign it');
  const library = await import('jose');
  for (const payload of await formsOf(rest))
    for (const signature of signatures.slice(0, MOST_SIGNATURES) as readonly unknown[])
      for (const key of keys)
        if (await isSigned(library, payload, signature, key)) return JSON.parse(payload) as object;
  throw new UsageError('no key of --card-keys has signed the card of the remote agent: it was changed, or is another');
}

/** The canonical forms in which a card may have been signed; none of what is no card. */
async function formsOf(card: object): Promise<readonly string[]> {
  const { canonicalizeAgentCard, AgentCard } = await import('@a2a-js/sdk');
  try {
    return [canonicalize(card), canonicalizeAgentCard(AgentCard.fromJSON(card))];
  } catch {
    return [];
  }
}

async function isSigned(library: typeof jose, payload: string, signature: unknown, key: jose.JWK): Promise<boolean> {
  try {
    const jws = { ...(signature as jose.FlattenedJWS), payload: Buffer.from(payload).toString('base64url') };
    const { alg, typ = TYPE } = library.decodeProtectedHeader(jws);
    if (typ !== TYPE) return false;
    await library.flattenedVerify(jws, await library.importJWK(key, alg));
    return true;
  } catch {
    // Malformed, of another key, or of a way to sign that this key is not for.
    return false;
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
