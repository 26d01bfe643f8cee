/** A2A over HTTP+JSON, revision 1.0: an address for each operation. */
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { Problem } from '../problem';
import { cancelTask, getExtendedCard, getTask, sendMessage, sendStreamingMessage, subscribe } from './agent';
import { A2aError, failureOf, noPush } from './errors';
import { listTasks } from './lists';
import type { Peer } from './peer';
import { HEADERS, streamed } from './server';

const CONTENT_TYPE = 'application/a2a+json';

/** What is asked for by a path below the door's, with what stands in it. */
interface Target {
  readonly operation: Operation;
  readonly id?: string;
  readonly tenant?: string;
}

type Operation = 'send' | 'stream' | 'list' | 'get' | 'cancel' | 'subscribe' | 'card' | 'push';

/** Method, path without a tenant before it, operation; of a subscription the text says POST and the proto GET. */
const TARGETS: readonly (readonly [methods: string, path: RegExp, operation: Operation])[] = [
  ['POST', /^message:send$/, 'send'],
  ['POST', /^message:stream$/, 'stream'],
  ['GET', /^tasks$/, 'list'],
  ['POST', /^tasks\/([^/]+):cancel$/, 'cancel'],
  ['POST GET', /^tasks\/([^/]+):subscribe$/, 'subscribe'],
  ['GET POST DELETE', /^tasks\/([^/]+)\/pushNotificationConfigs(?:\/[^/]+)?$/, 'push'],
  ['GET', /^tasks\/([^/]+)$/, 'get'],
  ['GET', /^extendedAgentCard$/, 'card'],
];
const SHAPES = /^(?:([^/:]+)\/)??((?:message:|tasks(?:\/|$)|extendedAgentCard$).*)$/;

/** Throws `A2aError` for a path that means nothing, or not by that method. */
function targetOf(method: string, path: string): Target {
  const [, tenant, rest = ''] = SHAPES.exec(path) ?? [];
  for (const [methods, pattern, operation] of TARGETS) {
    const found = pattern.exec(rest);
    if (found !== null && methods.split(' ').includes(method))
      return { operation, ...(found[1] !== undefined && { id: found[1] }), ...(tenant !== undefined && { tenant }) };
  }
  throw new A2aError('METHOD_NOT_FOUND', 'Nothing of A2A stands at this address, or not by this method.');
}

/**
 * Answers a request; its body, where it has one, is read only then.
 *
 * @param path below the door's
 */
export async function answerRest(peer: Peer, path: string, body: () => Promise<unknown>): Promise<HttpResponseInit> {
  const { request } = peer;
  const { operation, ...named } = targetOf(request.method, path);
  switch (operation) {
    case 'send':
      return json({ task: await sendMessage(peer, { ...(await object(body)), ...named }) });
    case 'stream':
      return await streamed(peer, sendStreamingMessage(peer, { ...(await object(body)), ...named }));
    case 'subscribe':
      return await streamed(peer, subscribe(peer, named));
    case 'cancel':
      return json(await cancelTask(peer, named));
    case 'get':
      return json(await getTask(peer, { ...queried(request), ...named }));
    case 'list':
      return json(await listTasks(peer, { ...queried(request), ...named }));
    case 'card':
      return json(await getExtendedCard(peer, named));
    case 'push':
      throw noPush();
  }
}

async function object(body: () => Promise<unknown>): Promise<object> {
  const value = await body();
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new A2aError('INVALID_PARAMS', 'The body must be an object.');
}

const NUMBERS: ReadonlySet<string> = new Set(['historyLength', 'pageSize']);

/** Values of a query are text: numbers and truth values are read, and what is none stays as it was sent. */
function queried({ query }: HttpRequest): Record<string, unknown> {
  return Object.fromEntries(
    [...query].map(([name, text]): [string, unknown] => {
      if (NUMBERS.has(name) && /^-?\d+$/.test(text)) return [name, Number(text)];
      return [name, name === 'includeArtifacts' && /^(true|false)$/.test(text) ? text === 'true' : text];
    }),
  );
}

function json(value: unknown): HttpResponseInit {
  return { status: 200, headers: { ...HEADERS, 'content-type': CONTENT_TYPE }, body: JSON.stringify(value) };
}

/** What was refused, as google.rpc.Status tells it. A defect is thrown on. */
export function restFailure(error: unknown): HttpResponseInit {
  if (!(error instanceof A2aError || error instanceof Problem)) throw error;
  const { status, name, message, details, headers } = failureOf(error);
  const body = JSON.stringify({ error: { code: status, status: name, message, details } });
  return { status, headers: { ...HEADERS, ...headers, 'content-type': CONTENT_TYPE }, body };
}
