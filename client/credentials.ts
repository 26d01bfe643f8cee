/** What a client shows to say who calls: a token, which it renews, or the owner's key, for which it gets tokens. */
import { createPrivateKey, type KeyObject, randomUUID, sign } from 'node:crypto';
import { DpopKey, type Proven } from './dpop';
import { ConnectionError, type Transport } from './transport';

/** Of an answer of `POST /oauth/token`. */
interface Given {
  readonly access_token: string;
  /** Seconds. */
  readonly expires_in: number;
}

/** Keeps a token between runs of a program that is called again and again. */
export interface KeptTokens {
  /** The token of this principal that was kept, and for how many seconds it still holds by this machine's clock. */
  get(
    tenant: string | undefined,
    principal: string | undefined,
  ): { readonly token: string; readonly seconds: number } | undefined;
  put(tenant: string | undefined, principal: string | undefined, token: string, seconds: number): void;
}

/** The owner's key of a colony. */
export interface OwnersKey {
  /**
   * As the first start of its host has printed it; or several, of which one may be this host's: they are tried in their
   * order, and a host that knows none of them is shown nothing.
   */
  readonly key: string | readonly string[];
  readonly kept?: KeptTokens;
  /** Bind tokens to the key from the beginning, and not only once a host demands it (DPoP). */
  readonly bound?: boolean;
}

export interface Credentials {
  /**
   * Headers that show who sends the request, names and values in turn; none where nothing can be shown. Rejects with
   * `CredentialsRefused`, or with `ConnectionError`.
   */
  headers(request: Proven): readonly string[] | Promise<readonly string[]>;
  /**
   * The host has refused what was shown. Answers whether something else can be shown instead; throws
   * `CredentialsRefused` where the host looks at nothing that could be shown for now.
   */
  refused(refusal: Refusal): boolean;
  /** Those of another principal of the same colony; undefined where they can't be had. */
  as(principal: string, tenant: string | undefined): Credentials | undefined;
}

/** What a host says with a 401. */
export interface Refusal {
  /** `WWW-Authenticate`. */
  readonly challenge: string | undefined;
  /** The host's time of day, in milliseconds since the epoch; NaN when it did not say. */
  readonly date: number;
}

/** The host gives no token. `body` is what it answered. */
export class CredentialsRefused extends Error {
  override readonly name = 'CredentialsRefused';

  constructor(
    readonly status: number,
    readonly body: string,
    /** The host's time of day, in milliseconds since the epoch; NaN when it did not say. */
    readonly date: number,
  ) {
    super('the host gives no token');
  }
}

/** Of the time for which a token holds, how much may pass until it is renewed. */
const RENEWED_AFTER = 0.6;

/** Clocks that differ by more are told apart. Milliseconds. */
const SKEW_MS = 30_000;
/** A proof holds for a minute, and may be a little ahead of the host's time. Milliseconds. */
const PROOF_SKEW_MS = 3_000;
/** A key that got a token so lately gets none that is better. Milliseconds. */
const ASKED_AGAIN_AFTER_MS = 1_000;

/** A host that looks at no keys for now is asked again after so long. Milliseconds. */
const PUT_OFF_MS = 5_000;

/** A token that is replaced by another one in time. */
abstract class Renewing implements Credentials {
  private current: string | undefined;
  /** On the monotonic clock, in milliseconds. */
  private due = -Infinity;
  private asking: Promise<string | undefined> | undefined;

  constructor(protected readonly transport: Transport) {}

  headers(request: Proven): readonly string[] | Promise<readonly string[]> {
    if (this.current !== undefined && performance.now() < this.due) return this.shown(this.current, request);
    this.asking ??= this.renew().finally(() => (this.asking = undefined));
    return this.asking.then((token) => (token === undefined ? [] : this.shown(token, request)));
  }

  /** The key to which the tokens are bound; undefined: to none. */
  protected abstract get dpop(): DpopKey | undefined;

  private shown(token: string, request: Proven): readonly string[] {
    const { dpop } = this;
    if (dpop === undefined) return ['authorization', `Bearer ${token}`];
    return ['authorization', `DPoP ${token}`, 'dpop', dpop.prove(this.transport.address, request, token)];
  }

  abstract refused(refusal: Refusal): boolean;
  abstract as(principal: string, tenant: string | undefined): Credentials | undefined;
  /** The form by which the next token is asked for. */
  protected abstract form(current: string | undefined): Readonly<Record<string, string>>;

  /** Hears of each token that the host has given. */
  protected given(_token: string, _seconds: number): void {
    // What is held in memory is enough for most.
  }

  protected hold(token: string, seconds: number): void {
    this.current = token;
    this.due = performance.now() + 1_000 * seconds * RENEWED_AFTER;
  }

  /** The last one, whether it holds still or not. */
  protected get held(): string | undefined {
    return this.current;
  }

  /** Goes on with what is held for a while. */
  protected postpone(): void {
    this.due = performance.now() + PUT_OFF_MS;
  }

  protected forget(): void {
    this.current = undefined;
  }

  protected async renew(): Promise<string | undefined> {
    const request = { method: 'POST', path: '/oauth/token' };
    const proof = this.dpop?.prove(this.transport.address, request);
    const response = await this.transport.send({
      ...request,
      headers: proof === undefined ? [] : ['dpop', proof],
      type: 'application/x-www-form-urlencoded',
      body: new URLSearchParams(this.form(this.current)).toString(),
    });
    if (response.status === 408 || response.status >= 500)
      throw new ConnectionError(`the host gives no token at the moment: ${response.status}`);
    const given = response.status === 200 ? givenBy(response.body) : undefined;
    if (given === undefined)
      throw new CredentialsRefused(response.status, response.body, Date.parse(response.header('date') ?? ''));
    const { access_token: token, expires_in: seconds } = given;
    this.hold(token, seconds);
    this.given(token, seconds);
    return token;
  }
}

/** The token that was answered; undefined when something else than a host has answered. */
function givenBy(body: string): Given | undefined {
  try {
    const given = JSON.parse(body) as Partial<Given> | null;
    if (typeof given?.access_token === 'string' && typeof given.expires_in === 'number') return given as Given;
  } catch {
    // It says something else than JSON.
  }
  return undefined;
}

/** The owner's key: for the owner, and for whomever it wants to act as. */
export class OwnerKey extends Renewing {
  /** How far the host's clock is ahead of this machine's, in milliseconds, as far as that is known. */
  private ahead = 0;
  /** Those that may be the host's. */
  private readonly keys: string[];
  /** When the host was asked last, on the monotonic clock. */
  private asked = -Infinity;
  /** Whether its tokens are bound to it. */
  private isBound: boolean;
  /** That the host looked at no keys when it was asked last. */
  private putOff: CredentialsRefused | undefined;
  private prover: { readonly of: string; readonly dpop: DpopKey } | undefined;

  constructor(
    transport: Transport,
    private readonly own: OwnersKey,
    private readonly principal?: string,
    private readonly tenant?: string,
  ) {
    super(transport);
    this.keys = [own.key].flat();
    this.isBound = own.bound === true;
    const before = own.kept?.get(tenant, principal);
    if (before === undefined || (this.isBound && !isBound(before.token))) return;
    this.isBound = isBound(before.token);
    this.hold(before.token, before.seconds);
  }

  /**
   * The host may have another clock by now, or have taken it back: the key gets another one. Where tokens have to be
   * bound to a key, it is bound to this one. Throws where the host looks at no keys for now: it is to be asked later.
   */
  refused({ challenge = '', date }: Refusal): boolean {
    const { putOff } = this;
    this.putOff = undefined;
    if (putOff !== undefined) {
      this.forget();
      throw putOff;
    }
    const isDemanded = /^dpop\b/i.test(challenge) && !this.isBound;
    const isLate = this.isBound && this.dpop !== undefined && isOtherTime(this.dpop, date);
    const lately = performance.now() - this.asked < ASKED_AGAIN_AFTER_MS;
    if (this.keys.length === 0 || (lately && !isDemanded && !isLate)) return false;
    this.isBound ||= isDemanded;
    this.forget();
    return true;
  }

  /** The owner's key proves as well that it is the owner who sends a request. */
  protected override get dpop(): DpopKey | undefined {
    const [key] = this.keys;
    if (!this.isBound || key === undefined) return undefined;
    if (this.prover?.of !== key) this.prover = { of: key, dpop: new DpopKey(keyOf(key)) };
    return this.prover.dpop;
  }

  as(principal: string, tenant: string | undefined): OwnerKey {
    return new OwnerKey(this.transport, this.own, principal, tenant);
  }

  protected override async renew(): Promise<string | undefined> {
    if (this.keys.length === 0) return undefined;
    this.asked = performance.now();
    try {
      return await super.renew();
    } catch (error) {
      if (!(error instanceof CredentialsRefused)) throw error;
      // What is signed holds for a minute of the host's time.
      const ahead = error.date - Date.now();
      if (Math.abs(ahead - this.ahead) > SKEW_MS) {
        this.ahead = ahead;
        if (this.dpop !== undefined) this.dpop.ahead = ahead;
        return await super.renew();
      }
      // The host looks at no keys now. A token that one got before may hold still; and one that was only found may not
      // be this host's, which says whether it has to be shown.
      if (error.status === 429 && (this.held !== undefined || typeof this.own.key !== 'string')) {
        this.putOff = error;
        this.postpone();
        return this.held;
      }
      if (error.status !== 401 || typeof this.own.key === 'string') throw error;
      this.keys.shift();
      return await this.renew();
    }
  }

  protected override given(token: string, seconds: number): void {
    this.putOff = undefined;
    this.own.kept?.put(this.tenant, this.principal, token, seconds);
  }

  protected form(): Readonly<Record<string, string>> {
    return {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertionOf(this.keys[0] as string, this.transport.address, Date.now() + this.ahead),
      ...(this.tenant !== undefined && { tenant: this.tenant }),
      ...(this.principal !== undefined && { subject: this.principal }),
    };
  }
}

/**
 * What the owner signs to prove that it is the owner (RFC 7523): for this host alone, and for a minute. The key itself
 * never leaves this machine.
 */
function assertionOf(key: string, audience: string, time: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(time / 1_000);
  const claims = { iss: 'owner', sub: 'owner', aud: audience, iat: now, exp: now + 60, jti: randomUUID() };
  const text = `${part({ alg: 'EdDSA', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), keyOf(key)).toString('base64url')}`;
}

/** Throws a TypeError when the text is no owner's key. */
function keyOf(text: string): KeyObject {
  try {
    const der = Buffer.from(text.replace(/^fmo_/, ''), 'base64url');
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new TypeError("this is no owner's key: the first start of a host prints it, and it begins with fmo_", {
      cause,
    });
  }
}

/** A token that somebody was given. */
export class Token extends Renewing {
  constructor(
    transport: Transport,
    private readonly first: string,
    protected override readonly dpop: DpopKey | undefined,
  ) {
    super(transport);
    // How old it is, only its issuer knows: what is left of it counts by this machine's clock.
    const { exp, iat } = claimsOf(first);
    const left = exp - Date.now() / 1_000;
    this.hold(first, Math.min(exp - iat, left));
  }

  as(): undefined {
    return undefined;
  }

  /** Its proofs may be of another time than the host's; there is nothing else to show. */
  refused({ date }: Refusal): boolean {
    return this.dpop !== undefined && isOtherTime(this.dpop, date);
  }

  protected form(current = this.first): Readonly<Record<string, string>> {
    return {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: current,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    };
  }
}

/** Tokens of another issuer that the host trusts: whoever gets them there says when there is need of a new one. */
export class Asked implements Credentials {
  constructor(private readonly ask: () => Promise<string>) {}

  async headers(): Promise<readonly string[]> {
    return ['authorization', `Bearer ${await this.ask()}`];
  }

  refused(): boolean {
    return false;
  }

  as(): undefined {
    return undefined;
  }
}

/** Whether the host's time is another one than its proofs say, which say that one from now on. */
function isOtherTime(dpop: DpopKey, date: number): boolean {
  const ahead = date - Date.now();
  if (!(Math.abs(ahead - dpop.ahead) > PROOF_SKEW_MS)) return false;
  dpop.ahead = ahead;
  return true;
}

/** Whether a token is bound to a key. */
function isBound(token: string): boolean {
  return payloadOf(token)['cnf'] !== undefined;
}

/** What a token says of its times; one that says nothing is shown as it is. */
function claimsOf(token: string): { readonly exp: number; readonly iat: number } {
  const { exp, iat } = payloadOf(token);
  return typeof exp === 'number' && typeof iat === 'number' ? { exp, iat } : { exp: Infinity, iat: 0 };
}

/** What a token says; nothing where whoever verifies it has to say what is wrong with it. */
function payloadOf(token: string): Readonly<Record<string, unknown>> {
  try {
    const text = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
    return (JSON.parse(text) as Record<string, unknown> | null) ?? {};
  } catch {
    return {};
  }
}
