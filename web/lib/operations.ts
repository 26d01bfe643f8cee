/** Where the operations of a plan are in the API, and what is sent there. */
import type { OperationId } from '../../domain/asks/operations';
import type { Request, Step } from '../../domain/asks/plan';

interface Reached {
  /** As `call` takes it. */
  readonly route: `${'GET' | 'POST' | 'PUT' | 'DELETE'} /v1/${string}`;
  /** It answers so many rows as it is asked for. */
  readonly pages?: true;
}

/** By the names of the contract. Undefined: the command puts it together out of many answers, in a terminal. */
export const REACHED: Readonly<Record<Exclude<OperationId, 'drain'>, Reached | undefined>> = {
  readStatus: { route: 'GET /v1/status' },
  listAgents: { route: 'GET /v1/agents', pages: true },
  getAgent: { route: 'GET /v1/agents/{id}' },
  listTasks: { route: 'GET /v1/tasks', pages: true },
  getTask: { route: 'GET /v1/tasks/{id}' },
  listJobs: { route: 'GET /v1/jobs', pages: true },
  getJob: { route: 'GET /v1/jobs/{id}' },
  listJobTasks: { route: 'GET /v1/jobs/{id}/tasks', pages: true },
  listSchedules: { route: 'GET /v1/schedules', pages: true },
  getSchedule: { route: 'GET /v1/schedules/{id}' },
  listPools: { route: 'GET /v1/pools' },
  readPoolHistory: { route: 'GET /v1/pools/{pool}/history' },
  listPauses: { route: 'GET /v1/pauses' },
  listStops: { route: 'GET /v1/stops' },
  listBudgets: { route: 'GET /v1/budgets' },
  listReservations: { route: 'GET /v1/budgets/reservations' },
  readField: { route: 'GET /v1/signals' },
  listApprovals: { route: 'GET /v1/approvals', pages: true },
  getApproval: { route: 'GET /v1/approvals/{approval_id}' },
  listRounds: { route: 'GET /v1/rounds', pages: true },
  getRound: { route: 'GET /v1/rounds/{round_id}' },
  listActions: { route: 'GET /v1/actions', pages: true },
  getAction: { route: 'GET /v1/actions/{action_id}' },
  listReceipts: undefined,
  readStream: { route: 'GET /v1/streams/{category}/{id}', pages: true },
  getPolicy: { route: 'GET /v1/policy' },
  getMe: { route: 'GET /v1/me' },
  listAgentTypes: { route: 'GET /v1/agents/repository' },
  searchAgentTypes: { route: 'GET /v1/agents/repository/search' },
  getAgentType: { route: 'GET /v1/agents/repository/{agent_type}' },
  searchTools: { route: 'GET /v1/tools' },
  getTool: { route: 'GET /v1/tools/{tool_id}' },
  getTenant: { route: 'GET /v1/tenants/{name}' },
  listChannels: { route: 'GET /v1/channels' },
  listDeliveries: { route: 'GET /v1/deliveries' },
  listParked: undefined,
  why: { route: 'GET /v1/why' },
  listCandidates: { route: 'GET /v1/tasks/{id}/candidates' },
  recomputeAward: { route: 'GET /v1/tasks/{id}/recompute' },
  recomputeRound: { route: 'GET /v1/rounds/{round_id}/tally' },
  explainPolicy: { route: 'GET /v1/policy/explain' },
  postTask: { route: 'POST /v1/tasks' },
  cancelTask: { route: 'POST /v1/tasks/{id}/cancel' },
  redriveTask: { route: 'POST /v1/tasks/{id}/redrive' },
  postJob: { route: 'POST /v1/jobs' },
  cancelJob: { route: 'POST /v1/jobs/{id}/cancel' },
  createSchedule: { route: 'POST /v1/schedules' },
  pauseSchedule: { route: 'POST /v1/schedules/{id}/pause' },
  resumeSchedule: { route: 'POST /v1/schedules/{id}/resume' },
  deleteSchedule: { route: 'DELETE /v1/schedules/{id}' },
  registerAgent: { route: 'POST /v1/agents' },
  deregisterAgent: { route: 'DELETE /v1/agents/{id}' },
  emitSignals: { route: 'POST /v1/signals' },
  pause: { route: 'PUT /v1/pauses/{kind}/{name}' },
  resume: { route: 'DELETE /v1/pauses/{kind}/{name}' },
  stop: { route: 'PUT /v1/stops/{kind}/{name}' },
  liftStop: { route: 'POST /v1/stops/{kind}/{name}/lift' },
  setBudget: { route: 'PUT /v1/budgets/{kind}/{name}' },
  removeBudget: { route: 'POST /v1/budgets/{kind}/{name}/remove' },
  raiseReservation: { route: 'POST /v1/budgets/reservations/{task}/raise' },
  approve: { route: 'POST /v1/approvals/{approval_id}/approve' },
  reject: { route: 'POST /v1/approvals/{approval_id}/reject' },
  askRequester: { route: 'POST /v1/approvals/{approval_id}/ask' },
  vetoAction: { route: 'POST /v1/actions/{action_id}/veto' },
};

export function reachedBy({ operation }: Step): Reached | undefined {
  return REACHED[operation as keyof typeof REACHED];
}

/** Most rows of a list that are shown; the pane has them all. */
export const MOST_ROWS = 200;

/** How many rows of its list a step shows. */
export function rowsOf({ own }: Step): number {
  return Math.min(MOST_ROWS, (own?.['limit'] as number | undefined) ?? MOST_ROWS);
}

/** What is sent for a step: with what its command adds to the plan. */
export function sentFor(step: Step): Request {
  const { operation, request, own } = step;
  const [category = '', id = ''] = ((own?.['resource'] ?? '') as string).split('/');
  const params = operation === 'readStream' ? { category, id } : request.params;
  const query = {
    ...request.query,
    ...(reachedBy(step)?.pages === true && { limit: rowsOf(step) }),
    ...(operation === 'listDeliveries' && { status: 'dead' }),
  };
  return { params, query, body: request.body };
}
