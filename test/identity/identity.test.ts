/** Tokens on a stage of processes: who is believed, what is renewed, and what a revocation ends, everywhere. */
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { type Handed, InvalidToken } from '../../app/identity/module';
import { Rejection } from '../../domain/kernel/decider';
import { ownersKeyOf, signingKeyOf } from '../../domain/kernel/identity-secret';
import type { Principal } from '../../domain/kernel/principal';
import { eventually } from '../support/eventually';
import { as, Stage, TENANT } from '../support/stage';

const SECRET = 'a secret of thirty-two characters, or more';
const ISSUER = 'http://127.0.0.1:7071';
const ADMIN = { principal: { ...as('human:ada').principal, kind: 'human', level: 'critical' } } as const;

let stage: Stage;

beforeEach(async () => {
  stage = new Stage({ shared: true, identity: { secrets: [SECRET], issuer: ISSUER } });
  await stage.start();
  await stage.start();
});
afterEach(() => stage.end());

const identityOf = (process: number) => stage.living[process]!.colony.identity;

async function given(subject: string, level?: 'read_only' | 'execute', context = ADMIN): Promise<Handed> {
  const handed = await identityOf(0).issue(context, { subject, level });
  if (handed instanceof Rejection) throw new Error(handed.message);
  return handed;
}

/** So many seconds go by. */
const pass = (seconds: number): void => void (stage.clock.time += 1_000 * seconds);

/** Who the token shows, or what is wrong with it. */
async function shown(token: string, process = 0): Promise<Principal | string> {
  try {
    return await identityOf(process).callerOf(token);
  } catch (error) {
    if (error instanceof InvalidToken) return error.message;
    throw error;
  }
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token by somebody who has this key. */
function forged(header: object, claims: object, key = signingKeyOf(SECRET)): string {
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`;
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
const headerOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as Record<string, unknown>;

test('a token says who its holder is, in every process', async () => {
  const { token, session, expiresIn } = await given('recon-7');
  expect(expiresIn).toBe(900);
  for (const process of [0, 1, 0])
    expect(await shown(token, process)).toEqual({
      tenant: TENANT,
      id: 'recon-7',
      kind: 'agent',
      level: 'execute',
      groups: undefined,
      via: undefined,
      token: { session, expires: expect.any(String) as string, until: expect.any(String) as string },
    });
});

test('it holds for a quarter of an hour, and is renewed for a day', async () => {
  const first = await given('recon-7');
  let { token } = first;
  for (let quarter = 0; quarter < 98; quarter += 1) {
    pass(quarter === 0 ? 880 : 854);
    const renewed = await identityOf(quarter % 2).renew(token);
    expect(renewed.session).toBe(first.session);
    pass(26);
    expect(await shown(token, quarter % 2)).toMatch(/has expired/);
    ({ token } = renewed);
    expect(await shown(token)).toMatchObject({ id: 'recon-7' });
  }
  pass(140);
  await expect(identityOf(0).renew(token)).rejects.toThrow(InvalidToken);
});

describe('what is no token of ours', () => {
  let token: string;
  beforeEach(async () => {
    ({ token } = await given('recon-7'));
  });

  test('as it was given it is one', async () => {
    expect(await shown(forged(headerOf(token), claimsOf(token)))).toMatchObject({ id: 'recon-7' });
  });

  test.each<[string, (header: object, claims: object) => string]>([
    ['no signature', (header, claims) => `${part({ ...header, alg: 'none' })}.${part(claims)}.`],
    ['another key', (header, claims) => forged(header, claims, signingKeyOf(`${SECRET}!`))],
    ["the owner's key", (header, claims) => forged(header, claims, ownersKeyOf(SECRET))],
    ['a key that is not known', (header, claims) => forged({ ...header, kid: 'mine' }, claims)],
    ['another algorithm', (header, claims) => forged({ ...header, alg: 'ES256' }, claims)],
    ['a shared secret', (header, claims) => forged({ ...header, alg: 'HS256' }, claims)],
    ['another type', (header, claims) => forged({ ...header, typ: 'JWT' }, claims)],
    ['a critical header', (header, claims) => forged({ ...header, crit: ['exp'] }, claims)],
    ['another issuer', (header, claims) => forged(header, { ...claims, iss: 'https://evil.example.com' })],
    ['another audience', (header, claims) => forged(header, { ...claims, aud: 'https://other.example.com' })],
    ['no end', (header, claims) => forged(header, { ...claims, exp: undefined })],
    ['no id', (header, claims) => forged(header, { ...claims, jti: undefined })],
    ['no tenant', (header, claims) => forged(header, { ...claims, tenant: undefined })],
    ['a tenant that is none', (header, claims) => forged(header, { ...claims, tenant: '../acme' })],
    ['a level that is none', (header, claims) => forged(header, { ...claims, level: 'root' })],
    ['a kind that is ours', (header, claims) => forged(header, { ...claims, kind: 'system' })],
    ['no epochs', (header, claims) => forged(header, { ...claims, epochs: undefined })],
    ['changed claims', (header, claims) => `${part(header)}.${part({ ...claims, level: 'critical' })}.AAAA`],
    ['no dots', () => 'abc'],
    ['ten thousand characters', () => 'a.'.repeat(5_000)],
  ])('%s', async (_, changed) => {
    expect(await shown(changed(headerOf(token), claimsOf(token)))).toEqual(expect.any(String));
  });
});

test('nobody gives more than they have, an agent nothing, and nobody a person', async () => {
  const service = { principal: { ...as('service:crm').principal, kind: 'service', level: 'execute' } } as const;
  const agent = { principal: { ...as('bo-2').principal, kind: 'agent', level: 'execute' } } as const;
  const code = async (context: typeof ADMIN | typeof service | typeof agent, subject: string, level?: 'critical') => {
    const answer = await identityOf(0).issue(context, { subject, level });
    return answer instanceof Rejection ? answer.code : 'given';
  };
  expect(await code(service, 'recon-7')).toBe('given');
  expect(await code(service, 'recon-7', 'critical')).toBe('token-above-you');
  expect(await code(service, 'service:erp')).toBe('token-not-yours-to-give');
  expect(await code(agent, 'recon-7')).toBe('token-not-yours-to-give');
  expect(await code(agent, 'bo-2')).toBe('token-not-yours-to-give');
  expect(await code(ADMIN, 'human:eve')).toBe('token-for-a-person');
  expect(await code(ADMIN, 'service:erp')).toBe('given');
});

test('a service acts in the name of whoever gave it its token, and an agent in its own', async () => {
  const via = async (subject: string) => {
    const { token } = (await identityOf(0).issue(ADMIN, { subject })) as { token: string };
    return (await identityOf(0).callerOf(token)).via;
  };
  expect(await via('service:erp')).toBe(ADMIN.principal.id);
  expect(await via('bo-2')).toBeUndefined();
});

describe('what a service gives to services', () => {
  const by = async (token: string) => ({ principal: await identityOf(0).callerOf(token) });
  const gives = async (token: string, subject: string) =>
    ((await identityOf(0).issue(await by(token), { subject })) as { token: string }).token;

  test('acts in the name of the person who stands behind it, however many stand between them', async () => {
    const { token: first } = (await identityOf(0).issue(ADMIN, { subject: 'service:crm' })) as { token: string };
    const itself = await gives(first, 'service:crm');
    const other = await gives(itself, 'service:erp');
    for (const token of [itself, other, await gives(other, 'service:crm')])
      expect(await shown(token)).toMatchObject({ via: ADMIN.principal.id });
  });

  test('ends with what it was given itself', async () => {
    let { token } = (await identityOf(0).issue(ADMIN, { subject: 'service:crm' })) as { token: string };
    for (let hour = 0; hour < 24; hour += 1) {
      for (const { colony } of stage.living) await colony.peers.look();
      token = await gives(token, hour % 2 === 0 ? 'service:erp' : 'service:crm');
      for (let quarter = 0; quarter < 4; quarter += 1) {
        pass(890);
        ({ token } = await identityOf(0).renew(token));
      }
    }
    pass(1_100);
    expect(await shown(token)).toMatch(/has expired/);
    await expect(identityOf(0).renew(token)).rejects.toThrow(InvalidToken);
  });
});

describe('a revocation', () => {
  const revoke = async (what: Parameters<ReturnType<typeof identityOf>['revoke']>[1]) => {
    const outcome = await identityOf(0).revoke(ADMIN, what, 'it may have leaked');
    expect(outcome).toMatchObject({ ok: true });
    await stage.living[1]!.colony.peers.look();
  };

  test('of a principal ends all of its tokens and no other, in every process, also for who renews', async () => {
    const [one, other, spared] = [await given('recon-7'), await given('recon-7'), await given('bo-2')];
    for (const process of [0, 1]) await shown(one.token, process);
    await revoke({ kind: 'principal', id: 'recon-7' });
    for (const process of [0, 1]) {
      for (const { token } of [one, other]) {
        expect(await shown(token, process)).toBe('was revoked');
        await expect(identityOf(process).renew(token)).rejects.toThrow('was revoked');
      }
      expect(await shown(spared.token, process)).toMatchObject({ id: 'bo-2' });
    }
    const fresh = await given('recon-7');
    for (const process of [0, 1]) expect(await shown(fresh.token, process)).toMatchObject({ id: 'recon-7' });
  });

  test('of one token ends it and those that it was renewed to; the same text spelled otherwise is the same', async () => {
    const [one, other] = [await given('recon-7'), await given('recon-7')];
    pass(60);
    const renewed = await identityOf(1).renew(one.token);
    await revoke({ kind: 'token', id: one.session });
    const last = one.token.at(-1) as string;
    const sibling = String.fromCharCode(last.charCodeAt(0) ^ 1);
    for (const token of [one.token, renewed.token, one.token.slice(0, -1) + sibling])
      for (const process of [0, 1]) expect(await shown(token, process)).toEqual(expect.any(String));
    expect(await shown(other.token, 1)).toMatchObject({ id: 'recon-7' });
  });

  test('of the tenant ends all; what was revoked before begins anew', async () => {
    await revoke({ kind: 'principal', id: 'recon-7' });
    const one = await given('recon-7');
    await revoke({ kind: 'tenant' });
    for (const process of [0, 1]) expect(await shown(one.token, process)).toBe('was revoked');
    expect(await shown((await given('recon-7')).token, 1)).toMatchObject({ id: 'recon-7' });
    expect((await identityOf(0).accessTo(TENANT)).state).toMatchObject({ epoch: 1, principals: {}, tokens: {} });
  });

  test('is heard of by a process that hears of nothing else', async () => {
    const one = await given('recon-7');
    expect(await shown(one.token, 1)).toMatchObject({ id: 'recon-7' });
    await identityOf(0).revoke(ADMIN, { kind: 'tenant' }, 'all of them');
    await eventually(async () => (await shown(one.token, 1)) === 'was revoked');
  });
});

describe('the owner', () => {
  const assertion = (claims: object = {}, key = ownersKeyOf(SECRET)) => {
    const now = Math.floor(stage.clock.now() / 1_000);
    const said = { iss: 'owner', sub: 'owner', aud: ISSUER, iat: now, exp: now + 60, jti: randomUUID(), ...claims };
    return forged({ alg: 'EdDSA', typ: 'JWT' }, said, key);
  };
  const asked = (text: string, subject = 'human:owner') => identityOf(0).forOwner(text, TENANT, { subject });

  test('is itself, or acts in somebody else’s name, which is said', async () => {
    expect(await shown(((await asked(assertion())) as Handed).token)).toMatchObject({
      id: 'human:owner',
      level: 'critical',
      groups: ['approvers', 'administrators'],
      via: undefined,
    });
    expect(await shown(((await asked(assertion(), 'bo-2')) as Handed).token)).toMatchObject({
      id: 'bo-2',
      kind: 'agent',
      level: 'execute',
      via: 'human:owner',
    });
  });

  test('proves it once, for this host, for a minute', async () => {
    const text = assertion();
    await asked(text);
    await expect(asked(text)).rejects.toThrow('was shown before');
    const late = assertion();
    pass(300);
    await stage.living[0]!.colony.peers.look();
    await expect(asked(late)).rejects.toThrow('another time');
    const { privateKey } = { privateKey: signingKeyOf(SECRET) };
    for (const wrong of [
      assertion({ aud: 'https://other.example.com' }),
      assertion({ iss: 'somebody' }),
      assertion({ sub: 'somebody' }),
      assertion({ jti: undefined }),
      assertion({ exp: undefined }),
      assertion({}, privateKey),
      assertion({}, createPrivateKey(ownersKeyOf(`${SECRET}!`).export({ format: 'pem', type: 'pkcs8' }))),
      `${assertion().slice(0, -6)}AAAAAA`,
    ])
      await expect(asked(wrong)).rejects.toThrow(InvalidToken);
    for (const aud of ['http://localhost:7071', 'http://[::1]:7071'])
      expect(await asked(assertion({ aud }))).toMatchObject({ level: 'critical' });
  });
});

test('a request that comes again gets a token of its session, unless that was revoked or has ended since', async () => {
  const keyed = { ...ADMIN, command: { key: 'once', hash: 'h'.repeat(64) } };
  const ask = async (subject: string) => {
    const answer = await identityOf(0).issue(keyed, { subject });
    return answer instanceof Rejection ? answer.code : answer;
  };
  const again = async (subject: string) => ((await ask(subject)) as Handed).session;
  const { session } = (await ask('recon-7')) as Handed;
  expect(await again('recon-7')).toBe(session);
  await identityOf(0).revoke(ADMIN, { kind: 'principal', id: 'recon-7' }, 'leaked');
  expect(await ask('recon-7')).toBe('token-over');
  // What is asked for anew holds, and so does that when it comes again.
  const anew = await given('recon-7');
  expect(await shown(anew.token)).toMatchObject({ id: 'recon-7' });

  const other = (await ask('recon-8')) as Handed;
  await identityOf(0).revoke(ADMIN, { kind: 'token', id: other.session }, 'leaked');
  expect(await ask('recon-8')).toBe('token-over');
  await ask('recon-9');
  await identityOf(0).revoke(ADMIN, { kind: 'tenant' }, 'leaked');
  expect(await ask('recon-9')).toBe('token-over');
  await ask('bo-2');
  pass(86_401);
  await stage.living[0]!.colony.peers.look();
  expect(await ask('bo-2')).toBe('token-over');
});

test('a token is kept nowhere, and each that is given leaves a receipt', async () => {
  const { token, session } = await given('recon-7', 'read_only');
  const log = stage.log().filter(({ events }) => events.some(({ type }) => type === 'TokenIssued'));
  expect(log.flatMap(({ events }) => events.map(({ data }) => data))).toEqual([
    expect.objectContaining({ session, principal: 'recon-7', kind: 'agent', level: 'read_only', by: 'human:ada' }),
  ]);
  expect(JSON.stringify(stage.log())).not.toContain(token.split('.')[2]);
});
