/**
 * The application as one object: the fold of its modules over whatever ports it is given. A process makes one; tests
 * make their own, over real stores.
 */
import { auditModule } from './audit/module';
import { Engine } from './engine/engine';
import { furtherModules, furtherServices } from './engine/further';
import type { ConsumerGroup } from './engine/module';
import type { Deadline, Ports } from './engine/ports';
import { Running, type RunningOptions } from './engine/running';
import { marketModule, type MarketOptions } from './market/module';
import { noticesModule } from './notices/module';
import { operationModule } from './operation/module';
import { oversightModule } from './oversight/module';
import { repositoryModule } from './repository/module';
import { signalsModule } from './signals/module';

export type { ConsumerGroup };

export interface ColonyOptions extends RunningOptions {
  readonly market?: MarketOptions;
  /** Where people find this colony: links in notices lead there. */
  readonly publicUrl?: string;
}

/** What a colony is made of: each module is given the engine and what it needs of those before it. */
function compose(ports: Ports, options: ColonyOptions) {
  const engine = new Engine(ports, options.shared === true);
  const signals = signalsModule(engine);
  const repository = repositoryModule(engine);
  const notices = noticesModule(engine);
  const market = marketModule(engine, { ...signals.services, options: options.market });
  const oversight = oversightModule(engine, {
    ...market.services,
    ...notices.services,
    agents: market.services.market.agents,
    publicUrl: options.publicUrl,
  });
  const audit = auditModule(engine);
  const operation = operationModule(engine);
  const named = { signals, repository, notices, market, oversight, audit, operation };
  const services = Object.assign({}, ...Object.values(named).map((module) => module.services)) as object;
  const further = furtherModules(__dirname, ['engine', ...Object.keys(named)]).map((open) =>
    open(engine, { ...services }),
  );
  const running = new Running(engine, [...Object.values(named), ...further], options);
  const { transactor, keys, views, feed, deadlines, watchdog, clockCheck } = engine;
  return {
    ...{ ports, engine, running, peers: running.peers },
    ...{ transactor, keys, views, feed, deadlines, watchdog, clockCheck },
    ...signals.services,
    ...repository.services,
    ...notices.services,
    ...market.services,
    ...oversight.services,
    ...audit.services,
    ...operation.services,
    // Typed where they are: each adds what it offers to the interface of `Colony`.
    ...furtherServices(further, services),
  };
}

type Parts = Readonly<ReturnType<typeof compose>>;

/** Has what it is made of as its fields. */
const Composed = class {
  constructor(parts: object) {
    Object.assign(this, parts);
  }
} as new (parts: Parts) => Parts;

export class Colony extends Composed {
  constructor(ports: Ports, options: ColonyOptions = {}) {
    super(compose(ports, options));
  }

  /** Opens the views, fills the books and starts the feed and the deadlines. */
  async start(): Promise<void> {
    await this.running.start();
  }

  /** Commits that a trigger hands over, for one group of consumers. Rejects when it has to hand them over again. */
  async deliver(group: ConsumerGroup, documents: readonly unknown[]): Promise<void> {
    await this.running.deliver(group, documents);
  }

  /** A deadline that a trigger hands over. Rejects when it has to be handed over again. */
  async fire(deadline: Deadline): Promise<void> {
    await this.running.fire(deadline);
  }

  /** Fills the books from the views: `start` does. */
  async fillBooks(): Promise<void> {
    await this.running.fillBooks();
  }

  /** Ends long polls, lets what is under way finish, and closes the stores. */
  async stop(): Promise<void> {
    await this.running.stop();
  }
}
