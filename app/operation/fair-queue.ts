/**
 * In which order new work and reads begin when there are more than a turn of the event loop can hold: the tenants in
 * turn, each with one request (J. Nagle, "On packet switches with infinite storage", RFC 970, 1985). Begun as they
 * come, a tenant that asks for most would have most of the processor, and all others would wait behind it; so it waits
 * behind them. What is under way does not wait here: it would be judged by that time.
 *
 * Requests differ in what they take, so that is measured, and a tenant that has had more of the thread than its even
 * share (`Shares`) begins only when the loop has nothing else to do: then one request, and the next when that is so
 * again. Measured is what a request takes until it waits for something for the first time, which is most of it. For how
 * long it is passed over is its tenant's doing, and says nothing about how late the host is.
 *
 * A turn begins a few requests, and what was begun goes on in between: nobody waits while the loop has nothing to do.
 */
import { Pauses } from './pauses';
import { Shares } from './shares';
import { toldWait } from './told';

/** Requests that begin in one turn, at most. */
const IN_A_TURN = 8;
/** A turn in which others have had the thread for less than this has nothing else to do. Milliseconds. */
const SPARE_MS = 0.1;
/** A turn that has lasted for so long ends for those that wait here, whatever keeps the loop in it. Milliseconds. */
const LONGEST_TURN_MS = 20;
/** Requests of one tenant that wait, at most, and for how long: whoever would wait longer hears so at once. */
const MOST_WAITING = 512;
const LONGEST_WAIT_MS = 1_000;
/** How much the latest turn counts in how long turns take, and how many of them have time to spare. */
const LATEST_TURN = 1 / 8;
/**
 * Bytes of the bodies of a tenant that wait, at most, beside those of the first one; and of all tenants together. Half
 * of what a host holds is left to what does not wait: the bodies of signs of life.
 */
const MOST_WAITING_BYTES = 16_000_000;
const MOST_WAITING_BYTES_OF_ALL = 128_000_000;
/** Tenants whose waits are counted, at most, until somebody asks for them. */
const MOST_COUNTED = 10_000;

interface Waiting {
  readonly since: number;
  /** For how long those of its tenant had been passed over before it came. Milliseconds. */
  readonly passedBefore: number;
  readonly bytes: number;
  readonly begin: () => void;
}

/** Those of a tenant that wait. */
interface Queue {
  readonly places: Waiting[];
  /** For how long they were passed over, since the tenant was over its share, and since when they are. Milliseconds. */
  passed: number;
  passedSince: number | undefined;
}

/** What a tenant has asked for, and how long it had to wait for all of it though it was not over its share. */
interface Waits {
  requests: number;
  milliseconds: number;
}

/** The request that has the thread now. */
interface Running {
  /** Undefined when what it takes is not counted: the loop had time to spare. */
  readonly tenant: string | undefined;
  readonly since: number;
}

export class FairQueue {
  /** Those that wait, by tenant; the first tenant is the one whose turn it is. */
  private readonly tenants = new Map<string, Queue>();
  /** How many they are, and the bytes of their bodies. */
  private waiting = 0;
  private waitingBytes = 0;
  private readonly shares: Shares;
  private running: Running | undefined;
  /** In this turn of the loop, and since when it lasts. */
  private begun = 0;
  private turnedAt = -Infinity;
  /** For how long the process was away. Waits are told by a time that leaves it out. Milliseconds. */
  private away = 0;
  /** How long a turn takes of late. Milliseconds. */
  private turnMs = 0;
  /** In how many of the turns of late the loop had nothing else to do: a share of them. */
  private spare = 1;
  private readonly pauses = new Pauses(LONGEST_WAIT_MS);
  /** Whether the next turn is expected, and whether those of one are beginning, one after the other. */
  private turning = false;
  private beginning = false;
  /** When the last that began here, in this turn or the one before, had left the thread. */
  private leftAt = -Infinity;
  /** By tenant, since somebody has asked how long requests wait. */
  private readonly waits = new Map<string, Waits>();

  /**
   * @param now milliseconds that never go back
   * @param random numbers in [0, 1), for jitter
   */
  constructor(
    private readonly now: () => number = () => performance.now(),
    private readonly random: () => number = Math.random,
  ) {
    this.shares = new Shares(now);
  }

  /** A request that may begin at once whatever its tenant has had: what it takes is counted. */
  pass(tenant: string): void {
    this.run(tenant);
  }

  /**
   * Undefined when a request of the tenant may begin at once; a promise when it may once that resolves; the seconds
   * after which to come again when too much of the tenant waits already, or it would wait for too long: to be refused
   * is worth something only when it is heard early.
   * @param size bytes of its body; `Infinity` when nobody knows, which counts as many
   */
  turn(tenant: string, size = 0): Promise<void> | number | undefined {
    const bytes = Math.min(size, MOST_WAITING_BYTES);
    const now = this.now();
    if (now - this.turnedAt > LONGEST_TURN_MS) this.next(now, false, this.turning);
    if (this.begun < IN_A_TURN && this.tenants.size === 0 && !this.shares.isOver(tenant)) {
      this.begun += 1;
      this.count(tenant, 0);
      this.schedule();
      this.run(tenant);
      return undefined;
    }
    // While nobody waits there are no turns by which to know it; what is really busy shows so in the next few.
    if (this.tenants.size === 0) this.spare = 1;
    const queue = this.tenants.get(tenant) ?? { places: [], passed: 0, passedSince: undefined };
    const { places } = queue;
    const waits = this.waitOf(tenant, places, now);
    const isFull = places.length >= MOST_WAITING || this.holdsTooMuch(places, bytes);
    if (isFull || waits > LONGEST_WAIT_MS) return toldWait(waits / 1_000, this.random);
    if (places.length === 0) this.tenants.set(tenant, queue);
    this.schedule();
    this.waiting += 1;
    this.waitingBytes += bytes;
    const since = this.present(now);
    return new Promise((begin) => places.push({ since, passedBefore: passedUntil(queue, since), bytes, begin }));
  }

  /**
   * Since this was asked last: for how long a request of a tenant had to wait, in seconds; the mean of the tenants
   * without the one that waited longest, where there are several: one that asks for more than its turns makes nobody
   * but itself late. For how long it was passed over, since its tenant was over its share, does not count.
   */
  takeWait(): number {
    const means = [...this.waits.values()].map(({ requests, milliseconds }) => milliseconds / 1_000 / requests);
    this.waits.clear();
    if (means.length <= 1) return means[0] ?? 0;
    const sum = means.reduce((all, seconds) => all + seconds, 0);
    return (sum - Math.max(...means)) / (means.length - 1);
  }

  /** How long one more would wait behind those of its tenant, in milliseconds, by how things are of late. */
  private waitOf(tenant: string, places: readonly Waiting[], now: number): number {
    const [first] = places;
    // All before this one begin, in turn with those of others, a few in a turn.
    const before = Math.min(places.length * this.tenants.size, this.waiting);
    const ofTurns = (before * this.turnMs) / IN_A_TURN;
    // Whose tenant is over its share waits until others have caught up, or for turns in which there is time to spare.
    const spared = this.shares.costOf(tenant) + (1 / this.spare - 1) * this.turnMs;
    const ofShare = Math.min(this.shares.waitOf(tenant, places.length), (before + 1) * spared);
    return Math.max(first === undefined ? 0 : this.present(now) - first.since, ofTurns, ofShare);
  }

  private holdsTooMuch(places: readonly Waiting[], bytes: number): boolean {
    if (bytes === 0) return false;
    if (this.waitingBytes + bytes > MOST_WAITING_BYTES_OF_ALL) return true;
    return places.length > 0 && places.reduce((sum, one) => sum + one.bytes, bytes) > MOST_WAITING_BYTES;
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
      const now = this.now();
      this.next(now, now - this.leftAt < SPARE_MS, true);
    });
  }

  /**
   * A turn: those whose turn it is begin.
   * @param isSpare whether the loop has nothing else to do
   * @param isExpected whether the loop has gone on since the last one, and was not idle
   */
  private next(now: number, isSpare: boolean, isExpected: boolean): void {
    if (this.beginning) return;
    if (isExpected) {
      const lasted = now - this.turnedAt;
      if (this.pauses.isPause(now, lasted)) this.away += lasted;
      else if (this.tenants.size > 0) {
        this.turnMs += (lasted - this.turnMs) * LATEST_TURN;
        this.spare += ((isSpare ? 1 : 0) - this.spare) * LATEST_TURN;
      }
    }
    this.turnedAt = now;
    this.begun = 0;
    this.beginning = true;
    this.beginNext(isSpare);
  }

  /** The time without that in which the process was away: then nobody has waited for others, nor was passed over. */
  private present(now = this.now()): number {
    return now - this.away;
  }

  /** One after the other, so that what each takes is known. */
  private beginNext(isSpare: boolean): void {
    const tenant = this.begun < IN_A_TURN ? this.whoseTurn(isSpare) : undefined;
    if (tenant === undefined) {
      this.beginning = false;
      this.leftAt = this.now();
      if (this.begun > 0 || this.tenants.size > 0) this.schedule();
      return;
    }
    const queue = this.tenants.get(tenant) as Queue;
    const { since, passedBefore, bytes, begin } = queue.places.shift() as Waiting;
    this.waiting -= 1;
    this.waitingBytes -= bytes;
    this.tenants.delete(tenant);
    if (queue.places.length > 0) this.tenants.set(tenant, queue);
    this.begun += 1;
    const now = this.present();
    // Who came while the process was away has waited for less than that.
    this.count(tenant, Math.max(0, now - since - (passedUntil(queue, now) - passedBefore)));
    // After what began in time that was left over nobody else does that is over its share.
    this.run(isSpare && this.shares.isOver(tenant) ? undefined : tenant, () => this.beginNext(false));
    begin();
  }

  /** The first tenant that has not had its share; of those that have, the first where there is time to spare. */
  private whoseTurn(isSpare: boolean): string | undefined {
    const now = this.present();
    for (const [tenant, queue] of this.tenants) {
      if (this.shares.isOver(tenant)) queue.passedSince ??= now;
      else {
        queue.passed = passedUntil(queue, now);
        queue.passedSince = undefined;
        return tenant;
      }
    }
    return isSpare ? this.tenants.keys().next().value : undefined;
  }

  /** A request has the thread from now on, until all that goes on at once after it has been done: then calls `left`. */
  private run(tenant: string | undefined, left?: () => void): void {
    this.stop();
    const mine = (this.running = { tenant, since: this.now() });
    // Promises that are settled go on before the next tick.
    queueMicrotask(() =>
      process.nextTick(() => {
        if (this.running === mine) this.stop();
        left?.();
      }),
    );
  }

  private stop(): void {
    if (this.running === undefined) return;
    const { tenant, since } = this.running;
    this.running = undefined;
    if (tenant !== undefined) this.shares.take(tenant, this.now() - since);
  }
}

function passedUntil({ passed, passedSince }: Queue, now: number): number {
  return passed + (passedSince === undefined ? 0 : now - passedSince);
}
