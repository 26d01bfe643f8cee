/**
 * What one episode of an orchestration leads to. The SDK answers each time with all actions since the start of the
 * execution, without ids; here they are held against the history: what is there must be the same, the rest is new.
 * Pure: the history and the answer decide, and `now`.
 */
import {
  type Attempt,
  common,
  endedBy,
  EventType,
  type HistoryEvent,
  isCreated,
  type TaskScheduled,
  type TimerCreated,
} from './history';

/** An action of the SDK, as far as this host knows it. */
export interface DurableAction {
  readonly actionType: number;
  readonly functionName?: string;
  readonly input?: unknown;
  readonly retryOptions?: Attempt['options'];
  readonly fireAt?: Date | string;
  readonly isCanceled?: boolean;
  readonly compoundActions?: readonly DurableAction[];
}

/** What the orchestrator function answered: its state, or why it threw. */
export type Answer =
  | {
      readonly isDone: boolean;
      readonly actions: readonly (readonly DurableAction[])[];
      readonly output?: unknown;
      readonly customStatus?: unknown;
    }
  | { readonly error: string };

export interface Episode {
  /** Tasks and timers that are new, in the order of their ids. */
  readonly created: readonly (TaskScheduled | TimerCreated)[];
  /** Ids of timers that the orchestrator has cancelled since the start of the execution. */
  readonly cancelled: ReadonlySet<number>;
  readonly customStatus: unknown;
  readonly outcome:
    | { readonly kind: 'waiting' }
    | { readonly kind: 'completed'; readonly output: unknown }
    | { readonly kind: 'continued'; readonly input: unknown }
    | { readonly kind: 'failed'; readonly reason: string };
}

const ACTION = { activity: 0, activityWithRetry: 1, continueAsNew: 4, timer: 5, wait: 6, any: 11, all: 12 } as const;
const UNSUPPORTED: Readonly<Record<number, string>> = {
  2: 'sub-orchestrations',
  3: 'sub-orchestrations',
  7: 'entities',
  8: 'callHttp',
  9: 'entities',
  13: 'locks',
  14: 'locks',
};

/** More would make every replay slow: such an orchestration must continue as new. */
export const HISTORY_LIMIT = 10_000;

/**
 * How many of `arrived` go into the next episode. A failed attempt, and the timer after it, make the SDK take a task id
 * in the middle of its replay; only when such an event comes first is it certain which id that is.
 */
export function episodeLength(history: readonly HistoryEvent[], arrived: readonly HistoryEvent[]): number {
  const next = arrived.findIndex((event, index) => index > 0 && attemptEndedBy(history, event) !== undefined);
  return next < 0 ? arrived.length : next;
}

/** `history` ends with the events of this episode, of which the first one is `first`. */
export function decideEpisode(
  history: readonly HistoryEvent[],
  first: HistoryEvent,
  answer: Answer,
  now: number,
): Episode {
  if ('error' in answer) return failed(answer.error);
  if (!answer.isDone && history.length > HISTORY_LIMIT)
    return failed(`the history has more than ${HISTORY_LIMIT} events: continue as new before that`);
  const actions = flatten(answer.actions.flat());
  const unsupported = actions.find(({ actionType }) => actionType in UNSUPPORTED);
  if (unsupported !== undefined)
    return failed(
      `this host has no ${UNSUPPORTED[unsupported.actionType]}: use activities, timers and external events`,
    );

  const before = history.filter(isCreated);
  const created = [...retry(history, first, before.length, now)];
  // What the host itself scheduled for another attempt stands in the history, but among no actions.
  const known = before.filter(({ EventId, Attempt }) => Attempt === undefined || Attempt.root === EventId);
  const tasks = actions.filter(({ actionType }) => actionType !== ACTION.wait && actionType !== ACTION.continueAsNew);
  const cancelled = new Set<number>();
  for (let i = 0; i < Math.max(known.length, tasks.length); i++) {
    const action = tasks[i];
    const id = known[i]?.EventId ?? before.length + created.length;
    const wanted = action && create(action, id, now);
    if (typeof wanted === 'string') return failed(wanted);
    if (i >= known.length) created.push(wanted!);
    else if (wanted === undefined || !same(known[i]!, wanted)) return failed(different(known[i]!, wanted));
    if (action?.isCanceled === true) cancelled.add(id);
  }

  const rest = { created, cancelled, customStatus: answer.customStatus };
  const ended = new Set(history.map(endedBy));
  const open = [...before, ...created].some(({ EventId }) => !ended.has(EventId) && !cancelled.has(EventId));
  if (!answer.isDone || open) return { ...rest, outcome: { kind: 'waiting' } };
  const again = actions.find(({ actionType }) => actionType === ACTION.continueAsNew);
  return {
    ...rest,
    outcome:
      again === undefined ? { kind: 'completed', output: answer.output } : { kind: 'continued', input: again.input },
  };
}

function failed(reason: string): Episode {
  return { created: [], cancelled: new Set(), customStatus: undefined, outcome: { kind: 'failed', reason } };
}

/**
 * Actions without the compound ones around them, in the order of their ids; a task that is awaited twice counts once.
 */
function flatten(actions: readonly DurableAction[]): readonly DurableAction[] {
  const seen = new Set<DurableAction>();
  const visit = (action: DurableAction): void => {
    if (action.actionType === ACTION.any || action.actionType === ACTION.all) action.compoundActions!.forEach(visit);
    else seen.add(action);
  };
  actions.forEach(visit);
  return [...seen];
}

/** The event for a new action, or what is wrong with it. */
function create(action: DurableAction, id: number, now: number): TaskScheduled | TimerCreated | string {
  if (action.actionType === ACTION.timer) {
    const fireAt = new Date(action.fireAt!);
    if (Number.isNaN(fireAt.getTime())) return 'createTimer was given a time that is none';
    return { EventType: EventType.TimerCreated, FireAt: fireAt.toISOString(), ...common(now, id) };
  }
  const { functionName, input, retryOptions } = action;
  // The SDK has made JSON of a string already, and of nothing else.
  const text = input === undefined || input === null ? null : typeof input === 'string' ? input : JSON.stringify(input);
  const attempt =
    action.actionType === ACTION.activityWithRetry ? { Attempt: { root: id, number: 1, options: retryOptions! } } : {};
  return { EventType: EventType.TaskScheduled, Name: functionName!, Input: text, ...attempt, ...common(now, id) };
}

/** Inputs may differ: orchestrators may go on changing the object that they gave to an activity. */
function same(known: TaskScheduled | TimerCreated, wanted: TaskScheduled | TimerCreated): boolean {
  if (known.EventType === EventType.TimerCreated)
    return wanted.EventType === known.EventType && wanted.FireAt === known.FireAt;
  return (
    wanted.EventType === known.EventType &&
    wanted.Name === known.Name &&
    (wanted.Attempt === undefined) === (known.Attempt === undefined)
  );
}

function different(known: TaskScheduled | TimerCreated, wanted: TaskScheduled | TimerCreated | undefined): string {
  const name = (event: TaskScheduled | TimerCreated): string =>
    event.EventType === EventType.TimerCreated
      ? `a timer for ${event.FireAt}`
      : `activity '${event.Name}'${event.Attempt ? ' with retries' : ''}`;
  const now = wanted === undefined ? 'nothing' : name(wanted);
  return (
    `Non-deterministic orchestrator: its step ${known.EventId} was ${name(known)}, and is ${now} in this replay. ` +
    'The function was changed while this instance was under way, or it looks at something else than its input and its tasks (a clock, chance, a setting).'
  );
}

/** The attempt whose failure, or whose pause, `event` ends. */
function attemptEndedBy(history: readonly HistoryEvent[], event: HistoryEvent): Attempt | undefined {
  if (event.EventType !== EventType.TaskFailed && event.EventType !== EventType.TimerFired) return undefined;
  const id = endedBy(event);
  return history.filter(isCreated).find(({ EventId }) => EventId === id)?.Attempt;
}

/** After a failure a pause, after the pause another attempt; the SDK wants the pause after the last failure too. */
function retry(
  history: readonly HistoryEvent[],
  first: HistoryEvent,
  id: number,
  now: number,
): readonly (TaskScheduled | TimerCreated)[] {
  const attempt = attemptEndedBy(history, first);
  if (attempt === undefined) return [];
  const { root, number, options } = attempt;
  const last = number >= options.maxNumberOfAttempts;
  if (first.EventType === EventType.TaskFailed) {
    const pause = options.firstRetryIntervalInMilliseconds * (options.backoffCoefficient ?? 1) ** (number - 1);
    const fireAt =
      now + (last ? 0 : Math.min(pause, options.maxRetryIntervalInMilliseconds ?? LONGEST_PAUSE, LONGEST_PAUSE));
    return [
      {
        EventType: EventType.TimerCreated,
        FireAt: new Date(fireAt).toISOString(),
        Attempt: attempt,
        ...common(now, id),
      },
    ];
  }
  if (last) return [];
  const { Name, Input } = history.find(
    (event): event is TaskScheduled => event.EventType === EventType.TaskScheduled && event.EventId === root,
  )!;
  return [
    {
      EventType: EventType.TaskScheduled,
      Name,
      Input,
      Attempt: { root, number: number + 1, options },
      ...common(now, id),
    },
  ];
}

/** Thirty days, in milliseconds: an exponent may exceed every date. */
const LONGEST_PAUSE = 30 * 86_400_000;
