import { type Lease, leasesToTake, uncovered } from '../../local/leases';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const EXPIRE = 60_000;

/** Leases `0`, `1`, … by their owners; `-` is nobody's, and an owner in lower case has not renewed it in time. */
const leases = (owners: string): Lease[] =>
  [...owners].map((owner, i) => ({
    id: String(i),
    minInclusive: '',
    maxExclusive: 'FF',
    owner: owner === '-' ? null : owner.toUpperCase(),
    timestamp: new Date(owner === owner.toLowerCase() && owner !== '-' ? NOW - EXPIRE - 1 : NOW - EXPIRE).toISOString(),
    continuation: '',
  }));

describe('host A takes', () => {
  test.each([
    ['all when it is alone', '----', '', '0123'],
    ['its half of what is free', 'BB----', '', '234'],
    ['no more than its share', 'BA--', '1', '2'],
    ['what has expired', 'bbB-', '', '01'],
    ['one from who has most, when nothing is free', 'BBBBCC', '', '0'],
    ['one when it lacks one alone', 'BBBA', '3', '0'],
    ['nothing when all have their share', 'AABB', '01', ''],
    ['nothing when who has most has one more than the others', 'ABB', '0', ''],
    ['what is its own without its knowing', 'AABB', '0', '1'],
    ['back nothing that it still reads, however old', 'aaBB', '01', ''],
    ['nothing where there is nothing', '', '', ''],
  ])('%s: %s', (_, owners, reading, taken) => {
    expect(
      leasesToTake(leases(owners), 'A', new Set(reading), NOW, EXPIRE)
        .map(({ id }) => id)
        .join(''),
    ).toBe(taken);
  });

  test.each([2, 3, 5])('its share after some rounds, whoever comes; %i hosts', (hosts) => {
    let owners = '-'.repeat(12);
    const names = [...'ABCDE'].slice(0, hosts);
    for (let round = 0; round < 12; round += 1) {
      for (const name of names) {
        const reading = new Set([...owners].flatMap((owner, i) => (owner === name ? [String(i)] : [])));
        const taken = leasesToTake(leases(owners), name, reading, NOW, EXPIRE).map(({ id }) => Number(id));
        owners = [...owners].map((owner, i) => (taken.includes(i) ? name : owner)).join('');
      }
    }
    const counts = names.map((name) => [...owners].filter((owner) => owner === name).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(hosts === 5 ? 2 : 0);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(12);
  });
});

test.each([
  [[['', 'FF']], [], [['', 'FF']]],
  [
    [
      ['', '80'],
      ['80', 'FF'],
    ],
    [['80', 'FF']],
    [['', '80']],
  ],
  [
    [
      ['', '80'],
      ['80', 'FF'],
    ],
    [['', 'FF']],
    [],
  ],
  [
    [['', 'FF']],
    [
      ['40', '80'],
      ['C0', 'D0'],
    ],
    [
      ['', '40'],
      ['80', 'C0'],
      ['D0', 'FF'],
    ],
  ],
  [
    [['', 'FF']],
    [
      ['', 'C0'],
      ['40', '80'],
    ],
    [['C0', 'FF']],
  ],
])('of the ranges %j the leases %j leave %j uncovered', (ranges, covered, gaps) => {
  const rangesOf = (pairs: string[][]) =>
    pairs.map(
      ([minInclusive, maxExclusive]) =>
        ({ minInclusive, maxExclusive }) as { minInclusive: string; maxExclusive: string },
    );
  expect(uncovered(rangesOf(ranges), rangesOf(covered))).toEqual(rangesOf(gaps));
});
