/**
 * What every module is given: the ports, what works on them for all capabilities, and the handles of aggregates. Each
 * aggregate is opened once, by the module that owns it.
 */
import type { Commit } from '../../domain/kernel/commit';
import type { Decider, Event } from '../../domain/kernel/decider';
import { isPartName, PART_NAME_RULE } from '../../domain/kernel/ids';
import type { Projection } from '../../projections/projection';
import { Aggregate } from './aggregate';
import { ClockCheck } from './clock-check';
import { DeadlineEngine } from './deadlines';
import { Duty } from './duty';
import { Feed } from './feed';
import { ClaimedKeys } from './keys';
import { newId, randomHex } from './new-id';
import { PolicyInEffect } from './policy';
import type { BlobArchive, Clock, EventStore, Ports, Report, ViewStore, WorkQueue } from './ports';
import type { Policy } from './ports-policy';
import { reachable } from './reachable';
import { Standstill } from './standstill';
import type { AnyDecider, CacheBounds } from './streams';
import { Transactor } from './transact';
import { type Sharing, viewOf, Views } from './views';
import { Watchdog } from './watchdog';

/** What is true of an aggregate besides its rules. */
export interface Traits<S, D> {
  /** The view that lists its streams. */
  readonly view?: Projection<S, D>;
  /** What another process commits there is news to this one: something in memory follows it. */
  readonly followed?: boolean;
}

const SHARED_VIEWS: Sharing = { refreshMs: 10_000, handoverMs: 30_000 };

export class Engine {
  readonly clock: Clock;
  readonly report: Report;
  /** The log, views, payloads and queues: they fail with `StoreUnavailable`, whatever their adapter throws. */
  readonly log: EventStore;
  readonly viewStore: ViewStore;
  readonly blobs: BlobArchive;
  readonly queue: WorkQueue;
  /** What is stopped: asked by all that acts. */
  readonly standstill = new Standstill();
  /** The rules that answer, where bundles are rolled out. */
  readonly policy: PolicyInEffect | undefined;
  readonly transactor: Transactor;
  readonly keys: ClaimedKeys;
  readonly views: Views;
  readonly watchdog: Watchdog;
  readonly clockCheck: ClockCheck;
  /** What one process does for all. */
  readonly duty: Duty;
  readonly deadlines: DeadlineEngine;
  readonly feed: Feed;
  private readonly opened = new Map<string, { readonly decider: AnyDecider; readonly followed: boolean }>();

  /** `shared`: whether other processes work on the same stores. */
  constructor(
    readonly ports: Ports,
    readonly shared: boolean,
    cache: CacheBounds = {},
  ) {
    const { store, checkpoints, queue, clock, report } = ports;
    this.clock = clock;
    this.report = report;
    this.log = reachable('the log', store);
    this.viewStore = reachable('the views', ports.views);
    this.blobs = reachable('the payloads', ports.blobs);
    this.queue = reachable('the queues', queue);
    let judging: Policy;
    if ('loader' in ports.policy)
      judging = this.policy = new PolicyInEffect((stream) => this.standstill.passes(stream));
    else judging = ports.policy;
    this.transactor = new Transactor(store, judging, clock, () => newId(clock.now()), {
      ...cache,
      standstill: this.standstill,
    });
    this.keys = new ClaimedKeys(ports.keys, report);
    this.views = new Views({
      store,
      views: this.viewStore,
      checkpoints,
      streams: this.transactor,
      report,
      sharing: shared ? SHARED_VIEWS : undefined,
      remembered: cache.cachedStreams,
    });
    this.duty = new Duty(shared ? ports.leases : undefined, randomHex(16), clock, report);
    this.watchdog = new Watchdog(clock, report, this.standstill);
    this.clockCheck = new ClockCheck(clock, report);
    this.transactor.onCommitted(({ here, commits }) => {
      const last = commits.at(-1) as Commit;
      if (here) this.clockCheck.saw(last);
      else this.clockCheck.heard(last);
    });
    this.deadlines = new DeadlineEngine(ports.deadlines, this.watchdog, clock, report, {
      shared,
      standstill: this.standstill,
    });
    this.feed = new Feed(store, checkpoints, this.queue, clock, report, {
      onAltered: (receipt) => this.transactor.noteAltered(receipt),
      standstill: this.standstill,
      mine: () => this.duty.mine,
    });
  }

  /**
   * Opens an aggregate. Throws when a module has opened it already, or its category can't stand in the name of a
   * stream; and what `Views.add` throws of its view.
   */
  aggregate<S, E extends Event, D>(decider: Decider<S, E>, { view, followed }: Traits<S, D> = {}): Aggregate<S, E, D> {
    const { category } = decider;
    if (!isPartName(category))
      throw new Error(`'${category}' can't be the category of an aggregate: ${PART_NAME_RULE}`);
    if (this.opened.has(category)) throw new Error(`two modules have opened the aggregate '${category}'`);
    this.opened.set(category, { decider: decider as unknown as AnyDecider, followed: followed === true });
    if (view !== undefined) this.views.add(viewOf(view, decider));
    return new Aggregate<S, E, D>(
      decider,
      this.transactor,
      view === undefined ? undefined : { projection: view, store: this.viewStore, views: this.views },
    );
  }

  /** Every aggregate that was opened; those alone that are followed. */
  deciders(followed = false): readonly AnyDecider[] {
    return [...this.opened.values()].filter((one) => !followed || one.followed).map(({ decider }) => decider);
  }
}
