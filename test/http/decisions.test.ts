/**
 * The routes by which agents and people decide, from end to end: through the real host, over real connections, on a
 * real store.
 */
import type { Commit } from '../../domain/kernel/commit';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { DECISION_TAGS, documented } from './documented';
import { call, items, type Reply, type Sent, settled } from './support';

let host: TestHost;
/** Every answer, to be held against its documentation at the end. */
const seen: { method: string; path: string; reply: Reply }[] = [];

beforeAll(async () => {
  host = await startTestHost();
});
afterAll(() => host.stop());

type Api = (path: string, sent?: Sent) => Promise<Reply>;
type Row = Readonly<Record<string, unknown>>;

function tenant(name: string): Api {
  return async (path, sent = {}) => {
    const reply = await call(host, path, { tenant: name, ...sent });
    seen.push({ method: sent.method ?? (sent.json === undefined ? 'GET' : 'POST'), path, reply });
    return reply;
  };
}

/** The body of an answer, which must be one of success. */
async function ok(answer: Promise<Reply>): Promise<Reply['body']> {
  const reply = await answer;
  if (reply.status >= 300) throw new Error(`${reply.status}: ${reply.text}`);
  return reply.body;
}

const slug = ({ status, body }: Reply) =>
  `${status} ${String(body.type).replace('https://formicary.dev/problems/', '')}`;
const key = (name: string) => ({ 'idempotency-key': name });

const ADA = 'human:ada';
const BOB = 'human:bob';
const THRESHOLDS = { confidence: 0.7, consensus: 0.75, novelty: 1, impact: 'high' };
const RULES = {
  mode: 'full_automation',
  thresholds: THRESHOLDS,
  approvers: [{ group: 'approvers', seconds: 3_600 }],
  safe_default: 'refuse',
};
const ORDER = {
  kind: 'erp.order',
  action: { item: 'bolts', amount: 40 },
  why: 'stock is low',
  confidence: 0.9,
  impact: 'low',
  features: { amount: 40 },
};

const configure = (api: Api, rules: Row = {}, kind = 'erp.order') =>
  ok(api(`/v1/oversight/${kind}`, { method: 'PUT', json: { rules: { ...RULES, ...rules } } }));
const propose = async (api: Api, id: string, changes: Row = {}) =>
  (await ok(api('/v1/actions', { as: 'buyer', json: { ...ORDER, id, ...changes } }))).action;
const action = (api: Api, id: string) => ok(api(`/v1/actions/${id}`));
/** The approval that an action is held for. */
const approvalOf = async (api: Api, id: string): Promise<string> => {
  const { held } = await action(api, id);
  return /\/approval\/(.+)@\d+$/.exec(held.ref as string)?.[1] as string;
};
const approve = async (api: Api, id: string, more: Row = {}, as = ADA) => {
  const approval = await approvalOf(api, id);
  const { hash } = await ok(api(`/v1/approvals/${approval}`));
  return await ok(api(`/v1/approvals/${approval}/approve`, { as, json: { hash, reason: 'fine', ...more } }));
};
const statusIs = (api: Api, id: string, status: string) =>
  eventually(async () => (await action(api, id)).status === status);
const take = async (api: Api, id: string) =>
  (await ok(api(`/v1/actions/${id}/execute`, { as: 'buyer', json: { hash: (await action(api, id)).hash } }))).action;
/** One action of the kind is taken: what is like it is not new any more. */
async function known(api: Api): Promise<void> {
  await propose(api, 'first');
  await approve(api, 'first');
  await statusIs(api, 'first', 'cleared');
  await take(api, 'first');
}

const voter = (id: string) => ({ id, why: 'asked by name' });
const QUESTION = {
  question: 'Ship today?',
  kind: 'release',
  impact: 'medium',
  electorate: { algorithm: 'simple_majority', voters: ['v1', 'v2', 'v3'].map(voter), quorum: 0.6 },
};
const open = async (api: Api, id: string, changes: Row = {}) =>
  (await ok(api('/v1/rounds', { as: 'asker', json: { ...QUESTION, id, ...changes } }))).round;
const ballot = ({ snapshot, pass }: { snapshot: string; pass: number }, choice: string) => ({
  choice,
  confidence: 0.9,
  reasoning: 'because',
  snapshot,
  pass,
});
const vote = async (api: Api, round: string, as: string, choice: string) =>
  await ok(api(`/v1/rounds/${round}/votes`, { as, json: ballot(await ok(api(`/v1/rounds/${round}`)), choice) }));

// ---------------------------------------------------------------------------------------------------------- actions

describe('an action', () => {
  test('is proposed, held, asked about, approved, taken once; and undone when a person says so', async () => {
    const api = tenant('life');
    await configure(api);
    const send = () => api('/v1/actions', { as: 'buyer', json: { ...ORDER, id: 'a1' }, headers: key('k1') });
    const proposed = await send();
    expect(proposed).toMatchObject({ status: 201, headers: { location: '/v1/actions/a1', etag: '"1"' } });
    expect(proposed.body.receipt).toMatchObject({
      stream: 'life/action/a1',
      version: 0,
      events: ['ActionProposed'],
      repeated: false,
    });
    expect(proposed.body.action).toMatchObject({
      id: 'a1',
      status: 'held',
      held: { for: 'approval' },
      proposed_by: 'buyer',
      risk: 0,
      oversight: { path: 'approval' },
    });
    expect((await send()).body.receipt).toEqual({ ...proposed.body.receipt, repeated: true });
    expect(
      slug(await api('/v1/actions', { as: 'buyer', json: { ...ORDER, id: 'a1', why: 'another' }, headers: key('k1') })),
    ).toBe('422 idempotency-key-reused');
    expect(slug(await api('/v1/actions/a1?asOf=2020-01-01T00:00:00.000Z'))).toBe('404 not-found');
    expect((await ok(api(`/v1/actions/a1?asOf=${proposed.body.receipt.at}`))).proposed_by).toBe('buyer');

    await settled(host);
    const [waiting] = items<Row>(
      await api('/v1/approvals?status=waiting&kind=erp.order&severity=low&requester=buyer&group=approvers'),
    );
    expect(waiting).toMatchObject({
      action: 'life/action/a1',
      requester: 'buyer',
      hash: proposed.body.action.hash,
      outcome: null,
    });
    const path = `/v1/approvals/${String(waiting?.['id'])}`;
    const step = (name: string, as: string, json: unknown, more: Sent = {}) =>
      api(`${path}/${name}`, { as, json, ...more });
    expect((await ok(step('claim', ADA, {}))).approval.claim).toMatchObject({ by: ADA });
    expect(slug(await step('claim', BOB, { seconds: 60 }))).toBe('409 claimed-by-another');
    expect((await ok(step('release', ADA, {}))).approval.claim).toBeUndefined();
    await ok(step('ask', BOB, { question: 'Why now?' }));
    expect((await ok(step('answer', 'buyer', { number: 1, text: 'the shelf is empty' }))).approval.questions).toEqual([
      { by: BOB, question: 'Why now?', answer: 'the shelf is empty' },
    ]);

    const asked = await api(path);
    const decide = (etag: string) =>
      step('approve', ADA, { hash: asked.body.hash, reason: 'fine' }, { headers: { ...key('k2'), 'if-match': etag } });
    expect(slug(await decide('"0"'))).toBe('412 version-mismatch');
    const approved = await decide(asked.headers['etag'] as string);
    expect(approved.body).toMatchObject({
      receipt: { events: ['ApprovalGiven', 'ApprovalClosed'], repeated: false },
      approval: { outcome: 'approved' },
    });
    expect((await decide(asked.headers['etag'] as string)).body.receipt).toEqual({
      ...approved.body.receipt,
      repeated: true,
    });
    expect(slug(await step('reject', BOB, { hash: asked.body.hash, reason: 'no' }))).toBe('409 already-decided');
    expect((await ok(api(`${path}?asOf=${asked.body.requested_at}`))).id).toBe(waiting?.['id']);
    expect(slug(await api('/v1/approvals/nobody'))).toBe('404 not-found');

    await statusIs(api, 'a1', 'cleared');
    const execute = (headers?: Record<string, string>) =>
      api('/v1/actions/a1/execute', { as: 'buyer', json: { hash: asked.body.hash }, headers });
    const taken = await execute(key('k3'));
    expect(taken.body).toMatchObject({
      receipt: { events: ['ActionExecuted'], repeated: false },
      action: { status: 'executed', executed: { by: 'buyer' } },
    });
    // The same key gets the first answer; without it, or with another, who asks would act twice.
    expect((await execute(key('k3'))).body.receipt).toEqual({ ...taken.body.receipt, repeated: true });
    expect(slug(await execute())).toBe('409 action-already-executed');
    expect(slug(await execute(key('k4')))).toBe('409 action-already-executed');
    expect(
      (await ok(api('/v1/actions/a1/override', { as: BOB, json: { instead: 'refuse', reason: 'a mistake' } }))).action
        .compensation,
    ).toMatchObject({ due: true });
    await settled(host);
    expect(items(await api('/v1/actions?status=executed&kind=erp.order&compensation=due'))).toMatchObject([
      { id: 'a1', human: true, overridden: true },
    ]);
    expect(
      (await ok(api('/v1/actions/a1/compensated', { as: 'buyer', json: { ref: 'credit-note-7' } }))).action
        .compensation,
    ).toMatchObject({ due: false, ref: 'credit-note-7' });
    const kinds = items<Commit>(await api('/v1/streams/action/a1')).flatMap(({ events }) =>
      events.map(({ type }) => type),
    );
    expect(kinds).toEqual([
      'ActionProposed',
      'ActionHeld',
      'ActionCleared',
      'ActionExecuted',
      'ActionOverridden',
      'CompensationDue',
      'CompensationDone',
    ]);
  });

  test('is rejected, withdrawn, or approved as a person has corrected it', async () => {
    const api = tenant('ends');
    for (const id of ['rejected', 'withdrawn', 'edited']) await propose(api, id);
    const { hash } = await action(api, 'rejected');
    expect(
      (
        await ok(
          api(`/v1/approvals/${await approvalOf(api, 'rejected')}/reject`, { as: ADA, json: { hash, reason: 'no' } }),
        )
      ).approval.outcome,
    ).toBe('rejected');
    expect(
      (
        await ok(
          api(`/v1/approvals/${await approvalOf(api, 'withdrawn')}/withdraw`, {
            as: 'buyer',
            json: { reason: 'not needed' },
          }),
        )
      ).approval.outcome,
    ).toBe('withdrawn');
    const edit = { item: 'bolts', amount: 10 };
    const { approval } = await approve(api, 'edited', { edit });
    expect(approval.edit.changes).toEqual([expect.objectContaining({ before: 40, after: 10 })]);
    await statusIs(api, 'rejected', 'refused');
    await statusIs(api, 'withdrawn', 'refused');
    await statusIs(api, 'edited', 'cleared');
    expect(await action(api, 'edited')).toMatchObject({ action: edit, hash: approval.hash });
    // Who takes what was not cleared gets nothing, and people are asked again.
    expect(slug(await api('/v1/actions/edited/execute', { as: 'buyer', json: { hash } }))).toBe('409 action-returned');
    expect((await action(api, 'edited')).status).toBe('held');
  });

  test('that needs nobody is cleared at once; one that people watch waits for their veto', async () => {
    const api = tenant('veto');
    await configure(api);
    await known(api);
    expect((await propose(api, 'same')).status).toBe('cleared');
    await configure(api, { mode: 'human_on_the_loop', veto_seconds: 600 });
    expect(await propose(api, 'watched')).toMatchObject({ status: 'veto_window', veto_until: expect.any(String) });
    expect(
      slug(
        await api('/v1/actions/watched/execute', { as: 'buyer', json: { hash: (await action(api, 'watched')).hash } }),
      ),
    ).toBe('409 action-not-cleared');
    expect((await ok(api('/v1/actions/watched/veto', { as: ADA, json: { reason: 'not now' } }))).action).toMatchObject({
      status: 'vetoed',
      stopped: { by: ADA },
    });
  });

  test('is challenged: agents without a part in it decide', async () => {
    const api = tenant('doubt');
    await configure(api);
    await known(api);
    for (const id of ['j1', 'j2', 'j3', 'rival'])
      await ok(api('/v1/agents', { as: id, json: { agent_type: 'judge' } }));
    expect(
      slug(await api('/v1/challenges', { as: 'rival', json: { target: 'doubt/action/none@0', reason: 'x' } })),
    ).toBe('404 target-not-found');
    const challenged = await api('/v1/challenges', {
      as: 'rival',
      json: { target: 'doubt/action/first@0', reason: 'it was too dear' },
    });
    expect(challenged).toMatchObject({
      status: 201,
      body: {
        receipt: { events: ['RoundOpened'] },
        round: { status: 'open', choices: ['uphold', 'dismiss'], waits: 'doubt/action/first' },
      },
    });
    const round = challenged.body.round.id as string;
    expect(challenged.headers['location']).toBe(`/v1/rounds/${round}`);
    const {
      items: [item],
    } = await ok(api('/v1/agents/j1/inbox?waitSeconds=5', { as: 'j1' }));
    expect(item).toMatchObject({
      kind: 'vote',
      round,
      pass: 1,
      snapshot: challenged.body.round.snapshot,
      choices: ['uphold', 'dismiss'],
      impact: 'high',
    });
    for (const id of ['j1', 'j2', 'j3']) await vote(api, round, id, 'uphold');
    await eventually(async () => (await action(api, 'first')).compensation?.due === true);
  });
});

// ------------------------------------------------------------------------------------------------------- approvals

test('the queue comes by severity, page by page; what changes little is decided in one go', async () => {
  const api = tenant('queue');
  const impacts = ['low', 'critical', 'medium', 'low', 'high', 'critical', 'low', 'high'];
  for (const [i, impact] of impacts.entries()) await propose(api, `a${i}`, { impact });
  await settled(host);
  const rows: Row[] = [];
  let pages = 0;
  for (let next: string | undefined = '/v1/approvals?status=waiting&limit=3'; next !== undefined; pages += 1) {
    const body: { value: Row[]; nextLink?: string } = await ok(api(next));
    rows.push(...body.value);
    next = body.nextLink;
  }
  expect(pages).toBe(3);
  expect(rows.map(({ severity }) => severity)).toEqual([
    'critical',
    'critical',
    'high',
    'high',
    'medium',
    'low',
    'low',
    'low',
  ]);
  for (let i = 1; i < rows.length; i += 1)
    if (rows[i]?.['severity'] === rows[i - 1]?.['severity'])
      expect(String(rows[i]?.['deadline']) >= String(rows[i - 1]?.['deadline'])).toBe(true);
  expect(slug(await api('/v1/approvals?continuation=made-up'))).toBe('400 invalid-request');

  const low = rows.slice(3).map(({ id, hash }) => ({ id, hash }));
  const bulk = () =>
    api('/v1/approvals/bulk', {
      as: ADA,
      json: { decision: 'approve', items: low, reason: 'small' },
      headers: key('bulk'),
    });
  const value = items<{ ok: boolean; receipt: Row }>(await bulk());
  expect(value.map((one) => one.ok)).toEqual([false, false, true, true, true]);
  expect(value[0]).toMatchObject({
    id: low[0]?.id,
    problem: { status: 409, type: expect.stringMatching(/bulk-only-for-low-impact$/) },
  });
  const again = items(await bulk());
  expect(again.slice(2)).toEqual(
    value.slice(2).map((one) => ({ ...one, receipt: { ...one.receipt, repeated: true } })),
  );
  await settled(host);
  expect((await ok(api('/v1/approvals?outcome=approved'))).value).toHaveLength(3);
});

test('what is critical takes two people', async () => {
  const api = tenant('eyes');
  await propose(api, 'a1', { impact: 'critical' });
  expect((await approve(api, 'a1')).approval).toMatchObject({ status: 'waiting', approvals_needed: 2 });
  const approval = await approvalOf(api, 'a1');
  const { hash } = await action(api, 'a1');
  expect(slug(await api(`/v1/approvals/${approval}/approve`, { as: ADA, json: { hash, reason: 'once more' } }))).toBe(
    '409 same-person-twice',
  );
  expect((await approve(api, 'a1', {}, BOB)).approval).toMatchObject({
    outcome: 'approved',
    given: [{ by: ADA }, { by: BOB }],
  });
});

test('a task waits for a decision, and comes with the correction that was made', async () => {
  const api = tenant('task');
  const task = {
    id: 't1',
    task_type: 'erp.order',
    payload: { amount: 40 },
    oversight: { why: 'stock is low', confidence: 0.9, impact: 'low' },
  };
  const posted = await ok(api('/v1/tasks', { as: 'poster', json: task }));
  expect(posted.task).toMatchObject({ status: 'held', oversight: { kind: 'erp.order', risk: 0, features: {} } });
  await settled(host);
  expect(items(await api('/v1/tasks?status=held'))).toMatchObject([{ id: 't1' }]);
  const [gate] = items<{ id: string }>(await api('/v1/actions?status=held')) as [{ id: string }];
  const { action: proposed } = await action(api, gate.id);
  await approve(api, gate.id, { edit: { ...proposed, payload: { amount: 10 } } });
  await eventually(async () => (await ok(api('/v1/tasks/t1'))).status === 'open');
  expect((await ok(api('/v1/tasks/t1'))).payload).toEqual({ amount: 10 });
});

// ---------------------------------------------------------------------------------------------------------- rounds

describe('a round', () => {
  test('is opened, voted on, closed by the vote that decides, counted again, overridden', async () => {
    const api = tenant('round');
    const { electorate } = QUESTION;
    const opened = await api('/v1/rounds', { as: 'asker', json: QUESTION, headers: key('r') });
    const id = opened.body.round.id as string;
    expect(opened).toMatchObject({ status: 201, headers: { location: `/v1/rounds/${id}`, etag: '"0"' } });
    expect(opened.body.round).toMatchObject({
      status: 'open',
      pass: 1,
      choices: ['approve', 'reject'],
      electorate: { min_agreement: 0.75, quorum: 0.6 },
      opened_by: 'asker',
      ballots: [],
    });
    expect((await ok(api('/v1/rounds', { as: 'asker', json: QUESTION, headers: key('r') }))).receipt).toEqual({
      ...opened.body.receipt,
      repeated: true,
    });
    expect(
      slug(
        await api('/v1/rounds', { json: { ...QUESTION, electorate: { ...electorate, algorithm: 'weighted_voting' } } }),
      ),
    ).toBe('422 round-invalid');

    const cast = (more: Sent = {}) =>
      api(`/v1/rounds/${id}/votes`, {
        as: 'v1',
        json: { ...ballot(opened.body.round, 'approve'), voter: 'v1' },
        ...more,
      });
    const first = await cast({ headers: { ...key('v'), 'if-match': '"0"' } });
    expect(first.body).toMatchObject({
      receipt: { events: ['VoteCast'], version: 1 },
      round: { id, status: 'open', pass: 1 },
    });
    expect(Object.keys(first.body.round as Row)).toEqual(['id', 'status', 'pass']);
    expect((await cast({ headers: { ...key('v'), 'if-match': '"0"' } })).body.receipt).toEqual({
      ...first.body.receipt,
      repeated: true,
    });
    expect((await ok(cast())).receipt.events).toEqual([]);
    expect(slug(await cast({ headers: { 'if-match': '"0"' } }))).toBe('412 version-mismatch');
    expect(slug(await cast({ json: ballot(opened.body.round, 'reject') }))).toBe('409 already-voted');
    expect(slug(await api(`/v1/rounds/${id}/tally`))).toBe('422 round-not-closed');
    expect((await vote(api, id, 'v2', 'approve')).round).toMatchObject({
      status: 'closed',
      outcome: { outcome: 'agreed', choice: 'approve', early: true },
    });
    expect(slug(await api(`/v1/rounds/${id}/votes`, { as: 'v3', json: ballot(opened.body.round, 'reject') }))).toBe(
      '409 round-closed',
    );

    expect(await ok(api(`/v1/rounds/${id}/tally`))).toMatchObject({
      agrees: true,
      faults: [],
      recomputed: { leader: 'approve', score: 1 },
      matrix: {
        voters: ['v1', 'v2'],
        agreement: [
          [1, 1],
          [1, 1],
        ],
      },
    });
    expect(
      (await ok(api(`/v1/rounds/${id}/override`, { as: ADA, json: { choice: 'reject', reason: 'the law says no' } })))
        .round.override,
    ).toMatchObject({ by: ADA, choice: 'reject' });
    expect(
      slug(await api(`/v1/rounds/${id}/override`, { as: BOB, json: { choice: 'reject', reason: 'me too' } })),
    ).toBe('409 nothing-to-override');
    expect((await ok(api(`/v1/rounds/${id}?asOf=${opened.body.receipt.at}`))).id).toBe(id);
    expect(slug(await api('/v1/rounds/none'))).toBe('404 not-found');
    expect(slug(await api('/v1/rounds/none/tally'))).toBe('404 round-not-found');
  });

  test('goes on for another pass, may let votes be changed, and asks people when agents do not agree', async () => {
    const api = tenant('passes');
    await open(api, 'r', {
      improvement_rounds: 1,
      electorate: {
        ...QUESTION.electorate,
        algorithm: 'weighted_voting',
        voters: ['v1', 'v2'].map((id) => ({ ...voter(id), weight: 1 })),
      },
    });
    await vote(api, 'r', 'v1', 'approve');
    expect((await vote(api, 'r', 'v2', 'reject')).round).toEqual({ id: 'r', status: 'open', pass: 2 });
    const second = await ok(api('/v1/rounds/r'));
    expect(second).toMatchObject({ pass: 2, ballots: [], tally: { agreed: false } });
    await vote(api, 'r', 'v1', 'approve');
    expect((await vote(api, 'r', 'v2', 'reject')).round.outcome).toMatchObject({ outcome: 'no_agreement' });
    await open(api, 'changing', { allow_change: true });
    await vote(api, 'changing', 'v1', 'approve');
    expect((await vote(api, 'changing', 'v1', 'reject')).receipt.events).toEqual(['VoteChanged']);
    expect(
      (await ok(api('/v1/rounds/changing/cancel', { as: ADA, json: { reason: 'asked in vain' } }))).round,
    ).toMatchObject({ status: 'cancelled', cancellation: { by: ADA } });

    await settled(host);
    expect(items(await api('/v1/rounds?status=closed&kind=release&voter=v1&escalated=true'))).toMatchObject([
      { id: 'r', outcome: 'no_agreement', escalated: true },
    ]);
    expect(items(await api('/v1/rounds?escalated=false'))).toMatchObject([{ id: 'changing', status: 'cancelled' }]);
    const page = await ok(api('/v1/rounds?voter=v2&limit=1'));
    expect([page.value.length, items(await api(page.nextLink)).length]).toEqual([1, 1]);
    // Kind of the approvals that decide what agents could not.
    const [asked] = items<Row>(await api('/v1/approvals?status=waiting&kind=round.outcome'));
    expect(asked).toMatchObject({ choices: ['approve', 'reject'], leader: null });
    const approve = (choice?: string) =>
      api(`/v1/approvals/${String(asked?.['id'])}/approve`, {
        as: ADA,
        json: { hash: asked?.['hash'], reason: 'so be it', choice },
      });
    expect(slug(await approve())).toBe('422 choice-needed');
    await ok(approve('reject'));
    await eventually(async () => (await ok(api('/v1/rounds/r'))).override?.by === ADA);
  });

  test('asks agents by what they can do', async () => {
    const api = tenant('search');
    for (const id of ['e1', 'e2', 'e3'])
      await ok(
        api('/v1/agents', { as: id, json: { agent_type: 'expert', capabilities: { law: id === 'e2' ? 0.5 : 1 } } }),
      );
    await settled(host);
    const round = await open(api, 'r', { electorate: { voters: { capability: 'law', limit: 2, except: ['e1'] } } });
    expect(round.electorate).toMatchObject({ algorithm: 'expertise_based', voters: [{ id: 'e3' }, { id: 'e2' }] });
    expect(
      slug(await api('/v1/rounds', { json: { ...QUESTION, electorate: { voters: { capability: 'medicine' } } } })),
    ).toBe('422 no-voters');
  });
});

// ------------------------------------------------------------------------------------------------------- retention

test('a tenant says which streams that have ended may be archived; by default none', async () => {
  const api = tenant('retention');
  expect(await ok(api('/v1/retention'))).toEqual({ days: {} });
  const set = await ok(api('/v1/retention', { method: 'PUT', json: { days: { task: 365, trail: 30 } } }));
  expect(set).toMatchObject({ days: { task: 365, trail: 30 }, receipt: { version: 0 } });
  const policy = await api('/v1/retention');
  expect([policy.body, policy.headers.etag]).toEqual([{ days: { task: 365, trail: 30 } }, '"0"']);
  for (const days of [{ agent: 30 }, { task: 0 }, { task: 1.5 }, { task: '30' }])
    expect(slug(await api('/v1/retention', { method: 'PUT', json: { days } }))).toBe('400 invalid-request');
  expect(slug(await api('/v1/retention', { method: 'PUT', json: { days: {} }, headers: { 'if-match': '"7"' } }))).toBe(
    '412 version-mismatch',
  );
});

// -------------------------------------------------------------------------------- oversight, corrections, channels

test('rules of a kind are set whole; others have the default', async () => {
  const api = tenant('rules');
  expect(await ok(api('/v1/oversight'))).toMatchObject({ value: [], default: { mode: 'human_approval' } });
  expect(await ok(api('/v1/oversight/erp.order'))).toMatchObject({
    kind: 'erp.order',
    rules: { mode: 'human_approval', approvers: [{ group: 'approvers' }, { group: 'administrators' }] },
  });
  const set = await configure(api, {
    round: { when: 'escalated', algorithm: 'simple_majority', voters: [voter('v1')], round_seconds: 60 },
  });
  expect(set).toMatchObject({
    receipt: { events: ['OversightConfigured'], version: 0 },
    rules: { approvers: [{ members: [] }], round: { quorum: 0.67, improvement_rounds: 0 } },
  });
  expect(await ok(api('/v1/oversight/erp.order'))).toEqual({
    kind: 'erp.order',
    rules: set.rules,
    rules_hash: set.rules_hash,
  });
  const all = await api('/v1/oversight');
  expect(all).toMatchObject({
    headers: { etag: '"0"' },
    body: { value: [{ kind: 'erp.order', rules_hash: set.rules_hash }] },
  });
  expect((await configure(api, { round: set.rules.round })).receipt.events).toEqual([]);
  expect(
    slug(
      await api('/v1/oversight/erp.order', {
        method: 'PUT',
        json: { rules: { ...RULES, veto_seconds: 5 } },
        headers: { 'if-match': '"0"' },
      }),
    ),
  ).toBe('422 rules-invalid');
  expect(
    slug(
      await api('/v1/oversight/erp.order', { method: 'PUT', json: { rules: RULES }, headers: { 'if-match': '"7"' } }),
    ),
  ).toBe('412 version-mismatch');
});

test('a person gives a correction', async () => {
  const api = tenant('correct');
  await ok(api('/v1/tasks', { json: { id: 't', task_type: 'nobody_does' } }));
  const correction = {
    target: 'correct/task/t@0',
    what: 'priority 1',
    instead_of: 'priority 0.5',
    why: 'it was urgent',
  };
  const send = () => api('/v1/corrections', { as: ADA, json: correction, headers: key('c') });
  const given = await send();
  expect(given).toMatchObject({
    status: 201,
    body: { receipt: { events: ['CorrectionGiven'] }, correction: { ...correction, by: ADA } },
  });
  expect((await send()).body.receipt).toEqual({ ...given.body.receipt, repeated: true });
  expect(slug(await api('/v1/corrections', { as: ADA, json: { ...correction, target: 'correct/task/t@9' } }))).toBe(
    '404 target-not-found',
  );
  await settled(host);
  expect(
    items(await api(`/v1/corrections?stream=${encodeURIComponent('correct/task/t')}&by=${encodeURIComponent(ADA)}`)),
  ).toMatchObject([{ id: given.body.correction.id, stream: 'correct/task/t' }]);
});

test('a channel is set, read, removed; what it could not deliver is given up, and tried again', async () => {
  const api = tenant('reach');
  const channel = { kind: 'mail', address: 'ada@example.org', groups: ['approvers'], events: ['approval-requested'] };
  expect((await ok(api('/v1/channels/ada', { method: 'PUT', json: channel }))).channel).toEqual({
    channel_id: 'ada',
    ...channel,
  });
  expect(await api('/v1/channels/ada')).toMatchObject({
    body: { channel_id: 'ada', ...channel },
    headers: { etag: '"0"' },
  });
  await settled(host);
  expect(items(await api('/v1/channels'))).toMatchObject([{ channel_id: 'ada' }]);
  // No mail server is configured here.
  await propose(api, 'a1');
  const dead = await eventually(async () => items<Row>(await api('/v1/deliveries?status=dead'))[0]);
  expect(dead).toMatchObject({
    channel_id: 'ada',
    status: 'dead',
    attempts: 1,
    failure: { reason: expect.stringMatching(/mail server/) },
  });
  const redriven = await ok(api(`/v1/deliveries/${String(dead['delivery_id'])}/redrive`, { json: {} }));
  expect(redriven).toMatchObject({
    receipt: { events: ['DeliveryRedriven'] },
    delivery: { delivery_id: dead['delivery_id'], status: 'pending' },
  });
  expect((await ok(api('/v1/channels/ada', { method: 'DELETE' }))).receipt.events).toEqual(['ChannelRemoved']);
  expect(slug(await api('/v1/channels/ada'))).toBe('404 not-found');
  expect(slug(await api('/v1/channels/none', { method: 'DELETE' }))).toBe('404 channel-not-found');
});

test('figures say how often people were needed', async () => {
  const api = tenant('figures');
  await configure(api);
  await known(api);
  await propose(api, 'alone');
  await settled(host);
  expect(await ok(api('/v1/decisions/metrics'))).toMatchObject({
    complete: true,
    actions: { actions: 2, human: 1, share: 0.5 },
    approvals: { approved: 1, agreement: 1 },
  });
});

test('every answer of these tests has the documented form, and every route was asked', async () => {
  const check = documented((await call(host, '/openapi.json')).body);
  for (const { method, path, reply } of seen)
    expect([method, path, reply.status, check(method, path, reply)]).toEqual([method, path, reply.status, []]);
  expect(check.unanswered((tag) => DECISION_TAGS.has(tag))).toEqual([]);
  expect(host.output()).not.toMatch(/"level":("error"|50|60)/);
});
