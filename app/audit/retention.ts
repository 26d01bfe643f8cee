/**
 * Use cases of retention: the policy of a tenant. What it says is done by `formicary archive`, while the host is
 * stopped.
 */
import {
  type RetentionDays,
  retentionDecider,
  type RetentionEvent,
  type RetentionState,
  retentionStream,
  setRetention,
} from '../../domain/audit/retention';
import type { Outcome, RequestContext } from '../engine/command';
import type { Loaded } from '../engine/streams';
import type { Transactor } from '../engine/transact';

export { ENDING, MAX_DAYS, MIN_DAYS } from '../../domain/audit/retention';

export class Retention {
  constructor(private readonly transactor: Transactor) {}

  /** Sets the policy, whole. What is refused here leaves a receipt. */
  set(context: RequestContext, days: RetentionDays): Promise<Outcome<RetentionState, RetentionEvent>> {
    return this.transactor.transact(retentionDecider, retentionStream(context.principal.tenant), setRetention(days), {
      ...context,
      action: 'retention.set',
      receiptOfRefusal: true,
    });
  }

  load(tenant: string): Promise<Loaded<RetentionState>> {
    return this.transactor.load(retentionDecider, retentionStream(tenant));
  }
}
