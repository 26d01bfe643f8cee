/**
 * What reads more than the feed and the deadlines of all tenants may wait for: it is seen to beside them, one stream at
 * a time in a process, the tenants in turn. What waits here is lost with the process: each has a deadline as well.
 */
import { parseStream } from '../../domain/kernel/ids';
import type { Report } from '../engine/ports';
import { messageOf } from '../engine/reachable';
import { nextTurn } from '../engine/turns';

/** Streams of one tenant that wait, at most: those beyond have their deadlines alone. */
const MOST_WAITING = 10_000;

export class Backlog {
  /** Those that wait, by tenant; the first tenant is the one whose turn it is. */
  private readonly tenants = new Map<string, Set<string>>();
  private going: Promise<void> | undefined;
  private isStopped = false;

  constructor(
    private readonly see: (stream: string) => Promise<void>,
    private readonly report: Report,
  ) {}

  /** How many streams of the tenant wait, the one that is being seen to among them. */
  size(tenant: string): number {
    return this.tenants.get(tenant)?.size ?? 0;
  }

  /** One that waits already keeps its place. */
  add(stream: string): void {
    const { tenant } = parseStream(stream);
    const waiting = this.tenants.get(tenant) ?? new Set();
    if (this.isStopped || waiting.size >= MOST_WAITING) return;
    this.tenants.set(tenant, waiting.add(stream));
    this.going ??= this.go();
  }

  /** Begins nothing any more, and waits for what is under way. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.going;
  }

  private async go(): Promise<void> {
    // Whoever is put behind the others is come to again.
    for (const [tenant, waiting] of this.tenants) {
      if (this.isStopped) break;
      await nextTurn(tenant);
      const stream = waiting.values().next().value as string;
      try {
        await this.see(stream);
      } catch (error) {
        this.report('a stream of the backlog could not be seen to', { stream, error: messageOf(error) });
      }
      waiting.delete(stream);
      this.tenants.delete(tenant);
      if (waiting.size > 0) this.tenants.set(tenant, waiting);
    }
    this.going = undefined;
  }
}
