/**
 * One credential and one client a service in a process. Nothing is loaded before it is needed: the SDKs are large, and
 * a cold start waits for each of them.
 */
import { createRequire } from 'node:module';
import type * as Netapp from '@azure/arm-netapp';
import type * as Cosmos from '@azure/cosmos';
import type * as EventHubs from '@azure/event-hubs';
import type * as Identity from '@azure/identity';
import type * as ServiceBus from '@azure/service-bus';
import type * as Blobs from '@azure/storage-blob';
import type * as WebPubSub from '@azure/web-pubsub';
import { CONNECTION_POLICY } from './cosmos';
import { PATIENCE_MS } from './patience';

/** Where the identity is let in, or the connection string of a test server. */
export type Connection = { readonly endpoint: string } | { readonly connectionString: string };

/** Where the services are. */
export interface Services {
  /** Of the managed identity; undefined: the developer's own credential. */
  readonly clientId?: string;
  /** `key` only for a test server. */
  readonly cosmos: { readonly endpoint: string; readonly key?: string };
  readonly serviceBus: Connection;
  readonly eventHubs: Connection;
  readonly blobs: Connection;
  readonly webPubSub?: Connection;
  /** `clientId` of the identity that makes volumes; undefined: the one above. */
  readonly netapp?: {
    readonly subscription: string;
    readonly clientId?: string;
    /** Of a test server, which is shown no token. */
    readonly endpoint?: string;
  };
}

/** Not `import()`: that would load the SDKs a second time, as ES modules, beside those that our adapters import. */
const load = createRequire(__filename);

/**
 * For the brokers' clients: someone waits for what is asked of them.
 * - An attempt that gets no answer ends after ten seconds, not after the SDKs' minute.
 * - What passes, such as a dropped link, is tried again after a fraction of a second, not after thirty.
 * - Each pause is longer than the one before, since a broker that is throttled isn't helped by haste. Three retries
 *   take
 *   some two seconds; after that it is for the caller to wait.
 */
const BROKER_RETRIES = { timeoutInMs: 10_000, retryDelayInMs: 200 } as const;
/** For blobs, whose SDK would otherwise try for 16 seconds while a request waits. */
export const BLOB_RETRIES = { retryDelayInMs: 500 } as const;
/** Somebody waits for an answer; and a hint that comes late is none. */
const QUICK_RETRIES = { maxRetries: 1, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 } as const;

/** No attempt is waited for longer than that. */
const impatient: NetappPolicy = {
  name: 'impatient',
  sendRequest: async (request, next) => await next(Object.assign(request, { timeout: PATIENCE_MS })),
};
type NetappPolicy = Parameters<Netapp.NetAppManagementClient['pipeline']['addPolicy']>[0];

export type Credential = Identity.TokenCredential;

/** The credential of the identity with this client id. */
export function managedIdentity(clientId: string): Credential {
  const { ManagedIdentityCredential } = load('@azure/identity') as typeof Identity;
  return new ManagedIdentityCredential({ clientId });
}

/** The managed identity where one is named; else who is logged in with `az` or `azd`. */
export function credentialOf(clientId: string | undefined): Credential {
  if (clientId !== undefined) return managedIdentity(clientId);
  const { AzureCliCredential, AzureDeveloperCliCredential, ChainedTokenCredential } = load(
    '@azure/identity',
  ) as typeof Identity;
  return new ChainedTokenCredential(new AzureCliCredential(), new AzureDeveloperCliCredential());
}

/**
 * The clients of this process; but for those of brokers, which are replaced when they hang, each is made at its first
 * use and the same ever after.
 */
export class AzureClients {
  private readonly made = new Map<string, unknown>();

  constructor(private readonly services: Services) {}

  get credential(): Credential {
    return this.once('credential', () => credentialOf(this.services.clientId));
  }

  /** As consistent as the account is: for what is true. */
  get cosmos(): Cosmos.CosmosClient {
    return this.once('cosmos', () => this.openCosmos());
  }

  /** Reads its own writes, and those of others a moment later, at half the price: for what is derived. */
  get cosmosDerived(): Cosmos.CosmosClient {
    return this.once('cosmos-derived', () => {
      const { ConsistencyLevel } = load('@azure/cosmos') as typeof Cosmos;
      return this.openCosmos(ConsistencyLevel.Session);
    });
  }

  private openCosmos(consistencyLevel?: Cosmos.ConsistencyLevel): Cosmos.CosmosClient {
    const { CosmosClient } = load('@azure/cosmos') as typeof Cosmos;
    const { endpoint, key } = this.services.cosmos;
    const options = { endpoint, connectionPolicy: CONNECTION_POLICY, consistencyLevel };
    return new CosmosClient(key === undefined ? { ...options, aadCredentials: this.credential } : { ...options, key });
  }

  /** A new one each time; who asked for it closes it. */
  connectServiceBus(): ServiceBus.ServiceBusClient {
    const { RetryMode, ServiceBusClient } = load('@azure/service-bus') as typeof ServiceBus;
    const { serviceBus } = this.services;
    const options = { retryOptions: { ...BROKER_RETRIES, mode: RetryMode.Exponential } };
    return 'endpoint' in serviceBus
      ? new ServiceBusClient(serviceBus.endpoint, this.credential, options)
      : new ServiceBusClient(serviceBus.connectionString, options);
  }

  /** Sends to the hub; a new one each time, who asked for it closes it. */
  connectEventHub(hub: string): EventHubs.EventHubProducerClient {
    const { EventHubProducerClient, RetryMode } = load('@azure/event-hubs') as typeof EventHubs;
    const { eventHubs } = this.services;
    const options = { retryOptions: { ...BROKER_RETRIES, mode: RetryMode.Exponential } };
    return 'endpoint' in eventHubs
      ? new EventHubProducerClient(eventHubs.endpoint, hub, this.credential, options)
      : new EventHubProducerClient(eventHubs.connectionString, hub, options);
  }

  get blobs(): Blobs.BlobServiceClient {
    return this.once('blobs', () => {
      const { BlobServiceClient } = load('@azure/storage-blob') as typeof Blobs;
      const { blobs } = this.services;
      const options = { retryOptions: BLOB_RETRIES };
      return 'endpoint' in blobs
        ? new BlobServiceClient(blobs.endpoint, this.credential, options)
        : BlobServiceClient.fromConnectionString(blobs.connectionString, options);
    });
  }

  /** Of one hub. Throws when no Web PubSub is configured. */
  webPubSub(hub: string): WebPubSub.WebPubSubServiceClient {
    return this.once('web-pubsub', () => {
      const { WebPubSubServiceClient } = load('@azure/web-pubsub') as typeof WebPubSub;
      const { webPubSub } = this.services;
      if (webPubSub === undefined) throw new Error('Web PubSub is not configured: set FORMICARY_WEBPUBSUB__endpoint');
      const options = { retryOptions: QUICK_RETRIES };
      return 'endpoint' in webPubSub
        ? new WebPubSubServiceClient(webPubSub.endpoint, this.credential, hub, options)
        : new WebPubSubServiceClient(webPubSub.connectionString, hub, { ...options, allowInsecureConnection: true });
    });
  }

  /** Throws when no NetApp Files are configured. */
  get netapp(): Netapp.NetAppManagementClient {
    return this.once('netapp', () => {
      const { NetAppManagementClient } = load('@azure/arm-netapp') as typeof Netapp;
      if (this.services.netapp === undefined)
        throw new Error('NetApp Files are not configured: set FORMICARY_NETAPP__subscriptionId and what belongs to it');
      const { subscription, clientId, endpoint } = this.services.netapp;
      const credential = clientId === undefined ? this.credential : managedIdentity(clientId);
      const server = endpoint === undefined ? {} : { endpoint, $host: endpoint, allowInsecureConnection: true };
      const client = new NetAppManagementClient(credential, subscription, { retryOptions: QUICK_RETRIES, ...server });
      if (endpoint !== undefined) client.pipeline.removePolicy({ name: 'bearerTokenAuthenticationPolicy' });
      client.pipeline.addPolicy(impatient);
      return client;
    });
  }

  /** Ends the connections of the clients that were made; they can't be used after that. */
  async close(): Promise<void> {
    const clients = [...this.made.values()];
    this.made.clear();
    await Promise.all(clients.filter(closes).map((client) => client.close()));
    for (const client of clients) if (disposes(client)) client.dispose();
  }

  private once<T>(name: string, make: () => T): T {
    if (!this.made.has(name)) this.made.set(name, make());
    return this.made.get(name) as T;
  }
}

const closes = (client: unknown): client is { close(): Promise<void> } =>
  typeof (client as { close?: unknown }).close === 'function';
const disposes = (client: unknown): client is { dispose(): void } =>
  typeof (client as { dispose?: unknown }).dispose === 'function';
