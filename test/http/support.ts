/** Two ways to talk to a host: as a client that behaves, and byte by byte. */
import net from 'node:net';
import { eventually } from '../support/eventually';
import type { TestHost } from '../support/host';

export interface Reply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a test reads back is checked by its expectations
  readonly body: any;
}

export interface Sent {
  readonly method?: string;
  readonly tenant?: string;
  /** The principal; `developer` when left out. */
  readonly as?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly signal?: AbortSignal;
}

/** A client that behaves. */
export async function call(
  host: TestHost,
  path: string,
  { method, tenant, as, headers, json, signal }: Sent = {},
): Promise<Reply> {
  const response = await fetch(host.url + path, {
    method: method ?? (json === undefined ? 'GET' : 'POST'),
    headers: {
      ...(tenant === undefined ? {} : { 'x-formicary-tenant': tenant }),
      ...(as === undefined ? {} : { 'x-formicary-principal': as }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: json === undefined ? undefined : JSON.stringify(json),
    signal,
  });
  return reply(response.status, Object.fromEntries(response.headers), await response.text());
}

/** Writes `bytes` (a string in Latin-1) and reads until the host closes the connection. Resolves with every answer. */
export function speak(host: TestHost, bytes: string | Buffer): Promise<Reply[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = net.connect(host.port, '127.0.0.1', () =>
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    );
    const ended = () => {
      try {
        resolve(answers(Buffer.concat(chunks)));
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A host that refuses a request may close before all of it is sent.
    socket.on('error', ended);
    socket.on('close', ended);
    socket.setTimeout(30_000, () => socket.destroy(new Error('no answer')));
  });
}

/** The answers in a byte stream; each must say how long its body is. */
function answers(bytes: Buffer): Reply[] {
  const found: Reply[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) throw new Error(`half an answer: ${rest.toString('latin1')}`);
    const [first = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    );
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]);
    const length = Number(headers['content-length'] ?? Number.NaN);
    if (!(status >= 100) || !(length >= 0)) throw new Error(`not an answer: ${rest.toString('latin1')}`);
    const body = rest.subarray(end + 4, end + 4 + length);
    found.push(reply(status, headers, body.toString('utf8')));
    rest = rest.subarray(end + 4 + body.length);
  }
  return found;
}

function reply(status: number, headers: Readonly<Record<string, string>>, text: string): Reply {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  return { status, headers, text, body };
}

/** What a list holds. */
export function items<T>({ body }: Reply): readonly T[] {
  return body.value as T[];
}

/** Waits until the views have seen, and the reactions followed, everything that was written so far. */
export async function settled(host: TestHost): Promise<void> {
  await eventually(
    async () =>
      ((await call(host, '/v1/status')).body.feed as { lag: number | null }[]).every(({ lag }) => (lag ?? 0) === 0) &&
      (await host.isHandled()),
  );
}
