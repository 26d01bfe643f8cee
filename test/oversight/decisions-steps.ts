/** What agents and people may ask of each other before decisions, and what may befall it meanwhile. */
import { DEFAULT_RULES, type Impact, type OversightRules } from '../../domain/oversight/oversight';
import type { Mishap } from '../support/stage';

/** Ann and bea are asked first, bea and cal then; ann proposes as well. */
export const PEOPLE = {
  'human:ann': ['first'],
  'human:bea': ['first', 'second'],
  'human:cal': ['second'],
  'human:out': [],
} as const;

export const GROUP_SECONDS = 8;

/** Place in the list of those for which the command makes sense now; if there are none, of all. */
export type Which = number;
/** The hash of what stands there now, of what was proposed first, or of something else. */
export type Seen = 'now' | 'first' | 'other';
export type PersonId = keyof typeof PEOPLE;

/** When the next step begins: at once, after the answer, or after all that follows from it. */
export type Pace = 'go' | 'wait' | 'settle';

export interface How {
  /** Which of the living processes is asked. */
  readonly on: number;
  readonly pace: Pace;
  /** The command comes twice, under one key: once more on another process, at the same time. */
  readonly twice: boolean;
}

export type Command =
  | {
      readonly do: 'configure';
      readonly kind: string;
      readonly mode: OversightRules['mode'];
      readonly round: 'none' | 'always' | 'escalated';
      readonly postpone: boolean;
      readonly passes: number;
    }
  | {
      readonly do: 'propose';
      readonly id: string;
      readonly kind: string;
      readonly by: string;
      readonly impact: Impact;
      readonly confidence: number;
    }
  | { readonly do: 'post'; readonly id: string; readonly kind: string; readonly impact: Impact }
  | {
      readonly do: 'vote';
      readonly round: Which;
      readonly by: string;
      readonly as: string;
      readonly choice: number;
      readonly late: boolean;
    }
  | {
      readonly do: 'cancel-round' | 'override-round';
      readonly round: Which;
      readonly by: PersonId;
      readonly choice: number;
    }
  | { readonly do: 'approve' | 'reject'; readonly approval: Which; readonly by: string; readonly seen: Seen }
  | { readonly do: 'edit'; readonly approval: Which; readonly by: PersonId; readonly amount: number }
  | { readonly do: 'claim' | 'release' | 'ask'; readonly approval: Which; readonly by: PersonId }
  | { readonly do: 'withdraw' | 'answer'; readonly approval: Which }
  | {
      readonly do: 'execute';
      readonly action: Which;
      readonly by: 'proposer' | 'thief';
      readonly seen: Seen;
      readonly result: number;
    }
  | { readonly do: 'veto' | 'allow' | 'refuse'; readonly action: Which; readonly by: PersonId }
  | { readonly do: 'challenge'; readonly action: Which; readonly by: string }
  | { readonly do: 'compensated'; readonly action: Which };

/**
 * Commands that are given while the first of them is still being written: what waits behind it goes out in one append,
 * and no reaction sees what is between. All that a round's outcome hangs on: every vote, overrides, what its action's
 * people do.
 */
export interface Burst {
  readonly do: 'burst';
  readonly round: Which;
  /** What all voters say. */
  readonly choice: number;
  readonly overrides: readonly { readonly by: PersonId; readonly choice: number }[];
  /** The proposer takes the action at once as well. */
  readonly take: boolean;
}

export type Step =
  | (Command & How)
  | Burst
  | { readonly do: 'pass'; readonly seconds: number }
  /** The clock jumps, forth or back, and nothing fires by itself. */
  | { readonly do: 'jump'; readonly seconds: number }
  /**
   * All processes stand still: the clock goes on, nothing is heard and nothing fires; they notice it when they wake up.
   */
  | { readonly do: 'pause'; readonly seconds: number }
  /** From now on policy wants approval for actions that are taken, or lets them go. */
  | { readonly do: 'policy'; readonly strict: boolean }
  | { readonly do: 'settle' | 'restart' | 'redeliver' }
  | { readonly do: 'crash'; readonly on: number }
  /** Old pages of the feed come again, streams shuffled. */
  | { readonly do: 'again'; readonly from: number; readonly count: number; readonly seed: number; readonly on: number }
  /** The next calls of a port go wrong. */
  | { readonly do: 'mishap'; readonly call: string; readonly what: Exclude<Mishap, undefined>; readonly times: number };

export const VOTERS = ['v0', 'v1', 'v2'] as const;
/** How each begins: without people, with a veto window, with a vote. */
export const KINDS = {
  k0: ['full_automation', 'none'],
  k1: ['human_on_the_loop', 'none'],
  k2: ['full_automation', 'always'],
} as const;

const VETO_SECONDS = 10;
const ROUND_SECONDS = 15;

const ladder = [
  { group: 'first', members: [], seconds: GROUP_SECONDS },
  { group: 'second', members: [], seconds: GROUP_SECONDS },
];
const electorate = {
  algorithm: 'simple_majority' as const,
  voters: VOTERS.map((id) => ({ id, why: 'asked by name' })),
  min_agreement: 0.75,
  quorum: 0.6,
};

export function rulesOf(
  mode: OversightRules['mode'],
  round: 'none' | 'always' | 'escalated',
  postpone: boolean,
  improvement_rounds: number,
): OversightRules {
  return {
    mode,
    ...(mode === 'human_on_the_loop' ? { veto_seconds: VETO_SECONDS } : {}),
    thresholds: { ...DEFAULT_RULES.thresholds, novelty: 1 },
    approvers: ladder,
    safe_default: postpone ? 'postpone' : 'refuse',
    ...(round === 'none'
      ? {}
      : { round: { ...electorate, when: round, round_seconds: ROUND_SECONDS, improvement_rounds } }),
  };
}
