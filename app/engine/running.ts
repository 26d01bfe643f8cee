/**
 * The running of a colony: what is opened, started and stopped, and in which order; what the feed delivers to whom, and
 * which deadline goes where. Where processes share the stores, triggers hand over commits and deadlines instead.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Time } from '../../domain/kernel/time';
import { MAX_CLOCK_BEHIND_SECONDS } from './clock-check';
import type { Engine } from './engine';
import type { Consumer } from './feed';
import { FeedWatch } from './feed-watch';
import type { ConsumerGroup, Module } from './module';
import { Pace } from './pace';
import { Peers } from './peers';
import type { Deadline } from './ports';

export interface RunningOptions {
  /** Milliseconds between two looks for deadlines. */
  readonly deadlineEveryMs?: number;
  /**
   * Whether other processes work on the same stores: then triggers read the feed and fire the deadlines, and the
   * processes share that out.
   */
  readonly shared?: boolean;
  /** A clock that is further behind the newest receipt is refused at the start. */
  readonly maxClockBehindSeconds?: number;
  /** Where processes share the stores: how long one may hear nothing of the others before it refuses to act. */
  readonly maxFeedSilenceSeconds?: number;
  /** Where triggers hand over commits: for how many seconds what has happened may wait for views. */
  readonly viewSeconds?: number;
  /** Milliseconds for which a start waits for `fillMore` of its modules; 5 s by default. */
  readonly startPatienceMs?: number;
}

/**
 * Where processes share the stores: how often streams that were passed over as altered are tried again, and how long
 * after the start the books are compared with the views. What comes after the start is heard, so that all a comparison
 * can find is what a late view did not show by then: the next ones take twice as long each time, an hour at most. What
 * was missed is found late rather than never.
 */
const FILL_EVERY_MS = 60_000;
const MOST_BETWEEN_FILLS = 60;

/** The minute after the start in which the books are compared next, after minute `turn`. */
export function nextComparison(turn: number): number {
  return turn + Math.min(MOST_BETWEEN_FILLS, turn + 1);
}

/** How long a start waits for what its modules go on filling while they serve. */
const START_PATIENCE_MS = 5_000;
const DEADLINES_SHARED_EVERY_MS = 30_000;
/** How long one delivery of a deadline waits for a store, within the five minutes for which its lock is renewed. */
export const FIRE_PATIENCE_MS = 240_000;
/** Between its attempts. */
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;

export class Running {
  readonly peers: Peers;
  private readonly watch: FeedWatch;
  private readonly pace: Pace | undefined;
  /** Who hears of commits, by what is delivered together. */
  readonly consumers: Readonly<Record<ConsumerGroup, readonly Consumer[]>>;
  private readonly stopping = new AbortController();
  private opening: Promise<void> | undefined;
  /** When the newest receipt was written, as far as is known at the start. */
  private newest: Time | undefined;
  /** Whether what others stop and close is heard of here. */
  private started = false;
  private filling: Promise<void> | undefined;
  private refilling: Promise<void> | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly modules: readonly Module[],
    private readonly options: RunningOptions,
  ) {
    const { ports, transactor, views, feed, clock, report } = engine;
    this.pace = options.viewSeconds === undefined ? undefined : new Pace(1_000 * options.viewSeconds);
    // One that was given up on won't come: that has an alarm of its own.
    this.watch = new FeedWatch(
      async (commit) => (await views.has(commit)) || (await feed.isParked(views.name, commit)),
      clock,
      report,
    );
    this.peers = new Peers(
      ports.store,
      transactor,
      engine.deciders(true),
      (commits) => this.watch.saw(commits),
      report,
      clock,
    );
    const of = (group: ConsumerGroup) => modules.flatMap(({ consumers }) => consumers?.[group] ?? []);
    this.consumers = {
      projections: [views, ...of('projections')],
      reactions: of('reactions'),
      publications: [...(ports.publisher === undefined ? [] : [ports.publisher]), ...of('publications')],
    };
  }

  /**
   * Opens what it takes to be handed projections: no books, and nothing that is heard of other processes.
   */
  open(): Promise<void> {
    return (this.opening ??= this.openViews());
  }

  private async openViews(): Promise<void> {
    const { ports, clockCheck, deadlines, views, feed } = this.engine;
    const { shared, maxClockBehindSeconds } = this.options;
    this.newest = await clockCheck.start(
      ports.newest ?? (() => clockCheck.newestNoted(ports.checkpoints)),
      maxClockBehindSeconds ?? MAX_CLOCK_BEHIND_SECONDS,
    );
    await deadlines.check();
    await views.start();
    for (const { open } of this.modules) await open?.();
    if (shared === true) feed.subscribe(Object.values(this.consumers).flat());
  }

  /** Opens what is not open yet, fills the books and starts the feed and the deadlines. */
  async start(): Promise<void> {
    const { ports, deadlines, watchdog } = this.engine;
    const { shared, deadlineEveryMs } = this.options;
    await this.open();
    await (shared === true ? this.join() : this.begin());
    this.started = true;
    // Where processes share the stores, others have listened while this one was not there.
    await watchdog.start(shared === true ? undefined : ports.checkpoints, this.newest);
    // Where a trigger fires the deadlines, this finds those that it gave up on.
    deadlines.start(shared === true ? DEADLINES_SHARED_EVERY_MS : deadlineEveryMs);
    for (const { start } of this.modules) await start?.();
  }

  /**
   * What a trigger on the store's feed hands over, for one group of consumers. Resolves when it was handled and the
   * trigger may go on: later where many commits come for views. Rejects when it has to be handed over again, and for
   * consumers that stops concern as long as the colony is only opened: it would never hear of a lift.
   */
  async deliver(group: ConsumerGroup, documents: readonly unknown[]): Promise<void> {
    const { ports, feed, clock } = this.engine;
    if (ports.handed === undefined) throw new Error('this store has no triggers');
    if (!this.started && this.consumers[group].some(({ shows }) => shows !== true))
      throw new Error(`${group} are not handed to a colony that is only opened: it hears of no stop`);
    const commits = await ports.handed(documents);
    const handled = group === 'projections' ? this.pace?.handed(commits, clock.now()) : undefined;
    // What follows from a commit depends on other streams too, and no other process looks.
    if (group === 'reactions') await this.peers.look();
    await feed.deliver(
      this.consumers[group].map(({ name }) => name),
      commits,
    );
    await handled?.(this.stopping.signal);
  }

  /**
   * A deadline that a trigger hands over. Rejects when it has to be handed over again: not before `until`, a time of
   * `performance.now()`, unless the colony stops.
   */
  async fire(deadline: Deadline, until = performance.now() + FIRE_PATIENCE_MS): Promise<void> {
    const { signal } = this.stopping;
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(LONGEST_WAIT_MS, wait * 2)) {
      try {
        await this.peers.look();
        await this.engine.deadlines.fired(deadline);
        return;
      } catch (error) {
        // Given back at once it would come again at once, and its deliveries would be used up while the store is away.
        if (signal.aborted || performance.now() > until) throw error;
        this.engine.report('a deadline waits for a store', {
          stream: deadline.stream,
          reason: deadline.reason,
          error: String(error),
        });
        await sleep(wait, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  /**
   * Ends long polls, lets what is under way finish, and closes the stores. What does not stop keeps nothing else open:
   * it is reported, and the first failure is thrown in the end. Who was heard is written at once, beside all of it: a
   * process that has little time to end loses that last.
   */
  async stop(): Promise<void> {
    const { watchdog, deadlines, feed, views, ports, report } = this.engine;
    this.stopping.abort();
    const flushed = ports.presence.flush?.();
    const steps: readonly (() => void | Promise<void> | undefined)[] = [
      ...this.modules.map(
        ({ stop }) =>
          () =>
            stop?.(),
      ),
      () => watchdog.stop(),
      () => this.engine.duty.stop(),
      () => deadlines.stop(),
      () => feed.stop(),
      () => this.peers.stop(),
      () => this.filling,
      () => this.refilling,
      ...this.modules.toReversed().map(
        ({ finish }) =>
          () =>
            finish?.(),
      ),
      () => views.stop(),
      () => flushed,
      () => ports.close(),
    ];
    const failures: unknown[] = [];
    for (const step of steps) {
      try {
        await step();
      } catch (error) {
        report('a part of the colony did not stop', { error: String(error) });
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /**
   * The books from the views: what the views have not seen yet, the feed delivers again, since it begins where the
   * slowest consumer stands. Where triggers read the feed, the next look at the views finds it.
   */
  async fillBooks(): Promise<void> {
    await this.peers.again();
    for (const { fill } of this.modules) await fill?.();
    await this.fillMore();
  }

  private async fillMore(): Promise<void> {
    for (const { fillMore } of this.modules) await fillMore?.(this.stopping.signal);
  }

  /** Fills the books. What `fillMore` fills is waited for a while; the rest of it is filled while the colony serves. */
  private async fillAtStart(): Promise<void> {
    for (const { fill } of this.modules) await fill?.();
    const filling = this.fillMore();
    const patience = new AbortController();
    const late = sleep(this.options.startPatienceMs ?? START_PATIENCE_MS, true, { signal: patience.signal }).catch(
      () => false,
    );
    const isLate = await Promise.race([filling.then(() => false), late]).finally(() => patience.abort());
    if (!isLate) return;
    this.engine.report('the start goes on while tasks that wait are read: each is awarded once it has been', {});
    this.filling = this.untilFilled(filling);
  }

  private async untilFilled(filling: Promise<void>): Promise<void> {
    const { signal } = this.stopping;
    for (let attempt = filling; !signal.aborted; attempt = this.fillMore()) {
      try {
        await attempt;
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.engine.report('the books could not be filled', { error: String(error) });
        await sleep(FILL_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  /** Alone on its stores. */
  private async begin(): Promise<void> {
    await this.fillAtStart();
    await this.engine.feed.start(Object.values(this.consumers).flat());
  }

  /** One of several processes: what comes after this moment is heard of by `peers`. */
  private async join(): Promise<void> {
    const { ports, feed, views, duty } = this.engine;
    const now = await ports.store.end();
    await this.fillAtStart();
    this.peers.start(now);
    this.engine.standstill.listens(() => this.peers.silentMs(), this.options.maxFeedSilenceSeconds);
    this.refilling = this.refill();
    await duty.start();
    feed.startShared(
      () => this.peers.look(),
      async (consumer) => (consumer === views.name ? await this.watch.late() : 0),
    );
  }

  /** Fills the books again, more and more rarely, until the colony is stopped. */
  private async refill(): Promise<void> {
    const { signal } = this.stopping;
    await this.filling;
    for (let turn = 1, next = nextComparison(0); ; turn += 1) {
      await sleep(FILL_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        if (turn < next) await this.peers.again();
        else {
          await this.fillBooks();
          next = nextComparison(turn);
        }
      } catch (error) {
        if (!signal.aborted) this.engine.report('the books could not be filled', { error: String(error) });
      }
    }
  }
}
