/**
 * Every example of the contract works: its request is made, in a tenant of its own where what it names is there, and
 * the answer has the documented form and nothing beside it.
 */
import { globSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DATABASE_FILE } from '../../adapters/embedded/database';
import { derivedId } from '../../app/engine/new-id';
import type { Example, RouteSpec } from '../../contract/route';
import { bundleWith, nameOf } from '../policy/bundles';
import { eventually } from '../support/eventually';
import { PROFILE, startTestHost, type TestHost } from '../support/host';
import { type Check, type Document, documented } from './documented';
import { call, items, type Reply, settled } from './support';

const CONTRACTS = path.resolve(__dirname, '../../contract');

/** By name. */
const routes: ReadonlyMap<string, RouteSpec> = new Map(
  globSync('*/*.ts', { cwd: CONTRACTS })
    .flatMap((file) => Object.values(jest.requireActual<Record<string, unknown>>(path.join(CONTRACTS, file))))
    .flatMap((table) => (typeof table === 'object' && table !== null ? Object.values(table) : []))
    .filter(isRoute)
    .map((spec) => [spec.name, spec]),
);

function isRoute(value: unknown): value is RouteSpec {
  return typeof value === 'object' && value !== null && 'answers' in value && 'example' in value;
}

/** What has to be there: the example of another route, as it is or with something else in it. */
type Step = string | readonly [route: string, changes: Example];
type Steps = readonly Step[];

/** Somebody else, who can do what `recon-7` can. */
const COLLEAGUE: Step = ['putAgent', { as: 'recon-8', params: { id: 'recon-8' } }];
const AWARDED: Steps = ['putAgent', 'postTask'];
const ACCEPTED: Steps = [...AWARDED, 'acceptTask'];
const THROUGH_GATEWAY: Steps = ['registerGatewayAgents', 'postTask'];
const COLLECTING: Steps = ['putAgent', ['postTask', { body: { bid_seconds: 3_600 } }]];
const BLOB: Step = ['postTask', { body: { payload: { lines: 'x'.repeat(40_000) } } }];
const OWN_TYPE: Step = ['defineAgentType', { params: { agent_type: 'finance.card_reconciliation' } }];
const LEDGER: Step = ['registerTool', { params: { tool_id: 'ledger' } }];
const EXECUTED: Steps = ['proposeAction', 'approve', 'executeAction'];
const DECIDED: Steps = ['openRound', 'castVote', ['castVote', { as: 'recon-8' }]];
const EARLIER = { params: { action_id: 'refund-4710' } };
/** What is like nothing that was done before waits for more than a veto. */
const VETO_WINDOW: Steps = [
  ['proposeAction', { body: { id: EARLIER.params.action_id } }],
  ['overrideAction', { ...EARLIER, body: { instead: 'allow' } }],
  ['executeAction', EARLIER],
  ['setOversight', { body: { rules: { mode: 'human_on_the_loop', veto_seconds: 3_600, thresholds: { novelty: 1 } } } }],
  'proposeAction',
];
/** No mail server is configured here. */
const UNDELIVERED: Steps = ['putChannel', 'proposeAction'];

/** In the tenant that rolls policy out. */
const SHADOWED: Steps = [
  ['stagePolicy', { as: 'human:bob' }],
  ['shadowPolicy', { as: 'human:bob' }],
];

/** By route; nothing has to be there for those that are left out. */
const BEFORE: Readonly<Record<string, Steps>> = {
  acceptTask: AWARDED,
  activatePolicy: SHADOWED,
  answerQuestion: ['proposeAction', 'askRequester'],
  approve: ['proposeAction'],
  askRequester: ['proposeAction'],
  cancelRound: ['openRound'],
  cancelTask: ['postTask'],
  changeObjective: ['putAgent'],
  castVote: ['openRound'],
  challenge: [COLLEAGUE, 'registerAgent', 'proposeAction'],
  claimApproval: ['proposeAction'],
  compensateAction: [...EXECUTED, 'overrideAction'],
  commandGatewayAgents: THROUGH_GATEWAY,
  completeTask: ACCEPTED,
  decideApprovals: ['proposeAction'],
  declineTask: AWARDED,
  deprecateTool: [LEDGER],
  deregisterAgent: [COLLEAGUE],
  diffPolicy: ['stagePolicy'],
  executeAction: ['proposeAction', 'approve'],
  explainPolicy: ['postTask'],
  failTask: ACCEPTED,
  getAction: ['proposeAction'],
  getAgent: ['putAgent'],
  getApproval: ['proposeAction'],
  getChannel: ['putChannel'],
  getOversight: ['setOversight'],
  getRound: ['openRound'],
  getTask: ['postTask'],
  getTaskBlob: [BLOB],
  getTool: [LEDGER],
  giveCorrection: ['postTask'],
  handOffTask: [...ACCEPTED, COLLEAGUE],
  heartbeatAgent: ACCEPTED,
  heartbeatTask: ACCEPTED,
  listActions: ['proposeAction'],
  listAgents: ['putAgent'],
  listApprovals: ['proposeAction'],
  listCandidates: AWARDED,
  listChannels: ['putChannel'],
  listCheckpoints: ['postTask', 'makeCheckpoint'],
  listCorrections: ['postTask', 'giveCorrection'],
  listDeliveries: UNDELIVERED,
  listLogEntries: ['postTask', 'makeCheckpoint'],
  listOversight: ['setOversight'],
  listPauses: ['pause'],
  listStops: ['stop'],
  listPools: ['putAgent'],
  listReceipts: ['postTask'],
  listRounds: ['openRound'],
  listTasks: ['postTask'],
  makeCheckpoint: ['postTask'],
  overrideAction: ['proposeAction'],
  overrideRound: DECIDED,
  placeBid: COLLECTING,
  progressTask: ACCEPTED,
  proveReceipt: ['postTask', 'makeCheckpoint'],
  readDecisionMetrics: EXECUTED,
  readField: ['emitSignals'],
  readGatewayInbox: THROUGH_GATEWAY,
  readInbox: ACCEPTED,
  readPolicyShadow: SHADOWED,
  readPoolHistory: ['putAgent'],
  readStatus: ['postTask'],
  readStream: ['postTask'],
  readTrail: ['emitSignals'],
  recomputeAward: AWARDED,
  recomputeRound: DECIDED,
  redriveDelivery: UNDELIVERED,
  redriveTask: [...ACCEPTED, ['failTask', { body: { retryable: false } }]],
  reject: ['proposeAction'],
  releaseApproval: ['proposeAction', 'claimApproval'],
  releaseTask: ACCEPTED,
  removeChannel: ['putChannel'],
  reorganisePool: [COLLEAGUE],
  resume: ['pause'],
  rollBackPolicy: [...SHADOWED, 'activatePolicy'],
  liftStop: ['stop'],
  reviseAgentType: [OWN_TYPE],
  searchTools: ['registerTool'],
  shadowPolicy: ['stagePolicy'],
  vetoAction: VETO_WINDOW,
  why: ['postTask'],
  withdrawAgentType: [OWN_TYPE],
  withdrawApproval: ['proposeAction'],
  withdrawBid: [...COLLECTING, 'placeBid'],
  withdrawPolicy: ['stagePolicy'],
};
/** Of a pool there is no history before ten seconds are over. */
const LISTS_NOTHING: ReadonlySet<string> = new Set(['readPoolHistory']);
/** On Azure a queue holds it, into which nobody but its consumer can put something. */
const PARKED: ReadonlySet<string> = new Set(['listParked', 'redriveParked']);

let host: TestHost;
let document: Document;
let check: Check;

beforeAll(async () => {
  host = await startTestHost();
  document = (await call(host, '/openapi.json')).body as Document;
  check = documented(document);
});
afterAll(() => host.stop());

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
  const { as, body } = example;
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

function mapped<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Readonly<Record<string, U>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}

/** What an example says of the tenant `default` and of an id that is made from its name, said of another tenant. */
function renamed<T>(tenant: string, value: T): T {
  const approval = (of: string) => derivedId(of, 'approval', `${of}/action/refund-4711`);
  const text = JSON.stringify(value)
    .replaceAll(approval('default'), approval(tenant))
    .replaceAll(/default(\/|%2F)/g, `${tenant}$1`);
  return JSON.parse(text) as T;
}

function pathOf({ path }: RouteSpec, { params = {}, query = {} }: Example): string {
  const filled = path.replaceAll(/\{\*?(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return search.size === 0 ? filled : `${filled}?${search.toString()}`;
}

/** An object with changes at any depth. */
function merged<T>(value: T, changes: unknown): T {
  if (!isPlain(value) || !isPlain(changes)) return changes as T;
  const changed = Object.entries(changes).map(([name, change]) => [name, merged(value[name], change)]);
  return { ...value, ...Object.fromEntries(changed) } as T;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
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
