/**
 * `POST /mcp`: the API as tools, for whoever speaks the Model Context Protocol, in its newest revision and in those
 * that begin with `initialize`. Each call is a request of a route: by the caller's own token, under its limits and the
 * policy.
 */
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import type { Level } from '../../../domain/kernel/principal';
import type { Envelope } from '../../edge/entrance';
import { parseJson } from '../../edge/json';
import { takesTasks } from '../../edge/mcp/held';
import { answerMcp, HEADERS } from '../../edge/mcp/server';
import { mostOf, toolsFor, toolsPicked } from '../../edge/mcp/tools';
import { messageBytes } from '../../edge/message';
import { checkOrigin } from '../../edge/origin';
import { Problem } from '../../edge/problem';
import { doorRoute } from '../../edge/route';
import { insufficient, MCP_DOOR, publicUrl } from '../../runtime';

/** Codes of JSON-RPC 2.0, and one of MCP. */
const PARSE_ERROR = -32_700;
const INVALID_REQUEST = -32_600;
const METHOD_NOT_FOUND = -32_601;
const HEADER_MISMATCH = -32_020;

/** Methods of the extension for tasks, whose `Mcp-Name` is the task. */
const MIRRORED: ReadonlySet<string> = new Set(['tasks/get', 'tasks/update', 'tasks/cancel']);

const check = ({ header }: Envelope) => checkOrigin(header, publicUrl());

doorRoute('mcp', MCP_DOOR, ['POST'], check, async (request, caller) => {
  const tools = toolsPicked(request.query.get('tools'));
  const read = await messageOf(request, mostOf(toolsFor(tools, caller.level)));
  if ('refused' in read) return read.refused;
  const needs = (level: Level) => insufficient(caller, level, MCP_DOOR);
  return await answerMcp(
    { caller, tools, request, takesTasks: takesTasks(read.message), insufficient: needs },
    read.message,
  );
});

type Read = { readonly message: Readonly<Record<string, unknown>> } | { readonly refused: HttpResponseInit };

/**
 * The one message of a request.
 *
 * @param most bytes that it may have
 */
async function messageOf(request: HttpRequest, most: number): Promise<Read> {
  const bytes = await messageBytes(request, most);
  let message: unknown;
  try {
    message = parseJson(bytes);
  } catch (error) {
    if (error instanceof Problem) return { refused: rpcError(400, PARSE_ERROR, error.message, null) };
    throw error;
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message))
    return { refused: rpcError(400, INVALID_REQUEST, 'Send one message: batches are not taken.', null) };
  const { method, id = null, params } = message as Readonly<Record<'method' | 'id' | 'params', unknown>>;
  // A stream that nobody writes to would stand open for nothing: nothing here changes without being asked.
  if (method === 'subscriptions/listen')
    return { refused: rpcError(404, METHOD_NOT_FOUND, 'There is nothing to listen to: ask again instead.', id) };
  const { taskId } = (params ?? {}) as { readonly taskId?: unknown };
  // The extension mirrors it; of the protocol's own methods the SDK sees to that.
  if (typeof method === 'string' && MIRRORED.has(method) && request.headers.get('mcp-name') !== taskId)
    return { refused: rpcError(400, HEADER_MISMATCH, 'Mcp-Name is another task than taskId.', id) };
  return { message: message as Readonly<Record<string, unknown>> };
}

function rpcError(status: number, code: number, message: string, id: unknown): HttpResponseInit {
  return { status, jsonBody: { jsonrpc: '2.0', id, error: { code, message } }, headers: HEADERS };
}
