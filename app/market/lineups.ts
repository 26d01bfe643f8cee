/**
 * Open tasks in lines: those of one line ask for the same, so that whether an agent can do them is asked once for all
 * of them, and the one that pulls most is known without a look at the others. Lines that no standing offer meets stand
 * apart until one comes that does: nobody looks at them meanwhile.
 */
import { Heap } from 'heap-js';
import { toMillis } from '../../domain/kernel/time';
import type { AgentProfile } from '../../domain/market/agent';
import { lacking, type Reach } from '../../domain/market/fit';
import { pullAt, type PullTerms } from '../../domain/market/market';
import { pullTerms, type Requirement, type TaskSpec, type TaskState } from '../../domain/market/task';
import { Tournament } from '../engine/tournament';
import { ownCapabilities } from './agent-book';
import { listed, unlist } from './lists';
import type { TaskEntry } from './task-entry';

/** Tasks of one line that a look for one agent walks through at most: those that it declined, or that are too weak. */
const MAX_LOOKED_AT = 2_000;

/** Lines without a task that are kept. */
const MAX_EMPTY = 1_000;

/** Tasks of one tenant and type that ask for the same. */
export interface Lineup {
  readonly key: string;
  readonly tenant: string;
  readonly task_type: string;
  readonly requires: readonly Requirement[];
  /** The capability that they ask for first. */
  readonly first: string;
  /** Each takes at least this effort, and less than twice as much; in seconds. */
  readonly effort: number;
  /** Whether some standing offer meets it. */
  possible: boolean;
  /** Those that could be awarded now, whoever pulls most ahead. */
  readonly ready: Tournament<Placed>;
  /** All of them: also those whose bids are collected, or that wait to be tried again. */
  size: number;
}

/** A task in its line. */
interface Placed {
  readonly entry: TaskEntry;
  readonly lineup: Lineup;
  spec: TaskSpec;
  pull: PullTerms;
  /** Its line has it among those that are ready from here on, epoch milliseconds. */
  ripe: number;
}

/** Whether a task is one that is looked for. */
export type Fits = (entry: TaskEntry) => boolean;

interface Strongest {
  readonly entry: TaskEntry;
  readonly pull: number;
}

/** Times are epoch milliseconds. */
export class Lineups {
  private readonly placed = new Map<TaskEntry, Placed>();
  private readonly lineups = new Map<string, Lineup>();
  /** `tenant capability` → lines that ask for it first and that somebody meets; and those that nobody does. */
  private readonly possible = new Map<string, Set<Lineup>>();
  private readonly hopeless = new Map<string, Set<Lineup>>();
  /** Lines without a task, those first that have been so longest: most get another one soon. */
  private readonly empty = new Set<Lineup>();
  private readonly ripening = new Heap<{ readonly at: number; readonly placed: Placed }>((a, b) => a.at - b.at);

  /** @param canMeet whether some standing offer of the tenant meets the requirements */
  constructor(private readonly canMeet: (tenant: string, requires: readonly Requirement[]) => boolean) {}

  /** Puts an open task in its line, or looks at it anew after a change. */
  set(entry: TaskEntry, now: number): void {
    const spec = entry.state.spec as TaskSpec;
    let placed = this.placed.get(entry);
    if (placed !== undefined && placed.spec !== spec && placed.lineup.key !== keyOf(entry.tenant, spec)) {
      this.delete(entry, now);
      placed = undefined;
    }
    const ripe = toMillis(entry.state.ready_at);
    const before = placed?.ripe;
    if (placed === undefined) {
      const lineup = this.lineupOf(entry.tenant, spec);
      if (lineup.size === 0) this.empty.delete(lineup);
      lineup.size += 1;
      placed = { entry, lineup, spec, pull: pullTerms(entry.state), ripe };
      this.placed.set(entry, placed);
    } else {
      placed.spec = spec;
      placed.pull = pullTerms(entry.state);
      placed.ripe = ripe;
    }
    if (ripe <= now) return placed.lineup.ready.set(placed, now);
    placed.lineup.ready.delete(placed, now);
    if (ripe !== before) this.ripening.push({ at: ripe, placed });
  }

  delete(entry: TaskEntry, now: number): void {
    const placed = this.placed.get(entry);
    if (placed === undefined) return;
    const { lineup } = placed;
    this.placed.delete(entry);
    lineup.ready.delete(placed, now);
    lineup.size -= 1;
    if (lineup.size > 0) return;
    this.empty.add(lineup);
    if (this.empty.size > MAX_EMPTY) this.forget(this.empty.values().next().value as Lineup);
  }

  private forget(lineup: Lineup): void {
    this.empty.delete(lineup);
    this.lineups.delete(lineup.key);
    unlist(lineup.possible ? this.possible : this.hopeless, `${lineup.tenant} ${lineup.first}`, lineup);
  }

  /** Somebody offers what nobody did: lines that waited for that are looked at from now on. */
  offered(tenant: string, profile: AgentProfile): void {
    const { helps = [] } = profile.offer ?? {};
    for (const capability of [...ownCapabilities(profile), ...helps])
      for (const lineup of this.hopeless.get(`${tenant} ${capability}`) ?? []) {
        if (lacking(profile, lineup.requires, 'help') !== undefined) continue;
        lineup.possible = true;
        unlist(this.hopeless, `${tenant} ${capability}`, lineup);
        listed(this.possible, `${tenant} ${capability}`, () => new Set()).add(lineup);
      }
  }

  /** The line of a task; undefined when it is not open. */
  of(entry: TaskEntry): Lineup | undefined {
    return this.placed.get(entry)?.lineup;
  }

  /** The tenant's lines that have tasks ready, the hopeless ones among them. */
  *waiting(now: number, tenant?: string): Generator<Lineup> {
    this.ripen(now);
    for (const lineup of this.lineups.values())
      if (lineup.ready.size > 0 && (tenant ?? lineup.tenant) === lineup.tenant) yield lineup;
  }

  /** The state of the ready task of the line that pulls most; undefined when none is ready. */
  head({ ready }: Lineup, now: number): TaskState | undefined {
    return ready.first(now)?.entry.state;
  }

  /**
   * The task that is ready, `fits` and pulls most, and how much: of those that ask for what the profile has, or also
   * for what it lends.
   */
  strongest(
    { tenant, profile }: { readonly tenant: string; readonly profile: AgentProfile },
    reach: Reach,
    now: number,
    fits: Fits,
  ): Strongest | undefined {
    this.ripen(now);
    const lent = reach === 'help' ? (profile.offer?.helps ?? []) : [];
    let best: Strongest | undefined;
    for (const capability of new Set([...ownCapabilities(profile), ...lent])) {
      for (const lineup of this.possible.get(`${tenant} ${capability}`) ?? []) {
        if (lineup.ready.size === 0 || lineup.effort > (profile.offer?.max_effort ?? Infinity)) continue;
        if (lacking(profile, lineup.requires, reach) !== undefined) continue;
        best = this.ahead(lineup, now, best, fits);
      }
    }
    return best;
  }

  /** The first of the line that `fits`, where it pulls more than `best`; else that one. */
  private ahead({ ready }: Lineup, now: number, best: Strongest | undefined, fits: Fits): Strongest | undefined {
    const least = best?.pull ?? -Infinity;
    const first = ready.first(now) as Placed;
    const pull = pullAt(first.pull, now).value;
    if (pull <= least) return best;
    if (fits(first.entry)) return { entry: first.entry, pull };
    let looked = 0;
    for (const { item, value } of ready.best(now)) {
      looked += 1;
      if (value <= least || looked > MAX_LOOKED_AT) return best;
      if (item !== first && fits(item.entry)) return { entry: item.entry, pull: value };
    }
    return best;
  }

  /** How much the task pulls now; undefined while it is not ready. */
  pull(entry: TaskEntry, now: number): number | undefined {
    const placed = this.placed.get(entry);
    return placed === undefined || placed.ripe > now ? undefined : pullAt(placed.pull, now).value;
  }

  /** Tasks that have become ready meanwhile. */
  private ripen(now: number): void {
    for (let next = this.ripening.peek(); next !== undefined && next.at <= now; next = this.ripening.peek()) {
      this.ripening.pop();
      const { placed } = next;
      // It may have gone meanwhile, or be ready at another time.
      if (placed.ripe === next.at && this.placed.get(placed.entry) === placed) placed.lineup.ready.set(placed, now);
    }
  }

  private lineupOf(tenant: string, spec: TaskSpec): Lineup {
    const key = keyOf(tenant, spec);
    let lineup = this.lineups.get(key);
    if (lineup === undefined) {
      const { task_type, requires } = spec;
      const first = requires[0]?.capability ?? task_type;
      const possible = this.canMeet(tenant, requires);
      const ready = new Tournament<Placed>(({ pull }, now) => pullAt(pull, now));
      lineup = { key, tenant, task_type, requires, first, effort: effortOf(spec), possible, ready, size: 0 };
      this.lineups.set(key, lineup);
      listed(possible ? this.possible : this.hopeless, `${tenant} ${first}`, () => new Set()).add(lineup);
    }
    return lineup;
  }
}

/** The power of two below the effort: tasks of one line need not take exactly the same. */
function effortOf({ effort = 0 }: TaskSpec): number {
  return effort > 0 ? 2 ** Math.floor(Math.log2(effort)) : 0;
}

function keyOf(tenant: string, spec: TaskSpec): string {
  const requires = spec.requires.map(({ capability, level }) => [capability, level]);
  return JSON.stringify([tenant, spec.task_type, effortOf(spec), requires]);
}
