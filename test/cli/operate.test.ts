/** What an operator and an agent do on the command line, against a real host. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DATABASE_FILE } from '../../adapters/embedded/database';
import { Formicary } from '../../client/client';
import { eventually } from '../support/eventually';
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

const statusOf = async (task: string): Promise<string> => (await client.tasks.get(task)).status;

test('every command tells what it does, with examples', async () => {
  for (const command of [
    'cancel',
    'redrive',
    'parked',
    'rebuild',
    'deliveries',
    'channels',
    'pools',
    'pause',
    'resume',
    'paused',
    'drain',
    'stop',
    'stops',
    'lift',
    'tenant',
    'budgets',
    'budget',
    'unbudget',
    'raise',
    'blob',
    'doctor',
    'register',
    'deregister',
    'inbox',
    'accept',
    'complete',
    'fail',
    'release',
    'handoff',
  ]) {
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
    ['stops', 'Nothing is stopped'],
    ['budgets', 'Nothing has a budget'],
    ['rounds', 'Nothing was found'],
    ['oversight', 'No kind has rules of its own'],
  ] as const) {
    const { code, stdout } = await run(command);
    expect([command, code, stdout]).toEqual([command, 0, expect.stringContaining(says)]);
  }
});

test('an agent by hand: register, inbox, accept, complete; then fail for good, redrive, release, hand off, deregister', async () => {
  for (const id of ['hand-1', 'hand-2'])
    expect((await run('register', '--id', id, '--type', 'hand.work', '--capacity', '2')).code).toBe(0);
  for (const level of ['english=2', 'english=', 'english=0x1', 'english=1e0', '=0.5'])
    expect([level, (await run('register', '--type', 'hand.work', '--capability', level)).code]).toEqual([level, 2]);
  await client.tasks.post({ id: 'h-1', task_type: 'hand.work', accept_seconds: 600, lease_seconds: 600 });
  await eventually(async () => (await statusOf('h-1')) === 'awarded');
  const { holder } = await client.tasks.get('h-1');
  expect((await run('inbox', holder!.agent)).stdout).toMatch(/task to accept +h-1 /);
  expect((await run('accept', 'h-1')).stdout).toContain('h-1 is running');
  expect((await run('complete', 'h-1', '--result', '{"ok":true}')).code).toBe(0);
  expect(await client.tasks.get('h-1')).toMatchObject({ status: 'completed', completion: { result: { ok: true } } });

  await client.tasks.post({ id: 'h-2', task_type: 'hand.work', accept_seconds: 600, lease_seconds: 600 });
  await eventually(async () => (await statusOf('h-2')) === 'awarded');
  await run('accept', 'h-2');
  expect((await run('fail', 'h-2', '--reason', 'no such invoice', '--final')).stdout).toContain('h-2 is dead');
  await eventually(async () => (await client.tasks.list({ status: 'dead' })).value.some(({ id }) => id === 'h-2'));
  expect((await run('redrive', '--type', 'hand.work')).stdout).toContain('1 task redriven');
  await eventually(async () => (await statusOf('h-2')) === 'awarded');
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
  await eventually(async () => (await statusOf('d-1')) === 'awarded');
  expect(await statusOf('n-1')).toBe('open');
  expect((await run('resume', 'type', 'night.work')).code).toBe(0);
  await eventually(async () => (await statusOf('n-1')) === 'awarded');
}, 60_000);

test('budgets are set, shown and removed; a task that costs more waits for a person', async () => {
  const purse = (...args: string[]) => run('--tenant', 'purse', ...args);
  const own = new Formicary({ url: host.url, tenant: 'purse', principal: 'human:ada' });
  try {
    expect((await purse('budget', 'pool', 'paid', '0.000012', '--reason', 'a pilot')).stdout).toContain(
      'pool paid may cost 0.000012 USD',
    );
    expect((await purse('budget', 'pool', 'paid', '0.0000001', '--reason', 'x')).stderr).toContain('six digits');
    await own.as('paid-1').agents.register({ agent_type: 'paid.work', pool: 'paid', capacity: 1 });
    await own.tasks.post({
      id: 'paid-t',
      task_type: 'paid.work',
      accept_seconds: 600,
      lease_seconds: 600,
      estimated_cost_micro_usd: 10,
    });
    await eventually(async () => (await own.tasks.get('paid-t')).status === 'awarded');
    expect((await purse('budgets')).stdout).toMatch(/pool +paid +0\.000012 USD +0\.000012 USD +0\.00 USD +0\.00 USD/);
    expect((await purse('budgets', '--reservations')).stdout).toMatch(/paid-t +1 +paid-1 .*pool paid/);
    await own.as('paid-1').tasks.accept('paid-t', { award: 1 });
    await expect(
      own.as('paid-1').tasks.progress('paid-t', { award: 1, fraction: 0.5, cost_micro_usd: 20 }),
    ).rejects.toMatchObject({ problem: { type: expect.stringContaining('over-budget') } });
    expect((await purse('stops')).stdout).toMatch(/task +paid-t +quarantine/);
    expect((await purse('raise', 'paid-t', '1', '--reason', 'go on')).stderr).toContain('raise the budget');
    expect((await purse('budget', 'pool', 'paid', '1.5', '--per', 'day', '--reason', 'more')).code).toBe(0);
    expect((await purse('raise', 'paid-t', '1', '--reason', 'go on')).stdout).toContain('goes on');
    expect((await purse('stops')).stdout).toContain('Nothing is stopped');
    await own.as('paid-1').tasks.complete('paid-t', { award: 1, result: 1, cost_micro_usd: 30 });
    await eventually(async () => (await own.budgets.list())[0]?.spent_micro_usd === 30);
    expect((await purse('unbudget', 'pool', 'paid', '--reason', 'over')).stdout).toContain('may cost anything again');
    expect((await purse('unbudget', 'pool', 'paid', '--reason', 'over')).stdout).toContain('had no budget');
  } finally {
    own.close();
  }
}, 120_000);

test('a tenant is created, shown, limited and listed by people of the platform', async () => {
  const platform = (...args: string[]) => run('--tenant', 'platform', 'tenant', ...args);
  const created = await platform(
    'create',
    'landlord',
    '--agents',
    '5',
    '--tasks',
    '7',
    '--storage',
    '1.5MB',
    '--reason',
    'a customer',
  );
  expect(created).toMatchObject({ code: 0, stdout: expect.stringContaining('landlord is there') });
  expect((await platform('create', 'landlord', '--agents', '6', '--reason', 'again')).stderr).toContain(
    'created before',
  );
  for (const wrong of [
    ['--agents', 'none'],
    ['--storage', '1.5PB'],
    ['--storage', '..'],
  ])
    expect((await platform('create', 'other', ...wrong, '--reason', 'x')).code).toBe(2);
  expect((await platform('show', 'landlord')).stdout).toMatch(
    /agents +5 +0[^]*tasks that are not over +7 +0[^]*bytes stored +1500000 +0/,
  );
  const limited = await platform('limit', 'landlord', '--agents', 'none', '--requests', '90', '--reason', 'as agreed');
  expect(limited).toMatchObject({
    stderr: '',
    code: 0,
    stdout: expect.stringMatching(/any agents, 7 tasks.* 90 requests a second/),
  });
  await eventually(async () => /landlord +any +7 .*as agreed/.test((await platform('list')).stdout));
  expect((await run('--tenant', 'landlord', 'tenant', 'show', 'landlord')).stdout).toContain('as agreed');
  expect((await run('--tenant', 'landlord', 'tenant', 'list')).code).toBe(1);
}, 60_000);

test('a tenant is closed and erased by two people, and shows it', async () => {
  const end = (ending: string, by: string) =>
    formicary([
      ...['tenant', ending, 'leaving', '--reason', 'it is over'],
      ...['--url', host.url, '--principal', `human:${by}`, '--tenant', 'platform'],
    ]);
  await run('--tenant', 'platform', 'tenant', 'create', 'leaving', '--reason', 'a customer');
  for (const ending of ['close', 'erase']) {
    expect((await end(ending, 'ada')).stdout).toContain('You have agreed; a second person has to');
    expect((await end(ending, 'ada')).stderr).toContain('it takes a second person');
    expect((await end(ending, 'bob')).stdout).toContain(`leaving is ${ending}d`);
  }
  const shown = (await run('--tenant', 'platform', 'tenant', 'show', 'leaving')).stdout;
  expect(shown).toMatch(/closed for good .*by human:bob and human:ada[^]*erased for good/);
  await eventually(async () => /leaving .*erased/.test((await run('--tenant', 'platform', 'tenant', 'list')).stdout));
}, 60_000);

test('the list of tenants is whole, however many pages it has', async () => {
  const platform = new Formicary({ url: host.url, tenant: 'platform', principal: 'human:ada' });
  const names = Array.from({ length: 1_010 }, (_, i) => `many-${String(i).padStart(4, '0')}`);
  for (let i = 0; i < names.length; i += 50)
    await Promise.all(names.slice(i, i + 50).map((name) => platform.tenants.create(name, { reason: 'a customer' })));
  platform.close();
  await eventually(async () => {
    const { json } = await run('--tenant', 'platform', 'tenant', 'list', '--json');
    const { value, nextLink } = json as { value: { name: string }[]; nextLink?: string };
    const listed = value.map(({ name }) => name).filter((name) => name.startsWith('many-'));
    return nextLink === undefined && listed.length === names.length;
  });
}, 120_000);

test('an agent that is stopped says why, gives back what it holds, and goes on when it is lifted', async () => {
  await client.as('halt-1').agents.register({ agent_type: 'halt.work', capacity: 1 });
  await client.tasks.post({ id: 'halt-t', task_type: 'halt.work', accept_seconds: 600 });
  await eventually(async () => (await statusOf('halt-t')) === 'awarded');
  const stopped = await run('stop', 'agent', 'halt-1', '--quarantine', '--reason', 'it pays twice');
  expect(stopped).toMatchObject({ code: 0, stdout: expect.stringMatching(/in quarantine[^]*1 task[^]*halt-t/) });
  await eventually(async () => (await statusOf('halt-t')) === 'open');
  expect((await run('stops')).stdout).toMatch(/agent +halt-1 +quarantine .*it pays twice/);
  expect((await run('lift', 'agent', 'halt-1', '--reason', 'the prompt was corrected')).stdout).toContain('goes on');
  await eventually(async () => (await statusOf('halt-t')) === 'awarded');
  const platform = (...args: string[]) => run('--tenant', 'platform', ...args);
  expect((await platform('stop', 'global', 'all', '--reason', 'a breach')).code).toBe(0);
  expect((await run('cancel', 'halt-t')).stderr).toMatch(/everything is frozen, by human:ada .*a breach/);
  expect((await platform('lift', 'global', 'all', '--reason', 'over')).stdout).toContain('a second person');
  expect((await platform('lift', 'global', 'all', '--reason', 'over')).stderr).toContain('second person');
  const other = ['--url', host.url, '--principal', 'human:bob', '--tenant', 'platform'];
  expect((await formicary(['lift', 'global', 'all', '--reason', 'over', ...other])).stdout).toContain('goes on');
  expect((await run('cancel', 'halt-t')).code).toBe(0);
}, 120_000);

test('an agent that drains gets nothing new and keeps what it holds', async () => {
  await client.as('drain-1').agents.register({ agent_type: 'drain.work', capacity: 2 });
  await client.tasks.post({ id: 'r-1', task_type: 'drain.work', accept_seconds: 600, lease_seconds: 600 });
  await eventually(async () => (await statusOf('r-1')) === 'awarded');
  expect((await run('drain', 'agent', 'drain-1', '--reason', 'its machine is replaced')).stdout).toContain(
    'it still holds 1 task',
  );
  await client.tasks.post({ id: 'r-2', task_type: 'drain.work', accept_seconds: 600 });
  await run('accept', 'r-1');
  const waiting = run('drain', 'agent', 'drain-1', '--reason', 'its machine is replaced', '--wait');
  expect((await run('complete', 'r-1')).code).toBe(0);
  expect((await waiting).stdout).toContain('is drained: it holds nothing');
  expect(await statusOf('r-2')).toBe('open');
  await run('resume', 'agent', 'drain-1');
  await eventually(async () => (await statusOf('r-2')) === 'awarded');
}, 120_000);

test('rebuild, and what a doctor finds', async () => {
  expect((await run('rebuild', 'tasks')).stdout).toContain('built anew');
  expect((await run('rebuild', 'nothing')).code).toBe(1);
  const found = await run('doctor', '--json');
  const checks = Object.fromEntries(
    (found.json as { check: string; ok: boolean }[]).map(({ check, ok }) => [check, ok]),
  );
  expect(checks).toMatchObject({ host: true, clock: true, parked: true });
  // Another folder that lies where one is looked for says nothing of this host.
  const elsewhere = mkdtempSync(join(tmpdir(), 'formicary-elsewhere-'));
  const cwd = { cwd: elsewhere, env: { FORMICARY_DATA: elsewhere } };
  expect((await formicary(['doctor', '--url', host.url], cwd)).stdout).toMatch(/– folder +.*is not that host's/);
  expect((await formicary(['doctor', '--url', host.url, '--data', host.data], cwd)).stdout).toMatch(
    /✓ permissions +private to the owner/,
  );
  rmSync(elsewhere, { recursive: true });
  await client.tasks.post({ id: 'lonely-1', task_type: 'lonely.work' });
  expect((await run('candidates', 'lonely-1')).stdout).toBe(
    'No agent that is registered has what lonely-1 asks for.\n',
  );
  const gone = await formicary(['doctor', '--url', 'http://127.0.0.1:1']);
  expect(gone).toMatchObject({ code: 1, stdout: expect.stringContaining('no host answers') });
}, 60_000);

test('what is parked is listed whole, and tried again by its id alone, or all of it', async () => {
  await client.tasks.post({ id: 'p-1', task_type: 'parked.work' });
  const ids = Array.from({ length: 130 }, (_, i) => `default/task/parked-${String(i).padStart(3, '0')}@0`);
  const database = new DatabaseSync(join(host.data, DATABASE_FILE), { timeout: 5_000 });
  const insert = database.prepare(
    "INSERT INTO work (queue, id, body, deliveries, visible, dead) VALUES ('parked-reactions', ?, ?, 5, '', 'it failed')",
  );
  for (const id of ids) insert.run(id, JSON.stringify({ stream: id.slice(0, -2), index: 0 }));
  database.close();
  expect((await run('parked', '--json')).json).toHaveLength(130);
  expect((await run('parked', '--redrive', ids[7] as string)).stdout).toContain(
    `${ids[7]} is tried again by reactions`,
  );
  expect(await run('parked', '--redrive', ids[7] as string)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is not parked'),
  });
  expect(await run('parked', '--redrive-all')).toMatchObject({ code: 0, stdout: '129 commits tried again.\n' });
  expect((await run('parked')).stdout).toContain('Nothing is parked');
}, 60_000);

test('another server at the address is told apart from a host, and from a refusal', async () => {
  const pages = { 200: '<!doctype html><title>A page</title>', 404: 'not here', 502: '<h1>Bad Gateway</h1>' };
  for (const [status, body] of Object.entries(pages)) {
    const server = createServer((_, answer) => answer.writeHead(Number(status)).end(body)).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const command of [['tasks'], ['status'], ['post', 'a.b'], ['doctor']]) {
      const { code, stderr } = await formicary([...command, '--url', url]);
      expect([status, command, code, stderr]).toEqual([
        status,
        command,
        2,
        expect.stringMatching(/no(t a)? Formicary host[\s\S]*--url/),
      ]);
    }
    server.close();
  }
}, 120_000);

test('a host that is not ready: doctor and status say why', async () => {
  const takeWrites = await host.refuseWrites();
  await eventually(async () => (await fetch(`${host.url}/health/ready`)).status === 503);
  expect(await run('doctor')).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/✗ host +not ready: store: .*takes no writes/),
  });
  expect((await run('status')).stdout).toMatch(/ is NOT ready: \d+ open tasks?\nnot ready {2}store: .*takes no writes/);
  expect((await run('status', '--json')).json).toMatchObject({
    ready: false,
    reasons: [expect.stringContaining('takes no writes')],
  });
  takeWrites();
  await eventually(async () => (await fetch(`${host.url}/health/ready`)).status === 200);
  expect((await run('status', '--json')).json).toMatchObject({ ready: true, reasons: [] });
}, 60_000);

test('a file that is not there, a folder in its place and a byte-order mark are told in words', async () => {
  const marked = join(host.data, 'marked.json');
  writeFileSync(marked, '\ufeff[]');
  for (const [file, says] of [
    ['/nowhere/tasks.json', 'there is no file /nowhere/tasks.json'],
    [host.data, `${host.data} is a folder, not a file`],
    [marked, 'begins with a byte-order mark'],
  ] as const) {
    for (const command of [
      ['post', '--file', file],
      ['post', 'a.b', '--payload', `@${file}`],
      ...(file === marked ? [] : [['recompute', '--file', file]]),
    ]) {
      expect([command, await run(...command)]).toEqual([
        command,
        expect.objectContaining({ code: 2, stderr: expect.stringContaining(says) }),
      ]);
    }
  }
  rmSync(marked);
}, 60_000);
