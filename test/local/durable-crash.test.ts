/** The host as a process that is killed in the middle of an orchestration, and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { compileInto } from '../support/compiled';
import { eventually } from '../support/eventually';
import { send } from './support';

const PROJECT = path.resolve(__dirname, '../..');
const APP = path.join(PROJECT, 'test/fixtures/durable-app');
let root: string;
let notes: string;
let port: number;
let child: ChildProcess | undefined;

beforeAll(async () => {
  mkdirSync(path.join(PROJECT, '.cache'), { recursive: true });
  root = mkdtempSync(path.join(PROJECT, '.cache', 'durable-'));
  notes = path.join(root, 'notes');
  compileInto(path.join(root, 'dist'), 'local/main.ts', 'adapters/embedded/writer.ts');
  writeFileSync(
    path.join(root, 'package.json'),
    JSON.stringify({ main: path.join(path.relative(root, APP), 'functions/*.js') }),
  );
  writeFileSync(path.join(root, 'host.json'), readFileSync(path.join(APP, 'host.json')));
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  port = (probe.address() as AddressInfo).port;
  probe.close();
});
afterAll(() => {
  child?.kill('SIGKILL');
  rmSync(root, { recursive: true });
});

async function start(): Promise<void> {
  let output = '';
  child = spawn(process.execPath, [path.join(root, 'dist/local/main.js')], {
    env: { ...process.env, FORMICARY_PORT: String(port), NOTES: notes },
  });
  child.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await eventually(() => output.includes('To stop'));
}

async function kill(): Promise<void> {
  const exit = once(child!, 'exit');
  child!.kill('SIGKILL');
  await exit;
}

const written = () => (existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : []);
const call = (method: string, url: string) => send(`http://127.0.0.1:${port}`, url, { method });

test('what was done stays done, what was under way is done again, timers fire late, events wait', async () => {
  await start();
  expect((await call('POST', '/start/steps/one')).text).toBe('one');
  await call('POST', '/raise/one/Finish');
  await eventually(() => written().includes('begin step 2'));
  await kill();

  await start();
  await eventually(() => written().includes('end step 3'));
  // The timer is being created, or waits.
  await kill();
  const sofar = written();

  await new Promise((resolve) => setTimeout(resolve, 700));
  await start();
  const ended = await eventually(async () => {
    const status = (await call('GET', '/status/one')).json();
    return status['runtimeStatus'] === 'Completed' && status;
  });
  expect(ended['output']).toEqual(['step 1', 'step 2', 'step 3', 'Finish']);
  expect(sofar.slice(0, 7)).toEqual([
    'begin step 1',
    'end step 1',
    'begin step 2',
    'begin step 2',
    'end step 2',
    'begin step 3',
    'end step 3',
  ]);
  // Step 3 may have been killed before its end was written, and nothing before it.
  expect(
    written()
      .slice(7)
      .every((line) => line.endsWith('step 3')),
  ).toBe(true);
}, 30_000);
