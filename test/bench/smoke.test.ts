/** Every part of the bench runs, and says what it measured: `npm run test:bench`, with nothing beside it. */
import type { BenchReport } from '../../bench/main';
import { targetsOf } from '../../bench/report';
import { run } from './compiled';

test('a smoke run measures every part', async () => {
  // What it costs is counted when views have come so far.
  process.env['FORMICARY_VIEW_SECONDS'] = '1';
  const { code, json, errors } = await run('bench/main.js', ['--smoke', '--json']);
  expect({ code, errors: code === 0 ? '' : errors }).toEqual({ code: 0, errors: '' });
  const report = json as BenchReport;
  expect(report.append?.lengths.map(({ append }) => append.map(({ writers }) => writers))).toEqual([
    [1, 32, 256],
    [1, 32, 256],
  ]);
  for (const { append } of report.append?.lengths ?? [])
    for (const { append: rate, limit } of append)
      expect(Math.min(rate.perSecond, limit.commitsPerSecond)).toBeGreaterThan(0);
  expect(report.lifecycle?.commitsPerTask).toBe(6);
  expect(report.lifecycle?.fresh.tasksPerSecond).toBeGreaterThan(0);
  expect(report.lifecycle?.unjudged.tasksPerSecond).toBeGreaterThan(0);
  expect(report.lifecycle?.policy.decisionMicroseconds).toBeGreaterThan(0);
  expect(report.http?.gateways.tasksPerSecond).toBeGreaterThan(0);
  expect(report.http?.past.tasksPerSecond).toBeGreaterThan(0);
  expect(report.signals?.http.batch.perSecond).toBeGreaterThan(0);
  expect(report.start?.formicaryMs).toBeGreaterThan(report.start?.helloMs ?? Infinity);
  expect(report.start?.azureMs).toBeGreaterThan(report.start?.helloMs ?? Infinity);
  expect(report.start?.dependenciesMb).toBeGreaterThan(10);
  expect(report.start?.azureMb).toBeLessThan(report.start?.dependenciesMb ?? 0);
  // Six commits: what is asked again, or asked by a clock, is beside them.
  for (const { task } of report.cost?.by ?? []) expect(task.fast.by.append?.requests).toBeGreaterThanOrEqual(6);
  expect(report.cost?.by.map(({ processes }) => processes)).toEqual([1, 2]);
  expect(report.task?.ru).toBe(report.cost?.by[0]?.task.fast.requestUnits);
  expect(report.agents?.gateways.map(({ agents }) => agents)).toEqual([60]);
  expect(report.agents?.singly.map(({ agents }) => agents)).toEqual([20]);
  expect(report.overload?.peak).toBeGreaterThan(0);
  expect(Object.keys(report.overload?.goodput ?? {}).sort()).toEqual(['0.5', '4']);
  expect(report.overload?.livingLost).toBe(0);
  expect(report.log?.http.ratio).toBeGreaterThan(0);
  expect(report.log?.signal.past).toBeGreaterThan(0);
  expect(report.soak?.tenths.map(({ tasks }) => tasks)).toEqual(Array.from({ length: 10 }, (_, i) => (i + 1) * 40));
  expect(report.soak?.agents).toBe(68 + 20);
  expect(report.peers?.formicary.tasksPerSecond).toBeGreaterThan(0);
  expect(report.jobs?.ratio).toBeGreaterThan(0);
  for (const name of ['http', 'mcp', 'a2a', 'job'] as const)
    expect(report.doors?.doors[name]).toMatchObject({ requests: expect.any(Number), ofHttp: expect.any(Object) });
  // Where there is no browser, the window is left out.
  const ofWindow = report.window === undefined || 'skipped' in report.window ? 0 : 5;
  expect(targetsOf(report).map(({ name }) => name)).toHaveLength(30 + ofWindow);
  expect(report.window).toBeDefined();
  expect(report.stop?.embedded.processes).toBe(1);
  expect(report.stop?.['azure-local'].processes).toBe(2);
});
