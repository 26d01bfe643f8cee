/** Use cases of agents: registration, presence, the inbox, discovery. */
import type { Agent, AgentInput, AgentSummary, Held } from '../../contract/market/agents';
import type { DeployInput } from '../../contract/repository/agent-types';
import type { Shown } from '../../contract/route';
import { type Decider, type Event, Rejection } from '../../domain/kernel/decider';
import { type Excuse, latest, plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import {
  agentDecider,
  type AgentEvent,
  type AgentProfile,
  type AgentState,
  type AgentStatus,
  agentStream,
  comeBack,
  deregister,
  loadOf,
  lose,
  PRESENCE_SECONDS,
  register,
  slotsInUse,
} from '../../domain/market/agent';
import { resourcesOf } from '../../domain/market/resources';
import { type Claim, stands, taskDecider, type TaskState, taskStream } from '../../domain/market/task';
import type { AgentTypeEntry } from '../../domain/repository/catalogue';
import type { AgentDoc } from '../../projections/market/agents';
import { ALL } from '../../projections/projection';
import type { Aggregate, Page, Where } from '../engine/aggregate';
import { type Outcome, type RequestContext, staleness } from '../engine/command';
import { Doorbells } from '../engine/doorbells';
import type { Clock, Presence, Report } from '../engine/ports';
import type { Standstill } from '../engine/standstill';
import type { Loaded } from '../engine/streams';
import type { Transactor } from '../engine/transact';
import type { Watchdog } from '../engine/watchdog';
import type { TenantBook } from '../tenants/module';
import type { Inbox, Inboxes } from './inbox';
import { LossDoubt } from './loss-doubt';
import { Market } from './market';
import { oneMoreAgent } from './one-more';
import type { TaskEntry } from './task-entry';

/** An agent that was registered, as the API shows it. */
export function agentAnswer(
  id: string,
  { state, version }: Pick<Loaded<AgentState>, 'state' | 'version'>,
): Shown<typeof Agent> {
  const { status, profile, since, slots, record } = state;
  const { agent_type, pool, capabilities, capacity, location, presence_seconds, offer, deployment, gateway } =
    profile as AgentProfile;
  return {
    id,
    version,
    status: status as AgentStatus,
    since: since as Time,
    agent_type,
    pool,
    capabilities,
    capacity,
    location,
    presence_seconds,
    offer,
    deployment,
    gateway,
    load: loadOf(state),
    slots,
    record,
  };
}

/** What an agent says of itself, with what goes without saying. */
export function profileOf(input: Shown<typeof AgentInput>): AgentProfile {
  const { agent_type, pool = poolOf(agent_type), capabilities, capacity, location, limits, helps } = input;
  const { presence_seconds, max_effort, min_strength } = limits;
  return {
    agent_type,
    pool,
    capabilities,
    capacity,
    location,
    presence_seconds,
    offer: input.standing_offer ? { helps, max_effort, min_strength } : null,
  };
}

/** An instance of a type of the repository: it can do all that the type can, and takes any work of it. */
function instanceOf(entry: AgentTypeEntry, input: Shown<typeof DeployInput>): AgentProfile {
  const { agent_type, version, capabilities, cost_tier, default_lifecycle } = entry;
  const { capacity, location, lifecycle = cost_tier, schedule, resources } = input;
  return {
    agent_type,
    pool: poolOf(agent_type),
    capabilities: Object.fromEntries(capabilities.map((capability) => [capability, 1])),
    capacity,
    location,
    presence_seconds: PRESENCE_SECONDS,
    offer: { helps: [], min_strength: 0 },
    deployment: { version, tier: lifecycle, state: default_lifecycle, schedule, resources },
  };
}

/** The pool of an agent that names none: the first part of its type. */
function poolOf(agentType: string): string {
  return agentType.split('.')[0] as string;
}

/** Key of a lease in the presence table. */
export function leaseKey(tenant: string, task: string, award: number): string {
  return `${taskStream(tenant, task)}#${award}`;
}

/** Key of a gateway in the presence table: its sign of life is one of all its agents. */
export function gatewayKey(tenant: string, gateway: string): string {
  return `${tenant}/gateway/${gateway}`;
}

/** Who is looked at next for a sign of life, and when: the agent itself, or the gateway that speaks for it. */
export interface NextLook {
  readonly due: Time;
  readonly gateway?: string;
}

/** Whoever waits in a long poll gives a sign of life each third of its limit of presence. Milliseconds for a second. */
export const WAITING_BEAT_MS = 333;

/** What a heartbeat answers for a claim: whether it stands; `status` when the award is yet to be accepted. */
type HeldClaim = Shown<typeof Held>;

/** Of whom this process knows nothing, or who is gone. */
const NONE = { slots: 0, load: 0 };

export interface AgentsDeps {
  readonly agents: Aggregate<AgentState, AgentEvent, AgentDoc>;
  readonly transactor: Transactor;
  readonly market: Market;
  readonly tenants: TenantBook;
  readonly inboxes: Inboxes;
  readonly presence: Presence;
  readonly clock: Clock;
  readonly watchdog: Watchdog;
  readonly report: Report;
  readonly standstill: Pick<Standstill, 'waits'>;
  /** Whether other processes look after agents as well. */
  readonly shared: boolean;
}

export class Agents {
  private readonly bells = new Doorbells();
  /** Whether those who are silent are lost. */
  readonly doubt: LossDoubt;
  private readonly ringing: ((tenant: string, id: string, place: number | undefined) => void)[] = [];
  /**
   * By stream of an agent that was lost: from when on it may be asked for its return again, by the clock. Until it is
   * known what came of that, never; and not at once where it was refused.
   */
  private readonly returning = new Map<string, number>();
  private readonly agents: AgentsDeps['agents'];

  constructor(private readonly deps: AgentsDeps) {
    const { agents, market, clock, report, standstill, shared } = deps;
    this.agents = agents;
    this.doubt = new LossDoubt({ agents: market.agents, clock, report, standstill, shared });
    market.tasks.onOffered((entry) => this.ringBidders(entry));
    market.agents.onAble(({ tenant, id }) => this.ring(tenant, id));
    market.agents.onGone((tenant, id) => this.forget(tenant, id));
    market.agents.onUnspoken((tenant, gateway) => {
      // Another process may have heard of it since: its mark ends by itself, after a day.
      if (!this.deps.shared) this.deps.presence.forget([gatewayKey(tenant, gateway)], clock.now());
      this.doubt.forgetGateway(tenant, gateway);
    });
  }

  async register(context: RequestContext, id: string, profile: AgentProfile): Promise<Outcome<AgentState, AgentEvent>> {
    const { agent_type, deployment } = profile;
    // Named, so that one whose type is stopped does not get another.
    const attributes = { agent: id, agent_type, ...resourcesOf(deployment?.resources) };
    const one = oneMoreAgent(this.deps.market, agentStream(context.principal.tenant, id), register(profile));
    const outcome = await this.deps.tenants.admit(one, (decide) =>
      this.agents.decide({ ...context, attributes }, id, 'agent.register', decide),
    );
    if (outcome.ok) this.beat(context.principal.tenant, id);
    return outcome;
  }

  /** Registers an instance of a type of the repository, with all that the type can do. */
  deploy(
    context: RequestContext,
    id: string,
    entry: AgentTypeEntry,
    input: Shown<typeof DeployInput>,
  ): Promise<Outcome<AgentState, AgentEvent>> {
    return this.register(context, id, instanceOf(entry, input));
  }

  async deregister(context: RequestContext, id: string, reason: string): Promise<Outcome<AgentState, AgentEvent>> {
    return await this.agents.decide(context, id, 'agent.deregister', deregister(reason));
  }

  load(tenant: string, id: string, asOf?: Time): Promise<Loaded<AgentState>> {
    return this.agents.load(tenant, id, asOf);
  }

  /**
   * A page of the tenant's agents, in order of id; as far as the view has come, with their slots as this process knows
   * them. Who is gone holds none.
   */
  async list(
    tenant: string,
    where: Where,
    limit: number,
    continuation?: string,
  ): Promise<Page<Shown<typeof AgentSummary>>> {
    const { docs, ...page } = await this.agents.list(tenant, { key: ALL, where }, limit, continuation);
    return {
      docs: docs.map(({ capability: _, ...agent }) => {
        const known = this.deps.market.agents.get(tenant, agent.id);
        const inUse = known === undefined ? NONE : { slots: slotsInUse(known.state), load: loadOf(known.state) };
        return { ...agent, ...inUse };
      }),
      ...page,
    };
  }

  /**
   * Whatever an agent does in its own name is a sign of life; one that was lost is back. Says nothing of anybody who is
   * not registered, and costs no read for those that are.
   */
  async heard(
    { principal, traceparent }: Pick<RequestContext, 'principal' | 'traceparent'>,
    id: string,
  ): Promise<void> {
    const { tenant } = principal;
    const known = this.deps.market.agents.get(tenant, id)?.state.status;
    if (known !== 'active' && known !== 'lost') return;
    this.beat(tenant, id);
    const stream = agentStream(tenant, id);
    if (known === 'active' || this.deps.clock.now() < (this.returning.get(stream) ?? -Infinity)) return;
    this.returning.set(stream, Infinity);
    let again: number | undefined;
    try {
      const back = await this.agents.decide({ principal, traceparent }, id, 'agent.return', comeBack());
      const { profile } = this.deps.market.agents.get(tenant, id)?.state ?? {};
      if (!back.ok && profile !== undefined) again = this.deps.clock.now() + 1_000 * profile.presence_seconds;
    } finally {
      if (again === undefined) this.returning.delete(stream);
      else this.returning.set(stream, again);
    }
  }

  /**
   * A sign of life of the agent, and of the tasks that it holds. Answers for each claim whether it still stands; the
   * work of one that does not is to be dropped.
   */
  async heartbeat(
    context: RequestContext,
    id: string,
    holding: readonly { task: string; award: number }[],
  ): Promise<Rejection | { held: HeldClaim[] }> {
    const { tenant } = context.principal;
    const refused =
      (await this.staleness(context, agentDecider, agentStream(tenant, id))) ?? (await this.signOfLife(context, id));
    if (refused !== undefined) return refused;
    const held: HeldClaim[] = [];
    for (const { task, award } of holding)
      held.push({ task, award, ...(await this.extendLease(tenant, task, { agent: id, award })) });
    return { held };
  }

  /** What leaves no commit honours If-Match too: the refusal, when the stream has moved on. */
  async staleness<S, E extends Event>(
    { expectedVersion }: RequestContext,
    decider: Decider<S, E>,
    stream: string,
  ): Promise<Rejection | undefined> {
    return expectedVersion === undefined
      ? undefined
      : staleness(expectedVersion, (await this.deps.transactor.current(decider, stream)).version);
  }

  /** Extends the lease of a running task. An award stands too before it is accepted; no lease runs then. */
  async extendLease(tenant: string, task: string, claim: Claim): Promise<Pick<HeldClaim, 'stands' | 'status'>> {
    if (!(await this.hasSlot(tenant, claim.agent, task))) return { stands: false };
    const stream = taskStream(tenant, task);
    const holds = (state: TaskState) =>
      stands(state, claim, toTime(this.deps.clock.now()), this.acceptUntil(stream, state));
    await this.deps.watchdog.excuseOf(stream);
    let { state } = await this.deps.transactor.load(taskDecider, stream);
    if (!holds(state)) ({ state } = await this.deps.transactor.current(taskDecider, stream));
    const held = holds(state);
    if (held && state.status === 'running')
      this.deps.presence.beat([leaseKey(tenant, task, claim.award)], this.deps.clock.now());
    return held && state.status === 'awarded' ? { stands: held, status: 'awarded' } : { stands: held };
  }

  /** Who holds a task has a slot for it: a claim that is made up costs no look at the task. */
  private async hasSlot(tenant: string, agent: string, task: string): Promise<boolean> {
    if (Object.hasOwn((await this.agents.load(tenant, agent)).state.slots, task)) return true;
    return this.deps.shared && Object.hasOwn((await this.agents.current(tenant, agent)).state.slots, task);
  }

  /**
   * From when on the silence of a lease's holder counts, as far as this process knows; undefined when nobody holds the
   * task.
   */
  async leaseSilentSince(tenant: string, task: string, { holder, spec }: TaskState): Promise<Time | undefined> {
    if (holder === undefined || spec === undefined) return undefined;
    const { presence, watchdog } = this.deps;
    const beat = await presence.last(leaseKey(tenant, task, holder.award));
    const since = watchdog.silentSince(beat, spec.lease_seconds, taskStream(tenant, task));
    // One that another process has heard since may not be known here yet, the first one neither.
    const { lateSeconds } = presence;
    return lateSeconds === undefined ? since : plusSeconds(latest(since, holder.lease_from), lateSeconds);
  }

  /**
   * The end of a time of people's or judges', later when this process was away or the task stood still meanwhile. It
   * knows all of that once `Watchdog.excuseOf` has been asked, or a command of the stream has been let through.
   */
  excuse(stream: string): Excuse {
    return this.deps.watchdog.excuse(stream);
  }

  /** Until when an award may be accepted: later than it says by as much as `excuse` does. */
  acceptUntil(stream: string, { holder, spec }: TaskState): Time | undefined {
    if (holder === undefined || spec === undefined) return undefined;
    return this.excuse(stream)(plusSeconds(holder.accept_by, -spec.accept_seconds), holder.accept_by);
  }

  /**
   * What waits for the agent: awards to accept, votes to cast, offers to bid for; with `holding` also what it works on.
   * When there is nothing it waits up to `waitSeconds` for something to come, or for `signal` to abort. Asking is a
   * sign of life.
   */
  async inbox(
    context: RequestContext,
    id: string,
    options: { waitSeconds: number; offersAfter?: string; holding?: boolean; signal?: AbortSignal },
  ): Promise<Rejection | Inbox> {
    const { tenant } = context.principal;
    const alive = await this.signOfLife(context, id);
    if (alive !== undefined) return alive;
    let after = options.offersAfter;
    return await this.bells.until(agentStream(tenant, id), {
      milliseconds: options.waitSeconds * 1000,
      everyMs: (this.deps.market.agents.get(tenant, id)?.state.profile?.presence_seconds ?? 1) * WAITING_BEAT_MS,
      idle: () => this.beat(tenant, id),
      signal: options.signal,
      look: async () => {
        if (!isAborted(options.signal)) this.beat(tenant, id);
        const page = await this.deps.inboxes.page(tenant, id, after, options.holding ?? false);
        if (page.items.length === 0) after = page.offers_after;
        return page;
      },
      enough: ({ items }) => items.length > 0,
    });
  }

  /**
   * Wakes the agent's long poll, if it has one.
   * @param place of what it may see now; left out for what has none, as an award
   */
  ring(tenant: string, id: string, place?: number): void {
    this.bells.ring(agentStream(tenant, id));
    for (const listener of this.ringing) listener(tenant, id, place);
  }

  /** Hears of each agent for which something has come, and its place in the books if it has one. */
  onRing(listener: (tenant: string, id: string, place: number | undefined) => void): void {
    this.ringing.push(listener);
  }

  /** A sign of life of a gateway, and so of all agents that it speaks for. */
  gatewayHeard(tenant: string, gateway: string): void {
    const now = this.deps.clock.now();
    this.deps.presence.beat([gatewayKey(tenant, gateway)], now);
    this.doubt.gatewayHeard(tenant, gateway, now);
  }

  /** Ends every long poll, for good: the process is about to stop. */
  stop(): void {
    this.bells.stop();
  }

  /**
   * Looks whether the agent still lives; returns what to look at next, or undefined when it is lost or gone. While its
   * gateway lives, that is the gateway: one look for all of its agents.
   */
  async checkPresence(tenant: string, id: string): Promise<NextLook | undefined> {
    const stream = agentStream(tenant, id);
    // Where others write as well, what is known here may be old: nobody is lost, or left alone, because of that.
    const { state } = await (this.deps.shared ? this.agents.current(tenant, id) : this.agents.load(tenant, id));
    if (state.status !== 'active' || state.profile === undefined) return undefined;
    const { presence_seconds, gateway } = state.profile;
    const carried = gateway === undefined ? undefined : await this.deps.presence.last(gatewayKey(tenant, gateway));
    const now = toTime(this.deps.clock.now());
    // Where processes share the table of deadlines, each would set one for the gateway, and none be taken back.
    if (gateway !== undefined && !this.deps.shared) {
      const due = this.silentAfter(carried, presence_seconds, stream);
      if (due > now) return { due, gateway };
    }
    const last = await this.lastSign(stream, carried, presence_seconds);
    // That it registered, or came back, is a sign of life too: who heard that may not have written it yet.
    const since = latest(this.deps.watchdog.silentSince(last, presence_seconds, stream), state.since);
    const seconds = presence_seconds + (this.deps.presence.lateSeconds ?? 0);
    let due = plusSeconds(since, seconds);
    if (due <= now) due = plusSeconds(latest(since, await this.doubt.from(since)), seconds);
    if (due > now) return { due };
    const principal = Market.principal(tenant);
    await this.agents.decide({ principal }, id, 'agent.lose', lose(last === undefined ? since : toTime(last)));
    this.forget(tenant, id);
    return undefined;
  }

  /**
   * Looks whether the gateway still lives; returns those of its agents for which its last sign of life stands no more,
   * and when to look again for the sake of the others, if there are any.
   */
  async checkGateway(
    tenant: string,
    gateway: string,
  ): Promise<{ readonly silent: readonly string[]; readonly due: Time | undefined }> {
    const last = await this.deps.presence.last(gatewayKey(tenant, gateway));
    const now = toTime(this.deps.clock.now());
    const ends = new Map<number, Time>();
    const silent: string[] = [];
    for (const { id, state } of this.deps.market.agents.spokenFor(tenant, gateway)) {
      const { presence_seconds } = state.profile as AgentProfile;
      if (state.status !== 'active') continue;
      const end = ends.get(presence_seconds) ?? this.silentAfter(last, presence_seconds, agentStream(tenant, id));
      ends.set(presence_seconds, end);
      if (end <= now) silent.push(id);
    }
    const due = [...ends.values()].filter((end) => end > now).sort()[0];
    return { silent, due };
  }

  /** Confirms reservations whose award shows in the task's stream, and releases those whose award never came. */
  async sweepSlots(tenant: string, id: string): Promise<void> {
    const { state } = await this.agents.current(tenant, id);
    const now = toTime(this.deps.clock.now());
    for (const [task, { award, expires }] of Object.entries(state.slots)) {
      if (expires !== undefined && expires <= now)
        await this.deps.market.settleReserved(tenant, task, { agent: id, award });
    }
  }

  /** Until when somebody who gave the last sign then may be silent. */
  private silentAfter(last: number | undefined, presenceSeconds: number, stream: string): Time {
    return plusSeconds(this.deps.watchdog.silentSince(last, presenceSeconds, stream), presenceSeconds);
  }

  /** The agent's last sign of life; its own is not asked for where that of its gateway is enough. */
  private async lastSign(
    stream: string,
    carried: number | undefined,
    presenceSeconds: number,
  ): Promise<number | undefined> {
    if (carried !== undefined && carried + 1_000 * presenceSeconds > this.deps.clock.now()) return carried;
    const own = await this.deps.presence.last(stream);
    return own === undefined || carried === undefined ? (own ?? carried) : Math.max(own, carried);
  }

  /** The lease of that award is over: when it was extended last, in whichever process, matters no more. */
  leaseOver(tenant: string, task: string, award: number): void {
    this.deps.presence.forget([leaseKey(tenant, task, award)], this.deps.clock.now());
  }

  private forget(tenant: string, id: string): void {
    const stream = agentStream(tenant, id);
    this.deps.presence.forget([stream], this.deps.clock.now());
    this.doubt.forget(tenant, id);
    this.returning.delete(stream);
  }

  /** A sign of life of an agent that is there: what is kept of it goes when it does. */
  private beat(tenant: string, id: string): void {
    if (this.deps.market.agents.get(tenant, id) === undefined) return;
    const now = this.deps.clock.now();
    this.deps.presence.beat([agentStream(tenant, id)], now);
    this.doubt.heard(tenant, id, now);
  }

  /**
   * Wakes those who may bid: while bids are collected everybody who could do it, else those whom the market does not
   * bid for.
   */
  private ringBidders({ tenant, place, state: { spec } }: TaskEntry): void {
    const first = spec?.requires[0]?.capability;
    if (spec === undefined || first === undefined) return;
    const { agents } = this.deps.market;
    for (const { id } of spec.bid_seconds > 0 ? agents.able(tenant, first) : agents.bidders(tenant, first))
      this.ring(tenant, id, place);
  }

  /** Refuses whoever is not registered; one that was lost is back. */
  async signOfLife(context: RequestContext, id: string): Promise<Rejection | undefined> {
    const { tenant } = context.principal;
    let { state, version } = await this.agents.load(tenant, id);
    if (state.status === 'gone') ({ state, version } = await this.agents.current(tenant, id));
    // Another process may have registered it: from here on this one knows it too.
    this.deps.market.agents.update(tenant, id, state, version);
    if (state.status === 'unknown' || state.status === 'gone')
      return new Rejection('missing', 'agent-not-found', 'there is no such agent: register it first');
    this.beat(tenant, id);
    if (state.status === 'active') return undefined;
    const { principal, traceparent } = context;
    const outcome = await this.agents.decide({ principal, traceparent }, id, 'agent.return', comeBack());
    return outcome.ok ? undefined : outcome.rejection;
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
