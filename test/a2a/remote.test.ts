/** An agent elsewhere works in the swarm: here it is the colony itself, by its own door. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { boundedFetch } from '../../cli/market/remote';
import { Formicary } from '../../client/client';
import { Fail, Worker } from '../../client/index';
import { eventually } from '../support/eventually';
import { compiledApp, startTestHost, type TestHost } from '../support/host';

let host: TestHost;
let owner: Formicary;
const relays: ChildProcess[] = [];

beforeAll(async () => {
  host = await startTestHost({ env: { FORMICARY_DEV_HEADERS: 'off' } });
  owner = new Formicary({ url: host.url, credentials: { key: host.key } });
});
afterAll(async () => {
  for (const relay of relays) if (relay.exitCode === null) relay.kill('SIGKILL');
  owner.close();
  await host.stop();
});

/** The command line, with the remote agent's own token. */
async function relay(agent: string, url: string, type: string): Promise<ChildProcess> {
  const token = (await owner.identity.issue({ subject: `outside-${agent}` })).access_token;
  const child = spawn(
    process.execPath,
    [join(compiledApp(), 'dist/cli/main.js'), 'remote', agent, url, '--type', type],
    {
      env: { ...process.env, FORMICARY_URL: host.url, FORMICARY_DATA: host.data, FORMICARY_A2A_TOKEN: token },
      stdio: 'inherit',
    },
  );
  relays.push(child);
  return child;
}

test('its artifacts are the result, and why it has refused is why the attempt has failed', async () => {
  const inside = new Worker({ formicary: owner.as('inside-1'), agent: 'inside-1', agent_type: 'a2a.message' });
  await inside.start(async (task) => {
    const { message } = (await task.payload()) as { message: { parts: { text?: string; data?: object }[] } };
    if (message.parts[0]?.text === 'nonsense') throw new Fail('this makes no sense', { retryable: false });
    return { artifacts: [{ artifactId: 'sum', parts: [{ data: { of: message.parts } }] }] };
  });
  const child = await relay('books-1', host.url, 'finance.outside');
  const [done, failed] = await Promise.all(
    [{ invoice: 4711 }, 'nonsense'].map(async (payload) => {
      const { task } = await owner.tasks.post({ task_type: 'finance.outside', payload, max_attempts: 1 });
      return await eventually(async () => {
        const now = await owner.tasks.get(task.id);
        return ['completed', 'dead'].includes(now.status) && now;
      });
    }),
  );
  expect(done).toMatchObject({
    status: 'completed',
    completion: {
      agent: 'books-1',
      result: { artifacts: [{ artifactId: 'sum', parts: [{ data: { of: [{ data: { invoice: 4711 } }] } }] }] },
    },
  });
  expect(failed).toMatchObject({ status: 'dead', history: [{ reason: expect.stringContaining('TASK_STATE_FAILED') }] });
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  await inside.stop();
});

const servers: Server[] = [];
afterAll(() => servers.forEach((server) => server.close()));

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A card of an agent whose address is `url`. */
const cardOf = (url: string) => ({
  name: 'Books',
  description: 'Keeps books.',
  version: '1',
  supportedInterfaces: [{ url, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
  capabilities: {},
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [],
});

test('an answer that is lost is asked for again: the task is done once', async () => {
  const sent: string[] = [];
  const hops: unknown[] = [];
  const lost = new Set(['SendMessage', 'GetTask']);
  const url = await serve((request, response) => {
    if (request.method === 'GET') return void response.end(JSON.stringify(cardOf(url)));
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      const { id, method, params } = JSON.parse(text) as {
        readonly id: number;
        readonly method: string;
        readonly params: { readonly message: { readonly messageId: string; readonly metadata: object } };
      };
      if (method === 'SendMessage') {
        sent.push(params.message.messageId);
        hops.push(params.message.metadata);
      }
      if (lost.delete(method)) return void response.writeHead(503).end();
      const state = method === 'GetTask' ? 'TASK_STATE_COMPLETED' : 'TASK_STATE_WORKING';
      const artifacts = [{ artifactId: 'a', parts: [{ text: 'booked' }] }];
      const task = { id: 'theirs', contextId: 'c', status: { state }, ...(method === 'GetTask' && { artifacts }) };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: method === 'GetTask' ? task : { task } }));
    });
  });
  const child = await relay('books-2', url, 'finance.lossy');
  const { task } = await owner.tasks.post({ task_type: 'finance.lossy', payload: 'book it' });
  const done = await eventually(async () => {
    const now = await owner.tasks.get(task.id);
    return now.status === 'completed' && now;
  });
  expect(done).toMatchObject({ attempts: 1, completion: { result: { artifacts: [{ artifactId: 'a' }] } } });
  expect(lost.size).toBe(0);
  expect(new Set(sent)).toEqual(new Set([`${task.id}.1`]));
  // Each colony that a message passes counts.
  const message = { parts: [{ text: 'book it' }], metadata: { 'dev.formicary/hops': 2 } };
  const { task: passed } = await owner.tasks.post({ task_type: 'finance.lossy', payload: { message } });
  await eventually(async () => (await owner.tasks.get(passed.id)).status === 'completed');
  expect(hops).toEqual([1, 1, 3].map((count) => ({ 'dev.formicary/hops': count })));
  child.kill('SIGTERM');
  await once(child, 'exit');
});

describe('what is asked of the remote agent has bounds', () => {
  test('an agent whose card leads elsewhere is not worked with', async () => {
    const url = await serve((_, response) => response.end(JSON.stringify(cardOf('http://other.example/a2a'))));
    const child = await relay('books-3', url, 'finance.elsewhere');
    expect((await once(child, 'exit'))[0]).toBeGreaterThan(0);
  });

  test('a card that leads elsewhere gets no token there', async () => {
    const asked: (string | undefined)[] = [];
    const other = await serve((request, response) => {
      asked.push(request.headers.authorization);
      response.end('{}');
    });
    const own = await serve((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(request.url === '/moved' ? 307 : 200, { location: other }).end('{}');
    });
    const ask = boundedFetch(new URL(own).origin, 'secret');
    expect((await ask(own)).status).toBe(200);
    await expect(ask(other)).rejects.toThrow('which is not its host');
    await expect(ask(`${own}/moved`)).rejects.toThrow();
    expect(asked).toEqual(['Bearer secret', 'Bearer secret']);
  });

  test('an answer without end is not read to its end', async () => {
    const endless = await serve((_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x')));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    await expect(boundedFetch(endless, undefined)(endless)).rejects.toThrow('more than 1000000 bytes');
  });
});
