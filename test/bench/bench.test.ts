/** The instruments: that they measure what they say. That every part of the bench runs: `smoke.test.ts`. */
import { forEachOf, median, pause, percentile, quantiles, rateOf } from '../../bench/measure';
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

test('one part alone', async () => {
  const { code, json } = await run('bench/main.js', ['append', '--smoke', '--json']);
  expect(code).toBe(0);
  expect(Object.keys(json)).not.toContain('lifecycle');
}, 60_000);
