import fc from 'fast-check';
import { nearest } from '../../domain/kernel/nearest';
import { readNumber } from '../../domain/kernel/number';
import { cut, grouped, shorten, typed, visible } from '../../domain/kernel/text';
import { SETTING_NAMES, unknownSettings } from '../../host/config';

/** Texts of letters, emoji of one and several parts, accents, flags, and halves of pairs. */
const text = fc
  .array(fc.constantFrom('a', 'é', 'e\u0301', '😀', '👩‍👩‍👧', '🇨🇭', '👍🏽', '\n', '\u202e', '\u001b[2J', 'नि'), {
    maxLength: 30,
  })
  .map((parts) => parts.join(''));

describe('a text', () => {
  test('is never cut within a character', () => {
    fc.assert(
      fc.property(text, fc.nat({ max: 80 }), (whole, most) => {
        const kept = cut(whole, most);
        expect([
          kept.isWellFormed(),
          whole.startsWith(kept),
          kept.length <= most,
          kept.length >= Math.min(whole.length, most - 1),
        ]).toEqual([true, true, true, true]);
      }),
    );
  });

  test('for people ends behind a whole character, as they see it', () => {
    const characters = (of: string) => Array.from(new Intl.Segmenter('en').segment(of), ({ segment }) => segment);
    fc.assert(
      fc.property(text, fc.integer({ min: 15, max: 80 }), (whole, most) => {
        const shown = shorten(whole, most);
        if (whole.length <= most) return expect(shown).toBe(whole);
        expect(shown.length).toBeLessThanOrEqual(most);
        const kept = characters(shown.slice(0, -1));
        expect(kept).toEqual(characters(whole).slice(0, kept.length));
      }),
    );
    expect(shorten('ok 👩‍👩‍👧', 9)).toBe('ok …');
    expect(shorten(`a${'\u0301'.repeat(500)}`, 20)).toHaveLength(20);
  });

  test('that would act on a screen is shown', () => {
    expect(visible('a\u001b[2Jb\u009bc\u202ed\u2066\r\u0000\u2028\ufeff')).toBe(
      'a\\u001b[2Jb\\u009bc\\u202ed\\u2066\\u000d\\u0000\\u2028\\ufeff',
    );
    expect(visible('line\nनि‍ 👩‍👩‍👧')).toBe('line\nनि‍ 👩‍👩‍👧');
    expect(visible('\ud83d \u{e0041}')).toBe('\\ud83d \\u{e0041}');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (any) =>
        expect(visible(any)).not.toMatch(/(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}]/u),
      ),
    );
  });
});

describe('a number', () => {
  test.each([
    ['0', 0],
    ['0.5', 0.5],
    ['.5', 0.5],
    ['1', 1],
    ['-0', 0],
  ])('%s is read', (given, number) => expect(readNumber(given, { min: 0, max: 1 })).toEqual({ number }));

  test.each([
    '',
    ' ',
    'x',
    '1e0',
    '+1',
    ' 1',
    '1 ',
    '0x1',
    '0b1',
    '1_0',
    '01',
    '1.',
    '-',
    '.',
    'NaN',
    'Infinity',
    '１',
    '1,5',
    '1.1',
    '-0.1',
    '0.12345678901234567890',
  ])('%j is refused', (given) => {
    expect(readNumber(given, { min: 0, max: 1 })).toEqual({ fault: expect.any(String) as string });
  });

  test('is whole where it has to be, and never changed', () => {
    const whole = { min: 1, max: Infinity, whole: true };
    expect([
      readNumber('3', whole),
      readNumber('3.0', whole),
      readNumber('3.5', whole),
      readNumber('9007199254740993', whole),
    ]).toEqual([
      { number: 3 },
      { number: 3 },
      { fault: expect.any(String) },
      { fault: expect.stringContaining('2^53') },
    ]);
  });
});

test.each([
  ['shwo', 'show'],
  ['cancle', 'cancel'],
  ['taks', 'task'],
])('%s is one slip away from %s: two letters have changed places', (given, meant) => {
  expect(nearest(given, ['show', 'cancel', 'task'], 1)).toBe(meant);
});

test('arguments are typed so that a shell gives them back as they were', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ unit: 'binary' }).filter((one) => !one.includes('\0')),
        { minLength: 1 },
      ),
      (argv) => {
        // What stands between single quotes a shell leaves alone.
        const read = [...typed(argv).matchAll(/(?:'[^']*'|\\'|[^\s'])+/g)].map(([word]) =>
          word.replaceAll(/'([^']*)'|\\(')/g, (_, text: string | undefined, quote: string) => text ?? quote),
        );
        expect(read).toEqual(argv);
      },
    ),
  );
});

describe('settings', () => {
  test('that are not known are told, with what may have been meant', () => {
    const found = unknownSettings({
      FORMICARY_RAET: '1',
      FORMICARY_PUBLIC_ULR: 'x',
      FORMICARY_ELSEWHERE: 'x',
      FORMICARY_DATA: 'x',
      FORMICARY_SECRET_ACME__OPS: 'x',
      FORMICARY_COSMOS__credential: 'x',
      FORMICARY_PORT: '1',
      PATH: 'x',
    });
    expect(found).toEqual([
      { name: 'FORMICARY_ELSEWHERE', meant: undefined },
      { name: 'FORMICARY_PUBLIC_ULR', meant: 'FORMICARY_PUBLIC_URL' },
      { name: 'FORMICARY_RAET', meant: 'FORMICARY_RATE' },
    ]);
  });

  test("of the host are none of the command line's by a slip", () => {
    for (const name of [...SETTING_NAMES, 'FORMICARY_PORT'])
      expect(nearest(name, ['FORMICARY_URL', 'FORMICARY_TENANT', 'FORMICARY_PRINCIPAL'])).toBeUndefined();
  });
});

test.each([0, 7, 999, 1_000, 65_536, 1_000_000, 123_456_789])('%d is grouped by thousands', (count) => {
  expect(grouped(count)).toBe(count.toLocaleString('en'));
});
