/** When the times of a cron expression are: the same ones, wherever one begins to look, on every day of the year. */
import { Cron } from 'croner';
import fc from 'fast-check';
import { timetableOf } from '../../app/jobs/timetable';
import { toMillis, toTime } from '../../domain/kernel/time';

const MINUTE = 60_000;
const at = (text: string) => new Date(text).toISOString();
const nextOf = (cron: string, zone: string, after: string, most: number) =>
  timetableOf(cron, zone).next(at(after), most);

test.each<[string, string, string, string, readonly string[]]>([
  [
    'a day on which the clock is set forward',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-03-28T12:00Z',
    ['2026-03-29T01:00Z', '2026-03-30T00:30Z'],
  ],
  [
    'several times that it never shows are one',
    '*/20 2 * * *',
    'Europe/Berlin',
    '2026-03-28T12:00Z',
    ['2026-03-29T01:00Z', '2026-03-30T00:00Z', '2026-03-30T00:20Z'],
  ],
  [
    'and one with what it shows at that moment',
    '0 2,3 * * *',
    'Europe/Berlin',
    '2026-03-28T12:00Z',
    ['2026-03-29T01:00Z', '2026-03-30T00:00Z'],
  ],
  [
    'a day on which it is set back',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-10-24T12:00Z',
    ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
  ],
  [
    'an hour that it shows twice',
    '0 * * * *',
    'Europe/Berlin',
    '2026-10-24T23:30Z',
    ['2026-10-25T00:00Z', '2026-10-25T02:00Z'],
  ],
  ['from the second time of that hour on', '*/15 * * * *', 'Europe/Berlin', '2026-10-25T01:20Z', ['2026-10-25T02:00Z']],
  [
    'a zone that moves by half an hour',
    '15 2 * * *',
    'Australia/Lord_Howe',
    '2026-10-02T16:00Z',
    ['2026-10-03T15:30Z', '2026-10-04T15:15Z'],
  ],
  [
    'a zone west of Greenwich',
    '0 0 * * MON',
    'America/Los_Angeles',
    '2026-11-01T00:00Z',
    ['2026-11-02T08:00Z', '2026-11-09T08:00Z'],
  ],
  ['the last day of the month', '0 12 L * *', 'UTC', '2026-01-15T00:00Z', ['2026-01-31T12:00Z', '2026-02-28T12:00Z']],
  [
    'a day that comes every four years',
    '0 0 29 2 *',
    'UTC',
    '2026-01-01T00:00Z',
    ['2028-02-29T00:00Z', '2032-02-29T00:00Z'],
  ],
])('%s', (_, cron, zone, after, expected) => {
  expect(nextOf(cron, zone, after, expected.length)).toEqual(expected.map(at));
});

test.each([
  ['60 * * * *', 'UTC', /five fields/],
  ['* * * *', 'UTC', /five fields/],
  ['0 0 0 * * *', 'UTC', /five fields/],
  ['@daily', 'UTC', /five fields/],
  ['2027-01-01T00:00:00', 'UTC', /five fields/],
  ['0 0 31 2/2 *', 'UTC', /five fields/],
  ['0 0 30 2 *', 'UTC', /never comes/],
  ['0 0 31 2,4,6,9,11 *', 'UTC', /never comes/],
  ['0 0 30W feb *', 'UTC', /never comes/],
  ['0 0 31 4-6/2,NOV *', 'UTC', /never comes/],
  ['* * * * *', 'Mars/Base', /IANA/],
  ['* * * * *', '+02:00', /IANA/],
])('there is no timetable of "%s" in %s', (cron, zone, why) => {
  expect(() => timetableOf(cron, zone)).toThrow(why);
});

/** Around each of these the clock of a zone changes; and one that never does. */
const CHANGES = [
  ['Europe/Berlin', '2026-03-29T01:00Z'],
  ['Europe/Berlin', '2026-10-25T01:00Z'],
  ['America/New_York', '2026-03-08T07:00Z'],
  ['America/New_York', '2026-11-01T06:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
  ['Africa/Casablanca', '2026-02-15T02:00Z'],
  ['Asia/Kathmandu', '2026-05-01T00:00Z'],
] as const;

/** Every minute from twelve hours before to twelve hours after, as the clock shows it: hour and minute. */
function shown(zone: string, change: string): readonly { readonly moment: number; readonly wall: number }[] {
  const clock = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' });
  const middle = Date.parse(change);
  return Array.from({ length: 24 * 60 }, (_, i) => middle + (i - 12 * 60) * MINUTE).map((moment) => ({
    moment,
    wall: Date.parse(`${clock.format(moment).replace(' ', 'T')}Z`),
  }));
}

/** What the rules say, minute by minute. */
function expectedOf(minutes: ReturnType<typeof shown>, hours: readonly number[], of: readonly number[]): number[] {
  const isWanted = (wall: number) => {
    const date = new Date(wall);
    return hours.includes(date.getUTCHours()) && of.includes(date.getUTCMinutes());
  };
  const times = new Set<number>();
  let latest = (minutes[0] as (typeof minutes)[number]).wall - MINUTE;
  for (const { moment, wall } of minutes) {
    // Whatever it has passed over since the latest that it has shown, and what it shows for the first time.
    for (let each = latest + MINUTE; each <= wall; each += MINUTE) if (isWanted(each)) times.add(moment);
    latest = Math.max(latest, wall);
  }
  return [...times];
}

test('the times are those of the rules, minute by minute, from wherever one looks, forwards and backwards', () => {
  const cases = CHANGES.map(([zone, change]) => ({ zone, minutes: shown(zone, change) }));
  const some = (max: number) => fc.uniqueArray(fc.integer({ min: 0, max }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(
      fc.constantFrom(...cases),
      fc.oneof(some(23), fc.constant(Array.from({ length: 24 }, (_, hour) => hour))),
      some(59),
      fc.integer({ min: 0, max: 24 * 60 * MINUTE - 1 }),
      fc.integer({ min: 1, max: 30 }),
      ({ zone, minutes }, hours, of, offset, most) => {
        const timetable = timetableOf(`${of.join(',')} ${hours.join(',')} * * *`, zone);
        const first = (minutes[0] as { moment: number }).moment;
        const last = (minutes.at(-1) as { moment: number }).moment;
        const all = expectedOf(minutes, hours, of);
        const now = first + offset;
        const after = all.filter((time) => time > now);
        const next = timetable.next(toTime(now), most).map(toMillis);
        expect(next.filter((time) => time <= last)).toEqual(after.slice(0, most));
        expect(next).toEqual(next.toSorted((a, b) => a - b));
        const since = all.filter((time) => time > first && time <= now);
        expect(timetable.last({ after: toTime(first), until: toTime(now) }, most).map(toMillis)).toEqual(
          since.slice(-most),
        );
      },
    ),
    { numRuns: 60 },
  );
});

test('what lies behind is what lay ahead, whatever days and months there are in the expression', () => {
  const day = 24 * 60 * MINUTE;
  fc.assert(
    fc.property(
      fc.constantFrom(
        ...['0 0 29 2 *', '0 9 * 4-9 *', '0 6 L 2 *', '0 6 29-31 2 *', '0 6 30 1,2,4 *', '0 9 * 9 *', '0 9 31 * MON'],
      ),
      fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe'),
      fc.integer({ min: 0, max: 1_000 * day }),
      fc.integer({ min: 0, max: 1_000 * day }),
      fc.integer({ min: 1, max: 30 }),
      (cron, zone, offset, span, most) => {
        const timetable = timetableOf(cron, zone);
        const after = Date.parse('2026-01-01T00:00Z') + offset;
        const until = after + span;
        const all: number[] = [];
        for (let last = after; ;) {
          const page = timetable.next(toTime(last), 5).map(toMillis);
          all.push(...page.filter((time) => time <= until));
          last = page.at(-1) as number;
          if (last > until) break;
        }
        expect(timetable.last({ after: toTime(after), until: toTime(until) }, most).map(toMillis)).toEqual(
          all.slice(-most),
        );
      },
    ),
    { numRuns: 15 },
  );
});

test('an expression comes exactly where one of its months has one of its days', () => {
  // A leap year.
  const has = (month: number, day: number) => new Date(Date.UTC(2028, month - 1, day)).getUTCMonth() === month - 1;
  const some = (min: number, max: number) => fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(some(28, 31), some(1, 12), (days, months) => {
      const comes = months.some((month) => days.some((day) => has(month, day)));
      const read = () => timetableOf(`0 0 ${days.join(',')} ${months.join(',')} *`, 'UTC');
      if (comes) expect(read().next(at('2026-11-21T10:00Z'), 1)).toHaveLength(1);
      else expect(read).toThrow(/never comes/);
      // Either day is enough.
      expect(() => timetableOf(`0 0 ${days.join(',')} ${months.join(',')} MON`, 'UTC')).not.toThrow();
    }),
  );
});

/** Whether croner finds a time within its eight thousand years; some that never come overflow its stack. */
function comes(pattern: Cron): boolean {
  try {
    return pattern.nextRun(new Date(at('2026-11-21T10:00Z'))) !== null;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

test('what croner takes comes exactly where croner finds a time of it', () => {
  const some = (...items: fc.Arbitrary<string>[]) =>
    fc.array(fc.oneof(...items), { minLength: 1, maxLength: 3 }).map((list) => list.join(','));
  const noise = (letters: string) => fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 4 });
  const days = fc.constantFrom('28', '29', '30', '031', '30-31', '30-31/2', '*/31', '29W', '31W', 'L', '30L', 'L30');
  const months = fc.constantFrom(
    '2',
    '02',
    'FEB',
    'feb',
    '0FEB',
    '1FEB',
    '2-4/2',
    'APR-jun/2',
    '2-NOV',
    '11',
    '1*',
    '2/2',
  );
  const weekdays = fc.constantFrom('*', '*/1', 'MON', 'MON#5', '*,1', 'FRI#L');
  fc.assert(
    fc.property(
      some(days, noise('0123*/-,LW')),
      some(months, noise('0124*/-,FEBJUN')),
      fc.oneof({ weight: 3, arbitrary: fc.constant('*') }, weekdays),
      (day, month, weekday) => {
        const cron = `0 0 ${day} ${month} ${weekday}`;
        const read = () => timetableOf(cron, 'UTC');
        let pattern: Cron;
        try {
          pattern = new Cron(cron, { paused: true, timezone: 'UTC', mode: '5-part' });
        } catch {
          expect(read).toThrow(/five fields/);
          return;
        }
        if (comes(pattern)) expect(read).not.toThrow();
        else expect(read).toThrow(/never comes/);
      },
    ),
    { numRuns: 500 },
  );
});
