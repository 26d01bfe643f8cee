/**
 * Signals through an event hub, and events out to another, from a whole host in the profile azure: through the
 * unmodified SDK, on servers of ours.
 */
import { type EventData, EventHubProducerClient } from '@azure/event-hubs';
import { type Servers, startServers } from '../servers/servers';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';

jest.setTimeout(120_000); // other work shares the machine

const TENANT = 'acme';
const STRUCTURED = 'application/cloudevents+json; charset=UTF-8';

let servers: Servers;
let producer: EventHubProducerClient;
let host: TestHost;

beforeAll(async () => {
  servers = await startServers();
  producer = new EventHubProducerClient(servers.settings['FORMICARY_EVENTHUBS'] as string, 'signals');
  host = await startTestHost({ env: servers.settings });
});
afterAll(async () => {
  await host.stop();
  await producer.close();
  await servers.stop();
});

const cloudEvent = (id: string, location: string, strength: number) => ({
  specversion: '1.0',
  id,
  source: '/sensors',
  type: 'formicary.signal.load_high',
  subject: location,
  tenant: TENANT,
  datacontenttype: 'application/json',
  data: { strength, decay_rate: 0 },
});
const plain = (location: string, strength: number) => ({
  tenant: TENANT,
  type: 'load_high',
  location,
  strength,
  decay_rate: 0,
});

interface Trail {
  readonly location: string;
  readonly strength: number;
}

/** Strengths by location, below one place. */
async function field(location: string): Promise<Record<string, number>> {
  const answer = await fetch(`${host.url}/v1/signals?location=${encodeURIComponent(location)}`, {
    headers: { 'x-formicary-tenant': TENANT, 'x-formicary-principal': 'reader' },
  });
  const { value } = (await answer.json()) as { value: Trail[] };
  return Object.fromEntries(value.map((trail) => [trail.location, trail.strength]));
}

const send = (partitionId: string, ...events: EventData[]) => producer.sendBatch(events, { partitionId });
const parked = () => servers.bus.count('parked-signals/$DeadLetterQueue');

test('CloudEvents and plain JSON become signals that can be read; a poison event is parked alone; what happened goes out as CloudEvents', async () => {
  await send(
    '0',
    { body: cloudEvent('one', 'site/1', 0.5), contentType: STRUCTURED },
    { body: 'poison' },
    { body: plain('site/2', 0.25) },
  );
  await send('1', { body: [plain('site/3', 0.75), plain('site/4', 0.125)] });
  await send('2', {
    body: { strength: 0.375, decay_rate: 0 },
    properties: {
      'cloudEvents:specversion': '1.0',
      'cloudEvents:id': 'binary',
      'cloudEvents:source': '/sensors',
      'cloudEvents:type': 'load_high',
      'cloudEvents:subject': 'site/5',
      'cloudEvents:tenant': TENANT,
    },
  });
  const expected = { 'site/1': 0.5, 'site/2': 0.25, 'site/3': 0.75, 'site/4': 0.125, 'site/5': 0.375 };
  await eventually(async () => Object.keys(await field('site')).length === Object.keys(expected).length);
  expect(await field('site')).toEqual(expected);
  await eventually(() => parked() > 0);
  expect(parked()).toBe(1);

  const out = () =>
    servers.hubs.taken('events').flatMap(
      ({ body }) =>
        (Array.isArray(body) ? body : [body]) as {
          type: string;
          tenant: string;
          data: { location: string; strength: number };
        }[],
    );
  const emitted = () => out().filter(({ type }) => type === 'formicary.trail.SignalEmitted.v1');
  await eventually(() => new Set(emitted().map(({ data }) => data.location)).size === Object.keys(expected).length);
  for (const { tenant, data } of emitted())
    expect([tenant, data.strength]).toEqual([TENANT, expected[data.location as keyof typeof expected]]);
});

test('a host that is killed and starts again goes on where it was: nothing is left out, and nothing emitted twice', async () => {
  const { data, port } = host;
  await send('0', { body: plain('after/1', 0.25) });
  await eventually(async () => Object.keys(await field('after')).length === 1);
  await host.kill('SIGKILL');
  await send('0', { body: plain('after/2', 0.25) });
  const again = await startTestHost({ data, port, env: servers.settings });
  await eventually(async () => Object.keys(await field('after')).length === 2);
  expect(await field('after')).toEqual({ 'after/1': 0.25, 'after/2': 0.25 });
  expect(parked()).toBe(1);
  expect(await again.kill('SIGTERM')).toBe(0);
});
