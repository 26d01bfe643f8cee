/** `/v1/checkpoints`, `/v1/log`, proofs: the signed log of the tenant. */
import { proofText } from '../../../app/audit/checkpoints';
import { checkpoints } from '../../../contract/audit/checkpoints';
import { Rejection } from '../../../domain/kernel/decider';
import { commitRef, parseCommitRef, streamName } from '../../../domain/kernel/ids';
import { bind } from '../../bind';
import { pageOf } from '../../edge/answers';
import { Problem, rejected } from '../../edge/problem';

bind(checkpoints.make, async (colony, { principal: { tenant } }) => {
  const made = await colony.checkpoints.make(tenant);
  if (made instanceof Rejection) throw rejected(made);
  const { pages: _, ...checkpoint } = made;
  return { body: { checkpoint } };
});

bind(checkpoints.list, async (colony, call) => {
  const { tenant } = call.principal;
  const { limit, continuation } = call.query;
  const found = await colony.checkpoints.list(
    tenant,
    limit,
    continuation === undefined ? undefined : Number(continuation),
  );
  const oldest = parseCommitRef(found.at(-1)?.receipt ?? '')?.index ?? 0;
  const keys = await colony.checkpoints.keys(tenant);
  const value = found.map(({ pages: _, ...checkpoint }) => checkpoint);
  return pageOf(call, value, oldest > 0 ? String(oldest) : undefined, { keys });
});

bind(checkpoints.entries, async (colony, call) => {
  const page = await colony.checkpoints.entries(call.principal.tenant, Number(call.query.continuation ?? 0));
  if (page === undefined) return pageOf(call, [], undefined);
  const { next, ...entries } = page;
  return pageOf(call, [entries], next === undefined ? undefined : String(next));
});

bind(checkpoints.prove, async (colony, { principal: { tenant }, params: { category, id, index } }) => {
  const place = { stream: streamName(tenant, category, id), index: Number(index) };
  const proof = await colony.checkpoints.prove(tenant, place);
  if (proof instanceof Rejection) throw rejected(proof);
  if (proof === undefined)
    throw Problem.of('not-found', `There is no receipt ${commitRef(place.stream, place.index)}.`);
  return { body: proofText(proof), contentType: 'text/plain; charset=utf-8' };
});
