/** Floods of attempts to authenticate: that keep an honest one out, or are more than are looked at. */
import { generateKeyPairSync } from 'node:crypto';
import { DpopKey } from '../../client/client';
import { family, tries } from '../attempt';
import { type Reply, saidBy } from '../http';
import { ALPHA, type World } from '../world';

interface Scene {
  readonly agent: string;
  readonly token: string;
  readonly session: string;
}

const keyPair = () => new DpopKey(generateKeyPairSync('ed25519').privateKey);
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
/** What looks like a token of this host, and is signed by nobody. */
const forged = (world: World, claims: object) =>
  [
    part({ alg: 'EdDSA', typ: 'at+jwt', kid: 'x' }),
    part({ iss: world.host.url, tenant: ALPHA, ...claims }),
    'A'.repeat(86),
  ].join('.');

/** Shows so many at once, and counts how they were answered. */
async function flood(count: number, ask: (n: number) => Promise<Reply>): Promise<ReadonlyMap<string, number>> {
  const replies = await Promise.all(Array.from({ length: count }, (_, n) => ask(n)));
  const said = new Map<string, number>();
  for (const reply of replies) said.set(saidBy(reply), (said.get(saidBy(reply)) ?? 0) + 1);
  return said;
}

const NOT_LOOKED_AT = '429 too-many-requests';
/** Whether most were not looked at; whoever is, is told that it is wrong. */
const mostly = (said: ReadonlyMap<string, number>, of: number) =>
  (said.get(NOT_LOOKED_AT) ?? 0) > of / 2 ? 'most are not looked at' : JSON.stringify([...said]);

const renewal = async (world: World, token: string, headers: Record<string, string> = {}) =>
  await world.ask('/oauth/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    text: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      subject_token: token,
    }).toString(),
  });

const floodsFamily = family<Scene>('floods', 'attempts', {
  async prepare(world) {
    const agent = world.fresh('honest');
    const token = await world.introduce(agent, { tenant: ALPHA, subject: agent });
    return { agent, token, session: (await world.done('/v1/me', { token })).token.session as string };
  },
  attempts: [
    tries<Scene>('name', 'keep somebody out by claiming to be them', 'let in', async (world, { agent, token }) => {
      const flooding = flood(100, () => world.ask('/v1/me', { token: forged(world, { sub: agent }) }));
      const said = await world.says('/v1/me', { token });
      await flooding;
      return said === '200' ? 'let in' : said;
    }),
    tries<Scene>('claim', 'have all of a hundred looked at in one name', 'most are not looked at', async (world, it) =>
      mostly(await flood(100, () => world.ask('/v1/me', { token: forged(world, { sub: it.agent }) })), 100),
    ),
    tries<Scene>('forwarded', 'have them looked at as from elsewhere', 'most are not looked at', async (world, it) => {
      const ask = (n: number) =>
        world.ask('/v1/me', {
          token: forged(world, { sub: it.agent }),
          headers: { 'x-forwarded-for': `203.0.113.${n}`, forwarded: `for=203.0.113.${n}`, 'x-real-ip': `10.0.0.${n}` },
        });
      return mostly(await flood(100, ask), 100);
    }),
    tries<Scene>(
      'networks',
      'have them looked at as from many networks',
      'most are not looked at',
      async (world, it) => {
        const ask = (n: number) =>
          world.ask('/v1/me', {
            token: forged(world, { sub: it.agent }),
            headers: { 'x-forwarded-for': `2001:db8:${n.toString(16)}::1, [2001:db8:${n.toString(16)}::1]:443` },
          });
        return mostly(await flood(100, ask), 100);
      },
    ),
    tries<Scene>(
      'endpoint',
      'have them looked at by the token endpoint',
      'most are not looked at',
      async (world, it) => {
        const said = await flood(100, () => renewal(world, forged(world, { sub: it.agent })));
        return mostly(said, 100);
      },
    ),
    tries<Scene>(
      'session',
      'keep somebody out by a session that was found',
      'let in, and renewed',
      async (world, { agent, session, token }) => {
        const claims = { sub: agent, sid: session };
        const flooding = flood(60, (n) => world.ask('/v1/me', { token: forged(world, { ...claims, n }) }));
        const known = await world.says('/v1/me', { token });
        await flooding;
        const status = await world.eventually(async () => {
          const reply = await renewal(world, token);
          return reply.status === 200 && reply.status;
        });
        return known === '200' && status === 200 ? 'let in, and renewed' : `${known}, ${status}`;
      },
    ),
    tries<Scene>(
      'sessions',
      'have more of them looked at in sessions that were made up',
      'most are not looked at',
      async (world, { agent }) =>
        mostly(
          await flood(100, (n) => world.ask('/v1/me', { token: forged(world, { sub: agent, sid: `s-${n}` }) })),
          100,
        ),
    ),
    tries<Scene>(
      'hidden',
      'have them looked at behind the token of somebody who is known',
      'most are not looked at',
      async (world, it) => {
        const ask = (n: number) =>
          world.ask('/oauth/token', {
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
            text: new URLSearchParams({
              grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
              subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
              // Is not what is asked with; what counts is what is looked at.
              client_assertion: world.tokenOf(['ant', 'bee', 'crm', 'desk', 'scribe'][n % 5] as string),
              subject_token: forged(world, { sub: it.agent }),
            }).toString(),
          });
        return mostly(await flood(100, ask), 100);
      },
    ),
    tries<Scene>(
      'proofs',
      'have all of three hundred wrong proofs looked at',
      'no more than the limit',
      async (world) => {
        const [holder, finder] = [keyPair(), keyPair()];
        const given = await world.done('/v1/tokens', {
          as: 'admin',
          json: { subject: world.fresh('bound'), dpop_jkt: holder.thumbprint },
        });
        const token = given.access_token as string;
        const request = { method: 'GET', path: '/v1/me' };
        const shown = (key: DpopKey) => ({
          headers: { authorization: `DPoP ${token}`, dpop: key.prove(world.host.url, request, token) },
        });
        // Known by then, and something has failed.
        await world.done('/v1/me', shown(holder));
        await world.ask('/v1/me', shown(finder));
        const started = performance.now();
        const said = await flood(300, () => world.ask('/v1/me', shown(finder)));
        // A hundred at once, and fifty a second.
        const most = 100 + 50 * (1 + (performance.now() - started) / 1_000);
        const looked = said.get('401 unauthenticated') ?? 0;
        return looked <= most ? 'no more than the limit' : `${looked} of 300`;
      },
      ['credential'],
    ),
    tries<Scene>(
      'nobody',
      'keep somebody new out by six hundred that name nobody',
      'let in',
      async (world) => {
        const flooding = flood(600, (n) => world.ask('/v1/me', { token: `nobody-${n}` }));
        const name = world.fresh('new');
        await flooding;
        const token = await world.introduce(name, { tenant: ALPHA, subject: name });
        const status = await world.eventually(async () => {
          const reply = await world.ask('/v1/me', { token });
          return reply.status === 200 && reply.status;
        });
        return status === 200 ? 'let in' : String(status);
      },
      ['credential'],
    ),
  ],
  control: {
    does: 'who is known goes on',
    expected: '200',
    run: (world, { token }) => world.says('/v1/me', { token }),
  },
});

export const floods = [floodsFamily];
