/** `/v1/retention`: which streams that have ended may be archived, and when. */
import { retention } from '../../../contract/audit/retention';
import { bind } from '../../bind';
import { commanded } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

bind(retention.get, async (colony, { principal }) => {
  const { state, version } = await colony.retention.load(principal.tenant);
  return { body: { days: state.days }, etag: version < 0 ? undefined : version };
});

bind(retention.set, async (colony, call) => {
  const { days } = call.body;
  return commanded(accepted(await colony.retention.set(contextOf(call), days)), { days });
});
