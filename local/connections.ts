/**
 * The clients of the services that triggers name. A trigger says `NAME`; `NAME__accountEndpoint`, or for a broker
 * `NAME__fullyQualifiedNamespace`, says where that is, and the developer's credential opens it; or the key of a test
 * server, `NAME_KEY`, or its connection string, `NAME`. The SDKs are loaded when first needed.
 */
import type * as Cosmos from '@azure/cosmos';
import type * as EventHubs from '@azure/event-hubs';
import type * as Identity from '@azure/identity';
import type * as ServiceBus from '@azure/service-bus';
import { Checkpoints } from './checkpoints';

/**
 * The brokers' clients go on soon after a link was lost: a retry of the SDKs comes after 30 seconds, and an answer that
 * went with its connection they wait for a minute. Milliseconds.
 */
const RETRIES = { timeoutInMs: 10_000, retryDelayInMs: 200, maxRetryDelayInMs: 5_000 } as const;
/** How often a partition of an event hub that could not be read is tried again. Milliseconds. */
const TRY_AGAIN_MS = 2_000;

export class Connections {
  private readonly made = new Map<string, Cosmos.CosmosClient>();
  private readonly buses = new Map<string, ServiceBus.ServiceBusClient>();
  private readonly hubs: EventHubs.EventHubConsumerClient[] = [];
  private checkpoints: Checkpoints | undefined;

  /**
   * @param data Folder in which is kept how far the functions have come in event hubs; made when there is something to
   * keep.
   */
  constructor(private readonly data: string) {}

  /** True when the settings say where the account is. */
  hasCosmos(name: string): boolean {
    return process.env[`${name}__accountEndpoint`] !== undefined;
  }

  cosmos(name: string): Cosmos.CosmosClient {
    const made =
      this.made.get(name) ?? openCosmos(process.env[`${name}__accountEndpoint`] as string, process.env[`${name}_KEY`]);
    this.made.set(name, made);
    return made;
  }

  /** True when the settings say where the broker is. */
  hasBroker(name: string): boolean {
    return (process.env[name] ?? process.env[`${name}__fullyQualifiedNamespace`]) !== undefined;
  }

  serviceBus(name: string): ServiceBus.ServiceBusClient {
    const made =
      this.buses.get(name) ?? openServiceBus(process.env[`${name}__fullyQualifiedNamespace`], process.env[name]);
    this.buses.set(name, made);
    return made;
  }

  /** A client for one trigger. */
  eventHub(name: string, consumerGroup: string, hub: string): EventHubs.EventHubConsumerClient {
    this.checkpoints ??= new Checkpoints(this.data);
    const made = openEventHub(
      process.env[`${name}__fullyQualifiedNamespace`],
      process.env[name],
      consumerGroup,
      hub,
      this.checkpoints,
    );
    this.hubs.push(made);
    return made;
  }

  async close(): Promise<void> {
    for (const client of this.made.values()) client.dispose();
    await Promise.allSettled([...this.buses.values(), ...this.hubs].map((client) => client.close()));
    this.checkpoints?.close();
  }
}

function openCosmos(endpoint: string, key: string | undefined): Cosmos.CosmosClient {
  const { CosmosClient } = require('@azure/cosmos') as typeof Cosmos;
  return new CosmosClient(key === undefined ? { endpoint, aadCredentials: developer() } : { endpoint, key });
}

function openServiceBus(host: string | undefined, connectionString: string | undefined): ServiceBus.ServiceBusClient {
  const { RetryMode, ServiceBusClient } = require('@azure/service-bus') as typeof ServiceBus;
  const options = { retryOptions: { ...RETRIES, mode: RetryMode.Exponential } };
  return connectionString === undefined
    ? new ServiceBusClient(host as string, developer(), options)
    : new ServiceBusClient(connectionString, options);
}

function openEventHub(
  host: string | undefined,
  connectionString: string | undefined,
  consumerGroup: string,
  hub: string,
  checkpoints: Checkpoints,
): EventHubs.EventHubConsumerClient {
  const { EventHubConsumerClient, RetryMode } = require('@azure/event-hubs') as typeof EventHubs;
  // All partitions at once: by default one is taken at a time.
  const loadBalancingOptions = { strategy: 'greedy', updateIntervalInMs: TRY_AGAIN_MS } as const;
  const options = { retryOptions: { ...RETRIES, mode: RetryMode.Exponential }, loadBalancingOptions };
  return connectionString === undefined
    ? new EventHubConsumerClient(consumerGroup, host as string, hub, developer(), checkpoints, options)
    : new EventHubConsumerClient(consumerGroup, connectionString, hub, checkpoints, options);
}

/** Who is logged in with `az` or `azd`. */
function developer(): Identity.TokenCredential {
  const { AzureCliCredential, AzureDeveloperCliCredential, ChainedTokenCredential } =
    require('@azure/identity') as typeof Identity;
  return new ChainedTokenCredential(new AzureCliCredential(), new AzureDeveloperCliCredential());
}
