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
import type { Rejection } from '../../domain/kernel/decider';
import { type Principal, spokenFor } from '../../domain/kernel/principal';
import { agentDecider, type AgentState, agentStream, notSpokenForBy } from '../../domain/market/agent';
import { type TaskState, taskStream } from '../../domain/market/task';
import type { RequestContext } from '../engine/command';
import { Doorbells } from '../engine/doorbells';
import type { Clock } from '../engine/ports';
import type { Transactor } from '../engine/transact';
import { type Agents, gatewayKey } from './agents';
import { type Inboxes, NOTHING_SEEN, type Seen } from './inbox';
import { listed } from './lists';
import type { Market } from './market';
import type { Places } from './places';

/** While a poll waits its agents live: so often it says so. An agent's limit of presence is a second at least. */
const BEAT_MS = 333;
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
}

type Page = Shown<typeof GatewayInbox>;

export class Gateways {
  private readonly bells = new Doorbells();
  /** By `gatewayKey`: those that have asked this process. */
  private readonly lines = new Map<string, Line>();

  constructor(private readonly deps: GatewaysDeps) {
    deps.agents.onRing((tenant, id, place) => this.ring(tenant, id, this.upTo(place)));
    // What it could not do before it has not seen.
    deps.market.agents.onAble(({ tenant, id }) => this.ring(tenant, id, NOTHING_SEEN));
  }

  /**
   * The agent as somebody for whom its gateway speaks; refuses whoever has not registered it. What is done so is the
   * agent's doing, with its rights, and the receipt names the gateway beside it.
   */
  async speaker(gateway: Principal, agent: string): Promise<Principal | Rejection> {
    const stream = agentStream(gateway.tenant, agent);
    const wrong = ({ state }: { readonly state: AgentState }) => notSpokenForBy(state, gateway.id);
    let refused = wrong(await this.deps.transactor.load(agentDecider, stream));
    if (refused !== undefined) refused = wrong(await this.deps.transactor.current(agentDecider, stream));
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
    const line = listed(this.lines, key, () => new Line());
    let place = line.arrived(readCursor(poll.after, epoch));
    if (place === undefined) {
      place = line.last;
      for (const agent of this.deps.market.agents.spokenFor(tenant, id)) line.ring(agent.id, NOTHING_SEEN);
    }
    let from = place;
    return await this.bells.until(key, {
      milliseconds: poll.waitSeconds * 1_000,
      everyMs: BEAT_MS,
      signal: poll.signal,
      look: async () => {
        if (poll.signal?.aborted !== true) await this.alive(context);
        this.sweep(tenant, id, line);
        const page = await this.page(tenant, line, from, poll);
        if (page.items.length === 0) from = page.place;
        return { items: page.items, after: writeCursor(poll.after, epoch, page.place), more: page.more };
      },
      enough: ({ items }) => items.length > 0,
    });
  }

  /** Ends every long poll, for good: the process is about to stop. */
  stop(): void {
    this.bells.stop();
  }

  /** What those have seen who were told of all before `place`; of all that there is when it is left out. */
  private upTo(place = this.deps.places.last + 1): Seen {
    return { offers: place - 1, votes: place - 1 };
  }

  private ring(tenant: string, id: string, seen: Seen): void {
    const gateway = this.deps.market.agents.get(tenant, id)?.state.profile?.gateway;
    if (gateway === undefined) return;
    const key = gatewayKey(tenant, gateway);
    const line = this.lines.get(key);
    if (line === undefined) return;
    line.ring(id, seen);
    this.bells.ring(key);
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
    const now = performance.now();
    if (now - line.swept < SWEEP_MS) return;
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

  /** What waits for those who were rung after `place`, up to now. */
  private async page(
    tenant: string,
    line: Line,
    after: number,
    { limit, holding }: GatewayPoll,
  ): Promise<{ items: Shown<typeof InboxItem>[]; place: number; more: boolean }> {
    const items: Shown<typeof InboxItem>[] = [];
    const end = line.last;
    let place = after;
    let bytes = 0;
    let looked = 0;
    for (const [agent, rung] of line.after(after)) {
      if (items.length >= limit || bytes >= MAX_BYTES) return { items, place, more: true };
      const look = await this.deps.inboxes.look(tenant, agent, () => seenBy(rung, after), holding);
      for (const item of look.items) items.push({ agent, ...item });
      bytes += look.bytes;
      place = rung.place;
      if (look.items.length === 0) line.sawNothing(agent, rung);
      else line.shown(agent, place, look.seen);
      if (look.items.length > 0 && look.more) line.ring(agent, look.seen);
      if ((looked += 1) % AT_A_TIME === 0) await turn();
    }
    return { items, place: Math.max(place, end), more: false };
  }
}

/** That an agent was rung. */
interface Rung {
  readonly place: number;
  /** What it had seen when it was rung first. */
  readonly since: Seen;
  /** What the answer showed that ended at `place`; it counts once that answer has arrived. */
  shown?: { readonly place: number; readonly seen: Seen } | undefined;
}

function seenBy({ since, shown }: Rung, arrived: number): Seen {
  return shown !== undefined && shown.place <= arrived ? shown.seen : since;
}

/** The agents of one gateway that were rung, in the order in which that was last done. */
class Line {
  private readonly rung = new Map<string, Rung>();
  /** Up to where the gateway has the answers. */
  private has = 0;
  last = 0;
  swept = -Infinity;

  ring(agent: string, seen: Seen): void {
    const before = this.rung.get(agent);
    this.rung.delete(agent);
    const afresh = seen === NOTHING_SEEN;
    this.rung.set(agent, {
      place: (this.last += 1),
      since: before === undefined || afresh ? seen : before.since,
      shown: afresh ? undefined : before?.shown,
    });
  }

  /**
   * The gateway has the answers up to `place`: they are not shown again. Undefined where it is not known what it has,
   * which then is nothing.
   */
  arrived(place: number | undefined): number | undefined {
    if (place === undefined || place < this.has || place > this.last) return undefined;
    this.has = place;
    for (const [agent, rung] of this.rung) {
      if (rung.place > place) break;
      this.rung.delete(agent);
    }
    return place;
  }

  /** Those who were rung after `place`, as it is now. */
  after(place: number): [string, Rung][] {
    return [...this.rung].filter(([, rung]) => rung.place > place);
  }

  /** There was nothing for the agent: who was not rung again meanwhile need not be looked at. */
  sawNothing(agent: string, rung: Rung): void {
    if (this.rung.get(agent) === rung) this.rung.delete(agent);
  }

  /** The agent was shown what is new to it, in an answer that ends at `place` or later. */
  shown(agent: string, place: number, seen: Seen): void {
    const rung = this.rung.get(agent);
    if (rung !== undefined) rung.shown = { place, seen };
  }
}

/** Processes that a cursor knows of: a gateway's requests may come to any of them. */
const MAX_EPOCHS = 16;
const PART = /^([0-9a-f]{1,16})\.(\d{1,15})$/;

function readCursor(cursor: string | undefined, epoch: string): number | undefined {
  for (const part of cursor?.split('_') ?? []) {
    const [, of, place] = PART.exec(part) ?? [];
    if (of === epoch) return Number(place);
  }
  return undefined;
}

/** The cursor with this process's part as it is now: the newest parts first. */
function writeCursor(cursor: string | undefined, epoch: string, place: number): string {
  const others = (cursor?.split('_') ?? []).filter((part) => PART.test(part) && !part.startsWith(`${epoch}.`));
  return [`${epoch}.${place}`, ...others].slice(0, MAX_EPOCHS).join('_');
}
