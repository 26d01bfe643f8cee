/** Actions and their approvals, and a task that waits for one. */
import type { Commit } from '../../../domain/kernel/commit';
import { eventually } from '../../support/eventually';
import { items, type Sent, settled } from '../support';
import {
  action,
  ADA,
  approvalOf,
  approve,
  BOB,
  configure,
  host,
  key,
  known,
  ok,
  ORDER,
  propose,
  type Row,
  slug,
  statusIs,
  tenant,
  vote,
} from './world';

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
