import fc from 'fast-check';
import { firstError, jsonPointer, numberFault, readJson } from '../../domain/kernel/json';
import { parseJson } from '../../functions/edge/json';
import { Problem } from '../../functions/edge/problem';

const bytes = (text: string): Buffer => Buffer.from(text);

function problemOf(input: Uint8Array): Record<string, unknown> {
  try {
    parseJson(input);
  } catch (error) {
    if (error instanceof Problem) return error.document;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('parseJson', () => {
  test('takes every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        fc.pre(
          !JSON.stringify(value).includes('__proto__') && !/\\u0000|\\ud[89a-f]|\d{16}/i.test(JSON.stringify(value)),
        );
        expect(parseJson(bytes(JSON.stringify(value)))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test.each([
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['an overlong form', Buffer.from([0x22, 0xc0, 0x80, 0x22])],
    ['a byte order mark', Buffer.from([0xef, 0xbb, 0xbf, 0x31])],
  ])('refuses %s', (_, input) =>
    expect(problemOf(input)).toMatchObject({ status: 400, type: 'https://formicary.dev/problems/invalid-json' }),
  );

  test('says where the text stops being JSON', () => {
    expect(problemOf(bytes('{\n  "a": 1,\n  "b": nope\n}'))).toMatchObject({
      status: 400,
      detail: 'The body is not JSON: there is an unexpected character at line 3, column 8.',
      position: 19,
      line: 3,
      column: 8,
    });
    expect(problemOf(bytes('{"a":')).detail).toBe('The body is not JSON: it ends too early at line 1, column 6.');
    expect(problemOf(bytes(''))).toMatchObject({ position: 0, line: 1, column: 1 });
  });

  test.each([
    ['{"a":["b\\u0000"]}', '#/a/0'],
    ['{"a":"\\ud800"}', '#/a'],
    ['{"a":"\\udc00\\ud800"}', '#/a'],
    ['{"a\\u0000":1}', '#/a%00'],
    ['{"\\udfff":1}', '#/%EF%BF%BD'],
    ['{"x":{"__proto__":{}}}', '#/x/__proto__'],
    ['{"__proto__":1}', '#/__proto__'],
    ['[1,1e999]', '#/1'],
    ['-1e400', '#'],
  ])('refuses %s', (text, pointer) => {
    expect(problemOf(bytes(text))).toMatchObject({
      status: 400,
      type: 'https://formicary.dev/problems/invalid-request',
      errors: [{ pointer }],
    });
  });

  test('allows 64 levels and no more', () => {
    const nested = (depth: number): Buffer => bytes('['.repeat(depth) + ']'.repeat(depth));
    expect(parseJson(nested(64))).toBeDefined();
    expect(problemOf(nested(65))).toMatchObject({
      status: 400,
      errors: [{ message: 'is nested deeper than 64 levels' }],
    });
    expect(problemOf(nested(400_000)).status).toBe(400);
  });

  test('keeps a pair of surrogates', () => expect(parseJson(bytes('"\\ud83d\\ude00"'))).toBe('😀'));
});

describe('what would be changed in silence', () => {
  test.each([
    ['an integer beyond 2^53', '{"to":{"account":9007199254740993}}', '#/to/account'],
    ['one below', '[0,-9007199254740993]', '#/1'],
    ['the first that is not safe', '9007199254740992', '#'],
    ['one with a fraction of zeros', '[9007199254740993.0]', '#/0'],
    ['one with an exponent', '{"a":9007199254740993e0}', '#/a'],
    ['one that would be written back in digits', '{"a":1e20}', '#/a'],
    ['one whose exponent hides it', '[-90071992547409920e-1]', '#/0'],
    ['one behind spaces', '{"a": [1,\n  12345678901234567890]}', '#/a/1'],
    ['too many digits', '{"a":0.1234567890123456789}', '#/a'],
    ["an amount that a double can't hold", '12345678901234.567', '#'],
    ['what would become 0', '[1e-400]', '#/0'],
    ['what would become another small number', '3e-324', '#'],
    ['a name that stands twice', '{"a":1,"b":{"c":1,"c":2}}', '#/b/c'],
    ['the same name by an escape', '{"a":1,"\\u0061":2}', '#/a'],
    ['twice with spaces around', '[{"a" : 1, "a"\n:\t2}]', '#/0/a'],
    ['twice beside texts that look like names', '{"x":"\\":","a":1,"a":1}', '#/a'],
    ['twice with equal values', '{"a":null,"a":null}', '#/a'],
  ])('%s is refused with its place', (_, text, pointer) => {
    expect(problemOf(bytes(text))).toMatchObject({
      status: 400,
      type: 'https://formicary.dev/problems/invalid-request',
      errors: [{ pointer }],
    });
  });

  test.each([
    '9007199254740991',
    '-9007199254740991',
    '0.1',
    '0.30000000000000004',
    '0.10000000000000001',
    '1e21',
    '9007199254740991e0',
    '1e23',
    '1E+2',
    '1e-7',
    '5e-324',
    '6.02214076e23',
    '0.10',
    '100000.000000000000000000',
    '-0.0000001',
    '1641723614143230.2',
  ])('%s survives', (text) => {
    expect(parseJson(bytes(`{"n":${text}}`))).toEqual({ n: Number(text) });
  });

  test.each(['-0', '-0.0', '0e5', '[-0]'])('%s is 0', (text) =>
    expect(JSON.stringify(parseJson(bytes(text)))).toBe(text === '[-0]' ? '[0]' : '0'),
  );

  test.each([['{"a":{"a":[{"a":1},{"a":1}]}}'], ['{"a":"\\":","b":"\\":"}'], ['{"":1," ":2}']])(
    'equal names in other objects stand: %s',
    (text) => {
      expect(parseJson(bytes(text))).toEqual(JSON.parse(text));
    },
  );

  /** Numbers as other programs write them, with their own value, told apart by exact arithmetic. */
  const decimal = fc
    .tuple(
      fc.boolean(),
      fc.stringMatching(/^(0|[1-9]\d{0,24})$/),
      fc.option(fc.stringMatching(/^\d{1,24}$/)),
      fc.option(fc.integer({ min: -330, max: 330 })),
    )
    .map(
      ([minus, whole, fraction, exponent]) =>
        `${minus ? '-' : ''}${whole}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`,
    );

  test('a number is refused, or written back it is the same to the digits that it had', () => {
    fc.assert(
      fc.property(decimal, (literal) => {
        const value = Number(literal);
        const digits = literal
          .replace(/^-/, '')
          .replace(/e.*/, '')
          .replace('.', '')
          .replace(/^0+/, '')
          .replace(/0+$/, '');
        if (numberFault(literal) !== undefined) return;
        if (digits === '') return void expect(value === 0).toBe(true);
        const kept = [undefined, digits.length - 1].map((count) =>
          Math.abs(value).toExponential(count).split('e')[0]!.replace('.', '').replace(/0+$/, ''),
        );
        expect(kept).toContain(digits);
      }),
      { numRuns: 2_000 },
    );
  });

  test('what is taken is taken again as it is written back', () => {
    fc.assert(
      fc.property(decimal, (literal) => {
        if (numberFault(literal) === undefined) expect(numberFault(JSON.stringify(Number(literal)))).toBeUndefined();
      }),
      { numRuns: 2_000, examples: [['1e20'], ['9007199254740994e0'], ['90071992547409920e-1'], ['1e21']] },
    );
  });

  test('every double that JavaScript writes survives, unless it is a whole number too large', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.double({ noNaN: true, min: 1e13, max: 1e17 })),
        (value) => {
          const text = JSON.stringify(value);
          if (numberFault(text) === undefined) expect(readJson(text)).toBe(value === 0 ? 0 : value);
          else expect(Number.isInteger(value) && !Number.isSafeInteger(value) && !text.includes('e')).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  /** JSON with names and texts of which many collide and look like JSON themselves; names may stand twice. */
  const name = fc.constantFrom('a', 'b', '":', '\\', 'a":1', '', ':', '\u00e9');
  const tree = fc.letrec<{ text: { text: string; doubled: boolean } }>((tie) => ({
    text: fc.oneof(
      { maxDepth: 4 },
      fc
        .oneof(fc.integer(), name, fc.boolean(), fc.constant(null))
        .map((value) => ({ text: JSON.stringify(value), doubled: false })),
      fc.array(tie('text'), { maxLength: 3 }).map((items) => ({
        text: `[${items.map(({ text }) => text).join(' ,')}]`,
        doubled: items.some(({ doubled }) => doubled),
      })),
      fc.array(fc.tuple(name, fc.constantFrom('', ' ', '\n\t'), tie('text')), { maxLength: 3 }).map((members) => ({
        text: `{${members.map(([key, space, { text }]) => `${JSON.stringify(key)}${space}:${text}`).join(',')}}`,
        doubled:
          new Set(members.map(([key]) => key)).size < members.length || members.some(([, , { doubled }]) => doubled),
      })),
    ),
  })).text;

  test('what stands twice is always found, and nothing else', () => {
    fc.assert(
      fc.property(tree, ({ text, doubled }) => {
        if (doubled)
          expect(problemOf(bytes(text))).toMatchObject({
            errors: [{ message: 'stands more than once in its object' }],
          });
        else expect(readJson(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('firstError', () => {
  test('finds none in JSON', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(undefined, 2), (text, indent) => {
        const formatted = JSON.stringify(JSON.parse(text), null, indent);
        expect(firstError(formatted)).toBe(formatted.length);
      }),
    );
  });

  test('finds an error wherever JSON.parse does: text that can go on ends there', () => {
    const damaged = fc.tuple(
      fc.json(),
      fc.nat(),
      fc.constantFrom('', '"', ',', ':', '{', ']', '}', '0', '-', '\u0001', 'x', '\\', '.'),
    );
    fc.assert(
      fc.property(damaged, ([text, at, insert]) => {
        const cut = at % (text.length + 1);
        const broken = text.slice(0, cut) + insert + text.slice(cut + 1);
        let valid = true;
        try {
          JSON.parse(broken);
        } catch {
          valid = false;
        }
        fc.pre(!valid);
        const position = firstError(broken);
        expect(position).toBeLessThanOrEqual(broken.length);
        // What was cut out or put in is the earliest place where the text can differ from JSON, up to a literal's
        // start.
        expect(position).toBeGreaterThanOrEqual(Math.max(0, cut - 5));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['[1,]', 3],
    ['{"a":1,}', 7],
    ['{a:1}', 1],
    ["{'a':1}", 1],
    ['{"a" 1}', 5],
    ['[1 2]', 3],
    ['01', 1],
    ['1.', 1],
    ['"a\nb"', 2],
    ['"\\x"', 1],
    ['tru', 0],
    ['[}', 1],
    ['{]', 1],
    ['1 1', 2],
    [']', 0],
    ['// no', 0],
    ['NaN', 0],
    ['"open', 5],
    ['[', 1],
  ])('%j fails at %d', (text, position) => expect(firstError(text)).toBe(position));

  test('takes time in proportion to the text', () => {
    const before = process.threadCpuUsage();
    expect(firstError('"' + 'a'.repeat(1_000_000))).toBe(1_000_001);
    expect(firstError('"' + '\\n'.repeat(500_000) + '\n"')).toBe(1_000_001);
    expect(firstError('['.repeat(1_000_000))).toBe(1_000_000);
    // Of the processor: by its square it is minutes, on any machine.
    expect(process.threadCpuUsage(before).user / 1_000).toBeLessThan(5_000);
  });
});

test('jsonPointer escapes as RFC 6901 says', () =>
  expect(jsonPointer(['a/b', 'c~d', 0, 'ä'])).toBe('#/a~1b/c~0d/0/%C3%A4'));
