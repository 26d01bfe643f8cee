/** Numbers of the pools for export: their samples, and counts of what happened to their tasks. */
import type { Commit } from '../../domain/kernel/commit';
import { parseStream } from '../../domain/kernel/ids';
import { secondsBetween, type Time } from '../../domain/kernel/time';
import { rounded } from '../../domain/market/market';
import type { TaskEvent, TaskState } from '../../domain/market/task';
import { firstOf, type Measures, NOTHING, type Pools } from './balance-pools';

/** Events of tasks, since this process began; attempts that ended without success count as failed. */
export interface TaskCounts {
  posted: number;
  awarded: number;
  completed: number;
  failed: number;
  dead: number;
  expired: number;
}

export interface PoolMetrics extends Measures {
  readonly tenant: string;
  /** `OTHER_POOLS` for those beyond the first `MAX_SERIES`, `NO_POOL` for tasks that no agent is able to do. */
  readonly pool: string;
  readonly tasks: Readonly<TaskCounts>;
  /** Of the tasks with a deadline that ended: how many there were, and how many were completed by then. */
  readonly deadlines: { readonly ended: number; readonly met: number };
}

/** Pools with metrics of their own. */
export const MAX_SERIES = 200;
/** All the others; like `NO_POOL` no name that a pool can have. */
export const OTHER_POOLS = '_other';

interface Series {
  readonly tenant: string;
  readonly pool: string;
  readonly tasks: TaskCounts;
  readonly deadlines: { ended: number; met: number };
}

export class PoolCounts {
  private readonly series = new Map<string, Series>();
  private readonly awardListeners = new Set<(tenant: string, pool: string, seconds: number) => void>();

  constructor(private readonly pools: Pools) {}

  /** Row 10.3, as far as it concerns load and tasks: one entry a pool, at most `MAX_SERIES` and one more. */
  metrics(): readonly PoolMetrics[] {
    const gauges = new Map<Series, Measures>();
    for (const { tenant, pool, sample } of this.pools.all()) {
      const series = this.seriesOf(tenant, pool);
      const before = gauges.get(series);
      gauges.set(series, before === undefined ? sample : together(before, sample));
    }
    return [...this.series.values()].map((series) => {
      const { tenant, pool, tasks, deadlines } = series;
      const { agents, capacity, slots, waiting, gini, utilisation, idle } = gauges.get(series) ?? NOTHING;
      return {
        tenant,
        pool,
        agents,
        capacity,
        slots,
        waiting,
        gini,
        utilisation,
        idle,
        tasks: { ...tasks },
        deadlines: { ...deadlines },
      };
    });
  }

  /**
   * Hears how long each task had to wait for its award, in seconds, from when it could be awarded; labels as in
   * `metrics`.
   */
  onAwarded(listener: (tenant: string, pool: string, seconds: number) => void): void {
    this.awardListeners.add(listener);
  }

  /** Counts the events of a task, and tells how long it waited for its award. */
  count(stream: string, commits: readonly Commit[], state: TaskState): void {
    const { tenant } = parseStream(stream);
    const pool = this.pools.poolOf(tenant, firstOf(state));
    const series = this.seriesOf(tenant, pool);
    const { tasks, deadlines } = series;
    const deadline = state.spec?.deadline;
    const end = (at?: Time) => {
      if (deadline === undefined) return;
      deadlines.ended += 1;
      if (at !== undefined && at <= deadline) deadlines.met += 1;
    };
    for (const { at, events } of commits) {
      for (const event of events as readonly TaskEvent[]) {
        switch (event.type) {
          case 'TaskPosted':
            tasks.posted += 1;
            break;
          case 'TaskAwarded':
            tasks.awarded += 1;
            // After a refusal it counts from the refusal, which the state does not tell.
            if (Object.keys(state.declined).length === 0)
              for (const listener of this.awardListeners)
                listener(series.tenant, series.pool, Math.max(0, secondsBetween(state.ready_at, at)));
            break;
          case 'TaskHandedOff':
            tasks.awarded += 1;
            break;
          case 'TaskCompleted':
            tasks.completed += 1;
            end(at);
            break;
          case 'AttemptEnded':
            if (event.data.end !== 'released') tasks.failed += 1;
            break;
          case 'TaskDeadLettered':
            tasks.dead += 1;
            end();
            break;
          case 'DeadlinePassed':
            tasks.expired += 1;
            end();
            break;
          default:
        }
      }
    }
  }

  /** Who comes first has a series; all others share one, so that what is exported stays bounded and never shrinks. */
  private seriesOf(tenant: string, pool: string): Series {
    const key = `${tenant} ${pool}`;
    const known = this.series.get(key);
    if (known !== undefined) return known;
    if (this.series.size >= MAX_SERIES && pool !== OTHER_POOLS) return this.seriesOf(OTHER_POOLS, OTHER_POOLS);
    const series = {
      tenant,
      pool,
      tasks: { posted: 0, awarded: 0, completed: 0, failed: 0, dead: 0, expired: 0 },
      deadlines: { ended: 0, met: 0 },
    };
    this.series.set(key, series);
    return series;
  }
}

/** Two pools as one; their Gini coefficients and idle shares are weighed by their agents. */
function together(a: Measures, b: Measures): Measures {
  const agents = a.agents + b.agents;
  const capacity = a.capacity + b.capacity;
  const slots = a.slots + b.slots;
  const share = (of: 'gini' | 'idle') => (agents > 0 ? rounded((a[of] * a.agents + b[of] * b.agents) / agents) : 0);
  return {
    agents,
    capacity,
    slots,
    waiting: a.waiting + b.waiting,
    gini: share('gini'),
    utilisation: capacity > 0 ? rounded(slots / capacity) : 0,
    idle: share('idle'),
  };
}
