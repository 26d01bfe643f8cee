/**
 * Access tokens: signed statements of who somebody is (JWT, RFC 9068), which any process of the colony verifies by
 * itself. Short-lived; whether one was taken back since is another question, see `Identity`.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type * as jose from 'jose' with { 'resolution-mode': 'import' };
import { TOLERANCE_SECONDS } from '../../domain/identity/access';
import { isRole, type Role } from '../../domain/identity/role';
import { ownersKeyOf, signingKeyOf } from '../../domain/kernel/identity-secret';
import { isId, isTenant } from '../../domain/kernel/ids';
import { type Level, LEVELS, PRINCIPAL_KINDS, type PrincipalKind } from '../../domain/kernel/principal';
import { Recent } from '../../domain/kernel/recent';
import type { Clock } from '../engine/ports';
import { InvalidToken } from '../engine/ports-issuers';
import { Proofs, THUMBPRINT } from './proofs';

/** What a token says. */
export interface Claims {
  readonly tenant: string;
  readonly subject: string;
  readonly kind: PrincipalKind;
  readonly level: Level;
  /** Of a person. */
  readonly roles: readonly Role[];
  /** Of a person: besides those of its roles. */
  readonly groups: readonly string[];
  /** Of an agent: its type in the repository. */
  readonly agentType?: string;
  /** Who acts in the subject's name, when that is somebody else. */
  readonly actor?: string;
  /** The thumbprint of the key to which it is bound, if it is (RFC 9449, section 6). */
  readonly jkt?: string;
  /** Of the token that was issued; those that it is renewed to have it too. */
  readonly session: string;
  /** Until when it may be renewed, in seconds since the epoch. */
  readonly until: number;
  /**
   * Of the tenant, of the subject and of the actor, when it was issued. A service outlasts whoever gave it a token, so
   * that has no third.
   */
  readonly epochs: readonly [tenant: number, subject: number, actor?: number];
}

/** A token that was verified. */
export interface Verified extends Claims {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly expires: number;
}

const ALGORITHM = 'EdDSA';
const TYPE = 'at+jwt';
/** How old what the owner signs may be, in seconds. */
const ASSERTION_SECONDS = 120;
const MAX_TAKEN = 10_000;
/** What the owner calls itself. */
export const OWNER_CLIENT = 'owner';
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];
/** Longest token that is looked at, in characters. */
const MAX_TOKEN = 8_192;

type Jose = typeof jose;

/** Where the public keys are published (RFC 7517). */
export const KEYS_PATH = '/.well-known/jwks.json';

/** A signature of the colony, with the header that it covers; both in Base64url. */
export interface Attestation {
  readonly protected: string;
  readonly signature: string;
}

interface Key {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly jwk: jose.JWK;
}

interface Keys {
  /** The first signs, all of them verify. */
  readonly signing: readonly [Key, ...Key[]];
  /** The public half of the owner's. */
  readonly owner: KeyObject;
}

export class AccessTokens {
  /** Assertions that were taken: none is taken twice while it holds. */
  private readonly taken = new Recent<string, true>(MAX_TAKEN);

  /** Of whoever has a token that is bound to a key. */
  readonly proofs: Proofs;

  private constructor(
    private readonly library: Jose,
    private readonly keys: Keys,
    private readonly issuer: string,
    private readonly clock: Clock,
  ) {
    this.proofs = new Proofs(library, this.spellings, clock);
  }

  /**
   * @param secrets the colony's, newest first: tokens that older ones have signed hold until they expire
   * @param issuer who issues, and who is meant to take them: the colony's public address
   */
  static async open(secrets: readonly [string, ...string[]], issuer: string, clock: Clock): Promise<AccessTokens> {
    const library = await import('jose');
    const [first, ...others] = await Promise.all(secrets.map((secret) => keyOf(library, secret)));
    const owner = createPublicKey(ownersKeyOf(secrets[0]));
    return new AccessTokens(library, { signing: [first as Key, ...others], owner }, issuer, clock);
  }

  /** The public keys (RFC 7517). */
  get published(): jose.JSONWebKeySet {
    return { keys: this.keys.signing.map(({ jwk }) => jwk) };
  }

  /** @param expires seconds since the epoch */
  async sign(claims: Claims, id: string, expires: number): Promise<string> {
    const { tenant, subject, kind, level, roles, groups, agentType, actor, jkt, session, until, epochs } = claims;
    const [key] = this.keys.signing;
    return await new this.library.SignJWT({
      client_id: subject,
      tenant,
      kind,
      level,
      ...(roles.length > 0 && { roles }),
      ...(groups.length > 0 && { groups }),
      ...(agentType !== undefined && { agent_type: agentType }),
      ...(actor !== undefined && { act: { sub: actor } }),
      ...(jkt !== undefined && { cnf: { jkt } }),
      sid: session,
      until,
      epochs,
    })
      .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: key.id })
      .setIssuer(this.issuer)
      .setAudience(this.issuer)
      .setSubject(subject)
      .setJti(id)
      .setIssuedAt(Math.floor(this.clock.now() / 1_000))
      .setExpirationTime(expires)
      .sign(key.privateKey);
  }

  /**
   * Signs a document of the colony (RFC 7515, without its payload), by the key whose public half is published. Its type
   * keeps what is signed from being taken for a token.
   *
   * @param payload in its canonical form
   */
  async attest(payload: string): Promise<Attestation> {
    const [key] = this.keys.signing;
    const signed = await new this.library.FlattenedSign(Buffer.from(payload))
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JOSE', kid: key.id, jku: `${this.issuer}${KEYS_PATH}` })
      .sign(key.privateKey);
    return { protected: signed.protected as string, signature: signed.signature };
  }

  /** Throws `InvalidToken`. */
  async verify(token: string): Promise<Verified> {
    if (token.length > MAX_TOKEN) throw new InvalidToken(`has more than ${MAX_TOKEN} characters`);
    const { jwtVerify, errors } = this.library;
    try {
      const { payload } = await jwtVerify(token, ({ kid }) => this.keyOf(kid), {
        issuer: this.issuer,
        audience: this.issuer,
        algorithms: [ALGORITHM],
        typ: TYPE,
        requiredClaims: ['exp', 'iat', 'jti', 'sub', 'sid', 'tenant'],
        clockTolerance: TOLERANCE_SECONDS,
        currentDate: new Date(this.clock.now()),
      });
      return verified(payload);
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw new InvalidToken('has expired: renew it, or ask for a new one');
      if (error instanceof errors.JOSEError || error instanceof TypeError)
        throw new InvalidToken('is none that this colony has issued, or was changed since');
      throw error;
    }
  }

  /**
   * Checks that the colony's owner says now that it asks for a token (RFC 7523, section 2.2): it has signed so, for
   * this colony, with its key, which nobody else ever sees. Throws `InvalidToken`.
   */
  async checkOwner(assertion: string): Promise<void> {
    if (assertion.length > MAX_TOKEN) throw new InvalidToken(`has more than ${MAX_TOKEN} characters`);
    const { jwtVerify, errors } = this.library;
    try {
      const { payload } = await jwtVerify(assertion, this.keys.owner, {
        issuer: OWNER_CLIENT,
        subject: OWNER_CLIENT,
        audience: this.spellings,
        algorithms: [ALGORITHM],
        requiredClaims: ['exp', 'iat', 'jti'],
        maxTokenAge: ASSERTION_SECONDS,
        clockTolerance: TOLERANCE_SECONDS,
        currentDate: new Date(this.clock.now()),
      });
      const id = String(payload.jti);
      if (this.taken.get(id) === true) throw new InvalidToken('was shown before');
      this.taken.set(id, true);
    } catch (error) {
      if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'aud')
        throw new InvalidToken(`is meant for another host than ${this.issuer}: call it by this address`);
      if (
        error instanceof errors.JWTExpired ||
        (error instanceof errors.JWTClaimValidationFailed && error.claim === 'iat')
      )
        throw new InvalidToken('is of another time: set the clock of the machine that has signed it');
      if (error instanceof errors.JOSEError || error instanceof TypeError)
        throw new InvalidToken("was not signed with the owner's key of this colony");
      throw error;
    }
  }

  /** The issuer, and on this machine also by its other names. */
  private get spellings(): string[] {
    const { protocol, hostname, port } = URL.parse(this.issuer) ?? {};
    if (protocol !== 'http:' || !LOOPBACK.includes(hostname ?? '')) return [this.issuer];
    return LOOPBACK.map((name) => `http://${name}${port === '' ? '' : `:${port}`}`);
  }

  private keyOf(id: string | undefined): KeyObject {
    const key = this.keys.signing.find((one) => one.id === id);
    if (key === undefined) throw new InvalidToken('was signed by a key that is not known here');
    return key.publicKey;
  }
}

async function keyOf({ exportJWK, calculateJwkThumbprint }: Jose, secret: string): Promise<Key> {
  const privateKey = signingKeyOf(secret);
  const publicKey = createPublicKey(privateKey);
  const jwk = await exportJWK(publicKey);
  const id = await calculateJwkThumbprint(jwk);
  return { id, privateKey, publicKey, jwk: { ...jwk, kid: id, use: 'sig', alg: ALGORITHM } };
}

/** We have signed it, so it says what we say; what an older version of us has signed may say less. */
function verified(payload: Readonly<Record<string, unknown>>): Verified {
  const {
    sub,
    tenant,
    kind,
    level,
    roles = [],
    groups = [],
    agent_type: agentType,
    act,
    cnf,
    sid,
    jti,
    exp,
    until,
    epochs,
  } = payload;
  const [tenantEpoch, subjectEpoch, actorEpoch] = Array.isArray(epochs) ? (epochs as unknown[]) : [];
  if (
    typeof sub !== 'string' ||
    !isId(sub) ||
    typeof tenant !== 'string' ||
    !isTenant(tenant) ||
    !PRINCIPAL_KINDS.includes(kind as PrincipalKind) ||
    // Who acts for the product itself shows nothing.
    kind === 'system' ||
    !LEVELS.includes(level as Level) ||
    !Array.isArray(roles) ||
    !Array.isArray(groups) ||
    (cnf !== undefined && !isBinding(cnf)) ||
    typeof sid !== 'string' ||
    typeof jti !== 'string' ||
    typeof exp !== 'number' ||
    typeof until !== 'number' ||
    typeof tenantEpoch !== 'number' ||
    typeof subjectEpoch !== 'number'
  )
    throw new InvalidToken('does not say all that a token has to say');
  const actor = (act as { readonly sub?: unknown } | undefined)?.sub;
  return {
    tenant,
    subject: sub,
    kind: kind as PrincipalKind,
    level: level as Level,
    roles: (roles as unknown[]).filter((role): role is Role => typeof role === 'string' && isRole(role)),
    groups: (groups as unknown[]).filter((group): group is string => typeof group === 'string'),
    agentType: typeof agentType === 'string' ? agentType : undefined,
    actor: typeof actor === 'string' ? actor : undefined,
    jkt: cnf?.jkt,
    session: sid,
    id: jti,
    expires: exp,
    until,
    epochs: typeof actorEpoch === 'number' ? [tenantEpoch, subjectEpoch, actorEpoch] : [tenantEpoch, subjectEpoch],
  };
}

/** To what a token is bound: to one key, or to nothing that is known here, which is to nobody. */
function isBinding(cnf: unknown): cnf is { readonly jkt: string } {
  const { jkt } = (cnf ?? {}) as { readonly jkt?: unknown };
  return typeof jkt === 'string' && THUMBPRINT.test(jkt);
}
