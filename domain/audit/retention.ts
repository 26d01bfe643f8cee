/**
 * Retention: which streams that have ended may leave the database for a file of the archive, and when. A tenant says it
 * for each category; of what it says nothing, nothing is archived. Nothing is ever deleted.
 */
import { canonicalize } from '../kernel/commit';
import { type Decider, type Decision, type Event, Rejection } from '../kernel/decider';
import { streamName } from '../kernel/ids';
import { plusSeconds, type Time } from '../kernel/time';
import { taskDecider, type TaskState } from '../market/task';
import { deliveryDecider, type DeliveryState } from '../notices/delivery';
import { actionDecider, type ActionState } from '../oversight/action';
import { approvalDecider, type ApprovalState } from '../oversight/approval';
import { roundDecider, type RoundState } from '../oversight/round';
import { strengthAt, trailDecider, type TrailState } from '../signals/trail';

/**
 * Categories whose streams can end. The others go on for as long as what they are about: agents, pools, tools, rules.
 */
export const ENDING = ['task', 'action', 'round', 'approval', 'delivery', 'trail'] as const;
export type EndingCategory = (typeof ENDING)[number];

/** Shortest time, in days: an Idempotency-Key is remembered for one. */
export const MIN_DAYS = 1;
/** A hundred years. */
export const MAX_DAYS = 36_500;

/**
 * For how many days receipts have to be kept at least: six months (Regulation (EU) 2024/1689, articles 19 and 26(6)).
 * Nothing here deletes any; a store that would is refused.
 */
export const MIN_KEPT_DAYS = 183;

/** Days from the last commit of a stream that has ended, by category; what is left out stays where it is. */
export type RetentionDays = Partial<Readonly<Record<EndingCategory, number>>>;

// ------------------------------------------------------------------------------------------------------- the policy

export type RetentionEvent = Event<'RetentionSet', { readonly days: RetentionDays }>;

export interface RetentionState {
  readonly days: RetentionDays;
}

export const retentionDecider: Decider<RetentionState, RetentionEvent> = {
  category: 'retention',
  version: 1,
  initial: { days: {} },
  evolve: (_, { data }) => ({ days: data.days }),
};

/** The one stream of a tenant. */
export const POLICY_ID = 'policy';

export function retentionStream(tenant: string): string {
  return streamName(tenant, retentionDecider.category, POLICY_ID);
}

/** Sets the policy, whole. The same again changes nothing. */
export function setRetention(days: RetentionDays): Decision<RetentionState, RetentionEvent> {
  return (state) => {
    for (const [category, given] of Object.entries(days)) {
      if (!isEnding(category))
        return new Rejection(
          'invalid',
          'retention-invalid',
          `streams of ${category} don't end: name one of ${ENDING.join(', ')}`,
        );
      if (!Number.isInteger(given) || given < MIN_DAYS || given > MAX_DAYS) {
        return new Rejection(
          'invalid',
          'retention-invalid',
          `${category} must be a whole number of days, ${MIN_DAYS} to ${MAX_DAYS}; leave it out to archive none`,
        );
      }
    }
    if (canonicalize(days) === canonicalize(state.days)) return [];
    return [{ type: 'RetentionSet', v: 1, data: { days } }];
  };
}

export function isEnding(category: string): category is EndingCategory {
  return (ENDING as readonly string[]).includes(category);
}

/** The time before which the last commit of a stream must lie. */
export function archivableBefore(days: number, now: Time): Time {
  return plusSeconds(now, -days * 86_400);
}

// -------------------------------------------------------------------------------------------------------- what ended

/** How a category tells whether one of its streams has ended. */
interface Ending<S, E extends Event> {
  readonly decider: Decider<S, E>;
  readonly ended: (state: S, now: Time) => boolean;
}

const endings = {
  task: ending(
    taskDecider,
    ({ status, challenges }: TaskState) =>
      ['completed', 'cancelled', 'expired', 'dead'].includes(status) &&
      !challenges.some((one) => one.status === 'open'),
  ),
  // What is cleared and was not taken yet, or is to be undone, waits for somebody.
  action: ending(
    actionDecider,
    ({ status, challenge, compensation }: ActionState) =>
      ['executed', 'refused', 'vetoed'].includes(status) && challenge === undefined && compensation?.due !== true,
  ),
  round: ending(roundDecider, ({ status }: RoundState) => status === 'closed' || status === 'cancelled'),
  // What fell to `postpone` is closed too, and can be opened again.
  approval: ending(approvalDecider, ({ status }: ApprovalState) => status === 'closed'),
  delivery: ending(deliveryDecider, ({ status }: DeliveryState) => status === 'delivered' || status === 'dead'),
  trail: ending(trailDecider, (state: TrailState, now) => state.emissions > 0 && strengthAt(state, now) === 0),
};

/**
 * Folds the streams of a category, and knows when one has ended. An ended one may come alive again: a dead task is
 * redriven.
 */
export function endingOf(category: EndingCategory): Ending<unknown, Event> {
  return endings[category];
}

function ending<S, E extends Event>(
  decider: Decider<S, E>,
  ended: (state: S, now: Time) => boolean,
): Ending<unknown, Event> {
  return { decider, ended } as unknown as Ending<unknown, Event>;
}
