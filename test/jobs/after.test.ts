/** Tasks that come after others which were posted before: what holds them, what lets them go, and what ends them. */
import type { Append } from '../../app/engine/ports';
import { commitRef } from '../../domain/kernel/ids';
import { MAX_AFTER, MAX_AWAITED_BY, taskDecider, type TaskSpec, type TaskState } from '../../domain/market/task';
import { eventually } from '../support/eventually';
import { as, later, profile, spec, Stage, type StageOptions, taskOf, TENANT, types } from '../support/stage';

let stage: Stage;
afterEach(async () => {
  expect(stage.chainFaults()).toEqual([]);
  await stage.end();
});

const LONG = { accept_seconds: 86_400, lease_seconds: 86_400 };

async function begin(options?: StageOptions): Promise<void> {
  stage = new Stage(options);
  await stage.start();
  await stage.colony.agents.register(as('ann'), 'ann', profile({ capacity: 100, presence_seconds: 864_000 }));
  await stage.settled();
}

/** Somebody of any tenant. */
const at = (tenant: string, id: string) => ({ principal: { ...as(id).principal, tenant } });
const task = (id: string): TaskState => stage.fold(taskDecider, taskOf(id)).state;
const statuses = (...ids: string[]) => ids.map((id) => task(id).status);
const ref = (id: string, pointer = '') => ({ $result: id, pointer });

async function post(id: string, changes: Partial<TaskSpec> = {}, key?: string) {
  const outcome = await stage.colony.tasks.post(as('crm', key), id, spec({ ...LONG, ...changes }));
  await stage.settled();
  return outcome;
}
async function complete(id: string, result?: unknown): Promise<void> {
  const claim = { agent: 'ann', award: task(id).awards };
  expect(await stage.colony.tasks.completeAtOnce(as('ann'), id, claim, result)).toMatchObject({ ok: true });
  await stage.settled();
}
async function giveUp(id: string): Promise<void> {
  const claim = { agent: 'ann', award: task(id).awards };
  await stage.colony.tasks.accept(as('ann'), id, claim);
  expect(await stage.colony.tasks.fail(as('ann'), id, claim, 'no such month', false)).toMatchObject({ ok: true });
  await stage.settled();
}
const whyOf = async (id: string) => await stage.colony.whyNots.of(taskOf(id), task(id));

test('it is held until the last that it comes after is completed, and has their results then', async () => {
  await begin();
  await post('ledger');
  await post('bank');
  const payload = { files: [ref('ledger', '/file'), ref('bank', '/file')], month: 11 };
  expect(await post('match', { after: ['ledger', 'bank'], payload })).toMatchObject({ ok: true });
  expect(task('match')).toMatchObject({ status: 'held', blocked: true });
  expect(await whyOf('match')).toEqual({
    code: 'awaits-others',
    text: 'not offered: it waits for ledger (awarded), bank (awarded)',
  });
  await complete('ledger', { file: 'l.csv' });
  expect(await whyOf('match')).toMatchObject({ text: 'not offered: it waits for bank (awarded)' });
  expect(statuses('match')).toEqual(['held']);
  const before = stage.clock.time;
  await complete('bank', { file: 'b.csv' });
  expect(task('match')).toMatchObject({
    status: 'awarded',
    blocked: false,
    spec: { payload: { files: ['l.csv', 'b.csv'], month: 11 } },
  });
  // Nothing had to fall due for it.
  expect(stage.clock.time).toBe(before);
  const done = stage.stream(taskOf('bank')).at(-1);
  const unblocked = stage.stream(taskOf('match')).find(({ events }) => events[0]?.type === 'TaskUnblocked');
  expect(unblocked?.meta).toMatchObject({
    causationId: commitRef(done?.stream as string, done?.index as number),
    correlationId: task('match').correlation_id,
    actor: { id: 'jobs' },
  });
});

test('where any is enough, the first lets it go, and what is not there is null', async () => {
  await begin();
  for (const id of ['a', 'b', 'c']) await post(id);
  await post('next', { after: ['a', 'b', 'c'], when: 'any', payload: [ref('a'), ref('b')] });
  await giveUp('a');
  expect(statuses('next')).toEqual(['held']);
  await complete('b', 7);
  expect(task('next')).toMatchObject({ status: 'awarded', spec: { payload: [null, 7] } });
  await complete('c', 8);
  expect(task('next').spec?.payload).toEqual([null, 7]);
});

const appends = (stream: string, type: string) => (append: Append) =>
  append.stream === stream && append.commits.some(({ body }) => body.includes(`"${type}"`));

const ada = { principal: { tenant: TENANT, id: 'human:ada', kind: 'human', level: 'critical' } } as const;

test('where any is enough, nothing that keeps it from the others keeps it', async () => {
  await begin();
  for (const id of ['done', 'stopped', 'full', 'a', 'b']) await post(id);
  await complete('done', 1);
  await stage.colony.stops.stop(ada, { kind: 'task', name: 'stopped' }, 'freeze', 'a doubt');
  await post('next', { after: ['stopped', 'done'], when: 'any', payload: [ref('stopped'), ref('done')] });
  expect(task('next')).toMatchObject({ status: 'awarded', spec: { payload: [null, 1] } });
  await post('last', { after: ['stopped', 'a'], when: 'any' });
  expect(statuses('last')).toEqual(['held']);
  await complete('a');
  expect(statuses('last')).toEqual(['awarded']);
  // So many others come between its post and its wait.
  const waits = appends(taskOf('full'), 'late');
  stage.mishaps = (port, method, [append]) =>
    port === 'store' && method === 'append' && waits(append as Append) ? 'fails' : undefined;
  await post('late', { after: ['full', 'b'], when: 'any' });
  const waiting = spec({ ...LONG, after: ['full'] });
  const names = Array.from({ length: MAX_AWAITED_BY }, (_, n) => `n${n}`);
  await Promise.all(names.map((id) => stage.colony.tasks.post(as('crm'), id, waiting)));
  await stage.settled();
  stage.mishaps = () => undefined;
  await stage.pass(20);
  expect(statuses('late')).toEqual(['held']);
  await complete('b');
  expect(statuses('late')).toEqual(['awarded']);
});

test('what has ended before counts at once', async () => {
  await begin();
  for (const id of ['done', 'dead']) await post(id);
  await complete('done', { total: 3 });
  await giveUp('dead');
  await post('next', { after: ['done'], payload: ref('done', '/total') });
  expect(task('next')).toMatchObject({ status: 'awarded', spec: { payload: 3 } });
  await post('never', { after: ['done', 'dead'] });
  await post('any', { after: ['done', 'dead'], when: 'any' });
  expect(statuses('never', 'any')).toEqual(['cancelled', 'awarded']);
  expect(task('never').ended).toEqual({ by: 'jobs', reason: 'it comes after dead, which is dead: no such month' });
  // Nobody waits for what is over.
  expect(task('done').awaited_by).toEqual([]);
});

test('a failure ends what comes after it, and what comes after that, however many there are', async () => {
  await begin();
  await post('t0');
  for (let n = 1; n <= 40; n += 1) await post(`t${n}`, { after: [`t${n - 1}`] });
  await post('last', { after: ['t39', 't40'], when: 'any' });
  await stage.colony.tasks.cancel(as('crm'), 't0', 'no need');
  await stage.settled();
  for (let n = 1; n <= 40; n += 1)
    expect(task(`t${n}`).ended?.reason.startsWith(`it comes after t${n - 1}, which is cancelled`)).toBe(true);
  expect(statuses('last')).toEqual(['cancelled']);
});

test('what can not be is refused, and strangers are told as if they were not there', async () => {
  await begin();
  await stage.colony.tasks.post(at('globex', 'crm'), 'theirs', spec());
  await post('ours');
  const refusal = async (id: string, changes: Partial<TaskSpec>) => {
    const outcome = await post(id, changes);
    return outcome.ok ? undefined : { code: outcome.rejection.code, message: outcome.rejection.message };
  };
  const unknown = (id: string) => ({
    code: 'after-unknown',
    message: `there is no task ${id} to come after: post it first`,
  });
  expect(await refusal('x', { after: ['ours', 'theirs'] })).toEqual(unknown('theirs'));
  expect(await refusal('x', { after: ['nobodys'] })).toEqual(unknown('nobodys'));
  expect(await refusal('x', { after: ['ours', 'x'] })).toMatchObject({ code: 'after-itself' });
  expect(await refusal('x', { after: ['ours'], payload: ref('theirs') })).toMatchObject({ code: 'reference-invalid' });
  expect(statuses('x')).toEqual(['unknown']);
  // A task that comes after none has whatever it likes in its payload.
  expect(await refusal('y', { payload: ref('theirs') })).toBeUndefined();
  expect(task('y').spec?.payload).toEqual(ref('theirs'));
});

test('so many wait for one, and no more', async () => {
  await begin();
  await post('a');
  const names = Array.from({ length: MAX_AWAITED_BY }, (_, n) => `n${n}`);
  const waiting = spec({ ...LONG, after: ['a'] });
  await Promise.all(names.map((id) => stage.colony.tasks.post(as('crm'), id, waiting)));
  await stage.settled();
  expect(await post('more', { after: ['a'] })).toMatchObject({ ok: false, rejection: { code: 'too-many-after' } });
  await complete('a');
  expect(names.filter((id) => task(id).blocked || !['open', 'awarded'].includes(task(id).status))).toEqual([]);
  // It is over: nobody waits for it any more.
  expect(await post('later', { after: ['a'] })).toMatchObject({ ok: true });
});

test('of many that come at once no more are let in than may wait, and none of those is lost', async () => {
  await begin();
  await post('a');
  const waiting = spec({ ...LONG, after: ['a'] });
  const burst = async (names: readonly string[]) => {
    const outcomes = await Promise.all(names.map((id) => stage.colony.tasks.post(as('crm'), id, waiting)));
    return names.filter((_, n) => outcomes[n]?.ok === true);
  };
  const names = (of: string) => Array.from({ length: 200 }, (_, n) => `${of}${n}`);
  const posted = await burst([...names('n'), ...names('m')]);
  expect(posted).toHaveLength(MAX_AWAITED_BY);
  await stage.settled();
  expect(statuses(...posted)).not.toContain('cancelled');
  await stage.colony.tasks.cancel(as('crm'), posted.pop() as string, 'no need');
  await stage.settled();
  expect(await burst(names('o'))).toHaveLength(1);
  await complete('a');
  expect(posted.filter((id) => task(id).blocked)).toEqual([]);
});

test('one that found no place with what it comes after waits for it all the same', async () => {
  await begin({ shared: true });
  await stage.start();
  for (const id of ['a', 'b']) await post(id);
  // Each of two processes has let in as many as may wait.
  const names = Array.from({ length: 2 * MAX_AWAITED_BY }, (_, n) => `n${n}`);
  const waiting = spec({ ...LONG, after: ['a'] });
  const both = stage.living.map(({ colony }) => colony.tasks);
  const outcomes = await Promise.all(
    names.map(async (id, n) => await (both[n % 2] as (typeof both)[0]).post(as('crm'), id, waiting)),
  );
  await stage.settled();
  const posted = names.filter((_, n) => outcomes[n]?.ok === true);
  expect(posted.length).toBeGreaterThan(MAX_AWAITED_BY);
  expect(new Set(statuses(...posted))).toEqual(new Set(['held']));
  await complete('a');
  await stage.pass(60, undefined, 10);
  await eventually(() => posted.every((id) => !task(id).blocked));
  expect(statuses(...posted)).not.toContain('cancelled');
});

test('what waits no more makes room for others', async () => {
  await begin();
  for (const id of ['a', 'b']) await post(id);
  await post('over', { after: ['a'] });
  await post('any', { after: ['a', 'b'], when: 'any' });
  await post('late', { after: ['a'], deadline: later(stage.now, 60) });
  expect(task('a').awaited_by).toEqual(['over', 'any', 'late']);
  await stage.colony.stops.stop(ada, { kind: 'task', name: 'a' }, 'freeze', 'a doubt');
  await stage.colony.tasks.cancel(as('crm'), 'over', 'no need');
  await complete('b');
  await stage.pass(90);
  expect(statuses('over', 'any', 'late')).toEqual(['cancelled', 'awarded', 'expired']);
  await stage.colony.stops.lift(ada, { kind: 'task', name: 'a' }, 'no doubt');
  await stage.pass(30);
  expect(task('a').awaited_by).toEqual([]);
  await complete('a');
  expect(task('a').awaited_by).toEqual([]);
});

test('an end reads few of the others that are waited for', async () => {
  await begin();
  const ids = Array.from({ length: MAX_AFTER }, (_, n) => `a${n}`);
  for (const id of ids) await post(id);
  for (let n = 0; n < 10; n += 1) await post(`b${n}`, { after: ids });
  let reads = 0;
  stage.mishaps = (port, method, [stream]) => {
    if (port === 'store' && method !== 'append' && String(stream).startsWith(`${TENANT}/task/a`)) reads += 1;
    return undefined;
  };
  for (const id of ids.slice(1)) await complete(id);
  expect(statuses('b0')).toEqual(['held']);
  // Of those that are open one for each that waits, not all.
  expect(reads).toBeLessThan(2 * 10 * (MAX_AFTER - 1));
  await complete('a0');
  expect(Array.from({ length: 10 }, (_, n) => task(`b${n}`).blocked)).not.toContain(true);
});

/** Tasks of `tenant` that are completed, each with a result of 900 KB. */
async function large(tenant: string, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await stage.colony.tasks.post(at(tenant, 'crm'), id, spec(LONG));
    await stage.settled();
    const result = { of: id, text: 'x'.repeat(900_000) };
    await stage.colony.tasks.completeAtOnce(at(tenant, 'ann'), id, { agent: 'ann', award: 1 }, result);
    await stage.settled();
  }
}

test('neither the feed nor the deadlines wait for more results than may be read in a second', async () => {
  await begin();
  const ids = Array.from({ length: 30 }, (_, n) => `a${n}`);
  await post('last');
  await large(TENANT, ids);
  // Two for each of three parts of them, which are 9 MB each.
  const part = (n: number) => ids.slice(10 * (n % 3), 10 * (n % 3) + 10);
  const names = Array.from({ length: 6 }, (_, n) => `b${n}`);
  for (const [n, id] of names.entries())
    await post(id, { after: ['last', ...part(n)], payload: part(n).map((of) => ref(of, '/of')) });
  let reads = 0;
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  stage.mishaps = async (port, method) => {
    if (port !== 'blobs' || method !== 'get') return;
    reads += 1;
    if (reads > 20) await opened;
  };
  await complete('last');
  for (let second = 0; second < 20; second += 1) await stage.pass(1, undefined, 1);
  expect(names.filter((id) => task(id).blocked).length).toBeGreaterThan(0);
  open();
  await eventually(() => names.every((id) => !task(id).blocked));
  expect(names.map((id) => task(id).spec?.payload)).toEqual(names.map((_, n) => part(n)));
  await stage.pass(20);
});

test('however much is let go in one tenant, another one has its turn', async () => {
  await begin();
  const ids = Array.from({ length: 17 }, (_, n) => `a${n}`);
  await stage.colony.agents.register(at('globex', 'ann'), 'ann', profile({ presence_seconds: 864_000 }));
  await large('globex', ['y']);
  await large(TENANT, ids);
  // Each reads 15 MB.
  const names = Array.from({ length: 12 }, (_, n) => `b${n}`);
  const greedy = spec({ ...LONG, after: ids, payload: ids.map((of) => ref(of, '/of')) });
  await Promise.all(names.map((id) => stage.colony.tasks.post(as('crm'), id, greedy)));
  await stage.settled();
  const modest = spec({ ...LONG, after: ['y'], payload: ref('y', '/of') });
  await stage.colony.tasks.post(at('globex', 'crm'), 'z', modest);
  await stage.settled();
  const theirs = () => stage.fold(taskDecider, 'globex/task/z').state;
  const left = () => names.filter((id) => task(id).blocked).length;
  const before = left();
  // No time passes.
  await eventually(() => !theirs().blocked);
  expect(theirs().spec?.payload).toBe('y');
  expect(before - left()).toBeLessThanOrEqual(2);
  await eventually(() => left() === 0);
  expect(statuses(...names)).not.toContain('cancelled');
});

test('results that many refer to are read once for all of them', async () => {
  await begin();
  await post('a');
  const names = Array.from({ length: 20 }, (_, n) => `b${n}`);
  for (const id of names) await post(id, { after: ['a'], payload: ref('a', '/of') });
  let reads = 0;
  stage.mishaps = (port, method) => {
    if (port === 'blobs' && method === 'get') reads += 1;
    return undefined;
  };
  await complete('a', { of: 1, text: 'x'.repeat(900_000) });
  expect([names.filter((id) => task(id).blocked), reads]).toEqual([[], 1]);
});

test('that it waits counts as stored, and that it does no more is written however much was', async () => {
  await begin();
  const PIA = { principal: { tenant: 'platform', id: 'human:pia', kind: 'human', level: 'critical' } } as const;
  const limit = (bytes: number) => stage.colony.tenants.limit(PIA, TENANT, { storage_bytes: bytes }, 'as agreed');
  await stage.colony.tenants.create(PIA, TENANT, { storage_bytes: 10_000_000 }, 'a trial');
  await post('a');
  const waits = appends(taskOf('a'), 'TaskAwaited');
  stage.mishaps = (port, method, [append]) =>
    port === 'store' && method === 'append' && waits(append as Append) ? 'fails' : undefined;
  await post('b', { after: ['a'] });
  await limit(1);
  stage.mishaps = () => undefined;
  await stage.pass(20);
  expect([task('a').awaited_by, statuses('b')]).toEqual([[], ['held']]);
  await limit(10_000_000);
  await stage.pass(20);
  expect(task('a').awaited_by).toEqual(['b']);
  await limit(1);
  await stage.colony.tasks.cancel(as('crm'), 'b', 'no need');
  await stage.settled();
  expect(task('a').awaited_by).toEqual([]);
});

test('a request that comes again gets its answer, and nothing is done twice, whatever is delivered again', async () => {
  await begin();
  await post('a');
  await post('b', { after: ['a'], payload: ref('a') }, 'k');
  await complete('a', 1);
  expect(await post('b', { after: ['a'], payload: ref('a') }, 'k')).toMatchObject({ ok: true, repeated: true });
  await complete('b');
  const before = stage.log().length;
  await stage.colony.jobReactions.handle(stage.log());
  await stage.colony.jobReactions.handle(stage.log().toReversed());
  await stage.settled();
  expect(stage.log().length).toBe(before);
});

test.each([
  ['its posting', appends(taskOf('b'), 'TaskPosted')],
  ['what tells it of the end', appends(taskOf('a'), 'TaskAwaited')],
  ['that end', appends(taskOf('a'), 'TaskCompleted')],
  ['what lets it go', appends(taskOf('b'), 'TaskUnblocked')],
])('a crash at %s loses nothing and does nothing twice', async (_, where) => {
  for (const what of ['fails', 'loses'] as const) {
    await begin();
    let crashed = false;
    stage.mishaps = (port, method, [append]) => {
      if (crashed || port !== 'store' || method !== 'append' || !where(append as Append)) return undefined;
      crashed = true;
      return what;
    };
    const again = async () => {
      stage.first.kill();
      await stage.start();
      await stage.settled();
    };
    await post('a');
    const posting = spec({ ...LONG, after: ['a'], payload: ref('a') });
    await stage.colony.tasks.post(as('crm', 'k'), 'b', posting).catch(() => undefined);
    await again();
    expect(await stage.colony.tasks.post(as('crm', 'k'), 'b', posting)).toMatchObject({ ok: true });
    await stage.settled();
    const done = () => stage.colony.tasks.completeAtOnce(as('ann', 'd'), 'a', { agent: 'ann', award: 1 }, 5);
    await done().catch(() => undefined);
    await again();
    expect(await done()).toMatchObject({ ok: true });
    await stage.settled();
    expect(crashed).toBe(true);
    expect(task('b')).toMatchObject({ status: 'awarded', spec: { payload: 5 } });
    expect(types(stage.stream(taskOf('b'))).filter((type) => type === 'TaskUnblocked')).toHaveLength(1);
    expect(types(stage.stream(taskOf('a'))).filter((type) => type === 'TaskAwaited')).toHaveLength(1);
    if (what === 'fails') await stage.end();
  }
});

test('what fails until it is put aside is looked at again by itself', async () => {
  await begin();
  const failing = (stream: string, type: string) => {
    stage.mishaps = (port, method, [append]) =>
      port === 'store' && method === 'append' && appends(stream, type)(append as Append) ? 'fails' : undefined;
  };
  const putAside = async () => {
    for (let tries = 0; tries < 10; tries += 1) await stage.pass(10).then(() => stage.redeliver());
    stage.mishaps = () => undefined;
    await stage.pass(20);
  };
  await post('a');
  failing(taskOf('a'), 'TaskAwaited');
  await post('b', { after: ['a'] });
  await putAside();
  expect(await stage.colony.feed.parked('jobs', 10)).toHaveLength(1);
  expect(task('a').awaited_by).toEqual(['b']);
  failing(taskOf('b'), 'TaskUnblocked');
  await complete('a');
  await putAside();
  expect(statuses('b')).toEqual(['awarded']);
});

test('an end that comes just before it would be told of is not missed', async () => {
  await begin({ shared: true });
  await stage.start();
  const [one, two] = stage.living.map(({ colony }) => colony);
  await post('a');
  let isTold = false;
  stage.mishaps = async (port, method, [append]) => {
    if (isTold || port !== 'store' || method !== 'append') return;
    isTold = appends(taskOf('a'), 'TaskAwaited')(append as Append);
    // Another process has it completed while this one has seen that it is not.
    if (isTold) await two?.tasks.completeAtOnce(as('ann'), 'a', { agent: 'ann', award: 1 }, 9);
  };
  await one?.tasks.post(as('crm'), 'b', spec({ ...LONG, after: ['a'], payload: ref('a') }));
  await stage.settled();
  expect(isTold).toBe(true);
  expect(task('b')).toMatchObject({ blocked: false, spec: { payload: 9 } });
});

test('what needs a decision comes to it with the results in it, and not before', async () => {
  await begin();
  const oversight = { kind: 'pay', why: 'due', confidence: 0.9, impact: 'critical', risk: 0.1, features: {} } as const;
  await post('a');
  await post('pay', { after: ['a'], payload: { sum: ref('a', '/sum') }, oversight });
  const actions = () => stage.log().filter(({ stream }) => stream.startsWith(`${TENANT}/action/`));
  expect(actions()).toEqual([]);
  await complete('a', { sum: 12 });
  expect(task('pay')).toMatchObject({ status: 'held', blocked: false });
  expect(actions()[0]?.events[0]).toMatchObject({
    type: 'ActionProposed',
    data: { action: { payload: { sum: 12 } } },
  });
  expect(await whyOf('pay')).toMatchObject({ code: 'awaits-decision' });
});

test('a large payload, and a large result, are read from where they are kept', async () => {
  await begin();
  await post('a');
  const text = 'x'.repeat(50_000);
  await post('b', { after: ['a'], payload: { text, of: ref('a', '/last') } });
  expect(task('b').spec).toMatchObject({ payload_ref: expect.stringMatching(/^sha256:/) });
  const first = task('b').spec?.payload_ref as string;
  await complete('a', { text, last: 4 });
  const reference = task('b').spec?.payload_ref as string;
  expect(reference).not.toBe(first);
  const bytes = await stage.colony.tasks.blob(TENANT, 'b', reference);
  expect(JSON.parse(Buffer.from(bytes as Uint8Array).toString())).toEqual({ text, of: 4 });
});

test('a result that has nothing at the place ends it with that', async () => {
  await begin();
  await post('a');
  await post('b', { after: ['a'], payload: ref('a', '/total') });
  await complete('a', {});
  expect(task('b')).toMatchObject({ status: 'cancelled', ended: { reason: expect.stringContaining('/total') } });
});

test('nothing that stands in a result is a reference', async () => {
  await begin();
  await post('secret');
  await complete('secret', 'hush');
  await post('a');
  await post('b', { after: ['a', 'secret'], payload: ref('a') });
  await complete('a', ref('secret'));
  expect(task('b')).toMatchObject({ status: 'awarded', spec: { payload: ref('secret') } });
});

test('its own end needs nobody: it is cancelled, or its deadline passes', async () => {
  await begin();
  await post('a');
  await post('b', { after: ['a'] });
  await post('c', { after: ['a'], deadline: later(stage.now, 60) });
  await stage.colony.tasks.cancel(as('crm'), 'b', 'no need');
  await stage.pass(90);
  expect(task('b')).toMatchObject({ status: 'cancelled', ended: { by: 'crm' } });
  expect(task('c')).toMatchObject({ status: 'expired', ended: { reason: expect.stringContaining('waits for a') } });
  expect(await stage.colony.tasks.redrive(as('crm'), 'c')).toMatchObject({ rejection: { code: 'task-not-cleared' } });
  await complete('a');
  expect(statuses('b', 'c')).toEqual(['cancelled', 'expired']);
});

test('its time to be offered may come later still', async () => {
  await begin();
  await post('a');
  await post('b', { after: ['a'], not_before: later(stage.now, 600) });
  await complete('a');
  expect(task('b')).toMatchObject({ status: 'open', blocked: false });
  expect(await whyOf('b')).toMatchObject({ code: 'delayed' });
  await stage.pass(610);
  await stage.colony.market.sweep();
  await stage.settled();
  expect(statuses('b')).toEqual(['awarded']);
});

test('a stop holds it, and the lift lets it go on', async () => {
  await begin();
  await post('a');
  await post('b', { after: ['a'] });
  await stage.colony.stops.stop(ada, { kind: 'task', name: 'b' }, 'freeze', 'a doubt');
  await complete('a');
  expect(task('b')).toMatchObject({ status: 'held', blocked: true });
  await stage.colony.stops.lift(ada, { kind: 'task', name: 'b' }, 'no doubt');
  await stage.pass(30);
  expect(statuses('b')).toEqual(['awarded']);
});

test('in a tenant that was closed it comes to its end', async () => {
  await begin();
  await post('a');
  await post('b', { after: ['a'] });
  for (const id of ['human:pia', 'human:pat']) {
    const who = { principal: { tenant: 'platform', id, kind: 'human', level: 'critical' } } as const;
    if (id === 'human:pia') await stage.colony.tenants.create(who, TENANT, {}, 'a customer');
    expect(await stage.colony.tenants.end(who, 'close', TENANT, 'over')).toMatchObject({ ok: true });
  }
  await stage.settled();
  await stage.pass(90);
  expect(statuses('a', 'b')).toEqual(['cancelled', 'cancelled']);
});
