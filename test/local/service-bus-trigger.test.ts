/** Functions that are called with the messages of a queue: through the unmodified SDK, on a server of ours. */
import '../support/library';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { InvocationContext } from '@azure/functions';
import { ServiceBusClient } from '@azure/service-bus';
import { Connections } from '../../local/connections';
import type { Binding } from '../../local/core';
import { ServiceBusTrigger } from '../../local/service-bus-trigger';
import { ServiceBusServer } from '../servers/amqp/service-bus';
import { eventually } from '../support/eventually';
import { hostOf, upTo } from '../support/triggers';

interface Message {
  readonly n: number;
}
type Handler = (message: Message, context: InvocationContext) => unknown;

const QUEUE = 'jobs';
const DEAD = `${QUEUE}/$DeadLetterQueue`;
const CONNECTION = 'TEST_SERVICEBUS';
const MAX_DELIVERIES = 3;
const AT_ONCE = 4;

let server: ServiceBusServer;
let folder: string;
const hosts: { stop(): Promise<void> }[] = [];
const errors = jest.spyOn(console, 'error').mockImplementation(() => {});

beforeEach(async () => {
  server = await new ServiceBusServer({
    now: () => Date.now(),
    isQueue: (name) => name === QUEUE,
    lockMs: 30_000,
    maxDeliveries: MAX_DELIVERIES,
  }).listen();
  process.env[CONNECTION] = server.connectionString;
  process.env['TEST_QUEUE'] = QUEUE;
  folder = mkdtempSync(path.join(tmpdir(), 'formicary-bus-'));
  errors.mockClear();
});
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
  await server.close();
  rmSync(folder, { recursive: true });
});
afterAll(() => {
  delete process.env[CONNECTION];
  delete process.env['TEST_QUEUE'];
});

/** Sends messages `from`..`to`. */
async function send(from: number, to: number): Promise<void> {
  const client = new ServiceBusClient(server.connectionString);
  await client
    .createSender(QUEUE)
    .sendMessages(upTo(to, from).map((n) => ({ body: { n }, messageId: `message-${n}` })));
  await client.close();
}

function start(callback: Handler) {
  const connections = new Connections(folder);
  const binding: Binding = {
    type: 'serviceBusTrigger',
    name: 't',
    direction: 'in',
    connection: CONNECTION,
    queueName: '%TEST_QUEUE%',
  };
  const trigger = new ServiceBusTrigger(
    { name: 'messages', bindings: { t: binding }, callback: callback as (...args: unknown[]) => unknown },
    connections.serviceBus(CONNECTION),
    AT_ONCE,
  );
  const host = hostOf(trigger, connections);
  hosts.push(host);
  return host;
}

const sorted = (ns: readonly number[]) => ns.toSorted((a, b) => a - b);
const deliveryOf = ({ triggerMetadata }: InvocationContext) =>
  (triggerMetadata as { deliveryCount: number }).deliveryCount;

test('each message comes once, with what Azure says about it, and is gone after its call', async () => {
  const given: { message: Message; metadata: unknown }[] = [];
  start((message, { triggerMetadata }) => void given.push({ message, metadata: triggerMetadata }));
  await send(1, 20);
  await eventually(() => server.count(QUEUE) === 0);
  expect(sorted(given.map(({ message }) => message.n))).toEqual(upTo(20));
  expect(given.find(({ message }) => message.n === 7)?.metadata).toEqual({
    messageId: 'message-7',
    deliveryCount: 1,
    lockToken: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    sequenceNumber: 7,
    enqueuedTimeUtc: expect.stringMatching(/T[\d:.]+$/) as string,
    enqueuedTime: expect.stringMatching(/\+00:00$/) as string,
    expiresAtUtc: '9999-12-31T23:59:59.9999999',
    expiresAt: '9999-12-31T23:59:59.9999999+00:00',
    applicationProperties: {},
    userProperties: {},
  });
  expect(errors).not.toHaveBeenCalled();
});

test('what is scheduled comes when it is due, though nobody asks for anything meanwhile', async () => {
  const given: number[] = [];
  start(({ n }) => void given.push(n));
  const client = new ServiceBusClient(server.connectionString);
  const scheduledEnqueueTimeUtc = new Date(Date.now() + 1_500);
  await client.createSender(QUEUE).sendMessages({ body: { n: 1 }, scheduledEnqueueTimeUtc });
  await client.close();
  expect(given).toEqual([]);
  await eventually(() => given.length === 1);
});

test('calls run side by side, and no more of them than are allowed', async () => {
  const waiting: (() => void)[] = [];
  let most = 0;
  start(() => new Promise<void>((resolve) => (most = Math.max(most, waiting.push(resolve)))));
  await send(1, 12);
  for (let left = 12; left > 0; left -= AT_ONCE) {
    await eventually(() => waiting.length === AT_ONCE);
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const finish of waiting.splice(0)) finish();
  }
  await eventually(() => server.count(QUEUE) === 0);
  expect(most).toBe(AT_ONCE);
});

test('a message that fails comes again, and is dead after its deliveries; the others go on', async () => {
  const given: [number, number][] = [];
  start(({ n }, context) => {
    given.push([n, deliveryOf(context)]);
    if (n === 2 || (n === 3 && deliveryOf(context) === 1)) throw new Error('not now');
  });
  await send(1, 5);
  await eventually(() => server.count(QUEUE) === 0);
  const deliveries = (of: number) => given.flatMap(([n, delivery]) => (n === of ? [delivery] : []));
  expect(upTo(5).map(deliveries)).toEqual([[1], upTo(MAX_DELIVERIES), [1, 2], [1], [1]]);
  expect(server.count(DEAD)).toBe(1);
  const client = new ServiceBusClient(server.connectionString);
  const receiver = client.createReceiver(QUEUE, { subQueueType: 'deadLetter' });
  const [dead] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 5_000 });
  await client.close();
  expect([dead?.body, dead?.deadLetterReason]).toEqual([{ n: 2 }, 'MaxDeliveryCountExceeded']);
  expect(errors.mock.calls.flat().join()).toContain('not now');
});

test('a host that stops finishes its calls, whose messages are gone then, and leaves the others to the next one', async () => {
  const given: number[] = [];
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const host = start(async ({ n }) => {
    given.push(n);
    await finished;
  });
  await send(1, 10);
  await eventually(() => given.length === AT_ONCE);
  let ended = false;
  const stopped = host.stop().then(() => (ended = true));
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect([ended, given.length]).toEqual([false, AT_ONCE]);
  finish();
  await stopped;
  expect([given.length, server.count(QUEUE)]).toEqual([AT_ONCE, 10 - AT_ONCE]);

  const next: number[] = [];
  start(({ n }) => void next.push(n));
  await eventually(() => server.count(QUEUE) === 0);
  expect(sorted([...given, ...next])).toEqual(upTo(10));
});

test.each([
  ['with the connection', async () => server.dropConnections()],
  ['with the connection, in order', () => server.hangUp()],
  ['alone', async () => server.detachReceivers()],
])('a link that is lost %s is opened again', async (_, lose) => {
  const given: number[] = [];
  start(({ n }) => void given.push(n));
  await send(1, 3);
  await eventually(() => server.count(QUEUE) === 0);
  await lose();
  await send(4, 6);
  await eventually(() => server.count(QUEUE) === 0);
  expect(sorted(given)).toEqual(upTo(6));
});
