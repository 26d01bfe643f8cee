/** Actions that are challenged; the time that a challenge has; the names of what the product opens. */
import { derivedSystemId } from '../../app/engine/new-id';
import type { Append } from '../../app/engine/ports';
import { actionDecider } from '../../domain/oversight/action';
import { as, TENANT, turns, types } from '../support/stage';
import {
  awarded,
  challenge,
  challengeRules,
  JUDGES,
  judges,
  person,
  register,
  sound,
  stage,
  task,
  verdict,
  voters,
} from './challenge-stage';

const action = (id = 'a') => stage.fold(actionDecider, `${TENANT}/action/${id}`).state;

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
    const { docs: approvals } = await stage.colony.approvals.list(TENANT, { status: 'waiting' }, 10);
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

  test('is not settled by whoever speaks for its challenger, before its judges have', async () => {
    const rival = as('rival').principal;
    const doubted = { principal: { ...rival, via: 'human:pia' } };
    expect(await stage.colony.challenges.challenge(doubted, `${TENANT}/action/a@0`, 'it is wrong')).toMatchObject({
      ok: true,
      state: {
        parties: expect.arrayContaining([{ id: 'human:pia', role: 'challenger', speaks_for: 'rival' }]),
      },
    });
    expect(await stage.colony.actions.override(person('human:pia'), 'a', 'refuse', 'so it is')).toMatchObject({
      ok: false,
      rejection: { code: 'party-may-not-decide', message: expect.stringContaining('rival, in whose name you act') },
    });
    expect(await stage.colony.actions.override(person('human:ida'), 'a', 'refuse', 'so it is')).toMatchObject({
      ok: true,
    });
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
    const { docs: approvals } = await stage.colony.approvals.list(TENANT, { status: 'waiting' }, 10);
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
