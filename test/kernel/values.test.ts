/** Ids, times, levels, upcasting: the small things that everything stands on. */
import fc from 'fast-check';
import { type Event, upcast } from '../../domain/kernel/decider';
import { commitRef, isId, isTenant, parseCommitRef, parseStream, streamName } from '../../domain/kernel/ids';
import { includesLevel, LEVELS } from '../../domain/kernel/principal';
import { Recent } from '../../domain/kernel/recent';
import {
  earliest,
  isTime,
  latest,
  plusSeconds,
  readTime,
  secondsBetween,
  toMillis,
  toTime,
} from '../../domain/kernel/time';
import { HOSTILE } from '../contracts/contract';

const alphabet = [...'ABCXYZabcxyz0189._~:-'];
const id = fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: 128 }).filter(isId);
const tenant = fc.string({ unit: fc.constantFrom(...'abcxyz019-'), minLength: 1, maxLength: 63 }).filter(isTenant);

describe('ids', () => {
  test.each([
    'a',
    'Z',
    '7',
    'agent-1',
    'a.b_c~d:e-f',
    '018f4d5e-1c2a-7b3c-8d4e-5f6071829304',
    'a~',
    'a_',
    'a-',
    'x'.repeat(128),
  ])('%j is one', (value) => {
    expect(isId(value)).toBe(true);
  });

  test.each([
    ...HOSTILE,
    '.',
    '..',
    'a..b',
    '.a',
    'a.',
    ':a',
    'a:',
    '-a',
    '_a',
    '~a',
    'a/b',
    'a\\b',
    'a#b',
    'a?b',
    'a b',
    'a%20b',
    'a@1',
    'ä',
    'а',
    'a\n',
    '\na',
    'a\u0000',
    'x'.repeat(129),
  ])('%j is none', (value) => {
    expect(isId(value)).toBe(false);
  });

  test.each(['a', 'acme', 'a-b', '0', 'x'.repeat(63)])('%j is a tenant', (value) => {
    expect(isTenant(value)).toBe(true);
  });

  test.each([...HOSTILE, 'A', 'a_b', '-a', 'a-', 'a.b', '..', 'a/b', 'a\n', 'x'.repeat(64)])(
    '%j is no tenant',
    (value) => {
      expect(isTenant(value)).toBe(false);
    },
  );

  test('an id leaves URLs, file names and stream names as they are', () => {
    fc.assert(
      fc.property(id, (value) => {
        expect(decodeURIComponent(new URL(`https://host/v1/tasks/${value}/x`).pathname)).toBe(`/v1/tasks/${value}/x`);
        expect(value).not.toMatch(/[/\\#?\s]/);
      }),
    );
  });

  test('a stream name comes apart as it was put together, and so does a commit’s', () => {
    fc.assert(
      fc.property(tenant, id, id, fc.nat(), (whose, category, name, index) => {
        const stream = streamName(whose, category, name);
        expect(parseStream(stream)).toEqual({ tenant: whose, category, id: name });
        expect(parseCommitRef(commitRef(stream, index))).toEqual({ stream, index });
      }),
    );
  });

  test.each(['', '/', '//', '///', 'a', 'a/b', 'a/b/', '/b/c', 'a//c', 'a/b/c/d', 'a/b/c/', 'a/b//'])(
    '%j is no stream',
    (value) => {
      expect(() => parseStream(value)).toThrow('not a stream name');
    },
  );

  test.each([
    '',
    '@',
    '@1',
    'a/b/c',
    'a/b/c@',
    'a/b/c@-1',
    'a/b/c@1.5',
    'a/b/c@1e3',
    'a/b/c@x',
    'a/b/c@ 1',
    'a/b/c@1\n',
    'a/b/c@9999999999999',
    'a/b/c@0x1',
  ])('%j refers to no commit', (value) => {
    expect(parseCommitRef(value)).toBeUndefined();
  });
});

describe('times', () => {
  const millis = fc.integer({ min: toMillis('0000-01-01T00:00:00.000Z'), max: toMillis('9999-12-31T23:59:59.999Z') });

  test('have an order as text that is their order in time', () => {
    fc.assert(
      fc.property(millis, millis, (a, b) => {
        expect(toTime(a)).toHaveLength(24);
        expect(toTime(a) < toTime(b)).toBe(a < b);
        expect(toMillis(toTime(a))).toBe(a);
        expect(isTime(toTime(a))).toBe(true);
      }),
    );
  });

  test('are written alike whatever was written before', () => {
    const near = fc.integer({ min: 0, max: 200_000 });
    fc.assert(
      fc.property(millis, fc.array(near, { minLength: 1, maxLength: 50 }), (from, steps) => {
        const span = steps.map((step) => Math.min(from, toMillis('9999-12-31T23:00:00.000Z')) + step);
        for (const time of span) expect(toTime(time)).toBe(new Date(time).toISOString());
      }),
    );
  });

  test.each([
    '',
    'now',
    '2026-11-21',
    '2026-11-21T10:00:00Z',
    '2026-11-21T10:00:00.000',
    '2026-11-21T10:00:00.000+00:00',
    '2026-11-21 10:00:00.000Z',
    '2026-11-21T10:00:00.000z',
    '+012026-11-21T10:00:00.000Z',
    '2026-13-01T00:00:00.000Z',
    '2026-02-30T00:00:00.000Z',
    '2026-02-29T00:00:00.000Z',
    '2026-01-01T24:00:00.000Z',
    '2026-01-01T23:60:00.000Z',
    '2026-01-01T23:59:60.000Z',
    '2026-00-01T00:00:00.000Z',
    '2026-11-21T10:00:00.000Z\n',
  ])('%j is none', (value) => {
    expect(isTime(value)).toBe(false);
  });

  test('a leap day is one', () => {
    expect(isTime('2028-02-29T23:59:59.999Z')).toBe(true);
  });

  const fault = (text: string): string | undefined => {
    const read = readTime(text);
    return 'fault' in read ? read.fault : undefined;
  };

  test.each([
    ['2026-12-01T10:00:00.000Z', '2026-12-01T10:00:00.000Z'],
    ['2026-12-01T10:00:00Z', '2026-12-01T10:00:00.000Z'],
    ['2026-12-01t10:00:00z', '2026-12-01T10:00:00.000Z'],
    ['2026-12-01 10:00:00Z', '2026-12-01T10:00:00.000Z'],
    ['2026-12-01T10:00:00+00:00', '2026-12-01T10:00:00.000Z'],
    ['2026-12-01T10:00:00.123456+00:00', '2026-12-01T10:00:00.123Z'],
    ['2026-12-01T10:00:00.999999999Z', '2026-12-01T10:00:00.999Z'],
    ['2026-12-01T10:00:00.5-08:00', '2026-12-01T18:00:00.500Z'],
    ['2026-12-31T23:30:00-01:00', '2027-01-01T00:30:00.000Z'],
    ['2028-02-29T12:00:00+05:45', '2028-02-29T06:15:00.000Z'],
    ['0000-02-29T00:00:00Z', '0000-02-29T00:00:00.000Z'],
    ['2026-12-01T10:00:00-00:00', '2026-12-01T10:00:00.000Z'],
  ])('%s is read as %s', (text, time) => expect(readTime(text)).toEqual({ time }));

  test.each([
    ['2026-12-01T10:00:00', 'zone'],
    ['2026-12-01T10:00:00.123456', 'zone'],
    ['2026-12-01', 'time of day'],
    ['2027-02-30T00:00:00Z', 'day from 01 to 28'],
    ['2027-02-29T00:00:00Z', 'day from 01 to 28'],
    ['2100-02-29T00:00:00Z', 'day from 01 to 28'],
    ['2026-13-01T00:00:00Z', 'month'],
    ['2026-00-10T00:00:00Z', 'month'],
    ['2026-01-01T24:00:00Z', 'hour'],
    ['2026-01-01T23:60:00Z', 'minute'],
    ['2016-12-31T23:59:60Z', 'leap second'],
    ['2026-01-01T00:00:00+24:00', 'offset'],
    ['2026-01-01T00:00:00+01:60', 'offset'],
    ['2026-01-01T00:00:00.1234567890Z', 'nine digits'],
    ['0000-01-01T00:00:00+01:00', 'years'],
    ['9999-12-31T23:59:59-01:00', 'years'],
    ...[
      '',
      'now',
      '1764583200',
      '2026-12-01T10:00Z',
      '20261201T100000Z',
      '2026-12-01T10:00:00+0100',
      '+012026-11-21T10:00:00.000Z',
      ' 2026-12-01T10:00:00Z',
      '2026-12-01T10:00:00Z\n',
      '2026-12-01T10:00:00.Z',
      '２026-12-01T10:00:00Z',
      'Tue, 01 Dec 2026 10:00:00 GMT',
    ].map((text) => [text, 'RFC 3339'] as [string, string]),
  ])('%j is refused and told why', (text, reason) => expect(fault(text)).toContain(reason));

  test('every moment is read from each way of writing it', () => {
    const offset = fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 });
    fc.assert(
      fc.property(
        fc.integer({ min: toMillis('0001-01-02T00:00:00.000Z'), max: toMillis('9999-12-30T00:00:00.000Z') }),
        offset,
        fc.stringMatching(/^\d{0,6}$/),
        (at, minutes, more) => {
          const local = toTime(at + minutes * 60_000).slice(0, -1);
          const zone = `${minutes < 0 ? '-' : '+'}${String(Math.floor(Math.abs(minutes) / 60)).padStart(2, '0')}:${String(Math.abs(minutes) % 60).padStart(2, '0')}`;
          expect(readTime(`${local}${more}${zone}`)).toEqual({ time: toTime(at) });
        },
      ),
    );
  });

  test('seconds are added and counted', () => {
    expect(plusSeconds('2026-12-31T23:59:59.500Z', 0.5)).toBe('2027-01-01T00:00:00.000Z');
    expect(plusSeconds('2026-01-01T00:00:00.000Z', -1)).toBe('2025-12-31T23:59:59.000Z');
    expect(plusSeconds('2026-01-01T00:00:00.000Z', 0.0014)).toBe('2026-01-01T00:00:00.001Z');
    expect(secondsBetween('2026-01-01T00:00:00.000Z', '2026-01-01T00:01:00.250Z')).toBe(60.25);
    expect(secondsBetween('2026-01-01T00:01:00.000Z', '2026-01-01T00:00:00.000Z')).toBe(-60);
  });

  test('the latest and the earliest', () => {
    const [a, b] = ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'];
    expect(latest(undefined, a, b, undefined, a)).toBe(b);
    expect(earliest(undefined, b, a, b)).toBe(a);
    expect(earliest(undefined, undefined)).toBeUndefined();
    expect(() => latest(undefined)).toThrow();
  });
});

test('each level includes the ones before it, and no other', () => {
  for (const [i, held] of LEVELS.entries())
    for (const [j, needed] of LEVELS.entries()) expect(includesLevel(held, needed)).toBe(i >= j);
});

test('a map of what was used lately has the right values, keeps the last ones, and stays small', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.tuple(fc.constantFrom('set', 'get', 'delete'), fc.nat(15)), { maxLength: 120, size: 'max' }),
      (size, steps) => {
        const recent = new Recent<number, string>(size);
        const model = new Map<number, string>();
        let used: number[] = [];
        steps.forEach(([step, key], i) => {
          if (step === 'set') recent.set(key, `${i}`);
          else if (step === 'delete') recent.delete(key);
          const value = step === 'get' ? recent.get(key) : undefined;
          if (value !== undefined) expect(value).toBe(model.get(key));
          else if (step === 'get') expect(used.slice(-size).filter((other) => model.has(other))).not.toContain(key);
          if (step === 'set') model.set(key, `${i}`);
          if (step === 'delete') model.delete(key);
          // What is deleted was used too: it may have pushed out another before.
          if (step !== 'get' || value !== undefined) used = [...used.filter((other) => other !== key), key];
        });
        const { young, old } = recent as unknown as Record<'young' | 'old', Map<number, string>>;
        expect(young.size + old.size).toBeLessThanOrEqual(2 * size);
        for (const key of used.slice(-size)) expect(recent.get(key)).toBe(model.get(key));
      },
    ),
  );
});

describe('upcasting', () => {
  const upcasters = {
    'Created@1': (event: Event) => ({ ...event, v: 2, data: { ...(event.data as object), two: true } }),
    'Created@2': (event: Event) => ({ ...event, v: 3, data: { ...(event.data as object), three: true } }),
    'Renamed@1': (event: Event) => ({ type: 'Titled', v: 1, data: event.data }),
    'Titled@1': (event: Event) => ({ ...event, v: 2, data: { title: (event.data as { name: string }).name } }),
  };

  test('goes step by step to the newest version, over renamings too, and touches nothing else', () => {
    expect(upcast({ upcasters }, { type: 'Created', v: 1, data: { one: true } })).toEqual({
      type: 'Created',
      v: 3,
      data: { one: true, two: true, three: true },
    });
    expect(upcast({ upcasters }, { type: 'Created', v: 2, data: {} })).toEqual({
      type: 'Created',
      v: 3,
      data: { three: true },
    });
    expect(upcast({ upcasters }, { type: 'Renamed', v: 1, data: { name: 'x' } })).toEqual({
      type: 'Titled',
      v: 2,
      data: { title: 'x' },
    });
    const newest = { type: 'Created', v: 3, data: {} };
    expect(upcast({ upcasters }, newest)).toBe(newest);
    const other = { type: 'Closed', v: 1, data: {} };
    expect(upcast({ upcasters }, other)).toBe(other);
    expect(upcast({}, other)).toBe(other);
  });

  test('leaves the stored event as it was', () => {
    const stored = Object.freeze({ type: 'Created', v: 1, data: Object.freeze({ one: true }) });
    upcast({ upcasters }, stored);
    expect(stored).toEqual({ type: 'Created', v: 1, data: { one: true } });
  });
});
