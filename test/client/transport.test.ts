/** The connections under the client. */
import { once } from 'node:events';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { ConnectionError, Formicary, NodeTransport } from '../../client/client';

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, 'close');
  }
});

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const serving = (listener: RequestListener) => listening(createHttpServer(listener));

test('connections are used again, and there are as many as there is need for', async () => {
  let open = 0;
  const port = await serving(
    (request, response) => void setTimeout(() => response.end(JSON.stringify({ port: request.socket.remotePort })), 20),
  );
  servers.at(-1)!.on('connection', () => (open += 1));
  const client = new Formicary({ url: `http://127.0.0.1:${port}` });
  const first = await client.status();
  expect(await client.as('other').status()).toEqual(first);
  expect(open).toBe(1);
  await Promise.all(Array.from({ length: 250 }, () => client.status()));
  expect(open).toBe(250);
  client.close();
});

test('no more connections than allowed', async () => {
  let open = 0;
  const port = await serving((_, response) => void setTimeout(() => response.end('{}'), 5));
  servers.at(-1)!.on('connection', () => (open += 1));
  const client = new Formicary({ transport: new NodeTransport(`http://127.0.0.1:${port}`, { maxSockets: 3 }) });
  await Promise.all(Array.from({ length: 20 }, () => client.status()));
  expect(open).toBe(3);
  client.close();
});

test('what is sent: the path under that of the address, who calls, the body with its length', async () => {
  const seen: unknown[] = [];
  const port = await serving((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      seen.push([request.method, request.url, request.headers, body]);
      response.end('{}');
    });
  });
  const client = new Formicary({ url: `http://127.0.0.1:${port}/behind/`, tenant: 'acme', principal: 'human:ada' });
  await client.tasks.progress(
    'a/b?c',
    { award: 1, fraction: 0.5, note: 'ä' },
    { idempotencyKey: 'k', ifMatch: 3, traceparent: '00-x' },
  );
  await client.signals.trail('alarm', 'plant/line 2', { asOf: '2026-11-21T10:00:00.000Z' });
  expect(seen).toEqual([
    [
      'POST',
      '/behind/v1/tasks/a%2Fb%3Fc/progress',
      {
        host: `127.0.0.1:${port}`,
        connection: 'keep-alive',
        'x-formicary-tenant': 'acme',
        'x-formicary-principal': 'human:ada',
        'idempotency-key': 'k',
        'if-match': '"3"',
        traceparent: '00-x',
        'content-type': 'application/json',
        'content-length': '38',
      },
      '{"award":1,"fraction":0.5,"note":"ä"}',
    ],
    [
      'GET',
      '/behind/v1/signals/alarm/plant/line%202?asOf=2026-11-21T10%3A00%3A00.000Z',
      expect.not.objectContaining({ 'content-type': expect.anything() }),
      '',
    ],
  ]);
  client.close();
});

test('a server that says nothing is given up on', async () => {
  const port = await listening(createServer());
  const transport = new NodeTransport(`http://127.0.0.1:${port}`, { idleMs: 100 });
  const sent = transport.send({ method: 'GET', path: '/', headers: [] });
  await expect(sent).rejects.toThrow(ConnectionError);
  await expect(sent).rejects.toThrow('nothing came for too long');
  transport.close();
});

test('an answer that ends early is none', async () => {
  const port = await serving((_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{"half":');
    setTimeout(() => response.socket!.destroy(), 20);
  });
  const transport = new NodeTransport(`http://127.0.0.1:${port}`);
  await expect(transport.send({ method: 'GET', path: '/', headers: [] })).rejects.toThrow(ConnectionError);
  const stream = await transport.open({ method: 'GET', path: '/', headers: [] });
  const chunks: string[] = [];
  await expect(
    (async () => {
      for await (const chunk of stream.body) chunks.push(chunk.toString());
    })(),
  ).rejects.toThrow(ConnectionError);
  expect(chunks).toEqual(['{"half":']);
  transport.close();
});

test('https speaks TLS', async () => {
  const server = createServer();
  const port = await listening(server);
  const transport = new NodeTransport(`https://127.0.0.1:${port}`);
  const sent = transport.send({ method: 'GET', path: '/', headers: [] }).catch((error: unknown) => error);
  const [socket] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(socket, 'data')) as [Buffer];
  // A handshake record.
  expect(hello[0]).toBe(0x16);
  socket.destroy();
  expect(await sent).toBeInstanceOf(ConnectionError);
  transport.close();
});
