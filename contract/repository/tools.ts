/** `/v1/tools`: the registry of tools. What is registered is there for every agent at once. */
import { z } from 'zod';
import {
  MAX_DEPRECATION_REASON,
  MAX_DESCRIPTION,
  MAX_LISTED,
  MAX_NAME,
  SANDBOX_LEVELS,
  TOOL_STATUSES,
} from '../../domain/repository/tool';
import { At, CommandOf, Count, Flag, Found, Id, Text, Timestamp, whole } from '../common';
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
const SandboxLevel = z.enum(SANDBOX_LEVELS).meta({ description: 'What generated code may do' });

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
    version: z
      .string()
      .regex(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/, 'must be MAJOR.MINOR.PATCH')
      .meta({ example: '1.0.0' }),
    code: z.string().optional().meta({ description: 'Source text; without it, it is called elsewhere' }),
    code_ref: z.string().optional().meta({ description: 'Instead of `code`: sha256:<hex> in the blob archive' }),
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
    tags: z.array(Id),
  })
  .meta({ id: 'ToolDefinition', description: 'One version of a tool, whole' });

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
  })
  .meta({ id: 'Tool' });

export const ToolVersion = Tool.omit({ latest: true })
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
});
