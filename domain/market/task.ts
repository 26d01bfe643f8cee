/**
 * A task: posted, bid for, awarded, accepted under a lease, done. Exactly one agent holds it at a time.
 *
 * Each award has a number that only grows; whoever holds an old one can neither complete nor extend (fencing). An
 * attempt ends by failure, by a lapsed award, by an expired lease or by the loss of its agent; then the task is open
 * again with one attempt more, until its attempts are used up and it is a dead letter.
 */
import { canonicalize, type Commit, sha256 } from '../kernel/commit';
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { streamsOf } from '../kernel/ids';
import { own } from '../kernel/own';
import { isSameActor, type Principal } from '../kernel/principal';
import { earliest, type Excuse, latest, plusSeconds, secondsBetween, type Time, toMillis } from '../kernel/time';
import type { Features, Impact } from '../oversight/oversight';
import { barred } from '../oversight/parties';
import { isLocation } from '../signals/location';
import { type AgentProfile, servesAt, type SlotOutcome } from './agent';
import type { AwardChallenge, ChallengedAward, ChallengeTime } from './award-challenge';
import * as challenge from './award-challenge';
import {
  type PullTerms,
  rank,
  type ScoredBid,
  taskStrength,
  TIE_BREAK,
  urgencyAt,
  urgencyEnd,
  type Weights,
} from './market';
import type { TASK_STATUSES } from './statuses';

// --------------------------------------------------------------------------------------------------------- events

export interface Requirement {
  readonly capability: string;
  /** Lowest level, 0 to 1. */
  readonly level: number;
}

/** Whose a task is, whatever posted it for them: a request, a job or a schedule. */
export interface Requested {
  readonly requester: string;
  /** Who speaks in that name: no person decides what a service of theirs has asked. */
  readonly requester_via?: string;
}

export function requestedBy({ id: requester, via }: Pick<Principal, 'id' | 'via'>): Requested {
  return { requester, ...(via !== undefined && { requester_via: via }) };
}

/** Who has asked for it: its poster, and who speaks in that name. */
export function namesBehind({ requester, requester_via: via }: Requested): readonly string[] {
  return via === undefined ? [requester] : [requester, via];
}

/** What is to be done, as its poster said it, with every default filled in. */
export interface TaskSpec extends Requested {
  readonly task_type: string;
  /** 0 to 1. */
  readonly priority: number;
  /** 0 to 1 when posted; rises to 1 at the deadline. */
  readonly urgency: number;
  readonly requires: readonly Requirement[];
  readonly location?: string;
  /** Estimated effort in seconds. */
  readonly effort?: number;
  /** What it is estimated to cost, in micro-USD; where it is left out, its effort at the price of whoever does it. */
  readonly estimated_cost_micro_usd?: number;
  /** The task that it is a part of: what it costs is charged to what is reserved for that. */
  readonly parent?: string;
  /** The job that posted it, and its name there. */
  readonly job?: { readonly id: string; readonly key: string };
  /** The schedule that posted it, and the time of the run. */
  readonly schedule?: { readonly id: string; readonly due: Time };
  /**
   * Ids of the tasks that it comes after, none twice: until they are completed it is held. Its payload may refer to
   * their results until then.
   */
  readonly after?: readonly string[];
  /** Whether all of them have to be completed, which holds where it is left out, or one. */
  readonly when?: When;
  /** It is offered to nobody before this. */
  readonly not_before?: Time;
  readonly deadline?: Time;
  /** The work itself, or where it is kept. */
  readonly payload?: unknown;
  readonly payload_ref?: string;
  /** Seconds in which explicit bids are collected before the market closes; 0: it closes at once. */
  readonly bid_seconds: number;
  /** Seconds in which an award must be accepted. */
  readonly accept_seconds: number;
  /** Seconds without a heartbeat after which a running attempt counts as over. */
  readonly lease_seconds: number;
  readonly max_attempts: number;
  /** Seconds before the second attempt; doubles with each further one, at most 300. */
  readonly retry_seconds: number;
  /** Nobody gets it before it is decided that it may be done; see `domain/oversight/oversight.ts`. */
  readonly oversight?: TaskOversight;
}

/** What the decision on a task is made from. */
export interface TaskOversight {
  /** Kind of action, whose rules apply. */
  readonly kind: string;
  readonly why: string;
  /** 0 to 1, of whoever posts it. */
  readonly confidence: number;
  readonly impact: Impact;
  /** 0 to 1. */
  readonly risk: number;
  readonly features: Features;
}

/** A payload, or where it is kept. */
export type NamedPayload = Pick<TaskSpec, 'payload' | 'payload_ref'>;

/** What a person may correct in a task before it is done. */
export type TaskCorrection = Partial<
  Pick<TaskSpec, 'priority' | 'urgency' | 'effort' | 'location' | 'payload' | 'payload_ref'>
>;
const CORRECTABLE = [
  'priority',
  'urgency',
  'effort',
  'location',
  'payload',
  'payload_ref',
] as const satisfies readonly (keyof TaskCorrection)[];

export const WHENS = ['all', 'any'] as const;
export type When = (typeof WHENS)[number];

/** Tasks that one task may come after, at most: each end of one of them looks at all of them. */
export const MAX_AFTER = 32;
/** Tasks that may wait for one task, at most: its end tells all of them. */
export const MAX_AWAITED_BY = 256;

/** How often a task may be handed on in one attempt: then whoever holds it completes it, fails it or gives it back. */
export const MAX_HAND_OFFS = 10;

/** Longest estimated effort, in seconds: a year. */
export const MAX_EFFORT = 31_536_000;

/** How far ahead of its posting a task may be offered, in seconds: a year, and a day for one that is a leap year. */
export const MAX_DELAY = 31_622_400;

export const ATTEMPT_ENDS = ['failed', 'lapsed', 'expired', 'lost', 'released'] as const;
export type AttemptEnd = (typeof ATTEMPT_ENDS)[number];

export type TaskEvent =
  /**
   * Here and below, a time of the decision is where what lasts begins; receipts of before have none, and their `at`
   * stands for it.
   */
  | Event<'TaskPosted', { spec: TaskSpec; posted_at?: Time }>
  /**
   * It was decided that it may be done; `action` is the stream that says so. Where a person changed it: `correction`
   * holds what was changed and nothing else, `instead_of` what stood there before. A field that is in `instead_of`
   * alone was removed.
   */
  | Event<
      'TaskCleared',
      {
        action: string;
        cleared_at?: Time;
        correction?: TaskCorrection;
        instead_of?: TaskCorrection;
        by?: string;
        why?: string;
      }
    >
  /** What it comes after is there. `filled`: its payload, with the results in it that it refers to. */
  | Event<'TaskUnblocked', { unblocked_at: Time; filled?: NamedPayload }>
  /** Another task comes after this one, and is told of its end. */
  | Event<'TaskAwaited', { by: string }>
  /** That one waits no more: it was let go, or is over. */
  | Event<'WaitWithdrawn', { by: string }>
  | Event<'BidPlaced', { agent: string; note?: string }>
  | Event<'BidWithdrawn', { agent: string }>
  | Event<
      'BidsClosed',
      {
        attempt: number;
        strength: number;
        weights: Weights;
        tie_break: string;
        candidates: readonly ScoredBid[];
        /** Candidates that were asked first and had no free slot any more. */
        refused: readonly { agent: string; reason: string }[];
      }
    >
  | Event<
      'TaskAwarded',
      {
        award: number;
        attempt: number;
        agent: string;
        score: number;
        accept_by: Time;
        reservation: string;
        /** The receipt of what was reserved in budgets, where any concern it. */
        budget?: string;
      }
    >
  | Event<
      'TaskHandedOff',
      {
        from: string;
        from_award: number;
        award: number;
        agent: string;
        accept_by: Time;
        reservation: string;
        note?: string;
        budget?: string;
      }
    >
  /** The award that was reserved for in the agent's stream never came: no award gets this number any more. */
  | Event<'AwardVoided', { agent: string; award: number }>
  | Event<'TaskAccepted', { agent: string; award: number; lease_seconds: number; accepted_at?: Time }>
  | Event<'AwardChallenged', AwardChallenge>
  | Event<'ChallengeExtended', ChallengeTime>
  /** `accept_by`: the agent's time to accept begins anew. `lapsed`: there was no verdict by the challenge's time. */
  | Event<'ChallengeDismissed', { round: string; reason: string; accept_by?: Time; lapsed?: boolean }>
  /** The award was wrong: its agent does not get this task again. What it holds still is revoked with it. */
  | Event<'ChallengeUpheld', { agent: string; award: number; round: string; reason: string }>
  | Event<'AwardRevoked', { agent: string; award: number; round: string; reason: string }>
  /** `until`: the market does not ask this agent again before then; a minute later where older receipts say nothing. */
  | Event<'AwardDeclined', { agent: string; award: number; reason: string; until?: Time }>
  | Event<'TaskProgressed', { agent: string; award: number; fraction: number; note?: string; progressed_at?: Time }>
  /** `cost`, here and below: what the award has cost in all, in micro-USD, where its agent has said so. */
  | Event<'TaskCompleted', { agent: string; award: number; result?: unknown; result_ref?: string; cost?: number }>
  | Event<
      'AttemptEnded',
      { agent: string; award: number; attempt: number; end: AttemptEnd; reason: string; cost?: number }
    >
  | Event<'TaskReopened', { attempt: number; not_before: Time }>
  | Event<'TaskDeadLettered', { reason: string; attempts: number }>
  /** `deadline`: the new one, where the old one had passed. */
  | Event<'TaskRedriven', { by: string; deadline?: Time }>
  | Event<'TaskCancelled', { by: string; reason: string; agent?: string; award?: number }>
  /** `reason`: why it had not moved until then, as far as it was known. */
  | Event<'DeadlinePassed', { deadline: Time; agent?: string; award?: number; reason?: string }>;

// ---------------------------------------------------------------------------------------------------------- state

/** `unknown`: it was never posted. */
export type TaskStatus = 'unknown' | (typeof TASK_STATUSES)[number];

export interface Holder {
  readonly agent: string;
  readonly award: number;
  readonly accept_by: Time;
  /** Start of the lease, moved by progress; heartbeats, which are no events, extend it as well. */
  readonly lease_from?: Time;
  /** `stream@index` of the commit that made the award, and its time. */
  readonly receipt: string;
  readonly awarded_at: Time;
}

export interface TaskState {
  readonly status: TaskStatus;
  readonly spec: TaskSpec | undefined;
  readonly posted_at: Time | undefined;
  readonly correlation_id: string;
  /** From 1. */
  readonly attempts: number;
  /** Number of the last award; 0 before the first. */
  readonly awards: number;
  /** The highest number that was voided; 0 before the first. */
  readonly voided: number;
  /** How often it was handed on in this attempt. */
  readonly hand_offs: number;
  /** Explicit bids of this attempt. */
  readonly bids: Readonly<Record<string, { readonly at: Time; readonly note?: string }>>;
  /** Agents that declined in this attempt: how often, and until when the market leaves them out. */
  readonly declined: Readonly<Record<string, Decline>>;
  /** No award before this time (bid window, delay of a retry). */
  readonly ready_at: Time;
  /** Since when it may be done: posted, cleared or redriven. Its pull on agents grows from here. */
  readonly offered_at: Time | undefined;
  /** Since when it has been open without a holder; undefined while it is not open. */
  readonly open_since: Time | undefined;
  /** Whether it is known that it may be done: it needs no decision, or has it. */
  readonly cleared: boolean;
  /** Whether it waits for what it comes after; only then is it brought to a decision. */
  readonly blocked: boolean;
  /** The tasks that wait for its end. */
  readonly awaited_by: readonly string[];
  readonly holder: Holder | undefined;
  readonly progress: { readonly fraction: number; readonly note?: string; readonly at: Time } | undefined;
  /** Who completed it, under which award. */
  readonly completion:
    | {
        readonly agent: string;
        readonly award: number;
        readonly result?: unknown;
        readonly result_ref?: string;
        readonly cost?: number;
      }
    | undefined;
  /** How earlier attempts ended, the latest last, at most 20. */
  readonly history: readonly {
    readonly agent: string;
    readonly award: number;
    readonly end: AttemptEnd;
    readonly reason: string;
    readonly at: Time;
    readonly cost?: number;
  }[];
  readonly finished_at: Time | undefined;
  /** Why it was over without being completed, and by whom: a principal, or `deadline`. */
  readonly ended: { readonly reason: string; readonly by: string } | undefined;
  /** Every challenge of an award, the latest last. */
  readonly challenges: readonly ChallengedAward[];
  /** Of the last awards that something was reserved for in budgets: award → the receipt of that. */
  readonly budgeted: Readonly<Record<number, string>>;
}

export interface Decline {
  readonly until: Time;
  readonly times: number;
}

export const taskDecider: Decider<TaskState, TaskEvent> = {
  category: 'task',
  causal: 1,
  version: 8,
  initial: {
    status: 'unknown',
    spec: undefined,
    posted_at: undefined,
    correlation_id: '',
    attempts: 1,
    awards: 0,
    voided: 0,
    hand_offs: 0,
    bids: {},
    declined: {},
    ready_at: '',
    offered_at: undefined,
    open_since: undefined,
    cleared: false,
    blocked: false,
    awaited_by: [],
    holder: undefined,
    progress: undefined,
    completion: undefined,
    history: [],
    finished_at: undefined,
    ended: undefined,
    challenges: [],
    budgeted: {},
  },
  evolve(state, event, place) {
    const { at } = place;
    switch (event.type) {
      case 'TaskPosted': {
        const { spec, posted_at = at } = event.data;
        const posted = { ...state, spec, posted_at, correlation_id: place.correlationId };
        const blocked = spec.after !== undefined;
        return spec.oversight === undefined && !blocked
          ? offeredFrom(posted, spec, posted_at, at)
          : { ...posted, status: 'held', blocked, ready_at: plusSeconds(posted_at, spec.bid_seconds) };
      }
      case 'TaskUnblocked': {
        const { unblocked_at, filled } = event.data;
        const { payload: _, payload_ref: __, ...rest } = state.spec as TaskSpec;
        const spec = filled === undefined ? (state.spec as TaskSpec) : { ...rest, ...filled };
        const unblocked = { ...state, spec, blocked: false };
        return spec.oversight === undefined ? offeredFrom(unblocked, spec, unblocked_at, at) : unblocked;
      }
      case 'TaskAwaited':
        return { ...state, awaited_by: [...state.awaited_by, event.data.by] };
      case 'WaitWithdrawn':
        return { ...state, awaited_by: state.awaited_by.filter((id) => id !== event.data.by) };
      case 'TaskCleared': {
        const { cleared_at = at } = event.data;
        return offeredFrom(state, correctedBy(state.spec as TaskSpec, event.data), cleared_at, at);
      }
      case 'BidPlaced': {
        const { agent, note } = event.data;
        return { ...state, bids: { ...state.bids, [agent]: { at, note } } };
      }
      case 'BidWithdrawn': {
        const { [event.data.agent]: _, ...bids } = state.bids;
        return { ...state, bids };
      }
      case 'BidsClosed':
        return state;
      case 'TaskAwarded':
      case 'TaskHandedOff': {
        const { agent, award, accept_by } = event.data;
        const holder = { agent, award, accept_by, receipt: `${place.stream}@${place.index}`, awarded_at: at };
        const awarded = {
          ...state,
          status: 'awarded' as const,
          awards: award,
          holder,
          open_since: undefined,
          progress: undefined,
          budgeted: budgetedWith(state.budgeted, award, event.data.budget),
        };
        if (event.type === 'TaskAwarded') return awarded;
        return {
          ...awarded,
          hand_offs: state.hand_offs + 1,
          challenges: challenge.handedOn(state.challenges, event.data.from_award, { agent, award }),
        };
      }
      case 'AwardVoided':
        return { ...state, voided: event.data.award };
      case 'TaskAccepted':
        return {
          ...state,
          status: 'running',
          holder: { ...(state.holder as Holder), lease_from: event.data.accepted_at ?? at },
        };
      case 'AwardDeclined':
        return {
          ...state,
          status: 'open',
          holder: undefined,
          open_since: at,
          declined: declinedBy(state, event.data, at),
        };
      case 'AwardChallenged':
        return {
          ...state,
          challenges: challenge.challenged(state.challenges, event.data, state.holder?.agent ?? '', at),
        };
      case 'ChallengeExtended': {
        const { round, until, extended_at } = event.data;
        return { ...state, challenges: challenge.extended(state.challenges, round, until, extended_at) };
      }
      case 'ChallengeDismissed': {
        const { round, accept_by, lapsed } = event.data;
        const holder = accept_by === undefined ? state.holder : { ...(state.holder as Holder), accept_by };
        return {
          ...state,
          challenges: challenge.settled(state.challenges, round, lapsed === true ? 'lapsed' : 'dismissed'),
          holder,
        };
      }
      case 'ChallengeUpheld':
        return upheld(state, event.data, at);
      case 'AwardRevoked': {
        const { round, award, agent } = event.data;
        const revoked = { ...state, status: 'open' as const, holder: undefined, open_since: at, progress: undefined };
        // Older receipts say this alone.
        const alone = challenge.openChallenge(state.challenges, award)?.round === round;
        return alone ? upheld(revoked, { round, agent }, at) : revoked;
      }
      case 'TaskProgressed': {
        const { fraction, note, progressed_at = at } = event.data;
        return {
          ...state,
          holder: { ...(state.holder as Holder), lease_from: progressed_at },
          progress: { fraction, note, at: progressed_at },
        };
      }
      case 'TaskCompleted': {
        const { agent, award, result, result_ref, cost } = event.data;
        return {
          ...state,
          status: 'completed',
          holder: undefined,
          completion: { agent, award, result, result_ref, cost },
          finished_at: at,
        };
      }
      case 'AttemptEnded': {
        const { agent, award, end, reason, cost } = event.data;
        return {
          ...state,
          holder: undefined,
          history: [...state.history, { agent, award, end, reason, at, cost }].slice(-20),
        };
      }
      case 'TaskReopened': {
        const { attempt, not_before } = event.data;
        return {
          ...state,
          status: 'open',
          attempts: attempt,
          hand_offs: 0,
          ready_at: not_before,
          open_since: at,
          bids: {},
          declined: keptOut(state),
          progress: undefined,
        };
      }
      case 'TaskDeadLettered':
        return {
          ...state,
          status: 'dead',
          finished_at: at,
          ended: { reason: event.data.reason, by: state.history.at(-1)?.agent ?? 'market' },
        };
      case 'TaskRedriven': {
        const { deadline } = event.data;
        const spec = deadline === undefined ? (state.spec as TaskSpec) : { ...(state.spec as TaskSpec), deadline };
        // One that was open all along keeps its place and its bids.
        const anew = state.status === 'open' ? {} : { bids: {}, offered_at: at, open_since: at };
        return {
          ...state,
          ...anew,
          status: 'open',
          spec,
          attempts: 1,
          hand_offs: 0,
          declined: keptOut(state),
          progress: undefined,
          finished_at: undefined,
          ended: undefined,
        };
      }
      case 'TaskCancelled': {
        const { by, reason } = event.data;
        return {
          ...state,
          status: 'cancelled',
          holder: undefined,
          open_since: undefined,
          finished_at: at,
          ended: { reason, by },
        };
      }
      case 'DeadlinePassed':
        return {
          ...state,
          status: 'expired',
          holder: undefined,
          open_since: undefined,
          finished_at: at,
          ended: { reason: expiry(state, event.data), by: 'deadline' },
        };
    }
  },
};

export const taskStream = streamsOf(taskDecider);

/** Awards of which is remembered what was reserved for them in budgets: more are not over at once. */
const MAX_BUDGETED = 20;

/** The task once it may be done, `since` then: it is offered at once, or when its time comes. */
function offeredFrom(state: TaskState, spec: TaskSpec, since: Time, at: Time): TaskState {
  const offered_at = latest(since, spec.not_before);
  return {
    ...state,
    status: 'open',
    cleared: true,
    spec,
    ready_at: plusSeconds(offered_at, spec.bid_seconds),
    offered_at,
    open_since: latest(at, spec.not_before),
  };
}

function budgetedWith(
  before: TaskState['budgeted'],
  award: number,
  reservation: string | undefined,
): TaskState['budgeted'] {
  if (reservation === undefined) return before;
  const kept = Object.entries(before).filter(([number]) => Number(number) > award - MAX_BUDGETED);
  return { ...Object.fromEntries(kept), [award]: reservation };
}

/** How long the market leaves an agent alone that declined; doubles with each further decline, at most an hour. */
const DECLINE_SECONDS = 60;
const MAX_DECLINE_SECONDS = 3_600;
const NEVER = '9999-12-31T23:59:59.999Z';

function declinedBy(
  state: TaskState,
  { agent, until }: { agent: string; until?: Time },
  at: Time,
): TaskState['declined'] {
  const times = (own(state.declined, agent)?.times ?? 0) + 1;
  return { ...state.declined, [agent]: { until: until ?? plusSeconds(at, DECLINE_SECONDS), times } };
}

/** Whoever got the task wrongly is kept out of it, also in later attempts. */
function upheld(state: TaskState, { round, agent }: { round: string; agent: string }, at: Time): TaskState {
  return {
    ...state,
    challenges: challenge.settled(state.challenges, round, 'upheld'),
    declined: declinedBy(state, { agent, until: NEVER }, at),
  };
}

function keptOut({ declined }: TaskState): TaskState['declined'] {
  return Object.fromEntries(Object.entries(declined).filter(([, { until }]) => until === NEVER));
}

/** How far the task had come when its deadline passed. */
function expiry(
  state: TaskState,
  { deadline, reason }: Extract<TaskEvent, { type: 'DeadlinePassed' }>['data'],
): string {
  const { status, holder } = state;
  const stood = state.blocked
    ? 'what it comes after was not completed'
    : status === 'held'
      ? 'it was never decided that it may be done'
      : holder === undefined
        ? `nobody held it in attempt ${state.attempts}`
        : `${holder.agent} held it under award ${holder.award}${status === 'awarded' ? ' and had not accepted it' : ''}`;
  return `the deadline ${deadline} passed: ${reason ?? stood}`;
}

/** True while something may still happen to the task. */
export function isAlive({ status }: Pick<TaskState, 'status'>): boolean {
  return status === 'open' || status === 'awarded' || status === 'running' || status === 'held';
}

/** The number that the next award gets. */
export function nextAward(state: Pick<TaskState, 'awards' | 'voided'>): number {
  return Math.max(state.awards, state.voided) + 1;
}

/** True when the agent's explicit bid stands. */
export function hasBid(state: TaskState, agent: string): boolean {
  return own(state.bids, agent) !== undefined;
}

/**
 * For how many seconds a task that was awarded at `at` had waited since it could be. undefined after a refusal: from
 * then on it waits anew, and the state does not tell since when.
 */
export function secondsToAward({ declined, ready_at }: TaskState, at: Time): number | undefined {
  return Object.keys(declined).length > 0 ? undefined : Math.max(0, secondsBetween(ready_at, at));
}

/** True while the market leaves the agent out: it declined, or had the task wrongly. */
export function hasDeclined(state: TaskState, agent: string, now: Time): boolean {
  const decline = own(state.declined, agent);
  return decline !== undefined && decline.until > now;
}

/** True when the agent does not get this task again, whatever time passes. */
export function isKeptOut(state: TaskState, agent: string): boolean {
  return own(state.declined, agent)?.until === NEVER;
}

/** Until when the task is offered to nobody; undefined when that time has come, or there is none. */
export function delayedUntil({ spec }: TaskState, now: Time): Time | undefined {
  const { not_before } = spec ?? {};
  return not_before !== undefined && not_before > now ? not_before : undefined;
}

/** The agents that the market leaves out now. */
export function decliners(state: TaskState, now: Time): string[] {
  return Object.keys(state.declined).filter((agent) => hasDeclined(state, agent, now));
}

/** When the first of those that declined may be asked again; undefined when nobody is left out. */
export function declineEnds(state: TaskState, now: Time): Time | undefined {
  return earliest(
    ...Object.values(state.declined).map(({ until }) => (until > now && until !== NEVER ? until : undefined)),
  );
}

/** What an open task's pull at an agent that has a free slot is made from: its strength, and how long it has waited. */
export function pullTerms({ spec, posted_at = NEVER, offered_at = posted_at, attempts }: TaskState): PullTerms {
  const { priority = 0, urgency = 0, deadline, not_before } = spec ?? {};
  const since = latest(posted_at, not_before);
  const posted = toMillis(since);
  const end = urgencyEnd({ posted_at: since, deadline });
  return { priority, urgency, attempts, posted, end, offered: toMillis(offered_at) };
}

/** Strength of the task's signal at `now`, 0 to 1. */
export function strengthOf(state: TaskState, now: Time): number {
  const { spec, posted_at } = state;
  if (spec === undefined || posted_at === undefined) return 0;
  const since = latest(posted_at, spec.not_before);
  return taskStrength(
    spec.priority,
    urgencyAt({ urgency: spec.urgency, posted_at: since, deadline: spec.deadline }, now),
    state.attempts,
  );
}

/**
 * Since when it has been as it is: how it ended, how far its holder is, who has it, or since when it waits. One that is
 * offered at a time of its own has been so since it was posted.
 */
export function changedAt({ finished_at, holder, open_since, posted_at, spec }: TaskState): Time {
  const waits = open_since === spec?.not_before ? undefined : open_since;
  return finished_at ?? holder?.lease_from ?? holder?.awarded_at ?? waits ?? (posted_at as Time);
}

/**
 * When the task is to be looked at next; undefined when it is over, or waits for an agent without anything to wait for.
 * @param heartbeat the holder's last sign of life for this task, if any is known
 * @param until as of `timePassed`
 */
export function taskDue(state: TaskState, now: Time, heartbeat?: Time, until?: Time): Time | undefined {
  return earliest(stepDue(state, now, heartbeat, until), challenge.challengeDue(state.challenges));
}

function stepDue(state: TaskState, now: Time, heartbeat: Time | undefined, until: Time | undefined): Time | undefined {
  const { spec, holder } = state;
  if (spec === undefined || !isAlive(state)) return undefined;
  if (state.status === 'open')
    return earliest(
      delayedUntil(state, now),
      state.ready_at > now ? state.ready_at : undefined,
      declineEnds(state, now),
      spec.deadline,
    );
  if (state.status === 'held') return spec.deadline;
  if (state.status === 'awarded')
    return earliest(
      challenge.isHeld(state.challenges, holder?.award) ? undefined : latest(holder?.accept_by, until),
      spec.deadline,
    );
  return earliest(plusSeconds(latest(holder?.lease_from, heartbeat), spec.lease_seconds), spec.deadline);
}

/**
 * What its awards have cost in all, in micro-USD, as far as their agents have said so: of earlier ones the last twenty
 * are known. Undefined where none has.
 */
export function costSoFar({ history, completion }: TaskState): number | undefined {
  const costs = [...history, completion].flatMap((of) => of?.cost ?? []);
  return costs.length === 0 ? undefined : costs.reduce((sum, cost) => sum + cost, 0);
}

/** The award that a task's event ends, if it ends one: its slot is free again. `cost`: as its agent has said. */
export interface FreedSlot {
  readonly agent: string;
  readonly award: number;
  readonly outcome: SlotOutcome;
  readonly cost?: number;
}

/** The slot that a task's event frees, if it frees one. */
export function freedSlot(event: TaskEvent): FreedSlot | undefined {
  switch (event.type) {
    case 'TaskCompleted':
      return {
        agent: event.data.agent,
        award: event.data.award,
        outcome: 'completed',
        ...costOf(event.data),
      };
    case 'AttemptEnded':
      return {
        agent: event.data.agent,
        award: event.data.award,
        outcome: event.data.end === 'released' ? 'gone' : event.data.end,
        ...costOf(event.data),
      };
    case 'AwardDeclined':
      return { agent: event.data.agent, award: event.data.award, outcome: 'declined' };
    case 'AwardRevoked':
      return { agent: event.data.agent, award: event.data.award, outcome: 'cancelled' };
    case 'TaskHandedOff':
      return { agent: event.data.from, award: event.data.from_award, outcome: 'handed_off' };
    case 'TaskCancelled':
    case 'DeadlinePassed': {
      const { agent, award } = event.data;
      return agent === undefined || award === undefined
        ? undefined
        : { agent, award, outcome: event.type === 'TaskCancelled' ? 'cancelled' : 'expired' };
    }
    default:
      return undefined;
  }
}

function costOf({ cost }: { readonly cost?: number }): { readonly cost?: number } {
  return cost === undefined ? {} : { cost };
}

// ------------------------------------------------------------------------------------------------------ decisions

/**
 * Why a task can't be a part of another one, if it can't: whoever holds that says what it is made of, or somebody who
 * is no agent.
 */
export function notPartOf(
  { status, holder }: Pick<TaskState, 'status' | 'holder'>,
  parent: string,
  { id, kind }: Pick<Principal, 'id' | 'kind'>,
): Rejection | undefined {
  if (status === 'unknown')
    return new Rejection('invalid', 'parent-not-found', `there is no task ${parent} to be a part of`);
  return kind !== 'agent' || (holder !== undefined && isSameActor(holder.agent, id))
    ? undefined
    : refuse('not-the-holder', `${id} does not hold ${parent}: whoever does makes tasks a part of it`);
}

export function post(spec: TaskSpec, now: Time): Decision<TaskState, TaskEvent> {
  return (state) => {
    if (state.status === 'unknown' && spec.deadline !== undefined && spec.deadline <= now) {
      return new Rejection(
        'invalid',
        'deadline-passed',
        `the deadline ${spec.deadline} is over at ${now}: give a later one`,
      );
    }
    if (state.status === 'unknown')
      return delayProblem(spec, now) ?? [{ type: 'TaskPosted', v: 1, data: { spec, posted_at: now } }];
    return refuse(
      'task-exists',
      'a task with this id was posted before: use another id, or the Idempotency-Key of that request to get its answer',
    );
  };
}

/** What refuses one more that would come after a task. */
export const TOO_MANY_AFTER = 'too-many-after';

/**
 * Why a task can't be one of those that another comes after, if it can't. One that is over can: it has ended for
 * whoever comes after it, too.
 * @param entering how many were let in to come after it, and do not stand in its state yet
 */
export function notToAwait(state: TaskState, id: string, entering = 0): Rejection | undefined {
  if (state.status === 'unknown')
    return new Rejection('invalid', 'after-unknown', `there is no task ${id} to come after: post it first`);
  return isAlive(state) && state.awaited_by.length + entering >= MAX_AWAITED_BY
    ? refuse(
        TOO_MANY_AFTER,
        `${MAX_AWAITED_BY} tasks come after ${id} already: have one task come after it, and others after that`,
      )
    : undefined;
}

/** Has another task told of the end of this one; one that is over says so by its state. */
export function awaitEnd(id: string, by: string): Decision<TaskState, TaskEvent> {
  return (state) => {
    if (state.awaited_by.includes(by) || (state.status !== 'unknown' && !isAlive(state))) return [];
    return notToAwait(state, id) ?? [{ type: 'TaskAwaited', v: 1, data: { by } }];
  };
}

/** Tells another task of the end of this one no more; one that is over has told it. */
export function withdrawWait(by: string): Decision<TaskState, TaskEvent> {
  return (state) =>
    isAlive(state) && state.awaited_by.includes(by) ? [{ type: 'WaitWithdrawn', v: 1, data: { by } }] : [];
}

/** What the task comes after is there: from now on it is offered, or it may be decided that it is. */
export function unblock(filled: NamedPayload | undefined, now: Time): Decision<TaskState, TaskEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (!isAlive(state) || !state.blocked) return [];
    const late = tooLate(state, now);
    if (late !== undefined) return late;
    return [{ type: 'TaskUnblocked', v: 1, data: { unblocked_at: now, ...(filled !== undefined && { filled }) } }];
  };
}

/** What becomes of a task, by how those are that it comes after. */
export type Outlook =
  | { readonly is: 'ready' | 'waiting' }
  /** `why` tells which of them was not completed. */
  | { readonly is: 'lost'; readonly why: string };

/** @param before all that it comes after, with their ids, as they are */
export function outlookOf(
  when: When = 'all',
  before: readonly (Pick<TaskState, 'status' | 'ended'> & { readonly id: string })[],
): Outlook {
  const open = before.filter(({ status }) => status !== 'completed');
  if (open.length === 0 || (when === 'any' && open.length < before.length)) return { is: 'ready' };
  const failed = open.filter((state) => !isAlive(state));
  const [first] = failed;
  if (first === undefined || (when === 'any' && failed.length < open.length)) return { is: 'waiting' };
  const { id, status, ended } = first;
  return {
    is: 'lost',
    why: `it comes after ${id}, which is ${status}${ended === undefined ? '' : `: ${ended.reason}`}`,
  };
}

/** Explicit bids of one attempt: with every one of them on it, the receipt of the award stays below 256 KB. */
export const MAX_BIDS = 900;

/** Why a task can't be offered from its time on, if it can't. */
function delayProblem({ not_before, deadline }: TaskSpec, now: Time): Rejection | undefined {
  if (not_before === undefined) return undefined;
  const last = plusSeconds(now, MAX_DELAY);
  if (not_before > last)
    return new Rejection(
      'invalid',
      'not-before-too-far',
      `a task is offered at most ${MAX_DELAY} seconds after it is posted, so by ${last}: post it later, or on a schedule`,
    );
  if (deadline !== undefined && deadline <= not_before)
    return new Rejection(
      'invalid',
      'deadline-before-start',
      `the deadline ${deadline} is over when the task is offered, at ${not_before}: give a later one`,
    );
  return undefined;
}

/** An explicit bid. An agent bids once an attempt; bidding again changes nothing. */
export function placeBid(bid: { agent: string; note?: string }, now: Time): Decision<TaskState, TaskEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.status !== 'open')
      return refuse('bids-closed', `the task is ${state.status}: bids are closed`, { status: state.status });
    const late = tooLate(state, now);
    if (late !== undefined) return late;
    const until = delayedUntil(state, now);
    if (until !== undefined)
      return refuse('task-delayed', `the task is offered from ${until} on: bid then`, { not_before: until });
    const out = leftOut(state, bid.agent, now);
    if (out !== undefined) return out;
    if (hasBid(state, bid.agent)) return [];
    if (Object.keys(state.bids).length >= MAX_BIDS)
      return refuse('bids-full', `${MAX_BIDS} agents have bid already: wait for the next attempt`);
    return [{ type: 'BidPlaced', v: 1, data: bid }];
  };
}

export function withdrawBid(agent: string, now: Time): Decision<TaskState, TaskEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.status !== 'open' || !hasBid(state, agent)) return [];
    return tooLate(state, now) ?? [{ type: 'BidWithdrawn', v: 1, data: { agent } }];
  };
}

export interface AwardRequest {
  /** Every bidder with the inputs of its score, as `rank` orders them by these weights. */
  readonly candidates: readonly ScoredBid[];
  readonly weights: Weights;
  /** Better ranked bidders whose stream refused the reservation. */
  readonly refused: readonly { readonly agent: string; readonly reason: string }[];
  /** The slot that was reserved for award number `award`, and the receipt of that. */
  readonly reserved: {
    readonly agent: string;
    readonly award: number;
    readonly receipt: string;
    /** The receipt of what was reserved in budgets, if anything was. */
    readonly budget?: string;
  };
  readonly strength: number;
  readonly now: Time;
}

/** Closes the bids and awards the task to the best bidder that has a slot: one commit, one award. */
export function award(request: AwardRequest): Decision<TaskState, TaskEvent> {
  return (state) => {
    const { candidates, reserved, now } = request;
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.holder?.award === reserved.award && state.holder.agent === reserved.agent) return [];
    if (state.status !== 'open')
      return refuse('task-not-open', `the task is ${state.status}`, { status: state.status });
    const late = tooLate(state, now);
    if (late !== undefined) return late;
    if (now < state.ready_at) return refuse('bids-open', `bids are open until ${state.ready_at}`);
    if (reserved.award !== nextAward(state)) return notNext(state, reserved.award);
    const out = leftOut(state, reserved.agent, now);
    if (out !== undefined) return out;
    const spec = state.spec as TaskSpec;
    const winner = candidates.find(({ agent }) => !request.refused.some((other) => other.agent === agent));
    if (winner?.agent !== reserved.agent)
      return refuse('not-the-best-bid', `the best bid is ${winner?.agent ?? 'nobody'}'s, not ${reserved.agent}'s`);
    return [
      {
        type: 'BidsClosed',
        v: 1,
        data: {
          attempt: state.attempts,
          candidates,
          refused: request.refused,
          strength: request.strength,
          tie_break: TIE_BREAK,
          weights: request.weights,
        },
      },
      {
        type: 'TaskAwarded',
        v: 1,
        data: {
          accept_by: plusSeconds(now, spec.accept_seconds),
          agent: winner.agent,
          attempt: state.attempts,
          award: reserved.award,
          reservation: reserved.receipt,
          score: winner.score,
          budget: reserved.budget,
        },
      },
    ];
  };
}

/**
 * Sees to it that the award which was reserved for never comes, however long its append takes: before the reservation
 * is taken back. Nothing happens when the number is used up, or the task is over for good.
 */
export function voidAward(reserved: Claim): Decision<TaskState, TaskEvent> {
  return (state) => {
    // What is dead or has expired may be redriven.
    const awardable = isAlive(state) || state.status === 'dead' || state.status === 'expired';
    return awardable && reserved.award >= nextAward(state)
      ? [{ type: 'AwardVoided', v: 1, data: { agent: reserved.agent, award: reserved.award } }]
      : [];
  };
}

/**
 * The holder takes up the work; its lease starts.
 * @param until the end of its time to accept, where that is later than the award says: see `timePassed`
 */
export function accept(claim: Claim, now: Time, until?: Time): Decision<TaskState, TaskEvent> {
  return (state) => {
    const wrong = notHolder(state, claim, now, until);
    if (wrong !== undefined) return wrong;
    if (state.status === 'running') return [];
    const open = challenge.openChallenge(state.challenges, claim.award);
    if (open?.holds === true)
      return refuse('award-challenged', `this award is challenged: wait for the round, at most until ${open.until}`, {
        round: open.round,
        until: open.until,
      });
    return [
      {
        type: 'TaskAccepted',
        v: 1,
        data: {
          agent: claim.agent,
          award: claim.award,
          lease_seconds: (state.spec as TaskSpec).lease_seconds,
          accepted_at: now,
        },
      },
    ];
  };
}

/**
 * The holder does not want it: the task goes to the next best; no attempt is counted. After a while, longer each time,
 * the market may ask the agent again: what all have declined comes back.
 * @param until as of `accept`
 */
export function decline(claim: Claim, reason: string, now: Time, until?: Time): Decision<TaskState, TaskEvent> {
  return (state) => {
    const wrong = notHolder(state, claim, now, until);
    if (wrong !== undefined) return wrong;
    if (state.status !== 'awarded')
      return refuse('already-accepted', 'the task was accepted: fail it or hand it off instead');
    const times = own(state.declined, claim.agent)?.times ?? 0;
    const again = plusSeconds(now, Math.min(MAX_DECLINE_SECONDS, DECLINE_SECONDS * 2 ** times));
    return [{ type: 'AwardDeclined', v: 1, data: { ...claim, reason, until: again } }];
  };
}

/** A task as a person wants it, without what is said once and for all (`requester`, `oversight`), and why. */
export interface EditedTask {
  readonly task: unknown;
  readonly by: string;
  readonly why: string;
}

/** It was decided that the task may be done, as it is or as a person has edited it: from now on it is offered. */
export function clear(action: string, edited: EditedTask | undefined, now: Time): Decision<TaskState, TaskEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.status !== 'held' || state.blocked) return [];
    const late = tooLate(state, now);
    if (late !== undefined) return late;
    if (edited === undefined) return [{ type: 'TaskCleared', v: 1, data: { action, cleared_at: now } }];
    const { task, by, why } = edited;
    const before = state.spec as TaskSpec;
    const after = task as TaskSpec;
    const changed = CORRECTABLE.filter((field) => differ(before[field], after[field]));
    return [
      {
        type: 'TaskCleared',
        v: 1,
        data: { action, cleared_at: now, correction: only(changed, after), instead_of: only(changed, before), by, why },
      },
    ];
  };
}

/**
 * Why a person can't have the task so, or undefined: only what says how it is done may change, into what could have
 * been posted.
 */
export function editProblem(before: unknown, after: unknown): string | undefined {
  if (typeof after !== 'object' || after === null || Array.isArray(after))
    return 'the edited task must be an object with all of its fields';
  const old = before as Record<string, unknown>;
  const edited = after as Record<string, unknown>;
  const fields = new Set([...Object.keys(old), ...Object.keys(edited)]);
  const fixed = [...fields].filter(
    (field) => !(CORRECTABLE as readonly string[]).includes(field) && differ(old[field], edited[field]),
  );
  if (fixed.length > 0)
    return `${fixed.join(', ')} of a task can't be edited, only ${CORRECTABLE.join(', ')}: reject it, and have the right one posted`;
  const { priority, urgency, effort, location, payload_ref } = edited;
  if (!isUnit(priority) || !isUnit(urgency)) return 'priority and urgency must be numbers from 0 to 1';
  if (effort !== undefined && !(typeof effort === 'number' && effort > 0 && effort <= MAX_EFFORT))
    return `effort must be seconds above 0, at most ${MAX_EFFORT}`;
  if (location !== undefined && !(typeof location === 'string' && isLocation(location)))
    return 'location must be 1 to 256 characters: ids separated by single slashes';
  if (payload_ref !== undefined && !(typeof payload_ref === 'string' && /^sha256:[0-9a-f]{64}$/.test(payload_ref)))
    return 'payload_ref must be the reference of a payload that is kept: sha256:…';
  return undefined;
}

function correctedBy(
  spec: TaskSpec,
  { correction, instead_of }: { correction?: TaskCorrection; instead_of?: TaskCorrection },
): TaskSpec {
  const left = Object.entries(spec).filter(([field]) => instead_of === undefined || !Object.hasOwn(instead_of, field));
  return { ...(Object.fromEntries(left) as unknown as TaskSpec), ...correction };
}

function only(fields: readonly (keyof TaskCorrection)[], of: TaskCorrection): TaskCorrection {
  return Object.fromEntries(fields.filter((field) => of[field] !== undefined).map((field) => [field, of[field]]));
}

/** Whether two fields differ as JSON; undefined is a field that is not there. */
function differ(before: unknown, after: unknown): boolean {
  if (before === undefined || after === undefined) return before !== after;
  return canonicalize(before) !== canonicalize(after);
}

function isUnit(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

/**
 * Doubts the standing award, before the round that is to decide on that. Where it `holds`, the award is not accepted
 * meanwhile; an agent that is at work already goes on. One challenger, one challenge of an award.
 * @param until as of `accept`
 */
export function challengeAward(
  doubt: AwardChallenge & { readonly until: Time },
  now: Time,
  until?: Time,
): Decision<TaskState, TaskEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    const { holder, challenges, awards } = state;
    const known = challenges.find(
      ({ round, by, award }) => round === doubt.round || (isSameActor(by, doubt.by) && award === doubt.award),
    );
    if (known?.status === 'open' && known.round === doubt.round) return [];
    if (known !== undefined) return challengedBefore(known);
    if (holder?.award !== doubt.award)
      return refuse(
        'award-superseded',
        `award ${doubt.award} does not stand (the last is ${awards}): there is nothing to challenge`,
        { award: awards },
      );
    const party = barred([{ id: holder.agent, role: 'holder' }], doubt.by, 'challenge', doubt.via);
    if (party !== undefined) return party;
    const late = tooLate(state, now) ?? lapsed(state, now, until);
    if (late !== undefined) return late;
    const open = challenge.openChallenge(challenges, doubt.award);
    if (open !== undefined)
      return refuse('already-challenged', 'a challenge is open: add to its round', { round: open.round });
    if (challenges.length >= challenge.MAX_CHALLENGES)
      return refuse(
        'challenges-full',
        `the awards of this task were challenged ${challenge.MAX_CHALLENGES} times: ask a person to cancel it`,
      );
    return [{ type: 'AwardChallenged', v: 1, data: doubt }];
  };
}

/** Whoever decides on the challenge has been given time back: it stands until then. It never ends sooner by this. */
export function extendChallenge(
  { round, until }: { round: string; until: Time },
  now: Time,
): Decision<TaskState, TaskEvent> {
  return ({ challenges }) => {
    const open = challenges.find((one) => one.round === round && one.status === 'open');
    return open !== undefined && open.until < until
      ? [{ type: 'ChallengeExtended', v: 1, data: { round, until, extended_at: now } }]
      : [];
  };
}

function challengedBefore({ round, status }: ChallengedAward): Rejection {
  const stands = status === 'open' ? 'it is open' : `it was ${status === 'lapsed' ? 'not decided in time' : status}`;
  return refuse('challenged-before', `you have challenged this award before, in the round ${round}: ${stands}`, {
    round,
    status,
  });
}

/**
 * The round of the challenge is over. Upheld: its agent is kept out of the task, and loses what it, or whoever has it
 * from it, holds now; a verdict that comes too late counts as well. Else the award goes on.
 */
export function settleChallenge(
  round: string,
  upheld: boolean,
  reason: string,
  now: Time,
): Decision<TaskState, TaskEvent> {
  return (state) => {
    const known = state.challenges.find((one) => one.round === round);
    if (known === undefined || !(known.status === 'open' || (upheld && known.status !== 'upheld'))) return [];
    if (!upheld) return [dismissed(state, known, reason, now)];
    const { holder } = state;
    const { agent, award: number } = known;
    const events: TaskEvent[] = [{ type: 'ChallengeUpheld', v: 1, data: { agent, award: number, round, reason } }];
    if (holder !== undefined && challenge.concerns(known, holder))
      events.push({ type: 'AwardRevoked', v: 1, data: { agent: holder.agent, award: holder.award, round, reason } });
    return events;
  };
}

function dismissed(
  state: TaskState,
  { round, holds, heir }: ChallengedAward,
  reason: string,
  now: Time,
  lapsed?: true,
): TaskEvent {
  const waited = state.status === 'awarded' && holds && state.holder?.award === heir;
  const accept_by = waited ? plusSeconds(now, (state.spec as TaskSpec).accept_seconds) : undefined;
  return { type: 'ChallengeDismissed', v: 1, data: { round, reason, accept_by, lapsed } };
}

/** Says how far the work is, and extends the lease. */
export function progress(
  claim: Claim,
  fraction: number,
  note: string | undefined,
  now: Time,
): Decision<TaskState, TaskEvent> {
  return (state) => {
    const wrong = notRunning(state, claim, now);
    if (wrong !== undefined) return wrong;
    if (state.progress?.fraction === fraction && state.progress.note === note) return [];
    return [{ type: 'TaskProgressed', v: 1, data: { ...claim, fraction, note, progressed_at: now } }];
  };
}

/** What was done, or where it is kept, and what it has cost: in all, in micro-USD, where that is known. */
export interface TaskResult {
  readonly result?: unknown;
  readonly result_ref?: string;
  readonly cost?: number;
}

export function complete(claim: Claim, outcome: TaskResult, now: Time): Decision<TaskState, TaskEvent> {
  return (state) => {
    const done = state.completion;
    if (done?.agent === claim.agent && done.award === claim.award) {
      return same(done.result, outcome.result) && done.result_ref === outcome.result_ref
        ? []
        : refuse('task-already-completed', 'you completed this task with another result: the first one stands');
    }
    const wrong = notRunning(state, claim, now);
    if (wrong !== undefined) return wrong;
    return [completed(claim, outcome)];
  };
}

/**
 * The holder has done at once what it was awarded, and accepts the award with the result: one receipt of one decision.
 * What `accept` refuses, this refuses; what was accepted before is completed.
 * @param until as of `accept`
 */
export function completeAtOnce(
  claim: Claim,
  outcome: TaskResult,
  now: Time,
  until?: Time,
): Decision<TaskState, TaskEvent> {
  return (state) => {
    if (state.status !== 'awarded') return complete(claim, outcome, now)(state);
    const accepted = accept(claim, now, until)(state);
    if (accepted instanceof Rejection) return accepted;
    return [...accepted, completed(claim, outcome)];
  };
}

function completed(claim: Claim, outcome: TaskResult): TaskEvent {
  return { type: 'TaskCompleted', v: 1, data: { agent: claim.agent, award: claim.award, ...outcome } };
}

/**
 * The holder could not do it. `retryable: false` makes it a dead letter at once.
 * @param cost what the award has cost in all, in micro-USD, where that is known
 */
export function fail(
  claim: Claim,
  reason: string,
  retryable: boolean,
  now: Time,
  cost?: number,
): Decision<TaskState, TaskEvent> {
  return (state) => {
    const ended = state.history.at(-1);
    if (ended?.agent === claim.agent && ended.award === claim.award && ended.end === 'failed') return [];
    return notRunning(state, claim, now) ?? endAttempt(state, { end: 'failed', reason, cost }, now, retryable);
  };
}

/**
 * The holder gives the task back: another attempt, by whoever is best then.
 * @param until as of `accept`
 * @param cost as of `fail`
 */
export function release(
  claim: Claim,
  reason: string,
  now: Time,
  until?: Time,
  cost?: number,
): Decision<TaskState, TaskEvent> {
  return (state) => {
    const ended = state.history.at(-1);
    if (ended?.agent === claim.agent && ended.award === claim.award && ended.end === 'released') return [];
    return notHolder(state, claim, now, until) ?? endAttempt(state, { end: 'released', reason, cost }, now, true);
  };
}

/**
 * Ends the attempt because its agent was lost or left. Nothing happens when another award stands, or the deadline has
 * the last word.
 */
export function giveBack(
  claim: Claim,
  end: 'lost' | 'released',
  reason: string,
  now: Time,
): Decision<TaskState, TaskEvent> {
  return (state) =>
    isHolder(state, claim) && tooLate(state, now) === undefined ? endAttempt(state, { end, reason }, now, true) : [];
}

/**
 * Takes the task from an agent that was stopped: it is open again at once, and the attempt does not count. Nothing
 * happens where `giveBack` does nothing.
 */
export function takeBack(claim: Claim, reason: string, now: Time): Decision<TaskState, TaskEvent> {
  return (state) =>
    isHolder(state, claim) && tooLate(state, now) === undefined
      ? [
          { type: 'AttemptEnded', v: 1, data: { ...claim, attempt: state.attempts, end: 'released', reason } },
          { type: 'TaskReopened', v: 1, data: { attempt: state.attempts, not_before: now } },
        ]
      : [];
}

/** Whom a task is handed to: its profile as it is registered, undefined when it is not, and its reserved slot. */
export interface Peer {
  readonly agent: string;
  readonly profile: AgentProfile | undefined;
  readonly award: number;
  readonly receipt: string;
  /** The receipt of what was reserved in budgets, if anything was. */
  readonly budget?: string;
}

/** Gives the running task to another agent that the market could give it to. A new award, the same attempt. */
export function handOff(claim: Claim, to: Peer, note: string | undefined, now: Time): Decision<TaskState, TaskEvent> {
  return (state) => {
    if (state.holder?.agent === to.agent && state.holder.award === to.award) return [];
    const wrong = notRunning(state, claim, now) ?? notFit(state, claim, to, now);
    if (wrong !== undefined) return wrong;
    if (to.award !== nextAward(state)) return notNext(state, to.award);
    const accept_by = plusSeconds(now, (state.spec as TaskSpec).accept_seconds);
    return [
      {
        type: 'TaskHandedOff',
        v: 1,
        data: {
          from: claim.agent,
          from_award: claim.award,
          award: to.award,
          agent: to.agent,
          accept_by,
          reservation: to.receipt,
          note,
          budget: to.budget,
        },
      },
    ];
  };
}

/** Why the task can't be handed to this agent, if it can't. */
function notFit(state: TaskState, claim: Claim, { agent, profile }: Peer, now: Time): Rejection | undefined {
  if (agent === claim.agent) return refuse('hand-off-to-itself', 'the agent holds the task already: name another one');
  if (profile === undefined) return refuse('agent-not-active', `${agent} is not registered: name an agent that is`);
  if (state.hand_offs >= MAX_HAND_OFFS)
    return refuse(
      'too-many-hand-offs',
      `the task was handed on ${MAX_HAND_OFFS} times in this attempt: complete it, fail it, or release it`,
    );
  const out = leftOut(state, agent, now);
  if (out !== undefined) return out;
  const missing = (state.spec as TaskSpec).requires.find(
    ({ capability, level }) => (servesAt(profile, capability) ?? -1) < level,
  );
  if (missing === undefined) return undefined;
  const { capability, level } = missing;
  return refuse(
    'requirement-not-met',
    `the task needs ${capability} at level ${level}, ${agent} has ${servesAt(profile, capability) ?? 'none'}: name an agent that can do it`,
    { capability, level },
  );
}

export function cancel(by: string, reason: string, now: Time): Decision<TaskState, TaskEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.status === 'cancelled') return [];
    if (!isAlive(state))
      return refuse(`task-${state.status}`, `the task is ${state.status}: it can't be cancelled any more`, {
        status: state.status,
      });
    const late = tooLate(state, now);
    if (late !== undefined) return late;
    return [
      { type: 'TaskCancelled', v: 1, data: { by, reason, agent: state.holder?.agent, award: state.holder?.award } },
    ];
  };
}

/**
 * Sees to it that what was to be posted never is, and says why: it is there as a task that was cancelled, so that a
 * post that is under way comes too late. What was posted is left as it is.
 */
export function withdraw(spec: TaskSpec, by: string, reason: string, now: Time): Decision<TaskState, TaskEvent> {
  return (state) =>
    state.status === 'unknown'
      ? [
          { type: 'TaskPosted', v: 1, data: { spec, posted_at: now } },
          { type: 'TaskCancelled', v: 1, data: { by, reason } },
        ]
      : [];
}

/**
 * Brings back what is dead or has expired, with its attempts counted anew; a deadline that has passed is given again,
 * by default with as much time as before. An open task is asked of those again that declined it.
 */
export function redrive(by: string, now: Time, deadline?: Time): Decision<TaskState, TaskEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    const { spec, status, posted_at } = state;
    if (deadline !== undefined && deadline <= now)
      return new Rejection(
        'invalid',
        'deadline-passed',
        `the deadline ${deadline} is over at ${now}: give a later one`,
      );
    if (status === 'open') {
      const declined = Object.keys(state.declined).length > Object.keys(keptOut(state)).length;
      return tooLate(state, now) ?? (declined ? [{ type: 'TaskRedriven', v: 1, data: { by, deadline } }] : []);
    }
    if (status !== 'dead' && status !== 'expired')
      return refuse('task-not-dead', `the task is ${status}: only what is dead or has expired is redriven`, { status });
    if (!state.cleared) return refuse('task-not-cleared', 'the task expired while it was held: post it again');
    const over = spec?.deadline !== undefined && spec.deadline <= now;
    const again = deadline ?? (over ? plusSeconds(now, secondsBetween(posted_at as Time, spec.deadline)) : undefined);
    return [{ type: 'TaskRedriven', v: 1, data: { by, deadline: again } }];
  };
}

/**
 * What the passing of time means for the task: deadline, an award nobody accepted, a lease nobody extended.
 * @param heartbeat the holder's last sign of life for this task, if any is known
 * @param why why it has not moved, as far as that is known
 * @param until the end of the time to accept, where that is later than the award says: whoever decides was away
 * @param excused the end of what judges had for a challenge, likewise
 */
export function timePassed(
  now: Time,
  heartbeat?: Time,
  why?: string,
  until?: Time,
  excused: Excuse = (_, end) => end,
): Decision<TaskState, TaskEvent> {
  return (state) => {
    const { spec, holder } = state;
    const overdue = challenge.overdue(state.challenges, now);
    const more = overdue
      .map(({ round, since, until: end }) => ({ round, until: excused(since, end), extended_at: now }))
      .filter((one) => one.until > now);
    if (more.length > 0) return more.map((data) => ({ type: 'ChallengeExtended', v: 1, data }));
    if (overdue.length > 0)
      return overdue.map((one) => dismissed(state, one, `nobody decided on it by ${one.until}`, now, true));
    if (spec === undefined || !isAlive(state)) return [];
    if (spec.deadline !== undefined && spec.deadline <= now) {
      return [
        {
          type: 'DeadlinePassed',
          v: 1,
          data: {
            deadline: spec.deadline,
            agent: holder?.agent,
            award: holder?.award,
            reason: holder === undefined ? why : undefined,
          },
        },
      ];
    }
    if (holder === undefined) return [];
    if (state.status === 'awarded')
      return lapsed(state, now, until) === undefined
        ? []
        : endAttempt(state, { end: 'lapsed', reason: `not accepted by ${holder.accept_by}` }, now, true);
    const leaseEnd = plusSeconds(latest(holder.lease_from, heartbeat), spec.lease_seconds);
    return leaseEnd <= now
      ? endAttempt(state, { end: 'expired', reason: `no heartbeat for ${spec.lease_seconds} s` }, now, true)
      : [];
  };
}

/** The holder's proof: who it is and which award it holds. */
export interface Claim {
  readonly agent: string;
  readonly award: number;
}

function endAttempt(
  state: TaskState,
  { end, reason, cost }: { readonly end: AttemptEnd; readonly reason: string; readonly cost?: number },
  now: Time,
  retryable: boolean,
): TaskEvent[] {
  const spec = state.spec as TaskSpec;
  const { agent, award: number } = state.holder as Holder;
  const events: TaskEvent[] = [
    { type: 'AttemptEnded', v: 1, data: { agent, award: number, attempt: state.attempts, end, reason, cost } },
  ];
  if (!retryable || state.attempts >= spec.max_attempts) {
    events.push({
      type: 'TaskDeadLettered',
      v: 1,
      data: {
        reason: retryable ? `${state.attempts} attempts used up; the last: ${reason}` : reason,
        attempts: state.attempts,
      },
    });
  } else {
    const delay = Math.min(300, spec.retry_seconds * 2 ** (state.attempts - 1));
    events.push({
      type: 'TaskReopened',
      v: 1,
      data: { attempt: state.attempts + 1, not_before: plusSeconds(now, delay) },
    });
  }
  return events;
}

/** Why the task is not for this agent now, if it isn't. */
function leftOut(state: TaskState, agent: string, now: Time): Rejection | undefined {
  if (!hasDeclined(state, agent, now)) return undefined;
  const { until } = state.declined[agent] as Decline;
  if (until === NEVER) return refuse('agent-kept-out', `a challenge was upheld: ${agent} does not get this task again`);
  return refuse(
    'award-declined',
    `${agent} has declined this task: it can have it again after ${until}, or in the next attempt`,
    { until },
  );
}

function notNext(state: TaskState, number: number): Rejection {
  return refuse('award-superseded', `the next award is number ${nextAward(state)}, not ${number}`);
}

function exists(state: TaskState): Rejection | undefined {
  return state.status === 'unknown' ? new Rejection('missing', 'task-not-found', 'there is no such task') : undefined;
}

/** The deadline is its poster's: nobody extends it, and nothing is done after it though no timer has fired yet. */
function tooLate({ spec, awards }: TaskState, now: Time): Rejection | undefined {
  if (spec?.deadline === undefined || spec.deadline > now) return undefined;
  return refuse('task-expired', `the deadline of the task was ${spec.deadline}: nothing is left to do`, {
    status: 'expired',
    awards,
  });
}

/**
 * An award that nobody has accepted in its time goes to another, though no timer has fired yet; not while a challenge
 * holds it.
 */
function lapsed(
  { status, holder, challenges, awards }: TaskState,
  now: Time,
  until: Time | undefined,
): Rejection | undefined {
  if (
    status !== 'awarded' ||
    holder === undefined ||
    challenge.isHeld(challenges, holder.award) ||
    latest(holder.accept_by, until) > now
  )
    return undefined;
  return refuse(
    'award-superseded',
    `award ${holder.award} was to be accepted by ${holder.accept_by}: it goes to another`,
    { award: awards },
  );
}

function isHolder({ holder }: TaskState, { agent, award: number }: Claim): boolean {
  return holder?.agent === agent && holder.award === number;
}

/** True while whoever claims the task holds it, and nothing of its time is over. `until`: as of `accept`. */
export function stands(state: TaskState, claim: Claim, now: Time, until?: Time): boolean {
  return notHolder(state, claim, now, until) === undefined;
}

/**
 * Every command of a holder asks this: who it is, and whether anything is left of the time. `until`: as of `accept`.
 */
function notHolder(state: TaskState, claim: Claim, now: Time, until?: Time): Rejection | undefined {
  const gone = exists(state);
  if (gone !== undefined) return gone;
  if (!isAlive(state))
    return refuse(`task-${state.status}`, `the task is ${state.status} already: nothing is left to do`, {
      status: state.status,
      awards: state.awards,
    });
  const { holder, awards: award } = state;
  const notYet = `there is no award ${claim.award} yet (the last is ${award}): accept what the inbox shows, under its number`;
  if (holder === undefined || claim.award < award)
    return refuse(
      'award-superseded',
      claim.award > award
        ? notYet
        : `award ${claim.award} is over (the last is ${award}): drop this work, its result is not wanted`,
      { award },
    );
  if (!isHolder(state, claim))
    return refuse(
      'not-the-holder',
      claim.award > award
        ? notYet
        : `${claim.agent} does not hold this task under award ${award}: ${holder.agent} does; if that is you, say so as the caller`,
      { award },
    );
  return tooLate(state, now) ?? lapsed(state, now, until);
}

function notRunning(state: TaskState, claim: Claim, now: Time): Rejection | undefined {
  const wrong = notHolder(state, claim, now);
  if (wrong !== undefined) return wrong;
  return state.status === 'running'
    ? undefined
    : refuse('not-accepted', 'accept the award first: until then no lease runs');
}

/** As JSON values: a result that comes out of the store has its properties in another order. */
function same(a: unknown, b: unknown): boolean {
  return canonicalize(a ?? null) === canonicalize(b ?? null);
}

// ------------------------------------------------------------------------------------------------------ recompute

/** One thing that does not agree in an award. */
export interface AwardFault {
  readonly field: string;
  readonly recorded: unknown;
  readonly computed: unknown;
}

/**
 * Computes an award again from its receipt alone: the scores from the inputs and the weights, the ranking from the
 * scores, the winner from the ranking. Returns what does not agree; empty means the award is right.
 */
export function recomputeAward(
  task: string,
  closed: Extract<TaskEvent, { type: 'BidsClosed' }>['data'],
  awarded: Extract<TaskEvent, { type: 'TaskAwarded' }>['data'],
): { ranking: ScoredBid[]; winner: string | undefined; faults: AwardFault[] } {
  const ranking = rank(task, closed.candidates, closed.strength, closed.weights);
  const faults: AwardFault[] = [];
  const compare = (field: string, recorded: unknown, computed: unknown) => {
    if (recorded !== computed) faults.push({ field, recorded, computed });
  };
  for (const bid of ranking)
    compare(`score of ${bid.agent}`, closed.candidates.find(({ agent }) => agent === bid.agent)?.score, bid.score);
  closed.candidates.forEach((bid, place) => compare(`rank ${place + 1}`, bid.agent, ranking[place]?.agent));
  const winner = ranking.find(({ agent }) => !closed.refused.some((other) => other.agent === agent));
  compare('winner', awarded.agent, winner?.agent);
  compare('winning score', awarded.score, winner?.score);
  compare('tie break', closed.tie_break, TIE_BREAK);
  return { ranking, winner: winner?.agent, faults };
}

/** What came of computing an award again. */
export interface Recomputation {
  readonly task: string;
  /** The receipt that was computed again: `stream@index`. */
  readonly receipt: string;
  readonly hash: string;
  /** False when the receipt's bytes do not hash to its hash. */
  readonly hashHolds: boolean;
  readonly award: number;
  readonly recordedWinner: string;
  readonly computedWinner: string | undefined;
  readonly agrees: boolean;
  readonly faults: readonly AwardFault[];
  readonly ranking: readonly ScoredBid[];
}

/** Computes an award again from its receipt; needs nothing else, so it works offline too. */
export function recomputeReceipt(commit: Commit): Recomputation | Rejection {
  const closed = commit.events.find((event) => event.type === 'BidsClosed') as
    Extract<TaskEvent, { type: 'BidsClosed' }> | undefined;
  const awarded = commit.events.find((event) => event.type === 'TaskAwarded') as
    Extract<TaskEvent, { type: 'TaskAwarded' }> | undefined;
  if (closed === undefined || awarded === undefined)
    return new Rejection('invalid', 'not-an-award', `${commit.stream}@${commit.index} is not the receipt of an award`);
  const task = commit.stream.split('/')[2] as string;
  const { ranking, winner, faults } = recomputeAward(task, closed.data, awarded.data);
  const { hash, ...unsealed } = commit;
  const hashHolds = sha256(canonicalize(unsealed)) === hash;
  return {
    task,
    receipt: `${commit.stream}@${commit.index}`,
    hash,
    hashHolds,
    award: awarded.data.award,
    recordedWinner: awarded.data.agent,
    computedWinner: winner,
    agrees: hashHolds && faults.length === 0,
    faults,
    ranking,
  };
}
