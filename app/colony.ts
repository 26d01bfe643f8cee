/**
 * The application as one object: every use case, over whatever ports it is given. A process makes one; tests make
 * their own, over real stores.
 */
import { agentDecider } from '../domain/agent';
import { agentTypeDecider } from '../domain/agent-template';
import { taskDecider } from '../domain/task';
import { toolDecider } from '../domain/tool';
import { trailDecider } from '../domain/trail';
import { agentTypes } from '../projections/agent-types';
import { ALL, agents as agentsView, type AgentDoc } from '../projections/agents';
import { tasks as tasksView, type TaskDoc } from '../projections/tasks';
import { tools as toolsView } from '../projections/tools';
import { trails as trailsView } from '../projections/trails';
import { parseStream } from '../domain/kernel/ids';
import { Agents } from './agents';
import { Balance } from './balance';
import { Feed } from './feed';
import { Market, type MarketOptions } from './market';
import { newId } from './new-id';
import type { Ports } from './ports';
import { Reactions } from './reactions';
import { Receipts } from './receipts';
import { Repository, Tools } from './registry';
import { Signals } from './signals';
import { Tasks } from './tasks';
import { Transactor } from './transact';
import { Views, viewOf } from './views';
import { Why } from './why';

export interface ColonyOptions {
  readonly market?: MarketOptions;
  /** Milliseconds between two looks for deadlines. */
  readonly deadlineEveryMs?: number;
}

export class Colony {
  readonly transactor: Transactor;
  readonly market: Market;
  readonly agents: Agents;
  readonly tasks: Tasks;
  readonly signals: Signals;
  readonly views: Views;
  readonly balance: Balance;
  readonly feed: Feed;
  readonly why: Why;
  readonly receipts: Receipts;
  readonly repository: Repository;
  readonly tools: Tools;
  readonly reactions: Reactions;

  constructor(
    readonly ports: Ports,
    private readonly options: ColonyOptions = {},
  ) {
    const { store, views, checkpoints, deadlines, queue, blobs, presence, policy, clock, report } = ports;
    this.transactor = new Transactor(store, policy, clock, () => newId(clock.now()));
    this.market = new Market(this.transactor, clock, options.market);
    this.views = new Views(
      store,
      views,
      checkpoints,
      this.transactor,
      [viewOf(agentsView, agentDecider), viewOf(tasksView, taskDecider), viewOf(trailsView, trailDecider), viewOf(toolsView, toolDecider), viewOf(agentTypes, agentTypeDecider)],
      report,
    );
    this.agents = new Agents(this.transactor, this.market, presence, views, this.views, clock);
    this.tasks = new Tasks(this.transactor, this.market, this.agents, blobs, views, this.views, clock);
    this.reactions = new Reactions(this.transactor, this.market, this.agents, deadlines, clock, report);
    this.signals = new Signals(this.transactor, views, clock, () => this.views.serving('trails'));
    this.balance = new Balance(this.transactor, this.market, this.signals, views, clock, report);
    this.feed = new Feed(store, checkpoints, queue, clock, report);
    this.why = new Why(store, views, this.views);
    this.receipts = new Receipts(store);
    this.repository = new Repository(this.transactor, views, this.views);
    this.tools = new Tools(this.transactor, views, this.views);
  }

  /** Opens the views, fills the market's books and starts the feed and the deadlines. */
  async start(): Promise<void> {
    await this.views.start();
    await this.balance.open();
    await this.fillBooks();
    await this.feed.start([this.views, this.reactions, this.balance]);
    this.reactions.start(this.options.deadlineEveryMs);
    this.balance.start();
  }

  /** Ends long polls, lets what is under way finish, and closes the stores. */
  async stop(): Promise<void> {
    this.agents.ringAll();
    await this.balance.stop();
    await this.reactions.stop();
    await this.feed.stop();
    await this.views.stop();
    await this.ports.close();
  }

  /**
   * The books of the market from the views: what the views have not seen yet, the feed delivers again, since it begins
   * where the slowest consumer stands.
   */
  private async fillBooks(): Promise<void> {
    for await (const stream of this.sources<AgentDoc>('agents')) {
      const { tenant, id } = parseStream(stream);
      const { state, version } = await this.transactor.load(agentDecider, stream);
      this.market.agents.update(tenant, id, state, version);
    }
    for await (const stream of this.sources<TaskDoc>('tasks', { status: 'open' })) {
      const { tenant, id } = parseStream(stream);
      const { state, version } = await this.transactor.load(taskDecider, stream);
      this.market.tasks.update(tenant, id, stream, state, version);
    }
  }

  private async *sources<D>(view: string, where?: Record<string, string>): AsyncGenerator<string> {
    for (const tenant of await this.ports.views.tenants(this.views.serving(view))) {
      let continuation: string | undefined;
      do {
        const page = await this.ports.views.query<D>(this.views.serving(view), { tenant, key: ALL, where, limit: 1_000, continuation });
        for (const { source } of page.rows) yield source;
        continuation = page.continuation;
      } while (continuation !== undefined);
    }
  }
}
