/** The host that the tests of the API share, and what they do most. Each test has a tenant of its own. */
import type { Commit } from '../../../domain/kernel/commit';
import { eventually } from '../../support/eventually';
import { startTestHost, type TestHost } from '../../support/host';
import { McpTestServer } from '../../support/mcp-server';
import { call, items, type Reply, type Sent } from '../support';

export let host: TestHost;
/** Whose tools the host may call. */
export let mcpServer: McpTestServer;
/** Every answer of the shared host, to be held against its documentation at the end. */
export const seen: { method: string; path: string; reply: Reply }[] = [];

beforeAll(async () => {
  mcpServer = await McpTestServer.start();
  host = await startTestHost({ env: { FORMICARY_MCP_HOSTS: mcpServer.host, FORMICARY_WEBHOOK_HOSTS: '127.0.0.1' } });
});
afterAll(async () => {
  await host.stop();
  await mcpServer.stop();
});

export type Api = (path: string, sent?: Sent) => Promise<Reply>;

export function tenant(name: string, of: () => TestHost = () => host): Api {
  return async (path, sent = {}) => {
    const reply = await call(of(), path, { tenant: name, ...sent });
    if (of() === host) seen.push({ method: sent.method ?? (sent.json === undefined ? 'GET' : 'POST'), path, reply });
    return reply;
  };
}

/** The answer, which must be one of success. */
export async function ok(answer: Promise<Reply>): Promise<Reply> {
  const reply = await answer;
  if (reply.status >= 300) throw new Error(`${reply.status}: ${reply.text}`);
  return reply;
}

export const slug = ({ status, headers, body }: Reply) => {
  expect(headers['content-type']).toBe('application/problem+json');
  expect(body).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
  return `${status} ${String(body.type).replace('https://formicary.dev/problems/', '')}`;
};

/** An agent, and what it does most. */
export function agent(api: Api, id: string) {
  const as = (path: string, json: unknown, more: Sent = {}) => api(path, { as: id, json, ...more });
  return {
    id,
    register: (profile: Record<string, unknown> = {}) =>
      ok(as(`/v1/agents/${id}`, { agent_type: 'clerk', ...profile }, { method: 'PUT' })),
    /** Resolves with the number of the award that it was given for this task. */
    awarded: (task: string) =>
      eventually(async () => {
        const { holder } = (await ok(api(`/v1/tasks/${task}`))).body;
        return holder?.agent === id && (holder.award as number);
      }),
    do: (action: string, task: string, json: Record<string, unknown>, more: Sent = {}) =>
      as(`/v1/tasks/${task}/${action}`, json, more),
    inbox: (query = '', more: Sent = {}) => api(`/v1/agents/${id}/inbox${query}`, { as: id, ...more }),
  };
}

export const post = (api: Api, json: Record<string, unknown>, more: Sent = {}) =>
  ok(api('/v1/tasks', { json: { task_type: 'clerk', retry_seconds: 0, ...json }, ...more }));
export const read = async (api: Api, task: string) => (await ok(api(`/v1/tasks/${task}`))).body;
export const events = async (api: Api, category: string, id: string): Promise<string[]> =>
  items<Commit>(await ok(api(`/v1/streams/${category}/${id}`))).flatMap((commit) =>
    commit.events.map(({ type }) => type),
  );
export const statusIs = (api: Api, task: string, status: string) =>
  eventually(async () => (await read(api, task)).status === status);

/** A list from its first page to its last. */
export async function everything(api: Api, path: string): Promise<{ value: Record<string, unknown>[]; pages: number }> {
  const value: Record<string, unknown>[] = [];
  for (let next: string | undefined = path, pages = 1; ; pages += 1) {
    const { body }: Reply = await ok(api(next));
    value.push(...(body.value as Record<string, unknown>[]));
    if (body.nextLink === undefined) return { value, pages };
    next = body.nextLink as string;
  }
}

/** One number of /metrics. */
export async function metric(of: TestHost, name: string, labels = ''): Promise<number> {
  const { text } = await call(of, '/metrics');
  return text
    .split('\n')
    .reduce(
      (sum, line) =>
        line.startsWith(`${name}{${labels}`) || line.startsWith(`${name} `)
          ? sum + Number(line.split(' ').at(-1))
          : sum,
      0,
    );
}

/** The events of a stream of receipts, as they come. */
export async function* receiptsOf(
  of: TestHost,
  name: string,
  query: string,
  last: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<{ id: string; commit: Commit }> {
  const response = await fetch(`${of.url}/v1/receipts/stream${query}`, {
    headers: { 'x-formicary-tenant': name, ...(last === undefined ? {} : { 'last-event-id': last }) },
    signal,
  });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString('utf8');
    const frames = text.split('\n\n');
    text = frames.pop() as string;
    for (const frame of frames) {
      const fields = Object.fromEntries(
        frame.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      if (fields['event'] === 'commit')
        yield { id: fields['id'] as string, commit: JSON.parse(fields['data'] as string) as Commit };
    }
  }
}
