/** Jobs that are large, or whose tasks can't be posted now: nobody waits for them, and what it costs is bounded. */
import type { Append } from '../../app/engine/ports';
import { taskIdOf } from '../../app/jobs/jobs';
import { MOST_IN_A_TURN } from '../../app/jobs/offers';
import { jobDecider, jobStream } from '../../domain/jobs/job';
import type { AskedJob } from '../../domain/jobs/plan';
import { parseStream } from '../../domain/kernel/ids';
import type { Time } from '../../domain/kernel/time';
import { taskDecider, type TaskState } from '../../domain/market/task';
import { as, later, profile, Stage, taskOf, TENANT } from '../support/stage';
import { job, step } from './plans';

const LONG = 86_400;
const TIMES = { accept_seconds: LONG, lease_seconds: LONG };
const PIA = { principal: { tenant: 'platform', id: 'human:pia', kind: 'human', level: 'critical' } } as const;
const ref = (key: string, pointer = '') => ({ $result: key, pointer });

let stage: Stage;
afterEach(() => stage.end());

async function begin(): Promise<void> {
  stage = new Stage();
  await stage.start();
  await stage.colony.agents.register(as('ann'), 'ann', profile({ capacity: 10, presence_seconds: LONG }));
  await stage.settled();
}

const idOf = (key: string) => taskIdOf(TENANT, 'j', key);
const task = (key: string): TaskState => stage.fold(taskDecider, taskOf(idOf(key))).state;
const state = () => stage.fold(jobDecider, jobStream(TENANT, 'j')).state;
const posted = () => stage.streams('task').filter((stream) => parseStream(stream).id.startsWith('system:')).length;

async function post(asked: AskedJob): Promise<void> {
  expect(await stage.colony.jobs.post(as('crm'), 'j', asked)).toMatchObject({ ok: true });
  await stage.settled();
}
async function complete(key: string, result?: unknown): Promise<void> {
  const claim = { agent: 'ann', award: task(key).awards };
  expect(await stage.colony.tasks.completeAtOnce(as('ann'), idOf(key), claim, result)).toMatchObject({ ok: true });
  await stage.settled();
}
const many = (count: number, changes = {}) => Array.from({ length: count }, (_, i) => step(`t${i}`, [], changes));
const passes = (seconds: number) => stage.pass(seconds, undefined, 1);

/** How often a port is called while something is done. */
async function calls(call: string, what: () => Promise<void>): Promise<number> {
  let count = 0;
  stage.mishaps = (port, method) => {
    if (`${port}.${method}` === call) count += 1;
    return undefined;
  };
  await what();
  stage.mishaps = () => undefined;
  return count;
}

test('one turn posts so many, the next ones the rest', async () => {
  await begin();
  await post(job(many(MOST_IN_A_TURN + 100, { ...TIMES, requires: [{ capability: 'nobody', level: 0 }] })));
  expect(posted()).toBe(MOST_IN_A_TURN);
  await passes(2);
  expect(posted()).toBe(MOST_IN_A_TURN + 100);
  await stage.colony.jobs.cancel(as('crm'), 'j', 'enough');
  await stage.settled();
  expect(state().status).toBe('cancelling');
  await passes(2);
  expect(state()).toMatchObject({ status: 'cancelled', ended: { cancelled: MOST_IN_A_TURN + 100 } });
});

test('a limit that is met is not met by each of the rest, again and again', async () => {
  await begin();
  expect(await stage.colony.tenants.create(PIA, TENANT, { tasks: 5 }, 'a trial')).toMatchObject({ ok: true });
  await post(job(many(300, TIMES)));
  await passes(1);
  expect(posted()).toBe(5);
  const reads = await calls('store.read', () => passes(10));
  expect(reads).toBeLessThan(300);
  for (let i = 0; i < 5; i += 1) await complete(`t${i}`);
  await passes(11);
  expect(posted()).toBe(10);
});

test('what one task after any is given is made once, whatever ends later', async () => {
  await begin();
  const first = { ...TIMES, when: 'any', payload: [ref('a'), ref('b')] } as const;
  await post(job([step('a', [], TIMES), step('b', [], TIMES), step('c', ['a', 'b'], first)]));
  await complete('a', 'x'.repeat(40_000));
  const reference = task('c').spec?.payload_ref;
  expect(reference).toMatch(/^sha256:/);
  let kept = 0;
  const read = await calls('blobs.get', async () => {
    // Its own result is kept, and nothing else.
    kept = await calls('blobs.put', () => complete('b', 'y'.repeat(40_000)));
  });
  expect([kept, read]).toEqual([1, 0]);
  expect(task('c').spec?.payload_ref).toBe(reference);
});

test('what a job posts counts as stored, and waits where its tenant has stored as much as it may', async () => {
  await begin();
  await stage.colony.tenants.create(PIA, TENANT, { storage_bytes: 250_000 }, 'a trial');
  const copies = Array.from({ length: 10 }, (_, n) =>
    step(`c${n}`, ['a'], { ...TIMES, payload: { n, all: ref('a') } }),
  );
  await post(job([step('a', [], TIMES), ...copies]));
  await complete('a', 'x'.repeat(40_000));
  await passes(12);
  const before = posted();
  expect(before).toBeGreaterThan(1);
  expect(before).toBeLessThan(11);
  await stage.colony.tenants.limit(PIA, TENANT, { storage_bytes: 10_000_000 }, 'as agreed');
  await passes(12);
  expect(posted()).toBe(11);
  expect(state().status).toBe('running');
});

test('a task whose result can not be read keeps no other from its turn, and is posted once it can', async () => {
  await begin();
  const tasks = [step('a', [], TIMES), step('bad', ['a'], { ...TIMES, payload: ref('a') }), step('good', ['a'], TIMES)];
  await post(job(tasks, { on_failure: 'continue' }));
  stage.mishaps = (port, method) => (port === 'blobs' && method === 'get' ? 'fails' : undefined);
  // The plan is in memory; the result is not.
  await complete('a', 'x'.repeat(40_000));
  await passes(120);
  expect([task('bad').status, task('good').status]).toEqual(['unknown', 'awarded']);
  expect(stage.reports.map(({ message }) => message)).toContain('a task of a job could not be posted or cancelled');
  stage.mishaps = () => undefined;
  // What was committed was given up by then: the job's own look finds it.
  await passes(11);
  expect(task('bad').status).toBe('awarded');
});

test('an end that was given up is found by the look at the job', async () => {
  await begin();
  await post(job([step('a', [], TIMES), step('b', ['a'], TIMES)]));
  stage.mishaps = (port, method, [append]) =>
    port === 'store' && method === 'append' && (append as Append).stream === jobStream(TENANT, 'j')
      ? 'fails'
      : undefined;
  await complete('a');
  for (let i = 0; i < 10; i += 1) {
    await passes(20);
    await stage.redeliver();
  }
  expect((await stage.colony.feed.parked('jobs', 10)).length).toBeGreaterThan(0);
  stage.mishaps = () => undefined;
  await stage.pass(3_700, undefined, 60);
  expect(task('b').status).toBe('awarded');
});

test('a payload that nobody could open is not made', async () => {
  await begin();
  const sending = { principal: as('ann').principal, operation: 'completeTask', idempotencyKey: undefined };
  const people = (from: number) =>
    Array.from({ length: 60 }, (_, i) => ({ $personal: { subject: `customer-${from + i}`, value: i } }));
  const both = { ...TIMES, payload: [ref('a'), ref('b')] };
  await post(job([step('a', [], TIMES), step('b', [], TIMES), step('c', ['a', 'b'], both)]));
  for (const [key, from] of [
    ['a', 0],
    ['b', 60],
  ] as const) {
    const sealed = (await stage.colony.personal.seal(people(from), sending)) as { readonly value: unknown };
    await complete(key, sealed.value);
  }
  expect(task('c')).toMatchObject({ status: 'cancelled', ended: { reason: expect.stringContaining('100 people') } });
});

test('a payload that is too deep to be sent on is not made', async () => {
  await begin();
  const nest = (levels: number): unknown => (levels === 0 ? 1 : [nest(levels - 1)]);
  const deep = (payload: unknown): unknown => (payload === 1 ? ref('a') : [deep((payload as unknown[])[0])]);
  await post(job([step('a', [], TIMES), step('b', ['a'], { ...TIMES, payload: deep(nest(30)) })]));
  await complete('a', nest(40));
  expect(task('b')).toMatchObject({ status: 'cancelled', ended: { reason: expect.stringContaining('deep') } });
});

test('what could not be posted of the first thousand is posted, though the rest of them waits for ever', async () => {
  await begin();
  const late = new Set([1, 2, 3].map((n) => taskOf(idOf(`t${n}`))));
  stage.mishaps = (port, method, [append]) =>
    port === 'store' && method === 'append' && late.has((append as Append).stream) ? 'fails' : undefined;
  await post(job(many(1_050, { ...TIMES, requires: [{ capability: 'nobody', level: 0 }] })));
  await passes(100);
  expect(posted()).toBe(1_047);
  stage.mishaps = () => undefined;
  await passes(25);
  expect(posted()).toBe(1_050);
});

test('a job whose plan can not be read at first goes on when it can', async () => {
  await begin();
  await stage.colony.jobs.post(as('crm'), 'j', job([step('a', [], TIMES)]));
  stage.first.kill();
  stage.mishaps = (port, method) => (port === 'blobs' && method === 'get' ? 'fails' : undefined);
  await stage.start();
  await passes(120);
  expect(posted()).toBe(0);
  stage.mishaps = () => undefined;
  await passes(11);
  expect(posted()).toBe(1);
});

test('where several deadlines stand for a job, one of them goes on', async () => {
  await begin();
  await stage.colony.tenants.create(PIA, TENANT, { tasks: 1 }, 'a trial');
  await post(job(many(3, TIMES)));
  const stream = jobStream(TENANT, 'j');
  const [standing] = stage.deadlines().filter((deadline) => deadline.stream === stream);
  const fired = (due: Time) =>
    calls('deadlines.schedule', () => stage.colony.deadlines.fired({ stream, reason: 'job', due }));
  // The one that stands comes later, and goes on.
  expect(await fired(later(stage.now, -1))).toBe(0);
  expect(await fired(later(stage.now, -2))).toBe(0);
  expect(await fired(standing?.due as Time)).toBe(1);
});

test('a look whose next deadline could not be written is asked for again', async () => {
  await begin();
  await stage.colony.tenants.create(PIA, TENANT, { tasks: 1 }, 'a trial');
  await post(job(many(3, TIMES)));
  const stream = jobStream(TENANT, 'j');
  const [standing] = stage.deadlines().filter((deadline) => deadline.stream === stream);
  // What a look has asked for, and could not be written, counts for nothing.
  stage.mishaps = (port, method) => (port === 'deadlines' && method === 'schedule' ? 'fails' : undefined);
  const handedOver = () => stage.colony.deadlines.fired({ stream, reason: 'job', due: standing?.due as Time });
  await expect(handedOver()).rejects.toThrow('failed before');
  stage.mishaps = () => undefined;
  expect(await calls('deadlines.schedule', handedOver)).toBe(1);
});

test('a large job of a tenant that is closed comes to its end', async () => {
  await begin();
  await stage.colony.tenants.create(PIA, TENANT, { tasks: 5 }, 'a trial');
  await post(job(many(2 * MOST_IN_A_TURN + 10, TIMES)));
  const pat = { principal: { ...PIA.principal, id: 'human:pat' } };
  for (const who of [PIA, pat]) await stage.colony.tenants.end(who, 'close', TENANT, 'the contract has ended');
  await stage.settled();
  await stage.pass(60);
  expect(state()).toMatchObject({ status: 'cancelled', ended: { cancelled: 2 * MOST_IN_A_TURN + 10 } });
});

test('a turn ends when it has read much, and the next one goes on', async () => {
  await begin();
  const copies = Array.from({ length: 8 }, (_, n) =>
    step(`c${n}`, ['a', 'b'], { ...TIMES, payload: ref(n % 2 === 0 ? 'a' : 'b', '/n') }),
  );
  await post(job([step('a', [], TIMES), step('b', [], TIMES), ...copies]));
  const large = { n: 1, rest: 'x'.repeat(9_000_000) };
  await complete('a', large);
  const reads = await calls('blobs.get', async () => complete('b', large));
  expect(reads).toBeLessThanOrEqual(3);
  await passes(3);
  expect(posted()).toBe(10);
});
