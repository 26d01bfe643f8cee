/**
 * What more processes make of the feed: each reads the physical partitions that are its own, so it is these that decide
 * how far the work can be shared. The template makes them (`eventsPartitions`).
 */
import '../support/library';
import { randomUUID } from 'node:crypto';
import { CosmosClient } from '@azure/cosmos';
import type { Binding } from '../../local/core';
import { CosmosTrigger } from '../../local/cosmos-trigger';
import type { Lease } from '../../local/leases';
import { CosmosServer } from '../servers/cosmos/server';
import { eventually } from '../support/eventually';

const databaseName = 'formicary';
const STREAMS = 480;
const BINDING: Binding = {
  ...{ type: 'cosmosDBTrigger', name: 't', direction: 'in' },
  ...{ databaseName, containerName: 'events', startFromBeginning: true, feedPollDelay: 10 },
  ...{ leaseAcquireInterval: 50, leaseRenewInterval: 200, leaseExpirationInterval: 10_000 },
};

/** By document: which processes handled it. */
type Handled = ReadonlyMap<string, readonly string[]>;

/** Lets so many processes share a feed of so many partitions. */
async function share(ranges: number, processes: number): Promise<Handled> {
  const server = await CosmosServer.start({ ranges });
  const client = new CosmosClient({ endpoint: server.endpoint, key: server.key });
  const { database } = await client.databases.create({ id: databaseName });
  await database.containers.create({ id: 'events', partitionKey: { paths: ['/stream'], version: 2 } });
  await database.containers.create({ id: 'leases', partitionKey: { paths: ['/id'], version: 2 }, defaultTtl: -1 });
  const handledBy = new Map<string, string[]>();
  const triggers = Array.from({ length: processes }, (_, i) => {
    const callback = (documents: unknown) => {
      for (const { id } of documents as readonly { id: string }[])
        handledBy.set(id, [...(handledBy.get(id) ?? []), `process-${i}`]);
    };
    const registration = { name: 'changes', bindings: { t: BINDING }, callback };
    return new CosmosTrigger(registration, BINDING, client, `process-${i}`);
  });
  const most = Math.min(ranges, processes);
  const isShared = async () => {
    const { resources } = await database.container('leases').items.query<Lease>('SELECT * FROM c').fetchAll();
    const shares = [...Map.groupBy(resources, ({ owner }) => owner).values()].map(({ length }) => length);
    return resources.length === ranges && shares.length === most && shares.every((own) => own === ranges / most);
  };
  const write = async (count: number): Promise<Handled> => {
    handledBy.clear();
    for (let i = 0; i < count; i += 1)
      await database.container('events').items.create({ id: randomUUID(), stream: `stream-${i}` });
    await eventually(() => handledBy.size >= count, { what: 'all to be handled' });
    return new Map(handledBy);
  };
  try {
    await eventually(isShared, { what: `${most} that read as much as each other`, pauseMs: 50 });
    // Whoever has lost a range learns of it at its next write: what comes meanwhile comes to both.
    while (twice(await write(STREAMS / 4)).length > 0);
    return await write(STREAMS);
  } finally {
    await Promise.all(triggers.map((trigger) => trigger.stop()));
    client.dispose();
    await server.stop();
  }
}

const twice = (handled: Handled) => [...handled.values()].filter(({ length }) => length !== 1);

/** How many times as much is handled as by one process, each as fast as any: what the busiest has to do decides. */
function speedup(handled: Handled): number {
  const counts = Map.groupBy([...handled.values()].flat(), (by) => by);
  return STREAMS / Math.max(...[...counts.values()].map(({ length }) => length));
}

test.each([
  { ranges: 8, processes: 1, least: 1 },
  { ranges: 8, processes: 4, least: 3 },
  { ranges: 8, processes: 8, least: 5 },
])('$processes processes on $ranges partitions do $least times as much or more, and nothing twice', async (given) => {
  const handled = await share(given.ranges, given.processes);
  expect(twice(handled)).toEqual([]);
  expect(speedup(handled)).toBeGreaterThanOrEqual(given.least);
});

test('on one partition more processes do no more than one', async () => {
  expect(speedup(await share(1, 4))).toBe(1);
});
