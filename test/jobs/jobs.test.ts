/** Jobs in a whole colony: what is posted when, with what in it, and what a crash or a redelivery leaves. */
import type { Append } from '../../app/engine/ports';
import { MAX_PAYLOAD_BYTES } from '../../app/jobs/filling';
import { taskIdOf } from '../../app/jobs/jobs';
import { jobDecider, jobStream } from '../../domain/jobs/job';
import type { AskedJob } from '../../domain/jobs/plan';
import { commitRef } from '../../domain/kernel/ids';
import { taskDecider, type TaskState } from '../../domain/market/task';
import { as, later, profile, spec, Stage, type StageOptions, taskOf, TENANT, types } from '../support/stage';
import { ALLOW } from '../support/transacting';
import { job, step } from './plans';

let stage: Stage;
afterEach(async () => {
  expect(stage.chainFaults()).toEqual([]);
  await stage.end();
});

async function begin(options?: StageOptions): Promise<void> {
  stage = new Stage(options);
  await stage.start();
  await stage.colony.agents.register(as('ann'), 'ann', profile({ capacity: 10, presence_seconds: 86_400 }));
  await stage.settled();
}

const idOf = (key: string) => taskIdOf(TENANT, 'j', key);
const task = (key: string): TaskState => stage.fold(taskDecider, taskOf(idOf(key))).state;
const state = () => stage.fold(jobDecider, jobStream(TENANT, 'j')).state;
const statuses = (...keys: string[]) => keys.map((key) => task(key).status);
const ref = (key: string, pointer = '') => ({ $result: key, pointer });

async function post(asked: AskedJob, key?: string) {
  const outcome = await stage.colony.jobs.post(as('crm', key), 'j', asked);
  await stage.settled();
  return outcome;
}
async function complete(key: string, result?: unknown): Promise<void> {
  const claim = { agent: 'ann', award: task(key).awards };
  expect(await stage.colony.tasks.completeAtOnce(as('ann'), idOf(key), claim, result)).toMatchObject({ ok: true });
  await stage.settled();
}
async function giveUp(key: string): Promise<void> {
  const claim = { agent: 'ann', award: task(key).awards };
  await stage.colony.tasks.accept(as('ann'), idOf(key), claim);
  const failed = await stage.colony.tasks.fail(as('ann'), idOf(key), claim, 'no such month', false);
  expect(failed).toMatchObject({ ok: true });
  await stage.settled();
}

const CLOSE = job([
  step('ledger', [], { payload: { month: 11 } }),
  step('bank'),
  step('match', ['ledger', 'bank'], {
    payload: { files: [ref('ledger', '/file'), ref('bank', '/file')], all: ref('bank') },
  }),
]);

test('each is posted within the reaction to the last result it needs, with the results in it', async () => {
  await begin();
  expect(await post(CLOSE)).toMatchObject({ ok: true });
  expect(statuses('ledger', 'bank', 'match')).toEqual(['awarded', 'awarded', 'unknown']);
  expect(task('ledger').spec).toMatchObject({
    payload: { month: 11 },
    requester: 'crm',
    job: { id: 'j', key: 'ledger' },
  });
  await complete('ledger', { file: 'l.csv', rows: 3 });
  expect(statuses('match')).toEqual(['unknown']);
  const before = stage.clock.time;
  await complete('bank', { file: 'b.csv' });
  expect(task('match').spec?.payload).toEqual({ files: ['l.csv', 'b.csv'], all: { file: 'b.csv' } });
  // Nothing had to fall due for it.
  expect(stage.clock.time).toBe(before);
  await complete('match', 'done');
  expect(state()).toMatchObject({ status: 'completed', left: 0, ended: { completed: 3 } });
});

test('the receipts tell the causes: the job, the result, what that released', async () => {
  await begin();
  await post(CLOSE);
  await complete('ledger', { file: 1 });
  await complete('bank', { file: 2 });
  const jobLog = stage.stream(jobStream(TENANT, 'j'));
  const first = stage.stream(taskOf(idOf('ledger')))[0];
  expect(first?.meta).toMatchObject({ causationId: commitRef(jobStream(TENANT, 'j'), 0), actor: { id: 'jobs' } });
  const done = stage.stream(taskOf(idOf('bank'))).at(-1);
  expect(jobLog.at(-1)?.meta.causationId).toBe(commitRef(done?.stream as string, done?.index as number));
  const released = stage.stream(taskOf(idOf('match')))[0];
  expect(released?.meta.causationId).toBe(commitRef(jobStream(TENANT, 'j'), jobLog.length - 1));
  const ofJob = stage.log().filter(({ events }) => events.some(({ type }) => /^(Job|Task)/.test(type)));
  expect(new Set(ofJob.map(({ meta }) => meta.correlationId)).size).toBe(1);
});

test('a request that comes again gets its answer, and nothing is posted twice, whatever is delivered again', async () => {
  await begin();
  const first = await post(CLOSE, 'k');
  expect(await post(CLOSE, 'k')).toMatchObject({ ok: true, repeated: true });
  expect(await post(CLOSE)).toMatchObject({ ok: false, rejection: { code: 'job-exists' } });
  await complete('ledger', { file: 1 });
  await complete('bank', { file: 2 });
  await complete('match');
  const before = stage.log().length;
  await stage.colony.jobReactions.handle(stage.log());
  await stage.colony.jobReactions.handle(stage.log().toReversed());
  await stage.settled();
  expect(stage.log().length).toBe(before);
  expect(first).toMatchObject({ ok: true });
});

test.each([
  ['its posting', (append: Append) => append.stream === jobStream(TENANT, 'j') && append.expected === -1],
  ['the posting of a task', (append: Append) => append.stream === taskOf(idOf('match'))],
  ['what it hears of an end', (append: Append) => append.stream === jobStream(TENANT, 'j') && append.expected === 0],
])('a crash at %s loses nothing and does nothing twice', async (_, where) => {
  for (const what of ['before', 'after'] as const) {
    await begin();
    let crashed = false;
    stage.mishaps = (port, method, [append]) => {
      if (crashed || port !== 'store' || method !== 'append' || !where(append as Append)) return undefined;
      crashed = true;
      return what === 'before' ? 'fails' : 'loses';
    };
    const again = async () => {
      stage.first.kill();
      await stage.start();
      await stage.settled();
    };
    await stage.colony.jobs.post(as('crm', 'k'), 'j', CLOSE).catch(() => undefined);
    await again();
    await post(CLOSE, 'k');
    for (const key of ['ledger', 'bank', 'match']) {
      const claim = { agent: 'ann', award: 1 };
      const done = { file: key };
      await stage.colony.tasks.completeAtOnce(as('ann', key), idOf(key), claim, done).catch(() => undefined);
      await again();
    }
    expect(crashed).toBe(true);
    expect(state()).toMatchObject({ status: 'completed', ended: { completed: 3 } });
    for (const key of ['ledger', 'bank', 'match'])
      expect(types(stage.stream(taskOf(idOf(key)))).filter((type) => type === 'TaskPosted')).toHaveLength(1);
    if (what === 'before') await stage.end();
  }
});

test('what is to end is cancelled, and what was about to be posted then never is', async () => {
  await begin();
  await post(job([step('a'), step('b'), step('c', ['a'])]));
  expect(await stage.colony.jobs.cancel(as('crm'), 'j', 'enough')).toMatchObject({ ok: true });
  await stage.settled();
  expect(statuses('a', 'b', 'c')).toEqual(['cancelled', 'cancelled', 'unknown']);
  expect(state()).toMatchObject({ status: 'cancelled', ended: { cancelled: 2, skipped: 1 } });
  const { value } = await stage.colony.jobs.tasks(TENANT, 'j', state(), { from: 0, limit: 10 });
  expect(value).toMatchObject([
    { key: 'a', status: 'cancelled', reason: 'its job was cancelled by crm: enough' },
    { key: 'b', status: 'cancelled' },
    { key: 'c', status: 'skipped', waits_for: ['a'] },
  ]);
});

test('a post that is under way while the job is cancelled comes too late', async () => {
  await begin();
  let cancelling: Promise<void> | undefined;
  stage.mishaps = (port, method, [append]) => {
    const { stream } = (append ?? {}) as Partial<Append>;
    if (port !== 'store' || method !== 'append' || stream !== taskOf(idOf('a')) || cancelling) return undefined;
    // Its withdrawal is written by another look at the job, before the post is.
    cancelling = (async () => {
      await stage.colony.jobs.cancel(as('crm'), 'j', 'enough');
    })();
    return cancelling;
  };
  await post(job([step('a'), step('b', ['a'])]));
  await stage.settled();
  expect(cancelling).toBeDefined();
  expect(state().status).toBe('cancelled');
  expect(statuses('a', 'b')).toEqual(['cancelled', 'unknown']);
});

test('a task that was never posted when its job ends is there as cancelled: nobody posts it any more', async () => {
  await begin();
  let posting = 0;
  stage.mishaps = (port, method, [append]) => {
    const { stream, commits } = (append ?? {}) as Partial<Append>;
    const isPost = stream === taskOf(idOf('a')) && !commits?.[0]?.body.includes('TaskCancelled');
    if (port !== 'store' || method !== 'append' || !isPost) return undefined;
    posting += 1;
    return 'fails';
  };
  await post(job([step('a')]));
  expect(posting).toBeGreaterThan(0);
  await stage.colony.jobs.cancel(as('crm'), 'j', 'enough');
  await stage.settled();
  expect(types(stage.stream(taskOf(idOf('a'))))).toEqual(['TaskPosted', 'TaskCancelled']);
  expect(state().status).toBe('cancelled');
  stage.mishaps = () => undefined;
  // What was parked is tried again, and finds that it comes too late.
  await stage.pass(60);
  await stage.redeliver();
  expect(types(stage.stream(taskOf(idOf('a'))))).toEqual(['TaskPosted', 'TaskCancelled']);
});

test('one that fails ends the job, and one makes good what was done with what is known of it', async () => {
  await begin();
  const undo = step('undo', [], { payload: { booked: ref('a', '/entry'), never: ref('c') } });
  const tasks = [step('a'), step('b', ['a']), step('c', ['a']), undo];
  await post(job(tasks, { on_failure: 'compensate', compensation: 'undo' }));
  await complete('a', { entry: 7 });
  expect(statuses('undo')).toEqual(['unknown']);
  await giveUp('b');
  expect(statuses('b', 'c')).toEqual(['dead', 'cancelled']);
  expect(task('c').ended?.reason).toBe('its job has failed: b was not completed');
  expect(task('undo').spec?.payload).toEqual({ booked: 7, never: null });
  expect(state().status).toBe('compensating');
  await complete('undo');
  expect(state()).toMatchObject({ status: 'compensated', failures: [{ key: 'b', end: 'dead' }, { key: 'c' }] });
});

test('those that do not need it go on, where that is wanted', async () => {
  await begin();
  await post(job([step('a'), step('b', ['a']), step('c')], { on_failure: 'continue' }));
  await giveUp('a');
  expect(statuses('b', 'c')).toEqual(['unknown', 'awarded']);
  await complete('c');
  expect(state()).toMatchObject({ status: 'failed', ended: { completed: 1, dead: 1, skipped: 1 } });
});

test.each([
  ['no result there', { other: 1 }, 'ledger was completed without a value at /file of its result'],
  ['too much of it', { file: 'x'.repeat(MAX_PAYLOAD_BYTES) }, `larger than ${MAX_PAYLOAD_BYTES} bytes`],
])('with %s a task can not be posted: it ends with the reason', async (_, result, why) => {
  await begin();
  await post(CLOSE);
  await complete('bank', { file: 2 });
  await complete('ledger', result);
  expect(task('match')).toMatchObject({ status: 'cancelled' });
  expect(task('match').ended?.reason).toContain(why);
  expect(state()).toMatchObject({
    status: 'failed',
    failures: [{ key: 'match', reason: expect.stringContaining(why) }],
  });
});

test('what comes after one of its tasks goes on though the job can not be told of the end', async () => {
  await begin();
  await post(CLOSE);
  await stage.colony.tasks.post(as('crm'), 'report', spec({ after: [idOf('ledger')], payload: ref(idOf('ledger')) }));
  await stage.settled();
  stage.mishaps = (port, method, [append]) =>
    port === 'store' && method === 'append' && (append as Append).stream === jobStream(TENANT, 'j')
      ? 'fails'
      : undefined;
  await complete('ledger', { file: 'l.csv' });
  expect(state().left).toBe(3);
  expect(stage.fold(taskDecider, taskOf('report')).state).toMatchObject({
    status: 'awarded',
    spec: { payload: { file: 'l.csv' } },
  });
});

test('a large result is read from the archive', async () => {
  await begin();
  await post(CLOSE);
  await complete('bank', { file: 'y'.repeat(40_000) });
  await complete('ledger', { file: 1 });
  expect(task('match').spec?.payload_ref).toMatch(/^sha256:/);
  const reference = task('match').spec?.payload_ref as string;
  const bytes = await stage.colony.tasks.blob(TENANT, idOf('match'), reference);
  expect(JSON.parse(Buffer.from(bytes as Uint8Array).toString())).toMatchObject({ all: { file: 'y'.repeat(40_000) } });
});

test('what was sealed stays sealed in the payload that it is passed on to, and opens there', async () => {
  await begin();
  const { personal } = stage.colony;
  const sending = { principal: as('ann').principal, operation: 'completeTask', idempotencyKey: undefined };
  const result = { file: { $personal: { subject: 'customer-17', value: 'Ada Lovelace' } } };
  const sealed = (await personal.seal(result, sending)) as { value: { file: unknown } };
  await post(CLOSE);
  await complete('bank', sealed.value);
  await complete('ledger', { file: 1 });
  const { payload } = task('match').spec as { payload: { files: unknown[] } };
  expect(payload.files[1]).toEqual(sealed.value.file);
  expect(JSON.stringify(stage.log())).not.toContain('Lovelace');
  expect(await personal.mask(TENANT, payload.files)).toEqual([
    1,
    { $personal: { subject: 'customer-17', sealed: true } },
  ]);
  expect(await personal.open(as('ann'), taskOf(idOf('match')), payload.files)).toEqual({
    value: [1, { $personal: { subject: 'customer-17', value: 'Ada Lovelace' } }],
  });
});

test('it may be a part of a task that its poster holds, and come of a receipt', async () => {
  await begin();
  await stage.colony.tasks.post(as('crm'), 'whole', { ...spec({ accept_seconds: 3_600 }), requester: 'crm' });
  await stage.settled();
  const parts = job([step('a')]);
  const cause = commitRef(taskOf('whole'), 0);
  const { jobs } = stage.colony;
  for (const [from, code] of [
    [{ parent: 'whole' }, 'not-the-holder'],
    [{ parent: 'none' }, 'parent-not-found'],
    [{ cause: commitRef(taskOf('none'), 0) }, 'cause-not-found'],
  ] as const)
    expect(await jobs.post(as('bob'), 'j', parts, from)).toMatchObject({ ok: false, rejection: { code } });
  expect(stage.streams('job')).toEqual([]);
  expect(await jobs.post(as('ann'), 'j', parts, { parent: 'whole', cause })).toMatchObject({ ok: true });
  await stage.settled();
  expect(stage.stream(jobStream(TENANT, 'j'))[0]?.meta.causationId).toBe(cause);
  expect(task('a').spec).toMatchObject({ parent: 'whole', requester: 'ann' });
});

test('nobody posts by a job what policy does not let them post', async () => {
  await begin();
  stage.policy = {
    evaluate: ({ action, attributes, principal }) =>
      action === 'task.post' && attributes?.['task_type'] === 'payment' && principal.kind !== 'system'
        ? { ...ALLOW, decision: 'deny', reasons: ['no payments'] }
        : ALLOW,
  };
  const refused = await post(job([step('a'), step('b', ['a'], { task_type: 'payment' })]));
  expect(refused).toMatchObject({ ok: false, rejection: { code: 'policy-denied' } });
  expect(stage.streams('job')).toEqual([]);
  expect(stage.log().at(-1)?.events).toMatchObject([{ type: 'CommandDenied', data: { action: 'job.post' } }]);
});

test('what a limit keeps out is posted once there is room', async () => {
  await begin();
  const pia = { principal: { tenant: 'platform', id: 'human:pia', kind: 'human', level: 'critical' } } as const;
  expect(await stage.colony.tenants.create(pia, TENANT, { tasks: 2 }, 'a trial')).toMatchObject({ ok: true });
  await post(job([step('a'), step('b'), step('c')]));
  expect(statuses('a', 'b', 'c').filter((status) => status === 'unknown')).toHaveLength(1);
  for (const key of ['a', 'b', 'c']) if (task(key).status === 'awarded') await complete(key);
  await stage.pass(15);
  for (const key of ['a', 'b', 'c']) if (task(key).status === 'awarded') await complete(key);
  expect(state()).toMatchObject({ status: 'completed', ended: { completed: 3 } });
});

test('a stop holds it, and the lift lets it go on', async () => {
  await begin();
  await post(job([step('a'), step('b', ['a'])]));
  const ada = { principal: { tenant: TENANT, id: 'human:ada', kind: 'human', level: 'critical' } } as const;
  const thing = { kind: 'tenant', name: TENANT } as const;
  await stage.colony.stops.stop(ada, { kind: 'task', name: idOf('b') }, 'freeze', 'a doubt');
  await complete('a');
  expect(statuses('b')).toEqual(['unknown']);
  await stage.colony.stops.stop(ada, thing, 'freeze', 'a breach');
  await stage.colony.stops.lift(ada, { kind: 'task', name: idOf('b') }, 'no doubt');
  await stage.pass(30);
  expect(statuses('b')).toEqual(['unknown']);
  await stage.colony.stops.lift(ada, thing, 'over');
  await stage.pass(30);
  await stage.redeliver();
  expect(statuses('b')).toEqual(['awarded']);
});

test.each([
  ['agent', 'boss'],
  ['agent_type', 'lead'],
] as const)('a stop of the %s that posted it holds what it has not posted yet', async (kind, name) => {
  await begin();
  await stage.colony.agents.register(
    as('boss'),
    'boss',
    profile({ agent_type: 'lead', offer: null, capabilities: {} }),
  );
  const asked = job([step('a'), step('b', ['a'])]);
  expect(await stage.colony.jobs.post(as('boss'), 'j', asked)).toMatchObject({ ok: true });
  await stage.settled();
  const ada = { principal: { tenant: TENANT, id: 'human:ada', kind: 'human', level: 'critical' } } as const;
  await stage.colony.stops.stop(ada, { kind, name }, 'freeze', 'it was taken over');
  await complete('a');
  await stage.pass(30);
  expect(statuses('a', 'b')).toEqual(['completed', 'unknown']);
  await stage.colony.stops.lift(ada, { kind, name }, 'it is itself again');
  await stage.pass(30);
  expect(statuses('b')).toEqual(['awarded']);
});

test('in a tenant that was closed it comes to its end with its tasks', async () => {
  await begin();
  await post(job([step('a'), step('b', ['a'])]));
  for (const id of ['human:pia', 'human:pat']) {
    const who = { principal: { tenant: 'platform', id, kind: 'human', level: 'critical' } } as const;
    if (id === 'human:pia') await stage.colony.tenants.create(who, TENANT, {}, 'a customer');
    expect(await stage.colony.tenants.end(who, 'close', TENANT, 'over')).toMatchObject({ ok: true });
  }
  await stage.settled();
  await stage.pass(90);
  expect(state()).toMatchObject({ status: 'cancelled', cancelled: { by: 'closing' } });
  expect(statuses('a', 'b')).toEqual(['cancelled', 'unknown']);
});

test('a task with a deadline that has passed when its turn comes ends with that', async () => {
  await begin();
  await post(job([step('a', [], { accept_seconds: 600 }), step('b', ['a'], { deadline: later(stage.now, 60) })]));
  stage.clock.time += 60_000;
  await complete('a');
  expect(task('b')).toMatchObject({ status: 'cancelled', ended: { reason: expect.stringContaining('is over') } });
  expect(state()).toMatchObject({ status: 'failed', ended: { completed: 1, cancelled: 1 } });
});
