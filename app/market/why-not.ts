/** Why tasks do not move: looks that are bounded, at what the market's books hold, and at the gate of what is held. */
import { AlteredReceipt } from '../../domain/kernel/commit';
import { parseCommitRef, parseStream, streamName } from '../../domain/kernel/ids';
import { cut } from '../../domain/kernel/text';
import { secondsBetween, type Time, toTime } from '../../domain/kernel/time';
import { type AgentProfile, levelOf, slotsInUse } from '../../domain/market/agent';
import type { Bidder } from '../../domain/market/fit';
import { hasBid, taskDecider, type TaskSpec, type TaskState, taskStream } from '../../domain/market/task';
import {
  type Awaited,
  type Look,
  type Obstacle,
  obstacleOf,
  obstacleText,
  type Terms,
  type WhyCode,
  type WhyNot,
  whyNot,
} from '../../domain/market/why-not';
import { actionDecider, actionStream } from '../../domain/oversight/action';
import { approvalDecider, approvalStream, deadlineOf } from '../../domain/oversight/approval';
import { ballotHolders, type Electorate } from '../../domain/oversight/consensus';
import { roundDecider } from '../../domain/oversight/round';
import { saidOf, type Stop } from '../../domain/stops/stop';
import { type TaskDoc, taskRow } from '../../projections/market/tasks';
import type { Page } from '../engine/aggregate';
import { derivedSystemId } from '../engine/new-id';
import type { Clock } from '../engine/ports';
import type { Transactor } from '../engine/transact';
import type { StopBook } from '../stops/module';
import { MAX_CANDIDATES } from './agent-book';
import type { Market } from './market';
import { waitsSince } from './task-book';
import type { TaskEntry } from './task-entry';

/** Rows of one page that are told why they do not move. */
export const MAX_WHYS = 100;
/** Tasks that one look for the groups takes in, those that have waited longest. */
const MAX_GROUPED = 500;
/** Tasks that one page of a filtered list walks through at most. */
const MAX_WALKED = 5_000;
/** Tasks that are named of those that one waits for. */
const MAX_NAMED = 10;
/** As much of a stop, its reason among it, as stands in the sentence. */
const LONGEST_STOP = 300;

/** An agent that has the capability that a task asks for first: whether it could take the task now. */
export interface Candidate {
  readonly agent: string;
  readonly fits: boolean;
  /** What is in its way, and in words; absent when it fits. */
  readonly code?: Obstacle;
  readonly text?: string;
  readonly bid: boolean;
  readonly standing_offer: boolean;
  readonly status: string;
  readonly levels: readonly { readonly capability: string; readonly level: number | null; readonly needs: number }[];
  /** In use, those that are being reserved among them; out of the capacity. */
  readonly slots: number;
  readonly capacity: number;
}

/** A task that waits, as lists show it. */
export interface WaitingTask extends TaskDoc {
  readonly waited_seconds: number;
  /** Of the first `MAX_WHYS` of a page. */
  readonly why?: WhyNot;
}

/** Tasks that wait for the same reason. */
export interface WaitingGroup {
  readonly code: WhyCode;
  readonly count: number;
  /** The one that has waited longest, and why. */
  readonly example: string;
  readonly text: string;
  readonly waited_seconds: number;
}

export interface WaitingSummary {
  /** How many tasks are open, or held. */
  readonly open: number;
  /** How many of them were looked at: those that have waited longest. */
  readonly looked_at: number;
  readonly groups: readonly WaitingGroup[];
}

/** The id of the action that decides on a held task. */
export async function gateOf(transactor: Transactor, stream: string): Promise<string> {
  return derivedSystemId(parseStream(stream).tenant, 'gate', (await transactor.commit(stream, 0))?.hash ?? stream);
}

export class WhyNots {
  constructor(
    private readonly transactor: Transactor,
    private readonly market: Market,
    private readonly stops: Pick<StopBook, 'ofStream' | 'ofAgent'>,
    private readonly clock: Clock,
  ) {}

  /** Why the task does not move; undefined when it does, or is over. */
  async of(stream: string, state: TaskState): Promise<WhyNot | undefined> {
    return this.told(stream, state, state.status === 'held' ? await this.awaited(stream, state) : undefined);
  }

  /** Why an open or held task does not move, as the market's books have it; undefined when it is in none. */
  async ofWaiting(stream: string): Promise<WhyNot | undefined> {
    const entry = this.market.tasks.waits(stream);
    return entry === undefined ? undefined : await this.ofRow(entry);
  }

  /** What is told of a task whose deadline has come while nobody holds it; undefined where there is nothing to tell. */
  async atDeadline(stream: string, state: TaskState): Promise<string | undefined> {
    const { spec, holder } = state;
    if (holder !== undefined || spec?.deadline === undefined || spec.deadline > this.now()) return undefined;
    return (await this.of(stream, state))?.text;
  }

  /** The agents that have the capability that the task asks for first, in order of id, after the id `after`. */
  candidates(
    { stream, state }: { readonly stream: string; readonly state: TaskState },
    limit: number,
    after?: string,
  ): { candidates: readonly Candidate[]; able: number; continuation?: string } {
    const { tenant } = parseStream(stream);
    const spec = state.spec as TaskSpec;
    const { capability } = spec.requires[0] ?? { capability: spec.task_type };
    const now = this.now();
    const terms = this.terms(stream, spec);
    const candidates: Candidate[] = [];
    const able = this.market.agents.count(tenant, capability);
    for (const bidder of this.market.agents.able(tenant, capability, after)) {
      if (candidates.length === limit) return { candidates, able, continuation: candidates.at(-1)?.agent };
      candidates.push(candidateOf(state, spec, bidder, terms, now));
    }
    return { candidates, able };
  }

  /**
   * A page of the tenant's open and held tasks that have waited longest, at least `seconds`; in that order. Says where
   * the next one begins.
   */
  async waiting(
    tenant: string,
    {
      seconds = 0,
      task_type,
      status,
    }: { readonly seconds?: number; readonly task_type?: string; readonly status?: string },
    limit: number,
    continuation?: string,
  ): Promise<Page<WaitingTask>> {
    if (continuation !== undefined && !/^[\d:.TZ-]+ \S+$/.test(continuation))
      throw new RangeError('the continuation is not one of this list');
    const now = this.now();
    const found: TaskEntry[] = [];
    const rows = () => Promise.all(found.map((item, i) => this.row(item, now, i < MAX_WHYS)));
    let walked = 0;
    let last: string | undefined;
    for (const { key, item } of this.market.tasks.longestWaiting(tenant, continuation)) {
      if (waitedOf(item, now) < seconds) break;
      if (found.length === limit || walked === MAX_WALKED) return { docs: await rows(), continuation: last };
      walked += 1;
      last = key;
      const { state } = item;
      if ((task_type ?? state.spec?.task_type) === state.spec?.task_type && (status ?? state.status) === state.status)
        found.push(item);
    }
    return { docs: await rows() };
  }

  /** What the tenant's open and held tasks wait for, by reason: of those that have waited longest. */
  async groups(tenant: string): Promise<WaitingSummary> {
    const now = this.now();
    const groups = new Map<WhyCode, WaitingGroup>();
    let looked = 0;
    for (const { item } of this.market.tasks.longestWaiting(tenant)) {
      if (looked === MAX_GROUPED) break;
      looked += 1;
      const why = this.told(item.stream, item.state);
      if (why === undefined) continue;
      const known = groups.get(why.code);
      if (known !== undefined) groups.set(why.code, { ...known, count: known.count + 1 });
      else
        groups.set(why.code, {
          code: why.code,
          count: 1,
          example: item.id,
          text: (await this.ofRow(item))?.text ?? why.text,
          waited_seconds: waitedOf(item, now),
        });
    }
    return {
      open: this.market.tasks.count(tenant),
      looked_at: looked,
      groups: [...groups.values()].sort((a, b) => b.count - a.count),
    };
  }

  private told(stream: string, state: TaskState, awaited?: Awaited): WhyNot | undefined {
    return whyNot(state, this.look(stream, state), this.now(), awaited);
  }

  /** One stream that was altered takes no list with it. */
  private async ofRow({ stream, state }: TaskEntry): Promise<WhyNot | undefined> {
    try {
      return await this.of(stream, state);
    } catch (error) {
      if (!(error instanceof AlteredReceipt)) throw error;
      return this.told(stream, state);
    }
  }

  private async row(entry: TaskEntry, now: Time, told: boolean): Promise<WaitingTask> {
    const { id, state } = entry;
    return {
      ...taskRow(id, state, state.spec as TaskSpec),
      waited_seconds: waitedOf(entry, now),
      why: told ? await this.ofRow(entry) : undefined,
    };
  }

  /** Whoever has bid, and as many of those that have the scarcest capability as an award considers. */
  private look(stream: string, { spec, bids }: TaskState): Look {
    const { tenant } = parseStream(stream);
    const { agents } = this.market;
    const terms = this.terms(stream, spec as TaskSpec);
    const able = (spec?.requires ?? []).map(({ capability }) => ({
      capability,
      agents: agents.count(tenant, capability),
    }));
    const scarcest = able.reduce<(typeof able)[number] | undefined>(
      (least, one) => (least === undefined || one.agents < least.agents ? one : least),
      undefined,
    );
    const examined = new Map<string, Bidder>();
    if (scarcest === undefined || scarcest.agents === 0)
      return { able, lending: agents.lending(tenant, able[0]?.capability ?? ''), examined: [], terms };
    for (const agent of Object.keys(bids)) {
      const entry = examined.size < MAX_CANDIDATES ? agents.get(tenant, agent) : undefined;
      if (entry !== undefined) examined.set(agent, entry);
    }
    for (const entry of agents.able(tenant, scarcest.capability)) {
      if (examined.size >= MAX_CANDIDATES) break;
      examined.set(entry.id, entry);
    }
    return {
      able,
      lending: agents.lending(tenant, able[0]?.capability ?? ''),
      examined: [...examined.values()],
      terms,
    };
  }

  private terms(stream: string, spec: TaskSpec): Terms {
    const { tenant, id: task } = parseStream(stream);
    return {
      still: inBrief(this.stops.ofStream(stream)),
      stopOf: ({ id, state }) => inBrief(this.stops.ofAgent(tenant, id, state.profile?.agent_type)),
      pauses: this.market.pauses.known(tenant),
      shortage: (bidder) => this.market.shortage(tenant, bidder, { task, spec })?.message,
    };
  }

  /**
   * What a held task waits for: the tasks that it comes after; or its action at the gate, and the round or the people
   * that it is held for.
   */
  private async awaited(stream: string, { blocked, spec }: TaskState): Promise<Awaited | undefined> {
    const { tenant } = parseStream(stream);
    if (blocked) return await this.others(tenant, spec as TaskSpec);
    const id = await gateOf(this.transactor, stream);
    const { state } = await this.transactor.load(actionDecider, actionStream(tenant, id));
    switch (state.status) {
      case 'unknown':
        return {
          text: `it is about to come to the gate, or comes there as soon as ${spec?.requester} may have one more decision waiting`,
        };
      case 'veto_window':
        return { text: `action ${id} may be vetoed until ${state.veto_until}`, until: state.veto_until };
      case 'held':
        return await this.heldFor(tenant, id, state.held?.ref ?? '');
      default:
        return { text: `action ${id} is ${state.status}` };
    }
  }

  private async others(tenant: string, { after = [], when }: TaskSpec): Promise<Awaited> {
    const statuses = await Promise.all(
      after.map(async (id) => (await this.transactor.load(taskDecider, taskStream(tenant, id))).state.status),
    );
    const left = after.flatMap((id, i) => (statuses[i] === 'completed' ? [] : [`${id} (${statuses[i]})`]));
    const named = left.length > MAX_NAMED ? [...left.slice(0, MAX_NAMED), `${left.length - MAX_NAMED} more`] : left;
    return { text: `${when === 'any' && left.length > 1 ? 'any of ' : ''}${named.join(', ') || 'the next look'}` };
  }

  private async heldFor(tenant: string, action: string, ref: string): Promise<Awaited> {
    const stream = parseCommitRef(ref)?.stream;
    const { category, id } = stream === undefined ? { category: '', id: '' } : parseStream(stream);
    if (category === roundDecider.category) {
      const { electorate, ballots, deadline, status } = (
        await this.transactor.load(roundDecider, streamName(tenant, category, id))
      ).state;
      const votes = Object.keys(ballots).length;
      const voters = [...ballotHolders(electorate as Electorate)].length;
      return {
        text: `action ${action} waits for round ${id}, which is ${status}: ${votes} of ${voters} have voted, until ${deadline}`,
        until: deadline,
      };
    }
    const approval = (await this.transactor.load(approvalDecider, approvalStream(tenant, id))).state;
    const { request, given, level } = approval;
    const until = deadlineOf(approval);
    return {
      text: `action ${action} waits for approval ${id}: ${given.length} of ${request?.approvals_needed} given, ${request?.ladder[level]?.group} is asked, until ${until}`,
      until,
    };
  }

  private now(): Time {
    return toTime(this.clock.now());
  }
}

/** A stop as it says itself, within one line of a sentence. */
function inBrief(stop: Stop | undefined): string | undefined {
  return stop === undefined ? undefined : cut(saidOf(stop).replaceAll(/\s+/g, ' '), LONGEST_STOP);
}

function candidateOf(state: TaskState, spec: TaskSpec, bidder: Bidder, terms: Terms, now: Time): Candidate {
  const obstacle = obstacleOf(state, bidder, terms, now);
  const profile = bidder.state.profile as AgentProfile;
  return {
    agent: bidder.id,
    fits: obstacle === undefined,
    ...(obstacle === undefined ? {} : { code: obstacle, text: obstacleText(state, bidder, obstacle, terms, now) }),
    bid: hasBid(state, bidder.id),
    standing_offer: profile.offer !== null,
    status: bidder.state.status,
    levels: spec.requires.map(({ capability, level }) => ({
      capability,
      level: levelOf(profile, capability) ?? null,
      needs: level,
    })),
    slots: slotsInUse(bidder.state) + bidder.pending,
    capacity: profile.capacity,
  };
}

function waitedOf({ state }: TaskEntry, now: Time): number {
  const since = waitsSince(state);
  return since === undefined ? 0 : Math.max(0, secondsBetween(since, now));
}
