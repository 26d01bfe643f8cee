/**
 * Application Insights, as the host sends to it: through the unmodified exporter, to an ingestion endpoint of ours. The
 * endpoint speaks TLS, because the exporter speaks nothing else.
 */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { freePort, startTestHost, type TestHost } from '../support/host';

jest.setTimeout(120_000); // other work shares the machine

const KEY = '11111111-2222-4333-8444-555555555555';
const CLIENT = '00000000-0000-4000-8000-000000000001';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const UNRECORDED = '1af7651916cd43dd8448eb211c80319c';

/** A line of telemetry, as far as it is looked at. */
interface Envelope {
  readonly iKey: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly data: {
    readonly baseType: string;
    readonly baseData: {
      readonly name?: string;
      readonly id?: string;
      readonly metrics?: readonly { readonly name: string; readonly value: number; readonly count?: number }[];
      readonly properties: Readonly<Record<string, string>>;
    };
  };
}

/** Takes what is sent to `/v2.1/track`, like Azure's, or answers with `status`. */
class Ingestion {
  readonly envelopes: Envelope[] = [];
  readonly authorizations = new Set<string | undefined>();
  requests = 0;
  status = 200;
  private server: Server | undefined;
  port = 0;

  async listen(): Promise<this> {
    // A certificate that nobody vouches for: the host is told not to look.
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- smtp-server has one, and does not export it
    const certificate = require('smtp-server/lib/tls-options.js') as () => { key: string; cert: string };
    const { key, cert } = certificate();
    this.server = https.createServer({ key, cert }, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.requests += 1;
        this.authorizations.add(request.headers.authorization);
        const bytes = Buffer.concat(chunks);
        const sent = JSON.parse(
          (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString(),
        ) as Envelope[];
        if (request.url !== '/v2.1/track') this.status = 404;
        if (this.status === 200) this.envelopes.push(...sent);
        response.writeHead(this.status, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify({
            itemsReceived: sent.length,
            itemsAccepted: this.status === 200 ? sent.length : 0,
            errors: [],
          }),
        );
      });
    });
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
    return this;
  }

  async close(): Promise<void> {
    (this.server as https.Server).closeAllConnections();
    this.server?.close();
    await once(this.server as Server, 'close');
  }

  /** The values of a metric that has these dimensions. */
  values(name: string, properties: Readonly<Record<string, string>> = {}): number[] {
    const fitting = this.envelopes.filter(({ data: { baseData } }) =>
      Object.entries(properties).every(([key, value]) => baseData.properties[key] === value),
    );
    return fitting
      .flatMap(({ data: { baseData } }) => baseData.metrics ?? [])
      .filter((metric) => metric.name === name)
      .map(({ value }) => value);
  }
}

const connectionString = (port: number) => `InstrumentationKey=${KEY};IngestionEndpoint=https://127.0.0.1:${port}/`;
let ingestion: Ingestion;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'formicary-insights-'));
  ingestion = await new Ingestion().listen();
});

afterEach(async () => {
  await ingestion.close();
  rmSync(folder, { recursive: true, force: true });
});

const start = (env: Readonly<Record<string, string>>) =>
  startTestHost({ env: { FORMICARY_LOG: 'warn', TMPDIR: folder, NODE_TLS_REJECT_UNAUTHORIZED: '0', ...env } });

async function ask(
  host: TestHost,
  method: string,
  path: string,
  body?: unknown,
  traceparent?: string,
): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    'x-formicary-principal': 'ada',
    ...(traceparent === undefined ? {} : { traceparent }),
  };
  const answer = await fetch(`${host.url}${path}`, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  expect(answer.ok).toBe(true);
  return answer;
}

/** A task that an agent is awarded. */
async function work(host: TestHost): Promise<void> {
  await ask(host, 'PUT', '/v1/agents/ada', { agent_type: 'finance.reconciliation', capacity: 2 });
  await ask(host, 'POST', '/v1/tasks', { task_type: 'finance.reconciliation' }, `00-${TRACE}-b7ad6b7169203331-01`);
  await ask(host, 'POST', '/v1/tasks', { task_type: 'finance.reconciliation' }, `00-${UNRECORDED}-b7ad6b7169203331-00`);
  for (let awarded = 0; awarded < 2;) {
    const body = await (await ask(host, 'GET', '/metrics')).text();
    awarded = Number(/^formicary_task_events_total\{event="TaskAwarded"\} (\d+)$/m.exec(body)?.[1] ?? 0);
  }
}

test('metrics arrive with their labels, a request with what followed from it in one trace; the last at the stop', async () => {
  const host = await start({ APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString(ingestion.port) });
  await work(host);
  expect(await host.kill('SIGTERM')).toBe(0);
  expect(host.output()).not.toContain('telemetry could not be sent');
  expect([...ingestion.authorizations]).toEqual([undefined]);
  expect(new Set(ingestion.envelopes.map(({ iKey, tags }) => [iKey, tags['ai.cloud.role']].join()))).toEqual(
    new Set([`${KEY},formicary`]),
  );

  expect(ingestion.values('formicary_task_events_total', { event: 'TaskAwarded' })).toEqual([2]);
  expect(ingestion.values('formicary_http_request_seconds', { route: 'postTask', status: '201' })).toEqual([
    expect.any(Number),
  ]);
  for (const consumer of ['views', 'reactions', 'balance', 'decisions']) {
    expect(ingestion.values('formicary_feed_delay_seconds', { consumer })).toEqual([expect.any(Number)]);
    expect(ingestion.values('formicary_feed_parked_commits', { consumer })).toEqual([0]);
  }
  expect(ingestion.values('formicary_open_tasks')).toEqual([0]);
  expect(ingestion.values('formicary_task_events_total', { event: 'TaskDeadLettered' })).toEqual([]);

  const spans = ingestion.envelopes.filter(
    ({ tags, data: { baseType } }) => baseType !== 'MetricData' && tags['ai.operation.id'] === TRACE,
  );
  const parentOf = (name: string) =>
    spans.find(({ data }) => data.baseData.name === name)?.tags['ai.operation.parentId'];
  const idOf = (name: string) => spans.find(({ data }) => data.baseData.name === name)?.data.baseData.id;
  expect(parentOf('POST /v1/tasks')).toBe('b7ad6b7169203331');
  expect(idOf('POST /v1/tasks')).toMatch(/^[0-9a-f]{16}$/);
  expect(parentOf('transact task.post')).toBe(idOf('POST /v1/tasks'));
  expect(parentOf('react task')).toBe(idOf('transact task.post'));
  // What its caller does not record is not recorded here.
  expect(ingestion.envelopes.filter(({ tags }) => tags['ai.operation.id'] === UNRECORDED)).toEqual([]);
});

test('what alerts and workbook ask of a metric, it is sent with', async () => {
  const host = await start({ APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString(ingestion.port) });
  await work(host);
  await host.kill('SIGTERM');
  const queries = ['bicep/modules/watch.bicep', 'bicep/workbook.json'].flatMap(
    (path) =>
      readFileSync(resolve(__dirname, '../..', path), 'utf8')
        .replaceAll('\\"', '"')
        .match(/AppMetrics \| where Name == .*/g) ?? [],
  );
  const sent = ingestion.envelopes.flatMap(({ data: { baseData } }) =>
    (baseData.metrics ?? []).map(({ name }) => ({ name, labels: Object.keys(baseData.properties) })),
  );
  const asked = queries.map((query) => ({
    name: /Name == "(\w+)"/.exec(query)?.[1],
    labels: [...query.matchAll(/Properties\.(\w+)/g)].map(([, label]) => label as string),
  }));
  const arrived = asked.filter(({ name }) => sent.some((metric) => metric.name === name));
  expect(arrived.length).toBeGreaterThanOrEqual(6);
  for (const { name, labels } of arrived)
    for (const metric of sent.filter((other) => other.name === name))
      expect([name, metric.labels]).toEqual([name, expect.arrayContaining(labels)]);
});

test('with an identity, each request carries its token', async () => {
  const asked: string[] = [];
  const tokens = http.createServer((request, response) => {
    asked.push(`${request.url} ${String(request.headers['x-identity-header'])}`);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        access_token: 'of-the-identity',
        expires_on: Math.floor(Date.now() / 1_000) + 3_600,
        resource: 'https://monitor.azure.com',
        token_type: 'Bearer',
      }),
    );
  });
  tokens.listen(0, '127.0.0.1');
  await once(tokens, 'listening');
  const IDENTITY_ENDPOINT = `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`;
  const host = await start({
    APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString(ingestion.port),
    AZURE_CLIENT_ID: CLIENT,
    IDENTITY_ENDPOINT,
    IDENTITY_HEADER: 'secret',
  });
  await work(host);
  expect(await host.kill('SIGTERM')).toBe(0);
  tokens.closeAllConnections();
  tokens.close();
  expect(asked.length).toBeGreaterThan(0);
  for (const request of asked)
    expect(request).toMatch(new RegExp(`resource=https%3A%2F%2Fmonitor\\.azure\\.com.*client_id=${CLIENT}.* secret$`));
  expect([...ingestion.authorizations]).toEqual(['Bearer of-the-identity']);
  expect(ingestion.values('formicary_task_events_total', { event: 'TaskAwarded' })).toEqual([2]);
});

describe('an endpoint that', () => {
  test.each<[string, () => Promise<number>, string, boolean]>([
    ['is not there', freePort, 'ECONNREFUSED', true],
    ['refuses everything', async () => ((ingestion.status = 400), ingestion.port), 'has answered 400', false],
    ['does not let the app in', async () => ((ingestion.status = 403), ingestion.port), 'has answered 403', true],
    ['is overloaded', async () => ((ingestion.status = 503), ingestion.port), 'has answered 503', true],
  ])('%s disturbs nobody, and the log says so at most once a minute', async (_, port, reason, waits) => {
    const host = await start({ APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString(await port()) });
    await work(host);
    const began = performance.now();
    expect(await host.kill('SIGTERM')).toBe(0);
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(ingestion.envelopes).toEqual([]);
    const told = host
      .output()
      .split('\n')
      .filter((line) => line.includes('telemetry could not be sent'));
    expect(told).toEqual([expect.stringContaining(reason)]);
    // What another try may help waits on the disk.
    expect(readdirSync(folder, { recursive: true, encoding: 'utf8' }).some((name) => name.endsWith('.ai.json'))).toBe(
      waits,
    );
  });
});
