/**
 * An event store that fails in the ways a remote one does: before it wrote, after it wrote (the answer is lost),
 * slowly, and with feed pages that come again. Each call asks the plan what shall befall it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Append,
  type AppendResult,
  type Checkpoint,
  type EventStore,
  type FeedPage,
  type Head,
  type Snapshot,
  StoreBusy,
} from '../../app/engine/ports';
import type { Commit } from '../../domain/kernel/commit';
import { randomOf } from './shuffle';

/**
 * `fails`: nothing happened, the call throws. `busy`: the same, and the store says that it has too much to do. `loses`:
 * it happened, and the call throws. `late`: the call throws at once, and it happens a little later. `slow`: it takes
 * its time. `again` (feed only): the page before comes again.
 */
export type Fault = 'fails' | 'busy' | 'loses' | 'late' | 'slow' | 'again' | undefined;
export type Operation = 'append' | 'head' | 'snapshot' | 'read' | 'answered' | 'feed';
export type FaultPlan = (operation: Operation) => Fault;

export class StoreFault extends Error {}

/**
 * Draws a fault with the given probabilities, for example `{ append: { loses: 0.2 } }`; the same seed gives the same
 * plan.
 */
export function randomFaults(
  seed: number,
  rates: Partial<Record<Operation, Partial<Record<Exclude<Fault, undefined>, number>>>>,
): FaultPlan {
  const random = randomOf(seed);
  return (operation) => {
    let drawn = random();
    for (const [fault, rate] of Object.entries(rates[operation] ?? {})) {
      if (drawn < rate) return fault as Fault;
      drawn -= rate;
    }
    return undefined;
  };
}

/** The given faults, one per call of its operation, then none. */
export function scriptedFaults(script: Partial<Record<Operation, readonly Fault[]>>): FaultPlan {
  const next = new Map<Operation, number>();
  return (operation) => {
    const call = next.get(operation) ?? 0;
    next.set(operation, call + 1);
    return script[operation]?.[call];
  };
}

export class FaultyEventStore implements EventStore {
  /** Writes that are still to happen after their call has failed. */
  private readonly late: Promise<unknown>[] = [];
  private lastPage: FeedPage | undefined;

  constructor(
    private readonly inner: EventStore,
    private readonly plan: FaultPlan,
  ) {}

  append(append: Append): Promise<AppendResult> {
    return this.befall('append', () => this.inner.append(append));
  }

  head(stream: string): Promise<Head | undefined> {
    return this.befall('head', () => this.inner.head(stream));
  }

  snapshot(stream: string, upTo?: number): Promise<Snapshot | undefined> {
    return this.befall('snapshot', () => this.inner.snapshot(stream, upTo));
  }

  answered(stream: string, command: string, version: number): Promise<number | undefined> {
    return this.befall('answered', () => this.inner.answered(stream, command, version));
  }

  read(stream: string, from: number, limit: number): Promise<readonly Commit[]> {
    return this.befall('read', () => this.inner.read(stream, from, limit));
  }

  async feed(from: Checkpoint | undefined, limit: number): Promise<FeedPage> {
    const fault = this.plan('feed');
    if (fault === 'again' && this.lastPage !== undefined) return { ...this.lastPage, end: false };
    const page = await this.befall('feed', () => this.inner.feed(from, limit), fault);
    this.lastPage = page;
    return page;
  }

  lag(from: Checkpoint | undefined): Promise<number> {
    return this.inner.lag(from);
  }

  end(): Promise<Checkpoint> {
    return this.inner.end();
  }

  latest(count: number, now: number): AsyncIterable<readonly Commit[]> {
    return this.inner.latest(count, now);
  }

  onAppend(listener: () => void): () => void {
    return this.inner.onAppend(listener);
  }

  /** Waits for the writes that came late. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.late);
  }

  private async befall<T>(
    operation: Operation,
    call: () => Promise<T>,
    fault: Fault = this.plan(operation),
  ): Promise<T> {
    if (fault === 'fails') throw new StoreFault(`${operation} failed before it did anything`);
    if (fault === 'busy') throw new StoreBusy(`${operation} is throttled`, 10);
    if (fault === 'late') {
      this.late.push(sleep(10).then(call));
      throw new StoreFault(`${operation} timed out, and happens later`);
    }
    if (fault === 'slow') await turns(5);
    const result = await call();
    if (fault === 'loses') throw new StoreFault(`${operation} was done, its answer is lost`);
    return result;
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
