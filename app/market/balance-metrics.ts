/** Figures of the pools for export, with bounded labels. */
import { rounded } from '../../domain/market/market';
import type { Measures, Watch } from './balance-pools';

/** The sample of a pool, as it is exported. */
export interface PoolMetrics extends Measures {
  readonly tenant: string;
  /** `OTHER_POOLS` for those beyond the first `MAX_SERIES`. */
  readonly pool: string;
}

/** Pools with metrics of their own. */
export const MAX_SERIES = 200;
/** All the others; no name that a pool can have. */
export const OTHER_POOLS = '_other';

/** One entry for each of the first `MAX_SERIES` pools, and one for all others together. */
export function poolMetrics(watches: readonly Pick<Watch, 'tenant' | 'pool' | 'sample'>[]): readonly PoolMetrics[] {
  const first = watches
    .slice(0, MAX_SERIES)
    .map(({ tenant, pool, sample }) => ({ tenant, pool, ...measuresOf(sample) }));
  const [other, ...others] = watches.slice(MAX_SERIES).map(({ sample }) => measuresOf(sample));
  return other === undefined
    ? first
    : [...first, { tenant: OTHER_POOLS, pool: OTHER_POOLS, ...others.reduce(together, other) }];
}

function measuresOf({ agents, capacity, slots, waiting, gini, utilisation, idle }: Measures): Measures {
  return { agents, capacity, slots, waiting, gini, utilisation, idle };
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
