/**
 * What is stopped does nothing from the answer on, and in every process within a second; what waited for the lift is
 * neither lost nor judged by the time that passed.
 */
import fc from 'fast-check';
import type { RequestContext } from '../../app/engine/command';
import { STOPPED_AGAIN_SECONDS } from '../../app/engine/standstill';
import { denialStream } from '../../domain/audit/denial';
import { plusSeconds } from '../../domain/kernel/time';
import { agentDecider } from '../../domain/market/agent';
import { taskDecider, type TaskSpec } from '../../domain/market/task';
import { DEFAULT_RULES } from '../../domain/oversight/oversight';
import { DEFAULT_CHOICES } from '../../domain/oversight/round';
import { EVERYTHING, PLATFORM, type StopEffect, type StoppedThing } from '../../domain/stops/stop';
import { brokenRules } from '../support/log-rules';
import { agentOf, as, type Process, profile, spec, Stage, taskOf, TENANT, types } from '../support/stage';

let stage: Stage;
const begin = async () => {
  const process = await stage.start();
  await process.colony.balance.stop();
  await stage.settled();
  return process;
};

afterEach(async () => {
  expect(brokenRules(stage.log())).toEqual([]);
  expect(stage.chainFaults()).toEqual([]);
  await stage.end();
});

const person = (id: string, tenant = TENANT): RequestContext => ({
  principal: { tenant, id, kind: 'human', level: 'critical' },
});
const ada = person('human:ada');
interface How {
  readonly by?: RequestContext;
  readonly effect?: StopEffect;
  readonly at?: Process;
}
const stop = async (
  kind: StoppedThing['kind'],
  name: string,
  { by = ada, effect = 'freeze', at = stage.first }: How = {},
) => {
  const outcome = await at.colony.stops.stop(by, { kind, name }, effect, 'it errs');
  expect(outcome).toMatchObject({ ok: true });
  await stage.settled();
};
const lift = async (kind: StoppedThing['kind'], name: string, by = ada) => {
  const outcome = await stage.colony.stops.lift(by, { kind, name }, 'it is well');
  expect(outcome).toMatchObject({ ok: true });
  await stage.settled();
};
const enter = async (id: string, changes: Parameters<typeof profile>[0] = {}) => {
  await stage.colony.agents.register(as(id), id, profile({ presence_seconds: 86_400, ...changes }));
  await stage.settled();
};
const post = async (id: string, changes: Partial<TaskSpec> = {}) => {
  const posted = await stage.colony.tasks.post(as('poster', undefined, 'service'), id, spec(changes));
  await stage.settled();
  return posted;
};
const task = (id: string) => stage.fold(taskDecider, taskOf(id)).state;
const claimOf = (id: string) => {
  const { holder } = task(id);
  return { agent: holder?.agent as string, award: holder?.award as number };
};
const accept = async (id: string) => {
  const claim = claimOf(id);
  expect(await stage.colony.tasks.accept(as(claim.agent), id, claim)).toMatchObject({ ok: true });
  await stage.settled();
  return claim;
};
const code = (outcome: { ok: boolean; rejection?: { code: string } }) =>
  outcome.ok ? 'done' : outcome.rejection?.code;
/** Commits of everything but the stops themselves. */
const done = () => stage.log().filter(({ stream }) => !/\/(stop|denial)\//.test(stream)).length;

describe('in one process', () => {
  beforeEach(async () => {
    stage = new Stage();
    await begin();
  });

  test('a tenant that is frozen does nothing, says why, and goes on when it is lifted', async () => {
    await enter('ann');
    await stop('tenant', TENANT);
    const before = done();
    const refused = await post('t1');
    expect(refused).toMatchObject({
      ok: false,
      rejection: {
        code: 'stopped',
        kind: 'forbidden',
        details: { stopped: { kind: 'tenant', name: TENANT, by: 'human:ada', reason: 'it errs', since: stage.now } },
      },
    });
    await stage.pass(30);
    expect(done()).toBe(before);
    // Reading goes on, and others are not concerned.
    expect((await stage.colony.tasks.load(TENANT, 't1')).version).toBe(-1);
    const other = { principal: { tenant: 'other', id: 'poster', kind: 'service' as const, level: 'execute' as const } };
    expect(code(await stage.colony.tasks.post(other, 't1', spec()))).toBe('done');
    await lift('tenant', TENANT);
    expect(code(await post('t1'))).toBe('done');
    expect(task('t1').status).toBe('awarded');
  });

  test.each<[string, StoppedThing['kind'], string]>([
    ['the platform freezes the tenant', 'tenant', TENANT],
    ['everything is stopped', 'global', EVERYTHING],
  ])('when %s, only its people lift it', async (_, kind, name) => {
    const pia = person('human:pia', PLATFORM);
    await enter('ann');
    await stop(kind, name, { by: pia });
    expect(code(await post('t1'))).toBe('stopped');
    expect(await stage.colony.stops.lift(ada, { kind, name }, 'please')).toMatchObject({ ok: true, events: [] });
    expect(code(await post('t1'))).toBe('stopped');
    await lift(kind, name, pia);
    if (kind === 'global') {
      expect(code(await post('t1'))).toBe('stopped');
      expect(code(await stage.colony.stops.lift(pia, { kind, name }, 'again'))).toBe('second-person-needed');
      await lift(kind, name, person('human:pat', PLATFORM));
    }
    expect(code(await post('t1'))).toBe('done');
  });

  test('what an agent that is frozen holds goes to others at once, and the attempt does not count', async () => {
    await enter('ann');
    await post('t1', { max_attempts: 1 });
    const late = await accept('t1');
    await enter('bob');
    await post('t2', { accept_seconds: 3_600 });
    expect(task('t2').holder?.agent).toBe('bob');
    await enter('cem');
    expect(await stage.colony.stoppedWork.of(TENANT, { kind: 'agent', name: 'ANN' })).toEqual([
      { tenant: TENANT, task: 't1', agent: 'ann', award: 1, returned: true },
    ]);
    await stop('agent', 'ANN');
    expect(task('t1')).toMatchObject({ status: 'awarded', holder: { agent: 'cem', award: 2 }, attempts: 1 });
    expect(task('t1').history).toMatchObject([
      { agent: 'ann', end: 'released', reason: expect.stringContaining('it errs') },
    ]);
    expect(stage.fold(agentDecider, agentOf('ann')).state.slots).toEqual({});
    for (const context of [as('ann'), as('Ann'), as('poster', undefined, 'service')])
      expect(code(await stage.colony.tasks.complete(context, 't1', late, {}))).toBe('stopped');
    await post('t3');
    expect(task('t3').status).toBe('open');
    // Whoever is not concerned is told by the fence, not by the stop.
    expect(code(await stage.colony.tasks.complete(as('cem'), 't1', { agent: 'cem', award: 1 }, {}))).toBe(
      'award-superseded',
    );
    await lift('agent', 'ann');
    expect(task('t3').holder?.agent).toBe('ann');
  });

  test('a type of agent that is frozen takes nothing, holds nothing, and gets no new members', async () => {
    await enter('ann', { agent_type: 'clerk' });
    await post('t1');
    await accept('t1');
    await enter('bob', { agent_type: 'judge' });
    await stop('agent_type', 'clerk', { by: person('human:pia', PLATFORM) });
    expect(task('t1').holder).toMatchObject({ agent: 'bob' });
    expect(code(await stage.colony.agents.register(as('cem'), 'cem', profile({ agent_type: 'clerk' })))).toBe(
      'stopped',
    );
    expect(code(await stage.colony.tasks.bid(as('ann'), 't1', { agent: 'ann' }))).toBe('stopped');
    await post('t2');
    expect(task('t2').status).toBe('open');
    // Nor does one of them become another to go on.
    const other = profile({ agent_type: 'judge' });
    expect(code(await stage.colony.agents.register(as('service:lowly', undefined, 'service'), 'ann', other))).toBe(
      'stopped',
    );
    await lift('agent_type', 'clerk', person('human:pia', PLATFORM));
    expect(task('t2').holder?.agent).toBe('ann');
  });

  test('an award that was under way when its agent was frozen is taken back', async () => {
    await enter('ann');
    await enter('bob', { capabilities: { y: 1 } });
    let held: (() => void) | undefined;
    stage.mishaps = (port, method, [append]) =>
      port === 'store' && method === 'append' && JSON.stringify(append).includes('TaskAwarded') && held === undefined
        ? new Promise<void>((resolve) => (held = resolve))
        : undefined;
    const posting = stage.colony.tasks.post(as('poster', undefined, 'service'), 't1', spec());
    for (let i = 0; i < 500 && held === undefined; i += 1) await new Promise((resolve) => setImmediate(resolve));
    await stage.colony.stops.stop(ada, { kind: 'agent', name: 'ann' }, 'freeze', 'it errs');
    held?.();
    await posting;
    await stage.settled();
    expect(types(stage.stream(taskOf('t1')))).toContain('TaskAwarded');
    expect(task('t1')).toMatchObject({ status: 'open' });
    expect(stage.fold(agentDecider, agentOf('ann')).state.slots).toEqual({});
  });

  test('a task that is frozen is given to nobody; its holder keeps it, and has its time back', async () => {
    await enter('ann', { capacity: 2 });
    await post('held', { accept_seconds: 60, lease_seconds: 30 });
    const claim = await accept('held');
    await stop('task', 'held');
    expect(code(await stage.colony.tasks.complete(as('ann'), 'held', claim, {}))).toBe('stopped');
    await stage.pass(3_600, undefined, 60);
    expect(task('held')).toMatchObject({ status: 'running', holder: { agent: 'ann', award: 1 } });
    await post('new');
    await accept('new');
    await lift('task', 'held');
    await stage.pass(25, undefined, 5);
    expect(code(await stage.colony.tasks.complete(as('ann'), 'held', claim, {}))).toBe('done');
    await post('waits', { bid_seconds: 20 });
    await stop('task', 'waits');
    await stage.pass(100, undefined, 20);
    expect(task('waits').status).toBe('open');
    await lift('task', 'waits');
    await stage.pass(2 * STOPPED_AGAIN_SECONDS);
    expect(task('waits').holder?.agent).toBe('ann');
  });

  test('no award and no lease lapses, and no agent is lost, because its tenant stood still', async () => {
    await enter('ann', { capacity: 3, presence_seconds: 40 });
    await post('leased', { lease_seconds: 30, max_attempts: 1 });
    await accept('leased');
    await post('offered', { accept_seconds: 20, max_attempts: 1 });
    await stage.pass(10);
    await stop('tenant', TENANT);
    await stage.pass(7_200, undefined, 120);
    // Also after a restart, which knows it from the log alone.
    stage.first.kill();
    await begin();
    await lift('tenant', TENANT);
    await stage.pass(5);
    expect(task('offered')).toMatchObject({ status: 'awarded', attempts: 1 });
    await stage.pass(4);
    const claims = [claimOf('leased'), claimOf('offered')] as const;
    expect(code(await stage.colony.tasks.accept(as('ann'), 'offered', claims[1]))).toBe('done');
    expect(code(await stage.colony.tasks.complete(as('ann'), 'leased', claims[0], {}))).toBe('done');
    expect(stage.fold(agentDecider, agentOf('ann')).state.status).toBe('active');
    // The time that it had back is all that it has.
    await stage.pass(120, undefined, 5);
    expect(task('offered')).toMatchObject({ status: 'dead' });
    expect(stage.fold(agentDecider, agentOf('ann')).state.status).toBe('lost');
  });

  test('what follows from a commit of just before the stop follows after the lift, and nobody else waits for it', async () => {
    await enter('ann');
    const other = { principal: { tenant: 'other', id: 'x', kind: 'service' as const, level: 'execute' as const } };
    await stage.colony.agents.register(other, 'eve', profile({ presence_seconds: 86_400 }));
    await stage.settled();
    let isHeld = true;
    const gate: (() => void)[] = [];
    // The feed is behind.
    stage.mishaps = (port, method) =>
      isHeld && port === 'store' && method === 'feed' ? new Promise<void>((resolve) => gate.push(resolve)) : undefined;
    await stage.colony.tasks.post(as('poster', undefined, 'service'), 't1', spec());
    await stage.colony.tasks.post(other, 't1', spec());
    await stage.colony.stops.stop(ada, { kind: 'tenant', name: TENANT }, 'freeze', 'it errs');
    isHeld = false;
    for (const open of gate) open();
    await stage.settled();
    expect(task('t1').status).toBe('open');
    expect(stage.fold(taskDecider, 'other/task/t1').state.status).toBe('awarded');
    await stage.pass(60, () => stage.redeliver(), 5);
    expect(task('t1').status).toBe('open');
    expect(await stage.colony.feed.status()).toEqual(
      expect.arrayContaining([expect.objectContaining({ consumer: 'reactions', lag: 0, parked: 0 })]),
    );
    await lift('tenant', TENANT);
    await stage.pass(15, () => stage.redeliver(), 5);
    expect(task('t1').status).toBe('awarded');
  });

  test('a tool or a model that is frozen is in no action that is proposed or taken', async () => {
    const buyer = as('buyer');
    const action = (used: object) => ({
      kind: 'erp.order',
      action: { item: 'bolts', ...used },
      why: 'stock is low',
      confidence: 1,
      impact: 'low' as const,
      risk: 0,
      features: {},
    });
    await stage.colony.actions.propose(buyer, 'a1', action({ tool: 'erp', model: 'm-1' }));
    await stage.settled();
    for (const [kind, name] of [
      ['tool', 'erp'],
      ['model', 'm-1'],
    ] as const) {
      await stop(kind, name);
      expect(code(await stage.colony.actions.execute(buyer, 'a1', { hash: 'x' }))).toBe('stopped');
      expect(code(await stage.colony.actions.propose(buyer, `b-${kind}`, action({ [kind]: name })))).toBe('stopped');
      expect(code(await stage.colony.actions.propose(buyer, `c-${kind}`, action({ [kind]: 'other' })))).toBe('done');
      await lift(kind, name);
    }
  });

  test('nobody lifts a quarantine of their own, nor their gateway; what they try leaves receipts, within bounds', async () => {
    await enter('ann', { gateway: 'service:gate' });
    await stop('agent', 'ann', { effect: 'quarantine' });
    for (const id of ['ann', 'human:Ann', 'service:gate', 'human:gate'])
      expect(code(await stage.colony.stops.lift(person(id), { kind: 'agent', name: 'ann' }, 'let me'))).toBe(
        'own-stop',
      );
    for (let i = 0; i < 100; i += 1)
      expect(code(await stage.colony.tasks.bid(as('ann'), 't1', { agent: 'ann' }))).toBe('stopped');
    const denials = types(stage.stream(denialStream(TENANT, 'ann')));
    expect(denials.length).toBeLessThan(10);
    const tried = stage.stream(denialStream(TENANT, 'ann')).map(({ meta }) => meta.action);
    expect(tried).toEqual(expect.arrayContaining(['stop.lift', 'task.bid']));
    await lift('agent', 'ann');
  });

  test('a service that is stopped does nothing, under every token and through whomever; an agent of a like name goes on', async () => {
    const { colony } = stage;
    const crm: RequestContext = {
      principal: { tenant: TENANT, id: 'service:crm', kind: 'service', level: 'critical', via: 'human:eve' },
    };
    const spoken: RequestContext = {
      principal: { tenant: TENANT, id: 'ann', kind: 'agent', level: 'execute', via: 'service:crm' },
    };
    await enter('crm');
    await enter('ann', { gateway: 'service:crm' });
    await stop('agent', 'service:CRM', { effect: 'quarantine' });
    expect(code(await colony.tasks.post(crm, 't1', spec()))).toBe('stopped');
    expect(code(await colony.tasks.post(spoken, 't1', spec()))).toBe('stopped');
    // Nor by what passes all other stops.
    expect(code(await colony.stops.stop(crm, { kind: 'tenant', name: TENANT }, 'freeze', 'mine'))).toBe('stopped');
    expect(code(await colony.stops.lift(crm, { kind: 'agent', name: 'service:crm' }, 'mine'))).toBe('stopped');
    for (const context of [as('crm'), as('ann'), person('human:crm'), person('human:eve')])
      expect(code(await colony.tasks.post(context, `of-${context.principal.id}`, spec()))).toBe('done');
    await lift('agent', 'service:crm');
    // The other way round.
    await stop('agent', 'crm');
    expect(code(await colony.tasks.post(as('crm'), 't2', spec()))).toBe('stopped');
    for (const context of [crm, spoken])
      expect(code(await colony.tasks.post(context, `t-${context.principal.id}`, spec()))).toBe('done');
  });

  test('what a person stands behind goes on when an agent is stopped whose name looks like theirs', async () => {
    const { colony } = stage;
    const crm: RequestContext = {
      principal: { tenant: TENANT, id: 'service:crm', kind: 'service', level: 'critical', via: 'human:bob' },
    };
    await enter('human:bob');
    await stop('agent', 'bob');
    for (const context of [crm, person('human:bob')])
      expect(code(await colony.tasks.post(context, `t-${context.principal.id}`, spec()))).toBe('done');
    await stage.settled();
    expect(task('t-service:crm').holder?.agent).toBe('human:bob');
    // Of whom there is data is no agent either.
    const asked = { ...crm, action: 'task.post', attributes: { subject: 'bob' } };
    expect(await colony.stopBook.refusal(asked, taskOf('t9'))).toBeUndefined();
    expect(code(await colony.tasks.post(as('bob'), 't9', spec()))).toBe('stopped');
  });

  test('agents and tasks that the platform stops are its own', async () => {
    const { colony } = stage;
    const pia = person('human:pia', PLATFORM);
    await enter('ann');
    await stop('agent', 'ann', { by: pia });
    await stop('task', 't1', { by: pia });
    expect(code(await post('t1'))).toBe('done');
    expect(task('t1').holder?.agent).toBe('ann');
    expect(code(await colony.tasks.post(as('ann'), 't2', spec()))).toBe('done');
    await stage.pass(10);
    await lift('task', 't1', pia);
    expect(colony.stopBook.stood(taskOf('t1'))).toEqual([]);
    const own = (id: string) => ({ principal: { ...as(id).principal, tenant: PLATFORM } });
    expect(code(await colony.tasks.post(own('ann'), 't2', spec()))).toBe('stopped');
  });

  test('no approval, no veto window and no round ends because its tenant stood still', async () => {
    const { colony } = stage;
    const thresholds = { ...DEFAULT_RULES.thresholds, novelty: 1 };
    const rules = { ...DEFAULT_RULES, thresholds, approvers: [{ group: 'approvers', members: [], seconds: 600 }] };
    await colony.oversight.configure(ada, 'erp.order', rules);
    await colony.oversight.configure(ada, 'erp.veto', { ...rules, mode: 'human_on_the_loop', veto_seconds: 600 });
    const proposal = {
      why: 'stock is low',
      confidence: 0.9,
      impact: 'low' as const,
      risk: 0.1,
      features: { amount: 40 },
      action: { item: 'bolts' },
    };
    // Nothing like it is new.
    const done = { ref: `${TENANT}/action/before`, features: { amount: 40 }, at: stage.now };
    for (const kind of ['erp.order', 'erp.veto']) colony.actions.history.put(TENANT, kind, done);
    await colony.actions.propose(as('buyer'), 'asked', { ...proposal, kind: 'erp.order' });
    await colony.actions.propose(as('buyer'), 'watched', { ...proposal, kind: 'erp.veto' });
    await enter('ann');
    await colony.rounds.open(ada, 'r', {
      question: 'Ship it?',
      kind: 'release',
      impact: 'low',
      choices: [...DEFAULT_CHOICES],
      round_seconds: 600,
      improvement_rounds: 0,
      allow_change: false,
      electorate: {
        algorithm: 'simple_majority',
        voters: ['ann', 'bob'].map((id) => ({ id, why: 'asked' })),
        min_agreement: 0.75,
        quorum: 0.6,
      },
    });
    await stage.settled();
    await stage.pass(300, undefined, 60);
    const statuses = async () => [
      (await colony.actions.load(TENANT, 'asked')).state.status,
      (await colony.actions.load(TENANT, 'watched')).state.status,
      (await colony.rounds.load(TENANT, 'r')).state.status,
    ];
    const waiting = ['held', 'veto_window', 'open'];
    expect(await statuses()).toEqual(waiting);
    await stop('tenant', TENANT);
    await stage.pass(86_400, undefined, 3_600);
    expect(await colony.decisions.timePassed(`${TENANT}/round/r`)).toBe(plusSeconds(stage.now, 60));
    await lift('tenant', TENANT);
    await stage.pass(250, undefined, 10);
    expect(await statuses()).toEqual(waiting);
    await stage.pass(200, undefined, 10);
    expect(await statuses()).toEqual(['refused', 'cleared', 'closed']);
  });
});

describe('in processes that share a store', () => {
  let processes: Process[];
  beforeEach(async () => {
    stage = new Stage({ shared: true });
    processes = [await begin(), await begin(), await begin()];
  });

  test('a stop holds in all of them once they have heard of it, and a lift too', async () => {
    await enter('ann');
    await stop('tenant', TENANT, { at: processes[1] as Process });
    for (const { colony } of processes) {
      await colony.peers.look();
      expect(code(await colony.tasks.post(as('poster', undefined, 'service'), 't1', spec()))).toBe('stopped');
    }
    await lift('tenant', TENANT);
    for (const [n, { colony }] of processes.entries()) {
      await colony.peers.look();
      expect(code(await colony.tasks.post(as('poster', undefined, 'service'), `t${n}`, spec()))).toBe('done');
    }
  });

  test('what a frozen agent holds goes to others, whichever of them reacts', async () => {
    await enter('ann', { capacity: 8 });
    for (let n = 0; n < 8; n += 1) {
      await post(`t${n}`);
      await accept(`t${n}`);
    }
    await enter('bob', { capacity: 8 });
    await stop('agent', 'ann', { at: processes[2] as Process });
    await stage.settled();
    for (let n = 0; n < 8; n += 1) expect(task(`t${n}`).holder?.agent).toBe('bob');
  });

  test('in bursts around a stop nothing is done once all have heard of it, and after the lift all of it is', async () => {
    for (const id of ['ann', 'bob']) await enter(id, { capacity: 50 });
    const burst = fc.array(fc.record({ at: fc.nat(2), early: fc.boolean() }), { minLength: 1, maxLength: 12 });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(burst, fc.nat(2), async (posts, by) => {
        round += 1;
        const give = (n: number, at: number) =>
          (processes[at] as Process).colony.tasks.post(
            as('poster', undefined, 'service'),
            `r${round}-${n}`,
            spec({ accept_seconds: 3_600 }),
          );
        const early = posts.flatMap(({ at, early: soon }, n) => (soon ? [give(n, at)] : []));
        const { colony } = processes[by] as Process;
        const stopped = await colony.stops.stop(ada, { kind: 'tenant', name: TENANT }, 'freeze', `round ${round}`);
        expect(stopped.ok).toBe(true);
        await Promise.all(early);
        await stage.settled();
        const before = done();
        const late = await Promise.all(posts.map(({ at }, n) => give(n, at)));
        expect(late.map(code)).toEqual(posts.map(() => 'stopped'));
        await stage.pass(60, () => stage.redeliver(), 20);
        expect(done()).toBe(before);
        await lift('tenant', TENANT);
        const again = await Promise.all(posts.map(({ at }, n) => give(n, at)));
        expect(again.filter((one) => !one.ok && one.rejection.code !== 'task-exists')).toEqual([]);
        await stage.pass(30, () => stage.redeliver(), 10);
        for (const n of posts.keys()) {
          expect(task(`r${round}-${n}`).status).toBe('awarded');
          await stage.colony.tasks.cancel(ada, `r${round}-${n}`, 'enough');
        }
        await stage.settled();
      }),
      { numRuns: 12 },
    );
  });

  test('one that hears nothing of the others refuses to act, and says so, until it has heard', async () => {
    await enter('ann');
    const [deaf, other] = processes as [Process, Process];
    await deaf.colony.peers.stop();
    stage.clock.time += 9_000;
    expect(code(await deaf.colony.tasks.post(as('poster', undefined, 'service'), 't1', spec()))).toBe('done');
    stage.clock.time += 2_000;
    await other.colony.peers.look();
    expect(await deaf.colony.tasks.post(as('poster', undefined, 'service'), 't2', spec())).toMatchObject({
      ok: false,
      rejection: { kind: 'unavailable', code: 'feed-lost' },
    });
    expect(deaf.colony.engine.standstill.trouble()).toMatch(/nothing was heard/);
    // What falls due there waits for it to hear again, and is not lost.
    const before = stage.deadlines().length;
    await deaf.colony.deadlines.fire();
    expect(stage.deadlines()).toHaveLength(before);
    // What stops passes all the same, and whoever hears is not concerned.
    expect(code(await deaf.colony.stops.stop(ada, { kind: 'task', name: 't9' }, 'freeze', 'it errs'))).toBe('done');
    expect(code(await other.colony.tasks.post(as('poster', undefined, 'service'), 't3', spec()))).toBe('done');
  });
});
