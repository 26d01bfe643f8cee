/**
 * The HTTP edge: `bindRoute` registers what serves a route of the contract with the Functions runtime. Handlers get
 * checked values and return plain answers.
 */
import './setup';
import { randomUUID } from 'node:crypto';
import { app, type HttpMethod, type HttpRequest, type HttpResponseInit } from '@azure/functions';
import type { z } from 'zod';
import { commandHash, KEY_REUSED } from '../../app/engine/answered';
import { systemClock } from '../../app/engine/clock';
import type { Cause as CommandCause } from '../../app/engine/command';
import { type Claimed, type KeyClaim, StoreBusy } from '../../app/engine/ports';
import { StoreUnavailable } from '../../app/engine/reachable';
import { traced } from '../../app/engine/telemetry';
import { logFailure } from '../../app/operation/log';
import type { Sending } from '../../app/personal/module';
import { type AnswerOf, type Asked, isCommand, type RouteSpec, type Work, workOf } from '../../contract/route';
import { AlteredPayload, AlteredReceipt } from '../../domain/kernel/commit';
import { isSafeText, jsonPointer } from '../../domain/kernel/json';
import { includesLevel, type Level, type Principal } from '../../domain/kernel/principal';
import { mayHoldSecret, secretIn, secretsIn } from '../../domain/kernel/secrets';
import { endOf, endSignalOf, goneSignalOf, unwatch } from './abort';
import { checkDocumented } from './documented';
import {
  attachEntered,
  type Entered,
  enteredBy,
  type Entrance,
  type Envelope,
  envelopeOf,
  type HeaderOf,
  setEntrance,
} from './entrance';
import { parseJson } from './json';
import { PAGE_POLICY, pageOf, type PageText } from './page';
import { type OfPersonal, sealedBody, shown } from './personal';
import { Problem, PROBLEM_CONTENT_TYPE, type ProblemError, rejected, typeOf } from './problem';
import { match, parseTemplate, pathOf, type Shape, takenAt } from './template';

/** What a handler is given: everything in it has been checked. */
export interface Call<P = unknown, Q = unknown, B = unknown> {
  /** Name of the route, and its path as the contract has it. */
  readonly operation: string;
  readonly template: string;
  readonly principal: Principal;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** A request header, null when absent. */
  header(name: string): string | null;
  /** The version in `If-Match: "n"`. */
  readonly ifMatch: number | undefined;
  /** 1 to 200 visible ASCII characters. It belongs to this request: the edge has seen to it. */
  readonly idempotencyKey: string | undefined;
  /** SHA-256 of what is asked: route, parameters, query and body; undefined without a key. */
  readonly request: string | undefined;
  /** W3C trace context of this request, below the caller's when it sent a well-formed one. */
  readonly traceparent: string;
  /**
   * Aborts when the client has gone, the host stops, or what the caller has shown holds no more; long polls and streams
   * end then.
   */
  readonly signal: AbortSignal;
  /** The same where the host can tell, else undefined: a read that takes long is given up only when nobody waits. */
  readonly gone: AbortSignal | undefined;
  /** When the call arrived, in milliseconds since the epoch. */
  readonly now: number;
  /** People have approved it: the action that says so, and what led to that. No request can say so. */
  readonly approved?: { readonly approval: string; readonly cause: CommandCause | undefined };
}

/** The call of a route that is bound. */
export type CallOf<R extends RouteSpec> = Call<Asked<R>['params'], Asked<R>['query'], Asked<R>['body']>;

/** What a handler returns. */
export interface Answer<B = unknown> {
  /** What the contract says by default, which is 200 where it says nothing. */
  readonly status?: number;
  /** Sent as JSON; with `contentType` a string or bytes, sent as they are. */
  readonly body?: B;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The version of what was read or written; sent as `ETag: "n"`. */
  readonly etag?: number;
  readonly contentType?: string;
  /** The body as JSON, where it is written already. */
  readonly text?: string;
  /** Sent chunk by chunk, instead of `body`; needs `contentType`. */
  readonly stream?: AsyncIterable<Uint8Array>;
}

/** For what links in notices lead to: a browser gets the answer as a page. */
export type HtmlPage<B = unknown> = (body: B) => PageText;

/** Returns an answer, or returns or throws a Problem; any other exception becomes a 500. */
export type Handler<R extends RouteSpec> = (
  call: CallOf<R>,
) => Answer<AnswerOf<R>> | Problem | Promise<Answer<AnswerOf<R>> | Problem>;

/** A route with what serves it. The schemas have checked what it is given, so the exact types are forgotten. */
export interface BoundRoute extends RouteSpec {
  readonly work: Work;
  readonly handler: (call: Call<never, never, never>) => Answer | Problem | Promise<Answer | Problem>;
  readonly page?: HtmlPage<Readonly<Record<string, unknown>>>;
  readonly check?: (body: never) => readonly ProblemError[];
}

/** What serves a route beside its handler. */
export interface BindOptions<R extends RouteSpec> {
  readonly page?: HtmlPage<AnswerOf<R>>;
  /** What is wrong with a body that its schema can't tell; asked before an Idempotency-Key belongs to the request. */
  readonly check?: (body: CallOf<R>['body']) => readonly ProblemError[];
}

/** What is known of a request when its answer has been made; for metrics. */
export interface RequestInfo {
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly milliseconds: number;
  readonly principal: Principal | undefined;
}

/** Whoever asks too much comes again later. */
export interface Throttled {
  readonly retryAfterSeconds: number;
  /** Whose limit is reached, when it is not the caller's. */
  readonly of?: string;
  /** What the problem says beside that: a limit that people have set, and how much it is. */
  readonly limit?: { readonly limit: string; readonly most: number };
}

/** What the application gives to the edge. */
export interface Edge {
  /** The only place where credentials and identity headers are read. */
  principalOf(envelope: Envelope): Principal | Problem | Promise<Principal | Problem>;
  /** What is told to whoever would have that level, had it proven more of itself; undefined when it would not. */
  unproven?(principal: Principal, needs: Level): Problem | undefined;
  /** What is told to whoever would begin something in a tenant that was closed; undefined where it was not. */
  over?(principal: Principal): Problem | undefined;
  /** Rate limit: one request of this principal, now. */
  permits(principal: Principal): { readonly allowed: true } | Throttled;
  /** A request under an Idempotency-Key comes: 0, or the seconds after which to come again with that key. */
  paces?(principal: Principal, key: string): number;
  /** Whether the host can take it now: 0, or the seconds after which to come again. */
  admits?(work: Work, principal: Principal): number;
  /** The same of one that was let in some time ago: it is not counted once more. */
  admitsStill?(work: Work, principal: Principal): number;
  /**
   * Whether what was let in may begin, as what is under way always may: at once when undefined, or when this resolves;
   * or the seconds after which to come again.
   * @param bytes of its body; `Infinity` when nobody knows
   */
  turn?(work: Work, principal: Principal, bytes: number): Promise<void> | number | undefined;
  /** What a request that was let in costs, known when its body has been read; a plain one costs 1. */
  charge?(work: Work, principal: Principal, cost: number): void;
  /** What a large answer costs beside its request, known when it has been made, in plain requests. */
  weigh?(principal: Principal, cost: number): void;
  /** Somebody has asked, whether it is let in or not; `route`: what for, by its name. */
  heard?(principal: Principal, route?: string): void;
  /**
   * Calls `end` with what its caller is to be told, once what it has shown holds no more; calling what is returned ends
   * the watch.
   */
  watch?(principal: Principal, end: (problem: Problem) => void): () => void;
  /** What is told to whoever was let in, once what it has shown holds no more; undefined while it does. */
  ended?(principal: Principal): Problem | undefined;
  /** Brings a call to the gate that policy wants approved first; answers what its caller is told. */
  hold?(call: Call<unknown, unknown, unknown>, problem: Problem): Promise<Problem>;
  /** Claims an Idempotency-Key for a request; see `Keys`. */
  claim(claim: KeyClaim): Promise<Claimed>;
  /** Seals, masks and opens personal data; without it nothing that is marked is taken or shown. */
  readonly personal?: OfPersonal;
  onRequest?(info: RequestInfo): void;
}

export const DEFAULT_BODY_LIMIT = 1_000_000;
const MAX_ERRORS = 50;
/** Bytes of an answer that its request pays for; each further so many cost as much as a plain request. */
const ANSWER_BYTES = 64 * 1024;
/** Bytes of a message at another door that is read at once: signs of life are small, and never wait. */
const SMALL_MESSAGE = 64 * 1024;
/** For so long it counts that a request was let in by its headers, until its body is there. */
const LET_IN_FOR_MS = 1_000;

const APPROVAL_NEEDED = typeOf('approval-needed');

let edge: Edge | undefined;
const definitions: BoundRoute[] = [];
/** Every path that is served, those without a definition too. */
const shapes: Shape[] = [];
/** By the template of a resource: what can't be its id. */
const takenIds = new Map<string, ReadonlySet<string>>();

/** Sets what all routes use; called once, before the first request. */
export function setEdge(value: Edge): void {
  edge = value;
}

/** The routes so far, in order of declaration; the source of the OpenAPI document. */
export function routes(): readonly BoundRoute[] {
  return definitions;
}

/**
 * The methods that a path knows, of those routes that name it most exactly: what a literal hides is not there for its
 * caller. None when there is no such path.
 */
export function methodsAt(path: string): string[] {
  const given = pathOf(path);
  const fitting = shapes.filter(({ template }) => match(template, given) !== undefined);
  const literals = ({ template }: Shape) => template.filter(({ kind }) => kind === 'literal').length;
  const most = Math.max(...fitting.map(literals));
  return [...new Set(fitting.filter((shape) => literals(shape) === most).map(({ method }) => method))].sort();
}

/**
 * The id, unless a literal of another route stands in its way, in whatever case: then no path would lead to what has
 * it. Throws a Problem (400).
 * @param template of the resource, ending with the id: `/v1/agents/{id}`
 */
export function reachableId(template: string, id: string): string {
  let taken = takenIds.get(template);
  if (taken === undefined) takenIds.set(template, (taken = takenAt(shapes, parseTemplate(template))));
  if (!taken.has(id.toLowerCase())) return id;
  throw Problem.invalid(`Nothing here can be called ${id}.`, [
    { parameter: 'id', message: 'is a part of the address of something else, which would hide it: choose another' },
  ]);
}

/** What a GET offers can be looked at without its body too. */
function methodsOf(method: HttpMethod): HttpMethod[] {
  return method === 'GET' ? ['GET', 'HEAD'] : [method];
}

function register(
  name: string,
  path: string,
  methods: HttpMethod[],
  handler: (request: HttpRequest) => Promise<HttpResponseInit>,
): void {
  const template = parseTemplate(path);
  // What takes every path is the place of nothing.
  if (template[0]?.kind !== 'rest') shapes.push(...methods.map((method) => ({ method, template })));
  app.http(name, { methods, route: path.slice(1), authLevel: 'anonymous', handler });
}

/**
 * Declares a route that is open to every caller that reaches the host: it says nothing about anybody's data, or takes
 * nothing for granted.
 */
export function openRoute(
  name: string,
  path: string,
  handler: (request: HttpRequest) => HttpResponseInit | Promise<HttpResponseInit>,
  methods: HttpMethod[] = methodsOf('GET'),
): void {
  register(name, path, methods, async (request) => {
    try {
      return await handler(request);
    } catch (error) {
      return problemResponse(problemOf(name, error));
    }
  });
}

/** The same for whoever is known. */
export function knownRoute(
  name: string,
  path: string,
  handler: (caller: Principal) => Promise<HttpResponseInit>,
): void {
  openRoute(name, path, async (request) => {
    const caller = await requireEdge().principalOf(envelopeOf(request));
    if (caller instanceof Problem) throw caller;
    return await handler(caller);
  });
}

/**
 * Another door to the same routes: whoever comes is known and counted by the headers alone, before a body is read.
 *
 * @param check what of the headers keeps a request out; it throws a Problem
 */
export function doorRoute(
  name: string,
  path: string,
  methods: HttpMethod[],
  check: (envelope: Envelope) => void,
  handler: (request: HttpRequest, caller: Principal) => Promise<HttpResponseInit>,
): void {
  const come = async (envelope: Envelope): Promise<Entered> => {
    try {
      check(envelope);
    } catch (error) {
      return refused(name, undefined, error, performance.now());
    }
    return await counted(name, envelope);
  };
  const handle = async (request: HttpRequest): Promise<HttpResponseInit> => {
    const { principal, refusal } = enteredBy(request) ?? (await come(envelopeOf(request)));
    if (refusal !== undefined) return problemResponse(refusal);
    const caller = principal as Principal;
    try {
      await toRead(request, caller);
      const response = await handler(request, caller);
      weigh(caller, response);
      return response;
    } catch (error) {
      return problemResponse(problemOf(name, error));
    }
  };
  setEntrance(handle, async (envelope) => {
    const started = performance.now();
    const entered = await come(envelope);
    if (entered.refusal === undefined) return { entered };
    const response = problemResponse(entered.refusal);
    tell(name, envelope.method, response, started, entered.principal);
    return { refused: response };
  });
  register(name, path, methods, handle);
}

/** Reading a message takes time of its tenant; a large one waits for its turn, and may come too late, as a read may. */
async function toRead(request: HttpRequest, caller: Principal): Promise<void> {
  if (bytesOf(request) <= SMALL_MESSAGE) {
    void edge?.turn?.('underway', caller, 0);
    return;
  }
  checkLoad({ work: 'read' }, caller);
  await turnOf({ work: 'read' }, request, caller);
}

/** Methods whose requests have no body, unless they say so. */
const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE']);

/** Bytes of its body; what is not said may be any number. */
function bytesOf({ method, headers }: HttpRequest): number {
  const length = headers.get('content-length');
  if (length === null) return WITHOUT_BODY.has(method) && !headers.has('transfer-encoding') ? 0 : Infinity;
  const bytes = Number(length);
  return bytes >= 0 ? bytes : Infinity;
}

/** The names of a path's placeholders. */
function placeholders(path: string): string[] {
  return Array.from(path.matchAll(/\{\*?([^}]+)\}/g), (match) => match[1]!);
}

/**
 * Registers what serves a route of the contract. Throws when the contract contradicts itself, or what is bound already.
 */
export function bindRoute<R extends RouteSpec>(
  spec: R,
  handler: Handler<R>,
  { page, check }: BindOptions<R> = {},
): void {
  const { name, method, path, params, body } = spec;
  const declared = Object.keys(params?.shape ?? {});
  if (declared.toSorted().join() !== placeholders(path).toSorted().join())
    throw new Error(`route ${name}: params has ${declared.join(', ') || 'nothing'}, the path is ${path}`);
  if (body !== undefined && method === 'GET') throw new Error(`route ${name}: a GET has no body`);
  checkDocumented(spec);
  const bound: BoundRoute = { ...spec, work: workOf(spec), handler, page: page as BoundRoute['page'], check };
  definitions.push(bound);
  const handle = (request: HttpRequest) => serve(bound, request);
  setEntrance(handle, (envelope) => atEntrance(bound, envelope));
  register(name, path, methodsOf(method), handle);
}

async function serve(definition: BoundRoute, request: HttpRequest): Promise<HttpResponseInit> {
  const started = performance.now();
  const { principal, refusal, at } = enteredBy(request) ?? (await enter(definition, envelopeOf(request)));
  let response: HttpResponseInit;
  let goesOn = false;
  try {
    if (refusal !== undefined) throw refusal;
    const caller = principal as Principal;
    const turn = turnOf(definition, request, caller);
    if (turn !== undefined) await turn;
    if (performance.now() - at > LET_IN_FOR_MS) checkLoadAgain(definition, caller);
    const attributes = {
      'http.request.method': definition.method,
      'http.route': definition.path,
      'formicary.tenant': caller.tenant,
    };
    const answer = await traced(
      `${definition.method} ${definition.path}`,
      'server',
      readTraceparent(request.headers.get('traceparent')),
      attributes,
      async (traceparent) => answered(definition, await received(definition, request, caller, traceparent)),
    );
    // What was found by then is not for whoever may not ask any more.
    const end = endOf(request);
    if (end instanceof Problem) throw end;
    goesOn = !(answer instanceof Problem) && answer.stream !== undefined;
    response =
      answer instanceof Problem
        ? problemResponse(answer)
        : answerResponse(asPage(definition, answer, request), definition, request);
  } catch (error) {
    response = problemResponse(hasGone(request, error) ? GONE : problemOf(definition.name, error));
  }
  if (!goesOn) unwatch(request);
  if (principal !== undefined) weigh(principal, response);
  tell(definition.name, request.method, response, started, principal);
  return response;
}

/** Whoever asks for much by few requests is limited alike; what a stream gives its client takes as it can. */
function weigh(principal: Principal, { body }: HttpResponseInit): void {
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.byteLength : 0;
  if (bytes > ANSWER_BYTES) edge?.weigh?.(principal, bytes / ANSWER_BYTES - 1);
}

/** The answer as its caller may see it. */
async function answered(definition: BoundRoute, call: Call<never, never, never>): Promise<Answer | Problem> {
  const answer = await handled(definition, call);
  return answer instanceof Problem ? answer : await shown(definition, call, answer, edge?.personal);
}

function tell(
  route: string,
  method: string,
  { status = 200 }: HttpResponseInit,
  started: number,
  principal: Principal | undefined,
): void {
  edge?.onRequest?.({ route, method, status, milliseconds: performance.now() - started, principal });
}

/** Who asks, and whether it is let in: nothing but headers is needed for that. Never rejects. */
async function enter(definition: BoundRoute, envelope: Envelope): Promise<Entered> {
  const asked = await counted(definition.name, envelope);
  return asked.refusal === undefined
    ? admitted(definition, asked.principal as Principal, envelope.header, asked.at)
    : asked;
}

/** Who asks, and that they have asked, which is counted: refused callers are limited too. Never rejects. */
async function counted(name: string, envelope: Envelope): Promise<Entered> {
  const at = performance.now();
  let principal: Principal | undefined;
  try {
    const found = await requireEdge().principalOf(envelope);
    if (found instanceof Problem) throw found;
    principal = found;
    countRequest(principal);
    return { principal, refusal: undefined, at };
  } catch (error) {
    return refused(name, principal, error, at);
  }
}

/** Whether somebody who is known and was counted is let in to a route. */
function admitted(definition: BoundRoute, principal: Principal, header: HeaderOf, at: number): Entered {
  try {
    admit(definition, principal);
    checkKey(definition, principal, header('idempotency-key'));
    checkLoad(definition, principal);
    return { principal, refusal: undefined, at };
  } catch (error) {
    return refused(definition.name, principal, error, at);
  }
}

function refused(name: string, principal: Principal | undefined, error: unknown, at: number): Entered {
  // Nothing more is asked of whoever is told to come later.
  if (principal !== undefined) edge?.heard?.(principal, name);
  return { principal, refusal: problemOf(name, error), at };
}

/**
 * Serves a route for a caller who has come by another door, which knows and has counted them: as if they had sent that
 * request over HTTP.
 */
export async function serveWithin(
  definition: BoundRoute,
  request: HttpRequest,
  principal: Principal,
): Promise<HttpResponseInit> {
  attachEntered(
    request,
    admitted(definition, principal, (name) => request.headers.get(name), performance.now()),
  );
  return await serve(definition, request);
}

/** Refuses before anything but the headers is read, which is what an overload has most of. */
async function atEntrance(definition: BoundRoute, envelope: Envelope): ReturnType<Entrance> {
  const started = performance.now();
  const entered = await enter(definition, envelope);
  if (entered.refusal === undefined) return { entered };
  const response = problemResponse(entered.refusal);
  tell(definition.name, envelope.method, response, started, entered.principal);
  return { refused: response };
}

/**
 * Runs the handler. A key belongs to the first request that is well-formed, whatever becomes of it: on every route that
 * changes something, before anything is done. The answer waits until that is as durable as what was done.
 */
async function handled(definition: BoundRoute, call: Call<never, never, never>): Promise<Answer | Problem> {
  const { idempotencyKey: key, request, principal, now } = call;
  if (key === undefined || request === undefined) return await answerTo(definition, call);
  const claimed = await requireEdge().claim({
    tenant: principal.tenant,
    principal: principal.id,
    key,
    request,
    at: now,
  });
  if (claimed.request !== request) throw rejected(KEY_REUSED);
  const answer = await answerTo(definition, call);
  await claimed.kept;
  return answer;
}

/** What people have to approve comes to the gate with that. */
async function answerTo(definition: BoundRoute, call: Call<never, never, never>): Promise<Answer | Problem> {
  const answer = await attempted(definition, call);
  const isHeld = answer instanceof Problem && answer.document.type === APPROVAL_NEEDED;
  return isHeld && edge?.hold !== undefined ? await edge.hold(call, answer) : answer;
}

/** A handler may return what is wrong, or throw it. */
export async function attempted(definition: BoundRoute, call: Call<never, never, never>): Promise<Answer | Problem> {
  try {
    return await definition.handler(call);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

function requireEdge(): Edge {
  if (edge === undefined) throw new Error('setEdge was not called');
  return edge;
}

/** Counts a request of somebody; throws a Problem (429) when that is one too many. */
export function countRequest(principal: Principal): void {
  const permit = requireEdge().permits(principal);
  if (!('retryAfterSeconds' in permit)) return;
  const seconds = inTenths(permit.retryAfterSeconds);
  const detail = `The limit of ${permit.of ?? principal.id} is reached; try again in ${seconds} s.`;
  throw Problem.later('too-many-requests', detail, seconds, permit.limit);
}

/**
 * In a tenant that was closed nothing is begun, and no body read: no key is claimed there, nothing sealed, no payload
 * kept.
 */
function admit(definition: BoundRoute, principal: Principal): void {
  if (!includesLevel(principal.level, definition.needs)) {
    throw (
      requireEdge().unproven?.(principal, definition.needs) ??
      Problem.of('forbidden', `This needs the level ${definition.needs}; ${principal.id} holds ${principal.level}.`)
    );
  }
  if (definition.method === 'GET' || definition.afterClose === true) return;
  const over = requireEdge().over?.(principal);
  if (over !== undefined) throw over;
}

/** Whoever asks the same again and again without a pause learns nothing new by it. */
function checkKey({ method }: BoundRoute, principal: Principal, key: string | null): void {
  // One that is none is refused when it is read: what is remembered of each has a bound.
  if (key === null || !isIdempotencyKey(key) || method === 'GET') return;
  const wait = requireEdge().paces?.(principal, key) ?? 0;
  if (wait <= 0) return;
  const seconds = inTenths(wait);
  const detail = `This Idempotency-Key comes more often than retries do; try again with it in ${seconds} s.`;
  throw Problem.later('too-many-requests', detail, seconds);
}

/**
 * What has to wait while the host is late hears so before its body is read.
 */
function checkLoad({ work }: Pick<BoundRoute, 'work'>, principal: Principal): void {
  const wait = requireEdge().admits?.(work, principal) ?? 0;
  if (wait > 0) throw overloaded(wait, HOST_LATE);
}

/** The turn of the caller's tenant, where it has to be waited for; whoever has gone meanwhile does not begin. */
function turnOf(
  { work, name }: Pick<BoundRoute, 'work'> & { readonly name?: string },
  request: HttpRequest,
  principal: Principal,
): Promise<void> | undefined {
  const turn = edge?.turn?.(work, principal, bytesOf(request));
  if (typeof turn !== 'number') return turn?.then(() => goneSignalOf(request)?.throwIfAborted());
  edge?.heard?.(principal, name);
  throw overloaded(turn, QUEUE_FULL);
}

/**
 * Whose body, or whose turn, took its time was let in by how things were then. It is there now: whoever is refused is
 * heard.
 */
function checkLoadAgain({ work, name }: BoundRoute, principal: Principal): void {
  const wait = requireEdge().admitsStill?.(work, principal) ?? 0;
  if (wait <= 0) return;
  edge?.heard?.(principal, name);
  throw overloaded(wait, HOST_LATE);
}

/** A wait as callers are told of it: whoever is told to wait for too long leaves a host idle that has room again. */
function inTenths(seconds: number): number {
  return Math.max(1, Math.ceil(seconds * 10)) / 10;
}

/** Why a request that can wait is refused. */
const HOST_LATE = 'The host is late, and what is under way comes first';
const QUEUE_FULL = 'More of your tenant waits for its turn than begins soon';

/** Refusals for an overload, by what they say: many at once are alike, and each is to cost next to nothing. */
const refusals = new Map<string, Problem>();

function overloaded(wait: number, why: string): Problem {
  const seconds = inTenths(wait);
  const detail = `${why}; try again in ${seconds} s, with the same Idempotency-Key.`;
  let refusal = refusals.get(detail);
  if (refusal === undefined) refusals.set(detail, (refusal = Problem.later('overloaded', detail, seconds)));
  return refusal;
}

/**
 * A sign of life is a request that has come whole, also one that has no meaning: headers whose body never comes may be
 * those of somebody who hangs.
 */
async function received(
  definition: BoundRoute,
  request: HttpRequest,
  principal: Principal,
  traceparent: string,
): Promise<Call<never, never, never>> {
  const heard = () => edge?.heard?.(principal, definition.name);
  try {
    const call = await readCall(definition, request, principal, traceparent);
    heard();
    // Its turn, and its body, may have come long after it was let in: as late as the caller likes.
    const ended = edge?.ended?.(principal);
    if (ended !== undefined) throw ended;
    return call;
  } catch (error) {
    if (error instanceof Problem) heard();
    throw error;
  }
}

async function readCall(
  definition: BoundRoute,
  request: HttpRequest,
  principal: Principal,
  traceparent: string,
): Promise<Call<never, never, never>> {
  const { headers } = request;
  const operation = definition.name;
  const params = readParams(definition, request);
  const query = readQuery(definition, request);
  const ifMatch = readIfMatch(headers.get('if-match'));
  if (ifMatch !== undefined && definition.conditional === false)
    throw parameterProblem('If-Match', 'is not understood here: this changes no single resource');
  const idempotencyKey = readIdempotencyKey(headers.get('idempotency-key'));
  if (isCommand(definition)) checkNames({ ...params, ...query, 'Idempotency-Key': idempotencyKey });
  const sending = { principal, operation, idempotencyKey };
  const body =
    definition.body === undefined ? undefined : await readBody(definition.body, definition, request, sending);
  edge?.charge?.(definition.work, principal, definition.cost?.(body as never) ?? 1);
  const keyed = idempotencyKey !== undefined && definition.method !== 'GET';
  return {
    operation,
    template: definition.path,
    principal,
    params: params as never,
    query: query as never,
    ifMatch,
    idempotencyKey,
    request: keyed ? commandHash({ operation, params, query, body }) : undefined,
    traceparent,
    body: body as never,
    header: (name) => headers.get(name),
    get signal() {
      return endSignalOf(request, (end) => edge?.watch?.(principal, end) ?? (() => undefined));
    },
    get gone() {
      return goneSignalOf(request);
    },
    now: systemClock.now(),
  };
}

// ------------------------------------------------------------------------------------------------------ reading

function readParams({ params, path }: BoundRoute, request: HttpRequest): Record<string, unknown> {
  if (params === undefined) return {};
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.params)) {
    if (!isSafeText(value)) throw parameterProblem(name, 'must not contain NUL characters');
    values[name] = path.endsWith(`{*${name}}`) ? readRest(value) : value;
  }
  const result = params.safeParse(values);
  if (!result.success) throw Problem.invalid('A path parameter is not valid.', parameterErrors(result.error));
  return result.data;
}

/**
 * What takes the rest of a path. A slash at its end counts nowhere, the host leaves it there; one that is encoded, as
 * generated clients send it, the host leaves encoded.
 */
function readRest(value: string): string {
  return (value.endsWith('/') ? value.slice(0, -1) : value).replaceAll(/%2f/gi, '/');
}

/** What a query holds that is no UTF-8 would be read as something else, without a word. */
function checkEncoding(url: string): void {
  const at = url.indexOf('?');
  if (at < 0 || !url.includes('%', at)) return;
  for (const part of url.slice(at + 1).split('&')) {
    try {
      decodeURIComponent(part);
    } catch {
      throw parameterProblem(new URLSearchParams(part).keys().next().value ?? '', 'is not well percent-encoded UTF-8');
    }
  }
}

function readQuery({ query }: BoundRoute, request: HttpRequest): Record<string, unknown> {
  checkEncoding(request.url);
  const values: Record<string, string> = {};
  for (const [name, value] of request.query) {
    if (query === undefined || !Object.hasOwn(query.shape, name)) throw parameterProblem(name, 'is not known here');
    if (Object.hasOwn(values, name)) throw parameterProblem(name, 'is given more than once');
    if (!isSafeText(value)) throw parameterProblem(name, 'must not contain NUL characters');
    values[name] = value;
  }
  if (query === undefined) return values;
  const result = query.safeParse(values);
  if (!result.success) throw Problem.invalid('A query parameter is not valid.', parameterErrors(result.error));
  return result.data;
}

async function readBody(
  schema: z.ZodType,
  { bodyLimit = DEFAULT_BODY_LIMIT, check }: BoundRoute,
  request: HttpRequest,
  sending: Sending,
): Promise<unknown> {
  if (Number(request.headers.get('content-length')) > bodyLimit) throw tooLarge(bodyLimit);
  const bytes = await request.arrayBuffer();
  if (bytes.byteLength > bodyLimit) throw tooLarge(bodyLimit);
  const isNothing = bytes.byteLength === 0 && isOptionalBody(schema);
  const encoding = request.headers.get('content-encoding') ?? 'identity';
  if (!isNothing && encoding.trim().toLowerCase() !== 'identity')
    throw Problem.of('unsupported-media-type', 'The body must be sent as it is, without a content-encoding.');
  if (!isNothing && !isJson(request.headers.get('content-type'))) {
    throw Problem.of('unsupported-media-type', 'The body must be sent as content-type: application/json.');
  }
  const result = schema.safeParse(isNothing ? {} : await takenIn(bytes, sending));
  if (!result.success) throw misformed('body', result.error);
  const errors = check?.(result.data as never) ?? [];
  if (errors.length > 0) throw Problem.invalid('The body does not have the required form.', errors);
  return result.data;
}

/** What a body says, without secrets, and with what is personal in it sealed. */
async function takenIn(bytes: ArrayBuffer, sending: Sending): Promise<unknown> {
  const body = parseJson(bytes);
  // Faster to read than UTF-8, and alike in all that is looked for.
  const text = Buffer.from(bytes).toString('latin1');
  checkSecrets(body, text);
  return await sealedBody(body, text, sending, edge?.personal);
}

/** A log that many read, and that is never rewritten, takes no secret. What is said of one repeats nothing of it. */
function checkSecrets(body: unknown, text: string): void {
  if (!mayHoldSecret(text)) return;
  const found = secretsIn(body, MAX_ERRORS);
  if (found.length > 0) throw secretRefused(found);
}

/** The same of what stands beside the body of a command: ids, purposes and keys are kept as well. */
function checkNames(values: Readonly<Record<string, unknown>>): void {
  const found = Object.entries(values).flatMap(([parameter, value]) => {
    const shape = typeof value === 'string' ? secretIn(value) : undefined;
    return shape === undefined ? [] : [{ parameter, message: `looks like ${shape}` }];
  });
  if (found.length > 0) throw secretRefused(found);
}

function secretRefused(errors: readonly ProblemError[]): Problem {
  return Problem.of(
    'secret-refused',
    'The request holds what looks like a secret; nothing was stored. Keep it in a vault, and send what it is called there.',
    { errors },
  );
}

const optionalBodies = new WeakMap<z.ZodType, boolean>();

/** Whether a command may come without a body: it needs no field. */
export function isOptionalBody(schema: z.ZodType): boolean {
  let isOptional = optionalBodies.get(schema);
  if (isOptional === undefined)
    optionalBodies.set(schema, (isOptional = schema.type === 'object' && schema.safeParse({}).success));
  return isOptional;
}

function tooLarge(limit: number): Problem {
  return Problem.of('payload-too-large', `The body may have at most ${limit} bytes.`, { limit });
}

function isJson(contentType: string | null): boolean {
  return contentType !== null && /^application\/json\s*(;\s*charset="?utf-8"?\s*)?$/i.test(contentType);
}

function isIdempotencyKey(value: string): boolean {
  return /^[\x21-\x7e]{1,200}$/.test(value);
}

function readIdempotencyKey(value: string | null): string | undefined {
  if (value === null) return undefined;
  if (!isIdempotencyKey(value)) throw parameterProblem('Idempotency-Key', 'must be 1 to 200 visible ASCII characters');
  return value;
}

function readIfMatch(value: string | null): number | undefined {
  if (value === null) return undefined;
  const version = /^"(0|[1-9]\d{0,14})"$/.exec(value)?.[1];
  if (version === undefined) throw parameterProblem('If-Match', 'must be one version in quotes, for example "7"');
  return Number(version);
}

/** W3C Trace Context: version 00 has exactly four fields, later versions may append some, ff is forbidden. */
function readTraceparent(value: string | null): string | undefined {
  if (value === null) return undefined;
  const match = /^(?!ff)([\da-f]{2})-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}(-.*)?$/.exec(value);
  if (match === null || (match[1] === '00' && match[2] !== undefined)) return undefined;
  return `00${value.slice(2, 55)}`;
}

// ----------------------------------------------------------------------------------------------- what was wrong

function parameterProblem(parameter: string, message: string): Problem {
  return Problem.invalid(`The parameter ${parameter} ${message}.`, [{ parameter, message }]);
}

function parameterErrors(error: z.ZodError): ProblemError[] {
  return causes(error.issues)
    .slice(0, MAX_ERRORS)
    .map(({ path, message }) => ({ parameter: path.join('.'), message }));
}

/** What is wrong with a body, or a part of one, that has not the form of its schema: `what` is its name. */
export function misformed(what: string, error: z.ZodError): Problem {
  const errors = causes(error.issues)
    .slice(0, MAX_ERRORS)
    .map(({ path, message }) => ({ pointer: jsonPointer(path), message }));
  return Problem.invalid(`The ${what} does not have the required form.`, errors);
}

/** What is wrong, and where. */
interface Cause {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/**
 * The causes of issues: unknown fields one by one, of a union those of the form that was meant, of a map's name what is
 * wrong with it.
 */
function causes(issues: readonly Issue[], above: readonly PropertyKey[] = []): Cause[] {
  return issues.flatMap((issue): Cause[] => {
    const path = [...above, ...issue.path];
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ path: [...path, key], message: 'is not a known field' }));
    if (issue.code === 'invalid_union' && issue.errors.length > 0) return unionCauses(issue.errors, path);
    if (issue.code === 'invalid_key' && issue.issues.length > 0)
      return causes(issue.issues, path).map(({ message }) => ({
        path,
        message: `has a name that is not accepted: ${message}`,
      }));
    if (issue.code === 'invalid_element' && issue.issues.length > 0) return causes(issue.issues, path);
    return [{ path, message: inWords(issue.message) }];
  });
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
  /** Of a value of any kind. */
  nonoptional: 'a value',
};
const BOUNDS: Readonly<Record<string, string>> = {
  '<=': 'at most',
  '>=': 'at least',
  '<': 'less than',
  '>': 'more than',
};

/**
 * What the schemas' library says of itself, in words that go on after the name of the field; what our schemas say stays
 * as it is.
 */
function inWords(message: string): string {
  const [, expected, received] = /^Invalid input: expected (\w+), received (\w+)$/.exec(message) ?? [];
  if (expected === 'int' && received === 'number') return 'must be a whole number';
  if (expected !== undefined && received !== undefined)
    return received === 'undefined'
      ? `is missing: it must be ${kindOf(expected)}`
      : `must be ${kindOf(expected)}, not ${kindOf(received)}`;
  const [, verb, bound, limit] = /^Too (?:big|small): expected \w+ to (be|have) ([<>]=?)(.*)$/.exec(message) ?? [];
  if (verb !== undefined && bound !== undefined) return `must ${verb} ${BOUNDS[bound]} ${limit}`;
  const [, value] = /^Invalid input: expected (.*)$/.exec(message) ?? [];
  if (value !== undefined) return `must be ${value}`;
  const [, options] = /^Invalid option: expected one of (.*)$/.exec(message) ?? [];
  return options === undefined ? message : `must be one of ${options.replaceAll('|', ', ')}`;
}

function kindOf(type: string): string {
  return KINDS[type] ?? type;
}

/**
 * Of the forms that a value may have, the one that it comes nearest to says what is wrong; when it is like none, all
 * say what they take.
 */
function unionCauses(branches: readonly (readonly Issue[])[], path: readonly PropertyKey[]): Cause[] {
  const isOther = (issue: Issue) =>
    issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');
  const near = branches.filter((issues) => !issues.some(isOther)).map((issues) => causes(issues, path));
  const [nearest] = near.sort((a, b) => a.length - b.length);
  if (nearest !== undefined) return nearest;
  const messages = new Set(
    branches.flatMap((issues) => causes(issues.filter(isOther), path)).map(({ message }) => message),
  );
  return [{ path, message: [...messages].join('; or: ') }];
}

/** Whether it was given up because nobody waits for it any more: no defect. */
function hasGone(request: HttpRequest, error: unknown): boolean {
  const signal = goneSignalOf(request);
  return signal?.aborted === true && signal.reason === error;
}

const GONE = Problem.later('unavailable', 'The host is stopping; try again.', 1);

function problemOf(route: string, error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof AlteredReceipt) return altered(error);
  if (error instanceof AlteredPayload)
    return Problem.of(
      'payload-altered',
      `The payload ${error.message}. Put it back from a backup; formicary verify names all that are like it.`,
      { reference: error.reference },
    );
  return error instanceof StoreBusy ? busy(error) : unexpected(route, error);
}

/** Backpressure: no defect, so nothing for the log. What the adapters count says how much of it there is. */
function busy({ retryAfterSeconds }: StoreBusy): Problem {
  const detail = `The store has more to do than it can; try again in ${retryAfterSeconds} s, with the same Idempotency-Key.`;
  return Problem.later('unavailable', detail, retryAfterSeconds);
}

/** What stands in the log is not what was written: nobody is told more of it, and nothing is written after it. */
function altered(receipt: AlteredReceipt): Problem {
  const detail = `The receipt ${receipt.message}. Its stream is neither read nor written until that is repaired: stop the host and run npx formicary verify.`;
  return Problem.of('receipt-altered', detail, { receipt: receipt.ref });
}

/**
 * A defect, or a store that can't be reached: the log gets the exception without the request's data, the caller only an
 * id to ask with.
 */
function unexpected(route: string, error: unknown): Problem {
  const id = randomUUID();
  logFailure({ route, errorId: id }, error);
  if (error instanceof StoreUnavailable) {
    return Problem.of(
      'unavailable',
      "The store can't be reached; it is not known whether this was done. Try again, with the same Idempotency-Key.",
      { errorId: id },
      { 'retry-after': '1' },
    );
  }
  return Problem.of('internal-error', 'Something unexpected happened; the log has more under this errorId.', {
    errorId: id,
  });
}

// ---------------------------------------------------------------------------------------------------- answering

/** What a browser asks for is meant for people. */
function asPage({ page }: BoundRoute, answer: Answer, { headers }: HttpRequest): Answer {
  if (page === undefined) return answer;
  const vary = { ...answer.headers, vary: 'accept' };
  if ((answer.status ?? 200) !== 200 || headers.get('accept')?.includes('text/html') !== true)
    return { ...answer, headers: vary };
  const body = answer.body as Readonly<Record<string, unknown>>;
  const policy = { ...vary, 'content-security-policy': PAGE_POLICY, 'referrer-policy': 'no-referrer' };
  return { ...answer, headers: policy, body: pageOf(page(body), body), contentType: 'text/html; charset=utf-8' };
}

function answerResponse(
  answer: Answer,
  definition: BoundRoute,
  { method, headers: asked }: HttpRequest,
): HttpResponseInit {
  const { status = definition.status ?? 200, body, contentType, etag, stream, text } = answer;
  const headers: Record<string, string> = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...answer.headers,
  };
  const isRead = method === 'GET' || method === 'HEAD';
  if (etag !== undefined) headers['etag'] = `"${etag}"`;
  if (etag !== undefined && isRead && status === 200 && isKnown(asked.get('if-none-match'), etag))
    return { status: 304, headers };
  if (contentType !== undefined) {
    headers['content-type'] = contentType;
    // A stream that nobody reads is not begun.
    return {
      status,
      headers,
      body:
        method === 'HEAD' && stream !== undefined ? undefined : (stream ?? (body as string | Uint8Array | undefined)),
    };
  }
  if (body === undefined) return { status, headers };
  headers['content-type'] = 'application/json; charset=utf-8';
  return { status, headers, body: text ?? JSON.stringify(body) };
}

/** Whether `If-None-Match` names the version, weakly or not. */
function isKnown(header: string | null, etag: number): boolean {
  if (header === null) return false;
  return header.trim() === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === `"${etag}"`);
}

function problemResponse({ document, headers, body }: Problem): HttpResponseInit {
  return {
    status: document.status,
    headers: {
      'content-type': PROBLEM_CONTENT_TYPE,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
    body,
  };
}
