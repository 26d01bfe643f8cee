/**
 * Challenges from end to end: what is doubted never waits for a round that won't come, whoever is doubted can't evade
 * the verdict, and nobody who doubts everything holds anything up.
 */
import fc from 'fast-check';
import { derivedSystemId } from '../../app/engine/new-id';
import type { Append } from '../../app/engine/ports';
import { agentDecider, MAX_OPEN_CHALLENGES } from '../../domain/market/agent';
import { isAlive, taskDecider } from '../../domain/market/task';
import { actionDecider } from '../../domain/oversight/action';
import { DEFAULT_RULES, type OversightRules } from '../../domain/oversight/oversight';
import { roundDecider } from '../../domain/oversight/round';
import { brokenRules } from '../support/log-rules';
import { agentOf, as, profile, spec, Stage, taskOf, TENANT, turns, types } from '../support/stage';

let stage: Stage;

beforeEach(() => {
  stage = new Stage();
});
afterEach(() => stage.end());

const JUDGES = ['j0', 'j1', 'j2'];
const DAY = 86_400;
const LADDER = [{ group: 'approvers', members: [], seconds: 60 }];
const person = (id: string) => ({
  principal: {
    tenant: TENANT,
    id: `human:${id}`,
    kind: 'human' as const,
    level: 'critical' as const,
    groups: ['approvers', 'administrators'],
  },
});

const task = (id = 't') => stage.fold(taskDecider, taskOf(id)).state;
const action = (id = 'a') => stage.fold(actionDecider, `${TENANT}/action/${id}`).state;
const claim = (id = 't') => ({ agent: task(id).holder?.agent as string, award: task(id).holder?.award as number });
const register = (id: string, changes: Parameters<typeof profile>[0] = {}) =>
  stage.colony.agents.register(
    as(id),
    id,
    profile({ agent_type: `type.${id}`, presence_seconds: 10 * DAY, ...changes }),
  );
const judges = (...ids: string[]) =>
  Promise.all(ids.map((id) => register(id, { agent_type: 'judge', capabilities: {}, offer: null })));

const voters = (...ids: string[]) => ids.map((id) => ({ id, why: 'asked by name' }));
const voting = (...ids: string[]): OversightRules['round'] => ({
  when: 'always',
  algorithm: 'simple_majority',
  voters: voters(...ids),
  min_agreement: 0.75,
  quorum: 0.6,
  round_seconds: 30,
  improvement_rounds: 0,
});
const challengeRules = async (changes: Partial<OversightRules> = {}) => {
  const rules = {
    ...DEFAULT_RULES,
    mode: 'full_automation' as const,
    approvers: LADDER,
    round: voting(...JUDGES),
    ...changes,
  };
  const outcome = await stage.colony.oversight.configure(person('root'), 'challenge', rules);
  if (!outcome.ok) throw new Error(outcome.rejection.message);
};

/** Posted, and awarded to `ann`. */
const awarded = async (id = 't', changes: Parameters<typeof spec>[0] = {}) => {
  await register('ann', { capacity: 100 });
  await stage.colony.tasks.post(
    as('poster'),
    id,
    spec({ accept_seconds: 600, lease_seconds: 3_600, retry_seconds: 0, ...changes }),
  );
  await stage.settled();
  expect(task(id).holder?.agent).toBe('ann');
  return task(id).holder?.receipt as string;
};

const challenge = async (target: string, by = 'rival', reason = 'it has not the tools') => {
  const outcome = await stage.colony.challenges.challenge(as(by), target, reason);
  await stage.settled();
  return { code: outcome.ok ? 'ok' : outcome.rejection.code, round: outcome.round };
};

const verdict = async (round: string, choice: 'uphold' | 'dismiss', ...ids: string[]) => {
  const { state } = await stage.colony.rounds.load(TENANT, round);
  for (const id of ids.length === 0 ? (state.electorate?.voters.map((voter) => voter.id) ?? []) : ids) {
    await stage.colony.rounds.vote(as(id), round, {
      voter: id,
      choice,
      confidence: 1,
      reasoning: 'because',
      snapshot: state.electorate_hash,
      pass: state.pass,
    });
  }
  await stage.settled();
};

const sound = () => expect(brokenRules(stage.log())).toEqual([]);

describe('an award', () => {
  beforeEach(async () => {
    await stage.start();
    await judges(...JUDGES, 'rival', 'other');
    await challengeRules({ holds_awards: true });
  });

  test.each([
    ['without a reason', ' ', undefined, 'round-invalid'],
    ['where the rules name nobody but parties', 'x', ['ann', 'rival'], 'no-voters'],
  ])('is not marked by a challenge %s', async (_, reason, asked, code) => {
    if (asked !== undefined) await challengeRules({ holds_awards: true, round: voting(...asked) });
    const target = await awarded();
    expect((await challenge(target, 'rival', reason)).code).toBe(code);
    expect(types(stage.stream(taskOf('t')))).not.toContain('AwardChallenged');
    expect(await stage.colony.tasks.accept(as('ann'), 't', claim())).toMatchObject({ ok: true });
    expect(stage.fold(agentDecider, agentOf('rival')).state.challenges).toEqual({});
  });

  test('is not marked where the electorate is valid with a party in it alone', async () => {
    // Two groups, of which one may veto; without the party the shares no longer make a whole.
    await challengeRules({
      holds_awards: true,
      round: {
        ...(voting() as NonNullable<OversightRules['round']>),
        algorithm: 'delegated_proof_of_stake',
        delegates: 1,
        voters: [
          { id: 'rival', why: 'x', stake: 1, stands_for: true },
          { id: 'j0', why: 'x', stake: 1, delegate_to: 'rival' },
        ],
      },
    });
    const target = await awarded();
    expect((await challenge(target)).code).toBe('round-invalid');
    expect(await stage.colony.tasks.accept(as('ann'), 't', claim())).toMatchObject({ ok: true });
  });

  test('can be accepted while it is challenged, where no rule holds it', async () => {
    await challengeRules();
    expect((await challenge(await awarded())).code).toBe('ok');
    expect(await stage.colony.tasks.accept(as('ann'), 't', claim())).toMatchObject({ ok: true });
    expect(await stage.colony.tasks.complete(as('ann'), 't', claim(), {})).toMatchObject({ ok: true });
    sound();
  });

  test('challenged again by the same after a dismissal: said so, and nothing is held', async () => {
    const target = await awarded();
    const { round } = await challenge(target);
    expect((await challenge(target)).round).toBe(round);
    expect(await stage.colony.tasks.accept(as('ann'), 't', claim())).toMatchObject({
      ok: false,
      rejection: { code: 'award-challenged' },
    });
    await verdict(round, 'dismiss');
    expect(await challenge(target)).toEqual({ code: 'challenged-before', round });
    expect(await stage.colony.tasks.accept(as('ann'), 't', claim())).toMatchObject({ ok: true });
    // Another may doubt it still.
    expect((await challenge(target, 'other')).code).toBe('ok');
    sound();
  });

  test('that a person takes back after the challenge was dismissed', async () => {
    const { round } = await challenge(await awarded());
    await verdict(round, 'dismiss');
    expect(await stage.colony.tasks.accept(as('ann'), 't', claim())).toMatchObject({ ok: true });
    expect(await stage.colony.rounds.override(person('ada'), round, 'uphold', 'I know it has not')).toMatchObject({
      ok: true,
    });
    await stage.settled();
    expect(task()).toMatchObject({ status: 'open', holder: undefined, challenges: [{ status: 'upheld' }] });
    sound();
  });

  test('handed on to one of its judges: who holds it now does not judge it', async () => {
    // What is running goes on, also to others.
    await challengeRules();
    await register('j0', { agent_type: 'judge', offer: null });
    const { round } = await challenge(await awarded());
    await stage.colony.tasks.accept(as('ann'), 't', claim());
    expect(await stage.colony.tasks.handOff(as('ann'), 't', claim(), 'j0')).toMatchObject({ ok: true });
    await stage.settled();
    const { state } = await stage.colony.rounds.load(TENANT, round);
    const vote = (voter: string) =>
      stage.colony.rounds.vote(as(voter), round, {
        voter,
        choice: 'dismiss',
        confidence: 1,
        reasoning: 'mine',
        snapshot: state.electorate_hash,
        pass: 1,
      });
    expect(await vote('j0')).toMatchObject({ ok: false, rejection: { code: 'party-may-not-decide' } });
    expect(await vote('j1')).toMatchObject({ ok: true });
  });

  test('whose round no process opens is free again by a time of its own', async () => {
    const target = await awarded();
    stage.mishaps = (port, method, [append]) =>
      port === 'store' && method === 'append' && (append as Append).stream.includes('/round/') ? 'fails' : undefined;
    await stage.colony.challenges.challenge(as('rival'), target, 'x').catch(() => undefined);
    await turns(20);
    expect(task().challenges).toMatchObject([{ status: 'open', holds: true }]);
    await stage.pass(700, undefined, 60).catch(() => undefined);
    expect(task().challenges).toMatchObject([{ status: 'lapsed' }]);
    stage.mishaps = () => undefined;
    expect(await stage.colony.tasks.accept(as('ann'), 't', claim())).toMatchObject({ ok: true });
  });

  test('marked by a process that dies is judged all the same', async () => {
    const target = await awarded();
    stage.mishaps = (port, method, [append]) =>
      port === 'store' && method === 'append' && (append as Append).stream.includes('/round/') ? 'hangs' : undefined;
    void stage.colony.challenges.challenge(as('rival'), target, 'x').catch(() => undefined);
    for (let i = 0; i < 200 && task().challenges.length === 0; i += 1) await turns(1);
    stage.first.kill();
    stage.mishaps = () => undefined;
    await stage.start();
    await stage.settled();
    const { round } = task().challenges[0] as { round: string };
    await verdict(round, 'uphold');
    expect(task().challenges).toMatchObject([{ status: 'upheld' }]);
  });

  test('marked, while nobody is left who could judge: settled at once', async () => {
    const target = await awarded();
    await challengeRules({ holds_awards: true, round: undefined });
    stage.mishaps = (port, method, [append]) =>
      port === 'store' && method === 'append' && (append as Append).stream.includes('/round/') ? 'hangs' : undefined;
    void stage.colony.challenges.challenge(as('rival'), target, 'x').catch(() => undefined);
    for (let i = 0; i < 200 && task().challenges.length === 0; i += 1) await turns(1);
    stage.first.kill();
    stage.mishaps = () => undefined;
    const { colony } = await stage.prepare();
    for (const id of [...JUDGES, 'other']) await colony.agents.deregister(as(id), id, 'gone');
    stage.processes.at(-1)?.kill();
    await stage.start();
    await stage.settled();
    expect(task().challenges).toMatchObject([{ status: 'dismissed' }]);
    expect(stage.fold(agentDecider, agentOf('rival')).state.challenges).toEqual({});
    expect(await stage.colony.tasks.accept(as('ann'), 't', claim())).toMatchObject({ ok: true });
  });

  test('is challenged by those who are registered, and not by its holder', async () => {
    const target = await awarded();
    expect((await challenge(target, 'stranger')).code).toBe('challenger-not-registered');
    expect((await challenge(target, 'ann')).code).toBe('party-may-not-decide');
    expect(task().challenges).toEqual([]);
    const byPerson = await stage.colony.challenges.challenge(person('ada'), target, 'x');
    expect(byPerson).toMatchObject({ ok: true });
  });

  test('of whoever doubts everything: so many at once, and the market goes on', async () => {
    await register('ann', { capacity: 100 });
    const ids = Array.from({ length: 20 }, (_, i) => `t${i}`);
    const targets: string[] = [];
    for (const id of ids) targets.push(await awarded(id));
    const codes = await Promise.all(
      targets.map(async (target) => await stage.colony.challenges.challenge(as('rival'), target, 'x')),
    );
    await stage.settled();
    expect(codes.filter(({ ok }) => ok)).toHaveLength(MAX_OPEN_CHALLENGES);
    for (const refused of codes) if (!refused.ok) expect(refused.rejection.code).toBe('too-many-challenges');
    let accepted = 0;
    for (const id of ids) if ((await stage.colony.tasks.accept(as('ann'), id, claim(id))).ok) accepted += 1;
    expect(accepted).toBe(ids.length - MAX_OPEN_CHALLENGES);
    // Decided, they make room for others.
    const open = ids.find((id) => task(id).challenges.length > 0) as string;
    await verdict(task(open).challenges[0]?.round as string, 'dismiss');
    expect(Object.keys(stage.fold(agentDecider, agentOf('rival')).state.challenges)).toHaveLength(
      MAX_OPEN_CHALLENGES - 1,
    );
    const free = ids.find((id) => task(id).challenges.length === 0) as string;
    expect((await challenge(task(free).holder?.receipt as string)).code).toBe('ok');
  });
});

describe('the verdict meets a holder who', () => {
  let round = '';

  beforeEach(async () => {
    await stage.start();
    await judges(...JUDGES, 'rival');
    await challengeRules();
    const target = await awarded();
    await stage.colony.tasks.accept(as('ann'), 't', claim());
    ({ round } = await challenge(target));
  });

  const keptOut = async () => {
    await stage.settled();
    expect(task().challenges).toMatchObject([{ agent: 'ann', status: 'upheld' }]);
    if (isAlive(task())) expect(task().holder?.agent).not.toBe('ann');
    await stage.colony.tasks.redrive(person('root'), 't').catch(() => undefined);
    await register('zed', { capacity: 5 });
    await stage.pass(20);
    expect(types(stage.stream(taskOf('t'))).filter((type) => type === 'ChallengeUpheld')).toHaveLength(1);
    expect(stage.fold(agentDecider, agentOf('ann')).state.slots).toEqual({});
    sound();
  };

  test('works on', async () => {
    await verdict(round, 'uphold');
    expect(types(stage.stream(taskOf('t')))).toContain('AwardRevoked');
    await keptOut();
    expect(task().holder?.agent).toBe('zed');
  });

  test('has handed it on: that award is revoked too', async () => {
    await register('bob');
    expect(await stage.colony.tasks.handOff(as('ann'), 't', claim(), 'bob')).toMatchObject({ ok: true });
    await stage.colony.tasks.accept(as('bob'), 't', claim());
    await verdict(round, 'uphold');
    const revoked = stage
      .stream(taskOf('t'))
      .flatMap(({ events }) => events)
      .find(({ type }) => type === 'AwardRevoked');
    expect(revoked).toMatchObject({ data: { agent: 'bob', award: 2, round } });
    await keptOut();
  });

  test('has handed it on and got it back', async () => {
    await register('bob', { offer: null });
    await stage.colony.tasks.handOff(as('ann'), 't', claim(), 'bob');
    await stage.colony.tasks.accept(as('bob'), 't', claim());
    await stage.colony.tasks.handOff(as('bob'), 't', claim(), 'ann');
    await verdict(round, 'uphold');
    expect(task().holder?.agent).not.toBe('ann');
    await keptOut();
  });

  test('has released it, and got it again', async () => {
    await stage.colony.tasks.release(as('ann'), 't', claim(), 'x');
    await stage.pass(5);
    expect(claim()).toEqual({ agent: 'ann', award: 2 });
    await verdict(round, 'uphold');
    await keptOut();
    expect(task().holder?.agent).toBe('zed');
  });

  test('has failed, and nobody holds it', async () => {
    await stage.colony.agents.register(
      as('ann'),
      'ann',
      profile({ agent_type: 'type.ann', presence_seconds: 10 * DAY, capacity: 100, offer: null }),
    );
    await stage.colony.tasks.fail(as('ann'), 't', claim(), 'x', true);
    await stage.settled();
    await verdict(round, 'uphold');
    expect(await stage.colony.tasks.bid(as('ann'), 't', { agent: 'ann' })).toMatchObject({
      ok: false,
      rejection: { code: 'agent-kept-out' },
    });
    await keptOut();
  });

  test('works on, while judges could not judge: they get what was left', async () => {
    const from = stage.clock.time;
    stage.clock.time += 3_600_000;
    stage.colony.watchdog.wasAway(from, stage.clock.time);
    await stage.fire();
    expect(types(stage.stream(taskOf('t')))).toContain('ChallengeExtended');
    expect(task().challenges).toMatchObject([{ status: 'open', until: expect.stringMatching(/^2026-11-21T11:/) }]);
    await verdict(round, 'uphold');
    expect(types(stage.stream(taskOf('t')))).toContain('AwardRevoked');
    await keptOut();
  });

  test('has completed it: it is marked', async () => {
    await stage.colony.tasks.complete(as('ann'), 't', claim(), {});
    await stage.settled();
    await verdict(round, 'uphold');
    expect(task()).toMatchObject({ status: 'completed', challenges: [{ status: 'upheld' }] });
    await keptOut();
  });
});

describe('an action', () => {
  const order = {
    kind: 'erp.order',
    action: { amount: 1 },
    why: 'x',
    confidence: 1,
    impact: 'low' as const,
    risk: 0,
    features: {},
  };

  beforeEach(async () => {
    await stage.start();
    await judges(...JUDGES, 'rival');
    await challengeRules();
    await stage.colony.actions.propose(as('buyer'), 'a', order);
    await stage.colony.actions.override(person('ada'), 'a', 'allow', 'fine');
    await stage.settled();
    expect(action().status).toBe('cleared');
  });

  const execute = () => stage.colony.actions.execute(as('buyer'), 'a', { hash: action().hash });

  test('whose challenger takes the question back from the people: nobody gets right by that', async () => {
    const { round } = await challenge(`${TENANT}/action/a@0`);
    await verdict(round, 'uphold', 'j0');
    await verdict(round, 'dismiss', 'j1');
    await stage.pass(35, undefined, 5);
    const { approvals } = await stage.colony.approvals.list(TENANT, { status: 'waiting' }, 10);
    expect(approvals).toMatchObject([{ kind: 'round.outcome' }]);
    expect(
      await stage.colony.approvals.withdraw(as('rival'), (approvals[0] as { id: string }).id, 'never mind'),
    ).toMatchObject({ ok: true });
    await stage.settled();
    expect(action()).toMatchObject({ status: 'cleared', challenge: undefined });
    expect(await execute()).toMatchObject({ ok: true });
    sound();
  });

  test('is not marked by a challenge without a reason, nor by a stranger, nor by who proposed it', async () => {
    expect((await challenge(`${TENANT}/action/a@0`, 'rival', ' ')).code).toBe('round-invalid');
    expect((await challenge(`${TENANT}/action/a@0`, 'stranger')).code).toBe('challenger-not-registered');
    await register('buyer', { capabilities: {} });
    expect((await challenge(`${TENANT}/action/a@0`, 'buyer')).code).toBe('requester-may-not-decide');
    expect(action().challenges).toEqual([]);
    expect(await execute()).toMatchObject({ ok: true });
  });

  test('challenged again after a dismissal goes on', async () => {
    const { round } = await challenge(`${TENANT}/action/a@0`);
    expect(await execute()).toMatchObject({ ok: false, rejection: { code: 'action-challenged' } });
    await verdict(round, 'dismiss');
    expect((await challenge(`${TENANT}/action/a@0`)).code).toBe('challenged-before');
    expect(await execute()).toMatchObject({ ok: true });
  });

  test.each([
    ['not taken yet: it does not happen', false],
    ['taken already: it is to be undone', true],
  ])('that a person stops after the challenge was dismissed, %s', async (_, taken) => {
    const { round } = await challenge(`${TENANT}/action/a@0`);
    await verdict(round, 'dismiss');
    if (taken) expect(await execute()).toMatchObject({ ok: true });
    expect(await stage.colony.rounds.override(person('bob'), round, 'uphold', 'I know better')).toMatchObject({
      ok: true,
    });
    await stage.settled();
    expect(action()).toMatchObject(
      taken
        ? { status: 'executed', compensation: { due: true } }
        : { status: 'refused', override: { by: 'human:bob', instead: 'refuse' } },
    );
    if (!taken) expect(await execute()).toMatchObject({ ok: false });
    sound();
  });

  test('that a challenge has stopped stays so when a person dismisses the challenge afterwards', async () => {
    const { round } = await challenge(`${TENANT}/action/a@0`);
    await verdict(round, 'uphold');
    expect(await stage.colony.rounds.override(person('bob'), round, 'dismiss', 'it was right')).toMatchObject({
      ok: true,
    });
    await stage.settled();
    expect(action().status).toBe('refused');
    expect(await stage.colony.actions.override(person('bob'), 'a', 'allow', 'it was right')).toMatchObject({
      ok: true,
    });
    await stage.settled();
    expect(await execute()).toMatchObject({ ok: true });
  });

  test('that a person lets on after that stays so, though what came before comes again', async () => {
    const { round } = await challenge(`${TENANT}/action/a@0`);
    await verdict(round, 'uphold', 'j0');
    await verdict(round, 'dismiss', 'j1', 'j2');
    await stage.pass(40);
    // The challenge is settled by it, so there is nothing left for the override itself to do.
    expect(await stage.colony.rounds.override(person('bob'), round, 'uphold', 'I know better')).toMatchObject({
      ok: true,
    });
    await stage.settled();
    expect(action().status).toBe('refused');
    stage.clock.time += 1_000;
    expect(await stage.colony.actions.override(person('cal'), 'a', 'allow', 'I have looked again')).toMatchObject({
      ok: true,
    });
    await stage.settled();
    await stage.colony.decisions.handle(stage.log());
    await stage.settled();
    expect(action()).toMatchObject({ status: 'cleared', override: { by: 'human:cal' } });
  });

  /** The process was away for an hour, in which nobody could judge. */
  const away = async () => {
    const from = stage.clock.time;
    stage.clock.time += 3_600_000;
    stage.colony.watchdog.wasAway(from, stage.clock.time);
    await stage.fire();
  };

  test.each([
    ['not taken yet', false, { status: 'refused', stopped: { by: 'challenge' } }],
    ['taken already', true, { status: 'executed', compensation: { due: true } }],
  ])('whose judges could not judge for a while is judged after that, %s', async (_, taken, end) => {
    if (taken) await execute();
    const { round } = await challenge(`${TENANT}/action/a@0`);
    await away();
    expect(action()).toMatchObject({ status: taken ? 'executed' : 'cleared', challenge: { round } });
    await verdict(round, 'uphold');
    expect(action()).toMatchObject(end);
    expect(types(stage.stream(`${TENANT}/action/a`)).filter((type) => type === 'ChallengeExtended')).toHaveLength(1);
    await stage.pass(600, undefined, 60);
    expect(action()).toMatchObject(end);
    sound();
  });

  test('whose challenge nobody decides on after that either is over once the time is', async () => {
    await execute();
    await challenge(`${TENANT}/action/a@0`);
    await away();
    await stage.pass(600, undefined, 60);
    expect(action()).toMatchObject({ status: 'executed', challenge: undefined, compensation: undefined });
    sound();
  });

  test('whose round can never be opened falls to its safe default, by a time of its own', async () => {
    stage.mishaps = (port, method, [append]) =>
      port === 'store' && method === 'append' && (append as Append).stream.includes('/round/') ? 'fails' : undefined;
    await stage.colony.challenges.challenge(as('rival'), `${TENANT}/action/a@0`, 'x').catch(() => undefined);
    await turns(20);
    expect(action().challenge).toMatchObject({ by: 'rival' });
    await stage.pass(400, undefined, 60).catch(() => undefined);
    expect(action()).toMatchObject({ status: 'refused', stopped: { by: 'challenge' } });
  });
});

describe('time that is given back to those who decide on a challenge', () => {
  const order = {
    kind: 'erp.order',
    action: { amount: 1 },
    why: 'x',
    confidence: 1,
    impact: 'low' as const,
    risk: 0,
    features: {},
  };
  /** Opened at 0: its round has until 30, the people after it until 90; it lapses at 150. */
  const doubted = {
    'an award': {
      open: async () => {
        await challengeRules({ holds_awards: true });
        return (await challenge(await awarded())).round;
      },
      until: () => task().challenges.findLast(({ status }) => status === 'open')?.until,
      ended: () => task().challenges.at(-1)?.status,
      upheld: 'upheld',
      late: 'dismissed',
    },
    'an action': {
      open: async () => {
        await stage.colony.actions.propose(as('buyer'), 'a', order);
        await stage.colony.actions.override(person('ada'), 'a', 'allow', 'fine');
        await stage.settled();
        return (await challenge(`${TENANT}/action/a@0`)).round;
      },
      until: () => action().challenge?.until,
      ended: () => action().stopped?.reason,
      upheld: expect.stringContaining('decided to uphold'),
      late: expect.stringContaining('nobody decided'),
    },
  };

  let began = 0;
  const at = (seconds: number) => new Date(began + seconds * 1_000).toISOString();
  /** Nothing is heard and nothing fires until then. */
  const away = (seconds: number) => {
    const from = stage.clock.time;
    stage.clock.time = began + seconds * 1_000;
    stage.colony.watchdog.wasAway(from, stage.clock.time);
  };
  const until = async (seconds: number) =>
    await stage.pass((began + seconds * 1_000 - stage.clock.time) / 1_000, undefined, 5);
  const uphold = async () => {
    const { approvals } = await stage.colony.approvals.list(TENANT, { status: 'waiting' }, 10);
    const { id, hash } = approvals[0] as { id: string; hash: string };
    expect(
      await stage.colony.approvals.approve(person('bob'), id, { hash, reason: 'it is wrong', choice: 'uphold' }),
    ).toMatchObject({ ok: true });
    await stage.settled();
  };

  beforeEach(async () => {
    await stage.start();
    await judges(...JUDGES, 'rival');
    await challengeRules();
  });

  describe.each(Object.entries(doubted))('of %s', (_, { open, until: standsUntil, ended, upheld, late }) => {
    let round: string;
    beforeEach(async () => {
      began = stage.clock.time;
      round = await open();
      expect(standsUntil()).toBe(at(150));
    });

    test('to its round: the challenge has it as well, though its own time was over', async () => {
      await until(25);
      away(325);
      await stage.fire();
      expect(standsUntil()).toBe(at(330 + 120));
      await until(328);
      await verdict(round, 'uphold');
      expect(ended()).toEqual(upheld);
      sound();
    });

    test('to its round, a little: people have all of their time after it', async () => {
      await until(25);
      away(125);
      await until(160);
      expect(standsUntil()).toBe(at(130 + 120));
      await uphold();
      expect(ended()).toEqual(upheld);
    });

    test('to the people who are asked after it', async () => {
      await until(85);
      away(185);
      await stage.fire();
      expect(standsUntil()).toBe(at(190 + 60));
      await uphold();
      expect(ended()).toEqual(upheld);
    });

    test('is no time without an end: nobody decides, and it is over', async () => {
      await until(25);
      away(325);
      await until(600);
      expect(standsUntil()).toBeUndefined();
      expect(ended()).toEqual(late);
      sound();
    });
  });
});

describe('the name space of what the product opens', () => {
  test('is closed to callers, at rounds and actions', async () => {
    await stage.start();
    const id = derivedSystemId(TENANT, 'challenge', 'x');
    const round = {
      question: 'x?',
      kind: 'x',
      impact: 'low' as const,
      choices: ['a', 'b'],
      round_seconds: 60,
      improvement_rounds: 0,
      allow_change: false,
      electorate: { algorithm: 'simple_majority' as const, voters: voters('a'), min_agreement: 0.75, quorum: 0.6 },
    };
    expect(await stage.colony.rounds.open(as('a'), id, round)).toMatchObject({
      ok: false,
      rejection: { code: 'id-reserved' },
    });
    expect(
      await stage.colony.actions.propose(as('a'), id, {
        kind: 'x',
        action: 1,
        why: 'x',
        confidence: 1,
        impact: 'low',
        risk: 0,
        features: {},
      }),
    ).toMatchObject({ ok: false, rejection: { code: 'id-reserved' } });
    expect(stage.log()).toEqual([]);
  });
});

// ------------------------------------------------------------------------------------------------------- property

type Step =
  | { readonly do: 'challenge'; readonly by: string; readonly reason: string }
  | { readonly do: 'accept' | 'complete' | 'release' | 'fail' | 'decline' | 'hand-off' }
  | { readonly do: 'judge'; readonly choice: 'uphold' | 'dismiss' }
  | { readonly do: 'rules'; readonly asked: readonly string[]; readonly holds: boolean }
  | { readonly do: 'fails' | 'loses' | 'crash'; readonly category: 'round' | 'task' | 'agent' }
  | { readonly do: 'pass'; readonly seconds: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('challenge' as const),
      by: fc.constantFrom('rival', 'rival', 'other', 'stranger', 'ann', 'bob'),
      reason: fc.constantFrom('x', 'x', ' '),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'accept' as const,
        'accept' as const,
        'complete' as const,
        'release' as const,
        'fail' as const,
        'decline' as const,
        'hand-off' as const,
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('judge' as const),
      choice: fc.constantFrom('uphold' as const, 'dismiss' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('rules' as const),
      asked: fc.subarray(['j0', 'j1', 'ann', 'rival']),
      holds: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('fails' as const, 'loses' as const, 'crash' as const),
      category: fc.constantFrom('round' as const, 'round' as const, 'task' as const, 'agent' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), seconds: fc.constantFrom(5, 40) }) },
);

async function play(steps: readonly Step[]): Promise<string[]> {
  const wrong: string[] = [];
  const own = new Stage();
  stage = own;
  await own.start();
  await judges('j0', 'j1', 'rival', 'other');
  await register('ann');
  await register('bob');
  await challengeRules({ holds_awards: true, round: voting('j0', 'j1') });
  await own.colony.tasks.post(
    as('poster'),
    't',
    spec({ accept_seconds: 600, lease_seconds: 600, retry_seconds: 0, max_attempts: 5 }),
  );
  await own.settled();
  /** Whoever dies meanwhile never answers. */
  const quietly = (promise: Promise<unknown>) =>
    Promise.race([promise.catch(() => undefined), own.processes.at(-1)?.death]);
  for (const one of steps) {
    const { colony } = own;
    const holder = claim();
    switch (one.do) {
      case 'challenge': {
        const receipt = task().holder?.receipt;
        if (receipt === undefined) break;
        await quietly(colony.challenges.challenge(as(one.by), receipt, one.reason));
        break;
      }
      case 'accept':
        await quietly(colony.tasks.accept(as(holder.agent), 't', holder));
        break;
      case 'complete':
        await quietly(colony.tasks.complete(as(holder.agent), 't', holder, {}));
        break;
      case 'release':
        await quietly(colony.tasks.release(as(holder.agent), 't', holder, 'x'));
        break;
      case 'fail':
        await quietly(colony.tasks.fail(as(holder.agent), 't', holder, 'x', true));
        break;
      case 'decline':
        await quietly(colony.tasks.decline(as(holder.agent), 't', holder, 'x'));
        break;
      case 'hand-off':
        await quietly(colony.tasks.handOff(as(holder.agent), 't', holder, holder.agent === 'ann' ? 'bob' : 'ann'));
        break;
      case 'judge':
        for (const { round } of task().challenges) await quietly(verdict(round, one.choice));
        break;
      case 'rules':
        await quietly(
          challengeRules({ holds_awards: one.holds, round: one.asked.length === 0 ? undefined : voting(...one.asked) }),
        );
        break;
      case 'fails':
      case 'loses':
      case 'crash': {
        let left = 1;
        own.mishaps = (port, method, [append]) => {
          if (
            left === 0 ||
            port !== 'store' ||
            method !== 'append' ||
            !(append as Append).stream.includes(`/${one.category}/`)
          )
            return undefined;
          left -= 1;
          if (one.do !== 'crash') return one.do;
          own.first.kill();
          return 'hangs';
        };
        break;
      }
      case 'pass':
        await quietly(own.pass(one.seconds));
        break;
    }
    if (own.living.length === 0) {
      own.mishaps = () => undefined;
      await own.start();
    }
  }
  own.mishaps = () => undefined;
  await own.settled();
  for (let turn = 0; turn < 6; turn += 1) {
    await own.pass(60, undefined, 30);
    await own.redeliver();
    for (const consumer of ['views', 'reactions', 'decisions'])
      for (const { id } of await own.colony.feed.parked(consumer, 100)) await own.colony.feed.redrive(consumer, id);
    await own.settled();
  }
  // Nobody judges any more: whatever was doubted goes on.
  for (const { status, round } of task().challenges)
    if (status === 'open') wrong.push(`the challenge in ${round} is still open`);
  await register('zed');
  for (let turn = 0; turn < 5 && isAlive(task()); turn += 1) {
    await own.pass(600, undefined, 60);
    if (task().holder !== undefined) {
      const accepted = await own.colony.tasks.accept(as(claim().agent), 't', claim());
      if (!accepted.ok) wrong.push(`it can't be accepted: ${accepted.rejection.code}`);
      await own.colony.tasks.complete(as(claim().agent), 't', claim(), {});
    }
  }
  if (isAlive(task())) wrong.push(`the task is still ${task().status}`);
  for (const id of ['rival', 'other', 'ann', 'bob']) {
    const { challenges } = own.fold(agentDecider, agentOf(id)).state;
    const late = Object.values(challenges).filter((until) => until > own.now);
    if (late.length > 0) wrong.push(`${id} has ${late.length} challenges open for ever`);
  }
  for (const stream of own.streams('round')) {
    const { state } = own.fold(roundDecider, stream);
    if (state.status === 'open') wrong.push(`${stream} is still open`);
  }
  wrong.push(...brokenRules(own.log()));
  await own.end();
  return wrong;
}

test('no order of challenges, refused openings, crashes and evasions leaves a task frozen, or gives it to whom the judges took it from', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25, size: 'max' }), async (steps) => {
      expect(await play(steps)).toEqual([]);
    }),
    { numRuns: Math.ceil(25 * Number(process.env.FORMICARY_RUNS ?? 1)) },
  );
}, 300_000);
