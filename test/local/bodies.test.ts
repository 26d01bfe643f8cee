/** Bodies that arrive at once: what they hold is bounded together, and the large and slow ones give way. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Problem } from '../../functions/edge/problem';
import { Bodies } from '../../local/bodies';

let server: Server;
let port: number;
let arrived = 0;
const sockets: net.Socket[] = [];

beforeEach(async () => {
  const bodies = new Bodies(10_000, 30_000);
  server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => (arrived += chunk.length));
    bodies.read(request, response).then(
      (body) => response.end(String(body?.length)),
      ({ document }: Problem) => response.writeHead(document.status, { 'retry-after': '1', connection: 'close' }).end(),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  arrived = 0;
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.closeAllConnections();
  server.close();
});

/** Begins a body of 10,000 bytes, and sends so much of it. */
async function begin(bytes: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  sockets.push(socket);
  const until = arrived + bytes;
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n${'x'.repeat(bytes)}`);
  while (arrived < until) await new Promise((resolve) => setTimeout(resolve, 5));
  return socket;
}

const post = async (bytes: number): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'y'.repeat(bytes) });
  return `${response.status} ${await response.text()}`;
};

test('those that end none of theirs keep nobody else from sending: the largest gives way', async () => {
  const [largest] = [await begin(9_900), await begin(9_000), await begin(9_000)];
  expect(await post(3_000)).toBe('200 3000');
  expect(await text(largest)).toMatch(/^HTTP\/1.1 503 .*retry-after: 1\r\n/s);
  // What was refused holds nothing any more, nor does what has come whole or was left.
  expect(await post(10_000)).toBe('200 10000');
  for (const socket of sockets.splice(0)) socket.destroy();
  const others = await Promise.all([begin(9_900), begin(9_900), begin(9_900)]);
  expect(others.map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
});

test('one that is too large is refused', async () => {
  expect(await post(10_001)).toMatch(/^413/);
});

test('of whoever has left before their body was asked for, nothing is waited for', async () => {
  const outcomes: Promise<string>[] = [];
  const late = createServer((request, response) => {
    const left = new Promise((resolve) => request.once('close', resolve).on('error', () => undefined));
    const read = left.then(() => new Bodies().read(request, response));
    outcomes.push(
      read.then(
        () => 'read',
        ({ document }: Problem) => document.detail,
      ),
    );
  }).listen(0, '127.0.0.1');
  await once(late, 'listening');
  try {
    for (const sent of ['x'.repeat(10), 'x']) {
      const socket = net.connect((late.address() as AddressInfo).port, '127.0.0.1');
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n${sent}`);
      await once(late, 'request');
      socket.destroy();
    }
    // All of one had come, a part of the other.
    expect(await Promise.all(outcomes)).toEqual(['The body ended early.', 'The body ended early.']);
  } finally {
    late.close();
  }
});
