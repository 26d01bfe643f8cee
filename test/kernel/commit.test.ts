import packaged from 'canonicalize';
import fc from 'fast-check';
import { canonicalize, ChainVerifier, seal, type SealedCommit, sha256, unseal } from '../../domain/kernel/commit';
import { chain, META, nextCommit } from '../support/commits';

const canonicalizePackage = packaged as unknown as (value: unknown) => string;

// ------------------------------------------------------------------------------------------------------ canonical

const awkwardNumber = fc.constantFrom(
  -0,
  0,
  1e21,
  1e20,
  123456789012345680000,
  1e-6,
  1e-7,
  5e-324,
  1.7976931348623157e308,
  -1.5,
  333333333.33333329,
  4.5,
  9007199254740993,
  0.1 + 0.2,
);
const number = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.maxSafeInteger(), awkwardNumber);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('\u2028', '\u0000', '"\\\b\f\n\r\t/', '\u007f\u0080', '\ud83d\ude00', '\ufb33'),
);
const awkwardKey = fc.constantFrom(
  '__proto__',
  'constructor',
  'toString',
  'toJSON',
  'length',
  '0',
  '1',
  '10',
  '9',
  '-1',
  '01',
  '1.5',
  '1e3',
  '4294967294',
  '4294967295',
  '',
  '\r',
  '\u20ac',
  '\ufb33',
  '\ud83d\ude00',
  '\u0080',
  '\u00f6',
);

/** Any JSON value, its objects made as `JSON.parse` makes them: `__proto__` is a key like any other. */
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(number, text, fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.tuple(fc.oneof(text, awkwardKey), tie('value')), { maxLength: 7 }).map((entries) => {
      const object = {};
      for (const [key, value] of entries)
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      return object;
    }),
  ),
})).value;

describe('the canonical form', () => {
  test('is that of the canonicalize package, for any JSON', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(canonicalize(value)).toBe(canonicalizePackage(value));
      }),
      { numRuns: 2_000 },
    );
  });

  test('is JSON of the same value, and its own canonical form', () => {
    fc.assert(
      fc.property(json, (value) => {
        const form = canonicalize(value);
        expect(canonicalize(JSON.parse(form))).toBe(form);
        expect(JSON.parse(form)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 500 },
    );
  });

  test('doesn’t depend on the order of the keys', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.oneof(text, awkwardKey), number), { selector: ([key]) => key, maxLength: 8 }),
        (entries) => {
          const make = (list: typeof entries) =>
            JSON.parse(
              `{${list.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`,
            ) as unknown;
          expect(canonicalize(make(entries))).toBe(canonicalize(make([...entries].reverse())));
        },
      ),
    );
  });

  test('is that of the examples in RFC 8785', () => {
    expect(
      canonicalize(
        JSON.parse(
          '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
        ),
      ),
    ).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
    const sortedKeys = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'];
    const form = canonicalize(
      Object.fromEntries(['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6'].map((key) => [key, key])),
    );
    expect(form).toBe(`{${sortedKeys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(key)}`).join(',')}}`);
  });

  test('leaves out what is undefined, as JSON does', () => {
    expect(canonicalize({ b: undefined, a: [undefined, 1], '1': undefined, __proto__x: 1 })).toBe(
      '{"__proto__x":1,"a":[null,1]}',
    );
    expect(canonicalize({ b: undefined, a: [undefined, , 1], '2': 1, '10': undefined, '1': 1 })).toBe(
      '{"1":1,"2":1,"a":[null,null,1]}',
    );
  });

  test.each([NaN, Infinity, -Infinity, { a: [NaN] }, { '1': NaN }, 1n, { a: 1n }])(
    'refuses what JSON can’t hold: %p',
    (value) => {
      expect(() => canonicalize(value)).toThrow(TypeError);
    },
  );
});

// ------------------------------------------------------------------------------------------------------- sealing

describe('sealing', () => {
  test('the hash is SHA-256 over the canonical bytes of the commit without it', () => {
    const { commit, body } = nextCommit('acme/task/1', undefined, { text: 'größe' });
    const { hash, ...unsealed } = commit;
    expect(body).toBe(canonicalizePackage(unsealed));
    expect(hash).toBe(sha256(body));
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  test('unsealing gives the commit back, for any data', () => {
    fc.assert(
      fc.property(json, json, (first, second) => {
        const sealed = seal({
          stream: 'acme/task/1',
          index: 0,
          events: [
            { type: 'A', v: 1, data: first },
            { type: 'B', v: 2, data: second },
          ],
          meta: META,
          at: '2026-11-21T10:00:00.000Z',
          previousHash: null,
        });
        const commit = unseal(sealed.body, sealed.commit.hash);
        const { hash, ...unsealed } = commit;
        expect(seal(unsealed)).toEqual({ commit, body: sealed.body });
        expect(hash).toBe(sealed.commit.hash);
        // In the same order, too: what was decided on it reads the same before and after it was loaded again.
        expect(JSON.stringify(sealed.commit)).toBe(JSON.stringify(commit));
      }),
      { numRuns: 300 },
    );
  });
});

// --------------------------------------------------------------------------------------------------------- chains

interface Entry {
  readonly index: number;
  readonly body: string;
  readonly hash: string;
}

const STREAM = 'acme/task/1';
const entriesOf = (commits: readonly SealedCommit[]): Entry[] =>
  commits.map(({ commit, body }) => ({ index: commit.index, body, hash: commit.hash }));
const faults = (entries: readonly Entry[], stream = STREAM) => {
  const verifier = new ChainVerifier(stream);
  return entries.flatMap((entry) => verifier.next(entry));
};
const found = (entries: readonly Entry[]) => faults(entries).map(({ kind, index }) => `${kind} ${index}`);
const randomChain = fc
  .array(json, { minLength: 1, maxLength: 6 })
  .map((data) => chain(STREAM, data.length, undefined, (index) => data[index]));
const replaced = (entries: readonly Entry[], at: number, entry: Partial<Entry>) =>
  entries.map((each, i) => (i === at ? { ...each, ...entry } : each));

describe('the chain verifier', () => {
  test('finds nothing in a chain that is whole, and ends at its head', () => {
    fc.assert(
      fc.property(randomChain, (commits) => {
        const verifier = new ChainVerifier(STREAM);
        expect(entriesOf(commits).flatMap((entry) => verifier.next(entry))).toEqual([]);
        const last = commits.at(-1)?.commit;
        expect(verifier.head).toMatchObject({ index: last?.index, hash: last?.hash });
      }),
    );
    expect(new ChainVerifier(STREAM).head).toBeUndefined();
  });

  test('finds any flipped bit in any body or hash, and names the commit', () => {
    fc.assert(
      fc.property(randomChain, fc.nat(), fc.nat(), fc.nat(7), fc.boolean(), (commits, which, where, bit, inHash) => {
        const entries = entriesOf(commits);
        const at = which % entries.length;
        const original = entries[at] as Entry;
        const bytes = Buffer.from(inHash ? original.hash : original.body, 'utf8');
        bytes.writeUInt8(bytes.readUInt8(where % bytes.length) ^ (1 << bit), where % bytes.length);
        const flipped = bytes.toString('utf8');
        fc.pre(flipped !== (inHash ? original.hash : original.body));
        const result = faults(replaced(entries, at, inHash ? { hash: flipped } : { body: flipped }));
        expect(result[0]).toMatchObject({ kind: 'altered', index: at, stream: STREAM });
        expect(result[0]?.message).toContain(`${STREAM}@${at}`);
      }),
      { numRuns: 1_000 },
    );
  });

  test('finds a commit that was altered and hashed again, by its successor', () => {
    const entries = entriesOf(chain(STREAM, 4));
    const body = (entries[1] as Entry).body.replace('"n":1', '"n":9');
    expect(body).not.toBe((entries[1] as Entry).body);
    expect(found(replaced(entries, 1, { body, hash: sha256(body) }))).toEqual(['inserted 2']);
  });

  test('finds a dropped commit anywhere but at the end: a dropped tail alone is not found, by design', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.nat(), fc.nat(), (length, from, count) => {
        const entries = entriesOf(chain(STREAM, length));
        const first = from % length;
        const dropped = 1 + (count % (length - first));
        const result = found([...entries.slice(0, first), ...entries.slice(first + dropped)]);
        expect(result).toEqual(first + dropped === length ? [] : [`missing ${first + dropped}`]);
      }),
    );
    expect(faults(entriesOf(chain(STREAM, 5)).slice(3))[0]?.message).toContain('commit 0 to 2 before it was dropped');
    expect(faults(entriesOf(chain(STREAM, 5)).slice(1))[0]?.message).toContain('commit 0 before it was dropped');
  });

  test('finds a commit that was inserted in the place of another, however well it is made', () => {
    const commits = chain(STREAM, 4);
    const forged = nextCommit(STREAM, commits[0]?.commit, { forged: true });
    expect(found(replaced(entriesOf(commits), 1, entriesOf([forged])[0] as Entry))).toEqual(['inserted 2']);
  });

  test('finds one that was squeezed in between, its successors renumbered', () => {
    const commits = chain(STREAM, 4);
    const forged = nextCommit(STREAM, commits[0]?.commit, { forged: true });
    const entries = [
      ...entriesOf(commits.slice(0, 1)),
      ...entriesOf([forged]),
      ...entriesOf(commits.slice(1)).map((entry) => ({ ...entry, index: entry.index + 1 })),
    ];
    expect(found(entries)).toEqual(['misplaced 2', 'inserted 2', 'misplaced 3', 'misplaced 4']);
  });

  test('finds one that is there twice, or stored in another order', () => {
    const entries = entriesOf(chain(STREAM, 4));
    const [a, b, c, d] = entries as [Entry, Entry, Entry, Entry];
    expect(found([a, b, b, c, d])).toEqual(['reordered 1']);
    expect(found([a, c, b, d])).toEqual(expect.arrayContaining(['missing 2', 'reordered 1', 'missing 3']));
  });

  test('finds any two that changed places', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 8 }), fc.nat(), fc.nat(), fc.boolean(), (length, one, other, keys) => {
        const entries = entriesOf(chain(STREAM, length));
        const [i, j] = [one % length, other % length];
        fc.pre(i !== j);
        const [first, second] = [entries[i] as Entry, entries[j] as Entry];
        // With their keys, or under the keys of each other.
        const swapped = replaced(
          replaced(entries, i, keys ? second : { ...second, index: i }),
          j,
          keys ? first : { ...first, index: j },
        );
        const kinds = faults(swapped).map(({ kind }) => kind);
        expect(kinds).toEqual(expect.arrayContaining([keys ? 'reordered' : 'misplaced']));
      }),
    );
  });

  test('finds one that was moved here from another stream', () => {
    const entries = entriesOf(chain(STREAM, 3));
    const other = entriesOf(chain('acme/task/2', 3));
    expect(found(replaced(entries, 1, other[1] as Entry))).toEqual(['misplaced 1', 'inserted 1', 'inserted 2']);
    expect(faults(other)).toHaveLength(3 + 0);
  });

  test('finds bytes that are no commit', () => {
    const entries = entriesOf(chain(STREAM, 3));
    for (const body of ['', 'null', '1', '{}', '{"stream":1}', '{"stream":"nonsense"}', '[]', '{"stream":']) {
      expect(found(replaced(entries, 1, { body, hash: sha256(body) }))).toEqual(['unreadable 1', 'inserted 2']);
    }
  });

  test('finds a time that goes back', () => {
    const [first] = chain(STREAM, 1) as [SealedCommit];
    const second = seal({
      ...chain(STREAM, 2)[1]?.commit,
      stream: STREAM,
      index: 1,
      events: [],
      meta: META,
      at: '2026-11-21T09:59:59.999Z',
      previousHash: first.commit.hash,
    });
    const { hash: _, ...unsealed } = second.commit;
    expect(found(entriesOf([first, seal(unsealed)]))).toEqual(['backdated 1']);
  });
});
