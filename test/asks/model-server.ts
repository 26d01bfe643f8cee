/**
 * A server that speaks Chat Completions as OpenAI's API reference says: what has not the form of a request is refused
 * with 400, a wrong key with 401, and an answer is a `chat.completion`.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { z } from 'zod';

const Request = z.object({
  model: z.string().min(1),
  messages: z
    .array(z.object({ role: z.enum(['developer', 'system', 'user', 'assistant', 'tool']), content: z.string() }))
    .min(1),
  tools: z
    .array(
      z.object({
        type: z.literal('function'),
        function: z.object({
          name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
          description: z.string().optional(),
          parameters: z.looseObject({ type: z.literal('object') }).optional(),
        }),
      }),
    )
    .max(128)
    .optional(),
});
export type ModelRequest = z.output<typeof Request>;

/** A message of the assistant, or something else that is answered in its place. */
export type Reply =
  | { readonly calls: readonly (readonly [name: string, values: object | string])[] }
  | { readonly content: string }
  | { readonly status: number; readonly body: string };

export interface ModelServer {
  /** Of the API. */
  readonly url: string;
  readonly key: string;
  /** What it was asked, in order. */
  readonly asked: readonly ModelRequest[];
  reply: Reply;
  stop(): Promise<void>;
}

const error = (message: string) => JSON.stringify({ error: { message, type: 'invalid_request_error', code: null } });

export async function startModelServer(): Promise<ModelServer> {
  const key = 'sk-test';
  const asked: ModelRequest[] = [];
  const state: { reply: Reply } = { reply: { content: '' } };
  const server = createServer((request, response) => {
    const send = (status: number, body: string) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    const answer = async () => {
      const { method, url, headers } = request;
      if (method !== 'POST' || url !== '/v1/chat/completions') return send(404, error('no such resource'));
      if (headers.authorization !== `Bearer ${key}`) return send(401, error('Incorrect API key provided'));
      const read = Request.safeParse(await json(request));
      if (!read.success) return send(400, error(read.error.message));
      asked.push(read.data);
      const { reply } = state;
      if ('status' in reply) return send(reply.status, reply.body);
      return send(200, JSON.stringify(completion(read.data.model, reply, asked.length)));
    };
    answer().catch((fault: unknown) => send(400, error(String(fault))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    key,
    asked,
    get reply() {
      return state.reply;
    },
    set reply(reply) {
      state.reply = reply;
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function completion(model: string, reply: Exclude<Reply, { status: number }>, number: number): object {
  const calls = 'calls' in reply ? reply.calls : [];
  const tool_calls = calls.map(([name, values], i) => ({
    id: `call_${number}_${i}`,
    type: 'function',
    function: { name, arguments: typeof values === 'string' ? values : JSON.stringify(values) },
  }));
  const message =
    tool_calls.length > 0
      ? { role: 'assistant', content: null, refusal: null, tool_calls }
      : { role: 'assistant', content: 'content' in reply ? reply.content : null, refusal: null };
  return {
    id: `chatcmpl-${number}`,
    object: 'chat.completion',
    created: 1_795_000_000,
    model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: tool_calls.length > 0 ? 'tool_calls' : 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  };
}
