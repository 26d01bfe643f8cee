/** `/v1/asks`: what somebody asked for in words, and the commands that it was read as. */
import { askAnswer } from '../../../app/asks/asks';
import { asks } from '../../../contract/asks/asks';
import { bind } from '../../bind';
import { commanded, createdId } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

bind(asks.note, async (colony, call) => {
  const { id: wanted, ...said } = call.body;
  const id = createdId('/v1/asks/{id}', call, wanted);
  const done = accepted(await colony.asks.note(contextOf(call), id, said));
  return commanded(done, { ask: askAnswer(id, done.state) });
});
