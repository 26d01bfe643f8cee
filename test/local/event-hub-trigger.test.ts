/** Functions that are called with the messages of an event hub: through the unmodified SDK, on a server of ours. */
import '../support/library';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type EventData, EventHubProducerClient } from '@azure/event-hubs';
import type { InvocationContext } from '@azure/functions';
import { Connections } from '../../local/connections';
import type { Binding } from '../../local/core';
import { EventHubTrigger } from '../../local/event-hub-trigger';
import { EventHubsServer } from '../servers/amqp/event-hubs';
import { eventually } from '../support/eventually';
import { hostOf, upTo } from '../support/triggers';

interface Message {
  readonly n: number;
}
interface Metadata {
  readonly partitionContext: { readonly partitionId: string };
  readonly sequenceNumberArray: readonly { readonly low: number; readonly high: number; readonly unsigned: boolean }[];
}
type Handler = (messages: Message[], context: InvocationContext) => unknown;

const HUB = 'orders';
const CONNECTION = 'TEST_EVENTHUBS';
const PARTITIONS = ['0', '1', '2', '3'];
const FOR_EVER = { retryStrategy: 'fixedDelay', maxRetryCount: -1, delayInterval: { seconds: 0 } };

let server: EventHubsServer;
let producer: EventHubProducerClient;
let folder: string;
const hosts: { stop(): Promise<void> }[] = [];
const errors = jest.spyOn(console, 'error').mockImplementation(() => {});

beforeEach(async () => {
  server = await new EventHubsServer({ hubs: { [HUB]: PARTITIONS.length } }).listen();
  process.env[CONNECTION] = server.connectionString;
  producer = new EventHubProducerClient(server.connectionString, HUB, {
    retryOptions: { timeoutInMs: 2_000, retryDelayInMs: 10, maxRetries: 10 },
  });
  folder = mkdtempSync(path.join(tmpdir(), 'formicary-hub-'));
  errors.mockClear();
});
afterEach(async () => {
  server.dropEvery(0);
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
  await producer.close();
  await server.close();
  rmSync(folder, { recursive: true });
});
afterAll(() => delete process.env[CONNECTION]);

/** Sends messages `from`..`to` to each partition. */
async function send(from: number, to: number, partitions = PARTITIONS): Promise<void> {
  for (const partitionId of partitions) {
    await producer.sendBatch(
      Array.from({ length: to - from + 1 }, (_, i) => ({ body: { n: from + i } })),
      { partitionId },
    );
  }
}

/** A host with one function; one that is started after it finds what it has written down. */
function start(
  callback: Handler,
  {
    retryOptions = FOR_EVER,
    maxBatchSize = 10,
    ...options
  }: { retryOptions?: Record<string, unknown>; maxBatchSize?: number; [option: string]: unknown } = {},
) {
  const connections = new Connections(folder);
  const binding: Binding = {
    type: 'eventHubTrigger',
    name: 't',
    direction: 'in',
    connection: CONNECTION,
    eventHubName: HUB,
    cardinality: 'many',
    ...options,
  };
  const trigger = new EventHubTrigger(
    { name: 'messages', bindings: { t: binding }, retryOptions, callback: callback as (...args: unknown[]) => unknown },
    connections.eventHub(CONNECTION, '$Default', HUB),
    maxBatchSize,
  );
  const host = hostOf(trigger, connections);
  hosts.push(host);
  return host;
}

const partitionOf = ({ triggerMetadata }: InvocationContext) =>
  (triggerMetadata as unknown as Metadata).partitionContext.partitionId;

/** Collects what is given; `ns(partition)` are its messages in the order of their arrival. */
class Taken {
  readonly batches: { readonly partition: string; readonly messages: Message[] }[] = [];
  readonly take: Handler = (messages, context) => void this.batches.push({ partition: partitionOf(context), messages });

  ns(partition: string): number[] {
    return this.batches
      .filter((batch) => batch.partition === partition)
      .flatMap(({ messages }) => messages.map(({ n }) => n));
  }

  /** True when each partition has got to its message `last`. */
  has(last: number): boolean {
    return PARTITIONS.every((partition) => this.ns(partition).includes(last));
  }
}

/** What came again left out. */
const firsts = (ns: readonly number[]) => [...new Set(ns)];

describe('a batch', () => {
  test('has the messages of a partition in their order, at most as many as are asked for; all come once, the oldest too', async () => {
    await send(1, 25);
    const taken = new Taken();
    start(taken.take);
    await eventually(() => taken.has(25));
    await send(26, 30);
    await eventually(() => taken.has(30));
    for (const partition of PARTITIONS) expect(taken.ns(partition)).toEqual(upTo(30));
    expect(Math.max(...taken.batches.map(({ messages }) => messages.length))).toBe(10);
    expect(errors).not.toHaveBeenCalled();
  });

  test('comes with what Azure says about it', async () => {
    const given: { messages: unknown[]; metadata: unknown }[] = [];
    start((messages, { triggerMetadata }) => void given.push({ messages, metadata: triggerMetadata }));
    const before = Date.now();
    const sent: EventData[] = [
      { body: { n: 1 }, properties: { Kind: 'first', 'cloudEvents:type': 'x', Large: 2 ** 40 } },
      { body: Buffer.from('no JSON') },
      { body: 'text' },
    ];
    await producer.sendBatch(sent, { partitionKey: 'the key' });
    await eventually(() => given.length > 0);
    const { messages, metadata } = given[0] as (typeof given)[0];
    const {
      enqueuedTimeUtcArray: times,
      partitionContext,
      ...rest
    } = metadata as { enqueuedTimeUtcArray: string[]; partitionContext: object };
    expect(messages).toEqual([{ n: 1 }, 'no JSON', 'text']);
    expect(partitionContext).toEqual({
      fullyQualifiedNamespace: expect.stringContaining('127.0.0.1') as string,
      eventHubName: HUB,
      consumerGroup: '$Default',
      partitionId: expect.stringMatching(/^[0-3]$/) as string,
    });
    expect(rest).toMatchObject({
      partitionKeyArray: ['the key', 'the key', 'the key'],
      sequenceNumberArray: [0, 1, 2].map((low) => ({ low, high: 0, unsigned: false })),
      offsetArray: [0, 100, 200],
      propertiesArray: [{ kind: 'first', 'cloudEvents:type': 'x', large: 2 ** 40 }, {}, {}],
      systemPropertiesArray: [0, 1, 2].map((n) => ({
        sequenceNumber: n,
        offset: String(n * 100),
        partitionKey: 'the key',
      })),
    });
    for (const time of times) {
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?$/);
      expect(Date.parse(`${time}Z`)).toBeGreaterThanOrEqual(before);
    }
  });

  test('that fails is given again and holds up its own partition alone', async () => {
    const taken = new Taken();
    const failed: { messages: Message[]; retry: InvocationContext['retryContext'] }[] = [];
    let broken = true;
    start((messages, context) => {
      if (!broken || partitionOf(context) !== '2') return taken.take(messages, context);
      failed.push({ messages, retry: context.retryContext });
      throw new Error('not now');
    });
    await send(1, 15);
    await eventually(
      () => failed.length > 3 && PARTITIONS.every((partition) => partition === '2' || taken.ns(partition).includes(15)),
    );
    await send(16, 20);
    await eventually(() => PARTITIONS.every((partition) => partition === '2' || taken.ns(partition).includes(20)));
    for (const { messages } of failed)
      expect(messages.map(({ n }) => n)).toEqual(failed[0]?.messages.map(({ n }) => n));
    expect([failed[0]?.messages[0]?.n, failed[0]?.retry]).toEqual([1, undefined]);
    expect(failed[3]?.retry).toEqual({ retryCount: 3, maxRetryCount: -1, exception: { message: 'Error: not now' } });
    broken = false;
    await eventually(() => taken.has(20));
    for (const partition of PARTITIONS) expect(taken.ns(partition)).toEqual(upTo(20));
    expect(errors.mock.calls.flat().join()).toContain('not now');
  });

  test('of no JSON, of a name that every object has, of nothing: each is given as it is, and nothing stops', async () => {
    const given: unknown[] = [];
    start((messages) => void given.push(...messages));
    await producer.sendBatch(
      [
        { body: Buffer.from([0xff, 0xfe]) },
        { body: null },
        { body: { n: 1 }, properties: { __proto__x: 1, toString: 'x' } },
        { body: [1] },
      ],
      { partitionId: '0' },
    );
    await send(7, 7);
    await eventually(() => given.length === 8);
    expect(given).toEqual(expect.arrayContaining([{ n: 1 }, [1], { n: 7 }]));
  });
});

describe('what was taken', () => {
  test('does not come again when a host starts again, and what came meanwhile does', async () => {
    const first = new Taken();
    const host = start(first.take);
    await send(1, 12);
    await eventually(() => first.has(12));
    await host.stop();
    await send(13, 15);
    const second = new Taken();
    start(second.take);
    await eventually(() => second.has(15));
    for (const partition of PARTITIONS) expect(second.ns(partition)).toEqual(upTo(15, 13));
  });

  test('is only what the function has taken: a host that stops finishes its batch, gives up what is to be tried again, and takes no more', async () => {
    await send(1, 4, ['1']);
    let finish = (): void => {};
    const given: number[] = [];
    const slow = start(
      ([message]) => {
        given.push((message as Message).n);
        return new Promise<void>((resolve) => (finish = resolve));
      },
      { maxBatchSize: 1 },
    );
    await eventually(() => given.length === 1);
    let ended = false;
    const stopped = slow.stop().then(() => (ended = true));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(ended).toBe(false);
    finish();
    await stopped;
    expect(given).toEqual([1]);

    const failing = start(
      ([message]) => {
        given.push((message as Message).n);
        throw new Error('not now');
      },
      { maxBatchSize: 1, retryOptions: { ...FOR_EVER, delayInterval: { seconds: 60 } } },
    );
    await eventually(() => given.length === 2);
    await failing.stop();
    start((messages) => void given.push(...messages.map(({ n }) => n)));
    await eventually(() => given.includes(4));
    expect(given).toEqual([1, 2, 2, 3, 4]);
  });
});

describe('a link that is lost', () => {
  test.each([
    ['with the connection', async () => server.dropConnections()],
    ['with the connection, in order', () => server.hangUp()],
    ['alone', async () => server.detachReceivers()],
  ])('%s is opened again: nothing is left out', async (_, lose) => {
    const taken = new Taken();
    start(taken.take);
    await send(1, 3);
    await eventually(() => taken.has(3));
    await lose();
    await send(4, 6);
    await eventually(() => taken.has(6));
    for (const partition of PARTITIONS) expect(firsts(taken.ns(partition))).toEqual(upTo(6));
  });

  test('again and again: all messages are taken, in order', async () => {
    const taken = new Taken();
    await send(1, 60);
    start(
      async (messages, context) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        taken.take(messages, context);
      },
      { maxBatchSize: 1 },
    );
    await eventually(() => taken.batches.length > 0);
    server.dropEvery(400);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    server.dropEvery(0);
    // An answer that went with its connection the client waits for ten seconds, each time.
    await eventually(() => taken.has(60), { seconds: 90 });
    for (const partition of PARTITIONS) expect(firsts(taken.ns(partition))).toEqual(upTo(60));
  }, 120_000);
});

test('a function that wants its messages one by one is refused', () => {
  expect(() => start(() => {}, { cardinality: 'one' })).toThrow('cardinality');
});
