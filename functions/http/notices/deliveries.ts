/** `/v1/deliveries`: notices on their way to people. */
import type { DeliveryDoc } from '../../../app/notices/deliveries';
import { deliveries } from '../../../contract/notices/deliveries';
import { bind } from '../../bind';
import { commanded, listed } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { accepted } from '../../runtime';

bind(deliveries.dead, ({ deliveries }, call) => listed(call, (tenant, _, ...page) => deliveries.dead(tenant, ...page)));

bind(deliveries.redrive, async (colony, call) => {
  const { delivery_id } = call.params;
  const done = accepted(await colony.deliveries.redrive(contextOf(call), delivery_id));
  const { status, attempts } = done.state;
  return commanded(done, { delivery: { delivery_id, status: status as DeliveryDoc['status'], attempts } });
});
