/**
 * Use cases of identity: who a caller is, by the token that it shows; who is given a token, and whose are taken back.
 * A token is verified once and remembered by its hash; whether it was revoked is looked up each time.
 */
import { hash as hashOf } from 'node:crypto';
import {
  ACCESS_ID,
  type AccessEvent,
  type AccessState,
  type BindingLevel,
  epochOf,
  isRevoked,
  isRevokedSince,
  requireBinding,
  revoke,
  type Revoked,
  SESSION_SECONDS,
  TOLERANCE_SECONDS,
  unboundLevel,
} from '../../domain/identity/access';
import {
  type CredentialEvent,
  credentialId,
  type CredentialState,
  type Epochs,
  type Grant,
  issue,
} from '../../domain/identity/credential';
import { rightsOf, type Role } from '../../domain/identity/role';
import { refuse, Rejection } from '../../domain/kernel/decider';
import { parseStream } from '../../domain/kernel/ids';
import {
  AGENT_LEVEL,
  includesLevel,
  type Level,
  OWNER,
  personBehind,
  type Principal,
  type PrincipalKind,
} from '../../domain/kernel/principal';
import { Recent } from '../../domain/kernel/recent';
import { toTime } from '../../domain/kernel/time';
import type { Aggregate } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import { newId } from '../engine/new-id';
import type { Clock } from '../engine/ports';
import { InvalidToken, type Issuers, type Vouched } from '../engine/ports-issuers';
import { TenantStates } from '../engine/tenant-states';
import type { Transactor } from '../engine/transact';
import { AccessTokens, type Attestation, type Verified } from './access-tokens';
import { type Holding, Ongoing } from './ongoing';
import { InvalidProof, OTHER_KEY, type ShownProof } from './proofs';

/** How long a token holds, in seconds. */
export const TOKEN_SECONDS = 900;
/** Tokens that are remembered as verified. */
const REMEMBERED = 20_000;

export interface IdentityOptions {
  /** The colony's secrets, newest first. */
  readonly secrets: readonly [string, ...string[]];
  /** Where the colony is found: it issues the tokens, and they are meant for it. */
  readonly issuer: string;
  /** Others whose tokens count. */
  readonly issuers?: Issuers;
}

/** A token as it is handed out. */
export interface Handed {
  readonly token: string;
  readonly expiresIn: number;
  readonly level: Level;
  readonly session: string;
  /** The thumbprint of the key to which it is bound, if it is. */
  readonly jkt?: string;
}

/** Hears who asks for a token, once that is known and before anything is done; refuses by rejecting. */
export type Counts = (caller: Principal) => Promise<void>;

/** Who is to be given a token. */
export interface Wanted {
  readonly subject: string;
  readonly level?: Level;
  readonly roles?: readonly Role[];
  readonly groups?: readonly string[];
  readonly agentType?: string;
  /** The thumbprint of the key to which the token is to be bound; undefined: to none. */
  readonly jkt?: string;
}

/** A token that was seen, and what it says. */
interface Known extends Holding {
  readonly principal: Principal;
  /** Throws `InvalidToken` when it was taken back. */
  readonly check: (state: AccessState) => void;
  /** The principal where the tenant demands tokens that are bound, and this one is not. */
  unbound?: Principal;
}

export interface IdentityNeeds {
  readonly access: Aggregate<AccessState, AccessEvent>;
  readonly credentials: Aggregate<CredentialState, CredentialEvent>;
  readonly transactor: Pick<Transactor, 'onCommitted'>;
  readonly clock: Clock;
  readonly options: IdentityOptions;
}

export class Identity {
  private readonly revocations: TenantStates<AccessState, AccessEvent>;
  private readonly known = new Recent<string, Known>(REMEMBERED);
  /** By whom the tokens show. */
  private readonly shown = new WeakMap<Principal, Known>();
  private readonly ongoing: Ongoing<Known>;
  private opened: Promise<AccessTokens> | undefined;

  constructor(private readonly needs: IdentityNeeds) {
    const { access, transactor, clock } = needs;
    this.revocations = new TenantStates(access, ACCESS_ID, transactor);
    this.ongoing = new Ongoing(clock, (known) => this.faultOf(known));
    // After the states, which have it by then.
    transactor.onCommitted(({ category, stream }) => {
      if (category === access.decider.category) this.ongoing.heard(parseStream(stream).tenant);
    });
  }

  /** Opened when the first token comes: where none is used, what verifies them is not loaded. */
  private get tokens(): Promise<AccessTokens> {
    const { secrets, issuer } = this.needs.options;
    return (this.opened ??= AccessTokens.open(secrets, issuer, this.needs.clock));
  }

  get issuer(): string {
    return this.needs.options.issuer;
  }

  async published(): Promise<AccessTokens['published']> {
    return (await this.tokens).published;
  }

  /** Signs a document in its canonical form as the colony's own; see `AccessTokens.attest`. */
  async attest(payload: string): Promise<Attestation> {
    return await (await this.tokens).attest(payload);
  }

  // -------------------------------------------------------------------------------------------------- who calls

  /**
   * Who shows this token, which is ours or another issuer's, and with it the proof, where it is shown as one that is
   * bound to a key. Throws, or rejects with, `InvalidToken`, `InvalidProof`, `NotEntitled` or `IssuerUnavailable`.
   */
  callerOf(token: string, proof?: ShownProof): Principal | Promise<Principal> {
    const hash = digest(token);
    return this.remembered(token, proof, hash) ?? this.verify(token, proof, hash);
  }

  /**
   * The same of a token that was verified lately; undefined for others. Throws, or rejects with, `InvalidToken` when it
   * holds no more, `InvalidProof` when it is shown by somebody else.
   */
  remembered(token: string, proof?: ShownProof, hash = digest(token)): Principal | Promise<Principal> | undefined {
    const known = this.known.get(hash);
    if (known === undefined) return undefined;
    this.checkTime(known);
    const state = this.revocations.of(known.tenant);
    if (state instanceof Promise) return state.then((read) => this.shownBy(known, read, token, proof));
    return this.shownBy(known, state, token, proof);
  }

  private shownBy(
    known: Known,
    state: AccessState,
    token: string,
    proof: ShownProof | undefined,
  ): Principal | Promise<Principal> {
    known.check(state);
    const { principal } = known;
    const jkt = principal.token?.jkt;
    if (jkt === undefined) {
      if (proof !== undefined) throw new InvalidToken('is not bound to a key: send it as Bearer');
      return this.unbound(known, state);
    }
    if (proof === undefined) throw new InvalidToken('is bound to a key: send it as DPoP, with a proof (RFC 9449)');
    return this.tokens.then(({ proofs }) => proofs.check(proof, { token, jkt })).then(() => principal);
  }

  /** Who shows a token that is not bound to a key may do less where the tenant demands that. */
  private unbound(known: Known, state: AccessState): Principal {
    const { principal } = known;
    const level = unboundLevel(state, principal.level);
    if (level === principal.level || principal.token === undefined) return principal;
    if (known.unbound?.level !== level) {
      known.unbound = { ...principal, level, token: { ...principal.token, levelIfBound: principal.level } };
      this.shown.set(known.unbound, known);
    }
    return known.unbound;
  }

  /**
   * The thumbprint of the key that its holder proves to have, to ask for a token that is bound to it. Rejects with
   * `InvalidProof`.
   */
  async keyOf(proof: ShownProof): Promise<string> {
    return await (await this.tokens).proofs.check(proof);
  }

  /**
   * Calls `end` with what is wrong, an `InvalidToken`, once the token by which the caller is known has expired or was
   * taken back, in whatever process; never for a caller who has shown none. Calling what is returned ends the watch.
   */
  watch(caller: Principal, end: (fault: Error) => void): () => void {
    const known = this.shown.get(caller);
    return known === undefined ? () => undefined : this.ongoing.add(known, end);
  }

  /** What is wrong by now with the token by which the caller is known; undefined while it holds, or none was shown. */
  ended(caller: Principal): Error | undefined {
    const known = this.shown.get(caller);
    return known === undefined ? undefined : this.faultOf(known);
  }

  /** What is wrong with a token that was seen; undefined while it holds, as far as is known here. */
  private faultOf(known: Known): Error | undefined {
    try {
      this.checkTime(known);
      const state = this.revocations.of(known.tenant);
      if (!(state instanceof Promise)) known.check(state);
      // Read in a moment: then it is told to all.
      else state.then(() => this.ongoing.heard(known.tenant)).catch(() => undefined);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  private checkTime({ until }: Known): void {
    if (until <= this.needs.clock.now()) throw new InvalidToken('has expired: renew it, or ask for a new one');
  }

  private async verify(token: string, proof: ShownProof | undefined, hash: string): Promise<Principal> {
    const { issuers } = this.needs.options;
    const known =
      issuers?.know(token) === true
        ? vouchedFor(await issuers.verify(token))
        : ofOurs(await (await this.tokens).verify(token));
    const state = await this.revocations.of(known.tenant);
    known.check(state);
    this.known.set(hash, known);
    this.shown.set(known.principal, known);
    return await this.shownBy(known, state, token, proof);
  }

  // ------------------------------------------------------------------------------------------- who gets a token

  /**
   * A token for the colony's owner, who has signed that it asks for one, or for whom it names: then the owner acts in
   * that name, and receipts say so. It is not renewed: the key gets another one. Throws `InvalidToken`.
   */
  async forOwner(assertion: string, tenant: string, wanted: Wanted, counts?: Counts): Promise<Handed | Rejection> {
    await (await this.tokens).checkOwner(assertion);
    const owner: Principal = { tenant, id: OWNER, kind: 'human', level: 'critical' };
    await counts?.({ ...owner, id: wanted.subject });
    return await this.hand({ principal: owner }, wanted, { grant: 'owner', seconds: TOKEN_SECONDS });
  }

  /**
   * A token for an agent or a service of the caller's tenant, whose rights are no greater than the caller's own.
   * @param checked what was revoked when the caller was let in, where that was not at the edge
   */
  async issue(
    context: RequestContext,
    wanted: Wanted,
    grant: Grant = 'issued',
    checked?: AccessState,
  ): Promise<Handed | Rejection> {
    const { principal: caller } = context;
    const kind = kindOf(wanted.subject);
    const level = levelOf(kind, wanted);
    if (kind === 'human')
      return refused(
        'token-for-a-person',
        'people get their tokens from whoever vouches for them: name an agent or a service',
      );
    if (caller.kind === 'agent')
      return refused('token-not-yours-to-give', 'an agent gives no tokens: a person or a service does');
    if (kind === 'service' && !includesLevel(caller.level, 'critical'))
      return refused('token-not-yours-to-give', 'a token for a service takes the level critical');
    if (!includesLevel(caller.level, level)) return aboveYou(caller, level);
    const seconds = this.sessionOf(kind, caller);
    return await this.hand(context, wanted, { grant, seconds, checked });
  }

  /** Seconds. What a service gives to services ends with what it was given: else it would go on by itself for ever. */
  private sessionOf(kind: PrincipalKind, { kind: giver, token }: Principal): number {
    if (kind !== 'service' || giver !== 'service' || token?.until === undefined) return SESSION_SECONDS;
    return Math.min(SESSION_SECONDS, Math.floor((Date.parse(token.until) - this.needs.clock.now()) / 1_000));
  }

  /**
   * For a token of another issuer one of ours, for its holder or for an agent that the holder is entitled to speak for:
   * then the holder acts in the agent's name, and receipts say so. Throws as `callerOf` does.
   */
  async exchange(token: string, wanted: Partial<Wanted> = {}, counts?: Counts): Promise<Handed | Rejection> {
    const { issuers } = this.needs.options;
    if (issuers === undefined) throw new InvalidToken('is of an issuer that is not trusted here');
    const vouched = await issuers.verify(token);
    const { principal, check } = vouchedFor(vouched);
    const checked = await this.revocations.of(principal.tenant);
    check(checked);
    await counts?.(principal);
    if (vouched.jkt !== undefined && vouched.jkt !== wanted.jkt) throw new InvalidProof(OTHER_KEY);
    const { subject = principal.id } = wanted;
    if (subject !== principal.id) return await this.issue({ principal }, { ...wanted, subject }, 'exchanged', checked);
    const level = wanted.level ?? principal.level;
    if (!includesLevel(principal.level, level)) return aboveYou(principal, level);
    const { roles, groups } = vouched;
    const seconds = Math.max(0, vouched.expires - Math.floor(this.needs.clock.now() / 1_000));
    const { jkt } = wanted;
    return await this.hand(
      { principal },
      { subject, level, roles, groups, jkt },
      { grant: 'exchanged', seconds, checked },
    );
  }

  /**
   * Another token for whoever shows one that still holds, bound to the same key or to none: whoever has got hold of one
   * that is not can't make it one that is. Throws `InvalidToken`.
   * @param jkt thumbprint of the key that the holder has proven to have, if any
   */
  async renew(token: string, jkt?: string, counts?: Counts): Promise<Handed> {
    const tokens = await this.tokens;
    const verified = await tokens.verify(token);
    checkHolds(await this.revocations.of(verified.tenant), verified);
    await counts?.(ofOurs(verified).principal);
    if (verified.jkt !== jkt)
      throw verified.jkt === undefined
        ? new InvalidToken('is not bound to a key, and is not renewed to one that is: ask for a new one')
        : new InvalidProof(OTHER_KEY);
    const now = Math.floor(this.needs.clock.now() / 1_000);
    const expires = Math.min(now + TOKEN_SECONDS, verified.until);
    if (expires <= now) throw new InvalidToken('can be renewed no more: ask for a new one');
    const renewed = await tokens.sign(verified, newId(), expires);
    return { token: renewed, expiresIn: expires - now, level: verified.level, session: verified.session, jkt };
  }

  private async hand(
    context: RequestContext,
    wanted: Wanted,
    { grant, seconds, checked }: { readonly grant: Grant; readonly seconds: number; readonly checked?: AccessState },
  ): Promise<Handed | Rejection> {
    const { clock, credentials } = this.needs;
    const { tenant, id: by } = context.principal;
    const behind = personBehind(context.principal);
    const { subject, agentType, jkt } = wanted;
    const now = Math.floor(clock.now() / 1_000);
    const kind = kindOf(subject);
    const roles = kind === 'human' ? (wanted.roles ?? ['platform_admin']) : [];
    const level = kind === 'human' ? lower(rightsOf(roles)?.level ?? 'read_only', wanted.level) : levelOf(kind, wanted);
    // An agent with a token of its own speaks for itself; a service has no will but that of whoever gave it one, who is
    // no second person beside it, however many services stand between them.
    const actor = (grant !== 'issued' || kind === 'service') && subject !== behind ? behind : undefined;
    // The epochs of before the receipt: what is revoked meanwhile is revoked.
    const state = checked ?? (await this.revocations.of(tenant));
    const own = [state.epoch, epochOf(state, subject)] as const;
    const epochs = actor === undefined || grant === 'issued' ? own : ([...own, epochOf(state, actor)] as const);
    const outcome: Outcome<CredentialState, CredentialEvent> = await credentials.decide(
      { ...context, receiptOfRefusal: true, attributes: { agent_type: agentType, level, subject } },
      credentialId(subject),
      'token.issue',
      issue({
        session: newId(),
        principal: subject,
        kind,
        level,
        roles,
        groups: wanted.groups,
        agentType,
        grant,
        by,
        ...(jkt !== undefined && { jkt }),
        actor,
        until: toTime((now + seconds) * 1_000),
        epochs,
      }),
    );
    if (!outcome.ok) return outcome.rejection;
    // What came again gets a token of the session that it has, as long as that holds.
    const [{ data }] = outcome.events as [CredentialEvent];
    const until = Math.floor(Date.parse(data.until) / 1_000);
    const expires = Math.min(now + TOKEN_SECONDS, until);
    const claims = {
      ...{ tenant, subject, kind: data.kind, level: data.level, roles: data.roles, groups: data.groups ?? [] },
      ...{ agentType: data.agentType, actor: data.actor, jkt: data.jkt, session: data.session, until },
      epochs: data.epochs ?? FIRST_EPOCHS,
    };
    if (until <= now || isTakenBack(await this.revocations.of(tenant), claims)) return TOKEN_OVER;
    const token = await (await this.tokens).sign(claims, newId(), expires);
    return { token, expiresIn: expires - now, level: data.level, session: data.session, jkt: data.jkt };
  }

  // --------------------------------------------------------------------------------------------- whose are taken back

  /** Takes tokens of the caller's tenant back, in every process within a second. */
  async revoke(context: RequestContext, revoked: Revoked, reason: string): Promise<Outcome<AccessState, AccessEvent>> {
    const decision = revoke(revoked, context.principal.id, reason, toTime(this.needs.clock.now()));
    return await this.needs.access.decide(
      { ...context, receiptOfRefusal: true, attributes: { ...revoked } },
      ACCESS_ID,
      'token.revoke',
      decision,
    );
  }

  /** Which tokens hold in the tenant. */
  async accessTo(tenant: string) {
    return await this.needs.access.load(tenant, ACCESS_ID);
  }

  /** Demands that tokens of the caller's tenant are bound to a key from a level on, everywhere within a second. */
  async requireBinding(
    context: RequestContext,
    from: BindingLevel | undefined,
    reason: string,
  ): Promise<Outcome<AccessState, AccessEvent>> {
    return await this.needs.access.decide(
      { ...context, receiptOfRefusal: true, attributes: { from: from ?? null } },
      ACCESS_ID,
      'token.bind',
      requireBinding(from, context.principal, reason),
    );
  }
}

const FIRST_EPOCHS: Epochs = [0, 0];
const TOKEN_OVER = refuse(
  'token-over',
  'the token that this request was given was revoked since, or can be renewed no more: ask for another one, under another Idempotency-Key',
);

/** Throws `InvalidToken` when it was taken back. */
function checkHolds(state: AccessState, verified: Verified): void {
  if (isTakenBack(state, verified)) throw new InvalidToken('was revoked');
}

function isTakenBack(
  state: AccessState,
  { session, subject, actor: by, epochs }: Pick<Verified, 'session' | 'subject' | 'actor' | 'epochs'>,
): boolean {
  const [tenantEpoch, principalEpoch, epoch] = epochs;
  const actor = by === undefined || epoch === undefined ? undefined : { principal: by, epoch };
  return isRevoked(state, { session, principal: subject, tenantEpoch, principalEpoch, actor });
}

function ofOurs(verified: Verified): Known {
  const { tenant, subject, kind, level, roles, groups, actor, session, expires, until: last, jkt } = verified;
  const principal = {
    ...{ tenant, id: subject, kind, via: actor },
    ...entitled(kind, roles, groups, level),
    token: { session, expires: toTime(expires * 1_000), until: toTime(last * 1_000), jkt },
  };
  const until = (expires + TOLERANCE_SECONDS) * 1_000;
  return { tenant, principal, until, check: (state) => checkHolds(state, verified) };
}

function vouchedFor({ tenant, subject, kind, roles, groups, session, issued, expires, jkt }: Vouched): Known {
  const level = kind === 'agent' ? AGENT_LEVEL : 'critical';
  const principal = {
    ...{ tenant, id: subject, kind },
    ...entitled(kind, roles, groups, lower(level, rightsOf(roles)?.level)),
    token: { session, expires: toTime(expires * 1_000), jkt },
  };
  const until = (expires + TOLERANCE_SECONDS) * 1_000;
  return {
    tenant,
    principal,
    until,
    check(state) {
      if (isRevokedSince(state, session, subject, toTime(issued * 1_000))) throw new InvalidToken('was revoked');
    },
  };
}

/** Groups are people's: nobody else decides where a rule asks for one. */
function entitled(
  kind: PrincipalKind,
  roles: readonly Role[],
  named: readonly string[],
  level: Level,
): Pick<Principal, 'level' | 'groups'> {
  const rights = kind === 'human' ? rightsOf(roles) : undefined;
  if (rights === undefined) return { level };
  return { level: lower(rights.level, level), groups: [...new Set([...rights.groups, ...named])] };
}

function lower(level: Level, other: Level = level): Level {
  return includesLevel(level, other) ? other : level;
}

/** `human:ada` is a person, `service:crm` a program that is no agent, anything else an agent of that id. */
function kindOf(subject: string): Exclude<PrincipalKind, 'system'> {
  return subject.startsWith('human:') ? 'human' : subject.startsWith('service:') ? 'service' : 'agent';
}

function levelOf(kind: PrincipalKind, { level }: Wanted): Level {
  return level ?? (kind === 'agent' ? AGENT_LEVEL : 'critical');
}

function aboveYou(caller: Principal, level: Level): Rejection {
  return refused('token-above-you', `you hold ${caller.level}: a token of ${level} is not yours to give`);
}

function refused(code: string, message: string): Rejection {
  return new Rejection('forbidden', code, message);
}

function digest(text: string): string {
  return hashOf('sha256', text, 'base64');
}
