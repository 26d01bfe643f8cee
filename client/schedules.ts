/** Schedules: `formicary.schedules`. */
import type {
  Schedule as ScheduleSchema,
  ScheduleInput as ScheduleInputSchema,
  schedules,
  ScheduleSummary,
} from '../contract/jobs/schedules';
import type { AnswerOf, QueryOf, Sent, Shown } from '../contract/route';
import { type AsOf, type CommandOptions, PAGE, type ReadOptions, type Session } from './session';

export type ScheduleInput = Sent<typeof ScheduleInputSchema>;
export type Schedule = Shown<typeof ScheduleSchema>;
export type ScheduleAnswer = AnswerOf<typeof schedules.create>;
export type ScheduleRow = Shown<typeof ScheduleSummary>;

/** `/v1/schedules`: tasks that are posted again and again. */
export class SchedulesApi {
  constructor(private readonly session: Session) {}

  /** Has a task posted at the times of a cron expression. */
  create(body: ScheduleInput, options?: CommandOptions): Promise<ScheduleAnswer> {
    return this.session.call<typeof schedules.create>('POST /v1/schedules', { body }, options);
  }

  /** Every schedule that the filter finds, page by page. */
  all(query: QueryOf<typeof schedules.list> = {}, options?: ReadOptions): AsyncGenerator<ScheduleRow, void, undefined> {
    const request = { query: { limit: PAGE, ...query } };
    return this.session.items<typeof schedules.list>('GET /v1/schedules', request, options);
  }

  /** A schedule, now or as it was, and its next `runs`: 0 to 100, five by default. */
  get(id: string, { asOf, runs, ...options }: AsOf & { readonly runs?: number } = {}): Promise<Schedule> {
    const request = { params: { id }, query: { asOf, runs } };
    return this.session.call<typeof schedules.get>('GET /v1/schedules/{id}', request, options);
  }

  /** Has nothing posted until it is resumed. */
  pause(id: string, reason?: string, options?: CommandOptions): Promise<ScheduleAnswer> {
    const request = { params: { id }, body: { reason } };
    return this.session.call<typeof schedules.pause>('POST /v1/schedules/{id}/pause', request, options);
  }

  /** Goes on; what would have run meanwhile is not made up for. */
  resume(id: string, options?: CommandOptions): Promise<ScheduleAnswer> {
    return this.session.call<typeof schedules.resume>('POST /v1/schedules/{id}/resume', { params: { id } }, options);
  }

  /** Ends it for good. */
  remove(id: string, options?: CommandOptions): Promise<ScheduleAnswer> {
    return this.session.call<typeof schedules.remove>('DELETE /v1/schedules/{id}', { params: { id } }, options);
  }
}
