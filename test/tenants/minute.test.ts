/** In no minute more are let in than may be, and there is room when it is said. */
import fc from 'fast-check';
import { Minute } from '../../app/tenants/minute';

const START = 1_763_719_200_000;

test('counts the last minute, and says when there is room', () => {
  const minute = new Minute();
  expect(minute.take(3, 5, START)).toBe(0);
  expect(minute.take(2, 5, START + 30_000)).toBe(0);
  const wait = minute.take(1, 5, START + 40_000);
  expect(wait).toBeGreaterThan(20);
  expect(wait).toBeLessThanOrEqual(21);
  expect(minute.size).toBe(5);
  expect(minute.take(1, 5, START + 40_000 + wait * 1_000)).toBe(0);
  // More at once than there may be in any minute never comes through.
  expect(minute.take(6, 5, START + 600_000)).toBe(Infinity);
  expect(minute.take(5, 5, START + 600_000)).toBe(0);
});

test('a limit that was lowered lets nothing in until there is less; a clock that goes back forgets nothing', () => {
  const minute = new Minute();
  expect(minute.take(5, 5, START)).toBe(0);
  expect(minute.take(1, 2, START + 10_000)).toBeGreaterThan(0);
  expect(minute.take(1, 5, START - 3_600_000)).toBeGreaterThan(0);
  expect(minute.take(2, 2, START + 61_000)).toBe(0);
});

test('whatever comes when, no minute holds more than was let in, and a wait that was told is long enough', () => {
  const ask = fc.record({ more: fc.integer({ min: 1, max: 6 }), after: fc.integer({ min: 0, max: 40_000 }) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.array(ask, { maxLength: 60 }), (most, asks) => {
      const minute = new Minute();
      const taken: { at: number; more: number }[] = [];
      let now = START;
      const take = (more: number) => {
        const wait = minute.take(more, most, now);
        if (wait === 0) taken.push({ at: now, more });
        return wait;
      };
      for (const { more, after } of asks) {
        now += after;
        const wait = take(more);
        if (wait === Infinity) expect(more).toBeGreaterThan(most);
        else if (wait > 0) {
          now += Math.ceil(wait * 1_000);
          expect(take(more)).toBe(0);
        }
      }
      for (const { at } of taken)
        expect(
          taken.reduce((sum, one) => sum + (one.at >= at && one.at < at + 60_000 ? one.more : 0), 0),
        ).toBeLessThanOrEqual(most);
    }),
  );
});
