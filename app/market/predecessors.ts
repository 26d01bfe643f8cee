/** Tasks that come after others: whether they can, and what lets them go. */
import { Rejection } from '../../domain/kernel/decider';
import { toTime } from '../../domain/kernel/time';
import { referenceProblem } from '../../domain/market/references';
import {
  awaitEnd,
  notToAwait,
  type TaskEvent,
  type TaskSpec,
  type TaskState,
  unblock,
  withdrawWait,
} from '../../domain/market/task';
import type { Aggregate } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import type { Clock } from '../engine/ports';
import { type Payloads, placedFor } from './payloads';

export interface PredecessorsDeps {
  readonly tasks: Aggregate<TaskState, TaskEvent, unknown>;
  readonly payloads: Pick<Payloads, 'keep'>;
  readonly clock: Clock;
}

export class Predecessors {
  constructor(private readonly deps: PredecessorsDeps) {}

  /** Why the task can't come after those that it names, or refer to their results, if so. */
  async problemOf(tenant: string, id: string, { after, job, payload }: TaskSpec): Promise<Rejection | undefined> {
    // A job has asked when it was posted.
    if (after === undefined || job !== undefined) return undefined;
    if (after.includes(id))
      return new Rejection('invalid', 'after-itself', `a task can't come after itself: leave ${id} out of after`);
    return referenceProblem(id, payload, (key) => after.includes(key)) ?? (await this.problemWith(tenant, after));
  }

  /** Why no task can come after these, if so. One of another tenant is told as one that is not there. */
  async problemWith(tenant: string, ids: readonly string[]): Promise<Rejection | undefined> {
    const { tasks } = this.deps;
    for (const id of ids) {
      const known = notToAwait((await tasks.load(tenant, id)).state, id);
      // What this process knows may lag behind.
      const wrong = known && notToAwait((await tasks.current(tenant, id)).state, id);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  /** Has `by` told of the end of the task `id`, which it comes after. */
  awaitEnd(context: RequestContext, id: string, by: string): Promise<Outcome<TaskState, TaskEvent>> {
    return this.deps.tasks.decide(context, id, 'task.await', awaitEnd(id, by));
  }

  /** Has `by`, which waits no more, not told of it. */
  withdrawWait(context: RequestContext, id: string, by: string): Promise<Outcome<TaskState, TaskEvent>> {
    return this.deps.tasks.decide(context, id, 'task.await', withdrawWait(by));
  }

  /**
   * What the task comes after is there.
   *
   * @param spec what it was posted as
   * @param filled its payload, where results were put into it
   */
  async unblock(
    context: RequestContext,
    id: string,
    spec: TaskSpec,
    filled: { readonly value: unknown } | undefined,
  ): Promise<Outcome<TaskState, TaskEvent>> {
    const { tasks, payloads, clock } = this.deps;
    const payload = placedFor(spec, filled?.value);
    const name = tasks.name(context.principal.tenant, id);
    const full = await payloads.keep({ ...context, action: 'task.unblock' }, name, payload);
    if (full !== undefined) return { ok: false, rejection: full };
    const named = 'inline' in payload ? filled && { payload: filled.value } : { payload_ref: payload.reference };
    return await tasks.decide(context, id, 'task.unblock', unblock(named, toTime(clock.now())));
  }
}
