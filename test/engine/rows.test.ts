/** Something in memory is filled from a view: what can't be read of it keeps nothing else away. */
import { Aggregate } from '../../app/engine/aggregate';
import { StoreBusy } from '../../app/engine/ports';
import { eachRow } from '../../app/engine/rows';
import { taskDecider } from '../../domain/market/task';
import { tasks } from '../../projections/market/tasks';
import { ALL } from '../../projections/projection';
import { as, spec, Stage } from '../support/stage';

let stage: Stage;
let visited: string[];

beforeEach(async () => {
  stage = new Stage();
  visited = [];
  const { colony } = await stage.start();
  for (const id of ['a', 'b', 'c', 'd']) await colony.tasks.post(as('ann'), id, spec());
  await stage.settled();
});
afterEach(() => stage.end());

/** Visits every task; what happens to one of them, its id says. */
async function visitAll(fault: Readonly<Record<string, () => Error>>, signal?: AbortSignal): Promise<void> {
  const { transactor, views, ports } = stage.living[0]!.colony;
  const listing = { projection: tasks, store: ports.views, views };
  const visit = async ({ id }: { readonly id: string }) => {
    await Promise.resolve();
    visited.push(id);
    const error = fault[id]?.();
    if (error !== undefined) throw error;
  };
  await eachRow(new Aggregate(taskDecider, transactor, listing), { key: ALL }, visit, {
    report: () => undefined,
    signal,
  });
}

test('one that fails is told in the end, when all others were visited', async () => {
  await expect(visitAll({ a: () => new Error('a is odd'), c: () => new Error('c is odd') })).rejects.toThrow('is odd');
  expect(visited.toSorted()).toEqual(['a', 'b', 'c', 'd']);
});

test('a store that can not be read is told at once', async () => {
  await expect(visitAll({ b: () => new StoreBusy('it is busy', 1_000) })).rejects.toThrow('it is busy');
});
