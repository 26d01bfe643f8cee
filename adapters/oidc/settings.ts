/** The issuers of tokens that the settings name, as they are read from JSON. */
import { z } from 'zod';
import { ROLES } from '../../domain/identity/role';
import { isTenant } from '../../domain/kernel/ids';

/** Issuers that a colony may trust. */
const MAX_ISSUERS = 20;
const ENTRA = 'https://login.microsoftonline.com';

const tenant = z.string().refine(isTenant, 'give a tenant: 1 to 63 lower-case letters, digits and hyphens');
/** Whoever could answer in its place could let anybody in: only this machine is reached without TLS. */
export const address = z
  .url({ protocol: /^https?$/, error: 'give a URL that begins with https://' })
  .refine((given) => {
    const { protocol, hostname } = new URL(given);
    return protocol === 'https:' || ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
  }, 'give a URL that begins with https://');
const role = z.enum(ROLES, `give one of ${ROLES.join(', ')}`);

/** How people sign in on the page of the window: a client without a secret that is registered there for it. */
const window = z
  .strictObject({
    client_id: z.string().min(1).max(200),
    /** What is asked for, words parted by spaces: what makes its access tokens ones for this colony. */
    scope: z.string().min(1).max(1_000).default('openid'),
    /** What the tokens are to be for, where it is said so (RFC 8707). */
    resource: z.url().max(500).optional(),
  })
  .optional();

const common = {
  /** Stands in the id of each principal, `human:NAME:…`: keep it for as long as its people have receipts. */
  name: z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'give lower-case letters, digits and hyphens, 31 at most'),
  /** What its tokens must be meant for: this colony, as it is registered there. */
  audience: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(10)]),
  /** The claim that lists roles. */
  roles_claim: z.string().min(1).default('roles'),
  /** What a value of that claim gives; without it the names of roles themselves count. */
  roles: z.record(z.string(), role).optional(),
  /** Of whoever has no role; without it they are let do nothing. */
  default_role: role.optional(),
  /** What a value of the claim `groups` gives: groups that approvals ask for. */
  groups: z.record(z.string(), z.string().min(1).max(100)).default({}),
  window,
};

const OpenId = z
  .strictObject({
    ...common,
    type: z.literal('oidc'),
    /** Exactly as its tokens say it (`iss`). */
    issuer: address,
    /** Where its keys are; without it, where its configuration says. */
    jwks_uri: address.optional(),
    /** Whose callers they are. */
    tenant,
    /** Whom it vouches for: people alone decide where a rule asks for people. Name an issuer of both twice. */
    kind: z.enum(['human', 'service']),
  })
  .refine(({ kind, window: signIn }) => kind === 'human' || signIn === undefined, {
    path: ['window'],
    error: 'leave it out where no people sign in (kind)',
  });

const Entra = z.strictObject({
  ...common,
  type: z.literal('entra'),
  /** The tenant here of each directory (`tid`); those of others are refused. */
  tenants: z
    .record(z.guid('give the ids of directories'), tenant)
    .refine((named) => Object.keys(named).length > 0, 'give at least one directory'),
  /** Another cloud's. */
  authority: address.default(ENTRA),
});

export const IssuerSettings = z
  .array(z.discriminatedUnion('type', [OpenId, Entra]))
  .max(MAX_ISSUERS)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'give each issuer a name of its own');

/** Where people can sign in on the page of the window, and as which client: public, all of it. */
export function signInsOf(issuers: IssuerSettings) {
  return issuers.flatMap((one) => {
    const { name, window: signIn } = one;
    if (signIn === undefined) return [];
    if (one.type === 'oidc') return [{ name, issuer: one.issuer, ...signIn }];
    const directories = Object.keys(one.tenants);
    return directories.map((directory) => ({
      name: directories.length === 1 ? name : `${name} (${directory})`,
      issuer: `${one.authority.replace(/\/$/, '')}/${directory}/v2.0`,
      ...signIn,
    }));
  });
}

export type OpenIdSettings = z.output<typeof OpenId>;
export type EntraSettings = z.output<typeof Entra>;
export type IssuerSettings = z.output<typeof IssuerSettings>;
