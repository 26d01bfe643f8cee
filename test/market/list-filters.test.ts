/** Whatever a list can be filtered by is a field of the projection that serves it: there is an index for it. */
import { agents } from '../../contract/market/agents';
import { tasks } from '../../contract/market/tasks';
import { agents as agentsView } from '../../projections/market/agents';
import { tasks as tasksView } from '../../projections/market/tasks';

/** `sort` and `stuck` are answered from the market's books. */
const NO_FILTERS = ['limit', 'continuation', 'sort', 'stuck'];

test.each([
  ['tasks', tasks.list, tasksView],
  ['agents', agents.list, agentsView],
] as const)('%s', (_, { query }, { fields }) => {
  const filters = Object.keys(query.shape).filter((name) => !NO_FILTERS.includes(name));
  expect(filters.length).toBeGreaterThan(0);
  expect(fields.map((field) => field.replace('[]', ''))).toEqual(expect.arrayContaining(filters));
});
