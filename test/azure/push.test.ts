/** The client's inbox as it fills: two instances tell agents by Web PubSub, and while that is away long polls do. */
import { Formicary, type Inbox } from '../../client/client';
import { type Servers, startServers } from '../servers/servers';
import { WebPubSubServer } from '../servers/web-pubsub';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';

jest.setTimeout(120_000); // other work shares the machine

let servers: Servers;
let service: WebPubSubServer;
let hosts: readonly TestHost[];
const stop = new AbortController();
let asking: Formicary;
let answering: Formicary;

beforeAll(async () => {
  servers = await startServers();
  service = await new WebPubSubServer().start();
  hosts = await Promise.all(
    service.connectionStrings.map((key) => startTestHost({ env: { ...servers.settings, FORMICARY_WEBPUBSUB: key } })),
  );
  [asking, answering] = hosts.map(({ url }) => new Formicary({ url, tenant: 'acme' })) as [Formicary, Formicary];
});
afterAll(async () => {
  stop.abort();
  for (const client of [asking, answering]) client.close();
  await Promise.all(hosts.map((host) => host.stop()));
  await service.stop();
  await servers.stop();
});

const sends = () => service.requests.filter((request) => request.endsWith(':send')).length;
const post = (id: string) =>
  asking.as('human:ada').tasks.post({ id, task_type: 'job', requires: [{ capability: 'x' }], priority: 0.9 });

test('an end that nobody tells of is noticed by a silence, and the agent connects again', async () => {
  const over = new AbortController();
  const agent = answering.as('bea');
  await agent.agents.put('bea', { agent_type: 'worker', capabilities: ['y'], limits: { presence_seconds: 3 } });
  const how: string[] = [];
  const watching = (async () => {
    const watch = agent.agents.watch('bea', { signal: over.signal, onWaiting: (now) => how.push(now) });
    for await (const { items } of watch) expect(items).toEqual([]);
  })();
  await eventually(() => service.connected === 1, { what: 'a connection' });
  service.freeze();
  await eventually(() => service.connected === 1, { what: 'another connection' });
  over.abort();
  await watching;
  expect(how[0]).toBe('push');
});

test('an agent is told once of each award, whichever instance it asks, and finds it though nobody tells', async () => {
  const how: string[] = [];
  const shown: string[] = [];
  const agent = answering.as('ann');
  await agent.agents.put('ann', { agent_type: 'worker', capabilities: ['x'], capacity: 10 });
  const { look_seconds } = await agent.agents.connect('ann');
  expect(look_seconds).toBe(30);

  const take = async ({ items }: Inbox) => {
    for (const item of items) {
      if (item.kind !== 'assignment') continue;
      shown.push(item.task);
      await agent.tasks.accept(item.task, { award: item.award });
    }
  };
  const watching = (async () => {
    for await (const page of agent.agents.watch('ann', { signal: stop.signal, onWaiting: (now) => how.push(now) }))
      await take(page);
  })();
  await eventually(() => how.length === 1, { what: 'a connection' });
  for (const id of ['a', 'b']) {
    await post(id);
    await eventually(() => shown.includes(id), { what: `${id} to be shown` });
  }
  expect(how).toEqual(['push']);

  // It connects again, and looks for what it has missed.
  service.drop();
  await post('c');
  await eventually(() => shown.includes('c') && service.connected === 1, { what: 'c, over a new connection' });
  await post('d');
  await eventually(() => shown.includes('d'), { what: 'd to be shown' });

  // Nobody tells: long polls do.
  await service.stop();
  await eventually(() => how.at(-1) === 'poll', { what: 'a long poll' });
  await post('e');
  await eventually(() => shown.includes('e'), { what: 'e to be shown' });
  stop.abort();
  await watching;
  expect([how, shown]).toEqual([
    ['push', 'poll'],
    ['a', 'b', 'c', 'd', 'e'],
  ]);
  // Both instances have heard of each, and one has told, or none: a hint may be lost. Where an offer is not heard of
  // together with its award, that is told too.
  expect(service.senders.size).toBe(1);
  expect(sends()).toBeLessThanOrEqual(2 * 4);
});
