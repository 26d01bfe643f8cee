/**
 * Keys to which tokens are bound (DPoP, RFC 9449): with each request comes a proof, signed with the key, of which
 * request it is shown for.
 */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, randomUUID, sign } from 'node:crypto';

/** A request that is shown with a proof. */
export interface Proven {
  readonly method: string;
  /** Path and query, beginning with a slash. */
  readonly path: string;
}

/** Of a public key, what its thumbprint is made of (RFC 7638), in that order. */
const MEMBERS = { OKP: ['crv', 'kty', 'x'], EC: ['crv', 'kty', 'x', 'y'] } as const;

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

export class DpopKey {
  /** What `cnf.jkt` of a token says that is bound to it (RFC 7638, SHA-256). */
  readonly thumbprint: string;
  private readonly header: string;
  private readonly algorithm: 'EdDSA' | 'ES256';
  /** How far the host's clock is ahead of this machine's, in milliseconds, as far as that is known. */
  ahead = 0;

  /** @param key private; Ed25519, or of the curve P-256. Throws a TypeError for another one. */
  constructor(private readonly key: KeyObject) {
    const { kty, crv, x, y } = createPublicKey(key).export({ format: 'jwk' });
    if (crv !== 'Ed25519' && crv !== 'P-256')
      throw new TypeError('a key that proves is Ed25519, or of the curve P-256');
    const jwk: Readonly<Record<string, unknown>> = { kty, crv, x, y };
    const members = MEMBERS[crv === 'Ed25519' ? 'OKP' : 'EC'].map((name) => [name, jwk[name]]);
    const known = Object.fromEntries(members) as object;
    this.thumbprint = createHash('sha256').update(JSON.stringify(known)).digest('base64url');
    this.algorithm = crv === 'Ed25519' ? 'EdDSA' : 'ES256';
    this.header = part({ typ: 'dpop+jwt', alg: this.algorithm, jwk: known });
  }

  /** The key that a text holds: a private JWK, or PEM. Throws a TypeError when it holds none. */
  static read(text: string): DpopKey {
    let key: KeyObject;
    try {
      const given = text.trim();
      key = given.startsWith('{')
        ? createPrivateKey({ key: JSON.parse(given) as never, format: 'jwk' })
        : createPrivateKey(given);
    } catch (cause) {
      throw new TypeError('this is no private key: give a JWK, or PEM', { cause });
    }
    return new DpopKey(key);
  }

  /**
   * Proves who sends the request, once.
   * @param address of the host
   * @param token that is shown with it
   */
  prove(address: string, { method, path }: Proven, token?: string): string {
    const claims = {
      jti: randomUUID(),
      htm: method,
      htu: address + path.split('?', 1)[0],
      iat: Math.floor((Date.now() + this.ahead) / 1_000),
      ...(token !== undefined && { ath: createHash('sha256').update(token).digest('base64url') }),
    };
    const text = `${this.header}.${part(claims)}`;
    const signed =
      this.algorithm === 'EdDSA'
        ? sign(null, Buffer.from(text), this.key)
        : sign('sha256', Buffer.from(text), { key: this.key, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signed.toString('base64url')}`;
  }
}
