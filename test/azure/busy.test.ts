/** What a caller hears over HTTP of a store that stays throttled, from a whole host in the profile azure. */
import { Formicary } from '../../client/client';
import { type Servers, startServers } from '../servers/servers';
import { startTestHost, type TestHost } from '../support/host';

jest.setTimeout(120_000); // other work shares the machine

let servers: Servers;
let host: TestHost;

beforeAll(async () => {
  servers = await startServers();
  host = await startTestHost({ env: servers.settings });
});
beforeEach(() => {
  servers.cosmos.throughput = Infinity;
});
afterAll(async () => {
  await host.stop();
  await servers.stop();
});

const post = (id: string) =>
  fetch(`${host.url}/v1/tasks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': `post-${id}` },
    body: JSON.stringify({ id, task_type: 'erp.order' }),
  });
const read = (id: string) => fetch(`${host.url}/v1/tasks/${id}`);
const PROBLEM = { type: 'https://formicary.dev/problems/unavailable', status: 503, retryAfterSeconds: 1 };

test('a command is answered with 503 and Retry-After, has done nothing, and is done when it comes again', async () => {
  expect((await post('before')).status).toBe(201);
  servers.cosmos.throughput = 0;
  const [refused, unread] = await Promise.all([post('later'), read('never-read')]);
  for (const answer of [refused, unread]) {
    expect([answer.status, answer.headers.get('retry-after'), answer.headers.get('content-type')]).toEqual([
      503,
      '1',
      'application/problem+json',
    ]);
    expect(await answer.json()).toMatchObject(PROBLEM);
  }
  servers.cosmos.throughput = Infinity;
  expect((await read('later')).status).toBe(404);
  const done = await post('later');
  expect([done.status, await done.json()]).toMatchObject([201, { receipt: { version: 0, repeated: false } }]);
  expect(host.output()).not.toContain('errorId');
});

test('the client waits, and comes again by itself', async () => {
  servers.cosmos.throughput = 0;
  const client = new Formicary({ url: host.url });
  const posted = client.tasks.post({ id: 'patient', task_type: 'erp.order' });
  setTimeout(() => (servers.cosmos.throughput = Infinity), 5_000); // longer than the host goes on trying
  expect((await posted).receipt).toMatchObject({ version: 0, repeated: false });
  client.close();
});
