/** Writes what an HTTP function returned to the socket. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ReadableStream } from 'node:stream/web';
import { HttpResponse, type HttpResponseInit } from '@azure/functions';

/** Statuses that have no body. */
const EMPTY = new Set([204, 205, 304]);

/**
 * Sends `result`; a streamed body goes out at the client's pace, and its source is destroyed when the client leaves.
 * Resolves when everything is handed over. Throws when the result is not an HTTP response or its stream fails.
 */
export async function sendResult(response: ServerResponse, result: unknown): Promise<void> {
  if (result === undefined || result === null) {
    response.writeHead(204).end();
    return;
  }
  if (typeof result !== 'object')
    throw new TypeError('an HTTP function must return an object with status, headers and body');
  const { status, headers, body } = result instanceof HttpResponse ? result : fromInit(result);
  const head = headersOf(headers);

  if (body === undefined || body === null || EMPTY.has(status)) {
    if (!EMPTY.has(status)) head['content-length'] = 0;
    response.writeHead(status, head).end();
  } else if (typeof body === 'string' || body instanceof Uint8Array) {
    head['content-length'] = Buffer.byteLength(body);
    response.writeHead(status, head).end(body);
  } else {
    response.writeHead(status, head).flushHeaders();
    await stream(response, body);
  }
}

interface Plain {
  readonly status: number;
  readonly headers: HttpResponseInit['headers'];
  readonly body: string | Uint8Array | ReadableStream | Readable | AsyncIterable<Uint8Array> | null | undefined;
}

/** The bodies that matter stay as they are; rarer ones are left to the library, whose answer is always a stream. */
function fromInit(init: HttpResponseInit): Plain {
  const { status = 200, headers, body } = init;
  const jsonBody: unknown = init.jsonBody;
  if (jsonBody !== undefined)
    return {
      status,
      headers: { 'content-type': 'application/json', ...headersOf(headers) },
      body: JSON.stringify(jsonBody),
    };
  if (typeof body === 'string')
    return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headersOf(headers) }, body };
  if (body === undefined || body === null || body instanceof Uint8Array || Symbol.asyncIterator in body)
    return { status, headers, body };
  return new HttpResponse(init);
}

function headersOf(headers: HttpResponseInit['headers']): Record<string, string | number> {
  const result: Record<string, string | number> = {};
  if (headers === undefined) return result;
  const entries = headers instanceof Headers || Array.isArray(headers) ? headers : Object.entries(headers);
  for (const [name, value] of entries) result[name.toLowerCase()] = value;
  return result;
}

async function stream(
  response: ServerResponse,
  body: ReadableStream | Readable | AsyncIterable<Uint8Array>,
): Promise<void> {
  const source =
    body instanceof ReadableStream ? Readable.fromWeb(body) : body instanceof Readable ? body : Readable.from(body);
  // To whoever has left before the answer was there nothing can be piped.
  if (response.destroyed) return void source.destroy();
  try {
    await pipeline(source, response);
  } catch (error) {
    const gone = (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
    if (!gone) throw error;
  }
}
