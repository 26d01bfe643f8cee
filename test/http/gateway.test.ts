/** One connection for many agents, from end to end: who may, batches that come again, a host that is killed between. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Commit } from '../../domain/kernel/commit';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { call, items, type Reply, type Sent } from './support';

let folder: string;
let host: TestHost;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-gateway-'));
  host = await startTestHost({ data: folder, env: { FORMICARY_RATE: '100000', FORMICARY_BURST: '100000' } });
});
afterAll(async () => {
  await host.stop();
  rmSync(folder, { recursive: true });
});

type Api = (path: string, sent?: Sent & { readonly key?: string }) => Promise<Reply>;

const tenant =
  (name: string): Api =>
  (path, { key, ...sent } = {}) =>
    call(host, path, {
      tenant: name,
      as: 'service:desk',
      ...sent,
      headers: key === undefined ? {} : { 'idempotency-key': key },
    });

const slug = ({ status, body }: Reply) =>
  status < 400 ? String(status) : `${status} ${String(body.type).split('/').at(-1)}`;

const PROFILE = { agent_type: 'clerk', capacity: 20, limits: { presence_seconds: 3_600 } };
const TIMES = { task_type: 'clerk', accept_seconds: 3_600, lease_seconds: 3_600 };

async function register(api: Api, ids: readonly string[], more: Sent = {}) {
  const reply = await api('/v1/gateway/agents', { json: { agents: ids.map((id) => ({ id, ...PROFILE })) }, ...more });
  return reply.status === 200 ? items<Answered>(reply).map(come) : slug(reply);
}

interface Answered {
  readonly status: number;
  readonly receipt?: { readonly stream: string; readonly version: number; readonly repeated: boolean };
  readonly held?: readonly unknown[];
  readonly problem?: { readonly type: string };
}
interface Item {
  readonly agent: string;
  readonly kind: string;
  readonly task: string;
  readonly award: number;
}

const come = ({ problem }: Answered) => (problem === undefined ? 'done' : String(problem.type.split('/').at(-1)));

async function command(api: Api, commands: readonly object[], more: Sent & { readonly key?: string } = {}) {
  const reply = await api('/v1/gateway/commands', { json: { commands }, ...more });
  if (reply.status !== 200) throw new Error(reply.text);
  return items<Answered>(reply);
}

const post = (api: Api, ids: readonly string[]) =>
  api('/v1/tasks/batch', { json: { tasks: ids.map((id) => ({ id, ...TIMES })) } });

/** What the gateway is shown until it has seen so many awards. */
async function awards(api: Api, count: number): Promise<Item[]> {
  const found = new Map<string, Item>();
  let after = '';
  await eventually(async () => {
    const { body } = await api(`/v1/gateway/inbox?waitSeconds=1${after}`);
    after = `&after=${body.after}`;
    for (const item of body.items as Item[]) if (item.kind === 'assignment') found.set(item.task, item);
    return found.size >= count;
  });
  return [...found.values()];
}

const streamOf = async (api: Api, task: string) => items<Commit>(await api(`/v1/streams/task/${task}`));
const eventsOf = async (api: Api, task: string) =>
  (await streamOf(api, task)).flatMap(({ events }) => events.map(({ type }) => type));

test('only a service is a gateway, and only of the agents that it has registered in its tenant', async () => {
  const [left, right] = [tenant('left'), tenant('right')];
  for (const as of ['human:ada', 'ann', undefined]) {
    expect(await register(left, ['ann'], { as: as ?? 'developer' })).toBe('403 forbidden');
    expect(slug(await left('/v1/gateway/inbox', { as: as ?? 'developer' }))).toBe('403 forbidden');
    const json = { commands: [{ agent: 'ann', do: 'heartbeat' }] };
    expect(slug(await left('/v1/gateway/commands', { as: as ?? 'developer', json }))).toBe('403 forbidden');
  }
  await left('/v1/agents/own', { as: 'own', method: 'PUT', json: PROFILE });
  expect(await register(left, ['ann', 'own', 'bob'])).toEqual(['done', 'agent-not-of-gateway', 'done']);
  expect((await left('/v1/agents/ann')).body.gateway).toBe('service:desk');
  expect((await left('/v1/agents/own')).body).not.toHaveProperty('gateway');
  await post(left, ['t1', 't2', 't3']);
  const [award] = await awards(left, 1);
  const accept = { agent: award?.agent, do: 'accept', task: award?.task, award: award?.award };

  const others: [Api, Sent][] = [
    [left, { as: 'service:shop' }],
    [right, {}],
  ];
  for (const [api, more] of others) {
    expect((await command(api, [accept, { agent: 'ann', do: 'heartbeat' }], more)).map(come)).toEqual([
      'agent-not-of-gateway',
      'agent-not-of-gateway',
    ]);
    expect((await api('/v1/gateway/inbox', more)).body.items).toEqual([]);
  }
  expect(await register(left, ['ann'], { as: 'service:shop' })).toEqual(['agent-not-of-gateway']);
  // For an agent that speaks for itself a gateway does nothing either.
  expect((await command(left, [{ agent: 'own', do: 'deregister' }])).map(come)).toEqual(['agent-not-of-gateway']);
  expect(await eventsOf(left, award?.task as string)).not.toContain('TaskAccepted');

  expect((await command(left, [accept])).map(come)).toEqual(['done']);
  const commit = (await streamOf(left, award?.task as string)).at(-1);
  expect(commit?.meta.actor).toEqual({ id: award?.agent, kind: 'agent', via: 'service:desk' });
});

test('each command is answered as by its own route, in its place; one agent’s are done in their order', async () => {
  const api = tenant('each');
  await register(api, ['ann']);
  await post(api, ['a', 'b', 'c', 'd', 'e']);
  await awards(api, 5);
  const of = (task: string, what: string, more: object = {}) => ({ agent: 'ann', do: what, task, award: 1, ...more });
  const answers = await command(api, [
    of('a', 'complete', { result: 1 }),
    of('a', 'accept'),
    of('a', 'progress', { fraction: 0.5 }),
    of('a', 'complete', { result: { lines: 3 } }),
    of('b', 'decline'),
    of('c', 'accept'),
    of('c', 'fail', { reason: 'the bank does not answer', retryable: false }),
    of('d', 'accept'),
    { agent: 'ann', do: 'heartbeat', holding: [{ task: 'd', award: 1 }] },
    of('d', 'release'),
    of('nowhere', 'accept'),
    { agent: 'ann', do: 'bid', task: 'nowhere' },
  ]);
  expect(answers.map((answer) => [answer.status, come(answer)])).toEqual([
    [409, 'not-accepted'],
    [200, 'done'],
    [200, 'done'],
    [200, 'done'],
    [200, 'done'],
    [200, 'done'],
    [200, 'done'],
    [200, 'done'],
    [200, 'done'],
    [200, 'done'],
    [404, 'task-not-found'],
    [404, 'task-not-found'],
  ]);
  expect(answers[8]?.held).toEqual([{ task: 'd', award: 1, stands: true }]);
  expect(answers[3]?.receipt).toMatchObject({ stream: 'each/task/a', repeated: false });
  expect((await api('/v1/tasks/a')).body).toMatchObject({ status: 'completed' });
  expect((await api('/v1/tasks/c')).body).toMatchObject({ status: 'dead' });
});

test('a command that has not the form of one, and an id that no agent can have, keep no other out', async () => {
  const api = tenant('form');
  expect(await register(api, ['ann', 'repository', 'bob'])).toEqual(['done', 'invalid-request', 'done']);
  await post(api, ['a', 'b']);
  const given = await awards(api, 2);
  const [first, last] = given.map(({ agent, task, award }) => ({ agent, task, award }));
  const commands = [
    { do: 'accept', ...first },
    { do: 'progress', ...first, fraction: 1.01 },
    { do: 'progress', ...first, fraction: 0.5, note: '' },
    { do: 'dance', agent: 'ann' },
    null,
    { do: 'vote', agent: 'ann', round: 'r', pass: 1, choice: 'approve', confidence: 1, reasoning: 'x'.repeat(1_001) },
    { do: 'complete', ...first, result: 'done' },
    { do: 'accept', ...last, unknown: true },
    { do: 'accept', ...last },
  ] as object[];
  const answers = await command(api, commands, { key: 'form' });
  expect(answers.map(({ status }) => status)).toEqual([200, 400, 400, 400, 400, 400, 200, 400, 200]);
  expect(answers[1]?.problem).toMatchObject({ errors: [{ pointer: '#/fraction', message: 'must be at most 1' }] });
  expect(answers[7]?.problem).toMatchObject({ errors: [{ pointer: '#/unknown', message: 'is not a known field' }] });
  expect((await api('/v1/tasks/' + first?.task)).body).toMatchObject({ status: 'completed' });

  const again = await command(api, commands, { key: 'form' });
  expect(again.map(({ status }) => status)).toEqual(answers.map(({ status }) => status));
  // What was sent counts, also where it has no form.
  const other = commands.with(4, { do: 'sing', agent: 'ann' });
  expect(slug(await api('/v1/gateway/commands', { json: { commands: other }, key: 'form' }))).toBe(
    '422 idempotency-key-reused',
  );
  expect(slug(await api('/v1/gateway/commands', { json: { commands: [] } }))).toBe('400 invalid-request');
});

test('an agent that has not the form of one is refused alone, in its place', async () => {
  const api = tenant('entries');
  const json = {
    agents: [
      { id: 'ann', ...PROFILE },
      { id: 'bob', ...PROFILE, capacity: 0 },
      { id: 'no id', ...PROFILE },
      null,
      { id: 'eve', ...PROFILE },
    ],
  };
  const reply = await api('/v1/gateway/agents', { json, key: 'entries' });
  const answers = items<Answered & { readonly id?: string }>(reply);
  expect(answers.map((answer) => [answer.id, come(answer)])).toEqual([
    ['ann', 'done'],
    ['bob', 'invalid-request'],
    [undefined, 'invalid-request'],
    [undefined, 'invalid-request'],
    ['eve', 'done'],
  ]);
  expect(answers[1]?.problem).toMatchObject({ status: 400, errors: [{ pointer: '#/capacity' }] });
  const again = items<Answered>(await api('/v1/gateway/agents', { json, key: 'entries' }));
  expect(again.map(({ receipt }) => receipt?.repeated)).toEqual([true, undefined, undefined, undefined, true]);
  // What was sent counts, also where it has no form.
  json.agents[1] = { id: 'bob', ...PROFILE, capacity: -1 };
  expect(slug(await api('/v1/gateway/agents', { json, key: 'entries' }))).toBe('422 idempotency-key-reused');
  expect(slug(await api('/v1/gateway/agents', { json: { agents: [] } }))).toBe('400 invalid-request');
});

test('a batch by which an agent leaves is answered once more when it comes again', async () => {
  const api = tenant('leaves');
  await register(api, ['ann']);
  await post(api, ['a']);
  await awards(api, 1);
  const batch = [
    { agent: 'ann', do: 'accept', task: 'a', award: 1 },
    { agent: 'ann', do: 'complete', task: 'a', award: 1, result: 'done' },
    { agent: 'ann', do: 'deregister', reason: 'it goes home' },
  ];
  const first = await command(api, batch, { key: 'leaves' });
  expect(first.map(come)).toEqual(['done', 'done', 'done']);
  const again = await command(api, batch, { key: 'leaves' });
  expect(again).toEqual(first.map(({ receipt, ...more }) => ({ ...more, receipt: { ...receipt, repeated: true } })));
  // What is new is refused to it, and so is everything once the id is another's.
  expect((await command(api, [{ agent: 'ann', do: 'heartbeat' }])).map(come)).toEqual(['agent-not-found']);
  expect(await register(api, ['ann'], { as: 'service:shop' })).toEqual(['done']);
  expect((await command(api, batch, { key: 'leaves' })).map(come)).toEqual(Array(3).fill('agent-not-of-gateway'));
});

test('votes are those of the agents', async () => {
  const api = tenant('votes');
  await register(api, ['ann', 'bob', 'eve']);
  const { body } = await api('/v1/rounds', {
    json: {
      id: 'r',
      question: 'Is it a duplicate?',
      kind: 'finance.duplicate',
      impact: 'low',
      round_seconds: 3_600,
      electorate: {
        algorithm: 'weighted_voting',
        voters: ['ann', 'bob', 'eve'].map((id) => ({ id, why: 'it knows', weight: 1 })),
      },
    },
  });
  const asked = await eventually(async () => {
    const found = (
      (await api('/v1/gateway/inbox')).body.items as (Item & { round: string; snapshot: string })[]
    ).filter(({ kind }) => kind === 'vote');
    return found.length === 3 && found;
  });
  expect(asked.map(({ agent }) => agent).toSorted()).toEqual(['ann', 'bob', 'eve']);
  const vote = { do: 'vote', round: 'r', pass: 1, snapshot: body.round.snapshot, choice: 'approve', confidence: 1 };
  const votes = asked.map(({ agent }) => ({ ...vote, agent, reasoning: `${agent} has looked` }));
  // Whoever comes after the vote that decides may be late, as with votes that come by themselves.
  for (const answer of await command(api, votes)) expect(['done', 'round-closed']).toContain(come(answer));
  const round = await eventually(async () => {
    const { body: read } = await api('/v1/rounds/r');
    return read.outcome !== undefined && read;
  });
  expect(round.outcome).toMatchObject({ choice: 'approve' });
  const cast = items<Commit>(await api('/v1/streams/round/r')).filter(({ meta }) => meta.action === 'round.vote');
  expect(cast.length).toBeGreaterThan(1);
  for (const { meta } of cast) expect(meta.actor).toMatchObject({ kind: 'agent', via: 'service:desk' });
});

test('a batch that comes again, also many times at once and after a kill, does nothing twice', async () => {
  const api = tenant('again');
  const agents = Array.from({ length: 20 }, (_, i) => `a${i}`);
  expect(new Set(await register(api, agents))).toEqual(new Set(['done']));
  const tasks = Array.from({ length: 60 }, (_, i) => `t${i}`);
  await post(api, tasks);
  const given = await awards(api, tasks.length);
  const lives = given.flatMap(({ agent, task, award }) => [
    { agent, do: 'accept', task, award },
    { agent, do: 'complete', task, award, result: { by: agent } },
  ]);
  const half = lives.length / 2;

  const burst = await Promise.all(
    Array.from({ length: 6 }, () => command(api, lives.slice(0, half), { key: 'burst' })),
  );
  for (const answers of burst) expect(new Set(answers.map(come))).toEqual(new Set(['done']));
  const receipts = burst.map((answers) => answers.map(({ receipt }) => `${receipt?.stream}@${receipt?.version}`));
  for (const same of receipts) expect(same).toEqual(receipts[0]);
  const reused = await api('/v1/gateway/commands', { json: { commands: lives.slice(0, 1) }, key: 'burst' });
  expect(slug(reused)).toBe('422 idempotency-key-reused');

  const cut = command(api, lives.slice(half), { key: 'cut' }).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 20));
  await host.kill('SIGKILL');
  await cut;
  await host.stop();
  host = await startTestHost({ data: folder });
  const answers = await command(api, lives.slice(half), { key: 'cut' });
  expect(new Set(answers.map(come))).toEqual(new Set(['done']));
  // From the beginning there is nothing left to take up.
  expect((await api('/v1/gateway/inbox')).body.items).toEqual([]);
  for (const task of tasks)
    expect((await eventsOf(api, task)).filter((type) => /Accepted|Completed/.test(type))).toEqual([
      'TaskAccepted',
      'TaskCompleted',
    ]);
});

test('each command counts for the rate of the gateway', async () => {
  const strict = await startTestHost({ env: { FORMICARY_RATE: '1', FORMICARY_BURST: '50' } });
  try {
    const agents = { agents: Array.from({ length: 60 }, (_, i) => ({ id: `a${i}`, ...PROFILE })) };
    const first = await call(strict, '/v1/gateway/agents', { as: 'service:desk', json: agents });
    expect(first.status).toBe(200);
    const next = await call(strict, '/v1/gateway/inbox', { as: 'service:desk' });
    expect(slug(next)).toBe('429 too-many-requests');
    // What the batch asked for beyond what there was is waited for.
    expect(next.body.retryAfterSeconds).toBeGreaterThan(2);
    expect((await call(strict, '/v1/gateway/inbox', { as: 'service:shop' })).status).toBe(200);
  } finally {
    await strict.stop();
  }
});
