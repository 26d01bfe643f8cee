/** The history of an orchestration, in the form in which `durable-functions` reads it. */

/** Numbers of the events, as on the wire. */
export const EventType = {
  ExecutionStarted: 0,
  TaskScheduled: 4,
  TaskCompleted: 5,
  TaskFailed: 6,
  TimerCreated: 10,
  TimerFired: 11,
  OrchestratorStarted: 12,
  OrchestratorCompleted: 13,
  EventRaised: 15,
} as const;

/**
 * Which attempt of which activity with retries a scheduled task, or the timer after its failure, belongs to. Only this
 * host writes and reads it.
 */
export interface Attempt {
  /** EventId of the first attempt. */
  readonly root: number;
  /** From 1. */
  readonly number: number;
  readonly options: RetryOptions;
}

export interface RetryOptions {
  readonly firstRetryIntervalInMilliseconds: number;
  readonly maxNumberOfAttempts: number;
  readonly backoffCoefficient?: number;
  readonly maxRetryIntervalInMilliseconds?: number;
}

interface Common {
  /** The number that the SDK gives to a task; -1 for everything else. */
  readonly EventId: number;
  /** Always false: the SDK takes what lies before the last OrchestratorStarted for played. */
  readonly IsPlayed: false;
  /** ISO 8601. */
  readonly Timestamp: string;
}

export interface TaskScheduled extends Common {
  readonly EventType: typeof EventType.TaskScheduled;
  readonly Name: string;
  /** What the activity is called with: JSON text, or null for nothing. */
  readonly Input: string | null;
  readonly Attempt?: Attempt;
}

export interface TimerCreated extends Common {
  readonly EventType: typeof EventType.TimerCreated;
  /** ISO 8601. */
  readonly FireAt: string;
  readonly Attempt?: Attempt;
}

/** `Input` and `Result` are JSON text. */
export type HistoryEvent =
  | (Common & {
      readonly EventType: typeof EventType.ExecutionStarted;
      readonly Name: string;
      readonly Version: string;
      readonly Input: string | null;
    })
  | TaskScheduled
  | (Common & {
      readonly EventType: typeof EventType.TaskCompleted;
      readonly TaskScheduledId: number;
      readonly Result: string;
    })
  | (Common & {
      readonly EventType: typeof EventType.TaskFailed;
      readonly TaskScheduledId: number;
      readonly Reason: string;
      readonly Details: string;
    })
  | TimerCreated
  | (Common & { readonly EventType: typeof EventType.TimerFired; readonly TimerId: number; readonly FireAt: string })
  | (Common & { readonly EventType: typeof EventType.OrchestratorStarted | typeof EventType.OrchestratorCompleted })
  | (Common & {
      readonly EventType: typeof EventType.EventRaised;
      readonly Name: string;
      readonly Input: string | null;
    });

/** What all events begin with; only tasks and timers have an id. */
export function common(now: number, id = -1): Common {
  return { EventId: id, IsPlayed: false, Timestamp: new Date(now).toISOString() };
}

/** A task or a timer that the orchestration asked for. */
export function isCreated(event: HistoryEvent): event is TaskScheduled | TimerCreated {
  return event.EventType === EventType.TaskScheduled || event.EventType === EventType.TimerCreated;
}

/** The id of the task or timer that `event` ends, if it ends one. */
export function endedBy(event: HistoryEvent): number | undefined {
  switch (event.EventType) {
    case EventType.TaskCompleted:
    case EventType.TaskFailed:
      return event.TaskScheduledId;
    case EventType.TimerFired:
      return event.TimerId;
    default:
      return undefined;
  }
}
