/** Reports of how a host worked: what they say, where they go, and that nothing in them acts. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import { join } from 'node:path';
import { readPerformance } from '../../cli/audit/performance';
import { performanceTable } from '../../cli/audit/performance-csv';
import { type Performance, performancePage } from '../../cli/audit/performance-page';
import { periodOf } from '../../cli/audit/performance-period';
import type { Pool } from '../../client/client';
import type { Stop } from '../../client/stops';
import { measure } from '../../domain/operation/metrics';
import { PeriodCounter } from '../../domain/operation/period';
import { eventually } from '../support/eventually';
import { client, folder, host, run } from './worked-host';

const HOSTILE = '=HYPERLINK("https://evil.example")\r\n<script>alert(1)</script>\u202Egpj;@SUM(A1)';
const place = (name: string) => join(folder, name);
const textOf = (name: string) => readFileSync(place(name), 'utf8');
const today = () => new Date().toISOString().slice(0, 10);

beforeAll(async () => {
  const requires = [{ capability: 'welding', level: 0.2 }];
  for (const [id, end] of [
    ['paid', 'complete'],
    ['lost', 'fail'],
  ] as const) {
    await client.tasks.post({ id, task_type: 'cli.work', requires, max_attempts: 1 });
    await eventually(async () => (await client.tasks.get(id)).holder !== undefined);
    const { agent, award } = (await client.tasks.get(id)).holder!;
    const { tasks } = client.as(agent);
    await tasks.accept(id, { award });
    if (end === 'complete') await tasks.complete(id, { award, cost_micro_usd: 250_000 });
    else await tasks.fail(id, { award, reason: HOSTILE, retryable: false });
  }
  await client.tasks.post({ id: 'waits', task_type: 'nobody.does' });
  await client.stops.stop('agent', 'nobody', { reason: HOSTILE });
  for (const id of ['asked', 'waits'])
    await client
      .as(id)
      .actions.propose({ id, kind: 'erp.order', action: {}, why: 'low', confidence: 0.9, impact: 'low' });
  const [{ id, hash }] = await eventually(async () => {
    const { value } = await client.approvals.list({ requester: 'asked' });
    return value.length === 1 && (value as [(typeof value)[0]]);
  });
  await client.as('human:ada').approvals.reject(id, { hash, reason: 'no' });
  const voters = [{ id: 'cli-1', why: 'asked by name' }];
  const electorate = { algorithm: 'simple_majority', quorum: 0.6, voters } as const;
  await client.rounds.open({ id: 'asked', question: 'Ship?', kind: 'release', impact: 'low', electorate });
  await client.rounds.cancel('asked', 'not needed');
  await eventually(async () => (await client.status()).feed.every(({ lag }) => lag === 0));
  // The first sample of the pools is taken a while after the start.
  await eventually(async () => (await client.pools.list()).length > 0);
}, 60_000);

test('a list of tasks is of those that ended on a day', async () => {
  const ids = async (ended_on: string) => (await client.tasks.list({ ended_on })).value.map(({ id }) => id);
  expect((await ids(today())).sort()).toEqual(['lost', 'paid', 'worked']);
  expect(await ids('2020-01-01')).toEqual([]);
  const { value } = await client.tasks.list({ ended_on: today() });
  expect(Object.fromEntries(value.map((row) => [row.id, row.cost_micro_usd]))).toEqual({
    lost: null,
    paid: 250_000,
    worked: null,
  });
  for (const ended_on of ['2026-02-30', 'today', '2026-11-21T00:00:00Z'])
    await expect(client.tasks.list({ ended_on })).rejects.toThrow('ended_on');
  await expect(client.tasks.list({ ended_on: today(), sort: 'waiting' })).rejects.toThrow('ended_on');
});

test('lists of decisions are of one day: actions when they were proposed, approvals and rounds when they ended', async () => {
  const rows = async (day: string) =>
    [
      (await client.actions.list({ proposed_on: day })).value.map(({ id }) => id).sort(),
      (await client.approvals.list({ ended_on: day })).value.map(({ outcome }) => outcome),
      (await client.rounds.list({ ended_on: day })).value.map(({ id }) => id),
    ] as const;
  expect(await rows(today())).toEqual([['asked', 'waits'], ['rejected'], ['asked']]);
  expect(await rows('2020-01-01')).toEqual([[], [], []]);
  await expect(client.actions.list({ proposed_on: 'today' })).rejects.toThrow('proposed_on');
});

test('a report asks for the days of its period and of the one before, and a shorter one is whole again', async () => {
  const asked: URL[] = [];
  const heard = (sent: unknown) => asked.push(new URL((sent as { request: ClientRequest }).request.path, host.url));
  subscribe('http.client.request.start', heard);
  const { signal } = new AbortController();
  const to = new Date(Date.now() + 60_000).toISOString();
  const read = (from: string, until: string) => readPerformance(client, { from, to: until }, signal, 3);
  const hour = new Date(Date.now() - 3_600_000).toISOString();
  expect(await read(hour, to)).toMatchObject({ complete: false, now: { approvals: 1 } });
  // Of the same day, on which nothing was done that early: what lies outside is passed over.
  const begins = new Date(Date.parse(hour) - 60_000).toISOString();
  expect(await read(begins, hour)).toMatchObject({ complete: true, figures: { actions: { all: 0 } } });
  unsubscribe('http.client.request.start', heard);
  const ofDay = ({ searchParams: query }: URL) =>
    query.has('ended_on') || query.has('proposed_on') || query.get('status') === 'waiting';
  const lists = asked.filter(({ pathname }) => /^\/v1\/(?:tasks|actions|approvals|rounds)$/.test(pathname));
  expect(lists.length).toBeGreaterThan(8);
  expect(lists.filter((url) => !ofDay(url))).toEqual([]);
});

test('daily says how the work of a period went, and what is the matter now', async () => {
  const { code, json, stderr } = await run(['report', 'daily', '--from', '1h', '--json']);
  expect([code, stderr]).toEqual([0, '']);
  expect(json).toMatchObject({
    kind: 'daily',
    tenant: 'default',
    complete: true,
    figures: {
      ended: { completed: 2, cancelled: 0, expired: 0, dead: 1 },
      cost: { micro_usd: 250_000, tasks: 1 },
      completedByType: [['cli.work', 2]],
      failed: { rows: [{ id: 'lost', status: 'dead' }], more: 0 },
    },
    before: { ended: { completed: 0, cancelled: 0, expired: 0, dead: 0 } },
    now: { open: 1, waiting: [{ example: 'waits' }], stops: [{ name: 'nobody' }], approvals: 1 },
  });
  const metrics = json.metrics as { id: string; value: number | null; before: number | null }[];
  const of = (id: string) => metrics.find((metric) => metric.id === id);
  expect(of('completion')).toMatchObject({ value: 2 / 3, before: null });
  expect(of('cost_per_task')).toMatchObject({ value: 250_000 });
  expect(of('idle')).toMatchObject({ value: expect.any(Number) as number });
  expect(of('policy_compliance')).toBeUndefined();
});

test('without a period daily is of yesterday, on which nothing was done', async () => {
  const { code, stdout } = await run(['report', 'daily']);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^default, from .*T00:00:00\.000Z until before .*: 0 tasks completed, 0 failed, 0 cancelled$/m,
  );
  expect(stdout).toContain('Actions that needed a person');
});

test('weekly goes into a page and a table, written anew, whole and private', async () => {
  writeFileSync(place('week.html'), 'old');
  const files = ['--html', place('week.html'), '--csv', place('week.csv')];
  const { code, stdout, stderr } = await run(['report', 'weekly', '--from', '1h', ...files]);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain(`${place('week.html')} was written`);
  for (const file of ['week.html', 'week.csv']) expect(statSync(place(file)).mode & 0o777).toBe(0o600);
  const page = textOf('week.html');
  expect(page).toContain('<h1>Weekly performance report</h1>');
  expect(page).toContain('=HYPERLINK(&quot;https://evil.example&quot;)\\u000d');
  expect(page).toContain('<td>lost</td>');
  expect(page).not.toMatch(/<script|<img|<link|<iframe|javascript:| on\w+=| style=|\u202E/iu);
  const rows = textOf('week.csv').slice(1).split('\r\n');
  expect(rows[0]).toBe('"section","name","value","before","unit","goal","met"');
  expect(rows).toContain('"metric","cost_per_task",250000,,"micro_usd","falling",""');
  expect(rows).toContain('"tasks that ended","completed",2,0,"tasks",,');
  expect(rows).toContain('"completed by type","cli.work",2,,"tasks",,');
});

test('compliance gives its page and its table alone, and the metric of policy', async () => {
  const files = ['--html', place('audit.html'), '--csv', place('audit.csv')];
  const { code, stdout } = await run(['report', 'compliance', '--from', '1h', ...files]);
  expect([code, stdout]).toEqual([0, expect.stringContaining('Every chain holds.')]);
  expect(textOf('audit.html')).toMatch(/<td>Policy compliance<\/td><td>100 %<\/td><td>100 %<\/td><td>yes<\/td>/);
  expect(textOf('audit.csv')).toContain('"timestamp","receipt",');
});

test('what can not be is refused, and nothing is written', async () => {
  const report = (...args: string[]) => run(['report', ...args]);
  const refused = async (says: string, ...args: string[]) =>
    expect(await report(...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(says) as string });
  await refused('is of a period');
  await refused('is not before', 'daily', '--from', '2026-11-22', '--to', '2026-11-21');
  await refused('more than 366 days', 'weekly', '--from', '2020-01-01');
  await refused('is not a zone', 'daily', '--zone', 'Mars/Olympus');
  await refused('--zone is for daily and weekly', 'compliance', '--from', '1d', '--zone', 'UTC');
  await refused('--out is for reports of compliance', 'daily', '--out', place('no'));
  await refused('--key is for reports of compliance', 'weekly', '--key', 'k');
  await refused('leave out --html and --csv', '--from', '1d', '--out', place('no'), '--html', place('no.html'));
  await refused('could not be written', 'daily', '--html', place('nowhere/day.html'));
  await refused('choices', 'monthly');
  expect(existsSync(place('no'))).toBe(false);
});

describe('the days of a zone', () => {
  const at = (text: string) => Date.parse(text);
  test.each([
    ['UTC', '2026-11-21T10:00:00Z', '2026-11-20T00:00:00.000Z', '2026-11-21T00:00:00.000Z'],
    ['Europe/Berlin', '2026-11-20T23:30:00Z', '2026-11-19T23:00:00.000Z', '2026-11-20T23:00:00.000Z'],
    ['America/New_York', '2026-11-21T03:00:00Z', '2026-11-19T05:00:00.000Z', '2026-11-20T05:00:00.000Z'],
    // Days on which the clocks change have 25 hours, and 23.
    ['Europe/Berlin', '2026-10-26T09:00:00Z', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
    ['Europe/Berlin', '2026-03-30T09:00:00Z', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
    // Where they change at midnight, a day begins at one, or after a midnight that came twice.
    ['America/Santiago', '2026-09-07T12:00:00Z', '2026-09-06T04:00:00.000Z', '2026-09-07T03:00:00.000Z'],
    ['America/Santiago', '2026-04-05T12:00:00Z', '2026-04-04T03:00:00.000Z', '2026-04-05T04:00:00.000Z'],
    ['America/Havana', '2026-03-09T12:00:00Z', '2026-03-08T05:00:00.000Z', '2026-03-09T04:00:00.000Z'],
    ['America/Havana', '2026-11-02T12:00:00Z', '2026-11-01T04:00:00.000Z', '2026-11-02T05:00:00.000Z'],
  ])('in %s at %s yesterday was from %s to %s', (zone, now, from, to) => {
    expect(periodOf('daily', { zone }, at(now))).toEqual({ from, to });
  });

  test('seven of them are a week', () => {
    expect(periodOf('weekly', {}, at('2026-11-21T10:00:00Z'))).toEqual({
      from: '2026-11-14T00:00:00.000Z',
      to: '2026-11-21T00:00:00.000Z',
    });
  });
});

test('whatever names others have given, the page has no markup of theirs, and the table no formula', () => {
  const counter = new PeriodCounter('2026-11-21T00:00:00.000Z', '2026-11-22T00:00:00.000Z');
  const at = '2026-11-21T10:00:00.000Z';
  const task = { id: HOSTILE, task_type: HOSTILE, agent: HOSTILE, posted_at: at, deadline: null, finished_at: at };
  counter.task({ ...task, status: 'completed', ended_by: null, cost_micro_usd: 5 });
  counter.task({ ...task, status: 'dead', ended_by: HOSTILE, cost_micro_usd: null });
  const { figures } = counter;
  const sample = { at, agents: 1, capacity: 1, slots: 0, waiting: 0, gini: 0, utilisation: 0, idle: 1 };
  const pool = { pool: HOSTILE, status: 'idle', sample } as unknown as Pool;
  const stop = { kind: 'agent', name: HOSTILE, effect: 'freeze', by: HOSTILE, reason: HOSTILE } as unknown as Stop;
  const waiting = { code: 'no-agent', count: 1, example: HOSTILE, text: HOSTILE, waited_seconds: 5 } as never;
  const report: Performance = {
    ...{ kind: 'daily', tenant: HOSTILE, figures, before: figures, complete: false },
    measurements: measure({ period: figures }),
    now: { at, open: 1, waiting: [waiting], stops: [stop], pools: [pool], approvals: 0, behind: 3 },
  };
  const page = performancePage(report);
  expect(page).not.toMatch(/<script|<img|<link|javascript:| on\w+=| style=|\u202E|\r/iu);
  expect(page).toContain('Not everything was counted.');
  expect(page).toContain('3 receipts behind');
  const table = performanceTable(report);
  expect(table).not.toMatch(/[\u202E\u0000-\u0009\u000b\u000c]/u);
  expect(table).not.toMatch(/(?:^|[,;|])"?[=+@]/mu);
});

test('a page of the widest period that may be is small, however much it tells', () => {
  const counter = new PeriodCounter('2026-01-01T00:00:00.000Z', '2027-01-02T00:00:00.000Z');
  const at = '2026-11-21T10:00:00.000Z';
  for (let n = 0; n < 12_000; n += 1)
    counter.task({
      ...{ id: `t-${n}`, task_type: `type-${n}`, agent: `agent-${n}`, posted_at: at, deadline: null, finished_at: at },
      ...{ status: n % 2 === 0 ? 'completed' : 'dead', ended_by: null, cost_micro_usd: 1 },
    });
  const { figures } = counter;
  const now = { at, open: 0, waiting: [], stops: [], pools: [], approvals: 0, behind: 0 };
  const tenant = 'default';
  const report = { kind: 'weekly', tenant, figures, before: figures, measurements: [], now, complete: true } as const;
  expect(performancePage(report).length).toBeLessThan(60_000);
  expect(figures.costByType.length).toBe(10_001);
  expect(figures.failed).toMatchObject({ more: 5_950 });
});
