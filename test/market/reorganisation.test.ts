/** Agents that go from one pool to another: for a while, for good, by hand. */
import type { Commit } from '../../domain/kernel/commit';
import { toMillis, toTime } from '../../domain/kernel/time';
import type { AgentProfile } from '../../domain/market/agent';
import { type Move, poolDecider, reorganise } from '../../domain/market/pool';
import {
  another,
  as,
  balance,
  clock,
  colony,
  commits,
  enter,
  events,
  many,
  pool,
  posts,
  reports,
  seconds,
  START,
} from './balanced';

async function holderOf(task: string): Promise<string | undefined> {
  return (await colony.tasks.load('acme', task)).state.holder?.agent;
}

async function profileOf(id: string): Promise<AgentProfile> {
  return (await colony.agents.load('acme', id)).state.profile as AgentProfile;
}

test('idle agents of another pool help, also when the task was too weak for them at first', async () => {
  await many(2, 'a');
  await many(3, 'b', { offer: { helps: ['a'], min_strength: 0.505 } });
  await many(2, 'c');
  const ids = await posts(5, 'a');
  expect(await Promise.all(ids.map(holderOf))).toEqual([
    expect.stringMatching(/^a-/),
    expect.stringMatching(/^a-/),
    undefined,
    undefined,
    undefined,
  ]);
  // The strength grows from 0.5 to 1 within a day: it passes 0.505 after a quarter of an hour.
  clock.time += 1_000_000;
  expect(await holderOf(ids[2] as string)).toBeUndefined();
  await seconds(6);
  expect((await Promise.all(ids.slice(2).map(holderOf))).sort()).toEqual(['b-0', 'b-1', 'b-2']);
  const award = (await commits('task', ids[2] as string)).at(-1) as Commit;
  expect(award.events).toMatchObject([
    { type: 'BidsClosed', data: { candidates: expect.arrayContaining([expect.objectContaining({ source: 'help' })]) } },
    { type: 'TaskAwarded' },
  ]);
  // The reservation, which the award names as its cause, was caused by the overload.
  const [reservation] = (await commits('agent', (await holderOf(ids[2] as string)) as string)).slice(-1);
  expect(reservation?.meta.causationId).toBe('acme/pool/a@0');
  await seconds(12);
  expect(pool('a').status).toBe('balanced');
});

/** What rules how the colony runs takes the highest level. */
const administrator = { principal: { ...as('ada', 'human').principal, level: 'critical' } } as const;

test.each([
  ['the pool that could give agents', 'b'],
  ['the pool that lacks them', 'a'],
])('nobody is moved while a person has paused %s', async (_, name) => {
  await many(4, 'a');
  await many(15, 'b', { capacity: 4, offer: { helps: ['a'], min_strength: 0 } });
  await posts(40, 'a');
  expect(await colony.pauses.pause(administrator, { kind: 'pool', name }, 'maintenance')).toMatchObject({
    ok: true,
  });
  await seconds(80);
  expect(await events('a')).toEqual(['PoolOverloaded']);
  await colony.pauses.resume(administrator, { kind: 'pool', name });
  await seconds(12);
  expect(await events('a')).toEqual(['PoolOverloaded', 'SwarmReorganised']);
});

test('a swarm whose performance has fallen gets agents for good, and is then left alone', async () => {
  await many(4, 'a');
  // Each helps with one task while it is idle; in its new role it takes as many as it can.
  await many(5, 'b', { capacity: 4, offer: { helps: ['a'], min_strength: 0 } });
  await many(10, 'b', {}, 'rest');
  const ids = await posts(40, 'a');
  const held = async () => (await Promise.all(ids.map(holderOf))).filter((holder) => holder !== undefined).length;
  expect(await held()).toBe(9);
  const other = another();
  await seconds(64, balance, other);
  expect(await events('a')).toEqual(['PoolOverloaded']);
  await seconds(10, balance, other);
  expect(await events('a')).toEqual(['PoolOverloaded', 'SwarmReorganised']);
  const moves: Move[] = ['b-0', 'b-1', 'b-2'].map((agent) => ({ agent, from: 'b', to: 'a', takes: ['a'] }));
  const [, reorganised] = await commits('pool', 'a');
  expect(reorganised?.events).toMatchObject([
    {
      data: {
        trigger: 'performance_degradation',
        strategy: 'role_reassignment',
        moves,
        reason: expect.stringContaining('tasks wait'),
      },
    },
  ]);
  expect(await held()).toBe(18);
  expect(await profileOf('b-0')).toMatchObject({ pool: 'a', agent_type: 'b.worker', capabilities: { a: 0.5, b: 1 } });
  expect(await profileOf('b-3')).toMatchObject({ pool: 'b' });
  const role = (await commits('agent', 'b-0')).find(({ meta }) => meta.action === 'agent.assign-role');
  expect(role).toMatchObject({
    meta: { causationId: 'acme/pool/a@1' },
    events: [{ type: 'RoleAssigned', data: { pool: 'a' } }, { type: 'AgentRevised' }],
  });

  // 22 tasks still wait; nobody is moved before the 15 minutes are over, neither here nor from the pool that gave.
  await seconds(60);
  clock.time = toMillis(pool('a').cooldown_until as string) - 5_000;
  await seconds(4);
  expect(await events('a')).toEqual(['PoolOverloaded', 'SwarmReorganised']);
  clock.time += 11_000;
  await seconds(20);
  expect(await events('a')).toEqual(['PoolOverloaded', 'SwarmReorganised', 'SwarmReorganised']);
  expect(reports).toEqual([]);
});

test('a reorganisation whose process ended is carried out from the feed, each move once', async () => {
  await many(3, 'b', { offer: { helps: ['a'], min_strength: 0 } });
  await many(1, 'a');
  const moves = ['b-0', 'b-1'].map((agent) => ({ agent, from: 'b', to: 'a', takes: ['a'] }));
  const outcome = await colony.transactor.transact(
    poolDecider,
    'acme/pool/a',
    reorganise({ trigger: 'requested', strategy: 'role_reassignment', moves, reason: 'asked', at: toTime(START) }),
    { ...as('ada', 'human'), action: 'pool.reorganise', attributes: { trigger: 'requested' } },
  );
  const commit = (outcome.ok ? outcome.commit : undefined) as Commit;
  await Promise.all([balance.handle([commit]), another().handle([commit])]);
  expect((await Promise.all(['b-0', 'b-1', 'b-2'].map(profileOf))).map(({ pool: name }) => name)).toEqual([
    'a',
    'a',
    'b',
  ]);
  const before = await commits('agent', 'b-0');
  expect(before.filter(({ meta }) => meta.action === 'agent.assign-role')).toHaveLength(1);
  // What the agent says of itself later stands.
  await enter('b-0', 'b');
  await balance.handle([commit]);
  expect((await profileOf('b-0')).pool).toBe('b');
  expect(await commits('agent', 'b-0')).toHaveLength(before.length + 1);
  // Commits of other streams are none of its business.
  await balance.handle([before[0] as Commit]);
});

test('a pool with a new objective gets agents that serve it', async () => {
  await many(2, 'a', { capacity: 2 });
  await many(10, 'b', { capabilities: { scan: 0.8 } });
  await many(20, 'c', { offer: { helps: ['scan'], min_strength: 0 } });
  await balance.tick();
  const objective = { description: 'scan the archive', capabilities: ['scan'] };
  const { changed, reorganised } = await balance.changeObjective(as('ada', 'human'), 'a', objective);
  const [change, moved] = await commits('pool', 'a');
  expect(changed).toMatchObject({ ok: true, events: [{ type: 'ObjectiveChanged', data: { objective, by: 'ada' } }] });
  expect(moved).toMatchObject({
    meta: { actor: { id: 'balance' }, causationId: 'acme/pool/a@0', correlationId: change?.meta.correlationId },
    events: [{ data: { trigger: 'objective_change' } }],
  });
  expect(reorganised?.ok === true && reorganised.state.objective_pending).toBe(false);
  await balance.tick();
  expect(pool('a')).toMatchObject({ objective, sample: { agents: 6 } });
  expect(await profileOf('b-0')).toMatchObject({ pool: 'a', capabilities: { scan: 0.8 } });
  expect(await profileOf('c-0')).toMatchObject({ pool: 'a', capabilities: { scan: 0.5 } });

  // The same again changes nothing; another one waits until the pool may be reorganised again.
  expect(await balance.changeObjective(as('ada', 'human'), 'a', objective)).toMatchObject({
    changed: { ok: true, events: [] },
    reorganised: undefined,
  });
  expect(
    await balance.changeObjective(as('ada', 'human'), 'a', { description: 'c', capabilities: ['c'] }),
  ).toMatchObject({ changed: { ok: true }, reorganised: undefined });
  await seconds(20);
  expect((await events('a')).filter((type) => type === 'SwarmReorganised')).toHaveLength(1);
  clock.time += 15 * 60_000;
  await seconds(2);
  expect((await events('a')).filter((type) => type === 'SwarmReorganised')).toHaveLength(2);
  expect((await balance.changeObjective(as('ada', 'human'), 'nowhere', objective)).changed).toMatchObject({
    ok: false,
    rejection: { code: 'pool-not-found' },
  });
});

test('an objective that nobody serves does not keep a pool from what its load calls for', async () => {
  await many(4, 'a');
  await many(5, 'b', { capacity: 4, offer: { helps: ['a'], min_strength: 0 } });
  await many(10, 'b', {}, 'rest');
  await balance.tick();
  expect(
    await balance.changeObjective(as('ada', 'human'), 'a', { description: 'fly', capabilities: ['wings'] }),
  ).toMatchObject({ changed: { ok: true }, reorganised: undefined });
  await posts(40, 'a');
  await seconds(90);
  expect((await commits('pool', 'a')).at(-1)?.events).toMatchObject([
    { type: 'SwarmReorganised', data: { trigger: 'performance_degradation' } },
  ]);
  expect(pool('a').objective?.description).toBe('fly');
});

test('people reorganise by hand', async () => {
  await many(3, 'a', { offer: { helps: ['b'], min_strength: 0 } });
  await many(1, 'b');
  await posts(3, 'b');
  await balance.tick();
  const ada = { ...as('ada', 'human'), command: { key: 'key-1', hash: 'h' } };
  const request = [
    { agent: 'a-0', to: 'b' },
    { agent: 'b-0', to: 'b' },
  ];
  const asked = await balance.reorganise(ada, 'b', request, 'the fair begins');
  expect(asked).toMatchObject({
    ok: true,
    events: [
      {
        data: {
          trigger: 'requested',
          strategy: 'role_reassignment',
          moves: [{ agent: 'a-0', from: 'a', to: 'b' }],
          reason: 'the fair begins',
        },
      },
    ],
  });
  expect((await profileOf('a-0')).pool).toBe('b');
  expect(await balance.reorganise(ada, 'b', request, 'the fair begins')).toMatchObject({ ok: true, repeated: true });
  const refusal = async (name: string, moves: { agent: string; to: string }[]) => {
    const outcome = await balance.reorganise(as('ada', 'human'), name, moves, 'again');
    return outcome.ok ? undefined : [outcome.rejection.code, outcome.rejection.details];
  };
  expect(await refusal('b', [{ agent: 'a-1', to: 'b' }])).toEqual([
    'cooling-down',
    { cooldown_until: toTime(START + 900_000) },
  ]);
  expect(await refusal('a', [])).toEqual(['nothing-to-move', {}]);
  expect(await refusal('a', [{ agent: 'nobody', to: 'b' }])).toEqual(['agent-not-found', { agent: 'nobody' }]);
  expect(await refusal('c', [{ agent: 'a-1', to: 'b' }])).toEqual(['move-elsewhere', { agent: 'a-1' }]);
  expect(await refusal('a', [{ agent: 'a-1', to: 'b/c' }])).toEqual(['pool-invalid', { agent: 'a-1' }]);
  await colony.agents.deregister(as('a-2'), 'a-2', 'tired');
  expect(await refusal('a', [{ agent: 'a-2', to: 'b' }])).toEqual(['agent-not-active', { agent: 'a-2' }]);
  // A pool that opens and one that closes.
  expect(await balance.reorganise(as('ada', 'human'), 'new', [{ agent: 'a-1', to: 'new' }], 'split')).toMatchObject({
    ok: true,
    events: [{ data: { strategy: 'topology_modification' } }],
  });
  await seconds(2);
  expect(balance.live('acme').map(({ pool: name, sample }) => [name, sample.agents])).toEqual([
    ['b', 2],
    ['new', 1],
  ]);
});
