/** The public keys of an issuer, fetched from it and kept for minutes. What it answers is bounded in bytes and time. */
import type * as jose from 'jose' with { 'resolution-mode': 'import' };
import type { Clock } from '../../app/engine/ports';
import { InvalidToken, IssuerUnavailable } from '../../app/engine/ports-issuers';
import { MAX_TOKEN_AGE_SECONDS, TOLERANCE_SECONDS } from '../../domain/identity/access';

export type Jose = typeof jose;

/** As long as an issuer may have for an answer. */
const TIMEOUT_MS = 5_000;
/** Entra's keys have 20 KB. */
const MAX_BYTES = 262_144;
/** Keys are fetched anew when they are older; for a key that is not among them, no sooner than after `COOLDOWN_MS`. */
const MAX_AGE_MS = 600_000;
const COOLDOWN_MS = 30_000;
/** An issuer that can't be reached is not asked again for so long, by however many requests. */
const REST_MS = 5_000;
/** Signatures by key pairs alone: with a shared secret, whoever can verify can sign. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

export class RemoteKeys {
  private set: Promise<ReturnType<Jose['createRemoteJWKSet']>> | undefined;
  private notBefore = -Infinity;

  /**
   * @param name of the issuer, for messages
   * @param address of the keys (RFC 7517), or how it is found with what an address answers; throws when it is not
   */
  constructor(
    private readonly library: Jose,
    private readonly name: string,
    private readonly address: string | ((get: (url: string) => Promise<string>) => Promise<string>),
    private readonly clock: Clock,
  ) {}

  /** A token's claims, and the key that has signed it. Throws `InvalidToken` or `IssuerUnavailable`. */
  async verify(
    token: string,
    expected: { readonly issuer: string; readonly audience: string | string[] },
  ): Promise<{
    readonly payload: jose.JWTPayload;
    readonly header: jose.JWTHeaderParameters;
    readonly key?: jose.JWK;
  }> {
    const { jwtVerify, errors } = this.library;
    const set = await this.keys();
    try {
      const { payload, protectedHeader } = await jwtVerify(token, set, {
        ...expected,
        algorithms: ALGORITHMS,
        requiredClaims: ['exp', 'iat'],
        maxTokenAge: MAX_TOKEN_AGE_SECONDS,
        clockTolerance: TOLERANCE_SECONDS,
        currentDate: new Date(this.clock.now()),
      });
      const key = set.jwks()?.keys.find(({ kid }) => kid !== undefined && kid === protectedHeader.kid);
      return { payload, header: protectedHeader, key };
    } catch (error) {
      throw this.meaning(error, errors);
    }
  }

  private meaning(error: unknown, errors: Jose['errors']): unknown {
    if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid)
      return this.unavailable('its keys are none');
    if (error instanceof errors.JWTExpired) return new InvalidToken(`has expired: ask ${this.name} for a new one`);
    if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud')
      return new InvalidToken(`is of ${this.name}, and meant for somebody else than this colony`);
    if (error instanceof errors.JOSEError && error.code !== 'ERR_JOSE_GENERIC')
      return new InvalidToken(`is none that ${this.name} has issued and that holds now`);
    return error instanceof errors.JOSEError ? this.unavailable('its keys are none') : error;
  }

  private keys(): NonNullable<RemoteKeys['set']> {
    return (this.set ??= this.found().catch((error: unknown) => {
      this.set = undefined;
      throw this.rested(error);
    }));
  }

  private async found(): Promise<ReturnType<Jose['createRemoteJWKSet']>> {
    const { createRemoteJWKSet, customFetch } = this.library;
    const address = typeof this.address === 'string' ? this.address : await this.address((url) => this.get(url));
    return createRemoteJWKSet(new URL(address), {
      timeoutDuration: TIMEOUT_MS,
      cooldownDuration: COOLDOWN_MS,
      cacheMaxAge: MAX_AGE_MS,
      [customFetch]: async (url: string) => new Response(await this.get(url)),
    });
  }

  /** What stands at an address. Throws `IssuerUnavailable`. */
  private async get(url: string): Promise<string> {
    if (performance.now() < this.notBefore) throw this.unavailable('it was asked a moment ago');
    try {
      const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (response.status !== 200) throw new Error(`it answered ${response.status}`);
      return await bounded(response);
    } catch (error) {
      throw this.rested(error);
    }
  }

  /** What to say of an issuer that can't be used, which is left alone for a while. */
  private rested(error: unknown): IssuerUnavailable {
    if (error instanceof IssuerUnavailable) return error;
    this.notBefore = performance.now() + REST_MS;
    return this.unavailable(error instanceof Error ? error.message : String(error));
  }

  private unavailable(why: string): IssuerUnavailable {
    return new IssuerUnavailable(`the keys of ${this.name} can't be had (${why})`);
  }
}

async function bounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += (chunk as Uint8Array).length;
    if (size > MAX_BYTES) throw new Error(`it answered more than ${MAX_BYTES} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString();
}
