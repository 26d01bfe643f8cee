/** Clients that leave, or only end their side: all that they have asked for hears of it, on every Node. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { abortSignalOf } from '../../functions/edge/abort';
import type { Envelope } from '../../functions/edge/entrance';
import { Bodies } from '../../local/bodies';
import { followClients } from '../../local/clients';
import { HttpFront } from '../../local/http-front';
import type { LocalRequest } from '../../local/request';
import { Router } from '../../local/router';
import { eventually } from '../support/eventually';

const HEAD = 'HTTP/1.1\r\nHost: localhost\r\n';

describe('of the host', () => {
  const LARGE = Buffer.alloc(16_000_000, 'x');
  let front: HttpFront;
  let port: number;
  /** Requests that wait until their client has gone, and what has told them so. */
  let waiting: number;
  let gone: string[];
  let large: number;

  beforeEach(async () => {
    [waiting, gone, large] = [0, [], 0];
    const router = new Router<(request: LocalRequest) => Promise<unknown>>();
    router.add('GET', 'wait', async (request) => {
      const signal = abortSignalOf(request);
      waiting += 1;
      await once(signal, 'abort');
      gone.push((signal.reason as Error).message);
      return { body: 'nobody reads it' };
    });
    router.add('GET', 'large', () => {
      large += 1;
      return Promise.resolve({ body: LARGE });
    });
    router.add('POST', 'echo', async (request) => {
      // Later than the end of the client's side comes.
      await sleep(50);
      return { body: await request.text() };
    });
    front = new HttpFront();
    port = Number(new URL(await front.listen(0, '127.0.0.1')).port);
    front.serve(router);
  });
  afterEach(() => front.close(0));

  const head = () => `HTTP/1.1\r\nHost: localhost:${port}\r\n`;

  test('who leaves ends all that they have asked for, what waits behind another answer too', async () => {
    const socket = net.connect(port, '127.0.0.1').on('error', () => undefined);
    socket.write(['wait', 'large', 'wait'].map((path) => `GET /${path} ${head()}\r\n`).join(''));
    await eventually(() => waiting === 2 && large === 1);
    socket.destroy();
    await eventually(() => gone.length === 2);
    expect(gone).toEqual(['the client has gone', 'the client has gone']);
    // The host waits for whatever has not ended, for longer than this test may last.
    await front.close(3_600);
  });

  test('who has ended their side alone is answered, as often as they have asked', async () => {
    const socket = net.connect(port, '127.0.0.1');
    socket.end(['one', 'two'].map((body) => `POST /echo ${head()}Content-Length: 3\r\n\r\n${body}`).join(''));
    expect((await text(socket)).match(/one|two/g)).toEqual(['one', 'two']);
  });

  test('who has ended their side reads what has been handed over to the end, and no answer is waited for', async () => {
    const [reads, waits] = [net.connect(port, '127.0.0.1'), net.connect(port, '127.0.0.1')];
    reads.pause().end(`GET /large ${head()}\r\n`);
    waits.end(`GET /wait ${head()}\r\n`);
    expect(await text(waits)).toBe('');
    await eventually(() => gone.length === 1);
    expect(gone).toEqual(['the client has gone']);
    expect((await text(reads)).length).toBeGreaterThan(LARGE.length);
  });
});

test('bodies whose answers wait behind another one hold nothing when their client has left', async () => {
  const bodies = new Bodies(10_000, 30_000);
  let read = 0;
  const server = createServer((request, response) => {
    if (request.method === 'GET') return;
    bodies.read(request, response).then(
      (body) => {
        read += 1;
        if (request.url === '/answered') response.end(String(body?.length));
      },
      () => response.writeHead(503).end(),
    );
  }).listen(0, '127.0.0.1');
  followClients(server);
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const left = new Promise((resolve) => server.once('connection', (accepted) => accepted.once('close', resolve)));
    const socket = net.connect(port, '127.0.0.1');
    const body = `Content-Length: 9000\r\n\r\n${'x'.repeat(9_000)}`;
    socket.write(`GET / ${HEAD}\r\n${`POST / ${HEAD}${body}`.repeat(3)}`);
    await eventually(() => read === 3);
    socket.destroy();
    await left;
    const next = await fetch(`http://127.0.0.1:${port}/answered`, { method: 'POST', body: 'y'.repeat(10_000) });
    expect(await next.text()).toBe('10000');
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

describe('who asks before they send', () => {
  const BODY = 'x'.repeat(10);
  /** Whoever says `no` is refused by what their headers say. */
  const entrance = ({ header }: Envelope) =>
    Promise.resolve(
      header('x-say') === 'no'
        ? { refused: { status: 429, body: 'no' } }
        : { entered: { principal: undefined, refusal: undefined, at: 0 } },
    );
  const handler = Object.assign(async (request: LocalRequest) => ({ body: await request.text() }), { entrance });
  let front: HttpFront;
  let port: number;

  beforeAll(async () => {
    const router = new Router<typeof handler>();
    router.add('POST', 'echo', handler);
    router.add('GET', 'echo', handler);
    front = new HttpFront();
    port = Number(new URL(await front.listen(0, '127.0.0.1')).port);
    front.serve(router);
  });
  afterAll(() => front.close(0));

  /** What comes, when the body is sent no sooner than it is asked for. */
  async function asked(method: string, headers: readonly string[]): Promise<string> {
    const socket = net.connect(port, '127.0.0.1');
    const lines = [`Host: localhost:${port}`, 'Expect: 100-continue', 'Content-Length: 10', ...headers];
    socket.write(`${method} /echo HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    let came = '';
    for await (const chunk of socket) {
      came += String(chunk);
      if (came.endsWith('HTTP/1.1 100 Continue\r\n\r\n')) socket.write(BODY);
      if (came.endsWith(BODY)) socket.end();
    }
    return came;
  }

  test('is asked for it when they are let in, and goes on with the same connection', async () => {
    expect(await asked('POST', [])).toMatch(
      /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK\r\n.*keep-alive.*x{10}$/is,
    );
  });

  test.each([
    ['refused by their headers', 'POST', ['X-Say: no'], 429],
    ['no request of ours', 'POST', ['Authorization: a', 'Authorization: b'], 400],
    ['one whose body has no meaning', 'GET', [], 200],
  ])('is not when they are %s: the connection ends with the answer', async (_, method, headers, status) => {
    const answer = await asked(method, headers);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/^connection: close\r\n/im);
  });
});
