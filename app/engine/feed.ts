/**
 * The feed at work: hands commits to consumers, at least once. Where one process has the store to itself it reads the
 * store's feed page by page, and a consumer's checkpoint moves only after the consumer is done with a page. Where
 * processes share a store, triggers read the feed, share its partitions out and keep the checkpoints; each delivers
 * what it was handed. A commit that a consumer can't handle is parked, visible, and never blocks the rest; parked work
 * is tried again, and can be redriven after it was given up.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AlteredReceipt, Commit } from '../../domain/kernel/commit';
import { commitRef } from '../../domain/kernel/ids';
import { plusSeconds, secondsBetween, type Time, toMillis, toTime } from '../../domain/kernel/time';
import { Delays } from './delays';
import {
  type Checkpoint,
  type Checkpoints,
  type Clock,
  type DeadItem,
  type EventStore,
  type Report,
  StoreBusy,
  type WorkItem,
  type WorkQueue,
} from './ports';
import { messageOf } from './reachable';
import { type Fate, Standstill, STOPPED_AGAIN_SECONDS } from './standstill';
import { Slices, soon } from './turns';

export interface Consumer {
  readonly name: string;
  /** True when it only shows what has happened: then it goes on while a tenant is stopped, and when it was closed. */
  readonly shows?: true;
  /** True when it brings to an end what was under way in a tenant that was closed; others hear nothing of that one. */
  readonly ends?: true;
  /** Handles commits, in order per stream, possibly again. Throws when it could not. */
  handle(commits: readonly Commit[]): Promise<void>;
}

/** What a parked commit waits with. */
interface Parked {
  readonly stream: string;
  readonly index: number;
  readonly error: string;
  /** It waits for the lift of a stop. */
  readonly held?: true;
}

const PAGE = 500;
/** Pages that a consumer may be behind before the reader waits for it. */
const MAX_OUTSTANDING = 8;
const SAVE_EVERY_MS = 500;
const REDELIVER_EVERY_MS = 1_000;
/** A queue in the cloud counts each look. */
const REDELIVER_SHARED_EVERY_MS = 10_000;
const MAX_DELIVERIES = 5;
/** Items that are received at once, and how often in one turn: what waits must not keep the rest from its turn. */
const RECEIVED = 50;
const MAX_RECEIVED = 40;
/** Parked commits that are looked at. */
const MAX_PARKED = 1_000;

interface Subscription {
  readonly consumer: Consumer;
  /** How old commits are when they are handled, where this process reads the feed; by the clock. */
  readonly delays: Delays;
  delay: number | null;
  done: Checkpoint | undefined;
  saved: Checkpoint | undefined;
  outstanding: number;
  /** The pages under way; false when one of them was given up, and comes again after a restart. */
  chain: Promise<boolean>;
}

export interface FeedStatus {
  readonly consumer: string;
  /** Commits between what it has handled and the end of the log; null where triggers read the feed. */
  readonly lag: number | null;
  /**
   * Seconds from the oldest commit of the page that this process has handled last to the end of its handling; null
   * before the first. At least the age of what it handles now, where it reads the feed. Of the views, where triggers
   * do: as long as a commit is on its way that should have come, its age.
   */
  readonly delay_seconds: number | null;
  readonly parked: number;
}

export class Feed {
  private readonly subscriptions: Subscription[] = [];
  private position: Checkpoint | undefined;
  private catchUp: () => Promise<void> = async () => undefined;
  private late: (consumer: string) => Promise<number> = async () => 0;
  private stopRinging: (() => void) | undefined;
  private wake: (() => void) | undefined;
  private rung = false;
  private stopped = false;
  private running: Promise<void> | undefined;
  /** Why the last look at the feed failed. */
  private unreadable: string | undefined;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly onAltered: (receipt: AlteredReceipt) => void;
  private readonly standstill: Pick<Standstill, 'fateOf'>;
  private readonly mine: () => boolean;
  private redelivering: Promise<void> | undefined;
  /** Where this process reads the feed: how many of the commits that were there when it began are still to be read. */
  private past = 0;

  constructor(
    private readonly store: EventStore,
    private readonly checkpoints: Checkpoints,
    private readonly queue: WorkQueue,
    private readonly clock: Clock,
    private readonly report: Report,
    {
      onAltered = () => undefined,
      standstill = new Standstill(),
      mine = () => true,
    }: {
      /** Hears of receipts that are not what was written: nobody gets them, what comes after them is delivered. */
      readonly onAltered?: (receipt: AlteredReceipt) => void;
      /** Says whose commits wait, and from whose nothing follows. */
      readonly standstill?: Pick<Standstill, 'fateOf'>;
      /** Whether what is parked is this process's to try again: where several share the stores, one does. */
      readonly mine?: () => boolean;
    } = {},
  ) {
    this.onAltered = onAltered;
    this.standstill = standstill;
    this.mine = mine;
  }

  /** Has `deliver` give these consumers what triggers hand over. */
  subscribe(consumers: readonly Consumer[]): void {
    for (const consumer of consumers) this.subscriptions.push(subscriptionOf(consumer, undefined));
  }

  /**
   * Starts to deliver to the consumers that have subscribed what is parked. `catchUp` brings this process up to date
   * before it tries again what was parked: what follows from a commit may depend on other streams. `late` says for how
   * many seconds a consumer has been owed a commit that nobody hands over.
   */
  startShared(catchUp: () => Promise<void>, late: (consumer: string) => Promise<number>): void {
    this.catchUp = catchUp;
    this.late = late;
    this.startRedelivery(REDELIVER_SHARED_EVERY_MS);
  }

  /** Starts to read the feed, and to deliver to the consumers, each from its checkpoint. */
  async start(consumers: readonly Consumer[]): Promise<void> {
    let furthest = -1;
    for (const consumer of consumers) {
      const done = await this.checkpoints.load(consumer.name);
      this.subscriptions.push(subscriptionOf(consumer, done));
      // Whoever is furthest behind says where to begin; for the others these pages are a redelivery.
      const lag = await this.store.lag(done);
      if (lag > furthest) {
        furthest = lag;
        this.position = done;
      }
    }
    this.past = furthest;
    this.readPast(0);
    this.stopRinging = this.store.onAppend(() => this.ring());
    this.running = this.run();
    this.every(SAVE_EVERY_MS, () => void this.save());
    this.startRedelivery(REDELIVER_EVERY_MS);
  }

  /**
   * Delivers what a trigger was handed to the consumers of these names. Rejects when some of it could be neither
   * handled nor parked: then the trigger has to hand all of it over again.
   */
  async deliver(names: readonly string[], commits: readonly Commit[]): Promise<void> {
    const subscriptions = this.subscriptions.filter(({ consumer }) => names.includes(consumer.name));
    const done = await Promise.all(subscriptions.map((subscription) => this.handle(subscription, commits)));
    if (done.includes(false)) throw new Error('commits could be neither handled nor parked');
  }

  /** Lets the pages under way finish, saves the checkpoints and stops. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.stopRinging?.();
    for (const timer of this.timers) clearInterval(timer);
    this.ring();
    await this.running;
    await this.redelivering;
    await Promise.all(this.subscriptions.map(({ chain }) => chain));
    await this.save();
  }

  /**
   * Resolves when everything that is in the log now has been handled by every consumer; for a process that reads the
   * feed itself.
   */
  async settled(): Promise<void> {
    for (;;) {
      const end = await this.store.end();
      this.ring();
      await Promise.all(this.subscriptions.map(({ chain }) => chain));
      const lags = await Promise.all(this.subscriptions.map(({ done }) => this.store.lag(done)));
      if (lags.every((lag) => lag <= 0) && (await this.store.end()) === end) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /**
   * Why nothing comes to views and reactions, as far as this process reads the feed itself; undefined when it does
   * come.
   */
  trouble(): string | undefined {
    return this.unreadable === undefined
      ? undefined
      : `the feed can't be read, so views and reactions stand still: ${this.unreadable}`;
  }

  /**
   * The longest delay, in seconds, of what was handled since this was asked last, or is being handled: 0 where triggers
   * read the feed, which come when they come. What a consumer finds at the start, be it the whole log, is no delay of
   * this process: nobody could make that less by refusing work. Until it is read nothing counts, and from then on what
   * waited for it does.
   */
  takeDelay(): number {
    const now = this.clock.now();
    return Math.max(0, ...this.subscriptions.map(({ delays }) => delays.take(now).longest)) / 1_000;
  }

  async status(): Promise<FeedStatus[]> {
    return await Promise.all(
      this.subscriptions.map(async ({ consumer, done, delay, delays }) => {
        const late = Math.max(await this.late(consumer.name), delays.oldest(this.clock.now()) / 1_000);
        return {
          consumer: consumer.name,
          lag: this.running === undefined ? null : await this.store.lag(done),
          delay_seconds: late > 0 ? Math.max(late, delay ?? 0) : delay,
          parked: (await this.queue.dead(parking(consumer.name), MAX_PARKED)).length,
        };
      }),
    );
  }

  /** Whether a consumer has given up on a commit, among the first thousand of which it has. */
  async isParked(consumer: string, { stream, index }: Commit): Promise<boolean> {
    const reference = commitRef(stream, index);
    return (await this.queue.dead(parking(consumer), MAX_PARKED)).some(({ id }) => id === reference);
  }

  /** Commits that a consumer has given up on. */
  async parked(consumer: string, limit: number, after?: string): Promise<readonly DeadItem[]> {
    return await this.queue.dead(parking(consumer), limit, after);
  }

  /** Has a consumer try a parked commit again. False when it is not parked. */
  async redrive(consumer: string, id: string): Promise<boolean> {
    const moved = await this.queue.redrive(parking(consumer), id);
    if (moved) await this.redeliver();
    return moved;
  }

  /** Parked work is tried again now, for example by a timer or after a redrive. */
  async redeliver(): Promise<void> {
    const now = toTime(this.clock.now());
    for (const subscription of this.subscriptions) {
      const queue = parking(subscription.consumer.name);
      for (let round = 0; round < MAX_RECEIVED; round += 1) {
        const items = await this.queue.receive(queue, RECEIVED, 60, now);
        if (items.length === 0) break;
        if (round === 0) await this.catchUp();
        for (const item of items) await this.tryAgain(subscription, queue, item, now);
      }
    }
  }

  private async tryAgain(subscription: Subscription, queue: string, item: WorkItem, now: Time): Promise<void> {
    const { stream, index, held } = item.body as Parked;
    const wait = () => this.queue.abandon(queue, item, plusSeconds(now, STOPPED_AGAIN_SECONDS));
    try {
      const fate = await this.standstill.fateOf(subscription.consumer, stream);
      if (fate === 'waits') return void (await wait());
      if (fate === 'over') return void (await this.queue.complete(queue, item));
      const commits = (await this.store.read(stream, index, 1)).filter((commit) => commit.index === index);
      if (held === true && !(await this.act(subscription.consumer, commits))) return void (await wait());
      if (held !== true) await subscription.consumer.handle(commits);
      // What was stopped meanwhile may have left undone what follows from it.
      if ((await this.standstill.fateOf(subscription.consumer, stream)) === 'waits') return void (await wait());
      await this.queue.complete(queue, item);
    } catch (error) {
      const reason = messageOf(error);
      if (held === true) await wait();
      else if (item.deliveries >= MAX_DELIVERIES) await this.queue.deadLetter(queue, item, reason);
      else await this.queue.abandon(queue, item, plusSeconds(now, 2 ** item.deliveries));
    }
  }

  private startRedelivery(everyMs: number): void {
    this.every(everyMs, () => {
      if (!this.mine()) return;
      this.redelivering ??= this.redeliver()
        .catch((error: unknown) => this.report('redelivery failed', { error: String(error) }))
        .finally(() => (this.redelivering = undefined));
    });
  }

  private every(milliseconds: number, work: () => void): void {
    this.timers.push(setInterval(work, milliseconds).unref());
  }

  private ring(): void {
    this.rung = true;
    this.wake?.();
  }

  private async run(): Promise<void> {
    const slices = new Slices(soon);
    while (!this.stopped) {
      this.rung = false;
      try {
        const page = await this.store.feed(this.position, PAGE);
        this.unreadable = undefined;
        for (const receipt of page.altered ?? []) {
          this.report('a receipt is not what was written: it is left out', { error: receipt.message });
          this.onAltered(receipt);
        }
        if (page.commits.length > 0 || page.altered !== undefined) {
          this.position = page.checkpoint;
          for (const subscription of this.subscriptions) {
            this.dispatch(subscription, page.commits, page.checkpoint);
            await slices.pause();
          }
          const busiest = this.subscriptions.filter((subscription) => subscription.outstanding >= MAX_OUTSTANDING);
          await Promise.all(busiest.map(({ chain }) => chain));
          this.readPast(page.end ? this.past : page.commits.length + (page.altered?.length ?? 0));
          if (!page.end) continue;
        }
      } catch (error) {
        this.unreadable = messageOf(error);
        this.report('the feed could not be read', { error: String(error) });
        await sleep(200);
        continue;
      }
      if (!this.rung) {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        this.wake = undefined;
      }
      // Commits that come within one turn of the event loop are read together.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** So many more of the commits that were there at the start have been read; after the last of them, delays count. */
  private readPast(commits: number): void {
    this.past -= commits;
    if (this.past <= 0) for (const { delays } of this.subscriptions) delays.countFrom(this.clock.now());
  }

  private dispatch(subscription: Subscription, commits: readonly Commit[], checkpoint: Checkpoint): void {
    subscription.outstanding += 1;
    const work = this.handle(subscription, commits);
    subscription.chain = subscription.chain.then(async (before) => {
      const done = (await work) && before;
      subscription.outstanding -= 1;
      if (done) subscription.done = checkpoint;
      return done;
    });
  }

  /**
   * Handles a page; when that fails, its commits one by one, and parks those that fail alone. Never throws; false when
   * one could be neither handled nor parked before the feed was stopped.
   */
  private async handle(subscription: Subscription, commits: readonly Commit[]): Promise<boolean> {
    const { consumer } = subscription;
    const since = commits.reduce(
      (oldest, { at }) => (at < oldest ? at : oldest),
      commits[0]?.at ?? toTime(this.clock.now()),
    );
    const ended = subscription.delays.begin(toMillis(since));
    const isHandled = await this.goOn(consumer, commits);
    const now = this.clock.now();
    ended(now);
    if (isHandled) subscription.delay = Math.max(0, secondsBetween(since, toTime(now)));
    return isHandled;
  }

  /**
   * Gives a consumer what goes on; what is stopped waits for its lift, and keeps nothing else from its turn. Never
   * throws; false when something could be neither handled nor parked.
   */
  private async goOn(consumer: Consumer, commits: readonly Commit[]): Promise<boolean> {
    const [going, waiting] = await this.parted(consumer, commits);
    if (!(await this.hold(consumer, waiting)) || !(await this.act(consumer, going))) return false;
    // What was stopped meanwhile may have left undone what follows from it.
    const [, stopped] = await this.parted(consumer, going);
    return await this.hold(consumer, stopped);
  }

  private async act(consumer: Consumer, commits: readonly Commit[]): Promise<boolean> {
    if (commits.length === 0) return true;
    try {
      await this.patiently(() => consumer.handle(commits));
    } catch {
      for (const commit of commits) {
        try {
          await this.patiently(() => consumer.handle([commit]));
        } catch (error) {
          if (!(await this.park(consumer.name, commit, error))) return false;
        }
      }
    }
    return true;
  }

  private async parted(
    consumer: Consumer,
    commits: readonly Commit[],
  ): Promise<[going: readonly Commit[], waiting: readonly Commit[]]> {
    const others = new Map<Commit, Fate>();
    for (const commit of commits) {
      const answer = this.knownFate(consumer, commit.stream);
      const fate = answer instanceof Promise ? await answer : answer;
      if (fate !== 'goes') others.set(commit, fate);
    }
    if (others.size === 0) return [commits, []];
    const waiting = commits.filter((commit) => others.get(commit) === 'waits');
    return [commits.filter((commit) => !others.has(commit)), waiting];
  }

  /** What becomes of it, asked as often as it takes to know; what is not known when the feed is stopped waits. */
  private knownFate(consumer: Consumer, stream: string): Fate | Promise<Fate> {
    const fate = this.standstill.fateOf(consumer, stream);
    if (!(fate instanceof Promise)) return fate;
    return fate.catch(async (error: unknown) => {
      if (this.stopped) return 'waits';
      this.report('what is stopped could not be read', { error: String(error) });
      await sleep(200);
      return await this.knownFate(consumer, stream);
    });
  }

  private async hold(consumer: Consumer, commits: readonly Commit[]): Promise<boolean> {
    if (commits.length === 0) return true;
    this.report('commits wait for the lift of a stop', { consumer: consumer.name, commits: commits.length });
    for (const { stream, index } of commits) {
      const body: Parked = { stream, index, error: 'stopped', held: true };
      if (!(await this.send(consumer.name, `${commitRef(stream, index)} held`, body, STOPPED_AGAIN_SECONDS)))
        return false;
    }
    return true;
  }

  /** A store that is busy says nothing about the commits: they are given again when it wants to be asked again. */
  private async patiently(work: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await work();
        return;
      } catch (error) {
        const busy = busyOf(error);
        if (busy === undefined || this.stopped) throw error;
        this.report('a consumer waits for what it writes to', { error: busy.message });
        await sleep(busy.retryAfterMs);
      }
    }
  }

  private async park(consumer: string, commit: Commit, error: unknown): Promise<boolean> {
    const reason = messageOf(error);
    const reference = commitRef(commit.stream, commit.index);
    this.report('a commit was parked', { consumer, commit: reference, error: reason });
    return await this.send(consumer, reference, { stream: commit.stream, index: commit.index, error: reason }, 1);
  }

  /** Queues what waits, however often it takes; false when the feed was stopped before that. */
  private async send(consumer: string, id: string, body: Parked, seconds: number): Promise<boolean> {
    for (let wait = 50; ; wait = Math.min(5_000, wait * 2)) {
      try {
        const notBefore = plusSeconds(toTime(this.clock.now()), seconds);
        await this.queue.send(parking(consumer), [{ id, body, notBefore }]);
        return true;
      } catch {
        if (this.stopped) return false;
        await sleep(wait);
      }
    }
  }

  /** Never throws: what could not be saved is saved later, or delivered again after a restart. */
  private async save(): Promise<void> {
    for (const subscription of this.subscriptions) {
      if (subscription.done === undefined || subscription.done === subscription.saved) continue;
      const { done } = subscription;
      try {
        await this.checkpoints.save(subscription.consumer.name, done);
        subscription.saved = done;
      } catch (error) {
        this.report('a checkpoint could not be saved', { consumer: subscription.consumer.name, error: String(error) });
      }
    }
  }
}

function subscriptionOf(consumer: Consumer, done: Checkpoint | undefined): Subscription {
  const delays = new Delays(Infinity);
  return { consumer, delays, delay: null, done, saved: done, outstanding: 0, chain: Promise.resolve(true) };
}

/** Also as the cause of what the transactor has thrown. */
function busyOf(error: unknown): StoreBusy | undefined {
  if (error instanceof StoreBusy) return error;
  return error instanceof Error && error.cause instanceof StoreBusy ? error.cause : undefined;
}

function parking(consumer: string): string {
  return `parked-${consumer}`;
}
