/** Schedules for lists: a row per schedule. */
import type { ScheduleSummary } from '../../contract/jobs/schedules';
import type { Shown } from '../../contract/route';
import { scheduleDecider, type ScheduleState } from '../../domain/jobs/schedule';
import { ALL, type Projection } from '../projection';

export type ScheduleDoc = Shown<typeof ScheduleSummary>;

/** A schedule as lists and the schedule itself show it. */
export function scheduleRow(
  id: string,
  { status, schedule, created_at, posted, refused, missed }: ScheduleState,
): ScheduleDoc | undefined {
  if (schedule === undefined) return undefined;
  const { name, cron, time_zone, requester, task } = schedule;
  return {
    id,
    name,
    status: status as ScheduleDoc['status'],
    cron,
    time_zone,
    task_type: task.task_type,
    requester,
    posted,
    refused,
    missed,
    created_at: created_at ?? '',
  };
}

export const schedules: Projection<ScheduleState, ScheduleDoc> = {
  name: 'schedules',
  version: 1,
  category: scheduleDecider.category,
  fields: ['status'],
  row({ tenant, id, stream, version }, state) {
    const doc = scheduleRow(id, state);
    return doc && { tenant, key: ALL, source: stream, index: version, doc };
  },
};
