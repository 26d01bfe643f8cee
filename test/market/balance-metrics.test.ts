/** Figures of the pools as they are exported, and how long tasks wait for their award. */
import { MAX_SERIES, OTHER_POOLS, poolMetrics } from '../../app/market/balance-metrics';
import { Metrics } from '../../app/operation/metrics';
import { sampleOf } from '../../domain/market/pool';
import { as, profile, spec, Stage, TENANT } from '../support/stage';

const AT = '2026-11-21T10:00:00.000Z';
const watch = (pool: string, loads: readonly number[], waiting = 0) => ({
  tenant: TENANT,
  pool,
  sample: sampleOf(AT, {
    loads: [...loads],
    capacity: loads.length,
    slots: loads.reduce((sum, load) => sum + load, 0),
    waiting,
  }),
});

test('a pool is exported as its sample says', () => {
  expect(poolMetrics([watch('a', [1, 0], 3)])).toEqual([
    { tenant: TENANT, pool: 'a', agents: 2, capacity: 2, slots: 1, waiting: 3, gini: 0.5, utilisation: 0.5, idle: 0.5 },
  ]);
});

test('pools beyond so many share one entry, weighed by their agents', () => {
  const first = Array.from({ length: MAX_SERIES }, (_, i) => watch(`p${i}`, [0]));
  expect(poolMetrics(first)).toHaveLength(MAX_SERIES);
  const all = poolMetrics([...first, watch('x', [1, 1, 0], 1), watch('y', [0], 2)]);
  expect(all).toHaveLength(MAX_SERIES + 1);
  expect(all.at(-1)).toEqual({
    tenant: OTHER_POOLS,
    pool: OTHER_POOLS,
    agents: 4,
    capacity: 4,
    slots: 2,
    waiting: 3,
    gini: 0.25,
    utilisation: 0.5,
    idle: 0.5,
  });
});

describe('the time from ready to awarded', () => {
  let stage: Stage;
  beforeEach(() => {
    stage = new Stage();
  });
  afterEach(() => stage.end());

  test('is measured where no agent has refused before: from then on a task waits anew', async () => {
    await stage.start();
    const { agents, tasks } = stage.colony;
    const metrics = new Metrics(stage.colony);
    const measured = async () => {
      const { body } = await metrics.text();
      return ['sum', 'count'].map((of) =>
        Number(new RegExp(`^formicary_award_seconds_${of} (\\S+)$`, 'm').exec(body)?.[1]),
      );
    };
    await tasks.post(as('poster'), 't', spec());
    stage.clock.time += 5_000;
    await agents.register(as('ann'), 'ann', profile());
    await stage.settled();
    expect(await measured()).toEqual([5, 1]);
    await agents.register(as('ben'), 'ben', profile());
    await tasks.decline(as('ann'), 't', { agent: 'ann', award: 1 }, 'no');
    await stage.settled();
    expect((await tasks.load(TENANT, 't')).state.holder).toMatchObject({ agent: 'ben' });
    expect(await measured()).toEqual([5, 1]);
  });
});
