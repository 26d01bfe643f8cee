/**
 * What follows for jobs: a job that was posted posts the tasks that need nothing; a task that has ended is told to its
 * job, which posts what that has made ready; a job that is to end cancels what it has posted. Found from the events and
 * from the state, so that a redelivery finds nothing left to do.
 */
import { type EndedTask, isEnded, jobDecider, type JobEvent, type JobState, offered } from '../../domain/jobs/job';
import type { Graph, PlannedTask } from '../../domain/jobs/plan';
import type { Commit } from '../../domain/kernel/commit';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { taskDecider, type TaskEvent, taskStream } from '../../domain/market/task';
import type { Aggregate } from '../engine/aggregate';
import { type Cause, causeOf } from '../engine/command';
import type { Reason } from '../engine/deadlines';
import type { Engine } from '../engine/engine';
import type { Consumer } from '../engine/feed';
import { type Change, eventsOf, react, type ReactionsByCategory } from '../engine/reacting';
import { inNameOfJobs, type Jobs, taskIdOf } from './jobs';
import type { Offers } from './offers';

/** When what could not be posted or cancelled is asked for again, in seconds. */
const AGAIN_SECONDS = 10;

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
      const told = await this.deps.jobs.taskEnded({ principal: inNameOfJobs(tenant), cause }, job.id, {
        key: job.key,
        ...end,
      });
      if (!told.ok) throw new Error(`the end of ${stream} could not be told to its job: ${told.rejection.message}`);
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
    if (await this.deps.offers.settle({ tenant, id, state, graph }, places)) change.wish(this.due, this.later());
  }

  /** All that is to be posted or cancelled, since some of it could not be. */
  private async look(stream: string): Promise<Time | undefined> {
    const { tenant, id } = parseStream(stream);
    const { state } = await this.deps.jobsOf.current(tenant, id);
    const cause = await this.deps.transactor.cause(tenant, commitRef(stream, 0));
    if (isEnded(state) || cause === undefined) return undefined;
    const graph = await this.deps.jobs.graph(tenant, state);
    const places = new Map<number, Cause>();
    for (const place of offered(state, graph))
      if (state.status === 'cancelling' || !(await this.isThere(tenant, id, graph, place))) places.set(place, cause);
    return (await this.deps.offers.settle({ tenant, id, state, graph }, places)) ? this.later() : undefined;
  }

  private async isThere(tenant: string, id: string, graph: Graph, place: number): Promise<boolean> {
    const task = taskIdOf(tenant, id, (graph.tasks[place] as PlannedTask).key);
    return (await this.deps.transactor.load(taskDecider, taskStream(tenant, task))).version >= 0;
  }

  private later(): Time {
    return plusSeconds(toTime(this.deps.clock.now()), AGAIN_SECONDS);
  }
}

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

function endsTask({ events }: Commit): boolean {
  return (events as readonly TaskEvent[]).some((event) => endOf(event) !== undefined);
}
