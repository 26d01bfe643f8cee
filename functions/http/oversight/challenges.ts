/** `/v1/challenges`: doubts that agents judge. */
import { challenges } from '../../../contract/oversight/challenges';
import { bind } from '../../bind';
import { contextOf } from '../../edge/context';
import { answered } from './rounds';

bind(challenges.make, async (colony, call) => {
  const { target, reason } = call.body;
  const { round, ...outcome } = await colony.challenges.challenge(contextOf(call), target, reason);
  return answered(round, outcome, { location: `/v1/rounds/${round}` });
});
