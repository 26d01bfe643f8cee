/**
 * How requests travel: Node's own HTTP client on connections that stay open, which costs a third of what `fetch` does.
 */
import { Agent, type AgentOptions, type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http';

export interface TransportRequest {
  readonly method: string;
  /** Path and query, beginning with a slash. */
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body?: string;
  /** Media type of the body; `application/json` by default. */
  readonly type?: string;
  readonly signal?: AbortSignal;
}

export interface TransportResponse {
  readonly status: number;
  /** A header by its name in lower case. */
  header(name: string): string | undefined;
  readonly body: string;
}

/** An answer that goes on; `body` ends when the other side ends it, and throws when the connection breaks. */
export interface TransportStream extends Omit<TransportResponse, 'body'> {
  readonly body: AsyncIterable<Buffer>;
}

/** What a client sends its requests through; clients of several principals share one. */
export interface Transport {
  /** Of the host: `https://colony.example.com`. */
  readonly address: string;
  /** Rejects with `ConnectionError` when no whole answer came, and with the signal's reason when that aborted. */
  send(request: TransportRequest): Promise<TransportResponse>;
  open(request: TransportRequest): Promise<TransportStream>;
  /** Closes every connection; later requests reject with `TransportClosed`. */
  close(): void;
}

/** No whole answer came: whether the request was carried out is not known. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
}

/** The client was closed, by its own side. */
export class TransportClosed extends Error {
  override readonly name = 'TransportClosed';
}

export interface NodeTransportOptions {
  /** Connections at once; no limit by default, since each long poll needs one of its own. */
  readonly maxSockets?: number;
  /** Milliseconds without a byte after which a connection counts as dead; longer than the longest poll. */
  readonly idleMs?: number;
}

const IDLE_MS = 60_000;

export class NodeTransport implements Transport {
  readonly address: string;
  private readonly agent: Agent;
  private readonly request: typeof httpRequest;
  private readonly target: Pick<RequestOptions, 'agent' | 'host' | 'port' | 'protocol'>;
  private readonly host: string;
  private readonly prefix: string;
  private closed = false;

  /** @param url `http://` or `https://`; a path is put before the path of each request */
  constructor(url: string, { maxSockets = Infinity, idleMs = IDLE_MS }: NodeTransportOptions = {}) {
    const address = URL.parse(url);
    if (address === null || !['http:', 'https:'].includes(address.protocol))
      throw new TypeError(`"${url}" is not the address of a host: it is http://HOST:PORT or https://HOST`);
    const { protocol, host, hostname, port, pathname } = address;
    this.address = address.href.replace(/\/$/, '');
    const options: AgentOptions = { keepAlive: true, maxSockets, timeout: idleMs };
    if (protocol === 'https:') {
      // Loaded only when it is needed: TLS would double the time that a command takes to start.
      const https = process.getBuiltinModule('node:https');
      this.agent = new https.Agent(options);
      this.request = https.request;
    } else {
      this.agent = new Agent(options);
      this.request = httpRequest;
    }
    this.target = {
      agent: this.agent,
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? undefined : Number(port),
      protocol,
    };
    this.host = host;
    this.prefix = pathname.replace(/\/+$/, '');
  }

  send(request: TransportRequest): Promise<TransportResponse> {
    return new Promise((resolve, reject) => {
      this.start(request, reject, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
          resolve({
            status: response.statusCode as number,
            header: (name) => headerOf(response, name),
            body: body.toString(),
          });
        });
        response.on('error', (error) => reject(failure(error, request.signal)));
      });
    });
  }

  open(request: TransportRequest): Promise<TransportStream> {
    return new Promise((resolve, reject) => {
      this.start(request, reject, (response) => {
        resolve({
          status: response.statusCode as number,
          header: (name) => headerOf(response, name),
          body: chunksOf(response, request.signal),
        });
      });
    });
  }

  close(): void {
    this.closed = true;
    this.agent.destroy();
  }

  private start(
    { method, path, headers, body, type = 'application/json', signal }: TransportRequest,
    reject: (error: unknown) => void,
    answered: (response: IncomingMessage) => void,
  ): void {
    if (this.closed) return reject(new TransportClosed('the client is closed'));
    const all = ['host', this.host, ...headers];
    if (body !== undefined) all.push('content-type', type, 'content-length', String(Buffer.byteLength(body)));
    const outgoing = this.request({ ...this.target, method, path: this.prefix + path, headers: all, signal }, answered);
    outgoing.on('error', (error) => reject(failure(error, signal)));
    outgoing.on('timeout', () => outgoing.destroy(new Error('nothing came for too long')));
    outgoing.end(body);
  }
}

function headerOf(response: IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

async function* chunksOf(response: IncomingMessage, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of response) yield chunk as Buffer;
  } catch (error) {
    throw failure(error, signal);
  }
}

function failure(error: unknown, signal: AbortSignal | undefined): Error {
  if (signal?.aborted === true) return signal.reason as Error;
  const { message, code } = error as NodeJS.ErrnoException;
  return new ConnectionError(message || code, { cause: error });
}
