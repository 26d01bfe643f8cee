/**
 * Who looks. The owner's key signs, in this page, that its holder asks for a token (RFC 7523), or an issuer gives one
 * that the host trusts; the token is kept in memory alone, the key as one that WebCrypto does not give out. None is
 * ever a part of an address.
 */
import { signal } from '@preact/signals';
import type { identity } from '../../contract/identity/tokens';
import type { AnswerOf } from '../../contract/route';
import { texts } from '../texts';
import { Failure, failureIn, failureOf } from './failure';
import { type Ask, returned } from './issuers';
import { clearKept, keep, type Kept, kept } from './key-store';

export type Me = AnswerOf<typeof identity.me>;

/** `undefined` until it is known whether a key was kept; `null`: nobody has signed in. */
export const me = signal<Me | null | undefined>(undefined);

/** Whose rights are asked for, where it is not the owner in its own name. */
export interface Acting {
  readonly tenant?: string;
  readonly subject?: string;
}

interface Token {
  readonly text: string;
  /** When the next one is asked for, on the monotonic clock, in milliseconds. */
  readonly due: number;
  /** When it holds no more. */
  readonly over: number;
}

/** Of the time for which a token holds, how much may pass until another is asked for. */
const RENEWED_AFTER = 0.6;
/** After a renewal that failed, while the token holds. */
const AGAIN_MS = 3_000;
const ALGORITHM = 'Ed25519';

/** What whoever has signed in gets tokens by. */
let holder: Ask | undefined;
let token: Token | undefined;
let asking: Promise<Token> | undefined;
/** How far the host's clock is ahead of this machine's, in milliseconds, as far as that is known. */
let ahead = 0;

/** The time of day at the host, in milliseconds since the epoch. */
export function hostNow(): number {
  return Date.now() + ahead;
}

/** Hears what time the host says it is; what differs by less than its answers can tell counts as the same. */
export function heardTime(date: string | null): void {
  const difference = Date.parse(date ?? '') - Date.now();
  if (Number.isFinite(difference)) ahead = Math.abs(difference) < 2_000 ? 0 : difference;
}

/** Why nobody was let in who has come back from an issuer. */
export const refusal = signal<Failure | undefined>(undefined);

/** Goes on with what an issuer has answered, or with the key that this browser has kept, if there is either. */
export async function resume(): Promise<void> {
  try {
    const vouched = await returned();
    if (vouched !== undefined) {
      await clearKept().catch(() => undefined);
      await enterBy(vouched);
      return;
    }
  } catch (error) {
    refusal.value = failureIn(error);
    me.value = null;
    return;
  }
  const key = await kept();
  if (key === undefined) me.value = null;
  else
    await enterBy(ownerAsks(key), true).catch(async (error: unknown) => {
      // A key that the host does not take any more is of no use; while it does not answer, nobody knows.
      if (error instanceof Failure && error.status === 401) await signOut();
      else me.value = null;
    });
}

/** Signs in with the owner's key. Throws a `Failure` that says what to do. */
export async function signIn(key: string, acting: Acting, keeps: boolean): Promise<void> {
  const next = { key: await imported(key), ...acting };
  await enterBy(ownerAsks(next));
  await (keeps ? keep(next) : clearKept()).catch(() => undefined);
}

/** Forgets the token and the key, here and in this browser's store. */
export async function signOut(): Promise<void> {
  holder = undefined;
  token = undefined;
  asking = undefined;
  me.value = null;
  await clearKept().catch(() => undefined);
}

/** Who is signed in: who has come since is another. */
export function signedIn(): unknown {
  return holder;
}

/** What proves that somebody asks, who is still signed in. Throws a `Failure` otherwise, or when there is no token. */
export async function authorization(who: unknown = holder): Promise<string> {
  if (holder !== who) throw signedOut();
  const now = performance.now();
  if (token === undefined || now >= token.over) return `Bearer ${(await renewed()).text}`;
  // It is good until it is over: the next one is asked for beside that, and again where that fails.
  if (now >= token.due) void renewed().catch(() => undefined);
  return `Bearer ${token.text}`;
}

async function renewed(): Promise<Token> {
  const whose = holder;
  const wait = (asking ??= asked());
  const given = await wait.finally(() => {
    if (asking === wait) asking = undefined;
  });
  // Who has come meanwhile gets no token of who has gone, and does nothing for them.
  if (holder !== whose) throw signedOut();
  return (token = given);
}

/** The host refuses what it was shown: another token is asked for, unless there is one already. */
export function forgetToken(shown: string): void {
  if (token !== undefined && shown === `Bearer ${token.text}`) token = undefined;
}

/** @param stays whether it is tried again later where that fails */
async function enterBy(ask: Ask, stays = false): Promise<void> {
  holder = ask;
  token = undefined;
  asking = undefined;
  try {
    const response = await fetch('/v1/me', { headers: { authorization: await authorization() }, cache: 'no-store' });
    if (!response.ok) throw await failureOf(response);
    me.value = (await response.json()) as Me;
  } catch (error) {
    if (!stays) holder = undefined;
    throw error;
  }
}

async function asked(): Promise<Token> {
  if (holder === undefined) throw signedOut();
  const whose = holder;
  try {
    const before = performance.now();
    const { access_token: text, expires_in } = await whose();
    const ms = 1_000 * expires_in;
    return { text, due: before + ms * RENEWED_AFTER, over: before + ms };
  } catch (error) {
    const isLast = error instanceof Failure && error.status === 401;
    const now = performance.now();
    if (holder === whose && token !== undefined && now < token.over)
      token = { ...token, due: isLast ? token.over : now + AGAIN_MS };
    else if (holder === whose && isLast && me.value !== undefined && me.value !== null) await signOut();
    throw error;
  }
}

/** Asks the host for tokens by the owner's key. */
function ownerAsks(key: Kept): Ask {
  return async () => {
    let response = await assertion(key);
    // What is signed holds for a minute of the host's time: where the clocks differ, it is signed for that.
    const before = ahead;
    heardTime(response.headers.get('date'));
    if (!response.ok && Math.abs(ahead - before) > 30_000) response = await assertion(key);
    if (!response.ok) throw await failureOf(response);
    return (await response.json()) as { access_token: string; expires_in: number };
  };
}

function signedOut(): Failure {
  return new Failure(401, texts.signIn.over, texts.signIn.overDetail, 'unauthenticated');
}

async function assertion({ key, tenant, subject }: Kept): Promise<Response> {
  const now = Math.floor(hostNow() / 1_000);
  const claims = {
    iss: 'owner',
    sub: 'owner',
    aud: location.origin,
    iat: now,
    exp: now + 60,
    jti: crypto.randomUUID(),
  };
  const text = `${part({ alg: 'EdDSA', typ: 'JWT' })}.${part(claims)}`;
  const signature = await crypto.subtle.sign(ALGORITHM, key, new TextEncoder().encode(text));
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: `${text}.${base64url(new Uint8Array(signature))}`,
    ...(tenant !== undefined && { tenant }),
    ...(subject !== undefined && { subject }),
  });
  try {
    return await fetch('/oauth/token', { method: 'POST', body: form, cache: 'no-store', redirect: 'error' });
  } catch {
    throw new Failure(0, texts.failures.unreachable, texts.failures.unreachableDetail, 'unreachable');
  }
}

async function imported(text: string): Promise<CryptoKey> {
  const subtle = (globalThis.crypto as Partial<Crypto>).subtle;
  if (subtle === undefined) throw new Failure(0, texts.signIn.insecure, texts.signIn.insecureDetail, 'insecure');
  const wrong = new Failure(0, texts.signIn.noKey, texts.signIn.noKeyDetail, 'no-key');
  const trimmed = text.trim();
  if (!/^fmo_[\w-]+$/.test(trimmed)) throw wrong;
  try {
    const der = Uint8Array.from(atob(trimmed.slice(4).replaceAll('-', '+').replaceAll('_', '/')), (c) =>
      c.charCodeAt(0),
    );
    return await subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
  } catch {
    throw wrong;
  }
}

function part(value: object): string {
  return base64url(new TextEncoder().encode(JSON.stringify(value)));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
