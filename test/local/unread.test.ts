/** Answers that nobody reads: what they hold is bounded together, and who reads is served. */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { HttpFront } from '../../local/http-front';
import { Router } from '../../local/router';
import { Unread } from '../../local/unread';

/** More than sockets hold. */
const LARGE = 16_000_000;
const body = Buffer.alloc(LARGE, 'x');

/** Asks, and reads nothing before it is told to. */
async function ask(port: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1').pause();
  socket
    .on('error', () => undefined)
    .write(`GET /large HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`);
  await once(socket, 'connect');
  return socket;
}

async function bytesOf(socket: net.Socket): Promise<number> {
  let bytes = 0;
  socket.on('data', (chunk) => (bytes += chunk.length)).resume();
  await once(socket, 'close');
  return bytes;
}

test('the one that waits for the longest time loses its connection where they hold too much', async () => {
  const unread = new Unread(2.5 * LARGE);
  const answers: ServerResponse[] = [];
  const server: Server = createServer((_, response) => {
    answers.push(response.end(body));
    void unread.read(response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const asked = async () => {
    const socket = await ask(port);
    while (answers.length < sockets.length + 1) await once(server, 'request');
    return socket;
  };
  const sockets: net.Socket[] = [];
  try {
    for (let n = 0; n < 4; n += 1) sockets.push(await asked());
    expect(answers.map(({ req }) => req.socket.destroyed)).toEqual([true, true, false, false]);
    expect(await bytesOf(sockets[3]!)).toBeGreaterThan(LARGE);
    // What was read holds nothing any more.
    sockets.push(await asked());
    expect(answers.map(({ req }) => req.socket.destroyed)).toEqual([true, true, false, true, false]);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    server.close();
  }
});

test('a host that stops cuts off no answer that is on its way', async () => {
  const front = new HttpFront();
  const router = new Router<() => Promise<unknown>>();
  let served: (() => void) | undefined;
  const serving = new Promise<void>((resolve) => (served = resolve));
  router.add('GET', 'large', () => {
    served?.();
    return Promise.resolve({ body });
  });
  const port = Number(new URL(await front.listen(0, '127.0.0.1')).port);
  front.serve(router);
  const socket = await ask(port);
  await serving;
  const closed = front.close(10);
  expect(await bytesOf(socket)).toBeGreaterThan(LARGE);
  await closed;
});
