/**
 * The adapters on Service Bus and Event Hubs under the contracts of their ports, and what only they promise: through
 * the unmodified SDKs, against servers that speak AMQP as Azure does.
 */
import { EventHubConsumerClient, EventHubProducerClient, type ReceivedEventData } from '@azure/event-hubs';
import { ServiceBusClient } from '@azure/service-bus';
import { EventHubPublisher } from '../../adapters/azure/event-hubs';
import { AzureClients } from '../../adapters/azure/identity';
import { ServiceBus } from '../../adapters/azure/service-bus';
import { ServiceBusDeadlines } from '../../adapters/azure/service-bus-deadlines';
import { ServiceBusWorkQueue } from '../../adapters/azure/service-bus-queue';
import { StoreBusy } from '../../app/engine/ports';
import { toMillis, toTime } from '../../domain/kernel/time';
import { EventHubsServer } from '../servers/amqp/event-hubs';
import { ServiceBusServer } from '../servers/amqp/service-bus';
import { chain, EPOCH } from '../support/commits';
import { eventually } from '../support/eventually';
import type { Timed } from './contract';
import { deadlinesContract } from './deadlines.contract';
import { workQueueContract } from './work-queue.contract';

const DEADLINES = 'deadlines';
const LOCK_SECONDS = 30;
const ANSWER_MS = 2_000; // other work shares the machine

/** The clients as the product makes them. */
const clientsOf = ({ connectionString }: { connectionString: string }) =>
  new AzureClients({
    cosmos: { endpoint: 'http://127.0.0.1:1', key: '' },
    serviceBus: { connectionString },
    eventHubs: { connectionString },
    blobs: { connectionString: 'UseDevelopmentStorage=true' },
  });

/** A server whose time the test moves, with a client. */
async function serviceBus(options: { maxDeliveries?: number } = {}) {
  let now = toMillis(EPOCH);
  const server = await new ServiceBusServer({
    now: () => now,
    isQueue: (name) => name === DEADLINES || name.startsWith('queue-'),
    lockMs: LOCK_SECONDS * 1_000,
    duplicatesMs: 600_000,
    ...options,
  }).listen();
  const open = () => {
    const bus = new ServiceBus(
      () =>
        new ServiceBusClient(server.connectionString, {
          retryOptions: { timeoutInMs: 2_000, maxRetries: 3, retryDelayInMs: 10 },
        }),
      5,
      ANSWER_MS,
    );
    return { bus, close: () => bus.close() };
  };
  return {
    server,
    open,
    now: () => toTime(now),
    pass: async (seconds: number) => {
      now += seconds * 1_000;
      server.tick();
      await Promise.resolve();
    },
  };
}

/** An adapter as the contracts want it; `disturb` comes before each of its calls. */
async function timed<T extends object>(
  make: (bus: ServiceBus) => T,
  disturb?: (server: ServiceBusServer) => Promise<void>,
): Promise<Timed<T>> {
  const { server, open, now, pass } = await serviceBus();
  let opened = open();
  const store = (): T => {
    const made = make(opened.bus);
    if (disturb === undefined) return made;
    return new Proxy(made, {
      get: (target, name) => {
        const method = (target as Record<string | symbol, ((...args: unknown[]) => Promise<unknown>) | undefined>)[
          name
        ];
        return (
          method &&
          (async (...args: unknown[]) => {
            await disturb(server);
            return await method.apply(target, args);
          })
        );
      },
    });
  };
  return {
    store: store(),
    now,
    pass,
    reopen: async () => {
      await opened.close();
      opened = open();
      return store();
    },
    close: async () => {
      await opened.close();
      await server.close();
    },
  };
}

const dropped = (server: ServiceBusServer) => server.hangUp();

const detached = async (server: ServiceBusServer) => {
  server.detachReceivers();
  await new Promise((resolve) => setTimeout(resolve, 20)); // the client has to hear of it
};

deadlinesContract('Service Bus', () => timed((bus) => new ServiceBusDeadlines(bus, DEADLINES)));
deadlinesContract('Service Bus, with a connection that is cut before each call', () =>
  timed((bus) => new ServiceBusDeadlines(bus, DEADLINES), dropped),
);
workQueueContract('Service Bus', () => timed((bus) => new ServiceBusWorkQueue(bus)));
workQueueContract('Service Bus, with a connection that is cut before each call', () =>
  timed((bus) => new ServiceBusWorkQueue(bus), dropped),
);
workQueueContract('Service Bus, with links that are detached before each call', () =>
  timed((bus) => new ServiceBusWorkQueue(bus), detached),
);

describe('on Service Bus', () => {
  let bus: Awaited<ReturnType<typeof serviceBus>>;
  let opened: ReturnType<typeof bus.open>;

  beforeEach(async () => {
    bus = await serviceBus({ maxDeliveries: 2 });
    opened = bus.open();
  });
  afterEach(async () => {
    await opened.close();
    await bus.server.close();
  });

  test('a send whose answer is lost queues nothing twice', async () => {
    const queue = new ServiceBusWorkQueue(opened.bus);
    bus.server.loseAnswers(1);
    await queue.send('queue-a', [{ id: 'a', body: 1 }]);
    expect([bus.server.lost, bus.server.count('queue-a')]).toEqual([1, 1]);
  });

  test('a settlement whose answer is lost is done once, and says no more than it knows', async () => {
    const queue = new ServiceBusWorkQueue(opened.bus);
    await queue.send('queue-a', [{ id: 'a', body: 1 }]);
    const [item] = await queue.receive('queue-a', 1, 30, bus.now());
    bus.server.loseAnswers(1);
    expect(await queue.complete('queue-a', item as NonNullable<typeof item>)).toBe(false);
    expect([bus.server.lost, bus.server.count('queue-a')]).toEqual([1, 0]);
  });

  test('deadlines that died with their processes come back', async () => {
    const deadline = { stream: 'acme/task/1', reason: 'expires', due: bus.now() };
    await new ServiceBusDeadlines(opened.bus, DEADLINES).schedule([deadline]);
    for (const _ of [1, 2]) {
      expect(await new ServiceBusDeadlines(opened.bus, DEADLINES).due(bus.now(), 10)).toEqual([deadline]);
      await bus.pass(LOCK_SECONDS + 1);
    }
    const deadlines = new ServiceBusDeadlines(opened.bus, DEADLINES);
    expect([await deadlines.due(bus.now(), 10), bus.server.count(`${DEADLINES}/$DeadLetterQueue`)]).toEqual([[], 1]);
    await bus.pass(300);
    expect([await deadlines.due(bus.now(), 10), bus.server.count(`${DEADLINES}/$DeadLetterQueue`)]).toEqual([
      [deadline],
      0,
    ]);
  });

  test('a receiver gets more than its window holds', async () => {
    const deadlines = new ServiceBusDeadlines(opened.bus, DEADLINES);
    for (let round = 0; round < 5; round += 1) {
      const all = Array.from({ length: 500 }, (_, i) => ({
        stream: `acme/task/${round}-${i}`,
        reason: 'expires',
        due: bus.now(),
      }));
      await deadlines.schedule(all);
      const due = await deadlines.due(bus.now(), 500);
      expect(due).toHaveLength(500);
      await deadlines.settle(due, []);
    }
  });

  test('two processes share the deadlines: none is handed to both', async () => {
    const all = Array.from({ length: 20 }, (_, i) => ({ stream: `acme/task/${i}`, reason: 'expires', due: bus.now() }));
    const other = bus.open();
    const [a, b] = [new ServiceBusDeadlines(opened.bus, DEADLINES), new ServiceBusDeadlines(other.bus, DEADLINES)];
    await a.schedule(all);
    const handed = (await Promise.all([a.due(bus.now(), 10), b.due(bus.now(), 10)])).flat();
    expect(new Set(handed.map(({ stream }) => stream)).size).toBe(20);
    await other.close();
  });

  test('a namespace that stays throttled is busy, after few attempts and some seconds; what was asked for can be had later', async () => {
    const clients = clientsOf(bus.server);
    const real = new ServiceBus(() => clients.connectServiceBus());
    const queue = new ServiceBusWorkQueue(real);
    await queue.send('queue-a', [{ id: 'a', body: 1 }]);
    const sent = bus.server.transfers;
    bus.server.busy = true;
    const started = performance.now();
    const errors = await Promise.all(
      [
        real.send('queue-a', [{ body: 2 }]),
        queue.send('queue-a', [{ id: 'b', body: 2 }]),
        queue.dead('queue-a', 10),
      ].map((asked) =>
        asked.then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    );
    for (const error of errors) expect(error).toBeInstanceOf(StoreBusy);
    expect((errors[0] as StoreBusy).retryAfterMs).toBe(4_000);
    expect(bus.server.transfers - sent).toBe(4);
    expect(performance.now() - started).toBeGreaterThan(1_000);
    expect(performance.now() - started).toBeLessThan(10_000);
    bus.server.busy = false;
    await queue.send('queue-a', [{ id: 'b', body: 2 }]);
    expect((await queue.receive('queue-a', 10, 30, bus.now())).map(({ id }) => id)).toEqual(['a', 'b']);
    await real.close();
    await clients.close();
  });

  test.each(['send', 'receive', 'peek'] as const)(
    'a %s whose handshake gets no answer ends in time, and holds up none after it',
    async (what) => {
      const ask = {
        send: () => opened.bus.send('queue-a', [{ body: 1 }]),
        receive: () => opened.bus.receive({ queue: 'queue-a' }, 1),
        peek: () => opened.bus.peek({ queue: 'queue-a' }),
      };
      bus.server.silent = true;
      const started = performance.now();
      await expect(ask[what]()).rejects.toThrow('no answer');
      expect(performance.now() - started).toBeLessThan(5 * ANSWER_MS); // it is asked thrice
      bus.server.silent = false;
      const again = performance.now();
      await ask.send();
      await ask.receive();
      await ask.peek();
      expect(performance.now() - again).toBeLessThan(2 * ANSWER_MS);
    },
  );

  test('a client that hangs is replaced; what was received over the old one is settled over the new one', async () => {
    let clients = 0;
    const connect = () => {
      clients += 1;
      return new ServiceBusClient(bus.server.connectionString);
    };
    const real = new ServiceBus(connect, 5, ANSWER_MS);
    const queue = new ServiceBusWorkQueue(real);
    await queue.send('queue-a', [{ id: 'a', body: 1 }]);
    const [item] = await queue.receive('queue-a', 1, 30, bus.now());
    bus.server.silent = true;
    await expect(real.peek({ queue: 'queue-b' })).rejects.toThrow('no answer');
    bus.server.silent = false;
    expect(await queue.complete('queue-a', item as NonNullable<typeof item>)).toBe(true);
    expect([clients, bus.server.count('queue-a')]).toEqual([4, 0]);
    await real.close();
  });

  test('the server knows the rest of the protocol: cancel, renew, defer, peek', async () => {
    const client = new ServiceBusClient(bus.server.connectionString);
    const [sender, receiver] = [
      client.createSender('queue-a'),
      client.createReceiver('queue-a', { maxAutoLockRenewalDurationInMs: 0 }),
    ];
    const scheduled = await sender.scheduleMessages([{ body: 1 }, { body: 2 }], new Date(toMillis(bus.now()) + 1_000));
    await sender.cancelScheduledMessages(scheduled.slice(0, 1));
    await expect(sender.cancelScheduledMessages(scheduled.slice(0, 1))).rejects.toMatchObject({
      code: 'MessageNotFound',
    });
    expect((await receiver.peekMessages(10)).map(({ body, state }) => [body, state])).toEqual([[2, 'scheduled']]);
    await bus.pass(1);
    const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5 });
    const deferred = message as NonNullable<typeof message>;
    await bus.pass(LOCK_SECONDS - 1);
    await receiver.renewMessageLock(deferred);
    await bus.pass(LOCK_SECONDS - 1);
    await receiver.deferMessage(deferred);
    expect(await receiver.receiveMessages(1, { maxWaitTimeInMs: 5 })).toEqual([]);
    const [again] = await receiver.receiveDeferredMessages(
      deferred.sequenceNumber as NonNullable<typeof deferred.sequenceNumber>,
    );
    expect(again?.body).toBe(2);
    await receiver.completeMessage(again as NonNullable<typeof again>);
    expect(bus.server.count('queue-a')).toBe(0);
    await client.close();
  });

  test('the server refuses what Service Bus refuses', async () => {
    await expect(opened.bus.send('elsewhere', [{ body: 1 }])).rejects.toMatchObject({
      code: 'MessagingEntityNotFound',
    });
    await expect(opened.bus.send('queue-a', [{ body: 'x'.repeat(1_100_000) }])).rejects.toThrow(RangeError);
  });
});

describe('on Event Hubs', () => {
  const HUB = 'events';
  const retryOptions = { timeoutInMs: 2_000, maxRetries: 3, retryDelayInMs: 10 };
  let server: EventHubsServer;
  let publisher: EventHubPublisher;
  let clients: number;
  const start = async (maxMessageBytes?: number) => {
    server = await new EventHubsServer({ hubs: { [HUB]: 4 }, maxMessageBytes }).listen();
    clients = 0;
    const connect = () => {
      clients += 1;
      return new EventHubProducerClient(server.connectionString, HUB, { retryOptions });
    };
    return (publisher = new EventHubPublisher(connect, 3 * ANSWER_MS));
  };
  afterEach(async () => {
    await publisher.close();
    await server.close();
  });
  const commitsOf = (stream: string, count: number) => chain(stream, count).map(({ commit }) => commit);
  /** Ids that the hub has taken in, in their order, by partition key. */
  const published = () => {
    const keys = new Map<string, string[]>();
    for (const { key, body } of server.taken(HUB))
      keys.set(key ?? '', [
        ...(keys.get(key ?? '') ?? []),
        ...[body].flat().map((event) => (event as { id: string }).id),
      ]);
    return keys;
  };
  const ids = (stream: string, count: number) =>
    commitsOf(stream, count).flatMap(({ index, events }) => events.map((_, n) => `${stream}@${index}.${n}`));

  test('each stream goes to one partition, in order, in few messages', async () => {
    const publisher = await start();
    await publisher.handle([...commitsOf('acme/task/1', 40), ...commitsOf('acme/task/2', 1)]);
    expect(Object.fromEntries(published())).toEqual({
      'acme/task/1': ids('acme/task/1', 40),
      'acme/task/2': ids('acme/task/2', 1),
    });
    expect(server.taken(HUB).length).toBeLessThan(10);
    for (const { body, contentType } of server.taken(HUB))
      expect(contentType).toBe(`application/cloudevents${Array.isArray(body) ? '-batch' : ''}+json; charset=UTF-8`);
  });

  test('again is the same, with the same ids', async () => {
    const publisher = await start();
    await publisher.handle(commitsOf('acme/task/1', 3));
    await publisher.handle(commitsOf('acme/task/1', 3));
    expect(published().get('acme/task/1')).toEqual([...ids('acme/task/1', 3), ...ids('acme/task/1', 3)]);
  });

  test('what is too large for a batch goes in several; what is too large for the hub goes without its data', async () => {
    const publisher = await start(4_096);
    const [commit] = commitsOf('acme/task/1', 1);
    const events = [10, 3_000, 3_000, 9_000, 10].map((size, n) => ({
      type: 'Happened',
      v: 1,
      data: { n, text: 'x'.repeat(size) },
    }));
    for (const event of events)
      await publisher.handle([{ ...(commit as NonNullable<typeof commit>), events: [event] }]);
    const bodies = server.taken(HUB).map(({ body }) => body as { data?: { n: number }; dataref?: string });
    expect(bodies.map(({ data, dataref }) => data?.n ?? dataref)).toEqual([0, 1, 2, '/v1/streams/task/1', 4]);
  });

  test('a connection that is cut and an answer that is lost lose no event', async () => {
    const publisher = await start();
    await publisher.handle(commitsOf('acme/task/1', 1));
    await server.hangUp();
    server.loseAnswers(1);
    await publisher.handle(commitsOf('acme/task/2', 2));
    expect([server.lost, new Set(published().get('acme/task/2'))]).toEqual([1, new Set(ids('acme/task/2', 2))]);
  });

  test('a namespace that stays throttled is busy, after some seconds', async () => {
    await start();
    const real = new EventHubPublisher(() => clientsOf(server).connectEventHub(HUB));
    server.busy = true;
    const started = performance.now();
    await expect(real.handle(commitsOf('acme/task/1', 1))).rejects.toThrow(StoreBusy);
    expect(performance.now() - started).toBeLessThan(10_000);
    server.busy = false;
    await real.handle(commitsOf('acme/task/1', 1));
    expect(published().get('acme/task/1')).toEqual(ids('acme/task/1', 1));
    await real.close();
  });

  test('a client that hangs is replaced, and nothing is lost', async () => {
    await start();
    server.silent = true;
    await expect(publisher.handle(commitsOf('acme/task/1', 2))).rejects.toThrow(StoreBusy);
    server.silent = false;
    await publisher.handle(commitsOf('acme/task/1', 2));
    expect([clients, published().get('acme/task/1')]).toEqual([2, ids('acme/task/1', 2)]);
  });

  test('a receiver that is detached goes on where it was', async () => {
    const publisher = await start();
    const consumer = new EventHubConsumerClient('$Default', server.connectionString, HUB, { retryOptions });
    const received: ReceivedEventData[] = [];
    const subscription = consumer.subscribe(
      { processEvents: async (events) => void received.push(...events), processError: async () => undefined },
      { startPosition: { offset: '-1' }, maxWaitTimeInSeconds: 1 },
    );
    const streams = Array.from({ length: 12 }, (_, i) => `acme/task/${i}`);
    for (const stream of streams) {
      await publisher.handle(commitsOf(stream, 1));
      if (stream.endsWith('5')) server.detachReceivers();
    }
    await eventually(() => received.length >= 12);
    await subscription.close();
    await consumer.close();
    expect(received.map(({ partitionKey }) => partitionKey).sort()).toEqual([...streams].sort());
  });
});
