import fc from 'fast-check';
import type { Commit } from '../../domain/kernel/commit';
import { chain } from './commits';
import { randomOf, shuffleFeed } from './shuffle';

const lengths = [12, 9, 7, 1, 5];
const commits = lengths.flatMap((length, i) => chain(`acme/task/${i}`, length).map(({ commit }) => commit));

describe('a shuffled feed', () => {
  test('holds every commit, first deliveries in order per stream, for any seed', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const seen = new Map<string, Commit[]>();
        for (const commit of shuffleFeed(commits, seed)) {
          const before = seen.get(commit.stream) ?? [];
          seen.set(commit.stream, before);
          expect(commit.index).toBeLessThanOrEqual(before.length);
          if (commit.index === before.length) before.push(commit);
        }
        expect([...seen.values()].flat()).toHaveLength(commits.length);
      }),
    );
  });

  test('interleaves streams, repeats commits, and is the same for the same seed', () => {
    const shuffled = shuffleFeed(commits, 1);
    expect(shuffled.length).toBeGreaterThan(commits.length);
    expect(shuffleFeed(commits, 1)).toEqual(shuffled);
    expect(shuffleFeed(commits, 2)).not.toEqual(shuffled);
    const changes = shuffled.filter((commit, i) => commit.stream !== shuffled[i - 1]?.stream).length;
    expect(changes).toBeGreaterThan(lengths.length * 2);
    expect(
      shuffled.some((commit, i) =>
        shuffled.slice(0, i).some((earlier) => earlier.stream === commit.stream && earlier.index > commit.index),
      ),
    ).toBe(true);
    expect(shuffleFeed([], 1)).toEqual([]);
  });

  test('its random numbers are in [0, 1) and spread', () => {
    const random = randomOf(7);
    const drawn = Array.from({ length: 10_000 }, random);
    expect(drawn.every((n) => n >= 0 && n < 1)).toBe(true);
    const mean = drawn.reduce((sum, n) => sum + n, 0) / drawn.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
  });
});
