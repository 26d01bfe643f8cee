/** Keys of Key Vault, through the unmodified SDK: the contracts of the ports, rotation, and a vault that is away. */
import {
  AggregateAuthenticationError,
  AuthenticationError,
  AuthenticationRequiredError,
  CredentialUnavailableError,
} from '@azure/identity';
import { VaultKey, VaultKeyWrap, VaultLogSigner, type VaultOptions } from '../../adapters/azure/vault';
import { AesKeyWrap, KeyWraps } from '../../adapters/personal/key-wrap';
import { Ed25519LogSigner, LogSigners } from '../../adapters/receipts/signer';
import { StoreBusy } from '../../app/engine/ports';
import { noteOf, openNote, parseVerifierKeys, type VerifierKeys } from '../../domain/kernel/note';
import { KeyVaultServer, VAULT_OPTIONS as OPTIONS } from '../servers/key-vault';
import { eventually } from '../support/eventually';
import { keyWrapContract } from './key-wrap.contract';
import { keysOf, logSignerContract } from './log-signer.contract';

const IMPATIENT = { ...OPTIONS, patienceMs: 200 };
/** As the pages say: "within five minutes". */
const ROTATED_MS = 300_000;
const PLACE = 'acme/subject/ada';
const KEY = Buffer.alloc(32, 5);
const TEXT = 'host/log/acme\n3\nAAAA\n';

let server: KeyVaultServer;
const clock = { time: 0, now: () => clock.time };
const keyNamed = (name: string, options: VaultOptions = OPTIONS, scopes: string[] = []) =>
  new VaultKey(server.urlOf(name), server.credentialOf(scopes), clock, options);
const signer = (name = 'log') => new VaultLogSigner(keyNamed(name));
const wrap = (name = 'personal') => new VaultKeyWrap(keyNamed(name));

beforeAll(async () => {
  server = await new KeyVaultServer().start();
  server.create('log', 'EC');
  server.create('personal', 'RSA');
});
afterAll(() => server.stop());

keyWrapContract('Key Vault', () => wrap());
keyWrapContract(
  'Key Vault, after a key of settings',
  () => new KeyWraps(wrap(), [new AesKeyWrap(Buffer.alloc(32, 1).toString('base64'))]),
);
logSignerContract('Key Vault', () => signer());
logSignerContract(
  'Ed25519 and Key Vault',
  () => new LogSigners([new Ed25519LogSigner(Buffer.alloc(32, 1).toString('base64')), signer()]),
);

describe('rotation', () => {
  test('the new version wraps soon, and the old one unwraps what it has wrapped', async () => {
    server.create('rotated', 'RSA');
    const [keys, others] = [wrap('rotated'), wrap('rotated')];
    const old = await keys.wrap(PLACE, KEY);
    const version = server.create('rotated', 'RSA');
    clock.time += ROTATED_MS;
    const fresh = Buffer.from(await keys.wrap(PLACE, KEY));
    expect(JSON.parse(fresh.toString())).toMatchObject({ version });
    expect(JSON.parse(Buffer.from(old).toString())).not.toMatchObject({ version });
    for (const wrapped of [old, fresh]) expect(Buffer.from(await others.unwrap(PLACE, wrapped))).toEqual(KEY);
  });

  test('what a version that was disabled has wrapped does not open any more', async () => {
    const version = server.create('disabled', 'RSA');
    const wrapped = await wrap('disabled').wrap(PLACE, KEY);
    server.disable(version);
    await expect(wrap('disabled').unwrap(PLACE, wrapped)).rejects.toThrow('disabled');
  });

  test('a note that any version has signed is verified by the keys of all, newest first', async () => {
    server.create('turned', 'EC');
    const turning = signer('turned');
    const notes: string[] = [];
    const newest: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      notes.push(noteOf(TEXT, await turning.sign('host/log/acme', TEXT)));
      newest.push((await turning.verifierKeys('host/log/acme'))[0] as string);
      server.create('turned', 'EC');
      clock.time += ROTATED_MS;
    }
    const keys = await keysOf(turning);
    expect(keys.keys).toHaveLength(6);
    for (const [i, note] of notes.entries()) {
      expect(openNote(note, keys)).toEqual({ text: TEXT });
      expect(openNote(note, parseVerifierKeys(newest[i] as string) as VerifierKeys)).toEqual({ text: TEXT });
    }
    expect(openNote(notes[0] as string, parseVerifierKeys(newest[1] as string) as VerifierKeys)).toMatchObject({
      kind: 'other-key',
    });
  });
});

test('the vault is asked for a token of its own, and for nothing twice', async () => {
  const scopes: string[] = [];
  const signing = new VaultLogSigner(keyNamed('log', OPTIONS, scopes));
  server.requests.length = 0;
  for (let n = 0; n < 3; n += 1) {
    await signing.sign('host/log/acme', TEXT);
    await signing.verifierKeys('host/log/acme');
  }
  expect(new Set(scopes)).toEqual(new Set(['https://vault.azure.net/.default']));
  expect(server.requests.filter((request) => request === 'POST sign')).toHaveLength(3);
  // The newest, once more by its version, and by the SDK before it signs with it.
  expect(server.requests.filter((request) => request === 'GET key').length).toBeLessThanOrEqual(3);
  expect(server.requests.filter((request) => request === 'GET versions')).toHaveLength(1);
});

test('a signature that does not fit is given to no log', async () => {
  const signing = signer();
  await signing.sign('host/log/acme', TEXT);
  server.failures.push({
    status: 200,
    body: { kid: server.urlOf('log'), value: Buffer.alloc(64, 1).toString('base64url') },
  });
  await expect(signing.sign('host/log/acme', TEXT)).rejects.toThrow('does not fit');
  expect(server.failures).toEqual([]);
});

test('what says that it is a vault, and is elsewhere, is given no token', async () => {
  const scopes: string[] = [];
  const { disableChallengeResourceVerification: _, ...strict } = OPTIONS;
  await expect(new VaultLogSigner(keyNamed('log', strict, scopes)).sign('host/log/acme', TEXT)).rejects.toThrow(
    'does not match the requested domain',
  );
  expect(scopes).toEqual([]);
});

test('a version that is none is not asked for: it may be somebody else who wrote it there', async () => {
  server.requests.length = 0;
  for (const version of ['https://elsewhere.example/keys/a/b', '../../secrets/a', ''])
    await expect(wrap().unwrap(PLACE, Buffer.from(JSON.stringify({ version, wrapped: 'AAAA' })))).rejects.toThrow(
      'was not wrapped by a key of a vault',
    );
  expect(server.requests).toEqual([]);
});

test('a key of another kind is refused in words', async () => {
  await expect(new VaultLogSigner(keyNamed('personal')).verifierKeys('a')).rejects.toThrow('no EC key on P-256');
  await expect(signer('nowhere').sign('a', TEXT)).rejects.toThrow('was not found');
});

describe('a vault that is away', () => {
  const throttled = {
    status: 429,
    body: { error: { code: 'Throttled', message: 'wait' } },
    headers: { 'retry-after-ms': '1' },
  };
  const failed = { status: 500, body: { error: { code: 'InternalServerError', message: 'sorry' } } };
  afterEach(() => (server.isSilent = false));

  test.each([
    ['throttles', throttled],
    ['fails', failed],
  ])('what passes is waited for: it %s once', async (_, failure) => {
    const wrapped = await wrap().wrap(PLACE, KEY);
    server.failures.push(failure);
    expect(Buffer.from(await wrap().unwrap(PLACE, wrapped))).toEqual(KEY);
  });

  test('what goes on is to be asked for again later', async () => {
    const wrapped = await wrap().wrap(PLACE, KEY);
    for (const failure of [throttled, failed]) {
      server.failures.push(failure, failure);
      await expect(wrap().unwrap(PLACE, wrapped)).rejects.toThrow(StoreBusy);
      expect(server.failures).toEqual([]);
    }
    const gone = await new KeyVaultServer().start();
    const url = gone.urlOf('personal');
    await gone.stop();
    const nowhere = new VaultKeyWrap(new VaultKey(url, server.credentialOf(), clock, OPTIONS));
    await expect(nowhere.unwrap(PLACE, wrapped)).rejects.toThrow(StoreBusy);
  });

  test('that it is away is told, and once in a while when that goes on', async () => {
    const told: unknown[] = [];
    const keys = new VaultKeyWrap(keyNamed('personal', { ...OPTIONS, report: (_, facts) => told.push(facts) }));
    const wrapped = await keys.wrap(PLACE, KEY);
    const fails = async () => {
      server.failures.push(failed, failed);
      await expect(keys.unwrap(PLACE, wrapped)).rejects.toThrow(StoreBusy);
    };
    for (let n = 0; n < 3; n += 1) await fails();
    expect(told).toEqual([
      { key: server.urlOf('personal'), error: expect.stringContaining('Key Vault does not answer') as string },
    ]);
    clock.time += 600_000;
    await fails();
    expect(told).toHaveLength(2);
    await expect(keys.unwrap(PLACE, Buffer.from('{}'))).rejects.toThrow('was not wrapped');
    expect(told).toHaveLength(2);
  });

  test('one that takes what it is asked and never answers is away, until it answers again', async () => {
    const wrapped = await wrap().wrap(PLACE, KEY);
    const silent = new VaultKeyWrap(keyNamed('personal', IMPATIENT));
    server.isSilent = true;
    for (const _ of ['the first', 'another'])
      await expect(silent.wrap(PLACE, KEY)).rejects.toThrow('Key Vault does not answer');
    await expect(silent.unwrap(PLACE, wrapped)).rejects.toThrow(StoreBusy);
    await expect(new VaultLogSigner(keyNamed('log', IMPATIENT)).sign('a', TEXT)).rejects.toThrow(StoreBusy);
    await expect(new VaultLogSigner(keyNamed('log', IMPATIENT)).verifierKeys('a')).rejects.toThrow(StoreBusy);
    server.isSilent = false;
    await eventually(async () =>
      KEY.equals(await silent.unwrap(PLACE, await silent.wrap(PLACE, KEY)).catch(() => Buffer.alloc(0))),
    );
  });

  test.each<[string, () => Promise<never>]>([
    ['never answers', () => new Promise(() => undefined)],
    ['can’t be reached', () => Promise.reject(new CredentialUnavailableError('no managed identity endpoint'))],
    ['refuses', () => Promise.reject(new AuthenticationError(400, { error: 'invalid_client' }))],
    ['has nobody logged in', () => Promise.reject(new AuthenticationRequiredError({ scopes: ['a'] }))],
    ['has tried all', () => Promise.reject(new AggregateAuthenticationError([], 'nobody has one'))],
  ])('that whoever gives tokens %s says nothing of the key', async (_, getToken) => {
    const wrapped = await wrap().wrap(PLACE, KEY);
    const keys = new VaultKeyWrap(new VaultKey(server.urlOf('personal'), { getToken }, clock, IMPATIENT));
    await expect(keys.unwrap(PLACE, wrapped)).rejects.toThrow(StoreBusy);
  });

  test('the newest version is asked for again after a failure', async () => {
    const keys = wrap();
    server.failures.push(failed, failed);
    await expect(keys.wrap(PLACE, KEY)).rejects.toThrow(StoreBusy);
    expect(Buffer.from(await keys.unwrap(PLACE, await keys.wrap(PLACE, KEY)))).toEqual(KEY);
  });
});
