/** `/v1/tools`: the registry of tools. What is registered is there for every agent at once. */
import { toolAnswer } from '../../../app/repository/registry';
import { toolCallAnswer } from '../../../app/repository/tool-calls';
import { tools } from '../../../contract/repository/tools';
import { bind } from '../../bind';
import { commanded, createdId, existing } from '../../edge/answers';
import { contextOf } from '../../edge/context';
import { Problem } from '../../edge/problem';
import { accepted } from '../../runtime';

bind(tools.register, async (colony, call) => {
  const done = accepted(await colony.tools.register(contextOf(call), call.params.tool_id, call.body));
  return commanded(done, { tool: toolAnswer(done.state) });
});

bind(tools.get, async (colony, { principal: { tenant }, params: { tool_id }, query: { asOf, version: wanted } }) => {
  const { state, version } = existing('tool', tool_id, await colony.tools.load(tenant, tool_id, asOf), asOf);
  const tool = toolAnswer(state);
  if (wanted === undefined) return { body: tool, etag: version };
  const known = tool.versions.some((other) => other.version === wanted);
  const definition = known ? await colony.tools.version(tenant, tool_id, wanted) : undefined;
  if (definition === undefined) throw Problem.of('not-found', `The tool ${tool_id} has no version ${wanted}.`);
  const { latest: _, pin: __, found: ___, ...rest } = tool;
  return { body: { ...rest, definition }, etag: version };
});

bind(tools.search, async (colony, { principal, query: { q, ...query } }) => {
  const { tools: value, complete } = await colony.tools.search(principal.tenant, { ...query, text: q });
  return { body: { value, complete } };
});

bind(tools.deprecate, async (colony, call) => {
  const done = accepted(await colony.tools.deprecate(contextOf(call), call.params.tool_id, call.body));
  return commanded(done, { tool: toolAnswer(done.state) });
});

bind(tools.pin, async (colony, call) => {
  const done = accepted(await colony.toolCalls.pin(contextOf(call), call.params.tool_id, call.body));
  return commanded(done, { tool: toolAnswer(done.state) });
});

bind(tools.call, async (colony, call) => {
  const { tool_id } = call.params;
  const id = createdId(tools.getCall.path, call, call.body.id);
  const done = accepted(await colony.toolCalls.call(contextOf(call), tool_id, id, call.body.arguments));
  return commanded(done, { call: toolCallAnswer(id, done) }, { location: `/v1/tools/${tool_id}/calls/${id}` });
});

bind(tools.getCall, async (colony, { principal: { tenant }, params: { tool_id, id } }) => {
  const loaded = existing('call', id, await colony.toolCalls.load(tenant, id));
  if (loaded.state.call?.tool_id !== tool_id) throw Problem.of('not-found', `There is no call ${id} of ${tool_id}.`);
  return { body: toolCallAnswer(id, loaded), etag: loaded.version };
});
