/** The registry of tools. */
import type {
  Tool as ToolSchema,
  ToolCall as ToolCallSchema,
  ToolInput as ToolInputSchema,
  tools,
  ToolSummary as ToolSummarySchema,
  ToolVersion as ToolVersionSchema,
} from '../contract/repository/tools';
import type { AnswerOf, BodyOf, QueryOf, Sent, Shown } from '../contract/route';
import type { AsOf, CommandOptions, ReadOptions, Session } from './session';

export type ToolInput = Sent<typeof ToolInputSchema>;
export type Tool = Shown<typeof ToolSchema>;
export type ToolVersion = Shown<typeof ToolVersionSchema>;
export type ToolCall = Shown<typeof ToolCallSchema>;
export type ToolSummary = Shown<typeof ToolSummarySchema>;
export type ToolFilter = QueryOf<typeof tools.search>;
export type ToolAnswer = AnswerOf<typeof tools.register>;

/** `/v1/tools` */
export class ToolsApi {
  constructor(private readonly session: Session) {}

  /** Registers a tool, or a higher version of it. */
  register(tool_id: string, body: ToolInput, options?: CommandOptions): Promise<ToolAnswer> {
    return this.session.call<typeof tools.register>('PUT /v1/tools/{tool_id}', { params: { tool_id }, body }, options);
  }

  async get(tool_id: string, { asOf, ...options }: AsOf = {}): Promise<Tool> {
    const request = { params: { tool_id }, query: { asOf } };
    // Without a version it is answered whole.
    return (await this.session.call<typeof tools.get>('GET /v1/tools/{tool_id}', request, options)) as Tool;
  }

  /** One version with its code. */
  async version(tool_id: string, version: string, options?: ReadOptions): Promise<ToolVersion> {
    const request = { params: { tool_id }, query: { version } };
    return (await this.session.call<typeof tools.get>('GET /v1/tools/{tool_id}', request, options)) as ToolVersion;
  }

  search(query: ToolFilter = {}, options?: ReadOptions): Promise<AnswerOf<typeof tools.search>> {
    return this.session.call<typeof tools.search>('GET /v1/tools', { query }, options);
  }

  deprecate(tool_id: string, body: BodyOf<typeof tools.deprecate>, options?: CommandOptions): Promise<ToolAnswer> {
    const request = { params: { tool_id }, body };
    return this.session.call<typeof tools.deprecate>('POST /v1/tools/{tool_id}/deprecate', request, options);
  }

  /** Accepts what a server of MCP says of its tool, by the hash of that, and the version where it is called. */
  pin(tool_id: string, body: BodyOf<typeof tools.pin>, options?: CommandOptions): Promise<ToolAnswer> {
    const request = { params: { tool_id }, body };
    return this.session.call<typeof tools.pin>('POST /v1/tools/{tool_id}/pin', request, options);
  }

  /** Calls a tool of a server of MCP, and waits until that has ended. */
  call(
    tool_id: string,
    body: BodyOf<typeof tools.call>,
    options?: CommandOptions,
  ): Promise<AnswerOf<typeof tools.call>> {
    const request = { params: { tool_id }, body };
    return this.session.call<typeof tools.call>('POST /v1/tools/{tool_id}/calls', request, options);
  }

  /** A call of a tool. */
  getCall(tool_id: string, id: string, options?: ReadOptions): Promise<ToolCall> {
    const request = { params: { tool_id, id } };
    return this.session.call<typeof tools.getCall>('GET /v1/tools/{tool_id}/calls/{id}', request, options);
  }
}
