/**
 * Who is let in while the host is late. What is under way always is: begun work that can't go on is work thrown away.
 * New work is refused first, then reads; each by a limit that is found, not set: it appears when the host has been late
 * for two looks in a row, is cut in proportion while the host stays late, rises while it is on time, and goes when
 * nobody has run into it for a while. Additive increase and multiplicative decrease of a rate of admission,
 * by how late things are: M. Welsh and D. Culler, "Adaptive overload control for busy internet servers", USITS 2003;
 * classes by what is thrown away when they are refused: H. Zhou and others, "Overload control for scaling WeChat
 * microservices", SoCC 2018.
 *
 * A host that is late has as much to do as it can, so what it does then is its capacity. The limit of new work, of
 * which that is known, is cut to what of it leaves room for the queue to go, and begins again from there when the host
 * is on time: cut blindly it would fall far below, and the host would be idle while it refuses.
 *
 * What there is, tenants share by max-min fairness: who asks for less than an even share gets all of it, the others
 * have what is left in equal parts. So whoever asks for most is refused first, and nobody else because of it.
 *
 * Pure: time comes in as an argument (milliseconds that never go back), and `random` gives numbers in [0, 1).
 */
import type { Work } from '../../contract/route';
import type { FairQueue } from './fair-queue';
import { Pauses } from './pauses';
import { MAX_WAIT_SECONDS, toldWait } from './told';

/** Classes that may be refused, in the order in which they are. */
export const YIELDING = ['new', 'read'] as const satisfies readonly Work[];
export type Yielding = (typeof YIELDING)[number];

/** From how many times the tolerated delay on a class is limited. */
const LATE_AT: Readonly<Record<Yielding, number>> = { new: 1, read: 2 };

/**
 * Looks in a row that find the host late before anything is refused, or less is let in: it is the queue that stays
 * which tells of too much; one that comes with each batch and goes does not (K. Nichols and V. Jacobson, "Controlling
 * queue delay", ACM Queue 2012).
 */
const LATE_LOOKS = 2;
/** Looks are due each quarter of a second: after more than this the process may have been away. */
const MOST_BETWEEN_LOOKS_MS = 2_000;
/** A cut takes a moment to be felt: the next comes no earlier, and only when lateness has not fallen by this share. */
const CUT_EVERY_MS = 1_000;
const FELT = 0.1;
/** The most that one cut takes away. */
const CUT_TO = 0.5;
/**
 * What the limit rises by in a second, and the least that is let in: shares of the best rate that was let in on time.
 * After so many seconds on time it rises faster, in proportion.
 */
const RISE = 0.1;
const FASTER_AFTER_SECONDS = 3;
const TRICKLE_SHARE = 0.1;
/** What of its capacity a host is given again as soon as it is on time, and at least while it is late. */
const RESUMED_SHARE = 0.9;
const LEAST_SHARE = 0.3;
/** Over how long capacity, and what is done for a unit, are smoothed. A colony's kinds of work change slowly. */
const CAPACITY_MS = 3_000;
const DONE_PER_UNIT_MS = 300_000;
/** That rate is at least this, in units a second; what is remembered of it halves in so long. */
const LEAST_BEST = 100;
const BEST_HALVES_MS = 60_000;
/** The limit goes when the host has been on time, and nobody refused, for so long. */
const LIFTED_AFTER_MS = 10_000;
/** Over how long rates are smoothed. */
const SMOOTHED_MS = 2_000;
/** Tenants with a place of their own; further ones share one. */
const MAX_TENANTS = 1_000;
/** The name of no tenant: of those for whom there is no place. */
const OTHERS = '';
/** Whoever has asked for less than this in a second is forgotten. */
const FORGOTTEN_BELOW = 0.01;
/** What a request of the plainest kind costs, in units. */
const PLAIN = 1;
/** Weight of the last request in what a request is expected to cost. */
const LAST_SIZE = 0.1;

/** A tenant that asks. */
interface Asker {
  /** What it may take now; below 0 when it has taken more than it was expected to. */
  tokens: number;
  at: number;
  /** Asked for since the last look, and in a second, smoothed. */
  asked: number;
  demand: number;
  /** What those who were refused will come back for. */
  owed: number;
  /**
   * What a request of it is expected to cost: it is known only when its body has been read. It begins as one of the
   * plainest kind: what is known of others says nothing of it.
   */
  size: number;
}

/** The limit of one class, shared by tenants. */
export class AdaptiveLimit {
  private rate = Infinity;
  /** What a tenant may take in a second: the level up to which all are served alike. */
  private level = Infinity;
  /** What was let in since the last look; in a second, smoothed; and at best while the host was on time. */
  private taken = 0;
  private usual = 0;
  private best = LEAST_BEST;
  /** Units that the host can do in a second; undefined until it was late and something was done. */
  private capacity: number | undefined;
  /** What was let in, and what was done, lately: their ratio is what is done for a unit. */
  private longTaken = 0;
  private longDone = 0;
  private lateLooks = 0;
  private looked: number | undefined;
  /** When the limit was cut last, and how late the host was then; since when it has been on time. */
  private cut = -Infinity;
  private lateAtCut = 0;
  private onTimeSince = 0;
  private refused = -Infinity;
  private readonly askers = new Map<string, Asker>();
  private readonly pauses = new Pauses(MOST_BETWEEN_LOOKS_MS);

  /**
   * @param lateAt from how many times the tolerated delay on the class is limited
   */
  constructor(
    private readonly lateAt: number,
    private readonly random: () => number,
  ) {}

  /** Units a second that are let in; `Infinity` while nothing is refused. */
  get perSecond(): number {
    return this.rate;
  }

  /** Places that are kept; bounded. */
  get places(): number {
    return this.askers.size;
  }

  /** Lets a request in: 0; or the seconds after which there is room for it, with jitter. */
  ask(tenant: string, now: number): number {
    const asker = this.askerOf(tenant, now);
    asker.asked += asker.size;
    const wait = this.waitOf(asker, now);
    if (wait > 0) return wait;
    this.taken += asker.size;
    if (this.rate < Infinity) asker.tokens -= asker.size;
    return 0;
  }

  /** As `ask`, of a request that was let in some time ago: it is counted, and has taken its share, already. */
  askAgain(tenant: string, now: number): number {
    return this.waitOf(this.askerOf(tenant, now), now);
  }

  /** 0 while there is room for a request of the tenant. */
  private waitOf(asker: Asker, now: number): number {
    if (this.rate === Infinity) return 0;
    this.refill(asker, now);
    if (asker.tokens >= asker.size) return 0;
    this.refused = now;
    const rise = this.rise(now) * (this.level / this.rate);
    const most = this.level * MAX_WAIT_SECONDS + (rise * MAX_WAIT_SECONDS ** 2) / 2;
    asker.owed = Math.min(most, asker.owed + asker.size);
    return toldWait(secondsUntil(asker.owed - asker.tokens, this.level, rise), this.random);
  }

  /**
   * A request that was let in was refused after all: the host learns nothing from it of what it can do. What its tenant
   * may take stays as it is: it may have been let in when there was no limit.
   */
  giveBack(tenant: string): void {
    const asker = this.askers.get(tenant) ?? this.askers.get(OTHERS);
    this.taken -= asker?.size ?? 0;
  }

  /** What a request that was let in has cost in the end. */
  charge(tenant: string, cost: number): void {
    const asker = this.askers.get(tenant) ?? this.askers.get(OTHERS);
    if (asker === undefined) return;
    const more = cost - asker.size;
    this.taken += more;
    asker.asked += more;
    if (this.rate < Infinity) asker.tokens -= more;
    asker.size += more * LAST_SIZE;
  }

  /**
   * Moves the limit by how late the host is, and shares it out anew.
   * @param lateness times the tolerated delay; above 1 the host is late
   * @param done what the host has done since the last look, in whatever comes of each unit alike; undefined where the
   * class leads to nothing that can be counted
   */
  look(now: number, lateness: number, done?: number): void {
    const milliseconds = now - (this.looked ?? now);
    this.looked = now;
    if (milliseconds <= 0) return;
    if (this.pauses.isPause(now, milliseconds)) {
      // A process that was away has learned nothing of what it can do.
      this.taken = 0;
      for (const asker of this.askers.values()) asker.asked = 0;
      return;
    }
    const seconds = milliseconds / 1_000;
    const weight = weightOf(milliseconds, SMOOTHED_MS);
    const isLate = lateness > this.lateAt;
    if (done !== undefined) this.measure(milliseconds, done, isLate);
    this.usual += (Math.max(0, this.taken) / seconds - this.usual) * weight;
    this.taken = 0;
    this.lateLooks = isLate ? this.lateLooks + 1 : 0;
    if (this.lateLooks >= LATE_LOOKS) this.onTimeSince = now;
    this.best = Math.max(LEAST_BEST, this.best * 0.5 ** (milliseconds / BEST_HALVES_MS), isLate ? 0 : this.usual);
    if (this.rate === Infinity && this.lateLooks >= LATE_LOOKS) {
      // Between what was too much and what was well.
      this.rate = Math.max(this.best * TRICKLE_SHARE, Math.min(this.usual, Math.sqrt(this.usual * this.best)));
      this.lateAtCut = 0;
      this.refused = now;
    }
    if (this.rate < Infinity) this.move(now, seconds, lateness);
    for (const [tenant, asker] of this.askers) {
      asker.demand += (Math.max(0, asker.asked) / seconds - asker.demand) * weight;
      asker.asked = 0;
      if (asker.demand < FORGOTTEN_BELOW && !this.isOwing(asker, now)) this.askers.delete(tenant);
    }
    this.level = this.rate === Infinity ? Infinity : evenLevel([...this.askers.values()], this.rate);
  }

  /** Learns what the host can do from what it does while it is late. */
  private measure(milliseconds: number, done: number, isLate: boolean): void {
    const lasting = 1 - weightOf(milliseconds, DONE_PER_UNIT_MS);
    this.longTaken = this.longTaken * lasting + Math.max(0, this.taken);
    this.longDone = this.longDone * lasting + done;
    if (!isLate || this.longTaken < 1 || this.longDone < 1) return;
    const units = ((done * 1_000) / milliseconds) * (this.longTaken / this.longDone);
    const before = this.capacity ?? units;
    this.capacity = before + (units - before) * weightOf(milliseconds, CAPACITY_MS);
  }

  private move(now: number, seconds: number, lateness: number): void {
    if (lateness <= this.lateAt) {
      this.lateAtCut = 0;
      const isLifted = now - Math.max(this.refused, this.onTimeSince) >= LIFTED_AFTER_MS;
      const resumed = Math.max(this.rate, RESUMED_SHARE * (this.capacity ?? 0));
      this.rate = isLifted ? Infinity : resumed + this.rise(now) * seconds;
    } else if (this.capacity !== undefined && this.lateLooks >= LATE_LOOKS) {
      const share = Math.max(LEAST_SHARE, this.lateAt / lateness);
      this.rate = Math.max(this.best * TRICKLE_SHARE, this.capacity * share);
    } else if (
      this.lateLooks >= LATE_LOOKS &&
      now - this.cut >= CUT_EVERY_MS &&
      lateness > this.lateAtCut * (1 - FELT)
    ) {
      this.cut = now;
      this.lateAtCut = lateness;
      const share = Math.max(CUT_TO, this.lateAt / lateness);
      this.rate = Math.max(this.best * TRICKLE_SHARE, Math.min(this.rate, this.usual) * share);
    }
  }

  /** What the limit rises by in a second. */
  private rise(now: number): number {
    return this.best * RISE * Math.max(1, (now - this.onTimeSince) / 1_000 / FASTER_AFTER_SECONDS);
  }

  private askerOf(tenant: string, now: number): Asker {
    const known = this.askers.get(tenant);
    if (known !== undefined) return known;
    if (this.askers.size >= MAX_TENANTS && tenant !== OTHERS) return this.askerOf(OTHERS, now);
    const asker = { tokens: this.burst(PLAIN), at: now, asked: 0, demand: 0, owed: 0, size: PLAIN };
    this.askers.set(tenant, asker);
    return asker;
  }

  /** Who has taken too much is not forgotten before that is made up for: it would come back with a full burst. */
  private isOwing(asker: Asker, now: number): boolean {
    if (this.level === Infinity) return false;
    this.refill(asker, now);
    return asker.tokens < 0;
  }

  private refill(asker: Asker, now: number): void {
    const came = (Math.max(0, now - asker.at) / 1_000) * this.level;
    asker.at = now;
    asker.tokens = Math.min(this.burst(asker.size), asker.tokens + came);
    asker.owed = Math.max(0, asker.owed - came);
  }

  /** What a tenant may take at once: what comes in a second, and one request at least. */
  private burst(size: number): number {
    return Math.max(size, this.level === Infinity ? 0 : this.level);
  }
}

/** The weight of what was in the last `milliseconds`, of what is smoothed over `constant`. */
function weightOf(milliseconds: number, constant: number): number {
  return 1 - Math.exp(-milliseconds / constant);
}

/** The seconds in which `wanted` comes together at a rate that rises evenly. */
function secondsUntil(wanted: number, rate: number, rise: number): number {
  return wanted <= 0 ? 0 : (2 * wanted) / (rate + Math.sqrt(rate * rate + 2 * rise * wanted));
}

/** The level up to which all demands can be met: those below it wholly, the others alike. */
function evenLevel(askers: readonly { readonly demand: number }[], rate: number): number {
  let rest = rate;
  let last = 0;
  const demands = askers.map(({ demand }) => demand).sort((a, b) => a - b);
  for (const [i, demand] of demands.entries()) {
    const even = rest / (demands.length - i);
    if (demand > even) return even;
    rest -= demand;
    last = demand;
  }
  return last + rest;
}

/** What has been let in and refused, by class; refused also by tenant. */
export interface AdmissionFigures {
  readonly work: Yielding;
  readonly admitted: number;
  readonly refused: ReadonlyMap<string, number>;
  /** Units a second; `Infinity` while nothing is refused. */
  readonly perSecond: number;
}

/** Tenants whose refusals are counted apart; those of further ones are counted together. */
const COUNTED_TENANTS = 50;
export const OTHER_TENANTS = '(others)';

function countRefusal(refused: Map<string, number>, tenant: string): void {
  const name = refused.size < COUNTED_TENANTS || refused.has(tenant) ? tenant : OTHER_TENANTS;
  refused.set(name, (refused.get(name) ?? 0) + 1);
}

interface Class {
  readonly limit: AdaptiveLimit;
  admitted: number;
  /** Of these, who was refused after all and stands for the next that is let in: no counter goes down. */
  turnedAway: number;
  readonly refused: Map<string, number>;
}

/** What of the host may be asked for, by class; every refusal for an overload is made and counted here. */
export class Admission {
  private readonly classes: Readonly<Record<Yielding, Class>>;

  /** @param queue in which those that are let in have their turns; without one whoever is let in begins at once */
  constructor(
    random: () => number = Math.random,
    private readonly queue?: FairQueue,
  ) {
    const open = (work: Yielding): Class => ({
      limit: new AdaptiveLimit(LATE_AT[work], random),
      admitted: 0,
      turnedAway: 0,
      refused: new Map<string, number>(),
    });
    this.classes = { new: open('new'), read: open('read') };
  }

  /** Lets a request in: 0; or the seconds after which to come again. What is under way is always let in. */
  ask(work: Work, tenant: string, now: number): number {
    if (work === 'underway') return 0;
    const one = this.classes[work];
    const seconds = one.limit.ask(tenant, now);
    if (seconds > 0) countRefusal(one.refused, tenant);
    else if (one.turnedAway > 0) one.turnedAway -= 1;
    else one.admitted += 1;
    return seconds;
  }

  /** As `ask`, of a request that was let in some time ago: it takes nothing more. */
  askAgain(work: Work, tenant: string, now: number): number {
    if (work === 'underway') return 0;
    const seconds = this.classes[work].limit.askAgain(tenant, now);
    if (seconds > 0) this.turnAway(work, tenant);
    return seconds;
  }

  /**
   * The turn of a request that was let in: at once when undefined, or when this resolves; or the seconds after which to
   * come again. What is under way always begins at once.
   * @param bytes of its body; `Infinity` when nobody knows
   */
  turn(work: Work, tenant: string, bytes: number): Promise<void> | number | undefined {
    if (work === 'underway') {
      this.queue?.pass(tenant);
      return undefined;
    }
    const turn = this.queue?.turn(tenant, bytes);
    if (typeof turn === 'number') this.turnAway(work, tenant);
    return turn;
  }

  /** Who was let in is refused after all, before anything was done for it. */
  private turnAway(work: Yielding, tenant: string): void {
    const one = this.classes[work];
    one.limit.giveBack(tenant);
    one.turnedAway += 1;
    countRefusal(one.refused, tenant);
  }

  /** What a request that was let in has cost in the end, in requests of the plainest kind. */
  charge(work: Work, tenant: string, cost: number): void {
    if (work !== 'underway') this.classes[work].limit.charge(tenant, cost);
  }

  /**
   * Moves the limits by how late the host is, in times of what is tolerated.
   * @param commits written since the last look: what comes of new work
   */
  look(now: number, lateness: number, commits?: number): void {
    this.classes.new.limit.look(now, lateness, commits);
    this.classes.read.limit.look(now, lateness);
  }

  figures(): AdmissionFigures[] {
    return YIELDING.map((work) => {
      const { limit, admitted, refused } = this.classes[work];
      return { work, admitted, refused, perSecond: limit.perSecond };
    });
  }
}
