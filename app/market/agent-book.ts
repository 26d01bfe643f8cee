/**
 * Which agents could take a task now, kept in memory: a read model like any other, only hot, since a match must not
 * cost a query. It holds no truth: the reservation in the agent's stream decides.
 */
import { type AgentProfile, type AgentState, slotsInUse } from '../../domain/market/agent';
import { bidOf } from '../../domain/market/fit';
import type { BidInputs } from '../../domain/market/market';
import { agentPause } from '../../domain/market/pause';
import type { Requirement, TaskSpec } from '../../domain/market/task';
import { Ordered } from '../engine/ordered';
import { listed, unlist } from './lists';
import type { PauseBook } from './pause-book';
import type { Places } from './places';

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
