/** Requests of the API, typed by the contract: the window can do what its person's token lets it do, and no more. */
import type { AnswerOf, KeyOf, RequestOf, RouteSpec } from '../../contract/route';
import { texts } from '../texts';
import { Failure, failureOf } from './failure';
import { authorization, forgetToken, signedIn } from './session';

interface Options {
  readonly signal?: AbortSignal;
  /** Makes the retry of a command safe; a new one for each command by default. */
  readonly idempotencyKey?: string;
}

const TRIES = 4;
/** The longest that an answer may ask a person to wait for a retry, in seconds. */
const PATIENCE = 5;

/** Makes a request of a route, for example `call<typeof tasks.get>('GET /v1/tasks/{id}', { params: { id } })`. */
export async function call<R extends RouteSpec>(
  key: KeyOf<R>,
  request: RequestOf<R>,
  options?: Options,
): Promise<AnswerOf<R>> {
  return (await perform(key, request as Parts, options)) as AnswerOf<R>;
}

/** Makes the request of a plan, which the grammar has put together: its route, and its parts by their names. */
export async function perform(
  key: string,
  { params = {}, query = {}, body }: Parts,
  { signal, idempotencyKey = crypto.randomUUID() }: Options = {},
): Promise<unknown> {
  const [method, template] = key.split(' ') as [string, string];
  const path = template.replace(/\{\*?([^}]+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const init: RequestInit = { method, signal };
  if (method !== 'GET') {
    init.headers = {
      'idempotency-key': idempotencyKey,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    if (body !== undefined) init.body = JSON.stringify(body);
  }
  return (await send(path + search(query), init)).json();
}

/** What is at an address of this host: the next page of a list, or what needs no token. */
export async function at<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await send(path, { signal })).json()) as T;
}

/**
 * The answer to a request with the person's token; tries again where the host says when, for nobody else. Throws a
 * `Failure`.
 */
export async function send(path: string, init: RequestInit): Promise<Response> {
  const who = signedIn();
  for (let tries = 1; ; tries += 1) {
    const failure = await attempt(path, init, who);
    if (failure instanceof Response) return failure;
    const again = failure.status === 401 ? tries === 1 : mayRetry(failure) && tries < TRIES;
    if (!again) throw failure;
    if (failure.status !== 401)
      await new Promise((resolve) => setTimeout(resolve, 1_000 * (failure.retryAfter ?? 0.5) * tries));
    init.signal?.throwIfAborted();
  }
}

async function attempt(path: string, init: RequestInit, who: unknown): Promise<Response | Failure> {
  let response: Response;
  let proof = '';
  try {
    const headers = new Headers(init.headers);
    proof = await authorization(who);
    headers.set('authorization', proof);
    response = await fetch(path, { ...init, headers, cache: 'no-store', redirect: 'error' });
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    // Of who gives tokens, which may be as busy as the host.
    if (error instanceof Failure && error.status !== 401) return error;
    if (error instanceof Failure) throw error;
    return new Failure(0, texts.failures.unreachable, texts.failures.unreachableDetail, 'unreachable');
  }
  if (response.status === 401) forgetToken(proof);
  return response.ok ? response : await failureOf(response);
}

function mayRetry({ status, retryAfter }: Failure): boolean {
  return (status === 429 || status === 503) && (retryAfter ?? 0) <= PATIENCE;
}

export interface Parts {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
}

function search(query: NonNullable<Parts['query']>): string {
  const given = Object.entries(query).filter(
    (entry): entry is [string, string | number | boolean] => entry[1] !== undefined,
  );
  return given.length === 0
    ? ''
    : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()}`;
}
