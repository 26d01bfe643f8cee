/** A folder whose keys are gone, or are others, is not gone on with unawares: what is sealed and signed stays whole. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyFaults } from '../../adapters/embedded/key-check';
import { LOG_KEY_FILE, PERSONAL_KEY_FILE } from '../../adapters/embedded/key-files';
import { Formicary } from '../../client/client';
import { MARK } from '../../domain/personal/mark';
import { startTestHost } from '../support/host';
import { formicary } from './support';

const FILES = [PERSONAL_KEY_FILE, LOG_KEY_FILE];
const root = mkdtempSync(join(tmpdir(), 'formicary-keys-'));
const data = join(root, 'data');
const place = (name: string) => join(data, name);
const kept = (name: string) => join(root, name);
/** The keys are those of the folder. */
const OWN = { FORMICARY_LOG_KEY: '', FORMICARY_PERSONAL_KEY: '' };
const start = (env: Readonly<Record<string, string>> = {}) => startTestHost({ data, env: { ...OWN, ...env } });
const look = async () => await formicary(['doctor', '--url', 'http://127.0.0.1:1', '--data', data]);
const putBack = () => {
  for (const name of FILES) copyFileSync(kept(name), place(name));
};
const putOthers = () => {
  for (const name of FILES) writeFileSync(place(name), `${Buffer.alloc(32, 5).toString('base64')}\n`);
};

beforeAll(async () => {
  const host = await start();
  const client = new Formicary({ url: host.url });
  const who = { [MARK]: { subject: 'ada', value: 'Ada Lovelace' } };
  await client.tasks.post({ id: 'sealed', task_type: 'keys.work', payload: { who } });
  await client.checkpoints.make();
  client.close();
  await host.kill('SIGTERM');
  await host.stop();
  for (const name of FILES) copyFileSync(place(name), kept(name));
}, 120_000);
afterEach(putBack);
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('with its keys all is well', async () => {
  expect(await keyFaults(data)).toEqual([]);
  expect((await look()).stdout).toMatch(/✓ keys/);
}, 60_000);

test('without them nothing starts, nothing is made in their place, and the doctor says so', async () => {
  for (const name of FILES) rmSync(place(name));
  await expect(start()).rejects.toThrow(
    /formicary\.personal-key is not there; formicary\.log-key is not there[^]*"Backup" in docs\/operation\.md[^]*--new-keys/,
  );
  expect(FILES.map((name) => existsSync(place(name)))).toEqual([false, false]);
  expect(await look()).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/✗ keys +missing: formicary\.personal-key, missing: formicary\.log-key/) as string,
  });
}, 60_000);

test('with others neither, whether the folder has them or the settings', async () => {
  putOthers();
  await expect(start()).rejects.toThrow(/formicary\.personal-key, or [^]* is another key; formicary\.log-key, or /);
  expect((await look()).stdout).toMatch(
    /✗ keys +another key: formicary\.personal-key, another key: formicary\.log-key/,
  );
  putBack();
  const other = Buffer.alloc(32, 6).toString('base64');
  await expect(start({ FORMICARY_PERSONAL_KEY: other })).rejects.toThrow(/formicary\.personal-key, or /);
  // What wrapped before unwraps still.
  const own = readFileSync(kept(PERSONAL_KEY_FILE), 'utf8').trim();
  expect(await keyFaults(data, { personal: other, personalBefore: [own] })).toEqual([]);
  expect(await keyFaults(data, { log: other })).toEqual([{ file: LOG_KEY_FILE, fault: 'other' }]);
}, 60_000);

test('where they are lost for good, it goes on with others once it is told to', async () => {
  putOthers();
  const host = await start({ FORMICARY_NEW_KEYS: 'on' });
  const client = new Formicary({ url: host.url });
  await client.tasks.post({ id: 'goes-on', task_type: 'keys.work' });
  await client.checkpoints.make();
  client.close();
  await host.kill('SIGTERM');
  await host.stop();
  // What was signed since is by the key that is there; what was sealed before stays closed.
  expect(await keyFaults(data)).toEqual([{ file: PERSONAL_KEY_FILE, fault: 'other' }]);
}, 120_000);
