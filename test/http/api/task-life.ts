/** The life of a task, from its posting to its end. */
import { eventually } from '../../support/eventually';
import { settled } from '../support';
import { agent, events, host, ok, post, read, slug, statusIs, tenant } from './world';

describe('the life of a task', () => {
  test('work that is done at once is accepted with its result', async () => {
    const api = tenant('at-once');
    const ada = agent(api, 'ada');
    await ada.register();
    await post(api, { id: 't' });
    const award = await ada.awarded('t');
    expect(slug(await ada.do('complete', 't', { award, result: 1 }))).toBe('409 not-accepted');
    expect(slug(await ada.do('complete', 't', { award, result: 1, accept: false }))).toBe('409 not-accepted');
    const done = await ok(ada.do('complete', 't', { award, result: 1, accept: true }));
    expect(done.body.receipt.events).toEqual(['TaskAccepted', 'TaskCompleted']);
    expect(done.body.task).toMatchObject({ status: 'completed', completion: { agent: 'ada', award, result: 1 } });
    const again = await ok(ada.do('complete', 't', { award, result: 1, accept: true }));
    expect(again.body.receipt.repeated).toBe(true);
  });

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
    // Nobody tells agents here when to look.
    expect((await ok(api('/v1/agents/ada/connection', { as: 'ada', method: 'POST' }))).body).toEqual({
      push: null,
      look_seconds: 30,
    });
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
