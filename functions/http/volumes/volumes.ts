/** `/v1/volumes`: files that a service keeps, their checkpoints, copies elsewhere, and what they cost. */
import { volumes } from '../../../contract/volumes/volumes';
import { Rejection } from '../../../domain/kernel/decider';
import { bind } from '../../bind';
import { commanded } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { rejected } from '../../edge/problem';
import { accepted } from '../../runtime';

function known<T>(found: T | Rejection): T {
  if (found instanceof Rejection) throw rejected(found);
  return found;
}

bind(volumes.list, async ({ volumes }, { principal: { tenant } }) => ({
  body: { value: known(await volumes.list(tenant)) },
}));

bind(volumes.make, async ({ volumes }, call) => {
  const { level, gibibytes, reason } = call.body;
  const done = accepted(await volumes.make(contextOf(call), { ...call.params, level, gibibytes }, reason));
  return commanded(done, { volume: done.facts });
});

bind(volumes.snapshots, async ({ volumes }, { principal: { tenant }, params }) => ({
  body: { value: known(await volumes.snapshots(tenant, params)) },
}));

bind(volumes.snapshot, async ({ volumes }, call) => {
  const { params, body } = call;
  const done = accepted(await volumes.snapshot(contextOf(call), params, body, body.reason));
  return commanded(done, { snapshot: done.facts });
});

bind(volumes.restore, async ({ volumes }, call) => {
  const { params, body } = call;
  const done = accepted(await volumes.restore(contextOf(call), params, body, body.reason));
  return commanded(done, { volume: done.facts });
});

bind(volumes.move, async ({ volumes }, call) => {
  const { params, body } = call;
  const done = accepted(await volumes.move(contextOf(call), params, body.to, body.reason));
  return commanded(done, { volume: done.facts });
});

bind(volumes.tier, async ({ volumes }, call) => {
  const { params, body } = call;
  const done = accepted(await volumes.tier(contextOf(call), params, body.after_days, body.reason));
  return commanded(done, { volume: done.facts });
});

bind(volumes.replicate, async ({ volumes }, call) => {
  const { params, body } = call;
  const done = accepted(await volumes.replicate(contextOf(call), params, body.pool, body.reason));
  return commanded(done, { volume: done.facts });
});
