/**
 * Servers of MCP over HTTPS, of the revision that keeps nothing between two requests. Only hosts that the operator
 * names are reached, by the same guard as webhooks; no token of a caller goes there, and of what comes back nothing is
 * followed: no redirect, no demand for credentials, input or a model, no stream beyond the one answer.
 */
import type { IncomingMessage } from 'node:http';
import type { Secrets } from '../../app/engine/ports';
import {
  type RemoteResult,
  type RemoteTool,
  ToolServerError,
  type ToolServers,
  type ToolVisit,
} from '../../app/engine/ports-tools';
import { JsonError, readJson } from '../../domain/kernel/json';
import { interfaceOf, type ToolInterface } from '../../domain/repository/tool-interface';
import { GuardedHttp, type GuardSettings, Refusal } from './guarded';

const REVISION = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': REVISION,
  'io.modelcontextprotocol/clientInfo': { name: 'formicary', version: '1' },
  // Nothing that a server could ask for is offered.
  'io.modelcontextprotocol/clientCapabilities': {},
};
/** More of an answer is not read, in bytes. */
const MAX_LIST_BYTES = 1024 * 1024;
const MAX_RESULT_BYTES = 256 * 1024;
/** Pages of its list in which the tool is looked for. */
const MAX_PAGES = 20;
/** What Node says where not even a connection was there. */
const NOT_SENT: readonly unknown[] = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];

type Fields = Readonly<Record<string, unknown>>;

/** Which hosts are reached, and the reference of the secret that each is shown, such as `env:CRM`; if any. */
export type McpHosts = ReadonlyMap<string, string | undefined>;

export class McpServers implements ToolServers {
  private readonly http: GuardedHttp;

  /** @param hosts as URLs name them, with the port where it is not the usual one */
  constructor(
    guard: GuardSettings,
    private readonly hosts: McpHosts,
    private readonly secrets: Secrets,
  ) {
    this.http = new GuardedHttp(guard);
  }

  visit(tool: RemoteTool, signal: AbortSignal): ToolVisit {
    return {
      look: () => this.look(tool, signal),
      call: (args) => this.call(tool, args, signal),
    };
  }

  private async look(tool: RemoteTool, signal: AbortSignal): Promise<ToolInterface> {
    let cursor: unknown;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const params = cursor === undefined ? {} : { cursor };
      const { tools, nextCursor } = await this.ask(
        tool,
        { method: 'tools/list', params, most: MAX_LIST_BYTES },
        signal,
      );
      if (!Array.isArray(tools)) throw new ToolServerError('the server lists no tools');
      const listed = tools.find((one: unknown) => isFields(one) && one['name'] === tool.name) as Fields | undefined;
      if (listed !== undefined) {
        const found = interfaceOf(listed);
        if (typeof found === 'string') throw new ToolServerError(`the tool of the server ${found}`);
        return found;
      }
      if (typeof nextCursor !== 'string') break;
      cursor = nextCursor;
    }
    throw new ToolServerError('the server lists no tool of that name');
  }

  private async call(tool: RemoteTool, args: Fields, signal: AbortSignal): Promise<RemoteResult> {
    const params = { name: tool.name, arguments: args };
    const {
      content = [],
      structuredContent,
      isError,
    } = await this.ask(tool, { method: 'tools/call', params, named: tool.name, most: MAX_RESULT_BYTES }, signal);
    if (!Array.isArray(content) || !content.every((block) => isFields(block) && typeof block['type'] === 'string'))
      throw new ToolServerError('the result is none: its content is no list of blocks');
    return { content: content as readonly Fields[], structuredContent, isError: isError === true };
  }

  /** The result of one request. */
  private async ask({ tenant, url }: RemoteTool, request: Request, signal: AbortSignal): Promise<Fields> {
    const { method, params, named, most } = request;
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'accept-encoding': 'identity',
      'user-agent': 'Formicary',
      'mcp-protocol-version': REVISION,
      'mcp-method': method,
      ...(named !== undefined && { 'mcp-name': headerOf(named) }),
      ...(await this.credentials(tenant, url)),
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: ID, method, params: { ...params, _meta: META } });
    try {
      const response = await this.http.post({ url, headers, body, signal });
      try {
        checkHead(response);
        return resultIn(await messageIn(response, most));
      } finally {
        response.destroy();
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw asServerError(error);
    }
  }

  private async credentials(tenant: string, url: string): Promise<Readonly<Record<string, string>>> {
    const { host } = new URL(url);
    if (!this.hosts.has(host))
      throw new ToolServerError(`${host} is not among the hosts of FORMICARY_MCP_HOSTS: nothing was sent`);
    const reference = this.hosts.get(host);
    if (reference === undefined) return {};
    const secret = await this.secrets.get(tenant, reference);
    if (secret === undefined)
      throw new ToolServerError(`the tenant has no secret ${reference}, which ${host} is shown: nothing was sent`);
    return { authorization: `Bearer ${secret}` };
  }
}

/** One request a connection. */
const ID = 1;

interface Request {
  readonly method: string;
  readonly params: Fields;
  /** What the request names, for those who look at the headers alone. */
  readonly named?: string;
  /** Bytes of its answer, at most. */
  readonly most: number;
}

function checkHead({ statusCode = 0, headers }: IncomingMessage): void {
  if (statusCode >= 300 && statusCode < 400)
    throw new ToolServerError(`the server sends elsewhere (${statusCode}), where nobody goes`);
  if (statusCode === 401 || statusCode === 403)
    throw new ToolServerError(`the server asks for credentials (${statusCode}): the operator's settings give them`);
  // A gateway that gave up does not know either, and what was taken in without an answer may be done later.
  const isLost = statusCode >= 500 || statusCode < 300;
  if (statusCode !== 200) throw new ToolServerError(`the server answered ${statusCode}`, isLost);
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') throw new ToolServerError('the answer is compressed, which nobody has asked for');
}

/** The message that answers, out of a body or a stream of events. */
async function messageIn(response: IncomingMessage, most: number): Promise<Fields> {
  const isStream = /^text\/event-stream\b/i.test(response.headers['content-type'] ?? '');
  for await (const text of isStream ? eventsOf(response, most) : bodyOf(response, most)) {
    const message = readJson(text);
    if (isFields(message) && message['id'] === ID && !('method' in message)) return message;
    // What a stream tells or asks meanwhile has no answer.
  }
  throw new ToolServerError('the answer ended without an answer to the request', true);
}

async function* bodyOf(response: IncomingMessage, most: number): AsyncGenerator<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of bounded(response, most)) chunks.push(chunk);
  yield Buffer.concat(chunks);
}

/** The data of each event, once it is whole. */
async function* eventsOf(response: IncomingMessage, most: number): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let begun: string[] = [];
  let data: string[] = [];
  for await (const chunk of bounded(response, most)) {
    const [first = '', ...more] = decoder.decode(chunk, { stream: true }).split('\n');
    begun.push(first);
    for (const next of more) {
      const line = begun.join('').replace(/\r$/, '');
      begun = [next];
      if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''));
      if (line !== '') continue;
      if (data.some((part) => part !== '')) yield data.join('\n');
      data = [];
    }
  }
}

async function* bounded(response: IncomingMessage, most: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > most) throw new ToolServerError(`the answer has more than ${most} bytes`);
    yield chunk;
  }
}

function resultIn({ result, error }: Fields): Fields {
  if (isFields(error)) {
    const { code } = error;
    throw new ToolServerError(`the server refuses it${Number.isSafeInteger(code) ? ` (error ${String(code)})` : ''}`);
  }
  if (!isFields(result)) throw new ToolServerError('the answer has neither a result nor an error');
  if ((result['resultType'] ?? 'complete') !== 'complete')
    throw new ToolServerError('the server wants more than arguments, which nobody gives');
  return result;
}

function asServerError(error: unknown): ToolServerError {
  if (error instanceof ToolServerError) return error;
  if (error instanceof Refusal) return new ToolServerError(error.message);
  if (error instanceof JsonError && error.fault.kind === 'value')
    return new ToolServerError('the answer is no JSON that can be kept');
  // Also bytes that are no UTF-8. Somebody in between may have cut it.
  if (error instanceof JsonError || error instanceof TypeError)
    return new ToolServerError('the answer is no JSON, or not all of it', true);
  const { code } = error as NodeJS.ErrnoException;
  return new ToolServerError(`the connection failed: ${code ?? 'unknown'}`, !NOT_SENT.includes(code));
}

/** A value of a header; what is not plain, as the specification has it. */
function headerOf(text: string): string {
  const isPlain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.startsWith('=?');
  return isPlain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
