/** Tokens that are bound to a key: found by somebody who has not that key, or has seen what was signed with it. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { DpopKey } from '../../client/client';
import { type Attempt, family, tries } from '../attempt';
import { saidBy, saidByEndpoint } from '../http';
import type { World } from '../world';

const NONE = '401 unauthenticated';
const ROUTE = { method: 'POST', path: '/v1/tasks' };
const READ = { method: 'GET', path: '/v1/tasks' };

interface Found {
  readonly token: string;
  /** Its holder's, and the finder's own. */
  readonly holder: KeyObject;
  readonly finder: KeyObject;
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const parsed = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString()) as object;

/** Posts a task with the token and whatever is to prove whose it is. */
async function post(world: World, { token }: Found, proof: string | undefined, scheme = 'DPoP'): Promise<string> {
  const reply = await world.ask(ROUTE.path, {
    headers: { authorization: `${scheme} ${token}`, ...(proof !== undefined && { dpop: proof }) },
    json: { id: world.fresh('bound'), task_type: 'attack.nobody' },
  });
  return saidBy(reply);
}

const proofOf = (world: World, { token }: Found, key: KeyObject, request = ROUTE) =>
  new DpopKey(key).prove(world.host.url, request, token);

/** The holder's proof with other claims or another header, signed by whoever has the key. */
function altered(proof: string, key: KeyObject, header: object, claims: object = {}): string {
  const [before, said] = proof.split('.') as [string, string];
  const text = `${part({ ...parsed(before), ...header })}.${part({ ...parsed(said), ...claims })}`;
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
}

const shown = (id: string, what: string, make: (world: World, found: Found) => string | undefined): Attempt<Found> =>
  tries<Found>(id, `post a task with it and ${what}`, NONE, (world, found) => post(world, found, make(world, found)));

const jwkOf = (key: KeyObject) => key.export({ format: 'jwk' });
const now = () => Math.floor(Date.now() / 1_000);

async function found(world: World): Promise<Found> {
  const [holder, finder] = [generateKeyPairSync('ed25519').privateKey, generateKeyPairSync('ed25519').privateKey];
  const given = await world.done('/v1/tokens', {
    as: 'admin',
    json: { subject: world.fresh('bound'), dpop_jkt: new DpopKey(holder).thumbprint },
  });
  return { token: given.access_token as string, holder, finder };
}

const boundFamily = family<Found>('tokens', 'bound', {
  prepare: found,
  attempts: [
    tries<Found>('bearer', 'post a task with it as a bearer', NONE, (world, found) =>
      post(world, found, undefined, 'Bearer'),
    ),
    tries<Found>('bearer-proof', 'post a task with it as a bearer, with a proof of its key', NONE, (world, found) =>
      post(world, found, proofOf(world, found, found.holder), 'Bearer'),
    ),
    shown('no-proof', 'no proof', () => undefined),
    shown('own-key', 'a proof of another key', (world, found) => proofOf(world, found, found.finder)),
    shown('own-key-named', 'a proof of another key under the name of its own', (world, found) => {
      const header = parsed(proofOf(world, found, found.holder).split('.')[0] as string);
      return altered(proofOf(world, found, found.finder), found.finder, header);
    }),
    shown('alg-none', 'a proof without a signature', (world, found) => {
      const [, claims] = proofOf(world, found, found.holder).split('.') as [string, string];
      return `${part({ typ: 'dpop+jwt', alg: 'none', jwk: {} })}.${claims}.`;
    }),
    shown('private', 'a proof that shows a private key', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, { jwk: jwkOf(found.holder) }),
    ),
    shown('method', 'a proof for another method', (world, found) =>
      proofOf(world, found, found.holder, { ...ROUTE, method: 'GET' }),
    ),
    shown('address', 'a proof for another address with this one in its query', (world, found) =>
      proofOf(world, found, found.holder, { ...ROUTE, path: `/v1/me?x=${ROUTE.path}` }),
    ),
    shown('token', 'a proof for another token', (world, found) =>
      proofOf(world, { ...found, token: world.tokenOf('ant') }, found.holder),
    ),
    shown('future', 'a proof of in ten minutes', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, {}, { iat: now() + 600 }),
    ),
    shown('past', 'a proof of ten minutes ago', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, {}, { iat: now() - 600 }),
    ),
    tries<Found>('again', 'show a proof again that its holder has shown', NONE, async (world, found) => {
      const headers = { authorization: `DPoP ${found.token}`, dpop: proofOf(world, found, found.holder, READ) };
      const first = await world.says(READ.path, { headers });
      return first === '200' ? await world.says(READ.path, { headers }) : `599 not carried out: ${first}`;
    }),
    tries<Found>('renewed', 'renew it with a proof of another key', '400 invalid_dpop_proof', async (world, found) =>
      saidByEndpoint(
        await world.ask('/oauth/token', {
          headers: {
            'content-type': 'application/x-www-form-urlencoded',
            dpop: new DpopKey(found.finder).prove(world.host.url, { method: 'POST', path: '/oauth/token' }),
          },
          text: new URLSearchParams({
            grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
            subject_token: found.token,
            subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          }).toString(),
        }),
      ),
    ),
  ],
  control: {
    does: 'its holder posts a task with a proof of its key',
    expected: '201',
    run: (world, found) => post(world, found, proofOf(world, found, found.holder)),
  },
});

const proofs = family<Found>('tokens', 'proofs', {
  prepare: found,
  attempts: [
    shown('no-hash', 'a proof that names no token', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, {}, { ath: undefined }),
    ),
    shown('hash-list', 'a proof that names several', (world, found) => {
      const { ath } = parsed(proofOf(world, found, found.holder).split('.')[1] as string) as { readonly ath: string };
      return altered(proofOf(world, found, found.holder), found.holder, {}, { ath: [ath] });
    }),
    shown('other-type', 'a proof that says to be a token', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, { typ: 'at+jwt' }),
    ),
    shown('no-type', 'a proof that does not say what it is', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, { typ: undefined }),
    ),
    shown('critical', 'a proof with a part that nobody understands', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, { crit: ['x'], x: 1 }),
    ),
    shown('key-by-name', 'a proof whose key is elsewhere', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, { jwk: undefined, jku: `${world.canary.url}/keys` }),
    ),
    shown('shared', 'a proof of a key that both have', (world, found) => {
      const [, claims] = proofOf(world, found, found.holder).split('.') as [string, string];
      const key = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
      const text = `${part({ typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'oct', k: key } })}.${claims}`;
      const made = createHmac('sha256', Buffer.from(key, 'base64url')).update(text).digest('base64url');
      return `${text}.${made}`;
    }),
    shown('no-name', 'a proof without a name', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, {}, { jti: undefined }),
    ),
    shown('long-name', 'a proof of a long name', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, {}, { jti: 'x'.repeat(300) }),
    ),
    shown('text-time', 'a proof whose time is a text', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, {}, { iat: String(now()) }),
    ),
    shown('host', 'a proof for another host', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, {}, { htu: `https://evil.example${ROUTE.path}` }),
    ),
    shown('user', 'a proof for this host as another’s user', (world, found) => {
      const { host } = new URL(world.host.url);
      return altered(
        proofOf(world, found, found.holder),
        found.holder,
        {},
        { htu: `http://${host}@evil.example/v1/tasks` },
      );
    }),
    shown('lower', 'a proof for a method in small letters', (world, found) =>
      altered(proofOf(world, found, found.holder), found.holder, {}, { htm: 'post' }),
    ),
    tries<Found>('two', 'post a task with it and two proofs', NONE, (world, found) =>
      post(world, found, `${proofOf(world, found, found.finder)}, ${proofOf(world, found, found.holder)}`),
    ),
    tries<Found>('many', 'show one proof ten times at once', 'once', async (world, found) => {
      const headers = { authorization: `DPoP ${found.token}`, dpop: proofOf(world, found, found.holder, READ) };
      const said = await Promise.all(Array.from({ length: 10 }, () => world.says(READ.path, { headers })));
      return said.filter((one) => one === '200').length === 1 ? 'once' : said.join();
    }),
  ],
  control: {
    does: 'its holder posts a task with a proof of its key by ES256',
    expected: '201',
    async run(world) {
      const holder = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
      const given = await world.done('/v1/tokens', {
        as: 'admin',
        json: { subject: world.fresh('bound'), dpop_jkt: new DpopKey(holder).thumbprint },
      });
      const one = { token: given.access_token as string, holder, finder: holder };
      return await post(world, one, proofOf(world, one, holder));
    },
  },
});

export const bound = [boundFamily, proofs];
