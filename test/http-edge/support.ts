/** Calls registered routes as a host does, with the library's own requests: what passes here passes on the worker. */
import { HttpRequest, type HttpResponseInit, InvocationContext } from '@azure/functions';
import type { Principal } from '../../domain/kernel/principal';
import { attachAbortSignal } from '../../functions/edge/abort';
import { registrations } from '../../local/core';

export const ADA: Principal = { tenant: 'default', id: 'ada', kind: 'human', level: 'read_write' };

export interface Sent {
  readonly method?: string;
  readonly query?: string;
  readonly params?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  /** As a host attaches it that can tell when its client has gone. */
  readonly signal?: AbortSignal;
}

export interface Reply extends HttpResponseInit {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly json: () => Record<string, unknown>;
}

export async function call(
  name: string,
  { method = 'GET', query = '', params = {}, headers = {}, body, signal }: Sent = {},
): Promise<Reply> {
  const registration = registrations().find((candidate) => candidate.name === name)!;
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const request = new HttpRequest({
    method,
    url: `http://localhost:7071/${query}`,
    params,
    headers,
    body: bytes && { bytes },
  });
  if (signal !== undefined) attachAbortSignal(request, () => signal);
  const response = (await registration.callback(request, new InvocationContext())) as HttpResponseInit;
  return { ...response, json: () => JSON.parse(response.body as string) as Record<string, unknown> } as Reply;
}

/** A POST of JSON. */
export function post(name: string, value: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  return call(name, {
    method: 'POST',
    body: JSON.stringify(value),
    headers: { 'content-type': 'application/json', ...headers },
  });
}
