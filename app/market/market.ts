/**
 * The market at work: finds candidates, reserves a slot in the best agent's stream, awards in the task's stream, and
 * takes the reservation back when the award could not be made. A crash between two of these steps leaves a
 * reservation with an expiry, which the sweep settles. Whoever takes one back has the task's stream refuse its number
 * first.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { refuse, type Rejection } from '../../domain/kernel/decider';
import { commitRef, parseStream } from '../../domain/kernel/ids';
import type { Principal } from '../../domain/kernel/principal';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import {
  agentDecider,
  type AgentProfile,
  agentStream,
  confirmSlot,
  releaseSlot,
  reserveSlot,
  type Slot,
} from '../../domain/market/agent';
import { type Bidder, bidOf, lacking } from '../../domain/market/fit';
import { type BidInputs, DEFAULT_WEIGHTS, rank, type Weights } from '../../domain/market/market';
import { pauseDecider, pauseOf, type PauseState, pauseStream } from '../../domain/market/pause';
import {
  award,
  type Claim,
  decliners,
  hasBid,
  hasDeclined,
  nextAward,
  strengthOf,
  taskDecider,
  type TaskSpec,
  type TaskState,
  taskStream,
  voidAward,
} from '../../domain/market/task';
import type { Reservations, Worker } from '../budgets/module';
import { type Cause, causeOf } from '../engine/command';
import type { Clock } from '../engine/ports';
import type { Transactor } from '../engine/transact';
import type { StopBook } from '../stops/module';
import { AgentBook, type AgentEntry, MAX_CANDIDATES } from './agent-book';
import { Census } from './census';
import { PauseBook } from './pause-book';
import type { Places } from './places';
import { TaskBook } from './task-book';
import type { TaskEntry } from './task-entry';

/** How long a reservation may wait for its award to show. */
const RESERVATION_SECONDS = 60;

/** Open tasks that one sweep passes by at most, and in one turn of the process. */
const MAX_SWEPT = 20_000;
const SWEPT_AT_ONCE = 1_000;

export interface MarketOptions {
  /** Weights of the score by tenant; data, not code. */
  readonly weightsOf?: (tenant: string) => Weights;
}

export class Market {
  readonly agents: AgentBook;
  readonly pauses: PauseBook;
  /** Agents that are registered, and tasks that are not over. */
  readonly agentCensus = new Census();
  readonly taskCensus = new Census();
  readonly tasks: TaskBook;
  /** Pools that are overloaded now; kept by the balance. `tenant pool` */
  readonly overloaded = new Set<string>();
  /** Tasks that somebody is being chosen for now, until that is done. */
  private readonly considering = new Map<string, Promise<void>>();
  private readonly again = new Set<string>();
  /** Tasks that are being handed on now, until that is done. */
  private readonly handing = new Set<readonly [stream: string, handed: Promise<unknown>]>();
  private readonly stops: StopBook;
  private readonly budgets: Reservations;
  private readonly weightsOf: (tenant: string) => Weights;

  constructor(
    private readonly transactor: Transactor,
    private readonly clock: Clock,
    places: Places,
    { stops, budgets }: { readonly stops: StopBook; readonly budgets: Reservations },
    options: MarketOptions = {},
  ) {
    this.stops = stops;
    this.budgets = budgets;
    this.pauses = new PauseBook((tenant) => transactor.current(pauseDecider, pauseStream(tenant)), stops);
    this.agents = new AgentBook(places, this.pauses);
    this.tasks = new TaskBook(places, clock, this.agents);
    this.weightsOf = options.weightsOf ?? (() => DEFAULT_WEIGHTS);
  }

  /** The market's own principal within a tenant. */
  static principal(tenant: string): Principal {
    return { tenant, id: 'market', kind: 'system', level: 'execute' };
  }

  /** Tries to award an open task now. Does nothing when it is not open, not ready, or nobody fits: then it waits. */
  async consider(tenant: string, task: string, cause: Cause | undefined): Promise<void> {
    const stream = taskStream(tenant, task);
    if (this.considering.has(stream)) {
      this.again.add(stream);
      return;
    }
    const chosen = this.choose(tenant, task, stream, cause).finally(() => this.considering.delete(stream));
    this.considering.set(stream, chosen);
    await chosen;
  }

  /**
   * Waits until all that gives an agent something new has done so, or has not: what is paused from then on is known to
   * every award after.
   */
  async underway(tenant: string): Promise<void> {
    const own = [...this.considering, ...this.handing].filter(([stream]) => stream.startsWith(`${tenant}/`));
    await Promise.allSettled(own.map(([, given]) => given));
  }

  /** Hands a task on, from the reservation to the award: known as under way meanwhile. */
  async hands<T>(stream: string, hand: () => Promise<T>): Promise<T> {
    const handed = hand();
    const underway = [stream, handed] as const;
    this.handing.add(underway);
    return await handed.finally(() => this.handing.delete(underway));
  }

  private async choose(tenant: string, task: string, stream: string, cause: Cause | undefined): Promise<void> {
    do {
      this.again.delete(stream);
      await this.tryAward(tenant, task, stream, cause);
    } while (this.again.has(stream));
  }

  /** An agent has become able to take more: gives it, or whoever is better, the strongest tasks that wait. */
  async serve(tenant: string, agent: string, cause: Cause | undefined): Promise<void> {
    const tried = new Set<string>();
    const pauses = await this.pauses.of(tenant);
    for (;;) {
      const entry = this.agents.get(tenant, agent);
      const profile = entry?.state.profile;
      // Who has no room is not asked about task after task.
      if (entry === undefined || profile === undefined || !this.agents.hasRoom(entry)) return;
      const now = toTime(this.clock.now());
      const fits = (helping: boolean) => (task: { stream: string; state: TaskState }) => {
        if (tried.has(task.stream) || hasDeclined(task.state, agent, now) || isTypePaused(pauses, task.state))
          return false;
        const source = helping ? 'help' : hasBid(task.state, agent) ? 'bid' : 'offer';
        const spec = task.state.spec as TaskSpec;
        if (bidOf(entry, spec, strengthOf(task.state, now), source) === undefined) return false;
        if (this.shortage(tenant, entry, { task: parseStream(task.stream).id, spec }) !== undefined) return false;
        if (!this.considering.has(task.stream)) return true;
        // Somebody chooses for it right now, perhaps without this agent: have that looked at once more.
        this.again.add(task.stream);
        return false;
      };
      const idle = Object.keys(entry.state.slots).length + entry.pending === 0;
      const next =
        this.tasks.strongest(entry, 'own', now, fits(false)) ??
        (idle && profile.offer !== null && profile.offer.helps.length > 0
          ? this.tasks.strongest(entry, 'help', now, fits(true))
          : undefined);
      if (next === undefined) return;
      tried.add(next.stream);
      await this.consider(tenant, next.id, cause);
    }
  }

  /**
   * Looks once more at open tasks that are ready, at all of them in turn: a safety net, should a wake-up ever be missed
   * (a look that failed halfway may have kept others waiting). One that fails doesn't keep the others from their turn;
   * what nobody could take now is passed over.
   */
  async sweep(limit = 1_000): Promise<void> {
    const now = toTime(this.clock.now());
    this.tasks.returned(now);
    const failures: unknown[] = [];
    let considered = 0;
    let passed = 0;
    for (const entry of this.tasks.inTurn(MAX_SWEPT)) {
      passed += 1;
      if (passed % SWEPT_AT_ONCE === 0) await turn();
      if (!this.mayBeTaken(entry, now)) continue;
      await this.consider(entry.tenant, entry.id, undefined).catch((error: unknown) => failures.push(error));
      considered += 1;
      if (considered === limit) break;
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Whether a look at it may lead to an award: somebody who is free has bid for it, or would take it. */
  private mayBeTaken({ tenant, state }: TaskEntry, now: Time): boolean {
    const { spec, ready_at, bids } = state;
    if (spec === undefined || ready_at > now || isTypePaused(this.pauses.known(tenant), state)) return false;
    const strength = strengthOf(state, now);
    const isBid = Object.keys(bids).some((agent) => {
      const entry = this.agents.get(tenant, agent);
      return entry !== undefined && bidOf(entry, spec, strength, 'bid') !== undefined;
    });
    return isBid || this.agents.hasFree(tenant, spec, strength);
  }

  private async tryAward(tenant: string, task: string, stream: string, cause: Cause | undefined): Promise<void> {
    const { state } = await this.transactor.load(taskDecider, stream);
    const now = toTime(this.clock.now());
    if (state.status !== 'open' || state.spec === undefined || state.ready_at > now) return;
    if (state.spec.deadline !== undefined && state.spec.deadline <= now) return;
    if (isTypePaused(await this.pauses.of(tenant), state) || (await this.stops.waits(stream))) return;
    await this.budgets.read(tenant);
    const { spec } = state;
    const strength = strengthOf(state, now);
    const weights = this.weightsOf(tenant);
    const number = nextAward(state);
    const bids: BidInputs[] = [];
    const refused: { agent: string; reason: string }[] = [];
    const look = () =>
      this.candidates(tenant, state, { task, spec }, strength, [
        ...decliners(state, now),
        ...refused.map(({ agent }) => agent),
      ]);
    // When all of them refuse there may be others: helpers, or more than one look takes in.
    for (let found = look(); found.length > 0; found = look()) {
      bids.push(...found);
      const ranked = rank(task, found, strength, weights);
      for (const { agent } of ranked) {
        const reserved = await this.reserve(
          tenant,
          agent,
          { task, spec, award: number, now },
          state.correlation_id,
          cause,
        );
        // Somebody else took what was left just now: the number is void, and the task is looked at again in its turn.
        if ('rejection' in reserved && reserved.voided === true) return;
        if ('rejection' in reserved) {
          refused.push({ agent, reason: reserved.rejection.code });
          // Whoever refused gets a slot back sooner or later, and that has the task looked at again.
          if (refused.length >= MAX_CANDIDATES) return;
          continue;
        }
        const outcome = await this.transactor.transact(
          taskDecider,
          stream,
          award({
            candidates: bids.length === found.length ? ranked : rank(task, bids, strength, weights),
            weights,
            refused,
            reserved: { agent, award: number, receipt: reserved.receipt, budget: reserved.budget },
            strength,
            now,
          }),
          {
            principal: Market.principal(tenant),
            action: 'task.award',
            cause: reserved.cause,
            reaction: true,
            correlationId: state.correlation_id,
            attributes: { agent, capable: this.isCapable(tenant, agent, spec), task_type: spec.task_type },
          },
        );
        if (!outcome.ok) await this.settleReserved(tenant, task, { agent, award: number }, reserved.cause);
        return;
      }
    }
  }

  /** Whether the agent, as it is now, has what the task requires: itself, or as a helper. */
  private isCapable(tenant: string, agent: string, { requires }: TaskSpec): boolean {
    const profile = this.agents.get(tenant, agent)?.state.profile;
    return profile !== undefined && lacking(profile, requires, 'help') === undefined;
  }

  /**
   * Explicit bids and standing offers that budgets have enough for; when there are none, idle helpers of other pools.
   * None of the `excluded`.
   */
  private candidates(
    tenant: string,
    state: TaskState,
    { task, spec }: { readonly task: string; readonly spec: TaskSpec },
    strength: number,
    excluded: readonly string[],
  ): BidInputs[] {
    const explicit: BidInputs[] = [];
    for (const agent of Object.keys(state.bids)) {
      const entry = excluded.includes(agent) ? undefined : this.agents.get(tenant, agent);
      const bid = entry === undefined ? undefined : bidOf(entry, spec, strength, 'bid');
      if (bid !== undefined) explicit.push(bid);
    }
    const affordable = ({ agent }: BidInputs) => {
      const entry = this.agents.get(tenant, agent);
      return entry === undefined || this.shortage(tenant, entry, { task, spec }) === undefined;
    };
    const all = [
      ...explicit,
      ...this.agents.offers(tenant, spec, strength, [...excluded, ...explicit.map(({ agent }) => agent)]),
    ].filter(affordable);
    return all.length > 0
      ? all
      : this.agents.helpers(tenant, spec, strength, excluded, this.overloaded).filter(affordable);
  }

  /** Why no budget has enough for it, as far as is known here; undefined when all have. */
  shortage(
    tenant: string,
    { id, state: { profile } }: Pick<Bidder, 'id' | 'state'>,
    { task, spec }: { readonly task: string; readonly spec: TaskSpec },
  ): Rejection | undefined {
    if (profile === undefined || this.budgets.hasNone(tenant)) return undefined;
    return this.budgets.shortage(tenant, workerOf(id, profile), { task, ...spec });
  }

  /** Reserves what an award takes: the agent's slot, and then what it costs, where that has a budget. */
  async reserve(
    tenant: string,
    agent: string,
    request: { task: string; spec: TaskSpec; award: number; now: Time },
    correlationId: string,
    cause: Cause | undefined,
  ): Promise<ReservedAward | NotReserved> {
    const slot = await this.reserveSlot(tenant, agent, request, correlationId, cause);
    if ('rejection' in slot) return slot;
    const { task, spec, award: number } = request;
    const worker = workerOf(agent, slot.profile);
    const origin = { cause: slot.cause, correlationId };
    const budget = await this.budgets.reserve(tenant, { worker, work: { task, ...spec }, award: number }, origin);
    if (!('rejection' in budget)) return { receipt: slot.receipt, budget: budget.receipt, cause: slot.cause };
    await this.settleReserved(tenant, task, { agent, award: number }, slot.cause);
    return { rejection: budget.rejection, voided: true };
  }

  /** Asks the agent's stream for a slot. */
  private async reserveSlot(
    tenant: string,
    agent: string,
    request: { task: string; spec: TaskSpec; award: number; now: Time },
    correlationId: string,
    cause: Cause | undefined,
  ): Promise<{ receipt: string; cause: Cause; profile: AgentProfile } | NotReserved> {
    const stream = agentStream(tenant, agent);
    const entry: AgentEntry | undefined = this.agents.get(tenant, agent);
    if (entry?.paused === true)
      return { rejection: refuse('agent-paused', `${agent} is paused or stopped: no task goes there`) };
    if (entry !== undefined) this.agents.reserving(entry, 1);
    try {
      const { now, task, award: number } = request;
      const { task_type } = request.spec;
      const outcome = await this.transactor.transact(
        agentDecider,
        stream,
        reserveSlot({ task, task_type, award: number, expires: plusSeconds(now, RESERVATION_SECONDS) }),
        {
          principal: Market.principal(tenant),
          action: 'agent.reserve',
          cause,
          reaction: true,
          correlationId,
          attributes: { task, task_type, agent },
        },
      );
      if (!outcome.ok) return { rejection: outcome.rejection };
      const profile = outcome.state.profile as AgentProfile;
      if (outcome.commit !== undefined)
        return { receipt: commitRef(stream, outcome.commit.index), cause: causeOf(outcome.commit), profile };
      // Reserved before, by a try that did not get as far as the award.
      const { receipt, since } = outcome.state.slots[task] as Slot;
      return { receipt, cause: { ref: receipt, at: since, correlationId, depth: cause?.depth ?? 0 }, profile };
    } finally {
      if (entry !== undefined) this.agents.reserving(entry, -1);
    }
  }

  /**
   * Settles what was reserved for an award that may never come, slot and budgets: confirmed when the award shows in the
   * task's stream, else given back. An award can be under way all this time, here or in another process: so the task's
   * stream has to refuse its number before anything is given to another task.
   */
  async settleReserved(tenant: string, task: string, reserved: Claim, cause?: Cause): Promise<void> {
    const context = { principal: Market.principal(tenant), cause, reaction: cause !== undefined };
    const voided = await this.transactor.transact(taskDecider, taskStream(tenant, task), voidAward(reserved), {
      ...context,
      action: 'task.void-award',
    });
    if (!voided.ok)
      throw new Error(`award ${reserved.award} of ${task} could not be voided: ${voided.rejection.message}`);
    const { holder, correlation_id, budgeted } = voided.state;
    const stands = holder?.agent === reserved.agent && holder.award === reserved.award;
    const correlationId = correlation_id === '' ? undefined : correlation_id;
    await this.transactor.transact(
      agentDecider,
      agentStream(tenant, reserved.agent),
      stands ? confirmSlot(task, reserved.award) : releaseSlot(task, reserved.award, 'gone'),
      {
        ...context,
        action: stands ? 'agent.confirm' : 'agent.release',
        correlationId,
      },
    );
    const award = { task, ...reserved };
    const open = this.budgets.known(tenant, award);
    if (open === undefined) return;
    const reservation = open.receipt;
    // What an award was made with is settled when that is over, by whoever hears of it.
    if (budgeted[reserved.award] === reservation)
      await this.budgets.confirm(tenant, award, reservation, { cause, correlationId });
    else await this.budgets.settle(tenant, { ...award, reservation, outcome: 'void' }, { cause, correlationId });
  }

  /** Settles what is reserved in the tenant's budgets for awards that have not shown for a while. */
  async sweepBudgets(tenant: string): Promise<void> {
    const failures: unknown[] = [];
    for (const { task, agent, award: number } of await this.budgets.overdue(tenant)) {
      // One that can't be settled, of a task that is stopped, keeps no other from being.
      const settled = this.settleReserved(tenant, task, { agent, award: number });
      await settled.catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** What was reserved for an award: the receipts of its slot and, where it has any, of its budgets. */
export interface ReservedAward {
  readonly receipt: string;
  readonly budget?: string;
  readonly cause: Cause;
}

/** `voided`: the number of the award was used up for it. */
export interface NotReserved {
  readonly rejection: Rejection;
  readonly voided?: boolean;
}

function workerOf(agent: string, { pool, agent_type }: AgentProfile): Worker {
  return { agent, pool, agent_type };
}

function isTypePaused(pauses: PauseState, { spec }: TaskState): boolean {
  return spec !== undefined && pauseOf(pauses, 'task_type', spec.task_type) !== undefined;
}
