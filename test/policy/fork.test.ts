/** What would have been otherwise is what the rules say of the log, what followed from it is gone or not known. */
import { OpaLoader } from '../../adapters/opa/loader';
import type { RequestContext } from '../../app/engine/command';
import { type Commit, seal } from '../../domain/kernel/commit';
import type { Event } from '../../domain/kernel/decider';
import { commitRef } from '../../domain/kernel/ids';
import { plusSeconds, type Time } from '../../domain/kernel/time';
import { type Change, Fork, type ForkCount, type ForkResult } from '../../domain/policy/fork';
import { shippedBundles } from '../../host/policy';
import { voter } from '../http/hostile/attacks';
import { HASH, requested } from '../oversight/approval-life';
import { as, profile, spec, Stage, taskOf, TENANT } from '../support/stage';
import { bundleWith } from './bundles';

const forked = (commits: readonly Commit[], change: Change, from: Time) => {
  const fork = new Fork(change, from);
  for (const commit of commits) fork.next(commit);
  return fork.result();
};
const countOf = (result: ReturnType<typeof forked>, kind: ForkCount['kind']) =>
  (result as ForkResult).counts.find((count) => count.kind === kind);

describe('another policy', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = new Stage({ bundles: await shippedBundles() });
    await (await stage.start()).colony.balance.stop();
    await stage.settled();
  });
  afterEach(() => stage.end());

  const post = async (id: string) => {
    await stage.colony.tasks.post(as('poster', undefined, 'service'), id, spec());
    await stage.settled();
  };
  const complete = async (id: string, cost?: number) => {
    const { holder } = (await stage.colony.tasks.load(TENANT, id)).state;
    const claim = { agent: 'ann', award: holder?.award as number };
    await stage.colony.tasks.accept(as('ann'), id, claim);
    expect(await stage.colony.tasks.complete(as('ann'), id, { ...claim, cost }, {})).toMatchObject({ ok: true });
    await stage.settled();
  };
  const world = async () => {
    await stage.colony.agents.register(as('ann'), 'ann', profile({ presence_seconds: 86_400, capacity: 5 }));
    await stage.settled();
    await post('before');
    stage.clock.time += 5_000;
    const from = stage.now;
    await post('after');
    await complete('before');
    await complete('after');
    return from;
  };
  const bundle = async (levels: Parameters<typeof bundleWith>[0]) => ({
    kind: 'policy' as const,
    bundle: await new OpaLoader().load(await bundleWith(levels)),
  });

  test('refuses from then on; what that had set in motion is gone, and nothing of before', async () => {
    const from = await world();
    const before = stage.log().length;
    const result = forked(stage.log(), await bundle({ 'task.post': 'critical' }), from);
    expect(result).toMatchObject({
      otherwise: 1,
      not_asked: 0,
      examples: [{ receipt: commitRef(taskOf('after'), 0), action: 'task.post', was: 'allow', would_be: 'deny' }],
    });
    expect(countOf(result, 'tasks')).toEqual({ kind: 'tasks', log: 1, gone: 1, unknown: 0, added: 0 });
    // The award of the first task lies before.
    expect(countOf(result, 'awards')).toMatchObject({ log: 1, gone: 1 });
    expect(countOf(result, 'completions')).toMatchObject({ log: 2, gone: 1, unknown: 0 });
    expect(countOf(result, 'refusals')).toMatchObject({ log: 0, added: 1 });
    // The agent's slots would have been others: what came of them may be the same.
    expect((result as ForkResult).unknown).toBeGreaterThan(0);
    // A fork does nothing.
    expect(stage.log()).toHaveLength(before);
  });

  test('says what would not have been spent: as settled where there is a budget, else as said', async () => {
    await stage.colony.agents.register(as('ann'), 'ann', profile({ presence_seconds: 86_400, capacity: 5 }));
    await stage.settled();
    stage.clock.time += 5_000;
    const from = stage.now;
    await post('said');
    await complete('said', 700);
    await post('unsaid');
    await complete('unsaid');
    const person: RequestContext = {
      principal: { tenant: TENANT, id: 'human:bea', kind: 'human', level: 'critical', groups: ['administrators'] },
    };
    const limit = { limit: 1_000_000, period: 'total' } as const;
    const set = await stage.colony.budgets.set(person, { kind: 'tenant', name: TENANT }, limit, 'r');
    expect(set).toMatchObject({ ok: true });
    await stage.colony.tasks.post(
      as('poster', undefined, 'service'),
      'budgeted',
      spec({ estimated_cost_micro_usd: 50 }),
    );
    await stage.settled();
    await complete('budgeted');
    expect(forked(stage.log(), await bundle({}), from)).toMatchObject({ costs: { log: 750, gone: 0, unknown: 0 } });
    const without = forked(stage.log(), await bundle({ 'task.post': 'critical' }), from);
    expect(without).toMatchObject({ costs: { log: 750, gone: 750, unknown: 0 } });
  });

  test('that says the same changes nothing', async () => {
    const from = await world();
    const result = forked(stage.log(), await bundle({}), from);
    expect(result).toMatchObject({ otherwise: 0, gone: 0, unknown: 0, examples: [] });
  });

  test('allows what was refused: it would have come in addition, and what would have followed is nobody’s guess', async () => {
    const from = stage.now;
    const guest: RequestContext = { principal: { tenant: TENANT, id: 'guest', kind: 'agent', level: 'read_only' } };
    expect(await stage.colony.tasks.post(guest, 't1', spec())).toMatchObject({ ok: false });
    const result = forked(stage.log(), await bundle({ 'task.post': 'read_only' }), from);
    expect(result).toMatchObject({ otherwise: 1, gone: 0, examples: [{ was: 'deny', would_be: 'allow' }] });
    expect(countOf(result, 'refusals')).toMatchObject({ log: 1, gone: 1, added: 0 });
  });
});

describe('another vote', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = new Stage();
    await stage.start();
    const electorate = {
      algorithm: 'weighted_voting',
      voters: [voter('v1'), voter('v2'), voter('v3')].map((one, i) => ({ ...one, weight: i + 1 })),
      min_agreement: 0.6,
      quorum: 0.67,
    } as const;
    await stage.colony.rounds.open(as('asker'), 'r', {
      question: 'x?',
      kind: 'x',
      impact: 'low',
      choices: ['approve', 'reject'],
      round_seconds: 60,
      improvement_rounds: 0,
      allow_change: false,
      electorate,
    });
    for (const [id, choice] of [
      ['v1', 'approve'],
      ['v2', 'reject'],
      ['v3', 'approve'],
    ] as const) {
      const { state } = await stage.colony.rounds.load(TENANT, 'r');
      const cast = { voter: id, choice, confidence: 1, reasoning: 'x', snapshot: state.electorate_hash, pass: 1 };
      expect(await stage.colony.rounds.vote(as(id), 'r', cast)).toMatchObject({ ok: true });
    }
    await stage.pass(90);
  });
  afterEach(() => stage.end());

  const round = `${TENANT}/round/r`;
  const from = '2026-01-01T00:00:00.000Z';
  const voteOf = (id: string) =>
    stage
      .stream(round)
      .find(({ events }) => (events as Event<string, { voter?: string }>[]).some(({ data }) => data.voter === id));
  const refOf = (id: string) => commitRef(round, voteOf(id)?.index as number);

  test('counts again with it', () => {
    expect(stage.stream(round).flatMap(({ events }) => events)).toContainEqual(
      expect.objectContaining({
        type: 'RoundClosed',
        data: expect.objectContaining({ outcome: 'agreed', choice: 'approve' }),
      }),
    );
    // 4 of 6 for it; without the first 3 of 6, without the third 1 of 6.
    expect(forked(stage.log(), { kind: 'vote', receipt: refOf('v1'), choice: 'reject' }, from)).toMatchObject({
      otherwise: 1,
      examples: [{ was: 'agreed: approve', would_be: 'no agreement' }],
    });
    const other = forked(stage.log(), { kind: 'vote', receipt: refOf('v3'), choice: 'reject' }, from);
    expect(other).toMatchObject({ examples: [{ was: 'agreed: approve', would_be: 'agreed: reject' }] });
    expect(forked(stage.log(), { kind: 'vote', receipt: refOf('v2'), choice: 'approve' }, from)).toMatchObject({
      otherwise: 0,
    });
  });

  test('or with another weight', () => {
    const weight = (id: string, of: number) =>
      forked(stage.log(), { kind: 'weight', round, voter: id, weight: of }, from);
    expect(weight('v2', 40)).toMatchObject({ examples: [{ was: 'agreed: approve', would_be: 'agreed: reject' }] });
    expect(weight('v3', 30)).toMatchObject({ otherwise: 0 });
    expect(weight('v9', 1)).toEqual({ fault: `v9 is no voter of ${round}` });
  });

  test('of what is no vote is none', () => {
    expect(forked(stage.log(), { kind: 'vote', receipt: commitRef(round, 0), choice: 'x' }, from)).toHaveProperty(
      'fault',
    );
    expect(forked(stage.log(), { kind: 'vote', receipt: 'acme/round/none@1', choice: 'x' }, from)).toHaveProperty(
      'fault',
    );
    expect(forked(stage.log(), { kind: 'weight', round: taskOf('t'), voter: 'x', weight: 1 }, from)).toHaveProperty(
      'fault',
    );
  });
});

describe('another answer of an approver', () => {
  const stream = `${TENANT}/approval/a1`;
  const begin = '2026-11-21T10:00:00.000Z';
  /** A commit for each list of events, the last caused by the one before it. */
  const logOf = (...lists: readonly (readonly Event[])[]): Commit[] =>
    lists.map((events, index) => {
      const isEffect = index === lists.length - 1;
      return seal({
        stream: isEffect ? `${TENANT}/action/x1` : stream,
        index: isEffect ? 0 : index,
        events,
        previousHash: null,
        at: plusSeconds(begin, index),
        meta: {
          actor: { id: 'eve', kind: 'human' },
          action: 'approval.approve',
          correlationId: 'c',
          causationId: isEffect ? commitRef(stream, index - 1) : undefined,
          depth: 0,
          id: `i${index}`,
          policy: { bundle: 'b', input: 'i', decision: 'allow' },
        },
      }).commit;
    });
  const given = (by: string): Event => ({ type: 'ApprovalGiven', v: 1, data: { by, reason: 'x', hash: HASH } });
  const closed = (outcome: string): Event => ({ type: 'ApprovalClosed', v: 1, data: { outcome, hash: HASH } });
  const rejected: Event = { type: 'ApprovalRejected', v: 1, data: { by: 'eve', reason: 'x' } };
  const executed: Event = { type: 'ActionExecuted', v: 1, data: {} };
  const answer = (commits: readonly Commit[], index: number, other: 'approve' | 'reject') =>
    forked(commits, { kind: 'approval', receipt: commitRef(stream, index), answer: other }, begin);

  test('refuses what was approved, and what followed is gone', () => {
    const log = logOf([requested()], [given('eve'), closed('approved')], [executed]);
    const result = answer(log, 1, 'reject');
    expect(result).toMatchObject({ otherwise: 1, examples: [{ was: 'approved', would_be: 'rejected' }] });
    expect(countOf(result, 'actions')).toMatchObject({ log: 1, gone: 1 });
    expect(answer(log, 1, 'approve')).toMatchObject({ otherwise: 0, gone: 0 });
  });

  test('approves what was rejected, as far as one answer does', () => {
    const log = logOf([requested()], [rejected, closed('rejected')], [executed]);
    expect(answer(log, 1, 'approve')).toMatchObject({ examples: [{ was: 'rejected', would_be: 'approved' }] });
    const two = logOf(
      [requested({ impact: 'critical', risk: 1 }, { approvals_needed: 2 })],
      [rejected, closed('rejected')],
      [executed],
    );
    expect(answer(two, 1, 'approve')).toMatchObject({ examples: [{ would_be: 'waiting for another approver' }] });
    expect(answer(log, 0, 'approve')).toEqual({ fault: `${commitRef(stream, 0)} is no answer of an approver` });
  });
});
