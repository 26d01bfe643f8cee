/** `/v1/agents`: registration, presence, the inbox, discovery. */
import { agentAnswer, profileOf } from '../../../app/market/agents';
import { agents } from '../../../contract/market/agents';
import { Rejection } from '../../../domain/kernel/decider';
import { bind } from '../../bind';
import { actingAgent, commanded, existing, listed, madeId } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { rejected } from '../../edge/problem';
import { reachableId } from '../../edge/route';
import { accepted } from '../../runtime';

bind(agents.register, async (colony, call) => {
  const { principal } = call;
  const { id: wanted, ...input } = call.body;
  const acting = actingAgent(call, wanted ?? (principal.kind === 'agent' ? principal.id : `agent-${madeId(call)}`));
  const id = reachableId(agents.get.path, acting);
  const done = accepted(await colony.agents.register(contextOf(call), id, profileOf(input)));
  return commanded(done, { agent: agentAnswer(id, done) }, { location: `/v1/agents/${id}` });
});

bind(agents.put, async (colony, call) => {
  const id = reachableId(agents.get.path, actingAgent(call, call.params.id));
  const done = accepted(await colony.agents.register(contextOf(call), id, profileOf(call.body)));
  return commanded(done, { agent: agentAnswer(id, done) });
});

bind(agents.list, ({ agents }, call) => listed(call, (...asked) => agents.list(...asked)));

bind(agents.get, async (colony, { principal: { tenant }, params: { id }, query: { asOf } }) => {
  const loaded = existing('agent', id, await colony.agents.load(tenant, id, asOf), asOf);
  return { body: agentAnswer(id, loaded), etag: loaded.version };
});

bind(agents.deregister, async (colony, call) => {
  const id = actingAgent(call, call.params.id);
  const done = accepted(await colony.agents.deregister(contextOf(call), id, call.query.reason));
  return commanded(done, { agent: agentAnswer(id, done) });
});

bind(agents.heartbeat, async (colony, call) => {
  const body = await colony.agents.heartbeat(contextOf(call), actingAgent(call, call.params.id), call.body.holding);
  if (body instanceof Rejection) throw rejected(body);
  return { body };
});

bind(agents.inbox, async (colony, call) => {
  const body = await colony.agents.inbox(contextOf(call), actingAgent(call, call.params.id), {
    ...call.query,
    signal: call.query.waitSeconds > 0 ? call.signal : undefined,
  });
  if (body instanceof Rejection) throw rejected(body);
  return { body };
});

bind(agents.connect, async (colony, call) => {
  const body = await colony.inboxPush.connection(contextOf(call), actingAgent(call, call.params.id));
  if (body instanceof Rejection) throw rejected(body);
  return { body };
});
