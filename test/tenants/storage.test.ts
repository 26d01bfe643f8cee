/**
 * What a tenant may store, asked of a whole colony: no byte more than the limit of what is new, however much comes at
 * once; what is under way goes on; and nothing that was written is forgotten by a stop, a crash, or another process.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Colony } from '../../app/colony';
import type { RequestContext } from '../../app/engine/command';
import { type Append, StoreBusy } from '../../app/engine/ports';
import { taskDecider } from '../../domain/market/task';
import {
  addsToStorage,
  blockOf,
  returnStorage,
  SMALLEST_BLOCK,
  storageDecider,
  storageStream,
  takeStorage,
} from '../../domain/tenants/storage';
import { given } from '../support/given';
import { profile, spec, Stage, type StageOptions } from '../support/stage';

let stage: Stage;
afterEach(() => stage?.end());

async function begin(processes = 1, options: StageOptions = {}): Promise<void> {
  stage = new Stage(options);
  for (let i = 0; i < processes; i += 1) await stage.start();
}

const pia: RequestContext = { principal: { tenant: 'platform', id: 'human:pia', kind: 'human', level: 'critical' } };
const crm: RequestContext = { principal: { tenant: 'contoso', id: 'service:crm', kind: 'service', level: 'critical' } };
const ann: RequestContext = { principal: { tenant: 'contoso', id: 'ann', kind: 'agent', level: 'execute' } };
const create = (bytes: number) => stage.colony.tenants.create(pia, 'contoso', { storage_bytes: bytes }, 'a customer');
const post = (id: string, payload: unknown = 'x'.repeat(2_000), { tasks }: Colony = stage.colony, context = crm) =>
  tasks.post(context, id, spec({ accept_seconds: 3_600, payload }));
const counts = (outcomes: readonly { readonly ok: boolean }[]) => outcomes.filter(({ ok }) => ok).length;
const stored = ({ tenantBook }: Colony = stage.colony) => tenantBook.stored('contoso');
/** What there is of it, byte by byte. */
const written = () =>
  stage.database.all<{ bytes: number | null }>(
    "SELECT sum(length(CAST(body AS BLOB))) AS bytes FROM commits WHERE stream LIKE 'contoso/%'",
  )[0]?.bytes ?? 0;
/** What people decide and steer by, whatever is full. */
const STEERING = /^(approval|budget|checkpoint|oversight|pause|personal|retention|stop|tenant|token)\./;
const FULL = { rejection: { kind: 'conflict', code: 'tenant-limit', details: { limit: 'storage_bytes' } } };

test('of many at once as many are let in as there is room for, and each byte of them counts', async () => {
  await begin();
  await create(50_000);
  expect(await stored()).toBe(0);
  const posts = await Promise.all(Array.from({ length: 60 }, (_, i) => post(`t${i}`)));
  expect(written()).toBeLessThanOrEqual(50_000);
  expect(written()).toBeGreaterThan(45_000);
  expect(posts.find(({ ok }) => !ok)).toMatchObject(FULL);
  expect(counts(posts)).toBe(stage.streams('task').length);
  expect(await stored()).toBe(written());
  // Others are not limited by it, and a higher limit lets in more.
  await stage.colony.tenants.limit(pia, 'contoso', { storage_bytes: 100_000 }, 'as agreed');
  expect(await post('more')).toMatchObject({ ok: true });
  await stage.colony.tenants.limit(pia, 'contoso', { storage_bytes: null }, 'as agreed');
  expect([counts([await post('any', 'x'.repeat(30_000)), await post('any2')]), await stored()]).toEqual([2, undefined]);
});

test('what is under way goes on where nothing new is taken', async () => {
  await begin();
  await create(1_000_000);
  const { agents, tasks, signals, tenants } = stage.colony;
  await agents.register(crm, 'ann', profile({ presence_seconds: 60 }));
  const keyed = { ...crm, command: { key: 'k', hash: 'k' } };
  await post('t1', 'x', stage.colony, keyed);
  await stage.settled();
  await tenants.limit(pia, 'contoso', { storage_bytes: 1_000 }, 'less');
  const signal = { type: 'threat_detected', location: 'a', strength: 1, decay_rate: 0.1 };
  for (const attempt of [
    await post('t2'),
    await agents.register(crm, 'bob', profile()),
    (await signals.emit(crm, [signal]))[0],
  ])
    expect(attempt).toMatchObject(FULL);
  expect(await post('t1', 'x', stage.colony, keyed)).toMatchObject({ ok: true, repeated: true });
  // It was lost for a while, and says what it is now.
  stage.clock.time += 61_000;
  await stage.fire();
  expect((await agents.load('contoso', 'ann')).state.status).toBe('lost');
  expect(await agents.register(ann, 'ann', profile({ presence_seconds: 3_600 }))).toMatchObject({ ok: true });
  await stage.pass(120);
  const { holder } = (await tasks.load('contoso', 't1')).state;
  const claim = { agent: 'ann', award: holder?.award as number };
  expect(await tasks.completeAtOnce(ann, 't1', claim, { large: 'y'.repeat(40_000) })).toMatchObject({ ok: true });
  await stage.settled();
  expect((await tasks.load('contoso', 't1')).state.status).toBe('completed');
  expect(await stored()).toBeGreaterThan(40_000 + 1_000);
});

test('a large payload counts once, also of a refused command, and is not kept where there is no room', async () => {
  await begin();
  await create(100_000);
  const kept: unknown[] = [];
  stage.mishaps = (port, method) => {
    if (port === 'blobs' && method === 'put') kept.push(method);
    return undefined;
  };
  const keyed = { ...crm, command: { key: 'k', hash: 'k' } };
  for (let i = 0; i < 3; i += 1) await post('t1', 'z'.repeat(60_000), stage.colony, keyed);
  expect(await post('t1', 'z'.repeat(33_000))).toMatchObject({ rejection: { code: 'task-exists' } });
  expect(await stored()).toBe(written() + 60_002 + 33_002);
  const { length } = kept;
  const many = await Promise.all(Array.from({ length: 5 }, (_, i) => post(`m${i}`, 'z'.repeat(50_000))));
  expect([counts(many), kept.length]).toEqual([0, length]);
  expect(await post('t1', 'z'.repeat(60_000), stage.colony, keyed)).toMatchObject({ ok: true, repeated: true });
  expect(await stored()).toBe(written() + 60_002 + 33_002);
  // After a start too nothing is kept before it is known what there is.
  await stage.first.colony.stop();
  stage.first.kill();
  await stage.start();
  kept.length = 0;
  expect([await post('m', 'z'.repeat(50_000)), kept]).toMatchObject([FULL, []]);
});

test('the results that a task waits for are its poster’s, and come to it when there is room', async () => {
  await begin();
  await create(1_000_000);
  const { agents, tasks, tenants } = stage.colony;
  await agents.register(crm, 'ann', profile({ presence_seconds: 3_600 }));
  await post('a', 'x');
  const waiting = { accept_seconds: 3_600, after: ['a'], payload: { $result: 'a', pointer: '' } };
  for (let i = 0; i < 5; i += 1) await tasks.post(crm, `b${i}`, spec(waiting));
  await stage.settled();
  const used = (await stored()) as number;
  // There is room for some of them.
  await tenants.limit(pia, 'contoso', { storage_bytes: used + 100_000 }, 'less');
  const award = (await tasks.load('contoso', 'a')).state.holder?.award as number;
  await tasks.completeAtOnce(ann, 'a', { agent: 'ann', award }, 'y'.repeat(30_000));
  await stage.settled();
  const blocked = () => stage.streams('task').filter((name) => stage.fold(taskDecider, name).state.blocked).length;
  expect(await stored()).toBeLessThanOrEqual(used + 100_000 + 20_000);
  expect(blocked()).toBeGreaterThan(1);
  await stage.pass(60);
  expect(blocked()).toBeGreaterThan(1);
  await tenants.limit(pia, 'contoso', { storage_bytes: 1_000_000 }, 'as agreed');
  await stage.pass(20);
  expect(blocked()).toBe(0);
});

test('of a result that will be refused nothing is kept; what the archive did not take counts when it has', async () => {
  await begin();
  await create(1_000_000);
  const { agents, tasks } = stage.colony;
  await agents.register(crm, 'ann', profile());
  await post('t1', 'x');
  await stage.settled();
  const award = (await tasks.load('contoso', 't1')).state.holder?.award as number;
  const result = 'y'.repeat(40_000);
  let kept = 0;
  let away = true;
  stage.mishaps = (port, method) => {
    if (port !== 'blobs' || method !== 'put') return undefined;
    kept += 1;
    return away ? 'fails' : undefined;
  };
  const stranger = { agent: 'ann', award: award + 1 };
  expect(await tasks.complete(ann, 't1', stranger, result)).toMatchObject({ ok: false });
  expect(await tasks.completeAtOnce(ann, 't1', stranger, result)).toMatchObject({ ok: false });
  expect(kept).toBe(0);
  for (let i = 0; i < 3; i += 1)
    await expect(tasks.completeAtOnce(ann, 't1', { agent: 'ann', award }, result)).rejects.toThrow();
  expect([kept, await stored()]).toEqual([3, written()]);
  away = false;
  for (const repeated of [false, true])
    expect(await tasks.completeAtOnce(ann, 't1', { agent: 'ann', award }, result)).toMatchObject({
      ok: true,
      repeated,
    });
  await stage.settled();
  expect([kept, await stored()]).toEqual([4, written() + 40_002]);
});

/** The store is busy whenever something is to be written to a stream of the tenant. */
function keepBusy(): void {
  stage.mishaps = (_, method, [what]) =>
    method === 'append' && (what as Append).stream.startsWith('contoso/')
      ? Promise.reject(new StoreBusy('too much', 1_000))
      : undefined;
}

test('what came while there was no limit is not given back', async () => {
  await begin();
  await create(1_000_000);
  await post('t1');
  await stage.settled();
  const counted = written();
  const { tenants } = stage.colony;
  await tenants.limit(pia, 'contoso', { storage_bytes: null }, 'as agreed');
  keepBusy();
  for (let i = 0; i < 10; i += 1) await expect(post(`b${i}`)).rejects.toThrow('too much');
  stage.mishaps = () => undefined;
  await tenants.limit(pia, 'contoso', { storage_bytes: 1_000_000 }, 'as agreed');
  expect(await stored()).toBe(counted);
});

test('an outage uses up nothing', async () => {
  await begin();
  await create(1_000_000);
  await post('t1');
  await stage.settled();
  const before = await stored();
  keepBusy();
  for (let i = 0; i < 3; i += 1) await expect(post(`b${i}`)).rejects.toThrow('too much');
  // Of those that wait for one stream the first is decided on when the end of it can't be asked for, for the second.
  stage.mishaps = (_, method, [stream]) => (method === 'head' && stream === 'contoso/task/t1' ? 'fails' : undefined);
  const { tasks } = stage.colony;
  const none = () => tasks.withdrawBid(ann, 't1', 'ann');
  const ends = (await Promise.allSettled([none(), tasks.cancel(crm, 't1', 'x'), none()])).map(({ status }) => status);
  expect(ends).toEqual(['rejected', 'rejected', 'rejected']);
  expect(await stored()).toBe(before);
});

test('a stop forgets nothing; a crash counts a part of the limit more at most, and never less', async () => {
  await begin();
  await create(1_000_000);
  for (let i = 0; i < 20; i += 1) await post(`a${i}`);
  await stage.first.colony.stop();
  stage.first.kill();
  await stage.start();
  expect(await stored()).toBe(written());
  for (let i = 0; i < 20; i += 1) await post(`b${i}`);
  await stage.settled();
  stage.first.kill();
  await stage.start();
  const after = (await stored()) as number;
  expect(after).toBeGreaterThanOrEqual(written());
  expect(after).toBeLessThanOrEqual(written() + blockOf(1_000_000));
});

test('where nothing is left the ledger is written to now and then only', async () => {
  await begin();
  await create(1_000_000);
  for (let i = 0; i < 40; i += 1) await post(`t${i}`);
  await stage.settled();
  await stage.colony.tenants.limit(pia, 'contoso', { storage_bytes: 1_000 }, 'less');
  const before = stage.stream(storageStream('contoso')).length;
  const first = written();
  for (let i = 0; i < 40; i += 1) {
    await stage.colony.tasks.cancel(crm, `t${i}`, 'x');
    await stage.settled();
  }
  const taken = stage.stream(storageStream('contoso')).length - before;
  expect(taken).toBeLessThanOrEqual(Math.ceil((2 * (written() - first)) / SMALLEST_BLOCK) + 1);
  expect(await stored()).toBe(written());
});

test('a ledger that refuses is told of, once', async () => {
  await begin();
  await create(100_000);
  await post('t1');
  await stage.settled();
  const { stops } = stage.colony;
  expect(await stops.stop(pia, { kind: 'global', name: 'all' }, 'freeze', 'a breach')).toMatchObject({ ok: true });
  for (let i = 0; i < 10; i += 1) await stops.stop(crm, { kind: 'agent', name: `a${i}` }, 'freeze', 'x'.repeat(1_000));
  await stage.settled();
  const told = () => stage.reports.filter(({ facts }) => facts['tenant'] === 'contoso');
  expect(told()).toMatchObject([{ message: 'bytes could not be taken ahead' }]);
  expect(await stored()).toBe(written());
});

test('two processes count what both write, also where they meet on one stream', async () => {
  await begin(2, { shared: true });
  await create(60_000);
  await stage.settled();
  const [one, other] = stage.living.map(({ colony }) => colony) as [Colony, Colony];
  const meet = (i: number) => [post(`t${i}`, 'x', one), post(`t${i}`, 'x', other)];
  await Promise.all(Array.from({ length: 10 }, (_, i) => meet(i)).flat());
  await stage.settled();
  // What the other has taken ahead, and what both had wanted of one stream.
  const ahead = blockOf(60_000) + 30_000;
  for (const colony of [one, other]) {
    expect(await stored(colony)).toBeGreaterThanOrEqual(written());
    expect(await stored(colony)).toBeLessThanOrEqual(written() + ahead);
  }
  await Promise.all(
    Array.from({ length: 40 }, (_, i) => [post(`a${i}`, undefined, one), post(`b${i}`, undefined, other)]).flat(),
  );
  await stage.settled();
  // Neither had heard of the other: each had the room that was left.
  expect(written()).toBeLessThanOrEqual(60_000 + 60_000);
  for (const colony of [one, other]) expect(await post('x', 'x'.repeat(30_000), colony)).toMatchObject(FULL);
  expect(written()).toBeGreaterThan(45_000);
});

test('no more is given back than was taken', () => {
  const taken = [{ type: 'StorageTaken', v: 1, data: { tenant: 'contoso', bytes: 100 } }] as const;
  given(storageDecider, [])
    .when(takeStorage('contoso', 100))
    .then(taken)
    .thenState(({ bytes }) => expect(bytes).toBe(100));
  given(storageDecider, taken)
    .when(returnStorage('contoso', 101))
    .then([{ type: 'StorageReturned', v: 1, data: { tenant: 'contoso', bytes: 100 } }])
    .thenState(({ bytes }) => expect(bytes).toBe(0));
  given(storageDecider, taken).when(returnStorage('contoso', 0)).thenNothing();
  given(storageDecider, []).when(takeStorage('contoso', 0)).thenNothing();
});

test('each command that somebody gives adds, or carries on what is there', () => {
  const files = globSync('policies/config/actions/*.json', { cwd: join(__dirname, '../..') });
  const actions = files.flatMap((file) =>
    Object.entries(JSON.parse(readFileSync(join(__dirname, '../..', file), 'utf8')) as Record<string, { by: string }>),
  );
  const added = actions.flatMap(([action]) => (addsToStorage(action, true) ? [action] : [])).sort();
  expect(added).toEqual([
    ...['action.gate', 'action.propose', 'agent-type.define', 'agent-type.revise', 'agent.register', 'ask.note'],
    ...[
      'channel.set',
      'correction.give',
      'job.post',
      'pool.change-objective',
      'round.open',
      'schedule.create',
      'signal.emit',
      'signal.take-in',
      'task.await',
      'task.post',
    ],
    ...['task.redrive', 'task.unblock', 'tool.call', 'tool.register'],
  ]);
  const others = actions
    .filter(([action, { by }]) => by === 'anyone' && !added.includes(action) && !STEERING.test(action))
    .map(([action]) => action);
  // A new one is to be put where it belongs.
  expect(others.sort()).toEqual([
    ...['action.challenge', 'action.compensated', 'action.execute', 'action.override', 'action.veto'],
    ...['agent-type.withdraw', 'agent.deregister', 'agent.reserve-challenge', 'agent.return', 'channel.remove'],
    ...[
      'delivery.redrive',
      'job.cancel',
      'pool.reorganise',
      'round.cancel',
      'round.challenge',
      'round.override',
      'round.vote',
    ],
    ...['schedule.delete', 'schedule.pause', 'schedule.resume'],
    ...['task.accept', 'task.bid', 'task.cancel', 'task.challenge', 'task.complete', 'task.decline', 'task.fail'],
    ...['task.hand-off', 'task.progress', 'task.release', 'task.withdraw-bid', 'tool.deprecate'],
    'tool.pin',
    // Of the platform, which has no limits.
    ...['volume.make', 'volume.move', 'volume.replicate', 'volume.restore', 'volume.snapshot', 'volume.tier'],
  ]);
});
