/**
 * What the market has to know at every moment, kept in memory: which agents could take a task now, and which tasks
 * wait for an agent. Both are read models like any other, folded from the same states, only hot: a match must not cost
 * a query. They hold no truth: a reservation in the agent's stream and the award in the task's stream decide.
 */
import { levelOf, servesAt, slotsInUse, type AgentProfile, type AgentState } from '../domain/agent';
import { own } from '../domain/kernel/own';
import { ballotHolders } from '../domain/consensus';
import { rounded, type BidInputs } from '../domain/market';
import type { RoundState } from '../domain/round';
import { taskPull, type Requirement, type TaskSpec, type TaskState } from '../domain/task';
import type { Time } from '../domain/kernel/time';

export interface AgentEntry {
  readonly tenant: string;
  readonly id: string;
  version: number;
  state: AgentState;
  /** Reservations asked for and not yet answered. */
  pending: number;
}

/** How many candidates one award considers at most; with more, a rotating window of them. */
export const MAX_CANDIDATES = 64;

export class AgentBook {
  private readonly agents = new Map<string, AgentEntry>();
  /** `tenant capability` → agents that have it, are active and make standing offers. */
  private readonly offering = new Map<string, Set<AgentEntry>>();
  private turn = 0;

  update(tenant: string, id: string, state: AgentState, version: number): AgentEntry {
    const key = `${tenant}/${id}`;
    let entry = this.agents.get(key);
    if (entry === undefined) {
      this.agents.set(key, (entry = { tenant, id, version: -1, state, pending: 0 }));
      this.list(entry, undefined, state);
    } else if (version > entry.version) {
      this.list(entry, entry.state, state);
    }
    if (version > entry.version) {
      entry.version = version;
      entry.state = state;
    }
    return entry;
  }

  get(tenant: string, id: string): AgentEntry | undefined {
    return this.agents.get(`${tenant}/${id}`);
  }

  /** Agents that are registered and not gone. */
  *all(): Generator<AgentEntry & { state: { profile: AgentProfile } }> {
    for (const entry of this.agents.values()) {
      if (entry.state.profile !== undefined && entry.state.status !== 'gone') yield entry as AgentEntry & { state: { profile: AgentProfile } };
    }
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
  helpers(tenant: string, spec: TaskSpec, strength: number, excluded: readonly string[], overloaded: ReadonlySet<string>): BidInputs[] {
    const found: BidInputs[] = [];
    for (const { capability } of spec.requires) {
      for (const entry of this.offering.get(`${tenant} help ${capability}`) ?? []) {
        if (slotsInUse(entry.state) + entry.pending > 0 || excluded.includes(entry.id) || overloaded.has(`${tenant} ${entry.state.profile?.pool}`)) continue;
        const bid = bidOf(entry, spec, strength, 'help');
        if (bid !== undefined) found.push(bid);
        if (found.length >= MAX_CANDIDATES) return found;
      }
    }
    return found;
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
    for (const key of listings(entry.tenant, before)) this.offering.get(key)?.delete(entry);
    for (const key of listings(entry.tenant, after)) {
      let listed = this.offering.get(key);
      if (listed === undefined) this.offering.set(key, (listed = new Set()));
      listed.add(entry);
    }
  }
}

function listings(tenant: string, state: AgentState | undefined): string[] {
  const { profile } = state ?? {};
  if (state?.status !== 'active' || profile === undefined || profile.offer === null) return [];
  const own = new Set([...Object.keys(profile.capabilities), profile.agent_type]);
  return [...[...own].map((capability) => `${tenant} ${capability}`), ...profile.offer.helps.filter((lent) => !own.has(lent)).map((lent) => `${tenant} help ${lent}`)];
}

/** The inputs of an agent's score for a task; undefined when it can't take the task now. */
export function bidOf(entry: AgentEntry, spec: TaskSpec, strength: number, source: BidInputs['source']): BidInputs | undefined {
  const { state } = entry;
  const { profile } = state;
  if (profile === undefined || state.status !== 'active') return undefined;
  const used = slotsInUse(state) + entry.pending;
  if (used >= profile.capacity) return undefined;
  const { offer } = profile;
  if (source !== 'bid' && (offer === null || strength < offer.min_strength || (spec.effort ?? 0) > (offer.max_effort ?? Infinity))) return undefined;
  let levels = 0;
  for (const { capability, level } of spec.requires) {
    // Lent capabilities count half: a peer helps when nobody better is free.
    const held = source === 'help' ? servesAt(profile, capability) : levelOf(profile, capability);
    if (held === undefined || held < level) return undefined;
    levels += held;
  }
  const record = own(state.record, spec.task_type);
  return {
    agent: entry.id,
    load: rounded(used / profile.capacity),
    match: rounded(spec.requires.length === 0 ? 1 : levels / spec.requires.length),
    source,
    tries: record?.tries ?? 0,
    wins: record?.wins ?? 0,
  };
}

export interface TaskEntry {
  readonly tenant: string;
  readonly id: string;
  readonly stream: string;
  version: number;
  state: TaskState;
}

/** Open tasks, by the capability that they ask for first. */
export class TaskBook {
  private readonly open = new Map<string, TaskEntry>();
  private readonly buckets = new Map<string, Set<TaskEntry>>();

  update(tenant: string, id: string, stream: string, state: TaskState, version: number): void {
    const known = this.open.get(stream);
    if (known !== undefined && known.version >= version) return;
    const bucket = bucketOf(tenant, state);
    if (state.status !== 'open' || bucket === undefined) {
      if (known !== undefined) {
        this.open.delete(stream);
        this.buckets.get(bucketOf(tenant, known.state) ?? '')?.delete(known);
      }
      return;
    }
    if (known !== undefined) {
      known.state = state;
      known.version = version;
      return;
    }
    const entry = { tenant, id, stream, state, version };
    this.open.set(stream, entry);
    let entries = this.buckets.get(bucket);
    if (entries === undefined) this.buckets.set(bucket, (entries = new Set()));
    entries.add(entry);
  }

  /** How many tasks are open, and how many of those ask for this capability first. */
  size(tenant?: string, capability?: string): number {
    return capability === undefined ? this.open.size : (this.buckets.get(`${tenant} ${capability}`)?.size ?? 0);
  }

  *all(): Generator<TaskEntry> {
    yield* this.open.values();
  }

  /** Tasks that collect bids, opened after `after`, that ask for one of the capabilities first. */
  *bidding(tenant: string, capabilities: Iterable<string>, after: Time, now: Time): Generator<TaskEntry> {
    for (const capability of new Set(capabilities)) {
      for (const entry of this.buckets.get(`${tenant} ${capability}`) ?? []) {
        const { spec, posted_at, ready_at } = entry.state;
        if ((spec?.bid_seconds ?? 0) > 0 && ready_at > now && (posted_at ?? '') > after) yield entry;
      }
    }
  }

  /** The open task that is ready, `fits` and pulls most, among those that ask for one of the capabilities. */
  strongest(tenant: string, capabilities: Iterable<string>, now: Time, fits: (entry: TaskEntry) => boolean): TaskEntry | undefined {
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
  readonly state: RoundState;
  readonly version: number;
  /** When this pass was first seen here. */
  readonly since: Time;
}

/** Open rounds, by who may vote in them. */
export class RoundBook {
  private readonly open = new Map<string, RoundEntry>();
  /** `tenant/voter` → streams of rounds. */
  private readonly voting = new Map<string, Set<string>>();

  /** Takes note of a round's state at `version`. Answers whom it newly asks: all voters of a round or a pass that was not known. */
  update(tenant: string, id: string, stream: string, state: RoundState, version: number, now: Time): readonly string[] {
    const known = this.open.get(stream);
    if ((known !== undefined && known.version >= version) || state.electorate === undefined) return [];
    const voters = [...ballotHolders(state.electorate)];
    if (state.status !== 'open') {
      for (const voter of voters) this.drop(`${tenant}/${voter}`, stream);
      this.open.delete(stream);
      return [];
    }
    const fresh = known?.state.pass !== state.pass;
    this.open.set(stream, { id, state, version, since: fresh ? now : known.since });
    if (!fresh) return [];
    for (const voter of voters) {
      const key = `${tenant}/${voter}`;
      this.voting.set(key, (this.voting.get(key) ?? new Set()).add(stream));
    }
    return voters;
  }

  /** Rounds, seen after `after`, in which the voter's vote is missing. */
  *missing(tenant: string, voter: string, after: Time): Generator<RoundEntry> {
    for (const stream of this.voting.get(`${tenant}/${voter}`) ?? []) {
      const entry = this.open.get(stream) as RoundEntry;
      if (entry.since > after && own(entry.state.ballots, voter) === undefined) yield entry;
    }
  }

  private drop(key: string, stream: string): void {
    const streams = this.voting.get(key);
    streams?.delete(stream);
    if (streams?.size === 0) this.voting.delete(key);
  }
}

function bucketOf(tenant: string, state: TaskState): string | undefined {
  const first = state.spec?.requires[0]?.capability;
  return first === undefined ? undefined : `${tenant} ${first}`;
}
