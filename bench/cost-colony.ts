/**
 * A colony of the profile azure on protocol servers of its own, of one process or several, which counts what all of
 * them ask for together: requests and request units as the account has charged them, the look-ups of the SDK and the
 * triggers on the feed among them, and operations of Service Bus. The processes are instances here, each with its own
 * clients, caches and triggers; nothing here is a time.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { CosmosClient } from '@azure/cosmos';
import { CONNECTION_POLICY, Cosmos } from '../adapters/azure/cosmos';
import { CosmosCheckpoints } from '../adapters/azure/cosmos-checkpoints';
import { CosmosEventStore } from '../adapters/azure/cosmos-event-store';
import { CosmosKeys } from '../adapters/azure/cosmos-keys';
import { CosmosLeases } from '../adapters/azure/cosmos-leases';
import { CosmosPresence } from '../adapters/azure/cosmos-presence';
import { CosmosViewStore } from '../adapters/azure/cosmos-view-store';
import { AzureClients } from '../adapters/azure/identity';
import { ServiceBus } from '../adapters/azure/service-bus';
import { ServiceBusDeadlines } from '../adapters/azure/service-bus-deadlines';
import { ServiceBusWorkQueue } from '../adapters/azure/service-bus-queue';
import { FileBlobArchive } from '../adapters/embedded/small-stores';
import { McpServers } from '../adapters/outbound/mcp';
import { EnvironmentSecrets } from '../adapters/outbound/secrets';
import { HttpWebhooks } from '../adapters/outbound/webhooks';
import { Colony, type ConsumerGroup } from '../app/colony';
import type { Deadline, Report, StoreCost } from '../app/engine/ports';
import { feedTrigger, viewSeconds } from '../functions/feed-trigger';
import { systemClock } from '../host/composition';
import { shippedBundles } from '../host/policy';
import { triggerOf } from '../local/core';
import { CosmosTrigger } from '../local/cosmos-trigger';
import { registered } from '../local/registered';
import { ServiceBusTrigger } from '../local/service-bus-trigger';
import { ServiceBusServer } from '../test/servers/amqp/service-bus';
import { ROLES } from '../test/servers/cosmos/roles';
import { CosmosServer } from '../test/servers/cosmos/server';
import { pause } from './measure';

/** Of one task or approval, or of one second. */
export interface Spent {
  readonly requests: number;
  readonly requestUnits: number;
  /** Bodies, without headers; those of the triggers are not in it. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /**
   * Operations of Service Bus: a message sent, received or settled is one, and so is a look that finds nothing. A
   * deadline counts as all three when it is sent.
   */
  readonly busOperations: number;
  /** Requests and request units by what the stores asked for; `triggers` is what the triggers and the SDK ask. */
  readonly by: Readonly<Record<string, Units>>;
}

export interface Units {
  readonly requests: number;
  readonly requestUnits: number;
}

const DATABASE = 'formicary';
const DEADLINES = 'deadlines';
const GROUPS: readonly ConsumerGroup[] = ['projections', 'reactions'];
/** Of a deadline: sent, received, settled. */
const DEADLINE_OPERATIONS = 3;
/** As host.json has it. */
const MAX_CONCURRENT_CALLS = 16;
const PATIENCE_SECONDS = 600;
const LOOK_MS = 20;
const SETTLED_WITHIN_MS = 120_000;

/** One process. */
interface Instance {
  readonly colony: Colony;
  readonly cosmos: Cosmos;
  readonly bus: CountingBus;
  stop(): Promise<void>;
}

/** How far a group of consumers has come in the feed. */
type Handled = Map<ConsumerGroup, number>;

export class CountedColony {
  private constructor(
    readonly instances: readonly Instance[],
    private readonly account: CosmosServer,
    private readonly handled: Handled,
    private readonly stopServers: () => Promise<void>,
  ) {}

  /** @param folder for what no service keeps here; removed at the end */
  static async open(folder: string, processes = 1): Promise<CountedColony> {
    const account = await CosmosServer.start({ roles: ROLES });
    const isQueue = (name: string) => name === DEADLINES || name.startsWith('parked-');
    const queues = await new ServiceBusServer({
      now: () => Date.now(),
      isQueue,
      lockMs: 60_000,
      duplicatesMs: 600_000,
    }).listen();
    const handled: Handled = new Map();
    const instances: Instance[] = [];
    for (let n = 0; n < processes; n += 1)
      instances.push(await openInstance({ n, account, queues, handled, folder: join(folder, String(n)) }));
    return new CountedColony(instances, account, handled, async () => {
      await Promise.all([account.stop(), queues.close()]);
      rmSync(folder, { recursive: true, force: true });
    });
  }

  /** The instance that whoever comes next talks to. */
  next(): Colony {
    this.turn += 1;
    return (this.instances[this.turn % this.instances.length] as Instance).colony;
  }
  private turn = 0;

  async close(): Promise<void> {
    for (const instance of this.instances) await instance.stop();
    await this.stopServers();
  }

  /** What is asked for until `work` is done and all consumers have caught up, divided by `count`. */
  async spent(count: number, work: () => Promise<void>): Promise<Spent> {
    await this.settled();
    const before = this.totals();
    await work();
    await this.settled();
    const after = this.totals();
    const less = (name: Exclude<keyof Totals, 'by'>): number => (after[name] - before[name]) / count;
    const by = Object.entries(after.by).map(([purpose, { requests, requestUnits }]): [string, Units] => {
      const was = before.by[purpose] ?? { requests: 0, requestUnits: 0 };
      return [
        purpose,
        { requests: (requests - was.requests) / count, requestUnits: (requestUnits - was.requestUnits) / count },
      ];
    });
    return {
      requests: less('requests'),
      requestUnits: less('requestUnits'),
      bytesSent: less('bytesSent'),
      bytesReceived: less('bytesReceived'),
      busOperations: less('busOperations'),
      by: Object.fromEntries(by.filter(([, { requests }]) => requests > 0)),
    };
  }

  /** Resolves when both triggers have handled all that is in the feed. */
  async settled(): Promise<void> {
    for (const until = performance.now() + SETTLED_WITHIN_MS; ;) {
      const end = this.account.lastChange('events');
      if (GROUPS.every((group) => (this.handled.get(group) ?? 0) >= end)) return;
      if (performance.now() > until) throw new Error('the triggers do not catch up');
      await pause(LOOK_MS);
    }
  }

  private totals(): Totals {
    const charged = [...this.account.spent.values()];
    const requests = charged.reduce((sum, each) => sum + each.requests, 0);
    const requestUnits = charged.reduce((sum, each) => sum + each.units, 0);
    const costs = this.instances.flatMap(({ cosmos }) => [...cosmos.meter.totals()]);
    const of = (name: keyof StoreCost): number => costs.reduce((sum, [, cost]) => sum + cost[name], 0);
    const by: Record<string, Units> = {
      triggers: { requests: requests - of('requests'), requestUnits: requestUnits - of('requestUnits') },
    };
    for (const [purpose, cost] of costs) {
      const sum = by[purpose] ?? { requests: 0, requestUnits: 0 };
      by[purpose] = {
        requests: sum.requests + cost.requests,
        requestUnits: sum.requestUnits + cost.requestUnits,
      };
    }
    return {
      requests,
      requestUnits,
      bytesSent: of('bytesSent'),
      bytesReceived: of('bytesReceived'),
      busOperations: this.instances.reduce((sum, { bus }) => sum + bus.operations, 0),
      by,
    };
  }
}

type Totals = Spent;

interface Opening {
  readonly n: number;
  readonly account: CosmosServer;
  readonly queues: { readonly connectionString: string };
  readonly handled: Handled;
  readonly folder: string;
}

async function openInstance({ n, account, queues, handled, folder }: Opening): Promise<Instance> {
  const clients = new AzureClients({
    cosmos: { endpoint: account.endpoint, key: account.key },
    serviceBus: queues,
    eventHubs: queues,
    blobs: queues,
  });
  const cosmos = new Cosmos(
    () => clients.cosmos,
    DATABASE,
    () => clients.cosmosDerived,
  );
  if (n === 0) await cosmos.createContainers();
  const bus = new CountingBus(() => clients.connectServiceBus());
  const report: Report = (message, facts) => process.stderr.write(`  ${message} ${JSON.stringify(facts)}\n`);
  const presence = new CosmosPresence(cosmos, report);
  const store = new CosmosEventStore(cosmos, report);
  const colony = new Colony(
    {
      store,
      handed: (documents) => store.delivered(documents),
      keys: new CosmosKeys(cosmos),
      leases: new CosmosLeases(cosmos),
      views: new CosmosViewStore(cosmos),
      checkpoints: new CosmosCheckpoints(cosmos),
      deadlines: new ServiceBusDeadlines(bus, DEADLINES),
      queue: new ServiceBusWorkQueue(bus),
      blobs: new FileBlobArchive(folder),
      presence,
      policy: await shippedBundles(),
      outbound: {
        webhooks: new HttpWebhooks({ privateHosts: [], httpToLoopback: false }),
        mail: undefined,
        secrets: new EnvironmentSecrets(),
        tools: new McpServers({ privateHosts: [], httpToLoopback: false }, new Map(), new EnvironmentSecrets()),
      },
      clock: systemClock,
      report,
      async close() {
        await presence.close();
        await bus.close();
        await clients.close();
      },
    },
    // Nothing here is a time: on a busy machine all of them are late together.
    { shared: true, maxFeedSilenceSeconds: PATIENCE_SECONDS, viewSeconds: viewSeconds() },
  );
  await colony.start();
  // The host's own clients: triggers are no part of the app.
  const reader = new CosmosClient({
    endpoint: account.endpoint,
    key: account.key,
    connectionPolicy: CONNECTION_POLICY,
  });
  const receiver = clients.connectServiceBus();
  const fired = nextName();
  const triggers = [
    ...GROUPS.map((group) => {
      const name = nextName();
      const registration = registered(name, (app) =>
        app.cosmosDB(name, {
          ...feedTrigger(group),
          databaseName: DATABASE,
          async handler(documents: unknown) {
            const changes = documents as readonly { readonly _lsn: number }[];
            await colony.deliver(group, changes);
            handled.set(group, Math.max(handled.get(group) ?? 0, ...changes.map(({ _lsn }) => _lsn)));
          },
        }),
      );
      return new CosmosTrigger(registration, triggerOf(registration), reader, `instance-${n}`);
    }),
    new ServiceBusTrigger(
      registered(fired, (app) =>
        app.serviceBusQueue(fired, {
          connection: 'FORMICARY_SERVICEBUS',
          queueName: DEADLINES,
          cardinality: 'one',
          handler: (deadline: unknown) => colony.fire(deadline as Deadline),
        }),
      ),
      receiver,
      MAX_CONCURRENT_CALLS,
    ),
  ];
  return {
    colony,
    cosmos,
    bus,
    async stop() {
      await Promise.all(triggers.map((trigger) => trigger.stop()));
      await colony.stop();
      await receiver.close();
      reader.dispose();
    },
  };
}

/** Of functions, of which each instance has its own. */
let functions = 0;

function nextName(): string {
  functions += 1;
  return `counted-${functions}`;
}

class CountingBus extends ServiceBus {
  operations = 0;

  override async send(...args: Parameters<ServiceBus['send']>): ReturnType<ServiceBus['send']> {
    this.operations += args[1].length * (args[0] === DEADLINES ? DEADLINE_OPERATIONS : 1);
    await super.send(...args);
  }

  override async receive(...args: Parameters<ServiceBus['receive']>): ReturnType<ServiceBus['receive']> {
    const messages = await super.receive(...args);
    this.operations += Math.max(1, messages.length);
    return messages;
  }

  override async settle(...args: Parameters<ServiceBus['settle']>): ReturnType<ServiceBus['settle']> {
    this.operations += 1;
    return await super.settle(...args);
  }

  override async peek(...args: Parameters<ServiceBus['peek']>): ReturnType<ServiceBus['peek']> {
    this.operations += 1;
    return await super.peek(...args);
  }
}
