import fc from 'fast-check';
import { type Line, Tournament } from '../../app/engine/tournament';

interface Runner {
  readonly id: number;
  /** Where it is at `from`, and how fast it goes until `bend` and after it. */
  readonly start: number;
  readonly from: number;
  readonly speed: number;
  readonly bend: number;
  readonly then: number;
}

function at({ start, from, speed, bend, then }: Runner, now: number): number {
  return start + speed * (Math.min(now, bend) - from) + then * Math.max(0, now - bend);
}

function lineOf(runner: Runner, now: number): Line {
  const bent = now >= runner.bend;
  return { value: at(runner, now), slope: bent ? runner.then : runner.speed, until: bent ? Infinity : runner.bend };
}

const MOVES = fc.array(
  fc.record({
    wait: fc.integer({ min: 0, max: 50 }),
    leaves: fc.option(fc.nat(60), { nil: undefined }),
    comes: fc.record({
      start: fc.integer({ min: 0, max: 100 }),
      speed: fc.integer({ min: 0, max: 20 }),
      bend: fc.integer({ min: 0, max: 1_000 }),
      then: fc.integer({ min: 0, max: 20 }),
    }),
  }),
  { maxLength: 60 },
);

describe('a tournament', () => {
  test('has the items in the order of their values, whatever time passes, whoever comes and goes', () => {
    fc.assert(
      fc.property(MOVES, (moves) => {
        const tournament = new Tournament<Runner>(lineOf);
        const here: Runner[] = [];
        let now = 0;
        for (const [id, { wait, leaves, comes }] of moves.entries()) {
          now += wait;
          const runner = { id, from: now, ...comes, bend: now + comes.bend };
          here.push(runner);
          tournament.set(runner, now);
          if (leaves !== undefined && leaves < here.length) {
            const [gone] = here.splice(leaves, 1);
            tournament.delete(gone as Runner, now);
          }
          const order = [...tournament.best(now)].map(({ item, value }) => [item.id, value]);
          const expected = [...here]
            .sort((a, b) => at(b, now) - at(a, now) || a.id - b.id)
            .map((one) => [one.id, at(one, now)]);
          expect(order.map(([, value]) => value)).toEqual(expected.map(([, value]) => value));
          expect(order.map(([one]) => one).sort()).toEqual(expected.map(([one]) => one).sort());
          // Who is ahead is right among equals, too.
          expect(order[0]).toEqual(expected[0]);
          expect(tournament.size).toBe(here.length);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('looks at few of many, when one comes, goes, or is asked for', () => {
    let looks = 0;
    const tournament = new Tournament<Runner>((runner, now) => {
      looks += 1;
      return lineOf(runner, now);
    });
    const runners = Array.from({ length: 10_000 }, (_, id): Runner => ({
      id,
      from: 0,
      start: id % 97,
      speed: 1,
      bend: Infinity,
      then: 0,
    }));
    for (const runner of runners) tournament.set(runner, 0);
    looks = 0;
    for (let i = 0; i < 100; i += 1) {
      const [first] = tournament.best(i);
      tournament.delete(first?.item as Runner, i);
    }
    expect(looks).toBeLessThan(100 * 50);
  });
});
