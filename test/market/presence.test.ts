/** A lease stands, and an agent is present, as long as there are signs of life. */
import fc from 'fast-check';
import { STOPPED_AGAIN_SECONDS } from '../../app/engine/standstill';
import { leaseKey } from '../../app/market/agents';
import { PresenceSweep } from '../../app/market/presence-sweep';
import { agentOf, as, profile, taskOf, TENANT, types } from '../support/stage';
import {
  accept,
  agent,
  AGES,
  beat,
  begin,
  claimOf,
  enter,
  newStage,
  offFor,
  post,
  PRESENCE,
  stage,
  stateOf,
  wait,
} from './holders';

const LEASE = 30;

describe('a lease', () => {
  test('stands exactly as long as its holder gives signs of life for it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: LEASE + 10 }), { maxLength: 12 }), async (gaps) => {
        await stage.end();
        newStage();
        await begin();
        await enter('ann');
        await post('t', { lease_seconds: LEASE });
        await accept('t');
        let stands = true;
        for (const gap of gaps) {
          wait(gap);
          await stage.fire();
          stands &&= gap < LEASE;
          expect(stateOf('t').holder?.award === 1).toBe(stands);
          const held = await stage.colony.agents.heartbeat(as('ann'), 'ann', [{ task: 't', award: 1 }]);
          expect(held).toEqual({ held: [{ task: 't', award: 1, stands }] });
        }
      }),
      { numRuns: 30 },
    );
  });

  test('costs no look at a task that is made up', async () => {
    await enter('ann');
    await post('t');
    await accept('t');
    const { transactor } = stage.colony;
    const loaded = jest.spyOn(transactor, 'load');
    const holding = [
      { task: 't', award: 1 },
      ...Array.from({ length: 50 }, (_, n) => ({ task: `none-${n}`, award: 1 })),
    ];
    const answer = await stage.colony.agents.heartbeat(as('ann'), 'ann', holding);
    const streams = loaded.mock.calls.map(([, stream]) => stream);
    loaded.mockRestore();
    expect(streams.filter((stream) => stream.includes('/task/'))).toEqual([taskOf('t')]);
    expect((answer as { held: { stands: boolean }[] }).held.map(({ stands }) => stands)).toEqual([
      true,
      ...Array<boolean>(50).fill(false),
    ]);
  });

  test('is not extended by a sign of life that does not name it', async () => {
    await enter('ann');
    await post('t');
    const former = await accept('t');
    wait(LEASE - 1);
    await beat('ann');
    wait(1);
    await stage.fire();
    expect(types(stage.stream(taskOf('t')).slice(-1))).toEqual(['AttemptEnded', 'TaskReopened']);
    expect(stateOf('t').history).toMatchObject([{ agent: 'ann', award: 1, end: 'expired' }]);
    expect(agent('ann').slots).toEqual({});
    const tooLate = await stage.colony.tasks.complete(as('ann'), 't', former, {});
    expect(tooLate.ok ? undefined : tooLate.rejection.code).toBe('award-superseded');
  });

  test('has its full time once more after a restart, since nobody was there to hear', async () => {
    await enter('ann', { presence_seconds: AGES });
    await post('t', { max_attempts: 1 });
    await accept('t');
    await offFor(3_600);
    await stage.fire();
    wait(LEASE - 1);
    await stage.fire();
    expect(stateOf('t').status).toBe('running');
    wait(1);
    await stage.fire();
    expect(stateOf('t').status).toBe('dead');
  });

  test('is forgotten by every process as soon as that hears of its end, whoever reacts to it and has extended it', async () => {
    await stage.end();
    newStage({ shared: true, presenceLateSeconds: 0 });
    await begin();
    const other = (await begin()).colony;
    const third = (await begin()).colony;
    await enter('ann');
    await post('t');
    const claim = await accept('t');
    await other.agents.heartbeat(as('ann'), 'ann', [{ task: 't', award: 1 }]);
    const lease = leaseKey(TENANT, 't', 1);
    await other.peers.look();
    await stage.flush();
    for (const { ports } of [other, third]) expect(await ports.presence.last(lease)).toBe(stage.clock.time);
    expect((await stage.colony.tasks.complete(as('ann'), 't', claim, {})).ok).toBe(true);
    // No trigger has handed that over yet.
    for (const { peers, ports } of [other, third]) {
      await peers.look();
      expect(await ports.presence.last(lease)).toBeUndefined();
    }
  });

  test('that was extended as it ran out in another process stands', async () => {
    await enter('ann');
    await post('t');
    await accept('t');
    const other = await begin();
    wait(LEASE - 1);
    const held = await other.colony.agents.heartbeat(as('ann'), 'ann', [{ task: 't', award: 1 }]);
    expect(held).toEqual({ held: [{ task: 't', award: 1, stands: true }] });
    wait(1);
    await stage.fire();
    expect(stateOf('t').status).toBe('running');
  });
});

describe('presence', () => {
  test('a silent agent is lost after its time, gives back what it holds, and others take it', async () => {
    await enter('ann', { capacity: 2 });
    await post('runs', { lease_seconds: AGES, accept_seconds: AGES });
    await accept('runs');
    await post('waits', { accept_seconds: AGES });
    wait(10);
    await beat('ann', 'runs');
    const lastSeen = stage.now;
    wait(PRESENCE - 0.001);
    await stage.fire();
    expect(agent('ann').status).toBe('active');
    wait(0.001);
    await stage.fire();
    expect(
      stage
        .stream(agentOf('ann'))
        .flatMap(({ events }) => events)
        .find(({ type }) => type === 'AgentLost'),
    ).toMatchObject({ data: { last_seen: lastSeen } });
    expect(agent('ann').slots).toEqual({});
    for (const task of ['runs', 'waits'])
      expect(stateOf(task)).toMatchObject({
        status: 'open',
        attempts: 2,
        history: [{ agent: 'ann', award: 1, end: 'lost' }],
      });
    await enter('bob', { capacity: 2 });
    wait(1);
    await stage.fire();
    for (const task of ['runs', 'waits']) expect(claimOf(task)).toEqual({ agent: 'bob', award: 2 });
  });

  test('an agent that comes back gets work again, and is watched again', async () => {
    await enter('ann');
    wait(PRESENCE);
    await stage.fire();
    expect(agent('ann').status).toBe('lost');
    await post('t', { accept_seconds: AGES });
    expect(stateOf('t').status).toBe('open');
    await beat('ann');
    await stage.settled();
    expect(claimOf('t')).toEqual({ agent: 'ann', award: 1 });
    wait(PRESENCE - 1);
    await stage.fire();
    expect(agent('ann').status).toBe('active');
    wait(1);
    await stage.fire();
    expect(types(stage.stream(agentOf('ann'))).filter((type) => /Lost|Returned/.test(type))).toEqual([
      'AgentLost',
      'AgentReturned',
      'AgentLost',
    ]);
  });

  test('nobody is lost after a restart before having had time to say something', async () => {
    await enter('ann');
    await enter('bob');
    await offFor(3_600);
    await stage.fire();
    wait(PRESENCE - 1);
    await stage.fire();
    expect([agent('ann').status, agent('bob').status]).toEqual(['active', 'active']);
    await beat('bob');
    wait(1);
    await stage.fire();
    expect([agent('ann').status, agent('bob').status]).toEqual(['lost', 'active']);
  });

  test('an agent is lost once, though two processes look at once', async () => {
    await enter('ann');
    await post('t', { lease_seconds: AGES });
    await accept('t');
    const other = await begin();
    wait(PRESENCE);
    await Promise.all([stage.first, other].map(({ colony }) => colony.deadlines.fire()));
    await stage.fire();
    expect(types(stage.stream(agentOf('ann'))).filter((type) => type === 'AgentLost')).toHaveLength(1);
    expect(stateOf('t').history).toHaveLength(1);
  });

  test('what a lost agent holds is given back also when the process dies in between', async () => {
    await enter('ann');
    await post('t', { lease_seconds: AGES });
    await accept('t');
    wait(PRESENCE);
    stage.mishaps = (port, method, [append]) =>
      port === 'store' && method === 'append' && (append as { stream: string }).stream === taskOf('t')
        ? 'hangs'
        : undefined;
    await stage.colony.deadlines.fire();
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([agent('ann').status, stateOf('t').status]).toEqual(['lost', 'running']);
    stage.first.kill();
    stage.mishaps = () => undefined;
    await begin();
    expect(stateOf('t')).toMatchObject({ status: 'open', history: [{ end: 'lost' }] });
    expect(agent('ann').slots).toEqual({});
  });

  test('where processes share the stores, it is lost all the same, once, and no message waits for that', async () => {
    await stage.end();
    newStage({ shared: true });
    await begin();
    await begin();
    await enter('ann');
    await enter('bob');
    await post('t', { lease_seconds: AGES });
    const { agent: holder } = await accept('t');
    wait(PRESENCE - 1);
    await beat(holder === 'ann' ? 'bob' : 'ann');
    await stage.fire();
    expect([agent('ann').status, agent('bob').status]).toEqual(['active', 'active']);
    const waiting = await stage.colony.ports.deadlines.due('9999-12-31T00:00:00.000Z', 100);
    expect(waiting.map(({ reason }) => reason)).not.toContain('presence');
    wait(1);
    await stage.fire();
    await stage.fire();
    expect(agent(holder).status).toBe('lost');
    expect(types(stage.stream(agentOf(holder))).filter((type) => type === 'AgentLost')).toHaveLength(1);
    expect(agent(holder === 'ann' ? 'bob' : 'ann').status).toBe('active');
    expect(stateOf('t')).toMatchObject({ history: [{ agent: holder, end: 'lost' }] });
  });

  test('where processes share the stores, who registers or comes back lives, though nobody has written yet that it was heard', async () => {
    await stage.end();
    newStage({ shared: true, presenceLateSeconds: 0 });
    await begin();
    await begin();
    wait(PRESENCE * 10);
    await stage.fire();
    await enter('ann');
    await stage.fire();
    expect(agent('ann').status).toBe('active');
    wait(PRESENCE);
    await stage.fire();
    expect(agent('ann').status).toBe('lost');
    await stage.living[1]?.colony.agents.heartbeat(as('ann'), 'ann', []);
    await stage.settled();
    await stage.fire();
    expect(agent('ann').status).toBe('active');
  });

  test('where processes share the stores, limits shorter than the time until others know of a sign of life are kept', async () => {
    const [limit, late] = [15, 13];
    await stage.end();
    newStage({ shared: true, presenceLateSeconds: late });
    await begin();
    await begin();
    await enter('ann', { presence_seconds: limit });
    await post('t', { lease_seconds: limit });
    const claim = await accept('t');
    const other = stage.living[1]?.colony;
    // It writes at 10 s, 20 s, …; she is heard a moment later.
    await stage.flush();
    for (let second = 1; second <= 61; second += 1) {
      wait(1);
      if (second % 10 === 0) await stage.flush();
      if (second % 5 === 1) await other?.agents.heartbeat(as('ann'), 'ann', [{ task: 't', award: claim.award }]);
      await stage.fire();
    }
    expect([agent('ann').status, stateOf('t').status]).toEqual(['active', 'running']);
    await stage.flush();
    wait(limit + late - 1);
    await stage.fire();
    expect([agent('ann').status, stateOf('t').status]).toEqual(['active', 'running']);
    wait(1);
    await stage.fire();
    expect([agent('ann').status, stateOf('t').status]).toEqual(['lost', 'open']);
  });

  test('where processes share the stores, one that can not be looked at keeps nobody else from being lost', async () => {
    await stage.end();
    newStage({ shared: true });
    await begin();
    await enter('ann');
    await enter('bob');
    stage.mishaps = (port, method, [stream]) =>
      port === 'store' && method === 'head' && stream === agentOf('ann') ? 'fails' : undefined;
    wait(PRESENCE);
    await stage.fire();
    expect([agent('ann').status, agent('bob').status]).toEqual(['active', 'lost']);
    stage.mishaps = () => undefined;
    await stage.fire();
    expect(agent('ann').status).toBe('lost');
  });

  test('where processes share the stores, many who fall silent at once are doubted by one that has heard none of them', async () => {
    await stage.end();
    newStage({ shared: true });
    const heard = await begin();
    await begin();
    const ids = Array.from({ length: 10 }, (_, n) => `agent-${n}`);
    for (const id of ids) await enter(id);
    await stage.fire();
    heard.kill();
    wait(PRESENCE);
    await stage.fire();
    expect(ids.map((id) => agent(id).status)).toEqual(ids.map(() => 'active'));
    wait(PRESENCE - 1);
    await stage.colony.agents.heartbeat(as('agent-0'), 'agent-0', []);
    await stage.fire();
    expect(ids.map((id) => agent(id).status)).toEqual(ids.map(() => 'active'));
    wait(1);
    await stage.fire();
    expect(ids.map((id) => agent(id).status)).toEqual(ids.map((_, n) => (n === 0 ? 'active' : 'lost')));
  });

  test('where processes share the stores, only who has the duty looks for those who are silent', async () => {
    await stage.end();
    newStage({ shared: true });
    const { colony } = await begin();
    await enter('ann');
    const { presence } = colony.ports;
    const { agents } = colony.market;
    const looked: string[] = [];
    const judged: unknown[] = [];
    const sweepOf = (mine: boolean) =>
      new PresenceSweep({
        agents,
        presence,
        duty: { mine },
        standstill: { waits: () => false },
        clock: { now: () => stage.clock.time },
        report: () => undefined,
        judge: (silence) => judged.push(silence),
      });
    const look = async (stream: string) => void looked.push(stream);
    wait(PRESENCE);
    await sweepOf(false).sweep(look);
    const nobody = { living: 0, silent: [] };
    expect([looked, judged]).toEqual([[], [nobody]]);
    await sweepOf(true).sweep(look);
    expect([looked, judged]).toEqual([
      [agentOf('ann')],
      [nobody, { living: 1, silent: [stage.clock.time - PRESENCE * 1_000] }],
    ]);
  });

  test.each([false, true])(
    'many who fall silent at once are doubted, though others are silent because they are stopped (shared: %s)',
    async (shared) => {
      await stage.end();
      newStage({ shared });
      await begin();
      const ids = Array.from({ length: 10 }, (_, n) => `agent-${n}`);
      const bravo = { tenant: 'bravo', id: 'ops', kind: 'human', level: 'critical' } as const;
      const heard = async () => {
        for (const id of ids) await stage.colony.agents.heartbeat(as(id), id, []);
      };
      for (const id of ids) {
        await enter(id);
        expect((await stage.colony.agents.register({ principal: bravo }, id, profile())).ok).toBe(true);
      }
      const stopped = { kind: 'tenant', name: 'bravo' } as const;
      expect((await stage.colony.stops.stop({ principal: bravo }, stopped, 'freeze', 'it errs')).ok).toBe(true);
      await stage.settled();
      for (let i = 0; i < 3; i += 1) {
        wait(PRESENCE - 1);
        await heard();
        await stage.fire();
      }
      wait(PRESENCE);
      await stage.fire();
      expect(ids.map((id) => agent(id).status)).toEqual(ids.map(() => 'active'));
      wait(PRESENCE);
      await stage.fire();
      expect(ids.map((id) => agent(id).status)).toEqual(ids.map(() => 'lost'));
    },
  );

  test('where processes share the stores, who is silent in a stopped tenant costs no message either, and is lost after what was left', async () => {
    await stage.end();
    newStage({ shared: true });
    await begin();
    await enter('ann');
    const ada = { principal: { tenant: TENANT, id: 'human:ada', kind: 'human', level: 'critical' } } as const;
    const tenant = { kind: 'tenant', name: TENANT } as const;
    expect((await stage.colony.stops.stop(ada, tenant, 'freeze', 'it errs')).ok).toBe(true);
    for (let i = 0; i < 3; i += 1) {
      wait(PRESENCE);
      await stage.fire();
    }
    expect(stage.deadlines().map(({ reason }) => reason)).not.toContain('presence');
    expect((await stage.colony.stops.lift(ada, tenant, 'it is well')).ok).toBe(true);
    wait(PRESENCE - 1);
    await stage.fire();
    expect(agent('ann').status).toBe('active');
    wait(1 + STOPPED_AGAIN_SECONDS);
    await stage.fire();
    expect(agent('ann').status).toBe('lost');
  });
});
