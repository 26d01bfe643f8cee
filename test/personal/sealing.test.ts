/** Marks and their sealing, for any JSON. */
import fc from 'fast-check';
import { openValue, sealValue, subjectKeyOf } from '../../domain/kernel/sealing';
import { mapMarks, MARK, marked, mayHoldMark, readMarked, readSealed } from '../../domain/personal/mark';

const KEY = subjectKeyOf(Buffer.alloc(32, 1));
const PLACE = { tenant: 'acme', subject: 'customer-17', place: 'postTask#/payload/name' };

test('whatever is sealed opens as it was, under its key, at its place, and nowhere else', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string(), (value, request) => {
      const sealed = sealValue(KEY, PLACE, value, request);
      const plain = JSON.parse(JSON.stringify(value)) as unknown;
      expect(openValue(KEY, PLACE, sealed)).toEqual({ value: plain });
      expect(openValue(subjectKeyOf(Buffer.alloc(32, 2)), PLACE, sealed)).toBeUndefined();
      for (const [name, of] of Object.entries(PLACE))
        expect(openValue(KEY, { ...PLACE, [name]: `${of}x` }, sealed)).toBeUndefined();
    }),
  );
});

test('no bit of it can be changed', () => {
  const bytes = Buffer.from(sealValue(KEY, PLACE, { name: 'Ada Byron' }, 'ada 1'), 'base64url');
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 1;
    expect(openValue(KEY, PLACE, changed.toString('base64url'))).toBeUndefined();
  }
  for (let length = 0; length < bytes.length; length += 1)
    expect(openValue(KEY, PLACE, bytes.subarray(0, length).toString('base64url'))).toBeUndefined();
});

test('the same request gives the same bytes, any other one others: nobody can guess at a value by sealing it', () => {
  const of = (value: unknown, request: string) => sealValue(KEY, PLACE, value, request);
  expect(of(true, 'ada key-1')).toBe(of(true, 'ada key-1'));
  const others = [of(true, 'ada key-1'), of(true, 'ada key-2'), of(false, 'ada key-1')];
  expect(new Set(others).size).toBe(3);
});

test('short values are of one length, so that it does not tell which', () => {
  const lengths = [true, false, null, 'yes', 'no', 17].map((value) => sealValue(KEY, PLACE, value, 'ada 1').length);
  expect(new Set(lengths).size).toBe(1);
});

test('a mark is found at any depth, also where its name is written with escapes; all else stays the same object', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.array(fc.constantFrom('list', 'object')), (value, above) => {
      const inner: unknown = marked({ subject: 'ada', value });
      const whole = above.reduce<unknown>((held, kind) => (kind === 'list' ? [1, held] : { a: 1, held }), inner);
      const places: string[] = [];
      const changed = mapMarks(whole, (holder, path) => {
        places.push(path.join('/'));
        expect(holder).toBe(inner);
        return 'sealed';
      });
      expect(places).toEqual([
        above
          .toReversed()
          .map((kind) => (kind === 'list' ? '1' : 'held'))
          .join('/'),
      ]);
      expect(JSON.stringify(whole)).toContain(`"${MARK}"`);
      expect(JSON.stringify(changed)).not.toContain(MARK);
      expect(mapMarks(changed, () => 'none')).toBe(changed);
    }),
  );
  expect(mayHoldMark('{"\\u0024personal":{}}')).toBe(true);
  expect(mayHoldMark('{"$\\u0070ersonal":{}}')).toBe(true);
  expect(mayHoldMark('{"payload":{"name":"Ada"}}')).toBe(false);
});

test.each([
  ['nothing', { [MARK]: null }],
  ['a text', { [MARK]: 'Ada' }],
  ['a list', { [MARK]: [] }],
  ['no subject', { [MARK]: { value: 1 } }],
  ['a name for a subject', { [MARK]: { subject: 'Ada Byron', value: 1 } }],
  ['an address for a subject', { [MARK]: { subject: 'ada@example.org', value: 1 } }],
  ['no value', { [MARK]: { subject: 'ada' } }],
  ['more than a value', { [MARK]: { subject: 'ada', value: 'Ada', note: 'Ada' } }],
  ['something beside it', { [MARK]: { subject: 'ada', value: 'Ada' }, note: 'Ada' }],
  ['a mask', { [MARK]: { subject: 'ada', sealed: true } }],
  ['what another request had sealed', { [MARK]: { subject: 'ada', place: 'x', sealed: 'AAAA' } }],
  ['one of somebody erased', { [MARK]: { subject: 'ada', erased: true } }],
])('%s is no mark, and what is said of it repeats nothing', (_, holder) => {
  const read = readMarked(holder);
  expect(typeof read).toBe('string');
  expect(read).not.toMatch(/Ada|AAAA|example/);
});

test('a mark with a value is one, whatever the value', () => {
  for (const value of [null, false, 0, '', [], {}])
    expect(readMarked({ [MARK]: { subject: 'ada', value } })).toEqual({ subject: 'ada', value });
  expect(readSealed({ [MARK]: { subject: 'ada', value: 1 } })).toBeUndefined();
});
