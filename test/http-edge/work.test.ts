/** What each operation means to a host that is late, and what it costs where that depends on its body. */
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { type RouteSpec, type Work, workOf } from '../../contract/route';

const ROOT = join(__dirname, '../..');
const isRoute = (value: unknown): value is RouteSpec =>
  typeof value === 'object' && value !== null && 'answers' in value && 'method' in value;
const ROUTES = globSync('contract/**/*.ts', { cwd: ROOT })
  .flatMap((file) => Object.values(jest.requireActual<Record<string, unknown>>(join(ROOT, file))))
  .flatMap((exported) => (typeof exported === 'object' && exported !== null ? Object.values(exported) : []))
  .filter(isRoute);
const named = (work: Work, method?: 'GET') =>
  ROUTES.filter((route) => workOf(route) === work && (method === undefined || route.method === method))
    .map(({ name }) => name)
    .sort();
const route = (name: string) => ROUTES.find((one) => one.name === name)!;

test('new work is what was not there before; all other changes are under way', () => {
  expect(ROUTES.length).toBeGreaterThan(80);
  expect(named('new')).toEqual([
    'callTool',
    'deployAgent',
    'emitSignals',
    'giveCorrection',
    'openRound',
    'postJob',
    'postTask',
    'postTasks',
    'proposeAction',
    'redriveTask',
  ]);
  // It changes nothing: what is compared is too much for an address.
  const reads = ROUTES.filter((one) => workOf(one) === 'read' && one.method !== 'GET');
  expect(reads.map(({ name }) => name)).toEqual(['diffPolicy']);
});

test('reads yield, but for those that a decision waits for and those that steer the host', () => {
  expect(named('underway', 'GET')).toEqual([
    'getApproval',
    'getRound',
    'getTaskBlob',
    'listApprovals',
    'readGatewayInbox',
    'readInbox',
    'readStatus',
  ]);
});

test.each([
  ['postTask', {}, 1],
  ['postTask', { after: ['a', 'b'] }, 3],
  ['postTasks', { tasks: Array(50).fill({}) }, 50],
  ['postTasks', { tasks: Array(50).fill({ after: ['a', 'b'] }) }, 150],
  ['postJob', { tasks: Array(50).fill({}) }, 50],
  ['heartbeatAgent', { holding: [] }, 1],
  ['heartbeatAgent', { holding: Array(1_000).fill({}) }, 51],
  ['emitSignals', { type: 'x' }, 1],
  ['emitSignals', { signals: Array(1_000).fill({}) }, 100],
  ['registerGatewayAgents', { agents: Array(20).fill({}) }, 20],
  ['commandGatewayAgents', { commands: [{ do: 'accept' }, { do: 'heartbeat', holding: Array(40).fill({}) }] }, 4],
  ['decideApprovals', { items: Array(20).fill({}) }, 20],
])('%s costs by its body', (name, body, cost) => {
  expect(route(name).cost?.(body as never)).toBe(cost);
});

test('what takes many things in one body says what it costs', () => {
  expect(
    ROUTES.filter(({ cost }) => cost !== undefined)
      .map(({ name }) => name)
      .sort(),
  ).toEqual([
    'commandGatewayAgents',
    'decideApprovals',
    'diffPolicy',
    'emitSignals',
    'heartbeatAgent',
    'postJob',
    'postTask',
    'postTasks',
    'registerGatewayAgents',
  ]);
});
