/**
 * One connection for many agents: a gateway is a service that speaks for the agents that it has registered. One long
 * poll tells it what waits for all of them, and is a sign of life of all.
 *
 * A poll costs what is new, not what there is: whoever has something to see has been rung, and only those are looked
 * at. A gateway's agents are kept in the order in which they were last rung; a cursor is a place in that order, and
 * says that the answers up to there have arrived.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { GatewayInbox, InboxItem } from '../../contract/market/gateway';
import type { Shown } from '../../contract/route';
import { AlteredReceipt } from '../../domain/kernel/commit';
import type { Rejection } from '../../domain/kernel/decider';
import { type Principal, spokenFor } from '../../domain/kernel/principal';
import { agentDecider, agentStream, notSpokenForBy } from '../../domain/market/agent';
import { type TaskState, taskStream } from '../../domain/market/task';
import type { RequestContext } from '../engine/command';
import { Doorbells } from '../engine/doorbells';
import type { Clock } from '../engine/ports';
import { isStoreTrouble } from '../engine/reachable';
import type { Transactor } from '../engine/transact';
import { type Agents, gatewayKey, WAITING_BEAT_MS } from './agents';
import { placesIn, withPlaces } from './cursors';
import { type Inboxes, type Look, NOTHING_SEEN, type Seen } from './inbox';
import { listed } from './lists';
import type { Market } from './market';
import type { Places } from './places';

/** All awards that were shown and not taken up are shown again after so long. */
const SWEEP_MS = 20_000;
/** Bytes of a page's items; one agent's are shown however large they are. */
const MAX_BYTES = 1_000_000;
/** Agents that are looked at before others have their turn. */
const AT_A_TIME = 50;

export interface GatewayPoll {
  readonly waitSeconds: number;
  /** The cursor of an earlier answer; one that is not known here means the beginning. */
  readonly after?: string | undefined;
  /** Items at most, and those that the last agent has beyond. */
  readonly limit: number;
  /** Whether what the agents work on is shown as well. */
  readonly holding: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface GatewaysDeps {
  readonly transactor: Transactor;
  readonly market: Market;
  readonly agents: Agents;
  readonly inboxes: Inboxes;
  readonly places: Places;
  readonly clock: Clock;
  /** Whether other processes register agents as well, of which this one hears a little later. */
  readonly shared: boolean;
}

type Page = Shown<typeof GatewayInbox>;

export class Gateways {
  private readonly bells = new Doorbells();
  /** By `gatewayKey`: those that have asked this process, while they speak for anybody. */
  private readonly lines = new Map<string, Line>();
  /** The last place of all lines: a cursor of an earlier line means nothing to the next of the same gateway. */
  private place = NOWHERE;

  constructor(private readonly deps: GatewaysDeps) {
    const { agents } = deps.market;
    deps.agents.onRing((tenant, id, place) => this.ring(tenant, id, this.upTo(place)));
    // What it could not do before it has not seen.
    agents.onAble(({ tenant, id }) => this.ring(tenant, id, NOTHING_SEEN));
    agents.onGone((tenant, id, gateway) => {
      if (gateway !== undefined) this.lines.get(gatewayKey(tenant, gateway))?.forget(id);
    });
    agents.onUnspoken((tenant, gateway) => this.lines.delete(gatewayKey(tenant, gateway)));
  }

  /**
   * The agent as somebody for whom its gateway speaks; refuses whoever has not registered it. What is done so is the
   * agent's doing, with its rights, and the receipt names the gateway beside it.
   */
  async speaker(gateway: Principal, agent: string): Promise<Principal | Rejection> {
    const { transactor, shared } = this.deps;
    const stream = agentStream(gateway.tenant, agent);
    const { state } = shared
      ? await transactor.current(agentDecider, stream)
      : await transactor.load(agentDecider, stream);
    let refused = notSpokenForBy(state, gateway.id);
    if (refused !== undefined && !shared)
      refused = notSpokenForBy((await transactor.current(agentDecider, stream)).state, gateway.id);
    return refused ?? spokenFor(gateway, agent);
  }

  /**
   * What waits for the gateway's agents. When there is nothing it waits up to `waitSeconds` for something to come, or
   * for `signal` to abort. Asking is a sign of life of all its agents.
   */
  async inbox(context: RequestContext, poll: GatewayPoll): Promise<Page> {
    const { tenant, id } = context.principal;
    const key = gatewayKey(tenant, id);
    const { epoch } = this.deps.places;
    const [arrived] = placesIn(poll.after, epoch, 1) ?? [];
    let line: Line | undefined;
    let from = NOWHERE;
    return await this.bells.until(key, {
      milliseconds: poll.waitSeconds * 1_000,
      everyMs: WAITING_BEAT_MS,
      signal: poll.signal,
      look: async () => {
        const found = this.lineOf(tenant, id);
        // Whoever speaks for nobody leaves nothing behind.
        if (found === undefined) return { items: [], after: withPlaces(poll.after, epoch, [NOWHERE]), more: false };
        if (found !== line) from = this.begin(found, arrived, tenant, id);
        line = found;
        if (poll.signal?.aborted !== true) await this.alive(context);
        this.sweep(tenant, id, found);
        const page = await this.page(context.principal, found, from, poll);
        if (page.items.length === 0) from = page.place;
        return { items: page.items, after: withPlaces(poll.after, epoch, [page.place]), more: page.more };
      },
      enough: ({ items }) => items.length > 0,
    });
  }

  /** Ends every long poll, for good: the process is about to stop. */
  stop(): void {
    this.bells.stop();
  }

  /** The gateway's line; undefined while it speaks for nobody. */
  private lineOf(tenant: string, gateway: string): Line | undefined {
    const [first] = this.deps.market.agents.spokenFor(tenant, gateway);
    if (first === undefined) return undefined;
    const begun = (): Line => new Line(() => (this.place += 1), this.deps.clock.now());
    return listed(this.lines, gatewayKey(tenant, gateway), begun);
  }

  /** From where on the line is read by whoever has the answers up to `arrived`; where that is not known, all of it. */
  private begin(line: Line, arrived: number | undefined, tenant: string, gateway: string): number {
    if (arrived !== undefined && line.arrived(arrived)) return arrived;
    const from = line.last;
    for (const { id } of this.deps.market.agents.spokenFor(tenant, gateway)) line.ring(id, NOTHING_SEEN);
    return from;
  }

  /** What those have seen who were told of all before `place`; of all that there is when it is left out. */
  private upTo(place = this.deps.places.last + 1): Seen {
    return { offers: place - 1, votes: place - 1 };
  }

  private ring(tenant: string, id: string, seen: Seen): void {
    const gateway = this.gatewayOf(tenant, id);
    if (gateway === undefined) return;
    const key = gatewayKey(tenant, gateway);
    this.lines.get(key)?.ring(id, seen);
    this.bells.ring(key);
  }

  private gatewayOf(tenant: string, id: string): string | undefined {
    return this.deps.market.agents.get(tenant, id)?.state.profile?.gateway;
  }

  /**
   * A sign of life of those for whom somebody speaks, who has asked for something and may have been refused. Whoever
   * speaks for nobody leaves nothing behind.
   */
  heard({ tenant, id }: Principal): void {
    const [first] = this.deps.market.agents.spokenFor(tenant, id);
    if (first !== undefined) this.deps.agents.gatewayHeard(tenant, id);
  }

  /** A sign of life; whoever was lost is back. What the store can't note now, it notes with the next look. */
  private async alive({ principal, traceparent }: RequestContext): Promise<void> {
    const { tenant, id } = principal;
    this.deps.agents.gatewayHeard(tenant, id);
    const lost = [...this.deps.market.agents.lostOf(tenant, id)];
    await Promise.allSettled(
      lost.map((agent) => this.deps.agents.heard({ principal: spokenFor(principal, agent.id), traceparent }, agent.id)),
    );
  }

  /**
   * An award is shown until it is taken up, also to a gateway that has passed it over; and who takes only what it bids
   * for looks now and then, for what it declined may have come back.
   */
  private sweep(tenant: string, gateway: string, line: Line): void {
    const now = this.deps.clock.now();
    // Also when the clock went back.
    if (Math.abs(now - line.swept) < SWEEP_MS) return;
    line.swept = now;
    for (const { id, state } of this.deps.market.agents.spokenFor(tenant, gateway)) {
      const waits =
        state.profile?.offer === null ||
        Object.keys(state.slots).some((task) => {
          const status = this.deps.transactor.peek<TaskState>(taskStream(tenant, task))?.state.status;
          return status === undefined || status === 'awarded';
        });
      if (waits) line.ring(id, this.upTo());
    }
  }

  /**
   * What waits for those who were rung after `after`, up to now. Who can't be looked at now is passed over, and comes
   * again: the trouble of one takes nothing from the others. Rejects when the store is in trouble for all of them.
   */
  private async page(
    { tenant, id: gateway }: Principal,
    line: Line,
    after: number,
    { limit, holding }: GatewayPoll,
  ): Promise<{ items: Shown<typeof InboxItem>[]; place: number; more: boolean }> {
    const items: Shown<typeof InboxItem>[] = [];
    const end = line.last;
    let place = after;
    let bytes = 0;
    let looked = 0;
    let more = false;
    let trouble: Error | undefined;
    for (const [agent, rung] of line.after(after)) {
      if (items.length >= limit || bytes >= MAX_BYTES) return { items, place, more: true };
      if (this.gatewayOf(tenant, agent) !== gateway) {
        line.forget(agent);
        continue;
      }
      let look: Look;
      try {
        look = await this.deps.inboxes.look(tenant, agent, () => line.seenBy(agent, rung, after), holding);
      } catch (error) {
        if (isStoreTrouble(error)) trouble ??= error;
        else if (!(error instanceof AlteredReceipt)) throw error;
        line.passedOver(agent, rung);
        continue;
      }
      for (const item of look.items) items.push({ agent, ...item });
      bytes += look.bytes;
      place = rung.place;
      if (look.items.length === 0) line.sawNothing(agent, rung);
      // What it could do when it was looked at it may do no more, or more by now: then it is looked at again.
      else if (look.able === this.deps.market.agents.get(tenant, agent)?.place) line.shown(agent, rung, after, look);
      more ||= look.items.length > 0 && look.more;
      if ((looked += 1) % AT_A_TIME === 0) await turn();
    }
    if (trouble !== undefined && looked === 0) throw trouble;
    return { items, place: Math.max(place, end), more };
  }
}

/** A place before all that lines have. */
const NOWHERE = 0;

/** That an agent was rung. */
interface Rung {
  readonly place: number;
  /** What it had seen when it was rung first. */
  readonly since: Seen;
  readonly shown?: Mark | undefined;
}

/** What whoever has the answers up to `place` has seen at least. */
interface Mark {
  readonly place: number;
  readonly seen: Seen;
}

/** The agents of one gateway that were rung, in the order in which that was last done. */
class Line {
  private readonly rung = new Map<string, Rung>();
  /** Up to where the gateway has the answers. */
  private has: number;
  last: number;

  /**
   * @param next gives places, each later than all before, also than those of earlier lines
   * @param swept when all were looked at last, by the clock
   */
  constructor(
    private readonly next: () => number,
    public swept: number,
  ) {
    this.has = this.last = next();
  }

  ring(agent: string, seen: Seen): void {
    const before = this.rung.get(agent);
    const afresh = before === undefined || seen === NOTHING_SEEN;
    // What came may be an award that stands before those that were shown.
    const shown = afresh || before.shown === undefined ? undefined : { ...before.shown, seen: from(before.shown.seen) };
    this.put(agent, { place: this.step(), since: afresh ? seen : before.since, shown });
  }

  /**
   * Whether it is known what the gateway has when it has the answers up to `place`: then those are not shown again.
   * Where it is not, it has nothing.
   */
  arrived(place: number): boolean {
    if (place < this.has || place > this.last) return false;
    this.has = place;
    for (const [agent, rung] of this.rung) {
      if (rung.place > place) break;
      this.rung.delete(agent);
    }
    return true;
  }

  /** Those who were rung after `place`, as it is now. */
  after(place: number): [string, Rung][] {
    return [...this.rung].filter(([, rung]) => rung.place > place);
  }

  /** What the agent has seen for whoever has the answers up to `arrived`; it may have been rung again since `rung`. */
  seenBy(agent: string, rung: Rung, arrived: number): Seen {
    const { since, shown } = this.rung.get(agent) ?? rung;
    return shown !== undefined && shown.place <= arrived ? shown.seen : since;
  }

  /** There was nothing for the agent: who was not rung again meanwhile need not be looked at. */
  sawNothing(agent: string, rung: Rung): void {
    if (this.rung.get(agent) === rung) this.rung.delete(agent);
  }

  /**
   * Whoever has the answers up to `after` is shown what is new to the agent, in an answer that ends where it was
   * `rung` or later. What had no room has the agent looked at again.
   */
  shown(agent: string, rung: Rung, after: number, { seen, more }: Look): void {
    const known = this.rung.get(agent);
    // Another poll may have taken it out: its answer has arrived.
    if (known === undefined && !more) return;
    const { place, since, shown } = known ?? rung;
    const now = place > rung.place ? from(seen) : seen;
    // Of two answers of which neither has arrived, either may be the one that does.
    const mark =
      shown === undefined || shown.place <= after
        ? { place: rung.place, seen: now }
        : { place: Math.max(shown.place, rung.place), seen: least(shown.seen, now) };
    if (more) this.put(agent, { place: this.step(), since, shown: mark });
    else this.rung.set(agent, { place, since, shown: mark });
  }

  /** Nobody could look: the agent has seen what it had, and is looked at again after the others. */
  passedOver(agent: string, rung: Rung): void {
    if (this.rung.get(agent) === rung) this.put(agent, { ...rung, place: this.step() });
  }

  forget(agent: string): void {
    this.rung.delete(agent);
  }

  private step(): number {
    return (this.last = this.next());
  }

  /** Puts it at the end. */
  private put(agent: string, rung: Rung): void {
    this.rung.delete(agent);
    this.rung.set(agent, rung);
  }
}

/** What was seen of offers and votes; awards from the beginning. */
function from({ offers, votes }: Seen): Seen {
  return { offers, votes };
}

/** What both have seen. */
function least(one: Seen, other: Seen): Seen {
  return { offers: Math.min(one.offers, other.offers), votes: Math.min(one.votes, other.votes) };
}
