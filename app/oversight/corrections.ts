/** Use cases of corrections: what people say should have been otherwise. */
import { Rejection } from '../../domain/kernel/decider';
import { parseCommitRef } from '../../domain/kernel/ids';
import {
  correct,
  type Correction,
  correctionDecider,
  type CorrectionEvent,
  type CorrectionState,
  correctionStream,
} from '../../domain/oversight/correction';
import type { CorrectionDoc } from '../../projections/oversight/corrections';
import { ALL } from '../../projections/projection';
import type { Outcome, RequestContext } from '../engine/command';
import type { ViewStore } from '../engine/ports';
import type { Transactor } from '../engine/transact';
import type { Views } from '../engine/views';

export class Corrections {
  constructor(
    private readonly transactor: Transactor,
    private readonly viewStore: ViewStore,
    private readonly views: Views,
  ) {}

  /** Corrects a receipt of the tenant. Only people do; what is refused here leaves a receipt. */
  async give(
    context: RequestContext,
    id: string,
    correction: Omit<Correction, 'by'>,
  ): Promise<Outcome<CorrectionState, CorrectionEvent>> {
    const { tenant, id: by, kind } = context.principal;
    const place = parseCommitRef(correction.target);
    const cause =
      place?.stream.startsWith(`${tenant}/`) === true
        ? await this.transactor.cause(place.stream, place.index)
        : undefined;
    const wrong =
      kind !== 'human'
        ? new Rejection('forbidden', 'person-needed', 'only a person gives a correction; an agent challenges')
        : cause === undefined
          ? new Rejection(
              'missing',
              'target-not-found',
              `there is no receipt ${correction.target}: give stream@index as a receipt shows it`,
            )
          : undefined;
    const decision = wrong === undefined ? correct({ ...correction, by }) : () => wrong;
    return await this.transactor.transact(correctionDecider, correctionStream(tenant, id), decision, {
      ...context,
      cause,
      action: 'correction.give',
      receiptOfRefusal: true,
    });
  }

  /** A page of the tenant's corrections, in order of id; as far as the view has come. */
  async list(
    tenant: string,
    where: Readonly<Record<string, string>>,
    limit: number,
    continuation?: string,
  ): Promise<{ corrections: readonly CorrectionDoc[]; continuation?: string }> {
    const page = await this.viewStore.query<CorrectionDoc>(this.views.serving('corrections'), {
      tenant,
      key: ALL,
      where,
      limit,
      continuation,
    });
    return { corrections: page.rows.map(({ doc }) => doc), continuation: page.continuation };
  }
}
