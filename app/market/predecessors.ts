/** Tasks that come after others: whether they can, and what lets them go. */
import { Rejection } from '../../domain/kernel/decider';
import { Recent } from '../../domain/kernel/recent';
import { toTime } from '../../domain/kernel/time';
import { referenceProblem } from '../../domain/market/references';
import {
  awaitEnd,
  isAlive,
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

/** A task that is to be posted. */
interface Posting {
  readonly tenant: string;
  readonly id: string;
  readonly spec: TaskSpec;
  readonly refused: Rejection | undefined;
}

/** Tasks of which it is remembered who was let in to come after them. */
const MOST_ENTERED = 1_000;

export class Predecessors {
  /** By stream of a task: those that were let in to come after it, and do not stand in its state yet. */
  private readonly entering = new Recent<string, Set<string>>(MOST_ENTERED);

  constructor(private readonly deps: PredecessorsDeps) {}

  /**
   * Posts a task, unless it can't come after those that it names, or refer to their results. From here on it has its
   * place with each of them, though it stands there only later: within this process no more are let in than may be,
   * however many come at once.
   * @param posting `refused`: why it is refused already, if so
   * @param run posts it, or has its stream refuse it: that knows a command that comes again
   */
  async admit(
    { tenant, id, spec: { after, job, payload }, refused }: Posting,
    run: (refused: Rejection | undefined) => Promise<Outcome<TaskState, TaskEvent>>,
  ): Promise<Outcome<TaskState, TaskEvent>> {
    // A job has asked when it was posted.
    if (refused !== undefined || after === undefined || job !== undefined) return await run(refused);
    const wrong = after.includes(id)
      ? new Rejection('invalid', 'after-itself', `a task can't come after itself: leave ${id} out of after`)
      : referenceProblem(id, payload, (key) => after.includes(key));
    let isPosted = false;
    try {
      const outcome = await run(wrong ?? (await this.enter(tenant, id, after)));
      isPosted = outcome.ok;
      return outcome;
    } finally {
      if (!isPosted) for (const other of after) this.left(tenant, other, id);
    }
  }

  /** Why no task can come after these, if so. One of another tenant is told as one that is not there. */
  private async enter(tenant: string, by: string, ids: readonly string[]): Promise<Rejection | undefined> {
    const { tasks } = this.deps;
    for (const id of ids) {
      let { state } = await tasks.load(tenant, id);
      // What this process knows may lag behind.
      if (notToAwait(state, id) !== undefined) ({ state } = await tasks.current(tenant, id));
      const name = tasks.name(tenant, id);
      // Who waits no more, or stands there by now, is looked for only where it matters.
      if (notToAwait(state, id, this.othersOf(name, by)) !== undefined)
        for (const other of this.entering.get(name) ?? [])
          if (!(await this.isEntering(tenant, state, other))) this.left(tenant, id, other);
      const wrong = notToAwait(state, id, this.othersOf(name, by));
      if (wrong !== undefined) return wrong;
      if (isAlive(state)) this.entering.set(name, (this.entering.get(name) ?? new Set()).add(by));
    }
    return undefined;
  }

  private othersOf(name: string, by: string): number {
    const entering = this.entering.get(name);
    return entering === undefined ? 0 : entering.size - (entering.has(by) ? 1 : 0);
  }

  /** Whether it does not stand in the state yet, and will: one that is being posted is not there yet. */
  private async isEntering(tenant: string, { awaited_by }: TaskState, by: string): Promise<boolean> {
    if (awaited_by.includes(by)) return false;
    const { state } = await this.deps.tasks.load(tenant, by);
    return state.status === 'unknown' || (isAlive(state) && state.blocked);
  }

  private left(tenant: string, id: string, by: string): void {
    const name = this.deps.tasks.name(tenant, id);
    const entering = this.entering.get(name);
    entering?.delete(by);
    if (entering?.size === 0) this.entering.delete(name);
  }

  /** Has `by` told of the end of the task `id`, which it comes after. */
  async awaitEnd(context: RequestContext, id: string, by: string): Promise<Outcome<TaskState, TaskEvent>> {
    const outcome = await this.deps.tasks.decide(context, id, 'task.await', awaitEnd(id, by));
    if (outcome.ok) this.left(context.principal.tenant, id, by);
    return outcome;
  }

  /** Has `by`, which waits no more, not told of it. */
  withdrawWait(context: RequestContext, id: string, by: string): Promise<Outcome<TaskState, TaskEvent>> {
    return this.deps.tasks.decide(context, id, 'task.withdraw-wait', withdrawWait(by));
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
