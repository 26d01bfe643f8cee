/** Retention: which streams that have ended may be archived, and when. */
import type {
  retention,
  RetentionDays as RetentionDaysSchema,
  RetentionPolicy as RetentionPolicySchema,
} from '../contract/audit/retention';
import type { AnswerOf, Shown } from '../contract/route';
import type { CommandOptions, ReadOptions, Session } from './session';

export type RetentionDays = Shown<typeof RetentionDaysSchema>;
export type RetentionPolicy = Shown<typeof RetentionPolicySchema>;

/** `/v1/retention` */
export class RetentionApi {
  constructor(private readonly session: Session) {}

  /** The policy of the tenant; without a category none of it is archived. */
  get(options?: ReadOptions): Promise<RetentionPolicy> {
    return this.session.call<typeof retention.get>('GET /v1/retention', {}, options);
  }

  /** Sets the policy, whole. `formicary archive` does what it says. */
  set(days: RetentionDays, options?: CommandOptions): Promise<AnswerOf<typeof retention.set>> {
    return this.session.call<typeof retention.set>('PUT /v1/retention', { body: { days } }, options);
  }
}
