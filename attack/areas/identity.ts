/** Tokens of other issuers: of every shape that must let nobody in, or not as somebody else. */
import { createHmac } from 'node:crypto';
import { asks, type Attempt, family, tries } from '../attempt';
import type { World } from '../world';

const NONE = '401 unauthenticated';
const FORBIDDEN = '403 forbidden';
const OTHER_DIRECTORY = '99999999-9999-4999-8999-999999999999';
const BETAS_DIRECTORY = '22222222-2222-4222-8222-222222222222';
const BLUEPRINT = 'cccccccc-cccc-4ccc-8ccc-cccccccccccc';
const now = () => Math.floor(Date.now() / 1_000);

const POST = (world: World) => ({ json: { id: world.fresh('vouched'), task_type: 'attack.nobody' } });

/** Claims by OpenID Connect alone. */
const person = ({ issuer }: World, more: object = {}) => ({
  ...{ iss: issuer.url, aud: 'formicary', sub: 'ada', azp: 'portal', roles: ['operator'] },
  ...{ iat: now(), exp: now() + 3_600, ...more },
});

const posts = (id: string, what: string, expected: string, token: (world: World) => string): Attempt<void> =>
  asks<void>(id, `post a task with ${what}`, expected, (_, world) => [
    '/v1/tasks',
    { token: token(world), ...POST(world) },
  ]);
const oidc = (id: string, what: string, expected: string, claims: (world: World) => object, header: object = {}) =>
  posts(id, what, expected, (world) =>
    world.issuer.token(person(world, { sub: `ada-${id}`, ...claims(world) }), header),
  );
const entra = (id: string, what: string, expected: string, claims: (world: World) => object, header: object = {}) =>
  posts(id, what, expected, (world) =>
    world.directory.token(world.claimsOf('operator', { sub: id, ...claims(world) }), header),
  );
/** Who the host says that the token shows. */
const names = (
  id: string,
  what: string,
  expected: string | readonly string[],
  token: (world: World) => string,
): Attempt<void> =>
  tries<void>(id, `pass for somebody else with ${what}`, expected, async (world) => {
    const reply = await world.ask('/v1/me', { token: token(world) });
    if (reply.status !== 200) return await world.says('/v1/me', { token: token(world) });
    const { id: shown, level, groups, kind } = reply.body;
    const cast = ['admin', 'approver', 'viewer'].find((name) => world.idOf(name) === shown);
    return `${kind} ${level} ${(groups as string[]).join('+')} ${cast ?? 'of its own name'}`;
  });

const byOpenId = family<void>('identity', 'openid', {
  prepare: () => undefined,
  attempts: [
    oidc('audience', 'a token for another audience', NONE, () => ({ aud: 'graph' })),
    oidc('audiences', 'a token for audiences that are not ours', NONE, () => ({ aud: ['graph', 'formicary2'] })),
    oidc('audience-object', 'an audience that is an object', NONE, () => ({ aud: { 0: 'formicary' } })),
    oidc('id-token', 'an id token', NONE, () => ({ nonce: 'n' })),
    oidc('logout', 'a logout token', NONE, () => ({}), { typ: 'logout+jwt' }),
    oidc('no-end', 'a token without an end', NONE, () => ({ exp: undefined })),
    oidc('expired', 'a token that has expired', NONE, () => ({ exp: now() - 60 })),
    oidc('text-end', 'an end that is a text', NONE, () => ({ exp: '4102444800' })),
    oidc('future', 'a token of the future', NONE, () => ({ iat: now() + 600 })),
    oidc('not-yet', 'a token that holds later', NONE, () => ({ nbf: now() + 600 })),
    oidc('nobody', 'a token of nobody', NONE, () => ({ sub: undefined })),
    oidc('no-role', 'a token without a role', FORBIDDEN, () => ({ roles: [] })),
    oidc('odd-role', 'a role that every object has', FORBIDDEN, () => ({ roles: ['constructor', '__proto__'] })),
    oidc('role-object', 'roles that are an object', FORBIDDEN, () => ({ roles: { tenant_admin: true } })),
    oidc('role-case', 'a role in capitals', FORBIDDEN, () => ({ roles: ['TENANT_ADMIN', ' operator'] })),
    oidc('viewer', "a viewer's token", FORBIDDEN, () => ({ roles: ['viewer'] })),
    oidc('wrong-issuer', 'an issuer that nobody trusts', NONE, () => ({ iss: 'https://evil.example.com' })),
    oidc('issuer-slash', 'the issuer with a slash', NONE, ({ issuer }) => ({ iss: `${issuer.url}/` })),
    oidc('issuer-longer', 'an issuer that begins like ours', NONE, ({ issuer }) => ({
      iss: `${issuer.url}.evil.example.com`,
    })),
    oidc('issuer-canary', 'an issuer on this machine that nobody trusts', NONE, ({ canary }) => ({ iss: canary.url })),
    oidc('no-algorithm', 'the algorithm none', NONE, () => ({}), { alg: 'none' }),
    oidc('hs256', 'HS256', NONE, () => ({}), { alg: 'HS256' }),
    oidc('unknown-key', 'a key that the issuer has not', NONE, () => ({}), { kid: 'mine' }),
    posts('other-signer', 'a signature of another issuer that is trusted', NONE, (world) =>
      world.directory.token(person(world)),
    ),
    posts('hs256-key', 'HS256 and the public modulus as its secret', NONE, (world) => {
      const [head, body] = world.issuer.token(person(world), { alg: 'HS256' }).split('.') as [string, string];
      return `${head}.${body}.${createHmac('sha256', 'AQAB').update(`${head}.${body}`).digest('base64url')}`;
    }),
    posts('dark', 'a token of an issuer whose keys are ten million bytes', '503 unavailable', ({ dark }) =>
      dark.token({
        iss: dark.url,
        aud: 'formicary',
        sub: 'ada',
        roles: ['tenant_admin'],
        iat: now(),
        exp: now() + 600,
      }),
    ),
    tries<void>('dark-flood', 'make the host ask for those keys again and again', 'asked no more', (world) =>
      flooded(world, world.dark, () => ({
        iss: world.dark.url,
        aud: 'formicary',
        sub: 'ada',
        iat: now(),
        exp: now() + 600,
      })),
    ),
    tries<void>('kid-flood', 'make the host fetch keys for each of thirty kids', 'asked no more', (world) =>
      flooded(
        world,
        world.issuer,
        () => person(world, { sub: 'flood' }),
        (n) => ({ kid: `k${n}` }),
      ),
    ),
    names('groups', 'groups of ours as claims', 'human execute  of its own name', (world) =>
      world.issuer.token(person(world, { groups: ['approvers', 'administrators', 'policy-authors'] })),
    ),
    names('subject', 'the name of an administrator as its subject', 'human execute  of its own name', (world) =>
      world.issuer.token(person(world, { sub: world.idOf('admin') })),
    ),
    names('owner', 'the name of the owner as its subject', 'human execute  of its own name', (world) =>
      world.issuer.token(person(world, { sub: 'human:owner' })),
    ),
    names('level', 'a level and a kind as claims', 'human execute  of its own name', (world) =>
      world.issuer.token(person(world, { level: 'critical', kind: 'system', tenant: 'beta' })),
    ),
  ],
  control: {
    does: 'an operator whom the issuer vouches for posts a task',
    expected: '201',
    run: (world) => world.says('/v1/tasks', { token: world.issuer.token(person(world)), ...POST(world) }),
  },
});

/** Shows thirty tokens that no key fits; whether the issuer was asked for its keys more than once by that. */
async function flooded(
  world: World,
  issuer: World['issuer'],
  claims: (n: number) => object,
  header: (n: number) => object = () => ({}),
): Promise<string> {
  const before = issuer.asked;
  for (let n = 0; n < 30; n += 1)
    await world.ask('/v1/me', { token: issuer.token({ ...claims(n), jti: n }, header(n)) });
  const asked = issuer.asked - before;
  return asked <= 1 ? 'asked no more' : `asked ${asked} times`;
}

const byEntra = family<void>('identity', 'entra', {
  prepare(world) {
    world.directory.add('theirs', { issuer: `${world.directory.url}/${OTHER_DIRECTORY}/v2.0` });
    world.directory.add('betas', { issuer: `${world.directory.url}/${BETAS_DIRECTORY}/v2.0` });
  },
  attempts: [
    entra('audience', 'a token for another application', NONE, () => ({ aud: 'api://other' })),
    entra('graph', 'a token for Microsoft Graph', NONE, () => ({ aud: '00000003-0000-0000-c000-000000000000' })),
    entra('old-shape', 'an old issuer on a new token', NONE, () => ({
      iss: 'https://sts.windows.net/11111111-1111-4111-8111-111111111111/',
    })),
    entra('directory', 'a directory that nobody trusts', NONE, ({ directory }) => ({
      tid: OTHER_DIRECTORY,
      iss: `${directory.url}/${OTHER_DIRECTORY}/v2.0`,
    })),
    entra('tid', 'a directory that is not its issuer', NONE, () => ({ tid: BETAS_DIRECTORY })),
    entra('issuer', 'an issuer that is not its directory', NONE, ({ directory }) => ({
      iss: `${directory.url}/${BETAS_DIRECTORY}/v2.0`,
    })),
    entra('odd-directory', 'a directory that every object has', NONE, () => ({ tid: 'constructor' })),
    entra('no-directory', 'no directory', NONE, () => ({ tid: undefined })),
    entra('foreign-key', 'a key that is for a directory nobody trusts', NONE, () => ({}), { kid: 'theirs' }),
    entra('betas-key', 'a key that is for the directory of another tenant', NONE, () => ({}), { kid: 'betas' }),
    entra('id-token', 'a token that tells a client who has signed in', NONE, () => ({ scp: undefined })),
    entra('app-with-scope', 'the token of an application with what a person delegated', NONE, () => ({ idtyp: 'app' })),
    entra('no-object', 'a token without an object', NONE, () => ({ oid: undefined })),
    entra('no-role', 'a token without a role', FORBIDDEN, () => ({ roles: undefined })),
    entra('odd-place', 'roles in a place of their own', FORBIDDEN, () => ({
      roles: undefined,
      'body.roles': ['tenant_admin'],
      wids: ['62e90394-69f5-4237-9190-012177145e10'],
    })),
    entra('scope-as-role', 'a scope that is called like a role', FORBIDDEN, () => ({
      roles: undefined,
      scp: 'tenant_admin',
    })),
    names('email', 'the address of an administrator', 'human read_only  viewer', (world) =>
      world.directory.token(
        world.claimsOf('viewer', {
          ...{ email: 'admin@alpha.example', upn: world.idOf('admin'), preferred_username: world.idOf('admin') },
          ...{ unique_name: 'admin', name: 'admin', sub: world.idOf('admin') },
        }),
      ),
    ),
    names('groups', 'groups that nobody mapped', 'human read_only  viewer', (world) =>
      world.directory.token(world.claimsOf('viewer', { groups: ['approvers', 'administrators'] })),
    ),
    names('blueprint', 'the blueprint of an agent whose rights are others', 'agent execute  of its own name', (world) =>
      world.directory.token(
        world.claimsOf('viewer', {
          ...{ scp: undefined, idtyp: 'app', xms_act_fct: '3 9 11', xms_sub_fct: '9 3 11' },
          ...{ xms_par_app_azp: BLUEPRINT, roles: ['platform_admin'] },
        }),
      ),
    ),
    names('agent-as-person', 'an agent that acts for a person', 'agent execute  of its own name', (world) =>
      world.directory.token(world.claimsOf('admin', { xms_act_fct: '11', xms_par_app_azp: BLUEPRINT })),
    ),
    asks<void>(
      'agent-approves',
      'change what the colony costs as an agent of the directory with the role of an administrator',
      FORBIDDEN,
      (_, world) => [
        '/v1/budgets/tenant/alpha',
        {
          method: 'PUT',
          json: { limit_micro_usd: 1, reason: 'x' },
          token: world.directory.token(
            world.claimsOf('admin', {
              scp: undefined,
              idtyp: 'app',
              xms_sub_fct: '11',
              xms_act_fct: '11',
              roles: ['tenant_admin'],
            }),
          ),
        },
      ],
    ),
  ],
  control: {
    does: 'an operator of the directory posts a task',
    expected: '201',
    run: (world) => world.says('/v1/tasks', { as: 'operator', ...POST(world) }),
  },
});

export const identity = [byOpenId, byEntra];
