/** How much of one requester waits for people at once, asked of a whole colony. */
import type { RequestContext } from '../../app/engine/command';
import { parseStream } from '../../domain/kernel/ids';
import { taskStream } from '../../domain/market/task';
import type { OversightRules } from '../../domain/oversight/oversight';
import { QUESTION, spec, Stage } from '../support/stage';
import {
  action,
  agent,
  colony,
  configure,
  order,
  person,
  queue,
  rules,
  spokenFor,
  stage,
  TENANT,
} from './decision-stage';

const pia: RequestContext = { principal: { tenant: 'platform', id: 'human:pia', kind: 'human', level: 'critical' } };
const limit = async (approvals_per_requester: number) =>
  expect(await colony.tenants.create(pia, TENANT, { approvals_per_requester }, 'a customer')).toMatchObject({
    ok: true,
  });
const asks = (who: RequestContext, id: string, changes = {}, of = colony) =>
  of.actions.propose(who, id, order({ impact: 'high', ...changes }));
const counts = (outcomes: readonly { readonly ok: boolean }[]) => outcomes.filter(({ ok }) => ok).length;
const FULL = { ok: false, rejection: { code: 'too-many-approvals', details: { limit: 'approvals_per_requester' } } };
/** One like it is known from here on: nobody is asked about those of a low impact. */
const known = async () => {
  await asks(agent('buyer'), 'first', { impact: 'low' });
  await stage.settled();
  const [{ id, hash }] = (await queue()) as unknown as [{ id: string; hash: string }];
  expect(await colony.approvals.approve(person('human:ada'), id, { hash, reason: 'yes' })).toMatchObject({ ok: true });
  await stage.settled();
  expect(await colony.actions.execute(agent('buyer'), 'first', { hash })).toMatchObject({ ok: true });
  await stage.settled();
};
const rejects = async (of?: string) => {
  const found = (await queue()).find((one) => of === undefined || parseStream(one.action).id === of);
  const { id, hash } = found as { id: string; hash: string };
  expect(await colony.approvals.reject(person('human:ada'), id, { hash, reason: 'no' })).toMatchObject({ ok: true });
  await stage.settled();
};

beforeEach(() => configure({}));

test('of many at once so many are let in as may wait, and others are not in their way', async () => {
  await known();
  const burst = await Promise.all(Array.from({ length: 130 }, (_, n) => asks(agent('buyer'), `a${n}`)));
  expect(counts(burst)).toBe(100);
  expect(burst.find(({ ok }) => !ok)).toMatchObject(FULL);
  await stage.settled();
  expect(await queue()).toHaveLength(100);
  expect(await asks(agent('seller'), 'other')).toMatchObject({ ok: true });
  // What needs nobody goes on, and what is there is answered again.
  expect(await asks(agent('buyer'), 'plain', { impact: 'low' })).toMatchObject({ ok: true });
  expect(await asks(agent('buyer'), 'a0')).toMatchObject({ ok: true });
  expect(colony.tenantBook.counts().get('approvals_per_requester')).toBe(30);
});

test('whatever is decided makes room; a restart forgets nothing', async () => {
  await limit(2);
  for (const id of ['a', 'b']) expect(await asks(agent('buyer'), id)).toMatchObject({ ok: true });
  expect(await asks(agent('BUYER'), 'c')).toMatchObject(FULL);
  await stage.settled();
  stage.first.kill();
  const { colony: again } = await stage.start();
  expect(await asks(agent('buyer'), 'c', {}, again)).toMatchObject(FULL);
  const { docs } = await again.approvals.list(TENANT, { status: 'waiting' }, 1);
  const { id, hash } = docs[0] as { id: string; hash: string };
  await again.approvals.reject(person('human:ada'), id, { hash, reason: 'no' });
  expect(await asks(agent('buyer'), 'c', {}, again)).toMatchObject({ ok: true });
});

test('those for whom one speaks have ten times as much together', async () => {
  await limit(1);
  const all = Array.from({ length: 14 }, (_, n) => asks(spokenFor(`agent-${n}`, 'service:crm'), `a${n}`));
  expect(counts(await Promise.all(all))).toBe(10);
  expect(await asks(spokenFor('agent-20', 'service:erp'), 'other')).toMatchObject({ ok: true });
});

/** Tasks that people decide on, one after the other. */
const gated = async (count: number) => {
  const { kind, why, confidence, risk, features } = order();
  const oversight = { kind, why, confidence, impact: 'high', risk, features } as const;
  for (let n = 0; n < count; n += 1) {
    const posted = await colony.tasks.post(agent('poster'), `t${n}`, spec({ requester: 'poster', oversight }));
    expect(posted).toMatchObject({ ok: true });
    await stage.settled();
  }
};
const held = async (...ids: string[]) => {
  const states = await Promise.all(ids.map((id) => colony.tasks.load(TENANT, id)));
  return ids.filter((_, i) => states[i]?.state.status === 'held');
};
/** Tasks that people are asked about. */
const askedAbout = async () => {
  const actions = await Promise.all((await queue()).map(async (one) => await action(parseStream(one.action).id)));
  return actions.map(({ proposal }) => parseStream(proposal?.target as string).id).sort();
};

test('a task waits for room: first come, first served, and none is lost', async () => {
  await limit(2);
  await gated(5);
  const all = ['t0', 't1', 't2', 't3', 't4'];
  expect([await askedAbout(), await held(...all)]).toEqual([['t0', 't1'], all]);
  const { state } = await colony.tasks.load(TENANT, 't2');
  expect((await colony.whyNots.of(taskStream(TENANT, 't2'), state))?.text).toBe(
    'not offered: it is not decided yet that it may be done; it is about to come to the gate, or comes there as soon as poster may have one more decision waiting',
  );
  // Looked at in any case, it keeps its place.
  await stage.pass(320, undefined, 40);
  expect(await askedAbout()).toEqual(['t0', 't1']);
  // Who has gone meanwhile takes nobody's turn.
  await colony.tasks.cancel(agent('poster'), 't2', 'over');
  await rejects();
  await stage.pass(1);
  expect([await askedAbout(), await held(...all)]).toMatchObject([[expect.anything(), 't3'], { length: 3 }]);
  await rejects();
  await stage.pass(1);
  expect(await askedAbout()).toHaveLength(2);
  expect(await askedAbout()).toContain('t4');
  // Waiting has written nothing, and is no refusal.
  expect(stage.log().filter(({ stream }) => stream.includes('/denial/'))).toEqual([]);
  expect(stage.stream(taskStream(TENANT, 't4'))).toHaveLength(1);
  expect(colony.tenantBook.counts().get('approvals_per_requester') ?? 0).toBe(0);
});

test('whoever asks for more takes the turn of nothing that waits, and a turn that is not used is the next one’s', async () => {
  await limit(1);
  await gated(4);
  for (const next of ['t1', 't2']) {
    await rejects();
    expect(await asks(agent('poster'), `before-${next}`)).toMatchObject(FULL);
    await stage.pass(1);
    expect(await askedAbout()).toEqual([next]);
  }
  await rejects();
  // Its turn has come, and it is over.
  await colony.tasks.cancel(agent('poster'), 't3', 'over');
  await stage.settled();
  expect(await asks(agent('poster'), 'after')).toMatchObject({ ok: true });
});

test('the turn of one that is stopped is the next one’s after a while', async () => {
  await limit(1);
  await gated(3);
  await colony.stops.stop(person('human:ada'), { kind: 'task', name: 't1' }, 'freeze', 'a doubt');
  await rejects();
  await stage.pass(1);
  expect(await askedAbout()).toEqual([]);
  await stage.pass(35);
  expect(await asks(agent('poster'), 'more')).toMatchObject(FULL);
  await stage.pass(1);
  expect(await askedAbout()).toEqual(['t2']);
});

test('room that somebody has no use for, as its own is full, goes to another for whom one speaks', async () => {
  await limit(1);
  const { kind, why, confidence, risk, features } = order();
  const oversight = { kind, why, confidence, impact: 'high', risk, features } as const;
  const posts = async (who: string, id: string) => {
    const posted = await colony.tasks.post(
      spokenFor(who, 'service:crm'),
      id,
      spec({ requester: who, requester_via: 'service:crm', oversight }),
    );
    expect(posted).toMatchObject({ ok: true });
    await stage.settled();
  };
  for (let n = 0; n < 9; n += 1) await asks(spokenFor(`agent-${n}`, 'service:crm'), `a${n}`);
  await asks(spokenFor('agent-9', 'service:crm'), 'a9');
  await stage.settled();
  // All ten have what they may have together: the line is theirs together.
  for (const id of ['x1', 'x2']) await posts('agent-x', id);
  await posts('agent-y', 'y1');
  await rejects('a0');
  await stage.pass(1);
  await rejects('a1');
  await stage.pass(1);
  await stage.pass(1);
  const waiting = await Promise.all((await queue()).map((one) => action(parseStream(one.action).id)));
  const tasks = waiting.flatMap(({ proposal }) =>
    proposal?.target === undefined ? [] : [parseStream(proposal.target).id],
  );
  expect(tasks.sort()).toEqual(['x1', 'y1']);
});

test('a limit that is raised, and a restart, leave no task waiting', async () => {
  await limit(1);
  await gated(3);
  expect(await askedAbout()).toEqual(['t0']);
  expect(await colony.tenants.limit(pia, TENANT, { approvals_per_requester: 2 }, 'more')).toMatchObject({ ok: true });
  stage.first.kill();
  await stage.start();
  await stage.pass(310, undefined, 10);
  const { docs } = await stage.colony.approvals.list(TENANT, { status: 'waiting' }, 10);
  expect(docs).toHaveLength(2);
});

test('processes that share a store hear what waits in the others, and of the room that there is again', async () => {
  const shared = new Stage({ shared: true });
  try {
    const { colony: one } = await shared.start();
    const { colony: other } = await shared.start();
    await one.oversight.configure(person('human:root'), 'erp.order', rules());
    await one.tenants.create(pia, TENANT, { approvals_per_requester: 2 }, 'a customer');
    await shared.pass(5);
    expect(counts([await asks(agent('buyer'), 'a', {}, one), await asks(agent('buyer'), 'b', {}, other)])).toBe(2);
    await shared.pass(5);
    for (const each of [one, other]) expect(await asks(agent('buyer'), 'c', {}, each)).toMatchObject(FULL);
    const { docs } = await one.approvals.list(TENANT, { status: 'waiting' }, 2);
    const { id, hash } = docs[0] as { id: string; hash: string };
    await one.approvals.reject(person('human:ada'), id, { hash, reason: 'no' });
    await shared.pass(5);
    expect(await asks(agent('buyer'), 'c', {}, other)).toMatchObject({ ok: true });
  } finally {
    await shared.end();
  }
});

test('what agents could not settle waits for room as well', async () => {
  await limit(1);
  const electorate = {
    algorithm: 'simple_majority',
    voters: [{ id: 'voter', why: 'asked by name', weight: 1 }],
    min_agreement: 0.75,
    quorum: 0.6,
  } as const;
  for (const id of ['r0', 'r1'])
    expect(await colony.rounds.open(agent('asker'), id, { ...QUESTION, kind: 'erp.order', electorate })).toMatchObject({
      ok: true,
    });
  await stage.pass(70);
  expect(await queue()).toHaveLength(1);
  const [{ action: first }] = (await queue()) as unknown as [{ action: string }];
  await rejects();
  await stage.pass(1);
  const [{ action: second }] = (await queue()) as unknown as [{ action: string }];
  expect(new Set([first, second])).toEqual(new Set([`${TENANT}/round/r0`, `${TENANT}/round/r1`]));
});

test('an action that would come back to people stays as it is while there is no room', async () => {
  await limit(1);
  await known();
  expect(await asks(agent('buyer'), 'plain', { impact: 'low' })).toMatchObject({ ok: true });
  expect(await asks(agent('buyer'), 'a')).toMatchObject({ ok: true });
  const wrong = { hash: 'f'.repeat(64) };
  expect(await colony.actions.execute(agent('buyer'), 'plain', wrong)).toMatchObject(FULL);
  expect(await action('plain')).toMatchObject({ status: 'cleared' });
});

test('agents that are asked first count too', async () => {
  await limit(1);
  const round: OversightRules['round'] = {
    when: 'always',
    algorithm: 'simple_majority',
    voters: [{ id: 'voter', why: 'asked by name', weight: 1 }],
    min_agreement: 0.75,
    quorum: 0.6,
    round_seconds: 60,
    improvement_rounds: 0,
  };
  await configure({ round });
  expect(await asks(agent('buyer'), 'a')).toMatchObject({ ok: true });
  expect(await asks(agent('buyer'), 'b')).toMatchObject(FULL);
  await stage.pass(70);
  expect(await queue()).toHaveLength(1);
  expect(await asks(agent('buyer'), 'b')).toMatchObject(FULL);
});
