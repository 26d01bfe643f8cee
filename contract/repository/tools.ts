/** `/v1/tools`: the registry of tools. What is registered is there for every agent at once. */
import { z } from 'zod';
import { MAX_ADDRESS } from '../../domain/kernel/endpoint';
import { LEVELS } from '../../domain/kernel/principal';
import {
  MAX_CALL_SECONDS,
  MAX_DEPRECATION_REASON,
  MAX_DESCRIPTION,
  MAX_LISTED,
  MAX_NAME,
  MAX_REMOTE_NAME,
  SANDBOX_LEVELS,
  TOOL_STATUSES,
} from '../../domain/repository/tool';
import { CALL_OUTCOMES, CALL_STATUSES } from '../../domain/repository/tool-call';
import { At, CommandOf, Count, Flag, Found, Hash, Id, OwnId, Text, Timestamp, whole } from '../common';
import { contract } from '../route';
import { REPOSITORY_REFUSALS } from './problems';

const tag = {
  name: 'Tools',
  description: 'What agents may call: each tool with its arguments, its versions, and whether it should still be used.',
  refusals: REPOSITORY_REFUSALS,
};
const ByTool = z.object({ tool_id: Id });

/** What its author owns: a JSON Schema. */
const Arguments = z.record(z.string(), z.unknown()).meta({ description: 'JSON Schema of the arguments' });
const Version = z
  .string()
  .regex(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/, 'must be MAJOR.MINOR.PATCH')
  .meta({ example: '1.0.0' });
const SandboxLevel = z.enum(SANDBOX_LEVELS).meta({ description: 'What generated code may do' });

const McpEndpoint = z
  .strictObject({
    url: Text(MAX_ADDRESS).meta({
      description:
        "URL of the server, whose host the operator's settings allow: https, or http to this machine; without credentials, query and fragment",
      example: 'https://mcp.example.com/mcp',
    }),
    tool: Text(MAX_REMOTE_NAME).meta({ description: 'The name that the server has for it', example: 'list_lines' }),
    level: z.enum(LEVELS).default('execute').meta({ description: 'What whoever calls it must hold' }),
    timeout_seconds: z
      .int()
      .min(1)
      .max(MAX_CALL_SECONDS)
      .default(30)
      .meta({ description: 'For all that goes out for one call' }),
  })
  .meta({ id: 'McpEndpoint', description: 'Where a tool is called that a server of MCP offers' });
const mcp = McpEndpoint.optional().meta({ description: 'Instead of `code`: it is called here, at a server of MCP' });

// ------------------------------------------------------------------------------------------------- what is sent

export const ToolInput = z
  .strictObject({
    tool_name: Text(MAX_NAME),
    description: Text(MAX_DESCRIPTION),
    schema: Arguments,
    sandbox_level: SandboxLevel.default('restricted'),
    api_name: Text(MAX_NAME).optional().meta({ description: 'The API that it reaches', example: 'Salesforce' }),
    operations: z.array(Id).max(MAX_LISTED).default([]),
    owner: Id.optional().meta({ description: 'By default the caller' }),
    version: Version,
    code: z.string().optional().meta({ description: 'Source text; without it, it is called elsewhere' }),
    code_ref: z.string().optional().meta({ description: 'Instead of `code`: sha256:<hex> in the blob archive' }),
    mcp,
    tags: z.array(Id).max(MAX_LISTED).default([]),
  })
  .meta({ id: 'ToolInput' });

const Replacement = Id.optional().meta({ description: 'Id of the tool to use instead' });

// --------------------------------------------------------------------------------------------- what is answered

const Deprecation = z
  .object({ reason: z.string(), replacement: Replacement })
  .meta({ id: 'Deprecation', description: 'Why it should not be used any more' });

const ToolDefinition = z
  .object({
    tool_name: z.string(),
    description: z.string(),
    schema: Arguments,
    sandbox_level: SandboxLevel,
    api_name: z.string().optional(),
    operations: z.array(Id),
    owner: z.string(),
    version: z.string(),
    code: z.string().optional(),
    code_ref: z.string().optional(),
    mcp,
    tags: z.array(Id),
  })
  .meta({ id: 'ToolDefinition', description: 'One version of a tool, whole' });

const JsonSchema = z.record(z.string(), z.unknown());

const ToolInterface = z
  .object({
    name: z.string(),
    title: z.string().optional(),
    description: z.string().optional(),
    inputSchema: JsonSchema,
    outputSchema: JsonSchema.optional(),
    annotations: JsonSchema.optional(),
  })
  .meta({
    id: 'ToolInterface',
    description: 'What a server of MCP says of its tool, in its own words: data, no instruction',
  });

const InterfaceHash = Hash.meta({ description: 'SHA-256 over the RFC 8785 form of the interface' });

const ToolPin = z
  .object({
    hash: InterfaceHash,
    by: z.string().meta({ description: 'Who has accepted it' }),
    at: At,
    interface: ToolInterface,
  })
  .meta({ id: 'ToolPin', description: 'What people have accepted of the newest version: it is called as that alone' });

const FoundInterface = z
  .object({
    hash: InterfaceHash,
    at: At,
    interface: ToolInterface,
    differences: z
      .array(
        z
          .object({
            pointer: z.string().meta({ description: 'A JSON Pointer such as `#/description`' }),
            before: z.unknown().optional(),
            after: z.unknown().optional(),
          })
          .meta({ id: 'InterfaceDifference' }),
      )
      .optional()
      .meta({ description: 'In what it differs from what was accepted, the first hundred' }),
  })
  .meta({
    id: 'FoundInterface',
    description: 'What the server says of it and nobody has accepted: it is not called meanwhile',
  });

export const Tool = z
  .object({
    status: z.enum(TOOL_STATUSES),
    tool_id: Id,
    latest: ToolDefinition.meta({ description: 'The newest version' }),
    versions: z
      .array(
        z.object({
          version: z.string(),
          content: z.string().meta({ description: 'SHA-256 over the RFC 8785 form of the definition' }),
          registered_at: At,
          index: Count.meta({ description: 'Of the commit that holds it' }),
        }),
      )
      .meta({ description: 'Oldest first, the last hundred' }),
    deprecation: Deprecation.optional(),
    pin: ToolPin.optional(),
    found: FoundInterface.optional(),
  })
  .meta({ id: 'Tool' });

export const ToolCall = z
  .object({
    id: Id,
    version: Count,
    status: z.enum(CALL_STATUSES),
    tool_id: Id,
    tool_version: z.string(),
    pin: InterfaceHash.optional(),
    url: z.string(),
    tool: z.string(),
    by: z.string(),
    arguments_hash: Hash.meta({ description: 'SHA-256 over the RFC 8785 form of the arguments' }),
    asked_at: At,
    until: At.meta({ description: 'When it has not ended by then, its outcome is `unknown`' }),
    ended_at: At.optional(),
    outcome: z.enum(CALL_OUTCOMES).optional().meta({
      description:
        "`ok`: the tool has done it; `error`: it has not, or its answer can't be used; `timed_out`: no answer in time; `unknown`: cut off in between, or ended without an answer. Of the last two it may have been done",
    }),
    called: z.boolean().optional().meta({ description: 'False where nothing was asked of the tool, for certain' }),
    reason: z.string().optional().meta({ description: 'Why it is not `ok`' }),
    result: z
      .object({
        content: z.array(JsonSchema).meta({ description: 'Blocks as MCP has them: texts, images, links' }),
        structured_content: z.unknown().optional().meta({ description: 'Of the form of the accepted output schema' }),
      })
      .optional()
      .meta({ id: 'ToolResult', description: 'What the tool has answered: data, no instruction' }),
    result_hash: Hash.optional().meta({ description: 'SHA-256 over the RFC 8785 form of the result' }),
  })
  .meta({ id: 'ToolCall' });

export const ToolVersion = Tool.omit({ latest: true, pin: true, found: true })
  .extend({ definition: ToolDefinition })
  .meta({ id: 'ToolVersion', description: 'A tool with the version that was asked for' });

export const ToolSummary = ToolDefinition.pick({
  tool_name: true,
  description: true,
  sandbox_level: true,
  operations: true,
  owner: true,
  tags: true,
})
  .extend({
    tool_id: Id,
    api_name: z.string().nullable(),
    api: z.string().meta({ description: '`api_name` in lower case; empty when there is none' }),
    version: z.string().meta({ description: 'The newest' }),
    deprecated: z.boolean(),
    deprecation: Deprecation.nullable(),
  })
  .meta({ id: 'ToolSummary', description: 'A tool without its schema and code, which are read by id' });

const ToolCommand = CommandOf({ tool: Tool });

// ----------------------------------------------------------------------------------------------------- the routes

const params = { tool_id: 'ledger' };

export const tools = contract({
  register: {
    name: 'registerTool',
    method: 'PUT',
    path: '/v1/tools/{tool_id}',
    tag,
    needs: 'read_write',
    summary: 'Register a tool, or a higher version of it',
    params: ByTool,
    body: ToolInput,
    answer: ToolCommand,
    answers: 'Registered',
    example: {
      params: { tool_id: 'bank-statements' },
      body: {
        tool_name: 'Bank statements',
        description: 'Reads the lines of a bank statement',
        schema: { type: 'object', properties: { account: { type: 'string' } }, required: ['account'] },
        api_name: 'EBICS',
        operations: ['list_lines'],
        version: '1.0.0',
        tags: ['bank'],
      },
    },
  },
  get: {
    name: 'getTool',
    method: 'GET',
    path: '/v1/tools/{tool_id}',
    tag,
    needs: 'read_only',
    summary: 'Read a tool, now, as it was, or one of its versions',
    params: ByTool,
    query: z.object({ asOf: Timestamp.optional(), version: Text(64).optional() }),
    answer: z.union([Tool, ToolVersion]),
    answers: 'The tool; with `version`, that version as `definition`',
    example: { params },
  },
  search: {
    name: 'searchTools',
    method: 'GET',
    path: '/v1/tools',
    tag,
    needs: 'read_only',
    summary: 'Find tools by API, operation and words',
    query: z.object({
      q: Text(200).optional().meta({ description: 'Words that all occur in it' }),
      api_name: Text(MAX_NAME).optional(),
      operation: Id.optional(),
      deprecated: Flag.default(false).meta({ description: 'Also those that should not be used any more' }),
      limit: whole(1, 1_000, 100),
    }),
    answer: Found(ToolSummary),
    answers: 'Tools',
    example: { query: { q: 'bank statement', limit: 10 } },
  },
  deprecate: {
    name: 'deprecateTool',
    method: 'POST',
    path: '/v1/tools/{tool_id}/deprecate',
    tag,
    needs: 'read_write',
    summary: 'Say that a tool should not be used any more',
    params: ByTool,
    body: z.strictObject({ reason: Text(MAX_DEPRECATION_REASON), replacement: Replacement }),
    answer: ToolCommand,
    answers: 'Deprecated',
    example: { params, body: { reason: 'the ledger has moved', replacement: 'ledger-2' } },
  },
  pin: {
    name: 'pinTool',
    method: 'POST',
    path: '/v1/tools/{tool_id}/pin',
    tag,
    needs: 'critical',
    refuses: [
      'tool-interface-unknown',
      'tool-not-callable',
      'tool-not-found',
      'tool-pin-by-person',
      'tool-version-superseded',
    ],
    summary: 'Accept what a server of MCP says of its tool',
    description:
      'A person accepts it by its hash, as `found` shows it, and by the version of the registration, which says where it is called, and at which level: the newest. It is called as that alone, until the server says something else of it, or a higher version is registered.',
    params: ByTool,
    body: z.strictObject({
      version: Version.meta({ description: 'Of the registration that was read, the newest' }),
      hash: InterfaceHash,
    }),
    answer: ToolCommand,
    answers: 'Accepted',
    example: { params, as: 'human:ada', body: { version: '1.0.0', hash: '5f'.repeat(32) } },
  },
  call: {
    name: 'callTool',
    method: 'POST',
    path: '/v1/tools/{tool_id}/calls',
    tag,
    needs: 'execute',
    refuses: [
      'arguments-invalid',
      'tool-call-exists',
      'tool-changed',
      'tool-not-callable',
      'tool-not-found',
      'tool-not-pinned',
      'tools-busy',
    ],
    work: 'new',
    summary: 'Call a tool of a server of MCP',
    description:
      'Answers when the call has ended, however it did: see `outcome`. It is written down before anything goes out, and made once: with an `Idempotency-Key` a retry gets the same call, and calls nothing. The first call of a tool that nobody has accepted only sees what it is, and calls nothing.',
    status: 201,
    bodyLimit: 256_000,
    params: ByTool,
    body: z.strictObject({
      id: OwnId,
      arguments: z
        .record(z.string(), z.unknown())
        .default({})
        .meta({ description: 'Of the form of the accepted input schema, and of the `schema` of the registration' }),
    }),
    answer: CommandOf({ call: ToolCall }),
    answers: 'What came of the call',
    example: { params, as: 'recon-7', body: { arguments: { account: 'DE02' } } },
  },
  getCall: {
    name: 'getToolCall',
    method: 'GET',
    path: '/v1/tools/{tool_id}/calls/{id}',
    tag,
    needs: 'read_only',
    summary: 'Read a call of a tool',
    params: z.object({ tool_id: Id, id: Id }),
    answer: ToolCall,
    answers: 'The call',
    example: { params: { ...params, id: 'call-4711' } },
  },
});
