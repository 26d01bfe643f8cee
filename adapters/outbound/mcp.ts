/**
 * Servers of MCP over HTTPS: of the revision that keeps nothing between two requests, and where that is refused, of
 * those that begin with `initialize`, with a session for one visit. Only hosts that the operator names are reached, by
 * the same guard as webhooks; no token of a caller goes there, and of what comes back nothing is followed: no redirect,
 * no demand for credentials, input or a model, no stream beyond the one answer.
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
/** Of those that begin with `initialize`; the first is asked for. */
const SESSION_REVISIONS: readonly unknown[] = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'];
const CLIENT = { name: 'formicary', version: '1' };
// Nothing that a server could ask for is offered.
const CAPABILITIES = {};
const META = {
  'io.modelcontextprotocol/protocolVersion': REVISION,
  'io.modelcontextprotocol/clientInfo': CLIENT,
  'io.modelcontextprotocol/clientCapabilities': CAPABILITIES,
};
/** More of an answer is not read, in bytes. */
const MAX_LIST_BYTES = 1024 * 1024;
const MAX_RESULT_BYTES = 256 * 1024;
/** Pages of its list in which the tool is looked for. */
const MAX_PAGES = 20;
/** What begins a session, in bytes, and the name of a session, in characters. */
const MAX_BEGIN_BYTES = 64 * 1024;
const SESSION_NAME = /^[\x21-\x7e]{1,1000}$/;
/** For so long the end of a session is waited for. */
const END_MS = 1_000;
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
    return new Visit(this.http, tool, signal, () => this.credentials(tool));
  }

  private async credentials({ tenant, url }: RemoteTool): Promise<Headers> {
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

type Headers = Readonly<Record<string, string>>;

/** With a server that begins with `initialize`, what goes with each request from then on. */
type Session = Headers;

class Visit implements ToolVisit {
  private session: Session | undefined;
  /** What names the session that the server has opened, also where the greeting fails later. */
  private opened: Session | undefined;

  /** @param credentials what the server is shown; rejects where it may not be asked at all */
  constructor(
    private readonly http: GuardedHttp,
    private readonly tool: RemoteTool,
    private readonly signal: AbortSignal,
    private readonly credentials: () => Promise<Headers>,
  ) {}

  async look(): Promise<ToolInterface> {
    try {
      return await this.found();
    } catch (error) {
      if (!(error instanceof RefusedByServer)) throw error;
    }
    // Who does not know the revision has to be greeted first.
    this.session = await this.begun();
    return await this.found();
  }

  async call(args: Fields): Promise<RemoteResult> {
    const { name } = this.tool;
    const asked = { method: 'tools/call', params: { name, arguments: args }, named: name, most: MAX_RESULT_BYTES };
    const { content = [], structuredContent, isError } = await this.ask(asked);
    if (!Array.isArray(content) || !content.every((block) => isFields(block) && typeof block['type'] === 'string'))
      throw new ToolServerError('the result is none: its content is no list of blocks');
    return { content: content as readonly Fields[], structuredContent, isError: isError === true };
  }

  async end(): Promise<void> {
    if (this.opened === undefined) return;
    const headers = { ...this.opened, ...this.session };
    const ended = this.send(headers, { method: 'DELETE', body: '' }, AbortSignal.timeout(END_MS), () => undefined);
    // Who is not told lets the session go by itself in the end.
    await ended.catch(() => undefined);
  }

  private async found(): Promise<ToolInterface> {
    let cursor: unknown;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const params = cursor === undefined ? {} : { cursor };
      const { tools, nextCursor } = await this.ask({ method: 'tools/list', params, most: MAX_LIST_BYTES });
      if (!Array.isArray(tools)) throw new ToolServerError('the server lists no tools');
      const listed = tools.find((one: unknown) => isFields(one) && one['name'] === this.tool.name) as
        Fields | undefined;
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

  /** Agrees on a revision that begins with `initialize`. */
  private async begun(): Promise<Session> {
    const params = { protocolVersion: SESSION_REVISIONS[0], capabilities: CAPABILITIES, clientInfo: CLIENT };
    const session = await this.post({}, { id: ID, method: 'initialize', params }, async (response) => {
      const { 'mcp-session-id': name } = response.headers;
      if (name !== undefined && !(typeof name === 'string' && SESSION_NAME.test(name)))
        throw new ToolServerError('the server gives its session a name that is none');
      // From here on it is open, whatever follows.
      if (name !== undefined) this.opened = { 'mcp-session-id': name };
      const { protocolVersion } = resultIn(await messageIn(response, MAX_BEGIN_BYTES));
      if (!SESSION_REVISIONS.includes(protocolVersion))
        throw new ToolServerError('the server speaks no revision that is spoken here');
      return { 'mcp-protocol-version': protocolVersion as string, ...this.opened };
    });
    await this.post(session, { method: 'notifications/initialized' }, () => undefined);
    return session;
  }

  /** The result of one request. */
  private async ask({ method, params, named, most }: Request): Promise<Fields> {
    const read = async (response: IncomingMessage) => resultIn(await messageIn(response, most));
    if (this.session !== undefined) return await this.post(this.session, { id: ID, method, params }, read);
    const headers = {
      'mcp-protocol-version': REVISION,
      'mcp-method': method,
      ...(named !== undefined && { 'mcp-name': headerOf(named) }),
    };
    return await this.post(headers, { id: ID, method, params: { ...params, _meta: META } }, read);
  }

  /** What `read` makes of the answer to a message. */
  private post<T>(headers: Headers, message: Fields, read: (response: IncomingMessage) => T | Promise<T>): Promise<T> {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    const typed = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'accept-encoding': 'identity',
      ...headers,
    };
    return this.send(typed, { method: 'POST', body }, this.signal, async (response) => {
      checkHead(response, 'id' in message);
      return await read(response);
    });
  }

  private async send<T>(
    headers: Headers,
    sent: { readonly method: 'POST' | 'DELETE'; readonly body: string },
    signal: AbortSignal,
    read: (response: IncomingMessage) => T | Promise<T>,
  ): Promise<T> {
    try {
      const shown = { 'user-agent': 'Formicary', ...headers, ...(await this.credentials()) };
      const response = await this.http.request({ ...sent, url: this.tool.url, headers: shown, signal });
      try {
        return await read(response);
      } finally {
        response.destroy();
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw asServerError(error);
    }
  }
}

/** The server understands something else, or refuses what it was asked. */
class RefusedByServer extends ToolServerError {}

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

/** @param isAnswered false for what is only told: it may be taken without an answer */
function checkHead({ statusCode = 0, headers }: IncomingMessage, isAnswered: boolean): void {
  if (statusCode >= 300 && statusCode < 400)
    throw new ToolServerError(`the server sends elsewhere (${statusCode}), where nobody goes`);
  if (statusCode === 401 || statusCode === 403)
    throw new ToolServerError(`the server asks for credentials (${statusCode}): the operator's settings give them`);
  if (statusCode === 400) throw new RefusedByServer('the server answered 400');
  if (!isAnswered && (statusCode === 202 || statusCode === 204)) return;
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
    throw new RefusedByServer(`the server refuses it${Number.isSafeInteger(code) ? ` (error ${String(code)})` : ''}`);
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
