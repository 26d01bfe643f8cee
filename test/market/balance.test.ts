/** What is seen of pools, and told of them. */
import { randomUUID } from 'node:crypto';
import { Transactor } from '../../app/engine/transact';
import { toMillis, toTime } from '../../domain/kernel/time';
import type { PolicyRequest } from '../../domain/policy/asking';
import { trailId } from '../../domain/signals/trail';
import { eventually } from '../support/eventually';
import { ALLOWING } from '../support/policy';
import { ALLOW } from '../support/transacting';
import {
  another,
  as,
  balance,
  balanceOn,
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

const START_BUCKET = START / 10_000;

async function finish(task: string): Promise<void> {
  const { holder } = (await colony.tasks.load('acme', task)).state;
  const claim = { agent: holder?.agent as string, award: holder?.award as number };
  await colony.tasks.accept(as(claim.agent), task, claim);
  expect((await colony.tasks.complete(as(claim.agent), task, claim, {})).ok).toBe(true);
  await colony.feed.settled();
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
  const later = buckets(await balance.history('acme', 'a', toTime(START), 10_000));
  expect([later[0], later.at(-2), later.at(-1)]).toEqual([2, 66, 2_160]);
  const { rows } = await colony.ports.views.query<{ bucket: number }>('balance.v1', {
    tenant: 'acme',
    key: 'a',
    limit: 1_000,
  });
  expect(buckets(rows.map(({ doc }) => doc)).sort((a, b) => a - b)).toEqual([1, 2_160]);
});

describe('the history costs a row where a pool has changed', () => {
  const kept = async (name: string) => {
    const { rows } = await colony.ports.views.query<{ bucket: number; last?: true }>('balance.v1', {
      tenant: 'acme',
      key: name,
      limit: 1_000,
    });
    return rows.map(({ doc }) => doc).sort((a, b) => a.bucket - b.bucket);
  };
  const buckets = (rows: readonly { bucket: number }[]) => rows.map(({ bucket }) => bucket - START_BUCKET);
  const history = (from = START) => balance.history('acme', 'a', toTime(from), 10_000);

  test('and is as it would be with all of them', async () => {
    await many(2, 'a');
    await seconds(100);
    expect(buckets(await kept('a'))).toEqual([0]);
    await posts(1, 'a');
    await seconds(55);
    expect(buckets(await kept('a'))).toEqual([0, 10]);
    const rows = await history();
    // What has just ended may have a row yet.
    expect(buckets(rows)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    expect(rows.map(({ utilisation }) => utilisation)).toEqual([
      ...Array<number>(10).fill(0),
      ...Array<number>(4).fill(0.5),
    ]);
    expect(rows.map(({ at }) => toMillis(at))).toEqual(rows.map(({ bucket }) => bucket * 10_000));
    expect(await history(START + 120_000)).toEqual(rows.slice(12));
  });

  test('or each ten minutes: what nobody says again for longer is not known', async () => {
    await many(2, 'a');
    await seconds(700);
    expect(buckets(await kept('a'))).toEqual([0, 60]);
    expect(buckets(await history())).toEqual(Array.from({ length: 69 }, (_, n) => n));
    // Nobody looks for an hour.
    clock.time += 3_600_000;
    const known = await history();
    expect(known).toHaveLength(60 + 66);
    await seconds(20);
    expect(buckets(await history()).slice(126)).toEqual([430]);
  });

  test('says when a pool has no agents any more, and when it has again', async () => {
    await many(1, 'a');
    await seconds(30);
    await colony.agents.deregister(as('a-0'), 'a-0', 'gone');
    await seconds(40);
    const rows = await kept('a');
    expect(rows.map(({ last }) => last)).toEqual([...rows.slice(1).map(() => undefined), true]);
    expect(buckets(await history())).toEqual([0, 1, 2, 3]);
    await enter('a-1', 'a');
    await seconds(20);
    expect(buckets(await history()).slice(0, 5)).toEqual([0, 1, 2, 3, 7]);
  });

  test('is written anew by whoever takes over, and once more by who has it back', async () => {
    await many(2, 'a');
    await seconds(30);
    for (let second = 0; second < 30; second += 1) {
      clock.time += 1_000;
      await balance.tick(false);
    }
    clock.time += 1_000;
    await seconds(20);
    const written = buckets(await kept('a'));
    expect(written[0]).toBe(0);
    expect(written).toHaveLength(2);
  });
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
  const policy = {
    evaluate: (input: PolicyRequest) =>
      /\/pool\/a$|trail/.test(input.resource) ? { ...ALLOW, decision: 'deny' as const } : ALLOW,
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

test('a process that knows no pool yet reads some of them in a look, and the next ones in the next', async () => {
  const names = Array.from({ length: 70 }, (_, n) => `pool-${n}`);
  for (const name of names) await enter(`of-${name}`, name);
  const asked: string[] = [];
  const store = new Proxy(colony.ports.store, {
    get(target, method) {
      const value: unknown = Reflect.get(target, method);
      if (method !== 'snapshot') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      return async (stream: string) => {
        asked.push(stream);
        // Each third can't be read.
        if (/[0369]$/.test(stream)) throw new Error('the store is away');
        return await target.snapshot(stream);
      };
    },
  });
  const started = balanceOn(new Transactor(store, ALLOWING, clock, randomUUID));
  await started.tick(false);
  expect(asked.length).toBeLessThan(names.length / 2);
  for (let look = 0; look < 5; look += 1) await started.tick(false);
  expect(new Set(asked).size).toBe(names.length);
  reports.splice(0);
});

test('where it is another process’s to act, pools are shown, and nothing follows', async () => {
  await many(1, 'a');
  await posts(3, 'a');
  for (let second = 0; second < 6; second += 1) {
    clock.time += 1_000;
    await balance.tick(false);
  }
  expect(balance.live('acme')).toHaveLength(1);
  expect(await events('a')).toEqual([]);
});

test('where it is another process’s to act, pools are shown and awarded by as they are, and forgotten when they are empty', async () => {
  await many(2, 'a');
  await posts(4, 'a');
  await seconds(6);
  expect(await events('a')).toEqual(['PoolOverloaded']);
  const other = another();
  colony.market.overloaded.clear();
  await other.tick(false);
  expect(other.live('acme')).toMatchObject([{ pool: 'a', status: 'overloaded', since: pool('a').since }]);
  expect(colony.market.overloaded).toEqual(new Set(['acme a']));
  await many(1, 'b', { offer: null });
  await other.tick(false);
  expect(other.live('acme').map(({ pool: name }) => name)).toEqual(['a', 'b']);
  await colony.agents.deregister(as('b-0'), 'b-0', 'gone');
  await colony.feed.settled();
  await other.tick(false);
  expect(other.live('acme').map(({ pool: name }) => name)).toEqual(['a']);
});

test('who takes over writes the history of ten seconds, and not of all that it has seen', async () => {
  await many(2, 'a');
  const watch = async (times: number) => {
    for (let second = 0; second < times; second += 1) {
      await balance.tick(false);
      clock.time += 1_000;
    }
  };
  await watch(20);
  await posts(2, 'a');
  await watch(10);
  await balance.tick();
  expect(await balance.history('acme', 'a', toTime(START), 10)).toMatchObject([
    { bucket: START_BUCKET + 2, utilisation: 1 },
  ]);
});

test('the timer looks, once all that waits is known', async () => {
  await many(1, 'a');
  let isFilled = false;
  balance.start(
    () => isFilled,
    () => true,
    5,
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(balance.live('acme')).toEqual([]);
  isFilled = true;
  await eventually(() => balance.live('acme').length > 0);
  await balance.stop();
  expect(balance.live('acme')).toHaveLength(1);
});
