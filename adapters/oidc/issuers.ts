/**
 * The other issuers that a colony trusts: any of OpenID Connect, and Entra ID, whose tokens have shapes of their own.
 * A token that says it is of one of them is verified with that issuer's keys and by nothing else.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../app/engine/ports';
import { InvalidToken, type Issuers, NotEntitled, type Vouched } from '../../app/engine/ports-issuers';
import { isRole, type Role } from '../../domain/identity/role';
import { isId } from '../../domain/kernel/ids';
import { own } from '../../domain/kernel/own';
import { type Jose, RemoteKeys } from './keys';
import { address, type EntraSettings, type IssuerSettings, type OpenIdSettings } from './settings';

/** Longest token that is looked at, in characters: those of Entra that list groups are long. */
const MAX_TOKEN = 16_384;

type Claims = Readonly<Record<string, unknown>>;

/** Hears what a token says besides, and what decides nothing: the application that was used, an agent's blueprint. */
export type Noted = (facts: Readonly<Record<string, unknown>>) => void;

interface TrustedIssuer {
  /** Whether a token with these claims, unproven so far, says that it is of this issuer. */
  signs(claims: Claims): boolean;
  /** Whether it is one of those that these settings are about, where several are about one issuer. */
  takes(claims: Claims): boolean;
  verify(token: string, claims: Claims): Promise<Vouched>;
}

export class OidcIssuers implements Issuers {
  private constructor(private readonly trusted: readonly TrustedIssuer[]) {}

  static async open(settings: IssuerSettings, clock: Clock, noted: Noted = () => undefined): Promise<OidcIssuers> {
    const library = await import('jose');
    return new OidcIssuers(
      settings.map((one) =>
        one.type === 'entra'
          ? new EntraIssuer(library, one, clock, noted)
          : new OpenIdIssuer(library, one, clock, noted),
      ),
    );
  }

  know(token: string): boolean {
    return this.found(token) !== undefined;
  }

  async verify(token: string): Promise<Vouched> {
    const found = this.found(token);
    if (found === undefined) throw new InvalidToken('is of an issuer that is not trusted here');
    return await found.issuer.verify(token, found.claims);
  }

  private found(token: string): { readonly issuer: TrustedIssuer; readonly claims: Claims } | undefined {
    const claims = unproven(token);
    if (claims === undefined) return undefined;
    const named = this.trusted.filter((one) => one.signs(claims));
    const issuer = named.find((one) => one.takes(claims)) ?? named[0];
    return issuer && { issuer, claims };
  }
}

/** What a token claims; nothing of it is believed. */
function unproven(token: string): Claims | undefined {
  const [, payload] = token.length > MAX_TOKEN ? [] : token.split('.', 3);
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return typeof claims === 'object' && claims !== null ? (claims as Claims) : undefined;
  } catch {
    return undefined;
  }
}

// ----------------------------------------------------------------------------------------------- OpenID Connect

const ACCESS_TYPES = [undefined, 'JWT', 'at+jwt', 'application/at+jwt'];
/** What only tokens have that tell a client who has signed in: they are not for us, whoever they name. */
const OF_ID_TOKENS = ['nonce', 'at_hash', 'c_hash'];
const Configuration = z.object({ issuer: z.string(), jwks_uri: address });

class OpenIdIssuer implements TrustedIssuer {
  private readonly keys: RemoteKeys;
  private readonly audience: readonly string[];

  constructor(
    library: Jose,
    private readonly settings: OpenIdSettings,
    clock: Clock,
    private readonly noted: Noted,
  ) {
    const { name, issuer, jwks_uri: address, audience } = settings;
    this.audience = [audience].flat();
    this.keys = new RemoteKeys(library, name, address ?? ((get) => addressOf(issuer, get)), clock);
  }

  signs({ iss }: Claims): boolean {
    return iss === this.settings.issuer;
  }

  takes(claims: Claims): boolean {
    const isMeant = [claims.aud].flat().some((one) => this.audience.includes(one as string));
    return isMeant && (this.settings.kind !== 'human' || !isProgram(claims));
  }

  async verify(token: string): Promise<Vouched> {
    const { name, issuer, kind, tenant } = this.settings;
    const { payload, header } = await this.keys.verify(token, { issuer, audience: [...this.audience] });
    if (!ACCESS_TYPES.includes(header.typ) || OF_ID_TOKENS.some((claim) => payload[claim] !== undefined))
      throw new InvalidToken('is not meant for an API: send an access token');
    const { sub, azp, client_id: client } = payload;
    if (typeof sub !== 'string' || sub === '') throw new InvalidToken('names nobody (sub)');
    if (kind === 'human' && isProgram(payload))
      throw new InvalidToken(`is a program's, and ${name} vouches for people here`);
    const vouched = vouchedBy(this.settings, token, payload);
    const subject = `${kind}:${name}:${idOf(sub)}`;
    this.noted({ issuer: name, tenant, principal: subject, client: client ?? azp });
    return { ...vouched, tenant, subject, kind };
  }
}

/** A client that has asked in its own name is its token's subject too (RFC 9068). */
function isProgram({ sub, azp, client_id: client }: Claims): boolean {
  return sub === client || sub === azp;
}

/** Where the keys of an issuer are, as its configuration says. Throws when it says nothing that can be believed. */
async function addressOf(issuer: string, get: (url: string) => Promise<string>): Promise<string> {
  const text = await get(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  const { issuer: named, jwks_uri: keys } = Configuration.parse(JSON.parse(text));
  if (named !== issuer) throw new Error(`its configuration is that of ${named}`);
  return keys;
}

// ---------------------------------------------------------------------------------------------------- Entra ID

const V1 = 'https://sts.windows.net/';
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Of what acts, or is named: an identity of an agent, in the claims that say so. */
const AGENT_IDENTITY = '11';

class EntraIssuer implements TrustedIssuer {
  private readonly keys: RemoteKeys;
  private readonly authority: string;

  constructor(
    library: Jose,
    private readonly settings: EntraSettings,
    clock: Clock,
    private readonly noted: Noted,
  ) {
    this.authority = settings.authority.replace(/\/$/, '');
    this.keys = new RemoteKeys(library, settings.name, `${this.authority}/common/discovery/v2.0/keys`, clock);
  }

  takes(): boolean {
    return true;
  }

  signs({ iss }: Claims): boolean {
    return typeof iss === 'string' && (iss.startsWith(`${this.authority}/`) || iss.startsWith(V1));
  }

  async verify(token: string, unproven: Claims): Promise<Vouched> {
    const { name, tenants, audience } = this.settings;
    const { tid } = unproven;
    const tenant = typeof tid === 'string' && GUID.test(tid) ? own(tenants, tid) : undefined;
    if (tenant === undefined) throw new InvalidToken(`is of a directory of ${name} that is not trusted here (tid)`);
    const directory = `${this.authority}/${tid as string}/v2.0`;
    const issuer = unproven.ver === '1.0' ? `${V1}${tid as string}/` : directory;
    const { payload, key } = await this.keys.verify(token, { issuer, audience: [audience].flat() });
    // Some keys are for certain directories alone.
    const { issuer: keyIssuer } = (key ?? {}) as Claims;
    if (typeof keyIssuer === 'string' && keyIssuer.replace('{tenantid}', tid as string) !== directory)
      throw new InvalidToken('was signed with the key of another directory');
    const vouched = vouchedBy(this.settings, token, payload);
    const who = this.whoOf(payload, tid as string);
    const { azp, appid, xms_par_app_azp: blueprint } = payload;
    this.noted({ issuer: name, directory: tid, tenant, principal: who.subject, client: azp ?? appid, blueprint });
    return { ...vouched, tenant, ...who };
  }

  /** People by their object id: a name or an address may be another's tomorrow. */
  private whoOf(payload: Claims, tid: string): Pick<Vouched, 'subject' | 'kind'> {
    const { oid, azp, appid, idtyp, scp } = payload;
    const isProgram = idtyp === 'app';
    if (isProgram === (typeof scp === 'string' && scp !== ''))
      throw new InvalidToken(
        isProgram
          ? "is an application's, and says that it was delegated (scp)"
          : "says neither what was delegated (scp) nor that it is an application's (idtyp): send an access token, and let the registration add the claim idtyp",
      );
    const id = isAgent(payload) && !isProgram ? (azp ?? appid) : oid;
    if (typeof id !== 'string' || !GUID.test(id)) throw new InvalidToken('names nobody (oid)');
    const place = `${this.settings.name}:${tid}:${id}`;
    // Whoever it acts for, what acts is an agent, and never counts as a person.
    if (isAgent(payload)) return { subject: place, kind: 'agent' };
    return isProgram ? { subject: `service:${place}`, kind: 'service' } : { subject: `human:${place}`, kind: 'human' };
  }
}

/** Unordered numbers, of which others may come. */
function isAgent({ xms_act_fct: acting, xms_sub_fct: named }: Claims): boolean {
  return [acting, named]
    .flat()
    .flatMap((facets) =>
      typeof facets === 'string' || typeof facets === 'number' ? String(facets).split(/[\s,]+/) : [],
    )
    .includes(AGENT_IDENTITY);
}

// -------------------------------------------------------------------------------------------------- what all say

type Common = Pick<OpenIdSettings, 'name' | 'roles' | 'roles_claim' | 'default_role' | 'groups'>;

function vouchedBy(settings: Common, token: string, payload: Claims): Omit<Vouched, 'tenant' | 'subject' | 'kind'> {
  const roles = rolesOf(settings, payload);
  if (roles.length === 0)
    throw new NotEntitled(
      `${settings.name} gives you no role here: have it put one into the claim ${settings.roles_claim}`,
    );
  const { groups, cnf } = payload;
  const { jkt } = (cnf ?? {}) as Claims;
  return {
    roles,
    ...(typeof jkt === 'string' && { jkt }),
    groups: texts(groups).flatMap((group) => own(settings.groups, group) ?? []),
    // Without its signature, whose last character may be written in several ways.
    session: createHash('sha256')
      .update(token.slice(0, token.lastIndexOf('.')))
      .digest('base64url')
      .slice(0, 32),
    issued: payload.iat as number,
    expires: payload.exp as number,
  };
}

function rolesOf({ roles, roles_claim: claim, default_role: otherwise }: Common, payload: Claims): Role[] {
  const named = texts(own(payload, claim)).flatMap((value) => {
    const role = roles === undefined ? value : own(roles, value);
    return role !== undefined && isRole(role) ? [role] : [];
  });
  return named.length > 0 || otherwise === undefined ? named : [otherwise];
}

/** A list; of a text, such as `scope` is one, its words. */
function texts(claim: unknown): string[] {
  const all: readonly unknown[] = typeof claim === 'string' ? claim.split(' ') : [claim].flat();
  return all.filter((one): one is string => typeof one === 'string');
}

/** As it is said where that can stand in an id, else its hash, which no `sub` is spelled like. */
function idOf(sub: string): string {
  if (sub.length <= 64 && isId(sub) && !sub.startsWith('~')) return sub;
  return `~${createHash('sha256').update(sub).digest('hex').slice(0, 32)}`;
}
