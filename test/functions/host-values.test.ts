import { integerOf, listOf, timeOf } from '../../functions/host-values';

const long = (low: number, high: number) => ({ low, high, unsigned: false });

test.each<[unknown, number]>([
  [0, 0],
  [7, 7],
  ['12800', 12_800],
  [12n, 12],
  [long(7, 0), 7],
  [long(-1, 0), 2 ** 32 - 1],
  [long(0, 1), 2 ** 32],
  [long(-1, 0x1f_ffff), Number.MAX_SAFE_INTEGER],
  [long(-1, -1), -1],
])('the integer %p is %d', (value, expected) => expect(integerOf(value, 'it')).toBe(expected));

test.each([
  NaN,
  Infinity,
  0.5,
  '',
  'x',
  '1e3',
  null,
  undefined,
  {},
  { low: 1 },
  long(0, 0x20_0000),
  long(0.5, 0),
  2 ** 53,
  [7],
])('%p is no integer', (value) => {
  expect(() => integerOf(value, 'the sequence number')).toThrow('the sequence number must be an integer');
});

describe.each(['UTC', 'Asia/Tokyo', 'America/New_York'])('in %s', (zone) => {
  const before = process.env['TZ'];
  beforeEach(() => void (process.env['TZ'] = zone));
  afterEach(() => {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  });

  test.each([
    ['2026-11-28T10:00:00', '2026-11-28T10:00:00.000Z'],
    ['2026-11-28T10:00:00.1234567', '2026-11-28T10:00:00.123Z'],
    ['2026-11-28T10:00:00.123Z', '2026-11-28T10:00:00.123Z'],
    ['2026-11-28T10:00:00+00:00', '2026-11-28T10:00:00.000Z'],
    ['2026-11-28T19:00:00+09:00', '2026-11-28T10:00:00.000Z'],
  ])('the time %s is %s', (value, expected) => expect(timeOf(value, 'it')).toBe(expected));
});

test.each(['', 'yesterday', null, undefined, 7, {}])('%p is no time', (value) =>
  expect(() => timeOf(value, 'it')).toThrow('it must be a time'),
);

test('a list has an entry for each message', () => {
  expect(listOf({ numbers: [1, 2] }, 'numbers', 2)).toEqual([1, 2]);
  for (const count of [0, 1, 3])
    expect(() => listOf({ numbers: [1, 2] }, 'numbers', count)).toThrow('numbers must have an entry for each');
  expect(() => listOf({}, 'numbers', 0)).toThrow('numbers must have');
});
