/**
 * The tasks of a job between its plan and the market: each is posted when what it needs is there, with what it refers
 * to in its place, or withdrawn. Done again, nothing happens.
 */
import { isOffered, type JobState } from '../../domain/jobs/job';
import type { Graph, PlannedTask } from '../../domain/jobs/plan';
import { knownOf } from '../../domain/jobs/progress';
import { sha256 } from '../../domain/kernel/commit';
import type { Rejection } from '../../domain/kernel/decider';
import { toTime } from '../../domain/kernel/time';
import { namesBehind, taskDecider, type TaskSpec, taskStream, withdraw } from '../../domain/market/task';
import { TENANT_CLOSED, TENANT_LIMIT, TENANT_UNKNOWN } from '../../domain/tenants/tenant';
import type { Cause, RequestContext } from '../engine/command';
import type { Clock } from '../engine/ports';
import { STOPPED } from '../engine/standstill';
import type { Transactor } from '../engine/transact';
import type { TaskOutcome, Tasks } from '../market/module';
import type { Fill, Filling } from './filling';
import { inNameOfJobs, taskIdOf } from './jobs';

/** Tasks that are posted, or cancelled, in one turn: whoever comes behind a large job does not wait for all of it. */
export const MOST_IN_A_TURN = 256;
/** And of these so many at once. */
export const AT_ONCE = 64;
/** What refuses one task for the whole tenant: the next is refused as well. */
const WHOLE: ReadonlySet<string> = new Set([TENANT_LIMIT, TENANT_CLOSED, TENANT_UNKNOWN]);

/** Longest reason why one is cancelled, or was not posted, in characters. */
export const MAX_REASON = 500;
/** What begins the reason of one that can't be posted, or offered. */
export const NOT_POSTED = 'it could not be posted: ';

export interface OffersDeps {
  readonly tasks: Tasks;
  readonly filling: Filling;
  readonly transactor: Pick<Transactor, 'load' | 'transact'>;
  readonly clock: Clock;
}

/** A job, as far as its tasks are concerned. */
export interface Offering {
  readonly tenant: string;
  readonly id: string;
  readonly state: JobState;
  readonly graph: Graph;
}

/**
 * What is left after a turn: `full`: the tenant may have no more now; `more`: those that the turn has not come to;
 * `some`: single ones that are stopped; undefined: nothing.
 */
export type Rest = 'full' | 'more' | 'some' | undefined;

/** What is left of one task, where it is to be asked for again. */
type Refused = Rest;

/** What is left after a turn, and for `full` and `more` the first place that the next one begins at. */
export interface Settled {
  readonly rest: Rest;
  readonly next?: number;
}

export class Offers {
  constructor(private readonly deps: OffersDeps) {}

  /**
   * Has the tasks at these places posted, as far as they are to be now; or cancelled, where the job is to end: the
   * first `MOST_IN_A_TURN` of them. Throws what the first of those that failed has thrown, when
   * each has had its turn.
   *
   * @param places each with what has led to it, in the order of the plan
   */
  async settle(job: Offering, places: ReadonlyMap<number, Cause>): Promise<Settled> {
    const { tenant, state, graph } = job;
    const all = [...places].filter(([place]) => isOffered(state, graph, place));
    const turn = all.slice(0, MOST_IN_A_TURN);
    const fill = this.deps.filling.turn(tenant);
    const settle = (place: number, cause: Cause) =>
      state.status === 'cancelling' ? this.end(job, place, cause) : this.begin(job, place, cause, fill);
    const failures: unknown[] = [];
    const refused = new Set<Refused>();
    let next: number | undefined;
    for (let from = 0; from < turn.length && next === undefined; from += AT_ONCE) {
      const some = turn.slice(from, from + AT_ONCE);
      const settled = await Promise.allSettled(some.map(([place, cause]) => settle(place, cause)));
      for (const [i, one] of settled.entries())
        if (one.status === 'rejected') failures.push(one.reason);
        else {
          refused.add(one.value);
          if (one.value === 'full' || one.value === 'more') next ??= (some[i] as (typeof some)[number])[0];
        }
    }
    if (failures.length > 0) throw failures[0];
    next ??= all[turn.length]?.[0];
    if (next !== undefined) return { rest: refused.has('full') ? 'full' : 'more', next };
    return { rest: refused.has('some') ? 'some' : undefined };
  }

  /** Posts a task, once. One that can't be posted is withdrawn: it ends with the reason. */
  private async begin(job: Offering, place: number, cause: Cause, fill: Fill): Promise<Refused> {
    const { tenant, id, state, graph } = job;
    const { key, when } = graph.tasks[place] as PlannedTask;
    const task = taskIdOf(tenant, id, key);
    // Each further end of what it comes after concerns it again; its payload would be made anew, and be another one.
    const isThere = async () =>
      (await this.deps.transactor.load(taskDecider, taskStream(tenant, task))).state.status !== 'unknown';
    if (when === 'any' && (await isThere())) return undefined;
    const spec = specAt(job, place);
    const context = this.context(job, cause);
    const payload = await fill(spec.payload, (named) => completedIn(job, named));
    if ('later' in payload) return 'more';
    if ('wrong' in payload) return refusalOf(await this.withdrawn(context, task, spec, NOT_POSTED + payload.wrong));
    const command = { key: `job:${id}`, hash: sha256(JSON.stringify([state.job?.plan_ref, place])) };
    const posting = payload.value === undefined ? spec : { ...spec, payload: payload.value };
    const onBehalfOf = namesBehind(spec);
    const outcome = await this.deps.tasks.post({ ...context, command, onBehalfOf }, task, posting);
    if (outcome.ok || outcome.rejection.code === 'task-exists') return undefined;
    const { rejection } = outcome;
    if (endsByItself(rejection)) return refusalOf(outcome);
    return refusalOf(await this.withdrawn(context, task, spec, NOT_POSTED + rejection.message));
  }

  /** Has a task that was not posted yet never be: see `withdraw` of the domain. Nothing is kept of its payload. */
  private async withdrawn(context: RequestContext, task: string, spec: TaskSpec, why: string): Promise<TaskOutcome> {
    const { tenant, id: by } = context.principal;
    const { payload: _, oversight: __, ...rest } = spec;
    return await this.deps.transactor.transact(
      taskDecider,
      taskStream(tenant, task),
      withdraw(rest, by, why, toTime(this.deps.clock.now())),
      { ...context, action: 'task.withdraw' },
    );
  }

  /** Cancels a task that was posted, and sees to it that one that was not never is. */
  private async end(job: Offering, place: number, cause: Cause): Promise<Refused> {
    const { tenant, id, state, graph } = job;
    const spec = specAt(job, place);
    const task = taskIdOf(tenant, id, (graph.tasks[place] as PlannedTask).key);
    const context = this.context(job, cause);
    const { cancelled, failures } = state;
    const reason = cancelled
      ? `its job was cancelled by ${cancelled.by}: ${cancelled.reason}`
      : `its job has failed: ${failures[0]?.key} was not completed`;
    const withdrawn = await this.withdrawn(context, task, spec, reason);
    if (!withdrawn.ok || withdrawn.events.length > 0) return refusalOf(withdrawn);
    const outcome = await this.deps.tasks.cancel(context, task, reason);
    // It is over, or its time is: the job hears of that.
    return outcome.ok || outcome.rejection.kind === 'conflict' ? undefined : refusalOf(outcome);
  }

  private context({ tenant, state }: Offering, cause: Cause): RequestContext {
    return { principal: inNameOfJobs(tenant), cause, reaction: true, correlationId: state.correlation_id };
  }
}

/** Whether what keeps a task from being posted ends by itself, or by somebody's doing: it is asked for again then. */
export function endsByItself({ kind, code }: Rejection): boolean {
  return kind === 'unavailable' || code === STOPPED || WHOLE.has(code);
}

/** Whether a task is to be asked for again: the refusal ends by itself, or by somebody's doing. Throws on any other. */
function refusalOf(outcome: TaskOutcome): Refused {
  if (outcome.ok) return undefined;
  const { kind, code, message } = outcome.rejection;
  if (WHOLE.has(code)) return 'full';
  if (code === STOPPED) return 'some';
  throw new Error(`a task of a job could not be settled (${kind}): ${message}`);
}

/** The id of a task of the job that was completed, by its key. */
function completedIn({ tenant, id, state, graph }: Offering, key: string): string | undefined {
  const isDone = knownOf(state.progress, graph.places.get(key) as number) === 'completed';
  return isDone ? taskIdOf(tenant, id, key) : undefined;
}

/** What is to be posted at a place, with references in its payload still. */
function specAt({ id, state: { job }, graph }: Offering, place: number): TaskSpec {
  const { key, spec } = graph.tasks[place] as PlannedTask;
  const { requester = '', requester_via, parent } = job ?? {};
  return {
    ...spec,
    requester,
    ...(requester_via !== undefined && { requester_via }),
    ...(parent !== undefined && { parent }),
    job: { id, key },
  };
}
