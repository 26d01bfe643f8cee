/**
 * What follows for jobs: a job that was posted posts the tasks that need nothing; a task that has ended is told to its
 * job, which posts what that has made ready; a job that is to end cancels what it has posted. Found from the events and
 * from the state, so that a redelivery finds nothing left to do.
 */
import {
  type EndedTask,
  isEnded,
  jobDecider,
  type JobEvent,
  type JobState,
  offered,
  type TaskEnd,
} from '../../domain/jobs/job';
import type { Graph, PlannedTask } from '../../domain/jobs/plan';
import type { Commit } from '../../domain/kernel/commit';
import { commitRef, parseStream, reservedId } from '../../domain/kernel/ids';
import { Recent } from '../../domain/kernel/recent';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { isAlive, taskDecider, type TaskEvent, type TaskState, taskStream } from '../../domain/market/task';
import type { Aggregate } from '../engine/aggregate';
import { type Cause, causeOf } from '../engine/command';
import type { Reason } from '../engine/deadlines';
import type { Engine } from '../engine/engine';
import type { Consumer } from '../engine/feed';
import { type Change, eventsOf, react, type ReactionsByCategory } from '../engine/reacting';
import { inNameOfJobs, type Jobs, taskIdOf } from './jobs';
import { MOST_IN_A_TURN, type Offering, type Offers, type Rest } from './offers';

/** When what could not be posted or cancelled is asked for again, in seconds. */
const AGAIN_SECONDS = 10;
/** When a job that goes on is looked at for what was given up: ends that it was not told, tasks that failed to be posted. */
const STANDING_SECONDS = 600;
/** Tasks that one look looks at: the deadlines of all tenants wait for it. */
const MOST_LOOKED_AT = 1_000;
/** Jobs of which it is remembered how far the look has come: it begins anew at others. */
const MOST_REMEMBERED = 1_000;

/** How far the look at a job has come. */
interface Round {
  /** The place that it goes on with. */
  readonly from: number;
  /** Whether something was kept out before that. */
  readonly isLeft: boolean;
}

export interface JobReactionsDeps extends Pick<Engine, 'transactor' | 'deadlines' | 'clock'> {
  readonly jobsOf: Aggregate<JobState, JobEvent, unknown>;
  readonly jobs: Jobs;
  readonly offers: Offers;
}

export class JobReactions implements Consumer {
  readonly name = 'jobs';
  /** What was under way in a tenant that was closed is told to its job. */
  readonly ends = true;
  private readonly due: Reason;
  /** By stream of the job. */
  private readonly rounds = new Recent<string, Round>(MOST_REMEMBERED);
  private readonly reactions: ReactionsByCategory = {
    [jobDecider.category]: { react: (change) => this.job(change) },
    [taskDecider.category]: { concerns: endsTask, react: (change) => this.task(change) },
  };

  constructor(private readonly deps: JobReactionsDeps) {
    this.due = deps.deadlines.on('job', (stream) => this.look(stream));
  }

  async handle(commits: readonly Commit[]): Promise<void> {
    await react(commits, this.reactions, this.deps);
  }

  /** Those of a job that have ended are told to it. */
  private async task(change: Change): Promise<void> {
    const { stream, tenant } = change;
    const { job } = (await this.deps.transactor.load(taskDecider, stream)).state.spec ?? {};
    if (job === undefined) return;
    for (const { commit, event } of eventsOf<TaskEvent>(change)) {
      const end = endOf(event);
      if (end === undefined) continue;
      const cause = { ...causeOf(commit), traceparent: change.cause.traceparent };
      await this.tell({ tenant, cause }, job.id, { key: job.key, ...end });
    }
  }

  private async job(change: Change): Promise<void> {
    const { tenant, id } = change;
    const { state } = await this.deps.jobsOf.load(tenant, id);
    if (isEnded(state)) return;
    const graph = await this.deps.jobs.graph(tenant, state);
    const places = new Map<number, Cause>();
    for (const { commit, event } of eventsOf<JobEvent>(change)) {
      const cause = { ...causeOf(commit), traceparent: change.cause.traceparent };
      for (const place of concernedBy(event, state, graph)) if (!places.has(place)) places.set(place, cause);
    }
    try {
      const rest = await this.deps.offers.settle({ tenant, id, state, graph }, places);
      // What is left may stand before the place that a look has come to.
      if (rest !== undefined) this.rounds.set(change.stream, { ...START });
      change.wish(this.due, this.when(rest ?? 'standing'));
    } catch (error) {
      change.wish(this.due, this.when('later'));
      throw error;
    }
  }

  /**
   * Looks at the next of its tasks that are to be there, in the order of the plan: what is not is posted, what is to be
   * cancelled and is alive is, and of what has ended the job is told, if it was not.
   */
  private async look(stream: string): Promise<Time | undefined> {
    const { tenant, id } = parseStream(stream);
    const { state } = await this.deps.jobsOf.current(tenant, id);
    const cause = await this.deps.transactor.cause(tenant, commitRef(stream, 0));
    if (isEnded(state) || cause === undefined) return undefined;
    const job = { tenant, id, state, graph: await this.deps.jobs.graph(tenant, state) };
    const round = this.rounds.get(stream);
    const { from, isLeft } = round ?? START;
    const all = offered(state, job.graph).filter((place) => place >= from);
    const places = new Map<number, Cause>();
    let looked = 0;
    for (const place of all) {
      if (looked === MOST_LOOKED_AT || places.size === MOST_IN_A_TURN) break;
      looked += 1;
      if (await this.isToSettle(job, place, cause)) places.set(place, cause);
    }
    const wasKeptOut = (await this.deps.offers.settle(job, places)) !== undefined;
    const next = all[looked];
    // Unless it has begun anew meanwhile.
    if (this.rounds.get(stream) !== round) return this.when('now');
    this.rounds.set(stream, next === undefined ? START : { from: next, isLeft: isLeft || wasKeptOut });
    if (next !== undefined) return this.when('now');
    return this.when(isLeft || wasKeptOut ? 'later' : 'standing');
  }

  private async isToSettle({ tenant, id, state, graph }: Offering, place: number, cause: Cause): Promise<boolean> {
    const { key } = graph.tasks[place] as PlannedTask;
    const { state: task, version } = await this.deps.transactor.load(
      taskDecider,
      taskStream(tenant, taskIdOf(tenant, id, key)),
    );
    if (version < 0) return true;
    if (isAlive(task)) return state.status === 'cancelling';
    await this.tell({ tenant, cause }, id, { key, ...endIn(task) });
    return false;
  }

  private when(rest: Rest | 'standing'): Time {
    const now = toTime(this.deps.clock.now());
    if (rest === 'now') return now;
    return plusSeconds(now, rest === 'later' ? AGAIN_SECONDS : STANDING_SECONDS);
  }

  private async tell(
    { tenant, cause }: { readonly tenant: string; readonly cause: Cause },
    job: string,
    ended: Omit<EndedTask, 'task'>,
  ): Promise<void> {
    const told = await this.deps.jobs.taskEnded({ principal: inNameOfJobs(tenant), cause }, job, ended);
    if (!told.ok) throw new Error(`the end of ${ended.key} could not be told to its job: ${told.rejection.message}`);
  }
}

const START: Round = { from: 0, isLeft: false };

/** The places of the tasks of which something is to be done since this has happened. */
function concernedBy(event: JobEvent, state: JobState, graph: Graph): readonly number[] {
  switch (event.type) {
    case 'JobPosted':
    case 'JobFailed':
    case 'JobCancelled':
      return offered(state, graph);
    case 'JobTaskEnded':
      return state.status === 'cancelling' ? [] : (graph.followers[event.data.task] ?? []);
    case 'JobCompensating':
      return graph.compensation === undefined ? [] : [graph.compensation];
    default:
      return [];
  }
}

/** How a task has ended, if this ends it. */
function endOf(event: TaskEvent): Pick<EndedTask, 'end' | 'reason'> | undefined {
  switch (event.type) {
    case 'TaskCompleted':
      return { end: 'completed' };
    case 'TaskCancelled':
      return { end: 'cancelled', reason: `cancelled by ${event.data.by}: ${event.data.reason}` };
    case 'TaskDeadLettered':
      return { end: 'dead', reason: event.data.reason };
    case 'DeadlinePassed':
      return { end: 'expired', reason: `the deadline ${event.data.deadline} has passed` };
    default:
      return undefined;
  }
}

/** How a task has ended that has, as its state has it. */
function endIn({ status, ended }: TaskState): Pick<EndedTask, 'end' | 'reason'> {
  const end = status as TaskEnd;
  return ended === undefined ? { end } : { end, reason: ended.reason };
}

/** Whether a task has ended that may be one of a job: those have ids that nobody else can give. */
function endsTask({ stream, events }: Commit): boolean {
  return (
    reservedId(parseStream(stream).id) !== undefined &&
    (events as readonly TaskEvent[]).some((event) => endOf(event) !== undefined)
  );
}
