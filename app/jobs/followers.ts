/**
 * Tasks that come after others which were posted before: each is held until those are completed, and ends when they
 * can't be any more. Whoever waits stands in the stream of what it waits for; so either the end of that finds it there,
 * or it finds the end when it has written itself down. Found from the states, so that a redelivery finds nothing left
 * to do. What reads much has its turn beside the feed and the deadlines: all tenants wait for those.
 */
import type { Commit } from '../../domain/kernel/commit';
import { Rejection } from '../../domain/kernel/decider';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import { cut } from '../../domain/kernel/text';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import {
  isAlive,
  outlookOf,
  taskDecider,
  type TaskEvent,
  type TaskSpec,
  type TaskState,
  taskStream,
  TOO_MANY_AFTER,
} from '../../domain/market/task';
import type { Cause, RequestContext } from '../engine/command';
import type { Reason } from '../engine/deadlines';
import type { Engine } from '../engine/engine';
import { causeOfPart, type Change, eventsOf } from '../engine/reacting';
import type { Predecessors, TaskOutcome, Tasks } from '../market/module';
import { Backlog, type Looks } from './backlog';
import { type Completed, type Fill, type Filled, type Filling, type Read, Reading } from './filling';
import { inNameOfJobs } from './jobs';
import { AT_ONCE, endsByItself, MAX_REASON, NOT_POSTED } from './offers';
import { AGAIN_SECONDS, STANDING_SECONDS, standingSeconds } from './standing';
import { endOf } from './task-ends';

/** Looks in a second that the deadlines of all tenants wait for: each reads a task and those that it comes after. */
const MOST_LOOKS = 256;

export interface FollowersDeps extends Pick<Engine, 'transactor' | 'deadlines' | 'clock' | 'report'> {
  readonly tasks: Pick<Tasks, 'blob' | 'cancel'>;
  readonly predecessors: Predecessors;
  readonly filling: Filling;
  /** That of the backlog. */
  readonly aside: Filling;
}

/** A task that one comes after, as it is. */
type Before = TaskState & { readonly id: string };

export class Followers {
  private readonly due: Reason;
  /** What is read before this time for all that is let go: the feed and the deadlines of all tenants wait for it. */
  private read: { readonly until: Time; readonly reading: Reading } = { until: toTime(0), reading: new Reading() };
  private readonly backlog: Backlog;
  /** Of the tenant that the backlog has come to: what it refers to next is mostly the same. */
  private aside: { readonly tenant: string; readonly fill: Fill } | undefined;

  constructor(private readonly deps: FollowersDeps) {
    const look: Looks['look'] = (stream, isAside) => this.look(stream, isAside);
    this.backlog = new Backlog({ reason: 'blocked', most: MOST_LOOKS, look }, deps);
    this.due = this.backlog.due;
  }

  /** Begins nothing any more, and waits for what is under way beside the feed and the deadlines. */
  stop(): Promise<void> {
    return this.backlog.stop();
  }

  /** What follows from a task for itself, where it comes after others, and for those that come after it. */
  async react(change: Change, state: TaskState): Promise<void> {
    const { stream, tenant, cause } = change;
    // Those that come after one task mostly refer to the same.
    const fill = this.filling(tenant);
    const ended = [...eventsOf<TaskEvent>(change)].find(({ event }) => endOf(event) !== undefined);
    const from = ended === undefined ? cause : causeOfPart(change, ended.commit);
    const settle = async (id: string) => {
      const follower = taskStream(tenant, id);
      await this.settleAndWish(follower, from, fill, (due) =>
        this.deps.deadlines.schedule([{ stream: follower, reason: this.due, due }]),
      );
    };
    const told = ended === undefined ? [] : state.awaited_by;
    const failures: unknown[] = [];
    for (let next = 0; next < told.length; next += AT_ONCE) {
      const settled = await Promise.allSettled(told.slice(next, next + AT_ONCE).map(settle));
      // One that fails keeps no other from its turn.
      failures.push(...settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : [])));
    }
    const comesAfter = state.spec?.after !== undefined;
    if (comesAfter) await this.settleAndWish(stream, cause, fill, (due) => change.wish(this.due, due));
    if (failures.length > 0) throw failures[0];
  }

  /** As `settle`; `wish` is told when it is to be looked at again. */
  private async settleAndWish(
    stream: string,
    cause: Cause,
    fill: Fill,
    wish: (due: Time) => void | Promise<void>,
  ): Promise<void> {
    let due: Time | undefined;
    try {
      due = await this.settle(stream, cause, fill);
    } catch (error) {
      // What was committed is tried a few times more, and then put aside: the task is not.
      await wish(this.again());
      throw error;
    }
    if (due !== undefined) await wish(due);
  }

  private async look(stream: string, isAside: boolean): Promise<Time | undefined> {
    const { tenant } = parseStream(stream);
    const cause = await this.deps.transactor.cause(tenant, commitRef(stream, 0));
    if (cause === undefined) return undefined;
    try {
      return await this.settle(stream, cause, isAside ? this.fillingAside(tenant) : this.filling(tenant), true);
    } finally {
      // What was read is not kept for nobody.
      if (isAside && this.backlog.size(tenant) === 1) this.aside = undefined;
    }
  }

  private fillingAside(tenant: string): Fill {
    if (this.aside?.tenant !== tenant)
      this.aside = { tenant, fill: this.deps.aside.turn(tenant, new Reading(Number.POSITIVE_INFINITY)) };
    return this.aside.fill;
  }

  /** Makes payloads that the feed or the deadlines wait for. */
  private filling(tenant: string): Fill {
    // Whoever comes behind others of its tenant that wait reads nothing now, and leaves this second to other tenants.
    return this.deps.filling.turn(tenant, this.backlog.size(tenant) > 0 ? new Reading(-1) : this.reading());
  }

  private reading(): Reading {
    const now = this.now();
    if (now >= this.read.until) this.read = { until: plusSeconds(now, 1), reading: new Reading() };
    return this.read.reading;
  }

  /**
   * Sees to a task that waits for others, or has done so; answers when it is to be looked at again. A look leaves
   * nothing out.
   */
  private async settle(stream: string, cause: Cause, fill: Fill, isLook = false): Promise<Time | undefined> {
    const { tenant, id } = parseStream(stream);
    const { transactor } = this.deps;
    const { state } = await transactor.current(taskDecider, stream);
    const { spec, blocked, correlation_id, posted_at } = state;
    if (spec?.after === undefined) return undefined;
    // Those that come after each other are as many as there are, and no circle: this is no storm, however deep.
    const from: Cause = { ...cause, depth: 0 };
    const context = { principal: inNameOfJobs(tenant), cause: from, reaction: true, correlationId: correlation_id };
    const known: Before[] = [];
    for (const other of spec.after)
      known.push({ ...(await transactor.load(taskDecider, taskStream(tenant, other))).state, id: other });
    const isTold = (one: Before) => isAlive(one) && one.awaited_by.includes(id);
    if (!blocked || !isAlive(state)) return await this.leaves(context, id, known.filter(isTold));
    const letGo = (by: readonly Before[]) =>
      this.unblocked(context, id, spec, (payload) => fill(payload, completedOf(by)));
    const completed = known.filter(({ status }) => status === 'completed');
    // Where one is enough, and is there, the others need not tell of their ends.
    if (spec.when === 'any' && completed.length > 0) return await letGo(completed);
    const before: Before[] = [];
    let isKeptOut = false;
    let hasNoPlace = false;
    for (const other of [...known.filter((one) => !isTold(one)), ...known.filter(isTold)]) {
      const found = await this.awaited(context, other, id);
      const isRefused = found instanceof Rejection;
      if (isRefused && spec.when !== 'any' && !mayBeLetIn(found))
        return await this.cancelled(context, id, found.message);
      // Another may let it go, or end it: this one is asked again, or looked at when the time comes.
      isKeptOut ||= isRefused && endsByItself(found);
      hasNoPlace ||= isRefused && found.code === TOO_MANY_AFTER;
      before.push(isRefused ? other : found);
      // The end of this one is still to come, and looks at those behind it: not each end reads all others.
      if (!isLook && !isRefused && isTold(other) && isTold(found)) break;
    }
    const outlook = outlookOf(spec.when, before);
    const now = this.now();
    if (outlook.is === 'waiting' && isKeptOut) return this.again();
    // Nothing tells it of the end: it finds that, or room, by itself.
    if (outlook.is === 'waiting')
      return plusSeconds(now, standingSeconds(posted_at, now, hasNoPlace ? AGAIN_SECONDS : STANDING_SECONDS));
    if (outlook.is === 'lost') return await this.cancelled(context, id, outlook.why);
    return await letGo(before);
  }

  /** A task that `by` comes after, as it is once it tells of its end, or has ended. */
  private async awaited(context: RequestContext, known: Before, by: string): Promise<Before | Rejection> {
    const { transactor, predecessors } = this.deps;
    const { id, status, awaited_by, correlation_id } = known;
    // Nothing becomes of that any more.
    if (status === 'completed') return known;
    if (awaited_by.includes(by)) {
      const { state } = await transactor.current(taskDecider, taskStream(context.principal.tenant, id));
      return { ...state, id };
    }
    const outcome = await predecessors.awaitEnd({ ...context, correlationId: correlation_id }, id, by);
    return outcome.ok ? { ...outcome.state, id } : outcome.rejection;
  }

  /** It waits for these no more: others may in its place. */
  private async leaves(context: RequestContext, id: string, told: readonly Before[]): Promise<Time | undefined> {
    let due: Time | undefined;
    for (const { id: other, correlation_id } of told) {
      const from = { ...context, correlationId: correlation_id };
      due = this.after(await this.deps.predecessors.withdrawWait(from, other, id)) ?? due;
    }
    return due;
  }

  private async unblocked(
    context: RequestContext,
    id: string,
    spec: TaskSpec,
    fill: (payload: unknown) => Promise<Filled>,
  ): Promise<Time | undefined> {
    const { tenant } = context.principal;
    let { payload } = spec;
    const { payload_ref } = spec;
    const read = async () => {
      const found = await this.payloadAt(tenant, id, payload_ref as string);
      payload = found.value;
      return found;
    };
    const filled = await fill(payload_ref === undefined ? payload : read);
    if ('later' in filled) return this.backlog.later(taskStream(tenant, id));
    if ('wrong' in filled) return await this.cancelled(context, id, NOT_POSTED + filled.wrong);
    const isAsItWas = filled.value === payload;
    return this.after(await this.deps.predecessors.unblock(context, id, spec, isAsItWas ? undefined : filled));
  }

  /** As it was posted. */
  private async payloadAt(tenant: string, id: string, reference: string): Promise<Read> {
    const bytes = await this.deps.tasks.blob(tenant, id, reference);
    if (bytes === undefined) throw new Error(`the payload ${reference} of ${id} is not there`);
    return { value: JSON.parse(Buffer.from(bytes).toString('utf8')), bytes: bytes.length };
  }

  private async cancelled(context: RequestContext, id: string, why: string): Promise<Time | undefined> {
    return this.after(await this.deps.tasks.cancel(context, id, cut(why, MAX_REASON)));
  }

  /** When it is asked for again. One that is over meanwhile is left as it is. */
  private after(outcome: TaskOutcome): Time | undefined {
    if (outcome.ok) return undefined;
    const { rejection } = outcome;
    if (endsByItself(rejection)) return this.again();
    if (rejection.kind === 'conflict') return undefined;
    throw new Error(`a task that comes after others could not be settled: ${rejection.message}`);
  }

  private again(): Time {
    return plusSeconds(this.now(), AGAIN_SECONDS);
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }
}

/** Those of which a reference may have the result; what it names is the id itself. */
function completedOf(before: readonly Before[]): Completed {
  const ids = new Set(before.filter(({ status }) => status === 'completed').map(({ id }) => id));
  return (id) => (ids.has(id) ? id : undefined);
}

/** Whether what it comes after may be told later to tell of its end: else it never would. */
function mayBeLetIn(rejection: Rejection): boolean {
  return endsByItself(rejection) || rejection.code === TOO_MANY_AFTER;
}

/** Whether something follows for those that come after others. */
export function concernsFollowers({ events }: Pick<Commit, 'events'>): boolean {
  return (events as readonly TaskEvent[]).some(
    (event) =>
      endOf(event) !== undefined ||
      event.type === 'TaskUnblocked' ||
      (event.type === 'TaskPosted' && event.data.spec.after !== undefined),
  );
}
