/** The HTTP side of the host: takes requests, hands them to handlers, and stops without cutting anybody off. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';
import { logFailure } from '../app/operation/log';
import { attachAbortSignal } from '../functions/edge/abort';
import { attachEntered, type Entrance } from '../functions/edge/entrance';
import { Problem, PROBLEM_CONTENT_TYPE } from '../functions/edge/problem';
import { Answers } from './answers';
import { Bodies } from './bodies';
import { followClients } from './clients';
import { Listeners } from './listeners';
import { loopbackGuard } from './loopback';
import { checkHeaders, LINGER_SECONDS, refuseMalformed } from './malformed';
import { LocalRequest } from './request';
import { sendResult } from './response';
import type { Match, Router } from './router';
import { Unread } from './unread';
import { within } from './within';

/** Slow or silent clients may not hold a connection for ever. Milliseconds. */
const OPTIONS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
  // Looked at below, where the answer has a body.
  requireHostHeader: false,
};
/** Without a byte in either direction; the limit of Azure's load balancer. Milliseconds. */
const IDLE_TIMEOUT = 230_000;

/** Answers a request as an HTTP function does; whom it lets in it may know before a body is read. */
export interface Handler {
  (request: LocalRequest): Promise<unknown>;
  readonly entrance?: Entrance | undefined;
}

/** The HTTP server and its requests in flight. */
export class HttpFront {
  readonly #server: Server = createServer(
    OPTIONS,
    (request, response) => void this.#track(this.#handle(request, response)),
  );
  readonly #listeners = new Listeners(this.#server);
  readonly #running = new Set<Promise<void>>();
  readonly #aborts = new Set<AbortController>();
  readonly #bodies = new Bodies();
  readonly #answers = new Answers();
  readonly #unread = new Unread();
  /**
   * Requests whose clients send the body when they are asked for it (`Expect: 100-continue`), and have not been:
   * whether their connections stay open once they are.
   */
  readonly #unasked = new WeakMap<IncomingMessage, boolean>();
  #guard = loopbackGuard(0);
  #router: Router<Handler> | undefined;
  #closing = false;

  async listen(port: number, hostname: string): Promise<string> {
    this.#server.setTimeout(IDLE_TIMEOUT);
    followClients(this.#server);
    this.#server.on('checkContinue', (request, response) => {
      this.#unasked.set(request, response.shouldKeepAlive);
      // Whether a body comes that was not asked for, nobody can tell: until it is, nothing can follow it.
      response.shouldKeepAlive = false;
      this.#server.emit('request', request, response);
    });
    this.#server.on('checkExpectation', (_, response) =>
      sendProblem(response, Problem.of('expectation-failed', 'Expect is understood only as 100-continue.')),
    );
    refuseMalformed(this.#server);
    const actual = await this.#listeners.listen(port, hostname);
    this.#guard = loopbackGuard(actual);
    return `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${actual}`;
  }

  /** Until this is called, requests are answered 503. */
  serve(router: Router<Handler>): void {
    this.#router = router;
  }

  async close(graceSeconds: number): Promise<void> {
    this.#closing = true;
    const closed = this.#listeners.close();
    for (const abort of this.#aborts) abort.abort(new Error('the host is stopping'));
    await within(graceSeconds, Promise.all(this.#running));
    this.#server.closeAllConnections();
    await closed;
  }

  #track(handled: Promise<void>): void {
    this.#running.add(handled);
    void handled.finally(() => this.#running.delete(handled));
  }

  /** Never rejects. */
  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#closing) response.setHeader('connection', 'close');
    addPeer(request);
    try {
      checkHeaders(request);
      const refusal = this.#guard(request.headers);
      if (refusal !== undefined) throw refusal;
      await this.#dispatch(request, response);
    } catch (error) {
      const problem = error instanceof Problem ? error : failure(request, error);
      if (!request.complete) await this.#drop(request);
      await this.#answers.turn();
      if (response.headersSent) response.destroy();
      else if (!response.destroyed) sendProblem(response, problem);
    }
  }

  async #dispatch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#router === undefined || this.#closing)
      throw Problem.of('unavailable', 'The host is starting or stopping; try again.', {}, { 'retry-after': '1' });
    const method = request.method!;
    const { value: handle, params } = findFunction(this.#router, method, request.url!);
    const { headers } = request;
    const path = request.url!.split('?', 1)[0] as string;
    const known = await handle.entrance?.({ method, path, header: (name) => headerOf(headers[name]) });
    if (known !== undefined && 'refused' in known) {
      // What is still on its way is read and dropped when the answer has gone, unless the connection ends with it.
      if (!response.shouldKeepAlive) await this.#drop(request);
      return await this.#send(response, known.refused);
    }
    const bytes = await this.#bodies.read(request, response, () => this.#ask(request, response));
    const local = new LocalRequest({
      method,
      url: `http://${headers.host}${request.url}`,
      headers: wholeHeaders(request, bytes),
      params,
      bytes,
    });
    if (known !== undefined) attachEntered(local, known.entered);
    attachAbortSignal(local, this.#signalFor(response));
    await this.#send(response, await handle(local));
  }

  /** The body is wanted. */
  #ask(request: IncomingMessage, response: ServerResponse): void {
    const keepsAlive = this.#unasked.get(request);
    if (keepsAlive === undefined) return;
    this.#unasked.delete(request);
    response.shouldKeepAlive = keepsAlive;
    response.writeContinue();
  }

  /** What a refused client still sends; one that was not asked sends nothing. */
  async #drop(request: IncomingMessage): Promise<void> {
    if (!this.#unasked.has(request)) await dropped(request);
  }

  async #send(response: ServerResponse, result: unknown): Promise<void> {
    const turn = this.#answers.turn();
    if (turn !== undefined) await turn;
    await sendResult(response, result);
    await this.#unread.read(response);
  }

  /** Most handlers never ask for their signal, so it is made on demand. */
  #signalFor(response: ServerResponse): () => AbortSignal {
    let signal: AbortSignal | undefined;
    return () => (signal ??= this.#makeSignal(response));
  }

  #makeSignal(response: ServerResponse): AbortSignal {
    const controller = new AbortController();
    if (this.#closing || response.destroyed) controller.abort();
    this.#aborts.add(controller);
    response.once('close', () => {
      this.#aborts.delete(controller);
      // Also when all was sent: what was begun for an answer that needed none of it (HEAD) ends as well.
      controller.abort(new Error('the client has gone'));
    });
    return controller.signal;
  }
}

/** Says where the connection comes from, as every proxy does, and the front end of Azure. */
function addPeer({ headers, socket }: IncomingMessage): void {
  const before = headers['x-forwarded-for'];
  headers['x-forwarded-for'] = [...(before === undefined ? [] : [before].flat()), socket.remoteAddress ?? ''].join(
    ', ',
  );
}

/** Those of a body that is there: how long it is, whatever its client has said of it while it was on its way. */
function wholeHeaders({ method, headers }: IncomingMessage, bytes: Buffer | undefined): Record<string, string> {
  if (headers['content-length'] !== undefined || method === 'GET' || method === 'HEAD')
    return headers as Record<string, string>;
  const { 'transfer-encoding': _, ...others } = headers;
  return { ...(others as Record<string, string>), 'content-length': String(bytes?.byteLength ?? 0) };
}

/** As the request of a function gives it: of what came more than once, all. */
function headerOf(value: string | string[] | undefined): string | null {
  return value === undefined ? null : typeof value === 'string' ? value : value.join(', ');
}

/** Throws a Problem (400, 404, 405) when no function serves the request. */
function findFunction(
  router: Router<Handler>,
  method: string,
  url: string,
): Extract<Match<Handler>, { kind: 'found' }> {
  const queryAt = url.indexOf('?');
  const path = queryAt < 0 ? url : url.slice(0, queryAt);
  if (!path.startsWith('/')) throw Problem.of('invalid-request', 'The path is not valid.');
  let match: Match<Handler>;
  try {
    match = router.find(method, path);
  } catch {
    throw Problem.of('invalid-request', 'The path is not well percent-encoded.');
  }
  if (match.kind === 'found') return match;
  if (match.kind === 'none') throw Problem.of('not-found', `Nothing is found at ${path}.`);
  const allow = match.allow.join(', ');
  throw Problem.of('method-not-allowed', `${path} knows ${allow}.`, {}, { allow });
}

/**
 * Reads what a refused client still sends, for a while: if its connection were closed meanwhile, it might not see the
 * answer.
 */
async function dropped(request: IncomingMessage): Promise<void> {
  request.resume();
  await within(
    LINGER_SECONDS,
    finished(request).catch(() => undefined),
  );
}

/** A function threw: the log gets the exception, the caller an id to ask with. */
function failure(request: IncomingMessage, error: unknown): Problem {
  const errorId = randomUUID();
  logFailure({ method: request.method, path: request.url!.split('?', 1)[0], errorId }, error);
  return Problem.of('internal-error', 'The function failed; the log has more under this errorId.', { errorId });
}

function sendProblem(response: ServerResponse, { document, headers, body }: Problem): void {
  response.writeHead(document.status, {
    'content-type': PROBLEM_CONTENT_TYPE,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(body);
}
