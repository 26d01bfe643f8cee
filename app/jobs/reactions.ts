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
  jobStream,
  offered,
  type TaskEnd,
} from '../../domain/jobs/job';
import type { Graph, PlannedTask } from '../../domain/jobs/plan';
import type { Commit } from '../../domain/kernel/commit';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import { Recent } from '../../domain/kernel/recent';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { isAlive, taskDecider, type TaskEvent, type TaskSpec, taskStream } from '../../domain/market/task';
import type { Aggregate } from '../engine/aggregate';
import type { Cause } from '../engine/command';
import type { Reason } from '../engine/deadlines';
import type { Engine } from '../engine/engine';
import type { Consumer } from '../engine/feed';
import { messageOf } from '../engine/reachable';
import { causeOfPart, type Change, eventsOf, react, type ReactionsByCategory } from '../engine/reacting';
import { Slices, soon } from '../engine/turns';
import { concernsFollowers, type Followers } from './followers';
import { inNameOfJobs, type Jobs, taskIdOf } from './jobs';
import { AT_ONCE, MOST_IN_A_TURN, type Offering, type Offers, type Rest, type Settled } from './offers';
import { AGAIN_SECONDS, STANDING_SECONDS, standingSeconds } from './standing';
import { endOf } from './task-ends';

/** Tasks that all looks read in a second: the deadlines of all tenants wait for them. */
const MOST_LOOKED_AT = 1_000;
/** Jobs of which it is remembered how far the looks at them have come; at others they begin anew. */
const MOST_ROUNDS = 10_000;
/** Looks that follow each other do so within this, in seconds: how far one before that had come is of no account. */
const ROUND_SECONDS = 2 * AGAIN_SECONDS;

/** How far the looks at a job have come. */
interface Round {
  /** The place that the next one begins at. */
  readonly from: number;
  /** Whether one before that was kept out, or has failed. */
  readonly isLeft: boolean;
  /** Whether a limit that is met holds it up. */
  readonly isFull: boolean;
  readonly status: JobState['status'];
  readonly began: Time;
  readonly at: Time;
}

export interface JobReactionsDeps extends Pick<Engine, 'transactor' | 'deadlines' | 'clock' | 'report'> {
  readonly jobsOf: Aggregate<JobState, JobEvent, unknown>;
  readonly jobs: Jobs;
  readonly offers: Offers;
  readonly followers: Followers;
  /** What follows for streams of other categories. */
  readonly also: ReactionsByCategory;
}

export class JobReactions implements Consumer {
  readonly name = 'jobs';
  /** What was under way in a tenant that was closed is told to its job. */
  readonly ends = true;
  private readonly due: Reason;
  /** By stream of the job. */
  private readonly rounds = new Recent<string, Round>(MOST_ROUNDS);
  /** Tasks that looks may still read before this time. */
  private budget: { readonly until: Time; left: number } = { until: toTime(0), left: 0 };
  private readonly reactions: ReactionsByCategory;

  constructor(private readonly deps: JobReactionsDeps) {
    this.due = deps.deadlines.on('job', (stream) => this.look(stream));
    this.reactions = {
      ...deps.also,
      [jobDecider.category]: { react: (change) => this.job(change) },
      [taskDecider.category]: { concerns: concernsFollowers, react: (change) => this.task(change) },
    };
  }

  async handle(commits: readonly Commit[]): Promise<void> {
    await react(commits, this.reactions, this.deps);
  }

  /** Those of a job that have ended are told to it, and all to those that come after them. */
  private async task(change: Change): Promise<void> {
    const { stream, tenant } = change;
    const { state } = await this.deps.transactor.load(taskDecider, stream);
    const { job } = state.spec ?? {};
    const tellAll = async (): Promise<void> => {
      for (const { commit, event } of eventsOf<TaskEvent>(change)) {
        const end = endOf(event);
        const cause = causeOfPart(change, commit);
        if (end !== undefined && job !== undefined) await this.tell(tenant, job, end, cause);
      }
    };
    // What comes after it hangs on no job that can't be told.
    const settled = await Promise.allSettled([tellAll(), this.deps.followers.react(change, state)]);
    const failed = settled.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
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
    // What is left may stand before the place that a round has come to.
    const again = (rest: Rest, state?: JobState) => {
      if (rest !== undefined) this.rounds.delete(change.stream);
      change.wish(this.due, this.when(rest, state));
    };
    try {
      await this.goesOn(change, again);
    } catch (error) {
      // What was committed is tried a few times more, and then put aside: the job is not.
      again('some');
      throw error;
    }
  }

  private async goesOn(change: Change, again: (rest: Rest, state: JobState) => void): Promise<void> {
    const { tenant, id } = change;
    const { state } = await this.deps.jobsOf.load(tenant, id);
    if (isEnded(state)) return;
    const graph = await this.deps.jobs.graph(tenant, state);
    const places = new Map<number, Cause>();
    for (const { commit, event } of eventsOf<JobEvent>(change)) {
      const cause = causeOfPart(change, commit);
      for (const place of concernedBy(event, state, graph)) if (!places.has(place)) places.set(place, cause);
    }
    again((await this.deps.offers.settle({ tenant, id, state, graph }, places)).rest, state);
  }

  /** In a tenant that was closed no deadline falls due: whoever winds it up asks again and again for what is left. */
  async windUp(tenant: string, id: string): Promise<void> {
    const stream = jobStream(tenant, id);
    for (;;) {
      const next = await this.look(stream);
      if (next === undefined || next > this.now()) return;
    }
  }

  /**
   * Sees to what is left of a job that has not ended: what is to be posted or cancelled still, and ends that it has not
   * heard of. One look sees to some tasks, the next ones, which follow soon, to those behind them.
   */
  private async look(stream: string): Promise<Time | undefined> {
    const { tenant, id } = parseStream(stream);
    const { state } = await this.deps.jobsOf.current(tenant, id);
    const cause = await this.deps.transactor.cause(tenant, commitRef(stream, 0));
    if (isEnded(state) || cause === undefined) return undefined;
    const job = { tenant, id, state, graph: await this.deps.jobs.graph(tenant, state) };
    const { status } = state;
    const before = this.rounds.get(stream);
    const now = this.now();
    // What is before the place at which a limit holds it up is looked at now and then all the same.
    const isStale = before?.isFull === true && now > plusSeconds(before.began, STANDING_SECONDS);
    const goesOn = !isStale && before?.status === status && now <= plusSeconds(before.at, ROUND_SECONDS);
    const round = goesOn ? before : { from: 0, isLeft: false, isFull: false, status, began: now, at: now };
    this.rounds.set(stream, round);
    const { next, rests } = await this.lookFrom(job, round.from, cause);
    // It has begun anew meanwhile.
    if (this.rounds.get(stream) !== round) return this.when('more', state);
    const isFull = rests.has('full');
    const isLeft = round.isLeft || isFull || rests.has('some');
    if (next === undefined) this.rounds.delete(stream);
    else this.rounds.set(stream, { ...round, from: next, isLeft, isFull, at: this.now() });
    if (next !== undefined && !isFull) return this.when('more', state);
    return this.when(isLeft ? 'some' : undefined, state);
  }

  /** Looks at tasks from a place on; answers where it has broken off, and what was left of those before that. */
  private async lookFrom(job: Offering, from: number, cause: Cause): Promise<Looked> {
    const rests = new Set<Rest>();
    let places = new Map<number, Cause>();
    let tried = 0;
    /** Sees to those found; a limit that is met by them, or what they read, leaves them for the next look. */
    const seeTo = async (): Promise<number | undefined> => {
      const { rest, next } = await this.settled(job, places);
      rests.add(rest);
      places = new Map();
      return next;
    };
    const slices = new Slices(soon);
    for (const place of offered(job.state, job.graph)) {
      if (place < from) continue;
      if (tried === MOST_IN_A_TURN || !this.mayRead()) return { next: (await seeTo()) ?? place, rests };
      if (await this.isToSettle(job, place, rests)) {
        tried += 1;
        places.set(place, cause);
      }
      const next = places.size === AT_ONCE ? await seeTo() : undefined;
      if (next !== undefined) return { next, rests };
      await slices.pause();
    }
    return { next: await seeTo(), rests };
  }

  /** Whether looks may read one more task now. */
  private mayRead(): boolean {
    const now = this.now();
    if (now >= this.budget.until) this.budget = { until: plusSeconds(now, 1), left: MOST_LOOKED_AT };
    this.budget.left -= 1;
    return this.budget.left >= 0;
  }

  /** One that fails must not keep those behind it from their turn for ever: it is reported, and asked for again. */
  private async settled(job: Offering, places: ReadonlyMap<number, Cause>): Promise<Settled> {
    try {
      return await this.deps.offers.settle(job, places);
    } catch (error) {
      this.deps.report('a task of a job could not be posted or cancelled', { job: job.id, error: messageOf(error) });
      return { rest: 'some' };
    }
  }

  /**
   * Whether the task is to be posted, or cancelled, where the job is to end. One that is over is told to its job, which
   * has not heard of it. One that can't be read, or told, is reported, and kept in mind as left: the others go on.
   */
  private async isToSettle(job: Offering, place: number, rests: Set<Rest>): Promise<boolean> {
    try {
      return await this.isLeft(job, place);
    } catch (error) {
      this.deps.report('a task of a job could not be looked at', { job: job.id, error: messageOf(error) });
      rests.add('some');
      return false;
    }
  }

  private async isLeft({ tenant, id, state, graph }: Offering, place: number): Promise<boolean> {
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
  private when(rest: Rest, state?: JobState): Time {
    const now = this.now();
    if (rest === undefined) return plusSeconds(now, standingSeconds(state?.posted_at, now));
    if (rest !== 'more') return plusSeconds(now, AGAIN_SECONDS);
    return this.budget.left > 0 || now >= this.budget.until ? now : this.budget.until;
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }
}

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
