/**
 * The drill: a backup under load, the host killed, the backup restored elsewhere, verified, and worked on. And what is
 * refused.
 */
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { keyFaults } from '../../adapters/embedded/key-check';
import { KEYS_APART, PERSONAL_KEY_FILE, personalKeyIn } from '../../adapters/embedded/key-files';
import { FileSubjectKeys } from '../../adapters/embedded/subject-keys';
import { Formicary } from '../../client/client';
import { OF_TENANT } from '../../domain/personal/subject';
import { startTestHost } from '../support/host';
import { formicary } from './support';

let root: string;
let backup: string;
/** Ids of the tasks that were acknowledged before the backup was begun. */
const before: string[] = [];

const LARGE = { document: 'x'.repeat(50_000) };

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'formicary-backup-'));
  backup = join(root, 'backup');
  const host = await startTestHost();
  const client = new Formicary({ url: host.url });
  const post = async (id: string) =>
    await client.tasks.post({ id, task_type: 'backup.work', payload: { ...LARGE, id } });
  for (let i = 0; i < 5; i += 1) {
    await post(`before-${i}`);
    before.push(`before-${i}`);
  }
  let stopped = false;
  const load = (async () => {
    for (let i = 0; !stopped; i += 1) await post(`during-${i}`);
  })();
  const made = await formicary(['backup', backup, '--data', host.data]);
  stopped = true;
  await load;
  client.close();
  await host.kill('SIGKILL');
  await host.stop();
  expect([made.code, made.stderr, made.stdout]).toEqual([0, '', expect.stringContaining('It verifies') as string]);
  expect(made.stdout).toContain(`formicary restore ${backup} --data`);
  for (const { file } of KEYS_APART) expect(made.stdout).toContain(file);
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const copyOf = (name: string) => {
  const copy = join(root, name);
  cpSync(backup, copy, { recursive: true });
  return copy;
};

test('what was acknowledged before the backup is there after the restore, payloads too, and the colony goes on', async () => {
  const data = join(root, 'restored');
  const restored = await formicary(['restore', backup, '--data', data]);
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect(restored.stdout).toContain('Every chain in it holds.');
  expect((await formicary(['verify', '--data', data])).code).toBe(0);

  const host = await startTestHost({ data });
  const client = new Formicary({ url: host.url });
  for (const id of before) {
    const { payload_ref: reference = '' } = (await client.tasks.get(id)) as { readonly payload_ref?: string };
    expect(await client.tasks.blob(id, reference)).toEqual({ ...LARGE, id });
  }

  // Nobody works on what was not sent.
  const payload = async (id: string) =>
    ((await client.tasks.get(id)) as { readonly payload_ref?: string }).payload_ref as string;
  const [gone, changed] = [await payload('before-0'), await payload('before-1')];
  const place = (reference: string) => join(data, 'blobs/default', reference.slice(7, 9), reference.slice(7));
  const bytes = [gone, changed].map((reference) => readFileSync(place(reference)));
  rmSync(place(gone));
  writeFileSync(place(changed), JSON.stringify({ pay: 'somebody else' }));
  for (const [id, reference, says] of [
    ['before-0', gone, 'is not there'],
    ['before-1', changed, 'holds other bytes'],
  ] as const) {
    const answer = await fetch(`${host.url}/v1/tasks/${id}/blobs/${reference}`);
    expect([answer.status, await answer.json()]).toEqual([
      500,
      expect.objectContaining({
        type: expect.stringMatching(/payload-altered$/) as string,
        detail: expect.stringContaining(says) as string,
      }),
    ]);
  }
  for (const [i, reference] of [gone, changed].entries()) writeFileSync(place(reference), bytes[i] as Buffer);
  await client.tasks.post({ id: 'after', task_type: 'backup.work' });
  expect(await (await fetch(`${host.url}/health/ready`)).json()).toMatchObject({ status: 'ready' });
  client.close();
  expect(await host.kill('SIGTERM')).toBe(0);
  await host.stop();
  expect((await formicary(['verify', '--data', data])).code).toBe(0);
}, 120_000);

test('a folder that lacks the key of what is sealed or signed in it fails the doctor, until the key is there', async () => {
  const copy = copyOf('keyless');
  expect(await keyFaults(copy)).toEqual([]);
  const keys = new FileSubjectKeys(copy);
  await keys.keep('default', 'customer-17', Buffer.from('wrapped'));
  expect(await keyFaults(copy)).toEqual([{ file: PERSONAL_KEY_FILE, fault: 'missing' }]);
  const look = async () => (await formicary(['doctor', '--url', 'http://127.0.0.1:1', '--data', copy])).stdout;
  expect(await look()).toMatch(/✗ keys +missing: formicary\.personal-key/);
  personalKeyIn(copy);
  expect(await look()).toMatch(/✓ keys/);
}, 60_000);

test('a backup is private, has a manifest, and verifies as it lies there without a trace', async () => {
  const open = readdirSync(backup, { recursive: true, withFileTypes: true }).filter(
    (entry) => (statSync(join(entry.parentPath, entry.name)).mode & 0o077) !== 0,
  );
  expect(open).toEqual([]);
  const names = readdirSync(backup).sort();
  expect(names).toEqual(['blobs', 'durable.db', 'formicary.db', 'formicary.mark', 'manifest.json']);
  const { code, json } = await formicary(['verify', '--data', backup, '--json']);
  expect([code, (json as { blobs: number }).blobs >= before.length]).toEqual([0, true]);
  expect(readdirSync(backup).sort()).toEqual(names);
}, 60_000);

test('a restore is told of erased people and tenants by as many lists as there are; by a part of one it is refused', async () => {
  const lists = {
    people: [{ stream: 'default/subject/ada' }],
    tenants: { value: [{ name: 'contoso', erased: {} }, { name: 'fabrikam' }] },
    page: { value: [{ name: 'contoso', erased: {} }], nextLink: '/v1/tenants?continuation=x' },
  };
  const fileOf = (name: keyof typeof lists) => {
    const file = join(root, `${name}.json`);
    writeFileSync(file, JSON.stringify(lists[name]));
    return file;
  };
  const data = join(root, 'told');
  const restored = (...names: (keyof typeof lists)[]) =>
    formicary(['restore', '--data', data, ...names.flatMap((name) => ['--erasures', fileOf(name)]), backup]);
  expect(await restored('people', 'page')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/page\.json is no list of erasures: it is one page of several/),
  });
  expect(existsSync(data)).toBe(false);
  expect(await restored('people', 'tenants')).toMatchObject({ code: 0, stderr: '' });
  const keys = new FileSubjectKeys(data);
  expect([
    await keys.find('default', 'ada'),
    await keys.find('contoso', OF_TENANT),
    await keys.find('fabrikam', OF_TENANT),
  ]).toEqual(['erased', 'erased', undefined]);
}, 60_000);

test('nothing is overwritten', async () => {
  const taken = join(root, 'taken');
  cpSync(backup, taken, { recursive: true });
  for (const args of [
    ['backup', taken, '--data', backup],
    ['restore', backup, '--data', taken],
  ]) {
    expect(await formicary(args)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${taken} is there already and not empty`),
    });
  }
  expect(readdirSync(root).filter((name) => name.includes('.partial'))).toEqual([]);
}, 60_000);

test('a folder holds no backup of itself, whatever way leads there', async () => {
  const way = join(root, 'a-link');
  symlinkSync(backup, way);
  for (const target of [join(backup, 'inside'), join(backup, 'a/b'), join(way, 'inside'), backup]) {
    expect(await formicary(['backup', target, '--data', backup])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${target} lies in ${backup} itself`),
    });
  }
  expect(existsSync(join(backup, 'inside'))).toBe(false);
}, 60_000);

test('a place that takes no folders is refused', async () => {
  const file = join(root, 'a-file');
  writeFileSync(file, '');
  // Node's own way to make folders within folders never comes back from /proc, where there is one.
  for (const place of [join(file, 'backup'), ...(existsSync('/proc') ? ['/proc/formicary/backup'] : [])])
    expect(await formicary(['backup', place, '--data', backup])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("can't be used"),
    });
}, 60_000);

test('a backup that was changed is not restored', async () => {
  const place = (copy: string) => join(copy, 'formicary.db');
  const cases: [name: string, change: (copy: string) => void, words: string][] = [
    ['altered', (copy) => appendFileSync(place(copy), 'x'), "its hash differs from the manifest's"],
    ['shortened', (copy) => rmSync(join(copy, 'blobs'), { recursive: true }), 'which its manifest lists'],
    ['added', (copy) => writeFileSync(join(copy, 'blobs/more'), 'x'), 'what its manifest does not list: blobs/more'],
    ['without-manifest', (copy) => rmSync(join(copy, 'manifest.json')), 'there is no manifest.json in it'],
    [
      'leading-out',
      (copy) =>
        writeFileSync(
          join(copy, 'manifest.json'),
          readFileSync(join(copy, 'manifest.json'), 'utf8').replace('"formicary.mark"', '"../formicary.mark"'),
        ),
      'is no backup',
    ],
  ];
  for (const [name, change, words] of cases) {
    const copy = copyOf(name);
    change(copy);
    const target = join(root, `from-${name}`);
    expect(await formicary(['restore', copy, '--data', target])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(words),
    });
    expect(existsSync(target)).toBe(false);
  }
}, 60_000);

test('verify names a payload that is gone, and one whose bytes are others', async () => {
  const copy = copyOf('without-payload');
  // What was posted while the backup was made may have its payload in it, and its receipt not.
  const log = new DatabaseSync(join(copy, 'formicary.db'), { readOnly: true });
  const [gone, changed] = [0, 1].map((n) => {
    const { hash } = log
      .prepare(
        "SELECT substr(json_extract(body, '$.events[0].data.spec.payload_ref'), 8) AS hash FROM commits WHERE stream = ? AND idx = 0",
      )
      .get(`default/task/before-${n}`) as { hash: string };
    return join(copy, 'blobs/default', hash.slice(0, 2), hash);
  });
  log.close();
  rmSync(gone as string);
  writeFileSync(changed as string, 'others');
  const { code, stdout } = await formicary(['verify', '--data', copy]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^missing +default\/task\/\S+@0: the payload sha256:[0-9a-f]{64} that it names is not there/m);
  expect(stdout).toMatch(
    /^altered +default\/task\/\S+@0: the payload sha256:[0-9a-f]{64} that it names holds other bytes/m,
  );
}, 60_000);

test('a backup of a log without its end shows that as the original does, and its host asks before it goes on', async () => {
  const copy = copyOf('cut');
  rmSync(join(copy, 'manifest.json'));
  const mark = JSON.parse(readFileSync(join(copy, 'formicary.mark'), 'utf8')) as { position: number };
  writeFileSync(join(copy, 'formicary.mark'), JSON.stringify({ ...mark, position: mark.position + 3 }));
  const made = await formicary(['backup', join(root, 'cut-backup'), '--data', copy]);
  expect([made.code, made.stdout]).toEqual([1, expect.stringMatching(/^missing +the log ends at place/m) as string]);
  await formicary(['restore', join(root, 'cut-backup'), '--data', join(root, 'cut-restored')]);
  await expect(startTestHost({ data: join(root, 'cut-restored') })).rejects.toThrow('has lost receipts');
}, 120_000);

test('verify says what is wrong with a log that is empty, and with pages that no chain shows', async () => {
  const empty = copyOf('empty');
  writeFileSync(join(empty, 'formicary.db'), '');
  const found = await formicary(['verify', '--data', empty]);
  expect([found.code, found.stdout]).toEqual([
    1,
    expect.stringMatching(/^missing +the log ends at place 0, yet [^]*^missing +the file holds no log/m) as string,
  ]);

  const harmed = copyOf('harmed');
  const durable = readFileSync(join(harmed, 'durable.db'));
  writeFileSync(join(harmed, 'durable.db'), durable.fill(0xa5, 4096, 8192));
  const pages = await formicary(['verify', '--data', harmed]);
  expect([pages.code, pages.stdout]).toEqual([
    1,
    expect.stringMatching(/^unreadable +durable.db is damaged/m) as string,
  ]);
}, 120_000);

test('verify says what a mark shows to be lost', async () => {
  const copy = copyOf('without-end');
  const mark = JSON.parse(readFileSync(join(copy, 'formicary.mark'), 'utf8')) as { position: number };
  writeFileSync(join(copy, 'formicary.mark'), JSON.stringify({ ...mark, position: mark.position + 3 }));
  const { code, stdout } = await formicary(['verify', '--data', copy]);
  expect(code).toBe(1);
  expect(stdout).toContain(`places ${mark.position + 1} to ${mark.position + 3} are lost`);
}, 60_000);
