/**
 * What follows in the market from an event or from the passing of time: the next command, found from the event and the
 * target's state, so that a redelivery finds nothing left to do. Reactions hold no memory that matters.
 */
import { budgetDecider, type BudgetEvent, budgetsDue, isOver, reservationKey } from '../../domain/budgets/budget';
import type { Commit } from '../../domain/kernel/commit';
import { parseCommitRef, parseStream } from '../../domain/kernel/ids';
import { own } from '../../domain/kernel/own';
import { cut } from '../../domain/kernel/text';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import {
  agentDecider,
  agentDue,
  type AgentEvent,
  type AgentState,
  agentStream,
  isRegistered,
  releaseSlot,
} from '../../domain/market/agent';
import { pauseDecider, type PauseState } from '../../domain/market/pause';
import {
  type Claim,
  type FreedSlot,
  freedSlot,
  giveBack,
  isAlive,
  nextAward,
  takeBack,
  taskDecider,
  taskDue,
  type TaskEvent,
  type TaskState,
  taskStream,
} from '../../domain/market/task';
import { PLATFORM, saidOf, type Stop, stopDecider } from '../../domain/stops/stop';
import { tenantDecider } from '../../domain/tenants/tenant';
import type { Reservations } from '../budgets/module';
import { type Cause, causeOf } from '../engine/command';
import type { DeadlineEngine, Reason } from '../engine/deadlines';
import type { Duty } from '../engine/duty';
import type { Consumer } from '../engine/feed';
import type { Clock, Report } from '../engine/ports';
import { causeOfPart, type Change, eventsOf, react, type Reaction, type ReactionsByCategory } from '../engine/reacting';
import type { Committed } from '../engine/streams';
import { traced } from '../engine/telemetry';
import type { Transactor } from '../engine/transact';
import { type Agents, gatewayKey } from './agents';
import { Market } from './market';
import type { PresenceSweep } from './presence-sweep';
import type { StoppedWork } from './stopped-work';
import type { Tasks } from './tasks';
import type { WindingUp } from './winding-up';

const SWEEP_EVERY_MS = 5_000;
/** Longest reason on the receipt of what was taken back, in characters. */
const MAX_TAKEN_BACK = 1_000;

export interface ReactionsDeps {
  readonly transactor: Transactor;
  readonly market: Market;
  readonly agents: Agents;
  readonly tasks: Tasks;
  readonly stoppedWork: StoppedWork;
  readonly windingUp: WindingUp;
  readonly budgets: Reservations;
  /** Where processes share the stores: it looks for who is silent, and no agent has a deadline for that. */
  readonly sweep: PresenceSweep | undefined;
  readonly deadlines: DeadlineEngine;
  readonly duty: Pick<Duty, 'mine'>;
  readonly clock: Clock;
  readonly report: Report;
}

export class Reactions implements Consumer {
  readonly name = 'reactions';
  /** Slots and budgets of what was under way in a tenant that was closed are given back. */
  readonly ends = true;
  private readonly reactions: ReactionsByCategory = {
    [taskDecider.category]: followed(taskDecider.category, (change) => this.task(change)),
    [agentDecider.category]: followed(agentDecider.category, (change) => this.agent(change)),
    // What waited for the end of a pause is looked at now, and not only when its turn comes.
    [pauseDecider.category]: { concerns: endsPause, react: () => this.deps.market.sweep() },
    [stopDecider.category]: { react: (change) => this.stopped(change) },
    // What is under way there comes to its end.
    [tenantDecider.category]: {
      concerns: closesTenant,
      react: async ({ wish }) => wish(this.deps.windingUp.due, toTime(this.deps.clock.now())),
    },
    [budgetDecider.category]: followed(budgetDecider.category, (change) => this.budget(change)),
  };
  private sweeping: NodeJS.Timeout | undefined;

  /** Deadlines of gateways that are being written, by `gatewayKey`. */
  private readonly gatewayWrites = new Map<string, { readonly due: Time; readonly written: Promise<void> }>();

  private readonly taskDue: Reason;
  private readonly slotsDue: Reason;
  private readonly presenceDue: Reason;
  private readonly gatewayDue: Reason;
  private readonly budgetsDue: Reason;

  constructor(private readonly deps: ReactionsDeps) {
    this.taskDue = deps.deadlines.on('task', (stream) => this.onTaskDue(stream));
    this.slotsDue = deps.deadlines.on('slots', (stream) => this.onSlotsDue(stream));
    this.presenceDue = deps.deadlines.on('presence', (stream) => this.onPresenceDue(stream));
    this.gatewayDue = deps.deadlines.on('gateway', (key) => this.onGatewayDue(key));
    this.budgetsDue = deps.deadlines.on('budgets', (stream) => this.onBudgetsDue(stream));
    deps.transactor.onCommitted((committed) => this.note(committed));
  }

  async handle(commits: readonly Commit[]): Promise<void> {
    await react(commits, this.reactions, this.deps);
  }

  /** Starts to look again, now and then, at tasks that wait for an agent. */
  start(): void {
    this.deps.sweep?.start((stream) => this.lookAt(stream));
    let underway = false;
    this.sweeping = setInterval(() => {
      // Each process tells those who wait here: nothing is committed when a time comes.
      this.deps.market.tasks.returned(this.now());
      // A sweep that takes longer goes on; the next begins when it has ended. One process looks for all.
      if (underway || !this.deps.duty.mine) return;
      underway = true;
      void this.deps.market
        .sweep()
        .catch((error: unknown) => this.deps.report('tasks that wait could not be looked at', { error: String(error) }))
        .finally(() => (underway = false));
    }, SWEEP_EVERY_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.sweeping);
    await this.deps.sweep?.stop();
  }

  /** Looks now who has fallen silent, where no deadlines say so. */
  async sweepPresence(): Promise<void> {
    await this.deps.sweep?.sweep((stream) => this.lookAt(stream));
  }

  /** As if a deadline were due now: what is stopped waits, in the memory of the sweep. */
  private async lookAt(stream: string): Promise<void> {
    const again = await this.deps.deadlines.looked({ stream, reason: this.presenceDue, due: this.now() });
    if (again !== undefined) this.deps.sweep?.notBefore(stream, again);
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }

  /** Keeps the market's books and wakes long polls, right after a commit of this process is durable. */
  private note({ category, stream, commits, state, version, here }: Committed): void {
    const { tenant, id } = parseStream(stream);
    if (category === agentDecider.category)
      this.deps.market.agentCensus.update(stream, version, isRegistered(state as AgentState));
    if (category === taskDecider.category)
      this.deps.market.taskCensus.update(stream, version, isAlive(state as TaskState));
    if (category === pauseDecider.category) this.deps.market.pauses.update(tenant, state as PauseState, version);
    if (category === stopDecider.category) this.deps.market.pauses.stopsChanged(scopeOf(tenant));
    if (category !== taskDecider.category && category !== agentDecider.category) return;
    if (category === agentDecider.category) {
      this.deps.market.agents.update(tenant, id, state as AgentState, version);
      // Of what another process has reserved for it, the award may have been heard of before the slot.
      if (!here) this.deps.agents.ring(tenant, id);
      return;
    }
    const task = state as TaskState;
    this.deps.market.tasks.update(tenant, id, stream, task, version);
    // In every process: each may have heard that the lease was extended, or take over what another has heard.
    for (const { events } of commits)
      for (const event of events as readonly TaskEvent[]) {
        const freed = freedSlot(event);
        if (freed !== undefined) this.deps.agents.leaseOver(tenant, id, freed.award);
      }
    // Whatever has led there: an award that waits for its agent is told.
    if (task.status === 'awarded' && task.holder !== undefined) this.deps.agents.ring(tenant, task.holder.agent);
  }

  private async task(change: Change): Promise<void> {
    const { stream, tenant, id, cause } = change;
    const { state, version } = await this.deps.transactor.load(taskDecider, stream);
    this.deps.market.tasks.update(tenant, id, stream, state, version);
    for (const { commit, event } of eventsOf<TaskEvent>(change)) {
      const freed = freedSlot(event);
      if (freed === undefined) continue;
      // First, so that whoever is served by the slot finds what was given back.
      await this.settleBudget(tenant, id, state, freed, causeOf(commit));
      await this.deps.transactor.transact(
        agentDecider,
        agentStream(tenant, freed.agent),
        releaseSlot(id, freed.award, freed.outcome),
        {
          principal: Market.principal(tenant),
          action: 'agent.release',
          cause: causeOfPart(change, commit),
          reaction: true,
          correlationId: state.correlation_id,
        },
      );
    }
    const now = toTime(this.deps.clock.now());
    // The award may have been under way when its agent was stopped.
    const stopped = state.holder && this.deps.stoppedWork.stopOf(tenant, state.holder.agent);
    if (state.holder !== undefined && stopped) await this.takeBack(tenant, id, state.holder, stopped, cause);
    if (state.status === 'open' && state.ready_at <= now) await this.deps.market.consider(tenant, id, cause);
    const after = this.deps.transactor.peek<TaskState>(stream)?.state ?? state;
    change.wish(this.taskDue, taskDue(after, now));
  }

  /** What was reserved in budgets for an award that is over is settled with what it has cost. */
  private async settleBudget(
    tenant: string,
    task: string,
    { budgeted, correlation_id }: TaskState,
    { agent, award, outcome, cost }: FreedSlot,
    cause: Cause,
  ): Promise<void> {
    const reservation = budgeted[award];
    if (reservation === undefined) return;
    const settled = { task, award, agent, reservation, outcome, cost };
    await this.deps.budgets.settle(tenant, settled, { cause, correlationId: correlation_id });
  }

  /** What waited for a budget is looked at now; what waits for its award in a while. */
  private async budget({ stream, tenant, commits, wish }: Change): Promise<void> {
    const { state } = await this.deps.transactor.load(budgetDecider, stream);
    wish(this.budgetsDue, budgetsDue(state));
    for (const { data } of overspent(commits)) {
      const open = own(state.reservations, reservationKey(data));
      if (open !== undefined && isOver(open)) await this.deps.budgets.pause(tenant, open);
    }
    if (commits.some(({ events }) => events.some(({ type }) => MORE_LEFT.has(type)))) await this.deps.market.sweep();
  }

  private async onBudgetsDue(stream: string): Promise<Time | undefined> {
    const { tenant } = parseStream(stream);
    await this.deps.market.sweepBudgets(tenant);
    return budgetsDue((await this.deps.transactor.current(budgetDecider, stream)).state);
  }

  /** What agents that are stopped hold goes to others; and what waited for a lift is looked at now. */
  private async stopped({ tenant, commits, cause }: Change): Promise<void> {
    for (const { tenant: of, task, agent, award, stop } of this.deps.stoppedWork.toReturn(scopeOf(tenant)))
      await this.takeBack(of, task, { agent, award }, stop, of === tenant ? cause : undefined);
    if (commits.some(({ events }) => events.some(({ type }) => type === 'StopLifted'))) await this.deps.market.sweep();
  }

  private async takeBack(
    tenant: string,
    task: string,
    { agent, award }: Claim,
    stop: Stop,
    cause: Cause | undefined,
  ): Promise<void> {
    const { correlationId } = await this.deps.transactor.load(taskDecider, taskStream(tenant, task));
    await this.deps.transactor.transact(
      taskDecider,
      taskStream(tenant, task),
      takeBack({ agent, award }, cut(saidOf(stop), MAX_TAKEN_BACK), toTime(this.deps.clock.now())),
      {
        principal: Market.principal(tenant),
        action: 'task.take-back',
        cause,
        reaction: cause !== undefined,
        correlationId,
      },
    );
  }

  private async agent(change: Change): Promise<void> {
    const { stream, tenant, id } = change;
    const { state, version } = await this.deps.transactor.load(agentDecider, stream);
    this.deps.market.agents.update(tenant, id, state, version);
    let able: Cause | undefined;
    let left: Departure | undefined;
    for (const { commit, event } of eventsOf<AgentEvent>(change)) {
      const here = event.type === 'AgentRegistered' || event.type === 'AgentReturned' || event.type === 'AgentRevised';
      if (here && state.profile !== undefined && this.deps.sweep === undefined)
        change.wish(this.presenceDue, plusSeconds(this.now(), state.profile.presence_seconds));
      left = departure(event, commit) ?? left;
      if (here || event.type === 'SlotReleased') able = causeOfPart(change, commit);
    }
    if (left !== undefined) await this.giveAllBack(tenant, id, state, left, causeOfPart(change, left.commit));
    if (state.status === 'active' && able !== undefined) await this.deps.market.serve(tenant, id, able);
    change.wish(this.slotsDue, agentDue(state));
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
    const now = toTime(this.deps.clock.now());
    for (const [task, { award, receipt }] of Object.entries(state.slots)) {
      if ((parseCommitRef(receipt)?.index ?? 0) > commit.index) continue;
      const { correlationId } = await this.deps.transactor.load(taskDecider, taskStream(tenant, task));
      const given = await this.deps.transactor.transact(
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
        await this.deps.market.settleReserved(
          tenant,
          task,
          { agent: id, award },
          { ...cause, correlationId: given.state.correlation_id },
        );
    }
  }

  private async onPresenceDue(stream: string): Promise<Time | undefined> {
    const { tenant, id } = parseStream(stream);
    const next = await this.deps.agents.checkPresence(tenant, id);
    if (this.deps.sweep !== undefined) {
      if (next !== undefined) this.deps.sweep.notBefore(stream, next.due);
      return undefined;
    }
    if (next?.gateway === undefined) return next?.due;
    await this.watchGateway(gatewayKey(tenant, next.gateway), next.due);
    return undefined;
  }

  /** Many agents of one gateway are looked at beside each other: those who want the same wait for one write. */
  private async watchGateway(key: string, due: Time): Promise<void> {
    const underway = this.gatewayWrites.get(key);
    if (underway !== undefined && underway.due <= due) return await underway.written;
    const written = this.deps.deadlines.schedule([{ stream: key, reason: this.gatewayDue, due }]);
    const write = { due, written };
    this.gatewayWrites.set(key, write);
    try {
      await written;
    } finally {
      if (this.gatewayWrites.get(key) === write) this.gatewayWrites.delete(key);
    }
  }

  /** Agents that their gateway speaks for no more are looked at one by one: they may have spoken for themselves. */
  private async onGatewayDue(key: string): Promise<Time | undefined> {
    const { tenant, id } = parseStream(key);
    const { silent, due } = await this.deps.agents.checkGateway(tenant, id);
    const now = toTime(this.deps.clock.now());
    await this.deps.deadlines.schedule(
      silent.map((agent) => ({ stream: agentStream(tenant, agent), reason: this.presenceDue, due: now })),
    );
    return due;
  }

  private async onSlotsDue(stream: string): Promise<Time | undefined> {
    const { tenant, id } = parseStream(stream);
    await this.deps.agents.sweepSlots(tenant, id);
    return agentDue((await this.deps.transactor.current(agentDecider, stream)).state);
  }

  private async onTaskDue(stream: string): Promise<Time | undefined> {
    const { tenant, id } = parseStream(stream);
    const { state } = await this.deps.transactor.current(taskDecider, stream);
    if (!isAlive(state)) return undefined;
    const now = toTime(this.deps.clock.now());
    const heartbeat = await this.deps.agents.leaseSilentSince(tenant, id, state);
    const until = this.deps.agents.acceptUntil(stream, state);
    const cause =
      state.holder === undefined
        ? undefined
        : { ref: state.holder.receipt, at: state.holder.awarded_at, correlationId: state.correlation_id, depth: 0 };
    const outcome = await this.deps.tasks.timePassed(
      { principal: Market.principal(tenant), cause },
      id,
      state,
      heartbeat,
    );
    this.deps.market.tasks.returned(now);
    if (outcome.ok && outcome.commit === undefined && state.status === 'open' && state.ready_at <= now)
      await this.deps.market.consider(tenant, id, undefined);
    return taskDue((await this.deps.transactor.load(taskDecider, stream)).state, now, heartbeat, until);
  }
}

/** What follows from a change stands in the trace of what led to it. */
function followed(category: string, follow: (change: Change) => Promise<void>): Reaction {
  return {
    react: (change) =>
      traced(
        `react ${category}`,
        'consumer',
        change.cause.traceparent,
        { 'formicary.stream': change.stream },
        (traceparent) => follow({ ...change, cause: { ...change.cause, traceparent } }),
      ),
  };
}

/** Whose agents a stop of this tenant may concern; undefined is those of all tenants. */
function scopeOf(tenant: string): string | undefined {
  return tenant === PLATFORM ? undefined : tenant;
}

/** After these there is more left of a budget than before: what is settled serves whoever its slot serves. */
const MORE_LEFT: ReadonlySet<string> = new Set(['BudgetSet', 'BudgetRemoved', 'ReservationRaised']);

/** Where more was spent than was reserved. */
function overspent(commits: readonly Commit[]): readonly Extract<BudgetEvent, { type: 'SpendReported' }>[] {
  return commits
    .flatMap(({ events }) => events as readonly BudgetEvent[])
    .filter((event) => event.type === 'SpendReported')
    .filter(({ data }) => data.over);
}

function closesTenant({ events }: Commit): boolean {
  return events.some(({ type }) => type === 'TenantClosed');
}

function endsPause({ events }: Commit): boolean {
  return events.some(({ type }) => type === 'Resumed');
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
