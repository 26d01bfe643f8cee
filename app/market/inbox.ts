/**
 * What waits for an agent. Awards are shown until they are accepted; offers and votes once, in the order in which they
 * came to be seen here: the cursor that an agent gives back is a place in the books, not a time. Each kind has its own
 * share of a page, so that none hides another; what a page has no room for comes with the next.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type * as contract from '../../contract/market/agents';
import type { Shown } from '../../contract/route';
import { AlteredReceipt } from '../../domain/kernel/commit';
import { latest, plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import { agentDecider, type AgentState, agentStream } from '../../domain/market/agent';
import { isHeld } from '../../domain/market/award-challenge';
import { strengthOf, taskDecider, type TaskState, taskStream } from '../../domain/market/task';
import type { Clock } from '../engine/ports';
import { isStoreTrouble } from '../engine/reachable';
import type { Transactor } from '../engine/transact';
import { placesIn, withPlaces } from './cursors';
import type { Market } from './market';
import type { Places } from './places';
import type { RoundBook } from './round-book';
import type { TaskEntry } from './task-entry';

export type InboxItem = Shown<typeof contract.InboxItem>;
export type Inbox = Shown<typeof contract.Inbox>;
type Assignment = Shown<typeof contract.Assignment>;
type HeldTask = Shown<typeof contract.HeldTask>;
type Offer = Shown<typeof contract.Offer>;
type VoteAsked = Shown<typeof contract.VoteAsked>;

/** Items of one kind in a page, and bytes of their JSON; one is shown however large it is. */
const MAX_ITEMS = 100;
const MAX_BYTES = 1_000_000;

export interface InboxesDeps {
  readonly transactor: Transactor;
  readonly market: Market;
  readonly rounds: RoundBook;
  readonly places: Places;
  readonly clock: Clock;
}

/** How far an agent has been shown what there is: places in the books of this process. */
export interface Seen {
  readonly offers: number;
  readonly votes: number;
  /** The award that was shown last, where others had no room: those after it come next. Undefined: all of them. */
  readonly award?: string | undefined;
}

/** Before all that there is. */
export const NOTHING_SEEN: Seen = { offers: 0, votes: 0 };

/** What waits for an agent beyond what it has seen. */
export interface Look {
  readonly items: readonly InboxItem[];
  readonly seen: Seen;
  /** Where what it can do was last changed: what it saw before counts for nothing. */
  readonly able: number;
  /** Whether something was left out that had no room, or was not come to yet. */
  readonly more: boolean;
  /** Of the items' JSON, about. */
  readonly bytes: number;
}

export class Inboxes {
  constructor(private readonly deps: InboxesDeps) {}

  /**
   * A page of what waits for the agent. `after`: the cursor of an earlier page; one that is not known here means the
   * beginning.
   */
  async page(tenant: string, id: string, after: string | undefined, holding: boolean): Promise<Inbox> {
    const { epoch, last } = this.deps.places;
    const [offers = 0, votes = 0, since = 0] = placesIn(after, epoch, 3) ?? [];
    // What it could not do before was not shown to it; nor was what another agent's cursor has seen, or one that runs
    // ahead.
    const from = (able: number): Seen =>
      since === able && Math.max(offers, votes) <= last ? { offers, votes } : NOTHING_SEEN;
    const { items, seen, able } = await this.look(tenant, id, from, holding);
    return { items: [...items], offers_after: withPlaces(after, epoch, [seen.offers, seen.votes, able]) };
  }

  /**
   * What waits for the agent.
   * @param from what it has seen, as one who has been able to do what it can since the place that is given
   * @param holding whether what it works on is shown as well
   */
  async look(tenant: string, id: string, from: (able: number) => Seen, holding: boolean): Promise<Look> {
    const { state, version } = await this.deps.transactor.load(agentDecider, agentStream(tenant, id));
    const { awards, running } = await this.held(tenant, id, state);
    const agent = this.deps.market.agents.update(tenant, id, state, version);
    // What it can do may change while streams are read: then it has not seen what it can do now.
    const able = agent.place;
    const before = from(able);
    const awarded = await share(
      awards.filter(({ key }) => before.award === undefined || key > before.award),
      async ({ assignment }) => [assignment],
    );
    // What it works on needs no room of its own: it comes with the first of its awards.
    const working = holding && before.award === undefined ? running : [];
    let { offers, votes } = before;
    for (;;) {
      const now = toTime(this.deps.clock.now());
      const missing = this.deps.rounds.missing(tenant, id, votes, MAX_ITEMS);
      const asked = await share(
        missing.entries,
        async ({ id: round, state: { spec, pass, electorate_hash, deadline } }): Promise<VoteAsked[]> =>
          spec === undefined
            ? []
            : [
                {
                  kind: 'vote',
                  round,
                  pass,
                  snapshot: electorate_hash,
                  question: spec.question ?? spec.action?.summary ?? '',
                  choices: spec.choices,
                  impact: spec.impact,
                  deadline,
                },
              ],
      );
      const { entries, upTo } = this.deps.market.tasks.offersTo(agent, offers, now, MAX_ITEMS);
      const shown = working.length + awarded.items.length + asked.items.length;
      // What could not be read comes with the next page, when there is something to show on this one.
      const offered = await this.offers(tenant, entries, now).catch((error: unknown) => {
        if (shown === 0 || !isStoreTrouble(error)) throw error;
        return { items: [], bytes: 0, last: { place: offers } };
      });
      offers = offered.last?.place ?? upTo;
      votes = asked.last?.place ?? missing.upTo;
      const items = [...working, ...awarded.items, ...asked.items, ...offered.items];
      const { last } = this.deps.places;
      // A long way without anything for this agent is gone in steps, between which others have their turn.
      if (items.length > 0 || offers >= last)
        return {
          items,
          seen: { offers, votes, award: awarded.last?.key },
          able,
          more: awarded.last !== undefined || Math.min(offers, votes) < last,
          bytes: awarded.bytes + asked.bytes + offered.bytes,
        };
      await turn();
    }
  }

  /** Offers of open tasks: what is to be done stands in their streams, the books do without it. */
  private async offers(tenant: string, entries: readonly TaskEntry[], now: Time): Promise<Share<TaskEntry, Offer>> {
    return await share(entries, async ({ id: task, state: open }): Promise<Offer[]> => {
      const state = await this.readable(tenant, task);
      const spec = state?.spec;
      return spec === undefined || state?.status !== 'open'
        ? []
        : [{ kind: 'offer', task, bids_close_at: open.ready_at, strength: strengthOf(open, now), spec }];
    });
  }

  /** One task that was altered takes no inbox with it: nobody may do it before it is repaired. */
  private async readable(tenant: string, task: string): Promise<TaskState | undefined> {
    try {
      return (await this.deps.transactor.load(taskDecider, taskStream(tenant, task))).state;
    } catch (error) {
      if (error instanceof AlteredReceipt) return undefined;
      throw error;
    }
  }

  /** The awards that the agent has to accept, in their order, and what it works on. */
  private async held(
    tenant: string,
    id: string,
    agent: AgentState,
  ): Promise<{ awards: readonly Award[]; running: readonly HeldTask[] }> {
    const awards: Award[] = [];
    const running: HeldTask[] = [];
    for (const [task, slot] of Object.entries(agent.slots)) {
      const state = await this.readable(tenant, task);
      if (state === undefined) continue;
      const { holder, spec, attempts: attempt, progress, challenges } = state;
      if (spec === undefined || holder?.agent !== id || holder.award !== slot.award) continue;
      const { award, accept_by, lease_from } = holder;
      const { lease_seconds, task_type } = spec;
      if (state.status === 'awarded')
        awards.push({
          key: `${isHeld(challenges, award) ? 1 : 0} ${accept_by} ${task}`,
          assignment: { kind: 'assignment', task, award, accept_by, attempt, lease_seconds, spec },
        });
      else if (state.status === 'running')
        running.push({
          kind: 'holding',
          task,
          task_type,
          award,
          attempt,
          lease_seconds,
          lease_until: plusSeconds(latest(lease_from), lease_seconds),
          progress,
        });
    }
    return { awards: awards.sort((a, b) => (a.key < b.key ? -1 : 1)), running };
  }
}

/** An award to accept. */
interface Award {
  /** Its place in their order: those that are over first come first, and last those that a challenge holds. */
  readonly key: string;
  readonly assignment: Assignment;
}

interface Share<E, I> {
  readonly items: readonly I[];
  readonly bytes: number;
  readonly last: E | undefined;
}

/**
 * As many as there is room for and as can be read, as items, and their bytes; and the last of these entries, when there
 * are more. Throws when the first can't be read.
 */
async function share<E extends object, I>(
  live: readonly E[],
  itemsOf: (entry: E) => Promise<readonly I[]>,
): Promise<Share<E, I>> {
  const items: I[] = [];
  let bytes = 0;
  // An entry may get another place while the items of one before it are found.
  const entries = live.map((entry) => ({ ...entry }));
  for (const [i, entry] of entries.entries()) {
    let found: readonly I[];
    try {
      found = await itemsOf(entry);
    } catch (error) {
      if (items.length === 0 || !isStoreTrouble(error)) throw error;
      return { items, bytes, last: entries[i - 1] };
    }
    for (const item of found) {
      const size = JSON.stringify(item).length;
      if (items.length === MAX_ITEMS || (items.length > 0 && bytes + size > MAX_BYTES))
        return { items, bytes, last: entries[i - 1] };
      bytes += size;
      items.push(item);
    }
  }
  return { items, bytes, last: undefined };
}
