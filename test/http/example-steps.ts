/** The examples of the contract as requests, and what has to be there for each. */
import { globSync } from 'node:fs';
import path from 'node:path';
import { derivedId } from '../../app/engine/new-id';
import type { Example, RouteSpec } from '../../contract/route';

const CONTRACTS = path.resolve(__dirname, '../../contract');

/** By name. */
export const routes: ReadonlyMap<string, RouteSpec> = new Map(
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
const BUDGETED: Steps = [
  'setBudget',
  'putAgent',
  ['postTask', { body: { estimated_cost_micro_usd: 1_000_000 } }],
  'acceptTask',
];
const THROUGH_GATEWAY: Steps = ['registerGatewayAgents', 'postTask'];
const COLLECTING: Steps = ['putAgent', ['postTask', { body: { bid_seconds: 3_600 } }]];
const BLOB: Step = ['postTask', { body: { payload: { lines: 'x'.repeat(40_000) } } }];
const OWN_TYPE: Step = ['defineAgentType', { params: { agent_type: 'finance.card_reconciliation' } }];
const LEDGER: Step = ['registerTool', { params: { tool_id: 'ledger' } }];
/** The server of MCP that examples name. */
export const MCP_URL = 'https://mcp.example.com/mcp';
/** Nobody has accepted it: a call only sees what it is. */
const REMOTE: Step = [
  'registerTool',
  { params: { tool_id: 'ledger' }, body: { mcp: { url: MCP_URL, tool: 'list_lines' } } },
];
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

/** Its name is not given again. */
const GONE = { params: { name: 'fabrikam' } };
const CLOSED: Steps = [
  ['createTenant', GONE],
  ['closeTenant', GONE],
  ['closeTenant', { ...GONE, as: 'human:bob' }],
];

const NAMED_SNAPSHOT: Step = ['takeSnapshot', { body: { name: 'before-the-upgrade' } }];

/** By route; nothing has to be there for those that are left out. */
export const BEFORE: Readonly<Record<string, Steps>> = {
  acceptTask: AWARDED,
  activatePolicy: SHADOWED,
  answerQuestion: ['proposeAction', 'askRequester'],
  approve: ['proposeAction'],
  askRequester: ['proposeAction'],
  callTool: [REMOTE],
  cancelJob: ['postJob'],
  cancelRound: ['openRound'],
  cancelTask: ['postTask'],
  changeObjective: ['putAgent'],
  castVote: ['openRound'],
  challenge: [COLLEAGUE, 'registerAgent', 'proposeAction'],
  claimApproval: ['proposeAction'],
  closeTenant: ['createTenant'],
  compensateAction: [...EXECUTED, 'overrideAction'],
  commandGatewayAgents: THROUGH_GATEWAY,
  completeTask: ACCEPTED,
  connectAgent: ['putAgent'],
  decideApprovals: ['proposeAction'],
  declineTask: AWARDED,
  deleteSchedule: ['createSchedule'],
  deprecateTool: [LEDGER],
  deregisterAgent: [COLLEAGUE],
  listErasures: ['eraseSubject'],
  diffPolicy: ['stagePolicy'],
  eraseTenant: CLOSED,
  executeAction: ['proposeAction', 'approve'],
  explainPolicy: ['postTask'],
  failTask: ACCEPTED,
  getAction: ['proposeAction'],
  getAgent: ['putAgent'],
  getApproval: ['proposeAction'],
  getChannel: ['putChannel'],
  getJob: ['postJob'],
  getOversight: ['setOversight'],
  getRound: ['openRound'],
  getSchedule: ['createSchedule'],
  getTask: ['postTask'],
  getTaskBlob: [BLOB],
  getTool: [LEDGER],
  getToolCall: [REMOTE, ['callTool', { body: { id: 'call-4711' } }]],
  giveCorrection: ['postTask'],
  handOffTask: [...ACCEPTED, COLLEAGUE],
  heartbeatAgent: ACCEPTED,
  heartbeatTask: ACCEPTED,
  getTenant: ['createTenant'],
  limitTenant: ['createTenant'],
  listSnapshots: ['takeSnapshot'],
  listTenants: ['createTenant'],
  listActions: ['proposeAction'],
  listAgents: ['putAgent'],
  listApprovals: ['proposeAction'],
  listCandidates: AWARDED,
  listChannels: ['putChannel'],
  listCheckpoints: ['postTask', 'makeCheckpoint'],
  listCorrections: ['postTask', 'giveCorrection'],
  listJobs: ['postJob'],
  listJobTasks: ['postJob'],
  listDeliveries: UNDELIVERED,
  listLogEntries: ['postTask', 'makeCheckpoint'],
  listOversight: ['setOversight'],
  listBudgets: ['setBudget'],
  listPauses: ['pause'],
  listReservations: BUDGETED,
  listStops: ['stop'],
  listPools: ['putAgent'],
  listReceipts: ['postTask'],
  listRounds: ['openRound'],
  listSchedules: ['createSchedule'],
  listTasks: ['postTask'],
  makeCheckpoint: ['postTask'],
  overrideAction: ['proposeAction'],
  overrideRound: DECIDED,
  pauseSchedule: ['createSchedule'],
  pinTool: [REMOTE, 'callTool'],
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
  raiseReservation: BUDGETED,
  restoreSnapshot: [NAMED_SNAPSHOT],
  resume: ['pause'],
  rollBackPolicy: [...SHADOWED, 'activatePolicy'],
  liftStop: ['stop'],
  removeBudget: ['setBudget'],
  resumeSchedule: ['createSchedule'],
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
/** What an example says of the tenant `default` and of an id that is made from its name, said of another tenant. */
export function renamed<T>(tenant: string, value: T): T {
  const approval = (of: string) => derivedId(of, 'approval', `${of}/action/refund-4711`);
  const text = JSON.stringify(value)
    .replaceAll(approval('default'), approval(tenant))
    .replaceAll(/default(\/|%2F)/g, `${tenant}$1`);
  return JSON.parse(text) as T;
}

export function pathOf({ path }: RouteSpec, { params = {}, query = {} }: Example): string {
  const filled = path.replaceAll(/\{\*?(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const search = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
  );
  return search.size === 0 ? filled : `${filled}?${search.toString()}`;
}

/** An object with changes at any depth. */
export function merged<T>(value: T, changes: unknown): T {
  if (!isPlain(value) || !isPlain(changes)) return changes as T;
  const changed = Object.entries(changes).map(([name, change]) => [name, merged(value[name], change)]);
  return { ...value, ...Object.fromEntries(changed) } as T;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
