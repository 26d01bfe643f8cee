/** Somebody who speaks A2A, and what our routes answer them: by their own token, as if they had asked over HTTP. */
import { HttpRequest, type HttpResponseInit } from '@azure/functions';
import type { Commit } from '../../../contract/audit/receipts';
import type { Shown } from '../../../contract/route';
import { includesLevel, type Level } from '../../../domain/kernel/principal';
import { allTools, type Tool } from '../mcp/tools';
import { Problem, type ProblemDocument } from '../problem';
import { type BoundRoute, routes } from '../route';
import { askWithin, type Visit } from '../within';

export interface Peer extends Visit {
  /** Where people find this colony. */
  readonly url: string;
  /** What is told to whoever asks for what needs a higher level than it has. */
  insufficient(needs: Level): Problem;
}

/** The answer of a route. Throws a Problem where it refuses. */
export async function ask<T>(peer: Peer, operation: string, args: Readonly<Record<string, unknown>>): Promise<T> {
  const tool = allTools().get(operation) as Tool;
  const { body } = await served(peer, tool.route, tool.request(args, traceparentOf(peer)));
  return JSON.parse(textOf(body)) as T;
}

/**
 * The receipts of one correlation from now on, of one category; the first element is undefined, and says that it has
 * begun. Throws a Problem where the route refuses.
 */
export async function* follow(
  peer: Peer,
  correlation: string,
  category: string,
): AsyncGenerator<Shown<typeof Commit> | undefined, void, undefined> {
  const route = routes().find(({ name }) => name === 'streamReceipts') as BoundRoute;
  const asked = new HttpRequest({
    method: route.method,
    url: `http://within${route.path}`,
    query: { correlation, category },
    headers: { accept: 'text/event-stream' },
  });
  const { body } = await served(peer, route, asked);
  // A chunk is of whole events: so they are made. The first that has an id says where it begins; what is not read so
  // far has no end that could be heard of.
  for await (const chunk of body as AsyncIterable<Uint8Array>)
    for (const event of textOf(chunk).split('\n\n')) {
      const [, data] = /^data: (.*)$/m.exec(event) ?? [];
      if (data !== undefined) yield JSON.parse(data) as Shown<typeof Commit>;
      else if (event.startsWith('id:')) yield undefined;
    }
}

async function served(peer: Peer, route: BoundRoute, asked: HttpRequest): Promise<HttpResponseInit> {
  if (!includesLevel(peer.caller.level, route.needs)) throw peer.insufficient(route.needs);
  const answer = await askWithin(peer, route, asked);
  const { status = 200, headers, body } = answer;
  if (status < 400) return answer;
  throw new Problem(JSON.parse(textOf(body)) as ProblemDocument, kept(headers));
}

function traceparentOf({ request }: Peer): string | undefined {
  return request.headers.get('traceparent') ?? undefined;
}

function textOf(body: HttpResponseInit['body']): string {
  return typeof body === 'string' ? body : Buffer.from(body as Uint8Array).toString('utf8');
}

/** What of a refusal's headers its caller has to know as well. */
function kept(headers: HttpResponseInit['headers']): Record<string, string> {
  const given = new Headers(headers);
  return Object.fromEntries(
    ['www-authenticate', 'retry-after'].flatMap((name) => (given.has(name) ? [[name, given.get(name) as string]] : [])),
  );
}
