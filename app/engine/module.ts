/**
 * What a module is: a capability's services, and what the colony does for them. A module is a function of the engine
 * and of the modules before it; the order is stops, tenants, policy, identity, personal, signals, repository, notices,
 * budgets, market, jobs, oversight, volumes, audit, operation.
 */
import type { Consumer } from './feed';

/** What is delivered together. Each group goes on by itself, should another one stand still. */
export const CONSUMER_GROUPS = ['projections', 'reactions', 'publications'] as const;
export type ConsumerGroup = (typeof CONSUMER_GROUPS)[number];

/** What is called in a module's life, in this order. */
export const HOOKS = ['open', 'fill', 'fillMore', 'start', 'stop', 'finish'] as const;

export interface Module {
  /** What others may call, by the name under which the colony offers it. */
  readonly services: object;
  /** Who hears of commits. */
  readonly consumers?: Partial<Readonly<Record<ConsumerGroup, readonly Consumer[]>>>;
  /** Once, before anything is delivered: declares and reads what is needed from the first commit on. */
  readonly open?: () => Promise<void>;
  /** Fills what is kept in memory from the views; now and then again where other processes work on the same stores. */
  readonly fill?: () => Promise<void>;
  /**
   * Fills what may be large and serves before it is whole: a start waits for it for a while, and then goes on while it
   * is filled. Ends early, with the signal's reason, when `signal` aborts.
   */
  readonly fillMore?: (signal: AbortSignal) => Promise<void>;
  /** Starts what looks by itself. */
  readonly start?: () => void | Promise<void>;
  /** Begins nothing any more: called before the feed stops. */
  readonly stop?: () => void | Promise<void>;
  /** Waits for what is under way: called after the feed has stopped. */
  readonly finish?: () => void | Promise<void>;
}
