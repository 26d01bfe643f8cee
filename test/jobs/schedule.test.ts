/** The rules of a schedule: what falls due, what becomes of what was missed, and what each run leaves. */
import fc from 'fast-check';
import {
  create,
  fallDue,
  MAX_WAITING,
  MISSED_SECONDS,
  type OnMissed,
  pause,
  remove,
  resume,
  runPosted,
  runRefused,
  scheduleDecider,
  type ScheduleEvent,
  type ScheduleSpec,
  type ScheduleState,
} from '../../domain/jobs/schedule';
import { Rejection } from '../../domain/kernel/decider';
import { plusSeconds, type Time } from '../../domain/kernel/time';
import { given, GIVEN_TIME } from '../support/given';
import { spec as taskSpec } from '../support/stage';

const { requester: _, ...task } = taskSpec();
const AT = GIVEN_TIME;
const after = (seconds: number) => plusSeconds(AT, seconds);
const spec = (changes: Partial<ScheduleSpec> = {}): ScheduleSpec => ({
  cron: '* * * * *',
  time_zone: 'UTC',
  on_missed: 'skip',
  catch_up: 10,
  task,
  ...changes,
});
const created = (changes: Partial<ScheduleSpec> = {}): ScheduleEvent => ({
  type: 'ScheduleCreated',
  v: 1,
  data: { ...spec(changes), requester: 'crm', created_at: AT },
});
const fell = (until: Time, runs: readonly Time[], missed = 0): ScheduleEvent => ({
  type: 'RunsFellDue',
  v: 1,
  data: { until, runs, missed },
});
const PAUSED: ScheduleEvent = { type: 'SchedulePaused', v: 1, data: { by: 'eve', reason: 'x' } };
const DELETED: ScheduleEvent = { type: 'ScheduleDeleted', v: 1, data: { by: 'eve' } };

test('is created once, paused, resumed and deleted, and each of them again changes nothing', () => {
  given(scheduleDecider, [])
    .when(create(spec(), { id: 'crm' }, AT))
    .then([created()]);
  given(scheduleDecider, [created()])
    .when(create(spec(), { id: 'crm' }, AT))
    .thenRejected('schedule-exists');
  given(scheduleDecider, [created()]).when(pause('eve', 'x')).then([PAUSED]);
  given(scheduleDecider, [created(), PAUSED]).when(pause('bob', 'y')).then([]);
  given(scheduleDecider, [created()]).when(resume('eve', AT)).then([]);
  given(scheduleDecider, [created(), PAUSED])
    .when(resume('eve', after(600)))
    .thenState((state) => expect(state).toMatchObject({ status: 'active', after: after(600), paused: undefined }));
  given(scheduleDecider, [created()]).when(remove('eve')).then([DELETED]);
  given(scheduleDecider, [created(), DELETED]).when(remove('eve')).then([]);
  for (const decision of [pause('eve', 'x'), resume('eve', AT)]) {
    given(scheduleDecider, [created(), DELETED]).when(decision).thenRejected('schedule-deleted');
    given(scheduleDecider, []).when(decision).thenRejected('schedule-not-found');
  }
});

const LATE = MISSED_SECONDS + 1;
test.each<[string, OnMissed, readonly number[], number, readonly number[]]>([
  ['one in time is run', 'skip', [60], 61, [60]],
  ['one that is late, but not missed, is run', 'skip', [60], 60 + MISSED_SECONDS, [60]],
  ['one that was missed is not', 'skip', [60], 60 + LATE, []],
  ['of several the last is run, if it is in time', 'skip', [60, 120, 180], 180, [180]],
  ['or else none', 'skip', [60, 120, 180], 180 + LATE, []],
  ['one is made up for, the last', 'once', [60, 120, 180], 180 + LATE, [180]],
  ['all are made up for', 'all', [60, 120, 180], 180 + LATE, [60, 120, 180]],
  ['as many as may be, the last ones', 'all', [60, 120, 180, 240, 300], 300, [180, 240, 300]],
])('%s (%s)', (_, on_missed, due, now, runs) => {
  const missed = due.length - runs.length;
  given(scheduleDecider, [created({ on_missed, catch_up: 3 })])
    .when(fallDue(due.map(after), after(now)))
    .then([fell(after(due.at(-1) as number), runs.map(after), missed)]);
});

test('what is seen to is not due again, nothing is due before its time, and nothing of what is paused or deleted', () => {
  const history = [created(), fell(after(120), [after(120)])];
  given(scheduleDecider, history)
    .when(fallDue([after(60), after(120)], after(130)))
    .then([]);
  given(scheduleDecider, history)
    .when(fallDue([after(180)], after(179)))
    .then([]);
  for (const last of [PAUSED, DELETED])
    given(scheduleDecider, [...history, last])
      .when(fallDue([after(180)], after(180)))
      .then([]);
  given(scheduleDecider, [])
    .when(fallDue([after(180)], after(180)))
    .then([]);
});

test('a run is posted, or refused, once; and none that waits no more', () => {
  const due = after(60);
  const history = [created(), fell(due, [due])];
  const posted: ScheduleEvent = { type: 'RunPosted', v: 1, data: { due, task: 't' } };
  given(scheduleDecider, history)
    .when(runPosted(due, 't'))
    .then([posted])
    .thenState((state) => expect(state).toMatchObject({ waiting: [], posted: 1, recent: [{ due, task: 't' }] }));
  given(scheduleDecider, [...history, posted])
    .when(runPosted(due, 't'))
    .then([]);
  given(scheduleDecider, [...history, posted])
    .when(runRefused(due, 'no'))
    .then([]);
  given(scheduleDecider, [...history, PAUSED])
    .when(runPosted(due, 't'))
    .then([]);
  given(scheduleDecider, history)
    .when(runRefused(due, 'no'))
    .thenState((state) => expect(state).toMatchObject({ waiting: [], refused: 1, recent: [{ due, reason: 'no' }] }));
});

test('what is kept out does not heap up', () => {
  const times = Array.from({ length: MAX_WAITING + 5 }, (_, i) => after(60 * (i + 1)));
  const history = [created(), ...times.map((time) => fell(time, [time]))].slice(0, MAX_WAITING);
  const next = times[MAX_WAITING - 1] as Time;
  const more = times.slice(MAX_WAITING - 1, MAX_WAITING + 4);
  given(scheduleDecider, history)
    .when(fallDue([next], next))
    .thenState(({ waiting }) => waiting.length === MAX_WAITING);
  given(scheduleDecider, [...history, fell(next, [next])])
    .when(fallDue(more, more.at(-1) as Time))
    .thenState(({ waiting, missed }) => waiting.length === MAX_WAITING && missed === more.length - 1);
});

test('however looks fall, and clocks go: no time is run twice, and with `all` each of them once, but what was too much', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<OnMissed>('skip', 'once', 'all'),
      fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 20 }),
      (on_missed, looks) => {
        let state: ScheduleState = scheduleDecider.initial;
        let index = 0;
        const run: Time[] = [];
        const happens = (decided: readonly ScheduleEvent[] | Rejection) => {
          if (decided instanceof Rejection) throw new Error(decided.message);
          for (const event of decided) {
            state = scheduleDecider.evolve(state, event, {
              stream: 's',
              index: (index += 1),
              at: AT,
              correlationId: 'c',
            });
            if (event.type === 'RunsFellDue') run.push(...event.data.runs);
          }
        };
        happens(create(spec({ on_missed, catch_up: 100 }), { id: 'crm' }, AT)(state));
        for (const minute of looks) {
          const times = Array.from({ length: minute }, (_, i) => after(60 * (i + 1)));
          happens(fallDue(times, after(60 * minute))(state));
        }
        expect(new Set(run).size).toBe(run.length);
        const seen = Math.max(0, ...looks);
        if (on_missed === 'all')
          expect(run.toSorted()).toEqual(Array.from({ length: seen }, (_, i) => after(60 * (i + 1))));
        expect(run.length + state.missed).toBe(seen);
      },
    ),
  );
});
