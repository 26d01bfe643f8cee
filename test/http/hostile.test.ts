/**
 * What a hostile caller may send, one row a request. Each is refused with a problem document that says so and gives
 * nothing away, and none leaves anything in the log.
 */
import { once } from 'node:events';
import net from 'node:net';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { type Check, documented, NO_OPERATION } from './documented';
import { BODIES } from './hostile/bodies';
import { BYTES } from './hostile/bytes';
import { CALLERS } from './hostile/callers';
import { PATHS } from './hostile/paths';
import {
  type Bytes,
  CLAIM,
  INVALID,
  JSON_TYPE,
  many,
  POST_LINE,
  raw,
  type Request,
  SIGNAL,
  TOOL,
} from './hostile/rows';
import { call, type Reply, settled, speak } from './support';

const TABLE = { ...BODIES, ...PATHS, ...CALLERS, ...BYTES };

// ---------------------------------------------------------------------------------------------------- the machinery

let host: TestHost;
let check: Check;
/** What rows name in capitals, known only once the host runs. */
const names: Record<string, string> = {};
let slow: Promise<Reply[]>;
let places: Record<string, string>;
let before: Record<string, string[]>;

function bytesOf(sent: Request | Bytes): Buffer {
  if (typeof sent === 'string' || Buffer.isBuffer(sent))
    return replaced(Buffer.from(sent as string, 'latin1'), 'HOST', `Host: 127.0.0.1:${host.port}`);
  const { method = 'GET', tenant = 'a', as, json, body = json === undefined ? undefined : JSON.stringify(json) } = sent;
  const payload = body === undefined ? undefined : Buffer.from(body as string);
  const headers: Record<string, string> = {
    Host: `127.0.0.1:${host.port}`,
    Connection: 'close',
    'X-Formicary-Tenant': tenant,
    ...(as === undefined ? {} : { 'X-Formicary-Principal': as }),
    ...(payload === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': String(payload.length) }),
    ...sent.headers,
  };
  const to = sent.to.replace(/[A-Z]{4,}/, (name) => names[name] ?? name);
  const head = `${method} ${to} HTTP/1.1\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;
  return Buffer.concat([Buffer.from(head), payload ?? Buffer.alloc(0)]);
}

/** Replaces the first `name`, which stands alone on its line. */
function replaced(bytes: Buffer, name: string, by: string): Buffer {
  const at = bytes.indexOf(`${name}\r\n`) >= 0 ? bytes.indexOf(`${name}\r\n`) : bytes.indexOf(`${name}\n`);
  return at < 0 ? bytes : Buffer.concat([bytes.subarray(0, at), Buffer.from(by), bytes.subarray(at + name.length)]);
}

const LEAKS = [
  /\n\s+at /,
  /node_modules|node:internal|\/dist\/|\/adapters\//,
  /\.[cm]?[jt]s:\d/,
  /\/(tmp|home|work|usr|var)\//,
  /sqlite/i,
  /undefined is not|Cannot read|is not a function/,
];

function expectProblem(reply: Reply | undefined, status: number, type: string, bodiless = false): void {
  // All in one, so that a failure shows the whole answer.
  expect({ status: reply?.status, type: reply?.body?.type, text: reply?.text }).toEqual({
    status,
    type: bodiless ? undefined : `https://formicary.dev/problems/${type}`,
    text: expect.anything(),
  });
  const { headers, body, text } = reply as Reply;
  expect(headers).toMatchObject({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
  expect(headers).not.toHaveProperty('set-cookie');
  expect(headers).not.toHaveProperty('access-control-allow-origin');
  if (bodiless) return;
  expect(body).toMatchObject({ title: expect.stringMatching(/./), status, detail: expect.stringMatching(/.{5}/) });
  expect(text.length).toBeLessThan(64_000);
  for (const leak of LEAKS) expect(text).not.toMatch(leak);
}

/** What the documentation does not say of an answer; nothing where there is no operation, or no request. */
function undocumented(sent: Request | Bytes, reply: Reply): string[] {
  if (typeof sent === 'string' || Buffer.isBuffer(sent) || sent.method === 'HEAD') return [];
  return check(sent.method ?? 'GET', sent.to, reply).filter((fault) => fault !== NO_OPERATION);
}

const TENANTS = ['a', 'b', 'default'];

interface Receipt {
  readonly stream: string;
  readonly index: number;
  readonly hash: string;
  readonly meta: { readonly action: string; readonly actor: { readonly kind: string } };
}

/** What the host does by the clock: it confirms slots, and watches pools. */
function isByClock({ stream, meta }: Receipt): boolean {
  return meta.actor.kind === 'system' && (meta.action === 'agent.confirm' || /^[^/]+\/(pool|trail)\//.test(stream));
}

/** The receipts after a place, and where they end. */
async function receiptsAfter(tenant: string, place: string): Promise<{ receipts: string[]; end: string }> {
  const receipts: string[] = [];
  for (let next = `/v1/receipts?limit=500&continuation=${place}`; ;) {
    const { body } = await call(host, next, { tenant });
    for (const receipt of body.value as Receipt[])
      if (!isByClock(receipt)) receipts.push(`${receipt.stream}@${receipt.index} ${receipt.hash}`);
    if (body.nextLink === undefined) return { receipts, end: body.after as string };
    next = body.nextLink as string;
  }
}

/** What was written since the last time this was asked. */
async function written(): Promise<string[]> {
  const found: string[] = [];
  for (const tenant of TENANTS) {
    const { receipts, end } = await receiptsAfter(tenant, places[tenant] as string);
    found.push(...receipts);
    places[tenant] = end;
  }
  return found;
}

beforeAll(async () => {
  host = await startTestHost();
  check = documented((await call(host, '/openapi.json')).body);
  // A header a second, and never the last: see the end.
  slow = new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = net.connect(host.port, '127.0.0.1', () =>
      socket.write(`GET /v1/tasks HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\n`),
    );
    const drip = setInterval(() => socket.write('X-Drip: x\r\n'), 500);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
    socket.on('end', () => {
      clearInterval(drip);
      socket.destroy();
      const [head, body] = Buffer.concat(chunks).toString().split('\r\n\r\n') as [string, string];
      resolve([
        {
          status: Number(head.slice(9, 12)),
          headers: Object.fromEntries(
            head
              .split('\r\n')
              .slice(1)
              .map((line) => line.toLowerCase().split(': ')),
          ),
          text: body,
          body: JSON.parse(body) as unknown,
        },
      ]);
    });
  });

  const done = async (path: string, json?: unknown, more: Record<string, unknown> = {}): Promise<Reply> => {
    const reply = await call(host, path, { tenant: 'a', json, ...more });
    if (reply.status >= 300) throw new Error(`${path}: ${reply.text}`);
    return reply;
  };
  const held = async (id: string, award: number) =>
    eventually(async () => {
      const { body } = await done(`/v1/tasks/${id}`);
      return body.holder?.award === award;
    });
  const post = (id: string, more: Record<string, unknown> = {}, headers: Record<string, string> = {}) =>
    done('/v1/tasks', { id, task_type: 'clerk', accept_seconds: 3_600, lease_seconds: 3_600, ...more }, { headers });

  const patient = { limits: { presence_seconds: 3_600 } };
  await done('/v1/agents', { id: 'worker', agent_type: 'clerk', capacity: 100, ...patient });
  await done('/v1/agents', { id: 'rival', agent_type: 'rival_clerk', capacity: 100, ...patient });
  await post('late', { lease_seconds: 1, retry_seconds: 0 });
  await held('late', 1);
  await done('/v1/tasks/late/accept', CLAIM);
  for (const id of ['held', 'awarded', 'done', 'dead', 'gone']) {
    await post(id, id === 'dead' ? { max_attempts: 1 } : {});
    await held(id, 1);
  }
  names['CORRELATION'] = (await done('/v1/tasks/held')).body.correlation_id as string;
  await done('/v1/tasks/held/accept', CLAIM, { headers: { 'Idempotency-Key': 'key-3' } });
  await done('/v1/tasks/done/accept', CLAIM);
  await done('/v1/tasks/done/complete', { ...CLAIM, result: { n: 1 } });
  await done('/v1/tasks/dead/accept', CLAIM);
  await done('/v1/tasks/dead/fail', { ...CLAIM, reason: 'broken' });
  await done('/v1/tasks/gone/cancel', {});
  await post('open', { task_type: 'nobody_does' });
  await post('bidding', { bid_seconds: 3_600 });
  names['BLOB'] = (await post('big', { task_type: 'nobody_does', payload: 'x'.repeat(50_000) })).body.task
    .payload_ref as string;
  await done('/v1/tasks', { task_type: 'nobody_does' }, { headers: { 'Idempotency-Key': 'key-1' } });
  await post('keyed', { task_type: 'nobody_does' }, { 'Idempotency-Key': 'key-2' });
  await done('/v1/tools/hammer', TOOL, { method: 'PUT' });
  await done('/v1/agents/repository/acme.custom', { based_on: 'finance.reconciliation' }, { method: 'PUT' });
  await done('/v1/signals', { ...SIGNAL, decay_rate: 0 });
  await done('/v1/agents', { id: 'intruder', agent_type: 'intruder', ...patient }, { tenant: 'b' });
  await done('/v1/tasks', { id: 'own', task_type: 'nobody_does' }, { tenant: 'b' });

  await held('late', 2);
  await settled(host);
  places = Object.fromEntries(TENANTS.map((tenant) => [tenant, '0']));
  before = {};
  for (const tenant of TENANTS) before[tenant] = (await receiptsAfter(tenant, '0')).receipts;
  await written();
}, 120_000);

afterAll(() => host.stop());

// -------------------------------------------------------------------------------------------------------- the tests

test('there is something to lose', () => {
  expect(before['a']?.length).toBeGreaterThan(20);
  expect(before['b']?.length).toBeGreaterThan(1);
});

for (const [section, rows] of Object.entries(TABLE)) {
  describe(section, () => {
    test.each(rows.map((row) => [...row] as const))('%s', async (_, sent, status, type) => {
      const replies = await speak(host, bytesOf(sent));
      expect(replies).toHaveLength(1);
      expectProblem(replies[0], status, type, (sent as Request).method === 'HEAD');
      expect(undocumented(sent, replies[0]!)).toEqual([]);
      expect(await written()).toEqual([]);
    });
  });
}

test('a request that never ends is ended', async () => {
  const [reply] = await slow;
  expectProblem(reply, 408, 'request-timeout');
}, 40_000);

test('a client that leaves in the middle of its body leaves nothing behind', async () => {
  await new Promise<void>((resolve) => {
    const socket = net.connect(host.port, '127.0.0.1', () => {
      socket.write(bytesOf(raw(POST_LINE, [JSON_TYPE, 'Content-Length: 1000'], '{"task_type":"x"}')));
      setTimeout(() => socket.resetAndDestroy(), 20);
    });
    socket.on('close', () => resolve());
  });
  expect((await call(host, '/health/live')).body).toEqual({ status: 'live' });
  expect(await written()).toEqual([]);
});

test('what comes whole is answered, whatever comes behind it', async () => {
  const first = `POST /v1/tasks HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\nX-Formicary-Tenant: a\r\n${JSON_TYPE}\r\nContent-Length: 27\r\n\r\n{"task_type":"nobody_does"}`;
  const replies = await speak(host, `${first}\x00\x01 GET /v1/tasks/held`);
  expect(replies.map(({ status }) => status)).toEqual([201, 400]);
  expectProblem(replies[1], 400, INVALID);
  const { stream, hash } = replies[0]?.body.receipt as { stream: string; hash: string };
  expect(await written()).toEqual([`${stream}@0 ${hash}`]);
});

test('one key many times at once is one task', async () => {
  const bodies = many(20, () => ({ task_type: 'nobody_does', priority: 0.25 }));
  const replies = await Promise.all(
    bodies.map((json) => call(host, '/v1/tasks', { tenant: 'a', json, headers: { 'idempotency-key': 'at-once' } })),
  );
  expect(replies.map(({ status }) => status)).toEqual(bodies.map(() => 201));
  expect(
    new Set(replies.map(({ body }) => `${body.receipt.stream}@${body.receipt.version} ${body.receipt.hash}`)).size,
  ).toBe(1);
  expect(replies.filter(({ body }) => body.receipt.repeated === false)).toHaveLength(1);
  expect(await written()).toEqual([`${replies[0]?.body.receipt.stream}@0 ${replies[0]?.body.receipt.hash}`]);
});

test('one key with many bodies at once is one of them', async () => {
  const replies = await Promise.all(
    many(20, (i) =>
      call(host, '/v1/tasks', {
        tenant: 'a',
        json: { task_type: 'nobody_does', priority: i / 20 },
        headers: { 'idempotency-key': 'at-odds' },
      }),
    ),
  );
  const taken = replies.filter(({ status }) => status === 201);
  expect(taken).toHaveLength(1);
  for (const reply of replies) if (reply !== taken[0]) expectProblem(reply, 422, 'idempotency-key-reused');
  expect(await written()).toEqual([`${taken[0]?.body.receipt.stream}@0 ${taken[0]?.body.receipt.hash}`]);
});

test('names that JavaScript knows are names like others', async () => {
  const words = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'];
  for (const word of words) {
    const posted = await call(host, '/v1/tasks', {
      tenant: 'a',
      json: { id: word, task_type: word, bid_seconds: 3_600 },
    });
    expect(posted.status).toBe(201);
    expect(
      (await call(host, `/v1/tasks/${word}/withdraw-bid`, { tenant: 'a', json: { agent: 'worker' } })).body.receipt
        .events,
    ).toEqual([]);
    expect(
      (
        await call(host, '/v1/agents', {
          tenant: 'a',
          json: { id: word, agent_type: `${word}_clerk`, limits: { presence_seconds: 3_600 } },
        })
      ).status,
    ).toBe(201);
    expect(
      (await call(host, `/v1/tasks/${word}/bids`, { tenant: 'a', as: word, json: {} })).body.receipt.events,
    ).toEqual(['BidPlaced']);
    expect(
      (await call(host, `/v1/tasks/${word}/withdraw-bid`, { tenant: 'a', as: word, json: {} })).body.receipt.events,
    ).toEqual(['BidWithdrawn']);
    // Such a name is no capability that every agent has.
    const open = await call(host, '/v1/tasks', {
      tenant: 'a',
      json: { id: `${word}-2`, task_type: 'any', requires: [{ capability: word, level: 0 }] },
    });
    expect(open.body.task.status).toBe('open');
    expect(
      (await call(host, `/v1/tasks/${word}-2/bids`, { tenant: 'a', json: { agent: 'worker' } })).body.task.status,
    ).toBe('open');
  }
  await settled(host);
  for (const word of words) expect((await call(host, `/v1/tasks/${word}-2`, { tenant: 'a' })).body.status).toBe('open');
  // Of each: two tasks, one agent, two bids, and that one was taken back.
  expect(await written()).toHaveLength(words.length * 6);
});

test('who is refused by the headers alone hears so before the body has come', async () => {
  const socket = net.connect(host.port, '127.0.0.1');
  try {
    socket.write(
      `PUT /v1/retention HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\nX-Formicary-Tenant: a\r\nX-Formicary-Principal: worker\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`,
    );
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1\.1 403 [^]*problems\/forbidden/);
    // The connection goes on when the rest has come.
    socket.write(`${' '.repeat(1_000)}GET /health/live HTTP/1.1\r\nHost: 127.0.0.1:${host.port}\r\n\r\n`);
    const [next] = (await once(socket, 'data')) as [Buffer];
    expect(next.toString()).toMatch(/^HTTP\/1\.1 200 /);
  } finally {
    socket.destroy();
  }
  expect(await written()).toEqual([]);
});

test('after all of it the log begins as before, and nothing failed inside', async () => {
  for (const tenant of TENANTS) {
    const { receipts } = await receiptsAfter(tenant, '0');
    expect(receipts.slice(0, before[tenant]?.length)).toEqual(before[tenant]);
  }
  expect(host.output()).not.toMatch(/"level":("error"|50|60)/);
  expect(host.output()).not.toContain('parked');
  const { body } = await call(host, '/v1/status');
  expect(body.feed.length).toBeGreaterThan(1);
  for (const consumer of body.feed) expect(consumer).toMatchObject({ parked: 0 });
});
