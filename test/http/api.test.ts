/**
 * The API from end to end: through the real host, over real connections, on a real store. Each test has a tenant of its
 * own.
 */
import { canonicalize, ChainVerifier, type Commit } from '../../domain/kernel/commit';
import { eventually } from '../support/eventually';
import { PROFILE, startTestHost, type TestHost } from '../support/host';
import { DECISION_TAGS, documented } from './documented';
import { call, items, type Reply, type Sent, settled } from './support';

let host: TestHost;
/** Every answer of the shared host, to be held against its documentation at the end. */
const seen: { method: string; path: string; reply: Reply }[] = [];

beforeAll(async () => {
  host = await startTestHost();
});
afterAll(() => host.stop());

type Api = (path: string, sent?: Sent) => Promise<Reply>;

function tenant(name: string, of: () => TestHost = () => host): Api {
  return async (path, sent = {}) => {
    const reply = await call(of(), path, { tenant: name, ...sent });
    if (of() === host) seen.push({ method: sent.method ?? (sent.json === undefined ? 'GET' : 'POST'), path, reply });
    return reply;
  };
}

/** The answer, which must be one of success. */
async function ok(answer: Promise<Reply>): Promise<Reply> {
  const reply = await answer;
  if (reply.status >= 300) throw new Error(`${reply.status}: ${reply.text}`);
  return reply;
}

const slug = ({ status, headers, body }: Reply) => {
  expect(headers['content-type']).toBe('application/problem+json');
  expect(body).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
  return `${status} ${String(body.type).replace('https://formicary.dev/problems/', '')}`;
};

/** An agent, and what it does most. */
function agent(api: Api, id: string) {
  const as = (path: string, json: unknown, more: Sent = {}) => api(path, { as: id, json, ...more });
  return {
    id,
    register: (profile: Record<string, unknown> = {}) =>
      ok(as(`/v1/agents/${id}`, { agent_type: 'clerk', ...profile }, { method: 'PUT' })),
    /** Resolves with the number of the award that it was given for this task. */
    awarded: (task: string) =>
      eventually(async () => {
        const { holder } = (await ok(api(`/v1/tasks/${task}`))).body;
        return holder?.agent === id && (holder.award as number);
      }),
    do: (action: string, task: string, json: Record<string, unknown>, more: Sent = {}) =>
      as(`/v1/tasks/${task}/${action}`, json, more),
    inbox: (query = '', more: Sent = {}) => api(`/v1/agents/${id}/inbox${query}`, { as: id, ...more }),
  };
}

const post = (api: Api, json: Record<string, unknown>, more: Sent = {}) =>
  ok(api('/v1/tasks', { json: { task_type: 'clerk', retry_seconds: 0, ...json }, ...more }));
const read = async (api: Api, task: string) => (await ok(api(`/v1/tasks/${task}`))).body;
const events = async (api: Api, category: string, id: string): Promise<string[]> =>
  items<Commit>(await ok(api(`/v1/streams/${category}/${id}`))).flatMap((commit) =>
    commit.events.map(({ type }) => type),
  );
const statusIs = (api: Api, task: string, status: string) =>
  eventually(async () => (await read(api, task)).status === status);

/** A list from its first page to its last. */
async function everything(api: Api, path: string): Promise<{ value: Record<string, unknown>[]; pages: number }> {
  const value: Record<string, unknown>[] = [];
  for (let next: string | undefined = path, pages = 1; ; pages += 1) {
    const { body }: Reply = await ok(api(next));
    value.push(...(body.value as Record<string, unknown>[]));
    if (body.nextLink === undefined) return { value, pages };
    next = body.nextLink as string;
  }
}

/** One number of /metrics. */
async function metric(of: TestHost, name: string, labels = ''): Promise<number> {
  const { text } = await call(of, '/metrics');
  return text
    .split('\n')
    .reduce(
      (sum, line) =>
        line.startsWith(`${name}{${labels}`) || line.startsWith(`${name} `)
          ? sum + Number(line.split(' ').at(-1))
          : sum,
      0,
    );
}

// ------------------------------------------------------------------------------------------------------------ tasks

describe('the life of a task', () => {
  test('posted, awarded, accepted, reported, completed; and every step on a receipt that says why', async () => {
    const api = tenant('life');
    const ada = agent(api, 'ada');
    await ada.register({ capacity: 2 });
    const posted = await post(
      api,
      { id: 'invoice', payload: { month: '2026-10' }, priority: 0.8 },
      { as: 'human:eve' },
    );
    expect(posted.status).toBe(201);
    expect(posted.headers).toMatchObject({ location: '/v1/tasks/invoice', etag: '"0"', 'cache-control': 'no-store' });
    expect(posted.body.task).toMatchObject({
      id: 'invoice',
      status: 'open',
      requester: 'human:eve',
      attempts: 1,
      awards: 0,
    });
    expect(posted.body.receipt).toMatchObject({
      stream: 'life/task/invoice',
      version: 0,
      events: ['TaskPosted'],
      repeated: false,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });

    const award = await ada.awarded('invoice');
    const [item] = (await ok(ada.inbox())).body.items;
    expect(item).toMatchObject({
      kind: 'assignment',
      task: 'invoice',
      award,
      attempt: 1,
      spec: { payload: { month: '2026-10' } },
    });
    expect((await ada.do('accept', 'invoice', { award })).body.task).toMatchObject({
      status: 'running',
      holder: { agent: 'ada', award },
    });
    expect((await ok(ada.inbox())).body.items).toEqual([]);
    expect(
      (await ada.do('progress', 'invoice', { award, fraction: 0.5, note: 'half' })).body.task.progress,
    ).toMatchObject({ fraction: 0.5, note: 'half' });
    expect((await ada.do('heartbeat', 'invoice', { award })).body.receipt.events).toEqual([]);
    const beat = await api('/v1/agents/ada/heartbeat', {
      as: 'ada',
      json: {
        holding: [
          { task: 'invoice', award },
          { task: 'other', award: 1 },
        ],
      },
    });
    expect(beat.body.held).toEqual([
      { task: 'invoice', award, stands: true },
      { task: 'other', award: 1, stands: false },
    ]);
    const completed = await ada.do('complete', 'invoice', { award, result: { matched: 118 } });
    expect(completed.body.receipt).toMatchObject({ version: 4, events: ['TaskCompleted'] });
    expect(await read(api, 'invoice')).toMatchObject({
      status: 'completed',
      version: 4,
      completion: { agent: 'ada', award, result: { matched: 118 } },
    });

    expect(await events(api, 'task', 'invoice')).toEqual([
      'TaskPosted',
      'BidsClosed',
      'TaskAwarded',
      'TaskAccepted',
      'TaskProgressed',
      'TaskCompleted',
    ]);
    await eventually(async () => (await events(api, 'agent', 'ada')).at(-1) === 'SlotReleased');
    expect((await ok(api('/v1/agents/ada'))).body).toMatchObject({
      slots: {},
      record: { clerk: { wins: 1, tries: 1 } },
    });

    await settled(host);
    expect((await ok(api('/v1/tasks?status=completed&agent=ada&task_type=clerk'))).body.value).toMatchObject([
      { id: 'invoice', agent: 'ada' },
    ]);
    expect((await ok(api('/v1/tasks?status=open'))).body.value).toEqual([]);
    const why = (await ok(api('/v1/why?id=invoice'))).body;
    // Whichever of the two is handled last leads to the award: the post, or that the agent is there.
    expect(why.roots).toContainEqual(
      expect.objectContaining({
        receipt: 'life/task/invoice@0',
        actor: 'human:eve',
        action: 'task.post',
        hash: posted.body.receipt.hash,
      }),
    );
    const tree = JSON.stringify(why.roots);
    for (const step of ['agent.reserve', 'task.award', 'task.accept', 'task.complete', 'agent.release'])
      expect(tree).toContain(`"action":"${step}"`);
    expect((await ok(api('/v1/why?id=life/task/invoice@4'))).body.correlations).toEqual(why.correlations);
    expect((await ok(api('/v1/tasks/invoice/recompute'))).body).toMatchObject({
      award,
      recordedWinner: 'ada',
      computedWinner: 'ada',
      agrees: true,
      hashHolds: true,
      faults: [],
    });
  });

  test('what is large stands beside the receipt', async () => {
    const api = tenant('large');
    const ada = agent(api, 'ada');
    await ada.register();
    const payload = { rows: Array.from({ length: 4_000 }, (_, i) => `row ${i}`) };
    const { task } = (await post(api, { id: 'big', payload })).body;
    expect(task.payload).toBeUndefined();
    expect((await ok(api(`/v1/tasks/big/blobs/${task.payload_ref}`))).body).toEqual(payload);
    const award = await ada.awarded('big');
    await ok(ada.do('accept', 'big', { award }));
    const { completion } = (await ok(ada.do('complete', 'big', { award, result: payload.rows }))).body.task;
    expect((await ok(api(`/v1/tasks/big/blobs/${completion.result_ref}`))).body).toEqual(payload.rows);
    expect(slug(await api(`/v1/tasks/big/blobs/sha256:${'0'.repeat(64)}`))).toBe('404 not-found');
  });

  test('explicit bids: shown, placed, taken back, closed in one award', async () => {
    const api = tenant('bids');
    const [near, far, shy] = ['near', 'far', 'shy'].map((id) => agent(api, id)) as [
      ReturnType<typeof agent>,
      ReturnType<typeof agent>,
      ReturnType<typeof agent>,
    ];
    for (const [bidder, level] of [
      [near, 0.9],
      [far, 0.4],
      [shy, 1],
    ] as const)
      await bidder.register({ agent_type: bidder.id, standing_offer: false, capabilities: { digging: level } });
    const waiting = near.inbox('?waitSeconds=15');
    await post(api, { id: 'hole', task_type: 'hole', requires: [{ capability: 'digging' }], bid_seconds: 1 });
    const offer = (await ok(waiting)).body;
    expect(offer.items).toMatchObject([{ kind: 'offer', task: 'hole', spec: { bid_seconds: 1 } }]);
    expect((await ok(near.inbox(`?offersAfter=${offer.offers_after}`))).body.items).toEqual([]);
    for (const bidder of [near, far, shy])
      expect((await ok(bidder.do('bids', 'hole', { note: 'I can' }))).body.receipt.events).toEqual(['BidPlaced']);
    expect((await ok(far.do('bids', 'hole', {}))).body.receipt).toMatchObject({ events: [], repeated: true });
    expect((await ok(shy.do('withdraw-bid', 'hole', {}))).body.receipt.events).toEqual(['BidWithdrawn']);
    expect((await ok(near.inbox())).body.items).toEqual([]);
    expect((await ok(shy.inbox())).body.items).toMatchObject([{ kind: 'offer', task: 'hole' }]);
    await near.awarded('hole');
    const { ranking } = (await ok(api('/v1/tasks/hole/recompute'))).body;
    expect(ranking).toMatchObject([
      { agent: 'near', source: 'bid', match: 0.9 },
      { agent: 'far', source: 'bid', match: 0.4 },
    ]);
    expect(slug(await far.do('bids', 'hole', {}))).toBe('409 bids-closed');
  });

  test('declined, it goes to the next best in the same attempt', async () => {
    const api = tenant('decline');
    const [good, other] = [agent(api, 'good'), agent(api, 'other')];
    await good.register({ agent_type: 'pro', capabilities: { clerk: 1 } });
    await other.register({ agent_type: 'amateur', capabilities: { clerk: 0.2 } });
    await post(api, { id: 't' });
    const award = await good.awarded('t');
    expect((await ok(good.do('decline', 't', { award, reason: 'busy' }))).body.receipt.events).toEqual([
      'AwardDeclined',
    ]);
    expect(await other.awarded('t')).toBe(award + 1);
    expect(await read(api, 't')).toMatchObject({ attempts: 1, history: [] });
  });

  test('handed off, it is the other’s under a new award; a retry gets the first answer', async () => {
    const api = tenant('handoff');
    const [from, to] = [agent(api, 'from'), agent(api, 'to')];
    await from.register();
    await to.register({ agent_type: 'heir', capabilities: ['clerk'], standing_offer: false });
    await post(api, { id: 't' });
    const award = await from.awarded('t');
    await ok(from.do('accept', 't', { award }));
    const key = { headers: { 'idempotency-key': 'once' } };
    const first = await ok(from.do('handoff', 't', { award, to: 'to', note: 'your turn' }, key));
    expect(first.body.receipt.events).toEqual(['TaskHandedOff']);
    const again = await ok(from.do('handoff', 't', { award, to: 'to', note: 'your turn' }, key));
    expect(again.body.receipt).toEqual({ ...first.body.receipt, repeated: true });
    expect(slug(await from.do('complete', 't', { award }))).toBe('409 award-superseded');
    expect(await to.awarded('t')).toBe(award + 1);
    await ok(to.do('accept', 't', { award: award + 1 }));
    await ok(to.do('complete', 't', { award: award + 1 }));
    await eventually(async () => Object.keys((await ok(api('/v1/agents/from'))).body.slots as object).length === 0);
    await eventually(async () => Object.keys((await ok(api('/v1/agents/to'))).body.slots as object).length === 0);
  });

  test('failed, it is tried again until it is a dead letter; redriven, it lives again', async () => {
    const api = tenant('dead');
    const ada = agent(api, 'ada');
    await ada.register();
    await post(api, { id: 't', max_attempts: 2 });
    for (const attempt of [1, 2]) {
      const award = await eventually(async () => {
        const { attempts, holder } = await read(api, 't');
        return attempts === attempt && (holder?.award as number | undefined);
      });
      await ok(ada.do('accept', 't', { award }));
      await ok(ada.do('fail', 't', { award, reason: `broken ${attempt}` }));
    }
    expect(await read(api, 't')).toMatchObject({
      status: 'dead',
      attempts: 2,
      history: [
        { end: 'failed', reason: 'broken 1' },
        { end: 'failed', reason: 'broken 2' },
      ],
    });
    await settled(host);
    expect((await ok(api('/v1/tasks?status=dead'))).body.value).toMatchObject([{ id: 't' }]);
    expect((await ok(api('/v1/tasks/t/redrive', { json: {} }))).body.receipt.events).toEqual(['TaskRedriven']);
    expect(await ada.awarded('t')).toBe(3);
    await ok(ada.do('accept', 't', { award: 3 }));
    expect((await ok(ada.do('fail', 't', { award: 3, reason: 'hopeless', retryable: false }))).body.task).toMatchObject(
      { status: 'dead', attempts: 1 },
    );
  });

  test('given back, it is awarded again', async () => {
    const api = tenant('release');
    const ada = agent(api, 'ada');
    await ada.register();
    await post(api, { id: 't' });
    const award = await ada.awarded('t');
    await ok(ada.do('accept', 't', { award }));
    expect((await ok(ada.do('release', 't', { award, reason: 'later' }))).body.receipt.events).toEqual([
      'AttemptEnded',
      'TaskReopened',
    ]);
    await eventually(async () => (await read(api, 't')).holder?.award === award + 1);
    expect(slug(await ada.do('complete', 't', { award }))).toBe('409 award-superseded');
  });

  test('cancelled, its holder is free again', async () => {
    const api = tenant('cancel');
    const ada = agent(api, 'ada');
    await ada.register();
    await post(api, { id: 't' });
    const award = await ada.awarded('t');
    await ok(ada.do('accept', 't', { award }));
    expect((await ok(api('/v1/tasks/t/cancel', { json: { reason: 'not needed' } }))).body.task.status).toBe(
      'cancelled',
    );
    expect((await ok(api('/v1/tasks/t/cancel', { json: { reason: 'not needed' } }))).body.receipt).toMatchObject({
      events: [],
      repeated: true,
    });
    expect(slug(await ada.do('complete', 't', { award }))).toBe('409 task-cancelled');
    await eventually(async () => (await ok(api('/v1/agents/ada'))).body.load === 0);
  });

  test('past its deadline, it is over', async () => {
    const api = tenant('deadline');
    await post(api, { id: 't', deadline: new Date(Date.now() + 600).toISOString() });
    await statusIs(api, 't', 'expired');
    expect(await events(api, 'task', 't')).toEqual(['TaskPosted', 'DeadlinePassed']);
  });

  test('without a heartbeat, it goes to somebody else', async () => {
    const api = tenant('lease');
    const [lazy, keen] = [agent(api, 'lazy'), agent(api, 'keen')];
    await lazy.register();
    await post(api, { id: 't', lease_seconds: 1 });
    const award = await lazy.awarded('t');
    await ok(lazy.do('accept', 't', { award }));
    await keen.register();
    await eventually(async () => (await read(api, 't')).awards === award + 1);
    expect((await read(api, 't')).history).toMatchObject([{ agent: 'lazy', award, end: 'expired' }]);
    const { held } = (
      await ok(api('/v1/agents/lazy/heartbeat', { as: 'lazy', json: { holding: [{ task: 't', award }] } }))
    ).body;
    expect(held).toEqual([{ task: 't', award, stands: false }]);
  });

  test('an agent that leaves gives its tasks back', async () => {
    const api = tenant('leave');
    const [first, second] = [agent(api, 'first'), agent(api, 'second')];
    await first.register({ capacity: 3 });
    for (const id of ['accepted', 'awarded']) await post(api, { id });
    const award = await first.awarded('accepted');
    await ok(first.do('accept', 'accepted', { award }));
    await first.awarded('awarded');
    expect((await ok(api('/v1/agents/first?reason=holidays', { method: 'DELETE' }))).body.agent.status).toBe('gone');
    for (const id of ['accepted', 'awarded']) await statusIs(api, id, 'open');
    expect((await read(api, 'accepted')).history).toMatchObject([{ agent: 'first', end: 'released' }]);
    await second.register({ capacity: 3 });
    for (const id of ['accepted', 'awarded']) await second.awarded(id);
    expect(slug(await first.inbox())).toBe('404 agent-not-found');
    expect((await ok(api('/v1/agents/first?reason=holidays', { method: 'DELETE' }))).body.receipt.events).toEqual([]);
  });

  test('a batch is posted as far as it can be', async () => {
    const api = tenant('batch');
    await post(api, { id: 'taken' });
    const tasks = [
      { id: 'one', task_type: 'x' },
      { id: 'taken', task_type: 'x' },
      { task_type: 'x', deadline: '2020-01-01T00:00:00.000Z' },
      { task_type: 'x', cause: 'batch/task/nowhere@0' },
      { task_type: 'x', cause: 'batch/task/taken@0' },
      { id: 'one', task_type: 'y' },
    ];
    const send = () => ok(api('/v1/tasks/batch', { json: { tasks }, headers: { 'idempotency-key': 'batch-1' } }));
    const first = (await send()).body.value as {
      id: string;
      receipt?: { version: number; hash: string };
      problem?: { type: string };
    }[];
    expect(
      first.map(({ receipt, problem }) => (receipt === undefined ? problem?.type.split('/').at(-1) : receipt.version)),
    ).toEqual([0, 'task-exists', 'deadline-passed', 'cause-not-found', 0, 'idempotency-key-reused']);
    const again = (await send()).body.value as typeof first;
    expect(again.map(({ id, receipt }) => [id, receipt?.hash])).toEqual(
      first.map(({ id, receipt }) => [id, receipt?.hash]),
    );
    expect((await read(api, first[4]?.id as string)).correlation_id).toBe((await read(api, 'taken')).correlation_id);
  });
});

// ----------------------------------------------------------------------------------------------- retries and versions

describe('a retry', () => {
  const keyed = (key: string) => ({ headers: { 'idempotency-key': key } });
  beforeAll(() => ok(tenant('retry')('/v1/agents/there', { method: 'PUT', json: { agent_type: 'x' } })));

  test.each<[string, string, Sent]>([
    ['a task', '/v1/tasks', { json: { task_type: 'x' } }],
    ['a task of a known id', '/v1/tasks', { json: { id: 'known', task_type: 'x' } }],
    ['an agent', '/v1/agents', { json: { agent_type: 'x' } }],
    ['an agent of a known id', '/v1/agents/known', { method: 'PUT', json: { agent_type: 'x' } }],
    ['a deployment', '/v1/agents/deploy', { json: { agent_type: 'finance.reconciliation' } }],
    ['a type', '/v1/agents/repository/acme.books', { method: 'PUT', json: { based_on: 'finance.reconciliation' } }],
    [
      'a tool',
      '/v1/tools/known',
      { method: 'PUT', json: { tool_name: 'T', description: 'D', schema: {}, version: '1.0.0' } },
    ],
    [
      'an objective',
      '/v1/pools/x/objective',
      { method: 'PUT', json: { description: 'Books', capabilities: ['books'] } },
    ],
  ])('of %s gets the first receipt', async (what, path, sent) => {
    const api = tenant('retry');
    const key = what.replaceAll(' ', '-');
    const first = await ok(api(path, { ...sent, ...keyed(key) }));
    const again = await ok(api(path, { ...sent, ...keyed(key) }));
    expect(first.body.receipt.repeated).toBe(false);
    expect(again.body.receipt).toEqual({ ...first.body.receipt, repeated: true });
    expect([again.status, again.headers.etag, again.headers.location]).toEqual([
      first.status,
      first.headers.etag,
      first.headers.location,
    ]);
  });

  test('of signals adds nothing', async () => {
    const api = tenant('retry-signals');
    const json = {
      signals: [
        { type: 'heat', location: 'a', strength: 0.2 },
        { type: 'heat', location: 'b', strength: 0.3 },
        { type: 'heat', location: 'a', strength: 0.1 },
      ],
    };
    const first = await ok(api('/v1/signals', { json, ...keyed('s') }));
    const again = await ok(api('/v1/signals', { json, ...keyed('s') }));
    expect(again.body).toEqual(first.body);
    expect((await ok(api('/v1/signals/heat/a'))).body.emissions).toBe(2);
  });

  test('of a command gets the state as it was then', async () => {
    const api = tenant('retry-command');
    const ada = agent(api, 'ada');
    await ada.register();
    await post(api, { id: 't' });
    const award = await ada.awarded('t');
    const first = await ok(ada.do('accept', 't', { award }, keyed('k')));
    await ok(ada.do('complete', 't', { award }));
    const again = await ok(ada.do('accept', 't', { award }, keyed('k')));
    expect(again.body.receipt).toEqual({ ...first.body.receipt, repeated: true });
    expect(again.body.task.status).toBe('running');
    // The same command of somebody else is another one.
    expect(slug(await api('/v1/tasks/t/accept', { json: { agent: 'ada', award }, ...keyed('k') }))).toBe(
      '409 task-completed',
    );
  });
});

describe('versions', () => {
  test('an ETag is the version; a change may be made conditional on it', async () => {
    const api = tenant('etag');
    await post(api, { id: 't' });
    expect((await ok(api('/v1/tasks/t'))).headers.etag).toBe('"0"');
    const stale = await api('/v1/tasks/t/cancel', { json: {}, headers: { 'if-match': '"3"' } });
    expect(slug(stale)).toBe('412 version-mismatch');
    expect(stale.body.version).toBe(0);
    const done = await ok(api('/v1/tasks/t/cancel', { json: {}, headers: { 'if-match': '"0"' } }));
    expect(done.headers.etag).toBe('"1"');
    expect((await ok(api('/v1/tasks/t'))).headers.etag).toBe('"1"');

    await ok(api('/v1/agents/a', { method: 'PUT', json: { agent_type: 'x' } }));
    expect(
      slug(await api('/v1/agents/a', { method: 'PUT', json: { agent_type: 'y' }, headers: { 'if-match': '"7"' } })),
    ).toBe('412 version-mismatch');
    expect(
      (await ok(api('/v1/agents/a', { method: 'PUT', json: { agent_type: 'y' }, headers: { 'if-match': '"0"' } })))
        .headers.etag,
    ).toBe('"1"');
  });

  test('everything is read by id as it was', async () => {
    const api = tenant('asof');
    const after = async (receipt: { at: string }) => {
      // The next commit is to have a later time.
      await eventually(async () => new Date().toISOString() > receipt.at);
      return receipt.at;
    };
    /** Resolves with the receipt. */
    const emitted = async (strength: number): Promise<Commit> => {
      const [{ stream, version }] = items<{ stream: string; version: number }>(
        await ok(api('/v1/signals', { json: { type: 'heat', location: 'hall/1', strength, decay_rate: 0 } })),
      ) as [{ stream: string; version: number }];
      return items<Commit>(
        await ok(api(`/v1/streams/trail/${stream.split('/')[2]}?continuation=${version}`)),
      )[0] as Commit;
    };
    const tool = { tool_name: 'T', description: 'old', schema: {}, version: '1.0.0' };
    const first = {
      task: await after((await post(api, { id: 't' })).body.receipt),
      agent: await after((await ok(api('/v1/agents/a', { method: 'PUT', json: { agent_type: 'old' } }))).body.receipt),
      tool: await after((await ok(api('/v1/tools/t', { method: 'PUT', json: tool }))).body.receipt),
      trail: await after(await emitted(0.5)),
    };
    await ok(api('/v1/tasks/t/cancel', { json: {} }));
    await ok(api('/v1/agents/a', { method: 'PUT', json: { agent_type: 'new' } }));
    await ok(api('/v1/tools/t', { method: 'PUT', json: { ...tool, description: 'new', version: '1.1.0' } }));
    await emitted(0.25);

    const at = async (path: string, time: string) => (await ok(api(`${path}?asOf=${time}`))).body;
    expect((await at('/v1/tasks/t', first.task)).status).toBe('open');
    expect((await read(api, 't')).status).toBe('cancelled');
    expect((await at('/v1/agents/a', first.agent)).agent_type).toBe('old');
    expect((await ok(api('/v1/agents/a'))).body.agent_type).toBe('new');
    expect((await at('/v1/tools/t', first.tool)).latest.description).toBe('old');
    expect((await ok(api('/v1/tools/t'))).body.latest.description).toBe('new');
    expect((await at('/v1/signals/heat/hall/1', first.trail)).strength).toBe(0.5);
    expect((await ok(api('/v1/signals/heat/hall/1'))).body.strength).toBe(0.75);

    expect((await ok(api('/v1/tools/t?version=1.0.0'))).body.definition.description).toBe('old');
    expect((await ok(api('/v1/tools/t?version=1.1.0'))).body.definition.description).toBe('new');
    // What came later was not there yet.
    expect(slug(await api(`/v1/tools/t?version=1.1.0&asOf=${first.tool}`))).toBe('404 not-found');
    const before = new Date(Date.parse(first.task) - 1).toISOString();
    expect(slug(await api(`/v1/tasks/t?asOf=${before}`))).toBe('404 not-found');
    // Strength is that of the time that is asked for, not of the time of asking: urgency rises to 1.
    await post(api, { id: 'still-open', priority: 0.5, urgency: 0.5 });
    expect((await read(api, 'still-open')).strength).toBeLessThan(0.5);
    expect((await at('/v1/tasks/still-open', '2099-01-01T00:00:00.000Z')).strength).toBe(0.5);
  });
});

describe('a task that does not move says why', () => {
  test('no agent of its type, a level too low, all busy, no standing offer; one by one, in lists, and grouped', async () => {
    const api = tenant('why-not');
    await agent(api, 'low').register({ agent_type: 'legal', capabilities: { contract: 0.3 } });
    await agent(api, 'shy').register({ agent_type: 'shy', standing_offer: false });
    const ada = agent(api, 'ada');
    await ada.register({ capacity: 1 });
    await post(api, { id: 'first' });
    await ada.awarded('first');
    await post(api, { id: 'nobody', task_type: 'nobody_does' });
    await post(api, { id: 'level', task_type: 'legal', requires: [{ capability: 'contract', level: 0.8 }] });
    await post(api, { id: 'busy' });
    await post(api, { id: 'offer', task_type: 'shy' });
    await settled(host);

    const told: Record<string, [code: string, text: string]> = {
      nobody: ['no-agent', 'not awarded: no agent of nobody_does is registered'],
      level: ['level-too-low', 'not awarded: 1 agent with contract; low has contract 0.3, needs 0.8'],
      busy: ['busy', 'not awarded: 1 agent of clerk; ada has 1 of 1 slots in use'],
      offer: ['no-standing-offer', 'not awarded: 1 agent of shy; shy makes no standing offer and has not bid'],
    };
    for (const [id, [code, text]] of Object.entries(told))
      expect([id, (await read(api, id)).why]).toEqual([id, { code, text }]);
    expect((await read(api, 'first')).why).toMatchObject({ code: 'awaits-acceptance' });

    const whys = (value: readonly Record<string, unknown>[]) =>
      value.map(({ id, why }) => [id, (why as { code: string } | undefined)?.code]);
    expect(whys((await everything(api, '/v1/tasks')).value)).toEqual([
      ['busy', 'busy'],
      ['first', undefined],
      ['level', 'level-too-low'],
      ['nobody', 'no-agent'],
      ['offer', 'no-standing-offer'],
    ]);
    const inTurn = ['nobody', 'level', 'busy', 'offer'].map((id) => [id, told[id]?.[0]]);
    const { value, pages } = await everything(api, '/v1/tasks?sort=waiting&limit=3');
    expect([whys(value), pages]).toEqual([inTurn, 2]);
    expect(whys((await everything(api, '/v1/tasks?status=open&stuck=0')).value)).toEqual(inTurn);
    expect(items(await ok(api('/v1/tasks?sort=waiting&task_type=shy')))).toMatchObject([
      { id: 'offer', waited_seconds: expect.any(Number) },
    ]);
    expect(items(await ok(api('/v1/tasks?stuck=86400')))).toEqual([]);
    for (const query of ['stuck=5&status=dead', 'sort=waiting&agent=ada', 'stuck=-1', 'sort=waiting&continuation=x'])
      expect(slug(await api(`/v1/tasks?${query}`))).toBe('400 invalid-request');

    const { waiting } = (await ok(api('/v1/status'))).body;
    expect(waiting).toMatchObject({ open: 4, looked_at: 4 });
    expect(waiting.groups).toHaveLength(4);
    expect(waiting.groups).toContainEqual({
      code: 'level-too-low',
      count: 1,
      example: 'level',
      text: told.level?.[1],
      waited_seconds: expect.any(Number),
    });
  });

  test('lists who could do it, and what is in the way of each', async () => {
    const api = tenant('candidates');
    await agent(api, 'low').register({ capabilities: { contract: 0.3 } });
    await agent(api, 'none').register();
    await agent(api, 'shy').register({ capabilities: { contract: 0.9 }, standing_offer: false });
    await post(api, { id: 't', requires: [{ capability: 'clerk' }, { capability: 'contract', level: 0.8 }] });
    await settled(host);
    const { value, pages } = await everything(api, '/v1/tasks/t/candidates?limit=2');
    expect(pages).toBe(2);
    expect(value).toMatchObject([
      {
        agent: 'low',
        fits: false,
        code: 'level-too-low',
        text: 'low has contract 0.3, needs 0.8',
        levels: [
          { capability: 'clerk', level: 1, needs: 0 },
          { capability: 'contract', level: 0.3, needs: 0.8 },
        ],
        slots: 0,
        capacity: 1,
      },
      { agent: 'none', fits: false, code: 'lacks-capability', levels: [{ level: 1 }, { level: null }] },
      { agent: 'shy', fits: false, code: 'no-standing-offer', standing_offer: false, bid: false },
    ]);
    expect((await ok(api('/v1/tasks/t/candidates'))).body).toMatchObject({
      able: 3,
      why: { code: 'no-standing-offer' },
    });
    expect(slug(await api('/v1/tasks/missing/candidates'))).toBe('404 not-found');
  });

  test('one that is held says what it waits for', async () => {
    const api = tenant('why-held');
    await post(api, { id: 't', oversight: { why: 'it is a lot', confidence: 0.1, impact: 'critical' } });
    await eventually(async () => String((await read(api, 't')).why?.text).includes('waits for'));
    expect((await read(api, 't')).why).toMatchObject({
      code: 'awaits-decision',
      text: expect.stringMatching(/^not offered: .*; action \S+ waits for (round|approval) \S+/),
      until: expect.any(String),
    });
  });

  test('one that has expired says why it was not done', async () => {
    const api = tenant('why-expired');
    await agent(api, 'low').register({ agent_type: 'legal', capabilities: { contract: 0.3 } });
    await post(api, {
      id: 't',
      task_type: 'legal',
      requires: [{ capability: 'contract', level: 0.8 }],
      deadline: new Date(Date.now() + 1_500).toISOString(),
    });
    await statusIs(api, 't', 'expired');
    expect((await read(api, 't')).ended).toMatchObject({
      by: 'deadline',
      reason: expect.stringMatching(/passed: not awarded: 1 agent with contract; low has contract 0\.3, needs 0\.8$/),
    });
  });
});

// ------------------------------------------------------------------------------------------------------------- lists

describe('lists', () => {
  test('are given in pages that follow each other', async () => {
    const api = tenant('pages');
    const ids = Array.from({ length: 23 }, (_, i) => `t${String(i).padStart(2, '0')}`);
    await ok(api('/v1/tasks/batch', { json: { tasks: ids.map((id) => ({ id, task_type: 'nobody_does' })) } }));
    await Promise.all(
      ids.map((id) =>
        ok(
          api(`/v1/agents/${id}`, {
            method: 'PUT',
            json: { agent_type: id < 't20' ? 'clerk' : 'chief', capabilities: ['typing'] },
          }),
        ),
      ),
    );
    for (let i = 0; i < 22; i += 1)
      await ok(api('/v1/agents/t00', { method: 'PUT', json: { agent_type: 'clerk', capacity: i + 2 } }));
    await settled(host);

    const listed = async (path: string) => {
      const { value, pages } = await everything(api, path);
      return [value.map(({ id }) => id), pages];
    };
    expect(await listed('/v1/tasks?limit=10')).toEqual([ids, 3]);
    expect(await listed('/v1/tasks?limit=23')).toEqual([ids, 1]);
    expect(await listed('/v1/tasks?status=open&task_type=nobody_does&limit=11')).toEqual([ids, 3]);
    expect(await listed('/v1/agents?limit=10')).toEqual([ids, 3]);
    expect(await listed('/v1/agents?agent_type=clerk&limit=7')).toEqual([ids.slice(0, 20), 3]);
    expect(await listed('/v1/agents?capability=typing&pool=chief&limit=2')).toEqual([['t20', 't21', 't22'], 2]);
    expect(await listed('/v1/agents?capability=clerk&status=active')).toEqual([ids.slice(0, 20), 1]);

    const stream = await everything(api, '/v1/streams/agent/t00?limit=10');
    expect([stream.value.map(({ index }) => index), stream.pages]).toEqual([
      Array.from({ length: 23 }, (_, i) => i),
      3,
    ]);
    const log = await everything(api, '/v1/receipts?limit=10&category=task');
    expect(log.value.map(({ stream }) => stream).sort()).toEqual(ids.map((id) => `pages/task/${id}`));
    const [some] = log.value as unknown as Commit[];
    const correlated = await everything(api, `/v1/receipts?correlation=${some?.meta.correlationId}`);
    expect(correlated.value).toEqual([some]);
  });

  test('hold nothing of another tenant', async () => {
    const filled = async (name: string) => {
      const api = tenant(name);
      await ok(api('/v1/agents/same', { method: 'PUT', json: { agent_type: 'clerk', capabilities: ['typing'] } }));
      await post(api, { id: 'same', task_type: 'nobody_does', payload: name });
      await ok(
        api('/v1/tools/same', {
          method: 'PUT',
          json: { tool_name: 'Same', description: name, schema: {}, version: '1.0.0' },
        }),
      );
      await ok(
        api('/v1/agents/repository/acme.same', {
          method: 'PUT',
          json: { based_on: 'finance.reconciliation', overrides: { name } },
        }),
      );
      await ok(api('/v1/signals', { json: { type: 'heat', location: 'same', strength: 0.5, decay_rate: 0 } }));
      await settled(host);
      return api;
    };
    const [left, right, none] = [await filled('left'), await filled('right'), tenant('none')];
    const lists = [
      '/v1/tasks',
      '/v1/agents',
      '/v1/tools',
      '/v1/signals',
      '/v1/agents/repository?department=finance',
      '/v1/agents/repository/search?q=reconciliation',
      '/v1/receipts',
      '/v1/pools',
    ];
    for (const path of lists) {
      const filledBy = (api: Api) =>
        eventually(async () => {
          const value = items<unknown>(await ok(api(path)));
          return value.length > 0 && value;
        });
      const own = await filledBy(left);
      expect([path, JSON.stringify(own)]).toEqual([path, expect.not.stringContaining('right')]);
      // The other tenant has as much, and has it to itself.
      expect(await filledBy(right)).toHaveLength(own.length);
      const built = JSON.stringify((await ok(none(path))).body.value);
      expect(built).not.toMatch(/left|right|acme|same/);
    }
    for (const path of [
      '/v1/tasks/same',
      '/v1/agents/same',
      '/v1/tools/same',
      '/v1/signals/heat/same',
      '/v1/streams/task/same',
      '/v1/agents/repository/acme.same',
      '/v1/why?id=same',
      '/v1/tasks/same/recompute',
    ]) {
      expect((await none(path)).status).toBe(404);
    }
    expect((await ok(left('/v1/tasks/same'))).body.payload).toBe('left');
    expect((await ok(left('/v1/why?id=same'))).text).not.toContain('right');
    for (const consumer of ['views', 'reactions'])
      expect((await ok(left(`/v1/feed/${consumer}/parked`))).body.value).toEqual([]);
  });
});

// ---------------------------------------------------------------------------------------------------- what goes on

/** The events of a stream of receipts, as they come. */
async function* receiptsOf(
  of: TestHost,
  name: string,
  query: string,
  last: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<{ id: string; commit: Commit }> {
  const response = await fetch(`${of.url}/v1/receipts/stream${query}`, {
    headers: { 'x-formicary-tenant': name, ...(last === undefined ? {} : { 'last-event-id': last }) },
    signal,
  });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString('utf8');
    const frames = text.split('\n\n');
    text = frames.pop() as string;
    for (const frame of frames) {
      const fields = Object.fromEntries(
        frame.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      if (fields['event'] === 'commit')
        yield { id: fields['id'] as string, commit: JSON.parse(fields['data'] as string) as Commit };
    }
  }
}

describe('long polls and streams', () => {
  test('a long poll is woken by an award', async () => {
    const api = tenant('poll');
    const ada = agent(api, 'ada');
    await ada.register();
    const waiting = ada.inbox('?waitSeconds=30');
    await post(api, { id: 't' });
    expect((await waiting).body.items).toMatchObject([{ kind: 'assignment', task: 't' }]);
  });

  test('a long poll ends when its client leaves', async () => {
    const api = tenant('leaver');
    const ada = agent(api, 'ada');
    await ada.register();
    const polls = () => metric(host, 'formicary_http_request_seconds_count', 'route="readInbox"');
    const before = await polls();
    const leave = new AbortController();
    const waiting = ada.inbox('?waitSeconds=30', { signal: leave.signal });
    waiting.catch(() => undefined);
    await eventually(async () => (await ok(ada.inbox())).status === 200);
    leave.abort();
    await expect(waiting).rejects.toThrow();
    // The one that was left, and the one in between.
    await eventually(async () => (await polls()) === before + 2);
  });

  test('receipts come as they are written, and go on after a break where they were left', async () => {
    const api = tenant('stream');
    await post(api, { id: 'before' });
    const stop = new AbortController();
    const stream = receiptsOf(host, 'stream', '?category=task', undefined, stop.signal);
    const next = async () => (await stream.next()).value as { id: string; commit: Commit };
    const first = next();
    // It begins when it is open; what was before is not given.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await post(api, { id: 'one' });
    const one = await first;
    expect(one.commit).toMatchObject({ stream: 'stream/task/one', index: 0, hash: expect.any(String) });
    await ok(api('/v1/agents/a', { method: 'PUT', json: { agent_type: 'x' } }));
    await post(tenant('elsewhere'), { id: 'not-ours' });
    await post(api, { id: 'two' });
    const two = await next();
    expect(two.commit.stream).toBe('stream/task/two');
    stop.abort();
    await expect(stream.next()).rejects.toThrow();

    const missed = ['three', 'four', 'five'];
    for (const id of missed) await post(api, { id });
    const resumed = new AbortController();
    const found: string[] = [];
    let last = two.id;
    for await (const { id, commit } of receiptsOf(host, 'stream', '?category=task', two.id, resumed.signal)) {
      found.push(commit.stream.split('/')[2] as string);
      last = id;
      if (found.length === missed.length) break;
    }
    expect(found).toEqual(missed);
    resumed.abort();
    // The place is the same for pages of the log.
    await post(api, { id: 'six' });
    expect(
      (await everything(api, `/v1/receipts?category=task&continuation=${last}`)).value.map(({ stream }) => stream),
    ).toEqual(['stream/task/six']);
  });

  test('a client that breaks off in the middle of many misses none', async () => {
    const api = tenant('many');
    const ids = Array.from({ length: 60 }, (_, i) => `t${i}`);
    await ok(api('/v1/tasks/batch', { json: { tasks: ids.map((id) => ({ id, task_type: 'nobody_does' })) } }));
    const found = new Set<string>();
    let last: string | undefined;
    for (let connection = 0; found.size < ids.length; connection += 1) {
      expect(connection).toBeLessThan(ids.length);
      let taken = 0;
      const stop = new AbortController();
      // Takes a few more each time: pages may come again from their beginning.
      for await (const { id, commit } of receiptsOf(
        host,
        'many',
        `?category=task${last === undefined ? '&after=0' : ''}`,
        last,
        stop.signal,
      )) {
        found.add(commit.stream);
        last = id;
        if ((taken += 1) >= 7 * (connection + 1) || found.size === ids.length) break;
      }
      stop.abort();
    }
    expect([...found].sort()).toEqual(ids.map((id) => `many/task/${id}`).sort());
  });
});

// ------------------------------------------------------------------------------------------ agents, tools and signals

describe('what agents share', () => {
  test('an agent is deployed from the repository and works', async () => {
    const api = tenant('deploy');
    const json = {
      agent_type: 'finance.reconciliation',
      tenant_id: 'deploy',
      lifecycle: 'business_hours',
      schedule: { cron: '0 9-17 * * 1-5', timezone: 'America/New_York' },
      resources: { cpu: '2', memory: '4Gi' },
      location: 'office/eu',
    };
    const deployed = await ok(api('/v1/agents/deploy', { json }));
    expect(deployed.status).toBe(201);
    const { id } = deployed.body.agent as { id: string };
    expect(id).toMatch(/^finance\.reconciliation-/);
    expect(deployed.headers.location).toBe(`/v1/agents/${id}`);
    expect((await ok(api(`/v1/agents/${id}`))).body).toMatchObject({
      agent_type: 'finance.reconciliation',
      pool: 'finance',
      location: 'office/eu',
      deployment: { tier: 'business_hours', schedule: json.schedule, resources: json.resources },
    });
    const [capability] = deployed.body.agent_type.capabilities as string[];
    await post(api, { id: 't', requires: [{ capability, level: 1 }] });
    await agent(api, id).awarded('t');
    for (const cron of ['0 9 * * 1', '0 8 L * *', '*/30 * * * * *', '0 7 1 */3 *'])
      expect(
        (await api('/v1/agents/deploy', { json: { agent_type: 'hr.recruitment', schedule: { cron } } })).status,
      ).toBe(201);
  });

  test('a type of one’s own is found, revised, deployed and withdrawn', async () => {
    const api = tenant('types');
    const own = '/v1/agents/repository/acme.books';
    const defined = await ok(
      api(own, {
        method: 'PUT',
        json: {
          based_on: 'finance.reconciliation',
          overrides: { name: 'Zebra bookkeeping', capabilities: ['zebra_counting'] },
        },
      }),
    );
    expect(defined.body.agent_type).toMatchObject({
      agent_type: 'acme.books',
      based_on: expect.stringMatching(/^finance\.reconciliation@/),
      department: 'finance',
    });
    const listed = async (path: string) =>
      items<{ agent_type: string }>(await ok(api(path))).map((entry) => entry.agent_type);
    await eventually(async () => (await listed('/v1/agents/repository?department=finance')).includes('acme.books'));
    expect(await listed('/v1/agents/repository?capability=zebra_counting')).toEqual(['acme.books']);
    expect(await listed('/v1/agents/repository/search?q=zebra')).toEqual(['acme.books']);
    expect((await listed('/v1/agents/repository/search?q=inventory%20optimization&limit=2')).length).toBe(2);
    expect(await listed('/v1/agents/repository?industry=retail')).toContain('retail.inventory');
    expect((await ok(api(own))).body).toMatchObject({ name: 'Zebra bookkeeping', similar: expect.any(Array) });
    const revised = await ok(api(own, { method: 'PATCH', json: { overrides: { description: 'Counts zebras.' } } }));
    expect(revised.body.agent_type.version).not.toBe(defined.body.agent_type.version);
    expect(
      (await ok(api('/v1/agents/deploy', { json: { agent_type: 'acme.books', id: 'zed' } }))).body.agent.capabilities,
    ).toEqual({ zebra_counting: 1 });
    expect((await ok(api(`${own}?reason=extinct`, { method: 'DELETE' }))).body.receipt.events).toEqual([
      'AgentTypeWithdrawn',
    ]);
    expect(slug(await api('/v1/agents/deploy', { json: { agent_type: 'acme.books' } }))).toBe(
      '404 agent-type-not-found',
    );
    await eventually(async () => !(await listed('/v1/agents/repository')).includes('acme.books'));
    expect((await ok(api('/v1/agents/zed'))).body.status).toBe('active');
  });

  test('tools are registered, found, superseded and deprecated', async () => {
    const api = tenant('tools');
    const tool = {
      tool_name: 'Lead finder',
      description: 'Finds leads',
      schema: { type: 'object' },
      api_name: 'Salesforce',
      operations: ['query_leads'],
      tags: ['crm'],
      version: '1.0.0',
      code: 'return 1',
    };
    const registered = await ok(api('/v1/tools/leads', { method: 'PUT', json: tool, as: 'builder' }));
    expect(registered.body.tool).toMatchObject({
      tool_id: 'leads',
      status: 'active',
      latest: { owner: 'builder', sandbox_level: 'restricted', code: 'return 1' },
    });
    await ok(
      api('/v1/tools/leads', { method: 'PUT', json: { ...tool, version: '2.0.0', code: 'return 2' }, as: 'builder' }),
    );
    const found = async (query: string) =>
      items<{ tool_id: string; version: string }>(await ok(api(`/v1/tools?${query}`))).map(
        (hit) => `${hit.tool_id} ${hit.version}`,
      );
    await eventually(async () => (await found('q=leads'))[0] === 'leads 2.0.0');
    for (const query of ['api_name=salesforce', 'operation=query_leads', 'q=crm', 'q=find%20lead&limit=1'])
      expect(await found(query)).toEqual(['leads 2.0.0']);
    expect(await found('api_name=sap')).toEqual([]);
    await ok(api('/v1/tools/leads/deprecate', { json: { reason: 'too old', replacement: 'leads-2' } }));
    await eventually(async () => (await found('q=leads')).length === 0);
    expect(await found('q=leads&deprecated=true')).toEqual(['leads 2.0.0']);
    expect((await ok(api('/v1/tools/leads'))).body).toMatchObject({
      status: 'deprecated',
      deprecation: { replacement: 'leads-2' },
    });
  });

  test('signals add up where they meet, and are perceived by place, type and strength', async () => {
    const api = tenant('signals');
    const signal = (location: string, strength: number, more = {}) => ({
      type: 'heat',
      location,
      strength,
      decay_rate: 0,
      ...more,
    });
    const one = await ok(api('/v1/signals', { json: signal('hall/1', 0.3), as: 'ada' }));
    expect(one.body.value).toMatchObject([{ type: 'heat', location: 'hall/1', strength: 0.3, version: 0 }]);
    const many = await ok(
      api('/v1/signals', {
        json: {
          signals: [
            signal('hall/1', 0.4),
            signal('hall/2', 0.9),
            signal('yard', 0.2, { type: 'cold' }),
            signal('hall/1', 0.1, { emitter_agent: 'bob' }),
          ],
        },
        as: 'ada',
      }),
    );
    const answers = items<{
      strength?: number;
      problem?: { type: string };
      stream: string;
      version: number;
      hash: string;
    }>(many);
    expect(answers.map(({ strength, problem }) => strength ?? problem?.type.split('/').at(-1))).toEqual([
      0.7,
      0.9,
      0.2,
      'emitter-mismatch',
    ]);
    await settled(host);
    const field = async (query: string) =>
      items<{ location: string }>(await ok(api(`/v1/signals?${query}`))).map((trail) => trail.location);
    expect(await field('')).toEqual(['hall/2', 'hall/1', 'yard']);
    expect(await field('location=hall')).toEqual(['hall/2', 'hall/1']);
    expect(await field('type=cold')).toEqual(['yard']);
    expect(await field('minimum=0.8')).toEqual(['hall/2']);
    expect(await field('limit=1')).toEqual(['hall/2']);
    expect((await ok(api('/v1/signals/heat/hall/1'))).body).toMatchObject({
      strength: 0.7,
      emissions: 2,
      emitter_agent: 'ada',
    });
    const { hash, stream, version } = answers[0] as (typeof answers)[number];
    const [, , id] = stream.split('/');
    expect((await ok(api(`/v1/streams/trail/${id}`))).body.value[version]).toMatchObject({ hash, stream });
    // A task may name the signal that led to it.
    await post(api, { id: 'cool', task_type: 'nobody_does', cause: `${stream}@${version}` });
    expect((await ok(api('/v1/why?id=cool'))).text).toContain(`${stream}@${version}`);
  });

  test('pools show their load, take an objective and are reorganised', async () => {
    const api = tenant('pools');
    for (const id of ['a1', 'a2'])
      await ok(
        api(`/v1/agents/${id}`, { method: 'PUT', json: { agent_type: 'alpha.worker', capabilities: ['digging'] } }),
      );
    await ok(api('/v1/agents/b1', { method: 'PUT', json: { agent_type: 'beta.worker' } }));
    const pools = await eventually(async () => {
      const { value } = (await ok(api('/v1/pools'))).body;
      return value.length === 2 && (value as { pool: string; sample: { agents: number } }[]);
    });
    expect(pools.map(({ pool, sample }) => [pool, sample.agents])).toEqual([
      ['alpha', 2],
      ['beta', 1],
    ]);
    expect((await ok(api('/v1/pools/alpha/history'))).body.value).toEqual(expect.any(Array));
    const moved = await ok(
      api('/v1/pools/beta/reorganisations', { json: { moves: [{ agent: 'a2', to: 'beta' }], reason: 'help' } }),
    );
    expect(moved.body.receipt).toMatchObject({ stream: 'pools/pool/beta', repeated: false });
    await eventually(async () => (await ok(api('/v1/agents/a2'))).body.pool === 'beta');
    expect(
      (
        await ok(
          api('/v1/pools/beta/objective', { method: 'PUT', json: { description: 'Dig', capabilities: ['digging'] } }),
        )
      ).body.receipt.repeated,
    ).toBe(false);
  });
});

// -------------------------------------------------------------------------------------------------------- operation

describe('operation', () => {
  test('every chain verifies over HTTP, and no change to one would', async () => {
    const api = tenant('chain');
    const ada = agent(api, 'ada');
    await ada.register({ capacity: 3 });
    for (const id of ['one', 'two', 'three']) {
      await post(api, { id, payload: { text: 'Grüße, \u{1F41C}', number: 1e21, nested: [[], {}, null, -0] } });
      const award = await ada.awarded(id);
      await ok(ada.do('accept', id, { award }));
      await ok(ada.do('complete', id, { award, result: [1.5, 'x'] }));
    }
    await settled(host);
    const commits = (await everything(api, '/v1/receipts?limit=7')).value as unknown as Commit[];
    const verify = (log: readonly Commit[]) => {
      const verifiers = new Map<string, ChainVerifier>();
      return log.flatMap(({ hash, ...unsealed }) => {
        const { stream, index } = unsealed;
        const verifier = verifiers.get(stream) ?? new ChainVerifier(stream);
        verifiers.set(stream, verifier);
        return verifier.next({ index, body: canonicalize(unsealed), hash });
      });
    };
    expect(new Set(commits.map(({ stream }) => stream)).size).toBeGreaterThanOrEqual(4);
    expect(commits.length).toBeGreaterThanOrEqual(4 * 4);
    expect(verify(commits)).toEqual([]);
    for (const [i, commit] of commits.entries()) {
      expect(
        verify(
          commits.with(i, { ...commit, meta: { ...commit.meta, actor: { ...commit.meta.actor, id: 'mallory' } } }),
        )[0],
      ).toMatchObject({ kind: 'altered', stream: commit.stream, index: commit.index });
    }
    const inner = commits.findIndex(({ stream, index }) => stream === 'chain/task/one' && index === 1);
    expect(verify(commits.toSpliced(inner, 1))[0]).toMatchObject({ kind: 'missing' });
  });

  test('a caller that asks too often is told when to come back; others are not', async () => {
    const strict = await startTestHost({ env: { FORMICARY_RATE: '0.5', FORMICARY_BURST: '5' } });
    const api = tenant('rate', () => strict);
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => api('/v1/tasks', { json: { id: `t${i}`, task_type: 'x' } })),
    );
    const done = replies.filter(({ status }) => status === 201);
    const refused = replies.filter(({ status }) => status !== 201);
    // A token may have come back meanwhile, on a slow machine.
    expect(done.length).toBeGreaterThanOrEqual(5);
    expect(refused.length).toBeGreaterThanOrEqual(5);
    for (const reply of refused) {
      expect(slug(reply)).toBe('429 too-many-requests');
      expect(Number(reply.headers['retry-after'])).toBeGreaterThanOrEqual(1);
      expect(reply.body.retryAfterSeconds).toBe(Number(reply.headers['retry-after']));
    }
    // What was refused was not done, and the others are not held up.
    const log = items<Commit>(await ok(api('/v1/receipts', { as: 'other' })));
    expect(log.map(({ hash }) => hash).sort()).toEqual(done.map(({ body }) => body.receipt.hash as string).sort());
    expect((await tenant('rate-2', () => strict)('/v1/tasks')).status).toBe(200);
    expect((await api('/health/ready')).status).toBe(200);
    await eventually(async () => (await api('/v1/tasks')).status === 200);
    await strict.stop();
  });

  test('asked to stop, it ends what waits and goes; killed, it has lost nothing', async () => {
    let own = await startTestHost();
    const { data } = own;
    const api = tenant('restart', () => own);
    const ada = agent(api, 'ada');
    await ada.register({ limits: { presence_seconds: 3_600 } });
    await post(api, { id: 't', accept_seconds: 3_600 });
    await ada.awarded('t');
    const before = (await everything(api, '/v1/receipts')).value;
    await own.kill('SIGKILL');
    own = await startTestHost({ data });
    expect((await everything(api, '/v1/receipts')).value.slice(0, before.length)).toEqual(before);
    expect(await ada.awarded('t')).toBe(1);
    await ok(ada.do('accept', 't', { award: 1 }));

    const waiting = ada.inbox('?waitSeconds=30');
    const stream = receiptsOf(own, 'restart', '', undefined, new AbortController().signal);
    const streamed = stream.next();
    await eventually(
      async () => (await metric(own, 'formicary_http_request_seconds_count', 'route="streamReceipts"')) === 1,
    );
    expect(await own.kill('SIGTERM')).toBe(0);
    expect((await waiting).body).toMatchObject({ items: [] });
    expect(await streamed).toEqual({ value: undefined, done: true });
    expect(own.output()).not.toContain('"level":"error"');
    await expect(api('/v1/tasks')).rejects.toThrow();
    await own.stop();
  });

  test('while the store can’t be written, callers are told to come back; the same key then gets it done', async () => {
    const own = await startTestHost();
    const api = tenant('stuck', () => own);
    await post(api, { id: 'before', task_type: 'nobody_does' });
    const takeWrites = await own.refuseWrites();
    const send = () => api('/v1/tasks', { json: { task_type: 'nobody_does' }, headers: { 'idempotency-key': 'k' } });
    const refused = await send();
    expect(slug(refused)).toBe('503 unavailable');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(refused.text).not.toMatch(/sqlite|locked|\/tmp/i);
    expect(slug(await api('/v1/tasks/batch', { json: { tasks: [{ id: 'x', task_type: 'y' }] } }))).toBe(
      '503 unavailable',
    );
    // Long enough for what the host writes by itself, such as how far the feed has come.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect((await read(api, 'before')).status).toBe('open');
    takeWrites();
    expect((await ok(send())).body.receipt).toMatchObject({ version: 0, repeated: false });
    expect(items<Commit>(await ok(api('/v1/receipts?category=task')))).toHaveLength(2);
    await own.stop();
  }, 60_000);

  test('health, status and metrics say how it is', async () => {
    const api = tenant('status');
    await post(api, { id: 't', task_type: 'nobody_does' });
    expect((await api('/health/live')).body).toEqual({ status: 'live' });
    expect((await api('/health/ready')).body).toMatchObject({ status: 'ready' });
    const status = (await ok(api('/v1/status'))).body;
    const lag = PROFILE === 'embedded' ? expect.any(Number) : null; // where triggers read the feed, no process knows
    for (const consumer of ['views', 'reactions'])
      expect(status.feed).toContainEqual({ consumer, lag, delay_seconds: expect.any(Number), parked: 0 });
    for (const view of ['agents', 'tasks', 'trails', 'tools', 'agent-types', 'correlations'])
      expect(status.views).toContainEqual({
        view,
        serving: expect.stringMatching(`^${view}\\.v\\d`),
        building: null,
        lag,
      });
    expect(status.open_tasks).toBeGreaterThan(0);

    const { text, headers } = await api('/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    const LINE =
      /^(# (HELP|TYPE) [a-z_:][\w:]* .+|[a-zA-Z_:][\w:]*(\{[a-zA-Z_]\w*="(?:[^"\\]|\\.)*"(,[a-zA-Z_]\w*="(?:[^"\\]|\\.)*")*\})? (NaN|[+-]?Inf|[+-]?\d+(\.\d+)?(e[+-]?\d+)?))?$/;
    for (const line of text.split('\n')) expect(line).toMatch(LINE);
    const posted = () => metric(host, 'formicary_task_events_total', 'event="TaskPosted"');
    const count = await posted();
    expect(count).toBeGreaterThan(0);
    await post(api, { id: 'u', task_type: 'nobody_does' });
    expect(await posted()).toBe(count + 1);
    expect(
      await metric(host, 'formicary_http_request_seconds_count', 'route="postTask",status="201"'),
    ).toBeGreaterThanOrEqual(2);
  });

  test('a view is built anew while the old one serves', async () => {
    const api = tenant('rebuild');
    for (const id of ['a', 'b', 'c']) await post(api, { id, task_type: 'nobody_does' });
    await settled(host);
    const before = (await ok(api('/v1/tasks'))).body.value;
    expect(before).toHaveLength(3);
    const serving = async () =>
      ((await ok(api('/v1/status'))).body.views as { view: string; serving: string }[]).find(
        ({ view }) => view === 'tasks',
      )?.serving;
    const old = await serving();
    expect((await api('/v1/views/tasks/rebuild', { json: {} })).status).toBe(202);
    await eventually(async () => {
      expect((await ok(api('/v1/tasks'))).body.value).toEqual(before);
      return (await serving()) !== old;
    });
    expect((await ok(api('/v1/tasks'))).body.value).toEqual(before);
    await ok(api('/v1/tasks/a/cancel', { json: {} }));
    await settled(host);
    expect((await ok(api('/v1/tasks?status=cancelled'))).body.value).toMatchObject([{ id: 'a' }]);
  });
});

// ---------------------------------------------------------------------------------------------------- documentation

describe('pauses', () => {
  test('a pause is told with its reason, and ends', async () => {
    const api = tenant('pauses');
    expect((await ok(api('/v1/pauses'))).body).toEqual({ value: [] });
    const set = await ok(api('/v1/pauses/task_type/clerk', { method: 'PUT', json: { reason: 'the ledger is down' } }));
    expect(set.body.receipt.events).toEqual(['Paused']);
    expect((await ok(api('/v1/pauses'))).body.value).toMatchObject([
      { kind: 'task_type', name: 'clerk', reason: 'the ledger is down' },
    ]);
    const clerk = agent(api, 'clerk-1');
    await clerk.register();
    await post(api, { id: 'waits' });
    expect((await ok(api('/v1/tasks/waits'))).body.status).toBe('open');
    expect((await ok(api('/v1/pauses/task_type/clerk', { method: 'DELETE' }))).body.receipt.events).toEqual([
      'Resumed',
    ]);
    expect(await clerk.awarded('waits')).toBe(1);
    expect((await ok(api('/v1/pauses/task_type/clerk', { method: 'DELETE' }))).body.receipt.events).toEqual([]);
  });

  test('what is no pause is refused with its reason', async () => {
    const api = tenant('pauses');
    expect(slug(await api('/v1/pauses/planet/mars', { method: 'PUT', json: { reason: 'dust' } }))).toMatch(/^400 /);
    expect(slug(await api('/v1/pauses/pool/p', { method: 'PUT', json: { reason: '  ' } }))).toMatch(/^4\d\d /);
  });
});

describe('the documentation', () => {
  test('is a page that runs nothing but its own script', async () => {
    const { status, headers, text } = await call(host, '/docs');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = headers['content-security-policy'] as string;
    expect(policy).toMatch(/^default-src 'none'/);
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    expect(text).toContain('/openapi.json');
    expect(text).not.toMatch(/(src|href)="https?:/);
  });

  test('says what was answered: every answer of these tests has the documented form, and every route was asked', async () => {
    const { body, headers } = await call(host, '/openapi.json');
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    const check = documented(body);
    for (const { method, path, reply } of seen)
      expect([method, path, reply.status, check(method, path, reply)]).toEqual([method, path, reply.status, []]);
    expect(seen.length).toBeGreaterThan(500);
    // A stream goes on, and nothing is parked that could be redriven.
    expect(
      check
        .unanswered((tag) => !DECISION_TAGS.has(tag))
        .filter((operation) => !['streamReceipts', 'redriveParked'].includes(operation)),
    ).toEqual([]);
  });
});
