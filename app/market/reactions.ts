/**
 * What follows from an event: the next command, found from the event and the target's state, so that a redelivery
 * finds nothing left to do. Reactions hold no memory that matters.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { AlteredReceipt, type Commit } from '../../domain/kernel/commit';
import { parseCommitRef, parseStream } from '../../domain/kernel/ids';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { agentDecider, agentDue, type AgentEvent, type AgentState, releaseSlot } from '../../domain/market/agent';
import type { PauseState } from '../../domain/market/pause';
import {
  freedSlot,
  giveBack,
  isAlive,
  nextAward,
  taskDecider,
  taskDue,
  type TaskEvent,
  type TaskState,
} from '../../domain/market/task';
import type { Consumer } from '../engine/feed';
import type { Clock, Deadline, Deadlines } from '../engine/ports';
import { traced } from '../engine/telemetry';
import { type Cause, causeOf, type Committed, type Transactor } from '../engine/transact';
import type { Watchdog } from '../engine/watchdog';
import { type Agents, agentStream } from './agents';
import { Market } from './market';
import { type Tasks, taskStream } from './tasks';

const TASK_DUE = 'task';
const SLOTS_DUE = 'slots';
const PRESENCE_DUE = 'presence';

/** When a deadline of a stream that was altered is looked at again: by then somebody may have repaired it. */
const ALTERED_AGAIN_SECONDS = 60;
const TIMER_BATCH = 500;
const SWEEP_EVERY_MS = 5_000;

export class Reactions implements Consumer {
  readonly name = 'reactions';
  /** Deadlines known to stand, by `stream reason`: an earlier one that stands makes a later one needless. */
  private readonly standing = new Map<string, Time>();
  private timers: NodeJS.Timeout[] = [];
  private firing: Promise<void> | undefined;
  private readonly handlers = new Map<string, (stream: string) => Promise<Time | undefined>>();

  constructor(
    private readonly transactor: Transactor,
    private readonly market: Market,
    private readonly agents: Agents,
    private readonly deadlines: Deadlines,
    private readonly clock: Clock,
    private readonly report: (message: string, facts: Record<string, unknown>) => void,
    private readonly watchdog: Watchdog,
    private readonly tasks: Tasks,
  ) {
    transactor.onCommitted((committed) => this.note(committed));
  }

  async handle(commits: readonly Commit[]): Promise<void> {
    const byStream = new Map<string, Commit[]>();
    for (const commit of commits) {
      const of = byStream.get(commit.stream);
      if (of === undefined) byStream.set(commit.stream, [commit]);
      else of.push(commit);
    }
    const due: Deadline[] = [];
    const results = await Promise.allSettled([...byStream].map(([stream, own]) => this.stream(stream, own, due)));
    await this.schedule(due);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /**
   * Has deadlines of a reason handled elsewhere; the handler answers when to look again, undefined when nothing waits.
   */
  on(reason: string, handler: (stream: string) => Promise<Time | undefined>): void {
    this.handlers.set(reason, handler);
  }

  /** Starts to fire deadlines, every `everyMs` milliseconds. */
  start(everyMs = 50): void {
    const failed = (error: unknown) => this.report('deadlines could not be fired', { error: String(error) });
    this.timers = [
      setInterval(() => {
        this.firing ??= this.fire()
          .catch(failed)
          .finally(() => (this.firing = undefined));
      }, everyMs),
      setInterval(() => void this.market.sweep().catch(failed), SWEEP_EVERY_MS),
    ];
  }

  async stop(): Promise<void> {
    this.watchdog.stop();
    for (const timer of this.timers) clearInterval(timer);
    await this.firing;
  }

  /** Fires one deadline that a trigger has handed over. Rejects when it has to be handed over again. */
  async fired(deadline: Deadline): Promise<void> {
    const next: Deadline[] = [];
    this.standing.delete(`${deadline.stream} ${deadline.reason}`);
    await this.deadline(deadline, next);
    await this.schedule(next);
  }

  /** Fires what is due: at least once, late rather than never. */
  async fire(): Promise<void> {
    // After an absence, what others have sent meanwhile is read first.
    if (this.watchdog.look()) await nextTurn();
    for (;;) {
      const due = await this.deadlines.due(toTime(this.clock.now()), TIMER_BATCH);
      if (due.length === 0) return;
      const next: Deadline[] = [];
      // From here on a wish for the same stream is news: what it asks for may come after the look below.
      for (const { stream, reason } of due) this.standing.delete(`${stream} ${reason}`);
      const results = await Promise.allSettled(due.map((deadline) => this.deadline(deadline, next)));
      results.forEach((result, i) => {
        if (result.status === 'fulfilled') return;
        // A look that failed is taken again a little later, at a stream that was altered much later; it must not keep
        // the others from their turn.
        const deadline = due[i] as Deadline;
        this.report('a deadline failed', { ...deadline, error: String(result.reason) });
        next.push({
          ...deadline,
          due: plusSeconds(
            toTime(this.clock.now()),
            result.reason instanceof AlteredReceipt ? ALTERED_AGAIN_SECONDS : 1,
          ),
        });
      });
      await this.deadlines.settle(due, next);
      this.remember(next);
      if (due.length < TIMER_BATCH) return;
    }
  }

  /** Keeps the market's books and wakes long polls, right after a commit of this process is durable. */
  private note({ category, stream, state, version, here }: Committed): void {
    const { tenant, id } = parseStream(stream);
    if (category === 'pause') this.market.pauses.update(tenant, state as PauseState, version);
    if (category !== 'task' && category !== 'agent') return;
    if (category === 'agent') {
      this.market.agents.update(tenant, id, state as AgentState, version);
      // Of what another process has reserved for it, the award may have been heard of before the slot.
      if (!here) this.agents.ring(tenant, id);
      return;
    }
    const task = state as TaskState;
    this.market.tasks.update(tenant, id, stream, task, version);
    // Whatever has led there: an award that waits for its agent is told.
    if (task.status === 'awarded' && task.holder !== undefined) this.agents.ring(tenant, task.holder.agent);
  }

  private async stream(stream: string, commits: readonly Commit[], due: Deadline[]): Promise<void> {
    const { tenant, category, id } = parseStream(stream);
    const behind = this.transactor.catchUp(stream, (commits.at(-1) as Commit).index);
    if (behind !== undefined) await behind;
    // What waited for the end of a pause is looked at now, and not only when its turn comes.
    if (category === 'pause' && commits.some(({ events }) => events.some(({ type }) => type === 'Resumed')))
      await this.market.sweep();
    if (category !== 'task' && category !== 'agent') return;
    const last = commits.at(-1) as Commit;
    await traced(
      `react ${category}`,
      'consumer',
      last.meta.traceparent,
      { 'formicary.stream': stream },
      async (traceparent) => {
        const cause = { ...causeOf(last), traceparent };
        if (category === 'task') await this.task(tenant, id, stream, commits, cause, due);
        else await this.agent(tenant, id, stream, commits, cause, due);
      },
    );
  }

  private async task(
    tenant: string,
    id: string,
    stream: string,
    commits: readonly Commit[],
    cause: Cause,
    due: Deadline[],
  ): Promise<void> {
    const { state, version } = await this.transactor.load(taskDecider, stream);
    this.market.tasks.update(tenant, id, stream, state, version);
    for (const commit of commits) {
      for (const event of commit.events as readonly TaskEvent[]) {
        const freed = freedSlot(event);
        if (freed === undefined) continue;
        await this.transactor.transact(
          agentDecider,
          agentStream(tenant, freed.agent),
          releaseSlot(id, freed.award, freed.outcome),
          {
            principal: Market.principal(tenant),
            action: 'agent.release',
            cause: { ...causeOf(commit), traceparent: cause.traceparent },
            reaction: true,
            correlationId: state.correlation_id,
          },
        );
      }
    }
    const now = toTime(this.clock.now());
    if (state.status === 'open' && state.ready_at <= now) await this.market.consider(tenant, id, cause);
    const after = this.transactor.peek<TaskState>(stream)?.state ?? state;
    this.wish(due, stream, TASK_DUE, taskDue(after, now));
  }

  private async agent(
    tenant: string,
    id: string,
    stream: string,
    commits: readonly Commit[],
    cause: Cause,
    due: Deadline[],
  ): Promise<void> {
    const { state, version } = await this.transactor.load(agentDecider, stream);
    this.market.agents.update(tenant, id, state, version);
    let able: Cause | undefined;
    let left: Departure | undefined;
    for (const commit of commits) {
      for (const event of commit.events as readonly AgentEvent[]) {
        const here =
          event.type === 'AgentRegistered' || event.type === 'AgentReturned' || event.type === 'AgentRevised';
        if (here && state.profile !== undefined)
          this.wish(due, stream, PRESENCE_DUE, plusSeconds(toTime(this.clock.now()), state.profile.presence_seconds));
        left = departure(event, commit) ?? left;
        if (here || event.type === 'SlotReleased') able = { ...causeOf(commit), traceparent: cause.traceparent };
      }
    }
    if (left !== undefined)
      await this.giveAllBack(tenant, id, state, left, { ...causeOf(left.commit), traceparent: cause.traceparent });
    if (state.status === 'active' && able !== undefined) await this.market.serve(tenant, id, able);
    this.wish(due, stream, SLOTS_DUE, agentDue(state));
  }

  /**
   * An agent that was lost, or left, gives back what it held then: also when it is here again before anybody looks, for
   * whoever comes back begins with nothing.
   */
  private async giveAllBack(
    tenant: string,
    id: string,
    state: AgentState,
    { commit, end, reason }: Departure,
    cause: Cause,
  ): Promise<void> {
    const now = toTime(this.clock.now());
    for (const [task, { award, receipt }] of Object.entries(state.slots)) {
      if ((parseCommitRef(receipt)?.index ?? 0) > commit.index) continue;
      const { correlationId } = await this.transactor.load(taskDecider, taskStream(tenant, task));
      const given = await this.transactor.transact(
        taskDecider,
        taskStream(tenant, task),
        giveBack({ agent: id, award }, end, reason, now),
        {
          principal: Market.principal(tenant),
          action: 'task.give-back',
          cause,
          reaction: true,
          correlationId,
        },
      );
      // Its award may be under way still, in another process: it must not come to somebody who is not there.
      if (given.ok && award >= nextAward(given.state))
        await this.market.settleSlot(
          tenant,
          task,
          { agent: id, award },
          { ...cause, correlationId: given.state.correlation_id },
        );
    }
  }

  private async deadline({ stream, reason }: Deadline, next: Deadline[]): Promise<void> {
    const { tenant, id } = parseStream(stream);
    const handler = this.handlers.get(reason);
    if (handler !== undefined) {
      const due = await handler(stream);
      if (due !== undefined) next.push({ stream, reason, due });
      return;
    }
    if (reason === PRESENCE_DUE) {
      const due = await this.agents.checkPresence(tenant, id);
      if (due !== undefined) next.push({ stream, reason, due });
      return;
    }
    if (reason === SLOTS_DUE) {
      await this.agents.sweepSlots(tenant, id);
      const due = agentDue((await this.transactor.current(agentDecider, stream)).state);
      if (due !== undefined) next.push({ stream, reason, due });
      return;
    }
    const { state } = await this.transactor.current(taskDecider, stream);
    if (!isAlive(state)) return;
    const now = toTime(this.clock.now());
    const heartbeat = await this.agents.leaseSilentSince(tenant, id, state);
    const until = this.agents.acceptUntil(state);
    const cause =
      state.holder === undefined
        ? undefined
        : { ref: state.holder.receipt, at: state.holder.awarded_at, correlationId: state.correlation_id, depth: 0 };
    const outcome = await this.tasks.timePassed({ principal: Market.principal(tenant), cause }, id, state, heartbeat);
    if (outcome.ok && outcome.commit === undefined && state.status === 'open' && state.ready_at <= now)
      await this.market.consider(tenant, id, undefined);
    const due = taskDue((await this.transactor.load(taskDecider, stream)).state, now, heartbeat, until);
    if (due !== undefined) next.push({ stream, reason, due });
  }

  private wish(due: Deadline[], stream: string, reason: string, at: Time | undefined): void {
    if (at === undefined) return;
    const key = `${stream} ${reason}`;
    const standing = this.standing.get(key);
    // An earlier look will see this one's turn and ask for it again. One that is due already may have been taken by
    // another process, before it could see this.
    if (standing !== undefined && standing <= at && standing > toTime(this.clock.now())) return;
    due.push({ stream, reason, due: at });
  }

  private async schedule(due: readonly Deadline[]): Promise<void> {
    if (due.length === 0) return;
    await this.deadlines.schedule(due);
    this.remember(due);
  }

  private remember(due: readonly Deadline[]): void {
    for (const deadline of due) {
      const key = `${deadline.stream} ${deadline.reason}`;
      const standing = this.standing.get(key);
      if (standing === undefined || deadline.due < standing) this.standing.set(key, deadline.due);
    }
  }
}

/** The commit by which an agent was lost or left. */
interface Departure {
  readonly commit: Commit;
  readonly end: 'lost' | 'released';
  readonly reason: string;
}

function departure(event: AgentEvent, commit: Commit): Departure | undefined {
  if (event.type === 'AgentLost')
    return { commit, end: 'lost', reason: `the agent gave no sign of life since ${event.data.last_seen}` };
  return event.type === 'AgentDeregistered'
    ? { commit, end: 'released', reason: 'the agent was deregistered' }
    : undefined;
}
