import fc from 'fast-check';
import { canonicalize, MAX_COMMIT_BYTES } from '../../domain/kernel/commit';
import {
  agreementMatrix,
  ALGORITHMS,
  type Ballot,
  ballotHolders,
  type Electorate,
  electorateHash,
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

const CHOICES = ['approve', 'later', 'reject'];

const voter = (id: string, more: Partial<Voter> = {}): Voter => ({ id, why: 'asked', ...more });
const ballot = (id: string, choice = 'approve', confidence = 0.9): Ballot => ({
  voter: id,
  choice,
  confidence,
  reasoning: `${id} thinks so`,
});
const electorate = (more: Partial<Electorate> = {}): Electorate => ({
  algorithm: 'simple_majority',
  voters: [voter('a'), voter('b'), voter('c')],
  min_agreement: 0.75,
  quorum: 0.67,
  ...more,
});
/** `n` voters of weight 1. */
const equals = (n: number, more: Partial<Electorate> = {}) =>
  electorate({
    algorithm: 'weighted_voting',
    voters: Array.from({ length: n }, (_, i) => voter(`v${i}`, { weight: 1 })),
    ...more,
  });
/** The first `yes` of them approve, the next `no` reject. */
const split = (yes: number, no: number) =>
  Array.from({ length: yes + no }, (_, i) => ballot(`v${i}`, i < yes ? 'approve' : 'reject'));

const weighted = (weights: Record<string, number>, more: Partial<Electorate> = {}) =>
  electorate({
    algorithm: 'weighted_voting',
    voters: Object.entries(weights).map(([id, weight]) => voter(id, { weight })),
    ...more,
  });

// ---------------------------------------------------------------------------------------------------- arbitraries

const few = fc.constantFrom(0, 0.1, 0.2, 0.3, 1, 2);
const factor = fc.constantFrom(0, 0.5, 0.9, 1, 2);
const names = ['a', 'b', 'c', 'd', 'e'];

/** Small electorates of every algorithm, without faults. */
const electorates: fc.Arbitrary<Electorate> = fc
  .record({
    algorithm: fc.constantFrom(...ALGORITHMS),
    size: fc.integer({ min: 1, max: 5 }),
    raw: fc.array(
      fc.record({
        weight: few,
        stake: few,
        expertise: fc.record({ relevance: factor, experience: factor, track_record: factor }),
        group: fc.nat(1),
        to: fc.option(fc.nat(4)),
        stands: fc.boolean(),
      }),
      { minLength: 5, maxLength: 5 },
    ),
    shares: fc.tuple(fc.constantFrom(0.1, 1, 2), fc.constantFrom(0.2, 1, 3)),
    vetoes: fc.tuple(fc.boolean(), fc.boolean()),
    delegates: fc.integer({ min: 1, max: 3 }),
    min_agreement: fc.constantFrom(0.3, 0.5, 0.75, 1),
    quorum: fc.constantFrom(0.1, 0.5, 0.67, 1),
  })
  .map(({ algorithm, size, raw, shares, vetoes, delegates, min_agreement, quorum }) => {
    const base = { algorithm, min_agreement, quorum };
    const people = raw.slice(0, size).map((one, i) => ({ ...one, i, id: names[i] as string }));
    switch (algorithm) {
      case 'delegated_authority':
        // Handed on to somebody before: no circles.
        return {
          ...base,
          voters: people.map(({ id, i, to }) =>
            voter(id, i === 0 || to === null ? {} : { delegate_to: names[to % i] }),
          ),
        };
      case 'stakeholder_consensus': {
        const used = [...new Set(people.map(({ group }) => group))];
        return {
          ...base,
          voters: people.map(({ id, group }) => voter(id, { group: `g${group}` })),
          groups: used.map((g) => ({ id: `g${g}`, share: shares[g] as number, veto: vetoes[g] as boolean })),
        };
      }
      case 'delegated_proof_of_stake': {
        const stands = (i: number) => i === 0 || (people[i]?.stands ?? false);
        const candidates = people.filter(({ i }) => stands(i));
        return {
          ...base,
          delegates,
          voters: people.map(({ id, i, to, stake, expertise }) =>
            voter(id, {
              stake,
              expertise,
              ...(stands(i)
                ? { stands_for: true }
                : to === null
                  ? {}
                  : { delegate_to: candidates[to % candidates.length]?.id }),
            }),
          ),
        };
      }
      case 'simple_majority':
      case 'weighted_voting':
      case 'expertise_based':
        return { ...base, voters: people.map(({ id, weight, expertise }) => voter(id, { weight, expertise })) };
    }
  });

const voted = (e: Electorate) =>
  fc
    .array(
      fc.record({
        choice: fc.option(fc.constantFrom(...CHOICES)),
        confidence: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      { minLength: e.voters.length, maxLength: e.voters.length },
    )
    .map((all) =>
      all.flatMap(({ choice, confidence }, i) =>
        choice === null ? [] : [ballot((e.voters[i] as Voter).id, choice, confidence)],
      ),
    );
const rounds = electorates.chain((e) => fc.tuple(fc.constant(e), voted(e)));

// ---------------------------------------------------------------------------------------------------------- tests

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

describe('properties', () => {
  const sumOf = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);

  test('the order of votes and voters changes nothing, bit for bit', () => {
    const shuffled = rounds.chain(([e, ballots]) =>
      fc.tuple(
        fc.constant(e),
        fc.constant(ballots),
        fc.shuffledSubarray([...e.voters], { minLength: e.voters.length }),
        fc.shuffledSubarray(ballots, { minLength: ballots.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([e, ballots, voters, others]) =>
        expect(canonicalize(tally({ ...e, voters }, others))).toBe(canonicalize(tally(e, ballots))),
      ),
    );
  });

  test('weights add up to 1, shares to at most 1, and every ratio lies between 0 and 1', () => {
    fc.assert(
      fc.property(rounds, ([e, ballots]) => {
        const counted = tally(e, ballots);
        expect(sumOf(Object.values(counted.weights))).toBeCloseTo(counted.eligible > 0 ? 1 : 0, 9);
        expect(sumOf(counted.choices.map(({ share }) => share))).toBeLessThanOrEqual(1 + 1e-9);
        for (const share of [counted.score, counted.turnout, counted.mean_confidence]) {
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(1 + 1e-9);
        }
      }),
    );
  });

  test('what is agreed has a quorum, a single leader and no veto', () => {
    fc.assert(
      fc.property(rounds, ([e, ballots]) => {
        const { agreed, quorum_met, leader, tie, vetoes, score } = tally(e, ballots);
        if (!agreed) return;
        expect([quorum_met, tie, vetoes]).toEqual([true, false, []]);
        expect(leader).toBeDefined();
        expect(e.algorithm === 'simple_majority' ? score > 0.5 : score >= e.min_agreement).toBe(true);
      }),
    );
  });

  test('a vote that changes to the leader costs no agreement; nor does a new one, but in groups', () => {
    fc.assert(
      fc.property(rounds, fc.nat(4), ([e, ballots], which) => {
        const { agreed, leader } = tally(e, ballots);
        const changed = e.voters[which % e.voters.length] as Voter;
        const isNew = !ballots.some(({ voter: id }) => id === changed.id);
        if (!agreed || leader === undefined || (isNew && e.algorithm === 'stakeholder_consensus')) return;
        expect(
          tally(e, [...ballots.filter(({ voter: id }) => id !== changed.id), ballot(changed.id, leader)]),
        ).toMatchObject({ agreed: true, leader });
      }),
    );
  });

  test('it replays from JSON', () => {
    fc.assert(
      fc.property(rounds, ([e, ballots]) => {
        const counted = tally(e, ballots);
        expect(tally(JSON.parse(JSON.stringify(e)), JSON.parse(JSON.stringify(ballots)))).toEqual(counted);
        expect(JSON.parse(canonicalize(counted))).toEqual(counted);
        expect(electorateHash(JSON.parse(JSON.stringify(e)))).toBe(electorateHash(e));
      }),
    );
  });

  test('the matrix follows from the ballots, and from the tally', () => {
    fc.assert(
      fc.property(rounds, ([e, ballots]) => {
        const holders = ballotHolders(e);
        const held = ballots.filter(({ voter: id }) => holders.has(id));
        const { voters, agreement } = agreementMatrix(held);
        const choice = (id: string | undefined) => held.find((one) => one.voter === id)?.choice;
        voters.forEach((_, i) =>
          voters.forEach((__, j) => expect(agreement[i]?.[j]).toBe(choice(voters[i]) === choice(voters[j]) ? 1 : 0)),
        );
        const together = tally(e, ballots).matrix.flatMap((one) =>
          one.voters.map((id) => ({ voter: id, choice: one.choice })),
        );
        expect(agreementMatrix(together)).toEqual({ voters, agreement });
      }),
    );
  });

  test('15 against 5: score 0.75, mean over pairs 0.61', () => {
    const { agreement } = agreementMatrix(split(15, 5));
    const pairs = agreement.flatMap((row, i) => row.slice(i + 1));
    expect(sumOf(pairs) / pairs.length).toBeCloseTo(0.605, 3);
  });
});

describe('isSettled', () => {
  test.each<[string, Electorate, Ballot[], boolean]>([
    ['nobody voted', equals(4), [], false],
    ['3 of 4 approve: one against three still leaves 0.75', equals(4), split(3, 0), true],
    ['2 of 4 approve', equals(4), split(2, 0), false],
    ['2 against 2', equals(4), split(2, 2), true],
    ['1 against 1: either can still have 3 of 4', equals(4), split(1, 1), false],
    ['2 against 1: 3 of 4 is possible', equals(4), split(2, 1), false],
    ['3 of 10 against 3: nobody can have 0.75', equals(10), split(3, 3), true],
    ['enough approve, but there is no quorum yet', equals(10, { min_agreement: 0.1, quorum: 1 }), split(9, 0), false],
    [
      '6 of 10 in a simple majority, with a quorum of 0.6',
      equals(10, { algorithm: 'simple_majority', quorum: 0.6 }),
      split(6, 0),
      true,
    ],
    ['5 of 10 could meet their equals', equals(10, { algorithm: 'simple_majority', quorum: 0.5 }), split(5, 0), false],
  ])('%s', (_, e, ballots, expected) => {
    const undecided = e.voters.map(({ id }) => id).filter((id) => !ballots.some((one) => one.voter === id));
    expect(isSettled(e, ballots, undecided)).toBe(expected);
  });

  describe('in groups', () => {
    const inGroups = (sizes: Record<string, number>, vetoes: string[] = []) =>
      electorate({
        algorithm: 'stakeholder_consensus',
        quorum: 0.5,
        voters: Object.entries(sizes).flatMap(([group, size]) =>
          Array.from({ length: size }, (_, i) => voter(`${group}${i}`, { group })),
        ),
        groups: Object.keys(sizes).map((id) => ({ id, share: 1, veto: vetoes.includes(id) })),
      });
    test.each<[string, Electorate, Ballot[], string[], boolean]>([
      [
        'one vote more divides the only group, but gives it to nobody else',
        inGroups({ a: 4 }),
        [ballot('a0'), ballot('a1', 'reject'), ballot('a2', 'reject')],
        ['a3'],
        false,
      ],
      [
        'one vote more can only divide it further',
        inGroups({ a: 4 }),
        [ballot('a0'), ballot('a1', 'reject'), ballot('a2', 'later')],
        ['a3'],
        true,
      ],
      [
        'the last group is outweighed',
        inGroups({ a: 1, b: 1, c: 1, d: 1 }),
        [ballot('a0'), ballot('b0'), ballot('c0')],
        ['d0'],
        true,
      ],
      [
        'the last group can veto',
        inGroups({ a: 1, b: 1, c: 1, d: 1 }, ['d']),
        [ballot('a0'), ballot('b0'), ballot('c0')],
        ['d0'],
        false,
      ],
      [
        'a veto stands against all',
        inGroups({ a: 1, b: 1, c: 1, d: 1 }, ['a', 'd']),
        [ballot('a0', 'reject'), ballot('d0')],
        ['b0', 'c0'],
        true,
      ],
    ])('%s', (_, e, ballots, undecided, expected) => expect(isSettled(e, ballots, undecided)).toBe(expected));
  });

  /** Everything that the undecided may do, and what becomes of the round then. */
  function outcomes(e: Electorate, ballots: readonly Ballot[], undecided: readonly string[]): Set<string | undefined> {
    const [first, ...rest] = undecided;
    if (first === undefined) {
      const { agreed, leader } = tally(e, ballots);
      return new Set([agreed ? leader : undefined]);
    }
    const branches = [ballots, ...CHOICES.map((choice) => [...ballots, ballot(first, choice)])];
    return new Set(branches.flatMap((branch) => [...outcomes(e, branch, rest)]));
  }

  test('is never true too early; without groups never too late either', () => {
    const seen = { settled: 0, open: 0 };
    fc.assert(
      fc.property(
        rounds.chain(([e, ballots]) =>
          fc.tuple(
            fc.constant(e),
            fc.constant(ballots),
            fc.subarray(e.voters.map(({ id }) => id).filter((id) => !ballots.some((one) => one.voter === id))),
          ),
        ),
        ([e, ballots, undecided]) => {
          const settled = isSettled(e, ballots, undecided);
          const possible = outcomes(e, ballots, undecided);
          seen[settled ? 'settled' : 'open'] += 1;
          if (settled) expect(possible.size).toBe(1);
          else if (e.algorithm !== 'stakeholder_consensus') expect(possible.size).toBeGreaterThan(1);
          else expect(undecided).not.toEqual([]);
        },
      ),
      { numRuns: 2_000 },
    );
    expect(Math.min(seen.settled, seen.open)).toBeGreaterThan(50);
  });
});
