/** Requests of JSON-RPC at the doors, as an attacker writes them, and what came of them. */
import { type Attempt, tries } from './attempt';
import { type Reply, saidBy, type Sent, speak } from './http';
import type { World } from './world';

const MCP_REVISION = '2026-07-28';
const MCP_TYPES = 'application/json, text/event-stream';

export interface Message {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

const body = ({ method, params }: Message) => ({ jsonrpc: '2.0', id: 1, method, params });

/** A message of MCP in its newest revision, with the headers that mirror it, but for those that are sent. */
export function mcp({ method, params = {} }: Message, { headers, ...sent }: Sent, query = ''): readonly [string, Sent] {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': MCP_REVISION,
    'io.modelcontextprotocol/clientInfo': { name: 'attack', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
    ...(params['_meta'] as object | undefined),
  };
  const named = (params['name'] ?? params['uri'] ?? params['taskId']) as string | undefined;
  const mirrored = {
    accept: MCP_TYPES,
    'mcp-protocol-version': MCP_REVISION,
    'mcp-method': method,
    ...(named !== undefined && { 'mcp-name': named }),
  };
  const json = body({ method, params: { ...params, _meta } });
  return [`/mcp${query}`, { json, ...sent, headers: { ...mirrored, ...headers } }];
}

/** A message of A2A, by JSON-RPC. */
export function a2a(message: Message, { headers, ...sent }: Sent): readonly [string, Sent] {
  return ['/a2a', { json: body(message), ...sent, headers: { 'a2a-version': '1.0', ...headers } }];
}

/** What was answered: as JSON, or as the one event of a stream. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what is read back is compared with what is expected
export function answerOf({ body, text }: Reply): any {
  const [, data] = /^data: (.*)$/m.exec(text) ?? [];
  return body ?? (data === undefined ? {} : JSON.parse(data));
}

const PROBLEM = 'dev.formicary/problem';

/**
 * Of MCP and A2A: `403 forbidden` for what a route has refused, `-32602` or `-32001 TASK_NOT_FOUND` for an error of the
 * protocol, else the status.
 */
function saidByDoor(reply: Reply): string {
  const { error, result } = answerOf(reply) as {
    readonly error?: { readonly code: number; readonly data?: unknown; readonly details?: unknown };
    readonly result?: { readonly _meta?: Readonly<Record<string, unknown>> };
  };
  if (error !== undefined) {
    const [first] = ([error.data, error.details].find(Array.isArray) ?? []) as readonly { readonly reason?: string }[];
    return first?.reason === undefined ? String(error.code) : `${error.code} ${first.reason}`;
  }
  const problem = result?._meta?.[PROBLEM] as { readonly status: number } | undefined;
  return problem === undefined ? saidBy(reply) : saidBy({ status: problem.status, body: problem });
}

/** A request at a door by a name that was bound to the host's address, as a page of that name makes one. */
export function rebound<S>(
  id: string,
  what: string,
  request: (world: World) => readonly [path: string, sent: Sent],
): Attempt<S> {
  return tries<S>(id, what, '421', (world) => {
    const [path, { token, headers, json }] = request(world);
    const text = JSON.stringify(json);
    const shown = { ...headers, authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const lines = Object.entries(shown).map(([name, value]) => `${name}: ${value}`);
    const all = [`POST ${path} HTTP/1.1`, ...lines, `Content-Length: ${text.length}`];
    return speak(world.host.url, all, text, 'rebound.example');
  });
}

/** What comes of a request at a door. */
export async function doorSays(world: World, [path, sent]: readonly [string, Sent]): Promise<string> {
  return saidByDoor(await world.ask(path, sent));
}
