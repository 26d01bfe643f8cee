/** A server of MCP made with the official SDK, on a port of this machine: what it was asked, and what it does wrong. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type * as Sdk from '@modelcontextprotocol/server' with { 'resolution-mode': 'import' };

export interface OfferedTool {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: { readonly type: 'object' } & Record<string, unknown>;
  readonly outputSchema?: Record<string, unknown>;
}

export const LINES: OfferedTool = {
  name: 'list_lines',
  description: 'Lists the lines of an account.',
  inputSchema: { type: 'object', properties: { account: { type: 'string' } }, required: ['account'] },
  outputSchema: { type: 'object', properties: { lines: { type: 'integer' } }, required: ['lines'] },
};

/** What reached it. */
export interface Asked {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly params: Readonly<Record<string, unknown>>;
}

type Misdeed = (asked: Asked, response: ServerResponse) => boolean;

export class McpTestServer {
  readonly asked: Asked[] = [];
  tools: readonly OfferedTool[] = [LINES];
  /** The result of a call. */
  result: (args: Readonly<Record<string, unknown>>) => unknown = () => ({
    content: [{ type: 'text', text: '118 lines' }],
    structuredContent: { lines: 118 },
  });
  /** Answers itself, where it says so. */
  misdeed: Misdeed = () => false;
  /** Whether it speaks revisions that begin with `initialize` alone, each client in a session. */
  wantsSessions = false;
  /** Those that are open. */
  readonly sessions = new Map<string, Sdk.WebStandardStreamableHTTPServerTransport>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<McpTestServer> {
    const server = createServer();
    const one = new McpTestServer(server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void one.answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return one;
  }

  get host(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.host}/mcp`;
  }

  /** Arguments of the calls that reached it. */
  get called(): readonly unknown[] {
    return this.asked.filter(({ method }) => method === 'tools/call').map(({ params }) => params['arguments']);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString('utf8');
    const { method, params = {} } = (body === '' ? { method: request.method } : JSON.parse(body)) as Asked;
    const asked = { method, params, headers: request.headers };
    this.asked.push(asked);
    if (this.misdeed(asked, response)) return;
    const sdk = await import('@modelcontextprotocol/server');
    const sent = new Request(this.url, {
      method: request.method,
      headers: request.headers as Record<string, string>,
      ...(body !== '' && { body }),
    });
    const answer = await (this.wantsSessions
      ? this.inSession(sdk, sent)
      : sdk.createMcpHandler(() => this.speaker(sdk)).fetch(sent));
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(await answer.text());
  }

  private async inSession(sdk: typeof Sdk, sent: Request): Promise<Response> {
    const known = this.sessions.get(sent.headers.get('mcp-session-id') ?? '');
    if (known !== undefined) return await known.handleRequest(sent);
    const begun = new sdk.WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void this.sessions.set(id, begun),
      onsessionclosed: (id) => void this.sessions.delete(id),
    });
    await this.speaker(sdk).connect(begun);
    return await begun.handleRequest(sent);
  }

  private speaker(sdk: typeof Sdk): Sdk.McpServer {
    const speaker = new sdk.McpServer({ name: 'ledger', version: '1' }, { capabilities: { tools: {} } });
    const { server } = speaker;
    server.setRequestHandler('tools/list', () => ({ tools: [...this.tools] }));
    server.setRequestHandler('tools/call', ({ params: { arguments: args = {} } }) => this.result(args) as never);
    return speaker;
  }
}
