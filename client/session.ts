/**
 * A request with everything around it: who calls, the key that makes a retry safe, retries, and errors as exceptions.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem, Receipt as ReceiptSchema } from '../contract/common';
import type { AnswerOf, KeyOf, Method, RequestOf, RouteSpec, Shown } from '../contract/route';
import { type Credentials, CredentialsRefused, type Refusal } from './credentials';
import type { Proven } from './dpop';
import { currentTraceparent } from './tracing';
import {
  ConnectionError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
  type TransportStream,
} from './transport';

/** The body of an error (RFC 9457). */
export type ProblemDocument = Shown<typeof Problem>;
/** What a command has left in the log. */
export type Receipt = Shown<typeof ReceiptSchema>;

export interface Page<T> {
  readonly value: readonly T[];
  /** Where the next page is; absent on the last one. */
  readonly nextLink?: string;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /** W3C trace context; that of the current span where it is left out and the program uses OpenTelemetry. */
  readonly traceparent?: string;
}

export interface CommandOptions extends ReadOptions {
  /**
   * What makes a retry safe: a new one for each command by default; `false` sends none, and then nothing is retried.
   */
  readonly idempotencyKey?: string | false;
  /** The version that the stream must have. */
  readonly ifMatch?: number;
}

/** How a request is sent. */
export interface SendOptions extends CommandOptions {
  /** It says that somebody lives, or waits: tried again it is never late, and leaves the budget of retries alone. */
  readonly signOfLife?: boolean;
}

/** A read of the past. */
export interface AsOf extends ReadOptions {
  /** UTC with milliseconds: `2026-11-21T10:00:00.000Z`. */
  readonly asOf?: string;
}

/** A read that waits for the end of what is read. */
export interface Wait {
  /** Answered once it has ended, or as it is after so many seconds, 30 at most; at once where this is left out. */
  readonly waitSeconds?: number;
}

/** A read whose answer may hold personal data. */
export interface Opening {
  /** Opens it, for whoever may read it; that leaves a receipt. Sealed without. */
  readonly personal?: 'open';
  /** What it is read for; needed but by an agent that works on it. */
  readonly purpose?: string;
}

/** The host refused, failed, or could not be reached. The message says what to do. */
export class FormicaryError extends Error {
  override readonly name = 'FormicaryError';
  /** For how long whoever asks again is told to wait first, in milliseconds; 0 when nothing says so. */
  readonly retryAfterMs: number;

  constructor(
    /** Of the answer; 0 when there was none. */
    readonly status: number,
    readonly problem: ProblemDocument,
    options?: ErrorOptions & { readonly retryAfterMs?: number },
  ) {
    super(
      [
        problem.detail,
        ...(problem.errors ?? []).map(({ pointer, parameter, message }) => `${pointer ?? parameter ?? ''}: ${message}`),
      ].join('\n'),
      options,
    );
    this.retryAfterMs = options?.retryAfterMs ?? 0;
  }

  /** The problem's stable type, a URL. */
  get type(): string {
    return this.problem.type;
  }

  /** The last part of the type, for example `award-superseded`. */
  get code(): string {
    return this.problem.type.slice(this.problem.type.lastIndexOf('/') + 1);
  }
}

/** Rows in a page where the caller wants all of them. */
export const PAGE = 500;

/** One of the values that a route answers with. */
export type ItemOf<R extends RouteSpec> =
  AnswerOf<R> extends { readonly value: readonly (infer Item)[] } ? Item : never;

/** How often and how patiently a request is tried again: only one that may safely be sent twice is. */
export interface RetryOptions {
  /**
   * Tries in all; 1 never tries again. Those after which a host says when to come again do not count until they have
   * taken `maxWaitMs` together: there may be many short ones.
   */
  readonly attempts?: number;
  /** Milliseconds that the first pause is shorter than; doubles with each further one. */
  readonly baseMs?: number;
  /** Longest pause in milliseconds that the client takes by itself. */
  readonly maxMs?: number;
  /** Longest wait in milliseconds that an answer may ask for (`Retry-After`); told to wait longer, it gives up. */
  readonly maxWaitMs?: number;
}

const RETRY = { attempts: 6, baseMs: 50, maxMs: 10_000, maxWaitMs: 30_000 };

/** What a query may hold; undefined is left out. */
export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** What a wait counts as at least, of those that a host asks for: one that asks for none is not asked for ever. */
const LEAST_TOLD_MS = 50;
/** Whoever has to go on asks again after so long, however long it is told to wait. */
const MOST_TOLD_MS = 600_000;
/** What a host says of this moment alone: nothing was done, and the same request may be right in the next. */
const TRIED_AGAIN = [408, 429, 503];

/** The tries of one request, the one that is made now among them. */
class Tries {
  /** Those that count. */
  counted = 1;
  private toldMs = 0;

  constructor(private readonly retry: Required<RetryOptions>) {}

  get isLast(): boolean {
    return this.counted >= this.retry.attempts;
  }

  /** Another one begins, after a wait that an answer has asked for. */
  add(waitMs = 0): void {
    if (waitMs > 0) this.toldMs += Math.max(waitMs, LEAST_TOLD_MS);
    if (waitMs === 0 || this.toldMs > this.retry.maxWaitMs) this.counted += 1;
  }
}

/**
 * Failures in a row after which a host counts as gone; how long one request is given then to find out otherwise before
 * another may, and how long it is left alone after one has failed.
 */
const GONE_AFTER = 5;
const PROBE_MS = 1_000;
const REST_MS = 100;

/** The budget of retries: so many for each request, so many in each second besides, and so many at once. */
const RETRIES_FOR_EACH = 0.1;
const RETRIES_A_SECOND = 5;
const RETRIES_AT_ONCE = 100;

/** What clients of one transport may send a second time: a host that has trouble gets no more to do because it has. */
class RetryBudget {
  private left = RETRIES_AT_ONCE;
  private filledAt = performance.now();

  /** Counts a request that is sent. */
  add(): void {
    this.fill(RETRIES_FOR_EACH);
  }

  /** Counts a retry that is about to be sent; false when there are too many: it is to come late. */
  take(): boolean {
    const now = performance.now();
    this.fill((RETRIES_A_SECOND * (now - this.filledAt)) / 1_000);
    this.filledAt = now;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }

  private fill(retries: number): void {
    this.left = Math.min(RETRIES_AT_ONCE, this.left + retries);
  }
}

/**
 * What all clients of one transport know about its host. One that has not answered several times in a row is asked by
 * one of them at a time: the others take its silence for theirs, and try again when they would have anyway.
 */
class Circuit {
  private static readonly all = new WeakMap<Transport, Circuit>();
  private failures = 0;
  /** Nobody asks a host that is gone before this. */
  private next = -Infinity;
  private last: ConnectionError | undefined;
  private readonly budget = new RetryBudget();

  static of(transport: Transport): Circuit {
    let circuit = this.all.get(transport);
    if (circuit === undefined) this.all.set(transport, (circuit = new Circuit()));
    return circuit;
  }

  /**
   * Whether a retry is to be sent now; false when there are too many: it is to come late. Of a host that is gone
   * nothing is counted: it is asked by one at a time.
   */
  mayRetry(): boolean {
    return this.isGone || this.budget.take();
  }

  async send(transport: Transport, request: TransportRequest): Promise<TransportResponse> {
    if (this.isGone && this.last !== undefined) {
      const now = performance.now();
      if (now < this.next) throw this.last;
      this.next = now + PROBE_MS;
    }
    this.budget.add();
    try {
      const response = await transport.send(request);
      this.failures = 0;
      return response;
    } catch (error) {
      if (error instanceof ConnectionError) {
        this.failures += 1;
        this.last = error;
        this.next = performance.now() + REST_MS;
      }
      throw error;
    }
  }

  private get isGone(): boolean {
    return this.failures >= GONE_AFTER;
  }
}

/**
 * Who calls: by what is shown; or, to a host that believes it, by saying so. With the owner's key it is in whose name
 * the owner acts.
 */
export interface Caller {
  readonly tenant?: string;
  readonly principal?: string;
  readonly credentials?: Credentials;
}

export class Session {
  /** Of a caller that shows nothing. */
  private readonly said: readonly string[];
  private readonly circuit: Circuit;
  readonly retry: Required<RetryOptions>;

  constructor(
    readonly transport: Transport,
    readonly caller: Caller,
    retry: RetryOptions = {},
  ) {
    const { tenant, principal } = caller;
    this.said = [
      ...(tenant === undefined ? [] : ['x-formicary-tenant', tenant]),
      ...(principal === undefined ? [] : ['x-formicary-principal', principal]),
    ];
    this.retry = { ...RETRY, ...retry };
    this.circuit = Circuit.of(transport);
  }

  /** Makes a request of a route, for example `call<typeof tasks.get>('GET /v1/tasks/{id}', { params: { id } })`. */
  async call<R extends RouteSpec>(key: KeyOf<R>, request: RequestOf<R>, options?: SendOptions): Promise<AnswerOf<R>> {
    const { method, path, query, body } = partsOf(key, request);
    if (method === 'GET') return await this.read(path, query, options);
    return await this.command(method, path + search(query), body, options);
  }

  /** Every item of a route that answers a list, page by page. */
  items<R extends RouteSpec>(
    key: KeyOf<R>,
    request: RequestOf<R>,
    options?: ReadOptions,
  ): AsyncGenerator<ItemOf<R>, void, undefined> {
    const { path, query } = partsOf(key, request);
    return this.all(path, query, options);
  }

  async read<T>(path: string, query?: Query, options?: SendOptions): Promise<T> {
    return parsed(await this.text(path, query, options));
  }

  /** The body of an answer as it is. */
  async text(path: string, query?: Query, options?: SendOptions): Promise<string> {
    const response = await this.send(
      { method: 'GET', path: path + search(query), headers: this.headersOf(options), signal: options?.signal },
      true,
      options?.signOfLife,
    );
    return response.body;
  }

  /** A command at a path that its caller has made; `call` makes it from a route. */
  async command<T>(method: Method, path: string, body: unknown, options: SendOptions = {}): Promise<T> {
    const { idempotencyKey = crypto.randomUUID(), ifMatch, signal, signOfLife } = options;
    const headers = this.headersOf(options);
    if (idempotencyKey !== false) headers.push('idempotency-key', idempotencyKey);
    if (ifMatch !== undefined) headers.push('if-match', `"${ifMatch}"`);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const response = await this.send(
      { method, path, headers, body: text, signal },
      idempotencyKey !== false,
      signOfLife,
    );
    return parsed(response.body);
  }

  /**
   * The answers of a route that takes several commands in one request, in their order. What the store could not do is
   * sent again, with all the rest: what was done is answered once more.
   */
  async batch<R extends RouteSpec>(
    key: KeyOf<R>,
    request: RequestOf<R>,
    options: SendOptions = {},
  ): Promise<readonly ItemOf<R>[]> {
    const { idempotencyKey = crypto.randomUUID(), signal, signOfLife } = options;
    const { path, body } = partsOf(key, request);
    for (const tries = new Tries(this.retry); ;) {
      const { value } = await this.command<{ value: (ItemOf<R> & Refusable)[] }>('POST', path, body, {
        ...options,
        idempotencyKey,
      });
      const waiting = value.flatMap(({ problem }) => (problem?.status === 503 ? [problem] : []));
      if (waiting.length === 0 || idempotencyKey === false || tries.isLast) return value;
      const seconds = Math.max(
        ...waiting.map(({ retryAfterSeconds }) => (typeof retryAfterSeconds === 'number' ? retryAfterSeconds : 0)),
      );
      await this.again(tries, Math.min(1_000 * seconds, this.retry.maxWaitMs), { signal, signOfLife });
    }
  }

  /** Every item of a list, page by page. */
  private async *all<T>(path: string, query?: Query, options?: ReadOptions): AsyncGenerator<T, void, undefined> {
    let page = await this.read<Page<T>>(path, query, options);
    for (;;) {
      yield* page.value;
      if (page.nextLink === undefined) return;
      page = await this.read<Page<T>>(page.nextLink, undefined, options);
    }
  }

  /**
   * An answer that goes on. Not tried again, but with another token: who reads it knows from where to go on.
   */
  async open(path: string, query: Query, headers: readonly string[], signal: AbortSignal): Promise<TransportStream> {
    for (;;) {
      let stream: TransportStream;
      try {
        stream = await this.transport.open({
          method: 'GET',
          path: path + search(query),
          headers: [...(await this.identity({ method: 'GET', path: path + search(query) })), ...headers],
          signal,
        });
      } catch (error) {
        throw inOurTerms(error);
      }
      if (stream.status < 300) return stream;
      const chunks: Buffer[] = [];
      for await (const chunk of stream.body) chunks.push(chunk);
      try {
        // The stream before it may have ended because the token was taken back.
        if (stream.status === 401 && this.caller.credentials?.refused(refusalIn(stream)) === true) continue;
      } catch (error) {
        throw inOurTerms(error);
      }
      throw refused(stream.status, Buffer.concat(chunks).toString());
    }
  }

  /**
   * Waits before try number `attempt` + 1: longer each time, and never in step with others. Those who are told to wait
   * are many: they come back over as much time again.
   */
  async pause(attempt: number, signal?: AbortSignal, atLeastMs = 0): Promise<void> {
    const { baseMs, maxMs } = this.retry;
    const grown = baseMs * 2 ** Math.min(attempt, 20);
    await waited(atLeastMs + Math.random() * Math.min(maxMs, Math.max(atLeastMs, grown)), signal);
  }

  /** As `pause`, after what has failed: at least as long as the host has told to wait, up to ten minutes. */
  async pauseAfter(error: unknown, attempt: number, signal?: AbortSignal): Promise<void> {
    const toldMs = error instanceof FormicaryError ? error.retryAfterMs : 0;
    await this.pause(attempt, signal, Math.min(toldMs, MOST_TOLD_MS));
  }

  /** A retry that is about to be sent, and is one too many, waits a random time up to the longest pause. */
  private async inBudget(signal?: AbortSignal, signOfLife = false): Promise<void> {
    if (!signOfLife && !this.circuit.mayRetry()) await waited(Math.random() * this.retry.maxMs, signal);
  }

  private async send(request: TransportRequest, repeatable: boolean, signOfLife?: boolean): Promise<TransportResponse> {
    checkPath(request.path);
    for (const tries = new Tries(this.retry); ;) {
      const last = !repeatable || tries.isLast;
      let waitMs = 0;
      try {
        const headers = [...(await this.identity(request)), ...request.headers];
        const response = await this.circuit.send(this.transport, { ...request, headers });
        if (response.status < 300) return response;
        if (response.status === 401 && this.caller.credentials?.refused(refusalIn(response)) === true) {
          tries.add();
          continue;
        }
        waitMs = retryAfter(response);
        if (last || waitMs > this.retry.maxWaitMs || !TRIED_AGAIN.includes(response.status))
          throw refused(response.status, response.body, waitMs);
      } catch (error) {
        if (last || !isForNow(error)) throw inOurTerms(error);
      }
      await this.again(tries, waitMs, { signal: request.signal, signOfLife });
    }
  }

  /** Waits for the next try of a request. */
  private async again(tries: Tries, waitMs: number, { signal, signOfLife }: SendOptions): Promise<void> {
    await this.pause(tries.counted - 1, signal, waitMs);
    await this.inBudget(signal, signOfLife);
    tries.add(waitMs);
  }

  private headersOf(options: ReadOptions | undefined): string[] {
    const traceparent = options?.traceparent ?? currentTraceparent();
    return traceparent === undefined ? [] : ['traceparent', traceparent];
  }

  /** The headers that say who calls. */
  private async identity(request: Proven): Promise<readonly string[]> {
    const shown = (await this.caller.credentials?.headers(request)) ?? [];
    return shown.length === 0 ? this.said : shown;
  }
}

/** What a 401 says. */
function refusalIn(answer: Pick<TransportResponse, 'header'>): Refusal {
  return { challenge: answer.header('www-authenticate'), date: Date.parse(answer.header('date') ?? '') };
}

/** Waits; an abort ends it with the signal's own reason, as of a request that was under way. */
export async function waited(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch((error: unknown) => {
    signal?.throwIfAborted();
    throw error;
  });
}

/** One answer of several. */
interface Refusable {
  readonly problem?: { readonly status?: number; readonly retryAfterSeconds?: unknown };
}

interface Parts {
  readonly method: Method;
  readonly path: string;
  readonly query: Query | undefined;
  readonly body: unknown;
}

/** A request of a route, with its parameters in their places; what follows the last `*` keeps its slashes. */
function partsOf(key: string, request: object): Parts {
  const { params = {}, query, body } = request as { params?: Readonly<Record<string, string>> } & Omit<Parts, 'method'>;
  const [method, template] = key.split(' ') as [Method, string];
  const path = template.replace(/\{(\*?)([^}]+)\}/g, (_, rest: string, name: string) => {
    const value = params[name] ?? '';
    return rest === '' ? encodeURIComponent(value) : value.split('/').map(encodeURIComponent).join('/');
  });
  return { method, path, query, body };
}

/**
 * Without one of its ids, or with one made of dots, a path would lead to something else: a list, or a resource above
 * it.
 */
function checkPath(path: string): void {
  const [before = ''] = path.split('?', 1);
  if (/\/(?:\.{0,2})(?:\/|$)/.test(before))
    throw new RangeError('an id, or a name, must not be empty nor made of dots alone');
}

function search(query: Query | undefined): string {
  let text = '';
  if (query !== undefined)
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) text += `${text === '' ? '?' : '&'}${name}=${encodeURIComponent(written(value))}`;
  return text;
}

/** In an address a number stands in digits: JavaScript would write a small one with an exponent. */
function written(value: string | number | boolean): string {
  if (typeof value !== 'number') return String(value);
  return value.toLocaleString('en', { useGrouping: false, maximumFractionDigits: 100 });
}

/**
 * Milliseconds that the answer asks to wait: what its problem says to the tenth of a second, or its header in seconds,
 * or as a date by the clock of whoever answers.
 */
function retryAfter(response: TransportResponse): number {
  const value = response.header('retry-after');
  if (value === undefined) return 0;
  const exact = toldIn(problemIn(response.body));
  if (exact !== undefined) return exact;
  const milliseconds = /^\d+$/.test(value)
    ? Number(value) * 1_000
    : Date.parse(value) - Date.parse(response.header('date') ?? '');
  return Math.max(0, milliseconds || 0);
}

/** Whatever this host answers is JSON; another server at its address says other things. */
function parsed<T>(body: string): T {
  try {
    return JSON.parse(body) as T;
  } catch (cause) {
    const problem = {
      type: 'https://formicary.dev/problems/no-formicary-host',
      title: 'Something else answers',
      status: 0,
      detail: 'what answers there is no Formicary host: it says something else than JSON',
    };
    throw new FormicaryError(0, problem, { cause });
  }
}

function refused(status: number, body: string, waitMs?: number): FormicaryError {
  const known = problemIn(body) as Partial<ProblemDocument>;
  const {
    type = 'about:blank',
    title = 'The request failed',
    detail = `the answer is ${status}, and not a Formicary host's: something in between, or another server at this address`,
  } = known;
  const retryAfterMs = waitMs ?? toldIn(known);
  return new FormicaryError(status, { ...known, type, title, status, detail }, { retryAfterMs });
}

/** The wait that a problem document asks for, which says it more exactly than the header. */
function toldIn({ retryAfterSeconds }: Readonly<Record<string, unknown>>): number | undefined {
  return typeof retryAfterSeconds === 'number' ? Math.max(0, retryAfterSeconds * 1_000) : undefined;
}

/** The members of a problem document; none where something in between has answered. */
function problemIn(body: string): Readonly<Record<string, unknown>> {
  let problem: object | null = null;
  try {
    problem = JSON.parse(body) as object | null;
  } catch {
    return {};
  }
  // Others have problem documents too, with members of another form: those count as not given.
  const given = Object.entries(problem ?? {}).filter(([name, value]) =>
    name === 'errors'
      ? Array.isArray(value) && value.every((each) => typeof each === 'object' && each !== null)
      : !['type', 'title', 'detail'].includes(name) || typeof value === 'string',
  );
  return Object.fromEntries(given);
}

/** Whether no whole answer came, or the host looks at no credentials at the moment. */
function isForNow(error: unknown): boolean {
  return error instanceof ConnectionError || (error instanceof CredentialsRefused && error.status === 429);
}

/** What went wrong on the way, as callers of this client know it. */
function inOurTerms(error: unknown): unknown {
  if (error instanceof ConnectionError) return unreachable(error);
  return error instanceof CredentialsRefused ? refused(error.status, error.body) : error;
}

function unreachable(error: ConnectionError): FormicaryError {
  const problem = {
    type: 'https://formicary.dev/problems/unreachable',
    title: "The host can't be reached",
    status: 0,
    detail: `the host can't be reached: ${error.message}`,
  };
  return new FormicaryError(0, problem, { cause: error });
}
