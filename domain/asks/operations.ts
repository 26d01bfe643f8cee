/**
 * The operations of the contract that words can reach: what each takes, how risky it is, and the command that it is
 * typed as. Grammar and model plan these and no others; a test holds each against the contract's schemas and the
 * command line.
 */
import { BUDGET_PERIODS, OWN_BUDGETED } from '../budgets/budget';
import { JOB_STATUSES, SCHEDULE_STATUSES } from '../jobs/statuses';
import { AGENT_STATUSES, TASK_STATUSES } from '../market/statuses';
import { ACTION_STATUSES, IMPACTS, ROUND_STATUSES } from '../oversight/statuses';
import { STOPPABLE } from '../stops/stop';
import type { KINDS } from './values';

/** A value that an operation takes. */
export interface Slot {
  readonly kind: keyof typeof KINDS;
  /** Where it goes: `params.id`, `query.status`, `body.reason`; without, it is the command's own. */
  readonly to?: string;
  /** The option that it is typed with; without one it stands behind the command, in the order of the slots. */
  readonly option?: string;
  readonly required?: true;
  /** Of a choice: what may be typed, and what the API calls it. */
  readonly choices?: Readonly<Record<string, string>>;
  /** Of a flag: what the API is sent for it. */
  readonly sends?: string;
  readonly says?: string;
}

export interface Operation {
  /** Its name in the contract, where several commands are of one operation. */
  readonly of?: string;
  /** The words of the command. */
  readonly command: string;
  readonly does: string;
  /** 0 (reads) to 1. */
  readonly risk: number;
  readonly slots: Readonly<Record<string, Slot>>;
  /** The body is typed as one argument, as JSON. */
  readonly json?: true;
  /** Fields of the request that the command looks up by itself. */
  readonly looksUp?: readonly string[];
}

const same = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, name]));
const oneOf = (to: string, names: readonly string[], option?: string): Slot => ({
  kind: 'choice',
  to,
  choices: same(names),
  ...(option === undefined ? {} : { option }),
});
const id = (to = 'params.id'): Slot => ({ kind: 'id', to, required: true });
const named = (option: string, to: string): Slot => ({ kind: 'id', option, to });
const because = (to = 'body.reason'): Slot => ({ kind: 'reason', option: '--reason', to });
const why = { kind: 'reason', option: '--reason', to: 'body.reason', required: true } as const;
const limit: Slot = { kind: 'rows', option: '--limit', to: 'query.limit', says: 'how many at most' };
const hits: Slot = { ...limit, kind: 'hits' };
/** The command lists page by page: no page has so many. */
const cut: Slot = { kind: 'rows', option: '--limit', says: 'how many at most' };
const all: Slot = { kind: 'flag', option: '--all', says: 'every one' };
const pausable: Slot = {
  kind: 'choice',
  to: 'params.kind',
  required: true,
  choices: { type: 'task_type', pool: 'pool' },
};
const stoppable: Slot = { ...oneOf('params.kind', STOPPABLE), required: true };
const budgeted: Slot = { ...oneOf('params.kind', OWN_BUDGETED), required: true };
const thing = id('params.name');

const reads = (
  command: string,
  does: string,
  slots: Readonly<Record<string, Slot>> = {},
  looksUp: readonly string[] = [],
): Operation => ({ command, does, risk: 0, slots, looksUp });

export const OPERATIONS = {
  // What there is.
  readStatus: reads('status', 'Show how the host is'),
  listAgents: reads('agents', 'List agents', {
    status: oneOf('query.status', AGENT_STATUSES, '--status'),
    pool: named('--pool', 'query.pool'),
    type: named('--type', 'query.agent_type'),
    capability: named('--capability', 'query.capability'),
    limit: cut,
    all,
  }),
  getAgent: reads('agents', 'Show an agent', { id: id() }),
  listTasks: reads('tasks', 'List tasks', {
    status: oneOf('query.status', TASK_STATUSES, '--status'),
    agent: named('--agent', 'query.agent'),
    type: named('--type', 'query.task_type'),
    stuck: { kind: 'seconds', option: '--stuck', to: 'query.stuck', says: 'that have waited so many seconds' },
    limit: cut,
    all,
  }),
  getTask: reads('tasks', 'Show a task', { id: id() }),
  listJobs: reads('job list', 'List jobs', {
    status: oneOf('query.status', JOB_STATUSES, '--status'),
    limit: cut,
    all,
  }),
  getJob: reads('job show', 'Show a job', { id: id() }),
  listJobTasks: reads('job show --tasks', 'Show a job with its tasks', { id: id() }),
  listSchedules: reads('schedule list', 'List schedules', {
    status: oneOf('query.status', SCHEDULE_STATUSES, '--status'),
    limit: cut,
    all,
  }),
  getSchedule: reads('schedule show', 'Show a schedule, and when it runs next', { id: id() }),
  listPools: reads('pools', 'Show how loaded the pools are'),
  readPoolHistory: reads('pools', 'Show the load of a pool over time', { pool: id('params.pool') }),
  listPauses: reads('paused', 'Show what is paused'),
  listStops: reads('stops', 'Show what is stopped'),
  listBudgets: reads('budgets', 'Show what work may cost, and has cost'),
  listReservations: reads('budgets --reservations', 'Show what is reserved, task by task'),
  readField: reads('signals', 'Show the strongest signals', {
    location: { kind: 'location', option: '--location', to: 'query.location' },
    type: { kind: 'signal', option: '--type', to: 'query.type' },
    minimum: { kind: 'share', option: '--minimum', to: 'query.minimum' },
    limit,
  }),
  listApprovals: reads('approvals', 'Show what waits for people', {
    severity: oneOf('query.severity', IMPACTS, '--severity'),
    limit: cut,
    all,
  }),
  getApproval: reads('approval', 'Show what is to be decided', { id: id('params.approval_id') }),
  listRounds: reads('rounds', 'List rounds of votes', {
    status: oneOf('query.status', ROUND_STATUSES, '--status'),
    limit: cut,
    all,
  }),
  getRound: reads('rounds', 'Show a round', { id: id('params.round_id') }),
  listActions: reads('actions', 'List actions at the gate', {
    status: oneOf('query.status', ACTION_STATUSES, '--status'),
    limit: cut,
    all,
  }),
  getAction: reads('actions', 'Show an action', { id: id('params.action_id') }),
  listReceipts: reads('audit', 'Show receipts: who did what', {
    category: { kind: 'category', option: '--category', to: 'query.category' },
    by: { kind: 'id', option: '--by' },
    event: { kind: 'id', option: '--event' },
    denied: { kind: 'choice', option: '--status', choices: same(['denied', 'failed']) },
    from: { kind: 'time', option: '--from' },
    limit: cut,
    all,
  }),
  readStream: reads(
    'audit',
    'Show the receipts of one thing',
    { resource: { kind: 'resource', option: '--resource', required: true }, limit: cut, all },
    ['params.category', 'params.id'],
  ),
  getPolicy: reads('policy', 'Show which rules judge every command'),
  getMe: reads('whoami', 'Show who calls, and what that lets them do'),
  listAgentTypes: reads('types', 'List types of agents', {
    department: { kind: 'field', option: '--department', to: 'query.department' },
    industry: { kind: 'field', option: '--industry', to: 'query.industry' },
    limit: cut,
  }),
  searchAgentTypes: reads('types', 'Search types of agents', {
    q: { kind: 'query', to: 'query.q', required: true },
    limit: hits,
  }),
  getAgentType: reads('types', 'Show a type of agent', {
    type: { kind: 'id', option: '--show', to: 'params.agent_type', required: true },
  }),
  searchTools: reads('tools', 'Find tools', { q: { kind: 'query', to: 'query.q' }, limit: hits }),
  getTool: reads('tools', 'Show a tool', {
    id: { kind: 'id', option: '--show', to: 'params.tool_id', required: true },
  }),
  getTenant: reads('tenant show', 'Show a tenant, and what it has of its limits', {
    name: { kind: 'tenant', to: 'params.name', required: true },
  }),
  listChannels: reads('channels', 'Show how people are reached'),
  listDeliveries: reads('deliveries', 'Show notices that were given up', {}, ['query.status']),
  listParked: reads('parked', 'Show what could not be handled', {}, ['params.consumer']),

  // Why it is so.
  why: reads('why', 'Tell what led there, and what followed', {
    id: { kind: 'reference', to: 'query.id', required: true },
  }),
  listCandidates: reads('candidates', 'Show who could do it, and what is in the way of each', { id: id() }),
  recomputeAward: reads('recompute', 'Compute an award again from its receipt', { id: id() }),
  recomputeRound: reads('tally', 'Count a round again from its receipts', { id: id('params.round_id') }),
  explainPolicy: reads('policy explain', 'Make the decision behind a receipt again', {
    receipt: { kind: 'receipt', to: 'query.receipt', required: true },
  }),

  // Work, and who does it.
  postTask: {
    command: 'post',
    does: 'Post a task',
    risk: 0.2,
    slots: {
      type: id('body.task_type'),
      id: named('--id', 'body.id'),
      priority: { kind: 'share', option: '--priority', to: 'body.priority' },
      urgency: { kind: 'share', option: '--urgency', to: 'body.urgency' },
      location: { kind: 'location', option: '--location', to: 'body.location' },
      about: { kind: 'about', option: '--payload', to: 'body.payload.about', says: 'what it is about, in words' },
      not_before: { kind: 'time', option: '--not-before', to: 'body.not_before' },
      deadline: { kind: 'time', option: '--deadline', to: 'body.deadline' },
    },
  },
  cancelTask: { command: 'cancel', does: 'Cancel a task', risk: 0.5, slots: { id: id(), reason: because() } },
  redriveTask: {
    command: 'redrive',
    does: 'Bring a dead or expired task back',
    risk: 0.3,
    slots: { id: id(), deadline: { kind: 'time', option: '--deadline', to: 'body.deadline' } },
  },
  postJob: {
    command: 'job post',
    does: 'Post tasks that come after each other',
    risk: 0.3,
    json: true,
    slots: {
      id: { kind: 'id', to: 'body.id' },
      tasks: { kind: 'chain', to: 'body.tasks', required: true },
    },
  },
  cancelJob: {
    command: 'job cancel',
    does: 'Cancel a job and all its tasks',
    risk: 0.6,
    slots: { id: id(), reason: because() },
  },
  createSchedule: {
    command: 'schedule create',
    does: 'Have a task posted again and again',
    risk: 0.4,
    json: true,
    slots: {
      id: { kind: 'id', to: 'body.id' },
      cron: { kind: 'cron', to: 'body.cron', required: true },
      zone: { kind: 'zone', to: 'body.time_zone' },
      type: { kind: 'id', to: 'body.task.task_type', required: true },
    },
  },
  pauseSchedule: {
    command: 'schedule pause',
    does: 'Have a schedule post nothing until it is resumed',
    risk: 0.3,
    slots: { id: id(), reason: because() },
  },
  resumeSchedule: { command: 'schedule resume', does: 'Have a schedule go on', risk: 0.3, slots: { id: id() } },
  deleteSchedule: { command: 'schedule delete', does: 'End a schedule for good', risk: 0.6, slots: { id: id() } },
  registerAgent: {
    command: 'register',
    does: 'Register an agent',
    risk: 0.2,
    slots: {
      type: { kind: 'id', option: '--type', to: 'body.agent_type', required: true },
      id: named('--id', 'body.id'),
      pool: named('--pool', 'body.pool'),
      capacity: { kind: 'capacity', option: '--capacity', to: 'body.capacity' },
      location: { kind: 'location', option: '--location', to: 'body.location' },
    },
  },
  deregisterAgent: {
    command: 'deregister',
    does: 'Take an agent off; its tasks go to others',
    risk: 0.5,
    slots: { id: id(), reason: because('query.reason') },
  },
  emitSignals: {
    command: 'signals emit',
    does: 'Emit a signal',
    risk: 0.3,
    slots: {
      type: { kind: 'signal', to: 'body.type', required: true },
      location: { kind: 'location', to: 'body.location', required: true },
      strength: { kind: 'share', to: 'body.strength', required: true },
    },
  },

  // What holds, and what it costs.
  pause: {
    command: 'pause',
    does: 'Pause it: it gets nothing new',
    risk: 0.5,
    slots: { kind: pausable, name: thing, reason: why },
  },
  drain: {
    of: 'pause',
    command: 'drain',
    does: 'Give it nothing new, until what it holds is done',
    risk: 0.5,
    slots: { kind: { ...oneOf('params.kind', ['agent', 'pool']), required: true }, name: thing, reason: why },
  },
  resume: {
    command: 'resume',
    does: 'End a pause',
    risk: 0.3,
    slots: { kind: { ...pausable, choices: { ...pausable.choices, agent: 'agent' } }, name: thing },
  },
  stop: {
    command: 'stop',
    does: 'Stop it at once',
    risk: 0.7,
    slots: {
      kind: stoppable,
      name: thing,
      quarantine: {
        kind: 'flag',
        option: '--quarantine',
        to: 'body.effect',
        sends: 'quarantine',
        says: 'lifted by a person only',
      },
      reason: why,
    },
  },
  liftStop: { command: 'lift', does: 'Lift a stop', risk: 0.8, slots: { kind: stoppable, name: thing, reason: why } },
  setBudget: {
    command: 'budget',
    does: 'Say what it may cost',
    risk: 0.6,
    slots: {
      kind: budgeted,
      name: thing,
      usd: { kind: 'usd', to: 'body.limit_micro_usd', required: true },
      per: oneOf('body.period', BUDGET_PERIODS, '--per'),
      reason: why,
    },
  },
  removeBudget: {
    command: 'unbudget',
    does: 'Take a budget away: it may cost anything again',
    risk: 0.7,
    slots: { kind: budgeted, name: thing, reason: why },
  },
  raiseReservation: {
    command: 'raise',
    does: 'Let a task cost more',
    risk: 0.5,
    slots: { task: id('params.task'), usd: { kind: 'usd', to: 'body.more_micro_usd', required: true }, reason: why },
  },

  // What people decide.
  approve: {
    command: 'approve',
    does: 'Approve an action',
    risk: 0.7,
    looksUp: ['body.hash'],
    slots: { id: id('params.approval_id'), hash: { kind: 'hash', option: '--hash' }, reason: why },
  },
  reject: {
    command: 'reject',
    does: 'Reject an action',
    risk: 0.5,
    looksUp: ['body.hash'],
    slots: { id: id('params.approval_id'), hash: { kind: 'hash', option: '--hash' }, reason: why },
  },
  askRequester: {
    command: 'ask-back',
    does: 'Ask whoever wants an approval',
    risk: 0.2,
    slots: { id: id('params.approval_id'), question: { kind: 'reason', to: 'body.question', required: true } },
  },
  vetoAction: {
    command: 'veto',
    does: 'Stop an action in its veto window',
    risk: 0.5,
    slots: { id: id('params.action_id'), reason: why },
  },
} as const satisfies Record<string, Operation>;

export type OperationId = keyof typeof OPERATIONS;
