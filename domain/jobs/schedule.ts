/**
 * A schedule: a task that is posted again and again, at the times of a cron expression in a time zone. What falls due
 * is written down before it is posted, so each run is posted once, whatever comes in between.
 *
 * Which times those are, somebody else reckons: decisions are given them.
 */
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { streamsOf } from '../kernel/ids';
import type { Principal } from '../kernel/principal';
import { secondsBetween, type Time } from '../kernel/time';
import { type Requested, requestedBy, type TaskSpec } from '../market/task';
import type { SCHEDULE_STATUSES } from './statuses';

/**
 * What becomes of runs that were missed, since nothing ran, or a stop stood: `skip`: nothing; `once`: one is made up
 * for, the last; `all`: each of them, the last `catch_up`.
 */
export const ON_MISSED = ['skip', 'once', 'all'] as const;
export type OnMissed = (typeof ON_MISSED)[number];

/** Schedules of a tenant that are active or paused, at most. */
export const MAX_SCHEDULES = 1_000;
/** Runs that are made up for at once, at most. */
export const MAX_CATCH_UP = 100;
/** Runs that have fallen due and could not be posted yet, at most: what a limit keeps out does not heap up. */
export const MAX_WAITING = 100;
/** A run is missed when so many seconds have passed since its time, or the next one is due as well. */
export const MISSED_SECONDS = 300;
/** Runs that the state names: the last ones. */
export const MAX_RECENT = 20;
/** Longest cron expression and name of a time zone, in characters. */
export const MAX_CRON = 200;
export const MAX_TIME_ZONE = 64;

// --------------------------------------------------------------------------------------------------------- events

/** What is posted each time, without what it gets from its run. */
export interface ScheduledTask extends Omit<
  TaskSpec,
  keyof Requested | 'payload_ref' | 'parent' | 'job' | 'schedule' | 'deadline' | 'not_before' | 'after' | 'when'
> {
  /** Its deadline, in seconds from the time of the run. */
  readonly deadline_seconds?: number;
}

export interface ScheduleSpec {
  readonly name?: string;
  /** Five fields: minute, hour, day of the month, month, day of the week. */
  readonly cron: string;
  /** A name of the IANA database, such as `Europe/Berlin`. */
  readonly time_zone: string;
  readonly on_missed: OnMissed;
  readonly catch_up: number;
  readonly task: ScheduledTask;
}

export type ScheduleEvent =
  | Event<'ScheduleCreated', ScheduleSpec & Requested & { created_at: Time }>
  | Event<'SchedulePaused', { by: string; reason: string }>
  /** What would have run before is not made up for. */
  | Event<'ScheduleResumed', { by: string; resumed_at: Time }>
  | Event<'ScheduleDeleted', { by: string }>
  /** `runs` are to be posted, `missed` more had fallen due and never are. All times up to `until` are seen to. */
  | Event<'RunsFellDue', { until: Time; runs: readonly Time[]; missed: number }>
  | Event<'RunPosted', { due: Time; task: string }>
  /** It can't be posted, ever. */
  | Event<'RunRefused', { due: Time; reason: string }>;

// ---------------------------------------------------------------------------------------------------------- state

export type ScheduleStatus = 'unknown' | (typeof SCHEDULE_STATUSES)[number];

/** A run that has fallen due and is not posted yet, and the receipt of that. */
export interface WaitingRun {
  readonly due: Time;
  readonly receipt: string;
}

/** A run that is over for its schedule: the task that it has posted, or why it has not. */
export interface PastRun {
  readonly due: Time;
  readonly task?: string;
  readonly reason?: string;
}

export interface ScheduleState {
  readonly status: ScheduleStatus;
  readonly schedule: (ScheduleSpec & Requested) | undefined;
  readonly created_at: Time | undefined;
  readonly correlation_id: string;
  /** All times up to this one are seen to. */
  readonly after: Time;
  /** The earliest first. */
  readonly waiting: readonly WaitingRun[];
  /** The latest last. */
  readonly recent: readonly PastRun[];
  readonly posted: number;
  readonly refused: number;
  readonly missed: number;
  /** Who has paused it. */
  readonly paused: { readonly by: string; readonly reason: string } | undefined;
}

export const scheduleDecider: Decider<ScheduleState, ScheduleEvent> = {
  category: 'schedule',
  causal: 10,
  version: 1,
  initial: {
    status: 'unknown',
    schedule: undefined,
    created_at: undefined,
    correlation_id: '',
    after: '',
    waiting: [],
    recent: [],
    posted: 0,
    refused: 0,
    missed: 0,
    paused: undefined,
  },
  evolve(state, event, { stream, index, correlationId }) {
    switch (event.type) {
      case 'ScheduleCreated': {
        const { created_at, ...schedule } = event.data;
        return {
          ...state,
          status: 'active',
          schedule,
          created_at,
          correlation_id: correlationId,
          after: created_at,
        };
      }
      case 'SchedulePaused':
        return { ...state, status: 'paused', paused: event.data, waiting: [] };
      case 'ScheduleResumed':
        return { ...state, status: 'active', paused: undefined, after: event.data.resumed_at };
      case 'ScheduleDeleted':
        return { ...state, status: 'deleted', waiting: [] };
      case 'RunsFellDue': {
        const { until, runs, missed } = event.data;
        const receipt = `${stream}@${index}`;
        return {
          ...state,
          after: until,
          waiting: [...state.waiting, ...runs.map((due) => ({ due, receipt }))],
          missed: state.missed + missed,
        };
      }
      case 'RunPosted':
        return { ...over(state, event.data), posted: state.posted + 1 };
      case 'RunRefused':
        return { ...over(state, event.data), refused: state.refused + 1 };
    }
  },
};

function over(state: ScheduleState, run: PastRun): ScheduleState {
  return {
    ...state,
    waiting: state.waiting.filter(({ due }) => due !== run.due),
    recent: [...state.recent, run].slice(-MAX_RECENT),
  };
}

export const scheduleStream = streamsOf(scheduleDecider);

// ------------------------------------------------------------------------------------------------------ decisions

/** Whether there is something to run, or to be resumed. */
export function isThere({ status }: Pick<ScheduleState, 'status'>): boolean {
  return status === 'active' || status === 'paused';
}

/** What one more is refused with where a tenant has `has` of them. */
export function tooManySchedules(has: number): Rejection {
  return refuse(
    'too-many-schedules',
    `the tenant has ${has} schedules, and may have ${MAX_SCHEDULES}: delete those that are needed no more, or let an agent post what runs often`,
  );
}

export function create(
  spec: ScheduleSpec,
  creator: Pick<Principal, 'id' | 'via'>,
  now: Time,
): Decision<ScheduleState, ScheduleEvent> {
  return ({ status }) =>
    status === 'unknown'
      ? [{ type: 'ScheduleCreated', v: 1, data: { ...spec, ...requestedBy(creator), created_at: now } }]
      : refuse(
          'schedule-exists',
          'a schedule with this id was created before: use another id, or the Idempotency-Key of that request to get its answer',
        );
}

/** Nothing is posted until it is resumed: what has fallen due and is not posted yet never is. */
export function pause(by: string, reason: string): Decision<ScheduleState, ScheduleEvent> {
  return (state) =>
    gone(state) ?? (state.status === 'paused' ? [] : [{ type: 'SchedulePaused', v: 1, data: { by, reason } }]);
}

/** Goes on from now: what would have run meanwhile is not made up for. */
export function resume(by: string, now: Time): Decision<ScheduleState, ScheduleEvent> {
  return (state) =>
    gone(state) ??
    (state.status === 'active' ? [] : [{ type: 'ScheduleResumed', v: 1, data: { by, resumed_at: now } }]);
}

/** Ends it for good; what it has posted stays as it is. */
export function remove(by: string): Decision<ScheduleState, ScheduleEvent> {
  return (state) => {
    if (state.status === 'deleted') return [];
    return gone(state) ?? [{ type: 'ScheduleDeleted', v: 1, data: { by } }];
  };
}

/**
 * What has fallen due by now is to be posted, as far as the rule for missed runs says so.
 * @param times its last times up to now, the earliest first
 */
export function fallDue(times: readonly Time[], now: Time): Decision<ScheduleState, ScheduleEvent> {
  return (state) => {
    const { status, schedule, after, waiting } = state;
    const due = times.filter((time) => time > after && time <= now);
    const until = due.at(-1);
    if (status !== 'active' || schedule === undefined || until === undefined) return [];
    const room = MAX_WAITING - waiting.length;
    const runs = room > 0 ? toRun(schedule, due, now).slice(-room) : [];
    return [{ type: 'RunsFellDue', v: 1, data: { until, runs, missed: due.length - runs.length } }];
  };
}

/** Those of the times, the last of which is `until`, that are run. */
function toRun({ on_missed, catch_up }: ScheduleSpec, due: readonly Time[], now: Time): readonly Time[] {
  const last = due.slice(-1);
  switch (on_missed) {
    case 'skip':
      return last.filter((time) => secondsBetween(time, now) <= MISSED_SECONDS);
    case 'once':
      return last;
    case 'all':
      return due.slice(-catch_up);
  }
}

/** A run is posted: as this task. */
export function runPosted(due: Time, task: string): Decision<ScheduleState, ScheduleEvent> {
  return (state) => (isWaiting(state, due) ? [{ type: 'RunPosted', v: 1, data: { due, task } }] : []);
}

/** A run can't be posted, for this reason. */
export function runRefused(due: Time, reason: string): Decision<ScheduleState, ScheduleEvent> {
  return (state) => (isWaiting(state, due) ? [{ type: 'RunRefused', v: 1, data: { due, reason } }] : []);
}

function isWaiting({ waiting }: ScheduleState, due: Time): boolean {
  return waiting.some((run) => run.due === due);
}

function gone({ status }: ScheduleState): Rejection | undefined {
  if (status === 'unknown') return new Rejection('missing', 'schedule-not-found', 'there is no such schedule');
  return status === 'deleted'
    ? refuse('schedule-deleted', 'the schedule was deleted: create another one, under another id')
    : undefined;
}
