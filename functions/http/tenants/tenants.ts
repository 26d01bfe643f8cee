/** `/v1/tenants`: who has data of its own here, and how much of everything it may have. */
import { tenantAnswer } from '../../../app/tenants/tenants';
import { tenants } from '../../../contract/tenants/tenants';
import type { Rejection } from '../../../domain/kernel/decider';
import { bind } from '../../bind';
import { commanded, existing, listed } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { rejected } from '../../edge/problem';
import { accepted } from '../../runtime';

function throwIf(refused: Rejection | undefined): void {
  if (refused !== undefined) throw rejected(refused);
}

bind(tenants.list, async ({ tenants }, call) => {
  throwIf(tenants.hidden(call.principal.tenant));
  return await listed(call, (_, __, limit, continuation) => tenants.list(limit, continuation));
});

bind(tenants.get, async ({ tenants, tenantBook, market }, { principal, params: { name }, query: { asOf } }) => {
  throwIf(tenants.hidden(principal.tenant, name));
  const found = await tenants.load(name, asOf);
  const { state, version } = tenants.isGiven(principal.tenant, name) ? found : existing('tenant', name, found, asOf);
  const has = {
    agents: market.agentCensus.size(name),
    tasks: market.taskCensus.size(name),
    storage_bytes: await tenantBook.stored(name),
  };
  return {
    body: { ...tenantAnswer(name, state), ...(asOf === undefined ? { has } : {}) },
    etag: version < 0 ? undefined : version,
  };
});

bind(tenants.create, async ({ tenants }, call) => {
  const { params, body } = call;
  const done = accepted(await tenants.create(contextOf(call), params.name, body.limits, body.reason));
  return commanded(done, { tenant: tenantAnswer(params.name, done.state) });
});

bind(tenants.close, async ({ tenants }, call) => {
  const { params, body } = call;
  const done = accepted(await tenants.end(contextOf(call), 'close', params.name, body.reason));
  return commanded(done, { tenant: tenantAnswer(params.name, done.state) });
});

bind(tenants.erase, async ({ personal }, call) => {
  const { params, body } = call;
  const done = accepted(await personal.eraseTenant(contextOf(call), params.name, body.reason));
  return commanded(done, { tenant: tenantAnswer(params.name, done.state) });
});

bind(tenants.limit, async ({ tenants }, call) => {
  const { params, body } = call;
  const done = accepted(await tenants.limit(contextOf(call), params.name, body.limits, body.reason));
  return commanded(done, { tenant: tenantAnswer(params.name, done.state) });
});
