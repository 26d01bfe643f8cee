/**
 * Personal data from end to end: no byte of it lies in any file before it is opened, nobody but the entitled opens it,
 * nobody at all once its subject was erased, and the chains hold.
 */
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { PERSONAL_KEY_FILE } from '../../adapters/embedded/key-files';
import { SUBJECT_KEYS_FOLDER } from '../../adapters/embedded/subject-keys';
import type { Commit } from '../../domain/kernel/commit';
import { MARK } from '../../domain/personal/mark';
import { formicary } from '../cli/support';
import { call, items, type Reply, type Sent, settled } from '../http/support';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';

/** What must be in no file: in text, in JSON, in base64 however it is aligned, and in the other order of bytes. */
const NAMES = ['Mathilde Quxenberg', 'Zwölfaxing 77', 'IBAN-AT611904300234573201', 'Vercingetorix-Yelp'];
const [NAME, STREET, IBAN, NOTE] = NAMES as [string, string, string, string];

function hidings(text: string): Buffer[] {
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.from('x'.repeat(shift) + text)
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  );
  const forms = [text, encodeURIComponent(text), Buffer.from(text).toString('hex'), ...base64];
  return [...forms.map((form) => Buffer.from(form)), Buffer.from(text, 'utf16le')];
}

/** The files under a folder in which a text lies. */
function filesWith(folder: string, text: string): string[] {
  const forms = hidings(text);
  return globSync('**/*', { cwd: folder }).filter((file) => {
    if (!statSync(join(folder, file)).isFile()) return false;
    const bytes = readFileSync(join(folder, file));
    return forms.some((form) => bytes.includes(form));
  });
}

const mark = (subject: string, value: unknown) => ({ [MARK]: { subject, value } });
const masked = (subject: string) => ({ [MARK]: { subject, sealed: true } });
const erased = (subject: string) => ({ [MARK]: { subject, erased: true } });

const root = mkdtempSync(join(tmpdir(), 'formicary-personal-'));
const data = join(root, 'data');
let host: TestHost;

const api = (path: string, sent: Sent = {}) => call(host, path, sent);
const ok = async (reply: Promise<Reply>): Promise<Reply> => {
  const answer = await reply;
  if (answer.status >= 300) throw new Error(`${answer.status}: ${answer.text}`);
  return answer;
};
const code = ({ status, body }: Reply) => `${status} ${String(body.type).split('/').at(-1)}`;
const payload = {
  customer: { name: mark('ada', NAME), street: mark('ada', STREET) },
  accounts: [mark('bob', { iban: IBAN })],
  amount: 17,
};
const open = (path: string, sent: Sent = {}) => api(`${path}?personal=open&purpose=a+complaint`, sent);
const readsOf = async (subject: string) =>
  (await ok(api(`/v1/subjects/${subject}`))).body as { readonly reads: number; readonly last: readonly object[] };

beforeAll(async () => {
  host = await startTestHost({ data });
}, 60_000);
afterAll(async () => {
  await host.stop();
  rmSync(root, { recursive: true, force: true });
});

test('a scan finds what it looks for', () => {
  const forms = hidings(NAME);
  for (const holder of [NAME, Buffer.from(`{"a":"${NAME}!!"}`).toString('base64'), Buffer.from(NAME).toString('hex')])
    expect(forms.some((form) => Buffer.from(holder).includes(form))).toBe(true);
  expect(forms.some((form) => deflateSync(NAME).includes(form))).toBe(false);
});

describe('while nobody is erased', () => {
  test('what is marked is stored sealed, and shown to nobody who did not ask', async () => {
    const posted = await ok(api('/v1/tasks', { json: { id: 'plain', task_type: 'clerk', payload } }));
    const shown = { customer: { name: masked('ada'), street: masked('ada') }, accounts: [masked('bob')], amount: 17 };
    expect(posted.body.task.payload).toEqual(shown);
    expect((await ok(api('/v1/tasks/plain'))).body.payload).toEqual(shown);
    const { value } = (await ok(api('/v1/streams/task/plain'))).body;
    // Receipts have the very bytes that are hashed.
    expect((value as Commit[])[0]).toMatchObject({
      events: [{ data: { spec: { payload: { customer: { name: { [MARK]: { subject: 'ada' } } } } } } }],
    });
    expect(
      (value as { events: [{ data: { spec: { payload: typeof payload } } }] }[])[0]?.events[0].data.spec.payload
        .customer.name,
    ).toEqual({
      [MARK]: {
        subject: 'ada',
        place: 'postTask#/payload/customer/name',
        sealed: expect.stringMatching(/^[\w-]{80,}$/),
      },
    });
    for (const path of ['/v1/tasks', '/v1/receipts', '/v1/why?id=plain']) {
      const { text } = await ok(api(path));
      for (const name of NAMES) expect(text).not.toContain(name);
    }
    expect((await readsOf('ada')).reads).toBe(0);
  });

  test('it is opened for whoever may, says what for, and has that noted first', async () => {
    const { body } = await ok(open('/v1/tasks/plain', { as: 'human:eve' }));
    expect(body.payload).toEqual(payload);
    expect(await readsOf('ada')).toMatchObject({
      reads: 1,
      last: [{ by: 'human:eve', of: 'default/task/plain', values: 2, purpose: 'a complaint' }],
    });
    expect(await readsOf('bob')).toMatchObject({ reads: 1, last: [{ values: 1 }] });
    expect(code(await api('/v1/tasks/plain?personal=open', { as: 'human:eve' }))).toBe('422 purpose-missing');
    // Who looks without asking reads nothing.
    await ok(api('/v1/tasks/plain?purpose=a+complaint'));
    expect((await readsOf('ada')).reads).toBe(1);
  });

  test('an agent opens what it holds, for as long as it does, and nothing else', async () => {
    const profile = { agent_type: 'clerk', capabilities: { 'of-agents': 1 }, capacity: 1 };
    await ok(api('/v1/agents/ann', { method: 'PUT', as: 'ann', json: profile }));
    await ok(api('/v1/tasks', { json: { id: 'held', task_type: 'of-agents', payload, lease_seconds: 600 } }));
    const award = await eventually(async () => {
      const { holder } = (await ok(api('/v1/tasks/held'))).body;
      return holder?.award as number | undefined;
    });
    expect((await ok(api('/v1/tasks/held?personal=open', { as: 'ann' }))).body.payload).toEqual(payload);
    expect((await readsOf('ada')).last.at(-1)).toMatchObject({ by: 'ann', of: 'default/task/held', award });
    expect(code(await open('/v1/tasks/held', { as: 'ben' }))).toBe('403 policy-denied');
    expect(code(await open('/v1/tasks/plain', { as: 'ann' }))).toBe('403 policy-denied');
    const result = { letter: mark('ada', `Dear ${NAME}`) };
    const done = await ok(api('/v1/tasks/held/complete', { as: 'ann', json: { award, accept: true, result } }));
    expect(done.body.task.completion.result).toEqual({ letter: masked('ada') });
    expect(code(await open('/v1/tasks/held', { as: 'ann' }))).toBe('403 policy-denied');
    expect((await ok(open('/v1/tasks/held'))).body.completion.result).toEqual(result);
  });

  test('a large payload beside the receipt is sealed, shown and opened like one in it', async () => {
    const large = { filler: 'x'.repeat(50_000), note: mark('ada', NOTE) };
    await ok(api('/v1/tasks', { json: { id: 'large', task_type: 'clerk', payload: large } }));
    const path = `/v1/tasks/large/blobs/${(await ok(api('/v1/tasks/large'))).body.payload_ref}`;
    expect((await ok(api(path))).body).toEqual({ ...large, note: masked('ada') });
    expect((await ok(open(path))).body).toEqual(large);
  });

  test('an action, and the approval of it, are too', async () => {
    const oversight = { why: 'x', confidence: 0.1, impact: 'high', risk: 0.9, features: {} };
    const action = { iban: mark('bob', IBAN), amount: 5 };
    const proposed = await ok(
      api('/v1/actions', { as: 'ann', json: { id: 'refund', kind: 'refund', action, ...oversight } }),
    );
    expect(JSON.stringify(proposed.body)).not.toContain(IBAN);
    expect((await ok(api('/v1/actions/refund'))).body.action).toEqual({ iban: masked('bob'), amount: 5 });
    expect((await ok(open('/v1/actions/refund'))).body.action).toEqual(action);
    const [approval] = await eventually(async () => {
      const found = items<{ id: string }>(await ok(api('/v1/approvals')));
      return found.length > 0 && found;
    });
    // What people are shown of it says about whom it is, and no more.
    const { summary } = (await ok(open(`/v1/approvals/${approval?.id}`))).body;
    expect(JSON.parse((summary as string).split('\n').at(-1) as string)).toEqual({ iban: masked('bob'), amount: 5 });
    const edit = { iban: mark('bob', IBAN), amount: 4 };
    const as = { as: 'human:eve' };
    await ok(
      api(`/v1/approvals/${approval?.id}/approve`, {
        json: { hash: proposed.body.action.hash, edit, reason: 'less' },
        ...as,
      }),
    );
    expect((await ok(api(`/v1/approvals/${approval?.id}`))).text).not.toContain('sealed":"');
    expect((await ok(open(`/v1/approvals/${approval?.id}`))).text).toContain(IBAN);
  });

  test('a retry is known again; another value under the key is refused', async () => {
    const send = (value: string) =>
      api('/v1/tasks', {
        json: { task_type: 'clerk', payload: mark('ada', value) },
        headers: { 'idempotency-key': 'post-1' },
      });
    const first = await ok(send(NAME));
    const again = await ok(send(NAME));
    expect(again.body.receipt).toEqual({ ...first.body.receipt, repeated: true });
    expect(code(await send(STREET))).toBe('422 idempotency-key-reused');
  });

  test.each([
    ['a name as subject', mark('Ada Byron', 1), '#/payload'],
    ['a mask', { customer: masked('ada') }, '#/payload/customer'],
    ['what was sealed elsewhere', [{ [MARK]: { subject: 'ada', place: 'x', sealed: 'AAAA' } }], '#/payload/0'],
  ])('%s is refused with its place, and without an echo', async (_, value, pointer) => {
    const refused = await api('/v1/tasks', { json: { task_type: 'clerk', payload: value } });
    expect(code(refused)).toBe('400 invalid-request');
    expect(refused.body.errors).toEqual([{ pointer, message: expect.any(String) as string }]);
    expect(refused.text).not.toMatch(/Byron|AAAA/);
  });

  test('a mark where a text is asked for is refused', async () => {
    const refused = await api('/v1/tasks', { json: { task_type: mark('ada', NAME) } });
    expect(code(refused)).toBe('400 invalid-request');
    expect(refused.text).not.toContain(NAME);
  });

  test('a mark whose name is written with escapes is one as well', async () => {
    const json = JSON.stringify({ id: 'escaped', task_type: 'clerk', payload: mark('ada', NAME) });
    const response = await fetch(`${host.url}/v1/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: json.replace('$personal', '\\u0024pers\\u006fnal'),
    });
    expect(response.status).toBe(201);
    expect(await response.text()).not.toContain(NAME);
  });

  test('another tenant has other people under the same name', async () => {
    const tenant = 'another';
    await ok(api('/v1/tasks', { tenant, json: { id: 'plain', task_type: 'clerk', payload: mark('ada', NOTE) } }));
    await ok(api('/v1/subjects/ada/erase', { tenant, json: { reason: 'asked for' } }));
    expect((await ok(open('/v1/tasks/plain', { tenant }))).body.payload).toEqual(erased('ada'));
    expect((await ok(open('/v1/tasks/plain'))).body.payload).toEqual(payload);
  });

  test('keys are private files', () => {
    const keys = globSync('**/*', { cwd: join(data, SUBJECT_KEYS_FOLDER) });
    expect(keys.length).toBeGreaterThan(3);
    for (const file of keys) expect(statSync(join(data, SUBJECT_KEYS_FOLDER, file)).mode & 0o077).toBe(0);
  });

  test('no byte of it lies in any file, nor in what the host has printed', async () => {
    await settled(host);
    for (const name of NAMES) expect([name, filesWith(data, name)]).toEqual([name, []]);
    for (const name of NAMES) expect(host.output()).not.toContain(name);
  });
});

describe('once a subject is erased', () => {
  const keep = join(root, 'keys-before');
  const backup = join(root, 'backup');
  const kept = () =>
    globSync('*/*', { cwd: join(data, SUBJECT_KEYS_FOLDER) }).map((file) =>
      readFileSync(join(data, SUBJECT_KEYS_FOLDER, file)),
    );

  test('it takes the level critical, a reason, and is a receipt', async () => {
    cpSync(join(data, SUBJECT_KEYS_FOLDER), keep, { recursive: true });
    expect((await formicary(['backup', backup, '--data', data])).code).toBe(0);
    const reason = 'asked for, ticket 812';
    expect(code(await api('/v1/subjects/ada/erase', { as: 'ann', json: { reason } }))).toBe('403 forbidden');
    expect((await api('/v1/subjects/ada/erase', { json: {} })).status).toBe(400);
    const done = await ok(api('/v1/subjects/ada/erase', { json: { reason }, as: 'human:eve' }));
    expect(done.body).toMatchObject({
      receipt: { stream: 'default/subject/ada', events: ['SubjectErased'] },
      subject: { subject: 'ada', erased: { by: 'human:eve', reason } },
    });
    const again = await ok(api('/v1/subjects/ada/erase', { json: { reason: 'again' } }));
    expect(again.body).toMatchObject({ receipt: { events: [] }, subject: { erased: { reason } } });
    expect(await eventually(async () => items<{ subject: string }>(await ok(api('/v1/erasures'))).at(0))).toMatchObject(
      {
        subject: 'ada',
        stream: 'default/subject/ada',
        reason,
      },
    );
  });

  test('nobody opens it, and everybody sees that; what is of others stays', async () => {
    const shown = { customer: { name: erased('ada'), street: erased('ada') }, amount: 17 };
    expect((await ok(api('/v1/tasks/plain'))).body.payload).toEqual({ ...shown, accounts: [masked('bob')] });
    expect((await ok(open('/v1/tasks/plain'))).body.payload).toEqual({ ...shown, accounts: payload.accounts });
    const { reads } = await readsOf('ada');
    await ok(open('/v1/tasks/plain'));
    expect((await readsOf('ada')).reads).toBe(reads);
  });

  test('nothing more is taken about them', async () => {
    const refused = await api('/v1/tasks', { json: { task_type: 'clerk', payload: mark('ada', NAME) } });
    expect(code(refused)).toBe('409 subject-erased');
    expect(refused.text).not.toContain(NAME);
  });

  test('the key is in no file, whatever wraps it', () => {
    const [before] = globSync('*/*', { cwd: keep })
      .map((file) => ({ was: readFileSync(join(keep, file)), is: readFileSync(join(data, SUBJECT_KEYS_FOLDER, file)) }))
      .filter(({ is }) => is.length === 0);
    expect(before?.was).toHaveLength(60);
    for (const file of globSync('**/*', { cwd: data }).filter((name) => statSync(join(data, name)).isFile()))
      expect(readFileSync(join(data, file)).includes(before?.was as Buffer)).toBe(false);
  });

  test('every chain holds, and an export has nothing of it', async () => {
    await settled(host);
    const verified = await formicary(['verify', '--data', data]);
    expect([verified.code, verified.stderr]).toEqual([0, '']);
    const exported = join(root, 'receipts.jsonl');
    expect((await formicary(['export', exported], { env: { FORMICARY_URL: host.url } })).code).toBe(0);
    for (const name of NAMES) expect([name, filesWith(root, name)]).toEqual([name, []]);
  });

  test('a start on an older copy of the keys destroys it again, and opens nothing meanwhile', async () => {
    await host.kill('SIGTERM');
    rmSync(join(data, SUBJECT_KEYS_FOLDER), { recursive: true });
    cpSync(keep, join(data, SUBJECT_KEYS_FOLDER), { recursive: true });
    expect(kept().every(({ length }) => length === 60)).toBe(false); // one of the other tenant
    const before = kept().filter(({ length }) => length === 60).length;
    host = await startTestHost({ data });
    expect((await ok(open('/v1/tasks/plain'))).body.payload.customer).toEqual({
      name: erased('ada'),
      street: erased('ada'),
    });
    expect((await ok(open('/v1/tasks/plain'))).body.payload.accounts).toEqual(payload.accounts);
    await eventually(async () => kept().filter(({ length }) => length === 60).length === before - 1);
  });

  test('after a rotation of what wraps them old keys open and new ones are made, by their own key each', async () => {
    const [before, now] = [9, 10].map((seed) => Buffer.alloc(32, seed).toString('base64')) as [string, string];
    const accounts = async () => (await ok(open('/v1/tasks/plain'))).body.payload.accounts;
    const started = async (env: Readonly<Record<string, string>>) => {
      await host.kill('SIGTERM');
      host = await startTestHost({ data, env });
    };
    await started({ FORMICARY_PERSONAL_KEY: now, FORMICARY_PERSONAL_KEY_BEFORE: before });
    expect(await accounts()).toEqual(payload.accounts);
    const who = mark('cyd', NAME);
    const json = { id: 'rotated', task_type: 'plain.work', payload: { who } };
    await ok(api('/v1/tasks', { json }));
    expect((await ok(open('/v1/tasks/rotated'))).body.payload).toEqual({ who });
    await started({});
    expect(await accounts()).toEqual(payload.accounts);
    expect((await ok(open('/v1/tasks/rotated'))).body.payload).toEqual({ who: masked('cyd') });
  });

  test('the key that wraps them is in no backup', () => {
    expect(globSync(`**/${PERSONAL_KEY_FILE}`, { cwd: backup })).toEqual([]);
    expect(globSync(`${SUBJECT_KEYS_FOLDER}/*/*`, { cwd: backup }).length).toBeGreaterThan(0);
  });

  test('a backup from before is restored with the list of erasures, and knows of them', async () => {
    const list = join(root, 'erasures.json');
    const listed = await formicary(['personal', 'erasures', '--all', '--json'], { env: { FORMICARY_URL: host.url } });
    expect(listed.json).toMatchObject([{ subject: 'ada', stream: 'default/subject/ada' }]);
    writeFileSync(list, listed.stdout);
    const restored = join(root, 'restored');
    const run = await formicary(['restore', backup, '--data', restored, '--erasures', list]);
    expect([run.code, run.stderr]).toEqual([0, '']);
    const other = await startTestHost({ data: restored });
    const { body } = await ok(call(other, '/v1/tasks/plain?personal=open&purpose=x'));
    expect(body.payload.customer).toEqual({ name: erased('ada'), street: erased('ada') });
    expect(body.payload.accounts).toEqual(payload.accounts);
    await other.stop();
  });
});
