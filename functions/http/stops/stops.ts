/** `/v1/stops`: what halts at once, until somebody lifts it. */
import { stopIn } from '../../../app/stops/stops';
import type { Shown } from '../../../contract/route';
import { type Stop, stops } from '../../../contract/stops/stops';
import { bind } from '../../bind';
import { commanded } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

bind(stops.list, async ({ stops }, { principal: { tenant } }) => {
  const { version } = await stops.load(tenant);
  return { body: { value: await stops.concerning(tenant) }, etag: version < 0 ? undefined : version };
});

bind(stops.stop, async ({ stops, stoppedWork }, call) => {
  const { params, body, principal } = call;
  const before = await stoppedWork.of(principal.tenant, params);
  const done = accepted(await stops.stop(contextOf(call), params, body.effect, body.reason));
  const in_flight = await stoppedWork.andOf(before, principal.tenant, params);
  return commanded(done, { stop: stopIn(done.state, params) as Shown<typeof Stop>, in_flight });
});

bind(stops.lift, async ({ stops }, call) => {
  const done = accepted(await stops.lift(contextOf(call), call.params, call.body.reason));
  const left = stopIn(done.state, call.params);
  return commanded(done, { lifted: left === undefined, stop: left });
});
