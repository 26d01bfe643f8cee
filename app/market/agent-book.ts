/**
 * Which agents could take a task now, kept in memory: a read model like any other, only hot, since a match must not
 * cost a query. It holds no truth: the reservation in the agent's stream decides.
 *
 * Agents with standing offers of the same kind (they can do the same, on the same terms) are kept together, and of each
 * kind those apart that have a free slot: so a match looks at kinds, not at agents, and never at those who are busy.
 */
import { Recent } from '../../domain/kernel/recent';
import { type AgentProfile, type AgentState, isRegistered, slotsInUse } from '../../domain/market/agent';
import { beyondTerms, bidOf, inputsOf, lacking, matchOf } from '../../domain/market/fit';
import type { BidInputs } from '../../domain/market/market';
import type { Requirement, TaskSpec } from '../../domain/market/task';
import { Ordered } from '../engine/ordered';
import { listed, unlist } from './lists';
import type { PauseBook } from './pause-book';
import type { Places } from './places';
import { Roster } from './roster';

export interface AgentEntry {
  readonly tenant: string;
  readonly id: string;
  version: number;
  state: AgentState;
  /** Reservations asked for and not yet answered. */
  pending: number;
  /** Somebody has paused or stopped it, its pool or its type: it gets nothing new. */
  paused: boolean;
  /** Where what it can do, or may, was last changed: all that came before may be news to it. */
  place: number;
  /** What it offers, while it is active and has a standing offer. */
  kind: Kind | undefined;
}

/** Agents of one tenant that can do the same, on the same terms. */
interface Kind {
  readonly key: string;
  readonly tenant: string;
  readonly profile: AgentProfile;
  /** How many there are. */
  members: number;
  /** Those that could take one more task now. */
  readonly free: Roster<AgentEntry>;
}

/** How many candidates one award considers at most; with more, a rotating window of them. */
export const MAX_CANDIDATES = 64;

/** Agents that are gone, of which is remembered up to where: what was read of them before changes nothing. */
const MAX_GONE = 10_000;

export class AgentBook {
  /** Those that are registered and not gone. */
  private readonly agents = new Map<string, AgentEntry>();
  private readonly gone = new Recent<string, number>(MAX_GONE);
  private readonly kinds = new Map<string, Kind>();
  /** `tenant capability` → kinds that have it, and of which somebody has a free slot. */
  private readonly offering = new Map<string, Set<Kind>>();
  /** `tenant capability` → kinds that lend it to other pools, and of which somebody has a free slot. */
  private readonly helping = new Map<string, Set<Kind>>();
  /** `tenant capability` → kinds that have it or lend it. */
  private readonly serving = new Map<string, Set<Kind>>();
  /** `tenant capability` → active agents that have it and take only what they bid for. */
  private readonly bidding = new Map<string, Set<AgentEntry>>();
  /** `tenant capability` → agents that have it and are not gone, in order of id. */
  private readonly having = new Map<string, Ordered<AgentEntry, string>>();
  /** `tenant gateway` → agents that it speaks for and that are not gone; and those of them that are lost. */
  private readonly spoken = new Map<string, Set<AgentEntry>>();
  private readonly lost = new Map<string, Set<AgentEntry>>();
  private readonly listeners: ((entry: AgentEntry) => void)[] = [];
  private readonly goneListeners: ((tenant: string, id: string, gateway: string | undefined) => void)[] = [];
  private readonly unspokenListeners: ((tenant: string, gateway: string) => void)[] = [];
  private readonly kindListeners: ((tenant: string, profile: AgentProfile) => void)[] = [];
  private turn = 0;
  private changed = 0;

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

  /** Hears of each kind of standing offer that there was not before. */
  onKind(listener: (tenant: string, profile: AgentProfile) => void): void {
    this.kindListeners.push(listener);
  }

  /** Hears of each agent that is gone, and who spoke for it. */
  onGone(listener: (tenant: string, id: string, gateway: string | undefined) => void): void {
    this.goneListeners.push(listener);
  }

  /** Hears of each gateway that speaks for nobody any more. */
  onUnspoken(listener: (tenant: string, gateway: string) => void): void {
    this.unspokenListeners.push(listener);
  }

  /** Takes in what an agent has become; one that is gone, or was never there, gets an entry that is not kept. */
  update(tenant: string, id: string, state: AgentState, version: number): AgentEntry {
    const key = `${tenant}/${id}`;
    let entry = this.agents.get(key);
    if (entry === undefined) {
      entry = { tenant, id, version: -1, state, pending: 0, paused: false, place: 0, kind: undefined };
      if (!isRegistered(state) || version <= (this.gone.peek(key) ?? -1)) return entry;
      this.agents.set(key, entry);
      this.list(entry, undefined, state);
    } else if (version > entry.version) {
      this.list(entry, entry.state, state);
    }
    if (version > entry.version) {
      const before = entry.version < 0 ? undefined : entry.state;
      entry.version = version;
      entry.state = state;
      this.changed += 1;
      const resumed = this.repaused(entry);
      this.place(entry);
      if (!isRegistered(state)) this.forget(key, entry);
      else if (resumed || abilities(before) !== abilities(state)) this.newlyAble(entry);
    }
    return entry;
  }

  /** A slot is asked for, or is not any more: it may be gone already. */
  reserving(entry: AgentEntry, by: 1 | -1): void {
    entry.pending += by;
    this.place(entry);
  }

  get(tenant: string, id: string): AgentEntry | undefined {
    return this.agents.get(`${tenant}/${id}`);
  }

  /** Rises with each change of an agent. */
  get changes(): number {
    return this.changed;
  }

  /** Agents that are registered and not gone. */
  *all(): Generator<AgentEntry & { state: { profile: AgentProfile } }> {
    for (const entry of this.agents.values()) yield entry as AgentEntry & { state: { profile: AgentProfile } };
  }

  /** The agents that the gateway speaks for and that are not gone. */
  spokenFor(tenant: string, gateway: string): Iterable<AgentEntry> {
    return this.spoken.get(`${tenant} ${gateway}`) ?? [];
  }

  /** Those of them that count as lost. */
  lostOf(tenant: string, gateway: string): Iterable<AgentEntry> {
    return this.lost.get(`${tenant} ${gateway}`) ?? [];
  }

  /** Active agents that have the capability and take only what they bid for. */
  bidders(tenant: string, capability: string): Iterable<AgentEntry> {
    return this.bidding.get(`${tenant} ${capability}`) ?? [];
  }

  /** How many agents have the capability and are not gone. */
  count(tenant: string, capability: string): number {
    return this.having.get(`${tenant} ${capability}`)?.size ?? 0;
  }

  /** The agents that have the capability and are not gone, in order of id, after the id `after`. */
  *able(tenant: string, capability: string, after?: string): Generator<AgentEntry> {
    for (const { item } of this.having.get(`${tenant} ${capability}`)?.after(after) ?? []) yield item;
  }

  /** How many active agents lend the capability to other pools, and have it not themselves. */
  lending(tenant: string, capability: string): number {
    let count = 0;
    for (const { profile, members } of this.serving.get(`${tenant} ${capability}`) ?? [])
      if (!ownCapabilities(profile).has(capability)) count += members;
    return count;
  }

  /** Whether some standing offer, of an agent that is free or busy, meets all that is required. */
  canMeet(tenant: string, requires: readonly Requirement[]): boolean {
    for (const { profile } of this.serving.get(`${tenant} ${requires[0]?.capability}`) ?? [])
      if (lacking(profile, requires, 'help') === undefined) return true;
    return false;
  }

  /** Whether somebody whose standing offer takes the task has a free slot now, also if only to lend a hand. */
  hasFree(tenant: string, spec: TaskSpec, strength: number): boolean {
    const first = `${tenant} ${spec.requires[0]?.capability}`;
    for (const kinds of [this.offering.get(first), this.helping.get(first)])
      for (const { profile } of kinds ?? [])
        if (lacking(profile, spec.requires, 'help') === undefined && beyondTerms(profile, spec, strength) === undefined)
          return true;
    return false;
  }

  /** Whether the agent could take one more task now. */
  hasRoom({ state, pending, paused }: AgentEntry): boolean {
    return !paused && slotsInUse(state) + pending < (state.profile?.capacity ?? 0);
  }

  /** Standing offers that fit the task now and have a free slot, with the inputs of their scores. */
  offers(tenant: string, spec: TaskSpec, strength: number, excluded: readonly string[]): BidInputs[] {
    const rosters: { readonly roster: Roster<AgentEntry>; readonly match: number }[] = [];
    let free = 0;
    for (const { profile, free: roster } of this.offering.get(`${tenant} ${spec.requires[0]?.capability}`) ?? []) {
      if (lacking(profile, spec.requires, 'own') !== undefined) continue;
      if (beyondTerms(profile, spec, strength) !== undefined) continue;
      rosters.push({ roster, match: matchOf(profile, spec, 'offer') });
      free += roster.size;
    }
    const found: BidInputs[] = [];
    // Where there are more than an award considers, the next award begins elsewhere.
    let skip = free > MAX_CANDIDATES ? (this.turn = (this.turn + 1) % free) : 0;
    let left = free;
    for (let i = 0; left > 0 && found.length < MAX_CANDIDATES; i = (i + 1) % rosters.length) {
      const { roster, match } = rosters[i] as (typeof rosters)[number];
      if (skip >= roster.size) {
        skip -= roster.size;
        continue;
      }
      for (; skip < roster.size && left > 0 && found.length < MAX_CANDIDATES; skip += 1, left -= 1) {
        const entry = roster.at(skip);
        // Those in it have a free slot, and all that their kind can do was asked above.
        if (!excluded.includes(entry.id)) found.push(inputsOf(entry, spec, match, 'offer'));
      }
      skip = 0;
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
    const kinds = new Set<Kind>();
    for (const { capability } of spec.requires)
      for (const kind of this.helping.get(`${tenant} ${capability}`) ?? []) kinds.add(kind);
    for (const { profile, free } of kinds) {
      if (lacking(profile, spec.requires, 'help') !== undefined) continue;
      if (beyondTerms(profile, spec, strength) !== undefined) continue;
      for (const entry of free) {
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
    entry.paused = this.pauses.keepsIdle(tenant, id, state.profile);
    return before && !entry.paused;
  }

  /** Pauses and stops come from people: all agents are looked at, of the tenant or of all. */
  private repause(tenant: string | undefined): void {
    for (const entry of this.agents.values()) {
      if (tenant !== undefined && entry.tenant !== tenant) continue;
      const resumed = this.repaused(entry);
      this.place(entry);
      if (resumed) this.newlyAble(entry);
    }
  }

  private forget(key: string, { tenant, id, state, version }: AgentEntry): void {
    this.agents.delete(key);
    this.gone.set(key, version);
    for (const listener of this.goneListeners) listener(tenant, id, state.profile?.gateway);
  }

  private newlyAble(entry: AgentEntry): void {
    entry.place = this.places.next();
    for (const listener of this.listeners) listener(entry);
  }

  private list(entry: AgentEntry, before: AgentState | undefined, after: AgentState): void {
    if (before?.profile === after.profile && before?.status === after.status) return;
    const { tenant } = entry;
    for (const key of bidding(tenant, before)) unlist(this.bidding, key, entry);
    for (const key of bidding(tenant, after)) listed(this.bidding, key, () => new Set()).add(entry);
    for (const key of spoken(tenant, before)) {
      unlist(this.spoken, key, entry);
      unlist(this.lost, key, entry);
    }
    for (const key of spoken(tenant, after)) {
      listed(this.spoken, key, () => new Set()).add(entry);
      if (after.status === 'lost') listed(this.lost, key, () => new Set()).add(entry);
    }
    for (const capability of capabilitiesOf(before)) unlist(this.having, `${tenant} ${capability}`, entry);
    for (const capability of capabilitiesOf(after))
      listed(this.having, `${tenant} ${capability}`, () => new Ordered<AgentEntry, string>()).set(entry, entry.id);
    this.leave(entry);
    const { profile, status } = after;
    if (status === 'active' && profile !== undefined && profile.offer !== null) this.join(entry, profile);
    const gateway = before?.profile?.gateway;
    if (gateway === undefined || this.spoken.has(`${tenant} ${gateway}`)) return;
    for (const listener of this.unspokenListeners) listener(tenant, gateway);
  }

  private join(entry: AgentEntry, profile: AgentProfile): void {
    const key = kindOf(entry.tenant, profile);
    let kind = this.kinds.get(key);
    if (kind === undefined) {
      kind = { key, tenant: entry.tenant, profile, members: 0, free: new Roster() };
      this.kinds.set(key, kind);
      for (const capability of [...ownCapabilities(profile), ...lent(profile)])
        listed(this.serving, `${kind.tenant} ${capability}`, () => new Set()).add(kind);
      for (const listener of this.kindListeners) listener(entry.tenant, profile);
    }
    kind.members += 1;
    entry.kind = kind;
  }

  private leave(entry: AgentEntry): void {
    const { kind } = entry;
    if (kind === undefined) return;
    this.setFree(entry, kind, false);
    entry.kind = undefined;
    kind.members -= 1;
    if (kind.members > 0) return;
    this.kinds.delete(kind.key);
    for (const capability of [...ownCapabilities(kind.profile), ...lent(kind.profile)])
      unlist(this.serving, `${kind.tenant} ${capability}`, kind);
  }

  /** Puts it among those that have a free slot, or takes it out. */
  private place(entry: AgentEntry): void {
    const { kind } = entry;
    if (kind !== undefined) this.setFree(entry, kind, this.hasRoom(entry));
  }

  private setFree(entry: AgentEntry, kind: Kind, free: boolean): void {
    if (kind.free.has(entry) === free) return;
    const before = kind.free.size;
    if (free) kind.free.add(entry);
    else kind.free.delete(entry);
    if (before > 0 === kind.free.size > 0) return;
    const put = (lists: Map<string, Set<Kind>>, capabilities: Iterable<string>) => {
      for (const capability of capabilities)
        if (free) listed(lists, `${kind.tenant} ${capability}`, () => new Set()).add(kind);
        else unlist(lists, `${kind.tenant} ${capability}`, kind);
    };
    put(this.offering, ownCapabilities(kind.profile));
    put(this.helping, lent(kind.profile));
  }
}

/** What decides which tasks an agent is told of. */
function abilities(state: AgentState | undefined): string {
  const { profile } = state ?? {};
  return profile === undefined
    ? ''
    : JSON.stringify([profile.agent_type, profile.capabilities, profile.offer === null]);
}

/** What decides which tasks the market bids for in the agent's name. */
function kindOf(tenant: string, { agent_type, capabilities, offer }: AgentProfile): string {
  const levels = Object.entries(capabilities).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([tenant, agent_type, levels, offer]);
}

/** All that an agent can do while it is not gone. */
export function capabilitiesOf(state: AgentState | undefined): ReadonlySet<string> {
  const { profile } = state ?? {};
  return profile === undefined || state?.status === 'gone' ? new Set() : ownCapabilities(profile);
}

/** All that somebody with this profile can do: its own type is among it. */
export function ownCapabilities({ capabilities, agent_type }: AgentProfile): ReadonlySet<string> {
  return new Set([...Object.keys(capabilities), agent_type]);
}

/** What it lends to other pools without having it. */
function lent(profile: AgentProfile): string[] {
  const own = ownCapabilities(profile);
  return (profile.offer?.helps ?? []).filter((capability) => !own.has(capability));
}

function bidding(tenant: string, state: AgentState | undefined): string[] {
  return state?.status === 'active' && state.profile?.offer === null
    ? [...capabilitiesOf(state)].map((capability) => `${tenant} ${capability}`)
    : [];
}

function spoken(tenant: string, state: AgentState | undefined): string[] {
  const gateway = state?.status === 'gone' ? undefined : state?.profile?.gateway;
  return gateway === undefined ? [] : [`${tenant} ${gateway}`];
}
