/** A peer of A2A that is written by hand, so that it can send what no SDK would. */
import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import { canonicalize } from '../../domain/kernel/commit';
import type { TestHost } from '../support/host';

export interface A2aReply {
  readonly status: number;
  readonly headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a test reads back is checked by its expectations
  readonly body: any;
}

export interface A2aSent {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function headersOf({ token, headers }: A2aSent): Record<string, string> {
  return {
    'content-type': 'application/json',
    'a2a-version': '1.0',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...headers,
  };
}

/** A request of JSON-RPC. */
export function rpc(host: TestHost, method: string, params: unknown, sent: A2aSent = {}): Promise<A2aReply> {
  return post(host, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }), sent);
}

export async function post(host: TestHost, body: string, sent: A2aSent): Promise<A2aReply> {
  return await replyOf(await fetch(`${host.url}/a2a`, { method: 'POST', headers: headersOf(sent), body }));
}

/** A request of HTTP+JSON, or of our own API. */
export async function http(
  host: TestHost,
  method: string,
  path: string,
  { body, ...sent }: A2aSent & { readonly body?: unknown } = {},
): Promise<A2aReply> {
  return await replyOf(
    await fetch(`${host.url}${path}`, {
      method,
      headers: headersOf(sent),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }),
  );
}

async function replyOf(response: Response): Promise<A2aReply> {
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

/** The events of a stream, as they come. */
export async function* events(
  host: TestHost,
  path: string,
  body: unknown,
  sent: A2aSent,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as above
): AsyncGenerator<any, void, undefined> {
  const response = await fetch(`${host.url}${path}`, {
    method: 'POST',
    headers: headersOf(sent),
    body: JSON.stringify(body),
  });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  let text = '';
  for await (const chunk of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = /^data: (.*)$/m.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data !== undefined) yield JSON.parse(data);
    }
  }
}

export const message = (messageId: string, more: object = {}) => ({
  message: { messageId, role: 'ROLE_USER', parts: [{ text: 'Match invoice 4711' }], ...more },
});

/** At once, whatever becomes of it. */
export const AT_ONCE = { configuration: { returnImmediately: true } };

interface Signed {
  readonly signatures: readonly [{ readonly protected: string; readonly signature: string }];
}

/** Whether a card was signed by one of these keys, as the protocol has it. */
export function isSigned({ signatures: [{ protected: header, signature }], ...card }: Signed, keys: JsonWebKey[]) {
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { readonly kid: string };
  const key = keys.find((one) => one['kid'] === kid) as JsonWebKey;
  const payload = Buffer.from(canonicalize(card as never)).toString('base64url');
  const signed = Buffer.from(`${header}.${payload}`);
  return verify(null, signed, createPublicKey({ key, format: 'jwk' }), Buffer.from(signature, 'base64url'));
}
