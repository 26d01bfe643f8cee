/**
 * Which tasks wait for an agent, kept in memory: a read model like any other, only hot. It holds no truth: the award in
 * the task's stream decides.
 */
import { earliest, type Time } from '../../domain/kernel/time';
import { unfit } from '../../domain/market/fit';
import { declineEnds, hasBid, hasDeclined, strengthOf, taskPull, type TaskState } from '../../domain/market/task';
import { Ordered } from '../engine/ordered';
import { type AgentEntry, capabilitiesOf } from './agent-book';
import { listed, unlist } from './lists';
import type { Places } from './places';

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

function bucketOf(tenant: string, state: TaskState): string | undefined {
  const first = state.spec?.requires[0]?.capability;
  return first === undefined ? undefined : `${tenant} ${first}`;
}
