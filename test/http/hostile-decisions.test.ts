/**
 * What a hostile agent or person may try where decisions are made, one row an attack. Each is refused with a problem
 * that says why, and leaves nothing in the log but, where the rules refused it, the receipt of the refusal. What needs
 * many callers at once, or another time, stands below the table.
 */
import { derivedSystemId } from '../../app/engine/new-id';
import type { Commit } from '../../domain/kernel/commit';
import { eventually } from '../support/eventually';
import { startTestHost, type TestHost } from '../support/host';
import { type Check, documented } from './documented';
import {
  approval,
  ballot,
  CHANNEL,
  ELECTORATE,
  hash,
  many,
  ORDER,
  QUESTION,
  RECEIPT,
  RULES,
  scene,
  voter,
} from './hostile/attacks';
import { GATES } from './hostile/gates';
import { VOTES } from './hostile/votes';
import { call, items, type Reply, type Sent, settled } from './support';

const TABLE = { ...VOTES, ...GATES };

// --------------------------------------------------------------------------------------------------------- carried out

let host: TestHost;
let check: Check;
/** How far the log of each tenant was read. */
const places: Record<string, string> = { a: '0', b: '0' };

async function done(path: string, sent: Sent = {}): Promise<Reply['body']> {
  const reply = await call(host, path, { tenant: 'a', ...sent });
  if (reply.status >= 300) throw new Error(`${path}: ${reply.text}`);
  return reply.body;
}

/** What was written since the last time this was asked. */
async function written(): Promise<Commit[]> {
  const found: Commit[] = [];
  for (const tenant of Object.keys(places)) {
    for (let more = true; more;) {
      const { value, nextLink, after } = (
        await call(host, `/v1/receipts?limit=500&continuation=${places[tenant]}`, { tenant })
      ).body;
      found.push(...(value as Commit[]));
      places[tenant] = after as string;
      more = nextLink !== undefined;
    }
  }
  return found;
}

/** Proposes, and notes hash and approval. */
async function held(id: string, more: Record<string, unknown> = {}, as = 'buyer'): Promise<void> {
  note(id, (await done('/v1/actions', { as, json: { ...ORDER, id, ...more } })).action);
}

function note(id: string, action: { hash: string; held: { ref: string } }): void {
  scene[`${id} hash`] = action.hash;
  scene[`${id} approval`] = /\/approval\/(.+)@/.exec(action.held.ref)?.[1] as string;
}

const approve = (id: string, as: string, more: Record<string, unknown> = {}) =>
  done(approval(id, 'approve'), { as, json: { hash: hash(id), reason: 'fine', ...more } });
const status = async (id: string) => (await done(`/v1/actions/${id}`)).status as string;
const cleared = (id: string) => eventually(async () => (await status(id)) === 'cleared');
const open = (id: string, voters: unknown, more: Record<string, unknown> = {}) =>
  done('/v1/rounds', {
    as: 'asker',
    json: { ...QUESTION, id, electorate: { ...ELECTORATE, voters, ...more }, round_seconds: 3_600 },
  });
const cast = async (id: string, as: string, choice = 'approve') => {
  const { snapshot, pass } = await done(`/v1/rounds/${id}`);
  return await call(host, `/v1/rounds/${id}/votes`, { tenant: 'a', as, json: ballot({ choice, snapshot, pass }) });
};
const configure = (kind: string, more: Record<string, unknown>) =>
  done(`/v1/oversight/${kind}`, { method: 'PUT', json: { rules: { ...RULES, ...more } } });

beforeAll(async () => {
  host = await startTestHost();
  check = documented((await call(host, '/openapi.json')).body);
  for (const id of ['low', 'claimed', 'edited', 'critical', 'done', 'cleared', 'raced', 'altered'])
    await held(id, ['edited', 'critical'].includes(id) ? { impact: 'critical' } : {});
  await held('high', { impact: 'high' });
  await held('own', {}, 'human:root');
  await done(approval('claimed', 'claim'), { as: 'human:carl', json: { seconds: 3_600 } });
  await done(approval('claimed', 'ask'), { as: 'human:carl', json: { question: 'Why?' } });
  await approve('critical', 'human:one');
  scene['edited old hash'] = hash('edited');
  await approve('edited', 'human:eve', { edit: { item: 'bolts', amount: 10 } });
  for (const id of ['done', 'cleared', 'altered']) {
    await approve(id, 'human:eve');
    await cleared(id);
  }
  await done('/v1/actions/done/execute', { as: 'buyer', json: { hash: hash('done') } });

  await configure('watched.order', {});
  await held('watched-first', { kind: 'watched.order' });
  await approve('watched-first', 'human:eve');
  await cleared('watched-first');
  await done('/v1/actions/watched-first/execute', { as: 'buyer', json: { hash: hash('watched-first') } });
  await configure('watched.order', { mode: 'human_on_the_loop', veto_seconds: 3_600 });
  await done('/v1/actions', { as: 'buyer', json: { ...ORDER, id: 'watched', kind: 'watched.order' } });

  await done('/v1/tasks', {
    as: 'poster',
    json: { id: 'held', task_type: 'nobody_does', oversight: { why: 'x', confidence: 1, impact: 'low' } },
  });
  await settled(host);
  const [proposed] = items<{ id: string }>(await call(host, '/v1/actions?kind=nobody_does', { tenant: 'a' })) as [
    { id: string },
  ];
  const gated = await done(`/v1/actions/${proposed.id}`);
  note('gate', gated);
  scene['gate id'] = proposed.id;

  scene['open snapshot'] = (await open('open', ELECTORATE.voters)).round.snapshot;
  await cast('open', 'v1');
  await open('closed', ELECTORATE.voters);
  for (const id of ['v1', 'v2']) await cast('closed', id);
  await open('delegated', [{ ...voter('w1'), delegate_to: 'w2' }, voter('w2')], { algorithm: 'delegated_authority' });
  await done('/v1/channels/ops', { method: 'PUT', json: { ...CHANNEL, groups: ['nobody'] } });
  await done('/v1/actions', { tenant: 'b', as: 'buyer', json: { ...ORDER, id: 'theirs' } });
  await settled(host);
  await written();
}, 60_000);

afterAll(() => host.stop());

let number = 0;

describe.each(Object.entries(TABLE))('%s', (_, rows) => {
  // Five of each: where one is missing, Jest waits for a callback.
  test.each(
    rows.map(([name, attack, status, type, receipt]) => [name, attack, status, type, receipt === RECEIPT] as const),
  )('%s', async (__, attack, expected, type, leavesReceipt) => {
    const { as, to, text: body, tenant = 'a', ...sent } = attack();
    const principal = as.replace('*', String((number += 1)));
    const path = to.replace('/actions/gate/', `/actions/${scene['gate id']}/`);
    const method = sent.method ?? 'POST';
    const headers = { ...sent.headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const reply =
      body === undefined
        ? await call(host, path, { ...sent, method, tenant, as: principal, headers })
        : await raw(path, principal, body);
    expect({ status: reply.status, type: reply.body?.type, text: reply.text }).toEqual({
      status: expected,
      type: `https://formicary.dev/problems/${type}`,
      text: expect.anything(),
    });
    expect(check(method, path, reply)).toEqual([]);
    expect(reply.text).not.toMatch(/\n\s+at |node_modules|\.[jt]s:\d|sqlite/i);
    const receipts = (await written()).flatMap(({ stream, events }) =>
      events.map(({ type: event, data }) => ({ category: stream.split('/')[1], event, data })),
    );
    const denied = {
      category: 'denial',
      event: 'CommandDenied',
      data: expect.objectContaining({ principal, reasons: [expect.stringMatching(`^${type}: `)] }),
    };
    expect(receipts).toEqual(leavesReceipt ? [denied] : []);
    expect(JSON.stringify(receipts)).not.toMatch(/whsec_|:secret@|token=|hooks\.slack/);
  });
});

/** A body that is no JSON, or that JSON.stringify would not write. */
async function raw(path: string, as: string, body: string): Promise<Reply> {
  const response = await fetch(host.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-formicary-tenant': 'a', 'x-formicary-principal': as },
    body,
  });
  const said = await response.text();
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text: said,
    body: JSON.parse(said) as unknown,
  };
}

const code = ({ body }: Reply): string => String(body.type).replace('https://formicary.dev/problems/', '');

test('an action with another hash is not taken: it goes back to people', async () => {
  const reply = await call(host, '/v1/actions/altered/execute', {
    tenant: 'a',
    as: 'buyer',
    json: { hash: 'f'.repeat(64), result: 'done' },
  });
  expect([reply.status, code(reply)]).toEqual([409, 'action-returned']);
  expect(await done('/v1/actions/altered')).toMatchObject({ status: 'held', held: { for: 'approval' } });
  expect(await done(`/v1/approvals/${scene['altered approval']}`)).toMatchObject({ status: 'waiting', given: [] });
  const again = await call(host, '/v1/actions/altered/execute', {
    tenant: 'a',
    as: 'buyer',
    json: { hash: hash('altered') },
  });
  expect(code(again)).toBe('action-not-cleared');
});

test('in one go goes only what changes little', async () => {
  const all = ['low', 'high', 'critical'].map((id) => ({ id: scene[`${id} approval`], hash: hash(id) }));
  const bulk = async (as: string, json: Record<string, unknown>) => {
    const answers = items<{ problem: { type: string } }>(
      await call(host, '/v1/approvals/bulk', { tenant: 'a', as, json: { ...json, reason: 'x' } }),
    );
    return answers.map(({ problem }) => problem.type.split('/').at(-1));
  };
  expect(await bulk('mallory-bulk', { decision: 'approve', items: all })).toEqual([
    'not-an-approver',
    'not-an-approver',
    'not-an-approver',
  ]);
  expect(
    await bulk('human:bulk', { decision: 'reject', items: [...all.slice(1), { id: 'none', hash: hash('low') }] }),
  ).toEqual(['bulk-only-for-low-impact', 'bulk-only-for-low-impact', 'approval-not-found']);
});

describe('all at once', () => {
  test('twenty people claim: one has it', async () => {
    const replies = await Promise.all(
      many(20, (i) => call(host, approval('raced', 'claim'), { tenant: 'a', as: `human:claims-${i}`, json: {} })),
    );
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
    for (const reply of replies) if (reply.status !== 200) expect(code(reply)).toBe('claimed-by-another');
    const { claim } = await done(`/v1/approvals/${scene['raced approval']}`);
    await done(approval('raced', 'release'), { as: claim.by, json: {} });
  });

  test('yes and no: one of them holds, and the action follows it', async () => {
    const replies = await Promise.all(
      many(20, (i) =>
        call(host, approval('raced', i % 2 === 0 ? 'approve' : 'reject'), {
          tenant: 'a',
          as: `human:decides-${i}`,
          json: { hash: hash('raced'), reason: 'x' },
        }),
      ),
    );
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
    for (const reply of replies) if (reply.status !== 200) expect(code(reply)).toBe('already-decided');
    const { outcome } = await done(`/v1/approvals/${scene['raced approval']}`);
    await eventually(async () => (await status('raced')) === (outcome === 'approved' ? 'cleared' : 'refused'));
  });

  test('one action is taken once', async () => {
    const replies = await Promise.all(
      many(20, (i) =>
        call(host, '/v1/actions/cleared/execute', {
          tenant: 'a',
          as: 'buyer',
          json: { hash: hash('cleared'), result: i },
        }),
      ),
    );
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
    for (const reply of replies) if (reply.status !== 200) expect(code(reply)).toBe('action-already-executed');
  });

  test('one voter has one vote', async () => {
    const replies = await Promise.all(many(20, (i) => cast('open', 'v2', i % 2 === 0 ? 'approve' : 'reject')));
    const ballots = (await done('/v1/rounds/open')).ballots as { voter: string; choice: string; ballot: number }[];
    const mine = ballots.filter(({ voter: id }) => id === 'v2');
    expect(mine).toMatchObject([{ ballot: 1 }]);
    // The same vote again is the same vote; any other comes too late.
    for (const [i, reply] of replies.entries()) {
      const same = (i % 2 === 0 ? 'approve' : 'reject') === mine[0]?.choice;
      expect(same ? [reply.status] : [reply.status, code(reply)]).toEqual(
        same ? [200] : [409, expect.stringMatching(/^(already-voted|round-closed)$/)],
      );
    }
  });
});

describe('a round of one’s own', () => {
  const rigged = async (as: string, headers: Record<string, string>, choices: readonly string[]) => {
    const opened = await done('/v1/rounds', {
      as,
      headers,
      json: { ...QUESTION, choices, electorate: { ...ELECTORATE, voters: [voter(as)] } },
    });
    const { id } = opened.round as { id: string };
    await cast(id, as, choices[0]);
    expect((await done(`/v1/rounds/${id}`)).outcome).toMatchObject({ outcome: 'agreed', choice: choices[0] });
  };

  test('in the place where the gate will ask agents clears nothing', async () => {
    await configure('watched.order', { round: { ...ELECTORATE, when: 'always', round_seconds: 3_600 } });
    const squatted = await call(host, '/v1/rounds', {
      tenant: 'a',
      as: 'rigger',
      json: { ...QUESTION, id: derivedSystemId('a', 'round', 'a/action/rigged'), electorate: ELECTORATE },
    });
    expect([squatted.status, code(squatted)]).toEqual([422, 'id-reserved']);
    // What the id was made from, as a key: another name space.
    await rigged('round', { 'idempotency-key': 'a/action/rigged' }, ['approve', 'reject']);
    const proposed = await call(host, '/v1/actions', {
      tenant: 'a',
      as: 'rigger',
      json: { ...ORDER, kind: 'watched.order', id: 'rigged' },
    });
    expect(proposed.status).toBe(201);
    await settled(host);
    expect(await done('/v1/actions/rigged')).toMatchObject({
      status: 'held',
      held: { for: 'round', ref: `a/round/${derivedSystemId('a', 'round', 'a/action/rigged')}@0` },
    });
  });

  test('in the place where a challenge will be decided upholds nothing', async () => {
    await rigged('doubter', { 'idempotency-key': 'a/action/done@0' }, ['uphold', 'dismiss']);
    for (const id of ['judge-1', 'judge-2', 'doubter'])
      await done('/v1/agents', { as: id, json: { agent_type: 'judge', limits: { presence_seconds: 3_600 } } });
    await settled(host);
    const challenged = await call(host, '/v1/challenges', {
      tenant: 'a',
      as: 'doubter',
      json: { target: 'a/action/done@0', reason: 'x' },
    });
    expect(challenged.status).toBe(201);
    await settled(host);
    const action = await done('/v1/actions/done');
    expect(action).toMatchObject({ status: 'executed', challenge: { by: 'doubter' } });
    expect(action).not.toHaveProperty('compensation');
  });
});

test('after all of it everything still stands, and nothing failed inside', async () => {
  for (const id of ['low', 'high', 'own', 'claimed', 'edited', 'critical']) expect(await status(id)).toBe('held');
  expect(await done('/v1/tasks/held')).toMatchObject({ status: 'held' });
  expect(await status('watched')).toBe('veto_window');
  expect(await done('/v1/channels/ops')).toMatchObject({ address: CHANNEL.address });
  expect(host.output()).not.toMatch(/"level":("error"|50|60)/);
  const { body } = await call(host, '/v1/status');
  for (const consumer of body.feed) expect(consumer).toMatchObject({ parked: 0 });
});
