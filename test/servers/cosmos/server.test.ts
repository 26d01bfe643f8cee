/** The test server is as strict as the service, as the unmodified SDK sees it. */
import { type Container as Connected, CosmosClient, type OperationInput } from '@azure/cosmos';
import { createCharge, indexedValues, readCharge } from './charges';
import { Container, type Operation, Refused } from './container';
import { CosmosServer } from './server';
import { parseQuery, SqlError } from './sql';

// Loaded by Node itself: one of the SDK's packages has nothing but ES modules, which Jest can't load.
jest.mock(
  '@azure/cosmos',
  () => process.getBuiltinModule('node:module').createRequire(__filename)('@azure/cosmos') as unknown,
);

let server: CosmosServer;
let client: CosmosClient;
let container: Connected;
let now = Date.UTC(2026, 10, 21);

beforeAll(async () => {
  server = await CosmosServer.start({ now: () => now });
  client = new CosmosClient({
    endpoint: server.endpoint,
    key: server.key,
    connectionPolicy: { retryOptions: { maxRetryAttemptCount: 0 } },
  });
  const { database } = await client.databases.create({ id: 'd' });
  ({ container } = await database.containers.create({
    id: 'c',
    partitionKey: { paths: ['/p'], version: 2 },
    defaultTtl: -1,
  }));
});
afterAll(async () => {
  client.dispose();
  await server.stop();
});

const create = (id: string): OperationInput => ({ operationType: 'Create', resourceBody: { id, p: 'x' } });
const statuses = async (operations: OperationInput[], key = 'x') => {
  const { code, result } = await container.items.batch(operations, key);
  return [code, ...(result ?? []).map(({ statusCode }) => statusCode)];
};
const codeOf = async (work: Promise<unknown>) =>
  await work.then(
    () => undefined,
    (error: { code?: unknown; cause?: { code?: unknown } }) => error.code ?? error.cause?.code,
  );

describe('items', () => {
  test('what is not there, there already, and changed since are told apart', async () => {
    const first = await container.items.create({ id: 'apart', p: 'x' });
    expect(await codeOf(container.items.create({ id: 'apart', p: 'x' }))).toBe(409);
    expect((await container.item('apart', 'other').read()).statusCode).toBe(404);
    expect(await codeOf(container.item('nothing', 'x').replace({ id: 'nothing', p: 'x' }))).toBe(404);
    const accessCondition = { type: 'IfMatch', condition: first.etag };
    await container.item('apart', 'x').replace({ id: 'apart', p: 'x', n: 1 }, { accessCondition });
    expect(await codeOf(container.item('apart', 'x').replace({ id: 'apart', p: 'x', n: 2 }, { accessCondition }))).toBe(
      412,
    );
    expect((await container.item('apart', 'x').read<{ n: number }>()).resource?.n).toBe(1);
  });

  test.each(['a/b', 'a\\b', 'a#b', 'a?b', 'x'.repeat(1024)])(
    'an id that the service refuses is refused: %j',
    async (id) => {
      expect((await statuses([create(id)])).slice(1)).toEqual([400]);
    },
  );

  test('an item of 2 MB fits, a larger one does not', async () => {
    const item = (bytes: number) => ({ id: 'large', p: 'x', filler: 'x'.repeat(bytes) });
    expect(await codeOf(container.items.upsert(item(2 * 1024 * 1024)))).toBe(413);
    expect(await codeOf(container.items.upsert(item(2 * 1024 * 1024 - 100)))).toBeUndefined();
  });

  test('a patch is made when its condition holds', async () => {
    await container.items.create({ id: 'patched', p: 'x', n: 1 });
    const patch = (condition: string) =>
      container.item('patched', 'x').patch({ condition, operations: [{ op: 'set', path: '/n', value: 2 }] });
    expect(await codeOf(patch('FROM c WHERE c.n > 1'))).toBe(412);
    expect(await codeOf(patch('FROM c WHERE c.n < 2'))).toBeUndefined();
    expect(await codeOf(container.item('unpatched', 'x').patch([{ op: 'set', path: '/n', value: 2 }]))).toBe(404);
    expect((await container.item('patched', 'x').read<{ n: number }>()).resource?.n).toBe(2);
  });

  test('one with a time to live ends, from its last write', async () => {
    await container.items.create({ id: 'mortal', p: 'x', ttl: 10 });
    now += 9_000;
    await container.items.upsert({ id: 'mortal', p: 'x', ttl: 10 });
    now += 9_000;
    expect((await container.item('mortal', 'x').read()).statusCode).toBe(200);
    now += 1_000;
    expect((await container.item('mortal', 'x').read()).statusCode).toBe(404);
    expect(await codeOf(container.items.create({ id: 'mortal', p: 'x' }))).toBeUndefined();
  });
});

describe('batches', () => {
  test('one failure undoes all: it keeps its status, the others have 424', async () => {
    await container.items.create({ id: 'taken', p: 'x' });
    expect(await statuses([create('new'), create('taken'), create('newer')])).toEqual([207, 424, 409, 424]);
    expect((await container.item('new', 'x').read()).statusCode).toBe(404);
    expect(
      await statuses([
        create('new'),
        { operationType: 'Replace', id: 'taken', ifMatch: '"old"', resourceBody: { id: 'taken', p: 'x' } },
      ]),
    ).toEqual([207, 424, 412]);
    expect(await statuses([create('new'), create('newer'), create('new')])).toEqual([207, 424, 424, 409]);
    expect(await statuses([create('new'), { operationType: 'Delete', id: 'taken' }])).toEqual([200, 201, 204]);
  });

  test('more than 2 MB, another partition, and more than 100 operations are refused', async () => {
    const large = (id: string): OperationInput => ({
      operationType: 'Create',
      resourceBody: { id, p: 'x', filler: 'x'.repeat(1_100_000) },
    });
    expect(await codeOf(statuses([large('l1'), large('l2')]))).toBe(413);
    expect(await codeOf(statuses([create('elsewhere')], 'y'))).toBe(400);
    // The SDK refuses more operations itself, before the server sees them.
    const alone = new Container({ id: 'c', partitionKey: { paths: ['/p'] } }, 'AAAA', 1, () => now);
    const many = Array.from({ length: 101 }, (_, i) => create(`many-${i}`)) as Operation[];
    expect(() => alone.batch('x', many, 10_000)).toThrow(Refused);
    expect(alone.batch('x', many.slice(1), 10_000).status).toBe(200);
  });
});

test('a list that is joined gives each of its elements that fits, page by page', async () => {
  const rows = [1, 2, 3, 4, 5].map((n) => ({ n, odd: n % 2 === 1 }));
  await container.items.create({ id: 'joined', p: 'joined', of: 'x', rows });
  await container.items.create({ id: 'bare', p: 'joined', of: 'x' });
  const query = 'SELECT VALUE r FROM c JOIN r IN c.rows WHERE c.of = "x" AND r.odd = true';
  const { resources } = await container.items.query(query, { partitionKey: 'joined', maxItemCount: 2 }).fetchAll();
  expect(resources).toEqual([1, 3, 5].map((n) => ({ n, odd: true })));
});

test('an order by two paths needs its composite index', async () => {
  const query = (text: string) => container.items.query(text, { partitionKey: 'x' }).fetchAll();
  expect(await codeOf(query('SELECT * FROM c ORDER BY c.a, c.b'))).toBe(400);
  expect(await codeOf(query('SELECT * FROM c ORDER BY c.a'))).toBeUndefined();
  expect(await codeOf(query('SELECT nonsense'))).toBe(400);
});

test('an order by a path that is in no index is refused, but for what always is', async () => {
  const { container: narrow } = await client.database('d').containers.create({
    id: 'narrow',
    partitionKey: { paths: ['/p'], version: 2 },
    indexingPolicy: { includedPaths: [{ path: '/a/?' }], excludedPaths: [{ path: '/*' }] },
  });
  const ordered = (path: string) =>
    codeOf(narrow.items.query(`SELECT * FROM c ORDER BY c.${path}`, { partitionKey: 'x' }).fetchAll());
  expect([await ordered('a'), await ordered('b'), await ordered('id')]).toEqual([undefined, 400, undefined]);
});

test('another key is not let in', async () => {
  const stranger = new CosmosClient({ endpoint: server.endpoint, key: Buffer.from('another').toString('base64') });
  expect(await codeOf(stranger.database('d').container('c').items.create({ id: 'x', p: 'x' }))).toBe(401);
  stranger.dispose();
});

test('throttled when the units of a second are used up', async () => {
  now += 1_000;
  server.throughput = 20;
  const writes = await Promise.all(
    Array.from({ length: 10 }, (_, i) => codeOf(container.items.create({ id: `unit-${i}`, p: 'x' }))),
  );
  server.throughput = Infinity;
  expect(writes.filter((code) => code === undefined)).toHaveLength(4);
  expect(writes.filter((code) => code === 429)).toHaveLength(6);
  now += 1_000;
  expect(await codeOf(container.items.create({ id: 'unit-later', p: 'x' }))).toBeUndefined();
});

describe('conditions', () => {
  const document = { n: 1, text: 'abc', nothing: null, yes: true, list: ['a', 1], nested: { 'a b': 2 } };
  test.each([
    ['c.n = 1', true],
    ["c.n = '1'", false],
    ["c.n != '1'", false],
    ['c.missing != 1', false],
    ['NOT c.missing = 1', false],
    ['c.missing = 1 OR c.n = 1', true],
    ['c.missing = 1 AND c.n = 1', false],
    ['NOT (c.missing = 1 AND c.n = 2)', true],
    ['NOT (c.missing = 1 OR c.n = 2)', false],
    ['c.nothing = null AND IS_NULL(c.nothing) AND NOT IS_NULL(c.missing)', true],
    ['IS_DEFINED(c.nothing) AND NOT IS_DEFINED(c.missing)', true],
    ['c.n > -1 AND c.n >= 1 AND c.n <= 1e0', true],
    ["c.text >= 'abc' AND c.text < 'abd'", true],
    ['STARTSWITH(c.text, "ab") AND NOT STARTSWITH(c.text, "AB")', true],
    ['STARTSWITH(c.n, "1")', false],
    ["ARRAY_CONTAINS(c.list, 'a') AND NOT ARRAY_CONTAINS(c.list, '1')", true],
    ['ARRAY_CONTAINS(c.text, @p)', false],
    ['c.nested["a b"] = 2 AND c.text = @p', true],
    ['c.yes', true],
    ['c.n', false],
    ["c.text = 'it\\'s' OR c.yes = true", true],
  ])('%s is %s', (condition, expected) => {
    expect(parseQuery(`SELECT * FROM c WHERE ${condition}`, new Map([['@p', 'abc']])).matches(document)).toBe(expected);
  });

  test.each([
    'SELECT',
    'SELECT * FROM c WHERE',
    'SELECT * FROM c WHERE c.n = @none',
    'SELECT * FROM c WHERE c.n = 1; DROP',
    'SELECT * FROM c WHERE c.n = 1 c',
    'SELECT * FROM c ORDER c.n',
    "SELECT * FROM c WHERE c.n = 'a",
    'SELECT VALUE r FROM c',
    'SELECT VALUE r FROM c JOIN s IN c.list',
    'SELECT * FROM c JOIN s IN c.list WHERE r.n = 1',
  ])('what is no query is refused: %s', (text) => {
    expect(() => parseQuery(text)).toThrow(SqlError);
  });
});

describe('charges', () => {
  const policy = (...included: string[]) => ({
    includedPaths: included.map((path) => ({ path })),
    excludedPaths: included.includes('/*') ? [] : [{ path: '/*' }],
  });
  const document = { id: 'x', p: 'k', status: 'open', list: ['a', 'b'], inner: { deep: 1 }, _etag: 'e' };

  test.each([
    [undefined, 6],
    [policy(), 0],
    [policy('/status/?'), 1],
    [policy('/list/[]/?', '/inner/*'), 3],
    [{ ...policy('/*'), excludedPaths: [{ path: '/inner/*' }] }, 5],
    [
      {
        ...policy(),
        compositeIndexes: [
          [{ path: '/p' }, { path: '/status' }],
          [{ path: '/p' }, { path: '/no' }],
        ],
      },
      1,
    ],
  ])('values in the index of %j', (indexingPolicy, count) => {
    expect(indexedValues(document, indexingPolicy)).toBe(count);
  });

  test('as published: 1 KB read is 1, inserted 5.5, replaced twice that; strong reads cost twice', async () => {
    const { database } = await client.databases.createIfNotExists({ id: 'd' });
    const { container: plain } = await database.containers.create({
      id: 'charged',
      partitionKey: { paths: ['/p'], version: 2 },
      indexingPolicy: {
        indexingMode: 'consistent',
        automatic: true,
        includedPaths: [],
        excludedPaths: [{ path: '/*' }],
      },
    });
    const item = { id: 'one', p: 'x' };
    expect((await plain.items.create(item)).requestCharge).toBe(5.5);
    expect((await plain.items.upsert(item)).requestCharge).toBe(11);
    expect((await plain.item('one', 'x').replace(item)).requestCharge).toBe(11);
    expect((await plain.item('one', 'x').patch([{ op: 'set', path: '/n', value: 1 }])).requestCharge).toBe(11);
    expect((await plain.item('one', 'x').read()).requestCharge).toBe(2);
    expect((await plain.item('none', 'x').read()).requestCharge).toBe(2);
    const looked = await plain.items.batch([{ operationType: 'Read', id: 'one' }], 'x');
    expect(Number(looked.headers?.['x-ms-request-charge'])).toBe(2);
    const { requestCharge } = await plain.items.query('SELECT * FROM c', { partitionKey: 'x' }).fetchAll();
    expect(requestCharge).toBeGreaterThanOrEqual(5.6);
    expect((await plain.item('one', 'x').delete()).requestCharge).toBe(5.5);
    const weak = new CosmosClient({ endpoint: server.endpoint, key: server.key, consistencyLevel: 'Session' });
    expect((await weak.database('d').container('charged').item('none', 'x').read()).requestCharge).toBe(1);
    weak.dispose();
    expect(server.spent.get('charged create')).toEqual({ requests: 1, units: 5.5 });
  });

  test('100 KB read is 10, inserted 50', () => {
    expect([readCharge(100 * 1_024), createCharge(100 * 1_024, 0)]).toEqual([10, 50]);
  });
});
