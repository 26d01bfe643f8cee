/**
 * What a caller may do to a host that serves others, without breaking a rule of HTTP. Each attack is started and ended
 * many times; it goes on by itself in between, and takes whatever is answered.
 */
import { request } from 'node:http';
import net from 'node:net';
import { AGENT_TYPE, tenantOf } from './hostile-honest';
import { forEachOf, pause } from './measure';

/** A host, and tenants whose agents do their work there. */
export interface Target {
  readonly port: number;
  readonly tenants: number;
  /** 1: as much as one machine can. Less: to show that it runs. */
  readonly scale: number;
}

/** Ends what was started. */
type End = () => void | Promise<void>;
/** Begins. Resolves when the attack is under way. */
export type Attack = (target: Target) => Promise<End>;

const HOSTILE = { 'x-formicary-tenant': 'hostile', 'x-formicary-principal': 'service:hostile' };
const AT_ONCE = 64;
const TICK_MS = 10;
const DRIP_MS = 500;
/** Streams that one principal may have open. */
const STREAMS_EACH = 20;

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
}

/** Sends a request; whatever comes of it is an answer. */
function send(
  { port }: Target,
  path: string,
  { method, headers, json }: Sent = {},
): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve) => {
    const nothing = () => resolve({ status: 0, body: undefined });
    const outgoing = request(
      {
        port,
        path,
        host: '127.0.0.1',
        method: method ?? (json === undefined ? 'GET' : 'POST'),
        headers: { ...HOSTILE, ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        answer.on('error', nothing);
        answer.on('end', () => {
          try {
            resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) });
          } catch {
            resolve({ status: answer.statusCode ?? 0, body: undefined });
          }
        });
      },
    );
    outgoing.on('error', nothing);
    outgoing.end(json === undefined ? undefined : JSON.stringify(json));
  });
}

const DONE_WITHIN_MS = 60_000;

/** Sends what an attack needs to begin with, until it is done: a host that is late may refuse it. Gives the answer. */
async function done(target: Target, path: string, sent: Sent): Promise<unknown> {
  for (const until = performance.now() + DONE_WITHIN_MS; ;) {
    const { status, body } = await send(target, path, sent);
    if (status >= 200 && status < 300) return body;
    const seconds = (body as { retryAfterSeconds?: number } | undefined)?.retryAfterSeconds;
    if (seconds === undefined || performance.now() > until)
      throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
    await pause(seconds * 1_000);
  }
}

/** Does something so many times a second, a bounded number of them at once, until it is ended. */
function paced(perSecond: number, work: (n: number) => Promise<unknown>): End {
  const began = performance.now();
  const under = new Set<Promise<unknown>>();
  let [due, done] = [0, 0];
  const timer = setInterval(() => {
    due = ((performance.now() - began) / 1_000) * perSecond;
    for (; done < due && under.size < AT_ONCE; done += 1) {
      const one = work(done).finally(() => under.delete(one));
      under.add(one);
    }
    done = Math.max(done, Math.floor(due));
  }, TICK_MS);
  return async () => {
    clearInterval(timer);
    await Promise.all(under);
  };
}

/** Connections that each say `first`, and then `drip` now and then. Those that are closed are opened again. */
async function connections({ port }: Target, count: number, first: (n: number) => string, drip?: string): Promise<End> {
  const sockets = new Set<net.Socket>();
  let ended = false;
  const open = (n: number): Promise<void> =>
    new Promise((resolve) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.write(first(n));
        resolve();
      });
      sockets.add(socket);
      // What comes is left in the buffers of the system.
      socket.pause();
      socket.on('error', () => resolve());
      socket.on('close', () => {
        sockets.delete(socket);
        resolve();
        if (!ended) setTimeout(() => void (ended || open(n)), 100);
      });
    });
  await forEachOf(count, AT_ONCE, open);
  const timer =
    drip === undefined ? undefined : setInterval(() => sockets.forEach((socket) => socket.write(drip)), DRIP_MS);
  return async () => {
    ended = true;
    clearInterval(timer);
    const closed = [...sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  };
}

const head = (method: string, path: string, headers: Readonly<Record<string, string>> = {}): string =>
  `${method} ${path} HTTP/1.1\r\n${Object.entries({ host: '127.0.0.1', ...HOSTILE, ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}`;
const whole = (...args: Parameters<typeof head>): string => `${head(...args)}\r\n`;
const many = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: Math.ceil(count) }, (_, n) => make(n));

/** Puts many receipts into the tenant of the attackers, once. */
async function fill(target: Target): Promise<void> {
  await forEachOf(Math.ceil(10 * target.scale), 4, async (n) => {
    const tasks = many(100, (i) => ({
      id: `past-${n}-${i}`,
      task_type: 'hostile.nobody',
      payload: 'x'.repeat(10_000),
    }));
    await done(target, '/v1/tasks/batch', { json: { tasks } });
  });
}

/** A round that ends with all that its voters have changed, once. */
async function ballot(target: Target): Promise<string> {
  const id = 'ballot';
  const voters = many(50 * target.scale, (n) => ({ id: `voter-${n}`, why: 'it is there' }));
  const seconds = Math.max(3, Math.ceil(20 * target.scale));
  const electorate = { algorithm: 'simple_majority', voters, min_agreement: 1 };
  const json = {
    id,
    question: 'Yes?',
    kind: 'hostile.ballot',
    impact: 'low',
    round_seconds: seconds,
    allow_change: true,
    electorate,
  };
  const body = await done(target, '/v1/rounds', { json });
  const { snapshot } = (body as { round: { snapshot: string } }).round;
  await forEachOf(voters.length - 1, 8, async (n) => {
    for (let change = 0; change < Math.max(4, 20 * target.scale); change += 1)
      await done(target, `/v1/rounds/${id}/votes`, {
        headers: { 'x-formicary-principal': `voter-${n}` },
        json: {
          choice: change % 2 === 0 ? 'approve' : 'reject',
          confidence: 0.9,
          reasoning: `${change}`,
          snapshot,
          pass: 1,
        },
      });
  });
  for (const end = performance.now() + 2_000 * seconds + 20_000; performance.now() < end; await pause(100))
    if ((await send(target, `/v1/rounds/${id}/tally`)).status === 200) return id;
  throw new Error('the round did not end');
}

let filled: Promise<void> | undefined;
let counted: Promise<string> | undefined;

export const ATTACKS = {
  /** Shows how much two measurements differ by themselves. */
  nothing: async () => () => undefined,

  slowHeaders: (target) => connections(target, 500 * target.scale, () => head('GET', '/v1/tasks'), 'x-drip: x\r\n'),

  slowBodies: (target) =>
    connections(
      target,
      500 * target.scale,
      () => whole('POST', '/v1/tasks', { 'content-type': 'application/json', 'content-length': '60000' }),
      ' ',
    ),

  bodiesNeverSent: (target) =>
    connections(target, 500 * target.scale, () =>
      whole('POST', '/v1/tasks', { 'content-type': 'application/json', 'content-length': '60000' }),
    ),

  halfOpen: (target) => connections(target, 1_000 * target.scale, () => ''),

  async answersNeverRead(target) {
    await (filled ??= fill(target));
    const page = whole('GET', '/v1/receipts?limit=500');
    return await connections(target, 20 * Math.max(0.2, target.scale), () => page.repeat(10));
  },

  idleStreams: (target) =>
    connections(target, 10_000 * target.scale, (n) =>
      whole('GET', '/v1/receipts/stream', {
        'x-formicary-principal': `service:watcher-${Math.floor(n / STREAMS_EACH)}`,
      }),
    ),

  async streamsFromTheBeginning(target) {
    await (filled ??= fill(target));
    return await connections(target, 4, () => whole('GET', '/v1/receipts/stream?after=0&correlation=none'));
  },

  async retries(target) {
    const json = { id: 'again', task_type: 'hostile.nobody' };
    return paced(500 * target.scale, () =>
      send(target, '/v1/tasks', { headers: { 'idempotency-key': 'the-same' }, json }),
    );
  },

  /** The same of keys so many that each comes as seldom as a retry does. */
  async retriesOfMany(target) {
    const keys = 200;
    return paced(500 * target.scale, (n) =>
      send(target, '/v1/tasks', {
        headers: { 'idempotency-key': `one-of-many-${n % keys}` },
        json: { id: `again-${n % keys}`, task_type: 'hostile.nobody' },
      }),
    );
  },

  async oneTenant(target) {
    const run = Date.now();
    return paced(300 * target.scale, (n) =>
      send(target, '/v1/tasks', { json: { id: `flood-${run}-${n}`, task_type: 'hostile.nobody' } }),
    );
  },

  /** What policy denies: more than an agent may take. */
  async denials(target) {
    const json = { agent_type: 'meta.code_execution', resources: { cpu: '64', memory: '64Gi' } };
    return paced(500 * target.scale, () => send(target, '/v1/agents/deploy', { json }));
  },

  /** Every award that shows, in the tenants of the others, as somebody who is registered nowhere. */
  async challenges(target) {
    return paced(100 * target.scale, async (n) => {
      const tenant = tenantOf(n % target.tenants);
      const headers = { 'x-formicary-tenant': tenant, 'x-formicary-principal': 'stranger' };
      const { body } = await send(target, '/v1/tasks?status=awarded&limit=20', { headers });
      for (const { id } of (body as { value?: { id: string }[] } | undefined)?.value ?? [])
        await send(target, '/v1/challenges', {
          headers,
          json: { target: `${tenant}/task/${id}@1`, reason: 'I doubt it' },
        });
    });
  },

  async bogusClaims(target) {
    await done(target, '/v1/agents/liar', { method: 'PUT', json: { agent_type: AGENT_TYPE } });
    const holding = many(1_000, (n) => ({ task: `none-${n}`, award: 1 }));
    return paced(50 * target.scale, () => send(target, '/v1/agents/liar/heartbeat', { json: { holding } }));
  },

  /** In a tenant of the others, of the type that its agent does. */
  async hopelessTasks(target) {
    const headers = { 'x-formicary-tenant': tenantOf(0), 'x-formicary-principal': 'service:hostile' };
    const requires = [
      { capability: AGENT_TYPE, level: 0 },
      { capability: 'nobody.has_it', level: 1 },
    ];
    return paced(5 * target.scale, async () => {
      await send(target, '/v1/tasks/batch', {
        headers,
        json: { tasks: many(100, () => ({ task_type: AGENT_TYPE, requires })) },
      });
    });
  },

  async tallies(target) {
    const id = await (counted ??= ballot(target));
    return paced(50 * target.scale, () => send(target, `/v1/rounds/${id}/tally`));
  },
} satisfies Readonly<Record<string, Attack>>;

export type AttackName = keyof typeof ATTACKS;
export const ATTACK_NAMES = Object.keys(ATTACKS) as AttackName[];

// ------------------------------------------------------------------------------- in a process of its own, on demand

export type ToAttacker = { readonly kind: 'begin'; readonly attack: AttackName } | { readonly kind: 'end' };

function main(target: Target): void {
  let ending: Promise<End> | undefined;
  const say = (text: string) => void process.send?.(text);
  const fail = (error: unknown) => say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.on('disconnect', () => process.exit());
  process.on('message', (message: ToAttacker) => {
    if (message.kind === 'begin') {
      ending = ATTACKS[message.attack](target);
      ending.then(() => say('done'), fail);
    } else void ending?.then((end) => end()).then(() => say('done'), fail);
  });
}

if (require.main === module) main(JSON.parse(process.argv[2] as string) as Target);
