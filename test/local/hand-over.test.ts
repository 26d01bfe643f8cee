/**
 * What functions get from this host against what they got under the real worker: `captures.json` holds what handlers
 * saw under azure-functions-nodejs-worker 3.9.1 with @azure/functions 4.16.5 (see its README), one entry a kind of
 * binding.
 */
import '../support/library';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CosmosClient } from '@azure/cosmos';
import { type EventData, EventHubProducerClient } from '@azure/event-hubs';
import type { InvocationContext } from '@azure/functions';
import { ServiceBusClient } from '@azure/service-bus';
import { Connections } from '../../local/connections';
import type { Binding, Registration } from '../../local/core';
import { CosmosTrigger } from '../../local/cosmos-trigger';
import { EventHubTrigger } from '../../local/event-hub-trigger';
import { handOver } from '../../local/invoke';
import { ServiceBusTrigger } from '../../local/service-bus-trigger';
import { startTimer } from '../../local/timers';
import { bytesData, dateTime, dateTimeOffset, stringData, stringsData } from '../../local/typed-data';
import captures from '../fixtures/worker/captures.json';
import { EventHubsServer } from '../servers/amqp/event-hubs';
import { ServiceBusServer } from '../servers/amqp/service-bus';
import { CosmosServer } from '../servers/cosmos/server';
import { eventually } from '../support/eventually';

interface Seen {
  readonly input: unknown;
  readonly metadata: unknown;
}

let folder: string;
let seen: Seen[];
const ending: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'formicary-handed-'));
  seen = [];
});
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
  rmSync(folder, { recursive: true });
});

function registered(binding: Record<string, unknown>): Registration {
  const callback = (input: unknown, { triggerMetadata }: InvocationContext) =>
    void seen.push({ input, metadata: triggerMetadata });
  return {
    name: 'sees',
    bindings: { t: { name: 't', direction: 'in', type: '', ...binding } },
    callback: callback as Registration['callback'],
  };
}

function captured(name: string): Seen {
  const { input, metadata } = captures.find((capture) => capture.name === name) as unknown as Seen;
  return { input: revived(input), metadata: revived(metadata) };
}

/** JSON has no bytes and no `undefined`: the captures say them in words. */
function revived(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(revived);
  const { $: kind, base64 } = value as { readonly $?: string; readonly base64?: string };
  if (kind === 'undefined') return undefined;
  if (kind === 'Buffer') return Buffer.from(base64 as string, 'base64');
  return Object.fromEntries(Object.entries(value).map(([name, of]) => [name, revived(of)]));
}

/** The names and the types in a value; of a list those of its first entry. */
function shapeOf(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return 'Buffer';
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, of]) => [name, shapeOf(of)]));
  return typeof value;
}

describe('an event hub', () => {
  async function sent(messages: EventData[], options: Record<string, unknown>): Promise<Seen> {
    const server = await new EventHubsServer({ hubs: { h: 1 } }).listen();
    process.env['TEST_EVENTHUBS'] = server.connectionString;
    const producer = new EventHubProducerClient(server.connectionString, 'h');
    const connections = new Connections(folder);
    ending.push(
      () => server.close(),
      () => connections.close(),
      () => producer.close(),
    );
    await producer.sendBatch(messages, { partitionKey: 'k' });
    const registration = registered({
      type: 'eventHubTrigger',
      cardinality: 'many',
      connection: 'TEST_EVENTHUBS',
      eventHubName: 'h',
      ...options,
    });
    const trigger = new EventHubTrigger(registration, connections.eventHub('TEST_EVENTHUBS', '$Default', 'h'), 100);
    ending.push(() => trigger.stop());
    await eventually(() => seen.length > 0);
    return seen[0] as Seen;
  }

  test('many', async () => {
    const worker = captured('eventHub many');
    const { input, metadata } = await sent(
      [
        { body: { a: 1 }, properties: { 'cloudEvents:id': 'x' } },
        { body: Buffer.from('plain text') },
        { body: Buffer.from('42') },
      ],
      {},
    );
    expect(input).toEqual(worker.input);
    expect(shapeOf(metadata)).toEqual(shapeOf(worker.metadata));
  });

  test('many, as bytes: what is empty stays where it is', async () => {
    const worker = captured('eventHub many, dataType binary');
    const { input, metadata } = await sent([{ body: Buffer.from('{"a":1}') }, { body: Buffer.alloc(0) }], {
      dataType: 'binary',
    });
    expect(input).toEqual(worker.input);
    expect(shapeOf(metadata)).toEqual(shapeOf(worker.metadata));
  });

  test('many, as texts: what is empty is left out of the batch, and not out of the lists beside it', async () => {
    const { input, metadata } = await sent([{ body: Buffer.alloc(0) }, { body: { a: 1 } }], {});
    expect([input, (metadata as { sequenceNumberArray: unknown[] }).sequenceNumberArray.length]).toEqual([
      [{ a: 1 }],
      2,
    ]);
  });
});

test('a queue of Service Bus', async () => {
  const server = await new ServiceBusServer({
    now: () => Date.now(),
    isQueue: () => true,
    lockMs: 30_000,
    maxDeliveries: 3,
  }).listen();
  process.env['TEST_SERVICEBUS'] = server.connectionString;
  const sender = new ServiceBusClient(server.connectionString);
  const connections = new Connections(folder);
  ending.push(
    () => server.close(),
    () => connections.close(),
    () => sender.close(),
  );
  await sender
    .createSender('q')
    .sendMessages({ body: { a: 1 }, messageId: 'm1', contentType: 'application/json', timeToLive: 60_000 });
  const trigger = new ServiceBusTrigger(
    registered({ type: 'serviceBusTrigger', connection: 'TEST_SERVICEBUS', queueName: 'q' }),
    connections.serviceBus('TEST_SERVICEBUS'),
    1,
  );
  ending.push(() => trigger.stop());
  await eventually(() => seen.length > 0);
  const worker = captured('serviceBus one');
  expect(seen[0]?.input).toEqual(worker.input);
  expect(shapeOf(seen[0]?.metadata)).toEqual(shapeOf(worker.metadata));
});

test('a container of Cosmos DB', async () => {
  const server = await CosmosServer.start();
  const client = new CosmosClient({ endpoint: server.endpoint, key: server.key });
  ending.push(
    () => server.stop(),
    async () => client.dispose(),
  );
  const { database } = await client.databases.create({ id: 'formicary' });
  await database.containers.create({ id: 'events', partitionKey: { paths: ['/id'], version: 2 } });
  await database.containers.create({ id: 'leases', partitionKey: { paths: ['/id'], version: 2 } });
  await database.container('events').items.create({ id: '1', n: 1 });
  const binding = {
    type: 'cosmosDBTrigger',
    databaseName: 'formicary',
    containerName: 'events',
    startFromBeginning: true,
    feedPollDelay: 10,
    leaseAcquireInterval: 50,
  };
  const registration = registered(binding);
  const trigger = new CosmosTrigger(registration, registration.bindings['t'] as Binding, client, 'host');
  ending.push(() => trigger.stop());
  await eventually(() => seen.length > 0);
  const worker = captured('cosmosDB');
  expect(shapeOf(seen[0]?.input)).toMatchObject(shapeOf(worker.input) as object[]);
  expect(seen[0]?.metadata).toEqual(worker.metadata);
});

test('a timer', async () => {
  const registration = registered({ type: 'timerTrigger', schedule: '0 0 0 1 1 *', runOnStartup: true });
  await startTimer(registration, registration.bindings['t'] as Binding).stop();
  const worker = captured('timer');
  expect(shapeOf(seen[0])).toEqual(shapeOf(worker));
});

test.each<[string, string | null, unknown]>([
  ['a text', 'abc', 'abc'],
  ['a text that is JSON', '{"a":[1]}', { a: [1] }],
  ['a number in a text', '5', 5],
  ['null', null, undefined],
])('an activity: %s', async (_, input, expected) => {
  const data = stringData(input);
  await handOver(registered({ type: 'activityTrigger' }), { data, metadata: { instanceId: stringData('i1'), data } });
  expect(seen[0]).toEqual({ input: expected, metadata: { instanceId: 'i1', data: expected } });
});

test('names in what is said about a message get a small first letter, at any depth', async () => {
  await handOver(registered({ type: 'serviceBusTrigger' }), {
    data: stringData('x'),
    metadata: { ApplicationProperties: { json: '{"Kind":{"Sub":1}}' } },
  });
  expect(seen[0]?.metadata).toEqual({ applicationProperties: { kind: { sub: 1 } } });
});

test('times are written as .NET does', () => {
  const at = (text: string) => [dateTime(new Date(text)), dateTimeOffset(new Date(text))];
  expect(at('2026-11-28T10:00:00.000Z')).toEqual(['2026-11-28T10:00:00', '2026-11-28T10:00:00+00:00']);
  expect(at('2026-11-28T10:00:10.120Z')).toEqual(['2026-11-28T10:00:10.12', '2026-11-28T10:00:10.12+00:00']);
  expect(at('2026-11-28T10:00:00.001Z')[0]).toBe('2026-11-28T10:00:00.001');
});

test('lists of texts lose what is empty, lists of bytes do not', () => {
  expect(stringsData(['a', '', null, undefined, 'b'])).toEqual({ collectionString: { string: ['a', 'b'] } });
  expect(bytesData([Buffer.alloc(0)])).toEqual({ collectionBytes: { bytes: [Buffer.alloc(0)] } });
});
