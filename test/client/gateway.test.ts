/** Many agents in one process, against a real host. */
import { Formicary, type Gateway, type GatewayAgent, NodeTransport, type TransportRequest } from '../../client/client';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';

let host: TestHost;
let tenants = 0;
/** Of this test's tenant. */
let client: Formicary;
let requests: string[];

class CountingTransport extends NodeTransport {
  override async send(request: TransportRequest) {
    requests.push(`${request.method} ${request.path.split('?')[0]}`);
    return await super.send(request);
  }
}

beforeAll(async () => {
  host = await startTestHost({ env: { FORMICARY_RATE: '100000', FORMICARY_BURST: '100000' } });
}, 60_000);
afterAll(() => host.stop());

const opened: Gateway[] = [];
beforeEach(() => {
  requests = [];
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
