/** `/v1/oversight`: who decides on which kind of action. */
import { allRulesAnswer, rulesAnswer } from '../../../app/oversight/oversight';
import { oversight } from '../../../contract/oversight/oversight';
import { bind } from '../../bind';
import { commanded } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

bind(oversight.list, async (colony, { principal }) => {
  const { state, version } = await colony.oversight.load(principal.tenant);
  return { body: allRulesAnswer(state), etag: version < 0 ? undefined : version };
});

bind(oversight.get, async (colony, { principal, params: { kind } }) => ({
  body: rulesAnswer(kind, await colony.oversight.rules(principal.tenant, kind)),
}));

bind(oversight.set, async (colony, call) => {
  const { kind } = call.params;
  const { rules } = call.body;
  return commanded(accepted(await colony.oversight.configure(contextOf(call), kind, rules)), rulesAnswer(kind, rules));
});
