/** `/v1/rounds`: what agents decide together. */
import { roundAnswer, type RoundOutcome } from '../../../app/oversight/rounds';
import { rounds } from '../../../contract/oversight/rounds';
import { Rejection } from '../../../domain/kernel/decider';
import { bind } from '../../bind';
import { commanded, createdId, existing, listed } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { rejected } from '../../edge/problem';
import { accepted } from '../../runtime';

/** What came of a command, with the round as it is then. */
export function answered(id: string, outcome: RoundOutcome, headers?: Readonly<Record<string, string>>) {
  const done = accepted(outcome);
  return commanded(done, { round: roundAnswer(id, done) }, headers);
}

bind(rounds.open, async (colony, call) => {
  const { id: wanted, ...input } = call.body;
  const id = createdId(rounds.get.path, call, wanted);
  return answered(id, await colony.rounds.open(contextOf(call), id, input), { location: `/v1/rounds/${id}` });
});

bind(rounds.list, ({ rounds }, call) => listed(call, (...asked) => rounds.list(...asked)));

bind(rounds.get, async (colony, { principal: { tenant }, params: { round_id: id }, query: { asOf } }) => {
  const loaded = existing('round', id, await colony.rounds.load(tenant, id, asOf), asOf);
  return { body: roundAnswer(id, loaded), etag: loaded.version };
});

bind(rounds.vote, async (colony, call) => {
  const { round_id: id } = call.params;
  const done = accepted(await colony.rounds.vote(contextOf(call), id, call.body));
  const { status, pass, outcome } = roundAnswer(id, done);
  return commanded(done, { round: { id, status, pass, outcome } });
});

bind(rounds.cancel, async (colony, call) => {
  const { round_id: id } = call.params;
  return answered(id, await colony.rounds.cancel(contextOf(call), id, call.body.reason));
});

bind(rounds.override, async (colony, call) => {
  const { round_id: id } = call.params;
  const { choice, reason } = call.body;
  return answered(id, await colony.rounds.override(contextOf(call), id, choice, reason));
});

bind(rounds.tally, async (colony, { principal, params, gone }) => {
  const body = await colony.rounds.recompute(principal.tenant, params.round_id, gone);
  if (body instanceof Rejection) throw rejected(body);
  return { body };
});
