/** The port to servers of MCP: tools that others offer. */
import type { ToolInterface } from '../../domain/repository/tool-interface';

/** A tool of a server, as a tenant's registry names it. */
export interface RemoteTool {
  readonly tenant: string;
  readonly url: string;
  /** The server's name of it. */
  readonly name: string;
}

/**
 * Why a server gave nothing that can be used, in words that hold nothing of what it sent and no secret. `lost`: the
 * request had gone out and no answer came whole, so that it may have been done.
 */
export class ToolServerError extends Error {
  constructor(
    message: string,
    readonly lost = false,
  ) {
    super(message);
  }
}

/** What a tool has answered, bounded, and else as it came. */
export interface RemoteResult {
  readonly content: readonly Readonly<Record<string, unknown>>[];
  readonly structuredContent?: unknown;
  /** The tool says that it has failed. */
  readonly isError: boolean;
}

/** A visit at a server: its tool is looked at, and then perhaps called. */
export interface ToolVisit {
  /** What the server says of the tool now. Rejects with `ToolServerError`, or with the signal's reason. */
  look(): Promise<ToolInterface>;
  /** Calls it, once. Rejects likewise. */
  call(args: Readonly<Record<string, unknown>>): Promise<RemoteResult>;
  /** Leaves nothing open at the server, as far as that can be done within a second. */
  end(): Promise<void>;
}

export interface ToolServers {
  /** Sends nothing yet. What is sent ends when the signal aborts. */
  visit(tool: RemoteTool, signal: AbortSignal): ToolVisit;
}
