/** The worker of the client against a live host: tasks, failures, votes, bids, people, and the ends of things. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import {
  Cancelled,
  Fail,
  Formicary,
  NodeTransport,
  Refused,
  Release,
  TaskEnded,
  type TransportRequest,
  type TransportResponse,
  Worker,
  type WorkerOptions,
} from '../../client/index';
import { eventually } from '../support/eventually';
import { compiledApp, startTestHost, type TestHost } from '../support/host';

let host: TestHost;
let client: Formicary;
const workers: Worker[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  host = await startTestHost();
  client = new Formicary({ url: host.url, principal: 'service:tests' });
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop({ graceSeconds: 0 })));
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => client.close());

/** A worker of this test; what it says is kept from the output. */
function worker(agent: string, options: WorkerOptions = {}): Worker {
  const formicary = new Formicary({ url: host.url, principal: agent });
  const made = new Worker({ formicary, agent, log: () => undefined, ...options });
  workers.push(made);
  return made;
}

async function posted(task_type: string, more: object = {}): Promise<string> {
  return (await client.tasks.post({ task_type, retry_seconds: 0, ...more })).task.id;
}

/** Resolves when the signal aborts. */
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve()));

test('does tasks of its types, and says how far it is', async () => {
  const notes: unknown[] = [];
  await worker('ada', { capacity: 2 })
    .task('sum', async (task) => {
      await task.progress(0.5, 'half of it');
      notes.push((await client.tasks.get(task.id)).progress);
      return ((await task.payload()) as number[]).reduce((a, b) => a + b);
    })
    .task('count', async (task) => ((await task.payload()) as string).length)
    .start();
  expect(await client.agents.get('ada')).toMatchObject({ agent_type: 'sum', capabilities: { count: 1 }, capacity: 2 });
  const [first, second] = [await posted('sum', { payload: [1, 2, 3] }), await posted('count', { payload: 'four' })];
  expect(await client.tasks.result(first)).toBe(6);
  expect(await client.tasks.result(second)).toBe(4);
  expect(notes).toMatchObject([{ fraction: 0.5, note: 'half of it' }]);
});

test('large payloads and results go by reference', async () => {
  await worker('large-1', { agent_type: 'large' }).start(async (task) => [
    await task.payload(),
    'payload' in task.spec,
  ]);
  const text = 'ä'.repeat(50_000);
  const task = await posted('large', { payload: text });
  expect(await client.tasks.result(task)).toEqual([text, false]);
  expect((await client.tasks.get(task)).completion).toHaveProperty('result_ref');
});

test('what is thrown fails the attempt, and another one follows', async () => {
  const circle: Record<string, unknown> = {};
  circle['circle'] = circle;
  await worker('fail-1', { agent_type: 'fails' }).start((task) => {
    if (task.attempt === 1) throw new Error('the ledger is closed');
    if (task.attempt === 2) throw new Release('not now');
    // The last of them is larger than a request may be.
    return [circle, 'x'.repeat(2_000_000)][task.attempt - 3] ?? 'done';
  });
  const task = await posted('fails', { max_attempts: 10 });
  expect(await client.tasks.result(task)).toBe('done');
  expect((await client.tasks.get(task)).history).toMatchObject([
    { end: 'failed', reason: 'the ledger is closed' },
    { end: 'released', reason: 'not now' },
    { end: 'failed', reason: expect.stringContaining('circular') },
    { end: 'failed', reason: 'what came of it was refused: payload-too-large' },
  ]);
});

test('a failure for good ends the task', async () => {
  await worker('dead-1', { agent_type: 'dies' }).start(() => {
    throw new Fail('there is no such ledger', { retryable: false });
  });
  const ended = client.tasks.result(await posted('dies'));
  await expect(ended).rejects.toThrow(TaskEnded);
  await expect(ended).rejects.toMatchObject({ status: 'dead' });
});

test('what nobody here does is declined', async () => {
  await worker('narrow-1', { capabilities: { narrow: 1 } })
    .task('other', () => 'done')
    .start();
  const task = await posted('narrow');
  const declined = await eventually(async () => {
    for await (const { events } of client.receipts.stream('task', task))
      for (const event of events) if (event.type === 'AwardDeclined') return event;
    return undefined;
  });
  expect(declined.data).toMatchObject({ agent: 'narrow-1', reason: 'no function here does narrow' });
});

class Counting extends NodeTransport {
  beats = 0;

  override send(request: TransportRequest) {
    if (request.path.endsWith('/heartbeat')) this.beats += 1;
    return super.send(request);
  }
}

test('a lease is extended while the function works', async () => {
  const transport = new Counting(host.url);
  const formicary = new Formicary({ transport, principal: 'slow-1' });
  await worker('slow-1', { agent_type: 'slow', formicary }).start(() => eventually(() => transport.beats >= 2));
  await client.tasks.result(await posted('slow', { lease_seconds: 2 }));
  expect(transport.beats).toBeGreaterThanOrEqual(2);
});

test('a task that is cancelled is dropped, and the worker is free for others', async () => {
  const dropped: unknown[] = [];
  await worker('drop-1', { agent_type: 'drop' }).start(async (task) => {
    if (task.spec.payload === 'next') return 'done';
    await aborted(task.signal);
    dropped.push(task.signal.reason);
    return 'nobody wants it';
  });
  const task = await posted('drop', { lease_seconds: 1 });
  await eventually(async () => (await client.tasks.get(task)).status === 'running');
  await client.tasks.cancel(task);
  expect(await client.tasks.result(await posted('drop', { payload: 'next' }))).toBe('done');
  await eventually(() => dropped.length > 0);
  expect(dropped[0]).toBeInstanceOf(Cancelled);
  expect(await client.tasks.get(task)).not.toHaveProperty('completion');
});

test('progress of what is over rejects', async () => {
  const { promise: cancelled, resolve: isCancelled } = Promise.withResolvers<void>();
  const { promise: heard, resolve: hears } = Promise.withResolvers<unknown>();
  await worker('over-1', { agent_type: 'over' }).start(async (task) => {
    await cancelled;
    await task.progress(0.5).catch(hears);
  });
  const task = await posted('over', { lease_seconds: 600 });
  await eventually(async () => (await client.tasks.get(task)).status === 'running');
  await client.tasks.cancel(task);
  isCancelled();
  expect(await heard).toBeInstanceOf(Cancelled);
});

test('bids for what it wants, and votes', async () => {
  await worker('bidder-1', { agent_type: 'auction', standing_offer: false })
    .bid((offer) => offer.spec.payload === 'mine')
    .vote(({ question }) =>
      question === 'Ship?' ? { choice: 'approve', confidence: 0.9, reasoning: 'it is ready' } : undefined,
    )
    .start(() => 'done');
  const other = await posted('auction', { payload: 'yours' });
  expect(await client.tasks.result(await posted('auction', { payload: 'mine' }))).toBe('done');
  expect((await client.tasks.get(other)).status).toBe('open');
  const { round } = await client.rounds.open({
    question: 'Ship?',
    kind: 'question',
    impact: 'low',
    electorate: { algorithm: 'simple_majority', voters: [{ id: 'bidder-1', why: 'asked' }] },
  });
  await eventually(async () => (await client.rounds.get(round.id)).status === 'closed');
  expect((await client.rounds.get(round.id)).outcome).toMatchObject({ outcome: 'agreed' });
});

test('a person corrects one action, and rejects another one', async () => {
  const grace = new Formicary({ url: host.url, principal: 'human:grace' });
  await worker('refund-1', { agent_type: 'refund' }).start(async (task) => {
    try {
      return await task.askHuman({ amount: await task.payload() }, { why: 'it was paid twice', impact: 'low' });
    } catch (error) {
      if (error instanceof Refused) throw new Fail(error.reason, { retryable: false });
      throw error;
    }
  });
  const asked = () => eventually(async () => (await grace.approvals.list({ kind: 'refund' })).value[0]);
  const first = await posted('refund', { payload: 40 });
  const { id, hash } = await asked();
  await grace.approvals.approve(id, { hash, reason: 'half is enough', edit: { amount: 20 } });
  expect(await client.tasks.result(first)).toEqual({ amount: 20 });
  await eventually(async () => (await grace.approvals.list({ kind: 'refund' })).value.length === 0);
  const second = await posted('refund', { payload: 80 });
  const next = await asked();
  await grace.approvals.reject(next.id, { hash: next.hash, reason: 'it was for another invoice' });
  await expect(client.tasks.result(second)).rejects.toThrow('it was for another invoice');
  grace.close();
});

test('what is stopped is said once that is lifted', async () => {
  const { promise: goesOn, resolve: goOn } = Promise.withResolvers<void>();
  const heard: string[] = [];
  await worker('halt-1', { agent_type: 'halt', log: (message) => heard.push(message) }).start(async (task) => {
    await goesOn;
    await task.progress(0.5);
    return 'done';
  });
  const ada = new Formicary({ url: host.url, principal: 'human:ada' });
  const task = await posted('halt');
  await eventually(async () => (await client.tasks.get(task)).status === 'running');
  await ada.stops.stop('task', task, { effect: 'freeze', reason: 'is it ours?' });
  goOn();
  await eventually(() => heard.some((message) => message.startsWith(task)));
  await ada.stops.lift('task', task, 'it is');
  expect(await client.tasks.result(task)).toBe('done');
  expect(await client.tasks.get(task)).toMatchObject({ attempts: 1 });
  ada.close();
});

class Proposing extends NodeTransport {
  proposed = 0;

  override send(request: TransportRequest) {
    if (request.path === '/v1/actions') this.proposed += 1;
    return super.send(request);
  }
}

test('people are asked once what is stopped is lifted', async () => {
  const { promise: goesOn, resolve: goOn } = Promise.withResolvers<void>();
  const transport = new Proposing(host.url);
  const formicary = new Formicary({ transport, principal: 'halt-2' });
  await worker('halt-2', { agent_type: 'halts', formicary }).start(async (task) => {
    await goesOn;
    return await task.askHuman({ amount: 1 }, { why: 'it was paid twice' });
  });
  const ada = new Formicary({ url: host.url, principal: 'human:ada' });
  const task = await posted('halts', { lease_seconds: 600, max_attempts: 1 });
  await eventually(async () => (await client.tasks.get(task)).status === 'running');
  await ada.stops.stop('agent', 'halt-2', { effect: 'freeze', reason: 'is it ours?' });
  goOn();
  await eventually(() => transport.proposed >= 2);
  await ada.stops.lift('agent', 'halt-2', 'it is');
  const asked = async () => (await ada.approvals.list({ kind: 'halts' })).value;
  await eventually(async () => (await asked()).length > 0);
  const waiting = await asked();
  expect(waiting).toHaveLength(1);
  for (const { id, hash } of waiting) await ada.approvals.approve(id, { hash, reason: 'it was' });
  expect(await client.tasks.result(task)).toEqual({ amount: 1 });
  ada.close();
  formicary.close();
});

/** Something in between that answers for a host, each time it is first asked so. */
class Between extends NodeTransport {
  readonly answered: string[] = [];

  override async send(request: TransportRequest): Promise<TransportResponse> {
    const [, what] = /(inbox|accept|complete)(?:$|\?)/.exec(request.path) ?? [];
    const response = await super.send(request);
    if (what === undefined || this.answered.includes(what)) return response;
    this.answered.push(what);
    const status = { inbox: 404, accept: 500 }[what] ?? 200;
    return { status, header: () => undefined, body: '<html>the app is being replaced</html>' };
  }
}

test('something in between that answers for a host costs no attempt, and ends no worker', async () => {
  const transport = new Between(host.url);
  const formicary = new Formicary({ transport, principal: 'between-1' });
  await worker('between-1', { agent_type: 'between', formicary, pollSeconds: 1 }).start(() => 'done');
  await eventually(() => transport.answered.length === 1);
  const task = await posted('between', { lease_seconds: 600 });
  expect(await client.tasks.result(task)).toBe('done');
  expect(await client.tasks.get(task)).toMatchObject({ attempts: 1 });
  await eventually(() => transport.answered.length === 3);
  formicary.close();
});

test('who was deregistered by others ends', async () => {
  const running = worker('fired-1', { agent_type: 'fired', pollSeconds: 1 }).run(() => 'done');
  await eventually(async () => (await client.agents.list({ agent_type: 'fired', status: 'active' })).value.length > 0);
  await client.agents.deregister('fired-1', 'it is not needed');
  await expect(running).rejects.toMatchObject({ code: 'agent-not-found' });
});

test('a worker without a function, or with a token of no agent, is told so', async () => {
  await expect(worker('idle-1').start()).rejects.toThrow('a worker needs a function');
  await expect(worker('idle-2').start(() => 1)).rejects.toThrow('say of which type the worker is');
  const formicary = new Formicary({ url: host.url, principal: 'service:crm' });
  await expect(new Worker({ formicary, agent_type: 'idle' }).start(() => 1)).rejects.toThrow(
    'service:crm, which is no',
  );
  formicary.close();
});

test('whoever waits for a task may stop waiting', async () => {
  const task = await posted('nobody');
  await expect(client.tasks.wait(task, { signal: AbortSignal.timeout(1) })).rejects.toMatchObject({
    name: 'TimeoutError',
  });
});

// -------------------------------------------------------------------------------------------- processes that end

/** Says `began`, waits so many seconds, or until its task is dropped; says `stopped` in the end. */
const PROGRAM = `
  const { Formicary, Worker } = require('./dist/client/index.js');
  const formicary = new Formicary({ url: process.env.URL, principal: process.env.AGENT });
  const worker = new Worker({ formicary, agent: process.env.AGENT });
  worker.task(process.env.AGENT, async (task) => {
    console.log('began');
    const timer = require('node:timers/promises').setTimeout(1_000 * task.spec.payload, 'done', { signal: task.signal });
    return await timer;
  });
  worker.run().then(() => { console.log('stopped'); formicary.close(); });
`;

interface Program {
  readonly child: ChildProcess;
  /** Waits until it has said that. */
  readonly said: (word: string) => Promise<unknown>;
}

function program(agent: string): Program {
  const child = spawn(process.execPath, ['-e', PROGRAM], {
    cwd: path.resolve(compiledApp()),
    env: { ...process.env, URL: host.url, AGENT: agent },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  return { child, said: (word) => eventually(() => output.includes(word)) };
}

test('SIGTERM lets the work end', async () => {
  const { child, said } = program('polite');
  const task = await posted('polite', { payload: 1 });
  await said('began');
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(0);
  expect(await client.tasks.result(task)).toBe('done');
  expect((await client.agents.get('polite')).status).toBe('gone');
});

test('a second SIGTERM does not wait, and what is not done is given back', async () => {
  const { child, said } = program('hasty');
  const task = await posted('hasty', { payload: 3_600 });
  await said('began');
  child.kill('SIGTERM');
  await eventually(async () => (await client.agents.get('hasty')).offer == null);
  child.kill('SIGTERM');
  await once(child, 'exit');
  expect((await client.tasks.get(task)).history).toMatchObject([{ reason: 'the worker stops' }]);
});

test('a worker that was killed gives back what it held when it is started again', async () => {
  const { child, said } = program('mortal');
  // Its lease would hold for an hour.
  const task = await posted('mortal', { payload: 0.5, lease_seconds: 3_600 });
  await said('began');
  child.kill('SIGKILL');
  await once(child, 'exit');
  program('mortal');
  expect(await client.tasks.result(task)).toBe('done');
  expect((await client.tasks.get(task)).history).toMatchObject([{ reason: 'the worker was started again' }]);
});

test('told to stop while the host has the acceptance, it begins nothing, and gives the task back', async () => {
  let stopped: Promise<void> | undefined;
  class StoppingTransport extends NodeTransport {
    override async send(request: TransportRequest): Promise<TransportResponse> {
      const response = await super.send(request);
      if (request.path.endsWith('/accept')) stopped ??= leaving.stop({ graceSeconds: 60 });
      return response;
    }
  }
  const formicary = new Formicary({ transport: new StoppingTransport(host.url), principal: 'leaving' });
  const leaving = worker('leaving', { formicary, agent_type: 'leaving' });
  let begun = 0;
  await leaving.start(() => void (begun += 1));
  const task = await posted('leaving', { lease_seconds: 3_600 });
  await eventually(() => stopped !== undefined);
  await stopped;
  expect(begun).toBe(0);
  expect((await client.tasks.get(task)).history).toMatchObject([{ end: 'released', reason: 'the worker stops' }]);
});

test('the host is killed, and the work goes on', async () => {
  const { promise: goesOn, resolve: goOn } = Promise.withResolvers<void>();
  const own = await startTestHost();
  const formicary = new Formicary({ url: own.url, principal: 'steady' });
  const heard: string[] = [];
  const log = (message: string) => heard.push(message);
  const steady = new Worker({ formicary, agent: 'steady', agent_type: 'long', log });
  await steady.start(async () => {
    await goesOn;
    return 'done';
  });
  const { task } = await formicary.tasks.post({ task_type: 'long', lease_seconds: 60 });
  await eventually(async () => (await formicary.tasks.get(task.id)).status === 'running');
  await own.kill('SIGKILL');
  goOn();
  // It is said to nobody at first.
  await eventually(() => heard.some((message) => message.startsWith(task.id)));
  const again = await startTestHost({ data: own.data, port: own.port });
  expect(await formicary.tasks.result(task.id)).toBe('done');
  expect(await formicary.tasks.get(task.id)).toMatchObject({ attempts: 1 });
  await steady.stop();
  formicary.close();
  await again.stop();
});
