/** What becomes of a challenge by its round, and what people see of one. */
import { plusSeconds } from '../../domain/kernel/time';
import { approvalDecider, type ApprovalState } from '../../domain/oversight/approval';
import type { Tally } from '../../domain/oversight/consensus';
import { inputsOf } from '../../domain/oversight/next-step';
import { DEFAULT_RULES } from '../../domain/oversight/oversight';
import type { RoundState } from '../../domain/oversight/round';
import {
  DISMISS,
  type Ended,
  endOf,
  NOBODY,
  reasonOf,
  secondsAfterRound,
  TAKEN_BACK,
  UPHOLD,
  verdictDueOf,
  verdictOf,
} from '../../domain/oversight/verdict';
import { approval, LATER, NOW, OVERRIDDEN, round, TALLY } from './next-step-world';

describe('the verdict on a challenge', () => {
  const JUDGING = { challenges: { target: 'x', reason: 'r' } } as RoundState['spec'];
  const none = approvalDecider.initial;
  const judged = (choice: string): Partial<RoundState> => ({
    spec: JUDGING,
    outcome: { outcome: 'agreed', choice, early: false },
  });

  it.each<[string, Partial<RoundState>, ApprovalState, string | undefined]>([
    ['another round in its place', { spec: {} as RoundState['spec'] }, none, DISMISS],
    ['no round', { status: 'unknown' }, none, undefined],
    ['agents uphold', judged(UPHOLD), none, UPHOLD],
    ['agents dismiss', judged(DISMISS), none, DISMISS],
    ['people take it back', { spec: JUDGING }, approval({ outcome: 'withdrawn' }), TAKEN_BACK],
    ['cancelled', { spec: JUDGING, status: 'cancelled' }, none, NOBODY],
    ['nobody decided', { spec: JUDGING }, approval({ outcome: 'defaulted' }), NOBODY],
    ['people refuse to', { spec: JUDGING }, approval({ outcome: 'rejected' }), NOBODY],
    ['people are asked still', { spec: JUDGING }, approval({ status: 'waiting' }), undefined],
  ])('%s', (_what, of, asked, expected) => {
    expect(verdictOf(round(of), asked)).toBe(expected);
  });

  const patience = secondsAfterRound(DEFAULT_RULES);
  const escalated: Partial<RoundState> = { escalation: { to: 'human', reason: 'r' }, finished_at: NOW };

  it.each<[string, Partial<RoundState>, ApprovalState, string | undefined]>([
    ['people are asked', {}, approval({ status: 'waiting' }), plusSeconds(LATER, 60)],
    ['agents are asked', { status: 'open', deadline: LATER }, none, plusSeconds(LATER, patience)],
    ['people will be asked', escalated, none, plusSeconds(NOW, patience)],
    [
      'people have said it, and the round has not heard',
      escalated,
      approval({ outcome: 'approved', closed_at: LATER }),
      plusSeconds(LATER, 600),
    ],
    [
      'people have said it, and the round has heard',
      { ...escalated, override: OVERRIDDEN.override },
      approval({}),
      undefined,
    ],
    ['people overrode it', { ...escalated, override: OVERRIDDEN.override }, none, undefined],
    ['nobody is asked', {}, none, undefined],
  ])('is due: %s', (_what, of, asked, expected) => {
    expect(verdictDueOf(round(of), asked, DEFAULT_RULES)).toBe(expected);
  });

  it.each<[string, string | undefined, string | undefined, Ended]>([
    ['a verdict', UPHOLD, undefined, { verdict: UPHOLD }],
    ['a verdict later', undefined, LATER, { until: LATER }],
    ['a verdict that is late itself', undefined, NOW, { verdict: NOBODY }],
    ['no verdict', undefined, undefined, { verdict: NOBODY }],
  ])('ends by %s', (_what, is, due, expected) => {
    expect(endOf(is, due, NOW)).toEqual(expected);
  });

  it.each([
    [UPHOLD, 'the round c decided to uphold the challenge'],
    [NOBODY, 'nobody decided on the challenge in the round c'],
    [TAKEN_BACK, 'the challenge in the round c was taken back'],
  ])('says why: %j', (is, expected) => {
    expect(reasonOf(is, 'c')).toBe(expected);
  });

  it('waits for every group of people', () => {
    expect(patience).toBe(3_600 + 3_600 + 60);
  });
});

describe('what people see of a round', () => {
  it.each<[string, Tally | undefined, string[]]>([
    ['nothing was counted', undefined, []],
    ['the count and who dissented', TALLY, ['the agents voted: approve 87.5 %', 'reject: too many']],
    ['no quorum', { ...TALLY, quorum_met: false, dissent: [] }, ['no quorum; those who voted: approve 87.5 %']],
    ['nobody voted', { ...TALLY, quorum_met: false, choices: [], dissent: [] }, ['no quorum; those who voted: none']],
  ])('%s', (_what, tally, expected) => {
    expect(inputsOf(round({ tally })).map(({ says }) => says)).toEqual(expected);
  });

  it('is of eight who dissent at most', () => {
    const dissent = Array.from({ length: 9 }, (_one, n) => ({ ...TALLY.dissent[0], voter: `v${n}` }));
    const inputs = inputsOf(round({ tally: { ...TALLY, dissent } as Tally }));
    expect(inputs.map(({ by }) => by)).toEqual(['round', 'v0', 'v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7']);
  });
});
