/** Actions at the gate and questions to agents and people, in a whole colony. */
import type { RequestContext } from '../../app/engine/command';
import type { ProposalInput } from '../../app/oversight/actions';
import type { Commit } from '../../domain/kernel/commit';
import { commitRef } from '../../domain/kernel/ids';
import { toTime } from '../../domain/kernel/time';
import { actionStream } from '../../domain/oversight/action';
import { DEFAULT_RULES, type OversightRules } from '../../domain/oversight/oversight';
import { roundDecider, roundStream } from '../../domain/oversight/round';
import { QUESTION, types } from '../support/stage';
import {
  action,
  agent,
  colony,
  configure,
  order,
  person,
  propose,
  queue,
  spokenFor,
  stage,
  TENANT,
  vote,
} from './decision-stage';

const voters = (n: number) =>
  Array.from({ length: n }, (_, i) => ({ id: `voter-${i}`, why: 'asked by name', weight: 1 }));

const voting: OversightRules['round'] = {
  when: 'always',
  algorithm: 'simple_majority',
  voters: voters(5),
  min_agreement: 0.75,
  quorum: 0.6,
  round_seconds: 60,
  improvement_rounds: 0,
};

/** Makes the kind known, so that nothing is novel. */
const known = async () => {
  await configure({ thresholds: { ...DEFAULT_RULES.thresholds, novelty: 1 } });
};

const openRound = async () => (await colony.rounds.list(TENANT, { status: 'open' }, 10)).docs[0]?.id as string;

describe('an action at the gate', () => {
  test('nothing of its kind is known: a person is asked, approves, and the agent takes it once', async () => {
    await configure({});
    expect((await propose()).status).toBe('held');
    const [waiting] = await queue();
    expect(waiting).toMatchObject({ kind: 'erp.order', requester: 'buyer', status: 'waiting' });
    const approved = await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
      hash: waiting?.hash as string,
      reason: 'fine',
    });
    expect(approved).toMatchObject({ ok: true });
    await stage.settled();
    expect(await action()).toMatchObject({ status: 'cleared', cleared: { by: 'approval' } });
    const { hash } = await action();
    expect(await colony.actions.execute(agent('buyer'), 'a1', { hash })).toMatchObject({
      ok: true,
      state: { status: 'executed' },
    });
    expect(await colony.actions.execute(agent('thief'), 'a1', { hash })).toMatchObject({
      ok: false,
      rejection: { code: 'not-the-proposer' },
    });
    // Now one like it is known: the next needs nobody.
    await stage.settled();
    expect((await propose({}, 'a2')).status).toBe('cleared');
  });

  test('who speaks for the agent that proposed it does not approve it', async () => {
    await configure({});
    const outcome = await colony.actions.propose(spokenFor('buyer', 'human:pia'), 'a1', order());
    expect(outcome).toMatchObject({ ok: true });
    await stage.settled();
    const [waiting] = await queue();
    const decide = (by: string) =>
      colony.approvals.approve(person(by), waiting?.id as string, { hash: waiting?.hash as string, reason: 'fine' });
    expect(await decide('human:pia')).toMatchObject({ ok: false, rejection: { code: 'requester-may-not-decide' } });
    expect(await decide('human:ada')).toMatchObject({ ok: true });
  });

  test('nobody decides: the groups are asked one after the other, then the safe default falls', async () => {
    await configure({});
    await propose();
    await stage.pass(3_600, undefined, 600);
    expect((await queue())[0]).toMatchObject({ level: 1 });
    await stage.pass(3_700, undefined, 600);
    expect(await action()).toMatchObject({ status: 'refused', stopped: { by: 'safe-default' } });
  });

  test('the agents vote first; their agreement clears what the rules leave to them', async () => {
    await known();
    await propose({ impact: 'low' });
    const [waiting] = await queue();
    await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
      hash: waiting?.hash as string,
      reason: 'known now',
    });
    await stage.settled();
    await colony.actions.execute(agent('buyer'), 'a1', { hash: (await action()).hash });
    await stage.settled();
    await configure({ round: voting });
    expect((await propose({}, 'a2')).status).toBe('held');
    const round = await openRound();
    for (const id of ['voter-0', 'voter-1', 'voter-2'])
      expect(await vote(round, id, 'approve')).toMatchObject({ ok: true });
    await stage.settled();
    expect(await action('a2')).toMatchObject({ status: 'cleared', cleared: { by: 'round' } });
    expect(await colony.rounds.recompute(TENANT, round)).toMatchObject({ agrees: true, faults: [] });
  });

  test('what follows from their vote stands under the receipt of its end, though an earlier vote is heard of later', async () => {
    await known();
    await configure({ round: voting });
    await propose({}, 'a2');
    const round = await openRound();
    for (const id of ['voter-0', 'voter-1', 'voter-2']) await vote(round, id, 'approve');
    const commits = stage.stream(roundStream(TENANT, round));
    expect(types(commits.slice(-1))).toContain('RoundClosed');
    await colony.decisions.handle(commits.slice(0, 2));
    await stage.settled();
    const [after] = stage.stream(actionStream(TENANT, 'a2')).slice(-1);
    expect(after?.meta.causationId).toBe(commitRef(roundStream(TENANT, round), (commits.at(-1) as Commit).index));
  });

  test('refused by a person while they vote, their round is over: nobody is asked any more', async () => {
    await known();
    await configure({ round: voting });
    await propose({}, 'a2');
    const round = await openRound();
    await colony.actions.override(person('human:bob'), 'a2', 'refuse', 'nobody needs it');
    await stage.settled();
    expect((await action('a2')).status).toBe('refused');
    expect((await colony.rounds.load(TENANT, round)).state).toMatchObject({
      status: 'cancelled',
      cancellation: { by: 'oversight' },
    });
    expect(await vote(round, 'voter-0', 'approve')).toMatchObject({ ok: false });
  });

  test('who may vote is fixed when the round opens: a voter that is gone counts as one that did not vote', async () => {
    await configure({ round: voting });
    for (const { id } of voters(5))
      await colony.agents.register(agent(id), id, {
        agent_type: 'voter',
        pool: 'voters',
        capabilities: {},
        capacity: 1,
        presence_seconds: 600,
        offer: null,
      });
    await propose();
    const round = await openRound();
    for (const id of ['voter-2', 'voter-3', 'voter-4']) await colony.agents.deregister(agent(id), id, 'replaced');
    for (const id of ['voter-0', 'voter-1']) expect(await vote(round, id, 'approve')).toMatchObject({ ok: true });
    await stage.pass(61);
    const { outcome } = (await colony.rounds.load(TENANT, round)).state;
    // Two of five are less than the three that are needed, and all of the two that are left.
    expect(outcome).toMatchObject({ outcome: 'no_quorum' });
  });

  test('a forged vote and a late one are refused, with receipts', async () => {
    await configure({ round: voting });
    await propose();
    const round = await openRound();
    const { state } = await colony.rounds.load(TENANT, round);
    const forged = await colony.rounds.vote(agent('mallory'), round, {
      voter: 'voter-0',
      choice: 'approve',
      confidence: 1,
      reasoning: 'x',
      snapshot: state.electorate_hash,
      pass: 1,
    });
    expect(forged).toMatchObject({ ok: false, rejection: { code: 'vote-for-another' } });
    stage.clock.time += 61_000;
    expect(await vote(round, 'voter-0', 'approve')).toMatchObject({ ok: false, rejection: { code: 'vote-late' } });
    const denied = stage.log().filter(({ events }) => events.some(({ type }) => type === 'CommandDenied'));
    expect(denied).toHaveLength(2);
  });

  test('an edited action goes back to the agent with another hash; the old one is not taken', async () => {
    await configure({});
    await propose();
    const [waiting] = await queue();
    const before = (await action()).hash;
    expect(
      await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
        hash: before,
        reason: 'fewer',
        edit: { item: 'bolts', amount: 10 },
      }),
    ).toMatchObject({ ok: true });
    await stage.settled();
    const after = await action();
    expect(after).toMatchObject({ status: 'cleared', proposal: { action: { item: 'bolts', amount: 10 } } });
    expect(await colony.actions.execute(agent('buyer'), 'a1', { hash: before })).toMatchObject({
      ok: false,
      rejection: { code: 'action-returned' },
    });
    await stage.settled();
    expect((await queue())[0]).toMatchObject({ id: waiting?.id, status: 'waiting' });
  });

  test('a veto window: a person stops it, or it goes on when the window is over', async () => {
    await configure({});
    await propose();
    const [waiting] = await queue();
    await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
      hash: waiting?.hash as string,
      reason: 'known now',
    });
    await stage.settled();
    await colony.actions.execute(agent('buyer'), 'a1', { hash: (await action()).hash });
    await stage.settled();
    await configure({ mode: 'human_on_the_loop', veto_seconds: 30 });
    expect((await propose({}, 'a2')).status).toBe('veto_window');
    expect((await propose({}, 'a3')).status).toBe('veto_window');
    expect(await colony.actions.veto(person('human:ada'), 'a2', 'not now')).toMatchObject({
      ok: true,
      state: { status: 'vetoed' },
    });
    await stage.pass(40);
    expect([(await action('a2')).status, (await action('a3')).status]).toEqual(['vetoed', 'cleared']);
  });

  test('a postponed action is asked about again', async () => {
    await configure({ safe_default: 'postpone', approvers: [{ group: 'approvers', members: [], seconds: 60 }] });
    await propose();
    await stage.pass(70);
    expect(await action()).toMatchObject({ status: 'held' });
    const [waiting] = await queue();
    expect(
      await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
        hash: waiting?.hash as string,
        reason: 'late, but yes',
      }),
    ).toMatchObject({ ok: true });
    await stage.settled();
    expect((await action()).status).toBe('cleared');
  });

  test('an override refuses what was cleared, and what was done is to be undone', async () => {
    await configure({});
    await propose();
    const [waiting] = await queue();
    await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
      hash: waiting?.hash as string,
      reason: 'yes',
    });
    await stage.settled();
    await colony.actions.execute(agent('buyer'), 'a1', { hash: (await action()).hash });
    expect(await colony.actions.override(person('human:bob'), 'a1', 'refuse', 'a mistake')).toMatchObject({
      ok: true,
      state: { compensation: { due: true } },
    });
  });
});

describe('people and agents at the same moment', () => {
  /** Something of the kind was done before, so that the agents' vote alone would be enough. */
  beforeEach(async () => {
    await configure({});
    await propose({}, 'known');
    const [waiting] = await queue();
    await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
      hash: waiting?.hash as string,
      reason: 'known now',
    });
    await stage.settled();
    await colony.actions.execute(agent('buyer'), 'known', { hash: (await action('known')).hash });
    await configure({ round: { ...voting, voters: voters(3) } });
    await stage.settled();
  });

  const proposed = async (by: RequestContext, changes: Partial<ProposalInput> = {}) => {
    expect(await colony.actions.propose(by, 'a1', order(changes))).toMatchObject({
      ok: true,
      state: { status: 'held' },
    });
    await stage.settled();
    return await openRound();
  };
  /** Votes and overrides that wait for each other go out in one append. */
  const burst = async (round: string, choice: string, ...overrides: readonly (readonly [string, string])[]) => {
    const { state } = await colony.rounds.load(TENANT, round);
    const ballot = { choice, confidence: 0.9, reasoning: 'because', snapshot: state.electorate_hash, pass: state.pass };
    const votes = voters(3).map(({ id: voter }) => colony.rounds.vote(agent(voter), round, { ...ballot, voter }));
    // Votes look at their round first: what comes a moment later is behind them in the queue, and nothing is written
    // yet.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(stage.fold(roundDecider, `${TENANT}/round/${round}`).state.status).toBe('open');
    const answers = await Promise.all([
      ...votes,
      ...overrides.map(([by, instead]) => colony.rounds.override(person(by), round, instead, `says ${by}`)),
    ]);
    await stage.settled();
    return answers.slice(3);
  };

  test('who proposed it does not override the agents, however early', async () => {
    const round = await proposed(person('human:buyer'));
    expect(await burst(round, 'reject', ['human:buyer', 'approve'])).toMatchObject([
      { ok: false, rejection: { code: 'requester-may-not-decide' } },
    ]);
    expect(await action()).toMatchObject({ status: 'refused', stopped: { by: 'round' } });
    expect(await colony.actions.execute(person('human:buyer'), 'a1', { hash: (await action()).hash })).toMatchObject({
      ok: false,
      rejection: { code: 'action-refused' },
    });
  });

  test('another person does, in that person’s name, and not as the agents’ score', async () => {
    const round = await proposed(agent('buyer'));
    expect(await burst(round, 'reject', ['human:ada', 'approve'])).toMatchObject([{ ok: true }]);
    const { status, cleared, override } = await action();
    expect({ status, cleared: cleared?.by, by: override?.by }).toEqual({
      status: 'cleared',
      cleared: 'override',
      by: 'human:ada',
    });
  });

  test('the last of several stands, and all are seen in order', async () => {
    const round = await proposed(agent('buyer'));
    expect(
      await burst(round, 'approve', ['human:ada', 'reject'], ['human:bea', 'approve'], ['human:cal', 'reject']),
    ).toMatchObject([{ ok: true }, { ok: true }, { ok: true }]);
    const { state } = await colony.rounds.load(TENANT, round);
    expect(state.overrides.map(({ by, choice }) => `${by}: ${choice}`)).toEqual([
      'human:ada: reject',
      'human:bea: approve',
      'human:cal: reject',
    ]);
    expect(await action()).toMatchObject({ status: 'refused', stopped: { by: 'human:cal' } });
  });

  test('what is critical takes two of them', async () => {
    const round = await proposed(agent('buyer'), { impact: 'critical' });
    expect(await burst(round, 'reject', ['human:ada', 'approve'])).toMatchObject([{ ok: true }]);
    expect((await colony.rounds.load(TENANT, round)).state).toMatchObject({
      override: undefined,
      override_asked: [{ by: 'human:ada', choice: 'approve' }],
    });
    expect((await action()).status).toBe('refused');
    expect(await colony.rounds.override(person('human:bea'), round, 'approve', 'I agree')).toMatchObject({ ok: true });
    await stage.settled();
    expect(await action()).toMatchObject({ status: 'cleared', override: { by: 'human:bea', with: ['human:ada'] } });
  });

  test('what a person says of the action after that is not taken back by what comes again', async () => {
    const round = await proposed(agent('buyer'));
    await burst(round, 'reject', ['human:ada', 'approve']);
    expect(await colony.actions.override(person('human:bea'), 'a1', 'refuse', 'stop')).toMatchObject({ ok: true });
    await colony.decisions.handle(stage.log());
    await stage.settled();
    expect(await action()).toMatchObject({
      status: 'refused',
      overrides: [
        { by: 'human:ada', instead: 'allow' },
        { by: 'human:bea', instead: 'refuse' },
      ],
    });
  });
});

describe('a question that agents could not settle', () => {
  const question = {
    question: 'Which supplier?',
    kind: 'supplier',
    impact: 'medium',
    choices: ['north', 'south'],
    round_seconds: 60,
    improvement_rounds: 0,
    allow_change: false,
  } as const;
  const electorate = { algorithm: 'simple_majority' as const, voters: voters(2), min_agreement: 0.75, quorum: 0.6 };
  const outcome = async () => (await colony.rounds.load(TENANT, 'r')).state;
  /** Divided, so people are asked. */
  const divided = async (changes: object = {}, by = person('human:asker')) => {
    expect(await colony.rounds.open(by, 'r', { ...question, electorate, ...changes })).toMatchObject({ ok: true });
    await vote('r', 'voter-0', 'north');
    await vote('r', 'voter-1', 'south');
    await stage.settled();
    const [asked] = await queue();
    return asked as NonNullable<typeof asked>;
  };
  const approve = (asked: { id: string; hash: string }, choice?: string, by = 'human:ada') =>
    colony.approvals.approve(person(by), asked.id, { hash: asked.hash, reason: 'so', choice });

  test('a tie: the list says so, and whoever approves says which', async () => {
    const asked = await divided();
    expect(asked).toMatchObject({ kind: 'round.outcome', choices: ['north', 'south'], leader: null });
    expect((await colony.rounds.list(TENANT, {}, 10)).docs).toMatchObject([{ id: 'r', tie: true }]);
    expect(await approve(asked)).toMatchObject({ ok: false, rejection: { code: 'choice-needed' } });
    expect(await approve(asked, 'north')).toMatchObject({ ok: true });
    await stage.settled();
    expect(await outcome()).toMatchObject({
      override: { choice: 'north', by: 'human:ada', approval: `${TENANT}/approval/${asked.id}@0` },
    });
    expect(await colony.rounds.recompute(TENANT, 'r')).toMatchObject({ agrees: true });
  });

  test('many who count it again at once have its receipts read once for all of them', async () => {
    await divided();
    let reads = 0;
    stage.mishaps = (port, method, [stream]) =>
      void (port === 'store' && method === 'read' && stream === `${TENANT}/round/r` && (reads += 1));
    const counted = await colony.rounds.recompute(TENANT, 'r');
    const once = reads;
    const all = await Promise.all(Array.from({ length: 20 }, () => colony.rounds.recompute(TENANT, 'r')));
    expect(once).toBeGreaterThan(0);
    expect(reads).toBe(2 * once);
    for (const each of all) expect(each).toEqual(counted);
    // What is over is kept for nobody: what is stored may have changed.
    await colony.rounds.recompute(TENANT, 'r');
    expect(reads).toBe(3 * once);
  });

  test('overridden, its approval is over at once, and says by whom', async () => {
    const asked = await divided();
    expect(await colony.rounds.override(person('human:bea'), 'r', 'south', 'cheaper')).toMatchObject({ ok: true });
    // Before anything has followed from it.
    expect(await approve(asked, 'north')).toMatchObject({ ok: false, rejection: { code: 'already-decided' } });
    await stage.settled();
    expect((await colony.approvals.load(TENANT, asked.id)).state).toMatchObject({
      status: 'closed',
      outcome: 'superseded',
      override: { by: 'human:bea', reason: 'overrode the round with south: cheaper' },
    });
    expect(await approve(asked, 'north')).toMatchObject({ ok: false, rejection: { code: 'already-decided' } });
    expect(await outcome()).toMatchObject({ override: { choice: 'south', by: 'human:bea' }, overrides: [{}] });
  });

  test('approved and overridden at the same moment: one of them stands for good, and both are seen', async () => {
    const asked = await divided();
    const answers = await Promise.all([
      approve(asked, 'north'),
      colony.rounds.override(person('human:bea'), 'r', 'south', 'cheaper'),
    ]);
    expect(answers).toMatchObject([{ ok: true }, { ok: true }]);
    await stage.settled();
    expect(await outcome()).toMatchObject({ override: { choice: 'south', by: 'human:bea' } });
    expect((await colony.approvals.load(TENANT, asked.id)).state).toMatchObject({
      outcome: 'approved',
      given: [{ by: 'human:ada', choice: 'north' }],
      override: { by: 'human:bea' },
    });
    const before = stage.log().length;
    await colony.decisions.handle(stage.log());
    await stage.settled();
    expect(stage.log()).toHaveLength(before);
  });

  test('who speaks for the agent that opened it settles it at no door', async () => {
    const asked = await divided({}, spokenFor('bot', 'human:pia'));
    expect(await approve(asked, 'north', 'human:pia')).toMatchObject({ ok: false, rejection: { kind: 'forbidden' } });
    expect(await colony.rounds.override(person('human:pia'), 'r', 'north', 'mine')).toMatchObject({
      ok: false,
      rejection: { kind: 'forbidden' },
    });
    expect(await approve(asked, 'north', 'human:ann')).toMatchObject({ ok: true });
  });

  test.each(['human:asker'])('%s, who opened it, settles it at no door', async (by) => {
    const asked = await divided();
    expect(await approve(asked, 'north', by)).toMatchObject({ ok: false, rejection: { kind: 'forbidden' } });
    expect(await colony.approvals.reject(person(by), asked.id, { hash: asked.hash, reason: 'no' })).toMatchObject({
      ok: false,
      rejection: { kind: 'forbidden' },
    });
    expect(await colony.approvals.claim(person(by), asked.id, 60)).toMatchObject({
      ok: false,
      rejection: { kind: 'forbidden' },
    });
    expect(await colony.rounds.override(person(by), 'r', 'north', 'mine')).toMatchObject({
      ok: false,
      rejection: { kind: 'forbidden' },
    });
  });
});

test('after a restart novelty is measured against the latest actions, however many there are', async () => {
  const row = (n: number) => ({
    id: `x${n}`,
    status: 'executed',
    kind: 'erp.order',
    features: { amount: n },
    executed_at: toTime(Date.UTC(2026, 0, 1) + n * 1_000),
  });
  const rows = Array.from({ length: 10_300 }, (_, n) => ({
    tenant: TENANT,
    key: 'all',
    source: `${TENANT}/action/x${String(n).padStart(6, '0')}`,
    index: 0,
    doc: row(n),
  }));
  for (let from = 0; from < rows.length; from += 1_000)
    await colony.ports.views.put(colony.views.serving('actions'), rows.slice(from, from + 1_000));
  await colony.actions.open();
  expect(colony.actions.history.novelty(TENANT, 'erp.order', { amount: 10_299 })).toMatchObject({
    distance: 0,
    nearest: `${TENANT}/action/x010299`,
  });
  expect(colony.actions.history.novelty(TENANT, 'erp.order', { amount: 9_000 }).distance).toBeGreaterThan(0.5);
});

test('what waits is found, of every tenant and over many pages; what is over is not', async () => {
  const waiting = async () => {
    const found: string[] = [];
    for await (const stream of colony.decisions.waiting()) found.push(stream);
    return found;
  };
  await configure({});
  await propose({}, 'done');
  const [asked] = await queue();
  expect(await waiting()).toEqual([`${TENANT}/approval/${asked?.id}`]);
  await colony.approvals.approve(person('human:ada'), asked?.id as string, {
    hash: asked?.hash as string,
    reason: 'yes',
  });
  await stage.settled();
  expect(await colony.actions.execute(agent('buyer'), 'done', { hash: (await action('done')).hash })).toMatchObject({
    ok: true,
  });
  await stage.settled();
  expect(await waiting()).toEqual([]);
  await configure({ mode: 'human_on_the_loop', veto_seconds: 30 });
  expect((await propose({}, 'watched')).status).toBe('veto_window');
  await propose({ impact: 'high' }, 'held');
  const { when: _, round_seconds: __, improvement_rounds: ___, ...electorate } = voting;
  await colony.rounds.open({ principal: { ...agent('asker').principal, tenant: 'other' } }, 'r', {
    ...QUESTION,
    electorate,
  });
  await stage.settled();
  const [waits] = await queue();
  expect(await waiting()).toEqual(['other/round/r', `${TENANT}/approval/${waits?.id}`, `${TENANT}/action/watched`]);
  const more = Array.from({ length: 1_001 }, (_, n) => ({
    tenant: TENANT,
    key: 'more',
    source: `${TENANT}/round/more-${n}`,
    index: 0,
    doc: { status: 'open' },
  }));
  await colony.ports.views.put(colony.views.serving('rounds'), more);
  expect((await waiting()).filter((stream) => stream.includes('/round/more-'))).toHaveLength(1_001);
});
