/**
 * What the market has to know at every moment, kept in memory: which agents could take a task now, and which tasks
 * wait for an agent. Both are read models like any other, folded from the same states, only hot: a match must not cost
 * a query. They hold no truth: a reservation in the agent's stream and the award in the task's stream decide.
 */
import { own } from '../../domain/kernel/own';
import { earliest, type Time } from '../../domain/kernel/time';
import { type AgentProfile, type AgentState, slotsInUse } from '../../domain/market/agent';
import { bidOf, unfit } from '../../domain/market/fit';
import type { BidInputs } from '../../domain/market/market';
import { agentPause, pauseDecider, type PauseState } from '../../domain/market/pause';
import {
  declineEnds,
  hasBid,
  hasDeclined,
  type Requirement,
  strengthOf,
  taskPull,
  type TaskSpec,
  type TaskState,
} from '../../domain/market/task';
import { ballotHolders } from '../../domain/oversight/consensus';
import type { RoundState } from '../../domain/oversight/round';
import { Ordered } from '../engine/ordered';

/**
 * Places in the books of this process: whatever comes to be seen by agents gets the next one at that moment, whatever
 * its time says. So whoever has seen all up to a place misses nothing that comes later.
 */
export class Places {
  last = 0;

  /** @param epoch names this process: its places mean nothing to others */
  constructor(readonly epoch: string) {}

  next(): number {
    return (this.last += 1);
  }
}

export interface AgentEntry {
  readonly tenant: string;
  readonly id: string;
  version: number;
  state: AgentState;
  /** Reservations asked for and not yet answered. */
  pending: number;
  /** A person has paused it or its pool: it gets nothing new. */
  paused: boolean;
  /** Where what it can do, or may, was last changed: all that came before may be news to it. */
  place: number;
}

/** What people have paused, by tenant: read when a tenant is first asked for, kept up to date by what is committed. */
export class PauseBook {
  private readonly tenants = new Map<string, { readonly state: PauseState; readonly version: number }>();
  private readonly listeners: ((tenant: string) => void)[] = [];

  constructor(
    private readonly read: (tenant: string) => Promise<{ readonly state: PauseState; readonly version: number }>,
  ) {}

  /** Hears of tenants whose pauses are others than before. */
  onChange(listener: (tenant: string) => void): void {
    this.listeners.push(listener);
  }

  update(tenant: string, state: PauseState, version: number): void {
    const before = this.tenants.get(tenant);
    if (before !== undefined && before.version >= version) return;
    this.tenants.set(tenant, { state, version });
    for (const listener of this.listeners) listener(tenant);
  }

  async of(tenant: string): Promise<PauseState> {
    if (!this.tenants.has(tenant)) {
      const { state, version } = await this.read(tenant);
      this.update(tenant, state, version);
    }
    return this.known(tenant);
  }

  /** As far as it was read. */
  known(tenant: string): PauseState {
    return this.tenants.get(tenant)?.state ?? pauseDecider.initial;
  }
}

/** How many candidates one award considers at most; with more, a rotating window of them. */
export const MAX_CANDIDATES = 64;

export class AgentBook {
  private readonly agents = new Map<string, AgentEntry>();
  /** `tenant capability` → agents that have it, are active and make standing offers. */
  private readonly offering = new Map<string, Set<AgentEntry>>();
  /** `tenant capability` → agents that have it and are not gone, in order of id. */
  private readonly having = new Map<string, Ordered<AgentEntry, string>>();
  private readonly listeners: ((entry: AgentEntry) => void)[] = [];
  private turn = 0;

  constructor(
    private readonly places: Places,
    private readonly pauses: PauseBook,
  ) {
    pauses.onChange((tenant) => this.repause(tenant));
  }

  /** Hears of agents that can do something else than before, or may again. */
  onAble(listener: (entry: AgentEntry) => void): void {
    this.listeners.push(listener);
  }

  update(tenant: string, id: string, state: AgentState, version: number): AgentEntry {
    const key = `${tenant}/${id}`;
    let entry = this.agents.get(key);
    if (entry === undefined) {
      this.agents.set(key, (entry = { tenant, id, version: -1, state, pending: 0, paused: false, place: 0 }));
      this.list(entry, undefined, state);
    } else if (version > entry.version) {
      this.list(entry, entry.state, state);
    }
    if (version > entry.version) {
      const before = entry.version < 0 ? undefined : entry.state;
      entry.version = version;
      entry.state = state;
      const resumed = this.repaused(entry);
      if (resumed || abilities(before) !== abilities(state)) this.newlyAble(entry);
    }
    return entry;
  }

  get(tenant: string, id: string): AgentEntry | undefined {
    return this.agents.get(`${tenant}/${id}`);
  }

  /** Agents that are registered and not gone. */
  *all(): Generator<AgentEntry & { state: { profile: AgentProfile } }> {
    for (const entry of this.agents.values()) {
      if (entry.state.profile !== undefined && entry.state.status !== 'gone')
        yield entry as AgentEntry & { state: { profile: AgentProfile } };
    }
  }

  /** Active agents that have the capability and take only what they bid for. */
  bidders(tenant: string, capability: string): Iterable<AgentEntry> {
    return this.offering.get(`${tenant} bid ${capability}`) ?? [];
  }

  /** How many agents have the capability and are not gone. */
  count(tenant: string, capability: string): number {
    return this.having.get(`${tenant} ${capability}`)?.size ?? 0;
  }

  /** The agents that have the capability and are not gone, in order of id, after the id `after`. */
  *able(tenant: string, capability: string, after?: string): Generator<AgentEntry> {
    for (const { item } of this.having.get(`${tenant} ${capability}`)?.after(after) ?? []) yield item;
  }

  /** How many active agents lend the capability to other pools. */
  lending(tenant: string, capability: string): number {
    return this.offering.get(`${tenant} help ${capability}`)?.size ?? 0;
  }

  /** Standing offers that fit the task now and have a free slot, with the inputs of their scores. */
  offers(tenant: string, spec: TaskSpec, strength: number, excluded: readonly string[]): BidInputs[] {
    const found: BidInputs[] = [];
    const scarcest = this.scarcest(tenant, spec.requires);
    if (scarcest === undefined) return found;
    this.turn += 1;
    const skip = scarcest.size > MAX_CANDIDATES ? this.turn % scarcest.size : 0;
    // Two rounds make a window that starts at `skip` and wraps around.
    for (let round = 0; round < 2 && found.length < MAX_CANDIDATES; round += 1) {
      let position = 0;
      for (const entry of scarcest) {
        const inWindow = round === 0 ? position >= skip : position < skip;
        position += 1;
        if (!inWindow) continue;
        const bid = bidOf(entry, spec, strength, 'offer');
        if (bid !== undefined && !excluded.includes(entry.id)) found.push(bid);
        if (found.length >= MAX_CANDIDATES) break;
      }
      if (skip === 0) break;
    }
    return found;
  }

  /** Idle agents that lend a required capability, unless their own pool is among the `overloaded` (`tenant pool`). */
  helpers(
    tenant: string,
    spec: TaskSpec,
    strength: number,
    excluded: readonly string[],
    overloaded: ReadonlySet<string>,
  ): BidInputs[] {
    const found: BidInputs[] = [];
    for (const { capability } of spec.requires) {
      for (const entry of this.offering.get(`${tenant} help ${capability}`) ?? []) {
        if (
          slotsInUse(entry.state) + entry.pending > 0 ||
          excluded.includes(entry.id) ||
          overloaded.has(`${tenant} ${entry.state.profile?.pool}`)
        )
          continue;
        const bid = bidOf(entry, spec, strength, 'help');
        if (bid !== undefined) found.push(bid);
        if (found.length >= MAX_CANDIDATES) return found;
      }
    }
    return found;
  }

  /**
   * Whether a person has paused it is looked at anew; true when it was, and is not any more: it was told of nothing
   * meanwhile.
   */
  private repaused(entry: AgentEntry): boolean {
    const { paused: before, tenant, id, state } = entry;
    entry.paused = agentPause(this.pauses.known(tenant), id, state.profile?.pool) !== undefined;
    return before && !entry.paused;
  }

  /** Pauses come from people: all agents are looked at. */
  private repause(tenant: string): void {
    for (const entry of this.agents.values())
      if (entry.tenant === tenant && this.repaused(entry)) this.newlyAble(entry);
  }

  private newlyAble(entry: AgentEntry): void {
    entry.place = this.places.next();
    for (const listener of this.listeners) listener(entry);
  }

  private scarcest(tenant: string, requires: readonly Requirement[]): Set<AgentEntry> | undefined {
    let best: Set<AgentEntry> | undefined;
    for (const { capability } of requires) {
      const having = this.offering.get(`${tenant} ${capability}`);
      if (having === undefined) return undefined;
      if (best === undefined || having.size < best.size) best = having;
    }
    return best;
  }

  private list(entry: AgentEntry, before: AgentState | undefined, after: AgentState): void {
    if (before?.profile === after.profile && before?.status === after.status) return;
    for (const key of listings(entry.tenant, before)) unlist(this.offering, key, entry);
    for (const key of listings(entry.tenant, after)) listed(this.offering, key, () => new Set()).add(entry);
    for (const capability of capabilitiesOf(before)) unlist(this.having, `${entry.tenant} ${capability}`, entry);
    for (const capability of capabilitiesOf(after))
      listed(this.having, `${entry.tenant} ${capability}`, () => new Ordered<AgentEntry, string>()).set(
        entry,
        entry.id,
      );
  }
}

/** What decides which tasks an agent is told of. */
function abilities(state: AgentState | undefined): string {
  const { profile } = state ?? {};
  return profile === undefined
    ? ''
    : JSON.stringify([profile.agent_type, profile.capabilities, profile.offer === null]);
}

/** All that an agent can do while it is not gone: its own type is among it. */
export function capabilitiesOf(state: AgentState | undefined): ReadonlySet<string> {
  const { profile } = state ?? {};
  return new Set(
    profile === undefined || state?.status === 'gone' ? [] : [...Object.keys(profile.capabilities), profile.agent_type],
  );
}

function listings(tenant: string, state: AgentState | undefined): string[] {
  const { profile } = state ?? {};
  if (state?.status !== 'active' || profile === undefined) return [];
  const own = capabilitiesOf(state);
  if (profile.offer === null) return [...own].map((capability) => `${tenant} bid ${capability}`);
  return [
    ...[...own].map((capability) => `${tenant} ${capability}`),
    ...profile.offer.helps.filter((lent) => !own.has(lent)).map((lent) => `${tenant} help ${lent}`),
  ];
}

export interface TaskEntry {
  readonly tenant: string;
  readonly id: string;
  readonly stream: string;
  version: number;
  state: TaskState;
  /** Where it came to be offered, last. */
  place: number;
  /** When one that has declined may be told of it again; undefined when nobody has. */
  returns: Time | undefined;
}

/** Entries of one capability that one look at offers walks through at most. */
const MAX_LOOKED_AT = 2_000;

/** Open tasks, by the capability that they ask for first; and those that are held, which only wait. */
export class TaskBook {
  private readonly open = new Map<string, TaskEntry>();
  private readonly held = new Map<string, TaskEntry>();
  private readonly buckets = new Map<string, Set<TaskEntry>>();
  /** `tenant capability` → tasks in the order in which they came to be offered. */
  private readonly offered = new Map<string, Ordered<TaskEntry, number>>();
  /**
   * Tenant → tasks in the order in which they were opened, or posted where they are held: those first that have waited
   * longest.
   */
  private readonly waiting = new Map<string, Ordered<TaskEntry, string>>();
  /** Tasks that somebody has declined in this attempt. */
  private readonly declined = new Set<TaskEntry>();
  private readonly listeners: ((entry: TaskEntry) => void)[] = [];

  constructor(private readonly places: Places) {}

  /** Hears of tasks that come to be offered: new ones, and those that are open again. */
  onOffered(listener: (entry: TaskEntry) => void): void {
    this.listeners.push(listener);
  }

  update(tenant: string, id: string, stream: string, state: TaskState, version: number): void {
    const known = this.open.get(stream);
    const before = known ?? this.held.get(stream);
    if (before !== undefined && before.version >= version) return;
    if (before !== known) this.letGo(before as TaskEntry);
    if (state.status === 'held') return this.hold({ tenant, id, stream, state, version, place: 0, returns: undefined });
    const bucket = bucketOf(tenant, state);
    if (state.status !== 'open' || bucket === undefined) {
      if (known !== undefined) this.forget(known);
      return;
    }
    let entry = known;
    if (entry === undefined) {
      entry = { tenant, id, stream, state, version, place: 0, returns: undefined };
      this.open.set(stream, entry);
      listed(this.buckets, bucket, () => new Set()).add(entry);
    }
    const offered = known?.state;
    entry.state = state;
    entry.version = version;
    entry.returns = earliest(...Object.values(state.declined).map(({ until }) => until));
    if (entry.returns === undefined) this.declined.delete(entry);
    else this.declined.add(entry);
    this.wait(entry);
    if (offered === undefined || offerOf(offered) !== offerOf(state)) this.offer(entry);
  }

  get(stream: string): TaskEntry | undefined {
    return this.open.get(stream);
  }

  /** An open or a held task. */
  waits(stream: string): TaskEntry | undefined {
    return this.open.get(stream) ?? this.held.get(stream);
  }

  /**
   * The tenant's open and held tasks that have waited longest first, after the key `after` as it was given with an
   * earlier one.
   */
  *longestWaiting(tenant: string, after?: string): Generator<{ readonly key: string; readonly item: TaskEntry }> {
    yield* this.waiting.get(tenant)?.after(after) ?? [];
  }

  /** How many tasks of the tenant wait: open ones, and those that are held. */
  count(tenant: string): number {
    return this.waiting.get(tenant)?.size ?? 0;
  }

  /** Who has declined long enough ago is told of the task again. */
  returned(now: Time): void {
    for (const entry of this.declined) {
      if (entry.returns === undefined || entry.returns > now) continue;
      entry.returns = declineEnds(entry.state, now);
      if (entry.returns === undefined) this.declined.delete(entry);
      this.offer(entry);
    }
  }

  private hold(entry: TaskEntry): void {
    this.held.set(entry.stream, entry);
    this.wait(entry);
  }

  private letGo(entry: TaskEntry): void {
    this.held.delete(entry.stream);
    unlist(this.waiting, entry.tenant, entry);
  }

  private wait(entry: TaskEntry): void {
    listed(this.waiting, entry.tenant, () => new Ordered<TaskEntry, string>()).set(
      entry,
      `${waitsSince(entry.state)} ${entry.id}`,
    );
  }

  private forget(entry: TaskEntry): void {
    const bucket = bucketOf(entry.tenant, entry.state) ?? '';
    this.open.delete(entry.stream);
    this.declined.delete(entry);
    unlist(this.offered, bucket, entry);
    unlist(this.buckets, bucket, entry);
    unlist(this.waiting, entry.tenant, entry);
  }

  private offer(entry: TaskEntry): void {
    entry.place = this.places.next();
    listed(this.offered, bucketOf(entry.tenant, entry.state) ?? '', () => new Ordered<TaskEntry, number>()).set(
      entry,
      entry.place,
    );
    for (const listener of this.listeners) listener(entry);
  }

  /** How many tasks are open, and how many of those ask for this capability first. */
  size(tenant?: string, capability?: string): number {
    return capability === undefined ? this.open.size : (this.buckets.get(`${tenant} ${capability}`)?.size ?? 0);
  }

  *all(): Generator<TaskEntry> {
    yield* this.open.values();
  }

  /**
   * What the agent may bid for, that came to be offered after the place `after`; in order, at most `limit`, and up to
   * which place there is nothing else. Tasks whose bids are collected, and to agents that take only what they bid for
   * all that they could do.
   */
  offersTo(
    agent: AgentEntry,
    after: number,
    now: Time,
    limit: number,
  ): { entries: readonly TaskEntry[]; upTo: number } {
    this.returned(now);
    let upTo = this.places.last;
    const found: TaskEntry[] = [];
    for (const capability of capabilitiesOf(agent.state)) {
      let looked = 0;
      let fitting = 0;
      for (const { item, key } of this.offered.get(`${agent.tenant} ${capability}`)?.after(after) ?? []) {
        if (isOfferedTo(agent, item.state, now)) {
          found.push(item);
          fitting += 1;
        }
        looked += 1;
        if (fitting < limit && looked < MAX_LOOKED_AT) continue;
        upTo = Math.min(upTo, key);
        break;
      }
    }
    const entries = found.filter(({ place }) => place <= upTo).sort((a, b) => a.place - b.place);
    return entries.length <= limit
      ? { entries, upTo }
      : { entries: entries.slice(0, limit), upTo: (entries[limit - 1] as TaskEntry).place };
  }

  /** The open task that is ready, `fits` and pulls most, among those that ask for one of the capabilities. */
  strongest(
    tenant: string,
    capabilities: Iterable<string>,
    now: Time,
    fits: (entry: TaskEntry) => boolean,
  ): TaskEntry | undefined {
    let best: TaskEntry | undefined;
    let bestPull = -1;
    for (const capability of capabilities) {
      for (const entry of this.buckets.get(`${tenant} ${capability}`) ?? []) {
        if (entry.state.ready_at > now) continue;
        const pull = taskPull(entry.state, now);
        if (pull > bestPull && fits(entry)) {
          best = entry;
          bestPull = pull;
        }
      }
    }
    return best;
  }
}

export interface RoundEntry {
  readonly id: string;
  readonly tenant: string;
  state: RoundState;
  version: number;
  /** Where its present pass came to be seen. */
  place: number;
  voters: readonly string[];
}

/** Open rounds, by who may vote in them. */
export class RoundBook {
  private readonly open = new Map<string, RoundEntry>();
  /** `tenant/voter` → rounds in the order in which they came to be seen. */
  private readonly voting = new Map<string, Ordered<RoundEntry, number>>();
  private readonly listeners: ((tenant: string, voter: string) => void)[] = [];

  constructor(private readonly places: Places) {}

  /** Hears of each voter of a round, or of a pass of it, that was not known. */
  onAsked(listener: (tenant: string, voter: string) => void): void {
    this.listeners.push(listener);
  }

  update(tenant: string, id: string, stream: string, state: RoundState, version: number): void {
    const known = this.open.get(stream);
    if ((known !== undefined && known.version >= version) || state.electorate === undefined) return;
    if (state.status !== 'open') {
      for (const voter of known?.voters ?? []) unlist(this.voting, `${tenant}/${voter}`, known as RoundEntry);
      this.open.delete(stream);
      return;
    }
    const fresh = known?.state.pass !== state.pass;
    const entry = known ?? { id, tenant, state, version, place: 0, voters: [] };
    entry.state = state;
    entry.version = version;
    if (!fresh) return;
    for (const voter of entry.voters) unlist(this.voting, `${tenant}/${voter}`, entry);
    this.open.set(stream, entry);
    entry.place = this.places.next();
    entry.voters = [...ballotHolders(state.electorate)];
    for (const voter of entry.voters) {
      listed(this.voting, `${tenant}/${voter}`, () => new Ordered<RoundEntry, number>()).set(entry, entry.place);
      for (const listener of this.listeners) listener(tenant, voter);
    }
  }

  /**
   * Rounds in which the voter's vote is missing, that came to be seen after the place `after`; in order, at most
   * `limit`, and up to which place there is nothing else.
   */
  missing(
    tenant: string,
    voter: string,
    after: number,
    limit: number,
  ): { entries: readonly RoundEntry[]; upTo: number } {
    const entries: RoundEntry[] = [];
    for (const { item } of this.voting.get(`${tenant}/${voter}`)?.after(after) ?? []) {
      if (own(item.state.ballots, voter) !== undefined) continue;
      entries.push(item);
      if (entries.length === limit) return { entries, upTo: item.place };
    }
    return { entries, upTo: this.places.last };
  }
}

/** Since when a task waits: open, or until it is decided that it may be done. */
export function waitsSince({ open_since, posted_at }: TaskState): Time | undefined {
  return open_since ?? posted_at;
}

/** What makes an offer another one: the task was opened again, or is ready at another time. */
function offerOf({ attempts, awards, ready_at }: TaskState): string {
  return `${attempts} ${awards} ${ready_at}`;
}

/**
 * Whether an agent is told of an open task, so that it can bid. One that has a standing offer only while bids are
 * collected: later the market bids for it.
 */
function isOfferedTo(agent: AgentEntry, state: TaskState, now: Time): boolean {
  const { spec, ready_at } = state;
  if (spec === undefined || hasBid(state, agent.id) || hasDeclined(state, agent.id, now)) return false;
  if (agent.state.profile?.offer !== null && !(spec.bid_seconds > 0 && ready_at > now)) return false;
  const obstacle = unfit(agent, spec, strengthOf(state, now), 'bid');
  return obstacle === undefined || obstacle === 'busy';
}

/** Takes the entry out of a list; one that is empty is not kept. */
function unlist<E>(
  lists: Map<string, { delete(entry: E): unknown; readonly size: number }>,
  key: string,
  entry: E,
): void {
  const list = lists.get(key);
  list?.delete(entry);
  if (list?.size === 0) lists.delete(key);
}

function listed<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

function bucketOf(tenant: string, state: TaskState): string | undefined {
  const first = state.spec?.requires[0]?.capability;
  return first === undefined ? undefined : `${tenant} ${first}`;
}
