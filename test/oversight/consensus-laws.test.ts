/** Laws that hold for every electorate; when a round is settled early. */
import fc from 'fast-check';
import { canonicalize } from '../../domain/kernel/commit';
import {
  agreementMatrix,
  type Ballot,
  ballotHolders,
  type Electorate,
  electorateHash,
  isSettled,
  tally,
  type Voter,
} from '../../domain/oversight/consensus';
import { ballot, electorate, electorates, equals, split, voter } from './electorates';

const CHOICES = ['approve', 'later', 'reject'];

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
