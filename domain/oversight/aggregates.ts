/** The aggregates of oversight. */
import { actionDecider } from './action';
import { approvalDecider } from './approval';
import { correctionDecider } from './correction';
import { oversightDecider } from './oversight';
import { roundDecider } from './round';

export const oversightAggregates = [
  actionDecider,
  roundDecider,
  approvalDecider,
  correctionDecider,
  oversightDecider,
] as const;
