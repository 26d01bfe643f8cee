/** Schedules in a whole colony: each run is posted once, whatever crashes, is delivered again, or happens to clocks. */
import fc from 'fast-check';
import type { Append } from '../../app/engine/ports';
import { runIdOf } from '../../app/jobs/schedules';
import { MAX_SCHEDULES, scheduleDecider, type ScheduleSpec, scheduleStream } from '../../domain/jobs/schedule';
import { type Time, toMillis } from '../../domain/kernel/time';
import { taskDecider } from '../../domain/market/task';
import { eventually } from '../support/eventually';
import { as, later, spec, Stage, type StageOptions, taskOf, TENANT, types } from '../support/stage';
import { ALLOW } from '../support/transacting';

let stage: Stage;
afterEach(async () => {
  expect(stage.chainFaults()).toEqual([]);
  await stage.end();
});

async function begin(options?: StageOptions, processes = 1): Promise<void> {
  stage = new Stage(options);
  for (let i = 0; i < processes; i += 1) await stage.start();
}

const { requester: _, ...task } = spec({ payload: { of: 'the hour' } });
const PIA = { principal: { tenant: 'platform', id: 'human:pia', kind: 'human', level: 'critical' } } as const;
const ADA = { principal: { tenant: TENANT, id: 'human:ada', kind: 'human', level: 'critical' } } as const;
const STREAM = scheduleStream(TENANT, 's');
const HOUR = 3_600;

async function create(changes: Partial<ScheduleSpec> = {}, key?: string) {
  const asked = { cron: '0 * * * *', time_zone: 'UTC', on_missed: 'skip', catch_up: 10, task, ...changes } as const;
  const outcome = await stage.colony.schedules.create(as('crm', key), 's', asked);
  await stage.settled();
  return outcome;
}
const state = () => stage.fold(scheduleDecider, STREAM).state;
/** The tasks that runs have posted, by their times. */
const posted = (): Time[] =>
  stage
    .streams('task')
    .map((stream) => stage.fold(taskDecider, stream).state.spec?.schedule?.due ?? '')
    .toSorted();
/** Full hours after the beginning, which is one. */
const hour = (n: number) => later('2026-11-21T10:00:00.000Z', n * HOUR);
const hours = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => hour(first + i));

test('a task is posted at each of its times, in the name of whoever created it, and the receipts tell the causes', async () => {
  await begin();
  expect(await create({ task: { ...task, deadline_seconds: 60 } })).toMatchObject({ ok: true });
  expect(stage.colony.schedules.nextRuns(state(), 2)).toEqual(hours(1, 2));
  await stage.pass(HOUR - 60, undefined, 60);
  expect(posted()).toEqual([]);
  await stage.pass(2 * HOUR, undefined, 60);
  expect(posted()).toEqual(hours(1, 2));
  const first = taskOf(runIdOf(TENANT, 's', hour(1)));
  expect(stage.fold(taskDecider, first).state.spec).toMatchObject({
    payload: { of: 'the hour' },
    requester: 'crm',
    schedule: { id: 's', due: hour(1) },
    deadline: later(hour(1), 60),
  });
  expect(stage.stream(first)[0]?.meta).toMatchObject({ causationId: `${STREAM}@1`, actor: { id: 'schedules' } });
  expect(types(stage.stream(STREAM))).toEqual([
    ...['ScheduleCreated', 'RunsFellDue', 'RunPosted', 'RunsFellDue', 'RunPosted'],
  ]);
  expect(state()).toMatchObject({ posted: 2, missed: 0, waiting: [] });
  // One deadline stands for it.
  expect(stage.deadlines().filter(({ reason }) => reason === 'schedule')).toMatchObject([{ due: hour(3) }]);
});

test('a request that comes again gets its answer, and what can not be is refused', async () => {
  await begin();
  expect(await create({ cron: '0 0 30 2 *' })).toMatchObject({ ok: false, rejection: { code: 'schedule-invalid' } });
  expect(await create({ time_zone: 'Mars' })).toMatchObject({ ok: false, rejection: { code: 'schedule-invalid' } });
  stage.policy = {
    evaluate: ({ action, principal }) =>
      action === 'task.post' && principal.kind !== 'system' ? { ...ALLOW, decision: 'deny', reasons: ['no'] } : ALLOW,
  };
  expect(await create()).toMatchObject({ ok: false, rejection: { code: 'policy-denied' } });
  // What is not allowed is not reckoned.
  expect(await create({ cron: '0 0 30 2 *' })).toMatchObject({ ok: false, rejection: { code: 'policy-denied' } });
  stage.policy = undefined;
  expect(stage.streams('schedule')).toEqual([]);
  expect(await create({}, 'k')).toMatchObject({ ok: true });
  expect(await create({}, 'k')).toMatchObject({ ok: true, repeated: true });
  expect(await create()).toMatchObject({ ok: false, rejection: { code: 'schedule-exists' } });
});

const HOURLY = { cron: '0 * * * *', time_zone: 'UTC', on_missed: 'skip', catch_up: 10, task } as const;

test('a tenant has only so many schedules, however many are created at once', async () => {
  await begin();
  const createAll = async (names: readonly string[]) =>
    await Promise.all(names.map((id) => stage.colony.schedules.create(as('crm'), id, HOURLY)));
  const names = Array.from({ length: MAX_SCHEDULES + 2 }, (_, n) => `s${n}`);
  const outcomes = await createAll(names);
  expect(outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.rejection.code]))).toEqual(
    Array(2).fill('too-many-schedules'),
  );
  await stage.settled();
  stage.first.kill();
  await stage.start();
  expect(await createAll(['more'])).toMatchObject([{ ok: false, rejection: { code: 'too-many-schedules' } }]);
  await stage.colony.schedules.pause(as('crm'), 's0', 'no need');
  expect(await createAll(['more'])).toMatchObject([{ ok: false }]);
  await stage.colony.schedules.remove(as('crm'), 's0');
  expect(await createAll(['more'])).toMatchObject([{ ok: true }]);
}, 60_000);

test('the deadlines wait for some of the schedules that are due at once, and the others run beside them', async () => {
  await begin();
  const names = Array.from({ length: 80 }, (_, n) => `s${n}`);
  for (const id of names) await stage.colony.schedules.create(as('crm'), id, HOURLY);
  await stage.settled();
  let due = 0;
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  stage.mishaps = async (port, method, [append]) => {
    if (port !== 'store' || method !== 'append') return;
    if (!(append as Append).commits.some(({ body }) => body.includes('"RunsFellDue"'))) return;
    due += 1;
    if (due > 50) await opened;
  };
  await stage.pass(HOUR, undefined, HOUR);
  expect(posted()).toHaveLength(50);
  open();
  await eventually(() => posted().length === names.length);
  await stage.settled();
  await stage.pass(30);
  expect(posted()).toHaveLength(names.length);
});

test.each<[ScheduleSpec['on_missed'], readonly Time[], number]>([
  ['skip', [], 5],
  ['once', [hour(5)], 4],
  ['all', hours(3, 5), 2],
])('after an outage, %s', async (on_missed, made, missed) => {
  await begin();
  await create({ on_missed, catch_up: 3 });
  stage.first.kill();
  stage.clock.time += 5.5 * HOUR * 1_000;
  await stage.start();
  await stage.fire();
  expect(posted()).toEqual(made);
  expect(state().missed).toBe(missed);
  await stage.pass(HOUR, undefined, 300);
  expect(posted()).toEqual([...made, hour(6)]);
});

test('a stop of the tenant is an outage like any other', async () => {
  await begin();
  await create({ on_missed: 'once' });
  await stage.colony.stops.stop(ADA, { kind: 'tenant', name: TENANT }, 'freeze', 'a breach');
  await stage.pass(3.5 * HOUR, undefined, 600);
  expect(posted()).toEqual([]);
  await stage.colony.stops.lift(ADA, { kind: 'tenant', name: TENANT }, 'over');
  await stage.pass(30);
  expect(posted()).toEqual([hour(3)]);
});

test.each(['crm', 'service:gate'])('a stop of %s, who stands behind it, is an outage like any other', async (name) => {
  await begin();
  const gated = { ...as('crm').principal, via: 'service:gate' };
  const asked = { cron: '0 * * * *', time_zone: 'UTC', on_missed: 'once', catch_up: 10, task } as const;
  expect(await stage.colony.schedules.create({ principal: gated }, 's', asked)).toMatchObject({ ok: true });
  const stop = (thing: string) =>
    stage.colony.stops.stop(ADA, { kind: 'agent', name: thing }, 'freeze', 'it was taken over');
  await stop('service:crm');
  await stage.pass(1.5 * HOUR, undefined, 600);
  expect(posted()).toEqual([hour(1)]);
  await stop(name);
  await stage.pass(2 * HOUR, undefined, 600);
  expect(posted()).toEqual([hour(1)]);
  expect(state().waiting).toEqual([]);
  await stage.colony.stops.lift(ADA, { kind: 'agent', name }, 'it is itself again');
  await stage.pass(30);
  expect(posted()).toEqual([hour(1), hour(3)]);
});

test('what a limit keeps out is posted once there is room; nothing of what is paused then is', async () => {
  await begin();
  await stage.colony.tenants.create(PIA, TENANT, { tasks: 1 }, 'a trial');
  await create();
  await stage.pass(3 * HOUR, undefined, 300);
  expect(posted()).toEqual([hour(1)]);
  expect(state().waiting.map(({ due }) => due)).toEqual(hours(2, 3));
  await stage.colony.tenants.limit(PIA, TENANT, { tasks: 2 }, 'as agreed');
  await stage.pass(30);
  expect(posted()).toEqual(hours(1, 2));
  expect(await stage.colony.schedules.pause(as('crm'), 's', 'the books move')).toMatchObject({ ok: true });
  await stage.colony.tenants.limit(PIA, TENANT, { tasks: 100 }, 'as agreed');
  await stage.pass(2.5 * HOUR, undefined, 300);
  expect(posted()).toEqual(hours(1, 2));
  expect(await stage.colony.schedules.resume(as('crm'), 's')).toMatchObject({ ok: true });
  await stage.pass(HOUR, undefined, 300);
  // What would have run meanwhile is not made up for.
  expect(posted()).toEqual([...hours(1, 2), hour(6)]);
  expect(await stage.colony.schedules.remove(as('crm'), 's')).toMatchObject({ ok: true });
  await stage.pass(2 * HOUR, undefined, 300);
  expect(posted()).toHaveLength(3);
});

test('what a limit keeps out is asked for once a look, and a long outage is made up for a few at a time', async () => {
  await begin();
  await stage.colony.tenants.create(PIA, TENANT, { tasks: 1 }, 'a trial');
  await create({ on_missed: 'all', catch_up: 25 });
  stage.first.kill();
  stage.clock.time += 25.5 * HOUR * 1_000;
  await stage.start();
  let asked = 0;
  stage.policy = {
    evaluate: ({ action }) => {
      if (action === 'task.post') asked += 1;
      return ALLOW;
    },
  };
  await stage.fire();
  expect([posted(), state().waiting.length]).toEqual([[hour(1)], 24]);
  const before = asked;
  await stage.pass(10, undefined, 10);
  expect(asked - before).toBeLessThanOrEqual(1);
  await stage.colony.tenants.limit(PIA, TENANT, { tasks: 100 }, 'as agreed');
  await stage.pass(30, undefined, 10);
  expect(posted()).toEqual(hours(1, 25));
});

test('a schedule whose deadline was lost is found, and another one is left alone', async () => {
  await begin();
  await create({ on_missed: 'once' });
  const its = () => stage.deadlines().filter(({ reason }) => reason === 'schedule');
  await stage.colony.scheduleRuns.overlooked();
  expect(its()).toMatchObject([{ due: hour(1) }]);
  await stage.loseDeadlines();
  await stage.pass(1.5 * HOUR, undefined, 600);
  expect([its(), posted()]).toEqual([[], []]);
  await stage.colony.scheduleRuns.overlooked();
  await stage.fire();
  expect(posted()).toEqual([hour(1)]);
  expect(its()).toMatchObject([{ due: hour(2) }]);
});

test('a season begins with its first day', async () => {
  await begin();
  await create({ cron: '0 9 * 4-9 *', on_missed: 'once' });
  stage.first.kill();
  stage.clock.time = Date.parse('2027-04-01T09:00:30Z');
  await stage.start();
  await stage.fire();
  expect(posted()).toEqual(['2027-04-01T09:00:00.000Z']);
});

test('a run whose task can not be posted says why, and the next one is posted', async () => {
  await begin();
  await create({ on_missed: 'once', task: { ...task, deadline_seconds: 60 } });
  stage.first.kill();
  stage.clock.time += 1.5 * HOUR * 1_000;
  await stage.start();
  await stage.fire();
  expect(state()).toMatchObject({ refused: 1, recent: [{ due: hour(1), reason: expect.stringMatching(/deadline/) }] });
  await stage.pass(HOUR, undefined, 300);
  expect(posted()).toEqual([hour(2)]);
});

test('in a tenant that is closed it is deleted, and nothing is posted any more', async () => {
  await begin();
  await create();
  await stage.colony.tenants.create(PIA, TENANT, {}, 'a trial');
  const bob = { principal: { ...PIA.principal, id: 'human:bob' } };
  for (const by of [PIA, bob]) await stage.colony.tenants.end(by, 'close', TENANT, 'they leave');
  await stage.pass(2 * HOUR, undefined, 60);
  expect([state().status, posted()]).toEqual(['deleted', []]);
});

/** Where a process may die. */
const PLACES: readonly (readonly [string, (append: Append) => boolean])[] = [
  ['its creation', ({ stream, expected }) => stream === STREAM && expected === -1],
  ['what falls due', ({ stream, expected }) => stream === STREAM && expected === 0],
  ['the posting of a task', ({ stream }) => stream.split('/')[1] === 'task'],
  ['what it hears of that', ({ stream, expected }) => stream === STREAM && expected === 1],
];

test.each(PLACES.flatMap((place) => (['fails', 'loses'] as const).map((how) => [...place, how] as const)))(
  'a crash at %s loses no run and posts none twice (%s, %s)',
  async (_, where, how) => {
    await begin();
    let crashed = false;
    stage.mishaps = (port, method, [append]) => {
      if (crashed || port !== 'store' || method !== 'append' || !where(append as Append)) return undefined;
      crashed = true;
      return how;
    };
    const again = async () => {
      stage.first.kill();
      await stage.start();
      await stage.settled();
    };
    await create({ on_missed: 'all' }, 'k').catch(() => undefined);
    await again();
    await create({ on_missed: 'all' }, 'k');
    stage.clock.time += HOUR * 1_000;
    await stage.fire();
    await again();
    await stage.pass(60);
    expect([crashed, posted()]).toEqual([true, [hour(1)]]);
    expect(state()).toMatchObject({ posted: 1, waiting: [] });
  },
);

test('whatever clocks, crashes and mishaps do in two processes: each run once, and none is left out', async () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ does: fc.constant('passes' as const), minutes: fc.integer({ min: 1, max: 90 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ does: fc.constant('back' as const), minutes: fc.integer({ min: 1, max: 90 }) }),
    },
    { weight: 2, arbitrary: fc.record({ does: fc.constantFrom('dies' as const, 'redelivers' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        does: fc.constant('trouble' as const),
        how: fc.constantFrom('fails' as const, 'loses' as const),
      }),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), fc.boolean(), async (steps, shared) => {
      await begin({ shared }, 2);
      await create({ on_missed: 'all', catch_up: 100 });
      let furthest = stage.clock.time;
      for (const one of steps) {
        if (one.does === 'passes' || one.does === 'back')
          stage.clock.time += (one.does === 'back' ? -60_000 : 60_000) * one.minutes;
        if (one.does === 'dies') {
          stage.first.kill();
          // A clock that is far behind the log lets no process start.
          stage.clock.time = Math.max(stage.clock.time, furthest);
          await stage.start();
        }
        if (one.does === 'redelivers') await stage.colony.jobReactions.handle(stage.log());
        let left = 2;
        if (one.does === 'trouble')
          stage.mishaps = (port, method) =>
            (method === 'append' || method === 'settle') && left-- > 0 && port !== 'views' ? one.how : undefined;
        // Two processes look at once.
        await Promise.allSettled(stage.living.map(({ colony }) => colony.deadlines.fire()));
        furthest = Math.max(furthest, stage.clock.time);
        stage.mishaps = () => undefined;
        await stage.settled();
      }
      stage.clock.time = furthest;
      await stage.pass(120, undefined, 30);
      const due = Math.floor((stage.clock.time - toMillis(hour(0))) / (HOUR * 1_000));
      expect(posted()).toEqual(hours(1, due));
      expect(state()).toMatchObject({ posted: due, missed: 0, waiting: [] });
      await stage.end();
    }),
    { numRuns: 15 },
  );
  await begin();
});
