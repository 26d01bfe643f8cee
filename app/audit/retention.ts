/**
 * Use cases of retention: the policy of a tenant. What it says is done by `formicary archive`, while the host is
 * stopped.
 */
import {
  POLICY_ID,
  type RetentionDays,
  type RetentionEvent,
  type RetentionState,
  setRetention,
} from '../../domain/audit/retention';
import type { Aggregate } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import type { Loaded } from '../engine/streams';

export class Retention {
  constructor(private readonly policies: Aggregate<RetentionState, RetentionEvent>) {}

  /** Sets the policy, whole. What is refused here leaves a receipt. */
  set(context: RequestContext, days: RetentionDays): Promise<Outcome<RetentionState, RetentionEvent>> {
    return this.policies.decide({ ...context, receiptOfRefusal: true }, POLICY_ID, 'retention.set', setRetention(days));
  }

  load(tenant: string): Promise<Loaded<RetentionState>> {
    return this.policies.load(tenant, POLICY_ID);
  }
}
