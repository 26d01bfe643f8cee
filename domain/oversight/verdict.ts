/** What comes of a challenge: the verdict of its round or of the people asked after it, and by when there is one. */
import { plusSeconds, type Time } from '../kernel/time';
import { type ApprovalState, deadlineOf } from './approval';
import type { OversightRules } from './oversight';
import { choiceOf, type RoundState } from './round';

/** What a round about a challenge chooses from. */
export const UPHOLD = 'uphold';
export const DISMISS = 'dismiss';
export const CHALLENGE_CHOICES = [UPHOLD, DISMISS] as const;
/** Neither agents nor people decided on a challenge; no id, so no choice is called so. */
export const NOBODY = '';
/** Whoever made the challenge has taken it back: nobody gets right by that. */
export const TAKEN_BACK = ' ';

/** What a verdict may take on its way, beyond the times of the round and of the people asked after it. */
const SPARE_SECONDS = 60;

/** For how long what people have approved may be on its way to the round: a feed that lags undoes no decision. */
const CARRIED_WITHIN_SECONDS = 600;

/** What becomes of a challenge whose time is over: its verdict, or more time. */
export type Ended = { readonly verdict: string } | { readonly until: Time };

/**
 * What came of a challenge: a choice, `NOBODY` or `TAKEN_BACK`; undefined while agents or people may still decide.
 * @param round that was opened for it
 * @param asked the approval by which people decide what the agents of that round could not
 */
export function verdictOf(round: RoundState, asked: ApprovalState): string | undefined {
  // One that somebody else has opened in its place has no say.
  if (round.spec !== undefined && round.spec.challenges === undefined) return DISMISS;
  const choice = choiceOf(round);
  if (choice !== undefined) return choice;
  const { outcome } = asked;
  if (outcome === 'withdrawn') return TAKEN_BACK;
  return round.status === 'cancelled' || outcome === 'defaulted' || outcome === 'rejected' ? NOBODY : undefined;
}

/**
 * By when a challenge has its verdict at the latest, as things stand; undefined where nobody decides on it any more.
 * @param rules of the kind `challenge`
 */
export function verdictDueOf(round: RoundState, asked: ApprovalState, rules: OversightRules): Time | undefined {
  if (asked.status === 'waiting') return plusSeconds(deadlineOf(asked) as Time, SPARE_SECONDS);
  if (asked.outcome === 'approved' && choiceOf(round) === undefined)
    return plusSeconds(asked.closed_at as Time, CARRIED_WITHIN_SECONDS);
  const patience = secondsAfterRound(rules);
  if (round.status === 'open') return plusSeconds(round.deadline, patience);
  return asked.status === 'unknown' && round.escalation !== undefined && round.override === undefined
    ? plusSeconds(round.finished_at as Time, patience)
    : undefined;
}

/** How a challenge ends whose time is over: by its verdict; else it gets the time until one is due; else `NOBODY`. */
export function endOf(verdict: string | undefined, due: Time | undefined, now: Time): Ended {
  if (verdict !== undefined) return { verdict };
  return due === undefined || due <= now ? { verdict: NOBODY } : { until: due };
}

/**
 * Seconds from the end of a challenge's round until it has its verdict at the latest: every group of people may be
 * asked.
 */
export function secondsAfterRound({ approvers }: OversightRules): number {
  return approvers.reduce((sum, { seconds }) => sum + seconds, SPARE_SECONDS);
}

/** Why a challenge ends as it does. */
export function reasonOf(verdict: string, round: string): string {
  if (verdict === TAKEN_BACK) return `the challenge in the round ${round} was taken back`;
  return verdict === NOBODY
    ? `nobody decided on the challenge in the round ${round}`
    : `the round ${round} decided to ${verdict} the challenge`;
}
