/** Tokens that are bound to a key: what proves that one has it, what does not, and where a tenant demands it. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { type Handed, InvalidToken, type ShownProof } from '../../app/identity/module';
import { Replays } from '../../app/identity/replays';
import { DpopKey } from '../../client/dpop';
import { Rejection } from '../../domain/kernel/decider';
import { signingKeyOf } from '../../domain/kernel/identity-secret';
import type { Principal } from '../../domain/kernel/principal';
import { as, Stage } from '../support/stage';

const SECRET = 'a secret of thirty-two characters, or more';
const ISSUER = 'https://colony.example.com/base';
const ADMIN = { principal: { ...as('human:ada').principal, kind: 'human', level: 'critical' } } as const;
const PATH = '/v1/tasks/a%2Fb';

let stage: Stage;
const mine = generateKeyPairSync('ed25519');
const other = generateKeyPairSync('ed25519');
const curved = generateKeyPairSync('ec', { namedCurve: 'P-256' });

beforeEach(async () => {
  stage = new Stage({ shared: true, identity: { secrets: [SECRET], issuer: ISSUER } });
  await stage.start();
  await stage.start();
});
afterEach(() => stage.end());

const identityOf = (process: number) => stage.living[process]!.colony.identity;
const thumbprintOf = ({ privateKey }: { privateKey: KeyObject }) => new DpopKey(privateKey).thumbprint;

async function given(subject: string, jkt?: string): Promise<Handed> {
  const handed = await identityOf(0).issue(ADMIN, { subject, jkt });
  if (handed instanceof Rejection) throw new Error(handed.message);
  return handed;
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const hashOf = (text: string) => createHash('sha256').update(text).digest('base64url');
const now = () => Math.floor(stage.clock.now() / 1_000);

interface Forged {
  readonly key?: { privateKey: KeyObject; publicKey: KeyObject };
  readonly header?: object;
  readonly claims?: object;
}

/** A proof, by hand: changed as said. */
function proven(token: string | undefined, { key = mine, header = {}, claims = {} }: Forged = {}): string {
  const isCurved = key.publicKey.asymmetricKeyType === 'ec';
  const text = `${part({
    typ: 'dpop+jwt',
    alg: isCurved ? 'ES256' : 'EdDSA',
    jwk: key.publicKey.export({ format: 'jwk' }),
    ...header,
  })}.${part({
    jti: randomUUID(),
    htm: 'POST',
    htu: `${ISSUER}${PATH}`,
    iat: now(),
    ...(token !== undefined && { ath: hashOf(token) }),
    ...claims,
  })}`;
  const signature = isCurved
    ? sign('sha256', Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
    : sign(null, Buffer.from(text), key.privateKey);
  return `${text}.${signature.toString('base64url')}`;
}

const request = (proof: string | null): ShownProof => ({ proof, method: 'POST', path: PATH });

/** Who shows the token, or what is wrong with it. */
async function shown(token: string, proof?: ShownProof, process = 0): Promise<Principal | string> {
  try {
    return await identityOf(process).callerOf(token, proof);
  } catch (error) {
    if (error instanceof InvalidToken) return error.message;
    throw error;
  }
}

describe('a token that is bound to a key', () => {
  test.each([
    ['Ed25519', mine],
    ['P-256', curved],
  ])('of %s opens with proofs of it, in every process, each time another', async (_, key) => {
    const jkt = thumbprintOf(key);
    const { token } = await given('recon-7', jkt);
    for (const process of [0, 1, 1, 0])
      expect(await shown(token, request(proven(token, { key })), process)).toMatchObject({
        id: 'recon-7',
        token: { jkt },
      });
    // As the client makes them.
    const dpop = new DpopKey(key.privateKey);
    dpop.ahead = stage.clock.now() - Date.now();
    const proof = dpop.prove(ISSUER, { method: 'POST', path: `${PATH}?limit=7` }, token);
    expect(await shown(token, request(proof))).toMatchObject({ id: 'recon-7' });
  });

  test('is refused without a proof, and one that is not bound is refused with one', async () => {
    const { token } = await given('recon-7', thumbprintOf(mine));
    const { token: plain } = await given('recon-7');
    for (const process of [0, 0, 1]) {
      expect(await shown(token, undefined, process)).toMatch(/is bound to a key/);
      expect(await shown(plain, request(proven(plain)), process)).toMatch(/is not bound to a key/);
      expect(await shown(token, request(null), process)).toMatch(/is missing/);
    }
    expect(await shown(token, request(proven(token)))).toMatchObject({ id: 'recon-7' });
    expect(await shown(plain)).toMatchObject({ id: 'recon-7' });
  });

  test('a proof is taken once; another process can’t know that it was', async () => {
    const { token } = await given('recon-7', thumbprintOf(mine));
    const proof = request(proven(token));
    expect(await shown(token, proof)).toMatchObject({ id: 'recon-7' });
    expect(await shown(token, proof)).toMatch(/was shown before/);
    // Once for each process, as the documentation says.
    expect(await shown(token, proof, 1)).toMatchObject({ id: 'recon-7' });
    expect(await shown(token, proof, 1)).toMatch(/was shown before/);
    stage.clock.time += 61_000;
    for (const process of [0, 1]) expect(await shown(token, proof, process)).toMatch(/another time/);
    // Nor when the clock is set back again.
    stage.clock.time -= 61_000;
    for (const process of [0, 1]) expect(await shown(token, proof, process)).toMatch(/was shown before/);
  });

  test('many at once with one proof are let in once', async () => {
    const { token } = await given('recon-7', thumbprintOf(mine));
    const proof = request(proven(token));
    const answers = await Promise.all(Array.from({ length: 20 }, () => shown(token, proof)));
    expect(answers.filter((answer) => typeof answer !== 'string')).toHaveLength(1);
  });
});

const PRIVATE = { ...mine.privateKey.export({ format: 'jwk' }) };

describe('what proves nothing', () => {
  test.each<[string, (token: string, stranger: string) => string, RegExp]>([
    [
      'no signature',
      (token) =>
        `${proven(token, { header: { alg: 'none' } })
          .split('.')
          .slice(0, 2)
          .join('.')}.`,
      /one signed/,
    ],
    ['none as its algorithm', (token) => proven(token, { header: { alg: 'none' } }), /not signed/],
    ['the public key as a shared one', (token) => hmac(token, { alg: 'HS256' }), /not signed/],
    ['a shared key', (token) => hmac(token, { alg: 'EdDSA', jwk: { kty: 'oct', k: 'c2VjcmV0' } }), /public key/],
    ['the private key in its header', (token) => proven(token, { header: { jwk: PRIVATE } }), /public key/],
    ['no key', (token) => proven(token, { header: { jwk: undefined } }), /public key/],
    ['a key that is text', (token) => proven(token, { header: { jwk: 'key' } }), /public key|not signed/],
    [
      'a key elsewhere',
      (token) => proven(token, { header: { jwk: undefined, jku: 'https://evil.example.com' } }),
      /public/,
    ],
    [
      'the key of another',
      (token) => proven(token, { header: { jwk: other.publicKey.export({ format: 'jwk' }) } }),
      /not signed/,
    ],
    ['another key', (token) => proven(token, { key: other }), /another key/],
    ['the key of the colony', (token) => proven(token, { key: colony() }), /another key/],
    ['the algorithm of another key', (token) => proven(token, { header: { alg: 'ES256' } }), /not signed/],
    ['the type of a token', (token) => proven(token, { header: { typ: 'at+jwt' } }), /not signed/],
    ['no type', (token) => proven(token, { header: { typ: undefined } }), /not signed/],
    ['a critical header', (token) => proven(token, { header: { crit: ['b64'], b64: false } }), /not signed/],
    ['the token itself', (token) => token, /not signed|public key/],
    ['another method', (token) => proven(token, { claims: { htm: 'GET' } }), /method/],
    ['another spelling of the method', (token) => proven(token, { claims: { htm: 'post' } }), /method/],
    [
      'another path with this query',
      (token) => proven(token, { claims: { htu: `${ISSUER}/v1/me?x=${PATH}` } }),
      /address/,
    ],
    ['a path that ends in this one', (token) => proven(token, { claims: { htu: `${ISSUER}/v1${PATH}` } }), /address/],
    ['the path decoded', (token) => proven(token, { claims: { htu: `${ISSUER}/v1/tasks/a/b` } }), /address/],
    ['another host', (token) => proven(token, { claims: { htu: `https://evil.example.com/base${PATH}` } }), /address/],
    [
      'another port',
      (token) => proven(token, { claims: { htu: `https://colony.example.com:444/base${PATH}` } }),
      /address/,
    ],
    ['no TLS', (token) => proven(token, { claims: { htu: `http://colony.example.com/base${PATH}` } }), /address/],
    [
      'a user in the address',
      (token) => proven(token, { claims: { htu: ISSUER.replace('//', '//a@') + PATH } }),
      /address/,
    ],
    ['a path alone', (token) => proven(token, { claims: { htu: PATH } }), /address/],
    ['no address', (token) => proven(token, { claims: { htu: undefined } }), /address/],
    ['another token', (_, stranger) => proven(stranger), /another token/],
    ['no token', () => proven(undefined), /another token/],
    ['a time to come', (token) => proven(token, { claims: { iat: now() + 600 } }), /another time/],
    ['a time just to come', (token) => proven(token, { claims: { iat: now() + 7 } }), /another time/],
    ['a time gone by', (token) => proven(token, { claims: { iat: now() - 62 } }), /another time/],
    ['no time', (token) => proven(token, { claims: { iat: undefined } }), /another time/],
    ['a time that is text', (token) => proven(token, { claims: { iat: String(now()) } }), /another time|not signed/],
    ['no name', (token) => proven(token, { claims: { jti: undefined } }), /name/],
    ['a name that is a number', (token) => proven(token, { claims: { jti: 7 } }), /name|not signed/],
    ['a long name', (token) => proven(token, { claims: { jti: 'x'.repeat(257) } }), /name/],
    ['four thousand characters', (token) => proven(token, { claims: { more: 'x'.repeat(5_000) } }), /4096 characters/],
    ['a megabyte', () => 'a.'.repeat(500_000), /4096 characters/],
    ['two proofs', (token) => `${proven(token)}, ${proven(token)}`, /one signed JWT/],
    ['changed claims', (token) => proven(token).replace(/\.[^.]+\./, `.${part({ htm: 'POST' })}.`), /not signed/],
    ['nothing', () => '', /one signed JWT/],
  ])('%s', async (_, make, why) => {
    const { token } = await given('recon-7', thumbprintOf(mine));
    const { token: stranger } = await given('recon-7', thumbprintOf(mine));
    for (let turn = 0; turn < 2; turn += 1) expect(await shown(token, request(make(token, stranger)))).toMatch(why);
    expect(await shown(token, request(proven(token)))).toMatchObject({ id: 'recon-7' });
  });

  test('what says the same in other words proves it', async () => {
    const { token } = await given('recon-7', thumbprintOf(mine));
    for (const claims of [
      { htu: `https://COLONY.example.com:443/base${PATH}?other=query#part` },
      { htu: `HTTPS://colony.example.com/base${PATH}?` },
      { iat: now() + 4 },
      { iat: now() - 59 },
    ])
      expect(await shown(token, request(proven(token, { claims })))).toMatchObject({ id: 'recon-7' });
  });

  test('a path that means another one has no proof', async () => {
    const { token } = await given('recon-7', thumbprintOf(mine));
    for (const path of ['/v1/x/../me', '/v1/x/%2e%2e/me', '/v1/./me', '/v1/me/.']) {
      const proof = proven(token, { claims: { htu: `${ISSUER}/v1/me` } });
      expect(await shown(token, { proof, method: 'POST', path })).toMatch(/address/);
    }
  });

  function hmac(token: string, header: { alg: string; jwk?: object }): string {
    const text = proven(token, { header }).split('.').slice(0, 2).join('.');
    const key = mine.publicKey.export({ format: 'der', type: 'spki' });
    return `${text}.${hashOf(text + key.toString('base64'))}`;
  }

  function colony() {
    const privateKey = signingKeyOf(SECRET);
    return { privateKey, publicKey: createPublicKey(privateKey) };
  }
});

describe('what is renewed', () => {
  test('stays bound to the same key, or to none', async () => {
    const jkt = thumbprintOf(mine);
    const { token: bound } = await given('recon-7', jkt);
    const { token: plain } = await given('recon-7');
    const renewed = await identityOf(1).renew(bound, jkt);
    expect(renewed.jkt).toBe(jkt);
    expect(await shown(renewed.token)).toMatch(/is bound to a key/);
    expect(await shown(renewed.token, request(proven(renewed.token)))).toMatchObject({ id: 'recon-7' });
    for (const key of [undefined, thumbprintOf(other)])
      await expect(identityOf(0).renew(bound, key)).rejects.toThrow('another key');
    expect(await shown((await identityOf(0).renew(plain)).token)).toMatchObject({ id: 'recon-7' });
    // Whoever has found it would have made it theirs.
    await expect(identityOf(0).renew(plain, jkt)).rejects.toThrow('ask for a new one');
  });

  test('what is asked for proves a key without a token', async () => {
    expect(await identityOf(0).keyOf(request(proven(undefined)))).toBe(thumbprintOf(mine));
    await expect(identityOf(0).keyOf(request(null))).rejects.toThrow('missing');
  });
});

describe('where a tenant demands it', () => {
  const demand = async (from: 'execute' | 'critical' | undefined, context: { principal: Principal } = ADMIN) => {
    const outcome = await identityOf(0).requireBinding(context, from, 'tokens were found in a log');
    await stage.living[1]!.colony.peers.look();
    return outcome.ok ? outcome.events.map(({ type }) => type) : outcome.rejection.code;
  };
  const levels = async (token: string, proof?: () => ShownProof) => {
    const found: unknown[] = [];
    for (const process of [0, 1]) {
      const caller = await shown(token, proof?.(), process);
      found.push(typeof caller === 'string' ? caller : [caller.level, caller.token?.levelIfBound]);
    }
    return found;
  };

  test('a token that is not bound gives less, in every process and at once, and as before when it is waived', async () => {
    const { token } = await given('service:crm');
    const { token: agent } = await given('recon-7');
    const { token: bound } = await given('service:crm', thumbprintOf(mine));
    const proof = () => request(proven(bound));
    const full = [
      ['critical', undefined],
      ['critical', undefined],
    ];
    expect([await levels(token), await levels(bound, proof)]).toEqual([full, full]);
    expect(await demand('critical')).toEqual(['BindingRequired']);
    expect(await demand('critical')).toEqual([]);
    const executing = [
      ['execute', 'critical'],
      ['execute', 'critical'],
    ];
    expect([await levels(token), (await levels(agent))[0]]).toEqual([executing, ['execute', undefined]]);
    expect(await demand('execute')).toEqual(['BindingRequired']);
    expect((await levels(token))[1]).toEqual(['read_write', 'critical']);
    expect((await levels(agent))[1]).toEqual(['read_write', 'execute']);
    expect(await levels(bound, proof)).toEqual(full);
    expect(await demand(undefined)).toEqual(['BindingWaived']);
    expect(await levels(token)).toEqual(full);
  });

  test('whoever could not undo it can’t demand it', async () => {
    const token = { session: 's', expires: stage.now };
    const unbound = { principal: { ...ADMIN.principal, token } };
    const bound = { principal: { ...ADMIN.principal, token: { ...token, jkt: thumbprintOf(mine) } } };
    expect(await demand('execute', unbound)).toBe('token-not-bound');
    expect(await demand('execute', bound)).toEqual(['BindingRequired']);
    expect(await demand(undefined, bound)).toEqual(['BindingWaived']);
  });

  test('it goes on when all tokens are revoked, and what goes on by a token that gives less ends with it', async () => {
    await demand('execute');
    const { token, session } = await given('recon-7');
    const caller = (await shown(token, undefined, 1)) as Principal;
    const told: string[] = [];
    identityOf(1).watch(caller, ({ message }) => told.push(message));
    await identityOf(0).revoke(ADMIN, { kind: 'token', id: session }, 'lost');
    await identityOf(0).revoke(ADMIN, { kind: 'tenant' }, 'all of them');
    await stage.living[1]!.colony.peers.look();
    expect(told).toEqual(['was revoked']);
    const fresh = await given('recon-7');
    expect((await levels(fresh.token))[1]).toEqual(['read_write', 'execute']);
  });
});

describe('what was shown is remembered', () => {
  let time = 0;
  const clock = { now: () => time };
  beforeEach(() => (time = 1_700_000_000_000));
  const seconds = () => time / 1_000;

  test('for as long as it holds, by hash and not by length', () => {
    const replays = new Replays(clock, 65, 1_000_000);
    const long = 'x'.repeat(100_000);
    expect(replays.isFirst(long, seconds())).toBe(true);
    for (let i = 0; i < 6; i += 1) {
      expect(replays.isFirst(long, seconds())).toBe(false);
      time += 10_000;
    }
  });

  test('in so many bytes, and what may have been forgotten is refused', () => {
    const replays = new Replays(clock, 65, 20_000);
    const shownAt: [string, number][] = [];
    for (let i = 0; i < 10_000; i += 1) {
      time += 10;
      if (replays.isFirst(`n${i}`, seconds())) shownAt.push([`n${i}`, seconds()]);
    }
    // Whoever shows what is of now is let in, however much there was before.
    expect(shownAt).toHaveLength(10_000);
    for (const [name, at] of shownAt) expect([name, replays.isFirst(name, at)]).toEqual([name, false]);
    const { young, old } = replays as unknown as Record<'young' | 'old', { names: Set<string> }>;
    expect(young.names.size + old.names.size).toBeLessThanOrEqual(200);
  });

  test('also when the clock is set ahead and back', () => {
    const replays = new Replays(clock, 65, 1_000_000);
    const at = seconds();
    expect(replays.isFirst('one', at)).toBe(true);
    for (const step of [3_600_000, 3_600_000, 3_600_000]) {
      time += step;
      expect(replays.isFirst(`at ${time}`, seconds())).toBe(true);
    }
    time -= 3 * 3_600_000;
    expect(replays.isFirst('one', at)).toBe(false);
  });
});
