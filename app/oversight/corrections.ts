/** Use cases of corrections: what people say should have been otherwise. */
import type { Correction as CorrectionSchema } from '../../contract/oversight/corrections';
import type { Shown } from '../../contract/route';
import { Rejection } from '../../domain/kernel/decider';
import { noSuchReceipt } from '../../domain/kernel/ids';
import {
  correct,
  type Correction,
  type CorrectionEvent,
  type CorrectionState,
} from '../../domain/oversight/correction';
import type { CorrectionDoc } from '../../projections/oversight/corrections';
import { ALL } from '../../projections/projection';
import type { Aggregate, Page, Where } from '../engine/aggregate';
import type { Outcome, RequestContext } from '../engine/command';
import type { Transactor } from '../engine/transact';

/** A correction as the API shows it. */
export function correctionAnswer(id: string, { correction }: CorrectionState): Shown<typeof CorrectionSchema> {
  const { target, what, instead_of, why, by } = correction as Correction;
  return { id, target, what, instead_of, why, by };
}

export class Corrections {
  constructor(
    private readonly transactor: Transactor,
    private readonly corrections: Aggregate<CorrectionState, CorrectionEvent, CorrectionDoc>,
  ) {}

  /** Corrects a receipt of the tenant. Only people do; what is refused here leaves a receipt. */
  async give(
    context: RequestContext,
    id: string,
    correction: Omit<Correction, 'by'>,
  ): Promise<Outcome<CorrectionState, CorrectionEvent>> {
    const { tenant, id: by, kind } = context.principal;
    const cause = await this.transactor.cause(tenant, correction.target);
    const wrong =
      kind !== 'human'
        ? new Rejection('forbidden', 'not-a-person', 'only a person gives a correction; an agent challenges')
        : cause === undefined
          ? new Rejection('missing', 'target-not-found', noSuchReceipt(correction.target))
          : undefined;
    const decision = wrong === undefined ? correct({ ...correction, by }) : () => wrong;
    return await this.corrections.decide(
      { ...context, cause, receiptOfRefusal: true },
      id,
      'correction.give',
      decision,
    );
  }

  /** A page of the tenant's corrections, in order of id; as far as the view has come. */
  list(tenant: string, where: Where, limit: number, continuation?: string): Promise<Page<CorrectionDoc>> {
    return this.corrections.list(tenant, { key: ALL, where }, limit, continuation);
  }
}
