/** What a hostile agent or person may try at another time, or after a jump of the clock. */
import type { RequestContext } from '../../app/engine/command';
import { DEFAULT_RULES } from '../../domain/oversight/oversight';
import { voter } from '../http/hostile/attacks';
import { Stage } from '../support/stage';

describe('another time', () => {
  const agent = (id: string): RequestContext => ({
    principal: { tenant: 'acme', id, kind: 'agent', level: 'execute' },
  });
  const person = (id: string): RequestContext => ({
    principal: { tenant: 'acme', id, kind: 'human', level: 'critical', groups: ['approvers', 'administrators'] },
  });
  const round = {
    question: 'x?',
    kind: 'x',
    impact: 'low',
    choices: ['approve', 'reject'],
    round_seconds: 60,
    improvement_rounds: 0,
    allow_change: false,
    electorate: { algorithm: 'simple_majority', voters: ['v1', 'v2'].map(voter), min_agreement: 0.75, quorum: 0.67 },
  } as const;
  const order = {
    kind: 'erp.order',
    action: { amount: 1 },
    why: 'x',
    confidence: 1,
    impact: 'low',
    risk: 0,
    features: {},
  } as const;
  const ladder = DEFAULT_RULES.approvers.reduce((sum, { seconds }) => sum + seconds, 0) * 1_000;
  let stage: Stage;

  beforeEach(async () => {
    stage = new Stage();
    await stage.start();
  });
  afterEach(() => stage.end());

  const vote = async (id: string) => {
    const { state } = await stage.colony.rounds.load('acme', 'r');
    return await stage.colony.rounds.vote(agent(id), 'r', {
      voter: id,
      choice: 'approve',
      confidence: 1,
      reasoning: 'x',
      snapshot: state.electorate_hash,
      pass: 1,
    });
  };
  const denials = () =>
    stage
      .log()
      .flatMap(({ events }) => events)
      .filter(({ type }) => type === 'CommandDenied');

  test('a vote after the deadline is late, though no timer has fired', async () => {
    await stage.colony.rounds.open(agent('asker'), 'r', round);
    stage.clock.time += 60_000;
    expect(await vote('v1')).toMatchObject({ ok: false, rejection: { code: 'vote-late' } });
    expect(denials()).toHaveLength(1);
  });

  test('a clock that goes back opens nothing again', async () => {
    await stage.colony.rounds.open(agent('asker'), 'r', round);
    await vote('v1');
    await stage.pass(70);
    expect((await stage.colony.rounds.load('acme', 'r')).state.status).toBe('closed');
    stage.clock.time -= 3_600_000;
    expect(await vote('v2')).toMatchObject({ ok: false, rejection: { code: 'round-closed' } });
    await stage.fire();
    expect((await stage.colony.rounds.load('acme', 'r')).state).toMatchObject({
      status: 'closed',
      outcome: { outcome: 'no_quorum' },
    });
  });

  test('nobody approves after the time is up, whatever the clock does then', async () => {
    await stage.colony.actions.propose(agent('buyer'), 'a1', order);
    await stage.settled();
    const {
      docs: [waiting],
    } = await stage.colony.approvals.list('acme', { status: 'waiting' }, 1);
    const { id, hash: seen } = waiting as { id: string; hash: string };
    stage.clock.time += ladder;
    expect(await stage.colony.approvals.approve(person('human:late'), id, { hash: seen, reason: 'x' })).toMatchObject({
      ok: false,
      rejection: { code: 'decided-after-deadline' },
    });
    await stage.fire();
    stage.clock.time -= ladder;
    expect(await stage.colony.approvals.approve(person('human:late'), id, { hash: seen, reason: 'x' })).toMatchObject({
      ok: false,
      rejection: { code: 'already-decided' },
    });
    await stage.fire();
    expect((await stage.colony.actions.load('acme', 'a1')).state).toMatchObject({
      status: 'refused',
      stopped: { by: 'safe-default' },
    });
    expect(denials()).toHaveLength(2);
  });

  test('a claim ends by the clock; a jump back does not give it to two', async () => {
    await stage.colony.actions.propose(agent('buyer'), 'a1', order);
    await stage.settled();
    const {
      docs: [waiting],
    } = await stage.colony.approvals.list('acme', { status: 'waiting' }, 1);
    const { id } = waiting as { id: string };
    expect(await stage.colony.approvals.claim(person('human:one'), id, 60)).toMatchObject({ ok: true });
    stage.clock.time += 61_000;
    expect(await stage.colony.approvals.claim(person('human:two'), id, 60)).toMatchObject({ ok: true });
    stage.clock.time -= 61_000;
    expect(await stage.colony.approvals.claim(person('human:one'), id, 60)).toMatchObject({
      ok: false,
      rejection: { code: 'claimed-by-another' },
    });
  });
});
