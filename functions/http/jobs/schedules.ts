/** `/v1/schedules`: tasks that are posted again and again. */
import type { Colony } from '../../../app/colony';
import { askedSchedule, scheduleAnswer } from '../../../app/jobs/schedule-answer';
import type { ScheduleOutcome } from '../../../app/jobs/schedules';
import { schedules } from '../../../contract/jobs/schedules';
import { bind } from '../../bind';
import { commanded, createdId, existing, listed } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

/** Next runs that are told with the answer to a command. */
const NEXT_RUNS = 5;

function answered(colony: Colony, id: string, outcome: ScheduleOutcome, headers?: { readonly location: string }) {
  const done = accepted(outcome);
  const next = colony.schedules.nextRuns(done.state, NEXT_RUNS);
  return commanded(done, { schedule: scheduleAnswer(id, done, next) }, headers);
}

bind(schedules.create, async (colony, call) => {
  const { body } = call;
  const id = createdId(schedules.get.path, call, body.id);
  const outcome = await colony.schedules.create(contextOf(call), id, askedSchedule(body));
  return answered(colony, id, outcome, { location: `/v1/schedules/${id}` });
});

bind(schedules.list, ({ schedules: of }, call) => listed(call, (...asked) => of.list(...asked)));

bind(schedules.get, async (colony, call) => {
  const { id } = call.params;
  const { asOf, runs } = call.query;
  const loaded = existing('schedule', id, await colony.schedules.load(call.principal.tenant, id, asOf), asOf);
  const next = colony.schedules.nextRuns(loaded.state, runs, asOf);
  return { body: scheduleAnswer(id, loaded, next), etag: loaded.version };
});

bind(schedules.pause, async (colony, call) => {
  const { id } = call.params;
  return answered(colony, id, await colony.schedules.pause(contextOf(call), id, call.body.reason));
});

bind(schedules.resume, async (colony, call) => {
  const { id } = call.params;
  return answered(colony, id, await colony.schedules.resume(contextOf(call), id));
});

bind(schedules.remove, async (colony, call) => {
  const { id } = call.params;
  return answered(colony, id, await colony.schedules.remove(contextOf(call), id));
});
