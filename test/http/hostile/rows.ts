/** Rows of hostile requests, and what they are made of. */

export interface Request {
  readonly method?: string;
  /** The path and query as they are sent. */
  readonly to: string;
  /** `a` when left out. */
  readonly tenant?: string;
  /** The principal; `developer`, who may do everything, when left out. */
  readonly as?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is, as `application/json` unless the headers say otherwise. */
  readonly body?: string | Buffer;
  /** Sent as JSON. */
  readonly json?: unknown;
}

/** Bytes as they are, in Latin-1; `HOST` stands for the header that names the host. */
export type Bytes = string | Buffer;

/** What it is, what is sent, the status and the type of the problem that must come back. */
export type Row = readonly [name: string, sent: Request | Bytes, status: number, type: string];

export const GET = (to: string, more: Partial<Request> = {}): Request => ({ to, ...more });
export const POST = (to: string, json: unknown, more: Partial<Request> = {}): Request => ({
  method: 'POST',
  to,
  json,
  ...more,
});
export const PUT = (to: string, json: unknown, more: Partial<Request> = {}): Request => ({
  method: 'PUT',
  to,
  json,
  ...more,
});
/** A task with something wrong. */
export const task = (wrong: Record<string, unknown>): Request =>
  POST('/v1/tasks', { task_type: 'nobody_does', ...wrong });
/** A task whose body is this text. */
export const text = (body: string | Buffer, headers?: Record<string, string>): Request => ({
  method: 'POST',
  to: '/v1/tasks',
  body,
  headers,
});
/** Raw: a request line, headers and what follows. */
export const raw = (first: string, headers: readonly string[], rest: Bytes = ''): Buffer =>
  Buffer.concat([
    Buffer.from([first, 'HOST', 'Connection: close', ...headers, '', ''].join('\r\n'), 'latin1'),
    Buffer.from(rest as string, 'latin1'),
  ]);
export const POST_LINE = 'POST /v1/tasks HTTP/1.1';
export const JSON_TYPE = 'Content-Type: application/json';

export const many = <T>(count: number, item: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => item(i));
export const TOOL = { tool_name: 'Hammer', description: 'Hits', schema: {}, version: '1.1.0' };
export const SIGNAL = { type: 'resource_needed', strength: 0.5, location: 'dock/1' };
export const CLAIM = { agent: 'worker', award: 1 };

export const INVALID = 'invalid-request';

/** As the store on Cosmos DB names a place, of a container that is not there. */
export const ELSEWHERE = Buffer.from(
  JSON.stringify({
    token: JSON.stringify({
      rid: 'AAAAAA==',
      Continuation: [{ minInclusive: '', maxExclusive: 'FF', continuationToken: '"4"' }],
    }),
    seen: {},
  }),
).toString('base64url');
