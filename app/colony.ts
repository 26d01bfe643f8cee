/**
 * The application as one object: the fold of its modules over whatever ports it is given. A process makes one; tests
 * make their own, over real stores.
 */
import { randomBytes } from 'node:crypto';
import { asksModule } from './asks/module';
import { auditModule } from './audit/module';
import { budgetsModule, type BudgetsOptions } from './budgets/module';
import { Engine } from './engine/engine';
import { furtherServices, openFurther } from './engine/further';
import type { ConsumerGroup } from './engine/module';
import type { Deadline, Ports } from './engine/ports';
import { Running, type RunningOptions } from './engine/running';
import type { CacheBounds } from './engine/streams';
import { identityModule, type IdentityOptions } from './identity/module';
import { jobsModule } from './jobs/module';
import { marketModule, type MarketOptions } from './market/module';
import { noticesModule } from './notices/module';
import { operationModule } from './operation/module';
import { oversightModule } from './oversight/module';
import { personalModule } from './personal/module';
import { policyModule } from './policy/module';
import { repositoryModule } from './repository/module';
import { signalsModule } from './signals/module';
import { stopsModule } from './stops/module';
import { tenantsModule, type TenantsOptions } from './tenants/module';
import { volumesModule, type VolumesOptions } from './volumes/module';

export type { ConsumerGroup };

export interface ColonyOptions extends RunningOptions {
  readonly market?: MarketOptions;
  readonly budgets?: BudgetsOptions;
  readonly tenants?: TenantsOptions;
  readonly volumes?: VolumesOptions;
  /** What its tokens are signed with; where nothing is given, with a secret that nobody else has. */
  readonly identity?: IdentityOptions;
  /** Where people find this colony: links in notices lead there. */
  readonly publicUrl?: string;
  /** Look how late this process is, and refuse what can wait meanwhile. */
  readonly admission?: boolean;
  /** What it goes without although its settings ask for it, in words: its health says so. */
  readonly lacking?: readonly string[];
  /** How much of the streams is kept in memory. */
  readonly cache?: CacheBounds;
}

/** Tokens of a colony that nobody else knows. */
const ALONE = (): IdentityOptions => ({ secrets: [randomBytes(32).toString('hex')], issuer: 'urn:formicary' });

/** What a colony is made of: each module is given the engine and what it needs of those before it. */
function compose(ports: Ports, options: ColonyOptions) {
  const engine = new Engine(ports, options.shared === true, options.cache);
  const stops = stopsModule(engine);
  const tenants = tenantsModule(engine, options.tenants);
  const policy = policyModule(engine);
  const identity = identityModule(engine, options.identity ?? ALONE());
  const personal = personalModule(engine, tenants.services);
  const signals = signalsModule(engine, tenants.services);
  const repository = repositoryModule(engine);
  const notices = noticesModule(engine);
  const budgets = budgetsModule(engine, {
    ...stops.services,
    ...tenants.services,
    ...repository.services,
    options: options.budgets,
  });
  const market = marketModule(engine, {
    ...stops.services,
    ...identity.services,
    ...signals.services,
    ...tenants.services,
    ...budgets.services,
    options: options.market,
  });
  const jobs = jobsModule(engine, {
    ...market.services,
    ...tenants.services,
    ...notices.services,
    publicUrl: options.publicUrl,
  });
  const oversight = oversightModule(engine, {
    ...market.services,
    ...notices.services,
    ...tenants.services,
    agents: market.services.market.agents,
    publicUrl: options.publicUrl,
  });
  const volumes = volumesModule(engine, options.volumes);
  const audit = auditModule(engine, options.publicUrl);
  const operation = operationModule(engine, market.services, {
    admits: options.admission === true,
    lacking: options.lacking ?? [],
  });
  const asks = asksModule(engine);
  const named = {
    ...{ stops, tenants, policy, identity, personal, signals, repository, notices },
    ...{ budgets, market, jobs, oversight, volumes, audit, operation, asks },
  };
  const services = {
    ...stops.services,
    ...tenants.services,
    ...policy.services,
    ...identity.services,
    ...personal.services,
    ...signals.services,
    ...repository.services,
    ...notices.services,
    ...budgets.services,
    ...market.services,
    ...jobs.services,
    ...oversight.services,
    ...volumes.services,
    ...audit.services,
    ...operation.services,
    ...asks.services,
  };
  const further = openFurther(__dirname, ['engine', ...Object.keys(named)], engine, services);
  const running = new Running(engine, [...Object.values(named), ...further.map(({ module }) => module)], options);
  const { transactor, keys, views, feed, deadlines, watchdog, clockCheck, standstill } = engine;
  const parts = {
    ...{ ports, engine, running, peers: running.peers },
    ...{ transactor, keys, views, feed, deadlines, watchdog, clockCheck, standstill },
    ...services,
  };
  return { parts, further };
}

type Parts = Readonly<ReturnType<typeof compose>['parts']>;

/* eslint-disable @typescript-eslint/no-empty-object-type, @typescript-eslint/no-unsafe-declaration-merging --
   What the interface promises, the constructor assigns. */
/** Its parts are its fields. Modules that are found add what they offer to this interface, each in its own file. */
export interface Colony extends Parts {}

export class Colony {
  /* eslint-enable */

  /** Throws when two modules own the same; `ModuleError` when one that was found has a fault. */
  constructor(ports: Ports, options: ColonyOptions = {}) {
    const { parts, further } = compose(ports, options);
    Object.assign(this, parts);
    Object.assign(this, furtherServices(further, this));
  }

  /** Opens what it takes to be handed commits for projections and publications, and no more. */
  async open(): Promise<void> {
    await this.running.open();
  }

  /** Opens what is not open yet, fills the books and starts the feed and the deadlines. */
  async start(): Promise<void> {
    await this.running.start();
  }

  /** Commits that a trigger hands over, for one group of consumers. Rejects when it has to hand them over again. */
  async deliver(group: ConsumerGroup, documents: readonly unknown[]): Promise<void> {
    await this.running.deliver(group, documents);
  }

  /** A deadline that a trigger hands over. Rejects when it has to be handed over again, as `Running.fire` does. */
  async fire(deadline: Deadline, until?: number): Promise<void> {
    await this.running.fire(deadline, until);
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
