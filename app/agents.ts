/** Use cases of agents: registration, presence, the inbox, discovery. */
import { agentDecider, comeBack, deregister, loadOf, lose, register, type AgentEvent, type AgentProfile, type AgentState } from '../domain/agent';
import { Rejection } from '../domain/kernel/decider';
import { streamName } from '../domain/kernel/ids';
import { plusSeconds, toTime, type Time } from '../domain/kernel/time';
import { hasBid, strengthOf, taskDecider, type Claim, type TaskSpec, type TaskState } from '../domain/task';
import { ALL, type AgentDoc } from '../projections/agents';
import type { RoundBook } from './books';
import { Market } from './market';
import type { Clock, Presence, ViewStore } from './ports';
import type { CommandContext, Loaded, Outcome, Transactor } from './transact';
import type { Views } from './views';

/** What every use case gets from its edge: who asks, and how the request is to be remembered and traced. */
export type RequestContext = Omit<CommandContext, 'action' | 'attributes'>;

/** An award that waits for acceptance. */
export interface Assignment {
  readonly kind: 'assignment';
  readonly task: string;
  readonly award: number;
  readonly accept_by: Time;
  readonly attempt: number;
  readonly lease_seconds: number;
  readonly spec: TaskSpec;
}

/** A task that collects bids and asks for something the agent can do. */
export interface Offer {
  readonly kind: 'offer';
  readonly task: string;
  readonly bids_close_at: Time;
  readonly strength: number;
  readonly spec: TaskSpec;
}

/** An open round that misses the agent's vote. */
export interface VoteAsked {
  readonly kind: 'vote';
  readonly round: string;
  readonly pass: number;
  /** Given back with the vote: whom the agent believes to be asked. */
  readonly snapshot: string;
  readonly question: string;
  readonly choices: readonly string[];
  readonly impact: string;
  readonly deadline: Time;
}

export type InboxItem = Assignment | Offer | VoteAsked;

export interface Inbox {
  readonly items: readonly InboxItem[];
  /** Give it back as `offersAfter`, so that an offer is not shown twice. */
  readonly offers_after: Time;
}

export function agentStream(tenant: string, id: string): string {
  return streamName(tenant, 'agent', id);
}

/** An agent as the API shows it. */
export function agentView(id: string, { state, version }: Pick<Loaded<AgentState>, 'state' | 'version'>): Record<string, unknown> {
  const { status, profile, since, slots, record } = state;
  return { id, version, status, since, ...profile, load: loadOf(state), slots, record };
}

/** Key of a lease in the presence table. */
export function leaseKey(tenant: string, task: string, award: number): string {
  return `${streamName(tenant, 'task', task)}#${award}`;
}

const MAX_ITEMS = 100;

export class Agents {
  private readonly waiting = new Map<string, Set<() => void>>();
  /** When this process started to listen for heartbeats: nobody is lost earlier than one limit after it. */
  private readonly listeningSince: number;

  constructor(
    private readonly transactor: Transactor,
    private readonly market: Market,
    private readonly rounds: RoundBook,
    private readonly presence: Presence,
    private readonly viewStore: ViewStore,
    private readonly views: Views,
    private readonly clock: Clock,
  ) {
    this.listeningSince = clock.now();
  }

  async register(context: RequestContext, id: string, profile: AgentProfile): Promise<Outcome<AgentState, AgentEvent>> {
    const stream = agentStream(context.principal.tenant, id);
    this.presence.beat([stream], this.clock.now());
    return await this.transactor.transact(agentDecider, stream, register(profile), { ...context, action: 'agent.register', attributes: { agent_type: profile.agent_type } });
  }

  async deregister(context: RequestContext, id: string, reason: string): Promise<Outcome<AgentState, AgentEvent>> {
    return await this.transactor.transact(agentDecider, agentStream(context.principal.tenant, id), deregister(reason), { ...context, action: 'agent.deregister' });
  }

  load(tenant: string, id: string, asOf?: Time): Promise<Loaded<AgentState>> {
    const stream = agentStream(tenant, id);
    return asOf === undefined ? this.transactor.load(agentDecider, stream) : this.transactor.loadAt(agentDecider, stream, { asOf });
  }

  /** A page of the tenant's agents, in order of id; as far as the view has come. */
  async list(tenant: string, where: Readonly<Record<string, string>>, limit: number, continuation?: string): Promise<{ agents: readonly AgentDoc[]; continuation?: string }> {
    const page = await this.viewStore.query<AgentDoc>(this.views.serving('agents'), { tenant, key: ALL, where, limit, continuation });
    return { agents: page.rows.map(({ doc }) => doc), continuation: page.continuation };
  }

  /**
   * A sign of life of the agent, and of the tasks that it holds. Answers for each claim whether it still stands; the
   * work of one that does not is to be dropped.
   */
  async heartbeat(context: RequestContext, id: string, holding: readonly { task: string; award: number }[]): Promise<Rejection | { held: { task: string; award: number; stands: boolean }[] }> {
    const { tenant } = context.principal;
    const alive = await this.signOfLife(context, id);
    if (alive !== undefined) return alive;
    const held: { task: string; award: number; stands: boolean }[] = [];
    for (const { task, award } of holding) {
      const stands = await this.extendLease(tenant, task, { agent: id, award });
      held.push({ task, award, stands });
    }
    return { held };
  }

  /** Extends the lease of a running task; false when the claim does not stand. */
  async extendLease(tenant: string, task: string, claim: Claim): Promise<boolean> {
    const stream = streamName(tenant, 'task', task);
    const runs = ({ state }: Loaded<TaskState>) => state.status === 'running' && state.holder?.agent === claim.agent && state.holder.award === claim.award;
    const stands = runs(await this.transactor.load(taskDecider, stream)) || runs(await this.transactor.current(taskDecider, stream));
    if (stands) this.presence.beat([leaseKey(tenant, task, claim.award)], this.clock.now());
    return stands;
  }

  /** When the holder of a lease last gave a sign of life for it, as far as this table knows. */
  async lastLeaseBeat(tenant: string, task: string, award: number): Promise<Time | undefined> {
    const beat = await this.presence.last(leaseKey(tenant, task, award));
    return toTime(Math.max(beat ?? 0, this.listeningSince));
  }

  /**
   * What waits for the agent: awards to accept, and offers to bid for. When there is nothing it waits up to
   * `waitSeconds` for something to come, or for `signal` to abort. Asking is a sign of life.
   */
  async inbox(context: RequestContext, id: string, options: { waitSeconds: number; offersAfter?: Time; signal?: AbortSignal }): Promise<Rejection | Inbox> {
    const { tenant } = context.principal;
    const alive = await this.signOfLife(context, id);
    if (alive !== undefined) return alive;
    const until = performance.now() + options.waitSeconds * 1000;
    for (;;) {
      const found = await this.waitingFor(tenant, id, options.offersAfter ?? toTime(0));
      const left = until - performance.now();
      if (found.items.length > 0 || left <= 0 || options.signal?.aborted === true) return found;
      await this.nextRing(tenant, id, left, options.signal);
      this.presence.beat([agentStream(tenant, id)], this.clock.now());
    }
  }

  /** Wakes the agent's long poll, if it has one. */
  ring(tenant: string, id: string): void {
    for (const wake of this.waiting.get(agentStream(tenant, id)) ?? []) wake();
  }

  /** Ends every long poll: the process is about to stop. */
  ringAll(): void {
    for (const waiters of this.waiting.values()) for (const wake of waiters) wake();
  }

  /** Looks whether the agent still lives; returns when to look again, or undefined when it is lost or gone. */
  async checkPresence(tenant: string, id: string): Promise<Time | undefined> {
    const stream = agentStream(tenant, id);
    const { state } = await this.transactor.current(agentDecider, stream);
    if (state.status !== 'active' || state.profile === undefined) return undefined;
    const last = Math.max((await this.presence.last(stream)) ?? 0, this.listeningSince);
    const limit = plusSeconds(toTime(last), state.profile.presence_seconds);
    if (limit > toTime(this.clock.now())) return limit;
    await this.transactor.transact(agentDecider, stream, lose(toTime(last)), { principal: Market.principal(tenant), action: 'agent.lose' });
    this.presence.forget([stream]);
    return undefined;
  }

  /** Confirms reservations whose award shows in the task's stream, and releases those whose award never came. */
  async sweepSlots(tenant: string, id: string): Promise<void> {
    const { state } = await this.transactor.current(agentDecider, agentStream(tenant, id));
    const now = toTime(this.clock.now());
    for (const [task, { award, expires }] of Object.entries(state.slots)) {
      if (expires !== undefined && expires <= now) await this.market.settleSlot(tenant, task, { agent: id, award });
    }
  }

  private async signOfLife(context: RequestContext, id: string): Promise<Rejection | undefined> {
    const stream = agentStream(context.principal.tenant, id);
    let { state } = await this.transactor.load(agentDecider, stream);
    if (state.status === 'gone') ({ state } = await this.transactor.current(agentDecider, stream));
    if (state.status === 'unknown' || state.status === 'gone') return new Rejection('missing', 'agent-not-found', 'there is no such agent: register it first');
    this.presence.beat([stream], this.clock.now());
    if (state.status === 'active') return undefined;
    const { principal, traceparent } = context;
    const outcome = await this.transactor.transact(agentDecider, stream, comeBack(), { principal, traceparent, action: 'agent.return' });
    return outcome.ok ? undefined : outcome.rejection;
  }

  private async waitingFor(tenant: string, id: string, offersAfter: Time): Promise<Inbox> {
    const items: InboxItem[] = [];
    const now = toTime(this.clock.now());
    const { state: agent } = await this.transactor.load(agentDecider, agentStream(tenant, id));
    for (const [task, slot] of Object.entries(agent.slots)) {
      const { state } = await this.transactor.load(taskDecider, streamName(tenant, 'task', task));
      const { holder, spec } = state;
      if (state.status !== 'awarded' || spec === undefined || holder?.agent !== id || holder.award !== slot.award) continue;
      items.push({ kind: 'assignment', task, award: holder.award, accept_by: holder.accept_by, attempt: state.attempts, lease_seconds: spec.lease_seconds, spec });
    }
    const { profile } = agent;
    if (profile !== undefined && agent.status === 'active') {
      for (const entry of this.market.tasks.bidding(tenant, [profile.agent_type, ...Object.keys(profile.capabilities)], offersAfter, now)) {
        const { spec } = entry.state;
        if (items.length >= MAX_ITEMS || spec === undefined) break;
        if (!hasBid(entry.state, id)) items.push({ kind: 'offer', task: entry.id, bids_close_at: entry.state.ready_at, strength: strengthOf(entry.state, now), spec });
      }
    }
    for (const { id: round, state } of this.rounds.missing(tenant, id, offersAfter)) {
      if (items.length >= MAX_ITEMS || state.spec === undefined) break;
      const { question, action, choices, impact } = state.spec;
      items.push({ kind: 'vote', round, pass: state.pass, snapshot: state.electorate_hash, question: question ?? action?.summary ?? '', choices, impact, deadline: state.deadline });
    }
    return { items, offers_after: now };
  }

  private nextRing(tenant: string, id: string, milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const key = agentStream(tenant, id);
      const waiters = this.waiting.get(key) ?? new Set();
      this.waiting.set(key, waiters);
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        waiters.delete(wake);
        if (waiters.size === 0) this.waiting.delete(key);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      signal?.addEventListener('abort', wake);
      waiters.add(wake);
    });
  }
}

