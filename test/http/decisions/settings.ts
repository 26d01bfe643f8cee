/** What people set, and what they see of it: retention, rules, corrections, channels, figures. */
import { eventually } from '../../support/eventually';
import { items, settled } from '../support';
import { ADA, configure, host, key, known, ok, propose, type Row, RULES, slug, tenant, voter } from './world';

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

test('the signed log has a checkpoint, its leaves, its keys, and a proof for each receipt in it', async () => {
  const api = tenant('signed');
  expect(slug(await api('/v1/checkpoints', { method: 'POST' }))).toBe('404 log-empty');
  expect(await ok(api('/v1/checkpoints'))).toEqual({ value: [], keys: [] });
  expect(await ok(api('/v1/log'))).toEqual({ value: [] });
  await ok(api('/v1/tasks', { method: 'POST', json: { id: 'signed', task_type: 'report' } }));
  expect(slug(await api('/v1/streams/task/signed/0/proof'))).toBe('404 not-logged');
  const { checkpoint } = await ok(api('/v1/checkpoints', { method: 'POST' }));
  expect(await ok(api('/v1/checkpoints', { method: 'POST' }))).toEqual({ checkpoint });
  const listed = await ok(api('/v1/checkpoints'));
  expect(listed.value).toEqual([checkpoint]);
  expect(listed.keys[0]).toMatch(new RegExp(`^${checkpoint.origin}\\+[0-9a-f]{8}\\+`));
  const [page] = (await ok(api('/v1/log'))).value;
  expect(page).toMatchObject({ log: checkpoint.origin, first: 0 });
  expect(page.entries).toHaveLength(checkpoint.size);
  const proof = await api('/v1/streams/task/signed/0/proof');
  expect([proof.status, proof.headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
  expect(proof.text).toContain(checkpoint.note);
  expect(slug(await api('/v1/streams/task/signed/9/proof'))).toBe('404 not-found');
  expect(slug(await api('/v1/streams/task/another/0/proof'))).toBe('404 not-found');
});
