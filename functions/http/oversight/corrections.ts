/** `/v1/corrections`: what people say should have been otherwise. */
import { correctionAnswer } from '../../../app/oversight/corrections';
import { corrections } from '../../../contract/oversight/corrections';
import { bind } from '../../bind';
import { commanded, createdId, listed } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

bind(corrections.give, async (colony, call) => {
  const { id: wanted, ...correction } = call.body;
  const id = createdId('/v1/corrections/{id}', call, wanted);
  const done = accepted(await colony.corrections.give(contextOf(call), id, correction));
  return commanded(done, { correction: correctionAnswer(id, done.state) });
});

bind(corrections.list, ({ corrections }, call) => listed(call, (...asked) => corrections.list(...asked)));
