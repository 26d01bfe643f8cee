/**
 * Every example of the contract works: its request is made, in a tenant of its own where what it names is there, and
 * the answer has the documented form and nothing beside it.
 */
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DATABASE_FILE } from '../../adapters/embedded/database';
import type { Example, RouteSpec } from '../../contract/route';
import { interfaceHash } from '../../domain/repository/tool-interface';
import { bundleWith, nameOf } from '../policy/bundles';
import { eventually } from '../support/eventually';
import { PROFILE, startTestHost, type TestHost } from '../support/host';
import { LINES, McpTestServer } from '../support/mcp-server';
import { type Check, type Document, documented } from './documented';
import { BEFORE, MCP_URL, merged, pathOf, renamed, routes } from './example-steps';
import { call, items, type Reply, settled } from './support';

/** Of a pool there is no history before ten seconds are over. */
const LISTS_NOTHING: ReadonlySet<string> = new Set(['readPoolHistory']);
/** No volumes are configured elsewhere. */
const OF_VOLUMES: ReadonlySet<string> = new Set(
  [...routes.values()].filter(({ path }) => path.startsWith('/v1/volumes')).map(({ name }) => name),
);
/** On Azure a queue holds it, into which nobody but its consumer can put something. */
const PARKED: ReadonlySet<string> = new Set(['listParked', 'redriveParked']);

let host: TestHost;
let mcpServer: McpTestServer;
let document: Document;
let check: Check;

beforeAll(async () => {
  mcpServer = await McpTestServer.start();
  host = await startTestHost({ env: { FORMICARY_MCP_HOSTS: mcpServer.host, FORMICARY_WEBHOOK_HOSTS: '127.0.0.1' } });
  document = (await call(host, '/openapi.json')).body as Document;
  check = documented(document);
});
afterAll(async () => {
  await host.stop();
  await mcpServer.stop();
});

test('every operation of the document stands in the contract', () => {
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  expect(operations.map(({ operationId }) => operationId).sort()).toEqual(
    [...routes.values()].map(({ name, operationId = name }) => operationId).sort(),
  );
});

test('a field that the document does not name is a fault, at any depth', () => {
  const pause = { kind: 'pool', name: 'finance', by: 'developer', reason: 'closed', since: '2026-11-21T10:00:00.000Z' };
  const headers = { 'content-type': 'application/json' };
  const faults = (body: unknown) => check('GET', '/v1/pauses', { status: 200, headers, text: '', body });
  expect(faults({ value: [pause] })).toEqual([]);
  expect(faults({ value: [pause], internal: 1 })).toHaveLength(1);
  expect(faults({ value: [{ ...pause, internal: 1 }] })).toHaveLength(1);
});

test.each([...routes.values()].map((spec) => [spec.name, spec] as const))('the example of %s', async (name, spec) => {
  if (PARKED.has(name) && PROFILE === 'azure') return;
  if (OF_VOLUMES.has(name) && PROFILE === 'embedded') return;
  const tenant = `of-${name.toLowerCase()}`;
  for (const step of BEFORE[name] ?? []) {
    const [route, changes] = typeof step === 'string' ? [step, {}] : step;
    const before = routes.get(route)!;
    const reply = await request(tenant, before, merged(before.example, changes));
    if (reply.status >= 300) throw new Error(`${route}, before ${name}: ${reply.status} ${reply.text}`);
    await settled(host);
  }
  if (PARKED.has(name)) park(`${tenant}/task/invoice-4711@0`);
  if (spec.body !== undefined) spec.body.parse(spec.example.body ?? {});

  const example = name === 'redriveDelivery' ? { params: { delivery_id: await undelivered(tenant) } } : spec.example;
  const ask = () => request(tenant, spec, example);
  // What lists show comes a little later.
  const reply = LISTS_NOTHING.has(name) ? await ask() : await eventually(async () => filled(await ask()));
  if (reply.status !== (spec.status ?? 200)) throw new Error(`${reply.status}: ${reply.text}`);
  expect(check(spec.method, pathOf(spec, example), reply)).toEqual([]);
});

/** An answer, but for a list in which nothing stands. */
function filled(reply: Reply): Reply | undefined {
  return Array.isArray(reply.body?.value) && items(reply).length === 0 ? undefined : reply;
}

/** Makes the request of an example; in its tenant, what names the tenant names this one. */
async function request(tenant: string, spec: RouteSpec, example: Example): Promise<Reply> {
  const { as } = example;
  const body =
    spec.name === 'pinTool' ? { ...(example.body as object), hash: interfaceHash(LINES) } : atServer(example.body);
  const whose = example.tenant ?? tenant;
  const sent = { method: spec.method, tenant: whose, as, json: body };
  if (spec.contentType === 'text/event-stream') return await beginning(tenant, pathOf(spec, example));
  const here = renamed(tenant, { path: pathOf(spec, example), json: body });
  if (whose !== 'platform') return await call(host, here.path, { ...sent, json: here.json });
  // A bundle that a tenant's example calls its own.
  const files = await bundleWith({}, tenant);
  const json =
    spec.name === 'stagePolicy'
      ? { ...(body as object), files: mapped(files, (bytes) => Buffer.from(bytes).toString('base64')) }
      : here.json;
  return await call(host, here.path.replace('5f'.repeat(32), nameOf(files)), { ...sent, json });
}

/** What names the examples' server of MCP names the one that is here. */
function atServer(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body ?? null).replaceAll(MCP_URL, mcpServer.url)) ?? undefined;
}

function mapped<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Readonly<Record<string, U>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

/** The first event of a stream, which has no end. */
async function beginning(tenant: string, path: string): Promise<Reply> {
  const leave = new AbortController();
  const { status, headers, body } = await fetch(host.url + path, {
    headers: { 'x-formicary-tenant': tenant },
    signal: leave.signal,
  });
  let text = '';
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (/^id: .*\n\n/m.test(text)) break;
  }
  leave.abort();
  const fields = Array.from(text.matchAll(/^(id|event|data): (.*)$/gm), ([, name, value]) => [name, value]);
  const event: unknown = Object.fromEntries(fields);
  return { status, headers: Object.fromEntries(headers), text, body: event };
}

/** The id of a notice that was given up: it is made here. */
async function undelivered(tenant: string): Promise<string> {
  const dead = await eventually(async () =>
    items<{ delivery_id: string }>(await call(host, '/v1/deliveries?status=dead', { tenant })).at(0),
  );
  return dead.delivery_id;
}

/** As the consumer `reactions` does with a commit that it can't handle. */
function park(id: string): void {
  const [stream, index] = id.split('@');
  const database = new DatabaseSync(path.join(host.data, DATABASE_FILE), { timeout: 5_000 });
  database
    .prepare("INSERT INTO work (queue, id, body, visible, dead) VALUES ('parked-reactions', ?, ?, '', 'in a test')")
    .run(id, JSON.stringify({ stream, index: Number(index), error: 'in a test' }));
  database.close();
}
