/**
 * The adapters on Cosmos DB under the contracts of their ports, through the unmodified SDK, against the test server.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConsistencyLevel, CosmosClient } from '@azure/cosmos';
import { CONNECTION_POLICY, Cosmos } from '../../adapters/azure/cosmos';
import { CosmosCheckpoints } from '../../adapters/azure/cosmos-checkpoints';
import { CosmosEventStore } from '../../adapters/azure/cosmos-event-store';
import { CosmosKeys } from '../../adapters/azure/cosmos-keys';
import { CosmosLeases } from '../../adapters/azure/cosmos-leases';
import { CosmosPresence } from '../../adapters/azure/cosmos-presence';
import { CosmosSubjectKeys } from '../../adapters/azure/cosmos-subject-keys';
import { CosmosViewStore } from '../../adapters/azure/cosmos-view-store';
import { StoreBusy } from '../../app/engine/ports';
import type { Commit, SealedCommit } from '../../domain/kernel/commit';
import { ROLES } from '../servers/cosmos/roles';
import { CosmosServer, type Fault, type FaultPlan, type RequestKind } from '../servers/cosmos/server';
import { chain, faultsOf, newTenant, nextCommit } from '../support/commits';
import { eventually } from '../support/eventually';
import { randomOf } from '../support/shuffle';
import type { Opened } from './contract';
import { eventStoreContract } from './event-store.contract';
import { leasesContract } from './leases.contract';
import { checkpointsContract, keysContract, presenceContract } from './small-stores.contract';
import { subjectKeysContract } from './subject-keys.contract';
import { viewStoreContract } from './view-store.contract';

// Loaded by Node itself: one of the SDK's packages has nothing but ES modules, which Jest can't load.
jest.mock(
  '@azure/cosmos',
  () => process.getBuiltinModule('node:module').createRequire(__filename)('@azure/cosmos') as unknown,
);

// The SDK asks whether a time is a Date: one of its own realm, which Jest's is not.
globalThis.Date = process.getBuiltinModule('node:vm').runInThisContext('Date') as DateConstructor;

const SEED = Date.now() % 1_000_000;
const NO_FAULTS: FaultPlan = () => undefined;

/** An account with the containers of the product, and the app's own roles; every connection has a client of its own. */
async function account(options: Parameters<typeof CosmosServer.start>[0] = {}) {
  const server = await CosmosServer.start({ roles: ROLES, ...options });
  const clients: CosmosClient[] = [];
  const connect = (): Cosmos => {
    const options = { endpoint: server.endpoint, key: server.key, connectionPolicy: CONNECTION_POLICY };
    const client = new CosmosClient(options);
    const derived = new CosmosClient({ ...options, consistencyLevel: ConsistencyLevel.Session });
    clients.push(client, derived);
    return new Cosmos(
      () => client,
      'formicary',
      () => derived,
    );
  };
  await connect().createContainers();
  const close = async () => {
    for (const client of clients) client.dispose();
    await server.stop();
  };
  return { server, connect, close };
}

test('processes that start at once make their containers together', async () => {
  const server = await CosmosServer.start();
  const clients = Array.from(
    { length: 4 },
    () => new CosmosClient({ endpoint: server.endpoint, key: server.key, connectionPolicy: CONNECTION_POLICY }),
  );
  await Promise.all(clients.map((client) => new Cosmos(() => client, 'together').createContainers()));
  for (const client of clients) client.dispose();
  await server.stop();
});

/** A port on an account of its own. */
async function onServer<T>(
  make: (cosmos: Cosmos) => T,
  faults: FaultPlan = NO_FAULTS,
  end: (store: T) => Promise<void> = async () => undefined,
): Promise<Opened<T>> {
  const { server, connect, close } = await account();
  server.faults = faults;
  const store = make(connect());
  return {
    store,
    reopen: async () => make(connect()),
    close: async () => {
      await end(store);
      await close();
    },
  };
}

/** The given share of the writes loses its answer, the given share of all requests meets something that passes. */
function randomFaults(lost: number, passing: number): FaultPlan {
  const random = randomOf(SEED);
  const faults: readonly Fault[] = [429, 429, 449, 503, 408, 410, 'slow'];
  return (kind: RequestKind) => {
    if (kind === 'metadata') return undefined;
    if ((kind === 'batch' || kind === 'write') && random() < lost) return 'lost';
    if (random() >= passing) return undefined;
    return faults[Math.floor(random() * faults.length)];
  };
}

eventStoreContract('Cosmos DB', () => onServer((cosmos) => new CosmosEventStore(cosmos, () => undefined)));
eventStoreContract(`Cosmos DB with faults, seed ${SEED}`, () =>
  onServer((cosmos) => new CosmosEventStore(cosmos, () => undefined), randomFaults(0.1, 0.1)),
);
viewStoreContract('Cosmos DB', () => onServer((cosmos) => new CosmosViewStore(cosmos)));
viewStoreContract(`Cosmos DB with faults, seed ${SEED}`, () =>
  onServer((cosmos) => new CosmosViewStore(cosmos), randomFaults(0.05, 0.05)),
);
test('rows of a view that stood alone before there were packs are still found, in one order with the others', async () => {
  const { connect, close } = await account();
  const [before, now] = [new CosmosViewStore(connect()), new CosmosViewStore(connect())];
  const rows = (...numbers: readonly number[]) =>
    numbers.map((n) => ({ tenant: 'acme', key: 'k', source: `s${n}`, index: 0, doc: { n } }));
  await before.declare('once.v1', []);
  await before.put('once.v1', rows(1, 2, 3, 6, 8));
  await now.declare('once.v1', [], 'once');
  await now.put('once.v1', rows(4, 5, 7, 9));
  // The later contribution of before stands.
  await now.put(
    'once.v1',
    rows(3).map((row) => ({ ...row, index: -1, doc: { n: 33 } })),
  );
  for (const limit of [1, 2, 3, 20]) {
    const found: unknown[] = [];
    for (let continuation: string | undefined, isOver = false; !isOver; isOver = continuation === undefined) {
      const page = await now.query('once.v1', { tenant: 'acme', key: 'k', limit, continuation });
      found.push(...page.rows);
      ({ continuation } = page);
    }
    expect(found).toEqual(rows(1, 2, 3, 4, 5, 6, 7, 8, 9));
  }
  expect(await now.get('once.v1', 'acme', 'k', 's6')).toEqual(rows(6)[0]);
  await expect(now.query('once.v1', { tenant: 'acme', limit: 1 })).rejects.toThrow('by their key alone');
  await close();
});

test('many rows that are written once cost a fraction of a document each', async () => {
  const { connect, close } = await account();
  const cosmos = connect();
  const store = new CosmosViewStore(cosmos);
  await store.declare('once.v1', [], 'once');
  const put = async (count: number) => {
    const before = cosmos.meter.totals().get('view.put')?.requestUnits ?? 0;
    const rows = Array.from({ length: count }, (_, n) => ({
      tenant: 'acme',
      key: `${count}-${n >> 1}`,
      source: `s${n}`,
    }));
    await store.put(
      'once.v1',
      rows.map((row) => ({ ...row, index: 0, doc: { first: 0 } })),
    );
    return ((cosmos.meter.totals().get('view.put')?.requestUnits ?? 0) - before) / count;
  };
  await put(1); // what says that the tenant has any
  expect(await put(2)).toBeLessThan(3.5);
  expect(await put(100)).toBeLessThan(1);
  await close();
});

keysContract('Cosmos DB', () => onServer((cosmos) => new CosmosKeys(cosmos)));
keysContract(`Cosmos DB with faults, seed ${SEED}`, () =>
  onServer((cosmos) => new CosmosKeys(cosmos), randomFaults(0.1, 0.1)),
);
checkpointsContract('Cosmos DB', () => onServer((cosmos) => new CosmosCheckpoints(cosmos)));
checkpointsContract(`Cosmos DB with faults, seed ${SEED}`, () =>
  onServer((cosmos) => new CosmosCheckpoints(cosmos), randomFaults(0.1, 0.1)),
);
leasesContract('Cosmos DB', () => onServer((cosmos) => new CosmosLeases(cosmos)));
test('who holds a lease renews it in one request, and who waits for it looks in one', async () => {
  const { server, connect, close } = await account();
  const [holder, other] = [new CosmosLeases(connect()), new CosmosLeases(connect())];
  const at = Date.UTC(2026, 10, 30);
  const hold = (leases: CosmosLeases, name: string, seconds: number) =>
    leases.hold({ name: 'duty', holder: name, at: at + seconds * 1_000, seconds: 15 });
  expect(await hold(holder, 'a', 0)).toBe(true);
  expect(await hold(other, 'b', 0)).toBe(false);
  const before = { ...server.requests };
  expect([await hold(holder, 'a', 5), await hold(holder, 'a', 10), await hold(other, 'b', 10)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(server.requests).toMatchObject({ write: before.write + 2, read: before.read + 1 });
  // It was away, and another one has it.
  expect([await hold(other, 'b', 30), await hold(holder, 'a', 31), await hold(other, 'b', 40)]).toEqual([
    true,
    false,
    true,
  ]);
  await other.release({ name: 'duty', holder: 'b' });
  expect(await hold(holder, 'a', 41)).toBe(true);
  await close();
});

test('a lease whose holder does not renew it ends, however far ahead its clock was', async () => {
  const { connect, close } = await account();
  const [ahead, other] = [new CosmosLeases(connect()), new CosmosLeases(connect())];
  const at = Date.UTC(2026, 10, 30);
  const renewed = () => ahead.hold({ name: 'duty', holder: 'ahead', at: at + 3_600_000, seconds: 0.05 });
  const asked = () => other.hold({ name: 'duty', holder: 'other', at, seconds: 0.05 });
  const passes = () => new Promise((resolve) => setTimeout(resolve, 60));
  expect([await renewed(), await asked()]).toEqual([true, false]);
  await passes();
  // What was renewed meanwhile stands.
  expect([await renewed(), await asked()]).toEqual([true, false]);
  await passes();
  expect(await asked()).toBe(true);
  await close();
});

subjectKeysContract('Cosmos DB', () => onServer((cosmos) => new CosmosSubjectKeys(cosmos)));
subjectKeysContract(`Cosmos DB with faults, seed ${SEED}`, () =>
  onServer((cosmos) => new CosmosSubjectKeys(cosmos), randomFaults(0.1, 0.1)),
);
presenceContract('Cosmos DB', () =>
  onServer(
    (cosmos) => new CosmosPresence(cosmos, () => undefined),
    undefined,
    (store) => store.close(),
  ),
);

/** The given faults befall the requests of one kind, one after the other; then none. */
function scripted(kind: RequestKind, ...faults: (Fault | undefined)[]): FaultPlan {
  const rest = faults.values();
  return (asked) => (asked === kind ? rest.next().value : undefined);
}

const commitsOf = (sealed: readonly SealedCommit[]) =>
  sealed.map(({ commit }) => JSON.parse(JSON.stringify(commit)) as Commit);

describe('the event store on Cosmos DB', () => {
  let opened: Awaited<ReturnType<typeof account>>;
  let cosmos: Cosmos;
  let store: CosmosEventStore;
  let stream: string;

  beforeAll(async () => {
    opened = await account({ ranges: 3 });
  });
  beforeEach(() => {
    cosmos = opened.connect();
    store = new CosmosEventStore(cosmos, () => undefined);
    stream = `${newTenant()}/task/1`;
  });
  afterEach(() => {
    opened.server.faults = NO_FAULTS;
    opened.server.throughput = Infinity;
  });
  afterAll(() => opened.close());

  const write = (commits: readonly SealedCommit[], by = store) =>
    by.append({
      stream: commits[0]?.commit.stream as string,
      expected: (commits[0]?.commit.index as number) - 1,
      commits,
    });
  const asked = async (work: () => Promise<unknown>) => {
    const before = { ...opened.server.requests };
    await work();
    return Object.fromEntries(
      Object.entries(opened.server.requests).flatMap(([kind, count]) =>
        count > before[kind as RequestKind] ? [[kind, count - before[kind as RequestKind]]] : [],
      ),
    );
  };

  test.each<Fault>(['lost', 'cut', 'moved', 408, 410, 429, 449, 503])(
    'an append that meets %s is written once, and the same again is a conflict',
    async (fault) => {
      for (const [kind, count] of [
        ['write', 1],
        ['batch', 2],
      ] as const) {
        const commits = chain(`${stream}-${count}`, count);
        opened.server.faults = scripted(kind, fault);
        expect(await write(commits)).toEqual({ kind: 'written' });
        expect(await write(commits)).toEqual({ kind: 'conflict', head: count - 1 });
        expect(await store.read(`${stream}-${count}`, 0, 10)).toEqual(commitsOf(commits));
      }
    },
  );

  test('nothing is left in between: on top of what is not there nothing is written, whoever knows less', async () => {
    const commits = chain(stream, 4);
    await write(commits.slice(0, 2));
    const stranger = new CosmosEventStore(opened.connect(), () => undefined);
    expect(await write(commits.slice(3), stranger)).toEqual({ kind: 'conflict', head: 1 });
    const another = new CosmosEventStore(opened.connect(), () => undefined);
    expect(await asked(() => write(commits.slice(2, 3), another))).toMatchObject({ batch: 1 });
    expect(await asked(() => write(commits.slice(3), another))).toMatchObject({ write: 1 });
    expect(await store.head(stream)).toEqual({ index: 3, hash: commits[3]?.commit.hash });
  });

  test('what is there can be neither replaced nor deleted by the app, in any container of receipts', async () => {
    const [commit] = chain(stream, 1) as [SealedCommit];
    await write([commit]);
    const item = cosmos.container('events').item('000000000000', stream);
    const { resource } = await item.read<{ id: string }>();
    const other = { ...resource, id: '000000000000', body: '{}' };
    const tries = [
      () => item.replace(other),
      () => cosmos.container('events').items.upsert(other),
      () => item.patch([{ op: 'set', path: '/body', value: '{}' }]),
      () => item.delete(),
      () => cosmos.container('events').items.batch([{ operationType: 'Delete', id: '000000000000' }], stream),
    ];
    for (const attempt of tries) await expect(attempt()).rejects.toMatchObject({ message: /RBAC permissions/ });
    expect(await store.read(stream, 0, 10)).toEqual(commitsOf([commit]));
  });

  test('a store of an earlier version is read and written as it is: its heads and snapshots are passed over', async () => {
    const from = await store.end();
    const commits = chain(stream, 3);
    await write(commits.slice(0, 2));
    const events = cosmos.container('events');
    const { index, hash } = (commits[1] as SealedCommit).commit;
    const snapshot = { version: 1, index, state: '{"old":true}' };
    await events.items.create({ id: 'head', stream, kind: 'head', index, hash, snapshot });
    await events.items.create({ id: 'state-000000000001', stream, kind: 'text', text: JSON.stringify(snapshot) });
    const after = new CosmosEventStore(opened.connect(), () => undefined);
    expect(await after.head(stream)).toEqual({ index, hash });
    expect(await after.snapshot(stream)).toBeUndefined();
    expect(await write(commits.slice(2), after)).toEqual({ kind: 'written' });
    expect(await after.read(stream, 0, 10)).toEqual(commitsOf(commits));
    expect((await after.feed(from, 10)).commits.filter((commit) => commit.stream === stream)).toEqual(
      commitsOf(commits),
    );
  });

  test('the newest are found by when they were stored, in all ranges', async () => {
    let at = Date.now() - 300 * 86_400_000;
    const elsewhere = await account({ now: () => at, ranges: 3 });
    const old = new CosmosEventStore(elsewhere.connect(), () => undefined);
    const written: string[] = [];
    for (let day = 0; day < 60; day += 1) {
      at += 5 * 86_400_000 * (day < 50 ? 1 : 0.001);
      const commits = chain(`${stream}-${day}`, 3);
      await write(commits, old);
      written.push(...commits.map(({ commit }) => commit.hash));
    }
    for (const count of [1, 3, 20, 90, 1_000]) {
      const found: string[] = [];
      for await (const commits of old.latest(count, Date.now())) found.push(...commits.map(({ hash }) => hash));
      expect(found).toEqual(written.slice(-count));
    }
    await elsewhere.close();
  });

  test('a snapshot that can not be kept takes nothing from its append', async () => {
    const commits = chain(stream, 1);
    const refused = { ...ROLES, snapshots: [] };
    const elsewhere = await account({ roles: refused });
    const poor = new CosmosEventStore(elsewhere.connect(), () => undefined);
    const kept = { stream, expected: -1, commits, snapshot: { version: 1, index: 0, state: {} } };
    expect(await poor.append(kept)).toEqual({ kind: 'written' });
    expect(await poor.read(stream, 0, 10)).toEqual(commitsOf(commits));
    await elsewhere.close();
  });

  test('an append waits for no snapshot, nor does whoever hears of it', async () => {
    const held: ServerResponse[] = [];
    const silent = createServer((_, response) => void held.push(response));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;
    const away = new CosmosClient({ endpoint, key: opened.server.key, connectionPolicy: CONNECTION_POLICY });
    const events = new CosmosClient({ endpoint: opened.server.endpoint, key: opened.server.key });
    const waits = new CosmosEventStore(
      new Cosmos(
        () => events,
        'formicary',
        () => away,
      ),
      () => undefined,
    );
    let heard = 0;
    waits.onAppend(() => (heard += 1));
    const snapshot = { version: 1, index: 0, state: {} };
    expect(await waits.append({ stream, expected: -1, commits: chain(stream, 1), snapshot })).toEqual({
      kind: 'written',
    });
    expect(heard).toBe(1);
    await eventually(async () => held.length > 0);
    // Its request is still under way.
    expect(held.map(({ destroyed }) => destroyed)).toEqual(held.map(() => false));
    // Nor does who loads the stream next: its own request is sent while those are under way.
    const writing = [...held];
    waits.snapshot(stream).catch(() => undefined);
    await eventually(() => held.length > writing.length);
    expect(writing.map(({ destroyed }) => destroyed)).toEqual(writing.map(() => false));
    for (const client of [away, events]) client.dispose();
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
  });

  test('a snapshot that can not be kept is told, and the commits are there', async () => {
    const commits = chain(stream, 1);
    const reports: string[] = [];
    const told = new CosmosEventStore(opened.connect(), (message) => reports.push(message));
    opened.server.faults = scripted('write', undefined, 403, 403);
    expect(await told.append({ stream, expected: -1, commits, snapshot: { version: 1, index: 0, state: {} } })).toEqual(
      { kind: 'written' },
    );
    await eventually(() => reports.length > 0);
    expect(reports).toEqual(['a snapshot could not be kept']);
    expect(await told.snapshot(stream)).toBeUndefined();
  });

  test('after a lost answer the commits of another, equal to the last byte, are not taken for its own', async () => {
    const commits = chain(stream, 1);
    const rival = new CosmosEventStore(opened.connect(), () => undefined);
    let first = true;
    const written: Promise<unknown>[] = [];
    opened.server.faults = (kind) => {
      if (kind !== 'write' || !first) return undefined;
      first = false;
      written.push(write(commits, rival));
      return 'cut';
    };
    const result = await write(commits);
    expect([result, ...(await Promise.all(written))]).toContainEqual({ kind: 'written' });
    expect([result, ...(await Promise.all(written))]).toContainEqual({ kind: 'conflict', head: 0 });
  });

  test('throttling that lasts is told from other trouble, and nothing was written', async () => {
    opened.server.throughput = 0;
    const error = await write(chain(stream, 1)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreBusy);
    expect((error as StoreBusy).retryAfterMs).toBeGreaterThan(0);
    opened.server.throughput = Infinity;
    expect(await store.head(stream)).toBeUndefined();
    expect(cosmos.meter.totals().get('append')).toMatchObject({
      requestUnits: expect.any(Number) as number,
      throttled: expect.any(Number) as number,
    });
    expect(cosmos.meter.totals().get('append')?.throttled).toBeGreaterThan(1);
  });

  test.each<[string, FaultPlan]>([
    ['a write', scripted('write', 'lost', ...Array.from({ length: 99 }, () => 429 as const))],
    ['the look for what became of it', (kind) => (kind === 'read' ? 429 : undefined)],
  ])('throttling of %s after an answer was lost does not say that nothing was written', async (what, plan) => {
    await store.head(stream); // the SDK asks for the account and the container first
    const commits = chain(stream, 1);
    const lost = scripted('write', 'lost');
    opened.server.faults = what === 'a write' ? plan : (kind) => lost(kind) ?? plan(kind);
    const told = await write(commits).catch((thrown: unknown) => ({ thrown }));
    expect(told).toEqual({ thrown: expect.anything() as unknown });
    expect((told as { thrown: unknown }).thrown).not.toBeInstanceOf(StoreBusy);
    opened.server.faults = NO_FAULTS;
    expect(await store.read(stream, 0, 10)).toEqual(commitsOf(commits));
  });

  test('an append of more than a batch can carry is whole or not there', async () => {
    const from = await store.end();
    const large = chain(stream, 99, undefined, (n) => ({ filler: `"${n}`.repeat(30_000) }));
    const last = nextCommit(stream, large[97]?.commit, { rival: true });
    expect(await write(large.slice(0, 98))).toEqual({ kind: 'written' });
    expect(await store.read(stream, 0, 100)).toEqual(commitsOf(large.slice(0, 98)));
    expect(await write([last])).toEqual({ kind: 'written' });
    expect(await write(large.slice(98))).toEqual({ kind: 'conflict', head: 98 });
    expect(faultsOf(stream, await store.read(stream, 0, 100))).toEqual([]);
    const indexes: number[] = [];
    for (let at = from, end = false; !end;) {
      const page = await store.feed(at, 30);
      indexes.push(...page.commits.map(({ index }) => index));
      ({ checkpoint: at, end } = page);
    }
    expect(indexes).toEqual(Array.from({ length: 99 }, (_, i) => i));
  });

  test('a place in the feed is short, wherever a page ends: it has to fit into an address', async () => {
    const from = await store.end();
    const tenant = newTenant();
    const streams = Array.from({ length: 60 }, (_, i) => `${tenant}/task/with-a-name-of-some-length-${i}`);
    for (const name of streams) expect(await write(chain(name, 3))).toEqual({ kind: 'written' });
    const seen: string[] = [];
    let longest = 0;
    for (let at = from, end = false; !end;) {
      const page = await store.feed(at, 50);
      expect(page.commits.length).toBeLessThanOrEqual(50);
      seen.push(...page.commits.map(({ stream: name, index }) => `${name}@${index}`));
      ({ checkpoint: at, end } = page);
      longest = Math.max(longest, at.length);
    }
    expect(seen.sort()).toEqual(streams.flatMap((name) => [0, 1, 2].map((index) => `${name}@${index}`)).sort());
    expect(longest).toBeLessThan(from.length + 200);
  });

  test.each([
    ['"', 130_000, 2],
    ['\u0001', 40_000, 2],
    ['日', 85_000, 8],
  ])('what fills a batch goes in one, also when JSON makes it larger (%j)', async (filler, times, count) => {
    await store.head(stream);
    const commits = chain(stream, count, undefined, () => ({ filler: filler.repeat(times) }));
    expect(await asked(async () => expect(await write(commits)).toEqual({ kind: 'written' }))).toEqual({ batch: 1 });
    expect(await store.read(stream, 0, 10)).toEqual(commitsOf(commits));
  });

  test('what it costs: a command one request, and so a commit that is read', async () => {
    await write(chain(`${stream}-first`, 1)); // the SDK asks for the account and the container first
    const [first, second, third] = chain(stream, 3) as [SealedCommit, SealedCommit, SealedCommit];
    expect(await asked(() => write([first]))).toEqual({ write: 1 });
    expect(await asked(() => write([second]))).toEqual({ write: 1 });
    expect(await asked(() => store.read(stream, 1, 1))).toEqual({ read: 1 });
    expect(await asked(() => store.head(stream))).toEqual({ read: 1 });
    expect(await asked(() => store.read(stream, 0, 100))).toEqual({ metadata: 1, query: 1 });
    expect(await asked(() => write([second]))).toEqual({ write: 1, read: 2 });
    const from = await store.end();
    const page = await store.feed(from, 10); // opens a reader, which asks for the container
    await write([third]);
    expect(await asked(async () => expect((await store.feed(page.checkpoint, 10)).commits).toHaveLength(1))).toEqual({
      changes: expect.any(Number) as number,
    });
    const cost = cosmos.meter.totals().get('append');
    expect(cost).toMatchObject({ calls: 5, throttled: 0 });
    // A document of less than a kilobyte, four times; and a refusal.
    expect(cost?.requestUnits).toBeGreaterThanOrEqual(4 * 5.5);
    expect(cost?.requestUnits).toBeLessThan(25);
    expect(cost?.bytesSent).toBeGreaterThan(first.body.length + second.body.length + third.body.length);
  });

  test('the feed over several partitions, with trouble: each commit, in order per stream', async () => {
    const from = await store.end();
    const tenant = newTenant();
    const streams = Array.from({ length: 12 }, (_, i) => `${tenant}/task/${i}`);
    opened.server.faults = randomFaults(0.1, 0.1);
    let writing = true;
    const reading = (async () => {
      const seen = new Map<string, number>();
      for (let at = from; ;) {
        const stopped = !writing;
        const page = await store.feed(at, 4);
        expect(page.commits.length).toBeLessThanOrEqual(4);
        for (const { stream: name, index } of page.commits) {
          expect(index).toBeLessThanOrEqual((seen.get(name) ?? -1) + 1);
          seen.set(name, Math.max(index, seen.get(name) ?? -1));
        }
        if (page.end && stopped) return seen;
        at = page.checkpoint;
      }
    })();
    reading.catch(() => undefined); // it is awaited below
    await Promise.all(
      streams.map(async (name) => {
        let last: Commit | undefined;
        for (let n = 0; n < 8; n += 1) {
          const commits = chain(name, 1 + (n % 3), last);
          expect(await write(commits)).toEqual({ kind: 'written' });
          last = commits.at(-1)?.commit;
        }
      }),
    );
    writing = false;
    expect([...(await reading)].sort()).toEqual(streams.map((name) => [name, 14] as const).sort());
    opened.server.faults = NO_FAULTS;
    expect(await store.lag(from)).toBe(12 * 15);
    expect(await store.lag(await store.end())).toBe(0);
    expect(await store.end()).toBe(await store.end());
  });

  test('what a trigger hands over is put in order, without texts, and a gap is filled from the stream', async () => {
    const commits = chain(stream, 4);
    await write(commits);
    const events = cosmos.container('events');
    await events.items.create({ id: 'body-0', stream, kind: 'text', text: '' });
    const document = async (id: string) => (await events.item(id, stream).read()).resource as unknown;
    const documents = await Promise.all(['000000000003', 'body-0', '000000000001', '000000000000'].map(document));
    expect(await store.delivered(documents)).toEqual(commitsOf(commits));
    expect(await store.delivered(documents.slice(0, 2))).toEqual(commitsOf(commits.slice(3)));
    expect(await store.delivered([])).toEqual([]);
  });
});

describe('views on Cosmos DB', () => {
  test('a row that is known costs one request, and a drop leaves nothing', async () => {
    const { server, connect, close } = await account();
    const views = new CosmosViewStore(connect());
    const row = (index: number, n = 0) => ({ tenant: 't', key: `k${n}`, source: 's', index, doc: { index } });
    await views.put('tasks.v1', [row(1)]);
    const before = { ...server.requests };
    await views.put('tasks.v1', [row(2)]);
    await views.put('tasks.v1', [row(1)]);
    expect(server.requests).toEqual({ ...before, write: before.write + 2 });
    await views.put(
      'tasks.v1',
      Array.from({ length: 150 }, (_, n) => row(3, n)),
    );
    server.faults = randomFaults(0.2, 0);
    await views.drop('tasks.v1');
    server.faults = NO_FAULTS;
    const { resources } = await connect().container('views').items.query('SELECT * FROM c').fetchAll();
    expect(resources).toEqual([]);
    await close();
  });
});

describe('presence on Cosmos DB', () => {
  let opened: Awaited<ReturnType<typeof account>>;
  let open: CosmosPresence[];
  let reports: string[];
  const note = (message: string) => void reports.push(message);
  const documents = async (account: typeof opened) =>
    (await account.connect().container('state').items.query<{ beats: string }>('SELECT * FROM c').fetchAll()).resources;
  const start = () => {
    const presence = new CosmosPresence(opened.connect(), note);
    open.push(presence);
    return presence;
  };

  beforeEach(async () => {
    opened = await account();
    open = [];
    reports = [];
  });
  afterEach(async () => {
    for (const presence of open) await presence.close();
    await opened.close();
  });

  test('one instance knows what another heard, once that is written, and the later beat stands', async () => {
    const [here, there] = [start(), start()];
    here.beat(['a', 'b'], 50_000);
    there.beat(['a'], 40_000);
    await here.flush();
    await there.flush();
    expect([await there.last('a'), await there.last('b'), await there.last('c')]).toEqual([50_000, 50_000, undefined]);
    here.forget(['b'], 50_000);
    expect(await here.last('b')).toBeUndefined();
    here.beat(['b'], 5_000);
    expect(await here.last('b')).toBe(5_000);
    await here.close();
    expect(await start().last('b')).toBe(5_000);
  });

  test('a process writes one document, however many it hears; a beat that was later elsewhere is dropped', async () => {
    const keys = Array.from({ length: 5_000 }, (_, n) => `acme/agent/agent-${n}`);
    const [here, there] = [start(), start()];
    here.beat(keys, 10_000);
    there.beat(keys.slice(1), 20_000);
    const before = { ...opened.server.requests };
    await there.flush();
    await here.flush();
    await here.flush();
    expect(opened.server.requests.write - before.write).toBe(2);
    expect(await here.last('acme/agent/agent-7')).toBe(20_000);
    await here.flush();
    const { resources } = await opened
      .connect()
      .container('state')
      .items.query<{ beats: string }>('SELECT * FROM c')
      .fetchAll();
    const sizes = resources.map(({ beats }) => beats.length).sort((a, b) => a - b);
    expect(sizes[0]).toBeLessThan(100);
    expect(sizes[1]).toBeLessThan(5_000 * 5);
  });

  test('a process that nobody asks drops what was later elsewhere too', async () => {
    const asked = new CosmosPresence(opened.connect(), note, { write: 5, compare: 5 });
    open.push(asked);
    const keys = Array.from({ length: 1_000 }, (_, n) => `acme/agent/agent-${n}`);
    asked.beat(keys, 10_000);
    await asked.flush();
    const there = start();
    there.beat(keys, 20_000);
    await there.flush();
    // It has something to write, or there is nothing to compare for.
    await eventually(async () => {
      asked.beat(['b'], Date.now());
      return (await documents(opened)).some(({ beats }) => beats.length < 100);
    });
  });

  test('what a process heard that has gone is taken over, and its document deleted', async () => {
    let now = Date.UTC(2026, 10, 30);
    const old = await account({ now: () => now });
    const presenceOf = () => new CosmosPresence(old.connect(), note);
    const [gone, lives] = [presenceOf(), presenceOf()];
    gone.beat(['a', 'over'], 10_000);
    await gone.close();
    // A process hears of the end of what it has never heard of itself.
    lives.forget(['over'], 15_000);
    now += 600_000;
    lives.beat(['b'], 20_000);
    await lives.flush();
    expect(await lives.last('a')).toBe(10_000);
    await lives.close();
    const state = old.connect().container('state');
    await eventually(async () => (await state.items.query('SELECT * FROM c').fetchAll()).resources.length === 1);
    const next = presenceOf();
    expect([await next.last('a'), await next.last('b'), await next.last('over')]).toEqual([10_000, 20_000, undefined]);
    await next.close();
    await old.close();
  });

  test('what nobody has beaten for a day is dropped', async () => {
    const here = start();
    const day = 24 * 60 * 60 * 1_000;
    here.beat(['missed', 'longest'], 10_000);
    here.beat(['longest'], 11_000);
    here.beat(['new'], day + 11_000);
    await here.flush();
    const next = start();
    expect([await next.last('missed'), await next.last('longest')]).toEqual([undefined, 11_000]);
  });

  test('one of those that are there takes it over, and leaves it where who seemed to have gone writes again meanwhile', async () => {
    let now = Date.UTC(2026, 10, 30);
    const old = await account({ now: () => now });
    const presenceOf = () => new CosmosPresence(old.connect(), note);
    const [quiet, here, there] = [presenceOf(), presenceOf(), presenceOf()];
    quiet.beat(['a'], 10_000);
    await quiet.flush();
    now += 600_000;
    here.beat(['b'], 20_000);
    there.beat(['c'], 30_000);
    await Promise.all([here.flush(), there.flush()]);
    let writes = 0;
    let again: Promise<void> | undefined;
    old.server.faults = (kind) => {
      if (kind !== 'write') return undefined;
      writes += 1;
      if (writes > 1) return undefined;
      // In the moment between the look at its document and the end of that.
      quiet.beat(['d'], 40_000);
      again = quiet.flush();
      return 'slow';
    };
    expect([await here.last('a'), await there.last('a')]).toEqual([10_000, 10_000]);
    await eventually(async () => writes >= 3);
    await again;
    await Promise.all([here.flush(), there.flush()]);
    expect([writes, (await documents(old)).length]).toEqual([3, 3]);
    const next = presenceOf();
    expect([await next.last('a'), await next.last('d')]).toEqual([10_000, 40_000]);
    for (const presence of [quiet, here, there, next]) await presence.close();
    await old.close();
  });

  test('of more than a document can hold the latest is kept, and what can not be written is told', async () => {
    const [here, there] = [start(), start()];
    for (let n = 0; n < 30_000; n += 1) here.beat([randomBytes(60).toString('hex')], n);
    here.beat(['latest'], 30_000);
    await here.flush();
    expect(await there.last('latest')).toBe(30_000);
    expect(new Set(reports)).toEqual(
      new Set(['more was heard here than can be written: what was heard longest ago is dropped']),
    );
    reports.length = 0;
    there.beat(
      Array.from({ length: 50_001 }, (_, n) => `${n}`),
      30_000,
    );
    expect(reports).toHaveLength(1);
    reports.length = 0;
    here.beat(['later'], 40_000);
    opened.server.faults = scripted('write', 403);
    await here.flush();
    expect(reports).toEqual(['who was heard here could not be written']);
    await here.flush();
    expect(await start().last('later')).toBe(40_000);
  });
});
