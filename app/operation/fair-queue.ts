/**
 * In which order requests begin when there are more than a turn of the event loop can hold: what is under way before
 * new work and reads, and the tenants in turn, each with one request (J. Nagle, "On packet switches with infinite
 * storage", RFC 970, 1985). Begun as they come, a tenant that asks for most would have most of the processor, and all
 * others would wait behind it; so it waits behind them.
 *
 * A turn begins a few requests, and what was begun goes on in between: nobody waits while the loop has nothing to do.
 */
import type { Work } from '../../contract/route';

/** Requests that begin in one turn, at most; the last of them is new work or a read where one waits. */
const IN_A_TURN = 8;

interface Waiting {
  readonly tenant: string;
  readonly since: number;
  readonly begin: () => void;
}

/** What a tenant has asked for, and how long it had to wait for all of it. */
interface Waits {
  requests: number;
  milliseconds: number;
}

/** Those that wait, by tenant; the first tenant is the one whose turn it is. */
class Ring {
  private readonly tenants = new Map<string, Waiting[]>();

  get empty(): boolean {
    return this.tenants.size === 0;
  }

  add(waiting: Waiting): void {
    const queue = this.tenants.get(waiting.tenant);
    if (queue === undefined) this.tenants.set(waiting.tenant, [waiting]);
    else queue.push(waiting);
  }

  take(): Waiting | undefined {
    const [first] = this.tenants;
    if (first === undefined) return undefined;
    const [tenant, queue] = first;
    this.tenants.delete(tenant);
    const waiting = queue.shift();
    if (queue.length > 0) this.tenants.set(tenant, queue);
    return waiting;
  }
}

export class FairQueue {
  private readonly underway = new Ring();
  private readonly later = new Ring();
  /** In this turn of the loop. */
  private begun = 0;
  private turning = false;
  /** By tenant, since somebody has asked how long requests wait. */
  private readonly waits = new Map<string, Waits>();

  /** @param now milliseconds that never go back */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Undefined when a request may begin at once; else it may when this resolves. */
  turn(work: Work, tenant: string): Promise<void> | undefined {
    const ring = work === 'underway' ? this.underway : this.later;
    this.schedule();
    if (this.begun < IN_A_TURN && this.underway.empty && this.later.empty) {
      this.begun += 1;
      this.count(tenant, 0);
      return undefined;
    }
    return new Promise((begin) => ring.add({ tenant, since: this.now(), begin }));
  }

  /**
   * Since this was asked last: for how long a request of a tenant had to wait, in seconds; the mean of the tenants, so
   * that one which asks for more than its turns makes nobody but itself late.
   */
  takeWait(): number {
    let seconds = 0;
    for (const { requests, milliseconds } of this.waits.values()) seconds += milliseconds / 1_000 / requests;
    const mean = seconds / Math.max(1, this.waits.size);
    this.waits.clear();
    return mean;
  }

  private count(tenant: string, milliseconds: number): void {
    const waits = this.waits.get(tenant);
    if (waits === undefined) return void this.waits.set(tenant, { requests: 1, milliseconds });
    waits.requests += 1;
    waits.milliseconds += milliseconds;
  }

  private schedule(): void {
    if (this.turning) return;
    this.turning = true;
    setImmediate(() => this.next());
  }

  private next(): void {
    this.turning = false;
    this.begun = 0;
    const now = this.now();
    while (this.begun < IN_A_TURN) {
      const isLast = this.begun === IN_A_TURN - 1;
      const waiting = (isLast ? this.later.take() : undefined) ?? this.underway.take() ?? this.later.take();
      if (waiting === undefined) break;
      this.begun += 1;
      this.count(waiting.tenant, now - waiting.since);
      waiting.begin();
    }
    if (this.begun > 0) this.schedule();
  }
}
