/** `/v1/actions`: what may be done only when it is cleared. */
import { actionAnswer } from '../../../app/oversight/action-answer';
import type { ActionOutcome } from '../../../app/oversight/actions';
import { actions } from '../../../contract/oversight/actions';
import { bind } from '../../bind';
import { commanded, createdId, existing, listed } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

function answered(id: string, outcome: ActionOutcome, headers?: Readonly<Record<string, string>>) {
  const done = accepted(outcome);
  return commanded(done, { action: actionAnswer(id, done) }, headers);
}

bind(actions.propose, async (colony, call) => {
  const { id: wanted, ...input } = call.body;
  const id = createdId(actions.get.path, call, wanted);
  return answered(id, await colony.actions.propose(contextOf(call), id, input), { location: `/v1/actions/${id}` });
});

bind(actions.list, ({ actions }, call) => listed(call, (...asked) => actions.list(...asked)));

bind(
  actions.get,
  async (colony, { principal: { tenant }, params: { action_id: id }, query: { asOf } }) => {
    const loaded = existing('action', id, await colony.actions.load(tenant, id, asOf), asOf);
    return { body: actionAnswer(id, loaded), etag: loaded.version };
  },
  {
    page: ({ id, status, kind }) => ({
      title: `Action: ${kind} (${status})`,
      commands: [
        `npx formicary actions ${id}`,
        ...(status === 'veto_window' ? [`npx formicary veto ${id} --reason …`] : []),
      ],
    }),
  },
);

bind(actions.execute, async (colony, call) => {
  const { action_id: id } = call.params;
  return answered(id, await colony.actions.execute(contextOf(call), id, call.body));
});

bind(actions.veto, async (colony, call) => {
  const { action_id: id } = call.params;
  return answered(id, await colony.actions.veto(contextOf(call), id, call.body.reason));
});

bind(actions.override, async (colony, call) => {
  const { action_id: id } = call.params;
  const { instead, reason } = call.body;
  return answered(id, await colony.actions.override(contextOf(call), id, instead, reason));
});

bind(actions.compensated, async (colony, call) => {
  const { action_id: id } = call.params;
  return answered(id, await colony.actions.compensated(contextOf(call), id, call.body.ref));
});
