/** `/v1/decisions`: what deciding costs, and how often people are needed for it. */
import { decisions } from '../../../contract/oversight/decisions';
import { bind } from '../../bind';

bind(decisions.metrics, async (colony, { principal }) => ({
  body: await colony.decisionMetrics.of(principal.tenant),
}));
