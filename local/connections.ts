/**
 * The clients of the services that triggers name. A trigger says `NAME`; `NAME__accountEndpoint`, or for a broker
 * `NAME__fullyQualifiedNamespace`, says where that is, and the developer's credential opens it; or the key of a test
 * server, `NAME_KEY`, or its connection string, `NAME`. The SDKs are loaded when first needed.
 */
import type * as Cosmos from '@azure/cosmos';
import type * as Identity from '@azure/identity';
import type * as ServiceBus from '@azure/service-bus';

export class Connections {
  private readonly made = new Map<string, Cosmos.CosmosClient>();
  private readonly buses = new Map<string, ServiceBus.ServiceBusClient>();

  /** True when the settings say where the account is. */
  hasCosmos(name: string): boolean {
    return process.env[`${name}__accountEndpoint`] !== undefined;
  }

  cosmos(name: string): Cosmos.CosmosClient {
    const made = this.made.get(name) ?? openCosmos(process.env[`${name}__accountEndpoint`] as string, process.env[`${name}_KEY`]);
    this.made.set(name, made);
    return made;
  }

  /** True when the settings say where the broker is. */
  hasBroker(name: string): boolean {
    return (process.env[name] ?? process.env[`${name}__fullyQualifiedNamespace`]) !== undefined;
  }

  serviceBus(name: string): ServiceBus.ServiceBusClient {
    const made = this.buses.get(name) ?? openServiceBus(process.env[`${name}__fullyQualifiedNamespace`], process.env[name]);
    this.buses.set(name, made);
    return made;
  }

  async close(): Promise<void> {
    for (const client of this.made.values()) client.dispose();
    await Promise.all([...this.buses.values()].map((client) => client.close()));
  }
}

function openCosmos(endpoint: string, key: string | undefined): Cosmos.CosmosClient {
  const { CosmosClient } = require('@azure/cosmos') as typeof Cosmos;
  return new CosmosClient(key === undefined ? { endpoint, aadCredentials: developer() } : { endpoint, key });
}

function openServiceBus(host: string | undefined, connectionString: string | undefined): ServiceBus.ServiceBusClient {
  const { ServiceBusClient } = require('@azure/service-bus') as typeof ServiceBus;
  return connectionString === undefined ? new ServiceBusClient(host as string, developer()) : new ServiceBusClient(connectionString);
}

/** Who is logged in with `az` or `azd`. */
function developer(): Identity.TokenCredential {
  const { AzureCliCredential, AzureDeveloperCliCredential, ChainedTokenCredential } = require('@azure/identity') as typeof Identity;
  return new ChainedTokenCredential(new AzureCliCredential(), new AzureDeveloperCliCredential());
}
