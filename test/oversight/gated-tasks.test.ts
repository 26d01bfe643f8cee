/** Tasks that wait for a decision, or whose award is doubted, in a whole colony. */
import type { Append } from '../../app/engine/ports';
import { toTime } from '../../domain/kernel/time';
import type { TaskSpec } from '../../domain/market/task';
import { DEFAULT_RULES } from '../../domain/oversight/oversight';
import {
  action,
  agent,
  colony,
  configure,
  person,
  propose,
  queue,
  rules,
  spokenFor,
  stage,
  TENANT,
  vote,
} from './decision-stage';

/** An agent that doubts; the rules let nobody accept what it doubts. */
const doubter = async () => {
  await colony.agents.register(agent('rival'), 'rival', {
    agent_type: 'rival',
    pool: 'rival',
    capabilities: {},
    capacity: 1,
    presence_seconds: 86_400,
    offer: null,
  });
  const { round: _, ...plain } = rules({ holds_awards: true });
  await colony.oversight.configure(person('human:root'), 'challenge', plain);
};

describe('a task that waits for a decision', () => {
  const spec = (changes: Partial<TaskSpec> = {}): TaskSpec => ({
    task_type: 'erp.order',
    priority: 0.5,
    urgency: 0.5,
    requires: [{ capability: 'erp.order', level: 0 }],
    payload: { amount: 40 },
    requester: 'poster',
    bid_seconds: 0,
    accept_seconds: 30,
    lease_seconds: 60,
    max_attempts: 3,
    retry_seconds: 1,
    oversight: {
      kind: 'erp.order',
      why: 'stock is low',
      confidence: 0.9,
      impact: 'low',
      risk: 0.1,
      features: { amount: 40 },
    },
    ...changes,
  });
  const task = async (id = 't1') => (await colony.tasks.load(TENANT, id)).state;

  beforeEach(async () => {
    await configure({});
    const profile = {
      agent_type: 'erp.order',
      pool: 'erp',
      capabilities: { 'erp.order': 1 },
      capacity: 1,
      presence_seconds: 86_400,
      offer: { helps: [], min_strength: 0 },
    };
    await colony.agents.register(agent('worker'), 'worker', profile);
    expect(await colony.tasks.post(agent('poster'), 't1', spec())).toMatchObject({
      ok: true,
      state: { status: 'held' },
    });
    await stage.settled();
  });

  const posting = (oversight = spec().oversight) => {
    const { requester: _, ...planned } = spec({ oversight });
    return planned;
  };
  test.each([
    ['', () => colony.tasks.post(spokenFor('poster', 'human:pia'), 't0', spec())],
    [
      ', though a job posted it',
      () =>
        colony.jobs.post(spokenFor('poster', 'human:pia'), 'j0', {
          tasks: [{ key: 'only', after: [], when: 'all', spec: posting() }],
          on_failure: 'cancel',
        }),
    ],
    [
      ', though a schedule posted it',
      async () => {
        const nightly = {
          ...({ cron: '* * * * *', time_zone: 'UTC', on_missed: 'skip', catch_up: 1 } as const),
          task: posting(),
        };
        const outcome = await colony.schedules.create(spokenFor('poster', 'human:pia'), 's0', nightly);
        await stage.pass(60);
        return outcome;
      },
    ],
  ])('who speaks for its poster does not approve it%s', async (_, post) => {
    expect(await post()).toMatchObject({ ok: true });
    await stage.settled();
    const proposed = await Promise.all(
      (await queue()).map(async ({ id, hash, action: of }) => ({
        id,
        hash,
        via: (await colony.actions.load(TENANT, of.split('/')[2] as string)).state.proposal?.proposed_via,
      })),
    );
    const { id, hash } = proposed.find(({ via }) => via === 'human:pia') as { id: string; hash: string };
    const approve = (by: string) => colony.approvals.approve(person(by), id, { hash, reason: 'mine' });
    expect(await approve('human:pia')).toMatchObject({ ok: false, rejection: { code: 'requester-may-not-decide' } });
    expect(await approve('human:ada')).toMatchObject({ ok: true });
  });

  test('nobody gets it before a person has approved it, with the correction that the person made', async () => {
    expect(await task()).toMatchObject({ status: 'held' });
    const [waiting] = await queue();
    const gate = (await colony.actions.load(TENANT, (waiting?.action as string).split('/')[2] as string)).state;
    const edit = { ...(gate.proposal?.action as object), payload: { amount: 10 } };
    expect(
      await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
        hash: waiting?.hash as string,
        reason: 'fewer',
        edit: { ...edit, task_type: 'other' },
      }),
    ).toMatchObject({ ok: false, rejection: { code: 'edit-impossible' } });
    expect(
      await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
        hash: waiting?.hash as string,
        reason: 'more',
        edit: { ...edit, priority: 7 },
      }),
    ).toMatchObject({ ok: false, rejection: { code: 'edit-impossible' } });
    expect(
      await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
        hash: waiting?.hash as string,
        reason: 'fewer',
        edit,
      }),
    ).toMatchObject({ ok: true });
    await stage.settled();
    expect(await task()).toMatchObject({
      status: 'awarded',
      spec: { payload: { amount: 10 } },
      holder: { agent: 'worker' },
    });
    const [cleared] = stage
      .stream(`${TENANT}/task/t1`)
      .flatMap(({ events }) => events.filter(({ type }) => type === 'TaskCleared'));
    expect(cleared?.data).toEqual({
      action: waiting?.action,
      cleared_at: expect.any(String),
      correction: { payload: { amount: 10 } },
      instead_of: { payload: { amount: 40 } },
      by: 'human:ada',
      why: 'fewer',
    });
  });

  test('rejected, it is cancelled; nobody ever gets it', async () => {
    const [waiting] = await queue();
    await colony.approvals.reject(person('human:ada'), waiting?.id as string, {
      hash: waiting?.hash as string,
      reason: 'no',
    });
    await stage.settled();
    expect(await task()).toMatchObject({ status: 'cancelled', awards: 0 });
  });

  test('cancelled, nobody is asked any more', async () => {
    await colony.tasks.cancel(agent('poster'), 't1', 'not needed');
    await stage.settled();
    expect(await queue()).toEqual([]);
  });

  describe('in its veto window', () => {
    const gateOf = (task: string) =>
      stage
        .streams('action')
        .find((one) =>
          stage
            .stream(one)[0]
            ?.events.some(({ data }) => (data as { target?: string }).target === `${TENANT}/task/${task}`),
        ) as string;
    const gate = async (task = 't2') => (await colony.actions.load(TENANT, gateOf(task).split('/')[2] as string)).state;
    beforeEach(async () => {
      await configure({});
      await propose({}, 'known');
      const waiting = (await queue()).find(({ action: of }) => of === `${TENANT}/action/known`);
      await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
        hash: waiting?.hash as string,
        reason: 'known now',
      });
      await stage.settled();
      await colony.actions.execute(agent('buyer'), 'known', { hash: (await action('known')).hash });
      await stage.settled();
      await configure({ mode: 'human_on_the_loop', veto_seconds: 30 });
      await colony.tasks.post(agent('poster'), 't2', spec({ deadline: toTime(stage.clock.now() + 25_000) }));
      await stage.settled();
      expect((await gate()).status).toBe('veto_window');
    });

    test('cancelled, it is never done, and it says by whom and why', async () => {
      await colony.tasks.cancel(agent('poster'), 't2', 'not needed');
      await stage.settled();
      expect(await gate()).toMatchObject({
        status: 'refused',
        stopped: { reason: 'the task was cancelled by poster: not needed' },
      });
      await stage.pass(60);
      expect(await gate()).toMatchObject({ status: 'refused', executed: undefined });
    });

    test('cancelled while the window ends, and nobody has looked', async () => {
      await colony.tasks.post(agent('poster'), 't3', spec());
      await stage.settled();
      // The feed has not brought the end of the task when the timer comes.
      stage.clock.time += 31_000;
      expect(await colony.tasks.cancel(agent('poster'), 't3', 'not needed')).toMatchObject({ ok: true });
      await colony.actions.advance(gateOf('t3'), undefined);
      await stage.settled();
      expect(await gate('t3')).toMatchObject({ status: 'refused', executed: undefined });
    });

    test.each([
      ['cancelled', { status: 'cancelled', awards: 0 }, 'the task is cancelled: not needed'],
      ['late', { status: 'expired', awards: 0 }, 'the task is expired: the deadline'],
    ])(
      '%s between the last look at it and the execution: nothing was carried out, which stands on the action',
      async (how, left, reason) => {
        await colony.tasks.post(agent('poster'), 't3', spec({ deadline: toTime(stage.clock.now() + 50_000) }));
        await stage.settled();
        stage.mishaps = (port, method, [append]) => {
          if (port !== 'store' || method !== 'append') return undefined;
          const { stream, commits } = append as Append;
          if (stream !== gateOf('t3') || !commits.some(({ body }) => body.includes('ActionExecuted'))) return undefined;
          stage.mishaps = () => undefined;
          if (how === 'late') return void (stage.clock.time += 60_000);
          return colony.tasks.cancel(agent('poster'), 't3', 'not needed').then(() => undefined);
        };
        stage.clock.time += 31_000;
        await stage.fire();
        expect(await task('t3')).toMatchObject(left);
        expect(await gate('t3')).toMatchObject({
          status: 'executed',
          compensation: {
            due: false,
            reason: expect.stringContaining(`nothing was carried out, and nothing is to be undone: ${reason}`),
            ref: expect.stringContaining(`${TENANT}/task/t3@`),
          },
        });
        // What comes again finds nothing left to do.
        const { length } = stage.log();
        await colony.actions.advance(gateOf('t3'), undefined);
        await stage.settled();
        expect(stage.log()).toHaveLength(length);
      },
    );

    test('its deadline passes before the window ends', async () => {
      await stage.pass(60);
      expect(await task('t2')).toMatchObject({ status: 'expired' });
      expect(await gate()).toMatchObject({
        status: 'refused',
        executed: undefined,
        stopped: { reason: expect.stringMatching(/^the deadline of the task, .*, has passed$/) },
      });
    });
  });

  describe('that failed for good', () => {
    const gate = () => stage.streams('action')[0]?.split('/')[2] as string;
    const refusing = () => colony.actions.override(person('human:bob'), gate(), 'refuse', 'never');

    beforeEach(async () => {
      const [waiting] = await queue();
      await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
        hash: waiting?.hash as string,
        reason: 'fine',
      });
      await stage.settled();
      const claim = { agent: 'worker', award: 1 };
      await colony.tasks.accept(agent('worker'), 't1', claim);
      await colony.tasks.fail(agent('worker'), 't1', claim, 'broken', false);
      await stage.settled();
      expect((await task()).status).toBe('dead');
    });

    test('is not brought back once a person has refused it', async () => {
      expect(await refusing()).toMatchObject({ ok: true });
      await stage.settled();
      expect(await colony.tasks.redrive(agent('poster'), 't1')).toMatchObject({
        ok: false,
        rejection: { code: 'task-over' },
      });
      expect((await task()).status).toBe('dead');
    });

    test('and is refused at the moment in which it is brought back, is stopped', async () => {
      await Promise.all([colony.tasks.redrive(agent('poster'), 't1'), refusing()]);
      await stage.settled();
      expect((await task()).status).toBe('cancelled');
      expect(await action(gate())).toMatchObject({ status: 'executed', compensation: { due: false } });
    });

    test('is brought back otherwise', async () => {
      expect(await colony.tasks.redrive(agent('poster'), 't1')).toMatchObject({ ok: true });
      await stage.settled();
      expect((await task()).status).toBe('awarded');
    });
  });

  test('an award is challenged before it is accepted: it waits for the round, and goes to another when that upholds it', async () => {
    const [waiting] = await queue();
    await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
      hash: waiting?.hash as string,
      reason: 'yes',
    });
    await stage.settled();
    for (const id of ['judge-1', 'judge-2', 'judge-3']) {
      await colony.agents.register(agent(id), id, {
        agent_type: 'law.judge',
        pool: 'law',
        capabilities: { 'law.judge': 1 },
        capacity: 1,
        presence_seconds: 86_400,
        offer: null,
      });
    }
    await stage.settled();
    const { holder } = await task();
    await doubter();
    const challenged = await colony.challenges.challenge(
      agent('rival'),
      holder?.receipt as string,
      'it has not the tools',
    );
    expect(challenged).toMatchObject({ ok: true });
    expect(await colony.tasks.accept(agent('worker'), 't1', { agent: 'worker', award: 1 })).toMatchObject({
      ok: false,
      rejection: { code: 'award-challenged' },
    });
    const inbox = await colony.agents.inbox(agent('judge-1'), 'judge-1', { waitSeconds: 0 });
    expect(inbox).toMatchObject({ items: [{ kind: 'vote', round: challenged.round, choices: ['uphold', 'dismiss'] }] });
    for (const id of ['judge-1', 'judge-2', 'judge-3']) await vote(challenged.round, id, 'uphold');
    await stage.settled();
    expect(await task()).toMatchObject({ status: 'open', holder: undefined });
  });

  describe('a challenge of its award that nobody decides', () => {
    const PEOPLE_SECONDS = DEFAULT_RULES.approvers.reduce((sum, { seconds }) => sum + seconds, 0);
    /**
     * Awarded to the worker, who may have begun; then challenged, with judges who never vote. Another worker is free.
     */
    const challenged = async (begun: boolean) => {
      await doubter();
      const [waiting] = await queue();
      await colony.approvals.approve(person('human:ada'), waiting?.id as string, {
        hash: waiting?.hash as string,
        reason: 'yes',
      });
      await stage.settled();
      const { holder } = await task();
      expect(holder).toMatchObject({ agent: 'worker', award: 1 });
      const profile = { pool: 'erp', capacity: 1, presence_seconds: 86_400 };
      await colony.agents.register(agent('judge'), 'judge', {
        ...profile,
        agent_type: 'law.judge',
        capabilities: { 'law.judge': 1 },
        offer: null,
      });
      await colony.agents.register(agent('second'), 'second', {
        ...profile,
        agent_type: 'erp.order',
        capabilities: { 'erp.order': 0.5 },
        offer: { helps: [], min_strength: 0 },
      });
      if (begun)
        expect(await colony.tasks.accept(agent('worker'), 't1', { agent: 'worker', award: 1 })).toMatchObject({
          ok: true,
        });
      await stage.settled();
      const { ok, round } = await colony.challenges.challenge(
        agent('rival'),
        holder?.receipt as string,
        'it has not the tools',
      );
      expect(ok).toBe(true);
      await stage.settled();
      return round;
    };
    const alive = async () =>
      void (await colony.agents.heartbeat(agent('worker'), 'worker', [{ task: 't1', award: 1 }]));
    /** The agents' time passes, then that of the people who are asked instead of them. */
    const undecided = async (round: string, each = async () => {}) => {
      await stage.pass(310, each);
      expect((await colony.rounds.load(TENANT, round)).state).toMatchObject({
        status: 'closed',
        outcome: { outcome: 'no_quorum' },
      });
      expect(await queue()).toMatchObject([{ kind: 'round.outcome', action: `${TENANT}/round/${round}` }]);
      expect((await task()).challenges).toMatchObject([{ round, status: 'open' }]);
      await stage.pass(PEOPLE_SECONDS + 10, each, 30);
      expect(await queue()).toEqual([]);
    };
    const told = (...which: string[]) =>
      stage
        .stream(`${TENANT}/task/t1`)
        .flatMap(({ events }) => events)
        .filter(({ type }) => which.includes(type));

    test('work that has not begun can begin', async () => {
      const round = await challenged(false);
      await undecided(round);
      expect(told('AwardRevoked', 'ChallengeDismissed')).toMatchObject([
        {
          type: 'ChallengeDismissed',
          data: {
            round,
            reason: `nobody decided on the challenge in the round ${round}`,
            accept_by: expect.any(String),
          },
        },
      ]);
      expect(told('TaskAwarded')[0]).toMatchObject({ data: { agent: 'worker', award: 1 } });
    });

    test('work that has begun goes on, and can be completed', async () => {
      const round = await challenged(true);
      await undecided(round, alive);
      expect(told('AwardRevoked', 'ChallengeDismissed')).toMatchObject([
        {
          type: 'ChallengeDismissed',
          data: { round, reason: `nobody decided on the challenge in the round ${round}` },
        },
      ]);
      expect(await task()).toMatchObject({
        status: 'running',
        challenges: [{ status: 'dismissed' }],
        holder: { agent: 'worker', award: 1 },
      });
      expect(await colony.tasks.complete(agent('worker'), 't1', { agent: 'worker', award: 1 }, {})).toMatchObject({
        ok: true,
      });
    });

    test('what comes again changes nothing; a person who upholds it later takes the award back', async () => {
      const round = await challenged(true);
      await undecided(round, alive);
      const before = stage.log().length;
      await colony.decisions.handle(stage.log());
      await stage.settled();
      expect(stage.log()).toHaveLength(before);
      expect(
        await colony.rounds.override(person('human:ada'), round, 'uphold', 'I know that it has not'),
      ).toMatchObject({ ok: true });
      await stage.settled();
      expect(told('AwardRevoked')).toMatchObject([{ data: { agent: 'worker', award: 1, round } }]);
      expect(await task()).toMatchObject({ challenges: [{ status: 'upheld' }], holder: { agent: 'second', award: 2 } });
    });
  });
});
