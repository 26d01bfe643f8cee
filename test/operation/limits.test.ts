/** Token buckets by what requests cost. */
import { RateLimiter } from '../../app/operation/limits';

const clock = { time: 0, now: () => clock.time };

test('what a request has turned out to cost, the next ones wait for', () => {
  const limiter = new RateLimiter(10, 5, clock);
  expect(limiter.take('a')).toBe(0);
  limiter.spend('a', 50);
  // 5 − 1 − 50: 47 are missing until there is one again.
  expect(limiter.take('a')).toBeCloseTo(4.7);
  expect(limiter.take('b')).toBe(0);
  clock.time += 4_600;
  expect(limiter.take('a')).toBeGreaterThan(0);
  clock.time += 101;
  expect(limiter.take('a')).toBe(0);
  expect(limiter.take('a')).toBeGreaterThan(0);
});

test('a debt is paid back once, and what was not spent is kept up to the burst', () => {
  const limiter = new RateLimiter(10, 5, clock);
  limiter.spend('a', 100);
  clock.time += 1_000_000;
  expect(Array.from({ length: 6 }, () => limiter.take('a')).filter((wait) => wait === 0)).toHaveLength(5);
});

test('what many at once turn out to cost keeps nobody out for long', () => {
  const limiter = new RateLimiter(10, 5, clock);
  for (let i = 0; i < 1_000; i += 1) limiter.spend('a', 50);
  // A whole bucket, and the last of them.
  expect(limiter.take('a')).toBeCloseTo((5 + 50 + 1) / 10);
});

test('one of whom less is wanted gets less, and nobody gets more than there is for all', () => {
  const limiter = new RateLimiter(10, 5, clock);
  const taken = (most?: number) =>
    Array.from({ length: 10 }, () => limiter.take(String(most), most)).filter((wait) => wait === 0).length;
  expect([taken(2), taken(50), taken(undefined)]).toEqual([2, 5, 5]);
  clock.time += 1_000;
  expect([taken(2), taken(50), taken(undefined)]).toEqual([2, 5, 5]);
  // A limit that comes later takes away what was kept.
  expect(limiter.take('late')).toBe(0);
  expect(limiter.take('late', 1)).toBe(0);
  expect(limiter.take('late', 1)).toBeCloseTo(1);
});
