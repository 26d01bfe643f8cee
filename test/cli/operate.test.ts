/** What an operator and an agent do on the command line, against a real host. */
import { Formicary } from '../../client/client';
import { startTestHost, type TestHost } from '../support/host';
import { formicary, type Run } from './support';

let host: TestHost;
let client: Formicary;

beforeAll(async () => {
  host = await startTestHost();
  client = new Formicary({ url: host.url, principal: 'human:ada' });
}, 60_000);
afterAll(async () => {
  client.close();
  await host.stop();
});

function run(...args: string[]): Promise<Run> {
  return formicary([...args, '--url', host.url, '--principal', 'human:ada']);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

const statusOf = async (task: string): Promise<string> => (await client.tasks.get(task)).status;

test('every command tells what it does, with examples', async () => {
  for (const command of ['cancel', 'redrive', 'parked', 'rebuild', 'deliveries', 'channels', 'pools', 'pause', 'resume', 'paused', 'drain', 'blob', 'doctor', 'register', 'deregister', 'inbox', 'accept', 'complete', 'fail', 'release', 'handoff']) {
    const help = await formicary([command, '--help']);
    expect([command, help.code]).toEqual([command, 0]);
    expect(help.stdout).toMatch(new RegExp(`Examples:\\n  \\$ .*formicary ${command}\\b`));
  }
}, 120_000);

test('lists that are empty say so', async () => {
  for (const [command, says] of [
    ['parked', 'Nothing is parked'],
    ['deliveries', 'Every notice has reached'],
    ['channels', 'There is no channel'],
    ['paused', 'Nothing is paused'],
    ['rounds', 'Nothing was found'],
  ] as const) {
    const { code, stdout } = await run(command);
    expect([command, code, stdout]).toEqual([command, 0, expect.stringContaining(says)]);
  }
});

test('an agent by hand: register, inbox, accept, complete; then fail for good, redrive, release, hand off, deregister', async () => {
  for (const id of ['hand-1', 'hand-2']) expect((await run('register', '--id', id, '--type', 'hand.work', '--capacity', '2')).code).toBe(0);
  expect((await run('register', '--type', 'hand.work', '--capability', 'english=2')).code).toBe(2);
  await client.tasks.post({ id: 'h-1', task_type: 'hand.work', accept_seconds: 600, lease_seconds: 600 });
  await until(async () => (await statusOf('h-1')) === 'awarded');
  const { holder } = await client.tasks.get('h-1');
  expect((await run('inbox', holder!.agent)).stdout).toMatch(/task to accept +h-1 /);
  expect((await run('accept', 'h-1')).stdout).toContain('h-1 is running');
  expect((await run('complete', 'h-1', '--result', '{"ok":true}')).code).toBe(0);
  expect(await client.tasks.get('h-1')).toMatchObject({ status: 'completed', completion: { result: { ok: true } } });

  await client.tasks.post({ id: 'h-2', task_type: 'hand.work', accept_seconds: 600, lease_seconds: 600 });
  await until(async () => (await statusOf('h-2')) === 'awarded');
  await run('accept', 'h-2');
  expect((await run('fail', 'h-2', '--reason', 'no such invoice', '--final')).stdout).toContain('h-2 is dead');
  await until(async () => (await client.tasks.list({ status: 'dead' })).value.some(({ id }) => id === 'h-2'));
  expect((await run('redrive', '--type', 'hand.work')).stdout).toContain('1 task redriven');
  await until(async () => (await statusOf('h-2')) === 'awarded');
  await run('accept', 'h-2');
  const first = (await client.tasks.get('h-2')).holder!.agent;
  const other = first === 'hand-1' ? 'hand-2' : 'hand-1';
  expect((await run('handoff', 'h-2', other, '--note', 'the rest')).code).toBe(0);
  expect((await client.tasks.get('h-2')).holder).toMatchObject({ agent: other });
  expect((await run('accept', 'h-2')).code).toBe(0);
  expect((await run('release', 'h-2', '--reason', 'on the way out')).code).toBe(0);
  expect((await run('cancel', 'h-2', '--reason', 'withdrawn')).stdout).toContain('h-2 is cancelled');
  expect((await run('redrive', 'h-2')).code).toBe(1);
  expect((await run('redrive')).code).toBe(2);
  for (const id of ['hand-1', 'hand-2']) expect((await run('deregister', id)).code).toBe(0);
}, 120_000);

test('a type that is paused waits, and goes on when it is resumed', async () => {
  expect((await run('pause', 'type', 'night.work', '--reason', 'the ledger is down')).code).toBe(0);
  expect((await run('paused')).stdout).toMatch(/type +night\.work .*the ledger is down/);
  await client.as('night-1').agents.register({ agent_type: 'night.work', capacity: 1 });
  await client.tasks.post({ id: 'n-1', task_type: 'night.work', accept_seconds: 600 });
  // Another task of another type is given out after it: the market has looked.
  await client.as('day-1').agents.register({ agent_type: 'day.work', capacity: 1 });
  await client.tasks.post({ id: 'd-1', task_type: 'day.work', accept_seconds: 600 });
  await until(async () => (await statusOf('d-1')) === 'awarded');
  expect(await statusOf('n-1')).toBe('open');
  expect((await run('resume', 'type', 'night.work')).code).toBe(0);
  await until(async () => (await statusOf('n-1')) === 'awarded');
}, 60_000);

test('an agent that drains gets nothing new and keeps what it holds', async () => {
  await client.as('drain-1').agents.register({ agent_type: 'drain.work', capacity: 2 });
  await client.tasks.post({ id: 'r-1', task_type: 'drain.work', accept_seconds: 600, lease_seconds: 600 });
  await until(async () => (await statusOf('r-1')) === 'awarded');
  expect((await run('drain', 'agent', 'drain-1', '--reason', 'its machine is replaced')).stdout).toContain('it still holds 1 task');
  await client.tasks.post({ id: 'r-2', task_type: 'drain.work', accept_seconds: 600 });
  await run('accept', 'r-1');
  const waiting = run('drain', 'agent', 'drain-1', '--reason', 'its machine is replaced', '--wait');
  expect((await run('complete', 'r-1')).code).toBe(0);
  expect((await waiting).stdout).toContain('is drained: it holds nothing');
  expect(await statusOf('r-2')).toBe('open');
  await run('resume', 'agent', 'drain-1');
  await until(async () => (await statusOf('r-2')) === 'awarded');
}, 120_000);

test('rebuild, and what a doctor finds', async () => {
  expect((await run('rebuild', 'tasks')).stdout).toContain('built anew');
  expect((await run('rebuild', 'nothing')).code).toBe(1);
  const found = await run('doctor', '--json');
  const checks = Object.fromEntries((found.json as { check: string; ok: boolean }[]).map(({ check, ok }) => [check, ok]));
  expect(checks).toMatchObject({ host: true, clock: true, parked: true });
  const gone = await formicary(['doctor', '--url', 'http://127.0.0.1:1']);
  expect(gone).toMatchObject({ code: 1, stdout: expect.stringContaining('no host answers') });
}, 60_000);
