/** What the client does when the network and the host fail: tries again what is safe, and nothing else. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  ConnectionError,
  Formicary,
  type FormicaryError,
  NodeTransport,
  type RetryOptions,
  type Transport,
  type TransportRequest,
} from '../../client/client';
import { type FlakyProxy, startFlakyProxy } from '../support/flaky-proxy';
import { startTestHost, type TestHost } from '../support/host';

const FAST: RetryOptions = { attempts: 5, baseMs: 2 };

describe('over a network that breaks', () => {
  let host: TestHost;
  let proxy: FlakyProxy;
  let client: Formicary;
  beforeAll(async () => {
    host = await startTestHost();
  }, 60_000);
  afterAll(() => host.stop());
  beforeEach(async () => {
    proxy = await startFlakyProxy(host.port);
    client = new Formicary({ url: proxy.url, retry: FAST });
  });
  afterEach(async () => {
    client.close();
    await proxy.close();
  });

  test('a read that is cut off is made again', async () => {
    proxy.loseAnswers(3);
    expect((await client.status()).open_tasks).toBeGreaterThanOrEqual(0);
    expect(proxy.connections).toBe(4);
  });

  test('a command whose answer was lost is done once, and answered with its first receipt', async () => {
    proxy.loseAnswers(1);
    const { receipt, task } = await client.tasks.post({ task_type: 'retry.work' });
    expect(receipt).toMatchObject({ version: 0, repeated: true });
    const posted = [];
    for await (const commit of client.receipts.stream('task', task.id))
      if (commit.events.some(({ type }) => type === 'TaskPosted')) posted.push(commit.hash);
    expect(posted).toEqual([receipt.hash]);
  });

  test('a command that never arrived is done by the next try', async () => {
    proxy.refuse(2);
    expect((await client.tasks.post({ id: 'late', task_type: 'retry.work' })).receipt).toMatchObject({
      version: 0,
      repeated: false,
    });
  });

  test('a batch whose answer was lost posts each task once', async () => {
    proxy.loseAnswers(1);
    const answers = await client.tasks.postMany([{ task_type: 'retry.batch' }, { task_type: 'retry.batch' }]);
    expect(answers.map(({ receipt }) => receipt?.repeated)).toEqual([true, true]);
  });

  test('without a key nothing is sent twice', async () => {
    proxy.loseAnswers(1);
    await expect(
      client.tasks.post({ id: 'once', task_type: 'retry.work' }, { idempotencyKey: false }),
    ).rejects.toMatchObject({ status: 0, code: 'unreachable' });
    expect(proxy.connections).toBe(1);
    // The host has done it all the same: that is why the client may not guess.
    expect((await client.tasks.get('once')).status).toBe('open');
  });

  test("the caller's own key is used, over several calls", async () => {
    const first = await client.tasks.post({ task_type: 'retry.work' }, { idempotencyKey: 'mine' });
    const second = await client.tasks.post({ task_type: 'retry.work' }, { idempotencyKey: 'mine' });
    expect(second.receipt).toMatchObject({ hash: first.receipt.hash, repeated: true });
    await expect(client.tasks.post({ task_type: 'retry.other' }, { idempotencyKey: 'mine' })).rejects.toMatchObject({
      status: 422,
    });
  });

  test('it gives up after as many tries as it was told', async () => {
    proxy.refuse(100);
    await expect(client.status()).rejects.toMatchObject({ status: 0 });
    expect(proxy.connections).toBe(5);
  });
});

describe('when the host says no for now', () => {
  let server: Server | undefined;
  let requests = 0;
  afterEach(async () => {
    server?.closeAllConnections();
    server?.close();
    if (server !== undefined) await once(server, 'close');
  });

  /** A client of a server that answers as told; the last answer is repeated. */
  async function answering(
    ...answers: readonly {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }[]
  ): Promise<Formicary> {
    requests = 0;
    const listener: RequestListener = (_, response) => {
      const { status, headers, body = '{"value":[]}' } = answers[Math.min(requests, answers.length - 1)]!;
      requests += 1;
      response.writeHead(status, headers).end(body);
    };
    server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Formicary({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      retry: { ...FAST, maxMs: 3_000 },
    });
  }

  test.each([408, 429, 503])('%i is tried again', async (status) => {
    const client = await answering({ status }, { status }, { status: 200 });
    await client.tasks.list();
    expect(requests).toBe(3);
  });

  test('Retry-After in seconds is waited for', async () => {
    const client = await answering({ status: 429, headers: { 'retry-after': '1' } }, { status: 200 });
    const started = performance.now();
    await client.tasks.list();
    expect(performance.now() - started).toBeGreaterThanOrEqual(999);
    expect(requests).toBe(2);
  });

  test('what the problem says to the tenth of a second is waited for, and not rounded up', async () => {
    const busy = { status: 429, headers: { 'retry-after': '9' }, body: '{"retryAfterSeconds":0.4}' };
    const client = await answering(...Array.from({ length: 3 }, () => busy), { status: 200 });
    const started = performance.now();
    await client.tasks.list();
    const waited = performance.now() - started;
    expect(requests).toBe(4);
    expect(waited).toBeGreaterThanOrEqual(1_199);
    expect(waited).toBeLessThan(9_000);
  });

  test('those who are told to wait come back over as much time again', async () => {
    const client = await answering(
      ...Array.from({ length: 30 }, () => ({ status: 503, headers: { 'retry-after': '1' } })),
      { status: 200 },
    );
    const started = performance.now();
    const back = await Promise.all(
      Array.from({ length: 30 }, async () => (await client.tasks.list(), performance.now() - started)),
    );
    expect(requests).toBe(60);
    expect(Math.min(...back)).toBeGreaterThanOrEqual(999);
    // 30 that are drawn from a second lie further apart than this, unless once in many lives.
    expect(Math.max(...back) - Math.min(...back)).toBeGreaterThan(300);
  });

  test('Retry-After as a date is waited for', async () => {
    const client = await answering(
      { status: 503, headers: { 'retry-after': new Date(Date.now() + 2_000).toUTCString() } },
      { status: 200 },
    );
    const started = performance.now();
    await client.tasks.list();
    // The date has no milliseconds.
    expect(performance.now() - started).toBeGreaterThan(900);
  });

  test('whoever is told to wait for longer than it would gives up at once', async () => {
    const client = await answering({ status: 429, headers: { 'retry-after': '3600' } });
    await expect(client.tasks.list()).rejects.toMatchObject({ status: 429 });
    expect(requests).toBe(1);
  });

  test('who goes on all the same waits as long as it was told, whatever asks', async () => {
    const open = { status: 200, body: '{"id":"t","status":"open"}' };
    const away = { status: 429, headers: { 'retry-after': '1' }, body: '{"retryAfterSeconds":0.8}' };
    await answering(open, away, { status: 200, body: '{"id":"t","status":"completed"}' });
    const { port } = server!.address() as AddressInfo;
    const client = new Formicary({ url: `http://127.0.0.1:${port}`, retry: { ...FAST, maxWaitMs: 100 } });
    const looks: number[] = [];
    server!.on('request', () => looks.push(performance.now()));
    expect(await client.tasks.wait('t')).toMatchObject({ status: 'completed' });
    expect(looks).toHaveLength(3);
    expect(looks[2]! - looks[1]!).toBeGreaterThanOrEqual(799);
  });

  test('many short waits that a host asks for are no reason to give up; all together may take too long', async () => {
    const busy = { status: 429, headers: { 'retry-after': '1' }, body: '{"retryAfterSeconds":0.01}' };
    const patient = await answering(...Array.from({ length: 20 }, () => busy), { status: 200 });
    await patient.tasks.list();
    expect(requests).toBe(21);
    const { port } = server!.address() as AddressInfo;
    const hasty = new Formicary({ url: `http://127.0.0.1:${port}`, retry: { ...FAST, maxWaitMs: 200 } });
    requests = 0;
    await expect(hasty.tasks.list()).rejects.toMatchObject({ status: 429 });
    // Each counts for 50 ms at least, so four are free, and five tries follow.
    expect(requests).toBe(9);
  });

  test('an answer may ask for a longer wait than the client takes by itself', async () => {
    const clientThat = (maxWaitMs: number) => {
      const { port } = server!.address() as AddressInfo;
      return new Formicary({ url: `http://127.0.0.1:${port}`, retry: { ...FAST, maxMs: 10, maxWaitMs } });
    };
    await answering({ status: 429, headers: { 'retry-after': '1' } }, { status: 200 });
    await expect(clientThat(999).tasks.list()).rejects.toMatchObject({ status: 429 });
    requests = 0;
    await clientThat(2_000).tasks.list();
    expect(requests).toBe(2);
  });

  test('a host that is gone is asked by one client at a time, and by all when it is back', async () => {
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    gone.close();
    await once(gone, 'close');
    let sent = 0;
    const network = new NodeTransport(`http://127.0.0.1:${port}`);
    const counting: Transport = {
      address: network.address,
      send: (request) => ((sent += 1), network.send(request)),
      open: (request) => network.open(request),
      close: () => network.close(),
    };
    const all = Array.from(
      { length: 200 },
      () => new Formicary({ transport: counting, retry: { attempts: 20, baseMs: 100, maxMs: 200 } }),
    );
    const answers = Promise.all(all.map((client) => client.tasks.list()));
    answers.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 500));
    // All have asked once at the same time, before anybody knew; since then 200 would have asked several times each.
    expect(sent).toBeLessThan(200 + 50);
    server = createServer((_, response) => response.end('{"value":[]}')).listen(port, '127.0.0.1');
    await once(server, 'listening');
    expect(await answers).toHaveLength(200);
    network.close();
  });

  test.each([400, 404, 409, 500, 502])('%i is final', async (status) => {
    const client = await answering({ status }, { status: 200 });
    await expect(client.tasks.list()).rejects.toMatchObject({ status });
    expect(requests).toBe(1);
  });

  test('without a key a command is not tried again', async () => {
    const client = await answering({ status: 503 }, { status: 200 });
    await expect(client.tasks.cancel('x', 'y', { idempotencyKey: false })).rejects.toMatchObject({ status: 503 });
    expect(requests).toBe(1);
  });

  test('what the store could not decide of several approvals is sent again', async () => {
    const problem = { type: 'https://formicary.dev/problems/store-busy', status: 503, title: 't', detail: 'd' };
    const decided = { id: 'a', ok: true };
    const client = await answering(
      { status: 200, body: JSON.stringify({ value: [decided, { id: 'b', ok: false, problem }] }) },
      { status: 200, body: JSON.stringify({ value: [decided, { id: 'b', ok: true }] }) },
    );
    const items = ['a', 'b'].map((id) => ({ id, hash: '0'.repeat(64) }));
    const answers = await client.approvals.bulk({ decision: 'reject', items, reason: 'r' });
    expect(answers.map(({ ok }) => ok)).toEqual([true, true]);
    expect(requests).toBe(2);
  });

  test('an answer that is no problem document is an error all the same', async () => {
    const client = await answering({ status: 502, body: '<html>Bad gateway</html>' });
    const error = (await client.status().catch((thrown: unknown) => thrown)) as FormicaryError;
    expect(error).toMatchObject({
      status: 502,
      type: 'about:blank',
      message: expect.stringContaining('the answer is 502, and not a Formicary host'),
    });
  });

  test.each([{ errors: { id: ['bad'] } }, { errors: [null] }, { type: 5, title: null, detail: {} }])(
    'so is a problem document of another form: %j',
    async (problem) => {
      const client = await answering({ status: 502, body: JSON.stringify({ ...problem, traceId: 't' }) });
      const error = (await client.status().catch((thrown: unknown) => thrown)) as FormicaryError;
      expect(error).toMatchObject({ name: 'FormicaryError', status: 502, type: 'about:blank', code: 'about:blank' });
      expect(error.problem).toMatchObject({ traceId: 't' });
    },
  );

  test('a pause ends when the signal aborts', async () => {
    const client = await answering({ status: 429, headers: { 'retry-after': '2' } });
    const started = performance.now();
    await expect(client.status({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: 'TimeoutError' });
    // The pause is two seconds.
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe('of the budget of retries', () => {
  const over = new AbortController();
  const { signal } = over;
  afterAll(() => over.abort());

  const answer = (status: number) => ({ status, header: () => undefined, body: '{"value":[]}' });
  /** Everybody is refused once; streams end as soon as they are opened. */
  class Busy implements Transport {
    readonly address = 'http://127.0.0.1';
    opened = 0;
    private readonly asked = new Set<string>();

    async send({ method, path }: TransportRequest) {
      const isFirst = !this.asked.has(`${method} ${path}`);
      this.asked.add(`${method} ${path}`);
      return answer(isFirst ? 503 : 200);
    }

    async open() {
      this.opened += 1;
      return { ...answer(200), body: (async function* () {})() };
    }

    close(): void {}
  }

  /** One that comes late does not come in the time of a test. */
  const retry: RetryOptions = { attempts: 2, baseMs: 1, maxMs: 1_000_000_000 };
  let transport: Busy;
  let client: Formicary;
  let asked = 0;
  const get = () => client.tasks.get(`t${(asked += 1)}`, { signal });
  const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  beforeEach(() => {
    transport = new Busy();
    client = new Formicary({ transport, retry });
  });

  /** Asks until there is nothing left of it; how many of 400 that asked at once were answered soon. */
  async function spend(): Promise<number> {
    let answered = 0;
    for (let i = 0; i < 400; i += 1)
      get().then(
        () => (answered += 1),
        () => undefined,
      );
    while (answered < 100) await pause(5);
    await pause(100);
    const soon = answered;
    for (let i = 0; i < 50; i += 1) {
      const isSoon = await Promise.race([
        get().then(
          () => true,
          () => false,
        ),
        pause(200),
      ]);
      if (isSoon !== true) break;
    }
    return soon;
  }

  test('what goes beyond it comes late, though each for itself would come soon', async () => {
    expect(await spend()).toBeLessThan(200);
  });

  test('there is more after a while, without a request', async () => {
    await spend();
    await pause(1_500);
    for (let i = 0; i < 5; i += 1) await get();
  });

  test('nothing is taken by retries that are not sent, of a host that is gone', async () => {
    let sent = 0;
    const gone: Transport = {
      address: 'http://127.0.0.1',
      send: async () => {
        sent += 1;
        throw new ConnectionError('nobody there');
      },
      open: () => Promise.reject(new Error('not asked for')),
      close: () => undefined,
    };
    client = new Formicary({ transport: gone, retry: { ...retry, attempts: 5 } });
    const came = await Promise.allSettled(Array.from({ length: 300 }, get));
    expect(came.every(({ status }) => status === 'rejected')).toBe(true);
    expect(sent).toBeLessThan(350);
  });

  test('signs of life, and streams that are opened again, need none', async () => {
    await spend();
    const opened = transport.opened;
    const end = new AbortController();
    const following = (async () => {
      for await (const _ of client.receipts.follow({ signal: AbortSignal.any([signal, end.signal]) }));
    })();
    await Promise.all([
      client.agents.heartbeat('ann', [], { signal }),
      client.agents.inbox('ann', { signal }),
      client.tasks.heartbeat('t', { award: 1 }, { signal }),
      client.gateway.inbox({ signal }),
      client.gateway.command([{ agent: 'ann', do: 'heartbeat', holding: [] }], { signal }),
    ]);
    while (transport.opened < opened + 3) await pause(5);
    end.abort();
    await following;
  });
});
