/** The client where agents and people decide, against a real host: every method, and what comes back typed as it is. */
import { Formicary, type OversightRules } from '../../client/client';
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

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const row of rows) found.push(row);
  return found;
}

const RULES: OversightRules = {
  mode: 'full_automation',
  thresholds: { confidence: 0.7, consensus: 0.75, novelty: 1, impact: 'high' },
  approvers: [{ group: 'approvers', members: [], seconds: 3_600 }],
  safe_default: 'refuse',
};
const ORDER = {
  kind: 'erp.order',
  action: { amount: 40 },
  why: 'stock is low',
  confidence: 0.9,
  impact: 'low',
} as const;
const voters = ['v1', 'v2', 'v3'].map((id) => ({ id, why: 'asked by name' }));
const QUESTION = {
  question: 'Ship today?',
  kind: 'release',
  impact: 'medium',
  electorate: { algorithm: 'simple_majority', quorum: 0.6, voters },
} as const;

/** The approval that waits for an action of the tenant. */
const waiting = (of: Formicary, requester: string) =>
  eventually(async () => (await of.approvals.list({ status: 'waiting', requester })).value[0]);
const status = (of: Formicary, id: string, wanted: string) =>
  eventually(async () => (await of.actions.get(id)).status === wanted);

test('actions and approvals', async () => {
  const buyer = client.as('buyer', 'orders');
  const ada = buyer.as('human:ada');
  expect(await ada.oversight.get('erp.order')).toMatchObject({ rules: { mode: 'human_approval' } });
  expect((await ada.oversight.set('erp.order', RULES)).receipt.events).toEqual(['OversightConfigured']);
  const { value: kinds, default: ofAllOthers } = await ada.oversight.list();
  expect(kinds.map(({ kind }) => kind)).toEqual(['erp.order']);
  expect(ofAllOthers).toEqual((await ada.oversight.get('crm.mail')).rules);

  const proposed = await buyer.actions.propose({ ...ORDER, id: 'a1' });
  expect(proposed).toMatchObject({
    receipt: { events: ['ActionProposed'] },
    action: { status: 'held', proposed_by: 'buyer' },
  });
  const { id } = await waiting(ada, 'buyer');
  expect((await ada.approvals.claim(id, 60)).approval.claim?.by).toBe('human:ada');
  expect((await ada.approvals.release(id)).approval.claim).toBeUndefined();
  await ada.approvals.ask(id, 'Why now?');
  expect((await buyer.approvals.answer(id, 1, 'the shelf is empty')).approval.questions[0]?.answer).toBe(
    'the shelf is empty',
  );
  const { hash } = await ada.approvals.get(id);
  const approved = await ada.approvals.approve(id, { hash, reason: 'fewer', edit: { amount: 10 } });
  expect(approved.approval).toMatchObject({ outcome: 'approved', edit: { changes: [{ before: 40, after: 10 }] } });
  await expect(ada.approvals.approve(id, { hash, reason: 'again' })).rejects.toMatchObject({
    status: 409,
    code: 'already-decided',
  });
  await status(buyer, 'a1', 'cleared');
  expect(
    (await buyer.actions.execute('a1', { hash: approved.approval.hash, result: 'ordered' })).action.executed,
  ).toMatchObject({ by: 'buyer', result: 'ordered' });
  expect(
    (await ada.actions.override('a1', { instead: 'refuse', reason: 'a mistake' })).action.compensation,
  ).toMatchObject({ due: true });
  expect((await buyer.actions.compensated('a1', 'credit-note')).action.compensation).toMatchObject({ due: false });
  expect(await eventually(async () => (await buyer.actions.list({ compensation: 'done' })).value[0])).toMatchObject({
    id: 'a1',
    human: true,
  });

  await ada.oversight.set('erp.order', { ...RULES, mode: 'human_on_the_loop', veto_seconds: 600 });
  expect((await buyer.actions.propose({ ...ORDER, id: 'a2' })).action.status).toBe('veto_window');
  const { veto_until } = await buyer.actions.get('a2');
  expect(veto_until).toBeDefined();
  const row = (of: 'veto_window' | 'vetoed') =>
    eventually(async () => (await buyer.actions.list({ status: of })).value[0]);
  expect(await row('veto_window')).toMatchObject({ id: 'a2', veto_until });
  expect((await ada.actions.veto('a2', 'not now')).action.status).toBe('vetoed');
  expect(await row('vetoed')).toMatchObject({ id: 'a2', veto_until: null });

  expect(
    (
      await ada.corrections.give({
        target: 'orders/action/a1@0',
        what: '10',
        instead_of: '40',
        why: 'the shelf is small',
      })
    ).correction.by,
  ).toBe('human:ada');
  expect(await eventually(async () => (await ada.corrections.list({ by: 'human:ada' })).value[0])).toMatchObject({
    stream: 'orders/action/a1',
  });
  expect(await all(ada.corrections.all())).toHaveLength(1);
  expect((await ada.decisions.metrics()).actions).toMatchObject({ actions: expect.any(Number) });
});

test('rejected, withdrawn, several at once', async () => {
  const ada = client.as('human:ada', 'several');
  for (const id of ['r', 'w', 'b']) await ada.as(`agent-${id}`).actions.propose({ ...ORDER, id });
  const rejected = await waiting(ada, 'agent-r');
  expect((await ada.approvals.reject(rejected.id, { hash: rejected.hash, reason: 'no' })).approval.outcome).toBe(
    'rejected',
  );
  expect(
    (await ada.as('agent-w').approvals.withdraw((await waiting(ada, 'agent-w')).id, 'not needed')).approval.outcome,
  ).toBe('withdrawn');
  const { id, hash } = await waiting(ada, 'agent-b');
  const answers = await ada.approvals.bulk({
    decision: 'approve',
    items: [
      { id, hash },
      { id: 'none', hash },
    ],
    reason: 'small',
  });
  expect(answers).toMatchObject([
    { id, ok: true, receipt: { events: ['ApprovalGiven', 'ApprovalClosed'] } },
    { id: 'none', ok: false, problem: { status: 404 } },
  ]);
  await status(ada, 'b', 'cleared');
  expect((await all(ada.actions.all({ kind: 'erp.order' }))).map((action) => action.id)).toEqual(['b', 'r', 'w']);
  expect(await all(ada.approvals.all())).toHaveLength(3);
});

test('rounds, votes and challenges', async () => {
  const asker = client.as('asker', 'rounds');
  const ada = asker.as('human:ada');
  for (const { id } of voters) await asker.as(id).agents.register({ agent_type: 'voter' });
  const { round } = await asker.rounds.open({ ...QUESTION, id: 'r1' });
  expect(round).toMatchObject({ status: 'open', electorate: { algorithm: 'simple_majority' } });
  const { items } = await asker.as('v1').agents.inbox('v1', { waitSeconds: 5 });
  const asked = items.find((item) => item.kind === 'vote');
  expect(asked).toMatchObject({ round: 'r1', snapshot: round.snapshot, choices: ['approve', 'reject'] });
  const vote = { choice: 'approve', confidence: 0.9, reasoning: 'because', snapshot: round.snapshot, pass: 1 };
  expect((await asker.as('v1').rounds.vote('r1', vote)).round).toEqual({ id: 'r1', status: 'open', pass: 1 });
  expect((await asker.as('v2').rounds.vote('r1', vote)).round.outcome).toMatchObject({
    outcome: 'agreed',
    choice: 'approve',
  });
  expect(await asker.rounds.recompute('r1')).toMatchObject({
    agrees: true,
    recomputed: { leader: 'approve' },
    matrix: { voters: ['v1', 'v2'] },
  });
  expect((await ada.rounds.override('r1', { choice: 'reject', reason: 'the law' })).round.override?.choice).toBe(
    'reject',
  );
  expect((await asker.rounds.get('r1', { asOf: round.opened_at })).id).toBe('r1');

  const challenged = await asker.as('v1').challenge('rounds/round/r1@0', 'nobody asked the customers');
  expect(challenged.round).toMatchObject({
    status: 'open',
    choices: ['uphold', 'dismiss'],
    challenges: { target: 'rounds/round/r1@0' },
  });
  expect((await asker.as('human:bea').rounds.cancel(challenged.round.id, 'settled otherwise')).round.status).toBe(
    'cancelled',
  );
  expect(
    await eventually(async () => (await asker.rounds.list({ status: 'closed', escalated: false })).value[0]),
  ).toMatchObject({ id: 'r1', overridden: true });
  expect(await all(asker.rounds.all({ voter: 'v3' }))).toHaveLength(2);
}, 20_000);

test('channels, and what they could not deliver', async () => {
  const ada = client.as('human:ada', 'reach');
  const channel = {
    kind: 'mail',
    address: 'ada@example.org',
    groups: ['approvers'],
    events: ['approval-requested'],
  } as const;
  expect((await ada.channels.put('ada', channel)).channel).toEqual({ channel_id: 'ada', ...channel });
  expect(await ada.channels.get('ada')).toEqual({ channel_id: 'ada', ...channel });
  expect(await eventually(async () => (await all(ada.channels.all()))[0])).toMatchObject({ channel_id: 'ada' });
  // No mail server is configured here.
  await ada.as('buyer').actions.propose(ORDER);
  const dead = await eventually(async () => (await all(ada.deliveries.dead()))[0]);
  expect((await ada.deliveries.redrive(dead.delivery_id)).delivery).toMatchObject({
    delivery_id: dead.delivery_id,
    status: 'pending',
  });
  expect((await ada.channels.remove('ada')).receipt.events).toEqual(['ChannelRemoved']);
}, 20_000);

test('a task that waits for people', async () => {
  const poster = client.as('poster', 'tasks');
  const { task } = await poster.tasks.post({
    id: 't',
    task_type: 'erp.order',
    oversight: { why: 'stock is low', confidence: 0.9, impact: 'low' },
  });
  expect(task).toMatchObject({ status: 'held', oversight: { kind: 'erp.order' } });
  expect(await eventually(async () => (await poster.tasks.list({ status: 'held' })).value[0])).toMatchObject({
    id: 't',
  });
});
