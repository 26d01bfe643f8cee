/** Use cases of schedules: tasks that are posted again and again. What follows from them is in `schedule-runs.ts`. */
import {
  create,
  type fallDue,
  isThere,
  MAX_SCHEDULES,
  pause,
  remove,
  resume,
  type ScheduleEvent,
  type ScheduleSpec,
  type ScheduleState,
  tooManySchedules,
} from '../../domain/jobs/schedule';
import { Rejection } from '../../domain/kernel/decider';
import type { Principal } from '../../domain/kernel/principal';
import { latest, type Time, toTime } from '../../domain/kernel/time';
import type { ScheduleDoc } from '../../projections/jobs/schedules';
import { ALL } from '../../projections/projection';
import type { Aggregate, Page, Where } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import { derivedSystemId } from '../engine/new-id';
import { refusalBy } from '../engine/policy';
import type { Clock } from '../engine/ports';
import type { Loaded } from '../engine/streams';
import type { Transactor } from '../engine/transact';
import { Census } from '../market/module';
import type { Bound, TenantBook } from '../tenants/module';
import { timetableOf } from './timetable';

export type ScheduleOutcome = Outcome<ScheduleState, ScheduleEvent>;

export interface SchedulesDeps {
  readonly schedules: Aggregate<ScheduleState, ScheduleEvent, ScheduleDoc>;
  readonly transactor: Pick<Transactor, 'ask'>;
  readonly tenants: Pick<TenantBook, 'admit'>;
  readonly clock: Clock;
}

/** The host reckons the times of all of them. */
const BOUND: Bound = { name: 'schedules', most: MAX_SCHEDULES, beyond: tooManySchedules };

export class Schedules {
  /** Those of each tenant that are there. */
  readonly census = new Census();

  constructor(private readonly deps: SchedulesDeps) {}

  /**
   * Creates a schedule, whose runs are those after now. Its tasks are posted in its own name; so what its poster may
   * not post, no schedule posts either. What is refused leaves a receipt.
   */
  async create(context: RequestContext, id: string, spec: ScheduleSpec): Promise<ScheduleOutcome> {
    const { schedules } = this.deps;
    const { principal } = context;
    const isUnknown = (await schedules.load(principal.tenant, id)).state.status === 'unknown';
    // The id is taken, or the command comes again: its stream says so.
    // Whoever may not post it has nothing reckoned.
    const refused = isUnknown ? ((await this.refusedTask(principal, id, spec)) ?? wrongIn(spec)) : undefined;
    if (refused !== undefined)
      return await schedules.decide({ ...context, receiptOfRefusal: true }, id, 'schedule.create', () => refused);
    const attributes = { task_type: spec.task.task_type, priority: spec.task.priority };
    const decision = create(spec, principal, this.now());
    const stream = schedules.name(principal.tenant, id);
    const isNew = (state: ScheduleState) => !isThere(state);
    const one = { of: BOUND, stream, census: this.census, isNew, decide: decision };
    return await this.deps.tenants.admit(one, (decide) =>
      schedules.decide({ ...context, creates: true, attributes }, id, 'schedule.create', decide),
    );
  }

  /** Has nothing posted until it is resumed. */
  pause(context: RequestContext, id: string, reason: string): Promise<ScheduleOutcome> {
    return this.decide(context, id, 'schedule.pause', pause(context.principal.id, reason));
  }

  /** Goes on with the runs after now. */
  resume(context: RequestContext, id: string): Promise<ScheduleOutcome> {
    return this.decide(context, id, 'schedule.resume', resume(context.principal.id, this.now()));
  }

  /** Ends it for good. */
  remove(context: RequestContext, id: string): Promise<ScheduleOutcome> {
    return this.decide(context, id, 'schedule.delete', remove(context.principal.id));
  }

  load(tenant: string, id: string, asOf?: Time): Promise<Loaded<ScheduleState>> {
    return this.deps.schedules.load(tenant, id, asOf);
  }

  /** A page of the tenant's schedules, in order of id, as far as the view has come. */
  list(tenant: string, where: Where, limit: number, continuation?: string): Promise<Page<ScheduleDoc>> {
    return this.deps.schedules.list(tenant, { key: ALL, where }, limit, continuation);
  }

  /** When it runs next, as of a time: the first `most` times. One that is not active runs never. */
  nextRuns({ status, schedule, after }: ScheduleState, most: number, asOf: Time = this.now()): readonly Time[] {
    if (status !== 'active' || schedule === undefined) return [];
    return timetableOf(schedule.cron, schedule.time_zone).next(latest(after, asOf), most);
  }

  private decide(context: RequestContext, id: string, action: string, decision: ReturnType<typeof fallDue>) {
    return this.deps.schedules.decide(context, id, action, decision);
  }

  /** Why whoever creates the schedule may not post its task, if so. */
  private async refusedTask(principal: Principal, id: string, { task }: ScheduleSpec): Promise<Rejection | undefined> {
    const { task_type, priority } = task;
    const resource = `${principal.tenant}/task/${runIdOf(principal.tenant, id, this.now())}`;
    const answer = await this.deps.transactor.ask(principal, 'task.post', resource, { task_type, priority });
    return answer.decision === 'allow' ? undefined : refusalBy(answer);
  }

  private now(): Time {
    return toTime(this.deps.clock.now());
  }
}

function wrongIn({ cron, time_zone }: ScheduleSpec): Rejection | undefined {
  try {
    timetableOf(cron, time_zone);
    return undefined;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return new Rejection('invalid', 'schedule-invalid', error.message);
  }
}

/** The id of the task of a run: always the same, and out of every caller's reach. */
export function runIdOf(tenant: string, schedule: string, due: Time): string {
  return derivedSystemId(tenant, 'schedule', JSON.stringify([schedule, due]));
}

/** In whose name runs are posted. */
export function inNameOfSchedules(tenant: string): Principal {
  return { tenant, id: 'schedules', kind: 'system', level: 'execute' };
}
