/** Tokens of the colony's own: forged, altered, taken back, and given to those who may not have them. */
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { asks, type Attempt, family, tries } from '../attempt';
import { saidBy, saidByEndpoint } from '../http';
import type { World } from '../world';

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const parsed = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
const NONE = '401 unauthenticated';

/** A token that holds, taken apart; and keys of an attacker. */
interface Genuine {
  readonly token: string;
  readonly header: Record<string, unknown>;
  readonly claims: Record<string, unknown>;
  readonly signature: string;
  /** The colony's public key. */
  readonly published: { readonly x: string; readonly pem: string };
  readonly own: KeyObject;
}

/** Whose tokens are forged, in turn: of one session only so many wrong ones are even looked at. */
const HOLDERS = ['crm', 'desk', 'ops', 'spy'] as const;
/** Whose token says little, so that much can be changed in it. */
const LOWLY = 'ant';

async function genuine(world: World, holder: string = HOLDERS[0]): Promise<Genuine> {
  const token = world.tokenOf(holder);
  const [header, claims, signature] = token.split('.') as [string, string, string];
  const { keys } = await world.done('/.well-known/jwks.json');
  const pem = createPublicKey({ key: keys[0], format: 'jwk' }).export({ format: 'pem', type: 'spki' }).toString();
  const { privateKey: own } = generateKeyPairSync('ed25519');
  return {
    ...{ token, signature, own },
    header: parsed(header),
    claims: parsed(claims),
    published: { x: keys[0].x, pem },
  };
}

const text = (header: object, claims: object) => `${part(header)}.${part(claims)}`;
const signed = (key: KeyObject, header: object, claims: object) => {
  const body = text(header, claims);
  return `${body}.${sign(null, Buffer.from(body), key).toString('base64url')}`;
};
const hmac = (secret: string | Buffer, header: object, claims: object) => {
  const body = text(header, claims);
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
};
const jwkOf = (key: KeyObject) => createPublicKey(key).export({ format: 'jwk' });

/** What every forged token is to do. */
const POST = (world: World) => ({ json: { id: world.fresh('forged'), task_type: 'attack.nobody' } });

let turn = 0;
const forged = (id: string, what: string, make: (it: Genuine, world: World) => string): Attempt<readonly Genuine[]> => {
  const n = (turn += 1) % HOLDERS.length;
  return asks(id, `post a task with ${what}`, NONE, (all, world) => [
    '/v1/tasks',
    { token: make(all[n] as Genuine, world), ...POST(world) },
  ]);
};
const changed = (id: string, what: string, more: object): Attempt<readonly Genuine[]> =>
  asks(id, `post a task with a token in which ${what}`, NONE, (all, world) => {
    const { header, claims, signature } = all.at(-1) as Genuine;
    return ['/v1/tasks', { token: `${text(header, { ...claims, ...more })}.${signature}`, ...POST(world) }];
  });
const shown = (
  id: string,
  what: string,
  make: (it: Genuine) => { readonly path?: string; readonly headers?: Record<string, string>; readonly json?: object },
  expected: string | readonly string[] = NONE,
): Attempt<readonly Genuine[]> =>
  asks(id, `post a task with ${what}`, expected, ([it], world) => {
    const { path = '/v1/tasks', headers, json } = make(it as Genuine);
    return [path, { headers, json: { ...POST(world).json, ...json } }];
  });

const forgery = family<readonly Genuine[]>('tokens', 'forged', {
  prepare: (world) => Promise.all([...HOLDERS, LOWLY].map((holder) => genuine(world, holder))),
  attempts: [
    ...['none', 'None', 'nOnE', ''].map((alg) =>
      forged(
        `alg-${alg || 'empty'}`,
        `the algorithm "${alg}" and no signature`,
        ({ header, claims }) => `${text({ ...header, alg }, claims)}.`,
      ),
    ),
    forged('hs256-key', 'HS256 and the public key as its secret', ({ header, claims, published }) =>
      hmac(Buffer.from(published.x, 'base64url'), { ...header, alg: 'HS256' }, claims),
    ),
    forged('hs256-pem', 'HS256 and the public key in PEM as its secret', ({ header, claims, published }) =>
      hmac(published.pem, { ...header, alg: 'HS256' }, claims),
    ),
    forged('hs256-empty', 'HS256 and an empty secret', ({ header, claims }) =>
      hmac('', { ...header, alg: 'HS256' }, claims),
    ),
    forged('other-key', 'a signature of another key under the kid of ours', ({ header, claims, own }) =>
      signed(own, header, claims),
    ),
    forged('no-kid', 'a signature of another key and no kid', ({ header, claims, own }) =>
      signed(own, { ...header, kid: undefined }, claims),
    ),
    forged('unknown-kid', 'a kid that nobody has', ({ header, claims, own }) =>
      signed(own, { ...header, kid: 'mine' }, claims),
    ),
    forged('kid-path', 'a kid that climbs', ({ header, claims, own }) =>
      signed(own, { ...header, kid: '../../../dev/null' }, claims),
    ),
    forged('kid-sql', 'a kid that is SQL', ({ header, claims, own }) =>
      signed(own, { ...header, kid: "' OR '1'='1" }, claims),
    ),
    forged('kid-proto', 'a kid that every object has', ({ header, claims, own }) =>
      signed(own, { ...header, kid: '__proto__' }, claims),
    ),
    forged('jwk', 'the key that verifies it in its header', ({ header, claims, own }) =>
      signed(own, { ...header, jwk: jwkOf(own) }, claims),
    ),
    forged('jku', 'an address of keys in its header', ({ header, claims, own }, { canary }) =>
      signed(own, { ...header, jku: `${canary.url}/keys` }, claims),
    ),
    forged('x5u', 'an address of a certificate in its header', ({ header, claims, own }, { canary }) =>
      signed(own, { ...header, x5u: `${canary.url}/certificate` }, claims),
    ),
    forged('crit', 'a critical header that nobody knows', ({ header, claims, own }) =>
      signed(own, { ...header, crit: ['b64'], b64: false }, claims),
    ),
    changed('level', 'the level was raised', { level: 'critical' }),
    changed('tenant', 'the tenant was exchanged', { tenant: 'beta' }),
    changed('subject', 'the subject was exchanged', { sub: 'human:owner' }),
    changed('kind', 'an agent was made a person', { kind: 'human' }),
    changed('system', 'somebody was made the colony itself', { kind: 'system', sub: 'market' }),
    changed('groups', 'groups were added', { groups: ['approvers', 'administrators'] }),
    changed('expiry', 'the end was moved', { exp: 4_102_444_800 }),
    changed('epochs', 'the epochs were moved', { epochs: [99, 99] }),
    forged('stripped', 'the signature taken off', ({ header, claims }) => `${text(header, claims)}.`),
    forged('two-parts', 'two parts only', ({ header, claims }) => text(header, claims)),
    forged(
      'cut',
      'half of the signature',
      ({ header, claims, signature }) => `${text(header, claims)}.${signature.slice(0, 40)}`,
    ),
    forged('four-parts', 'a fourth part', ({ token }) => `${token}.${part({ admin: true })}`),
    forged('five-parts', 'the form of an encrypted token', ({ token }) => `${token}..${part({ enc: 'A256GCM' })}`),
    forged('doubled', 'the token twice in one', ({ token }) => `${token}${token}`),
    forged('long', 'nine thousand characters', () => 'a'.repeat(9_000)),
    forged('json', 'the signature in the JSON form', ({ header, claims, signature }) =>
      part({ payload: part(claims), protected: part(header), signature }),
    ),
    shown('query', 'the token in the query', ({ token }) => ({ path: `/v1/tasks?access_token=${token}` })),
    shown('cookie', 'the token in a cookie', ({ token }) => ({ headers: { cookie: `access_token=${token}` } })),
    shown('body', 'the token in the body', ({ token }) => ({ json: { access_token: token } })),
    shown('basic', 'the token as a password', ({ token }) => ({
      headers: { authorization: `Basic ${btoa(`x:${token}`)}` },
    })),
    shown('other-header', 'the token in a header of a proxy', ({ token }) => ({
      headers: { 'x-forwarded-authorization': `Bearer ${token}` },
    })),
    shown('two', 'two tokens in one header', ({ token }) => ({
      headers: { authorization: `Bearer ${token}, Bearer ${token}` },
    })),
    shown('no-scheme', 'the token without a scheme', ({ token }) => ({ headers: { authorization: token } })),
    shown('spaces', 'nothing behind the scheme', () => ({ headers: { authorization: 'Bearer  ' } })),
    shown('dev-headers', 'the headers of tests, which name the owner', () => ({
      headers: { 'x-formicary-tenant': 'alpha', 'x-formicary-principal': 'human:owner' },
    })),
    shown('easy-auth', 'the header of Easy Auth, forged', () => ({
      headers: {
        'x-ms-client-principal': btoa(
          JSON.stringify({ auth_typ: 'aad', claims: [{ typ: 'roles', val: 'platform_admin' }] }),
        ),
        'x-ms-client-principal-id': 'human:owner',
        'x-ms-client-principal-name': 'human:owner',
      },
    })),
    shown('easy-auth-empty', 'an empty header of Easy Auth', () => ({ headers: { 'x-ms-client-principal': 'e30=' } })),
    shown('functions-key', 'a key of the Functions host', () => ({ headers: { 'x-functions-key': 'master' } })),
    tries('jku-fetched', 'have the host fetch keys from where a token says', 'nobody was led there', (world) =>
      world.canary.seen.length === 0 ? 'nobody was led there' : world.canary.seen.join(),
    ),
  ],
  control: {
    does: 'the token as it was given posts a task',
    expected: '201',
    run: (world) => world.says('/v1/tasks', { as: 'crm', ...POST(world) }),
  },
});

// ------------------------------------------------------------------------------------------------ the token endpoint

type Form = Readonly<Record<string, string>>;

async function exchange(world: World, form: Form): Promise<string> {
  return saidByEndpoint(await endpoint(world, form));
}

function endpoint(world: World, form: Form | string) {
  return world.ask('/oauth/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    text: new URLSearchParams(form).toString(),
  });
}

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const OURS = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const renewal = (token: string, more: Form = {}): Form => ({
  ...{ grant_type: EXCHANGE, subject_token: token, subject_token_type: OURS },
  ...more,
});
const bearer = (assertion: string, more: Form = {}): Form => ({
  ...{ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion },
  ...more,
});

/** A token for an agent, in exchange for one of the issuer of whoever is to act in its name. */
export async function exchanged(world: World, token: string, subject: string): Promise<string> {
  const { status, text, body } = await endpoint(world, bearer(token, { subject }));
  if (status !== 200) throw new Error(`no token for ${subject}: ${status} ${text}`);
  return body.access_token as string;
}

/** Who the token is that the endpoint gave; else what it said. */
async function given(world: World, form: Form): Promise<string> {
  const reply = await endpoint(world, form);
  if (reply.status !== 200) return saidByEndpoint(reply);
  const { tenant, id, level } = await world.done('/v1/me', { token: reply.body.access_token as string });
  return `${tenant} ${id} ${level}`;
}

const CREDENTIALS = { grant_type: 'client_credentials' };
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** What an attacker signs who says to be the owner. */
function assertion(key: KeyObject, host: string, more: object = {}, header: object = {}): string {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { iss: 'owner', sub: 'owner', aud: host, iat: now, exp: now + 60, jti: randomUUID(), ...more };
  return signed(key, { alg: 'EdDSA', typ: 'JWT', ...header }, claims);
}
const asOwner = (text: string, more: Form = {}): Form => ({
  ...{ ...CREDENTIALS, client_assertion_type: ASSERTION, client_assertion: text },
  ...more,
});

const asks4 = (
  id: string,
  what: string,
  expected: string,
  form: (it: Genuine, world: World) => Form,
): Attempt<Genuine> =>
  tries<Genuine>(id, `ask for a token ${what}`, expected, (world, it) => exchange(world, form(it, world)));

const endpointFamily = family<Genuine>('tokens', 'endpoint', {
  prepare: (world) => genuine(world),
  attempts: [
    asks4('nothing', 'without a grant', '400 invalid_request', () => ({})),
    asks4('password', 'for a password', '400 unsupported_grant_type', () => ({
      grant_type: 'password',
      username: 'human:owner',
      password: 'x',
    })),
    asks4('implicit', 'as the owner, without a proof', '401 invalid_client', () => CREDENTIALS),
    asks4('secret', 'as the owner, with a secret', '401 invalid_client', () => ({
      ...CREDENTIALS,
      client_id: 'owner',
      client_secret: 'x',
    })),
    asks4('other-key', 'as the owner, signed with another key', '401 invalid_client', ({ own }, { host }) =>
      asOwner(assertion(own, host.url)),
    ),
    asks4('other-client', 'as another client', '401 invalid_client', ({ own }, { host }) =>
      asOwner(assertion(own, host.url), { client_id: 'crm' }),
    ),
    asks4('unsigned', 'as the owner, with the algorithm none', '401 invalid_client', ({ own }, { host }) =>
      asOwner(`${assertion(own, host.url, {}, { alg: 'none' }).split('.').slice(0, 2).join('.')}.`),
    ),
    asks4('own-token-as-proof', 'as the owner, with a token of ours as the proof', '401 invalid_client', ({ token }) =>
      asOwner(token),
    ),
    asks4('key-in-header', 'as the owner, the key in the header', '401 invalid_client', ({ own }, { host }) =>
      asOwner(assertion(own, host.url, {}, { jwk: jwkOf(own) })),
    ),
    asks4(
      'pass-through',
      'for a person, with a token of ours as if another issuer had made it',
      '400 invalid_grant',
      ({ token }) => bearer(token, { subject: 'human:owner' }),
    ),
    asks4(
      'pass-through-agent',
      'for another agent, with a token of ours as if another issuer had made it',
      '400 invalid_grant',
      ({ token }) => bearer(token, { subject: 'bee' }),
    ),
    asks4('confused-type', 'by calling a token of ours one of another issuer', '400 invalid_grant', ({ token }) =>
      renewal(token, { subject_token_type: JWT }),
    ),
    asks4('foreign-renewed', "by renewing another issuer's token as ours", '400 invalid_grant', (_, world) =>
      renewal(world.tokenOf('operator')),
    ),
    asks4(
      'altered-renewed',
      'by renewing a token that can be renewed for ever',
      '400 invalid_grant',
      ({ header, claims, signature }) => renewal(`${text(header, { ...claims, until: 4_102_444_800 })}.${signature}`),
    ),
    asks4('above', "of the level critical for an operator's", '400 invalid_grant', (_, world) =>
      bearer(world.tokenOf('operator'), { scope: 'critical' }),
    ),
    asks4('no-level', 'of a level that is none', '400 invalid_scope', (_, world) =>
      bearer(world.tokenOf('operator'), { scope: 'root' }),
    ),
    asks4('two-levels', 'of two levels', '400 invalid_scope', (_, world) =>
      bearer(world.tokenOf('operator'), { scope: 'read_only critical' }),
    ),
    asks4('person', 'for another person', '400 invalid_grant', (_, world) =>
      bearer(world.tokenOf('admin'), { subject: 'human:eve' }),
    ),
    asks4('service', 'for a service, as an operator', '400 invalid_grant', (_, world) =>
      bearer(world.tokenOf('operator'), { subject: 'service:crm' }),
    ),
    asks4('viewer-agent', 'for an agent, as a viewer', '400 invalid_grant', (_, world) =>
      bearer(world.tokenOf('viewer'), { subject: 'ant' }),
    ),
    asks4('odd-subject', 'for a subject that is no id', '400 invalid_request', (_, world) =>
      bearer(world.tokenOf('admin'), { subject: '../ant' }),
    ),
    tries<Genuine>(
      'renewed-as-other',
      'renew a token as somebody else, elsewhere and with more rights',
      ['alpha service:crm critical', '400 invalid_request'],
      (world, { token }) =>
        given(world, renewal(token, { subject: 'human:owner', tenant: 'beta', scope: 'critical', audience: 'x' })),
    ),
    tries<Genuine>(
      'renewed-agent',
      "renew an agent's token with the level critical",
      ['alpha ant execute', '400 invalid_scope'],
      (world) => given(world, renewal(world.tokenOf('ant'), { scope: 'critical' })),
    ),
    tries<Genuine>(
      'exchanged-elsewhere',
      "have a token of one's own exchanged for one of another tenant",
      [`alpha ant execute`, '400 invalid_request'],
      (world) => given(world, bearer(world.tokenOf('admin'), { subject: 'ant', tenant: 'beta' })),
      ['credential'],
    ),
    tries<Genuine>('doubled', 'give a parameter twice', '400 invalid_request', async (world) =>
      saidByEndpoint(
        await world.ask('/oauth/token', {
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          text: `${new URLSearchParams(renewal(world.tokenOf('ant'))).toString()}&subject_token=x`,
        }),
      ),
    ),
    tries<Genuine>('json', 'send the form as JSON', '400 invalid_request', async (world) =>
      saidByEndpoint(await world.ask('/oauth/token', { json: renewal(world.tokenOf('ant')) })),
    ),
    tries<Genuine>('large', 'send a form of forty thousand characters', '400 invalid_request', (world) =>
      exchange(world, { ...CREDENTIALS, x: 'a'.repeat(40_000) }),
    ),
  ],
  control: {
    does: 'a token is renewed by its holder',
    expected: 'alpha ant execute',
    run: (world) => given(world, renewal(world.tokenOf('ant'))),
  },
});

// ------------------------------------------------------------------------------------------------ taken back, given

interface Revoked {
  readonly name: string;
  readonly token: string;
  /** Of the same session, got by renewing it before. */
  readonly renewed: string;
}

/** What is said to a request whose body comes in two parts, with something in between. */
async function slowly(world: World, token: string, body: string, between: () => Promise<unknown>): Promise<string> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const sent = request(`${world.host.url}/v1/tasks`, { method: 'POST', headers });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  sent.write(body.slice(0, 5));
  // Until it was let in.
  await new Promise((resolve) => setTimeout(resolve, 300));
  await between();
  sent.end(body.slice(5));
  const [reply] = await answered;
  return saidBy({ status: reply.statusCode ?? 0, body: await json(reply) });
}

const POST_BY = (token: string, world: World) => ['/v1/tasks', { token, ...POST(world) }] as const;

const revokedFamily = family<Revoked>('tokens', 'revoked', {
  async prepare(world) {
    const name = world.fresh('lost');
    const token = await world.introduce(name, { tenant: 'alpha', subject: name });
    const renewed = (await endpoint(world, renewal(token))).body.access_token as string;
    await world.done('/v1/tasks', { token, ...POST(world) });
    await world.done('/v1/revocations', {
      as: 'admin',
      json: { kind: 'principal', id: name, reason: 'its key may have leaked' },
    });
    return { name, token, renewed };
  },
  attempts: [
    asks<Revoked>('shown', 'post with a token that was revoked', NONE, ({ token }, world) => POST_BY(token, world)),
    asks<Revoked>('renewed-before', 'post with one that it was renewed to before', NONE, ({ renewed }, world) =>
      POST_BY(renewed, world),
    ),
    asks<Revoked>('spelled-otherwise', 'post with it, its last character spelled otherwise', NONE, ({ token }, world) =>
      POST_BY(token.slice(0, -1) + String.fromCharCode(token.charCodeAt(token.length - 1) ^ 1), world),
    ),
    asks<Revoked>('padded', 'post with it, padded', NONE, ({ token }, world) => POST_BY(`${token}==`, world)),
    asks<Revoked>('read', 'read with it', NONE, ({ token }) => ['/v1/tasks', { token }]),
    asks<Revoked>('documents', 'read the metrics with it', NONE, ({ token }) => ['/metrics', { token }]),
    tries<Revoked>('renewed', 'renew it', '400 invalid_grant', (world, { token }) => exchange(world, renewal(token))),
    tries<Revoked>(
      'exchanged',
      'exchange it as if another issuer had made it',
      '400 invalid_grant',
      (world, { token }) => exchange(world, bearer(token)),
    ),
    tries<Revoked>(
      'followed',
      'go on following receipts by it',
      'it ended',
      async (world) => {
        const name = world.fresh('follows');
        const token = await world.introduce(name, { tenant: 'alpha', subject: name });
        const { body } = await fetch(`${world.host.url}/v1/receipts/stream`, {
          headers: { authorization: `Bearer ${token}` },
        });
        const reason = 'its key may have leaked';
        await world.done('/v1/revocations', { as: 'admin', json: { kind: 'principal', id: name, reason } });
        const reader = body!.getReader();
        const ended = (async () => {
          while (!(await reader.read()).done);
          return 'it ended';
        })().catch(() => 'it ended');
        const goesOn = new Promise<string>((resolve) => setTimeout(() => resolve('it goes on'), 5_000).unref());
        const said = await Promise.race([ended, goesOn]);
        await reader.cancel().catch(() => undefined);
        return said;
      },
      ['credential', 'access'],
    ),
    tries<Revoked>(
      'slow',
      'post by a request that had begun before it was revoked',
      NONE,
      async (world) => {
        const name = world.fresh('slow');
        const token = await world.introduce(name, { tenant: 'alpha', subject: name });
        // So long as the token holds, what is wrong with the body is told.
        const before = await slowly(world, token, '{"id": 17}', () => Promise.resolve());
        if (before !== '400 invalid-request') return `${before} before anything was revoked`;
        const reason = 'its key may have leaked';
        return await slowly(world, token, JSON.stringify(POST(world).json), () =>
          world.done('/v1/revocations', { as: 'admin', json: { kind: 'principal', id: name, reason } }),
        );
      },
      ['credential', 'access'],
    ),
    tries<Revoked>('locked-out', 'lock somebody out by forty wrong tokens in its name', '200', async (world) => {
      const token = world.tokenOf('crm');
      for (let n = 0; n < 40; n += 1)
        await world.ask('/v1/me', { token: `${token.slice(0, -8)}${String(n).padStart(8, 'A')}` });
      return await world.says('/v1/me', { as: 'crm' });
    }),
    asks<Revoked>('undone', 'take the revocation back, as an agent', '403 forbidden', (_, _world) => [
      '/v1/revocations',
      { as: 'ant', json: { kind: 'tenant', reason: 'x' } },
    ]),
  ],
  control: {
    does: 'a new token of the same agent posts a task',
    expected: '201',
    run: async (world, { name }) =>
      await world.says(...POST_BY(await world.introduce(name, { tenant: 'alpha', subject: name }), world)),
  },
});

const issue = (
  id: string,
  what: string,
  as: string,
  expected: string | readonly string[],
  json: object,
): Attempt<void> => asks<void>(id, `give ${what}`, expected, () => ['/v1/tokens', { as, json }]);

const given4 = family<void>('tokens', 'given', {
  prepare: () => undefined,
  attempts: [
    issue('agent-gives', 'another agent a token, as an agent', 'ant', '403 token-not-yours-to-give', {
      subject: 'bee',
    }),
    issue('agent-itself', 'itself a token of the level critical, as an agent', 'ant', '403 token-not-yours-to-give', {
      subject: 'ant',
      level: 'critical',
    }),
    issue('operator-above', 'a token above one’s own, as an operator', 'operator', '403 token-above-you', {
      subject: 'bee',
      level: 'critical',
    }),
    issue('operator-service', 'a service a token, as an operator', 'operator', '403 token-not-yours-to-give', {
      subject: 'service:crm',
    }),
    issue('viewer', 'a token, as a viewer', 'viewer', '403 forbidden', { subject: 'bee', level: 'read_only' }),
    issue('person', 'a person a token', 'admin', '403 token-for-a-person', { subject: 'human:eve' }),
    issue('type', 'a watcher a token of the level execute', 'admin', '403 policy-denied', {
      subject: 'bee',
      agent_type: 'watcher',
      level: 'execute',
    }),
    issue('type-within', 'a watcher of a department a token of the level execute', 'admin', '403 policy-denied', {
      subject: 'bee',
      agent_type: 'finance.watcher',
      level: 'execute',
    }),
    issue('type-critical', 'a deployer a token of the level critical', 'admin', '403 policy-denied', {
      subject: 'bee',
      agent_type: 'deployer',
      level: 'critical',
    }),
    issue('tenant', 'a token in another tenant', 'admin', '400 invalid-request', { subject: 'bee', tenant: 'beta' }),
    issue('roles', 'a token with roles', 'admin', '400 invalid-request', { subject: 'bee', roles: ['tenant_admin'] }),
    issue('path', 'a token to a subject that climbs', 'admin', '400 invalid-request', { subject: '../human:owner' }),
    issue('look-alike', 'a token to a look-alike', 'admin', '400 invalid-request', { subject: 'be\u0435' }),
    issue('level', 'a level that is none', 'admin', '400 invalid-request', { subject: 'bee', level: 'root' }),
  ],
  control: {
    does: 'an operator gives an agent a token of its level',
    expected: '201',
    run: (world) =>
      world.says('/v1/tokens', { as: 'operator', json: { subject: world.fresh('new'), level: 'execute' } }),
  },
});

export const tokens = [forgery, endpointFamily, revokedFamily, given4];
