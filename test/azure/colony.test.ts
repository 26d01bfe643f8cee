/**
 * The whole colony in the profile azure: every port on its service, through the unmodified SDKs, on servers of ours.
 */
import { CosmosClient } from '@azure/cosmos';
import type { Colony } from '../../app/colony';
import type { RequestContext } from '../../app/engine/command';
import { Metrics } from '../../app/operation/metrics';
import type { TaskSpec } from '../../domain/market/task';
import { openColony, readSettings } from '../../host/composition';
import { type Servers, startServers } from '../servers/servers';

jest.setTimeout(120_000); // other work shares the machine

const TENANT = 'acme';
/** Processes that share a store are given what they sign tokens with. */
const SECRET = { FORMICARY_IDENTITY_SECRET: 'a secret of thirty-two characters, or more' };
const as = (id: string): RequestContext => ({ principal: { tenant: TENANT, id, kind: 'agent', level: 'execute' } });
const spec = (n: number): TaskSpec => ({
  task_type: 'erp.order',
  priority: 0.5,
  urgency: 0.5,
  requires: [{ capability: 'erp.order', level: 0 }],
  payload: n === 0 ? 'x'.repeat(40_000) : { amount: n },
  requester: 'poster',
  bid_seconds: 0,
  accept_seconds: 60,
  lease_seconds: 60,
  max_attempts: 3,
  retry_seconds: 1,
});

let servers: Servers;
let colony: Colony;

const open = () => openColony(readSettings({ ...servers.settings, FORMICARY_LOG: 'fatal', ...SECRET }));

beforeAll(async () => {
  servers = await startServers();
  colony = await open();
});

afterAll(async () => {
  await colony.stop();
  await servers.stop();
});

test('tasks are posted, awarded, done; a second start finds everything', async () => {
  const profile = {
    agent_type: 'erp.order',
    pool: 'erp',
    capabilities: { 'erp.order': 1 },
    capacity: 8,
    presence_seconds: 3_600,
    offer: { helps: [], min_strength: 0 },
  };
  for (const id of ['ant-1', 'ant-2', 'ant-3'])
    expect(await colony.agents.register(as(id), id, profile)).toMatchObject({ ok: true });
  const ids = Array.from({ length: 12 }, (_, n) => `task-${n}`);
  await Promise.all(
    ids.map(async (id, n) => expect(await colony.tasks.post(as('poster'), id, spec(n))).toMatchObject({ ok: true })),
  );
  await colony.feed.settled();
  for (const id of ids) {
    const { state } = await colony.tasks.load(TENANT, id);
    const { agent, award } = state.holder as { agent: string; award: number };
    expect(await colony.tasks.accept(as(agent), id, { agent, award })).toMatchObject({ ok: true });
    expect(await colony.tasks.complete(as(agent), id, { agent, award }, { done: id })).toMatchObject({ ok: true });
    expect(await colony.tasks.complete(as('thief'), id, { agent: 'thief', award: 9 }, {})).toMatchObject({ ok: false });
  }
  await colony.feed.settled();
  await colony.stop();
  colony = await open();
  await colony.feed.settled();
  expect((await colony.tasks.list(TENANT, { status: 'completed' }, 100)).docs.map(({ id }) => id).sort()).toEqual(
    [...ids].sort(),
  );
  for (const id of ['ant-1', 'ant-2', 'ant-3']) expect((await colony.agents.load(TENANT, id)).state.slots).toEqual({});
  const first = (await colony.tasks.load(TENANT, 'task-0')).state;
  expect((await colony.tasks.blob(TENANT, 'task-0', first.spec?.payload_ref as string))?.length).toBe(40_002);
});

test('what that asked of Cosmos DB is counted by operation; throttling too', async () => {
  const metrics = new Metrics(colony);
  const values = async () =>
    Object.fromEntries(
      (await metrics.text()).body
        .split('\n')
        .filter((line) => line.startsWith('formicary_store_'))
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
    );
  const before = await values();
  expect(await colony.tasks.post(as('poster'), 'counted', spec(1))).toMatchObject({ ok: true });
  await colony.feed.settled();
  const after = await values();
  const more = (name: string, labels: string) =>
    (after[`formicary_store_${name}_total{${labels}}`] ?? NaN) -
    (before[`formicary_store_${name}_total{${labels}}`] ?? 0);
  // The post, the reservation and the award.
  expect(more('requests', 'operation="append"')).toBeGreaterThanOrEqual(3);
  expect(more('requests', 'operation="append"')).toBeLessThan(10);
  expect(more('request_units', 'operation="append"')).toBeGreaterThan(3 * 5);
  expect(more('bytes', 'operation="append",direction="sent"')).toBeGreaterThan(
    more('requests', 'operation="append"') * 500,
  );
  expect(more('bytes', 'operation="view.put",direction="received"')).toBeGreaterThan(0);
  expect(more('throttled', 'operation="append"')).toBe(0);

  servers.cosmos.throughput = 0;
  expect(await colony.tasks.post(as('poster'), 'refused', spec(1)).catch((error: unknown) => error)).toBeInstanceOf(
    Error,
  );
  servers.cosmos.throughput = Infinity;
  expect((await values())['formicary_store_throttled_total{operation="append"}']).toBeGreaterThan(1);
});

test('a store that would let receipts go is refused at the start', async () => {
  const { FORMICARY_COSMOS__accountEndpoint: endpoint = '', FORMICARY_COSMOS_KEY: key } = servers.settings;
  const client = new CosmosClient({ endpoint, key });
  await client.databases.create({ id: 'lapsing' });
  await client.database('lapsing').containers.create({
    id: 'events',
    partitionKey: { paths: ['/stream'] },
    defaultTtl: 86_400,
  });
  client.dispose();
  const settings = { ...servers.settings, FORMICARY_COSMOS_DATABASE: 'lapsing', FORMICARY_LOG: 'fatal', ...SECRET };
  await expect(openColony(readSettings(settings))).rejects.toThrow(
    /events deletes receipts after 86400 seconds.*183 days/,
  );
});
