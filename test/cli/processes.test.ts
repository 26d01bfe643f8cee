/** One process where one was started; ends and exit codes that say what happened. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { eventually } from '../support/eventually';
import { compiledApp, freePort, startTestHost } from '../support/host';

let root: string;
const children: ChildProcess[] = [];

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'formicary-processes-'));
  chmodSync(root, 0o755);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const CLI = () => join(compiledApp(), 'dist/cli/main.js');

/** Whether a host still answers there. */
async function answers(port: number): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${port}/health/live`).then(
    ({ ok }) => ok,
    () => false,
  );
}

test('start is one process: who kills it has killed the host', async () => {
  const port = await freePort();
  const child = spawn(process.execPath, [CLI(), 'start', '--port', String(port), '--data', join(root, 'one')], {
    stdio: 'ignore',
  });
  children.push(child);
  await eventually(() => answers(port));
  expect(execFileSync('ps', ['-o', 'ppid=', '-e'], { encoding: 'utf8' }).split('\n').map(Number)).not.toContain(
    child.pid,
  );
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await answers(port)).toBe(false);
}, 60_000);

test('a host that a launcher has started ends when the launcher is killed', async () => {
  const port = await freePort();
  const args = JSON.stringify([CLI(), 'start', '--port', String(port), '--data', join(root, 'tethered')]);
  // As bin/formicary.js does on a Node that is too old.
  const launcher = `require('node:child_process').spawn(process.execPath, ${args}, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: { ...process.env, FORMICARY_TETHERED: '1' } })`;
  const child = spawn(process.execPath, ['-e', launcher], { stdio: 'ignore' });
  children.push(child);
  await eventually(() => answers(port));
  child.kill('SIGKILL');
  await eventually(async () => !(await answers(port)));
}, 60_000);

// npm hands SIGTERM to a shell that keeps it, and nothing else to anybody.
test.each<NodeJS.Signals>(['SIGTERM', 'SIGHUP', 'SIGKILL'])(
  'a host that npx has started ends with it: %s',
  async (signal) => {
    const port = await freePort();
    const call = `'${process.execPath}' '${CLI()}' start --port ${port} --data '${join(root, `npx-${signal}`)}'; exit $?`;
    const child = spawn('npm', ['exec', '--offline', '--call', call], { stdio: 'ignore' });
    children.push(child);
    await eventually(() => answers(port));
    child.kill(signal);
    await eventually(async () => !(await answers(port)));
  },
  120_000,
);

test('an output that can not be written is not the answer "does not hold"', async () => {
  const host = await startTestHost();
  await host.kill('SIGTERM');
  for (const args of [
    ['verify', '--data', host.data],
    ['verify', '--json', '--data', host.data],
    ['export', '--data', host.data],
  ]) {
    const child = spawn(process.execPath, [CLI(), ...args], { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] });
    let said = '';
    child.stderr?.on('data', (chunk) => (said += String(chunk)));
    expect(await once(child, 'close')).toEqual([2, null]);
    expect(said).toContain('no space left');
  }
  await host.stop();
}, 60_000);

test('a folder that can not be written: one clear message, before anything is said to be open', async () => {
  const data = join(root, 'a-file', 'data');
  openSync(join(root, 'a-file'), 'w');
  const child = spawn(process.execPath, [CLI(), 'start', '--port', String(await freePort()), '--data', data], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += String(chunk)));
  expect(await once(child, 'close')).toEqual([2, null]);
  expect(said).toContain(`${data} can't be used`);
  expect(said).not.toContain('is open');
  expect(said).not.toContain('    at ');
}, 60_000);

test('a host whose store takes no writes is not ready, and says why', async () => {
  const host = await startTestHost();
  const ready = async () =>
    await fetch(`${host.url}/health/ready`).then(
      async (answer) => [answer.status, (await answer.json()) as { reasons?: string[] }] as const,
    );
  expect((await ready())[0]).toBe(200);
  const takeWrites = await host.refuseWrites();
  await eventually(async () => (await ready())[0] === 503);
  expect((await ready())[1].reasons?.join()).toMatch(/^store: .*takes no writes/);
  takeWrites();
  await eventually(async () => (await ready())[0] === 200);
  await host.stop();
}, 60_000);

test('a damaged database: the message names the file and what to do', async () => {
  const host = await startTestHost();
  const post = async (id: number) =>
    await fetch(`${host.url}/v1/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: `t${id}`, task_type: 'x' }),
    });
  for (let i = 0; i < 40; i += 1) await post(i);
  await host.kill('SIGTERM');
  const file = join(host.data, 'formicary.db');
  const bytes = readFileSync(file);
  for (const damage of [() => bytes.fill(0xaa, 4096), () => bytes.fill(0xaa)]) {
    damage();
    writeFileSync(file, bytes);
    const child = spawn(process.execPath, [CLI(), 'start', '--port', String(await freePort()), '--data', host.data], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (said += String(chunk)));
    expect(await once(child, 'close')).toEqual([2, null]);
    expect(said).toContain(`${file} is damaged`);
    expect(said).toContain('--salvage');
    expect(said).not.toContain('is open');
  }
  await host.stop();
}, 60_000);

test('an altered receipt keeps no host from starting, whatever it says now, and were it the newest', async () => {
  const host = await startTestHost();
  for (const id of ['a', 'b', 'c'])
    await fetch(`${host.url}/v1/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, task_type: 'x' }),
    });
  await host.kill('SIGTERM');
  const database = new DatabaseSync(join(host.data, 'formicary.db'));
  database.prepare("UPDATE commits SET body = 'no JSON' WHERE stream = 'default/task/c'").run();
  database
    .prepare(
      "UPDATE commits SET body = json_set(body, '$.at', '2999-01-01T00:00:00.000Z') WHERE stream = 'default/task/b'",
    )
    .run();
  database.close();
  const again = await startTestHost({ data: host.data });
  expect((await fetch(`${again.url}/v1/tasks/a`)).status).toBe(200);
  expect((await fetch(`${again.url}/v1/tasks/c`)).status).toBe(500);
  await again.stop();
  await host.stop();
}, 60_000);

test.each(['formicary.lock', 'durable.lock', 'durable.db'])(
  'of %s, where it is not what it should be, the message says what it holds and what to do',
  async (name) => {
    const data = mkdtempSync(join(root, 'data-'));
    const file = join(data, name);
    writeFileSync(file, 'no database at all'.repeat(500));
    await expect(startTestHost({ data })).rejects.toThrow(
      new RegExp(
        `${file} can't be (locked|used): file is not a database. It holds (nothing: when no host uses|what waits).*(remove it|rename this file)`,
        's',
      ),
    );
    rmSync(file);
    await (await startTestHost({ data })).stop();
  },
  60_000,
);
