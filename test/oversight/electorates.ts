/** Electorates, ballots and whole rounds of voting, by hand and at random. */
import fc from 'fast-check';
import { ALGORITHMS, type Ballot, type Electorate, type Voter } from '../../domain/oversight/consensus';

export const voter = (id: string, more: Partial<Voter> = {}): Voter => ({ id, why: 'asked', ...more });
export const ballot = (id: string, choice = 'approve', confidence = 0.9): Ballot => ({
  voter: id,
  choice,
  confidence,
  reasoning: `${id} thinks so`,
});
export const electorate = (more: Partial<Electorate> = {}): Electorate => ({
  algorithm: 'simple_majority',
  voters: [voter('a'), voter('b'), voter('c')],
  min_agreement: 0.75,
  quorum: 0.67,
  ...more,
});
/** `n` voters of weight 1. */
export const equals = (n: number, more: Partial<Electorate> = {}) =>
  electorate({
    algorithm: 'weighted_voting',
    voters: Array.from({ length: n }, (_, i) => voter(`v${i}`, { weight: 1 })),
    ...more,
  });
/** The first `yes` of them approve, the next `no` reject. */
export const split = (yes: number, no: number) =>
  Array.from({ length: yes + no }, (_, i) => ballot(`v${i}`, i < yes ? 'approve' : 'reject'));

const few = fc.constantFrom(0, 0.1, 0.2, 0.3, 1, 2);
const factor = fc.constantFrom(0, 0.5, 0.9, 1, 2);
const names = ['a', 'b', 'c', 'd', 'e'];

/** Small electorates of every algorithm, without faults. */
export const electorates: fc.Arbitrary<Electorate> = fc
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
