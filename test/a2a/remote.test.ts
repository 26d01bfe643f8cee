/** An agent elsewhere works in the swarm: here it is the colony itself, by its own door. */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { boundedFetch } from '../../cli/market/remote';
import { pinnedKeys, signedPart } from '../../cli/market/signed-card';
import { Formicary } from '../../client/client';
import { Fail, Worker } from '../../client/index';
import { canonicalize } from '../../domain/kernel/commit';
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
async function relay(agent: string, url: string, type: string, ...options: string[]): Promise<ChildProcess> {
  const token = (await owner.identity.issue({ subject: `outside-${agent}` })).access_token;
  const child = spawn(
    process.execPath,
    [join(compiledApp(), 'dist/cli/main.js'), 'remote', agent, url, '--type', type, ...options],
    {
      env: { ...process.env, FORMICARY_URL: host.url, FORMICARY_DATA: host.data, FORMICARY_A2A_TOKEN: token },
      stdio: ['inherit', 'inherit', 'pipe'],
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

describe('a card that has to be signed by a pinned key', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const other = generateKeyPairSync('ed25519');
  let folder: string;
  const keysOf = (name: string, content: unknown) => {
    writeFileSync(join(folder, name), JSON.stringify(content));
    return join(folder, name);
  };
  beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'card-keys-'))));
  afterAll(() => rmSync(folder, { recursive: true }));

  const jwk = publicKey.export({ format: 'jwk' });
  /** Signed as A2A 1.0 section 8.4 has it: over `payload`, which is the card as it stands unless it is given. */
  async function signed(
    card: object,
    { payload = canonicalize(card), key = privateKey, alg = 'ES256', typ = 'JOSE' } = {},
  ) {
    const { FlattenedSign } = await import('jose');
    const { protected: head, signature } = await new FlattenedSign(Buffer.from(payload))
      .setProtectedHeader({ alg, typ, kid: 'key-1' })
      .sign(key);
    return { ...card, signatures: [{ protected: head, signature }] };
  }
  const card = cardOf('https://books.example/a2a');

  test('is taken as it stands, or without what is empty, and nothing of it that was not signed', async () => {
    expect(await signedPart(await signed(card), [jwk])).toEqual(card);
    expect(await signedPart(await signed(card), [other.publicKey.export({ format: 'jwk' }), jwk])).toEqual(card);
    const { capabilities: _, skills: __, ...full } = card;
    const foreign = { ...(await signed(card, { payload: canonicalize(full) })), url: 'https://evil.example' };
    expect(await signedPart(foreign, [jwk])).toEqual(full);
    // By the kit of the protocol.
    const { AgentCard, generateAgentCardSignature } = await import('@a2a-js/sdk');
    const sign = generateAgentCardSignature(privateKey, { alg: 'ES256', kid: 'key-1', typ: 'JOSE' });
    expect(await signedPart(AgentCard.toJSON(await sign(AgentCard.fromJSON(card))), [jwk])).toMatchObject({
      name: 'Books',
    });
  });

  test.each<[string, () => Promise<unknown>]>([
    ['no signature', async () => card],
    ['no signatures', async () => ({ ...card, signatures: [] })],
    [
      'signatures that are none',
      async () => ({ ...card, signatures: [null, 7, {}, { protected: 'e30', signature: '' }] }),
    ],
    ['a changed address', async () => ({ ...(await signed(card)), supportedInterfaces: [] })],
    ['the key of another', () => signed(card, { key: other.privateKey, alg: 'EdDSA' })],
    ['what is signed as a token', () => signed(card, { typ: 'at+jwt' })],
    ['no key needed', async () => ({ ...card, signatures: [{ protected: 'eyJhbGciOiJub25lIn0', signature: '' }] })],
    ['no card', async () => 'card'],
    ['what has no canonical form', async () => ({ ...(await signed(card)), name: Infinity })],
    ['what no card holds', async () => ({ ...(await signed(card)), skills: [null] })],
  ])('is refused with %s', async (_, made) => {
    await expect(signedPart(await made(), [jwk])).rejects.toThrow('--card-keys');
  });

  test('of a file that holds no public key nothing is taken', () => {
    const secret = { kty: 'oct', k: 'c2VjcmV0' };
    for (const content of [{}, [], { keys: [] }, secret, { keys: [jwk, secret] }, privateKey.export({ format: 'jwk' })])
      expect(() => pinnedKeys(keysOf('wrong.json', content))).toThrow('must hold a JWK');
    expect(() => pinnedKeys(join(folder, 'none.json'))).toThrow('could not be read');
    expect(pinnedKeys(keysOf('one.json', jwk))).toEqual([jwk]);
  });

  const told = async (child: ChildProcess) => {
    let text = '';
    child.stderr?.on('data', (chunk) => (text += String(chunk)));
    const [code] = (await once(child, 'exit')) as [number | null];
    return { code, text };
  };

  test('is refused at the start', async () => {
    const keys = keysOf('pinned.json', { keys: [jwk] });
    const child = await relay('books-4', host.url, 'finance.pinned', '--card-keys', keys);
    const { code, text } = await told(child);
    expect(code).toBeGreaterThan(0);
    expect(text).toContain('no key of --card-keys has signed the card');
  });

  test('is refused later, when it is changed: nothing is sent, and the task is free again', async () => {
    const keys = keysOf('pinned.json', { keys: [jwk] });
    let posts = 0;
    let shown: object = {};
    const url = await serve((request, response) => {
      if (request.method === 'GET') return void response.end(JSON.stringify(shown));
      posts += 1;
      let text = '';
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => {
        const task = { id: 'theirs', contextId: 'c', status: { state: 'TASK_STATE_COMPLETED' }, artifacts: [] };
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ jsonrpc: '2.0', id: (JSON.parse(text) as { id: number }).id, result: { task } }));
      });
    });
    const sound = await signed(cardOf(url));
    shown = sound;
    const child = await relay('books-5', url, 'finance.later', '--card-keys', keys);
    const end = told(child);
    const post = async () => (await owner.tasks.post({ task_type: 'finance.later', payload: 'book it' })).task.id;
    const first = await post();
    await eventually(async () => (await owner.tasks.get(first)).status === 'completed');
    expect(posts).toBe(1);
    shown = { ...sound, description: 'Keeps other books.' };
    const second = await post();
    const { code, text } = await end;
    expect(code).toBeGreaterThan(0);
    expect(text).toContain('no key of --card-keys has signed the card');
    expect(posts).toBe(1);
    expect(await owner.tasks.get(second)).toMatchObject({ status: 'open' });
  });

  test('is that of a colony, by the keys that it publishes', async () => {
    const published = (await (await fetch(`${host.url}/.well-known/jwks.json`)).json()) as { keys: object[] };
    const served = await (await fetch(`${host.url}/.well-known/agent-card.json`)).json();
    expect(await signedPart(served, pinnedKeys(keysOf('colony.json', published)))).toMatchObject({ name: 'Formicary' });
  });
});
