/** Corrections: what people say should have been otherwise. */
import type { corrections, CorrectionSummary as CorrectionSummarySchema } from '../contract/oversight/corrections';
import type { AnswerOf, BodyOf, QueryOf, Shown } from '../contract/route';
import { type CommandOptions, PAGE, type ReadOptions, type Session } from './session';

export type CorrectionInput = BodyOf<typeof corrections.give>;
export type CorrectionFilter = QueryOf<typeof corrections.list>;
/** A correction as lists show it. */
export type CorrectionSummary = Shown<typeof CorrectionSummarySchema>;

/** `/v1/corrections` */
export class CorrectionsApi {
  constructor(private readonly session: Session) {}

  give(body: CorrectionInput, options?: CommandOptions): Promise<AnswerOf<typeof corrections.give>> {
    return this.session.call<typeof corrections.give>('POST /v1/corrections', { body }, options);
  }

  list(query: CorrectionFilter = {}, options?: ReadOptions): Promise<AnswerOf<typeof corrections.list>> {
    return this.session.call<typeof corrections.list>('GET /v1/corrections', { query }, options);
  }

  /** Every correction that the filter finds, page by page. */
  all(filter: CorrectionFilter = {}, options?: ReadOptions): AsyncGenerator<CorrectionSummary, void, undefined> {
    const request = { query: { limit: PAGE, ...filter } };
    return this.session.items<typeof corrections.list>('GET /v1/corrections', request, options);
  }
}
