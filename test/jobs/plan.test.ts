/** What may be a job: graphs without cycles, references to what comes before, within limits. */
import fc from 'fast-check';
import { type Graph, lostBy, MAX_EDGES, MAX_TASKS, planOf } from '../../domain/jobs/plan';
import { blank, knownOf, type Progress, withKnown } from '../../domain/jobs/progress';
import { Rejection } from '../../domain/kernel/decider';
import { MAX_REFERENCES, readReference, type Reference, replaced, valueAt } from '../../domain/market/references';
import { graph, job, step } from './plans';

const ref = (key: string, pointer?: string) => ({ $result: key, ...(pointer !== undefined && { pointer }) });

describe('a plan', () => {
  test('has places instead of keys, each once', () => {
    expect(planOf(job([step('a'), step('b'), step('c', ['b', 'a', 'b'])]))).toMatchObject({
      tasks: [{ after: [] }, { after: [] }, { after: [1, 0], when: 'all' }],
      on_failure: 'cancel',
    });
  });

  test.each([
    ['a key twice', job([step('a'), step('a')]), 'key-twice', 'the key a'],
    ['a task that is not there', job([step('a', ['b'])]), 'after-unknown', 'a comes after b'],
    ['itself', job([step('a', ['a'])]), 'job-cycle', 'a → a'],
    [
      'a round, from which others hang',
      job([step('x', ['c']), step('a', ['c']), step('b', ['a']), step('c', ['b']), step('y')]),
      'job-cycle',
      / (a → b → c → a|b → c → a → b|c → a → b → c)$/,
    ],
    ['no compensation', job([step('a')], { on_failure: 'compensate' }), 'compensation-invalid', 'names a task'],
    ['one too many', job([step('a'), step('b')], { compensation: 'b' }), 'compensation-invalid', 'names a task'],
    [
      'one that others come after',
      job([step('a', ['b']), step('b')], { on_failure: 'compensate', compensation: 'b' }),
      'compensation-invalid',
      'a comes after b',
    ],
    [
      'nothing but one',
      job([step('a')], { on_failure: 'compensate', compensation: 'a' }),
      'compensation-invalid',
      'beside its compensation',
    ],
    [
      'a reference to what it does not come after',
      job([step('a'), step('b', ['a']), step('c', ['b'], { payload: { deep: [ref('a')] } })]),
      'reference-invalid',
      'c #/deep/0 refers to a',
    ],
    ['a reference to itself', job([step('a', [], { payload: ref('a') })]), 'reference-invalid', 'refers to a'],
    [
      'a field beside it',
      job([step('a'), step('b', ['a'], { payload: { ...ref('a'), x: 1 } })]),
      'reference-invalid',
      'stands alone',
    ],
    [
      'a pointer into a mark',
      job([step('a'), step('b', ['a'], { payload: ref('a', '/who/$personal/sealed') })]),
      'reference-invalid',
      'passed on whole',
    ],
    [
      'more references than a payload has',
      job([step('a'), step('b', ['a'], { payload: Array(MAX_REFERENCES + 1).fill(ref('a')) })]),
      'reference-invalid',
      'more than',
    ],
    ['too many tasks', job(Array.from({ length: MAX_TASKS + 1 }, (_, i) => step(`t${i}`))), 'job-too-large', 'at most'],
    [
      'too many edges',
      job([
        ...Array.from({ length: 400 }, (_, i) => step(`t${i}`)),
        ...Array.from({ length: MAX_EDGES / 400 + 1 }, (_, i) =>
          step(
            `u${i}`,
            Array.from({ length: 400 }, (__, n) => `t${n}`),
          ),
        ),
      ]),
      'job-too-large',
      'at most',
    ],
  ])('is refused for %s', (_, asked, code, message) => {
    const refused = planOf(asked);
    expect(refused).toBeInstanceOf(Rejection);
    expect(refused).toMatchObject({ kind: 'invalid', code });
    expect((refused as Rejection).message).toMatch(message);
  });

  test('is taken exactly when some order has each after what it comes after', () => {
    const edges = fc.array(fc.tuple(fc.nat(6), fc.nat(6)), { maxLength: 12 });
    fc.assert(
      fc.property(edges, (pairs) => {
        const after = (place: number) => pairs.flatMap(([from, to]) => (to === place ? [`t${from}`] : []));
        const tasks = Array.from({ length: 7 }, (_, place) => step(`t${place}`, after(place)));
        const done = new Set<string>();
        for (let before = -1; before !== done.size;) {
          before = done.size;
          for (const { key, after: needs } of tasks) if (needs.every((need) => done.has(need))) done.add(key);
        }
        expect(planOf(job(tasks)) instanceof Rejection).toBe(done.size < tasks.length);
      }),
    );
  });

  test('of ten thousand tasks that one comes after is made in time', () => {
    const keys = Array.from({ length: MAX_TASKS - 1 }, (_, i) => `t${i}`);
    expect(planOf(job([...keys.map((key) => step(key)), step('last', keys)]))).not.toBeInstanceOf(Rejection);
    const chain = Array.from({ length: MAX_TASKS }, (_, i) => step(`t${i}`, i === 0 ? [] : [`t${i - 1}`]));
    expect(planOf(job(chain))).not.toBeInstanceOf(Rejection);
  });
});

describe('a reference', () => {
  const result = { a: [{ 'x/y': 1, '~': 2 }], who: { $personal: { subject: 's', place: 'p', sealed: 'q' } } };
  const at = (pointer: string) => valueAt(result, (readReference(ref('k', pointer)) as Reference).path);

  test('leads to a value as RFC 6901 says, and nowhere else', () => {
    expect(at('')).toBe(result);
    expect([at('/a/0/x~1y'), at('/a/0/~0'), at('/a/0')]).toEqual([1, 2, result.a[0]]);
    for (const pointer of ['/b', '/a/1', '/a/-', '/a/00', '/a/length', '/a/0/toString', '/__proto__', '/constructor'])
      expect(at(pointer)).toBeUndefined();
  });

  test('passes on what is marked whole, and has no place within it', () => {
    expect(at('/who')).toBe(result.who);
    expect(valueAt(result, ['who', '$personal', 'sealed'])).toBeUndefined();
  });

  test.each(['a', '/a/~2', '/a~', '/'.repeat(300)])('%s is no pointer', (pointer) => {
    expect(typeof readReference(ref('k', pointer))).toBe('string');
  });

  test('is replaced once: what stands in a result is no reference', () => {
    const template = { keep: 1, list: [ref('k'), 'x'], deep: { here: ref('k') } };
    const found = replaced(template, () => ({ $result: 'other' }));
    expect(found).toEqual({
      keep: 1,
      list: [{ $result: 'other' }, 'x'],
      deep: { here: { $result: 'other' } },
    });
    const plain = { a: [1, { b: 2 }] };
    expect(replaced(plain, () => 0)).toBe(plain);
  });
});

test('progress is what was said last of each place', () => {
  const known = fc.constantFrom('completed', 'dead', 'skipped', 'waiting');
  const changes = fc.array(fc.tuple(fc.array(fc.nat(299), { maxLength: 5 }), known), { maxLength: 20 });
  fc.assert(
    fc.property(changes, (all) => {
      const expected = Array<string>(300).fill('waiting');
      let progress = blank(300);
      for (const [places, what] of all) {
        progress = withKnown(progress, places, what);
        for (const place of places) expected[place] = what;
      }
      expect(expected.map((_, place) => knownOf(progress, place))).toEqual(expected);
    }),
  );
  expect(() => knownOf(blank(3), 3)).toThrow(RangeError);
});

describe('what is lost with a task', () => {
  /** By the words of the contract, over and over again. */
  function lostSlowly({ tasks }: Graph, progress: Progress): number[] {
    let known = progress;
    const gone = (place: number) => !['waiting', 'completed'].includes(knownOf(known, place));
    for (;;) {
      const next = tasks.flatMap(({ after, when }, place) =>
        knownOf(known, place) === 'waiting' &&
        after.length > 0 &&
        (when === 'any' ? after.every(gone) : after.some(gone))
          ? [place]
          : [],
      );
      if (next.length === 0) return [...tasks.keys()].filter((place) => knownOf(known, place) === 'skipped');
      known = withKnown(known, next, 'skipped');
    }
  }

  test('is all that waits for what never comes, and nothing else', () => {
    const tasks = fc.array(
      fc.record({
        after: fc.array(fc.nat(9), { maxLength: 4 }),
        when: fc.constantFrom('all' as const, 'any' as const),
      }),
      { minLength: 2, maxLength: 10 },
    );
    const ends = fc.array(fc.constantFrom('completed' as const, 'waiting' as const), { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(tasks, ends, fc.nat(9), (asked, known, lost) => {
        const of = graph(
          job(
            asked.map(({ after, when }, i) =>
              step(
                `t${i}`,
                after.filter((other) => other < i).map((other) => `t${other}`),
                { when },
              ),
            ),
          ),
        );
        const first = lost % asked.length;
        let progress = blank(asked.length);
        for (const i of asked.keys())
          progress = withKnown(progress, [i], i === first ? 'dead' : (known[i] ?? 'waiting'));
        expect([...lostBy(of, first, progress)].sort((a, b) => a - b)).toEqual(lostSlowly(of, progress));
      }),
      { numRuns: 500 },
    );
  });

  test('is found in one go, however many come after all of a long chain', () => {
    const chain = Array.from({ length: 9_990 }, (_, i) => step(`t${i}`, i === 0 ? [] : [`t${i - 1}`]));
    const all = chain.map(({ key }) => key);
    const ends = Array.from({ length: 9 }, (_, i) => step(`end${i}`, all, { when: 'any' }));
    const of = graph(job([...chain, ...ends], { on_failure: 'continue' }));
    expect(lostBy(of, 0, withKnown(blank(9_999), [0], 'dead'))).toHaveLength(9_998);
  });
});
