/**
 * The server of MCP for one request: both revisions of the protocol are spoken by the SDK, which keeps nothing between
 * requests. Each call is a request of a route, by whoever called.
 */
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import type * as Sdk from '@modelcontextprotocol/server' with { 'resolution-mode': 'import' };
import type { Action } from '../../../contract/oversight/actions';
import type { Shown } from '../../../contract/route';
import { includesLevel, type Level } from '../../../domain/kernel/principal';
import { approvalOf, heldIn } from '../held-calls';
import { VERSION } from '../openapi';
import { Problem, type ProblemDocument } from '../problem';
import { askWithin, type Visit } from '../within';
import { taskOf, TaskParams, TASKS } from './held';
import { listing, page, readingOf, templates } from './resources';
import { MAX_READ, PROBLEM_KEY, refusal, resultOf } from './results';
import { allTools, type Tool, toolsFor } from './tools';

/** Tools in one page of `tools/list`. */
const PAGE = 50;
export const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/** How long a client may keep what does not change while the host runs, in milliseconds. */
const KEPT_MS = 300_000;

const INSTRUCTIONS =
  'Formicary coordinates a swarm of agents. Every call is made as you, by your own token, under the policy, and leaves a receipt. ' +
  'To do work: putAgent once, readInbox for assignments, acceptTask, then heartbeatTask or progressTask before the lease ends, then completeTask or failTask. ' +
  'To have work done: postTask, then getTask until it has ended. ' +
  'Give commands an idempotency_key, and the same one when you repeat a call. A refusal says what to change.';

/** What one request is about, and what comes of it beside its answer. */
export interface Exchange extends Visit {
  readonly tools: ReadonlyMap<string, Tool>;
  /** What is held for people may be answered as a task. */
  readonly takesTasks: boolean;
  /** What is told to whoever calls what needs a higher level than it has. */
  insufficient(needs: Level): Problem;
  /** Whoever called is told this instead of a result: what it has shown is not enough. */
  instead?: HttpResponseInit | Problem;
  /** What failed though it should not: answered, and logged, as on every route. */
  defect?: Error;
}

/**
 * Answers one message. The SDK is loaded by the first: it takes its time, and most hosts never speak MCP.
 *
 * @param message the body of the request, parsed
 */
export async function answerMcp(exchange: Exchange, message: object): Promise<HttpResponseInit> {
  const sdk = await import('@modelcontextprotocol/server');
  const { url, method, headers: asked } = exchange.request;
  const handler = sdk.createMcpHandler(() => mcpServer(sdk, exchange));
  const response = await handler.fetch(new Request(url, { method, headers: asked }), { parsedBody: message });
  // Nothing is said before the end, so a stream is whole as soon as it has begun.
  const body = await response.text();
  const { instead, defect } = exchange;
  if (defect !== undefined) throw defect;
  if (instead instanceof Problem) throw instead;
  if (instead !== undefined) return instead;
  const headers = { ...Object.fromEntries(response.headers), ...HEADERS };
  return { status: response.status, headers, ...(body !== '' && { body }) };
}

function mcpServer(sdk: typeof Sdk, exchange: Exchange): Sdk.McpServer {
  const { tools, caller } = exchange;
  const permitted = toolsFor(tools, caller.level);
  const mcp = new sdk.McpServer(
    { name: 'formicary', title: 'Formicary', version: VERSION },
    {
      capabilities: {
        tools: { listChanged: false },
        resources: { listChanged: false, subscribe: false },
        extensions: { [TASKS]: {} },
      },
      instructions: INSTRUCTIONS,
      cacheHints: {
        'server/discover': { ttlMs: KEPT_MS, cacheScope: 'public' },
        'tools/list': { ttlMs: KEPT_MS, cacheScope: 'private' },
        'resources/templates/list': { ttlMs: KEPT_MS, cacheScope: 'public' },
      },
    },
  );
  const { server } = mcp;
  /** The SDK tells its client of an error in the error's own words, and nobody else. */
  const guarded =
    <Given extends unknown[], R>(handle: (...given: Given) => R | Promise<R>) =>
    async (...given: Given): Promise<R> => {
      try {
        return await handle(...given);
      } catch (error) {
        if (!(error instanceof sdk.ProtocolError))
          exchange.defect = error instanceof Error ? error : new Error(String(error));
        throw error;
      }
    };
  /** The answer of a route to a read; what it refuses is an error of the protocol. */
  const read = async (tool: Tool, args: Readonly<Record<string, unknown>>, uri?: string): Promise<HttpResponseInit> => {
    const answer = await askWithin(exchange, tool.route, tool.request(args, undefined));
    const { status = 200, body } = answer;
    if (status === 401) exchange.instead = answer;
    if (status === 404 && uri !== undefined) throw new sdk.ResourceNotFoundError(uri);
    const text = body as string;
    if (status >= 400) {
      const problem = JSON.parse(text) as ProblemDocument;
      const code = status < 500 && status !== 429 ? 'InvalidParams' : 'InternalError';
      throw new sdk.ProtocolError(sdk.ProtocolErrorCode[code], problem.detail, problem);
    }
    if (Buffer.byteLength(text) > MAX_READ)
      throw new sdk.ProtocolError(
        sdk.ProtocolErrorCode.InternalError,
        `This has more than ${MAX_READ} bytes: read it over HTTP.`,
      );
    return answer;
  };
  server.setRequestHandler(
    'tools/list',
    guarded(({ params }) => {
      const from =
        params?.cursor === undefined ? 0 : permitted.findIndex(({ listed }) => listed.name === params.cursor);
      if (from < 0) throw new sdk.ProtocolError(sdk.ProtocolErrorCode.InvalidParams, 'The cursor is none of ours.');
      const next = permitted[from + PAGE];
      return {
        tools: permitted.slice(from, from + PAGE).map(({ listed }) => listed as unknown as Sdk.Tool),
        ...(next !== undefined && { nextCursor: next.listed.name }),
      };
    }),
  );
  server.setRequestHandler(
    'tools/call',
    guarded(async ({ params: { name, arguments: args = {}, _meta } }) => {
      const tool = tools.get(name);
      if (tool === undefined)
        throw new sdk.ProtocolError(sdk.ProtocolErrorCode.InvalidParams, `There is no tool ${name} here.`);
      const result = await called(exchange, tool, args, _meta?.[sdk.TRACEPARENT_META_KEY]);
      const held = exchange.takesTasks ? heldIn(result._meta?.[PROBLEM_KEY]) : undefined;
      // It is held whatever becomes of the look at it: who is told of a failure would call again.
      const shown = held === undefined ? undefined : await task(held).catch(() => undefined);
      // The result of another kind: clients that declare the extension know it by its resultType.
      if (shown !== undefined) return { ...shown, resultType: 'task' } as unknown as Sdk.CallToolResult;
      return server.projectCallToolResult(result, tool.listed.outputSchema);
    }),
  );
  const action = async (taskId: string): Promise<Shown<typeof Action>> => {
    const { body } = await read(allTools().get('getAction') as Tool, { action_id: taskId }, `task ${taskId}`);
    const found = JSON.parse(body as string) as Shown<typeof Action>;
    // Nobody looks after the calls of others.
    if (found.command === undefined || found.proposed_by !== caller.id) throw new sdk.ResourceNotFoundError(taskId);
    return found;
  };
  const task = async (taskId: string) => taskOf(await action(taskId), caller.id);
  const declared = () => {
    if (exchange.takesTasks) return;
    throw new sdk.MissingRequiredClientCapabilityError({ requiredCapabilities: { extensions: { [TASKS]: {} } } });
  };
  server.setRequestHandler(
    'tasks/get',
    { params: TaskParams },
    guarded(async ({ taskId }) => {
      declared();
      return await task(taskId);
    }),
  );
  server.setRequestHandler(
    'tasks/update',
    { params: TaskParams },
    guarded(async ({ taskId }) => {
      declared();
      // Nothing is asked of a client: people answer where they approve.
      await action(taskId);
      return {};
    }),
  );
  server.setRequestHandler(
    'tasks/cancel',
    { params: TaskParams },
    guarded(async ({ taskId }) => {
      declared();
      const approval = approvalOf(await action(taskId));
      if (approval !== undefined)
        await read(allTools().get('withdrawApproval') as Tool, {
          approval_id: approval,
          reason: 'its client cancelled',
        });
      return {};
    }),
  );
  server.setRequestHandler(
    'resources/templates/list',
    guarded(() => ({ resourceTemplates: templates() })),
  );
  server.setRequestHandler(
    'resources/list',
    guarded(async ({ params }) => {
      const { tool, args } = listing(params?.cursor);
      return page(await read(tool, args));
    }),
  );
  server.setRequestHandler(
    'resources/read',
    guarded(async ({ params: { uri } }) => {
      const reading = readingOf(uri);
      if (reading === undefined) throw new sdk.ResourceNotFoundError(uri);
      const { body } = await read(reading.tool, reading.args, uri);
      return { contents: [{ uri, mimeType: 'application/json', text: body as string }] };
    }),
  );
  return mcp;
}

async function called(
  exchange: Exchange,
  tool: Tool,
  args: Readonly<Record<string, unknown>>,
  traceparent: unknown,
): Promise<Sdk.CallToolResult> {
  const { route } = tool;
  const { caller, request } = exchange;
  if (!includesLevel(caller.level, route.needs)) {
    exchange.instead = exchange.insufficient(route.needs);
    return { content: [] };
  }
  let asked: HttpRequest;
  try {
    asked = tool.request(
      args,
      typeof traceparent === 'string' ? traceparent : (request.headers.get('traceparent') ?? undefined),
    );
  } catch (error) {
    if (error instanceof Problem) return refusal(error.document);
    throw error;
  }
  const answer = await askWithin(exchange, tool.route, asked);
  if (answer.status === 401) exchange.instead = answer;
  return resultOf(tool, answer, new URL(asked.url).pathname);
}
