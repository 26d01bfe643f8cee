import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Colony } from '../../app/colony';
import { AllowAll } from '../../app/engine/policy';
import type { PolicyInput } from '../../app/engine/ports';
import { Transactor } from '../../app/engine/transact';
import { Balance } from '../../app/market/balance';
import type { PoolLive } from '../../app/market/balance-pools';
import { Signals } from '../../app/signals/signals';
import type { Commit } from '../../domain/kernel/commit';
import { toMillis, toTime } from '../../domain/kernel/time';
import type { AgentProfile } from '../../domain/market/agent';
import { type Move, poolDecider, reorganise } from '../../domain/market/pool';
import type { TaskSpec } from '../../domain/market/task';
import { trailId } from '../../domain/signals/trail';
import { openColony, readSettings } from '../../host/composition';
import { eventually } from '../support/eventually';

const START = toMillis('2026-11-21T10:00:00.000Z');
const START_BUCKET = START / 10_000;
const AGES = 10_000_000;

let folder: string;
let colony: Colony;
let clock: { time: number; now(): number };
let balance: Balance;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-'));
  clock = { time: START, now: () => clock.time };
  colony = await openColony(
    { ...readSettings({}), data: folder, logLevel: 'fatal' },
    { clock, policy: new AllowAll() },
  );
  // It ticks when a test says so, by the test's clock.
  balance = colony.balance;
  await balance.stop();
});

afterEach(async () => {
  await colony.stop();
  rmSync(folder, { recursive: true });
});

const reports: string[] = [];

function balanceOn(transactor: Transactor): Balance {
  const { views } = colony.ports;
  return new Balance(
    transactor,
    colony.market,
    new Signals(transactor, views, clock, () => colony.views.serving('trails')),
    views,
    clock,
    (message, facts) => reports.push(`${message}: ${JSON.stringify(facts)}`),
  );
}

/** A balance as another process has it: over the same store, with a cache of its own. */
function another(): Balance {
  return balanceOn(new Transactor(colony.ports.store, new AllowAll(), clock, randomUUID));
}

const as = (id: string, kind: 'agent' | 'human' = 'agent') =>
  ({ principal: { tenant: 'acme', id, kind, level: 'execute' } }) as const;

async function enter(id: string, pool: string, changes: Partial<AgentProfile> = {}): Promise<void> {
  const offer = { helps: [], min_strength: 0 };
  const outcome = await colony.agents.register(as(id), id, {
    agent_type: `${pool}.worker`,
    pool,
    capabilities: { [pool]: 1 },
    capacity: 1,
    presence_seconds: AGES,
    offer,
    ...changes,
  });
  expect(outcome.ok).toBe(true);
}

async function many(count: number, pool: string, changes: Partial<AgentProfile> = {}, prefix = pool): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => enter(`${prefix}-${i}`, pool, changes)));
}

let tasks = 0;

async function post(capability: string, changes: Partial<TaskSpec> = {}): Promise<string> {
  const id = `task-${(tasks += 1)}`;
  const spec = {
    task_type: `${capability}.job`,
    priority: 1,
    urgency: 0.5,
    requires: [{ capability, level: 0 }],
    requester: 'poster',
    bid_seconds: 0,
    accept_seconds: AGES,
    lease_seconds: AGES,
    max_attempts: 2,
    retry_seconds: 1,
  };
  expect((await colony.tasks.post(as('poster'), id, { ...spec, ...changes })).ok).toBe(true);
  return id;
}

async function posts(count: number, capability: string, changes: Partial<TaskSpec> = {}): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) ids.push(await post(capability, changes));
  await colony.feed.settled();
  return ids;
}

async function holderOf(task: string): Promise<string | undefined> {
  return (await colony.tasks.load('acme', task)).state.holder?.agent;
}

async function finish(task: string): Promise<void> {
  const { holder } = (await colony.tasks.load('acme', task)).state;
  const claim = { agent: holder?.agent as string, award: holder?.award as number };
  await colony.tasks.accept(as(claim.agent), task, claim);
  expect((await colony.tasks.complete(as(claim.agent), task, claim, {})).ok).toBe(true);
  await colony.feed.settled();
}

/** A look a second, for so many seconds. */
async function seconds(count: number, ...balances: Balance[]): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    for (const one of balances.length > 0 ? balances : [balance]) await one.tick();
    await colony.feed.settled();
    clock.time += 1_000;
  }
}

function pool(name: string): PoolLive {
  return balance.live('acme').find((one) => one.pool === name) as PoolLive;
}

async function commits(category: string, id: string): Promise<readonly Commit[]> {
  return await colony.ports.store.read(`acme/${category}/${id}`, 0, 1_000);
}

async function events(name: string): Promise<string[]> {
  return (await commits('pool', name)).flatMap((commit) => commit.events.map(({ type }) => type));
}

async function profileOf(id: string): Promise<AgentProfile> {
  return (await colony.agents.load('acme', id)).state.profile as AgentProfile;
}

test('a pool is seen as it is, and as it has been', async () => {
  await many(4, 'a', { capacity: 2 });
  await many(2, 'b', { offer: null });
  await seconds(10);
  await posts(6, 'a');
  await seconds(30);
  expect(balance.live('other')).toEqual([]);
  expect(balance.live('acme').map(({ pool: name }) => name)).toEqual(['a', 'b']);
  expect(pool('a')).toEqual({
    pool: 'a',
    status: 'balanced',
    since: null,
    sample: {
      at: toTime(clock.time - 1_000),
      agents: 4,
      capacity: 8,
      slots: 6,
      waiting: 0,
      gini: expect.any(Number),
      utilisation: 0.75,
      idle: 0,
    },
    mean: { gini: expect.any(Number), utilisation: 0.5625, idle: 0.25 },
    meets: { gini: true, utilisation: false, idle: false },
    objective: null,
    cooldown_until: null,
  });
  expect(pool('a').sample.gini).toBeLessThanOrEqual(0.25);
  expect(pool('b').status).toBe('idle');
});

test('the history holds a mean for each ten seconds, for six hours', async () => {
  await many(2, 'a');
  await balance.tick();
  const [task] = await posts(1, 'a');
  clock.time += 5_000;
  await balance.tick();
  clock.time += 5_000;
  await balance.tick();
  const first = await balance.history('acme', 'a', toTime(START), 10);
  expect(first).toEqual([
    {
      at: toTime(START),
      bucket: START_BUCKET,
      agents: 2,
      capacity: 2,
      slots: 0.5,
      waiting: 0,
      gini: 0.25,
      utilisation: 0.25,
      idle: 0.75,
    },
  ]);
  await finish(task as string);
  await seconds(40);
  const whole = await balance.history('acme', 'a', toTime(START), 10);
  expect(whole.map(({ at, utilisation }) => [toMillis(at) - START, utilisation])).toEqual([
    [0, 0.25],
    [10_000, 0],
    [20_000, 0],
    [30_000, 0],
  ]);
  expect(await balance.history('acme', 'a', toTime(START), 2)).toEqual(whole.slice(0, 2));
  expect(await balance.history('acme', 'a', toTime(toMillis(whole[1]?.at as string) + 1), 2)).toEqual(whole.slice(2));
  // Six hours later the rows are taken by new buckets.
  clock.time = START + 6 * 3_600_000;
  await seconds(25);
  const buckets = (rows: readonly { bucket: number }[]) => rows.map(({ bucket }) => bucket - START_BUCKET);
  expect(buckets(await balance.history('acme', 'a', toTime(START), 10_000))).toEqual([2, 3, 4, 2_160, 2_161]);
  const { rows } = await colony.ports.views.query<{ bucket: number }>('balance.v1', {
    tenant: 'acme',
    key: 'a',
    limit: 1_000,
  });
  expect(buckets(rows.map(({ doc }) => doc)).sort((a, b) => a - b)).toEqual([2, 3, 4, 2_160, 2_161]);
});

test('overload and recovery are events and signals, once, however many processes look', async () => {
  await many(2, 'a');
  const ids = await posts(4, 'a');
  const other = another();
  await seconds(5, balance, other);
  expect(await events('a')).toEqual([]);
  await seconds(1, balance, other);
  expect(await events('a')).toEqual(['PoolOverloaded']);
  expect(colony.market.overloaded).toEqual(new Set(['acme a']));
  await seconds(30, balance, other);
  expect(await events('a')).toEqual(['PoolOverloaded']);
  const [overload] = await commits('pool', 'a');
  expect(overload).toMatchObject({
    meta: { actor: { id: 'balance', kind: 'system' }, action: 'pool.observe' },
    events: [{ data: { sample: { agents: 2, slots: 2, waiting: 2, utilisation: 1 } } }],
  });

  const signals = await commits('trail', trailId('load_high', 'pool/a'));
  expect(signals.flatMap((commit) => commit.events)).toMatchObject([
    { type: 'SignalEmitted', data: { strength: 1, emitter_agent: 'balance' } },
  ]);
  expect(signals[0]?.meta).toMatchObject({ causationId: 'acme/pool/a@0', correlationId: overload?.meta.correlationId });
  // While it lasts the signal is renewed each minute.
  await seconds(60, balance, other);
  expect(await commits('trail', trailId('load_high', 'pool/a'))).toHaveLength(2);

  for (const id of ids.slice(0, 2)) await finish(id);
  expect(pool('a').sample.waiting).toBe(2);
  await seconds(10, balance, other);
  expect(await events('a')).toEqual(['PoolOverloaded']);
  await seconds(2, balance, other);
  expect(await events('a')).toEqual(['PoolOverloaded', 'PoolRecovered']);
  expect((await commits('pool', 'a'))[1]?.meta).toMatchObject({
    causationId: 'acme/pool/a@0',
    correlationId: overload?.meta.correlationId,
  });
  expect(colony.market.overloaded.size).toBe(0);
  expect(reports).toEqual([]);
});

test('idleness is told with its share, and after a restart it is known', async () => {
  await many(4, 'a');
  await posts(1, 'a');
  await seconds(31);
  expect(await events('a')).toEqual(['PoolIdle']);
  const [signal] = await commits('trail', trailId('capacity_idle', 'pool/a'));
  expect(signal?.events).toMatchObject([{ data: { type: 'capacity_idle', location: 'pool/a', strength: 0.75 } }]);
  const restarted = another();
  await seconds(40, restarted);
  expect(restarted.live('acme')).toMatchObject([{ pool: 'a', status: 'idle', since: toTime(START + 30_000) }]);
  expect(await events('a')).toEqual(['PoolIdle']);
  expect(await commits('trail', trailId('capacity_idle', 'pool/a'))).toHaveLength(1);
});

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

test.each([
  ['the pool that could give agents', 'b'],
  ['the pool that lacks them', 'a'],
])('nobody is moved while a person has paused %s', async (_, name) => {
  await many(4, 'a');
  await many(15, 'b', { capacity: 4, offer: { helps: ['a'], min_strength: 0 } });
  await posts(40, 'a');
  expect(await colony.pauses.pause(as('ada', 'human'), { kind: 'pool', name }, 'maintenance')).toMatchObject({
    ok: true,
  });
  await seconds(80);
  expect(await events('a')).toEqual(['PoolOverloaded']);
  await colony.pauses.resume(as('ada', 'human'), { kind: 'pool', name });
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
    { ...as('ada', 'human'), action: 'pool.reorganise' },
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

test('agents that come, go and are lost are counted', async () => {
  await many(2, 'a', { presence_seconds: 60 });
  await posts(4, 'a');
  await seconds(1);
  expect(pool('a').sample).toMatchObject({ agents: 2, slots: 2, waiting: 2 });
  // In small steps: a leap is an absence of the process, which judges nobody.
  const lost = async () =>
    (await Promise.all(['a-0', 'a-1'].map((id) => colony.agents.load('acme', id)))).every(
      ({ state }) => state.status === 'lost',
    );
  await eventually(() => {
    clock.time += 500;
    return lost();
  });
  await colony.feed.settled();
  clock.time += 2_000;
  await seconds(1);
  expect(pool('a').sample).toMatchObject({ agents: 0, capacity: 0, slots: 0, utilisation: 1, idle: 0 });
  await colony.agents.deregister(as('a-0'), 'a-0', 'gone');
  await colony.agents.deregister(as('a-1'), 'a-1', 'gone');
  await seconds(20);
  expect(balance.live('acme')).toEqual([]);
});

test('what is refused for one pool is reported, and the others go on', async () => {
  await many(1, 'a');
  await many(1, 'b');
  await posts(2, 'a');
  await posts(2, 'b');
  const allow = new AllowAll();
  const policy = {
    evaluate: (input: PolicyInput) =>
      /\/pool\/a$|trail/.test(input.resource) ? { ...allow.evaluate(), decision: 'deny' as const } : allow.evaluate(),
  };
  const careful = balanceOn(new Transactor(colony.ports.store, policy, clock, randomUUID));
  await seconds(6, careful);
  expect(await events('b')).toEqual(['PoolOverloaded']);
  expect(await events('a')).toEqual([]);
  expect(reports.splice(0)).toEqual([
    expect.stringMatching(/a signal was refused.*policy-denied/),
    expect.stringMatching(/a pool could not be balanced.*acme\/pool\/a/),
  ]);
});

test('the timer looks', async () => {
  await many(1, 'a');
  balance.start(5);
  await eventually(() => balance.live('acme').length > 0);
  await balance.stop();
  expect(balance.live('acme')).toHaveLength(1);
});
