/** Where to begin to read, so that there is enough, and not many more. */
import fc from 'fast-check';
import { latestOf } from '../../adapters/azure/cosmos-latest';

const AGE = 2_000_000_000;

/** Reads of a log of which each receipt came so many seconds ago. */
async function read(ages: readonly number[], count: number) {
  let read = 0;
  const found = await latestOf(count, AGE, async (seconds = Infinity, most) => {
    const within = ages.filter((age) => age <= seconds);
    read += Math.min(within.length, most + 1);
    return within.length > most ? undefined : within;
  });
  return { found: [...found].sort((a, b) => a - b), read };
}
const newest = (ages: readonly number[], count: number) => [...ages].sort((a, b) => a - b).slice(0, count);

/** Bursts of receipts, quiet times between them. */
const bursts = fc
  .array(fc.record({ age: fc.integer({ min: 0, max: AGE - 1 }), receipts: fc.integer({ min: 1, max: 60 }) }), {
    maxLength: 12,
  })
  .map((some) => some.flatMap(({ age, receipts }) => Array.from({ length: receipts }, () => age)));

test('the newest are among them, and no fewer than are wanted', () =>
  fc.assert(
    fc.asyncProperty(bursts, fc.integer({ min: 1, max: 50 }), async (ages, count) => {
      const { found } = await read(ages, count);
      expect(found.slice(0, count)).toEqual(newest(ages, count));
    }),
  ));

test.each([
  ['steady', (n: number) => n * 60],
  ['old', (n: number) => 10_000_000 + n * 60],
  ['ever more', (n: number) => Math.round(AGE * 0.9 ** (n % 200))],
])('a log that is %s costs as much as is wanted of it, not as it is long', async (_, ageOf) => {
  const read100 = async (length: number) =>
    (
      await read(
        Array.from({ length }, (_, n) => ageOf(n)),
        100,
      )
    ).read;
  expect(await read100(400)).toBe(400);
  for (const length of [10_000, 100_000]) expect(await read100(length)).toBeLessThan(100 * 4 * 35);
});

test('where more come in a second than are wanted, that second is read', async () => {
  const { found } = await read([...Array.from({ length: 1_000 }, () => 7), 9, 9], 10);
  expect(found).toEqual(Array.from({ length: 1_000 }, () => 7));
});
