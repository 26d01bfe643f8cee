/** The host for tests: its clock is moved by whoever has started it, and by nobody else. */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { TestHost } from '../../client/testing';
import { eventually } from '../support/eventually';
import { compiledApp } from '../support/host';

const ROOT = path.resolve(__dirname, '../..');
let host: TestHost;

beforeAll(async () => {
  host = await TestHost.start({
    command: [process.execPath, path.join(compiledApp(), 'dist/cli/main.js'), 'test-host'],
  });
});
afterAll(() => host.stop());

test('a worker that lives keeps its lease while hours pass, and people run out of time', async () => {
  const worker = host.worker('ada', { agent_type: 'refund', log: () => undefined });
  await worker.start((task) => task.askHuman({ amount: 1 }, { why: 'it was paid twice', impact: 'low' }));
  const client = host.client();
  const { task } = await client.tasks.post({ task_type: 'refund', lease_seconds: 600, max_attempts: 1 });
  await host.approval({ kind: 'refund' });
  await host.advance(3 * 3_600, { living: [worker] });
  const { history } = await eventually(async () => {
    const found = await client.tasks.get(task.id);
    return found.status === 'dead' && found;
  });
  expect(history).toMatchObject([{ end: 'failed', reason: expect.stringContaining('nobody of') }]);
});

test('whoever is silent meanwhile loses what it holds, and is lost', async () => {
  const silent = host.client('silent');
  await silent.agents.put('silent', { agent_type: 'silence' });
  const { task } = await host.client().tasks.post({ task_type: 'silence', lease_seconds: 60, retry_seconds: 0 });
  const { items } = await silent.agents.inbox('silent', { waitSeconds: 10 });
  await silent.tasks.accept(task.id, { award: (items[0] as { award: number }).award });
  await host.advance(30);
  expect(await silent.tasks.get(task.id)).toMatchObject({ status: 'running' });
  await host.advance(40);
  const lost = await eventually(async () => (await silent.tasks.get(task.id)).history[0]);
  expect(lost).toMatchObject({ end: 'expired', reason: 'no heartbeat for 60 s' });
  await host.advance(120);
  await eventually(async () => (await silent.agents.get('silent')).status === 'lost');
});

test('its time is moved by as much as is said, and never back', async () => {
  const before = Date.parse(await host.advance(0));
  const after = Date.parse(await host.advance(86_400));
  expect(after - before).toBeGreaterThanOrEqual(86_400_000);
  for (const seconds of [-1, 32 * 86_400, Number.NaN]) await expect(host.advance(seconds)).rejects.toThrow('31 days');
  expect(Date.parse(await host.advance(0))).toBeGreaterThanOrEqual(after);
});

test('what can not be started says so', async () => {
  await expect(TestHost.start({ command: [path.join(ROOT, 'no-such-program')] })).rejects.toThrow('ENOENT');
  await expect(TestHost.start({ command: [process.execPath, '-e', ''] })).rejects.toThrow('has ended');
  await expect(TestHost.start()).rejects.toThrow('npm install --save-dev formicary');
});

test('nothing but the host for tests can move time: no other code leads there, and so no setting and no route', () => {
  const code = globSync('{domain,contract,projections,app,adapters,host,functions,local,cli}/**/*.ts', { cwd: ROOT });
  const naming = code.filter((file) => readFileSync(path.join(ROOT, file), 'utf8').includes('moveAhead'));
  // Beside them one says in words what it is for.
  expect(naming.sort()).toEqual(['app/engine/clock.ts', 'local/host.ts', 'local/test-host.ts']);
  const started = code.filter((file) => readFileSync(path.join(ROOT, file), 'utf8').includes('local/test-host'));
  expect(started.sort()).toEqual(['app/engine/clock.ts', 'cli/operation/test-host.ts', 'local/test-host.ts']);
});

test('a host that has ended is told from one that is slow', async () => {
  const ends = `console.log(JSON.stringify({ url: 'http://127.0.0.1:1' }))`;
  const ended = await TestHost.start({ command: [process.execPath, '-e', ends] });
  for (let tries = 0; tries < 3; tries += 1) await expect(ended.advance(1)).rejects.toThrow('has ended');
  await ended.stop();
});
