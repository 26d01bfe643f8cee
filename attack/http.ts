/** Requests as an attacker writes them: with any token or none, and with any body. */
import net from 'node:net';

export interface Sent {
  /** Whose token is shown, by its name in the cast; none when left out. */
  readonly as?: string;
  /** Instead: the token itself. */
  readonly token?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, as JSON unless the headers say otherwise. */
  readonly text?: string;
}

export interface Reply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- what is read back is compared with what is expected
  readonly body: any;
}

export async function send(url: string, { method, headers, json, text }: Omit<Sent, 'as' | 'token'>): Promise<Reply> {
  const body = text ?? (json === undefined ? undefined : JSON.stringify(json));
  const response = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body,
    redirect: 'manual',
  });
  const said = await response.text();
  return { status: response.status, headers: Object.fromEntries(response.headers), text: said, body: parsed(said) };
}

/**
 * Writes bytes, and reads until the host closes; the statuses that it answers.
 *
 * @param named another host than the one that is written to
 */
export function speak(url: string, lines: readonly string[], rest = '', named?: string): Promise<string> {
  const { port, host } = new URL(url);
  return new Promise((resolve, reject) => {
    let text = '';
    const [first, ...others] = lines as [string, ...string[]];
    const socket = net.connect(Number(port), '127.0.0.1', () =>
      socket.write([first, `Host: ${named ?? host}`, 'Connection: close', ...others, '', rest].join('\r\n'), 'latin1'),
    );
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    const ended = () => resolve([...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status).join());
    socket.on('error', ended).on('close', ended);
    socket.setTimeout(10_000, () => reject(new Error('no answer')));
  });
}
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const TYPES = 'https://formicary.dev/problems/';

/** `403 forbidden`, `200`. */
export function saidBy({ status, body }: Pick<Reply, 'status' | 'body'>): string {
  return worded(status, body?.type);
}

/** Of the token endpoint: `400 invalid_grant`, as OAuth has it. */
export function saidByEndpoint({ status, body }: Pick<Reply, 'status' | 'body'>): string {
  return worded(status, body?.error ?? body?.type);
}

function worded(status: number, type: unknown): string {
  return status < 300 || typeof type !== 'string' ? String(status) : `${status} ${type.replace(TYPES, '')}`;
}

/** The same of each item of a batch, each once; of a batch that was refused as a whole, that. */
export function itemsSay(reply: Pick<Reply, 'status' | 'body'>): string {
  if (reply.status >= 300) return saidBy(reply);
  const items = reply.body.value as { readonly problem?: { readonly status: number; readonly type: string } }[];
  const said = items.map(({ problem }) =>
    problem === undefined ? 'done' : saidBy({ status: problem.status, body: problem }),
  );
  return [...new Set(said)].join();
}
