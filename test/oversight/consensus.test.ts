/** What is wrong with an electorate; what it agrees on. */
import fc from 'fast-check';
import { canonicalize, MAX_COMMIT_BYTES } from '../../domain/kernel/commit';
import {
  ballotHolders,
  type Electorate,
  electorateProblems,
  expertiseWeight,
  isSettled,
  MAX_DISSENT,
  MAX_DISSENT_TEXT,
  MAX_GROUPS,
  MAX_VOTERS,
  type Tally,
  tally,
  type Voter,
} from '../../domain/oversight/consensus';
import { ballot, electorate, electorates, equals, split, voter } from './electorates';

const weighted = (weights: Record<string, number>, more: Partial<Electorate> = {}) =>
  electorate({
    algorithm: 'weighted_voting',
    voters: Object.entries(weights).map(([id, weight]) => voter(id, { weight })),
    ...more,
  });

describe('what is wrong with an electorate', () => {
  const groups = [{ id: 'g', share: 1, veto: false }];
  const stakeholders = (more: Partial<Electorate> = {}) =>
    electorate({ algorithm: 'stakeholder_consensus', voters: [voter('a', { group: 'g' })], groups, ...more });
  const stakes = (voters: Voter[], delegates: number | undefined = 1) =>
    electorate({ algorithm: 'delegated_proof_of_stake', voters, delegates });
  const delegated = (...voters: Voter[]) => electorate({ algorithm: 'delegated_authority', voters });

  test.each<[string, Electorate]>([
    ['algorithm must', electorate({ algorithm: 'dice' as 'simple_majority' })],
    ['min_agreement must', electorate({ min_agreement: 0 })],
    ['min_agreement must', electorate({ min_agreement: 1.01 })],
    ['min_agreement must', electorate({ min_agreement: NaN })],
    ['quorum must', electorate({ quorum: 0 })],
    ['quorum must', electorate({ quorum: 1.01 })],
    ['quorum must', electorate({ quorum: NaN })],
    ['voters must be a list', electorate({ voters: [] })],
    ['voters must be a list', equals(MAX_VOTERS + 1)],
    [
      'groups must be a list',
      stakeholders({
        groups: Array.from({ length: MAX_GROUPS + 1 }, (_, i) => ({ id: `g${i}`, share: 1, veto: false })),
      }),
    ],
    ['voters must be different', electorate({ voters: [voter('a'), voter('a')] })],
    ['voter 1: id', electorate({ voters: [voter('a/b')] })],
    ['voter 1: why', electorate({ voters: [{ id: 'a', why: ' ' }] })],
    ['voter 1: why', electorate({ voters: [{ id: 'a', why: 'x'.repeat(201) }] })],
    ['voter 1: model', electorate({ voters: [voter('a', { model: 'x y' })] })],
    ['voter 2: weight must', weighted({ a: 1, b: -1 })],
    ['voter 1: weight must', weighted({ a: NaN })],
    ['voter 1: weight must', weighted({ a: 1_000_001 })],
    ['voter 1: stake must', electorate({ voters: [voter('a', { stake: Infinity })] })],
    [
      'voter 1: experience must',
      electorate({ voters: [voter('a', { expertise: { relevance: 1, experience: -1, track_record: 1 } })] }),
    ],
    ['voter 1: weighted_voting needs', electorate({ algorithm: 'weighted_voting', voters: [voter('a')] })],
    ['voter 1: expertise_based needs', electorate({ algorithm: 'expertise_based', voters: [voter('a')] })],
    ['voter 1: delegate_to must be another voter', delegated(voter('a', { delegate_to: 'x' }))],
    ['voter 1: its vote is handed round', delegated(voter('a', { delegate_to: 'a' }))],
    [
      'voter 1: its vote is handed round',
      delegated(voter('a', { delegate_to: 'b' }), voter('b', { delegate_to: 'a' }), voter('c')),
    ],
    [
      'voter 3: its vote is handed round',
      delegated(voter('a', { delegate_to: 'b' }), voter('b', { delegate_to: 'a' }), voter('c', { delegate_to: 'a' })),
    ],
    ['groups belong', electorate({ groups })],
    ['groups belong', stakeholders({ groups: undefined })],
    ['voter 1: group must', stakeholders({ voters: [voter('a'), voter('b', { group: 'g' })] })],
    ['voter 2: group must', stakeholders({ voters: [voter('a', { group: 'g' }), voter('b', { group: 'h' })] })],
    ['groups must be different', stakeholders({ groups: [...groups, ...groups] })],
    ['group 1: id', stakeholders({ voters: [voter('a', { group: '' })], groups: [{ id: '', share: 1, veto: false }] })],
    ...[0, -1, NaN, 1e-7, 1_000_001].map((share): [string, Electorate] => [
      'group 1: share must',
      stakeholders({ groups: [{ id: 'g', share, veto: false }] }),
    ]),
    ['group 2: it has no voter', stakeholders({ groups: [...groups, { id: 'h', share: 1, veto: false }] })],
    ['delegates belongs', electorate({ delegates: 1 })],
    ['delegates belongs', { ...stakes([voter('a', { stands_for: true })]), delegates: undefined }],
    ['delegates must', stakes([voter('a', { stands_for: true })], 0)],
    ['delegates must', stakes([voter('a', { stands_for: true })], 1.5)],
    ['delegated_proof_of_stake needs a candidate', stakes([voter('a')])],
    [
      'voter 2: delegate_to must be a candidate',
      stakes([voter('a', { stands_for: true }), voter('b', { delegate_to: 'c' }), voter('c')]),
    ],
    [
      'voter 1: a candidate elects itself',
      stakes([voter('a', { stands_for: true, delegate_to: 'b' }), voter('b', { stands_for: true })]),
    ],
    [
      'the electorate must be at most',
      electorate({
        voters: Array.from({ length: 500 }, (_, i) => voter(`${i}-${'x'.repeat(120)}`, { why: 'x'.repeat(200) })),
      }),
    ],
  ])('%s …', (fault, e) =>
    expect(electorateProblems(e).filter((problem) => problem.startsWith(fault))).toHaveLength(1),
  );

  test('names every fault', () =>
    expect(electorateProblems(electorate({ voters: [voter('a/b', { weight: -1, stake: NaN })] }))).toHaveLength(3));
  test('500 voters are fine', () => expect(electorateProblems(equals(MAX_VOTERS))).toEqual([]));
  test('so is a chain of 500', () =>
    expect(
      electorateProblems(
        delegated(
          ...Array.from({ length: 500 }, (_, i) => voter(`v${i}`, i < 499 ? { delegate_to: `v${i + 1}` } : {})),
        ),
      ),
    ).toEqual([]));
  test('nothing is wrong with those that the properties use', () =>
    fc.assert(fc.property(electorates, (e) => expect(electorateProblems(e)).toEqual([]))));
});

describe('two tests: quorum and agreement', () => {
  test.each<[string, number, number, number, Partial<Tally>]>([
    ['67 of 100 are a quorum of 0.67', 100, 67, 0, { turnout: 0.67, quorum_met: true, agreed: true }],
    ['66 of 100 are none', 100, 66, 0, { quorum_met: false, agreed: false }],
    ['2 of 3 are none', 3, 2, 0, { quorum_met: false, agreed: false }],
    ['15 against 5 agree at 0.75', 20, 15, 5, { score: 0.75, agreed: true }],
    ['14 against 5 do not', 20, 14, 5, { quorum_met: true, leader: 'approve', agreed: false }],
    ['the score is of the weight cast, not of the eligible', 20, 12, 4, { score: 0.75, turnout: 0.8, agreed: true }],
    ['a tie has no leader', 4, 2, 2, { tie: true, leader: undefined, score: 0.5, agreed: false }],
    [
      'nobody voted',
      4,
      0,
      0,
      { leader: undefined, tie: false, score: 0, turnout: 0, quorum_met: false, agreed: false, mean_confidence: 0 },
    ],
  ])('%s', (_, n, yes, no, expected) => expect(tally(equals(n), split(yes, no))).toMatchObject(expected));

  test('0.1 + 0.2 of 0.3 is all of it', () =>
    expect(
      tally(weighted({ a: 0.1, b: 0.2 }, { quorum: 1, min_agreement: 1 }), [ballot('b'), ballot('a')]),
    ).toMatchObject({ score: 1, turnout: 1, agreed: true }));
  test('a tie never agrees, however little agreement is needed', () =>
    expect(tally(equals(2, { min_agreement: 0.5 }), split(1, 1)).agreed).toBe(false));
  test('without any weight there is no quorum, and nothing is divided by it', () => {
    const nothing = tally(weighted({ a: 0, b: 0 }), [ballot('a'), ballot('b')]);
    expect(nothing).toMatchObject({
      eligible: 0,
      turnout: 0,
      score: 0,
      quorum_met: false,
      agreed: false,
      leader: undefined,
      tie: false,
      weights: { a: 0, b: 0 },
    });
    expect(isSettled(weighted({ a: 0, b: 0 }), [], ['a', 'b'])).toBe(true);
  });

  test('choices: heaviest first, then by name; dissent by weight, then by voter', () => {
    const { choices, dissent } = tally(weighted({ a: 1, b: 2, c: 5, d: 1 }), [
      ballot('d', 'z'),
      ballot('a', 'y'),
      ballot('b', 'x'),
      ballot('c'),
    ]);
    expect(choices).toEqual([
      { choice: 'approve', weight: 5, share: 5 / 9 },
      { choice: 'x', weight: 2, share: 2 / 9 },
      { choice: 'y', weight: 1, share: 1 / 9 },
      { choice: 'z', weight: 1, share: 1 / 9 },
    ]);
    expect(dissent).toEqual([ballot('b', 'x'), ballot('a', 'y'), ballot('d', 'z')]);
  });

  test('mean confidence is that of the supporters, by weight', () =>
    expect(
      tally(weighted({ a: 1, b: 3, c: 1 }), [
        ballot('a', 'approve', 0.4),
        ballot('b', 'approve', 0.8),
        ballot('c', 'reject', 0),
      ]).mean_confidence,
    ).toBeCloseTo(0.7, 12));

  test('the largest tally fits on a receipt', () => {
    const ids = Array.from({ length: 500 }, (_, i) => `${i}-`.padEnd(128, 'x'));
    const big = tally(
      electorate({ voters: ids.map((id) => voter(id)) }),
      ids.map((id, i) => ({ ...ballot(id, `${i % 20}-`.padEnd(128, 'y')), reasoning: '\u0001'.repeat(1000) })),
    );
    expect(big.dissent).toHaveLength(MAX_DISSENT);
    expect(big.dissent[0]?.reasoning).toHaveLength(MAX_DISSENT_TEXT);
    expect(Buffer.byteLength(canonicalize(big))).toBeLessThan(MAX_COMMIT_BYTES - 16 * 1024);
  });
});

describe('the algorithms', () => {
  test.each([
    [2, 1, true],
    [2, 2, false],
    [1, 0, false], // no quorum
    [51, 49, true],
  ])('simple_majority: %d against %d agree: %s', (yes, no, agreed) => {
    const n = Math.max(yes + no, 3);
    expect(tally(equals(n, { algorithm: 'simple_majority' }), split(yes, no)).agreed).toBe(agreed);
  });
  test('simple_majority: more votes than any other are not more than half', () => {
    expect(
      tally(
        equals(4, { algorithm: 'simple_majority' }),
        ['x', 'x', 'y', 'z'].map((choice, i) => ballot(`v${i}`, choice)),
      ),
    ).toMatchObject({ leader: 'x', score: 0.5, agreed: false });
  });

  test('weighted_voting', () =>
    expect(tally(weighted({ a: 6, b: 1, c: 1 }), [ballot('a'), ballot('b', 'reject'), ballot('c')])).toMatchObject({
      weights: { a: 0.75, b: 0.125, c: 0.125 },
      score: 0.875,
      agreed: true,
    }));

  test('expertise_based: capped at 1 before it is normalised', () => {
    const expert = (relevance: number, experience: number, track_record: number) => ({
      expertise: { relevance, experience, track_record },
    });
    expect(expertiseWeight(expert(0.5, 0.8, 0.5).expertise)).toBeCloseTo(0.2, 12);
    const e = electorate({
      algorithm: 'expertise_based',
      voters: [
        voter('a', expert(4, 2, 1)),
        voter('b', expert(1, 1, 1)),
        voter('c', expert(0.5, 1, 1)),
        voter('d', expert(1, 1, 0)),
      ],
    });
    expect(tally(e, []).weights).toEqual({ a: 0.4, b: 0.4, c: 0.2, d: 0 });
  });

  describe('delegated_authority', () => {
    const e = electorate({
      algorithm: 'delegated_authority',
      voters: [voter('a', { delegate_to: 'b' }), voter('b', { delegate_to: 'c' }), voter('c'), voter('d')],
    });
    test('the end of a chain has every vote of it', () =>
      expect(tally(e, [ballot('c'), ballot('d', 'reject')])).toMatchObject({
        weights: { c: 0.75, d: 0.25 },
        score: 0.75,
        agreed: true,
      }));
    test('who handed a vote on has none', () => {
      expect([...ballotHolders(e)]).toEqual(['c', 'd']);
      expect(tally(e, [ballot('a'), ballot('b')])).toMatchObject({ turnout: 0, choices: [], matrix: [] });
    });
    test('a delegate who does not vote takes all of it along', () =>
      expect(tally(e, [ballot('d')])).toMatchObject({ turnout: 0.25, quorum_met: false }));
  });

  describe('stakeholder_consensus', () => {
    const e = (more: Partial<Electorate> = {}) =>
      electorate({
        algorithm: 'stakeholder_consensus',
        quorum: 0.5,
        voters: [
          voter('a1', { group: 'a' }),
          voter('a2', { group: 'a' }),
          voter('a3', { group: 'a' }),
          voter('b1', { group: 'b' }),
          voter('c1', { group: 'c' }),
        ],
        groups: [
          { id: 'a', share: 3, veto: false },
          { id: 'b', share: 1, veto: true },
          { id: 'c', share: 1, veto: false },
        ],
        ...more,
      });
    const inA = [ballot('a1'), ballot('a2'), ballot('a3', 'reject')];
    test('a group decides inside, then counts by its share', () =>
      expect(tally(e(), [...inA, ballot('c1', 'reject')])).toMatchObject({
        choices: [
          { choice: 'approve', weight: 3, share: 0.75 },
          { choice: 'reject', weight: 1, share: 0.25 },
        ],
        turnout: 0.8,
        agreed: true,
      }));
    test('a group without its own quorum has not voted', () =>
      expect(tally(e(), [ballot('a1'), ballot('c1')])).toMatchObject({
        turnout: 0.2,
        quorum_met: false,
        agreed: false,
      }));
    test('a divided group votes for nothing', () =>
      expect(tally(e(), [ballot('a1'), ballot('a2', 'reject'), ballot('b1'), ballot('c1')])).toMatchObject({
        cast: 5,
        score: 0.4,
        agreed: false,
      }));
    test('a veto stands against everybody else', () =>
      expect(tally(e({ min_agreement: 0.6 }), [...inA, ballot('b1', 'reject'), ballot('c1')])).toMatchObject({
        score: 0.8,
        vetoes: ['b'],
        agreed: false,
      }));
    test('a group without a veto is outvoted', () =>
      expect(tally(e(), [...inA, ballot('b1'), ballot('c1', 'reject')])).toMatchObject({
        score: 0.8,
        vetoes: [],
        agreed: true,
      }));
    test('a group with a veto that does not vote stops nothing', () =>
      expect(tally(e(), [...inA, ballot('c1')])).toMatchObject({ vetoes: [], agreed: true }));
    test('a group’s share is its voters’ together', () =>
      expect(tally(e(), []).weights).toEqual({ a1: 0.2, a2: 0.2, a3: 0.2, b1: 0.2, c1: 0.2 }));
  });

  describe('delegated_proof_of_stake', () => {
    const e = (more: Partial<Electorate> = {}) =>
      electorate({
        algorithm: 'delegated_proof_of_stake',
        delegates: 2,
        voters: [
          voter('z', { stands_for: true, stake: 2 }),
          voter('y', { stands_for: true, stake: 2 }),
          voter('x', { stands_for: true, stake: 1 }),
          voter('s', { stake: 5, delegate_to: 'x' }),
          voter('idle', { stake: 100 }),
        ],
        ...more,
      });
    test('stakes elect; of equals the smaller id; delegates vote with the stake behind them', () => {
      expect([...ballotHolders(e())]).toEqual(['x', 'y']);
      expect(tally(e(), [ballot('x'), ballot('y', 'reject')])).toMatchObject({
        weights: { x: 0.75, y: 0.25 },
        eligible: 8,
        score: 0.75,
        agreed: true,
      });
    });
    test('who was not elected does not count', () =>
      expect(tally(e(), [ballot('z'), ballot('s'), ballot('idle')])).toMatchObject({ cast: 0, choices: [] }));
    test('expertise is a factor of the stake, which is 1 when it is not given', () => {
      const half = { relevance: 0.5, experience: 1, track_record: 1 };
      expect(
        tally(
          e({
            voters: [
              voter('x', { stands_for: true, expertise: half }),
              voter('y', { stands_for: true, stake: 3, expertise: half }),
            ],
          }),
          [],
        ).weights,
      ).toEqual({ x: 0.25, y: 0.75 });
    });
  });
});
