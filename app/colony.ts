/**
 * The application as one object: every use case, over whatever ports it is given. A process makes one; tests make
 * their own, over real stores.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Commit } from '../domain/kernel/commit';
import { AlteredReceipt } from '../domain/kernel/commit';
import { parseStream } from '../domain/kernel/ids';
import { agentDecider } from '../domain/market/agent';
import { pauseDecider } from '../domain/market/pause';
import { poolDecider } from '../domain/market/pool';
import { taskDecider } from '../domain/market/task';
import { channelDecider } from '../domain/notices/channel';
import { deliveryDecider } from '../domain/notices/delivery';
import { actionDecider } from '../domain/oversight/action';
import { approvalDecider } from '../domain/oversight/approval';
import { correctionDecider } from '../domain/oversight/correction';
import { roundDecider } from '../domain/oversight/round';
import { agentTypeDecider } from '../domain/repository/agent-template';
import { toolDecider } from '../domain/repository/tool';
import { trailDecider } from '../domain/signals/trail';
import { agents as agentsView } from '../projections/market/agents';
import { tasks as tasksView } from '../projections/market/tasks';
import { actions as actionsView } from '../projections/oversight/actions';
import { approvals as approvalsView } from '../projections/oversight/approvals';
import { corrections as correctionsView } from '../projections/oversight/corrections';
import { rounds as roundsView } from '../projections/oversight/rounds';
import { ALL } from '../projections/projection';
import { pagesOf } from '../projections/projection';
import { agentTypes } from '../projections/repository/agent-types';
import { tools as toolsView } from '../projections/repository/tools';
import { trails as trailsView } from '../projections/signals/trails';
import { Receipts } from './audit/receipts';
import { Retention } from './audit/retention';
import { Why } from './audit/why';
import { ClockCheck, MAX_CLOCK_BEHIND_SECONDS } from './engine/clock-check';
import { DeadlineEngine } from './engine/deadlines';
import { type Consumer, Feed } from './engine/feed';
import { FeedWatch } from './engine/feed-watch';
import { ClaimedKeys } from './engine/keys';
import { newId, randomHex } from './engine/new-id';
import { Peers } from './engine/peers';
import type { Deadline, Ports } from './engine/ports';
import { reachable } from './engine/reachable';
import { Transactor } from './engine/transact';
import { type Sharing, viewOf, Views } from './engine/views';
import { Watchdog } from './engine/watchdog';
import { Agents } from './market/agents';
import { Balance } from './market/balance';
import { Places, RoundBook } from './market/books';
import { Inboxes } from './market/inbox';
import { Market, type MarketOptions } from './market/market';
import { Pauses } from './market/pauses';
import { Reactions } from './market/reactions';
import { Tasks } from './market/tasks';
import { WhyNots } from './market/why-not';
import { Channels, channels, Deliveries, deliveries } from './notices/deliveries';
import { Readiness } from './operation/readiness';
import { Actions } from './oversight/actions';
import { Approvals } from './oversight/approvals';
import { Challenges } from './oversight/challenges';
import { Corrections } from './oversight/corrections';
import { DecisionMetrics } from './oversight/decision-metrics';
import { Notifier, PUBLIC_URL } from './oversight/notifier';
import { Orchestrated } from './oversight/orchestrated';
import { Oversight } from './oversight/oversight';
import { OversightReactions } from './oversight/reactions';
import { Rounds } from './oversight/rounds';
import { Repository, Tools } from './repository/registry';
import { Signals } from './signals/signals';
import type { SignalsInDeps } from './signals/signals-in';

export interface ColonyOptions {
  readonly market?: MarketOptions;
  /** Milliseconds between two looks for deadlines. */
  readonly deadlineEveryMs?: number;
  /**
   * Whether other processes work on the same stores: then triggers read the feed and fire the deadlines, and the
   * processes share that out.
   */
  readonly shared?: boolean;
  /** A clock that is further behind the newest receipt is refused at the start. */
  readonly maxClockBehindSeconds?: number;
  /** Where people find this colony: links in notices lead there. */
  readonly publicUrl?: string;
}

/**
 * How often the books are compared with the views, where processes share the stores: what was missed is found late
 * rather than never.
 */
const FILL_EVERY_MS = 60_000;
const DEADLINES_SHARED_EVERY_MS = 30_000;
/**
 * How long one delivery of a deadline waits for a store, within the five minutes for which the trigger renews its lock;
 * and between its attempts.
 */
const FIRE_PATIENCE_MS = 240_000;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 5_000;
const SHARED_VIEWS: Sharing = { refreshMs: 5_000, handoverMs: 30_000 };
/** Streams that are read at once to fill the books. */
const FILLED_AT_ONCE = 32;

/** What is delivered together. Each group goes on by itself, should another one stand still. */
export type Group = 'projections' | 'reactions' | 'publications';

export class Colony {
  readonly transactor: Transactor;
  readonly keys: ClaimedKeys;
  readonly market: Market;
  readonly watchdog: Watchdog;
  readonly clockCheck: ClockCheck;
  readonly agents: Agents;
  readonly tasks: Tasks;
  readonly signals: Signals;
  readonly signalsIn: SignalsInDeps;
  readonly views: Views;
  readonly balance: Balance;
  readonly feed: Feed;
  readonly why: Why;
  readonly whyNots: WhyNots;
  readonly receipts: Receipts;
  readonly repository: Repository;
  readonly tools: Tools;
  readonly deadlines: DeadlineEngine;
  readonly reactions: Reactions;
  readonly peers: Peers;
  readonly oversight: Oversight;
  readonly pauses: Pauses;
  readonly retention: Retention;
  readonly rounds: Rounds;
  readonly approvals: Approvals;
  readonly actions: Actions;
  readonly challenges: Challenges;
  readonly corrections: Corrections;
  readonly channels: Channels;
  readonly deliveries: Deliveries;
  readonly orchestrated: Orchestrated;
  readonly decisions: OversightReactions;
  readonly decisionMetrics: DecisionMetrics;
  readonly readiness: Readiness;
  private readonly watch: FeedWatch;
  private readonly roundBook: RoundBook;
  private readonly consumers: Readonly<Record<Group, readonly Consumer[]>>;
  private readonly stopping = new AbortController();
  private refilling: Promise<void> | undefined;

  constructor(
    readonly ports: Ports,
    private readonly options: ColonyOptions = {},
  ) {
    const { store, keys, checkpoints, deadlines, presence, policy, outbound, clock, report } = ports;
    const views = reachable('the views', ports.views);
    const blobs = reachable('the payloads', ports.blobs);
    const queue = reachable('the queues', ports.queue);
    const log = reachable('the log', store);
    this.transactor = new Transactor(store, policy, clock, () => newId(clock.now()));
    this.keys = new ClaimedKeys(keys, report);
    const places = new Places(randomHex(6));
    this.roundBook = new RoundBook(places);
    this.market = new Market(this.transactor, clock, places, options.market);
    this.views = new Views(
      store,
      views,
      checkpoints,
      this.transactor,
      [
        viewOf(agentsView, agentDecider),
        viewOf(tasksView, taskDecider),
        viewOf(trailsView, trailDecider),
        viewOf(toolsView, toolDecider),
        viewOf(agentTypes, agentTypeDecider),
        viewOf(roundsView, roundDecider),
        viewOf(approvalsView, approvalDecider),
        viewOf(actionsView, actionDecider),
        viewOf(correctionsView, correctionDecider),
        viewOf(channels, channelDecider),
        viewOf(deliveries, deliveryDecider),
      ],
      report,
      options.shared === true ? SHARED_VIEWS : undefined,
    );
    this.watchdog = new Watchdog(clock, report);
    this.clockCheck = new ClockCheck(clock, report);
    this.transactor.onCommitted(({ here, commits }) => {
      const last = commits.at(-1) as Commit;
      if (here) this.clockCheck.saw(last);
      else this.clockCheck.heard(last);
    });
    const inboxes = new Inboxes(this.transactor, this.market, this.roundBook, places, clock);
    this.agents = new Agents(
      this.transactor,
      this.market,
      inboxes,
      presence,
      views,
      this.views,
      clock,
      this.watchdog,
      report,
    );
    this.roundBook.onAsked((tenant, voter) => this.agents.ring(tenant, voter));
    this.whyNots = new WhyNots(this.transactor, this.market, clock);
    this.tasks = new Tasks(this.transactor, this.market, this.agents, blobs, views, this.views, clock, this.whyNots);
    this.deadlines = new DeadlineEngine(deadlines, this.watchdog, clock, report, {
      shared: options.shared,
    });
    this.reactions = new Reactions(
      this.transactor,
      this.market,
      this.agents,
      this.tasks,
      this.deadlines,
      clock,
      report,
    );
    this.signals = new Signals(this.transactor, views, clock, () => this.views.serving('trails'));
    this.signalsIn = {
      transactor: this.transactor,
      signals: this.signals,
      store,
      queue,
      clock,
      report,
      emitted: new Map(),
    };
    this.balance = new Balance(this.transactor, this.market, this.signals, views, clock, report);
    this.feed = new Feed(store, checkpoints, queue, clock, report, (receipt) => this.transactor.noteAltered(receipt));
    this.why = new Why(log, views, this.views);
    this.receipts = new Receipts(log);
    this.repository = new Repository(this.transactor, views, this.views);
    this.tools = new Tools(this.transactor, views, this.views);
    this.oversight = new Oversight(this.transactor);
    this.pauses = new Pauses(this.transactor, (tenant) => this.market.underway(tenant));
    this.retention = new Retention(this.transactor);
    this.rounds = new Rounds(this.transactor, this.market.agents, views, this.views, clock, this.watchdog);
    this.approvals = new Approvals(this.transactor, views, this.views, clock, this.watchdog);
    this.actions = new Actions(
      this.transactor,
      this.rounds,
      this.approvals,
      this.tasks,
      views,
      this.views,
      clock,
      this.watchdog,
    );
    this.challenges = new Challenges(this.transactor, this.rounds, this.tasks, this.actions, clock);
    this.tasks.onOverdue((stream, state) => this.challenges.overdue(stream, state));
    this.corrections = new Corrections(this.transactor, views, this.views);
    this.channels = new Channels(this.transactor, views, this.views);
    this.deliveries = new Deliveries(this.transactor, views, this.views, this.deadlines, outbound, clock, report);
    this.decisionMetrics = new DecisionMetrics(views, this.views, clock);
    this.orchestrated = new Orchestrated(report);
    this.decisions = new OversightReactions(
      {
        transactor: this.transactor,
        book: this.roundBook,
        tasks: this.tasks,
        rounds: this.rounds,
        approvals: this.approvals,
        actions: this.actions,
        challenges: this.challenges,
        oversight: this.oversight,
        notifier: new Notifier(this.deliveries, this.oversight, options.publicUrl ?? PUBLIC_URL),
        orchestrated: this.orchestrated,
        report,
      },
      this.deliveries,
      this.deadlines,
    );
    // One that was given up on won't come: that has an alarm of its own.
    this.watch = new FeedWatch(
      async (commit) => (await this.views.has(commit)) || (await this.feed.isParked(this.views.name, commit)),
      clock,
      report,
    );
    this.peers = new Peers(
      store,
      this.transactor,
      [agentDecider, taskDecider, roundDecider, poolDecider, pauseDecider],
      (commits) => this.watch.saw(commits),
      report,
    );
    // Reactions, deadlines and what is parked wait for the queues; who asks for something does not.
    const queues = async () => void (await queue.dead(`parked-${this.views.name}`, 1));
    this.readiness = new Readiness(
      { store: async () => await ports.probe?.(), feed: async () => this.feed.trouble() },
      clock,
      { queues: async () => await queues(), clock: async () => this.clockCheck.trouble() },
    );
    this.consumers = {
      projections: [this.views],
      reactions: [this.reactions, this.balance, this.decisions],
      publications: ports.publisher === undefined ? [] : [ports.publisher],
    };
    // Whatever an agent does in its own name is a sign of life.
    this.transactor.onCommand((context) => {
      if (context.principal.kind === 'agent')
        void this.agents.heard(context, context.principal.id).catch(() => undefined);
    });
  }

  /** Opens the views, fills the market's books and starts the feed and the deadlines. */
  async start(): Promise<void> {
    const newest = await this.clockCheck.start(
      this.ports.newest ?? (() => this.clockCheck.newestNoted(this.ports.checkpoints)),
      this.options.maxClockBehindSeconds ?? MAX_CLOCK_BEHIND_SECONDS,
    );
    await this.deadlines.check();
    await this.views.start();
    await this.balance.open();
    const consumers = Object.values(this.consumers).flat();
    if (this.options.shared === true) {
      const now = await this.ports.store.end();
      await this.fillBooks();
      this.peers.start(now);
      this.refilling = this.refill();
    } else await this.fillBooks();
    await this.actions.open();
    if (this.options.shared === true)
      this.feed.startShared(
        consumers,
        () => this.peers.look(),
        async (consumer) => (consumer === this.views.name ? await this.watch.late() : 0),
      );
    else await this.feed.start(consumers);
    // Where processes share the stores, others have listened while this one was not there.
    await this.watchdog.start(this.options.shared === true ? undefined : this.ports.checkpoints, newest);
    // Where a trigger fires the deadlines, this finds those that it gave up on.
    this.deadlines.start(this.options.shared === true ? DEADLINES_SHARED_EVERY_MS : this.options.deadlineEveryMs);
    this.reactions.start();
    this.balance.start();
  }

  /**
   * What a trigger on the store's feed hands over, for one group of consumers. Rejects when it has to be handed over
   * again.
   */
  async deliver(group: Group, documents: readonly unknown[]): Promise<void> {
    if (this.ports.handed === undefined) throw new Error('this store has no triggers');
    const commits = await this.ports.handed(documents);
    // What follows from a commit depends on other streams too, and no other process looks.
    if (group === 'reactions') await this.peers.look();
    await this.feed.deliver(
      this.consumers[group].map(({ name }) => name),
      commits,
    );
  }

  /** A deadline that a trigger hands over. Rejects when it has to be handed over again. */
  async fire(deadline: Deadline): Promise<void> {
    const { signal } = this.stopping;
    const given = performance.now();
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(LONGEST_WAIT_MS, wait * 2)) {
      try {
        await this.peers.look();
        await this.deadlines.fired(deadline);
        return;
      } catch (error) {
        // Given back at once it would come again at once, and its deliveries would be used up while the store is away.
        if (signal.aborted || performance.now() - given > FIRE_PATIENCE_MS) throw error;
        this.ports.report('a deadline waits for a store', {
          stream: deadline.stream,
          reason: deadline.reason,
          error: String(error),
        });
        await sleep(wait, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  /** Ends long polls, lets what is under way finish, and closes the stores. */
  async stop(): Promise<void> {
    this.agents.stop();
    this.stopping.abort();
    await this.balance.stop();
    this.watchdog.stop();
    this.reactions.stop();
    await this.deadlines.stop();
    await this.feed.stop();
    await this.peers.stop();
    await this.refilling;
    await this.orchestrated.stop();
    await this.deliveries.stop();
    await this.views.stop();
    await this.ports.close();
  }

  /**
   * The books of the market from the views: what the views have not seen yet, the feed delivers again, since it begins
   * where the slowest consumer stands. Where triggers read the feed, the next look at the views finds it.
   */
  async fillBooks(): Promise<void> {
    const { agents, tasks } = this.market;
    await this.eachSource('agents', undefined, async (stream, tenant, id, index) => {
      await this.market.pauses.of(tenant);
      if ((agents.get(tenant, id)?.version ?? -1) >= index) return;
      const { state, version } = await this.transactor.load(agentDecider, stream);
      agents.update(tenant, id, state, version);
    });
    for (const status of ['open', 'held'] as const) {
      await this.eachSource('tasks', { status }, async (stream, tenant, id) => {
        const { state, version } = await this.transactor.load(taskDecider, stream);
        tasks.update(tenant, id, stream, state, version);
      });
    }
    await this.eachSource('rounds', { status: 'open' }, async (stream, tenant, id) => {
      const { state, version } = await this.transactor.load(roundDecider, stream);
      this.roundBook.update(tenant, id, stream, state, version);
    });
  }

  /** Fills the books again and again, until the colony is stopped. */
  private async refill(): Promise<void> {
    const { signal } = this.stopping;
    for (;;) {
      await sleep(FILL_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      await this.fillBooks().catch((error: unknown) =>
        this.ports.report('the books could not be filled', { error: String(error) }),
      );
    }
  }

  /** Visits the streams that have a row in a view, several at once. */
  private async eachSource(
    view: string,
    where: Record<string, string> | undefined,
    visit: (stream: string, tenant: string, id: string, index: number) => Promise<void>,
  ): Promise<void> {
    for await (const rows of pagesOf(this.ports.views, this.views.serving(view), { key: ALL, where })) {
      for (let i = 0; i < rows.length; i += FILLED_AT_ONCE) {
        await Promise.all(
          rows.slice(i, i + FILLED_AT_ONCE).map(({ source, index }) => {
            const { tenant, id } = parseStream(source);
            return visit(source, tenant, id, index).catch((error: unknown) => {
              // What was altered stays out of the books; the rest goes on.
              if (!(error instanceof AlteredReceipt)) throw error;
              this.ports.report('a stream is neither read nor written', { error: error.message });
            });
          }),
        );
      }
    }
  }
}
