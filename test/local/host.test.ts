import http from 'node:http';
import net from 'node:net';
import { abortSignalOf } from '../../functions/edge/abort';
import { type Host, startHost } from '../../local/host';
import { eventually } from '../support/eventually';
import { APP, send } from './support';

jest.mock('@azure/functions-core', () => jest.requireActual<object>('../../local/core'), { virtual: true });
const { seen } = jest.requireActual<{ seen: Record<string, unknown> }>('../fixtures/host-app/seen');

let host: Host;
let port: number;
const errors = jest.spyOn(console, 'error').mockImplementation(() => {});

beforeAll(async () => {
  seen['abortSignalOf'] = abortSignalOf;
  host = await startHost({ appDirectory: APP, port: 0, hostname: '127.0.0.1' });
  port = Number(new URL(host.url).port);
});
beforeEach(() => void errors.mockClear());
afterAll(() => host.close(1));

/** The answer's headers and the connection, for tests that look at the stream. */
function open(path: string): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => http.get(host.url + path, resolve).on('error', reject));
}

describe('starting', () => {
  test('lists what it runs and what it does not', () => {
    expect(host.functions).toContainEqual({ name: 'thing', trigger: 'httpTrigger', runs: true });
    expect(host.functions).toContainEqual({ name: 'every-second', trigger: 'timerTrigger', runs: true });
    expect(host.functions).toContainEqual({ name: 'work', trigger: 'serviceBusTrigger', runs: false });
  });

  test('has run the start hook and told its address', () => {
    expect(seen['hooks']).toEqual(['start']);
    expect(process.env['WEBSITE_HOSTNAME']).toBe(`127.0.0.1:${port}`);
  });

  test('refuses an address that others can reach', async () => {
    await expect(startHost({ appDirectory: APP, port: 0, hostname: '0.0.0.0' })).rejects.toThrow(
      'only a loopback address',
    );
  });

  test('refuses a port that is taken', async () => {
    await expect(startHost({ appDirectory: APP, port, hostname: '127.0.0.1' })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});

describe('requests', () => {
  test('reach their function with method, url, parameters, query and headers', async () => {
    const reply = await send(host.url, '/things/a%20b?q=1%2B1', { headers: { 'X-Sample': 'é' } });
    expect(reply.status).toBe(200);
    expect(reply.headers).toMatchObject({ 'content-type': 'application/json', 'x-answer': 'yes' });
    expect(reply.json()).toEqual({
      function: 'thing',
      method: 'GET',
      url: `${host.url}/things/a%20b?q=1%2B1`,
      id: 'a b',
      q: '1+1',
      header: 'é',
    });
    expect((await send(host.url, '/things/1', { method: 'DELETE' })).json()['method']).toBe('DELETE');
  });

  test('go to the most specific route', async () => {
    expect((await send(host.url, '/things/special')).text).toBe('special');
    expect((await send(host.url, '/files/a/b.txt')).json()).toEqual({ rest: 'a/b.txt' });
  });

  test('bring their bodies, whole or in chunks', async () => {
    const reply = await send(host.url, '/things', { method: 'POST', body: 'grüße' });
    expect([reply.status, reply.text, reply.headers['content-type']]).toEqual([
      201,
      'grüße',
      'text/plain; charset=utf-8',
    ]);
    const chunked = await send(host.url, '/things', {
      method: 'POST',
      body: 'chunk',
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect(chunked.text).toBe('chunk');
    expect((await send(host.url, '/things', { method: 'POST' })).text).toBe('');
    const odd = Buffer.from([0, 1, 2, 255]);
    expect((await send(host.url, '/size', { method: 'POST', body: odd })).json()).toMatchObject({ bytes: 4 });
  });

  test.each<Record<string, string>>([{}, { 'transfer-encoding': 'chunked' }])(
    'say how large their bodies are, sent with %j',
    async (headers) => {
      const reply = await send(host.url, '/size', { method: 'POST', body: 'chunk', headers });
      expect(reply.json()).toEqual({ bytes: 5, said: 5, encoding: null });
      const empty = await send(host.url, '/size', { method: 'POST', headers });
      expect(empty.json()).toEqual({ bytes: 0, said: 0, encoding: null });
    },
  );

  test('may carry eight megabytes and no more', async () => {
    const limit = Buffer.alloc(8_000_000);
    expect((await send(host.url, '/size', { method: 'POST', body: limit })).json()).toMatchObject({
      bytes: 8_000_000,
    });
    const over = Buffer.alloc(8_000_001);
    const agent = new http.Agent({ keepAlive: true });
    const declared = await send(host.url, '/size', { method: 'POST', body: over, agent });
    expect([declared.status, declared.json()['type']]).toEqual([
      413,
      'https://formicary.dev/problems/payload-too-large',
    ]);
    const undeclared = await send(host.url, '/size', {
      method: 'POST',
      body: over,
      headers: { 'transfer-encoding': 'chunked' },
      agent,
    });
    expect(undeclared.status).toBe(413);
    expect((await send(host.url, '/things/special', { agent })).status).toBe(200);
    agent.destroy();
  });

  test('that nobody serves get 404, with an unknown method 405', async () => {
    const none = await send(host.url, '/nowhere');
    expect(none.status).toBe(404);
    expect(none.headers['content-type']).toBe('application/problem+json');
    expect(none.json()).toMatchObject({ type: 'https://formicary.dev/problems/not-found', status: 404 });
    const method = await send(host.url, '/things/1', { method: 'PUT' });
    expect([method.status, method.headers['allow']]).toEqual([405, 'DELETE, GET']);
  });

  test('with dot segments lead where those say, as on the Functions host', async () => {
    expect((await send(host.url, '/files/../things/1')).json()).toMatchObject({ function: 'thing', id: '1' });
    expect((await send(host.url, '/things/..')).status).toBe(404);
  });

  test.each(['/things/%zz', 'http://localhost/things/1', '*'])('with the path %s are refused', async (path) => {
    const reply = await send(host.url, path, path === '*' ? { method: 'OPTIONS' } : {});
    expect([reply.status, reply.json()['type']]).toEqual([400, 'https://formicary.dev/problems/invalid-request']);
  });

  test('of foreign hosts and pages are refused', async () => {
    expect((await send(host.url, '/things/1', { headers: { host: `evil.example:${port}` } })).status).toBe(421);
    expect((await send(host.url, '/things/1', { headers: { host: `localhost:${port}` } })).status).toBe(200);
    expect((await send(host.url, '/things/1', { headers: { origin: 'https://evil.example' } })).status).toBe(403);
    expect((await send(host.url, '/things/1', { headers: { origin: host.url } })).status).toBe(200);
    expect((await send(host.url, '/things/1', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
  });

  test('that end early are dropped quietly', async () => {
    const socket = net.connect(port, '127.0.0.1');
    socket.write(`POST /things HTTP/1.1\r\nhost: localhost:${port}\r\ncontent-length: 10\r\n\r\nhalf`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(errors).not.toHaveBeenCalled();
    expect((await send(host.url, '/things/special')).status).toBe(200);
  });
});

describe('results', () => {
  test('nothing is 204', async () => expect((await send(host.url, '/nothing')).status).toBe(204));

  test('of every kind are written', async () => {
    expect((await send(host.url, '/buffer')).headers['content-length']).toBe('3');
    const response = await send(host.url, '/response');
    expect([response.status, response.headers['x-a'], response.json()]).toEqual([202, 'b', { ok: true }]);
    expect((await send(host.url, '/parameters')).text).toBe('a=1');
  });

  test('that are no response, and exceptions, are a 500 without their reason', async () => {
    for (const path of ['/throws', '/number']) {
      const reply = await send(host.url, path);
      expect([reply.status, reply.headers['content-type']]).toEqual([500, 'application/problem+json']);
      expect(reply.text).not.toMatch(/secret|stack|at /);
      const logged = JSON.parse(errors.mock.lastCall![0] as string) as Record<string, unknown>;
      expect(logged).toMatchObject({ level: 50, msg: 'a request failed', path, errorId: reply.json()['errorId'] });
    }
  });
});

describe('streams', () => {
  test('stop when the client goes', async () => {
    const response = await open('/ticks');
    await eventually(() => (seen['ticks'] as number) > 3);
    response.destroy();
    await eventually(() => seen['ticksEnded'] === true);
  });

  test('are cancelled even while they wait', async () => {
    const response = await open('/web-stream');
    expect(await new Promise((resolve) => response.once('data', (chunk: Buffer) => resolve(chunk.toString())))).toBe(
      'first',
    );
    response.destroy();
    await eventually(() => seen['cancelled'] === true);
  });

  test('go at the pace of the client', async () => {
    const response = await open('/flood');
    response.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = seen['flooded'] as number;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(seen['flooded']).toBe(before);
    expect(before).toBeLessThan(1_000);
    response.destroy();
  });

  test('that break, break the connection', async () => {
    await expect(send(host.url, '/breaks')).rejects.toThrow(/aborted|hang up/);
    expect(errors.mock.lastCall![0]).toContain('the source broke');
  });
});

test('a handler learns that its client has gone', async () => {
  const request = http.get(`${host.url}/poll`).on('error', () => {});
  await eventually(() => (seen['begun'] as string[]).includes('poll'));
  request.destroy();
  await eventually(() => (seen['polls'] as string[]).length === 1);
  expect(seen['polls']).toEqual(['the client has gone']);
});
