/** `/v1/pauses`: what gets no new work, until somebody says so. */
import { pauses } from '../../../contract/market/pauses';
import { bind } from '../../bind';
import { commanded } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

bind(pauses.list, async (colony, { principal: { tenant } }) => {
  const { state, version } = await colony.pauses.load(tenant);
  const value = Object.values(state.pauses).sort((a, b) => (a.since < b.since ? -1 : 1));
  return { body: { value }, etag: version < 0 ? undefined : version };
});

bind(pauses.pause, async (colony, call) =>
  commanded(accepted(await colony.pauses.pause(contextOf(call), call.params, call.body.reason)), {}),
);

bind(pauses.resume, async (colony, call) =>
  commanded(accepted(await colony.pauses.resume(contextOf(call), call.params)), {}),
);
