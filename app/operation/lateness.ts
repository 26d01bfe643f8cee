/**
 * How late this process is, and how much it does: the turns of its loop, the beginning of requests, its appends, its
 * feed. Asks no store.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Feed } from '../engine/feed';
import type { Transactor } from '../engine/transact';
import type { FairQueue } from './fair-queue';

export const DELAYS = ['loop', 'requests', 'appends', 'feed'] as const;
export type Delay = (typeof DELAYS)[number];

/** Seconds that are tolerated: what a caller feels as a pause, and what a task may wait for its award. */
export const TOLERATED: Readonly<Record<Delay, number>> = { loop: 0.1, requests: 0.1, appends: 0.25, feed: 1 };

const RESOLUTION_MS = 20;
const LOOK_EVERY_MS = 250;

/** What tells of delays, in seconds, since it was asked last. */
export interface DelaySources {
  readonly feed: Pick<Feed, 'takeDelay'>;
  readonly transactor: Pick<Transactor, 'takeAppends'>;
  readonly requests: Pick<FairQueue, 'takeWait'>;
}

export class Lateness {
  private loop: ReturnType<typeof monitorEventLoopDelay> | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** What the last look has found, in seconds. */
  seconds: Readonly<Record<Delay, number>> = { loop: 0, requests: 0, appends: 0, feed: 0 };

  constructor(private readonly sources: DelaySources) {}

  /**
   * Looks four times a second, and tells of how late the host is, in times of what is tolerated, and how many commits
   * it has written since.
   */
  start(tell: (now: number, lateness: number, commits: number) => void): void {
    this.loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.loop.enable();
    this.timer = setInterval(() => tell(performance.now(), ...this.look()), LOOK_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.loop?.disable();
  }

  private look(): [lateness: number, commits: number] {
    const { loop, sources } = this;
    const turns = loop !== undefined && loop.count > 0 ? loop.mean / 1e6 - RESOLUTION_MS : 0;
    loop?.reset();
    const appends = sources.transactor.takeAppends();
    this.seconds = {
      loop: Math.max(0, turns) / 1_000,
      requests: sources.requests.takeWait(),
      appends: appends.seconds,
      feed: sources.feed.takeDelay(),
    };
    return [Math.max(...DELAYS.map((delay) => this.seconds[delay] / TOLERATED[delay])), appends.commits];
  }
}
