/**
 * A job: tasks that are posted as one thing, some of which come after others. It posts each when what that needs is
 * there, and ends when all have ended, or will never begin.
 *
 * The plan is not in the stream: decisions are given it. The stream has a small event for each task that has ended.
 */
import { type Decider, type Decision, type Event, refuse, Rejection } from '../kernel/decider';
import { streamsOf } from '../kernel/ids';
import type { Time } from '../kernel/time';
import type { Requested } from '../market/task';
import { type Graph, isReady, lostBy, type OnFailure, type PlannedTask } from './plan';
import { blank, knownOf, type Progress, withKnown } from './progress';
import { JOB_ENDS, type JOB_STATUSES } from './statuses';

/** Failures that the state names: the first ones. */
export const MAX_FAILURES = 20;
/** Longest reason of one, in characters. */
export const MAX_FAILURE_REASON = 500;

// --------------------------------------------------------------------------------------------------------- events

export const TASK_ENDS = ['completed', 'cancelled', 'expired', 'dead'] as const;
export type TaskEnd = (typeof TASK_ENDS)[number];

export type JobEnd = (typeof JOB_ENDS)[number];

export interface PostedJob extends Requested {
  readonly name?: string;
  /** The task that all of its tasks are a part of. */
  readonly parent?: string;
  /** Where the plan is kept: `sha256:…`. */
  readonly plan_ref: string;
  /** How many tasks the plan has. */
  readonly tasks: number;
  readonly on_failure: OnFailure;
  /** Place of the task that makes good what was done. */
  readonly compensation?: number;
}

/** How a task of the job has ended, as its own stream has it. */
export interface EndedTask {
  /** Its place in the plan. */
  readonly task: number;
  readonly key: string;
  readonly end: TaskEnd;
  /** Why it was not completed. */
  readonly reason?: string;
}

export type JobEvent =
  | Event<'JobPosted', PostedJob & { posted_at: Time }>
  | Event<'JobTaskEnded', EndedTask>
  /** They will never be posted: what they come after was not completed, or the job is to end. */
  | Event<'JobTasksSkipped', { tasks: readonly number[] }>
  /** A task has failed, and with it the job: what was posted is cancelled. */
  | Event<'JobFailed', { key: string; reason: string }>
  /** Somebody wants no more of it: what was posted is cancelled. */
  | Event<'JobCancelled', { by: string; reason: string }>
  /** What was done is made good by the task that is kept for that. */
  | Event<'JobCompensating', { key: string }>
  | Event<'JobEnded', { status: JobEnd }>;

// ---------------------------------------------------------------------------------------------------------- state

export type JobStatus = 'unknown' | (typeof JOB_STATUSES)[number];

export interface JobState {
  readonly status: JobStatus;
  readonly job: PostedJob | undefined;
  readonly posted_at: Time | undefined;
  readonly correlation_id: string;
  readonly progress: Progress;
  /** Tasks that have not ended and were not skipped; the compensation is not among them. */
  readonly left: number;
  /** How many have ended in which way. */
  readonly ended: Readonly<Record<TaskEnd | 'skipped', number>>;
  /** The first tasks that were not completed. */
  readonly failures: readonly { readonly key: string; readonly end: TaskEnd; readonly reason: string }[];
  /** Who has cancelled it. */
  readonly cancelled: { readonly by: string; readonly reason: string } | undefined;
  /** Whether the compensation was begun. */
  readonly compensates: boolean;
  readonly finished_at: Time | undefined;
}

export const jobDecider: Decider<JobState, JobEvent> = {
  category: 'job',
  causal: 9,
  version: 1,
  initial: {
    status: 'unknown',
    job: undefined,
    posted_at: undefined,
    correlation_id: '',
    progress: [],
    left: 0,
    ended: { completed: 0, cancelled: 0, expired: 0, dead: 0, skipped: 0 },
    failures: [],
    cancelled: undefined,
    compensates: false,
    finished_at: undefined,
  },
  evolve(state, event, { at, correlationId }) {
    switch (event.type) {
      case 'JobPosted': {
        const { posted_at, ...job } = event.data;
        const { tasks, compensation } = job;
        const progress = blank(tasks);
        return {
          ...state,
          status: 'running',
          job,
          posted_at,
          correlation_id: correlationId,
          progress: compensation === undefined ? progress : withKnown(progress, [compensation], 'reserved'),
          left: compensation === undefined ? tasks : tasks - 1,
        };
      }
      case 'JobEnded':
        return { ...state, status: event.data.status, finished_at: at };
      default:
        return advanced(state, event);
    }
  },
};

/** What happens between the first event and the last: also what a decision has decided so far. */
function advanced(state: JobState, event: Exclude<JobEvent, { type: 'JobPosted' | 'JobEnded' }>): JobState {
  switch (event.type) {
    case 'JobTaskEnded': {
      const { task, key, end, reason = '' } = event.data;
      const failures = end === 'completed' ? state.failures : [...state.failures, { key, end, reason }];
      return {
        ...state,
        progress: withKnown(state.progress, [task], end),
        left: state.left - (task === state.job?.compensation ? 0 : 1),
        ended: { ...state.ended, [end]: state.ended[end] + 1 },
        failures: failures.slice(0, MAX_FAILURES),
      };
    }
    case 'JobTasksSkipped': {
      const { tasks } = event.data;
      return {
        ...state,
        progress: withKnown(state.progress, tasks, 'skipped'),
        left: state.left - tasks.length,
        ended: { ...state.ended, skipped: state.ended.skipped + tasks.length },
      };
    }
    case 'JobFailed':
      return { ...state, status: 'cancelling' };
    case 'JobCancelled':
      return { ...state, status: 'cancelling', cancelled: event.data };
    case 'JobCompensating':
      return { ...state, status: 'compensating', compensates: true };
  }
}

export const jobStream = streamsOf(jobDecider);

/** Whether nothing happens to it any more. */
export function isEnded({ status }: Pick<JobState, 'status'>): boolean {
  return (JOB_ENDS as readonly string[]).includes(status);
}

/** Whether the task at a place is posted, or is to be: what it needs is there, and it has not ended. */
export function isOffered(state: JobState, { tasks }: Graph, place: number): boolean {
  if (isEnded(state)) return false;
  const known = knownOf(state.progress, place);
  if (known !== 'waiting') return known === 'reserved' && state.compensates;
  // What was not offered when the job was to end was skipped.
  return state.status !== 'running' || isReady(tasks[place] as PlannedTask, state.progress);
}

/** The places of all tasks that are posted, or are to be. */
export function offered(state: JobState, graph: Graph): readonly number[] {
  return [...graph.tasks.keys()].filter((place) => isOffered(state, graph, place));
}

/** Keys of what the task at a place waits for: the first `most` of them. */
export function waitsFor({ progress }: JobState, { tasks }: Graph, place: number, most: number): string[] {
  const keys: string[] = [];
  for (const other of tasks[place]?.after ?? [])
    if (keys.length < most && knownOf(progress, other) !== 'completed') keys.push((tasks[other] as PlannedTask).key);
  return keys;
}

// ------------------------------------------------------------------------------------------------------ decisions

export function post(job: PostedJob, now: Time): Decision<JobState, JobEvent> {
  return ({ status }) =>
    status === 'unknown'
      ? [{ type: 'JobPosted', v: 1, data: { ...job, posted_at: now } }]
      : refuse(
          'job-exists',
          'a job with this id was posted before: use another id, or the Idempotency-Key of that request to get its answer',
        );
}

/** A task of it has ended. What is told again changes nothing: the first end stands. */
export function taskEnded(graph: Graph, ended: EndedTask): Decision<JobState, JobEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (!['waiting', 'reserved'].includes(knownOf(state.progress, ended.task))) return [];
    const decided = new Decided(state);
    decided.add({ type: 'JobTaskEnded', v: 1, data: ended });
    const { task, key, end, reason = '' } = ended;
    if (task === graph.compensation) {
      const made = end === 'completed' ? 'compensated' : 'failed';
      return decided.end(decided.state.cancelled === undefined ? made : 'cancelled');
    }
    if (end !== 'completed' && state.status === 'running') {
      if (graph.on_failure === 'continue') decided.skip(lostBy(graph, task, decided.state.progress));
      else decided.cancel({ type: 'JobFailed', v: 1, data: { key, reason } }, graph);
    }
    return decided.left > 0 ? decided.events : decided.conclude(graph);
  };
}

/** Ends it before its time: what was posted is cancelled, nothing else is posted, and nothing is compensated. */
export function cancel(graph: Graph, by: string, reason: string): Decision<JobState, JobEvent> {
  return (state) => {
    const gone = exists(state);
    if (gone !== undefined) return gone;
    if (state.cancelled !== undefined) return [];
    if (isEnded(state)) return refuse('job-over', `the job is ${state.status}: it can't be cancelled any more`);
    const decided = new Decided(state);
    decided.cancel({ type: 'JobCancelled', v: 1, data: { by, reason } }, graph);
    return state.compensates || decided.left > 0 ? decided.events : decided.conclude(graph);
  };
}

/** The events of one decision, and the state after them. */
class Decided {
  readonly events: JobEvent[] = [];

  constructor(public state: JobState) {}

  get left(): number {
    return this.state.left;
  }

  add(event: Parameters<typeof advanced>[1]): void {
    this.events.push(event);
    this.state = advanced(this.state, event);
  }

  skip(tasks: readonly number[]): void {
    if (tasks.length > 0) this.add({ type: 'JobTasksSkipped', v: 1, data: { tasks } });
  }

  /** From here on nothing is posted: what has not been is skipped. */
  cancel(event: Extract<JobEvent, { type: 'JobFailed' | 'JobCancelled' }>, graph: Graph): void {
    const { state } = this;
    const waiting = [...graph.tasks.keys()].filter(
      (place) => knownOf(state.progress, place) === 'waiting' && !isOffered(state, graph, place),
    );
    this.skip(waiting);
    this.add(event);
  }

  /** All have ended, or never begin. */
  conclude({ compensation, tasks }: Graph): readonly JobEvent[] {
    const { ended, cancelled } = this.state;
    if (cancelled !== undefined) return this.end('cancelled');
    if (ended.completed === tasks.length - (compensation === undefined ? 0 : 1)) return this.end('completed');
    if (compensation === undefined) return this.end('failed');
    this.add({ type: 'JobCompensating', v: 1, data: { key: (tasks[compensation] as PlannedTask).key } });
    return this.events;
  }

  end(status: JobEnd): readonly JobEvent[] {
    return [...this.events, { type: 'JobEnded', v: 1, data: { status } }];
  }
}

function exists({ status }: JobState): Rejection | undefined {
  return status === 'unknown' ? new Rejection('missing', 'job-not-found', 'there is no such job') : undefined;
}
