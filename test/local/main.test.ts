/** The host as a process of its own: with the real `require`, signals and exit codes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { compileInto } from '../support/compiled';
import { eventually } from '../support/eventually';
import { APP, send } from './support';

const PROJECT = path.resolve(__dirname, '../..');
let root: string;
let port: number;

/** A project that consists of the host and the sample app; inside ours, so that its packages are found. */
beforeAll(async () => {
  mkdirSync(path.join(PROJECT, '.cache'), { recursive: true });
  root = mkdtempSync(path.join(PROJECT, '.cache', 'host-'));
  compileInto(path.join(root, 'dist'), 'local/main.ts', 'adapters/embedded/writer.ts');
  writeFileSync(
    path.join(root, 'package.json'),
    JSON.stringify({ main: path.join(path.relative(root, APP), 'functions/*.js') }),
  );
  writeFileSync(
    path.join(root, 'host.json'),
    JSON.stringify({ version: '2.0', extensions: { http: { routePrefix: '' } } }),
  );

  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  port = (probe.address() as AddressInfo).port;
  probe.close();
});
afterAll(() => rmSync(root, { recursive: true }));

interface Started {
  readonly child: ChildProcess;
  readonly exit: Promise<unknown>;
  readonly output: () => string;
}

const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

function start(env: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, [path.join(root, 'dist/local/main.js')], {
    cwd: root,
    env: { ...process.env, FORMICARY_PORT: String(port), ...env },
  });
  started.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, exit: once(child, 'exit').then(([code]: unknown[]) => code), output: () => output };
}

test('starts, says where, serves, and stops when asked', async () => {
  const host = start();
  await eventually(() => host.output().includes('To stop'));
  expect(host.output()).toContain(`http://127.0.0.1:${port}/docs`);
  expect(host.output()).toContain(path.join(root, '.formicary'));
  expect(host.output()).toMatch(/Not run on this host +work\n/);
  expect((await send(`http://127.0.0.1:${port}`, '/things/special')).text).toBe('special');

  const second = start();
  expect(await second.exit).toBe(2);
  expect(second.output()).toBe(
    `Port ${port} is in use: stop what runs there, or choose another port (start --port, or FORMICARY_PORT).\n`,
  );

  host.child.kill('SIGTERM');
  expect(await host.exit).toBe(0);
}, 20_000);

test('a second signal stops at once', async () => {
  const host = start();
  await eventually(() => host.output().includes('To stop'));
  const slow = send(`http://127.0.0.1:${port}`, '/ticks').catch(() => 'cut off');
  await new Promise((resolve) => setTimeout(resolve, 100));
  host.child.kill('SIGINT');
  await eventually(() => host.output().includes('once more'));
  await new Promise((resolve) => setTimeout(resolve, 700));
  host.child.kill('SIGINT');
  expect(await host.exit).toBe(1);
  expect(await slow).toBe('cut off');
}, 20_000);

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s stops it in order, also when npm hands on what the terminal has sent already',
  async (signal) => {
    const host = start();
    await eventually(() => host.output().includes('To stop'));
    host.child.kill(signal);
    await eventually(() => host.output().includes('once more'));
    host.child.kill(signal);
    expect(await host.exit).toBe(0);
  },
  20_000,
);

test('a port that is none is refused', async () => {
  const host = start({ FORMICARY_PORT: 'http' });
  expect(await host.exit).toBe(2);
  expect(host.output()).toBe('FORMICARY_PORT must be a port, not "http"\n');
}, 20_000);
