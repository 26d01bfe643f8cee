/**
 * Looks at streams whose time has come: as many in a second as the deadlines of all tenants may wait for, and those
 * beyond beside them, one at a time in a process, the tenants in turn. What waits here is lost with the process: each
 * has a deadline as well.
 */
import { parseStream } from '../../domain/kernel/ids';
import { plusSeconds, type Time, toTime } from '../../domain/kernel/time';
import type { Reason } from '../engine/deadlines';
import type { Engine } from '../engine/engine';
import { messageOf } from '../engine/reachable';
import { nextTurn } from '../engine/turns';
import { AGAIN_SECONDS, STANDING_SECONDS } from './standing';

/** Streams of one tenant that wait, at most: those beyond have their deadlines alone. */
const MOST_WAITING = 10_000;

/** What is looked at. */
export interface Looks {
  /** Of the deadlines. */
  readonly reason: string;
  /** Looks in a second that the deadlines of all tenants wait for. */
  readonly most: number;
  /**
   * Looks, and answers when to look again, undefined when nothing waits any more.
   * @param isAside whether no deadline waits for it
   */
  readonly look: (stream: string, isAside: boolean) => Promise<Time | undefined>;
}

export class Backlog {
  /** With what deadlines are set for the looks. */
  readonly due: Reason;
  /** Looks that deadlines may still wait for before this time. */
  private second = { until: toTime(0), left: 0 };
  /** Those that wait, by tenant; the first tenant is the one whose turn it is. */
  private readonly tenants = new Map<string, Set<string>>();
  private going: Promise<void> | undefined;
  private isStopped = false;

  constructor(
    private readonly looks: Looks,
    private readonly deps: Pick<Engine, 'deadlines' | 'clock' | 'report'>,
  ) {
    this.due = deps.deadlines.on(looks.reason, (stream) => this.look(stream));
  }

  /** How many streams of the tenant wait, the one that is being looked at among them. */
  size(tenant: string): number {
    return this.tenants.get(tenant)?.size ?? 0;
  }

  /**
   * Has a stream looked at beside the deadlines; one that waits already keeps its place. Answers when it is looked at
   * should that be lost: the more wait, the later, so that those looks are no more than a few a second.
   */
  later(stream: string): Time {
    const { tenant } = parseStream(stream);
    const waiting = this.tenants.get(tenant) ?? new Set();
    if (!this.isStopped && waiting.size < MOST_WAITING) {
      this.tenants.set(tenant, waiting.add(stream));
      this.going ??= this.go();
    }
    return plusSeconds(this.now(), Math.min(STANDING_SECONDS, Math.max(AGAIN_SECONDS, waiting.size)));
  }

  /** Begins nothing any more, and waits for what is under way. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.going;
  }

  /** A deadline is due. */
  private async look(stream: string): Promise<Time | undefined> {
    const now = this.now();
    if (now >= this.second.until) this.second = { until: plusSeconds(now, 1), left: this.looks.most };
    // Whoever comes behind others of its tenant that wait leaves this second to other tenants.
    if (this.second.left === 0 || this.size(parseStream(stream).tenant) > 0) return this.later(stream);
    this.second.left -= 1;
    return await this.looks.look(stream, false);
  }

  private async go(): Promise<void> {
    // Whoever is put behind the others is come to again.
    for (const [tenant, waiting] of this.tenants) {
      if (this.isStopped) break;
      await nextTurn(tenant);
      const stream = waiting.values().next().value as string;
      try {
        const due = await this.looks.look(stream, true);
        if (due !== undefined) await this.deps.deadlines.schedule([{ stream, reason: this.due, due }]);
      } catch (error) {
        this.deps.report('a stream could not be looked at', { stream, error: messageOf(error) });
      }
      waiting.delete(stream);
      this.tenants.delete(tenant);
      if (waiting.size > 0) this.tenants.set(tenant, waiting);
    }
    this.going = undefined;
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }
}
