/** Many agents in one process, against a real host. */
import {
  type AgentHandler,
  Formicary,
  type FormicaryError,
  type Gateway,
  type GatewayAgent,
  NodeTransport,
  type TransportRequest,
} from '../../client/client';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';

let host: TestHost;
let tenants = 0;
/** Of this test's tenant. */
let client: Formicary;
let requests: string[];
/** Bytes of their bodies. */
let sizes: number[];
let onRequest: (request: TransportRequest) => void;
/** An answer arrives when this has resolved. */
let onAnswer: (request: TransportRequest, body: string) => void | Promise<void>;

class CountingTransport extends NodeTransport {
  override async send(request: TransportRequest) {
    requests.push(`${request.method} ${request.path.split('?')[0]}`);
    sizes.push(Buffer.byteLength(request.body ?? ''));
    onRequest(request);
    const response = await super.send(request);
    await onAnswer(request, response.body);
    return response;
  }
}

beforeAll(async () => {
  host = await startTestHost({ env: { FORMICARY_RATE: '100000', FORMICARY_BURST: '100000' } });
}, 60_000);
afterAll(() => host.stop());

const opened: Gateway[] = [];
beforeEach(() => {
  requests = [];
  sizes = [];
  onRequest = () => undefined;
  onAnswer = () => undefined;
  const transport = new CountingTransport(host.url);
  client = new Formicary({ transport, tenant: `gateway-${(tenants += 1)}`, principal: 'service:desk' });
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((gateway) => gateway.stop({ graceMs: 0 })));
  client.close();
});

function open(errors: unknown[] = []): Gateway {
  const gateway = client.gateway.open({ onError: (error) => errors.push(error) });
  opened.push(gateway);
  return gateway;
}

const clerks = (count: number, more: Partial<GatewayAgent> = {}): GatewayAgent[] =>
  Array.from({ length: count }, (_, i) => ({ id: `clerk-${i}`, agent_type: 'clerk', ...more }));
const post = (count: number, more: object = {}) =>
  client.tasks.postMany(
    Array.from({ length: count }, (_, i) => ({ id: `task-${i}`, task_type: 'clerk', retry_seconds: 0, ...more })),
  );
const statuses = async (count: number) =>
  await Promise.all(Array.from({ length: count }, async (_, i) => (await client.tasks.get(`task-${i}`)).status));
async function events(task: string): Promise<string[]> {
  const found: string[] = [];
  for await (const commit of client.receipts.stream('task', task)) found.push(...commit.events.map(({ type }) => type));
  return found;
}
const allAre = (count: number, status: string) =>
  eventually(async () => (await statuses(count)).every((found) => found === status));

test('does the work of all agents with few requests; what throws has failed, and goes to another attempt', async () => {
  const errors: unknown[] = [];
  const gateway = open(errors);
  const failed = new Set<string>();
  await gateway.register(clerks(40, { capacity: 3 }), {
    async work({ task, progress }) {
      if (task === 'task-7' && !failed.has(task)) {
        failed.add(task);
        throw new Error('the ledger is closed');
      }
      await progress(0.5, 'half of it');
      return { did: task };
    },
  });
  gateway.start();
  await post(100);
  await allAre(100, 'completed');
  expect(await client.tasks.get('task-3')).toMatchObject({ completion: { result: { did: 'task-3' } } });
  expect(await client.tasks.get('task-7')).toMatchObject({ attempts: 2 });
  expect(errors).toEqual([]);
  // 303 commands and more, one request for each, would be as many.
  const commands = requests.filter((request) => request === 'POST /v1/gateway/commands').length;
  expect(commands).toBeLessThan(150);
  expect(requests.filter((request) => request === 'POST /v1/gateway/agents')).toHaveLength(1);
});

test('what is done at once is accepted with its result; what says how far it is, or fails, is accepted first', async () => {
  const errors: unknown[] = [];
  const gateway = open(errors);
  const failed = new Set<string>();
  await gateway.register(clerks(4, { capacity: 3 }), {
    atOnce: true,
    async work({ task, progress }) {
      if (task === 'task-1') await progress(0.5);
      if (task === 'task-2' && !failed.has(task)) {
        failed.add(task);
        throw new Error('the ledger is closed');
      }
      return { did: task };
    },
  });
  gateway.start();
  await post(4);
  await allAre(4, 'completed');
  const receipts = async (task: string) => {
    const found: string[] = [];
    for await (const { events } of client.receipts.stream('task', task))
      found.push(events.map(({ type }) => type).join(' + '));
    return found;
  };
  const [posted, awarded, done] = ['TaskPosted', 'BidsClosed + TaskAwarded', 'TaskAccepted + TaskCompleted'];
  expect(await receipts('task-0')).toEqual([posted, awarded, done]);
  expect(await receipts('task-1')).toEqual([posted, awarded, 'TaskAccepted', 'TaskProgressed', 'TaskCompleted']);
  const failedOnce = ['TaskAccepted', 'AttemptEnded + TaskReopened'];
  expect(await receipts('task-2')).toEqual([posted, awarded, ...failedOnce, awarded, done]);
  expect(errors).toEqual([]);
});

/** Work of `task-0` ends when it is told to; what was begun, and what was heard of it. */
function workThatWaits({ fails = false } = {}) {
  const begun: string[] = [];
  const settled: string[] = [];
  let finish: () => void = () => undefined;
  const handler: AgentHandler = {
    atOnce: true,
    async work({ task }) {
      begun.push(task);
      if (task !== 'task-0') return 'done';
      await new Promise<void>((resolve) => (finish = resolve));
      if (fails) throw new Error('the ledger is closed');
      return 'done';
    },
    settled: ({ task }, outcome) => void settled.push(`${task} ${outcome}`),
  };
  return { begun, settled, handler, finish: () => finish() };
}

test.each([
  ['completed', 'completed'],
  ['failed', 'dead'],
])(
  'what is done at once, and has %s, is not done again when that is refused and the award stands, but said again',
  async (outcome, status) => {
    const rules = { ...(await client.oversight.get('challenge')).rules, mode: 'full_automation' as const };
    await client.as('human:root').oversight.set('challenge', {
      ...rules,
      holds_awards: true,
      round: {
        when: 'always',
        algorithm: 'simple_majority',
        voters: [{ id: 'judge', why: 'asked by name' }],
        min_agreement: 0.75,
        quorum: 0.6,
        round_seconds: 600,
      },
    });
    for (const id of ['judge', 'rival']) await client.as(id).agents.put(id, { agent_type: 'judge' });
    const errors: unknown[] = [];
    const gateway = open(errors);
    const { begun, settled, handler, finish } = workThatWaits({ fails: outcome === 'failed' });
    await gateway.register(clerks(1, { capacity: 3 }), handler);
    gateway.start();
    await post(1, { accept_seconds: 600, max_attempts: 1 });
    await eventually(() => begun.length === 1);
    let award = '';
    for await (const { stream, index, events } of client.receipts.stream('task', 'task-0'))
      if (events.some(({ type }) => type === 'TaskAwarded')) award = `${stream}@${index}`;
    const { round } = await client.as('rival').challenge(award, 'it has not the tools');
    finish();
    const refusals = () => errors.filter((error) => (error as FormicaryError).code === 'award-challenged').length;
    await eventually(() => refusals() >= 1);

    // Another award has the agent looked at: what it was shown before is shown again.
    await client.tasks.post({ id: 'task-1', task_type: 'clerk' });
    await eventually(() => refusals() >= 2 || begun.filter((task) => task === 'task-0').length > 1);
    expect(begun.filter((task) => task === 'task-0')).toHaveLength(1);

    const vote = { choice: 'dismiss', confidence: 1, reasoning: 'it has them' };
    await client.as('judge').rounds.vote(round.id, { ...vote, snapshot: round.snapshot, pass: 1 });
    await eventually(async () => (await statuses(2)).join() === `${status},completed`);
    expect(begun.sort()).toEqual(['task-0', 'task-1']);
    await eventually(() => settled.length === 3);
    expect(settled.filter((each) => each.startsWith('task-0'))).toEqual(['task-0 dropped', `task-0 ${outcome}`]);
  },
  30_000,
);

test('what was done at once is not done again when an answer comes that was made before', async () => {
  const gateway = open();
  const { begun, settled, handler, finish } = workThatWaits();
  await gateway.register(clerks(1, { capacity: 2 }), handler);
  gateway.start();
  await post(1, { accept_seconds: 600 });
  await eventually(() => begun.length === 1);
  let arrive: () => void = () => undefined;
  let isHeld = false;
  const held = new Promise<void>((resolve) => (arrive = resolve));
  onAnswer = async ({ path }, body) => {
    if (!path.startsWith('/v1/gateway/inbox') || !body.includes('"task-0"')) return;
    isHeld = true;
    await held;
  };
  await client.tasks.post({ id: 'task-1', task_type: 'clerk' });
  await eventually(() => isHeld);
  finish();
  await eventually(() => settled.length === 1);
  arrive();
  await allAre(2, 'completed');
  await eventually(() => settled.length === 2);
  expect(begun.sort()).toEqual(['task-0', 'task-1']);
  expect(settled.sort()).toEqual(['task-0 completed', 'task-1 completed']);
});

test('bids and votes as its agents', async () => {
  const gateway = open();
  await gateway.register(clerks(3, { standing_offer: false }), {
    work: async () => 'done',
    bid: ({ agent }) => agent === 'clerk-1',
    vote: () => ({ choice: 'approve', confidence: 1, reasoning: 'it is one' }),
  });
  gateway.start();
  await post(1);
  await allAre(1, 'completed');
  expect((await client.tasks.get('task-0')).completion).toMatchObject({ agent: 'clerk-1', result: 'done' });

  await client.rounds.open({
    id: 'r',
    question: 'Is it a duplicate?',
    kind: 'finance.duplicate',
    impact: 'low',
    round_seconds: 3_600,
    electorate: {
      algorithm: 'weighted_voting',
      voters: ['clerk-0', 'clerk-1', 'clerk-2'].map((id) => ({ id, why: 'it knows', weight: 1 })),
    },
  });
  await eventually(async () => (await client.rounds.get('r')).outcome?.choice === 'approve');
});

test('an agent without work declines; a claim that is over is dropped; leases go on while it works', async () => {
  const gateway = open();
  const dropped: string[] = [];
  await gateway.register([{ id: 'idle', agent_type: 'clerk' }], {});
  gateway.start();
  await post(1, { lease_seconds: 1, max_attempts: 50 });
  await eventually(async () => (await events('task-0')).includes('AwardDeclined'));

  let finish: () => void = () => undefined;
  await gateway.register([{ id: 'busy', agent_type: 'clerk' }], {
    async work({ task, signal }) {
      signal.addEventListener('abort', () => dropped.push(task));
      await new Promise<void>((resolve) => (finish = resolve));
    },
  });
  const running = await eventually(async () => {
    const task = await client.tasks.get('task-0');
    return task.status === 'running' && task;
  });
  // Longer than the lease.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(await client.tasks.get('task-0')).toMatchObject({
    status: 'running',
    holder: { award: running.holder?.award },
  });
  await client.tasks.cancel('task-0');
  await eventually(() => dropped.length > 0);
  finish();
});

test('a command that nobody can take is refused alone', async () => {
  const gateway = open();
  await gateway.register(clerks(1), {});
  const cycle: unknown[] = [];
  cycle.push(cycle);
  const claim = { agent: 'clerk-0', task: 'nowhere', award: 1 };
  const came = await Promise.allSettled([
    gateway.do({ do: 'heartbeat', agent: 'clerk-0', holding: [] }),
    gateway.do({ do: 'complete', ...claim, result: 1n }),
    gateway.do({ do: 'complete', ...claim, result: cycle }),
    gateway.do({ do: 'progress', ...claim, fraction: 1.01 }),
    // Of these the host can't read the request.
    gateway.do({ do: 'complete', ...claim, result: 'half of \ud83d' }),
    gateway.do({ do: 'complete', ...claim, result: 'x\u0000' }),
    gateway.do({ do: 'heartbeat', agent: 'clerk-0', holding: [] }),
  ]);
  expect(
    came.map((each) => (each.status === 'fulfilled' ? each.value.status : (each.reason as { status?: number }).status)),
  ).toEqual([200, undefined, undefined, 400, 400, 400, 200]);
});

test('work that ends with what is no JSON has failed, and says why in whole characters', async () => {
  const errors: unknown[] = [];
  const gateway = open(errors);
  await gateway.register(clerks(1, { capacity: 3 }), {
    async work({ task }) {
      if (task === 'task-0') return 1n;
      if (task === 'task-1') throw new Error(`${'x'.repeat(1_999)}😀`);
      return 'done';
    },
  });
  gateway.start();
  await post(3, { max_attempts: 1 });
  await eventually(async () => (await statuses(3)).join() === 'dead,dead,completed');
  expect((await client.tasks.get('task-0')).history).toMatchObject([{ reason: expect.stringContaining('BigInt') }]);
  expect((await client.tasks.get('task-1')).history).toMatchObject([{ reason: 'x'.repeat(1_999) }]);
  expect(errors).toEqual([]);
});

test('batches are as large as the host takes them, whatever is written in them', async () => {
  const gateway = open();
  await gateway.register(clerks(1), {});
  const claim = { agent: 'clerk-0', task: 'nowhere', award: 1 };
  const came = await Promise.allSettled([
    ...Array.from({ length: 400 }, () => gateway.do({ do: 'fail', ...claim, reason: '€'.repeat(2_000) })),
    ...Array.from({ length: 4 }, () => gateway.do({ do: 'complete', ...claim, result: '€'.repeat(300_000) })),
  ]);
  expect(new Set(came.map((each) => each.status === 'rejected' && (each.reason as { code: string }).code))).toEqual(
    new Set(['task-not-found']),
  );
  expect(Math.max(...sizes)).toBeLessThan(2_100_000);
});

test('a task that is awarded again takes the work of the earlier award away', async () => {
  const gateway = open();
  const begun: number[] = [];
  const aborted: number[] = [];
  await gateway.register(clerks(2), {
    async work({ award, signal }) {
      begun.push(award);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      aborted.push(award);
    },
  });
  gateway.start();
  await post(1, { lease_seconds: 3_600 });
  await eventually(() => begun.length === 1);
  const { holder } = await client.tasks.get('task-0');
  await client.tasks.release('task-0', { agent: holder?.agent, award: 1 });
  await eventually(() => begun.length === 2);
  await eventually(() => aborted.length === 1);
  expect(aborted).toEqual([1]);
});

test('stops: waits for what is under way, gives back the rest, and takes nothing new', async () => {
  const gateway = open();
  const aborted: string[] = [];
  await gateway.register(clerks(2), {
    async work({ task, signal }) {
      if (task === 'task-0') return await new Promise((resolve) => setTimeout(() => resolve('slow'), 500));
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      aborted.push(task);
    },
  });
  gateway.start();
  await post(2);
  await allAre(2, 'running');
  await gateway.stop({ graceMs: 2_000 });
  expect(await client.tasks.get('task-0')).toMatchObject({ status: 'completed', completion: { result: 'slow' } });
  const left = await client.tasks.get('task-1');
  expect(left.history).toMatchObject([{ end: 'released' }]);
  expect(aborted).toEqual(['task-1']);
  const before = requests.length;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(requests.length).toBe(before);
});

test.each([0, 60_000])(
  'told to stop within %d ms, it gives back at once what it was about to accept',
  async (graceMs) => {
    const gateway = open();
    let begun = 0;
    await gateway.register(clerks(1), { work: async () => void (begun += 1) });
    gateway.start();
    let stopped: Promise<void> | undefined;
    // It is told to stop while the host has the acceptance.
    onRequest = (request) => {
      if (!request.body?.includes('"accept"')) return;
      stopped ??= gateway.stop({ graceMs });
    };
    await post(1, { lease_seconds: 3_600, max_attempts: 1 });
    await eventually(() => stopped !== undefined);
    await stopped;
    expect(begun).toBe(0);
    expect((await client.tasks.get('task-0')).history).toMatchObject([{ end: 'released' }]);
  },
);

test('goes on and gives back what it holds also when who hears of errors throws', async () => {
  const fault = new Error('nobody wants to know');
  const gateway = client.gateway.open({
    onError: () => {
      throw fault;
    },
  });
  await gateway.register([{ id: 'idle', agent_type: 'other', standing_offer: false }, ...clerks(1)], {
    work: () => new Promise(() => undefined),
    bid: () => {
      throw new Error('it has no opinion');
    },
  });
  gateway.start();
  const polls = () => requests.filter((request) => request === 'GET /v1/gateway/inbox').length;
  await client.tasks.post({ id: 'other', task_type: 'other' });
  await eventually(() => polls() > 1);
  await post(1, { lease_seconds: 3_600 });
  await allAre(1, 'running');
  await expect(gateway.stop({ graceMs: 0 })).rejects.toBe(fault);
  expect((await client.tasks.get('task-0')).history).toMatchObject([{ end: 'released' }]);
});

test('after a start on what an earlier process held, that is given back', async () => {
  const first = open();
  await first.register(clerks(1), { work: () => new Promise(() => undefined) });
  first.start();
  await post(1, { lease_seconds: 3_600 });
  await allAre(1, 'running');
  // A process that is gone says nothing any more.
  const second = open();
  await second.register(clerks(1), { work: async () => 'again' });
  second.start();
  await allAre(1, 'completed');
  expect((await client.tasks.get('task-0')).history?.[0]).toMatchObject({ end: 'released' });
});
