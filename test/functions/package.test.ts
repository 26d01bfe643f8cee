/** What is uploaded: one file with everything that the app runs, and what lies beside it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { deflateRawSync } from 'node:zlib';
import { Formicary } from '../../client/client';
import { ownersKeyTextOf } from '../../domain/kernel/identity-secret';
import { startServers } from '../servers/servers';
import { eventually } from '../support/eventually';
import { compiledApp, freePort } from '../support/host';

jest.setTimeout(120_000); // other work shares the machine

const ROOT = resolve(__dirname, '../..');
const { peerDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  peerDependencies: Record<string, string>;
};
const TOOLS = ['node', 'typescript', 'esbuild', 'jest', 'eslint', '@swc/core', 'azurite', 'commander', 'cli-table3'];
/** Packed, as it is uploaded. */
const MAX_MB = 4;

let everything: string;
let folder: string;

beforeAll(() => {
  everything = compiledApp();
  execFileSync(process.execPath, [join(ROOT, 'web/build.mjs'), join(everything, 'dist/web')]);
  // Outside of the repository: no package is found there.
  folder = mkdtempSync(join(tmpdir(), 'formicary-package-'));
  execFileSync(process.execPath, [join(ROOT, 'functions/bundle.mjs'), everything, folder]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** As a worker on Azure loads it, where no service answers. */
const AZURE = {
  FORMICARY_PROFILE: 'azure',
  FORMICARY_LOG: 'silent',
  FORMICARY_DEV_HEADERS: 'off',
  FORMICARY_SIGNAL_HUB: 'signals',
  FORMICARY_EVENT_HUB: 'events',
  WEBSITE_SITE_NAME: 'func-colony',
};

/** Loads the app in a folder; gives the names of its functions, and the files that were loaded. */
function load(app: string): { functions: readonly string[]; files: readonly string[] } {
  const program = `
    const [local, app] = process.argv.slice(1);
    const { registrations } = require(local + '/core.js');
    require(local + '/app-loader.js').loadApp(app).then(async ({ terminate }) => {
      const files = Object.keys(require.cache).filter((file) => !file.startsWith(local));
      await terminate();
      console.log(JSON.stringify({ functions: registrations().map(({ name }) => name), files }));
    });`;
  const output = execFileSync(process.execPath, ['-e', program, join(everything, 'dist/local'), app], {
    env: { ...process.env, ...AZURE },
    encoding: 'utf8',
    timeout: 60_000,
  });
  return JSON.parse(output) as ReturnType<typeof load>;
}

test('it is a few files, small enough to be read at a start', () => {
  const files = globSync('**', { cwd: folder }).filter((file) => statSync(join(folder, file)).isFile());
  const policies = globSync('policies/bundle/*', { cwd: ROOT });
  const page = globSync('web/*', { cwd: join(everything, 'dist') });
  expect(page.length).toBeGreaterThan(3);
  expect(files.sort()).toEqual(
    ['LICENSE', 'THIRD-PARTY-NOTICES.txt', 'app/index.js', 'host.json', 'package.json', ...policies, ...page].sort(),
  );
  const packed = files.reduce((sum, file) => sum + deflateRawSync(readFileSync(join(folder, file))).length, 0);
  expect(packed / 1e6).toBeLessThan(MAX_MB);
});

test('it registers what the app registers, from this one file', () => {
  const bundled = load(folder);
  expect(bundled.functions).toEqual(load(everything).functions);
  expect(bundled.files.filter((file) => file.startsWith(folder))).toEqual([join(folder, 'app/index.js')]);
  expect(bundled.files.filter((file) => file.includes('node_modules'))).toEqual([]);
});

test('the licence of each package goes along, and no tool does', () => {
  const notices = readFileSync(join(folder, 'THIRD-PARTY-NOTICES.txt'), 'utf8');
  const named = [...notices.matchAll(/^(\S+) \d+\.\d+\.\d+\S* \(.+\)$/gm)].map(([, name]) => name as string);
  expect(named).toEqual(expect.arrayContaining(['@azure/functions', 'zod', 'pino', ...Object.keys(peerDependencies)]));
  expect(named.filter((name) => TOOLS.includes(name))).toEqual([]);
});

/** Runs the app in the folder under the local host, on those services; gives where, and what ends it. */
async function run(settings: Readonly<Record<string, string>>): Promise<{ url: string; stop(): Promise<void> }> {
  const port = await freePort();
  const data = mkdtempSync(join(tmpdir(), 'formicary-data-'));
  const program = `
    const [local, appDirectory, data, port] = process.argv.slice(1);
    require(local + '/host.js').startHost({ appDirectory, port: Number(port), hostname: '127.0.0.1', data }).then(({ url }) => console.log(url));`;
  const child = spawn(process.execPath, ['-e', program, join(everything, 'dist/local'), folder, data, String(port)], {
    env: { ...process.env, ...settings, FORMICARY_PUBLIC_URL: `http://127.0.0.1:${port}` },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    url,
    async stop() {
      child.kill('SIGKILL');
      await once(child, 'exit');
      rmSync(data, { recursive: true, force: true });
    },
  };
}

test('it answers before its services do, says what keeps it, and works once they let it', async () => {
  const servers = await startServers();
  // As when roles were given a moment ago.
  servers.cosmos.faults = () => 403;
  const secret = 'the secret of thirty-two characters or more';
  const { url, stop } = await run({ ...servers.settings, ...AZURE, FORMICARY_IDENTITY_SECRET: secret });
  const client = new Formicary({ url, credentials: { key: ownersKeyTextOf(secret) }, retry: { attempts: 1 } });
  try {
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    const kept = await fetch(`${url}/health/ready`);
    expect([kept.status, await kept.json()]).toEqual([
      503,
      { status: 'not ready', reasons: [expect.stringContaining('refused on demand: 403')] },
    ]);
    const refused = await fetch(`${url}/v1/tasks/first`, { headers: { authorization: 'Bearer not.looked.at' } });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    servers.cosmos.faults = () => undefined;
    await eventually(async () => (await fetch(`${url}/health/ready`)).ok, { what: 'the app', pauseMs: 200 });
    await client.tasks.post({ id: 'first', task_type: 'finance.reconciliation' });
    expect(await client.tasks.get('first')).toMatchObject({ id: 'first', status: 'open' });
  } finally {
    client.close();
    await stop();
    await servers.stop();
  }
});
