/** Functions that are called with what changes in Cosmos DB: through the unmodified SDK, on a server of ours. */
import '../support/library';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ChangeFeedStartFrom, CosmosClient } from '@azure/cosmos';
import type { InvocationContext } from '@azure/functions';
import type { Binding } from '../../local/core';
import { CosmosTrigger } from '../../local/cosmos-trigger';
import type { Lease } from '../../local/leases';
import { CosmosServer, type FaultPlan } from '../servers/cosmos/server';
import { compileInto } from '../support/compiled';
import { eventually } from '../support/eventually';
import { upTo } from '../support/triggers';

interface Written {
  readonly id: string;
  readonly stream: string;
  readonly n: number;
}
type Handler = (documents: Written[], context: InvocationContext) => unknown;

const RANGES = 4;
const databaseName = 'formicary';
const STREAMS = Array.from({ length: 12 }, (_, i) => `stream-${i}`);
/** A busy machine must not make leases end. */
const TIMES = { leaseAcquireInterval: 50, leaseRenewInterval: 50, leaseExpirationInterval: 5_000 };
const NO_FAULTS: FaultPlan = () => undefined;
const FOR_EVER = { retryStrategy: 'fixedDelay', maxRetryCount: -1, delayInterval: { seconds: 0 } };

let server: CosmosServer;
let client: CosmosClient;
const started: CosmosTrigger[] = [];
const errors = jest.spyOn(console, 'error').mockImplementation(() => {});

beforeEach(async () => {
  server = await CosmosServer.start({ ranges: RANGES });
  client = new CosmosClient({ endpoint: server.endpoint, key: server.key });
  errors.mockClear();
  const { database } = await client.databases.create({ id: databaseName });
  await database.containers.create({ id: 'events', partitionKey: { paths: ['/stream'], version: 2 } });
  await database.containers.create({ id: 'leases', partitionKey: { paths: ['/id'], version: 2 }, defaultTtl: -1 });
});
afterEach(async () => {
  server.faults = NO_FAULTS;
  await Promise.all(started.splice(0).map((trigger) => trigger.stop()));
  client.dispose();
  await server.stop();
});

/** Writes documents `from`..`to` of each stream, one after the other. */
async function write(from: number, to: number, streams = STREAMS): Promise<void> {
  const { items } = client.database(databaseName).container('events');
  await Promise.all(
    streams.map(async (stream) => {
      for (let n = from; n <= to; n += 1) await items.create({ id: String(n), stream, n });
    }),
  );
}

function start(
  callback: Handler,
  {
    host = 'host',
    retryOptions,
    ...options
  }: { host?: string; retryOptions?: Record<string, unknown>; [option: string]: unknown } = {},
): CosmosTrigger {
  const binding: Binding = {
    type: 'cosmosDBTrigger',
    name: 't',
    direction: 'in',
    databaseName,
    containerName: 'events',
    startFromBeginning: true,
    feedPollDelay: 10,
    ...TIMES,
    ...options,
  };
  const trigger = new CosmosTrigger(
    { name: 'changes', bindings: { t: binding }, retryOptions, callback: callback as (...args: unknown[]) => unknown },
    binding,
    client,
    host,
  );
  started.push(trigger);
  return trigger;
}

async function leases(): Promise<Lease[]> {
  return (await client.database(databaseName).container('leases').items.query<Lease>('SELECT * FROM c').fetchAll())
    .resources;
}

async function owners(): Promise<Record<string, number>> {
  const all = Map.groupBy(await leases(), ({ owner }) => String(owner));
  return Object.fromEntries([...all].map(([owner, { length }]) => [owner, length]));
}

/** Collects what is given; `ns(stream)` are its documents in the order of their arrival. */
class Taken {
  readonly batches: Written[][] = [];
  readonly take: Handler = (documents) => void this.batches.push(documents);

  get documents(): Written[] {
    return this.batches.flat();
  }

  ns(stream: string): number[] {
    return this.documents.filter((document) => document.stream === stream).map(({ n }) => n);
  }

  /** True when so many documents of each stream are there, whatever came twice. */
  has(count: number): boolean {
    return STREAMS.every((stream) => new Set(this.ns(stream)).size >= count);
  }
}

/** What came again left out. */
const firsts = (ns: readonly number[]) => [...new Set(ns)];

describe('a batch', () => {
  test('has the documents of a range in their order, as many as are asked for; all come once', async () => {
    await write(1, 3);
    const taken = new Taken();
    let most = 0;
    start(
      (documents, context) => {
        most = Math.max(most, documents.length);
        expect([context.functionName, context.retryContext]).toEqual(['changes', undefined]);
        return taken.take(documents, context);
      },
      { maxItemsPerInvocation: 5 },
    );
    await eventually(() => taken.has(3));
    await write(4, 6);
    await eventually(() => taken.has(6));
    for (const stream of STREAMS) expect(taken.ns(stream)).toEqual(upTo(6));
    expect(most).toBe(5);
    expect(errors).not.toHaveBeenCalled();
  });

  test('that fails is given again and holds up its own range alone', async () => {
    await write(1, 2);
    const taken = new Taken();
    const failed: { documents: Written[]; retry: InvocationContext['retryContext'] }[] = [];
    let broken = true;
    start(
      (documents, context) => {
        if (!broken || !documents.some(({ stream }) => stream === 'stream-0')) return taken.take(documents, context);
        failed.push({ documents, retry: context.retryContext });
        throw new Error('not now');
      },
      { retryOptions: FOR_EVER, maxItemsPerInvocation: 1 },
    );
    const [blocked] = await rangesOf(['stream-0']);
    const free = (await rangesOf(STREAMS)).flatMap((range, i) => (range === blocked ? [] : [STREAMS[i] as string]));
    expect(free.length).toBeGreaterThan(0);
    await eventually(() => failed.length > 3 && free.every((stream) => taken.ns(stream).length === 2));
    expect(failed.map(({ documents }) => documents[0]?.n)).toEqual(failed.map(() => 1));
    expect(failed[0]?.retry).toBeUndefined();
    expect(failed[3]?.retry).toEqual({ retryCount: 3, maxRetryCount: -1, exception: { message: 'Error: not now' } });
    broken = false;
    await eventually(() => taken.has(2));
    for (const stream of STREAMS) expect(taken.ns(stream)).toEqual([1, 2]);
    expect(errors.mock.calls.flat().join()).toContain('not now');
  });

  test.each([
    ['at once without a policy', undefined, 1],
    ['after its last retry', { ...FOR_EVER, maxRetryCount: 2 }, 3],
    [
      'after its last retry, with a backoff',
      {
        retryStrategy: 'exponentialBackoff',
        maxRetryCount: 1,
        minimumInterval: { seconds: 0 },
        maximumInterval: { seconds: 1 },
      },
      2,
    ],
  ])('is skipped %s, as on Azure', async (_, retryOptions, calls) => {
    await write(1, 3, ['stream-0']);
    const given: number[] = [];
    start(
      ([document]) => {
        given.push((document as Written).n);
        if (document?.n === 2) throw new Error('never');
      },
      { retryOptions, maxItemsPerInvocation: 1 },
    );
    await eventually(() => given.includes(3));
    expect(given).toEqual([1, ...Array.from({ length: calls }, () => 2), 3]);
  });

  test('comes again when its end could not be written down', async () => {
    await write(1, 1, ['stream-0']);
    let given = 0;
    start(() => {
      given += 1;
      server.faults = given === 1 ? (kind) => (kind === 'write' ? 503 : undefined) : NO_FAULTS;
    });
    await eventually(() => given === 2);
    await write(2, 2, ['stream-0']);
    await eventually(() => given === 3);
  });
});

describe('leases', () => {
  test('a host that starts again goes on where it was', async () => {
    await write(1, 2);
    const first = new Taken();
    const trigger = start(first.take);
    await eventually(() => first.has(2));
    await trigger.stop();
    expect(await owners()).toEqual({ null: RANGES });
    await write(3, 4);
    const second = new Taken();
    start(second.take, { host: 'again' });
    await eventually(() => STREAMS.every((stream) => second.ns(stream).length >= 2));
    for (const stream of STREAMS) expect(second.ns(stream)).toEqual([3, 4]);
  });

  test('a host that stops finishes its batch, gives up what is to be tried again, and takes no more', async () => {
    await write(1, 2, ['stream-0']);
    let finish = (): void => {};
    const given: number[] = [];
    const first = start(
      ([document]) => {
        given.push((document as Written).n);
        return new Promise<void>((resolve) => (finish = resolve));
      },
      { maxItemsPerInvocation: 1 },
    );
    let stopped: Promise<void> | undefined;
    try {
      await eventually(() => given.length === 1);
      stopped = first.stop();
      // Of the ranges that have nothing to finish the leases are free.
      await eventually(async () => (await owners()).host === 1);
      const [{ timestamp }] = (await leases()).filter(({ owner }) => owner === 'host') as [Lease];
      await eventually(async () =>
        (await leases()).some((lease) => lease.owner === 'host' && lease.timestamp > timestamp),
      ); // it is renewed as long as the batch lasts
    } finally {
      finish();
    }
    await stopped;
    expect(given).toEqual([1]);
    expect(await owners()).toEqual({ null: RANGES });

    const failing = start(
      ([document]) => {
        given.push((document as Written).n);
        throw new Error('not now');
      },
      { retryOptions: { ...FOR_EVER, delayInterval: { seconds: 60 } } },
    );
    await eventually(() => given.length === 2);
    await failing.stop();
    start(([document]) => void given.push((document as Written).n));
    await eventually(() => given.length === 3);
    expect(given).toEqual([1, 2, 2]);
  });

  test('functions with prefixes of their own each get everything', async () => {
    await write(1, 1);
    const [one, other] = [new Taken(), new Taken()];
    start(one.take, { leaseContainerPrefix: 'one-' });
    start(other.take, { leaseContainerPrefix: 'other-' });
    await eventually(() => one.has(1) && other.has(1));
    expect(await leases()).toHaveLength(2 * RANGES);
  });

  test('two hosts share the ranges; one that stops leaves its own to the other', async () => {
    await write(1, 1);
    const [one, other] = [new Taken(), new Taken()];
    start(one.take, { host: 'one' });
    await eventually(async () => (await owners()).one === RANGES);
    const second = start(other.take, { host: 'other' });
    await eventually(async () => (await owners()).one === RANGES / 2 && (await owners()).other === RANGES / 2);
    // Whoever had a range before may not have heard of it yet: what it writes to the lease tells it.
    await write(2, 2);
    const all = (stream: string) => [...one.ns(stream), ...other.ns(stream)];
    await eventually(() => STREAMS.every((stream) => all(stream).includes(2)));
    await new Promise((resolve) => setTimeout(resolve, 10 * TIMES.leaseRenewInterval));
    const before = [one.documents.length, other.documents.length];
    await write(3, 3);
    await eventually(() => STREAMS.every((stream) => all(stream).includes(3)));
    expect(one.documents.length).toBeGreaterThan(before[0] as number);
    expect(other.documents.length).toBeGreaterThan(before[1] as number);
    // Each range has one reader now.
    for (const stream of STREAMS) expect([one, other].filter((host) => host.ns(stream).includes(3))).toHaveLength(1);
    await second.stop();
    await eventually(async () => (await owners()).one === RANGES);
    await write(4, 4);
    await eventually(() => STREAMS.every((stream) => one.ns(stream).includes(4)));
    for (const stream of STREAMS) expect(firsts(all(stream)).toSorted()).toEqual(upTo(4));
  });

  test('that are deleted are made again, and everything comes again', async () => {
    await write(1, 2);
    const taken = new Taken();
    start(taken.take);
    await eventually(() => taken.has(2));
    const container = client.database(databaseName).container('leases');
    for (const { id } of await leases()) await container.item(id, id).delete();
    await eventually(() => STREAMS.every((stream) => taken.ns(stream).length === 4));
    for (const stream of STREAMS) expect(taken.ns(stream)).toEqual([1, 2, 1, 2]);
  });

  test('a range that is split goes on in parts, each under a lease of its own; nothing is left out, and nothing blocks the other part', async () => {
    await write(1, 2);
    const taken = new Taken();
    const trigger = start(taken.take, { maxItemsPerInvocation: 1 });
    await eventually(() => taken.has(1));
    server.split();
    await write(3, 4);
    await eventually(() => taken.has(4));
    await eventually(async () => (await owners()).host === 2 * RANGES);
    for (const stream of STREAMS) expect(firsts(taken.ns(stream))).toEqual(upTo(4));

    await trigger.stop();
    server.split(); // while nobody reads
    await write(5, 5);
    const after = new Taken();
    start(after.take, { host: 'after' });
    await eventually(async () => (await owners()).after === 4 * RANGES);
    await write(6, 6);
    await eventually(() => STREAMS.every((stream) => after.ns(stream).includes(6)));
    for (const stream of STREAMS) expect(after.ns(stream)).toEqual([5, 6]);
    expect(errors).not.toHaveBeenCalled();
  });

  test('are of one container, not of its name: one that is made anew is read from its beginning', async () => {
    start(() => {});
    await eventually(async () => (await leases()).length === RANGES);
    const { resource } = await client.database(databaseName).container('events').read();
    for (const { id } of await leases()) expect(id.startsWith(`${resource?._rid}..`)).toBe(true);
  });
});

test('a function that would start at the end is refused', () => {
  expect(() => start(() => {}, { startFromBeginning: false })).toThrow('startFromBeginning');
});

describe('hosts in processes of their own', () => {
  let folder: string;
  let program: string;
  const children: { kill(): void }[] = [];

  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'formicary-trigger-'));
    program = compileInto(folder, 'test/fixtures/trigger-host.ts');
  });
  afterEach(() => children.splice(0).forEach((child) => child.kill()));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** What a host prints: first its functions, then a line a batch. */
  interface Line {
    readonly functions?: readonly { readonly name: string; readonly runs: boolean }[];
    readonly at?: number;
    readonly changes?: readonly (readonly [string, number])[];
  }
  const nsIn = (lines: readonly Line[], stream: string) =>
    lines.flatMap(({ changes = [] }) => changes).flatMap(([of, n]) => (of === stream ? [n] : []));

  function spawnHost(
    settings: Record<string, string> = {
      FORMICARY_COSMOS__accountEndpoint: server.endpoint,
      FORMICARY_COSMOS_KEY: server.key,
      FORMICARY_COSMOS_DATABASE: databaseName,
    },
  ) {
    const child = spawn(process.execPath, [program, path.join(__dirname, '../fixtures/trigger-app'), folder], {
      env: { ...process.env, ...settings },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines: Line[] = [];
    createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line) as Line));
    const host = {
      lines,
      runs: () =>
        lines.find(({ functions }) => functions !== undefined)?.functions?.find(({ name }) => name === 'changes')?.runs,
      async end(signal: NodeJS.Signals) {
        const exited = once(child, 'exit');
        child.kill(signal);
        return (await exited)[0] as number | null;
      },
      kill: () => void child.kill('SIGKILL'),
    };
    children.push(host);
    return host;
  }

  test('share the ranges; when one is killed the other goes on with its own, and nothing is left out', async () => {
    const [one, other] = [spawnHost(), spawnHost()];
    await eventually(async () => Object.values(await owners()).join() === `${RANGES / 2},${RANGES / 2}`);
    await eventually(() => one.runs() === true && other.runs() === true);
    const writing = write(1, 30);
    await eventually(() => one.lines.length > 3 && other.lines.length > 3);
    await one.end('SIGKILL');
    await writing;
    const all = (stream: string) =>
      nsIn(
        [...one.lines, ...other.lines].toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0)),
        stream,
      );
    await eventually(() => STREAMS.every((stream) => firsts(all(stream)).length === 30));
    await eventually(async () => Object.values(await owners()).join() === String(RANGES));
    for (const stream of STREAMS) expect(firsts(all(stream))).toEqual(upTo(30));
    expect(await other.end('SIGTERM')).toBe(0);
    expect(await owners()).toEqual({ null: RANGES });
  });

  test('without the settings of the trigger list it, and leave it alone', async () => {
    const host = spawnHost({});
    await eventually(() => host.runs() !== undefined);
    expect(host.runs()).toBe(false);
  });
});

/** The range of each stream, as the service's change feed tells. */
async function rangesOf(streams: readonly string[]): Promise<number[]> {
  const container = client.database(databaseName).container('events');
  const found = new Map<string, number>();
  for (const [i, range] of (await container.getFeedRanges()).entries()) {
    const page = await container.items
      .getChangeFeedIterator<Written>({ changeFeedStartFrom: ChangeFeedStartFrom.Beginning(range) })
      .readNext();
    for (const { stream } of page.result ?? []) found.set(stream, i);
  }
  return streams.map((stream) => found.get(stream) as number);
}
