/** `/v1/tools`: the registry of tools (row 8.3). What is registered is there for every agent at once. */
import { z } from 'zod';
import { SANDBOX_LEVELS } from '../../../app/repository/registry';
import { contextOf } from '../../edge/context';
import { Problem } from '../../edge/problem';
import { route } from '../../edge/route';
import { commandAnswer, existing, Id, OpenObject, Receipt, Text, Timestamp, whole } from '../../edge/schemas';
import { accepted, runtime } from '../../runtime';

const TAGS = ['Tools'];
const Params = z.object({ tool_id: Id });
const ToolOut = OpenObject.meta({ id: 'Tool' });

const ToolInput = z
  .strictObject({
    tool_name: Text(128),
    description: Text(4_000),
    schema: z.record(z.string(), z.unknown()).meta({ description: 'JSON Schema of the arguments' }),
    sandbox_level: z.enum(SANDBOX_LEVELS).default('restricted'),
    api_name: Text(128).optional(),
    operations: z.array(Id).max(200).default([]),
    owner: Id.optional().meta({ description: 'By default the caller' }),
    version: z.string().regex(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/, 'must be MAJOR.MINOR.PATCH'),
    code: z.string().optional(),
    code_ref: z.string().optional(),
    tags: z.array(Id).max(200).default([]),
  })
  .meta({ id: 'ToolInput' });

route({
  name: 'registerTool',
  method: 'PUT',
  path: '/v1/tools/{tool_id}',
  summary: 'Register a tool, or a higher version of it',
  tags: TAGS,
  needs: 'read_write',
  params: Params,
  body: ToolInput,
  responses: { 200: { description: 'Registered', schema: z.object({ receipt: Receipt, tool: ToolOut }) } },
  async handler(call) {
    const { colony } = await runtime();
    const done = accepted(
      await colony.tools.register(contextOf(call), call.params.tool_id, {
        ...call.body,
        owner: call.body.owner ?? call.principal.id,
      }),
    );
    return commandAnswer(done, { tool: done.state });
  },
});

route({
  name: 'getTool',
  method: 'GET',
  path: '/v1/tools/{tool_id}',
  summary: 'Read a tool, now, as it was, or one of its versions',
  tags: TAGS,
  needs: 'read_only',
  params: Params,
  query: z.object({ asOf: Timestamp.optional(), version: Text(64).optional() }),
  responses: { 200: { description: 'The tool', schema: ToolOut } },
  async handler(call) {
    const { colony } = await runtime();
    const { tool_id } = call.params;
    const { tenant } = call.principal;
    const { asOf } = call.query;
    const { state, version } = existing('tool', tool_id, await colony.tools.load(tenant, tool_id, asOf), asOf);
    if (call.query.version === undefined) return { status: 200, body: state, etag: version };
    const known = state.versions.some((other) => other.version === call.query.version);
    const definition = known ? await colony.tools.version(tenant, tool_id, call.query.version) : undefined;
    if (definition === undefined)
      throw Problem.of('not-found', `The tool ${tool_id} has no version ${call.query.version}.`);
    return { status: 200, body: { ...state, latest: undefined, definition }, etag: version };
  },
});

route({
  name: 'searchTools',
  method: 'GET',
  path: '/v1/tools',
  summary: 'Find tools by API, operation and words',
  tags: TAGS,
  needs: 'read_only',
  query: z.object({
    q: Text(200).optional(),
    api_name: Text(128).optional(),
    operation: Id.optional(),
    deprecated: z.enum(['true', 'false']).default('false'),
    limit: whole(1, 1_000, 100),
  }),
  responses: { 200: { description: 'Tools', schema: z.object({ value: z.array(ToolOut), complete: z.boolean() }) } },
  async handler(call) {
    const { colony } = await runtime();
    const { q, deprecated, ...rest } = call.query;
    const { tools, complete } = await colony.tools.search(call.principal.tenant, {
      ...rest,
      text: q,
      deprecated: deprecated === 'true',
    });
    return { status: 200, body: { value: tools, complete } };
  },
});

route({
  name: 'deprecateTool',
  method: 'POST',
  path: '/v1/tools/{tool_id}/deprecate',
  summary: 'Say that a tool should not be used any more',
  tags: TAGS,
  needs: 'read_write',
  params: Params,
  body: z.strictObject({ reason: Text(1_000), replacement: Id.optional() }),
  responses: { 200: { description: 'Deprecated', schema: z.object({ receipt: Receipt, tool: ToolOut }) } },
  async handler(call) {
    const { colony } = await runtime();
    const done = accepted(await colony.tools.deprecate(contextOf(call), call.params.tool_id, call.body));
    return commandAnswer(done, { tool: done.state });
  },
});
