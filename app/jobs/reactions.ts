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
import { isAlive, taskDecider, type TaskEvent, type TaskSpec, taskStream } from '../../domain/market/task';
import type { Aggregate } from '../engine/aggregate';
import { type Cause, causeOf } from '../engine/command';
import type { Reason } from '../engine/deadlines';
import type { Engine } from '../engine/engine';
import type { Consumer } from '../engine/feed';
import { messageOf } from '../engine/reachable';
import { type Change, eventsOf, react, type ReactionsByCategory } from '../engine/reacting';
import { Slices, soon } from '../engine/turns';
import { inNameOfJobs, type Jobs, taskIdOf } from './jobs';
import { AT_ONCE, MOST_IN_A_TURN, type Offering, type Offers, type Rest } from './offers';
import { endOf } from './task-ends';

/** When what could not be posted or cancelled is asked for again, in seconds. */
const AGAIN_SECONDS = 10;
/**
 * How often a job that has not ended is looked at, in seconds: what was given up after an outage is found late rather
 * than never.
 */
const STANDING_SECONDS = 600;
/** Tasks that one look reads: the deadlines of all tenants wait for it. */
const MOST_LOOKED_AT = 1_000;
/** Jobs of which it is remembered how far the looks at them have come; at others they begin anew. */
const MOST_ROUNDS = 10_000;

/** How far the looks at a job have come. */
interface Round {
  /** The place that the next one begins at. */
  readonly from: number;
  /** Whether one before that was kept out, or has failed. */
  readonly isLeft: boolean;
}

export interface JobReactionsDeps extends Pick<Engine, 'transactor' | 'deadlines' | 'clock' | 'report'> {
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
  private readonly rounds = new Recent<string, Round>(MOST_ROUNDS);
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
      const cause = { ...causeOf(commit), traceparent: change.cause.traceparent };
      if (end !== undefined) await this.tell(tenant, job, end, cause);
    }
  }

  private async tell(
    tenant: string,
    { id, key }: NonNullable<TaskSpec['job']>,
    end: Pick<EndedTask, 'end' | 'reason'>,
    cause: Cause,
  ): Promise<void> {
    const told = await this.deps.jobs.taskEnded({ principal: inNameOfJobs(tenant), cause }, id, { key, ...end });
    if (!told.ok) throw new Error(`the end of ${key} could not be told to its job ${id}: ${told.rejection.message}`);
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
    // What is left may stand before the place that a round has come to.
    const again = (rest: Rest) => {
      if (rest !== undefined) this.rounds.delete(change.stream);
      change.wish(this.due, this.when(rest));
    };
    try {
      again(await this.deps.offers.settle({ tenant, id, state, graph }, places));
    } catch (error) {
      // What was committed is tried a few times more, and then put aside: the job is not.
      again('some');
      throw error;
    }
  }

  /**
   * Sees to what is left of a job that has not ended: what is to be posted or cancelled still, and ends that it has not
   * heard of. One look sees to some tasks, the next ones, which follow at once, to those behind them.
   */
  private async look(stream: string): Promise<Time | undefined> {
    const { tenant, id } = parseStream(stream);
    const { state } = await this.deps.jobsOf.current(tenant, id);
    const cause = await this.deps.transactor.cause(tenant, commitRef(stream, 0));
    if (isEnded(state) || cause === undefined) return undefined;
    const job = { tenant, id, state, graph: await this.deps.jobs.graph(tenant, state) };
    const round = this.rounds.get(stream) ?? START;
    this.rounds.set(stream, round);
    const { next, rests } = await this.lookFrom(job, round.from, cause);
    // It has begun anew meanwhile.
    if (this.rounds.get(stream) !== round) return this.when('more');
    const isFull = rests.has('full');
    const isLeft = round.isLeft || isFull || rests.has('some');
    if (next === undefined || isFull) this.rounds.delete(stream);
    else this.rounds.set(stream, { from: next, isLeft });
    if (next !== undefined && !isFull) return this.when('more');
    return this.when(isLeft ? 'some' : undefined);
  }

  /** Looks at tasks from a place on; answers where it has broken off, and what was left of those before that. */
  private async lookFrom(job: Offering, from: number, cause: Cause): Promise<Looked> {
    const rests = new Set<Rest>();
    let places = new Map<number, Cause>();
    let looked = 0;
    let tried = 0;
    const slices = new Slices(soon);
    for (const place of offered(job.state, job.graph)) {
      if (place < from) continue;
      if (looked === MOST_LOOKED_AT || tried === MOST_IN_A_TURN || rests.has('full')) return { next: place, rests };
      looked += 1;
      if (await this.isToSettle(job, place)) {
        tried += 1;
        places.set(place, cause);
      }
      // A limit that is met by these would be met by all that follow: they are not even read.
      if (places.size === AT_ONCE) {
        rests.add(await this.settled(job, places));
        places = new Map();
      }
      await slices.pause();
    }
    return { next: undefined, rests: rests.add(await this.settled(job, places)) };
  }

  /** One that fails must not keep those behind it from their turn for ever: it is reported, and asked for again. */
  private async settled(job: Offering, places: ReadonlyMap<number, Cause>): Promise<Rest> {
    try {
      return await this.deps.offers.settle(job, places);
    } catch (error) {
      this.deps.report('a task of a job could not be posted or cancelled', { job: job.id, error: messageOf(error) });
      return 'some';
    }
  }

  /**
   * Whether the task is to be posted, or cancelled, where the job is to end. One that is over is told to its job, which
   * has not heard of it.
   */
  private async isToSettle({ tenant, id, state, graph }: Offering, place: number): Promise<boolean> {
    const { key } = graph.tasks[place] as PlannedTask;
    const stream = taskStream(tenant, taskIdOf(tenant, id, key));
    const { state: task, version } = await this.deps.transactor.load(taskDecider, stream);
    if (version < 0) return true;
    if (isAlive(task)) return state.status === 'cancelling';
    const cause = await this.deps.transactor.cause(tenant, commitRef(stream, version));
    if (cause === undefined) throw new Error(`${commitRef(stream, version)} is not there`);
    await this.tell(tenant, { id, key }, { end: task.status as TaskEnd, reason: task.ended?.reason }, cause);
    return false;
  }

  /** When a job that has not ended is looked at again after a turn. */
  private when(rest: Rest): Time {
    const seconds = rest === undefined ? STANDING_SECONDS : rest === 'more' ? 0 : AGAIN_SECONDS;
    return plusSeconds(toTime(this.deps.clock.now()), seconds);
  }
}

const START: Round = { from: 0, isLeft: false };

interface Looked {
  readonly next: number | undefined;
  readonly rests: ReadonlySet<Rest>;
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

/** Of a task that a job may have posted: others are not loaded for this. */
function endsTask({ stream, events }: Commit): boolean {
  return (
    reservedId(parseStream(stream).id) !== undefined &&
    (events as readonly TaskEvent[]).some((event) => endOf(event) !== undefined)
  );
}
