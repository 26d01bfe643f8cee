/** Use cases of jobs: tasks that are posted as one thing, some of which come after others. */
import type { JobTask } from '../../contract/jobs/jobs';
import type { Shown } from '../../contract/route';
import {
  cancel,
  type EndedTask,
  isOffered,
  type JobEvent,
  type JobState,
  MAX_FAILURE_REASON,
  post,
  taskEnded,
  waitsFor,
} from '../../domain/jobs/job';
import { type AskedJob, type Graph, type Plan, type PlannedTask, planOf } from '../../domain/jobs/plan';
import { knownOf } from '../../domain/jobs/progress';
import { Rejection } from '../../domain/kernel/decider';
import { noSuchReceipt } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { cut } from '../../domain/kernel/text';
import { type Time, toTime } from '../../domain/kernel/time';
import { notPartOf, requestedBy } from '../../domain/market/task';
import type { JobDoc } from '../../projections/jobs/jobs';
import { ALL } from '../../projections/projection';
import type { Aggregate, Page, Where } from '../engine/aggregate';
import type { Cause, Outcome, RequestContext } from '../engine/command';
import { derivedSystemId } from '../engine/new-id';
import { refusalBy } from '../engine/policy';
import type { Clock } from '../engine/ports';
import type { Loaded } from '../engine/streams';
import type { Transactor } from '../engine/transact';
import { Slices, soon } from '../engine/turns';
import type { Tasks } from '../market/module';
import type { Plans } from './plans';

export type JobOutcome = Outcome<JobState, JobEvent>;

/** Keys that are named of what a task waits for. */
const MAX_WAITS_FOR = 10;

/** What a job is called, and where it comes from. */
export interface JobOrigin {
  readonly name?: string | undefined;
  /** The task that all of its tasks are a part of; an agent has to hold it. */
  readonly parent?: string | undefined;
  /** The receipt (`stream@index`) that led to it, of the same tenant. */
  readonly cause?: string | undefined;
}

export interface JobsDeps {
  readonly jobs: Aggregate<JobState, JobEvent, JobDoc>;
  readonly plans: Plans;
  readonly tasks: Pick<Tasks, 'load'>;
  readonly transactor: Pick<Transactor, 'ask' | 'cause'>;
  readonly clock: Clock;
}

export class Jobs {
  constructor(private readonly deps: JobsDeps) {}

  /**
   * Posts a job. Its tasks are posted in its own name; so what its poster may not post, stands in no job either. What
   * is refused leaves a receipt.
   */
  async post(context: RequestContext, id: string, asked: AskedJob, from: JobOrigin = {}): Promise<JobOutcome> {
    const { jobs, plans } = this.deps;
    const { principal } = context;
    const { name, parent } = from;
    // The stream itself refuses: it knows a command that comes again.
    const refuse = (rejection: Rejection) =>
      jobs.decide({ ...context, receiptOfRefusal: true }, id, 'job.post', () => rejection);
    const cause = await this.causeOf(context, from.cause);
    if (cause instanceof Rejection) return await refuse(cause);
    const plan = planOf(asked);
    if (plan instanceof Rejection) return await refuse(plan);
    const decide = async ({ tasks, on_failure, compensation }: Plan, plan_ref: string) => {
      const job = { name, ...requestedBy(principal), plan_ref, tasks: tasks.length, on_failure };
      const more = { ...(parent !== undefined && { parent }), ...(compensation !== undefined && { compensation }) };
      const decision = post({ ...job, ...more }, this.now());
      const attributes = { tasks: tasks.length };
      return await jobs.decide({ ...context, cause, creates: true, attributes }, id, 'job.post', decision);
    };
    // The id is taken, or the command comes again: its stream says so, and nothing is kept for it.
    if ((await jobs.load(principal.tenant, id)).state.status !== 'unknown') return await decide(plan, '');
    const refused = (await this.stranger(principal, parent)) ?? (await this.refusedTask(principal, id, plan));
    if (refused !== undefined) return await refuse(refused);
    const kept = await plans.keep({ ...context, action: 'job.post' }, jobs.name(principal.tenant, id), plan);
    return kept instanceof Rejection ? await refuse(kept) : await decide(plan, kept.reference);
  }

  load(tenant: string, id: string, asOf?: Time): Promise<Loaded<JobState>> {
    return this.deps.jobs.load(tenant, id, asOf);
  }

  /** A page of the tenant's jobs, in order of id, as far as the view has come. */
  list(tenant: string, where: Where, limit: number, continuation?: string): Promise<Page<JobDoc>> {
    return this.deps.jobs.list(tenant, { key: ALL, where }, limit, continuation);
  }

  /** The plan of a job that is there. */
  graph(tenant: string, { job }: JobState): Promise<Graph> {
    if (job === undefined) throw new Error('a job that was never posted has no plan');
    return this.deps.plans.of(tenant, job.plan_ref);
  }

  /** Tasks of a job in the order of its plan, at most `limit` from a place on, each as it is now. */
  async tasks(
    tenant: string,
    id: string,
    state: JobState,
    { from, limit }: { readonly from: number; readonly limit: number },
  ): Promise<{ readonly value: readonly Shown<typeof JobTask>[]; readonly next: number | undefined }> {
    const graph = await this.graph(tenant, state);
    const places = [...graph.tasks.keys()].slice(from, from + limit);
    const value = await Promise.all(places.map((place) => this.taskAt(tenant, id, state, { graph, place })));
    return { value, next: from + limit < graph.tasks.length ? from + limit : undefined };
  }

  private async taskAt(
    tenant: string,
    id: string,
    state: JobState,
    { graph, place }: { readonly graph: Graph; readonly place: number },
  ): Promise<Shown<typeof JobTask>> {
    const { key, spec } = graph.tasks[place] as PlannedTask;
    const known = knownOf(state.progress, place);
    const row = { key, id: taskIdOf(tenant, id, key), task_type: spec.task_type };
    const isOver = known !== 'waiting' && known !== 'reserved' && known !== 'skipped';
    if (!isOver && !isOffered(state, graph, place))
      return { ...row, status: known, waits_for: waitsFor(state, graph, place, MAX_WAITS_FOR) };
    const { status, holder, completion, ended } = (await this.deps.tasks.load(tenant, row.id)).state;
    const agent = holder?.agent ?? completion?.agent;
    // One that was brought back since has ended for the job.
    return { ...row, status: isOver ? known : status === 'unknown' ? 'waiting' : status, agent, reason: ended?.reason };
  }

  /** Ends a job before its time; what was posted of it is cancelled by what follows. */
  async cancel(context: RequestContext, id: string, reason: string): Promise<JobOutcome> {
    return await this.deciding(context, id, 'job.cancel', (graph) => cancel(graph, context.principal.id, reason));
  }

  /** A task of the job has ended, as `cause` says. */
  async taskEnded(
    { principal, cause }: { readonly principal: Principal; readonly cause: Cause },
    id: string,
    { key, end, reason }: Omit<EndedTask, 'task'>,
  ): Promise<JobOutcome> {
    const decide = (graph: Graph) => {
      const task = graph.places.get(key);
      if (task === undefined) throw new Error(`the job ${id} has no task ${key}`);
      const why = reason === undefined ? {} : { reason: cut(reason, MAX_FAILURE_REASON) };
      return taskEnded(graph, { task, key, end, ...why });
    };
    return await this.deciding({ principal, cause, reaction: true }, id, 'job.task-ended', decide);
  }

  /** Decides on a job by its plan; on one that is not there, without. */
  private async deciding(
    context: RequestContext,
    id: string,
    action: string,
    decide: (graph: Graph) => ReturnType<typeof cancel>,
  ): Promise<JobOutcome> {
    const { jobs } = this.deps;
    const { tenant } = context.principal;
    let { state } = await jobs.load(tenant, id);
    if (state.job === undefined) state = (await jobs.current(tenant, id)).state;
    const graph = state.job === undefined ? NO_TASKS : await this.graph(tenant, state);
    return await jobs.decide(context, id, action, decide(graph));
  }

  /** Why whoever posts the job may not make it a part of that task, if so. */
  private async stranger({ tenant, ...by }: Principal, parent: string | undefined): Promise<Rejection | undefined> {
    return parent === undefined ? undefined : notPartOf((await this.deps.tasks.load(tenant, parent)).state, parent, by);
  }

  private async causeOf({ principal, cause }: RequestContext, ref: string | undefined) {
    if (ref === undefined) return cause;
    const found = await this.deps.transactor.cause(principal.tenant, ref);
    return found ?? new Rejection('invalid', 'cause-not-found', noSuchReceipt(ref));
  }

  /** Why a task of the plan may not be posted by whoever posts the job, if so: what policy is told of it decides. */
  private async refusedTask(principal: Principal, id: string, plan: Plan): Promise<Rejection | undefined> {
    const asked = new Set<string>();
    const slices = new Slices(soon);
    for (const { key, spec } of plan.tasks) {
      const { task_type, priority } = spec;
      const name = JSON.stringify([task_type, priority]);
      if (asked.has(name)) continue;
      asked.add(name);
      const resource = `${principal.tenant}/task/${taskIdOf(principal.tenant, id, key)}`;
      const answer = await this.deps.transactor.ask(principal, 'task.post', resource, { task_type, priority });
      if (answer.decision !== 'allow') return refusalBy(answer);
      await slices.pause();
    }
    return undefined;
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }
}

/** What a job that is not there is decided by: it is refused. */
const NO_TASKS: Graph = { tasks: [], on_failure: 'cancel', followers: [], places: new Map() };

/** The id of a task of a job: always the same, and out of every caller's reach. */
export function taskIdOf(tenant: string, job: string, key: string): string {
  return derivedSystemId(tenant, 'job', JSON.stringify([job, key]));
}

/** In whose name a job's tasks are posted and cancelled. */
export function inNameOfJobs(tenant: string): Principal {
  return { tenant, id: 'jobs', kind: 'system', level: 'execute' };
}
