/**
 * docs/capability.md adds a capability by its own files alone. This takes the files out of the page, puts them into a
 * copy of the tree, compiles that, types and all, and uses the result as a newcomer would.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { eventually } from '../support/eventually';
import { freePort } from '../support/host';

const ROOT = join(__dirname, '../..');
/** What the app is made of; see also "files" of package.json. */
const TREE = [
  'adapters',
  'app',
  'bin',
  'cli',
  'client',
  'contract',
  'domain',
  'functions',
  'host',
  'local',
  'policies',
  'projections',
  'host.json',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

/** The page's files by their paths. */
const files = new Map(
  [
    ...readFileSync(join(ROOT, 'docs/capability.md'), 'utf8').matchAll(
      /^### `([^`]+)`\n\n```(?:ts|json)\n([^]*?)^```$/gm,
    ),
  ].map(([, path, text]) => [path as string, text as string]),
);

const folder = mkdtempSync(join(tmpdir(), 'formicary-capability-'));
const data = join(folder, 'data');
let stop: (() => Promise<void>) | undefined;
let url = '';

/** Asks the host; answers with status and body. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
async function ask(method: string, path: string, body?: unknown): Promise<{ status: number; body: any }> {
  const response = await fetch(url + path, {
    method,
    headers: {
      'x-formicary-principal': 'human:ada',
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

function formicary(...args: string[]): string {
  return execFileSync(process.execPath, [join(folder, 'bin/formicary.js'), ...args, '--url', url], {
    encoding: 'utf8',
    env: { ...process.env, FORMICARY_DATA: data, FORMICARY_PRINCIPAL: 'human:ada' },
  });
}

beforeAll(async () => {
  for (const name of TREE) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, text] of files) {
    expect(existsSync(join(folder, path))).toBe(false);
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  try {
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: folder, encoding: 'utf8' });
    execFileSync(process.execPath, ['policies/build.mjs'], { cwd: folder, encoding: 'utf8' });
  } catch (error) {
    throw new Error((error as { stdout: string }).stdout);
  }
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const host = spawn(process.execPath, [join(folder, 'dist/local/main.js')], {
    env: { ...process.env, FORMICARY_PORT: String(port), FORMICARY_DATA: data, FORMICARY_LOG: 'silent' },
    stdio: 'ignore',
  });
  const ended = new Promise<void>((resolve) => host.once('exit', () => resolve()));
  stop = async () => {
    host.kill('SIGKILL');
    await ended;
  };
  await eventually(() =>
    ask('GET', '/health/ready').then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
}, 300_000);

afterAll(async () => {
  await stop?.();
  rmSync(folder, { recursive: true, force: true });
});

test('it is nine files, each named after it, or in a folder of its name', () => {
  expect(files.size).toBe(9);
  for (const path of files.keys()) expect(path).toContain('reminders');
});

test('its files are written as the linter and the formatter of the repository have it', () => {
  for (const name of ['.layers.cjs', '.prettierrc.json', 'eslint.config.mjs'])
    cpSync(join(ROOT, name), join(folder, name));
  const bin = (of: string) => join(ROOT, 'node_modules', of);
  for (const [of, ...options] of [
    [bin('eslint/bin/eslint.js'), '--max-warnings', '0'],
    [bin('prettier/bin/prettier.cjs'), '--check'],
  ] as const) {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [of, ...options, ...[...files.keys()].filter((path) => path.endsWith('.ts'))],
      {
        cwd: folder,
        encoding: 'utf8',
        timeout: 240_000,
      },
    );
    expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' });
  }
}, 300_000);

test('it is served, documented, and read as it was', async () => {
  const due = '2099-12-31T17:00:00.000Z';
  const set = await ask('POST', '/v1/reminders', { id: 'close-the-books', text: 'Close the books', due });
  expect(set).toMatchObject({
    status: 201,
    body: { receipt: { events: ['ReminderSet'] }, reminder: { id: 'close-the-books', status: 'set', by: 'human:ada' } },
  });
  expect(await ask('POST', '/v1/reminders', { id: 'close-the-books', text: 'Other', due })).toMatchObject({
    status: 409,
    body: { type: 'https://formicary.dev/problems/reminder-exists' },
  });
  expect(await ask('POST', '/v1/reminders', { text: '', due })).toMatchObject({
    status: 400,
    body: { errors: [{ pointer: '#/text' }] },
  });
  const before = await ask('GET', '/v1/reminders/close-the-books?asOf=2026-01-01T00:00:00Z');
  expect(before.status).toBe(404);
  expect(await ask('GET', '/v1/reminders/close-the-books')).toMatchObject({ status: 200, body: { version: 0, due } });
  await eventually(async () => (await ask('GET', '/v1/reminders?status=set')).body.value.length === 1);
  const { body: document } = await ask('GET', '/openapi.json');
  expect(document.paths['/v1/reminders'].post).toMatchObject({ operationId: 'setReminder', tags: ['Reminders'] });
  expect(document.components.responses.Reminders409.content['application/problem+json'].examples).toHaveProperty(
    'reminder-exists',
  );
});

test('others that are refused take nothing of its time', async () => {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  await ask('POST', '/v1/reminders', { id: 'soon', text: 'Soon', due: at(1_500) });
  for (const ms of [300, 600, 900])
    expect((await ask('POST', '/v1/reminders', { id: 'soon', text: 'Sooner', due: at(ms) })).status).toBe(409);
  await eventually(async () => (await ask('GET', '/v1/reminders/soon')).body.status === 'due');
});

test('its deadline comes, and what followed is told', async () => {
  const due = new Date().toISOString();
  await ask('POST', '/v1/reminders', { id: 'now', text: 'Now', due });
  await eventually(async () => (await ask('GET', '/v1/reminders/now')).body.status === 'due');
  const { body: why } = await ask('GET', '/v1/why?id=now');
  expect(why.commits).toBe(2);
  expect(JSON.stringify(why.roots)).toContain('ReminderFellDue');
  expect(formicary('why', 'now')).toContain('ReminderFellDue');
  expect(formicary('why', 'now', '--data')).toContain('ReminderFellDue');
});

test('its view is built again beside the one that serves', async () => {
  const begun = await ask('POST', '/v1/views/reminders/rebuild', {});
  expect(begun.status).toBe(202);
  await eventually(async () => {
    const { body } = await ask('GET', '/v1/status');
    const view = (body.views as { view: string; serving: string; building: unknown }[]).find(
      (one) => one.view === 'reminders',
    );
    return view?.building === null && view.serving !== begun.body.serving;
  });
  expect((await ask('GET', '/v1/reminders?status=due')).body.value).toMatchObject([{ id: 'now' }, { id: 'soon' }]);
});

/** Starts a host with a module `usurper`; answers how that ended. */
async function startedWith(source: string) {
  const module = join(folder, 'dist/app/usurper');
  mkdirSync(module);
  writeFileSync(join(module, 'module.js'), `exports.usurperModule = () => (${source});`);
  try {
    const { status, stderr } = spawnSync(process.execPath, [join(folder, 'dist/local/main.js')], {
      env: {
        ...process.env,
        FORMICARY_PORT: String(await freePort()),
        FORMICARY_DATA: mkdtempSync(join(folder, 'refused-')),
        FORMICARY_LOG: 'silent',
      },
      encoding: 'utf8',
      timeout: 60_000,
    });
    return { status, stderr, file: join(module, 'module.js') };
  } finally {
    rmSync(module, { recursive: true });
  }
}

test.each(['tasks', 'engine', 'stop'])(
  'a colony does not start with a module whose service is called %s',
  async (name) => {
    const { status, stderr, file } = await startedWith(`{ services: { ${name}: {} } }`);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(`service called '${name}'`) });
    expect(stderr).toContain(file);
  },
);

test.each(['open', 'start'])('what a module fails with in %s is told in one line, as its own fault', async (hook) => {
  const { status, stderr, file } = await startedWith(
    `{ services: {}, ${hook}: async () => { throw new Error('no luck'); } }`,
  );
  expect({ status, stderr }).toEqual({ status: 2, stderr: `${file}: its ${hook} failed: no luck\n` });
});

test('it has a method of the client and a command', async () => {
  const answer = JSON.parse(formicary('remind', 'Call the bank', '--at', '2h', '--id', 'bank', '--json')) as {
    reminder: { id: string; text: string };
  };
  expect(answer.reminder).toMatchObject({ id: 'bank', text: 'Call the bank', status: 'set' });
  expect(formicary('--help')).toContain('remind');
  expect(formicary('asof', new Date().toISOString(), 'reminder', 'bank')).toContain('Call the bank');
  const program = `
    const { Formicary } = require(process.argv[1] + '/dist/client/client.js');
    const { RemindersApi } = require(process.argv[1] + '/dist/client/reminders.js');
    const client = new Formicary({ url: process.argv[2] });
    client.api(RemindersApi).get('bank').then(({ text }) => { console.log(text); client.close(); });`;
  expect(execFileSync(process.execPath, ['-e', program, folder, url], { encoding: 'utf8' }).trim()).toBe(
    'Call the bank',
  );
});
