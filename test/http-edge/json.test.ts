import fc from 'fast-check';
import { firstError, jsonPointer, parseJson } from '../../functions/http/edge/json';
import { Problem } from '../../functions/http/edge/problem';

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
        fc.pre(!JSON.stringify(value).includes('__proto__') && !/\\u0000|\\ud[89a-f]/i.test(JSON.stringify(value)));
        expect(parseJson(bytes(JSON.stringify(value)))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test.each([
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['an overlong form', Buffer.from([0x22, 0xc0, 0x80, 0x22])],
    ['a byte order mark', Buffer.from([0xef, 0xbb, 0xbf, 0x31])],
  ])('refuses %s', (_, input) => expect(problemOf(input)).toMatchObject({ status: 400, type: 'https://formicary.dev/problems/invalid-json' }));

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
    expect(problemOf(bytes(text))).toMatchObject({ status: 400, type: 'https://formicary.dev/problems/invalid-request', errors: [{ pointer }] });
  });

  test('allows 64 levels and no more', () => {
    const nested = (depth: number): Buffer => bytes('['.repeat(depth) + ']'.repeat(depth));
    expect(parseJson(nested(64))).toBeDefined();
    expect(problemOf(nested(65))).toMatchObject({ status: 400, errors: [{ message: 'is nested deeper than 64 levels' }] });
    expect(problemOf(nested(400_000)).status).toBe(400);
  });

  test('keeps a pair of surrogates', () => expect(parseJson(bytes('"\\ud83d\\ude00"'))).toBe('😀'));
});

describe('firstError', () => {
  test('finds none in JSON', () => {
    fc.assert(fc.property(fc.json({ maxDepth: 4 }), fc.constantFrom(undefined, 2), (text, indent) => {
      const formatted = JSON.stringify(JSON.parse(text), null, indent);
      expect(firstError(formatted)).toBe(formatted.length);
    }));
  });

  test('finds an error wherever JSON.parse does: text that can go on ends there', () => {
    const damaged = fc.tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', ',', ':', '{', ']', '}', '0', '-', '\u0001', 'x', '\\', '.'));
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
        // What was cut out or put in is the earliest place where the text can differ from JSON, up to a literal's start.
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
    const started = Date.now();
    expect(firstError('"' + 'a'.repeat(1_000_000))).toBe(1_000_001);
    expect(firstError('"' + '\\n'.repeat(500_000) + '\n"')).toBe(1_000_001);
    expect(firstError('['.repeat(1_000_000))).toBe(1_000_000);
    expect(Date.now() - started).toBeLessThan(2_000);
  });
});

test('jsonPointer escapes as RFC 6901 says', () => expect(jsonPointer(['a/b', 'c~d', 0, 'ä'])).toBe('#/a~1b/c~0d/0/%C3%A4'));
