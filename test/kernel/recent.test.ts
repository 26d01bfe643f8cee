/** The map of what was used lately, and what a value takes. */
import fc from 'fast-check';
import { Recent } from '../../domain/kernel/recent';
import { roughSize } from '../../domain/kernel/size';

const MOST = 100;

test('what is kept never weighs more than twice the bound, and what fits of the newest is kept', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 50 }), fc.boolean()), { maxLength: 200 }),
      (steps) => {
        const recent = new Recent<number, number>(8, { most: MOST, of: (weight) => weight });
        const used: [key: number, weight: number][] = [];
        for (const [key, weight, reads] of steps) {
          const known = reads ? recent.get(key) : undefined;
          if (!reads) recent.set(key, weight);
          if (!reads || known !== undefined) {
            const at = used.findIndex(([other]) => other === key);
            if (at >= 0) used.splice(at, 1);
            used.unshift([key, known ?? weight]);
          }
          const kept = used.filter(([other]) => recent.peek(other) !== undefined);
          expect(kept.length).toBeLessThanOrEqual(16);
          // The one that fills a generation belongs to it.
          expect(kept.reduce((sum, [, each]) => sum + each, 0)).toBeLessThanOrEqual(2 * (MOST + 50));
          let sum = 0;
          const fitting = used.slice(0, 8).filter(([, each]) => (sum += each) <= MOST);
          for (const [newest, each] of fitting) expect(recent.peek(newest)).toBe(each);
        }
      },
    ),
  );
});

test('what is deleted, or replaced, weighs nothing', () => {
  const recent = new Recent<number, number>(1_000, { most: MOST, of: (weight) => weight });
  for (let i = 0; i < 50; i += 1) {
    recent.set(0, 40);
    recent.set(1, 40);
    recent.delete(1);
  }
  recent.set(2, 40);
  expect([recent.peek(0), recent.peek(1), recent.peek(2)]).toEqual([40, undefined, 40]);
});

test('without weights entries alone are counted', () => {
  const recent = new Recent<number, string>(3);
  for (let i = 0; i < 10; i += 1) recent.set(i, 'x'.repeat(1_000));
  expect(recent.get(9)).toHaveLength(1_000);
  expect(Array.from({ length: 10 }, (_, i) => recent.peek(i)).filter((value) => value !== undefined)).toHaveLength(4);
});

test('the size of a value is about that of its JSON, whatever it is made of', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const bytes = JSON.stringify(value).length;
      expect(roughSize(value) + 8).toBeGreaterThan(bytes / 8);
      expect(roughSize(value)).toBe(roughSize(structuredClone(value)));
    }),
  );
  const payload = { text: 'x'.repeat(30_000) };
  expect(roughSize({ spec: { payload } })).toBeGreaterThan(30_000);
  expect(roughSize({ spec: { payload } }) - roughSize(payload)).toBeLessThan(200);
});
