/** Schedules between the wire and the rules. */
import type { Schedule, ScheduleInput } from '../../contract/jobs/schedules';
import type { Shown } from '../../contract/route';
import type { ScheduleSpec, ScheduleState } from '../../domain/jobs/schedule';
import type { Time } from '../../domain/kernel/time';
import { type ScheduleDoc, scheduleRow } from '../../projections/jobs/schedules';
import type { Loaded } from '../engine/streams';
import { wantedOf } from '../market/module';

/** A schedule that was created, as the API shows it. */
export function scheduleAnswer(
  id: string,
  { state, version }: Pick<Loaded<ScheduleState>, 'state' | 'version'>,
  next_runs: readonly Time[],
): Shown<typeof Schedule> {
  const { schedule, paused, waiting, recent, correlation_id } = state;
  const { on_missed, catch_up, task } = schedule as ScheduleSpec;
  return {
    ...(scheduleRow(id, state) as ScheduleDoc),
    version,
    on_missed,
    catch_up,
    task,
    paused_by: paused,
    next_runs,
    waiting: waiting.map(({ due }) => due),
    recent,
    correlation_id,
  };
}

/** What is asked for, with every default filled in. */
export function askedSchedule({ id: _, task, ...asked }: Shown<typeof ScheduleInput>): ScheduleSpec {
  const { deadline_seconds, ...input } = task;
  return { ...asked, task: { ...wantedOf(input), ...(deadline_seconds !== undefined && { deadline_seconds }) } };
}
