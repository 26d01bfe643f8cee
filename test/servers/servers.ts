/** All services of the profile azure on this machine: our protocol servers, and Azurite for the blobs. */
import { CONSUMERS } from '../../domain/kernel/consumers';
import { startAzurite } from '../support/azurite';
import { EventHubsServer } from './amqp/event-hubs';
import { ServiceBusServer } from './amqp/service-bus';
import { ROLES } from './cosmos/roles';
import { CosmosServer } from './cosmos/server';
import { NetAppServer } from './netapp';

/** Entities as Bicep names them, with what it gives them. */
const HUBS = { signals: 4, events: 4 };
const QUEUES = ['deadlines', ...CONSUMERS.map((consumer) => `parked-${consumer}`)];
/** Half of Bicep's: what a killed host held comes back sooner. */
const LOCK_MS = 30_000;
const DUPLICATES_MS = 600_000;

const SUBSCRIPTION = '0b1f6471-1bf0-4dda-aec3-111122223333';
const REGION = 'westeurope';
const SUBNET = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-colony/providers/Microsoft.Network/virtualNetworks/colony/subnets/netapp`;
const ACCOUNTS = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-colony/providers/Microsoft.NetApp/netAppAccounts`;
const ACCOUNT = `${ACCOUNTS}/colony`;
const ELSEWHERE = `${ACCOUNTS}/colony-north`;

export interface Servers {
  /** Names and values of the environment with which a host opens the profile azure on them. */
  readonly settings: Readonly<Record<string, string>>;
  readonly cosmos: CosmosServer;
  readonly bus: ServiceBusServer;
  readonly hubs: EventHubsServer;
  stop(): Promise<void>;
}

export interface ServersOptions {
  /** The time of Service Bus, in milliseconds since the epoch. */
  readonly now?: () => number;
  /** How long Service Bus locks what it hands out. */
  readonly lockMs?: number;
}

/** Starts them, empty, on free ports of 127.0.0.1. */
export async function startServers({ now = Date.now, lockMs = LOCK_MS }: ServersOptions = {}): Promise<Servers> {
  const cosmos = await CosmosServer.start({ roles: ROLES });
  const bus = await new ServiceBusServer({
    now,
    isQueue: (name) => QUEUES.includes(name),
    lockMs,
    duplicatesMs: DUPLICATES_MS,
  }).listen();
  const hubs = await new EventHubsServer({ hubs: HUBS }).listen();
  const blobs = await startAzurite();
  const volumes = new NetAppServer();
  await volumes.start();
  for (const [name, serviceLevel] of [
    ['payloads', 'Premium'],
    ['cold', 'Standard'],
  ])
    volumes.has(`${ACCOUNT}/capacityPools/${name}`, REGION, { serviceLevel, size: 2 ** 40 });
  volumes.has(`${ELSEWHERE}/capacityPools/copies`, 'northeurope', { serviceLevel: 'Standard', size: 2 ** 40 });
  for (const name of ['payloads', 'archive'])
    volumes.has(`${ACCOUNT}/capacityPools/payloads/volumes/${name}`, REGION, {
      ...{ serviceLevel: 'Premium', usageThreshold: 100 * 2 ** 30, creationToken: name },
      mountTargets: [{ fileSystemId: name, ipAddress: '10.0.2.4' }],
    });
  return {
    settings: {
      FORMICARY_PROFILE: 'azure',
      FORMICARY_COSMOS__accountEndpoint: cosmos.endpoint,
      FORMICARY_COSMOS_KEY: cosmos.key,
      FORMICARY_COSMOS_DATABASE: 'formicary',
      FORMICARY_SERVICEBUS: bus.connectionString,
      FORMICARY_EVENTHUBS: hubs.connectionString,
      FORMICARY_SIGNAL_HUB: 'signals',
      FORMICARY_EVENT_HUB: 'events',
      FORMICARY_BLOBS: blobs.connection,
      // Tests wait for what lists show.
      FORMICARY_VIEW_SECONDS: '1',
      FORMICARY_NETAPP: volumes.url,
      FORMICARY_NETAPP__subscriptionId: SUBSCRIPTION,
      FORMICARY_NETAPP__resourceGroup: 'rg-colony',
      FORMICARY_NETAPP__account: 'colony',
      FORMICARY_NETAPP__location: REGION,
      FORMICARY_NETAPP__subnetId: SUBNET,
      FORMICARY_NETAPP_REPLICA__resourceGroup: 'rg-colony',
      FORMICARY_NETAPP_REPLICA__account: 'colony-north',
      FORMICARY_NETAPP_REPLICA__location: 'northeurope',
      FORMICARY_NETAPP_REPLICA__subnetId: SUBNET,
    },
    cosmos,
    bus,
    hubs,
    async stop() {
      await Promise.all([cosmos.stop(), bus.close(), hubs.close(), blobs.stop(), volumes.stop()]);
    },
  };
}
