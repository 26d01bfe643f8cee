/** Tokens of other issuers: whom they let in, and every shape of theirs that lets nobody in. */
import { OidcIssuers } from '../../adapters/oidc/issuers';
import { IssuerSettings } from '../../adapters/oidc/settings';
import { InvalidToken, IssuerUnavailable, NotEntitled } from '../../app/identity/module';
import { Rejection } from '../../domain/kernel/decider';
import type { Principal } from '../../domain/kernel/principal';
import { TestIssuer } from '../support/issuer';
import { as, Stage, TENANT } from '../support/stage';

const SECRET = 'a secret of thirty-two characters, or more';
const OURS = 'http://127.0.0.1:7071';
const DIRECTORY = '11111111-1111-4111-8111-111111111111';
const OTHER = '22222222-2222-4222-8222-222222222222';
const ADA = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
const APP = 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb';
const BLUEPRINT = 'cccccccc-cccc-4ccc-8ccc-cccccccccccc';
const AUDIENCE = 'dddddddd-dddd-4ddd-8ddd-dddddddddddd';

let stage: Stage;
let issuer: TestIssuer;
let entra: TestIssuer;
let noted: Readonly<Record<string, unknown>>[];

beforeEach(async () => {
  [issuer, entra] = await Promise.all([TestIssuer.start(), TestIssuer.start()]);
  const common = { audience: 'formicary', issuer: issuer.url, tenant: TENANT, type: 'oidc' };
  const settings = IssuerSettings.parse([
    { ...common, name: 'bank', kind: 'human', groups: { 'sg-risk': 'risk' } },
    { ...common, name: 'bank-programs', kind: 'service', roles_claim: 'scope', roles: { 'formicary.run': 'operator' } },
    {
      ...{ type: 'entra', name: 'entra', authority: entra.url, audience: [AUDIENCE, 'api://formicary'] },
      tenants: { [DIRECTORY]: TENANT },
    },
  ]);
  noted = [];
  const issuers = await OidcIssuers.open(settings, { now: () => stage.clock.now() }, (facts) => noted.push(facts));
  stage = new Stage({ shared: true, identity: { secrets: [SECRET], issuer: OURS, issuers } });
  await stage.start();
});
afterEach(async () => {
  await stage.end();
  await Promise.all([issuer.stop(), entra.stop()]);
});

const identity = () => stage.living[0]!.colony.identity;
const now = () => Math.floor(stage.clock.now() / 1_000);

/** Who the token shows, or why it shows nobody. */
async function shown(token: string): Promise<Principal | string> {
  try {
    return await identity().callerOf(token);
  } catch (error) {
    if (error instanceof InvalidToken) return `401 ${error.message}`;
    if (error instanceof NotEntitled) return `403 ${error.message}`;
    if (error instanceof IssuerUnavailable) return `503 ${error.message}`;
    throw error;
  }
}

const person = (more: object = {}) => ({
  ...{ iss: issuer.url, aud: 'formicary', sub: 'ada', azp: 'portal', roles: ['approver'] },
  ...{ iat: now(), exp: now() + 3_600, ...more },
});

const admin = { principal: { ...as('human:eve').principal, kind: 'human', level: 'critical' } } as const;

describe('an issuer of OpenID Connect', () => {
  test('says who a person is, and what it may do', async () => {
    expect(await shown(issuer.token(person({ groups: ['sg-risk', 'sg-other'] })))).toMatchObject({
      ...{ tenant: TENANT, id: 'human:bank:ada', kind: 'human', level: 'read_write', groups: ['approvers', 'risk'] },
    });
    expect(await shown(issuer.token(person({ roles: ['viewer', 'operator', 'root'] })))).toMatchObject({
      level: 'execute',
      groups: [],
    });
  });

  test('says who a program is, which is no person', async () => {
    const program = person({ sub: 'batch', azp: 'batch', roles: undefined, scope: 'formicary.run' });
    expect(await shown(issuer.token(program))).toMatchObject({
      ...{ id: 'service:bank-programs:batch', kind: 'service', level: 'execute' },
    });
    expect(await shown(issuer.token(person({ sub: 'portal' })))).toMatch(/^403 bank-programs gives you no role/);
  });

  test('gives nobody a name of somebody else', async () => {
    const subjects = ['human:owner', '~abc', 'a b', 'ä', 'x'.repeat(200), '../ada', 'ada', 'owner'];
    const ids = await Promise.all(
      subjects.map(async (sub) => (await shown(issuer.token(person({ sub })))) as Principal),
    );
    expect(new Set(ids.map(({ id }) => id)).size).toBe(subjects.length);
    for (const { id } of ids) expect(id).toMatch(/^human:bank:[A-Za-z0-9._~:-]{1,80}$/);
  });

  test.each<[string, () => string, RegExp]>([
    ['a person without a role', () => issuer.token(person({ roles: [] })), /^403 bank gives you no role/],
    ['a role that is inherited by every object', () => issuer.token(person({ roles: ['constructor'] })), /^403/],
    ['another audience', () => issuer.token(person({ aud: 'graph' })), /^401 is of bank, and meant for somebody else/],
    ['no end', () => issuer.token(person({ exp: undefined })), /^401/],
    ['no beginning', () => issuer.token(person({ iat: undefined })), /^401/],
    ['of the future', () => issuer.token(person({ iat: now() + 600 })), /^401/],
    ['not yet', () => issuer.token(person({ nbf: now() + 600 })), /^401/],
    ['expired', () => issuer.token(person({ exp: now() - 60 })), /^401 has expired/],
    ['nobody', () => issuer.token(person({ sub: undefined })), /^401 names nobody/],
    ['an id token', () => issuer.token(person({ nonce: 'n' })), /^401 is not meant for an API/],
    ['a token of another type', () => issuer.token(person(), { typ: 'logout+jwt' }), /^401 is not meant for an API/],
    ['a key that it does not have', () => issuer.token(person(), { kid: 'mine' }), /^401/],
    ['a signature of another issuer', () => entra.token(person()), /^401/],
    ['no algorithm', () => issuer.token(person(), { alg: 'none' }), /^401/],
    ['a shared secret', () => issuer.token(person(), { alg: 'HS256' }), /^401/],
    ['an issuer that nobody trusts', () => issuer.token(person({ iss: 'https://evil.example.com' })), /^401/],
  ])('refuses %s', async (_, token, why) => {
    expect(await shown(token())).toMatch(why);
  });

  test('that can’t be reached is no reason to refuse, or to believe, anybody', async () => {
    issuer.broken = 'x'.repeat(1_000_000);
    expect(await shown(issuer.token(person()))).toMatch(/^503 .*262144 bytes/);
    const before = issuer.asked;
    for (let i = 0; i < 20; i += 1)
      expect(await shown(issuer.token(person({ jti: i })))).toMatch(/^503 .*a moment ago/);
    expect(issuer.asked).toBe(before);
  });

  test.each<[string, () => string]>([
    ['no JSON', () => '<html>'],
    ['nothing', () => '{}'],
    ['another issuer', () => JSON.stringify({ issuer: entra.url, jwks_uri: `${issuer.url}/keys` })],
    [
      'keys that anybody on the way could replace',
      () => JSON.stringify({ issuer: issuer.url, jwks_uri: 'http://id.example.com/keys' }),
    ],
  ])('whose configuration names %s is not used, and not asked again by every request', async (_, configuration) => {
    issuer.configuration = configuration();
    for (let i = 0; i < 20; i += 1) expect(await shown(issuer.token(person({ jti: i })))).toMatch(/^503/);
    expect(issuer.configured).toBe(1);
  });

  test('is asked once for keys that many tokens name and it has not', async () => {
    expect(await shown(issuer.token(person()))).toMatchObject({ kind: 'human' });
    const before = issuer.asked;
    for (let i = 0; i < 20; i += 1) expect(await shown(issuer.token(person(), { kid: `k${i}` }))).toMatch(/^401/);
    expect(issuer.asked - before).toBeLessThanOrEqual(1);
  });

  test('signs nothing that holds on after a revocation of its principal, of its token, of the tenant', async () => {
    const token = issuer.token(person());
    const { session } = ((await shown(token)) as Principal).token!;
    const spared = issuer.token(person({ sub: 'bo' }));
    await identity().revoke(admin, { kind: 'token', id: session }, 'it may have leaked');
    expect(await shown(token)).toBe('401 was revoked');
    // The last character of a signature may be written in several ways, which all are the same token.
    const sibling = token.slice(0, -1) + String.fromCharCode(token.charCodeAt(token.length - 1) ^ 1);
    expect(await shown(sibling)).toMatch(/^401/);
    const again = issuer.token(person({ jti: '2' }));
    expect(await shown(again)).toMatchObject({ kind: 'human' });
    await identity().revoke(admin, { kind: 'principal', id: 'human:bank:ada' }, 'its key may have leaked');
    expect(await shown(again)).toBe('401 was revoked');
    expect(await shown(spared)).toMatchObject({ kind: 'human' });
    await identity().revoke(admin, { kind: 'tenant' }, 'all of them');
    expect(await shown(spared)).toBe('401 was revoked');
    stage.clock.time += 10_000;
    expect(await shown(issuer.token(person({ jti: '3' })))).toMatchObject({ kind: 'human' });
  });
});

describe('a token of another issuer in exchange', () => {
  const operator = () => issuer.token(person({ roles: ['operator'] }));

  test('gives its holder one of ours, with no more rights, for no longer', async () => {
    const handed = await identity().exchange(operator(), { level: 'read_only' });
    if (handed instanceof Rejection) throw new Error(handed.message);
    expect(await shown(handed.token)).toMatchObject({ id: 'human:bank:ada', level: 'read_only', via: undefined });
    expect(await identity().exchange(operator(), { level: 'critical' })).toMatchObject({ code: 'token-above-you' });
    stage.clock.time += 3_700_000;
    await expect(identity().renew(handed.token)).rejects.toThrow(InvalidToken);
  });

  test('gives an agent its own, and receipts say who stood for it', async () => {
    const handed = await identity().exchange(operator(), { subject: 'recon-7' });
    if (handed instanceof Rejection) throw new Error(handed.message);
    expect(await shown(handed.token)).toMatchObject({
      id: 'recon-7',
      kind: 'agent',
      level: 'execute',
      via: 'human:bank:ada',
    });
    const given = stage.log().flatMap(({ events }) => events.filter(({ type }) => type === 'TokenIssued'));
    expect(given.at(-1)).toMatchObject({ data: { grant: 'exchanged', by: 'human:bank:ada', actor: 'human:bank:ada' } });
    const viewer = issuer.token(person({ roles: ['viewer'] }));
    expect(await identity().exchange(viewer, { subject: 'recon-7' })).toMatchObject({ code: 'token-above-you' });
    // It ends with those of whoever stands for it, and is not renewed.
    await identity().revoke(admin, { kind: 'principal', id: 'human:bank:ada' }, 'its key may have leaked');
    expect(await shown(handed.token)).toBe('401 was revoked');
    await expect(identity().renew(handed.token)).rejects.toThrow(InvalidToken);
    stage.clock.time += 10_000;
    expect(await identity().exchange(operator(), { subject: 'human:eve' })).toMatchObject({
      code: 'token-for-a-person',
    });
  });
});

test('what is revoked while an exchange waits its turn is not given', async () => {
  const revoked = () =>
    identity()
      .revoke(admin, { kind: 'principal', id: 'human:bank:ada' }, 'its key may have leaked')
      .then(() => undefined);
  for (const wanted of [{}, { subject: 'recon-7' }]) {
    const token = issuer.token(person({ roles: ['operator'] }));
    expect(await identity().exchange(token, wanted, revoked)).toMatchObject({ code: 'token-over' });
    stage.clock.time += 10_000;
  }
});

describe('Entra ID', () => {
  const v2 = (more: object = {}) => ({
    ...{ ver: '2.0', iss: `${entra.url}/${DIRECTORY}/v2.0`, tid: DIRECTORY, aud: AUDIENCE, oid: ADA, azp: APP },
    ...{ scp: 'access', roles: ['operator'], preferred_username: 'admin@bank.example' },
    ...{ iat: now(), exp: now() + 3_600, ...more },
  });
  const v1 = (more: object = {}) =>
    v2({
      ...{ ver: '1.0', iss: `https://sts.windows.net/${DIRECTORY}/`, aud: 'api://formicary' },
      ...{ appid: APP, azp: undefined, ...more },
    });
  const program = { scp: undefined, idtyp: 'app' };

  test('names people by their object, in both shapes, and never by what they call themselves', async () => {
    for (const claims of [v2(), v1(), v2({ email: 'root@bank.example', upn: 'human:owner' })])
      expect(await shown(entra.token(claims))).toMatchObject({
        ...{ id: `human:entra:${DIRECTORY}:${ADA}`, kind: 'human', level: 'execute', tenant: TENANT },
      });
  });

  test('names applications, and agents, which are no people whoever they act for', async () => {
    expect(await shown(entra.token(v2(program)))).toMatchObject({
      ...{ id: `service:entra:${DIRECTORY}:${ADA}`, kind: 'service', level: 'execute' },
    });
    const agent = {
      xms_act_fct: '3 9 11',
      xms_sub_fct: '9 3 11',
      xms_par_app_azp: BLUEPRINT,
      roles: ['platform_admin'],
    };
    for (const [claims, id] of [
      [{ ...program, ...agent }, ADA],
      [{ ...agent, xms_sub_fct: '2' }, APP],
    ] as const) {
      const shows = await shown(entra.token(v2(claims)));
      expect(shows).toMatchObject({ id: `entra:${DIRECTORY}:${id}`, kind: 'agent', level: 'execute' });
      expect(shows).not.toHaveProperty('groups');
      expect(noted.at(-1)).toMatchObject({ blueprint: BLUEPRINT, client: APP });
    }
  });

  test.each<[string, () => object, RegExp]>([
    ['an old token for a new audience of somebody else', () => v1({ aud: 'api://other' }), /^401/],
    ['a directory that is not trusted', () => v2({ tid: OTHER, iss: `${entra.url}/${OTHER}/v2.0` }), /^401.*directory/],
    ['a directory that is none', () => v2({ tid: 'constructor' }), /^401.*directory/],
    ['an issuer of another directory', () => v2({ iss: `${entra.url}/${OTHER}/v2.0` }), /^401/],
    ['an old issuer on a new token', () => v2({ iss: `https://sts.windows.net/${DIRECTORY}/` }), /^401/],
    ['a token that tells a client who has signed in', () => v2({ scp: undefined }), /^401 says neither/],
    ['an application with what was delegated', () => v2({ idtyp: 'app' }), /^401 is an application/],
    ['nobody', () => v2({ oid: undefined }), /^401 names nobody/],
    ['somebody without a role', () => v2({ roles: undefined }), /^403 entra gives you no role/],
    ['roles in a place of their own', () => v2({ roles: undefined, 'body.roles': ['platform_admin'] }), /^403/],
  ])('refuses %s', async (_, claims, why) => {
    expect(await shown(entra.token(claims()))).toMatch(why);
  });

  test('refuses a key that is for another directory', async () => {
    entra.add('theirs', { issuer: `${entra.url}/${OTHER}/v2.0` });
    entra.add('anybodys', { issuer: `${entra.url}/{tenantid}/v2.0` });
    expect(await shown(entra.token(v2(), { kid: 'theirs' }))).toMatch(/^401 was signed with the key of another/);
    expect(await shown(entra.token(v2(), { kid: 'anybodys' }))).toMatchObject({ kind: 'human' });
  });
});

test('settings that would trust too many are refused', () => {
  const one = {
    type: 'oidc',
    name: 'bank',
    issuer: 'https://id.example.com',
    audience: 'formicary',
    tenant: 'acme',
    kind: 'human',
  };
  const wrong = (more: object) => IssuerSettings.safeParse([{ ...one, ...more }]).success;
  expect(wrong({})).toBe(true);
  for (const more of [
    { issuer: 'http://id.example.com' },
    { audience: [] },
    { audience: '' },
    { kind: 'agent' },
    { tenant: 'Not A Tenant' },
    { roles: { x: 'root' } },
    { name: 'A' },
    { unknown: 1 },
    { type: 'entra' },
  ])
    expect([more, wrong(more)]).toEqual([more, false]);
  expect(IssuerSettings.safeParse([one, one]).success).toBe(false);
});
