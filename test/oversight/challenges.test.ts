/** Awards that are challenged, and what becomes of their holders. */
import fc from 'fast-check';
import type { Append } from '../../app/engine/ports';
import { agentDecider, MAX_OPEN_CHALLENGES } from '../../domain/market/agent';
import { isAlive } from '../../domain/market/task';
import type { OversightRules } from '../../domain/oversight/oversight';
import { roundDecider } from '../../domain/oversight/round';
import { brokenRules } from '../support/log-rules';
import { agentOf, as, profile, spec, taskOf, TENANT, turns, types } from '../support/stage';
import {
  awarded,
  challenge,
  challengeRules,
  DAY,
  JUDGES,
  judges,
  newStage,
  person,
  register,
  sound,
  stage,
  task,
  verdict,
  voting,
} from './challenge-stage';

const claim = (id = 't') => ({ agent: task(id).holder?.agent as string, award: task(id).holder?.award as number });

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
  const own = newStage();
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
