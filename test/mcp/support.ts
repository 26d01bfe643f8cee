/** A client of MCP that is written by hand, so that it can send what no client would. */
import type { TestHost } from '../support/host';

const REVISION = '2026-07-28';

export interface McpReply {
  readonly status: number;
  readonly headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a test reads back is checked by its expectations
  readonly body: any;
}

export interface McpSent {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What follows `/mcp`. */
  readonly query?: string;
  /** Of the client, as each request declares them. */
  readonly capabilities?: object;
}

/** A message of the newest revision, with the headers that mirror it. */
export function ask(host: TestHost, method: string, params: Record<string, unknown> = {}, sent: McpSent = {}) {
  const { name, uri, taskId } = params as Record<string, string | undefined>;
  const named = name ?? uri ?? taskId;
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': REVISION,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': sent.capabilities ?? {},
    ...(params['_meta'] as object | undefined),
  };
  return post(host, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } }), {
    ...sent,
    headers: {
      'mcp-protocol-version': REVISION,
      'mcp-method': method,
      ...(named !== undefined && { 'mcp-name': named }),
      ...sent.headers,
    },
  });
}

/** A message of a revision that begins with `initialize`. */
export function askOld(host: TestHost, method: string, params: object = {}, sent: McpSent = {}) {
  return post(host, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }), sent);
}

export async function post(host: TestHost, body: string, { token, headers, query = '' }: McpSent): Promise<McpReply> {
  const response = await fetch(`${host.url}/mcp${query}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body,
  });
  const text = await response.text();
  const data = /^data: (.*)$/m.exec(text)?.[1] ?? text;
  return { status: response.status, headers: response.headers, body: data === '' ? undefined : JSON.parse(data) };
}
