/**
 * The tasks of a job between its plan and the market: each is posted when what it needs is there, with what it refers
 * to in its place, or withdrawn. Done again, nothing happens.
 */
import { isOffered, type JobState } from '../../domain/jobs/job';
import type { Graph, PlannedTask } from '../../domain/jobs/plan';
import { knownOf } from '../../domain/jobs/progress';
import { readReference, type Reference, referencesIn, replaced, valueAt } from '../../domain/jobs/references';
import { sha256 } from '../../domain/kernel/commit';
import { toTime } from '../../domain/kernel/time';
import { taskDecider, type TaskSpec, taskStream, withdraw } from '../../domain/market/task';
import type { Cause, RequestContext } from '../engine/command';
import type { Clock } from '../engine/ports';
import { STOPPED } from '../engine/standstill';
import type { Transactor } from '../engine/transact';
import type { TaskOutcome, Tasks } from '../market/module';
import { inNameOfJobs, taskIdOf } from './jobs';

/** Most bytes of a payload with the results in it. */
export const MAX_PAYLOAD_BYTES = 1_000_000;
/** Tasks that are posted, or cancelled, at once. */
const AT_ONCE = 64;
/** Refusals that end by themselves, or by somebody who lifts what they come from: asked again later. */
const LATER: ReadonlySet<string> = new Set([STOPPED, 'tenant-limit', 'tenant-closed', 'tenant-unknown']);

export interface OffersDeps {
  readonly tasks: Tasks;
  readonly transactor: Pick<Transactor, 'load' | 'current' | 'transact'>;
  readonly clock: Clock;
}

/** A job, as far as its tasks are concerned. */
export interface Offering {
  readonly tenant: string;
  readonly id: string;
  readonly state: JobState;
  readonly graph: Graph;
}

export class Offers {
  constructor(private readonly deps: OffersDeps) {}

  /**
   * Has the tasks at these places posted, as far as they are to be now; or cancelled, where the job is to end. Answers
   * whether some have to be asked for again later. Throws when the store could not do it.
   *
   * @param places each with what has led to it
   */
  async settle(job: Offering, places: ReadonlyMap<number, Cause>): Promise<boolean> {
    const all = [...places].filter(([place]) => isOffered(job.state, job.graph, place));
    const settle = job.state.status === 'cancelling' ? this.end.bind(this, job) : this.begin.bind(this, job);
    let again = false;
    for (let from = 0; from < all.length; from += AT_ONCE) {
      const outcomes = await Promise.all(all.slice(from, from + AT_ONCE).map(([place, cause]) => settle(place, cause)));
      again ||= outcomes.includes('later');
    }
    return again;
  }

  /** Posts a task, once. One that can't be posted is withdrawn: it ends with the reason. */
  private async begin(job: Offering, place: number, cause: Cause): Promise<'later' | undefined> {
    const { tenant, id, state } = job;
    const spec = specAt(job, place);
    const task = taskIdOf(tenant, id, (job.graph.tasks[place] as PlannedTask).key);
    const payload = await this.payloadOf(job, spec.payload);
    const context = this.context(job, cause);
    if ('wrong' in payload) return this.orLater(await this.withdrawn(context, task, spec, NOT_POSTED + payload.wrong));
    const command = { key: `job:${id}`, hash: sha256(JSON.stringify([state.job?.plan_ref, place])) };
    const posting = payload.value === undefined ? spec : { ...spec, payload: payload.value };
    const outcome = await this.deps.tasks.post({ ...context, command }, task, posting);
    if (outcome.ok || outcome.rejection.code === 'task-exists') return undefined;
    const { kind, code } = outcome.rejection;
    if (kind === 'unavailable' || LATER.has(code)) return this.orLater(outcome);
    return this.orLater(await this.withdrawn(context, task, spec, NOT_POSTED + outcome.rejection.message));
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
  private async end(job: Offering, place: number, cause: Cause): Promise<'later' | undefined> {
    const { tenant, id, state } = job;
    const spec = specAt(job, place);
    const task = taskIdOf(tenant, id, (spec.job as { readonly key: string }).key);
    const context = this.context(job, cause);
    const { cancelled, failures } = state;
    const reason = cancelled
      ? `its job was cancelled by ${cancelled.by}: ${cancelled.reason}`
      : `its job has failed: ${failures[0]?.key} was not completed`;
    const withdrawn = await this.withdrawn(context, task, spec, reason);
    if (!withdrawn.ok || withdrawn.events.length > 0) return this.orLater(withdrawn);
    const outcome = await this.deps.tasks.cancel(context, task, reason);
    // It is over, or its time is: the job hears of that.
    return outcome.ok || outcome.rejection.kind === 'conflict' ? undefined : this.orLater(outcome);
  }

  private orLater(outcome: TaskOutcome): 'later' | undefined {
    if (outcome.ok) return undefined;
    const { kind, code, message } = outcome.rejection;
    if (LATER.has(code)) return 'later';
    throw new Error(`a task of a job could not be settled (${kind}): ${message}`);
  }

  private context({ tenant, state }: Offering, cause: Cause): RequestContext {
    return { principal: inNameOfJobs(tenant), cause, reaction: true, correlationId: state.correlation_id };
  }

  /** A payload with each reference replaced by what it refers to; null where that task was not completed. */
  private async payloadOf(job: Offering, payload: unknown): Promise<Filled> {
    const keys = new Set<string>();
    for (const [holder] of referencesIn(payload)) keys.add((readReference(holder) as Reference).key);
    if (keys.size === 0) return { value: payload };
    const results = new Map<string, unknown>();
    let bytes = 0;
    for (const key of keys) {
      const place = job.graph.places.get(key) as number;
      if (knownOf(job.state.progress, place) !== 'completed') continue;
      const result = await this.resultOf(job, key);
      results.set(key, result);
      bytes += Buffer.byteLength(JSON.stringify(result ?? null));
      if (bytes > MAX_READ_BYTES) return { wrong: TOO_LARGE };
    }
    let missing: string | undefined;
    let left = MAX_PAYLOAD_BYTES;
    const value = replaced(payload, ({ key, path }) => {
      // What is repeated is not made before it is known that it may be.
      if (!results.has(key) || left < 0) return null;
      const found = valueAt(results.get(key), path);
      if (found === undefined) missing ??= notThere(key, path);
      left -= Buffer.byteLength(JSON.stringify(found ?? null));
      return found;
    });
    if (missing !== undefined) return { wrong: missing };
    const isTooLarge = left < 0 || Buffer.byteLength(JSON.stringify(value)) > MAX_PAYLOAD_BYTES;
    return isTooLarge ? { wrong: TOO_LARGE } : { value };
  }

  /** The result of a task that was completed, from its receipt or from the archive. */
  private async resultOf({ tenant, id }: Offering, key: string): Promise<unknown> {
    const task = taskIdOf(tenant, id, key);
    const stream = taskStream(tenant, task);
    let { state } = await this.deps.transactor.load(taskDecider, stream);
    if (state.completion === undefined) ({ state } = await this.deps.transactor.current(taskDecider, stream));
    const { result, result_ref } = state.completion ?? {};
    if (result_ref === undefined) return result;
    const bytes = await this.deps.tasks.blob(tenant, task, result_ref);
    return JSON.parse(Buffer.from(bytes as Uint8Array).toString('utf8')) as unknown;
  }
}

/** Most bytes of results that are read for one payload: a part may be all that is wanted of each. */
const MAX_READ_BYTES = 16_000_000;

const NOT_POSTED = 'it could not be posted: ';
const TOO_LARGE = `with the results that it refers to its payload is larger than ${MAX_PAYLOAD_BYTES} bytes: refer to less of them`;

/** A payload with results in it, or why there can be none. */
type Filled = { readonly value: unknown } | { readonly wrong: string };

function notThere(key: string, path: readonly string[]): string {
  return `${key} was completed without ${path.length === 0 ? 'a result' : `a value at /${path.join('/')} of its result`}`;
}

/** What is to be posted at a place, with references in its payload still. */
function specAt({ id, state: { job }, graph }: Offering, place: number): TaskSpec {
  const { key, spec } = graph.tasks[place] as PlannedTask;
  return { ...spec, requester: job?.requester ?? '', job: { id, key } };
}
