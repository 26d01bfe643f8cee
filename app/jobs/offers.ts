/**
 * The tasks of a job between its plan and the market: each is posted when what it needs is there, with what it refers
 * to in its place, or withdrawn. Done again, nothing happens.
 */
import { isOffered, type JobState } from '../../domain/jobs/job';
import type { Graph, PlannedTask } from '../../domain/jobs/plan';
import { knownOf } from '../../domain/jobs/progress';
import { readReference, type Reference, referencesIn, replaced, valueAt } from '../../domain/jobs/references';
import { sha256 } from '../../domain/kernel/commit';
import { MAX_JSON_DEPTH } from '../../domain/kernel/json';
import { toTime } from '../../domain/kernel/time';
import { taskDecider, type TaskSpec, taskStream, withdraw } from '../../domain/market/task';
import { mapMarks, MAX_MARKS, MAX_SUBJECTS, readSealed } from '../../domain/personal/mark';
import { TENANT_CLOSED, TENANT_LIMIT, TENANT_UNKNOWN } from '../../domain/tenants/tenant';
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
/** And in one turn: the feed and the deadlines of all tenants wait for it. */
export const MOST_IN_A_TURN = 256;
/** Refusals of the whole tenant: who comes behind would hear the same. */
const OF_ALL: ReadonlySet<string> = new Set([TENANT_LIMIT, TENANT_CLOSED, TENANT_UNKNOWN]);

/** What a refusal that ends by itself, or by whoever lifts what it comes from, concerns: the task, or all of them. */
type KeptOut = 'one' | 'all';
/** When to go on with a job of which something is left to do: at once, or when what keeps it out may have ended. */
export type Rest = 'now' | 'later';

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
  /** The payload with results in it that is being made, and those that wait for it. */
  private making: Promise<unknown> = Promise.resolve();

  constructor(private readonly deps: OffersDeps) {}

  /**
   * Has the tasks at the first of these places posted, as far as they are to be now; or cancelled, where the job is to
   * end. Answers whether some are left, for what reason. Each of a turn is tried; then the first failure is thrown.
   *
   * @param places each with what has led to it
   */
  async settle(job: Offering, places: ReadonlyMap<number, Cause>): Promise<Rest | undefined> {
    const all = [...places].filter(([place]) => isOffered(job.state, job.graph, place));
    const turn = all.slice(0, MOST_IN_A_TURN);
    const settle = job.state.status === 'cancelling' ? this.end.bind(this, job) : this.begin.bind(this, job);
    const failures: unknown[] = [];
    let isLeft = false;
    for (let from = 0; from < turn.length; from += AT_ONCE) {
      const some = turn.slice(from, from + AT_ONCE).map(([place, cause]) => settle(place, cause));
      let isFull = false;
      for (const one of await Promise.allSettled(some)) {
        if (one.status === 'rejected') failures.push(one.reason);
        else if (one.value !== undefined) isLeft = true;
        isFull ||= one.status === 'fulfilled' && one.value === 'all';
      }
      if (isFull) break;
    }
    if (failures.length > 0) throw failures[0];
    if (isLeft) return 'later';
    return all.length > turn.length ? 'now' : undefined;
  }

  /** Posts a task, once. One that can't be posted is withdrawn: it ends with the reason. */
  private async begin(job: Offering, place: number, cause: Cause): Promise<KeptOut | undefined> {
    const { tenant, id, state } = job;
    const spec = specAt(job, place);
    const { key, when } = job.graph.tasks[place] as PlannedTask;
    const task = taskIdOf(tenant, id, key);
    // Each later end of what it comes after leads here again, with another payload: none is made for what is there.
    if (when === 'any' && (await this.deps.transactor.load(taskDecider, taskStream(tenant, task))).version >= 0)
      return undefined;
    const payload = await this.payloadOf(job, spec.payload);
    const context = this.context(job, cause);
    if ('wrong' in payload) return this.keptOut(await this.withdrawn(context, task, spec, NOT_POSTED + payload.wrong));
    const command = { key: `job:${id}`, hash: sha256(JSON.stringify([state.job?.plan_ref, place])) };
    const posting = payload.value === undefined ? spec : { ...spec, payload: payload.value };
    const outcome = await this.deps.tasks.post({ ...context, command }, task, posting);
    if (outcome.ok || outcome.rejection.code === 'task-exists') return undefined;
    const { kind, code } = outcome.rejection;
    if (kind === 'unavailable' || code === STOPPED || OF_ALL.has(code)) return this.keptOut(outcome);
    return this.keptOut(await this.withdrawn(context, task, spec, NOT_POSTED + outcome.rejection.message));
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
  private async end(job: Offering, place: number, cause: Cause): Promise<KeptOut | undefined> {
    const { tenant, id, state } = job;
    const spec = specAt(job, place);
    const task = taskIdOf(tenant, id, (spec.job as { readonly key: string }).key);
    const context = this.context(job, cause);
    const { cancelled, failures } = state;
    const reason = cancelled
      ? `its job was cancelled by ${cancelled.by}: ${cancelled.reason}`
      : `its job has failed: ${failures[0]?.key} was not completed`;
    const withdrawn = await this.withdrawn(context, task, spec, reason);
    if (!withdrawn.ok || withdrawn.events.length > 0) return this.keptOut(withdrawn);
    const outcome = await this.deps.tasks.cancel(context, task, reason);
    // It is over, or its time is: the job hears of that.
    return outcome.ok || outcome.rejection.kind === 'conflict' ? undefined : this.keptOut(outcome);
  }

  private keptOut(outcome: TaskOutcome): KeptOut | undefined {
    if (outcome.ok) return undefined;
    const { kind, code, message } = outcome.rejection;
    if (code === STOPPED) return 'one';
    if (OF_ALL.has(code)) return 'all';
    throw new Error(`a task of a job could not be settled (${kind}): ${message}`);
  }

  private context({ tenant, state }: Offering, cause: Cause): RequestContext {
    return { principal: inNameOfJobs(tenant), cause, reaction: true, correlationId: state.correlation_id };
  }

  /**
   * A payload with each reference replaced by what it refers to; null where that task was not completed. One is made
   * after the other: each may hold many times in memory what comes of it.
   */
  private async payloadOf(job: Offering, payload: unknown): Promise<Filled> {
    const keys = new Set<string>();
    for (const [holder] of referencesIn(payload)) keys.add((readReference(holder) as Reference).key);
    if (keys.size === 0) return { value: payload };
    const made = this.making.then(() => this.filled(job, payload, keys));
    this.making = made.catch(() => undefined);
    return await made;
  }

  private async filled(job: Offering, payload: unknown, keys: ReadonlySet<string>): Promise<Filled> {
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
    if (left < 0 || Buffer.byteLength(JSON.stringify(value)) > MAX_PAYLOAD_BYTES) return { wrong: TOO_LARGE };
    const wrong = beyondRequests(value);
    return wrong === undefined ? { value } : { wrong };
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

/** Why an agent could not be given a payload, or could not send it: what no request may hold, none may be given. */
function beyondRequests(value: unknown): string | undefined {
  const subjects = new Set<string>();
  let marks = 0;
  mapMarks(value, (holder) => {
    const sealed = readSealed(holder);
    if (sealed !== undefined) {
      marks += 1;
      subjects.add(sealed.subject);
    }
    return holder;
  });
  if (marks > MAX_MARKS || subjects.size > MAX_SUBJECTS)
    return `with the results that it refers to its payload has more than ${MAX_MARKS} marked values, or those of more than ${MAX_SUBJECTS} people: refer to less of them`;
  return isDeeper(value, MAX_JSON_DEPTH)
    ? `with the results that it refers to its payload is nested deeper than ${MAX_JSON_DEPTH} levels`
    : undefined;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
}

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
