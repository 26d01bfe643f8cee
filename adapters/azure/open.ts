/** All ports of the profile azure, over the services that the settings name. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Report, StoreBusy, type StorePorts } from '../../app/engine/ports';
import { MIN_KEPT_DAYS } from '../../domain/audit/retention';
import { AzureBlobArchive } from './blob-archive';
import { type Bucket, BucketArchive } from './bucket-archive';
import { Cosmos } from './cosmos';
import { CosmosCheckpoints } from './cosmos-checkpoints';
import { CosmosEventStore } from './cosmos-event-store';
import { CosmosKeys } from './cosmos-keys';
import { CosmosLeases } from './cosmos-leases';
import { CosmosPresence } from './cosmos-presence';
import { CosmosSubjectKeys } from './cosmos-subject-keys';
import { CosmosViewStore } from './cosmos-view-store';
import { EventHubPublisher } from './event-hubs';
import { AzureClients, type Services } from './identity';
import { type NetAppAccount, NetAppVolumes } from './netapp';
import { ServiceBus } from './service-bus';
import { ServiceBusDeadlines } from './service-bus-deadlines';
import { ServiceBusWorkQueue } from './service-bus-queue';
import { HUB, WebPubSubPush } from './web-pubsub';

/** Entities as Bicep names them. */
const DEADLINES = 'deadlines';
const PAYLOADS = 'payloads';

export interface AzureSettings extends Services {
  readonly cosmos: Services['cosmos'] & { readonly database: string };
  /** The hub that events are published to; undefined: none. */
  readonly eventHub?: string;
  /** Connections of `webPubSub` for all; undefined: nobody has said. */
  readonly pushConnections?: number;
  /** Where files are kept, and where copies of them; undefined: nowhere. */
  readonly netapp?: Services['netapp'] & NetAppAccount & { readonly replica?: NetAppAccount };
  /** Where large payloads are put; undefined: into Blob Storage. */
  readonly bucket?: Bucket;
}

/**
 * Opens the services. Containers and queues are Bicep's to make; a test server (it has a key) gets its containers here.
 * Rejects when receipts would not be kept.
 */
export async function openAzure(settings: AzureSettings, report: Report): Promise<StorePorts> {
  const clients = new AzureClients(settings);
  const cosmos = new Cosmos(
    () => clients.cosmos,
    settings.cosmos.database,
    () => clients.cosmosDerived,
  );
  if (settings.cosmos.key !== undefined) await cosmos.createContainers();
  const lapsing = await lapse(cosmos);
  if (lapsing !== undefined) {
    await clients.close();
    throw new Error(lapsing);
  }
  const payloads = () => clients.blobs.getContainerClient(PAYLOADS);
  if ('connectionString' in settings.blobs) await payloads().createIfNotExists();
  const blobs = new AzureBlobArchive(payloads);
  const bucket = settings.bucket === undefined ? undefined : new BucketArchive(settings.bucket, blobs);
  const bus = new ServiceBus(() => clients.connectServiceBus());
  const presence = new CosmosPresence(cosmos, report);
  const store = new CosmosEventStore(cosmos, report);
  const { eventHub } = settings;
  const publisher = eventHub === undefined ? undefined : new EventHubPublisher(() => clients.connectEventHub(eventHub));
  const push =
    settings.webPubSub === undefined
      ? undefined
      : new WebPubSubPush(() => clients.webPubSub(HUB), report, undefined, settings.pushConnections);
  const { netapp } = settings;
  const volumes = netapp === undefined ? undefined : new NetAppVolumes(() => clients.netapp, netapp, netapp.replica);
  return {
    store,
    handed: (documents) => store.delivered(documents),
    costs: () => cosmos.meter.totals(),
    probe: () => probe(store),
    publisher,
    keys: new CosmosKeys(cosmos),
    views: new CosmosViewStore(cosmos),
    checkpoints: new CosmosCheckpoints(cosmos),
    deadlines: new ServiceBusDeadlines(bus, DEADLINES),
    queue: new ServiceBusWorkQueue(bus),
    blobs: bucket ?? blobs,
    presence,
    leases: new CosmosLeases(cosmos),
    push,
    volumes,
    subjectKeys: new CosmosSubjectKeys(cosmos),
    async close() {
      push?.close();
      await presence.close();
      await publisher?.close();
      await bus.close();
      bucket?.close();
      await clients.close();
    },
  };
}

/** Why receipts would not be kept; undefined when they are. Where nobody answers now, the next start asks again. */
async function lapse(cosmos: Cosmos): Promise<string | undefined> {
  const seconds = await cosmos.expiry('events').catch(() => undefined);
  return seconds === undefined
    ? undefined
    : `the container events deletes receipts after ${seconds} seconds: take its time to live away. They have to be kept for ${MIN_KEPT_DAYS} days at least, and a stream without its beginning can't be read.`;
}

/**
 * The SDK tries reads again for half a minute: whoever asks whether the store is there wants to know sooner.
 * Milliseconds.
 */
const PROBE_MS = 4_000;

/** Undefined when Cosmos DB answers, or says that it has too much to do: that is no outage. */
async function probe(store: CosmosEventStore): Promise<string | undefined> {
  const asked = store.read('default/probe/none', 0, 1).then(
    () => undefined,
    (error: unknown) =>
      error instanceof StoreBusy
        ? undefined
        : `Cosmos DB can't be reached: ${error instanceof Error ? error.message : String(error)}`,
  );
  return await Promise.race([asked, sleep(PROBE_MS, `Cosmos DB gave no answer within ${PROBE_MS} ms`, { ref: false })]);
}
