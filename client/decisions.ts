/** What deciding costs, and how often people are needed for it. */
import type {
  DecisionFigures as DecisionFiguresSchema,
  decisions,
  HumanShare as HumanShareSchema,
  Quantiles as QuantilesSchema,
} from '../contract/oversight/decisions';
import type { Shown } from '../contract/route';
import type { ReadOptions, Session } from './session';

/** Of some actions: how many there were, and how many of them needed a person. */
export type HumanShare = Shown<typeof HumanShareSchema>;
/** Seconds; null when there is nothing to measure. */
export type Quantiles = Shown<typeof QuantilesSchema>;
export type DecisionFigures = Shown<typeof DecisionFiguresSchema>;

/** `/v1/decisions` */
export class DecisionsApi {
  constructor(private readonly session: Session) {}

  /** How often people were needed, how long decisions took, and what came of them. */
  metrics(options?: ReadOptions): Promise<DecisionFigures> {
    return this.session.call<typeof decisions.metrics>('GET /v1/decisions/metrics', {}, options);
  }
}
