/**
 * What a task and an approval ask of the services of the profile azure, counted: requests, bytes and request units of
 * Cosmos DB, operations of Service Bus. The services are our protocol servers, so nothing here is a time; request units
 * are what Microsoft's published figures come to (`test/servers/cosmos/`).
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Cosmos } from '../adapters/azure/cosmos';
import { CosmosCheckpoints } from '../adapters/azure/cosmos-checkpoints';
import { CosmosEventStore } from '../adapters/azure/cosmos-event-store';
import { CosmosKeys } from '../adapters/azure/cosmos-keys';
import { CosmosPresence } from '../adapters/azure/cosmos-presence';
import { CosmosViewStore } from '../adapters/azure/cosmos-view-store';
import { AzureClients } from '../adapters/azure/identity';
import { ServiceBus } from '../adapters/azure/service-bus';
import { ServiceBusDeadlines } from '../adapters/azure/service-bus-deadlines';
import { ServiceBusWorkQueue } from '../adapters/azure/service-bus-queue';
import { FileBlobArchive } from '../adapters/embedded/small-stores';
import { EnvironmentSecrets } from '../adapters/outbound/secrets';
import { HttpWebhooks } from '../adapters/outbound/webhooks';
import { Colony } from '../app/colony';
import type { StoreCost } from '../app/engine/ports';
import type { TaskEvent } from '../domain/market/task';
import { systemClock } from '../host/composition';
import { shippedBundles } from '../host/policy';
import { ServiceBusServer } from '../test/servers/amqp/service-bus';
import { CosmosServer } from '../test/servers/cosmos/server';
import { agentOf, POSTER, registerAgents, specOf } from './colony';
import { approver } from './decisions';
import { forEachOf, pause } from './measure';

export interface CostSettings {
  readonly tasks: number;
  readonly approvals: number;
  /** For the cost of a colony that nobody asks. */
  readonly idleSeconds: number;
}

/** Of one task or approval, or of one second. */
export interface Spent {
  readonly requests: number;
  readonly requestUnits: number;
  /** Bodies, without headers. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Operations of Service Bus: a message sent, received or settled is one, and so is a look that finds nothing. */
  readonly busOperations: number;
  /** Requests and request units by what the stores asked for. */
  readonly by: Readonly<Record<string, { readonly requests: number; readonly requestUnits: number }>>;
}

export interface CostReport {
  readonly tasks: number;
  readonly approvals: number;
  readonly atOnce: number;
  /** Posted, awarded by a standing offer, accepted, completed, the slot given back; the views follow. */
  readonly task: { readonly single: Spent; readonly many: Spent };
  /** An action proposed, held, approved by a person, cleared and executed, one after the other. */
  readonly approval: Spent;
  /** A second of one instance that is awake while nobody asks. */
  readonly idle: Spent;
}

const AGENTS = 68;
const AT_ONCE = 32;

export async function benchCost(folder: string, { tasks, approvals, idleSeconds }: CostSettings): Promise<CostReport> {
  const colony = await CountedColony.open(join(folder, 'cost'));
  try {
    const idle = await colony.spent(idleSeconds, () => pause(idleSeconds * 1_000));
    await colony.tasks(AT_ONCE, AT_ONCE); // what is asked for only once
    const single = await colony.spent(tasks, () => colony.tasks(tasks, 1));
    const many = await colony.spent(tasks, () => colony.tasks(tasks, AT_ONCE));
    const approval = await colony.spent(approvals, () => colony.approvals(approvals));
    return { tasks, approvals, atOnce: AT_ONCE, task: { single, many }, approval, idle };
  } finally {
    await colony.close();
  }
}

/** A colony of the profile azure on servers of its own, which counts what it asks of them. */
export class CountedColony {
  private count = 0;

  private constructor(
    private readonly colony: Colony,
    private readonly cosmos: Cosmos,
    private readonly bus: CountingBus,
    private readonly stopServers: () => Promise<void>,
  ) {}

  /** @param folder for what no service keeps here; removed at the end */
  static async open(folder: string): Promise<CountedColony> {
    const account = await CosmosServer.start();
    const isQueue = (name: string) => name === 'deadlines' || name.startsWith('parked-');
    const queues = await new ServiceBusServer({
      now: () => Date.now(),
      isQueue,
      lockMs: 60_000,
      duplicatesMs: 600_000,
    }).listen();
    const clients = new AzureClients({
      cosmos: { endpoint: account.endpoint, key: account.key },
      serviceBus: queues,
      eventHubs: queues,
      blobs: queues,
    });
    const cosmos = new Cosmos(() => clients.cosmos, 'formicary');
    await cosmos.createContainers();
    const bus = new CountingBus(() => clients.connectServiceBus());
    const presence = new CosmosPresence(cosmos);
    const colony = new Colony({
      store: new CosmosEventStore(cosmos),
      keys: new CosmosKeys(cosmos),
      views: new CosmosViewStore(cosmos),
      checkpoints: new CosmosCheckpoints(cosmos),
      deadlines: new ServiceBusDeadlines(bus, 'deadlines'),
      queue: new ServiceBusWorkQueue(bus),
      blobs: new FileBlobArchive(folder),
      presence,
      policy: await shippedBundles(),
      outbound: {
        webhooks: new HttpWebhooks({ privateHosts: [], httpToLoopback: false }),
        mail: undefined,
        secrets: new EnvironmentSecrets(),
      },
      clock: systemClock,
      report: (message, facts) => process.stderr.write(`  ${message} ${JSON.stringify(facts)}\n`),
      async close() {
        await presence.close();
        await bus.close();
        await clients.close();
      },
    });
    await colony.start();
    await registerAgents(colony, AGENTS);
    return new CountedColony(colony, cosmos, bus, async () => {
      await Promise.all([account.stop(), queues.close()]);
      rmSync(folder, { recursive: true, force: true });
    });
  }

  async close(): Promise<void> {
    await this.colony.stop();
    await this.stopServers();
  }

  /** What is asked for until `work` is done and all consumers have caught up, divided by `count`. */
  async spent(count: number, work: () => Promise<void>): Promise<Spent> {
    await this.colony.feed.settled();
    const before = new Map([...this.cosmos.meter.totals()].map(([name, cost]) => [name, { ...cost }]));
    const operations = this.bus.operations;
    await work();
    await this.colony.feed.settled();
    const costs = [...this.cosmos.meter.totals()]
      .map(([name, cost]) => [name, less(cost, before.get(name))] as const)
      .filter(([, { requests }]) => requests > 0);
    const of = (name: 'requests' | 'requestUnits' | 'bytesSent' | 'bytesReceived') =>
      costs.reduce((sum, [, cost]) => sum + cost[name], 0) / count;
    return {
      requests: of('requests'),
      requestUnits: of('requestUnits'),
      bytesSent: of('bytesSent'),
      bytesReceived: of('bytesReceived'),
      busOperations: (this.bus.operations - operations) / count,
      by: Object.fromEntries(
        costs.map(([name, { requests, requestUnits }]) => [
          name,
          { requests: requests / count, requestUnits: requestUnits / count },
        ]),
      ),
    };
  }

  /** Life cycles of tasks, `atOnce` of them at once, each from its post to its completion. */
  async tasks(count: number, atOnce: number): Promise<void> {
    const { tasks, transactor } = this.colony;
    const awarded = new Map<string, (claim: { agent: string; award: number }) => void>();
    const stopListening = transactor.onCommitted(({ category, stream, commits }) => {
      if (category !== 'task') return;
      for (const event of commits.flatMap(({ events }) => events as readonly TaskEvent[])) {
        if (event.type === 'TaskAwarded')
          awarded.get(stream.slice(stream.lastIndexOf('/') + 1))?.({
            agent: event.data.agent,
            award: event.data.award,
          });
      }
    });
    await forEachOf(count, atOnce, async () => {
      const n = this.count++;
      const id = `task-${n}`;
      const award = new Promise<{ agent: string; award: number }>((resolve) => awarded.set(id, resolve));
      taken(await tasks.post(POSTER, id, specOf(n)));
      const claim = await award;
      taken(await tasks.accept(agentOf(claim.agent), id, claim));
      taken(await tasks.complete(agentOf(claim.agent), id, claim, { ok: true }));
    });
    stopListening();
  }

  async approvals(count: number): Promise<void> {
    const approved = approver(this.colony);
    await forEachOf(count, 1, () => approved(`action-${this.count++}`));
  }
}

class CountingBus extends ServiceBus {
  operations = 0;

  override async send(...args: Parameters<ServiceBus['send']>): ReturnType<ServiceBus['send']> {
    this.operations += args[1].length;
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

function less(cost: StoreCost, before: StoreCost | undefined): StoreCost {
  if (before === undefined) return cost;
  return Object.fromEntries(
    Object.entries(cost).map(([name, value]: [string, number]) => [name, value - before[name as keyof StoreCost]]),
  ) as unknown as StoreCost;
}

function taken(
  outcome: { readonly ok: true } | { readonly ok: false; readonly rejection: { readonly message: string } },
): void {
  if (!outcome.ok) throw new Error(outcome.rejection.message);
}
