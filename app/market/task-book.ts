/**
 * Which tasks wait for an agent, kept in memory: a read model like any other, only hot. It holds no truth: the award in
 * the task's stream decides.
 */
import { Heap } from 'heap-js';
import { own } from '../../domain/kernel/own';
import { earliest, type Time, toMillis, toTime } from '../../domain/kernel/time';
import { type Reach, unfit } from '../../domain/market/fit';
import { declineEnds, delayedUntil, hasBid, hasDeclined, strengthOf, type TaskState } from '../../domain/market/task';
import { Ordered } from '../engine/ordered';
import type { Clock } from '../engine/ports';
import { type AgentBook, type AgentEntry, capabilitiesOf } from './agent-book';
import { type Fits, type Lineup, Lineups } from './lineups';
import { listed, unlist } from './lists';
import type { Places } from './places';
import type { TaskEntry } from './task-entry';

/** Entries of one capability that one look at offers walks through at most. */
const MAX_LOOKED_AT = 2_000;

/** Open tasks, by what they ask for; and those that are held, which only wait. */
export class TaskBook {
  private readonly open = new Map<string, TaskEntry>();
  private readonly held = new Map<string, TaskEntry>();
  private readonly lineups: Lineups;
  /** `tenant/agent` → tasks that the agent has bid for. */
  private readonly bids = new Map<string, Set<TaskEntry>>();
  /** `tenant capability` → tasks in the order in which they came to be offered. */
  private readonly offered = new Map<string, Ordered<TaskEntry, number>>();
  /** Those among them whose bids are collected before they are awarded. */
  private readonly collecting = new Map<string, Ordered<TaskEntry, number>>();
  /**
   * Tenant → tasks in the order in which they were opened, or posted where they are held: those first that have waited
   * longest.
   */
  private readonly waiting = new Map<string, Ordered<TaskEntry, string>>();
  /**
   * Tasks that are not offered yet, and those that somebody has declined in this attempt: by when agents may be told of
   * them, or those who declined again.
   */
  private readonly returning = new Heap<{ readonly at: Time; readonly entry: TaskEntry }>((a, b) =>
    a.at < b.at ? -1 : a.at > b.at ? 1 : 0,
  );
  private readonly listeners: ((entry: TaskEntry) => void)[] = [];
  private turn: Iterator<TaskEntry> = this.open.values();

  /** @param agents tell which tasks some standing offer meets */
  constructor(
    private readonly places: Places,
    private readonly clock: Clock,
    agents: AgentBook,
  ) {
    this.lineups = new Lineups((tenant, requires) => agents.canMeet(tenant, requires));
    agents.onKind((tenant, profile) => this.lineups.offered(tenant, profile));
  }

  /** Hears of tasks that come to be offered: new ones, and those that are open again. */
  onOffered(listener: (entry: TaskEntry) => void): void {
    this.listeners.push(listener);
  }

  update(tenant: string, id: string, stream: string, now: TaskState, version: number): void {
    const state = withoutPayload(now);
    const known = this.open.get(stream);
    const before = known ?? this.held.get(stream);
    if (before !== undefined && before.version >= version) return;
    if (before !== known) this.letGo(before as TaskEntry);
    if (state.status === 'held') return this.hold({ tenant, id, stream, state, version, place: 0, returns: undefined });
    if (state.status !== 'open' || firstOf(state) === undefined) {
      if (known !== undefined) this.forget(known);
      return;
    }
    const entry = known ?? { tenant, id, stream, state, version, place: 0, returns: undefined };
    const offered = known?.state;
    this.open.set(stream, entry);
    this.bid(entry, offered, state);
    entry.state = state;
    entry.version = version;
    this.lineups.set(entry, this.clock.now());
    if (state.declined !== offered?.declined) this.returnAt(entry, returnsAt(state, toTime(this.clock.now())));
    this.wait(entry);
    if (offered === undefined || offerOf(offered) !== offerOf(state)) this.offer(entry);
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

  /** Tasks whose time has come are told of now; who has declined long enough ago is told again. */
  returned(now: Time): void {
    for (let next = this.returning.peek(); next !== undefined && next.at <= now; next = this.returning.peek()) {
      this.returning.pop();
      const { entry, at } = next;
      if (entry.returns !== at || this.open.get(entry.stream) !== entry) continue;
      this.returnAt(entry, returnsAt(entry.state, now));
      this.offer(entry);
    }
  }

  private returnAt(entry: TaskEntry, at: Time | undefined): void {
    if (at !== undefined && at !== entry.returns) this.returning.push({ at, entry });
    entry.returns = at;
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
    const bucket = `${entry.tenant} ${firstOf(entry.state)}`;
    this.open.delete(entry.stream);
    this.bid(entry, entry.state, undefined);
    this.lineups.delete(entry, this.clock.now());
    unlist(this.offered, bucket, entry);
    unlist(this.collecting, bucket, entry);
    unlist(this.waiting, entry.tenant, entry);
  }

  private bid(entry: TaskEntry, before: TaskState | undefined, after: TaskState | undefined): void {
    if (before?.bids === after?.bids) return;
    const [old, now] = [before?.bids ?? {}, after?.bids ?? {}];
    for (const agent of Object.keys(old))
      if (own(now, agent) === undefined) unlist(this.bids, `${entry.tenant}/${agent}`, entry);
    for (const agent of Object.keys(now))
      if (own(old, agent) === undefined) listed(this.bids, `${entry.tenant}/${agent}`, () => new Set()).add(entry);
  }

  private offer(entry: TaskEntry): void {
    const { tenant, state } = entry;
    entry.place = this.places.next();
    for (const lists of (state.spec?.bid_seconds ?? 0) > 0 ? [this.offered, this.collecting] : [this.offered])
      listed(lists, `${tenant} ${firstOf(state)}`, () => new Ordered<TaskEntry, number>()).set(entry, entry.place);
    for (const listener of this.listeners) listener(entry);
  }

  /** How many tasks are open. */
  get size(): number {
    return this.open.size;
  }

  /** The next open tasks in turn, from where the last look ended, at most `limit` and each once. */
  *inTurn(limit: number): Generator<TaskEntry> {
    for (let left = Math.min(limit, this.open.size); left > 0; left -= 1) {
      let next = this.turn.next();
      if (next.done === true) next = (this.turn = this.open.values()).next();
      if (next.done === true) return;
      yield next.value;
    }
  }

  /** Lines of tasks that could be awarded now, of the tenant or of all. */
  ready(now: Time, tenant?: string): Iterable<Lineup> {
    return this.lineups.waiting(toMillis(now), tenant);
  }

  /** The line in which an open task waits. */
  lineupOf(entry: TaskEntry): Lineup | undefined {
    return this.lineups.of(entry);
  }

  /** The state of the task of the line that pulls most now; undefined when none of them is ready. */
  headOf(lineup: Lineup, now: Time): TaskState | undefined {
    return this.lineups.head(lineup, toMillis(now));
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
    // The market bids for standing offers, but for what is collected: those agents need no look at all the rest.
    const lists = agent.state.profile?.offer === null ? this.offered : this.collecting;
    for (const capability of capabilitiesOf(agent.state)) {
      let looked = 0;
      let fitting = 0;
      for (const { item, key } of lists.get(`${agent.tenant} ${capability}`)?.after(after) ?? []) {
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

  /**
   * The open task that is ready, `fits` and pulls most: of those that the agent has bid for, and of those that its
   * standing offer meets, with what it has itself or also with what it lends.
   */
  strongest(
    { tenant, id, state: { profile } }: AgentEntry,
    reach: Reach,
    now: Time,
    fits: Fits,
  ): TaskEntry | undefined {
    if (profile === undefined) return undefined;
    const at = toMillis(now);
    let best = profile.offer === null ? undefined : this.lineups.strongest({ tenant, profile }, reach, at, fits);
    for (const entry of this.bids.get(`${tenant}/${id}`) ?? []) {
      const pull = this.lineups.pull(entry, at);
      if (pull !== undefined && pull > (best?.pull ?? -Infinity) && fits(entry)) best = { entry, pull };
    }
    return best?.entry;
  }
}

/** Since when a task waits: open, or until it is decided that it may be done. */
export function waitsSince({ open_since, posted_at }: TaskState): Time | undefined {
  return open_since ?? posted_at;
}

/** When somebody is told of the task who isn't now; undefined when time alone changes nothing of that. */
function returnsAt(state: TaskState, now: Time): Time | undefined {
  return earliest(delayedUntil(state, now), declineEnds(state, now));
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
  if (spec === undefined || delayedUntil(state, now) !== undefined) return false;
  if (hasBid(state, agent.id) || hasDeclined(state, agent.id, now)) return false;
  if (agent.state.profile?.offer !== null && !(spec.bid_seconds > 0 && ready_at > now)) return false;
  const obstacle = unfit(agent, spec, strengthOf(state, now), 'bid');
  return obstacle === undefined || obstacle === 'busy';
}

/** Nobody is chosen by the payload of a task, and books are held in memory. */
function withoutPayload(state: TaskState): TaskState {
  if (state.spec?.payload === undefined) return state;
  const { payload: _, ...spec } = state.spec;
  return { ...state, spec };
}

/** The capability that a task asks for first. */
function firstOf({ spec }: TaskState): string | undefined {
  return spec?.requires[0]?.capability;
}
