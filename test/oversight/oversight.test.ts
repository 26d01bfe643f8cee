import fc from 'fast-check';
import { differences } from '../../domain/kernel/json-diff';
import {
  configure,
  decideOversight,
  DEFAULT_RULES,
  type Features,
  featuresProblem,
  MAX_KINDS,
  MAX_SEEN,
  MODES,
  noveltyOf,
  oversightDecider,
  type OversightEvent,
  type OversightInput,
  type OversightRules,
  type RoundRules,
  rulesFor,
  rulesHash,
  rulesProblems,
  SELF_OPTIMISATION,
  severityOf,
} from '../../domain/oversight/oversight';
import { IMPACTS } from '../../domain/oversight/statuses';
import { given } from '../support/given';

const input: OversightInput = {
  kind: 'erp.order',
  confidence: 0.9,
  impact: 'low',
  risk: 0.1,
  policy: { decision: 'allow', reasons: [] },
  novelty: { distance: 0.1, nearest: 'acme/action/1', known: true },
};
const free: OversightRules = { ...DEFAULT_RULES, mode: 'full_automation' };
const watched: OversightRules = { ...DEFAULT_RULES, mode: 'human_on_the_loop', veto_seconds: 60 };
const round: RoundRules = {
  algorithm: 'simple_majority',
  voters: ['ann', 'bob', 'cleo'].map((id) => ({ id, why: 'an expert' })),
  min_agreement: 0.75,
  quorum: 0.67,
  when: 'escalated',
  round_seconds: 60,
  improvement_rounds: 1,
};
const set = (rules: OversightRules, kind = 'erp.order'): OversightEvent => ({
  type: 'OversightConfigured',
  v: 1,
  data: { kind, rules },
});

describe('decideOversight', () => {
  const novelty = (distance: number, known = true) => ({ novelty: { distance, known } });
  const alone = { ...free, acts_alone: SELF_OPTIMISATION };

  test.each<[string, Partial<OversightInput>, OversightRules, string, string[]]>([
    ['all is well', {}, free, 'act', []],
    ['confident enough', { confidence: 0.7 }, free, 'act', []],
    ['not confident enough', { confidence: 0.699 }, free, 'approval', ['low-confidence']],
    ['no number', { confidence: NaN }, free, 'approval', ['low-confidence']],
    ['a medium impact', { impact: 'medium' }, free, 'act', []],
    ['a high impact', { impact: 'high' }, free, 'approval', ['high-impact']],
    ['a critical impact', { impact: 'critical' }, free, 'approval', ['high-impact']],
    [
      'policy wants approval',
      { policy: { decision: 'needs_approval', reasons: ['pii'] } },
      free,
      'approval',
      ['policy'],
    ],
    ['policy denies', { policy: { decision: 'deny', reasons: [] } }, free, 'approval', ['policy']],
    ['agents agree', { consensus_score: 0.75 }, free, 'act', []],
    ['agents disagree', { consensus_score: 0.749 }, free, 'approval', ['low-consensus']],
    ['as new as it may be', novelty(0.5), free, 'act', []],
    ['too new', novelty(0.51), free, 'approval', ['novel']],
    ['of an unknown kind', novelty(0, false), free, 'approval', ['novel']],
    [
      'everything at once',
      { confidence: 0, impact: 'high', policy: { decision: 'deny', reasons: [] }, consensus_score: 0, ...novelty(1) },
      free,
      'approval',
      ['low-confidence', 'high-impact', 'policy', 'low-consensus', 'novel'],
    ],
    ['alone: sure and safe', { confidence: 0.851, risk: 0.199 }, alone, 'act', []],
    ['alone: not above 0.85', { confidence: 0.85 }, alone, 'approval', ['not-sure-enough-alone']],
    ['alone: not below 0.2', { risk: 0.2 }, alone, 'approval', ['too-risky-alone']],
    ['a person before each', {}, DEFAULT_RULES, 'approval', ['mode']],
    ['a person watches', {}, watched, 'veto_window', []],
    ['a person watches what is doubtful', { confidence: 0.1 }, watched, 'approval', ['low-confidence']],
    ['a round when in doubt, and no doubt', {}, { ...free, round }, 'act', []],
    ['a round when in doubt, and doubt', { confidence: 0.1 }, { ...free, round }, 'round', ['low-confidence']],
    [
      'after that round a person still',
      { confidence: 0.1, consensus_score: 1 },
      { ...free, round },
      'approval',
      ['low-confidence'],
    ],
    ['a round always', {}, { ...free, round: { ...round, when: 'always' } }, 'round', []],
    ['after that round', { consensus_score: 1 }, { ...free, round: { ...round, when: 'always' } }, 'act', []],
    [
      'a person watches after the round',
      { consensus_score: 1 },
      { ...watched, round: { ...round, when: 'always' } },
      'veto_window',
      [],
    ],
    ['a person in the loop: the agents first', {}, { ...free, mode: 'human_in_the_loop', round }, 'round', ['mode']],
    [
      'a person in the loop: then the person, whatever they say',
      { consensus_score: 1 },
      { ...free, mode: 'human_in_the_loop', round },
      'approval',
      ['mode'],
    ],
  ])('%s', (_, changes, rules, path, codes) => {
    const asked = { ...input, ...changes };
    const answer = decideOversight(asked, rules);
    expect([answer.path, answer.reasons.map(({ code }) => code)]).toEqual([path, codes]);
    expect(answer).toMatchObject({ mode: rules.mode, rules_hash: rulesHash(rules), input: asked });
  });

  test('a reason says what was found and what the limit is', () => {
    expect(decideOversight({ ...input, confidence: 0.6 }, free).reasons).toMatchObject([{ value: 0.6, limit: 0.7 }]);
    expect(decideOversight({ ...input, impact: 'critical' }, free).reasons).toMatchObject([
      { value: 'critical', limit: 'high' },
    ]);
  });

  test('agents never act alone against row 2.4, in no mode', () => {
    const inputs = fc.record({
      kind: fc.constant('k'),
      confidence: fc.double({ min: 0, max: 1 }),
      impact: fc.constantFrom(...IMPACTS),
      risk: fc.double({ min: 0, max: 1, noNaN: true }),
      policy: fc.record({ decision: fc.constantFrom('allow', 'needs_approval', 'deny'), reasons: fc.constant([]) }),
      consensus_score: fc.option(fc.double({ min: 0, max: 1 }), { nil: undefined }),
      novelty: fc.record({ distance: fc.double({ min: 0, max: 1 }), known: fc.boolean() }),
    });
    fc.assert(
      fc.property(inputs, fc.constantFrom(...MODES), fc.boolean(), (asked, mode, rounds) => {
        const { path, reasons } = decideOversight(asked, { ...free, mode, round: rounds ? round : undefined });
        const {
          confidence,
          impact,
          policy,
          consensus_score,
          novelty: { distance, known },
        } = asked;
        const calm =
          confidence >= 0.7 &&
          (impact === 'low' || impact === 'medium') &&
          policy.decision === 'allow' &&
          (consensus_score === undefined || consensus_score >= 0.75) &&
          known &&
          distance <= 0.5;
        const byMode = mode === 'full_automation' || mode === 'human_on_the_loop';
        expect(path === 'act' || path === 'veto_window').toBe(calm && byMode);
        expect(reasons.length === 0).toBe(calm && byMode);
      }),
    );
  });
});

describe('noveltyOf', () => {
  const seen = (...all: Features[]) => all.map((features, i) => ({ ref: `acme/action/${i}`, features }));

  test.each<[string, Features, Features[], object]>([
    ['nothing was seen', { amount: 1 }, [], { distance: 1, known: false }],
    [
      'the very same',
      { amount: 5, to: 'x' },
      [
        { amount: 5, to: 'x' },
        { amount: 9, to: 'x' },
      ],
      { distance: 0, nearest: 'acme/action/0', known: true },
    ],
    [
      'between two amounts',
      { amount: 4 },
      [{ amount: 0 }, { amount: 10 }],
      { distance: 0.4, nearest: 'acme/action/0', known: true },
    ],
    [
      'beyond what was seen',
      { amount: 100 },
      [{ amount: 0 }, { amount: 10 }],
      { distance: 0.9, nearest: 'acme/action/1', known: true },
    ],
    [
      'another text',
      { amount: 5, to: 'y' },
      [{ amount: 5, to: 'x' }],
      { distance: 0.5, nearest: 'acme/action/0', known: true },
    ],
    [
      'a feature more',
      { amount: 5, to: 'x' },
      [{ amount: 5 }],
      { distance: 0.5, nearest: 'acme/action/0', known: true },
    ],
    ['a feature less', {}, [{ amount: 5 }], { distance: 1, nearest: 'acme/action/0', known: true }],
    ['a text for a number', { amount: '5' }, [{ amount: 5 }], { distance: 1, nearest: 'acme/action/0', known: true }],
    ['no features at all', {}, [{}, {}], { distance: 0, nearest: 'acme/action/1', known: true }],
    ['a name that objects inherit', { constructor: 'a' }, [{}], { distance: 1, nearest: 'acme/action/0', known: true }],
  ])('%s', (_, features, history, expected) => expect(noveltyOf(features, seen(...history))).toEqual(expected));

  test('only the last 200 count', () => {
    const old = { ref: 'old', features: { to: 'x' } };
    const others = seen(...Array.from({ length: MAX_SEEN }, () => ({ to: 'y' })));
    expect(noveltyOf({ to: 'x' }, [old, ...others])).toMatchObject({ distance: 1 });
    expect(noveltyOf({ to: 'x' }, [old, ...others.slice(1)])).toMatchObject({ distance: 0, nearest: 'old' });
  });

  test('lies within 0 and 1, does not depend on the order of what was seen, and is 0 for what was seen', () => {
    const features = fc.dictionary(
      fc.constantFrom('a', 'b', 'c'),
      fc.oneof(fc.double({ min: -1e15, max: 1e15, noNaN: true }), fc.constantFrom('x', 'y')),
    );
    fc.assert(
      fc.property(features, fc.array(features, { minLength: 1, maxLength: 8 }), (one, all) => {
        const { distance } = noveltyOf(one, seen(...all));
        expect(distance).toBeGreaterThanOrEqual(0);
        expect(distance).toBeLessThanOrEqual(1);
        expect(noveltyOf(one, seen(...[...all].reverse())).distance).toBe(distance);
        expect(noveltyOf(one, seen(...all, one)).distance).toBe(0);
      }),
    );
  });

  test('features have limits', () => {
    expect(featuresProblem({ amount: 1e15, to: 'x'.repeat(256) })).toBeUndefined();
    expect(featuresProblem(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, i])))).toBeUndefined();
    const wrong: Features[] = [
      { '': 1 },
      { ['x'.repeat(65)]: 1 },
      { a: 1.1e15 },
      { a: NaN },
      { a: 'x'.repeat(257) },
      Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`f${i}`, i])),
    ];
    for (const features of wrong) expect(featuresProblem(features)).toContain('features must');
  });
});

test('severity: what an impact is, raised by risk at most one step', () => {
  expect(IMPACTS.map((impact) => severityOf(impact, 0))).toEqual([
    { severity: 'low', score: 20 },
    { severity: 'medium', score: 40 },
    { severity: 'high', score: 60 },
    { severity: 'critical', score: 80 },
  ]);
  expect(IMPACTS.map((impact) => severityOf(impact, 1).severity)).toEqual(['medium', 'high', 'critical', 'critical']);
  expect(severityOf('high', 0.99).severity).toBe('high');
});

describe('configure', () => {
  test('sets the rules of a kind, and again only when they differ', () => {
    given(oversightDecider, [])
      .when(configure('erp.order', free))
      .then([set(free)])
      .thenRepeatedNothing();
    given(oversightDecider, [set(free)])
      .when(configure('erp.order', watched))
      .then([set(watched)])
      .thenState((state) =>
        expect([rulesFor(state, 'erp.order'), rulesFor(state, 'other'), rulesFor(state, 'constructor')]).toEqual([
          watched,
          DEFAULT_RULES,
          DEFAULT_RULES,
        ]),
      );
  });

  test('for at most 100 kinds', () => {
    const full = Array.from({ length: MAX_KINDS }, (_, i) => set(free, `kind-${i}`));
    given(oversightDecider, full).when(configure('one-more', free)).thenRejected('kinds-full');
    given(oversightDecider, full)
      .when(configure('kind-7', watched))
      .then([set(watched, 'kind-7')]);
    given(oversightDecider, full.slice(1))
      .when(configure('one-more', free))
      .then([set(free, 'one-more')]);
  });

  test('the defaults are sound, and ask a person', () => {
    expect(rulesProblems('any', DEFAULT_RULES)).toEqual([]);
    expect(rulesProblems('any', { ...watched, acts_alone: SELF_OPTIMISATION, round })).toEqual([]);
    expect(decideOversight(input, DEFAULT_RULES).path).toBe('approval');
  });

  const [group] = DEFAULT_RULES.approvers;
  const ladder = (...changes: object[]) => ({
    approvers: changes.map((change, i) => ({ ...group, group: `g${i}`, ...change })) as OversightRules['approvers'],
  });
  const ids = (count: number) => Array.from({ length: count }, (_, i) => `p${i}`);

  test.each<[string, Partial<OversightRules>]>([
    ['mode', { mode: 'anything' as never }],
    ['veto_seconds', { veto_seconds: 5 }],
    ['veto_seconds', { mode: 'human_on_the_loop' }],
    ['veto_seconds', { mode: 'human_on_the_loop', veto_seconds: 0 }],
    ['thresholds.confidence', { thresholds: { ...free.thresholds, confidence: 1.1 } }],
    ['thresholds.novelty', { thresholds: { ...free.thresholds, novelty: NaN } }],
    ['thresholds.impact', { thresholds: { ...free.thresholds, impact: 'none' as never } }],
    ['acts_alone', { acts_alone: { confidence: -1, risk: 0 } }],
    ['safe_default', { safe_default: 'act' as never }],
    ['approvers', { approvers: [] }],
    ['approvers', ladder(...Array.from({ length: 11 }, () => ({})))],
    ['approvers', ladder({ group: 'same' }, { group: 'same' })],
    ['members', ladder({ members: ids(101) })],
    ['members', ladder({ members: ['ann', 'ann'] })],
    ['members', ladder({ deputies: ['not an id'] })],
    ['name of a group', ladder({ group: '' })],
    ['seconds', ladder({ seconds: 0 })],
    ['seconds', ladder({ seconds: 30 * 86_400 + 1 })],
    ['round', { round: { ...round, voters: [] } }],
    ['round.when', { round: { ...round, when: 'never' as never } }],
    ['round.round_seconds', { round: { ...round, round_seconds: 0 } }],
    ['round.improvement_rounds', { round: { ...round, improvement_rounds: 6 } }],
    ['bytes', ladder(...Array.from({ length: 10 }, () => ({ members: ids(100).map((id) => id.padEnd(100, 'x')) })))],
  ])('what is wrong with %s is said', (what, changes) => {
    expect(rulesProblems('k', { ...free, ...changes })).toEqual([expect.stringContaining(what)]);
    given(oversightDecider, [])
      .when(configure('k', { ...free, ...changes }))
      .thenRejected('rules-invalid');
  });

  test('a kind is an id', () => {
    given(oversightDecider, []).when(configure('no id', free)).thenRejected('rules-invalid');
  });
});

describe('differences', () => {
  test.each<[string, unknown, unknown, unknown[]]>([
    ['the same', { a: 1, b: [1, 2] }, { b: [1, 2], a: 1 }, []],
    ['a value', { a: { b: 1 } }, { a: { b: 2 } }, [{ path: '/a/b', before: 1, after: 2 }]],
    [
      'added, removed',
      { a: 1 },
      { b: 2 },
      [
        { path: '/a', before: 1 },
        { path: '/b', after: 2 },
      ],
    ],
    ['a longer list', [1], [1, 2], [{ path: '/1', after: 2 }]],
    ['a list for an object', { a: [] }, { a: {} }, [{ path: '/a', before: [], after: {} }]],
    ['the whole', 1, 2, [{ path: '', before: 1, after: 2 }]],
    ['names with slashes and tildes', { 'a/b~': 1 }, { 'a/b~': 2 }, [{ path: '/a~1b~0', before: 1, after: 2 }]],
    ['names that objects inherit', {}, { constructor: 1 }, [{ path: '/constructor', after: 1 }]],
  ])('%s', (_, before, after, expected) => expect(differences(before, after)).toEqual(expected));

  test('too many, or too long, are one change of the whole', () => {
    const numbers = (count: number, value: number) => Array.from({ length: count }, () => value);
    expect(differences(numbers(200, 1), numbers(200, 2))).toHaveLength(200);
    expect(differences(numbers(201, 1), numbers(201, 2))).toEqual([
      { path: '', before: numbers(201, 1), after: numbers(201, 2) },
    ]);
    const long = (value: number) => ({ ['x'.repeat(10_000)]: numbers(100, value) });
    expect(differences(long(1), long(2))).toEqual([{ path: '', before: long(1), after: long(2) }]);
  });

  test('applied to the one document they make the other', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }), (before, after) => {
        const root = { it: JSON.parse(JSON.stringify(before)) };
        // Backwards, so that what is removed from a list does not move what comes before it.
        for (const change of differences(before, after).toReversed()) {
          const names = [
            'it',
            ...change.path
              .split('/')
              .slice(1)
              .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~')),
          ];
          const last = names.pop() as string;
          const parent = names.reduce<any>((node, name) => node[name], root); // eslint-disable-line @typescript-eslint/no-explicit-any
          if ('after' in change)
            Object.defineProperty(parent, last, {
              value: change.after,
              enumerable: true,
              writable: true,
              configurable: true,
            });
          else if (Array.isArray(parent)) parent.splice(Number(last), 1);
          else delete parent[last];
        }
        expect(JSON.parse(JSON.stringify(root.it))).toEqual(JSON.parse(JSON.stringify(after)));
      }),
    );
  });
});
