/**
 * In which order new work and reads begin when there are more than a turn of the event loop can hold: the tenants in
 * turn, each with one request (J. Nagle, "On packet switches with infinite storage", RFC 970, 1985). Begun as they
 * come, a tenant that asks for most would have most of the processor, and all others would wait behind it; so it waits
 * behind them. What is under way does not wait here: it would be judged by that time.
 *
 * A turn begins a few requests, and what was begun goes on in between: nobody waits while the loop has nothing to do.
 */

/** Requests that begin in one turn, at most. */
const IN_A_TURN = 8;
/** A turn that has lasted for so long ends for those that wait here, whatever keeps the loop in it. Milliseconds. */
const LONGEST_TURN_MS = 20;
/** Requests of one tenant that wait, at most, and how long its first one may have waited for another to join it. */
const MOST_WAITING = 512;
const LONGEST_WAIT_MS = 2_000;
/** Bytes of their bodies, at most, beside those of the first one. */
const MOST_WAITING_BYTES = 16_000_000;
/** Tenants whose waits are counted, at most, until somebody asks for them. */
const MOST_COUNTED = 10_000;

interface Waiting {
  readonly since: number;
  readonly bytes: number;
  readonly begin: () => void;
}

/** What a tenant has asked for, and how long it had to wait for all of it. */
interface Waits {
  requests: number;
  milliseconds: number;
}

export class FairQueue {
  /** Those that wait, by tenant; the first tenant is the one whose turn it is. */
  private readonly tenants = new Map<string, Waiting[]>();
  /** In this turn of the loop, and since when it lasts. */
  private begun = 0;
  private turnedAt = -Infinity;
  private turning = false;
  /** By tenant, since somebody has asked how long requests wait. */
  private readonly waits = new Map<string, Waits>();

  /** @param now milliseconds that never go back */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /**
   * Undefined when a request of the tenant may begin at once; a promise when it may once that resolves; the seconds
   * after which to come again when too much of the tenant waits already.
   * @param bytes of its body, as far as they are known
   */
  turn(tenant: string, bytes = 0): Promise<void> | number | undefined {
    const now = this.now();
    if (now - this.turnedAt > LONGEST_TURN_MS) this.next(now);
    if (this.begun < IN_A_TURN && this.tenants.size === 0) {
      this.begun += 1;
      this.count(tenant, 0);
      this.schedule();
      return undefined;
    }
    let queue = this.tenants.get(tenant);
    const first = queue?.[0];
    if (queue !== undefined && first !== undefined) {
      const waited = now - first.since;
      const held = bytes === 0 ? 0 : queue.reduce((sum, one) => sum + one.bytes, bytes);
      if (queue.length >= MOST_WAITING || waited > LONGEST_WAIT_MS || held > MOST_WAITING_BYTES) return waited / 1_000;
    }
    if (queue === undefined) this.tenants.set(tenant, (queue = []));
    const places = queue;
    this.schedule();
    return new Promise((begin) => places.push({ since: now, bytes, begin }));
  }

  /**
   * Since this was asked last: for how long a request of a tenant had to wait, in seconds; the mean of the tenants
   * without the one that waited longest, where there are several: one that asks for more than its turns makes nobody
   * but itself late.
   */
  takeWait(): number {
    const means = [...this.waits.values()].map(({ requests, milliseconds }) => milliseconds / 1_000 / requests);
    this.waits.clear();
    if (means.length <= 1) return means[0] ?? 0;
    const sum = means.reduce((all, seconds) => all + seconds, 0);
    return (sum - Math.max(...means)) / (means.length - 1);
  }

  private count(tenant: string, milliseconds: number): void {
    const waits = this.waits.get(tenant);
    if (waits !== undefined) {
      waits.requests += 1;
      waits.milliseconds += milliseconds;
    } else if (this.waits.size < MOST_COUNTED) this.waits.set(tenant, { requests: 1, milliseconds });
  }

  private schedule(): void {
    if (this.turning) return;
    this.turning = true;
    setImmediate(() => {
      this.turning = false;
      this.next(this.now());
      if (this.begun > 0) this.schedule();
    });
  }

  /** A turn: those whose turn it is begin. */
  private next(now: number): void {
    this.turnedAt = now;
    this.begun = 0;
    for (const [tenant, queue] of this.tenants) {
      if (this.begun === IN_A_TURN) break;
      this.tenants.delete(tenant);
      const { since, begin } = queue.shift() as Waiting;
      // Behind the others: a map goes through what is set meanwhile as well.
      if (queue.length > 0) this.tenants.set(tenant, queue);
      this.begun += 1;
      this.count(tenant, now - since);
      begin();
    }
  }
}
