/**
 * A2A over JSON-RPC, in both its revisions: the SDK speaks them, made anew for each request, and keeps nothing. What it
 * is asked for are operations over our routes.
 */
import type * as Wire from '@a2a-js/sdk' with { 'resolution-mode': 'import' };
import type * as Sdk from '@a2a-js/sdk/server' with { 'resolution-mode': 'import' };
import type { HttpResponseInit } from '@azure/functions';
import { abortSignalOf } from '../abort';
import { Problem } from '../problem';
import { serverSentEvents } from '../stream';
import { cancelTask, getExtendedCard, getTask, sendMessage, sendStreamingMessage, subscribe } from './agent';
import { publicCard, type Revision } from './card';
import { A2aError, failureOf, noPush } from './errors';
import { listTasks } from './lists';
import type { Peer } from './peer';

export const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/** What the SDK answers when it could not read what it was given, or when something failed. */
const INTERNAL = -32_603;

/** A request of JSON-RPC, as far as that goes. */
export interface RpcRequest {
  readonly jsonrpc: '2.0';
  readonly id?: string | number | null;
  readonly method: string;
  readonly params?: unknown;
}

/** What was parsed, if it is a request. Throws `A2aError`. */
export function rpcRequestOf(message: unknown): RpcRequest {
  const { jsonrpc, id = null, method } = (message ?? {}) as Partial<Record<keyof RpcRequest, unknown>>;
  const isId = id === null || typeof id === 'string' || Number.isSafeInteger(id);
  if (Array.isArray(message) || jsonrpc !== '2.0' || typeof method !== 'string' || method === '' || !isId)
    throw new A2aError('INVALID_REQUEST', 'Send one request of JSON-RPC 2.0: batches are not taken.');
  return message as RpcRequest;
}

/** One request of somebody, and why it failed, if it did. */
interface Exchange {
  readonly peer: Peer;
  /** As they were sent; of revision 0.3 they have to be translated first. */
  readonly params: unknown;
  failure?: unknown;
}

/** Answers one request. The SDK is loaded by the first: most hosts never speak A2A. */
export async function answerRpc(peer: Peer, revision: Revision, request: RpcRequest): Promise<HttpResponseInit> {
  const [sdk, wire] = await Promise.all([import('@a2a-js/sdk/server'), import('@a2a-js/sdk')]);
  const exchange: Exchange = { peer, params: revision === '1.0' ? request.params : undefined };
  const handler = handlerOf(wire, exchange);
  const context = new sdk.ServerCallContext({ requestedVersion: revision });
  const message = { ...request };
  const answer = (
    revision === '1.0'
      ? await new sdk.JsonRpcTransportHandler(handler).handle(message, context)
      : await new (await import('@a2a-js/sdk/compat/v0_3/server')).LegacyJsonRpcTransportHandler(handler).handle(
          message,
          context,
        )
  ) as RpcAnswer | AsyncGenerator<RpcAnswer, void, undefined>;
  if (Symbol.asyncIterator in answer) {
    try {
      return await streamed(peer, answer);
    } catch (error) {
      return rpcFailure(request.id, exchange.failure ?? error);
    }
  }
  if (answer.error === undefined) return rpcResponse(answer);
  const { failure } = exchange;
  if (failure !== undefined) return rpcFailure(request.id, failure);
  // Nothing of ours has failed, so it was not understood.
  if (answer.error.code !== INTERNAL) return rpcResponse(answer);
  return rpcFailure(request.id, new A2aError('INVALID_PARAMS', 'Invalid parameters: they have not the required form.'));
}

/**
 * Answers with what comes, as server-sent events. Rejects where the first of it is refused: then it is told as it would
 * be otherwise.
 */
export async function streamed(
  { request }: Peer,
  source: AsyncGenerator<object, void, undefined>,
): Promise<HttpResponseInit> {
  const first = await source.next();
  async function* all() {
    try {
      if (first.done !== true) yield { data: first.value };
      for await (const data of source) yield { data };
    } finally {
      await source.return();
    }
  }
  const { status, contentType, headers, stream } = serverSentEvents(all(), abortSignalOf(request));
  return { status, headers: { ...HEADERS, ...headers, 'content-type': contentType as string }, body: stream };
}

interface RpcAnswer {
  readonly jsonrpc: string;
  readonly id: string | number | null;
  readonly result?: unknown;
  readonly error?: { readonly code: number };
}

function rpcResponse(answer: object, headers: Readonly<Record<string, string>> = {}): HttpResponseInit {
  return {
    status: 200,
    headers: { ...HEADERS, ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(answer),
  };
}

/**
 * What was refused, as JSON-RPC tells it; who has not shown enough is told so by HTTP, as on every route. A defect is
 * thrown on.
 */
export function rpcFailure(id: RpcRequest['id'], error: unknown): HttpResponseInit {
  if (!(error instanceof A2aError) && (!(error instanceof Problem) || 'www-authenticate' in error.headers)) throw error;
  const { code, message, details, headers } = failureOf(error);
  return rpcResponse({ jsonrpc: '2.0', id: id ?? null, error: { code, message, data: details } }, headers);
}

/** The operations, in the forms of the SDK. */
function handlerOf(wire: typeof Wire, exchange: Exchange): Sdk.A2ARequestHandler {
  const { peer } = exchange;
  const guarded =
    <P, R>(form: { toJSON(params: P): unknown }, operation: (peer: Peer, params: unknown) => Promise<R>) =>
    async (params: P): Promise<R> => {
      try {
        return await operation(peer, exchange.params ?? form.toJSON(params));
      } catch (error) {
        exchange.failure = error;
        throw error;
      }
    };
  const task =
    <P>(form: { toJSON(params: P): unknown }, operation: typeof getTask) =>
    async (params: P): Promise<Wire.Task> =>
      wire.Task.fromJSON(await guarded(form, operation)(params));
  /** What was sent in the words of 0.3, where nobody waits unless they say so. */
  const translated = {
    toJSON: (params: Wire.SendMessageRequest): object => ({
      configuration: { returnImmediately: true },
      ...(wire.SendMessageRequest.toJSON(params) as object),
    }),
  };
  const refused = guarded({ toJSON: (params: unknown) => params }, () => Promise.reject(noPush()));
  const stream = <P>(form: { toJSON(params: P): unknown }, operation: typeof subscribe) =>
    async function* (params: P): AsyncGenerator<Wire.StreamResponse, void, undefined> {
      try {
        for await (const update of operation(peer, exchange.params ?? form.toJSON(params)))
          yield wire.StreamResponse.fromJSON(update);
      } catch (error) {
        exchange.failure = error;
        throw error;
      }
    };
  return {
    getAgentCard: () => Promise.resolve(wire.AgentCard.fromJSON(publicCard(peer.url))),
    getAuthenticatedExtendedAgentCard: async (params) =>
      wire.AgentCard.fromJSON(await guarded(wire.GetExtendedAgentCardRequest, getExtendedCard)(params)),
    sendMessage: task(translated, sendMessage),
    getTask: task(wire.GetTaskRequest, getTask),
    cancelTask: task(wire.CancelTaskRequest, cancelTask),
    listTasks: async (params) =>
      wire.ListTasksResponse.fromJSON(await guarded(wire.ListTasksRequest, listTasks)(params)),
    sendMessageStream: stream(wire.SendMessageRequest, sendStreamingMessage),
    resubscribe: stream(wire.SubscribeToTaskRequest, subscribe),
    createTaskPushNotificationConfig: refused,
    getTaskPushNotificationConfig: refused,
    listTaskPushNotificationConfigs: refused,
    deleteTaskPushNotificationConfig: refused,
  };
}
