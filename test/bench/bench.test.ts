/** The instruments: that they measure what they say, and that every part of the bench runs. */
import type { BenchReport } from '../../bench/main';
import { forEachOf, median, pause, percentile, quantiles, rateOf } from '../../bench/measure';
import { targetsOf } from '../../bench/report';
import { run } from './compiled';

describe('measures', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);

  test.each([
    [0, 1],
    [0.5, 50],
    [0.95, 95],
    [0.99, 99],
    [1, 100],
  ])('percentile %d of 1 to 100 is %d', (p, expected) => expect(percentile(hundred, p)).toBe(expected));

  test('of nothing, and of one', () => {
    expect([percentile([], 0.5), percentile([7], 0.99), median([]), median([3, 1]), median([9, 1, 5])]).toEqual([
      0, 7, 0, 2, 5,
    ]);
    expect(quantiles([3, 20, 100])).toEqual({ p50: 20, p95: 100, p99: 100 });
  });

  test('a rate counts every call of every caller', async () => {
    let calls = 0;
    const rate = await rateOf(8, 0.05, async (caller, call) => {
      calls += 1;
      await pause((caller + call) % 3);
      return 2;
    });
    expect(rate.count).toBe(calls * 2);
    expect(rate.perSecond).toBeCloseTo(rate.count / rate.seconds, 6);
    expect(rate.seconds).toBeGreaterThanOrEqual(0.05);
  });

  test('forEachOf does each once, and no more at once than allowed', async () => {
    const seen: number[] = [];
    let under = 0;
    let most = 0;
    await forEachOf(20, 3, async (index) => {
      most = Math.max(most, ++under);
      await pause(1);
      seen.push(index);
      under -= 1;
    });
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(most).toBe(3);
  });
});

test('a smoke run measures every part', async () => {
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
  expect(targetsOf(report).map(({ name }) => name)).toHaveLength(25);
  expect(report.stop?.embedded.processes).toBe(1);
  expect(report.stop?.['azure-local'].processes).toBe(2);
}, 300_000);

test('one part alone', async () => {
  const { code, json } = await run('bench/main.js', ['append', '--smoke', '--json']);
  expect(code).toBe(0);
  expect(Object.keys(json)).not.toContain('lifecycle');
}, 60_000);
