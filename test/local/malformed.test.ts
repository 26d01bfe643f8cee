/** What takes too long to arrive is told so, unless it was the process that was away. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { refuseMalformed } from '../../local/malformed';

const HEADERS_MS = 300;

let server: Server;
let port: number;

beforeEach(async () => {
  server = createServer(
    { headersTimeout: HEADERS_MS, requestTimeout: 2 * HEADERS_MS, connectionsCheckingInterval: 50 },
    (request, response) => {
      request.resume().on('end', () => response.end('done'));
    },
  );
  refuseMalformed(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** A connection that the server knows, and what is answered on it. */
async function connected(): Promise<{ socket: net.Socket; answer: () => Promise<string> }> {
  const known = once(server, 'connection');
  const socket = net.connect(port, '127.0.0.1').setEncoding('utf8');
  await Promise.all([known, once(socket, 'connect')]);
  let heard = '';
  socket.on('data', (text: string) => (heard += text)).on('error', () => undefined);
  const answer = async () => {
    while (!heard.includes('\r\n\r\n')) await once(socket, 'data');
    return heard.split('\r\n', 1)[0] as string;
  };
  return { socket, answer };
}

/** Nothing runs in this process meanwhile: neither timers nor what reads sockets. */
const away = (milliseconds: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

const HEAD = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n';

test.each<[string, string, string]>([
  ['headers and body', '', `${HEAD}\r\nbody`],
  ['the rest of the headers, and the body', HEAD, '\r\nbody'],
  ['the body', `${HEAD}\r\n`, 'body'],
])('%s that came while the process was away are read first', async (_, before, meanwhile) => {
  const { socket, answer } = await connected();
  if (before !== '') socket.write(before);
  await new Promise((resolve) => setTimeout(resolve, 60));
  socket.write(meanwhile);
  away(3 * HEADERS_MS);
  expect(await answer()).toBe('HTTP/1.1 200 OK');
});

test('the next request on a connection that was answered late is answered too, and awaited no longer than others', async () => {
  const { socket, answer } = await connected();
  socket.write(`${HEAD}\r\nbody`);
  away(3 * HEADERS_MS);
  expect(await answer()).toBe('HTTP/1.1 200 OK');
  const ended = once(socket, 'end');
  socket.write(HEAD);
  const [last] = (await Promise.all([once(socket, 'data'), ended])) as [[string], unknown];
  expect(last[0]).toContain('408');
});

test.each([
  ['no headers', HEAD],
  ['no body', `${HEAD}\r\nbo`],
])('%s in time, and nothing while the process was away', async (_, sent) => {
  const { socket, answer } = await connected();
  socket.write(sent);
  expect(await answer()).toBe('HTTP/1.1 408 Request Timeout');
});
