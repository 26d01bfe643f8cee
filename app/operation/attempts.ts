/**
 * Attempts to authenticate that fail. What is shown is signed, so it can't be guessed, however often somebody tries;
 * what a flood of wrong ones costs is that each is looked at. So many are looked at in a second of those who have
 * failed too often, and the others are told when to come again, unseen. Nobody locks somebody else out by claiming to
 * be them: whoever goes on with a session that is known, or comes from where nothing has failed, is looked at whatever
 * others do.
 */
import { Recent } from '../../domain/kernel/recent';
import { cut } from '../../domain/kernel/text';
import type { Clock } from '../engine/ports';
import { InvalidToken, NotEntitled } from '../engine/ports-issuers';
import { RateLimiter } from './limits';

/** From one address: to verify a token takes 0.1 to 0.4 ms, so many in a second less than a tenth of a processor. */
const OF_ADDRESS = { perSecond: 200, burst: 200 };
/** In one name, from addresses where something has failed; what names nobody is no attempt at anybody. */
const OF_CLAIM = { perSecond: 1, burst: 20 };
/** In a session that is known, from one address: whoever has found a token elsewhere keeps nobody out. */
const OF_SESSION = { perSecond: 50, burst: 100 };
/** An address from which nothing has failed for so long is as good as any other. Milliseconds. */
const FORGIVEN_MS = 60_000;
const MAX_ADDRESSES = 50_000;
/** Sessions that are known. */
const MAX_FAMILIAR = 20_000;
/** Longest name that is told apart, in characters: nobody fills the memory with what they claim. */
const MAX_CLAIM = 200;

/** It was not looked at, since too many before it have failed. */
export class TooManyAttempts extends Error {
  /** @param seconds after which one is looked at, if no other has failed meanwhile */
  constructor(readonly seconds: number) {
    super('too many attempts to authenticate have failed from this address, or in this name');
  }
}

/** How an attempt that failed was answered: it was refused, or nobody looked at it. */
export type FailureAnswer = 'refused' | 'unexamined';

/** Who tries: from where, and as whom by what is shown, which nobody has verified. */
export interface Attempt {
  readonly address: string;
  /** A token, or whatever is signed as one. */
  readonly shown: string;
}

/** An attempt that failed, for whoever looks after the host. */
export interface Failure {
  readonly answer: FailureAnswer;
  readonly address: string;
  readonly claims: string;
}

/** What else than its address an attempt counts for. */
interface Claim {
  /** Undefined for what names nobody: only its address counts. */
  readonly limiter: RateLimiter | undefined;
  readonly key: string;
  /** Whether it is a session that is known. */
  readonly isFamiliar: boolean;
}

/** An attempt that is looked at, what it counts for when it fails, and for what of that it has been counted by now. */
interface Admitted {
  readonly claim: Claim;
  readonly ofAddress: boolean;
  readonly ofClaim: boolean;
}

export class Attempts {
  private readonly ofAddresses: RateLimiter;
  private readonly ofClaims: RateLimiter;
  private readonly ofSessions: RateLimiter;
  private readonly familiar = new Recent<string, true>(MAX_FAMILIAR);
  /** By address, and by session and address, when an attempt from there has failed last. */
  private readonly failedAt = new Recent<string, number>(MAX_ADDRESSES);

  /** @param heard of each attempt that failed */
  constructor(
    private readonly clock: Clock,
    private readonly heard: (failure: Failure) => void,
  ) {
    this.ofAddresses = new RateLimiter(OF_ADDRESS.perSecond, OF_ADDRESS.burst, clock);
    this.ofClaims = new RateLimiter(OF_CLAIM.perSecond, OF_CLAIM.burst, clock);
    this.ofSessions = new RateLimiter(OF_SESSION.perSecond, OF_SESSION.burst, clock);
  }

  /**
   * Looks at what is shown, if that is still to be done: rejects with `TooManyAttempts` where not, else as
   * `examination` does.
   * @param sessionOf of what the examination has found: whoever goes on with it is known
   */
  async examine<T>(
    attempt: Attempt,
    examination: () => T | Promise<T>,
    sessionOf: (found: T) => string | undefined,
  ): Promise<T> {
    const admitted = this.admit(attempt);
    if (typeof admitted === 'number') {
      this.tell('unexamined', attempt);
      throw new TooManyAttempts(admitted);
    }
    let hasFailed = false;
    try {
      const found = await examination();
      const session = sessionOf(found);
      if (session !== undefined) this.familiar.set(session, true);
      return found;
    } catch (error) {
      hasFailed = error instanceof InvalidToken || error instanceof NotEntitled;
      throw error;
    } finally {
      if (hasFailed) this.count(attempt, admitted);
      else this.giveBack(attempt, admitted);
    }
  }

  /** Counts one that failed and cost nothing to look at. */
  failed(attempt: Attempt): void {
    this.count(attempt, { claim: this.claimOf(attempt), ofAddress: false, ofClaim: false });
  }

  /** Whether it is to be looked at; else the seconds until one is. */
  private admit(attempt: Attempt): Admitted | number {
    const { address } = attempt;
    const claim = this.claimOf(attempt);
    const { limiter, key, isFamiliar } = claim;
    if (this.isForgiven(isFamiliar ? key : address)) return { claim, ofAddress: false, ofClaim: false };
    // Many may be under way at once: each counts as one that fails until it has not.
    if (isFamiliar) {
      const wait = limiter?.take(key) ?? 0;
      return wait > 0 ? wait : { claim, ofAddress: false, ofClaim: true };
    }
    const wait = limiter?.wait(key) ?? 0;
    const shared = this.ofAddresses.take(address);
    if (shared === 0 && wait > 0) this.ofAddresses.giveBack(address);
    return shared > 0 || wait > 0 ? Math.max(shared, wait) : { claim, ofAddress: true, ofClaim: false };
  }

  /** What an attempt counts for: a session, whose name nobody knows without a token of it, or what it claims. */
  private claimOf({ shown, address }: Attempt): Claim {
    const { name, session } = claimsOf(shown);
    if (session === undefined || this.familiar.peek(session) !== true)
      return { limiter: name === '' ? undefined : this.ofClaims, key: name, isFamiliar: false };
    return { limiter: this.ofSessions, key: `${session} ${address}`, isFamiliar: true };
  }

  private isForgiven(from: string): boolean {
    const at = this.failedAt.peek(from);
    return at === undefined || Math.abs(this.clock.now() - at) > FORGIVEN_MS;
  }

  private count(attempt: Attempt, { claim: { limiter, key, isFamiliar }, ofAddress, ofClaim }: Admitted): void {
    const { address } = attempt;
    if (!ofAddress) this.ofAddresses.take(address);
    if (!ofClaim) limiter?.take(key);
    const now = this.clock.now();
    this.failedAt.set(address, now);
    if (isFamiliar) this.failedAt.set(key, now);
    this.tell('refused', attempt);
  }

  private giveBack({ address }: Attempt, { claim, ofAddress, ofClaim }: Admitted): void {
    if (ofAddress) this.ofAddresses.giveBack(address);
    if (ofClaim) claim.limiter?.giveBack(claim.key);
  }

  private tell(answer: FailureAnswer, { address, shown }: Attempt): void {
    this.heard({ answer, address, claims: claimsOf(shown).name });
  }
}

/** What somebody claims to be. What is no token claims nothing. */
function claimsOf(shown: string): { readonly name: string; readonly session: string | undefined } {
  try {
    const payload = Buffer.from(shown.split('.', 2)[1] ?? '', 'base64url').toString();
    const { iss, tenant, sub, sid } = JSON.parse(payload) as Record<string, unknown>;
    const name = [iss, tenant, sub].filter((part) => typeof part === 'string').join(' ');
    return { name: cut(name, MAX_CLAIM), session: typeof sid === 'string' ? cut(sid, MAX_CLAIM) : undefined };
  } catch {
    return { name: '', session: undefined };
  }
}
