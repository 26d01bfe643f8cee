/**
 * Proofs of possession (DPoP, RFC 9449): with a token that is bound to a key comes a statement, signed with that key,
 * of which request it is shown for. Whoever has the token alone, from a log or a proxy, can do nothing with it.
 */
import { hash } from 'node:crypto';
import type * as jose from 'jose' with { 'resolution-mode': 'import' };
import { TOLERANCE_SECONDS } from '../../domain/identity/access';
import type { Clock } from '../engine/ports';
import { InvalidToken } from '../engine/ports-issuers';
import { Replays } from './replays';

/** What keys may sign with. */
export const PROOF_ALGORITHMS = ['EdDSA', 'ES256'] as const;
/** How old a proof may be, in seconds. */
export const PROOF_SECONDS = 60;
/** Longest proof that is looked at, and longest name that it has, in characters. */
const MAX_PROOF = 4_096;
const MAX_ID = 256;
/** What is remembered of proofs at most, in bytes. */
const REPLAY_BYTES = 16 * 1024 * 1024;
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Names of members that only private or shared keys have (RFC 7518). */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
/** A part of a path that leads elsewhere: two paths that differ in it would be the same address. */
const DOTS = /(^|\/)(\.|%2e){1,2}(\/|$)/i;

/** The thumbprint of a key, as `cnf.jkt` has it (RFC 7638, SHA-256). */
export const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;

/** What is wrong with a proof of somebody else. */
export const OTHER_KEY = 'was signed with another key than the one to which the token is bound';

/** There is no proof, or it proves something else; the message says why, in words that follow "the proof". */
export class InvalidProof extends InvalidToken {}

/** What comes with a request that shows a token by its scheme `DPoP`, and the request. */
export interface ShownProof {
  /** What the header `DPoP` says; null when there is none. */
  readonly proof: string | null;
  readonly method: string;
  /** As it was sent, without the query. */
  readonly path: string;
}

export class Proofs {
  private readonly replays: Replays;
  private readonly addresses: readonly URL[];

  /** @param spellings of the colony's public address */
  constructor(
    private readonly library: typeof jose,
    spellings: readonly string[],
    private readonly clock: Clock,
  ) {
    this.addresses = spellings.map((spelling) => new URL(spelling));
    this.replays = new Replays(clock, PROOF_SECONDS + TOLERANCE_SECONDS, REPLAY_BYTES);
  }

  /**
   * The thumbprint of the key with which the proof was signed, once it is known to be for this request; where a token
   * is shown, also for that one and with the key to which it is bound. Rejects with `InvalidProof`.
   */
  async check({ proof, method, path }: ShownProof, shown?: { token: string; jkt: string }): Promise<string> {
    if (proof === null) throw new InvalidProof('is missing: send one as DPoP');
    if (proof.length > MAX_PROOF) throw new InvalidProof(`has more than ${MAX_PROOF} characters`);
    if (!COMPACT.test(proof)) throw new InvalidProof('is not one signed JWT');
    const { payload, thumbprint } = await this.verified(proof);
    const { htm, htu, ath, iat, jti } = payload;
    if (htm !== method) throw new InvalidProof('is for another method (htm)');
    if (!this.isFor(path, htu)) throw new InvalidProof('is for another address (htu)');
    if (shown !== undefined && ath !== hashOf(shown.token)) throw new InvalidProof('is for another token (ath)');
    if (shown !== undefined && thumbprint !== shown.jkt) throw new InvalidProof(OTHER_KEY);
    if (typeof jti !== 'string' || jti === '' || jti.length > MAX_ID)
      throw new InvalidProof(`needs a name (jti) of at most ${MAX_ID} characters`);
    const now = this.clock.now() / 1_000;
    if (typeof iat !== 'number' || !(iat >= now - PROOF_SECONDS && iat <= now + TOLERANCE_SECONDS))
      throw new InvalidProof('is of another time (iat): set the clock of the machine that has signed it');
    if (!this.replays.isFirst(`${thumbprint} ${jti}`, iat)) throw new InvalidProof('was shown before (jti)');
    return thumbprint;
  }

  private async verified(proof: string): Promise<{ payload: jose.JWTPayload; thumbprint: string }> {
    const { calculateJwkThumbprint, EmbeddedJWK, errors, jwtVerify } = this.library;
    try {
      const { payload, protectedHeader } = await jwtVerify(
        proof,
        (header, token) => {
          const { jwk } = header;
          if (jwk === undefined || PRIVATE.some((member) => Object.hasOwn(jwk, member)))
            throw new InvalidProof('needs the public key (jwk), and nothing of the private one');
          return EmbeddedJWK(header, token);
        },
        // Its times are looked at above: a token's are not the same.
        { algorithms: [...PROOF_ALGORITHMS], typ: 'dpop+jwt', currentDate: new Date(this.clock.now()) },
      );
      return { payload, thumbprint: await calculateJwkThumbprint(protectedHeader.jwk as jose.JWK) };
    } catch (error) {
      if (error instanceof InvalidProof) throw error;
      if (error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException)
        throw new InvalidProof('was not signed with the key that it names, or is none of RFC 9449');
      throw error;
    }
  }

  /** Whether it is the address of the request, whatever its query is (RFC 9449, section 4.3). */
  private isFor(path: string, htu: unknown): boolean {
    const given = typeof htu === 'string' ? URL.parse(htu) : null;
    if (given === null || given.username !== '' || given.password !== '' || DOTS.test(path)) return false;
    return this.addresses.some(({ href }) => {
      const asked = URL.parse(href.replace(/\/$/, '') + path);
      return asked?.origin === given.origin && asked.pathname === given.pathname;
    });
  }
}

function hashOf(token: string): string {
  return hash('sha256', token, 'base64url');
}
