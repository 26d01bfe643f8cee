/** The client against a real host: every route, errors as exceptions, paging, who calls. */
import {
  type Assignment,
  Formicary,
  FormicaryError,
  NodeTransport,
  TransportClosed,
  type TransportRequest,
} from '../../client/client';
import type { Session } from '../../client/session';
import type { receipts } from '../../contract/audit/receipts';
import { ownersKeyTextOf } from '../../domain/kernel/identity-secret';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';

let host: TestHost;
let client: Formicary;

beforeAll(async () => {
  host = await startTestHost();
  client = new Formicary({ url: host.url });
}, 60_000);
afterAll(async () => {
  client.close();
  await host.stop();
});

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What the promise was rejected with. */
async function refusal(promise: Promise<unknown>): Promise<FormicaryError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FormicaryError)) throw new Error(`not refused as expected, but ${String(error)}`);
  return error;
}

async function assignment(agent: Formicary, id: string): Promise<Assignment> {
  const { items } = await agent.agents.inbox(id, { waitSeconds: 10 });
  const found = items.find(({ kind }) => kind === 'assignment');
  if (found === undefined) throw new Error(`${id} was assigned nothing`);
  return found as Assignment;
}

test.each(['', '.', '..'])('an id %j leads nowhere else: not to a list, nor to what is above', async (id) => {
  const calls = [
    client.tasks.get(id),
    client.agents.get(id),
    client.agents.deregister(id),
    client.tasks.cancel(id),
    client.oversight.get(id),
    client.rounds.get(id),
  ];
  for (const call of calls) await expect(call).rejects.toThrow('must not be empty nor made of dots alone');
});

test('a task from post to completion, by an agent that acts for itself', async () => {
  const agent = client.as('life-1');
  const registered = await agent.agents.register({
    agent_type: 'life.cycle',
    capabilities: { welding: 0.5 },
    capacity: 2,
  });
  expect(registered).toMatchObject({
    receipt: { stream: 'default/agent/life-1', version: 0, events: ['AgentRegistered'] },
    agent: { id: 'life-1', load: 0, capabilities: { welding: 0.5 } },
  });

  const posted = await client.tasks.post({ id: 'life-task', task_type: 'life.cycle', priority: 1, payload: { n: 1 } });
  expect(posted.task).toMatchObject({ id: 'life-task', status: 'open', payload: { n: 1 } });
  expect(await agent.agents.connect('life-1')).toEqual({ push: null, look_seconds: 30 });
  const how: string[] = [];
  for await (const { items } of agent.agents.watch('life-1', { onWaiting: (now) => how.push(now) })) {
    expect(items).toEqual([expect.objectContaining({ kind: 'assignment', task: 'life-task' })]);
    break;
  }
  expect(how).toEqual(['poll']);
  const { task, award, spec } = await assignment(agent, 'life-1');
  expect({ task, award, payload: spec.payload }).toEqual({ task: 'life-task', award: 1, payload: { n: 1 } });

  expect((await agent.tasks.accept(task, { award })).task.holder).toMatchObject({ agent: 'life-1', award: 1 });
  expect((await agent.tasks.heartbeat(task, { award })).receipt.events).toEqual([]);
  expect(
    (
      await agent.agents.heartbeat('life-1', [
        { task, award },
        { task, award: 9 },
      ])
    ).held,
  ).toEqual([
    { task, award, stands: true },
    { task, award: 9, stands: false },
  ]);
  expect((await agent.tasks.progress(task, { award, fraction: 0.5, note: 'half' })).task.progress).toMatchObject({
    fraction: 0.5,
    note: 'half',
  });
  const done = await agent.tasks.complete(task, { award, result: { ok: true } });
  expect(done.task).toMatchObject({
    status: 'completed',
    completion: { agent: 'life-1', award: 1, result: { ok: true } },
  });

  expect(await client.tasks.get(task, { asOf: posted.receipt.at })).toMatchObject({ status: 'open', version: 0 });
  expect(await client.tasks.recompute(task)).toMatchObject({ agrees: true, computedWinner: 'life-1' });
  const receipts = await all(client.receipts.stream('task', task));
  expect(receipts.map(({ meta }) => meta.actor.id)).toEqual(['developer', 'market', 'life-1', 'life-1', 'life-1']);
  expect(receipts.at(-1)?.hash).toBe(done.receipt.hash);
  const chain = await client.why(task);
  expect(chain.roots).toHaveLength(1);
  expect(chain.roots[0]).toMatchObject({
    action: 'task.post',
    effects: [{ action: 'agent.reserve', effects: [{ action: 'task.award' }] }],
  });
});

test('the ways in which an attempt ends', async () => {
  for (const id of ['ends-1', 'ends-2']) await client.as(id).agents.register({ agent_type: 'ends.work', capacity: 1 });
  await client.as('ends-1').agents.deregister('ends-1', 'tired');
  expect((await client.agents.get('ends-1')).status).toBe('gone');
  expect(
    (await client.as('ends-1').agents.put('ends-1', { agent_type: 'ends.work', capacity: 1, pool: 'other' })).agent,
  ).toMatchObject({ status: 'active', pool: 'other' });

  await client.tasks.post({ id: 'ends', task_type: 'ends.work', retry_seconds: 0 });
  const { award, agent: holder } = await whoGot('ends');
  const other = holder === 'ends-1' ? 'ends-2' : 'ends-1';
  expect((await client.as(holder).tasks.decline('ends', { award, reason: 'busy' })).receipt.events).toContain(
    'AwardDeclined',
  );

  const next = await assignment(client.as(other), other);
  await client.as(other).tasks.accept('ends', { award: next.award });
  expect(await refusal(client.as(other).tasks.handOff('ends', { award: next.award, to: holder }))).toMatchObject({
    status: 409,
  });
  await client.as('ends-3').agents.register({ agent_type: 'ends.work', standing_offer: false });
  const handed = await client.as(other).tasks.handOff('ends', { award: next.award, to: 'ends-3', note: 'yours' });
  expect(handed.task.holder).toMatchObject({ agent: 'ends-3', award: next.award + 1 });
  const stale = await refusal(client.as(other).tasks.complete('ends', { award: next.award }));
  expect(stale).toMatchObject({ status: 409, code: 'award-superseded' });

  await client.as('ends-3').tasks.accept('ends', { award: next.award + 1 });
  const released = await client.as('ends-3').tasks.release('ends', { award: next.award + 1, reason: 'later' });
  expect(released.receipt.events).toContain('AttemptEnded');
  const again = await whoGot('ends');
  await client.as(again.agent).tasks.accept('ends', { award: again.award });
  const failed = await client
    .as(again.agent)
    .tasks.fail('ends', { award: again.award, reason: 'broken', retryable: false });
  expect(failed.task.status).toBe('dead');
  expect((await client.tasks.redrive('ends')).task.status).toBe('open');
  expect((await client.tasks.cancel('ends', 'enough')).task.status).toBe('cancelled');
}, 30_000);

test('explicit bids', async () => {
  const bidder = client.as('bidder');
  await bidder.agents.register({ agent_type: 'bid.work', standing_offer: false });
  await client.tasks.post({ id: 'bids', task_type: 'bid.work', bid_seconds: 600 });
  expect((await bidder.tasks.bid('bids', { note: 'mine' })).task.bids).toBe(1);
  expect((await bidder.tasks.withdrawBid('bids')).task.bids).toBe(0);
});

test('a batch answers for each task, and large payloads are kept beside the receipt', async () => {
  const big = 'x'.repeat(40_000);
  await client.tasks.post({ id: 'batch-1', task_type: 'batch.work' });
  const answers = await client.tasks.postMany([
    { id: 'batch-1', task_type: 'batch.work' },
    { id: 'batch-2', task_type: 'batch.work', payload: { big } },
  ]);
  expect(answers[0]).toMatchObject({
    id: 'batch-1',
    problem: { status: 409, type: expect.stringMatching(/task-exists$/) },
  });
  expect(answers[1]).toMatchObject({ id: 'batch-2', receipt: { events: ['TaskPosted'] } });
  const { payload, payload_ref } = await client.tasks.get('batch-2');
  expect(payload).toBeUndefined();
  expect(await client.tasks.blob('batch-2', payload_ref!)).toEqual({ big });
});

test('signals, tools, the repository and pools', async () => {
  const emitted = await client.signals.emit({
    type: 'resource_needed',
    location: 'hall/a@1',
    strength: 0.5,
    decay_rate: 0,
  });
  expect(emitted).toMatchObject({ strength: 0.5, version: 0 });
  const many = await client.signals.emitMany([
    { type: 'resource_needed', location: 'hall/a@1', strength: 0.25, decay_rate: 0 },
    { type: 'resource_needed', location: 'hall/b', strength: 0.1, decay_rate: 0 },
  ]);
  expect(many).toMatchObject([{ strength: 0.75 }, { strength: 0.1 }]);
  expect(await client.signals.trail('resource_needed', 'hall/a@1')).toMatchObject({
    location: 'hall/a@1',
    strength: 0.75,
    emissions: 2,
  });
  await settled();
  expect(
    (await client.signals.field({ location: 'hall', minimum: 0.5 })).value.map(({ location }) => location),
  ).toEqual(['hall/a@1']);
  // JavaScript would write it as 1e-7, which no address may have.
  expect((await client.signals.field({ location: 'hall', minimum: 1e-7 })).value).toHaveLength(2);

  const definition = {
    tool_name: 'Leads',
    description: 'Reads leads',
    schema: {},
    version: '1.0.0',
    api_name: 'Salesforce',
    operations: ['query_leads'],
  };
  await client.tools.register('crm-leads', definition);
  await client.tools.register('crm-leads', { ...definition, version: '1.1.0', code: 'return 1;' });
  expect((await client.tools.get('crm-leads')).versions.map(({ version }) => version)).toEqual(['1.0.0', '1.1.0']);
  expect((await client.tools.version('crm-leads', '1.0.0')).definition.version).toBe('1.0.0');
  expect((await client.tools.deprecate('crm-leads', { reason: 'old' })).tool.status).toBe('deprecated');
  await settled();
  expect((await client.tools.search({ api_name: 'salesforce' })).value).toEqual([]);
  expect((await client.tools.search({ api_name: 'salesforce', deprecated: true })).value).toMatchObject([
    { tool_id: 'crm-leads' },
  ]);

  expect((await client.repository.search('inventory optimization', { limit: 1 }))[0]).toMatchObject({
    score: expect.any(Number),
  });
  expect(
    (await client.repository.list({ department: 'finance' })).every(({ department }) => department === 'finance'),
  ).toBe(true);
  expect((await client.repository.get('finance.reconciliation')).similar.length).toBeGreaterThan(0);
  await client.repository.define('finance.mine', 'finance.reconciliation', { tags: ['ours'] });
  const revised = await client.repository.revise('finance.mine', { tags: ['theirs'] });
  expect(revised.agent_type).toMatchObject({ agent_type: 'finance.mine', tags: ['theirs'] });
  const deployed = await client.agents.deploy({ agent_type: 'finance.mine', id: 'mine-1', capacity: 3 });
  expect(deployed.agent).toMatchObject({ id: 'mine-1', capacity: 3, pool: 'finance' });
  expect((await client.repository.withdraw('finance.mine', 'done')).receipt.events).toEqual(['AgentTypeWithdrawn']);

  const finance = await eventually(async () => (await client.pools.list()).find(({ pool }) => pool === 'finance'));
  expect(finance).toMatchObject({ sample: { agents: 1, capacity: 3 } });
  expect(Array.isArray(await client.pools.history('finance', { limit: 5 }))).toBe(true);
  expect(
    (await client.pools.setObjective('finance', { description: 'close the month', capabilities: ['finance.mine'] }))
      .receipt.events,
  ).toContain('ObjectiveChanged');
  expect(
    (await client.pools.reorganise('finance', [{ agent: 'mine-1', to: 'closing' }], 'asked')).receipt.events,
  ).toContain('SwarmReorganised');
});

test('what an operator sees', async () => {
  expect(await client.health()).toMatchObject({ status: 'ready' });
  expect((await client.status()).views.map(({ view }) => view)).toContain('tasks');
  expect(await client.operation.metrics()).toMatch(/^# HELP/m);
  expect(await client.operation.openapi()).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) });
  expect(await client.operation.rebuildView('tools')).toMatchObject({ view: 'tools' });
  expect(await client.operation.parked('views', { limit: 5 })).toEqual([]);
  expect(await refusal(client.operation.redrive('views', 'nothing'))).toMatchObject({ status: 404 });
});

describe('errors', () => {
  test('a problem document becomes an exception that says the same', async () => {
    const error = await refusal(client.tasks.get('nobody'));
    expect(error).toMatchObject({
      name: 'FormicaryError',
      status: 404,
      code: 'not-found',
      type: 'https://formicary.dev/problems/not-found',
      message: 'There is no task nobody.',
    });
    expect(error.problem.title).toBe('There is no such resource');
  });

  test('what is wrong with a body is named', async () => {
    const error = await refusal(client.tasks.post({ task_type: 'x', priority: 7 }));
    expect(error).toMatchObject({ status: 400, code: 'invalid-request' });
    expect(error.problem.errors).toEqual([expect.objectContaining({ pointer: '#/priority' })]);
    expect(error.message).toMatch(/^The body does not have the required form\.\n#\/priority: /);
  });

  test('a rule that refuses, and a version that has passed', async () => {
    await client.tasks.post({ id: 'rules', task_type: 'rules.work' });
    expect(await refusal(client.tasks.post({ id: 'rules', task_type: 'rules.work' }))).toMatchObject({
      status: 409,
      code: 'task-exists',
    });
    expect(await refusal(client.tasks.cancel('rules', 'x', { ifMatch: 7 }))).toMatchObject({ status: 412 });
    expect((await client.tasks.cancel('rules', 'x', { ifMatch: 0 })).task.status).toBe('cancelled');
  });

  test('what a route needs to be asked by: left out it neither compiles nor is it answered', async () => {
    class Asking {
      constructor(private readonly session: Session) {}
      ofNothing() {
        // @ts-expect-error -- the route needs a query
        return this.session.call<typeof receipts.why>('GET /v1/why', {});
      }
    }
    expect(await refusal(client.api(Asking).ofNothing())).toMatchObject({ status: 400, code: 'invalid-request' });
  });

  test('nobody answers', async () => {
    const nobody = new Formicary({ url: 'http://127.0.0.1:1', retry: { attempts: 2, baseMs: 1 } });
    const error = await refusal(nobody.status());
    expect(error).toMatchObject({ status: 0, code: 'unreachable' });
    expect(error.message).toContain('ECONNREFUSED');
  });

  test('only addresses of hosts are taken', () => {
    for (const url of ['ftp://127.0.0.1', 'nonsense', ''])
      expect(() => new Formicary({ url })).toThrow(`"${url}" is not the address of a host`);
  });

  test('a closed client rejects what is under way, and does not try again', async () => {
    const closing = new Formicary({ url: host.url, principal: 'patient' });
    await closing.agents.register({ agent_type: 'patient.work' });
    const waiting = closing.agents.inbox('patient', { waitSeconds: 30 });
    setTimeout(() => closing.close(), 50);
    await expect(waiting).rejects.toThrow(TransportClosed);
    await expect(closing.status()).rejects.toThrow(TransportClosed);
  });

  test('an aborted call rejects with the reason of its signal', async () => {
    await client.as('patient').agents.register({ agent_type: 'patient.work' });
    const stop = new AbortController();
    const waiting = client.as('patient').agents.inbox('patient', { waitSeconds: 30, signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 50);
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe('who calls', () => {
  test('a client for another principal shares the connections, and may do what that one may', async () => {
    const ada = client.as('human:ada');
    const { receipt } = await ada.tasks.post({ id: 'by-ada', task_type: 'who.work' });
    const [commit] = await all(client.receipts.stream('task', 'by-ada'));
    expect(commit).toMatchObject({ hash: receipt.hash, meta: { actor: { id: 'human:ada', kind: 'human' } } });
    expect(
      await refusal(
        client
          .as('me')
          .agents.get('life-1')
          .then(() => client.as('me').agents.deregister('life-1')),
      ),
    ).toMatchObject({ status: 403, code: 'forbidden' });
  });

  test('tenants see nothing of each other', async () => {
    await client.tasks.post({ id: 'of-default', task_type: 'who.work' });
    expect(await refusal(client.as('developer', 'acme').tasks.get('of-default'))).toMatchObject({ status: 404 });
  });
});

describe('paging', () => {
  beforeAll(async () => {
    await client
      .as('developer', 'pages')
      .tasks.postMany(
        Array.from({ length: 25 }, (_, i) => ({ id: `page-${String(i).padStart(2, '0')}`, task_type: 'page.work' })),
      );
    await settled();
  });

  test('every row comes once, over as many pages as it takes', async () => {
    const { asked, counting } = counted('pages');
    const ids = (await all(counting.tasks.all({ limit: 10 }))).map(({ id }) => id);
    expect(ids).toEqual(Array.from({ length: 25 }, (_, i) => `page-${String(i).padStart(2, '0')}`));
    expect(asked).toHaveLength(3);
  });

  test('pages that nobody wants are not asked for', async () => {
    const { asked, counting } = counted('pages');
    for await (const task of counting.tasks.all({ limit: 10, status: 'open' })) if (task.id === 'page-03') break;
    expect(asked).toHaveLength(1);
  });

  test('agents and receipts page in the same way', async () => {
    const pages = client.as('developer', 'pages');
    const receipts = await all(pages.receipts.all({ limit: 7, category: 'task' }));
    expect(receipts.filter(({ events }) => events.some(({ type }) => type === 'TaskPosted'))).toHaveLength(25);
    const page = await pages.receipts.page({ limit: 7 });
    expect((await pages.receipts.page({ limit: 7, after: page.after })).value[0]?.hash).toBe(receipts[7]?.hash);
    await pages.as('paged').agents.register({ agent_type: 'page.agent' });
    await settled();
    expect((await all(pages.agents.all({ agent_type: 'page.agent' }))).map(({ id }) => id)).toEqual(['paged']);
    expect((await pages.agents.list({ limit: 1 })).value).toHaveLength(1);
    expect((await pages.tasks.list({ limit: 5 })).nextLink).toContain('continuation=');
  });
});

test('the client knows every route of the API', async () => {
  const { paths } = (await client.operation.openapi()) as { paths: Record<string, Record<string, unknown>> };
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      method: method.toUpperCase(),
      path,
      pattern: new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^?]+')}(\\?|$)`),
    })),
  );
  expect(operations.length).toBeGreaterThan(40);
  const known = await everyRequest();
  const unknown = operations.filter(
    ({ method, pattern }) => !known.some((request) => request.method === method && pattern.test(request.path)),
  );
  expect(unknown.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
});

/** First arguments of methods that look at them. */
const LOOKED_AT: Readonly<Record<string, unknown>> = {
  command: [],
  stage: { 'policy.wasm': Buffer.alloc(0), 'data.json': Buffer.alloc(0), 'manifest.json': Buffer.alloc(0) },
};

/** Methods that ask by others of them until something is over, which nothing is here. */
const WAIT: readonly string[] = ['wait', 'result', 'clear'];

/** What each method of the client asks for, of a host that answers nothing of use. */
async function everyRequest(): Promise<TransportRequest[]> {
  const asked: TransportRequest[] = [];
  const answer = { status: 200, header: () => undefined };
  const silent = new Formicary({
    transport: {
      address: host.url,
      send: (request) => Promise.resolve({ ...answer, body: (asked.push(request), '{"value":[]}') }),
      open: (request) =>
        Promise.reject(
          new FormicaryError(404, { type: '', title: '', status: 404, detail: (asked.push(request), '') }),
        ),
      close: () => undefined,
    },
  });
  const apis = Object.values(silent).filter(
    (value: unknown): value is object =>
      typeof value === 'object' && value !== null && value.constructor.name.endsWith('Api'),
  );
  for (const api of [silent, ...apis] as Record<string, (...args: unknown[]) => unknown>[]) {
    for (const method of Object.getOwnPropertyNames(Object.getPrototypeOf(api))) {
      if (
        method === 'constructor' ||
        WAIT.includes(method) ||
        (api === (silent as object) && ['as', 'api', 'close'].includes(method))
      )
        continue;
      // Two plausible arguments serve every method but those that look at the first: nothing is checked here.
      const made = api[method]!(LOOKED_AT[method] ?? 'a', 'b');
      if (typeof made === 'object' && made !== null && Symbol.asyncIterator in made)
        await (made as AsyncGenerator).next().catch(() => undefined);
      else await made;
    }
  }
  return asked;
}

/** A client of a tenant that notes what it asks for. */
function counted(tenant: string): { asked: string[]; counting: Formicary } {
  const asked: string[] = [];
  const transport = new NodeTransport(host.url);
  const counting = new Formicary({
    tenant,
    transport: {
      address: host.url,
      send: (request) => (asked.push(request.path), transport.send(request)),
      open: (request) => transport.open(request),
      close: () => transport.close(),
    },
  });
  return { asked, counting };
}

/** Who is to accept the task, once somebody is. */
function whoGot(task: string): Promise<{ agent: string; award: number }> {
  return eventually(async () => {
    const { status, holder } = await client.tasks.get(task);
    return status === 'awarded' ? holder : undefined;
  });
}

/** Until the views have seen everything. */
async function settled(): Promise<void> {
  await eventually(async () => ((await client.status()).feed.every(({ lag }) => lag === 0) ? true : undefined));
}

describe('keys that the host does not know', () => {
  const others = ownersKeyTextOf('that of another colony, on this machine');
  /** More than are looked at. */
  const OFTEN = 40;
  /** What so many clients that begin with the key are answered, one after the other. */
  async function answered(key: string | readonly string[]): Promise<(string | undefined)[]> {
    const answers: (string | undefined)[] = [];
    for (let i = 0; i < OFTEN; i += 1) {
      const stranger = new Formicary({ url: host.url, credentials: { key }, retry: { attempts: 1 } });
      answers.push(
        await stranger.status().then(
          () => undefined,
          (error: FormicaryError) => error.code,
        ),
      );
      stranger.close();
    }
    return answers;
  }

  test('keep nobody out who only may have to show them, however often they are tried', async () => {
    expect(await answered([others])).toEqual(Array.from({ length: OFTEN }, () => undefined));
  });

  test('are looked at no more after a while, and the client says that, not that nobody answers', async () => {
    const codes = new Set(await answered(others));
    expect([...codes].filter((code) => code !== 'unauthenticated')).toEqual(['too-many-requests']);
  });
});
